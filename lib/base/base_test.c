/* SPDX-License-Identifier: MIT */
#include <stddef.h>

#include <hikyaku/work.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/base_internal.h"
#include "tests/unit.h"

static void ip_text_round_trips(void **state)
{
	static const char *const same[] = {"10.255.1.20", "::", "::1", "2001:db8::1", "fe80::1:0:0:1", "1:2:3:4:5:6:7:8", "1:0:3:4:5:6:7:8", "1::"};
	static const char *const bad[] = {"", "1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", ":::", "1::2::3", "12345::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "::1.2.3", "1:", ":1"};
	char text[HK_IP_TEXT_MAX];
	struct hk_ip ip;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof same / sizeof same[0]; i++) {
		assert_int_equal(hk_ip_parse(hk_slice_str(same[i]), &ip), HK_OK);
		hk_ip_format(&ip, text);
		assert_string_equal(text, same[i]);
	}
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(hk_ip_parse(hk_slice_str(bad[i]), &ip), HK_SYNTAX);
	assert_int_equal(hk_ip_parse(HK_S("::ffff:192.0.2.1"), &ip), HK_OK);
	assert_int_equal(ip.family, 4);
}

static void an_arena_stops_at_its_limit(void **state)
{
	struct hk_arena a;

	(void)state;
	hk_arena_init(&a, 64);
	assert_non_null(hk_arena_alloc(&a, 48));
	assert_null(hk_arena_alloc(&a, 17));
	assert_int_equal(a.failed, HK_LIMIT);
	assert_non_null(hk_arena_alloc(&a, 16));
	hk_arena_done(&a);
}

static void crc32c_gives_the_check_value_of_rfc_3720_b_4(void **state)
{
	uint8_t zeros[32] = {0};

	(void)state;
	assert_int_equal(hk_crc32c(0, HK_S("123456789")), 0xe3069283u);
	assert_int_equal(hk_crc32c(0, hk_slice_of(zeros, 32)), 0x8a9136aau);
	assert_int_equal(hk_crc32c(hk_crc32c(0, HK_S("1234")), HK_S("56789")), 0xe3069283u);
}

static void base64_of_every_length_round_trips(void **state)
{
	uint8_t bytes[512];
	size_t n;

	(void)state;
	for (n = 0; n < sizeof bytes; n++)
		bytes[n] = (uint8_t)(n * 37 + 11);
	for (n = 0; n <= sizeof bytes; n++) {
		struct hk_buf b;
		struct hk_arena a;
		struct hk_slice back;

		hk_buf_init(&b, 4096);
		hk_arena_init(&a, 65536);
		hk_base64_add(&b, hk_slice_of(bytes, n));
		assert_int_equal(hk_base64_parse(&a, hk_buf_slice(&b), &back), HK_OK);
		assert_true(hk_slice_eq(back, hk_slice_of(bytes, n)));
		hk_arena_done(&a);
		hk_buf_done(&b);
	}
}

static void a_buffer_takes_limit_octets_and_not_one_more(void **state)
{
	size_t n, way;

	(void)state;
	for (way = 0; way < 4; way++) {
		for (n = 999; n <= 1001; n++) {
			static const uint8_t zeros[1001];
			struct hk_buf b;
			size_t i;

			hk_buf_init(&b, 1000);
			if (way == 0)
				hk_buf_add(&b, hk_slice_of(zeros, n));
			for (i = 0; way == 1 && i < n; i++)
				hk_buf_add_byte(&b, 'x');
			if (way == 2)
				hk_buf_addf(&b, "%*s", (int)n, "");
			if (way == 3) {
				hk_buf_add(&b, hk_slice_of(zeros, n - 4));
				hk_buf_add_u32(&b, 1);
			}
			assert_int_equal(hk_buf_status(&b), n > 1000 ? HK_LIMIT : HK_OK);
			if (n <= 1000)
				assert_int_equal(b.n, n);
			assert_true(b.cap <= 1000);
			hk_buf_done(&b);
		}
	}
}

static void a_buffer_stays_failed_until_it_is_reset(void **state)
{
	struct hk_buf b = {0};

	(void)state;
	hk_buf_add(&b, HK_S(""));
	assert_int_equal(hk_buf_status(&b), HK_OK);
	hk_buf_add_byte(&b, 'x'); /* a zeroed buffer may hold nothing */
	assert_int_equal(hk_buf_status(&b), HK_LIMIT);
	hk_buf_init(&b, 3);
	hk_buf_add_str(&b, "abcd");
	hk_buf_add_str(&b, "e");
	hk_buf_addf(&b, "%d", 1);
	assert_int_equal(b.n, 0);
	assert_int_equal(hk_buf_status(&b), HK_LIMIT);
	hk_buf_reset(&b);
	hk_buf_add_str(&b, "abc");
	assert_int_equal(hk_buf_status(&b), HK_OK);
	hk_buf_drop(&b, 1);
	assert_true(hk_slice_eq(hk_buf_slice(&b), HK_S("bc")));
	hk_buf_drop(&b, 5);
	assert_int_equal(b.n, 0);
	hk_buf_done(&b);
}

static void a_cursor_reads_what_a_buffer_wrote_and_fails_for_good_at_the_end(void **state)
{
	struct hk_buf b;
	struct hk_cursor c;
	size_t n;

	(void)state;
	hk_buf_init(&b, 100);
	hk_buf_add_u8(&b, 0xfe);
	hk_buf_add_u16(&b, 0xfedc);
	hk_buf_add_u32(&b, 0xfedcba98);
	hk_buf_add_u64(&b, UINT64_C(0xfedcba9876543210));
	hk_buf_add_block(&b, HK_S("block"));
	hk_buf_add_block(&b, HK_S(""));
	for (n = 0; n <= b.n; n++) {
		bool whole = n == b.n;

		c = hk_cursor_of(hk_slice_sub(hk_buf_slice(&b), 0, n));
		assert_int_equal(hk_cursor_u8(&c), n >= 1 ? 0xfe : 0);
		assert_int_equal(hk_cursor_u16(&c), n >= 3 ? 0xfedc : 0);
		assert_int_equal(hk_cursor_u32(&c), n >= 7 ? 0xfedcba98 : 0);
		assert_true(hk_cursor_u64(&c) == (n >= 15 ? UINT64_C(0xfedcba9876543210) : 0));
		assert_true(hk_slice_eq(hk_cursor_block(&c), n >= 24 ? HK_S("block") : HK_S("")));
		assert_int_equal(hk_cursor_block(&c).n, 0);
		assert_int_equal(c.failed, !whole);
		if (whole)
			assert_int_equal(c.rest.n, 0);
		assert_int_equal(hk_cursor_u8(&c), 0);
		assert_true(c.failed);
		assert_int_equal(hk_cursor_take(&c, 0).n, 0);
	}
	/* a block that says more than there is */
	c = hk_cursor_of(HK_S("\xff\xff\xff\xff" "abc"));
	assert_int_equal(hk_cursor_block(&c).n, 0);
	assert_true(c.failed);
	hk_buf_done(&b);
}

static void quoted_text_is_printable_and_bounded(void **state)
{
	static const struct {
		struct hk_slice text;
		size_t max;
		const char *want;
	} cases[] = {
	    {S(""), 10, ""}, {S("plain text~"), 100, "plain text~"}, {S("a\\b"), 100, "a\\\\b"},
	    {S("a\r\nb\x1b[31m"), 100, "a\\x0D\\x0Ab\\x1B[31m"}, {S("\x00\x7f\x80\xff"), 100, "\\x00\\x7F\\x80\\xFF"},
	    {S("abc"), 2, "ab..."}, {S("abc"), 3, "abc"}, {S("abc"), 4, "abc"}, {S("abc"), 0, "..."},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct hk_buf b;

		hk_buf_init(&b, 1000);
		hk_quote_add(&b, cases[i].text, cases[i].max);
		assert_true(hk_slice_eq(hk_buf_slice(&b), hk_slice_str(cases[i].want)));
		hk_buf_done(&b);
	}
}

static void slices_never_leave_their_bounds(void **state)
{
	struct hk_slice s = HK_S("AbcAbc"), none = {0};

	(void)state;
	assert_int_equal(hk_slice_sub(s, 7, 1).n, 0);
	assert_int_equal(hk_slice_sub(s, 6, 1).n, 0);
	assert_int_equal(hk_slice_sub(s, 5, SIZE_MAX).n, 1);
	assert_int_equal(hk_slice_from(s, SIZE_MAX).n, 0);
	assert_int_equal(hk_slice_sub(none, 3, 3).n, 0);
	assert_int_equal(hk_slice_find(s, 'c'), 2);
	assert_int_equal(hk_slice_rfind(s, 'c'), 5);
	assert_int_equal(hk_slice_find(s, 'x'), 6);
	assert_int_equal(hk_slice_rfind(s, 'x'), 6);
	assert_int_equal(hk_slice_find(none, 0), 0);
	assert_true(hk_slice_eq(none, HK_S("")));
	assert_false(hk_slice_eq(s, HK_S("abcabc")));
	assert_true(hk_slice_eq_nocase(s, HK_S("aBCabC")));
	assert_false(hk_slice_eq_nocase(s, HK_S("aBCab")));
	assert_true(hk_slice_cmp_nocase(s, HK_S("abcabd")) < 0);
	assert_true(hk_slice_cmp_nocase(s, HK_S("ABCAB")) > 0);
	assert_false(hk_slice_eq_nocase(HK_S("\xc0"), HK_S("\xe0"))); /* ASCII only */
	assert_true(hk_slice_starts_nocase(s, HK_S("aB")));
	assert_false(hk_slice_starts_nocase(HK_S("a"), s));
	assert_true(hk_slice_ends_nocase(s, HK_S("BC")));
	assert_true(hk_slice_ends_nocase(s, HK_S("")));
	assert_false(hk_slice_ends_nocase(HK_S("c"), s));
	assert_true(hk_slice_eq(hk_slice_trim(HK_S(" \t\r\na b\r\n ")), HK_S("a b")));
	assert_int_equal(hk_slice_trim(HK_S(" \r\n")).n, 0);
	assert_int_equal(hk_slice_str(NULL).n, 0);
}

static void numbers_are_digits_up_to_their_limit(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
		enum hk_status want;
		uint64_t value;
	} cases[] = {
	    {"0", 0, HK_OK, 0}, {"007", 10, HK_OK, 7}, {"9", 10, HK_OK, 9}, {"10", 10, HK_OK, 10}, {"11", 10, HK_LIMIT, 0},
	    {"18446744073709551614", UINT64_MAX, HK_OK, UINT64_MAX - 1}, {"18446744073709551615", UINT64_MAX, HK_OK, UINT64_MAX},
	    {"18446744073709551616", UINT64_MAX, HK_LIMIT, 0}, {"99999999999999999999999", UINT64_MAX, HK_LIMIT, 0},
	    {"99999999999999999999999x", UINT64_MAX, HK_SYNTAX, 0}, {"", 10, HK_SYNTAX, 0}, {"-1", 10, HK_SYNTAX, 0},
	    {"+1", 10, HK_SYNTAX, 0}, {" 1", 10, HK_SYNTAX, 0}, {"1 ", 10, HK_SYNTAX, 0}, {"0x1", 10, HK_SYNTAX, 0},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		uint64_t value = 77;

		assert_int_equal(hk_slice_u64(hk_slice_str(cases[i].text), cases[i].max, &value), cases[i].want);
		assert_true(value == (cases[i].want == HK_OK ? cases[i].value : 77));
	}
}

static void base64_of_another_shape_is_refused_rfc_4648_3(void **state)
{
	static const struct {
		const char *text;
		enum hk_status want;
	} cases[] = {
	    {"", HK_OK}, {"QQ==", HK_OK}, {"QUI=", HK_OK}, {"QUJD", HK_OK}, {" Q\r\n\tU J\nD ", HK_OK}, {"Q Q = =", HK_OK},
	    {"QQ", HK_SYNTAX}, {"QQ=", HK_SYNTAX}, {"QQ===", HK_SYNTAX}, {"Q===", HK_SYNTAX}, {"====", HK_SYNTAX}, {"QR==", HK_SYNTAX},
	    {"QUJ=", HK_SYNTAX}, {"QUJDQ", HK_SYNTAX}, {"QQ==QQ==", HK_SYNTAX}, {"QUJ-", HK_SYNTAX}, {"QUJ_", HK_SYNTAX},
	    {"=QQ=", HK_SYNTAX}, {"QUJD=", HK_SYNTAX}, {"Q\vUJD", HK_SYNTAX},
	};
	struct hk_slice out;
	struct hk_arena a;
	size_t i;

	(void)state;
	hk_arena_init(&a, 65536);
	for (i = 0; i < COUNT(cases); i++)
		assert_int_equal(hk_base64_parse(&a, hk_slice_str(cases[i].text), &out), cases[i].want);
	hk_arena_done(&a);
}

/* Octets are looked at in fours: one that is no digit is found, and one that is white space passed over, wherever it stands. */
static void base64_is_read_alike_wherever_something_stands_between_its_digits(void **state)
{
	static const char text[] = "AAECAwQFBgcICQoL";
	char with[sizeof text + 1];
	struct hk_slice out;
	struct hk_arena a;
	size_t at;

	(void)state;
	hk_arena_init(&a, 4096);
	for (at = 0; at < sizeof text; at++) {
		memcpy(with, text, at);
		memcpy(with + at + 1, text + at, sizeof text - at);
		with[at] = "\t\r\n "[at % 4];
		assert_int_equal(hk_base64_parse(&a, hk_slice_str(with), &out), HK_OK);
		assert_memory_equal(out.p, "\0\1\2\3\4\5\6\7\10\11\12\13", 12);
		assert_int_equal(out.n, 12);
		with[at] = "-_.\x80"[at % 4];
		assert_int_equal(hk_base64_parse(&a, hk_slice_str(with), &out), HK_SYNTAX);
		with[at] = '=';
		assert_int_equal(hk_base64_parse(&a, hk_slice_str(with), &out), HK_SYNTAX);
	}
	hk_arena_done(&a);
}

static void a_run_of_visible_octets_ends_at_each_other_one(void **state)
{
	uint8_t text[20];
	size_t at;
	unsigned c;

	(void)state;
	for (at = 0; at < sizeof text; at++) {
		for (c = 0; c < 256; c++) {
			memset(text, at % 2 ? '!' : '~', sizeof text);
			text[at] = (uint8_t)c;
			assert_int_equal(hk_slice_graph_run(hk_slice_of(text, sizeof text)),
			    hk_is_graph((uint8_t)c) ? sizeof text : at);
		}
	}
	assert_int_equal(hk_slice_graph_run((struct hk_slice){0}), 0);
}

static void copies_in_an_arena_end_with_a_nul_that_is_not_counted(void **state)
{
	struct hk_slice s, lower, text;
	struct hk_arena a;

	(void)state;
	hk_arena_init(&a, 1 << 20);
	assert_int_equal(hk_arena_dup(&a, HK_S("AbC"), &s), HK_OK);
	assert_int_equal(hk_arena_dup_lower(&a, s, &lower), HK_OK);
	assert_int_equal(hk_arena_fmt(&a, &text, "%s-%d", "x", 7), HK_OK);
	assert_string_equal((const char *)s.p, "AbC");
	assert_string_equal((const char *)lower.p, "abc");
	assert_string_equal((const char *)text.p, "x-7");
	assert_int_equal(text.n, 3);
	assert_null(hk_arena_array(&a, SIZE_MAX / 2, 3));
	assert_int_equal(a.failed, HK_LIMIT);
	assert_null(hk_arena_alloc(&a, SIZE_MAX));
	assert_int_equal((uintptr_t)hk_arena_alloc(&a, 3) % 16, 0);
	assert_non_null(hk_arena_alloc(&a, 200000)); /* more than a block */
	hk_arena_done(&a);
}

static void addresses_lie_in_their_networks(void **state)
{
	static const struct {
		const char *ip, *net;
		unsigned bits;
		bool want;
	} cases[] = {
	    {"10.255.1.20", "10.255.1.0", 24, true}, {"10.255.2.20", "10.255.1.0", 24, false}, {"10.255.2.20", "10.255.1.0", 22, true},
	    {"10.255.1.20", "10.255.1.20", 32, true}, {"10.255.1.21", "10.255.1.20", 32, false}, {"10.255.1.21", "10.255.1.20", 31, true},
	    {"192.0.2.1", "0.0.0.0", 0, true}, {"192.0.2.1", "192.0.2.1", 33, false}, {"192.0.2.1", "::", 0, false},
	    {"2001:db8::1", "2001:db8::", 32, true}, {"2001:db9::1", "2001:db8::", 32, false}, {"2001:db9::1", "2001:db8::", 31, true},
	    {"::1", "::1", 128, true}, {"::1", "::", 127, true}, {"::2", "::", 127, false}, {"::1", "::1", 129, false},
	};
	struct hk_ip ip, net;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(hk_ip_parse(hk_slice_str(cases[i].ip), &ip), HK_OK);
		assert_int_equal(hk_ip_parse(hk_slice_str(cases[i].net), &net), HK_OK);
		assert_int_equal(hk_ip_in(&ip, &net, cases[i].bits), cases[i].want);
	}
}

static void reverse_names_follow_rfc_1035_3_5_and_rfc_3596_2_5(void **state)
{
	struct hk_buf b;
	struct hk_ip ip;

	(void)state;
	hk_buf_init(&b, 200);
	assert_int_equal(hk_ip_parse(HK_S("10.255.1.20"), &ip), HK_OK);
	hk_ip_reverse_add(&b, &ip);
	assert_true(hk_slice_eq(hk_buf_slice(&b), HK_S("20.1.255.10.in-addr.arpa")));
	hk_buf_reset(&b);
	assert_int_equal(hk_ip_parse(HK_S("2001:db8::1a"), &ip), HK_OK);
	hk_ip_reverse_add(&b, &ip);
	assert_true(hk_slice_eq(hk_buf_slice(&b),
	    HK_S("a.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa")));
	hk_buf_done(&b);
}

static void every_status_has_a_name_and_a_sentence(void **state)
{
	(void)state;
	assert_string_equal(hk_status_name(HK_OK), "OK");
	assert_string_equal(hk_status_name(HK_NOTFOUND), "NOTFOUND");
	assert_string_equal(hk_status_text(HK_LIMIT), "a limit was reached");
	assert_string_equal(hk_status_name((enum hk_status)99), "?");
}

static void work_is_counted_and_stops_at_its_limit(void **state)
{
	struct hk_work w = {.size = sizeof w}, old = {.size = offsetof(struct hk_work, of[1])};

	(void)state;
	hk_work_init(&w);
	assert_int_equal(w.of[HK_WORK_SIGNATURES].limit, 10);
	assert_true(hk_work_take(&w, HK_WORK_SIGNATURES, 9));
	assert_false(hk_work_take(&w, HK_WORK_SIGNATURES, 2));
	assert_true(hk_work_take(&w, HK_WORK_SIGNATURES, 1));
	assert_false(hk_work_take(&w, HK_WORK_SIGNATURES, 1));
	assert_int_equal(w.of[HK_WORK_SIGNATURES].spent, 10);
	assert_int_equal(hk_work_left(&w, HK_WORK_SIGNATURES), 0);
	w.of[HK_WORK_SIGNATURES].limit = 5; /* less than is spent */
	assert_int_equal(hk_work_left(&w, HK_WORK_SIGNATURES), 0);
	/* of an older caller: what it does not know is the usual */
	memset(&old.of[1], 0xff, sizeof old.of[1]);
	hk_work_init(&old);
	assert_int_equal(hk_work_left(&old, HK_WORK_DKIM_QUESTIONS), 10);
	assert_true(hk_work_take(&old, HK_WORK_DKIM_QUESTIONS, 10));
	assert_false(hk_work_take(&old, HK_WORK_DKIM_QUESTIONS, 11));
	assert_true(old.of[1].spent == UINT64_MAX && old.of[0].limit == 30);
	assert_string_equal(hk_work_counted(HK_WORK_KINDS), "");
	assert_string_equal(hk_work_counted(HK_WORK_SPF_QUESTIONS), "DNS questions of SPF");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(work_is_counted_and_stops_at_its_limit),
	    cmocka_unit_test(ip_text_round_trips),
	    cmocka_unit_test(an_arena_stops_at_its_limit),
	    cmocka_unit_test(crc32c_gives_the_check_value_of_rfc_3720_b_4),
	    cmocka_unit_test(base64_of_every_length_round_trips),
	    cmocka_unit_test(a_buffer_takes_limit_octets_and_not_one_more),
	    cmocka_unit_test(a_buffer_stays_failed_until_it_is_reset),
	    cmocka_unit_test(a_cursor_reads_what_a_buffer_wrote_and_fails_for_good_at_the_end),
	    cmocka_unit_test(quoted_text_is_printable_and_bounded),
	    cmocka_unit_test(slices_never_leave_their_bounds),
	    cmocka_unit_test(numbers_are_digits_up_to_their_limit),
	    cmocka_unit_test(base64_of_another_shape_is_refused_rfc_4648_3),
	    cmocka_unit_test(base64_is_read_alike_wherever_something_stands_between_its_digits),
	    cmocka_unit_test(a_run_of_visible_octets_ends_at_each_other_one),
	    cmocka_unit_test(copies_in_an_arena_end_with_a_nul_that_is_not_counted),
	    cmocka_unit_test(addresses_lie_in_their_networks),
	    cmocka_unit_test(reverse_names_follow_rfc_1035_3_5_and_rfc_3596_2_5),
	    cmocka_unit_test(every_status_has_a_name_and_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
