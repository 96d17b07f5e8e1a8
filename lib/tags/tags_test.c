/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include <hikyaku/tags.h>

#include "tests/unit.h"

struct row {
	struct hk_slice text;
	unsigned flags;
	enum hk_status status;
	const char *expect; /* "name=value|name=value", inner folding as it is */
};

static const struct row rows[] = {
    {S("v=1"), 0, HK_OK, "v=1"},
    {S("v=1;"), 0, HK_OK, "v=1"},
    {S("v=1; "), 0, HK_OK, "v=1"},
    {S(" v = 1 ; a\t=\r\n rsa-sha256 "), 0, HK_OK, "v=1|a=rsa-sha256"},
    {S("p="), 0, HK_OK, "p="},
    {S("p=;t= "), 0, HK_OK, "p=|t="},
    {S("b=ab\r\n cd"), 0, HK_OK, "b=ab\r\n cd"},
    {S("x_1=a=b:c"), 0, HK_OK, "x_1=a=b:c"},
    {S("n=caf\xc3\xa9"), 0, HK_OK, "n=caf\xc3\xa9"},
    {S("A=1;a=2"), 0, HK_OK, "A=1|a=2"},
    {S(""), 0, HK_SYNTAX, NULL},
    {S(" "), 0, HK_SYNTAX, NULL},
    {S(";"), 0, HK_SYNTAX, NULL},
    {S(";v=1"), 0, HK_SYNTAX, NULL},
    {S("v=1;;a=2"), 0, HK_SYNTAX, NULL},
    {S("v=1; ;"), 0, HK_SYNTAX, NULL},
    {S("v"), 0, HK_SYNTAX, NULL},
    {S("=1"), 0, HK_SYNTAX, NULL},
    {S("1v=1"), 0, HK_SYNTAX, NULL},
    {S("v-x=1"), 0, HK_SYNTAX, NULL},
    {S("v x=1"), 0, HK_SYNTAX, NULL},
    {S("v=1;v=1"), 0, HK_SYNTAX, NULL},
    {S("v=a\0b"), 0, HK_SYNTAX, NULL},
    {S("v=a\x7f"), 0, HK_SYNTAX, NULL},
    {S("v=a\rb"), 0, HK_SYNTAX, NULL},
    {S("v=a\nb"), 0, HK_SYNTAX, NULL},
    {S("v=a\r\nb"), 0, HK_SYNTAX, NULL},
    {S("v=a\r\n"), 0, HK_SYNTAX, NULL},
    {S("v=a;\r\n b=c"), 0, HK_OK, "v=a|b=c"},
    {S("A=1;a=2"), HK_TAGS_NOCASE, HK_SYNTAX, NULL},
    {S("A=1;a=2"), HK_TAGS_NOCASE | HK_TAGS_DUPLICATES, HK_OK, "A=1"},
    {S("a=1;a=2;b=3"), HK_TAGS_DUPLICATES, HK_OK, "a=1|b=3"},
    {S(""), HK_TAGS_SKIP_BAD, HK_OK, ""},
    {S("a=1;;junk;b=\x01;c=3"), HK_TAGS_SKIP_BAD, HK_OK, "a=1|c=3"},
};

static void tag_lists_are_judged_by_rfc_6376_3_2(void **state)
{
	size_t i, k;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct hk_tags tags = {.n = 777};
		enum hk_status status = hk_tags_parse(rows[i].text, rows[i].flags, &tags);
		char text[256] = "";
		size_t at = 0;

		if (status != rows[i].status)
			fail_msg("row %zu: %s", i, hk_status_name(status));
		if (status != HK_OK) {
			assert_int_equal(tags.n, 777);
			continue;
		}
		for (k = 0; k < tags.n; k++)
			at += (size_t)snprintf(text + at, sizeof text - at, "%s%.*s=%.*s",
			    k ? "|" : "", HK_FMT(tags.tag[k].name), HK_FMT(tags.tag[k].value));
		assert_string_equal(text, rows[i].expect);
	}
}

static void a_list_holds_64_tags_and_not_65(void **state)
{
	unsigned n;

	(void)state;
	for (n = HK_TAGS_MAX - 1; n <= HK_TAGS_MAX + 1; n++) {
		struct hk_tags tags;
		struct hk_buf b;
		unsigned i;

		hk_buf_init(&b, 4096);
		for (i = 0; i < n; i++)
			hk_buf_addf(&b, "t%u=%u;", i, i);
		assert_int_equal(
		    hk_tags_parse(hk_buf_slice(&b), 0, &tags), n > HK_TAGS_MAX ? HK_LIMIT : HK_OK);
		hk_buf_done(&b);
	}
}

static void names_are_found_exactly_or_without_case(void **state)
{
	struct hk_tags tags;
	struct hk_slice value = HK_S("untouched");

	(void)state;
	assert_int_equal(hk_tags_parse(HK_S("BH=x; b=y"), 0, &tags), HK_OK);
	assert_false(hk_tags_get(&tags, "bh", &value));
	assert_true(hk_slice_eq(value, HK_S("untouched")));
	assert_true(hk_tags_get_nocase(&tags, "bh", &value));
	assert_true(hk_slice_eq(value, HK_S("x")));
	assert_true(hk_tags_get(&tags, "b", &value));
	assert_true(hk_slice_eq(value, HK_S("y")));
	assert_false(hk_tags_get_nocase(&tags, "d", &value));
}

static void an_empty_element_of_a_list_is_seen(void **state)
{
	static const struct {
		struct hk_slice list;
		const char *expect;
	} lists[] = {
	    {S("a"), "<a>"},
	    {S("from : to\r\n :subject"), "<from><to><subject>"},
	    {S("a:"), "<a><>"},
	    {S(":a"), "<><a>"},
	    {S("a::b"), "<a><><b>"},
	    {S(""), "<>"},
	};
	struct hk_slice item, list = {0};
	size_t i;

	(void)state;
	assert_false(hk_tags_item(&list, ':', &item));
	for (i = 0; i < COUNT(lists); i++) {
		char text[64] = "";
		size_t at = 0;

		list = lists[i].list;
		while (hk_tags_item(&list, ':', &item))
			at += (size_t)snprintf(text + at, sizeof text - at, "<%.*s>", HK_FMT(item));
		assert_string_equal(text, lists[i].expect);
	}
}

static void folding_white_space_is_stripped_everywhere(void **state)
{
	struct hk_arena a;
	struct hk_slice s;

	(void)state;
	hk_arena_init(&a, 1024);
	assert_int_equal(hk_tags_strip_fws(&a, HK_S(" ab\r\n\tcd e"), &s), HK_OK);
	assert_true(hk_slice_eq(s, HK_S("abcde")));
	assert_int_equal(hk_tags_strip_fws(&a, HK_S(""), &s), HK_OK);
	assert_int_equal(s.n, 0);
	hk_arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tag_lists_are_judged_by_rfc_6376_3_2),
	    cmocka_unit_test(a_list_holds_64_tags_and_not_65),
	    cmocka_unit_test(names_are_found_exactly_or_without_case),
	    cmocka_unit_test(an_empty_element_of_a_list_is_seen),
	    cmocka_unit_test(folding_white_space_is_stripped_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
