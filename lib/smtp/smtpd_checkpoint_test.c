/* SPDX-License-Identifier: MIT
 *
 * CHECKPOINT at the server (RFC 1845, S3-032): TRANSID and its form, 355, and what may come behind it.
 */
#include "smtpd_test_util.h"

#define HELLO "EHLO a.test\r\n"
#define BAD   "501 5.5.4 TRANSID is <id@domain> of at most 80 characters, once (RFC 1845 2) [transid-form]\r\n"
#define X50   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

struct server {
	struct hk_smtpd *smtpd;
	struct hk_buf out, body;
	char transid[HK_SMTP_TRANSID_MAX + 8];
	bool resumes;
	uint64_t offset, size;
	size_t recipients;
};

static void settle(struct server *s, const struct hk_smtpd_event *e)
{
	if (e->type == HK_SMTPD_MAIL)
		snprintf(s->transid, sizeof s->transid, "%.*s", HK_FMT(e->transid));
	if (e->type == HK_SMTPD_BODY)
		hk_buf_add(&s->body, e->text);
	if (e->type == HK_SMTPD_MESSAGE)
		s->size = e->message_size;
	if (e->type == HK_SMTPD_MAIL && s->resumes && e->transid.n)
		hk_smtpd_resume(s->smtpd, s->offset, s->recipients);
	else
		hk_smtpd_accept(s->smtpd);
}

static void say(struct server *s, const struct hk_smtpd_options *options, const char *text)
{
	struct hk_smtpd_event e = {.size = sizeof e};
	struct hk_slice in = hk_slice_str(text);

	hk_buf_init(&s->out, 1 << 20);
	hk_buf_init(&s->body, 1 << 20);
	s->smtpd = must(hk_smtpd_new(options));
	hk_smtpd_sent(s->smtpd, hk_smtpd_out(s->smtpd).n);
	while (in.n) {
		size_t progress = hk_smtpd_feed(s->smtpd, in);

		in = hk_slice_from(in, progress);
		for (; hk_smtpd_next(s->smtpd, &e) == HK_OK; progress++)
			settle(s, &e);
		assert_true(progress > 0); /* without memory a session ends, and takes no more */
	}
	hk_buf_add(&s->out, hk_smtpd_out(s->smtpd));
}

static void end(struct server *s)
{
	hk_smtpd_free(s->smtpd);
	hk_buf_done(&s->out);
	hk_buf_done(&s->body);
}

static struct hk_smtpd_options offering(void)
{
	struct hk_smtpd_options options = plain;

	options.extensions = HK_EXT_BASIC | HK_EXT(CHECKPOINT) | HK_EXT(CHUNKING);
	return options;
}

/* The replies behind the one to EHLO. */
static void assert_said(struct server *s, const char *want)
{
	static const char last[] = "250 CHECKPOINT\r\n";
	struct hk_slice out = hk_buf_slice(&s->out);
	size_t i;

	for (i = 0; i + sizeof last - 1 <= out.n; i++)
		if (hk_slice_eq(hk_slice_sub(out, i, sizeof last - 1), hk_slice_str(last)))
			break;
	assert_text(hk_slice_from(out, i + sizeof last - 1), want);
}

static void a_transid_has_a_form_and_a_length(void **state)
{
	static const struct {
		const char *value;
		bool good;
	} cases[] = {
	    {"<1@a.test>", true},
	    {"<12345@claremont.edu>", true}, /* RFC 1845 5 */
	    {"<a.b.c@d>", true},
	    {"<!#$%&'*+-^_`{|}~@a>", true},
	    {"<" X50 "xxxxxxxxxx.xxxxxxx@a.test.xyz>", false},  /* 81 with its brackets */
	    {"<" X50 "xxxxxxxxxx.xxxxxx@a.test.xyz>", true},    /* 80 */
	    {"<" X50 "xxxxxxxxxx.xxxxx@a.test.xyz>", true},     /* 79 */
	    {"", false},
	    {"<", false},
	    {"<>", false},
	    {"1@a.test", false},
	    {"<1@a.test", false},
	    {"1@a.test>", false},
	    {"<1>", false},
	    {"<@a>", false},
	    {"<1@>", false},
	    {"<1@a@b>", false},
	    {"<.1@a>", false},
	    {"<1.@a>", false},
	    {"<1..2@a>", false},
	    {"<1@a.>", false},
	    {"<1@[a]>", false},
	    {"<1/2@a>", false},
	    {"<1=2@a>", false},
	    {"<\"1\"@a>", false},
	    {"<1\x7f@a>", false},
	    {"<\xc3\xa9@a>", false},
	    {"<1@a> TRANSID=<1@a>", false},
	};
	struct hk_smtpd_options options = offering();
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct server s = {0};
		char text[256];

		snprintf(text, sizeof text, HELLO "MAIL FROM:<> TRANSID=%s\r\n", cases[i].value);
		say(&s, &options, text);
		assert_said(&s, cases[i].good ? OK_MAIL : BAD);
		if (cases[i].good)
			assert_string_equal(s.transid, cases[i].value);
		end(&s);
	}
}

static void it_is_known_where_checkpoint_is_offered(void **state)
{
	struct hk_smtpd_options options = plain;
	struct server s = {0};

	(void)state;
	say(&s, &options, HELLO "MAIL FROM:<> TRANSID=<1@a>\r\n");
	assert_text(hk_slice_from(hk_buf_slice(&s.out), sizeof EHLO_REPLY - 1),
	    "555 5.5.4 Parameter not recognised or not implemented (RFC 5321 4.1.1.11) [parameter-unknown]\r\n");
	end(&s);
	/* of LMTP the RFC says nothing */
	options = offering();
	options.lmtp = true;
	s = (struct server){0};
	say(&s, &options, "LHLO a.test\r\n");
	assert_text(hk_buf_slice(&s.out), "250-mx.test\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-STARTTLS\r\n250-ENHANCEDSTATUSCODES\r\n"
	                                  "250-8BITMIME\r\n250 CHUNKING\r\n");
	end(&s);
}

static void a_resumed_transaction_has_its_recipients_and_goes_on_with_data(void **state)
{
	struct hk_smtpd_options options = offering();
	struct server s = {.resumes = true, .offset = 6135, .recipients = 2};

	(void)state;
	options.max_message = 7000;
	say(&s, &options, HELLO "MAIL FROM:<> TRANSID=<1@a>\r\nDATA\r\n..x\r\n.\r\nMAIL FROM:<>\r\nDATA\r\n");
	assert_said(&s, "355 6135 is the transaction offset\r\n" GO "250 2.0.0 Ok\r\n" OK_MAIL
	                "503 5.5.1 DATA needs an accepted RCPT first (RFC 5321 3.3) [data-no-rcpt]\r\n");
	assert_text(hk_buf_slice(&s.body), ".x\r\n");
	assert_int_equal(s.size, 6139);
	end(&s);
}

/* RFC 1870: of the whole, what was here before is a part. */
static void the_size_is_that_of_the_whole(void **state)
{
	static const struct {
		uint64_t offset;
		const char *said;
	} cases[] = {
	    {995, "250 2.0.0 Ok\r\n"},
	    {996, "250 2.0.0 Ok\r\n"},
	    {997, "552 5.3.4 Message exceeds the size limit (RFC 1870 6.3) [message-too-large]\r\n"},
	    {UINT64_MAX, "552 5.3.4 Message exceeds the size limit (RFC 1870 6.3) [message-too-large]\r\n"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct hk_smtpd_options options = offering();
		struct server s = {.resumes = true, .offset = cases[i].offset, .recipients = 1};
		char want[512];

		say(&s, &options, HELLO "MAIL FROM:<> TRANSID=<1@a>\r\nDATA\r\nxx\r\n.\r\n");
		snprintf(want, sizeof want, "355 %llu is the transaction offset\r\n" GO "%s", (unsigned long long)cases[i].offset,
		    cases[i].said);
		assert_said(&s, want);
		end(&s);
	}
}

static void what_was_resumed_ends_with_the_transaction(void **state)
{
	struct hk_smtpd_options options = offering();
	struct server s = {.resumes = true, .offset = 900, .recipients = 1};

	(void)state;
	say(&s, &options, HELLO "MAIL FROM:<> TRANSID=<1@a>\r\nRSET\r\nMAIL FROM:<>\r\nRCPT TO:<b@b.test>\r\nDATA\r\nx\r\n.\r\n");
	assert_said(&s, "355 900 is the transaction offset\r\n" OK_0 OK_MAIL OK_RCPT GO "250 2.0.0 Ok\r\n");
	assert_int_equal(s.size, 3);
	end(&s);
}

static void nothing_but_mail_is_answered_so(void **state)
{
	struct hk_smtpd_options options = offering();
	struct hk_smtpd_event e = {.size = sizeof e};
	struct hk_smtpd *s = must(hk_smtpd_new(&options));

	(void)state;
	hk_smtpd_resume(s, 1, 1);
	(void)hk_smtpd_feed(s, HK_S(HELLO));
	assert_int_equal(hk_smtpd_next(s, &e), HK_OK);
	hk_smtpd_resume(s, 1, 1);
	assert_int_equal(hk_smtpd_next(s, &e), HK_OK);
	assert_int_equal(e.type, HK_SMTPD_HELO);
	hk_smtpd_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_transid_has_a_form_and_a_length),
	    cmocka_unit_test(it_is_known_where_checkpoint_is_offered),
	    cmocka_unit_test(a_resumed_transaction_has_its_recipients_and_goes_on_with_data),
	    cmocka_unit_test(the_size_is_that_of_the_whole),
	    cmocka_unit_test(what_was_resumed_ends_with_the_transaction),
	    cmocka_unit_test(nothing_but_mail_is_answered_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
