/* SPDX-License-Identifier: MIT
 *
 * pieces.c - each piece of an arena counts as an allocation, and so does each of OpenSSL's.
 */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include "sim/oom/house.h"

void *__real_hk_arena_alloc(struct hk_arena *, size_t);
void *__real_hk_arena_array(struct hk_arena *, size_t, size_t);
void *__real_hk_arena_double(struct hk_arena *, const void *, size_t *, size_t, size_t);
enum hk_status __real_hk_arena_dup(struct hk_arena *, struct hk_slice, struct hk_slice *);
enum hk_status __real_hk_arena_dup_lower(struct hk_arena *, struct hk_slice, struct hk_slice *);
void *__wrap_hk_arena_alloc(struct hk_arena *, size_t), *__wrap_hk_arena_array(struct hk_arena *, size_t, size_t);
void *__wrap_hk_arena_double(struct hk_arena *, const void *, size_t *, size_t, size_t);
enum hk_status __wrap_hk_arena_dup(struct hk_arena *, struct hk_slice, struct hk_slice *);
enum hk_status __wrap_hk_arena_dup_lower(struct hk_arena *, struct hk_slice, struct hk_slice *);

static bool fails(struct hk_arena *a)
{
	bool failed = hk_sim_memory_is_short();

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

/* Its blocks are not counted as ours: it keeps some. */
static void *ssl_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return hk_sim_memory_is_short() ? NULL : malloc(n);
}

static void *ssl_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return hk_sim_memory_is_short() ? NULL : realloc(p, n);
}

static void ssl_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

bool house_openssl(void)
{
	return CRYPTO_set_mem_functions(ssl_malloc, ssl_realloc, ssl_free);
}
