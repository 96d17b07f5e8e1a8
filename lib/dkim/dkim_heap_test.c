/* SPDX-License-Identifier: MIT
 *
 * What verifying and signing take from the heap, and how often.
 */
#include <stdio.h>
#include <time.h>

#include "lib/dkim/dkim_internal.h"
#include "lib/dkim/dkim_test_letter.h"
#include "tests/unit_heap.h"

enum { BODY = 1 << 20, STATE_MAX = 64 * 1024, MANY = 500 };

static char long_body[BODY + 1];

static void fill_body(void)
{
	size_t i;

	for (i = 0; i < BODY; i++)
		long_body[i] = i % 72 == 70   ? '\r'
		               : i % 72 == 71 ? '\n'
		               : i % 9 == 8   ? ' '
		                              : (char)('a' + i % 26);
	memcpy(long_body + BODY - 2, "\r\n", 2);
}

/* n signatures by the RSA key, each with another l= and a right bh=, but over a header that is no
 * more. */
static struct hk_slice many_forged(struct world *w, unsigned n, bool intact)
{
	struct letter l = a_letter(long_body), sent = l;
	unsigned i;

	for (i = 0; i < n; i++) {
		char tags[160];
		struct hk_slice field;

		snprintf(tags, sizeof tags,
		    "v=1; a=rsa-sha256; c=relaxed/relaxed; d=a.test; s=s1; h=from:%s; l=%u",
		    intact ? "to" : "to:subject", i * 1999 + 1);
		field = forge(&w->arena, &l, tags, keys.rsa_short);
		sent = with_field(&w->arena, field, &sent);
	}
	if (!intact)
		sent.header = joined(&w->arena, sent.header, HK_S("Subject: another\r\n"));
	publish(w, "s1._domainkey.a.test", keys.rsa_short);
	return message_of(&w->arena, &sent);
}

static void no_memory_is_taken_for_a_piece_of_the_body(void **state)
{
	struct hk_dkim_sign_options o = {.size = sizeof o,
	    .d = HK_S("a.test"),
	    .s = HK_S("s1"),
	    .header_canon = HK_CANON_RELAXED,
	    .body_canon = HK_CANON_RELAXED};
	struct hk_dkim_sign *sign;
	struct letter l = a_letter(long_body), sent;
	struct world w;
	struct check c;
	size_t calls, at;

	(void)state;
	if (!HAS_HEAP_COUNT)
		skip();
	fill_body();
	world_init(&w);
	sent = with_field(&w.arena, sign_letter(&w.arena, &l, &o, keys.rsa, CUT_WHOLE), &l);
	o.body_canon = HK_CANON_SIMPLE;
	sent = with_field(&w.arena, sign_letter(&w.arena, &l, &o, keys.rsa, CUT_WHOLE), &sent);
	publish(&w, "s1._domainkey.a.test", keys.rsa);
	check_begin(&c, message_of(&w.arena, &sent),
	    &(struct hk_dkim_verify_options){
	        .size = sizeof(struct hk_dkim_verify_options), .now = NOW});
	sign = hk_dkim_sign_new(&c.arena, &o, &c.header);
	assert_non_null(sign);
	calls = heap.calls;
	for (at = 0; at < c.body.n; at += 1000) {
		hk_dkim_verify_body(c.v, hk_slice_sub(c.body, at, 1000));
		hk_dkim_sign_body(sign, hk_slice_sub(c.body, at, 1000));
	}
	assert_int_equal(heap.calls, calls);
	hk_dkim_sign_done(sign);
	hk_dkim_verify_end(c.v);
	check_answer_all(&c, &w);
	assert_int_equal(hk_dkim_verify_step(c.v), HK_OK);
	expect_verdict(&c, 0, HK_DKIM_PASS, "");
	expect_verdict(&c, 1, HK_DKIM_PASS, "");
	check_done(&c);
	world_done(&w);
}

/* Ten signatures, all different, two canonical forms, a body of 1 MiB. */
static void ten_signatures_need_at_most_64_KiB(void **state)
{
	struct world w;
	struct check c;
	struct hk_slice message;
	size_t before, i;

	(void)state;
	if (!HAS_HEAP_COUNT)
		skip();
	fill_body();
	world_init(&w);
	message = many_forged(&w, HK_DKIM_MAX_SIGNATURES, true);
	check_begin(&c, message,
	    &(struct hk_dkim_verify_options){
	        .size = sizeof(struct hk_dkim_verify_options), .now = NOW});
	check_run(&c, &w, CUT_WHOLE); /* what OpenSSL and the zone keep for good is there then */
	check_done(&c);
	{
		struct hk_dkim_verify_options o = {.size = sizeof o, .now = NOW};
		struct hk_splitter splitter;
		struct hk_slice body;
		struct hk_dns_question q;
		struct hk_dkim_verify *v;
		struct hk_header header;
		struct hk_arena a;

		hk_splitter_init(&splitter, HK_HEADER_SECTION_MAX);
		assert_int_equal(hk_splitter_feed(&splitter, message, &body), HK_OK);
		before = heap_begin();
		hk_arena_init(&a, HK_HEADER_SECTION_MAX * 4);
		assert_int_equal(
		    hk_header_parse(&a, hk_splitter_header(&splitter), &header), HK_OK);
		v = hk_dkim_verify_new(&a, &o, &header, NULL);
		assert_non_null(v);
		for (i = 0; i < body.n; i += 4096)
			hk_dkim_verify_body(v, hk_slice_sub(body, i, 4096));
		hk_dkim_verify_end(v);
		while (hk_dkim_verify_question(v, &q)) {
			struct hk_dns_answer answer = world_answer(&w, &w.arena, &q);

			assert_int_equal(hk_dkim_verify_answer(v, &answer), HK_OK);
		}
		assert_int_equal(hk_dkim_verify_step(v), HK_OK);
		assert_int_equal(hk_dkim_verify_count(v), HK_DKIM_MAX_SIGNATURES);
		for (i = 0; i < HK_DKIM_MAX_SIGNATURES; i++)
			assert_int_equal(hk_dkim_verify_result(v, i)->result, HK_DKIM_PASS);
		print_message("# %zu octets of state\n", heap.peak - before);
		assert_true(heap.peak - before <= STATE_MAX);
		hk_dkim_verify_done(v);
		hk_arena_done(&a);
		assert_int_equal(heap.in_use, before);
		hk_splitter_done(&splitter);
	}
	world_done(&w);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The body, hashed for n lengths. */
static double hash_lengths(uint64_t n)
{
	struct hk_dkim_body body;
	struct hk_arena a;
	uint64_t length, k;
	double start;
	size_t i;

	hk_arena_init(&a, 1 << 20);
	assert_int_equal(hk_dkim_body_init(&body, &a, (size_t)n), HK_OK);
	for (k = 0; k < n; k++) {
		length = (k * 7919 % n) * 1999 + 1; /* in no order */
		assert_int_equal(
		    hk_dkim_body_want(&body, HK_DIGEST_SHA256, HK_CANON_RELAXED, &length, &i),
		    HK_OK);
	}
	start = seconds();
	hk_dkim_body_add(&body, hk_slice_of(long_body, BODY));
	hk_dkim_body_end(&body);
	start = seconds() - start;
	hk_dkim_body_done(&body);
	hk_arena_done(&a);
	return start;
}

/* security.md, a flood of signatures: what 500 cost above one is the 500 ends, not 500 walks. */
static void five_hundred_lengths_hash_the_body_once(void **state)
{
	double one = 1e9, many = 1e9, t;
	unsigned i;

	(void)state;
	fill_body();
	for (i = 0; i < 5; i++) {
		t = hash_lengths(1);
		one = t < one ? t : one;
		t = hash_lengths(MANY);
		many = t < many ? t : many;
	}
	print_message("# one %.2f ms, %d lengths %.2f ms\n", one * 1e3, MANY, many * 1e3);
	assert_true(many < one * 20);
}

/* Each hash is that of a verifier who had only this one. */
static void the_hash_of_every_length_is_its_own(void **state)
{
	static const uint64_t lengths[] = {0, 1, 2, 71, 72, 73, 4096, 8191, 8192, 8193, 500000,
	    BODY, BODY + 1, UINT64_MAX, 3, 8192};
	struct hk_dkim_body all, one;
	size_t index[COUNT(lengths) + 1], k, at, i;
	int canon, cut;

	(void)state;
	fill_body();
	for (canon = 0; canon < 2; canon++) {
		for (cut = 0; cut < 3; cut++) {
			size_t step = cut == 0 ? BODY : cut == 1 ? 1 : 8191;
			struct hk_arena a;

			hk_arena_init(&a, 1 << 20);
			assert_int_equal(hk_dkim_body_init(&all, &a, COUNT(index)), HK_OK);
			for (k = 0; k < COUNT(index); k++)
				assert_int_equal(
				    hk_dkim_body_want(&all, HK_DIGEST_SHA256, (enum hk_canon)canon,
				        k < COUNT(lengths) ? &lengths[k] : NULL, &index[k]),
				    HK_OK);
			assert_int_equal(all.n, COUNT(index) - 1); /* 8192 is there twice */
			for (at = 0; at < BODY; at += step)
				hk_dkim_body_add(
				    &all, hk_slice_sub(hk_slice_of(long_body, BODY), at, step));
			hk_dkim_body_end(&all);
			for (k = 0; k < COUNT(index); k++) {
				assert_int_equal(hk_dkim_body_init(&one, &a, 1), HK_OK);
				assert_int_equal(
				    hk_dkim_body_want(&one, HK_DIGEST_SHA256, (enum hk_canon)canon,
				        k < COUNT(lengths) ? &lengths[k] : NULL, &i),
				    HK_OK);
				hk_dkim_body_add(&one, hk_slice_of(long_body, BODY));
				hk_dkim_body_end(&one);
				assert_memory_equal(
				    all.hash[index[k]].value, one.hash[i].value, HK_SHA256_SIZE);
				assert_int_equal(all.hash[index[k]].n, HK_SHA256_SIZE);
				hk_dkim_body_done(&one);
			}
			hk_dkim_body_done(&all);
			hk_arena_done(&a);
		}
	}
}

/* A limit that a caller raised: all are judged. */
static void five_hundred_forged_signatures_are_all_judged(void **state)
{
	struct hk_work work = {.size = sizeof work};
	struct hk_dkim_verify_options o = {
	    .size = sizeof o, .now = NOW, .work = &work, .min_rsa_bits = 1024};
	struct hk_slice message;
	struct world w;
	struct check c;
	double start;
	size_t i;

	(void)state;
	hk_work_init(&work);
	work.of[HK_WORK_SIGNATURES].limit = MANY;
	work.of[HK_WORK_HEADER_OCTETS].limit = UINT64_MAX;
	fill_body();
	world_init(&w);
	hk_arena_done(&w.arena);
	hk_arena_init(&w.arena, (size_t)4 << 30);
	message = many_forged(&w, MANY, false);
	check_begin(&c, message, &o);
	start = seconds();
	check_run(&c, &w, CUT_WHOLE);
	print_message("# %.2f ms\n", (seconds() - start) * 1e3);
	assert_int_equal(hk_dkim_verify_count(c.v), MANY);
	for (i = 0; i < MANY; i++) {
		expect_verdict(&c, i, HK_DKIM_FAIL, "signature mismatch");
		assert_true(check_verdict(&c, i)->body_hash_ok);
		assert_false(check_verdict(&c, i)->is_aligned_by_length);
	}
	check_done(&c);
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_memory_is_taken_for_a_piece_of_the_body),
	    cmocka_unit_test(ten_signatures_need_at_most_64_KiB),
	    cmocka_unit_test(five_hundred_lengths_hash_the_body_once),
	    cmocka_unit_test(the_hash_of_every_length_is_its_own),
	    cmocka_unit_test(five_hundred_forged_signatures_are_all_judged),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
