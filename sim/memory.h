/* SPDX-License-Identifier: MIT
 *
 * memory.h - allocations of the engine that fail. Only in hikyaku-sim-memory, whose malloc is wrapped by the linker
 * (planted/meson.build); elsewhere nothing of it is compiled.
 */
#ifndef HIKYAKU_SIM_MEMORY_H
#define HIKYAKU_SIM_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#ifdef HK_SIM_MEMORY
#define HK_SIM_HAS_MEMORY_FAULTS true
void hk_sim_memory_seed(uint64_t);
void hk_sim_memory_fail(bool on);
#else
#define HK_SIM_HAS_MEMORY_FAULTS false
static inline void hk_sim_memory_seed(uint64_t seed)
{
	(void)seed;
}
static inline void hk_sim_memory_fail(bool on)
{
	(void)on;
}
#endif

#endif
