/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <hikyaku/base.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ip_text_round_trips),
	    cmocka_unit_test(an_arena_stops_at_its_limit),
	    cmocka_unit_test(crc32c_gives_the_check_value_of_rfc_3720_b_4),
	    cmocka_unit_test(base64_of_every_length_round_trips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
