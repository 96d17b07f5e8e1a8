/* SPDX-License-Identifier: MIT
 *
 * What the client can do for people and for tests of servers: single commands, parameters as given, ends before the end.
 */
#include "smtpc_test_script.h"
#include "tests/unit.h"

#define FIRST    "S 220 mx.test\nC EHLO me.test\nS 250-mx.test\n"
#define GREET    FIRST "S 250 PIPELINING\nE READY\n"
#define ENVELOPE "T\nC MAIL FROM:<a@a.test>\nC RCPT TO:<b@b.test>\n"
#define BYE      "C QUIT\nS 221 bye\nE CLOSED QUIT 221 bye\n"

static const struct script scripts[] = {
    {.name = "further parameters go as given", .from = "a@a.test", .rcpt = {"b@b.test", "c@b.test"}, .mail_more = "RET=HDRS X=y",
        .rcpt_more = {"NOTIFY=NEVER", ""},
        .steps = GREET "T\nC MAIL FROM:<a@a.test> RET=HDRS X=y\nC RCPT TO:<b@b.test> NOTIFY=NEVER\nC RCPT TO:<c@b.test>\nC DATA\n"},
    {.name = "single commands, whatever they are and whatever comes", .from = "a@a.test", .rcpt = {"b@b.test"},
        .steps = GREET "D VRFY root\nC VRFY root\nS 252 2.5.2 perhaps\nE REPLY COMMAND 252 2.5.2 perhaps\nE READY\nD DATA\nC DATA\n"
                       "S 354 go\nE REPLY COMMAND 354 go\nE READY\nD a\\rb\nC a\rb\nS 500 what\nE REPLY COMMAND 500 what\nE READY\n" ENVELOPE "C DATA\n"},
    {.name = "a command, and the connection is lost",
        .steps = GREET "D NOOP\nC NOOP\nX\nE CLOSED COMMAND 421 4.4.2 Connection lost while waiting for the reply to a command own\n"},
    {.name = "a command, and 421", .steps = GREET "D NOOP\nC NOOP\nS 421 bye\nE CLOSED COMMAND 421 bye\n"},
    {.name = "HELO at once, and nothing is learnt", .helo_only = true, .from = "a@a.test", .rcpt = {"b@b.test"},
        .steps = "S 220 x\nC HELO me.test\nS 250-x\nS 250 PIPELINING\nE READY\nT\nC MAIL FROM:<a@a.test>\n"},
    {.name = "what is not offered is used by wish", .unoffered = true, .chunking = true, .from = "\xe5\xb1\xb1@a.test", .rcpt = {"b@b.test"}, .size = 9,
        .mail = {.body = HK_BODY_8BITMIME, .smtputf8 = true, .require_tls = true, .ret = HK_RET_FULL}, .params = {{.notify = HK_NOTIFY_NEVER}},
        .steps = FIRST "S 250 HELP\nE READY\nT\nC MAIL FROM:<\xe5\xb1\xb1@a.test> BODY=8BITMIME SMTPUTF8 REQUIRETLS RET=FULL\nS 250 a\n"
                       "C RCPT TO:<b@b.test> NOTIFY=NEVER\nS 250 b\nE SEND_BODY\n.\nC BDAT 0 LAST\n"},
    {.name = "STARTTLS that is not offered, by wish", .unoffered = true, .want_tls = true, .steps = FIRST "S 250 HELP\nC STARTTLS\nS 220 go\nE TLS\n"},
    {.name = "the end after the banner", .stops = true, .stop_after = HK_SMTPC_BANNER, .steps = "S 220 x\n" BYE},
    {.name = "the end after MAIL", .stops = true, .stop_after = HK_SMTPC_MAIL, .from = "a@a.test", .rcpt = {"b@b.test"},
        .steps = GREET "T\nC MAIL FROM:<a@a.test>\nS 250 a\nE DONE MAIL 250 a\n" BYE},
    {.name = "the end after RCPT", .stops = true, .stop_after = HK_SMTPC_RCPT, .from = "a@a.test", .rcpt = {"b@b.test", "c@b.test"},
        .steps = GREET ENVELOPE "C RCPT TO:<c@b.test>\nS 250 a\nS 550 b\nS 250 c\nE RCPT_DONE 0 RCPT 550 b\nE DONE RCPT 250 c\n" BYE},
    {.name = "the end after RCPT, with BDAT", .stops = true, .chunking = true, .stop_after = HK_SMTPC_RCPT, .from = "a@a.test", .rcpt = {"b@b.test"},
        .steps = FIRST "S 250-PIPELINING\nS 250 CHUNKING\nE READY\n" ENVELOPE "S 250 a\nS 250 b\nE DONE RCPT 250 b\n" BYE},
};

static void scripts_give_the_same_whole_bytewise_and_split(void **state)
{
	(void)state;
	run_scripts(scripts, sizeof scripts / sizeof scripts[0]);
}

/* A client after READY. */
static struct hk_smtpc *ready(void)
{
	const struct hk_smtpc_options options = {.size = sizeof options, .helo = HK_S("me.test")};
	struct hk_smtpc_event e = {.size = sizeof e};
	struct hk_smtpc *c = hk_smtpc_new(&options);

	assert_non_null(c);
	hk_smtpc_feed(c, HK_S("220 x\r\n250 x\r\n"));
	while (hk_smtpc_next(c, &e) == HK_OK)
		;
	assert_int_equal(e.type, HK_SMTPC_READY);
	return c;
}

static void parameters_that_could_end_a_command_are_refused(void **state)
{
	static const char *const bad[] = {"X\r\nRSET", "X\n", "\x80", "\x7f", "X\tY"};
	const struct hk_slice rcpt = HK_S("b@b.test");
	struct hk_smtpc *c = ready();
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct hk_slice more = hk_slice_str(bad[i]);
		struct hk_smtpc_transaction t = {.size = sizeof t, .mail_from = HK_S("a@a.test"), .rcpt = &rcpt, .n = 1, .mail_more = more};

		assert_int_equal(hk_smtpc_start(c, &t), HK_SYNTAX);
		t.mail_more = (struct hk_slice){0};
		t.rcpt_more = &more;
		assert_int_equal(hk_smtpc_start(c, &t), HK_SYNTAX);
	}
	hk_smtpc_free(c);
}

static void a_command_goes_as_it_is_and_is_bounded(void **state)
{
	static uint8_t long_one[HK_SMTP_OUTPUT_MAX];
	struct hk_smtpc *c = ready();
	struct hk_slice bytes = hk_slice_of("NO\0OP\n.\r", 8);

	(void)state;
	hk_smtpc_sent(c, hk_smtpc_out(c).n);
	assert_int_equal(hk_smtpc_command(c, hk_slice_of(long_one, sizeof long_one)), HK_LIMIT);
	assert_int_equal(hk_smtpc_command(c, bytes), HK_OK);
	assert_true(hk_slice_eq(hk_smtpc_out(c), bytes));
	assert_int_equal(hk_smtpc_command(c, bytes), HK_BUG);
	hk_smtpc_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(scripts_give_the_same_whole_bytewise_and_split),
	    cmocka_unit_test(parameters_that_could_end_a_command_are_refused),
	    cmocka_unit_test(a_command_goes_as_it_is_and_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
