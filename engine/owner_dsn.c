/* SPDX-License-Identifier: MIT
 *
 * owner_dsn.c - which recipients the sender is told of, and when (RFC 3461 4.1, RFC 5321 4.5.4.1). The report's record is in the
 * same batch as what it tells: neither is ever there without the other.
 */
#include <stdio.h>
#include <stdlib.h>

#include "engine/owner_internal.h"

static enum hk_status make(struct hk_owner *o, const struct hk_message *m,
    const struct hk_rcpt_result *told, size_t n, struct hk_mail **ret)
{
	struct hk_mail mail = {0};
	enum hk_status status;

	hk_arena_init(&mail.arena, HK_OWNER_FETCH_MAX);
	status = hk_spool_fetch(o->spool, m->id, &mail);
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

/* One report of these; none where its sender is nobody. */
static enum hk_status put(struct hk_owner *o, const struct hk_message *m, struct hk_returned *r,
    const struct hk_rcpt_result *told, size_t n)
{
	struct hk_mail *dsn = NULL;
	enum hk_status status = make(o, m, told, n, &dsn);

	if (status == HK_NOTFOUND)
		return HK_OK;
	if (status != HK_OK)
		return status;
	status = hk_incoming_add_dsn(o, dsn);
	r->dsns += status == HK_OK;
	return status;
}

/* ---- the end ------------------------------------------------------------------------------- */

/* Whether there is something to tell of a recipient whose time with us ends now. A delay is told below. */
static bool is_told(const struct hk_message *m, const struct hk_rcpt_result *r)
{
	return r->outcome != HK_RCPT_PENDING && hk_dsn_is_due(r, m->rcpt[r->rcpt].notify);
}

enum hk_status hk_dsn_put(struct hk_owner *o, const struct hk_message *m, struct hk_returned *r)
{
	const struct hk_job *job = r->job;
	struct hk_rcpt_result *told;
	enum hk_status status;
	size_t i, n = 0;

	for (i = 0; i < job->n_rcpt; i++)
		n += is_told(m, &job->result[i]);
	if (!n)
		return HK_OK;
	told = calloc(n, sizeof *told);
	if (!told)
		return HK_NOMEM;
	for (i = n = 0; i < job->n_rcpt; i++) {
		if (!is_told(m, &job->result[i]))
			continue;
		told[n] = job->result[i];
		if (told[n].outcome == HK_RCPT_FAILED)
			told[n].tried = hk_buf_slice(&job->tried);
		n++;
	}
	status = put(o, m, r, told, n);
	free(told);
	return status;
}

/* ---- a delay -------------------------------------------------------------------------------- */

/* How many of the route's times have passed. */
static unsigned notices_due(const struct hk_owner *o, const struct hk_message *m, const struct hk_domain *d)
{
	const struct hk_conf_times *times = d->hop ? &d->hop->route->delay_notice : &o->conf->delay_notice;
	uint64_t age = hk_message_age_s(o, m);
	unsigned n = 0;
	size_t i;

	for (i = 0; i < times->n; i++) /* in whatever order they stand */
		n += times->at[i] && age >= times->at[i];
	return n;
}

/* What the last attempt for recipient i said. */
static struct hk_rcpt_result last_result(
    const struct hk_owner *o, const struct hk_message *m, const struct hk_job *job, size_t i)
{
	struct hk_rcpt_result ret = {.rcpt = (uint32_t)i, .outcome = HK_RCPT_PENDING, .code = 451};
	struct hk_queue_reason reason;
	size_t j;

	for (j = 0; j < job->n_rcpt; j++)
		if (job->rcpt[j] == i)
			return job->result[j];
	hk_reason_get(o, m->rcpt[i].reason, &reason);
	if (!reason.code)
		return ret;
	ret.code = reason.code;
	ret.is_ours = reason.is_ours;
	snprintf(ret.enhanced, sizeof ret.enhanced, "%s", reason.enhanced);
	snprintf(ret.text, sizeof ret.text, "%.*s", HK_FMT(reason.text));
	snprintf(ret.remote, sizeof ret.remote, "%.*s", HK_FMT(reason.remote));
	return ret;
}

enum hk_status hk_dsn_put_delay(struct hk_owner *o, const struct hk_message *m, struct hk_returned *r)
{
	unsigned before = m->marks / HK_SPOOL_NOTICE, most = before, due;
	/* RFC 2852 4.1: once, at the sender's own time */
	bool is_late = m->by == HK_BY_NOTIFY && hk_message_is_late(o, m) && !(m->marks & HK_SPOOL_BY_TOLD);
	struct hk_rcpt_result *told = NULL;
	enum hk_status status = HK_OK;
	size_t i, n = 0;

	for (i = 0; i < m->n_rcpt; i++) {
		const struct hk_message_rcpt *rcpt = &m->rcpt[i];

		if (rcpt->outcome != HK_RCPT_PENDING || rcpt->is_over)
			continue;
		due = notices_due(o, m, rcpt->domain);
		if (due <= before && !is_late)
			continue;
		most = due > most ? due : most;
		if (!told)
			told = calloc(m->n_rcpt - i, sizeof *told);
		if (!told)
			return HK_NOMEM;
		told[n] = last_result(o, m, r->job, i);
		n += hk_dsn_is_due(&told[n], rcpt->notify);
	}
	if (n)
		status = put(o, m, r, told, n);
	free(told);
	r->marks = (uint8_t)(m->marks % HK_SPOOL_NOTICE + most * HK_SPOOL_NOTICE);
	if (is_late)
		r->marks |= HK_SPOOL_BY_TOLD;
	return status;
}
