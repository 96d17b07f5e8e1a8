/* SPDX-License-Identifier: MIT
 *
 * gather.h - lines that wait for a thread of their own, which writes many at once: whoever adds one never waits for a disk or a
 * reader. What finds no room is dropped, counted, and told.
 */
#ifndef HIKYAKU_IO_GATHER_H
#define HIKYAKU_IO_GATHER_H

#include <pthread.h>

#include <hikyaku/base.h>

struct hk_gather;
struct hk_gather_ops {
	unsigned ms; /* lines wait so long for others, */
	size_t full; /* or until there are so many octets */
	/* begin(g, has_dropped): with the mutex: g->writing is to be written now, and nothing waits; has_dropped: lines were dropped since the
	 * last time, of those that would come now. */
	void (*begin)(struct hk_gather *, bool has_dropped);
	/* write(g): without it: g->writing; how many lines came to nothing. */
	uint64_t (*write)(struct hk_gather *);
};
struct hk_gather {
	const struct hk_gather_ops *ops;
	pthread_mutex_t mutex; /* of what follows, but for writing, which is the thread's */
	pthread_cond_t filled;
	struct hk_buf waiting, writing;
	uint64_t dropped, told; /* lines */
	bool stopping, is_urgent; /* is_urgent: it waits for no others */
	pthread_t thread;
};

/* hk_gather_init(g, ops, max): room for max octets that wait. To be done with hk_gather_done, where no thread runs. */
void hk_gather_init(struct hk_gather *, const struct hk_gather_ops *, size_t max);
void hk_gather_done(struct hk_gather *);
enum hk_status hk_gather_start(struct hk_gather *) HK_MUSTCHECK; /* its thread; NOMEM */
/* hk_gather_lock(g, ret): the mutex, and where a line may be added; *ret is for hk_gather_added, which drops it where it had no room, and
 * wakes the thread. */
struct hk_buf *hk_gather_lock(struct hk_gather *, size_t *ret);
void hk_gather_added(struct hk_gather *, size_t before, bool is_urgent);
void hk_gather_unlock(struct hk_gather *);
uint64_t hk_gather_dropped(struct hk_gather *);
/* hk_gather_has_dropped(g): with the mutex: since it was asked last. */
bool hk_gather_has_dropped(struct hk_gather *);
/* hk_gather_is_stopping(g, ms): the thread waits so long, or until it is to end. */
bool hk_gather_is_stopping(struct hk_gather *, unsigned ms);
/* hk_gather_stop(g): the thread writes what waits and ends; to be joined. */
void hk_gather_stop(struct hk_gather *);

#endif
