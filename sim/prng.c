/* SPDX-License-Identifier: MIT */
#include "sim/prng.h"

static uint64_t rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

/* The state is filled by splitmix64, as the authors of xoshiro advise. */
void hk_prng_init(struct hk_prng *p, uint64_t seed)
{
	unsigned i;

	for (i = 0; i < 4; i++) {
		uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

		z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
		p->state[i] = z ^ z >> 31;
	}
}

uint64_t hk_prng_next(struct hk_prng *p)
{
	uint64_t *s = p->state, result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

uint64_t hk_prng_below(struct hk_prng *p, uint64_t n)
{
	return n ? hk_prng_next(p) % n : 0;
}

bool hk_prng_chance(struct hk_prng *p, unsigned per_million)
{
	return hk_prng_below(p, 1000000) < per_million;
}

bool hk_prng_coin(struct hk_prng *p)
{
	return hk_prng_next(p) >> 63;
}
