/* SPDX-License-Identifier: MIT
 *
 * cares.h - answers by c-ares: within an event loop of the caller's, or blocking. A library of its own, libhikyaku-cares.
 *
 *	hk_spf_step(q); while (hk_spf_question(q, &question)) hk_cares_ask(channel, &question, on_answer, q);
 *	on_answer: hk_spf_answer(q, answer), and the first line again
 */
#ifndef HIKYAKU_CARES_H
#define HIKYAKU_CARES_H

#include <hikyaku/dns.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct ares_channeldata; /* what an ares_channel of <ares.h> points to */

/* Gets the answer, borrowed until it returns. Everything that can fail is HK_DNS_TIMEOUT, the end of the channel too. */
typedef void hk_cares_fn(void *user, const struct hk_dns_answer *);
/* hk_cares_ask(channel, question, done, user): done is called exactly once: from ares_process, or before this returns. The
 * channel is the caller's, and so is its loop; it should have ARES_FLAG_NOCHECKRESP, or a SERVFAIL is a TIMEOUT. */
void hk_cares_ask(struct ares_channeldata *channel, const struct hk_dns_question *, hk_cares_fn *done, void *user);

struct hk_cares;
/* hk_cares_open(servers, ret): a channel with a loop of its own. servers as ares_set_servers_ports_csv takes them
 * ("192.0.2.1:53,[2001:db8::1]:53"), NULL for those of the system; returns owned. SYNTAX, NOMEM. For one thread at a time. */
enum hk_status hk_cares_open(const char *servers, struct hk_cares **ret) HK_MUSTCHECK;
void hk_cares_close(struct hk_cares *); /* NULL allowed */
/* hk_cares_answer(cares, ...): an hk_answer_fn (resolve.h); all n at once. */
enum hk_status hk_cares_answer(void *cares, const struct hk_dns_question *, size_t n, unsigned timeout_ms, struct hk_arena *,
    struct hk_dns_answer *ret);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
