/* SPDX-License-Identifier: MIT
 *
 * Dialogues with the server. Each runs whole, byte by byte and randomly split (T5): events and replies are the same.
 */
#include "smtpd_test_util.h"

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
	    .out = "501 EHLO needs an argument (RFC 5321 4.1.1) [argument-missing]\r\n"
	           "501 Neither a domain name nor an address literal (RFC 5321 4.1.1.1) [helo-name]\r\n"
	           "501 Neither a domain name nor an address literal (RFC 5321 4.1.1.1) [helo-name]\r\n"
	           "501 Neither a domain name nor an address literal (RFC 5321 4.1.1.1) [helo-name]\r\n"
	           "501 Neither a domain name nor an address literal (RFC 5321 4.1.1.1) [helo-name]\r\n",
	    .log = ""},
	{.name = "S3-002 strict: a name that cannot be fully qualified", .strict = true,
	    .in = "EHLO localhost\r\nEHLO a_b.test\r\nEHLO a.test\r\n",
	    .out = "501 Neither a domain name nor an address literal (RFC 5321 4.1.1.1) [helo-name]\r\n"
	           "501 Neither a domain name nor an address literal (RFC 5321 4.1.1.1) [helo-name]\r\n" EHLO_REPLY,
	    .log = "EHLO a.test\n"},
	{.name = "S4-108 text after the EHLO argument", .in = "EHLO localhost abcdefg\r\nHELO a b\r\nEHLO  a\r\n",
	    .out = "501 One name and no further text belong here (RFC 5321 4.1.1.1) [helo-argument]\r\n"
	           "501 One name and no further text belong here (RFC 5321 4.1.1.1) [helo-argument]\r\n"
	           "501 One name and no further text belong here (RFC 5321 4.1.1.1) [helo-argument]\r\n",
	    .log = ""},
	{.name = "S4-107 a repeated EHLO clears the transaction",
	    .in = "EHLO a.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nEHLO c.test\r\nDATA\r\n",
	    .out = EHLO_REPLY OK_MAIL OK_RCPT EHLO_REPLY "503 5.5.1 DATA needs MAIL and RCPT first (RFC 5321 4.1.4) [data-early]\r\n",
	    .log = "EHLO a.test\nMAIL <a@a.test>\nRCPT <b@b.test>\nEHLO c.test\nABORT\n"},
	{.name = "a refused EHLO leaves the state alone (RFC 5321 4.1.4)",
	    .in = "EHLO a.test\r\nMAIL FROM:<a@a.test>\r\nEHLO bad.test\r\nEHLO a b\r\nRCPT TO:<b@b.test>\r\n",
	    .out = EHLO_REPLY OK_MAIL "550 Not you\r\n"
	           "501 One name and no further text belong here (RFC 5321 4.1.1.1) [helo-argument]\r\n" OK_RCPT,
	    .log = "EHLO a.test\nMAIL <a@a.test>\nEHLO bad.test\nRCPT <b@b.test>\n"},
	{.name = "S0-001 MAIL before HELO", .in = "MAIL FROM:<a@a.test>\r\n",
	    .out = "503 5.5.1 MAIL needs EHLO or HELO first (RFC 5321 4.1.4) [mail-early]\r\n", .log = ""},
	{.name = "S0-001 RCPT and DATA before MAIL", .in = "EHLO a.test\r\nRCPT TO:<b@b.test>\r\nDATA\r\n",
	    .out = EHLO_REPLY "503 5.5.1 RCPT needs MAIL first (RFC 5321 4.1.4) [rcpt-early]\r\n"
	                      "503 5.5.1 DATA needs MAIL and RCPT first (RFC 5321 4.1.4) [data-early]\r\n",
	    .log = "EHLO a.test\n"},
	{.name = "S0-001 DATA before RCPT, and after refused ones",
	    .in = "EHLO a.test\r\nMAIL FROM:<a@a.test>\r\nDATA\r\nRCPT TO:<refuse@b.test>\r\nRCPT TO:<defer@b.test>\r\nDATA\r\n",
	    .out = EHLO_REPLY OK_MAIL "503 5.5.1 DATA needs an accepted RCPT first (RFC 5321 3.3) [data-no-rcpt]\r\n"
	                              "550 5.1.1 No such user\r\n451 4.7.1 Come again\r\n"
	                              "503 5.5.1 DATA needs an accepted RCPT first (RFC 5321 3.3) [data-no-rcpt]\r\n",
	    .log = "EHLO a.test\nMAIL <a@a.test>\nRCPT <refuse@b.test>\nRCPT <defer@b.test>\n"},
	{.name = "S3-007 MAIL once per transaction", .in = "EHLO a.test\r\nMAIL FROM:<a@a.test>\r\nMAIL FROM:<c@a.test>\r\n",
	    .out = EHLO_REPLY OK_MAIL "503 5.5.1 MAIL was given already, one sender per transaction (RFC 5321 4.1.4) [mail-again]\r\n",
	    .log = "EHLO a.test\nMAIL <a@a.test>\n"},
	{.name = "a refused MAIL opens no transaction", .in = "EHLO a.test\r\nMAIL FROM:<refuse@a.test>\r\nRCPT TO:<b@b.test>\r\n",
	    .out = EHLO_REPLY "550 5.1.1 No such user\r\n503 5.5.1 RCPT needs MAIL first (RFC 5321 4.1.4) [rcpt-early]\r\n",
	    .log = "EHLO a.test\nMAIL <refuse@a.test>\n"},
	{.name = "S0-001 RSET clears, and is fine without a transaction",
	    .in = "RSET\r\nEHLO a.test\r\nMAIL FROM:<a@a.test>\r\nRSET\r\nRCPT TO:<b@b.test>\r\nMAIL FROM:<c@a.test>\r\n",
	    .out = OK_0 EHLO_REPLY OK_MAIL OK_0 "503 5.5.1 RCPT needs MAIL first (RFC 5321 4.1.4) [rcpt-early]\r\n" OK_MAIL,
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
	    .out = "250 mx.test\r\n501 5.1.7 The sender is no valid path (RFC 5321 4.1.2) [mail-path]\r\n"
	           "501 5.1.7 The sender is no valid path (RFC 5321 4.1.2) [mail-path]\r\n501 5.1.7 The sender is no valid path (RFC 5321 4.1.2) [mail-path]\r\n",
	    .log = "HELO a.test\n"},
	{.name = "S3-006 the null path is a sender, but no recipient", .in = "EHLO a.test\r\nMAIL FROM:<>\r\nRCPT TO:<>\r\n",
	    .out = EHLO_REPLY OK_MAIL "501 5.1.3 The recipient is no valid path (RFC 5321 4.1.2) [rcpt-path]\r\n",
	    .log = "EHLO a.test\nMAIL <>\n"},
	{.name = "S3-010 postmaster without a domain", .in = "EHLO a.test\r\nMAIL FROM:<>\r\nRCPT TO:<PostMaster>\r\nRCPT TO:<pepe>\r\n",
	    .out = EHLO_REPLY OK_MAIL OK_RCPT "501 5.1.3 The recipient is no valid path (RFC 5321 4.1.2) [rcpt-path]\r\n",
	    .log = "EHLO a.test\nMAIL <>\nRCPT <PostMaster>\n"},
	{.name = "S4-106 source routes are stripped",
	    .in = "EHLO a.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<@a.test,@b.test:user1@imap.b.test>\r\n",
	    .out = EHLO_REPLY OK_MAIL OK_RCPT, .log = "EHLO a.test\nMAIL <a@a.test>\nRCPT <user1@imap.b.test> routed\n"},
	{.name = "S4-106 source routes are refused by option", .no_routes = true,
	    .in = "EHLO a.test\r\nMAIL FROM:<@c.test:a@a.test>\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<@a.test,@b.test:user1@imap.b.test>\r\n",
	    .out = EHLO_REPLY "550 5.1.7 Source routes are not taken (RFC 5321 appendix F.2) [mail-route]\r\n" OK_MAIL
	                      "550 5.1.3 Source routes are not taken (RFC 5321 appendix F.2) [rcpt-route]\r\n",
	    .log = "EHLO a.test\nMAIL <a@a.test>\n"},
	{.name = "the forms of MAIL and RCPT", .in = "EHLO a.test\r\nMAIL\r\nMAIL TO:<a@a.test>\r\nMAIL FROM:\r\nMAIL FROM <a@a.test>\r\n"
	                                            "MAIL FROM:<a@a.test>x\r\nMAIL FROM:<a@a.test>\r\nRCPT FROM:<a@a.test>\r\n",
	    .out = EHLO_REPLY "501 5.5.4 MAIL needs an argument (RFC 5321 4.1.1) [argument-missing]\r\n"
	                      "501 5.5.4 The form is MAIL FROM:<address> (RFC 5321 4.1.1.2) [mail-form]\r\n"
	                      "501 5.1.7 The sender is no valid path (RFC 5321 4.1.2) [mail-path]\r\n"
	                      "501 5.5.4 The form is MAIL FROM:<address> (RFC 5321 4.1.1.2) [mail-form]\r\n"
	                      "501 5.1.7 The sender is no valid path (RFC 5321 4.1.2) [mail-path]\r\n" OK_MAIL
	                      "501 5.5.4 The form is RCPT TO:<address> (RFC 5321 4.1.1.3) [rcpt-form]\r\n",
	    .log = "EHLO a.test\nMAIL <a@a.test>\n"},
	{.name = "S3-005 S3-030 SIZE and BODY", .in = "EHLO a.test\r\nMAIL FROM:<a@a.test> SIZE=1000 BODY=8BITMIME\r\nRSET\r\n"
	                                       "MAIL FROM:<a@a.test> body=7bit  size=0\r\nRSET\r\nMAIL FROM:<a@a.test> SIZE=1001\r\n"
	                                       "MAIL FROM:<a@a.test> SIZE=99999999999999999999\r\n",
	    .out = EHLO_REPLY OK_MAIL OK_0 OK_MAIL OK_0 "552 5.3.4 Message exceeds the size limit (RFC 1870 6.1) [size-exceeded]\r\n"
	                      "552 5.3.4 Message exceeds the size limit (RFC 1870 6.1) [size-exceeded]\r\n",
	    .log = "EHLO a.test\nMAIL <a@a.test> SIZE=1000 BODY=8BITMIME\nABORT\nMAIL <a@a.test> SIZE=0\nABORT\n"},
	{.name = "bad parameters", .in = "EHLO a.test\r\nMAIL FROM:<a@a.test> SIZE=x\r\nMAIL FROM:<a@a.test> SIZE\r\n"
	                                 "MAIL FROM:<a@a.test> SIZE=1 SIZE=2\r\nMAIL FROM:<a@a.test> BODY=BINARYMIME\r\n"
	                                 "MAIL FROM:<a@a.test> SMTPUTF8\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test> SIZE=1\r\n",
	    .out = EHLO_REPLY "501 5.5.4 SIZE needs one number (RFC 1870 3) [size-form]\r\n501 5.5.4 SIZE needs one number (RFC 1870 3) [size-form]\r\n"
	                      "501 5.5.4 SIZE needs one number (RFC 1870 3) [size-form]\r\n"
	                      "501 5.5.4 BODY is 7BIT or 8BITMIME, once (RFC 6152 2) [body-form]\r\n"
	                      "555 5.5.4 Parameter not recognised or not implemented (RFC 5321 4.1.1.11) [parameter-unknown]\r\n" OK_MAIL
	                      "555 5.5.4 Parameter not recognised or not implemented (RFC 5321 4.1.1.11) [parameter-unknown]\r\n",
	    .log = "EHLO a.test\nMAIL <a@a.test>\n"},
	{.name = "unknown, empty, unimplemented and spaced commands (RFC 5321 4.2.4)",
	    .in = "WHAT\r\n\r\n NOOP\r\nEXPN list\r\nBDAT 3\r\nNOOP\t \r\nnoop anything\r\n",
	    .out = "500 5.5.2 Command not recognised (RFC 5321 4.2.4) [command-unknown]\r\n500 5.5.2 Command not recognised (RFC 5321 4.2.4) [command-unknown]\r\n"
	           "500 5.5.2 Command not recognised (RFC 5321 4.2.4) [command-unknown]\r\n502 5.5.1 Command not implemented (RFC 5321 4.2.4) [command-absent]\r\n"
	           "502 5.5.1 Command not implemented (RFC 5321 4.2.4) [command-absent]\r\n" OK_0 OK_0,
	    .log = ""},
	{.name = "commands without arguments", .in = "EHLO a.test\r\nRSET x\r\nQUIT now\r\nSTARTTLS x\r\n",
	    .out = EHLO_REPLY "501 5.5.4 RSET takes no argument (RFC 5321 4.1.1) [argument-unwanted]\r\n501 5.5.4 QUIT takes no argument (RFC 5321 4.1.1) [argument-unwanted]\r\n"
	                      "501 5.5.4 STARTTLS takes no argument (RFC 5321 4.1.1) [argument-unwanted]\r\n",
	    .log = "EHLO a.test\n"},
	{.name = "VRFY and HELP", .in = "VRFY\r\nVRFY root\r\nVRFY someone\r\nHELP\r\n",
	    .out = "501 5.5.4 VRFY needs an argument (RFC 5321 4.1.1) [argument-missing]\r\n250 2.1.5 <root@mx.test>\r\n"
	           "252 2.5.2 Cannot verify the address, but will take mail for it (RFC 5321 3.5.3)\r\n"
	           "214 2.0.0 Commands: EHLO HELO STARTTLS MAIL RCPT DATA RSET NOOP VRFY HELP QUIT\r\n",
	    .log = "VRFY root\nVRFY someone\n"},
	{.name = "HTTP is shown the door", .in = "POST / HTTP/1.1\r\nEHLO a.test\r\n", .out = "421 4.7.0 This is SMTP, not HTTP (RFC 5321 4.1.1) [http]\r\n",
	    .log = "CLOSE This is SMTP, not HTTP (RFC 5321 4.1.1)\n"},
	{.name = "a bare LF in a command line; what follows it is no command (RFC 5321 2.3.8)",
	    .in = "NOOP\nMAIL FROM:<a@a.test>\nRSET\r\nNOOP\r\n\nNOOP\r\nNOOP\r\n",
	    .out = "500 5.5.2 A bare LF stands in the command line; only CRLF ends a line (RFC 5321 2.3.8) [line-bare-lf]\r\n" OK_0
	           "500 5.5.2 A bare LF stands in the command line; only CRLF ends a line (RFC 5321 2.3.8) [line-bare-lf]\r\n" OK_0,
	    .log = ""},
	{.name = "a bare CR in a command line", .in = "NOOP\rRSET\r\nNOOP\r\r\n",
	    .out = "500 5.5.2 A bare CR stands in the command line (RFC 5321 2.3.8) [line-bare-cr]\r\n"
	           "500 5.5.2 A bare CR stands in the command line (RFC 5321 2.3.8) [line-bare-cr]\r\n",
	    .log = ""},
	{.name = "a NUL in a command line", .in = "NO\0OP\r\nNOOP\r\n", .n = 14,
	    .out = "500 5.5.2 A NUL stands in the command line (RFC 5321 2.3.1) [line-nul]\r\n" OK_0, .log = ""},
	{.name = "S3-019 two messages in one connection, state as after RSET in between",
	    .in = ENVELOPE "one\r\n.\r\nRCPT TO:<b@b.test>\r\nMAIL FROM:<c@a.test>\r\nRCPT TO:<d@b.test>\r\nDATA\r\ntwo\r\n.\r\nQUIT\r\n",
	    .out = ENV_REPLY QUEUED "503 5.5.1 RCPT needs MAIL first (RFC 5321 4.1.4) [rcpt-early]\r\n" OK_MAIL OK_RCPT GO QUEUED BYE,
	    .log = ENV_LOG "BODY one\\x0D\\x0A\nMESSAGE\nMAIL <c@a.test>\nRCPT <d@b.test>\nDATA\nBODY two\\x0D\\x0A\nMESSAGE\nQUIT\n"},
	{.name = "T4 after a refused message no transaction is left (Postfix 2026-08-03)",
	    .in = ENVELOPE "spam\r\n.\r\nRCPT TO:<b@b.test>\r\nDATA\r\n",
	    .out = ENV_REPLY "554 5.7.1 Spam\r\n503 5.5.1 RCPT needs MAIL first (RFC 5321 4.1.4) [rcpt-early]\r\n"
	                     "503 5.5.1 DATA needs MAIL and RCPT first (RFC 5321 4.1.4) [data-early]\r\n",
	    .log = ENV_LOG "BODY spam\\x0D\\x0A\nMESSAGE\n"},
	{.name = "S3-014 S3-015 dots: unstuffed, and only CRLF.CRLF ends",
	    .in = ENVELOPE "..\r\n.x\r\na.\r\n...\r\n. \r\n.\r\n",
	    .out = ENV_REPLY QUEUED, .log = ENV_LOG "BODY .\\x0D\\x0Ax\\x0D\\x0Aa.\\x0D\\x0A..\\x0D\\x0A \\x0D\\x0A\nMESSAGE\n"},
	{.name = "an empty message (RFC 5321 4.1.1.4)", .in = ENVELOPE ".\r\n", .out = ENV_REPLY QUEUED, .log = ENV_LOG "MESSAGE\n"},
	{.name = "S0-015 LF.LF inside DATA ends nothing, the message is refused at its end",
	    .in = ENVELOPE "one\r\ntwo\n.\nMAIL FROM:<x@a.test>\r\n.\r\nNOOP\r\n",
	    .out = ENV_REPLY "550 5.6.0 Message refused: bare LF at line 2 (RFC 5321 2.3.8) [message-bare-lf]\r\n" OK_0,
	    .log = ENV_LOG "BODY one\\x0D\\x0Atwo\nABORT\n"},
	{.name = "a bare CR, a NUL (RFC 5321 2.3.8)",
	    .in = ENVELOPE "a\rb\r\n.\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nDATA\r\n\0\r\n.\r\n",
	    .n = sizeof(ENVELOPE "a\rb\r\n.\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nDATA\r\n\0\r\n.\r\n") - 1,
	    .out = ENV_REPLY "550 5.6.0 Message refused: bare CR at line 1 (RFC 5321 2.3.8) [message-bare-cr]\r\n" OK_MAIL OK_RCPT GO
	                     "550 5.6.0 Message refused: NUL at line 1 (RFC 5321 2.3.8) [message-nul]\r\n",
	    .log = ENV_LOG "BODY a\nABORT\nMAIL <a@a.test>\nRCPT <b@b.test>\nDATA\nABORT\n"},
	{.name = "security 1: a legacy client's bare LF and CR become line ends; they end no message", .bare_lf = true, .in = ENVELOPE "a\n.\nb\r.\r\n\r\r\n.\r\r\n\n.\r\n.\r\n",
	    .out = ENV_REPLY QUEUED,
	    .log = ENV_LOG "BODY a\\x0D\\x0A.\\x0D\\x0Ab\\x0D\\x0A.\\x0D\\x0A\\x0D\\x0A\\x0D\\x0A\\x0D\\x0A\\x0D\\x0A\\x0D\\x0A.\\x0D\\x0A\nMESSAGE\n"},
	{.name = "too many recipients (RFC 5321 4.5.3.1.10)", .max_recipients = 2,
	    .in = "EHLO a.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nRCPT TO:<refuse@b.test>\r\nRCPT TO:<c@b.test>\r\nRCPT TO:<d@b.test>\r\n",
	    .out = EHLO_REPLY OK_MAIL OK_RCPT "550 5.1.1 No such user\r\n" OK_RCPT
	                      "452 4.5.3 Too many recipients, send the rest in another transaction (RFC 5321 4.5.3.1.10) [limit-recipients]\r\n",
	    .log = "EHLO a.test\nMAIL <a@a.test>\nRCPT <b@b.test>\nRCPT <refuse@b.test>\nRCPT <c@b.test>\n"},
	{.name = "an answered 421 ends the session", .in = "EHLO a.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<end@b.test>\r\nNOOP\r\n",
	    .out = EHLO_REPLY OK_MAIL "421 4.3.2 Enough\r\n",
	    .log = "EHLO a.test\nMAIL <a@a.test>\nRCPT <end@b.test>\nABORT\nCLOSE 421 was answered\n"},
	{.name = "STARTTLS out of order", .in = "STARTTLS\r\n", .out = "503 5.5.1 STARTTLS needs EHLO first (RFC 3207 4) [starttls-early]\r\n", .log = ""},
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
