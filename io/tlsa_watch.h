/* SPDX-License-Identifier: MIT
 *
 * tlsa_watch.h - a new certificate is held back, and the one before it served on, until what is published for the
 * listener fits it. Looks all along, from the main thread.
 *
 *	carry (the next generation, before it is served) -> begin (once it is) -> run, take... -> end
 */
#ifndef HIKYAKU_IO_TLSA_WATCH_H
#define HIKYAKU_IO_TLSA_WATCH_H

#include "engine/world.h"
#include "io/tlsa.h"

#define HK_TLSA_WATCH_TOKEN (UINT64_C(1) << 63) /* of its questions: those of others have it not */
#define HK_TLSA_WATCH_OPEN  64
#define HK_TLSA_WATCH_MAX   1024    /* records that are looked at */
#define HK_TLSA_WATCH_MS    3600000 /* between two looks while nothing is held back */
#define HK_TLSA_WATCH_HELD  60000   /* while something is, where certificate-check is 0 */

struct hk_tlsa_watched;
struct hk_tlsa_watch {
	struct hk_log *log;
	struct hk_mailbox *box;
	struct hk_generation *generation; /* a use; NULL: nothing is watched */
	struct hk_tlsa_watched *at;
	size_t n, n_open;
};

/* A zeroed one with log and box is ready. */
/* hk_tlsa_watch_carry(now, next): where a listener of now has other certificates, next serves those at first. now NULL: there was
 * nothing before. */
void hk_tlsa_watch_carry(const struct hk_generation *now, struct hk_generation *next);
enum hk_status hk_tlsa_watch_begin(struct hk_tlsa_watch *, struct hk_generation *, uint64_t now_ms) HK_MUSTCHECK;
/* hk_tlsa_watch_run(w, now_ms): asks what is due; how many ms until the next time, -1: not before an answer. */
int hk_tlsa_watch_run(struct hk_tlsa_watch *, uint64_t now_ms);
/* hk_tlsa_watch_take(w, post, now_ms): an answer; takes it. */
void hk_tlsa_watch_take(struct hk_tlsa_watch *, struct hk_dns_post *, uint64_t now_ms);
void hk_tlsa_watch_end(struct hk_tlsa_watch *);

#endif
