/* SPDX-License-Identifier: MIT
 *
 * R4 of security.md 2.4, where the kernel's errors become the engine's statuses: each call of the disk with each error. The engine knows IO and FULL
 * only (spool_fault_test.c makes each of its calls fail with both), so here is what each errno becomes; what is interrupted or short is gone on with.
 */
#undef _FORTIFY_SOURCE /* its inline forms of these calls cannot be replaced */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "io/disk.h"
#include "tests/unit.h"

enum call { OPEN, READ, WRITE, FSTAT, ALLOCATE, TRUNCATE, SYNC, SYNC_DIR, MKDIR, LINK, RENAME, UNLINK, LIST, LOCK, SPACE, CALLS };
enum { SHORT = -1, EACH = 1000000 };

/* The next of these calls fails, once, or as often as is said; SHORT: it does half of its work. */
static struct {
	enum call call;
	int error; /* 0: none fails */
	unsigned times, hits;
	bool no_inodes;
} fate;

static bool fails(enum call call)
{
	if (!fate.error || fate.call != call || !fate.times)
		return false;
	fate.times--;
	fate.hits++;
	if (fate.error != SHORT)
		errno = fate.error;
	return true;
}

/* ISO C has no way from dlsym's pointer to a function but through its bytes. */
#define REAL(type, name) (((union { void *found; __typeof__(type) call; }){dlsym(RTLD_NEXT, name)}).call)

/* Names as this file's offsets are 64 bits wide: open is open64 and so on. */
int open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	if (fails(OPEN))
		return -1;
	return REAL(int (*)(const char *, int, ...), "open64")(path, flags, mode);
}

ssize_t pread(int fd, void *to, size_t n, off_t at)
{
	bool is_hit = fails(READ);

	if (is_hit && fate.error != SHORT)
		return -1;
	return REAL(ssize_t (*)(int, void *, size_t, off_t), "pread64")(fd, to, is_hit ? (n + 1) / 2 : n, at);
}

ssize_t pwrite(int fd, const void *from, size_t n, off_t at)
{
	bool is_hit = fails(WRITE);

	if (is_hit && fate.error != SHORT)
		return -1;
	return REAL(ssize_t (*)(int, const void *, size_t, off_t), "pwrite64")(fd, from, is_hit ? (n + 1) / 2 : n, at);
}

int fstat(int fd, struct stat *st)
{
	return fails(FSTAT) ? -1 : REAL(int (*)(int, struct stat *), "fstat64")(fd, st);
}

int fallocate(int fd, int mode, off_t at, off_t n)
{
	return fails(ALLOCATE) ? -1 : REAL(int (*)(int, int, off_t, off_t), "fallocate64")(fd, mode, at, n);
}

int ftruncate(int fd, off_t size)
{
	return fails(TRUNCATE) ? -1 : REAL(int (*)(int, off_t), "ftruncate64")(fd, size);
}

int fdatasync(int fd)
{
	return fails(SYNC) ? -1 : REAL(int (*)(int), "fdatasync")(fd);
}

int fsync(int fd)
{
	return fails(SYNC_DIR) ? -1 : REAL(int (*)(int), "fsync")(fd);
}

int mkdir(const char *path, mode_t mode)
{
	return fails(MKDIR) ? -1 : REAL(int (*)(const char *, mode_t), "mkdir")(path, mode);
}

int link(const char *from, const char *to)
{
	return fails(LINK) ? -1 : REAL(int (*)(const char *, const char *), "link")(from, to);
}

int rename(const char *from, const char *to)
{
	return fails(RENAME) ? -1 : REAL(int (*)(const char *, const char *), "rename")(from, to);
}

int unlink(const char *path)
{
	return fails(UNLINK) ? -1 : REAL(int (*)(const char *), "unlink")(path);
}

DIR *opendir(const char *path)
{
	return fails(LIST) ? NULL : REAL(DIR *(*)(const char *), "opendir")(path);
}

int fcntl(int fd, int what, ...)
{
	va_list args;
	void *lock;

	va_start(args, what);
	lock = va_arg(args, void *);
	va_end(args);
	return fails(LOCK) ? -1 : REAL(int (*)(int, int, ...), "fcntl64")(fd, what, lock);
}

int statvfs(const char *path, struct statvfs *st)
{
	int result = fails(SPACE) ? -1 : REAL(int (*)(const char *, struct statvfs *), "statvfs64")(path, st);

	if (result == 0 && fate.no_inodes) {
		st->f_files = 100;
		st->f_favail = 0;
	}
	return result;
}

/* ---- a folder with a file -------------------------------------------------------------------------------- */

enum { SIZE = 10000 };

static char dir[64], there[80], other[80], sub[80];
static uint8_t bytes[SIZE], back[SIZE];
static int file;

static void prepare(void)
{
	size_t i;

	snprintf(dir, sizeof dir, "/tmp/hk-disk-error-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(there, sizeof there, "%s/there", dir);
	snprintf(other, sizeof other, "%s/other", dir);
	snprintf(sub, sizeof sub, "%s/sub", dir);
	for (i = 0; i < SIZE; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256);
	assert_int_equal(hk_disk_kernel()->ops->open(hk_disk_kernel(), there, HK_OPEN_READ | HK_OPEN_WRITE | HK_OPEN_CREATE, &file), HK_OK);
	assert_int_equal(hk_disk_kernel()->ops->write(hk_disk_kernel(), file, 0, hk_slice_of(bytes, SIZE)), HK_OK);
}

static void clean_up(void)
{
	fate.error = 0;
	close(file);
	remove(there);
	remove(other);
	remove(sub);
	assert_int_equal(remove(dir), 0);
}

static enum hk_status do_call(enum call call)
{
	struct hk_disk *d = hk_disk_kernel();
	enum hk_status status = HK_BUG;
	struct hk_slice *names;
	struct hk_arena a;
	uint64_t n;
	size_t got;
	int fd;

	switch (call) {
	case OPEN:
		status = d->ops->open(d, there, HK_OPEN_READ, &fd);
		if (status == HK_OK)
			d->ops->close(d, fd);
		return status;
	case READ:
		memset(back, 0, sizeof back);
		status = d->ops->read(d, file, 0, back, SIZE, &got);
		if (status == HK_OK)
			assert_true(got == SIZE && memcmp(back, bytes, SIZE) == 0);
		return status;
	case WRITE:
		memset(back, 0, sizeof back);
		status = d->ops->write(d, file, SIZE, hk_slice_of(bytes, SIZE));
		if (status == HK_OK)
			assert_true(pread(file, back, SIZE, SIZE) == SIZE && memcmp(back, bytes, SIZE) == 0);
		return status;
	case FSTAT:
		return d->ops->size(d, file, &n);
	case ALLOCATE:
		status = d->ops->allocate(d, file, 3 * SIZE);
		if (status == HK_OK)
			assert_true(d->ops->size(d, file, &n) == HK_OK && n == 3 * SIZE);
		return status;
	case TRUNCATE:
		status = d->ops->truncate(d, file, SIZE / 2);
		if (status == HK_OK)
			assert_true(d->ops->size(d, file, &n) == HK_OK && n == SIZE / 2);
		return status;
	case SYNC:
		return d->ops->sync(d, file);
	case SYNC_DIR:
		return d->ops->sync_dir(d, dir);
	case MKDIR:
		return d->ops->make_dir(d, sub);
	case LINK:
		return d->ops->link(d, there, other);
	case RENAME:
		return d->ops->rename(d, there, other);
	case UNLINK:
		return d->ops->unlink(d, there);
	case LIST:
		hk_arena_init(&a, SIZE);
		status = d->ops->list(d, dir, &a, &names, &got);
		if (status == HK_OK)
			assert_int_equal(got, 1);
		hk_arena_done(&a);
		return status;
	case LOCK:
		return d->ops->lock(d, file);
	case SPACE:
		return d->ops->space(d, dir, &n);
	case CALLS:
		break;
	}
	return status;
}

/* Its status, when it fails so often with that error; 0 times: it works. */
static enum hk_status when(enum call call, int error, unsigned times)
{
	enum hk_status status;

	prepare();
	fate.call = call;
	fate.error = error;
	fate.times = times;
	fate.hits = 0;
	status = do_call(call);
	assert_int_equal(fate.hits, times == EACH && status != HK_OK ? 1 : times);
	clean_up();
	return status;
}

static void each_error_of_each_call_has_its_status(void **state)
{
	static const struct {
		int error;
		enum hk_status status;
	} errors[] = {
	    {EIO, HK_IO}, {ENOSPC, HK_FULL}, {EDQUOT, HK_FULL}, {EROFS, HK_IO}, {EFBIG, HK_IO}, {EMFILE, HK_IO}, {ENOMEM, HK_NOMEM}};
	enum call call;
	size_t i;

	(void)state;
	for (call = OPEN; call < CALLS; call++) {
		assert_int_equal(when(call, 0, 0), HK_OK);
		for (i = 0; i < COUNT(errors); i++)
			assert_int_equal(when(call, errors[i].error, 1), errors[i].status);
		/* and it is not tried again behind our back: what failed for ever fails once */
		assert_int_equal(when(call, EIO, EACH), HK_IO);
	}
}

/* An interrupted call goes on where nothing can have happened yet; of the others nobody knows, so they have failed: above all a sync. */
static void what_is_interrupted_goes_on_or_has_failed(void **state)
{
	static const bool goes_on[CALLS] = {[OPEN] = true, [READ] = true, [WRITE] = true, [TRUNCATE] = true, [ALLOCATE] = true};
	enum call call;

	(void)state;
	for (call = OPEN; call < CALLS; call++) {
		assert_int_equal(when(call, EINTR, 1), goes_on[call] ? HK_OK : HK_IO);
		if (goes_on[call] && call != ALLOCATE) /* there it is only a hint */
			assert_int_equal(when(call, EINTR, 20), HK_OK);
	}
}

static void what_is_short_is_completed(void **state)
{
	unsigned times;

	(void)state;
	for (times = 1; times <= 12; times++) {
		assert_int_equal(when(READ, SHORT, times), HK_OK);
		assert_int_equal(when(WRITE, SHORT, times), HK_OK);
	}
}

/* R5: a disk without inodes has no room, however many bytes are free. */
static void a_disk_without_inodes_has_no_space(void **state)
{
	uint64_t left = 7;

	(void)state;
	prepare();
	fate.no_inodes = true;
	assert_int_equal(hk_disk_kernel()->ops->space(hk_disk_kernel(), dir, &left), HK_OK);
	fate.no_inodes = false;
	assert_int_equal(left, 0);
	assert_int_equal(hk_disk_kernel()->ops->space(hk_disk_kernel(), dir, &left), HK_OK);
	assert_true(left > 0);
	clean_up();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_error_of_each_call_has_its_status),
	    cmocka_unit_test(what_is_interrupted_goes_on_or_has_failed),
	    cmocka_unit_test(what_is_short_is_completed),
	    cmocka_unit_test(a_disk_without_inodes_has_no_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
