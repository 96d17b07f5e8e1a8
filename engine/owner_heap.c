/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "engine/owner_internal.h"
#include "lib/base/bug.h"

enum { ROOM_FIRST = 64 };

enum hk_status hk_heap_reserve(struct hk_owner *o, size_t n)
{
	size_t room = o->room_heap ? o->room_heap : ROOM_FIRST;
	struct hk_message **more;

	if (n <= o->room_heap)
		return HK_OK;
	while (room < n)
		room *= 2;
	more = realloc(o->heap, room * sizeof *more);
	if (!more)
		return HK_NOMEM;
	o->heap = more;
	o->room_heap = room;
	return HK_OK;
}

static bool is_before(const struct hk_message *a, const struct hk_message *b)
{
	if (HK_BUG(CHANCE_OUTSIDE) && a->due_ms == b->due_ms)
		return a->rcpt[0].domain < b->rcpt[0].domain || (a->rcpt[0].domain == b->rcpt[0].domain && a < b);
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->id < b->id;
}

static void place(struct hk_owner *o, size_t at, struct hk_message *m)
{
	o->heap[at] = m;
	m->at = at;
}

static void rise(struct hk_owner *o, size_t at, struct hk_message *m)
{
	while (at && is_before(m, o->heap[(at - 1) / 2])) {
		place(o, at, o->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	place(o, at, m);
}

static void sink(struct hk_owner *o, size_t at, struct hk_message *m)
{
	size_t child;

	while ((child = 2 * at + 1) < o->n_heap) {
		if (child + 1 < o->n_heap && is_before(o->heap[child + 1], o->heap[child]) && !HK_BUG(HEAP_ORDER))
			child++;
		if (!is_before(o->heap[child], m))
			break;
		place(o, at, o->heap[child]);
		at = child;
	}
	place(o, at, m);
}

void hk_heap_push(struct hk_owner *o, struct hk_message *m)
{
	rise(o, o->n_heap++, m);
}

void hk_heap_remove(struct hk_owner *o, struct hk_message *m)
{
	struct hk_message *last;
	size_t at = m->at;

	if (at == SIZE_MAX)
		return;
	m->at = SIZE_MAX;
	last = o->heap[--o->n_heap];
	if (last == m)
		return;
	if (is_before(last, m))
		rise(o, at, last);
	else
		sink(o, at, last);
}

struct hk_message *hk_heap_first(const struct hk_owner *o)
{
	return o->n_heap ? o->heap[0] : NULL;
}
