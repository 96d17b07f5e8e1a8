/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "lib/dkim/dkim_internal.h"
#include "lib/dkim/dkim_test_letter.h"

/* ---- sign, then verify
 * ----------------------------------------------------------------------------------- */

static const char *const bodies[] = {
    "",
    "\r\n",
    "\r\n\r\n\r\n",
    "Hello user1@dkim.b.test!\r\n",
    "no line end",
    "trailing white space \t \r\nand  inner\twhite   space\r\n\r\n\r\n",
    " leading\r\n\r\n\r\ntext after empty lines\r\n",
    "a CR \r alone\r\n",
    "..dots\r\n.\r\n",
};

static void round_trip(
    enum hk_sign_alg alg, enum hk_canon header, enum hk_canon body, const char *text)
{
	const struct hk_private_key *key = alg == HK_SIGN_ED25519_SHA256 ? keys.ed25519 : keys.rsa;
	struct hk_dkim_sign_options o = {.size = sizeof o, .d = HK_S("A.test"),
	    .s = HK_S("s1"),
	    .alg = alg,
	    .header_canon = header,
	    .body_canon = body,
	    .now = NOW};
	struct letter l = a_letter(text), changed;
	struct hk_slice field = {0};
	struct world w;
	int cut;

	world_init(&w);
	publish(&w, "s1._domainkey.a.test", key);
	for (cut = 0; cut < CUTS; cut++) {
		struct letter sent;
		struct check c;

		/* RSA and Ed25519 signatures are both deterministic, so the cut must not show in
		 * the field */
		struct hk_slice again = sign_letter(&w.arena, &l, &o, key, (enum cut)cut);

		assert_true(field.n == 0 || hk_slice_eq(field, again));
		field = again;
		sent = with_field(&w.arena, field, &l);
		check_begin(
		    &c, message_of(&w.arena, &sent), &(struct hk_dkim_verify_options){.size = sizeof(struct hk_dkim_verify_options), .now = NOW});
		check_run(&c, &w, (enum cut)cut);
		expect_verdict(&c, 0, HK_DKIM_PASS, "");
		assert_true(check_verdict(&c, 0)->body_hash_ok);
		assert_true(check_verdict(&c, 0)->signature_checked);
		assert_true(check_verdict(&c, 0)->is_aligned_by_length);
		assert_int_equal(
		    check_verdict(&c, 0)->key_bits, alg == HK_SIGN_ED25519_SHA256 ? 256 : 2048);
		assert_true(hk_slice_eq(check_verdict(&c, 0)->i, HK_S("@a.test")));
		check_done(&c);
	}
	changed = with_field(&w.arena, field, &l);
	changed.body = joined(&w.arena, l.body, HK_S("x"));
	for (cut = 0; cut < CUTS; cut++) {
		struct check c;

		check_begin(&c, message_of(&w.arena, &changed),
		    &(struct hk_dkim_verify_options){.size = sizeof(struct hk_dkim_verify_options), .now = NOW});
		check_run(&c, &w, (enum cut)cut);
		expect_verdict(&c, 0, HK_DKIM_FAIL, "body hash mismatch");
		assert_false(check_verdict(&c, 0)->body_hash_ok);
		check_done(&c);
	}
	world_done(&w);
}

static void what_is_signed_verifies_in_every_form_and_cut(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bodies) * 8; i++)
		round_trip(i & 4 ? HK_SIGN_ED25519_SHA256 : HK_SIGN_RSA_SHA256,
		    i & 2 ? HK_CANON_RELAXED : HK_CANON_SIMPLE,
		    i & 1 ? HK_CANON_RELAXED : HK_CANON_SIMPLE, bodies[i / 8]);
}

/* S0-080 S0-081 S0-085 S0-089 */
static void the_field_is_oversigned_and_folded(void **state)
{
	static const char expected[] =
	    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=pass.dkim.a.test;\r\n"
	    "\ts=smtpbook; t=1731333570;\r\n"
	    "\th=from:from:reply-to:subject:subject:date:date:message-id:message-id:\r\n"
	    "\t to:to:cc; bh=";
	static const char plain[] =
	    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=pass.dkim.a.test;\r\n"
	    "\ts=smtpbook; t=1731333570; x=1731419970;\r\n"
	    "\th=from:to:subject; bh=0pdj9wqws+KIJQq";
	struct hk_dkim_sign_options o = {.size = sizeof o, .d = HK_S("pass.dkim.a.test"),
	    .s = HK_S("smtpbook"),
	    .header_canon = HK_CANON_RELAXED,
	    .body_canon = HK_CANON_RELAXED,
	    .now = NOW};
	struct letter l = a_letter("Hello user1@dkim.b.test!\r\n");
	struct hk_slice field, line, rest;
	struct hk_arena a;
	uint8_t domain[60];
	size_t i;

	(void)state;
	hk_arena_init(&a, 1 << 20);
	field = sign_letter(&a, &l, &o, keys.rsa, CUT_WHOLE);
	assert_true(
	    hk_slice_eq(hk_slice_sub(field, 0, sizeof expected - 1), hk_slice_str(expected)));
	/* S0-082 */
	assert_true(hk_slice_eq(hk_slice_sub(field, sizeof expected - 1, 44),
	    HK_S("0pdj9wqws+KIJQqIWGPQakvN114IPDt1CK4ekSU+NIs=")));
	/* 344 characters of base64, five lines of at most 70 */
	assert_int_equal(field.n,
	    sizeof expected - 1 + 44 + strlen(";\r\n\tb=") + 344 + 4 * strlen("\r\n\t") + 2);
	rest = field;
	while (take_line(&rest, &line))
		assert_true(line.n <= 78);
	o.expire = NOW + 86400;
	o.no_oversign = true;
	o.headers = HK_S("From:X-None:To:Subject:from");
	field = sign_letter(&a, &l, &o, keys.rsa, CUT_WHOLE);
	assert_true(hk_slice_eq(hk_slice_sub(field, 0, sizeof plain - 1), hk_slice_str(plain)));
	/* wherever a tag would end, its line is not over 78 columns, of which a tab takes eight (base64 has 70 characters) */
	memset(domain, 'a', sizeof domain);
	domain[sizeof domain - 2] = '.';
	for (i = 3; i <= sizeof domain; i++) {
		o.d = hk_slice_of(domain + sizeof domain - i, i);
		rest = sign_letter(&a, &l, &o, keys.ed25519, CUT_WHOLE);
		while (take_line(&rest, &line))
			assert_true(line.n <= 78 - 7 || line.p[0] != '\t' || hk_slice_starts_nocase(line, HK_S("\tb=")));
	}
	hk_arena_done(&a);
}

/* S0-083 */
static void the_body_hash_of_the_dmarc_scenarios_is_the_seeds(void **state)
{
	struct hk_dkim_sign_options o = {.size = sizeof o, .d = HK_S("a.test"),
	    .s = HK_S("s"),
	    .header_canon = HK_CANON_RELAXED,
	    .body_canon = HK_CANON_RELAXED};
	struct letter l = a_letter("Hello user1@dmarc.b.test!\r\n");
	struct hk_dkim_signature sig;
	struct hk_slice field;
	struct hk_arena a;
	struct hk_buf b;

	(void)state;
	hk_arena_init(&a, 1 << 20);
	field = sign_letter(&a, &l, &o, keys.rsa, CUT_BYTES);
	assert_int_equal(hk_dkim_signature_parse(
	                     &a, hk_slice_from(hk_slice_sub(field, 0, field.n - 2), 15), &sig),
	    HK_OK);
	hk_buf_init(&b, 64);
	hk_base64_add(&b, sig.bh);
	assert_true(
	    hk_slice_eq(hk_buf_slice(&b), HK_S("4O5lFigIhxLU8If/5QjKchggSnc7Yxld80E41+l39XE=")));
	hk_buf_done(&b);
	hk_arena_done(&a);
}

static void what_cannot_be_signed_is_refused(void **state)
{
	static const struct {
		const char *header, *d, *s, *headers;
		enum hk_sign_alg alg;
		int64_t expire;
		enum hk_status status;
	} rows[] = {
	    {"From: a@a.test\r\n", "a.test", "s", "", HK_SIGN_RSA_SHA256, 0, HK_OK},
	    {"To: a@a.test\r\n", "a.test", "s", "", HK_SIGN_RSA_SHA256, 0, HK_SYNTAX},
	    {"", "a.test", "s", "", HK_SIGN_RSA_SHA256, 0, HK_SYNTAX},
	    {" lost\r\nFrom: a@a.test\r\n", "a.test", "s", "", HK_SIGN_RSA_SHA256, 0, HK_SYNTAX},
	    {"From: a@a.test\r\n", "a.test", "s", "to:subject", HK_SIGN_RSA_SHA256, 0, HK_BUG},
	    {"From: a@a.test\r\n", "a.test", "s", "from:", HK_SIGN_RSA_SHA256, 0, HK_BUG},
	    {"From: a@a.test\r\n", "test", "s", "", HK_SIGN_RSA_SHA256, 0, HK_SYNTAX},
	    {"From: a@a.test\r\n", "a.test;", "s", "", HK_SIGN_RSA_SHA256, 0, HK_SYNTAX},
	    {"From: a@a.test\r\n", "a.test", "s;", "", HK_SIGN_RSA_SHA256, 0, HK_SYNTAX},
	    {"From: a@a.test\r\n", "a.test", "", "", HK_SIGN_RSA_SHA256, 0, HK_SYNTAX},
	    {"From: a@a.test\r\n", "a.test", "s", "", HK_SIGN_RSA_SHA1, 0, HK_BUG},
	    {"From: a@a.test\r\n", "a.test", "s", "", HK_SIGN_RSA_SHA256, NOW, HK_BUG},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct hk_dkim_sign_options o = {.size = sizeof o, .d = hk_slice_str(rows[i].d),
		    .s = hk_slice_str(rows[i].s),
		    .alg = rows[i].alg,
		    .headers = hk_slice_str(rows[i].headers),
		    .now = NOW,
		    .expire = rows[i].expire};
		struct hk_slice digest = {0};
		struct hk_header header;
		struct hk_dkim_sign *s;
		struct hk_arena a;
		struct hk_buf out;

		hk_arena_init(&a, 1 << 20);
		hk_buf_init(&out, 4096);
		assert_int_equal(hk_header_parse(&a, hk_slice_str(rows[i].header), &header), HK_OK);
		s = must(hk_dkim_sign_new(&a, &o, &header));
		assert_int_equal(hk_dkim_sign_end(s, &digest), rows[i].status);
		assert_int_equal(digest.n, rows[i].status == HK_OK ? 32 : 0);
		assert_int_equal(hk_dkim_sign_finish(s, HK_S("x"), &out),
		    rows[i].status == HK_OK ? HK_OK : HK_BUG);
		hk_dkim_sign_done(s);
		hk_buf_done(&out);
		hk_arena_done(&a);
	}
}

/* The signer keeps to the limit of the verifier: from once more than it occurs, and 509, 510 or 511
 * of the others. */
static void a_signature_never_lists_more_names_than_a_verifier_takes(void **state)
{
	unsigned n;

	(void)state;
	for (n = HK_DKIM_MAX_HEADERS - 4; n <= HK_DKIM_MAX_HEADERS - 2; n++) {
		struct hk_dkim_sign_options o = {.size = sizeof o,
		    .d = HK_S("a.test"), .s = HK_S("s"), .headers = HK_S("from:x")};
		struct hk_header header;
		struct hk_slice digest;
		struct hk_dkim_sign *s;
		struct hk_arena a;
		struct hk_buf b;
		unsigned i;

		hk_arena_init(&a, 4 << 20);
		hk_buf_init(&b, 65536);
		hk_buf_add_str(&b, "From: a@a.test\r\n");
		for (i = 0; i < n; i++)
			hk_buf_add_str(&b, "X: y\r\n");
		assert_int_equal(hk_header_parse(&a, hk_buf_slice(&b), &header), HK_OK);
		s = must(hk_dkim_sign_new(&a, &o, &header));
		assert_int_equal(hk_dkim_sign_end(s, &digest),
		    2 + n + 1 > HK_DKIM_MAX_HEADERS ? HK_LIMIT : HK_OK);
		hk_dkim_sign_done(s);
		hk_buf_done(&b);
		hk_arena_done(&a);
	}
}

/* RFC 6376 5.4: another may sign the message after us. */
static void a_signature_that_is_listed_is_not_oversigned(void **state)
{
	struct hk_dkim_sign_options o = {.size = sizeof o, .d = HK_S("a.test"),
	    .s = HK_S("s"),
	    .alg = HK_SIGN_ED25519_SHA256,
	    .headers = HK_S("from:dkim-signature")};
	struct letter l = a_letter("body\r\n");
	struct hk_slice field;
	struct hk_arena a;

	(void)state;
	hk_arena_init(&a, 1 << 20);
	field = sign_letter(&a, &l, &o, keys.ed25519, CUT_WHOLE);
	assert_non_null(memmem(field.p, field.n, "h=from:from;", 12));
	l = with_field(&a, field, &l);
	field = sign_letter(&a, &l, &o, keys.ed25519, CUT_WHOLE);
	assert_non_null(memmem(field.p, field.n, "h=from:from:dkim-signature;", 27));
	hk_arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_signature_that_is_listed_is_not_oversigned),
	    cmocka_unit_test(what_is_signed_verifies_in_every_form_and_cut),
	    cmocka_unit_test(the_field_is_oversigned_and_folded),
	    cmocka_unit_test(the_body_hash_of_the_dmarc_scenarios_is_the_seeds),
	    cmocka_unit_test(what_cannot_be_signed_is_refused),
	    cmocka_unit_test(a_signature_never_lists_more_names_than_a_verifier_takes),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
