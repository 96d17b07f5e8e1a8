/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <hikyaku/message.h>

#include "lib/message/vectors_test.h"
#include "tests/unit.h"

static enum hk_status parse(const char *text, size_t n, int64_t *utc, int *offset, bool *weekday_ok)
{
	char *copy = malloc(n ? n : 1); /* exactly so long, for the sanitizer to see */
	enum hk_status status;

	assert_non_null(copy);
	memcpy(copy, text, n);
	status = hk_date_parse(hk_slice_of(copy, n), utc, offset, weekday_ok);
	free(copy);
	return status;
}

static void dates_are_read_as_rfc_5322_3_3_and_4_3_say(void **state)
{
	static const struct {
		const char *text;
		int64_t utc;
		int offset;
		bool wrong_weekday;
	} cases[] = {
	    {"Sun, 10 Nov 2024 21:59:09 +0900", 1731243549, 540},
	    {"Sun, 10 Nov 2024 21:59:09 +0900 (JST)", 1731243549, 540},
	    {"10 Nov 2024 21:59 +0900", 1731243540, 540},
	    {" \r\n\tsUN,10 nOV 2024\r\n 21:59:09 +0900\r\n ", 1731243549, 540},
	    {"Mon, 10 Nov 2024 21:59:09 +0900", 1731243549, 540, true},
	    {"Thu, 1 Jan 1970 00:00:00 +0000", 0, 0},
	    {"Thu, 01 Jan 1970 00:00:00 -0000", 0, 0},
	    {"Wed, 31 Dec 1969 19:00:00 -0500", 0, -300},
	    {"Mon, 1 Jan 1900 00:00:00 +0000", -2208988800, 0},
	    {"Fri, 31 Dec 9999 23:59:59 +0000", 253402300799, 0},
	    {"Tue, 29 Feb 2000 12:00:00 +0000", 951825600, 0},
	    {"Thu, 31 Dec 1998 23:59:60 +0000", 915148800, 0}, /* SEC 1.8: leap second */
	    {"1 Jan 1970 00:00:00 +9959", -359940, 5999},
	    {"1 Jan 1970 00:00:00 -9959", 359940, -5999},
	    /* two and three digits */
	    {"21 Nov 97 09:55:06 -0600", 880127706, -360},
	    {"1 Jan 49 00:00 GMT", 2493072000, 0},
	    {"1 Jan 50 00:00 GMT", -631152000, 0},
	    {"1 Jan 124 00:00 GMT", 1704067200, 0},
	    /* zones by name */
	    {"1 Jan 1970 00:00:00 EST", 18000, -300}, {"1 Jan 1970 00:00:00 PDT", 25200, -420},
	    {"1 Jan 1970 00:00:00 UT", 0, 0}, {"1 Jan 1970 00:00:00 Z", 0, 0}, {"1 Jan 1970 00:00:00 k", 0, 0},
	    {"1 Jan 1970 00:00:00 CEST", 0, 0}, {"1 Jan 1970 09:00:00 JST", 0, 540},
	    /* comments everywhere (RFC 5322 A.6.3) */
	    {"(a)Thu(b),(c)13(d)Feb(e)1969(f)23(g):(h)32(i):(j)54(k(l))-0330(Newfoundland Time)", -27723426, -210},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		int64_t utc = 1;
		int offset = 1;
		bool weekday_ok = cases[i].wrong_weekday;

		if (parse(cases[i].text, strlen(cases[i].text), &utc, &offset, &weekday_ok) != HK_OK)
			print_message("# %s\n", cases[i].text);
		assert_int_equal(parse(cases[i].text, strlen(cases[i].text), &utc, &offset, &weekday_ok), HK_OK);
		assert_int_equal(utc, cases[i].utc);
		assert_int_equal(offset, cases[i].offset);
		assert_int_equal(weekday_ok, !cases[i].wrong_weekday);
	}
}

static void what_is_no_date_is_refused(void **state)
{
	static const char *const cases[] = {"", " ", "Sun", "Sun,", "Sun 10 Nov 2024 21:59:09 +0900", "Xun, 10 Nov 2024 21:59:09 +0900",
	    "Sunday, 10 Nov 2024 21:59:09 +0900", "0 Nov 2024 21:59:09 +0900", "31 Nov 2024 21:59:09 +0900",
	    "29 Feb 2023 00:00:00 +0000", "29 Feb 1900 00:00:00 +0000", "32 Jan 2024 00:00:00 +0000", "010 Nov 2024 00:00:00 +0000",
	    "10 Nov 1899 00:00:00 +0000", "10 Nov 0099 00:00:00 +0000", "10 Nov 12024 00:00:00 +0000", "10 Nov 2 00:00:00 +0000",
	    "10 November 2024 00:00:00 +0000", "10 11 2024 00:00:00 +0000", "10 Nov 2024 24:00:00 +0000", "10 Nov 2024 00:60:00 +0000",
	    "10 Nov 2024 00:00:61 +0000", "10 Nov 2024 0:00:00 +0000", "10 Nov 2024 00:0:00 +0000", "10 Nov 2024 00:00:0 +0000",
	    "10 Nov 2024 00:00:000 +0000", "10 Nov 2024 00:00:00", "10 Nov 2024 00 +0000", "10 Nov 2024 +0000",
	    "10 Nov 2024 00:00:00 0000", "10 Nov 2024 00:00:00 +000", "10 Nov 2024 00:00:00 +00000", "10 Nov 2024 00:00:00 +0060",
	    "10 Nov 2024 00:00:00 + 0000", "10 Nov 2024 00:00:00 +00:00", "10 Nov 2024 00:00:00 +0000 x", "10 Nov 2024 00:00:00 +0000 (",
	    "10 Nov 2024 00:00:00 (only a comment)", "2024-11-10T00:00:00Z", "10 Nov 2024 00:00:00\r\n+0000", "10 Nov 2024 00.00.00 +0000",
	    "99999999999999999999 Nov 2024 00:00:00 +0000"};
	int64_t utc = 77;
	int offset = 77;
	bool weekday_ok;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		if (parse(cases[i], strlen(cases[i]), &utc, &offset, &weekday_ok) != HK_SYNTAX)
			print_message("# %s\n", cases[i]);
		assert_int_equal(parse(cases[i], strlen(cases[i]), &utc, &offset, &weekday_ok), HK_SYNTAX);
	}
	assert_int_equal(utc, 77);
	assert_int_equal(offset, 77);
	assert_int_equal(parse("((((((((((((((((((((((((((((((((()", 34, &utc, &offset, &weekday_ok), HK_LIMIT);
}

static void assert_format(int64_t utc, int offset, const char *zone, const char *want)
{
	struct hk_buf b;

	hk_buf_init(&b, 100);
	hk_date_format(&b, utc, offset, hk_slice_str(zone));
	hk_buf_add_byte(&b, 0);
	assert_int_equal(hk_buf_status(&b), HK_OK);
	assert_string_equal((const char *)b.p, want);
	hk_buf_done(&b);
}

static void dates_are_written_as_rfc_5322_3_3_says(void **state)
{
	(void)state;
	assert_format(1731243549, 540, "JST", "Sun, 10 Nov 2024 21:59:09 +0900 (JST)");
	assert_format(1731243549, 540, "", "Sun, 10 Nov 2024 21:59:09 +0900");
	assert_format(0, 0, "UTC", "Thu, 1 Jan 1970 00:00:00 +0000 (UTC)");
	assert_format(0, -210, "", "Wed, 31 Dec 1969 20:30:00 -0330");
	assert_format(-1, 0, "", "Wed, 31 Dec 1969 23:59:59 +0000");
	assert_format(951825600, 0, "", "Tue, 29 Feb 2000 12:00:00 +0000");
	assert_format(0, 0, "a)\r\nX: y", "Thu, 1 Jan 1970 00:00:00 +0000");
	assert_format(INT64_MAX, INT32_MAX, "", "Fri, 31 Dec 9999 23:59:59 +9959");
	assert_format(INT64_MIN, INT32_MIN, "", "Mon, 1 Jan 1900 00:00:00 -9959");
}

static void every_day_of_the_range_round_trips_and_agrees_with_the_c_library(void **state)
{
	int64_t utc, back;
	int offset;
	bool weekday_ok;

	(void)state;
	/* steps of a little over three days, of a prime number of seconds */
	for (utc = -2208988800; utc <= 253402300799; utc += 262147) {
		char want[80], words[64];
		time_t t = (time_t)utc;
		struct hk_buf b;
		struct tm tm;

		hk_buf_init(&b, 100);
		hk_date_format(&b, utc, 0, HK_S(""));
		assert_non_null(gmtime_r(&t, &tm));
		/* "Sun Nov 10 12:59:09 2024\n", in every locale */
		assert_non_null(asctime_r(&tm, words));
		snprintf(want, sizeof want, "%.3s, %d %.3s %d %.8s +0000", words, tm.tm_mday, words + 4, tm.tm_year + 1900, words + 11);
		assert_int_equal(b.n, strlen(want));
		assert_memory_equal(b.p, want, b.n);
		assert_int_equal(hk_date_parse(hk_buf_slice(&b), &back, &offset, &weekday_ok), HK_OK);
		assert_int_equal(back, utc);
		assert_true(weekday_ok);
		hk_buf_done(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(dates_are_read_as_rfc_5322_3_3_and_4_3_say),
	    cmocka_unit_test(what_is_no_date_is_refused),
	    cmocka_unit_test(dates_are_written_as_rfc_5322_3_3_says),
	    cmocka_unit_test(every_day_of_the_range_round_trips_and_agrees_with_the_c_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
