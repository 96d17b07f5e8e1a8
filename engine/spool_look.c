/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/disk_look.h"
#include "engine/spool_internal.h"

enum { FILE_ROOM = 64, RECORD_ARENA = 64 * 1024 * 1024 };

struct look {
	struct hk_spool *s; /* by the indexes, as a server reads it */
	hk_spool_see *see;
	void *context;
	bool is_damaged;
	struct hk_buf seen; /* places of damage: segment, offset */
};

static void see_place(struct look *l, enum hk_sight_kind kind, const char *file, uint64_t offset, const char *what)
{
	struct hk_spool_sight sight = {.kind = kind, .file = file, .offset = offset, .what = what};

	l->is_damaged |= kind == HK_SIGHT_DAMAGE;
	l->see(l->context, &sight);
}

/* One place is told once, whoever finds it. */
static bool is_seen(struct look *l, uint32_t segment, uint64_t offset)
{
	struct hk_cursor c = hk_cursor_of(hk_buf_slice(&l->seen));

	while (c.rest.n) {
		uint32_t number = hk_cursor_u32(&c);

		if (number == segment && hk_cursor_u64(&c) == offset)
			return true;
		if (number != segment)
			(void)hk_cursor_u64(&c);
	}
	return false;
}

static void see_damage(struct look *l, uint32_t segment, uint64_t offset, const char *what)
{
	char file[FILE_ROOM];

	if (is_seen(l, segment, offset))
		return;
	hk_buf_add_u32(&l->seen, segment);
	hk_buf_add_u64(&l->seen, offset);
	snprintf(file, sizeof file, "journal/%08" PRIu32 ".seg", segment);
	see_place(l, HK_SIGHT_DAMAGE, file, offset, what);
}

/* ---- one segment, record by record --------------------------------------- */

struct part {
	uint32_t number;
	struct hk_spool_sight sight;
	struct hk_scan scan;
	char file[FILE_ROOM];
};

static enum hk_status see_records(struct look *l, struct part *p, struct hk_slice batch, uint64_t at)
{
	struct hk_spool_sight sight = {.kind = HK_SIGHT_RECORD, .file = p->file};
	enum hk_status status;
	struct hk_record r;
	struct hk_told told;

	while (hk_scan_record(&batch, &r)) {
		hk_arena_init(&told.mail.arena, RECORD_ARENA);
		status = hk_record_tell(&r, &told);
		if (status == HK_OK) {
			sight.offset = at;
			sight.record = &told;
			l->see(l->context, &sight);
		} else if (status == HK_CORRUPT) {
			see_damage(l, p->number, at, "a record that cannot be read, though its checksum is right");
			status = HK_OK;
		}
		hk_arena_done(&told.mail.arena);
		if (status != HK_OK)
			return status;
		at += r.whole;
		p->sight.records++;
	}
	return HK_OK;
}

/* All batches; past a damaged one, those that follow it. */
static enum hk_status see_batches(struct look *l, struct part *p)
{
	struct hk_slice batch;
	enum hk_status status = HK_OK;
	size_t at;

	while (status == HK_OK && p->scan.at < p->scan.bytes.n) {
		at = p->scan.at;
		if (hk_scan_batch(&p->scan, &batch)) {
			status = see_records(l, p, batch, at);
			continue;
		}
		if (!hk_scan_resume(&p->scan))
			break;
		see_damage(l, p->number, at, "a batch is not whole, but a later one is there");
	}
	return status;
}

static enum hk_status read_head(struct look *l, uint32_t number, uint8_t **ret_bytes, size_t *ret_n, struct hk_segment_head *ret)
{
	enum hk_status status = hk_segment_load(l->s, number, ret_bytes, ret_n);

	if (status != HK_OK)
		return status;
	status = hk_segment_head_parse(hk_slice_of(*ret_bytes, *ret_n), ret);
	if (status == HK_OK && ret->number != number)
		status = HK_CORRUPT;
	return status;
}

/* Where it has to end: what the head of the one behind it says. */
static void end_of(struct look *l, uint32_t number, struct hk_segment_head *ret, bool *ret_known)
{
	uint8_t *bytes = NULL;
	size_t n;

	*ret_known = read_head(l, number + 1, &bytes, &n, ret) == HK_OK;
	free(bytes);
}

/* What a recycled file held before is not torn. */
static bool is_torn(const struct hk_scan *scan)
{
	const uint8_t *p = scan->bytes.p + scan->at;

	return scan->at + HK_RECORD_HEAD <= scan->bytes.n && hk_load32(p) == HK_RECORD_MAGIC && hk_load32(p + 16) == scan->generation;
}

static void see_end(struct look *l, struct part *p, const struct hk_segment_head *next, bool is_known)
{
	p->sight.kind = HK_SIGHT_SEGMENT_END;
	p->sight.used = p->scan.at;
	if (is_known && (p->scan.at != next->used_before || p->scan.sequence != next->first))
		see_damage(l, p->number, p->scan.at, "a committed batch is not whole");
	else if (!p->sight.is_sealed && is_torn(&p->scan))
		see_place(l, HK_SIGHT_TORN, p->file, p->scan.at, "a batch is not whole, and nothing follows: it never counted");
	l->see(l->context, &p->sight);
}

static enum hk_status see_segment(struct look *l, uint32_t number, bool is_last)
{
	struct part p = {.number = number, .sight = {.kind = HK_SIGHT_SEGMENT, .is_sealed = !is_last}};
	struct hk_segment_head head, next;
	uint8_t *bytes = NULL;
	bool is_known = false;
	enum hk_status status;
	size_t n;

	snprintf(p.file, sizeof p.file, "journal/%08" PRIu32 ".seg", number);
	p.sight.file = p.file;
	status = read_head(l, number, &bytes, &n, &head);
	if (status == HK_CORRUPT)
		see_damage(l, number, 0, "its head is not right");
	if (status == HK_OK) {
		if (!is_last)
			end_of(l, number, &next, &is_known);
		p.sight.generation = head.generation;
		p.sight.first = head.first;
		p.sight.size = n;
		l->see(l->context, &p.sight);
		p.scan = (struct hk_scan){.bytes = hk_slice_sub(hk_slice_of(bytes, n), 0, is_known ? next.used_before : n),
		    .generation = head.generation,
		    .sequence = head.first};
		status = see_batches(l, &p);
		see_end(l, &p, &next, is_known);
	}
	free(bytes);
	return status == HK_CORRUPT ? HK_OK : status;
}

static enum hk_status see_segments(struct look *l)
{
	struct hk_arena a;
	uint32_t *number;
	enum hk_status status;
	size_t n = 0, i;

	hk_arena_init(&a, SIZE_MAX);
	status = hk_spool_list_segments(l->s, &a, &number, &n);
	for (i = 0; status == HK_OK && i < n; i++) {
		if (i && number[i] != number[i - 1] + 1)
			see_damage(l, number[i - 1] + 1, 0, "the segment is missing");
		status = see_segment(l, number[i], i == n - 1);
	}
	hk_arena_done(&a);
	return status;
}

/* ---- what lives ------------------------------------------------------------- */

static void see_body(struct look *l, const struct hk_mail *mail)
{
	char name[HK_MAIL_ID_TEXT], file[FILE_ROOM];
	struct hk_spool_path path;
	enum hk_status status;
	uint64_t size = 0;
	int fd;

	hk_mail_id_format(mail->id, name);
	snprintf(file, sizeof file, "body/%s", name);
	path = hk_spool_path(l->s->dir, file);
	status = l->s->disk->ops->open(l->s->disk, path.text, HK_OPEN_READ, &fd);
	if (status == HK_OK) {
		status = l->s->disk->ops->size(l->s->disk, fd, &size);
		l->s->disk->ops->close(l->s->disk, fd);
	}
	if (status == HK_NOTFOUND)
		see_place(l, HK_SIGHT_DAMAGE, file, 0, "the body file of a waiting message is missing");
	else if (status != HK_OK)
		see_place(l, HK_SIGHT_DAMAGE, file, 0, "the body file of a waiting message cannot be read");
	else if (size < mail->body_size)
		see_place(l, HK_SIGHT_DAMAGE, file, size, "the body file of a waiting message ends too early");
}

static enum hk_status see_messages(struct look *l)
{
	struct hk_spool_sight sight = {.kind = HK_SIGHT_MESSAGE};
	struct hk_spool_entry entry;
	enum hk_status status = hk_spool_list_recovered(l->s);
	const struct hk_live *live;

	while (status == HK_OK) {
		status = hk_spool_recovered(l->s, &entry);
		if (status == HK_CORRUPT) {
			live = hk_id_map_get(&l->s->live, l->s->recovered[l->s->next_recovered - 1]);
			see_damage(l, live->segment, live->offset, "a live message cannot be read");
			status = HK_OK;
		} else if (status == HK_OK) {
			sight.message = &entry;
			l->see(l->context, &sight);
			if (entry.mail->body_file.n)
				see_body(l, entry.mail);
		}
	}
	return status == HK_END ? HK_OK : status;
}

static enum hk_status see_orphans(struct look *l)
{
	struct hk_spool_path dir = hk_spool_path(l->s->dir, "body");
	const struct hk_live *live;
	struct hk_slice *name;
	enum hk_status status;
	struct hk_arena a;
	char file[FILE_ROOM];
	size_t n = 0, i;
	uint64_t id;

	hk_arena_init(&a, SIZE_MAX);
	status = l->s->disk->ops->list(l->s->disk, dir.text, &a, &name, &n);
	for (i = 0; status == HK_OK && i < n; i++) {
		if (hk_mail_id_parse(name[i], &id) != HK_OK)
			continue;
		live = hk_id_map_get(&l->s->live, id);
		if (live && live->has_file)
			continue;
		snprintf(file, sizeof file, "body/%.*s", HK_FMT(name[i]));
		see_place(l, HK_SIGHT_ORPHAN, file, 0, "a body file that no message has");
	}
	hk_arena_done(&a);
	return status == HK_NOTFOUND ? HK_OK : status;
}

/* ---- indexes beside records --------------------------------------------------- */

static bool is_same(const struct hk_live *a, const struct hk_live *b)
{
	return b && a->segment == b->segment && a->offset == b->offset &&
	       a->length == b->length && a->n_rcpt == b->n_rcpt && a->pending == b->pending &&
	       a->next_attempt == b->next_attempt && a->tries == b->tries && a->has_file == b->has_file &&
	       memcmp(a->outcome, b->outcome, a->n_rcpt) == 0;
}

/* The server believes the indexes; so they have to say what the records say. */
static void compare(struct look *l, const struct hk_spool *records)
{
	const struct hk_live *live;
	bool is_right = records->live.n == l->s->live.n;
	size_t i = 0;

	while (is_right && (live = hk_id_map_each(&l->s->live, &i)))
		is_right = is_same(live, hk_id_map_get(&records->live, live->id));
	if (!is_right)
		see_place(l, HK_SIGHT_DAMAGE, "journal", 0, "the indexes say other things than the records");
}

static enum hk_status recover(struct look *l, struct hk_spool *s)
{
	enum hk_status status = hk_spool_recover(s);

	if (status == HK_CORRUPT && s->damage.what) {
		see_damage(l, s->damage.segment, s->damage.offset, s->damage.what);
		return HK_OK;
	}
	return status;
}

static enum hk_status look_by_records(struct look *l, const struct hk_spool_options *options)
{
	struct hk_spool *records = hk_spool_make(l->s->disk, options, NULL);
	enum hk_status status;

	if (!records)
		return HK_NOMEM;
	records->by_records = true;
	status = recover(l, records);
	if (status == HK_OK && !records->damage.what && !l->s->damage.what)
		compare(l, records);
	hk_spool_close(records);
	return status;
}

static enum hk_status look_at(struct look *l, const struct hk_spool_options *options)
{
	struct hk_spool_sight sight = {.kind = HK_SIGHT_SPOOL, .file = "VERSION"};
	enum hk_status status = hk_spool_check_version(l->s);

	if (status != HK_OK)
		return status;
	sight.version = l->s->version;
	l->see(l->context, &sight);
	status = see_segments(l);
	if (status == HK_OK)
		status = recover(l, l->s);
	if (status == HK_OK)
		status = look_by_records(l, options);
	if (status == HK_OK && !l->s->damage.what)
		status = see_messages(l);
	if (status == HK_OK && !l->s->damage.what)
		status = see_orphans(l);
	return status == HK_OK && l->is_damaged ? HK_CORRUPT : status;
}

enum hk_status hk_spool_look(struct hk_disk *disk, const char *dir, struct hk_log *log, hk_spool_see *see, void *context)
{
	struct look l = {.see = see, .context = context};
	struct hk_spool_options options = {.dir = dir};
	struct hk_disk_look disk_look;
	struct hk_spool_path journal;
	enum hk_status status;

	if (strlen(dir) > HK_SPOOL_DIR_MOST)
		return HK_LIMIT;
	journal = hk_spool_path(dir, "journal");
	status = disk->ops->find_dir(disk, journal.text);
	if (status != HK_OK)
		return status;
	hk_disk_look_init(&disk_look, disk);
	l.s = hk_spool_make(&disk_look.disk, &options, log);
	if (!l.s)
		return HK_NOMEM;
	hk_buf_init(&l.seen, SIZE_MAX);
	status = look_at(&l, &options);
	hk_buf_done(&l.seen);
	hk_spool_close(l.s);
	return status;
}
