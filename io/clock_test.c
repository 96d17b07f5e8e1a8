/* SPDX-License-Identifier: MIT */
#include "io/clock.h"
#include "tests/unit.h"

/* S0-027 */
static void tokyo_is_nine_hours_ahead_and_called_jst(void **state)
{
	struct hk_now now;

	(void)state;
	assert_int_equal(hk_clock_set_zone(HK_S("Asia/Tokyo")), HK_OK);
	hk_clock_now(&now);
	assert_int_equal(now.zone_minutes, 540);
	assert_string_equal(now.zone_name, "JST");
	assert_true(now.utc > 1700000000);
	assert_true(now.utc_ms < 1000);
	assert_true(now.mono_ms > 0);
}

/* S0-027 */
static void a_zone_may_be_a_rule_of_posix(void **state)
{
	struct hk_now now;

	(void)state;
	assert_int_equal(hk_clock_set_zone(HK_S("IST-5:30")), HK_OK);
	hk_clock_now(&now);
	assert_int_equal(now.zone_minutes, 330);
	assert_string_equal(now.zone_name, "IST");
}

static void what_is_no_zone_is_refused(void **state)
{
	static const char *const bad[] = {"Asia/Nowhere", "../../../etc/passwd", "/etc/localtime",
	    "Asia/Tokyo;", "JST-", "JS-9", "JST-9x", ":/etc/localtime"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(hk_clock_set_zone(hk_slice_str(bad[i])), HK_NOTFOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tokyo_is_nine_hours_ahead_and_called_jst),
	    cmocka_unit_test(a_zone_may_be_a_rule_of_posix),
	    cmocka_unit_test(what_is_no_zone_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
