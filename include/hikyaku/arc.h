/* SPDX-License-Identifier: MIT
 *
 * arc.h - the Authenticated Received Chain (RFC 8617): validate it, and add a set to it.
 *
 * Historic: ARC is being retired; nothing in this library asks for it on its own, and a chain never
 * turns a DMARC fail into a pass. It is here for mail that has it, and for peers that want it.
 *
 *	validate: new, body*, end, then step/question/answer until OK, then result
 *	seal:     new, body*, end, then question/answer until there is none, then finish
 */
#ifndef HIKYAKU_ARC_H
#define HIKYAKU_ARC_H

#include <hikyaku/crypto.h>
#include <hikyaku/dns.h>
#include <hikyaku/message.h>
#include <hikyaku/trace.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define HK_ARC_MAX_SETS 50 /* RFC 8617 4.2.1 */

/* X(id, word of cv=) */
#define HK_ARC_RESULT_TABLE(X) X(NONE, "none") X(PASS, "pass") X(FAIL, "fail")
enum hk_arc_result {
#define X(id, text) HK_ARC_##id,
	HK_ARC_RESULT_TABLE(X)
#undef X
};
const char *hk_arc_result_name(enum hk_arc_result);

/* One set, as it stands in the message. */
struct hk_arc_set {
	unsigned instance;
	struct hk_slice d, s;                 /* of the seal; d lower case */
	struct hk_slice message_d, message_s; /* of the message signature */
	struct hk_slice cv;                   /* as the seal has it */
	bool seal_checked, seal_ok;           /* the seals are checked from the newest on, to the first that fails */
	bool message_checked, message_ok;     /* only the newest message signature is checked (5.2 step 4) */
	size_t seal, message, results;        /* indices of the fields */
};

struct hk_arc_verdict {
	enum hk_arc_result cv;
	struct hk_slice reason;       /* for people; empty for pass */
	const struct hk_arc_set *const *set; /* oldest first; none when the structure is broken */
	size_t n;
	unsigned highest;             /* the greatest instance met, at most HK_ARC_MAX_SETS; also in a broken chain */
	bool is_ended;                /* the newest seal says cv=fail: no set is added to such a chain */
	bool is_temporary;            /* the chain failed only since a key could not be had (5.2.2 says fail) */
	bool is_trusted;              /* it passed, and each of its sealers is in the list of trusted ones */
};

struct hk_arc_validate_options {
	size_t size; /* of the struct: base.h */
	int64_t now;                    /* seconds since 1970 */
	unsigned min_rsa_bits;          /* 0: HK_DKIM_MIN_RSA_BITS; for archived vectors */
	struct hk_slice trusted_sealers; /* domains, each exact, separated by ","; empty: nobody is trusted */
	struct hk_work *work;           /* borrowed until hk_arc_validate_done; NULL: the usual limits */
	struct hk_dkim_key_cache *keys; /* borrowed until hk_arc_validate_done; NULL: every key is parsed anew */
};

struct hk_arc_validate;
/* hk_arc_validate_new(a, options, header, trace): borrows header and options->trusted_sealers, until the verdict; NULL when a is full.
 * A chain whose structure is broken asks nothing and hashes nothing. hk_arc_validate_done must be called. */
struct hk_arc_validate *hk_arc_validate_new(struct hk_arena *, const struct hk_arc_validate_options *, const struct hk_header *,
    struct hk_trace *);
void hk_arc_validate_done(struct hk_arc_validate *); /* NULL allowed */
/* any chunks, wire form, dot-stuffing removed. */
void hk_arc_validate_body(struct hk_arc_validate *, struct hk_slice chunk);
void hk_arc_validate_end(struct hk_arc_validate *);
/* AGAIN while answers or the end are missing. */
enum hk_status hk_arc_validate_step(struct hk_arc_validate *) HK_MUSTCHECK;
/* the next question not yet handed out; false when all were. Borrowed from the arena. */
bool hk_arc_validate_question(struct hk_arc_validate *, struct hk_dns_question *ret);
/* copies. NOTFOUND when it was not asked. */
enum hk_status hk_arc_validate_answer(struct hk_arc_validate *, const struct hk_dns_answer *) HK_MUSTCHECK;
/* Final after step gave OK. */
const struct hk_arc_verdict *hk_arc_validate_result(const struct hk_arc_validate *);

/* ---- sealing ---------------------------------------------------------------------------- */

struct hk_arc_seal_options {
	size_t size; /* of the struct: base.h */
	struct hk_slice d, s;
	enum hk_sign_alg alg;
	struct hk_slice authserv_id; /* who says what the ARC-Authentication-Results say */
	struct hk_slice results;     /* what follows the authserv-id and its ";" in our Authentication-Results, folded or
	                              * not; empty: "arc=" and the status of the chain */
	struct hk_slice headers;     /* "from:subject:..." without oversigning; empty: HK_ARC_DEFAULT_HEADERS */
	int64_t now;                 /* t=; 0 leaves it out */
};
#define HK_ARC_DEFAULT_HEADERS \
	"from:reply-to:subject:date:message-id:to:cc:mime-version:content-type:dkim-signature"

struct hk_arc_seal;
/* hk_arc_seal_new(a, options, header, chain): chain is the verdict on this message before we changed it; where that was
 * fail, the seal says so and covers its own set only (5.1.2). Borrows header and chain until finish. NULL when a is full.
 * hk_arc_seal_done must be called. */
struct hk_arc_seal *hk_arc_seal_new(struct hk_arena *, const struct hk_arc_seal_options *, const struct hk_header *,
    const struct hk_arc_verdict *chain);
void hk_arc_seal_done(struct hk_arc_seal *); /* NULL allowed */
void hk_arc_seal_body(struct hk_arc_seal *, struct hk_slice chunk);
/* END when the chain was ended by cv=fail, LIMIT when it has 50 sets: then nothing may be added. SYNTAX for an unusable
 * domain, selector, authserv-id, result text or header list, and for a message without From or which begins with a continuation line. */
enum hk_status hk_arc_seal_end(struct hk_arc_seal *) HK_MUSTCHECK;
/* The digest to be signed next, 32 octets borrowed from the arena: first the message signature's, after its answer the
 * seal's. false when there is none. */
bool hk_arc_seal_question(struct hk_arc_seal *, struct hk_slice *ret_digest);
enum hk_status hk_arc_seal_answer(struct hk_arc_seal *, struct hk_slice signature) HK_MUSTCHECK;
/* hk_arc_seal_finish(s, out): the three fields with CRLF, the seal on top; they go above the header. AGAIN while an answer is
 * missing. */
enum hk_status hk_arc_seal_finish(struct hk_arc_seal *, struct hk_buf *out) HK_MUSTCHECK;

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
