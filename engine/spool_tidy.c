/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "engine/spool_internal.h"
#include "lib/base/bug.h"

enum { MOVE_ARENA = 64 * 1024 * 1024 };

/* A copy of a live message, with what is known of it today, at the end of the journal. */
static enum hk_status move_one(struct hk_spool *s, struct hk_live *live)
{
	struct hk_mail mail = {0};
	enum hk_status status;
	size_t mark, ops_mark, i;

	hk_arena_init(&mail.arena, MOVE_ARENA);
	status = hk_spool_fetch(s, live->id, &mail);
	if (status == HK_OK) {
		for (i = 0; i < mail.n_rcpt && !HK_BUG(MOVE_FORGETS); i++)
			mail.rcpt[i].outcome = live->outcome[i];
		hk_spool_begin_ops(s);
		ops_mark = s->ops.n;
		mark = hk_batch_begin(&s->batch, HK_RECORD_MOVE);
		hk_buf_add_u32(&s->batch.bytes, live->tries);
		hk_buf_add_u64(&s->batch.bytes, (uint64_t)live->next_attempt);
		hk_mail_format(&mail, &s->batch.bytes);
		if (hk_buf_status(&s->batch.bytes) == HK_OK)
			hk_index_move(
			    &s->ops, live, (uint32_t)mark, (uint32_t)(s->batch.bytes.n - mark));
		status = hk_spool_end_record(s, mark, ops_mark);
	} else if (status == HK_CORRUPT || status == HK_NOTFOUND) {
		hk_logf(s->log, HK_LOG_ERROR,
		    "spool: a message in segment %" PRIu32 " at offset %" PRIu64 " cannot be read",
		    live->segment, (uint64_t)live->offset);
		live->is_stuck = true;
		status = HK_OK;
	}
	hk_arena_done(&mail.arena);
	return status;
}

/* Some of a segment's messages, as one batch of its own. */
static enum hk_status move_out(struct hk_spool *s, struct hk_segment *segment, uint64_t budget)
{
	enum hk_status status = HK_OK;
	struct hk_live *live;

	for (live = segment->live; live && s->batch.bytes.n < budget; live = live->next) {
		if (live->is_stuck)
			continue;
		status = move_one(s, live);
		if (status != HK_OK)
			break;
	}
	/* what could be read and had room goes; the rest another time */
	s->use |= HK_USE_MOVE;
	return s->batch.n ? hk_spool_commit(s) : status;
}

static bool has_movable(const struct hk_segment *segment)
{
	const struct hk_live *live;

	for (live = segment->live; live; live = live->next)
		if (!live->is_stuck)
			return true;
	return false;
}

/* Space comes back from the oldest end, so the whole journal's share of living bytes decides: below
 * one half, the oldest segment's living messages go to the newest end.
 * Each byte is then copied at most about once for each byte that came in. On a full disk any gain
 * is worth it. */
static struct hk_segment *find_due(const struct hk_spool *s)
{
	uint64_t size = 0, living = 0, slack = s->segment_size / 4;
	size_t i;

	for (i = 0; i + 1 < s->n_segments; i++) {
		if (s->segment[i]->is_damaged && has_movable(s->segment[i]))
			return s->segment[i];
		size += s->segment[i]->size;
		living += s->segment[i]->live_bytes;
	}
	if (size <= (s->is_full ? living : 2 * living) + slack)
		return NULL;
	return has_movable(s->segment[0]) ? s->segment[0] : NULL;
}

/* Written zeros ahead of the journal, here and not in the commit's time. */
static enum hk_status write_ahead(struct hk_spool *s)
{
	struct hk_segment *last = hk_spool_last(s);
	uint64_t size;
	enum hk_status status;

	if (!s->is_open || last->size - last->used >= s->ahead / 2 || last->size >= s->segment_size)
		return HK_OK;
	size = last->size + s->ahead < s->segment_size ? last->size + s->ahead : s->segment_size;
	status = s->disk->ops->allocate(s->disk, s->file, size);
	if (status == HK_FULL) {
		s->is_full = true;
		return HK_OK;
	}
	if (status == HK_OK) {
		last->size = size;
		status = hk_spool_sync(s, s->file);
	}
	if (status != HK_OK)
		hk_segment_fail(s, status);
	return status;
}

enum hk_status hk_spool_tidy(struct hk_spool *s, uint64_t budget)
{
	struct hk_segment *due;
	enum hk_status status;

	if (s->batch.n)
		return HK_OK;
	hk_spool_watch_space(s);
	hk_spool_recycle(s);
	if (s->failures)
		return hk_spool_probe(
		    s); /* a doubtful disk is not given more work than it must have */
	hk_spool_make_reserve(s);
	status = write_ahead(s);
	due = status == HK_OK && budget ? find_due(s) : NULL;
	return due ? move_out(s, due, budget) : status;
}

enum hk_status hk_spool_probe(struct hk_spool *s)
{
	enum hk_status status;

	if (s->batch.n)
		return HK_OK;
	hk_spool_watch_space(s);
	if (!s->is_open || s->failures) {
		status = hk_segment_begin(s, false);
		if (status != HK_OK)
			return status;
		s->failures = 0;
	}
	return hk_spool_intake(s);
}

enum hk_status hk_spool_intake(const struct hk_spool *s)
{
	if (s->failures >= 2)
		return HK_IO;
	return s->is_full ? HK_FULL : HK_OK;
}

uint64_t hk_spool_room(const struct hk_spool *s)
{
	if (s->space == UINT64_MAX)
		return UINT64_MAX;
	return s->space > s->free_min ? s->space - s->free_min : 0;
}

bool hk_spool_is_failing(const struct hk_spool *s)
{
	return hk_spool_intake(s) != HK_OK;
}
