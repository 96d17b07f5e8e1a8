/* SPDX-License-Identifier: MIT
 *
 * dkim.h - RFC 6376 with RFC 8301 and RFC 8463: verify and sign, the body in one pass.
 *
 *	verify: new, header, body*, end, then step/question/answer until OK, then count/result
 *	sign:   new, header, body*, end, then digest (the question), finish (the answer gives the field)
 */
#ifndef HIKYAKU_DKIM_H
#define HIKYAKU_DKIM_H

#include <hikyaku/crypto.h>
#include <hikyaku/dns.h>
#include <hikyaku/message.h>
#include <hikyaku/trace.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define HK_DKIM_MAX_SIGNATURES 10  /* evaluated, author-aligned first; the rest is HK_DKIM_NEUTRAL "over the limit" (RFC 8601 2.7.1) */
#define HK_DKIM_CLOCK_DRIFT    300 /* seconds of tolerance for t= and x= */
#define HK_DKIM_MIN_RSA_BITS   1024 /* RFC 8301 3.2 */
#define HK_DKIM_MAX_HEADERS    512 /* names in one h=, verified or signed */
#define HK_DKIM_MAX_KEY_RECORDS 8  /* TXT records at one selector; more are "several keys" */
#define HK_DKIM_KEY_RECORD_MAX 4096 /* octets of one key record; RSA-4096 needs 740 */

#define HK_DKIM_RESULT_TABLE(X) \
	X(NONE, "none") X(PASS, "pass") X(FAIL, "fail") X(POLICY, "policy") X(NEUTRAL, "neutral") \
	X(TEMPERROR, "temperror") X(PERMERROR, "permerror")
enum hk_dkim_result {
#define X(id, text) HK_DKIM_##id,
	HK_DKIM_RESULT_TABLE(X)
#undef X
};
const char *hk_dkim_result_name(enum hk_dkim_result);

struct hk_dkim_verdict {
	enum hk_dkim_result result;
	struct hk_slice d, s, i, a; /* tags; i is "@d" where it is absent; empty where unreadable; d lower case */
	struct hk_slice b;          /* base64 of b=, FWS removed; header.b is its first 8 characters */
	struct hk_slice reason;     /* for people, a fixed text such as "body hash mismatch"; empty for pass */
	bool body_hash_ok;          /* computed and equal to bh= */
	bool signature_checked;     /* the public key operation was reached */
	bool testing;               /* t=y in the key record */
	bool has_length;            /* l= stood there */
	bool is_over_limit;         /* not evaluated: there are too many */
	bool is_aligned_by_length;  /* false when l= leaves a part of the body, or a Content-Type, unsigned: never aligned by default */
	unsigned key_bits;
	size_t field;               /* index in the header of its DKIM-Signature field */
	struct hk_slice uncovered;  /* the name of a field that must stand once, of which a copy is not signed; empty: none */
	int64_t signed_at;          /* t=; -1 where it is absent: an old signature on a new message may be a replay (8.6) */
};

struct hk_dkim_verify_options {
	size_t size; /* of the struct: base.h */
	int64_t now;                 /* seconds since 1970 */
	struct hk_slice author_domain; /* these signatures first; may be empty */
	unsigned min_rsa_bits;       /* 0: HK_DKIM_MIN_RSA_BITS */
	bool allow_sha1;             /* archived vectors only */
	size_t max_signatures;       /* 0: HK_DKIM_MAX_SIGNATURES */
};

struct hk_dkim_verify;
/* hk_dkim_verify_new(a, options, header, trace): borrows header (which must stay until the verdict); NULL when a is full.
 * Digests are heap objects: hk_dkim_verify_done must be called. */
struct hk_dkim_verify *hk_dkim_verify_new(struct hk_arena *, const struct hk_dkim_verify_options *, const struct hk_header *, struct hk_trace *);
void hk_dkim_verify_done(struct hk_dkim_verify *); /* NULL allowed */
/* any chunks, wire form (CRLF), dot-stuffing removed. */
void hk_dkim_verify_body(struct hk_dkim_verify *, struct hk_slice chunk);
void hk_dkim_verify_end(struct hk_dkim_verify *);
/* key questions may be asked before the body has come: step gives AGAIN while answers or the end are missing. */
enum hk_status hk_dkim_verify_step(struct hk_dkim_verify *) HK_MUSTCHECK;
/* the next question not yet handed out; false when all were. Borrowed from the arena. */
bool hk_dkim_verify_question(struct hk_dkim_verify *, struct hk_dns_question *ret);
/* copies. NOTFOUND when no signature has that question; a second answer changes nothing. */
enum hk_status hk_dkim_verify_answer(struct hk_dkim_verify *, const struct hk_dns_answer *) HK_MUSTCHECK;
/* one verdict for each DKIM-Signature field, in header order (top first). Final after step gave OK. */
size_t hk_dkim_verify_count(const struct hk_dkim_verify *);
const struct hk_dkim_verdict *hk_dkim_verify_result(const struct hk_dkim_verify *, size_t i);

/* The body hashes of a message as values, so that a verdict replays without the body (evidence).
 * hk_dkim_body_hashes_format after end; hk_dkim_verify_replay_body in place of body and end. */
void hk_dkim_body_hashes_format(const struct hk_dkim_verify *, struct hk_buf *out);
/* VERSION for a later form, CORRUPT for damage, NOTFOUND when a hash that is needed is not among them; then nothing was taken. */
enum hk_status hk_dkim_verify_replay_body(struct hk_dkim_verify *, struct hk_slice hashes) HK_MUSTCHECK;

/* ---- signing ------------------------------------------------------------------------- */

struct hk_dkim_sign_options {
	size_t size; /* of the struct: base.h */
	struct hk_slice d, s;
	enum hk_sign_alg alg;
	enum hk_canon header_canon, body_canon; /* relaxed/relaxed is what is used in practice */
	int64_t now;                            /* t=; 0 leaves it out */
	int64_t expire;                         /* x=; 0 leaves it out */
	struct hk_slice headers;                /* "from:subject:..." without oversigning; empty: HK_DKIM_DEFAULT_HEADERS */
	bool no_oversign;                       /* else each present field is listed once more than it occurs, absent ones once */
};
#define HK_DKIM_DEFAULT_HEADERS "from:reply-to:subject:date:message-id:to:cc"

struct hk_dkim_sign;
/* borrows header; NULL when a is full. hk_dkim_sign_done must be called. */
struct hk_dkim_sign *hk_dkim_sign_new(struct hk_arena *, const struct hk_dkim_sign_options *, const struct hk_header *);
void hk_dkim_sign_done(struct hk_dkim_sign *);
void hk_dkim_sign_body(struct hk_dkim_sign *, struct hk_slice chunk);
/* hk_dkim_sign_end(s, ret): the digest to be signed, 32 octets borrowed from the arena. SYNTAX when
 * the message has no From (5.4), or when its header begins with a continuation line. */
enum hk_status hk_dkim_sign_end(struct hk_dkim_sign *, struct hk_slice *ret_digest) HK_MUSTCHECK;
/* hk_dkim_sign_finish(s, signature, out): appends the whole DKIM-Signature field, folded with tabs under 79 columns, with CRLF:
 * v a c d s t [x] h bh b, in that order. */
enum hk_status hk_dkim_sign_finish(struct hk_dkim_sign *, struct hk_slice signature, struct hk_buf *out) HK_MUSTCHECK;

/* ---- publishing ------------------------------------------------------------------------- */

/* hk_dkim_record_add(key, alg, out): the key record (RFC 6376 3.6.1) for key, the text of one TXT record, not yet cut
 * into strings. NULL gives the record of a key of that algorithm that was revoked: p= is empty. */
enum hk_status hk_dkim_record_add(const struct hk_private_key *, enum hk_sign_alg, struct hk_buf *out) HK_MUSTCHECK;
/* hk_dkim_record_fits(a, record, key, ret_reason): OK when verifiers that find this record accept what key signs;
 * NOTFOUND when they do not, and *ret_reason, a fixed text, says why ("key revoked", "another key is published").
 * Any SubjectPublicKeyInfo or PKCS#1 form of the same RSA key fits. */
enum hk_status hk_dkim_record_fits(struct hk_arena *, struct hk_slice record, const struct hk_private_key *,
    struct hk_slice *ret_reason) HK_MUSTCHECK;
#define HK_DKIM_ANOTHER_KEY "another key is published"
/* hk_dkim_record_fits_record(a, record, own, ret_reason): the same for whoever has no private key but its own record,
 * as hk_dkim_record_add made it. SYNTAX when own is not the record of a key. */
enum hk_status hk_dkim_record_fits_record(struct hk_arena *, struct hk_slice record, struct hk_slice own,
    struct hk_slice *ret_reason) HK_MUSTCHECK;

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
