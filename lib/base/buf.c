/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base_internal.h"

enum { FIRST = 256 };

void hk_buf_init(struct hk_buf *b, size_t max)
{
	*b = (struct hk_buf){.max = max};
}

void hk_buf_done(struct hk_buf *b)
{
	free(b->p);
	*b = (struct hk_buf){0};
}

void hk_buf_fail(struct hk_buf *b, enum hk_status status)
{
	if (b->failed == HK_OK)
		b->failed = status;
}

void hk_buf_reset(struct hk_buf *b)
{
	b->n = 0;
	b->failed = HK_OK;
}

/* Room for n more bytes; false, and the failure noted, when there cannot be. */
static bool reserve(struct hk_buf *b, size_t n)
{
	size_t need, cap;
	uint8_t *p;

	if (b->failed != HK_OK)
		return false;
	if (n <= b->cap - b->n) /* cap is never over max */
		return true;
	if (!hk_add_size(b->n, n, &need) || need > b->max) {
		b->failed = HK_LIMIT;
		return false;
	}
	cap = b->cap ? b->cap : FIRST;
	if (cap > b->max)
		cap = b->max;
	while (cap < need)
		cap = cap > b->max / 2 ? b->max : cap * 2;
	if (cap < need)
		cap = need;
	p = realloc(b->p, cap);
	if (!p) {
		b->failed = HK_NOMEM;
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

void hk_buf_add(struct hk_buf *b, struct hk_slice s)
{
	if (s.n && reserve(b, s.n)) {
		memcpy(b->p + b->n, s.p, s.n);
		b->n += s.n;
	}
}

void hk_buf_add_str(struct hk_buf *b, const char *text)
{
	hk_buf_add(b, hk_slice_str(text));
}

void hk_buf_add_byte(struct hk_buf *b, uint8_t byte)
{
	if (reserve(b, 1))
		b->p[b->n++] = byte;
}

void hk_buf_addf(struct hk_buf *b, const char *format, ...)
{
	va_list args, again;
	int n;

	va_start(args, format);
	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, args);
	/* one more for the NUL that vsnprintf writes and nobody counts */
	if (n < 0)
		b->failed = HK_BUG;
	else if (b->failed == HK_OK && b->n + (size_t)n + 1 > b->max && b->n + (size_t)n <= b->max) {
		/* exactly full: the NUL has no room, so format aside */
		char *aside = malloc((size_t)n + 1);

		if (!aside)
			b->failed = HK_NOMEM;
		else {
			vsnprintf(aside, (size_t)n + 1, format, again);
			hk_buf_add(b, hk_slice_of(aside, (size_t)n));
			free(aside);
		}
	} else if (reserve(b, (size_t)n + 1)) {
		vsnprintf((char *)b->p + b->n, (size_t)n + 1, format, again);
		b->n += (size_t)n;
	}
	va_end(again);
	va_end(args);
}

static void add_be(struct hk_buf *b, uint64_t value, unsigned bytes)
{
	uint8_t be[8];
	unsigned i;

	for (i = 0; i < bytes; i++)
		be[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
	hk_buf_add(b, hk_slice_of(be, bytes));
}

void hk_buf_add_u8(struct hk_buf *b, uint8_t value)
{
	add_be(b, value, 1);
}

void hk_buf_add_u16(struct hk_buf *b, uint16_t value)
{
	add_be(b, value, 2);
}

void hk_buf_add_u32(struct hk_buf *b, uint32_t value)
{
	add_be(b, value, 4);
}

void hk_buf_add_u64(struct hk_buf *b, uint64_t value)
{
	add_be(b, value, 8);
}

void hk_buf_add_block(struct hk_buf *b, struct hk_slice s)
{
	if (s.n > UINT32_MAX) {
		b->failed = HK_LIMIT;
		return;
	}
	hk_buf_add_u32(b, (uint32_t)s.n);
	hk_buf_add(b, s);
}

void hk_buf_drop(struct hk_buf *b, size_t n)
{
	if (n >= b->n) {
		b->n = 0;
		return;
	}
	memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
}

struct hk_slice hk_buf_slice(const struct hk_buf *b)
{
	return (struct hk_slice){b->p, b->n};
}

enum hk_status hk_buf_status(const struct hk_buf *b)
{
	return b->failed;
}
