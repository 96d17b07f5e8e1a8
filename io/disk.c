/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "io/disk.h"
#include "lib/base/base_internal.h"

enum {
	DIRECT_ALIGN = 4096, /* no block device asks for more */
	DIRECT_CHUNK = 256 * 1024,
	ZEROS_CHUNK = 1024 * 1024, /* one write of allocate */
	NAMES_FIRST = 64,
	WHY_PATH = 300, /* enough to know it by */
};

static enum hk_status status_of(int error)
{
	switch (error) {
	case ENOSPC:
	case EDQUOT:
		return HK_FULL;
	case ENOENT:
		return HK_NOTFOUND;
	case EEXIST:
		return HK_BUSY;
	case ENOMEM:
		return HK_NOMEM;
	default:
		return HK_IO;
	}
}

/* The last call of this thread that failed: a status is too little for whoever has to mend it. */
static _Thread_local struct {
	enum hk_status status;
	int error; /* 0: the system did not object, we did */
	const char *call;
	char path[WHY_PATH];
} last;

static enum hk_status note(const char *call, const char *path, int error, enum hk_status status)
{
	last.status = status;
	last.error = error;
	last.call = call;
	snprintf(last.path, sizeof last.path, "%s", path);
	errno = error;
	return status;
}

/* errno says why; path "": what is open has no name here. */
static enum hk_status failed(const char *call, const char *path)
{
	return note(call, path, errno, status_of(errno));
}

static enum hk_status status_of_call(int result, const char *call, const char *path)
{
	return result == 0 ? HK_OK : failed(call, path);
}

static struct hk_disk_reason disk_why(struct hk_disk *d, enum hk_status status)
{
	struct hk_disk_reason ret = {""};
	const char *error = last.error ? strerror(last.error) : "it is no regular file";

	(void)d;
	if (last.call && last.status == status)
		snprintf(ret.text, sizeof ret.text, "%s%s%.300s: %.60s", last.call, *last.path ? " " : "",
		    *last.path ? hk_log_quote(hk_slice_str(last.path)).text : "", error);
	return ret;
}

/* Offsets of the kernel are signed. */
static bool is_offset(uint64_t offset)
{
	return offset <= INT64_MAX;
}

static enum hk_status disk_open(struct hk_disk *d, const char *path, unsigned flags, int *ret)
{
	int how = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, fd;
	struct stat st;

	(void)d;
	how |= flags & HK_OPEN_WRITE ? flags & HK_OPEN_READ ? O_RDWR : O_WRONLY : O_RDONLY;
	if (flags & HK_OPEN_CREATE)
		how |= O_CREAT | O_EXCL;
	if (flags & HK_OPEN_MAKE)
		how |= O_CREAT;
	if (flags & HK_OPEN_DIRECT)
		how |= O_DIRECT;
	do
		fd = open(path, how, 0600);
	while (fd < 0 && errno == EINTR);
	if (fd < 0 && errno == EINVAL && flags & HK_OPEN_DIRECT) {
		/* tmpfs of older kernels: no device below, so nothing to go past */
		fd = open(path, how & ~O_DIRECT, 0600);
	}
	if (fd < 0)
		return failed("open", path);
	/* a FIFO or a device in the spool is somebody's trick; O_NONBLOCK above kept open from
	 * waiting for it */
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return note("open", path, 0, HK_IO);
	}
	*ret = fd;
	return HK_OK;
}

static void disk_close(struct hk_disk *d, int file)
{
	(void)d;
	close(file);
}

/* O_DIRECT wants offset, length and memory aligned: read whole blocks aside and copy the wanted
 * part. */
static ssize_t read_direct(int file, uint64_t offset, void *to, size_t n)
{
	uint64_t start = offset - offset % DIRECT_ALIGN;
	size_t skip = (size_t)(offset - start), want;
	ssize_t got;
	void *block;

	if (n > DIRECT_CHUNK - DIRECT_ALIGN)
		n = DIRECT_CHUNK - DIRECT_ALIGN;
	want = (skip + n + DIRECT_ALIGN - 1) / DIRECT_ALIGN * DIRECT_ALIGN;
	if (posix_memalign(&block, DIRECT_ALIGN, DIRECT_CHUNK) != 0) {
		errno = ENOMEM;
		return -1;
	}
	got = pread(file, block, want, (off_t)start);
	if (got >= 0) {
		got = (size_t)got > skip ? got - (ssize_t)skip : 0;
		if ((size_t)got > n)
			got = (ssize_t)n;
		memcpy(to, (uint8_t *)block + skip, (size_t)got);
	}
	free(block);
	return got;
}

static enum hk_status disk_read(
    struct hk_disk *d, int file, uint64_t offset, void *to, size_t n, size_t *ret)
{
	size_t done = 0;

	(void)d;
	while (done < n) {
		ssize_t got;

		if (!is_offset(offset + done))
			return HK_IO;
		got = pread(file, (uint8_t *)to + done, n - done, (off_t)(offset + done));
		if (got < 0 && errno == EINVAL)
			got = read_direct(file, offset + done, (uint8_t *)to + done, n - done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return failed("read", "");
		if (got == 0)
			break;
		done += (size_t)got;
	}
	*ret = done;
	return HK_OK;
}

static enum hk_status disk_write(struct hk_disk *d, int file, uint64_t offset, struct hk_slice s)
{
	(void)d;
	while (s.n) {
		ssize_t put;

		if (!is_offset(offset))
			return HK_IO;
		put = pwrite(file, s.p, s.n, (off_t)offset);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return failed("write", "");
		if (put == 0)
			return HK_IO;
		s = hk_slice_from(s, (size_t)put);
		offset += (uint64_t)put;
	}
	return HK_OK;
}

static enum hk_status disk_size(struct hk_disk *d, int file, uint64_t *ret)
{
	struct stat st;

	(void)d;
	if (fstat(file, &st) != 0)
		return failed("fstat", "");
	*ret = (uint64_t)st.st_size;
	return HK_OK;
}

/* fallocate first: a full disk says so before anything was written. Then zeros, since a sync of
 * space that was only reserved changes the file's metadata, which doubles its price (design: the
 * spool). */
static enum hk_status disk_allocate(struct hk_disk *d, int file, uint64_t size)
{
	enum hk_status status;
	uint8_t *zeros;
	uint64_t at;

	status = disk_size(d, file, &at);
	if (status != HK_OK || at >= size)
		return status;
	if (!is_offset(size))
		return HK_IO;
	if (fallocate(file, FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)(size - at)) != 0 &&
	    errno != EOPNOTSUPP && errno != EINTR)
		return failed("fallocate", "");
	zeros = calloc(1, ZEROS_CHUNK);
	if (!zeros)
		return HK_NOMEM;
	while (status == HK_OK && at < size) {
		size_t n = size - at < ZEROS_CHUNK ? (size_t)(size - at) : ZEROS_CHUNK;

		status = disk_write(d, file, at, hk_slice_of(zeros, n));
		at += n;
	}
	free(zeros);
	return status;
}

static enum hk_status disk_truncate(struct hk_disk *d, int file, uint64_t size)
{
	int result;

	(void)d;
	if (!is_offset(size))
		return HK_IO;
	do
		result = ftruncate(file, (off_t)size);
	while (result != 0 && errno == EINTR);
	return status_of_call(result, "ftruncate", "");
}

/* Deliberate: EINTR counts as a failed sync. The kernel does not give it here, and a retry after
 * any failure could be told "done" for pages that were dropped (security.md 2.3). */
static enum hk_status disk_sync(struct hk_disk *d, int file)
{
	(void)d;
	return status_of_call(fdatasync(file), "fdatasync", "");
}

static enum hk_status disk_sync_dir(struct hk_disk *d, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	enum hk_status status;

	(void)d;
	if (fd < 0)
		return failed("open", path);
	status = status_of_call(fsync(fd), "fsync", path);
	close(fd);
	return status;
}

static enum hk_status disk_make_dir(struct hk_disk *d, const char *path)
{
	struct stat st;

	(void)d;
	if (mkdir(path, 0700) == 0)
		return HK_OK;
	if (errno != EEXIST)
		return failed("mkdir", path);
	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) ? HK_OK : note("mkdir", path, EEXIST, HK_IO);
}

static enum hk_status disk_link(struct hk_disk *d, const char *from, const char *to)
{
	(void)d;
	return status_of_call(link(from, to), "link", to);
}

static enum hk_status disk_rename(struct hk_disk *d, const char *from, const char *to)
{
	(void)d;
	return status_of_call(rename(from, to), "rename", to);
}

static enum hk_status disk_unlink(struct hk_disk *d, const char *path)
{
	(void)d;
	return status_of_call(unlink(path), "unlink", path);
}

struct names {
	struct hk_slice *at;
	size_t n, cap;
};

static enum hk_status names_add(struct names *names, struct hk_arena *a, const char *name)
{
	if (names->n == names->cap) {
		struct hk_slice *at =
		    hk_arena_double(a, names->at, &names->cap, NAMES_FIRST, sizeof *at);

		if (!at)
			return a->failed;
		names->at = at;
	}
	return hk_arena_dup(a, hk_slice_str(name), &names->at[names->n++]);
}

static int by_name(const void *a, const void *b)
{
	const struct hk_slice *x = a, *y = b;

	/* both end in a NUL that the arena added */
	return strcmp((const char *)x->p, (const char *)y->p);
}

static enum hk_status disk_list(
    struct hk_disk *d, const char *dir, struct hk_arena *a, struct hk_slice **ret, size_t *ret_n)
{
	enum hk_status status = HK_OK;
	struct names names = {0};
	struct dirent *entry;
	DIR *stream = opendir(dir);

	(void)d;
	if (!stream)
		return failed("opendir", dir);
	for (errno = 0; status == HK_OK && (entry = readdir(stream)); errno = 0)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			status = names_add(&names, a, entry->d_name);
	if (status == HK_OK && errno)
		status = failed("readdir", dir);
	closedir(stream);
	if (status != HK_OK)
		return status;
	if (names.n)
		qsort(names.at, names.n, sizeof *names.at, by_name);
	*ret = names.at;
	*ret_n = names.n;
	return HK_OK;
}

/* An open-file-description lock: it goes with the descriptor, whichever thread closes it, and
 * another open of the same file by this process is refused too. */
static enum hk_status disk_lock(struct hk_disk *d, int file)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	(void)d;
	if (fcntl(file, F_OFD_SETLK, &whole) == 0)
		return HK_OK;
	if (errno == EAGAIN || errno == EACCES)
		return note("lock", "", errno, HK_BUSY);
	return failed("lock", "");
}

bool hk_disk_is_held(const char *path)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool is_held = fd >= 0 && fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;

	if (fd >= 0)
		close(fd);
	return is_held;
}

static enum hk_status disk_find_dir(struct hk_disk *d, const char *path)
{
	struct stat st;

	(void)d;
	if (stat(path, &st) != 0)
		return failed("stat", path);
	return S_ISDIR(st.st_mode) ? HK_OK : HK_NOTFOUND;
}

static enum hk_status disk_space(struct hk_disk *d, const char *dir, uint64_t *ret_free)
{
	struct statvfs st;
	uint64_t bytes;

	(void)d;
	if (statvfs(dir, &st) != 0)
		return failed("statvfs", dir);
	if (st.f_files && !st.f_favail)
		bytes = 0; /* no inodes left: no file can be made, however many bytes are free */
	else if (__builtin_mul_overflow((uint64_t)st.f_bavail, (uint64_t)st.f_frsize, &bytes))
		bytes = UINT64_MAX;
	*ret_free = bytes;
	return HK_OK;
}

struct hk_disk *hk_disk_kernel(void)
{
	static const struct hk_disk_ops ops = {
	    .open = disk_open,
	    .close = disk_close,
	    .read = disk_read,
	    .write = disk_write,
	    .size = disk_size,
	    .allocate = disk_allocate,
	    .truncate = disk_truncate,
	    .sync = disk_sync,
	    .sync_dir = disk_sync_dir,
	    .make_dir = disk_make_dir,
	    .link = disk_link,
	    .rename = disk_rename,
	    .unlink = disk_unlink,
	    .list = disk_list,
	    .lock = disk_lock,
	    .find_dir = disk_find_dir,
	    .space = disk_space,
	    .why = disk_why,
	};
	static struct hk_disk disk = {&ops};

	return &disk;
}

enum hk_status hk_disk_read_all(
    const char *path, struct hk_arena *a, size_t max, struct hk_slice *ret)
{
	struct hk_disk *d = hk_disk_kernel();
	enum hk_status status;
	uint64_t size = 0;
	uint8_t *bytes;
	size_t got;
	int file;

	status = disk_open(d, path, HK_OPEN_READ, &file);
	if (status != HK_OK)
		return status;
	status = disk_size(d, file, &size);
	if (status == HK_OK && size > max)
		status = HK_LIMIT;
	bytes = status == HK_OK ? hk_arena_alloc(a, (size_t)size + 1) : NULL;
	if (status == HK_OK && !bytes)
		status = a->failed;
	if (status == HK_OK)
		status = disk_read(d, file, 0, bytes, (size_t)size, &got);
	disk_close(d, file);
	if (status == HK_OK)
		*ret = hk_slice_of(bytes, got);
	return status;
}
