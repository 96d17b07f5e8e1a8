/* SPDX-License-Identifier: MIT
 *
 * The limits of the server (T6), early talkers, STARTTLS (T2), timeouts and shutdowns, answers.
 */
#include "smtpd_test_util.h"

/* ---- limits ---- */

static struct hk_buf repeat(const char *text, size_t n)
{
	struct hk_buf b;

	hk_buf_init(&b, (size_t)1 << 26);
	while (n--)
		hk_buf_add_str(&b, text);
	assert_int_equal(hk_buf_status(&b), HK_OK);
	return b;
}

static size_t count(const struct hk_buf *hay, const char *needle)
{
	size_t i, n = 0, len = strlen(needle);

	for (i = 0; i + len <= hay->n; i++)
		n += memcmp(hay->p + i, needle, len) == 0;
	return n;
}

static void run_text(struct harness *h, const struct hk_buf *text, enum cut cut)
{
	harness_init(h, &plain);
	harness_run(h, hk_buf_slice(text), cut);
}

/* T6 */
static void a_line_of_2048_bytes_is_taken_and_one_more_is_not(void **state)
{
	static const size_t lengths[] = {HK_SMTP_LINE_MAX - 1, HK_SMTP_LINE_MAX, HK_SMTP_LINE_MAX + 1, 3 * HK_SMTP_LINE_MAX};
	size_t i;
	int cut;

	(void)state;
	for (i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
		for (cut = CUT_WHOLE; cut <= CUT_RANDOM; cut++) {
			struct hk_buf text = repeat("x", lengths[i] - 7);
			struct hk_buf line;
			struct harness h;

			hk_buf_init(&line, 1 << 20);
			hk_buf_add_str(&line, "NOOP ");
			hk_buf_add(&line, hk_buf_slice(&text));
			hk_buf_add_str(&line, "\r\nRSET\r\n");
			run_text(&h, &line, (enum cut)cut);
			check_text("line", "replies", &h.out, lengths[i] <= HK_SMTP_LINE_MAX ? BANNER OK_0 OK_0 :
			        BANNER "500 5.5.2 Line too long (RFC 5321 4.5.3.1.4) [line-too-long]\r\n" OK_0);
			harness_done(&h);
			hk_buf_done(&text);
			hk_buf_done(&line);
		}
}

/* T6 */
static void a_line_that_never_ends_ends_the_session(void **state)
{
	static const char want[] = BANNER "500 5.5.2 Line too long (RFC 5321 4.5.3.1.4) [line-too-long]\r\n"
	                                  "421 4.7.0 The command line does not end (RFC 5321 4.5.3.1.4) [line-endless]\r\n";
	int cut;

	(void)state;
	for (cut = CUT_WHOLE; cut <= CUT_RANDOM; cut++) {
		struct hk_buf text = repeat("x", HK_SMTP_SKIP_MAX + 1);
		struct harness h;

		run_text(&h, &text, (enum cut)cut);
		check_text("line", "replies", &h.out, want);
		check_text("line", "events", &h.log, "CLOSE The command line does not end (RFC 5321 4.5.3.1.4)\n");
		assert_true(h.over);
		harness_done(&h);
		hk_buf_done(&text);
	}
}

/* T6 */
static void twenty_errors_are_forgiven_and_the_next_ends_the_session(void **state)
{
	struct hk_buf text = repeat("XXXX\r\n", HK_SMTP_ERRORS_MAX);
	struct harness h;

	(void)state;
	run_text(&h, &text, CUT_WHOLE);
	assert_int_equal(count(&h.out, "500 5.5.2"), HK_SMTP_ERRORS_MAX);
	assert_int_equal(hk_smtpd_errors(h.session), HK_SMTP_ERRORS_MAX);
	assert_int_equal(count(&h.out, "421"), 0);
	harness_feed(&h, HK_S("NOOP\r\nXXXX\r\nNOOP\r\n"));
	assert_int_equal(count(&h.out, OK_0 TOO_MANY), 1);
	assert_int_equal(h.last, HK_END);
	harness_done(&h);
	hk_buf_done(&text);
}

/* T6. A transaction that is begun and dropped again is no effect either. */
static void a_hundred_commands_without_effect_are_the_limit(void **state)
{
	static const char *const idle[] = {"NOOP\r\n", "RSET\r\n", "VRFY x\r\n", "HELP\r\n", "EHLO a\r\n",
	    "EHLO a\r\nMAIL FROM:<a@a.test>\r\n"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof idle / sizeof idle[0]; i++) {
		struct hk_buf text = repeat(idle[i], HK_SMTP_NOOPS_MAX);
		struct harness h;

		run_text(&h, &text, CUT_RANDOM);
		assert_int_equal(count(&h.out, "421"), 0);
		harness_feed(&h, hk_slice_str(idle[i]));
		/* RFC 2034 4: no enhanced code in answer to EHLO */
		assert_int_equal(count(&h.out, strncmp(idle[i], "EHLO", 4) == 0
		    ? "421 Too many commands without effect (limit of this host; RFC 5321 7.8) [idle]\r\n"
		    : "421 4.7.0 Too many commands without effect (limit of this host; RFC 5321 7.8) [idle]\r\n"), 1);
		assert_int_equal(h.last, HK_END);
		harness_done(&h);
		hk_buf_done(&text);
	}
}

/* S3-005 */
static void a_message_is_taken_up_to_the_size_limit_and_not_beyond(void **state)
{
	size_t size;
	int cut;

	(void)state;
	for (size = 999; size <= 1001; size++)
		for (cut = CUT_WHOLE; cut <= CUT_RANDOM; cut++) {
			struct hk_buf text = repeat("", 0), body = repeat("x", size - 2);
			struct harness h;

			hk_buf_add_str(&text, ENVELOPE);
			hk_buf_add(&text, hk_buf_slice(&body));
			hk_buf_add_str(&text, "\r\n.\r\nNOOP\r\n");
			run_text(&h, &text, (enum cut)cut);
			check_text("size", "replies", &h.out, size <= 1000 ? BANNER ENV_REPLY QUEUED OK_0 :
			        BANNER ENV_REPLY "552 5.3.4 Message exceeds the size limit (RFC 1870 6.3) [message-too-large]\r\n" OK_0);
			assert_int_equal(count(&h.log, "MESSAGE\n"), size <= 1000);
			assert_int_equal(count(&h.log, "ABORT\n"), size > 1000);
			harness_done(&h);
			hk_buf_done(&text);
			hk_buf_done(&body);
		}
}

/* T6 */
static void a_refused_message_that_never_ends_ends_the_session(void **state)
{
	struct hk_buf text = repeat("0123456789abcde\r\n", 17000 * 16);
	struct harness h;

	(void)state;
	harness_init(&h, &plain);
	harness_run(&h, HK_S(ENVELOPE), CUT_WHOLE);
	harness_run(&h, hk_buf_slice(&text), CUT_WHOLE);
	assert_int_equal(count(&h.out, "552 5.3.4"), 1);
	assert_int_equal(count(&h.log, "ABORT\nCLOSE"), 1);
	assert_true(h.over);
	harness_done(&h);
	hk_buf_done(&text);
}

/* S3-011 */
static void a_hundred_recipients_are_taken(void **state)
{
	struct hk_buf text = repeat("", 0), rcpt = repeat("RCPT TO:<b@b.test>\r\n", 100);
	struct harness h;

	(void)state;
	hk_buf_add_str(&text, "EHLO a.test\r\nMAIL FROM:<a@a.test>\r\n");
	hk_buf_add(&text, hk_buf_slice(&rcpt));
	hk_buf_add_str(&text, "DATA\r\nx\r\n.\r\n");
	run_text(&h, &text, CUT_WHOLE);
	assert_int_equal(count(&h.out, OK_RCPT), 100);
	assert_int_equal(count(&h.out, QUEUED), 1);
	harness_done(&h);
	hk_buf_done(&text);
	hk_buf_done(&rcpt);
}

/* A peer that never reads: parsing stops, nothing grows, and goes on when the output is taken. */
static void output_is_bounded_and_input_waits_for_it(void **state)
{
	struct hk_buf text = repeat(ENVELOPE ".\r\n", 2000);
	struct hk_slice rest = hk_buf_slice(&text);
	struct harness h;
	size_t n;

	(void)state;
	harness_init(&h, &plain);
	h.mute = true;
	while ((n = hk_smtpd_feed(h.session, rest)) > 0) {
		rest = hk_slice_from(rest, n);
		harness_pump(&h);
		assert_true(hk_smtpd_out(h.session).n <= HK_SMTP_OUTPUT_MAX / 2 + 1024);
	}
	assert_int_equal(h.last, HK_AGAIN);
	assert_true(rest.n > 0);
	assert_true(hk_smtpd_out(h.session).n > HK_SMTP_OUTPUT_MAX / 2);
	harness_take(&h);
	harness_pump(&h);
	harness_feed(&h, rest);
	assert_int_equal(count(&h.out, EHLO_REPLY), 2000);
	harness_done(&h);
	hk_buf_done(&text);
}

/* ---- early talkers, TLS, endings ---- */

/* S0-012 */
static void an_early_talker_is_turned_away_when_that_is_asked_for(void **state)
{
	struct hk_smtpd_options options = plain;
	int check;

	(void)state;
	for (check = 0; check <= 1; check++) {
		struct hk_smtpd *s;
		struct hk_smtpd_event event = {.size = sizeof event};
		struct hk_slice out;

		options.early_talker_check = check;
		s = hk_smtpd_new(&options);
		assert_non_null(s);
		hk_smtpd_sent(s, 5); /* only a part of the banner */
		assert_int_equal(hk_smtpd_feed(s, HK_S("EHLO a.test\r\n")), 13);
		assert_int_equal(hk_smtpd_next(s, &event), HK_OK);
		assert_int_equal(event.type, check ? HK_SMTPD_CLOSE : HK_SMTPD_HELO);
		out = hk_smtpd_out(s);
		if (check)
			assert_true(hk_slice_ends_nocase(out, HK_S("554 5.5.0 You spoke before the greeting was sent (RFC 5321 3.1) [early-talker]\r\n")));
		hk_smtpd_accept(s);
		hk_smtpd_sent(s, hk_smtpd_out(s).n);
		assert_int_equal(hk_smtpd_next(s, &event), check ? HK_END : HK_AGAIN);
		hk_smtpd_free(s);
	}
}

static void after_the_banner_nobody_is_early(void **state)
{
	struct hk_smtpd_options options = plain;
	struct harness h;

	(void)state;
	options.early_talker_check = true;
	harness_init(&h, &options);
	harness_run(&h, HK_S("EHLO a.test\r\nQUIT\r\n"), CUT_BYTES);
	check_text("early", "replies", &h.out, BANNER EHLO_REPLY BYE);
	harness_done(&h);
}

/* RFC 2920 3.1: these end a group; RFC 2920 3: before EHLO, and behind HELO, there are no groups. What comes in its own time, or where
 * that is not asked for, is let be. */
static void what_is_glued_behind_a_command_that_is_answered_first_ends_the_session(void **state)
{
#define GLUED   "554 5.5.0 More came behind a command before it was answered (RFC 2920 3.1) [pipelined]\r\n"
#define GLUED_0 "554 More came behind a command before it was answered (RFC 2920 3.1) [pipelined]\r\n"
#define SENT    "MAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\n"
	static const struct {
		const char *first, *then, *end;
		unsigned extensions;
	} rows[] = {
	    {"", "EHLO a.test\r\nMAIL FROM:<a@a.test>\r\n", GLUED_0},
	    {"", "HELO a.test\r\nQ", GLUED_0},
	    {"", "NOOP\r\nEHLO a.test\r\n", GLUED},
	    {"", "RSET\r\nEHLO a.test\r\n", GLUED},
	    {"HELO a.test\r\n", SENT, GLUED},
	    {"HELO a.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nDATA\r\n", "x\r\n.\r\nQUIT\r\n", NULL},
	    {"EHLO a.test\r\n", SENT "DATA\r\n", NULL},
	    {"EHLO a.test\r\n", SENT "DATA\r\nx", GLUED},
	    {"EHLO a.test\r\n" SENT "DATA\r\n", "x\r\n.\r\n" SENT "RSET\r\nQUIT\r\n", NULL},
	    {"EHLO a.test\r\n", "NOOP\r\nQUIT\r\n", GLUED},
	    {"EHLO a.test\r\n", "VRFY root\r\nQUIT\r\n", GLUED},
	    {"EHLO a.test\r\n", "EXPN root\r\nQUIT\r\n", GLUED},
	    {"EHLO a.test\r\n", "EHLO a.test\r\nQUIT\r\n", GLUED_0},
	    {"EHLO a.test\r\n", "RSET\r\nNOOP\r\n", NULL},
	    {"EHLO a.test\r\n", "RSET\r\nNOOP\r\n", GLUED, HK_EXT(SIZE)},
	    /* RFC 3030 2: the octets come with their command */
	    {"EHLO a.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\n", "BDAT 3 LAST\r\nx\r\n", NULL, HK_EXT(CHUNKING)},
	    {"EHLO a.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\n", "BDAT 3\r\nx\r\nRSET\r\nQUIT\r\n", GLUED, HK_EXT(CHUNKING)},
	    {"HELO a.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\n", "BDAT 3 LAST\r\nx\r\n", NULL},
	    {"EHLO a.test\r\n", "BDAT 3 LAST\r\nx\r\n", NULL, HK_EXT(CHUNKING)},
	};
	struct hk_smtpd_options options = plain;
	size_t i, way;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (way = 0; way < 3; way++) {
			bool is_refused = way == 0 && rows[i].end;
			struct harness h;

			options.early_talker_check = way < 2;
			options.extensions = rows[i].extensions ? rows[i].extensions : plain.extensions;
			harness_init(&h, &options);
			harness_run(&h, hk_slice_str(rows[i].first), CUT_BYTES);
			harness_run(&h, hk_slice_str(rows[i].then), way == 1 ? CUT_BYTES : CUT_WHOLE);
			if (count(&h.out, "[pipelined]") != is_refused || (is_refused && !hk_slice_ends_nocase(hk_buf_slice(&h.out), hk_slice_str(rows[i].end))))
				fail_msg("row %zu, way %zu: %.*s", i, way, HK_FMT(hk_buf_slice(&h.out)));
			if (is_refused)
				assert_int_equal(h.last, HK_END);
			harness_done(&h);
		}
}

/* T2, SEC-7, SEC-8 at every split point, and in one piece. What is glued behind STARTTLS is never heeded (RFC 3207 4.2, CVE-2011-0411). */
static void plain_text_behind_starttls_is_dropped_at_every_split(void **state)
{
	static const char all[] = "EHLO a.test\r\nMAIL FROM:<a@a.test>\r\nSTARTTLS\r\nRSET\r\nEHLO evil.test\r\nMAIL FROM:<e@a.test>\r\n\x16\x03\x01 hello";
	size_t split;

	(void)state;
	for (split = 0; split < sizeof all; split++) {
		struct harness h;

		harness_init(&h, &plain);
		harness_feed(&h, hk_slice_of(all, split));
		harness_feed(&h, hk_slice_of(all + split, sizeof all - 1 - split));
		check_text("starttls", "replies", &h.out, BANNER EHLO_REPLY OK_MAIL "220 2.0.0 Ready to start TLS\r\n");
		check_text("starttls", "events", &h.log, "EHLO a.test\nMAIL <a@a.test>\nABORT\nSTARTTLS\n");
		hk_smtpd_tls_done(h.session);
		assert_true(hk_smtpd_is_tls(h.session));
		assert_int_equal(hk_smtpd_helo(h.session).n, 0);
		hk_buf_reset(&h.out);
		hk_buf_reset(&h.log);
		harness_feed(&h, HK_S("MAIL FROM:<a@a.test>\r\nEHLO a.test\r\nSTARTTLS\r\n"));
		check_text("starttls", "replies under TLS", &h.out, "503 5.5.1 MAIL needs EHLO or HELO first (RFC 5321 4.1.4) [mail-early]\r\n"
			"250-mx.test\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-ENHANCEDSTATUSCODES\r\n250 8BITMIME\r\n"
			"503 5.5.1 TLS is active already (RFC 3207 4.2) [starttls-active]\r\n");
		check_text("starttls", "events under TLS", &h.log, "EHLO a.test\n");
		harness_done(&h);
	}
}

static void starttls_that_is_not_offered_is_not_implemented(void **state)
{
	struct hk_smtpd_options options = plain;
	struct harness h;

	(void)state;
	options.offer_starttls = false;
	harness_init(&h, &options);
	harness_run(&h, HK_S("EHLO a.test\r\nSTARTTLS\r\n"), CUT_BYTES);
	assert_int_equal(count(&h.out, "STARTTLS"), 1);
	assert_int_equal(count(&h.out, "502 5.5.1 STARTTLS is not offered (RFC 3207 4) [starttls-absent]\r\n"), 1);
	harness_done(&h);
}

static void a_timeout_and_a_shutdown_say_421(void **state)
{
	struct harness h;

	(void)state;
	harness_init(&h, &plain);
	harness_run(&h, HK_S(ENVELOPE "half"), CUT_WHOLE);
	hk_smtpd_timeout(h.session);
	harness_run(&h, HK_S(""), CUT_WHOLE);
	check_text("timeout", "replies", &h.out, BANNER ENV_REPLY "421 4.4.2 Timeout, closing the connection (RFC 5321 4.5.3.2) [timeout]\r\n");
	check_text("timeout", "events", &h.log, ENV_LOG "BODY half\nABORT\nCLOSE Timeout, closing the connection (RFC 5321 4.5.3.2)\n");
	harness_done(&h);

	harness_init(&h, &plain);
	hk_smtpd_shutdown(h.session);
	harness_run(&h, HK_S("EHLO a.test\r\n"), CUT_WHOLE);
	check_text("shutdown", "replies", &h.out, BANNER "421 4.3.2 Service is shutting down (RFC 5321 3.8) [shutdown]\r\n");
	harness_done(&h);
}

static void a_shutdown_waits_for_the_answer_to_a_message(void **state)
{
	struct hk_smtpd *s = hk_smtpd_new(&plain);
	struct hk_smtpd_event event = {.size = sizeof event};
	struct hk_buf out;

	(void)state;
	assert_non_null(s);
	hk_smtpd_sent(s, 1000);
	(void)hk_smtpd_feed(s, HK_S(ENVELOPE "x\r\n.\r\n"));
	while (hk_smtpd_next(s, &event) == HK_OK && event.type != HK_SMTPD_MESSAGE)
		hk_smtpd_accept(s);
	assert_int_equal(event.type, HK_SMTPD_MESSAGE);
	assert_int_equal(event.message_size, 3);
	hk_smtpd_sent(s, 100000);
	hk_smtpd_shutdown(s);
	hk_smtpd_timeout(s);
	hk_smtpd_answer(s, 250, "2.0.0", HK_S("Ok: queued as X"));
	assert_int_equal(hk_smtpd_next(s, &event), HK_OK);
	assert_int_equal(event.type, HK_SMTPD_CLOSE);
	hk_buf_init(&out, 4096);
	hk_buf_add(&out, hk_smtpd_out(s));
	check_text("shutdown", "replies", &out, "250 2.0.0 Ok: queued as X\r\n421 4.3.2 Service is shutting down (RFC 5321 3.8) [shutdown]\r\n");
	hk_buf_done(&out);
	hk_smtpd_free(s);
}

/* A full spool while the body arrives: the answer is kept for the dot. */
static void a_body_can_be_refused_while_it_arrives(void **state)
{
	struct hk_smtpd *s = hk_smtpd_new(&plain);
	struct hk_smtpd_event event = {.size = sizeof event};
	struct hk_slice out;
	size_t bodies = 0, messages = 0, aborts = 0;

	(void)state;
	assert_non_null(s);
	hk_smtpd_sent(s, 1000);
	(void)hk_smtpd_feed(s, HK_S(ENVELOPE "x\r\n..y\r\nz\n.\r\n\r\n.\r\n"));
	while (hk_smtpd_next(s, &event) == HK_OK) {
		bodies += event.type == HK_SMTPD_BODY;
		messages += event.type == HK_SMTPD_MESSAGE;
		aborts += event.type == HK_SMTPD_ABORT;
		if (event.type == HK_SMTPD_BODY)
			hk_smtpd_answer(s, 452, "4.3.1", HK_S("No space"));
		else
			hk_smtpd_accept(s);
	}
	assert_int_equal(bodies, 1);
	assert_int_equal(messages, 0);
	assert_int_equal(aborts, 1);
	out = hk_smtpd_out(s);
	assert_true(hk_slice_ends_nocase(out, HK_S("<LF>\r\n452 4.3.1 No space\r\n")));
	hk_smtpd_free(s);
}

static void answers_are_quoted_wrapped_and_bounded(void **state)
{
	struct hk_buf text = repeat("x", 600), out;
	size_t i, start = 0;

	(void)state;
	hk_buf_init(&out, 1 << 16);
	hk_smtp_reply_add(&out, 550, "5.7.1", HK_S("one\ntwo\r\x80\\"));
	check_text("answer", "text", &out, "550-5.7.1 one\r\n550 5.7.1 two\\x0D\\x80\\\\\r\n");
	hk_buf_reset(&out);
	hk_buf_add_byte(&text, 0xff);
	hk_smtp_reply_add(&out, 450, NULL, hk_buf_slice(&text));
	for (i = 0; i < out.n; i++)
		if (out.p[i] == '\n') {
			assert_true(i + 1 - start <= 512);
			start = i + 1;
		}
	assert_int_equal(start, out.n);
	assert_int_equal(count(&out, "450-"), 1);
	assert_int_equal(count(&out, "450 "), 1);
	assert_int_equal(count(&out, "x"), 601);
	hk_buf_reset(&out);
	hk_smtp_reply_add(&out, 250, "2.0.0", HK_S(""));
	check_text("answer", "empty", &out, "250 2.0.0\r\n");
	hk_buf_done(&out);
	hk_buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_of_2048_bytes_is_taken_and_one_more_is_not),
		cmocka_unit_test(a_line_that_never_ends_ends_the_session),
		cmocka_unit_test(twenty_errors_are_forgiven_and_the_next_ends_the_session),
		{"SEC-85: a hundred commands without effect are the limit", a_hundred_commands_without_effect_are_the_limit, NULL, NULL, NULL},
		cmocka_unit_test(a_message_is_taken_up_to_the_size_limit_and_not_beyond),
		cmocka_unit_test(a_refused_message_that_never_ends_ends_the_session),
		cmocka_unit_test(a_hundred_recipients_are_taken),
		cmocka_unit_test(output_is_bounded_and_input_waits_for_it),
		cmocka_unit_test(an_early_talker_is_turned_away_when_that_is_asked_for),
		cmocka_unit_test(after_the_banner_nobody_is_early),
		{"SEC-86: what is glued behind a command that is answered first ends the session",
		    what_is_glued_behind_a_command_that_is_answered_first_ends_the_session, NULL, NULL, NULL},
		cmocka_unit_test(plain_text_behind_starttls_is_dropped_at_every_split),
		cmocka_unit_test(starttls_that_is_not_offered_is_not_implemented),
		cmocka_unit_test(a_timeout_and_a_shutdown_say_421),
		cmocka_unit_test(a_shutdown_waits_for_the_answer_to_a_message),
		cmocka_unit_test(a_body_can_be_refused_while_it_arrives),
		cmocka_unit_test(answers_are_quoted_wrapped_and_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
