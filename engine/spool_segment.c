/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/spool_internal.h"
#include "lib/base/bug.h"

struct hk_spool_path hk_spool_path(const char *dir, const char *rest)
{
	struct hk_spool_path path;

	/* hk_spool_open bounds the length of dir, so nothing is ever cut */
	snprintf(path.text, sizeof path.text, "%s/%s", dir, rest);
	return path;
}

struct hk_spool_path hk_segment_path(const char *dir, uint32_t number)
{
	char rest[32];

	snprintf(rest, sizeof rest, "journal/%08" PRIu32 ".seg", number);
	return hk_spool_path(dir, rest);
}

struct hk_segment *hk_spool_last(const struct hk_spool *s)
{
	return s->n_segments ? s->segment[s->n_segments - 1] : NULL;
}

/* numbers have no gap */
struct hk_segment *hk_spool_segment(const struct hk_spool *s, uint32_t number)
{
	uint32_t at = s->n_segments ? number - s->segment[0]->number : 0;

	return at < s->n_segments ? s->segment[at] : NULL;
}

enum hk_status hk_segment_add(struct hk_spool *s, struct hk_segment *segment)
{
	if (s->n_segments == s->room_segments) {
		size_t room = s->room_segments ? s->room_segments * 2 : 16;
		struct hk_segment **more = realloc(s->segment, room * sizeof *more);

		if (!more) {
			free(segment);
			return HK_NOMEM;
		}
		s->segment = more;
		s->room_segments = room;
	}
	s->segment[s->n_segments++] = segment;
	return HK_OK;
}

enum hk_status hk_segment_head_parse(struct hk_slice bytes, struct hk_segment_head *ret)
{
	struct hk_segment_head head = {0};
	struct hk_scan scan = {.bytes = bytes};
	struct hk_slice batch;
	struct hk_record r;
	struct hk_cursor c;

	if (hk_record_read(bytes, &r) != HK_OK || r.type != HK_RECORD_SEGMENT)
		return HK_CORRUPT;
	scan.generation = r.generation;
	scan.sequence = r.sequence;
	c = hk_cursor_of(r.payload);
	if (hk_cursor_u32(&c) != HK_SEGMENT_VERSION)
		return HK_VERSION;
	head.number = hk_cursor_u32(&c);
	head.used_before = hk_cursor_u32(&c);
	head.last_id = c.rest.n ? hk_cursor_u64(&c) : 0; /* a head of long ago has none */
	head.generation = r.generation;
	head.first = r.sequence;
	if (c.failed || !hk_scan_batch(&scan, &batch))
		return HK_CORRUPT;
	hk_scan_record(&batch, &r);
	if (hk_scan_record(&batch, &r) && r.type == HK_RECORD_INDEX) {
		head.index = r.payload;
		head.has_index = true;
	}
	head.end = scan.at;
	*ret = head;
	return HK_OK;
}

/* The index of a segment stands at the start of the next: so sealing one needs no write to it, also
 * when it is the disk below it that failed. It is left out where it would take more than half of
 * the room: then recovery scans. */
enum hk_status hk_segment_head_format(
    struct hk_spool *s, struct hk_segment *segment, uint64_t room, struct hk_batch *out)
{
	const struct hk_segment *before = hk_spool_last(s);
	size_t mark = hk_batch_begin(out, HK_RECORD_SEGMENT);
	enum hk_status status;

	hk_buf_add_u32(&out->bytes, HK_SEGMENT_VERSION);
	hk_buf_add_u32(&out->bytes, segment->number);
	hk_buf_add_u32(&out->bytes, before ? (uint32_t)before->used : 0);
	hk_buf_add_u64(&out->bytes, s->last_id); /* also of records that are gone when this segment is the oldest */
	status = hk_batch_end(out, mark);
	if (status == HK_OK && before && hk_buf_status(&s->index) == HK_OK &&
	    s->index.n < room / 2) {
		mark = hk_batch_begin(out, HK_RECORD_INDEX);
		hk_buf_add(&out->bytes, hk_buf_slice(&s->index));
		status = hk_batch_end(out, mark);
	}
	if (status == HK_OK)
		status = hk_batch_seal(out, segment->generation, 0, segment->first);
	return status;
}

static enum hk_status count_sync(struct hk_spool *s, enum hk_status status)
{
	s->counts.syncs++;
	s->counts.failed_syncs += status != HK_OK;
	return status;
}

enum hk_status hk_spool_sync(struct hk_spool *s, int file)
{
	return count_sync(s, s->disk->ops->sync(s->disk, file));
}

enum hk_status hk_spool_sync_journal(struct hk_spool *s)
{
	struct hk_spool_path dir = hk_spool_path(s->dir, "journal");
	enum hk_status status;

	if (HK_BUG(SKIP_DIR_SYNC))
		return HK_OK;
	status = count_sync(s, s->disk->ops->sync_dir(s->disk, dir.text));
	s->is_dir_in_doubt = status != HK_OK;
	return status;
}

/* Of a new segment's file: with room for its head, which may take half. */
static uint64_t first_size(const struct hk_spool *s, unsigned how)
{
	uint64_t size = how & HK_SEGMENT_NO_INDEX ? 0 : 2 * ((uint64_t)s->index.n + HK_SPOOL_BLOCK);

	size += hk_pad((size_t)size, HK_SPOOL_BLOCK);
	if (size < s->ahead)
		size = s->ahead;
	return size < s->segment_size ? size : s->segment_size;
}

/* A file for the next segment: a recycled one, a new one, or, for completions on a full disk, the
 * reserve. */
static enum hk_status open_file(
    struct hk_spool *s, unsigned how, struct hk_spool_path *ret_path, int *ret)
{
	const struct hk_disk_ops *ops = s->disk->ops;
	struct hk_spool_path next = hk_spool_path(s->dir, "journal/next"),
	                     spare = hk_spool_path(s->dir, "journal/spare");
	enum hk_status status;

	if (s->has_spare) {
		s->has_spare = false; /* whatever comes of it */
		status = ops->open(s->disk, spare.text, HK_OPEN_READ | HK_OPEN_WRITE, ret);
		*ret_path = spare;
		if (status == HK_OK)
			return HK_OK;
	}
	*ret_path = next;
	status = ops->unlink(s->disk, next.text);
	if (status != HK_OK && status != HK_NOTFOUND)
		return status;
	status = ops->open(s->disk, next.text, HK_OPEN_READ | HK_OPEN_WRITE | HK_OPEN_CREATE, ret);
	if (status == HK_OK) {
		status = ops->allocate(s->disk, *ret, first_size(s, how));
		if (status != HK_OK) {
			ops->close(s->disk, *ret);
			(void)ops->unlink(s->disk, next.text);
		}
	}
	if (status != HK_FULL)
		return status;
	s->is_full = true;
	if (!(how & HK_SEGMENT_MAY_RESERVE) || !s->has_reserve)
		return status;
	s->has_reserve = false;
	*ret_path = hk_spool_path(s->dir, "journal/reserve");
	hk_logf(s->log, HK_LOG_WARNING, "spool: disk full, completions go to the reserve");
	return ops->open(s->disk, ret_path->text, HK_OPEN_READ | HK_OPEN_WRITE, ret);
}

/* Writes and syncs the head, gives the file its name, and syncs that: only then may a record in it
 * count. *ret: the sequence that follows the head. */
static enum hk_status make_file(
    struct hk_spool *s, struct hk_segment *segment, int file, const char *path, unsigned how, uint64_t *ret)
{
	const struct hk_disk_ops *ops = s->disk->ops;
	struct hk_spool_path name = hk_segment_path(s->dir, segment->number);
	struct hk_batch head = {0};
	enum hk_status status = ops->size(s->disk, file, &segment->size);

	hk_buf_init(&head.bytes, s->segment_size);
	if (status == HK_OK)
		status = hk_segment_head_format(s, segment, how & HK_SEGMENT_NO_INDEX ? 0 : segment->size, &head);
	if (status == HK_OK)
		status = ops->write(s->disk, file, 0, hk_buf_slice(&head.bytes));
	if (status == HK_OK)
		status = hk_spool_sync(s, file);
	segment->head = segment->used = head.bytes.n;
	*ret = segment->first + head.n;
	hk_buf_done(&head.bytes);
	if (status != HK_OK)
		return status;
	s->is_open = false; /* from here on the new name may stand after a crash, and it ends the
	                       segment before */
	status = ops->rename(s->disk, path, name.text);
	return status == HK_OK ? hk_spool_sync_journal(s) : status;
}

enum hk_status hk_segment_begin(struct hk_spool *s, unsigned how)
{
	const struct hk_disk_ops *ops = s->disk->ops;
	const struct hk_segment *before = hk_spool_last(s);
	struct hk_segment *segment = calloc(1, sizeof *segment);
	struct hk_spool_path path;
	enum hk_status status;
	struct hk_spool_why why;
	uint64_t next = 0;
	int file = -1;

	if (!segment)
		return HK_NOMEM;
	segment->number = before ? before->number + 1 : 1;
	segment->generation = ++s->generation;
	segment->first = s->sequence;
	status = open_file(s, how, &path, &file);
	why = hk_spool_why(s->disk, status);
	if (status == HK_OK) {
		status = make_file(s, segment, file, path.text, how, &next);
		why = hk_spool_why(s->disk, status);
		if (status != HK_OK) {
			ops->close(s->disk, file);
			(void)ops->unlink(s->disk, path.text);
		}
	}
	if (status != HK_OK) {
		s->failures += status != HK_FULL;
		hk_logf(s->log, HK_LOG_ERROR, "spool: segment %" PRIu32 " could not be begun: %s%s",
		    segment->number, hk_status_text(status), why.text);
		free(segment);
		return status;
	}
	if (s->file >= 0)
		ops->close(s->disk, s->file);
	s->file = -1;
	status = hk_segment_add(s, segment);
	if (status != HK_OK) {
		ops->close(s->disk, file);
		return status;
	}
	s->sequence = next;
	s->file = file;
	s->is_open = true;
	hk_buf_reset(&s->index);
	/* the new head says where the segment before ends: what failed there will never count, so its body files go */
	hk_live_forget_doubtful(s, true);
	return HK_OK;
}

enum hk_status hk_segment_grow(struct hk_spool *s, uint64_t size)
{
	enum hk_status status = s->disk->ops->allocate(s->disk, s->file, size);

	if (status != HK_OK)
		return status;
	hk_spool_last(s)->size = size;
	s->ahead = 2 * s->ahead < s->ahead_most ? 2 * s->ahead : s->ahead_most;
	return HK_OK;
}

/* Room for n more bytes in the open segment, on written space where possible. FULL: begin another.
 */
static enum hk_status grow(struct hk_spool *s, uint64_t end)
{
	struct hk_segment *last = hk_spool_last(s);
	uint64_t size = end + s->ahead < s->segment_size ? end + s->ahead : s->segment_size;
	enum hk_status status;

	if (end <= last->size)
		return HK_OK;
	status = hk_segment_grow(s, size);
	return status == HK_FULL && size > end ? hk_segment_grow(s, end) : status;
}

enum hk_status hk_segment_room(struct hk_spool *s, uint64_t n)
{
	const struct hk_segment *last = hk_spool_last(s);
	bool may_use_reserve = !s->use;
	enum hk_status status;

	if (s->is_open && last->used + n <= s->segment_size) {
		status = grow(s, last->used + n);
		if (status == HK_OK)
			return status;
		if (status == HK_FULL) {
			s->is_full = true;
			if (!may_use_reserve)
				return status;
		}
	}
	status = hk_segment_begin(s, may_use_reserve ? HK_SEGMENT_MAY_RESERVE : 0);
	if (status != HK_OK)
		return status;
	last = hk_spool_last(s);
	if (last->used + n > s->segment_size)
		return HK_FULL;
	return grow(s, last->used + n);
}
