/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>

#include "engine/spool_internal.h"

enum { HEAD_MOST = 512 * 1024 * 1024 };

static enum hk_status damaged(
    struct hk_spool *s, uint32_t segment, uint64_t offset, const char *what)
{
	s->damage = (struct hk_spool_damage){segment, offset, what};
	hk_logf(s->log, HK_LOG_ERROR,
	    "spool: damage in segment %" PRIu32 " at offset %" PRIu64 ": %s", segment, offset,
	    what);
	return HK_CORRUPT;
}

/* Reads n bytes from the start of a segment into out; fewer at its end. */
static enum hk_status read_start(struct hk_spool *s, int file, size_t n, struct hk_buf *out)
{
	uint8_t *bytes = malloc(n);
	enum hk_status status =
	    bytes ? s->disk->ops->read(s->disk, file, 0, bytes, n, &n) : HK_NOMEM;

	hk_buf_reset(out);
	if (status == HK_OK) {
		hk_buf_add(out, hk_slice_of(bytes, n));
		status = hk_buf_status(out);
	}
	free(bytes);
	return status;
}

/* The first batch: a block, and more where an index stands in it. */
static enum hk_status load_head(struct hk_spool *s, int file, struct hk_buf *out)
{
	enum hk_status status = read_start(s, file, HK_SPOOL_BLOCK, out);
	struct hk_record r;
	size_t need;

	if (status != HK_OK)
		return status;
	if (hk_record_read(hk_buf_slice(out), &r) != HK_OK || !r.left ||
	    r.whole + HK_RECORD_HEAD > out->n)
		return HK_OK;
	need = r.whole + HK_RECORD_HEAD + hk_load32(out->p + r.whole + 8); /* its length field */
	need += hk_pad(need, HK_SPOOL_BLOCK);
	return need > out->n && need < HEAD_MOST ? read_start(s, file, need, out) : HK_OK;
}

/* Applies the batches of a segment up to `end`, or up to where they stop. */
static enum hk_status apply_batches(struct hk_spool *s, struct hk_segment *segment,
    struct hk_scan *scan, uint64_t end, struct hk_buf *index)
{
	enum hk_status status = HK_OK;
	struct hk_slice batch;
	struct hk_record r;
	size_t at = 0, from;

	while (status == HK_OK && scan->at < end && (at = scan->at, hk_scan_batch(scan, &batch))) {
		from = index->n;
		while (status == HK_OK && hk_scan_record(&batch, &r)) {
			status = hk_index_record(index, &r, (uint32_t)at);
			at += r.whole;
		}
		if (status == HK_OK)
			status = hk_buf_status(index);
		if (status == HK_OK)
			status =
			    hk_index_apply(s, segment, hk_slice_from(hk_buf_slice(index), from));
	}
	return status == HK_CORRUPT
	           ? damaged(s, segment->number, at, "a record that contradicts the others")
	           : status;
}

/* A segment that another follows: by its index, else by its records up to where the next one says
 * that it ends. */
static enum hk_status apply_sealed(
    struct hk_spool *s, struct hk_segment *segment, const struct hk_segment_head *next)
{
	struct hk_scan scan = {.generation = segment->generation, .sequence = segment->first};
	struct hk_buf index;
	enum hk_status status;
	uint8_t *bytes = NULL;
	size_t n;

	segment->used = next->used_before;
	if (next->has_index && !s->by_records) {
		status = hk_index_apply(s, segment, next->index);
		return status == HK_CORRUPT
		           ? damaged(s, next->number, 0, "an index that contradicts the others")
		           : status;
	}
	status = hk_segment_load(s, segment->number, &bytes, &n);
	if (status != HK_OK)
		return status;
	hk_buf_init(&index, SIZE_MAX);
	scan.bytes = hk_slice_sub(hk_slice_of(bytes, n), 0, next->used_before);
	status = apply_batches(s, segment, &scan, next->used_before, &index);
	if (status == HK_OK && (scan.at != next->used_before || scan.sequence != next->first))
		status = damaged(s, segment->number, scan.at, "a committed batch is not whole");
	hk_buf_done(&index);
	free(bytes);
	return status;
}

/* The segment that was open. What a kill left in the cache is synced first; then only what the
 * medium has is believed. */
static enum hk_status apply_last(struct hk_spool *s, struct hk_segment *segment, int file)
{
	struct hk_scan scan = {.generation = segment->generation, .sequence = segment->first};
	enum hk_status status;
	uint8_t *bytes = NULL;
	size_t n;
	bool may_go_on;

	may_go_on = s->disk->ops->sync(s->disk, file) == HK_OK;
	status = hk_segment_load(s, segment->number, &bytes, &n);
	if (status != HK_OK)
		return status;
	scan.bytes = hk_slice_of(bytes, n);
	status = apply_batches(s, segment, &scan, n, &s->index);
	if (status == HK_OK && hk_scan_is_damaged(&scan))
		status = damaged(
		    s, segment->number, scan.at, "a batch is not whole, but a later one is there");
	segment->used = scan.at;
	s->sequence = scan.sequence;
	/* After a torn batch its space is not used again in this generation: what is left of it
	 * could mix with a new one. */
	if (status == HK_OK && may_go_on && segment->used < s->segment_size &&
	    hk_scan_is_clean(&scan))
		s->is_open = true;
	free(bytes);
	return status;
}

/* Opens segment `number` as the newest so far, and finishes the one before it, which it describes.
 */
static enum hk_status recover_segment(struct hk_spool *s, uint32_t number, struct hk_buf *bytes)
{
	struct hk_spool_path path = hk_segment_path(s->dir, number);
	struct hk_segment *before = hk_spool_last(s), *segment;
	struct hk_segment_head head;
	enum hk_status status;

	if (s->file >= 0)
		s->disk->ops->close(s->disk, s->file);
	s->file = -1;
	status = s->disk->ops->open(s->disk, path.text, HK_OPEN_READ | HK_OPEN_WRITE, &s->file);
	if (status == HK_OK)
		status = load_head(s, s->file, bytes);
	if (status != HK_OK)
		return status;
	status = hk_segment_head_parse(hk_buf_slice(bytes), &head);
	if (status == HK_VERSION)
		return status;
	if (status != HK_OK || head.number != number || head.generation <= s->generation)
		return damaged(s, number, 0, "its head is not right");
	if (before) {
		status = apply_sealed(s, before, &head);
		if (status != HK_OK)
			return status;
	}
	segment = calloc(1, sizeof *segment);
	if (!segment)
		return HK_NOMEM;
	*segment = (struct hk_segment){
	    .number = number, .generation = head.generation, .first = head.first, .head = head.end, .used = head.end};
	s->generation = head.generation;
	s->sequence = head.first;
	if (head.last_id > s->last_id)
		s->last_id = head.last_id;
	status = s->disk->ops->size(s->disk, s->file, &segment->size);
	if (status != HK_OK) {
		free(segment);
		return status;
	}
	return hk_segment_add(s, segment);
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* NNNNNNNN.seg */
static bool parse_name(struct hk_slice name, uint32_t *ret)
{
	struct hk_slice suffix = HK_S(".seg");
	uint64_t number;

	if (name.n <= suffix.n || !hk_slice_eq(hk_slice_from(name, name.n - suffix.n), suffix))
		return false;
	if (hk_slice_u64(hk_slice_sub(name, 0, name.n - suffix.n), UINT32_MAX, &number) != HK_OK)
		return false;
	*ret = (uint32_t)number;
	return true;
}

/* The numbers of the segments that are there, sorted; notes the spare and the reserve. */
enum hk_status hk_spool_list_segments(
    struct hk_spool *s, struct hk_arena *a, uint32_t **ret, size_t *ret_n)
{
	struct hk_spool_path dir = hk_spool_path(s->dir, "journal");
	struct hk_slice *name;
	enum hk_status status;
	size_t n, i, found = 0;

	status = s->disk->ops->list(s->disk, dir.text, a, &name, &n);
	if (status != HK_OK)
		return status;
	*ret = hk_arena_array(a, n, sizeof **ret);
	if (!*ret)
		return a->failed;
	for (i = 0; i < n; i++) {
		if (parse_name(name[i], &(*ret)[found]))
			found++;
		else if (hk_slice_eq(name[i], HK_S("spare")))
			s->has_spare = true;
		else if (hk_slice_eq(name[i], HK_S("reserve")))
			s->has_reserve = true;
	}
	qsort(*ret, found, sizeof **ret, by_number);
	*ret_n = found;
	return HK_OK;
}

enum hk_status hk_spool_recover(struct hk_spool *s)
{
	struct hk_arena a;
	struct hk_buf bytes;
	uint32_t *number;
	enum hk_status status;
	size_t n = 0, i;

	hk_arena_init(&a, SIZE_MAX);
	hk_buf_init(&bytes, SIZE_MAX);
	status = hk_spool_list_segments(s, &a, &number, &n);
	for (i = 0; status == HK_OK && i < n; i++) {
		if (i && number[i] != number[i - 1] + 1)
			status = damaged(s, number[i - 1] + 1, 0, "the segment is missing");
		else
			status = recover_segment(s, number[i], &bytes);
	}
	if (status == HK_OK && n)
		status = apply_last(s, hk_spool_last(s), s->file);
	hk_buf_done(&bytes);
	hk_arena_done(&a);
	return status;
}
