/* SPDX-License-Identifier: MIT */
#include "engine/spool_internal.h"

static enum hk_status parse_record(
    const struct hk_place *place, struct hk_slice bytes, struct hk_mail *ret)
{
	struct hk_slice payload;
	struct hk_record r;

	/* A recycled file holds other generations, or bytes of them: that is no damage. */
	if (bytes.n < HK_RECORD_HEAD || hk_load32(bytes.p) != HK_RECORD_MAGIC ||
	    hk_load32(bytes.p + 16) != place->generation)
		return HK_NOTFOUND;
	if (hk_record_read(bytes, &r) != HK_OK || r.payload.n + HK_RECORD_HEAD != place->length)
		return HK_CORRUPT;
	payload = r.payload;
	if (r.type == HK_RECORD_MOVE && payload.n >= HK_MOVE_HEAD)
		payload = hk_slice_from(payload, HK_MOVE_HEAD);
	else if (r.type != HK_RECORD_MESSAGE)
		return HK_CORRUPT;
	return hk_mail_parse(payload, ret);
}

enum hk_status hk_spool_read(
    struct hk_disk *disk, const char *dir, const struct hk_place *place, struct hk_mail *ret)
{
	struct hk_spool_path path = hk_segment_path(dir, place->segment);
	enum hk_status status;
	uint8_t *bytes;
	size_t n;
	int file;

	status = disk->ops->open(disk, path.text, HK_OPEN_READ, &file);
	if (status != HK_OK)
		return status;
	bytes = hk_arena_alloc(&ret->arena, place->length);
	status = bytes ? disk->ops->read(disk, file, place->offset, bytes, place->length, &n)
	               : ret->arena.failed;
	disk->ops->close(disk, file);
	return status == HK_OK ? parse_record(place, hk_slice_of(bytes, n), ret) : status;
}
