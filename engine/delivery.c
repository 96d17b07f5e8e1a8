/* SPDX-License-Identifier: MIT
 *
 * delivery.c - the public calls of an attempt: wants, results, time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/delivery_internal.h"
#include "engine/utf8_address.h"
#include "lib/base/base_internal.h"

const struct hk_conf *delivery_conf(const struct hk_delivery *d)
{
	return d->env.job->conf;
}

struct hk_delivery *hk_delivery_new(const struct hk_delivery_env *env, const struct hk_now *now)
{
	struct hk_delivery *d = calloc(1, sizeof *d);

	if (!d)
		return NULL;
	d->env = *env;
	d->now = *now;
	d->deadline = UINT64_MAX;
	d->batch_most = PER_MESSAGE;
	hk_arena_init(&d->arena, DELIVERY_ARENA);
	hk_arena_init(&d->mail.arena, DELIVERY_ARENA);
	d->render.file = -1;
	hk_buf_init(&d->fields, FIELDS_MAX);
	hk_mail_id_format(env->job->id, d->id_text);
	d->is_connected = env->link && env->link->client; /* whatever becomes of the message, it is closed */
	return d;
}

void hk_delivery_free(struct hk_delivery *d)
{
	if (!d)
		return;
	sign_free(d);
	hk_render_done(&d->render);
	hk_smtpc_free(d->client);
	hk_arena_done(&d->mail.arena);
	hk_arena_done(&d->arena);
	free(d);
}

/* ---- results ---- */

void reason_set(
    struct reason *r, unsigned code, const char *enhanced, const char *remote, struct hk_slice text)
{
	size_t i;

	*r = (struct reason){.code = (uint16_t)code};
	snprintf(r->enhanced, sizeof r->enhanced, "%s", enhanced);
	snprintf(r->remote, sizeof r->remote, "%s", remote);
	text = hk_utf8_cut(text, sizeof r->text - 1);
	for (i = 0; i < text.n; i++) /* the lines of a reply, one behind the other */
		r->text[i] = text.p[i] && text.p[i] != '\n' ? (char)text.p[i] : ' ';
}

/* Who tells the sender that it went well (RFC 3461 5.2, 5.3). Nobody tells him of the junk address. */
static enum hk_handing handing_of(const struct hk_delivery *d)
{
	enum hk_via via = d->env.job->route ? d->env.job->route->via : HK_VIA_MX;

	if (d->is_junk)
		return HK_HANDED_ON;
	if (via == HK_VIA_MAILDIR)
		return HK_HANDED_FINAL;
	if (delivery_is_traced(d))
		return HK_HANDED_TRACED;
	if (d->client && (hk_smtpc_offered(d->client) & HK_EXT(DSN)))
		return HK_HANDED_ON;
	return via == HK_VIA_LMTP ? HK_HANDED_FINAL : HK_HANDED_RELAYED;
}

static void store_result(
    struct hk_delivery *d, size_t i, enum hk_rcpt_outcome outcome, const struct reason *why)
{
	static const char *const names[] = {"deferred", "delivered", "failed", "removed"};
	struct hk_rcpt_result *r = &d->env.job->result[i];

	*r = (struct hk_rcpt_result){
	    .rcpt = d->env.job->rcpt[i], .outcome = outcome, .handing = handing_of(d), .code = why->code};
	memcpy(r->enhanced, why->enhanced, sizeof r->enhanced);
	memcpy(r->text, why->text, sizeof r->text);
	memcpy(r->remote, why->remote, sizeof r->remote);
	r->is_ours = why->is_ours;
	hk_logf(d->env.log, HK_LOG_INFO,
	    "qid=%s ev=delivery rcpt=%s outcome=%s attempt=%u code=%u status=%s remote=%s text=%s delay=%llu",
	    d->id_text,
	    hk_log_value(r->rcpt < d->mail.n_rcpt ? d->mail.rcpt[r->rcpt].address : HK_S("?")).text,
	    names[outcome], d->env.job->attempt, why->code,
	    why->enhanced[0] ? why->enhanced : "none", hk_log_value(hk_slice_str(why->remote)).text,
	    hk_log_value(hk_slice_str(why->text)).text,
	    d->now.utc > d->mail.received ? (unsigned long long)(d->now.utc - d->mail.received) : 0ULL);
}

void delivery_settle(
    struct hk_delivery *d, size_t target, enum hk_rcpt_outcome outcome, const struct reason *why)
{
	size_t i;

	if (d->is_settled[target])
		return;
	d->is_settled[target] = true;
	if (!d->is_junk)
		store_result(d, target, outcome, why);
	for (i = 0; d->is_junk && i < d->env.job->n_rcpt; i++)
		store_result(d, i, outcome, why);
}

bool delivery_is_settled(const struct hk_delivery *d)
{
	size_t i;

	for (i = 0; i < d->n_targets; i++)
		if (!d->is_settled[i])
			return false;
	return true;
}

/* What this attempt says of the hop, for the next message. */
static enum hk_hop_news news_of(const struct hk_delivery *d)
{
	if (d->has_talked)
		return HK_HOP_TALKED;
	if (d->is_mx_unknown)
		return HK_HOP_UNKNOWN;
	/* the next message, or the next domain, may ask for less (RFC 8689 4.2.2) */
	return d->may_try_again && d->last.code < 500 && !d->has_own_trouble ? HK_HOP_DOWN : HK_HOP_SILENT;
}

void delivery_close(struct hk_delivery *d)
{
	if (d->is_spare)
		hk_smtpc_quit(d->client); /* it waits for us */
	d->is_spare = false;
	if (d->is_connected)
		d->wants |= WANT_CLOSE;
	d->is_connected = false;
	d->is_sending = false;
}

void delivery_over(struct hk_delivery *d)
{
	size_t i;

	if (d->step == STEP_DONE)
		return;
	if (!d->last.code)
		reason_set(&d->last, 451, "4.3.0", "", HK_S("No attempt could be made"));
	d->env.job->news = news_of(d);
	for (i = 0; i < d->n_targets; i++)
		delivery_settle(
		    d, i, d->last.code < 500 ? HK_RCPT_PENDING : HK_RCPT_FAILED, &d->last);
	delivery_close(d);
	delivery_wait(d, STEP_DONE, 0);
	d->wants &= (unsigned)WANT_CLOSE;
	d->wants |= WANT_DONE;
}

void delivery_settle_all(struct hk_delivery *d, enum hk_rcpt_outcome outcome, unsigned code,
    const char *enhanced, const char *format, ...)
{
	char text[HK_RESULT_TEXT_MAX];
	struct reason why;
	va_list args;
	size_t i;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	reason_set(&why, code, enhanced, d->remote, hk_slice_str(text));
	why.is_ours = true;
	for (i = 0; i < d->n_targets; i++)
		delivery_settle(d, i, outcome, &why);
	delivery_over(d);
}

bool delivery_lacks_memory(struct hk_delivery *d)
{
	if (d->arena.failed != HK_NOMEM)
		return false;
	delivery_settle_all(d, HK_RCPT_PENDING, 451, "4.3.0", "Out of memory");
	return true;
}

void delivery_wait(struct hk_delivery *d, enum step step, uint64_t ms)
{
	d->step = step;
	d->deadline = ms ? d->now.mono_ms + ms : UINT64_MAX;
}

/* ---- the beginning ---- */

static bool make_targets(struct hk_delivery *d)
{
	const struct hk_job *job = d->env.job;
	size_t i;

	d->is_junk = (d->mail.flags & HK_MAIL_QUARANTINE) && job->route &&
	             job->route->quarantine == HK_QUARANTINE_JUNK;
	d->n_targets = d->is_junk ? 1 : job->n_rcpt;
	d->target = hk_arena_array(&d->arena, d->n_targets, sizeof *d->target);
	d->is_settled = hk_arena_array(&d->arena, d->n_targets, sizeof *d->is_settled);
	if (!d->target || !d->is_settled) {
		d->n_targets = 0;
		return false;
	}
	for (i = 0; i < d->n_targets; i++) {
		if (!d->is_junk && job->rcpt[i] >= d->mail.n_rcpt) {
			d->n_targets = 0;
			return false;
		}
		d->target[i] =
		    d->is_junk ? job->route->junk_address : d->mail.rcpt[job->rcpt[i]].address;
	}
	return true;
}

/* RFC 3461 5.2.1: the address as it came, where nobody named another. */
static struct hk_slice own_orcpt(struct hk_delivery *d, struct hk_slice address)
{
	struct hk_slice ret = {0};
	struct hk_buf text;

	if (hk_slice_find(address, '@') == address.n)
		return ret; /* <postmaster>: whose, nobody further on could know */
	hk_buf_init(&text, HK_SMTP_ORCPT_MAX);
	if (hk_slice_is_ascii(address)) {
		hk_buf_add_str(&text, "rfc822;");
		hk_xtext_add(&text, address);
	} else if (hk_utf8_is_clean(address)) {
		hk_buf_add_str(&text, "utf-8;");
		hk_utf8_xtext_add(&text, address);
	}
	if (hk_buf_status(&text) == HK_OK &&
	    hk_arena_dup(&d->arena, hk_buf_slice(&text), &ret) != HK_OK)
		ret.n = 0;
	hk_buf_done(&text);
	return ret;
}

struct hk_smtp_rcpt_params delivery_params(struct hk_delivery *d, size_t target)
{
	struct hk_smtp_rcpt_params params = {0};

	/* RFC 3461 5.2: whoever gets it instead was not named by the sender */
	if (d->is_junk)
		return params;
	params = d->mail.rcpt[d->env.job->rcpt[target]].params;
	if (!params.orcpt.n)
		params.orcpt = own_orcpt(d, d->target[target]);
	return params;
}

/* The message is as if it was never tried. */
static void release(struct hk_delivery *d, enum hk_status status)
{
	hk_logf(d->env.log, HK_LOG_WARNING, "qid=%s ev=release status=%s", d->id_text,
	    hk_status_name(status));
	d->env.job->released = true;
	d->wants |= WANT_DONE;
	delivery_wait(d, STEP_DONE, 0);
}

static const char *spool_of(const struct hk_delivery *d)
{
	return (const char *)delivery_conf(d)->spool.p;
}

static enum hk_status read_mail(struct hk_delivery *d)
{
	const struct hk_job *job = d->env.job;

	if (job->file)
		return hk_spool_file_read(job->file, &job->place, &d->mail);
	return hk_spool_read(d->env.disk, spool_of(d), &job->place, &d->mail);
}

static void begin(struct hk_delivery *d)
{
	const struct hk_conf_route *route = d->env.job->route;
	enum hk_status status = read_mail(d);

	if (status != HK_OK) {
		release(d, status);
		return;
	}
	d->is_read = true;
	if (!make_targets(d)) {
		release(d, HK_NOMEM);
		return;
	}
	if (!route) {
		/* a hole in the configuration is the operator's to mend; the sender must not pay
		 * for it at once */
		delivery_settle_all(d, HK_RCPT_PENDING, 451, "4.4.4",
		    "No route for this domain in the configuration");
		return;
	}
	if ((d->mail.flags & HK_MAIL_QUARANTINE) && route->quarantine == HK_QUARANTINE_HOLD) {
		delivery_settle_all(d, HK_RCPT_PENDING, 450, "4.7.1", "Held: quarantined");
		return;
	}
	d->options = (struct hk_render_options){
	    .add_return_path = route->add_return_path,
	    .strip_return_path = route->via == HK_VIA_LMTP || route->via == HK_VIA_MAILDIR,
	    .mark_quarantine = (d->mail.flags & HK_MAIL_QUARANTINE) != 0,
	};
	status = hk_render_init(&d->render, &d->arena, &d->mail, d->env.disk, spool_of(d));
	if (status != HK_OK)
		delivery_settle_all(d, HK_RCPT_PENDING, 451, "4.3.0",
		    "The message cannot be read: %s", hk_status_text(status));
	else if (route->via == HK_VIA_MAILDIR)
		local_begin(d);
	else if (!link_begin(d))
		hosts_begin(d);
}

/* ---- the public calls ---- */

static void run(struct hk_delivery *d)
{
	enum step before;

	do {
		before = d->step;
		if (d->step == STEP_BEGIN)
			begin(d);
		else if (d->step == STEP_TRY)
			hosts_next(d);
		else if (d->step == STEP_TALK)
			talk_run(d);
	} while (d->step != before || d->step == STEP_TRY);
}

static bool next_question(struct hk_delivery *d, struct hk_delivery_want *ret)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		if (!d->asked[i].is_open || d->asked[i].is_handed_out)
			continue;
		d->asked[i].is_handed_out = true;
		*ret = (struct hk_delivery_want){.type = HK_DELIVERY_DNS,
		    .id = d->asked[i].id,
		    .question = d->asked[i].question};
		return true;
	}
	return false;
}

const struct hk_conf_source *delivery_source(const struct hk_delivery *d, unsigned family)
{
	const struct hk_conf_route *route = d->env.job->route;
	struct hk_slice from = d->mail.mail_from;
	uint64_t which = d->env.job->turn;
	uint8_t domain[HK_DNS_NAME_MAX + 1];
	size_t n = 0, i;

	for (i = 0; i < route->n_sources; i++)
		n += route->source[i].ip.family == family;
	if (!n)
		return NULL;
	if (route->source_choice == HK_SOURCE_SENDER) {
		/* our own reports as whoever we are */
		from = from.n ? hk_slice_from(from, hk_slice_rfind(from, '@') + 1) : delivery_conf(d)->hostname;
		for (i = 0; i < from.n && i < sizeof domain; i++)
			domain[i] = hk_to_lower(from.p[i]);
		which = hk_hash(hk_slice_of(domain, i));
		which ^= which >> 32;
	}
	which %= n;
	for (i = 0; route->source[i].ip.family != family || which; i++)
		which -= route->source[i].ip.family == family;
	return &route->source[i];
}

static void fill_connect(const struct hk_delivery *d, struct hk_delivery_want *ret)
{
	const struct hk_conf_route *route = d->env.job->route;
	const struct hk_conf_source *source;

	ret->unix_path = route->unix_path;
	if (route->unix_path.n)
		return;
	ret->ip = d->address[d->address_at];
	source = delivery_source(d, ret->ip.family);
	if (source)
		ret->source = source->ip;
	ret->port = d->port;
}

/* Bytes of a reply are none: a server that drips them would keep a delivery for ever. */
static void note_progress(struct hk_delivery *d)
{
	unsigned replies = d->client ? hk_smtpc_replies(d->client) : 0;

	if (d->has_moved || replies != d->replies)
		d->progress = d->now.mono_ms;
	d->has_moved = false;
	d->replies = replies;
}

enum hk_status hk_delivery_next(
    struct hk_delivery *d, const struct hk_now *now, struct hk_delivery_want *ret)
{
	/* in this order: a connection is closed before another is asked for */
	static const struct {
		unsigned bit;
		enum hk_delivery_want_type type;
	} order[] = {{WANT_STS, HK_DELIVERY_STS}, {WANT_CLOSE, HK_DELIVERY_CLOSE}, {WANT_CONNECT, HK_DELIVERY_CONNECT},
	    {WANT_TLS, HK_DELIVERY_TLS}, {WANT_SIGN, HK_DELIVERY_SIGN},
	    {WANT_LOCAL, HK_DELIVERY_LOCAL}, {WANT_DONE, HK_DELIVERY_DONE}};
	size_t i;

	if (d->step != STEP_LOCAL) /* else another thread may read it */
		d->now = *now;
	run(d);
	note_progress(d);
	if (next_question(d, ret))
		return HK_OK;
	for (i = 0; i < sizeof order / sizeof order[0]; i++) {
		if (!(d->wants & order[i].bit))
			continue;
		d->wants &= ~order[i].bit;
		*ret = (struct hk_delivery_want){.type = order[i].type};
		if (ret->type == HK_DELIVERY_CONNECT)
			fill_connect(d, ret);
		if (ret->type == HK_DELIVERY_TLS)
			ret->tls = policy_check(d);
		if (ret->type == HK_DELIVERY_STS)
			ret->name = d->env.job->domain;
		if (ret->type == HK_DELIVERY_SIGN) {
			ret->id = d->last_id;
			ret->key = d->signer[d->sign_question->id].key;
			ret->alg = d->sign_question->alg;
			ret->digest = d->sign_question->digest;
		}
		return HK_OK;
	}
	return d->step == STEP_DONE ? HK_END : HK_AGAIN;
}

void hk_delivery_dns(struct hk_delivery *d, uint32_t id, const struct hk_dns_answer *answer)
{
	hosts_answer(d, id, answer);
}

void hk_delivery_connected(struct hk_delivery *d, bool ok, struct hk_slice why)
{
	/* not what was asked for before, and given up meanwhile */
	if (d->step == STEP_CONNECT && !(d->wants & WANT_CONNECT))
		talk_connected(d, ok, why);
}

size_t hk_delivery_feed(struct hk_delivery *d, struct hk_slice in)
{
	return d->is_connected ? hk_smtpc_feed(d->client, in) : in.n;
}

void hk_delivery_eof(struct hk_delivery *d)
{
	if (d->is_connected)
		hk_smtpc_eof(d->client);
}

void hk_delivery_tls(
    struct hk_delivery *d, bool ok, struct hk_slice why, enum hk_tls_result result)
{
	if (d->step == STEP_TLS)
		talk_tls(d, ok, why, result);
}

void hk_delivery_sts(struct hk_delivery *d, struct hk_slice text, enum hk_tls_result result)
{
	policy_sts(d, text, result);
}

void hk_delivery_signed(struct hk_delivery *d, uint32_t id, struct hk_slice signature)
{
	if (d->step == STEP_SIGN && id == d->last_id)
		sign_done(d, signature);
}

void hk_delivery_local_done(struct hk_delivery *d)
{
	if (d->step == STEP_LOCAL)
		delivery_over(d);
}

struct hk_slice hk_delivery_out(struct hk_delivery *d)
{
	return d->client ? hk_smtpc_out(d->client) : (struct hk_slice){0};
}

void hk_delivery_sent(struct hk_delivery *d, size_t n)
{
	d->has_moved = true;
	if (d->client)
		hk_smtpc_sent(d->client, n);
}

uint64_t hk_delivery_deadline(const struct hk_delivery *d)
{
	uint64_t stage, whole;

	if (d->step != STEP_TALK)
		return d->deadline;
	stage = d->progress + (uint64_t)hk_smtpc_stage_timeout(d->client) * 1000;
	whole = d->talk_began + TALK_MS + hk_mail_size(&d->mail) * 1000 / TALK_RATE + d->mail.body_size * 1000 / TALK_RATE;
	return whole < stage ? whole : stage;
}

void hk_delivery_tick(struct hk_delivery *d, const struct hk_now *now)
{
	d->now = *now;
	if (now->mono_ms < hk_delivery_deadline(d))
		return;
	switch (d->step) {
	case STEP_SRV:
	case STEP_MX:
	case STEP_HOST:
	case STEP_TLSA:
		hosts_timeout(d);
		break;
	case STEP_STS:
		policy_sts(d, (struct hk_slice){0}, HK_TLS_RESULT_STS_FETCH);
		break;
	case STEP_CONNECT:
		d->wants |= WANT_CLOSE;
		talk_connected(d, false, HK_S("timed out"));
		break;
	case STEP_TALK:
		hk_smtpc_timeout(d->client);
		d->has_moved = true; /* once, not at every tick */
		break;
	case STEP_TLS:
		talk_tls(d, false, HK_S("timed out"), HK_TLS_RESULT_VALIDATION);
		break;
	case STEP_SIGN:
		sign_done(d, (struct hk_slice){0});
		break;
	case STEP_PAUSE:
		delivery_wait(d, STEP_TRY, 0);
		break;
	default:
		d->deadline = UINT64_MAX;
	}
}
