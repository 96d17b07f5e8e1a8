/* SPDX-License-Identifier: MIT
 *
 * Several keys for one message: one walk of the body, a question for each key.
 */
#include <stdio.h>

#include "lib/dkim/dkim_internal.h"
#include "lib/dkim/dkim_test_letter.h"

static const struct hk_dkim_sign_options by_rsa = {.size = sizeof by_rsa,
    .d = {(const uint8_t *)"a.test", 6},
    .s = {(const uint8_t *)"s1", 2},
    .alg = HK_SIGN_RSA_SHA256,
    .header_canon = HK_CANON_RELAXED,
    .body_canon = HK_CANON_RELAXED,
    .now = NOW,
    .key = {(const uint8_t *)"slot 1", 6}};
static const struct hk_dkim_sign_options by_ed25519 = {.size = sizeof by_ed25519,
    .d = {(const uint8_t *)"a.test", 6},
    .s = {(const uint8_t *)"e1", 2},
    .alg = HK_SIGN_ED25519_SHA256,
    .header_canon = HK_CANON_SIMPLE,
    .body_canon = HK_CANON_SIMPLE,
    .now = NOW,
    .key = {(const uint8_t *)"slot 2", 6}};

struct both {
	struct hk_arena arena;
	struct letter letter;
	struct hk_header header;
	struct hk_dkim_sign *sign;
	struct hk_buf out;
};

static void feed(void *sign, struct hk_slice chunk)
{
	hk_dkim_sign_body(sign, chunk);
}

static void begin(struct both *b, enum cut cut)
{
	*b = (struct both){.letter = a_letter("some  text \r\nand more\r\n\r\n")};
	hk_arena_init(&b->arena, 1 << 20);
	hk_buf_init(&b->out, 65536);
	assert_int_equal(hk_header_parse(&b->arena, b->letter.header, &b->header), HK_OK);
	b->sign = hk_dkim_sign_new(&b->arena, &by_rsa, &b->header);
	assert_non_null(b->sign);
	assert_int_equal(hk_dkim_sign_also(b->sign, &by_ed25519), HK_OK);
	feed_cut(b->letter.body, cut, feed, b->sign);
	assert_int_equal(hk_dkim_sign_end(b->sign, NULL), HK_OK);
}

static void end(struct both *b)
{
	hk_dkim_sign_done(b->sign);
	hk_buf_done(&b->out);
	hk_arena_done(&b->arena);
}

static struct hk_slice answer_to(
    struct both *b, const struct hk_dkim_sign_question *q, const struct hk_private_key *key)
{
	uint8_t *signature = must(hk_arena_alloc(&b->arena, HK_SIGNATURE_MAX));
	size_t n = HK_SIGNATURE_MAX;

	assert_int_equal(q->alg, hk_private_key_alg(key));
	assert_int_equal(hk_sign_digest(key, q->digest, signature, &n), HK_OK);
	return hk_slice_of(signature, n);
}

/* The two fields are those that two signers would have made, and both verify. */
static void rsa_and_ed25519_sign_in_one_walk_of_the_body(void **state)
{
	enum cut cut;

	(void)state;
	for (cut = CUT_WHOLE; cut < CUTS; cut++) {
		const struct hk_dkim_sign_question *rsa, *ed25519;
		struct both b;
		struct world w;
		struct check c;
		struct letter sent;
		size_t i;

		begin(&b, cut);
		rsa = hk_dkim_sign_question(b.sign);
		ed25519 = hk_dkim_sign_question(b.sign);
		assert_true(rsa && ed25519);
		assert_null(hk_dkim_sign_question(b.sign));
		assert_text(rsa->key, "slot 1");
		assert_text(ed25519->key, "slot 2");
		assert_int_equal(rsa->digest.n, HK_SHA256_SIZE);
		/* in the other order */
		assert_int_equal(
		    hk_dkim_sign_answer(b.sign, ed25519->id, answer_to(&b, ed25519, keys.ed25519)),
		    HK_OK);
		assert_int_equal(hk_dkim_sign_fields(b.sign, &b.out), HK_AGAIN);
		assert_int_equal(b.out.n, 0);
		assert_int_equal(
		    hk_dkim_sign_answer(b.sign, rsa->id, answer_to(&b, rsa, keys.rsa)), HK_OK);
		assert_int_equal(hk_dkim_sign_fields(b.sign, &b.out), HK_OK);
		assert_slice(hk_buf_slice(&b.out),
		    joined(&b.arena, sign_letter(&b.arena, &b.letter, &by_rsa, keys.rsa, CUT_BYTES),
		        sign_letter(&b.arena, &b.letter, &by_ed25519, keys.ed25519, CUT_BYTES)));
		world_init(&w);
		publish(&w, "s1._domainkey.a.test", keys.rsa);
		publish(&w, "e1._domainkey.a.test", keys.ed25519);
		sent = with_field(&w.arena, hk_buf_slice(&b.out), &b.letter);
		check_begin(&c, message_of(&w.arena, &sent),
		    &(struct hk_dkim_verify_options){
		        .size = sizeof(struct hk_dkim_verify_options), .now = NOW});
		check_run(&c, &w, cut);
		assert_int_equal(hk_dkim_verify_count(c.v), 2);
		for (i = 0; i < 2; i++)
			expect_verdict(&c, i, HK_DKIM_PASS, "");
		check_done(&c);
		world_done(&w);
		end(&b);
	}
}

static void a_holder_who_declines_leaves_the_others_field(void **state)
{
	const struct hk_dkim_sign_question *q;
	struct both b;
	unsigned declines;

	(void)state;
	for (declines = 0; declines < 4; declines++) {
		const struct hk_private_key *const holder[] = {keys.rsa, keys.ed25519};
		struct hk_slice expected = {0};

		begin(&b, CUT_WHOLE);
		while ((q = hk_dkim_sign_question(b.sign))) {
			struct hk_slice signature = {0};

			if (!(declines & 1u << q->id)) {
				signature = answer_to(&b, q, holder[q->id]);
				expected = joined(&b.arena, expected,
				    sign_letter(&b.arena, &b.letter, q->id ? &by_ed25519 : &by_rsa,
				        holder[q->id], CUT_WHOLE));
			}
			assert_int_equal(hk_dkim_sign_answer(b.sign, q->id, signature), HK_OK);
		}
		assert_int_equal(
		    hk_dkim_sign_fields(b.sign, &b.out), declines == 3 ? HK_NOTFOUND : HK_OK);
		assert_slice(hk_buf_slice(&b.out), expected);
		end(&b);
	}
}

static void what_comes_too_early_late_or_often_is_refused(void **state)
{
	uint8_t octets[HK_SIGNATURE_MAX + 1] = {1};
	struct hk_slice one = hk_slice_of(octets, 1), longer = hk_slice_of(octets, sizeof octets);
	struct hk_dkim_sign_options bad = by_ed25519;
	struct both b;
	size_t i;

	(void)state;
	begin(&b, CUT_WHOLE);
	assert_int_equal(hk_dkim_sign_also(b.sign, &by_rsa), HK_BUG);
	assert_int_equal(hk_dkim_sign_answer(b.sign, 2, one), HK_BUG);
	assert_int_equal(hk_dkim_sign_answer(b.sign, 0, longer), HK_BUG);
	assert_int_equal(hk_dkim_sign_answer(b.sign, 0, one), HK_OK);
	assert_int_equal(hk_dkim_sign_answer(b.sign, 0, one), HK_BUG);
	hk_dkim_sign_done(b.sign);
	/* before the end there is no question; one key that cannot sign keeps all from it */
	b.sign = hk_dkim_sign_new(&b.arena, &by_rsa, &b.header);
	assert_non_null(b.sign);
	bad.s = HK_S("not a selector");
	assert_int_equal(hk_dkim_sign_also(b.sign, &bad), HK_OK);
	assert_null(hk_dkim_sign_question(b.sign));
	assert_int_equal(hk_dkim_sign_answer(b.sign, 0, one), HK_BUG);
	assert_int_equal(hk_dkim_sign_fields(b.sign, &b.out), HK_BUG);
	hk_dkim_sign_body(b.sign, b.letter.body);
	assert_int_equal(hk_dkim_sign_also(b.sign, &by_ed25519), HK_BUG);
	assert_int_equal(hk_dkim_sign_end(b.sign, NULL), HK_SYNTAX);
	assert_null(hk_dkim_sign_question(b.sign));
	assert_int_equal(hk_dkim_sign_finish(b.sign, one, &b.out), HK_BUG);
	hk_dkim_sign_done(b.sign);
	b.sign = hk_dkim_sign_new(&b.arena, &by_rsa, &b.header);
	assert_non_null(b.sign);
	for (i = 1; i < HK_DKIM_MAX_SIGNERS; i++)
		assert_int_equal(hk_dkim_sign_also(b.sign, &by_ed25519), HK_OK);
	assert_int_equal(hk_dkim_sign_also(b.sign, &by_ed25519), HK_LIMIT);
	assert_int_equal(hk_dkim_sign_end(b.sign, NULL), HK_OK);
	for (i = 0; i < HK_DKIM_MAX_SIGNERS; i++)
		assert_non_null(hk_dkim_sign_question(b.sign));
	assert_null(hk_dkim_sign_question(b.sign));
	end(&b);
}

static void options_that_are_no_word_of_the_rfc_are_refused(void **state)
{
	struct hk_dkim_sign_options header = by_rsa, body = by_rsa, alg = by_rsa;
	struct both b;

	(void)state;
	header.header_canon = body.body_canon = (enum hk_canon)(HK_CANON_RELAXED + 1);
	alg.alg = (enum hk_sign_alg)(HK_SIGN_RSA_SHA1 + 1);
	begin(&b, CUT_WHOLE);
	hk_dkim_sign_done(b.sign);
	b.sign = hk_dkim_sign_new(&b.arena, &by_rsa, &b.header);
	assert_non_null(b.sign);
	assert_int_equal(hk_dkim_sign_also(b.sign, &header), HK_BUG);
	assert_int_equal(hk_dkim_sign_also(b.sign, &body), HK_BUG);
	assert_int_equal(hk_dkim_sign_also(b.sign, &alg), HK_OK);
	assert_int_equal(hk_dkim_sign_end(b.sign, NULL), HK_BUG);
	hk_dkim_sign_done(b.sign);
	b.sign = NULL;
	assert_null(hk_dkim_sign_new(&b.arena, &body, &b.header));
	assert_int_equal(b.arena.failed, HK_BUG);
	end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rsa_and_ed25519_sign_in_one_walk_of_the_body),
	    cmocka_unit_test(a_holder_who_declines_leaves_the_others_field),
	    cmocka_unit_test(what_comes_too_early_late_or_often_is_refused),
	    cmocka_unit_test(options_that_are_no_word_of_the_rfc_are_refused),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
