/* SPDX-License-Identifier: MIT
 *
 * The limits of the server's extensions (T6).
 */
#include "smtpd_test_util.h"

static struct hk_smtpd_options all(void)
{
	struct hk_smtpd_options options = plain;

	options.extensions = ~0u;
	options.mechanisms = HK_S("PLAIN");
	return options;
}

static void add_times(struct hk_buf *b, const char *text, size_t n)
{
	while (n--)
		hk_buf_add_str(b, text);
}

static size_t count(const struct hk_buf *hay, const char *needle)
{
	size_t i, n = 0, len = strlen(needle);

	for (i = 0; i + len <= hay->n; i++)
		n += memcmp(hay->p + i, needle, len) == 0;
	return n;
}

/* The last whole reply. */
static void check_last(const char *what, const struct harness *h, const char *want)
{
	size_t n = strlen(want);

	if (h->out.n < n || memcmp(h->out.p + h->out.n - n, want, n) != 0)
		fail_msg("%s: ...%.*s\nwant: %s", what, (int)(h->out.n < 400 ? h->out.n : 400),
		    (const char *)h->out.p + (h->out.n < 400 ? 0 : h->out.n - 400), want);
}

/* RFC 4954 4: lines of an exchange have 12,288 octets */
static void a_line_of_an_exchange_may_be_long(void **state)
{
	static const size_t lengths[] = {
	    HK_SMTP_AUTH_LINE_MAX - 4, HK_SMTP_AUTH_LINE_MAX, HK_SMTP_AUTH_LINE_MAX + 4};
	size_t i, cut;

	(void)state;
	for (i = 0; i < 2 * sizeof lengths / sizeof lengths[0]; i++) {
		size_t n = lengths[i / 2];
		bool is_initial = i % 2 == 0, fits = n <= HK_SMTP_AUTH_LINE_MAX;

		for (cut = CUT_WHOLE; cut <= CUT_RANDOM; cut++) {
			struct hk_smtpd_options options = all();
			struct harness h;
			struct hk_buf in;

			hk_buf_init(&in, 1 << 20);
			hk_buf_add_str(&in, is_initial ? "EHLO a\r\nAUTH PLAIN =" : "EHLO a\r\nAUTH PLAIN\r\n");
			assert_int_equal(hk_buf_status(&in), HK_OK);
			in.n -= is_initial;
			/* 11 octets of "AUTH PLAIN " and 2 of CRLF */
			add_times(&in, "AAAA", (n - (is_initial ? 13 : 2)) / 4);
			hk_buf_add_str(&in, "\r\nNOOP\r\n");
			harness_init(&h, &options);
			harness_run(&h, hk_buf_slice(&in), (enum cut)cut);
			check_last("line", &h,
			    fits         ? "535 5.7.8 Authentication failed\r\n" OK_0
			    : is_initial ? "500 5.5.2 Line too long (RFC 5321 4.5.3.1.4) [line-too-long]\r\n" OK_0
			                 : "500 5.5.6 The authentication exchange line is too long (RFC 4954 4) [auth-line-too-long]\r\n" OK_0);
			harness_done(&h);
			hk_buf_done(&in);
		}
	}
}

/* RFC 1870 6.3, RFC 3030: by one chunk or by many */
static void chunks_are_taken_up_to_the_size_limit_and_not_beyond(void **state)
{
	size_t n, cut;

	(void)state;
	for (n = 998; n <= 1002; n++) {
		for (cut = CUT_WHOLE; cut <= CUT_RANDOM; cut++) {
			struct hk_smtpd_options options = all();
			struct harness h;
			struct hk_buf in;

			hk_buf_init(&in, 1 << 20);
			hk_buf_add_str(&in, "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<b@b.test>\r\nBDAT 500\r\n");
			add_times(&in, "x", 500);
			hk_buf_addf(&in, "BDAT %zu LAST\r\n", n - 500);
			add_times(&in, "y", n - 500);
			hk_buf_add_str(&in, "NOOP\r\n");
			harness_init(&h, &options);
			harness_run(&h, hk_buf_slice(&in), (enum cut)cut);
			check_last("chunks", &h, n <= 1000 ? QUEUED OK_0
			        : "552 5.3.4 Message exceeds the size limit (RFC 1870 6.3) [message-too-large]\r\n" OK_0);
			harness_done(&h);
			hk_buf_done(&in);
		}
	}
}

static void a_chunk_that_nobody_takes_is_not_read_for_ever(void **state)
{
	struct hk_smtpd_options options = all();
	struct harness h;
	struct hk_buf in;

	(void)state;
	hk_buf_init(&in, 1 << 20);
	hk_buf_add_str(&in, "EHLO a\r\nBDAT 999999999999\r\n");
	add_times(&in, "x", 2000);
	harness_init(&h, &options);
	harness_run(&h, hk_buf_slice(&in), CUT_RANDOM);
	check_last("chunk", &h, "421 4.7.0 Too much was sent that nobody takes (RFC 3030 2) [bdat-unwanted]\r\n");
	assert_true(h.over);
	harness_done(&h);
	hk_buf_done(&in);
}

/* RFC 2033 4.2: a thousand replies do not have to fit into the output at once */
static void a_thousand_recipients_get_a_thousand_replies_by_lmtp(void **state)
{
	static const char *const bodies[] = {"hi\r\n.\r\n", "hi\n.\r\n.\r\n"};
	size_t i, k;

	(void)state;
	for (k = 0; k < 2; k++) {
		struct hk_smtpd_options options = all();
		struct harness h;
		struct hk_buf in;

		options.lmtp = true;
		hk_buf_init(&in, 1 << 20);
		hk_buf_add_str(&in, "LHLO a\r\nMAIL FROM:<a@a.test>\r\n");
		for (i = 0; i < 1000; i++)
			hk_buf_addf(&in, "RCPT TO:<r%zu@b.test>\r\n", i);
		hk_buf_addf(&in, "DATA\r\n%sNOOP\r\n", bodies[k]);
		harness_init(&h, &options);
		harness_run(&h, hk_buf_slice(&in), CUT_WHOLE);
		assert_int_equal(count(&h.out, "250 2.1.5 Ok\r\n"), 1000);
		assert_int_equal(count(&h.out, QUEUED), k ? 0 : 999);
		assert_int_equal(count(&h.out, "550 5.6.0 Message refused: bare LF"), k ? 1000 : 0);
		check_last("replies", &h, OK_0);
		harness_done(&h);
		hk_buf_done(&in);
	}
}

static void one_answer_can_be_for_all_recipients(void **state)
{
	struct hk_smtpd_options options = all();
	struct hk_smtpd_event event = {.size = sizeof event};
	struct hk_buf in, out;
	struct hk_smtpd *s;
	size_t i, more;

	(void)state;
	options.lmtp = true;
	s = must(hk_smtpd_new(&options));
	hk_buf_init(&in, 1 << 20);
	hk_buf_init(&out, 1 << 20);
	hk_buf_add_str(&in, "LHLO a\r\nMAIL FROM:<a@a.test>\r\n");
	for (i = 0; i < 1000; i++)
		hk_buf_addf(&in, "RCPT TO:<r%zu@b.test>\r\n", i);
	hk_buf_add_str(&in, "DATA\r\nhi\r\n.\r\nNOOP\r\n");
	assert_int_equal(hk_buf_status(&in), HK_OK);
	do {
		size_t progress = hk_smtpd_feed(s, hk_buf_slice(&in));

		hk_buf_drop(&in, progress);
		for (; hk_smtpd_next(s, &event) == HK_OK; progress++) {
			if (event.type == HK_SMTPD_MESSAGE)
				hk_smtpd_answer_all(s, 250, "2.0.0", HK_S("A text that makes the replies long enough to need room"));
			else
				hk_smtpd_accept(s);
		}
		assert_true(hk_smtpd_out(s).n <= HK_SMTP_OUTPUT_MAX);
		more = hk_smtpd_out(s).n;
		hk_buf_add(&out, hk_smtpd_out(s));
		hk_smtpd_sent(s, more);
		assert_true(progress || more || !in.n); /* without memory a session ends, and takes no more */
	} while (in.n || more);
	assert_int_equal(count(&out, "250 2.0.0 A text"), 1000);
	assert_memory_equal(out.p + out.n - 14, "250 2.0.0 Ok\r\n", 14);
	hk_smtpd_free(s);
	hk_buf_done(&in);
	hk_buf_done(&out);
}

/* A greet delay (security: early talkers): nothing is said, and who speaks first hears 554 in place of a greeting. */
static void a_held_banner_goes_out_when_it_is_let_go(void **state)
{
	struct hk_smtpd_options options = all();
	struct hk_smtpd_event event = {.size = sizeof event};
	struct hk_smtpd *s;

	(void)state;
	options.hold_banner = options.early_talker_check = true;
	s = must(hk_smtpd_new(&options));
	assert_int_equal(hk_smtpd_out(s).n, 0);
	assert_int_equal(hk_smtpd_next(s, &event), HK_AGAIN);
	hk_smtpd_greet_now(s);
	assert_true(hk_slice_eq(hk_smtpd_out(s), hk_slice_str(BANNER)));
	hk_smtpd_sent(s, hk_smtpd_out(s).n);
	assert_int_equal(hk_smtpd_feed(s, HK_S("NOOP\r\n")), 6);
	assert_int_equal(hk_smtpd_next(s, &event), HK_AGAIN);
	assert_true(hk_slice_eq(hk_smtpd_out(s), hk_slice_str(OK_0)));
	hk_smtpd_free(s);

	s = must(hk_smtpd_new(&options));
	assert_int_equal(hk_smtpd_feed(s, HK_S("EHLO a\r\n")), 8);
	assert_int_equal(hk_smtpd_next(s, &event), HK_OK);
	assert_int_equal(event.type, HK_SMTPD_CLOSE);
	assert_true(hk_slice_starts_nocase(hk_smtpd_out(s), HK_S("554 You spoke ")));
	hk_smtpd_free(s);
}

/* RFC 3207 4.2: under TLS the client is nobody again. */
static void tls_forgets_who_authenticated(void **state)
{
	struct hk_smtpd_options options = all();
	struct harness h;

	(void)state;
	harness_init(&h, &options);
	harness_run(&h, hk_slice_str("EHLO a\r\nAUTH PLAIN AGFiAGdvb2Q=\r\n"), CUT_WHOLE);
	assert_true(hk_smtpd_is_authenticated(h.session));
	harness_run(&h, hk_slice_str("STARTTLS\r\n"), CUT_WHOLE);
	hk_smtpd_tls_done(h.session);
	assert_false(hk_smtpd_is_authenticated(h.session));
	harness_run(&h, hk_slice_str("EHLO a\r\nCLIENTID UUID 1\r\nAUTH PLAIN AGFiAGdvb2Q=\r\n"), CUT_WHOLE);
	check_last("again", &h, "235 2.7.0 Authentication successful\r\n");
	assert_true(hk_smtpd_is_authenticated(h.session) && hk_smtpd_has_clientid(h.session));
	harness_done(&h);
}

/* A session that ends in the middle of an exchange tells so, that its state can be freed. */
static void an_exchange_is_cancelled_by_the_end_of_the_session(void **state)
{
	struct hk_smtpd_options options = all();
	struct harness h;

	(void)state;
	harness_init(&h, &options);
	harness_run(&h, hk_slice_str("EHLO a\r\nAUTH PLAIN\r\n"), CUT_WHOLE);
	hk_smtpd_timeout(h.session);
	harness_run(&h, HK_S(""), CUT_WHOLE);
	assert_int_equal(count(&h.log, "CANCEL\n"), 1);
	assert_int_equal(count(&h.log, "CLOSE "), 1);
	harness_done(&h);
}

/* RFC 3461 4, SEC-61: what is written is what is read again. */
static void xtext_comes_back_as_it_was(void **state)
{
	uint8_t bytes[256];
	struct hk_slice back;
	struct hk_arena a;
	struct hk_buf b;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)i;
	hk_buf_init(&b, 4096);
	hk_arena_init(&a, 4096);
	hk_xtext_add(&b, hk_slice_of(bytes, sizeof bytes));
	for (i = 0; i < b.n; i++)
		assert_true(b.p[i] > 32 && b.p[i] < 127 && b.p[i] != '=');
	assert_int_equal(hk_xtext_parse(&a, hk_buf_slice(&b), &back), HK_OK);
	assert_true(hk_slice_eq(back, hk_slice_of(bytes, sizeof bytes)));
	assert_int_equal(hk_xtext_parse(&a, HK_S("a+2"), &back), HK_SYNTAX);
	assert_int_equal(hk_xtext_parse(&a, HK_S("a+2b"), &back), HK_SYNTAX);
	assert_int_equal(hk_xtext_parse(&a, HK_S("a b"), &back), HK_SYNTAX);
	hk_arena_done(&a);
	hk_buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_of_an_exchange_may_be_long),
	    cmocka_unit_test(chunks_are_taken_up_to_the_size_limit_and_not_beyond),
	    cmocka_unit_test(a_chunk_that_nobody_takes_is_not_read_for_ever),
	    cmocka_unit_test(a_thousand_recipients_get_a_thousand_replies_by_lmtp),
	    cmocka_unit_test(one_answer_can_be_for_all_recipients),
	    cmocka_unit_test(a_held_banner_goes_out_when_it_is_let_go),
	    cmocka_unit_test(tls_forgets_who_authenticated),
	    cmocka_unit_test(an_exchange_is_cancelled_by_the_end_of_the_session),
	    cmocka_unit_test(xtext_comes_back_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
