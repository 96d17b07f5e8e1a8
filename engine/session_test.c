/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hikyaku/verify.h>

#include "engine/session_testing.h"

/* ---- the dialogue of the seed ---- */

/* S0-002 S0-003 S0-004 S0-005 S0-006 S0-007 S0-009 S0-010 S0-011 S0-022 S0-023 S0-027 S0-028 */
static void the_dialogue_of_the_book_gives_its_seven_replies_and_stores_its_bytes(void **state)
{
	static const char script[] = HEAD
	    "Message-ID: <20241110215909.X@a.test>\r\nDate: Sun, 10 Nov 2024 21:59:09 +0900\r\n"
	    "From: user1@a.test\r\nTo:   user1@b.test\r\nSubject: scenario1-1 (mail from "
	    "user1@a.test)\r\n"
	    "\r\nHello user1@b.test!\r\n.\r\nQUIT\r\n";
	enum srig_cut cut;

	(void)state;
	for (cut = SRIG_WHOLE; cut < SRIG_CUTS; cut++) {
		char want[2048], id[HK_MAIL_ID_TEXT];
		struct srig r;

		srig_init(&r, CONF, ZONE);
		r.cut = cut;
		srig_say(&r, script);
		assert_int_equal(r.n_mails, 1);
		hk_mail_id_format(r.mail[0]->id, id);
		snprintf(want, sizeof want,
		    "220 imap.b.test ESMTP Hikyaku\r\n250 imap.b.test\r\n250 2.1.0 Ok\r\n250 2.1.5 "
		    "Ok\r\n"
		    "354 End data with <CR><LF>.<CR><LF>\r\n250 2.0.0 Ok: queued as %s\r\n221 "
		    "2.0.0 Bye\r\n",
		    id);
		assert_string_equal(srig_replies(&r), want);
		assert_true(r.has_ended);
		snprintf(want, sizeof want,
		    "Received: from a.test (client.a.test [10.0.0.9])\r\n\tby imap.b.test "
		    "(Hikyaku) with SMTP id %s\r\n"
		    "\tfor <user1@b.test>; Sun, 10 Nov 2024 21:59:09 +0900 (JST)\r\n",
		    id);
		assert_memory_equal(srig_stored(&r, 0), want, strlen(want));
		/* the rest is what stood between DATA and the dot */
		assert_int_equal(strlen(srig_stored(&r, 0)),
		    strlen(want) + sizeof script - sizeof HEAD - strlen(".\r\nQUIT\r\n"));
		assert_memory_equal(srig_stored(&r, 0) + strlen(want), script + sizeof HEAD - 1,
		    sizeof script - sizeof HEAD - strlen(".\r\nQUIT\r\n"));
		assert_true(hk_slice_eq(r.mail[0]->mail_from, HK_S("user1@a.test")));
		assert_true(hk_slice_eq(r.mail[0]->listener, HK_S("mx")));
		assert_int_equal(r.mail[0]->received, 1731243549);
		snprintf(want, sizeof want, "qid=%s ev=accept", id);
		assert_has(srig_log(&r), want);
		srig_done(&r);
	}
}

/* S3-019 */
static void several_messages_go_through_one_connection(void **state)
{
	struct srig r;

	(void)state;
	srig_init(&r, CONF, ZONE);
	srig_say(&r, HEAD "A: 1\r\n\r\none\r\n.\r\nMAIL FROM:<>\r\nRCPT "
	                  "TO:<user2@b.test>\r\nDATA\r\n\r\n.\r\nQUIT\r\n");
	assert_codes(&r, "220 250 250 250 354 250 250 250 354 250 221");
	assert_int_equal(r.n_mails, 2);
	assert_true(r.mail[0]->id != r.mail[1]->id);
	assert_true(hk_slice_eq(r.mail[0]->body, HK_S("one\r\n")));
	assert_int_equal(r.mail[1]->mail_from.n, 0);
	assert_int_equal(r.mail[1]->header.n, 0);
	assert_int_equal(r.mail[1]->body_size, 0);
	srig_done(&r);
}

/* S3-060 S3-062 S3-064: a reply for each recipient that was accepted, one message for them all. */
static void lmtp_answers_each_recipient(void **state)
{
	struct srig r;

	(void)state;
	srig_init(&r, CONF, ZONE);
	r.listener = "lmtp";
	srig_say(&r, "EHLO a.test\r\nLHLO a.test\r\nMAIL FROM:<s@a.test>\r\nDATA\r\nRCPT TO:<one@b.test>\r\n"
	             "RCPT TO:<x@else.test>\r\nRCPT TO:<two@b.test>\r\nDATA\r\n\r\nhi\r\n.\r\nQUIT\r\n");
	assert_codes(&r, "220 500 250 250 503 250 550 250 354 250 250 221");
	assert_int_equal(r.n_mails, 1);
	assert_int_equal(r.mail[0]->n_rcpt, 2);
	srig_done(&r);
}

/* S3-031 S3-040: by chunks, and with addresses in UTF-8. */
static void a_message_comes_by_chunks_and_in_utf_8(void **state)
{
	struct srig r;

	(void)state;
	srig_init(&r, CONF, ZONE);
	srig_say(&r, "EHLO a.test\r\nMAIL FROM:<\xe5\xb1\xb1@a.test> SMTPUTF8\r\nRCPT TO:<\xe5\xb7\x9d@b.test>\r\n"
	             "BDAT 14\r\nSubject: x\r\n\r\nBDAT 5 LAST\r\n.hi\r\nQUIT\r\n");
	assert_codes(&r, "220 250 250 250 250 250 221");
	assert_int_equal(r.n_mails, 1);
	assert_true(r.mail[0]->params.smtputf8);
	assert_true(hk_slice_eq(r.mail[0]->rcpt[0].address, HK_S("\xe5\xb7\x9d@b.test")));
	assert_has(srig_stored(&r, 0), " with UTF8SMTP id ");
	assert_true(hk_slice_eq(r.mail[0]->body, HK_S(".hi\r\n")));
	srig_done(&r);
}

/* S3-042 RFC 1985 5.3: off by default; where it is on, it is for those who may relay */
static void etrn_runs_the_queue_of_a_domain_for_those_who_may_relay(void **state)
{
	static const struct {
		const char *items, *node, *codes, *ran;
		bool fails;
	} cases[] = {
	    {"", "b.test", "220 250 502 221", "", false},
	    {"extensions etrn;", "b.test", "220 250 459 221", "", false},
	    {"extensions etrn; relay-from 10.0.0.0/24;", "b.test", "220 250 250 221", "b.test", false},
	    {"extensions etrn; relay-from 10.0.0.0/24;", "@b.test", "220 250 250 221", "@b.test", false},
	    {"extensions etrn; relay-from 10.0.0.0/24;", "#queue", "220 250 458 221", "", false},
	    {"extensions etrn; relay-from 10.0.0.0/24;", "b.test", "220 250 458 221", "b.test", true},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		char conf[1024], text[128];
		struct srig r;

		snprintf(conf, sizeof conf, "hostname mx.b.test; accept b.test; listen mx { address 127.0.0.1:25; role mx; "
		                            "reject-early-talkers off; %s }", cases[i].items);
		srig_init(&r, conf, ZONE);
		r.run_fails = cases[i].fails;
		snprintf(text, sizeof text, "EHLO a.test\r\nETRN %s\r\nQUIT\r\n", cases[i].node);
		srig_say(&r, text);
		assert_codes(&r, cases[i].codes);
		assert_string_equal(r.ran, cases[i].ran);
		srig_done(&r);
	}
}

/* S0-024 RFC 5321 7.6 */
static void the_recipient_is_named_only_where_there_is_one(void **state)
{
	struct srig r;

	(void)state;
	srig_init(&r, CONF, ZONE);
	srig_say(&r, "HELO a.test\r\nMAIL FROM:<s@a.test>\r\nRCPT TO:<one@b.test>\r\nRCPT "
	             "TO:<two@b.test>\r\nDATA\r\n\r\n.\r\n");
	assert_null(strstr(srig_stored(&r, 0), "for <"));
	assert_has(srig_stored(&r, 0), "; Sun, 10 Nov 2024 21:59:09 +0900 (JST)\r\n\r\n");
	assert_int_equal(r.mail[0]->n_rcpt, 2);
	assert_true(hk_slice_eq(r.mail[0]->rcpt[1].address, HK_S("two@b.test")));
	srig_done(&r);
}

/* S0-025 S0-035 RFC 3848 */
static void the_protocol_word_says_how_it_came(void **state)
{
	static const struct {
		const char *listener, *greeting, *word;
	} cases[] = {
	    {"mx", "HELO a.test\r\n", " with SMTP id "},
	    {"mx", "EHLO a.test\r\n", " with ESMTP id "},
	    {"tls", "EHLO a.test\r\nSTARTTLS\r\nEHLO a.test\r\n", " with ESMTPS id "},
	    {"tls", "EHLO a.test\r\nSTARTTLS\r\nHELO a.test\r\n", " with SMTP id "},
	    {"tls", "EHLO a.test\r\n", " with ESMTP id "},
	    {"lmtp", "LHLO a.test\r\n", " with LMTP id "},
	};
	char script[512];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct srig r;

		snprintf(script, sizeof script,
		    "%sMAIL FROM:<s@a.test>\r\nRCPT TO:<user1@b.test>\r\nDATA\r\n\r\n.\r\n",
		    cases[i].greeting);
		srig_init(&r, CONF, ZONE);
		r.listener = cases[i].listener;
		r.cut = SRIG_BYTES; /* nothing may be glued behind STARTTLS */
		srig_say(&r, script);
		assert_int_equal(r.n_mails, 1);
		assert_has(srig_stored(&r, 0), cases[i].word);
		srig_done(&r);
	}
}

/* S0-026 */
static void a_client_is_named_only_when_its_name_leads_back_to_it(void **state)
{
	static const struct {
		const char *client, *zone, *shown;
	} cases[] = {
	    {"10.0.0.9", ZONE, "(client.a.test [10.0.0.9])"},
	    {"10.0.0.9", "", "(unknown [10.0.0.9])"},
	    {"10.255.2.73", "73.2.255.10.in-addr.arpa. PTR x.test.\n", "(unknown [10.255.2.73])"},
	    {"10.0.0.9", "9.0.0.10.in-addr.arpa. PTR x.test.\nx.test. A 10.0.0.8\n",
	        "(unknown [10.0.0.9])"},
	    {"10.0.0.9",
	        "9.0.0.10.in-addr.arpa. PTR x.test.\nx.test. A 10.0.0.8\nx.test. A 10.0.0.9\n",
	        "(x.test [10.0.0.9])"},
	    {"10.0.0.9",
	        "9.0.0.10.in-addr.arpa. PTR x.test.\n9.0.0.10.in-addr.arpa. PTR y.test.\ny.test. A "
	        "10.0.0.9\n",
	        "(y.test [10.0.0.9])"},
	    {"10.0.0.9", "$SERVFAIL 9.0.0.10.in-addr.arpa. PTR\n", "(unknown [10.0.0.9])"},
	    {"10.0.0.9", "$TIMEOUT 9.0.0.10.in-addr.arpa. PTR\n", "(unknown [10.0.0.9])"},
	    {"10.0.0.9", "9.0.0.10.in-addr.arpa. PTR x.test.\n$TIMEOUT x.test. A\n",
	        "(unknown [10.0.0.9])"},
	    {"10.0.0.9",
	        "9.0.0.10.in-addr.arpa. PTR x\\(evil\\).test.\nx\\(evil\\).test. A 10.0.0.9\n",
	        "(unknown [10.0.0.9])"},
	    {"2001:db8::9",
	        "9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. PTR "
	        "six.test.\nsix.test. AAAA 2001:db8::9\n",
	        "(six.test [IPv6:2001:db8::9])"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct srig r;

		srig_init(&r, CONF, cases[i].zone);
		r.client = cases[i].client;
		srig_say(&r, HEAD "\r\n.\r\n");
		if (r.n_mails != 1 || !strstr(srig_stored(&r, 0), cases[i].shown))
			fail_msg("%s", cases[i].shown);
		srig_done(&r);
	}
}

/* S0-031 RFC 6409 8 */
static void only_submission_fills_in_what_a_user_left_out(void **state)
{
	static const struct {
		const char *listener, *header, *message_id, *date;
	} cases[] = {
	    {"mua", "Subject: x\r\n", "Message-ID: <", "Date: Sun, 10 Nov 2024 21:59:09 +0900\r\n"},
	    {"mua", "message-id: <1@a.test>\r\n", NULL, "Date: Sun, "},
	    {"mua", "DATE: x\r\n", "Message-ID: <", NULL},
	    {"mx", "Subject: x\r\n", NULL, NULL},
	    {"out", "Subject: x\r\n", NULL, NULL},
	};
	char script[256];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		const char *stored;
		struct srig r;

		snprintf(script, sizeof script, HEAD "%s\r\nbody\r\n.\r\n", cases[i].header);
		srig_init(&r, CONF, ZONE);
		r.listener = cases[i].listener;
		r.client = "10.7.0.1";
		srig_say(&r, script);
		stored = srig_stored(&r, 0);
		assert_int_equal(
		    strstr(stored, "\r\nMessage-ID: <") != NULL, cases[i].message_id != NULL);
		assert_int_equal(strstr(stored, "\r\nDate: ") != NULL, cases[i].date != NULL);
		if (cases[i].date)
			assert_has(stored, cases[i].date);
		assert_has(stored, cases[i].header);
		assert_has(stored, "\r\n\r\nbody\r\n");
		srig_done(&r);
	}
}

/* S3-012 RFC 5321 7.2 */
static void the_envelope_decides_and_not_the_header(void **state)
{
	struct srig r;

	(void)state;
	srig_init(&r, CONF, ZONE);
	srig_say(
	    &r, HEAD "To: victim@x.test\r\nCc: user2@b.test\r\nBcc: user3@b.test\r\n\r\n.\r\n");
	assert_int_equal(r.mail[0]->n_rcpt, 1);
	assert_true(hk_slice_eq(r.mail[0]->rcpt->address, HK_S("user1@b.test")));
	assert_has(
	    srig_stored(&r, 0), "To: victim@x.test\r\nCc: user2@b.test\r\nBcc: user3@b.test\r\n");
	srig_done(&r);
}

/* ---- who may send to whom ---- */

static void recipients_are_taken_as_the_role_says(void **state)
{
	static const struct {
		const char *listener, *client, *rcpt, *codes;
	} cases[] = {
	    {"mx", "10.0.0.9", "<user1@b.test>", "220 250 250 250"},
	    {"mx", "10.0.0.9", "<user1@B.TEST>", "220 250 250 250"},
	    {"mx", "10.0.0.9", "<user1@[10.255.2.40]>", "220 250 250 250"},
	    {"mx", "10.0.0.9", "<user1@sub.b.test>", "220 250 250 550"},
	    {"mx", "10.0.0.9", "<user1@x.test>", "220 250 250 550"},
	    {"mx", "10.0.0.9", "<user1@[10.255.2.41]>", "220 250 250 550"},
	    {"mx", "10.7.1.1", "<user1@x.test>", "220 250 250 250"},
	    {"out", "10.7.1.1", "<user1@x.test>", "220 250 250 250"},
	    {"out", "10.0.0.9", "<user1@x.test>", "220 250 250 550"},
	    {"out", "10.0.0.9", "<user1@b.test>", "220 250 250 550"},
	    {"mua", "10.7.1.1", "<user1@x.test>", "220 250 250 250"},
	    {"mua", "10.0.0.9", "<user1@b.test>", "220 250 530 503"},
	};
	char script[256];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct srig r;

		snprintf(script, sizeof script,
		    "EHLO a.test\r\nMAIL FROM:<s@b.test>\r\nRCPT TO:%s\r\n", cases[i].rcpt);
		srig_init(&r, CONF, ZONE);
		r.listener = cases[i].listener;
		r.client = cases[i].client;
		srig_say(&r, script);
		if (strcmp(srig_codes(&r), cases[i].codes))
			fail_msg("%s %s %s: %s", cases[i].listener, cases[i].client, cases[i].rcpt,
			    srig_replies(&r));
		if (strstr(cases[i].codes, "550"))
			assert_has(srig_replies(&r), "550 5.7.1 ");
		srig_done(&r);
	}
}

/* T24: whatever the form, mail for elsewhere is not taken from a stranger, in the clear and in TLS,
 * over v4 and v6. */
static void no_form_of_an_address_opens_the_relay(void **state)
{
	static const char *const forms[] = {
	    "<victim@x.test>",
	    "victim@x.test",
	    "<victim%x.test@b.test>",
	    "<victim%x.test@[10.255.2.40]>",
	    "<x.test!victim@b.test>",
	    "<\"victim@x.test\"@b.test>",
	    "<\"victim@x.test\">",
	    "<\"victim%x.test\"@b.test>",
	    "<\"x.test!victim\"@b.test>",
	    "<@b.test:victim@x.test>",
	    "<@b.test,@b.test:victim@x.test>",
	    "<@x.test:victim@b.test@x.test>",
	    "<victim@x.test@b.test>",
	    "<victim@b.test@x.test>",
	    "<b.test!victim@x.test>",
	    "<victim@x.test%b.test>",
	    "<victim%b.test@x.test>",
	    "<victim@[10.1.2.3]>",
	    "<victim@[IPv6:::ffff:10.1.2.3]>",
	    "<victim@[10.255.2.40.x.test]>",
	    "<victim@b.test.x.test>",
	    "<victim@xb.test>",
	    "<victim@b.test.>",
	    "<victim@.b.test>",
	    "<victim@b.test >",
	    "<victim@x.test\xe3\x80\x82.b.test>",
	    "<victim%x.test>",
	    "<victim>",
	    "<x.test!victim>",
	    "<\"victim@x.test\"@>",
	    "<victim@>",
	    "<>",
	    "<postmaster@x.test>",
	    "<Postmaster%x.test@b.test>",
	    "<victim@x.test>@b.test",
	    "<victim@x.test>,<user1@b.test>",
	    "<user1@b.test>,<victim@x.test>",
	    "<victim@x.test\\@b.test>",
	    "<\"\\\"victim@x.test\"@b.test>",
	    "<victim(@b.test)@x.test>",
	};
	static const char *const senders[] = {"<>", "<user1@b.test>", "<s@x.test>"};
	static const char *const hellos[] = {"EHLO b.test\r\n",
	    "EHLO imap.b.test\r\nSTARTTLS\r\nEHLO [10.7.1.1]\r\n", "EHLO a.test\r\nRSET\r\n"};
	static const char *const clients[] = {"10.0.0.9", "2001:db8::9", "::ffff:10.0.0.9"};
	char script[512];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(forms) * 9; i++) {
		const char *form = forms[i / 9];
		struct srig r;

		snprintf(script, sizeof script,
		    "%sMAIL FROM:%s\r\nRCPT TO:%s\r\nDATA\r\n\r\nrelayed\r\n.\r\n", hellos[i % 3],
		    senders[i / 3 % 3], form);
		srig_init(&r, CONF, "");
		r.listener = "tls";
		r.client = clients[i % 3];
		r.cut = SRIG_BYTES;
		srig_say(&r, script);
		if (r.n_commits)
			fail_msg("relayed: %s %s", form, srig_replies(&r));
		srig_done(&r);
	}
}

/* S3-010 RFC 5321 4.5.1 */
static void postmaster_without_a_domain_is_always_somebody(void **state)
{
	static const char *const forms[] = {
	    "<postmaster>", "<Postmaster>", "<POSTMASTER>", "<postmaster@[10.255.2.40]>"};
	char script[256];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(forms); i++) {
		struct srig r;

		snprintf(script, sizeof script,
		    "EHLO a.test\r\nMAIL FROM:<>\r\nRCPT TO:%s\r\nDATA\r\n\r\n.\r\n", forms[i]);
		srig_init(&r, CONF, ZONE);
		srig_say(&r, script);
		assert_codes(&r, "220 250 250 250 354 250");
		assert_true(hk_slice_eq(r.mail[0]->rcpt->address, HK_S("postmaster@b.test")));
		assert_has(srig_stored(&r, 0), "for <postmaster@b.test>;");
		srig_done(&r);
	}
}

static void every_refusal_says_its_rule_its_section_and_its_id(void **state)
{
	struct srig r;

	(void)state;
	srig_init(&r, CONF, ZONE);
	srig_say(&r, "EHLO a.test\r\nMAIL FROM:<s@a.test>\r\nRCPT TO:<v@x.test>\r\n");
	assert_has(srig_replies(&r), "550 5.7.1 <v@x.test>: Relaying denied (RFC 5321 3.6.2) [relay-denied/");
	assert_has(srig_log(&r), " ev=refuse code=550 status=5.7.1 rule=relay-denied client=10.0.0.9 helo=a.test "
	                       "what=v@x.test why=\"Relaying denied (RFC 5321 3.6.2)\" from=s@a.test\n");
	srig_done(&r);
}

/* ---- time ---- */

/* RFC 5321 4.5.3.2.7 */
static void an_idle_client_is_sent_away_after_five_minutes(void **state)
{
	static const char *const scripts[] = {
	    "", "HELO a.test\r\n", "HELO a.test\r\nMAI", HEAD, HEAD "A: b\r\n\r\nbody"};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(scripts); i++) {
		struct srig r;
		uint64_t began;

		srig_init(&r, CONF, ZONE);
		r.keep_open = true;
		began = r.now.mono_ms;
		srig_say(&r, scripts[i]);
		assert_true(r.has_ended);
		assert_has(srig_replies(&r), "421 4.4.2 ");
		assert_int_equal(r.now.mono_ms - began, HK_SESSION_IDLE_S * 1000);
		assert_int_equal(r.n_commits, 0);
		srig_done(&r);
	}
}

/* Five minutes are for a command, not for each octet of it; how slowly a message may come says minimum-rate
 * (session_client_test.c). */
static void a_client_that_drips_its_command_is_sent_away(void **state)
{
	struct srig r;
	uint64_t began;

	(void)state;
	srig_init(&r, CONF, ZONE);
	r.cut = SRIG_BYTES;
	r.slow_ms = 10000;
	r.keep_open = true;
	began = r.now.mono_ms;
	srig_say(&r, "NOOP\r\nNOOP and much more of it that never comes to its end");
	assert_has(srig_replies(&r), "421 4.4.2 ");
	assert_int_equal((r.now.mono_ms - began) / 1000, 6 * 10 + HK_SESSION_IDLE_S);
	srig_done(&r);
}

static void a_client_that_never_reads_is_cut_off(void **state)
{
	struct srig r;

	(void)state;
	srig_init(&r, CONF, ZONE);
	r.never_reads = true;
	r.keep_open = true;
	srig_run(&r, repeated(&r, "", "NOOP\r\n", 100000, ""));
	assert_true(r.has_ended);
	assert_true(r.left > 500000); /* it was not heard out */
	assert_true(r.now.mono_ms <= 1000 + (HK_SESSION_IDLE_S + 10) * 1000);
	srig_done(&r);
}

/* S0-012 */
static void who_talks_before_the_banner_is_sent_away_where_that_is_wanted(void **state)
{
	struct srig r;

	(void)state;
	srig_init(&r, CONF, ZONE);
	r.talks_early = true;
	srig_say(&r, HEAD "\r\n.\r\nQUIT\r\n");
	assert_codes(&r, "220 250 250 250 354 250 221");
	r.listener = "early";
	srig_say(&r, HEAD "\r\n.\r\nQUIT\r\n");
	assert_codes(&r, "220 554");
	srig_done(&r);
}

/* RFC 5321 3.8 */
static void shutdown_lets_a_message_be_finished(void **state)
{
	static const struct {
		size_t after;
		const char *codes;
	} cases[] = {
	    {1, "220 250 421"},
	    {sizeof HEAD - 1, "220 250 250 250 354 250 421"},
	    {sizeof HEAD + 4, "220 250 250 250 354 250 421"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct srig r;

		srig_init(&r, CONF, ZONE);
		r.cut = SRIG_BYTES;
		r.shutdown_after = cases[i].after;
		srig_say(&r, HEAD "A: b\r\n\r\nbody\r\n.\r\nMAIL FROM:<x@a.test>\r\nQUIT\r\n");
		if (i == 0)
			assert_has(srig_replies(&r), "421 4.3.2 ");
		else
			assert_codes(&r, cases[i].codes);
		assert_int_equal(r.n_mails, i > 0);
		srig_done(&r);
	}
}

/* T15, SEC-62 */
static void log_lines_are_printable_and_their_fields_cannot_be_forged(void **state)
{
	struct srig r;
	size_t i;

	(void)state;
	srig_init(&r, CONF, ZONE);
	srig_say(&r, "EHLO [x:a\"=b]\r\nMAIL FROM:<\"a b\\\" ev=accept\"@a.test>\r\nRCPT TO:<\"v "
	             "ev=accept\\\"\"@x.test>\r\n"
	             "RCPT TO:<u@b.test>\r\nDATA\r\nSubject: \x1b[2J\r\n\r\n.\r\nFOO\x1b\x7f\r\n");
	assert_int_equal(r.n_mails, 1);
	for (i = 0; i < r.log.n; i++)
		assert_true((r.log.p[i] >= ' ' && r.log.p[i] <= '~') || r.log.p[i] == '\n');
	assert_null(strstr(srig_log(&r), "what=\"v ev="));
	assert_has(srig_log(&r), "what=\"\\x22v ev=accept\\\\\\x22\\x22@x.test\"");
	srig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_dialogue_of_the_book_gives_its_seven_replies_and_stores_its_bytes),
	    cmocka_unit_test(several_messages_go_through_one_connection),
	    cmocka_unit_test(the_recipient_is_named_only_where_there_is_one),
	    cmocka_unit_test(lmtp_answers_each_recipient),
	    cmocka_unit_test(a_message_comes_by_chunks_and_in_utf_8),
	    cmocka_unit_test(etrn_runs_the_queue_of_a_domain_for_those_who_may_relay),
	    cmocka_unit_test(the_protocol_word_says_how_it_came),
	    cmocka_unit_test(a_client_is_named_only_when_its_name_leads_back_to_it),
	    cmocka_unit_test(only_submission_fills_in_what_a_user_left_out),
	    cmocka_unit_test(the_envelope_decides_and_not_the_header),
	    cmocka_unit_test(recipients_are_taken_as_the_role_says),
	    cmocka_unit_test(no_form_of_an_address_opens_the_relay),
	    cmocka_unit_test(postmaster_without_a_domain_is_always_somebody),
	    cmocka_unit_test(every_refusal_says_its_rule_its_section_and_its_id),
	    cmocka_unit_test(an_idle_client_is_sent_away_after_five_minutes),
	    {"SEC-85: a client that drips its command is sent away", a_client_that_drips_its_command_is_sent_away, NULL, NULL, NULL},
	    cmocka_unit_test(a_client_that_never_reads_is_cut_off),
	    cmocka_unit_test(who_talks_before_the_banner_is_sent_away_where_that_is_wanted),
	    cmocka_unit_test(shutdown_lets_a_message_be_finished),
	    cmocka_unit_test(log_lines_are_printable_and_their_fields_cannot_be_forged),
	};

	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
