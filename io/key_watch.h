/* SPDX-License-Identifier: MIT
 *
 * key_watch.h - keeps looking whether the record of each signing key is published, and writes what
 * it finds where deliveries read it. Mail never waits for it.
 *
 *	begin (a generation) -> run, take... -> carry, begin (the next one) -> ... -> end
 *
 * All calls are the main thread's.
 */
#ifndef HIKYAKU_IO_KEY_WATCH_H
#define HIKYAKU_IO_KEY_WATCH_H

#include "engine/world.h"
#include "io/generation.h"

#define HK_KEY_WATCH_OPEN  64    /* questions out at once: a resolver is not flooded at the start */
#define HK_KEY_WATCH_LEAST 30000 /* ms between two looks, whatever the TTL */
#define HK_KEY_WATCH_RETRY 60000 /* ms after an answer that is none */

struct hk_watched_key;
struct hk_key_watch {
	struct hk_log *log;
	struct hk_mailbox *box;
	struct hk_generation *generation; /* a use; NULL: nothing is watched */
	struct hk_watched_key *key;
	unsigned n_open;
};

/* A zeroed one with log and box, where answers come back, is ready. */
/* hk_key_watch_carry(w, generation): what is known of the keys that it has in common with the one that
 * is watched; before it is served. hk_key_watch_begin(w, generation, now_ms): once it is served. Takes
 * a use. */
void hk_key_watch_carry(const struct hk_key_watch *, struct hk_generation *);
enum hk_status hk_key_watch_begin(
    struct hk_key_watch *, struct hk_generation *, uint64_t now_ms) HK_MUSTCHECK;
/* hk_key_watch_run(w, now_ms): asks what is due; how many ms until the next time, -1: not before an
 * answer. */
int hk_key_watch_run(struct hk_key_watch *, uint64_t now_ms);
/* hk_key_watch_take(w, post, now_ms): an answer; takes it. */
void hk_key_watch_take(struct hk_key_watch *, struct hk_dns_post *, uint64_t now_ms);
/* hk_key_watch_end(w): lets go of the generation; answers may still come, and are dropped by take. */
void hk_key_watch_end(struct hk_key_watch *);

#endif
