/* SPDX-License-Identifier: MIT
 *
 * Which of several source addresses a connection has, and by what name it greets.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/delivery_testing.h"
#include "tests/unit.h"

#define POOL "route * { via mx; helo all.h.test; source 10.8.0.1=one.h.test 2001:db8:8::1 10.8.0.2 10.8.0.3=three.h.test; source-choice %s; }"

/* One message; what it connected from and how it greeted, as "10.8.0.1 one.h.test". */
static void deliver(struct rig *r, const char *from, const char *to, uint64_t turn, char *out, size_t room)
{
	struct rig_mail mail = simple;
	const char *at, *ehlo;

	mail.from = from;
	mail.rcpt = to;
	rig_put(r, &mail);
	r->job.turn = turn;
	hk_buf_reset(&r->events);
	hk_buf_reset(&r->peer->got);
	rig_run(r);
	assert_int_equal(r->result->outcome, HK_RCPT_DELIVERED);
	hk_buf_add_byte(&r->events, 0);
	hk_buf_add_byte(&r->peer->got, 0);
	must(r->events.p);
	must(r->peer->got.p);
	at = strstr((char *)r->events.p, " from ");
	ehlo = strstr((char *)r->peer->got.p, "EHLO ");
	snprintf(out, room, "%.*s %.*s", at ? (int)strcspn(at + 6, "\n") : 0, at ? at + 6 : "", ehlo ? (int)strcspn(ehlo + 5, "\r") : 0, ehlo ? ehlo + 5 : "");
}

static void begin(struct rig *r, struct rig_peer *peer, const char *choice)
{
	char conf[2048];

	snprintf(conf, sizeof conf, CONF POOL, choice);
	rig_begin(r, conf, peer);
}

static void sources_take_turns_each_with_its_name(void **state)
{
	static const struct {
		uint64_t turn;
		const char *to, *seen;
	} cases[] = {{0, "r@a.test", "10.8.0.1 one.h.test"}, {1, "r@a.test", "10.8.0.2 all.h.test"}, {2, "r@a.test", "10.8.0.3 three.h.test"},
	    {3, "r@a.test", "10.8.0.1 one.h.test"}, {UINT64_MAX, "r@a.test", "10.8.0.1 one.h.test"}, {0, "r@[IPv6:2001:db8::6]", "2001:db8:8::1 all.h.test"},
	    {7, "r@[IPv6:2001:db8::6]", "2001:db8:8::1 all.h.test"}};
	struct rig_peer peer = {.script = OK_SCRIPT};
	char seen[200];
	struct rig r;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		begin(&r, &peer, "turn");
		deliver(&r, "s@x.test", cases[i].to, cases[i].turn, seen, sizeof seen);
		assert_string_equal(seen, cases[i].seen);
		rig_done(&r);
		peer = (struct rig_peer){.script = OK_SCRIPT};
	}
}

static void a_sender_has_always_the_same_one(void **state)
{
	struct rig_peer peer = {.script = OK_SCRIPT};
	char seen[200], again[200], from[40];
	unsigned of[3] = {0}, i;
	struct rig r;

	(void)state;
	for (i = 0; i < 30; i++) {
		begin(&r, &peer, "sender");
		snprintf(from, sizeof from, "s@d%u.test", i);
		deliver(&r, from, "r@a.test", 0, seen, sizeof seen);
		snprintf(from, sizeof from, "other@D%u.TEST", i);
		deliver(&r, from, "r@plain.test", 1, again, sizeof again);
		assert_string_equal(seen, again);
		assert_in_range(seen[7], '1', '3');
		of[seen[7] - '1']++;
		rig_done(&r);
		peer = (struct rig_peer){.script = OK_SCRIPT};
	}
	for (i = 0; i < 3; i++)
		assert_in_range(of[i], 3, 20);
}

/* A connection that stays is one of its source: with turns whoever comes next uses it, else only who has the same. */
static void a_kept_connection_has_its_source(void **state)
{
	static const struct {
		const char *choice, *second;
		unsigned connections;
	} cases[] = {{"turn", "s@d2.test", 1}, {"sender", "t@d1.test", 1}, {"sender", "s@d2.test", 2}};
	char seen[200];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct rig_peer peer = {.script = "220 hi|250 h|250 ok|250 ok|354 go|250 2.0.0 queued|250 ok|250 ok|354 go|250 2.0.0 queued|221 bye"};
		struct rig r;

		begin(&r, &peer, cases[i].choice);
		r.can_keep = true;
		deliver(&r, "s@d1.test", "r@a.test", 0, seen, sizeof seen);
		deliver(&r, cases[i].second, "r@a.test", 1, seen, sizeof seen);
		assert_int_equal(peer.connections, cases[i].connections);
		rig_done(&r);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sources_take_turns_each_with_its_name),
	    cmocka_unit_test(a_sender_has_always_the_same_one),
	    cmocka_unit_test(a_kept_connection_has_its_source),
	};

	return cmocka_run_group_tests_name("delivery-source", tests, NULL, NULL);
}
