/* SPDX-License-Identifier: MIT
 *
 * planted.h - the bugs that hikyaku-sim-planted can wake, and what each must break.
 */
#ifndef HIKYAKU_SIM_PLANTED_PLANTED_H
#define HIKYAKU_SIM_PLANTED_PLANTED_H

#include "lib/base/bug.h"

struct hk_planted {
	const char *name;
	unsigned invariant; /* I1 to I12, sim/README.md */
	const char *where, *what;
};
extern const struct hk_planted hk_planted[]; /* HK_BUGS of them; the first is none */

#endif
