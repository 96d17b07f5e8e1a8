/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <hikyaku/trace.h>

#include "lib/base/base_internal.h"

static const struct {
	const char *name, *rfc;
	enum hk_method method;
} table[HK_TRACE_EVENTS] = {
#define X(id, method, rfc, texts) {#id, rfc, HK_METHOD_##method},
    HK_TRACE_TABLE(X)
#undef X
};

enum { STEPS_FIRST = 32 };

struct hk_trace {
	struct hk_arena *arena;
	struct hk_trace_step *step;
	size_t n, cap;
	bool cut;
};

struct hk_trace *hk_trace_new(struct hk_arena *a)
{
	struct hk_trace *t = hk_arena_alloc(a, sizeof *t);

	if (t)
		t->arena = a;
	return t;
}

static bool grow(struct hk_trace *t)
{
	struct hk_trace_step *step;

	if (t->n >= HK_TRACE_STEPS_MAX)
		return false;
	step = hk_arena_double(t->arena, t->step, &t->cap, STEPS_FIRST, sizeof *step);
	if (step)
		t->step = step;
	return step != NULL;
}

static bool keep(struct hk_trace *t, struct hk_slice text, struct hk_slice *ret)
{
	static const char cut[] = "...";
	uint8_t *p;

	if (text.n <= HK_TRACE_TEXT_MAX)
		return hk_arena_dup(t->arena, text, ret) == HK_OK;
	p = hk_arena_alloc(t->arena, HK_TRACE_TEXT_MAX + 1);
	if (!p)
		return false;
	memcpy(p, text.p, HK_TRACE_TEXT_MAX);
	memcpy(p + HK_TRACE_TEXT_MAX - (sizeof cut - 1), cut, sizeof cut);
	*ret = hk_slice_of(p, HK_TRACE_TEXT_MAX);
	return true;
}

void hk_trace_add(struct hk_trace *t, enum hk_trace_event event, unsigned depth, struct hk_slice a,
    struct hk_slice b, struct hk_slice c, struct hk_slice d)
{
	const struct hk_slice text[HK_TRACE_TEXTS] = {a, b, c, d};
	struct hk_trace_step step = {.event = event, .depth = (uint8_t)(depth > UINT8_MAX ? UINT8_MAX : depth)};
	size_t i;

	if (!t)
		return;
	if (t->n >= HK_TRACE_STEPS_MAX || (t->n == t->cap && !grow(t))) {
		t->cut = true;
		return;
	}
	for (i = 0; i < HK_TRACE_TEXTS; i++) {
		if (!keep(t, text[i], &step.text[i])) {
			t->cut = true;
			return;
		}
	}
	t->step[t->n++] = step;
}

void hk_trace_append(struct hk_trace *t, const struct hk_trace *from)
{
	size_t i;

	if (!t || !from)
		return;
	for (i = 0; i < from->n; i++) {
		if (t->n >= HK_TRACE_STEPS_MAX || (t->n == t->cap && !grow(t))) {
			t->cut = true;
			return;
		}
		t->step[t->n++] = from->step[i];
	}
	t->cut = t->cut || from->cut;
}

size_t hk_trace_count(const struct hk_trace *t)
{
	return t ? t->n : 0;
}

const struct hk_trace_step *hk_trace_at(const struct hk_trace *t, size_t i)
{
	return t && i < t->n ? &t->step[i] : NULL;
}

bool hk_trace_is_cut(const struct hk_trace *t)
{
	return t && t->cut;
}

const char *hk_trace_event_name(enum hk_trace_event event)
{
	return event < HK_TRACE_EVENTS ? table[event].name : "?";
}

const char *hk_trace_event_rfc(enum hk_trace_event event)
{
	return event < HK_TRACE_EVENTS ? table[event].rfc : "?";
}

enum hk_method hk_trace_event_method(enum hk_trace_event event)
{
	return event < HK_TRACE_EVENTS ? table[event].method : HK_METHOD_MESSAGE;
}
