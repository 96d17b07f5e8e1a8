/* SPDX-License-Identifier: MIT
 *
 * Lines of the log in files of the evidence store, and the erasing of what a file has. A file is read whole, one after the other.
 */
#include "engine/evidence_file.h"

void hk_evidence_event_add(struct hk_buf *out, const struct hk_evidence_event *e)
{
	struct hk_buf payload;

	hk_buf_init(&payload, HK_EVIDENCE_LINE_MAX + 16);
	hk_buf_add_u64(&payload, e->ms);
	hk_buf_add_u8(&payload, e->level);
	hk_buf_add(&payload, hk_slice_sub(e->line, 0, HK_EVIDENCE_LINE_MAX));
	if (hk_buf_status(&payload) == HK_OK)
		evidence_record_add(out, EVIDENCE_EVENT, hk_buf_slice(&payload));
	else
		out->failed = hk_buf_status(&payload);
	hk_buf_done(&payload);
}

static bool read_event(struct hk_slice payload, struct hk_evidence_event *ret)
{
	struct hk_cursor c = hk_cursor_of(payload);

	ret->ms = hk_cursor_u64(&c);
	ret->level = hk_cursor_u8(&c);
	ret->line = c.rest;
	return !c.failed && ret->level <= HK_LOG_DEBUG;
}

struct reader {
	hk_evidence_visitor *visit;
	void *with;
};

static enum hk_status visit_file(void *with, const char *path, struct hk_slice whole)
{
	const struct reader *r = with;
	struct hk_cursor c = hk_cursor_of(whole);
	struct hk_evidence_event e;
	struct hk_slice payload;
	uint8_t type;

	(void)path;
	if (evidence_begin(&c) != HK_OK)
		return HK_OK; /* of a later version, or none of ours */
	while (evidence_record_next(&c, &type, &payload) == HK_OK)
		if (type == EVIDENCE_EVENT && read_event(payload, &e) && !r->visit(r->with, &e))
			return HK_END;
	return HK_OK;
}

enum hk_status hk_evidence_store_events(struct hk_disk *disk, const char *dir, hk_evidence_visitor *visit, void *with)
{
	struct reader r = {visit, with};

	return evidence_walk(disk, dir, false, visit_file, &r);
}

/* ---- erasing ------------------------------------------------------------------------------------ */

struct eraser {
	struct hk_disk *disk;
	hk_evidence_matcher *match;
	void *with;
	size_t *n;
};

static bool is_meant(const struct eraser *e, uint8_t type, struct hk_slice payload)
{
	struct hk_cursor c = hk_cursor_of(payload);
	uint64_t id;

	switch (type) {
	case EVIDENCE_EVENT:
		return e->match(e->with, 0, hk_slice_from(payload, 9));
	case EVIDENCE_MESSAGE:
	case EVIDENCE_SIGNED:
		id = hk_cursor_u64(&c);
		return e->match(e->with, id, type == EVIDENCE_MESSAGE ? c.rest : (struct hk_slice){0});
	case EVIDENCE_ERASED: /* once more: what was cut off between its two writes */
		return true;
	default:
		return false;
	}
}

/* First its type alone, an octet that cannot be torn, and then nothing else of it counts: a crash between the two hides no record
 * behind this one. */
static enum hk_status erase_record(struct hk_disk *disk, int file, uint64_t at, size_t n)
{
	static const uint8_t erased = EVIDENCE_ERASED;
	struct hk_buf zeros;
	enum hk_status status = disk->ops->write(disk, file, at, hk_slice_of(&erased, 1));

	hk_buf_init(&zeros, n + 4);
	while (zeros.n < n + 4 && hk_buf_status(&zeros) == HK_OK)
		hk_buf_add_byte(&zeros, 0);
	if (status == HK_OK)
		status = hk_buf_status(&zeros);
	if (status == HK_OK)
		status = disk->ops->write(disk, file, at + EVIDENCE_RECORD_HEAD - 4, hk_buf_slice(&zeros));
	hk_buf_done(&zeros);
	return status;
}

static enum hk_status erase_in(const struct eraser *e, int file, struct hk_slice whole)
{
	struct hk_cursor c = hk_cursor_of(whole);
	struct hk_slice payload;
	enum hk_status status = HK_OK;
	uint8_t type;

	if (evidence_begin(&c) != HK_OK)
		return HK_OK;
	while (status == HK_OK && evidence_record_next(&c, &type, &payload) == HK_OK) {
		if (!is_meant(e, type, payload))
			continue;
		status = erase_record(e->disk, file, (uint64_t)(payload.p - whole.p) - EVIDENCE_RECORD_HEAD, payload.n);
		*e->n += status == HK_OK && type != EVIDENCE_ERASED;
	}
	return status;
}

static enum hk_status erase_file(void *with, const char *path, struct hk_slice whole)
{
	const struct eraser *e = with;
	int file;
	enum hk_status status = e->disk->ops->open(e->disk, path, HK_OPEN_READ | HK_OPEN_WRITE, &file);

	if (status != HK_OK)
		return status == HK_NOTFOUND ? HK_OK : status;
	status = erase_in(e, file, whole);
	if (status == HK_OK)
		status = e->disk->ops->sync(e->disk, file);
	e->disk->ops->close(e->disk, file);
	return status;
}

enum hk_status hk_evidence_store_erase(
    struct hk_disk *disk, const char *dir, hk_evidence_matcher *match, void *with, size_t *ret_n)
{
	struct eraser e = {disk, match, with, ret_n};

	*ret_n = 0;
	return evidence_walk(disk, dir, false, erase_file, &e);
}
