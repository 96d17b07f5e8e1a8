/* SPDX-License-Identifier: MIT
 *
 * work.h - what one message may cost, as one object that goes through every evaluator.
 *
 *	struct hk_work work = {.size = sizeof work};
 *	hk_work_init(&work);                       the usual limits
 *	work.of[HK_WORK_SIGNATURES].limit = 500;   or others
 *	input.work = &work;                        hk_verify, or one evaluator alone
 *	... work.of[HK_WORK_SPF_QUESTIONS].spent   afterwards
 *
 * Each kind is drawn on by one method, or by two in a fixed order, and never by what comes in from outside in its own time:
 * so where a limit is met, the same message meets it again, and a replay too.
 */
#ifndef HIKYAKU_WORK_H
#define HIKYAKU_WORK_H

#include <hikyaku/base.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* X(id, usual limit, what is counted, what becomes of what goes over it) */
#define HK_WORK_TABLE(X)                                                                                               \
	X(SPF_QUESTIONS, 30, "DNS questions of SPF", "temperror (RFC 7208 4.6.4, 11.1)")                               \
	X(DKIM_QUESTIONS, 10, "DNS questions of DKIM", "temperror (RFC 6376 6.1.2)")                                   \
	X(DMARC_QUESTIONS, 20, "DNS questions of DMARC, of each profile", "temperror (RFC 9989 4.10)")                 \
	X(ARC_QUESTIONS, 10, "DNS questions of ARC", "fail (RFC 8617 5.2)")                                            \
	X(MACRO_OCTETS, 4 * 1024 * 1024, "octets of macro values in SPF", "permerror (RFC 7208 11.3)")                 \
	X(SIGNATURES, 10, "DKIM signatures evaluated, author-aligned ones first", "neutral (RFC 6376 6.1)")            \
	X(HEADER_OCTETS, 16 * 1024 * 1024, "octets of header that signatures, then seals may hash; the whole section for each", \
	    "neutral (DKIM), fail (ARC)")
enum hk_work_kind {
#define X(id, limit, counted, over) HK_WORK_##id,
	HK_WORK_TABLE(X)
#undef X
	HK_WORK_KINDS
};
struct hk_work {
	size_t size; /* of the struct: base.h */
	struct {
		uint64_t limit, spent;
	} of[HK_WORK_KINDS];
};

/* hk_work_init(w): the usual limits, nothing spent. */
void hk_work_init(struct hk_work *);
/* hk_work_take(w, kind, n): true and counted, or false and nothing is, when it would go over. */
bool hk_work_take(struct hk_work *, enum hk_work_kind, uint64_t n) HK_MUSTCHECK;
/* hk_work_left(w, kind): for a kind that w, of an older caller, does not have: the usual limit, which then is not counted down. */
uint64_t hk_work_left(const struct hk_work *, enum hk_work_kind);
/* hk_work_counted(kind): the third column of the table. */
const char *hk_work_counted(enum hk_work_kind);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
