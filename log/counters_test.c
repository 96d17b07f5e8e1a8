/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "log/counters.h"
#include "tests/unit.h"

static struct hk_counters *counters;
static struct hk_buf text;

static int begin(void **state)
{
	(void)state;
	counters = hk_counters_new();
	hk_buf_init(&text, HK_COUNTERS_TEXT_MAX);
	return counters ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	hk_counters_free(counters);
	hk_buf_done(&text);
	return 0;
}

static void note(const char *line)
{
	hk_counters_note(counters, hk_slice_str(line));
}

/* The whole line stands there. */
static void expect(const char *line)
{
	char want[256];

	hk_buf_reset(&text);
	hk_counters_text(counters, &text);
	hk_buf_add_byte(&text, 0);
	if (hk_buf_status(&text) != HK_OK)
		return;
	snprintf(want, sizeof want, "\n%s\n", line);
	if (!strstr((char *)text.p, want))
		fail_msg("no line %s", line);
}

static void events_count_under_their_words(void **state)
{
	(void)state;
	note("ev=connect listener=mx client=192.0.2.1 port=7");
	note("ev=connect listener=mx client=192.0.2.2 port=7");
	note("ev=disconnect listener=mx client=192.0.2.2 messages=1 errors=0");
	note("qid=D9 ev=accept size=10 rcpts=2 client=192.0.2.1 helo=a.test from=u@a.test spf=pass dkim=fail d=a.test dkim=pass d=b.test dmarc=pass action=accept");
	note("qid=DA ev=verdict client=192.0.2.1 helo=a.test from=u@a.test spf=softfail dmarc=fail action=reject");
	note("qid=none ev=refuse code=550 status=5.7.1 rule=relay-denied client=192.0.2.1 helo=a.test what=x@c.test why=no");
	note("qid=D9 ev=delivery rcpt=x@b.test outcome=delivered attempt=1 code=250 status=none remote=mx text=ok delay=3");
	note("qid=D9 ev=delivery rcpt=x@b.test outcome=deferred attempt=1 code=0 status=4.4.1 remote=\"\" text=\"no route\" delay=3");
	note("qid=D9 ev=expired rcpt=x@b.test outcome=failed");
	note("qid=D9 ev=expired by=operator");
	note("qid=D9 ev=removed");
	note("ev=tls client=192.0.2.1 ok=1 tls=\"TLSv1.3 TLS_AES_256_GCM_SHA384\"");
	note("ev=tls client=192.0.2.1 ok=0 tls=\"no shared cipher\"");
	note("qid=D9 ev=tls remote=mx[192.0.2.1] ok=1 tls=\"TLSv1.2 X\"");
	note("ev=auth ok=0 client=192.0.2.1 user=u mechanism=PLAIN tls=1");
	note("ev=auth listener=sub what=\"Dovecot does not say its mechanisms\"");
	expect("hikyaku_connections_total 2");
	expect("hikyaku_disconnections_total 1");
	expect("hikyaku_messages_accepted_total 1");
	expect("hikyaku_messages_finished_total 1");
	expect("hikyaku_spf_total{result=\"pass\"} 1");
	expect("hikyaku_spf_total{result=\"softfail\"} 1");
	expect("hikyaku_dkim_total{result=\"pass\"} 1");
	expect("hikyaku_dkim_total{result=\"fail\"} 1");
	expect("hikyaku_dmarc_total{result=\"fail\"} 1");
	expect("hikyaku_refusals_total{id=\"relay-denied\"} 1");
	expect("hikyaku_refusals_total{id=\"rcpt-path\"} 0");
	expect("hikyaku_recipients_expired_total 1");
	expect("hikyaku_deliveries_total{outcome=\"delivered\"} 1");
	expect("hikyaku_deliveries_total{outcome=\"deferred\"} 1");
	expect("hikyaku_deliveries_total{outcome=\"failed\"} 0");
	expect("hikyaku_tls_server_total{ok=\"1\"} 1");
	expect("hikyaku_tls_server_total{ok=\"0\"} 1");
	expect("hikyaku_tls_server_version_total{version=\"TLSv1.3\"} 1");
	expect("hikyaku_tls_client_version_total{version=\"TLSv1.2\"} 1");
	expect("hikyaku_auth_total{ok=\"0\"} 1");
	expect("hikyaku_auth_total{ok=\"other\"} 0");
}

/* What comes from outside makes no series: a label has the words of its table and no more. */
static void no_word_from_outside_becomes_a_label(void **state)
{
	size_t before;
	char line[128];
	int i;

	(void)state;
	hk_counters_text(counters, &text);
	before = text.n;
	for (i = 0; i < 9; i++) {
		snprintf(line, sizeof line, "qid=D9 ev=accept from=\"u%d@a.test\" spf=x%d helo=\"spf=pass\"", i, i);
		note(line);
	}
	for (i = 0; i < 3; i++)
		note("qid=none ev=refuse rule=\"a\\x22} 1\" what=\"ev=connect listener=x\"");
	note("ev=");
	note("qid=");
	note("");
	note("ev=connect");
	note("qid=D9 ev=accept broken");
	expect("hikyaku_spf_total{result=\"other\"} 9");
	expect("hikyaku_spf_total{result=\"pass\"} 0");
	expect("hikyaku_refusals_total{id=\"other\"} 3");
	expect("hikyaku_connections_total 0");
	expect("hikyaku_messages_accepted_total 9");
	assert_int_equal(text.n - 1, before);
}

static void delays_fall_into_buckets_that_add_up(void **state)
{
	static const unsigned seconds[] = {0, 1, 4, 431999, 432000, 4000000};
	char line[128];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(seconds); i++) {
		snprintf(line, sizeof line, "qid=D9 ev=delivery rcpt=x outcome=delivered delay=%u", seconds[i]);
		note(line);
	}
	note("qid=D9 ev=delivery rcpt=x outcome=failed delay=1");
	note("qid=D9 ev=delivery rcpt=x outcome=delivered delay=x");
	expect("hikyaku_delivery_delay_seconds_bucket{le=\"1\"} 1");
	expect("hikyaku_delivery_delay_seconds_bucket{le=\"2\"} 2");
	expect("hikyaku_delivery_delay_seconds_bucket{le=\"5\"} 3");
	expect("hikyaku_delivery_delay_seconds_bucket{le=\"86400\"} 3");
	expect("hikyaku_delivery_delay_seconds_bucket{le=\"432000\"} 4");
	expect("hikyaku_delivery_delay_seconds_bucket{le=\"+Inf\"} 6");
	expect("hikyaku_delivery_delay_seconds_count 6");
	expect("hikyaku_delivery_delay_seconds_sum 4864004");
}

static void what_is_set_is_shown(void **state)
{
	(void)state;
	hk_counters_set(counters, HK_GAUGE_WAITING, 7);
	hk_counters_set(counters, HK_GAUGE_HELD, UINT64_MAX);
	hk_counters_set(counters, HK_GAUGE_DROPPED, 1);
	expect("hikyaku_queue_messages{state=\"waiting\"} 7");
	expect("hikyaku_queue_messages{state=\"held\"} 18446744073709551615");
	expect("# TYPE hikyaku_log_dropped_total counter");
	expect("hikyaku_log_dropped_total 1");
	hk_counters_set(counters, HK_GAUGE_WAITING, 0);
	expect("hikyaku_queue_messages{state=\"waiting\"} 0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(events_count_under_their_words, begin, end),
	    cmocka_unit_test_setup_teardown(no_word_from_outside_becomes_a_label, begin, end),
	    cmocka_unit_test_setup_teardown(delays_fall_into_buckets_that_add_up, begin, end),
	    cmocka_unit_test_setup_teardown(what_is_set_is_shown, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
