/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/owner_internal.h"
#include "lib/base/bug.h"

enum { DSN_MAIL_MOST = 16 * 1024 * 1024 };

void hk_returned_add(struct hk_owner *o, struct hk_returned *r)
{
	r->next = NULL;
	*o->last_returned = r;
	o->last_returned = &r->next;
}

void hk_owner_result(struct hk_owner *o, struct hk_job *job)
{
	struct hk_returned *r = job->owner_private;

	o->counts.jobs_out--;
	hk_hop_job_back(o, r->hop);
	hk_returned_add(o, r);
}

/* ---- before the commit ------------------------------------------------------------- */

static void expire(struct hk_rcpt_result *r)
{
	char last[HK_RESULT_TEXT_MAX];

	snprintf(last, sizeof last, "%s", r->text);
	r->outcome = HK_RCPT_FAILED;
	/* RFC 3463 3.5: delivery time expired */
	snprintf(r->enhanced, sizeof r->enhanced, "4.4.7");
	snprintf(r->text, sizeof r->text, "delivery time expired%s%.*s", *last ? "; last: " : "",
	    HK_RESULT_TEXT_MAX - 32, last);
}

/* An operator does not want to wait for those that were not reached; also when nothing could be begun at all. */
static void end_as_wanted(const struct hk_message *m, struct hk_job *job)
{
	size_t i;

	if (m->ending == HK_RCPT_PENDING)
		return;
	for (i = 0; i < job->n_rcpt; i++) {
		struct hk_rcpt_result *r = &job->result[i];

		if (job->released)
			*r = (struct hk_rcpt_result){.rcpt = job->rcpt[i], .code = 451};
		if (r->outcome != HK_RCPT_PENDING)
			continue;
		expire(r);
		r->outcome = (enum hk_rcpt_outcome)m->ending;
	}
	job->released = false;
}

/* A temporary error is one as long as the message is not too old; never before (design 7). */
static void expire_old(struct hk_owner *o, const struct hk_message *m, struct hk_job *job)
{
	size_t i;

	if (job->released || hk_message_age_s(o, m) < o->conf->lifetime)
		return;
	for (i = 0; i < job->n_rcpt; i++)
		if (job->result[i].outcome == HK_RCPT_PENDING)
			expire(&job->result[i]);
}

static enum hk_status make_dsn(struct hk_owner *o, const struct hk_message *m,
    const struct hk_rcpt_result *told, size_t n, struct hk_mail **ret)
{
	struct hk_mail mail = {0};
	struct hk_place place;
	enum hk_status status = hk_spool_find(o->spool, m->id, &place);

	if (status != HK_OK)
		return HK_BUG;
	hk_arena_init(&mail.arena, DSN_MAIL_MOST);
	status = hk_spool_read(o->disk, o->dir, &place, &mail);
	if (status == HK_OK) {
		uint64_t unix_ms =
		    (o->now.utc > 0 ? (uint64_t)o->now.utc : 0) * 1000 + o->now.utc_ms;

		status = hk_dsn_make(
		    o->conf, &mail, told, n, &o->now, hk_ids_next(&o->ids, unix_ms), ret);
	} else {
		status = HK_IO; /* no completion without its DSN: it stays, and is tried again */
	}
	hk_arena_done(&mail.arena);
	return status;
}

/* Whether there is something to tell of a recipient whose time with us ends now. A delay is told elsewhere. */
static bool is_told(const struct hk_message *m, const struct hk_rcpt_result *r)
{
	return r->outcome != HK_RCPT_PENDING && hk_dsn_is_due(r, m->rcpt[r->rcpt].notify);
}

/* The sender is told in the same batch that ends the recipients: neither is ever there without the
 * other. */
static enum hk_status put_dsn(struct hk_owner *o, const struct hk_message *m, struct hk_returned *r)
{
	const struct hk_job *job = r->job;
	struct hk_rcpt_result *told;
	struct hk_mail *dsn = NULL;
	enum hk_status status;
	size_t i, n = 0;

	for (i = 0; i < job->n_rcpt; i++)
		n += is_told(m, &job->result[i]);
	if (!n)
		return HK_OK;
	told = calloc(n, sizeof *told);
	if (!told)
		return HK_NOMEM;
	for (i = n = 0; i < job->n_rcpt; i++)
		if (is_told(m, &job->result[i]))
			told[n++] = job->result[i];
	status = make_dsn(o, m, told, n, &dsn);
	free(told);
	if (status == HK_NOTFOUND)
		return HK_OK;
	if (status != HK_OK)
		return status;
	status = hk_incoming_add_dsn(o, dsn);
	r->dsns += status == HK_OK;
	return status;
}

static enum hk_status put_completions(struct hk_owner *o, const struct hk_job *job)
{
	enum hk_status status = HK_OK;
	size_t i;

	for (i = 0; status == HK_OK && i < job->n_rcpt; i++) {
		const struct hk_rcpt_result *r = &job->result[i];

		if (r->outcome != HK_RCPT_PENDING)
			status = hk_spool_complete(o->spool, job->id, HK_BUG(WRONG_RECIPIENT) ? i : job->rcpt[i],
			    r->outcome, hk_slice_str(r->text));
	}
	return status;
}

static bool has_pending(const struct hk_job *job)
{
	size_t i;

	for (i = 0; i < job->n_rcpt; i++)
		if (job->result[i].outcome == HK_RCPT_PENDING)
			return true;
	return false;
}

/* Up to an eighth later than configured, by the message's id: what was deferred together does not
 * come back together. */
static uint64_t jitter_ms(const struct hk_message *m, uint64_t delay_s)
{
	uint64_t mixed = (m->id + m->attempts) * UINT64_C(0x9e3779b97f4a7c15) >> 32;

	return delay_s * 125 * (mixed & 1023) / 1024;
}

/* How long until the next round; the last one comes when the lifetime ends, not much later. */
static uint64_t retry_delay_ms(const struct hk_owner *o, const struct hk_message *m)
{
	const struct hk_conf *conf = o->conf;
	uint64_t age = hk_message_age_s(o, m), delay = HK_OWNER_RETRY_S, left;
	size_t at = m->attempts + HK_BUG(BACKOFF_OFF_BY_ONE);

	if (!m->was_tried) {
		delay = (uint64_t)HK_OWNER_RELEASE_S << m->releases;
		return (delay < HK_OWNER_RELEASE_MOST_S ? delay : HK_OWNER_RELEASE_MOST_S) * 1000;
	}
	if (conf->n_retry)
		delay = conf->retry[at < conf->n_retry ? at : conf->n_retry - 1];
	delay = delay * 1000 + jitter_ms(m, delay);
	left = age < conf->lifetime ? (conf->lifetime - age) * 1000 : 0;
	return left && delay > left ? left : delay;
}

static enum hk_status put_one(struct hk_owner *o, struct hk_message *m, struct hk_returned *r)
{
	enum hk_status status = HK_OK;

	end_as_wanted(m, r->job);
	expire_old(o, m, r->job);
	if (!r->job->released) {
		m->was_tried = true;
		status = put_dsn(o, m, r);
		if (status == HK_OK || HK_BUG(DSN_ALONE))
			status = put_completions(o, r->job);
	}
	r->ends_round = m->groups - m->back == 1;
	if (status != HK_OK || !r->ends_round)
		return status;
	r->delay_ms = retry_delay_ms(o, m);
	if (!m->was_tried || (m->n_rcpt == r->job->n_rcpt && !has_pending(r->job)))
		return HK_OK;
	return hk_spool_attempt(o->spool, m->id, o->now.utc + (int64_t)(r->delay_ms / 1000), m->marks,
	    hk_slice_str(r->job->result[0].text));
}

void hk_results_put(struct hk_owner *o)
{
	struct hk_returned *r;

	if (o->stalled_until)
		return;
	for (r = o->returned; r; r = r->next) {
		struct hk_message *m = hk_id_map_get(&o->messages, r->job->id);
		struct hk_spool_mark mark = hk_spool_set_mark(o->spool);
		enum hk_status status = m ? put_one(o, m, r) : HK_OK;

		if (status == HK_OK) {
			r->is_in_batch = true;
			if (m)
				m->back++;
			continue;
		}
		hk_spool_undo(o->spool, &mark);
		hk_incoming_drop_dsns(o, r->dsns);
		r->dsns = 0;
		if (status == HK_FULL && mark.records)
			return; /* the next batch has room */
		hk_logf(o->log, HK_LOG_ERROR, "ev=result status=%s", hk_status_name(status));
		o->stalled_until = o->now.mono_ms + HK_OWNER_STALL_MS;
		return;
	}
}

/* ---- after the commit ------------------------------------------------------------------- */

static void count(struct hk_owner *o, const struct hk_rcpt_result *r)
{
	o->counts.delivered += r->outcome == HK_RCPT_DELIVERED;
	o->counts.failed += r->outcome == HK_RCPT_FAILED;
	o->counts.deferred += r->outcome == HK_RCPT_PENDING;
}

static void end_round(struct hk_owner *o, struct hk_message *m, const struct hk_returned *r)
{
	char id[HK_MAIL_ID_TEXT];

	hk_mail_id_format(m->id, id);
	if (!m->pending) {
		if (!HK_BUG(NO_LAST_LINE) || m->attempts)
			hk_logf(o->log, HK_LOG_INFO, "qid=%s ev=removed", id);
		hk_message_free(o, m);
		return;
	}
	if (m->was_tried) {
		m->attempts++;
		m->releases = 0;
	} else if (m->releases < 16) {
		m->releases++;
	}
	hk_logf(o->log, HK_LOG_INFO,
	    "qid=%s ev=deferred rcpts=%" PRIu32 " attempts=%" PRIu32 " next=%" PRIu64 "s", id,
	    m->pending, m->attempts, r->delay_ms / 1000);
	hk_message_schedule(o, m, r->delay_ms);
}

/* What the next hop was shown, for `explain`. */
static void keep_signing(struct hk_owner *o, const struct hk_job *job)
{
	struct hk_evidence_signing s[HK_KEY_CHOICES];
	size_t i;

	if (!o->evidence || job->released || !job->n_signing)
		return;
	for (i = 0; i < job->n_signing; i++) {
		const struct hk_key_choice *c = &job->signing[i];

		s[i] = (struct hk_evidence_signing){.domain = job->conf->key[c->key].domain,
		    .selector = job->conf->key[c->key].selector,
		    .alg = job->signing_alg[i],
		    .sight = c->sight,
		    .first = job->conf->key[c->first].selector,
		    .first_sight = c->first_sight,
		    .is_left_out = c->is_left_out};
	}
	if (hk_evidence_store_put_signings(o->evidence, job->id, s, job->n_signing, o->now.utc) != HK_OK)
		hk_logf(o->log, HK_LOG_WARNING, "ev=evidence status=failed");
}

static void apply(struct hk_owner *o, struct hk_message *m, const struct hk_returned *r)
{
	const struct hk_job *job = r->job;
	size_t i;

	for (i = 0; i < job->n_rcpt; i++) {
		struct hk_message_rcpt *rcpt = &m->rcpt[job->rcpt[i]];

		rcpt->is_out = false;
		if (job->released)
			continue;
		count(o, &job->result[i]);
		hk_reason_release(o, rcpt->reason);
		/* what was delivered needs none */
		rcpt->reason = job->result[i].outcome == HK_RCPT_DELIVERED ? 0 : hk_reason_use(o, &job->result[i]);
		if (rcpt->outcome == HK_RCPT_PENDING && job->result[i].outcome != HK_RCPT_PENDING) {
			rcpt->outcome = (uint8_t)job->result[i].outcome;
			m->pending--;
		}
	}
	m->back--;
	if (!--m->groups)
		end_round(o, m, r);
}

void hk_results_done(struct hk_owner *o, bool ok)
{
	struct hk_returned **at = &o->returned, *r;

	while ((r = *at)) {
		struct hk_message *m = hk_id_map_get(&o->messages, r->job->id);

		if (!r->is_in_batch) {
			at = &r->next;
			continue;
		}
		if (!ok && !HK_BUG(APPLY_UNCOMMITTED)) {
			r->is_in_batch = false;
			r->dsns = 0;
			if (m)
				m->back--;
			at = &r->next;
			continue;
		}
		keep_signing(o, r->job);
		if (r->calling)
			r->calling->left--;
		if (m)
			apply(o, m, r);
		*at = r->next;
		hk_job_free(r->job);
	}
	o->last_returned = at;
}
