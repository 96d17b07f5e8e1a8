/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hikyaku/names.h>

#include "tests/unit.h"

/* Rules of a list as people write it: a comment, a suffix of two labels, a wildcard and an exception to it. */
static const char list_text[] = "// a comment\ncom\njp\nco.jp\n*.ck\n!www.ck\n\xe5\x85\xac\xe5\x8f\xb8.cn\n";

static struct hk_names *open_list(void)
{
	char path[] = "/tmp/hk-names-XXXXXX";
	struct hk_names *names = NULL;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, list_text, sizeof list_text - 1), sizeof list_text - 1);
	close(fd);
	assert_int_equal(hk_names_open(path, &names), HK_OK);
	unlink(path);
	return names;
}

/* S4-039 */
static void the_longest_rule_is_the_suffix_rfc_7489_3_2(void **state)
{
	static const struct {
		const char *name, *suffix;
	} cases[] = {
	    {"a.b.com", "com"}, {"com", "com"}, {"x.a.co.jp", "co.jp"}, {"a.jp", "jp"}, {"a.b.ck", "b.ck"},
	    {"x.www.ck", "ck"}, {"a.b.unlisted", "unlisted"}, {"unlisted", "unlisted"},
	    {"x.xn--55qx5d.cn", "xn--55qx5d.cn"}, {"a\\046com", "a\\046com"}, {"", ""},
	};
	struct hk_names *names = open_list();
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct hk_slice name = hk_slice_str(cases[i].name), suffix = hk_names_suffix(names, name);

		if (!hk_slice_eq(suffix, hk_slice_str(cases[i].suffix)))
			fail_msg("%s: %.*s", cases[i].name, HK_FMT(suffix));
		assert_true(suffix.n == 0 || suffix.p + suffix.n == name.p + name.n);
	}
	hk_names_close(names);
	hk_names_close(NULL);
}

static void a_list_that_is_not_there_is_an_error(void **state)
{
	struct hk_names *names = NULL;

	(void)state;
	assert_int_equal(hk_names_open("/nonexistent/list.dat", &names), HK_IO);
	assert_null(names);
	assert_int_equal(hk_names_open(NULL, &names), HK_OK); /* libpsl has one built in */
	hk_names_close(names);
}

/* auth-peers 10 */
static void u_labels_become_a_labels_rfc_5891_5(void **state)
{
	static const struct {
		const char *name, *alabel; /* NULL: it has none */
	} cases[] = {
	    {"a.test", "a.test"},
	    {"A.TEST", "a.test"},
	    {"b\xc3\xbc" "cher.test", "xn--bcher-kva.test"},
	    {"B\xc3\x9c" "CHER.test", "xn--bcher-kva.test"},
	    {"bu\xcc\x88" "cher.test", "xn--bcher-kva.test"}, /* not composed */
	    {"xn--bcher-kva.test", "xn--bcher-kva.test"},
	    {"XN--BCHER-KVA.test", "xn--bcher-kva.test"},
	    {"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe3\x80\x82jp", "xn--wgv71a119e.jp"}, /* an ideographic full stop */
	    {"fa\xc3\x9f.de", "xn--fa-hia.de"},
	    {"FA\xe1\xba\x9e.de", "xn--fa-hia.de"},
	    {"a_b.test", NULL},
	    {"a..test", NULL},
	    {"a.test.", NULL},
	    {"", NULL},
	    {".", NULL},
	    {"xn--bcher-kv.test", NULL},
	    {"a\xff.test", NULL},
	    {"\xe2\x88\x92.test", NULL},                 /* U+2212, a minus sign: RFC 5892 disallows it */
	    {"a\xe2\x80\x8d.test", NULL},                /* a joiner that joins nothing */
	    {"0\xc3\xa0.\xd7\x90", NULL},                /* a bidi name with a label that begins with a digit */
	    {"\xd7\x90" "0\xd9\xa0\xd7\x90", NULL},      /* two kinds of digits in one label */
	    {"\xd7\x90.\xd7\x90", "xn--4db.xn--4db"},
	    {"a.\xd7\x90", "a.xn--4db"},
	};
	struct hk_arena a;
	size_t i;

	(void)state;
	hk_arena_init(&a, 65536);
	for (i = 0; i < COUNT(cases); i++) {
		struct hk_slice got = HK_S("untouched");
		enum hk_status status = hk_names_alabel(&a, hk_slice_str(cases[i].name), &got);

		if (status != (cases[i].alabel ? HK_OK : HK_SYNTAX) ||
		    !hk_slice_eq(got, hk_slice_str(cases[i].alabel ? cases[i].alabel : "untouched")))
			fail_msg("%s: %d %.*s", cases[i].name, (int)status, HK_FMT(got));
	}
	hk_arena_done(&a);
}

static void a_name_over_its_limits_has_no_form(void **state)
{
	char name[2000];
	struct hk_slice got;
	struct hk_arena a;
	size_t n;

	(void)state;
	hk_arena_init(&a, 65536);
	memset(name, 'a', sizeof name);
	assert_int_equal(hk_names_alabel(&a, hk_slice_of(name, 63), &got), HK_OK);
	assert_int_equal(hk_names_alabel(&a, hk_slice_of(name, 64), &got), HK_SYNTAX);
	for (n = 250; n < sizeof name; n += 250)
		assert_int_equal(hk_names_alabel(&a, hk_slice_of(name, n), &got), HK_SYNTAX);
	assert_int_equal(hk_names_ulabel(&a, hk_slice_of(name, sizeof name), &got), HK_SYNTAX);
	assert_int_equal(hk_names_alabel(&a, hk_slice_of("a\0b", 3), &got), HK_SYNTAX);
	hk_arena_done(&a);
}

static void a_labels_are_shown_as_u_labels(void **state)
{
	struct hk_slice got;
	struct hk_arena a;

	(void)state;
	hk_arena_init(&a, 65536);
	assert_int_equal(hk_names_ulabel(&a, HK_S("xn--bcher-kva.test"), &got), HK_OK);
	assert_true(hk_slice_eq(got, HK_S("b\xc3\xbc" "cher.test")));
	assert_int_equal(hk_names_ulabel(&a, HK_S("xn--\x80.test"), &got), HK_SYNTAX);
	assert_int_equal(hk_names_ulabel(&a, HK_S(""), &got), HK_SYNTAX);
	hk_arena_done(&a);
}

static void questions_about_names_are_answered_and_no_others(void **state)
{
	static const struct {
		const char *name;
		uint16_t type;
		bool has_list;
		enum hk_dns_rcode rcode;
		const char *data;
	} cases[] = {
	    {"x.a.co.jp", HK_DNS_SUFFIX, true, HK_DNS_NOERROR, "co.jp"},
	    {"x.a.co.jp", HK_DNS_SUFFIX, false, HK_DNS_TIMEOUT, NULL},
	    {"b\\195\\188cher.test", HK_DNS_ALABEL, false, HK_DNS_NOERROR, "xn--bcher-kva.test"},
	    {"b\\255cher.test", HK_DNS_ALABEL, true, HK_DNS_NXDOMAIN, NULL},
	    {"b\\195\\188\\046test", HK_DNS_ALABEL, true, HK_DNS_NXDOMAIN, NULL},
	    {"a.test", HK_DNS_TXT, true, HK_DNS_TIMEOUT, NULL},
	};
	struct hk_names *names = open_list();
	struct hk_arena a;
	size_t i;

	(void)state;
	hk_arena_init(&a, 65536);
	for (i = 0; i < COUNT(cases); i++) {
		const struct hk_dns_question q = {hk_slice_str(cases[i].name), cases[i].type};
		struct hk_dns_answer answer;

		assert_int_equal(hk_names_answer(cases[i].has_list ? names : NULL, &q, &a, &answer), HK_OK);
		assert_int_equal(answer.rcode, cases[i].rcode);
		assert_int_equal(answer.n, cases[i].data ? 1 : 0);
		if (cases[i].data)
			assert_true(hk_slice_eq(answer.rr[0].data, hk_slice_str(cases[i].data)));
	}
	hk_arena_done(&a);
	hk_arena_init(&a, 0);
	{
		const struct hk_dns_question q = {HK_S("a.jp"), HK_DNS_SUFFIX};
		struct hk_dns_answer answer;

		assert_int_equal(hk_names_answer(names, &q, &a, &answer), HK_LIMIT);
	}
	hk_arena_done(&a);
	hk_names_close(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_longest_rule_is_the_suffix_rfc_7489_3_2),
	    cmocka_unit_test(a_list_that_is_not_there_is_an_error),
	    cmocka_unit_test(u_labels_become_a_labels_rfc_5891_5),
	    cmocka_unit_test(a_name_over_its_limits_has_no_form),
	    cmocka_unit_test(a_labels_are_shown_as_u_labels),
	    cmocka_unit_test(questions_about_names_are_answered_and_no_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
