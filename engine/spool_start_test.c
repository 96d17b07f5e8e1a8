/* SPDX-License-Identifier: MIT
 *
 * What a start believes: rows of the recovery table (docs/queue.md) whose bytes are right in themselves, and in the wrong place; and what a
 * kill left behind, which counts only once it is on the medium.
 */
#include <stdlib.h>

#include "engine/spool_rig.h"

#define SECOND "spool/journal/00000002.seg"

static void commit_one(struct hk_spool *s, uint64_t id)
{
	assert_int_equal(test_put(s, id, 1, 100), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_OK);
}

/* Puts bytes into a file as the medium has it, in place of those that are there. */
static void put_bytes(struct hk_sim_disk *d, const char *path, size_t at, struct hk_slice bytes)
{
	uint8_t *whole = hk_sim_disk_bytes(d, path, NULL);
	size_t n;

	(void)hk_sim_disk_bytes(d, path, &n);
	assert_in_range(at + bytes.n, 0, n);
	memcpy(whole + at, bytes.p, bytes.n);
	whole = hk_sim_disk_bytes(d, path, NULL);
	hk_sim_disk_place(d, path, hk_slice_of(whole, n));
}

static void add_message(struct hk_batch *b, uint64_t id)
{
	size_t mark = hk_batch_begin(b, HK_RECORD_MESSAGE);
	struct test_mail t;

	test_mail_make(&t, id, 1, 50);
	hk_mail_format(&t.mail, &b->bytes);
	assert_int_equal(hk_batch_end(b, mark), HK_OK);
}

/* Two whole messages with right checksums, as one batch. */
static struct hk_batch two_messages(uint32_t generation, uint32_t offset, uint64_t sequence)
{
	struct hk_batch b = {0};

	hk_buf_init(&b.bytes, TEST_SEGMENT);
	add_message(&b, 50);
	add_message(&b, 51);
	assert_int_equal(hk_batch_seal(&b, generation, offset, sequence), HK_OK);
	return b;
}

static void seal_again(struct hk_batch *b, size_t at)
{
	uint8_t *p = b->bytes.p + at;

	hk_store32(p + 4, hk_crc32c(0, hk_slice_of(p + 8, HK_RECORD_HEAD - 8 + hk_load32(p + 8))));
}

enum lie { NONE, OLDER, NEWER, ELSEWHERE, EARLIER, LATER, SKIPS, MORE_LEFT, FEWER_LEFT, LIES };

static struct hk_batch tell(enum lie lie, const struct hk_spool *s)
{
	const struct hk_segment *last = hk_spool_last(s);
	struct hk_batch b = two_messages(last->generation + (lie == NEWER) - (lie == OLDER), (uint32_t)last->used + (lie == ELSEWHERE) * HK_SPOOL_BLOCK,
	    s->sequence + (lie == LATER) - (lie == EARLIER));
	size_t second = HK_RECORD_HEAD + hk_load32(b.bytes.p + 8);
	uint8_t *p = b.bytes.p;

	second += hk_pad(second, 8);
	if (lie == SKIPS)
		hk_store64(p + second + 24, s->sequence + 2);
	if (lie == MORE_LEFT) /* the second says that another follows, and there is none */
		hk_store32(p + second + 12, hk_load32(p + second + 12) + 1);
	if (lie == FEWER_LEFT) /* the first says that two follow, the second that it is the last */
		hk_store32(p + 12, hk_load32(p + 12) + 1);
	seal_again(&b, 0);
	seal_again(&b, second);
	return b;
}

/* Every field of a record's head says where it belongs; whole records with right checksums that belong elsewhere never count. */
static void whole_records_of_another_place_are_never_taken_for_a_batch(void **state)
{
	enum lie lie;

	(void)state;
	for (lie = NONE; lie < LIES; lie++) {
		struct hk_sim_disk d;
		struct hk_spool *s = start(&d);
		struct hk_batch b;
		uint64_t used, number;

		commit_one(s, 1);
		used = hk_spool_last(s)->used;
		b = tell(lie, s);
		hk_spool_close(s);
		put_bytes(&d, FIRST, used, hk_buf_slice(&b.bytes));
		hk_buf_done(&b.bytes);
		assert_int_equal(test_open(&d, &s), HK_OK);
		assert_int_equal(test_recovered(s, NULL, 0), lie == NONE ? 3 : 1);
		/* written on where all is whole; else the remains can mix with nothing */
		commit_one(s, 70);
		number = hk_spool_last(s)->number;
		assert_int_equal(number, lie == NONE ? 1 : 2);
		s = reopen(&d, s);
		assert_int_equal(test_recovered(s, NULL, 0), lie == NONE ? 4 : 2);
		finish(&d, s);
	}
}

/* Behind a torn batch only the first record of a later one is a proof that it was durable: not one of its own that happens to begin on a
 * block, nor what the file held in another generation. */
static void what_is_behind_a_torn_batch_is_damage_only_when_it_came_later(void **state)
{
	enum { OWN, OTHER_GENERATION, OLD_SEQUENCE, DAMAGE, CASES };
	int i;

	(void)state;
	for (i = 0; i < CASES; i++) {
		struct hk_sim_disk d;
		struct hk_spool *s = start(&d);
		uint32_t at, generation;
		struct hk_batch b;

		commit_one(s, 1);
		at = (uint32_t)hk_spool_last(s)->used + HK_SPOOL_BLOCK;
		generation = hk_spool_last(s)->generation + (i == OTHER_GENERATION);
		b = two_messages(generation, i == OWN ? at - HK_SPOOL_BLOCK : at, s->sequence + (i == OLD_SEQUENCE ? 0 : 1));
		hk_spool_close(s);
		put_bytes(&d, FIRST, at, hk_buf_slice(&b.bytes));
		hk_buf_done(&b.bytes);
		assert_int_equal(test_open(&d, &s), i == DAMAGE ? HK_CORRUPT : HK_OK);
		if (i != DAMAGE) {
			assert_int_equal(test_recovered(s, NULL, 0), 1);
			hk_spool_close(s);
		}
		hk_sim_disk_done(&d);
	}
}

/* Segment 1 with message 1 and, whole on the medium behind what counts, a batch that failed; segment 2 without its index. */
static void make_without_index(struct hk_sim_disk *d)
{
	struct hk_spool *s = start(d);
	uint8_t *bytes;
	size_t n;

	commit_one(s, 1);
	assert_int_equal(test_put(s, 2, 1, 100), HK_OK);
	d->faults.sync = 1000000;
	assert_int_equal(hk_spool_commit(s), HK_IO);
	d->faults.sync = 0;
	s->index.failed = HK_NOMEM;
	assert_int_equal(hk_spool_probe(s), HK_OK);
	commit_one(s, 3);
	hk_spool_close(s);
	bytes = hk_sim_disk_bytes(d, FIRST, &n);
	assert_int_equal(bytes[2 * HK_SPOOL_BLOCK], 'H');
	hk_sim_disk_place(d, FIRST, hk_slice_of(bytes, n));
}

static void without_an_index_a_segment_counts_exactly_up_to_where_the_next_one_says(void **state)
{
	struct hk_sim_disk d;
	struct hk_spool *s;
	uint64_t id[4];
	uint8_t byte = 0;

	(void)state;
	make_without_index(&d);
	assert_int_equal(test_open(&d, &s), HK_OK);
	assert_int_equal(test_recovered(s, id, 4), 2);
	assert_true(id[0] == 1 && id[1] == 3);
	hk_spool_close(s);
	/* less than it says is damage, at whatever of its records */
	put_bytes(&d, FIRST, HK_SPOOL_BLOCK + 40, hk_slice_of(&byte, 1));
	assert_int_equal(test_open(&d, &s), HK_CORRUPT);
	hk_sim_disk_done(&d);
}

/* Generations only rise: a head that has an older one is of another use of its file. */
static void a_head_of_an_older_generation_is_damage(void **state)
{
	static const uint32_t generations[] = {0, 1, 2};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(generations); i++) {
		struct hk_sim_disk d;
		struct hk_spool *s = start(&d);
		struct hk_batch head = {0};
		size_t mark;

		commit_one(s, 1);
		assert_int_equal(hk_spool_last(s)->generation, 1);
		hk_buf_init(&head.bytes, HK_SPOOL_BLOCK);
		mark = hk_batch_begin(&head, HK_RECORD_SEGMENT);
		hk_buf_add_u32(&head.bytes, HK_SEGMENT_VERSION);
		hk_buf_add_u32(&head.bytes, 2);
		hk_buf_add_u32(&head.bytes, (uint32_t)hk_spool_last(s)->used);
		hk_buf_add_u64(&head.bytes, 1);
		assert_int_equal(hk_batch_end(&head, mark), HK_OK);
		assert_int_equal(hk_batch_seal(&head, generations[i], 0, s->sequence), HK_OK);
		hk_spool_close(s);
		hk_sim_disk_place(&d, SECOND, hk_buf_slice(&head.bytes));
		hk_buf_done(&head.bytes);
		assert_int_equal(test_open(&d, &s), generations[i] > 1 ? HK_OK : HK_CORRUPT);
		if (generations[i] > 1)
			hk_spool_close(s);
		hk_sim_disk_done(&d);
	}
}

/* Calls of the disk that a start needs with so many segments. */
static uint64_t calls_of_a_start(uint32_t n_segments, bool has_index)
{
	struct hk_sim_disk d;
	struct hk_spool *s = start(&d);
	uint64_t id, calls;

	for (id = 1; hk_spool_last(s)->number < n_segments; id++) {
		s->index.failed = has_index ? HK_OK : HK_NOMEM;
		commit_one(s, id);
	}
	calls = d.calls;
	s = reopen(&d, s);
	calls = d.calls - calls;
	assert_int_equal(hk_spool_last(s)->number, n_segments);
	assert_int_equal(test_recovered(s, NULL, 0), id - 1);
	finish(&d, s);
	return calls;
}

/* Of a segment that another follows a start opens the file, and reads its head and its size. */
static void a_start_reads_indexes_and_the_open_segment_only(void **state)
{
	enum { OF_A_HEAD = 3, OF_RECORDS = 3 }; /* open, read, size; and once more */

	(void)state;
	assert_int_equal(calls_of_a_start(6, true) - calls_of_a_start(2, true), 4 * OF_A_HEAD);
	assert_int_equal(calls_of_a_start(6, false) - calls_of_a_start(2, false), 4 * (OF_A_HEAD + OF_RECORDS));
}

/* What a start shows after a kill was synced by it: else the power could take away what was delivered from. */
static void what_a_start_finds_after_a_kill_is_made_durable_first(void **state)
{
	unsigned seed, found = 0;

	(void)state;
	for (seed = 1; seed <= 20; seed++) {
		struct hk_sim_disk d;
		struct hk_spool *s;
		size_t n;

		hk_sim_disk_init(&d, HK_SIM_POSIX, seed);
		assert_int_equal(test_open(&d, &s), HK_OK);
		assert_int_equal(test_put(s, 1, 1, 100), HK_OK);
		d.die_at = d.calls + 2; /* written, and not synced */
		assert_int_equal(hk_spool_commit(s), HK_IO);
		hk_spool_close(s);
		hk_sim_disk_kill(&d);
		assert_int_equal(test_open(&d, &s), HK_OK);
		n = test_recovered(s, NULL, 0);
		hk_spool_close(s);
		hk_sim_disk_cut(&d);
		assert_int_equal(test_open(&d, &s), HK_OK);
		assert_int_equal(test_recovered(s, NULL, 0), n);
		found += n == 1;
		finish(&d, s);
	}
	assert_int_equal(found, 20);
}

/* Where that sync fails, nobody knows what the file holds: it is written no more. */
static void a_segment_whose_sync_fails_at_a_start_is_not_written_on(void **state)
{
	unsigned k, calls, found = 0;

	(void)state;
	for (k = calls = 1; k <= calls; k++) {
		struct hk_sim_disk d;
		struct hk_spool *s = start(&d);

		commit_one(s, 1);
		hk_spool_close(s);
		d.fail_at = d.calls + k;
		d.fail_with = HK_IO;
		if (test_open(&d, &s) != HK_OK)
			s = NULL;
		calls = d.calls >= d.fail_at ? k + 1 : k;
		d.fail_at = 0;
		if (s) {
			commit_one(s, 2);
			assert_int_equal(hk_spool_last(s)->number, d.failed_syncs ? 2 : 1);
			found += d.failed_syncs != 0;
			hk_spool_close(s);
		}
		hk_sim_disk_done(&d);
	}
	assert_int_equal(found, 1);
}

/* The server ends at any call while a segment begins; the next one takes mail at once; then the power goes. */
static void what_is_committed_after_a_kill_at_any_call_survives_a_cut(void **state)
{
	unsigned seed, k, calls = 1;

	(void)state;
	for (seed = 1; seed <= 16; seed++) {
		for (k = 1; k <= calls; k++) {
			struct hk_sim_disk d;
			struct hk_spool *s;
			uint64_t before;

			hk_sim_disk_init(&d, HK_SIM_POSIX, seed * 1000 + k);
			assert_int_equal(test_open(&d, &s), HK_OK);
			commit_one(s, 1);
			before = d.calls;
			d.die_at = before + k;
			(void)!hk_segment_begin(s, 0);
			calls = d.dead ? k + 1 : k;
			hk_spool_close(s);
			hk_sim_disk_kill(&d);
			assert_int_equal(test_open(&d, &s), HK_OK);
			commit_one(s, 2);
			hk_spool_close(s);
			hk_sim_disk_cut(&d);
			assert_int_equal(test_open(&d, &s), HK_OK);
			assert_int_equal(test_recovered(s, NULL, 0), 2);
			finish(&d, s);
		}
		assert_in_range(calls, 6, 20);
		calls = 1;
	}
}

/* R4: each call of the disk fails once while a spool is opened; then, or the next time, all is there. */
static void each_call_of_a_start_may_fail_once(void **state)
{
	static const enum hk_status statuses[] = {HK_IO, HK_FULL, HK_NOMEM};
	unsigned i, k, calls, opened = 0, refused = 0;

	(void)state;
	for (i = 0; i < COUNT(statuses); i++) {
		for (k = calls = 1; k <= calls; k++) {
			struct hk_sim_disk d;
			struct hk_spool *s = start(&d);
			enum hk_status status;
			uint64_t id;

			for (id = 1; hk_spool_last(s)->number < 3; id++)
				commit_one(s, id);
			assert_int_equal(test_put_with_file(s, &d.disk, id++), HK_OK);
			assert_int_equal(hk_spool_commit(s), HK_OK);
			hk_spool_close(s);
			d.fail_at = d.calls + k;
			d.fail_with = statuses[i];
			status = test_open(&d, &s);
			calls = d.calls >= d.fail_at ? k + 1 : k;
			if (status == HK_OK) {
				opened++;
				assert_int_equal(test_recovered(s, NULL, 0), id - 1);
				hk_spool_close(s);
			} else {
				refused++;
				assert_int_equal(status, statuses[i]);
			}
			hk_sim_disk_cut(&d);
			assert_int_equal(test_open(&d, &s), HK_OK);
			assert_int_equal(test_recovered(s, NULL, 0), id - 1);
			finish(&d, s);
		}
	}
	assert_true(opened > 3 && refused > 20);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(whole_records_of_another_place_are_never_taken_for_a_batch),
	    cmocka_unit_test(what_is_behind_a_torn_batch_is_damage_only_when_it_came_later),
	    cmocka_unit_test(without_an_index_a_segment_counts_exactly_up_to_where_the_next_one_says),
	    cmocka_unit_test(a_head_of_an_older_generation_is_damage),
	    cmocka_unit_test(a_start_reads_indexes_and_the_open_segment_only),
	    cmocka_unit_test(what_a_start_finds_after_a_kill_is_made_durable_first),
	    cmocka_unit_test(a_segment_whose_sync_fails_at_a_start_is_not_written_on),
	    cmocka_unit_test(what_is_committed_after_a_kill_at_any_call_survives_a_cut),
	    cmocka_unit_test(each_call_of_a_start_may_fail_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
