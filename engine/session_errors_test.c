/* SPDX-License-Identifier: MIT
 *
 * Clients that make errors, guess at recipients, or never come to an end with AUTH: what it costs them, and where it ends.
 */
#include <stdio.h>

#include "engine/session_testing.h"
#include "lib/smtp/smtp_refusal.h"

#define LIMITS                                                                                                      \
	"hostname h.test; spool /spool; accept b.test d.test;\n"                                                    \
	"listen mx { address 10.255.2.40:25; reject-early-talkers off; relay-from 10.7.0.0/16; trusted-relays 10.8.0.0/16; " \
	"  unknown-recipients 3; client-errors 5/10m; }\n"                                                          \
	"listen early { address 10.255.2.40:28; }\n"                                                                \
	"listen usual { address 10.255.2.40:26; reject-early-talkers off; }\n"                                      \
	"listen mua { address 10.255.2.40:587; role submission; auth file /users; auth-without-tls on; auth-failures 9/10m; }\n" \
	"route d.test { via maildir /m/%d/%u; recipients maildir; }\n"
#define TO_ENVELOPE "EHLO a.test\r\nMAIL FROM:<>\r\n"
#define NOBODY      "RCPT TO:<nobody@d.test>\r\n"
#define SOMEBODY    "RCPT TO:<u@b.test>\r\n"

static void begin(struct srig *r, const char *listener, const char *client)
{
	srig_limits_begin(r, LIMITS, "", listener, "PLAIN LOGIN ENDLESS");
	r->client = client;
	r->cut = SRIG_BYTES;
}

/* A limit of three: two and three are told so, the fourth ends the session; messages in between do not help. */
static void who_guesses_at_recipients_is_sent_away(void **state)
{
	struct srig r;

	(void)state;
	begin(&r, "mx", "192.0.2.1");
	say(&r, TO_ENVELOPE NOBODY NOBODY SOMEBODY "QUIT\r\n", "220 250 250 550 550 250 221");
	say(&r, TO_ENVELOPE NOBODY NOBODY NOBODY SOMEBODY "QUIT\r\n", "220 250 250 550 550 550 250 221");
	say(&r, TO_ENVELOPE NOBODY NOBODY NOBODY NOBODY SOMEBODY, "220 250 250 550 550 550 421");
	assert_has(srig_replies(&r), "421 4.7.0 <nobody@d.test>: Too many unknown recipients in this session (RFC 5321 7.8) [unknown-recipients/");
	assert_true(r.has_ended);
	say(&r, TO_ENVELOPE NOBODY NOBODY SOMEBODY "DATA\r\n\r\n.\r\nMAIL FROM:<>\r\n" NOBODY NOBODY,
	    "220 250 250 550 550 250 354 250 250 550 421");
	/* our own hosts may */
	r.client = "10.7.0.1";
	say(&r, TO_ENVELOPE NOBODY NOBODY NOBODY NOBODY NOBODY, "220 250 250 550 550 550 550 550");
	r.client = "127.0.0.1";
	say(&r, TO_ENVELOPE NOBODY NOBODY NOBODY NOBODY NOBODY, "220 250 250 550 550 550 550 550");
	srig_limits_end(&r);
}

/* How long n unknown commands take. */
static uint64_t time_of_errors(struct srig *r, const char *client, size_t n)
{
	uint64_t began = r->now.mono_ms;

	r->client = client;
	srig_run(r, repeated(r, "", "XYZZY\r\n", n, "QUIT\r\n"));
	return r->now.mono_ms - began;
}

/* client-errors 5/10m: four and five cost nothing, the sixth a second, the seventh two more; whatever session they are in. */
static void each_error_over_the_limit_costs_its_client_time(void **state)
{
	static const char *const ours[] = {"127.0.0.1", "127.9.9.9", "::1", "10.7.0.1", "10.8.0.1", "none"};
	struct srig r;
	size_t i;

	(void)state;
	begin(&r, "mx", "192.0.2.1");
	assert_int_equal(time_of_errors(&r, "192.0.2.1", 4), 0);
	assert_int_equal(time_of_errors(&r, "192.0.2.1", 1), 0);
	assert_int_equal(time_of_errors(&r, "192.0.2.1", 1), 1000);
	assert_int_equal(time_of_errors(&r, "192.0.2.1", 2), 2000 + 3000);
	/* an IPv6 client is its /64 */
	assert_int_equal(time_of_errors(&r, "2001:db8::1", 5), 0);
	assert_int_equal(time_of_errors(&r, "2001:db8::2", 1), 1000);
	assert_int_equal(time_of_errors(&r, "2001:db8:0:1::2", 1), 0);
	/* ten seconds at most */
	assert_true(time_of_errors(&r, "192.0.2.1", 9) <= 9 * 10000);
	assert_int_equal(time_of_errors(&r, "192.0.2.1", 1), 10000);
	/* whoever is ours never waits */
	for (i = 0; i < COUNT(ours); i++)
		assert_int_equal(time_of_errors(&r, ours[i], 20), 0);
	/* and it is forgotten */
	r.now.mono_ms += 11 * 60 * 1000;
	assert_int_equal(time_of_errors(&r, "192.0.2.1", 1), 0);
	srig_limits_end(&r);
}

/* SEC 2.6: ten errors of a session are forgiven, each further one costs a second, and the twenty-first ends it. */
static void ten_errors_of_a_session_cost_nothing(void **state)
{
	static const struct {
		size_t errors;
		uint64_t ms;
	} cases[] = {{9, 0}, {10, 0}, {11, 1000}, {12, 2000}, {20, 10000}};
	struct srig r;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		begin(&r, "usual", "192.0.2.1");
		assert_int_equal(time_of_errors(&r, "192.0.2.1", cases[i].errors), cases[i].ms);
		assert_has(srig_replies(&r), "\r\n221 ");
		srig_limits_end(&r);
	}
	begin(&r, "usual", "192.0.2.1");
	(void)time_of_errors(&r, "192.0.2.1", 21);
	assert_has(srig_replies(&r), "\r\n421 4.7.0 Too many errors in this session (RFC 5321 7.8) [errors]\r\n");
	srig_limits_end(&r);
}

/* The defaults: fifty sessions of a client at once. */
static void fifty_sessions_of_a_client_are_the_usual_limit(void **state)
{
	static const struct hk_slice name = {(const uint8_t *)"\x04\xc0\x00\x02\x01", 5};
	struct srig r;
	size_t i;

	(void)state;
	begin(&r, "usual", "192.0.2.1");
	for (i = 0; i < 48; i++)
		assert_true(hk_limits_enter(r.limits, HK_LIMIT_CLIENT_CONNECTIONS, name, 0));
	say(&r, "QUIT\r\n", "220 221"); /* the 49th */
	assert_true(hk_limits_enter(r.limits, HK_LIMIT_CLIENT_CONNECTIONS, name, 0));
	say(&r, "QUIT\r\n", "220 221"); /* the 50th */
	assert_true(hk_limits_enter(r.limits, HK_LIMIT_CLIENT_CONNECTIONS, name, 0));
	say(&r, "QUIT\r\n", "421");
	r.client = "192.0.2.2";
	say(&r, "QUIT\r\n", "220 221");
	srig_limits_end(&r);
}

static void six_hundred_sessions_in_a_minute_are_the_usual_limit(void **state)
{
	struct srig r;
	size_t i;

	(void)state;
	begin(&r, "usual", "192.0.2.1");
	r.cut = SRIG_WHOLE;
	for (i = 0; i < 600; i++) {
		srig_say(&r, "QUIT\r\n");
		if (strncmp(srig_replies(&r), "220", 3) != 0)
			fail_msg("session %zu: %s", i, srig_replies(&r));
	}
	say(&r, "QUIT\r\n", "421");
	r.client = "127.0.0.1";
	for (i = 0; i < 700; i++)
		srig_say(&r, "QUIT\r\n");
	assert_codes(&r, "220 221");
	r.client = "192.0.2.1";
	r.now.mono_ms += 70 * 1000;
	say(&r, "QUIT\r\n", "220 221");
	srig_limits_end(&r);
}

/* ---- what stands in the log ---- */

static size_t lines_with(struct srig *r, const char *text)
{
	const char *at = srig_log(r);
	size_t n = 0;

	while ((at = strstr(at, text)) != NULL) {
		at++;
		n++;
	}
	return n;
}

/* Whoever says it: a refusal that is in no line is found by nobody and counted nowhere. */
static void each_refusal_has_one_line_in_the_log(void **state)
{
#define LINE "ev=refuse code=%u status=%s rule=%s client=192.0.2.1 "
	static const struct {
		enum hk_refusal why;
		const char *listener, *text, *rest; /* of the line */
		bool in_transaction, talks_early;
	} rows[] = {
	    {HK_REFUSAL_COMMAND_UNKNOWN, "mx", "EHLO a.test\r\nXYZZY\r\nQUIT\r\n", "helo=a.test what=", false, false},
	    {HK_REFUSAL_ARGUMENT_MISSING, "mx", "EHLO a.test\r\nMAIL\r\nQUIT\r\n", "why=\"MAIL needs an argument (RFC 5321 4.1.1)\"", false, false},
	    {HK_REFUSAL_RCPT_PATH, "mx", TO_ENVELOPE "RCPT TO:<b@>\r\nQUIT\r\n", "", true, false},
	    {HK_REFUSAL_MESSAGE_BARE_LF, "mx", TO_ENVELOPE SOMEBODY "DATA\r\na\nb\r\n.\r\nQUIT\r\n", "why=\"Message refused: bare LF at line 1 ", true, false},
	    {HK_REFUSAL_HTTP, "mx", "GET / HTTP/1.1\r\n", "", false, false},
	    {HK_REFUSAL_EARLY_TALKER, "early", "EHLO a.test\r\n", "", false, true},
	    {HK_REFUSAL_MAILBOX_UNKNOWN, "mx", TO_ENVELOPE NOBODY "QUIT\r\n", "what=nobody@d.test ", true, false}, /* the engine's */
	};
	struct srig r;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		const struct hk_refusal_row *row = hk_refusal_row(rows[i].why);
		char line[200];

		begin(&r, rows[i].listener, "192.0.2.1");
		r.talks_early = rows[i].talks_early;
		srig_say(&r, rows[i].text);
		snprintf(line, sizeof line, LINE, row->code, row->enhanced, row->id);
		assert_has(srig_log(&r), line);
		assert_has(strstr(srig_log(&r), line), rows[i].rest);
		if (lines_with(&r, "ev=refuse") != 1 || (lines_with(&r, "qid=none ev=refuse") == 0) != rows[i].in_transaction)
			fail_msg("%s:\n%s", row->id, srig_log(&r));
		if (rows[i].why == HK_REFUSAL_MESSAGE_BARE_LF)
			assert_has(srig_log(&r), "ev=rcpt rcpt=u@b.test ");
		srig_limits_end(&r);
	}
#undef LINE
}

/* At the limit of errors there are as many lines, and one for the end. */
static void a_client_fills_no_log_with_its_errors(void **state)
{
	struct srig r;

	(void)state;
	begin(&r, "usual", "192.0.2.1");
	(void)time_of_errors(&r, "192.0.2.1", 1000);
	assert_int_equal(lines_with(&r, "rule=command-unknown"), 20);
	assert_int_equal(lines_with(&r, "rule=errors"), 1);
	srig_limits_end(&r);
	begin(&r, "usual", "192.0.2.1");
	r.cut = SRIG_WHOLE;
	srig_run(&r, repeated(&r, TO_ENVELOPE, SOMEBODY, 1000 + 50, "QUIT\r\n"));
	assert_int_equal(lines_with(&r, "rule=limit-recipients"), 1);
	srig_limits_end(&r);
}

static void who_is_sent_away_at_the_door_and_who_says_nothing_stand_there_too(void **state)
{
	static const struct hk_slice name = {(const uint8_t *)"\x04\xc0\x00\x02\x01", 5};
	struct srig r;
	size_t i;

	(void)state;
	begin(&r, "usual", "192.0.2.1");
	for (i = 0; i < 50; i++)
		assert_true(hk_limits_enter(r.limits, HK_LIMIT_CLIENT_CONNECTIONS, name, 0));
	say(&r, "QUIT\r\n", "421");
	assert_int_equal(lines_with(&r, "ev=refuse code=421 status=4.7.0 rule=client-connections client=192.0.2.1 "), 1);
	srig_limits_end(&r);
	begin(&r, "usual", "192.0.2.1");
	r.keep_open = true;
	say(&r, "EHLO a.test\r\n", "220 250 421");
	assert_int_equal(lines_with(&r, "ev=refuse code=421 status=4.4.2 rule=timeout client=192.0.2.1 "), 1);
	srig_limits_end(&r);
}

/* ---- AUTH without an end ---- */

#define EHLO "EHLO a.test\r\n"

/* Ten responses in an exchange, whatever they hold; then it has failed, and counts as that. */
static void an_exchange_that_never_ends_is_ended(void **state)
{
	struct srig r;

	(void)state;
	begin(&r, "mua", "192.0.2.1");
	srig_run(&r, repeated(&r, EHLO "AUTH ENDLESS\r\n", "\r\n", 9, "*\r\nQUIT\r\n"));
	assert_codes(&r, "220 250 334 334 334 334 334 334 334 334 334 334 501 221");
	srig_run(&r, repeated(&r, EHLO "AUTH ENDLESS\r\n", "\r\n", 10, "*\r\nQUIT\r\n"));
	assert_codes(&r, "220 250 334 334 334 334 334 334 334 334 334 334 334 501 221");
	srig_run(&r, repeated(&r, EHLO "AUTH ENDLESS\r\n", "=\r\n", 11, "QUIT\r\n"));
	assert_codes(&r, "220 250 334 334 334 334 334 334 334 334 334 334 334 501 221");
	assert_has(srig_replies(&r), "[auth-malformed]\r\n");
	assert_int_equal(r.auth_ended, 3); /* nothing is kept outside */
	srig_limits_end(&r);
}

/* Broken off, or no base64: five times in a session, as guesses are. */
static void exchanges_that_are_broken_off_count_as_guesses(void **state)
{
	static const char *const ways[] = {"AUTH PLAIN\r\n*\r\n", "AUTH LOGIN\r\n!!!\r\n"};
	struct srig r;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(ways); i++) {
		begin(&r, "mua", "192.0.2.1");
		srig_run(&r, repeated(&r, EHLO, ways[i], 4, "AUTH PLAIN\r\n*\r\nQUIT\r\n"));
		assert_codes(&r, "220 250 334 501 334 501 334 501 334 501 334 501 221");
		srig_limits_end(&r);
		begin(&r, "mua", "192.0.2.1");
		srig_run(&r, repeated(&r, EHLO, ways[i], 5, "AUTH PLAIN\r\nQUIT\r\n"));
		assert_codes(&r, "220 250 334 501 334 501 334 501 334 501 334 501 421");
		assert_has(srig_replies(&r), "[auth-failures]\r\n");
		/* nine of the client in ten minutes: four more, in another session */
		srig_run(&r, repeated(&r, EHLO, ways[i], 4, "AUTH PLAIN\r\n"));
		assert_codes(&r, "220 250 334 501 334 501 334 501 334 501 421");
		srig_limits_end(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    {"SEC-87: who guesses at recipients is sent away",
	        who_guesses_at_recipients_is_sent_away, NULL, NULL, NULL},
	    {"SEC-87: each error over the limit costs its client time",
	        each_error_over_the_limit_costs_its_client_time, NULL, NULL, NULL},
	    cmocka_unit_test(ten_errors_of_a_session_cost_nothing),
	    {"SEC-87: fifty sessions of a client are the usual limit",
	        fifty_sessions_of_a_client_are_the_usual_limit, NULL, NULL, NULL},
	    {"SEC-87: six hundred sessions in a minute are the usual limit",
	        six_hundred_sessions_in_a_minute_are_the_usual_limit, NULL, NULL, NULL},
	    cmocka_unit_test(each_refusal_has_one_line_in_the_log),
	    cmocka_unit_test(a_client_fills_no_log_with_its_errors),
	    cmocka_unit_test(who_is_sent_away_at_the_door_and_who_says_nothing_stand_there_too),
	    {"SEC-88: an exchange that never ends is ended, and nothing of it is kept",
	        an_exchange_that_never_ends_is_ended, NULL, NULL, NULL},
	    {"SEC-88: exchanges that are broken off count as guesses",
	        exchanges_that_are_broken_off_count_as_guesses, NULL, NULL, NULL},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
