/* SPDX-License-Identifier: MIT
 *
 * The signed messages of the seed: they verify as it says, and our signer writes the very same
 * field. Skipped where the vectors are not on this machine.
 */
#include <stdio.h>

#include "lib/dkim/dkim_test_support.h"

/* 2024-11-13, two days after the seed's messages */
static const struct hk_dkim_verify_options at_seed = {.size = sizeof at_seed, .now = 1731500000};

/* ---- the seed ------------------------------------------------------------------------------ */

/* "name record" of recovered_keys.txt */
static struct hk_slice recovered_key(struct hk_arena *a, const char *domain)
{
	struct hk_slice text, line;

	if (!vector_read(a, "seed-lab/recovered_keys.txt", &text))
		skip();
	while (take_line(&text, &line)) {
		size_t space = hk_slice_find(line, ' ');

		if (hk_slice_eq(hk_slice_sub(line, 0, space), hk_slice_str(domain)))
			return hk_slice_from(line, space + 1);
	}
	fail_msg("no key of %s", domain);
	return text;
}

struct seed_row {
	const char *file, *domain, *key_of; /* key_of NULL: the domain publishes nothing */
	enum hk_dkim_result result;
	const char *reason, *header_b;
	bool body_hash_ok, signature_checked;
};

static const struct seed_row seed_rows[] = {
    /* S0-041 S0-052 S0-062 S0-084 */
    {"3-1", "pass.dkim.a.test", "pass.dkim.a.test", HK_DKIM_PASS, "", "HXOHX5f4", true, true},
    {"4-1", "pass.dkim.a.test", "pass.dkim.a.test", HK_DKIM_PASS, "", "F6rlfsvS", true, true},
    {"4-3", "pass.dkim.a.test", "pass.dkim.a.test", HK_DKIM_PASS, "", "ORWUqDxY", true, true},
    /* S0-053 S0-063: another key than the signer's is published */
    {"3-2", "fail.dkim.a.test", "pass.dkim.a.test", HK_DKIM_FAIL, "signature mismatch", "UUjtdzq/",
        true, true},
    {"4-2", "fail.dkim.a.test", "pass.dkim.a.test", HK_DKIM_FAIL, "signature mismatch", "khuhmNBv",
        true, true},
    {"3-2", "fail.dkim.a.test", "fail.dkim.a.test", HK_DKIM_PASS, "", "UUjtdzq/", true, true},
    {"4-2", "fail.dkim.a.test", "fail.dkim.a.test", HK_DKIM_PASS, "", "khuhmNBv", true, true},
    /* y.test's key is not known, its body hash is right */
    {"4-4", "y.test", NULL, HK_DKIM_PERMERROR, "no key", "uOhxNxzm", true, false},
};

static void the_messages_of_the_seed_verify_as_it_says(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(seed_rows) * CUTS; i++) {
		const struct seed_row *row = &seed_rows[i / CUTS];
		const struct hk_dkim_verdict *verdict;
		struct hk_slice message;
		struct world w;
		struct check c;
		char name[128];

		world_init(&w);
		snprintf(name, sizeof name, "seed-lab/seed_scenario%s.eml", row->file);
		if (!message_read(&w.arena, name, &message))
			skip();
		snprintf(name, sizeof name, "smtpbook._domainkey.%s", row->domain);
		if (row->key_of)
			world_txt(&w, name, recovered_key(&w.arena, row->key_of));
		check_begin(&c, message, &at_seed);
		check_run(&c, &w, (enum cut)(i % CUTS));
		assert_int_equal(hk_dkim_verify_count(c.v), 1);
		expect_verdict(&c, 0, row->result, row->reason);
		verdict = check_verdict(&c, 0);
		assert_int_equal(verdict->body_hash_ok, row->body_hash_ok);
		assert_int_equal(verdict->signature_checked, row->signature_checked);
		assert_true(hk_slice_eq(verdict->d, hk_slice_str(row->domain)));
		assert_true(hk_slice_eq(verdict->s, HK_S("smtpbook")));
		assert_true(
		    hk_slice_eq(hk_slice_sub(verdict->b, 0, 8), hk_slice_str(row->header_b)));
		check_done(&c);
		world_done(&w);
	}
}

/* S0-081: oversigned fields cannot be added. One that is not in h= can. */
static void a_field_added_to_a_message_of_the_seed_breaks_its_signature(void **state)
{
	static const struct {
		const char *field;
		enum hk_dkim_result result;
	} rows[] = {
	    {"From: ceo@a.test\r\n", HK_DKIM_FAIL},
	    {"subject: urgent\r\n", HK_DKIM_FAIL},
	    {"Cc: other@b.test\r\n", HK_DKIM_FAIL},
	    {"Reply-To: other@b.test\r\n", HK_DKIM_FAIL},
	    {"Date: Mon, 11 Nov 2024 22:59:29 +0900\r\n", HK_DKIM_FAIL},
	    {"Message-ID: <1@a.test>\r\n", HK_DKIM_FAIL},
	    {"To: other@b.test\r\n", HK_DKIM_FAIL},
	    {"X-Other: text\r\n", HK_DKIM_PASS},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct hk_slice message;
		struct hk_buf changed;
		struct world w;
		struct check c;

		world_init(&w);
		if (!message_read(&w.arena, "seed-lab/seed_scenario3-1.eml", &message))
			skip();
		world_txt(&w, "smtpbook._domainkey.pass.dkim.a.test",
		    recovered_key(&w.arena, "pass.dkim.a.test"));
		hk_buf_init(&changed, 1 << 20);
		hk_buf_add_str(&changed, rows[i].field);
		hk_buf_add(&changed, message);
		check_begin(&c, hk_buf_slice(&changed), &at_seed);
		check_run(&c, &w, CUT_WHOLE);
		expect_verdict(&c, 0, rows[i].result,
		    rows[i].result == HK_DKIM_PASS ? "" : "signature mismatch");
		assert_true(check_verdict(&c, 0)->body_hash_ok);
		check_done(&c);
		hk_buf_done(&changed);
		world_done(&w);
	}
}

/* The seed's own field is given back octet by octet when its signature is put under our text:
 * S0-080 S0-081 S0-082 S0-083 S0-085. That it is the field that was signed is shown by the verdicts
 * above. */
static void signing_lays_the_field_out_as_the_seed_does(void **state)
{
	static const struct {
		const char *file, *domain;
		int64_t t;
	} rows[] = {
	    {"3-1", "pass.dkim.a.test", 1731333570},
	    {"4-1", "pass.dkim.a.test", 1731333598},
	    {"4-2", "fail.dkim.a.test", 1731333614},
	    {"4-4", "y.test", 1731333653},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct hk_slice message, digest, b;
		struct hk_dkim_sign_options o = {.size = sizeof o, .d = hk_slice_str(rows[i].domain),
		    .s = HK_S("smtpbook"),
		    .header_canon = HK_CANON_RELAXED,
		    .body_canon = HK_CANON_RELAXED,
		    .now = rows[i].t};
		struct hk_dkim_sign *sign;
		struct hk_buf out;
		struct world w;
		struct check c;
		char name[128];

		world_init(&w);
		snprintf(name, sizeof name, "seed-lab/seed_scenario%s.eml", rows[i].file);
		if (!message_read(&w.arena, name, &message))
			skip();
		check_begin(&c, message, &at_seed);
		check_run(&c, &w, CUT_WHOLE);
		assert_int_equal(hk_base64_parse(&c.arena, check_verdict(&c, 0)->b, &b), HK_OK);
		sign = hk_dkim_sign_new(&c.arena, &o, &c.header);
		assert_non_null(sign);
		hk_dkim_sign_body(sign, c.body);
		assert_int_equal(hk_dkim_sign_end(sign, &digest), HK_OK);
		hk_buf_init(&out, 65536);
		assert_int_equal(hk_dkim_sign_finish(sign, b, &out), HK_OK);
		if (!hk_slice_eq(
		        hk_buf_slice(&out), c.header.field[check_verdict(&c, 0)->field].raw))
			fail_msg("%s:\n%.*s", rows[i].file, HK_FMT(hk_buf_slice(&out)));
		hk_buf_done(&out);
		hk_dkim_sign_done(sign);
		check_done(&c);
		world_done(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_messages_of_the_seed_verify_as_it_says),
	    cmocka_unit_test(a_field_added_to_a_message_of_the_seed_breaks_its_signature),
	    cmocka_unit_test(signing_lays_the_field_out_as_the_seed_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
