/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/delivery_rig.h"
#include "io/disk.h"
#include "tests/unit.h"

#define TEN      "0123456789"
#define LONG_NAME TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN /* over NAME_MAX */
#define CONF     "hostname h.test; spool /spool; route * { via maildir /m/%d/%u; }"

static const struct rig_mail simple = {
    .listener = "mx",
    .from = "user1@a.test",
    .rcpt = "user1@b.test",
    .header = "Return-Path: <forged@z.test>\r\nTo:   user1@b.test\r\n",
    .trace = "Received: from z\r\n\tby h.test\r\n",
    .body = "Hello\r\n.dot  \r\n\r\n",
};

enum { PATH = 600 };

static void file_name(const struct rig *r, const char *dir, unsigned rcpt, char ret[PATH])
{
	char id[HK_MAIL_ID_TEXT];

	hk_mail_id_format(r->job.id, id);
	snprintf(ret, PATH, "%.400s/1731243549.Q%sR%u.h.test", dir, id, rcpt);
}

static void assert_file(struct rig *r, const char *path, const char *want)
{
	size_t n = 0;
	uint8_t *bytes = hk_sim_disk_bytes(&r->disk, path, &n);

	if (!bytes || n != strlen(want) || memcmp(bytes, want, n) != 0)
		fail_msg("%s holds \"%.*s\"", path, (int)n, (char *)bytes);
}

/* S0-020 S0-021 S0-028 */
static void a_stored_message_is_return_path_trace_and_what_came(void **state)
{
	static const struct {
		const char *from, *first;
	} cases[] = {{"user1@a.test", "Return-Path: <user1@a.test>\n"}, {"", "Return-Path: <>\n"}};
	char path[PATH], want[512];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct rig_mail m = simple;
		struct rig r;

		m.from = cases[i].from;
		rig_init(&r, CONF, "");
		rig_put(&r, &m);
		rig_run(&r);
		assert_int_equal(r.result->outcome, HK_RCPT_DELIVERED);
		snprintf(want, sizeof want,
		    "%sReceived: from z\n\tby h.test\nTo:   user1@b.test\n\nHello\n.dot  \n\n",
		    cases[i].first);
		file_name(&r, "/m/b.test/user1/new", 0, path);
		assert_file(&r, path, want);
		file_name(&r, "/m/b.test/user1/tmp", 0, path);
		assert_null(hk_sim_disk_bytes(&r.disk, path, NULL));
		rig_done(&r);
	}
}

/* What says that it is BINARYMIME is converted where a part says so too; else it is no file of lines, and none is written. */
static void what_is_no_text_is_converted_or_fails_and_never_changed(void **state)
{
	static const struct {
		const char *header, *body, *want; /* NULL: it fails */
	} rows[] = {
	    {"Content-Transfer-Encoding: binary\r\n", "a\nb\rc", "base64\n\nYQpiDWM=\n"},
	    {"A: b\r\n", "a\nb\r\n", NULL},
	    {"A: b\r\n", "a\rb\r\n", NULL},
	    {"A: b\r\n", "a\r\r\n", NULL},
	    {"A: b\r\n", "a\r", NULL},
	    {"A: b\r\n", "a\r\n\n", NULL},
	    {"A: b\r\n", "a\r\nb", "A: b\n\na\nb"},
	};
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct rig_mail m = simple;
		char path[PATH];
		uint8_t *bytes;
		struct rig r;

		m.header = rows[i].header;
		m.body = rows[i].body;
		m.params.body = HK_BODY_BINARYMIME;
		rig_init(&r, CONF, "");
		rig_put(&r, &m);
		rig_run(&r);
		file_name(&r, "/m/b.test/user1/new", 0, path);
		bytes = hk_sim_disk_bytes(&r.disk, path, &n);
		if (rows[i].want ? !bytes || !hk_slice_ends_nocase(hk_slice_of(bytes, n), hk_slice_str(rows[i].want)) : bytes != NULL)
			fail_msg("row %zu: \"%.*s\"", i, bytes ? (int)n : 0, (char *)bytes);
		if (r.result->outcome != (rows[i].want ? HK_RCPT_DELIVERED : HK_RCPT_FAILED))
			fail_msg("row %zu: outcome %d", i, (int)r.result->outcome);
		if (!rows[i].want)
			assert_string_equal(r.result->enhanced, "5.6.3");
		file_name(&r, "/m/b.test/user1/tmp", 0, path);
		assert_null(hk_sim_disk_bytes(&r.disk, path, NULL));
		rig_done(&r);
	}
}

static void each_recipient_has_its_own_file(void **state)
{
	struct rig_mail m = simple;
	char path[PATH];
	struct rig r;

	(void)state;
	m.rcpt = "one@b.test two+tag@B.test one@b.test";
	rig_init(&r, CONF, "");
	rig_put(&r, &m);
	rig_run(&r);
	file_name(&r, "/m/b.test/one/new", 0, path);
	assert_non_null(hk_sim_disk_bytes(&r.disk, path, NULL));
	file_name(&r, "/m/b.test/two+tag/new", 1, path);
	assert_non_null(hk_sim_disk_bytes(&r.disk, path, NULL));
	file_name(&r, "/m/b.test/one/new", 2, path);
	assert_non_null(hk_sim_disk_bytes(&r.disk, path, NULL));
	rig_done(&r);
}

/* SEC-63: it is a name, or there is no mailbox; and nothing is made anywhere else */
static void a_local_part_never_becomes_a_path(void **state)
{
	static const char *const bad[] = {"..@b.test", "../x@b.test", "a/b@b.test",
	    ".hidden@b.test", "a%2eb@b.test", "\"a b\"@b.test", "a\\b@b.test",
	    "a\xe2\x88\x95/b@b.test", "@b.test", "a@..", "a@b/c", "a", "a@[10.0.0.1]",
	    "a123456789012345678901234567890123456789012345678901234567890abcde@b.test",
	    "a%00b@b.test", "\"../../etc/passwd\"@b.test", "a@../b.test", "a@.b.test", "a\xc0\xaf..@b.test", LONG_NAME "@b.test"};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++) {
		struct rig_mail m = simple;
		unsigned before;
		struct rig r;

		m.rcpt = bad[i];
		rig_init(&r, CONF, "");
		rig_put(&r, &m);
		before = hk_sim_disk_count_in(&r.disk, "/") + hk_sim_disk_count_in(&r.disk, "/m");
		r.job.route = r.conf->route;
		rig_run(&r);
		if (r.result->outcome != HK_RCPT_FAILED || hk_sim_disk_count_in(&r.disk, "/") + hk_sim_disk_count_in(&r.disk, "/m") > before)
			fail_msg("%s", bad[i]);
		rig_done(&r);
	}
}

/* What a call of the disk came to, and what the system said to it. */
static struct {
	enum hk_status status;
	int error;
	const struct hk_disk_ops *whole;
} trouble;

static enum hk_status troubled_write(struct hk_disk *disk, int file, uint64_t offset, struct hk_slice s)
{
	(void)disk;
	(void)file;
	(void)offset;
	(void)s;
	errno = trouble.error;
	return trouble.status;
}

static enum hk_status troubled_open(struct hk_disk *disk, const char *name, unsigned flags, int *ret)
{
	if (!(flags & HK_OPEN_CREATE))
		return trouble.whole->open(disk, name, flags, ret);
	errno = trouble.error;
	return trouble.status;
}

static enum hk_status troubled_read(struct hk_disk *disk, int file, uint64_t offset, void *to, size_t n, size_t *ret)
{
	if (offset < 16 * 1024)
		return trouble.whole->read(disk, file, offset, to, n, ret);
	errno = trouble.error;
	return trouble.status;
}

static enum hk_status troubled_sync_dir(struct hk_disk *disk, const char *dir)
{
	if (!hk_slice_ends_nocase(hk_slice_str(dir), HK_S("/new")))
		return trouble.whole->sync_dir(disk, dir);
	errno = trouble.error;
	return trouble.status;
}

static struct hk_disk_reason say_trouble(struct hk_disk *disk, enum hk_status status)
{
	struct hk_disk_reason ret = {""};

	(void)disk;
	if (trouble.error && status == trouble.status)
		snprintf(ret.text, sizeof ret.text, "write /m/b.test: %s", strerror(trouble.error));
	return ret;
}

/* What the disk does, to be changed where it is to fail so. */
static struct hk_disk_ops begin_trouble(struct rig *r, enum hk_status status, int error)
{
	struct hk_disk_ops ret = *r->disk.disk.ops;

	trouble.whole = r->disk.disk.ops;
	trouble.status = status;
	trouble.error = error;
	ret.why = say_trouble;
	return ret;
}

static void run_in_trouble(struct rig *r, const struct hk_disk_ops *ops)
{
	r->disk.disk.ops = ops;
	rig_run(r);
	r->disk.disk.ops = trouble.whole;
}

/* S2-042 (RFC 3463 3.3, 3.4; docs/decisions/0033): a mailbox at its own limit is told in words and with 5.2.2; a disk that is full, for all,
 * with 4.3.1, and is tried again; nothing of the message is there meanwhile. */
static void a_full_mailbox_fails_and_a_full_disk_is_tried_again(void **state)
{
	static const struct {
		enum hk_status status;
		int error; /* 0: nothing is known */
		unsigned code;
		const char *enhanced, *text;
	} cases[] = {
	    {HK_FULL, EDQUOT, 552, "5.2.2", "The mailbox is full: Disk quota exceeded"},
	    {HK_IO, EFBIG, 552, "5.2.2", "The mailbox is full: File too large"},
	    {HK_FULL, ENOSPC, 452, "4.3.1", "The Maildir cannot be written: no space left"},
	    {HK_FULL, 0, 452, "4.3.1", "The Maildir cannot be written: no space left"},
	    {HK_IO, EIO, 452, "4.3.0", "The Maildir cannot be written: the operating system reported an error"},
	    {HK_IO, EROFS, 452, "4.3.0", "The Maildir cannot be written: the operating system reported an error"},
	    {HK_IO, 0, 452, "4.3.0", "The Maildir cannot be written: the operating system reported an error"},
	};
	struct hk_disk_ops ops;
	char path[PATH];
	struct rig r;
	size_t i;

	(void)state;
	for (i = 0; i < 2 * COUNT(cases); i++) {
		const size_t row = i / 2;

		rig_init(&r, CONF, "");
		rig_put(&r, &simple);
		file_name(&r, "/m/b.test/user1/new", 0, path);
		ops = begin_trouble(&r, cases[row].status, cases[row].error);
		if (i % 2)
			ops.open = troubled_open; /* a quota counts files too */
		else
			ops.write = troubled_write;
		run_in_trouble(&r, &ops);
		if (r.result->outcome != (cases[row].code == 552 ? HK_RCPT_FAILED : HK_RCPT_PENDING) || r.result->code != cases[row].code ||
		    strcmp(r.result->enhanced, cases[row].enhanced) != 0 || strcmp(r.result->text, cases[row].text) != 0)
			fail_msg("row %zu: %u %s %s", row, r.result->code, r.result->enhanced, r.result->text);
		assert_null(hk_sim_disk_bytes(&r.disk, path, NULL));
		assert_int_equal(hk_sim_disk_count_in(&r.disk, "/m/b.test/user1/tmp"), 0);
		rig_again(&r);
		rig_run(&r);
		assert_int_equal(r.result->outcome, HK_RCPT_DELIVERED);
		assert_non_null(hk_sim_disk_bytes(&r.disk, path, NULL));
		rig_done(&r);
	}
}

/* Whose message is in new/ already is never told that it failed. */
static void a_folder_that_cannot_be_synced_makes_no_failure_of_what_is_in_it(void **state)
{
	struct hk_disk_ops ops;
	char path[PATH];
	struct rig r;

	(void)state;
	rig_init(&r, CONF, "");
	rig_put(&r, &simple);
	file_name(&r, "/m/b.test/user1/new", 0, path);
	ops = begin_trouble(&r, HK_FULL, EDQUOT);
	ops.sync_dir = troubled_sync_dir;
	run_in_trouble(&r, &ops);
	assert_int_equal(r.result->outcome, HK_RCPT_PENDING);
	assert_string_equal(r.result->enhanced, "4.3.1");
	assert_non_null(hk_sim_disk_bytes(&r.disk, path, NULL));
	rig_again(&r);
	rig_run(&r);
	assert_int_equal(r.result->outcome, HK_RCPT_DELIVERED);
	rig_done(&r);
}

/* EDQUOT of the spool's disk is nothing that the mailbox's owner could mend. */
static void a_spool_that_cannot_be_read_is_no_full_mailbox(void **state)
{
	struct rig_mail m = simple;
	struct hk_disk_ops ops;
	struct rig r;

	(void)state;
	m.body = NULL;
	m.body_size = 40 * 1024;
	rig_init(&r, CONF, "");
	rig_put(&r, &m);
	ops = begin_trouble(&r, HK_FULL, EDQUOT);
	ops.read = troubled_read;
	run_in_trouble(&r, &ops);
	assert_int_equal(r.result->outcome, HK_RCPT_PENDING);
	assert_int_equal(r.result->code, 452);
	rig_again(&r);
	rig_run(&r);
	assert_int_equal(r.result->outcome, HK_RCPT_DELIVERED);
	rig_done(&r);
}

static void a_second_attempt_makes_no_second_file_and_overwrites_none(void **state)
{
	char path[PATH];
	struct rig r;

	(void)state;
	rig_init(&r, CONF, "");
	rig_put(&r, &simple);
	file_name(&r, "/m/b.test/user1/new", 0, path);
	hk_sim_disk_place(&r.disk, path, HK_S("the first attempt's"));
	/* and what a crash left behind */
	file_name(&r, "/m/b.test/user1/tmp", 0, path);
	hk_sim_disk_place(&r.disk, path, HK_S("half"));
	rig_run(&r);
	assert_int_equal(r.result->outcome, HK_RCPT_DELIVERED);
	assert_null(hk_sim_disk_bytes(&r.disk, path, NULL));
	file_name(&r, "/m/b.test/user1/new", 0, path);
	assert_file(&r, path, "the first attempt's");
	rig_done(&r);
}

/* Whatever call of the disk fails: nothing incomplete in new/, and the next attempt delivers. */
static void a_disk_that_fails_defers_and_loses_nothing(void **state)
{
	unsigned failed = 0;
	uint64_t i;

	(void)state;
	for (i = 1; i < 20; i++) {
		struct rig_mail m = simple;
		char path[PATH];
		struct rig r;
		size_t n = 0;

		m.body = NULL;
		m.body_size = 40 * 1024;
		rig_init(&r, CONF, "");
		rig_put(&r, &m);
		r.fail_disk_at = i;
		rig_run(&r);
		file_name(&r, "/m/b.test/user1/new", 0, path);
		if (r.job.released || r.result->outcome != HK_RCPT_DELIVERED) {
			failed++;
			r.fail_disk_at = 0;
			rig_again(&r);
			rig_run(&r);
		}
		assert_int_equal(r.result->outcome, HK_RCPT_DELIVERED);
		assert_non_null(hk_sim_disk_bytes(&r.disk, path, &n));
		assert_true(n > 40 * 1024 / 64 * 63);
		rig_done(&r);
	}
	assert_true(failed > 5);
}

/* RFC 5321 6.1: what was reported as delivered survives a power cut. */
static void a_delivered_message_survives_a_power_cut(void **state)
{
	struct hk_sim_disk after;
	char path[PATH];
	struct rig r;
	size_t n = 0;

	(void)state;
	rig_init(&r, CONF, "");
	rig_put(&r, &simple);
	rig_run(&r);
	file_name(&r, "/m/b.test/user1/new", 0, path);
	hk_sim_disk_copy_durable(&r.disk, &after);
	assert_non_null(hk_sim_disk_bytes(&after, path, &n));
	assert_true(n > 60);
	hk_sim_disk_done(&after);
	rig_done(&r);
}

/* The journal that the rig has in memory, on the real disk. */
static void write_journal(struct rig *r, const char *top)
{
	char from[PATH], to[PATH];
	struct hk_slice *names;
	uint8_t *bytes;
	size_t n, i, size = 0;
	FILE *f;

	snprintf(to, sizeof to, "%.400s/journal", top);
	assert_int_equal(mkdir(to, 0700), 0);
	assert_int_equal(
	    r->disk.disk.ops->list(&r->disk.disk, "/spool/journal", &r->arena, &names, &n), HK_OK);
	for (i = 0; i < n; i++) {
		snprintf(from, sizeof from, "/spool/journal/%.*s", HK_FMT(names[i]));
		snprintf(to, sizeof to, "%.400s/journal/%.*s", top, HK_FMT(names[i]));
		bytes = hk_sim_disk_bytes(&r->disk, from, &size);
		if (!bytes || !size)
			continue;
		f = fopen(to, "w");
		assert_non_null(f);
		assert_int_equal(fwrite(bytes, 1, size, f), size);
		fclose(f);
	}
}

static int remove_one(const char *path, const struct stat *st, int what, struct FTW *where)
{
	(void)st;
	(void)what;
	(void)where;
	return remove(path);
}

/* On a real disk, where a directory that is missing is missing. */
static void directories_are_made_where_they_are_missing(void **state)
{
	char top[] = "/tmp/hikyaku-maildir-XXXXXX", conf[256], dir[PATH], path[PATH], line[128];
	struct hk_delivery_env env = {.disk = hk_disk_kernel()};
	struct hk_delivery_want w;
	struct hk_delivery *d;
	struct rig r;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(top));
	snprintf(conf, sizeof conf,
	    "hostname h.test; spool %s; route * { via maildir %s/deep/er/%%u/; }", top, top);
	rig_init(&r, conf, "");
	rig_put(&r, &simple);
	write_journal(&r, top);
	env.job = &r.job;
	d = hk_delivery_new(&env, &r.now);
	assert_non_null(d);
	assert_int_equal(hk_delivery_next(d, &r.now, &w), HK_OK);
	assert_int_equal(w.type, HK_DELIVERY_LOCAL);
	hk_delivery_local_run(d);
	hk_delivery_local_done(d);
	assert_int_equal(hk_delivery_next(d, &r.now, &w), HK_OK);
	assert_int_equal(w.type, HK_DELIVERY_DONE);
	hk_delivery_free(d);
	assert_int_equal(r.result->outcome, HK_RCPT_DELIVERED);
	snprintf(dir, sizeof dir, "%s/deep/er/user1/new", top);
	file_name(&r, dir, 0, path);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof line, f));
	assert_string_equal(line, "Return-Path: <user1@a.test>\n");
	fclose(f);
	rig_done(&r);
	assert_int_equal(nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_stored_message_is_return_path_trace_and_what_came),
	    cmocka_unit_test(what_is_no_text_is_converted_or_fails_and_never_changed),
	    cmocka_unit_test(each_recipient_has_its_own_file),
	    cmocka_unit_test(a_local_part_never_becomes_a_path),
	    cmocka_unit_test(a_full_mailbox_fails_and_a_full_disk_is_tried_again),
	    cmocka_unit_test(a_folder_that_cannot_be_synced_makes_no_failure_of_what_is_in_it),
	    cmocka_unit_test(a_spool_that_cannot_be_read_is_no_full_mailbox),
	    cmocka_unit_test(a_second_attempt_makes_no_second_file_and_overwrites_none),
	    cmocka_unit_test(a_disk_that_fails_defers_and_loses_nothing),
	    cmocka_unit_test(a_delivered_message_survives_a_power_cut),
	    cmocka_unit_test(directories_are_made_where_they_are_missing),
	};

	return cmocka_run_group_tests_name("maildir", tests, NULL, NULL);
}
