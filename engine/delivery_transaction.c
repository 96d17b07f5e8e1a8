/* SPDX-License-Identifier: MIT
 *
 * delivery_transaction.c - what goes over a connection that is ready: the form that the message has there, and the
 * recipients of each transaction.
 */
#include "engine/delivery_internal.h"
#include "engine/utf8_address.h"
#include "lib/base/base_internal.h"

enum { BY_MOST = 999999999 /* RFC 2852 4: nine digits */ };

/* ---- the form -------------------------------------------------------------------------------- */

static bool offers(const struct hk_delivery *d, unsigned extensions)
{
	return (hk_smtpc_offered(d->client) & extensions) == extensions;
}

/* Any change would break what they vouch for (RFC 6376 5.3, RFC 8617 5.1, RFC 1847 2.1). Our own signatures are not there
 * yet: they are made of what goes out. */
static bool is_signed(const struct hk_header *h)
{
	size_t type = hk_header_find(h, HK_S("Content-Type"), 0);

	if (hk_header_count(h, HK_S("DKIM-Signature")) || hk_header_count(h, HK_S("ARC-Seal")))
		return true;
	return type < h->n &&
	       hk_slice_starts_nocase(hk_slice_trim(h->field[type].value), HK_S("multipart/signed"));
}

static void refuse(struct hk_delivery *d, const char *needs)
{
	delivery_settle_all(d, HK_RCPT_FAILED, 554, "5.6.3",
	    "The message needs %s, which the next hop does not offer, and cannot be converted (RFC 6152 3)", needs);
}

/* RFC 6152 3, RFC 3030 3: what the hop cannot take is converted, or comes back. False when that was the end of it. */
static bool choose_form(struct hk_delivery *d, enum form *ret)
{
	bool is_binary = d->mail.params.body == HK_BODY_BINARYMIME;
	bool is_too_much = is_binary ? !offers(d, HK_EXT(BINARYMIME) | HK_EXT(CHUNKING))
	                             : (d->mail.flags & HK_MAIL_8BIT) && !offers(d, HK_EXT(8BITMIME));
	enum hk_status status = HK_SYNTAX;

	*ret = FORM_AS_IT_CAME;
	if (!is_too_much)
		return hk_render_convert(&d->render, false) == HK_OK;
	if (!is_signed(&d->render.original))
		status = hk_render_convert(&d->render, true);
	if (status == HK_OK) {
		*ret = FORM_7BIT;
		return true;
	}
	if (status != HK_SYNTAX && status != HK_LIMIT) {
		delivery_settle_all(d, HK_RCPT_PENDING, 451, "4.3.0", "The message cannot be read: %s",
		    hk_status_text(status));
		return false;
	}
	if (is_binary)
		refuse(d, "BINARYMIME");
	else if (d->env.job->route->unconvertible == HK_UNCONVERTIBLE_BOUNCE)
		refuse(d, "8BITMIME");
	else
		/* Deliberate: RFC 6152 3 leaves a conversion or a bounce. Servers of today take the bytes, and
		 * a message that keeps its signatures is worth more than one that was not sent. */
		return hk_render_convert(&d->render, false) == HK_OK;
	return false;
}

/* ---- SMTPUTF8 -------------------------------------------------------------------------------- */

/* RFC 6531 3.2: a client that said SMTPUTF8 may not have needed it. Whether the message itself does; the recipients are
 * looked at one by one. */
static bool message_needs_utf8(struct hk_delivery *d)
{
	bool is_wide = true;

	if (!hk_slice_is_ascii(d->mail.mail_from) || !hk_slice_is_ascii(hk_buf_slice(&d->render.head)))
		return true;
	if ((d->mail.flags & HK_MAIL_8BIT) == 0)
		return false;
	return hk_render_has_wide_part(&d->render, &is_wide) != HK_OK || is_wide;
}

/* Those whom only SMTPUTF8 reaches fail; false when nobody is left, or nobody can be reached without. */
static bool drop_utf8(struct hk_delivery *d)
{
	struct reason why;
	size_t i;

	if (message_needs_utf8(d))
		return false;
	reason_set(&why, 550, "5.6.7", d->remote,
	    HK_S("The address needs SMTPUTF8, which the next hop does not offer (RFC 6531 3.2)"));
	why.remote[0] = 0; /* nobody else said it */
	for (i = 0; i < d->n_targets; i++)
		if (!d->is_settled[i] && !hk_slice_is_ascii(d->target[i]))
			delivery_settle(d, i, HK_RCPT_FAILED, &why);
	return true;
}

/* ---- transactions ---------------------------------------------------------------------------- */

static void all_done(struct hk_delivery *d)
{
	if (link_can_stay(d)) {
		d->is_kept = true;
		d->is_connected = false; /* not ours any more */
	} else {
		hk_smtpc_quit(d->client); /* its 221 is not waited for: nothing hangs on it */
	}
	delivery_over(d);
}

static struct hk_slice domain_of(struct hk_slice address)
{
	return hk_slice_from(address, hk_slice_rfind(address, '@') + 1);
}

static bool is_new_domain(const struct hk_delivery *d, size_t target)
{
	struct hk_slice domain = domain_of(d->target[target]);
	size_t i;

	for (i = 0; i < d->n_batch; i++)
		if (hk_slice_eq_nocase(domain_of(d->target[d->batch[i]]), domain))
			return false;
	return true;
}

/* The next transaction's recipients: those without a result, as many as fit, of no more domains than the server takes
 * (RFC 9422 4). */
static size_t gather_batch(
    struct hk_delivery *d, struct hk_slice *rcpt, struct hk_smtp_rcpt_params *params)
{
	struct hk_smtpc_limits limits = hk_smtpc_limits(d->client);
	size_t i, domains = 0, most = d->batch_most;

	if (limits.rcptmax && limits.rcptmax < most)
		most = limits.rcptmax;
	d->n_batch = 0;
	for (i = 0; i < d->n_targets && d->n_batch < most; i++) {
		bool is_new;

		if (d->is_settled[i])
			continue;
		is_new = is_new_domain(d, i);
		if (is_new && limits.rcptdomainmax && domains == limits.rcptdomainmax)
			continue;
		domains += is_new;
		rcpt[d->n_batch] = d->target[i];
		params[d->n_batch] = delivery_params(d, i);
		d->batch[d->n_batch++] = i;
	}
	return d->n_batch;
}

/* ---- DELIVERBY ---------------------------------------------------------------------------------- */

/* By the clock that does not jump. */
int64_t delivery_by_left(const struct hk_delivery *d)
{
	return d->mail.params.by_seconds - ((int64_t)d->now.mono_ms - d->env.job->born_ms) / 1000;
}

/* LMTP is the last hop: who answers there has delivered. */
static bool is_relayed(const struct hk_delivery *d)
{
	const struct hk_conf_route *route = d->env.job->route;

	return d->mail.params.has_by && !d->is_junk && route && (route->via == HK_VIA_MX || route->via == HK_VIA_SMTP);
}

bool delivery_wants_by(const struct hk_delivery *d)
{
	return is_relayed(d) && d->mail.params.by_return;
}

bool delivery_is_traced(const struct hk_delivery *d)
{
	return is_relayed(d) && d->client && (d->mail.params.by_trace || !offers(d, HK_EXT(DELIVERBY)));
}

static struct hk_smtp_mail_params mail_params(const struct hk_delivery *d)
{
	struct hk_smtp_mail_params p = d->mail.params;
	int64_t left = delivery_by_left(d);

	p.require_tls = policy_says_requiretls(d);
	p.by_seconds = (int32_t)(left < -BY_MOST ? -BY_MOST : left > BY_MOST ? BY_MOST : left);
	p.has_size = true;
	p.size = hk_render_size(&d->render);
	if (d->form == FORM_7BIT)
		p.body = HK_BODY_7BIT;
	else if (p.body == HK_BODY_7BIT && (d->mail.flags & HK_MAIL_8BIT))
		p.body = HK_BODY_8BITMIME;
	return p;
}

/* An address that cannot be put into a command: alone it fails, among others they go one by one to find it. */
static void bad_address(struct hk_delivery *d)
{
	struct reason why;

	if (d->n_batch == 1) {
		reason_set(&why, 553, "5.1.3", "",
		    HK_S("The address cannot be sent in SMTP (RFC 5321 4.1.2)"));
		delivery_settle(d, d->batch[0], HK_RCPT_FAILED, &why);
	}
	d->batch_most = 1;
}

/* The transaction that broke off, or the next one. */
static size_t gather(struct hk_delivery *d, struct hk_smtpc_transaction *t, struct hk_slice *rcpt, struct hk_smtp_rcpt_params *params)
{
	t->resumes = d->resume.is_open && offers(d, HK_EXT(CHECKPOINT));
	if (t->resumes) {
		t->transid = hk_slice_str(d->resume.transid);
		return resume_gather(d, rcpt, params);
	}
	resume_over(d);
	t->transid = resume_name(d);
	return gather_batch(d, rcpt, params);
}

static void start(struct hk_delivery *d)
{
	struct hk_slice rcpt[PER_MESSAGE];
	struct hk_smtp_rcpt_params params[PER_MESSAGE];
	struct hk_smtpc_transaction t = {.size = sizeof t,
	    .mail_from = d->mail.mail_from,
	    .rcpt = rcpt,
	    .rcpt_params = params,
	    .mail = mail_params(d),
	};
	enum hk_status status = HK_SYNTAX;

	d->talk_began = d->now.mono_ms;
	if (delivery_wants_by(d) && delivery_by_left(d) <= 0) {
		/* RFC 2852 4.1 */
		delivery_settle_all(d, HK_RCPT_FAILED, 550, "5.4.7", "The time that the sender gave has passed");
		return;
	}
	if (t.mail.smtputf8 && !offers(d, HK_EXT(SMTPUTF8)) && drop_utf8(d))
		t.mail.smtputf8 = false;
	while (status == HK_SYNTAX && (t.n = gather(d, &t, rcpt, params)) > 0) {
		status = hk_smtpc_start(d->client, &t);
		if (status == HK_SYNTAX)
			bad_address(d);
	}
	d->n_transactions += status == HK_OK;
	if (!t.n)
		all_done(d);
	else if (status == HK_LIMIT && d->n_transactions)
		talk_again(d); /* MAILMAX, or RCPTDOMAINMAX: another connection begins at nothing */
	else if (status != HK_OK)
		delivery_settle_all(d, HK_RCPT_PENDING, 451, "4.3.0",
		    "The transaction cannot begin: %s", hk_status_text(status));
}

void talk_rendered(struct hk_delivery *d)
{
	d->is_rendered = true;
	d->progress = d->now.mono_ms;
	delivery_wait(d, STEP_TALK, 0);
	start(d);
}

void transaction_ready(struct hk_delivery *d)
{
	enum form form = d->form;

	/* hosts differ in what they offer; the signatures are of what goes out */
	if (!d->n_transactions && !choose_form(d, &form))
		return;
	if (d->is_rendered && form == d->form) {
		start(d);
		return;
	}
	resume_over(d); /* the octets will be others */
	d->form = form;
	d->is_rendered = false;
	sign_begin(d);
}
