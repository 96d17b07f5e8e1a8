/* SPDX-License-Identifier: MIT
 *
 * The worst that is still a message: the example of RFC 5322 A.5, in the old grammar and in the new one; and addresses of octets
 * that other parsers miscounted.
 */
#include <stdio.h>
#include <stdlib.h>

#include <hikyaku/message.h>

#include "tests/unit.h"

/* RFC 5322 A.5, and the same in 5322bis */
#define EXAMPLE                                                                                                        \
	"From: Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>\r\n"                                         \
	"To:A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n         joe@example.org,\r\n"  \
	"  John <jdoe@one.test> (my dear friend); (the end of the group)\r\n"                                              \
	"Cc:(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;\r\n"                                           \
	"Date: Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n               -0330 (Newfoundland Time)\r\n" \
	"Message-ID:              <testabcd.1234@silly.test>\r\n"

static struct hk_slice value_of(const struct hk_header *h, const char *name)
{
	size_t i = hk_header_find(h, hk_slice_str(name), 0);

	assert_true(i < h->n);
	return h->field[i].value;
}

static void assert_address(const struct hk_address *a, const char *display, const char *local, const char *domain)
{
	assert_text(a->display, display);
	assert_text(a->local, local);
	assert_text(a->domain, domain);
}

/* S4-110 S4-105: comments and folding wherever the grammar lets them stand */
static void the_example_of_appendix_a_5_is_read(void **state)
{
	struct hk_address_list list;
	struct hk_header h;
	struct hk_arena a;
	bool is_weekday_right;
	int64_t utc;
	int offset;

	(void)state;
	hk_arena_init(&a, 1 << 20);
	assert_int_equal(hk_header_parse(&a, HK_S(EXAMPLE), &h), HK_OK);
	assert_int_equal(h.n, 5);
	assert_int_equal(h.malformed, 0);
	assert_int_equal(hk_address_list_parse(&a, value_of(&h, "From"), &list), HK_OK);
	assert_int_equal(list.n, 1);
	assert_address(&list.at[0], "Pete", "pete", "silly.test");
	assert_int_equal(hk_address_list_parse(&a, value_of(&h, "To"), &list), HK_OK);
	assert_int_equal(list.n, 3);
	assert_int_equal(list.groups, 1);
	assert_address(&list.at[0], "Chris Jones", "c", "public.example");
	assert_address(&list.at[1], "", "joe", "example.org");
	assert_address(&list.at[2], "John", "jdoe", "one.test");
	assert_int_equal(hk_address_list_parse(&a, value_of(&h, "Cc"), &list), HK_OK);
	assert_int_equal(list.n, 0);
	assert_int_equal(list.groups, 1);
	assert_int_equal(hk_date_parse(value_of(&h, "Date"), &utc, &offset, &is_weekday_right), HK_OK);
	assert_true(utc == -27723480 && offset == -210 && is_weekday_right); /* 1969-02-13T23:32:00-03:30 */
	assert_text(hk_slice_trim(value_of(&h, "Message-ID")), "<testabcd.1234@silly.test>");
	hk_arena_done(&a);
}

/* S4-111: RFC 5322 has any number of tokens before the semicolon, 5322bis a token or CFWS: none at all is read in each way. */
static void a_received_field_without_tokens_is_one(void **state)
{
	static const char *const fields[] = {"Received:; Mon, 1 Jan 2024 00:00:00 +0000\r\n", "Received: ; Mon, 1 Jan 2024 00:00:00 +0000\r\n",
	    "Received:(a comment); Mon, 1 Jan 2024 00:00:00 +0000\r\n", "Received:\r\n ; Mon, 1 Jan 2024 00:00:00 +0000\r\n",
	    "Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n", "received : ; Mon, 1 Jan 2024 00:00:00 +0000\r\n"};
	bool is_weekday_right;
	struct hk_header h;
	struct hk_arena a;
	int64_t utc;
	int offset;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(fields); i++) {
		struct hk_slice value;

		hk_arena_init(&a, 1 << 16);
		assert_int_equal(hk_header_parse(&a, hk_slice_str(fields[i]), &h), HK_OK);
		assert_int_equal(hk_header_count(&h, HK_S("Received")), 1);
		assert_int_equal(h.malformed, 0);
		value = h.field[0].value;
		value = hk_slice_from(value, hk_slice_rfind(value, ';') + 1);
		assert_int_equal(hk_date_parse(value, &utc, &offset, &is_weekday_right), HK_OK);
		assert_true(utc == 1704067200);
		hk_arena_done(&a);
	}
}

/* S4-113: a date of ours has a number for its zone, never a name alone. */
static void a_date_of_ours_has_a_number_for_its_zone(void **state)
{
	static const char *const zones[] = {"", "UTC", "GMT", "Z", "UT", "JST"};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(zones); i++) {
		struct hk_buf b;

		hk_buf_init(&b, 256);
		hk_date_format(&b, 0, 0, hk_slice_str(zones[i]));
		assert_true(hk_slice_starts_nocase(hk_buf_slice(&b), HK_S("Thu, 1 Jan 1970 00:00:00 +0000")));
		hk_buf_done(&b);
	}
}

/* ---- octets ---- */

/* An exact copy, so that a step behind its end is seen; what is read from it keeps its limits. */
static void read_both_ways(struct hk_slice text)
{
	uint8_t *copy = must(malloc(text.n ? text.n : 1));
	struct hk_address_list list;
	struct hk_slice rest;
	struct hk_path path;
	struct hk_arena a;

	memcpy(copy, text.p, text.n);
	hk_arena_init(&a, 16 << 20);
	if (hk_path_parse(&a, hk_slice_of(copy, text.n), HK_PATH_LENIENT | HK_PATH_NULL | HK_PATH_UTF8, &path, &rest) == HK_OK)
		assert_true(path.local.n <= HK_LOCAL_MAX && path.domain.n <= HK_DOMAIN_MAX && path.text.n + 2 <= HK_PATH_MAX);
	if (hk_address_list_parse(&a, hk_slice_of(copy, text.n), &list) == HK_OK)
		assert_true(list.n + list.groups > 0 && list.n <= text.n);
	hk_arena_done(&a);
	free(copy);
}

/* Where each allocation fails once, a few of them are enough. */
static size_t step(size_t most)
{
	return getenv("HIKYAKU_OOM") ? most : 1;
}

/* SEC-22 T7 (CVE-2002-1337, CVE-2003-0161, CVE-2003-0694): each octet at each place of each form; 0xff was -1 to others. */
static void any_octet_may_stand_anywhere_in_an_address(void **state)
{
	static const char *const forms[] = {"<a@b.test>", "a (c) <a@b.test>", "\"a\\\"\" <@x,@y:a@b.test>", "g:a@b,c@d;", "<\"a\\ b\"@[192.0.2.1]>", "()<>()<>"};
	uint8_t text[64];
	size_t i, at, c;

	(void)state;
	for (i = 0; i < COUNT(forms); i += step(3)) {
		size_t n = strlen(forms[i]);

		for (at = 0; at <= n; at += step(5))
			for (c = 0; c < 256; c += step(85)) {
				memcpy(text, forms[i], n);
				if (at < n) {
					text[at] = (uint8_t)c; /* in place of one */
					read_both_ways(hk_slice_of(text, n));
				}
				memcpy(text + at, forms[i] + at, n - at);
				memmove(text + at + 1, text + at, n - at);
				text[at] = (uint8_t)c; /* beside it */
				read_both_ways(hk_slice_of(text, n + 1));
			}
	}
}

/* SEC-22: brackets of any kind, opened and never closed, closed and never opened, in any number up to and past each limit. */
static void brackets_are_counted_by_nobody(void **state)
{
	static const char *const parts[] = {"<", ">", "<>", "(", ")", "()", "((", "\"", "\\", "[", "]", "<(", ")>", "\xff", "\xff<>", ":", ",;", "@", "@,"};
	static const size_t counts[] = {1, 2, 49, 50, 51, 63, 64, 65, 253, 254, 255, 256, 257, 1000, 1023, 1024, 1025, 5000};
	size_t i, k, j;

	(void)state;
	for (i = 0; i < COUNT(parts); i += step(6)) {
		for (k = 0; k < COUNT(counts); k += step(6)) {
			struct hk_buf b;

			hk_buf_init(&b, 1 << 16);
			for (j = 0; j < counts[k]; j++)
				hk_buf_add_str(&b, parts[i]);
			if (hk_buf_status(&b) == HK_OK)
				read_both_ways(hk_buf_slice(&b));
			hk_buf_add_str(&b, " <a@b.test>");
			if (hk_buf_status(&b) == HK_OK)
				read_both_ways(hk_buf_slice(&b));
			hk_buf_done(&b);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_example_of_appendix_a_5_is_read),
	    cmocka_unit_test(a_received_field_without_tokens_is_one),
	    cmocka_unit_test(a_date_of_ours_has_a_number_for_its_zone),
	    cmocka_unit_test(any_octet_may_stand_anywhere_in_an_address),
	    cmocka_unit_test(brackets_are_counted_by_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
