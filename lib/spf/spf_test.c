/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spf_internal.h"
#include "tests/unit_arena.h"

/* ---- one evaluation, with every question written down ------------------------------- */

struct run {
	const char *zone, *ip, *helo, *from;
	bool check_helo;
	unsigned max_lookups, max_voids;
	struct hk_spf_verdict verdict; /* from here on: what came out */
	struct hk_trace *trace;
	char asked[8192]; /* "TXT a.test; A b.test; " */
};

static struct hk_zone *read_zone(const char *text)
{
	struct hk_zone_error error = {0};
	struct hk_zone *zone = NULL;

	if (hk_zone_parse(&arena, hk_slice_str(text), &zone, &error) != HK_OK)
		fail_msg("zone line %zu: %s", error.line, error.what ? error.what : "?");
	return zone;
}

static enum hk_status drive(struct hk_spf *q, const struct hk_zone *zone, struct run *run)
{
	struct hk_dns_question question, second;
	struct hk_dns_answer answer;
	enum hk_status status;
	size_t n = 0;

	while ((status = hk_spf_step(q)) == HK_AGAIN) {
		assert_true(hk_spf_question(q, &question));
		assert_false(hk_spf_question(q, &second)); /* never ahead of its turn */
		assert_int_equal(hk_spf_step(q), HK_AGAIN);
		if (n < sizeof run->asked - 300)
			n += (size_t)snprintf(run->asked + n, sizeof run->asked - n, "%s %.*s; ", hk_dns_type_name(question.type),
			    HK_FMT(question.name));
		assert_int_equal(hk_zone_answer(zone, &arena, &question, &answer), HK_OK);
		status = hk_spf_answer(q, &answer);
		if (status != HK_OK)
			return status;
		assert_int_equal(hk_spf_answer(q, &answer), HK_NOTFOUND);
	}
	return status;
}

static enum hk_spf_result evaluate(struct run *run)
{
	struct hk_spf_input in = {.size = sizeof in,
	    .helo = hk_slice_str(run->helo ? run->helo : "mail.helo.test"), .mail_from = hk_slice_str(run->from),
	    .check_helo = run->check_helo, .receiver = HK_S("mx.b.test"), .now = 1234567890,
	    .max_lookups = run->max_lookups, .max_voids = run->max_voids};
	const struct hk_zone *zone = read_zone(run->zone);
	struct hk_spf *q;

	run->asked[0] = '\0';
	if (run->ip)
		assert_int_equal(hk_ip_parse(hk_slice_str(run->ip), &in.client), HK_OK);
	run->trace = hk_trace_new(&arena);
	q = hk_spf_new(&arena, &in, run->trace);
	assert_non_null(q);
	assert_int_equal(drive(q, zone, run), HK_OK);
	assert_int_equal(hk_spf_step(q), HK_OK);
	run->verdict = *hk_spf_result(q);
	assert_int_not_equal(run->verdict.reason.n, 0);
	return run->verdict.result;
}

struct row {
	const char *ip, *from;
	enum hk_spf_result result;
};

static void check_rows(const char *zone, const struct row *rows, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		struct run run = {.zone = zone, .ip = rows[i].ip, .from = rows[i].from};
		enum hk_spf_result result = evaluate(&run);

		if (result != rows[i].result)
			fail_msg("%s %s: %s (%.*s)", rows[i].ip, rows[i].from, hk_spf_result_name(result), HK_FMT(run.verdict.reason));
	}
}

/* ---- the lab and the texts ----------------------------------------------------------- */

/* S0-040 S0-069 S2-007 */
static void the_labs_record_covers_two_addresses_and_no_more(void **state)
{
	static const char zone[] = "a.test. TXT \"v=spf1 ip4:10.255.1.20/31 -all\"\na.test. TXT \"this is top level\"\n";
	static const struct row rows[] = {
	    {"10.255.1.19", "user1@a.test", HK_SPF_FAIL}, {"10.255.1.20", "user1@a.test", HK_SPF_PASS},
	    {"10.255.1.21", "user1@a.test", HK_SPF_PASS}, {"10.255.1.22", "user1@a.test", HK_SPF_FAIL},
	    {"::ffff:10.255.1.21", "user1@a.test", HK_SPF_PASS}, {"2001:db8::1", "user1@a.test", HK_SPF_FAIL},
	    {"10.255.1.20", "user1@b.test", HK_SPF_NONE}};
	struct run run = {.zone = zone, .ip = "10.255.1.20", .from = "User1@A.Test"};

	(void)state;
	check_rows(zone, rows, COUNT(rows));
	evaluate(&run);
	assert_text(run.verdict.domain, "a.test");
	assert_text(run.verdict.sender, "User1@A.Test");
	assert_text(run.verdict.mechanism, "ip4:10.255.1.20/31");
	assert_false(run.verdict.is_helo);
	assert_string_equal(run.asked, "TXT a.test; ");
}

/* S2-001 */
static void an_include_with_softfail_inside_does_not_match(void **state)
{
	static const char zone[] = "keytec.test. TXT \"v=spf1 include:spf.keytec.test -all\"\n"
	    "spf.keytec.test. TXT \"v=spf1 ip6:2001:f58:2003:1::/126 ip6:2001:f58:2003:1::a ip4:202.124.214.192/30 ip4:202.124.214.202 ~all\"\n";
	static const struct row rows[] = {
	    {"202.124.214.193", "a@keytec.test", HK_SPF_PASS}, {"202.124.214.196", "a@keytec.test", HK_SPF_FAIL},
	    {"2001:f58:2003:1::3", "a@keytec.test", HK_SPF_PASS}, {"2001:f58:2003:1::4", "a@keytec.test", HK_SPF_FAIL},
	    {"2001:f58:2003:1::a", "a@keytec.test", HK_SPF_PASS}, {"202.124.214.202", "a@keytec.test", HK_SPF_PASS}};

	(void)state;
	check_rows(zone, rows, COUNT(rows));
}

/* S0-088 S2-002 */
static void strings_are_joined_inside_a_term_and_at_spaces_rfc_7208_3_3(void **state)
{
	static const char zone[] = "a.test. TXT \"v=spf1 ip4:192.\" \"0.2.1 \" \"-all\"\nb.test. TXT \"v=spf1\" \"-all\"\n";
	static const struct row rows[] = {
	    {"192.0.2.1", "x@a.test", HK_SPF_PASS}, {"192.0.2.2", "x@a.test", HK_SPF_FAIL}, {"192.0.2.2", "x@b.test", HK_SPF_NONE}};

	(void)state;
	check_rows(zone, rows, COUNT(rows));
}

/* S2-006 */
static void two_records_are_a_permerror_rfc_7208_4_5(void **state)
{
	struct run run = {.zone = "a.test. TXT \"v=spf1 ip4:192.0.2.10/24 ~all\"\na.test. TXT \"v=spf1 ip6:2001:db8::/32 ~all\"\n",
	    .ip = "192.0.2.1", .from = "x@a.test"};

	(void)state;
	assert_int_equal(evaluate(&run), HK_SPF_PERMERROR);
	assert_text(run.verdict.reason, "multiple SPF records");
}

static const char mixed[] =
    "example.test. TXT \"v=spf1 a:m41.test a:m42.test a:m43.test a:m61.test a:m62.test a:m63.test a:mx.test -all\"\n"
    "m41.test. A 192.0.2.1\nm42.test. A 192.0.2.2\nm43.test. A 192.0.2.3\n"
    "m61.test. AAAA 2001:db8::1\nm62.test. AAAA 2001:db8::2\nm63.test. AAAA 2001:db8::3\n"
    "mx.test. A 192.0.2.10\nmx.test. AAAA 2001:db8::10\n";

/* S2-010 S2-015 S2-018 AP-37 */
static void hosts_of_the_other_family_are_void_lookups(void **state)
{
	static const struct row rows[] = {
	    {"192.0.2.1", "x@example.test", HK_SPF_PASS}, {"192.0.2.10", "x@example.test", HK_SPF_PERMERROR},
	    {"2001:db8::1", "x@example.test", HK_SPF_PERMERROR}, {"2001:db8::10", "x@example.test", HK_SPF_PERMERROR},
	    {"198.51.100.1", "x@example.test", HK_SPF_PERMERROR}, {"::1", "x@example.test", HK_SPF_PERMERROR}};
	struct run run = {.zone = mixed, .ip = "192.0.2.10", .from = "x@example.test"};

	(void)state;
	check_rows(mixed, rows, COUNT(rows));
	/* S2-011: one family only, S2-012: the counters; and nothing is asked behind the term that went over */
	evaluate(&run);
	assert_string_equal(run.asked, "TXT example.test; A m41.test; A m42.test; A m43.test; A m61.test; A m62.test; A m63.test; ");
	assert_int_equal(run.verdict.lookups, 6);
	assert_int_equal(run.verdict.voids, 3);
	assert_text(run.verdict.mechanism, "a:m63.test");
	assert_text(run.verdict.reason, "more than 2 void DNS lookups");
	run.max_voids = 3;
	assert_int_equal(evaluate(&run), HK_SPF_PASS);
}

/* ---- identities ------------------------------------------------------------------------ */

/* AP-42 S1-041 S2-020 */
static void the_null_sender_is_checked_by_its_helo_rfc_7208_2_4(void **state)
{
	struct run run = {.zone = "mx.a.test. TXT \"v=spf1 exists:%{l}.%{o}.%{h}.x.test -all\"\n"
	    "postmaster.mx.a.test.mx.a.test.x.test. A 127.0.0.2\na.test. TXT \"v=spf1 -all\"\n",
	    .ip = "192.0.2.1", .helo = "MX.a.test", .from = ""};

	(void)state;
	assert_int_equal(evaluate(&run), HK_SPF_PASS);
	assert_true(run.verdict.is_helo);
	assert_text(run.verdict.domain, "mx.a.test");
	assert_text(run.verdict.sender, "postmaster@MX.a.test");
	run.from = "x@a.test";
	assert_int_equal(evaluate(&run), HK_SPF_FAIL);
	assert_false(run.verdict.is_helo);
	run.check_helo = true;
	assert_int_equal(evaluate(&run), HK_SPF_PASS);
	assert_true(run.verdict.is_helo);
}

static void a_domain_that_dns_cannot_hold_has_no_record_rfc_7208_4_3(void **state)
{
	static const char *const from[] = {
	    "x@", "x@localhost", "x@[192.0.2.1]", "x@[IPv6:::1]", "x@a..test", "x@.a.test", "x@a b.test", "x@a\\.test",
	    "x@a234567890123456789012345678901234567890123456789012345678901234.test", "x@\xe3\x81.test", "x@a.test\n", "@"};
	struct run run = {.zone = "a.test. TXT \"v=spf1 +all\"\n", .ip = "192.0.2.1"};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(from); i++) {
		run.from = from[i];
		assert_int_equal(evaluate(&run), HK_SPF_NONE);
		assert_string_equal(run.asked, "");
	}
	run.from = "x@a.test.";
	assert_int_equal(evaluate(&run), HK_SPF_PASS);
	run.from = "\"@\"@a.test";
	assert_int_equal(evaluate(&run), HK_SPF_PASS);
	run.ip = NULL;
	assert_int_equal(evaluate(&run), HK_SPF_NONE);
}

/* ---- limits (4.6.4) --------------------------------------------------------------------- */

/* S2-004 AP-36 */
static void the_eleventh_lookup_is_a_permerror(void **state)
{
	static const struct { unsigned terms; enum hk_spf_result result; } rows[] = {
	    {9, HK_SPF_PASS}, {10, HK_SPF_PASS}, {11, HK_SPF_PERMERROR}};
	char zone[4096];
	size_t i, n;
	unsigned k;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct run run = {.zone = zone, .ip = "192.0.2.1", .from = "x@i0.test"};

		/* a chain of includes, the last record passes all */
		for (n = 0, k = 0; k < rows[i].terms; k++)
			n += (size_t)snprintf(zone + n, sizeof zone - n, "i%u.test. TXT \"v=spf1 include:i%u.test -all\"\n", k, k + 1);
		snprintf(zone + n, sizeof zone - n, "i%u.test. TXT \"v=spf1 +all\"\n", k);
		assert_int_equal(evaluate(&run), rows[i].result);
		assert_int_equal(run.verdict.lookups, rows[i].terms);
		run.max_lookups = rows[i].terms;
		assert_int_equal(evaluate(&run), HK_SPF_PASS);
	}
}

static void redirect_and_p_count_as_lookups(void **state)
{
	struct run run = {.zone = "a.test. TXT \"v=spf1 a:a.test a:a.test a:a.test a:a.test a:a.test a:a.test a:a.test a:a.test exists:%{p}.x.test redirect=b.test\"\n"
	    "a.test. A 192.0.2.9\nb.test. TXT \"v=spf1 +all\"\nunknown.x.test. TXT x\n", .ip = "192.0.2.1", .from = "x@a.test"};

	(void)state;
	assert_int_equal(evaluate(&run), HK_SPF_PERMERROR);
	assert_int_equal(run.verdict.lookups, 11); /* 8 a, exists, its %{p}, redirect */
	assert_text(run.verdict.mechanism, "redirect=b.test");
	run.max_lookups = 11;
	assert_int_equal(evaluate(&run), HK_SPF_PASS);
	assert_int_equal(run.verdict.voids, 2); /* no PTR, and exists */
}

/* S2-014 AP-36 SEC-76 */
static void more_than_ten_mx_hosts_are_a_permerror_whatever_their_order(void **state)
{
	static const unsigned counts[] = {9, 10, 11};
	char zone[4096];
	size_t i, n;
	unsigned k;

	(void)state;
	for (i = 0; i < COUNT(counts); i++) {
		struct run run = {.zone = zone, .ip = "192.0.2.0", .from = "x@a.test"};

		n = (size_t)snprintf(zone, sizeof zone, "a.test. TXT \"v=spf1 mx -all\"\n");
		for (k = 0; k < counts[i]; k++)
			n += (size_t)snprintf(zone + n, sizeof zone - n, "a.test. MX %u m%u.test.\nm%u.test. A 192.0.2.%u\n", 100 - k, k, k, k);
		assert_int_equal(evaluate(&run), counts[i] > 10 ? HK_SPF_PERMERROR : HK_SPF_PASS);
		/* m0 has the highest number, so it is asked last */
		if (counts[i] == 9)
			assert_string_equal(run.asked, "TXT a.test; MX a.test; A m8.test; A m7.test; A m6.test; A m5.test; A m4.test; A m3.test; A m2.test; A m1.test; A m0.test; ");
	}
}

/* AP-36 SEC-77 */
static void names_beyond_the_tenth_are_ignored_by_ptr(void **state)
{
	static const unsigned at[] = {8, 9, 10};
	char zone[4096];
	size_t i, n;
	unsigned k;

	(void)state;
	for (i = 0; i < COUNT(at); i++) {
		struct run run = {.zone = zone, .ip = "192.0.2.1", .from = "x@a.test"};

		/* one of the names is real; the void ones do not count */
		n = (size_t)snprintf(zone, sizeof zone, "a.test. TXT \"v=spf1 ptr -all\"\nh%u.a.test. A 192.0.2.1\n", at[i]);
		for (k = 0; k < 12; k++)
			n += (size_t)snprintf(zone + n, sizeof zone - n, "1.2.0.192.in-addr.arpa. PTR h%u.a.test.\n", k);
		assert_int_equal(evaluate(&run), at[i] < 10 ? HK_SPF_PASS : HK_SPF_FAIL);
		assert_int_equal(run.verdict.voids, 0);
	}
}

/* AP-41 */
static void a_record_has_at_most_4096_octets(void **state)
{
	static const size_t lengths[] = {HK_SPF_RECORD_MAX - 1, HK_SPF_RECORD_MAX, HK_SPF_RECORD_MAX + 1};
	struct run run = {.ip = "192.0.2.1", .from = "x@a.test"};
	char text[HK_SPF_RECORD_MAX + 2], zone[6000];
	size_t i, k, n;

	(void)state;
	for (i = 0; i < COUNT(lengths); i++) {
		memset(text, ' ', lengths[i]);
		memcpy(text, "v=spf1", 6);
		memcpy(text + lengths[i] - 4, "-all", 4);
		n = (size_t)snprintf(zone, sizeof zone, "a.test. TXT");
		for (k = 0; k < lengths[i]; k += 200)
			n += (size_t)snprintf(zone + n, sizeof zone - n, " \"%.*s\"", lengths[i] - k < 200 ? (int)(lengths[i] - k) : 200, text + k);
		run.zone = zone;
		assert_int_equal(evaluate(&run), lengths[i] > HK_SPF_RECORD_MAX ? HK_SPF_PERMERROR : HK_SPF_FAIL);
	}
}

/* AP-40: work that a caller's long sender would make is bounded */
static void four_million_octets_of_macro_values_are_expanded_and_no_more(void **state)
{
	enum { MACROS = 512, LONG = HK_SPF_EXPANDED_MAX / MACROS };
	static const struct {
		size_t n;
		enum hk_spf_result result;
	} rows[] = {{LONG - 1, HK_SPF_FAIL}, {LONG, HK_SPF_FAIL}, {LONG + 1, HK_SPF_PERMERROR}};
	static char from[LONG + 10], zone[MACROS * 5];
	struct run run = {.zone = zone, .ip = "192.0.2.1", .from = from};
	size_t i, k, n;

	(void)state;
	n = (size_t)snprintf(zone, sizeof zone, "a.test. TXT \"v=spf1 exists:\"");
	for (k = 0; k < MACROS; k++)
		n += (size_t)snprintf(zone + n, sizeof zone - n, "%s%%{l}%s", k % 32 ? "" : "\"",
		    k % 32 == 31 ? "\"" : "");
	snprintf(zone + n, sizeof zone - n, " \".x.test -all\"\n");
	for (i = 0; i < COUNT(rows); i++) {
		memset(from, 'l', rows[i].n);
		snprintf(from + rows[i].n, sizeof from - rows[i].n, "@a.test");
		assert_int_equal(evaluate(&run), rows[i].result);
	}
	assert_text(run.verdict.reason, "more than 4194304 octets of macro values");
}

/* AP-39: a loop of a hundred thousand includes neither recurses nor ends in anything but its limit. */
static void depth_is_bounded_by_the_limit_alone(void **state)
{
	struct run run = {.zone = "a.test. TXT \"v=spf1 include:a.test\"\n", .ip = "192.0.2.1", .from = "x@a.test", .max_lookups = 20000};

	(void)state;
	assert_int_equal(evaluate(&run), HK_SPF_PERMERROR);
	assert_int_equal(run.verdict.lookups, 20001);
	assert_true(hk_trace_is_cut(run.trace));
}

/* ---- DNS errors --------------------------------------------------------------------------- */

static void a_dns_error_is_a_temperror_but_not_for_ptr_rfc_7208_5(void **state)
{
	static const char zone[] =
	    "$SERVFAIL bad.test\n$TIMEOUT slow.test\nm.test. MX 1 bad.test.\n"
	    "a.test. TXT \"v=spf1 a:bad.test +all\"\nb.test. TXT \"v=spf1 exists:slow.test +all\"\n"
	    "c.test. TXT \"v=spf1 mx:m.test +all\"\nd.test. TXT \"v=spf1 include:slow.test +all\"\n"
	    "e.test. TXT \"v=spf1 redirect=bad.test\"\nf.test. TXT \"v=spf1 ptr -all\"\n$SERVFAIL 1.2.0.192.in-addr.arpa PTR\n"
	    "g.test. TXT \"v=spf1 ptr:bad.test -all\"\n2.2.0.192.in-addr.arpa. PTR bad.test.\n"
	    "h.test. TXT \"v=spf1 mx:bad.test +all\"\ni.test. TXT \"v=spf1 -all exp=bad.test\"\n";
	static const struct row rows[] = {
	    {"192.0.2.1", "x@bad.test", HK_SPF_TEMPERROR}, {"192.0.2.1", "x@slow.test", HK_SPF_TEMPERROR},
	    {"192.0.2.1", "x@a.test", HK_SPF_TEMPERROR}, {"192.0.2.1", "x@b.test", HK_SPF_TEMPERROR},
	    {"192.0.2.1", "x@c.test", HK_SPF_TEMPERROR}, {"192.0.2.1", "x@d.test", HK_SPF_TEMPERROR},
	    {"192.0.2.1", "x@e.test", HK_SPF_TEMPERROR}, {"192.0.2.1", "x@f.test", HK_SPF_FAIL},
	    {"192.0.2.2", "x@g.test", HK_SPF_FAIL}, {"192.0.2.1", "x@h.test", HK_SPF_TEMPERROR},
	    {"192.0.2.1", "x@i.test", HK_SPF_FAIL}};
	struct run run = {.zone = zone, .ip = "192.0.2.1", .from = "x@d.test"};

	(void)state;
	check_rows(zone, rows, COUNT(rows));
	evaluate(&run);
	assert_text(run.verdict.reason, "TIMEOUT for TXT of slow.test");
	assert_text(run.verdict.mechanism, "include:slow.test");
}

/* ---- macros in an evaluation ------------------------------------------------------- */

static void an_ipv6_client_is_written_in_nibbles_rfc_7208_7_4(void **state)
{
	struct run run = {.zone = "a.test. TXT \"v=spf1 exists:%{ir}.%{v}.x.test -all exp=%{i}.e.test\"\n"
	    "2.0.0.1.0.d.b.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.c.b.0.1.e.test. TXT \"%{c} %{i}\"\n",
	    .ip = "2001:DB8::CB01", .from = "x@a.test"};

	(void)state;
	assert_int_equal(evaluate(&run), HK_SPF_FAIL);
	assert_non_null(strstr(run.asked, "A 1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.x.test; "));
	assert_text(run.verdict.explanation, "2001:db8::cb01 2.0.0.1.0.D.B.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.C.B.0.1");
}

static void the_explanation_is_the_checked_domains_alone(void **state)
{
	static const char zone[] =
	    "a.test. TXT \"v=spf1 include:b.test -all exp=why.%{d}\"\nb.test. TXT \"v=spf1 -all exp=why.b.test\"\n"
	    "why.a.test. TXT \"%{i} is not one of %{d}'s; %{p}\"\nwhy.b.test. TXT \"%{d} says so\"\n"
	    "c.test. TXT \"v=spf1 redirect=b.test exp=why.a.test\"\nd.test. TXT \"v=spf1 ~all exp=why.a.test\"\n";
	struct run run = {.zone = zone, .ip = "192.0.2.1", .from = "x@a.test"};

	(void)state;
	assert_int_equal(evaluate(&run), HK_SPF_FAIL);
	assert_text(run.verdict.explanation, "192.0.2.1 is not one of a.test's; unknown");
	assert_int_equal(run.verdict.lookups, 1); /* neither exp= nor its %{p} counts */
	assert_int_equal(run.verdict.voids, 0);
	run.from = "x@c.test";
	assert_int_equal(evaluate(&run), HK_SPF_FAIL);
	assert_text(run.verdict.explanation, "b.test says so");
	run.from = "x@d.test";
	assert_int_equal(evaluate(&run), HK_SPF_SOFTFAIL);
	assert_int_equal(run.verdict.explanation.n, 0);
}

static void p_prefers_the_domain_then_what_is_below_it_rfc_7208_7_3(void **state)
{
	static const char zone[] =
	    "a.test. TXT \"v=spf1 exists:%{p}.x.test -all\"\n"
	    "1.2.0.192.in-addr.arpa. PTR other.test.\n1.2.0.192.in-addr.arpa. PTR m.a.test.\n1.2.0.192.in-addr.arpa. PTR a.test.\n"
	    "2.2.0.192.in-addr.arpa. PTR other.test.\n2.2.0.192.in-addr.arpa. PTR m.a.test.\n2.2.0.192.in-addr.arpa. PTR a.test.\n"
	    "3.2.0.192.in-addr.arpa. PTR other.test.\n3.2.0.192.in-addr.arpa. PTR m.a.test.\n"
	    "a.test. A 192.0.2.1\nm.a.test. A 192.0.2.1\nm.a.test. A 192.0.2.2\nother.test. A 192.0.2.1\nother.test. A 192.0.2.3\n";
	static const struct { const char *ip, *want; } rows[] = {
	    {"192.0.2.1", "A a.test.x.test; "}, {"192.0.2.2", "A m.a.test.x.test; "}, {"192.0.2.3", "A other.test.x.test; "},
	    {"192.0.2.4", "A unknown.x.test; "}};
	struct run run = {.zone = zone, .from = "x@a.test"};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		run.ip = rows[i].ip;
		assert_int_equal(evaluate(&run), HK_SPF_FAIL);
		assert_non_null(strstr(run.asked, rows[i].want));
	}
	/* the name that decides is the only one validated */
	run.ip = "192.0.2.1";
	evaluate(&run);
	assert_string_equal(run.asked, "TXT a.test; PTR 1.2.0.192.in-addr.arpa; A a.test; A a.test.x.test; ");
}

static void mapped_networks_are_ipv6_networks(void **state)
{
	static const char zone[] = "a.test. TXT \"v=spf1 ip6:::ffff:1.2.3.4 -all\"\nb.test. TXT \"v=spf1 ip6:::ffff:1.2.3.4/0 -all\"\n"
	    "c.test. TXT \"v=spf1 a/0 -all\"\nc.test. AAAA ::ffff:1.2.3.4\n";
	static const struct row rows[] = {
	    {"1.2.3.4", "x@a.test", HK_SPF_FAIL}, {"::ffff:1.2.3.4", "x@a.test", HK_SPF_FAIL}, {"2001:db8::1", "x@a.test", HK_SPF_FAIL},
	    {"2001:db8::1", "x@b.test", HK_SPF_PASS}, {"1.2.3.4", "x@b.test", HK_SPF_FAIL}, {"1.2.3.4", "x@c.test", HK_SPF_FAIL}};

	(void)state;
	check_rows(zone, rows, COUNT(rows));
}

/* ---- trace ----------------------------------------------------------------------------------------------- */

static void trace_text(const struct hk_trace *trace, char *out, size_t room)
{
	size_t i, k, n = 0;

	for (i = 0; i < hk_trace_count(trace); i++) {
		const struct hk_trace_step *step = hk_trace_at(trace, i);

		n += (size_t)snprintf(out + n, room - n, "%u %s", step->depth, hk_trace_event_name(step->event));
		for (k = 0; k < HK_TRACE_TEXTS && step->text[k].n; k++)
			n += (size_t)snprintf(out + n, room - n, "|%.*s", HK_FMT(step->text[k]));
		n += (size_t)snprintf(out + n, room - n, "\n");
	}
}

/* S2-022 */
static void the_trace_tells_every_term_with_its_counters(void **state)
{
	struct run run = {.zone = "a.test. TXT \"v=spf1 a:m.test include:b.test -all\"\nm.test. A 192.0.2.9\n"
	    "b.test. TXT \"v=spf1 exists:v.test redirect=c.test\"\nc.test. TXT \"v=spf1 ip4:192.0.2.1 ?all\"\n",
	    .ip = "192.0.2.1", .from = "x@a.test"};
	char text[4096];

	(void)state;
	assert_int_equal(evaluate(&run), HK_SPF_PASS);
	trace_text(run.trace, text, sizeof text);
	assert_string_equal(text,
	    "0 SPF_IDENTITY|mailfrom|a.test|192.0.2.1\n"
	    "0 SPF_RECORD|a.test|v=spf1 a:m.test include:b.test -all\n"
	    "0 SPF_TERM|a.test|a:m.test|no match|1/0\n"
	    "0 SPF_ENTER|include|b.test\n"
	    "1 SPF_RECORD|b.test|v=spf1 exists:v.test redirect=c.test\n"
	    "1 SPF_TERM|b.test|exists:v.test|no match|3/1\n"
	    "1 SPF_ENTER|redirect|c.test\n"
	    "1 SPF_RECORD|c.test|v=spf1 ip4:192.0.2.1 ?all\n"
	    "1 SPF_TERM|c.test|ip4:192.0.2.1|match|4/1\n"
	    "0 SPF_LEAVE|include|c.test|pass\n"
	    "0 SPF_TERM|a.test|include:b.test|match|4/1\n"
	    "0 SPF_RESULT|pass|a mechanism matched\n");
	assert_text(run.verdict.mechanism, "include:b.test");
}

static void the_trace_of_an_error_tells_the_counters_too(void **state)
{
	static const struct { const char *record, *want; } rows[] = {
	    {"v=spf1 a:v1.test a:v2.test a:v3.test -all",
	     "0 SPF_TERM|a.test|a:v1.test|no match|1/1\n0 SPF_TERM|a.test|a:v2.test|no match|2/2\n"
	     "0 SPF_LIMIT|void DNS lookups|2|a:v3.test\n0 SPF_TERM|a.test|a:v3.test|error|3/3\n"
	     "0 SPF_RESULT|permerror|more than 2 void DNS lookups\n"},
	    {"v=spf1 ip4:1.2.3.4 foo:bar -all", "0 SPF_SYNTAX|foo:bar|no such mechanism\n0 SPF_RESULT|permerror|no such mechanism\n"},
	    {"v=spf1 include:v1.test -all",
	     "0 SPF_ENTER|include|v1.test\n1 SPF_NO_RECORD|v1.test|0\n0 SPF_LEAVE|include|v1.test|none\n"
	     "0 SPF_TERM|a.test|include:v1.test|error|1/0\n0 SPF_RESULT|permerror|no SPF record\n"},
	};
	char text[4096], zone[512], *record;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct run run = {.zone = zone, .ip = "192.0.2.1", .from = "x@a.test"};

		snprintf(zone, sizeof zone, "a.test. TXT \"%s\"\n", rows[i].record);
		assert_int_equal(evaluate(&run), HK_SPF_PERMERROR);
		trace_text(run.trace, text, sizeof text);
		record = strstr(text, "SPF_RECORD");
		assert_non_null(record);
		assert_string_equal(strchr(record, '\n') + 1, rows[i].want);
	}
}

/* ---- memory ------------------------------------------------------------------------------------------------ */

static void a_full_arena_gives_a_status_and_never_a_verdict(void **state)
{
	const struct hk_zone *zone = read_zone("a.test. TXT \"v=spf1 mx ptr exists:%{p}.x.test include:b.test -all exp=e.test\"\na.test. MX 1 m.test.\n"
	    "m.test. A 192.0.2.2\nb.test. TXT \"v=spf1 ?all\"\ne.test. TXT \"go away %{i}\"\n1.2.0.192.in-addr.arpa. PTR a.a.test.\n"
	    "unknown.x.test. TXT x\n");
	struct hk_spf_input in = {.size = sizeof in, .client = {4, {192, 0, 2, 1}}, .helo = HK_S("h.test"), .mail_from = HK_S("x@a.test")};
	enum hk_status status = HK_LIMIT;
	size_t limit, failures = 0;

	(void)state;
	for (limit = 0; status != HK_OK; limit += 16) {
		struct run run = {0};
		struct hk_arena small;
		struct hk_spf *q;

		hk_arena_init(&small, limit);
		q = hk_spf_new(&small, &in, NULL);
		status = q ? drive(q, zone, &run) : small.failed;
		if (status == HK_OK) {
			assert_int_equal(hk_spf_result(q)->result, HK_SPF_FAIL);
			assert_text(hk_spf_result(q)->explanation, "go away 192.0.2.1");
		} else {
			assert_int_equal(status, HK_LIMIT);
			if (q)
				assert_int_equal(hk_spf_step(q), HK_LIMIT);
			failures++;
		}
		hk_arena_done(&small);
	}
	assert_true(failures > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(the_labs_record_covers_two_addresses_and_no_more),
	    TEST(an_include_with_softfail_inside_does_not_match),
	    TEST(strings_are_joined_inside_a_term_and_at_spaces_rfc_7208_3_3),
	    TEST(two_records_are_a_permerror_rfc_7208_4_5),
	    TEST(hosts_of_the_other_family_are_void_lookups),
	    TEST(the_null_sender_is_checked_by_its_helo_rfc_7208_2_4),
	    TEST(a_domain_that_dns_cannot_hold_has_no_record_rfc_7208_4_3),
	    TEST(the_eleventh_lookup_is_a_permerror),
	    TEST(redirect_and_p_count_as_lookups),
	    TEST(more_than_ten_mx_hosts_are_a_permerror_whatever_their_order),
	    TEST(names_beyond_the_tenth_are_ignored_by_ptr),
	    TEST(a_record_has_at_most_4096_octets),
	    TEST(four_million_octets_of_macro_values_are_expanded_and_no_more),
	    TEST(depth_is_bounded_by_the_limit_alone),
	    TEST(a_dns_error_is_a_temperror_but_not_for_ptr_rfc_7208_5),
	    TEST(an_ipv6_client_is_written_in_nibbles_rfc_7208_7_4),
	    TEST(the_explanation_is_the_checked_domains_alone),
	    TEST(p_prefers_the_domain_then_what_is_below_it_rfc_7208_7_3),
	    TEST(mapped_networks_are_ipv6_networks),
	    TEST(the_trace_tells_every_term_with_its_counters),
	    TEST(the_trace_of_an_error_tells_the_counters_too),
	    TEST(a_full_arena_gives_a_status_and_never_a_verdict),
	};

	return cmocka_run_group_tests_name("spf", tests, NULL, NULL);
}
