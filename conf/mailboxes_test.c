/* SPDX-License-Identifier: MIT */
#include "conf/mailboxes.h"
#include "tests/unit.h"

static void a_file_of_mailboxes_is_one_item(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
	    {"", ""},
	    {"# nobody\n\n  \n", ""},
	    {"user1\nuser2@b.test", "mailboxes user1 user2@b.test;\n"},
	    {"root:x:0:0:root:/root:/bin/sh\r\nmail:x:8\r\n", "mailboxes root mail;\n"},
	    {"user1@b.test\tb.test/user1/\n", "mailboxes user1@b.test;\n"},
	    {"{x\n", "mailboxes \"{x\";\n"}, /* an item of the configuration it does not become */
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct hk_buf out;
		unsigned line = 0;

		hk_buf_init(&out, 1000);
		assert_int_equal(hk_mailboxes_item(hk_slice_str(cases[i].text), &out, &line), HK_OK);
		assert_text(hk_buf_slice(&out), cases[i].want);
		hk_buf_done(&out);
	}
}

/* SEC-49: there is no :include:, so nothing can go round. */
static void a_line_that_is_no_mailbox_is_told(void **state)
{
	static const char *const cases[] = {"ok\n:include:/etc/x\n", "ok\n@b.test\n", "ok\nuser@\n", "ok\nuser@b..test\n",
	    "ok\n user\n", "ok\na\x01z\n", "ok\n/path \"x\n@\n", "ok\nuser@b.test@\n"};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct hk_buf out;
		unsigned line = 0;
		bool is_third = strstr(cases[i], "/path") != NULL;

		hk_buf_init(&out, 1000);
		assert_int_equal(hk_mailboxes_item(hk_slice_str(cases[i]), &out, &line), HK_SYNTAX);
		assert_int_equal(line, is_third ? 3 : 2);
		hk_buf_done(&out);
	}
}

static void more_than_fits_is_told(void **state)
{
	struct hk_buf out;
	unsigned line;

	(void)state;
	hk_buf_init(&out, 20);
	assert_int_equal(hk_mailboxes_item(HK_S("user1\nuser2\nuser3\n"), &out, &line), HK_LIMIT);
	hk_buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_file_of_mailboxes_is_one_item),
	    cmocka_unit_test(a_line_that_is_no_mailbox_is_told),
	    cmocka_unit_test(more_than_fits_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
