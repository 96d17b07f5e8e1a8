/* SPDX-License-Identifier: MIT
 *
 * The table of refusals (lib/smtp/smtp_refusal.h): each that the engine says is provoked here.
 */
#include <stdio.h>

#include "engine/session_testing.h"
#include "lib/smtp/smtp_refusal.h"

#define TLS_OF "starttls on; certificate /c; certificate-key /k; auth file /users; "
#define RULES                                                                                                       \
	"hostname h.test; spool /spool; accept b.test d.test;\n"                                                    \
	"listen mx { address 10.255.2.40:25; reject-early-talkers off; relay-from 10.7.0.0/16; extensions etrn smtputf8 size 8bitmime chunking binarymime checkpoint; " \
	"  check-sender-domain on; dns-list bl.test reject; }\n"                                                    \
	"listen arrive { address 10.255.2.40:26; reject-early-talkers off; client-arrivals 1/1m; }\n"                                         \
	"listen one { address 10.255.2.40:27; reject-early-talkers off; unknown-recipients 1; client-connections 1; client-messages 1/1m; client-recipients 1/1m; }\n" \
	"listen mua { address 10.255.2.40:587; role submission; auth file /users; auth-without-tls on; sender-login header; " \
	"  user-connections 1; user-messages 1/1h; user-recipients 1/1h; auth-failures 9/10m; }\n"                  \
	"listen lock { address 10.255.2.40:588; role submission; auth file /users; auth-without-tls on; auth-failures 1/10m; }\n" \
	"listen device { address 10.255.2.40:589; role submission; " TLS_OF "clientid on; device-connections 1; "   \
	"  device-messages 1/1h; device-recipients 1/1h; }\n"                                                       \
	"listen must { address 10.255.2.40:590; role submission; " TLS_OF "clientid required; }\n"                  \
	"listen grey { address 10.255.2.40:28; reject-early-talkers off; greylist 5m; }\n"                                                    \
	"listen hard { address 10.255.2.40:29; reject-early-talkers off; checks spf dkim dmarc; enforce reject; }\n"                          \
	"route d.test { via maildir /m/%d/%u; recipients maildir; }\n"
#define NAMES                                                                                                       \
	"9.0.0.10.bl.test. A 127.0.0.2\n9.0.0.10.bl.test. TXT \"spam\"\nnull.test. MX 0 .\n"                        \
	"x.test. TXT \"v=spf1 -all\"\n_dmarc.x.test. TXT \"v=DMARC1; p=reject\"\n"                                  \
	"$TIMEOUT slow.test. TXT\n$TIMEOUT _dmarc.slow.test. TXT\n"

#define HELLO   "EHLO a.test\r\n"
#define TLS     HELLO "STARTTLS\r\n" HELLO
#define GOOD    "AHVzZXJAYi50ZXN0ADEyMzQ=" /* \0user@b.test\0001234 */
#define LOGIN   "AUTH PLAIN " GOOD "\r\n"
#define SENDER  HELLO "MAIL FROM:<s@a.test>\r\n"
#define TO(rcpt) SENDER "RCPT TO:<" rcpt ">\r\n"
#define MESSAGE(sender, header) HELLO "MAIL FROM:<" sender ">\r\nRCPT TO:<u@b.test>\r\nDATA\r\n" header "\r\n\r\n.\r\n"
#define BINARY  HELLO "MAIL FROM:<> BODY=BINARYMIME\r\nRCPT TO:<u@b.test>\r\n"
#define ITS_ID  HELLO "MAIL FROM:<> TRANSID=<1@a.test>\r\n"
#define DEVICE  "CLIENTID UUID 23bf83be\r\n"

enum setting { NO_SETTING, TWICE, CLIENT_IS_IN, USER_IS_IN, DEVICE_IS_IN, GREY, NO_POSTMASTER, DISK_FAILS, BUSY, COMMIT_FULL, COMMIT_FAILS, BROKEN_OFF, UNDER_WAY };

struct provocation {
	enum hk_refusal why;
	const char *listener, *client, *in;
	enum setting setting;
	const char *line; /* repeated behind in, then an empty line and the dot */
	size_t times;
};

static const struct provocation provocations[] = {
    {HK_REFUSAL_CLIENT_ARRIVALS, "arrive", "192.0.2.1", "", TWICE, NULL, 0},
    {HK_REFUSAL_CLIENT_CONNECTIONS, "one", "192.0.2.1", "", CLIENT_IS_IN, NULL, 0},
    {HK_REFUSAL_CLIENT_MESSAGES, "one", "192.0.2.1", SENDER "RSET\r\nMAIL FROM:<>\r\n", NO_SETTING, NULL, 0},
    {HK_REFUSAL_CLIENT_RECIPIENTS, "one", "192.0.2.1", TO("u@b.test") "RCPT TO:<v@b.test>\r\n", NO_SETTING, NULL, 0},
    {HK_REFUSAL_UNKNOWN_RECIPIENTS, "one", "192.0.2.1", TO("a@d.test") "RCPT TO:<b@d.test>\r\n", NO_SETTING, NULL, 0},
    {HK_REFUSAL_SERVER_FULL, "mx", "192.0.2.1", "", NO_SETTING, NULL, 0}, /* by the worker: tests/listen_test.py */
    {HK_REFUSAL_SERVER_BUSY, "mx", "192.0.2.1", "", NO_SETTING, NULL, 0}, /* by the worker: tests/overload_test.py */
    {HK_REFUSAL_MAIL_BUSY, "mx", "192.0.2.1", SENDER, BUSY, NULL, 0},
    {HK_REFUSAL_USER_CONNECTIONS, "mua", "192.0.2.1", HELLO LOGIN, USER_IS_IN, NULL, 0},
    {HK_REFUSAL_USER_MESSAGES, "mua", "192.0.2.1", HELLO LOGIN "MAIL FROM:<>\r\nRSET\r\nMAIL FROM:<>\r\n", NO_SETTING, NULL, 0},
    {HK_REFUSAL_USER_RECIPIENTS, "mua", "192.0.2.1",
        HELLO LOGIN "MAIL FROM:<>\r\nRCPT TO:<u@c.test>\r\nRCPT TO:<v@c.test>\r\n", NO_SETTING, NULL, 0},
    {HK_REFUSAL_DEVICE_CONNECTIONS, "device", "192.0.2.1", TLS DEVICE, DEVICE_IS_IN, NULL, 0},
    {HK_REFUSAL_DEVICE_MESSAGES, "device", "192.0.2.1", TLS DEVICE LOGIN "MAIL FROM:<>\r\nRSET\r\nMAIL FROM:<>\r\n", NO_SETTING, NULL, 0},
    {HK_REFUSAL_DEVICE_RECIPIENTS, "device", "192.0.2.1",
        TLS DEVICE LOGIN "MAIL FROM:<>\r\nRCPT TO:<u@c.test>\r\nRCPT TO:<v@c.test>\r\n", NO_SETTING, NULL, 0},
    {HK_REFUSAL_AUTH_REQUIRED, "mua", "192.0.2.1", SENDER, NO_SETTING, NULL, 0},
    {HK_REFUSAL_AUTH_DENIED, "mua", "192.0.2.1", HELLO "AUTH PLAIN AHVzZXJAYi50ZXN0ADEyMzU=\r\n", NO_SETTING, NULL, 0},
    {HK_REFUSAL_AUTH_MALFORMED, "mua", "192.0.2.1", HELLO "AUTH SYNTAX =\r\n", NO_SETTING, NULL, 0},
    {HK_REFUSAL_AUTH_UNAVAILABLE, "mua", "192.0.2.1", HELLO "AUTH TEMPORARY =\r\n", NO_SETTING, NULL, 0},
    {HK_REFUSAL_AUTH_FAILURES, "lock", "192.0.2.1", HELLO "AUTH PLAIN AHVzZXJAYi50ZXN0ADEyMzU=\r\n", NO_SETTING, NULL, 0},
    {HK_REFUSAL_CLIENTID_REQUIRED, "must", "192.0.2.1", TLS LOGIN, NO_SETTING, NULL, 0},
    {HK_REFUSAL_SENDER_NOT_OWN, "mua", "192.0.2.1", HELLO LOGIN "MAIL FROM:<other@b.test>\r\n", NO_SETTING, NULL, 0},
    {HK_REFUSAL_AUTHOR_NOT_OWN, "mua", "192.0.2.1",
        HELLO LOGIN "MAIL FROM:<>\r\nRCPT TO:<u@c.test>\r\nDATA\r\nFrom: other@b.test\r\n\r\n.\r\n", NO_SETTING, NULL, 0},
    {HK_REFUSAL_AUTHOR_MISSING, "mua", "192.0.2.1",
        HELLO LOGIN "MAIL FROM:<>\r\nRCPT TO:<u@c.test>\r\nDATA\r\nSubject: x\r\n\r\n.\r\n", NO_SETTING, NULL, 0},
    {HK_REFUSAL_SENDER_NULL_MX, "mx", "192.0.2.1", HELLO "MAIL FROM:<s@null.test>\r\n", NO_SETTING, NULL, 0},
    {HK_REFUSAL_RELAY_DENIED, "mx", "192.0.2.1", TO("u@c.test"), NO_SETTING, NULL, 0},
    {HK_REFUSAL_NO_POSTMASTER, NULL, "192.0.2.1", TO("postmaster"), NO_POSTMASTER, NULL, 0},
    {HK_REFUSAL_MAILBOX_UNKNOWN, "mx", "192.0.2.1", TO("nobody@d.test"), NO_SETTING, NULL, 0},
    {HK_REFUSAL_MAILBOX_UNSURE, "mx", "192.0.2.1", TO("here@d.test"), DISK_FAILS, NULL, 0},
    {HK_REFUSAL_DOMAIN_NO_ALABEL, "mx", "192.0.2.1", HELLO "MAIL FROM:<> SMTPUTF8\r\nRCPT TO:<u@\xe2\x80\x8b.test>\r\n",
        NO_SETTING, NULL, 0},
    {HK_REFUSAL_DNS_LISTED, "mx", "10.0.0.9", TO("u@b.test"), NO_SETTING, NULL, 0},
    {HK_REFUSAL_GREYLISTED, "grey", "192.0.2.1", TO("u@b.test"), GREY, NULL, 0},
    {HK_REFUSAL_TRANSID_BUSY, "mx", "192.0.2.1", ITS_ID, UNDER_WAY, NULL, 0},
    {HK_REFUSAL_TRANSID_RCPT, "mx", "192.0.2.1", ITS_ID "RCPT TO:<v@b.test>\r\n", BROKEN_OFF, NULL, 0},
    {HK_REFUSAL_TRANSID_BDAT, "mx", "192.0.2.1", ITS_ID "BDAT 2 LAST\r\n\r\n", BROKEN_OFF, NULL, 0},
    {HK_REFUSAL_ETRN_ABSENT, "mx", "10.7.0.1", HELLO "ETRN #a\r\n", NO_SETTING, NULL, 0},
    {HK_REFUSAL_ETRN_DENIED, "mx", "192.0.2.1", HELLO "ETRN a.test\r\n", NO_SETTING, NULL, 0},
    {HK_REFUSAL_NO_MEMORY, "mx", "192.0.2.1", "", NO_SETTING, NULL, 0}, /* by a test of its own */
    {HK_REFUSAL_NO_SPACE, "mx", "192.0.2.1", MESSAGE("", "A: b"), COMMIT_FULL, NULL, 0},
    {HK_REFUSAL_NO_STORAGE, "mx", "192.0.2.1", MESSAGE("", "A: b"), COMMIT_FAILS, NULL, 0},
    {HK_REFUSAL_HEADER_CONTINUES, "mx", "192.0.2.1", MESSAGE("", " A: b"), NO_SETTING, NULL, 0},
    {HK_REFUSAL_HEADER_FIELDS, "mx", "192.0.2.1", TO("u@b.test") "DATA\r\n", NO_SETTING, "A: b\r\n", HK_HEADER_FIELDS_MAX + 1},
    {HK_REFUSAL_HEADER_LINE, "mx", "192.0.2.1", TO("u@b.test") "DATA\r\nA: b", NO_SETTING, " 0123456789abcde", 4096},
    {HK_REFUSAL_HEADER_TOO_LARGE, "mx", "192.0.2.1", TO("u@b.test") "DATA\r\nA: b\r\n", NO_SETTING, " 0123456789abc\r\n",
        HK_HEADER_SECTION_MAX / 16},
    {HK_REFUSAL_BINARY_UNLABELLED, "mx", "192.0.2.1", BINARY "BDAT 10 LAST\r\nA: b\r\n\r\nx\n", NO_SETTING, NULL, 0},
    {HK_REFUSAL_BINARY_PARTS, "mx", "192.0.2.1", BINARY "BDAT 68 LAST\r\nContent-Type: text/plain\r\nContent-Type: text/html\r\n\r\nIs it a page?\r\n", NO_SETTING, NULL, 0},
    {HK_REFUSAL_HOPS, "mx", "192.0.2.1", TO("u@b.test") "DATA\r\n", NO_SETTING, "Received: x\r\n", HK_RECEIVED_MAX},
    {HK_REFUSAL_AUTHOR_SEVERAL_FIELDS, "hard", "192.0.2.1", MESSAGE("", "From: a@x.test\r\nFrom: a@y.test"), NO_SETTING, NULL, 0},
    {HK_REFUSAL_AUTHOR_SEVERAL_DOMAINS, "hard", "192.0.2.1", MESSAGE("", "From: a@x.test, a@y.test"), NO_SETTING, NULL, 0},
    {HK_REFUSAL_AUTHOR_UNREADABLE, "hard", "192.0.2.1", MESSAGE("", "From: x"), NO_SETTING, NULL, 0},
    {HK_REFUSAL_DMARC_REJECT, "hard", "192.0.2.1", MESSAGE("a@x.test", "From: a@x.test"), NO_SETTING, NULL, 0},
    {HK_REFUSAL_DMARC_LATER, "hard", "192.0.2.1", MESSAGE("a@slow.test", "From: a@slow.test"), NO_SETTING, NULL, 0},
};

static const uint8_t seed[HK_LIMITS_SEED] = {3};
static const uint8_t grey_seed[HK_GREYLIST_SEED] = {3};

/* A session that stays as it is. */
static struct hk_session *elsewhere;

static void say_elsewhere(struct srig *r, const char *text)
{
	struct hk_session_env env = {.conf = r->conf, .listener = r->conf->listener, .disk = &r->disk.disk, .ids = &r->ids,
	    .checkpoints = r->checkpoints};
	struct hk_session_want want;

	assert_int_equal(hk_ip_parse(hk_slice_str(r->client), &env.client), HK_OK);
	elsewhere = must(hk_session_new(&env, &r->now));
	while (hk_session_next(elsewhere, &r->now, &want) == HK_OK || hk_session_out(elsewhere).n)
		hk_session_sent(elsewhere, hk_session_out(elsewhere).n);
	(void)hk_session_feed(elsewhere, hk_slice_str(text), &r->now);
	while (hk_session_next(elsewhere, &r->now, &want) == HK_OK || hk_session_out(elsewhere).n)
		hk_session_sent(elsewhere, hk_session_out(elsewhere).n);
}

static void set(struct srig *r, const struct provocation *p)
{
	switch (p->setting) {
	case TWICE:
		srig_say(r, p->in);
		break;
	case CLIENT_IS_IN:
		assert_true(hk_limits_enter(r->limits, HK_LIMIT_CLIENT_CONNECTIONS, HK_S("\x04\xc0\x00\x02\x01"), 0));
		break;
	case USER_IS_IN:
		assert_true(hk_limits_enter(r->limits, HK_LIMIT_USER_CONNECTIONS, HK_S("user@b.test"), 0));
		break;
	case DEVICE_IS_IN:
		srig_say(r, TLS DEVICE LOGIN);
		assert_true(hk_limits_enter(r->limits, HK_LIMIT_DEVICE_CONNECTIONS, hk_slice_str(r->auth_device), 0));
		break;
	case GREY:
		r->greylist = must(hk_greylist_new(64, grey_seed));
		break;
	case DISK_FAILS:
		r->disk.faults.other = 1000000;
		break;
	case BUSY:
		r->intake = HK_BUSY;
		break;
	case COMMIT_FULL:
		r->commit = HK_FULL;
		break;
	case COMMIT_FAILS:
		r->commit = HK_IO;
		break;
	case BROKEN_OFF:
		srig_say(r, ITS_ID "RCPT TO:<u@b.test>\r\nDATA\r\nA: b\r\n");
		break;
	case UNDER_WAY:
		say_elsewhere(r, ITS_ID);
		break;
	case NO_POSTMASTER:
	case NO_SETTING:
		break;
	}
}

static void provoke(struct srig *r, const struct provocation *p)
{
	srig_init(r, p->setting == NO_POSTMASTER ? "hostname h.test; spool /s; listen mx { address 10.255.2.40:25; reject-early-talkers off; }\n" : RULES, NAMES);
	r->listener = p->listener;
	r->client = p->client;
	r->waits_for_tls = true;
	r->mechanisms = "PLAIN TEMPORARY SYNTAX";
	r->limits = must(hk_limits_new(1000, seed));
	r->checkpoints = must(hk_checkpoints_new(&r->disk.disk, "/spool"));
	set(r, p);
	if (p->line)
		srig_run(r, repeated(r, p->in, p->line, p->times, "\r\n.\r\n"));
	else
		srig_say(r, p->in);
}

static bool has_refusal(struct srig *r, enum hk_refusal why)
{
	const struct hk_refusal_row *row = hk_refusal_row(why);
	char code[16], id[32];
	const char *at;

	/* RFC 2034 4: what stands in place of the greeting has no enhanced code */
	snprintf(code, sizeof code, "%u %s ", row->code, row->enhanced);
	if (why == HK_REFUSAL_CLIENT_ARRIVALS || why == HK_REFUSAL_CLIENT_CONNECTIONS)
		snprintf(code, sizeof code, "%u Too", row->code);
	snprintf(id, sizeof id, "[%s", row->id);
	at = strstr(srig_replies(r), code);
	return at && strstr(at, id);
}

static void each_refusal_of_the_table_is_said_as_it_stands_there(void **state)
{
	size_t i;

	(void)state;
	assert_int_equal(COUNT(provocations), HK_REFUSALS - HK_REFUSALS_OF_SMTP);
	for (i = 0; i < COUNT(provocations); i++) {
		const struct provocation *p = &provocations[i];
		struct srig r;

		assert_int_equal(p->why, HK_REFUSALS_OF_SMTP + i); /* in the table's order, so none is left out */
		if (p->why == HK_REFUSAL_NO_MEMORY || p->why == HK_REFUSAL_SERVER_FULL || p->why == HK_REFUSAL_SERVER_BUSY)
			continue;
		provoke(&r, p);
		if (!has_refusal(&r, p->why))
			fail_msg("%s: %s", hk_refusal_row(p->why)->id, srig_replies(&r));
		hk_session_free(elsewhere);
		elsewhere = NULL;
		hk_checkpoints_free(r.checkpoints);
		hk_greylist_free(r.greylist);
		hk_limits_free(r.limits);
		srig_done(&r);
	}
}

/* One of the allocations behind MAIL fails, the n-th: what was said. */
static void mail_without_memory(struct srig *r, size_t n, struct hk_buf *out)
{
	struct hk_session_env env = {.conf = r->conf, .listener = r->conf->listener, .disk = &r->disk.disk, .ids = &r->ids};
	struct hk_session *s = must(hk_session_new(&env, &r->now));
	struct hk_session_want want;

	while (hk_session_next(s, &r->now, &want) == HK_OK)
		;
	hk_session_sent(s, hk_session_out(s).n);
	(void)hk_session_feed(s, HK_S(SENDER), &r->now);
	oom_arm(n, OOM_ONCE);
	while (hk_session_next(s, &r->now, &want) == HK_OK)
		;
	(void)oom_disarm();
	hk_buf_reset(out);
	hk_buf_add(out, hk_session_out(s));
	hk_buf_add_byte(out, 0);
	hk_session_free(s);
}

static void memory_that_runs_out_is_said_with_an_id(void **state)
{
	struct hk_buf out;
	struct srig r;
	bool seen = false;
	size_t n;

	(void)state;
	srig_init(&r, "hostname h.test; spool /s; listen mx { address 10.255.2.40:25; reject-early-talkers off; }\n", "");
	hk_buf_init(&out, 65536);
	for (n = 1; n < 64 && !seen; n++) {
		mail_without_memory(&r, n, &out);
		seen = strstr((const char *)out.p, "452 4.3.1 <s@a.test>: No memory for this message now (RFC 5321 4.2.2) [no-memory]") ||
		       strstr((const char *)out.p, "452 4.3.1 No memory for this message now (RFC 5321 4.2.2) [no-memory]");
	}
	assert_true(seen);
	hk_buf_done(&out);
	srig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_refusal_of_the_table_is_said_as_it_stands_there),
	    cmocka_unit_test(memory_that_runs_out_is_said_with_an_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
