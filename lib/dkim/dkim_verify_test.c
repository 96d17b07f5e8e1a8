/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "lib/dkim/dkim_internal.h"
#include "lib/dkim/dkim_test_letter.h"

/* ---- verdicts
 * --------------------------------------------------------------------------------------------------
 */

#define BASE "v=1; a=ed25519-sha256; d=a.test; s=s1; h=from:to:subject"

/* A letter with one forged field, verified at NOW against a key record with these tags. */
static void expect_forged(const char *tags, const char *key_tags, const char *body,
    enum hk_dkim_result result, const char *reason)
{
	struct letter l = a_letter("line one\r\nline two\r\n"), sent;
	struct world w;
	struct check c;

	world_init(&w);
	world_txt(&w, "s1._domainkey.a.test", key_record(&w.arena, keys.ed25519, key_tags));
	sent = with_field(&w.arena, forge(&w.arena, &l, tags, keys.ed25519), &l);
	if (body)
		sent.body = hk_slice_str(body);
	check_begin(&c, message_of(&w.arena, &sent), &(struct hk_dkim_verify_options){.size = sizeof(struct hk_dkim_verify_options), .now = NOW});
	check_run(&c, &w, CUT_RANDOM);
	expect_verdict(&c, 0, result, reason);
	check_done(&c);
	world_done(&w);
}

static void times_are_judged_with_300_seconds_of_drift(void **state)
{
	static const struct {
		const char *tag;
		int64_t at;
		enum hk_dkim_result result;
		const char *reason;
	} rows[] = {
	    {"x", NOW + 1, HK_DKIM_PASS, ""},
	    {"x", NOW - HK_DKIM_CLOCK_DRIFT + 1, HK_DKIM_PASS, ""},
	    {"x", NOW - HK_DKIM_CLOCK_DRIFT, HK_DKIM_PASS, ""},
	    {"x", NOW - HK_DKIM_CLOCK_DRIFT - 1, HK_DKIM_FAIL, "signature expired"},
	    {"x", 0, HK_DKIM_FAIL, "signature expired"},
	    {"x", INT64_MAX, HK_DKIM_PASS, ""},
	    {"t", NOW + HK_DKIM_CLOCK_DRIFT - 1, HK_DKIM_PASS, ""},
	    {"t", NOW + HK_DKIM_CLOCK_DRIFT, HK_DKIM_PASS, ""},
	    {"t", NOW + HK_DKIM_CLOCK_DRIFT + 1, HK_DKIM_NEUTRAL, "signed in the future"},
	    {"t", INT64_MAX, HK_DKIM_NEUTRAL, "signed in the future"},
	    {"t", 0, HK_DKIM_PASS, ""},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		char tags[256];

		snprintf(tags, sizeof tags, BASE "; %s=%lld", rows[i].tag, (long long)rows[i].at);
		expect_forged(tags, "v=DKIM1;", NULL, rows[i].result, rows[i].reason);
	}
}

static void flags_and_identities_meet_as_rfc_6376_3_6_1_says(void **state)
{
	(void)state;
	expect_forged(BASE "; i=user@a.test", "v=DKIM1; t=s;", NULL, HK_DKIM_PASS, "");
	expect_forged(BASE "; i=user@sub.a.test", "v=DKIM1;", NULL, HK_DKIM_PASS, "");
	expect_forged(BASE "; i=user@sub.a.test", "v=DKIM1; t=y:s;", NULL, HK_DKIM_PERMERROR,
	    "key wants i= to equal d=");
	expect_forged(BASE, "v=DKIM1; s=tlsrpt;", NULL, HK_DKIM_PERMERROR, "key is not for mail");
	expect_forged(
	    BASE, "v=DKIM1; h=sha1;", NULL, HK_DKIM_PERMERROR, "key does not allow the hash");
	expect_forged(BASE, "v=DKIM1; h=sha256:other; s=email;", NULL, HK_DKIM_PASS, "");
	expect_forged(
	    BASE, "v=DKIM1;", "line one\r\nline 2\r\n", HK_DKIM_FAIL, "body hash mismatch");
	expect_forged(
	    BASE "; q=other", "v=DKIM1;", NULL, HK_DKIM_NEUTRAL, "unknown query method in q=");
}

/* l= of 3.5 and 8.2: the canonical body has 20 octets. */
static void a_length_that_leaves_text_unsigned_is_told(void **state)
{
	static const struct {
		const char *l, *body; /* body NULL: as signed */
		enum hk_dkim_result result;
		const char *reason;
		bool has_length, is_aligned;
	} rows[] = {
	    {"", NULL, HK_DKIM_PASS, "", false, true},
	    {"; l=20", NULL, HK_DKIM_PASS, "", true, true},
	    {"; l=19", NULL, HK_DKIM_PASS, "", true, false},
	    {"; l=0", NULL, HK_DKIM_PASS, "", true, false},
	    {"; l=20", "line one\r\nline two\r\nappended\r\n", HK_DKIM_PASS, "", true, false},
	    {"; l=20", "line 1\r\nline two\r\nappended\r\n", HK_DKIM_FAIL, "body hash mismatch",
	        true, false},
	    {"; l=21", NULL, HK_DKIM_PERMERROR, "body shorter than l=", true, false},
	    {"; l=99999999999999999999999", NULL, HK_DKIM_PERMERROR, "body shorter than l=", true,
	        false},
	};
	size_t i;
	int cut;

	(void)state;
	for (i = 0; i < COUNT(rows) * CUTS; i++) {
		struct letter l = a_letter("line one\r\nline two\r\n"), sent;
		struct world w;
		struct check c;
		char tags[256];

		cut = (int)(i % CUTS);
		world_init(&w);
		publish(&w, "s1._domainkey.a.test", keys.ed25519);
		snprintf(tags, sizeof tags, BASE "%s", rows[i / CUTS].l);
		sent = with_field(&w.arena, forge(&w.arena, &l, tags, keys.ed25519), &l);
		if (rows[i / CUTS].body)
			sent.body = hk_slice_str(rows[i / CUTS].body);
		check_begin(
		    &c, message_of(&w.arena, &sent), &(struct hk_dkim_verify_options){.size = sizeof(struct hk_dkim_verify_options), .now = NOW});
		check_run(&c, &w, (enum cut)cut);
		expect_verdict(&c, 0, rows[i / CUTS].result, rows[i / CUTS].reason);
		assert_int_equal(check_verdict(&c, 0)->has_length, rows[i / CUTS].has_length);
		assert_int_equal(
		    check_verdict(&c, 0)->is_aligned_by_length, rows[i / CUTS].is_aligned);
		check_done(&c);
		world_done(&w);
	}
}

/* Fields are taken from the bottom up (5.4.2): with one "from" in h=, the lower From is the signed
 * one. */
static void repeated_fields_are_taken_from_the_bottom(void **state)
{
	struct letter l = {.header = HK_S("From: lower@a.test\r\nTo: x@b.test\r\n"),
	                  .body = HK_S("text\r\n")},
	              sent;
	struct hk_slice field;
	struct world w;
	struct check c;

	(void)state;
	world_init(&w);
	publish(&w, "s1._domainkey.a.test", keys.ed25519);
	field = forge(&w.arena, &l, "v=1; a=ed25519-sha256; d=a.test; s=s1; h=from", keys.ed25519);
	sent = with_field(&w.arena, joined(&w.arena, HK_S("From: upper@b.test\r\n"), field), &l);
	check_begin(&c, message_of(&w.arena, &sent), &(struct hk_dkim_verify_options){.size = sizeof(struct hk_dkim_verify_options), .now = NOW});
	check_run(&c, &w, CUT_WHOLE);
	expect_verdict(&c, 0, HK_DKIM_PASS, "");
	assert_int_equal(check_verdict(&c, 0)->field, 1);
	check_done(&c);
	sent = with_field(&w.arena, field, &l);
	sent.header = joined(&w.arena, sent.header, HK_S("From: lowest@b.test\r\n"));
	check_begin(&c, message_of(&w.arena, &sent), &(struct hk_dkim_verify_options){.size = sizeof(struct hk_dkim_verify_options), .now = NOW});
	check_run(&c, &w, CUT_WHOLE);
	expect_verdict(&c, 0, HK_DKIM_FAIL, "signature mismatch");
	check_done(&c);
	world_done(&w);
}

/* 3.5, 5.4: h= may name DKIM-Signature for older signatures; the field itself is never taken for
 * one of them. */
static void a_signature_never_covers_itself_as_a_listed_field(void **state)
{
	struct letter l = {.header = HK_S("From: x@a.test\r\n"), .body = HK_S("text\r\n")}, sent;
	struct world w;
	struct check c;

	(void)state;
	world_init(&w);
	publish(&w, "s1._domainkey.a.test", keys.ed25519);
	sent = with_field(&w.arena,
	    forge(&w.arena, &l,
	        "v=1; a=ed25519-sha256; d=a.test; s=s1; h=dkim-signature:from:dkim-signature",
	        keys.ed25519),
	    &l);
	check_begin(&c, message_of(&w.arena, &sent), &(struct hk_dkim_verify_options){.size = sizeof(struct hk_dkim_verify_options), .now = NOW});
	check_run(&c, &w, CUT_WHOLE);
	expect_verdict(&c, 0, HK_DKIM_PASS, "");
	check_done(&c);
	world_done(&w);
}

static void rsa_keys_below_the_minimum_are_policy_by_rfc_8301_3_2(void **state)
{
	static const struct {
		unsigned least;
		enum hk_dkim_result result;
		const char *reason;
	} rows[] = {{0, HK_DKIM_PASS, ""}, {1023, HK_DKIM_PASS, ""}, {1024, HK_DKIM_PASS, ""},
	    {1025, HK_DKIM_POLICY, "key too short"}};
	struct hk_dkim_sign_options o = {.size = sizeof o, .d = HK_S("a.test"), .s = HK_S("s1")};
	struct letter l = a_letter("text\r\n"), sent;
	struct world w;
	size_t i;

	(void)state;
	world_init(&w);
	publish(&w, "s1._domainkey.a.test", keys.rsa_short);
	sent = with_field(&w.arena, sign_letter(&w.arena, &l, &o, keys.rsa_short, CUT_WHOLE), &l);
	for (i = 0; i < COUNT(rows); i++) {
		struct check c;

		check_begin(&c, message_of(&w.arena, &sent),
		    &(struct hk_dkim_verify_options){.size = sizeof(struct hk_dkim_verify_options), .now = NOW, .min_rsa_bits = rows[i].least});
		check_run(&c, &w, CUT_WHOLE);
		expect_verdict(&c, 0, rows[i].result, rows[i].reason);
		assert_int_equal(check_verdict(&c, 0)->key_bits, 1024);
		check_done(&c);
	}
	world_done(&w);
}

/* S4-088 */
static void rsa_sha1_is_a_permerror_by_rfc_8301_3_1(void **state)
{
	static const char message[] = "DKIM-Signature: v=1; a=rsa-sha1; d=a.test; s=s1; h=from; "
	                              "bh=AAAAAAAAAAAAAAAAAAAAAAAAAAA=; b=AAAA\r\n"
	                              "From: a@a.test\r\n\r\ntext\r\n";
	struct world w;
	struct check c;

	(void)state;
	world_init(&w);
	publish(&w, "s1._domainkey.a.test", keys.rsa);
	check_begin(&c, hk_slice_str(message), &(struct hk_dkim_verify_options){.size = sizeof(struct hk_dkim_verify_options), .now = NOW});
	check_run(&c, &w, CUT_WHOLE);
	assert_int_equal(c.questions, 0);
	expect_verdict(&c, 0, HK_DKIM_PERMERROR, "rsa-sha1 is no longer valid");
	check_done(&c);
	check_begin(&c, hk_slice_str(message),
	    &(struct hk_dkim_verify_options){.size = sizeof(struct hk_dkim_verify_options), .now = NOW, .allow_sha1 = true});
	check_run(&c, &w, CUT_WHOLE);
	assert_int_equal(c.questions, 1);
	expect_verdict(&c, 0, HK_DKIM_FAIL, "body hash mismatch");
	check_done(&c);
	world_done(&w);
}

/* ---- keys in DNS
 * -------------------------------------------------------------------------------------------------
 */

enum records { NONE, FAILURE, GOOD_KEY, WRONG_KEY, RSA_KEY, REVOKED, SPF, NOISE };

static void add_records(struct world *w, const enum records *kinds)
{
	const char *name = "s1._domainkey.a.test";

	for (; *kinds != NONE; kinds++) {
		struct hk_slice good = key_record(&w->arena, keys.ed25519, "v=DKIM1;"), text = good;

		if (*kinds == FAILURE) {
			world_failure(w, name);
			continue;
		}
		if (*kinds == WRONG_KEY)
			text = HK_S(
			    "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
		else if (*kinds == RSA_KEY)
			text = key_record(&w->arena, keys.rsa, "v=DKIM1;");
		else if (*kinds == REVOKED)
			text = HK_S("v=DKIM1; k=ed25519; p=");
		else if (*kinds == SPF)
			text = HK_S("v=spf1 -all");
		else if (*kinds == NOISE)
			text = HK_S("google-site-verification: 1");
		world_txt(w, name, text);
	}
}

/* RFC 6376 3.6.2.2 and 6.1.2. */
static void the_answer_to_the_key_question_decides(void **state)
{
	static const struct {
		enum records kinds[4];
		enum hk_dkim_result result;
		const char *reason;
	} rows[] = {
	    {{NONE}, HK_DKIM_PERMERROR, "no key"},
	    {{FAILURE}, HK_DKIM_TEMPERROR, "key unavailable"},
	    {{GOOD_KEY}, HK_DKIM_PASS, ""},
	    {{WRONG_KEY}, HK_DKIM_FAIL, "signature mismatch"},
	    {{REVOKED}, HK_DKIM_PERMERROR, "key revoked"},
	    {{RSA_KEY}, HK_DKIM_PERMERROR, "key type does not fit a="},
	    {{SPF}, HK_DKIM_PERMERROR, "not a DKIM1 key record"},
	    {{NOISE}, HK_DKIM_PERMERROR, "key syntax error"},
	    {{GOOD_KEY, SPF}, HK_DKIM_PASS, ""},
	    {{NOISE, RSA_KEY, GOOD_KEY}, HK_DKIM_PASS, ""},
	    {{REVOKED, GOOD_KEY}, HK_DKIM_PASS, ""},
	    {{GOOD_KEY, WRONG_KEY}, HK_DKIM_PERMERROR, "several keys"},
	    {{WRONG_KEY, GOOD_KEY}, HK_DKIM_PERMERROR, "several keys"},
	    {{RSA_KEY, SPF}, HK_DKIM_PERMERROR, "key type does not fit a="},
	};
	struct letter l = a_letter("text\r\n"), sent;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct world w;
		struct check c;

		world_init(&w);
		add_records(&w, rows[i].kinds);
		sent = with_field(&w.arena, forge(&w.arena, &l, BASE, keys.ed25519), &l);
		check_begin(
		    &c, message_of(&w.arena, &sent), &(struct hk_dkim_verify_options){.size = sizeof(struct hk_dkim_verify_options), .now = NOW});
		check_run(&c, &w, CUT_WHOLE);
		expect_verdict(&c, 0, rows[i].result, rows[i].reason);
		/* the body hash is known whatever the key is */
		assert_true(check_verdict(&c, 0)->body_hash_ok);
		check_done(&c);
		world_done(&w);
	}
}

static void eight_key_records_are_read_and_nine_are_not(void **state)
{
	struct letter l = a_letter("text\r\n"), sent;
	unsigned n, i;

	(void)state;
	for (n = HK_DKIM_MAX_KEY_RECORDS - 1; n <= HK_DKIM_MAX_KEY_RECORDS + 1; n++) {
		struct world w;
		struct check c;

		world_init(&w);
		publish(&w, "s1._domainkey.a.test", keys.ed25519);
		for (i = 1; i < n; i++) {
			char text[32];

			snprintf(text, sizeof text, "noise %u", i);
			world_txt(&w, "s1._domainkey.a.test", hk_slice_str(text));
		}
		sent = with_field(&w.arena, forge(&w.arena, &l, BASE, keys.ed25519), &l);
		check_begin(
		    &c, message_of(&w.arena, &sent), &(struct hk_dkim_verify_options){.size = sizeof(struct hk_dkim_verify_options), .now = NOW});
		check_run(&c, &w, CUT_WHOLE);
		if (n > HK_DKIM_MAX_KEY_RECORDS)
			expect_verdict(&c, 0, HK_DKIM_PERMERROR, "several keys");
		else
			expect_verdict(&c, 0, HK_DKIM_PASS, "");
		check_done(&c);
		world_done(&w);
	}
}

/* S0-088 */
static void the_strings_of_one_txt_record_are_joined_without_a_separator(void **state)
{
	struct hk_dkim_sign_options o = {.size = sizeof o, .d = HK_S("a.test"), .s = HK_S("s1")};
	struct letter l = a_letter("text\r\n"), sent;
	struct hk_slice record;
	struct world w;
	struct check c;

	(void)state;
	world_init(&w);
	record = key_record(&w.arena, keys.rsa, "v=DKIM1;");
	assert_true(hk_slice_starts_nocase(record, HK_S("v=DKIM1; k=rsa; p=")));
	hk_buf_addf(&w.text,
	    "s1._domainkey.a.test. IN TXT ( \"v=DKIM1; k=rsa; \" \"%.*s\"\n \"%.*s\" )\n",
	    HK_FMT(hk_slice_sub(record, 16, 200)), HK_FMT(hk_slice_from(record, 216)));
	sent = with_field(&w.arena, sign_letter(&w.arena, &l, &o, keys.rsa, CUT_WHOLE), &l);
	check_begin(&c, message_of(&w.arena, &sent), &(struct hk_dkim_verify_options){.size = sizeof(struct hk_dkim_verify_options), .now = NOW});
	check_run(&c, &w, CUT_WHOLE);
	expect_verdict(&c, 0, HK_DKIM_PASS, "");
	check_done(&c);
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(times_are_judged_with_300_seconds_of_drift),
	    cmocka_unit_test(flags_and_identities_meet_as_rfc_6376_3_6_1_says),
	    cmocka_unit_test(a_length_that_leaves_text_unsigned_is_told),
	    cmocka_unit_test(repeated_fields_are_taken_from_the_bottom),
	    cmocka_unit_test(a_signature_never_covers_itself_as_a_listed_field),
	    cmocka_unit_test(rsa_keys_below_the_minimum_are_policy_by_rfc_8301_3_2),
	    cmocka_unit_test(rsa_sha1_is_a_permerror_by_rfc_8301_3_1),
	    cmocka_unit_test(the_answer_to_the_key_question_decides),
	    cmocka_unit_test(eight_key_records_are_read_and_nine_are_not),
	    cmocka_unit_test(the_strings_of_one_txt_record_are_joined_without_a_separator),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
