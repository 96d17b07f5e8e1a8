/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "engine/spool_internal.h"

/* BASE: offset. MESSAGE: id, offset, length, recipients, has_file. MOVE: the same, then tries,
 * next_attempt and an outcome for each recipient. ATTEMPT: id, next_attempt, tries. COMPLETE:
 * id, recipient, outcome. */
enum { BASE = 0x80 };

void hk_index_base(struct hk_buf *b, uint32_t offset)
{
	hk_buf_add_u8(b, BASE);
	hk_buf_add_u32(b, offset);
}

static void add_place(struct hk_buf *b, enum hk_record_type type, const struct hk_live *live,
    uint32_t offset, uint32_t length)
{
	hk_buf_add_u8(b, (uint8_t)type);
	hk_buf_add_u64(b, live->id);
	hk_buf_add_u32(b, offset);
	hk_buf_add_u32(b, length);
	hk_buf_add_u32(b, live->n_rcpt);
	hk_buf_add_u8(b, live->has_file);
}

void hk_index_message(
    struct hk_buf *b, const struct hk_live *live, uint32_t offset, uint32_t length)
{
	add_place(b, HK_RECORD_MESSAGE, live, offset, length);
}

void hk_index_move(struct hk_buf *b, const struct hk_live *live, uint32_t offset, uint32_t length)
{
	add_place(b, HK_RECORD_MOVE, live, offset, length);
	hk_buf_add_u32(b, live->tries);
	hk_buf_add_u64(b, (uint64_t)live->next_attempt);
	hk_buf_add(b, hk_slice_of(live->outcome, live->n_rcpt));
}

void hk_index_attempt(struct hk_buf *b, uint64_t id, int64_t next_attempt, uint32_t tries)
{
	hk_buf_add_u8(b, HK_RECORD_ATTEMPT);
	hk_buf_add_u64(b, id);
	hk_buf_add_u64(b, (uint64_t)next_attempt);
	hk_buf_add_u32(b, tries);
}

void hk_index_complete(struct hk_buf *b, uint64_t id, uint32_t rcpt, uint8_t outcome)
{
	hk_buf_add_u8(b, HK_RECORD_COMPLETE);
	hk_buf_add_u64(b, id);
	hk_buf_add_u32(b, rcpt);
	hk_buf_add_u8(b, outcome);
}

static void tell_tries(uint32_t tries, struct hk_told *told)
{
	told->attempts = tries & HK_TRIES_COUNT;
	told->marks = tries >> 24;
}

static uint32_t tries_of(const struct hk_told *told)
{
	return told->attempts | told->marks << 24;
}

static void tell_mail(const struct hk_record *r, struct hk_told *told, enum hk_status *ret)
{
	struct hk_cursor c = hk_cursor_of(r->payload);

	if (r->type == HK_RECORD_MOVE) {
		tell_tries(hk_cursor_u32(&c), told);
		told->next_attempt = (int64_t)hk_cursor_u64(&c);
	}
	*ret = c.failed ? HK_CORRUPT : hk_mail_parse(c.rest, &told->mail);
	told->id = told->mail.id;
}

/* Their payloads begin with the entry's fields, in the entry's order. */
static void tell_change(const struct hk_record *r, struct hk_told *told, enum hk_status *ret)
{
	struct hk_cursor c = hk_cursor_of(r->payload);

	told->id = hk_cursor_u64(&c);
	if (r->type == HK_RECORD_ATTEMPT) {
		told->next_attempt = (int64_t)hk_cursor_u64(&c);
		tell_tries(hk_cursor_u32(&c), told);
	} else {
		told->rcpt = hk_cursor_u32(&c);
		told->outcome = hk_cursor_u8(&c);
	}
	*ret = c.failed ? HK_CORRUPT : HK_OK;
	told->why = hk_cursor_block(&c);
}

enum hk_status hk_record_tell(const struct hk_record *r, struct hk_told *ret)
{
	static const struct {
		const char *name;
		void (*tell)(const struct hk_record *, struct hk_told *, enum hk_status *);
	} types[HK_RECORD_TYPES] = {
	    [HK_RECORD_SEGMENT] = {"segment", NULL},
	    [HK_RECORD_INDEX] = {"index", NULL},
	    [HK_RECORD_MESSAGE] = {"message", tell_mail},
	    [HK_RECORD_MOVE] = {"move", tell_mail},
	    [HK_RECORD_ATTEMPT] = {"attempt", tell_change},
	    [HK_RECORD_COMPLETE] = {"complete", tell_change},
	};
	enum hk_status status = HK_OK;

	*ret = (struct hk_told){.type = types[r->type].name,
	    .sequence = r->sequence,
	    .length = HK_RECORD_HEAD + r->payload.n,
	    .mail.arena = ret->mail.arena};
	if (types[r->type].tell)
		types[r->type].tell(r, ret, &status);
	return status;
}

/* A message's or a move's record as an entry. */
static void index_mail(struct hk_buf *out, const struct hk_record *r, const struct hk_told *told, uint32_t offset)
{
	const struct hk_mail *mail = &told->mail;
	struct hk_live like = {
	    .id = mail->id, .n_rcpt = (uint32_t)mail->n_rcpt, .has_file = mail->body_file.n > 0};
	size_t i;

	add_place(out, r->type, &like, offset, (uint32_t)told->length);
	if (r->type != HK_RECORD_MOVE)
		return;
	hk_buf_add_u32(out, tries_of(told));
	hk_buf_add_u64(out, (uint64_t)told->next_attempt);
	for (i = 0; i < mail->n_rcpt; i++)
		hk_buf_add_u8(out, mail->rcpt[i].outcome);
}

enum hk_status hk_index_record(struct hk_buf *out, const struct hk_record *r, uint32_t offset)
{
	struct hk_told told;
	enum hk_status status;

	hk_arena_init(&told.mail.arena, SIZE_MAX);
	status = hk_record_tell(r, &told);
	if (status == HK_OK) {
		if (r->type == HK_RECORD_MESSAGE || r->type == HK_RECORD_MOVE)
			index_mail(out, r, &told, offset);
		else if (r->type == HK_RECORD_ATTEMPT)
			hk_index_attempt(out, told.id, told.next_attempt, tries_of(&told));
		else if (r->type == HK_RECORD_COMPLETE)
			hk_index_complete(out, told.id, told.rcpt, told.outcome);
	}
	hk_arena_done(&told.mail.arena);
	return status;
}

struct entry {
	uint64_t id;
	uint32_t offset, length, n_rcpt;
	bool has_file;
};

static struct entry read_entry(struct hk_cursor *c)
{
	struct entry e;

	e.id = hk_cursor_u64(c);
	e.offset = hk_cursor_u32(c);
	e.length = hk_cursor_u32(c);
	e.n_rcpt = hk_cursor_u32(c);
	e.has_file = hk_cursor_u8(c);
	return e;
}

/* The live message that a MESSAGE or MOVE speaks of; *ret_new when it was made here. */
static enum hk_status find_or_make(
    struct hk_spool *s, const struct entry *e, bool is_move, struct hk_live **ret, bool *ret_new)
{
	struct hk_live *live = hk_id_map_get(&s->live, e->id);

	if (live && (live->n_rcpt != e->n_rcpt || (live->is_committed && !is_move)))
		return HK_CORRUPT; /* two messages of one id */
	*ret_new = !live;
	if (!live) {
		live = hk_live_new(s, e->id, e->n_rcpt);
		if (!live)
			return HK_NOMEM;
		live->has_file = e->has_file;
	}
	*ret = live;
	return HK_OK;
}

static enum hk_status apply_mail(struct hk_spool *s, struct hk_segment *segment, uint32_t base,
    struct hk_cursor *c, bool is_move)
{
	struct entry e = read_entry(c);
	uint32_t tries, i;
	int64_t next;
	struct hk_slice outcome;
	struct hk_live *live = NULL;
	enum hk_status status;
	bool is_new = false;

	tries = is_move ? hk_cursor_u32(c) : 0;
	next = is_move ? (int64_t)hk_cursor_u64(c) : 0;
	outcome = hk_cursor_take(c, is_move ? e.n_rcpt : 0);
	if (c->failed || !e.n_rcpt || e.n_rcpt > e.length ||
	    (uint64_t)base + e.offset + e.length > (segment->size < UINT32_MAX ? segment->size : UINT32_MAX))
		return HK_CORRUPT;
	status = find_or_make(s, &e, is_move, &live, &is_new);
	if (status != HK_OK)
		return status;
	if (live->is_committed)
		hk_live_detach(s, live);
	live->segment = segment->number;
	live->offset = base + e.offset;
	live->length = e.length;
	live->is_committed = true;
	hk_live_attach(segment, live);
	if (e.id > s->last_id)
		s->last_id = e.id;
	if (!is_new || !is_move)
		return HK_OK; /* a move of a known message changes its place only */
	live->tries = tries;
	live->next_attempt = next;
	memcpy(live->outcome, outcome.p, outcome.n);
	for (i = 0; i < live->n_rcpt; i++)
		live->pending -= live->outcome[i] != HK_RCPT_PENDING;
	if (!live->pending)
		hk_live_free(s, live);
	return HK_OK;
}

static enum hk_status apply_complete(struct hk_spool *s, struct hk_cursor *c)
{
	uint64_t id = hk_cursor_u64(c);
	uint32_t rcpt = hk_cursor_u32(c);
	uint8_t outcome = hk_cursor_u8(c);
	struct hk_live *live = hk_id_map_get(&s->live, id);

	if (c->failed || outcome == HK_RCPT_PENDING || outcome > HK_RCPT_REMOVED)
		return HK_CORRUPT;
	if (!live)
		return HK_OK; /* its message went with an older segment */
	if (rcpt >= live->n_rcpt)
		return HK_CORRUPT;
	if (live->outcome[rcpt] != HK_RCPT_PENDING)
		return HK_OK;
	live->outcome[rcpt] = outcome;
	if (!--live->pending)
		hk_live_free(s, live);
	return HK_OK;
}

static enum hk_status apply_attempt(struct hk_spool *s, struct hk_cursor *c)
{
	uint64_t id = hk_cursor_u64(c);
	int64_t next = (int64_t)hk_cursor_u64(c);
	uint32_t tries = hk_cursor_u32(c);
	struct hk_live *live = hk_id_map_get(&s->live, id);

	if (c->failed)
		return HK_CORRUPT;
	if (live) {
		live->next_attempt = next;
		live->tries = tries;
	}
	return HK_OK;
}

enum hk_status hk_index_apply(
    struct hk_spool *s, struct hk_segment *segment, struct hk_slice entries)
{
	struct hk_cursor c = hk_cursor_of(entries);
	enum hk_status status = HK_OK;
	uint32_t base = 0;

	while (status == HK_OK && c.rest.n) {
		uint8_t type = hk_cursor_u8(&c);

		if (type == BASE)
			base = hk_cursor_u32(&c);
		else if (type == HK_RECORD_MESSAGE || type == HK_RECORD_MOVE)
			status = apply_mail(s, segment, base, &c, type == HK_RECORD_MOVE);
		else if (type == HK_RECORD_ATTEMPT)
			status = apply_attempt(s, &c);
		else if (type == HK_RECORD_COMPLETE)
			status = apply_complete(s, &c);
		else
			status = HK_CORRUPT;
		if (status == HK_OK && c.failed)
			status = HK_CORRUPT;
	}
	return status;
}
