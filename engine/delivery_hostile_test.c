/* SPDX-License-Identifier: MIT
 *
 * Deliveries to servers that mean harm: what they can hold of us, in time and in memory.
 */
#include <stdio.h>
#include <string.h>

#include "engine/delivery_testing.h"
#include "tests/unit.h"
#include "tests/unit_heap.h"

static const char *recipients(size_t n)
{
	static char text[100 * 16];
	size_t i, at = 0;

	text[0] = 0;
	for (i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, sizeof text - at, "%sr%zu@a.test", i ? " " : "", i);
	return text;
}

/* Each reply keeps to its time, and yet the whole has one. */
static void a_server_that_uses_all_of_its_time_for_each_reply_is_left(void **state)
{
	struct rig_mail mail = simple;
	struct rig_peer peer = {.slow_ms = 200000};
	struct hk_buf script;
	struct rig r;
	uint64_t began;
	size_t i;

	(void)state;
	hk_buf_init(&script, 8192);
	hk_buf_add_str(&script, "220 hi|250 h|250 ok");
	for (i = 0; i < 60; i++)
		hk_buf_add_str(&script, "|250 ok");
	hk_buf_add_str(&script, "|354 go|250 ok|");
	hk_buf_add_byte(&script, 0);
	peer.script = (const char *)script.p;
	rig_begin(&r, CONF "route * { via smtp 10.0.0.7; }", &peer);
	mail.rcpt = recipients(60);
	rig_put(&r, &mail);
	began = r.now.mono_ms;
	rig_run(&r);
	for (i = 0; i < 60; i++)
		assert_int_equal(r.result[i].outcome, HK_RCPT_PENDING);
	assert_string_equal(r.result->enhanced, "4.4.2");
	/* the greeting and EHLO had theirs; then one hour, in steps of 200 seconds */
	assert_in_range((r.now.mono_ms - began) / 1000, 3600, 3600 + 3 * 200);
	rig_done(&r);
	hk_buf_done(&script);
}

/* SEC-35, T6, T10: 100 KB of a reply, whole or in lines, are not kept. */
static void a_reply_of_any_length_needs_no_memory(void **state)
{
	static const char *const forms[] = {NULL, "0", "220-", "220 "};
	size_t i, k, least = 0;

	(void)state;
	for (i = 0; i < COUNT(forms); i++) {
		struct rig_peer peer = {.script = OK_SCRIPT};
		struct hk_buf script;
		size_t before, used;
		struct rig r;

		hk_buf_init(&script, 200000);
		hk_buf_add_str(&script, "220 ");
		for (k = 0; i && k < 200; k++)
			hk_buf_addf(&script, "%s%0500d%s", forms[i], 0, i > 1 ? "\n" : "");
		hk_buf_add_str(&script, "220 x|250 h|");
		hk_buf_add_byte(&script, 0);
		if (i)
			peer.script = (const char *)script.p;
		rig_begin(&r, CONF "route * { via smtp 10.0.0.7; }", &peer);
		rig_put(&r, &simple);
		before = heap_begin();
		rig_run(&r);
		used = heap.peak - before;
		if (i == 0)
			least = used;
		else
			assert_int_not_equal(r.result->outcome, HK_RCPT_DELIVERED);
		/* the rig keeps what it says and what it got; the delivery itself has its buffer and no more */
		if (HAS_HEAP_COUNT)
			assert_true(used < least + 400000);
		rig_done(&r);
		hk_buf_done(&script);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    {"SEC-85: a server that uses all of its time for each reply is left",
	        a_server_that_uses_all_of_its_time_for_each_reply_is_left, NULL, NULL, NULL},
	    cmocka_unit_test(a_reply_of_any_length_needs_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
