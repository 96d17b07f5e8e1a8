/* SPDX-License-Identifier: MIT
 *
 * The table of transactions with an id, its bounds, its files and its index (S3-032).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/checkpoint.h"
#include "sim/disk.h"
#include "tests/unit.h"

#define NOW 1731243549
#define must_ok(call) assert_int_equal((call), HK_OK)
static const struct hk_checkpoint_limits wide = {.most = 1000, .octets = 1000000, .seconds = 3600};

struct rig {
	struct hk_sim_disk disk;
	struct hk_checkpoints *table;
};

static void setup(struct rig *r)
{
	hk_sim_disk_init(&r->disk, HK_SIM_POSIX, 1);
	assert_int_equal(r->disk.disk.ops->make_dir(&r->disk.disk, "spool"), HK_OK);
	r->table = must(hk_checkpoints_new(&r->disk.disk, "spool"));
}

static void teardown(struct rig *r)
{
	hk_checkpoints_free(r->table);
	hk_sim_disk_done(&r->disk);
}

static const uint8_t *key(unsigned n)
{
	static uint8_t text[HK_CHECKPOINT_KEY];

	memset(text, 0, sizeof text);
	text[0] = (uint8_t)n;
	text[1] = (uint8_t)(n >> 8);
	return text;
}

static struct hk_slice client(unsigned n)
{
	static uint8_t text[5];

	text[0] = 4;
	text[3] = (uint8_t)(n >> 8);
	text[4] = (uint8_t)n;
	return hk_slice_of(text, sizeof text);
}

static struct hk_checkpoint begun(struct rig *r, unsigned n, const struct hk_checkpoint_limits *limits, int64_t utc)
{
	struct hk_checkpoint what = {0};

	must_ok(hk_checkpoints_begin(r->table, key(n), client(n), limits, utc, &what));
	return what;
}

/* One that broke off, of so many octets, with its file. */
static bool parked(struct rig *r, unsigned n, unsigned of, uint64_t stored, const struct hk_checkpoint_limits *limits, int64_t utc)
{
	struct hk_checkpoint what = {.kind = HK_CHECKPOINT_PARTIAL, .id = n, .offset = stored, .stored = stored, .n_rcpt = 1}, ret;
	char path[64], id[HK_MAIL_ID_TEXT];

	must_ok(hk_checkpoints_begin(r->table, key(n), client(of), limits, utc, &ret));
	hk_mail_id_format(n, id);
	snprintf(path, sizeof path, "spool/partial/%s", id);
	hk_sim_disk_place(&r->disk, path, HK_S("x"));
	return hk_checkpoints_park(r->table, key(n), &what, limits, utc);
}

static size_t files(struct rig *r)
{
	return hk_sim_disk_count_in(&r->disk, "spool/partial");
}

static void a_transaction_is_in_one_hand_at_a_time(void **state)
{
	struct hk_checkpoint what;
	struct rig r;

	(void)state;
	setup(&r);
	assert_int_equal(begun(&r, 1, &wide, NOW).kind, HK_CHECKPOINT_NEW);
	assert_int_equal(hk_checkpoints_begin(r.table, key(1), client(1), &wide, NOW, &what), HK_BUSY);
	hk_checkpoints_give_back(r.table, key(1));
	assert_int_equal(begun(&r, 1, &wide, NOW).kind, HK_CHECKPOINT_NEW);
	what = (struct hk_checkpoint){.kind = HK_CHECKPOINT_DONE, .id = 7, .offset = 100, .n_rcpt = 2};
	hk_checkpoints_done(r.table, key(1), &what, NOW);
	what = begun(&r, 1, &wide, NOW);
	assert_int_equal(what.kind, HK_CHECKPOINT_DONE);
	assert_int_equal(what.id, 7);
	assert_int_equal(what.offset, 100);
	assert_int_equal(what.n_rcpt, 2);
	/* what another connection has is not forgotten under it */
	hk_checkpoints_forget(r.table, key(1));
	hk_checkpoints_give_back(r.table, key(1));
	assert_int_equal(begun(&r, 1, &wide, NOW).kind, HK_CHECKPOINT_DONE);
	hk_checkpoints_give_back(r.table, key(1));
	hk_checkpoints_forget(r.table, key(1));
	assert_int_equal(begun(&r, 1, &wide, NOW).kind, HK_CHECKPOINT_NEW);
	hk_checkpoints_end(r.table, key(1));
	/* what nobody has is no harm */
	hk_checkpoints_end(r.table, key(1));
	hk_checkpoints_done(r.table, key(1), &what, NOW);
	teardown(&r);
}

static void age_ends_what_nobody_has_in_hand(void **state)
{
	struct hk_checkpoint done = {.kind = HK_CHECKPOINT_DONE, .id = 7};
	struct hk_checkpoint_counts n;
	struct rig r;

	(void)state;
	setup(&r);
	assert_true(parked(&r, 1, 1, 10, &wide, NOW));
	(void)begun(&r, 2, &wide, NOW);
	hk_checkpoints_done(r.table, key(2), &done, NOW);
	(void)begun(&r, 3, &wide, NOW);
	/* a second before, and at it */
	(void)begun(&r, 4, &wide, NOW + 3599);
	hk_checkpoints_count(r.table, &n);
	assert_int_equal(n.all, 4);
	(void)begun(&r, 5, &wide, NOW + 3600);
	hk_checkpoints_count(r.table, &n);
	assert_int_equal(n.all, 3);
	assert_int_equal(n.partial + n.done, 0);
	assert_int_equal(n.octets, 0);
	assert_int_equal(files(&r), 0);
	teardown(&r);
}

/* Many half messages of many clients. */
static void number_and_octets_stay_within_their_bounds_and_the_oldest_goes(void **state)
{
	static const struct hk_checkpoint_limits tight = {.most = 8, .octets = 4000, .seconds = 3600};
	struct hk_checkpoint_counts n;
	struct rig r;
	unsigned i;

	(void)state;
	setup(&r);
	for (i = 0; i < 500; i++) {
		assert_true(parked(&r, i, i, 100 + i % 400, &tight, NOW));
		hk_checkpoints_count(r.table, &n);
		assert_true(n.partial <= 8 && n.octets <= 4000);
		assert_int_equal(files(&r), n.partial);
	}
	assert_int_equal(begun(&r, 499, &tight, NOW).kind, HK_CHECKPOINT_PARTIAL);
	assert_int_equal(begun(&r, 400, &tight, NOW).kind, HK_CHECKPOINT_NEW);
	teardown(&r);
}

static void one_client_has_a_quarter(void **state)
{
	static const struct hk_checkpoint_limits tight = {.most = 8, .octets = 4000, .seconds = 3600};
	struct hk_checkpoint_counts n;
	struct rig r;
	unsigned i;

	(void)state;
	setup(&r);
	assert_true(parked(&r, 1, 1, 500, &tight, NOW));
	for (i = 10; i < 40; i++)
		assert_true(parked(&r, i, 2, 400, &tight, NOW));
	hk_checkpoints_count(r.table, &n);
	assert_int_equal(n.partial, 3);
	assert_int_equal(begun(&r, 1, &tight, NOW).kind, HK_CHECKPOINT_PARTIAL);
	assert_int_equal(begun(&r, 38, &tight, NOW).kind, HK_CHECKPOINT_PARTIAL);
	assert_int_equal(begun(&r, 37, &tight, NOW).kind, HK_CHECKPOINT_NEW);
	/* a quarter of the octets, and one more */
	assert_true(parked(&r, 50, 3, 1000, &tight, NOW));
	assert_false(parked(&r, 51, 4, 1001, &tight, NOW));
	/* what is in hand stays, and counts: so there is no room for more of that client */
	hk_checkpoints_count(r.table, &n);
	assert_int_equal(n.partial, 4);
	assert_int_equal(files(&r), 4);
	teardown(&r);
}

static void as_many_ids_are_known_as_there_may_be(void **state)
{
	struct hk_checkpoint done = {.kind = HK_CHECKPOINT_DONE, .id = 7}, what;
	struct hk_checkpoint_counts n;
	struct rig r;
	unsigned i;

	(void)state;
	setup(&r);
	for (i = 0; i < HK_CHECKPOINT_ALL_MAX - 1; i++) {
		(void)begun(&r, i, &wide, NOW);
		hk_checkpoints_done(r.table, key(i), &done, NOW);
	}
	/* key() has 16 bits: two more that differ elsewhere */
	{
		uint8_t other[HK_CHECKPOINT_KEY] = {0};

		other[31] = 1;
		must_ok(hk_checkpoints_begin(r.table, other, client(1), &wide, NOW, &what));
		hk_checkpoints_count(r.table, &n);
		assert_int_equal(n.all, HK_CHECKPOINT_ALL_MAX);
		other[31] = 2;
		must_ok(hk_checkpoints_begin(r.table, other, client(1), &wide, NOW, &what));
		hk_checkpoints_count(r.table, &n);
		assert_int_equal(n.all, HK_CHECKPOINT_ALL_MAX);
	}
	/* the oldest complete one went */
	assert_int_equal(begun(&r, 1, &wide, NOW).kind, HK_CHECKPOINT_DONE);
	assert_int_equal(begun(&r, 0, &wide, NOW).kind, HK_CHECKPOINT_NEW);
	teardown(&r);
}

/* ---- files ---- */

static struct hk_mail_rcpt rcpt[2];

static struct hk_checkpoint_part part_of(uint64_t id, const char *header, bool is_whole, const char *body)
{
	rcpt[0] = (struct hk_mail_rcpt){.address = HK_S("a@b.test"), .params = {.notify = HK_NOTIFY_NEVER}};
	rcpt[1] = (struct hk_mail_rcpt){.address = HK_S("c@b.test"), .params = {.orcpt = HK_S("rfc822;c@d.test")}};
	return (struct hk_checkpoint_part){.id = id,
	    .rcpt = rcpt,
	    .n_rcpt = 2,
	    .is_header_whole = is_whole,
	    .header = hk_slice_str(header),
	    .body = hk_slice_str(body)};
}

/* All that is read back, in pieces of n. */
static void assert_kept(struct rig *r, const struct hk_checkpoint *what, const char *want, size_t n)
{
	struct hk_checkpoint_reader reader;
	struct hk_mail_rcpt *to;
	struct hk_arena a;
	struct hk_buf all;
	uint8_t piece[64];
	size_t n_to = 0, got = 1;

	hk_arena_init(&a, 65536);
	hk_buf_init(&all, 1024 * 1024);
	must_ok(hk_checkpoint_open(&r->disk.disk, "spool", what, &a, &reader, &to, &n_to));
	assert_int_equal(n_to, 2);
	assert_text(to[0].address, "a@b.test");
	assert_int_equal(to[0].params.notify, HK_NOTIFY_NEVER);
	assert_text(to[1].params.orcpt, "rfc822;c@d.test");
	while (got) {
		must_ok(hk_checkpoint_read(&reader, piece, n, &got));
		hk_buf_add(&all, hk_slice_of(piece, got));
	}
	if (hk_buf_status(&all) == HK_OK)
		assert_text(hk_buf_slice(&all), want);
	hk_checkpoint_close(&reader);
	hk_buf_done(&all);
	hk_arena_done(&a);
	assert_int_equal(hk_sim_disk_open_files(&r->disk), 0);
}

static void what_is_kept_ends_with_a_line(void **state)
{
	static const struct {
		const char *header;
		bool is_whole;
		const char *body, *kept; /* NULL: nothing */
	} cases[] = {
	    {"", false, "", NULL},
	    {"Subj", false, "", NULL},
	    {"A: b\r\n", false, "", "A: b\r\n"},
	    {"A: b\r\nC", false, "", "A: b\r\n"},
	    {"A: b\r\n\r", false, "", "A: b\r\n"},
	    {"A: b\r\n", true, "", "A: b\r\n\r\n"},
	    {"", true, "", "\r\n"},
	    {"A: b\r\n", true, "x", "A: b\r\n\r\n"},
	    {"A: b\r\n", true, "x\r\n", "A: b\r\n\r\nx\r\n"},
	    {"A: b\r\n", true, "x\r\n.", "A: b\r\n\r\nx\r\n"},
	};
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct hk_checkpoint_part part = part_of(5, cases[i].header, cases[i].is_whole, cases[i].body);
		struct hk_checkpoint what;
		enum hk_status status;
		struct rig r;

		setup(&r);
		status = hk_checkpoint_keep(&r.disk.disk, "spool", &part, &what);
		if (!cases[i].kept) {
			assert_int_equal(status, HK_NOTFOUND);
		} else {
			must_ok(status);
			assert_int_equal(what.offset, strlen(cases[i].kept));
			for (n = 1; n < 9; n++)
				assert_kept(&r, &what, cases[i].kept, n);
			hk_checkpoint_remove(&r.disk.disk, "spool", &what);
		}
		assert_int_equal(files(&r), 0);
		teardown(&r);
	}
}

static void a_body_file_is_moved_and_cut_at_its_last_line(void **state)
{
	static const struct {
		const char *body;
		uint64_t whole;
	} cases[] = {{"x\r\ny\r\nz", 6}, {"x\r\ny\r\n", 6}, {"xyz", 0}};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct hk_checkpoint_part part = part_of(5, "A: b\r\n", true, "");
		struct hk_checkpoint what;
		char want[64];
		struct rig r;

		setup(&r);
		hk_sim_disk_place(&r.disk, "spool/body/00000000000005", hk_slice_str(cases[i].body));
		part.body_file = "spool/body/00000000000005";
		part.body_size = strlen(cases[i].body);
		must_ok(hk_checkpoint_keep(&r.disk.disk, "spool", &part, &what));
		assert_int_equal(what.in_body_file, cases[i].whole);
		snprintf(want, sizeof want, "A: b\r\n\r\n%.*s", (int)cases[i].whole, cases[i].body);
		assert_kept(&r, &what, want, 3);
		hk_checkpoint_remove(&r.disk.disk, "spool", &what);
		assert_int_equal(files(&r), 0);
		teardown(&r);
	}
}

static uint8_t *copy_of(struct rig *r, const char *path, size_t *ret_n)
{
	const uint8_t *bytes = must(hk_sim_disk_bytes(&r->disk, path, ret_n));
	uint8_t *copy = must(malloc(*ret_n));

	memcpy(copy, bytes, *ret_n);
	return copy;
}

static void what_was_changed_is_not_read(void **state)
{
	struct hk_checkpoint_part part = part_of(5, "A: b\r\n", true, "x\r\n");
	static const char path[] = "spool/partial/00000000000005";
	struct hk_checkpoint what;
	size_t n, i;
	struct rig r;
	uint8_t *bytes;

	(void)state;
	setup(&r);
	must_ok(hk_checkpoint_keep(&r.disk.disk, "spool", &part, &what));
	bytes = copy_of(&r, path, &n);
	/* cut short anywhere */
	for (i = 0; i < n; i++) {
		struct hk_checkpoint_reader reader;
		struct hk_mail_rcpt *to;
		struct hk_slice copy;
		struct hk_arena a;
		size_t n_to;

		hk_arena_init(&a, 65536);
		must_ok(hk_arena_dup(&a, hk_slice_of(bytes, i), &copy));
		hk_sim_disk_place(&r.disk, "spool/partial/00000000000006", copy);
		what.id = 6;
		assert_int_equal(hk_checkpoint_open(&r.disk.disk, "spool", &what, &a, &reader, &to, &n_to), HK_CORRUPT);
		assert_int_equal(hk_sim_disk_open_files(&r.disk), 0);
		hk_arena_done(&a);
	}
	free(bytes);
	teardown(&r);
}

static void a_disk_that_fails_leaves_nothing(void **state)
{
	uint64_t at;
	bool ok = false;

	(void)state;
	for (at = 1; !ok && at < 40; at++) {
		struct hk_checkpoint_part part = part_of(5, "A: b\r\n", true, "");
		struct hk_checkpoint what;
		struct rig r;

		setup(&r);
		hk_sim_disk_place(&r.disk, "spool/body/00000000000005", HK_S("x\r\n"));
		part.body_file = "spool/body/00000000000005";
		part.body_size = 3;
		r.disk.fail_at = r.disk.calls + at;
		r.disk.fail_with = HK_IO;
		ok = hk_checkpoint_keep(&r.disk.disk, "spool", &part, &what) == HK_OK && r.disk.calls < r.disk.fail_at;
		r.disk.fail_at = 0;
		assert_int_equal(hk_sim_disk_open_files(&r.disk), 0);
		if (!ok && files(&r))
			assert_true(files(&r) <= 2);
		teardown(&r);
	}
	assert_true(ok);
}

/* ---- the index ---- */

static void the_next_run_knows_what_the_last_one_kept_once(void **state)
{
	struct hk_checkpoint done = {.kind = HK_CHECKPOINT_DONE, .id = 7, .offset = 9, .n_rcpt = 3}, what;
	struct rig r;

	(void)state;
	setup(&r);
	assert_true(parked(&r, 1, 1, 10, &wide, NOW));
	(void)begun(&r, 2, &wide, NOW);
	hk_checkpoints_done(r.table, key(2), &done, NOW);
	(void)begun(&r, 3, &wide, NOW); /* in hand: it has nothing to keep */
	hk_sim_disk_place(&r.disk, "spool/partial/00000000000099", HK_S("nobody's"));
	hk_checkpoints_save(r.table, NULL);
	hk_checkpoints_free(r.table);
	hk_sim_disk_cut(&r.disk);

	r.table = must(hk_checkpoints_new(&r.disk.disk, "spool"));
	must_ok(hk_checkpoints_load(r.table, NULL));
	assert_int_equal(files(&r), 1);
	what = begun(&r, 1, &wide, NOW);
	assert_int_equal(what.kind, HK_CHECKPOINT_PARTIAL);
	assert_int_equal(what.offset, 10);
	what = begun(&r, 2, &wide, NOW);
	assert_int_equal(what.kind, HK_CHECKPOINT_DONE);
	assert_int_equal(what.n_rcpt, 3);
	assert_int_equal(begun(&r, 3, &wide, NOW).kind, HK_CHECKPOINT_NEW);
	hk_checkpoints_free(r.table);

	/* a run that ended without a word leaves nothing */
	r.table = must(hk_checkpoints_new(&r.disk.disk, "spool"));
	must_ok(hk_checkpoints_load(r.table, NULL));
	assert_int_equal(files(&r), 0);
	assert_int_equal(begun(&r, 2, &wide, NOW).kind, HK_CHECKPOINT_NEW);
	teardown(&r);
}

static void an_index_that_is_not_whole_is_none(void **state)
{
	struct hk_checkpoint_counts counts;
	size_t n, i;
	struct rig r;
	uint8_t *bytes;

	(void)state;
	setup(&r);
	assert_true(parked(&r, 1, 1, 10, &wide, NOW));
	hk_checkpoints_save(r.table, NULL);
	bytes = copy_of(&r, "spool/partial/index", &n);
	for (i = 0; i < 2 * n; i++) {
		/* cut, or one octet changed */
		bytes[i % n] ^= i < n ? 0 : 1;
		hk_sim_disk_place(&r.disk, "spool/partial/index", hk_slice_of(bytes, i < n ? i : n));
		bytes[i % n] ^= i < n ? 0 : 1;
		hk_checkpoints_free(r.table);
		r.table = must(hk_checkpoints_new(&r.disk.disk, "spool"));
		must_ok(hk_checkpoints_load(r.table, NULL));
		hk_checkpoints_count(r.table, &counts);
		assert_int_equal(counts.all, 0);
		assert_int_equal(files(&r), 0);
	}
	free(bytes);
	teardown(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_transaction_is_in_one_hand_at_a_time),
	    cmocka_unit_test(age_ends_what_nobody_has_in_hand),
	    cmocka_unit_test(number_and_octets_stay_within_their_bounds_and_the_oldest_goes),
	    cmocka_unit_test(one_client_has_a_quarter),
	    cmocka_unit_test(as_many_ids_are_known_as_there_may_be),
	    cmocka_unit_test(what_is_kept_ends_with_a_line),
	    cmocka_unit_test(a_body_file_is_moved_and_cut_at_its_last_line),
	    cmocka_unit_test(what_was_changed_is_not_read),
	    cmocka_unit_test(a_disk_that_fails_leaves_nothing),
	    cmocka_unit_test(the_next_run_knows_what_the_last_one_kept_once),
	    cmocka_unit_test(an_index_that_is_not_whole_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
