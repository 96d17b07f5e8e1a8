/* SPDX-License-Identifier: MIT
 *
 * The profile of RFC 7489, and where it and RFC 9989 part.
 */
#include <stdio.h>
#include <string.h>

#include "dmarc_test_support.h"
#include "tests/unit.h"

#define NONE            HK_DMARC_P_NONE
#define QUARANT         HK_DMARC_P_QUARANTINE
#define REJECT          HK_DMARC_P_REJECT
#define REC(name, text) "_dmarc." name ". TXT \"v=DMARC1; " text "\"\n"
#define LIST            "com jp co.jp github.io"

/* S4-034 */
static void the_own_name_then_the_organizational_domain_and_no_other_rfc_7489_6_6_3(void **state)
{
	static const struct given cases[] = {
	    {.author = "a.b.c.hornetsecurity.com", .zone = "x.test. A 192.0.2.1\n", .suffix = LIST},
	    /* what stands between and above is not looked at */
	    {.author = "a.b.c.hornetsecurity.com",
	        .zone = REC("c.hornetsecurity.com", "p=reject") REC("com", "p=reject; psd=y"),
	        .suffix = LIST},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct outcome o;

		dmarc_run(&cases[i], false, &o);
		assert_string_equal(o.log, "a.b.c.hornetsecurity.com SUFFIX NOERROR\n"
		                           "_dmarc.a.b.c.hornetsecurity.com TXT NXDOMAIN\n"
		                           "_dmarc.hornetsecurity.com TXT NXDOMAIN\n");
		assert_int_equal(o.verdict->result, HK_DMARC_NONE);
		assert_int_equal(o.verdict->profile, HK_DMARC_RFC7489);
		hk_arena_done(&o.arena);
	}
}

static void a_record_of_its_own_ends_the_search_rfc_7489_6_6_3(void **state)
{
	struct outcome o;

	(void)state;
	dmarc_run(&(struct given){.author = "s.a.com",
	              .zone = REC("s.a.com", "p=none") REC("a.com", "p=reject"),
	              .suffix = LIST},
	    false, &o);
	assert_null(strstr(o.log, "_dmarc.a.com"));
	assert_int_equal(o.verdict->policy, NONE);
	hk_arena_done(&o.arena);
}

/* clang-format off: one case a line */
#define PSD                                                                                        \
	REC("jp", "p=reject; psd=y") REC("example1.jp", "p=quarantine; psd=n")                     \
	REC("a.example1.jp", "p=none; psd=n") "b.example1.jp. A 192.0.2.1\nexample2.jp. A 192.0.2.1\n"

static const struct {
	struct given g;
	struct want w;
} cases[] = {
    /* S4-037: the records of S4-036 */
    {{"example1.jp", PSD, "example1.jp", NULL, {0}, LIST, 0},
        {HK_DMARC_FAIL, QUARANT, QUARANT, "example1.jp", "example1.jp", 0, 0, 0}},
    {{"a.example1.jp", PSD, "a.example1.jp", NULL, {0}, LIST, 0},
        {HK_DMARC_FAIL, NONE, NONE, "a.example1.jp", "example1.jp", 0, 0, 0}},
    {{"b.example1.jp", PSD, "b.example1.jp", NULL, {0}, LIST, 0},
        {HK_DMARC_FAIL, QUARANT, QUARANT, "example1.jp", "example1.jp", 0, 0, 0}},
    {{"example2.jp", PSD, "example2.jp", NULL, {0}, LIST, 0},
        {HK_DMARC_NONE, NONE, NONE, "", "", 0, 0, "no policy record"}},
    /* psd=n is nothing here: a.example1.jp is aligned with its parent (cf. S4-038) */
    {{"psd=n does not part", PSD, "a.example1.jp", "example1.jp", {0}, LIST, 0},
        {HK_DMARC_PASS, NONE, NONE, "a.example1.jp", "example1.jp", true, 0, "SPF is aligned"}},
    /* the list's own rules */
    {{"two tenants of one suffix", REC("a.github.io", "p=reject"), "a.github.io", "b.github.io", {0}, LIST, 0},
        {HK_DMARC_FAIL, REJECT, REJECT, "a.github.io", "a.github.io", 0, 0, 0}},
    {{"the longest suffix counts", REC("a.co.jp", "p=reject"), "x.a.co.jp", "y.a.co.jp", {0}, LIST, 0},
        {HK_DMARC_PASS, REJECT, NONE, "a.co.jp", "a.co.jp", true, 0, 0}},
    {{"a suffix stands for itself", REC("co.jp", "p=reject"), "co.jp", "a.co.jp", {0}, LIST, 0},
        {HK_DMARC_FAIL, REJECT, REJECT, "co.jp", "co.jp", 0, 0, 0}},
    {{"an unlisted top domain is a suffix", REC("a.test", "p=reject"), "s.a.test", "a.test", {0}, LIST, 0},
        {HK_DMARC_PASS, REJECT, NONE, "a.test", "a.test", true, 0, 0}},
    /* sp, no np */
    {{"sp for subdomains", REC("a.com", "p=reject; sp=none"), "s.a.com", NULL, {0}, LIST, 0},
        {HK_DMARC_FAIL, NONE, NONE, "a.com", "a.com", 0, 0, 0}},
    {{"np is no tag", REC("a.com", "p=none; sp=quarantine; np=reject"), "s.a.com", NULL, {0}, LIST, 0},
        {HK_DMARC_FAIL, QUARANT, QUARANT, "a.com", "a.com", 0, 0, 0}},
    {{"a bad np does no harm", REC("a.com", "p=reject; np=x"), "a.com", NULL, {0}, LIST, 0},
        {HK_DMARC_FAIL, REJECT, REJECT, "a.com", "a.com", 0, 0, 0}},
    {{"t is no tag", REC("a.com", "p=reject; t=y"), "a.com", NULL, {0}, LIST, 0},
        {HK_DMARC_FAIL, REJECT, REJECT, "a.com", "a.com", 0, 0, 0}},
    /* 6.6.3 step 5 and 6 */
    {{"several records end the search", REC("s.a.com", "p=none") REC("s.a.com", "p=reject") REC("a.com", "p=reject"), "s.a.com", NULL, {0}, LIST, 0},
        {HK_DMARC_NONE, NONE, NONE, "", "", 0, 0, 0}},
    {{"other TXT records do not", "_dmarc.s.a.com. TXT \"v=spf1 -all\"\n" REC("a.com", "p=reject"), "s.a.com", NULL, {0}, LIST, 0},
        {HK_DMARC_FAIL, REJECT, REJECT, "a.com", "a.com", 0, 0, 0}},
    {{"no p, with rua", REC("a.com", "rua=mailto:r@a.com"), "a.com", NULL, {0}, LIST, 0},
        {HK_DMARC_FAIL, NONE, NONE, "a.com", "a.com", 0, 0, 0}},
    {{"no p, no rua", REC("a.com", "sp=reject"), "a.com", NULL, {0}, LIST, 0},
        {HK_DMARC_NONE, NONE, NONE, "", "a.com", 0, 0, "p is missing or invalid and no rua can be used"}},
    {{"bad sp, no rua", REC("a.com", "p=reject; sp=x"), "a.com", NULL, {0}, LIST, 0},
        {HK_DMARC_NONE, NONE, NONE, "", "a.com", 0, 0, "sp is invalid and no rua can be used"}},
    /* 6.6.4 */
    {{"pct=100", REC("a.com", "p=reject; pct=100"), "a.com", NULL, {0}, LIST, 99},
        {HK_DMARC_FAIL, REJECT, REJECT, "a.com", "a.com", 0, 0, 0}},
    {{"pct=30, drawn", REC("a.com", "p=reject; pct=30"), "a.com", NULL, {0}, LIST, 29},
        {HK_DMARC_FAIL, REJECT, REJECT, "a.com", "a.com", 0, 0, 0}},
    {{"pct=30, not drawn", REC("a.com", "p=reject; pct=30"), "a.com", NULL, {0}, LIST, 30},
        {HK_DMARC_FAIL, REJECT, QUARANT, "a.com", "a.com", 0, 0, 0}},
    {{"pct=0 quarantine", REC("a.com", "p=quarantine; pct=0"), "a.com", NULL, {0}, LIST, 0},
        {HK_DMARC_FAIL, QUARANT, NONE, "a.com", "a.com", 0, 0, 0}},
    {{"pct=101 is 100", REC("a.com", "p=reject; pct=101"), "a.com", NULL, {0}, LIST, 99},
        {HK_DMARC_FAIL, REJECT, REJECT, "a.com", "a.com", 0, 0, 0}},
    /* alignment: S2-032 by the list */
    {{"aspf=s", REC("keytec.jp", "fo=1; p=reject; aspf=s; rua=mailto:r@keytec.jp"), "keytec.jp", "sub.keytec.jp", {0}, LIST, 0},
        {HK_DMARC_FAIL, REJECT, REJECT, "keytec.jp", "keytec.jp", 0, 0, "SPF not aligned (strict), No valid DKIM"}},
    {{"adkim relaxed", REC("keytec.jp", "p=reject"), "keytec.jp", NULL, {"sub.keytec.jp"}, LIST, 0},
        {HK_DMARC_PASS, REJECT, NONE, "keytec.jp", "keytec.jp", 0, true, 0}},
    /* failures */
    {{"no list, own record, same domain", REC("a.com", "p=reject"), "a.com", "a.com", {0}, "?", 0},
        {HK_DMARC_PASS, REJECT, NONE, "a.com", "", true, 0, 0}},
    {{"no list, own record, other domain", REC("a.com", "p=reject"), "a.com", "s.a.com", {0}, "?", 0},
        {HK_DMARC_TEMPERROR, REJECT, NONE, "a.com", "", 0, 0, 0}},
    {{"no list, no own record", REC("a.com", "p=reject"), "s.a.com", "s.a.com", {0}, "?", 0},
        {HK_DMARC_TEMPERROR, NONE, NONE, "", "", 0, 0, 0}},
    {{"own name fails", "$SERVFAIL _dmarc.s.a.com. TXT\n" REC("a.com", "p=reject"), "s.a.com", "s.a.com", {0}, LIST, 0},
        {HK_DMARC_TEMPERROR, NONE, NONE, "", "", 0, 0, 0}},
    {{"organizational domain fails", "$TIMEOUT _dmarc.a.com. TXT\n", "s.a.com", "s.a.com", {0}, LIST, 0},
        {HK_DMARC_TEMPERROR, NONE, NONE, "", "", 0, 0, 0}},
};
/* clang-format on */

static void verdicts_follow_rfc_7489_table(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++)
		dmarc_check(&cases[i].g, &cases[i].w);
}

/* S4-040 S4-041 */
static void policy_disposition_and_override_are_three_things(void **state)
{
	static const struct {
		const char *record, *suffix;
		enum hk_dmarc_policy policy, disposition;
		enum hk_dmarc_override override;
	} rows[] = {
	    {"p=reject", NULL, REJECT, REJECT, HK_DMARC_OVERRIDE_NONE},
	    {"p=reject; t=y", NULL, REJECT, QUARANT, HK_DMARC_OVERRIDE_POLICY_TEST_MODE},
	    {"p=quarantine; t=y", NULL, QUARANT, NONE, HK_DMARC_OVERRIDE_POLICY_TEST_MODE},
	    {"p=none; t=y", NULL, NONE, NONE, HK_DMARC_OVERRIDE_NONE},
	    {"p=reject; pct=0", NULL, REJECT, REJECT, HK_DMARC_OVERRIDE_NONE},
	    {"p=reject; pct=0", LIST, REJECT, QUARANT, HK_DMARC_OVERRIDE_SAMPLED_OUT},
	    {"p=quarantine; pct=0", LIST, QUARANT, NONE, HK_DMARC_OVERRIDE_SAMPLED_OUT},
	    {"p=none; pct=0", LIST, NONE, NONE, HK_DMARC_OVERRIDE_NONE},
	    {"p=reject; t=y", LIST, REJECT, REJECT, HK_DMARC_OVERRIDE_NONE},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct outcome o;
		char zone[128];

		snprintf(zone, sizeof zone, "_dmarc.a.com. TXT \"v=DMARC1; %s\"\n", rows[i].record);
		dmarc_run(&(struct given){.zone = zone, .author = "a.com", .suffix = rows[i].suffix}, false, &o);
		if (o.verdict->policy != rows[i].policy || o.verdict->disposition != rows[i].disposition ||
		    o.verdict->override != rows[i].override)
			fail_msg("%s", rows[i].record);
		hk_arena_done(&o.arena);
	}
	assert_string_equal(hk_dmarc_override_name(HK_DMARC_OVERRIDE_POLICY_TEST_MODE), "policy_test_mode");
	assert_string_equal(hk_dmarc_override_name(HK_DMARC_OVERRIDE_SAMPLED_OUT), "sampled_out");
	assert_string_equal(hk_dmarc_override_name((enum hk_dmarc_override)99), "?");
}

/* An override belongs to a failure alone. */
static void nothing_is_overridden_where_dmarc_passed(void **state)
{
	struct outcome o;

	(void)state;
	dmarc_run(&(struct given){.zone = REC("a.com", "p=reject; t=y"), .author = "a.com", .spf = "a.com"}, false, &o);
	assert_int_equal(o.verdict->result, HK_DMARC_PASS);
	assert_int_equal(o.verdict->override, HK_DMARC_OVERRIDE_NONE);
	hk_arena_done(&o.arena);
}

/* S4-037 S4-038 AP-48 */
static void the_two_profiles_are_held_against_each_other(void **state)
{
	static const struct {
		const char *zone, *author, *spf;
		unsigned differs;
	} rows[] = {
	    {REC("a.com", "p=reject"), "s.a.com", "a.com", 0},
	    {PSD, "example2.jp", NULL,
	        HK_DMARC_DIFFERS_RECORD | HK_DMARC_DIFFERS_POLICY | HK_DMARC_DIFFERS_DISPOSITION |
	            HK_DMARC_DIFFERS_RESULT},
	    {PSD, "a.example1.jp", "example1.jp", HK_DMARC_DIFFERS_ORG | HK_DMARC_DIFFERS_RESULT},
	    {REC("a.github.io", "p=reject") REC("github.io", "p=none"), "a.github.io", "b.github.io",
	        HK_DMARC_DIFFERS_ORG | HK_DMARC_DIFFERS_RESULT | HK_DMARC_DIFFERS_DISPOSITION},
	    {REC("a.com", "p=none; sp=quarantine; np=reject"), "s.a.com", NULL,
	        HK_DMARC_DIFFERS_POLICY | HK_DMARC_DIFFERS_DISPOSITION},
	    {REC("a.com", "p=reject; t=y"), "a.com", NULL, HK_DMARC_DIFFERS_DISPOSITION},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct given g = {.zone = rows[i].zone, .author = rows[i].author, .spf = rows[i].spf};
		struct outcome now, then;
		unsigned differs;

		dmarc_run(&g, false, &now);
		g.suffix = LIST;
		dmarc_run(&g, false, &then);
		differs = hk_dmarc_differences(now.verdict, then.verdict);
		if (differs != rows[i].differs || hk_dmarc_differences(then.verdict, now.verdict) != differs)
			fail_msg("%s from %s: %u", rows[i].author, rows[i].spf ? rows[i].spf : "-", differs);
		hk_arena_done(&now.arena);
		hk_arena_done(&then.arena);
	}
}

static void an_answer_that_is_no_end_of_the_name_is_none(void **state)
{
	static const char *const bad[] = {"", "net", "om", "x.a.com", "b..com"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		const struct hk_dmarc_options old = {.size = sizeof old, .profile = HK_DMARC_RFC7489};
		struct hk_dns_rr rr = {.type = HK_DNS_SUFFIX, .data = hk_slice_str(bad[i])};
		struct hk_dns_answer suffix = {.rr = &rr, .n = 1}, txt = {.rcode = HK_DNS_NXDOMAIN};
		struct hk_arena a;
		struct hk_dmarc *d;

		hk_arena_init(&a, 65536);
		d = hk_dmarc_new(&a, HK_S("a.com"), &old, NULL);
		assert_non_null(d);
		assert_true(hk_dmarc_question(d, &suffix.question) && hk_dmarc_question(d, &txt.question));
		assert_int_equal(suffix.question.type, HK_DNS_SUFFIX);
		assert_int_equal(hk_dmarc_answer(d, &suffix), HK_OK);
		assert_int_equal(hk_dmarc_answer(d, &txt), HK_OK);
		hk_dmarc_ready(d);
		assert_int_equal(hk_dmarc_step(d), HK_OK);
		assert_int_equal(hk_dmarc_result(d)->result, HK_DMARC_TEMPERROR);
		hk_arena_done(&a);
	}
	assert_true(hk_dns_type_is_local(HK_DNS_SUFFIX) && !hk_dns_type_is_local(HK_DNS_TXT));
}

static void the_trace_cites_the_older_sections(void **state)
{
	static const enum hk_trace_event want[] = {HK_TRACE_DMARC_RFC7489, HK_TRACE_DMARC_RECORD,
	    HK_TRACE_DMARC_SUFFIX, HK_TRACE_DMARC_POLICY, HK_TRACE_DMARC_SAMPLE, HK_TRACE_DMARC_SUFFIX,
	    HK_TRACE_DMARC_ALIGN, HK_TRACE_DMARC_RESULT};
	struct outcome o;
	size_t i;

	(void)state;
	dmarc_run(&(struct given){.zone = REC("a.com", "p=reject; pct=5"), .author = "s.a.com", .spf = "t.a.com", .suffix = LIST}, false, &o);
	assert_int_equal(hk_trace_count(o.trace), sizeof want / sizeof want[0]);
	for (i = 0; i < sizeof want / sizeof want[0]; i++)
		assert_int_equal(hk_trace_at(o.trace, i)->event, want[i]);
	assert_true(hk_slice_eq(hk_trace_at(o.trace, 2)->text[3], HK_S("a.com")));
	hk_arena_done(&o.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_own_name_then_the_organizational_domain_and_no_other_rfc_7489_6_6_3),
	    cmocka_unit_test(a_record_of_its_own_ends_the_search_rfc_7489_6_6_3),
	    cmocka_unit_test(verdicts_follow_rfc_7489_table),
	    cmocka_unit_test(policy_disposition_and_override_are_three_things),
	    cmocka_unit_test(nothing_is_overridden_where_dmarc_passed),
	    cmocka_unit_test(the_two_profiles_are_held_against_each_other),
	    cmocka_unit_test(an_answer_that_is_no_end_of_the_name_is_none),
	    cmocka_unit_test(the_trace_cites_the_older_sections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
