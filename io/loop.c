/* SPDX-License-Identifier: MIT */
#include "io/clock.h"
#include "io/loop.h"

void hk_loop_wake(struct hk_loop *loop)
{
	hk_clock_now(&loop->now);
}

static void due(uv_timer_t *timer)
{
	struct hk_loop *loop = timer->data;

	hk_loop_wake(loop);
	hk_timers_run(&loop->timers, loop->now.mono_ms);
}

/* Just before the loop waits: until the first deadline, and no longer. */
static void before_waiting(uv_prepare_t *prepare)
{
	struct hk_loop *loop = prepare->data;
	uint64_t first = hk_timers_first(&loop->timers), now;

	if (first == HK_TIMER_NEVER) {
		uv_timer_stop(&loop->timer);
		return;
	}
	now = hk_clock_mono_ms();
	uv_update_time(&loop->uv);
	uv_timer_start(&loop->timer, due, first > now ? first - now : 0, 0);
}

enum hk_status hk_loop_init(struct hk_loop *loop)
{
	if (uv_loop_init(&loop->uv) != 0)
		return HK_NOMEM;
	uv_timer_init(&loop->uv, &loop->timer);
	uv_prepare_init(&loop->uv, &loop->prepare);
	loop->timer.data = loop->prepare.data = loop;
	uv_prepare_start(&loop->prepare, before_waiting);
	hk_timers_init(&loop->timers);
	hk_loop_wake(loop);
	return HK_OK;
}

void hk_loop_done(struct hk_loop *loop)
{
	/* what still waits for its time, such as a connection that lingers, ends now */
	hk_timers_run(&loop->timers, HK_TIMER_NEVER - 1);
	uv_close((uv_handle_t *)&loop->timer, NULL);
	uv_close((uv_handle_t *)&loop->prepare, NULL);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	uv_loop_close(&loop->uv);
	hk_timers_done(&loop->timers);
}
