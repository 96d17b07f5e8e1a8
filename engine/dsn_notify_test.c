/* SPDX-License-Identifier: MIT
 *
 * What the sender asked to be told: NOTIFY, RET, ENVID and ORCPT (RFC 3461), and addresses in UTF-8 (RFC 6533).
 */
#include "engine/dsn_testing.h"

static struct hk_mail *make_dsn(
    const struct hk_mail *mail, const struct hk_rcpt_result *results, size_t n, struct parts *p)
{
	struct hk_conf *c = conf();
	struct hk_mail *m = NULL;

	assert_int_equal(hk_dsn_make(c, mail, results, n, &now, 0x3EE173C0ADCAB2, &m), HK_OK);
	hk_conf_free(c);
	assert_int_equal(m->body_size, m->body.n);
	parse(m, p);
	return m;
}

static void done(struct hk_mail *m, struct parts *p)
{
	hk_arena_done(&p->arena);
	hk_mail_free(m);
}

static void assert_says_not(struct hk_slice s, const char *text)
{
	if (find(s, text, 0) != s.n)
		fail_msg("\"%s\" in:\n%.*s", text, HK_FMT(s));
}

/* S3-038 RFC 3461 4.1, 5.2 */
static void notify_says_who_is_told_what(void **state)
{
	enum { S = HK_NOTIFY_SUCCESS, F = HK_NOTIFY_FAILURE, D = HK_NOTIFY_DELAY };
	static const struct {
		unsigned notify;
		bool failed, delivered, relayed, delayed;
	} cases[] = {
	    {0, true, false, false, true},
	    {HK_NOTIFY_NEVER, false, false, false, false},
	    {S, false, true, true, false},
	    {F, true, false, false, false},
	    {D, false, false, false, true},
	    {S | F | D, true, true, true, true},
	};
	const struct hk_rcpt_result failed = {.outcome = HK_RCPT_FAILED},
	                            delayed = {.outcome = HK_RCPT_PENDING},
	                            removed = {.outcome = HK_RCPT_REMOVED},
	                            final = {.outcome = HK_RCPT_DELIVERED, .handing = HK_HANDED_FINAL},
	                            relayed = {.outcome = HK_RCPT_DELIVERED, .handing = HK_HANDED_RELAYED},
	                            on = {.outcome = HK_RCPT_DELIVERED, .handing = HK_HANDED_ON};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(hk_dsn_is_due(&failed, cases[i].notify), cases[i].failed);
		assert_int_equal(hk_dsn_is_due(&final, cases[i].notify), cases[i].delivered);
		assert_int_equal(hk_dsn_is_due(&relayed, cases[i].notify), cases[i].relayed);
		assert_int_equal(hk_dsn_is_due(&delayed, cases[i].notify), cases[i].delayed);
		/* the next hop has DSN: it tells, we do not */
		assert_false(hk_dsn_is_due(&on, cases[i].notify));
		assert_false(hk_dsn_is_due(&removed, cases[i].notify));
	}
}

/* S3-038 RFC 3464 2.2.1, 2.3.1 */
static void envid_and_orcpt_come_back_decoded(void **state)
{
	struct hk_mail_rcpt rcpt[] = {
	    {HK_S("a@c.test"), 0, {HK_NOTIFY_FAILURE, HK_S("rfc822;Old+2BName@c.test")}},
	    {HK_S("b@c.test"), 0, {HK_NOTIFY_SUCCESS, HK_S("X-net;b+3D1")}},
	    {HK_S("c@c.test"), 0, {HK_NOTIFY_SUCCESS, {0}}}};
	struct hk_rcpt_result results[] = {
	    {.rcpt = 1, .outcome = HK_RCPT_DELIVERED, .handing = HK_HANDED_FINAL, .code = 250, .enhanced = "2.1.5"},
	    {.rcpt = 2, .outcome = HK_RCPT_DELIVERED, .handing = HK_HANDED_RELAYED, .code = 250,
	        .remote = "mx.c.test[10.0.0.9]", .text = "queued"},
	    {.rcpt = 0, .outcome = HK_RCPT_FAILED, .code = 550, .enhanced = "5.1.1"}};
	struct hk_mail mail = failed_mail(rcpt, 3), *m;
	struct hk_slice status;
	struct parts p;

	(void)state;
	mail.params.envid = HK_S("QQ+2B314159");
	m = make_dsn(&mail, results, 3, &p);
	status = content(p.part[1]);
	assert_true(hk_slice_starts_nocase(status, HK_S("Original-Envelope-Id: QQ+314159\r\nReporting-MTA: ")));
	/* the gravest first, and it gives the subject */
	assert_true(hk_slice_eq(value_of(&p.header, "Subject", 0), HK_S("Your mail could not be delivered")));
	assert_says(status, "\r\n\r\nOriginal-Recipient: rfc822; Old+Name@c.test\r\nFinal-Recipient: rfc822; a@c.test\r\n"
	                    "Action: failed\r\nStatus: 5.1.1\r\n");
	assert_says(status, "\r\n\r\nOriginal-Recipient: X-net; b=1\r\nFinal-Recipient: rfc822; b@c.test\r\n"
	                    "Action: delivered\r\nStatus: 2.1.5\r\n");
	assert_says(status, "\r\n\r\nFinal-Recipient: rfc822; c@c.test\r\nAction: relayed\r\nStatus: 2.0.0\r\n"
	                    "Remote-MTA: dns; mx.c.test\r\nDiagnostic-Code: smtp; 250\r\n queued\r\n");
	assert_says(content(p.part[0]), "was delivered to the recipients below.");
	assert_says(content(p.part[0]), "was passed on for the recipients below");
	done(m, &p);
	/* nothing failed: the subject says so */
	m = make_dsn(&mail, results, 2, &p);
	assert_true(hk_slice_eq(value_of(&p.header, "Subject", 0), HK_S("Your mail was delivered")));
	assert_says_not(m->body, "could not");
	done(m, &p);
}

static void a_delay_names_the_time_of_the_last_attempt(void **state)
{
	struct hk_mail_rcpt rcpt[] = {{HK_S("a@c.test"), 0, {0}}};
	struct hk_rcpt_result result = {.outcome = HK_RCPT_PENDING, .code = 451, .text = "later"};
	struct hk_mail mail = failed_mail(rcpt, 1), *m;
	struct parts p;

	(void)state;
	m = make_dsn(&mail, &result, 1, &p);
	assert_says(content(p.part[1]), "Action: delayed\r\nStatus: 4.0.0\r\nWill-Retry-Until: ");
	done(m, &p);
}

/* S3-038 RFC 3461 4.3 */
static void ret_full_returns_the_message_of_a_failure_only(void **state)
{
	static const struct {
		enum hk_smtp_ret ret;
		enum hk_rcpt_outcome outcome;
		enum hk_smtp_body body;
		const char *file;
		bool is_full;
	} cases[] = {
	    {HK_RET_NONE, HK_RCPT_FAILED, HK_BODY_7BIT, "", false},
	    {HK_RET_HDRS, HK_RCPT_FAILED, HK_BODY_7BIT, "", false},
	    {HK_RET_FULL, HK_RCPT_FAILED, HK_BODY_7BIT, "", true},
	    {HK_RET_FULL, HK_RCPT_FAILED, HK_BODY_8BITMIME, "", true},
	    {HK_RET_FULL, HK_RCPT_DELIVERED, HK_BODY_7BIT, "", false},
	    {HK_RET_FULL, HK_RCPT_FAILED, HK_BODY_BINARYMIME, "", false},
	    {HK_RET_FULL, HK_RCPT_FAILED, HK_BODY_7BIT, "3EE173C0ADCAB1", false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct hk_mail_rcpt rcpt[] = {{HK_S("a@c.test"), 0, {HK_NOTIFY_SUCCESS | HK_NOTIFY_FAILURE, {0}}}};
		struct hk_rcpt_result result = {.outcome = cases[i].outcome, .handing = HK_HANDED_FINAL, .code = 550};
		struct hk_mail mail = failed_mail(rcpt, 1), *m;
		struct parts p;

		mail.params.ret = cases[i].ret;
		mail.params.body = cases[i].body;
		mail.body_file = hk_slice_str(cases[i].file);
		m = make_dsn(&mail, &result, 1, &p);
		if (cases[i].is_full) {
			assert_says(p.part[2], "Content-Type: message/rfc822\r\n\r\nSubject: hi\r\n");
			assert_says(p.part[2], "From: sender@a.test\r\n\r\nsecret\r\n");
		} else {
			assert_says(p.part[2], "Content-Type: text/rfc822-headers\r\n\r\nSubject: hi\r\n");
			assert_says_not(m->body, "secret");
		}
		done(m, &p);
	}
}

/* S3-041 RFC 8689 5: what must not be read on the way out is not shown on the way back, whatever RET says; and the notification
 * asks for TLS as the message did. */
static void a_message_that_needs_tls_comes_back_as_its_header_alone_and_needs_tls(void **state)
{
	static const enum hk_smtp_ret rets[] = {HK_RET_NONE, HK_RET_HDRS, HK_RET_FULL};
	static const enum hk_rcpt_outcome outcomes[] = {HK_RCPT_FAILED, HK_RCPT_PENDING, HK_RCPT_DELIVERED};
	size_t i, needs;

	(void)state;
	for (i = 0; i < COUNT(rets) * COUNT(outcomes); i++) {
		for (needs = 0; needs < 2; needs++) {
			struct hk_mail_rcpt rcpt[] = {{HK_S("a@c.test"), 0, {HK_NOTIFY_SUCCESS | HK_NOTIFY_FAILURE | HK_NOTIFY_DELAY, {0}}}};
			struct hk_rcpt_result result = {
			    .outcome = outcomes[i / COUNT(rets)], .handing = HK_HANDED_FINAL, .code = 550, .text = "no TLS here"};
			struct hk_mail mail = failed_mail(rcpt, 1), *m;
			struct parts p;

			mail.params.ret = rets[i % COUNT(rets)];
			mail.params.require_tls = needs == 1;
			m = make_dsn(&mail, &result, 1, &p);
			assert_int_equal(m->params.require_tls, needs);
			assert_int_equal(m->mail_from.n, 0);
			if (needs) {
				assert_says(p.part[2], "Content-Type: text/rfc822-headers\r\n\r\nSubject: hi\r\n");
				assert_says_not(m->body, "secret");
			}
			done(m, &p);
		}
	}
}

#define JIRO "\xe6\xac\xa1\xe9\x83\x8e@c.test"

/* S3-040 RFC 6533 3, 4.5: nobody knows what the way back has */
static void an_ascii_sender_is_told_in_seven_bits(void **state)
{
	struct hk_mail_rcpt rcpt[] = {{HK_S(JIRO), 0, {0, HK_S("utf-8;\\x{6B21}@c.test")}},
	    {HK_S("bad\xff@c.test"), 0, {0}}};
	struct hk_rcpt_result results[] = {{.rcpt = 0, .outcome = HK_RCPT_FAILED, .code = 550, .enhanced = "5.6.7"},
	    {.rcpt = 1, .outcome = HK_RCPT_FAILED, .code = 550}};
	struct hk_mail mail = failed_mail(rcpt, 2), *m;
	struct hk_slice plain;
	struct parts p;
	size_t i;

	(void)state;
	mail.params.smtputf8 = true;
	mail.header = HK_S("Subject: \xe6\xac\xa1\r\n");
	m = make_dsn(&mail, results, 2, &p);
	for (i = 0; i < m->body.n; i++)
		assert_true(m->body.p[i] < 0x80);
	assert_int_equal(m->flags & HK_MAIL_8BIT, 0);
	assert_false(m->params.smtputf8);
	assert_says(p.part[1], "Content-Type: message/delivery-status\r\n");
	assert_says(p.part[1], "Original-Recipient: utf-8; \\x{6B21}@c.test\r\n"
	                       "Final-Recipient: utf-8; \\x{6B21}\\x{90CE}@c.test\r\n");
	assert_says(p.part[1], "Final-Recipient: rfc822; bad\\xFF@c.test\r\n");
	assert_says(p.part[2], "Content-Type: message/global-headers\r\nContent-Transfer-Encoding: base64\r\n\r\n");
	assert_int_equal(hk_base64_parse(&p.arena, content(p.part[2]), &plain), HK_OK);
	assert_true(hk_slice_eq(plain, mail.header));
	done(m, &p);
}

/* S3-040 RFC 6533 4.1 */
static void a_sender_in_utf8_is_told_in_utf8(void **state)
{
	struct hk_mail_rcpt rcpt[] = {{HK_S(JIRO), 0, {0, HK_S("utf-8;\\x{6B21}\\x{2B}@c.test")}}};
	struct hk_rcpt_result result = {.outcome = HK_RCPT_FAILED, .code = 550, .enhanced = "5.1.1"};
	struct hk_mail mail = failed_mail(rcpt, 1), *m;
	struct parts p;

	(void)state;
	mail.params.smtputf8 = true;
	mail.mail_from = HK_S("\xe8\x8a\xb1@a.test");
	mail.header = HK_S("Subject: \xe6\xac\xa1\r\n");
	m = make_dsn(&mail, &result, 1, &p);
	assert_true(m->params.smtputf8);
	assert_int_equal(m->flags & HK_MAIL_8BIT, HK_MAIL_8BIT);
	assert_true(hk_slice_eq(value_of(&p.header, "To", 0), HK_S("<\xe8\x8a\xb1@a.test>")));
	assert_says(p.part[0], "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n");
	assert_says(content(p.part[0]), "  <" JIRO ">\r\n");
	assert_says(p.part[1], "Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n");
	assert_says(p.part[1], "X-Hikyaku-Sender: utf-8; \xe8\x8a\xb1@a.test\r\n");
	assert_says(p.part[1], "Original-Recipient: utf-8; \xe6\xac\xa1+@c.test\r\nFinal-Recipient: utf-8; " JIRO "\r\n");
	assert_says(p.part[2], "Content-Type: message/global-headers\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: \xe6");
	done(m, &p);
}

/* S3-040 SEC-61: a code point that would end a line is not raised */
static void no_orcpt_can_add_a_line_to_a_notification(void **state)
{
	static const char *const orcpt[] = {"utf-8;\\x{0D}\\x{0A}Action:delivered", "utf-8;\\x{0A}x", "utf-8;\\x{110000}",
	    "utf-8;\\x{D800}", "utf-8;\\x{85}", "utf-8;\\x{", "rfc822;a+0D+0AAction:delivered", ";x", "x;"};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(orcpt) * 2; i++) {
		struct hk_mail_rcpt rcpt[] = {{HK_S("a@c.test"), 0, {0, hk_slice_str(orcpt[i / 2])}}};
		struct hk_rcpt_result result = {.outcome = HK_RCPT_FAILED, .code = 550};
		struct hk_mail mail = failed_mail(rcpt, 1), *m;
		struct hk_header fields;
		struct hk_slice status;
		struct parts p;

		if (i % 2)
			mail.mail_from = HK_S("\xe8\x8a\xb1@a.test");
		m = make_dsn(&mail, &result, 1, &p);
		status = content(p.part[1]);
		status = hk_slice_from(status, find(status, "\r\n\r\n", 0) + 4);
		assert_int_equal(find(status, "\r\n\r\n", 0), status.n);
		assert_int_equal(hk_header_parse(&p.arena, status, &fields), HK_OK);
		assert_int_equal(fields.malformed, 0);
		assert_int_equal(hk_header_count(&fields, HK_S("Action")), 1);
		assert_true(hk_slice_eq(value_of(&fields, "Action", 0), HK_S("failed")));
		assert_int_equal(find(status, "\xc2\x85", 0), status.n);
		done(m, &p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(notify_says_who_is_told_what),
	    cmocka_unit_test(envid_and_orcpt_come_back_decoded),
	    cmocka_unit_test(a_delay_names_the_time_of_the_last_attempt),
	    cmocka_unit_test(ret_full_returns_the_message_of_a_failure_only),
	    cmocka_unit_test(a_message_that_needs_tls_comes_back_as_its_header_alone_and_needs_tls),
	    cmocka_unit_test(an_ascii_sender_is_told_in_seven_bits),
	    cmocka_unit_test(a_sender_in_utf8_is_told_in_utf8),
	    cmocka_unit_test(no_orcpt_can_add_a_line_to_a_notification),
	};

	return cmocka_run_group_tests_name("dsn-notify", tests, NULL, NULL);
}
