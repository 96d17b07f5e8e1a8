/* SPDX-License-Identifier: MIT
 *
 * spool_rig.h - for tests of the spool: begin, begin again, end.
 */
#ifndef HIKYAKU_ENGINE_SPOOL_RIG_H
#define HIKYAKU_ENGINE_SPOOL_RIG_H

#include "engine/spool_testing.h"
#include "tests/unit.h"

#define FIRST "spool/journal/00000001.seg"

static inline struct hk_spool *reopen(struct hk_sim_disk *d, struct hk_spool *s)
{
	hk_spool_close(s);
	assert_int_equal(test_open(d, &s), HK_OK);
	return s;
}

static inline struct hk_spool *start(struct hk_sim_disk *d)
{
	struct hk_spool *s;

	hk_sim_disk_init(d, HK_SIM_POSIX, 1);
	assert_int_equal(test_open(d, &s), HK_OK);
	return s;
}

static inline void finish(struct hk_sim_disk *d, struct hk_spool *s)
{
	hk_spool_close(s);
	hk_sim_disk_done(d);
}

#endif
