/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <hikyaku/trace.h>

#include "tests/unit.h"

static void steps_are_kept_in_order_with_copies_of_their_texts(void **state)
{
	char domain[] = "a.test";
	struct hk_trace *t;
	struct hk_arena a;

	(void)state;
	hk_arena_init(&a, 1 << 20);
	t = must(hk_trace_new(&a));
	assert_non_null(t);
	hk_trace_add(t, HK_TRACE_SPF_RECORD, 0, hk_slice_str(domain), HK_S("v=spf1 -all"), HK_S(""), HK_S(""));
	hk_trace_add(t, HK_TRACE_SPF_RESULT, 300, HK_S("fail"), HK_S(""), HK_S(""), HK_S(""));
	memset(domain, 'x', sizeof domain - 1);
	assert_int_equal(hk_trace_count(t), 2);
	assert_int_equal(hk_trace_at(t, 0)->event, HK_TRACE_SPF_RECORD);
	assert_true(hk_slice_eq(hk_trace_at(t, 0)->text[0], HK_S("a.test")));
	assert_int_equal(hk_trace_at(t, 1)->depth, UINT8_MAX);
	assert_null(hk_trace_at(t, 2));
	assert_false(hk_trace_is_cut(t));
	hk_arena_done(&a);
}

static void a_text_over_1024_octets_is_cut(void **state)
{
	static const uint8_t zeros[HK_TRACE_TEXT_MAX + 1];
	uint8_t text[HK_TRACE_TEXT_MAX + 1];
	struct hk_trace *t;
	struct hk_arena a;
	size_t n;

	(void)state;
	memset(text, 'x', sizeof text);
	hk_arena_init(&a, 1 << 20);
	t = must(hk_trace_new(&a));
	for (n = HK_TRACE_TEXT_MAX - 1; n <= HK_TRACE_TEXT_MAX + 1; n++) {
		struct hk_slice kept;

		hk_trace_add(t, HK_TRACE_MSG_FROM, 0, hk_slice_of(text, n), HK_S(""), HK_S(""), HK_S(""));
		assert_int_equal(hk_trace_count(t), n - HK_TRACE_TEXT_MAX + 2);
		kept = hk_trace_at(t, hk_trace_count(t) - 1)->text[0];
		assert_int_equal(kept.n, n > HK_TRACE_TEXT_MAX ? HK_TRACE_TEXT_MAX : n);
		assert_int_equal(hk_slice_ends_nocase(kept, HK_S("...")), n > HK_TRACE_TEXT_MAX);
	}
	/* a NUL is an octet like another */
	hk_trace_add(t, HK_TRACE_MSG_FROM, 0, hk_slice_of(zeros, sizeof zeros), HK_S(""), HK_S(""), HK_S(""));
	assert_int_equal(hk_trace_at(t, hk_trace_count(t) - 1)->text[0].n, HK_TRACE_TEXT_MAX);
	hk_arena_done(&a);
}

static void a_trace_has_2000_steps_and_then_says_that_it_is_cut(void **state)
{
	struct hk_trace *t;
	struct hk_arena a;
	size_t i;

	(void)state;
	hk_arena_init(&a, 4 << 20);
	t = must(hk_trace_new(&a));
	for (i = 0; i < HK_TRACE_STEPS_MAX; i++)
		hk_trace_add(t, HK_TRACE_SPF_TERM, 0, HK_S("x"), HK_S(""), HK_S(""), HK_S(""));
	assert_false(hk_trace_is_cut(t));
	hk_trace_add(t, HK_TRACE_SPF_TERM, 0, HK_S("x"), HK_S(""), HK_S(""), HK_S(""));
	assert_true(hk_trace_is_cut(t));
	assert_int_equal(hk_trace_count(t), HK_TRACE_STEPS_MAX);
	hk_arena_done(&a);
}

static void without_memory_or_without_a_trace_nothing_breaks(void **state)
{
	struct hk_trace *t;
	struct hk_arena a;
	size_t i;

	(void)state;
	hk_trace_add(NULL, HK_TRACE_SPF_TERM, 0, HK_S("x"), HK_S(""), HK_S(""), HK_S(""));
	assert_int_equal(hk_trace_count(NULL), 0);
	assert_null(hk_trace_at(NULL, 0));
	assert_false(hk_trace_is_cut(NULL));
	hk_arena_init(&a, 8192);
	t = must(hk_trace_new(&a));
	for (i = 0; i < 1000; i++)
		hk_trace_add(t, HK_TRACE_SPF_TERM, 0, HK_S("some text"), HK_S(""), HK_S(""), HK_S(""));
	assert_true(hk_trace_is_cut(t));
	assert_in_range(hk_trace_count(t), 1, 999);
	hk_arena_done(&a);
}

static void every_event_has_its_columns(void **state)
{
	unsigned i;

	(void)state;
	assert_string_equal(hk_trace_event_name(HK_TRACE_SPF_TERM), "SPF_TERM");
	assert_int_equal(hk_trace_event_method(HK_TRACE_DKIM_KEY), HK_METHOD_DKIM);
	for (i = 0; i < HK_TRACE_EVENTS; i++)
		assert_true(strncmp(hk_trace_event_rfc((enum hk_trace_event)i), "RFC ", 4) == 0);
	assert_string_equal(hk_trace_event_name(HK_TRACE_EVENTS), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(steps_are_kept_in_order_with_copies_of_their_texts),
	    cmocka_unit_test(a_text_over_1024_octets_is_cut),
	    cmocka_unit_test(a_trace_has_2000_steps_and_then_says_that_it_is_cut),
	    cmocka_unit_test(without_memory_or_without_a_trace_nothing_breaks),
	    cmocka_unit_test(every_event_has_its_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
