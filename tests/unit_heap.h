/* SPDX-License-Identifier: MIT
 *
 * unit_heap.h - counts what the whole program takes from the heap, libcrypto too: for tests of how
 * much memory something needs. One file of a program includes it. Not under a sanitizer, which has
 * a heap of its own: HAS_HEAP_COUNT is 0 then.
 */
#ifndef HIKYAKU_TESTS_UNIT_HEAP_H
#define HIKYAKU_TESTS_UNIT_HEAP_H

#include <malloc.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) &&       \
    !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
#define HAS_HEAP_COUNT 1
#else
#define HAS_HEAP_COUNT 0
#endif

static struct {
	size_t calls;        /* of malloc, calloc and realloc */
	size_t in_use, peak; /* octets */
} heap;

/* From here on heap.peak is the most that was in use. */
static inline size_t heap_begin(void)
{
	heap.peak = heap.in_use;
	return heap.in_use;
}

#if HAS_HEAP_COUNT
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void __libc_free(void *);

static void *heap_count(void *p)
{
	heap.calls++;
	heap.in_use += malloc_usable_size(p);
	if (heap.in_use > heap.peak)
		heap.peak = heap.in_use;
	return p;
}

void *malloc(size_t n)
{
	return heap_count(__libc_malloc(n));
}

void *calloc(size_t count, size_t n)
{
	return heap_count(__libc_calloc(count, n));
}

void *realloc(void *p, size_t n)
{
	heap.in_use -= malloc_usable_size(p);
	return heap_count(__libc_realloc(p, n));
}

void free(void *p)
{
	heap.in_use -= malloc_usable_size(p);
	__libc_free(p);
}
#endif

#endif
