/* SPDX-License-Identifier: MIT
 *
 * Any split of the input gives the same verdict: a message with two signatures and a chain, cut at
 * every octet, and its body cut at every two.
 */
#include <hikyaku/explain.h>
#include <hikyaku/verify.h>

#include "lib/arc/arc_test_support.h"

/* What canonical forms look at: runs of blanks, blanks at a line's end, empty lines, a dot, CR and
 * LF alone, empty lines at the end. */
static const char *const bodies[] = {
    "a  b \t\r\n\r\n\r\n.\r\nend \r\n\r\n \r\n", "\r\n\r\n", "x\ry\nz", " \r\n\r", "no line end"};

static struct {
	struct world zone;
	struct hk_arena arena;
	struct hk_slice message;
	struct hk_buf want;
} split;

/* Signed by two keys, then sealed. */
static void prepare(const char *body)
{
	struct hk_arc_seal_options seal = {.size = sizeof seal,
	    .d = HK_S("a.test"),
	    .s = HK_S("e"),
	    .alg = HK_SIGN_ED25519_SHA256,
	    .authserv_id = HK_S("mx.a.test"),
	    .now = NOW};
	struct hk_dkim_sign_options o = {.size = sizeof o,
	    .d = HK_S("a.test"),
	    .s = HK_S("r"),
	    .alg = HK_SIGN_RSA_SHA256,
	    .header_canon = HK_CANON_RELAXED,
	    .body_canon = HK_CANON_RELAXED,
	    .now = NOW};
	struct letter l = a_letter(body);

	world_init(&split.zone);
	hk_arena_init(&split.arena, 4 << 20);
	hk_buf_init(&split.want, 1 << 20);
	publish(&split.zone, "r._domainkey.a.test", keys.rsa_short);
	publish(&split.zone, "e._domainkey.a.test", keys.ed25519);
	world_txt(&split.zone, "_dmarc.a.test", HK_S("v=DMARC1; p=reject"));
	l = with_field(
	    &split.arena, sign_letter(&split.arena, &l, &o, keys.rsa_short, CUT_WHOLE), &l);
	o.s = HK_S("e");
	o.alg = HK_SIGN_ED25519_SHA256;
	o.header_canon = o.body_canon = HK_CANON_SIMPLE;
	l = with_field(
	    &split.arena, sign_letter(&split.arena, &l, &o, keys.ed25519, CUT_WHOLE), &l);
	split.message =
	    arc_seal(&split.arena, &split.zone, message_of(&split.arena, &l), &seal, keys.ed25519);
}

static void forget(void)
{
	hk_buf_done(&split.want);
	hk_arena_done(&split.arena);
	world_done(&split.zone);
}

static void answer_all(struct hk_verify *v, struct hk_arena *a)
{
	struct hk_dns_question q;
	enum hk_status status;

	while ((status = hk_verify_step(v)) == HK_AGAIN) {
		struct hk_dns_answer answer;

		assert_true(hk_verify_question(v, &q));
		answer = world_answer(&split.zone, a, &q);
		assert_int_equal(hk_verify_answer(v, &answer), HK_OK);
	}
	assert_int_equal(status, HK_OK);
}

/* The message in pieces that end at each of the n cuts; the record and the JSON of the verdict into
 * out. */
static void run(const size_t *cuts, size_t n, struct hk_buf *out)
{
	struct hk_verify_input in = {.size = sizeof in,
	    .checks = HK_CHECK_DKIM | HK_CHECK_DMARC | HK_CHECK_ARC,
	    .authserv_id = HK_S("mx.b.test"),
	    .now = NOW,
	    .min_rsa_bits = 1024};
	struct hk_splitter splitter;
	struct hk_verify *v;
	bool begun = false;
	struct hk_arena a;
	size_t i, from = 0;

	hk_arena_init(&a, 4 * HK_VERIFY_ARENA);
	hk_splitter_init(&splitter, HK_HEADER_SECTION_MAX);
	v = must(hk_verify_new(&a, &in));
	for (i = 0; i <= n; i++) {
		size_t to = i < n ? cuts[i] : split.message.n;
		struct hk_slice body = {0};

		assert_int_equal(hk_splitter_feed(&splitter,
		                     hk_slice_sub(split.message, from, to - from), &body),
		    HK_OK);
		from = to;
		if (!begun && hk_splitter_in_body(&splitter)) {
			assert_int_equal(hk_verify_header(v, hk_splitter_header(&splitter)), HK_OK);
			begun = true;
		}
		if (begun)
			hk_verify_body(v, body);
	}
	assert_true(begun);
	hk_verify_end(v);
	answer_all(v, &a);
	hk_verify_record_format(v, out);
	hk_explain_json(v, HK_S(""), out);
	assert_int_equal(hk_buf_status(out), HK_OK);
	assert_int_equal(hk_verify_result(v)->arc->cv, HK_ARC_PASS);
	hk_verify_done(v);
	hk_splitter_done(&splitter);
	hk_arena_done(&a);
}

static void expect_same(const size_t *cuts, size_t n)
{
	struct hk_buf got;

	hk_buf_init(&got, 1 << 20);
	run(cuts, n, &got);
	if (!hk_slice_eq(hk_buf_slice(&got), hk_buf_slice(&split.want)))
		fail_msg("another verdict when cut at %zu and %zu", cuts[0], cuts[n - 1]);
	hk_buf_done(&got);
}

static void a_message_cut_at_any_octet_gets_the_same_verdict(void **state)
{
	size_t k, cut;

	(void)state;
	for (k = 0; k < COUNT(bodies); k++) {
		prepare(bodies[k]);
		run(NULL, 0, &split.want);
		for (cut = 0; cut <= split.message.n; cut++)
			expect_same(&cut, 1);
		forget();
	}
}

static void a_body_cut_at_any_two_octets_gets_the_same_verdict(void **state)
{
	size_t k, cuts[2];

	(void)state;
	for (k = 0; k < COUNT(bodies); k++) {
		size_t begins;

		prepare(bodies[k]);
		begins = split.message.n - strlen(bodies[k]) - 3;
		run(NULL, 0, &split.want);
		for (cuts[0] = begins; cuts[0] <= split.message.n; cuts[0]++)
			for (cuts[1] = cuts[0]; cuts[1] <= split.message.n; cuts[1]++)
				expect_same(cuts, 2);
		forget();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_message_cut_at_any_octet_gets_the_same_verdict),
	    cmocka_unit_test(a_body_cut_at_any_two_octets_gets_the_same_verdict),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
