/* SPDX-License-Identifier: MIT
 *
 * srv.h - the order in which the targets of a service are tried (RFC 2782).
 */
#ifndef HIKYAKU_ENGINE_SRV_H
#define HIKYAKU_ENGINE_SRV_H

#include <hikyaku/dns.h>

/* hk_srv_order(answer, seed, place): the indexes of the answer's records, first to try first: by priority, and among equals
 * by chance as their weights say. The same seed, the same order. place has room for answer->n; at most HK_DNS_RRS_MAX are
 * looked at. Returns how many were written. */
size_t hk_srv_order(const struct hk_dns_answer *, uint64_t seed, size_t *place);
/* hk_srv_is_none(answer): one record whose target is the root: the service is decidedly not there (RFC 2782, Target). */
bool hk_srv_is_none(const struct hk_dns_answer *);

#endif
