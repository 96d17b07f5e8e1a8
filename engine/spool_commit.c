/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "engine/spool_internal.h"
#include "lib/base/bug.h"

void hk_spool_begin_ops(struct hk_spool *s)
{
	if (!s->ops.n)
		hk_index_base(&s->ops, 0); /* filled in by the commit */
}

/* Nothing is added when either the record or its entry found no room. */
enum hk_status hk_spool_end_record(struct hk_spool *s, size_t mark, size_t ops_mark)
{
	enum hk_status status = hk_batch_end(&s->batch, mark);

	if (status == HK_OK && hk_buf_status(&s->ops) != HK_OK) {
		s->batch.bytes.n = mark;
		s->batch.n--;
		status = HK_NOMEM;
	}
	if (status != HK_OK) {
		s->ops.failed = HK_OK;
		s->ops.n =
		    s->batch.n ? ops_mark : 0; /* a batch without records has no base either */
	}
	return status;
}

static enum hk_status put_record(
    struct hk_spool *s, const struct hk_mail *mail, struct hk_live *live)
{
	size_t ops_mark, mark;

	hk_spool_begin_ops(s);
	ops_mark = s->ops.n;
	mark = hk_batch_begin(&s->batch, HK_RECORD_MESSAGE);
	hk_mail_format(mail, &s->batch.bytes);
	if (hk_buf_status(&s->batch.bytes) == HK_OK)
		hk_index_message(
		    &s->ops, live, (uint32_t)mark, (uint32_t)(s->batch.bytes.n - mark));
	return hk_spool_end_record(s, mark, ops_mark);
}

static enum hk_status put_new(struct hk_spool *s, const struct hk_mail *mail)
{
	bool is_ours =
	    !mail->listener.n; /* a DSN: as needed as the completion that it comes with */
	bool was_empty = !s->batch.n;
	struct hk_live *live;
	enum hk_status status = is_ours ? HK_OK : hk_spool_intake(s);

	if (status != HK_OK)
		return status;
	live = hk_live_new(s, mail->id, (uint32_t)mail->n_rcpt);
	if (!live)
		return HK_NOMEM;
	live->has_file = mail->body_file.n > 0;
	status = put_record(s, mail, live);
	if (status != HK_OK) {
		hk_live_free(s, live);
		return was_empty && status == HK_FULL ? HK_LIMIT : status;
	}
	if (!is_ours)
		s->use |= HK_USE_INTAKE;
	return HK_OK;
}

bool hk_spool_has_room(const struct hk_spool *s, const struct hk_mail *mail)
{
	return !s->batch.n ||
	       hk_mail_size(mail) + HK_RECORD_HEAD + 8 <= s->batch.bytes.max - s->batch.bytes.n;
}

void hk_spool_refuse(struct hk_spool *s, const struct hk_mail *mail)
{
	uint64_t id;

	if (!mail->body_file.n || hk_mail_id_parse(mail->body_file, &id) != HK_OK || id != mail->id)
		return;
	if (!hk_id_map_get(&s->live, id))
		hk_body_remove(s, id);
}

enum hk_status hk_spool_put(struct hk_spool *s, const struct hk_mail *mail)
{
	uint64_t file_id = mail->id;
	enum hk_status status;

	if (!mail->n_rcpt || mail->n_rcpt > UINT32_MAX || hk_id_map_get(&s->live, mail->id))
		return HK_BUG;
	if (mail->body_file.n &&
	    (hk_mail_id_parse(mail->body_file, &file_id) != HK_OK || file_id != mail->id))
		return HK_BUG;
	status = put_new(s, mail);
	if (status != HK_OK)
		hk_spool_refuse(s, mail);
	return status;
}

static enum hk_status put_attempt(
    struct hk_spool *s, uint64_t id, int64_t next_attempt, uint32_t tries, struct hk_slice why)
{
	size_t mark, ops_mark;

	hk_spool_begin_ops(s);
	ops_mark = s->ops.n;
	mark = hk_batch_begin(&s->batch, HK_RECORD_ATTEMPT);
	hk_buf_add_u64(&s->batch.bytes, id);
	hk_buf_add_u64(&s->batch.bytes, (uint64_t)next_attempt);
	hk_buf_add_u32(&s->batch.bytes, tries);
	hk_buf_add_block(&s->batch.bytes, hk_slice_sub(why, 0, HK_SPOOL_WHY_MAX));
	hk_index_attempt(&s->ops, id, next_attempt, tries);
	return hk_spool_end_record(s, mark, ops_mark);
}

enum hk_status hk_spool_attempt(struct hk_spool *s, uint64_t id, int64_t next_attempt,
    unsigned marks, struct hk_slice why)
{
	const struct hk_live *live = hk_id_map_get(&s->live, id);
	uint32_t count;

	if (!live || !live->is_committed)
		return HK_NOTFOUND;
	count = live->tries & HK_TRIES_COUNT;
	count += count < HK_TRIES_COUNT;
	return put_attempt(s, id, next_attempt, count | (uint32_t)marks << 24, why);
}

enum hk_status hk_spool_mark(
    struct hk_spool *s, uint64_t id, int64_t next_attempt, unsigned marks)
{
	const struct hk_live *live = hk_id_map_get(&s->live, id);

	if (!live || !live->is_committed)
		return HK_NOTFOUND;
	return put_attempt(s, id, next_attempt,
	    (live->tries & HK_TRIES_COUNT) | (uint32_t)marks << 24, (struct hk_slice){0});
}

enum hk_status hk_spool_complete(
    struct hk_spool *s, uint64_t id, size_t rcpt, enum hk_rcpt_outcome outcome, struct hk_slice why)
{
	const struct hk_live *live = hk_id_map_get(&s->live, id);
	size_t mark, ops_mark;

	if (!live || !live->is_committed || rcpt >= live->n_rcpt)
		return HK_NOTFOUND;
	if (outcome == HK_RCPT_PENDING)
		return HK_BUG;
	hk_spool_begin_ops(s);
	ops_mark = s->ops.n;
	mark = hk_batch_begin(&s->batch, HK_RECORD_COMPLETE);
	hk_buf_add_u64(&s->batch.bytes, id);
	hk_buf_add_u32(&s->batch.bytes, (uint32_t)rcpt);
	hk_buf_add_u8(&s->batch.bytes, (uint8_t)outcome);
	hk_buf_add_block(&s->batch.bytes, hk_slice_sub(why, 0, HK_SPOOL_WHY_MAX));
	hk_index_complete(&s->ops, id, (uint32_t)rcpt, (uint8_t)outcome);
	return hk_spool_end_record(s, mark, ops_mark);
}

/* The messages of a batch, from a record on, that did not come to count. Where it may have been
 * written, a crash may still bring it back: the body files wait for the next segment. */
static void forget_uncommitted(struct hk_spool *s, size_t at, bool was_written)
{
	struct hk_slice rest = hk_buf_slice(&s->batch.bytes);

	while (at < rest.n && hk_load32(rest.p + at) == HK_RECORD_MAGIC) {
		const uint8_t *p = rest.p + at;
		size_t whole = HK_RECORD_HEAD + (size_t)hk_load32(p + 8);
		struct hk_cursor c = hk_cursor_of(
		    hk_slice_from(rest, at + HK_RECORD_HEAD + 1)); /* behind the format's number */
		struct hk_live *live =
		    p[12] == HK_RECORD_MESSAGE ? hk_id_map_get(&s->live, hk_cursor_u64(&c)) : NULL;

		if (live && !live->is_committed) {
			if (live->has_file && was_written) {
				hk_live_doubt(s, live);
			} else {
				if (live->has_file)
					hk_body_remove(s, live->id);
				hk_live_free(s, live);
			}
		}
		at += whole + hk_pad(whole, 8);
	}
}

static enum hk_status write_batch(struct hk_spool *s)
{
	struct hk_segment *last = hk_spool_last(s);
	enum hk_status status;

	status = hk_batch_seal(&s->batch, last->generation, (uint32_t)last->used, s->sequence);
	if (status != HK_OK)
		return status; /* nothing was written */
	status = s->disk->ops->write(s->disk, s->file, last->used, hk_buf_slice(&s->batch.bytes));
	if (status == HK_OK && !HK_BUG(ACK_BEFORE_SYNC))
		status = hk_spool_sync(s, s->file);
	if (HK_BUG(RETRY_SYNC) && status != HK_OK)
		status = hk_spool_sync(s, s->file);
	if (status != HK_OK)
		hk_segment_fail(s, status);
	return status;
}

static enum hk_status count_batch(struct hk_spool *s)
{
	struct hk_segment *last = hk_spool_last(s);

	s->counts.commits++;
	s->counts.records += s->batch.n;
	s->counts.bytes += s->batch.bytes.n;
	s->is_stirred |= !(s->use & HK_USE_MOVE);
	hk_store32(s->ops.p + 1, (uint32_t)last->used);
	last->used += s->batch.bytes.n;
	s->sequence += s->batch.n;
	s->failures = 0;
	hk_buf_add(&s->index,
	    hk_buf_slice(&s->ops)); /* where that fails there is no index, and recovery scans */
	return hk_index_apply(s, last, hk_buf_slice(&s->ops));
}

enum hk_status hk_spool_commit(struct hk_spool *s)
{
	enum hk_status status;
	bool was_written = false;

	if (!s->batch.n)
		return HK_OK;
	status = hk_segment_room(s, s->batch.bytes.n + hk_pad(s->batch.bytes.n, HK_SPOOL_BLOCK));
	if (status == HK_OK) {
		was_written = true;
		status = write_batch(s);
	}
	if (status == HK_OK)
		status = count_batch(s);
	else
		forget_uncommitted(s, 0, was_written);
	hk_batch_reset(&s->batch);
	hk_buf_reset(&s->ops);
	s->use = 0;
	return status;
}

struct hk_spool_mark hk_spool_set_mark(const struct hk_spool *s)
{
	return (struct hk_spool_mark){
	    .bytes = s->batch.bytes.n, .ops = s->ops.n, .records = s->batch.n, .use = s->use};
}

void hk_spool_undo(struct hk_spool *s, const struct hk_spool_mark *mark)
{
	forget_uncommitted(s, mark->bytes, false);
	s->batch.bytes.n = mark->bytes;
	s->batch.n = mark->records;
	s->ops.n = mark->ops;
	s->use = mark->use;
}

bool hk_spool_is_dirty(const struct hk_spool *s)
{
	return s->batch.n > 0;
}
