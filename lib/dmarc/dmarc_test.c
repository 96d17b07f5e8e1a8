/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dmarc_test_support.h"
#include "tests/unit.h"

/* ---- the table of p, sp and np ------------------------------------------------------------ */

/* E-18 */
static void p_sp_and_np_choose_as_rfc_9989_4_10_1_says(void **state)
{
	/* clang-format off: one case a line */
	static const struct {
		const char *row, *parent, *sub;
		enum hk_dmarc_policy policy;
	} cases[] = {
#define EXISTS "sub.a.test. A 192.0.2.1\n"
#define OWN    EXISTS "_dmarc.sub.a.test. TXT \"v=DMARC1; p=reject; sp=none; np=none\"\n"
	    {"S4-010", "p=quarantine", "", HK_DMARC_P_QUARANTINE},
	    {"S4-011", "p=quarantine", EXISTS, HK_DMARC_P_QUARANTINE},
	    {"S4-012", "p=quarantine", OWN, HK_DMARC_P_REJECT},
	    {"S4-013", "p=none; sp=quarantine", "", HK_DMARC_P_QUARANTINE},
	    {"S4-014", "p=none; sp=quarantine", EXISTS, HK_DMARC_P_QUARANTINE},
	    {"S4-015", "p=none; sp=quarantine", OWN, HK_DMARC_P_REJECT},
	    {"S4-016", "p=none; np=quarantine", "", HK_DMARC_P_QUARANTINE},
	    {"S4-017", "p=quarantine; np=none", EXISTS, HK_DMARC_P_QUARANTINE},
	    {"S4-018", "p=none; np=none", OWN, HK_DMARC_P_REJECT},
	    {"S4-019", "p=none; sp=none; np=quarantine", "", HK_DMARC_P_QUARANTINE},
	    {"S4-020", "p=none; sp=quarantine; np=none", EXISTS, HK_DMARC_P_QUARANTINE},
	    {"S4-021", "p=none; sp=none; np=none", OWN, HK_DMARC_P_REJECT},
	    /* S4-003: a name that only has names below it exists, and so does an alias that leads
	       nowhere */
	    {"S4-003 below", "p=none; sp=quarantine; np=reject", "x.sub.a.test. A 192.0.2.1\n",
	        HK_DMARC_P_QUARANTINE},
	    {"S4-003 _dmarc", "p=none; sp=quarantine; np=reject",
	        "_dmarc.sub.a.test. TXT \"else\"\n", HK_DMARC_P_QUARANTINE},
	    {"S4-003 alias", "p=none; sp=quarantine; np=reject",
	        "sub.a.test. CNAME nowhere.test.\n", HK_DMARC_P_QUARANTINE},
	    /* S4-004 */
	    {"S4-004 absent", "p=none; sp=quarantine; np=reject", "", HK_DMARC_P_REJECT},
	    {"S4-004 present", "p=none; sp=quarantine; np=reject", EXISTS, HK_DMARC_P_QUARANTINE},
	    {"S4-004 own", "p=none; sp=quarantine; np=reject",
	        EXISTS "_dmarc.sub.a.test. TXT \"v=DMARC1; p=none\"\n", HK_DMARC_P_NONE},
#undef OWN
#undef EXISTS
	};
	/* clang-format on */
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char zone[512];
		bool own = strstr(cases[i].sub, "_dmarc.sub.a.test. TXT \"v=") != NULL;

		snprintf(zone, sizeof zone, "_dmarc.a.test. TXT \"v=DMARC1; %s\"\n%s",
		    cases[i].parent, cases[i].sub);
		dmarc_check(&(struct given){.title = cases[i].row, .zone = zone, .author = "sub.a.test"},
		    &(struct want){.result = HK_DMARC_FAIL,
		        .policy = cases[i].policy,
		        .disposition = cases[i].policy,
		        .record_domain = own ? "sub.a.test" : "a.test",
		        .org_domain = "a.test"});
	}
}

static void the_name_is_asked_for_only_where_np_hangs_on_it(void **state)
{
	struct outcome o;

	(void)state;
	dmarc_run(&(struct given){.zone = "_dmarc.a.test. TXT \"v=DMARC1; p=none; np=reject\"\n",
	        .author = "sub.a.test"},
	    false, &o);
	assert_string_equal(o.log,
	    "_dmarc.sub.a.test TXT NXDOMAIN\n_dmarc.a.test TXT NOERROR\n_dmarc.test TXT NXDOMAIN\n"
	    "sub.a.test CNAME NXDOMAIN\n");
	hk_arena_done(&o.arena);
	dmarc_run(&(struct given){.zone = "_dmarc.a.test. TXT \"v=DMARC1; p=none; sp=reject\"\n",
	        .author = "sub.a.test"},
	    false, &o);
	assert_null(strstr(o.log, "CNAME"));
	hk_arena_done(&o.arena);
}

/* ---- what the lab publishes -------------------------------------------------------------------
 */

#define LAB                                                                                        \
	"_dmarc.a.test. TXT \"v=DMARC1; p=quarantine; pct=100\"\n"                                 \
	"_dmarc.x.test. TXT \"v=DMARC1; p=reject; pct=100\"\n"                                     \
	"pass.dkim.a.test. TXT \"v=spf1 -all\"\ny.test. TXT \"else\"\n"

/* S0-070 */
static void a_walk_asks_from_the_longest_name_to_the_shortest_rfc_9989_4_10(void **state)
{
	struct outcome o;

	(void)state;
	dmarc_run(&(struct given){.zone = LAB, .author = "pass.dkim.a.test"}, false, &o);
	assert_string_equal(o.log,
	    "_dmarc.pass.dkim.a.test TXT NXDOMAIN\n_dmarc.dkim.a.test TXT NXDOMAIN\n"
	    "_dmarc.a.test TXT NOERROR\n_dmarc.test TXT NXDOMAIN\n");
	hk_arena_done(&o.arena);
}

/* S4-035 */
static void a_walk_never_asks_over_eight_names_rfc_9989_4_10(void **state)
{
	static const struct {
		const char *author, *log;
	} cases[] = {
	    {"a.9.8.7.6.5.4.3.2.com", "_dmarc.a.9.8.7.6.5.4.3.2.com,_dmarc.7.6.5.4.3.2.com,_dmarc."
	                              "6.5.4.3.2.com,_dmarc.5.4.3.2.com,"
	                              "_dmarc.4.3.2.com,_dmarc.3.2.com,_dmarc.2.com,_dmarc.com,"},
	    {"8.7.6.5.4.3.2.com", "_dmarc.8.7.6.5.4.3.2.com,_dmarc.7.6.5.4.3.2.com,_dmarc.6.5.4.3."
	                          "2.com,_dmarc.5.4.3.2.com,"
	                          "_dmarc.4.3.2.com,_dmarc.3.2.com,_dmarc.2.com,_dmarc.com,"},
	    {"7.6.5.4.3.2.com", "_dmarc.7.6.5.4.3.2.com,_dmarc.6.5.4.3.2.com,_dmarc.5.4.3.2.com,_"
	                        "dmarc.4.3.2.com,_dmarc.3.2.com,"
	                        "_dmarc.2.com,_dmarc.com,"},
	    {"com", "_dmarc.com,"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hk_dns_question q;
		struct hk_arena a;
		struct hk_dmarc *d;
		char log[1024] = "";

		hk_arena_init(&a, 65536);
		d = hk_dmarc_new(&a, hk_slice_str(cases[i].author), NULL, NULL);
		assert_non_null(d);
		while (hk_dmarc_question(d, &q))
			snprintf(
			    log + strlen(log), sizeof log - strlen(log), "%.*s,", HK_FMT(q.name));
		assert_string_equal(log, cases[i].log);
		hk_arena_done(&a);
	}
}

/* ---- the truth table ----------------------------------------------------------------------------
 */

/* S0-043 S0-044 S1-060 */
static void dmarc_passes_when_one_aligned_check_passed_16_rows(void **state)
{
	unsigned row;

	(void)state;
	for (row = 0; row < 16; row++) {
		bool spf = row & 8, spf_aligned = row & 4, dkim = row & 2, dkim_aligned = row & 1;
		bool pass = (spf && spf_aligned) || (dkim && dkim_aligned);
		char title[16];
		struct given g = {.title = title,
		    .zone = LAB,
		    .author = "pass.dkim.a.test",
		    .spf = spf ? (spf_aligned ? "a.test" : "x.test")
		               : (spf_aligned ? "!a.test" : "!x.test"),
		    .dkim = {dkim ? (dkim_aligned ? "a.test" : "y.test")
		                  : (dkim_aligned ? "!a.test" : "!y.test")}};

		snprintf(title, sizeof title, "row %u", row);
		dmarc_check(&g, &(struct want){.result = pass ? HK_DMARC_PASS : HK_DMARC_FAIL,
		              .policy = HK_DMARC_P_QUARANTINE,
		              .disposition = pass ? HK_DMARC_P_NONE : HK_DMARC_P_QUARANTINE,
		              .record_domain = "a.test",
		              .org_domain = "a.test",
		              .spf_aligned = spf && spf_aligned,
		              .dkim_aligned = dkim && dkim_aligned});
	}
}

/* clang-format off: one case a line */
#define PSD                                                                                        \
	"_dmarc.jp. TXT \"v=DMARC1; p=reject; psd=y\"\n"                                           \
	"_dmarc.example1.jp. TXT \"v=DMARC1; p=quarantine; psd=n\"\n"                              \
	"_dmarc.a.example1.jp. TXT \"v=DMARC1; p=none; psd=n\"\n"                                  \
	"b.example1.jp. A 192.0.2.1\nexample2.jp. A 192.0.2.1\n"
#define NONE            HK_DMARC_P_NONE
#define QUARANT         HK_DMARC_P_QUARANTINE
#define REJECT          HK_DMARC_P_REJECT
#define REC(name, text) "_dmarc." name ". TXT \"v=DMARC1; " text "\"\n"

static const struct {
	struct given g;
	struct want w;
} cases[] = {
    /* S0-042 S0-045 S0-046: alignment */
    {{"same domain", LAB, "a.test", "a.test", {0}},
        {HK_DMARC_PASS, QUARANT, NONE, "a.test", "a.test", true, false, "SPF is aligned"}},
    {{"subdomain, relaxed", LAB, "pass.dkim.a.test", "a.test", {0}},
        {HK_DMARC_PASS, QUARANT, NONE, "a.test", "a.test", true, false, 0}},
    {{"parent and cousin, relaxed", LAB, "a.test", "pass.dkim.a.test", {"z.a.test"}},
        {HK_DMARC_PASS, QUARANT, NONE, "a.test", "a.test", true, true, "SPF and DKIM are aligned"}},
    {{"x.test and a.test", LAB, "x.test", "a.test", {0}},
        {HK_DMARC_FAIL, REJECT, REJECT, "x.test", "x.test", false, false,
            "SPF not aligned (relaxed), No valid DKIM"}},
    /* S0-057 S0-066 S0-073 */
    {{"scenario 4-4", LAB, "x.test", "a.test", {"y.test"}},
        {HK_DMARC_FAIL, REJECT, REJECT, "x.test", "x.test", false, false,
            "SPF not aligned (relaxed), DKIM not aligned (relaxed)"}},
    {{"d= above From", LAB, "pass.dkim.a.test", NULL, {"a.test"}},
        {HK_DMARC_PASS, QUARANT, NONE, "a.test", "a.test", false, true, "DKIM is aligned"}},
    {{"a later signature counts", LAB, "a.test", "!a.test", {"y.test", "!a.test", "a.test"}},
        {HK_DMARC_PASS, QUARANT, NONE, "a.test", "a.test", false, true, 0}},
    {{"case and final dot", LAB, "A.Test.", "a.TEST.", {0}},
        {HK_DMARC_PASS, QUARANT, NONE, "a.test", "a.test", true, false, 0}},
    /* S2-032 */
    {{"strict spf", REC("k.jp", "p=reject; aspf=s"), "k.jp", "sub.k.jp", {"sub.k.jp"}},
        {HK_DMARC_PASS, REJECT, NONE, "k.jp", "k.jp", false, true, 0}},
    {{"strict dkim", REC("k.jp", "p=reject; adkim=s"), "k.jp", "!k.jp", {"sub.k.jp"}},
        {HK_DMARC_FAIL, REJECT, REJECT, "k.jp", "k.jp", false, false,
            "No valid SPF, DKIM not aligned (strict)"}},
    {{"strict and equal", REC("k.jp", "p=reject; adkim=s; aspf=s"), "k.jp", "k.jp", {"k.jp"}},
        {HK_DMARC_PASS, REJECT, NONE, "k.jp", "k.jp", true, true, 0}},
    /* S4-036 */
    {{"S4-036 example1", PSD, "example1.jp", NULL, {0}},
        {HK_DMARC_FAIL, QUARANT, QUARANT, "example1.jp", "example1.jp", 0, 0,
            "No valid SPF, No valid DKIM"}},
    {{"S4-036 a.example1", PSD, "a.example1.jp", NULL, {0}},
        {HK_DMARC_FAIL, NONE, NONE, "a.example1.jp", "a.example1.jp", 0, 0, 0}},
    {{"S4-036 b.example1", PSD, "b.example1.jp", NULL, {0}},
        {HK_DMARC_FAIL, QUARANT, QUARANT, "example1.jp", "example1.jp", 0, 0, 0}},
    {{"S4-036 example2", PSD, "example2.jp", NULL, {0}},
        {HK_DMARC_FAIL, REJECT, REJECT, "jp", "example2.jp", 0, 0, 0}},
    /* S4-031 S4-032 S4-033 S4-038: psd=n parts what stands below from what stands above */
    {{"S4-038", PSD, "a.example1.jp", "example1.jp", {0}},
        {HK_DMARC_FAIL, NONE, NONE, "a.example1.jp", "a.example1.jp", 0, 0, 0}},
    {{"S4-038 turned", PSD, "example1.jp", "a.example1.jp", {"x.a.example1.jp"}},
        {HK_DMARC_FAIL, QUARANT, QUARANT, "example1.jp", "example1.jp", 0, 0, 0}},
    {{"siblings under a psd", PSD, "example2.jp", "example3.jp", {"example1.jp"}},
        {HK_DMARC_FAIL, REJECT, REJECT, "jp", "example2.jp", 0, 0, 0}},
    {{"below a psd", PSD, "x.example2.jp", "y.example2.jp", {0}},
        {HK_DMARC_PASS, REJECT, NONE, "jp", "example2.jp", true, 0, 0}},
    {{"the psd itself", PSD, "jp", "jp", {"example2.jp"}},
        {HK_DMARC_PASS, REJECT, NONE, "jp", "jp", true, false, 0}},
    /* RFC 9989 4.10.2, its examples */
    {{"fewest labels", REC("mail.example.com", "p=none") REC("example.com", "p=reject"),
         "a.mail.example.com", NULL, {"example.com"}},
        {HK_DMARC_PASS, REJECT, NONE, "example.com", "example.com", false, true, 0}},
    {{"psd=n in between", REC("mail.example.com", "p=none; psd=n") REC("example.com", "p=reject"),
         "a.mail.example.com", NULL, {"example.com"}},
        {HK_DMARC_FAIL, NONE, NONE, "mail.example.com", "mail.example.com", 0, 0, 0}},
    {{"psd=y at the top", REC("com", "p=quarantine; psd=y"), "a.mail.example.com", NULL,
         {"example.com"}},
        {HK_DMARC_PASS, QUARANT, NONE, "com", "example.com", false, true, 0}},
    {{"a record between org and author is not the policy",
         REC("mail.example.com", "p=none") REC("com", "p=reject; psd=y"), "a.mail.example.com",
         NULL, {0}},
        {HK_DMARC_FAIL, REJECT, REJECT, "com", "example.com", 0, 0, 0}},
    {{"psd=y at the start is no public suffix for itself",
         REC("s.example.com", "p=none; psd=y") REC("example.com", "p=reject"), "s.example.com",
         NULL, {"example.com"}},
        {HK_DMARC_FAIL, NONE, NONE, "s.example.com", "s.example.com", 0, 0, 0}},
    {{"a record at the top label", REC("test", "p=quarantine"), "a.test", NULL, {"b.test"}},
        {HK_DMARC_PASS, QUARANT, NONE, "test", "test", false, true, 0}},
    /* no record, several, none of ours */
    {{"no record", "a.test. TXT \"v=spf1\"\n", "a.test", "a.test", {"a.test"}},
        {HK_DMARC_NONE, NONE, NONE, "", "", 0, 0, "no policy record"}},
    {{"several records are none",
         REC("s.a.test", "p=none") REC("s.a.test", "p=reject") REC("a.test", "p=quarantine"),
         "s.a.test", NULL, {0}},
        {HK_DMARC_FAIL, QUARANT, QUARANT, "a.test", "a.test", 0, 0, 0}},
    {{"other TXT is read over", "_dmarc.a.test. TXT \"v=spf1 -all\"\n" REC("a.test", "p=reject"),
         "a.test", NULL, {0}},
        {HK_DMARC_FAIL, REJECT, REJECT, "a.test", "a.test", 0, 0, 0}},
    /* invalid records (4.10.1) */
    {{"no p, with rua", REC("a.test", "rua=mailto:r@a.test"), "a.test", NULL, {0}},
        {HK_DMARC_FAIL, NONE, NONE, "a.test", "a.test", 0, 0, 0}},
    {{"no p, no rua", REC("a.test", "sp=reject"), "a.test", "a.test", {0}},
        {HK_DMARC_NONE, NONE, NONE, "", "a.test", 0, 0, 0}},
    {{"bad p, no usable rua", REC("a.test", "p=rejekt; rua=nobody"), "a.test", NULL, {0}},
        {HK_DMARC_NONE, NONE, NONE, "", "a.test", 0, 0, 0}},
    {{"bad sp, with rua", REC("a.test", "p=reject; sp=x; rua=mailto:r@a.test"), "a.test", NULL,
         {0}},
        {HK_DMARC_FAIL, NONE, NONE, "a.test", "a.test", 0, 0, 0}},
    {{"bad np, no rua", REC("a.test", "p=reject; np=x"), "s.a.test", NULL, {0}},
        {HK_DMARC_NONE, NONE, NONE, "", "a.test", 0, 0, 0}},
    {{"an unusable own record does not give way to the one above",
         REC("s.a.test", "p=x") REC("a.test", "p=reject"), "s.a.test", NULL, {0}},
        {HK_DMARC_NONE, NONE, NONE, "", "a.test", 0, 0, 0}},
    /* S4-040 */
    {{"t=y reject", REC("a.test", "p=reject; t=y"), "a.test", NULL, {0}},
        {HK_DMARC_FAIL, REJECT, QUARANT, "a.test", "a.test", 0, 0, 0}},
    {{"t=y quarantine", REC("a.test", "p=quarantine; t=y"), "a.test", NULL, {0}},
        {HK_DMARC_FAIL, QUARANT, NONE, "a.test", "a.test", 0, 0, 0}},
    {{"t=y none", REC("a.test", "p=none; t=y"), "a.test", NULL, {0}},
        {HK_DMARC_FAIL, NONE, NONE, "a.test", "a.test", 0, 0, 0}},
    /* S4-002: pct has no effect */
    {{"pct=0", REC("a.test", "p=reject; pct=0"), "a.test", NULL, {0}},
        {HK_DMARC_FAIL, REJECT, REJECT, "a.test", "a.test", 0, 0, 0}},
    /* failures of the DNS */
    {{"own name fails", "$SERVFAIL _dmarc.a.test. TXT\n" REC("test", "p=reject"), "a.test",
         "a.test", {"a.test"}},
        {HK_DMARC_TEMPERROR, NONE, NONE, "", "", 0, 0, 0}},
    {{"parent fails", "$TIMEOUT _dmarc.a.test. TXT\n", "s.a.test", "s.a.test", {0}},
        {HK_DMARC_TEMPERROR, NONE, NONE, "", "", 0, 0, 0}},
    {{"parent fails, own record, equal domain",
         "$SERVFAIL _dmarc.test. TXT\n" REC("a.test", "p=reject"), "a.test", "a.test", {0}},
        {HK_DMARC_PASS, REJECT, NONE, "a.test", "", true, 0, 0}},
    {{"parent fails, alignment hangs on it",
         "$SERVFAIL _dmarc.test. TXT\n" REC("a.test", "p=reject"), "a.test", "s.a.test", {0}},
        {HK_DMARC_TEMPERROR, REJECT, NONE, "a.test", "", 0, 0, 0}},
    {{"parent fails, no common label", "$SERVFAIL _dmarc.test. TXT\n" REC("a.test", "p=reject"),
         "a.test", "a.example", {0}},
        {HK_DMARC_FAIL, REJECT, REJECT, "a.test", "", 0, 0, 0}},
    {{"parent fails, strict alignment does not hang on it",
         "$SERVFAIL _dmarc.test. TXT\n" REC("a.test", "p=reject; aspf=s"), "a.test", "s.a.test", {0}},
        {HK_DMARC_FAIL, REJECT, REJECT, "a.test", "", 0, 0,
            "SPF not aligned (strict), No valid DKIM"}},
    {{"failure above psd=n does not matter",
         "$SERVFAIL _dmarc.test. TXT\n" REC("a.test", "p=reject; psd=n"), "a.test", "s.a.test",
         {0}},
        {HK_DMARC_PASS, REJECT, NONE, "a.test", "a.test", true, 0, 0}},
    {{"spf temperror, aligned", REC("a.test", "p=reject"), "a.test", "?s.a.test", {0}},
        {HK_DMARC_TEMPERROR, REJECT, NONE, "a.test", "a.test", 0, 0, 0}},
    {{"spf temperror, dkim passes", REC("a.test", "p=reject"), "a.test", "?a.test", {"a.test"}},
        {HK_DMARC_PASS, REJECT, NONE, "a.test", "a.test", 0, true, 0}},
    {{"dkim temperror, not aligned", REC("a.test", "p=reject"), "a.test", "!a.test", {"?b.test"}},
        {HK_DMARC_FAIL, REJECT, REJECT, "a.test", "a.test", 0, 0, "No valid SPF, No valid DKIM"}},
    {{"walk of an identifier fails", "$SERVFAIL _dmarc.s.a.test. TXT\n" REC("a.test", "p=reject"),
         "a.test", "s.a.test", {0}},
        {HK_DMARC_TEMPERROR, REJECT, NONE, "a.test", "a.test", 0, 0, 0}},
    {{"np not known", "$SERVFAIL s.a.test. CNAME\n" REC("a.test", "p=none; np=reject"), "s.a.test",
         NULL, {0}},
        {HK_DMARC_TEMPERROR, NONE, NONE, "a.test", "a.test", 0, 0, 0}},
    {{"np not known, passes", "$SERVFAIL s.a.test. CNAME\n" REC("a.test", "p=none; np=reject"),
         "s.a.test", "a.test", {0}},
        {HK_DMARC_PASS, NONE, NONE, "a.test", "a.test", true, 0, 0}},
};
/* clang-format on */

static void verdicts_follow_rfc_9989_table(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++)
		dmarc_check(&cases[i].g, &cases[i].w);
}

static void an_identifier_that_cannot_align_costs_no_question(void **state)
{
	struct outcome o;

	(void)state;
	dmarc_run(&(struct given){.zone = LAB,
	        .author = "x.test",
	        .spf = "a.test",
	        .dkim = {"y.test", "b.c.d.e.test"}},
	    false, &o);
	assert_int_equal(o.asked, 2); /* _dmarc.x.test, _dmarc.test */
	hk_arena_done(&o.arena);
	/* and names that another walk asked are not asked again */
	dmarc_run(&(struct given){.zone = LAB,
	        .author = "a.test",
	        .spf = "s.a.test",
	        .dkim = {"s.a.test", "t.s.a.test"}},
	    false, &o);
	assert_int_equal(o.asked, 4);
	hk_arena_done(&o.arena);
}

static void the_trace_tells_every_record_and_every_judgement(void **state)
{
	static const enum hk_trace_event want[] = {HK_TRACE_DMARC_DOMAIN, HK_TRACE_DMARC_RECORD,
	    HK_TRACE_DMARC_WALK, HK_TRACE_DMARC_POLICY, HK_TRACE_DMARC_ALIGN, HK_TRACE_DMARC_ALIGN,
	    HK_TRACE_DMARC_RESULT};
	struct outcome o;
	size_t i;

	(void)state;
	dmarc_run(&(struct given){.zone = LAB, .author = "x.test", .spf = "a.test", .dkim = {"y.test"}},
	    false, &o);
	assert_int_equal(hk_trace_count(o.trace), sizeof want / sizeof want[0]);
	for (i = 0; i < sizeof want / sizeof want[0]; i++)
		assert_int_equal(hk_trace_at(o.trace, i)->event, want[i]);
	hk_arena_done(&o.arena);
}

static void identifiers_stop_at_their_limit(void **state)
{
	struct hk_arena a;
	struct hk_dmarc *d;
	size_t i;

	(void)state;
	hk_arena_init(&a, 65536);
	d = hk_dmarc_new(&a, HK_S("a.test"), NULL, NULL);
	assert_non_null(d);
	for (i = 0; i < HK_DMARC_IDENTIFIERS_MAX; i++)
		assert_int_equal(hk_dmarc_dkim(d, HK_S("b.test"), true, false), HK_OK);
	assert_int_equal(hk_dmarc_dkim(d, HK_S("b.test"), false, false), HK_OK);
	assert_int_equal(hk_dmarc_dkim(d, HK_S("b.test"), true, false), HK_LIMIT);
	hk_arena_done(&a);
}

static void a_name_too_long_for_the_prefix_is_not_asked(void **state)
{
	char author[256] = "";
	struct outcome o;
	size_t i;

	(void)state;
	for (i = 0; i < 248; i++)
		author[i] = i % 50 == 49 ? '.' : 'a';
	memcpy(author + 240, ".a.test", 8);
	dmarc_run(&(struct given){.zone = LAB, .author = author}, false, &o);
	assert_int_equal(o.verdict->result, HK_DMARC_FAIL);
	assert_int_equal(o.asked, 6); /* of seven names */
	hk_arena_done(&o.arena);
	/* a name is measured in octets, not in the text that its octets need */
	dmarc_run(&(struct given){.zone = "_dmarc.a.test. TXT \"v=DMARC1; p=reject\"\n",
	        .author =
	            "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
	            "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff."
	            "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
	            "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff.a.test"},
	    false, &o);
	assert_int_equal(o.verdict->result, HK_DMARC_FAIL);
	assert_int_equal(o.asked, 4);
	hk_arena_done(&o.arena);
}

static void a_full_arena_is_never_a_verdict(void **state)
{
	size_t limit;

	(void)state;
	for (limit = 0; limit < 6000; limit += 48) {
		struct hk_dns_answer answer = {.rcode = HK_DNS_NXDOMAIN};
		struct hk_arena a;
		struct hk_dmarc *d;

		hk_arena_init(&a, limit);
		d = hk_dmarc_new(&a, HK_S("a.b.test"), NULL, NULL);
		while (d && hk_dmarc_question(d, &answer.question))
			assert_int_equal(hk_dmarc_answer(d, &answer), HK_OK);
		if (d) {
			enum hk_status status;

			hk_dmarc_ready(d);
			status = hk_dmarc_step(d);
			assert_true(status == HK_OK || status == HK_LIMIT);
			assert_true((status == HK_OK) == (hk_dmarc_result(d) != NULL));
		}
		hk_arena_done(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(p_sp_and_np_choose_as_rfc_9989_4_10_1_says),
	    cmocka_unit_test(the_name_is_asked_for_only_where_np_hangs_on_it),
	    cmocka_unit_test(a_walk_asks_from_the_longest_name_to_the_shortest_rfc_9989_4_10),
	    cmocka_unit_test(a_walk_never_asks_over_eight_names_rfc_9989_4_10),
	    cmocka_unit_test(dmarc_passes_when_one_aligned_check_passed_16_rows),
	    cmocka_unit_test(verdicts_follow_rfc_9989_table),
	    cmocka_unit_test(an_identifier_that_cannot_align_costs_no_question),
	    cmocka_unit_test(the_trace_tells_every_record_and_every_judgement),
	    cmocka_unit_test(identifiers_stop_at_their_limit),
	    cmocka_unit_test(a_name_too_long_for_the_prefix_is_not_asked),
	    cmocka_unit_test(a_full_arena_is_never_a_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
