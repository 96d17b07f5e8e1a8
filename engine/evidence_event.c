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

/* false: the visitor has enough. */
static bool visit_file(struct hk_slice whole, hk_evidence_visitor *visit, void *with)
{
	struct hk_cursor c = hk_cursor_of(whole);
	struct hk_evidence_event e;
	struct hk_slice payload;
	uint8_t type;

	if (evidence_begin(&c) != HK_OK)
		return true; /* of a later version, or none of ours */
	while (evidence_record_next(&c, &type, &payload) == HK_OK)
		if (type == EVIDENCE_EVENT && read_event(payload, &e) && !visit(with, &e))
			return false;
	return true;
}

enum hk_status hk_evidence_store_events(struct hk_disk *disk, const char *dir, hk_evidence_visitor *visit, void *with)
{
	char path[EVIDENCE_PATH_MAX];
	struct hk_slice *name;
	struct hk_arena a;
	bool goes_on = true;
	uint32_t number;
	size_t n = 0, i;
	enum hk_status status;

	hk_arena_init(&a, EVIDENCE_LIST_MAX);
	status = disk->ops->list(disk, dir, &a, &name, &n);
	for (i = 0; status == HK_OK && goes_on && i < n; i++) {
		struct hk_buf whole;

		if (evidence_number(name[i], &number) != HK_OK || evidence_path(dir, number, path) != HK_OK)
			continue;
		hk_buf_init(&whole, EVIDENCE_READ_MAX);
		status = evidence_read(disk, path, &whole);
		if (status == HK_OK)
			goes_on = visit_file(hk_buf_slice(&whole), visit, with);
		else if (status == HK_NOTFOUND)
			status = HK_OK; /* it went meanwhile, as too old */
		hk_buf_done(&whole);
	}
	hk_arena_done(&a);
	return status;
}

/* ---- erasing ------------------------------------------------------------------------------------ */

static bool is_meant(uint8_t type, struct hk_slice payload, hk_evidence_matcher *match, void *with)
{
	struct hk_cursor c = hk_cursor_of(payload);
	uint64_t id;

	switch (type) {
	case EVIDENCE_EVENT:
		return match(with, 0, hk_slice_from(payload, 9));
	case EVIDENCE_MESSAGE:
	case EVIDENCE_SIGNED:
		id = hk_cursor_u64(&c);
		return match(with, id, type == EVIDENCE_MESSAGE ? c.rest : (struct hk_slice){0});
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

static enum hk_status erase_in(
    struct hk_disk *disk, int file, struct hk_slice whole, hk_evidence_matcher *match, void *with, size_t *n)
{
	struct hk_cursor c = hk_cursor_of(whole);
	struct hk_slice payload;
	enum hk_status status = HK_OK;
	uint8_t type;

	if (evidence_begin(&c) != HK_OK)
		return HK_OK;
	while (status == HK_OK && evidence_record_next(&c, &type, &payload) == HK_OK) {
		if (!is_meant(type, payload, match, with))
			continue;
		status = erase_record(disk, file, (uint64_t)(payload.p - whole.p) - EVIDENCE_RECORD_HEAD, payload.n);
		*n += status == HK_OK && type != EVIDENCE_ERASED;
	}
	return status;
}

static enum hk_status erase_file(struct hk_disk *disk, const char *path, hk_evidence_matcher *match, void *with, size_t *n)
{
	struct hk_buf whole;
	int file;
	enum hk_status status = disk->ops->open(disk, path, HK_OPEN_READ | HK_OPEN_WRITE, &file);

	if (status != HK_OK)
		return status == HK_NOTFOUND ? HK_OK : status;
	hk_buf_init(&whole, EVIDENCE_READ_MAX);
	status = evidence_read(disk, path, &whole);
	if (status == HK_OK)
		status = erase_in(disk, file, hk_buf_slice(&whole), match, with, n);
	if (status == HK_OK)
		status = disk->ops->sync(disk, file);
	disk->ops->close(disk, file);
	hk_buf_done(&whole);
	return status;
}

enum hk_status hk_evidence_store_erase(
    struct hk_disk *disk, const char *dir, hk_evidence_matcher *match, void *with, size_t *ret_n)
{
	char path[EVIDENCE_PATH_MAX];
	struct hk_slice *name;
	struct hk_arena a;
	uint32_t number;
	size_t n = 0, i;
	enum hk_status status;

	*ret_n = 0;
	hk_arena_init(&a, EVIDENCE_LIST_MAX);
	status = disk->ops->list(disk, dir, &a, &name, &n);
	for (i = 0; status == HK_OK && i < n; i++)
		if (evidence_number(name[i], &number) == HK_OK && evidence_path(dir, number, path) == HK_OK)
			status = erase_file(disk, path, match, with, ret_n);
	hk_arena_done(&a);
	return status;
}
