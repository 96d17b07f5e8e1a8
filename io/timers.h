/* SPDX-License-Identifier: MIT
 *
 * timers.h - deadlines of one thread, in a binary heap. One timer of the loop serves all of them.
 */
#ifndef HIKYAKU_IO_TIMERS_H
#define HIKYAKU_IO_TIMERS_H

#include <hikyaku/base.h>

#define HK_TIMER_NEVER UINT64_MAX

struct hk_timer {
	uint64_t at;  /* mono_ms */
	size_t place; /* in the heap, from 1; 0: not set */
	void (*due)(struct hk_timer *);
};
struct hk_timers {
	struct hk_timer **heap; /* from 1 */
	size_t n, cap, members;
};

void hk_timers_init(struct hk_timers *);
void hk_timers_done(struct hk_timers *);
/* hk_timers_join(all, timer, due): room for it, so that setting it later cannot fail. */
enum hk_status hk_timers_join(
    struct hk_timers *, struct hk_timer *, void (*due)(struct hk_timer *)) HK_MUSTCHECK;
/* hk_timers_leave(all, timer): unset, and its room given back. */
void hk_timers_leave(struct hk_timers *, struct hk_timer *);
/* hk_timers_set(all, timer, at): HK_TIMER_NEVER unsets. */
void hk_timers_set(struct hk_timers *, struct hk_timer *, uint64_t at);
/* when the first one is due; HK_TIMER_NEVER when none is set. */
uint64_t hk_timers_first(const struct hk_timers *);
/* hk_timers_run(all, now): unsets and calls every timer that is due; those set meanwhile to a past
 * time wait for the next run. */
void hk_timers_run(struct hk_timers *, uint64_t now);

#endif
