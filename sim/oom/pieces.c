/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include <hikyaku/base.h>

#include "sim/oom/pieces.h"

void *__real_hk_arena_alloc(struct hk_arena *, size_t);
void *__real_hk_arena_array(struct hk_arena *, size_t, size_t);
void *__real_hk_arena_double(struct hk_arena *, const void *, size_t *, size_t, size_t);
enum hk_status __real_hk_arena_dup(struct hk_arena *, struct hk_slice, struct hk_slice *);
enum hk_status __real_hk_arena_dup_lower(struct hk_arena *, struct hk_slice, struct hk_slice *);
void *__wrap_hk_arena_alloc(struct hk_arena *, size_t), *__wrap_hk_arena_array(struct hk_arena *, size_t, size_t);
void *__wrap_hk_arena_double(struct hk_arena *, const void *, size_t *, size_t, size_t);
enum hk_status __wrap_hk_arena_dup(struct hk_arena *, struct hk_slice, struct hk_slice *);
enum hk_status __wrap_hk_arena_dup_lower(struct hk_arena *, struct hk_slice, struct hk_slice *);
enum hk_status __wrap_hk_arena_fmt(struct hk_arena *, struct hk_slice *, const char *, ...) HK_PRINTF(3, 4);

static bool fails(struct hk_arena *a)
{
	bool failed = pieces_fail();

	if (failed)
		a->failed = HK_NOMEM;
	return failed;
}

void *__wrap_hk_arena_alloc(struct hk_arena *a, size_t n)
{
	return fails(a) ? NULL : __real_hk_arena_alloc(a, n);
}

void *__wrap_hk_arena_array(struct hk_arena *a, size_t n, size_t size)
{
	return fails(a) ? NULL : __real_hk_arena_array(a, n, size);
}

void *__wrap_hk_arena_double(struct hk_arena *a, const void *list, size_t *room, size_t first, size_t size)
{
	return fails(a) ? NULL : __real_hk_arena_double(a, list, room, first, size);
}

enum hk_status __wrap_hk_arena_dup(struct hk_arena *a, struct hk_slice s, struct hk_slice *ret)
{
	return fails(a) ? HK_NOMEM : __real_hk_arena_dup(a, s, ret);
}

enum hk_status __wrap_hk_arena_dup_lower(struct hk_arena *a, struct hk_slice s, struct hk_slice *ret)
{
	return fails(a) ? HK_NOMEM : __real_hk_arena_dup_lower(a, s, ret);
}

enum hk_status __wrap_hk_arena_fmt(struct hk_arena *a, struct hk_slice *ret, const char *format, ...)
{
	va_list args, again;
	char *text;
	int n;

	if (!format) /* never; gcc with UBSan wants to hear it */
		return HK_BUG;
	if (fails(a))
		return HK_NOMEM;
	va_start(args, format);
	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, args);
	text = __real_hk_arena_alloc(a, (size_t)n + 1);
	if (text) {
		vsnprintf(text, (size_t)n + 1, format, again);
		*ret = hk_slice_of(text, (size_t)n);
	}
	va_end(again);
	va_end(args);
	return text ? HK_OK : a->failed;
}

/* ---- OpenSSL ---- */

void *__real_malloc(size_t), *__real_realloc(void *, size_t);
void __real_free(void *);

static void *ssl_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return pieces_fail() ? NULL : __real_malloc(n);
}

static void *ssl_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return pieces_fail() ? NULL : __real_realloc(p, n);
}

static void ssl_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	__real_free(p);
}

bool pieces_openssl(void)
{
	return CRYPTO_set_mem_functions(ssl_malloc, ssl_realloc, ssl_free);
}
