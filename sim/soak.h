/* SPDX-License-Identifier: MIT
 *
 * soak.h - one server for many hours: what it holds, whenever all is quiet, stays as it is.
 */
#ifndef HIKYAKU_SIM_SOAK_H
#define HIKYAKU_SIM_SOAK_H

#include "sim/world.h"

/* hk_sim_soak(s, hours): of a world that was initialised; prints a line for its first hours and the last. Nothing kills the server meanwhile: a new
 * process would begin with nothing. false: an invariant was broken (I6: it grows). */
bool hk_sim_soak(struct hk_sim *, unsigned hours);

#endif
