/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "engine/spool_rig.h"
#include "tests/unit.h"

static void a_committed_message_comes_back_as_it_was(void **state)
{
	struct hk_sim_disk d;
	struct hk_spool *s = start(&d);
	struct hk_spool_entry e;
	struct hk_mail read = {0};
	struct test_mail want;

	(void)state;
	test_mail_make(&want, 7, 4, 2000);
	assert_int_equal(hk_spool_put(s, &want.mail), HK_OK);
	assert_true(hk_spool_is_dirty(s));
	assert_int_equal(hk_spool_find(s, 7, &e.place), HK_NOTFOUND);
	assert_int_equal(hk_spool_commit(s), HK_OK);
	assert_false(hk_spool_is_dirty(s));
	s = reopen(&d, s);
	assert_int_equal(hk_spool_recovered(s, &e), HK_OK);
	assert_true(e.id == 7 && e.received == 12 && e.next_attempt == 0 && e.attempts == 0 &&
	            e.mail->n_rcpt == 4);
	assert_true(hk_slice_eq(e.mail->rcpt[3].address, HK_S("\"four\\ \"@d.test")));
	assert_true(hk_slice_eq(e.mail->mail_from, HK_S("a@a.test")));
	assert_int_equal(e.mail->header.n + e.mail->body.n, 0);
	hk_arena_init(&read.arena, 65536);
	assert_int_equal(hk_spool_read(&d.disk, "spool", &e.place, &read), HK_OK);
	assert_true(
	    hk_slice_eq(read.body, want.mail.body) && hk_slice_eq(read.header, want.mail.header));
	hk_arena_done(&read.arena);
	assert_int_equal(hk_spool_recovered(s, &e), HK_END);
	assert_int_equal(hk_spool_last_id(s), 7);
	finish(&d, s);
}

static void recovery_tells_of_messages_in_the_order_of_their_ids_with_outcomes_and_attempts(
    void **state)
{
	struct hk_sim_disk d;
	struct hk_spool *s = start(&d);
	struct hk_spool_entry e;
	uint64_t id;

	(void)state;
	for (id = 5; id >= 1; id--)
		assert_int_equal(test_put(s, id, 2, 10), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_OK);
	assert_int_equal(hk_spool_complete(s, 3, 1, HK_RCPT_DELIVERED, HK_S("250 ok")), HK_OK);
	assert_int_equal(hk_spool_attempt(s, 3, 99, 0, HK_S("450 later")), HK_OK);
	assert_int_equal(hk_spool_complete(s, 4, 0, HK_RCPT_DELIVERED, HK_S("")), HK_OK);
	assert_int_equal(hk_spool_complete(s, 4, 1, HK_RCPT_FAILED, HK_S("")), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_OK);
	assert_int_equal(hk_spool_attempt(s, 3, 199, 0, HK_S("")), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_OK);
	assert_int_equal(hk_spool_complete(s, 4, 0, HK_RCPT_DELIVERED, HK_S("")), HK_NOTFOUND);
	s = reopen(&d, s);
	for (id = 1; id <= 5; id++) {
		if (id == 4)
			continue;
		assert_int_equal(hk_spool_recovered(s, &e), HK_OK);
		assert_int_equal(e.id, id);
		assert_int_equal(e.attempts, id == 3 ? 2 : 0);
		assert_int_equal(e.next_attempt, id == 3 ? 199 : 0);
		assert_int_equal(
		    e.mail->rcpt[1].outcome, id == 3 ? HK_RCPT_DELIVERED : HK_RCPT_PENDING);
	}
	assert_int_equal(hk_spool_recovered(s, &e), HK_END);
	finish(&d, s);
}

static void a_body_file_goes_with_the_last_completion_and_orphans_at_recovery(void **state)
{
	struct hk_sim_disk d;
	struct hk_spool *s = start(&d);

	(void)state;
	assert_int_equal(test_put_with_file(s, &d.disk, 21), HK_OK);
	assert_int_equal(test_put_with_file(s, &d.disk, 22), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_OK);
	hk_sim_disk_place(&d, "spool/body/00000000000099", HK_S("never put"));
	hk_sim_disk_place(&d, "spool/body/README", HK_S("not ours"));
	assert_int_equal(hk_spool_complete(s, 21, 0, HK_RCPT_DELIVERED, HK_S("")), HK_OK);
	assert_non_null(hk_sim_disk_bytes(&d, "spool/body/00000000000015", NULL));
	assert_int_equal(hk_spool_commit(s), HK_OK);
	assert_null(hk_sim_disk_bytes(&d, "spool/body/00000000000015", NULL));
	s = reopen(&d, s);
	assert_null(hk_sim_disk_bytes(&d, "spool/body/00000000000099", NULL));
	assert_non_null(hk_sim_disk_bytes(&d, "spool/body/README", NULL));
	assert_non_null(hk_sim_disk_bytes(&d, "spool/body/00000000000016", NULL));
	assert_int_equal(test_recovered(s, NULL, 0), 1);
	assert_int_equal(d.disk.ops->unlink(&d.disk, "spool/body/00000000000016"), HK_OK);
	hk_spool_close(s);
	assert_int_equal(test_open(&d, &s), HK_CORRUPT);
	hk_sim_disk_done(&d);
}

static void what_cannot_be_put_is_refused_and_its_file_removed(void **state)
{
	struct hk_sim_disk d;
	struct hk_spool *s = start(&d), *second;
	struct test_mail t;
	static uint8_t large[TEST_SEGMENT];
	uint64_t id;
	size_t most;

	(void)state;
	assert_int_equal(test_open(&d, &second), HK_BUSY);
	test_mail_make(&t, 1, 0, 0);
	assert_int_equal(hk_spool_put(s, &t.mail), HK_BUG);
	test_mail_make(&t, 1, 1, 0);
	t.mail.body_file = HK_S("../../etc/passwd");
	assert_int_equal(hk_spool_put(s, &t.mail), HK_BUG);
	/* limit: a record may fill a batch, and a batch half of a segment */
	test_mail_make(&t, 1, 1, 0);
	t.mail.body = hk_slice_of(large, TEST_SEGMENT / 2);
	assert_int_equal(hk_spool_put(s, &t.mail), HK_LIMIT);
	for (most = TEST_SEGMENT / 2; most; most--) {
		t.mail.body.n = most;
		if (hk_spool_put(s, &t.mail) == HK_OK)
			break;
	}
	assert_in_range(most, TEST_SEGMENT / 2 - 256, TEST_SEGMENT / 2 - 1);
	assert_int_equal(test_put(s, 2, 1, 0), HK_FULL);
	assert_int_equal(test_put_with_file(s, &d.disk, 3), HK_FULL);
	assert_null(hk_sim_disk_bytes(&d, "spool/body/00000000000003", NULL));
	assert_int_equal(hk_spool_commit(s), HK_OK);
	assert_int_equal(test_put(s, 1, 1, 0), HK_BUG);
	for (id = 2; test_put(s, id, 1, 0) == HK_OK; id++)
		;
	assert_int_equal(hk_spool_commit(s), HK_OK);
	s = reopen(&d, s);
	assert_int_equal(test_recovered(s, NULL, 0), id - 1);
	finish(&d, s);
}

static void a_newer_version_and_a_journal_without_version_are_refused(void **state)
{
	struct hk_sim_disk d;
	struct hk_spool *s = start(&d);

	(void)state;
	hk_spool_close(s);
	hk_sim_disk_place(&d, "spool/VERSION", HK_S("hikyaku-spool 3\n"));
	assert_int_equal(test_open(&d, &s), HK_VERSION);
	hk_sim_disk_place(&d, "spool/VERSION", HK_S("something"));
	assert_int_equal(test_open(&d, &s), HK_CORRUPT);
	d.disk.ops->unlink(&d.disk, "spool/VERSION");
	assert_int_equal(test_open(&d, &s), HK_CORRUPT);
	hk_sim_disk_place(&d, "spool/VERSION", HK_S("hikyaku-spool 1\n"));
	assert_int_equal(test_open(&d, &s), HK_OK);
	/* what opens an older spool makes it its own, so that the older program refuses it from then on */
	assert_memory_equal(hk_sim_disk_bytes(&d, "spool/VERSION", NULL), "hikyaku-spool 2\n", 16);
	finish(&d, s);
}

/* ---- faults ------------------------------------------------------------------------- */

static void a_failed_sync_fails_the_batch_and_two_stop_intake(void **state)
{
	struct hk_sim_disk d;
	struct hk_spool *s = start(&d);
	uint64_t id[8];
	size_t n;

	(void)state;
	assert_int_equal(test_put(s, 1, 1, 10), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_OK);
	d.faults.sync = 1000000;
	assert_int_equal(test_put(s, 2, 1, 10), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_IO);
	assert_false(hk_spool_is_failing(s));
	assert_int_equal(hk_spool_find(s, 2, &(struct hk_place){0}), HK_NOTFOUND);
	assert_int_equal(test_put(s, 2, 1, 10), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_IO);
	assert_true(hk_spool_is_failing(s));
	assert_int_equal(hk_spool_intake(s), HK_IO);
	assert_int_equal(test_put(s, 3, 1, 10), HK_IO);
	assert_int_equal(hk_spool_probe(s), HK_IO);
	d.faults.sync = 0;
	assert_int_equal(hk_spool_probe(s), HK_OK);
	assert_false(hk_spool_is_failing(s));
	assert_int_equal(test_put(s, 4, 1, 10), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_OK);
	hk_spool_close(s);
	hk_sim_disk_cut(&d);
	assert_int_equal(test_open(&d, &s), HK_OK);
	n = test_recovered(s, id, 8);
	/* the new segment says where the one before ends: what failed does not come back */
	assert_int_equal(n, 2);
	assert_true(id[0] == 1 && id[1] == 4);
	finish(&d, s);
}

static void a_segment_that_lost_committed_bytes_is_evacuated(void **state)
{
	struct hk_sim_disk d;
	struct hk_spool *s = start(&d);
	struct hk_place place;
	uint8_t *bytes;
	uint64_t id;

	(void)state;
	assert_int_equal(test_put(s, 1, 1, 10), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_OK);
	assert_int_equal(test_put(s, 2, 1, 10), HK_OK);
	d.faults.sync = 1000000;
	/* the medium loses what it had said it holds; the cache still has it */
	bytes = malloc(TEST_SEGMENT);
	memcpy(bytes, hk_sim_disk_bytes(&d, FIRST, NULL), TEST_SEGMENT);
	memset(hk_sim_disk_bytes(&d, FIRST, NULL) + 4096, 0, 512);
	{
		int file;

		assert_int_equal(d.disk.ops->open(&d.disk, FIRST, HK_OPEN_WRITE, &file), HK_OK);
		assert_int_equal(d.disk.ops->write(&d.disk, file, 4096,
		                     hk_slice_of(hk_sim_disk_bytes(&d, FIRST, NULL) + 4096, 512)),
		    HK_OK);
		d.faults.sync = 0;
		assert_int_equal(d.disk.ops->sync(&d.disk, file), HK_OK);
		memcpy(hk_sim_disk_bytes(&d, FIRST, NULL), bytes, TEST_SEGMENT);
		d.disk.ops->close(&d.disk, file);
		d.faults.sync = 1000000;
	}
	assert_int_equal(hk_spool_commit(s), HK_IO);
	d.faults.sync = 0;
	assert_true(hk_spool_last(s)->is_damaged);
	assert_int_equal(hk_spool_tidy(s, 65536), HK_OK); /* begins another segment */
	assert_int_equal(hk_spool_tidy(s, 65536), HK_OK);
	assert_int_equal(hk_spool_find(s, 1, &place), HK_OK);
	assert_int_equal(place.segment, 2);
	hk_spool_close(s);
	hk_sim_disk_cut(&d);
	assert_int_equal(test_open(&d, &s), HK_OK);
	assert_int_equal(test_recovered(s, &id, 1), 1);
	assert_int_equal(id, 1);
	free(bytes);
	finish(&d, s);
}

static void on_a_full_disk_mail_is_refused_and_completions_go_on(void **state)
{
	struct hk_sim_disk d;
	struct hk_spool *s = start(&d);
	enum hk_status status = HK_OK;
	uint64_t id, done, left;
	size_t i;

	(void)state;
	assert_int_equal(hk_spool_room(s), UINT64_MAX);
	d.capacity = 6 * TEST_SEGMENT;
	hk_spool_watch_space(s);
	/* what is free, but for what is never for mail */
	assert_int_equal(d.disk.ops->space(&d.disk, "spool", &left), HK_OK);
	assert_true(left > s->free_min);
	assert_int_equal(hk_spool_room(s), left - s->free_min);
	for (id = 1; status == HK_OK; id++) {
		status = test_put(s, id, 2, 2000);
		if (status == HK_OK)
			status = hk_spool_commit(s);
	}
	assert_int_equal(status, HK_FULL);
	id -= 2; /* the last that was taken */
	assert_true(hk_spool_is_failing(s));
	assert_int_equal(hk_spool_intake(s), HK_FULL);
	hk_spool_watch_space(s);
	assert_int_equal(hk_spool_room(s), 0);
	/* four completions in each batch: the rest of the segment, then the reserve */
	for (done = 1; done <= id; done++) {
		for (i = 0; i < 2; i++)
			assert_int_equal(
			    hk_spool_complete(s, done, i, HK_RCPT_DELIVERED, HK_S("ok")), HK_OK);
		if (done % 16 == 0 || done == id) {
			assert_int_equal(hk_spool_commit(s), HK_OK);
		}
	}
	for (i = 0; i < 12; i++)
		assert_int_equal(hk_spool_tidy(s, 1024), HK_OK);
	assert_false(hk_spool_is_failing(s));
	assert_true(s->has_reserve);
	assert_int_equal(test_put(s, id + 10, 1, 2000), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_OK);
	s = reopen(&d, s);
	assert_int_equal(test_recovered(s, NULL, 0), 1);
	finish(&d, s);
}

static void compaction_bounds_the_journal_and_keeps_what_waits(void **state)
{
	struct hk_sim_disk d;
	struct hk_spool *s = start(&d);
	struct hk_spool_entry e;
	uint64_t id;
	size_t most = 0;

	(void)state;
	for (id = 1; id <= 400; id++) {
		assert_int_equal(test_put(s, id, 2, 2000), HK_OK);
		assert_int_equal(hk_spool_commit(s), HK_OK);
		if (id == 3) {
			assert_int_equal(
			    hk_spool_complete(s, 3, 1, HK_RCPT_FAILED, HK_S("no")), HK_OK);
			assert_int_equal(hk_spool_attempt(s, 3, 777, 0, HK_S("later")), HK_OK);
		} else if (id % 100) {
			assert_int_equal(
			    hk_spool_complete(s, id, 0, HK_RCPT_DELIVERED, HK_S("")), HK_OK);
			assert_int_equal(
			    hk_spool_complete(s, id, 1, HK_RCPT_DELIVERED, HK_S("")), HK_OK);
		}
		assert_int_equal(hk_spool_commit(s), HK_OK);
		assert_int_equal(hk_spool_tidy(s, 8192), HK_OK);
		most = s->n_segments > most ? s->n_segments : most;
	}
	assert_in_range(most, 2, 4);
	s = reopen(&d, s);
	assert_int_equal(hk_spool_recovered(s, &e), HK_OK);
	assert_true(e.id == 3 && e.attempts == 1 && e.next_attempt == 777 && e.place.segment > 1);
	assert_int_equal(e.mail->rcpt[1].outcome, HK_RCPT_FAILED);
	assert_int_equal(test_recovered(s, NULL, 0), 4);
	finish(&d, s);
}

/* Messages 1 to n, each of about half a segment. */
static void put_large(struct hk_spool *s, uint64_t n)
{
	static uint8_t body[TEST_SEGMENT / 4];
	struct test_mail t;
	uint64_t id;

	for (id = 1; id <= n; id++) {
		test_mail_make(&t, id, 1, 0);
		t.mail.body = hk_slice_of(body, sizeof body);
		assert_int_equal(hk_spool_put(s, &t.mail), HK_OK);
		assert_int_equal(hk_spool_commit(s), HK_OK);
	}
}

static enum hk_status read_by(const struct hk_spool_file *f, const struct hk_place *place)
{
	struct hk_mail mail = {0};
	enum hk_status status;

	hk_arena_init(&mail.arena, 1024 * 1024);
	status = hk_spool_file_read(f, place, &mail);
	hk_arena_done(&mail.arena);
	return status;
}

static void a_segment_stays_open_for_reading_until_it_is_recycled_and_its_last_reader_is_done(void **state)
{
	struct hk_sim_disk d;
	struct hk_spool *s = start(&d);
	unsigned files = hk_sim_disk_open_files(&d);
	struct hk_spool_file *f, *again;
	struct hk_place place;
	int i;

	(void)state;
	put_large(s, 8);
	assert_int_equal(hk_spool_find(s, 1, &place), HK_OK);
	assert_int_equal(place.segment, 1);
	f = hk_spool_file_use(s, &place);
	again = hk_spool_file_use(s, &place);
	assert_non_null(f);
	assert_ptr_equal(f, again);
	assert_int_equal(read_by(f, &place), HK_OK);
	hk_spool_file_done(again);
	assert_int_equal(hk_sim_disk_open_files(&d), files + 1);
	for (i = 1; i <= 8; i++)
		assert_int_equal(hk_spool_complete(s, (uint64_t)i, 0, HK_RCPT_DELIVERED, HK_S("")), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_OK);
	for (i = 0; i < 6; i++)
		assert_int_equal(hk_spool_tidy(s, 65536), HK_OK);
	assert_int_equal(s->n_files, 0);
	assert_true(s->segment[0]->number > 1);
	assert_null(hk_spool_file_use(s, &place));
	assert_int_equal(hk_sim_disk_open_files(&d), files + 1);
	hk_spool_file_done(f);
	assert_int_equal(hk_sim_disk_open_files(&d), files);
	hk_spool_file_done(NULL);
	finish(&d, s);
}

static void no_more_segments_stay_open_for_reading_than_the_limit(void **state)
{
	struct hk_sim_disk d;
	struct hk_spool *s = start(&d);
	struct hk_mail mail = {0};
	uint64_t id, n = 3 * (HK_SPOOL_FILES + 1) + 1;

	(void)state;
	put_large(s, n);
	assert_int_equal(s->n_segments, HK_SPOOL_FILES + 2);
	for (id = 1; id <= n; id++) {
		hk_arena_init(&mail.arena, 1024 * 1024);
		assert_int_equal(hk_spool_fetch(s, id, &mail), HK_OK);
		assert_int_equal(mail.id, id);
		hk_arena_done(&mail.arena);
		assert_in_range(s->n_files, 1, HK_SPOOL_FILES);
	}
	assert_int_equal(s->n_files, HK_SPOOL_FILES);
	/* those that nobody read for longest were closed */
	assert_null(s->segment[0]->file);
	assert_null(s->segment[1]->file);
	assert_non_null(s->segment[2]->file);
	assert_int_equal(hk_spool_fetch(s, n + 1, &mail), HK_NOTFOUND);
	finish(&d, s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_committed_message_comes_back_as_it_was),
	    cmocka_unit_test(
	        recovery_tells_of_messages_in_the_order_of_their_ids_with_outcomes_and_attempts),
	    cmocka_unit_test(a_body_file_goes_with_the_last_completion_and_orphans_at_recovery),
	    cmocka_unit_test(what_cannot_be_put_is_refused_and_its_file_removed),
	    cmocka_unit_test(a_newer_version_and_a_journal_without_version_are_refused),
	    cmocka_unit_test(a_failed_sync_fails_the_batch_and_two_stop_intake),
	    cmocka_unit_test(a_segment_that_lost_committed_bytes_is_evacuated),
	    cmocka_unit_test(on_a_full_disk_mail_is_refused_and_completions_go_on),
	    cmocka_unit_test(compaction_bounds_the_journal_and_keeps_what_waits),
	    cmocka_unit_test(a_segment_stays_open_for_reading_until_it_is_recycled_and_its_last_reader_is_done),
	    cmocka_unit_test(no_more_segments_stay_open_for_reading_than_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
