/* SPDX-License-Identifier: MIT
 *
 * hunt.h - hikyaku-sim-planted: how many seeds it takes to find each planted bug.
 */
#ifndef HIKYAKU_SIM_PLANTED_HUNT_H
#define HIKYAKU_SIM_PLANTED_HUNT_H

#include <stdbool.h>
#include <stdint.h>

/* hk_planted_hunt(most, starts): the table; each bug is looked for from so many places, at most `most` seeds from each. True: all
 * were found, and with a median of at most 1,000 seeds. */
bool hk_planted_hunt(uint64_t most, unsigned starts);
bool hk_planted_wake(const char *name);

#endif
