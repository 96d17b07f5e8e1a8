/* SPDX-License-Identifier: MIT
 *
 * How much of the disk a queue takes, slack included: all that stands in the journal's folder.
 */
#include "engine/spool_rig.h"

enum { SEGMENT = 1024 * 1024, MESSAGES = 4000, BODY = 4096, BATCH = 20, TIDY_MOST = 2000, STEP = 1024 * 1024, BLOCK = 4096 };

struct space {
	struct hk_sim_disk disk;
	struct hk_spool *spool;
	uint8_t body[BODY];
};

static void begin(struct space *t, uint64_t segment_size)
{
	struct hk_spool_options options = {.dir = "spool", .segment_size = segment_size};

	hk_sim_disk_init(&t->disk, HK_SIM_EXT4, 1);
	assert_int_equal(hk_spool_open(&t->disk.disk, &options, NULL, &t->spool), HK_OK);
	memset(t->body, 'x', sizeof t->body);
}

static void put(struct space *t, uint64_t id)
{
	struct test_mail m;

	test_mail_make(&m, id, 1, 0);
	m.mail.body = hk_slice_of(t->body, sizeof t->body);
	m.mail.body_size = sizeof t->body;
	assert_int_equal(hk_spool_put(t->spool, &m.mail), HK_OK);
}

/* A message is accepted, tried, and waits; `batch` of them share a commit. */
static void fill(struct space *t, uint64_t n, unsigned batch)
{
	uint64_t id, last;

	for (last = 0; last < n; last += batch) {
		for (id = last + 1; id <= last + batch; id++)
			put(t, id);
		assert_int_equal(hk_spool_commit(t->spool), HK_OK);
		for (id = last + 1; id <= last + batch; id++)
			assert_int_equal(hk_spool_attempt(t->spool, id, 1000, 0, HK_S("450 4.2.0 come again later")), HK_OK);
		assert_int_equal(hk_spool_commit(t->spool), HK_OK);
	}
}

/* As the owner does it once nothing comes any more: steps of a MiB, ten a second. Returns how many it took. */
static unsigned rest(struct space *t)
{
	struct hk_spool_counts before, after;
	enum hk_status status;
	unsigned steps = 0;

	do {
		hk_spool_count(t->spool, &before);
		status = hk_spool_rest(t->spool, STEP);
		assert_int_equal(status, t->spool->is_full && status != HK_OK ? HK_FULL : HK_OK);
		hk_spool_count(t->spool, &after);
	} while ((after.bytes != before.bytes || after.syncs != before.syncs) && ++steps < TIDY_MOST);
	return steps;
}

static uint64_t written(const struct space *t)
{
	struct hk_spool_counts counts;

	hk_spool_count(t->spool, &counts);
	return counts.bytes;
}

static uint64_t on_disk(struct space *t)
{
	uint64_t whole = 0;
	struct hk_slice *name;
	struct hk_arena a;
	size_t n, i;

	hk_arena_init(&a, SIZE_MAX);
	assert_int_equal(t->disk.disk.ops->list(&t->disk.disk, "spool/journal", &a, &name, &n), HK_OK);
	for (i = 0; i < n; i++) {
		char path[128];
		size_t size = 0;

		snprintf(path, sizeof path, "spool/journal/%.*s", HK_FMT(name[i]));
		assert_non_null(hk_sim_disk_bytes(&t->disk, path, &size));
		whole += (size + 4095) / 4096 * 4096;
	}
	hk_arena_done(&a);
	return whole;
}

static uint64_t living(const struct space *t)
{
	uint64_t bytes = 0;
	size_t i;

	for (i = 0; i < t->spool->n_segments; i++)
		bytes += t->spool->segment[i]->live_bytes;
	return bytes;
}

static void end(struct space *t)
{
	hk_spool_close(t->spool);
	hk_sim_disk_done(&t->disk);
}

/* What is there however little lives: the reserve, the open segment's head, and a little space ahead. */
static uint64_t always(const struct space *t)
{
	return t->spool->reserve + t->spool->at_rest + BLOCK;
}

static void a_deferred_message_of_four_kib_takes_five_and_a_half_at_most(void **state)
{
	/* one at a time each commit pads to a block, and the attempt takes one of its own: twelve KiB for each, until they are moved */
	static const struct {
		uint64_t n, segment;
		unsigned batch;
		bool with_all; /* else without what an empty queue takes */
	} rows[] = {
	    {MESSAGES, HK_SPOOL_SEGMENT, BATCH, true},
	    {MESSAGES, HK_SPOOL_SEGMENT, 1, true},
	    {MESSAGES, SEGMENT, 1, true},
	    {1000, HK_SPOOL_SEGMENT, BATCH, false},
	    {1000, HK_SPOOL_SEGMENT, 1, false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct space t;
		uint64_t each;

		begin(&t, rows[i].segment);
		fill(&t, rows[i].n, rows[i].batch);
		assert_true(rest(&t) < 600); /* a minute */
		each = (on_disk(&t) - (rows[i].with_all ? 0 : always(&t))) / rows[i].n;
		print_message("# %u bytes for each of %u\n", (unsigned)each, (unsigned)rows[i].n);
		assert_in_range(each, BODY, 5632);
		end(&t);
	}
}

/* Whatever is delivered, half of what the journal takes lives, once there is time; and a minute is enough. */
static void half_of_the_journal_lives_when_the_load_stops(void **state)
{
	static const unsigned stays[] = {2, 3, 10, 100, MESSAGES + 1}; /* one of so many */
	static const uint64_t segments[] = {SEGMENT, HK_SPOOL_SEGMENT};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(stays) * COUNT(segments); i++) {
		struct space t;
		uint64_t id;
		unsigned steps;

		begin(&t, segments[i % 2]);
		fill(&t, MESSAGES, BATCH);
		for (id = 1; id <= MESSAGES; id++) {
			if (id % stays[i / 2])
				assert_int_equal(hk_spool_complete(t.spool, id, 0, HK_RCPT_DELIVERED, HK_S("")), HK_OK);
			if (id % BATCH == 0)
				assert_int_equal(hk_spool_commit(t.spool), HK_OK);
		}
		steps = rest(&t);
		print_message("# one of %u stays: %u of %u KiB live, after %u steps\n", stays[i / 2], (unsigned)(living(&t) / 1024),
		    (unsigned)(on_disk(&t) / 1024), steps);
		assert_true(2 * living(&t) + always(&t) + t.spool->waste >= on_disk(&t));
		assert_true(steps < 600);
		end(&t);
	}
}

/* Nothing is moved for less than an eighth of what lives and 128 KiB (here: 64). */
static void what_wastes_little_stays_where_it_is(void **state)
{
	struct space t;
	uint64_t id = 0, before, limit;

	(void)state;
	begin(&t, SEGMENT);
	fill(&t, BATCH, BATCH);
	do {
		rest(&t);
		limit = living(&t) + living(&t) / 8 + SEGMENT / 16;
		before = hk_spool_last(t.spool)->used - BLOCK;
		assert_in_range(before, living(&t), limit);
		assert_int_equal(t.spool->n_segments, 1);
		assert_int_equal(hk_spool_last(t.spool)->number, 1);
		assert_int_equal(hk_spool_attempt(t.spool, 1, 1000, 0, HK_S("")), HK_OK);
		assert_int_equal(hk_spool_commit(t.spool), HK_OK);
		assert_true(++id < 100);
	} while (before + BLOCK <= limit);
	rest(&t);
	assert_int_equal(t.spool->n_segments, 1);
	assert_int_equal(hk_spool_last(t.spool)->number, 2);
	end(&t);
}

/* One pass moves each message once; and then nothing is written, whatever is wasted, until something comes. */
static void a_spool_at_rest_is_not_written(void **state)
{
	struct space t;
	uint64_t bytes, calls;
	unsigned i;

	(void)state;
	begin(&t, SEGMENT);
	fill(&t, MESSAGES, 1);
	bytes = written(&t);
	rest(&t);
	assert_in_range(written(&t) - bytes, living(&t) / 2, living(&t) + living(&t) / 16);
	assert_false(t.spool->has_spare);
	for (i = 0; i < 3; i++) {
		calls = t.disk.calls;
		assert_int_equal(hk_spool_rest(t.spool, STEP), HK_OK);
		assert_int_equal(t.disk.calls - calls, 1); /* how much is free */
	}
	/* as if all of it were waste: nothing came, so nothing is moved */
	bytes = written(&t);
	for (i = 0; i < t.spool->n_segments; i++)
		t.spool->segment[i]->live_bytes /= 2;
	calls = t.disk.calls;
	assert_false(t.spool->is_stirred);
	t.spool->pass = 0; /* and the last pass is over */
	assert_int_equal(hk_spool_rest(t.spool, STEP), HK_OK);
	assert_int_equal(t.disk.calls - calls, 1);
	assert_int_equal(written(&t), bytes);
	end(&t);
}

/* Mail that comes while a pass is under way goes on at once, and so does the pass afterwards. */
static void a_pass_is_interrupted_and_ends(void **state)
{
	struct space t;
	uint64_t id;
	unsigned i;

	(void)state;
	begin(&t, SEGMENT);
	fill(&t, MESSAGES, 1);
	for (i = 0; i < 20; i++) {
		assert_int_equal(hk_spool_rest(t.spool, STEP / 8), HK_OK);
		for (id = 0; id < 5; id++)
			put(&t, MESSAGES + 1 + i * 5 + id);
		assert_int_equal(hk_spool_commit(t.spool), HK_OK);
		assert_int_equal(hk_spool_tidy(t.spool, STEP), HK_OK);
	}
	rest(&t);
	assert_in_range(on_disk(&t) / (MESSAGES + 100), BODY, 5632);
	hk_spool_close(t.spool);
	hk_sim_disk_cut(&t.disk);
	assert_int_equal(hk_spool_open(&t.disk.disk, &(struct hk_spool_options){.dir = "spool", .segment_size = SEGMENT}, NULL, &t.spool),
	    HK_OK);
	assert_int_equal(test_recovered(t.spool, NULL, 0), MESSAGES + 100);
	end(&t);
}

/* Written space ahead: a little after a rest, and twice as much each time until it is as much as ever. */
static void space_ahead_comes_back_with_the_load(void **state)
{
	static const uint64_t want[] = {32, 64, 128, 256, 512, 1024, 2048, 4096, 4096};
	struct space t;
	uint64_t size;
	size_t i;

	(void)state;
	begin(&t, HK_SPOOL_SEGMENT);
	put(&t, 1);
	assert_int_equal(hk_spool_commit(t.spool), HK_OK);
	rest(&t);
	assert_int_equal(hk_spool_last(t.spool)->size, hk_spool_last(t.spool)->used + HK_SPOOL_AT_REST);
	for (i = 0; i < COUNT(want); i++) {
		size = hk_spool_last(t.spool)->size;
		while (size - hk_spool_last(t.spool)->used >= t.spool->ahead / 2) {
			assert_int_equal(hk_spool_tidy(t.spool, STEP), HK_OK);
			assert_int_equal(hk_spool_last(t.spool)->size, size);
			assert_int_equal(hk_spool_attempt(t.spool, 1, 1000, 0, HK_S("")), HK_OK);
			assert_int_equal(hk_spool_commit(t.spool), HK_OK);
		}
		assert_int_equal(hk_spool_tidy(t.spool, STEP), HK_OK);
		assert_int_equal(hk_spool_last(t.spool)->size - size, want[i] * 1024);
	}
	end(&t);
}

/* A full disk gives nothing back that completions may want, and moves nothing for ever. */
static void on_a_full_disk_rest_ends(void **state)
{
	struct space t;
	uint64_t size, left;
	unsigned i;

	(void)state;
	begin(&t, HK_SEGMENT_LEAST);
	fill(&t, 500, 5);
	t.spool->free_min = 16 * HK_SEGMENT_LEAST; /* room to move things in, and still a full disk */
	t.disk.capacity = UINT32_MAX;
	assert_int_equal(t.disk.disk.ops->space(&t.disk.disk, "spool", &left), HK_OK);
	t.disk.capacity -= left - t.spool->free_min + 1;
	size = hk_spool_last(t.spool)->size;
	assert_int_equal(hk_spool_rest(t.spool, 0), HK_OK);
	assert_true(t.spool->is_full);
	assert_int_equal(hk_spool_last(t.spool)->size, size);
	assert_true(rest(&t) < TIDY_MOST);
	/* heads and ends of segments are lost to any queue, and here they are large */
	for (i = 0; i < 2; i++)
		assert_int_equal(rest(&t), 0);
	assert_true(t.spool->is_full);
	assert_int_equal(hk_spool_last(t.spool)->size, size);
	end(&t);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_deferred_message_of_four_kib_takes_five_and_a_half_at_most),
	    cmocka_unit_test(half_of_the_journal_lives_when_the_load_stops),
	    cmocka_unit_test(what_wastes_little_stays_where_it_is),
	    cmocka_unit_test(a_spool_at_rest_is_not_written),
	    cmocka_unit_test(a_pass_is_interrupted_and_ends),
	    cmocka_unit_test(space_ahead_comes_back_with_the_load),
	    cmocka_unit_test(on_a_full_disk_rest_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
