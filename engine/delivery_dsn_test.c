/* SPDX-License-Identifier: MIT
 *
 * DSN on the way out (RFC 3461 5.2): what the next hop is told, and who tells the sender.
 */
#include <stdio.h>
#include <string.h>

#include <hikyaku/message.h>

#include "engine/delivery_testing.h"
#include "tests/unit.h"

static size_t find(struct hk_slice s, struct hk_slice what, size_t from)
{
	const uint8_t *at = from < s.n ? memmem(s.p + from, s.n - from, what.p, what.n) : NULL;

	return at ? (size_t)(at - s.p) : s.n;
}

static bool got(const struct rig_peer *peer, const char *text)
{
	return peer->got.n && memmem(peer->got.p, peer->got.n, text, strlen(text)) != NULL;
}

#define DSN_SCRIPT "220 hi|250-h\n250 DSN|250 2.1.0 ok|250 2.1.5 ok|354 go|250 2.0.0 queued|221 bye"

static struct rig_mail asked(void)
{
	struct rig_mail mail = simple;

	mail.params.ret = HK_RET_HDRS;
	mail.params.envid = HK_S("Q+2B1");
	mail.rcpt_params.notify = HK_NOTIFY_SUCCESS | HK_NOTIFY_DELAY;
	mail.rcpt_params.orcpt = HK_S("rfc822;Old@A.test");
	return mail;
}

/* S3-038 */
static void a_hop_with_dsn_gets_the_parameters_as_they_came(void **state)
{
	struct rig_peer peer = {.script = DSN_SCRIPT};
	struct rig_mail mail = asked();
	struct rig r;

	(void)state;
	rig_begin(&r, CONF "route * { via smtp plain.test; }", &peer);
	rig_put(&r, &mail);
	rig_run(&r);
	assert_int_equal(r.result->outcome, HK_RCPT_DELIVERED);
	assert_int_equal(r.result->handing, HK_HANDED_ON);
	assert_true(got(&peer, "MAIL FROM:<s@x.test> RET=HDRS ENVID=Q+2B1\r\n"));
	assert_true(got(&peer, "RCPT TO:<r@a.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Old@A.test\r\n"));
	rig_done(&r);
}

/* S3-038: RFC 3461 5.2.1: nothing but ORCPT is added */
static void orcpt_is_added_where_nobody_named_one(void **state)
{
	static const struct {
		const char *rcpt, *command;
	} cases[] = {
	    {"r+1@a.test", "RCPT TO:<r+1@a.test> ORCPT=rfc822;r+2B1@a.test\r\n"},
	    {"postmaster", "RCPT TO:<postmaster>\r\n"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct rig_peer peer = {.script = DSN_SCRIPT};
		struct rig_mail mail = simple;
		struct rig r;

		mail.rcpt = cases[i].rcpt;
		rig_begin(&r, CONF "route * { via smtp plain.test; }", &peer);
		rig_put(&r, &mail);
		rig_run(&r);
		assert_int_equal(r.result->outcome, HK_RCPT_DELIVERED);
		assert_true(got(&peer, "MAIL FROM:<s@x.test>\r\n"));
		if (!got(&peer, cases[i].command))
			fail_msg("%.*s", HK_FMT(hk_buf_slice(&peer.got)));
		rig_done(&r);
	}
}

/* S3-038 S3-065 */
static void who_tells_of_success_goes_by_the_hop(void **state)
{
	static const char lmtp[] = "220 hi|250 h|250 ok|250 ok|354 go|250 2.0.0 queued|221 bye";
	static const char lmtp_dsn[] = "220 hi|250-h\n250 DSN|250 ok|250 ok|354 go|250 2.0.0 queued|221 bye";
	static const struct {
		const char *route, *script;
		enum hk_handing handing;
	} cases[] = {
	    {"via smtp plain.test;", OK_SCRIPT, HK_HANDED_RELAYED},
	    {"via smtp plain.test;", DSN_SCRIPT, HK_HANDED_ON},
	    {"via lmtp plain.test:24;", lmtp, HK_HANDED_FINAL},
	    {"via lmtp plain.test:24;", lmtp_dsn, HK_HANDED_ON},
	    {"via lmtp unix:/run/lmtp;", lmtp, HK_HANDED_FINAL},
	    {"via maildir /mail/%u;", NULL, HK_HANDED_FINAL},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct rig_peer peer = {.script = cases[i].script};
		char conf[1024];
		struct rig r;

		snprintf(conf, sizeof conf, CONF "route * { %s }", cases[i].route);
		rig_begin(&r, conf, &peer);
		rig_put(&r, &simple);
		rig_run(&r);
		assert_int_equal(r.result->outcome, HK_RCPT_DELIVERED);
		assert_int_equal(r.result->handing, cases[i].handing);
		rig_done(&r);
	}
}

/* RFC 3461 5.2: the junk address was not named by the sender, who hears nothing of it */
static void nothing_is_said_of_the_junk_address(void **state)
{
	struct rig_peer peer = {.script = DSN_SCRIPT};
	struct rig_mail mail = asked();
	struct rig r;

	(void)state;
	mail.flags = HK_MAIL_QUARANTINE;
	rig_begin(&r, CONF "route * { via smtp plain.test; quarantine junk junk@ours.test; }", &peer);
	rig_put(&r, &mail);
	rig_run(&r);
	assert_int_equal(r.result->handing, HK_HANDED_ON);
	assert_true(got(&peer, "RCPT TO:<junk@ours.test>\r\n"));
	rig_done(&r);
}

#define BY_SCRIPT "220 hi|250-h\n250-DELIVERBY\n250 DSN|250 2.1.0 ok|250 2.1.5 ok|354 go|250 2.0.0 queued|221 bye"

/* S3-036 RFC 2852 4, 4.1.4: the hop gets what is left of the time; without the extension it gets no mail that is to come back, and where
 * the time is not kept any more, or a trace is wanted, the sender hears that it was passed on. */
static void a_time_goes_on_with_the_seconds_that_are_left(void **state)
{
	static const struct {
		int32_t seconds;
		bool is_return, is_trace;
		const char *route, *script;
		enum hk_rcpt_outcome outcome;
		enum hk_handing handing;
		const char *command, *status;
	} rows[] = {
	    {100, true, false, "via smtp plain.test;", BY_SCRIPT, HK_RCPT_DELIVERED, HK_HANDED_ON, " BY=40;R\r\n", ""},
	    {100, true, true, "via smtp plain.test;", BY_SCRIPT, HK_RCPT_DELIVERED, HK_HANDED_TRACED, " BY=40;RT\r\n", ""},
	    {61, true, false, "via smtp plain.test;", BY_SCRIPT, HK_RCPT_DELIVERED, HK_HANDED_ON, " BY=1;R\r\n", ""},
	    {60, true, false, "via smtp plain.test;", BY_SCRIPT, HK_RCPT_FAILED, HK_HANDED_ON, NULL, "5.4.7"},
	    {100, true, false, "via smtp plain.test;", DSN_SCRIPT, HK_RCPT_FAILED, HK_HANDED_ON, NULL, "5.3.3"},
	    {100, true, false, "via lmtp plain.test:24;", OK_SCRIPT, HK_RCPT_DELIVERED, HK_HANDED_FINAL, NULL, ""},
	    {100, false, false, "via smtp plain.test;", BY_SCRIPT, HK_RCPT_DELIVERED, HK_HANDED_ON, " BY=40;N\r\n", ""},
	    {10, false, false, "via smtp plain.test;", BY_SCRIPT, HK_RCPT_DELIVERED, HK_HANDED_ON, " BY=-50;N\r\n", ""},
	    {-999999999, false, false, "via smtp plain.test;", BY_SCRIPT, HK_RCPT_DELIVERED, HK_HANDED_ON,
	        " BY=-999999999;N\r\n", ""},
	    {100, false, false, "via smtp plain.test;", DSN_SCRIPT, HK_RCPT_DELIVERED, HK_HANDED_TRACED, NULL, ""},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct rig_peer peer = {.script = rows[i].script};
		struct rig_mail mail = simple;
		char conf[1024];
		struct rig r;

		snprintf(conf, sizeof conf, CONF "route * { %s }", rows[i].route);
		mail.params.has_by = true;
		mail.params.by_seconds = rows[i].seconds;
		mail.params.by_return = rows[i].is_return;
		mail.params.by_trace = rows[i].is_trace;
		rig_begin(&r, conf, &peer);
		rig_put(&r, &mail);
		r.job.born_ms = (int64_t)r.now.mono_ms - 60000;
		rig_run(&r);
		assert_int_equal(r.result->outcome, rows[i].outcome);
		if (rows[i].outcome == HK_RCPT_DELIVERED)
			assert_int_equal(r.result->handing, rows[i].handing);
		if (rows[i].status[0])
			assert_string_equal(r.result->enhanced, rows[i].status);
		if (rows[i].command ? !got(&peer, rows[i].command) : got(&peer, " BY="))
			fail_msg("%zu: %.*s", i, HK_FMT(hk_buf_slice(&peer.got)));
		rig_done(&r);
	}
}

/* RFC 2852 4.1.4, RFC 3461 4.1: a trace is told of like success, whatever NOTIFY has but NEVER */
static void a_trace_is_due_unless_nobody_wants_to_hear(void **state)
{
	static const unsigned notify[] = {0, HK_NOTIFY_SUCCESS, HK_NOTIFY_FAILURE, HK_NOTIFY_NEVER};
	struct hk_rcpt_result r = {.outcome = HK_RCPT_DELIVERED, .handing = HK_HANDED_TRACED};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(notify); i++)
		assert_int_equal(hk_dsn_is_due(&r, notify[i]), notify[i] != HK_NOTIFY_NEVER);
}

/* SEC-61, T14: what a server says to RCPT, each line of it, goes into a report as words of one field. */
static void no_reply_of_a_server_can_add_to_a_report(void **state)
{
	static const char *const replies[] = {
	    "550-5.1.1 no\n550-5.1.1 Action: delivered\n550 5.1.1 Status: 2.0.0", "550 5.1.1 \x1b[2J\x07\x7f", "550 5.1.1 \xff\xfe\xc3\x28",
	    "550 5.1.1 a\rAction: delivered\r\r", "550 5.1.1 --=_3EE173C0ADCAB2.0--", "550-5.1.1 \n550-5.1.1 \n550 5.1.1 ", "550 5.1.1 \\x0D\\x0AStatus: 2.0.0",
	    "550 5.1.1 =0D=0AStatus: 2.0.0", "550 9.9.9 \"(<;,:"};
	const struct hk_now when = {.utc = 1731243549};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(replies); i++) {
		struct rig_peer peer = {0};
		struct hk_mail_rcpt rcpt[1] = {{HK_S("r@a.test"), 0, {0, HK_S("rfc822;r@a.test")}}};
		struct hk_mail mail = {.id = 1, .mail_from = HK_S("s@x.test"), .rcpt = rcpt, .n_rcpt = 1, .header = HK_S("Subject: hi\r\n")}, *m = NULL;
		struct hk_slice status, head = HK_S("Content-Type: message/delivery-status"), gap = HK_S("\r\n\r\n"), rest;
		struct hk_header fields;
		char script[400];
		struct rig r;

		snprintf(script, sizeof script, "220 hi|250 h|250 ok|%s|250 ok|221 bye", replies[i]);
		peer.script = script;
		rig_begin(&r, CONF "route * { via smtp plain.test; }", &peer);
		rig_put(&r, &simple);
		rig_run(&r);
		assert_int_not_equal(r.result->outcome, HK_RCPT_DELIVERED);
		r.result->outcome = HK_RCPT_FAILED; /* at once, or in the end */
		assert_int_equal(hk_dsn_make(r.conf, &mail, r.result, 1, &when, 2, &m), HK_OK);
		/* the group of the recipient is the last one of its part */
		rest = hk_slice_from(m->body, find(m->body, head, 0));
		rest = hk_slice_from(rest, find(rest, gap, 0) + gap.n);
		rest = hk_slice_from(rest, find(rest, gap, 0) + gap.n);
		status = hk_slice_sub(rest, 0, find(rest, HK_S("\r\n--"), 0));
		assert_int_equal(hk_header_parse(&r.arena, status, &fields), HK_OK);
		assert_int_equal(fields.malformed, 0);
		if (hk_header_count(&fields, HK_S("Action")) != 1 || hk_header_count(&fields, HK_S("Status")) != 1 || fields.n > 6 ||
		    find(m->body, HK_S("Action: delivered\r\n"), 0) < m->body.n)
			fail_msg("%zu: %.*s", i, HK_FMT(status));
		for (rest = m->body; rest.n; rest = hk_slice_from(rest, 1))
			assert_true((rest.p[0] >= ' ' && rest.p[0] <= '~') || rest.p[0] == '\r' || rest.p[0] == '\n');
		hk_mail_free(m);
		rig_done(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_hop_with_dsn_gets_the_parameters_as_they_came),
	    cmocka_unit_test(orcpt_is_added_where_nobody_named_one),
	    cmocka_unit_test(who_tells_of_success_goes_by_the_hop),
	    cmocka_unit_test(nothing_is_said_of_the_junk_address),
	    cmocka_unit_test(a_time_goes_on_with_the_seconds_that_are_left),
	    cmocka_unit_test(a_trace_is_due_unless_nobody_wants_to_hear),
	    cmocka_unit_test(no_reply_of_a_server_can_add_to_a_report),
	};

	return cmocka_run_group_tests_name("delivery-dsn", tests, NULL, NULL);
}
