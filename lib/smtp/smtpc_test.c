/* SPDX-License-Identifier: MIT
 *
 * Dialogues with the client in the SMTP that every server speaks.
 */
#include "smtpc_test_script.h"
#include "tests/unit.h"

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
	{.name = "S3-063 one reply stands for all recipients", .from = "a@a.test", .rcpt = {"b@b.test", "c@b.test"},
	    .steps = GREET "T\nC MAIL FROM:<a@a.test>\nC RCPT TO:<b@b.test>\nC RCPT TO:<c@b.test>\nC DATA\nS 250 a\nS 250 b\nS 250 c\nS 354 d\nE SEND_BODY\n.\nC .\n"
	                   "S 452 Requested action not taken: insufficient system storage\n"
	                   "E DONE DOT 452 Requested action not taken: insufficient system storage\nE READY\n"},
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

/* S3-015 S3-017 S3-019 S3-020 */
static void scripts_give_the_same_whole_bytewise_and_split(void **state)
{
	(void)state;
	run_scripts(scripts, sizeof scripts / sizeof scripts[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts_give_the_same_whole_bytewise_and_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
