/* SPDX-License-Identifier: MIT
 *
 * What the resolvers of this folder share.
 */
#ifndef HIKYAKU_ADAPTERS_INTERNAL_H
#define HIKYAKU_ADAPTERS_INTERNAL_H

#include <time.h>

#include <hikyaku/dns.h>

static inline int64_t adapter_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* How long it is until then; never negative. */
static inline unsigned adapter_left_ms(int64_t until)
{
	int64_t left = until - adapter_now_ms();

	return left > 0 ? (unsigned)left : 0;
}

/* What could not be had, for each. */
static inline void adapter_none(const struct hk_dns_question *q, size_t n, struct hk_dns_answer *ret)
{
	size_t i;

	for (i = 0; i < n; i++)
		ret[i] = (struct hk_dns_answer){.question = q[i], .rcode = HK_DNS_TIMEOUT};
}

/* A message that answers q, read into a; what is no answer to it counts as none (*ret is untouched). */
static inline enum hk_status adapter_read(struct hk_arena *a, const struct hk_dns_question *q,
    struct hk_slice wire, struct hk_dns_answer *ret)
{
	enum hk_status status = hk_dns_answer_parse(a, q, wire, ret);

	return status == HK_SYNTAX ? HK_OK : status;
}

#endif
