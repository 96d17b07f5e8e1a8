/* SPDX-License-Identifier: MIT */
#include "lib/arc/arc_test_support.h"

static const struct hk_arc_validate_options at_2026 = {.size = sizeof at_2026, .now = 1790000000};

/* "name record" lines up to an empty one. */
static void stalwart_zone(struct world *w, struct hk_slice *text)
{
	struct hk_slice line;

	while (take_line(text, &line) && line.n) {
		size_t space = hk_slice_find(line, ' ');
		char name[256] = {0};

		assert_true(space < sizeof name);
		memcpy(name, line.p, space);
		world_txt(w, name, hk_slice_from(line, space + 1));
	}
}

/* S1-065 */
static void the_chains_of_mail_auth_pass(void **state)
{
	static const struct {
		const char *file;
		size_t sets;
	} rows[] = {{"arc-stalwart/001.txt", 1}, {"arc-stalwart/002.txt", 2}};
	size_t i;
	int cut;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct hk_arena a;
		struct hk_slice text;
		struct world w;

		hk_arena_init(&a, 8 << 20);
		if (!vector_read(&a, rows[i].file, &text)) {
			hk_arena_done(&a);
			skip();
		}
		world_init(&w);
		stalwart_zone(&w, &text);
		for (cut = 0; cut < CUTS; cut++) {
			struct arc_check c;

			arc_check_run(&c, with_crlf(&a, text), &at_2026, &w, (enum cut)cut);
			expect_chain(&c, HK_ARC_PASS, "");
			assert_int_equal(c.verdict->n, rows[i].sets);
			arc_check_done(&c);
		}
		print_message("# vector %s\n", rows[i].file); /* for tools/conformance.py */
		world_done(&w);
		hk_arena_done(&a);
	}
}

/* Their keys are not archived: the structure is sound and the body hash is right, or not. */
static void the_chains_without_keys_have_the_right_body_hash(void **state)
{
	static const struct {
		const char *file;
		size_t sets;
	} rows[] = {
	    {"arc-stalwart/kumomta/arc-example.eml", 1},
	    {"arc-stalwart/kumomta/arc-example-2.eml", 1},
	    {"arc-spamassassin/ok01.eml", 1},
	    {"arc-spamassassin/ko01.eml", 0},
	};
	size_t i, index;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct hk_arena a;
		struct hk_slice message;
		struct hk_arc_chain chain;
		struct hk_dkim_body body;
		struct arc_check c;
		struct world w;

		hk_arena_init(&a, 8 << 20);
		if (!message_read(&a, rows[i].file, &message)) {
			hk_arena_done(&a);
			skip();
		}
		world_init(&w);
		arc_check_run(&c, message, &at_2026, &w, CUT_WHOLE);
		assert_int_equal(hk_arc_chain_read(&a, &c.header, &chain), HK_OK);
		assert_int_equal(chain.n, rows[i].sets);
		expect_chain(&c, rows[i].sets ? HK_ARC_FAIL : HK_ARC_NONE,
		    rows[i].sets ? "message signature 1: no key" : "no chain");
		if (chain.n) {
			const struct hk_dkim_signature *sig = &chain.set[chain.n - 1].message;

			assert_int_equal(hk_dkim_body_init(&body, &a, 1), HK_OK);
			assert_int_equal(hk_dkim_body_want(&body, HK_DIGEST_SHA256,
			                     sig->body_canon, NULL, &index),
			    HK_OK);
			hk_dkim_body_add(&body, c.body);
			hk_dkim_body_end(&body);
			assert_slice(hk_slice_of(body.hash[index].value, HK_SHA256_SIZE), sig->bh);
			hk_dkim_body_done(&body);
		}
		print_message("# vector %s\n", rows[i].file);
		arc_check_done(&c);
		world_done(&w);
		hk_arena_done(&a);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_chains_of_mail_auth_pass),
	    cmocka_unit_test(the_chains_without_keys_have_the_right_body_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
