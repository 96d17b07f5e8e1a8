/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <hikyaku/base.h>

#include "sim/memory.h"
#include "sim/prng.h"

static struct hk_prng prng, random_bytes;
static bool is_on, has_drawn;
static unsigned chance;
static uint64_t blocks, nth, span, asked;

void *__wrap_malloc(size_t), *__wrap_calloc(size_t, size_t), *__wrap_realloc(void *, size_t), *__wrap_aligned_alloc(size_t, size_t);
void __wrap_free(void *);
char *__wrap_strdup(const char *), *__wrap_strndup(const char *, size_t);
enum hk_status __wrap_hk_random(void *, size_t);
void *__real_aligned_alloc(size_t, size_t);

void hk_sim_memory_begin(uint64_t seed, unsigned per_million)
{
	hk_prng_init(&prng, ~seed);
	hk_prng_init(&random_bytes, seed ^ UINT64_C(0x5555555555555555));
	chance = per_million;
	has_drawn = false;
}

void hk_sim_memory_fail(bool on)
{
	is_on = on;
}

void hk_sim_memory_fail_at(uint64_t first, uint64_t n)
{
	nth = first;
	span = n;
	asked = 0;
}

uint64_t hk_sim_memory_asked(void)
{
	return asked;
}

uint64_t hk_sim_memory_blocks(void)
{
	return blocks;
}

bool hk_sim_memory_has_drawn(void)
{
	return has_drawn;
}

bool hk_sim_memory_is_short(void)
{
	if (!is_on)
		return false;
	asked++;
	return (nth && asked >= nth && asked - nth < span) || (chance && hk_prng_chance(&prng, chance));
}

static void *count(void *p)
{
	blocks += p != NULL;
	return p;
}

void *__wrap_malloc(size_t n)
{
	return hk_sim_memory_is_short() ? NULL : count(malloc(n));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return hk_sim_memory_is_short() ? NULL : count(calloc(n, size));
}

void *__wrap_realloc(void *p, size_t n)
{
	void *more = hk_sim_memory_is_short() ? NULL : realloc(p, n);

	blocks += more && !p;
	return more;
}

void *__wrap_aligned_alloc(size_t alignment, size_t n)
{
	return hk_sim_memory_is_short() ? NULL : count(__real_aligned_alloc(alignment, n));
}

char *__wrap_strndup(const char *s, size_t n)
{
	size_t have = strnlen(s, n);
	char *copy = __wrap_malloc(have + 1);

	if (copy) {
		memcpy(copy, s, have);
		copy[have] = '\0';
	}
	return copy;
}

char *__wrap_strdup(const char *s)
{
	return __wrap_strndup(s, strlen(s));
}

void __wrap_free(void *p)
{
	blocks -= p != NULL;
	free(p);
}

/* What the product draws follows from the seed as well, or two runs would differ. */
enum hk_status __wrap_hk_random(void *out, size_t n)
{
	uint8_t *p = out;

	has_drawn = true;
	while (n--)
		*p++ = (uint8_t)hk_prng_next(&random_bytes);
	return HK_OK;
}
