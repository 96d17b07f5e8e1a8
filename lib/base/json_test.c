/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <hikyaku/json.h>

#include "lib/base/base_internal.h"
#include "tests/unit.h"

/* One letter per token, texts in between; "!" and the status's name where it ends in a failure. */
static void list_tokens(struct hk_slice doc, size_t arena_limit, struct hk_buf *out)
{
	static const char letters[] = {[HK_JSON_OBJECT] = '{', [HK_JSON_OBJECT_END] = '}', [HK_JSON_ARRAY] = '[',
	    [HK_JSON_ARRAY_END] = ']', [HK_JSON_KEY] = 'k', [HK_JSON_STRING] = 's', [HK_JSON_NUMBER] = 'n',
	    [HK_JSON_TRUE] = 't', [HK_JSON_FALSE] = 'f', [HK_JSON_NULL] = '0', [HK_JSON_END] = '.'};
	uint8_t *copy = malloc(doc.n ? doc.n : 1); /* exactly so long, for the sanitizer to see */
	enum hk_json_token token = HK_JSON_NULL;
	enum hk_status status = HK_OK;
	struct hk_json_reader *r;
	struct hk_arena a;
	struct hk_slice text;

	assert_non_null(copy);
	if (doc.n)
		memcpy(copy, doc.p, doc.n);
	hk_arena_init(&a, arena_limit);
	r = hk_json_reader_new(&a, hk_slice_of(copy, doc.n));
	assert_non_null(r);
	while (token != HK_JSON_END && status == HK_OK) {
		status = hk_json_next(r, &token, &text);
		if (status != HK_OK)
			break;
		hk_buf_add_byte(out, (uint8_t)letters[token]);
		if (token == HK_JSON_KEY || token == HK_JSON_STRING || token == HK_JSON_NUMBER)
			hk_buf_addf(out, "<%.*s>", HK_FMT(text));
		else
			assert_int_equal(text.n, 0);
	}
	/* an end stays an end, a failure a failure */
	assert_int_equal(hk_json_next(r, &token, &text), status);
	if (status != HK_OK)
		hk_buf_addf(out, "!%s", hk_status_name(status));
	else
		assert_int_equal(token, HK_JSON_END);
	hk_arena_done(&a);
	free(copy);
}

static void documents_are_read_token_by_token_rfc_8259(void **state)
{
	static const struct {
		const char *doc, *want;
	} cases[] = {
	    {"{}", "{}."},
	    {" [ ] ", "[]."},
	    {"\"x\"", "s<x>."},
	    {"\t-0.5e+10\r\n", "n<-0.5e+10>."},
	    {"{\"a\":1,\"b\":[true,false,null,{}],\"c\":\"\"}", "{k<a>n<1>k<b>[tf0{}]k<c>s<>}."},
	    {"[[[]],[0]]", "[[[]][n<0>]]."},
	    {"[1 , 2\n,\t3]", "[n<1>n<2>n<3>]."},
	    {"{\"\" : \"\"}", "{k<>s<>}."},
	    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "s<\"\\/\b\f\n\r\t>."},
	    {"\"\\u0041\\u00e9\\u98db\\ud83d\\ude00\\uFFFF\"", "s<A\xc3\xa9\xe9\xa3\x9b\xf0\x9f\x98\x80\xef\xbf\xbf>."},
	    {"\"\xe9\xa3\x9b\xe8\x84\x9a\"", "s<\xe9\xa3\x9b\xe8\x84\x9a>."},
	    {"{\"\\u0061\":1}", "{k<a>n<1>}."},
	    {"[1.0,1e5,1E-5,10,-1]", "[n<1.0>n<1e5>n<1E-5>n<10>n<-1>]."},
	    /* and what is no JSON */
	    {"", "!SYNTAX"}, {" ", "!SYNTAX"}, {"{", "{!SYNTAX"}, {"[", "[!SYNTAX"}, {"]", "!SYNTAX"}, {"}", "!SYNTAX"},
	    {"[}", "[!SYNTAX"}, {"{]", "{!SYNTAX"}, {"[1,]", "[n<1>!SYNTAX"}, {"[,1]", "[!SYNTAX"}, {"[1 2]", "[n<1>!SYNTAX"},
	    {"{\"a\"}", "{!SYNTAX"}, {"{\"a\":}", "{k<a>!SYNTAX"}, {"{\"a\":1,}", "{k<a>n<1>!SYNTAX"}, {"{1:2}", "{!SYNTAX"},
	    {"{\"a\":1 \"b\":2}", "{k<a>n<1>!SYNTAX"}, {"{\"a\" 1}", "{!SYNTAX"}, {"{} {}", "{}!SYNTAX"}, {"1 2", "n<1>!SYNTAX"},
	    {"[]]", "[]!SYNTAX"}, {"01", "!SYNTAX"}, {"-", "!SYNTAX"}, {"1.", "!SYNTAX"}, {".5", "!SYNTAX"}, {"1e", "!SYNTAX"},
	    {"1e+", "!SYNTAX"}, {"+1", "!SYNTAX"}, {"0x1", "n<0>!SYNTAX"}, {"NaN", "!SYNTAX"}, {"tru", "!SYNTAX"}, {"True", "!SYNTAX"},
	    {"truex", "t!SYNTAX"}, {"'a'", "!SYNTAX"}, {"\"a", "!SYNTAX"}, {"\"a\\\"", "!SYNTAX"}, {"\"\\", "!SYNTAX"}, {"\"\\x\"", "!SYNTAX"},
	    {"\"\\u12\"", "!SYNTAX"}, {"\"\\u12g4\"", "!SYNTAX"}, {"\"\\ud800\"", "!SYNTAX"}, {"\"\\udc00\"", "!SYNTAX"},
	    {"\"\\ud800\\u0041\"", "!SYNTAX"}, {"\"\\ud800x\"", "!SYNTAX"}, {"\"\n\"", "!SYNTAX"}, {"\"\x1f\"", "!SYNTAX"},
	    {"\"\xff\"", "!SYNTAX"}, {"\"\xc0\x80\"", "!SYNTAX"}, {"\"\xed\xa0\x80\"", "!SYNTAX"}, {"\"\xe9\xa3\"", "!SYNTAX"},
	    {"\xef\xbb\xbf{}", "!SYNTAX"}, {"[1]//", "[n<1>]!SYNTAX"}, {"/**/1", "!SYNTAX"}, {"\f1", "!SYNTAX"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct hk_buf out;

		hk_buf_init(&out, 4096);
		list_tokens(hk_slice_str(cases[i].doc), 65536, &out);
		hk_buf_add_byte(&out, 0);
		assert_int_equal(hk_buf_status(&out), HK_OK);
		assert_string_equal((const char *)out.p, cases[i].want);
		hk_buf_done(&out);
	}
}

static void a_nul_is_refused_bare_and_kept_when_escaped(void **state)
{
	struct hk_arena a;
	struct hk_json_reader *r;
	enum hk_json_token token;
	struct hk_slice text;

	(void)state;
	hk_arena_init(&a, 4096);
	r = must(hk_json_reader_new(&a, HK_S("\"a\0b\"")));
	assert_int_equal(hk_json_next(r, &token, &text), HK_SYNTAX);
	r = must(hk_json_reader_new(&a, HK_S("1\0")));
	assert_int_equal(hk_json_next(r, &token, &text), HK_OK);
	assert_int_equal(hk_json_next(r, &token, &text), HK_SYNTAX);
	r = must(hk_json_reader_new(&a, HK_S("\"a\\u0000b\"")));
	assert_int_equal(hk_json_next(r, &token, &text), HK_OK);
	assert_true(hk_slice_eq(text, HK_S("a\0b")));
	hk_arena_done(&a);
}

static void brackets_nest_32_deep(void **state)
{
	size_t depth, i;

	(void)state;
	for (depth = HK_JSON_MAX_DEPTH - 1; depth <= HK_JSON_MAX_DEPTH + 1; depth++) {
		struct hk_buf doc, out;

		hk_buf_init(&doc, 4096);
		hk_buf_init(&out, 4096);
		for (i = 0; i < depth; i++)
			hk_buf_add_str(&doc, i % 2 ? "{\"k\":" : "[");
		hk_buf_add_str(&doc, "1");
		for (i = depth; i-- > 0;)
			hk_buf_add_byte(&doc, i % 2 ? '}' : ']');
		list_tokens(hk_buf_slice(&doc), 65536, &out);
		hk_buf_add_byte(&out, 0);
		assert_int_equal(hk_buf_status(&out), HK_OK);
		if (depth > HK_JSON_MAX_DEPTH)
			assert_non_null(strstr((const char *)out.p, "!LIMIT"));
		else
			assert_null(strchr((const char *)out.p, '!'));
		hk_buf_done(&doc);
		hk_buf_done(&out);
	}
}

static void a_small_arena_is_a_limit(void **state)
{
	struct hk_buf out;

	(void)state;
	hk_buf_init(&out, 4096);
	list_tokens(HK_S("[\"plain texts are borrowed\", \"\\n but this one takes memory\"]"), 64, &out);
	assert_true(hk_slice_eq(hk_buf_slice(&out), HK_S("[s<plain texts are borrowed>!LIMIT")));
	hk_buf_done(&out);
}

static void what_the_writer_writes_the_reader_reads(void **state)
{
	struct hk_json_writer w;
	struct hk_buf doc, out;

	(void)state;
	hk_buf_init(&doc, 4096);
	hk_buf_init(&out, 4096);
	hk_json_begin(&w, &doc);
	hk_json_object(&w, NULL);
	hk_json_text(&w, "q\"uote", "a\\b\x01\x7f\n");
	hk_json_string(&w, "bad", HK_S("x\xffy\xe9\xa3"));
	hk_json_array(&w, "list");
	hk_json_int(&w, NULL, INT64_MIN);
	hk_json_bool(&w, NULL, true);
	hk_json_null(&w, NULL);
	hk_json_object(&w, NULL);
	hk_json_close_object(&w);
	hk_json_close_array(&w);
	hk_json_text(&w, "none", NULL);
	hk_json_bool(&w, "no", false);
	hk_json_close_object(&w);
	assert_int_equal(hk_buf_status(&doc), HK_OK);
	list_tokens(hk_buf_slice(&doc), 65536, &out);
	hk_buf_add_byte(&out, 0);
	assert_int_equal(hk_buf_status(&out), HK_OK);
	assert_string_equal((const char *)out.p,
	    "{k<q\"uote>s<a\\b\x01\x7f\n>k<bad>s<x\xef\xbf\xbdy\xef\xbf\xbd\xef\xbf\xbd>k<list>[n<-9223372036854775808>t0{}]k<none>0k<no>f}.");
	hk_buf_done(&doc);
	hk_buf_done(&out);
}

/* A terminal takes U+009B for the begin of a command, as it does ESC "[" (ECMA-48 5.4). */
static void no_control_character_is_written_as_it_is(void **state)
{
	struct hk_json_writer w;
	struct hk_buf doc;

	(void)state;
	hk_buf_init(&doc, 4096);
	hk_json_begin(&w, &doc);
	hk_json_string(&w, NULL, HK_S("a\x1b[\x7f\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0\xc3\x9b"));
	assert_true(hk_slice_eq(
	    hk_buf_slice(&doc), HK_S("\"a\\u001b[\\u007f\\u0080\\u009b\\u009f\xc2\xa0\xc3\x9b\"")));
	hk_buf_done(&doc);
}

/* U+202E shows "moc.knab" as "bank.com"; what stands beside the marks is text. */
static void no_mark_that_turns_text_around_is_written_as_it_is(void **state)
{
	struct hk_json_writer w;
	struct hk_buf doc;

	(void)state;
	hk_buf_init(&doc, 4096);
	hk_json_begin(&w, &doc);
	hk_json_string(&w, NULL,
	    HK_S("\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f\xe2\x80\xaa\xe2\x80\xae\xe2\x81\xa6\xe2\x81\xa9"
	         "\xd8\x9b\xe2\x80\x8d\xe2\x80\x90\xe2\x80\xaf\xe2\x81\xaa\xf0\x92\x80\xae\xef\xbf\xbf"));
	assert_true(hk_slice_eq(hk_buf_slice(&doc),
	    HK_S("\"\\u061c\\u200e\\u200f\\u202a\\u202e\\u2066\\u2069"
	         "\xd8\x9b\xe2\x80\x8d\xe2\x80\x90\xe2\x80\xaf\xe2\x81\xaa\xf0\x92\x80\xae\xef\xbf\xbf\"")));
	hk_buf_done(&doc);
}

static void the_writer_refuses_what_does_not_close(void **state)
{
	struct hk_json_writer w;
	struct hk_buf doc;
	size_t i;

	(void)state;
	hk_buf_init(&doc, 4096);
	hk_json_begin(&w, &doc);
	hk_json_close_array(&w);
	assert_int_equal(hk_buf_status(&doc), HK_BUG);
	hk_buf_reset(&doc);
	hk_json_begin(&w, &doc);
	for (i = 0; i < HK_JSON_MAX_DEPTH + 8; i++)
		hk_json_array(&w, NULL);
	assert_int_equal(hk_buf_status(&doc), HK_BUG);
	hk_buf_done(&doc);
}

static void utf_8_is_well_formed_or_not_rfc_3629_4(void **state)
{
	static const struct {
		struct hk_slice text;
		size_t length;
	} cases[] = {
	    {S(""), 0}, {S("\x00"), 1}, {S("\x7f"), 1}, {S("\x80"), 0}, {S("\xc1\xbf"), 0}, {S("\xc2\x80"), 2},
	    {S("\xdf\xbf"), 2}, {S("\xdf"), 0}, {S("\xdf\xc0"), 0}, {S("\xe0\x9f\xbf"), 0}, {S("\xe0\xa0\x80"), 3},
	    {S("\xed\x9f\xbf"), 3}, {S("\xed\xa0\x80"), 0}, {S("\xee\x80\x80"), 3}, {S("\xef\xbf\xbf"), 3}, {S("\xef\xbf"), 0},
	    {S("\xef\xbf\x7f"), 0}, {S("\xf0\x8f\xbf\xbf"), 0}, {S("\xf0\x90\x80\x80"), 4}, {S("\xf4\x8f\xbf\xbf"), 4},
	    {S("\xf4\x90\x80\x80"), 0}, {S("\xf5\x80\x80\x80"), 0}, {S("\xff"), 0}, {S("ab"), 1},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(hk_utf8_length(cases[i].text), cases[i].length);
		assert_int_equal(hk_utf8_is_valid(cases[i].text), cases[i].length > 0 || cases[i].text.n == 0);
	}
	assert_false(hk_utf8_is_valid(HK_S("abc\xff")));
}

static void what_is_cut_ends_before_a_sequence_that_is_not_whole(void **state)
{
	static const struct {
		struct hk_slice text;
		size_t max, n;
	} cases[] = {
	    {S("abc"), 2, 2}, {S("abc"), 3, 3}, {S("abc"), 4, 3}, {S("abc"), 0, 0}, {S(""), 0, 0}, {S("a\xc3\xbc"), 1, 1},
	    {S("a\xc3\xbc"), 2, 1}, {S("a\xc3\xbc"), 3, 3}, {S("a\xc3\xbc"), 4, 3}, {S("\xef\xbf\xbf"), 2, 0}, {S("\xef\xbf\xbf"), 1, 0},
	    {S("\xf0\x90\x80\x80"), 3, 0}, {S("\xf0\x90\x80\x80"), 4, 4}, {S("\xf0\x90\x80\x80\xc3\xbc"), 5, 4},
	    /* what was cut before it came */
	    {S("a\xc3"), 2, 1}, {S("a\xc3"), 3, 2},
	    /* what is no UTF-8 anyway */
	    {S("a\x80\x80\x80\x80"), 4, 4}, {S("\x80\x80"), 1, 1},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		if (hk_utf8_cut(cases[i].text, cases[i].max).n != cases[i].n)
			fail_msg("%zu: %zu", i, hk_utf8_cut(cases[i].text, cases[i].max).n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_cut_ends_before_a_sequence_that_is_not_whole),
	    cmocka_unit_test(documents_are_read_token_by_token_rfc_8259),
	    cmocka_unit_test(a_nul_is_refused_bare_and_kept_when_escaped),
	    cmocka_unit_test(brackets_nest_32_deep),
	    cmocka_unit_test(a_small_arena_is_a_limit),
	    cmocka_unit_test(what_the_writer_writes_the_reader_reads),
	    cmocka_unit_test(no_control_character_is_written_as_it_is),
	    cmocka_unit_test(no_mark_that_turns_text_around_is_written_as_it_is),
	    cmocka_unit_test(the_writer_refuses_what_does_not_close),
	    cmocka_unit_test(utf_8_is_well_formed_or_not_rfc_3629_4),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
