/* SPDX-License-Identifier: MIT
 *
 * delivery_talk.c - the dialogue with one host: lib/smtp's client, its events and what they mean
 * for the recipients.
 */
#include <stdio.h>

#include "engine/delivery_internal.h"
#include "lib/base/base_internal.h"
#include "lib/base/bug.h"

/* ---- from one address to the next ---- */

/* For the next message to the hop: by which family there is a way, where the other has none. */
static void note_family(struct hk_delivery *d, bool is_reached)
{
	unsigned family = d->n_hosts ? d->address[d->address_at].family : 0;

	if (!is_reached && !d->is_ready) {
		d->has_failed4 |= family == 4;
		d->has_failed6 |= family == 6;
	} else if (is_reached && (family == 4 ? d->has_failed6 : family == 6 && d->has_failed4)) {
		d->env.job->family_failed = family == 4 ? 6 : 4;
	}
	d->is_ready = is_reached;
}

static void leave(struct hk_delivery *d)
{
	note_family(d, false);
	delivery_close(d);
	if (resume_wait(d))
		return;
	if (delivery_is_settled(d)) {
		delivery_over(d);
		return;
	}
	d->without_tls = false;
	d->address_at++;
	delivery_wait(d, STEP_TRY, 0);
}

/* The same address once more, without TLS: better read by somebody on the way than not at all (RFC
 * 7435). */
static void again_in_clear(struct hk_delivery *d)
{
	delivery_close(d);
	d->without_tls = true;
	d->tries--; /* it is the same try */
	delivery_wait(d, STEP_TRY, 0);
}

static bool can_go_in_clear(const struct hk_delivery *d)
{
	return d->policy.decision.failure == HK_TLS_TO_CLEAR && !d->without_tls;
}

void talk_connected(struct hk_delivery *d, bool ok, struct hk_slice why)
{
	const struct hk_conf_route *route = d->env.job->route;
	const struct hk_tls_decision *policy = &d->policy.decision;
	const struct hk_conf_source *source = delivery_source(d, d->address[d->address_at].family);
	struct hk_smtpc_options options = {.size = sizeof options,
	    .helo = source && source->helo.n ? source->helo : route->helo,
	    .lmtp = route->via == HK_VIA_LMTP,
	    .want_tls = policy->need != HK_TLS_NEVER && !policy->is_implicit && !d->without_tls,
	    .require_tls = policy->need == HK_TLS_MUST && !policy->is_implicit,
	    .no_chunking = !route->chunking,
	    .no_pipelining = !route->pipelining,
	};

	if (!ok) {
		delivery_trouble(d, true, 451, "4.4.1", "Connection failed: %.*s", HK_FMT(hk_utf8_cut(why, WHY_MOST)));
		leave(d);
		return;
	}
	d->is_connected = true;
	link_note(d);
	hk_smtpc_free(d->client);
	d->client = hk_smtpc_new(&options);
	if (!d->client) {
		delivery_settle_all(d, HK_RCPT_PENDING, 451, "4.3.0", "Out of memory");
		return;
	}
	d->n_batch = d->n_transactions = 0;
	d->progress = d->talk_began = d->now.mono_ms;
	if (policy->is_implicit) {
		d->wants |= WANT_TLS;
		delivery_wait(d, STEP_TLS, TLS_MS);
	} else {
		delivery_wait(d, STEP_TALK, 0);
	}
}

void talk_again(struct hk_delivery *d)
{
	hk_smtpc_quit(d->client);
	delivery_close(d);
	d->tries--; /* it is the same try */
	delivery_wait(d, STEP_TRY, 0);
}

void talk_tls(struct hk_delivery *d, bool ok, struct hk_slice why, enum hk_tls_result result)
{

	hk_logf(d->env.log, ok ? HK_LOG_DEBUG : HK_LOG_INFO, "qid=%s ev=tls remote=%s ok=%d tls=%s",
	    d->id_text, hk_log_value(hk_slice_str(d->remote)).text, ok, hk_log_value(why).text);
	if (!ok && result == HK_TLS_RESULT_NONE)
		result = HK_TLS_RESULT_VALIDATION;
	if (result != HK_TLS_RESULT_NONE)
		policy_count(d, result);
	if (!ok && can_go_in_clear(d)) {
		again_in_clear(d);
		return;
	}
	if (!ok) {
		policy_trouble(d, "The TLS handshake failed", why);
		leave(d);
		return;
	}
	hk_smtpc_tls_done(d->client, true);
	d->progress = d->now.mono_ms;
	delivery_wait(d, STEP_TALK, 0);
}

/* ---- what a reply means ---- */

static enum hk_rcpt_outcome outcome_of(const struct hk_smtpc_event *e)
{
	unsigned code = e->reply.code;

	if (code < 300 || (HK_BUG(LOST_IS_TAKEN) && code == 421 && e->stage == HK_SMTPC_DOT))
		return HK_RCPT_DELIVERED;
	/* RFC 5321 4.5.3.1.10: an old server's word for too many recipients */
	if (e->stage == HK_SMTPC_RCPT && code == 552 &&
	    (!e->reply.enhanced[0] || hk_slice_eq(hk_slice_str(e->reply.enhanced), HK_S("5.5.3"))))
		return HK_RCPT_PENDING;
	return code < 500 && !(HK_BUG(TEMPORARY_IS_FINAL) && e->stage == HK_SMTPC_DOT) ? HK_RCPT_PENDING : HK_RCPT_FAILED;
}

static void settle_by(struct hk_delivery *d, size_t target, const struct hk_smtpc_event *e)
{
	struct reason why;

	d->has_talked = true;
	reason_set(&why, e->reply.code, e->reply.enhanced, d->remote, e->reply.text);
	why.is_ours = e->reply.own;
	delivery_settle(d, target, outcome_of(e), &why);
}

/* The connection went before the dot: nothing was handed over, another host may take it. */
static bool is_lost_early(const struct hk_smtpc_event *e)
{
	return e->reply.code == 421 && e->stage <= (HK_BUG(NEXT_HOST_AFTER_DOT) ? HK_SMTPC_DOT : HK_SMTPC_DATA);
}

static void transaction_done(struct hk_delivery *d, const struct hk_smtpc_event *e)
{
	size_t i;

	d->is_sending = false;
	if (resume_lost(d, e) || resume_is_refused(d, e))
		return; /* CLOSED follows, or READY */
	if (is_lost_early(e))
		return; /* CLOSED follows */
	d->resume.is_open = false;
	for (i = 0; i < d->n_batch; i++)
		settle_by(d, d->batch[i], e);
	d->n_batch = 0;
}

/* A host that does not want mail at all says 521 or 556 (RFC 7504). Any other 5xx in place of a
 * greeting is more often a host in trouble than a verdict on the message, so it is tried again. */
static void closed(struct hk_delivery *d, const struct hk_smtpc_event *e)
{
	unsigned code = e->reply.code;
	struct hk_slice text = hk_utf8_cut(e->reply.text, WHY_MOST);

	if (link_lost(d))
		return;
	if (e->stage == HK_SMTPC_STARTTLS) {
		policy_count(d, HK_TLS_RESULT_NO_STARTTLS);
		if (can_go_in_clear(d)) {
			again_in_clear(d);
			return;
		}
		policy_trouble(d, "There is no TLS", e->reply.text);
		leave(d);
		return;
	}
	if (delivery_is_settled(d))
		; /* nothing hangs on it any more */
	else if (code == 521 || code == 556)
		delivery_refused(d, false, code, e->reply.enhanced[0] == '5' ? e->reply.enhanced : "5.3.2", &e->reply);
	else if (code < 500)
		delivery_refused(d, true, code, e->reply.enhanced[0] == '4' ? e->reply.enhanced : "4.4.2", &e->reply);
	else
		delivery_trouble(d, true, 451, "4.3.0", "%u %.*s", code, HK_FMT(text));
	leave(d);
}

/* ---- the message ---- */

/* The message cannot be read to its end: the connection goes without the dot, so that nobody takes
 * half of it. */
static void unreadable(struct hk_delivery *d, enum hk_status status)
{
	hk_logf(d->env.log, HK_LOG_ERROR, "qid=%s ev=disk what=read-body status=%s", d->id_text,
	    hk_status_name(status));
	delivery_settle_all(d, HK_RCPT_PENDING, 451, "4.3.0", "The message cannot be read: %s",
	    hk_status_text(status));
}

/* The next of the message, as much as the buffer holds: a piece is a chunk of its own where BDAT is spoken. */
static enum hk_status read_more(struct hk_delivery *d)
{
	enum hk_status status = HK_OK;
	size_t n = 1;

	d->chunk_n = d->chunk_at = 0;
	while (status == HK_OK && n && d->chunk_n < sizeof d->chunk) {
		status = hk_render_read(&d->render, d->sent, d->chunk + d->chunk_n,
		    sizeof d->chunk - d->chunk_n, &n);
		if (status == HK_OK) {
			d->sent += n;
			d->chunk_n += n;
		}
	}
	return status;
}

/* Some of the message; false when the output is full or all is out. */
static bool send_more(struct hk_delivery *d)
{
	size_t n;

	if (d->chunk_at == d->chunk_n) {
		enum hk_status status = read_more(d);

		if (status != HK_OK) {
			unreadable(d, status);
			return false;
		}
		if (!d->chunk_n) {
			d->is_sending = false;
			hk_smtpc_body_end(d->client);
			return true;
		}
	}
	n = hk_smtpc_body(d->client, hk_slice_of(d->chunk + d->chunk_at, d->chunk_n - d->chunk_at));
	d->chunk_at += n;
	return n > 0;
}

/* ---- events ---- */

static void on_event(struct hk_delivery *d, const struct hk_smtpc_event *e)
{
	switch (e->type) {
	case HK_SMTPC_CHALLENGE:
	case HK_SMTPC_AUTH_DONE:
	case HK_SMTPC_REPLY:
		break; /* nobody asked for them */
	case HK_SMTPC_READY:
		if (d->resume.is_open && d->n_transactions) { /* it was refused for now */
			hk_smtpc_quit(d->client);
			leave(d);
		} else if (policy_ready(d)) {
			note_family(d, true);
			transaction_ready(d);
		} else {
			hk_smtpc_quit(d->client);
			leave(d);
		}
		break;
	case HK_SMTPC_TLS:
		d->wants |= WANT_TLS;
		delivery_wait(d, STEP_TLS, TLS_MS);
		break;
	case HK_SMTPC_SEND_BODY:
		d->is_sending = d->resume.is_sent = true;
		d->sent = e->offset < hk_render_size(&d->render) ? e->offset : hk_render_size(&d->render);
		d->chunk_n = d->chunk_at = 0;
		break;
	case HK_SMTPC_RCPT_DONE:
		if (e->recipient < d->n_batch)
			settle_by(d, d->batch[e->recipient], e);
		break;
	case HK_SMTPC_DONE:
		transaction_done(d, e);
		break;
	case HK_SMTPC_CLOSED:
		closed(d, e);
		break;
	}
}

void talk_run(struct hk_delivery *d)
{
	struct hk_smtpc_event e = {.size = sizeof e};

	while (d->step == STEP_TALK) {
		enum hk_status status = hk_smtpc_next(d->client, &e);

		if (status == HK_OK) {
			on_event(d, &e);
		} else if (status != HK_AGAIN && link_lost(d)) {
			break;
		} else if (status != HK_AGAIN) {
			delivery_trouble(d, true, 451, "4.3.0", "The connection ended");
			leave(d);
		} else if (!d->is_sending || !send_more(d)) {
			break;
		}
	}
}
