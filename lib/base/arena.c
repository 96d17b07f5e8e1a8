/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base_internal.h"

/* Under AddressSanitizer each piece ends where it ends, and a byte past it is found like one past a malloc. */
#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define POISON(p, n)   ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define POISON(p, n)   ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

/* Blocks grow from 4 KiB to 64 KiB, so a small message costs one malloc and a large one few. An arena that may not grow far, such as
 * each connection has, begins smaller: thousands of them wait with a name or two. */
enum { ALIGN = 16, BLOCK_FIRST = 4096, BLOCK_MOST = 65536, SMALL = 65536, SMALL_FIRST = 128 };

struct hk_arena_block {
	struct hk_arena_block *next;
	size_t used, size;
	_Alignas(16) uint8_t bytes[];
};

void hk_arena_init(struct hk_arena *a, size_t limit)
{
	*a = (struct hk_arena){.limit = limit};
}

void hk_arena_done(struct hk_arena *a)
{
	struct hk_arena_block *b = a->block;

	while (b) {
		struct hk_arena_block *next = b->next;

		UNPOISON(b->bytes, b->size);
		free(b);
		b = next;
	}
	*a = (struct hk_arena){.limit = a->limit};
}

static struct hk_arena_block *add_block(struct hk_arena *a, size_t n)
{
	size_t first = a->limit > SMALL ? BLOCK_FIRST : SMALL_FIRST, size = a->block ? a->block->size * 2 : first, whole;
	struct hk_arena_block *b;

	if (size > BLOCK_MOST)
		size = BLOCK_MOST;
	if (size < n)
		size = n;
	if (!hk_add_size(size, sizeof *b, &whole))
		return NULL;
	b = malloc(whole);
	if (!b)
		return NULL;
	*b = (struct hk_arena_block){.next = a->block, .size = size};
	POISON(b->bytes, size);
	a->block = b;
	return b;
}

void *hk_arena_alloc(struct hk_arena *a, size_t n)
{
	struct hk_arena_block *b = a->block;
	size_t need, total;
	void *p;

	if (!hk_add_size(n ? n : 1, ALIGN - 1, &need))
		goto over;
	need &= ~(size_t)(ALIGN - 1);
	if (!hk_add_size(a->used, need, &total) || total > a->limit)
		goto over;
	if (!b || b->size - b->used < need) {
		b = add_block(a, need);
		if (!b) {
			a->failed = HK_NOMEM;
			return NULL;
		}
	}
	p = b->bytes + b->used;
	b->used += need;
	a->used = total;
	UNPOISON(p, n);
	memset(p, 0, n);
	return p;
over:
	a->failed = HK_LIMIT;
	return NULL;
}

void *hk_arena_array(struct hk_arena *a, size_t count, size_t size)
{
	size_t n;

	if (!hk_mul_size(count, size, &n)) {
		a->failed = HK_LIMIT;
		return NULL;
	}
	return hk_arena_alloc(a, n);
}

void *hk_arena_double(
    struct hk_arena *a, const void *list, size_t *room, size_t first, size_t size)
{
	size_t more = *room ? *room * 2 : first;
	void *longer = hk_arena_array(a, more, size);

	if (!longer)
		return NULL;
	if (*room)
		memcpy(longer, list, *room * size);
	*room = more;
	return longer;
}

enum hk_status hk_arena_dup(struct hk_arena *a, struct hk_slice s, struct hk_slice *ret)
{
	uint8_t *p;
	size_t n;

	if (!hk_add_size(s.n, 1, &n))
		return HK_LIMIT;
	p = hk_arena_alloc(a, n);
	if (!p)
		return a->failed;
	if (s.n)
		memcpy(p, s.p, s.n);
	*ret = (struct hk_slice){p, s.n};
	return HK_OK;
}

enum hk_status hk_arena_dup_lower(struct hk_arena *a, struct hk_slice s, struct hk_slice *ret)
{
	uint8_t *p;
	size_t n, i;

	if (!hk_add_size(s.n, 1, &n))
		return HK_LIMIT;
	p = hk_arena_alloc(a, n);
	if (!p)
		return a->failed;
	for (i = 0; i < s.n; i++)
		p[i] = hk_to_lower(s.p[i]);
	*ret = (struct hk_slice){p, s.n};
	return HK_OK;
}

enum hk_status hk_arena_fmt(struct hk_arena *a, struct hk_slice *ret, const char *format, ...)
{
	va_list args, again;
	enum hk_status status = HK_BUG;
	char *p;
	int n;

	va_start(args, format);
	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, args);
	if (n >= 0) {
		p = hk_arena_alloc(a, (size_t)n + 1);
		status = p ? HK_OK : a->failed;
		if (p) {
			vsnprintf(p, (size_t)n + 1, format, again);
			*ret = hk_slice_of(p, (size_t)n);
		}
	}
	va_end(again);
	va_end(args);
	return status;
}
