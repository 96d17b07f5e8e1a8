/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/log_value.h"
#include "engine/owner_internal.h"
#include "lib/base/base_internal.h"
#include "lib/base/bug.h"

void hk_returned_add(struct hk_owner *o, struct hk_returned *r)
{
	r->next = NULL;
	*o->last_returned = r;
	o->last_returned = &r->next;
}

void hk_owner_result(struct hk_owner *o, struct hk_job *job)
{
	struct hk_returned *r = job->owner_private;

	struct hk_hop *patient;

	o->counts.jobs_out--;
	if (r->is_later) {
		o->later_out--;
		patient = hk_hop_next(&o->patient);
		if (patient)
			hk_hop_make_ready(o, patient);
	}
	hk_hop_learn(o, r->hop, job);
	hk_hop_job_back(o, r->hop);
	hk_returned_add(o, r);
}

/* ---- before the commit ------------------------------------------------------------- */

static void expire(struct hk_rcpt_result *r)
{
	char last[HK_RESULT_TEXT_MAX + 16];

	/* with the status that the host gave, of which ours takes the place */
	snprintf(last, sizeof last, "%s%s%s", r->text[0] ? r->enhanced : "", r->text[0] && r->enhanced[0] ? " " : "", r->text);
	r->outcome = HK_RCPT_FAILED;
	r->is_given_up = r->is_ours = true;
	/* RFC 3463 3.5: delivery time expired */
	snprintf(r->enhanced, sizeof r->enhanced, "4.4.7");
	snprintf(r->text, sizeof r->text, "delivery time expired%s%.*s", *last ? "; last: " : "",
	    HK_FMT(hk_utf8_cut(hk_slice_str(last), HK_RESULT_TEXT_MAX - 32)));
}

static void be_too_late(struct hk_rcpt_result *r)
{
	expire(r);
	snprintf(r->enhanced, sizeof r->enhanced, "%s", hk_job_too_late.enhanced);
	snprintf(r->text, sizeof r->text, "%s", hk_job_too_late.text);
}

/* An operator does not want to wait for those that were not reached; also when nothing could be begun at all. */
static void end_as_wanted(const struct hk_message *m, struct hk_job *job)
{
	size_t i;

	if (m->ending == HK_RCPT_PENDING || HK_BUG(ENDING_FORGOTTEN))
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
	uint64_t age = hk_message_age_s(o, m);
	size_t i;

	for (i = 0; !job->released && i < job->n_rcpt; i++)
		if (job->result[i].outcome == HK_RCPT_PENDING &&
		    age >= hk_domain_lifetime_s(o, m->rcpt[job->rcpt[i]].domain))
			expire(&job->result[i]);
	for (i = 0; !job->released && m->by == HK_BY_RETURN && hk_message_is_late(o, m) && i < job->n_rcpt; i++)
		if (job->result[i].outcome == HK_RCPT_PENDING)
			be_too_late(&job->result[i]);
}

static bool is_to_be_told(const struct hk_rcpt_result *r)
{
	return r->is_given_up && r->outcome == HK_RCPT_FAILED;
}

/* Of what a host said its delivery has a line; of what ends without a host's word nobody else tells. */
static void tell_given_up(struct hk_owner *o, const struct hk_message *m, struct hk_returned *returned)
{
	const struct hk_job *job = returned->job;
	struct hk_mail mail = {0};
	char id[HK_MAIL_ID_TEXT];
	size_t i, n = 0;

	for (i = 0; !job->released && i < job->n_rcpt; i++)
		n += is_to_be_told(&job->result[i]);
	if (!n || returned->is_told)
		return;
	hk_mail_id_format(m->id, id);
	hk_arena_init(&mail.arena, HK_OWNER_FETCH_MAX);
	if (hk_spool_fetch(o->spool, m->id, &mail) != HK_OK)
		n = 0; /* who they are is not known; that it ended is said when it is removed */
	for (i = 0; n && i < job->n_rcpt; i++) {
		const struct hk_rcpt_result *r = &job->result[i];

		if (is_to_be_told(r) && r->rcpt < mail.n_rcpt)
			hk_logf(o->log, HK_LOG_INFO, "qid=%s ev=expired rcpt=%s outcome=failed attempts=%" PRIu32 " code=%u status=%s remote=%s text=%s delay=%" PRIu64,
			    id, hk_log_value(mail.rcpt[r->rcpt].address).text, m->attempts, r->code, r->enhanced,
			    hk_log_value(hk_slice_str(r->remote)).text, hk_log_value(hk_slice_str(r->text)).text, hk_message_age_s(o, m));
	}
	returned->is_told = true;
	hk_arena_done(&mail.arena);
}

/* So that what is planned for the others does not count them any more. */
static void note_over(struct hk_message *m, const struct hk_job *job)
{
	size_t i;

	for (i = 0; i < job->n_rcpt; i++)
		m->rcpt[job->rcpt[i]].is_over = !job->released && job->result[i].outcome != HK_RCPT_PENDING;
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
	uint64_t delay, left;

	if (!m->was_tried) {
		delay = (uint64_t)HK_OWNER_RELEASE_S << m->releases;
		return (delay < HK_OWNER_RELEASE_MOST_S ? delay : HK_OWNER_RELEASE_MOST_S) * 1000;
	}
	delay = hk_message_retry_s(o, m);
	delay = delay * 1000 + jitter_ms(m, delay);
	left = hk_message_left_s(o, m);
	return left && left != UINT64_MAX && delay > left * 1000 ? left * 1000 : delay;
}

/* When all of a round are back: what is told of a delay, and when the next one is. */
static enum hk_status put_round(struct hk_owner *o, struct hk_message *m, struct hk_returned *r)
{
	enum hk_status status;

	r->marks = m->marks;
	r->delay_ms = retry_delay_ms(o, m);
	if (!m->was_tried || (m->n_rcpt == r->job->n_rcpt && !has_pending(r->job)))
		return HK_OK;
	status = hk_dsn_put_delay(o, m, r);
	if (status != HK_OK)
		return status;
	return hk_spool_attempt(o->spool, m->id, o->now.utc + (int64_t)(r->delay_ms / 1000), r->marks,
	    hk_slice_str(r->job->result[0].text));
}

static enum hk_status put_one(struct hk_owner *o, struct hk_message *m, struct hk_returned *r)
{
	enum hk_status status = HK_OK;

	end_as_wanted(m, r->job);
	expire_old(o, m, r->job);
	tell_given_up(o, m, r);
	note_over(m, r->job);
	if (!r->job->released) {
		m->was_tried = true;
		status = hk_dsn_put(o, m, r);
		if (status == HK_OK || HK_BUG(DSN_ALONE))
			status = put_completions(o, r->job);
	}
	r->ends_round = m->groups - m->back == 1;
	return status == HK_OK && r->ends_round ? put_round(o, m, r) : status;
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

	if (!m->pending) {
		hk_message_removed(o, m);
		return;
	}
	hk_mail_id_format(m->id, id);
	if (m->was_tried) {
		m->attempts++;
		m->is_urgent = false;
		m->releases = 0;
		m->marks = r->marks;
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
	if (hk_round_leave(o, m))
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
