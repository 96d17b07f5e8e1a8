/* SPDX-License-Identifier: MIT
 *
 * Dialogues with the client that use an extension.
 */
#include "smtpc_test_script.h"
#include "tests/unit.h"

#define FIRST      "S 220 mx.test\nC EHLO me.test\nS 250-mx.test\n"
#define CHUNKS     FIRST "S 250-PIPELINING\nS 250-BINARYMIME\nS 250 CHUNKING\nE READY\n"
#define CHECKS     FIRST "S 250-PIPELINING\nS 250-SIZE\nS 250-CHUNKING\nS 250 CHECKPOINT\nE READY\n"
#define WRONG_355                                                                                      \
	"E DONE MAIL 421 4.5.0 The server gave a reply of 355 that cannot be here own\n"              \
	"E CLOSED MAIL 421 4.5.0 The server gave a reply of 355 that cannot be here own\n"
#define ENVELOPE   "T\nC MAIL FROM:<a@a.test>\nC RCPT TO:<b@b.test>\n"
#define TLS        "S 220 x\nC EHLO me.test\nS 250-x\nS 250 STARTTLS\nC STARTTLS\nS 220 go\nE TLS\nK\nC EHLO me.test\nS 250-x\n"
#define READY_OWN(stage, text) "T\nE DONE " stage " " text " own\nE READY\n"

static const struct script scripts[] = {
    /* ---- CHUNKING ---- */
    {.name = "S3-031 BDAT: dots stay, RCPT is heard before the first chunk", .chunking = true, .from = "a@a.test",
        .rcpt = {"b@b.test"},
        .steps = CHUNKS ENVELOPE "S 250 a\nS 250 b\nE SEND_BODY\nB .x\nB y\n.\nC BDAT 4\nC .x\nC BDAT 3\nC y\n"
                                 "C BDAT 0 LAST\nS 250 4\nS 250 3\nS 250 2.0.0 done\nE DONE DOT 250 2.0.0 done\nE READY\n"},
    {.name = "BDAT: a missing CRLF is added, and a CR waits for its LF", .chunking = true, .from = "a@a.test",
        .rcpt = {"b@b.test"},
        .steps = CHUNKS ENVELOPE "S 250 a\nS 250 b\nE SEND_BODY\nB x\\r\\\nB \\ny\\\n.\nC BDAT 1\nC xBDAT 3\nC \nC yBDAT 2 LAST\nC \n"
                                 "S 250 1\nS 250 3\nS 250 ok\nE DONE DOT 250 ok\nE READY\n"},
    {.name = "BDAT: a bare LF never leaves us", .chunking = true, .from = "a@a.test", .rcpt = {"b@b.test"},
        .steps = CHUNKS ENVELOPE "S 250 a\nS 250 b\nE SEND_BODY\nB x\\ny\n"
                                 "E DONE DATA 554 5.6.0 The message holds a bare LF at line 1 and was not sent (RFC 5321 2.3.8) own\n"
                                 "E CLOSED DATA 554 5.6.0 The message holds a bare LF at line 1 and was not sent (RFC 5321 2.3.8) own\n"},
    {.name = "BDAT: a refused chunk ends it", .chunking = true, .from = "a@a.test", .rcpt = {"b@b.test"},
        .steps = CHUNKS ENVELOPE "S 250 a\nS 250 b\nE SEND_BODY\nB x\nC BDAT 3\nC x\nS 552 5.3.4 too much\n"
                                 "E DONE DATA 552 5.3.4 too much\nE CLOSED DATA 552 5.3.4 too much\nB y\n.\n"},
    {.name = "BDAT: nothing is sent for nobody", .chunking = true, .from = "a@a.test", .rcpt = {"b@b.test"},
        .steps = CHUNKS ENVELOPE "S 250 a\nS 550 no\nE RCPT_DONE 0 RCPT 550 no\nE DONE RCPT 550 no\nE READY\n"
                                 "T\nC RSET\nC MAIL FROM:<a@a.test>\nC RCPT TO:<b@b.test>\n"},
    {.name = "BDAT without PIPELINING", .chunking = true, .from = "a@a.test", .rcpt = {"b@b.test"},
        .steps = FIRST "S 250 CHUNKING\nE READY\nT\nC MAIL FROM:<a@a.test>\nS 250 a\nC RCPT TO:<b@b.test>\nS 250 b\nE SEND_BODY\n"
                       "B x\nC BDAT 3\nC x\nS 250 3\n.\nC BDAT 0 LAST\nS 250 ok\nE DONE DOT 250 ok\nE READY\n"},
    {.name = "S3-031 BINARYMIME goes as it is, by BDAT even where DATA is preferred", .from = "a@a.test", .rcpt = {"b@b.test"},
        .mail = {.body = HK_BODY_BINARYMIME},
        .chunking = true,
        .steps = CHUNKS "T\nC MAIL FROM:<a@a.test> BODY=BINARYMIME\nC RCPT TO:<b@b.test>\nS 250 a\nS 250 b\nE SEND_BODY\n"
                        "B x\\ry\\r\\\n.\nC BDAT 4\nC x\ry\rBDAT 0 LAST\nS 250 4\nS 250 ok\nE DONE DOT 250 ok\nE READY\n"},
    {.name = "S3-031 BINARYMIME to a server without it (RFC 3030 3)", .from = "a@a.test", .rcpt = {"b@b.test"},
        .mail = {.body = HK_BODY_BINARYMIME},
        .steps = FIRST "S 250 CHUNKING\nE READY\n" READY_OWN(
            "MAIL", "554 5.6.3 The message is BINARYMIME, which the server does not offer (RFC 3030 3)")},

    /* ---- DSN, SMTPUTF8, REQUIRETLS ---- */
    {.name = "S3-038 the parameters of DSN go where they are understood", .from = "a@a.test", .rcpt = {"b@b.test", "c@b.test"},
        .mail = {.ret = HK_RET_HDRS, .envid = S("QQ+2B1")},
        .params = {{.notify = HK_NOTIFY_SUCCESS | HK_NOTIFY_DELAY, .orcpt = S("rfc822;b@b.test")}, {.notify = HK_NOTIFY_NEVER}},
        .steps = FIRST "S 250-PIPELINING\nS 250 DSN\nE READY\nT\nC MAIL FROM:<a@a.test> RET=HDRS ENVID=QQ+2B1\n"
                       "C RCPT TO:<b@b.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b@b.test\nC RCPT TO:<c@b.test> NOTIFY=NEVER\nC DATA\n"},
    {.name = "S3-038 and nowhere else", .from = "a@a.test", .rcpt = {"b@b.test"},
        .mail = {.ret = HK_RET_FULL, .envid = S("x"), .auth = S("<>"), .has_by = true, .by_seconds = 5},
        .params = {{.notify = HK_NOTIFY_NEVER}},
        .steps = FIRST "S 250 PIPELINING\nE READY\nT\nC MAIL FROM:<a@a.test>\nC RCPT TO:<b@b.test>\nC DATA\n"},
    {.name = "S3-036 DELIVERBY: what the server's least time allows", .from = "a@a.test", .rcpt = {"b@b.test"},
        .mail = {.has_by = true, .by_return = true, .by_seconds = 60},
        .steps = FIRST "S 250-PIPELINING\nS 250 DELIVERBY 60,x-more\nE READY\nT\nC MAIL FROM:<a@a.test> BY=60;R\n"
                       "C RCPT TO:<b@b.test>\nC DATA\n"},
    {.name = "S3-036 DELIVERBY: a second less is not asked for", .from = "a@a.test", .rcpt = {"b@b.test"},
        .mail = {.has_by = true, .by_return = true, .by_seconds = 59},
        .steps = FIRST "S 250-PIPELINING\nS 250 DELIVERBY 60\nE READY\n" READY_OWN(
            "MAIL", "550 5.4.7 The server needs 60 seconds, and 59 are left (RFC 2852 4)")},
    {.name = "S3-036 DELIVERBY: no time with R is none at all", .from = "a@a.test", .rcpt = {"b@b.test"},
        .mail = {.has_by = true, .by_return = true, .by_seconds = 0},
        .steps = FIRST "S 250-PIPELINING\nS 250 DELIVERBY\nE READY\n" READY_OWN(
            "MAIL", "550 5.4.7 The server needs 1 seconds, and 0 are left (RFC 2852 4)")},
    {.name = "S3-036 DELIVERBY: with N any time goes on, and one that cannot be read is no least time", .from = "a@a.test",
        .rcpt = {"b@b.test"}, .mail = {.has_by = true, .by_trace = true, .by_seconds = -5},
        .steps = FIRST "S 250-PIPELINING\nS 250 DELIVERBY 6000000000\nE READY\nT\nC MAIL FROM:<a@a.test> BY=-5;NT\n"
                       "C RCPT TO:<b@b.test>\nC DATA\n"},
    {.name = "S3-040 SMTPUTF8", .from = "\xe5\xb1\xb1@a.test", .rcpt = {"\xe5\xb7\x9d@b.test"}, .mail = {.smtputf8 = true},
        .steps = FIRST "S 250-PIPELINING\nS 250 SMTPUTF8\nE READY\nT\nC MAIL FROM:<\xe5\xb1\xb1@a.test> SMTPUTF8\n"
                       "C RCPT TO:<\xe5\xb7\x9d@b.test>\nC DATA\n"},
    {.name = "S3-040 SMTPUTF8 to a server without it", .from = "\xe5\xb1\xb1@a.test", .rcpt = {"b@b.test"}, .mail = {.smtputf8 = true},
        .steps = FIRST "S 250 PIPELINING\nE READY\n" READY_OWN(
            "MAIL", "550 5.6.7 The message needs SMTPUTF8, which the server does not offer (RFC 6531 3.2)")},
    {.name = "S3-041 REQUIRETLS to a server without it", .from = "a@a.test", .rcpt = {"b@b.test"}, .mail = {.require_tls = true},
        .steps = FIRST "S 250 PIPELINING\nE READY\n" READY_OWN(
            "MAIL", "550 5.7.30 The message needs REQUIRETLS, which the server does not offer (RFC 8689 4.2.1)")},
    {.name = "S3-041 a bounce goes without", .from = "", .rcpt = {"b@b.test"}, .mail = {.require_tls = true},
        .steps = FIRST "S 250 PIPELINING\nE READY\nT\nC MAIL FROM:<>\nC RCPT TO:<b@b.test>\nC DATA\n"},
    {.name = "S3-041 REQUIRETLS where it is offered", .from = "a@a.test", .rcpt = {"b@b.test"}, .mail = {.require_tls = true},
        .want_tls = true,
        .steps = TLS "S 250 REQUIRETLS\nE READY\nT\nC MAIL FROM:<a@a.test> REQUIRETLS\n"},

    /* ---- CHECKPOINT ---- */
    {.name = "S3-032 TRANSID, and nothing is pipelined behind it", .from = "a@a.test", .rcpt = {"b@b.test", "c@b.test"}, .transid = "<1@a.test>",
        .steps = CHECKS "T\nC MAIL FROM:<a@a.test> TRANSID=<1@a.test>\nS 250 a\nC RCPT TO:<b@b.test>\nC RCPT TO:<c@b.test>\nC DATA\n"
                        "S 250 b\nS 250 c\nS 354 go\nE SEND_BODY\nB x\n.\nC x\nC .\nS 250 ok\nE DONE DOT 250 ok\nE READY\n"},
    {.name = "S3-032 355: the rest by DATA, also where BDAT is preferred", .from = "a@a.test", .rcpt = {"b@b.test", "c@b.test"}, .transid = "<1@a.test>",
        .resumes = true, .chunking = true,
        .steps = CHECKS "T\nC MAIL FROM:<a@a.test> TRANSID=<1@a.test>\nS 355 6135 is the transaction offset\nC DATA\n"
                        "S 354 go\nE SEND_BODY 6135\nB .x\n.\nC ..x\nC .\nS 250 ok\nE DONE DOT 250 ok\nE READY\n"},
    {.name = "S3-032 all is there, and the reply is asked for", .from = "a@a.test", .rcpt = {"b@b.test"}, .transid = "<1@a.test>", .resumes = true, .size = 7,
        .steps = CHECKS "T\nC MAIL FROM:<a@a.test> SIZE=7 TRANSID=<1@a.test>\nS 355 9\nC DATA\nS 354 go\nE SEND_BODY 9\n.\nC .\n"
                        "S 250 ok\nE DONE DOT 250 ok\nE READY\n"},
    {.name = "S3-032 a server that has forgotten gets all of it", .from = "a@a.test", .rcpt = {"b@b.test"}, .transid = "<1@a.test>", .resumes = true,
        .steps = CHECKS "T\nC MAIL FROM:<a@a.test> TRANSID=<1@a.test>\nS 250 ok\nC RCPT TO:<b@b.test>\nC DATA\nS 250 b\nS 354 go\nE SEND_BODY\n"},
    {.name = "S3-032 more than there is of the message is none of it", .from = "a@a.test", .rcpt = {"b@b.test"}, .transid = "<1@a.test>", .resumes = true,
        .size = 7, .steps = CHECKS "T\nC MAIL FROM:<a@a.test> SIZE=7 TRANSID=<1@a.test>\nS 355 10 is\n" WRONG_355},
    {.name = "S3-032 355 without a number", .from = "a@a.test", .rcpt = {"b@b.test"}, .transid = "<1@a.test>", .resumes = true,
        .steps = CHECKS "T\nC MAIL FROM:<a@a.test> TRANSID=<1@a.test>\nS 355 go on\n" WRONG_355},
    {.name = "S3-032 355 with what is no number", .from = "a@a.test", .rcpt = {"b@b.test"}, .transid = "<1@a.test>", .resumes = true,
        .steps = CHECKS "T\nC MAIL FROM:<a@a.test> TRANSID=<1@a.test>\nS 355 7k is\n" WRONG_355},
    {.name = "S3-032 355 with more than a number holds", .from = "a@a.test", .rcpt = {"b@b.test"}, .transid = "<1@a.test>", .resumes = true,
        .steps = CHECKS "T\nC MAIL FROM:<a@a.test> TRANSID=<1@a.test>\nS 355 18446744073709551616 is\n" WRONG_355},
    {.name = "S3-032 355 for a transaction that is new", .from = "a@a.test", .rcpt = {"b@b.test"}, .transid = "<1@a.test>",
        .steps = CHECKS "T\nC MAIL FROM:<a@a.test> TRANSID=<1@a.test>\nS 355 5 is\n" WRONG_355},
    {.name = "S3-032 355 where no id was said", .from = "a@a.test", .rcpt = {"b@b.test"}, .transid = "<1@a.test>", .resumes = true,
        .steps = FIRST "S 250 SIZE\nE READY\nT\nC MAIL FROM:<a@a.test>\nS 355 5 is\n" WRONG_355},
    {.name = "S3-032 what is binary has no lines to go on at", .from = "a@a.test", .rcpt = {"b@b.test"}, .transid = "<1@a.test>", .chunking = true,
        .mail = {.body = HK_BODY_BINARYMIME}, .steps = FIRST "S 250-CHUNKING\nS 250-BINARYMIME\nS 250 CHECKPOINT\nE READY\nT\n"
                                                             "C MAIL FROM:<a@a.test> BODY=BINARYMIME\n"},

    /* ---- LIMITS ---- */
    {.name = "S4-130 S4-131 RCPTMAX: no transaction with more is begun", .from = "a@a.test", .rcpt = {"b@b.test", "c@b.test"},
        .steps = FIRST "S 250-SIZE 100000000\nS 250-8BITMIME\nS 250-PIPELINING\nS 250-CHUNKING\nS 250-STARTTLS\n"
                       "S 250 LIMITS RCPTMAX=1 MAILMAX=5\nE READY\nL\n"},
    {.name = "S4-130 MAILMAX: the connection is spent, refused or not", .from = "a@a.test", .rcpt = {"b@b.test"},
        .steps = FIRST "S 250 LIMITS mailmax=2 x-other\nE READY\n"
                       "T\nC MAIL FROM:<a@a.test>\nS 550 no\nE DONE MAIL 550 no\nE READY\n"
                       "T\nC MAIL FROM:<a@a.test>\nS 550 no\nE DONE MAIL 550 no\nE READY\nL\nQ\nC QUIT\n"},
    {.name = "S4-130 RCPTDOMAINMAX counts over the connection", .from = "a@a.test", .rcpt = {"b@b.test", "c@B.test", "d@c.test"},
        .steps = FIRST "S 250 LIMITS RCPTDOMAINMAX=1\nE READY\nL\n"},
    {.name = "S4-130 a broken line is no limit (RFC 9422 3)", .from = "a@a.test", .rcpt = {"b@b.test", "c@b.test"},
        .steps = FIRST "S 250-PIPELINING\nS 250 LIMITS RCPTMAX=1 MAIL;MAX=1\nE READY\nT\nC MAIL FROM:<a@a.test>\nC RCPT TO:<b@b.test>\n"
                       "C RCPT TO:<c@b.test>\nC DATA\n"},
    {.name = "S4-130 a limit that cannot be read is none", .from = "a@a.test", .rcpt = {"b@b.test", "c@b.test"},
        .steps = FIRST "S 250-PIPELINING\nS 250 LIMITS RCPTMAX=01 MAILMAX=1234567\nE READY\nT\nC MAIL FROM:<a@a.test>\nC RCPT TO:<b@b.test>\n"
                       "C RCPT TO:<c@b.test>\nC DATA\n"},

    /* ---- AUTH, CLIENTID ---- */
    {.name = "S3-039 AUTH PLAIN with an initial response", .want_tls = true,
        .steps = TLS "S 250 AUTH PLAIN LOGIN\nE READY\nA PLAIN xyz\nC AUTH PLAIN eHl6\nS 235 2.7.0 welcome\n"
                     "E AUTH_DONE AUTH 235 2.7.0 welcome\nE READY\n"},
    {.name = "S3-039 AUTH LOGIN by challenges; a failure leaves the session",
        .steps = FIRST "S 250 AUTH LOGIN\nE READY\nA LOGIN\nC AUTH LOGIN\nS 334 VXNlcm5hbWU6\nE CHALLENGE Username:\nR ab\nC YWI=\n"
                       "S 334 UGFzc3dvcmQ6\nE CHALLENGE Password:\nR bad\nC YmFk\nS 535 5.7.8 no\nE AUTH_DONE AUTH 535 5.7.8 no\n"
                       "E READY\nA X-EMPTY \nC AUTH X-EMPTY =\nS 334 \nE CHALLENGE\nR *\nC *\nS 501 5.7.0 cancelled\n"
                       "E AUTH_DONE AUTH 501 5.7.0 cancelled\nE READY\n"},
    {.name = "S3-039 a challenge that is no base64 is cancelled (RFC 4954 4)",
        .steps = FIRST "S 250 AUTH LOGIN\nE READY\nA LOGIN\nC AUTH LOGIN\nS 334 !\nC *\nS 501 x\nE AUTH_DONE AUTH 501 x\nE READY\n"},
    {.name = "S4-121 CLIENTID under TLS, before anything else", .want_tls = true, .clientid = S("23bf83be"), .from = "a@a.test",
        .rcpt = {"b@b.test"},
        .steps = TLS "S 250 CLIENTID\nC CLIENTID UUID 23bf83be\nS 250 OK\nE READY\nT\nC MAIL FROM:<a@a.test>\n"},
    {.name = "S4-120 and never in clear", .clientid = S("23bf83be"), .steps = FIRST "S 250 CLIENTID\nE READY\n"},
};

/* S3-031 S3-032 S3-038 to S3-041 S4-120 S4-121 S4-130 S4-131 */
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
