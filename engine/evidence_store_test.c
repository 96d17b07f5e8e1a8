/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hikyaku/verify.h>

#include "engine/evidence_file.h"
#include "sim/disk.h"
#include "tests/unit.h"

#define DIR   "spool/evidence"
#define START 1731333660

static struct hk_sim_disk disk;

/* A record of a message from x.test whose answers are the same but for the number in the DKIM-free SPF record. */
static void make_record(struct hk_buf *out, unsigned number)
{
	struct hk_verify_input in = {.size = sizeof in, .checks = HK_CHECK_SPF | HK_CHECK_DMARC, .client = {.family = 4, .bytes = {10, 255, 1, 21}},
	    .helo = HK_S("a.test"), .mail_from = HK_S("user1@a.test"), .has_mail_from = true, .authserv_id = HK_S("mx.b.test"), .now = START};
	char text[64];
	struct hk_dns_question q;
	struct hk_verify *v;
	struct hk_arena a;
	int n = snprintf(text, sizeof text, "v=spf1 ip4:10.255.1.%u/31 -all", number);
	struct hk_dns_rr spf = {.type = HK_DNS_TXT, .data = hk_slice_of(text, (size_t)n)};

	hk_arena_init(&a, HK_VERIFY_ARENA);
	v = hk_verify_new(&a, &in);
	assert_non_null(v);
	assert_int_equal(hk_verify_header(v, HK_S("From: user1@x.test\r\nSubject: one\r\n")), HK_OK);
	hk_verify_body(v, HK_S("Hello\r\n"));
	hk_verify_end(v);
	while (hk_verify_step(v) == HK_AGAIN) {
		while (hk_verify_question(v, &q)) {
			bool is_spf = hk_slice_eq(q.name, HK_S("a.test"));
			struct hk_dns_answer answer = {.question = q, .rcode = is_spf ? HK_DNS_NOERROR : HK_DNS_NXDOMAIN, .ttl = 60, .rr = &spf, .n = is_spf};

			assert_int_equal(hk_verify_answer(v, &answer), HK_OK);
		}
	}
	hk_verify_record_format(v, out);
	assert_int_equal(hk_buf_status(out), HK_OK);
	hk_verify_done(v);
	hk_arena_done(&a);
}

static struct hk_evidence_store *open_store(uint64_t max_bytes, uint32_t days)
{
	struct hk_evidence_store *s;

	assert_int_equal(disk.disk.ops->make_dir(&disk.disk, "spool"), HK_OK);
	assert_int_equal(hk_evidence_store_open(&disk.disk, DIR, max_bytes, days, &s), HK_OK);
	return s;
}

static void put(struct hk_evidence_store *s, uint64_t id, unsigned number, int64_t now)
{
	struct hk_buf record;
	struct hk_evidence_entry entry = {.id = id, .time = now, .summary = HK_S("from=<user1@a.test> spf=pass")};

	hk_buf_init(&record, HK_VERIFY_RECORD_MAX);
	make_record(&record, number);
	entry.record = hk_buf_slice(&record);
	assert_int_equal(hk_evidence_store_put(s, &entry, 1, now), HK_OK);
	hk_buf_done(&record);
}

static enum hk_status find(uint64_t id, struct hk_arena *a, struct hk_evidence_entry *ret)
{
	hk_arena_init(a, 16 * 1024 * 1024);
	return hk_evidence_store_find(&disk.disk, DIR, id, a, ret);
}

static void assert_found(uint64_t id, unsigned number)
{
	struct hk_evidence_entry entry;
	struct hk_verify *v;
	struct hk_buf record;
	struct hk_arena a;

	hk_buf_init(&record, HK_VERIFY_RECORD_MAX);
	make_record(&record, number);
	assert_int_equal(find(id, &a, &entry), HK_OK);
	assert_true(hk_slice_eq(entry.record, hk_buf_slice(&record)));
	assert_true(hk_slice_eq(entry.summary, HK_S("from=<user1@a.test> spf=pass")));
	assert_int_equal(hk_verify_replay(&a, entry.record, &v), HK_OK);
	assert_int_equal(hk_verify_result(v)->spf->result, number == 20 ? HK_SPF_PASS : HK_SPF_FAIL);
	hk_verify_done(v);
	hk_arena_done(&a);
	hk_buf_done(&record);
}

static size_t files(void)
{
	struct hk_arena a;
	struct hk_slice *name;
	size_t n;

	hk_arena_init(&a, 65536);
	assert_int_equal(disk.disk.ops->list(&disk.disk, DIR, &a, &name, &n), HK_OK);
	hk_arena_done(&a);
	return n;
}

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

static void a_record_comes_back_bit_for_bit(void **state)
{
	struct hk_evidence_store *s = open_store(64 << 20, 30);

	(void)state;
	put(s, 7, 20, START);
	put(s, 8, 30, START);
	assert_found(7, 20); /* while the store is open, as the command reads it beside the daemon */
	hk_evidence_store_close(s);
	assert_found(7, 20);
	assert_found(8, 30);
}

static void what_a_message_was_signed_with_comes_back(void **state)
{
	const struct hk_evidence_signing put_in[] = {
	    {.domain = HK_S("a.test"), .selector = HK_S("old"), .alg = HK_SIGN_RSA_SHA256, .sight = HK_KEY_FITS,
	        .first = HK_S("new"), .first_sight = HK_KEY_ABSENT},
	    {.domain = HK_S("a.test"), .selector = HK_S("e"), .alg = HK_SIGN_ED25519_SHA256, .sight = HK_KEY_REVOKED,
	        .first = HK_S("e"), .first_sight = HK_KEY_REVOKED, .is_left_out = true}};
	struct hk_evidence_store *s = open_store(64 << 20, 30);
	struct hk_evidence_signing *found;
	struct hk_arena a;
	size_t n, i;

	(void)state;
	hk_arena_init(&a, 16 << 20);
	assert_int_equal(hk_evidence_store_signings(&disk.disk, DIR, 7, &a, &found, &n), HK_OK);
	assert_int_equal(n, 0);
	put(s, 7, 20, START);
	assert_int_equal(hk_evidence_store_put_signings(s, 7, put_in, 2, START), HK_OK);
	assert_int_equal(hk_evidence_store_put_signings(s, 8, put_in, 2, START), HK_OK);
	/* another attempt, a day and a file later */
	assert_int_equal(hk_evidence_store_put_signings(s, 7, put_in, 1, START + 86400), HK_OK);
	assert_int_equal(hk_evidence_store_signings(&disk.disk, DIR, 7, &a, &found, &n), HK_OK);
	assert_int_equal(n, 3);
	for (i = 0; i < n; i++) {
		const struct hk_evidence_signing *want = &put_in[i % 2];

		assert_int_equal(found[i].time, i < 2 ? START : START + 86400);
		assert_true(hk_slice_eq(found[i].domain, want->domain));
		assert_true(hk_slice_eq(found[i].selector, want->selector));
		assert_true(hk_slice_eq(found[i].first, want->first));
		assert_int_equal(found[i].alg, want->alg);
		assert_int_equal(found[i].sight, want->sight);
		assert_int_equal(found[i].first_sight, want->first_sight);
		assert_int_equal(found[i].is_left_out, want->is_left_out);
	}
	assert_found(7, 20); /* the verdict beside it as ever */
	for (i = 0; i < HK_EVIDENCE_SIGNINGS; i++)
		assert_int_equal(hk_evidence_store_put_signings(s, 7, put_in, 2, START + 86400), HK_OK);
	assert_int_equal(hk_evidence_store_signings(&disk.disk, DIR, 7, &a, &found, &n), HK_OK);
	assert_int_equal(n, HK_EVIDENCE_SIGNINGS);
	hk_evidence_store_close(s);
	hk_arena_done(&a);
}

static void a_message_that_was_not_checked_has_a_summary_only(void **state)
{
	struct hk_evidence_store *s = open_store(64 << 20, 30);
	struct hk_evidence_entry entry = {.id = 9, .time = START, .summary = HK_S("x")}, found;
	struct hk_arena a;

	(void)state;
	assert_int_equal(hk_evidence_store_put(s, &entry, 1, START), HK_OK);
	hk_evidence_store_close(s);
	assert_int_equal(find(9, &a, &found), HK_OK);
	assert_int_equal(found.record.n, 0);
	assert_true(hk_slice_eq(found.summary, HK_S("x")));
	hk_arena_done(&a);
	assert_int_equal(find(10, &a, &found), HK_NOTFOUND);
	hk_arena_done(&a);
}

static void a_batch_is_found_one_by_one(void **state)
{
	enum { MANY = 500 }; /* more than one write of 64 KiB */
	struct hk_evidence_store *s = open_store(64 << 20, 30);
	struct hk_evidence_entry entry[MANY];
	struct hk_buf record;
	size_t i;

	(void)state;
	hk_buf_init(&record, HK_VERIFY_RECORD_MAX);
	make_record(&record, 3);
	for (i = 0; i < MANY; i++)
		entry[i] = (struct hk_evidence_entry){
		    .id = 100 + i, .time = START, .record = i % 2 ? hk_buf_slice(&record) : (struct hk_slice){0}, .summary = HK_S("from=<user1@a.test> spf=pass")};
	assert_int_equal(hk_evidence_store_put(s, entry, MANY, START), HK_OK);
	put(s, 1000, 3, START);
	hk_evidence_store_close(s);
	for (i = 0; i < MANY; i++) {
		struct hk_evidence_entry found;
		struct hk_arena a;

		assert_int_equal(find(100 + i, &a, &found), HK_OK);
		assert_int_equal(found.record.n != 0, i % 2);
		hk_arena_done(&a);
	}
	assert_found(101, 3);
	assert_found(1000, 3);
	hk_buf_done(&record);
}

static void equal_answers_are_kept_once(void **state)
{
	struct hk_evidence_store *s = open_store(64 << 20, 30);
	size_t one, two, three;

	(void)state;
	put(s, 1, 20, START);
	hk_sim_disk_bytes(&disk, DIR "/00000001.log", &one);
	put(s, 2, 20, START);
	hk_sim_disk_bytes(&disk, DIR "/00000001.log", &two);
	put(s, 3, 30, START); /* one answer is new */
	hk_sim_disk_bytes(&disk, DIR "/00000001.log", &three);
	assert_true(two - one < one - EVIDENCE_FILE_HEAD - 8);
	assert_true(three - two > two - one);
	assert_true(three - two < one);
	hk_evidence_store_close(s);
}

static void whole_files_go_when_the_store_is_over_its_size(void **state)
{
	struct hk_evidence_store *s = open_store(16 * 4096, 30);
	struct hk_evidence_entry entry;
	struct hk_arena a;
	uint64_t id;

	(void)state;
	for (id = 1; id <= 2000; id++)
		put(s, id, (unsigned)(id % 100), START);
	assert_true(files() <= 18);
	assert_int_equal(find(1, &a, &entry), HK_NOTFOUND);
	hk_arena_done(&a);
	assert_found(2000, 0);
	hk_evidence_store_close(s);
}

static void a_file_goes_when_its_days_are_over(void **state)
{
	struct hk_evidence_store *s = open_store(64 << 20, 2);
	struct hk_evidence_entry entry;
	struct hk_arena a;

	(void)state;
	put(s, 1, 20, START);
	put(s, 2, 20, START + 86400);
	put(s, 3, 20, START + 2 * 86400);
	assert_found(1, 20);
	put(s, 4, 20, START + 3 * 86400);
	assert_int_equal(find(1, &a, &entry), HK_NOTFOUND);
	hk_arena_done(&a);
	assert_found(2, 20);
	hk_evidence_store_close(s);
}

static void a_torn_end_hides_nothing_before_it(void **state)
{
	struct hk_evidence_store *s = open_store(64 << 20, 30);
	struct hk_evidence_entry entry;
	struct hk_arena a;
	uint8_t *bytes, *copy;
	size_t one, whole, n;

	(void)state;
	put(s, 1, 20, START);
	hk_sim_disk_bytes(&disk, DIR "/00000001.log", &one);
	put(s, 2, 30, START);
	hk_evidence_store_close(s);
	bytes = hk_sim_disk_bytes(&disk, DIR "/00000001.log", &whole);
	copy = malloc(whole);
	assert_non_null(copy);
	memcpy(copy, bytes, whole);
	for (n = one; n < whole; n++) {
		hk_sim_disk_place(&disk, DIR "/00000001.log", hk_slice_of(copy, n));
		assert_int_equal(find(2, &a, &entry), HK_NOTFOUND);
		hk_arena_done(&a);
		if (n % 16 == 0)
			assert_found(1, 20);
	}
	free(copy);
}

static void a_disk_that_fails_costs_evidence_and_nothing_else(void **state)
{
	struct hk_evidence_store *s = open_store(64 << 20, 30);
	struct hk_evidence_entry entry = {.id = 1, .time = START, .summary = HK_S("x")};
	uint64_t call, failures = 0;

	(void)state;
	for (call = 1; call < 20; call++) {
		disk.fail_at = disk.calls + call;
		disk.fail_with = HK_FULL;
		entry.id = call;
		if (hk_evidence_store_put(s, &entry, 1, START + (int64_t)call * 86400) != HK_OK)
			failures++;
		disk.fail_at = 0;
		put(s, 1000 + call, 20, START + (int64_t)call * 86400);
		assert_found(1000 + call, 20);
	}
	assert_true(failures > 0);
	hk_evidence_store_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_record_comes_back_bit_for_bit, begin, end),
	    cmocka_unit_test_setup_teardown(what_a_message_was_signed_with_comes_back, begin, end),
	    cmocka_unit_test_setup_teardown(a_message_that_was_not_checked_has_a_summary_only, begin, end),
	    cmocka_unit_test_setup_teardown(a_batch_is_found_one_by_one, begin, end),
	    cmocka_unit_test_setup_teardown(equal_answers_are_kept_once, begin, end),
	    cmocka_unit_test_setup_teardown(whole_files_go_when_the_store_is_over_its_size, begin, end),
	    cmocka_unit_test_setup_teardown(a_file_goes_when_its_days_are_over, begin, end),
	    cmocka_unit_test_setup_teardown(a_torn_end_hides_nothing_before_it, begin, end),
	    cmocka_unit_test_setup_teardown(a_disk_that_fails_costs_evidence_and_nothing_else, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
