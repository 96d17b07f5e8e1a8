/* SPDX-License-Identifier: MIT
 *
 * Limits of a session, and what becomes of a body.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/session_testing.h"

/* ---- recipients ---- */

/* Else it would be taken and bounced to whoever the sender says it is. */
static void what_can_be_no_mailbox_of_a_maildir_is_refused_at_rcpt(void **state)
{
	static const struct {
		const char *rcpt, *codes;
	} cases[] = {
	    {"user1@b.test", "220 250 250 250 221"},
	    {"a/b@b.test", "220 250 250 550 221"},
	    {"\"../x\"@b.test", "220 250 250 550 221"},
	    {"user1@[10.255.2.40]", "220 250 250 550 221"},
	    {"a/b@dmarc.b.test", "220 250 250 250 221"}, /* another route's to judge */
	};
	char script[256];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct srig r;

		snprintf(script, sizeof script, "EHLO a.test\r\nMAIL FROM:<>\r\nRCPT TO:<%s>\r\nQUIT\r\n",
		    cases[i].rcpt);
		srig_init(&r,
		    CONF "route dmarc.b.test { via smtp 10.0.0.1; }\nroute * { via maildir /m/%u; }\n", ZONE);
		srig_say(&r, script);
		assert_codes(&r, cases[i].codes);
		srig_done(&r);
	}
}

/* ---- limits ---- */

/* RFC 5321 6.3 */
static void a_message_with_a_hundred_received_fields_is_in_a_loop(void **state)
{
	static const struct {
		size_t n;
		const char *codes;
	} cases[] = {{99, "220 250 250 250 354 250"}, {100, "220 250 250 250 354 554"},
	    {101, "220 250 250 250 354 554"}};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases) * 2; i++) {
		struct srig r;

		srig_init(&r, CONF, ZONE);
		/* with a body, and with a header that nothing ends */
		srig_run(&r, repeated(&r, HEAD, "received: x\r\n", cases[i / 2].n,
		                 i % 2 ? "\r\nbody\r\n.\r\n" : ".\r\n"));
		assert_codes(&r, cases[i / 2].codes);
		if (cases[i / 2].n >= 100)
			assert_has(srig_replies(&r), "554 5.4.6 ");
		srig_done(&r);
	}
}

/* AP-11 */
static void a_header_section_has_its_limits(void **state)
{
	static const struct {
		const char *line;
		size_t n;
		const char *tail, *codes;
	} cases[] = {
	    {"A: b\r\n", 2000, "\r\n.\r\n", "220 250 250 250 354 250"},
	    {"A: b\r\n", 2001, "\r\n.\r\n", "220 250 250 250 354 552"},
	    {" 0123456789\r\n", 1, "\r\n.\r\n", "220 250 250 250 354 554"},
	    {"\tspf=pass\r\n", 1, "From: x\r\n\r\n.\r\n", "220 250 250 250 354 554"},
	    {"no field at all\r\n", 1, ".\r\n", "220 250 250 250 354 250"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct srig r;

		srig_init(&r, CONF, ZONE);
		srig_run(&r, repeated(&r, HEAD, cases[i].line, cases[i].n, cases[i].tail));
		assert_codes(&r, cases[i].codes);
		srig_done(&r);
	}
}

/* AP-11: 64 KiB with its CRLF are taken, one octet more is refused and its limit named; in a body it is nobody's business. */
static void a_header_line_over_64_kib_is_refused(void **state)
{
	static const struct {
		size_t n;
		const char *before, *after, *codes;
	} rows[] = {
	    {999, "", "\r\n\r\n.\r\n", "220 250 250 250 354 250"},
	    {HK_SESSION_HEADER_LINE_MAX - 1, "", "\r\n\r\n.\r\n", "220 250 250 250 354 250"},
	    {HK_SESSION_HEADER_LINE_MAX, "", "\r\n\r\n.\r\n", "220 250 250 250 354 250"},
	    {HK_SESSION_HEADER_LINE_MAX + 1, "", "\r\n\r\n.\r\n", "220 250 250 250 354 552"},
	    {HK_SESSION_HEADER_LINE_MAX + 1, "A: b\r\n ", "\r\nC: d\r\n\r\n.\r\n", "220 250 250 250 354 552"},
	    {HK_SESSION_HEADER_LINE_MAX + 1, "", "\r\n.\r\n", "220 250 250 250 354 552"}, /* no empty line */
	    {2 * HK_SESSION_HEADER_LINE_MAX, "A: b\r\n\r\n", "\r\n.\r\n", "220 250 250 250 354 250"},
	};
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		char head[256];
		struct srig r;

		/* "X:", the octets and CRLF are a line of n */
		n = rows[i].n - 4;
		snprintf(head, sizeof head, HEAD "%sX:", rows[i].before);
		if (rows[i].before[0] == 'A' && rows[i].before[6] == ' ')
			n--; /* the blank that goes on with A */
		srig_init(&r, CONF, ZONE);
		srig_run(&r, repeated(&r, head, "y", n, rows[i].after));
		assert_codes(&r, rows[i].codes);
		if (strstr(rows[i].codes, "552"))
			assert_has(srig_replies(&r), "552 5.3.4 A header line is over 64 KiB ");
		srig_done(&r);
	}
}

/* AP-11 */
static void a_header_section_over_256_kib_is_refused(void **state)
{
	static const int around[] = {-1, 0, 1};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(around); i++) {
		size_t size = (size_t)((int)HK_HEADER_SECTION_MAX + around[i]),
		       lines = (size - 1024) / 512, j;
		char line[513] = "A: ", last[2048] = "B: ";
		struct srig r;

		memset(line + 3, 'x', 507);
		memcpy(line + 510, "\r\n", 3);
		for (j = 3; j < size - lines * 512 - 2; j++)
			last[j] = 'y';
		memcpy(last + j, "\r\n\r\nbody\r\n.\r\n", 14);
		srig_init(&r, CONF, ZONE);
		r.cut = SRIG_RANDOM;
		srig_run(&r, repeated(&r, HEAD, line, lines, last));
		assert_codes(
		    &r, around[i] > 0 ? "220 250 250 250 354 552" : "220 250 250 250 354 250");
		if (r.n_mails)
			assert_int_equal(r.mail[0]->header.n, size);
		srig_done(&r);
	}
}

/* S3-011 */
static void recipients_are_counted(void **state)
{
	size_t n;

	(void)state;
	for (n = 99; n <= 101; n++) {
		struct srig r;

		srig_init(&r, CONF, ZONE);
		srig_run(&r, repeated(&r, "EHLO a.test\r\nMAIL FROM:<s@a.test>\r\n",
		                 "RCPT TO:<u@b.test>\r\n", n, "DATA\r\n\r\n.\r\n"));
		assert_int_equal(r.n_mails, 1);
		assert_int_equal(r.mail[0]->n_rcpt, n < 100 ? n : 100);
		assert_int_equal(strstr(srig_codes(&r), "452") != NULL, n > 100);
		srig_done(&r);
	}
}

static void ten_thousand_recipients_of_the_longest_kind_fit(void **state)
{
	char line[400];
	struct srig r;

	(void)state;
	srig_init(&r,
	    "hostname h.test; spool /s; accept "
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.test; listen mx { address "
	    "1.2.3.4:25; reject-early-talkers off; max-recipients 10000; }",
	    "");
	snprintf(line, sizeof line,
	    "RCPT TO:<0123456789012345678901234567890123456789012345678901234567890123@%.*s>\r\n",
	    HK_FMT(r.conf->accept.at[0]));
	srig_run(&r, repeated(&r, "EHLO a.test\r\nMAIL FROM:<s@a.test>\r\n", line, 10000,
	                 "DATA\r\n\r\n.\r\n"));
	assert_int_equal(r.n_mails, 1);
	assert_int_equal(r.mail[0]->n_rcpt, 10000);
	srig_done(&r);
}

/* ---- bodies ---- */

static void a_long_body_is_a_file_that_is_synced_before_the_commit(void **state)
{
	static const int around[] = {-64, 0, 64, 300 * 1024};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(around) * 2; i++) {
		size_t lines = (size_t)((int)HK_BODY_INLINE_MAX + around[i / 2]) / 64;
		char line[65], path[64] = "/spool/body/";
		struct hk_sim_disk after;
		struct srig r;
		size_t n = 0;

		memset(line, 'x', 62);
		memcpy(line + 62, "\r\n", 3);
		srig_init(&r, CONF, ZONE);
		r.cut = i % 2 ? SRIG_RANDOM : SRIG_WHOLE;
		srig_run(&r, repeated(&r, HEAD "A: b\r\n\r\n", line, lines, ".\r\n"));
		assert_codes(&r, "220 250 250 250 354 250");
		assert_int_equal(r.mail[0]->body_size, lines * 64);
		assert_int_equal(r.mail[0]->body_file.n > 0, around[i / 2] > 0);
		assert_int_equal(r.syncs, around[i / 2] > 0);
		if (around[i / 2] > 0) {
			hk_mail_id_format(r.mail[0]->id, path + strlen(path));
			hk_sim_disk_copy_durable(&r.disk, &after);
			assert_non_null(hk_sim_disk_bytes(&after, path, &n));
			assert_int_equal(n, lines * 64);
			hk_sim_disk_done(&after);
		}
		assert_int_equal(strlen(strstr(srig_stored(&r, 0), "\r\n\r\n") + 4), lines * 64);
		srig_done(&r);
	}
}

static void nothing_is_left_of_a_body_that_was_not_taken(void **state)
{
	enum { SYNC_FAILS, SYNC_FULL, CUT_OFF, RESET_BY_EOF, DISK_FULL, CASES };
	int i;

	(void)state;
	for (i = 0; i < CASES; i++) {
		static const char *const codes[] = {"220 250 250 250 354 451 221",
		    "220 250 250 250 354 452 221", "220 250 250 250 354", "220 250 250 250 354",
		    "220 250 250 250 354 452 221"};
		struct hk_slice *names;
		struct srig r;
		size_t n = 0;
		char line[65];

		memset(line, 'x', 62);
		memcpy(line + 62, "\r\n", 3);
		srig_init(&r, CONF, ZONE);
		r.sync = i == SYNC_FAILS ? HK_IO : i == SYNC_FULL ? HK_FULL : HK_OK;
		r.disk.capacity = i == DISK_FULL ? 400 * 1024 : 0;
		srig_run(&r, repeated(&r, HEAD "A: b\r\n\r\n", line, 10000,
		                 i == CUT_OFF || i == RESET_BY_EOF ? "" : ".\r\nQUIT\r\n"));
		assert_codes(&r, codes[i]);
		assert_int_equal(r.n_commits, 0);
		assert_int_equal(
		    r.disk.disk.ops->list(&r.disk.disk, "/spool/body", &r.arena, &names, &n),
		    HK_OK);
		assert_int_equal(n, 0);
		srig_done(&r);
	}
}

/* RFC 5321 4.1.4: after the reply to the dot the state is as after RSET, whatever the reply was
 * (security.md 13) */
static void a_commit_that_fails_is_4xx_and_resets_the_session(void **state)
{
	static const struct {
		enum hk_status status;
		const char *codes, *reply;
	} cases[] = {
	    {HK_FULL, "220 250 250 250 354 452 503 503 250 250 354 452 221", "452 4.3.1 "},
	    {HK_IO, "220 250 250 250 354 451 503 503 250 250 354 451 221", "451 4.3.0 "},
	    {HK_CORRUPT, "220 250 250 250 354 451 503 503 250 250 354 451 221", "451 4.3.0 "},
	};
	enum srig_cut cut;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases) * SRIG_CUTS; i++) {
		struct srig r;

		cut = (enum srig_cut)(i % SRIG_CUTS);
		srig_init(&r, CONF, ZONE);
		r.cut = cut;
		r.commit = cases[i / SRIG_CUTS].status;
		srig_say(&r,
		    HEAD "\r\n.\r\nRCPT TO:<user1@b.test>\r\nDATA\r\nMAIL FROM:<s@a.test>\r\nRCPT "
		         "TO:<user1@b.test>\r\nDATA\r\n\r\n.\r\nQUIT\r\n");
		assert_codes(&r, cases[i / SRIG_CUTS].codes);
		assert_has(srig_replies(&r), cases[i / SRIG_CUTS].reply);
		assert_int_equal(r.n_commits, 2);
		srig_done(&r);
	}
}

static void intake_that_is_shut_answers_mail_with_4xx(void **state)
{
	struct srig r;

	(void)state;
	srig_init(&r, CONF, ZONE);
	r.intake = HK_FULL;
	srig_say(&r, HEAD);
	assert_has(srig_replies(&r), "452 4.3.1 ");
	r.intake = HK_IO;
	srig_say(&r, HEAD);
	assert_has(srig_replies(&r), "451 4.3.0 ");
	assert_codes(&r, "220 250 451 503 503");
	r.intake = HK_BUSY;
	srig_say(&r, HEAD);
	assert_has(srig_replies(&r), "452 4.4.5 ");
	assert_has(srig_replies(&r), "[mail-busy/");
	assert_codes(&r, "220 250 452 503 503");
	srig_done(&r);
}

/* RFC 1870 6.1: the message that there is no room for is refused before it is sent; the limit is the room itself. */
static void a_size_that_there_is_no_room_for_is_452_at_mail(void **state)
{
	static const struct {
		const char *mail, *code;
	} rows[] = {
	    {"MAIL FROM:<s@a.test> SIZE=99999", "250"},
	    {"MAIL FROM:<s@a.test> SIZE=100000", "250"},
	    {"MAIL FROM:<s@a.test> SIZE=100001", "452"},
	    {"MAIL FROM:<s@a.test>", "250"},
	};
	struct srig r;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		char text[200], codes[40];

		srig_init(&r, CONF, ZONE);
		r.room = 100000;
		snprintf(text, sizeof text, "EHLO c.a.test\r\n%s\r\nQUIT\r\n", rows[i].mail);
		srig_say(&r, text);
		snprintf(codes, sizeof codes, "220 250 %s 221", rows[i].code);
		assert_codes(&r, codes);
		if (rows[i].code[0] == '4')
			assert_has(srig_replies(&r), ": No space for mail now (RFC 5321 4.2.2) [no-space");
		srig_done(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_can_be_no_mailbox_of_a_maildir_is_refused_at_rcpt),
	    cmocka_unit_test(a_message_with_a_hundred_received_fields_is_in_a_loop),
	    cmocka_unit_test(a_header_section_has_its_limits),
	    cmocka_unit_test(a_header_line_over_64_kib_is_refused),
	    cmocka_unit_test(a_header_section_over_256_kib_is_refused),
	    cmocka_unit_test(recipients_are_counted),
	    cmocka_unit_test(ten_thousand_recipients_of_the_longest_kind_fit),
	    cmocka_unit_test(a_long_body_is_a_file_that_is_synced_before_the_commit),
	    cmocka_unit_test(nothing_is_left_of_a_body_that_was_not_taken),
	    cmocka_unit_test(a_commit_that_fails_is_4xx_and_resets_the_session),
	    cmocka_unit_test(intake_that_is_shut_answers_mail_with_4xx),
	    cmocka_unit_test(a_size_that_there_is_no_room_for_is_452_at_mail),
	};

	return cmocka_run_group_tests_name("session-limit", tests, NULL, NULL);
}
