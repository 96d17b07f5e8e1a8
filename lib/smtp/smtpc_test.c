/* SPDX-License-Identifier: MIT
 *
 * Dialogues with the client, as scripts of one step per line:
 *
 *	S text    the server says it, with CRLF (\r, \n, \0 in it are escapes; a final \ leaves the CRLF out)
 *	C text    the client's next line must be this
 *	E text    the next event must be this
 *	T         the row's transaction starts
 *	B text    the message goes on with this and CRLF (escapes as above)
 *	.         the message is complete
 *	Q X O     quit, the peer closes, the time is over
 *	K N       the TLS handshake is done, has failed
 *
 * Each runs with the server's text whole, byte by byte and randomly split (T5). At the end nothing may be left over.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpc_internal.h"
#include "tests/unit.h"

enum cut { CUT_WHOLE, CUT_BYTES, CUT_RANDOM };

struct script {
	const char *name, *steps;
	bool lmtp, want_tls, require_tls, body_8bit;
	uint64_t size;
	const char *from;
	const char *rcpt[4];
};

#define GREET                                                                                                     \
	"S 220 mx.test ESMTP\nC EHLO me.test\nS 250-mx.test hello\nS 250-PIPELINING\nS 250-SIZE 1000\nS 250-8BITMIME\n" \
	"S 250 ENHANCEDSTATUSCODES\nE READY\n"
#define GREET_OLD "S 220 foo.edu SMTP server ready\nC EHLO me.test\nS 500 What?\nC HELO me.test\nS 250 foo.edu\nE READY\n"
#define GREET_LMTP                                                                                \
	"S 220 foo.edu LMTP server ready\nC LHLO me.test\nS 250-foo.edu\nS 250-PIPELINING\nS 250 SIZE\n" \
	"E READY\n"
#define TOO_LARGE "T\nE DONE MAIL 552 5.3.4 Message is larger than the server's SIZE of 1000 (RFC 1870 6.1) own\nE READY\n"
#define CLOSED_BAD(stage, text) "E CLOSED " stage " 421 4.5.0 Malformed reply: " text " (RFC 5321 4.2) own\n"

static const struct script scripts[] = {
	{.name = "S3-017 the transaction of RFC 5321's appendix with its generic texts, not pipelined",
	    .from = "Smith@bar.com", .rcpt = {"Jones@foo.edu", "Green@foo.edu", "Brown@foo.edu"},
	    .steps = GREET_OLD "T\nC MAIL FROM:<Smith@bar.com>\nS 250 OK\nC RCPT TO:<Jones@foo.edu>\nS 250 OK\n"
	                       "C RCPT TO:<Green@foo.edu>\nS 550 No such user here\nE RCPT_DONE 1 RCPT 550 No such user here\n"
	                       "C RCPT TO:<Brown@foo.edu>\nS 250 OK\nC DATA\nS 354 Start mail input; end with <CRLF>.<CRLF>\n"
	                       "E SEND_BODY\nB Blah blah blah...\n.\nC Blah blah blah...\nC .\nS 250 OK\nE DONE DOT 250 OK\nE READY\n"
	                       "Q\nC QUIT\nS 221 foo.edu closing connection\nE CLOSED QUIT 221 foo.edu closing connection\n"},
	{.name = "PIPELINING sends all at once (RFC 2920 3.1); SIZE and BODY when offered",
	    .from = "a@a.test", .rcpt = {"b@b.test", "c@b.test"}, .size = 900, .body_8bit = true,
	    .steps = GREET "T\nC MAIL FROM:<a@a.test> SIZE=900 BODY=8BITMIME\nC RCPT TO:<b@b.test>\nC RCPT TO:<c@b.test>\nC DATA\n"
	                   "S 250 2.1.0 Ok\nS 250 2.1.5 Ok\nS 451-4.7.1 Greylisted,\nS 451 4.7.1 come again\nS 354 go\n"
	                   "E RCPT_DONE 1 RCPT 451 4.7.1 Greylisted,|come again\nE SEND_BODY\nB x\n.\nC x\nC .\n"
	                   "S 250 2.0.0 Ok: queued as X\nE DONE DOT 250 2.0.0 Ok: queued as X\nE READY\n"},
	{.name = "SIZE and BODY are not said when they were not offered", .from = "a@a.test", .rcpt = {"b@b.test"}, .size = 900, .body_8bit = true,
	    .steps = GREET_OLD "T\nC MAIL FROM:<a@a.test>\nS 250 ok\nC RCPT TO:<b@b.test>\nS 251 will forward\nC DATA\nS 354 go\nE SEND_BODY\n"
	                       ".\nC .\nS 299 whatever\nE DONE DOT 299 whatever\nE READY\n"},
	{.name = "a message over the server's SIZE is not begun (RFC 1870 6.1)", .from = "a@a.test", .rcpt = {"b@b.test"}, .size = 1001,
	    .steps = GREET TOO_LARGE TOO_LARGE TOO_LARGE "X\nE CLOSED MAIL 421 4.4.2 Connection lost while waiting for nothing own\n"},
	{.name = "S3-015 dots are stuffed, a missing CRLF is added", .from = "", .rcpt = {"b@b.test"},
	    .steps = GREET "T\nC MAIL FROM:<>\nC RCPT TO:<b@b.test>\nC DATA\nS 250 a\nS 250 b\nS 354 c\nE SEND_BODY\n"
	                   "B .\nB ..a\nB a.\nB .b\\\n.\nC ..\nC ...a\nC a.\nC ..b\nC .\nS 250 d\nE DONE DOT 250 d\nE READY\n"},
	{.name = "S3-019 a second transaction; RSET goes in front of it when the first was not finished", .from = "a@a.test", .rcpt = {"b@b.test"},
	    .steps = GREET "T\nC MAIL FROM:<a@a.test>\nC RCPT TO:<b@b.test>\nC DATA\nS 250 a\nS 550 5.1.1 no\nS 503 5.5.1 no rcpt\n"
	                   "E RCPT_DONE 0 RCPT 550 5.1.1 no\nE DONE RCPT 550 5.1.1 no\nE READY\n"
	                   "T\nC RSET\nC MAIL FROM:<a@a.test>\nC RCPT TO:<b@b.test>\nC DATA\nS 250 r\nS 250 a\nS 250 b\nS 354 c\nE SEND_BODY\n"
	                   ".\nC .\nS 554 5.7.1 spam\nE DONE DOT 554 5.7.1 spam\nE READY\n"
	                   "T\nC MAIL FROM:<a@a.test>\nC RCPT TO:<b@b.test>\nC DATA\n"},
	{.name = "354 without a recipient is answered by a lone dot (RFC 2920 3.1)", .from = "a@a.test", .rcpt = {"b@b.test", "c@b.test"},
	    .steps = GREET "T\nC MAIL FROM:<a@a.test>\nC RCPT TO:<b@b.test>\nC RCPT TO:<c@b.test>\nC DATA\nS 250 a\nS 550 no\nS 450 not now\nS 354 go\n"
	                   "E RCPT_DONE 0 RCPT 550 no\nE RCPT_DONE 1 RCPT 450 not now\nC .\nS 554 no valid recipients\n"
	                   "E DONE RCPT 450 not now\nE READY\n"},
	{.name = "without pipelining DATA is not even tried", .from = "a@a.test", .rcpt = {"b@b.test"},
	    .steps = GREET_OLD "T\nC MAIL FROM:<a@a.test>\nS 250 a\nC RCPT TO:<b@b.test>\nS 599 odd\nE RCPT_DONE 0 RCPT 599 odd\nE DONE RCPT 599 odd\nE READY\n"
	                       "Q\nC QUIT\nX\nE CLOSED QUIT 221 2.0.0 Connection closed own\n"},
	{.name = "MAIL is refused, pipelined: what follows is read over", .from = "a@a.test", .rcpt = {"b@b.test"},
	    .steps = GREET "T\nC MAIL FROM:<a@a.test>\nC RCPT TO:<b@b.test>\nC DATA\nS 550 5.7.1 not you\nS 503 5.5.1 x\nS 503 5.5.1 y\n"
	                   "E DONE MAIL 550 5.7.1 not you\nE READY\nT\nC MAIL FROM:<a@a.test>\nC RCPT TO:<b@b.test>\nC DATA\n"},
	{.name = "MAIL is refused, not pipelined", .from = "a@a.test", .rcpt = {"b@b.test"},
	    .steps = GREET_OLD "T\nC MAIL FROM:<a@a.test>\nS 452 full\nE DONE MAIL 452 full\nE READY\n"},
	{.name = "MAIL is refused, but DATA taken: a lone dot", .from = "a@a.test", .rcpt = {"b@b.test"},
	    .steps = GREET "T\nC MAIL FROM:<a@a.test>\nC RCPT TO:<b@b.test>\nC DATA\nS 550 not you\nS 250 odd\nS 354 odder\nC .\nS 250 oddest\n"
	                   "E DONE MAIL 550 not you\nE READY\n"},
	{.name = "DATA is refused", .from = "a@a.test", .rcpt = {"b@b.test"},
	    .steps = GREET "T\nC MAIL FROM:<a@a.test>\nC RCPT TO:<b@b.test>\nC DATA\nS 250 a\nS 250 b\nS 451 4.3.0 later\nE DONE DATA 451 4.3.0 later\nE READY\n"
	                   "T\nC RSET\nC MAIL FROM:<a@a.test>\nC RCPT TO:<b@b.test>\nC DATA\n"},
	{.name = "LMTP: one reply for each accepted recipient (RFC 2033 4.2)", .lmtp = true, .from = "a@a.test", .rcpt = {"p@f.edu", "q@f.edu", "r@f.edu"},
	    .steps = GREET_LMTP "T\nC MAIL FROM:<a@a.test>\nC RCPT TO:<p@f.edu>\nC RCPT TO:<q@f.edu>\nC RCPT TO:<r@f.edu>\nC DATA\n"
	                        "S 250 a\nS 250 b\nS 550 no q\nS 250 c\nS 354 go\nE RCPT_DONE 1 RCPT 550 no q\nE SEND_BODY\nB x\n.\nC x\nC .\n"
	                        "S 250 2.1.5 for p\nS 452 4.2.2 r is full\nE RCPT_DONE 0 DOT 250 2.1.5 for p\nE RCPT_DONE 2 DOT 452 4.2.2 r is full\n"
	                        "E DONE DOT 452 4.2.2 r is full\nE READY\nQ\nC QUIT\nS 221 bye\nE CLOSED QUIT 221 bye\n"},
	{.name = "LMTP: the connection is lost between the replies", .lmtp = true, .from = "a@a.test", .rcpt = {"p@f.edu", "q@f.edu"},
	    .steps = GREET_LMTP "T\nC MAIL FROM:<a@a.test>\nC RCPT TO:<p@f.edu>\nC RCPT TO:<q@f.edu>\nC DATA\nS 250 a\nS 250 b\nS 250 c\nS 354 go\nE SEND_BODY\n"
	                        ".\nC .\nS 250 for p\nE RCPT_DONE 0 DOT 250 for p\nX\n"
	                        "E DONE DOT 421 4.4.2 Connection lost while waiting for the reply to the message own\n"
	                        "E CLOSED DOT 421 4.4.2 Connection lost while waiting for the reply to the message own\n"},
	{.name = "LMTP has no HELO to fall back to; 354 without a recipient closes", .lmtp = true,
	    .steps = "S 220 x\nC LHLO me.test\nS 500 no\nE CLOSED HELO 500 no\n"},
	{.name = "STARTTLS, and what was glued behind the 220 is dropped (T2c); extensions are learnt anew", .want_tls = true,
	    .from = "a@a.test", .rcpt = {"b@b.test"}, .size = 5,
	    .steps = "S 220 x\nC EHLO me.test\nS 250-x\nS 250-PIPELINING\nS 250-SIZE\nS 250 STARTTLS\nC STARTTLS\n"
	             "S 220 go\\r\\n250-evil\\r\\n250 SIZE\\r\\n250 PIPELINING\nE TLS\nS 250 evil too\nK\n"
	             "C EHLO me.test\nS 250 x\nE READY\nT\nC MAIL FROM:<a@a.test>\n"},
	{.name = "STARTTLS is refused and not required", .want_tls = true,
	    .steps = "S 220 x\nC EHLO me.test\nS 250-x\nS 250 STARTTLS\nC STARTTLS\nS 454 4.7.0 not now\nE READY\n"},
	{.name = "STARTTLS is refused and required", .require_tls = true,
	    .steps = "S 220 x\nC EHLO me.test\nS 250-x\nS 250 STARTTLS\nC STARTTLS\nS 454 4.7.0 not now\nE CLOSED STARTTLS 454 4.7.0 not now\n"},
	{.name = "TLS is required and not offered", .require_tls = true,
	    .steps = "S 220 x\nC EHLO me.test\nS 250 x\n"
	             "E CLOSED STARTTLS 421 4.7.0 TLS is required, and the server does not offer STARTTLS (RFC 3207 4) own\n"},
	{.name = "the handshake fails", .want_tls = true,
	    .steps = "S 220 x\nC EHLO me.test\nS 250-x\nS 250 StartTLS\nC STARTTLS\nS 220 go\nE TLS\nN\nE CLOSED STARTTLS 421 4.7.0 The TLS handshake failed own\n"},
	{.name = "banners", .steps = "S 554-5.7.1 no mail here\nS 554 5.7.1 go away\nE CLOSED BANNER 554 5.7.1 no mail here|go away\n"},
	{.name = "HELO is refused as well", .steps = "S 220 x\nC EHLO me.test\nS 502 no\nC HELO me.test\nS 550 not you\nE CLOSED HELO 550 not you\n"},
	{.name = "a temporary refusal of EHLO is no reason for HELO", .steps = "S 220 x\nC EHLO me.test\nS 450 later\nE CLOSED HELO 450 later\n"},
	{.name = "421 in a transaction ends both", .from = "a@a.test", .rcpt = {"b@b.test"},
	    .steps = GREET "T\nC MAIL FROM:<a@a.test>\nC RCPT TO:<b@b.test>\nC DATA\nS 250 a\nS 421 4.3.2 going down\n"
	                   "E DONE RCPT 421 4.3.2 going down\nE CLOSED RCPT 421 4.3.2 going down\n"},
	{.name = "421 while nothing is asked", .steps = GREET "S 421 4.4.2 idle\nE CLOSED HELO 421 4.4.2 idle\n"},
	{.name = "a reply that nobody asked for", .steps = GREET "S 250 2.0.0 Ok\nE CLOSED HELO 421 4.5.0 The server gave a reply of 250 that cannot be here own\n"},
	{.name = "354 to MAIL", .from = "a@a.test", .rcpt = {"b@b.test"},
	    .steps = GREET_OLD "T\nC MAIL FROM:<a@a.test>\nS 354 go\nE DONE MAIL 421 4.5.0 The server gave a reply of 354 that cannot be here own\n"
	                       "E CLOSED MAIL 421 4.5.0 The server gave a reply of 354 that cannot be here own\n"},
	{.name = "an early answer while the message is sent: no dot", .from = "a@a.test", .rcpt = {"b@b.test"},
	    .steps = GREET "T\nC MAIL FROM:<a@a.test>\nC RCPT TO:<b@b.test>\nC DATA\nS 250 a\nS 250 b\nS 354 c\nE SEND_BODY\nB x\nC x\n"
	                   "S 552 5.3.4 too much\nE DONE DATA 552 5.3.4 too much\nE CLOSED DATA 552 5.3.4 too much\nB y\n.\n"},
	{.name = "the connection is lost, at every stage: banner", .steps = "X\nE CLOSED BANNER 421 4.4.2 Connection lost while waiting for the greeting own\n"},
	{.name = "lost: EHLO", .steps = "S 220 x\nC EHLO me.test\nS 250-x\nX\nE CLOSED HELO 421 4.4.2 Connection lost while waiting for the reply to EHLO own\n"},
	{.name = "lost: what was said before is heard", .from = "a@a.test", .rcpt = {"b@b.test"},
	    .steps = GREET "T\nC MAIL FROM:<a@a.test>\nC RCPT TO:<b@b.test>\nC DATA\nS 250 a\nS 550 no\nX\nE RCPT_DONE 0 RCPT 550 no\n"
	                   "E DONE DATA 421 4.4.2 Connection lost while waiting for the reply to DATA own\n"
	                   "E CLOSED DATA 421 4.4.2 Connection lost while waiting for the reply to DATA own\n"},
	{.name = "timed out at the dot", .from = "a@a.test", .rcpt = {"b@b.test"},
	    .steps = GREET "T\nC MAIL FROM:<a@a.test>\nC RCPT TO:<b@b.test>\nC DATA\nS 250 a\nS 250 b\nS 354 c\nE SEND_BODY\n.\nC .\nO\n"
	                   "E DONE DOT 421 4.4.2 Timed out while waiting for the reply to the message (RFC 5321 4.5.3.2) own\n"
	                   "E CLOSED DOT 421 4.4.2 Timed out while waiting for the reply to the message (RFC 5321 4.5.3.2) own\n"},
	{.name = "a bare LF in the message never leaves us (RFC 5321 2.3.8)", .from = "a@a.test", .rcpt = {"b@b.test"},
	    .steps = GREET "T\nC MAIL FROM:<a@a.test>\nC RCPT TO:<b@b.test>\nC DATA\nS 250 a\nS 250 b\nS 354 c\nE SEND_BODY\nB one\nC one\nB two\\n.\n.\n"
	                   "E DONE DATA 554 5.6.0 The message holds a bare LF at line 2 and was not sent (RFC 5321 2.3.8) own\n"
	                   "E CLOSED DATA 554 5.6.0 The message holds a bare LF at line 2 and was not sent (RFC 5321 2.3.8) own\n"},
	{.name = "a bare CR at the end of the message", .from = "a@a.test", .rcpt = {"b@b.test"},
	    .steps = GREET "T\nC MAIL FROM:<a@a.test>\nC RCPT TO:<b@b.test>\nC DATA\nS 250 a\nS 250 b\nS 354 c\nE SEND_BODY\nB \\r\\\n.\n"
	                   "E DONE DATA 554 5.6.0 The message holds a bare CR at line 1 and was not sent (RFC 5321 2.3.8) own\n"
	                   "E CLOSED DATA 554 5.6.0 The message holds a bare CR at line 1 and was not sent (RFC 5321 2.3.8) own\n"},
	{.name = "a NUL in the message", .from = "a@a.test", .rcpt = {"b@b.test"},
	    .steps = GREET "T\nC MAIL FROM:<a@a.test>\nC RCPT TO:<b@b.test>\nC DATA\nS 250 a\nS 250 b\nS 354 c\nE SEND_BODY\nB \\0\n.\n"
	                   "E DONE DATA 554 5.6.0 The message holds a NUL at line 1 and was not sent (RFC 5321 2.3.8) own\n"
	                   "E CLOSED DATA 554 5.6.0 The message holds a NUL at line 1 and was not sent (RFC 5321 2.3.8) own\n"},
	{.name = "quit while a transaction runs waits for its end", .from = "a@a.test", .rcpt = {"b@b.test"},
	    .steps = GREET "T\nQ\nC MAIL FROM:<a@a.test>\nC RCPT TO:<b@b.test>\nC DATA\nS 550 no\nS 503 x\nS 503 y\nE DONE MAIL 550 no\nC QUIT\nS 221 bye\n"
	                   "E CLOSED QUIT 221 bye\n"},
	/* S3-020 */
	{.name = "S3-020 malformed: no code", .steps = "S hello\n" CLOSED_BAD("BANNER", "a reply without a code of 200 to 599")},
	{.name = "S3-020 malformed: code out of range", .steps = "S 120 x\n" CLOSED_BAD("BANNER", "a reply without a code of 200 to 599")},
	{.name = "S3-020 malformed: four digits", .steps = "S 2200 x\n" CLOSED_BAD("BANNER", "neither space nor hyphen after a reply code")},
	{.name = "S3-020 malformed: different codes", .steps = "S 220-x\nS 221 x\n" CLOSED_BAD("BANNER", "different codes in one reply")},
	{.name = "S3-020 malformed: bare LF", .steps = "S 220-x\\n220 y\n" CLOSED_BAD("BANNER", "a bare LF in a reply")},
	{.name = "S3-020 malformed: bare CR", .steps = "S 220 x\\ry\n" CLOSED_BAD("BANNER", "a NUL or a bare CR in a reply")},
	{.name = "S3-020 malformed: NUL", .steps = "S 220 x\\0\n" CLOSED_BAD("BANNER", "a NUL or a bare CR in a reply")},
	{.name = "S3-020 a code alone is a reply; 2yz is positive whatever it is",
	    .steps = "S 299\nC EHLO me.test\nS 250-x\nS 250\nE READY\nQ\nC QUIT\nS 250\nE CLOSED QUIT 250\n"},
	{.name = "enhanced codes: of the reply's class only, well formed only", .from = "a@a.test", .rcpt = {"b@b.test"},
	    .steps = GREET_OLD "T\nC MAIL FROM:<a@a.test>\nS 550 2.1.0 wrong class\nE DONE MAIL 550 2.1.0 wrong class\nE READY\n"
	                       "T\nC MAIL FROM:<a@a.test>\nS 550 5.1234.0 long\nE DONE MAIL 550 5.1234.0 long\nE READY\n"
	                       "T\nC MAIL FROM:<a@a.test>\nS 550 5.123.123\nE DONE MAIL 550 5.123.123\nE READY\n"},
};

/* ---- the interpreter ---- */

struct run {
	const struct script *script;
	struct hk_smtpc *client;
	struct hk_buf out, log;
	size_t out_at, log_at;
	enum cut cut;
	uint64_t seed;
};

static const char *const stage_names[] = {
	[HK_SMTPC_BANNER] = "BANNER", [HK_SMTPC_HELO] = "HELO", [HK_SMTPC_STARTTLS] = "STARTTLS", [HK_SMTPC_MAIL] = "MAIL",
	[HK_SMTPC_RCPT] = "RCPT", [HK_SMTPC_DATA] = "DATA", [HK_SMTPC_DOT] = "DOT", [HK_SMTPC_QUIT] = "QUIT",
};
static const char *const event_names[] = {
	[HK_SMTPC_READY] = "READY", [HK_SMTPC_TLS] = "TLS", [HK_SMTPC_SEND_BODY] = "SEND_BODY", [HK_SMTPC_RCPT_DONE] = "RCPT_DONE",
	[HK_SMTPC_DONE] = "DONE", [HK_SMTPC_CLOSED] = "CLOSED",
};

static void note(struct run *r, const struct hk_smtpc_event *e)
{
	struct hk_slice text = e->reply.text;
	size_t i;

	hk_buf_add_str(&r->log, event_names[e->type]);
	if (e->type >= HK_SMTPC_RCPT_DONE) {
		if (e->type == HK_SMTPC_RCPT_DONE)
			hk_buf_addf(&r->log, " %zu", e->recipient);
		hk_buf_addf(&r->log, " %s %u", stage_names[e->stage], e->reply.code);
		if (e->reply.enhanced[0])
			hk_buf_addf(&r->log, " %s", e->reply.enhanced);
		if (text.n)
			hk_buf_add_byte(&r->log, ' ');
		for (i = 0; i < text.n; i++)
			hk_buf_add_byte(&r->log, text.p[i] == '\n' ? '|' : text.p[i]);
		if (e->reply.own)
			hk_buf_add_str(&r->log, " own");
	}
	hk_buf_add_byte(&r->log, '\n');
}

static void pump(struct run *r)
{
	struct hk_smtpc_event event = {.size = sizeof event};
	enum hk_status status;

	while ((status = hk_smtpc_next(r->client, &event)) == HK_OK)
		note(r, &event);
	assert_true(status == HK_AGAIN || status == HK_END);
	hk_buf_add(&r->out, hk_smtpc_out(r->client));
	hk_smtpc_sent(r->client, hk_smtpc_out(r->client).n);
}

static struct hk_slice unescape(struct hk_slice text, struct hk_buf *b)
{
	size_t i;

	for (i = 0; i < text.n; i++) {
		if (text.p[i] != '\\') {
			hk_buf_add_byte(b, text.p[i]);
			continue;
		}
		if (++i == text.n)
			return hk_buf_slice(b);
		hk_buf_add_byte(b, text.p[i] == 'r' ? '\r' : text.p[i] == 'n' ? '\n' : 0);
	}
	hk_buf_add_str(b, "\r\n");
	return hk_buf_slice(b);
}

static struct hk_slice next_piece(struct run *r, struct hk_slice text)
{
	r->seed = r->seed * 6364136223846793005u + 1442695040888963407u;
	return hk_slice_sub(text, 0, r->cut == CUT_WHOLE ? text.n : r->cut == CUT_BYTES ? 1 : 1 + (r->seed >> 33) % 12);
}

static void say(struct run *r, struct hk_slice text)
{
	while (text.n) {
		struct hk_slice piece = next_piece(r, text);
		size_t n = hk_smtpc_feed(r->client, piece);

		assert_true(n > 0);
		text = hk_slice_from(text, n);
		if (r->cut != CUT_WHOLE)
			pump(r);
	}
}

static void send_body(struct run *r, struct hk_slice text)
{
	while (text.n) {
		struct hk_slice piece = next_piece(r, text);
		size_t n = hk_smtpc_body(r->client, piece);

		assert_true(n > 0);
		text = hk_slice_from(text, n);
	}
}

static void start(struct run *r)
{
	const struct script *s = r->script;
	struct hk_slice rcpt[4];
	struct hk_smtpc_transaction t = {.size = sizeof t, .mail_from = hk_slice_str(s->from), .rcpt = rcpt, .message_size = s->size, .body_8bit = s->body_8bit};

	for (t.n = 0; t.n < 4 && s->rcpt[t.n]; t.n++)
		rcpt[t.n] = hk_slice_str(s->rcpt[t.n]);
	assert_int_equal(hk_smtpc_start(r->client, &t), HK_OK);
}

static void expect_line(struct run *r, const char *what, const struct hk_buf *have, size_t *at, struct hk_slice want, const char *end)
{
	struct hk_slice rest = hk_slice_from(hk_buf_slice(have), *at);
	size_t n = want.n + strlen(end);

	if (rest.n < n || !hk_slice_eq(hk_slice_sub(rest, 0, want.n), want) ||
	    !hk_slice_eq(hk_slice_sub(rest, want.n, strlen(end)), hk_slice_str(end)))
		fail_msg("%s (cut %d): %s: wanted <%.*s>, have <%.*s>", r->script->name, (int)r->cut, what, HK_FMT(want),
		    (int)rest.n, rest.n ? (const char *)rest.p : "");
	*at += n;
}

static void act(struct run *r, char what, struct hk_slice text)
{
	struct hk_buf b;

	hk_buf_init(&b, 1 << 16);
	switch (what) {
	case 'S':
		say(r, unescape(text, &b));
		break;
	case 'B':
		send_body(r, unescape(text, &b));
		break;
	case 'T':
		start(r);
		break;
	case '.':
		hk_smtpc_body_end(r->client);
		break;
	case 'Q':
		hk_smtpc_quit(r->client);
		break;
	case 'X':
		hk_smtpc_eof(r->client);
		break;
	case 'O':
		hk_smtpc_timeout(r->client);
		break;
	case 'K':
	case 'N':
		hk_smtpc_tls_done(r->client, what == 'K');
		break;
	default:
		fail_msg("%s: bad step %c", r->script->name, what);
	}
	hk_buf_done(&b);
}

static void run_script(const struct script *s, enum cut cut, uint64_t seed)
{
	const struct hk_smtpc_options options = {.size = sizeof options, .helo = HK_S("me.test"), .lmtp = s->lmtp, .want_tls = s->want_tls, .require_tls = s->require_tls};
	struct run r = {.script = s, .cut = cut, .seed = seed, .client = hk_smtpc_new(&options)};
	struct hk_slice steps = hk_slice_str(s->steps);

	assert_non_null(r.client);
	hk_buf_init(&r.out, 1 << 20);
	hk_buf_init(&r.log, 1 << 20);
	while (steps.n) {
		struct hk_slice step = hk_slice_sub(steps, 0, hk_slice_find(steps, '\n'));
		struct hk_slice text = hk_slice_from(step, 2);
		bool more_said = cut == CUT_WHOLE && step.p[0] == 'S' && step.n + 1 < steps.n && steps.p[step.n + 1] == 'S';

		steps = hk_slice_from(steps, step.n + 1);
		if (step.p[0] == 'C') {
			expect_line(&r, "output", &r.out, &r.out_at, text, "\r\n");
		} else if (step.p[0] == 'E') {
			expect_line(&r, "events", &r.log, &r.log_at, text, "\n");
		} else {
			act(&r, (char)step.p[0], text);
			if (!more_said)
				pump(&r);
		}
	}
	expect_line(&r, "output at the end", &r.out, &r.out_at, HK_S(""), "");
	if (r.out_at != r.out.n || r.log_at != r.log.n)
		fail_msg("%s: left over: <%.*s> <%.*s>", s->name, (int)(r.out.n - r.out_at), (const char *)r.out.p + r.out_at,
		    (int)(r.log.n - r.log_at), (const char *)r.log.p + r.log_at);
	hk_smtpc_free(r.client);
	hk_buf_done(&r.out);
	hk_buf_done(&r.log);
}

/* S3-015 S3-017 S3-019 S3-020 */
static void scripts_give_the_same_whole_bytewise_and_split(void **state)
{
	size_t i;
	uint64_t seed;

	(void)state;
	for (i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
		run_script(&scripts[i], CUT_WHOLE, 1);
		run_script(&scripts[i], CUT_BYTES, 1);
		for (seed = 1; seed < 20; seed++)
			run_script(&scripts[i], CUT_RANDOM, seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts_give_the_same_whole_bytewise_and_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
