/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <hikyaku/crypto.h>
#include <hikyaku/verify.h>

#include "engine/evidence_file.h"

/* Which answers stand in the open file already: by the first half of their SHA-256, since a domain owner who could make
 * two answers meet in a weaker hash could have another's answer shown in place of theirs. */
enum { DIGEST = 16, SLOTS_FIRST = 256, ANSWERS_MAX = 100000, DAY = 86400, AT_ONCE = 65536 };

struct seen {
	uint8_t digest[DIGEST];
	uint32_t offset; /* 0: an empty slot */
};

struct hk_evidence_store {
	struct hk_disk *disk;
	char dir[EVIDENCE_PATH_MAX];
	uint64_t max_bytes;
	uint32_t days;
	int file; /* -1: none is open */
	uint32_t number;
	uint64_t size;
	int64_t day; /* of the last look for files that must go; a new day begins a new file */
	struct seen *seen;
	size_t n_seen, slots;
};

enum hk_status hk_evidence_store_open(
    struct hk_disk *disk, const char *dir, uint64_t max_bytes, uint32_t days, struct hk_evidence_store **ret)
{
	struct hk_evidence_store *s;
	enum hk_status status;

	if (strlen(dir) >= EVIDENCE_PATH_MAX - 16)
		return HK_LIMIT;
	status = disk->ops->make_dir(disk, dir);
	if (status != HK_OK)
		return status;
	s = calloc(1, sizeof *s);
	if (!s)
		return HK_NOMEM;
	s->disk = disk;
	memcpy(s->dir, dir, strlen(dir) + 1);
	s->max_bytes = max_bytes;
	s->days = days;
	s->file = -1;
	s->day = -1;
	*ret = s;
	return HK_OK;
}

static void close_file(struct hk_evidence_store *s)
{
	if (s->file >= 0)
		s->disk->ops->close(s->disk, s->file);
	s->file = -1;
	s->n_seen = 0;
	if (s->seen)
		memset(s->seen, 0, s->slots * sizeof *s->seen);
}

void hk_evidence_store_close(struct hk_evidence_store *s)
{
	if (!s)
		return;
	close_file(s);
	free(s->seen);
	free(s);
}

/* ---- files come and go ------------------------------------------------------------------- */

static uint64_t file_size(struct hk_evidence_store *s, const char *path)
{
	uint64_t size = 0;
	int file;

	if (s->disk->ops->open(s->disk, path, HK_OPEN_READ, &file) != HK_OK)
		return 0;
	if (s->disk->ops->size(s->disk, file, &size) != HK_OK)
		size = 0;
	s->disk->ops->close(s->disk, file);
	return size;
}

/* The time of a file's first message, or INT64_MAX when there is none to be read. */
static int64_t file_time(struct hk_evidence_store *s, const char *path)
{
	uint8_t head[EVIDENCE_FILE_HEAD + 8];
	size_t n = 0;
	int file;
	struct hk_cursor c;

	if (s->disk->ops->open(s->disk, path, HK_OPEN_READ, &file) != HK_OK)
		return INT64_MAX;
	if (s->disk->ops->read(s->disk, file, 0, head, sizeof head, &n) != HK_OK)
		n = 0;
	s->disk->ops->close(s->disk, file);
	c = hk_cursor_of(hk_slice_of(head, n));
	(void)hk_cursor_take(&c, EVIDENCE_FILE_HEAD);
	return n == sizeof head ? (int64_t)hk_cursor_u64(&c) : INT64_MAX;
}

/* Oldest first, whole files go until the rest is within size and age. The open file stays. */
static enum hk_status drop_old(struct hk_evidence_store *s, int64_t now)
{
	struct hk_arena a;
	struct hk_slice *name;
	size_t n, i;
	uint64_t total = 0;
	uint32_t number;
	char path[EVIDENCE_PATH_MAX];
	enum hk_status status;

	hk_arena_init(&a, 4 * 1024 * 1024);
	status = s->disk->ops->list(s->disk, s->dir, &a, &name, &n);
	for (i = 0; status == HK_OK && i < n; i++)
		if (evidence_number(name[i], &number) == HK_OK && evidence_path(s->dir, number, path) == HK_OK)
			total += file_size(s, path);
	for (i = 0; status == HK_OK && i < n; i++) {
		bool is_old;

		if (evidence_number(name[i], &number) != HK_OK || evidence_path(s->dir, number, path) != HK_OK ||
		    (s->file >= 0 && number == s->number))
			continue;
		is_old = file_time(s, path) < now - (int64_t)s->days * DAY;
		if (total <= s->max_bytes && !is_old)
			break;
		total -= file_size(s, path);
		status = s->disk->ops->unlink(s->disk, path);
	}
	hk_arena_done(&a);
	s->day = now / DAY;
	return status;
}

static enum hk_status last_number(struct hk_evidence_store *s, uint32_t *ret)
{
	struct hk_arena a;
	struct hk_slice *name;
	size_t n, i;
	uint32_t number, last = 0;
	enum hk_status status;

	hk_arena_init(&a, 4 * 1024 * 1024);
	status = s->disk->ops->list(s->disk, s->dir, &a, &name, &n);
	for (i = 0; status == HK_OK && i < n; i++)
		if (evidence_number(name[i], &number) == HK_OK && number > last)
			last = number;
	hk_arena_done(&a);
	if (status == HK_OK)
		*ret = last;
	return status;
}

static enum hk_status open_file(struct hk_evidence_store *s, int64_t now)
{
	char path[EVIDENCE_PATH_MAX];
	struct hk_buf head;
	uint32_t last;
	int file;
	enum hk_status status = last_number(s, &last);

	if (status == HK_OK)
		status = evidence_path(s->dir, last + 1, path);
	if (status == HK_OK)
		status = s->disk->ops->open(s->disk, path, HK_OPEN_WRITE | HK_OPEN_CREATE, &file);
	if (status != HK_OK)
		return status;
	hk_buf_init(&head, 64);
	hk_buf_add_str(&head, "HKEF");
	hk_buf_add_u16(&head, EVIDENCE_FILE_VERSION);
	hk_buf_add_u64(&head, (uint64_t)now);
	status = hk_buf_status(&head);
	if (status == HK_OK)
		status = s->disk->ops->write(s->disk, file, 0, hk_buf_slice(&head));
	if (status == HK_OK) {
		s->file = file;
		s->number = last + 1;
		s->size = head.n;
	} else {
		s->disk->ops->close(s->disk, file);
	}
	hk_buf_done(&head);
	return status;
}

/* ---- answers once -------------------------------------------------------------------------- */

static struct seen *slot_of(struct seen *table, size_t slots, const uint8_t digest[DIGEST])
{
	size_t i;

	memcpy(&i, digest, sizeof i);
	for (i %= slots; table[i].offset && memcmp(table[i].digest, digest, DIGEST) != 0;)
		i = (i + 1) % slots;
	return &table[i];
}

static bool grow_seen(struct hk_evidence_store *s)
{
	size_t slots = s->slots ? s->slots * 2 : SLOTS_FIRST, i;
	struct seen *table = calloc(slots, sizeof *table);

	if (!table)
		return false;
	for (i = 0; i < s->slots; i++)
		if (s->seen[i].offset)
			*slot_of(table, slots, s->seen[i].digest) = s->seen[i];
	free(s->seen);
	s->seen = table;
	s->slots = slots;
	return true;
}

/* The offset of an equal answer in the open file; one that is new is appended to out. */
static enum hk_status answer_offset(
    struct hk_evidence_store *s, struct hk_slice answer, struct hk_buf *out, uint32_t *ret)
{
	uint8_t digest[HK_SHA256_SIZE];
	struct seen *slot;
	enum hk_status status = hk_sha256(answer, digest);

	if (status != HK_OK)
		return status;
	if ((s->n_seen + 1) * 2 > s->slots && !grow_seen(s))
		return HK_NOMEM;
	slot = slot_of(s->seen, s->slots, digest);
	if (!slot->offset) {
		memcpy(slot->digest, digest, DIGEST);
		slot->offset = (uint32_t)(s->size + out->n);
		s->n_seen++;
		evidence_record_add(out, EVIDENCE_ANSWER, answer);
	}
	*ret = slot->offset;
	return HK_OK;
}

/* ---- put --------------------------------------------------------------------------------------- */

static enum hk_status add_answers(
    struct hk_evidence_store *s, struct hk_slice evidence, struct hk_buf *out, struct hk_buf *message)
{
	struct hk_arena a;
	struct hk_buf answer;
	struct hk_evidence *e;
	enum hk_status status;
	uint32_t offset;
	size_t i;

	hk_arena_init(&a, HK_VERIFY_ARENA);
	hk_buf_init(&answer, HK_VERIFY_RECORD_MAX);
	status = hk_evidence_parse(&a, evidence, &e);
	if (status == HK_OK)
		hk_buf_add_u16(message, (uint16_t)hk_evidence_count(e));
	for (i = 0; status == HK_OK && i < hk_evidence_count(e); i++) {
		hk_buf_reset(&answer);
		hk_dns_answer_format(hk_evidence_at(e, i), &answer);
		status = hk_buf_status(&answer);
		if (status == HK_OK)
			status = answer_offset(s, hk_buf_slice(&answer), out, &offset);
		if (status == HK_OK)
			hk_buf_add_u32(message, offset);
	}
	hk_buf_done(&answer);
	hk_arena_done(&a);
	return status;
}

static enum hk_status format_entry(struct hk_evidence_store *s, const struct hk_evidence_entry *entry, struct hk_buf *out)
{
	struct hk_slice head = {0}, evidence = {0};
	struct hk_buf message;
	enum hk_status status = HK_OK;

	if (entry->record.n)
		status = hk_verify_record_cut(entry->record, &head, &evidence);
	if (status != HK_OK)
		return status;
	hk_buf_init(&message, HK_VERIFY_RECORD_MAX * 2);
	hk_buf_add_u64(&message, entry->id);
	hk_buf_add_u64(&message, (uint64_t)entry->time);
	hk_buf_add_block(&message, entry->summary);
	hk_buf_add_block(&message, head);
	if (entry->record.n)
		status = add_answers(s, evidence, out, &message);
	if (status == HK_OK)
		status = hk_buf_status(&message);
	if (status == HK_OK)
		evidence_record_add(out, EVIDENCE_MESSAGE, hk_buf_slice(&message));
	hk_buf_done(&message);
	return status == HK_OK ? hk_buf_status(out) : status;
}

/* A file is full at a sixteenth of the store, so that dropping one loses little. */
static uint64_t file_max(const struct hk_evidence_store *s)
{
	return s->max_bytes / 16 < EVIDENCE_FILE_MAX ? s->max_bytes / 16 : EVIDENCE_FILE_MAX;
}

static enum hk_status begin_put(struct hk_evidence_store *s, int64_t now)
{
	enum hk_status status = HK_OK;

	if (s->file >= 0 && (s->size >= file_max(s) || s->n_seen >= ANSWERS_MAX || now / DAY != s->day))
		close_file(s);
	if (s->file < 0) {
		status = open_file(s, now);
		if (status == HK_OK)
			status = drop_old(s, now);
	}
	return status;
}

static enum hk_status append_slice(struct hk_evidence_store *s, struct hk_slice records)
{
	enum hk_status status = s->disk->ops->write(s->disk, s->file, s->size, records);

	if (status == HK_OK)
		s->size += records.n;
	return status;
}

static enum hk_status append(struct hk_evidence_store *s, const struct hk_buf *out)
{
	enum hk_status status = hk_buf_status(out);

	return status == HK_OK ? append_slice(s, hk_buf_slice(out)) : status;
}

enum hk_status hk_evidence_store_put_events(struct hk_evidence_store *s, struct hk_slice records, int64_t now)
{
	enum hk_status status = begin_put(s, now);

	if (status == HK_OK)
		status = append_slice(s, records);
	if (status != HK_OK)
		close_file(s); /* what was written of it ends that file for its readers */
	return status;
}

enum hk_status hk_evidence_store_put(
    struct hk_evidence_store *s, const struct hk_evidence_entry *entry, size_t n, int64_t now)
{
	struct hk_buf out;
	enum hk_status status = HK_OK;
	size_t i;

	hk_buf_init(&out, AT_ONCE + HK_VERIFY_RECORD_MAX * 4);
	for (i = 0; status == HK_OK && i < n; i++) {
		if (!out.n)
			status = begin_put(s, now);
		if (status == HK_OK)
			status = format_entry(s, &entry[i], &out);
		if (status == HK_OK && (out.n >= AT_ONCE || i + 1 == n)) {
			status = append(s, &out);
			hk_buf_reset(&out);
		}
	}
	if (status != HK_OK)
		close_file(s); /* what was noted as seen may not be there */
	hk_buf_done(&out);
	return status;
}

enum hk_status hk_evidence_store_put_signings(struct hk_evidence_store *s, uint64_t id,
    const struct hk_evidence_signing *signing, size_t n, int64_t now)
{
	struct hk_buf payload, out;
	enum hk_status status = begin_put(s, now);
	size_t i;

	if (status != HK_OK)
		return status;
	hk_buf_init(&payload, HK_VERIFY_RECORD_MAX);
	hk_buf_init(&out, HK_VERIFY_RECORD_MAX);
	hk_buf_add_u64(&payload, id);
	hk_buf_add_u64(&payload, (uint64_t)now);
	hk_buf_add_u8(&payload, (uint8_t)n);
	for (i = 0; i < n; i++) {
		hk_buf_add_block(&payload, signing[i].domain);
		hk_buf_add_block(&payload, signing[i].selector);
		hk_buf_add_u8(&payload, (uint8_t)signing[i].alg);
		hk_buf_add_u8(&payload, (uint8_t)signing[i].sight);
		hk_buf_add_block(&payload, signing[i].first);
		hk_buf_add_u8(&payload, (uint8_t)signing[i].first_sight);
		hk_buf_add_u8(&payload, signing[i].is_left_out);
	}
	status = hk_buf_status(&payload);
	if (status == HK_OK) {
		evidence_record_add(&out, EVIDENCE_SIGNED, hk_buf_slice(&payload));
		status = append(s, &out);
	}
	if (status != HK_OK)
		close_file(s);
	hk_buf_done(&payload);
	hk_buf_done(&out);
	return status;
}
