/* SPDX-License-Identifier: MIT */
#include "conf/users.h"
#include "tests/unit.h"

#define HASH "$y$j9T$49r4r.Ovd/yVEQ/LyH0IH1$gkxzvCT5P6IdSDkt9KAmxx2w4NRSUtLseXOIe1ilFS0"
#define SCRAM                                                                                      \
	"SCRAM-SHA-256$4096:HAfDOO7lbJ5HqtQzpl7flw==$0hWGD5a85bf2ksVxfiZsEoyoA0rQ57DAmM9xRuLgJug=" \
	":0h13LHhAw5/v+03fDJkkxIyHbfp/FUUbSrMxa4T7p9Q="

static void a_line_is_read_and_written(void **state)
{
	static const char text[] = "# a comment\n\nbob " HASH " " SCRAM " bob@b.test @c.test\n"
	                           "Alice@b.test - -\r\ncarol " HASH " -\ndave - " SCRAM " *\n";
	const struct hk_user *u;
	struct hk_users *users;
	struct hk_buf why, out;
	size_t i;

	(void)state;
	hk_buf_init(&why, 1024);
	hk_buf_init(&out, 4096);
	assert_int_equal(hk_users_parse(hk_slice_str(text), &why, &users), HK_OK);
	assert_int_equal(hk_users_count(users), 4);
	assert_text(hk_users_at(users, 0)->name, "Alice@b.test");
	u = must((void *)(uintptr_t)hk_users_find(users, HK_S("BOB")));
	assert_text(u->hash, HASH);
	assert_text(u->senders, "bob@b.test @c.test");
	assert_int_equal(u->iterations, 4096);
	assert_int_equal(u->salt_n, 16);
	assert_null(hk_users_find(users, HK_S("bo")));
	assert_null(hk_users_find(users, HK_S("bobb")));
	assert_null(hk_users_find(users, HK_S("")));
	for (i = 0; i < hk_users_count(users); i++)
		hk_user_format(hk_users_at(users, i), &out);
	assert_text(hk_buf_slice(&out),
	    "Alice@b.test - -\nbob " HASH " " SCRAM " bob@b.test @c.test\ncarol " HASH
	    " -\ndave - " SCRAM " *\n");
	hk_users_free(users);
	hk_buf_done(&out);
	hk_buf_done(&why);
}

static void what_is_wrong_is_told_with_its_line(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
	    {"alice - -\nalice - -\n", "two users of the name \"alice\""},
	    {"alice - -\nALICE - -\n", "two users"},
	    {"\nalice\n", "line 2: the second field"},
	    {"alice plain:text -\n", "line 1: the second field"},
	    {"alice *0 -\n", "line 1: the second field"},
	    {"alice " HASH "\n", "line 1: the third field"},
	    {"alice - SCRAM-SHA-1$4096:AAAAAAAAAAA=$x:y\n", "line 1: the third field"},
	    {"alice - SCRAM-SHA-256$1:HAfDOO7lbJ5HqtQzpl7flw==$x:y\n", "line 1: the third field"},
	    {"alice - SCRAM-SHA-256$4096:HAfDOO7lbJ5HqtQzpl7flw==$AAAA:AAAA\n",
	        "line 1: the third"},
	    {"alice - - alice\n", "line 1: a sender must be"},
	    {" alice - -\n", "line 1: the name"},
	    {"a\tb - -\n", "line 1: the name"},
	};
	struct hk_users *users;
	struct hk_buf why;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		hk_buf_init(&why, 1024);
		assert_int_equal(
		    hk_users_parse(hk_slice_str(rows[i].text), &why, &users), HK_SYNTAX);
		hk_buf_add_byte(&why, 0);
		assert_has((const char *)why.p, rows[i].why);
		hk_buf_done(&why);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_is_read_and_written),
	    cmocka_unit_test(what_is_wrong_is_told_with_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
