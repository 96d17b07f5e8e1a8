/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "engine/spool_internal.h"

struct hk_spool_file {
	struct hk_disk *disk;
	int file;
	_Atomic unsigned users;
};

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

static enum hk_status read_place(struct hk_disk *disk, int file, const struct hk_place *place, struct hk_mail *ret)
{
	uint8_t *bytes = hk_arena_alloc(&ret->arena, place->length);
	enum hk_status status;
	size_t n;

	if (!bytes)
		return ret->arena.failed;
	status = disk->ops->read(disk, file, place->offset, bytes, place->length, &n);
	return status == HK_OK ? parse_record(place, hk_slice_of(bytes, n), ret) : status;
}

enum hk_status hk_spool_read(
    struct hk_disk *disk, const char *dir, const struct hk_place *place, struct hk_mail *ret)
{
	struct hk_spool_path path = hk_segment_path(dir, place->segment);
	enum hk_status status;
	int file;

	status = disk->ops->open(disk, path.text, HK_OPEN_READ, &file);
	if (status != HK_OK)
		return status;
	status = read_place(disk, file, place, ret);
	disk->ops->close(disk, file);
	return status;
}

/* ---- files that stay open ------------------------------------------------------------------------ */

enum hk_status hk_spool_file_read(const struct hk_spool_file *f, const struct hk_place *place, struct hk_mail *ret)
{
	return read_place(f->disk, f->file, place, ret);
}

void hk_spool_file_done(struct hk_spool_file *f)
{
	if (!f || --f->users)
		return;
	f->disk->ops->close(f->disk, f->file);
	free(f);
}

void hk_segment_close(struct hk_spool *s, struct hk_segment *segment)
{
	s->n_files -= segment->file != NULL;
	hk_spool_file_done(segment->file);
	segment->file = NULL;
}

static void close_oldest(struct hk_spool *s)
{
	struct hk_segment *oldest = NULL;
	size_t i;

	for (i = 0; i < s->n_segments; i++)
		if (s->segment[i]->file && (!oldest || s->segment[i]->read_at < oldest->read_at))
			oldest = s->segment[i];
	if (oldest)
		hk_segment_close(s, oldest);
}

static struct hk_spool_file *open_file(struct hk_spool *s, uint32_t segment)
{
	struct hk_spool_path path = hk_segment_path(s->dir, segment);
	struct hk_spool_file *f = malloc(sizeof *f);

	if (!f)
		return NULL;
	*f = (struct hk_spool_file){.disk = s->disk, .users = 1};
	if (s->disk->ops->open(s->disk, path.text, HK_OPEN_READ, &f->file) != HK_OK) {
		free(f);
		return NULL;
	}
	if (s->n_files == HK_SPOOL_FILES)
		close_oldest(s);
	s->n_files++;
	return f;
}

struct hk_spool_file *hk_spool_file_use(struct hk_spool *s, const struct hk_place *place)
{
	struct hk_segment *segment = hk_spool_segment(s, place->segment);

	if (!segment || segment->generation != place->generation)
		return NULL;
	if (!segment->file)
		segment->file = open_file(s, place->segment);
	if (!segment->file)
		return NULL;
	segment->read_at = ++s->reads;
	segment->file->users++;
	return segment->file;
}

enum hk_status hk_spool_fetch(struct hk_spool *s, uint64_t id, struct hk_mail *ret)
{
	const struct hk_live *live = hk_id_map_get(&s->live, id);
	struct hk_spool_file *f;
	struct hk_place place;
	enum hk_status status;

	if (!live || !live->is_committed)
		return HK_NOTFOUND;
	place = hk_live_place(s, live);
	f = hk_spool_file_use(s, &place);
	status = f ? hk_spool_file_read(f, &place, ret) : hk_spool_read(s->disk, s->dir, &place, ret);
	hk_spool_file_done(f);
	if (status == HK_OK && (ret->id != live->id || ret->n_rcpt != live->n_rcpt))
		status = HK_CORRUPT;
	return status;
}
