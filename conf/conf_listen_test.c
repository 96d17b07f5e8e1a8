/* SPDX-License-Identifier: MIT
 *
 * The items about where a listener listens.
 */
#include <stdio.h>

#include "conf/conf_testing.h"

#define HOST "hostname a.test; "

static void unix_sockets_are_read_and_dumped(void **state)
{
	static const char text[] = HOST
	    "listen a { address 1.2.3.4:24 \"unix:/run/a b/lmtp\" UNIX:/run/c; socket-mode 0666; socket-owner postfix:mail; protocol lmtp; }"
	    "listen b { address unix:/run/d; }";
	struct conf_twice twice;
	const struct hk_conf_listener *l;
	unsigned i;

	(void)state;
	conf_twice_begin(&twice, text);
	for (i = 0; i < 2; i++) {
		l = &twice.of[i]->listener[0];
		assert_int_equal(l->n_sockets, 3);
		assert_string_equal(l->socket[0].path, "");
		assert_string_equal(l->socket[1].path, "/run/a b/lmtp");
		assert_int_equal(l->socket[1].ip.family, 0);
		assert_string_equal(l->socket[2].path, "/run/c");
		assert_int_equal(l->socket_mode, 0666);
		assert_text(l->socket_owner, "postfix:mail");
		assert_int_equal(l[1].socket_mode, 0660);
		assert_int_equal(l[1].socket_owner.n, 0);
	}
	conf_twice_end(&twice);
}

static enum hk_status parse_long(size_t n)
{
	char text[400], path[HK_CONF_UNIX_MAX + 2];
	struct hk_conf *conf;
	enum hk_status status;

	memset(path, 'x', sizeof path);
	path[0] = '/';
	snprintf(text, sizeof text, HOST "listen a { address unix:%.*s; }", (int)n, path);
	status = hk_conf_parse("t", hk_slice_str(text), &conf, NULL);
	if (status == HK_OK) {
		assert_int_equal(strlen(conf->listener[0].socket[0].path), n);
		hk_conf_free(conf);
	}
	return status;
}

static void a_path_has_room_for_the_name_before_it(void **state)
{
	(void)state;
	assert_int_equal(parse_long(HK_CONF_UNIX_MAX - 1), HK_OK);
	assert_int_equal(parse_long(HK_CONF_UNIX_MAX), HK_OK);
	assert_int_equal(parse_long(HK_CONF_UNIX_MAX + 1), HK_SYNTAX);
}

/* A message of the most recipients fits in half of a segment. */
static void the_most_recipients_fit_in_the_journal(void **state)
{
	static const struct {
		const char *recipients, *segment;
		enum hk_status want;
	} rows[] = {
	    {"1023", "4m", HK_OK}, {"1024", "4m", HK_OK}, {"1025", "4m", HK_SYNTAX}, {"1025", "4098k", HK_OK},
	    {"8192", "18m", HK_OK}, {"8192", "18431k", HK_SYNTAX}, {"10000", "18431k", HK_SYNTAX}, {"10000", "18m", HK_OK},
	};
	struct hk_conf *conf;
	char text[200];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		snprintf(text, sizeof text, HOST "spool-segment %s; listen a { address 1.2.3.4:25; max-recipients %s; }", rows[i].segment, rows[i].recipients);
		if (hk_conf_parse("t", hk_slice_str(text), &conf, NULL) != rows[i].want)
			fail_msg("%s", text);
		if (rows[i].want == HK_OK)
			hk_conf_free(conf);
	}
}

/* S3-061: among others */
static void what_cannot_be_is_refused(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
	    {HOST "listen a { address unix:; }", "must be an absolute path"},
	    {HOST "spool-segment 4m; listen a { address 1.2.3.4:25; max-recipients 10000; }", "max-recipients 10000 needs a spool-segment of 18432k"},
	    {HOST "listen a { address unix:lmtp; }", "must be an absolute path"},
	    {HOST "listen a { address unix:/a unix:/a; }", "two listeners on one address"},
	    {HOST "listen a { address unix:/a; } listen b { address unix:/a; }", "two listeners on one address"},
	    {HOST "listen a { address 1.2.3.4:24; socket-owner mail; }", "socket-owner needs a unix socket"},
	    {HOST "listen a { address unix:/a; socket-mode 0777; }", "socket-mode knows no \"0777\""},
	    /* S3-061, RFC 2033 5 */
	    {HOST "listen a { address unix:/a 1.2.3.4:25; protocol lmtp; }", "lmtp is never spoken on port 25"},
	};
	struct hk_conf_error error;
	struct hk_conf *conf;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		error = (struct hk_conf_error){0};
		assert_int_equal(hk_conf_parse("t", hk_slice_str(rows[i].text), &conf, &error), HK_SYNTAX);
		hk_buf_add_byte(&error.text, 0);
		assert_has((const char *)error.text.p, rows[i].error);
		hk_buf_done(&error.text);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(unix_sockets_are_read_and_dumped),
	    cmocka_unit_test(a_path_has_room_for_the_name_before_it),
	    cmocka_unit_test(the_most_recipients_fit_in_the_journal),
	    cmocka_unit_test(what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
