/* SPDX-License-Identifier: MIT
 *
 * owner_reason.c - why recipients still wait. A busy queue holds few different replies, many times: each is kept once. What
 * would make the memory of them more than HK_REASONS_MAX is kept without its words.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/owner_internal.h"
#include "lib/base/base_internal.h"

enum { SLOTS_FIRST = 64, ROOM_FIRST = 64 };

struct hk_reason {
	uint64_t hash;
	uint32_t users;
	uint32_t next;      /* of the same slot */
	uint16_t code;
	uint16_t n_text, n_remote;
	bool is_ours;
	char enhanced[12];
	uint8_t words[];    /* text, remote */
};

static uint64_t hash_of(const struct hk_owner *o, const struct hk_reason *r)
{
	uint64_t h = o->seed ^ r->code;
	size_t i;

	for (i = 0; i < sizeof r->enhanced; i++)
		h = (h ^ (uint8_t)r->enhanced[i]) * UINT64_C(0x100000001b3);
	for (i = 0; i < (size_t)r->n_text + r->n_remote; i++)
		h = (h ^ r->words[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 32;
}

static bool is_same(const struct hk_reason *a, const struct hk_reason *b)
{
	return a->hash == b->hash && a->code == b->code && a->is_ours == b->is_ours && a->n_text == b->n_text &&
	       a->n_remote == b->n_remote && memcmp(a->enhanced, b->enhanced, sizeof a->enhanced) == 0 &&
	       memcmp(a->words, b->words, (size_t)a->n_text + a->n_remote) == 0;
}

static size_t size_of(const struct hk_reason *r)
{
	return sizeof *r + r->n_text + r->n_remote;
}

/* Returns owned; NULL when out of memory. */
static struct hk_reason *reason_new(const struct hk_owner *o, const struct hk_rcpt_result *from, bool is_short)
{
	size_t n_text = is_short ? 0 : hk_utf8_cut(hk_slice_str(from->text), HK_QUEUE_REASON_MAX).n;
	size_t n_remote = is_short ? 0 : hk_utf8_cut(hk_slice_str(from->remote), HK_QUEUE_REASON_MAX).n;
	struct hk_reason *r = calloc(1, sizeof *r + n_text + n_remote);

	if (!r)
		return NULL;
	r->code = from->code;
	r->is_ours = from->is_ours;
	r->n_text = (uint16_t)n_text;
	r->n_remote = (uint16_t)n_remote;
	memcpy(r->enhanced, from->enhanced, sizeof r->enhanced);
	memcpy(r->words, from->text, n_text);
	memcpy(r->words + n_text, from->remote, n_remote);
	r->hash = hash_of(o, r);
	return r;
}

/* Slots and numbers for one more. */
static bool make_room(struct hk_reasons *t)
{
	if (t->n + 1 >= t->room) {
		uint32_t room = t->room ? t->room * 2 : ROOM_FIRST, i;
		struct hk_reason **at = realloc(t->at, room * sizeof(struct hk_reason *));
		uint32_t *slot;

		if (!at)
			return false;
		t->at = at;
		slot = calloc(room, sizeof *slot);
		if (!slot)
			return false;
		for (i = 1; i <= t->n; i++) {
			if (!at[i])
				continue;
			at[i]->next = slot[at[i]->hash & (room - 1)];
			slot[at[i]->hash & (room - 1)] = i;
		}
		free(t->slot);
		t->slot = slot;
		t->room = room;
	}
	return true;
}

static uint32_t find(const struct hk_reasons *t, const struct hk_reason *r)
{
	uint32_t i = t->room ? t->slot[r->hash & (t->room - 1)] : 0;

	while (i && !is_same(t->at[i], r))
		i = t->at[i]->next;
	return i;
}

/* The number of one that is new; 0: no memory for it. */
static uint32_t add(struct hk_reasons *t, struct hk_reason *r)
{
	uint32_t i = 0;

	if (t->n_free) {
		i = t->vacant[--t->n_free];
	} else {
		if (t->n == UINT32_MAX / 2 || !make_room(t))
			return 0;
		i = ++t->n;
	}
	t->at[i] = r;
	r->next = t->slot[r->hash & (t->room - 1)];
	t->slot[r->hash & (t->room - 1)] = i;
	t->bytes += size_of(r);
	return i;
}

uint32_t hk_reason_use(struct hk_owner *o, const struct hk_rcpt_result *result)
{
	struct hk_reasons *t = &o->reasons;
	struct hk_reason *r = reason_new(o, result, false);
	uint32_t i;

	if (!r)
		return 0;
	i = find(t, r);
	if (!i && t->bytes + size_of(r) > HK_REASONS_MAX) {
		free(r);
		r = reason_new(o, result, true);
		if (!r)
			return 0;
		i = find(t, r);
	}
	if (i)
		free(r);
	else
		i = add(t, r);
	if (i)
		t->at[i]->users++;
	else
		free(r);
	return i;
}

void hk_reason_release(struct hk_owner *o, uint32_t i)
{
	struct hk_reasons *t = &o->reasons;
	struct hk_reason *r;
	uint32_t *at;

	if (!i || --t->at[i]->users)
		return;
	r = t->at[i];
	for (at = &t->slot[r->hash & (t->room - 1)]; *at != i; at = &t->at[*at]->next)
		;
	*at = r->next;
	t->bytes -= size_of(r);
	t->at[i] = NULL;
	free(r);
	if (t->n_free == t->room_free) {
		uint32_t room = t->room_free ? t->room_free * 2 : ROOM_FIRST;
		uint32_t *more = realloc(t->vacant, room * sizeof *more);

		if (!more)
			return; /* its number is not used again: a few octets */
		t->vacant = more;
		t->room_free = room;
	}
	t->vacant[t->n_free++] = i;
}

void hk_reason_get(const struct hk_owner *o, uint32_t i, struct hk_queue_reason *ret)
{
	const struct hk_reason *r = i ? o->reasons.at[i] : NULL;

	*ret = (struct hk_queue_reason){0};
	if (!r)
		return;
	ret->code = r->code;
	ret->is_ours = r->is_ours;
	memcpy(ret->enhanced, r->enhanced, sizeof ret->enhanced);
	ret->text = hk_slice_of(r->words, r->n_text);
	ret->remote = hk_slice_of(r->words + r->n_text, r->n_remote);
}

void hk_reasons_free(struct hk_owner *o)
{
	struct hk_reasons *t = &o->reasons;
	uint32_t i;

	for (i = 1; i <= t->n; i++)
		free(t->at[i]);
	free(t->at);
	free(t->slot);
	free(t->vacant);
}
