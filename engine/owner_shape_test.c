/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "engine/owner_rig.h"
#include "tests/unit.h"

#define CONF_SHAPE                                                                                 \
	"hostname mx.b.test; spool /spool; accept b.test; retry 100s 200s; lifetime 1h;"               \
	"listen mx { address 127.0.0.1:25; role mx; }"                                                 \
	"route * { via mx; concurrency 8; }"

enum { MANY = 40 };

static void put_many(struct rig *r, const char *to)
{
	size_t i;

	for (i = 0; i < MANY; i++) {
		hk_owner_put(r->owner, make(r, "", to, 0), 77);
	}
	hk_owner_step(r->owner, &r->now);
	for (i = 0; i < MANY; i++) {
		struct hk_order order;

		assert_true(next_order(r, &order));
		assert_int_equal(order.type, HK_ORDER_COMMITTED);
	}
}

/* All that is out now. */
static size_t take(struct rig *r, struct hk_job *job[MANY])
{
	size_t n = 0;

	while (n < MANY && (job[n] = next_job(r)))
		n++;
	return n;
}

static void give_all(struct rig *r, struct hk_job *job[], size_t n, enum hk_rcpt_outcome outcome, enum hk_hop_news news)
{
	size_t i;

	for (i = 0; i < n; i++) {
		job[i]->news = news;
		give_back(r, job[i], outcome);
	}
	pass(r, 0);
}

static void deliveries_at_once_grow_to_what_the_route_allows(void **state)
{
	static const size_t expected[] = {5, 8, 8};
	struct hk_job *job[MANY];
	struct rig r;
	size_t i, n;

	(void)state;
	start(&r, CONF_SHAPE);
	put_many(&r, "u@b.test");
	for (i = 0; i < COUNT(expected); i++) {
		n = take(&r, job);
		assert_int_equal(n, expected[i]);
		give_all(&r, job, n, HK_RCPT_DELIVERED, HK_HOP_TALKED);
	}
	give_all(&r, job, take(&r, job), HK_RCPT_DELIVERED, HK_HOP_TALKED);
	finish(&r);
}

static void a_hop_that_is_down_is_not_asked_by_each_message(void **state)
{
	struct hk_job *job[MANY];
	struct rig r;
	size_t n;

	(void)state;
	start(&r, CONF_SHAPE);
	put_many(&r, "u@b.test");
	n = take(&r, job);
	assert_int_equal(n, 5);
	give_all(&r, job, n, HK_RCPT_PENDING, HK_HOP_DOWN);
	pass(&r, 1);
	assert_int_equal(take(&r, job), 0);
	assert_int_equal(counts(&r).deferred, MANY); /* put off, each by its own times */
	/* another hop does not suffer */
	assert_int_equal(put(&r, make(&r, "", "u@c.test", 0)), HK_OK);
	assert_int_equal(take(&r, job), 1);
	give_all(&r, job, 1, HK_RCPT_DELIVERED, HK_HOP_TALKED);
	/* mail that comes meanwhile is put off too, and told why */
	assert_int_equal(put(&r, make(&r, "", "u@b.test", 0)), HK_OK);
	assert_int_equal(take(&r, job), 0);
	pass(&r, 0);
	assert_int_equal(counts(&r).deferred, MANY + 1);
	/* after the rest half as many; and growing as it goes well */
	pass(&r, 113);
	n = take(&r, job);
	assert_int_equal(n, 2);
	give_all(&r, job, n, HK_RCPT_DELIVERED, HK_HOP_TALKED);
	n = take(&r, job);
	assert_int_equal(n, 3);
	give_all(&r, job, n, HK_RCPT_DELIVERED, HK_HOP_TALKED);
	while ((n = take(&r, job)))
		give_all(&r, job, n, HK_RCPT_DELIVERED, HK_HOP_TALKED);
	finish(&r);
}

/* Whether the hop is asked for mail that comes now, and what becomes of that. */
static bool is_asked(struct rig *r, enum hk_hop_news news)
{
	struct hk_job *job[MANY];
	struct hk_order order;
	size_t n = 0;

	hk_owner_put(r->owner, make(r, "", "u@b.test", 0), 77);
	hk_owner_step(r->owner, &r->now);
	while (n < MANY && next_order(r, &order)) /* what waited may be due as well */
		if (order.type == HK_ORDER_DELIVER)
			job[n++] = order.job;
	give_all(r, job, n, news == HK_HOP_TALKED ? HK_RCPT_DELIVERED : HK_RCPT_PENDING, news);
	return n > 0;
}

/* Three quarters of the time to the next try, which is the first one again after a success. */
static void a_hop_rests_so_long_and_no_longer(void **state)
{
	static const uint64_t rests[] = {75, 150, 150};
	struct rig r;
	size_t i;

	(void)state;
	start(&r, CONF_SHAPE);
	for (i = 0; i < COUNT(rests); i++) {
		assert_true(is_asked(&r, HK_HOP_DOWN));
		pass(&r, rests[i] - 1);
		assert_false(is_asked(&r, HK_HOP_DOWN));
		pass(&r, 1);
	}
	while (is_asked(&r, HK_HOP_TALKED) && counts(&r).queued)
		pass(&r, 200);
	assert_true(is_asked(&r, HK_HOP_DOWN));
	pass(&r, 74);
	assert_false(is_asked(&r, HK_HOP_DOWN));
	pass(&r, 1);
	assert_true(is_asked(&r, HK_HOP_TALKED));
	finish(&r);
}

/* Asks for ids 1 to MANY, or for a domain; how many deliveries begin by it. */
static size_t ask_now(struct rig *r, enum hk_queue_verb verb, const char *domain, struct hk_job *job[MANY])
{
	struct hk_queue_call *c = hk_queue_call_new(verb, ANSWER_MOST);
	struct hk_order order;
	uint64_t id[MANY];
	size_t i;

	for (i = 0; i < MANY; i++)
		id[i] = i + 1;
	c->id = id;
	c->n_ids = domain ? 0 : MANY;
	c->domain = hk_slice_str(domain);
	hk_owner_call(r->owner, c);
	hk_owner_step(r->owner, &r->now);
	assert_true(next_order(r, &order));
	assert_int_equal(order.type, HK_ORDER_CALLED);
	assert_int_equal(c->status, HK_OK);
	hk_queue_call_free(c);
	pass(r, 0);
	return take(r, job);
}

/* RFC 1985 3: the host that asks for its mail was down until now, and is not any more. */
static void a_hop_that_rests_is_asked_when_an_operator_or_etrn_wants_it(void **state)
{
	struct hk_job *job[MANY];
	struct rig r;
	size_t n;

	(void)state;
	start(&r, CONF_SHAPE);
	put_many(&r, "u@b.test");
	give_all(&r, job, take(&r, job), HK_RCPT_PENDING, HK_HOP_DOWN);
	assert_int_equal(ask_now(&r, HK_QUEUE_RUN, "c.test", job), 0);
	assert_int_equal(ask_now(&r, HK_QUEUE_HOLD, NULL, job), 0);
	assert_int_equal(ask_now(&r, HK_QUEUE_RETRY, NULL, job), 0); /* what is held wakes nobody */
	assert_int_equal(ask_now(&r, HK_QUEUE_RELEASE, NULL, job), 0);
	/* by as few as it had learnt; while it is still down that teaches it to rest again */
	n = ask_now(&r, HK_QUEUE_RETRY, NULL, job);
	assert_int_equal(n, 2);
	give_all(&r, job, n, HK_RCPT_PENDING, HK_HOP_DOWN);
	assert_int_equal(take(&r, job), 0);
	n = ask_now(&r, HK_QUEUE_RUN, "@test", job);
	assert_int_equal(n, 1);
	give_all(&r, job, n, HK_RCPT_DELIVERED, HK_HOP_TALKED);
	while ((n = take(&r, job)))
		give_all(&r, job, n, HK_RCPT_DELIVERED, HK_HOP_TALKED);
	assert_int_equal(counts(&r).queued, 0);
	finish(&r);
}

/* A delivery that could not be made says nothing of the hop. */
static void what_came_to_nothing_teaches_nothing(void **state)
{
	struct hk_job *job[MANY];
	struct rig r;
	size_t n, i;

	(void)state;
	start(&r, CONF_SHAPE);
	put_many(&r, "u@b.test");
	n = take(&r, job);
	assert_int_equal(n, 5);
	for (i = 0; i < n; i++)
		job[i]->released = true;
	give_all(&r, job, n, HK_RCPT_PENDING, HK_HOP_TALKED);
	n = take(&r, job);
	assert_int_equal(n, 5);
	give_all(&r, job, n, HK_RCPT_DELIVERED, HK_HOP_TALKED);
	finish(&r);
}

/* R7: what waits for a hop that is down for ever ends by its lifetime, not before and not much later. */
static void mail_for_a_hop_that_stays_down_ends_by_its_lifetime(void **state)
{
	struct hk_job *job[MANY];
	struct rig r;
	size_t n, i, asked = 0, last = 0;

	(void)state;
	start(&r, CONF_SHAPE);
	put_many(&r, "u@b.test");
	for (i = 0; i < 3590; i += 10) {
		n = take(&r, job);
		asked += n;
		give_all(&r, job, n, HK_RCPT_PENDING, HK_HOP_DOWN);
		pass(&r, 10);
		assert_int_equal(counts(&r).queued, MANY);
	}
	for (i = 0; i < 60; i++) {
		n = take(&r, job);
		last += n;
		give_all(&r, job, n, HK_RCPT_PENDING, HK_HOP_DOWN);
		pass(&r, 1);
	}
	assert_int_equal(counts(&r).queued, 0);
	assert_in_range(asked, 10, 60); /* of 40 messages at about 18 tries each */
	assert_in_range(last, MANY, MANY); /* and each was really tried once more before its end */
	finish(&r);
}

/* For an hour the whole hop is spared the family that failed. */
static void a_family_that_failed_comes_last_for_an_hour(void **state)
{
	struct hk_job *job[MANY];
	struct rig r;

	(void)state;
	start(&r, CONF_SHAPE);
	assert_int_equal(put(&r, make(&r, "", "u@b.test", 0)), HK_OK);
	assert_int_equal(take(&r, job), 1);
	assert_int_equal(job[0]->family_last, 0);
	job[0]->family_failed = 6;
	give_all(&r, job, 1, HK_RCPT_PENDING, HK_HOP_TALKED); /* so that its hop stays */
	pass(&r, 113);
	assert_int_equal(take(&r, job), 1);
	assert_int_equal(job[0]->family_last, 6);
	give_all(&r, job, 1, HK_RCPT_PENDING, HK_HOP_TALKED);
	assert_int_equal(put(&r, make(&r, "", "u@c.test", 0)), HK_OK);
	assert_int_equal(take(&r, job), 1);
	assert_int_equal(job[0]->family_last, 0);
	give_all(&r, job, 1, HK_RCPT_DELIVERED, HK_HOP_TALKED);
	pass(&r, 3600 - 114);
	assert_int_equal(take(&r, job), 1);
	assert_int_equal(job[0]->family_last, 6);
	give_all(&r, job, 1, HK_RCPT_PENDING, HK_HOP_TALKED);
	pass(&r, 1);
	assert_int_equal(take(&r, job), 1); /* the last try of its life */
	assert_int_equal(job[0]->family_last, 0);
	give_all(&r, job, 1, HK_RCPT_DELIVERED, HK_HOP_TALKED);
	finish(&r);
}

/* In no window of its time, wherever it begins, are there more than the rate says; and hardly fewer. */
static void a_rate_holds_in_any_window(void **state)
{
	static const struct {
		const char *text;
		unsigned most, window_ms, least;
	} cases[] = {{"1/1m", 1, 60000, 9}, {"10/1s", 10, 1000, 470}, {"100/1m", 100, 60000, 900}, {"1000/1s", 1000, 1000, 940}, {"70/1s", 70, 1000, 900}};
	enum { MAILS = 1000 };
	static uint64_t begun[MAILS];
	size_t i, k;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		char conf[600];
		struct hk_order order;
		struct rig r;
		size_t n = 0, first = 0;
		uint64_t end;
		unsigned steps = 0;

		snprintf(conf, sizeof conf, "hostname mx.b.test; spool /spool; accept b.test; listen mx { address 127.0.0.1:25; role mx; }"
		    "route * { via smtp 127.0.0.1:26; concurrency 1000; rate %s; }", cases[i].text);
		start(&r, conf);
		for (k = 0; k < MAILS; k++)
			hk_owner_put(r.owner, make(&r, "", "u@c.test", 0), 77);
		end = r.now.mono_ms + (cases[i].window_ms == 1000 ? cases[i].most < 1000 ? 50000 : 1000 : 600000);
		while (r.now.mono_ms < end && n < MAILS) {
			uint64_t at = hk_owner_deadline(r.owner);

			if (at > r.now.mono_ms)
				r.now.mono_ms = at < end ? at : end;
			hk_owner_step(r.owner, &r.now);
			while (next_order(&r, &order)) {
				if (order.type != HK_ORDER_DELIVER)
					continue;
				begun[n++] = r.now.mono_ms;
				give_back(&r, order.job, HK_RCPT_DELIVERED);
			}
			assert_in_range(steps++, 0, 20000);
		}
		for (k = 0; k < n; k++) {
			while (begun[k] - begun[first] >= cases[i].window_ms)
				first++;
			if (k - first + 1 > cases[i].most)
				fail_msg("%s: %zu within its time", cases[i].text, k - first + 1);
		}
		if (n < cases[i].least)
			fail_msg("%s: only %zu", cases[i].text, n);
		finish(&r);
	}
}

/* By a route that names its host too, and for all domains that go there. */
static void what_is_left_of_a_rate_outlives_the_last_message(void **state)
{
	static const char *const to[] = {"u@b.test", "u@b.test", "u@c.test"};
	struct hk_job *job[MANY];
	struct rig r;
	size_t i;

	(void)state;
	start(&r, "hostname mx.b.test; spool /spool; accept b.test; listen mx { address 127.0.0.1:25; role mx; }"
	          "route * { via smtp 127.0.0.1:26; rate 1/1h; }");
	for (i = 0; i < COUNT(to); i++) {
		assert_int_equal(put(&r, make(&r, "", to[i], 0)), HK_OK);
		assert_int_equal(take(&r, job), 1);
		job[0]->family_failed = 6;
		give_all(&r, job, 1, HK_RCPT_DELIVERED, HK_HOP_TALKED);
		assert_int_equal(counts(&r).queued, 0);
		assert_int_equal(put(&r, make(&r, "", to[i], 0)), HK_OK);
		pass(&r, 3500);
		assert_int_equal(take(&r, job), 0);
		pass(&r, 101);
		assert_int_equal(take(&r, job), 1);
		assert_int_equal(job[0]->family_last, 0); /* an hour has passed */
		give_all(&r, job, 1, HK_RCPT_DELIVERED, HK_HOP_TALKED);
		pass(&r, 3601);
	}
	finish(&r);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(deliveries_at_once_grow_to_what_the_route_allows),
	    cmocka_unit_test(a_hop_that_is_down_is_not_asked_by_each_message),
	    cmocka_unit_test(a_hop_rests_so_long_and_no_longer),
	    cmocka_unit_test(a_hop_that_rests_is_asked_when_an_operator_or_etrn_wants_it),
	    cmocka_unit_test(what_came_to_nothing_teaches_nothing),
	    cmocka_unit_test(mail_for_a_hop_that_stays_down_ends_by_its_lifetime),
	    cmocka_unit_test(a_family_that_failed_comes_last_for_an_hour),
	    cmocka_unit_test(a_rate_holds_in_any_window),
	    cmocka_unit_test(what_is_left_of_a_rate_outlives_the_last_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
