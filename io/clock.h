/* SPDX-License-Identifier: MIT
 *
 * clock.h - what time it is here.
 */
#ifndef HIKYAKU_IO_CLOCK_H
#define HIKYAKU_IO_CLOCK_H

#include <time.h>

#include "engine/world.h"

/* hk_clock_set_zone(name): "Asia/Tokyo" or "JST-9"; for the whole process, before its threads
 * start: it sets TZ. Empty: the system's zone. NOTFOUND when the system has no such zone. */
enum hk_status hk_clock_set_zone(struct hk_slice name) HK_MUSTCHECK;
/* hk_clock_now(ret): thread-safe. */
void hk_clock_now(struct hk_now *ret);
uint64_t hk_clock_mono_ms(void);
/* hk_clock_after(ms): so long from now, for pthread_cond_clockwait by CLOCK_MONOTONIC: the wall clock may jump. */
struct timespec hk_clock_after(long ms);

#endif
