/* SPDX-License-Identifier: MIT */
#include "engine/dane.h"
#include "tests/unit.h"

static const uint8_t digest[64] = {1, 2, 3};

/* "3 1 1 32": usage, selector, matching type, length */
static struct hk_dns_rr tlsa(unsigned usage, unsigned selector, unsigned matching, size_t n)
{
	return (struct hk_dns_rr){.type = HK_DNS_TLSA, .preference = (uint16_t)(usage << 8 | selector),
	    .weight = (uint16_t)matching, .data = hk_slice_of(digest, n)};
}

static void only_usages_2_and_3_with_a_digest_of_its_length_count(void **state)
{
	static const struct {
		unsigned usage, selector, matching;
		size_t n;
		enum hk_dane_state want;
	} cases[] = {
	    {3, 1, 1, 32, HK_DANE_USABLE}, {3, 0, 1, 32, HK_DANE_USABLE}, {2, 0, 1, 32, HK_DANE_USABLE},
	    {2, 1, 2, 64, HK_DANE_USABLE}, {3, 1, 0, 60, HK_DANE_USABLE},
	    {0, 0, 1, 32, HK_DANE_UNUSABLE}, {1, 1, 1, 32, HK_DANE_UNUSABLE}, {4, 1, 1, 32, HK_DANE_UNUSABLE},
	    {3, 2, 1, 32, HK_DANE_UNUSABLE}, {3, 1, 3, 32, HK_DANE_UNUSABLE}, {3, 1, 1, 31, HK_DANE_UNUSABLE},
	    {3, 1, 2, 32, HK_DANE_UNUSABLE}, {3, 1, 0, 0, HK_DANE_UNUSABLE}, {255, 255, 255, 64, HK_DANE_UNUSABLE},
	};
	struct hk_tlsa got[HK_TLSA_MAX];
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct hk_dns_rr rr = tlsa(cases[i].usage, cases[i].selector, cases[i].matching, cases[i].n);
		struct hk_dns_answer a = {.secure = true, .rr = &rr, .n = 1};

		if (hk_dane_judge(&a, got, &n) != cases[i].want)
			fail_msg("case %zu", i);
		assert_int_equal(n, cases[i].want == HK_DANE_USABLE);
		/* what nobody signed is nothing */
		a.secure = false;
		assert_int_equal(hk_dane_judge(&a, got, &n), HK_DANE_NONE);
		assert_int_equal(n, 0);
	}
}

/* RFC 7671 9 */
static void of_two_digests_the_stronger_counts(void **state)
{
	const struct hk_dns_rr rr[] = {tlsa(3, 1, 1, 32), tlsa(3, 1, 2, 64), tlsa(3, 0, 1, 32), tlsa(2, 1, 1, 32),
	    tlsa(3, 1, 0, 40), tlsa(0, 0, 2, 64), tlsa(2, 1, 2, 63)};
	struct hk_dns_answer a = {.secure = true, .rr = rr, .n = COUNT(rr)};
	struct hk_tlsa got[HK_TLSA_MAX];
	size_t n;

	(void)state;
	assert_int_equal(hk_dane_judge(&a, got, &n), HK_DANE_USABLE);
	assert_int_equal(n, 4);
	assert_int_equal(got[0].matching, 2);
	assert_int_equal(got[1].selector, 0);
	assert_int_equal(got[2].usage, 2);
	assert_int_equal(got[3].matching, 0);
}

static void no_answer_is_a_failure_and_an_empty_one_is_none(void **state)
{
	static const struct {
		enum hk_dns_rcode rcode;
		bool bogus;
		enum hk_dane_state want;
	} cases[] = {{HK_DNS_SERVFAIL, true, HK_DANE_FAILED}, {HK_DNS_SERVFAIL, false, HK_DANE_FAILED},
	    {HK_DNS_TIMEOUT, false, HK_DANE_FAILED}, {HK_DNS_REFUSED, false, HK_DANE_FAILED},
	    {HK_DNS_NXDOMAIN, false, HK_DANE_NONE}, {HK_DNS_NOERROR, false, HK_DANE_NONE}};
	struct hk_tlsa got[HK_TLSA_MAX];
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct hk_dns_answer a = {.rcode = cases[i].rcode, .bogus = cases[i].bogus, .secure = true};

		assert_int_equal(hk_dane_judge(&a, got, &n), cases[i].want);
	}
}

static void more_records_than_are_used_do_no_harm(void **state)
{
	struct hk_dns_rr rr[HK_DNS_RRS_MAX];
	struct hk_dns_answer a = {.secure = true, .rr = rr, .n = COUNT(rr)};
	struct hk_tlsa got[HK_TLSA_MAX];
	struct hk_slice name;
	struct hk_arena arena;
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(rr); i++)
		rr[i] = tlsa(3, 1, 1, 32);
	assert_int_equal(hk_dane_judge(&a, got, &n), HK_DANE_USABLE);
	assert_int_equal(n, HK_TLSA_MAX);
	hk_arena_init(&arena, 4096);
	assert_int_equal(hk_dane_name(&arena, 25, HK_S("mx.a.test"), &name), HK_OK);
	assert_text(name, "_25._tcp.mx.a.test");
	hk_arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_usages_2_and_3_with_a_digest_of_its_length_count),
	    cmocka_unit_test(of_two_digests_the_stronger_counts),
	    cmocka_unit_test(no_answer_is_a_failure_and_an_empty_one_is_none),
	    cmocka_unit_test(more_records_than_are_used_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
