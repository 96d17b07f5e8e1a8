/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <hikyaku/json.h>

#include "log/format.h"
#include "tests/unit.h"

static const struct hk_log_stamp stamp = {
    .utc = 1732541523, .ms = 7, .zone_minutes = 540, .level = "info", .host = "mx.b.test", .pid = 17};

static void expect(enum hk_log_format format, const char *line, const char *want)
{
	struct hk_buf b;

	hk_buf_init(&b, 65536);
	hk_log_format_add(&b, format, &stamp, hk_slice_str(line));
	hk_buf_add_byte(&b, 0);
	assert_string_equal((char *)b.p, want);
	hk_buf_done(&b);
}

static void the_own_form_is_what_it_was(void **state)
{
	(void)state;
	expect(HK_LOG_OWN, "ev=test n=3", "2024-11-25T13:32:03.007Z info ev=test n=3\n");
}

static void an_event_is_a_json_object(void **state)
{
	(void)state;
	expect(HK_LOG_JSON, "qid=12345678901234 ev=accept size=10 client=192.0.2.1 helo=123 from=\"\" dkim=pass d=a.test dkim=fail d=\"b \\x22 c\"",
	    "{\"time\":\"2024-11-25T13:32:03.007Z\",\"level\":\"info\",\"qid\":\"12345678901234\",\"ev\":\"accept\",\"size\":10,\"client\":\"192.0.2.1\","
	    "\"helo\":\"123\",\"from\":\"\",\"dkim\":\"pass\",\"d\":\"a.test\",\"dkim_2\":\"fail\",\"d_2\":\"b \\\\x22 c\"}\n");
	expect(HK_LOG_JSON, "ev=tls client=192.0.2.1 ok=1 tls=\"TLSv1.3 X25519\"",
	    "{\"time\":\"2024-11-25T13:32:03.007Z\",\"level\":\"info\",\"ev\":\"tls\",\"client\":\"192.0.2.1\",\"ok\":\"1\",\"tls\":\"TLSv1.3 X25519\"}\n");
	expect(HK_LOG_JSON, "ev=test size=x", "{\"time\":\"2024-11-25T13:32:03.007Z\",\"level\":\"info\",\"ev\":\"test\",\"size\":null}\n");
	expect(HK_LOG_JSON, "spool: damage in \"x\"", "{\"time\":\"2024-11-25T13:32:03.007Z\",\"level\":\"info\",\"text\":\"spool: damage in \\\"x\\\"\"}\n");
}

static void what_is_no_list_of_fields_is_text(void **state)
{
	static const char *const lines[] = {"", "x", "=x", "a b=c", "a=\"x", "a=\"x\"y", "a=b c"};
	struct hk_log_field field[HK_LOG_FIELDS_MAX];
	char many[HK_LOG_FIELDS_MAX * 4 + 8];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof lines / sizeof lines[0]; i++)
		assert_int_equal(hk_log_fields(hk_slice_str(lines[i]), field), 0);
	for (i = 0; i <= HK_LOG_FIELDS_MAX; i++)
		memcpy(many + 4 * i, "a=b ", 4);
	assert_int_equal(hk_log_fields(hk_slice_of((uint8_t *)many, 4 * (HK_LOG_FIELDS_MAX - 1)), field), HK_LOG_FIELDS_MAX - 1);
	assert_int_equal(hk_log_fields(hk_slice_of((uint8_t *)many, 4 * HK_LOG_FIELDS_MAX), field), HK_LOG_FIELDS_MAX);
	assert_int_equal(hk_log_fields(hk_slice_of((uint8_t *)many, 4 * (HK_LOG_FIELDS_MAX + 1)), field), 0);
}

#define AT "Nov 25 22:32:03 mx.b.test postfix/"

static void events_are_the_lines_of_postfix(void **state)
{
	(void)state;
	expect(HK_LOG_POSTFIX, "qid=D9 ev=accept size=10 rcpts=2 client=192.0.2.1 helo=a.test from=u@a.test",
	    AT "smtpd[17]: D9: client=unknown[192.0.2.1]\n" AT "cleanup[17]: D9: message-id=<>\n" AT
	       "qmgr[17]: D9: from=<u@a.test>, size=10, nrcpt=2 (queue active)\n");
	expect(HK_LOG_POSTFIX, "qid=D9 ev=delivery rcpt=x@b.test outcome=delivered attempt=1 code=250 status=none remote=mx[192.0.2.2] text=ok delay=3",
	    AT "smtp[17]: D9: to=<x@b.test>, relay=mx[192.0.2.2]:25, delay=3, delays=0/0/0/3, dsn=2.0.0, status=sent (250 ok)\n");
	expect(HK_LOG_POSTFIX, "qid=D9 ev=delivery rcpt=x@b.test outcome=deferred attempt=1 code=0 status=4.4.1 remote=\"\" text=\"no route\" delay=3",
	    AT "local[17]: D9: to=<x@b.test>, relay=none, delay=3, delays=0/0/0/3, dsn=4.4.1, status=deferred (no route)\n");
	expect(HK_LOG_POSTFIX, "qid=D9 ev=expired rcpt=x@b.test outcome=failed attempts=4 code=451 status=4.4.7 remote=mx[192.0.2.2] text=\"delivery time expired; last: no\" delay=9",
	    AT "smtp[17]: D9: to=<x@b.test>, relay=mx[192.0.2.2]:25, delay=9, delays=0/0/0/9, dsn=4.4.7, status=bounced (451 delivery time expired; last: no)\n");
	expect(HK_LOG_POSTFIX, "qid=D9 ev=expired by=operator", "Nov 25 22:32:03 mx.b.test hikyakud[17]: info: qid=D9 ev=expired by=operator\n");
	expect(HK_LOG_POSTFIX, "qid=D9 ev=report action=failed id=DA size=7 rcpt=u@a.test",
	    AT "bounce[17]: D9: sender non-delivery notification: DA\n" AT "qmgr[17]: DA: from=<>, size=7, nrcpt=1 (queue active)\n");
	expect(HK_LOG_POSTFIX, "qid=D9 ev=report action=delayed id=DA size=7 rcpt=u@a.test",
	    AT "bounce[17]: D9: sender delay notification: DA\n" AT "qmgr[17]: DA: from=<>, size=7, nrcpt=1 (queue active)\n");
	expect(HK_LOG_POSTFIX, "qid=D9 ev=removed", AT "qmgr[17]: D9: removed\n");
	expect(HK_LOG_POSTFIX, "ev=connect listener=mx client=192.0.2.1 port=7", AT "smtpd[17]: connect from unknown[192.0.2.1]\n");
	expect(HK_LOG_POSTFIX, "ev=auth ok=0 client=192.0.2.1 user=u mechanism=PLAIN tls=1",
	    AT "smtpd[17]: warning: unknown[192.0.2.1]: SASL PLAIN authentication failed: authentication failure, sasl_username=u\n");
	expect(HK_LOG_POSTFIX, "qid=none ev=refuse code=550 status=5.1.1 client=192.0.2.1 helo=a.test what=x@b.test why=\"no such user\" from=s@a.test",
	    AT "smtpd[17]: NOQUEUE: reject: RCPT from unknown[192.0.2.1]: 550 5.1.1 <x@b.test>: Recipient address rejected: User unknown: no such user; "
	       "from=<s@a.test> to=<x@b.test> proto=ESMTP helo=<a.test>\n");
	expect(HK_LOG_POSTFIX, "qid=none ev=refuse code=550 status=5.7.1 rule=relay-denied client=192.0.2.1 helo=a.test what=x@c.test why=no",
	    AT "smtpd[17]: NOQUEUE: reject: RCPT from unknown[192.0.2.1]: 550 5.7.1 <x@c.test>: Relay access denied: no; "
	       "from=<> to=<x@c.test> proto=ESMTP helo=<a.test>\n");
	expect(HK_LOG_POSTFIX, "qid=none ev=refuse code=550 status=5.7.1 rule=dmarc client=192.0.2.1 helo=a.test what=x@c.test why=no",
	    AT "smtpd[17]: NOQUEUE: reject: RCPT from unknown[192.0.2.1]: 550 5.7.1 <x@c.test>: Recipient address rejected: no; "
	       "from=<> to=<x@c.test> proto=ESMTP helo=<a.test>\n");
	expect(HK_LOG_POSTFIX, "qid=none ev=refuse code=500 status=5.5.2 rule=command-unknown client=192.0.2.1 helo=a.test what=\"\" why=no",
	    AT "smtpd[17]: NOQUEUE: reject: RCPT from unknown[192.0.2.1]: 500 5.5.2 <>: Command rejected: no; from=<> to=<> proto=ESMTP helo=<a.test>\n");
	expect(HK_LOG_POSTFIX, "ev=auth listener=sub what=\"Dovecot does not say its mechanisms\"",
	    "Nov 25 22:32:03 mx.b.test hikyakud[17]: info: ev=auth listener=sub what=\"Dovecot does not say its mechanisms\"\n");
	expect(HK_LOG_POSTFIX, "spool: damage", "Nov 25 22:32:03 mx.b.test hikyakud[17]: info: spool: damage\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_own_form_is_what_it_was),
	    cmocka_unit_test(an_event_is_a_json_object),
	    cmocka_unit_test(what_is_no_list_of_fields_is_text),
	    cmocka_unit_test(events_are_the_lines_of_postfix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
