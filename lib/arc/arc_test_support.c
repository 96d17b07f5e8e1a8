/* SPDX-License-Identifier: MIT */
#include "lib/arc/arc_test_support.h"

static void feed_validate(void *v, struct hk_slice chunk)
{
	hk_arc_validate_body(v, chunk);
}

void arc_check_run(struct arc_check *c, struct hk_slice message,
    const struct hk_arc_validate_options *o, struct world *w, enum cut cut)
{
	struct hk_dns_question q;

	*c = (struct arc_check){0};
	hk_arena_init(&c->arena, 32 << 20);
	hk_splitter_init(&c->splitter, HK_HEADER_SECTION_MAX);
	assert_int_equal(hk_splitter_feed(&c->splitter, message, &c->body), HK_OK);
	assert_int_equal(
	    hk_header_parse(&c->arena, hk_splitter_header(&c->splitter), &c->header), HK_OK);
	c->v = hk_arc_validate_new(&c->arena, o, &c->header, hk_trace_new(&c->arena));
	assert_non_null(c->v);
	feed_cut(c->body, cut, feed_validate, c->v);
	hk_arc_validate_end(c->v);
	while (hk_arc_validate_question(c->v, &q)) {
		struct hk_dns_answer answer;

		assert_int_equal(hk_arc_validate_step(c->v), HK_AGAIN);
		answer = world_answer(w, &c->arena, &q);
		c->questions++;
		assert_int_equal(hk_arc_validate_answer(c->v, &answer), HK_OK);
	}
	assert_int_equal(hk_arc_validate_step(c->v), HK_OK);
	c->verdict = hk_arc_validate_result(c->v);
}

void arc_check_done(struct arc_check *c)
{
	hk_arc_validate_done(c->v);
	hk_splitter_done(&c->splitter);
	hk_arena_done(&c->arena);
}

void expect_chain(const struct arc_check *c, enum hk_arc_result cv, const char *reason)
{
	if (c->verdict->cv != cv || !hk_slice_eq(c->verdict->reason, hk_slice_str(reason)))
		fail_msg("arc=%s (%.*s), expected %s (%s)", hk_arc_result_name(c->verdict->cv),
		    HK_FMT(c->verdict->reason), hk_arc_result_name(cv), reason);
}

enum hk_status arc_seal_try(struct hk_arena *a, const struct arc_check *c,
    const struct hk_arc_seal_options *o, const struct hk_private_key *key, struct hk_slice *out)
{
	struct hk_arc_seal *s = hk_arc_seal_new(a, o, &c->header, c->verdict);
	struct hk_slice digest;
	struct hk_buf b;
	enum hk_status status;

	assert_non_null(s);
	hk_buf_init(&b, 256 * 1024);
	hk_arc_seal_body(s, c->body);
	status = hk_arc_seal_end(s);
	while (status == HK_OK && hk_arc_seal_question(s, &digest)) {
		uint8_t signature[HK_SIGNATURE_MAX];
		size_t n = sizeof signature;

		assert_int_equal(hk_arc_seal_finish(s, &b), HK_AGAIN);
		assert_int_equal(hk_sign_digest(key, digest, signature, &n), HK_OK);
		status = hk_arc_seal_answer(s, hk_slice_of(signature, n));
	}
	if (status == HK_OK)
		status = hk_arc_seal_finish(s, &b);
	if (status == HK_OK)
		status = hk_arena_dup(a, hk_buf_slice(&b), out);
	hk_buf_done(&b);
	hk_arc_seal_done(s);
	return status;
}

struct hk_slice arc_seal(struct hk_arena *a, struct world *w, struct hk_slice message,
    const struct hk_arc_seal_options *o, const struct hk_private_key *key)
{
	struct hk_arc_validate_options vo = {.size = sizeof vo, .now = NOW};
	struct hk_slice set;
	struct arc_check c;

	arc_check_run(&c, message, &vo, w, CUT_WHOLE);
	assert_int_equal(arc_seal_try(a, &c, o, key, &set), HK_OK);
	arc_check_done(&c);
	return joined(a, set, message);
}
