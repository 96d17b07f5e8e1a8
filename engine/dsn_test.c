/* SPDX-License-Identifier: MIT */
#include "engine/dsn_testing.h"

/* S2-041 S2-043 RFC 3464 2 */
static void a_bounce_has_the_fields_of_rfc_3464(void **state)
{
	struct hk_mail_rcpt rcpt[] = {{HK_S("nobody@c.test"), 0}, {HK_S("full@c.test"), 0}};
	struct hk_mail mail = failed_mail(rcpt, 2), *m = NULL;
	struct hk_rcpt_result results[] = {
	    {.rcpt = 0,
	        .outcome = HK_RCPT_FAILED,
	        .code = 550,
	        .enhanced = "5.1.1",
	        .text = "No such user here",
	        .remote = "mx.c.test[10.0.0.9]"},
	    {.rcpt = 1,
	        .outcome = HK_RCPT_FAILED,
	        .code = 451,
	        .enhanced = "",
	        .text = "The mail was too long in the queue"},
	};
	struct hk_conf *c = conf();
	struct hk_slice status;
	struct hk_header fields;
	struct parts p;

	(void)state;
	assert_int_equal(hk_dsn_make(c, &mail, results, 2, &now, 0x3EE173C0ADCAB2, &m), HK_OK);
	assert_int_equal(m->mail_from.n, 0);
	assert_int_equal(m->n_rcpt, 1);
	assert_true(hk_slice_eq(m->rcpt->address, HK_S("sender@a.test")));
	assert_int_equal(m->flags & HK_MAIL_DSN, HK_MAIL_DSN);
	assert_int_equal(m->listener.n, 0);
	assert_int_equal(m->body_size, m->body.n);
	assert_true(
	    hk_slice_eq(m->trace, HK_S("Received: by mx.b.test (A ?B? ?C) id 3EE173C0ADCAB2; Sun, "
	                               "10 Nov 2024 21:59:09 +0900 (JST)\r\n")));
	parse(m, &p);
	assert_true(hk_slice_eq(value_of(&p.header, "To", 0), HK_S("<sender@a.test>")));
	assert_true(hk_slice_eq(value_of(&p.header, "From", 0),
	    HK_S("Mail Delivery System <MAILER-DAEMON@mx.b.test>")));
	assert_true(hk_slice_eq(value_of(&p.header, "Auto-Submitted", 0), HK_S("auto-replied")));
	assert_says(content(p.part[0]),
	    "  <nobody@c.test>\r\n    mx.c.test[10.0.0.9] said: 550 5.1.1 No such user here\r\n");
	assert_says(content(p.part[0]),
	    "  <full@c.test>\r\n    451 4.0.0 The mail was too long in the queue\r\n");
	assert_says(p.part[1], "Content-Type: message/delivery-status\r\n");
	status = content(p.part[1]);
	/* RFC 3464 2.1: groups of fields, apart by empty lines */
	assert_int_equal(hk_header_parse(&p.arena,
	                     hk_slice_sub(status, 0, find(status, "\r\n\r\n", 0) + 2), &fields),
	    HK_OK);
	assert_true(hk_slice_eq(value_of(&fields, "Reporting-MTA", 0), HK_S("dns; mx.b.test")));
	assert_true(
	    hk_slice_eq(value_of(&fields, "X-Hikyaku-Queue-ID", 0), HK_S("3EE173C0ADCAB1")));
	assert_true(
	    hk_slice_eq(value_of(&fields, "X-Hikyaku-Sender", 0), HK_S("rfc822; sender@a.test")));
	assert_true(value_of(&fields, "Arrival-Date", 0).n > 20);
	status = hk_slice_from(status, find(status, "\r\n\r\n", 0) + 4);
	assert_int_equal(hk_header_parse(&p.arena,
	                     hk_slice_sub(status, 0, find(status, "\r\n\r\n", 0) + 2), &fields),
	    HK_OK);
	assert_true(
	    hk_slice_eq(value_of(&fields, "Final-Recipient", 0), HK_S("rfc822; nobody@c.test")));
	/* RFC 3464 2.3.1: only where the sender named one */
	assert_int_equal(hk_header_count(&fields, HK_S("Original-Recipient")), 0);
	assert_true(hk_slice_eq(value_of(&fields, "Action", 0), HK_S("failed")));
	assert_true(hk_slice_eq(value_of(&fields, "Status", 0), HK_S("5.1.1")));
	assert_true(hk_slice_eq(value_of(&fields, "Remote-MTA", 0), HK_S("dns; mx.c.test")));
	assert_true(hk_slice_eq(value_of(&fields, "Diagnostic-Code", 0),
	    HK_S("smtp; 550 5.1.1\r\n No such user here")));
	assert_says(content(p.part[1]), "Final-Recipient: rfc822; full@c.test\r\n");
	assert_says(p.part[2], "Content-Type: text/rfc822-headers\r\n");
	assert_true(hk_slice_eq(content(p.part[2]), mail.header));
	assert_int_equal(find(m->body, "secret", 0), m->body.n);
	hk_arena_done(&p.arena);
	hk_mail_free(m);
	hk_conf_free(c);
}

/* The field of RFC 2852: once, for the message, whatever the mode, also a time that had passed already; without BY= it is not there. */
static void a_report_says_by_when_it_was_wanted(void **state)
{
	static const struct {
		bool has_by, is_return;
		int32_t seconds;
		const char *want;
	} rows[] = {
	    {false, false, 600, ""},
	    {true, true, 600, "Sun, 10 Nov 2024 22:09:09 +0900 (JST)"},
	    {true, false, 1, "Sun, 10 Nov 2024 21:59:10 +0900 (JST)"},
	    {true, false, -86400, "Sat, 9 Nov 2024 21:59:09 +0900 (JST)"},
	};
	struct hk_mail_rcpt rcpt[] = {{HK_S("nobody@c.test"), 0}};
	struct hk_rcpt_result result = {.outcome = HK_RCPT_FAILED, .code = 550, .enhanced = "5.4.7"};
	struct hk_conf *c = conf();
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct hk_mail mail = failed_mail(rcpt, 1), *m = NULL;
		struct hk_header fields;
		struct hk_slice status;
		struct parts p;

		mail.received = now.utc;
		mail.params.has_by = rows[i].has_by;
		mail.params.by_seconds = rows[i].seconds;
		mail.params.by_return = rows[i].is_return;
		assert_int_equal(hk_dsn_make(c, &mail, &result, 1, &now, 0x3EE173C0ADCAB2, &m), HK_OK);
		parse(m, &p);
		status = content(p.part[1]);
		assert_int_equal(find(status, "Deliver-By-Date", find(status, "\r\n\r\n", 0)), status.n);
		assert_int_equal(hk_header_parse(&p.arena, hk_slice_sub(status, 0, find(status, "\r\n\r\n", 0) + 2), &fields), HK_OK);
		assert_text(value_of(&fields, "Deliver-By-Date", 0), rows[i].want);
		hk_arena_done(&p.arena);
		hk_mail_free(m);
	}
	hk_conf_free(c);
}

/* S3-006 RFC 5321 4.5.5 */
static void no_bounce_is_made_for_a_bounce_or_for_a_forged_sender(void **state)
{
	struct hk_mail_rcpt rcpt[] = {{HK_S("nobody@c.test"), 0}};
	struct hk_rcpt_result result = {.outcome = HK_RCPT_FAILED, .code = 550};
	struct hk_mail mail = failed_mail(rcpt, 1), *m = NULL;
	struct hk_conf *c = conf();

	(void)state;
	assert_int_equal(hk_dsn_make(c, &mail, &result, 0, &now, 1, &m), HK_NOTFOUND);
	mail.flags = HK_MAIL_QUARANTINE;
	assert_int_equal(hk_dsn_make(c, &mail, &result, 1, &now, 1, &m), HK_NOTFOUND);
	mail.flags = 0;
	mail.mail_from = (struct hk_slice){0};
	assert_int_equal(hk_dsn_make(c, &mail, &result, 1, &now, 1, &m), HK_NOTFOUND);
	assert_null(m);
	hk_conf_free(c);
}

/* T14 SEC-35 SEC-61: whatever the reply, the address and the header hold, the structure is the same and every
 * line is clean. */
static void hostile_text_cannot_change_the_structure(void **state)
{
	static const char *const hostile[] = {"\r\n\r\n--", "\r\nAction: delivered",
	    "\r\n.\r\nQUIT\r\n", "\x1b[2J", "\xff\xfe", "a\nStatus: 2.0.0", "=_003EE173C0ADCAB2.0",
	    "<>()\"\\", ""};
	struct hk_conf *c = conf();
	size_t i, j;

	(void)state;
	for (i = 0; i < COUNT(hostile); i++) {
		struct hk_mail_rcpt rcpt[] = {{hk_slice_str(hostile[i]), 0}};
		struct hk_mail mail = failed_mail(rcpt, 1), *m = NULL;
		struct hk_rcpt_result r = {.outcome = HK_RCPT_FAILED, .code = 550};
		struct hk_slice status;
		struct hk_header fields;
		struct hk_buf envid, orcpt;
		char header[256];
		struct parts p;

		hk_buf_init(&envid, 1024);
		hk_xtext_add(&envid, hk_slice_str(hostile[i]));
		hk_buf_add_str(&envid, "+00+0D+0A");
		hk_buf_init(&orcpt, 1024);
		hk_buf_addf(&orcpt, "rfc822;%.*s", HK_FMT(hk_buf_slice(&envid)));
		mail.params.envid = hk_buf_slice(&envid);
		rcpt->params.orcpt = hk_buf_slice(&orcpt);
		snprintf(r.remote, sizeof r.remote, "h%s[10.0.0.1]", hostile[i]);
		snprintf(r.text, sizeof r.text, "%s", hostile[i]);
		snprintf(header, sizeof header,
		    "X: \r\n --=_3EE173C0ADCAB2.0\r\n --=_3EE173C0ADCAB2.0--\r\nY: %s\r\n",
		    strpbrk(hostile[i], "\r\n") ? "z" : hostile[i]);
		mail.header = hk_slice_str(header);
		mail.mail_from = rcpt[0].address.n ? rcpt[0].address : HK_S("x");
		assert_int_equal(hk_dsn_make(c, &mail, &r, 1, &now, 0x3EE173C0ADCAB2, &m), HK_OK);
		parse(m, &p);
		status = content(p.part[1]);
		assert_int_equal(hk_header_parse(&p.arena, hk_slice_sub(status, 0, find(status, "\r\n\r\n", 0) + 2), &fields), HK_OK);
		assert_int_equal(fields.malformed, 0);
		assert_int_equal(fields.n, 5); /* of the message: no field more */
		assert_int_equal(hk_header_count(&fields, HK_S("Original-Envelope-Id")), 1);
		status = hk_slice_from(status, find(status, "\r\n\r\n", 0) + 4);
		assert_int_equal(find(status, "\r\n\r\n", 0), status.n); /* one recipient */
		assert_int_equal(hk_header_parse(&p.arena, status, &fields), HK_OK);
		assert_int_equal(fields.malformed, 0);
		assert_int_equal(hk_header_count(&fields, HK_S("Action")), 1);
		assert_int_equal(hk_header_count(&fields, HK_S("Status")), 1);
		assert_int_equal(hk_header_count(&fields, HK_S("Original-Recipient")), 1);
		assert_true(hk_slice_eq(content(p.part[2]), mail.header));
		for (j = 0;
		     j + find(m->body, "\r\n--", 0) < find(m->body, "text/rfc822-headers", 0); j++)
			assert_true((m->body.p[j] >= ' ' && m->body.p[j] <= '~') ||
			            m->body.p[j] == '\r' || m->body.p[j] == '\n');
		hk_arena_done(&p.arena);
		hk_mail_free(m);
		hk_buf_done(&envid);
		hk_buf_done(&orcpt);
	}
	hk_conf_free(c);
}

struct repeated {
	const char *unit;
	size_t n;
};

static void repeat(const struct repeated *r, char *to)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		memcpy(to + i * strlen(r->unit), r->unit, strlen(r->unit));
}

/* RFC 5322 2.1.1: the longest name of a host that hosts_shown lets through, with the longest address, and the longest reply. */
static void no_line_of_a_report_is_longer_than_998_octets(void **state)
{
	static const struct repeated names[] = {{"a", 240}, {"\\001", 60}, {"\xc3\xbc", 50}},
	                             texts[] = {{"a", 511}, {"\\", 511}, {"\x01", 511}, {"\xf0\x9f\x98\x80", 127}};
	struct hk_mail_rcpt rcpt[] = {{HK_S("nobody@c.test"), 0}};
	struct hk_conf *c = conf();
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(names) * COUNT(texts); i++) {
		struct hk_rcpt_result r = {.outcome = HK_RCPT_FAILED, .code = 550, .enhanced = "5.999.999"};
		struct hk_mail mail = failed_mail(rcpt, 1), *m = NULL;
		size_t longest = 0, n;
		struct hk_slice rest;

		repeat(&names[i / COUNT(texts)], r.remote);
		strncat(r.remote, "[2001:db8:1111:2222:3333:4444:5555:6666]", sizeof r.remote - strlen(r.remote) - 1);
		repeat(&texts[i % COUNT(texts)], r.text);
		assert_int_equal(hk_dsn_make(c, &mail, &r, 1, &now, 0x3EE173C0ADCAB2, &m), HK_OK);
		for (rest = m->body; rest.n; rest = hk_slice_from(rest, n + 1)) {
			n = hk_slice_find(rest, '\n');
			longest = n > longest ? n : longest; /* with its CR */
		}
		assert_in_range(longest, 511, 999);
		hk_mail_free(m);
	}
	hk_conf_free(c);
}

/* RFC 3464 2.3.6, RFC 3461 9.2: a code of type smtp is what a host replied. */
static void no_host_is_said_to_have_said_what_is_ours(void **state)
{
	static const struct {
		bool is_ours;
		const char *text, *people, *programs;
	} rows[] = {
	    {false, "No", "\r\n    h.test[10.0.0.1] said: 451 4.4.1 No\r\n", "\r\nDiagnostic-Code: smtp; 451 4.4.1\r\n No\r\n"},
	    {true, "Refused", "\r\n    h.test[10.0.0.1]: 451 4.4.1 Refused\r\n", "\r\nRemote-MTA: dns; h.test\r\nDiagnostic-Code: x-hikyaku; 451 4.4.1\r\n Refused\r\n"},
	    /* RFC 5322 3.2.2: no line of a field is blank */
	    {false, "  ", " said: 451 4.4.1   \r\n", "\r\nDiagnostic-Code: smtp; 451 4.4.1\r\n (no text)\r\n"},
	};
	struct hk_mail_rcpt rcpt[] = {{HK_S("a@c.test"), 0}};
	struct hk_conf *c = conf();
	struct parts p;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct hk_rcpt_result r = {.outcome = HK_RCPT_FAILED, .code = 451, .enhanced = "4.4.1", .remote = "h.test[10.0.0.1]", .is_ours = rows[i].is_ours};
		struct hk_mail mail = failed_mail(rcpt, 1), *m = NULL;

		snprintf(r.text, sizeof r.text, "%s", rows[i].text);
		mail.params.ret = i ? HK_RET_FULL : HK_RET_HDRS;
		assert_int_equal(hk_dsn_make(c, &mail, &r, 1, &now, 0x3EE173C0ADCAB2, &m), HK_OK);
		parse(m, &p);
		assert_says(content(p.part[0]), i ? " Your message is attached.\r\n" : " The header of your message is\r\nattached.\r\n");
		assert_says(content(p.part[0]), rows[i].people);
		assert_says(p.part[1], rows[i].programs);
		hk_arena_done(&p.arena);
		hk_mail_free(m);
	}
	hk_conf_free(c);
}

static void an_address_with_a_backslash_stays_that_address(void **state)
{
	struct hk_mail_rcpt rcpt[] = {{HK_S("\"a\\\"b\"@c.test"), 0}};
	struct hk_rcpt_result r = {.outcome = HK_RCPT_FAILED, .code = 550, .remote = "h.test[10.0.0.1]"};
	struct hk_mail mail = failed_mail(rcpt, 1), *m = NULL;
	struct hk_conf *c = conf();
	struct parts p;

	(void)state;
	mail.mail_from = HK_S("\"s\\\\t\"@a.test");
	rcpt->params.orcpt = HK_S("rfc822;\"a\\\"+2Bb\"@c.test");
	mail.params.envid = HK_S("one\\two");
	assert_int_equal(hk_dsn_make(c, &mail, &r, 1, &now, 0x3EE173C0ADCAB2, &m), HK_OK);
	parse(m, &p);
	assert_true(hk_slice_eq(value_of(&p.header, "To", 0), HK_S("<\"s\\\\t\"@a.test>")));
	assert_says(content(p.part[0]), "  <\"a\\\"b\"@c.test>\r\n");
	assert_says(content(p.part[1]), "\r\nFinal-Recipient: rfc822; \"a\\\"b\"@c.test\r\n");
	assert_says(content(p.part[1]), "\r\nOriginal-Recipient: rfc822; \"a\\\"+b\"@c.test\r\n");
	assert_says(content(p.part[1]), "\r\nX-Hikyaku-Sender: rfc822; \"s\\\\t\"@a.test\r\n");
	assert_says(content(p.part[1]), "Original-Envelope-Id: one\\two\r\n");
	hk_arena_done(&p.arena);
	hk_mail_free(m);
	hk_conf_free(c);
}

static void a_bounce_for_ten_thousand_recipients_stays_an_inline_one(void **state)
{
	static struct hk_mail_rcpt rcpt[10000];
	struct hk_rcpt_result *results = calloc(COUNT(rcpt), sizeof *results);
	struct hk_mail mail = failed_mail(rcpt, COUNT(rcpt)), *m = NULL;
	struct hk_conf *c = conf();
	uint8_t *header = malloc(200 * 1024);
	struct parts p;
	size_t i;

	(void)state;
	assert_non_null(results);
	assert_non_null(header);
	for (i = 0; i < 200 * 1024; i++)
		header[i] = (uint8_t)(i % 64 == 0    ? 'X'
		                      : i % 64 == 1  ? ':'
		                      : i % 64 == 62 ? '\r'
		                      : i % 64 == 63 ? '\n'
		                                     : 0xe9);
	mail.header = hk_slice_of(header, 200 * 1024);
	for (i = 0; i < COUNT(rcpt); i++) {
		rcpt[i].address = HK_S("somebody-with-a-long-name@department.c.test");
		results[i] = (struct hk_rcpt_result){
		    .rcpt = (uint32_t)i, .code = 550, .enhanced = "5.1.1", .remote = "h[1.2.3.4]"};
		memset(results[i].text, 'x', sizeof results[i].text - 1);
	}
	assert_int_equal(hk_dsn_make(c, &mail, results, COUNT(rcpt), &now, 7, &m), HK_OK);
	assert_true(m->body.n <= HK_BODY_INLINE_MAX);
	assert_int_equal(m->flags & HK_MAIL_8BIT, HK_MAIL_8BIT);
	parse(m, &p);
	assert_says(p.part[0], "more recipients, which are not listed here.\r\n");
	assert_true(content(p.part[2]).n > 60 * 1024 && content(p.part[2]).n % 64 == 0);
	hk_arena_done(&p.arena);
	hk_mail_free(m);
	free(results);
	free(header);
	hk_conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_bounce_has_the_fields_of_rfc_3464),
	    {"S3-036: a report says by when it was wanted (RFC 2852)", a_report_says_by_when_it_was_wanted, NULL, NULL, NULL},
	    cmocka_unit_test(no_bounce_is_made_for_a_bounce_or_for_a_forged_sender),
	    cmocka_unit_test(hostile_text_cannot_change_the_structure),
	    cmocka_unit_test(no_line_of_a_report_is_longer_than_998_octets),
	    cmocka_unit_test(no_host_is_said_to_have_said_what_is_ours),
	    cmocka_unit_test(an_address_with_a_backslash_stays_that_address),
	    cmocka_unit_test(a_bounce_for_ten_thousand_recipients_stays_an_inline_one),
	};

	return cmocka_run_group_tests_name("dsn", tests, NULL, NULL);
}
