/* SPDX-License-Identifier: MIT
 *
 * loop.h - one thread's event loop: libuv, its deadlines, its clock and the one buffer that all its
 * reads go through.
 */
#ifndef HIKYAKU_IO_LOOP_H
#define HIKYAKU_IO_LOOP_H

#include <uv.h>

#include "engine/world.h"
#include "io/timers.h"

#define HK_LOOP_READ (16 * 1024) /* one read: a TLS record at most */

struct hk_loop {
	uv_loop_t uv;
	uv_timer_t timer;
	uv_prepare_t prepare;
	struct hk_timers timers;
	struct hk_now now; /* of the callback that runs */
	uint8_t read[HK_LOOP_READ];
};

enum hk_status hk_loop_init(struct hk_loop *) HK_MUSTCHECK;
/* all other handles must be closed already. */
void hk_loop_done(struct hk_loop *);
/* hk_loop_wake(loop): every callback of libuv calls this first. */
void hk_loop_wake(struct hk_loop *);

#endif
