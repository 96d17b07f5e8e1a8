/* SPDX-License-Identifier: MIT
 *
 * spf.h - RFC 7208. An evaluator that asks and is answered.
 *
 *	q = hk_spf_new(arena, &input, trace)
 *	while (hk_spf_step(q) == HK_AGAIN)
 *		while (hk_spf_question(q, &question))
 *			answer it: hk_spf_answer(q, &answer)
 *	hk_spf_result(q)
 */
#ifndef HIKYAKU_SPF_H
#define HIKYAKU_SPF_H

#include <hikyaku/dns.h>
#include <hikyaku/trace.h>
#include <hikyaku/work.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define HK_SPF_MAX_LOOKUPS 10 /* RFC 7208 4.6.4: terms that cause DNS questions */
#define HK_SPF_MAX_VOIDS   2  /* RFC 7208 4.6.4 */
#define HK_SPF_MAX_MX      10 /* addresses of one "mx", names of one "ptr" (4.6.4) */
#define HK_SPF_RECORD_MAX  4096 /* a longer one is a permerror */

#define HK_SPF_RESULT_TABLE(X) \
	X(NONE, "none") X(NEUTRAL, "neutral") X(PASS, "pass") X(FAIL, "fail") X(SOFTFAIL, "softfail") \
	X(TEMPERROR, "temperror") X(PERMERROR, "permerror")
enum hk_spf_result {
#define X(id, text) HK_SPF_##id,
	HK_SPF_RESULT_TABLE(X)
#undef X
};
/* "none", "neutral", ...; the words of the table. */
const char *hk_spf_result_name(enum hk_spf_result);

struct hk_spf_input {
	size_t size; /* of the struct: base.h */
	struct hk_ip client;       /* an IPv4-mapped address counts as IPv4 */
	struct hk_slice helo;      /* as given in HELO or EHLO */
	struct hk_slice mail_from; /* local@domain; empty for <>: then postmaster@helo is checked (2.4) */
	bool check_helo;           /* check the HELO identity (2.3) instead of MAIL FROM */
	struct hk_slice receiver;  /* our own host name, for %{r}; empty: "unknown" */
	int64_t now;               /* seconds since 1970, for %{t} */
	unsigned max_lookups, max_voids; /* 0: the RFC's */
	struct hk_work *work;      /* borrowed until the verdict; NULL: the usual limits */
};

struct hk_spf_verdict {
	enum hk_spf_result result;
	bool is_helo;                /* the HELO identity was what was checked (asked for, or MAIL FROM was <>) */
	struct hk_slice domain;      /* the domain checked, lower case */
	struct hk_slice sender;      /* local@domain that was checked */
	struct hk_slice mechanism;   /* the term that decided, as written; empty for the default */
	struct hk_slice reason;      /* for people: what decided or what is wrong */
	struct hk_slice explanation; /* the domain's own exp= text (6.2), sanitised; only for fail */
	unsigned lookups, voids;     /* the one that went over a limit included */
};

struct hk_spf;
/* borrows nothing: the input is copied into the arena. NULL when it is full. trace may be NULL. */
struct hk_spf *hk_spf_new(struct hk_arena *, const struct hk_spf_input *, struct hk_trace *);
/* OK: a verdict is there. AGAIN: answers are needed. NOMEM, LIMIT: the arena is full (treat as temperror). */
enum hk_status hk_spf_step(struct hk_spf *) HK_MUSTCHECK;
/* hk_spf_question(q, ret): the next question not yet handed out; false when all were. Borrowed until q's next step. */
bool hk_spf_question(struct hk_spf *, struct hk_dns_question *ret);
/* hk_spf_answer(q, answer): copies. NOTFOUND when it was not asked. */
enum hk_status hk_spf_answer(struct hk_spf *, const struct hk_dns_answer *) HK_MUSTCHECK;
/* valid after OK; borrowed from the arena. */
const struct hk_spf_verdict *hk_spf_result(const struct hk_spf *);

/* ---- how many addresses a record authorises ---------------------------------------------- */

/* More than these is wide: whoever rents one address among so many passes for the domain (the attack is called BreakSPF). A /16,
 * and for IPv6 a /32, what one provider gets. */
#define HK_SPF_WIDE_IPV4      65536
#define HK_SPF_WIDE_IPV6_BITS 96

struct hk_spf_extent_verdict {
	enum hk_spf_result result; /* PASS: all was counted. NONE, TEMPERROR, PERMERROR: as reason says; the numbers are what was
	                              counted before */
	struct hk_slice domain, reason;
	uint64_t ipv4;             /* addresses that give pass, each counted once: those an earlier term with another qualifier
	                              matches are not among them */
	struct hk_slice ipv6;      /* the same as a decimal number: up to 2^128 */
	bool is_partial;           /* ptr, exists or a macro: there may be others */
	bool is_wide;              /* lint spf-too-wide */
	unsigned lookups;
};

struct hk_spf_extent;
/* hk_spf_extent_new(a, domain): NULL when a is full. step, question, answer and result as for hk_spf; the arena must have room for
 * all answers (a megabyte is plenty). LIMIT also when the record has too many networks. Void lookups are not counted, since
 * both families are asked for. */
struct hk_spf_extent *hk_spf_extent_new(struct hk_arena *, struct hk_slice domain);
enum hk_status hk_spf_extent_step(struct hk_spf_extent *) HK_MUSTCHECK;
bool hk_spf_extent_question(struct hk_spf_extent *, struct hk_dns_question *ret);
enum hk_status hk_spf_extent_answer(struct hk_spf_extent *, const struct hk_dns_answer *) HK_MUSTCHECK;
const struct hk_spf_extent_verdict *hk_spf_extent_result(const struct hk_spf_extent *);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
