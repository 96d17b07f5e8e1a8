/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "lib/dkim/dkim_internal.h"
#include "lib/dkim/dkim_test_letter.h"

#define BASE "v=1; a=ed25519-sha256; d=a.test; s=s1; h=from:to:subject"

/* ---- several signatures
 * --------------------------------------------------------------------------------------------- */

/* n fields of stranger.test above one of the author's domain. */
static struct letter flooded(struct world *w, unsigned n, const char *author_tags)
{
	struct letter l = a_letter("text\r\n"), sent;
	struct hk_slice other = forge(
	    &w->arena, &l, "v=1; a=ed25519-sha256; d=stranger.test; s=s1; h=from", keys.ed25519);
	unsigned i;

	sent = with_field(&w->arena, forge(&w->arena, &l, author_tags, keys.ed25519), &l);
	for (i = 0; i < n; i++)
		sent = with_field(&w->arena, other, &sent);
	publish(w, "s1._domainkey.stranger.test", keys.ed25519);
	publish(w, "s1._domainkey.a.test", keys.ed25519);
	return sent;
}

static void ten_signatures_are_evaluated_and_the_authors_first(void **state)
{
	unsigned n, i;

	(void)state;
	for (n = HK_DKIM_MAX_SIGNATURES - 2; n <= HK_DKIM_MAX_SIGNATURES; n++) {
		unsigned author;

		for (author = 0; author < 2; author++) {
			struct hk_dkim_verify_options o = {.size = sizeof o, .now = NOW};
			struct letter sent;
			struct world w;
			struct check c;

			world_init(&w);
			sent = flooded(&w, n, BASE);
			if (author)
				o.author_domain = HK_S("Sub.A.test");
			check_begin(&c, message_of(&w.arena, &sent), &o);
			check_run(&c, &w, CUT_WHOLE);
			assert_int_equal(hk_dkim_verify_count(c.v), n + 1);
			for (i = 0; i <= n; i++) {
				/* over the limit, the lowest is left out: the author's, unless his
				 * come first */
				bool is_out =
				    n + 1 > HK_DKIM_MAX_SIGNATURES && i == (author ? n - 1 : n);

				assert_int_equal(check_verdict(&c, i)->field, i);
				if (is_out)
					expect_verdict(&c, i, HK_DKIM_NEUTRAL, "over the limit");
				else
					expect_verdict(&c, i, HK_DKIM_PASS, "");
			}
			/* one question for each selector and domain */
			assert_int_equal(
			    c.questions, n + 1 > HK_DKIM_MAX_SIGNATURES && !author ? 1 : 2);
			check_done(&c);
			world_done(&w);
		}
	}
}

static void equal_body_hashes_are_computed_once(void **state)
{
	struct hk_slice hashes;
	struct hk_buf b;
	struct world w;
	struct check c;
	struct letter sent;

	(void)state;
	world_init(&w);
	sent = flooded(&w, 5, BASE "; c=simple/relaxed");
	check_begin(&c, message_of(&w.arena, &sent), &(struct hk_dkim_verify_options){.size = sizeof(struct hk_dkim_verify_options), .now = NOW});
	check_run(&c, &w, CUT_BYTES);
	hk_buf_init(&b, 4096);
	hk_dkim_body_hashes_format(c.v, &b);
	hashes = hk_buf_slice(&b);
	assert_int_equal(hk_buf_status(&b), HK_OK);
	/* version 1, two hashes of 11 + 8 + 4 + 32 octets each */
	assert_int_equal(hashes.p[0], 1);
	assert_int_equal(hashes.p[1] * 256 + hashes.p[2], 2);
	assert_int_equal(hashes.n, 3 + 2 * 55);
	hk_buf_done(&b);
	check_done(&c);
	world_done(&w);
}

static void answers_are_awaited_and_strangers_refused(void **state)
{
	struct hk_dns_question q,
	    stranger = {.name = HK_S("s1._domainkey.other.test"), .type = HK_DNS_TXT};
	struct hk_dns_answer answer = {.question = stranger, .rcode = HK_DNS_NXDOMAIN};
	struct letter sent;
	struct world w;
	struct check c;

	(void)state;
	world_init(&w);
	sent = flooded(&w, 1, BASE);
	check_begin(&c, message_of(&w.arena, &sent), &(struct hk_dkim_verify_options){.size = sizeof(struct hk_dkim_verify_options), .now = NOW});
	assert_int_equal(hk_dkim_verify_step(c.v), HK_AGAIN);
	assert_true(hk_dkim_verify_question(c.v, &q));
	assert_true(hk_slice_eq(q.name, HK_S("s1._domainkey.stranger.test")));
	assert_int_equal(q.type, HK_DNS_TXT);
	assert_true(hk_dkim_verify_question(c.v, &stranger));
	assert_true(hk_slice_eq(stranger.name, HK_S("s1._domainkey.a.test")));
	assert_false(hk_dkim_verify_question(c.v, &stranger));
	assert_int_equal(hk_dkim_verify_answer(c.v, &answer), HK_NOTFOUND);
	answer.question = (struct hk_dns_question){.name = q.name, .type = HK_DNS_A};
	assert_int_equal(hk_dkim_verify_answer(c.v, &answer), HK_NOTFOUND);
	answer = world_answer(&w, &c.arena, &q);
	assert_int_equal(hk_dkim_verify_answer(c.v, &answer), HK_OK);
	answer.rcode = HK_DNS_SERVFAIL; /* comes too late */
	assert_int_equal(hk_dkim_verify_answer(c.v, &answer), HK_OK);
	assert_int_equal(hk_dkim_verify_step(c.v), HK_AGAIN);
	answer = world_answer(&w, &c.arena,
	    &(struct hk_dns_question){.name = HK_S("s1._domainkey.a.test"), .type = HK_DNS_TXT});
	assert_int_equal(hk_dkim_verify_answer(c.v, &answer), HK_OK);
	assert_int_equal(hk_dkim_verify_step(c.v), HK_AGAIN);
	hk_dkim_verify_body(c.v, c.body);
	hk_dkim_verify_end(c.v);
	assert_int_equal(hk_dkim_verify_step(c.v), HK_OK);
	expect_verdict(&c, 0, HK_DKIM_PASS, "");
	expect_verdict(&c, 1, HK_DKIM_PASS, "");
	check_done(&c);
	world_done(&w);
}

static void a_message_without_a_signature_needs_nothing(void **state)
{
	struct world w;
	struct check c;

	(void)state;
	world_init(&w);
	check_begin(&c, HK_S("From: a@a.test\r\n\r\ntext\r\n"),
	    &(struct hk_dkim_verify_options){.size = sizeof(struct hk_dkim_verify_options), .now = NOW});
	assert_int_equal(hk_dkim_verify_step(c.v), HK_OK);
	assert_int_equal(hk_dkim_verify_count(c.v), 0);
	assert_null(hk_dkim_verify_result(c.v, 0));
	assert_int_equal(hk_trace_count(c.trace), 1);
	assert_int_equal(hk_trace_at(c.trace, 0)->event, HK_TRACE_DKIM_RESULT);
	assert_string_equal(hk_dkim_result_name(HK_DKIM_NONE), "none");
	assert_string_equal(hk_dkim_result_name(HK_DKIM_PERMERROR), "permerror");
	check_done(&c);
	world_done(&w);
}

static void the_trace_tells_every_step_in_order(void **state)
{
	static const enum hk_trace_event expected[] = {HK_TRACE_DKIM_SIGNATURE, HK_TRACE_DKIM_KEY,
	    HK_TRACE_DKIM_BODY_HASH, HK_TRACE_DKIM_HEADERS, HK_TRACE_DKIM_CHECK,
	    HK_TRACE_DKIM_RESULT};
	struct letter l = a_letter("text\r\n"), sent;
	struct world w;
	struct check c;
	size_t i;

	(void)state;
	world_init(&w);
	publish(&w, "s1._domainkey.a.test", keys.ed25519);
	sent = with_field(&w.arena, forge(&w.arena, &l, BASE, keys.ed25519), &l);
	check_begin(&c, message_of(&w.arena, &sent), &(struct hk_dkim_verify_options){.size = sizeof(struct hk_dkim_verify_options), .now = NOW});
	check_run(&c, &w, CUT_WHOLE);
	assert_int_equal(hk_trace_count(c.trace), COUNT(expected));
	for (i = 0; i < COUNT(expected); i++)
		assert_int_equal(hk_trace_at(c.trace, i)->event, expected[i]);
	assert_true(hk_slice_eq(hk_trace_at(c.trace, 3)->text[1], HK_S("3")));
	assert_true(hk_slice_eq(hk_trace_at(c.trace, 1)->text[3], HK_S("256")));
	check_done(&c);
	world_done(&w);
}

/* ---- replay
 * ------------------------------------------------------------------------------------------------------------
 */

static void replay(struct check *c, struct world *w, const struct letter *sent,
    struct hk_slice hashes, enum hk_status status)
{
	check_begin(c, message_of(&w->arena, sent), &(struct hk_dkim_verify_options){.size = sizeof(struct hk_dkim_verify_options), .now = NOW});
	assert_int_equal(hk_dkim_verify_replay_body(c->v, hashes), status);
	check_answer_all(c, w);
	assert_int_equal(hk_dkim_verify_step(c->v), status == HK_OK ? HK_OK : HK_AGAIN);
}

static void a_verdict_replays_from_its_body_hashes(void **state)
{
	struct letter sent, other = a_letter("text\r\n");
	struct hk_buf hashes, damaged;
	struct world w;
	struct check c, again;
	size_t i;

	(void)state;
	world_init(&w);
	sent = flooded(&w, 2, BASE "; c=simple/relaxed; l=3");
	check_begin(&c, message_of(&w.arena, &sent), &(struct hk_dkim_verify_options){.size = sizeof(struct hk_dkim_verify_options), .now = NOW});
	check_run(&c, &w, CUT_WHOLE);
	hk_buf_init(&hashes, 4096);
	hk_buf_init(&damaged, 4096);
	hk_dkim_body_hashes_format(c.v, &hashes);
	replay(&again, &w, &sent, hk_buf_slice(&hashes), HK_OK);
	for (i = 0; i < 3; i++) {
		expect_verdict(&again, i, HK_DKIM_PASS, "");
		assert_int_equal(check_verdict(&again, i)->is_aligned_by_length, i < 2);
	}
	assert_int_equal(hk_trace_count(again.trace), hk_trace_count(c.trace));
	assert_int_equal(hk_dkim_verify_step(again.v), HK_OK); /* once more decides nothing more */
	assert_int_equal(hk_trace_count(again.trace), hk_trace_count(c.trace));
	assert_int_equal(hk_dkim_verify_replay_body(again.v, hk_buf_slice(&hashes)), HK_BUG);
	check_done(&again);
	for (i = 0; i < hashes.n; i++) {
		replay(&again, &w, &sent, hk_slice_sub(hk_buf_slice(&hashes), 0, i), HK_CORRUPT);
		/* nothing of it was kept */
		assert_int_equal(hk_dkim_verify_replay_body(again.v, hk_buf_slice(&hashes)), HK_OK);
		assert_int_equal(hk_dkim_verify_step(again.v), HK_OK);
		expect_verdict(&again, 0, HK_DKIM_PASS, "");
		check_done(&again);
	}
	hk_buf_add(&damaged, hk_buf_slice(&hashes));
	assert_int_equal(hk_buf_status(&damaged), HK_OK);
	for (i = 3; i < 6; i++) { /* algorithm, canonical form, whether there is a length: numbers that nobody wrote */
		uint8_t kept = damaged.p[i];

		damaged.p[i] = 2;
		replay(&again, &w, &sent, hk_buf_slice(&damaged), HK_CORRUPT);
		check_done(&again);
		damaged.p[i] = kept;
	}
	hk_buf_add_byte(&damaged, 0);
	replay(&again, &w, &sent, hk_buf_slice(&damaged), HK_CORRUPT);
	check_done(&again);
	damaged.p[0] = 2;
	replay(&again, &w, &sent, hk_buf_slice(&damaged), HK_VERSION);
	check_done(&again);
	sent = with_field(
	    &w.arena, forge(&w.arena, &other, BASE "; c=relaxed/relaxed", keys.ed25519), &other);
	replay(&again, &w, &sent, hk_buf_slice(&hashes), HK_NOTFOUND);
	check_done(&again);
	hk_buf_done(&hashes);
	hk_buf_done(&damaged);
	check_done(&c);
	world_done(&w);
}

/* Two hashes of one canonical form have the same total, or they are of two bodies. */
static void one_body_has_one_length_in_each_form(void **state)
{
	enum { SECOND_TOTAL = 3 + 55 + 3 + 8 + 7 }; /* the last octet of it */
	struct letter sent;
	struct hk_buf hashes;
	struct world w;
	struct check c, again;

	(void)state;
	world_init(&w);
	sent = flooded(&w, 2, BASE "; l=3");
	check_begin(&c, message_of(&w.arena, &sent), &(struct hk_dkim_verify_options){.size = sizeof(struct hk_dkim_verify_options), .now = NOW});
	check_run(&c, &w, CUT_WHOLE);
	hk_buf_init(&hashes, 4096);
	hk_dkim_body_hashes_format(c.v, &hashes);
	assert_int_equal(hk_buf_status(&hashes), HK_OK);
	assert_int_equal(hashes.n, 3 + 2 * 55);
	assert_int_equal(hashes.p[4], hashes.p[4 + 55]);
	replay(&again, &w, &sent, hk_buf_slice(&hashes), HK_OK);
	check_done(&again);
	hashes.p[SECOND_TOTAL]++;
	replay(&again, &w, &sent, hk_buf_slice(&hashes), HK_CORRUPT);
	check_done(&again);
	hk_buf_done(&hashes);
	check_done(&c);
	world_done(&w);
}

/* ---- memory
 * ----------------------------------------------------------------------------------------------------------------
 */

static enum hk_status verify_within(
    struct world *w, struct hk_slice section, struct hk_slice body, size_t limit)
{
	struct hk_arena a, answers;
	struct hk_header header;
	struct hk_dkim_verify *v;
	struct hk_dns_question q;
	enum hk_status status = HK_LIMIT;

	hk_arena_init(&a, limit);
	hk_arena_init(&answers, 1 << 20);
	assert_int_equal(hk_header_parse(&answers, section, &header), HK_OK);
	v = hk_dkim_verify_new(&a, &(struct hk_dkim_verify_options){.size = sizeof(struct hk_dkim_verify_options), .now = NOW}, &header, NULL);
	if (v) {
		status = HK_OK;
		hk_dkim_verify_body(v, body);
		hk_dkim_verify_end(v);
		while (status == HK_OK && hk_dkim_verify_question(v, &q)) {
			struct hk_dns_answer answer = world_answer(w, &answers, &q);

			status = hk_dkim_verify_answer(v, &answer);
		}
		if (status == HK_OK)
			status = hk_dkim_verify_step(v);
		if (status == HK_OK)
			assert_int_equal(hk_dkim_verify_result(v, 0)->result, HK_DKIM_PASS);
	}
	hk_dkim_verify_done(v);
	hk_arena_done(&a);
	hk_arena_done(&answers);
	return status;
}

static void an_arena_that_is_too_small_gives_limit_and_never_another_verdict(void **state)
{
	struct letter sent;
	struct world w;
	size_t limit;

	(void)state;
	world_init(&w);
	sent = flooded(&w, 2, BASE);
	for (limit = 0; verify_within(&w, sent.header, sent.body, limit) != HK_OK; limit += 16)
		assert_true(limit < 65536);
	assert_true(limit > 1000);
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ten_signatures_are_evaluated_and_the_authors_first),
	    cmocka_unit_test(equal_body_hashes_are_computed_once),
	    cmocka_unit_test(answers_are_awaited_and_strangers_refused),
	    cmocka_unit_test(a_message_without_a_signature_needs_nothing),
	    cmocka_unit_test(the_trace_tells_every_step_in_order),
	    cmocka_unit_test(a_verdict_replays_from_its_body_hashes),
	    cmocka_unit_test(one_body_has_one_length_in_each_form),
	    cmocka_unit_test(an_arena_that_is_too_small_gives_limit_and_never_another_verdict),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
