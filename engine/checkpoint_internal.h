/* SPDX-License-Identifier: MIT
 *
 * checkpoint_internal.h - the table of transactions with an id, shared by its files:
 *
 *	checkpoint.c	the table and its bounds
 *	checkpoint_file.c	what of a message is here
 *	checkpoint_index.c	the table between two runs
 */
#ifndef HIKYAKU_ENGINE_CHECKPOINT_INTERNAL_H
#define HIKYAKU_ENGINE_CHECKPOINT_INTERNAL_H

#include <pthread.h>

#include "engine/checkpoint.h"

enum { CHECKPOINT_BUCKETS = 4096 };

struct checkpoint_entry {
	struct checkpoint_entry *next;          /* in its bucket */
	struct checkpoint_entry *older, *newer; /* by time */
	uint8_t key[HK_CHECKPOINT_KEY];
	uint8_t client[HK_LIMITS_CLIENT_MAX], client_n;
	bool is_busy;
	int64_t utc;
	struct hk_checkpoint what;
};

struct hk_checkpoints {
	pthread_mutex_t mutex;
	struct hk_disk *disk;
	struct hk_checkpoint_counts counts;
	struct checkpoint_entry *oldest, *newest;
	struct checkpoint_entry *bucket[CHECKPOINT_BUCKETS];
	char spool[];
};

/* checkpoint_add(c, key, client, utc, gone): one more, in the caller's hand; one that has to make room is put onto *gone. LIMIT: none
 * can; NOMEM. */
enum hk_status checkpoint_add(struct hk_checkpoints *, const uint8_t *key, struct hk_slice client, int64_t utc,
    struct checkpoint_entry **gone) HK_MUSTCHECK;
/* checkpoint_settle(c, e, what, utc): it is `what` from now on, the newest of all, and nobody has it in hand; returns what it was. */
struct hk_checkpoint checkpoint_settle(
    struct hk_checkpoints *, struct checkpoint_entry *, const struct hk_checkpoint *what, int64_t utc);
/* checkpoint_clear(c): no entry is left; files stay. */
void checkpoint_clear(struct hk_checkpoints *);

#endif
