/* SPDX-License-Identifier: MIT
 *
 * resolve.h - the questions of an evaluator answered by the network.
 *
 *	hk_spf_new(...)
 *	hk_resolve_all(hk_evaluator_spf(q), hk_system_answer, NULL, NULL)
 *	hk_spf_result(q)
 *
 * A library of its own, libhikyaku-resolve, with the resolver of libc; unbound.h and cares.h have others. All of them
 * block the calling thread; where that cannot be, ask as cares.h shows.
 */
#ifndef HIKYAKU_RESOLVE_H
#define HIKYAKU_RESOLVE_H

#include <hikyaku/verify.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define HK_RESOLVE_TIMEOUT_MS 20000 /* for all questions of one run together: what RFC 7208 4.6.4 wants to be allowed at least */
#define HK_RESOLVE_QUESTIONS  200   /* of one run: more than any evaluator here asks */
#define HK_RESOLVE_BATCH      32    /* handed to an answerer at once */

/* Anything with questions. It borrows its object. */
struct hk_evaluator {
	void *object;
	enum hk_status (*step)(void *object);
	bool (*question)(void *object, struct hk_dns_question *ret);
	enum hk_status (*answer)(void *object, const struct hk_dns_answer *);
};
/* hk_evaluator_spf(q), ...: the evaluators of the library as such. */
struct hk_evaluator hk_evaluator_spf(struct hk_spf *);
struct hk_evaluator hk_evaluator_spf_extent(struct hk_spf_extent *);
struct hk_evaluator hk_evaluator_dkim(struct hk_dkim_verify *);
struct hk_evaluator hk_evaluator_dmarc(struct hk_dmarc *);
struct hk_evaluator hk_evaluator_arc(struct hk_arc_validate *);
struct hk_evaluator hk_evaluator_verify(struct hk_verify *);

/* Answers n questions (at most HK_RESOLVE_BATCH), each of them, within timeout_ms: what could not be had is HK_DNS_TIMEOUT.
 * Answers live in the arena. NOMEM or LIMIT when that is full. */
typedef enum hk_status hk_answer_fn(void *resolver, const struct hk_dns_question *question, size_t n, unsigned timeout_ms,
    struct hk_arena *, struct hk_dns_answer *ret);

struct hk_resolve_options {
	size_t size;            /* of the struct: base.h */
	unsigned timeout_ms;    /* 0: HK_RESOLVE_TIMEOUT_MS. Whatever is asked later is HK_DNS_TIMEOUT */
	unsigned max_questions; /* 0: HK_RESOLVE_QUESTIONS; likewise */
};
/* hk_resolve_all(evaluator, answerer, resolver, options): steps and answers until the evaluator has all it asks for;
 * options NULL: the defaults. OK: it has its result. AGAIN: it waits for something else, say the end of the body. Else as
 * the evaluator, or NOMEM, LIMIT. Any number of threads may do this, each with an evaluator of its own. */
enum hk_status hk_resolve_all(struct hk_evaluator, hk_answer_fn *, void *resolver, const struct hk_resolve_options *) HK_MUSTCHECK;

/* hk_system_answer(server, ...): an hk_answer_fn over the resolver of libc, one question after the other. server is NULL for
 * those of /etc/resolv.conf, or a text "IP" or "IP@PORT" of an IPv4 address. Any number of threads. */
enum hk_status hk_system_answer(void *server, const struct hk_dns_question *, size_t n, unsigned timeout_ms, struct hk_arena *,
    struct hk_dns_answer *ret);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
