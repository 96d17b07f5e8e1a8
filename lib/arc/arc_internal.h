/* SPDX-License-Identifier: MIT
 *
 * arc_internal.h - what validating and sealing share.
 *
 *	arc_chain.c     the sets of a message, and whether their structure is sound
 *	arc_digest.c    what a seal covers
 *	arc_validate.c  keys, signatures, the verdict
 *	arc_seal.c      a new set
 */
#ifndef HIKYAKU_ARC_INTERNAL_H
#define HIKYAKU_ARC_INTERNAL_H

#include <hikyaku/arc.h>

#include "lib/dkim/dkim_internal.h"

enum hk_arc_kind { HK_ARC_RESULTS, HK_ARC_MESSAGE, HK_ARC_SEAL, HK_ARC_KINDS };

/* One set; fields are indices, header->n where there is none. */
struct hk_arc_fields {
	size_t at[HK_ARC_KINDS];
	struct hk_dkim_signature message, seal;
};
struct hk_arc_chain {
	const struct hk_header *header;
	struct hk_arc_fields *set; /* set[0] is i=1 */
	size_t n;                  /* 0 when there is no chain, or a broken one */
	unsigned highest;          /* clipped to HK_ARC_MAX_SETS */
	bool any;                  /* there is a field of ARC */
	bool is_ended;             /* the newest seal says cv=fail */
	const char *fault;         /* NULL: the structure is sound */
	unsigned fault_instance;   /* where it is, 0 where it cannot be said */
};
/* hk_arc_chain_read(a, header, ret): steps 1 to 3 of RFC 8617 5.2. */
enum hk_status hk_arc_chain_read(
    struct hk_arena *, const struct hk_header *, struct hk_arc_chain *ret) HK_MUSTCHECK;
/* hk_arc_results_instance(value): i= of ARC-Authentication-Results; 0 where unreadable. */
unsigned hk_arc_results_instance(struct hk_slice value);
/* hk_arc_results_payload(value): what such a field says, in the form of Authentication-Results; empty
 * where unreadable. */
struct hk_slice hk_arc_results_payload(struct hk_slice value);

/* hk_arc_validate_beside(a, options, header, trace, body): a validator whose body hash is one of body,
 * which the caller feeds and ends; NULL: its own. */
struct hk_arc_validate *hk_arc_validate_beside(struct hk_arena *,
    const struct hk_arc_validate_options *, const struct hk_header *, struct hk_trace *,
    struct hk_dkim_body *);
/* hk_arc_validate_hashes(v): where its body hash is. */
struct hk_dkim_body *hk_arc_validate_hashes(struct hk_arc_validate *);

/* hk_arc_digest_sets(digest, chain, n): adds the first n sets in canonical form (RFC 8617 5.1.1). */
enum hk_status hk_arc_digest_sets(
    struct hk_digest *, const struct hk_arc_chain *, size_t n) HK_MUSTCHECK;
/* hk_arc_digest_last(digest, results, message, seal, out): adds the set that is sealed and ends. */
enum hk_status hk_arc_digest_last(struct hk_digest *, const struct hk_field *results,
    const struct hk_field *message, const struct hk_field *seal,
    uint8_t out[HK_SHA256_SIZE]) HK_MUSTCHECK;

#endif
