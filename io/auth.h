/* SPDX-License-Identifier: MIT
 *
 * auth.h - the bounded pool in which steps of authentication exchanges run. A hash of a password is
 * slow on purpose, and a socket may be; neither may hold up a loop, nor may a flood of guesses hold
 * up anything but other guesses.
 */
#ifndef HIKYAKU_IO_AUTH_H
#define HIKYAKU_IO_AUTH_H

#include "io/mailbox.h"
#include "io/sasl.h"

#define HK_AUTH_THREADS   4   /* 16 MiB and 20 ms of a processor for each yescrypt */
#define HK_AUTH_QUEUE_MAX 256 /* some seconds of waiting; more are told 454 */

/* AUTH to the pool, and back to its worker. */
struct hk_auth_post {
	struct hk_post post;
	struct hk_mailbox *back;
	uint64_t token;
	struct hk_sasl *exchange; /* whoever holds the post owns it */
	struct hk_buf data;       /* a secret */
	bool has_data;
	struct hk_sasl_result result;
};
struct hk_auth_post *hk_auth_post_new(struct hk_slice data, bool has_data); /* NULL: no memory */
void hk_auth_post_free(struct hk_auth_post *); /* wiped, with its exchange */

struct hk_auth_pool;
/* hk_auth_pool_start(ret): threads begin with the first post. */
enum hk_status hk_auth_pool_start(struct hk_auth_pool **ret) HK_MUSTCHECK;
/* hk_auth_pool_put(p, post): false: too many wait already, and the post stays the caller's. */
bool hk_auth_pool_put(struct hk_auth_pool *, struct hk_auth_post *) HK_MUSTCHECK;
/* hk_auth_pool_end(p): waits for what runs; what waits is freed. NULL allowed. */
void hk_auth_pool_end(struct hk_auth_pool *);

#endif
