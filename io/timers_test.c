/* SPDX-License-Identifier: MIT */
#include "io/timers.h"
#include "tests/unit.h"

enum { MANY = 500 };

/* some order, the same each time */
static uint32_t random_below(uint32_t n)
{
	static uint32_t x = 7;

	x = x * 1664525u + 1013904223u;
	return (x >> 8) % n;
}

static uint64_t last_at;
static unsigned called;

static void note(struct hk_timer *timer)
{
	assert_true(timer->at >= last_at);
	assert_int_equal(timer->place, 0);
	last_at = timer->at;
	called++;
}

static void timers_come_in_order_whatever_was_set_and_unset(void **state)
{
	static struct hk_timer timer[MANY];
	struct hk_timers all;
	size_t i, round, set = 0;

	(void)state;
	hk_timers_init(&all);
	for (i = 0; i < MANY; i++)
		assert_int_equal(hk_timers_join(&all, &timer[i], note), HK_OK);
	for (round = 0; round < 20; round++)
		for (i = 0; i < MANY; i++)
			hk_timers_set(
			    &all, &timer[i], random_below(3) ? random_below(1000) : HK_TIMER_NEVER);
	for (i = 0; i < MANY; i++)
		set += timer[i].place != 0;
	called = 0;
	last_at = 0;
	while (hk_timers_first(&all) != HK_TIMER_NEVER)
		hk_timers_run(&all, hk_timers_first(&all) + 10);
	assert_int_equal(called, set);
	for (i = 0; i < MANY; i++)
		hk_timers_leave(&all, &timer[i]);
	assert_int_equal(all.members, 0);
	hk_timers_done(&all);
}

static struct hk_timers again_all;

static void set_again(struct hk_timer *timer)
{
	called++;
	hk_timers_set(&again_all, timer, 1);
}

static void a_timer_that_sets_itself_to_the_past_runs_once_in_a_run(void **state)
{
	struct hk_timer timer;

	(void)state;
	hk_timers_init(&again_all);
	assert_int_equal(hk_timers_join(&again_all, &timer, set_again), HK_OK);
	hk_timers_set(&again_all, &timer, 5);
	called = 0;
	hk_timers_run(&again_all, 4);
	assert_int_equal(called, 0);
	hk_timers_run(&again_all, 5);
	assert_int_equal(called, 1);
	hk_timers_run(&again_all, 5);
	assert_int_equal(called, 2);
	hk_timers_leave(&again_all, &timer);
	hk_timers_done(&again_all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(timers_come_in_order_whatever_was_set_and_unset),
	    cmocka_unit_test(a_timer_that_sets_itself_to_the_past_runs_once_in_a_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
