/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "engine/owner_rig.h"
#include "tests/unit.h"

#define CONF_DELAY                                                                                 \
	"hostname mx.b.test; spool /spool; accept b.test; retry 30m; lifetime 1d; delay-notice 4h 8h;"  \
	"listen mx { address 127.0.0.1:25; role mx; }"                                                 \
	"route quick.test { via mx; retry 10m; lifetime 2h; delay-notice 1h; }"                        \
	"route never.test { via mx; delay-notice 0; }"                                                 \
	"route * { via mx; }"

/* The record of a job's message; to be freed with its arena. */
static void read_mail(struct rig *r, const struct hk_job *job, struct hk_mail *ret)
{
	*ret = (struct hk_mail){0};
	hk_arena_init(&ret->arena, 1024 * 1024);
	assert_int_equal(hk_spool_read(&r->disk.disk, "/spool", &job->place, ret), HK_OK);
}

static size_t count_of(struct hk_slice s, const char *needle)
{
	size_t n = strlen(needle), at, count = 0;

	for (at = 0; at + n <= s.n; at++)
		count += memcmp(s.p + at, needle, n) == 0;
	return count;
}

/* Lets time pass in steps of a minute; every delivery of our mail is deferred. What is a report is delivered: its body goes
 * to `report`, if that is there. Returns how many there were. */
static unsigned attempts; /* at mail that is no report */

static unsigned let_pass(struct rig *r, unsigned minutes, char *report, size_t room)
{
	struct hk_job *job;
	unsigned n = 0, i;

	for (i = 0; i < minutes; i++) {
		if (i)
			pass(r, 60);
		while ((job = next_job(r))) {
			struct hk_mail mail;

			read_mail(r, job, &mail);
			attempts += (mail.flags & HK_MAIL_DSN) == 0;
			if (mail.flags & HK_MAIL_DSN) {
				n++;
				if (report)
					snprintf(report, room, "%.*s", HK_FMT(mail.body));
			}
			give_back(r, job, mail.flags & HK_MAIL_DSN ? HK_RCPT_DELIVERED : HK_RCPT_PENDING);
			hk_arena_done(&mail.arena);
			hk_owner_step(r->owner, &r->now);
		}
	}
	return n;
}

static struct hk_mail *with_notify(struct hk_mail *m, size_t i, unsigned notify)
{
	m->rcpt[i].params.notify = notify;
	return m;
}

static void a_delay_is_told_once_at_each_of_its_times_also_over_a_restart(void **state)
{
	char report[8192] = "";
	struct rig r;

	(void)state;
	start(&r, CONF_DELAY);
	assert_int_equal(put(&r, make(&r, "s@a.test", "u@far.test", 0)), HK_OK);
	assert_int_equal(let_pass(&r, 235, NULL, 0), 0);
	assert_int_equal(let_pass(&r, 60, report, sizeof report), 1);
	assert_int_equal(count_of(hk_slice_str(report), "Action: delayed\r\n"), 1);
	assert_int_equal(count_of(hk_slice_str(report), "Will-Retry-Until: "), 1);
	assert_int_equal(count_of(hk_slice_str(report), "said so"), 1);
	restart(&r);
	assert_int_equal(let_pass(&r, 160, NULL, 0), 0);
	assert_int_equal(let_pass(&r, 90, NULL, 0), 1);
	assert_int_equal(let_pass(&r, 600, NULL, 0), 0);
	finish(&r);
}

static void nobody_is_told_of_a_delay_who_did_not_want_to_be(void **state)
{
	/* RFC 3461 4.1: told when NOTIFY was not given, or has DELAY */
	static const struct {
		const char *from;
		unsigned notify, told;
	} rows[] = {{"s@a.test", 0, 1}, {"s@a.test", HK_NOTIFY_DELAY, 1}, {"s@a.test", HK_NOTIFY_NEVER, 0},
	    {"s@a.test", HK_NOTIFY_FAILURE | HK_NOTIFY_SUCCESS, 0}, {"", 0, 0}};
	struct rig r;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		start(&r, CONF_DELAY);
		assert_int_equal(
		    put(&r, with_notify(make(&r, rows[i].from, "u@far.test", 0), 0, rows[i].notify)), HK_OK);
		assert_int_equal(let_pass(&r, 300, NULL, 0), rows[i].told);
		finish(&r);
	}
}

static void one_report_has_all_that_are_late_and_none_that_was_delivered(void **state)
{
	char report[16384] = "";
	struct hk_job *job;
	struct rig r;

	(void)state;
	start(&r, CONF_DELAY);
	assert_int_equal(put(&r,
	                     with_notify(make(&r, "s@a.test",
	                                     "u@far.test v@away.test w@near.test n@never.test x@far.test", 0),
	                         4, HK_NOTIFY_FAILURE)),
	    HK_OK);
	pass(&r, 0);
	while ((job = next_job(&r)))
		give_back(&r, job,
		    hk_slice_eq(job->domain, HK_S("near.test")) ? HK_RCPT_DELIVERED : HK_RCPT_PENDING);
	assert_int_equal(let_pass(&r, 300, report, sizeof report), 1);
	assert_int_equal(count_of(hk_slice_str(report), "Final-Recipient: "), 2);
	assert_int_equal(count_of(hk_slice_str(report), "rfc822; u@far.test\r\n"), 1);
	assert_int_equal(count_of(hk_slice_str(report), "rfc822; v@away.test\r\n"), 1);
	finish(&r);
}

static void a_route_has_times_of_its_own(void **state)
{
	char report[8192] = "";
	struct hk_queue_call *c;
	struct hk_order order;
	uint64_t id = 1;
	struct rig r;

	(void)state;
	start(&r, CONF_DELAY);
	assert_int_equal(put(&r, make(&r, "s@a.test", "u@quick.test", 0)), HK_OK);
	assert_int_equal(let_pass(&r, 5, NULL, 0), 0);
	c = hk_queue_call_new(HK_QUEUE_SHOW, 65536);
	c->id = &id;
	c->n_ids = 1;
	hk_owner_call(r.owner, c);
	hk_owner_step(r.owner, &r.now);
	assert_true(next_order(&r, &order));
	assert_in_range(c->entry[0].next_attempt, r.now.utc, r.now.utc + 600 * 9 / 8);
	assert_int_equal(c->entry[0].lifetime, 7200);
	hk_queue_call_free(c);
	assert_int_equal(let_pass(&r, 70, report, sizeof report), 1);
	assert_int_equal(count_of(hk_slice_str(report), "Action: delayed\r\n"), 1);
	assert_int_equal(let_pass(&r, 40, NULL, 0), 0);
	assert_int_equal(let_pass(&r, 20, report, sizeof report), 1);
	assert_int_equal(count_of(hk_slice_str(report), "Action: failed\r\n"), 1);
	assert_int_equal(count_of(hk_slice_str(report), "delivery time expired; last: said so"), 1);
	assert_int_equal(count_of(hk_slice_str(report), "Status: 4.4.7\r\n"), 1); /* RFC 3463 3.5 */
	assert_int_equal(counts(&r).queued, 0);
	finish(&r);
}

/* RFC 5321 4.5.4.1; S3-021: 4yz stays, whatever happens, until the time of its own route is over. */
static void the_times_of_delays_may_stand_in_any_order(void **state)
{
	struct rig r;

	(void)state;
	start(&r, "hostname mx.b.test; spool /spool; accept b.test; retry 30m; lifetime 1d; delay-notice 8h 4h; listen mx { address 127.0.0.1:25; role mx; } route * { via mx; }");
	assert_int_equal(put(&r, make(&r, "s@a.test", "u@far.test", 0)), HK_OK);
	assert_int_equal(let_pass(&r, 235, NULL, 0), 0);
	assert_int_equal(let_pass(&r, 60, NULL, 0), 1);
	assert_int_equal(let_pass(&r, 180, NULL, 0), 0);
	assert_int_equal(let_pass(&r, 60, NULL, 0), 1);
	assert_int_equal(let_pass(&r, 300, NULL, 0), 0);
	finish(&r);
}

/* Ours takes the place of the host's status; what the host said is all there none the less, as its words and not as a reply. */
static void what_expires_tells_the_last_reply_with_its_status(void **state)
{
	char report[8192] = "";
	struct hk_job *job;
	struct rig r;
	unsigned i;

	(void)state;
	start(&r, CONF_DELAY);
	assert_int_equal(put(&r, with_notify(make(&r, "s@a.test", "u@quick.test", 0), 0, HK_NOTIFY_FAILURE)), HK_OK);
	for (i = 0; i < 130; i++) {
		while (!counts(&r).failed && (job = next_job(&r))) {
			snprintf(job->result[0].enhanced, sizeof job->result[0].enhanced, "4.2.0");
			snprintf(job->result[0].remote, sizeof job->result[0].remote, "h.test[192.0.2.1]");
			give_back(&r, job, HK_RCPT_PENDING);
			hk_owner_step(r.owner, &r.now);
		}
		pass(&r, counts(&r).failed ? 0 : 60);
	}
	assert_int_equal(let_pass(&r, 1, report, sizeof report), 1);
	assert_int_equal(count_of(hk_slice_str(report), "    h.test[192.0.2.1]: 450 4.4.7 delivery time expired; last: 4.2.0 said so\r\n"), 1);
	assert_int_equal(count_of(hk_slice_str(report), "Diagnostic-Code: x-hikyaku; 450 4.4.7\r\n delivery time expired; last: 4.2.0 said so\r\n"), 1);
	finish(&r);
}

static void recipients_of_one_message_end_at_the_times_of_their_routes(void **state)
{
	struct rig r;

	(void)state;
	start(&r, CONF_DELAY);
	assert_int_equal(put(&r, make(&r, "s@a.test", "u@quick.test v@never.test", 0)), HK_OK);
	assert_int_equal(let_pass(&r, 130, NULL, 0), 2); /* quick's delay, quick's end */
	assert_int_equal(counts(&r).failed, 1);
	assert_int_equal(counts(&r).queued, 1);
	assert_int_equal(let_pass(&r, 1300, NULL, 0), 0);
	assert_int_equal(counts(&r).queued, 1);
	assert_int_equal(let_pass(&r, 30, NULL, 0), 1);
	assert_int_equal(counts(&r).queued, 0);
	finish(&r);
}

static void a_failure_tells_what_became_of_each_host(void **state)
{
	char report[8192] = "";
	struct hk_job *job;
	struct rig r;

	(void)state;
	start(&r, CONF_DELAY);
	assert_int_equal(put(&r, make(&r, "s@a.test", "u@far.test v@far.test", 0)), HK_OK);
	pass(&r, 0);
	job = next_job(&r);
	hk_buf_add_str(&job->tried, "mx1.far.test[192.0.2.1]: 451 4.4.1 no connection\n"
	                            "mx2.far.test[192.0.2.2]: 451 4.4.2 connection lost\n");
	give_back(&r, job, HK_RCPT_FAILED);
	assert_int_equal(let_pass(&r, 2, report, sizeof report), 1);
	assert_int_equal(count_of(hk_slice_str(report), "      mx1.far.test[192.0.2.1]: 451 4.4.1 no connection\r\n"), 1);
	assert_int_equal(count_of(hk_slice_str(report), "      mx2.far.test[192.0.2.2]: 451 4.4.2 connection lost\r\n"), 1);
	finish(&r);
}

static struct hk_mail *with_by(struct hk_mail *m, int32_t seconds, bool is_return)
{
	m->params.has_by = true;
	m->params.by_seconds = seconds;
	m->params.by_return = is_return;
	return m;
}

/* S3-036 RFC 2852 4.1: R: the message comes back at its time, without another attempt */
static void mail_by_return_comes_back_at_its_time_also_over_a_restart(void **state)
{
	char report[8192] = "";
	struct rig r;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		start(&r, CONF_DELAY);
		attempts = 0;
		assert_int_equal(put(&r, with_by(make(&r, "s@a.test", "u@far.test", 0), 600, true)), HK_OK);
		assert_int_equal(let_pass(&r, 9, NULL, 0), 0);
		if (i)
			restart(&r);
		assert_int_equal(let_pass(&r, 5, report, sizeof report), 1);
		assert_int_equal(count_of(hk_slice_str(report), "Action: failed\r\nStatus: 5.4.7\r\n"), 1);
		assert_int_equal(attempts, 1);
		assert_int_equal(counts(&r).queued, 0);
		finish(&r);
	}
}

static void mail_by_return_whose_time_comes_in_a_delivery_goes_by_what_that_says(void **state)
{
	static const enum hk_rcpt_outcome outcomes[] = {HK_RCPT_DELIVERED, HK_RCPT_PENDING};
	struct rig r;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(outcomes); i++) {
		struct hk_job *job;

		start(&r, CONF_DELAY);
		assert_int_equal(put(&r, with_by(make(&r, "s@a.test", "u@far.test", 0), 1, true)), HK_OK);
		job = next_job(&r);
		pass(&r, 100);
		assert_null(next_job(&r));
		give_back(&r, job, outcomes[i]);
		assert_int_equal(let_pass(&r, 2, NULL, 0), i);
		assert_int_equal(counts(&r).queued, 0);
		finish(&r);
	}
}

/* S3-036 RFC 2852 4.1: N: the sender is told once that it is late, and it goes on */
static void mail_by_notify_is_told_of_once_and_goes_on(void **state)
{
	static const struct {
		int32_t seconds;
		unsigned notify, told;
	} rows[] = {{600, 0, 1}, {0, 0, 1}, {-5, 0, 1}, {600, HK_NOTIFY_DELAY, 1}, {600, HK_NOTIFY_NEVER, 0},
	    {600, HK_NOTIFY_FAILURE, 0}};
	char report[8192];
	struct rig r;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		report[0] = 0;
		start(&r, CONF_DELAY);
		assert_int_equal(
		    put(&r, with_notify(with_by(make(&r, "s@a.test", "u@far.test", 0), rows[i].seconds, false), 0,
		                rows[i].notify)),
		    HK_OK);
		assert_int_equal(let_pass(&r, 9, NULL, 0), rows[i].seconds < 600 ? 1 : 0);
		assert_int_equal(
		    let_pass(&r, 5, report, sizeof report), rows[i].seconds < 600 ? 0 : rows[i].told);
		assert_int_equal(count_of(hk_slice_str(report), "Action: delayed\r\n"),
		    rows[i].seconds < 600 ? 0 : rows[i].told);
		restart(&r);
		assert_int_equal(let_pass(&r, 200, NULL, 0), 0);
		assert_int_equal(counts(&r).queued, 1);
		finish(&r);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_delay_is_told_once_at_each_of_its_times_also_over_a_restart),
	    cmocka_unit_test(nobody_is_told_of_a_delay_who_did_not_want_to_be),
	    cmocka_unit_test(one_report_has_all_that_are_late_and_none_that_was_delivered),
	    cmocka_unit_test(a_route_has_times_of_its_own),
	    cmocka_unit_test(the_times_of_delays_may_stand_in_any_order),
	    cmocka_unit_test(what_expires_tells_the_last_reply_with_its_status),
	    cmocka_unit_test(recipients_of_one_message_end_at_the_times_of_their_routes),
	    cmocka_unit_test(a_failure_tells_what_became_of_each_host),
	    cmocka_unit_test(mail_by_return_comes_back_at_its_time_also_over_a_restart),
	    cmocka_unit_test(mail_by_return_whose_time_comes_in_a_delivery_goes_by_what_that_says),
	    cmocka_unit_test(mail_by_notify_is_told_of_once_and_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
