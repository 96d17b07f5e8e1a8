/* SPDX-License-Identifier: MIT
 *
 * Transactions with an id at the next hop (RFC 1845, S3-032).
 */
#include <stdio.h>
#include <string.h>

#include "engine/delivery_testing.h"
#include "tests/unit.h"

#define ROUTE "route * { via mx; checkpoint on; }\n"
#define HELLO "220 hi|250-h\n250-PIPELINING\n250 CHECKPOINT|"
#define LOST  HELLO "250 ok|250 ok|354 go|close"
#define TEXT  "Received: from z\r\nSubject: hi\r\nFrom: s@x.test\r\n\r\nHello\r\n..dot\r\n" /* 62 octets and a stuffed one */

static const char *got_of(struct rig *r)
{
	struct hk_slice s;

	must(r->peer->got.p);
	assert_int_equal(hk_arena_dup(&r->arena, hk_buf_slice(&r->peer->got), &s), HK_OK);
	return (const char *)s.p;
}

static unsigned times(const char *text, const char *what)
{
	unsigned n = 0;

	for (text = strstr(text, what); text; text = strstr(text + 1, what))
		n++;
	return n;
}

/* The id in each MAIL is the same. */
static void assert_same_id(const char *got, unsigned n)
{
	const char *at = strstr(got, " TRANSID=<");
	char id[HK_SMTP_TRANSID_MAX + 16];
	size_t length;

	assert_non_null(at);
	length = strcspn(at, "\r");
	assert_true(length < sizeof id && length <= 9 + HK_SMTP_TRANSID_MAX);
	memcpy(id, at, length);
	id[length] = 0;
	assert_has(id, "@h.test>");
	assert_int_equal(times(got, id), n);
	assert_int_equal(times(got, "TRANSID="), n);
}

static void run(struct rig *r, struct rig_peer *peer, const char *rcpt)
{
	struct rig_mail mail = simple;

	mail.rcpt = rcpt;
	rig_begin(r, CONF ROUTE, peer);
	rig_put(r, &mail);
	rig_run(r);
}

/* S3-032 */
static void a_lost_reply_is_asked_for(void **state)
{
	struct rig_peer peer = {.script = LOST, .then = {HELLO "355 62 is the transaction offset|354 go|250 2.0.0 queued|221 bye"}};
	const char *got;
	struct rig r;

	(void)state;
	run(&r, &peer, "r@a.test");
	got = got_of(&r);
	assert_int_equal(r.result->outcome, HK_RCPT_DELIVERED);
	assert_int_equal(peer.connections, 2);
	assert_same_id(got, 2);
	assert_int_equal(times(got, "RCPT TO"), 1);
	assert_int_equal(times(got, TEXT ".\r\n"), 1);
	assert_int_equal(times(got, "DATA\r\n.\r\n"), 1);
	assert_int_equal(times(got, "Subject"), 1);
	assert_false(rig_saw(&r, "connect 10.0.0.2"));
	rig_done(&r);
}

static void a_message_that_broke_off_goes_on_at_the_same_address(void **state)
{
	static const struct {
		const char *offset, *rest;
	} cases[] = {{"0", "DATA\r\n" TEXT ".\r\n"}, {"18", "DATA\r\nSubject: hi\r\n"}, {"49", "DATA\r\nHello\r\n..dot\r\n.\r\n"},
	    {"56", "DATA\r\n..dot\r\n.\r\n"}, {"62", "DATA\r\n.\r\n"}};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		char second[256];
		struct rig_peer peer = {.script = HELLO "250 ok|250 ok|354 go", .then = {second}};
		struct rig r;

		snprintf(second, sizeof second, HELLO "355 %s is the transaction offset|354 go|250 2.0.0 queued|221 bye", cases[i].offset);
		peer.cut_after = 160; /* somewhere behind DATA */
		run(&r, &peer, "r@a.test");
		assert_int_equal(r.result->outcome, HK_RCPT_DELIVERED);
		assert_same_id(got_of(&r), 2);
		assert_has(got_of(&r), cases[i].rest);
		assert_false(rig_saw(&r, "connect 10.0.0.2"));
		rig_done(&r);
	}
}

static void a_server_that_is_not_ready_is_asked_again(void **state)
{
	struct rig_peer peer = {.script = LOST,
	    .then = {HELLO "451 4.5.0 under way|221 bye", "close", HELLO "355 62 is|354 go|250 2.0.0 queued|221 bye"}};
	uint64_t began;
	struct rig r;

	(void)state;
	rig_begin(&r, CONF ROUTE, &peer);
	began = r.now.mono_ms;
	rig_put(&r, &simple);
	rig_run(&r);
	assert_int_equal(r.result->outcome, HK_RCPT_DELIVERED);
	assert_int_equal(peer.connections, 4);
	assert_true(r.now.mono_ms - began >= 21000);
	assert_int_equal(times(got_of(&r), "Subject"), 1);
	rig_done(&r);
}

static void a_server_that_has_forgotten_gets_all_of_it(void **state)
{
	struct rig_peer peer = {.script = LOST, .then = {HELLO "250 ok|250 ok|354 go|250 2.0.0 queued|221 bye"}};
	struct rig r;

	(void)state;
	run(&r, &peer, "r@a.test");
	assert_int_equal(r.result->outcome, HK_RCPT_DELIVERED);
	assert_same_id(got_of(&r), 2);
	assert_int_equal(times(got_of(&r), TEXT ".\r\n"), 2);
	rig_done(&r);
}

/* What may be there goes to no other host in this attempt, and does not come back as failed either. */
static void what_may_be_there_waits(void **state)
{
	static const char *const then[] = {"close", NULL, HELLO "554 5.7.1 no|221 bye", HELLO "355 63 is|221 bye", HELLO "355 is|221 bye"};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(then); i++) {
		struct rig_peer peer = {.script = LOST, .then = {then[i]}};
		struct rig r;

		run(&r, &peer, "r@a.test");
		assert_int_equal(r.result->outcome, HK_RCPT_PENDING);
		assert_int_equal(peer.connections, 4);
		assert_false(rig_saw(&r, "connect 10.0.0.2"));
		rig_done(&r);
	}
}

/* Nothing was handed over: another host may have it, under an id of its own. */
static void what_is_not_whole_goes_to_the_next_host(void **state)
{
	struct rig_peer peers[] = {{.ip = "10.0.0.1", .script = HELLO "250 ok|250 ok|354 go", .then = {"close"}, .cut_after = 100000},
	    {.ip = "10.0.0.2", .script = HELLO "250 ok|250 ok|354 go|250 2.0.0 queued|221 bye"}};
	struct rig_mail mail = simple;
	struct rig r;

	(void)state;
	mail.body = NULL;
	mail.body_size = 320000;
	rig_begin(&r, CONF ROUTE, peers);
	r.n_peers = 2;
	rig_put(&r, &mail);
	rig_run(&r);
	if (r.result->outcome != HK_RCPT_DELIVERED)
		fail_msg("%u %s\n%.*s", r.result->code, r.result->text, HK_FMT(hk_buf_slice(&r.events)));
	assert_int_equal(peers[0].connections, 4);
	assert_int_equal(peers[1].connections, 1);
	rig_done(&r);
}

/* Who was refused is none of the transaction that goes on. */
static void only_those_who_were_taken_go_on(void **state)
{
	static const char *const then[] = {HELLO "355 62 is|354 go|250 2.0.0 queued|221 bye", HELLO "250 ok|250 ok|354 go|250 2.0.0 queued|221 bye"};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(then); i++) {
		struct rig_peer peer = {.script = HELLO "250 ok|550 5.1.1 no|250 ok|451 4.2.1 later|354 go|close", .then = {then[i]}};
		struct rig r;

		run(&r, &peer, "p@a.test q@a.test r@a.test");
		assert_int_equal(r.result[0].outcome, HK_RCPT_FAILED);
		assert_int_equal(r.result[1].outcome, HK_RCPT_DELIVERED);
		assert_int_equal(r.result[2].outcome, HK_RCPT_PENDING);
		assert_int_equal(r.result[2].code, 451);
		assert_int_equal(peer.connections, 2);
		assert_int_equal(times(got_of(&r), "RCPT TO:<p@a.test>"), 1);
		assert_int_equal(times(got_of(&r), "RCPT TO:<q@a.test>"), 1 + i);
		rig_done(&r);
	}
}

static void each_transaction_has_an_id_of_its_own(void **state)
{
	struct rig_peer peer = {.script = "220 hi|250-h\n250-LIMITS RCPTMAX=1\n250 CHECKPOINT|250 ok|250 ok|354 go|250 ok|250 ok|250 ok|354 go|250 ok|221 bye"};
	const char *first, *second;
	struct rig r;

	(void)state;
	run(&r, &peer, "p@a.test q@a.test");
	first = strstr(got_of(&r), " TRANSID=");
	assert_non_null(first);
	second = strstr(first + 1, " TRANSID=");
	assert_non_null(second);
	assert_true(strncmp(first, second, strcspn(first, "\r")) != 0);
	rig_done(&r);
}

static void without_route_or_offer_nothing_is_said(void **state)
{
	static const struct {
		const char *route, *script;
	} cases[] = {
	    {"route * { via mx; }\n", LOST},
	    {ROUTE, "220 hi|250 h|250 ok|250 ok|354 go|close"},
	    {"route * { via lmtp plain.test:24; checkpoint on; }\n", LOST},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct rig_peer peer = {.script = cases[i].script};
		char conf[2048];
		struct rig r;

		snprintf(conf, sizeof conf, "%s%s", CONF, cases[i].route);
		rig_begin(&r, conf, &peer);
		rig_put(&r, &simple);
		rig_run(&r);
		assert_int_equal(times(got_of(&r), "TRANSID"), 0);
		assert_int_equal(r.result->outcome, HK_RCPT_PENDING);
		assert_int_equal(peer.connections, 1);
		rig_done(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_lost_reply_is_asked_for),
	    cmocka_unit_test(a_message_that_broke_off_goes_on_at_the_same_address),
	    cmocka_unit_test(a_server_that_is_not_ready_is_asked_again),
	    cmocka_unit_test(a_server_that_has_forgotten_gets_all_of_it),
	    cmocka_unit_test(what_may_be_there_waits),
	    cmocka_unit_test(what_is_not_whole_goes_to_the_next_host),
	    cmocka_unit_test(only_those_who_were_taken_go_on),
	    cmocka_unit_test(each_transaction_has_an_id_of_its_own),
	    cmocka_unit_test(without_route_or_offer_nothing_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
