/* SPDX-License-Identifier: MIT
 *
 * How much of the disk a queue takes, slack included: all that stands in the journal's folder.
 */
#include "engine/spool_rig.h"

enum { SEGMENT = 1024 * 1024, MESSAGES = 4000, BODY = 4096, BATCH = 20, TIDY_MOST = 2000 };

struct space {
	struct hk_sim_disk disk;
	struct hk_spool *spool;
	uint8_t body[BODY];
};

static void begin(struct space *t)
{
	struct hk_spool_options options = {.dir = "spool", .segment_size = SEGMENT};

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
static void fill(struct space *t, unsigned batch)
{
	uint64_t id, last;

	for (last = 0; last < MESSAGES; last += batch) {
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
	unsigned steps = 0;

	do {
		hk_spool_count(t->spool, &before);
		assert_int_equal(hk_spool_tidy(t->spool, 1024 * 1024), HK_OK);
		hk_spool_count(t->spool, &after);
	} while ((after.bytes != before.bytes || after.syncs != before.syncs) && ++steps < TIDY_MOST);
	return steps;
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

static void a_deferred_message_of_four_kib_takes_five_and_a_half_at_most(void **state)
{
	struct space t;
	uint64_t each;

	(void)state;
	begin(&t);
	fill(&t, BATCH);
	rest(&t);
	each = on_disk(&t) / MESSAGES;
	print_message("# %u bytes for each\n", (unsigned)each);
	assert_in_range(each, BODY, 5632);
	end(&t);
}

/* One at a time each commit pads to a block, and the attempt takes one of its own: more than half is padding, so it is moved. */
static void padding_is_space_that_comes_back(void **state)
{
	struct space t;
	uint64_t each;

	(void)state;
	begin(&t);
	fill(&t, 1);
	rest(&t);
	each = on_disk(&t) / MESSAGES;
	print_message("# %u bytes for each\n", (unsigned)each);
	assert_in_range(each, BODY, 2 * 5000);
	end(&t);
}

/* Whatever is delivered, half of what the journal takes lives, once there is time; and a minute is enough. */
static void half_of_the_journal_lives_when_the_load_stops(void **state)
{
	static const unsigned stays[] = {2, 3, 10}; /* one of so many */
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(stays); i++) {
		struct space t;
		uint64_t id;
		unsigned steps;

		begin(&t);
		fill(&t, BATCH);
		for (id = 1; id <= MESSAGES; id++) {
			if (id % stays[i])
				assert_int_equal(hk_spool_complete(t.spool, id, 0, HK_RCPT_DELIVERED, HK_S("")), HK_OK);
			if (id % BATCH == 0)
				assert_int_equal(hk_spool_commit(t.spool), HK_OK);
		}
		steps = rest(&t);
		print_message("# one of %u stays: %u of %u KiB live, after %u steps\n", stays[i], (unsigned)(living(&t) / 1024),
		    (unsigned)(on_disk(&t) / 1024), steps);
		/* the open segment, the spare one and the reserve are there however little lives */
		assert_true(2 * living(&t) + 2 * SEGMENT + SEGMENT / 2 >= on_disk(&t));
		assert_true(steps < 600);
		end(&t);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_deferred_message_of_four_kib_takes_five_and_a_half_at_most),
	    cmocka_unit_test(padding_is_space_that_comes_back),
	    cmocka_unit_test(half_of_the_journal_lives_when_the_load_stops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
