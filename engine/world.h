/* SPDX-License-Identifier: MIT
 *
 * world.h - all that the engine reaches of the world outside itself.
 *
 *	disk	synchronous calls; io/disk.c does them with the kernel, sim/disk.c in memory, with a seed's faults
 *	clock	a value, handed in with every call that needs it
 *	log	a sink for finished lines
 *
 * Network, TLS, DNS, signing and waiting are not here: sessions and deliveries ask for them as *wants* (session.h,
 * delivery.h), and whoever drives them (io/worker.c, sim/) answers.
 */
#ifndef HIKYAKU_ENGINE_WORLD_H
#define HIKYAKU_ENGINE_WORLD_H

#include <hikyaku/base.h>

/* What time it is. mono never goes back and counts through suspends (CLOCK_BOOTTIME); utc may jump. */
struct hk_now {
	uint64_t mono_ms;
	int64_t utc;                /* seconds since 1970 */
	unsigned utc_ms;            /* 0..999 */
	int zone_minutes;           /* east of UTC, here and now */
	char zone_name[8];          /* "JST"; "" when there is none */
};

enum hk_open_flags {
	HK_OPEN_READ = 1, HK_OPEN_WRITE = 2,
	HK_OPEN_CREATE = 4,    /* fails with BUSY when the name exists */
	HK_OPEN_MAKE = 8,      /* create if it is not there */
	HK_OPEN_DIRECT = 16,   /* past the page cache where the system can (to verify after a failed sync) */
};

/* A file of the world. Errors: IO, FULL (no space, quota), NOTFOUND, BUSY. Paths are absolute or relative to the
 * process; every path is made by us, never from a peer's bytes. Calls are safe from several threads on different files, and
 * read is on the same file. After a failed sync what was written since the last good one is in an unknown state. */
struct hk_disk_ops;
struct hk_disk_reason {
	char text[400]; /* "open /var/spool/x/lock: Permission denied"; printable ASCII; "": none is known */
};
struct hk_disk {
	const struct hk_disk_ops *ops;
};
struct hk_disk_ops {
	enum hk_status (*open)(struct hk_disk *, const char *path, unsigned flags, int *ret);
	void (*close)(struct hk_disk *, int file);
	/* fewer bytes only at the end of the file */
	enum hk_status (*read)(struct hk_disk *, int file, uint64_t offset, void *to, size_t n, size_t *ret);
	enum hk_status (*write)(struct hk_disk *, int file, uint64_t offset, struct hk_slice);
	enum hk_status (*size)(struct hk_disk *, int file, uint64_t *ret);
	enum hk_status (*allocate)(struct hk_disk *, int file, uint64_t size); /* written zeros up to size, so that syncs are cheap */
	enum hk_status (*truncate)(struct hk_disk *, int file, uint64_t size);
	enum hk_status (*sync)(struct hk_disk *, int file);                 /* fdatasync */
	enum hk_status (*sync_dir)(struct hk_disk *, const char *path);
	enum hk_status (*make_dir)(struct hk_disk *, const char *path);     /* mode 0700; OK when it is there */
	enum hk_status (*find_dir)(struct hk_disk *, const char *path);     /* OK when there is such a directory */
	enum hk_status (*link)(struct hk_disk *, const char *from, const char *to); /* BUSY when `to` exists */
	enum hk_status (*rename)(struct hk_disk *, const char *from, const char *to);
	enum hk_status (*unlink)(struct hk_disk *, const char *path);
	enum hk_status (*list)(struct hk_disk *, const char *dir, struct hk_arena *, struct hk_slice **ret, size_t *ret_n); /* names, sorted */
	enum hk_status (*lock)(struct hk_disk *, int file);                 /* BUSY when another process has it */
	enum hk_status (*space)(struct hk_disk *, const char *dir, uint64_t *ret_free);
	struct hk_disk_reason (*why)(struct hk_disk *, enum hk_status); /* as hk_disk_why; NULL: nothing is known */
};
/* hk_disk_why(disk, status): what the system said to the last call of this thread that failed, if it gave this status. To be asked right
 * after it: a later failure takes its place. */
struct hk_disk_reason hk_disk_why(struct hk_disk *, enum hk_status);

enum hk_log_level { HK_LOG_ERROR, HK_LOG_WARNING, HK_LOG_INFO, HK_LOG_DEBUG };
/* A sink for lines; safe from any thread; never blocks mail (a full sink drops and counts). */
struct hk_log {
	void (*line)(struct hk_log *, enum hk_log_level, struct hk_slice line);
	uint64_t (*dropped)(struct hk_log *); /* lines so far; NULL: none ever are */
};
uint64_t hk_log_dropped(struct hk_log *);
/* hk_logf(log, level, format, ...): one line; printable ASCII only: outside bytes go through hk_log_quote. NULL log: nothing. */
void hk_logf(struct hk_log *, enum hk_log_level, const char *format, ...) HK_PRINTF(3, 4);
/* hk_log_quote(s): quoted text in a small static-free holder, for %s: hk_log_quote(slice).text */
struct hk_log_quoted {
	char text[512];
};
struct hk_log_quoted hk_log_quote(struct hk_slice);

#endif
