/* SPDX-License-Identifier: MIT
 *
 * unbound.h - answers by libunbound, which caches and asks in parallel. A library of its own, libhikyaku-unbound.
 */
#ifndef HIKYAKU_UNBOUND_H
#define HIKYAKU_UNBOUND_H

#include <hikyaku/dns.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct ub_ctx; /* <unbound.h> */

/* hk_unbound_context(where, ret): a context as mail wants it, for those who drive libunbound themselves; returns owned, for
 * ub_ctx_delete. where is "" (the resolvers of /etc/resolv.conf; without that file the root servers), "IP" or "IP@PORT" (a
 * resolver), or "stub:IP[@PORT]" (a laboratory's server, authoritative for test. and the reverse zones; nothing else exists
 * then). Without hk_unbound_trust nothing is validated, and no answer is `secure`. SYNTAX when where is none of them, else NOMEM. */
enum hk_status hk_unbound_context(struct hk_slice where, struct ub_ctx **ret) HK_MUSTCHECK;

/* hk_unbound_trust(ub, anchors): before its first question: trust in these DS or DNSKEY records, one a line, ";" begins a
 * comment (Debian's /usr/share/dns/root.key is such a text). Answers below them are then `secure`, or proven not to be signed,
 * or bogus, which is SERVFAIL (RFC 4035 5.5). SYNTAX: there is no record, or a line is none; LIMIT: it is too long. */
enum hk_status hk_unbound_trust(struct ub_ctx *, struct hk_slice anchors) HK_MUSTCHECK;

struct hk_unbound;
/* hk_unbound_open(where, ret): where and statuses as above; returns owned. For one thread at a time; its cache lives as long. */
enum hk_status hk_unbound_open(struct hk_slice where, struct hk_unbound **ret) HK_MUSTCHECK;
void hk_unbound_close(struct hk_unbound *); /* NULL allowed */
/* hk_unbound_answer(unbound, ...): an hk_answer_fn (resolve.h); all n at once. */
enum hk_status hk_unbound_answer(void *unbound, const struct hk_dns_question *, size_t n, unsigned timeout_ms, struct hk_arena *,
    struct hk_dns_answer *ret);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
