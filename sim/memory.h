/* SPDX-License-Identifier: MIT
 *
 * memory.h - allocations of the product: counted, and some of them fail; and what it takes for chance. The linker wraps
 * them; the simulator's own files are compiled with malloc named __real_malloc (meson.build), so what they call is neither.
 */
#ifndef HIKYAKU_SIM_MEMORY_H
#define HIKYAKU_SIM_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* hk_sim_memory_begin(seed, per_million): from now on, while it is on, that many allocations fail. */
void hk_sim_memory_begin(uint64_t seed, unsigned per_million);
void hk_sim_memory_fail(bool on);
/* hk_sim_memory_fail_at(nth, span): of those from now on, the nth (1: the first) and span - 1 behind it fail too; 0: none. They are
 * counted while it is on: hk_sim_memory_asked(). */
void hk_sim_memory_fail_at(uint64_t nth, uint64_t span);
uint64_t hk_sim_memory_asked(void);
/* hk_sim_memory_is_short(): one more is asked for, by other means than malloc: whether it fails. */
bool hk_sim_memory_is_short(void);
uint64_t hk_sim_memory_blocks(void); /* alive */
/* hk_sim_memory_has_drawn(): the product took something for chance since the beginning. It does at each start; else the linker's wraps
 * are not in force, and a seed means nothing. */
bool hk_sim_memory_has_drawn(void);

#endif
