/* SPDX-License-Identifier: MIT
 *
 * Dialogues with the server. Each runs whole, byte by byte and randomly split (T5): events and replies are the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "smtp_internal.h"
#include "smtpd_harness.h"

#define BANNER "220 mx.test ESMTP Hikyaku\r\n"
#define EHLO_REPLY                                                                                  \
	"250-mx.test\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-STARTTLS\r\n250-ENHANCEDSTATUSCODES\r\n" \
	"250 8BITMIME\r\n"
#define OK_0      "250 2.0.0 Ok\r\n"
#define OK_MAIL   "250 2.1.0 Ok\r\n"
#define OK_RCPT   "250 2.1.5 Ok\r\n"
#define GO        "354 End data with <CR><LF>.<CR><LF>\r\n"
#define QUEUED    "250 2.0.0 Ok: queued as 3EE173C0ADC\r\n"
#define BYE       "221 2.0.0 Bye\r\n"
#define ENVELOPE  "EHLO a.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nDATA\r\n"
#define ENV_REPLY EHLO_REPLY OK_MAIL OK_RCPT GO
#define ENV_LOG   "EHLO a.test\nMAIL <a@a.test>\nRCPT <b@b.test>\nDATA\n"
#define TOO_MANY  "421 4.7.0 Too many errors in this session (RFC 5321 7.8)\r\n"

static const struct hk_smtpd_options plain = {
	.hostname = {(const uint8_t *)"mx.test", 7},
	.banner_text = {(const uint8_t *)"Hikyaku", 7},
	.max_message = 1000,
	.offer_starttls = true,
};

struct dialogue {
	const char *name;
	const char *in, *out, *log;
	size_t n;               /* of in, when it holds a NUL */
	bool strict, no_routes, bare_lf;
	size_t max_recipients;
};

static const struct dialogue dialogues[] = {
	{.name = "S0-010 S0-011 S3-001 seven replies in the example dialogue",
	    .in = "HELO a.test\r\nMAIL FROM: user1@a.test\r\nRCPT TO:   user1@b.test\r\nDATA\r\nSubject: x\r\n\r\nhi\r\n.\r\nQUIT\r\n",
	    .out = "250 mx.test\r\n" OK_MAIL OK_RCPT GO QUEUED BYE,
	    .log = "HELO a.test\nMAIL <user1@a.test>\nRCPT <user1@b.test>\nDATA\nBODY Subject: x\\x0D\\x0A\\x0D\\x0Ahi\\x0D\\x0A\n"
	           "MESSAGE\nQUIT\n"},
	{.name = "S0-003 HELO gets one line", .in = "helo a.test\r\n", .out = "250 mx.test\r\n", .log = "HELO a.test\n"},
	{.name = "S3-003 S3-005 EHLO lists the extensions", .in = "EHLO a.test\r\n", .out = EHLO_REPLY, .log = "EHLO a.test\n"},
	{.name = "S3-002 address literals are taken",
	    .in = "EHLO [192.0.2.1]\r\nEHLO [IPv6:2001:db8::1]\r\nEHLO [x-tag:data]\r\n",
	    .out = EHLO_REPLY EHLO_REPLY EHLO_REPLY,
	    .log = "EHLO [192.0.2.1]\nEHLO [IPv6:2001:db8::1]\nEHLO [x-tag:data]\n"},
	{.name = "S3-002 EHLO without or with a bad argument",
	    .in = "EHLO\r\nEHLO [192.0.2]\r\nEHLO a..b\r\nEHLO a<b>\r\nEHLO [IPv6:192.0.2.1]\r\n",
	    .out = "501 5.5.4 EHLO needs an argument (RFC 5321 4.1.1)\r\n"
	           "501 5.5.4 Neither a domain name nor an address literal (RFC 5321 4.1.1.1)\r\n"
	           "501 5.5.4 Neither a domain name nor an address literal (RFC 5321 4.1.1.1)\r\n"
	           "501 5.5.4 Neither a domain name nor an address literal (RFC 5321 4.1.1.1)\r\n"
	           "501 5.5.4 Neither a domain name nor an address literal (RFC 5321 4.1.1.1)\r\n",
	    .log = ""},
	{.name = "S3-002 strict: a name that cannot be fully qualified", .strict = true,
	    .in = "EHLO localhost\r\nEHLO a_b.test\r\nEHLO a.test\r\n",
	    .out = "501 5.5.4 Neither a domain name nor an address literal (RFC 5321 4.1.1.1)\r\n"
	           "501 5.5.4 Neither a domain name nor an address literal (RFC 5321 4.1.1.1)\r\n" EHLO_REPLY,
	    .log = "EHLO a.test\n"},
	{.name = "S4-108 text after the EHLO argument", .in = "EHLO localhost abcdefg\r\nHELO a b\r\nEHLO  a\r\n",
	    .out = "501 5.5.4 One name and no further text belong here (RFC 5321 4.1.1.1)\r\n"
	           "501 5.5.4 One name and no further text belong here (RFC 5321 4.1.1.1)\r\n"
	           "501 5.5.4 One name and no further text belong here (RFC 5321 4.1.1.1)\r\n",
	    .log = ""},
	{.name = "S4-107 a repeated EHLO clears the transaction",
	    .in = "EHLO a.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nEHLO c.test\r\nDATA\r\n",
	    .out = EHLO_REPLY OK_MAIL OK_RCPT EHLO_REPLY "503 5.5.1 DATA needs MAIL and RCPT first (RFC 5321 4.1.4)\r\n",
	    .log = "EHLO a.test\nMAIL <a@a.test>\nRCPT <b@b.test>\nEHLO c.test\nABORT\n"},
	{.name = "a refused EHLO leaves the state alone (RFC 5321 4.1.4)",
	    .in = "EHLO a.test\r\nMAIL FROM:<a@a.test>\r\nEHLO bad.test\r\nEHLO a b\r\nRCPT TO:<b@b.test>\r\n",
	    .out = EHLO_REPLY OK_MAIL "550 5.7.1 Not you\r\n"
	           "501 5.5.4 One name and no further text belong here (RFC 5321 4.1.1.1)\r\n" OK_RCPT,
	    .log = "EHLO a.test\nMAIL <a@a.test>\nEHLO bad.test\nRCPT <b@b.test>\n"},
	{.name = "S0-001 MAIL before HELO", .in = "MAIL FROM:<a@a.test>\r\n",
	    .out = "503 5.5.1 MAIL needs EHLO or HELO first (RFC 5321 4.1.4)\r\n", .log = ""},
	{.name = "S0-001 RCPT and DATA before MAIL", .in = "EHLO a.test\r\nRCPT TO:<b@b.test>\r\nDATA\r\n",
	    .out = EHLO_REPLY "503 5.5.1 RCPT needs MAIL first (RFC 5321 4.1.4)\r\n"
	                      "503 5.5.1 DATA needs MAIL and RCPT first (RFC 5321 4.1.4)\r\n",
	    .log = "EHLO a.test\n"},
	{.name = "S0-001 DATA before RCPT, and after refused ones",
	    .in = "EHLO a.test\r\nMAIL FROM:<a@a.test>\r\nDATA\r\nRCPT TO:<refuse@b.test>\r\nRCPT TO:<defer@b.test>\r\nDATA\r\n",
	    .out = EHLO_REPLY OK_MAIL "503 5.5.1 DATA needs an accepted RCPT first (RFC 5321 3.3)\r\n"
	                              "550 5.1.1 No such user\r\n451 4.7.1 Come again\r\n"
	                              "503 5.5.1 DATA needs an accepted RCPT first (RFC 5321 3.3)\r\n",
	    .log = "EHLO a.test\nMAIL <a@a.test>\nRCPT <refuse@b.test>\nRCPT <defer@b.test>\n"},
	{.name = "S3-007 MAIL once per transaction", .in = "EHLO a.test\r\nMAIL FROM:<a@a.test>\r\nMAIL FROM:<c@a.test>\r\n",
	    .out = EHLO_REPLY OK_MAIL "503 5.5.1 MAIL was given already, one sender per transaction (RFC 5321 4.1.4)\r\n",
	    .log = "EHLO a.test\nMAIL <a@a.test>\n"},
	{.name = "a refused MAIL opens no transaction", .in = "EHLO a.test\r\nMAIL FROM:<refuse@a.test>\r\nRCPT TO:<b@b.test>\r\n",
	    .out = EHLO_REPLY "550 5.1.1 No such user\r\n503 5.5.1 RCPT needs MAIL first (RFC 5321 4.1.4)\r\n",
	    .log = "EHLO a.test\nMAIL <refuse@a.test>\n"},
	{.name = "S0-001 RSET clears, and is fine without a transaction",
	    .in = "RSET\r\nEHLO a.test\r\nMAIL FROM:<a@a.test>\r\nRSET\r\nRCPT TO:<b@b.test>\r\nMAIL FROM:<c@a.test>\r\n",
	    .out = OK_0 EHLO_REPLY OK_MAIL OK_0 "503 5.5.1 RCPT needs MAIL first (RFC 5321 4.1.4)\r\n" OK_MAIL,
	    .log = "EHLO a.test\nMAIL <a@a.test>\nABORT\nMAIL <c@a.test>\n"},
	{.name = "S0-009 QUIT, in a transaction too; what follows is not heeded",
	    .in = "EHLO a.test\r\nMAIL FROM:<a@a.test>\r\nQUIT\r\nNOOP\r\n", .out = EHLO_REPLY OK_MAIL BYE,
	    .log = "EHLO a.test\nMAIL <a@a.test>\nABORT\nQUIT\n"},
	{.name = "S0-004 spaces behind the colon and no brackets", .in = "HELO a.test\r\nMAIL FROM: user1@a.test\r\n",
	    .out = "250 mx.test\r\n" OK_MAIL, .log = "HELO a.test\nMAIL <user1@a.test>\n"},
	{.name = "S0-005 three spaces", .in = "HELO a.test\r\nmail from:<>\r\nrcpt to:   user1@b.test\r\n",
	    .out = "250 mx.test\r\n" OK_MAIL OK_RCPT, .log = "HELO a.test\nMAIL <>\nRCPT <user1@b.test>\n"},
	{.name = "S0-004 strict envelopes", .strict = true,
	    .in = "HELO a.test\r\nMAIL FROM: user1@a.test\r\nMAIL FROM: <user1@a.test>\r\nMAIL FROM:user1@a.test\r\n",
	    .out = "250 mx.test\r\n501 5.1.7 The sender is no valid path (RFC 5321 4.1.2)\r\n"
	           "501 5.1.7 The sender is no valid path (RFC 5321 4.1.2)\r\n501 5.1.7 The sender is no valid path (RFC 5321 4.1.2)\r\n",
	    .log = "HELO a.test\n"},
	{.name = "S3-006 the null path is a sender, but no recipient", .in = "EHLO a.test\r\nMAIL FROM:<>\r\nRCPT TO:<>\r\n",
	    .out = EHLO_REPLY OK_MAIL "501 5.1.3 The recipient is no valid path (RFC 5321 4.1.2)\r\n",
	    .log = "EHLO a.test\nMAIL <>\n"},
	{.name = "S3-010 postmaster without a domain", .in = "EHLO a.test\r\nMAIL FROM:<>\r\nRCPT TO:<PostMaster>\r\nRCPT TO:<pepe>\r\n",
	    .out = EHLO_REPLY OK_MAIL OK_RCPT "501 5.1.3 The recipient is no valid path (RFC 5321 4.1.2)\r\n",
	    .log = "EHLO a.test\nMAIL <>\nRCPT <PostMaster>\n"},
	{.name = "S4-106 source routes are stripped",
	    .in = "EHLO a.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<@a.test,@b.test:user1@imap.b.test>\r\n",
	    .out = EHLO_REPLY OK_MAIL OK_RCPT, .log = "EHLO a.test\nMAIL <a@a.test>\nRCPT <user1@imap.b.test> routed\n"},
	{.name = "S4-106 source routes are refused by option", .no_routes = true,
	    .in = "EHLO a.test\r\nMAIL FROM:<@c.test:a@a.test>\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<@a.test,@b.test:user1@imap.b.test>\r\n",
	    .out = EHLO_REPLY "550 5.1.7 Source routes are not taken (RFC 5321 appendix F.2)\r\n" OK_MAIL
	                      "550 5.1.3 Source routes are not taken (RFC 5321 appendix F.2)\r\n",
	    .log = "EHLO a.test\nMAIL <a@a.test>\n"},
	{.name = "the forms of MAIL and RCPT", .in = "EHLO a.test\r\nMAIL\r\nMAIL TO:<a@a.test>\r\nMAIL FROM:\r\nMAIL FROM <a@a.test>\r\n"
	                                            "MAIL FROM:<a@a.test>x\r\nMAIL FROM:<a@a.test>\r\nRCPT FROM:<a@a.test>\r\n",
	    .out = EHLO_REPLY "501 5.5.4 MAIL needs an argument (RFC 5321 4.1.1)\r\n"
	                      "501 5.5.4 The form is MAIL FROM:<address> (RFC 5321 4.1.1.2)\r\n"
	                      "501 5.1.7 The sender is no valid path (RFC 5321 4.1.2)\r\n"
	                      "501 5.5.4 The form is MAIL FROM:<address> (RFC 5321 4.1.1.2)\r\n"
	                      "501 5.1.7 The sender is no valid path (RFC 5321 4.1.2)\r\n" OK_MAIL
	                      "501 5.5.4 The form is RCPT TO:<address> (RFC 5321 4.1.1.3)\r\n",
	    .log = "EHLO a.test\nMAIL <a@a.test>\n"},
	{.name = "S3-005 SIZE and BODY", .in = "EHLO a.test\r\nMAIL FROM:<a@a.test> SIZE=1000 BODY=8BITMIME\r\nRSET\r\n"
	                                       "MAIL FROM:<a@a.test> body=7bit  size=0\r\nRSET\r\nMAIL FROM:<a@a.test> SIZE=1001\r\n"
	                                       "MAIL FROM:<a@a.test> SIZE=99999999999999999999\r\n",
	    .out = EHLO_REPLY OK_MAIL OK_0 OK_MAIL OK_0 "552 5.3.4 Message exceeds the size limit (RFC 1870 6.1)\r\n"
	                      "552 5.3.4 Message exceeds the size limit (RFC 1870 6.1)\r\n",
	    .log = "EHLO a.test\nMAIL <a@a.test> size=1000 8bit\nABORT\nMAIL <a@a.test> size=0\nABORT\n"},
	{.name = "bad parameters", .in = "EHLO a.test\r\nMAIL FROM:<a@a.test> SIZE=x\r\nMAIL FROM:<a@a.test> SIZE\r\n"
	                                 "MAIL FROM:<a@a.test> SIZE=1 SIZE=2\r\nMAIL FROM:<a@a.test> BODY=BINARYMIME\r\n"
	                                 "MAIL FROM:<a@a.test> SMTPUTF8\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test> SIZE=1\r\n",
	    .out = EHLO_REPLY "501 5.5.4 SIZE needs one number (RFC 1870 3)\r\n501 5.5.4 SIZE needs one number (RFC 1870 3)\r\n"
	                      "501 5.5.4 SIZE needs one number (RFC 1870 3)\r\n"
	                      "501 5.5.4 BODY is 7BIT or 8BITMIME, once (RFC 6152 2)\r\n"
	                      "555 5.5.4 Parameter not recognised or not implemented (RFC 5321 4.1.1.11)\r\n" OK_MAIL
	                      "555 5.5.4 Parameter not recognised or not implemented (RFC 5321 4.1.1.11)\r\n",
	    .log = "EHLO a.test\nMAIL <a@a.test>\n"},
	{.name = "unknown, empty, unimplemented and spaced commands (RFC 5321 4.2.4)",
	    .in = "WHAT\r\n\r\n NOOP\r\nEXPN list\r\nBDAT 3\r\nNOOP\t \r\nnoop anything\r\n",
	    .out = "500 5.5.2 Command not recognised (RFC 5321 4.2.4)\r\n500 5.5.2 Command not recognised (RFC 5321 4.2.4)\r\n"
	           "500 5.5.2 Command not recognised (RFC 5321 4.2.4)\r\n502 5.5.1 Command not implemented (RFC 5321 4.2.4)\r\n"
	           "502 5.5.1 Command not implemented (RFC 5321 4.2.4)\r\n" OK_0 OK_0,
	    .log = ""},
	{.name = "commands without arguments", .in = "EHLO a.test\r\nRSET x\r\nQUIT now\r\nSTARTTLS x\r\n",
	    .out = EHLO_REPLY "501 5.5.4 RSET takes no argument (RFC 5321 4.1.1)\r\n501 5.5.4 QUIT takes no argument (RFC 5321 4.1.1)\r\n"
	                      "501 5.5.4 STARTTLS takes no argument (RFC 5321 4.1.1)\r\n",
	    .log = "EHLO a.test\n"},
	{.name = "VRFY and HELP", .in = "VRFY\r\nVRFY root\r\nVRFY someone\r\nHELP\r\n",
	    .out = "501 5.5.4 VRFY needs an argument (RFC 5321 4.1.1)\r\n250 2.1.5 <root@mx.test>\r\n"
	           "252 2.5.2 Cannot verify the address, but will take mail for it (RFC 5321 3.5.3)\r\n"
	           "214 2.0.0 Commands: EHLO HELO STARTTLS MAIL RCPT DATA RSET NOOP VRFY HELP QUIT\r\n",
	    .log = "VRFY root\nVRFY someone\n"},
	{.name = "HTTP is shown the door", .in = "POST / HTTP/1.1\r\nEHLO a.test\r\n", .out = "421 4.7.0 This is SMTP, not HTTP\r\n",
	    .log = "CLOSE This is SMTP, not HTTP\n"},
	{.name = "a bare LF in a command line; what follows it is no command (RFC 5321 2.3.8)",
	    .in = "NOOP\nMAIL FROM:<a@a.test>\nRSET\r\nNOOP\r\n\nNOOP\r\nNOOP\r\n",
	    .out = "500 5.5.2 A bare LF stands in the command line; only CRLF ends a line (RFC 5321 2.3.8)\r\n" OK_0
	           "500 5.5.2 A bare LF stands in the command line; only CRLF ends a line (RFC 5321 2.3.8)\r\n" OK_0,
	    .log = ""},
	{.name = "a bare CR in a command line", .in = "NOOP\rRSET\r\nNOOP\r\r\n",
	    .out = "500 5.5.2 A bare CR stands in the command line (RFC 5321 2.3.8)\r\n"
	           "500 5.5.2 A bare CR stands in the command line (RFC 5321 2.3.8)\r\n",
	    .log = ""},
	{.name = "a NUL in a command line", .in = "NO\0OP\r\nNOOP\r\n", .n = 14,
	    .out = "500 5.5.2 A NUL stands in the command line (RFC 5321 2.3.1)\r\n" OK_0, .log = ""},
	{.name = "S3-019 two messages in one connection, state as after RSET in between",
	    .in = ENVELOPE "one\r\n.\r\nRCPT TO:<b@b.test>\r\nMAIL FROM:<c@a.test>\r\nRCPT TO:<d@b.test>\r\nDATA\r\ntwo\r\n.\r\nQUIT\r\n",
	    .out = ENV_REPLY QUEUED "503 5.5.1 RCPT needs MAIL first (RFC 5321 4.1.4)\r\n" OK_MAIL OK_RCPT GO QUEUED BYE,
	    .log = ENV_LOG "BODY one\\x0D\\x0A\nMESSAGE\nMAIL <c@a.test>\nRCPT <d@b.test>\nDATA\nBODY two\\x0D\\x0A\nMESSAGE\nQUIT\n"},
	{.name = "T4 after a refused message no transaction is left (Postfix 2026-08-03)",
	    .in = ENVELOPE "spam\r\n.\r\nRCPT TO:<b@b.test>\r\nDATA\r\n",
	    .out = ENV_REPLY "554 5.7.1 Spam\r\n503 5.5.1 RCPT needs MAIL first (RFC 5321 4.1.4)\r\n"
	                     "503 5.5.1 DATA needs MAIL and RCPT first (RFC 5321 4.1.4)\r\n",
	    .log = ENV_LOG "BODY spam\\x0D\\x0A\nMESSAGE\n"},
	{.name = "S3-014 S3-015 dots: unstuffed, and only CRLF.CRLF ends",
	    .in = ENVELOPE "..\r\n.x\r\na.\r\n...\r\n. \r\n.\r\n",
	    .out = ENV_REPLY QUEUED, .log = ENV_LOG "BODY .\\x0D\\x0Ax\\x0D\\x0Aa.\\x0D\\x0A..\\x0D\\x0A \\x0D\\x0A\nMESSAGE\n"},
	{.name = "an empty message (RFC 5321 4.1.1.4)", .in = ENVELOPE ".\r\n", .out = ENV_REPLY QUEUED, .log = ENV_LOG "MESSAGE\n"},
	{.name = "S0-015 LF.LF inside DATA ends nothing, the message is refused at its end",
	    .in = ENVELOPE "one\r\ntwo\n.\nMAIL FROM:<x@a.test>\r\n.\r\nNOOP\r\n",
	    .out = ENV_REPLY "550 5.6.0 Message refused: bare LF at line 2 (RFC 5321 2.3.8)\r\n" OK_0,
	    .log = ENV_LOG "BODY one\\x0D\\x0Atwo\nABORT\n"},
	{.name = "a bare CR, a NUL (RFC 5321 2.3.8)",
	    .in = ENVELOPE "a\rb\r\n.\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nDATA\r\n\0\r\n.\r\n",
	    .n = sizeof(ENVELOPE "a\rb\r\n.\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nDATA\r\n\0\r\n.\r\n") - 1,
	    .out = ENV_REPLY "550 5.6.0 Message refused: bare CR at line 1 (RFC 5321 2.3.8)\r\n" OK_MAIL OK_RCPT GO
	                     "550 5.6.0 Message refused: NUL at line 1 (RFC 5321 2.3.8)\r\n",
	    .log = ENV_LOG "BODY a\nABORT\nMAIL <a@a.test>\nRCPT <b@b.test>\nDATA\nABORT\n"},
	{.name = "bare LF and CR by option; they end nothing", .bare_lf = true, .in = ENVELOPE "a\n.\nb\r.\r\n\r\r\n.\r\r\n\n.\r\n.\r\n",
	    .out = ENV_REPLY QUEUED,
	    .log = ENV_LOG "BODY a\\x0A.\\x0Ab\\x0D.\\x0D\\x0A\\x0D\\x0D\\x0A\\x0D\\x0D\\x0A\\x0A.\\x0D\\x0A\nMESSAGE\n"},
	{.name = "too many recipients (RFC 5321 4.5.3.1.10)", .max_recipients = 2,
	    .in = "EHLO a.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nRCPT TO:<refuse@b.test>\r\nRCPT TO:<c@b.test>\r\nRCPT TO:<d@b.test>\r\n",
	    .out = EHLO_REPLY OK_MAIL OK_RCPT "550 5.1.1 No such user\r\n" OK_RCPT
	                      "452 4.5.3 Too many recipients, send the rest in another transaction (RFC 5321 4.5.3.1.10)\r\n",
	    .log = "EHLO a.test\nMAIL <a@a.test>\nRCPT <b@b.test>\nRCPT <refuse@b.test>\nRCPT <c@b.test>\n"},
	{.name = "an answered 421 ends the session", .in = "EHLO a.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<end@b.test>\r\nNOOP\r\n",
	    .out = EHLO_REPLY OK_MAIL "421 4.3.2 Enough\r\n",
	    .log = "EHLO a.test\nMAIL <a@a.test>\nRCPT <end@b.test>\nABORT\nCLOSE 421 was answered\n"},
	{.name = "STARTTLS out of order", .in = "STARTTLS\r\n", .out = "503 5.5.1 STARTTLS needs EHLO first (RFC 3207 4)\r\n", .log = ""},
};

static struct hk_smtpd_options options_of(const struct dialogue *d)
{
	struct hk_smtpd_options options = plain;

	options.strict_envelopes = d->strict;
	options.refuse_source_routes = d->no_routes;
	options.allow_bare_lf = d->bare_lf;
	options.max_recipients = d->max_recipients;
	return options;
}

static void check_text(const char *name, const char *what, const struct hk_buf *have, const char *want)
{
	if (have->n == strlen(want) && (have->n == 0 || memcmp(have->p, want, have->n) == 0))
		return;
	fail_msg("%s: %s\nhave:\n%.*s\nwant:\n%s", name, what, (int)have->n, have->n ? (const char *)have->p : "", want);
}

static void run_dialogue(const struct dialogue *d, enum cut cut, uint64_t seed)
{
	struct hk_smtpd_options options = options_of(d);
	struct harness h;
	char want[4096];

	harness_init(&h, &options);
	h.seed = seed;
	harness_run(&h, hk_slice_of(d->in, d->n ? d->n : strlen(d->in)), cut);
	snprintf(want, sizeof want, "%s%s", BANNER, d->out);
	check_text(d->name, "replies", &h.out, want);
	check_text(d->name, "events", &h.log, d->log);
	harness_done(&h);
}

/* S0-001 S0-002 S0-003 S0-004 S0-005 S0-006 S0-007 S0-009 S0-010 S0-012 S0-015 S3-001 S3-002 S3-003 S3-005 S3-006
 * S3-007 S3-010 S3-014 S3-015 S3-019 S4-106 S4-107 S4-108 */
static void dialogues_give_the_same_whole_bytewise_and_split(void **state)
{
	size_t i;
	uint64_t seed;

	(void)state;
	for (i = 0; i < sizeof dialogues / sizeof dialogues[0]; i++) {
		run_dialogue(&dialogues[i], CUT_WHOLE, 1);
		run_dialogue(&dialogues[i], CUT_BYTES, 1);
		for (seed = 1; seed < 20; seed++)
			run_dialogue(&dialogues[i], CUT_RANDOM, seed * 0x9e3779b97f4a7c15u);
	}
}

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
			        BANNER "500 5.5.2 Line too long (RFC 5321 4.5.3.1.4)\r\n" OK_0);
			harness_done(&h);
			hk_buf_done(&text);
			hk_buf_done(&line);
		}
}

/* T6 */
static void a_line_that_never_ends_ends_the_session(void **state)
{
	static const char want[] = BANNER "500 5.5.2 Line too long (RFC 5321 4.5.3.1.4)\r\n"
	                                  "421 4.7.0 The command line does not end (RFC 5321 4.5.3.1.4)\r\n";
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

/* T6 */
static void a_hundred_commands_without_effect_are_the_limit(void **state)
{
	static const char *const idle[] = {"NOOP\r\n", "RSET\r\n", "VRFY x\r\n", "HELP\r\n", "EHLO a\r\n"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof idle / sizeof idle[0]; i++) {
		struct hk_buf text = repeat(idle[i], HK_SMTP_NOOPS_MAX);
		struct harness h;

		run_text(&h, &text, CUT_RANDOM);
		assert_int_equal(count(&h.out, "421"), 0);
		harness_feed(&h, hk_slice_str(idle[i]));
		assert_int_equal(count(&h.out, "421 4.7.0 Too many commands without effect\r\n"), 1);
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
			        BANNER ENV_REPLY "552 5.3.4 Message exceeds the size limit (RFC 1870 6.3)\r\n" OK_0);
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
	struct hk_buf text = repeat("EHLO a.test\r\nMAIL FROM:<a@a.test>\r\nRSET\r\n", 2000);
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
		struct hk_smtpd_event event;
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
			assert_true(hk_slice_ends_nocase(out, HK_S("554 5.5.0 You spoke before the greeting was sent (RFC 5321 3.1)\r\n")));
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
	harness_run(&h, HK_S("EHLO a.test\r\nQUIT\r\n"), CUT_WHOLE);
	check_text("early", "replies", &h.out, BANNER EHLO_REPLY BYE);
	harness_done(&h);
}

/* T2 at every split point, and in one piece. What is glued behind STARTTLS is never heeded (RFC 3207 4.2, CVE-2011-0411). */
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
		check_text("starttls", "replies under TLS", &h.out, "503 5.5.1 MAIL needs EHLO or HELO first (RFC 5321 4.1.4)\r\n"
			"250-mx.test\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-ENHANCEDSTATUSCODES\r\n250 8BITMIME\r\n"
			"503 5.5.1 TLS is active already (RFC 3207 4.2)\r\n");
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
	assert_int_equal(count(&h.out, "502 5.5.1 STARTTLS is not offered (RFC 3207 4)\r\n"), 1);
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
	check_text("timeout", "replies", &h.out, BANNER ENV_REPLY "421 4.4.2 Timeout, closing the connection (RFC 5321 4.5.3.2)\r\n");
	check_text("timeout", "events", &h.log, ENV_LOG "BODY half\nABORT\nCLOSE Timeout, closing the connection (RFC 5321 4.5.3.2)\n");
	harness_done(&h);

	harness_init(&h, &plain);
	hk_smtpd_shutdown(h.session);
	harness_run(&h, HK_S("EHLO a.test\r\n"), CUT_WHOLE);
	check_text("shutdown", "replies", &h.out, BANNER "421 4.3.2 Service is shutting down (RFC 5321 3.8)\r\n");
	harness_done(&h);
}

static void a_shutdown_waits_for_the_answer_to_a_message(void **state)
{
	struct hk_smtpd *s = hk_smtpd_new(&plain);
	struct hk_smtpd_event event;
	struct hk_buf out;

	(void)state;
	assert_non_null(s);
	hk_smtpd_sent(s, 1000);
	(void)hk_smtpd_feed(s, HK_S(ENVELOPE "x\r\n.\r\n"));
	while (hk_smtpd_next(s, &event) == HK_OK && event.type != HK_SMTPD_MESSAGE)
		hk_smtpd_accept(s);
	assert_int_equal(event.type, HK_SMTPD_MESSAGE);
	assert_int_equal(event.size, 3);
	hk_smtpd_sent(s, 100000);
	hk_smtpd_shutdown(s);
	hk_smtpd_timeout(s);
	hk_smtpd_answer(s, 250, "2.0.0", HK_S("Ok: queued as X"));
	assert_int_equal(hk_smtpd_next(s, &event), HK_OK);
	assert_int_equal(event.type, HK_SMTPD_CLOSE);
	hk_buf_init(&out, 4096);
	hk_buf_add(&out, hk_smtpd_out(s));
	check_text("shutdown", "replies", &out, "250 2.0.0 Ok: queued as X\r\n421 4.3.2 Service is shutting down (RFC 5321 3.8)\r\n");
	hk_buf_done(&out);
	hk_smtpd_free(s);
}

/* A full spool while the body arrives: the answer is kept for the dot. */
static void a_body_can_be_refused_while_it_arrives(void **state)
{
	struct hk_smtpd *s = hk_smtpd_new(&plain);
	struct hk_smtpd_event event;
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

static void the_banner_has_its_shape(void **state)
{
	struct harness h;

	(void)state;
	/* S0-002 */
	harness_init(&h, &plain);
	check_text("banner", "text", &h.out, BANNER);
	harness_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_banner_has_its_shape),
		cmocka_unit_test(dialogues_give_the_same_whole_bytewise_and_split),
		cmocka_unit_test(a_line_of_2048_bytes_is_taken_and_one_more_is_not),
		cmocka_unit_test(a_line_that_never_ends_ends_the_session),
		cmocka_unit_test(twenty_errors_are_forgiven_and_the_next_ends_the_session),
		cmocka_unit_test(a_hundred_commands_without_effect_are_the_limit),
		cmocka_unit_test(a_message_is_taken_up_to_the_size_limit_and_not_beyond),
		cmocka_unit_test(a_refused_message_that_never_ends_ends_the_session),
		cmocka_unit_test(a_hundred_recipients_are_taken),
		cmocka_unit_test(output_is_bounded_and_input_waits_for_it),
		cmocka_unit_test(an_early_talker_is_turned_away_when_that_is_asked_for),
		cmocka_unit_test(after_the_banner_nobody_is_early),
		cmocka_unit_test(plain_text_behind_starttls_is_dropped_at_every_split),
		cmocka_unit_test(starttls_that_is_not_offered_is_not_implemented),
		cmocka_unit_test(a_timeout_and_a_shutdown_say_421),
		cmocka_unit_test(a_shutdown_waits_for_the_answer_to_a_message),
		cmocka_unit_test(a_body_can_be_refused_while_it_arrives),
		cmocka_unit_test(answers_are_quoted_wrapped_and_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
