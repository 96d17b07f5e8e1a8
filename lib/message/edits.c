/* SPDX-License-Identifier: MIT */
#include "lib/message/message_internal.h"

struct insert {
	struct insert *next;
	uint32_t before;
	struct hk_slice text;
};

struct removal {
	struct removal *next;
	uint32_t field;
};

/* Both lists are sorted by field; among inserts at one place the latest comes first. */
struct hk_edits {
	struct hk_arena *arena;
	struct insert *inserts;
	struct removal *removals;
	size_t n;
};

struct hk_edits *hk_edits_new(struct hk_arena *a)
{
	struct hk_edits *e = hk_arena_alloc(a, sizeof *e);

	if (e)
		e->arena = a;
	return e;
}

static enum hk_status link_insert(struct hk_edits *e, struct insert **at, uint32_t before, struct hk_slice text)
{
	struct insert *new = hk_arena_alloc(e->arena, sizeof *new);

	if (!new)
		return e->arena->failed;
	if (hk_arena_dup(e->arena, text, &new->text) != HK_OK)
		return e->arena->failed;
	new->before = before;
	new->next = *at;
	*at = new;
	e->n++;
	return HK_OK;
}

enum hk_status hk_edits_insert(struct hk_edits *e, size_t before, struct hk_slice text)
{
	struct insert **at = &e->inserts;

	if (!hk_message_is_fields(text))
		return HK_SYNTAX;
	if (e->n >= HK_EDITS_MAX || before > HK_HEADER_FIELDS_MAX || text.n > HK_HEADER_SECTION_MAX)
		return HK_LIMIT;
	while (*at && (*at)->before < before)
		at = &(*at)->next;
	return link_insert(e, at, (uint32_t)before, text);
}

enum hk_status hk_edits_remove(struct hk_edits *e, size_t i)
{
	struct removal **at = &e->removals, *new;

	if (e->n >= HK_EDITS_MAX || i >= HK_HEADER_FIELDS_MAX)
		return HK_LIMIT;
	while (*at && (*at)->field < i)
		at = &(*at)->next;
	if (*at && (*at)->field == i)
		return HK_OK;
	new = hk_arena_alloc(e->arena, sizeof *new);
	if (!new)
		return e->arena->failed;
	*new = (struct removal){.next = *at, .field = (uint32_t)i};
	*at = new;
	e->n++;
	return HK_OK;
}

static void add_field(struct hk_buf *out, struct hk_slice raw)
{
	hk_buf_add(out, hk_message_without_crlf(raw));
	/* the last field of a message that was cut off may lack its line end */
	hk_buf_add(out, HK_S("\r\n"));
}

void hk_edits_apply(const struct hk_edits *e, const struct hk_header *h, struct hk_buf *out)
{
	const struct insert *insert = e ? e->inserts : NULL;
	const struct removal *removal = e ? e->removals : NULL;
	size_t i;

	for (i = 0; i < h->n; i++) {
		bool is_swallowed =
		    hk_message_is_stray(h->field[i].raw) && insert && insert->before <= i;

		for (; insert && insert->before <= i; insert = insert->next)
			hk_buf_add(out, insert->text);
		if (removal && removal->field == i)
			removal = removal->next;
		else if (!is_swallowed)
			add_field(out, h->field[i].raw);
	}
	for (; insert; insert = insert->next)
		hk_buf_add(out, insert->text);
}

/* ---- the stored form ---- */

/* u8 version; u32 number of inserts, each u32 before and a block; u32 number of removals, each u32 field. Sorted as above. */
enum { EDITS_VERSION = 1 };

void hk_edits_format(const struct hk_edits *e, struct hk_buf *out)
{
	const struct insert *insert;
	const struct removal *removal;
	uint32_t n = 0;

	for (insert = e->inserts; insert; insert = insert->next)
		n++;
	hk_buf_add_u8(out, EDITS_VERSION);
	hk_buf_add_u32(out, n);
	for (insert = e->inserts; insert; insert = insert->next) {
		hk_buf_add_u32(out, insert->before);
		hk_buf_add_block(out, insert->text);
	}
	hk_buf_add_u32(out, (uint32_t)(e->n - n));
	for (removal = e->removals; removal; removal = removal->next)
		hk_buf_add_u32(out, removal->field);
}

static enum hk_status parse_inserts(struct hk_cursor *c, struct hk_edits *e)
{
	struct insert **at = &e->inserts;
	uint32_t n = hk_cursor_u32(c), last = 0, before;

	if (n > HK_EDITS_MAX)
		return HK_CORRUPT;
	while (n-- && !c->failed) {
		struct hk_slice text;
		enum hk_status status;

		before = hk_cursor_u32(c);
		text = hk_cursor_block(c);
		if (before < last || before > HK_HEADER_FIELDS_MAX || text.n > HK_HEADER_SECTION_MAX ||
		    !hk_message_is_fields(text))
			return HK_CORRUPT;
		status = link_insert(e, at, before, text);
		if (status != HK_OK)
			return status;
		at = &(*at)->next;
		last = before;
	}
	return c->failed ? HK_CORRUPT : HK_OK;
}

static enum hk_status parse_removals(struct hk_cursor *c, struct hk_edits *e)
{
	struct removal **at = &e->removals;
	uint32_t n = hk_cursor_u32(c);
	int64_t last = -1;

	if (n > HK_EDITS_MAX - e->n)
		return HK_CORRUPT;
	while (n-- && !c->failed) {
		uint32_t field = hk_cursor_u32(c);

		if (field <= last || field >= HK_HEADER_FIELDS_MAX)
			return HK_CORRUPT;
		*at = hk_arena_alloc(e->arena, sizeof **at);
		if (!*at)
			return e->arena->failed;
		(*at)->field = field;
		at = &(*at)->next;
		last = field;
		e->n++;
	}
	return c->failed || c->rest.n ? HK_CORRUPT : HK_OK;
}

enum hk_status hk_edits_parse(struct hk_arena *a, struct hk_slice stored, struct hk_edits **ret)
{
	struct hk_cursor c = hk_cursor_of(stored);
	struct hk_edits *e = hk_edits_new(a);
	enum hk_status status;
	uint8_t version = hk_cursor_u8(&c);

	if (!e)
		return a->failed;
	if (c.failed)
		return HK_CORRUPT;
	if (version != EDITS_VERSION)
		return HK_VERSION;
	status = parse_inserts(&c, e);
	if (status == HK_OK)
		status = parse_removals(&c, e);
	if (status == HK_OK)
		*ret = e;
	return status;
}
