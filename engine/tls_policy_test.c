/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "engine/tls_policy.h"
#include "tests/unit.h"

/* The facts in short: "level o r v d | R requiretls N tls-required-no S srv I implicit M secure name |
 * t tlsa u unusable f failed | e enforce g testing p permits". */
static struct hk_tls_facts facts_of(const char *text)
{
	struct hk_tls_facts f = {.level = HK_TLS_OPPORTUNISTIC};

	for (; *text; text++)
		switch (*text) {
		case 'o': f.level = HK_TLS_OFF; break;
		case 'r': f.level = HK_TLS_REQUIRED; break;
		case 'v': f.level = HK_TLS_VERIFIED; break;
		case 'd': f.level = HK_TLS_DANE; break;
		case 'R': f.require_tls = true; break;
		case 'N': f.is_tls_optional = true; break;
		case 'S': f.is_srv = true; break;
		case 'I': f.is_implicit = true; break;
		case 'M': f.is_name_secure = true; break;
		case 't': f.dane = HK_DANE_USABLE; break;
		case 'u': f.dane = HK_DANE_UNUSABLE; break;
		case 'f': f.dane = HK_DANE_FAILED; break;
		case 'e': f.sts = HK_STS_ENFORCE; break;
		case 'g': f.sts = HK_STS_TESTING; break;
		case 'p': f.does_sts_permit = true; break;
		}
	return f;
}

/* "RULE use need verify failure type result" */
static void show(const struct hk_tls_decision *d, char ret[200])
{
	static const char *const failures[] = {"clear", "next", "bounce"};

	snprintf(ret, 200, "%s%s%s %s %s %s %s %s", d->rule, d->is_implicit ? " implicit" : "",
	    d->needs_requiretls ? " ext" : "",
	    d->may_use ? hk_tls_need_word(d->need) : "unused", hk_tls_verify_word(d->verify),
	    failures[d->failure], hk_tls_policy_word(d->type), hk_tls_result_word(d->result));
}

/* SEC-97 S3-041 S4-101 S4-102 */
static void every_row_of_the_table_is_reached_and_says_this(void **state)
{
	static const struct {
		const char *facts, *want;
	} cases[] = {
	    {"", "opportunistic try none clear no-policy-found success"},
	    {"M", "opportunistic try none clear no-policy-found success"},
	    {"o", "off never none next no-policy-found success"},
	    {"oetM", "off never none next no-policy-found success"},
	    {"oR", "off-requiretls unused none bounce no-policy-found validation-failure"},
	    {"r", "required must none next no-policy-found success"},
	    {"v", "verified must pkix next no-policy-found success"},
	    {"d", "dane-required unused none next tlsa dane-required"},
	    {"dM", "dane-required unused none next tlsa dane-required"},
	    {"dt", "dane-required unused none next tlsa dane-required"},
	    {"dMu", "dane-required unused none next tlsa dane-required"},
	    {"dMt", "dane must dane next tlsa success"},
	    /* DANE */
	    {"Mt", "dane must dane next tlsa success"},
	    {"t", "dane-insecure-mx must dane next tlsa success"},
	    {"Mu", "tlsa-unusable must none next tlsa tlsa-invalid"},
	    {"f", "tlsa-failed unused none next tlsa dnssec-invalid"},
	    {"vMu", "verified must pkix next no-policy-found success"},
	    /* MTA-STS */
	    {"ep", "sts-enforce must pkix next sts success"},
	    {"e", "sts-host unused none next sts validation-failure"},
	    {"gp", "sts-testing try noted clear sts success"},
	    {"g", "sts-testing-host try noted clear sts validation-failure"},
	    {"rgp", "required-sts-testing must noted next sts success"},
	    {"rg", "required-sts-host must noted next sts validation-failure"},
	    /* both: DANE of a secure MX goes before it, of another one it does not */
	    {"Mte", "dane must dane next tlsa success"},
	    {"te", "sts-host unused none next sts validation-failure"},
	    {"tep", "sts-enforce must pkix next sts success"},
	    {"Muep", "sts-enforce must pkix next sts success"},
	    {"fep", "tlsa-failed unused none next tlsa dnssec-invalid"},
	    /* REQUIRETLS: the name first, then TLS, the certificate and the extension */
	    {"R", "requiretls-name unused none bounce no-policy-found validation-failure"},
	    {"Rt", "requiretls-name unused none bounce no-policy-found validation-failure"},
	    {"RM", "requiretls ext must pkix bounce no-policy-found success"},
	    {"Rgp", "requiretls ext must pkix bounce no-policy-found success"},
	    {"RMt", "requiretls-dane ext must dane bounce tlsa success"},
	    {"Rep", "requiretls-sts ext must pkix bounce sts success"},
	    {"Re", "requiretls-name unused none bounce no-policy-found validation-failure"},
	    {"RMe", "sts-host unused none next sts validation-failure"},
	    {"RMu", "requiretls ext must pkix bounce no-policy-found success"},
	    {"RMf", "tlsa-failed unused none next tlsa dnssec-invalid"},
	    {"RNM", "requiretls ext must pkix bounce no-policy-found success"},
	    /* TLS-Required: No overrides what the recipient says, not what the operator says */
	    {"N", "tls-required-no try none clear no-policy-found success"},
	    {"NMt", "tls-required-no try none clear no-policy-found success"},
	    {"Ne", "tls-required-no try none clear no-policy-found success"},
	    {"Nf", "tls-required-no try none clear no-policy-found success"},
	    {"Nr", "required must none next no-policy-found success"},
	    {"Nv", "verified must pkix next no-policy-found success"},
	    {"Nd", "dane-required unused none next tlsa dane-required"},
	    {"No", "off never none next no-policy-found success"},
	    /* SRV */
	    {"S", "srv must pkix next no-policy-found success"},
	    {"SI", "srv implicit must pkix next no-policy-found success"},
	    {"SIM", "srv implicit must pkix next no-policy-found success"},
	    {"SIMt", "dane implicit must dane next tlsa success"},
	    {"SIe", "sts-host unused none next sts validation-failure"},
	    {"SIep", "sts-enforce implicit must pkix next sts success"},
	    {"SIN", "tls-required-no implicit must none next no-policy-found success"},
	    {"SIf", "tlsa-failed unused none next tlsa dnssec-invalid"},
	    {"I", "opportunistic implicit must none next no-policy-found success"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct hk_tls_facts f = facts_of(cases[i].facts);
		struct hk_tls_decision d = hk_tls_decide(&f);
		char got[200];

		d.is_implicit &= d.may_use;
		show(&d, got);
		if (strcmp(got, cases[i].want))
			fail_msg("%s: %s\n  want: %s", cases[i].facts, got, cases[i].want);
	}
}

/* Each combination of facts: what must hold whichever row fits. */
static void check(const struct hk_tls_facts *f)
{
	struct hk_tls_decision d = hk_tls_decide(f);
	bool strict = f->level == HK_TLS_REQUIRED || f->level == HK_TLS_VERIFIED || f->level == HK_TLS_DANE;
	bool wish = f->is_tls_optional && !f->require_tls && !strict;
	const char *wrong = NULL;

	if (!d.rule || !d.source)
		wrong = "a row without a name";
	if (strict && d.may_use && (d.need != HK_TLS_MUST || d.failure == HK_TLS_TO_CLEAR))
		wrong = "the operator's level is a least";
	if (f->require_tls && d.may_use && (d.need != HK_TLS_MUST || d.verify < HK_VERIFY_PKIX || d.failure == HK_TLS_TO_CLEAR))
		if (!(f->dane == HK_DANE_USABLE && f->is_name_secure))
			wrong = "REQUIRETLS is verified TLS";
	if (f->sts == HK_STS_ENFORCE && f->level != HK_TLS_OFF && !wish && d.may_use &&
	    (d.need != HK_TLS_MUST || d.verify < HK_VERIFY_PKIX))
		wrong = "enforce is verified TLS";
	if (f->dane == HK_DANE_FAILED && f->level != HK_TLS_OFF && !wish && d.may_use)
		wrong = "a failed TLSA is no host";
	if (d.may_use && d.is_implicit && (d.need != HK_TLS_MUST || d.failure == HK_TLS_TO_CLEAR))
		wrong = "an implicit port has no clear text";
	if (!d.may_use && (d.failure == HK_TLS_TO_CLEAR || d.result == HK_TLS_RESULT_NONE))
		wrong = "a refusal has a reason and no way round it";
	if (d.verify == HK_VERIFY_DANE && f->dane != HK_DANE_USABLE)
		wrong = "DANE without TLSA";
	if (d.needs_requiretls != (f->require_tls && d.may_use))
		wrong = "the extension is asked for with REQUIRETLS alone";
	if (wrong)
		fail_msg("%s: rule %s, level %d require %d optional %d srv %d secure %d dane %d sts %d permits %d", wrong, d.rule,
		    f->level, f->require_tls, f->is_tls_optional, f->is_srv, f->is_name_secure, f->dane, f->sts, f->does_sts_permit);
}

/* SEC-97 */
static void no_combination_of_facts_is_less_safe_than_it_says(void **state)
{
	unsigned bits, level, dane, sts;

	(void)state;
	for (level = HK_TLS_OFF; level <= HK_TLS_DANE; level++)
		for (dane = 0; dane <= HK_DANE_FAILED; dane++)
			for (sts = 0; sts <= HK_STS_ENFORCE; sts++)
				for (bits = 0; bits < 64; bits++) {
					struct hk_tls_facts f = {.level = (enum hk_tls_level)level, .dane = (enum hk_dane_state)dane,
					    .sts = (enum hk_sts_mode)sts, .require_tls = bits & 1, .is_tls_optional = bits & 2,
					    .is_srv = bits & 4, .is_implicit = bits & 8, .is_name_secure = bits & 16,
					    .does_sts_permit = bits & 32};

					check(&f);
				}
}

/* ---- counts ---- */

static void sessions_are_counted_by_domain_policy_and_host(void **state)
{
	struct hk_tls_counts *c = must(hk_tls_counts_new());
	struct hk_tls_session s = {.type = HK_TLS_POLICY_STS, .domain = HK_S("A.test"), .host = HK_S("mx.a.test")};
	const struct hk_tls_count *row;

	(void)state;
	assert_null(hk_tls_counts_at(c, 0));
	hk_tls_counts_add(c, &s);
	s.domain = HK_S("a.test");
	hk_tls_counts_add(c, &s);
	s.result = HK_TLS_RESULT_EXPIRED;
	hk_tls_counts_add(c, &s);
	s.host = HK_S("");
	s.result = HK_TLS_RESULT_STS_FETCH;
	hk_tls_counts_add(c, &s);
	s.type = HK_TLS_POLICY_TLSA;
	hk_tls_counts_add(c, &s);
	s.result = HK_TLS_RESULTS;
	hk_tls_counts_add(c, &s);
	row = hk_tls_counts_at(c, 0);
	if (row && row->domain[0]) {
		assert_string_equal(row->domain, "a.test");
		assert_int_equal(row->of[HK_TLS_RESULT_NONE], 2);
		assert_int_equal(row->of[HK_TLS_RESULT_EXPIRED], 1);
		assert_int_equal(hk_tls_counts_at(c, 1)->of[HK_TLS_RESULT_STS_FETCH], 1);
		assert_int_equal(hk_tls_counts_at(c, 2)->type, HK_TLS_POLICY_TLSA);
		assert_null(hk_tls_counts_at(c, 3));
	}
	hk_tls_counts_reset(c);
	assert_null(hk_tls_counts_at(c, 0));
	hk_tls_counts_free(c);
	hk_tls_counts_free(NULL);
}

static void a_flood_of_names_is_counted_together(void **state)
{
	struct hk_tls_counts *c = must(hk_tls_counts_new());
	struct hk_tls_session s = {.domain = HK_S("a.test")};
	const struct hk_tls_count *last;
	char name[40], long_name[300] = "";
	size_t i, sum = 0;

	(void)state;
	for (i = 0; i < HK_TLS_COUNTS_MAX + 10; i++) {
		snprintf(name, sizeof name, "mx%zu.a.test", i);
		s.host = hk_slice_str(name);
		hk_tls_counts_add(c, &s);
	}
	memset(long_name, 'a', sizeof long_name - 1);
	s.host = hk_slice_str(long_name);
	hk_tls_counts_add(c, &s);
	for (i = 0; (last = hk_tls_counts_at(c, i)); i++)
		sum += last->of[HK_TLS_RESULT_NONE];
	assert_int_equal(i, HK_TLS_COUNTS_MAX + 1);
	assert_int_equal(sum, HK_TLS_COUNTS_MAX + 11);
	assert_string_equal(hk_tls_counts_at(c, HK_TLS_COUNTS_MAX)->domain, "");
	hk_tls_counts_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_row_of_the_table_is_reached_and_says_this),
	    cmocka_unit_test(no_combination_of_facts_is_less_safe_than_it_says),
	    cmocka_unit_test(sessions_are_counted_by_domain_policy_and_host),
	    cmocka_unit_test(a_flood_of_names_is_counted_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
