/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hikyaku/dkim.h>

#include "engine/delivery_testing.h"
#include "tests/unit.h"

/* ---- one host ---- */

static void a_message_goes_out_as_trace_header_and_body(void **state)
{
	enum rig_cut cut;

	(void)state;
	for (cut = RIG_WHOLE; cut < RIG_CUTS; cut++) {
		struct rig_peer peer = {.script = OK_SCRIPT};
		struct rig r;

		rig_begin(&r,
		    CONF "route a.test { via smtp 10.0.0.7:2525; source 10.1.1.1 2001:db8::1; helo "
		         "name.test; }", &peer);
		r.cut = cut;
		rig_put(&r, &simple);
		rig_run(&r);
		hk_buf_add_byte(&peer.got, 0);
		assert_string_equal((char *)peer.got.p,
		    "EHLO name.test\r\nMAIL FROM:<s@x.test>\r\nRCPT TO:<r@a.test>\r\nDATA\r\n"
		    "Received: from z\r\nSubject: hi\r\nFrom: "
		    "s@x.test\r\n\r\nHello\r\n..dot\r\n.\r\nQUIT\r\n");
		assert_true(rig_saw(&r, "connect 10.0.0.7:2525 from 10.1.1.1\n"));
		assert_false(rig_saw(&r, "dns"));
		assert_int_equal(r.result->outcome, HK_RCPT_DELIVERED);
		assert_int_equal(r.result->code, 250);
		assert_string_equal(r.result->remote, "10.0.0.7[10.0.0.7]");
		assert_string_equal(r.result->text, "queued");
		rig_done(&r);
	}
}

/* S3-020 S3-021; S2-043: of several lines, with the status in each */
static void every_reply_maps_to_the_outcome_of_its_class(void **state)
{
	static const struct {
		const char *script;
		enum hk_rcpt_outcome outcome;
		unsigned code;
		const char *enhanced;
	} cases[] = {
	    {"220 hi|250 h|250 ok|250 ok|354 go|299 fine", HK_RCPT_DELIVERED, 299, ""},
	    {"220 hi|250 h|250 ok|251 forwards|354 go|250 fine", HK_RCPT_DELIVERED, 250, ""},
	    {"220 hi|250 h|250 ok|250 ok|354 go|452 4.3.1 full", HK_RCPT_PENDING, 452, "4.3.1"},
	    {"220 hi|250 h|250 ok|250 ok|354 go|599 no", HK_RCPT_FAILED, 599, ""},
	    {"220 hi|250 h|250 ok|250 ok|451 4.7.1 later", HK_RCPT_PENDING, 451, "4.7.1"},
	    {"220 hi|250 h|250 ok|250 ok|554 5.7.1 no", HK_RCPT_FAILED, 554, "5.7.1"},
	    {"220 hi|250 h|250 ok|450 4.2.1 grey|250 ok", HK_RCPT_PENDING, 450, "4.2.1"},
	    {"220 hi|250 h|250 ok|550-5.1.1 no\n550 5.1.1 such|250 ok", HK_RCPT_FAILED, 550,
	        "5.1.1"},
	    {"220 hi|250 h|250 ok|552 too many|250 ok", HK_RCPT_PENDING, 552, ""},
	    {"220 hi|250 h|250 ok|552 5.2.2 full|250 ok", HK_RCPT_FAILED, 552, "5.2.2"},
	    {"220 hi|250 h|550 5.7.1 you|250 ok", HK_RCPT_FAILED, 550, "5.7.1"},
	    {"220 hi|250 h|421 4.7.0 you", HK_RCPT_PENDING, 421, "4.7.0"},
	    {"220 hi|250-h\n250 SIZE 10", HK_RCPT_FAILED, 552, "5.3.4"},
	    {"220 hi|503 h|250 h|250 ok|250 ok|354 go|250 fine", HK_RCPT_DELIVERED, 250, ""},
	    {"554 5.3.2 go away", HK_RCPT_PENDING, 451, "4.3.0"},
	    {"521 no mail here", HK_RCPT_FAILED, 521, "5.3.2"},
	    {"421 4.3.2 busy", HK_RCPT_PENDING, 421, "4.3.2"},
	    {"220 hi|250 h|250 ok|250 ok|354 go|close", HK_RCPT_PENDING, 421, "4.4.2"},
	    {"220 hi|250 h|250 ok|250 ok|close", HK_RCPT_PENDING, 421, "4.4.2"},
	    {"220 hi|250 h|close", HK_RCPT_PENDING, 421, "4.4.2"},
	    {"220 hi|close", HK_RCPT_PENDING, 421, "4.4.2"},
	    {"close", HK_RCPT_PENDING, 421, "4.4.2"},
	    {"nonsense", HK_RCPT_PENDING, 421, "4.5.0"},
	    {"220 hi|250 h|354 what", HK_RCPT_PENDING, 421, "4.5.0"},
	};
	enum rig_cut cut;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		for (cut = RIG_WHOLE; cut < RIG_CUTS; cut++) {
			struct rig_peer peer = {.script = cases[i].script};
			struct rig r;

			rig_begin(&r, CONF "route * { via smtp 10.0.0.7; }", &peer);
			r.cut = cut;
			rig_put(&r, &simple);
			rig_run(&r);
			if (r.result->outcome != cases[i].outcome ||
			    r.result->code != cases[i].code ||
			    strcmp(r.result->enhanced, cases[i].enhanced))
				fail_msg("case %zu cut %d: %d %u %s %s", i, cut, r.result->outcome,
				    r.result->code, r.result->enhanced, r.result->text);
			rig_done(&r);
		}
	}
}

static void each_recipient_has_its_own_outcome(void **state)
{
	struct rig_peer peer = {.script = "220 hi|250 h|250 ok|250 ok|550 5.1.1 unknown|452 4.2.2 "
	                                  "full|250 ok|354 go|250 done|221 bye"};
	static const enum hk_rcpt_outcome want[] = {
	    HK_RCPT_DELIVERED, HK_RCPT_FAILED, HK_RCPT_PENDING, HK_RCPT_DELIVERED};
	struct rig_mail m = simple;
	struct rig r;
	size_t i;

	(void)state;
	m.rcpt = "a@a.test b@a.test c@a.test d@a.test";
	rig_begin(&r, CONF "route * { via smtp 10.0.0.7; }", &peer);
	rig_put(&r, &m);
	rig_run(&r);
	for (i = 0; i < 4; i++) {
		assert_int_equal(r.result[i].outcome, want[i]);
		assert_int_equal(r.result[i].rcpt, i);
	}
	assert_string_equal(r.result[1].enhanced, "5.1.1");
	rig_done(&r);
}

/* S3-062 S3-065 */
static void lmtp_answers_for_each_recipient_after_the_dot(void **state)
{
	enum rig_cut cut;

	(void)state;
	for (cut = RIG_WHOLE; cut < RIG_CUTS; cut++) {
		struct rig_peer peer = {
		    .script =
		        "220 foo LMTP|250-foo\n250 PIPELINING|250 ok|250 ok|550 5.1.1 No such user "
		        "here|250 ok|354 go|"
		        "250 2.1.5 OK\n452 4.2.2 <green@a.test> is temporarily over quota|221 bye"};
		struct rig_mail m = simple;
		struct rig r;

		m.rcpt = "pat@a.test jones@a.test green@a.test";
		rig_begin(&r, CONF "route * { via lmtp unix:/run/lmtp; }", &peer);
		r.cut = cut;
		rig_put(&r, &m);
		rig_run(&r);
		assert_true(rig_saw(&r, "connect unix:/run/lmtp\n"));
		assert_memory_equal(peer.got.p, "LHLO h.test\r\n", 13);
		assert_int_equal(r.result[0].outcome, HK_RCPT_DELIVERED);
		assert_int_equal(r.result[1].outcome, HK_RCPT_FAILED);
		assert_int_equal(r.result[2].outcome, HK_RCPT_PENDING);
		rig_done(&r);
	}
}

static size_t count(const struct hk_buf *b, const char *text)
{
	size_t n = 0, i, len = strlen(text);

	for (i = 0; i + len <= b->n; i++)
		n += memcmp(b->p + i, text, len) == 0;
	return n;
}

static void many_recipients_go_in_transactions_of_a_hundred(void **state)
{
	static char script[64 * 1024], rcpt[16 * 1024];
	struct rig_peer peer = {.script = script};
	struct rig_mail m = simple;
	struct rig r;
	size_t i, n = 0, k = 0;

	(void)state;
	k += (size_t)snprintf(script, sizeof script, "220 hi|250-h\n250 PIPELINING");
	for (i = 0; i < 250; i++) {
		n += (size_t)snprintf(rcpt + n, sizeof rcpt - n, "%sr%zu@a.test", i ? " " : "", i);
		if (i % 100 == 0)
			k += (size_t)snprintf(script + k, sizeof script - k, "|250 ok");
		k += (size_t)snprintf(script + k, sizeof script - k, "|250 ok");
		if (i % 100 == 99 || i == 249)
			k += (size_t)snprintf(script + k, sizeof script - k, "|354 go|250 done");
	}
	m.rcpt = rcpt;
	rig_begin(&r, CONF "route * { via smtp 10.0.0.7; }", &peer);
	rig_put(&r, &m);
	rig_run(&r);
	for (i = 0; i < 250; i++)
		assert_int_equal(r.result[i].outcome, HK_RCPT_DELIVERED);
	assert_int_equal(count(&peer.got, "MAIL FROM"), 3);
	assert_int_equal(count(&peer.got, "RCPT TO"), 250);
	assert_int_equal(peer.connections, 1);
	rig_done(&r);
}

static void a_silent_server_is_left_at_every_stage(void **state)
{
	static const struct {
		const char *script;
		uint64_t seconds; /* RFC 5321 4.5.3.2 */
	} cases[] = {
	    {"", 300},
	    {"220 hi|", 300},
	    {"220 hi|250 h|", 300},
	    {"220 hi|250 h|250 ok|", 300},
	    {"220 hi|250 h|250 ok|250 ok|", 120},
	    {"220 hi|250 h|250 ok|250 ok|354 go|", 600},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct rig_peer peer = {.script = cases[i].script};
		struct rig r;
		uint64_t began;

		rig_begin(&r, CONF "route * { via smtp 10.0.0.7; }", &peer);
		rig_put(&r, &simple);
		began = r.now.mono_ms;
		rig_run(&r);
		assert_int_equal(r.result->outcome, HK_RCPT_PENDING);
		assert_string_equal(r.result->enhanced, "4.4.2");
		assert_int_equal((r.now.mono_ms - began) / 1000, cases[i].seconds);
		rig_done(&r);
	}
}

/* The time is for a reply, not for each octet of it (RFC 5321 4.5.3.2): else a host that drips keeps a delivery for days. */
static void a_server_that_drips_its_reply_is_left(void **state)
{
	static const struct {
		const char *script;
		uint64_t seconds;
		enum hk_rcpt_outcome outcome;
	} cases[] = {
	    {"220 a greeting of more than thirty octets", 300, HK_RCPT_PENDING},
	    {"220 hi|250-a\n250-b\n250-c\n250-d\n250-e\n250-f\n250 g|", 390, HK_RCPT_PENDING},
	    {"220 hi|250 h|250 ok|250 ok|354 go|250 taken|", 500, HK_RCPT_DELIVERED},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct rig_peer peer = {.script = cases[i].script, .slow_ms = 10000};
		struct rig r;
		uint64_t began;

		rig_begin(&r, CONF "route * { via smtp 10.0.0.7; }", &peer);
		r.cut = RIG_BYTES;
		rig_put(&r, &simple);
		began = r.now.mono_ms;
		rig_run(&r);
		assert_int_equal(r.result->outcome, cases[i].outcome);
		assert_int_equal((r.now.mono_ms - began) / 1000, cases[i].seconds);
		rig_done(&r);
	}
}

/* ---- hosts ---- */

static void hosts_are_found_and_tried_as_rfc_5321_5_says(void **state)
{
	static const struct {
		const char *domain, *conf;
		const char *up;     /* the address that answers */
		const char *events; /* of connections, in order */
		enum hk_rcpt_outcome outcome;
		unsigned code;
		const char *enhanced;
	} cases[] = {
	    {"a.test", "", "10.0.0.1", "10.0.0.1:25 ", HK_RCPT_DELIVERED, 250, "2.0.0"},
	    {"a.test", "", "10.0.0.2", "10.0.0.1:25 10.0.0.2:25 ", HK_RCPT_DELIVERED, 250, "2.0.0"},
	    {"a.test", "", "none", "10.0.0.1:25 10.0.0.2:25 ", HK_RCPT_PENDING, 451, "4.4.1"},
	    {"a.test", "port-map-25 2525;", "10.0.0.1", "10.0.0.1:2525 ", HK_RCPT_DELIVERED, 250,
	        "2.0.0"},
	    {"plain.test", "", "10.0.0.3", "10.0.0.3:25 ", HK_RCPT_DELIVERED, 250, "2.0.0"},
	    {"six.test", "", "2001:db8::6", "10.0.0.6:25 2001:db8::6:25 ", HK_RCPT_DELIVERED, 250,
	        "2.0.0"},
	    {"[10.0.0.1]", "", "10.0.0.1", "10.0.0.1:25 ", HK_RCPT_DELIVERED, 250, "2.0.0"},
	    {"[IPv6:2001:db8::6]", "", "2001:db8::6", "2001:db8::6:25 ", HK_RCPT_DELIVERED, 250,
	        "2.0.0"},
	    {"nowhere.test", "", "none", "", HK_RCPT_FAILED, 550, "5.1.2"},
	    {"nothing.test", "", "none", "", HK_RCPT_FAILED, 550, "5.4.4"},
	    {"null.test", "", "none", "", HK_RCPT_FAILED, 556, "5.1.10"},
	    {"fail.test", "", "none", "", HK_RCPT_FAILED, 550, "5.4.4"},
	    {"broken.test", "", "none", "", HK_RCPT_PENDING, 451, "4.4.3"},
	    {"slow.test", "", "none", "", HK_RCPT_PENDING, 451, "4.4.3"},
	    {"softmx.test", "", "none", "", HK_RCPT_PENDING, 451, "4.4.3"},
	    {"us.test", "", "none", "10.0.0.5:25 ", HK_RCPT_PENDING, 451, "4.4.1"},
	    {"loop.test", "", "none", "", HK_RCPT_FAILED, 554, "5.4.6"},
	    {"address.test", "", "none", "", HK_RCPT_FAILED, 554, "5.4.6"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct rig_peer peer = {.ip = cases[i].up, .script = OK_SCRIPT};
		struct rig_mail m = simple;
		char conf[1024], rcpt[80], seen[256] = "";
		const char *at;
		struct rig r;

		snprintf(conf, sizeof conf, CONF "route * { via mx; }%s", cases[i].conf);
		snprintf(rcpt, sizeof rcpt, "r@%s", cases[i].domain);
		m.rcpt = rcpt;
		rig_begin(&r, conf, &peer);
		rig_put(&r, &m);
		rig_run(&r);
		hk_buf_add_byte(&r.events, 0);
		for (at = strstr((char *)r.events.p, "connect "); at;
		     at = strstr(at + 1, "connect "))
			strncat(seen, at + 8, strcspn(at + 8, " ") + 1);
		if (r.result->outcome != cases[i].outcome || r.result->code != cases[i].code ||
		    strcmp(r.result->enhanced, cases[i].enhanced) || strcmp(seen, cases[i].events))
			fail_msg("%s: %d %u %s %s; %s", cases[i].domain, r.result->outcome,
			    r.result->code, r.result->enhanced, r.result->text, seen);
		rig_done(&r);
	}
}

static void the_next_host_is_tried_only_before_the_dot(void **state)
{
	static const struct {
		const char *script;
		unsigned second; /* connections to the second host */
	} cases[] = {
	    {"421 4.3.2 busy", 1},
	    {"554 no", 1},
	    {"220 hi|250 h|421 4.3.2 busy", 1},
	    {"220 hi|250 h|250 ok|close", 1},
	    {"220 hi|250 h|250 ok|250 ok|354 go|close", 0},
	    {"220 hi|250 h|250 ok|250 ok|354 go|421 4.3.2 busy", 0},
	    {"220 hi|250 h|451 4.3.0 later|221 bye", 0},
	    {"220 hi|250 h|250 ok|450 4.3.0 later|221 bye", 0},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct rig_peer peers[] = {{.ip = "10.0.0.1", .script = cases[i].script},
		    {.ip = "10.0.0.2", .script = OK_SCRIPT}};
		struct rig r;

		rig_init(&r, CONF "route * { via mx; }", ZONE);
		r.peer = peers;
		r.n_peers = 2;
		rig_put(&r, &simple);
		rig_run(&r);
		if (peers[1].connections != cases[i].second)
			fail_msg("case %zu", i);
		assert_int_equal(
		    r.result->outcome, cases[i].second ? HK_RCPT_DELIVERED : HK_RCPT_PENDING);
		rig_done(&r);
	}
}

static void equal_preferences_are_spread_over_messages(void **state)
{
	unsigned first[3] = {0}, i;

	(void)state;
	for (i = 0; i < 60; i++) {
		struct rig r;

		rig_init(&r, CONF "route * { via mx; }",
		    "a.test. MX 10 h1.test.\na.test. MX 10 h2.test.\na.test. MX 10 "
		    "h3.test.\na.test. MX 5 h0.test.\n"
		    "h1.test. A 10.0.0.1\nh2.test. A 10.0.0.2\nh3.test. A 10.0.0.3\n");
		rig_put(&r, &simple);
		rig_run(&r);
		hk_buf_add_byte(&r.events, 0);
		first[strstr((char *)r.events.p, "connect 10.0.0.")[15] - '1']++;
		rig_done(&r);
	}
	assert_true(first[0] > 5 && first[1] > 5 && first[2] > 5);
}

/* ---- TLS ---- */

/* S0-035 */
static void starttls_is_used_as_the_route_says(void **state)
{
	static const char tls_script[] =
	    "220 hi|250-h\n250 STARTTLS|220 go|250 h|250 ok|250 ok|354 go|250 done|221 bye";
	static const char clear_too[] =
	    "220 hi|250-h\n250 STARTTLS|250 ok|250 ok|354 go|250 done|221 bye";
	static const struct {
		const char *level, *script;
		bool fails;
		enum hk_rcpt_outcome outcome;
		unsigned connections, starttls, messages;
	} cases[] = {
	    {"off", clear_too, false, HK_RCPT_DELIVERED, 1, 0, 1},
	    {"opportunistic", tls_script, false, HK_RCPT_DELIVERED, 1, 1, 1},
	    {"opportunistic", OK_SCRIPT, false, HK_RCPT_DELIVERED, 1, 0, 1},
	    {"required", tls_script, false, HK_RCPT_DELIVERED, 1, 1, 1},
	    {"required", tls_script, true, HK_RCPT_PENDING, 1, 1, 0},
	    {"required", OK_SCRIPT, false, HK_RCPT_PENDING, 1, 0, 0},
	    {"required", "220 hi|250-h\n250 STARTTLS|454 no", false, HK_RCPT_PENDING, 1, 1, 0},
	    {"opportunistic",
	        "220 hi|250-h\n250 STARTTLS|454 no|250 ok|250 ok|354 go|250 done|221 bye", false,
	        HK_RCPT_DELIVERED, 1, 1, 1},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct rig_peer peer = {.script = cases[i].script, .tls_fails = cases[i].fails};
		char conf[1024];
		struct rig r;

		snprintf(conf, sizeof conf, CONF "route * { via smtp plain.test; tls %s; }",
		    cases[i].level);
		rig_begin(&r, conf, &peer);
		rig_put(&r, &simple);
		rig_run(&r);
		if (r.result->outcome != cases[i].outcome ||
		    peer.connections != cases[i].connections ||
		    count(&peer.got, "STARTTLS") != cases[i].starttls ||
		    count(&peer.got, "Hello") != cases[i].messages)
			fail_msg("case %zu: %d, %u connections, %s", i, r.result->outcome,
			    peer.connections, r.result->text);
		rig_done(&r);
	}
}

static void a_failed_handshake_goes_on_in_clear_when_tls_is_opportunistic(void **state)
{
	/* the peer fails every handshake; the second connection does not ask for one */
	struct rig_peer peer = {
	    .script = "220 hi|250-h\n250 STARTTLS|220 go|250 ok|354 go|250 done|221 bye",
	    .tls_fails = true};
	struct rig r;

	(void)state;
	rig_begin(&r, CONF "route * { via smtp plain.test; }", &peer);
	rig_put(&r, &simple);
	rig_run(&r);
	assert_int_equal(peer.connections, 2);
	assert_int_equal(count(&peer.got, "STARTTLS"), 1);
	assert_true(rig_saw(&r, "tls plain.test\nclose\nconnect 10.0.0.3:25"));
	assert_int_equal(r.result->outcome, HK_RCPT_DELIVERED);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_message_goes_out_as_trace_header_and_body),
	    cmocka_unit_test(every_reply_maps_to_the_outcome_of_its_class),
	    cmocka_unit_test(each_recipient_has_its_own_outcome),
	    cmocka_unit_test(lmtp_answers_for_each_recipient_after_the_dot),
	    cmocka_unit_test(many_recipients_go_in_transactions_of_a_hundred),
	    cmocka_unit_test(a_silent_server_is_left_at_every_stage),
	    cmocka_unit_test(a_server_that_drips_its_reply_is_left),
	    cmocka_unit_test(hosts_are_found_and_tried_as_rfc_5321_5_says),
	    cmocka_unit_test(the_next_host_is_tried_only_before_the_dot),
	    cmocka_unit_test(equal_preferences_are_spread_over_messages),
	    cmocka_unit_test(starttls_is_used_as_the_route_says),
	    cmocka_unit_test(a_failed_handshake_goes_on_in_clear_when_tls_is_opportunistic),
	};

	return cmocka_run_group_tests_name("delivery", tests, NULL, NULL);
}
