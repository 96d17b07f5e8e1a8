/* SPDX-License-Identifier: MIT
 *
 * What the journal promises of a disk that is full, sentence by sentence (docs/queue.md, "When the disk fails").
 */
#include "engine/spool_rig.h"

static uint64_t left_on(struct hk_sim_disk *d)
{
	uint64_t left;

	assert_int_equal(d->disk.ops->space(&d->disk, "spool", &left), HK_OK);
	return left;
}

/* From now on so many octets are free. */
static void leave(struct hk_sim_disk *d, uint64_t bytes)
{
	enum { LARGE = 1 << 30 };

	d->capacity = LARGE;
	d->capacity = LARGE - left_on(d) + bytes;
	assert_int_equal(left_on(d), bytes);
}

/* R5: at the limit, one below and one above it; and it opens again at twice as much, no sooner. */
static void intake_stops_below_the_limit_and_opens_at_twice_as_much(void **state)
{
	struct hk_sim_disk d;
	struct hk_spool *s = start(&d);
	const struct {
		uint64_t left;
		enum hk_status intake;
		uint64_t room;
	} rows[] = {
	    {s->free_min + 1, HK_OK, 1},
	    {s->free_min, HK_OK, 0},
	    {s->free_min - 1, HK_FULL, 0},
	    {s->free_min, HK_FULL, 0},
	    {2 * s->free_min - 1, HK_FULL, s->free_min - 1},
	    {2 * s->free_min, HK_OK, s->free_min},
	    {2 * s->free_min - 1, HK_OK, s->free_min - 1},
	    {0, HK_FULL, 0},
	    {2 * s->free_min + 1, HK_OK, s->free_min + 1},
	};
	size_t i;

	(void)state;
	assert_int_equal(HK_SPOOL_FREE_MIN, 32 * 1024 * 1024);
	for (i = 0; i < COUNT(rows); i++) {
		leave(&d, rows[i].left);
		hk_spool_watch_space(s);
		assert_int_equal(hk_spool_intake(s), rows[i].intake);
		assert_int_equal(hk_spool_room(s), rows[i].room);
	}
	finish(&d, s);
}

/* Messages 1 to n, which fill two segments; then nothing is free any more, though nobody has looked at it yet. */
static uint64_t fill_two_segments(struct hk_sim_disk *d, struct hk_spool *s)
{
	uint64_t id = 0;

	while (hk_spool_last(s)->number < 2 || hk_spool_last(s)->used + HK_SPOOL_BLOCK <= s->segment_size) {
		assert_int_equal(test_put(s, ++id, 1, 1000), HK_OK);
		assert_int_equal(hk_spool_commit(s), HK_OK);
	}
	assert_int_equal(hk_spool_last(s)->number, 2);
	leave(d, 0);
	assert_true(s->has_reserve && !s->is_full);
	return id;
}

static void put_report(struct hk_spool *s, uint64_t id)
{
	struct test_mail t;

	test_mail_make(&t, id, 1, 300);
	t.mail.listener = HK_S("");
	assert_int_equal(hk_spool_put(s, &t.mail), HK_OK);
}

/* Neither mail nor a copy of what waits takes it. */
static void the_reserve_is_for_completions_alone(void **state)
{
	struct hk_sim_disk d;
	struct hk_spool *s = start(&d);
	uint64_t n = fill_two_segments(&d, s);
	unsigned i;

	(void)state;
	assert_int_equal(test_put(s, n + 1, 1, 100), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_FULL);
	assert_int_equal(hk_spool_intake(s), HK_FULL);
	assert_true(s->has_reserve);
	assert_int_equal(test_put(s, n + 2, 1, 100), HK_FULL);
	s->segment[0]->is_damaged = true; /* so that it is to be moved at once */
	for (i = 0; i < 4; i++)
		assert_int_equal(hk_spool_tidy(s, TEST_SEGMENT), HK_FULL);
	assert_true(s->has_reserve);
	assert_int_equal(s->n_segments, 2);
	/* a completion does */
	assert_int_equal(hk_spool_complete(s, 1, 0, HK_RCPT_DELIVERED, HK_S("ok")), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_OK);
	assert_false(s->has_reserve);
	assert_int_equal(hk_spool_last(s)->number, 3);
	s = reopen(&d, s);
	assert_int_equal(test_recovered(s, NULL, 0), n - 1);
	finish(&d, s);
}

/* (b) of the promise: a failure and its report go into one batch, on a full disk as well. */
static void a_report_goes_where_its_completion_goes(void **state)
{
	struct hk_sim_disk d;
	struct hk_spool *s = start(&d);
	uint64_t n = fill_two_segments(&d, s), id[2];

	(void)state;
	assert_int_equal(test_put(s, n + 1, 1, 100), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_FULL);
	put_report(s, n + 2);
	assert_int_equal(hk_spool_complete(s, 1, 0, HK_RCPT_FAILED, HK_S("550 no")), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_OK);
	assert_false(s->has_reserve);
	s = reopen(&d, s);
	assert_int_equal(test_recovered(s, id, 2), n);
	assert_int_equal(id[0], 2);
	assert_int_equal(hk_spool_find(s, n + 2, &(struct hk_place){0}), HK_OK);
	finish(&d, s);
}

/* Where a reserve is found after a power cut, it is whole: written, not only named. */
static void a_reserve_that_survives_a_cut_is_whole(void **state)
{
	unsigned seed, found = 0;

	(void)state;
	for (seed = 1; seed <= 40; seed++) {
		struct hk_sim_disk d;
		struct hk_spool *s;
		size_t n;

		hk_sim_disk_init(&d, seed % 2 ? HK_SIM_POSIX : HK_SIM_EXT4, seed);
		assert_int_equal(test_open(&d, &s), HK_OK);
		assert_int_equal(s->reserve, TEST_SEGMENT / 4);
		hk_spool_close(s);
		hk_sim_disk_cut(&d);
		if (hk_sim_disk_bytes(&d, "spool/journal/reserve", &n)) {
			found++;
			assert_int_equal(n, TEST_SEGMENT / 4);
		}
		hk_sim_disk_done(&d);
	}
	assert_in_range(found, 5, 39);
}

/* R5: on a full disk any gain is worth a copy: here a sixth of the journal is complete, which is no reason where there is room. */
static void a_full_disk_is_compacted_for_less(void **state)
{
	unsigned is_full;

	(void)state;
	for (is_full = 0; is_full < 2; is_full++) {
		struct hk_sim_disk d;
		struct hk_spool *s = start(&d);
		uint64_t id, living;
		unsigned i;

		for (id = 1; hk_spool_last(s)->number < 5; id++) {
			assert_int_equal(test_put(s, id, 1, 2000), HK_OK);
			assert_int_equal(test_put(s, id + 1000, 1, 1600), HK_OK);
			assert_int_equal(hk_spool_commit(s), HK_OK);
		}
		for (i = 1; i < id; i += 3)
			assert_int_equal(hk_spool_complete(s, i, 0, HK_RCPT_DELIVERED, HK_S("")), HK_OK);
		assert_int_equal(hk_spool_commit(s), HK_OK);
		if (is_full)
			leave(&d, s->free_min - 1);
		living = s->segment[0]->live_bytes;
		assert_int_equal(hk_spool_tidy(s, 4096), HK_OK);
		assert_int_equal(s->is_full, is_full);
		assert_int_equal(s->segment[0]->live_bytes < living, is_full);
		finish(&d, s);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(intake_stops_below_the_limit_and_opens_at_twice_as_much),
	    cmocka_unit_test(the_reserve_is_for_completions_alone),
	    cmocka_unit_test(a_report_goes_where_its_completion_goes),
	    cmocka_unit_test(a_reserve_that_survives_a_cut_is_whole),
	    cmocka_unit_test(a_full_disk_is_compacted_for_less),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
