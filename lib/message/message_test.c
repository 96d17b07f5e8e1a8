/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include <hikyaku/message.h>

#include "lib/message/canon_reference.h"
#include "lib/message/vectors_test.h"
#include "tests/unit_arena.h"

#define BIG (8u << 20)

/* ---- splitter ---- */

struct split {
	struct hk_splitter s;
	struct hk_buf body;
	enum hk_status status;
};

static void split_message(struct split *r, struct hk_slice message, size_t max, unsigned cut)
{
	uint32_t seed = cut;

	*r = (struct split){.status = HK_OK};
	hk_splitter_init(&r->s, max);
	hk_buf_init(&r->body, BIG);
	while (message.n && r->status == HK_OK) {
		size_t n = cut_length(cut, message.n, &seed);
		struct hk_slice body;

		r->status = hk_splitter_feed(&r->s, hk_slice_sub(message, 0, n), &body);
		if (r->status == HK_OK)
			hk_buf_add(&r->body, body);
		message = hk_slice_from(message, n);
	}
}

static void split_done(struct split *r)
{
	hk_splitter_done(&r->s);
	hk_buf_done(&r->body);
}

static void the_first_empty_line_ends_the_header_rfc_5322_2_1(void **state)
{
	static const struct {
		struct hk_slice message, header, body;
		bool in_body;
	} cases[] = {
	    {S("A: b\r\n\r\nbody"), S("A: b\r\n"), S("body"), true},
	    {S("A: b\r\nC: d\r\n\r\n\r\nbody\r\n\r\n"), S("A: b\r\nC: d\r\n"), S("\r\nbody\r\n\r\n"), true},
	    {S("\r\nbody"), S(""), S("body"), true},
	    {S("\r\n"), S(""), S(""), true},
	    {S("\r\n\r\n"), S(""), S("\r\n"), true},
	    {S(""), S(""), S(""), false},
	    {S("\r"), S("\r"), S(""), false},
	    {S("A: b\r\n"), S("A: b\r\n"), S(""), false},
	    {S("A: b\r\n\r"), S("A: b\r\n\r"), S(""), false},
	    {S("A: b"), S("A: b"), S(""), false},
	    {S("A: b\n\nC: d\r\n\r\nx"), S("A: b\n\nC: d\r\n"), S("x"), true}, /* LF alone ends nothing */
	    {S("A: b\r\rC: d\r\n\r\nx"), S("A: b\r\rC: d\r\n"), S("x"), true}, /* nor does CR */
	    {S("A: b\r\n\nC: d\r\n\r\nx"), S("A: b\r\n\nC: d\r\n"), S("x"), true},
	    {S("A: b\r\n\r\r\nx: y\r\n\r\nz"), S("A: b\r\n\r\r\nx: y\r\n"), S("z"), true},
	    {S("\n\r\nA: b\r\n\r\nx"), S("\n\r\nA: b\r\n"), S("x"), true},
	    {S("no field\r\n\r\nx"), S("no field\r\n"), S("x"), true},
	};
	size_t i;
	unsigned cut;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		for (cut = 0; cut < CUTS; cut++) {
			struct split r;

			split_message(&r, cases[i].message, 1000, cut);
			assert_int_equal(r.status, HK_OK);
			assert_slice(hk_splitter_header(&r.s), cases[i].header);
			assert_slice(hk_buf_slice(&r.body), cases[i].body);
			assert_int_equal(hk_splitter_in_body(&r.s), cases[i].in_body);
			split_done(&r);
		}
	}
}

static void a_header_of_limit_octets_passes_and_one_more_does_not(void **state)
{
	static const struct hk_slice header = S("A: 2345678\r\n"); /* 12 octets */
	static const struct hk_slice cases[] = {S("A: 2345678\r\n\r\nbody that is long enough"),
	    S("A: 2345678\r\n\rX\r\n\r\nbody"), S("A: 2345678\r\n")};
	size_t i, max;
	unsigned cut;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		for (max = 11; max <= 13; max++) {
			for (cut = 0; cut < CUTS; cut++) {
				bool fits = max >= header.n && i != 1;
				struct hk_slice body;
				struct split r;

				split_message(&r, cases[i], max, cut);
				assert_int_equal(r.status, fits ? HK_OK : HK_LIMIT);
				if (fits)
					assert_slice(hk_splitter_header(&r.s), header);
				else
					assert_int_equal(hk_splitter_feed(&r.s, HK_S("\r\n\r\n"), &body), HK_LIMIT);
				split_done(&r);
			}
		}
	}
}

/* ---- fields ---- */

static void fields_are_split_at_their_colon_with_folding_kept(void **state)
{
	static const struct {
		struct hk_slice section;
		size_t n, malformed;
		struct {
			struct hk_slice name, value;
		} field[3];
	} cases[] = {
	    {S(""), 0, 0, {{S(""), S("")}}},
	    {S("A: b\r\n"), 1, 0, {{S("A"), S(" b")}}},
	    {S("A:b"), 1, 0, {{S("A"), S("b")}}},
	    {S("A:\r\nB:\r\n"), 2, 0, {{S("A"), S("")}, {S("B"), S("")}}},
	    {S("A: b\r\n c\r\n\td\r\nE: f\r\n"), 2, 0,
	        {{S("A"), S(" b\r\n c\r\n\td")}, {S("E"), S(" f")}}},
	    {S("Subject \t : x:y\r\n"), 1, 0, {{S("Subject"), S(" x:y")}}}, /* RFC 5322 4.5 */
	    {S("A: b\n c\r\nD: e\r\n"), 2, 0, {{S("A"), S(" b\n c")}, {S("D"), S(" e")}}},
	    {S("A: b\nX: y\r\n"), 1, 0, {{S("A"), S(" b\nX: y")}}},
	    {S(" lost\r\nA: b\r\n"), 2, 1, {{S(""), S(" lost")}, {S("A"), S(" b")}}},
	    {S("From me\r\nA: b\r\n"), 2, 1, {{S(""), S("From me")}, {S("A"), S(" b")}}},
	    {S("no colon\r\n cont: x\r\nA: b\r\n"), 2, 1,
	        {{S(""), S("no colon\r\n cont: x")}, {S("A"), S(" b")}}},
	    {S(": x\r\n"), 1, 1, {{S(""), S(": x")}}},
	    {S("two words: x\r\n"), 1, 1, {{S(""), S("two words: x")}}},
	    {S("caf\xc3\xa9: x\r\n"), 1, 1,
	        {{S(""), S("caf\xc3\xa9: x")}}}, /* RFC 6532 3.1 does not widen names */
	    {S("A\r\n : b\r\n"), 1, 0,
	        {{S("A"), S(" b")}}}, /* AP-8: whoever unfolds first reads this */
	    {S("A \r\n\t\r\n : b\r\n"), 1, 0, {{S("A"), S(" b")}}},
	    {S("A\r\n b: c\r\n"), 1, 1, {{S(""), S("A\r\n b: c")}}},
	    {S("A\r\n: b\r\n"), 2, 2, {{S(""), S("A")}, {S(""), S(": b")}}},
	    {S("A: b\r\n \r\nC: d\r\n"), 2, 0, {{S("A"), S(" b\r\n ")}, {S("C"), S(" d")}}},
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct hk_header h;

		assert_int_equal(hk_header_parse(&arena, cases[i].section, &h), HK_OK);
		assert_int_equal(h.n, cases[i].n);
		assert_int_equal(h.malformed, cases[i].malformed);
		for (k = 0; k < h.n; k++) {
			assert_slice(h.field[k].name, cases[i].field[k].name);
			assert_slice(h.field[k].value, cases[i].field[k].value);
		}
	}
}

static void a_header_has_at_most_2000_fields(void **state)
{
	struct hk_header h;
	struct hk_buf b;
	size_t n, i;

	(void)state;
	for (n = HK_HEADER_FIELDS_MAX - 1; n <= HK_HEADER_FIELDS_MAX + 1; n++) {
		hk_buf_init(&b, BIG);
		for (i = 0; i < n; i++)
			hk_buf_add_str(&b, i % 2 ? "junk\r\n" : "A: b\r\n");
		assert_int_equal(hk_header_parse(&arena, hk_buf_slice(&b), &h), n > HK_HEADER_FIELDS_MAX ? HK_LIMIT : HK_OK);
		hk_buf_done(&b);
	}
}

static void a_small_arena_gives_its_status_not_a_crash(void **state)
{
	struct hk_arena small;
	struct hk_header h;
	struct hk_slice s;

	(void)state;
	hk_arena_init(&small, 64);
	assert_int_equal(hk_header_parse(&small, HK_S("A: b\r\nC: d\r\n"), &h), HK_LIMIT);
	assert_int_equal(hk_unfold(&small, hk_slice_of("x", 1), &s), HK_OK);
	hk_arena_done(&small);
}

static void find_and_count_know_no_case(void **state)
{
	struct hk_header h;

	(void)state;
	assert_int_equal(hk_header_parse(&arena, HK_S("From: a\r\nTo: b\r\nFROM: c\r\nFromm: d\r\n"), &h), HK_OK);
	assert_int_equal(hk_header_find(&h, HK_S("from"), 0), 0);
	assert_int_equal(hk_header_find(&h, HK_S("from"), 1), 2);
	assert_int_equal(hk_header_find(&h, HK_S("from"), 3), 4);
	assert_int_equal(hk_header_find(&h, HK_S("from"), 9), 4);
	assert_int_equal(hk_header_count(&h, HK_S("frOm")), 2);
	assert_int_equal(hk_header_count(&h, HK_S("cc")), 0);
}

/* AP-8 SEC-70: what some reader takes for the field */
static void a_line_resembles_a_field_when_only_what_cannot_be_seen_differs(void **state)
{
	static const struct {
		struct hk_slice line;
		bool resembles;
	} rows[] = {{S("From: x\r\n"), true}, {S("fROM \t: x\r\n"), true}, {S("From\0: x\r\n"), true},
	    {S("\357\273\277From: x\r\n"), true}, {S("Fr\x01om: x\r\n"), true}, {S(" From: x\r\n"), true},
	    {S("Fromm\0: x\r\n"), false}, {S("Fro\0: x\r\n"), false}, {S("From x\r\n"), false}, {S("\0: x\r\n"), false},
	    {S("From x 10:00\r\n"), false}, {S("From-Line: x\r\n"), false}};
	struct hk_header h;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		assert_int_equal(hk_header_parse(&arena, rows[i].line, &h), HK_OK);
		if (hk_field_resembles(&h.field[0], HK_S("From")) != rows[i].resembles)
			fail_msg("row %zu", i);
	}
}

static void unfolding_takes_the_crlf_and_leaves_the_wsp_rfc_5322_2_2_3(void **state)
{
	static const struct {
		struct hk_slice value, want;
	} cases[] = {
	    {S(" a\r\n b"), S("a b")}, {S("\ta\r\n\tb \r\n"), S("a\tb")}, {S("a\r\n \r\n b"), S("a  b")},
	    {S("a\r\nb"), S("a\r\nb")}, {S("a\rb\nc"), S("a\rb\nc")}, {S(""), S("")}, {S(" \r\n "), S("")},
	};
	struct hk_slice got;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(hk_unfold(&arena, cases[i].value, &got), HK_OK);
		assert_slice(got, cases[i].want);
	}
}

/* ---- canonical forms ---- */

static void canon_body(struct hk_buf *out, enum hk_canon canon, struct hk_slice body, unsigned cut)
{
	struct hk_canon_body c;
	uint32_t seed = cut;
	uint8_t some[64];
	size_t cap = cut == CUT_OCTETS ? 16 : cut == CUT_WHOLE ? sizeof some : 16 + cut, n;

	hk_canon_body_init(&c, canon);
	while (body.n) {
		size_t length = cut_length(cut, body.n, &seed);
		struct hk_slice chunk = hk_slice_sub(body, 0, length);

		do {
			n = hk_canon_body_step(&c, &chunk, some, cap);
			assert_true(n <= cap);
			hk_buf_add(out, hk_slice_of(some, n));
		} while (n || chunk.n);
		body = hk_slice_from(body, length);
	}
	while ((n = hk_canon_body_end(&c, some, cap)) != 0)
		hk_buf_add(out, hk_slice_of(some, n));
}

static void assert_canon_body(enum hk_canon canon, struct hk_slice body, struct hk_slice want)
{
	unsigned cut;

	for (cut = 0; cut < CUTS; cut++) {
		struct hk_buf out;

		hk_buf_init(&out, BIG);
		canon_body(&out, canon, body, cut);
		assert_slice(hk_buf_slice(&out), want);
		hk_buf_done(&out);
	}
}

static void bodies_take_the_forms_of_rfc_6376_3_4_3_and_3_4_4(void **state)
{
	static const struct {
		struct hk_slice body, simple, relaxed;
	} cases[] = {
	    {S(""), S("\r\n"), S("")},
	    {S("\r\n"), S("\r\n"), S("")},
	    {S("\r\n\r\n\r\n"), S("\r\n"), S("")},
	    {S(" \r\n\t\r\n"), S(" \r\n\t\r\n"), S("")},
	    {S("a"), S("a\r\n"), S("a\r\n")},
	    {S("a\r\n"), S("a\r\n"), S("a\r\n")},
	    {S("a\r\n\r\n \r\n"), S("a\r\n\r\n \r\n"), S("a\r\n")},
	    {S("\r\n\r\na"), S("\r\n\r\na\r\n"), S("\r\n\r\na\r\n")},
	    {S(" C \r\nD \t E\r\n\r\n\r\n"), S(" C \r\nD \t E\r\n"), S(" C\r\nD E\r\n")}, /* RFC 6376 3.4.5 */
	    {S("a  b\tc \t d"), S("a  b\tc \t d\r\n"), S("a b c d\r\n")},
	    {S("a \r"), S("a \r\r\n"), S("a \r\r\n")}, /* CR alone is text */
	    {S("a \rb"), S("a \rb\r\n"), S("a \rb\r\n")},
	    {S("a\nb \n\n"), S("a\nb \n\n\r\n"), S("a\nb \n\n\r\n")}, /* so is LF */
	    {S("a\r\r\nb"), S("a\r\r\nb\r\n"), S("a\r\r\nb\r\n")},
	    {S("a\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n \tb"),
		S("a\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n \tb\r\n"),
		S("a\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n b\r\n")},
	    {S("\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r"), S("\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\r\n"),
		S("\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\r\n")},
	    {S(" "), S(" \r\n"), S("")},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_canon_body(HK_CANON_SIMPLE, cases[i].body, cases[i].simple);
		assert_canon_body(HK_CANON_RELAXED, cases[i].body, cases[i].relaxed);
	}
}

static void random_bodies_agree_with_the_reference_however_they_are_cut(void **state)
{
	static const char alphabet[] = "ab \t\r\n\r\n\r\n  ";
	uint32_t seed = 7;
	size_t round, i;

	(void)state;
	for (round = 0; round < 500; round++) {
		uint8_t body[120];
		struct hk_buf want[2];
		size_t n = round % sizeof body;

		for (i = 0; i < n; i++) {
			seed = seed * 1664525u + 1013904223u;
			body[i] = (uint8_t)alphabet[(seed >> 16) % (sizeof alphabet - 1)];
		}
		for (i = 0; i < 2; i++) {
			hk_buf_init(&want[i], 4096);
			reference_canon_body(&want[i], (enum hk_canon)i, hk_slice_of(body, n));
			assert_canon_body((enum hk_canon)i, hk_slice_of(body, n), hk_buf_slice(&want[i]));
			hk_buf_done(&want[i]);
		}
	}
}

static void fields_take_the_forms_of_rfc_6376_3_4_1_and_3_4_2(void **state)
{
	static const struct {
		struct hk_slice raw, simple, relaxed;
	} cases[] = {
	    {S("A: X\r\n"), S("A: X\r\n"), S("a:X\r\n")}, /* the two of RFC 6376 3.4.5 */
	    {S("B : Y\t\r\n\tZ  \r\n"), S("B : Y\t\r\n\tZ  \r\n"), S("b:Y Z\r\n")},
	    {S("Subject:\r\n"), S("Subject:\r\n"), S("subject:\r\n")},
	    {S("Subject: \t \r\n"), S("Subject: \t \r\n"), S("subject:\r\n")},
	    {S("Subject:x"), S("Subject:x\r\n"), S("subject:x\r\n")},
	    {S("S: a\r\n \r\n b"), S("S: a\r\n \r\n b\r\n"), S("s:a b\r\n")},
	    {S("S: a\rb \r c\r\n"), S("S: a\rb \r c\r\n"), S("s:a\rb \r c\r\n")},
	    {S("S: a  b\tc d\r\n"), S("S: a  b\tc d\r\n"), S("s:a b c d\r\n")},
	    {S("S\r\n : a\r\n"), S("S\r\n : a\r\n"), S("s:a\r\n")},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct hk_header h;
		struct hk_buf out;

		assert_int_equal(hk_header_parse(&arena, cases[i].raw, &h), HK_OK);
		assert_int_equal(h.n, 1);
		hk_buf_init(&out, 1000);
		hk_canon_field(&out, HK_CANON_SIMPLE, &h.field[0]);
		assert_slice(hk_buf_slice(&out), cases[i].simple);
		hk_buf_reset(&out);
		hk_canon_field(&out, HK_CANON_RELAXED, &h.field[0]);
		assert_slice(hk_buf_slice(&out), cases[i].relaxed);
		hk_buf_done(&out);
	}
}

static void assert_body_hash(struct hk_slice body, const char *want)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	struct hk_buf canonical, text;

	hk_buf_init(&canonical, 1000);
	hk_buf_init(&text, 100);
	canon_body(&canonical, HK_CANON_RELAXED, body, CUT_WHOLE);
	assert_non_null(SHA256(canonical.p, canonical.n, hash));
	hk_base64_add(&text, hk_slice_of(hash, sizeof hash));
	assert_slice(hk_buf_slice(&text), hk_slice_str(want));
	hk_buf_done(&canonical);
	hk_buf_done(&text);
}

/* S0-082, S0-083 */
static void the_body_hashes_of_the_lab_are_reached(void **state)
{
	(void)state;
	assert_body_hash(HK_S("Hello user1@dkim.b.test!\r\n"), "0pdj9wqws+KIJQqIWGPQakvN114IPDt1CK4ekSU+NIs=");
	assert_body_hash(HK_S("Hello user1@dkim.b.test!  \r\n\r\n"), "0pdj9wqws+KIJQqIWGPQakvN114IPDt1CK4ekSU+NIs=");
	assert_body_hash(HK_S("Hello user1@dmarc.b.test!\r\n"), "4O5lFigIhxLU8If/5QjKchggSnc7Yxld80E41+l39XE=");
}

/* ---- edits ---- */

static const struct hk_slice three = S("A: 1\r\nB: 2\r\n b\r\nC: 3\r\n");

static void assert_applied(const struct hk_edits *e, struct hk_slice section, const char *want)
{
	struct hk_buf out;
	struct hk_header h;

	assert_int_equal(hk_header_parse(&arena, section, &h), HK_OK);
	hk_buf_init(&out, 4096);
	hk_edits_apply(e, &h, &out);
	assert_int_equal(hk_buf_status(&out), HK_OK);
	assert_slice(hk_buf_slice(&out), hk_slice_str(want));
	hk_buf_done(&out);
}

static void edits_keep_their_order_and_survive_storage(void **state)
{
	struct hk_edits *e = must(hk_edits_new(&arena)), *again = NULL;
	const char *want = "T2: x\r\nT1: x\r\nA: 1\r\nM: x\r\nN: y\r\nE2: x\r\nE1: x\r\n";
	struct hk_buf stored, second;
	size_t n;

	(void)state;
	assert_int_equal(hk_edits_insert(e, 0, HK_S("T1: x\r\n")), HK_OK);
	assert_int_equal(hk_edits_insert(e, 3, HK_S("E1: x\r\n")), HK_OK);
	assert_int_equal(hk_edits_insert(e, 2, HK_S("M: x\r\nN: y\r\n")), HK_OK);
	assert_int_equal(hk_edits_insert(e, 0, HK_S("T2: x\r\n")), HK_OK);
	assert_int_equal(hk_edits_insert(e, 3, HK_S("E2: x\r\n")), HK_OK);
	assert_int_equal(hk_edits_remove(e, 2), HK_OK);
	assert_int_equal(hk_edits_remove(e, 1), HK_OK);
	assert_int_equal(hk_edits_remove(e, 2), HK_OK);
	assert_applied(e, three, want);
	hk_buf_init(&stored, 4096);
	hk_buf_init(&second, 4096);
	hk_edits_format(e, &stored);
	assert_int_equal(hk_edits_parse(&arena, hk_buf_slice(&stored), &again), HK_OK);
	assert_applied(again, three, want);
	hk_edits_format(again, &second);
	assert_slice(hk_buf_slice(&second), hk_buf_slice(&stored));
	for (n = 0; n < stored.n; n++)
		assert_int_equal(hk_edits_parse(&arena, hk_slice_sub(hk_buf_slice(&stored), 0, n), &again), HK_CORRUPT);
	hk_buf_add_byte(&stored, 0);
	assert_int_equal(hk_edits_parse(&arena, hk_buf_slice(&stored), &again), HK_CORRUPT);
	stored.p[0] = 2;
	assert_int_equal(hk_edits_parse(&arena, hk_buf_slice(&stored), &again), HK_VERSION);
	hk_buf_done(&stored);
	hk_buf_done(&second);
}

static void no_edits_leave_the_header_as_it_is(void **state)
{
	(void)state;
	assert_applied(NULL, three, "A: 1\r\nB: 2\r\n b\r\nC: 3\r\n");
	assert_applied(must(hk_edits_new(&arena)), three, "A: 1\r\nB: 2\r\n b\r\nC: 3\r\n");
	assert_applied(NULL, HK_S(""), "");
}

static void an_insert_after_a_header_that_was_cut_off_stands_on_its_own_line(void **state)
{
	struct hk_edits *e = must(hk_edits_new(&arena));

	(void)state;
	assert_int_equal(hk_edits_insert(e, 1, HK_S("B: 2\r\n")), HK_OK);
	assert_applied(e, HK_S("A: 1"), "A: 1\r\nB: 2\r\n");
}

/* AP-8 SEC-71, espoofer a9: it would be the end of our field, and say there what it likes */
static void a_continuation_line_that_begins_a_header_never_follows_an_insert(void **state)
{
	struct hk_edits *top = must(hk_edits_new(&arena)), *below = must(hk_edits_new(&arena)),
	                *gone = must(hk_edits_new(&arena));

	(void)state;
	assert_int_equal(hk_edits_insert(top, 0, HK_S("T: x\r\n")), HK_OK);
	assert_applied(top, HK_S(" evil\r\nA: 1\r\n"), "T: x\r\nA: 1\r\n");
	assert_applied(top, HK_S("\tevil\r\n more\r\nA: 1\r\n b\r\n"), "T: x\r\nA: 1\r\n b\r\n");
	assert_applied(top, HK_S(" evil"), "T: x\r\n");
	assert_int_equal(hk_edits_insert(below, 1, HK_S("T: x\r\n")), HK_OK);
	assert_applied(below, HK_S(" evil\r\nA: 1\r\n"), " evil\r\nT: x\r\nA: 1\r\n");
	assert_int_equal(hk_edits_remove(gone, 0), HK_OK);
	assert_applied(gone, HK_S(" evil\r\nA: 1\r\n"), "A: 1\r\n");
	assert_applied(NULL, HK_S(" evil\r\nA: 1\r\n"), " evil\r\nA: 1\r\n");
}

static void inserted_text_is_whole_fields_and_nothing_else(void **state)
{
	static const struct hk_slice bad[] = {S(""), S("A: b"), S("A: b\n"), S("A: b\r\n\r\n"), S("\r\n"), S("no field\r\n"),
	    S(" A: b\r\n"), S("A: b\rc\r\n"), S("A: b\nC: d\r\n"), S("A: b\0c\r\n"), S("A: b\r\n\r\nbody\r\n"),
	    S("A: b\r\nC: d"), S("A: b\r\r\n")};
	struct hk_edits *e = must(hk_edits_new(&arena));
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++)
		assert_int_equal(hk_edits_insert(e, 0, bad[i]), HK_SYNTAX);
	assert_applied(e, three, "A: 1\r\nB: 2\r\n b\r\nC: 3\r\n");
}

static void an_edit_list_holds_1000_changes(void **state)
{
	struct hk_edits *e = must(hk_edits_new(&arena));
	size_t i;

	(void)state;
	for (i = 0; i < HK_EDITS_MAX; i++)
		assert_int_equal(i % 2 ? hk_edits_remove(e, i) : hk_edits_insert(e, i, HK_S("A: b\r\n")), HK_OK);
	assert_int_equal(hk_edits_remove(e, 0), HK_LIMIT);
	assert_int_equal(hk_edits_insert(e, 0, HK_S("A: b\r\n")), HK_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(the_first_empty_line_ends_the_header_rfc_5322_2_1),
	    TEST(a_header_of_limit_octets_passes_and_one_more_does_not),
	    TEST(fields_are_split_at_their_colon_with_folding_kept),
	    TEST(a_header_has_at_most_2000_fields),
	    TEST(a_small_arena_gives_its_status_not_a_crash),
	    TEST(find_and_count_know_no_case),
	    TEST(a_line_resembles_a_field_when_only_what_cannot_be_seen_differs),
	    TEST(unfolding_takes_the_crlf_and_leaves_the_wsp_rfc_5322_2_2_3),
	    TEST(bodies_take_the_forms_of_rfc_6376_3_4_3_and_3_4_4),
	    TEST(random_bodies_agree_with_the_reference_however_they_are_cut),
	    TEST(fields_take_the_forms_of_rfc_6376_3_4_1_and_3_4_2),
	    TEST(the_body_hashes_of_the_lab_are_reached),
	    TEST(edits_keep_their_order_and_survive_storage),
	    TEST(no_edits_leave_the_header_as_it_is),
	    TEST(an_insert_after_a_header_that_was_cut_off_stands_on_its_own_line),
	    TEST(a_continuation_line_that_begins_a_header_never_follows_an_insert),
	    TEST(inserted_text_is_whole_fields_and_nothing_else),
	    TEST(an_edit_list_holds_1000_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
