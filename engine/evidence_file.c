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
