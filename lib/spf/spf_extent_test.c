/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "spf_internal.h"
#include "tests/unit.h"

static const char zone_text[] =
    "one.test. TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"
    "twice.test. TXT \"v=spf1 ip4:192.0.2.0/24 ip4:192.0.2.128/25 ip4:192.0.2.7 ip6:2001:db8::/127 ip6:2001:db8::1 -all\"\n"
    "joined.test. TXT \"v=spf1 ip4:192.0.2.128/25 ip4:192.0.2.0/25 ip4:192.0.0.0/16 -all\"\n"
    "cut.test. TXT \"v=spf1 -ip4:192.0.2.16/28 ?ip4:192.0.2.1 ip4:192.0.2.0/24 -all\"\n"
    "all.test. TXT \"v=spf1 all\"\n"
    "rest.test. TXT \"v=spf1 -ip4:0.0.0.0/1 -ip6:8000::/1 +all\"\n"
    "ends.test. TXT \"v=spf1 -ip4:255.255.255.255 -ip4:0.0.0.0 ip4:0.0.0.0/0 -all\"\n"
    "never.test. TXT \"v=spf1 -all ip4:10.0.0.0/8\"\n"
    "a.test. TXT \"v=spf1 a/24 a:other.test//64 -all\"\n"
    "a.test. A 192.0.2.1\na.test. AAAA 2001:db8::1\nother.test. A 198.51.100.1\nother.test. AAAA 2001:db8:1::1\n"
    "mx.test. TXT \"v=spf1 mx -all\"\nmx.test. MX 10 a.test.\nmx.test. MX 20 other.test.\n"
    "inc.test. TXT \"v=spf1 -ip4:192.0.2.1 include:in.test ~include:soft.test -all\"\n"
    "in.test. TXT \"v=spf1 -ip4:192.0.2.2 ip4:192.0.2.0/30 ~all\"\n"
    "soft.test. TXT \"v=spf1 ip4:10.0.0.0/8 -all\"\n"
    "red.test. TXT \"v=spf1 ip4:203.0.113.1 redirect=one.test\"\n"
    "redall.test. TXT \"v=spf1 ip4:203.0.113.1 redirect=one.test -all\"\n"
    "ptr.test. TXT \"v=spf1 ptr ip4:192.0.2.1 -all\"\n"
    "macro.test. TXT \"v=spf1 exists:%{i}.x.test include:%{d2}.y.test a:%{h} -all\"\n"
    "loop.test. TXT \"v=spf1 ip4:192.0.2.9 include:loop.test -all\"\n"
    "lost.test. TXT \"v=spf1 ip4:192.0.2.9 include:absent.test ip4:192.0.2.10 -all\"\n"
    "bad.test. TXT \"v=spf1 ip4:192.0.2.9 nonsense -all\"\n"
    "two.test. TXT \"v=spf1 -all\"\ntwo.test. TXT \"v=spf1 +all\"\n"
    "half.test. TXT \"v=spf1 ip4:192.0.2.0/31 a:broken.test -all\"\n$SERVFAIL broken.test.\n"
    "edge.test. TXT \"v=spf1 ip4:10.0.0.0/16 ip6:2001:db8::/32 -all\"\n"
    "edge4.test. TXT \"v=spf1 ip4:10.0.0.0/16 ip4:192.0.2.1 -all\"\n"
    "edge6.test. TXT \"v=spf1 ip6:2001:db8::/32 ip6:2001:db9:: -all\"\n"
    "mapped.test. TXT \"v=spf1 ip6:::ffff:192.0.2.0/120 a:host.mapped.test -all\"\nhost.mapped.test. AAAA ::ffff:192.0.2.1\n"
    "beside.test. TXT \"v=spf1 ip6:::fffe:192.0.2.0/120 -all\"\n"
    "around.test. TXT \"v=spf1 ip6:::/32 -all\"\n";

#define TWO_128 "340282366920938463463374607431768211456"
#define TWO_127 "170141183460469231731687303715884105728"
#define TWO_96  "79228162514264337593543950336"

static const struct row {
	const char *domain;
	enum hk_spf_result result;
	uint64_t ipv4;
	const char *ipv6;
	bool is_partial, is_wide;
} rows[] = {
    {"one.test", HK_SPF_PASS, 1, "0", false, false},
    {"twice.test", HK_SPF_PASS, 256, "2", false, false},
    {"joined.test", HK_SPF_PASS, 65536, "0", false, false},
    {"cut.test", HK_SPF_PASS, 256 - 16 - 1, "0", false, false},
    {"all.test", HK_SPF_PASS, 1ull << 32, TWO_128, false, true},
    {"rest.test", HK_SPF_PASS, 1ull << 31, TWO_127, false, true},
    {"ends.test", HK_SPF_PASS, (1ull << 32) - 2, "0", false, true},
    {"never.test", HK_SPF_PASS, 0, "0", false, false},
    {"a.test", HK_SPF_PASS, 257, "18446744073709551617", false, false},
    {"mx.test", HK_SPF_PASS, 2, "2", false, false},
    {"inc.test", HK_SPF_PASS, 2, "0", false, false}, /* .0 and .3: .1 by the outer, .2 by the inner record */
    {"red.test", HK_SPF_PASS, 2, "0", false, false},
    {"redall.test", HK_SPF_PASS, 1, "0", false, false},
    {"ptr.test", HK_SPF_PASS, 1, "0", true, false},
    {"macro.test", HK_SPF_PASS, 0, "0", true, false},
    {"loop.test", HK_SPF_PERMERROR, 1, "0", false, false},
    {"lost.test", HK_SPF_PERMERROR, 1, "0", false, false},
    {"bad.test", HK_SPF_PERMERROR, 0, "0", false, false},
    {"two.test", HK_SPF_PERMERROR, 0, "0", false, false},
    {"half.test", HK_SPF_TEMPERROR, 2, "0", false, false},
    {"absent.test", HK_SPF_NONE, 0, "0", false, false},
    {"a..b", HK_SPF_NONE, 0, "0", false, false},
    {"edge.test", HK_SPF_PASS, 65536, TWO_96, false, false},
    {"edge4.test", HK_SPF_PASS, 65537, "0", false, true},
    {"edge6.test", HK_SPF_PASS, 0, "79228162514264337593543950337", false, true},
    {"mapped.test", HK_SPF_PASS, 0, "0", false, false}, /* a client of this form is an IPv4 client (RFC 7208 5) */
    {"beside.test", HK_SPF_PASS, 0, "256", false, false},
    {"around.test", HK_SPF_PASS, 0, TWO_96, false, false},
};

static struct hk_zone *read_zone(struct hk_arena *a)
{
	struct hk_zone_error error = {0};
	struct hk_zone *zone = NULL;

	if (hk_zone_parse(a, hk_slice_str(zone_text), &zone, &error) != HK_OK)
		fail_msg("zone line %zu: %s", error.line, error.what);
	return zone;
}

static enum hk_status drive(struct hk_spf_extent *q, const struct hk_zone *zone, struct hk_arena *a)
{
	struct hk_dns_question question;
	struct hk_dns_answer answer;
	enum hk_status status;

	while ((status = hk_spf_extent_step(q)) == HK_AGAIN) {
		assert_null(hk_spf_extent_result(q));
		assert_true(hk_spf_extent_question(q, &question));
		assert_false(hk_spf_extent_question(q, &question));
		assert_int_equal(hk_zone_answer(zone, a, &question, &answer), HK_OK);
		status = hk_spf_extent_answer(q, &answer);
		if (status != HK_OK)
			return status;
		assert_int_equal(hk_spf_extent_answer(q, &answer), HK_NOTFOUND);
	}
	return status;
}

/* S0-049 */
/* S0-049 AP-44 */
static void a_record_authorises_so_many_addresses_each_counted_once(void **state)
{
	struct hk_arena zones;
	const struct hk_zone *zone;
	size_t i;

	(void)state;
	hk_arena_init(&zones, 1 << 24);
	zone = read_zone(&zones);
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct row *row = &rows[i];
		const struct hk_spf_extent_verdict *v;
		struct hk_spf_extent *q;
		struct hk_arena a;

		hk_arena_init(&a, 1 << 20);
		q = hk_spf_extent_new(&a, hk_slice_str(row->domain));
		assert_non_null(q);
		assert_int_equal(drive(q, zone, &zones), HK_OK);
		v = hk_spf_extent_result(q);
		if (v->result != row->result || v->ipv4 != row->ipv4 ||
		    !hk_slice_eq(v->ipv6, hk_slice_str(row->ipv6)) ||
		    v->is_partial != row->is_partial || v->is_wide != row->is_wide)
			fail_msg("%s: %s, %llu, %.*s, %d, %d (%.*s)", row->domain,
			    hk_spf_result_name(v->result), (unsigned long long)v->ipv4,
			    HK_FMT(v->ipv6), v->is_partial, v->is_wide, HK_FMT(v->reason));
		hk_arena_done(&a);
	}
	hk_arena_done(&zones);
}

/* For every single address of a small world the count and the evaluator must agree. */
static void the_count_is_that_of_the_clients_that_pass(void **state)
{
	static const char *const domains[] = {"one.test", "twice.test", "cut.test", "inc.test", "mx.test", "red.test"};
	struct hk_arena zones;
	const struct hk_zone *zone;
	size_t i;

	(void)state;
	hk_arena_init(&zones, 1 << 26);
	zone = read_zone(&zones);
	for (i = 0; i < sizeof domains / sizeof domains[0]; i++) {
		static const uint8_t nets[][3] = {{192, 0, 2}, {198, 51, 100}, {203, 0, 113}};
		uint64_t passed = 0;
		struct hk_spf_extent *count;
		unsigned k;

		for (k = 0; k < 3 * 256; k++) {
			struct hk_spf_input in = {.size = sizeof in, .helo = hk_slice_str(domains[i]),
			    .check_helo = true,
			    .client = {.family = 4, .bytes = {nets[k / 256][0], nets[k / 256][1], nets[k / 256][2], (uint8_t)k}}};
			struct hk_dns_question question;
			struct hk_dns_answer answer;
			struct hk_arena a;
			struct hk_spf *q;

			hk_arena_init(&a, 1 << 20);
			q = hk_spf_new(&a, &in, NULL);
			assert_non_null(q);
			while (hk_spf_step(q) == HK_AGAIN) {
				assert_true(hk_spf_question(q, &question));
				assert_int_equal(hk_zone_answer(zone, &a, &question, &answer), HK_OK);
				assert_int_equal(hk_spf_answer(q, &answer), HK_OK);
			}
			passed += hk_spf_result(q)->result == HK_SPF_PASS;
			hk_arena_done(&a);
		}
		count = hk_spf_extent_new(&zones, hk_slice_str(domains[i]));
		assert_non_null(count);
		assert_int_equal(drive(count, zone, &zones), HK_OK);
		assert_int_equal(hk_spf_extent_result(count)->ipv4, passed);
	}
	hk_arena_done(&zones);
}

static void a_small_arena_gives_its_status_not_a_count(void **state)
{
	struct hk_arena zones;
	const struct hk_zone *zone;
	size_t limit, succeeded = 0;

	(void)state;
	hk_arena_init(&zones, 1 << 26);
	zone = read_zone(&zones);
	for (limit = 0; limit < 16384; limit += 16) {
		struct hk_spf_extent *q;
		struct hk_arena a;
		enum hk_status status;

		hk_arena_init(&a, limit);
		q = hk_spf_extent_new(&a, HK_S("inc.test"));
		status = q ? drive(q, zone, &zones) : HK_LIMIT;
		assert_true(status == HK_OK || status == HK_LIMIT);
		if (status == HK_OK)
			assert_int_equal(hk_spf_extent_result(q)->ipv4, 2);
		succeeded += status == HK_OK;
		hk_arena_done(&a);
	}
	assert_in_range(succeeded, 1, 1023);
	hk_arena_done(&zones);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_record_authorises_so_many_addresses_each_counted_once),
	    cmocka_unit_test(the_count_is_that_of_the_clients_that_pass),
	    cmocka_unit_test(a_small_arena_gives_its_status_not_a_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
