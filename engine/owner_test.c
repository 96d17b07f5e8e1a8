/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "engine/owner_rig.h"
#include "tests/unit.h"

static void a_mail_is_committed_then_delivered_then_gone(void **state)
{
	struct rig r;
	struct hk_job *job;
	struct hk_mail read = {0};

	(void)state;
	start(&r, CONF_MX);
	assert_int_equal(put(&r, make(&r, "a@a.test", "u@B.test", 0)), HK_OK);
	job = next_job(&r);
	assert_non_null(job);
	assert_true(job->id == 1 && job->attempt == 1 && job->n_rcpt == 1 && job->rcpt[0] == 0);
	assert_true(hk_slice_eq(job->domain, HK_S("b.test")));
	assert_ptr_equal(job->route, &r.conf->route[0]);
	hk_arena_init(&read.arena, 65536);
	assert_int_equal(hk_spool_read(&r.disk.disk, "/spool", &job->place, &read), HK_OK);
	assert_true(hk_slice_eq(read.body, HK_S("hello\r\n")));
	hk_arena_done(&read.arena);
	assert_null(next_job(&r));
	assert_false(hk_owner_is_idle(r.owner));
	give_back(&r, job, HK_RCPT_DELIVERED);
	assert_int_equal(hk_owner_deadline(r.owner), 0);
	hk_owner_step(r.owner, &r.now);
	assert_true(hk_owner_is_idle(r.owner));
	assert_int_equal(counts(&r).queued, 0);
	assert_int_equal(counts(&r).delivered, 1);
	hk_owner_free(r.owner);
	hk_sim_disk_cut(&r.disk);
	open_owner(&r);
	assert_int_equal(counts(&r).queued, 0);
	finish(&r);
}

static void recipients_share_a_job_by_domain_for_mx_and_by_route_otherwise(void **state)
{
	static const char to[] = "a@x.test b@y.test c@x.test d@z.test e@Y.TEST";
	struct rig r;
	struct hk_job *job;
	size_t i;

	(void)state;
	start(&r, CONF_MX);
	assert_int_equal(put(&r, make(&r, "a@a.test", to, 0)), HK_OK);
	for (i = 0; i < 3; i++) {
		static const size_t n[3] = {2, 2, 1};

		job = next_job(&r);
		assert_int_equal(job->n_rcpt, n[i]);
		give_back(&r, job, HK_RCPT_DELIVERED);
	}
	assert_null(next_job(&r));
	hk_owner_step(r.owner, &r.now);
	assert_int_equal(counts(&r).queued, 0);
	finish(&r);
	start(&r,
	    CONF_HEAD "route y.test { via lmtp 127.0.0.1:24; } route * { via smtp 127.0.0.1:26; }");
	assert_int_equal(put(&r, make(&r, "a@a.test", to, 0)), HK_OK);
	job = next_job(&r);
	assert_int_equal(job->n_rcpt, 3);
	assert_int_equal(job->rcpt[1], 2);
	give_back(&r, job, HK_RCPT_DELIVERED);
	job = next_job(&r);
	assert_int_equal(job->n_rcpt, 2);
	give_back(&r, job, HK_RCPT_DELIVERED);
	hk_owner_step(r.owner, &r.now);
	assert_int_equal(counts(&r).queued, 0);
	finish(&r);
}

/* S3-021 */
static void a_4yz_stays_and_is_tried_again_at_the_configured_times_also_over_a_restart(void **state)
{
	struct rig r;
	struct hk_job *job;

	(void)state;
	start(&r, CONF_MX);
	assert_int_equal(put(&r, make(&r, "a@a.test", "u@b.test", 0)), HK_OK);
	give_back(&r, next_job(&r), HK_RCPT_PENDING);
	pass(&r, 0);
	assert_null(next_job(&r));
	pass(&r, 59);
	assert_null(next_job(&r));
	pass(&r, 1 + 60 / 8);
	job = next_job(&r);
	assert_int_equal(job->attempt, 2);
	give_back(&r, job, HK_RCPT_PENDING);
	pass(&r, 0);
	hk_owner_free(r.owner);
	hk_sim_disk_cut(&r.disk);
	open_owner(&r);
	pass(&r, 119);
	assert_null(next_job(&r));
	pass(&r, 120 / 8 + 1);
	job = next_job(&r);
	assert_int_equal(job->attempt, 3);
	/* the last retry time repeats */
	give_back(&r, job, HK_RCPT_PENDING);
	pass(&r, 0);
	pass(&r, 119);
	assert_null(next_job(&r));
	pass(&r, 120 / 8 + 1);
	give_back(&r, next_job(&r), HK_RCPT_DELIVERED);
	pass(&r, 0);
	assert_int_equal(counts(&r).queued, 0);
	finish(&r);
}

/* S3-021, S3-065 */
static void a_5yz_becomes_a_dsn_for_the_recipients_that_failed(void **state)
{
	struct rig r;
	struct hk_job *job;
	struct hk_mail read = {0};

	(void)state;
	start(&r, CONF_HEAD "route * { via lmtp 127.0.0.1:24; }");
	assert_int_equal(
	    put(&r, make(&r, "sender@a.test", "pat@b.test green@b.test jones@b.test", 0)), HK_OK);
	job = next_job(&r);
	job->result[0].outcome = HK_RCPT_DELIVERED;
	job->result[1].outcome = HK_RCPT_PENDING;
	job->result[2].outcome = HK_RCPT_FAILED;
	job->result[2].code = 550;
	snprintf(job->result[2].text, sizeof job->result[2].text, "No such user here");
	hk_owner_result(r.owner, job);
	pass(&r, 0);
	assert_int_equal(counts(&r).dsns, 1);
	assert_int_equal(counts(&r).queued, 2);
	job = next_job(&r);
	assert_true(job->id > 1);
	hk_arena_init(&read.arena, 1024 * 1024);
	assert_int_equal(hk_spool_read(&r.disk.disk, "/spool", &job->place, &read), HK_OK);
	assert_int_equal(read.mail_from.n, 0);
	assert_true(hk_slice_eq(read.rcpt[0].address, HK_S("sender@a.test")));
	hk_arena_done(&read.arena);
	/* the bounce itself cannot be delivered: nobody is told (RFC 5321 4.5.5) */
	give_back(&r, job, HK_RCPT_FAILED);
	pass(&r, 0);
	assert_int_equal(counts(&r).dsns, 1);
	assert_int_equal(counts(&r).queued, 1);
	pass(&r, 70);
	job = next_job(&r);
	assert_true(job->n_rcpt == 1 && job->rcpt[0] == 1);
	give_back(&r, job, HK_RCPT_DELIVERED);
	pass(&r, 0);
	assert_int_equal(counts(&r).queued, 0);
	finish(&r);
}

/* S3-038: what NOTIFY says holds after a restart too, and a success asks no disk unless somebody wants to know */
static void notify_decides_what_the_owner_tells(void **state)
{
	static const struct {
		unsigned notify;
		enum hk_rcpt_outcome outcome;
		enum hk_handing handing;
		uint64_t dsns;
	} cases[] = {
	    {0, HK_RCPT_DELIVERED, HK_HANDED_FINAL, 0},
	    {HK_NOTIFY_SUCCESS, HK_RCPT_DELIVERED, HK_HANDED_FINAL, 1},
	    {HK_NOTIFY_SUCCESS, HK_RCPT_DELIVERED, HK_HANDED_RELAYED, 1},
	    {HK_NOTIFY_SUCCESS, HK_RCPT_DELIVERED, HK_HANDED_ON, 0},
	    {HK_NOTIFY_SUCCESS, HK_RCPT_FAILED, HK_HANDED_ON, 0},
	    {HK_NOTIFY_NEVER, HK_RCPT_FAILED, HK_HANDED_ON, 0},
	    {HK_NOTIFY_FAILURE, HK_RCPT_FAILED, HK_HANDED_ON, 1},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases) * 2; i++) {
		struct hk_mail *m;
		struct hk_job *job;
		struct rig r;

		start(&r, CONF_MX);
		m = make(&r, "s@a.test", "u@b.test", 0);
		m->rcpt[0].params.notify = cases[i / 2].notify;
		assert_int_equal(put(&r, m), HK_OK);
		job = next_job(&r);
		if (i % 2) {
			hk_owner_result(r.owner, job);
			job->released = true;
			restart(&r);
			pass(&r, 0);
			job = next_job(&r);
		}
		job->result[0].handing = cases[i / 2].handing;
		give_back(&r, job, cases[i / 2].outcome);
		pass(&r, 0);
		assert_int_equal(counts(&r).dsns, cases[i / 2].dsns);
		assert_int_equal(counts(&r).queued, cases[i / 2].dsns);
		job = next_job(&r);
		assert_int_equal(job != NULL, cases[i / 2].dsns);
		if (job)
			give_back(&r, job, HK_RCPT_DELIVERED);
		finish(&r);
	}
}

static void no_dsn_goes_to_the_null_sender(void **state)
{
	struct rig r;

	(void)state;
	start(&r, CONF_MX);
	assert_int_equal(put(&r, make(&r, "", "u@b.test", 0)), HK_OK);
	give_back(&r, next_job(&r), HK_RCPT_FAILED);
	pass(&r, 0);
	assert_int_equal(counts(&r).dsns, 0);
	assert_int_equal(counts(&r).queued, 0);
	assert_int_equal(counts(&r).failed, 1);
	finish(&r);
}

/* DSN and completion stand in one batch: whatever the disk call at which the power goes, there is
 * never the one without the other. */
static void a_failed_recipient_and_its_dsn_are_durable_together(void **state)
{
	uint64_t k;
	size_t with_dsn = 0, without = 0;

	(void)state;
	for (k = 1; k < 12; k++) {
		struct rig r;
		struct hk_job *job;

		start(&r, CONF_MX);
		assert_int_equal(put(&r, make(&r, "s@a.test", "u@b.test", 0)), HK_OK);
		job = next_job(&r);
		r.disk.die_at = r.disk.calls + k;
		give_back(&r, job, HK_RCPT_FAILED);
		pass(&r, 0);
		while ((job = next_job(&r)))
			hk_job_free(job);
		hk_owner_free(r.owner);
		hk_sim_disk_cut(&r.disk);
		open_owner(&r);
		pass(&r, 0);
		assert_int_equal(counts(&r).queued, 1);
		job = next_job(&r);
		with_dsn += job->id != 1;
		without += job->id == 1;
		assert_true(
		    hk_slice_eq(job->domain, job->id == 1 ? HK_S("b.test") : HK_S("a.test")));
		hk_job_free(job);
		finish(&r);
	}
	assert_true(with_dsn && without);
}

static void a_message_is_given_up_when_its_lifetime_ends_and_not_before(void **state)
{
	struct rig r;
	struct hk_job *job;
	uint64_t until = 0;
	size_t tries = 0;

	(void)state;
	start(&r, CONF_MX);
	assert_int_equal(put(&r, make(&r, "s@a.test", "u@b.test", 0)), HK_OK);
	while (counts(&r).dsns == 0) {
		while ((job = next_job(&r))) {
			give_back(&r, job, HK_RCPT_PENDING);
			tries++;
		}
		if (until == 1800)
			r.now.utc += 10ll * 365 * 86400; /* the clock on the wall jumps ten years;
			                                    our message is no older for it */
		pass(&r, 5);
		until += 5;
		assert_in_range(until, 0, 3700);
	}
	assert_in_range(until, 3600, 3610);
	assert_in_range(tries, 25, 35);
	assert_int_equal(counts(&r).failed, 1);
	finish(&r);
}

static void a_hop_gets_no_more_jobs_than_its_concurrency_and_all_hops_take_turns(void **state)
{
	struct rig r;
	struct hk_job *job[4];
	size_t i;

	(void)state;
	start(&r, CONF_MX);
	for (i = 0; i < 4; i++)
		hk_owner_put(r.owner, make(&r, "s@a.test", "u@b.test", 0), 0);
	hk_owner_put(r.owner, make(&r, "s@a.test", "u@c.test", 0), 0);
	hk_owner_step(r.owner, &r.now);
	for (i = 0; i < 5; i++) {
		struct hk_order order;

		assert_true(next_order(&r, &order));
		assert_int_equal(order.type, HK_ORDER_COMMITTED);
		assert_int_equal(order.status, HK_OK);
	}
	assert_int_equal(counts(&r).spool.commits, 1);
	for (i = 0; i < 3; i++)
		job[i] = next_job(&r);
	assert_null(next_job(&r));
	assert_true(job[0]->id == 1 && job[1]->id == 5 && job[2]->id == 2);
	give_back(&r, job[0], HK_RCPT_DELIVERED);
	pass(&r, 0);
	job[0] = next_job(&r);
	assert_int_equal(job[0]->id, 3);
	assert_null(next_job(&r));
	for (i = 0; i < 3; i++)
		give_back(&r, job[i], HK_RCPT_DELIVERED);
	pass(&r, 0);
	give_back(&r, next_job(&r), HK_RCPT_DELIVERED);
	pass(&r, 0);
	assert_int_equal(counts(&r).queued, 0);
	finish(&r);
}

static void a_job_has_at_most_a_hundred_recipients(void **state)
{
	struct rig r;
	struct hk_mail *m;
	struct hk_job *job;
	size_t i, seen = 0, jobs = 0;

	(void)state;
	start(&r, CONF_HEAD "route * { via smtp 127.0.0.1:26; concurrency 2; }");
	m = make(&r, "s@a.test", "u@b.test", 0);
	for (i = 1; i < 250; i++)
		m->rcpt[i] = m->rcpt[0];
	m->n_rcpt = 250;
	assert_int_equal(put(&r, m), HK_OK);
	while ((job = next_job(&r))) {
		assert_in_range(job->n_rcpt, 1, HK_JOB_RCPT_MAX);
		assert_int_equal(job->rcpt[0], seen);
		seen += job->n_rcpt;
		jobs++;
		give_back(&r, job, HK_RCPT_DELIVERED);
		if (jobs >= 2)
			pass(&r, 0);
	}
	assert_int_equal(seen, 250);
	assert_int_equal(jobs, 3);
	assert_int_equal(counts(&r).queued, 0);
	finish(&r);
}

static void quarantined_mail_is_held_until_the_route_says_otherwise(void **state)
{
	struct rig r;
	struct hk_conf *other;

	(void)state;
	start(&r, CONF_HEAD
	    "route b.test { via lmtp 127.0.0.1:24; quarantine hold; } route * { via mx; }");
	assert_int_equal(put(&r, make(&r, "s@a.test", "u@b.test", HK_MAIL_QUARANTINE)), HK_OK);
	assert_null(next_job(&r));
	pass(&r, 7200);
	assert_null(next_job(&r));
	assert_int_equal(counts(&r).queued, 1);
	/* only what goes to that route is held */
	assert_int_equal(
	    put(&r, make(&r, "s@a.test", "u@b.test v@c.test", HK_MAIL_QUARANTINE)), HK_OK);
	give_back(&r, next_job(&r), HK_RCPT_DELIVERED);
	pass(&r, 0);
	assert_null(next_job(&r));
	restart(&r);
	pass(&r, 0);
	assert_null(next_job(&r));
	other = parse(CONF_HEAD
	    "route b.test { via lmtp 127.0.0.1:24; quarantine header; } route * { via mx; }");
	hk_owner_reload(r.owner, other);
	pass(&r, 0);
	give_back(&r, next_job(&r), HK_RCPT_DELIVERED);
	give_back(&r, next_job(&r), HK_RCPT_DELIVERED);
	pass(&r, 0);
	assert_int_equal(counts(&r).queued, 0);
	hk_conf_free(other);
	finish(&r);
}

static void a_reload_routes_anew_what_waits_and_leaves_what_is_out(void **state)
{
	struct rig r;
	struct hk_conf *other;
	struct hk_job *out, *job;

	(void)state;
	start(&r, CONF_HEAD "route b.test { via smtp 127.0.0.1:26; concurrency 1; }");
	assert_int_equal(put(&r, make(&r, "s@a.test", "u@b.test", 0)), HK_OK);
	out = next_job(&r);
	assert_int_equal(put(&r, make(&r, "s@a.test", "u@b.test", 0)), HK_OK);
	assert_int_equal(put(&r, make(&r, "s@a.test", "u@nowhere.test", 0)), HK_OK);
	pass(&r, 0);
	assert_null(next_job(&r));
	other = parse(CONF_HEAD "route b.test { via smtp 127.0.0.1:27; } route * { via mx; }");
	hk_owner_reload(r.owner, other);
	pass(&r, 0);
	job = next_job(&r);
	assert_true(job->id == 2 && job->route->port == 27 && out->route->port == 26);
	assert_null(next_job(&r)); /* the one without a route waits for its time */
	give_back(&r, job, HK_RCPT_DELIVERED);
	give_back(&r, out, HK_RCPT_DELIVERED);
	pass(&r, 70);
	job = next_job(&r);
	assert_true(job->id == 3 && job->attempt == 2 && job->route->via == HK_VIA_MX);
	give_back(&r, job, HK_RCPT_DELIVERED);
	pass(&r, 0);
	assert_int_equal(counts(&r).queued, 0);
	hk_conf_free(other);
	finish(&r);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_mail_is_committed_then_delivered_then_gone),
	    cmocka_unit_test(recipients_share_a_job_by_domain_for_mx_and_by_route_otherwise),
	    cmocka_unit_test(
	        a_4yz_stays_and_is_tried_again_at_the_configured_times_also_over_a_restart),
	    cmocka_unit_test(a_5yz_becomes_a_dsn_for_the_recipients_that_failed),
	    cmocka_unit_test(notify_decides_what_the_owner_tells),
	    cmocka_unit_test(no_dsn_goes_to_the_null_sender),
	    cmocka_unit_test(a_failed_recipient_and_its_dsn_are_durable_together),
	    cmocka_unit_test(a_message_is_given_up_when_its_lifetime_ends_and_not_before),
	    cmocka_unit_test(a_hop_gets_no_more_jobs_than_its_concurrency_and_all_hops_take_turns),
	    cmocka_unit_test(a_job_has_at_most_a_hundred_recipients),
	    cmocka_unit_test(quarantined_mail_is_held_until_the_route_says_otherwise),
	    cmocka_unit_test(a_reload_routes_anew_what_waits_and_leaves_what_is_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
