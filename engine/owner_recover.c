/* SPDX-License-Identifier: MIT
 *
 * owner_recover.c - the messages that the spool had at the start. What lives and where is known when the spool is open; who waits for
 * what stands in each message's record, and those are read bit by bit, while the server works already (docs/decisions/0035). A message that
 * was not read yet is in no schedule, so no job is made of it; whoever asks for it by its id has it read at once.
 */
#include <inttypes.h>

#include "engine/owner_internal.h"
#include "lib/base/bug.h"

static uint64_t longest_of(const struct hk_conf_times *times, uint64_t longest)
{
	size_t i;

	for (i = 0; i < times->n; i++)
		longest = times->at[i] > longest ? times->at[i] : longest;
	return longest;
}

static uint64_t longest_retry(const struct hk_conf *conf)
{
	uint64_t longest = longest_of(&conf->retry, 0);
	size_t i;

	for (i = 0; i < conf->n_routes; i++)
		longest = longest_of(&conf->route[i].retry, longest);
	return longest;
}

/* When it is due by the clocks of the start: a calendar that jumps while the others are read changes nothing. */
static uint64_t due_ms(const struct hk_owner *o, int64_t next_attempt)
{
	int64_t began = o->began.utc;
	uint64_t wait = next_attempt > began ? (uint64_t)(next_attempt - began) : 0, longest = longest_retry(o->conf);

	/* a clock that went back makes nobody wait longer than the longest retry time */
	if (wait > longest && !HK_BUG(CLOCK_BACK))
		wait = longest;
	return o->began.mono_ms + wait * 1000;
}

static enum hk_status take(struct hk_owner *o, const struct hk_spool_entry *e)
{
	struct hk_message *m = hk_message_new(o, e->mail, &o->began);
	uint64_t due;

	if (!m)
		return HK_NOMEM;
	due = due_ms(o, e->next_attempt);
	m->attempts = e->attempts;
	m->marks = (uint8_t)(e->marks & ~(HK_BUG(HOLD_LOST) ? (unsigned)HK_SPOOL_HELD : 0u));
	hk_message_schedule(o, m, due > o->now.mono_ms ? due - o->now.mono_ms : 0);
	o->unread--;
	return HK_OK;
}

void hk_recover_begin(struct hk_owner *o, size_t slice)
{
	struct hk_spool_counts counts;

	hk_spool_count(o->spool, &counts);
	o->began = o->now;
	o->unread = (size_t)counts.live;
	o->slice = slice ? slice : HK_OWNER_SLICE;
}

enum hk_status hk_recover_these(struct hk_owner *o, const uint64_t *id, size_t n)
{
	struct hk_spool_entry e;
	enum hk_status status = HK_OK;
	size_t i;

	for (i = 0; o->unread && i < n && status == HK_OK && !HK_BUG(UNREAD_IGNORED); i++) {
		if (hk_id_map_get(&o->messages, id[i]))
			continue;
		status = hk_spool_tell(o->spool, id[i], &e);
		if (status == HK_OK)
			status = take(o, &e);
		else if (status == HK_NOTFOUND || status == HK_CORRUPT)
			status = HK_OK; /* as if it were not there; what is damaged is told of when its turn comes */
	}
	return status;
}

/* The next one, in the order of acceptance. */
static enum hk_status read_next(struct hk_owner *o)
{
	struct hk_spool_entry e;
	enum hk_status status = hk_spool_recovered(o->spool, &e);

	if (status == HK_CORRUPT) {
		o->unread--; /* the log has the place; it stays where it is, and keeps no other waiting */
		return HK_OK;
	}
	if (status != HK_OK || hk_id_map_get(&o->messages, e.id))
		return status;
	status = take(o, &e);
	if (status != HK_OK)
		hk_spool_again(o->spool);
	return status;
}

void hk_recover_some(struct hk_owner *o)
{
	enum hk_status status = HK_OK;
	size_t i;

	if (!o->unread || o->is_stopping || o->now.mono_ms < o->read_at)
		return;
	o->read_at = 0;
	for (i = 0; i < o->slice && o->unread && status == HK_OK; i++)
		status = read_next(o);
	if (status == HK_END)
		o->unread = 0; /* as it is already: each was counted */
	else if (status != HK_OK)
		o->read_at = o->now.mono_ms + HK_OWNER_STALL_MS;
	if (o->read_at)
		hk_logf(o->log, HK_LOG_WARNING, "ev=indexed status=%s unread=%zu", hk_status_name(status), o->unread);
	else if (!o->unread)
		hk_logf(o->log, HK_LOG_INFO, "ev=indexed messages=%zu after=%" PRIu64 "ms", o->messages.n, o->now.mono_ms - o->began.mono_ms);
}
