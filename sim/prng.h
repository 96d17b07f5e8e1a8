/* SPDX-License-Identifier: MIT
 *
 * prng.h - xoshiro256** (Blackman, Vigna 2018): the only source of chance in the simulated world.
 */
#ifndef HIKYAKU_SIM_PRNG_H
#define HIKYAKU_SIM_PRNG_H

#include <stdbool.h>
#include <stdint.h>

struct hk_prng {
	uint64_t state[4];
};
void hk_prng_init(struct hk_prng *, uint64_t seed);
uint64_t hk_prng_next(struct hk_prng *);
/* hk_prng_below(p, n): 0..n-1; 0 for n = 0. */
uint64_t hk_prng_below(struct hk_prng *, uint64_t n);
bool hk_prng_chance(struct hk_prng *, unsigned per_million);
bool hk_prng_coin(struct hk_prng *);

#endif
