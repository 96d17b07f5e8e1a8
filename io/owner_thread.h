/* SPDX-License-Identifier: MIT
 *
 * owner_thread.h - the thread of the one owner. It blocks in the spool's sync: whatever is posted
 * meanwhile is the next batch.
 */
#ifndef HIKYAKU_IO_OWNER_THREAD_H
#define HIKYAKU_IO_OWNER_THREAD_H

#include "io/metrics.h"
#include "io/worker.h"

struct hk_owner_thread {
	struct hk_mailbox box;
	struct hk_owner *owner;
	struct hk_log *log;
	struct hk_mailbox *main;
	struct hk_mailbox *worker[HK_WORKERS_MAX]; /* set before the thread starts */
	unsigned n_workers, next_worker;
	struct hk_metrics *metrics; /* NULL: nobody counts */
	unsigned n_taken; /* posts, the last time */
	_Atomic int intake;
	_Atomic uint64_t room;
	bool stopping, told_idle;
	pthread_t thread;
};

/* CALL, and the answer to it, with the type CALLED: an operator's question or change; call->back is the owner thread's meanwhile. */
struct hk_call_post {
	struct hk_post post;
	struct hk_queue_call *call; /* goes with the post */
	struct hk_mailbox *back;    /* NULL: nobody waits for the answer */
};

/* hk_owner_thread_open(t, conf, disk): opens and recovers the spool, on the caller's thread: errors
 * come before anything serves. */
enum hk_status hk_owner_thread_open(
    struct hk_owner_thread *, struct hk_conf *, struct hk_disk *) HK_MUSTCHECK;
enum hk_status hk_owner_thread_start(struct hk_owner_thread *) HK_MUSTCHECK;
/* hk_owner_thread_join(t): after a QUIT. Everything posted before it is committed. */
void hk_owner_thread_join(struct hk_owner_thread *);
/* hk_owner_thread_close(t): closes the spool; the thread is not running. hk_owner_thread_done(t): the box, when no resolver's thread
 * may answer into it any more. */
void hk_owner_thread_close(struct hk_owner_thread *);
void hk_owner_thread_done(struct hk_owner_thread *);

#endif
