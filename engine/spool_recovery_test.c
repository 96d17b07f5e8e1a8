/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "engine/spool_rig.h"
#include "tests/unit.h"

#define GOLDEN_ONE 0x75e36ab1u
#define GOLDEN_TWO 0x19e7417fu

/* The recovery table of docs/queue.md, row by row. */

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

/* SEC-43 */
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

/* R20 of security.md 2.4: what a version wrote is read for ever (form 1: mail_test.c). Where this changes,
 * HK_SPOOL_VERSION has to. */
static void the_bytes_of_version_2_are_what_they_were(void **state)
{
	struct hk_sim_disk d;
	struct hk_spool *s = start(&d);
	uint8_t *bytes;

	(void)state;
	assert_int_equal(test_put(s, 1, 4, 2000), HK_OK);
	assert_int_equal(test_put_with_file(s, &d.disk, 2), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_OK);
	assert_int_equal(hk_spool_complete(s, 1, 2, HK_RCPT_FAILED, HK_S("550 no")), HK_OK);
	assert_int_equal(hk_spool_attempt(s, 1, 1796000000, 0, HK_S("450 later")), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_OK);
	bytes = hk_sim_disk_bytes(&d, FIRST, NULL);
	assert_int_equal(hk_spool_last(s)->used, 3 * 4096);
	assert_memory_equal(bytes, "HKJ1", 4);
	assert_int_equal(hk_crc32c(0, hk_slice_of(bytes, 3 * 4096)), GOLDEN_ONE);
	/* a moved message, and the index of the segment before */
	assert_int_equal(hk_segment_begin(s, false), HK_OK);
	s->segment[0]->is_damaged = true;
	assert_int_equal(hk_spool_tidy(s, 65536), HK_OK);
	bytes = hk_sim_disk_bytes(&d, "spool/journal/00000002.seg", NULL);
	assert_int_equal(hk_spool_last(s)->used, 2 * 4096);
	assert_int_equal(hk_crc32c(0, hk_slice_of(bytes, 2 * 4096)), GOLDEN_TWO);
	finish(&d, s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_batch_torn_at_any_byte_is_gone_as_a_whole_and_nothing_else),
	    cmocka_unit_test(a_batch_with_any_subset_of_its_sectors_is_gone_as_a_whole),
	    cmocka_unit_test(damage_in_the_committed_middle_is_loud_at_every_byte),
	    cmocka_unit_test(start_up_reads_indexes_and_scans_where_there_is_none),
	    cmocka_unit_test(a_missing_segment_a_wrong_head_and_a_damaged_live_message_are_loud),
	    cmocka_unit_test(a_recycled_file_is_never_mistaken_for_what_it_held),
	    cmocka_unit_test(the_bytes_of_version_2_are_what_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
