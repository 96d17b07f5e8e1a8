/* SPDX-License-Identifier: MIT
 *
 * shrink.h - a seed that fails, with less: classes of faults go, the end goes, events in the middle go, as long as the same
 * invariant breaks.
 */
#ifndef HIKYAKU_SIM_SHRINK_H
#define HIKYAKU_SIM_SHRINK_H

#include "sim/world.h"

/* hk_sim_shrink(seed): prints the smallest run that it found, as options of hikyaku-sim. False: the seed does not fail. */
bool hk_sim_shrink(uint64_t seed);
/* hk_sim_skip_parse(text, ret, n): "0-4,7": sets those of n. False: that is none. */
bool hk_sim_skip_parse(struct hk_slice text, uint8_t *ret, size_t n);

#endif
