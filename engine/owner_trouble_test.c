/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "engine/owner_rig.h"
#include "tests/unit.h"

static struct hk_job *start_with_a_job(struct rig *r)
{
	start(r, CONF_MX);
	assert_int_equal(put(r, make(r, "s@a.test", "u@b.test", 0)), HK_OK);
	return next_job(r);
}

static void mail_without_a_route_is_given_up_at_the_end_of_its_lifetime_only(void **state)
{
	struct rig r;
	size_t i;

	(void)state;
	start(&r, CONF_HEAD "route a.test { via mx; }");
	assert_int_equal(put(&r, make(&r, "s@a.test", "u@nowhere.test", 0)), HK_OK);
	for (i = 0; i < 3590; i += 10)
		pass(&r, 10);
	assert_int_equal(counts(&r).dsns, 0);
	for (i = 0; i < 60; i += 10)
		pass(&r, 10);
	assert_int_equal(counts(&r).dsns, 1);
	hk_job_free(next_job(&r));
	finish(&r);
}

static void a_released_job_is_as_if_never_tried(void **state)
{
	struct rig r;
	struct hk_job *job;

	(void)state;
	job = start_with_a_job(&r);
	job->released = true;
	give_back(&r, job, HK_RCPT_DELIVERED); /* what it says does not count */
	pass(&r, 0);
	assert_null(next_job(&r));
	pass(&r, 5);
	job = next_job(&r);
	assert_int_equal(job->attempt, 1);
	job->released = true;
	hk_owner_result(r.owner, job);
	pass(&r, 0);
	pass(&r, 9);
	assert_null(next_job(&r));
	pass(&r, 1);
	give_back(&r, next_job(&r), HK_RCPT_DELIVERED);
	pass(&r, 0);
	assert_int_equal(counts(&r).queued, 0);
	finish(&r);
}

static void results_wait_for_a_disk_that_fails_and_no_delivery_begins(void **state)
{
	struct rig r;
	struct hk_job *job;

	(void)state;
	job = start_with_a_job(&r);
	r.disk.faults.sync = 1000000;
	assert_int_equal(put(&r, make(&r, "s@a.test", "u@c.test", 0)), HK_IO);
	pass(&r, 1);
	assert_int_equal(put(&r, make(&r, "s@a.test", "u@c.test", 0)), HK_IO);
	assert_int_equal(hk_owner_intake(r.owner), HK_IO);
	give_back(&r, job, HK_RCPT_DELIVERED);
	pass(&r, 1);
	pass(&r, 1);
	assert_int_equal(counts(&r).delivered, 0);
	assert_null(next_job(&r));
	assert_false(hk_owner_is_idle(r.owner));
	r.disk.faults.sync = 0;
	pass(&r, 1);
	pass(&r, 1);
	assert_int_equal(counts(&r).delivered, 1);
	assert_int_equal(hk_owner_intake(r.owner), HK_OK);
	assert_int_equal(put(&r, make(&r, "s@a.test", "u@c.test", 0)), HK_OK);
	assert_int_equal(counts(&r).queued, 1);
	hk_job_free(next_job(&r));
	finish(&r);
}

/* Not one octet is left, and no reserve: what came back cannot be recorded, so nothing else goes out, and nothing is delivered twice. Our report of
 * the failure waits with its completion. With space all of it goes on. */
static void without_space_for_completions_no_delivery_begins(void **state)
{
	enum hk_rcpt_outcome outcome;

	(void)state;
	for (outcome = HK_RCPT_DELIVERED; outcome <= HK_RCPT_FAILED; outcome++) {
		struct hk_job *job, *second;
		struct hk_spool *s;
		struct rig r;
		unsigned i;

		job = start_with_a_job(&r);
		assert_int_equal(put(&r, make(&r, "s@a.test", "u@c.test", 0)), HK_OK);
		second = must(next_job(&r));
		second->released = true; /* it would go again after ten seconds */
		hk_owner_result(r.owner, second);
		pass(&r, 0);
		s = r.owner->spool;
		s->has_reserve = false;
		assert_int_equal(r.disk.disk.ops->unlink(&r.disk.disk, "/spool/journal/reserve"), HK_OK);
		hk_spool_last(s)->size = hk_spool_last(s)->used;
		hk_segment_trim(s);
		s->segment_size = hk_spool_last(s)->used; /* no room in it */
		r.disk.capacity = 1;
		give_back(&r, job, outcome);
		for (i = 0; i < 60; i++) {
			pass(&r, 1);
			assert_null(next_job(&r));
			assert_int_equal(counts(&r).delivered + counts(&r).dsns, 0);
			assert_int_equal(put(&r, make(&r, "s@a.test", "u@d.test", 0)), HK_FULL);
		}
		assert_int_equal(counts(&r).queued, 2);
		r.disk.capacity = 0;
		s->segment_size = 256 * 1024;
		pass(&r, 1);
		pass(&r, 1);
		pass(&r, 1);
		assert_int_equal(counts(&r).delivered + counts(&r).dsns, 1);
		/* what was put off, and the report */
		for (i = 0; (job = next_job(&r)); i++)
			hk_job_free(job);
		assert_int_equal(i, outcome == HK_RCPT_FAILED ? 2 : 1);
		assert_int_equal(put(&r, make(&r, "s@a.test", "u@d.test", 0)), HK_OK);
		finish(&r);
	}
}

/* More reports than a batch has room for: a failure whose report does not fit waits for the next one, and is never recorded alone. */
static void a_failure_waits_for_the_room_of_its_report(void **state)
{
	enum { MAILS = 12, HEADER = 30000 };
	struct hk_job *job[MAILS];
	struct hk_spool_counts before, after;
	static uint8_t header[HEADER];
	struct rig r;
	size_t i;

	(void)state;
	memset(header, 'x', sizeof header);
	memcpy(header, "Subject: ", 9);
	memcpy(header + HEADER - 2, "\r\n", 2);
	start(&r, CONF_MX);
	for (i = 0; i < MAILS; i++) {
		struct hk_mail *m;
		char to[32];

		snprintf(to, sizeof to, "u@d%zu.test", i);
		m = make(&r, "s@a.test", to, 0);
		m->header = hk_slice_of(header, sizeof header);
		assert_int_equal(put(&r, m), HK_OK);
		job[i] = must(next_job(&r));
	}
	hk_spool_count(r.owner->spool, &before);
	for (i = 0; i < MAILS; i++)
		give_back(&r, job[i], HK_RCPT_FAILED);
	pass(&r, 0);
	assert_in_range(counts(&r).dsns, 2, MAILS - 1);
	assert_int_equal(counts(&r).queued, MAILS);
	for (i = 0; i < MAILS; i++)
		pass(&r, 1);
	hk_spool_count(r.owner->spool, &after);
	assert_in_range(after.commits - before.commits, 2, MAILS);
	assert_int_equal(counts(&r).dsns, MAILS);
	assert_int_equal(counts(&r).failed, MAILS);
	assert_int_equal(counts(&r).queued, MAILS);
	while ((job[0] = next_job(&r)))
		hk_job_free(job[0]);
	finish(&r);
}

static void after_stop_nothing_begins_and_what_is_out_comes_home(void **state)
{
	struct rig r;
	struct hk_job *job;

	(void)state;
	job = start_with_a_job(&r);
	hk_owner_stop(r.owner);
	assert_int_equal(put(&r, make(&r, "s@a.test", "u@c.test", 0)), HK_OK);
	assert_null(next_job(&r));
	assert_false(hk_owner_is_idle(r.owner));
	give_back(&r, job, HK_RCPT_DELIVERED);
	pass(&r, 0);
	assert_true(hk_owner_is_idle(r.owner));
	restart(&r);
	assert_int_equal(counts(&r).queued, 1);
	finish(&r);
}

static void mail_that_is_not_durable_yet_is_bounded(void **state)
{
	struct rig r;
	struct hk_order order;
	struct hk_mail *m;
	static uint8_t large[HK_BODY_INLINE_MAX];
	size_t i, ok = 0, full = 0;

	(void)state;
	start(&r, CONF_MX);
	for (i = 0; i < 300; i++) {
		m = make(&r, "s@a.test", "u@b.test", 0);
		m->body = hk_slice_of(large, sizeof large);
		hk_owner_put(r.owner, m, i);
	}
	while (next_order(&r, &order)) {
		assert_int_equal(order.status, HK_FULL);
		full++;
	}
	assert_in_range(full, 40, 60); /* 64 MiB of 300 times 256 KiB */
	hk_owner_free(r.owner);
	hk_sim_disk_kill(&r.disk);
	open_owner(&r);
	/* in batches that have room each */
	for (i = 0; i < 100; i++) {
		m = make(&r, "s@a.test", "u@b.test", 0);
		m->body = hk_slice_of(large, 40000);
		hk_owner_put(r.owner, m, i);
	}
	hk_owner_stop(r.owner);
	for (i = 0; i < 100 && ok < 100; i++) {
		hk_owner_step(r.owner, &r.now);
		while (next_order(&r, &order)) {
			assert_int_equal(order.status, HK_OK);
			ok++;
		}
	}
	assert_int_equal(ok, 100);
	finish(&r);
}

static void wait_ms(struct rig *r, uint64_t ms)
{
	r->now.mono_ms += ms;
	hk_owner_step(r->owner, &r->now);
}

/* Five seconds without a commit; and whoever sends mail meanwhile has the disk for himself again. */
static void the_spool_rests_when_nothing_comes(void **state)
{
	struct rig r;
	const struct hk_spool *s;
	unsigned i;

	(void)state;
	start(&r, CONF_MX);
	s = r.owner->spool;
	for (i = 0; i < 20; i++) {
		assert_int_equal(put(&r, make(&r, "s@a.test", "u@b.test", 0)), HK_OK);
		hk_job_free(next_job(&r));
	}
	for (i = 0; i < 10; i++)
		wait_ms(&r, HK_OWNER_TIDY_MS / 10);
	assert_true(s->ahead > s->at_rest);
	wait_ms(&r, HK_OWNER_QUIET_MS - 1001);
	assert_int_equal(hk_owner_deadline(r.owner), r.now.mono_ms + 1);
	assert_int_equal(s->n_segments, 1);
	wait_ms(&r, 1);
	assert_int_equal(s->n_segments, 2);
	/* a mail comes: it rests no more, until all is quiet again */
	assert_int_equal(put(&r, make(&r, "s@a.test", "u@c.test", 0)), HK_OK);
	hk_job_free(next_job(&r));
	for (i = 0; i < HK_OWNER_QUIET_MS - 1; i++)
		wait_ms(&r, 1);
	assert_true(s->ahead > s->at_rest);
	for (i = 0; r.owner->tidy_at != UINT64_MAX; i++) {
		wait_ms(&r, r.owner->tidy_at - r.now.mono_ms);
		assert_true(i < 20);
	}
	assert_int_equal(s->n_segments, 1);
	assert_int_equal(s->live.n, 21);
	assert_int_equal(hk_spool_last(s)->size, hk_spool_last(s)->used + s->at_rest);
	finish(&r);
}

/* SEC 1.8: system clock 1970/2038/2106. A clock that was never set, one that passes the end of 32 bits, with and without a sign, on the way, and one of long after: mail
 * waits as long as in any year, also over a start, and its sender is told in words of that year. */
static void the_year_makes_no_difference(void **state)
{
	static const int64_t years[] = {0, INT32_MAX - 90, (int64_t)UINT32_MAX - 90, 32503680000};
	struct hk_job *job;
	struct rig r;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(years); i++) {
		start(&r, CONF_MX);
		r.now.utc = years[i];
		assert_int_equal(put(&r, make(&r, "s@a.test", "u@b.test v@c.test", 0)), HK_OK);
		give_back(&r, next_job(&r), HK_RCPT_FAILED);
		give_back(&r, next_job(&r), HK_RCPT_PENDING);
		pass(&r, 0);
		job = must(next_job(&r)); /* the report */
		assert_int_equal(counts(&r).dsns, 1);
		give_back(&r, job, HK_RCPT_DELIVERED);
		pass(&r, 59);
		assert_null(next_job(&r));
		pass(&r, 10);
		give_back(&r, must(next_job(&r)), HK_RCPT_PENDING);
		pass(&r, 0);
		restart(&r);
		pass(&r, 140);
		give_back(&r, must(next_job(&r)), HK_RCPT_DELIVERED);
		pass(&r, 1);
		assert_int_equal(counts(&r).queued, 0);
		assert_int_equal(counts(&r).dsns, 0); /* since the start */
		finish(&r);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(mail_without_a_route_is_given_up_at_the_end_of_its_lifetime_only),
	    cmocka_unit_test(a_released_job_is_as_if_never_tried),
	    cmocka_unit_test(results_wait_for_a_disk_that_fails_and_no_delivery_begins),
	    cmocka_unit_test(without_space_for_completions_no_delivery_begins),
	    cmocka_unit_test(a_failure_waits_for_the_room_of_its_report),
	    cmocka_unit_test(after_stop_nothing_begins_and_what_is_out_comes_home),
	    cmocka_unit_test(mail_that_is_not_durable_yet_is_bounded),
	    cmocka_unit_test(the_spool_rests_when_nothing_comes),
	    cmocka_unit_test(the_year_makes_no_difference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
