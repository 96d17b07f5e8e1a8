/* SPDX-License-Identifier: MIT
 *
 * dmarc_internal.h - between the evaluator (dmarc.c), the walk (dmarc_walk.c) and the suffix list (dmarc_suffix.c).
 */
#ifndef HIKYAKU_DMARC_INTERNAL_H
#define HIKYAKU_DMARC_INTERNAL_H

#include <hikyaku/dmarc.h>

enum dmarc_state {
	DMARC_PENDING,
	DMARC_ABSENT, /* asked, and there is no single policy record */
	DMARC_FOUND,
	DMARC_FAILED, /* no answer could be had */
};

enum { DMARC_IGNORED_MAX = 4 }; /* ignored TXT records kept for the trace, of each name */

/* One name _dmarc.<domain>, or by RFC 7489 one domain's public suffix: asked once, whichever walks need it. */
struct dmarc_lookup {
	struct dmarc_lookup *next;
	struct hk_slice domain; /* without "_dmarc." */
	struct hk_slice name;   /* what is asked */
	uint16_t type;
	bool handed_out;
	struct hk_slice suffix; /* of a SUFFIX that is FOUND */
	size_t n_records;       /* how many began with v=DMARC1 */
	bool exists; /* the answer was not NXDOMAIN, so domain exists as well (RFC 8020) */
	enum dmarc_state state;
	struct hk_dmarc_record record; /* when FOUND */
	struct {
		struct hk_slice text;
		const char *why;
	} ignored[DMARC_IGNORED_MAX];
	size_t n_ignored;
};

/* The names asked for, in the order of asking. */
struct dmarc_memo {
	struct hk_arena *arena;
	enum hk_dmarc_profile profile;
	struct dmarc_lookup *first, *last;
};

/* What a walk, or the suffix list, found out. */
struct dmarc_walk {
	struct hk_slice start;
	struct hk_slice suffix;                /* RFC 7489: where the public suffix is known */
	struct hk_slice org;                   /* empty when failed */
	const struct dmarc_lookup *own;        /* the lookup at start */
	const struct dmarc_lookup *org_record; /* the record at org, or NULL */
	const struct dmarc_lookup
	    *psd_record; /* the psd=y record that ended the walk above start, or NULL */
	unsigned asked;
	bool failed; /* a name that mattered could not be asked */
};

/* dmarc_walk_next(start, at): the name asked after at (RFC 9989 4.10 steps 4 and 7); empty at the
 * end. */
struct hk_slice dmarc_walk_next(struct hk_slice start, struct hk_slice at);
/* dmarc_walk_ask(m, start): enters every name of the walk that is not there yet. */
enum hk_status dmarc_walk_ask(struct dmarc_memo *, struct hk_slice start);
/* dmarc_walk_run(m, start, ret): AGAIN while an answer that matters is missing. */
enum hk_status dmarc_walk_run(
    const struct dmarc_memo *, struct hk_slice start, struct dmarc_walk *ret);
struct dmarc_lookup *dmarc_memo_find(const struct dmarc_memo *, uint16_t type, struct hk_slice domain);
/* dmarc_memo_enter(m, type, domain): a question of type TXT is for "_dmarc." and domain. */
enum hk_status dmarc_memo_enter(struct dmarc_memo *, uint16_t type, struct hk_slice domain);
/* dmarc_lookup_answer(m, l, answer): keeps the one policy record of the answer, if there is one
 * (4.10 step 2). */
enum hk_status dmarc_lookup_answer(
    struct dmarc_memo *, struct dmarc_lookup *, const struct hk_dns_answer *);

/* The same by RFC 7489. dmarc_suffix_ask(m, domain): asks for its public suffix. _answer keeps it. */
enum hk_status dmarc_suffix_ask(struct dmarc_memo *, struct hk_slice domain);
enum hk_status dmarc_suffix_answer(
    struct dmarc_memo *, struct dmarc_lookup *, const struct hk_dns_answer *);
/* dmarc_suffix_org(m, domain, ret): only start, suffix and org. AGAIN while the list has not answered. */
enum hk_status dmarc_suffix_org(
    const struct dmarc_memo *, struct hk_slice domain, struct dmarc_walk *ret);
/* dmarc_suffix_discover(m, author, ret): policy discovery (6.6.3). Asks for the organizational domain's record where it is needed. */
enum hk_status dmarc_suffix_discover(
    struct dmarc_memo *, struct hk_slice author, struct dmarc_walk *ret);
/* dmarc_next(m, w, at): the name looked at after at, the first being w->start; empty at the end. */
struct hk_slice dmarc_next(const struct dmarc_memo *, const struct dmarc_walk *, struct hk_slice at);

#endif
