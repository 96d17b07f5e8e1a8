/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "io/timers.h"

enum { ROOM_FIRST = 64 };

void hk_timers_init(struct hk_timers *t)
{
	*t = (struct hk_timers){0};
}

void hk_timers_done(struct hk_timers *t)
{
	free(t->heap);
	*t = (struct hk_timers){0};
}

enum hk_status hk_timers_join(
    struct hk_timers *t, struct hk_timer *timer, void (*due)(struct hk_timer *))
{
	if (t->members + 1 >= t->cap) {
		size_t cap = t->cap ? t->cap * 2 : ROOM_FIRST, bytes;
		struct hk_timer **heap;

		if (!hk_mul_size(cap, sizeof(struct hk_timer *), &bytes))
			return HK_NOMEM;
		heap = realloc(t->heap, bytes);
		if (!heap)
			return HK_NOMEM;
		t->heap = heap;
		t->cap = cap;
	}
	t->members++;
	*timer = (struct hk_timer){.due = due};
	return HK_OK;
}

static void put(struct hk_timers *t, size_t place, struct hk_timer *timer)
{
	t->heap[place] = timer;
	timer->place = place;
}

static void sift(struct hk_timers *t, size_t place, struct hk_timer *timer)
{
	while (place > 1 && t->heap[place / 2]->at > timer->at) {
		put(t, place, t->heap[place / 2]);
		place /= 2;
	}
	for (;;) {
		size_t child = place * 2;

		if (child < t->n && t->heap[child + 1]->at < t->heap[child]->at)
			child++;
		if (child > t->n || t->heap[child]->at >= timer->at)
			break;
		put(t, place, t->heap[child]);
		place = child;
	}
	put(t, place, timer);
}

static void unset(struct hk_timers *t, struct hk_timer *timer)
{
	size_t place = timer->place;
	struct hk_timer *last;

	if (!place)
		return;
	last = t->heap[t->n--];
	timer->place = 0;
	if (last != timer)
		sift(t, place, last);
}

void hk_timers_leave(struct hk_timers *t, struct hk_timer *timer)
{
	unset(t, timer);
	t->members--;
}

void hk_timers_set(struct hk_timers *t, struct hk_timer *timer, uint64_t at)
{
	if (at == HK_TIMER_NEVER) {
		unset(t, timer);
		return;
	}
	if (timer->place && timer->at == at)
		return;
	timer->at = at;
	sift(t, timer->place ? timer->place : ++t->n, timer);
}

uint64_t hk_timers_first(const struct hk_timers *t)
{
	return t->n ? t->heap[1]->at : HK_TIMER_NEVER;
}

void hk_timers_run(struct hk_timers *t, uint64_t now)
{
	/* so many are due at most: one that sets itself again cannot keep us here */
	size_t left = t->n;

	while (left-- && t->n && t->heap[1]->at <= now) {
		struct hk_timer *timer = t->heap[1];

		unset(t, timer);
		timer->due(timer);
	}
}
