/* SPDX-License-Identifier: MIT
 *
 * What the log said comes back as it was, whatever a crash left of a file; what is erased is gone from the disk.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/evidence_file.h"
#include "sim/disk.h"
#include "tests/unit.h"

#define DIR   "h"
#define FIRST DIR "/00000001.log"
#define START ((int64_t)1764118800)

static struct hk_sim_disk disk;

static int begin(void **state)
{
	(void)state;
	hk_sim_disk_init(&disk, HK_SIM_EXT4, 1);
	return 0;
}

static int end(void **state)
{
	(void)state;
	hk_sim_disk_done(&disk);
	return 0;
}

static struct hk_evidence_store *open_store(void)
{
	struct hk_evidence_store *s;

	assert_int_equal(hk_evidence_store_open(&disk.disk, DIR, 64 << 20, 30, &s), HK_OK);
	return s;
}

static void put(struct hk_evidence_store *s, uint64_t ms, const char *line)
{
	struct hk_buf b;

	hk_buf_init(&b, 65536);
	hk_evidence_event_add(&b, &(struct hk_evidence_event){.ms = ms, .level = HK_LOG_INFO, .line = hk_slice_str(line)});
	assert_int_equal(hk_buf_status(&b), HK_OK);
	assert_int_equal(hk_evidence_store_put_events(s, hk_buf_slice(&b), START + (int64_t)(ms / 1000)), HK_OK);
	hk_buf_done(&b);
}

struct seen {
	char text[4096];
	size_t n, most;
};

static bool see(void *with, const struct hk_evidence_event *e)
{
	struct seen *s = with;
	size_t at = strlen(s->text);

	snprintf(s->text + at, sizeof s->text - at, "%llu %.*s\n", (unsigned long long)e->ms, HK_FMT(e->line));
	return ++s->n != s->most;
}

static void expect_all(const char *want)
{
	struct seen s = {.text = ""};

	assert_int_equal(hk_evidence_store_events(&disk.disk, DIR, see, &s), HK_OK);
	assert_string_equal(s.text, want);
}

static void lines_come_back_in_their_order(void **state)
{
	struct hk_evidence_store *s = open_store();
	struct seen few = {.most = 2};

	(void)state;
	put(s, 1000, "qid=A ev=accept");
	put(s, 2000, "");
	put(s, 86401000, "qid=A ev=removed"); /* a new day, and a new file */
	assert_true(hk_sim_disk_bytes(&disk, DIR "/00000002.log", &few.n) != NULL);
	few.n = 0;
	hk_evidence_store_close(s);
	expect_all("1000 qid=A ev=accept\n2000 \n86401000 qid=A ev=removed\n");
	assert_int_equal(hk_evidence_store_events(&disk.disk, DIR, see, &few), HK_OK);
	assert_int_equal(few.n, 2);
}

static void a_line_is_cut_at_its_limit(void **state)
{
	size_t n;

	(void)state;
	for (n = HK_EVIDENCE_LINE_MAX - 1; n <= HK_EVIDENCE_LINE_MAX + 1; n++) {
		char *text = malloc(n);
		struct hk_buf b;

		memset(must(text), 'x', n);
		hk_buf_init(&b, 65536);
		hk_evidence_event_add(&b, &(struct hk_evidence_event){.line = hk_slice_of((uint8_t *)text, n)});
		assert_int_equal(b.n, EVIDENCE_RECORD_HEAD + 9 + (n < HK_EVIDENCE_LINE_MAX ? n : HK_EVIDENCE_LINE_MAX));
		hk_buf_done(&b);
		free(text);
	}
}

static void a_torn_end_hides_nothing_before_it(void **state)
{
	struct hk_evidence_store *s = open_store();
	uint8_t *bytes, *copy;
	size_t one, whole, n;

	(void)state;
	put(s, 1, "first");
	hk_sim_disk_bytes(&disk, FIRST, &one);
	put(s, 2, "second");
	hk_evidence_store_close(s);
	bytes = hk_sim_disk_bytes(&disk, FIRST, &whole);
	copy = must(malloc(whole));
	memcpy(copy, bytes, whole);
	for (n = one; n < whole; n++) {
		hk_sim_disk_place(&disk, FIRST, hk_slice_of(copy, n));
		expect_all("1 first\n");
	}
	for (n = one; n < whole; n++) {
		copy[n] ^= 0x40;
		hk_sim_disk_place(&disk, FIRST, hk_slice_of(copy, whole));
		expect_all("1 first\n");
		copy[n] ^= 0x40;
	}
	for (n = 0; n < EVIDENCE_FILE_HEAD; n++) {
		copy[n] ^= 0x40;
		hk_sim_disk_place(&disk, FIRST, hk_slice_of(copy, whole));
		expect_all("");
		copy[n] ^= 0x40;
	}
	free(copy);
}

/* ---- erasing ---- */

static bool is_b(void *with, uint64_t id, struct hk_slice text)
{
	(void)with;
	return id == 7 || hk_slice_starts_nocase(text, HK_S("qid=B"));
}

static bool stands_there(const char *path, const char *text)
{
	size_t n, i;
	const uint8_t *bytes = hk_sim_disk_bytes(&disk, path, &n);

	for (i = 0; bytes && i + strlen(text) <= n; i++)
		if (memcmp(bytes + i, text, strlen(text)) == 0)
			return true;
	return false;
}

static void what_is_erased_is_gone_and_the_rest_stays(void **state)
{
	const struct hk_evidence_signing signing = {.domain = HK_S("secret.test"), .selector = HK_S("s")};
	struct hk_evidence_entry entry = {.id = 7, .time = START, .summary = HK_S("from=secret@b.test")}, found;
	struct hk_evidence_store *s = open_store();
	struct hk_arena a;
	size_t n;

	(void)state;
	put(s, 1, "qid=A ev=accept");
	put(s, 2, "qid=B from=secret@b.test");
	put(s, 3, "qid=A ev=removed");
	assert_int_equal(hk_evidence_store_put(s, &entry, 1, START), HK_OK);
	assert_int_equal(hk_evidence_store_put_signings(s, 7, &signing, 1, START), HK_OK);
	entry.id = 8;
	entry.summary = HK_S("from=other@b.test");
	assert_int_equal(hk_evidence_store_put(s, &entry, 1, START), HK_OK);
	assert_int_equal(hk_evidence_store_erase(&disk.disk, DIR, is_b, NULL, &n), HK_OK);
	assert_int_equal(n, 3);
	assert_false(stands_there(FIRST, "secret"));
	put(s, 4, "qid=C"); /* the server goes on writing */
	expect_all("1 qid=A ev=accept\n3 qid=A ev=removed\n4 qid=C\n");
	hk_arena_init(&a, 16 << 20);
	assert_int_equal(hk_evidence_store_find(&disk.disk, DIR, 7, &a, &found), HK_NOTFOUND);
	assert_int_equal(hk_evidence_store_find(&disk.disk, DIR, 8, &a, &found), HK_OK);
	hk_arena_done(&a);
	assert_int_equal(hk_evidence_store_erase(&disk.disk, DIR, is_b, NULL, &n), HK_OK);
	assert_int_equal(n, 0);
	hk_evidence_store_close(s);
}

/* Each call of the disk fails once: what comes after the record is never hidden, and another go erases all. */
static void an_erasing_that_breaks_off_hides_nothing(void **state)
{
	uint64_t call;
	size_t n;

	(void)state;
	for (call = 1; call < 12; call++) {
		struct hk_evidence_store *s = open_store();
		enum hk_status status;

		put(s, 1, "qid=A");
		put(s, 2, "qid=B secret");
		put(s, 3, "qid=C");
		hk_evidence_store_close(s);
		disk.fail_at = disk.calls + call;
		disk.fail_with = HK_IO;
		status = hk_evidence_store_erase(&disk.disk, DIR, is_b, NULL, &n);
		disk.fail_at = 0;
		if (status != HK_OK) {
			struct seen seen = {.text = ""};

			assert_int_equal(hk_evidence_store_events(&disk.disk, DIR, see, &seen), HK_OK);
			assert_non_null(strstr(seen.text, "1 qid=A\n"));
			assert_non_null(strstr(seen.text, "3 qid=C\n"));
		}
		assert_int_equal(hk_evidence_store_erase(&disk.disk, DIR, is_b, NULL, &n), HK_OK);
		expect_all("1 qid=A\n3 qid=C\n");
		assert_false(stands_there(FIRST, "secret"));
		assert_int_equal(disk.disk.ops->unlink(&disk.disk, FIRST), HK_OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(lines_come_back_in_their_order, begin, end),
	    cmocka_unit_test(a_line_is_cut_at_its_limit),
	    cmocka_unit_test_setup_teardown(a_torn_end_hides_nothing_before_it, begin, end),
	    cmocka_unit_test_setup_teardown(what_is_erased_is_gone_and_the_rest_stays, begin, end),
	    cmocka_unit_test_setup_teardown(an_erasing_that_breaks_off_hides_nothing, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
