/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include <hikyaku/sts.h>

#include "tests/unit.h"

/* ---- the record ---- */

static enum hk_status find(const char *const *texts, size_t n, enum hk_dns_rcode rcode, struct hk_slice *ret)
{
	static struct hk_dns_rr rr[4];
	struct hk_dns_answer answer = {.rcode = rcode, .rr = rr, .n = n};
	size_t i;

	for (i = 0; i < n; i++)
		rr[i] = (struct hk_dns_rr){.type = HK_DNS_TXT, .data = hk_slice_str(texts[i])};
	return hk_sts_record_find(&answer, ret);
}

static void a_record_begins_with_its_version_and_has_one_id(void **state)
{
	static const struct {
		const char *text, *id; /* NULL: SYNTAX; "": not one at all */
	} cases[] = {
	    {"v=STSv1; id=20160831085700Z;", "20160831085700Z"},
	    {"v=STSv1;id=1", "1"},
	    {"v=STSv1; id=1 ; ", "1"},
	    {"v=STSv1;  ext.a_b-c=x/y ;\tid=abc;more=1", "abc"},
	    {"v=STSv1; id=12345678901234567890123456789012;", "12345678901234567890123456789012"},
	    {"v=STSv1; id=123456789012345678901234567890123;", NULL},
	    {"v=STSv1; id=;", NULL},
	    {"v=STSv1; id=a-b;", NULL},
	    {"v=STSv1; ID=1;", NULL},
	    {"v=STSv1;", NULL},
	    {"v=STSv1; id=1; id=2;", NULL},
	    {"v=STSv1; id=1; noequals;", NULL},
	    {"v=STSv1; id=1; =x;", NULL},
	    {"v=STSv1; id=1; x=;", NULL},
	    {"v=STSv1; id=1; x=a b;", NULL},
	    {"v=STSv1; id=1;; x=a;", NULL},
	    {"v=STSv1; id=1; -x=a;", NULL},
	    {"v=STSv1; id=1; abcdefghijklmnopqrstuvwxyz1234567=a;", NULL},
	    {"v=STSv1", ""},
	    {"V=STSv1; id=1;", ""},
	    {" v=STSv1; id=1;", ""},
	    {"v=STSv2; id=1;", ""},
	    {"", ""},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct hk_slice id = HK_S("untouched");
		enum hk_status status = find(&cases[i].text, 1, HK_DNS_NOERROR, &id);

		if (cases[i].id && cases[i].id[0]) {
			assert_int_equal(status, HK_OK);
			assert_text(id, cases[i].id);
		} else {
			if (status != (cases[i].id ? HK_NOTFOUND : HK_SYNTAX))
				fail_msg("%s: %s", cases[i].text, hk_status_name(status));
			assert_text(id, "untouched");
		}
	}
}

static void other_texts_count_for_nothing_and_two_records_for_none(void **state)
{
	const char *const others[] = {"v=spf1 -all", "v=STSv1; id=7;", "x"};
	const char *const two[] = {"v=STSv1; id=7;", "v=STSv1; id=7;"};
	struct hk_slice id;

	(void)state;
	assert_int_equal(find(others, 3, HK_DNS_NOERROR, &id), HK_OK);
	assert_text(id, "7");
	assert_int_equal(find(two, 2, HK_DNS_NOERROR, &id), HK_SYNTAX);
	assert_int_equal(find(two, 0, HK_DNS_NXDOMAIN, &id), HK_NOTFOUND);
	assert_int_equal(find(two, 0, HK_DNS_TIMEOUT, &id), HK_NOTFOUND);
}

/* ---- the policy ---- */

#define HEAD "version: STSv1\nmode: enforce\nmax_age: 604800\n"

static void a_policy_has_version_mode_age_and_hosts(void **state)
{
	static const struct {
		const char *text;
		enum hk_status status;
		enum hk_sts_mode mode;
		uint32_t age;
		size_t n;
	} cases[] = {
	    {HEAD "mx: mail.a.test\nmx: *.b.test\n", HK_OK, HK_STS_ENFORCE, 604800, 2},
	    {"version: STSv1\r\nmode: testing\r\nmx:\tMAIL.a.test  \r\nmax_age:0\r\n", HK_OK, HK_STS_TESTING, 0, 1},
	    {"mx: a.test\nmax_age: 1\nmode: none\nversion: STSv1", HK_OK, HK_STS_NONE, 1, 1},
	    {"version: STSv1\nmode: none\nmax_age: 86400", HK_OK, HK_STS_NONE, 86400, 0},
	    {HEAD "mx: a.test\n\n \r\n", HK_OK, HK_STS_ENFORCE, 604800, 1},
	    {HEAD "mx: a.test\nnew_field: whatever it says: and more\n", HK_OK, HK_STS_ENFORCE, 604800, 1},
	    /* the first of what may stand once counts */
	    {HEAD "mode: none\nmax_age: x\nversion: STSv9\nmx: a.test\n", HK_OK, HK_STS_ENFORCE, 604800, 1},
	    {"version: STSv1\nmode: enforce\nmax_age: 9999999999\nmx: a.test", HK_OK, HK_STS_ENFORCE, HK_STS_MAX_AGE, 1},
	    {"version: STSv1\nmode: enforce\nmax_age: 10000000000\nmx: a.test", HK_SYNTAX, 0, 0, 0},
	    {"version: STSv1\nmode: enforce\nmax_age: -1\nmx: a.test", HK_SYNTAX, 0, 0, 0},
	    {"version: STSv1\nmode: enforce\nmax_age:\nmx: a.test", HK_SYNTAX, 0, 0, 0},
	    {"version: STSv2\nmode: enforce\nmax_age: 1\nmx: a.test", HK_SYNTAX, 0, 0, 0},
	    {"version: stsv1\nmode: enforce\nmax_age: 1\nmx: a.test", HK_SYNTAX, 0, 0, 0},
	    {"Version: STSv1\nmode: enforce\nmax_age: 1\nmx: a.test", HK_SYNTAX, 0, 0, 0},
	    {"version: STSv1\nmode: Enforce\nmax_age: 1\nmx: a.test", HK_SYNTAX, 0, 0, 0},
	    {"version: STSv1\nmode: report\nmax_age: 1\nmx: a.test", HK_SYNTAX, 0, 0, 0},
	    {HEAD, HK_SYNTAX, 0, 0, 0},
	    {"mode: enforce\nmax_age: 1\nmx: a.test", HK_SYNTAX, 0, 0, 0},
	    {"version: STSv1\nmax_age: 1\nmx: a.test", HK_SYNTAX, 0, 0, 0},
	    {"version: STSv1\nmode: enforce\nmx: a.test", HK_SYNTAX, 0, 0, 0},
	    {HEAD "mx: a.*.test", HK_SYNTAX, 0, 0, 0},
	    {HEAD "mx: *a.test", HK_SYNTAX, 0, 0, 0},
	    {HEAD "mx: *.", HK_SYNTAX, 0, 0, 0},
	    {HEAD "mx: ", HK_SYNTAX, 0, 0, 0},
	    {HEAD "mx: b\xc3\xbc.test", HK_SYNTAX, 0, 0, 0},
	    {HEAD "mx: a.test\nwhat is this\n", HK_SYNTAX, 0, 0, 0},
	    {HEAD "mx: a.test\nempty:\n", HK_SYNTAX, 0, 0, 0},
	    {HEAD "mx: a.test\n<html>: x\n", HK_SYNTAX, 0, 0, 0},
	    {"", HK_SYNTAX, 0, 0, 0},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct hk_sts_policy p = {0};
		struct hk_arena a;
		enum hk_status status;

		hk_arena_init(&a, 1 << 20);
		status = hk_sts_policy_parse(&a, hk_slice_str(cases[i].text), &p);
		if (status != cases[i].status || p.mode != cases[i].mode || p.max_age != cases[i].age || p.n_mx != cases[i].n)
			fail_msg("case %zu: %s %d %u %zu", i, hk_status_name(status), p.mode, p.max_age, p.n_mx);
		hk_arena_done(&a);
	}
}

static void a_policy_has_its_bounds(void **state)
{
	struct hk_sts_policy p;
	struct hk_arena a;
	struct hk_buf b;
	size_t i;

	(void)state;
	hk_arena_init(&a, 1 << 20);
	hk_buf_init(&b, 4 * HK_STS_POLICY_MAX);
	hk_buf_add_str(&b, HEAD);
	for (i = 0; i < HK_STS_MX_MAX; i++)
		hk_buf_add_str(&b, "mx: a.test\n");
	assert_int_equal(hk_sts_policy_parse(&a, hk_buf_slice(&b), &p), HK_OK);
	assert_int_equal(p.n_mx, HK_STS_MX_MAX);
	hk_buf_add_str(&b, "mx: a.test\n");
	assert_int_equal(hk_sts_policy_parse(&a, hk_buf_slice(&b), &p), HK_LIMIT);
	hk_buf_reset(&b);
	hk_buf_add_str(&b, HEAD "mx: a.test\n");
	for (i = b.n; i < HK_STS_POLICY_MAX; i++)
		hk_buf_add_byte(&b, '\n');
	assert_int_equal(hk_sts_policy_parse(&a, hk_buf_slice(&b), &p), HK_OK);
	hk_buf_add_byte(&b, '\n');
	assert_int_equal(hk_sts_policy_parse(&a, hk_buf_slice(&b), &p), HK_LIMIT);
	hk_buf_done(&b);
	hk_arena_done(&a);
}

/* ---- the hosts ---- */

static void a_star_is_one_label(void **state)
{
	static const struct {
		const char *host;
		bool fits;
	} cases[] = {
	    {"mail.a.test", true}, {"MAIL.a.TEST", true}, {"mail.a.test.", true}, {"x.mail.a.test", false}, {"a.test", false},
	    {"x.b.test", true}, {"X.B.test.", true}, {"x.y.b.test", false}, {"b.test", false}, {".b.test", false}, {"xb.test", false},
	    {"", false}, {".", false}, {"*.b.test", true},
	};
	struct hk_sts_policy p;
	struct hk_arena a;
	size_t i;

	(void)state;
	hk_arena_init(&a, 1 << 20);
	assert_int_equal(hk_sts_policy_parse(&a, HK_S(HEAD "mx: Mail.a.test\nmx: *.B.test\n"), &p), HK_OK);
	assert_text(p.mx[1], "*.b.test");
	for (i = 0; i < COUNT(cases); i++)
		if (hk_sts_permits(&p, hk_slice_str(cases[i].host)) != cases[i].fits)
			fail_msg("%s", cases[i].host);
	hk_arena_done(&a);
}

static void modes_have_names(void **state)
{
	(void)state;
	assert_string_equal(hk_sts_mode_name(HK_STS_ENFORCE), "enforce");
	assert_string_equal(hk_sts_mode_name((enum hk_sts_mode)7), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_record_begins_with_its_version_and_has_one_id),
	    cmocka_unit_test(other_texts_count_for_nothing_and_two_records_for_none),
	    cmocka_unit_test(a_policy_has_version_mode_age_and_hosts),
	    cmocka_unit_test(a_policy_has_its_bounds),
	    cmocka_unit_test(a_star_is_one_label),
	    cmocka_unit_test(modes_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
