/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include <hikyaku/dmarc.h>

#include "tests/unit.h"

/* S2-030 */
static void a_record_begins_with_its_version_rfc_9989_4_7(void **state)
{
	static const struct {
		const char *text;
		enum hk_status status;
	} cases[] = {
	    {"v=DMARC1", HK_OK}, /* S4-044: so in the example of RFC 7489 */
	    {"v=DMARC1;", HK_OK}, /* and so in that of RFC 9990 */
	    {"V = DMARC1 ; p=none", HK_OK},
	    {"v\t=\tDMARC1\t;p=none;", HK_OK},
	    {"v=DMARC1;p=none;;;", HK_OK},
	    {"v=DMARC1; =; p", HK_OK},
	    {"", HK_SYNTAX},
	    {"v", HK_SYNTAX},
	    {"v=", HK_SYNTAX},
	    {" v=DMARC1; p=none", HK_SYNTAX},
	    {";v=DMARC1; p=none", HK_SYNTAX},
	    {"p=none; v=DMARC1", HK_SYNTAX},
	    {"v=DMARC1 p=none", HK_SYNTAX},
	    {"v=DMARC12; p=none", HK_SYNTAX},
	    {"v=DMARC2; p=none", HK_SYNTAX},
	    {"v=dmarc1; p=none", HK_SYNTAX},
	    {"v=dmarc1; p=none, sp=quarantine, np=reject", HK_SYNTAX}, /* S4-005 E-10 */
	    {"v=spf1 -all", HK_SYNTAX},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hk_dmarc_record r = {.size = sizeof r};

		if (hk_dmarc_record_parse(hk_slice_str(cases[i].text), &r) != cases[i].status)
			fail_msg("%s", cases[i].text);
	}
}

/* S2-030 S4-030 */
static void tags_are_read_and_bad_values_fall_back_rfc_9989_4_8(void **state)
{
	static const struct {
		const char *text;
		struct hk_dmarc_record want;
	} cases[] = {
	    {"v=DMARC1; p=reject", {.has_p = true, .p = HK_DMARC_P_REJECT, .psd = 'u'}},
	    {"v=DMARC1; P=Reject; SP=QUARANTINE; np=none", {.has_p = true,
	                                                       .p = HK_DMARC_P_REJECT,
	                                                       .has_sp = true,
	                                                       .sp = HK_DMARC_P_QUARANTINE,
	                                                       .has_np = true,
	                                                       .psd = 'u'}},
	    {"v=DMARC1; p=rejct; sp=; np=never", {.bad_p = true, .bad_np = true, .psd = 'u'}},
	    {"v=DMARC1; p=none; adkim=s; aspf=s; psd=n; t=y", {.has_p = true,
	                                                          .strict_dkim = true,
	                                                          .strict_spf = true,
	                                                          .psd = 'n',
	                                                          .testing = true}},
	    {"v=DMARC1; p=none; adkim=strict; aspf=x; psd=maybe; t=1", {.has_p = true, .psd = 'u'}},
	    {"v=DMARC1; p=none; psd=Y; t=N", {.has_p = true, .psd = 'y'}},
	    {"v=DMARC1; p=none; p=reject", {.has_p = true, .psd = 'u'}},
	    /* S4-002: tags of RFC 7489 are read over */
	    {"v=DMARC1; p=quarantine; pct=0; ri=3600; rf=iodef",
	        {.has_p = true, .p = HK_DMARC_P_QUARANTINE, .psd = 'u'}},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hk_dmarc_record r = {.size = sizeof r};
		const struct hk_dmarc_record *w = &cases[i].want;

		assert_int_equal(hk_dmarc_record_parse(hk_slice_str(cases[i].text), &r), HK_OK);
		if (r.has_p != w->has_p || r.has_sp != w->has_sp || r.has_np != w->has_np ||
		    r.bad_p != w->bad_p || r.bad_sp != w->bad_sp || r.bad_np != w->bad_np ||
		    r.p != w->p || r.sp != w->sp || r.np != w->np ||
		    r.strict_dkim != w->strict_dkim || r.strict_spf != w->strict_spf ||
		    r.psd != w->psd || r.testing != w->testing)
			fail_msg("%s", cases[i].text);
	}
}

static void rua_counts_with_one_valid_uri_rfc_9989_4_8(void **state)
{
	static const struct {
		const char *rua;
		bool has;
	} cases[] = {
	    {"mailto:a@b.test", true},
	    {"mailto:a@b.test!10m", true},
	    {"mailto:a@b.test!10", true},
	    {"mailto:a@b.test!m", false},
	    {"mailto:a@b.test!10x", false},
	    {"mailto:0", false},
	    {"mailto:@b.test", false},
	    {"mailto:a@", false},
	    {"a@b.test", false},
	    {"https://b.test/r?x=%41", true},
	    {"https://b.test/r?x=%4", false},
	    {"https:", false},
	    {"1https://b.test", false},
	    {":", false},
	    {"broken, mailto:a@b.test", true},
	    {"broken , also broken", false},
	    {"mailto:a\xc3\xa4@b.test", false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hk_dmarc_record r = {.size = sizeof r};
		char text[128];

		snprintf(text, sizeof text, "v=DMARC1; p=none; rua=%s", cases[i].rua);
		assert_int_equal(hk_dmarc_record_parse(hk_slice_str(text), &r), HK_OK);
		if (r.has_rua != cases[i].has)
			fail_msg("%s", text);
	}
}

static void pct_is_0_to_100_rfc_7489_6_3(void **state)
{
	static const struct {
		const char *tag;
		unsigned pct;
	} cases[] = {{"", 100}, {"; pct=0", 0}, {"; pct=50", 50}, {"; PCT = 100", 100}, {"; pct=101", 100}, {"; pct=-1", 100},
	    {"; pct=", 100}, {"; pct=5x", 100}, {"; pct=5; pct=6", 5}};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hk_dmarc_record r = {.size = sizeof r};
		char text[64];

		snprintf(text, sizeof text, "v=DMARC1; p=none%s", cases[i].tag);
		assert_int_equal(hk_dmarc_record_parse(hk_slice_str(text), &r), HK_OK);
		if (r.pct != cases[i].pct)
			fail_msg("%s: %u", text, r.pct);
	}
}

/* S2-031 S2-044 */
static void fo_is_ignored_without_ruf_rfc_9989_4_7(void **state)
{
	struct hk_dmarc_record r = {.size = sizeof r};

	(void)state;
	assert_int_equal(
	    hk_dmarc_record_parse(
	        HK_S("v=DMARC1; fo=1; p=reject; aspf=s; rua=mailto:postmaster_rua@keytec.jp"), &r),
	    HK_OK);
	assert_true(
	    r.has_p && r.p == HK_DMARC_P_REJECT && r.strict_spf && !r.strict_dkim && r.has_rua);
	assert_int_equal(r.fo.n, 0);
	assert_int_equal(hk_dmarc_record_parse(HK_S("v=DMARC1; ruf=; fo=1"), &r),
	    HK_OK); /* found by the fuzzer */
	assert_int_equal(r.fo.n, 0);
	assert_int_equal(
	    hk_dmarc_record_parse(HK_S("v=DMARC1; fo=1:d; ruf=mailto:f@a.test"), &r), HK_OK);
	assert_true(hk_slice_eq(r.fo, HK_S("1:d")));
	assert_true(hk_slice_eq(r.ruf, HK_S("mailto:f@a.test")));
}

static void test_mode_is_one_level_lower_rfc_9989_4_7(void **state)
{
	(void)state;
	assert_int_equal(hk_dmarc_lower(HK_DMARC_P_REJECT, true), HK_DMARC_P_QUARANTINE);
	assert_int_equal(hk_dmarc_lower(HK_DMARC_P_QUARANTINE, true), HK_DMARC_P_NONE);
	assert_int_equal(hk_dmarc_lower(HK_DMARC_P_NONE, true), HK_DMARC_P_NONE);
	assert_int_equal(hk_dmarc_lower(HK_DMARC_P_REJECT, false), HK_DMARC_P_REJECT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_record_begins_with_its_version_rfc_9989_4_7),
	    cmocka_unit_test(tags_are_read_and_bad_values_fall_back_rfc_9989_4_8),
	    cmocka_unit_test(rua_counts_with_one_valid_uri_rfc_9989_4_8),
	    cmocka_unit_test(pct_is_0_to_100_rfc_7489_6_3),
	    cmocka_unit_test(fo_is_ignored_without_ruf_rfc_9989_4_7),
	    cmocka_unit_test(test_mode_is_one_level_lower_rfc_9989_4_7),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
