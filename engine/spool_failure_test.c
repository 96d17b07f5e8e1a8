/* SPDX-License-Identifier: MIT
 *
 * What the journal promises of a disk that fails, sentence by sentence (docs/queue.md, "When the disk fails").
 */
#include <stdlib.h>

#include "engine/spool_rig.h"

#define SECOND "spool/journal/00000002.seg"

static void commit_one(struct hk_spool *s, uint64_t id, size_t body)
{
	assert_int_equal(test_put(s, id, 1, body), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_OK);
}

static uint8_t *copy_of(struct hk_sim_disk *d, const char *path, size_t *ret_n)
{
	uint8_t *bytes = hk_sim_disk_bytes(d, path, ret_n), *copy = malloc(*ret_n + 1);

	assert_non_null(bytes);
	assert_non_null(copy);
	memcpy(copy, bytes, *ret_n);
	return copy;
}

/* The commit path has no housekeeping in it: what is gathered is one write and one sync, however much waits to be tidied. */
static void a_commit_is_one_write_and_one_sync(void **state)
{
	struct hk_sim_disk d;
	struct hk_spool *s = start(&d);
	struct hk_spool_counts before, after;
	uint64_t id, calls;

	(void)state;
	for (id = 1; id <= 8; id++) {
		commit_one(s, id, 2000);
		assert_int_equal(hk_spool_complete(s, id, 0, HK_RCPT_DELIVERED, HK_S("")), HK_OK);
		assert_int_equal(hk_spool_commit(s), HK_OK);
	}
	for (id = 9; id <= 12; id++)
		assert_int_equal(test_put(s, id, 2, 500), HK_OK);
	hk_spool_count(s, &before);
	calls = d.calls;
	assert_int_equal(hk_spool_commit(s), HK_OK);
	hk_spool_count(s, &after);
	assert_int_equal(d.calls - calls, 2);
	assert_int_equal(after.syncs - before.syncs, 1);
	assert_int_equal(after.commits - before.commits, 1);
	assert_int_equal(after.records - before.records, 4);
	finish(&d, s);
}

/* Space ahead is synced when it is made, so the sync of a commit finds no new size to write. */
static void space_ahead_is_synced_when_it_is_made(void **state)
{
	struct hk_spool_options options = {.dir = "spool", .segment_size = 16 * TEST_SEGMENT};
	struct hk_spool_counts before, after;
	struct hk_sim_disk d;
	struct hk_spool *s;
	uint64_t id, size;

	(void)state;
	hk_sim_disk_init(&d, HK_SIM_POSIX, 1);
	assert_int_equal(hk_spool_open(&d.disk, &options, NULL, &s), HK_OK);
	s->ahead = s->ahead_most = s->at_rest;
	hk_segment_trim(s);
	size = hk_spool_last(s)->size;
	for (id = 1; hk_spool_last(s)->size - hk_spool_last(s)->used >= s->ahead / 2; id++)
		commit_one(s, id, 2000);
	assert_int_equal(hk_spool_last(s)->size, size);
	hk_spool_count(s, &before);
	assert_int_equal(hk_spool_tidy(s, 0), HK_OK);
	hk_spool_count(s, &after);
	assert_int_equal(hk_spool_last(s)->size, size + s->ahead);
	assert_int_equal(after.syncs - before.syncs, 1);
	finish(&d, s);
}

/* A segment whose write or sync failed is never written again; the next batch is in another one, whose head says where it ends. */
static void a_segment_that_failed_is_never_written_again(void **state)
{
	unsigned what;

	(void)state;
	for (what = 0; what < 3; what++) { /* the write, the sync, each of the next segment's calls as well */
		struct hk_sim_disk d;
		struct hk_spool *s = start(&d);
		uint8_t *bytes;
		uint64_t id[4];
		size_t n;

		commit_one(s, 1, 100);
		assert_int_equal(test_put(s, 2, 1, 100), HK_OK);
		d.fail_at = d.calls + 1 + what % 2;
		d.fail_with = what ? HK_IO : HK_FULL;
		assert_int_equal(hk_spool_commit(s), d.fail_with);
		bytes = copy_of(&d, FIRST, &n);
		if (what == 2) {
			d.faults.sync = 1000000;
			assert_int_equal(hk_spool_probe(s), HK_IO);
			d.faults.sync = 0;
			assert_int_equal(hk_spool_probe(s), HK_OK);
		}
		commit_one(s, 3, 100);
		assert_int_equal(hk_spool_last(s)->number, 2);
		assert_memory_equal(hk_sim_disk_bytes(&d, FIRST, NULL), bytes, n);
		/* also where all of the failed batch has come to the medium after all */
		hk_sim_disk_place(&d, FIRST, hk_slice_of(bytes, n));
		s = reopen(&d, s);
		assert_int_equal(test_recovered(s, id, 4), 2);
		assert_true(id[0] == 1 && id[1] == 3);
		free(bytes);
		finish(&d, s);
	}
}

static void only_two_failures_in_a_row_stop_intake(void **state)
{
	struct hk_sim_disk d;
	struct hk_spool *s = start(&d);
	uint64_t id;

	(void)state;
	for (id = 1; id <= 9; id += 2) {
		d.faults.sync = 1000000;
		assert_int_equal(test_put(s, id, 1, 10), HK_OK);
		assert_int_equal(hk_spool_commit(s), HK_IO);
		assert_int_equal(hk_spool_intake(s), HK_OK);
		d.faults.sync = 0;
		commit_one(s, id + 1, 10);
	}
	finish(&d, s);
}

/* A batch that failed may still be found by the next start; so its body file waits until a new segment says that the batch never was. */
static void a_body_file_stays_while_its_failed_batch_may_come_back(void **state)
{
	static const char body[] = "spool/body/00000000000002";
	unsigned seed, came_back = 0;

	(void)state;
	for (seed = 1; seed <= 20; seed++) {
		struct hk_sim_disk d, copy;
		struct hk_spool *s = start(&d);
		size_t n;

		hk_prng_init(&d.prng, seed);
		commit_one(s, 1, 100);
		assert_int_equal(test_put_with_file(s, &d.disk, 2), HK_OK);
		d.faults.sync = 1000000;
		assert_int_equal(hk_spool_commit(s), HK_IO);
		assert_int_equal(hk_spool_find(s, 2, &(struct hk_place){0}), HK_NOTFOUND);
		assert_non_null(hk_sim_disk_bytes(&d, body, NULL));
		hk_sim_disk_copy_durable(&d, &copy);
		d.faults.sync = 0;
		assert_int_equal(hk_spool_probe(s), HK_OK);
		assert_null(hk_sim_disk_bytes(&d, body, NULL));
		finish(&d, s);
		assert_int_equal(test_open(&copy, &s), HK_OK);
		n = test_recovered(s, NULL, 0);
		assert_in_range(n, 1, 2);
		came_back += n == 2;
		finish(&copy, s);
	}
	assert_in_range(came_back, 1, 19);
}

/* Where nothing was written there is nothing to wait for. */
static void the_body_file_of_a_batch_that_was_never_written_goes_at_once(void **state)
{
	struct hk_sim_disk d;
	struct hk_spool *s = start(&d);

	(void)state;
	while (hk_spool_last(s)->size - hk_spool_last(s)->used >= HK_SPOOL_BLOCK)
		commit_one(s, 100 + hk_spool_last(s)->used, 10);
	assert_int_equal(test_put_with_file(s, &d.disk, 2), HK_OK);
	d.capacity = 1;
	assert_int_equal(hk_spool_commit(s), HK_FULL);
	assert_null(hk_sim_disk_bytes(&d, "spool/body/00000000000002", NULL));
	finish(&d, s);
}

/* One renamed segment for each sync of the directory that worked: else a crash could leave a gap; and no file is used again before. */
static void recycling_waits_for_the_sync_of_the_directory(void **state)
{
	struct hk_sim_disk d;
	struct hk_spool *s = start(&d);
	uint64_t id;
	unsigned i;

	(void)state;
	for (id = 1; hk_spool_last(s)->number < 5; id++) {
		commit_one(s, id, 2000);
		assert_int_equal(hk_spool_complete(s, id, 0, HK_RCPT_DELIVERED, HK_S("")), HK_OK);
		assert_int_equal(hk_spool_commit(s), HK_OK);
	}
	assert_int_equal(s->n_segments, 5);
	d.faults.sync_dir = 1000000;
	for (i = 0; i < 3; i++) {
		hk_spool_recycle(s);
		assert_int_equal(s->n_segments, 4);
		assert_false(s->has_spare);
	}
	d.faults.sync_dir = 0;
	hk_spool_recycle(s);
	assert_int_equal(s->n_segments, 3);
	assert_true(s->has_spare);
	finish(&d, s);
}

/* Its living messages are copied out at once, also where too much lives for anything else to be moved, and at rest. */
static void a_segment_that_lost_bytes_is_evacuated_however_much_of_it_lives(void **state)
{
	unsigned how;

	(void)state;
	for (how = 0; how < 4; how++) {
		bool is_damaged = how & 1, is_quiet = how & 2;
		struct hk_sim_disk d;
		struct hk_spool *s = start(&d);
		struct hk_place place;
		uint64_t id;
		unsigned i;

		for (id = 1; !hk_spool_last(s) || hk_spool_last(s)->number == 1; id += 2) {
			assert_int_equal(test_put(s, id, 1, 1900), HK_OK);
			commit_one(s, id + 1, 1700);
		}
		s->segment[0]->is_damaged = is_damaged;
		for (i = 0; i < 4; i++)
			assert_int_equal((is_quiet ? hk_spool_rest : hk_spool_tidy)(s, TEST_SEGMENT / 4), HK_OK);
		assert_int_equal(hk_spool_find(s, 1, &place), HK_OK);
		assert_int_equal(place.segment > 1, is_damaged);
		finish(&d, s);
	}
}

/* One message that cannot be read stays where it is; the others are moved, and its segment is kept. */
static void a_message_that_cannot_be_read_holds_no_other_back(void **state)
{
	struct hk_sim_disk d;
	struct hk_spool *s = start(&d);
	struct hk_place place;
	uint8_t *bytes;
	uint64_t id;
	size_t n;
	unsigned i;

	(void)state;
	for (id = 1; hk_spool_last(s)->number < 4; id++) {
		commit_one(s, id, 2000);
		if (id == 2 || id > 3) {
			assert_int_equal(hk_spool_complete(s, id, 0, HK_RCPT_DELIVERED, HK_S("")), HK_OK);
			assert_int_equal(hk_spool_commit(s), HK_OK);
		}
	}
	assert_int_equal(hk_spool_find(s, 3, &place), HK_OK);
	assert_int_equal(place.segment, 1);
	bytes = hk_sim_disk_bytes(&d, FIRST, &n);
	bytes[place.offset + 200] ^= 1;
	for (i = 0; i < 8; i++)
		assert_int_equal(hk_spool_tidy(s, TEST_SEGMENT), HK_OK);
	assert_int_equal(hk_spool_find(s, 1, &place), HK_OK);
	assert_true(place.segment > 1);
	assert_int_equal(hk_spool_find(s, 3, &place), HK_OK);
	assert_int_equal(place.segment, 1);
	assert_int_equal(s->segment[0]->number, 1);
	finish(&d, s);
}

static void only_what_is_committed_can_be_tried_or_completed(void **state)
{
	struct hk_sim_disk d;
	struct hk_spool *s = start(&d);

	(void)state;
	assert_int_equal(test_put(s, 1, 2, 10), HK_OK);
	assert_int_equal(hk_spool_complete(s, 1, 0, HK_RCPT_DELIVERED, HK_S("")), HK_NOTFOUND);
	assert_int_equal(hk_spool_attempt(s, 1, 5, 0, HK_S("")), HK_NOTFOUND);
	assert_int_equal(hk_spool_mark(s, 1, 5, HK_SPOOL_HELD), HK_NOTFOUND);
	assert_int_equal(hk_spool_commit(s), HK_OK);
	assert_int_equal(hk_spool_complete(s, 1, 2, HK_RCPT_DELIVERED, HK_S("")), HK_NOTFOUND);
	assert_int_equal(hk_spool_complete(s, 1, 1, HK_RCPT_PENDING, HK_S("")), HK_BUG);
	assert_int_equal(hk_spool_complete(s, 1, 1, HK_RCPT_DELIVERED, HK_S("")), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_OK);
	finish(&d, s);
}

/* The lock comes first: a second server touches nothing, not even the version of an older spool. */
static void a_second_server_changes_nothing(void **state)
{
	struct hk_sim_disk d;
	struct hk_spool *s = start(&d), *second;
	uint8_t *bytes;
	size_t n;

	(void)state;
	hk_sim_disk_place(&d, "spool/VERSION", HK_S("hikyaku-spool 1\n"));
	hk_sim_disk_place(&d, "spool/body/00000000000099", HK_S("never put"));
	bytes = copy_of(&d, FIRST, &n);
	assert_int_equal(test_open(&d, &second), HK_BUSY);
	assert_memory_equal(hk_sim_disk_bytes(&d, "spool/VERSION", NULL), "hikyaku-spool 1\n", 16);
	assert_non_null(hk_sim_disk_bytes(&d, "spool/body/00000000000099", NULL));
	assert_memory_equal(hk_sim_disk_bytes(&d, FIRST, NULL), bytes, n);
	assert_null(hk_sim_disk_bytes(&d, SECOND, NULL));
	free(bytes);
	finish(&d, s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_commit_is_one_write_and_one_sync),
	    cmocka_unit_test(space_ahead_is_synced_when_it_is_made),
	    cmocka_unit_test(a_segment_that_failed_is_never_written_again),
	    cmocka_unit_test(only_two_failures_in_a_row_stop_intake),
	    cmocka_unit_test(a_body_file_stays_while_its_failed_batch_may_come_back),
	    cmocka_unit_test(the_body_file_of_a_batch_that_was_never_written_goes_at_once),
	    cmocka_unit_test(recycling_waits_for_the_sync_of_the_directory),
	    cmocka_unit_test(a_segment_that_lost_bytes_is_evacuated_however_much_of_it_lives),
	    cmocka_unit_test(a_message_that_cannot_be_read_holds_no_other_back),
	    cmocka_unit_test(only_what_is_committed_can_be_tried_or_completed),
	    cmocka_unit_test(a_second_server_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
