/* SPDX-License-Identifier: MIT
 *
 * What goes first, and what time does: herds, and calendars that jump.
 */
#include <stdio.h>
#include <stdlib.h>

#include "engine/owner_rig.h"
#include "tests/unit.h"

#define CONF_ORDER                                                                                 \
	"hostname mx.b.test; spool /spool; accept b.test; retry 100s 200s; lifetime 1h; delay-notice 0;" \
	"listen mx { address 127.0.0.1:25; role mx; }"                                                 \
	"route * { via mx; concurrency %d; }"

enum { MANY = 200 };

static void begin(struct rig *r, int concurrency, size_t jobs_max)
{
	char conf[600];

	snprintf(conf, sizeof conf, CONF_ORDER, concurrency);
	start(r, conf);
	if (jobs_max) {
		hk_owner_free(r->owner);
		r->jobs_max = jobs_max;
		open_owner(r);
	}
}

static size_t take(struct rig *r, struct hk_job *job[])
{
	struct hk_order order;
	size_t n = 0;

	while (n < MANY && next_order(r, &order))
		if (order.type == HK_ORDER_DELIVER)
			job[n++] = order.job;
	return n;
}

static void give(struct rig *r, struct hk_job *job[], size_t n, enum hk_rcpt_outcome outcome)
{
	while (n--)
		give_back(r, job[n], outcome);
	pass(r, 0);
}

/* As often as it takes. */
static void give_all(struct rig *r, enum hk_rcpt_outcome outcome)
{
	struct hk_job *job[MANY];
	size_t n;

	while ((n = take(r, job)))
		give(r, job, n, outcome);
}

static void put_some(struct rig *r, const char *from, const char *to, unsigned n)
{
	while (n--)
		hk_owner_put(r->owner, make(r, from, to, 0), 77);
	hk_owner_step(r->owner, &r->now);
}

/* R9: one slot is enough to see the order in which a hop's mail goes. */
static void new_mail_goes_before_what_was_put_off_and_does_not_starve_it(void **state)
{
	struct hk_job *job[MANY];
	struct rig r;
	char order[MANY] = "";
	size_t n = 0;

	(void)state;
	begin(&r, 1, 0);
	put_some(&r, "s@x.test", "old@c.test", 8);
	give_all(&r, HK_RCPT_PENDING);
	pass(&r, 200);
	assert_int_equal(take(&r, job), 1); /* the first of them is out */
	put_some(&r, "s@x.test", "new@c.test", 8);
	do {
		order[n++] = job[0]->attempt > 1 ? 'o' : 'n';
		give(&r, job, 1, HK_RCPT_DELIVERED);
	} while (take(&r, job));
	assert_string_equal(order, "onnonnnonnnooooo");
	finish(&r);
}

static void reports_and_what_an_operator_wants_go_first(void **state)
{
	struct hk_queue_call *call;
	struct hk_job *job[MANY];
	struct hk_order order;
	struct rig r;
	struct hk_mail *large;
	uint64_t wanted;

	(void)state;
	begin(&r, 1, 0);
	put_some(&r, "s@x.test", "first@c.test", 1); /* so that nobody's turn out of line comes below */
	give_all(&r, HK_RCPT_DELIVERED);
	put_some(&r, "s@x.test", "old@c.test", 2);
	wanted = r.next_id - 1;
	give_all(&r, HK_RCPT_PENDING);
	put_some(&r, "s@x.test", "busy@c.test", 1);
	assert_int_equal(take(&r, job), 1);
	large = make(&r, "s@x.test", "large@c.test", 0);
	large->body_size = HK_LARGE_MAIL;
	large->body_file = HK_S("none");
	hk_owner_put(r.owner, large, 77);
	put_some(&r, "s@x.test", "new@c.test", 1);
	call = hk_queue_call_new(HK_QUEUE_RETRY, 65536);
	assert_non_null(call);
	call->id = &wanted;
	call->n_ids = 1;
	hk_owner_call(r.owner, call);
	hk_owner_step(r.owner, &r.now);
	while (hk_owner_next(r.owner, &order))
		if (order.type == HK_ORDER_CALLED)
			hk_queue_call_free(order.call);
	give(&r, job, 1, HK_RCPT_DELIVERED);
	assert_int_equal(take(&r, job), 1);
	assert_int_equal(job[0]->id, wanted);
	give(&r, job, 1, HK_RCPT_DELIVERED);
	assert_int_equal(take(&r, job), 1);
	assert_int_equal(job[0]->id, wanted + 3); /* the new one before the large one */
	give(&r, job, 1, HK_RCPT_DELIVERED);
	give_all(&r, HK_RCPT_DELIVERED);
	/* our own report for somebody at a busy hop */
	put_some(&r, "s@c.test", "x@other.test", 1);
	assert_int_equal(take(&r, job), 1);
	put_some(&r, "", "y@c.test", 4);
	assert_int_equal(take(&r, job + 1), 1);
	give(&r, job, 1, HK_RCPT_FAILED); /* makes it */
	give(&r, job + 1, 1, HK_RCPT_DELIVERED);
	assert_int_equal(take(&r, job), 1);
	if (job[0]->id < r.next_id) { /* each fourth time it is somebody else */
		give(&r, job, 1, HK_RCPT_DELIVERED);
		assert_int_equal(take(&r, job), 1);
	}
	assert_true(job[0]->id > r.next_id + 1000); /* an id of the owner's own */
	give(&r, job, 1, HK_RCPT_DELIVERED);
	give_all(&r, HK_RCPT_DELIVERED);
	finish(&r);
}

/* R9: all that was put off comes back at once, and its hops hang: new mail for others has deliveries left. */
static void a_herd_leaves_a_quarter_of_the_deliveries(void **state)
{
	static const size_t jobs_max[] = {1, 2, 7, 8, 40};
	static const size_t herd[] = {1, 2, 6, 6, 30};
	struct hk_job *job[MANY], *fresh[MANY];
	struct rig r;
	size_t i, k, n;

	(void)state;
	for (i = 0; i < COUNT(jobs_max); i++) {
		begin(&r, 5, jobs_max[i]);
		for (k = 0; k < 50; k++) {
			char to[40];

			snprintf(to, sizeof to, "u@d%zu.test", k);
			put_some(&r, "s@x.test", to, 2);
		}
		give_all(&r, HK_RCPT_PENDING);
		pass(&r, 250);
		n = take(&r, job);
		assert_int_equal(n, herd[i]);
		put_some(&r, "s@x.test", "new@fresh.test", 1);
		assert_int_equal(take(&r, fresh), jobs_max[i] > herd[i]);
		if (jobs_max[i] > herd[i])
			give(&r, fresh, 1, HK_RCPT_DELIVERED);
		/* and for one that has itself a share in the herd */
		put_some(&r, "s@x.test", "new@d49.test", 1);
		assert_int_equal(take(&r, fresh), jobs_max[i] > herd[i]);
		if (jobs_max[i] > herd[i])
			give(&r, fresh, 1, HK_RCPT_DELIVERED);
		give(&r, job, n, HK_RCPT_DELIVERED);
		give_all(&r, HK_RCPT_DELIVERED);
		assert_int_equal(counts(&r).queued, 0);
		assert_int_equal(r.owner->later_out, 0);
		finish(&r);
	}
}

/* R9: what failed in one second does not come back in one. */
static void what_was_put_off_together_comes_back_apart(void **state)
{
	enum { MAILS = 150 };
	struct hk_job *job[MANY];
	struct rig r;
	size_t i, n, most = 0, all = 0;

	(void)state;
	begin(&r, 1000, 0);
	put_some(&r, "", "u@c.test", MAILS);
	give_all(&r, HK_RCPT_PENDING);
	pass(&r, 99);
	assert_int_equal(take(&r, job), 0);
	for (i = 0; i < 15; i++) {
		pass(&r, 1);
		n = take(&r, job);
		give(&r, job, n, HK_RCPT_DELIVERED);
		all += n;
		most = n > most ? n : most;
	}
	assert_int_equal(all, MAILS);
	assert_in_range(most, 5, MAILS / 4);
	finish(&r);
}

/* R6, R9: the calendar is set, to any time: nothing expires, nothing is tried earlier or later for it. */
static void a_calendar_that_jumps_changes_no_time_of_the_queue(void **state)
{
	static const int64_t utc[] = {0, 2147483648, 4294967296, 1796000000 + INT64_C(315360000), 1796000000 - INT64_C(315360000), -1};
	struct hk_job *job[MANY];
	struct rig r;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(utc); i++) {
		begin(&r, 5, 0);
		put_some(&r, "s@x.test", "u@c.test", 1);
		assert_int_equal(take(&r, job), 1);
		give(&r, job, 1, HK_RCPT_PENDING);
		r.now.utc = utc[i];
		pass(&r, 99);
		assert_int_equal(take(&r, job), 0);
		assert_int_equal(counts(&r).failed, 0);
		pass(&r, 14);
		assert_int_equal(take(&r, job), 1);
		give(&r, job, 1, HK_RCPT_PENDING);
		/* a start of the server knows nothing but the calendar: no mail waits longer than the longest retry, none is lost */
		restart(&r);
		assert_int_equal(counts(&r).queued, 1);
		pass(&r, 226);
		assert_int_equal(take(&r, job), 1);
		give(&r, job, 1, HK_RCPT_DELIVERED);
		assert_int_equal(counts(&r).queued, 0);
		finish(&r);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(new_mail_goes_before_what_was_put_off_and_does_not_starve_it),
	    cmocka_unit_test(reports_and_what_an_operator_wants_go_first),
	    cmocka_unit_test(a_herd_leaves_a_quarter_of_the_deliveries),
	    cmocka_unit_test(what_was_put_off_together_comes_back_apart),
	    cmocka_unit_test(a_calendar_that_jumps_changes_no_time_of_the_queue),
	};

	return cmocka_run_group_tests_name("owner-order", tests, NULL, NULL);
}
