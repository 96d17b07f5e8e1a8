/* SPDX-License-Identifier: MIT
 *
 * The simulator's own files are compiled with malloc named __real_malloc, so only what it calls is
 * wrapped.
 */
#include <stdlib.h>

#include "sim/memory.h"
#include "sim/prng.h"

#ifdef HK_SIM_MEMORY
enum { CHANCE = 3000 /* per million allocations */ };

static struct hk_prng prng;
static bool is_on;

void *__wrap_malloc(size_t), *__wrap_calloc(size_t, size_t), *__wrap_realloc(void *, size_t),
    *__wrap_aligned_alloc(size_t, size_t);
void *__real_aligned_alloc(size_t, size_t);

void hk_sim_memory_seed(uint64_t seed)
{
	hk_prng_init(&prng, ~seed);
}

void hk_sim_memory_fail(bool on)
{
	is_on = on;
}

static bool fails(void)
{
	return is_on && hk_prng_chance(&prng, CHANCE);
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : realloc(p, n);
}

void *__wrap_aligned_alloc(size_t alignment, size_t n)
{
	return fails() ? NULL : __real_aligned_alloc(alignment, n);
}
#endif
