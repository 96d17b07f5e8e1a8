/* SPDX-License-Identifier: MIT
 *
 * greylist.h - who came before: a client's net, a sender and a recipient that are seen together for the first time are
 * told to come again (RFC 6647). A mail server does; much of what sends spam does not.
 *
 * One table for all threads, of bounded size, of keyed digests: no address is kept. A place is taken from whoever was not
 * heard of for longest among eight; so a flood of new names costs old ones their memory, and thereby a delay, never mail.
 */
#ifndef HIKYAKU_ENGINE_GREYLIST_H
#define HIKYAKU_ENGINE_GREYLIST_H

#include <hikyaku/base.h>

#define HK_GREYLIST_SEED    16
#define HK_GREYLIST_MAX     65536 /* entries of 32 octets: 2 MiB */
#define HK_GREYLIST_RETRY_S (2 * 86400)  /* how long a first try is remembered (RFC 6647 4.4: a day at least) */
#define HK_GREYLIST_KEEP_S  (36 * 86400) /* how long somebody who came again is known: a monthly letter's, and some days */
#define HK_GREYLIST_PROVEN  5 /* different triplets of one net that came again; from then on all of it may pass */

struct hk_greylist;
/* hk_greylist_new(max, seed): max is a multiple of eight; the seed is secret. NULL when out of memory. */
struct hk_greylist *hk_greylist_new(size_t max, const uint8_t seed[HK_GREYLIST_SEED]);
void hk_greylist_free(struct hk_greylist *); /* NULL allowed */

struct hk_greylist_query {
	struct hk_ip client; /* counts by its /24 or /64 */
	struct hk_slice sender, recipient; /* ASCII case is none */
	uint32_t delay;      /* seconds */
	int64_t utc;         /* the table outlives the process, so no other clock would do */
};
/* hk_greylist_wait(g, query): 0: it may pass, which is remembered; else the seconds that are left. */
uint32_t hk_greylist_wait(struct hk_greylist *, const struct hk_greylist_query *);

/* hk_greylist_format(g, out): all of it, with its seed. hk_greylist_parse(text, max, ret): a new one from it; CORRUPT for
 * anything else, NOMEM. */
void hk_greylist_format(struct hk_greylist *, struct hk_buf *out);
enum hk_status hk_greylist_parse(struct hk_slice, size_t max, struct hk_greylist **ret) HK_MUSTCHECK;
#define HK_GREYLIST_TEXT_MAX (64 + (size_t)HK_GREYLIST_MAX * 32)

#endif
