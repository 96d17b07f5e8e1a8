/* SPDX-License-Identifier: MIT
 *
 * What a sender says of TLS on the further way, as a session takes it (RFC 8689 3, 4.1): the parameter REQUIRETLS, and the
 * field "TLS-Required: No".
 */
#include <stdio.h>

#include "engine/session_testing.h"

#define CLEAR "EHLO a.test\r\nMAIL FROM:<user1@a.test>\r\nRCPT TO:<user1@b.test>\r\nDATA\r\n"
#define TLS   "EHLO a.test\r\nSTARTTLS\r\nEHLO a.test\r\nMAIL FROM:<user1@a.test>%s\r\nRCPT TO:<user1@b.test>\r\nDATA\r\n"

static void run(struct srig *r, const char *listener, const char *text)
{
	srig_init(r, CONF, ZONE);
	r->listener = listener;
	r->waits_for_tls = true;
	srig_say(r, text);
}

/* S3-041: the field counts when it stands there once and says No; nothing else in a message does. */
static void tls_required_no_is_read_from_the_header(void **state)
{
	static const struct {
		const char *text;
		bool is_optional;
	} rows[] = {
	    {"Subject: x\r\n\r\nx\r\n", false},
	    {"TLS-Required: No\r\n\r\nx\r\n", true},
	    {"tls-required:no\r\n\r\nx\r\n", true},
	    {"TLS-REQUIRED: \t NO \t\r\n\r\nx\r\n", true},
	    {"TLS-Required:\r\n No\r\n\r\nx\r\n", true},
	    {"TLS-Required : No\r\n\r\nx\r\n", true}, /* RFC 5322 4.5: a blank before the colon is obsolete, and a field */
	    {"Subject: x\r\nTLS-Required: No\r\nTo: b@b.test\r\n\r\nx\r\n", true},
	    {"TLS-Required: Yes\r\n\r\nx\r\n", false},
	    {"TLS-Required: None\r\n\r\nx\r\n", false},
	    {"TLS-Required: N\r\n\r\nx\r\n", false},
	    {"TLS-Required: No, really\r\n\r\nx\r\n", false},
	    {"TLS-Required:\r\n\r\nx\r\n", false},
	    {"TLS-Required: No\r\nTLS-Required: No\r\n\r\nx\r\n", false},
	    {"TLS-Required: No\r\nTLS-Required: Yes\r\n\r\nx\r\n", false},
	    {"X-TLS-Required: No\r\n\r\nx\r\n", false},
	    {"TLS-Required-2: No\r\n\r\nx\r\n", false},
	    {"Subject: x\r\n TLS-Required: No\r\n\r\nx\r\n", false},
	    {"Subject: x\r\n\r\nTLS-Required: No\r\n", false},
	};
	char text[1024];
	struct srig r;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		snprintf(text, sizeof text, CLEAR "%s.\r\n", rows[i].text);
		run(&r, "mx", text);
		assert_int_equal(r.n_mails, 1);
		if (((r.mail[0]->flags & HK_MAIL_TLS_OPTIONAL) != 0) != rows[i].is_optional)
			fail_msg("%s", rows[i].text);
		/* it is passed on as it came */
		assert_has(srig_stored(&r, 0), rows[i].text);
		srig_done(&r);
	}
}

/* S3-041 RFC 8689 4.1: the parameter marks the message, and the field then says nothing. */
static void requiretls_marks_the_message_whatever_its_header_says(void **state)
{
	static const struct {
		const char *parameter, *field;
		bool require, is_optional;
	} rows[] = {
	    {"", "", false, false},
	    {"", "TLS-Required: No\r\n", false, true},
	    {" REQUIRETLS", "", true, false},
	    {" requiretls", "TLS-Required: No\r\n", true, false},
	};
	char head[512], text[1024];
	struct srig r;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		snprintf(head, sizeof head, TLS, rows[i].parameter);
		snprintf(text, sizeof text, "%s%sSubject: x\r\n\r\nx\r\n.\r\n", head, rows[i].field);
		run(&r, "tls", text);
		assert_codes(&r, "220 250 220 250 250 250 354 250");
		assert_int_equal(r.n_mails, 1);
		assert_int_equal(r.mail[0]->params.require_tls, rows[i].require);
		assert_int_equal((r.mail[0]->flags & HK_MAIL_TLS_OPTIONAL) != 0, rows[i].is_optional);
		srig_done(&r);
	}
}

/* S3-041 RFC 8689 2: offered and taken under TLS alone; and it is of one message, not of the session. */
static void requiretls_needs_tls_and_ends_with_its_transaction(void **state)
{
	static const char more[] = "Subject: x\r\n\r\nx\r\n.\r\nMAIL FROM:<user1@a.test>\r\nRCPT TO:<user1@b.test>\r\nDATA\r\n\r\n.\r\n";
	char head[512], text[1024];
	struct srig r;

	(void)state;
	run(&r, "tls", "EHLO a.test\r\nMAIL FROM:<user1@a.test> REQUIRETLS\r\n");
	assert_codes(&r, "220 250 555");
	assert_null(strstr(srig_replies(&r), "REQUIRETLS\r\n"));
	srig_done(&r);
	snprintf(head, sizeof head, TLS, " REQUIRETLS");
	snprintf(text, sizeof text, "%s%s", head, more);
	run(&r, "tls", text);
	assert_has(srig_replies(&r), "REQUIRETLS\r\n");
	assert_int_equal(r.n_mails, 2);
	assert_true(r.mail[0]->params.require_tls);
	assert_false(r.mail[1]->params.require_tls);
	srig_done(&r);
	/* nor does a transaction that was dropped leave it to the next */
	snprintf(head, sizeof head, TLS, " REQUIRETLS");
	head[strlen(head) - strlen("DATA\r\n")] = 0;
	snprintf(text, sizeof text, "%sRSET\r\nMAIL FROM:<user1@a.test>\r\nRCPT TO:<user1@b.test>\r\nDATA\r\n\r\n.\r\n", head);
	run(&r, "tls", text);
	assert_int_equal(r.n_mails, 1);
	assert_false(r.mail[0]->params.require_tls);
	srig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tls_required_no_is_read_from_the_header),
	    cmocka_unit_test(requiretls_marks_the_message_whatever_its_header_says),
	    cmocka_unit_test(requiretls_needs_tls_and_ends_with_its_transaction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
