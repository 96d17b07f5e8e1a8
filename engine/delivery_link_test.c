/* SPDX-License-Identifier: MIT
 *
 * Several messages over one connection.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/delivery_testing.h"
#include "tests/unit.h"

static unsigned times(const struct rig_peer *peer, const char *text)
{
	struct hk_slice rest = hk_buf_slice(&peer->got);
	unsigned n = 0;

	for (; rest.n >= strlen(text); rest = hk_slice_from(rest, 1))
		n += memcmp(rest.p, text, strlen(text)) == 0;
	return n;
}

#define HELLO "220 hi|250 h|"
#define MESSAGE "250 ok|250 ok|354 go|250 2.0.0 queued"

static void begin(struct rig *r, struct rig_peer *peer, const char *items)
{
	char conf[2048];

	snprintf(conf, sizeof conf, CONF "route * { via smtp plain.test; %s }", items);
	rig_begin(r, conf, peer);
	r->can_keep = true;
}

static void deliver(struct rig *r, const struct rig_mail *mail, enum hk_rcpt_outcome outcome)
{
	rig_put(r, mail);
	hk_buf_reset(&r->events);
	rig_run(r);
	if (r->result->outcome != outcome)
		fail_msg("%u %s", r->result->code, r->result->text);
}

static void messages_follow_each_other_over_one_connection(void **state)
{
	struct rig_peer peer = {.script = HELLO MESSAGE "|" MESSAGE "|" MESSAGE "|221 bye"};
	struct rig r;

	(void)state;
	begin(&r, &peer, "messages-per-connection 3;");
	deliver(&r, &simple, HK_RCPT_DELIVERED);
	assert_int_equal(times(&peer, "QUIT"), 0);
	deliver(&r, &simple, HK_RCPT_DELIVERED);
	/* nothing is looked up, nothing connected; the host has its name in the result all the same */
	assert_int_equal(r.events.n, 0);
	assert_string_equal(r.result->remote, "plain.test[10.0.0.3]");
	deliver(&r, &simple, HK_RCPT_DELIVERED);
	assert_int_equal(peer.connections, 1);
	assert_int_equal(times(&peer, "EHLO"), 1);
	assert_int_equal(times(&peer, "MAIL FROM"), 3);
	assert_int_equal(times(&peer, "QUIT"), 1);
	assert_null(r.link.client);
	rig_done(&r);
}

/* S4-130: and what the server takes of one connection is kept over all of them */
static void a_connection_stays_only_as_long_as_both_ends_want(void **state)
{
	static const struct {
		const char *items, *hello;
		unsigned connections;
	} cases[] = {
	    {"messages-per-connection 1;", HELLO, 2},
	    {"", "220 hi|250-h\n250 LIMITS MAILMAX=1|", 2},
	    {"", "220 hi|250-h\n250 LIMITS MAILMAX=2|", 1},
	    {"", HELLO, 1},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		char script[512];
		struct rig_peer peer = {.script = script};
		struct rig r;

		snprintf(script, sizeof script, "%s" MESSAGE "|" MESSAGE "|221 bye", cases[i].hello);
		begin(&r, &peer, cases[i].items);
		deliver(&r, &simple, HK_RCPT_DELIVERED);
		deliver(&r, &simple, HK_RCPT_DELIVERED);
		assert_int_equal(peer.connections, cases[i].connections);
		rig_done(&r);
	}
}

/* A connection that was lost between two messages costs no try: the host may just have been tired of waiting. */
static void a_kept_connection_that_is_gone_is_made_anew(void **state)
{
	static const char *const ends[] = {"|close", "|421 4.4.2 too long|close", "|250 ok|close", "|250 ok|250 ok|close",
	    "|250 ok|421 4.3.2 no|close"};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(ends); i++) {
		char script[512];
		struct rig_peer peer = {.script = script};
		struct rig r;

		snprintf(script, sizeof script, HELLO MESSAGE "%s", ends[i]);
		begin(&r, &peer, "");
		deliver(&r, &simple, HK_RCPT_DELIVERED);
		deliver(&r, &simple, HK_RCPT_DELIVERED);
		assert_int_equal(peer.connections, 2);
		assert_int_equal(times(&peer, "Hello\r\n"), 2);
		rig_done(&r);
	}
}

/* after the dot nobody knows: the message is tried later, not at once again (RFC 5321 4.5.4.1) */
static void a_kept_connection_lost_behind_the_dot_is_as_any_other(void **state)
{
	struct rig_peer peer = {.script = HELLO MESSAGE "|250 ok|250 ok|354 go|close"};
	struct rig r;

	(void)state;
	begin(&r, &peer, "");
	deliver(&r, &simple, HK_RCPT_DELIVERED);
	deliver(&r, &simple, HK_RCPT_PENDING);
	assert_int_equal(peer.connections, 1);
	rig_done(&r);
}

/* A refused message leaves the connection as it was; RSET cleans it (RFC 5321 4.1.1.5). */
static void a_refusal_ends_no_connection(void **state)
{
	struct rig_peer peer = {.script = HELLO "250 ok|550 5.1.1 no|250 reset|" MESSAGE "|221 bye"};
	struct rig r;

	(void)state;
	begin(&r, &peer, "");
	deliver(&r, &simple, HK_RCPT_FAILED);
	deliver(&r, &simple, HK_RCPT_DELIVERED);
	assert_int_equal(peer.connections, 1);
	assert_int_equal(times(&peer, "RSET\r\n"), 1);
	rig_done(&r);
}

/* RFC 8689: a message with rules of its own goes over a connection of its own */
static void a_message_with_its_own_tls_rules_shares_no_connection(void **state)
{
	struct rig_peer peer = {.script = HELLO MESSAGE "|221 bye"};
	struct rig_mail mail = simple;
	struct rig r;

	(void)state;
	begin(&r, &peer, "");
	deliver(&r, &simple, HK_RCPT_DELIVERED);
	assert_non_null(r.link.client);
	mail.flags = HK_MAIL_TLS_OPTIONAL;
	deliver(&r, &mail, HK_RCPT_DELIVERED);
	assert_int_equal(peer.connections, 2);
	assert_int_equal(times(&peer, "QUIT"), 2);
	assert_null(r.link.client);
	rig_done(&r);
}

#define PROVIDER                                                                                   \
	"a.test. MX 10 one.p.test.\na.test. MX 20 two.p.test.\n"                                      \
	"b.test. MX 5 one.p.test.\nb.test. MX 5 two.p.test.\nb.test. MX 5 three.p.test.\n"             \
	"c.test. MX 5 two.p.test.\nc.test. MX 10 one.p.test.\n"                                       \
	"one.p.test. A 10.0.0.1\none.p.test. A 10.0.0.11\ntwo.p.test. A 10.0.0.2\nthree.p.test. A 10.0.0.3\n" \
	"moved.test. MX 10 mv.p.test.\nmv.p.test. A 10.0.0.1\n"

/* Another domain has the same hosts: the connection is used where this domain would have made the same one. */
static void a_connection_serves_the_domains_of_one_site(void **state)
{
	static const struct {
		const char *rcpt, *end, *sts;
		enum hk_rcpt_outcome outcome;
		unsigned connections, quits;
		uint32_t flags;
	} cases[] = {
	    {"r@b.test", "|" MESSAGE, NULL, HK_RCPT_DELIVERED, 1, 0, 0},
	    {"r@b.test", "|close", NULL, HK_RCPT_DELIVERED, 2, 0, 0},
	    {"r@c.test", "|" MESSAGE, NULL, HK_RCPT_DELIVERED, 2, 1, 0},     /* its first host is another one */
	    {"r@moved.test", "|" MESSAGE, NULL, HK_RCPT_DELIVERED, 2, 1, 0}, /* another name of the same address */
	    {"r@nowhere.test", "|" MESSAGE, NULL, HK_RCPT_FAILED, 1, 1, 0},
	    {"r@b.test", "|" MESSAGE, NULL, HK_RCPT_DELIVERED, 2, 2, HK_MAIL_TLS_OPTIONAL},
	    {"r@b.test", "|" MESSAGE, "version: STSv1\nmode: enforce\nmax_age: 86400\nmx: *.p.test\n", HK_RCPT_PENDING, 5, 1, 0},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		char script[512];
		struct rig_peer peer = {.script = script};
		struct rig_mail mail = simple;
		struct rig r;

		snprintf(script, sizeof script, HELLO MESSAGE "%s", cases[i].end);
		rig_init(&r, CONF "route * { via mx; }", PROVIDER);
		r.peer = &peer;
		r.n_peers = 1;
		r.can_keep = r.answers_sts = true;
		deliver(&r, &simple, HK_RCPT_DELIVERED);
		assert_non_null(r.link.client);
		r.is_link_shared = true;
		r.sts = cases[i].sts;
		mail.rcpt = cases[i].rcpt;
		mail.flags = cases[i].flags;
		deliver(&r, &mail, cases[i].outcome);
		if (peer.connections != cases[i].connections || times(&peer, "QUIT") != cases[i].quits)
			fail_msg("%s: %u connections, %u QUIT", mail.rcpt, peer.connections, times(&peer, "QUIT"));
		if (peer.connections == 1 && cases[i].outcome == HK_RCPT_DELIVERED)
			assert_string_equal(r.result->remote, "one.p.test[10.0.0.1]");
		rig_done(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(messages_follow_each_other_over_one_connection),
	    cmocka_unit_test(a_connection_stays_only_as_long_as_both_ends_want),
	    cmocka_unit_test(a_kept_connection_that_is_gone_is_made_anew),
	    cmocka_unit_test(a_kept_connection_lost_behind_the_dot_is_as_any_other),
	    cmocka_unit_test(a_refusal_ends_no_connection),
	    cmocka_unit_test(a_message_with_its_own_tls_rules_shares_no_connection),
	    cmocka_unit_test(a_connection_serves_the_domains_of_one_site),
	};

	return cmocka_run_group_tests_name("delivery-link", tests, NULL, NULL);
}
