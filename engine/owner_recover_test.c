/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "engine/owner_rig.h"
#include "tests/unit.h"

enum { MESSAGES = 5 };

/* Five messages, tried once and deferred; then a server that reads one of them in a step. The first step is still to come. */
static void start_unread(struct rig *r)
{
	struct hk_job *job;
	size_t i;

	start(r, CONF_MX);
	r->slice = 1;
	for (i = 0; i < MESSAGES; i++) {
		assert_int_equal(put(r, make(r, "s@a.test", "u@b.test", 0)), HK_OK);
		while ((job = next_job(r)))
			give_back(r, job, HK_RCPT_PENDING);
	}
	for (i = 0; i < MESSAGES; i++) {
		pass(r, 0);
		while ((job = next_job(r)))
			give_back(r, job, HK_RCPT_PENDING);
	}
	pass(r, 0);
	assert_int_equal(counts(r).waiting, MESSAGES);
	restart(r);
	assert_int_equal(r->owner->unread, MESSAGES);
}

static void read_all(struct rig *r)
{
	unsigned i;

	for (i = 0; r->owner->unread && i < 2 * MESSAGES; i++) {
		assert_int_equal(hk_owner_deadline(r->owner), 0);
		pass(r, 0);
	}
	assert_int_equal(r->owner->unread, 0);
}

static void ask_of(struct rig *r, enum hk_queue_verb verb, uint64_t id)
{
	struct hk_queue_call *c = ask(r, verb, &id, 1);

	assert_non_null(c);
	assert_int_equal(c->status, HK_OK);
	assert_int_equal(c->done, 1);
	hk_queue_call_free(c);
}

/* Takes the jobs that are due, until there are none, and delivers them; bit N of the answer: message N was given out. */
static unsigned deliver_all(struct rig *r)
{
	struct hk_job *job;
	unsigned seen = 0, i;

	for (i = 0; i < 2 * MESSAGES; i++) {
		while ((job = next_job(r))) {
			assert_in_range(job->id, 1, 31);
			assert_false(seen & 1u << job->id); /* each once */
			seen |= 1u << job->id;
			give_back(r, job, HK_RCPT_DELIVERED);
		}
		pass(r, 0);
	}
	return seen;
}

static void mail_is_taken_before_what_waits_is_read(void **state)
{
	struct rig r;

	(void)state;
	start_unread(&r);
	assert_int_equal(counts(&r).queued, MESSAGES);
	assert_int_equal(counts(&r).waiting, MESSAGES);
	assert_int_equal(hk_owner_last_id(r.owner), MESSAGES);
	assert_int_equal(put(&r, make(&r, "s@a.test", "u@b.test", 0)), HK_OK);
	assert_int_equal(r.owner->unread, MESSAGES - 1);
	assert_int_equal(counts(&r).queued, MESSAGES + 1);
	pass(&r, 200);
	assert_int_equal(deliver_all(&r), 0x7e);
	assert_int_equal(counts(&r).queued, 0);
	finish(&r);
}

static void each_is_given_out_once_however_it_came_to_be_read(void **state)
{
	struct rig r;

	(void)state;
	start_unread(&r);
	ask_of(&r, HK_QUEUE_RETRY, 5);
	ask_of(&r, HK_QUEUE_RETRY, 3);
	read_all(&r);
	pass(&r, 200);
	assert_int_equal(deliver_all(&r), 0x3e);
	finish(&r);
}

static void what_was_tried_and_is_over_before_its_turn_does_not_come_back(void **state)
{
	struct rig r;
	struct hk_job *job;

	(void)state;
	start_unread(&r);
	ask_of(&r, HK_QUEUE_RETRY, 5);
	job = next_job(&r);
	assert_non_null(job);
	assert_int_equal(job->id, 5);
	give_back(&r, job, HK_RCPT_DELIVERED);
	ask_of(&r, HK_QUEUE_DELETE, 4);
	read_all(&r);
	assert_int_equal(counts(&r).queued, 3);
	pass(&r, 200);
	assert_int_equal(deliver_all(&r), 0x0e);
	finish(&r);
}

static void what_an_operator_says_of_a_message_counts_before_it_is_read(void **state)
{
	struct rig r;
	struct hk_queue_call *c;
	uint64_t id[] = {4, 77};

	(void)state;
	start_unread(&r);
	c = ask(&r, HK_QUEUE_SHOW, id, 2);
	assert_non_null(c);
	assert_int_equal(c->n_entries, 1);
	assert_int_equal(c->entry[0].id, 4);
	assert_int_equal(c->entry[0].attempts, 1);
	assert_int_equal(c->entry[0].state, HK_QUEUE_WAITING);
	hk_queue_call_free(c);
	ask_of(&r, HK_QUEUE_HOLD, 5);
	read_all(&r);
	pass(&r, 200);
	assert_int_equal(deliver_all(&r), 0x1e);
	restart(&r);
	read_all(&r);
	pass(&r, 200);
	assert_int_equal(deliver_all(&r), 0);
	ask_of(&r, HK_QUEUE_RELEASE, 5);
	assert_int_equal(deliver_all(&r), 0x20);
	finish(&r);
}

static void what_is_asked_of_the_whole_queue_is_answered_when_all_is_read(void **state)
{
	static const enum hk_queue_verb verbs[] = {HK_QUEUE_LIST, HK_QUEUE_RUN};
	struct hk_order order;
	struct rig r;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(verbs); i++) {
		start_unread(&r);
		assert_null(ask(&r, verbs[i], NULL, 0));
		r.owner->calls->call->domain = HK_S("b.test");
		assert_false(hk_owner_is_idle(r.owner));
		read_all(&r);
		assert_true(next_order(&r, &order));
		assert_int_equal(order.type, HK_ORDER_CALLED);
		assert_int_equal(order.call->status, HK_OK);
		assert_int_equal(order.call->done, MESSAGES);
		hk_queue_call_free(order.call);
		finish(&r);
	}
}

static void a_server_that_stops_reads_no_further_and_does_not_call_a_part_the_whole(void **state)
{
	struct hk_order order;
	struct rig r;

	(void)state;
	start_unread(&r);
	assert_null(ask(&r, HK_QUEUE_LIST, NULL, 0));
	hk_owner_stop(r.owner);
	pass(&r, 0);
	assert_true(next_order(&r, &order));
	assert_int_equal(order.call->status, HK_BUSY);
	hk_queue_call_free(order.call);
	assert_int_equal(r.owner->unread, MESSAGES - 1);
	assert_true(hk_owner_is_idle(r.owner));
	assert_true(hk_owner_deadline(r.owner) > r.now.mono_ms);
	restart(&r);
	read_all(&r);
	pass(&r, 200);
	assert_int_equal(deliver_all(&r), 0x3e);
	finish(&r);
}

static void a_read_that_fails_is_tried_again(void **state)
{
	uint64_t id = 5;
	struct hk_queue_call *c;
	struct rig r;

	(void)state;
	start_unread(&r);
	r.disk.faults.other = 1000000;
	pass(&r, 0);
	assert_int_equal(r.owner->unread, MESSAGES);
	assert_in_range(hk_owner_deadline(r.owner), r.now.mono_ms + 1, r.now.mono_ms + HK_OWNER_STALL_MS);
	/* what cannot be known now is not said to be nothing, and nobody waits in vain */
	c = ask(&r, HK_QUEUE_HOLD, &id, 1);
	assert_non_null(c);
	assert_int_equal(c->status, HK_IO);
	hk_queue_call_free(c);
	c = ask(&r, HK_QUEUE_LIST, NULL, 0);
	assert_non_null(c);
	assert_int_equal(c->status, HK_IO);
	hk_queue_call_free(c);
	r.disk.faults.other = 0;
	pass(&r, 1);
	read_all(&r);
	pass(&r, 200);
	assert_int_equal(deliver_all(&r), 0x3e);
	finish(&r);
}

static void a_message_that_is_damaged_keeps_no_other_waiting(void **state)
{
	struct hk_place place;
	struct rig r;

	(void)state;
	start_unread(&r);
	assert_int_equal(hk_spool_find(r.owner->spool, 2, &place), HK_OK);
	hk_sim_disk_bytes(&r.disk, "/spool/journal/00000001.seg", NULL)[place.offset + HK_RECORD_HEAD] ^= 1;
	read_all(&r);
	assert_int_equal(counts(&r).queued, MESSAGES - 1);
	pass(&r, 200);
	assert_int_equal(deliver_all(&r), 0x3a);
	/* it is still where it was */
	assert_int_equal(hk_spool_find(r.owner->spool, 2, &place), HK_OK);
	finish(&r);
}

static void times_count_by_the_clock_of_the_start_although_it_jumps_meanwhile(void **state)
{
	struct rig r;

	(void)state;
	start_unread(&r);
	pass(&r, 0);
	r.now.utc += 86400;
	read_all(&r);
	assert_int_equal(deliver_all(&r), 0);
	pass(&r, 30);
	assert_int_equal(deliver_all(&r), 0); /* the first retry is after 60 s */
	pass(&r, 40);
	assert_int_equal(deliver_all(&r), 0x3e);
	assert_int_equal(counts(&r).failed, 0);
	finish(&r);
}

static void what_compaction_moves_before_it_is_read_is_read_where_it_is(void **state)
{
	struct hk_place before, after;
	struct rig r;
	int i;

	(void)state;
	start_unread(&r);
	assert_int_equal(hk_spool_find(r.owner->spool, 5, &before), HK_OK);
	hk_spool_last(r.owner->spool)->is_damaged = true;
	assert_int_equal(hk_segment_begin(r.owner->spool, false), HK_OK);
	for (i = 0; i < 4; i++)
		assert_int_equal(hk_spool_tidy(r.owner->spool, 1024 * 1024), HK_OK);
	assert_int_equal(hk_spool_find(r.owner->spool, 5, &after), HK_OK);
	assert_int_not_equal(before.segment, after.segment);
	assert_int_equal(r.owner->unread, MESSAGES);
	read_all(&r);
	pass(&r, 200);
	assert_int_equal(deliver_all(&r), 0x3e);
	finish(&r);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(mail_is_taken_before_what_waits_is_read),
	    cmocka_unit_test(each_is_given_out_once_however_it_came_to_be_read),
	    cmocka_unit_test(what_was_tried_and_is_over_before_its_turn_does_not_come_back),
	    cmocka_unit_test(what_an_operator_says_of_a_message_counts_before_it_is_read),
	    cmocka_unit_test(what_is_asked_of_the_whole_queue_is_answered_when_all_is_read),
	    cmocka_unit_test(a_server_that_stops_reads_no_further_and_does_not_call_a_part_the_whole),
	    cmocka_unit_test(a_read_that_fails_is_tried_again),
	    cmocka_unit_test(a_message_that_is_damaged_keeps_no_other_waiting),
	    cmocka_unit_test(times_count_by_the_clock_of_the_start_although_it_jumps_meanwhile),
	    cmocka_unit_test(what_compaction_moves_before_it_is_read_is_read_where_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
