/* SPDX-License-Identifier: MIT
 *
 * policies_internal.h
 *
 *	policies.c		the thread: posts, answers, when to look up and to fetch
 *	policies_table.c	the entries
 *	policies_disk.c		a file for each
 */
#ifndef HIKYAKU_IO_POLICIES_INTERNAL_H
#define HIKYAKU_IO_POLICIES_INTERNAL_H

#include "io/policies.h"

#define POLICIES_BUCKETS 1024

struct policy {
	struct policy *next;            /* of its bucket */
	struct policy *newer, *older;   /* by use */
	uint64_t seq;                   /* names it in questions and fetches */
	char domain[HK_DNS_NAME_MAX + 1];
	/* what is kept; text.n 0: nothing */
	struct hk_buf text;
	char id[HK_STS_ID_MAX + 1];
	int64_t fetched, expires; /* utc */
	/* the record */
	bool has_record, is_asking;
	char record_id[HK_STS_ID_MAX + 1];
	uint64_t record_until; /* mono_ms */
	/* the fetch */
	bool is_fetching;
	uint64_t not_before; /* mono_ms */
	char failed_id[HK_STS_ID_MAX + 1];
	enum hk_tls_result failure;
	struct hk_policy_post *waiting;
};
struct hk_policies {
	struct hk_mailbox box;
	struct hk_disk *disk;
	struct hk_log *log;
	char dir[1024];
	int channel; /* -1: none now */
	struct hk_resolver *resolver;
	char server[64], authorities[1024];
	struct policy *bucket[POLICIES_BUCKETS], *newest, *oldest;
	size_t n;
	uint64_t last_seq;
	pthread_t thread;
};

/* policies_find(p, domain): makes an entry where there is none, from the disk if it is there; NULL when all are busy or memory is
 * out. */
struct policy *policies_find(struct hk_policies *, const char *domain);
struct policy *policies_by_seq(struct hk_policies *, uint64_t seq);
void policies_clear(struct hk_policies *);

void policies_load(struct hk_policies *, struct policy *);
void policies_save(struct hk_policies *, const struct policy *);
/* policies_tidy(p): files of policies that have expired go. */
void policies_tidy(struct hk_policies *);

#endif
