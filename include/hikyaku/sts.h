/* SPDX-License-Identifier: MIT
 *
 * sts.h - MTA-STS (RFC 8461): the record that says a domain has a policy, the policy, and which hosts it lets mail go to.
 *
 *	TXT _mta-sts.DOMAIN  --hk_sts_record_find-->  id
 *	https://mta-sts.DOMAIN/.well-known/mta-sts.txt  --hk_sts_policy_parse-->  mode, max_age, mx
 *
 * Nothing is fetched or kept here.
 */
#ifndef HIKYAKU_STS_H
#define HIKYAKU_STS_H

#include <hikyaku/base.h>
#include <hikyaku/dns.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define HK_STS_ID_MAX      32          /* RFC 8461 3.1 */
#define HK_STS_POLICY_MAX  (64 * 1024) /* bytes of a policy: the figure that RFC 8461 3.3 suggests */
#define HK_STS_MX_MAX      1024        /* patterns; 64 KiB of them would be some 4000, and each is compared with each host */
#define HK_STS_MAX_AGE     31557600    /* seconds; RFC 8461 3.2 */
#define HK_STS_PREFIX      "mta-sts."  /* before the domain: the host that has the policy (RFC 8461 3.3) */
#define HK_STS_RECORD      "_mta-sts." /* before the domain: the record's name (RFC 8461 3.1) */
#define HK_STS_PATH        "/.well-known/mta-sts.txt"

enum hk_sts_mode { HK_STS_NONE, HK_STS_TESTING, HK_STS_ENFORCE };
const char *hk_sts_mode_name(enum hk_sts_mode); /* "none", "testing", "enforce" */

struct hk_sts_policy {
	enum hk_sts_mode mode;
	uint32_t max_age;          /* seconds; at most HK_STS_MAX_AGE */
	const struct hk_slice *mx; /* "host" or "*.domain", lower case */
	size_t n_mx;
};

/* hk_sts_record_find(answer, ret): the id in the answer for TXT at _mta-sts.DOMAIN, borrowed from it (RFC 8461 3.1). NOTFOUND:
 * there is no such record, or the question failed. SYNTAX: more than one, or one that does not follow its grammar. In both
 * cases there is no policy to be had now; a kept one stays good. */
enum hk_status hk_sts_record_find(const struct hk_dns_answer *, struct hk_slice *ret) HK_MUSTCHECK;
/* hk_sts_policy_parse(a, text, ret): a policy as it was fetched (RFC 8461 3.2); copied into a. SYNTAX; LIMIT for more than
 * HK_STS_POLICY_MAX bytes or HK_STS_MX_MAX patterns. */
enum hk_status hk_sts_policy_parse(struct hk_arena *, struct hk_slice text, struct hk_sts_policy *ret) HK_MUSTCHECK;
/* hk_sts_permits(policy, host): the name fits one of the patterns; "*" stands for one label (RFC 8461 4.1). A final dot counts
 * for nothing. */
bool hk_sts_permits(const struct hk_sts_policy *, struct hk_slice host);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
