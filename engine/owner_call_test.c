/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/owner_rig.h"
#include "tests/unit.h"

static void ask_of(struct rig *r, enum hk_queue_verb verb, uint64_t id, size_t done)
{
	struct hk_queue_call *c = ask(r, verb, &id, 1);

	assert_non_null(c);
	assert_int_equal(c->status, HK_OK);
	assert_int_equal(c->done, done);
	hk_queue_call_free(c);
}

static enum hk_queue_state state_of(struct rig *r, uint64_t id)
{
	struct hk_queue_call *c = ask(r, HK_QUEUE_SHOW, &id, 1);
	enum hk_queue_state state;

	assert_int_equal(c->n_entries, 1);
	state = c->entry[0].state;
	hk_queue_call_free(c);
	return state;
}

/* One message, tried once and deferred. */
static void start_deferred(struct rig *r, const char *to)
{
	struct hk_job *job;

	start(r, CONF_MX);
	assert_int_equal(put(r, make(r, "s@a.test", to, 0)), HK_OK);
	while ((job = next_job(r)))
		give_back(r, job, HK_RCPT_PENDING);
	pass(r, 0);
	assert_null(next_job(r));
}

static void list_gives_the_messages_and_with_a_domain_those_that_wait_there(void **state)
{
	static const struct {
		struct hk_slice domain;
		size_t n;
	} rows[] = {{S(""), 3}, {S("B.test"), 1}, {S("c.test"), 2}, {S("test"), 0}, {S("d.test"), 0}, {S("XN--b-eha.test"), 2}};
	struct rig r;
	size_t i;

	(void)state;
	start_deferred(&r, "u@b.test v@c.test");
	assert_int_equal(put(&r, make(&r, "s@a.test", "u@c.test w@d.test x@b\xc3\xbc.test", 0)), HK_OK);
	give_back(&r, next_job(&r), HK_RCPT_PENDING);
	give_back(&r, next_job(&r), HK_RCPT_DELIVERED); /* it does not wait at d.test any more */
	give_back(&r, next_job(&r), HK_RCPT_PENDING);
	assert_int_equal(put(&r, make(&r, "s@a.test", "x@xn--b-eha.test", 0)), HK_OK);
	give_back(&r, next_job(&r), HK_RCPT_PENDING);
	pass(&r, 0);
	for (i = 0; i < COUNT(rows); i++) {
		struct hk_queue_call *c = hk_queue_call_new(HK_QUEUE_LIST, ANSWER_MOST);
		struct hk_order order;

		c->domain = rows[i].domain;
		hk_owner_call(r.owner, c);
		hk_owner_step(r.owner, &r.now);
		assert_true(next_order(&r, &order));
		assert_int_equal(c->status, HK_OK);
		assert_int_equal(c->n_ids, rows[i].n);
		hk_queue_call_free(c);
	}
	finish(&r);
}

static void show_tells_when_it_is_tried_again_and_what_each_recipient_was_told(void **state)
{
	uint64_t id[] = {1, 999};
	struct hk_queue_call *c;
	struct hk_job *job;
	struct rig r;

	(void)state;
	start(&r, CONF_MX);
	assert_int_equal(put(&r, make(&r, "s@a.test", "u@b.test v@c.test", 0)), HK_OK);
	give_back(&r, next_job(&r), HK_RCPT_DELIVERED);
	job = next_job(&r);
	assert_int_equal(state_of(&r, 1), HK_QUEUE_ACTIVE);
	snprintf(job->result[0].enhanced, sizeof job->result[0].enhanced, "4.2.2");
	snprintf(job->result[0].remote, sizeof job->result[0].remote, "mx.c.test[192.0.2.1]");
	give_back(&r, job, HK_RCPT_PENDING);
	pass(&r, 0);
	c = ask(&r, HK_QUEUE_SHOW, id, 2);
	assert_true(c->status == HK_OK && c->n_entries == 1 && c->done == 1);
	assert_int_equal(c->entry[0].id, 1);
	assert_int_equal(c->entry[0].state, HK_QUEUE_WAITING);
	assert_int_equal(c->entry[0].attempts, 1);
	assert_in_range(c->entry[0].next_attempt, r.now.utc + 60, r.now.utc + 60 + 60 / 8);
	assert_int_equal(c->entry[0].n_rcpt, 2);
	assert_int_equal(c->entry[0].rcpt[0].outcome, HK_RCPT_DELIVERED);
	assert_int_equal(c->entry[0].rcpt[0].reason.code, 0);
	assert_int_equal(c->entry[0].rcpt[1].outcome, HK_RCPT_PENDING);
	assert_true(hk_slice_eq(c->entry[0].rcpt[1].domain, HK_S("c.test")));
	assert_int_equal(c->entry[0].rcpt[1].reason.code, 450);
	assert_string_equal(c->entry[0].rcpt[1].reason.enhanced, "4.2.2");
	assert_true(hk_slice_eq(c->entry[0].rcpt[1].reason.text, HK_S("said so")));
	assert_true(hk_slice_eq(c->entry[0].rcpt[1].reason.remote, HK_S("mx.c.test[192.0.2.1]")));
	hk_queue_call_free(c);
	finish(&r);
}

static void what_is_shown_is_read_from_a_segment_that_was_opened_once(void **state)
{
	uint64_t id[] = {1, 2};
	struct hk_mail mail = {0};
	struct hk_queue_call *c;
	unsigned files;
	struct rig r;

	(void)state;
	start_deferred(&r, "u@b.test");
	assert_int_equal(put(&r, make(&r, "s@a.test", "u@c.test", 0)), HK_OK);
	give_back(&r, next_job(&r), HK_RCPT_PENDING);
	pass(&r, 0);
	files = hk_sim_disk_open_files(&r.disk);
	c = ask(&r, HK_QUEUE_SHOW, id, 2);
	assert_int_equal(c->n_entries, 2);
	assert_non_null(c->entry[0].file);
	assert_ptr_equal(c->entry[0].file, c->entry[1].file);
	assert_int_equal(hk_sim_disk_open_files(&r.disk), files);
	hk_arena_init(&mail.arena, 1024 * 1024);
	assert_int_equal(hk_spool_file_read(c->entry[1].file, &c->entry[1].place, &mail), HK_OK);
	assert_int_equal(mail.id, 2);
	hk_arena_done(&mail.arena);
	hk_owner_free(r.owner);
	r.owner = NULL;
	hk_queue_call_free(c); /* it may outlive both */
	assert_int_equal(hk_sim_disk_open_files(&r.disk), 0);
	finish(&r);
}

static void held_mail_is_in_no_schedule_also_after_a_restart_until_it_is_released(void **state)
{
	struct rig r;

	(void)state;
	start_deferred(&r, "u@b.test");
	ask_of(&r, HK_QUEUE_HOLD, 1, 1);
	pass(&r, 3000);
	assert_null(next_job(&r));
	restart(&r);
	pass(&r, 3000);
	assert_null(next_job(&r));
	assert_int_equal(state_of(&r, 1), HK_QUEUE_IS_HELD);
	ask_of(&r, HK_QUEUE_RETRY, 1, 1);
	pass(&r, 1);
	assert_null(next_job(&r));
	ask_of(&r, HK_QUEUE_RELEASE, 1, 1);
	hk_job_free(next_job(&r));
	restart(&r);
	pass(&r, 0);
	hk_job_free(next_job(&r));
	finish(&r);
}

static void what_is_out_while_it_is_held_or_ended_is_told(void **state)
{
	static const struct {
		enum hk_queue_verb verb;
		size_t active;
	} rows[] = {{HK_QUEUE_HOLD, 1}, {HK_QUEUE_RELEASE, 0}, {HK_QUEUE_RETRY, 0}, {HK_QUEUE_DELETE, 1}, {HK_QUEUE_EXPIRE, 1}};
	uint64_t id[] = {1, 2};
	struct hk_queue_call *c;
	struct hk_job *job;
	struct rig r;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		start_deferred(&r, "u@b.test");
		assert_int_equal(put(&r, make(&r, "s@a.test", "u@c.test v@d.test", 0)), HK_OK);
		give_back(&r, next_job(&r), HK_RCPT_PENDING);
		job = next_job(&r);
		c = ask(&r, rows[i].verb, id, 2);
		assert_non_null(c);
		assert_int_equal(c->done, 2);
		assert_int_equal(c->active, rows[i].active);
		hk_queue_call_free(c);
		hk_job_free(job);
		finish(&r);
	}
}

/* It may stand there for hours, where the hop has a rate. */
static void what_is_held_in_the_line_of_its_hop_is_shown_as_held(void **state)
{
	struct hk_job *job[2];
	struct rig r;
	uint64_t id;

	(void)state;
	start(&r, CONF_MX);
	for (id = 1; id <= 3; id++)
		assert_int_equal(put(&r, make(&r, "s@a.test", "u@b.test", 0)), HK_OK);
	job[0] = next_job(&r);
	job[1] = next_job(&r);
	for (id = 1; id <= 3; id++)
		ask_of(&r, HK_QUEUE_HOLD, id, 1);
	assert_int_equal(state_of(&r, 1), HK_QUEUE_ACTIVE);
	assert_int_equal(state_of(&r, 3), HK_QUEUE_IS_HELD);
	ask_of(&r, HK_QUEUE_RELEASE, 3, 1);
	assert_int_equal(state_of(&r, 3), HK_QUEUE_ACTIVE);
	give_back(&r, job[0], HK_RCPT_DELIVERED);
	pass(&r, 0);
	job[0] = next_job(&r);
	assert_int_equal(job[0]->id, 3);
	hk_job_free(job[0]);
	hk_job_free(job[1]);
	finish(&r);
}

static void mail_that_is_held_while_it_is_out_stays_after_that(void **state)
{
	struct hk_job *job;
	struct rig r;

	(void)state;
	start(&r, CONF_MX);
	assert_int_equal(put(&r, make(&r, "s@a.test", "u@b.test", 0)), HK_OK);
	job = next_job(&r);
	ask_of(&r, HK_QUEUE_HOLD, 1, 1);
	give_back(&r, job, HK_RCPT_PENDING);
	pass(&r, 0);
	restart(&r);
	pass(&r, 3000);
	assert_null(next_job(&r));
	finish(&r);
}

static void quarantined_mail_that_an_operator_released_goes_also_after_a_restart(void **state)
{
	struct rig r;

	(void)state;
	start(&r, CONF_HEAD "route * { via mx; quarantine hold; }");
	assert_int_equal(put(&r, make(&r, "s@a.test", "u@b.test", HK_MAIL_QUARANTINE)), HK_OK);
	assert_int_equal(state_of(&r, 1), HK_QUEUE_QUARANTINED);
	ask_of(&r, HK_QUEUE_RETRY, 1, 1);
	assert_null(next_job(&r));
	ask_of(&r, HK_QUEUE_RELEASE, 1, 1);
	hk_job_free(next_job(&r));
	restart(&r);
	pass(&r, 0);
	give_back(&r, next_job(&r), HK_RCPT_PENDING);
	pass(&r, 0);
	restart(&r);
	pass(&r, 100);
	hk_job_free(next_job(&r));
	finish(&r);
}

static void retry_makes_mail_due_now(void **state)
{
	struct rig r;

	(void)state;
	start_deferred(&r, "u@b.test");
	ask_of(&r, HK_QUEUE_RETRY, 1, 1);
	hk_job_free(next_job(&r));
	finish(&r);
}

/* S3-042 RFC 1985 5.2 */
static void run_makes_the_mail_of_a_domain_due_and_with_an_at_what_is_below(void **state)
{
	static const struct {
		struct hk_slice domain;
		size_t n;
	} rows[] = {{S("b.test"), 1}, {S("@b.test"), 2}, {S("@B.TEST"), 2}, {S("test"), 0}, {S("@test"), 3}, {S("@"), 0}};
	size_t i, n;
	struct rig r;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct hk_queue_call *c = hk_queue_call_new(HK_QUEUE_RUN, ANSWER_MOST);
		struct hk_order order;
		struct hk_job *job;

		start_deferred(&r, "u@b.test");
		assert_int_equal(put(&r, make(&r, "s@a.test", "u@x.b.test", 0)), HK_OK);
		give_back(&r, next_job(&r), HK_RCPT_PENDING);
		assert_int_equal(put(&r, make(&r, "s@a.test", "u@ab.test", 0)), HK_OK);
		give_back(&r, next_job(&r), HK_RCPT_PENDING);
		pass(&r, 0);
		c->domain = rows[i].domain;
		hk_owner_call(r.owner, c);
		hk_owner_step(r.owner, &r.now);
		assert_true(next_order(&r, &order));
		assert_ptr_equal(order.call, c);
		assert_int_equal(c->done, rows[i].n);
		hk_queue_call_free(c);
		for (n = 0; (job = next_job(&r)); n++)
			hk_job_free(job);
		assert_int_equal(n, rows[i].n);
		finish(&r);
	}
}

static void deleted_mail_is_gone_for_good_and_nobody_is_told(void **state)
{
	struct rig r;

	(void)state;
	start_deferred(&r, "u@b.test v@c.test");
	ask_of(&r, HK_QUEUE_HOLD, 1, 1); /* being held does not protect it */
	ask_of(&r, HK_QUEUE_DELETE, 1, 1);
	assert_int_equal(counts(&r).queued, 0);
	assert_int_equal(counts(&r).dsns, 0);
	ask_of(&r, HK_QUEUE_DELETE, 1, 0);
	restart(&r);
	assert_int_equal(counts(&r).queued, 0);
	finish(&r);
}

static void a_delivery_that_is_under_way_decides_before_delete_does(void **state)
{
	static const struct {
		enum hk_rcpt_outcome outcome;
		unsigned delivered;
	} rows[] = {{HK_RCPT_DELIVERED, 1}, {HK_RCPT_PENDING, 0}, {HK_RCPT_FAILED, 0}};
	struct rig r;
	size_t i;

	(void)state;
	for (i = 0; i <= COUNT(rows); i++) {
		struct hk_job *job;

		start(&r, CONF_MX);
		assert_int_equal(put(&r, make(&r, "", "u@b.test", 0)), HK_OK);
		job = next_job(&r);
		ask_of(&r, HK_QUEUE_DELETE, 1, 1);
		assert_int_equal(counts(&r).queued, 1);
		job->released = i == COUNT(rows); /* and when it came to nothing, it is gone as well */
		give_back(&r, job, i == COUNT(rows) ? HK_RCPT_DELIVERED : rows[i].outcome);
		pass(&r, 0);
		assert_int_equal(counts(&r).queued, 0);
		assert_int_equal(counts(&r).delivered, i == COUNT(rows) ? 0 : rows[i].delivered);
		finish(&r);
	}
}

static void expired_mail_goes_back_with_the_last_reply(void **state)
{
	struct hk_mail mail = {0};
	struct hk_job *job;
	struct rig r;

	(void)state;
	start_deferred(&r, "u@b.test");
	ask_of(&r, HK_QUEUE_EXPIRE, 1, 1);
	assert_int_equal(counts(&r).dsns, 1);
	assert_int_equal(counts(&r).failed, 1);
	job = next_job(&r);
	assert_non_null(job);
	hk_arena_init(&mail.arena, ANSWER_MOST);
	assert_int_equal(hk_spool_read(&r.disk.disk, "/spool", &job->place, &mail), HK_OK);
	assert_non_null(memmem(mail.body.p, mail.body.n, "4.4.7", 5));
	assert_non_null(memmem(mail.body.p, mail.body.n, "last: said so", 13));
	hk_arena_done(&mail.arena);
	hk_job_free(job);
	finish(&r);
}

static void an_answer_waits_for_a_disk_that_fails(void **state)
{
	uint64_t id = 1;
	struct hk_order order;
	struct rig r;

	(void)state;
	start_deferred(&r, "u@b.test");
	r.disk.faults.sync = 1000000;
	assert_null(ask(&r, HK_QUEUE_HOLD, &id, 1));
	assert_false(hk_owner_is_idle(r.owner));
	assert_null(ask(&r, HK_QUEUE_DELETE, &id, 1));
	pass(&r, 1);
	assert_false(next_order(&r, &order));
	r.disk.faults.sync = 0;
	pass(&r, 1);
	pass(&r, 1);
	assert_true(next_order(&r, &order));
	assert_int_equal(order.call->verb, HK_QUEUE_HOLD);
	hk_queue_call_free(order.call);
	assert_true(next_order(&r, &order));
	assert_int_equal(order.call->verb, HK_QUEUE_DELETE);
	assert_int_equal(order.call->done, 1);
	hk_queue_call_free(order.call);
	assert_int_equal(counts(&r).queued, 0);
	finish(&r);
}

static void a_call_names_so_many_messages_and_no_more(void **state)
{
	static uint64_t id[HK_QUEUE_IDS_MAX + 1];
	struct hk_queue_call *c;
	struct rig r;
	size_t n;

	(void)state;
	start_deferred(&r, "u@b.test");
	id[0] = 1;
	for (n = HK_QUEUE_IDS_MAX - 1; n <= HK_QUEUE_IDS_MAX + 1; n++) {
		c = ask(&r, HK_QUEUE_HOLD, id, n);
		assert_int_equal(c->status, n > HK_QUEUE_IDS_MAX ? HK_LIMIT : HK_OK);
		assert_int_equal(c->done, n > HK_QUEUE_IDS_MAX ? 0 : 1);
		hk_queue_call_free(c);
	}
	finish(&r);
}

static void replies_are_kept_once_each_and_without_words_when_there_are_too_many(void **state)
{
	enum { MANY = HK_REASONS_MAX / 256 + 100 };
	struct hk_rcpt_result result = {.code = 450};
	struct hk_queue_reason got;
	uint32_t *number = calloc(MANY, sizeof *number), again, i;
	struct rig r;

	(void)state;
	assert_non_null(number);
	start(&r, CONF_MX);
	for (i = 0; i < MANY; i++) {
		snprintf(result.text, sizeof result.text, "%0255" PRIu32, i);
		number[i] = hk_reason_use(r.owner, &result);
		assert_true(number[i] > 0);
	}
	assert_true(r.owner->reasons.bytes <= HK_REASONS_MAX);
	hk_reason_get(r.owner, number[MANY - 1], &got);
	assert_true(got.code == 450 && !got.text.n);
	hk_reason_get(r.owner, number[0], &got);
	assert_int_equal(got.text.n, HK_QUEUE_REASON_MAX);
	snprintf(result.text, sizeof result.text, "%0255d", 0);
	again = hk_reason_use(r.owner, &result);
	assert_int_equal(again, number[0]);
	hk_reason_release(r.owner, again);
	for (i = 0; i < MANY; i++)
		hk_reason_release(r.owner, number[i]);
	assert_int_equal(r.owner->reasons.bytes, 0);
	number[0] = hk_reason_use(r.owner, &result);
	hk_reason_get(r.owner, number[0], &got);
	assert_int_equal(got.text.n, HK_QUEUE_REASON_MAX);
	/* not inside a sequence of UTF-8 */
	snprintf(result.text, sizeof result.text, "%0254d\xc3\xbc", 0);
	hk_reason_get(r.owner, hk_reason_use(r.owner, &result), &got);
	assert_int_equal(got.text.n, 254);
	free(number);
	finish(&r);
}

static int64_t next_of(struct rig *r, uint64_t id)
{
	struct hk_queue_call *c = ask(r, HK_QUEUE_SHOW, &id, 1);
	int64_t next;

	assert_non_null(c);
	assert_int_equal(c->n_entries, 1);
	next = c->entry[0].next_attempt;
	hk_queue_call_free(c);
	return next;
}

static void the_next_attempt_is_at_the_same_second_whenever_it_is_asked_for(void **state)
{
	struct rig r;
	int64_t next;
	unsigned i;

	(void)state;
	start_deferred(&r, "u@b.test");
	next = next_of(&r, 1);
	assert_in_range(next - r.now.utc, 60, 68);
	for (i = 1; i < 20; i++) {
		r.now.mono_ms += 100;
		r.now.utc_ms = i * 100 % 1000;
		r.now.utc += i % 10 == 0;
		assert_int_equal(next_of(&r, 1), next);
	}
	finish(&r);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(list_gives_the_messages_and_with_a_domain_those_that_wait_there),
	    cmocka_unit_test(show_tells_when_it_is_tried_again_and_what_each_recipient_was_told),
	    cmocka_unit_test(what_is_shown_is_read_from_a_segment_that_was_opened_once),
	    cmocka_unit_test(held_mail_is_in_no_schedule_also_after_a_restart_until_it_is_released),
	    cmocka_unit_test(what_is_out_while_it_is_held_or_ended_is_told),
	    cmocka_unit_test(what_is_held_in_the_line_of_its_hop_is_shown_as_held),
	    cmocka_unit_test(mail_that_is_held_while_it_is_out_stays_after_that),
	    cmocka_unit_test(quarantined_mail_that_an_operator_released_goes_also_after_a_restart),
	    cmocka_unit_test(retry_makes_mail_due_now),
	    cmocka_unit_test(run_makes_the_mail_of_a_domain_due_and_with_an_at_what_is_below),
	    cmocka_unit_test(deleted_mail_is_gone_for_good_and_nobody_is_told),
	    cmocka_unit_test(a_delivery_that_is_under_way_decides_before_delete_does),
	    cmocka_unit_test(expired_mail_goes_back_with_the_last_reply),
	    cmocka_unit_test(an_answer_waits_for_a_disk_that_fails),
	    cmocka_unit_test(a_call_names_so_many_messages_and_no_more),
	    cmocka_unit_test(replies_are_kept_once_each_and_without_words_when_there_are_too_many),
	    cmocka_unit_test(the_next_attempt_is_at_the_same_second_whenever_it_is_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
