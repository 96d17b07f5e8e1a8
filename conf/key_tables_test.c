/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "conf/conf.h"
#include "conf/key_state.h"
#include "conf/key_tables.h"
#include "tests/unit.h"

#define FIRST "# hikyaku keys, version 1: domain selector algorithm state since\n"

/* The sign items, without "sign" and ";". */
static void expect(const struct hk_key_items *items, const char *signs, const char *problems)
{
	struct hk_slice text = hk_buf_slice(&items->text);
	struct hk_buf found, whole;
	struct hk_conf *c;

	hk_buf_init(&found, 65536);
	hk_buf_init(&whole, 65536);
	hk_buf_addf(&whole, "hostname h.test;%.*s", HK_FMT(text));
	assert_int_equal(hk_conf_parse("t", hk_buf_slice(&whole), &c, NULL), HK_OK);
	hk_conf_free(c);
	while (text.n) {
		struct hk_slice line = hk_slice_sub(text, 0, hk_slice_find(text, '\n'));

		text = hk_slice_from(text, line.n + 1);
		if (hk_slice_starts_nocase(line, HK_S("sign ")))
			hk_buf_addf(&found, "%.*s\n",
			    HK_FMT(hk_slice_sub(hk_slice_from(line, 5), 0, line.n - 6)));
	}
	assert_text(hk_buf_slice(&found), signs);
	assert_text(hk_buf_slice(&items->problems), problems);
	hk_buf_done(&found);
	hk_buf_done(&whole);
}

static void tables_of_opendkim_become_items(void **state)
{
	static const struct {
		const char *keys, *signing;
		bool is_refile;
		const char *signs, *problems;
	} cases[] = {
	    {"k x.test:s:/k\n", "*@x.test k\n", true, "*@x.test k\n", ""},
	    {"k x.test:s:/k\r\n", "*@x.test k\r\n", true, "*@x.test k\n", ""},
	    /* one item for all rows of a pattern: the new key, the old one, Ed25519 beside RSA */
	    {"n x.test:n:/n\no x.test:o:/o\n", "*@x.test n\n* o\n*@x.test o\n*@x.test n\n", true,
	        "*@x.test n o\n* o\n", ""},
	    {"k x.test:s:/k\n", "* k\nx.test k\nu@x.test k\n.x.test k\n", false,
	        "u@x.test k\nx.test k\n.x.test k\n* k\n", ""},
	    {"k x.test:s:/k\n", "* k\nx.test k\n", true, "* k\nx.test k\n", ""},
	    {"k %:s:/%/k\n", "x.test k\ny.test k\n", true, "x.test k-x.test\ny.test k-y.test\n", ""},
	    {"x.test x.test:s:/k\n", "x.test %\n", true, "x.test x.test\n", ""},
	    {"a/b x.test:s:/k\n", "* a/b\n", true, "* t-1\n", ""},
	    /* a name that stands twice, of which the first is taken, and one that is made here */
	    {"t-2 x.test:s:/k\nk x.test:s:/k\nk x.test:s:/l\n", "* k\n", true, "* k\n", ""},
	    {"k x.test:s:/k\n", "*@x.test l\n", true, "", "s:1: the key table has no key of this name\n"},
	    {"k %:s:/k\n", "* k\n", true, "", "s:1: which domain % stands for is not certain\n"},
	    {"k x.test:s:k\n", "* k\n", true, "",
	        "k:1: not DOMAIN:SELECTOR:FILE with an absolute path\n"
	        "k:1: not DOMAIN:SELECTOR:FILE with an absolute path\n"},
	    {"k 192.0.2.1:s:/k\n", "", true, "", "k:1: not DOMAIN:SELECTOR:FILE with an absolute path\n"},
	    {"k\n", "# none\n\n", true, "", "k:1: there is nothing after its first word\n"},
	    {"k x.test:s:/k\n", "a*@x.test k\n\"a;b\"@x.test k\n@x.test k\n", true, "",
	        "s:1: such a pattern has no equal here\ns:2: such a pattern has no equal here\n"
	        "s:3: such a pattern has no equal here\n"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct hk_key_table keys = {HK_S("k"), hk_slice_str(cases[i].keys)},
		                    signing = {HK_S("s"), hk_slice_str(cases[i].signing)};
		struct hk_key_items items;

		hk_key_items_init(&items, "t");
		assert_int_equal(
		    hk_key_items_opendkim(&items, &keys, &signing, cases[i].is_refile), HK_OK);
		expect(&items, cases[i].signs, cases[i].problems);
		hk_key_items_done(&items);
	}
}

static void a_folder_of_rspamd_becomes_items(void **state)
{
	static const struct hk_slice names[] = {{(const uint8_t *)"x.test.202605.key", 17},
	    {(const uint8_t *)"x.test.202611.key", 17}, {(const uint8_t *)"sub.x.test.dkim.key", 19},
	    {(const uint8_t *)"x.test.202611.pub", 17}, {(const uint8_t *)"odd.key", 7}, {(const uint8_t *)".", 1}};
	struct hk_key_items items;

	(void)state;
	hk_key_items_init(&items, "t");
	assert_int_equal(hk_key_items_rspamd(&items, HK_S("/r"), names, COUNT(names)), HK_OK);
	expect(&items,
	    "sub.x.test sub.x.test.dkim\n.sub.x.test sub.x.test.dkim\n"
	    "x.test x.test.202611 x.test.202605\n.x.test x.test.202611 x.test.202605\n",
	    "/r/odd.key: its name is not DOMAIN.SELECTOR.key\n");
	hk_key_items_done(&items);
}

static void a_folder_of_ours_signs_with_the_newest_active_key_first(void **state)
{
	static const char *const text = FIRST "a.test 1 rsa revoked 1\n"
	                                      "a.test 2 rsa retiring 2\n"
	                                      "a.test 3 rsa retiring 3\n"
	                                      "a.test 4 rsa active 4\n"
	                                      "a.test 4e ed25519 active 4\n"
	                                      "a.test 5 rsa staged 5\n"
	                                      "b.test 1 rsa staged 5\n"
	                                      "c.test 1 rsa revoked 5\n";
	struct hk_key_items items;

	(void)state;
	hk_key_items_init(&items, "t");
	assert_int_equal(hk_key_items_folder(&items, HK_S("/k"), hk_slice_str(text)), HK_OK);
	expect(&items,
	    "a.test 4e._domainkey.a.test 4._domainkey.a.test 3._domainkey.a.test 2._domainkey.a.test "
	    "5._domainkey.a.test\nb.test 1._domainkey.b.test\n",
	    "");
	hk_key_items_done(&items);
	hk_key_items_init(&items, "t");
	assert_int_equal(hk_key_items_folder(&items, HK_S("/k"), HK_S(FIRST "a.test 1 rsa\n")), HK_OK);
	expect(&items, "", "/k/_keys:2: not a line of a key\n");
	hk_key_items_done(&items);
	hk_key_items_init(&items, "t");
	assert_int_equal(hk_key_items_folder(&items, HK_S("/k"), HK_S("a.test 1 rsa staged 1\n")), HK_OK);
	expect(&items, "", "/k/_keys: not a file of this version\n");
	hk_key_items_done(&items);
}

static void a_state_file_is_written_as_it_was_read(void **state)
{
	static const char *const good = FIRST "a.test 202611-rsa rsa active 1795000000\n"
	                                      "a.test e ed25519 revoked 0\n";
	static const struct {
		const char *line;
		enum hk_status status;
	} bad[] = {{"../x 1 rsa staged 1\n", HK_SYNTAX}, {"a.test .. rsa staged 1\n", HK_SYNTAX},
	    {"a.test 1 dsa staged 1\n", HK_SYNTAX}, {"a.test 1 rsa new 1\n", HK_SYNTAX},
	    {"a.test 1 rsa staged -1\n", HK_SYNTAX}, {"a.test 1 rsa staged\n", HK_SYNTAX},
	    {"a.test 1 rsa staged 1 1\n", HK_SYNTAX}, {"a.test  1 rsa staged 1\n", HK_SYNTAX},
	    {"# a.test\n\n", HK_OK}};
	struct hk_key_entry *entry;
	struct hk_buf out;
	struct hk_arena a;
	size_t n, line, i;

	(void)state;
	hk_arena_init(&a, 1 << 20);
	hk_buf_init(&out, 65536);
	assert_int_equal(hk_key_entries_parse(&a, hk_slice_str(good), &entry, &n, &line), HK_OK);
	assert_int_equal(n, 2);
	assert_int_equal(entry[1].state, HK_KEY_STATE_REVOKED);
	hk_key_entries_format(entry, n, &out);
	assert_text(hk_buf_slice(&out), good);
	for (i = 0; i < COUNT(bad); i++) {
		hk_buf_reset(&out);
		hk_buf_addf(&out, "%s%s", good, bad[i].line);
		line = 0;
		if (hk_key_entries_parse(&a, hk_buf_slice(&out), &entry, &n, &line) != bad[i].status)
			fail_msg("%s", bad[i].line);
		assert_int_equal(line, bad[i].status == HK_OK ? 0 : 4);
	}
	hk_buf_done(&out);
	hk_arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tables_of_opendkim_become_items),
	    cmocka_unit_test(a_folder_of_rspamd_becomes_items),
	    cmocka_unit_test(a_folder_of_ours_signs_with_the_newest_active_key_first),
	    cmocka_unit_test(a_state_file_is_written_as_it_was_read),
	};

	return cmocka_run_group_tests_name("key-tables", tests, NULL, NULL);
}
