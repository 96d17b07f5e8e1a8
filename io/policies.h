/* SPDX-License-Identifier: MIT
 *
 * policies.h - the MTA-STS policies of recipients' domains: looked up, fetched, kept on disk. A thread of its own.
 *
 *	worker --hk_policy_post--> policies --the same, answered--> worker
 *	                 TXT --> resolver        GET --> fetch
 *
 * A kept policy is answered with at once as long as its TXT record was looked up lately; a new id makes it be fetched anew. A
 * policy that is older than a day is fetched again behind mail's back (RFC 8461 10.2). In SPOOL/sts/ each has a file.
 */
#ifndef HIKYAKU_IO_POLICIES_H
#define HIKYAKU_IO_POLICIES_H

#include "engine/world.h"
#include "io/fetch.h"
#include "io/resolver.h"

#define HK_POLICIES_MAX      4096             /* domains known at once */
#define HK_POLICIES_AGAIN_MS 300000           /* after a fetch failed (RFC 8461 3.3: five minutes) */
#define HK_POLICIES_TXT_MS   60000            /* a record counts as long as its TTL, but this at least */
#define HK_POLICIES_REFRESH  86400            /* seconds */

struct hk_policy_post {
	struct hk_post post;
	struct hk_mailbox *back;
	uint64_t token;
	char domain[HK_DNS_NAME_MAX + 1];
	struct hk_resolver *resolver; /* a use of it, taken */
	char server[64], authorities[1024]; /* for struct hk_fetch_request */
	/* the answer */
	struct hk_buf text;
	enum hk_tls_result result;
};
/* hk_policy_post_new(domain, back, token, conf, resolver): returns owned; NULL when out of memory, or the domain is no host name. */
struct hk_policy_post *hk_policy_post_new(struct hk_slice domain, struct hk_mailbox *back,
    uint64_t token, const struct hk_conf *, struct hk_resolver *);
void hk_policy_post_free(struct hk_policy_post *);

struct hk_policies;
/* hk_policies_start(spool, disk, log, ret): what is kept in SPOOL/sts/ counts. */
enum hk_status hk_policies_start(struct hk_slice spool, struct hk_disk *, struct hk_log *,
    struct hk_policies **ret) HK_MUSTCHECK;
/* hk_policies_channel(p, fd): takes fd, a channel to the fetch process in place of the one before. */
void hk_policies_channel(struct hk_policies *, int fd);
/* hk_policies_ask(p, post): takes post; it comes back to post->back. After stop it may never come back. */
void hk_policies_ask(struct hk_policies *, struct hk_policy_post *);
/* hk_policies_stop(p): joins the thread; then, when no resolver answers any more, hk_policies_free. NULL allowed. */
void hk_policies_stop(struct hk_policies *);
void hk_policies_free(struct hk_policies *);

#endif
