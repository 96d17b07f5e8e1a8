/* SPDX-License-Identifier: MIT
 *
 * resolver.h - DNS through libunbound, on a thread of its own.
 *
 *	worker --struct hk_dns_post--> resolver --the same post, answered--> worker
 *
 * The answer is parsed by lib/dns from the message as it came, so every consumer sees the same
 *reading of it.
 */
#ifndef HIKYAKU_IO_RESOLVER_H
#define HIKYAKU_IO_RESOLVER_H

#include <hikyaku/dns.h>

#include "io/mailbox.h"

#define HK_RESOLVER_OPEN_MAX 8192         /* questions under way; past it TIMEOUT at once */
#define HK_RESOLVER_ANCHORS  (64 * 1024)  /* a file of trust anchors; that of the root has 1 KiB */
#define HK_RESOLVER_ARENA    (128 * 1024) /* one parsed answer */

struct hk_dns_post {
	struct hk_post post;
	struct hk_mailbox *back;
	uint64_t token; /* the asker's */
	uint16_t type;
	char name[HK_DNS_NAME_MAX + 1];
	struct hk_arena arena; /* holds the answer */
	struct hk_dns_answer answer;
	/* the resolver's */
	struct hk_resolver *resolver;
	struct hk_dns_post *next_open, **prev_open;
	int async_id;
};
/* hk_dns_post_new(question, back, token): returns owned; NULL when out of memory or the name is too
 * long. */
struct hk_dns_post *hk_dns_post_new(
    const struct hk_dns_question *, struct hk_mailbox *back, uint64_t token);
void hk_dns_post_free(struct hk_dns_post *);

struct hk_resolver;
/* hk_resolver_start(where, anchors, ret): where is "" (the system's), "IP[@PORT]" (a resolver), or
 * "stub:IP[@PORT]" (a laboratory's server, authoritative for test. and the reverse zones; nothing
 * else exists then). anchors: as hk_unbound_trust takes them; empty: nothing is validated. SYNTAX when
 * where is none of them, or anchors has no records. */
enum hk_status hk_resolver_start(
    struct hk_slice where, struct hk_slice anchors, struct hk_resolver **ret) HK_MUSTCHECK;
/* hk_resolver_ask(r, post): takes post; it comes back to post->back. After stop it may never come
 * back. */
void hk_resolver_ask(struct hk_resolver *, struct hk_dns_post *);
/* counted: the one who started it holds one use. The last use stops the thread. */
void hk_resolver_use(struct hk_resolver *);
void hk_resolver_free(struct hk_resolver *);

#endif
