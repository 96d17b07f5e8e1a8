/* SPDX-License-Identifier: MIT
 *
 * mailbox.h - how threads speak to each other: typed posts, taken in the order they were put.
 *
 * A post is embedded at the start of a struct of its type and belongs to whoever holds it: the
 * poster until it is posted, then the box, then the taker. Posting never fails and never waits.
 */
#ifndef HIKYAKU_IO_MAILBOX_H
#define HIKYAKU_IO_MAILBOX_H

#include <pthread.h>

#include <hikyaku/base.h>

enum hk_post_type {
	/* to the owner */
	HK_POST_PUT,        /* struct hk_put_post (owner_thread.h) */
	HK_POST_RESULT,     /* struct hk_job_post */
	HK_POST_OWNER_CONF, /* struct hk_conf_post */
	HK_POST_CALL,       /* struct hk_call_post (owner_thread.h) */
	/* to a worker */
	HK_POST_COMMITTED, /* struct hk_put_post, on its way back */
	HK_POST_DELIVER,   /* struct hk_job_post */
	HK_POST_DNS,       /* struct hk_dns_post (resolver.h); to the resolver and back */
	HK_POST_ASK,       /* the same from the owner, on its way to the resolver */
	HK_POST_AUTH,      /* struct hk_auth_post (auth.h); to the pool and back */
	HK_POST_SETUP,     /* struct hk_setup_post (worker.h) */
	HK_POST_KEYS,      /* struct hk_keys_post (worker.h) */
	HK_POST_POLICY,    /* struct hk_policy_post (policies.h); to the policies and back */
	/* to who posted the CALL */
	HK_POST_CALLED, /* struct hk_call_post, on its way back */
	/* to all of them: struct hk_post alone */
	HK_POST_STOP, /* finish what is under way, begin nothing, then tell the main thread */
	HK_POST_QUIT, /* end the thread now */
	/* to the main thread: struct hk_told_post (mta.h) */
	HK_POST_WORKER_IDLE,
	HK_POST_OWNER_IDLE,
};
struct hk_post {
	struct hk_post *next;
	enum hk_post_type type;
};

struct hk_mailbox {
	pthread_mutex_t mutex;
	struct hk_post *first, **last;
	int fd; /* an eventfd, readable soon after the box is not empty any more: for poll or uv_poll */
};

enum hk_status hk_mailbox_init(struct hk_mailbox *) HK_MUSTCHECK;
/* the box must be empty, or its posts be lost on purpose. */
void hk_mailbox_done(struct hk_mailbox *);
void hk_mailbox_post(struct hk_mailbox *, struct hk_post *);
/* hk_mailbox_take(box): all posts, first first, linked by next; NULL when there are none. Clears
 * the descriptor. */
struct hk_post *hk_mailbox_take(struct hk_mailbox *);
/* hk_mailbox_wait(box, ms): until something is in the box, ms are over (-1: never) or a signal
 * came. For threads without a loop. */
void hk_mailbox_wait(struct hk_mailbox *, int ms);

#endif
