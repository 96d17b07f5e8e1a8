/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "engine/spool_testing.h"

#define FIRST "spool/journal/00000001.seg"

static struct hk_spool *reopen(struct hk_sim_disk *d, struct hk_spool *s)
{
	hk_spool_close(s);
	assert_int_equal(test_open(d, &s), HK_OK);
	return s;
}

static struct hk_spool *start(struct hk_sim_disk *d)
{
	struct hk_spool *s;

	hk_sim_disk_init(d, HK_SIM_POSIX, 1);
	assert_int_equal(test_open(d, &s), HK_OK);
	return s;
}

static void finish(struct hk_sim_disk *d, struct hk_spool *s)
{
	hk_spool_close(s);
	hk_sim_disk_done(d);
}

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
	assert_int_equal(hk_spool_attempt(s, 3, 99, HK_S("450 later")), HK_OK);
	assert_int_equal(hk_spool_complete(s, 4, 0, HK_RCPT_DELIVERED, HK_S("")), HK_OK);
	assert_int_equal(hk_spool_complete(s, 4, 1, HK_RCPT_FAILED, HK_S("")), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_OK);
	assert_int_equal(hk_spool_attempt(s, 3, 199, HK_S("")), HK_OK);
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
	hk_sim_disk_place(&d, "spool/VERSION", HK_S("hikyaku-spool 2\n"));
	assert_int_equal(test_open(&d, &s), HK_VERSION);
	hk_sim_disk_place(&d, "spool/VERSION", HK_S("something"));
	assert_int_equal(test_open(&d, &s), HK_CORRUPT);
	d.disk.ops->unlink(&d.disk, "spool/VERSION");
	assert_int_equal(test_open(&d, &s), HK_CORRUPT);
	hk_sim_disk_place(&d, "spool/VERSION", HK_S("hikyaku-spool 1\n"));
	assert_int_equal(test_open(&d, &s), HK_OK);
	finish(&d, s);
}

/* ---- the recovery table of README.md -------------------------------------------- */

/* One message committed, then three in one batch. Where the second batch begins and ends in the
 * file. */
static void make_two_batches(struct hk_sim_disk *d, size_t *ret_from, size_t *ret_to)
{
	struct hk_spool *s = start(d);
	uint64_t id;

	assert_int_equal(test_put(s, 1, 1, 100), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_OK);
	*ret_from = (size_t)hk_spool_last(s)->used;
	for (id = 2; id <= 4; id++)
		assert_int_equal(test_put(s, id, 1, 50), HK_OK);
	*ret_to = *ret_from + s->batch.bytes.n;
	assert_int_equal(hk_spool_commit(s), HK_OK);
	hk_spool_close(s);
}

/* Opens after harm; the number of live messages, or the status. */
static int after_harm(struct hk_sim_disk *d, const uint8_t *bytes, size_t n)
{
	struct hk_spool *s;
	enum hk_status status;
	int live;

	hk_sim_disk_place(d, FIRST, hk_slice_of(bytes, n));
	status = test_open(d, &s);
	if (status != HK_OK)
		return status;
	live = (int)test_recovered(s, NULL, 0);
	/* and it goes on from there */
	assert_int_equal(test_put(s, 77, 1, 10), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_OK);
	s = reopen(d, s);
	assert_int_equal(test_recovered(s, NULL, 0), live + 1);
	hk_spool_close(s);
	d->disk.ops->unlink(&d->disk, "spool/journal/00000002.seg");
	return live;
}

static void a_batch_torn_at_any_byte_is_gone_as_a_whole_and_nothing_else(void **state)
{
	struct hk_sim_disk d;
	uint8_t *whole, *cut;
	size_t from, to, n, at;

	(void)state;
	make_two_batches(&d, &from, &to);
	whole = malloc(TEST_SEGMENT * 2);
	cut = malloc(TEST_SEGMENT * 2);
	hk_sim_disk_bytes(&d, FIRST, &n);
	memcpy(whole, hk_sim_disk_bytes(&d, FIRST, NULL), n);
	while (!whole[to - 1])
		to--; /* the padding is not needed */
	for (at = from; at <= to; at++) {
		/* what was not written is zero, or what a recycled file held before, or not there
		 * at all */
		memcpy(cut, whole, n);
		memset(cut + at, 0, n - at);
		assert_int_equal(after_harm(&d, cut, n), at == to ? 4 : 1);
		if (at % 16)
			continue;
		memset(cut + at, 0xa5, n - at);
		assert_int_equal(after_harm(&d, cut, n), at == to ? 4 : 1);
		assert_int_equal(after_harm(&d, cut, at), at == to ? 4 : 1);
	}
	free(whole);
	free(cut);
	hk_sim_disk_done(&d);
}

static void a_batch_with_any_subset_of_its_sectors_is_gone_as_a_whole(void **state)
{
	struct hk_sim_disk d;
	struct hk_spool *s = start(&d);
	uint8_t *whole, *cut;
	size_t from, to, n, i;
	unsigned lost;

	(void)state;
	assert_int_equal(test_put(s, 1, 1, 100), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_OK);
	from = (size_t)hk_spool_last(s)->used;
	assert_int_equal(test_put(s, 2, 1, 1500), HK_OK);
	assert_int_equal(test_put(s, 3, 1, 1500), HK_OK);
	to = from + s->batch.bytes.n;
	assert_int_equal(hk_spool_commit(s), HK_OK);
	hk_spool_close(s);
	whole = hk_sim_disk_bytes(&d, FIRST, &n);
	cut = malloc(n);
	assert_in_range((to - from) / 512, 6, 8);
	for (lost = 0; lost < 1u << ((to - from) / 512 + 1); lost++) {
		struct hk_sim_disk copy;

		memcpy(cut, whole, n);
		for (i = 0; from + i * 512 < to; i++)
			if (lost >> i & 1)
				memset(cut + from + i * 512, 0, 512);
		hk_sim_disk_copy_durable(&d, &copy);
		assert_int_equal(after_harm(&copy, cut, n), lost ? 1 : 3);
		hk_sim_disk_done(&copy);
	}
	free(cut);
	hk_sim_disk_done(&d);
}

static void damage_in_the_committed_middle_is_loud_at_every_byte(void **state)
{
	struct hk_sim_disk d;
	uint8_t *cut;
	size_t from, to, n, at, loud = 0;

	(void)state;
	make_two_batches(&d, &from, &to);
	hk_sim_disk_bytes(&d, FIRST, &n);
	cut = malloc(n);
	memcpy(cut, hk_sim_disk_bytes(&d, FIRST, NULL), n);
	for (at = 0; at < from; at++) {
		int live;

		cut[at] ^= 0x10;
		live = after_harm(&d, cut, n);
		cut[at] ^= 0x10;
		/* padding is not covered, nor needed */
		assert_true(live == HK_CORRUPT || live == 4 || live == HK_VERSION);
		loud += live != 4;
	}
	assert_in_range(loud, 200, 400);
	free(cut);
	hk_sim_disk_done(&d);
}

/* Fills segments with messages of which the first stays; returns with several segments. */
static struct hk_spool *make_segments(struct hk_sim_disk *d, uint32_t n)
{
	struct hk_spool *s = start(d);
	uint64_t id;

	for (id = 1; !hk_spool_last(s) || hk_spool_last(s)->number < n; id++) {
		assert_int_equal(test_put(s, id, 1, 2000), HK_OK);
		assert_int_equal(hk_spool_commit(s), HK_OK);
		if (id == 1)
			continue;
		assert_int_equal(hk_spool_complete(s, id, 0, HK_RCPT_DELIVERED, HK_S("")), HK_OK);
		assert_int_equal(hk_spool_commit(s), HK_OK);
	}
	return s;
}

static void start_up_reads_indexes_and_scans_where_there_is_none(void **state)
{
	struct hk_sim_disk d;
	struct hk_spool *s = make_segments(&d, 4);
	uint64_t id[2], calls;

	(void)state;
	assert_int_equal(s->n_segments, 4);
	calls = d.calls;
	s = reopen(&d, s);
	calls = d.calls - calls;
	assert_int_equal(test_recovered(s, id, 2), 1);
	assert_int_equal(id[0], 1);
	/* forget the index: the next head has none, and recovery reads the records */
	s->index.failed = HK_NOMEM;
	assert_int_equal(hk_segment_begin(s, false), HK_OK);
	assert_int_equal(test_put(s, 1000, 1, 10), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_OK);
	s = reopen(&d, s);
	assert_int_equal(test_recovered(s, id, 2), 2);
	assert_int_equal(id[0], 1);
	assert_int_equal(id[1], 1000);
	finish(&d, s);
}

static void a_missing_segment_a_wrong_head_and_a_damaged_live_message_are_loud(void **state)
{
	static const char second[] = "spool/journal/00000002.seg";
	struct hk_sim_disk d, copy;
	struct hk_spool *s = make_segments(&d, 3);
	uint8_t *bytes;

	(void)state;
	hk_spool_close(s);
	hk_sim_disk_copy_durable(&d, &copy);
	copy.disk.ops->unlink(&copy.disk, second);
	assert_int_equal(test_open(&copy, &s), HK_CORRUPT);
	hk_sim_disk_done(&copy);
	hk_sim_disk_copy_durable(&d, &copy);
	copy.disk.ops->rename(&copy.disk, FIRST, second);
	assert_int_equal(test_open(&copy, &s), HK_CORRUPT);
	hk_sim_disk_done(&copy);
	hk_sim_disk_copy_durable(&d, &copy);
	bytes = hk_sim_disk_bytes(&copy, second, NULL);
	bytes[100] ^= 1; /* in the index of the first */
	hk_sim_disk_place(&copy, second, hk_slice_of(bytes, TEST_SEGMENT));
	assert_int_equal(test_open(&copy, &s), HK_CORRUPT);
	hk_sim_disk_done(&copy);
	hk_sim_disk_copy_durable(&d, &copy);
	bytes = hk_sim_disk_bytes(&copy, FIRST, NULL);
	bytes[4096 + 300] ^= 1; /* in message 1, which waits */
	hk_sim_disk_place(&copy, FIRST, hk_slice_of(bytes, TEST_SEGMENT));
	assert_int_equal(test_open(&copy, &s), HK_OK);
	assert_true(test_recovered(s, NULL, 0) == SIZE_MAX);
	hk_spool_close(s);
	hk_sim_disk_done(&copy);
	hk_sim_disk_done(&d);
}

static void a_recycled_file_is_never_mistaken_for_what_it_held(void **state)
{
	struct hk_sim_disk d;
	struct hk_spool *s = make_segments(&d, 3);
	struct hk_place old;
	struct hk_mail read = {0};
	uint64_t id;
	size_t n, i;

	(void)state;
	assert_int_equal(hk_spool_find(s, 1, &old), HK_OK);
	assert_int_equal(hk_spool_complete(s, 1, 0, HK_RCPT_DELIVERED, HK_S("")), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_OK);
	assert_int_equal(hk_spool_tidy(s, 0), HK_OK);
	assert_int_equal(s->n_segments, 2);
	assert_true(s->has_spare);
	hk_arena_init(&read.arena, 65536);
	assert_int_equal(hk_spool_read(&d.disk, "spool", &old, &read), HK_NOTFOUND);
	/* the next segment takes the spare, full of whole records of an older generation */
	assert_int_equal(hk_segment_begin(s, false), HK_OK);
	assert_false(s->has_spare);
	id = hk_spool_last(s)->number;
	hk_sim_disk_bytes(&d, hk_segment_path("spool", (uint32_t)id).text, &n);
	assert_int_equal(n, TEST_SEGMENT);
	assert_int_equal(test_put(s, 5000, 1, 10), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_OK);
	for (i = 0; i < 3; i++) {
		s = reopen(&d, s);
		assert_int_equal(test_recovered(s, &id, 1), 1);
		assert_int_equal(id, 5000);
	}
	/* a place of an older generation in a file of that name is not found either */
	assert_int_equal(hk_spool_find(s, 5000, &old), HK_OK);
	old.generation--;
	assert_int_equal(hk_spool_read(&d.disk, "spool", &old, &read), HK_NOTFOUND);
	hk_arena_done(&read.arena);
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
	uint64_t id, done;
	size_t i;

	(void)state;
	d.capacity = 6 * TEST_SEGMENT;
	for (id = 1; status == HK_OK; id++) {
		status = test_put(s, id, 2, 2000);
		if (status == HK_OK)
			status = hk_spool_commit(s);
	}
	assert_int_equal(status, HK_FULL);
	id -= 2; /* the last that was taken */
	assert_true(hk_spool_is_failing(s));
	assert_int_equal(hk_spool_intake(s), HK_FULL);
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
			assert_int_equal(hk_spool_attempt(s, 3, 777, HK_S("later")), HK_OK);
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
	assert_in_range(most, 3, 6);
	s = reopen(&d, s);
	assert_int_equal(hk_spool_recovered(s, &e), HK_OK);
	assert_true(e.id == 3 && e.attempts == 1 && e.next_attempt == 777 && e.place.segment > 1);
	assert_int_equal(e.mail->rcpt[1].outcome, HK_RCPT_FAILED);
	assert_int_equal(test_recovered(s, NULL, 0), 4);
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
	    cmocka_unit_test(a_batch_torn_at_any_byte_is_gone_as_a_whole_and_nothing_else),
	    cmocka_unit_test(a_batch_with_any_subset_of_its_sectors_is_gone_as_a_whole),
	    cmocka_unit_test(damage_in_the_committed_middle_is_loud_at_every_byte),
	    cmocka_unit_test(start_up_reads_indexes_and_scans_where_there_is_none),
	    cmocka_unit_test(a_missing_segment_a_wrong_head_and_a_damaged_live_message_are_loud),
	    cmocka_unit_test(a_recycled_file_is_never_mistaken_for_what_it_held),
	    cmocka_unit_test(a_failed_sync_fails_the_batch_and_two_stop_intake),
	    cmocka_unit_test(a_segment_that_lost_committed_bytes_is_evacuated),
	    cmocka_unit_test(on_a_full_disk_mail_is_refused_and_completions_go_on),
	    cmocka_unit_test(compaction_bounds_the_journal_and_keeps_what_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
