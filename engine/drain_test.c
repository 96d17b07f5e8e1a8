/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "engine/drain.h"
#include "engine/spool_testing.h"
#include "tests/unit.h"

enum { MESSAGES = 12 };

struct rig {
	struct hk_sim_disk disk;
	struct hk_conf *conf;
	struct hk_now now;
};

static void prepare(struct rig *r)
{
	*r = (struct rig){.now = {.mono_ms = 1000000, .utc = 1796000000}};
	hk_sim_disk_init(&r->disk, HK_SIM_POSIX, 1);
	assert_int_equal(hk_conf_parse("t", HK_S("hostname mx.b.test; spool /spool; route * { via smtp 192.0.2.1:25; }"), &r->conf, NULL), HK_OK);
	r->conf->spool = HK_S("spool");
}

static void finish(struct rig *r)
{
	hk_conf_free(r->conf);
	hk_sim_disk_done(&r->disk);
}

/* Messages 1 to n; each has as many recipients as its number says, 1 to 4. */
static void fill(struct rig *r, uint64_t n)
{
	struct hk_spool *s;
	uint64_t id;

	assert_int_equal(test_open(&r->disk, &s), HK_OK);
	for (id = 1; id <= n; id++)
		assert_int_equal(test_put(s, id, 1 + id % 4, 500), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_OK);
	hk_spool_close(s);
}

static enum hk_status begin(struct rig *r, bool with_held, struct hk_drain **ret)
{
	struct hk_drain_options o = {.conf = r->conf, .disk = &r->disk.disk, .with_held = with_held, .segment_size = TEST_SEGMENT};

	return hk_drain_new(&o, ret);
}

static void answer(struct hk_job *job, enum hk_rcpt_outcome outcome, enum hk_handing handing)
{
	size_t i;

	for (i = 0; i < job->n_rcpt; i++) {
		job->result[i].outcome = outcome;
		job->result[i].handing = handing;
		job->result[i].code = outcome == HK_RCPT_DELIVERED ? 250 : outcome == HK_RCPT_FAILED ? 550 : 450;
		snprintf(job->result[i].text, sizeof job->result[i].text, "said so");
	}
}

/* What the spool has, as a server that starts on it would see it. */
static size_t live(struct rig *r, uint64_t *ids, size_t room)
{
	struct hk_spool *s;
	size_t n;

	assert_int_equal(test_open(&r->disk, &s), HK_OK);
	n = test_recovered(s, ids, room);
	hk_spool_close(s);
	return n;
}

/* S5: what was taken goes, what was refused or put off stays as it was. */
static void what_is_taken_goes_and_the_rest_stays(void **state)
{
	struct hk_drain_counts counts;
	const struct hk_mail *mail;
	struct hk_spool_entry e;
	uint64_t ids[MESSAGES];
	struct hk_drain *d;
	struct hk_spool *s;
	struct hk_job *job;
	struct rig r;
	uint64_t want = 1;

	(void)state;
	prepare(&r);
	fill(&r, MESSAGES);
	assert_int_equal(begin(&r, false, &d), HK_OK);
	while (hk_drain_next(d, &r.now, &job, &mail) == HK_OK) {
		assert_int_equal(job->id, want++); /* in their order */
		assert_int_equal(mail->id, job->id);
		assert_int_equal(job->n_rcpt, 1 + job->id % 4);
		assert_ptr_equal(job->route, &r.conf->route[0]);
		answer(job, job->id == 2 ? HK_RCPT_FAILED : job->id == 3 ? HK_RCPT_PENDING : HK_RCPT_DELIVERED, HK_HANDED_ON);
		if (job->id == 7)
			job->result[1].outcome = HK_RCPT_FAILED;
		assert_int_equal(hk_drain_done(d, job, &r.now), HK_OK);
	}
	hk_drain_tidy(d);
	hk_drain_count(d, &counts);
	assert_int_equal(counts.messages, MESSAGES);
	assert_int_equal(counts.handed_over, MESSAGES - 3);
	assert_int_equal(counts.stay, 2);
	assert_int_equal(counts.partly, 1);
	hk_drain_free(d);
	assert_int_equal(live(&r, ids, MESSAGES), 3);
	assert_int_equal(ids[0], 2);
	assert_int_equal(ids[1], 3);
	assert_int_equal(ids[2], 7);
	assert_int_equal(test_open(&r.disk, &s), HK_OK);
	while (hk_spool_recovered(s, &e) == HK_OK) {
		assert_int_equal(e.attempts, 0);
		assert_int_equal(e.mail->rcpt[0].outcome, e.id == 7 ? HK_RCPT_DELIVERED : HK_RCPT_PENDING);
		assert_int_equal(e.mail->rcpt[1].outcome, HK_RCPT_PENDING);
	}
	hk_spool_close(s);
	finish(&r);
}

/* It begins again where it was, and asks for nobody twice. */
static void it_goes_on_where_it_ended(void **state)
{
	const struct hk_mail *mail;
	struct hk_drain *d;
	struct hk_job *job;
	struct rig r;
	size_t seen[5] = {0}, i;

	(void)state;
	prepare(&r);
	fill(&r, 3); /* 2, 3 and 4 recipients */
	for (i = 0; i < 9; i++) {
		assert_int_equal(begin(&r, false, &d), HK_OK);
		assert_int_equal(hk_drain_next(d, &r.now, &job, &mail), HK_OK);
		answer(job, HK_RCPT_PENDING, HK_HANDED_ON);
		job->result[0].outcome = HK_RCPT_DELIVERED; /* one a time */
		seen[job->id]++;
		assert_int_equal(hk_drain_done(d, job, &r.now), HK_OK);
		hk_drain_free(d);
	}
	assert_int_equal(seen[1] * 100 + seen[2] * 10 + seen[3], 234);
	assert_int_equal(live(&r, NULL, 0), 0);
	finish(&r);
}

static void mark(struct rig *r, uint64_t id, unsigned marks)
{
	struct hk_spool *s;

	assert_int_equal(test_open(&r->disk, &s), HK_OK);
	assert_int_equal(hk_spool_mark(s, id, 0, marks), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_OK);
	hk_spool_close(s);
}

static void put_quarantined(struct rig *r, uint64_t id)
{
	struct test_mail t;
	struct hk_spool *s;

	assert_int_equal(test_open(&r->disk, &s), HK_OK);
	test_mail_make(&t, id, 1, 10);
	t.mail.flags |= HK_MAIL_QUARANTINE;
	assert_int_equal(hk_spool_put(s, &t.mail), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_OK);
	hk_spool_close(s);
}

static size_t drain_all(struct rig *r, bool with_held, struct hk_drain_counts *ret)
{
	const struct hk_mail *mail;
	struct hk_drain *d;
	struct hk_job *job;
	size_t n = 0;

	assert_int_equal(begin(r, with_held, &d), HK_OK);
	for (; hk_drain_next(d, &r->now, &job, &mail) == HK_OK; n++) {
		answer(job, HK_RCPT_DELIVERED, HK_HANDED_ON);
		assert_int_equal(hk_drain_done(d, job, &r->now), HK_OK);
	}
	hk_drain_count(d, ret);
	hk_drain_free(d);
	return n;
}

static void what_is_held_stays_unless_it_is_asked_for(void **state)
{
	struct hk_drain_counts counts;
	struct rig r;

	(void)state;
	prepare(&r);
	fill(&r, 4);
	put_quarantined(&r, 5);
	put_quarantined(&r, 6);
	mark(&r, 2, HK_SPOOL_HELD);
	mark(&r, 6, HK_SPOOL_RELEASED);
	assert_int_equal(drain_all(&r, false, &counts), 4);
	assert_int_equal(counts.held, 2);
	assert_int_equal(counts.handed_over, 4);
	assert_int_equal(drain_all(&r, true, &counts), 2);
	assert_int_equal(counts.held, 0);
	assert_int_equal(live(&r, NULL, 0), 0);
	finish(&r);
}

/* RFC 3461 5.2.2: the host knows nothing of DSN, so we are the last to tell; the report goes the same way. */
static void who_wants_to_hear_of_success_hears_of_it(void **state)
{
	struct hk_drain_counts counts;
	const struct hk_mail *mail;
	struct test_mail t;
	struct hk_drain *d;
	struct hk_spool *s;
	struct hk_job *job;
	struct rig r;
	int reports;

	(void)state;
	for (reports = 0; reports < 2; reports++) {
		prepare(&r);
		assert_int_equal(test_open(&r.disk, &s), HK_OK);
		test_mail_make(&t, 1, 2, 10);
		t.rcpt[1].params.notify = HK_NOTIFY_SUCCESS;
		assert_int_equal(hk_spool_put(s, &t.mail), HK_OK);
		assert_int_equal(hk_spool_commit(s), HK_OK);
		hk_spool_close(s);
		assert_int_equal(begin(&r, false, &d), HK_OK);
		assert_int_equal(hk_drain_next(d, &r.now, &job, &mail), HK_OK);
		answer(job, HK_RCPT_DELIVERED, reports ? HK_HANDED_RELAYED : HK_HANDED_ON);
		assert_int_equal(hk_drain_done(d, job, &r.now), HK_OK);
		assert_int_equal(hk_drain_next(d, &r.now, &job, &mail), reports ? HK_OK : HK_END);
		if (reports) {
			assert_int_equal(mail->mail_from.n, 0);
			assert_true(hk_slice_eq(mail->rcpt[0].address, HK_S("a@a.test")));
			assert_true(memmem(mail->body.p, mail->body.n, "relayed", 7) && memmem(mail->body.p, mail->body.n, "two@b.test", 10));
			assert_null(memmem(mail->body.p, mail->body.n, "one@b.test", 10));
			answer(job, HK_RCPT_DELIVERED, HK_HANDED_RELAYED);
			assert_int_equal(hk_drain_done(d, job, &r.now), HK_OK);
			assert_int_equal(hk_drain_next(d, &r.now, &job, &mail), HK_END);
		}
		hk_drain_count(d, &counts);
		assert_int_equal(counts.reports, reports);
		assert_int_equal(counts.handed_over, 1 + reports);
		hk_drain_free(d);
		assert_int_equal(live(&r, NULL, 0), 0);
		finish(&r);
	}
}

static void a_spool_with_a_server_is_left_alone(void **state)
{
	struct hk_drain *d = NULL;
	struct hk_spool *s;
	struct rig r;

	(void)state;
	prepare(&r);
	fill(&r, 1);
	assert_int_equal(test_open(&r.disk, &s), HK_OK);
	assert_int_equal(begin(&r, false, &d), HK_BUSY);
	hk_spool_close(s);
	finish(&r);
}

/* How often each message was handed over when the power goes at this call of the disk; the disk's calls in all when it does not. */
static uint64_t drain_until(struct rig *r, uint64_t die_at, unsigned taken[MESSAGES + 1])
{
	const struct hk_mail *mail;
	struct hk_drain *d;
	struct hk_job *job;
	uint64_t before = r->disk.calls;

	r->disk.die_at = die_at ? before + die_at : 0;
	if (begin(r, false, &d) == HK_OK) {
		while (!r->disk.dead && hk_drain_next(d, &r->now, &job, &mail) == HK_OK) {
			if (r->disk.dead) {
				hk_job_free(job);
				break;
			}
			answer(job, HK_RCPT_DELIVERED, HK_HANDED_ON);
			taken[job->id]++;
			if (hk_drain_done(d, job, &r->now) != HK_OK)
				break;
		}
		if (!r->disk.dead)
			hk_drain_tidy(d);
		hk_drain_free(d);
	}
	return r->disk.calls - before;
}

/* S5, T8: the power goes at each call of the disk, and it is begun again: nothing is lost, and what comes twice is the one message
 * that was under way. */
static void a_power_cut_costs_at_most_one_message_twice(void **state)
{
	uint64_t at, calls = 1;

	(void)state;
	for (at = 0; at <= calls; at++) {
		unsigned taken[MESSAGES + 1] = {0}, twice = 0, id;
		struct rig r;

		prepare(&r);
		fill(&r, MESSAGES);
		if (at) {
			drain_until(&r, at, taken);
			hk_sim_disk_cut(&r.disk);
			drain_until(&r, 0, taken);
		} else {
			calls = drain_until(&r, 0, taken);
		}
		for (id = 1; id <= MESSAGES; id++) {
			twice += taken[id] > 1;
			if (!taken[id])
				fail_msg("cut at call %u: message %u was never handed over", (unsigned)at, id);
		}
		if (twice > (at != 0))
			fail_msg("cut at call %u: %u messages twice", (unsigned)at, twice);
		assert_int_equal(live(&r, NULL, 0), 0);
		finish(&r);
	}
	assert_true(calls > 3 * MESSAGES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_taken_goes_and_the_rest_stays),
	    cmocka_unit_test(it_goes_on_where_it_ended),
	    cmocka_unit_test(what_is_held_stays_unless_it_is_asked_for),
	    cmocka_unit_test(who_wants_to_hear_of_success_hears_of_it),
	    cmocka_unit_test(a_spool_with_a_server_is_left_alone),
	    cmocka_unit_test(a_power_cut_costs_at_most_one_message_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
