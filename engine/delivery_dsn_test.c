/* SPDX-License-Identifier: MIT
 *
 * DSN on the way out (RFC 3461 5.2): what the next hop is told, and who tells the sender.
 */
#include <stdio.h>
#include <string.h>

#include "engine/delivery_testing.h"
#include "tests/unit.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_hop_with_dsn_gets_the_parameters_as_they_came),
	    cmocka_unit_test(orcpt_is_added_where_nobody_named_one),
	    cmocka_unit_test(who_tells_of_success_goes_by_the_hop),
	    cmocka_unit_test(nothing_is_said_of_the_junk_address),
	};

	return cmocka_run_group_tests_name("delivery-dsn", tests, NULL, NULL);
}
