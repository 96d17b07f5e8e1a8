/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "lib/arc/arc_test_support.h"

static const struct hk_arc_validate_options at_now = {.size = sizeof at_now, .now = NOW};
static struct hk_arc_seal_options sealer_a = {.size = sizeof sealer_a, .d = S("a.test"),
    .s = S("r"),
    .alg = HK_SIGN_RSA_SHA256,
    .authserv_id = S("mx.a.test"),
    .results = S("\r\n\tdkim=pass header.d=o.test;\r\n\tspf=pass"),
    .now = NOW};
static struct hk_arc_seal_options sealer_b = {.size = sizeof sealer_b, .d = S("b.test"),
    .s = S("e"),
    .alg = HK_SIGN_ED25519_SHA256,
    .authserv_id = S("mx.b.test"),
    .now = NOW};

struct fixture {
	struct hk_arena arena;
	struct world world;
	struct hk_slice plain, one, two; /* messages with no, one, two sets */
};

static void fixture_init(struct fixture *f)
{
	struct letter l = a_letter("body\r\n");

	*f = (struct fixture){0};
	hk_arena_init(&f->arena, 64 << 20);
	world_init(&f->world);
	publish(&f->world, "r._domainkey.a.test", keys.rsa);
	publish(&f->world, "e._domainkey.b.test", keys.ed25519);
	f->plain = message_of(&f->arena, &l);
	f->one = arc_seal(&f->arena, &f->world, f->plain, &sealer_a, keys.rsa);
	f->two = arc_seal(&f->arena, &f->world, f->one, &sealer_b, keys.ed25519);
}

static void fixture_done(struct fixture *f)
{
	world_done(&f->world);
	hk_arena_done(&f->arena);
}

/* The message with the first `from` made `to`. */
static struct hk_slice changed(
    struct hk_arena *a, struct hk_slice message, const char *from, const char *to)
{
	size_t n = strlen(from);
	const uint8_t *at = memmem(message.p, message.n, from, n);
	size_t before;

	if (!at)
		fail_msg("there is no \"%s\"", from);
	before = (size_t)(at - message.p);
	return joined(a, joined(a, hk_slice_sub(message, 0, before), hk_slice_str(to)),
	    hk_slice_from(message, before + n));
}

static void expect(struct fixture *f, struct hk_slice message, enum hk_arc_result cv,
    const char *reason)
{
	struct arc_check c;

	arc_check_run(&c, message, &at_now, &f->world, CUT_WHOLE);
	expect_chain(&c, cv, reason);
	arc_check_done(&c);
}

static void a_message_without_sets_has_the_status_none(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	expect(&f, f.plain, HK_ARC_NONE, "no chain");
	fixture_done(&f);
}

/* S1-062 */
static void sets_that_were_sealed_one_after_another_pass_however_the_body_is_cut(void **state)
{
	struct arc_check c;
	struct fixture f;
	int cut;

	(void)state;
	fixture_init(&f);
	for (cut = 0; cut < CUTS; cut++) {
		arc_check_run(&c, f.two, &at_now, &f.world, (enum cut)cut);
		expect_chain(&c, HK_ARC_PASS, "");
		assert_int_equal(c.verdict->n, 2);
		assert_int_equal(c.verdict->highest, 2);
		assert_int_equal(c.questions, 2);
		assert_text(c.verdict->set[0]->d, "a.test");
		assert_text(c.verdict->set[0]->cv, "none");
		assert_text(c.verdict->set[1]->d, "b.test");
		assert_text(c.verdict->set[1]->cv, "pass");
		assert_true(c.verdict->set[0]->seal_ok && c.verdict->set[1]->seal_ok);
		assert_true(c.verdict->set[1]->message_ok && !c.verdict->set[0]->message_checked);
		assert_false(c.verdict->is_trusted);
		arc_check_done(&c);
	}
	fixture_done(&f);
}

static void the_fields_of_a_set_are_as_rfc_8617_4_1_wants_them(void **state)
{
	struct fixture f;
	struct hk_slice rest, line;

	(void)state;
	fixture_init(&f);
	rest = f.one;
	assert_true(take_line(&rest, &line));
	assert_text(line, "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=a.test; s=r; t=1731333570;");
	while (!hk_slice_starts_nocase(line, HK_S("ARC-Message")))
		assert_true(take_line(&rest, &line));
	assert_text(line,
	    "ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=a.test; s=r;");
	while (!hk_slice_starts_nocase(line, HK_S("ARC-Auth")))
		assert_true(take_line(&rest, &line));
	assert_text(line, "ARC-Authentication-Results: i=1; mx.a.test;");
	assert_true(take_line(&rest, &line));
	assert_text(line, "\tdkim=pass header.d=o.test;");
	fixture_done(&f);
}

/* S1-063: what was so on arrival stays on record, though a later change broke it. */
static void every_change_to_what_is_sealed_fails_the_chain(void **state)
{
	static const struct {
		const char *from, *to, *reason;
	} rows[] = {
	    {"\r\n\r\nbody", "\r\n\r\nother", "message signature 2: body hash mismatch"},
	    {"Subject: a", "Subject: b", "message signature 2: signature mismatch"},
	    {"From: user1", "From: x@a.test\r\nFrom: user1",
	        "message signature 2: signature mismatch"},
	    {"mx.b.test; arc=pass", "mx.b.test; arc=fail", "seal 2: signature mismatch"},
	    {"dkim=pass", "dkim=fail", "seal 2: signature mismatch"},
	    {"i=2; a=ed25519-sha256; cv=pass; d=b.test; s=e; t=1731333570",
	        "i=2; a=ed25519-sha256; cv=pass; d=b.test; s=e; t=1731333571",
	        "seal 2: signature mismatch"},
	};
	struct fixture f;
	size_t i;

	(void)state;
	fixture_init(&f);
	for (i = 0; i < COUNT(rows); i++)
		expect(&f, changed(&f.arena, f.two, rows[i].from, rows[i].to), HK_ARC_FAIL,
		    rows[i].reason);
	fixture_done(&f);
}

/* AP-56 SEC-75 */
static void a_broken_structure_fails_before_any_question(void **state)
{
	static const struct {
		const char *from, *to, *reason;
		unsigned highest; /* 0: 2 */
	} rows[] = {
	    {"ARC-Seal: i=2;", "ARC-Seal: i=3;", "set 2: a field of the set is missing", 3},
	    {"ARC-Seal: i=2;", "ARC-Seal: i=1;", "set 1: a field of the set stands twice"},
	    {"ARC-Authentication-Results: i=2;",
	        "ARC-Authentication-Results: i=1; x\r\nARC-Authentication-Results: i=1; x\r\n"
	        "ARC-Authentication-Results: i=3;",
	        "set 1: a field of the set stands twice", 3}, /* and what stands below is read too */
	    {"ARC-Seal: i=2;", "ARC-Seal: i=51;", "bad instance in i="},
	    {"ARC-Seal: i=2;", "ARC-Seal: i=0;", "bad instance in i="},
	    {"ARC-Seal: i=2;", "ARC-Seal: i=002;", "bad instance in i="},
	    {"ARC-Seal: i=2;", "ARC-Seal: ", "bad instance in i="},
	    {"ARC-Seal: i=2;", "ARC-Seal: i=2; i=2;", "bad instance in i="},
	    {"ARC-Message-Signature: i=2;", "ARC-Message-Signature: i=x;", "bad instance in i="},
	    {"ARC-Authentication-Results: i=2;", "ARC-Authentication-Results: 2;",
	        "bad instance in i="},
	    {"ARC-Authentication-Results: i=2;", "ARC-Authentication-Results: i=2 i=2;",
	        "bad instance in i="},
	    {"ARC-Authentication-Results: i=2;", "X-Results: i=2;",
	        "set 2: a field of the set is missing"},
	    {"ARC-Message-Signature: i=1;", "X-Signature: i=1;",
	        "set 1: a field of the set is missing"},
	    {"cv=none", "cv=pass", "set 1: wrong chain status in cv="},
	    {"cv=none", "cv=fail", "set 1: wrong chain status in cv="},
	    {"cv=none; ", "", "set 1: bad chain status in cv="},
	    {"cv=none", "cv=maybe", "set 1: bad chain status in cv="},
	    {"cv=pass", "cv=none", "set 2: wrong chain status in cv="},
	    {"cv=pass", "cv=fail", "set 2: the newest seal says fail"},
	    {"cv=pass;", "cv=pass; h=from;", "set 2: h= in a seal"},
	    {"a=ed25519-sha256; cv", "a=rsa-sha1; cv", "set 2: rsa-sha1 is no longer valid"},
	    {"a=ed25519-sha256; c=", "a=rsa-sha1; c=", "set 2: bad body hash in bh="},
	    {"a=ed25519-sha256; cv", "a=x; cv", "set 2: unknown algorithm in a="},
	    {"h=from:", "h=arc-seal:from:", "set 2: bad list in h="},
	    {"t=1731333570", "t=1731999999", "set 2: signed in the future"},
	};
	struct arc_check c;
	struct fixture f;
	size_t i;

	(void)state;
	fixture_init(&f);
	for (i = 0; i < COUNT(rows); i++) {
		arc_check_run(&c, changed(&f.arena, f.two, rows[i].from, rows[i].to), &at_now,
		    &f.world, CUT_WHOLE);
		expect_chain(&c, HK_ARC_FAIL, rows[i].reason);
		assert_int_equal(c.verdict->highest, rows[i].highest ? rows[i].highest : 2);
		assert_int_equal(c.questions, 0);
		assert_int_equal(c.verdict->n, 0);
		arc_check_done(&c);
	}
	fixture_done(&f);
}

/* RFC 8617 5.2: comments and folding may stand around the instance of the results. */
static void the_instance_of_the_results_is_read_with_comments(void **state)
{
	static const struct {
		const char *value;
		unsigned instance;
	} rows[] = {
	    {" i=1; a.test; none", 1},
	    {"i=50;a", 50},
	    {" (c) i (c) =\r\n\t7 (c) ; a", 7},
	    {" i=1", 0},
	    {" i=1;", 0},
	    {" i=51; a", 0},
	    {" i=001; a", 0},
	    {" i=; a", 0},
	    {" I=1; a", 0},
	    {" j=1; a", 0},
	    {" (i=1; a", 0},
	    {"", 0},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++)
		assert_int_equal(
		    hk_arc_results_instance(hk_slice_str(rows[i].value)), rows[i].instance);
}

/* RFC 8617 5.2.2: a failure of DNS is a failure of the chain; it is told apart all the same. */
static void keys_that_cannot_be_used_fail_the_chain(void **state)
{
	struct hk_arc_validate_options strict = {.size = sizeof strict, .now = NOW, .min_rsa_bits = 4096};
	struct arc_check c;
	struct fixture f;
	struct world w;

	(void)state;
	fixture_init(&f);
	arc_check_run(&c, f.two, &strict, &f.world, CUT_WHOLE);
	expect_chain(&c, HK_ARC_FAIL, "seal 1: key too short");
	assert_false(c.verdict->is_temporary);
	arc_check_done(&c);
	world_init(&w);
	publish(&w, "e._domainkey.b.test", keys.ed25519);
	arc_check_run(&c, f.two, &at_now, &w, CUT_WHOLE);
	expect_chain(&c, HK_ARC_FAIL, "seal 1: no key");
	assert_false(c.verdict->is_temporary);
	arc_check_done(&c);
	world_failure(&w, "r._domainkey.a.test");
	arc_check_run(&c, f.two, &at_now, &w, CUT_WHOLE);
	expect_chain(&c, HK_ARC_FAIL, "seal 1: key unavailable");
	assert_true(c.verdict->is_temporary);
	arc_check_done(&c);
	arc_check_run(&c, f.one, &at_now, &w, CUT_WHOLE);
	expect_chain(&c, HK_ARC_FAIL, "message signature 1: key unavailable");
	arc_check_done(&c);
	world_done(&w);
	fixture_done(&f);
}

/* S1-064 */
static void nobody_is_trusted_by_default_and_each_sealer_must_be(void **state)
{
	static const struct {
		struct hk_slice list;
		bool is_trusted;
	} rows[] = {
	    {S(""), false},
	    {S("b.test"), false},
	    {S("a.test"), false},
	    {S("test"), false},
	    {S("a.test, B.test"), true},
	    {S("x.test,b.test,a.test"), true},
	};
	struct arc_check c;
	struct fixture f;
	size_t i;

	(void)state;
	fixture_init(&f);
	for (i = 0; i < COUNT(rows); i++) {
		struct hk_arc_validate_options o = {.size = sizeof o, .now = NOW, .trusted_sealers = rows[i].list};

		arc_check_run(&c, f.two, &o, &f.world, CUT_WHOLE);
		expect_chain(&c, HK_ARC_PASS, "");
		assert_int_equal(c.verdict->is_trusted, rows[i].is_trusted);
		arc_check_done(&c);
		arc_check_run(&c, changed(&f.arena, f.two, "dkim=pass", "dkim=fail"), &o, &f.world,
		    CUT_WHOLE);
		assert_false(c.verdict->is_trusted);
		arc_check_done(&c);
	}
	fixture_done(&f);
}

/* The seal of the newest set, checked as if that set stood alone. */
static void check_lone_seal(struct fixture *f, struct hk_slice message)
{
	struct hk_dkim_signature sig;
	struct hk_public_key *key = NULL;
	struct hk_digest *digest = must(hk_digest_new(HK_DIGEST_SHA256));
	struct hk_field blanked;
	struct arc_check c;
	struct hk_buf raw;
	uint8_t out[HK_SHA256_SIZE];

	arc_check_run(&c, message, &at_now, &f->world, CUT_WHOLE);
	assert_int_equal(hk_dkim_field_parse(&c.arena, HK_DKIM_FIELD_SEAL, c.header.field[0].value,
	                     &sig),
	    HK_OK);
	assert_int_equal(sig.fault, HK_DKIM_R_OK);
	assert_text(sig.cv, "fail");
	assert_int_equal(
	    hk_dkim_blank(&c.arena, &c.header.field[0], sig.b_span, &blanked), HK_OK);
	assert_int_equal(
	    hk_arc_digest_last(digest, &c.header.field[2], &c.header.field[1], &blanked, out),
	    HK_OK);
	hk_buf_init(&raw, 64);
	assert_int_equal(hk_private_key_public_add(keys.ed25519, &raw), HK_OK);
	assert_int_equal(hk_public_key_ed25519(hk_buf_slice(&raw), &key), HK_OK);
	assert_int_equal(hk_verify_digest(key, sig.alg, hk_slice_of(out, sizeof out), sig.b), HK_OK);
	hk_public_key_free(key);
	hk_buf_done(&raw);
	hk_digest_free(digest);
	arc_check_done(&c);
}

/* RFC 8617 5.1.2 */
static void a_failed_chain_is_sealed_alone_and_then_ended(void **state)
{
	struct hk_slice message, none;
	struct arc_check c;
	struct fixture f;

	(void)state;
	fixture_init(&f);
	message = changed(&f.arena, f.one, "Subject: a", "Subject: b");
	message = arc_seal(&f.arena, &f.world, message, &sealer_b, keys.ed25519);
	check_lone_seal(&f, message);
	arc_check_run(&c, message, &at_now, &f.world, CUT_WHOLE);
	expect_chain(&c, HK_ARC_FAIL, "set 2: the newest seal says fail");
	assert_true(c.verdict->is_ended);
	assert_int_equal(arc_seal_try(&f.arena, &c, &sealer_a, keys.rsa, &none), HK_END);
	arc_check_done(&c);
	fixture_done(&f);
}

/* RFC 8617 4.2.1; SEC-74 */
static void fifty_sets_pass_and_no_more_can_be_added(void **state)
{
	struct hk_slice message, none, extra;
	struct arc_check c;
	struct fixture f;
	int i;

	(void)state;
	fixture_init(&f);
	message = f.two;
	for (i = 3; i <= HK_ARC_MAX_SETS; i++)
		message = arc_seal(&f.arena, &f.world, message, &sealer_b, keys.ed25519);
	arc_check_run(&c, message, &at_now, &f.world, CUT_WHOLE);
	expect_chain(&c, HK_ARC_PASS, "");
	assert_int_equal(c.questions, 2);
	assert_int_equal(arc_seal_try(&f.arena, &c, &sealer_a, keys.rsa, &none), HK_LIMIT);
	arc_check_done(&c);
	extra = joined(&f.arena, HK_S("ARC-Seal: i=1; x\r\n"), message);
	arc_check_run(&c, extra, &at_now, &f.world, CUT_WHOLE);
	expect_chain(&c, HK_ARC_FAIL, "too many sets");
	assert_int_equal(c.questions, 0);
	assert_int_equal(arc_seal_try(&f.arena, &c, &sealer_a, keys.rsa, &none), HK_LIMIT);
	arc_check_done(&c);
	fixture_done(&f);
}

static void what_cannot_be_sealed_is_refused(void **state)
{
	static const struct {
		struct hk_slice d, s, id, results, headers;
		enum hk_status status;
	} rows[] = {
	    {S("a.test"), S("r"), S("mx"), S(""), S("From:X"), HK_OK},
	    {S("test"), S("r"), S("mx"), S(""), S(""), HK_SYNTAX},
	    {S("a.test"), S("r r"), S("mx"), S(""), S(""), HK_SYNTAX},
	    {S("a.test"), S("r"), S(""), S(""), S(""), HK_SYNTAX},
	    {S("a.test"), S("r"), S("mx; x"), S(""), S(""), HK_SYNTAX},
	    {S("a.test"), S("r"), S("mx"), S(" x\r\nBcc: y"), S(""), HK_SYNTAX},
	    {S("a.test"), S("r"), S("mx"), S(" x\r\n\r\n"), S(""), HK_SYNTAX},
	    {S("a.test"), S("r"), S("mx"), S(" x\ny"), S(""), HK_SYNTAX},
	    {S("a.test"), S("r"), S("mx"), S(""), S("subject"), HK_SYNTAX},
	    {S("a.test"), S("r"), S("mx"), S(""), S("from:ARC-Seal"), HK_SYNTAX},
	    {S("a.test"), S("r"), S("mx"), S(""), S("from:authentication-results"), HK_SYNTAX},
	    {S("a.test"), S("r"), S("mx"), S(""), S("from:a b"), HK_SYNTAX},
	};
	struct arc_check c;
	struct fixture f;
	size_t i;

	(void)state;
	fixture_init(&f);
	arc_check_run(&c, f.plain, &at_now, &f.world, CUT_WHOLE);
	for (i = 0; i < COUNT(rows); i++) {
		struct hk_arc_seal_options o = {.size = sizeof o, .d = rows[i].d,
		    .s = rows[i].s,
		    .authserv_id = rows[i].id,
		    .results = rows[i].results,
		    .headers = rows[i].headers};
		struct hk_slice set;

		assert_int_equal(
		    arc_seal_try(&f.arena, &c, &o, keys.rsa, &set), rows[i].status);
	}
	arc_check_done(&c);
	fixture_done(&f);
}

/* Every allocation of the arena's share fails once: no verdict is made up. */
static void an_arena_that_is_full_gives_no_verdict(void **state)
{
	struct hk_arena a;
	struct hk_header header;
	struct fixture f;
	size_t limit;
	struct arc_check c;

	(void)state;
	fixture_init(&f);
	arc_check_run(&c, f.two, &at_now, &f.world, CUT_WHOLE);
	header = c.header;
	for (limit = 64; limit < 128 * 1024; limit += 512) {
		struct hk_arc_validate *v;
		struct hk_dns_question q;
		bool ok = true;

		hk_arena_init(&a, limit);
		v = hk_arc_validate_new(&a, &at_now, &header, NULL);
		if (v) {
			hk_arc_validate_body(v, c.body);
			hk_arc_validate_end(v);
			while (hk_arc_validate_question(v, &q)) {
				struct hk_dns_answer answer = world_answer(&f.world, &f.arena, &q);

				ok = hk_arc_validate_answer(v, &answer) == HK_OK && ok;
			}
			if (hk_arc_validate_step(v) == HK_OK)
				assert_int_equal(hk_arc_validate_result(v)->cv, HK_ARC_PASS);
			else
				assert_int_not_equal(a.failed, HK_OK);
		}
		hk_arc_validate_done(v);
		hk_arena_done(&a);
	}
	arc_check_done(&c);
	fixture_done(&f);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_message_without_sets_has_the_status_none),
	    cmocka_unit_test(
	        sets_that_were_sealed_one_after_another_pass_however_the_body_is_cut),
	    cmocka_unit_test(the_fields_of_a_set_are_as_rfc_8617_4_1_wants_them),
	    cmocka_unit_test(every_change_to_what_is_sealed_fails_the_chain),
	    cmocka_unit_test(a_broken_structure_fails_before_any_question),
	    cmocka_unit_test(the_instance_of_the_results_is_read_with_comments),
	    cmocka_unit_test(keys_that_cannot_be_used_fail_the_chain),
	    cmocka_unit_test(nobody_is_trusted_by_default_and_each_sealer_must_be),
	    cmocka_unit_test(a_failed_chain_is_sealed_alone_and_then_ended),
	    cmocka_unit_test(fifty_sets_pass_and_no_more_can_be_added),
	    cmocka_unit_test(what_cannot_be_sealed_is_refused),
	    cmocka_unit_test(an_arena_that_is_full_gives_no_verdict),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
