/* SPDX-License-Identifier: MIT
 *
 * The client before it says anything, and how fast it has to be.
 */
#include "engine/session_testing.h"

#define NETS                                                                                                        \
	"hostname h.test; spool /spool; accept b.test;\n"                                                           \
	"listen mx { address 10.255.2.40:25; reject-early-talkers off; proxy-from 10.0.0.0/24 2001:db8::/32; relay-from 10.7.0.0/16; }\n" \
	"listen slow { address 10.255.2.40:26; greet-delay 5s; relay-from 10.7.0.0/16; }\n"                         \
	"listen late { address 10.255.2.40:27; greet-delay 5s; reject-early-talkers off; minimum-rate 0; }\n"       \
	"listen front { address 10.255.2.40:29; proxy-from 10.0.0.0/24; relay-from 10.7.0.0/16; }\n"                 \
	"listen rate { address 10.255.2.40:28; minimum-rate 50; reject-early-talkers off; }\n"
#define TO(domain) "EHLO a.test\r\nMAIL FROM:<s@a.test>\r\nRCPT TO:<user@" domain ">\r\n"

/* ---- PROXY ---- */

/* SEC-102: rights go by the address in the header, of a balancer that is named, and by nothing else. */
static void a_header_says_who_the_client_is(void **state)
{
	static const struct {
		const char *peer, *text, *want;
	} cases[] = {
	    {"10.0.0.9", "PROXY TCP4 10.7.0.1 10.0.0.9 4711 25\r\n" TO("other.test"), "220 250 250 250"},
	    {"10.0.0.9", "PROXY TCP4 192.0.2.1 10.0.0.9 4711 25\r\n" TO("other.test"), "220 250 250 550"},
	    {"10.0.0.9", "PROXY TCP4 192.0.2.1 10.0.0.9 4711 25\r\n" TO("b.test"), "220 250 250 250"},
	    {"2001:db8::1", "PROXY TCP6 ::ffff:10.7.0.1 ::1 4711 25\r\n" TO("other.test"), "220 250 250 250"},
	    /* a health check of its own, and what it does not know: the balancer's own rights */
	    {"10.0.0.9", "PROXY UNKNOWN\r\n" TO("other.test"), "220 250 250 550"},
	    {"10.0.0.9", "PROXY UNKNOWN\r\n" TO("b.test"), "220 250 250 250"},
	    /* once only */
	    {"10.0.0.9", "PROXY UNKNOWN\r\nPROXY TCP4 10.7.0.1 10.0.0.9 1 2\r\n" TO("other.test"), "220 500 250 250 550"},
	    /* from a stranger it is a command that nobody knows */
	    {"10.0.1.9", "PROXY TCP4 10.7.0.1 10.0.0.9 4711 25\r\n" TO("other.test"), "220 500 250 250 550"},
	    {"10.7.0.1", "PROXY TCP4 192.0.2.1 10.0.0.9 4711 25\r\n" TO("other.test"), "220 500 250 250 250"},
	    /* without one a balancer gets not a word */
	    {"10.0.0.9", TO("b.test"), ""},
	    {"10.0.0.9", "PROXY TCP4 10.7.0.1 10.0.0.9 4711\r\n" TO("b.test"), ""},
	    {"10.0.0.9", "\x16\x03\x01", ""},
	};
	enum srig_cut cut;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		for (cut = SRIG_WHOLE; cut < SRIG_CUTS; cut++) {
			struct srig r;

			srig_init(&r, NETS, "");
			r.client = cases[i].peer;
			r.cut = cut;
			srig_say(&r, cases[i].text);
			assert_codes(&r, cases[i].want);
			srig_done(&r);
		}
	}
}

static void the_header_is_in_the_trace_and_in_the_log(void **state)
{
	struct srig r;

	(void)state;
	srig_init(&r, NETS, "");
	r.cut = SRIG_BYTES;
	srig_say(&r, "PROXY TCP4 192.0.2.1 10.0.0.9 4711 25\r\n" TO("b.test") "DATA\r\n\r\n.\r\n");
	assert_int_equal(r.n_mails, 1);
	assert_has(srig_stored(&r, 0), "from a.test (unknown [192.0.2.1])");
	assert_has(srig_log(&r), "ev=connect listener=mx client=192.0.2.1 port=4711");
	srig_done(&r);
}

static void a_header_that_does_not_come_ends_the_connection(void **state)
{
	struct srig r;

	(void)state;
	srig_init(&r, NETS, "");
	r.keep_open = true;
	srig_say(&r, "PROXY TCP4");
	assert_codes(&r, "");
	assert_true(r.has_ended);
	assert_int_equal(r.now.mono_ms, 1000 + HK_SESSION_PROXY_MS);
	srig_done(&r);
}

/* ---- the greeting ---- */

static void who_talks_before_the_greeting_is_sent_away(void **state)
{
	static const struct {
		const char *listener, *client, *want;
		bool waits;
		enum srig_cut cut;
	} cases[] = {
	    {"slow", "10.0.1.9", "554", false, SRIG_WHOLE},              /* it did not wait */
	    {"slow", "10.7.0.1", "220 250 250 250", false, SRIG_BYTES},  /* one of ours does not have to */
	    {"slow", "10.7.0.1", "220 554", false, SRIG_WHOLE},          /* but for the reply to EHLO */
	    {"late", "10.0.1.9", "220 250 250 250 421", true, SRIG_WHOLE} /* where it is allowed it is only late */
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct srig r;

		srig_init(&r, NETS, "");
		r.listener = cases[i].listener;
		r.client = cases[i].client;
		r.keep_open = cases[i].waits;
		r.cut = cases[i].cut;
		srig_say(&r, TO("b.test"));
		assert_codes(&r, cases[i].want);
		srig_done(&r);
	}
}

/* What comes with the header was sent by somebody who has seen no greeting, also where it is not delayed (RFC 5321 3.1). A balancer's
 * own check and our own hosts need not wait. */
static void who_talks_behind_the_header_was_early_too(void **state)
{
	static const struct {
		const char *text, *want;
		enum srig_cut cut;
	} cases[] = {
	    {"PROXY TCP4 192.0.2.1 10.0.0.9 4711 25\r\nEHLO a.test\r\n", "554", SRIG_WHOLE},
	    {"PROXY TCP4 192.0.2.1 10.0.0.9 4711 25\r\nE", "554", SRIG_WHOLE},
	    {"PROXY TCP4 192.0.2.1 10.0.0.9 4711 25\r\n", "220", SRIG_WHOLE},
	    {"PROXY TCP4 192.0.2.1 10.0.0.9 4711 25\r\nEHLO a.test\r\n", "220 250", SRIG_BYTES},
	    {"PROXY TCP4 10.7.0.1 10.0.0.9 4711 25\r\nEHLO a.test\r\n", "220 250", SRIG_WHOLE},
	    {"PROXY UNKNOWN\r\nEHLO a.test\r\n", "220 250", SRIG_WHOLE},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct srig r;

		srig_init(&r, NETS, "");
		r.listener = "front";
		r.client = "10.0.0.9";
		r.cut = cases[i].cut;
		srig_say(&r, cases[i].text);
		assert_codes(&r, cases[i].want);
		srig_done(&r);
	}
}

static void the_greeting_comes_when_its_time_has_come(void **state)
{
	struct srig r;

	(void)state;
	srig_init(&r, NETS, "");
	r.listener = "slow";
	r.client = "10.0.1.9";
	r.keep_open = true;
	srig_say(&r, "");
	assert_codes(&r, "220 421");
	assert_int_equal(r.now.mono_ms, 1000 + HK_SESSION_IDLE_S * 1000);
	srig_done(&r);
}

/* ---- how fast ---- */

/* At one octet in ten seconds a message is over in five minutes, however it goes on. */
static void a_message_that_drips_is_ended(void **state)
{
	static const struct {
		const char *listener;
		uint64_t slow_ms;
		bool is_ended;
	} cases[] = {{"rate", 10000, true}, {"rate", 10, false}, {"late", 10000, false}};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct srig r;
		struct hk_slice text;

		srig_init(&r, NETS, "");
		r.listener = cases[i].listener;
		r.client = "10.0.1.9";
		r.cut = SRIG_BYTES;
		text = repeated(&r, TO("b.test") "DATA\r\n", "0123456789abcdef\r\n", 20, ".\r\nQUIT\r\n");
		r.slow_ms = cases[i].slow_ms;
		srig_run(&r, text);
		if (cases[i].is_ended) {
			/* "EHLO a.test" and what follows take their time too: each has its own */
			assert_int_equal(r.n_mails, 0);
			assert_true(r.left > 250);
			assert_true(strstr(srig_replies(&r), "354 ") && strstr(srig_replies(&r), "421 4.4.2"));
		} else {
			assert_int_equal(r.n_mails, 1);
		}
		srig_done(&r);
	}
}

/* ---- how often ---- */

#define LIMITS                                                                                                      \
	"hostname h.test; spool /spool; accept b.test;\n"                                                           \
	"listen mx { address 10.255.2.40:25; reject-early-talkers off; relay-from 10.7.0.0/16; client-connections 2;\n" \
	"  client-arrivals 3/1m; }\n"                                                                               \
	"listen tls { address 10.255.2.40:465; implicit-tls on; certificate /c; certificate-key /k; client-arrivals 1/1m; }\n" \
	"listen few { address 10.255.2.40:26; reject-early-talkers off; client-messages 1/1m; client-recipients 2/1m; }\n"

static void count(struct srig *r, const char *client, const char *text, const char *want)
{
	r->client = client;
	srig_say(r, text);
	assert_codes(r, want);
}

/* By address, by /64, and not for our own. */
static void a_client_comes_so_often_and_no_oftener(void **state)
{
	static const uint8_t seed[HK_LIMITS_SEED] = {1};
	struct srig r;
	int i;

	(void)state;
	srig_init(&r, LIMITS, "");
	r.limits = must(hk_limits_new(1000, seed));
	for (i = 0; i < 6; i++) {
		count(&r, "192.0.2.1", "QUIT\r\n", i < 3 ? "220 221" : "421");
		count(&r, i % 2 ? "2001:db8::1" : "2001:db8::ffff:2", "QUIT\r\n", i < 3 ? "220 221" : "421");
		count(&r, "10.7.0.1", "QUIT\r\n", "220 221");
		count(&r, "none", "QUIT\r\n", "220 221");
	}
	count(&r, "192.0.2.1", "QUIT\r\n", "421");
	assert_string_equal(srig_replies(&r), "421 Too many connections of this client in a time, come back later (RFC 5321 7.8) [client-arrivals]\r\n");
	assert_true(r.has_ended);
	count(&r, "2001:db8:0:1::1", "QUIT\r\n", "220 221");
	r.now.mono_ms += 70000;
	count(&r, "192.0.2.1", "QUIT\r\n", "220 221");
	/* two that are there already */
	assert_true(hk_limits_enter(r.limits, HK_LIMIT_CLIENT_CONNECTIONS, HK_S("\x04\xc0\x00\x02\x09"), 0));
	count(&r, "192.0.2.9", "QUIT\r\n", "220 221");
	assert_true(hk_limits_enter(r.limits, HK_LIMIT_CLIENT_CONNECTIONS, HK_S("\x04\xc0\x00\x02\x09"), 0));
	count(&r, "192.0.2.9", "QUIT\r\n", "421");
	hk_limits_leave(r.limits, HK_LIMIT_CLIENT_CONNECTIONS, HK_S("\x04\xc0\x00\x02\x09"));
	count(&r, "192.0.2.9", "QUIT\r\n", "220 221");
	hk_limits_free(r.limits);
	srig_done(&r);
}

/* RFC 8314 3.3: a reply before the handshake is none. */
static void who_comes_too_often_where_tls_comes_first_hears_nothing_in_the_clear(void **state)
{
	static const uint8_t seed[HK_LIMITS_SEED] = {1};
	struct srig r;

	(void)state;
	srig_init(&r, LIMITS, "");
	r.listener = "tls";
	r.limits = must(hk_limits_new(1000, seed));
	count(&r, "192.0.2.1", "QUIT\r\n", "220 221");
	count(&r, "192.0.2.1", "QUIT\r\n", "");
	assert_true(r.has_ended);
	hk_limits_free(r.limits);
	srig_done(&r);
}

static void a_client_brings_so_much_and_no_more(void **state)
{
	static const uint8_t seed[HK_LIMITS_SEED] = {1};
	struct srig r;

	(void)state;
	srig_init(&r, LIMITS, "");
	r.listener = "few";
	r.limits = must(hk_limits_new(1000, seed));
	count(&r, "192.0.2.1", TO("b.test") "RCPT TO:<v@b.test>\r\nRCPT TO:<w@b.test>\r\nRSET\r\nMAIL FROM:<>\r\n",
	    "220 250 250 250 250 450 250 450");
	count(&r, "192.0.2.1", "EHLO a.test\r\nMAIL FROM:<>\r\n", "220 250 450");
	count(&r, "192.0.2.2", TO("b.test"), "220 250 250 250");
	hk_limits_free(r.limits);
	srig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_header_says_who_the_client_is),
	    cmocka_unit_test(the_header_is_in_the_trace_and_in_the_log),
	    cmocka_unit_test(a_header_that_does_not_come_ends_the_connection),
	    {"SEC-86: who talks before the greeting, or before the reply to EHLO, is sent away",
	        who_talks_before_the_greeting_is_sent_away, NULL, NULL, NULL},
	    cmocka_unit_test(who_talks_behind_the_header_was_early_too),
	    cmocka_unit_test(the_greeting_comes_when_its_time_has_come),
	    {"SEC-85: a message that drips is ended",
	        a_message_that_drips_is_ended, NULL, NULL, NULL},
	    {"SEC-87: a client comes so often and no oftener, by address and by /64",
	        a_client_comes_so_often_and_no_oftener, NULL, NULL, NULL},
	    cmocka_unit_test(who_comes_too_often_where_tls_comes_first_hears_nothing_in_the_clear),
	    {"SEC-87: a client brings so much and no more",
	        a_client_brings_so_much_and_no_more, NULL, NULL, NULL},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
