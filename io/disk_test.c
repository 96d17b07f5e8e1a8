/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/disk.h"
#include "tests/unit.h"

enum { BIG = 300 * 1024 };

static char dir[64];
static char path_text[2][128];

static const char *path(const char *name)
{
	static unsigned turn;
	char *ret = path_text[turn++ % 2];

	snprintf(ret, sizeof path_text[0], "%s/%s", dir, name);
	return ret;
}

static int in_a_new_directory(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/hk-disk-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int without_the_directory(void **state)
{
	struct hk_slice *name;
	struct hk_arena a;
	size_t n, i;

	(void)state;
	hk_arena_init(&a, 65536);
	if (hk_disk_kernel()->ops->list(hk_disk_kernel(), dir, &a, &name, &n) == HK_OK)
		for (i = 0; i < n; i++)
			remove(path((const char *)name[i].p));
	hk_arena_done(&a);
	return rmdir(dir);
}

static int make(const char *name, struct hk_slice bytes)
{
	struct hk_disk *d = hk_disk_kernel();
	int file = -1;

	assert_int_equal(
	    d->ops->open(d, path(name), HK_OPEN_READ | HK_OPEN_WRITE | HK_OPEN_CREATE, &file),
	    HK_OK);
	assert_int_equal(d->ops->write(d, file, 0, bytes), HK_OK);
	assert_int_equal(d->ops->sync(d, file), HK_OK);
	return file;
}

static void what_is_written_is_read_at_every_offset(void **state)
{
	struct hk_disk *d = hk_disk_kernel();
	uint8_t back[16];
	size_t n, at;
	int file = make("bytes", HK_S("0123456789"));

	(void)state;
	for (at = 0; at <= 12; at++) {
		size_t want = at < 10 ? 10 - at : 0;

		assert_int_equal(d->ops->read(d, file, at, back, sizeof back, &n), HK_OK);
		assert_int_equal(n, want);
		assert_memory_equal(back, &"0123456789"[10 - want], want);
	}
	d->ops->close(d, file);
}

static void reads_past_the_page_cache_take_any_alignment(void **state)
{
	struct hk_disk *d = hk_disk_kernel();
	static const size_t offsets[] = {0, 1, 511, 4095, 4096, 4097, 262143, BIG - 5};
	uint8_t *bytes = malloc(BIG), *back = malloc(BIG);
	size_t n, i;
	int file;

	(void)state;
	for (i = 0; i < BIG; i++)
		bytes[i] = (uint8_t)(i * 31 + i / 251);
	d->ops->close(d, make("direct", hk_slice_of(bytes, BIG)));
	assert_int_equal(
	    d->ops->open(d, path("direct"), HK_OPEN_READ | HK_OPEN_DIRECT, &file), HK_OK);
	for (i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
		assert_int_equal(d->ops->read(d, file, offsets[i], back, BIG, &n), HK_OK);
		assert_int_equal(n, BIG - offsets[i]);
		assert_memory_equal(back, bytes + offsets[i], n);
	}
	d->ops->close(d, file);
	free(bytes);
	free(back);
}

/* SEC-65: a link is never followed, and what is no file is none */
static void errors_have_their_status(void **state)
{
	struct hk_disk *d = hk_disk_kernel();
	int file = -7;
	uint64_t free_bytes;

	(void)state;
	assert_int_equal(d->ops->open(d, path("none"), HK_OPEN_READ, &file), HK_NOTFOUND);
	d->ops->close(d, make("there", HK_S("x")));
	assert_int_equal(
	    d->ops->open(d, path("there"), HK_OPEN_WRITE | HK_OPEN_CREATE, &file), HK_BUSY);
	assert_int_equal(symlink("there", path("link")), 0);
	assert_int_equal(d->ops->open(d, path("link"), HK_OPEN_READ, &file), HK_IO);
	assert_int_equal(mkfifo(path("fifo"), 0600), 0);
	assert_int_equal(d->ops->open(d, path("fifo"), HK_OPEN_READ, &file), HK_IO);
	assert_int_equal(d->ops->open(d, dir, HK_OPEN_READ, &file), HK_IO);
	assert_int_equal(file, -7);
	assert_int_equal(d->ops->link(d, path("there"), path("link")), HK_BUSY);
	assert_int_equal(d->ops->unlink(d, path("none")), HK_NOTFOUND);
	assert_int_equal(d->ops->make_dir(d, path("there")), HK_IO);
	assert_int_equal(d->ops->make_dir(d, dir), HK_OK);
	assert_int_equal(d->ops->sync_dir(d, path("none")), HK_NOTFOUND);
	assert_int_equal(d->ops->sync_dir(d, dir), HK_OK);
	assert_int_equal(d->ops->space(d, dir, &free_bytes), HK_OK);
	assert_true(free_bytes > 0);
}

/* What the system said is kept for whoever has to mend it, as long as it belongs to the status. */
static void a_status_of_the_disk_has_its_reason(void **state)
{
	struct hk_disk *d = hk_disk_kernel();
	struct rlimit all, few;
	char want[200];
	int file = -7, there;
	enum hk_status status;

	(void)state;
	assert_int_equal(d->ops->open(d, path("none"), HK_OPEN_READ, &file), HK_NOTFOUND);
	snprintf(want, sizeof want, "open %s: No such file or directory", path("none"));
	assert_string_equal(hk_disk_why(d, HK_NOTFOUND).text, want);
	assert_string_equal(hk_disk_why(d, HK_IO).text, "");
	there = make("there", HK_S("x"));
	assert_string_equal(hk_disk_why(d, HK_NOTFOUND).text, want); /* a success takes nothing away */
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &all), 0);
	few = (struct rlimit){.rlim_cur = 1, .rlim_max = all.rlim_max};
	assert_int_equal(sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_IGN}, NULL), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &few), 0);
	status = d->ops->write(d, there, 1, HK_S("x"));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
	assert_int_equal(status, HK_IO);
	assert_string_equal(hk_disk_why(d, HK_IO).text, "write: File too large");
	d->ops->close(d, there);
	assert_int_equal(d->ops->open(d, path("there/below"), HK_OPEN_READ, &file), HK_IO);
	snprintf(want, sizeof want, "open %s: Not a directory", path("there/below"));
	assert_string_equal(hk_disk_why(d, HK_IO).text, want);
	assert_int_equal(d->ops->open(d, dir, HK_OPEN_READ, &file), HK_IO);
	snprintf(want, sizeof want, "open %s: it is no regular file", dir);
	assert_string_equal(hk_disk_why(d, HK_IO).text, want);
	assert_int_equal(d->ops->rename(d, path("none"), path("to\x1b")), HK_NOTFOUND);
	assert_null(strchr(hk_disk_why(d, HK_NOTFOUND).text, 0x1b));
}

static void allocate_gives_zeros_and_keeps_what_is_there(void **state)
{
	struct hk_disk *d = hk_disk_kernel();
	int file = make("room", HK_S("head"));
	uint8_t back[8];
	uint64_t size;
	struct stat st;
	size_t n;

	(void)state;
	assert_int_equal(d->ops->allocate(d, file, 3000000), HK_OK);
	assert_int_equal(d->ops->size(d, file, &size), HK_OK);
	assert_int_equal(size, 3000000);
	assert_int_equal(d->ops->read(d, file, 0, back, 8, &n), HK_OK);
	assert_memory_equal(back, "head\0\0\0\0", 8);
	assert_int_equal(fstat(file, &st), 0);
	assert_true((uint64_t)st.st_blocks * 512 >= 3000000);
	assert_int_equal(d->ops->allocate(d, file, 10), HK_OK);
	assert_int_equal(d->ops->size(d, file, &size), HK_OK);
	assert_int_equal(size, 3000000);
	assert_int_equal(d->ops->truncate(d, file, 5), HK_OK);
	assert_int_equal(d->ops->size(d, file, &size), HK_OK);
	assert_int_equal(size, 5);
	d->ops->close(d, file);
}

static void a_lock_is_refused_to_the_second(void **state)
{
	struct hk_disk *d = hk_disk_kernel();
	int first = make("lock", HK_S("")), second;

	(void)state;
	assert_int_equal(
	    d->ops->open(d, path("lock"), HK_OPEN_READ | HK_OPEN_WRITE, &second), HK_OK);
	assert_int_equal(d->ops->lock(d, first), HK_OK);
	assert_int_equal(d->ops->lock(d, second), HK_BUSY);
	d->ops->close(d, first);
	assert_int_equal(d->ops->lock(d, second), HK_OK);
	d->ops->close(d, second);
}

static void names_are_listed_in_order(void **state)
{
	struct hk_disk *d = hk_disk_kernel();
	static const char *const names[] = {"b", "a", "10", "9"};
	struct hk_slice *name;
	struct hk_arena a;
	size_t n, i;

	(void)state;
	for (i = 0; i < 4; i++)
		d->ops->close(d, make(names[i], HK_S("")));
	hk_arena_init(&a, 65536);
	assert_int_equal(d->ops->list(d, dir, &a, &name, &n), HK_OK);
	assert_int_equal(n, 4);
	assert_true(hk_slice_eq(name[0], HK_S("10")));
	assert_true(hk_slice_eq(name[1], HK_S("9")));
	assert_true(hk_slice_eq(name[2], HK_S("a")));
	assert_true(hk_slice_eq(name[3], HK_S("b")));
	hk_arena_done(&a);
	hk_arena_init(&a, 100);
	assert_int_equal(d->ops->list(d, dir, &a, &name, &n), HK_LIMIT);
	hk_arena_done(&a);
}

static void a_full_disk_is_full_and_not_an_error_of_io(void **state)
{
	struct hk_disk *d = hk_disk_kernel();
	uint8_t *zeros;
	int file;

	(void)state;
	if (mount("none", dir, "tmpfs", 0, "size=64k") != 0)
		skip();
	zeros = calloc(1, BIG);
	file = make("full", HK_S(""));
	assert_int_equal(d->ops->write(d, file, 0, hk_slice_of(zeros, BIG)), HK_FULL);
	assert_int_equal(d->ops->allocate(d, file, BIG), HK_FULL);
	d->ops->close(d, file);
	free(zeros);
	assert_int_equal(umount(dir), 0);
}

static void a_whole_file_is_read_up_to_its_limit(void **state)
{
	struct hk_slice text;
	struct hk_arena a;

	(void)state;
	hk_disk_kernel()->ops->close(hk_disk_kernel(), make("file", HK_S("hello")));
	hk_arena_init(&a, 1000);
	assert_int_equal(hk_disk_read_all(path("file"), &a, 5, &text), HK_OK);
	assert_true(hk_slice_eq(text, HK_S("hello")));
	assert_int_equal(hk_disk_read_all(path("file"), &a, 4, &text), HK_LIMIT);
	assert_int_equal(hk_disk_read_all(path("none"), &a, 4, &text), HK_NOTFOUND);
	hk_arena_done(&a);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, in_a_new_directory, without_the_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(what_is_written_is_read_at_every_offset),
	    CASE(reads_past_the_page_cache_take_any_alignment),
	    CASE(errors_have_their_status),
	    CASE(a_status_of_the_disk_has_its_reason),
	    CASE(allocate_gives_zeros_and_keeps_what_is_there),
	    CASE(a_lock_is_refused_to_the_second),
	    CASE(names_are_listed_in_order),
	    CASE(a_full_disk_is_full_and_not_an_error_of_io),
	    CASE(a_whole_file_is_read_up_to_its_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
