/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "engine/evidence_file.h"

enum { DIGITS = 8 };

enum hk_status evidence_path(const char *dir, uint32_t number, char path[EVIDENCE_PATH_MAX])
{
	int n = snprintf(path, EVIDENCE_PATH_MAX, "%s/%08u.log", dir, number);

	return n < 0 || n >= EVIDENCE_PATH_MAX ? HK_LIMIT : HK_OK;
}

enum hk_status evidence_number(struct hk_slice name, uint32_t *ret)
{
	uint64_t number;
	enum hk_status status;

	if (name.n != DIGITS + 4 || !hk_slice_eq(hk_slice_from(name, DIGITS), HK_S(".log")))
		return HK_SYNTAX;
	status = hk_slice_u64(hk_slice_sub(name, 0, DIGITS), UINT32_MAX, &number);
	if (status == HK_OK)
		*ret = (uint32_t)number;
	return status;
}

static uint32_t checksum(uint8_t type, struct hk_slice payload)
{
	return hk_crc32c(hk_crc32c(0, hk_slice_of(&type, 1)), payload);
}

void evidence_record_add(struct hk_buf *out, uint8_t type, struct hk_slice payload)
{
	hk_buf_add_u8(out, type);
	hk_buf_add_u32(out, (uint32_t)payload.n);
	hk_buf_add_u32(out, checksum(type, payload));
	hk_buf_add(out, payload);
}

enum hk_status evidence_record_next(struct hk_cursor *c, uint8_t *ret_type, struct hk_slice *ret_payload)
{
	uint8_t type = hk_cursor_u8(c);
	uint32_t length = hk_cursor_u32(c), crc = hk_cursor_u32(c);
	struct hk_slice payload = hk_cursor_take(c, length);

	if (c->failed || (type != EVIDENCE_ERASED && crc != checksum(type, payload)))
		return HK_END;
	*ret_type = type;
	*ret_payload = payload;
	return HK_OK;
}

enum hk_status evidence_read(struct hk_disk *disk, const char *path, struct hk_buf *out)
{
	uint8_t chunk[8192];
	size_t n = sizeof chunk;
	int file;
	enum hk_status status = disk->ops->open(disk, path, HK_OPEN_READ, &file);

	if (status != HK_OK)
		return status;
	while (status == HK_OK && n == sizeof chunk) {
		status = disk->ops->read(disk, file, out->n, chunk, sizeof chunk, &n);
		if (status == HK_OK)
			hk_buf_add(out, hk_slice_of(chunk, n));
		if (status == HK_OK)
			status = hk_buf_status(out);
	}
	disk->ops->close(disk, file);
	return status;
}

enum hk_status evidence_begin(struct hk_cursor *c)
{
	if (!hk_slice_eq(hk_cursor_take(c, 4), HK_S("HKEF")))
		return HK_NOTFOUND;
	if (hk_cursor_u16(c) > EVIDENCE_FILE_VERSION)
		return HK_VERSION;
	(void)hk_cursor_u64(c);
	return HK_OK;
}

/* OK also for a file that is not there any more. */
static enum hk_status visit_one(struct hk_disk *disk, const char *path, evidence_visitor *visit, void *with)
{
	struct hk_buf whole;
	enum hk_status status;

	hk_buf_init(&whole, EVIDENCE_READ_MAX);
	status = evidence_read(disk, path, &whole);
	if (status == HK_OK)
		status = visit(with, path, hk_buf_slice(&whole));
	else if (status == HK_NOTFOUND)
		status = HK_OK;
	hk_buf_done(&whole);
	return status;
}

enum hk_status evidence_walk(struct hk_disk *disk, const char *dir, bool newest_first, evidence_visitor *visit, void *with)
{
	char path[EVIDENCE_PATH_MAX];
	struct hk_slice *name;
	struct hk_arena a;
	uint32_t number;
	size_t n = 0, i;
	enum hk_status status;

	hk_arena_init(&a, EVIDENCE_LIST_MAX);
	status = disk->ops->list(disk, dir, &a, &name, &n);
	for (i = 0; status == HK_OK && i < n; i++)
		if (evidence_number(name[newest_first ? n - 1 - i : i], &number) == HK_OK && evidence_path(dir, number, path) == HK_OK)
			status = visit_one(disk, path, visit, with);
	hk_arena_done(&a);
	return status == HK_END ? HK_OK : status;
}
