/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "engine/owner_internal.h"
#include "engine/spool_internal.h"
#include "sim/disk.h"

#define CONF_HEAD                                                                                  \
	"hostname mx.b.test; spool /spool; accept b.test; retry 60s 120s; lifetime 1h;"            \
	"listen mx { address 127.0.0.1:25; role mx; }"
#define CONF_MX CONF_HEAD "route * { via mx; concurrency 2; }"

struct rig {
	struct hk_sim_disk disk;
	struct hk_conf *conf;
	struct hk_owner *owner;
	struct hk_now now;
	uint64_t next_id;
};

static struct hk_conf *parse(const char *text)
{
	struct hk_conf_error error = {0};
	struct hk_conf *conf;

	if (hk_conf_parse("test", hk_slice_str(text), &conf, &error) != HK_OK)
		fail_msg("%.*s", HK_FMT(hk_buf_slice(&error.text)));
	hk_buf_done(&error.text);
	return conf;
}

static void open_owner(struct rig *r)
{
	struct hk_owner_options options = {.segment_size = 256 * 1024};

	assert_int_equal(
	    hk_owner_new_sized(r->conf, &r->disk.disk, NULL, &r->now, &options, &r->owner), HK_OK);
}

static void start(struct rig *r, const char *conf)
{
	*r = (struct rig){.now = {.mono_ms = 1000000, .utc = 1796000000}, .next_id = 1};
	hk_sim_disk_init(&r->disk, HK_SIM_POSIX, 1);
	r->conf = parse(conf);
	open_owner(r);
}

static void restart(struct rig *r)
{
	hk_owner_free(r->owner);
	hk_sim_disk_kill(&r->disk);
	open_owner(r);
}

static void finish(struct rig *r)
{
	hk_owner_free(r->owner);
	hk_conf_free(r->conf);
	hk_sim_disk_done(&r->disk);
}

static void pass(struct rig *r, uint64_t seconds)
{
	r->now.mono_ms += seconds * 1000;
	r->now.utc += (int64_t)seconds;
	hk_owner_step(r->owner, &r->now);
}

/* A mail with the recipients of a blank-separated list. */
static struct hk_mail *make(struct rig *r, const char *from, const char *to, uint32_t flags)
{
	struct hk_mail *m = hk_mail_new(1024 * 1024);
	struct hk_slice rest = hk_slice_str(to);

	m->id = r->next_id++;
	m->received = r->now.utc;
	m->flags = flags;
	m->listener = HK_S("mx");
	m->mail_from = hk_slice_str(from);
	m->header = HK_S("Subject: test\r\n");
	m->body = HK_S("hello\r\n");
	m->body_size = m->body.n;
	m->rcpt = hk_arena_array(&m->arena, 1000, sizeof *m->rcpt);
	while (rest.n) {
		size_t n = hk_slice_find(rest, ' ');

		assert_int_equal(hk_arena_dup(&m->arena, hk_slice_sub(rest, 0, n),
		                     &m->rcpt[m->n_rcpt++].address),
		    HK_OK);
		rest = hk_slice_from(rest, n + 1);
	}
	return m;
}

/* Puts it and takes the answer. */
static enum hk_status put(struct rig *r, struct hk_mail *m)
{
	struct hk_order order;

	hk_owner_put(r->owner, m, 77);
	hk_owner_step(r->owner, &r->now);
	assert_true(hk_owner_next(r->owner, &order));
	assert_int_equal(order.type, HK_ORDER_COMMITTED);
	assert_int_equal(order.token, 77);
	return order.status;
}

static struct hk_job *next_job(struct rig *r)
{
	struct hk_order order;

	if (!hk_owner_next(r->owner, &order))
		return NULL;
	assert_int_equal(order.type, HK_ORDER_DELIVER);
	return order.job;
}

static void give_back(struct rig *r, struct hk_job *job, enum hk_rcpt_outcome outcome)
{
	size_t i;

	for (i = 0; i < job->n_rcpt; i++) {
		assert_int_equal(job->result[i].rcpt, job->rcpt[i]);
		job->result[i].outcome = outcome;
		job->result[i].code = outcome == HK_RCPT_DELIVERED ? 250
		                      : outcome == HK_RCPT_FAILED  ? 550
		                                                   : 450;
		snprintf(job->result[i].text, sizeof job->result[i].text, "said so");
	}
	hk_owner_result(r->owner, job);
}

static struct hk_owner_counts counts(struct rig *r)
{
	struct hk_owner_counts c;

	hk_owner_count(r->owner, &c);
	return c;
}

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

		assert_true(hk_owner_next(r.owner, &order));
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
	start(&r, CONF_MX);
	assert_int_equal(put(&r, make(&r, "s@a.test", "u@b.test", 0)), HK_OK);
	job = next_job(&r);
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
	start(&r, CONF_MX);
	assert_int_equal(put(&r, make(&r, "s@a.test", "u@b.test", 0)), HK_OK);
	job = next_job(&r);
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

static void after_stop_nothing_begins_and_what_is_out_comes_home(void **state)
{
	struct rig r;
	struct hk_job *job;

	(void)state;
	start(&r, CONF_MX);
	assert_int_equal(put(&r, make(&r, "s@a.test", "u@b.test", 0)), HK_OK);
	job = next_job(&r);
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
	while (hk_owner_next(r.owner, &order)) {
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
		while (hk_owner_next(r.owner, &order)) {
			assert_int_equal(order.status, HK_OK);
			ok++;
		}
	}
	assert_int_equal(ok, 100);
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
	    cmocka_unit_test(no_dsn_goes_to_the_null_sender),
	    cmocka_unit_test(a_failed_recipient_and_its_dsn_are_durable_together),
	    cmocka_unit_test(a_message_is_given_up_when_its_lifetime_ends_and_not_before),
	    cmocka_unit_test(a_hop_gets_no_more_jobs_than_its_concurrency_and_all_hops_take_turns),
	    cmocka_unit_test(a_job_has_at_most_a_hundred_recipients),
	    cmocka_unit_test(quarantined_mail_is_held_until_the_route_says_otherwise),
	    cmocka_unit_test(a_reload_routes_anew_what_waits_and_leaves_what_is_out),
	    cmocka_unit_test(mail_without_a_route_is_given_up_at_the_end_of_its_lifetime_only),
	    cmocka_unit_test(a_released_job_is_as_if_never_tried),
	    cmocka_unit_test(results_wait_for_a_disk_that_fails_and_no_delivery_begins),
	    cmocka_unit_test(after_stop_nothing_begins_and_what_is_out_comes_home),
	    cmocka_unit_test(mail_that_is_not_durable_yet_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
