/* SPDX-License-Identifier: MIT
 *
 * fail.c - calls on files below a folder that fail, for ./dev crash --errors: loaded before libc by LD_PRELOAD.
 *
 * HIKYAKU_FAIL_UNDER names the folder, HIKYAKU_FAIL_CONTROL a file that is mapped: what is to fail now, and what was counted.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum call { OPEN, READ, WRITE, SYNC, RENAME, TRUNCATE, UNLINK, LINK, STAT, CALLS };
enum { FILES = 20000, MILLION = 1000000, SHORT = -1 /* in place of an errno: less than was asked is read or written */ };

struct control {
	_Atomic uint32_t rate;          /* per million */
	_Atomic uint32_t at;            /* counts down with such calls; the one that makes it 0 fails */
	_Atomic uint32_t calls;         /* bits: which */
	_Atomic int32_t error;
	_Atomic uint32_t seed;
	_Atomic uint64_t seen[CALLS], failed[CALLS];
};

static struct control *control;
static const char *under;
static _Atomic unsigned char is_under[FILES];
static _Atomic uint64_t turn;

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("HIKYAKU_FAIL_CONTROL");
	int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *at = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

	under = getenv("HIKYAKU_FAIL_UNDER");
	if (at != MAP_FAILED && under)
		control = at;
	if (file >= 0)
		close(file);
}

/* splitmix64 of a count: which call fails follows from the seed and the order of calls alone */
static uint64_t draw(void)
{
	uint64_t z = (atomic_fetch_add(&turn, 1) + atomic_load(&control->seed)) * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static int is_its_turn(void)
{
	uint32_t at = atomic_load(&control->at);

	do
		if (!at)
			return 0;
	while (!atomic_compare_exchange_weak(&control->at, &at, at - 1));
	return at == 1;
}

/* The errno that this call is to end with, or SHORT; 0: it does its work. */
static int fate(enum call call)
{
	if (!control)
		return 0;
	atomic_fetch_add(&control->seen[call], 1);
	if (!(atomic_load(&control->calls) >> call & 1))
		return 0;
	if (atomic_load(&control->error) == SHORT && call != WRITE && call != READ)
		return 0;
	if (!is_its_turn() && draw() % MILLION >= atomic_load(&control->rate))
		return 0;
	atomic_fetch_add(&control->failed[call], 1);
	return atomic_load(&control->error);
}

static int is_ours(const char *path)
{
	return control && strncmp(path, under, strlen(under)) == 0;
}

static int is_open(int fd)
{
	return fd >= 0 && fd < FILES && atomic_load(&is_under[fd]);
}

static int failed(int error)
{
	errno = error;
	return -1;
}

#define REAL(type, name) ((type)dlsym(RTLD_NEXT, name))

static int open_by(const char *name, const char *path, int flags, mode_t mode)
{
	int error = is_ours(path) ? fate(OPEN) : 0, fd;

	if (error)
		return failed(error);
	fd = REAL(int (*)(const char *, int, ...), name)(path, flags, mode);
	if (fd >= 0 && fd < FILES)
		atomic_store(&is_under[fd], (unsigned char)is_ours(path));
	return fd;
}

#define OPEN_AS(name)                                                                                                   \
	int name(const char *path, int flags, ...)                                                                         \
	{                                                                                                                  \
		va_list args;                                                                                                  \
		mode_t mode;                                                                                                   \
                                                                                                                       \
		va_start(args, flags);                                                                                         \
		mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;                                                             \
		va_end(args);                                                                                                  \
		return open_by(#name, path, flags, mode);                                                                      \
	}
OPEN_AS(open)
OPEN_AS(open64)

static ssize_t write_by(const char *name, int fd, const void *from, size_t n, off_t at)
{
	ssize_t (*real)(int, const void *, size_t, off_t) = REAL(ssize_t (*)(int, const void *, size_t, off_t), name);
	int error = is_open(fd) ? fate(WRITE) : 0;

	if (error == SHORT)
		return real(fd, from, n > 1 ? n / 2 : n, at);
	if (!error)
		return real(fd, from, n, at);
	/* some of it may be there all the same */
	if (n > 1 && real(fd, from, n / 2, at) < 0)
		return -1;
	return failed(error);
}

ssize_t pwrite(int fd, const void *from, size_t n, off_t at)
{
	return write_by("pwrite", fd, from, n, at);
}

ssize_t pwrite64(int fd, const void *from, size_t n, off_t at)
{
	return write_by("pwrite64", fd, from, n, at);
}

static ssize_t read_by(const char *name, int fd, void *to, size_t n, off_t at)
{
	ssize_t (*real)(int, void *, size_t, off_t) = REAL(ssize_t (*)(int, void *, size_t, off_t), name);
	int error = is_open(fd) ? fate(READ) : 0;

	if (error && error != SHORT)
		return failed(error);
	return real(fd, to, error && n > 1 ? n / 2 : n, at);
}

ssize_t pread(int fd, void *to, size_t n, off_t at)
{
	return read_by("pread", fd, to, n, at);
}

ssize_t pread64(int fd, void *to, size_t n, off_t at)
{
	return read_by("pread64", fd, to, n, at);
}

#define SYNC_AS(name)                                                                                                   \
	int name(int fd)                                                                                                   \
	{                                                                                                                  \
		int error = is_open(fd) ? fate(SYNC) : 0;                                                                      \
                                                                                                                       \
		return error ? failed(error) : REAL(int (*)(int), #name)(fd);                                                  \
	}
SYNC_AS(fsync)
SYNC_AS(fdatasync)

int rename(const char *from, const char *to)
{
	int error = is_ours(from) ? fate(RENAME) : 0;

	return error ? failed(error) : REAL(int (*)(const char *, const char *), "rename")(from, to);
}

int unlink(const char *path)
{
	int error = is_ours(path) ? fate(UNLINK) : 0;

	return error ? failed(error) : REAL(int (*)(const char *), "unlink")(path);
}

#define TRUNCATE_AS(name)                                                                                               \
	int name(int fd, off_t size)                                                                                       \
	{                                                                                                                  \
		int error = is_open(fd) ? fate(TRUNCATE) : 0;                                                                  \
                                                                                                                       \
		return error ? failed(error) : REAL(int (*)(int, off_t), #name)(fd, size);                                     \
	}
TRUNCATE_AS(ftruncate)
TRUNCATE_AS(ftruncate64)

#define ALLOCATE_AS(name)                                                                                               \
	int name(int fd, int mode, off_t at, off_t n)                                                                      \
	{                                                                                                                  \
		int error = is_open(fd) ? fate(TRUNCATE) : 0;                                                                  \
                                                                                                                       \
		return error ? failed(error) : REAL(int (*)(int, int, off_t, off_t), #name)(fd, mode, at, n);                  \
	}
ALLOCATE_AS(fallocate)
ALLOCATE_AS(fallocate64)

int link(const char *from, const char *to)
{
	int error = is_ours(from) ? fate(LINK) : 0;

	return error ? failed(error) : REAL(int (*)(const char *, const char *), "link")(from, to);
}

int fstat64(int fd, struct stat64 *st)
{
	int error = is_open(fd) ? fate(STAT) : 0;

	return error ? failed(error) : REAL(int (*)(int, struct stat64 *), "fstat64")(fd, st);
}

int statvfs64(const char *path, struct statvfs64 *st)
{
	int error = is_ours(path) ? fate(STAT) : 0;

	return error ? failed(error) : REAL(int (*)(const char *, struct statvfs64 *), "statvfs64")(path, st);
}

int close(int fd)
{
	if (fd >= 0 && fd < FILES)
		atomic_store(&is_under[fd], 0);
	return REAL(int (*)(int), "close")(fd);
}
