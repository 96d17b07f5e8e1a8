/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>

#include "engine/spool_internal.h"
#include "lib/base/bug.h"

enum { CHUNK = 1024 * 1024, LOAD_MOST = 1024 * 1024 * 1024 };

static enum hk_status read_all(
    struct hk_spool *s, int file, uint8_t *to, uint64_t room, size_t *ret)
{
	size_t got = 0, n;
	enum hk_status status;

	do {
		/* DIRECT wants whole blocks: offset, length and memory are multiples of one */
		status = s->disk->ops->read(s->disk, file, got, to + got,
		    room - got < CHUNK ? (size_t)(room - got) : CHUNK, &n);
		if (status != HK_OK)
			return status;
		got += n;
	} while (n == CHUNK && got < room);
	*ret = got;
	return HK_OK;
}

enum hk_status hk_segment_load(struct hk_spool *s, uint32_t number, uint8_t **ret, size_t *ret_n)
{
	struct hk_spool_path path = hk_segment_path(s->dir, number);
	const struct hk_disk_ops *ops = s->disk->ops;
	enum hk_status status;
	uint64_t size, room;
	uint8_t *bytes;
	int file;

	status = ops->open(s->disk, path.text, HK_OPEN_READ | (HK_BUG(TRUST_CACHE) ? 0u : HK_OPEN_DIRECT), &file);
	if (status != HK_OK)
		return status;
	status = ops->size(s->disk, file, &size);
	if (status == HK_OK && size > LOAD_MOST)
		status = HK_LIMIT;
	if (status == HK_OK) {
		room = size + hk_pad((size_t)size, HK_SPOOL_BLOCK) + HK_SPOOL_BLOCK;
		bytes = aligned_alloc(HK_SPOOL_BLOCK, (size_t)room);
		status = bytes ? read_all(s, file, bytes, room, ret_n) : HK_NOMEM;
		if (status == HK_OK)
			*ret = bytes;
		else
			free(bytes);
	}
	ops->close(s->disk, file);
	return status;
}

/* What the medium has of the committed part, past the cache: a failed sync may have cleaned pages
 * that it never wrote. */
static bool is_intact(struct hk_spool *s, const struct hk_segment *segment)
{
	struct hk_scan scan = {.generation = segment->generation, .sequence = segment->first};
	struct hk_slice batch;
	uint8_t *bytes;
	size_t n;

	if (hk_segment_load(s, segment->number, &bytes, &n) != HK_OK)
		return false;
	scan.bytes = hk_slice_sub(hk_slice_of(bytes, n), 0, (size_t)segment->used);
	while (scan.at < segment->used && hk_scan_batch(&scan, &batch))
		;
	free(bytes);
	return scan.at >= segment->used;
}

void hk_segment_fail(struct hk_spool *s, enum hk_status status)
{
	struct hk_segment *last = hk_spool_last(s);
	struct hk_spool_why why = hk_spool_why(s->disk, status);

	s->failures++;
	s->is_open = false;
	s->disk->ops->close(s->disk, s->file);
	s->file = -1;
	hk_logf(s->log, HK_LOG_ERROR,
	    "spool: a write to segment %" PRIu32 " failed%s; it is not written again", last->number, why.text);
	last->is_damaged = !is_intact(s, last);
	if (last->is_damaged)
		hk_logf(s->log, HK_LOG_ERROR,
		    "spool: segment %" PRIu32
		    " does not hold what was committed; moving its messages",
		    last->number);
}
