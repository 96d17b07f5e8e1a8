/* SPDX-License-Identifier: MIT
 *
 * dkim.h - RFC 6376 with RFC 8301 and RFC 8463: verify and sign, the body in one pass.
 *
 *	verify: new, header, body*, end, then step/question/answer until OK, then count/result
 *	sign:   new, [also]*, body*, end, then question/answer for each key, fields
 */
#ifndef HIKYAKU_DKIM_H
#define HIKYAKU_DKIM_H

#include <hikyaku/crypto.h>
#include <hikyaku/dns.h>
#include <hikyaku/message.h>
#include <hikyaku/trace.h>
#include <hikyaku/work.h>

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
/* "none", "pass", ...; the words of the table. */
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

/* ---- a cache of public keys, which the caller owns ------------------------------------- */

/* Saves the parsing of key records that come again, not the questions: each record of an answer is looked for by its
 * name and all its octets, so a key that was replaced or revoked in the DNS is never used in place of what is there now.
 * For one thread at a time; give each worker its own. */
struct hk_dkim_key_cache;
struct hk_dkim_key_cache_options {
	size_t size; /* of the struct: base.h */
	size_t max_entries; /* 0: HK_DKIM_CACHE_ENTRIES */
	size_t max_bytes;   /* 0: HK_DKIM_CACHE_BYTES; an entry counts with what OpenSSL keeps for it */
	int64_t longest;    /* seconds that an entry stays, however long its TTL; 0: HK_DKIM_CACHE_LONGEST */
};
#define HK_DKIM_CACHE_ENTRIES 1024
#define HK_DKIM_CACHE_BYTES   (4 * 1024 * 1024) /* 1,024 keys of RSA-2048, at 3.2 KiB, with room for longer records */
#define HK_DKIM_CACHE_LONGEST 86400
/* returns owned; NULL when out of memory, or when options, which may be NULL, do not say their size. */
struct hk_dkim_key_cache *hk_dkim_key_cache_new(const struct hk_dkim_key_cache_options *);
/* No verifier that was given the cache may be left. NULL allowed. */
void hk_dkim_key_cache_free(struct hk_dkim_key_cache *);
/* hk_dkim_key_cache_expire(c, now): drops every entry whose time is over. Never needed: full, the cache makes room itself. */
void hk_dkim_key_cache_expire(struct hk_dkim_key_cache *, int64_t now);
struct hk_dkim_key_cache_counts {
	size_t entries, bytes;
	uint64_t hits, misses; /* records of answers found, and not found */
	uint64_t dropped;      /* for lack of room */
};
const struct hk_dkim_key_cache_counts *hk_dkim_key_cache_counts(const struct hk_dkim_key_cache *);

/* ---- verifying ------------------------------------------------------------------------- */

struct hk_dkim_verify_options {
	size_t size; /* of the struct: base.h */
	int64_t now;                 /* seconds since 1970 */
	struct hk_slice author_domain; /* these signatures first; may be empty */
	unsigned min_rsa_bits;       /* 0: HK_DKIM_MIN_RSA_BITS */
	bool allow_sha1;             /* archived vectors only */
	struct hk_work *work;        /* borrowed until hk_dkim_verify_done; NULL: the usual limits */
	struct hk_dkim_key_cache *keys; /* borrowed until hk_dkim_verify_done; NULL: every key is parsed anew */
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
	struct hk_slice key;                    /* for the question: what the caller knows the private key by; never read here */
};
#define HK_DKIM_DEFAULT_HEADERS "from:reply-to:subject:date:message-id:to:cc"
#define HK_DKIM_MAX_SIGNERS     8 /* keys for one message: two algorithms, and old and new keys of a few domains */

struct hk_dkim_sign;
/* borrows header; NULL when a is full, or with BUG in a->failed for options that say no size or no form of c=.
 * hk_dkim_sign_done must be called. */
struct hk_dkim_sign *hk_dkim_sign_new(struct hk_arena *, const struct hk_dkim_sign_options *, const struct hk_header *);
void hk_dkim_sign_done(struct hk_dkim_sign *);
/* hk_dkim_sign_also(s, options): one more key, before the first piece of the body, which is hashed once for all keys that
 * want the same form of it. BUG later than that and as for new, LIMIT past HK_DKIM_MAX_SIGNERS; NOMEM. */
enum hk_status hk_dkim_sign_also(struct hk_dkim_sign *, const struct hk_dkim_sign_options *) HK_MUSTCHECK;
void hk_dkim_sign_body(struct hk_dkim_sign *, struct hk_slice chunk);
/* hk_dkim_sign_end(s, ret): *ret, which may be NULL, is the digest of the first key's question. SYNTAX when the message has
 * no From (5.4), or when its header begins with a continuation line; when it is not OK for one key it is so for none. */
enum hk_status hk_dkim_sign_end(struct hk_dkim_sign *, struct hk_slice *ret_digest) HK_MUSTCHECK;

/* What the holder of a private key is asked: here, in another process, in an HSM. */
struct hk_dkim_sign_question {
	size_t id;              /* for the answer: 0 for the key of new, then in the order of also */
	struct hk_slice key;    /* of the options */
	enum hk_sign_alg alg;
	struct hk_slice digest; /* 32 octets: SHA-256 (Ed25519 signs these octets, RFC 8463 3) */
};
/* the next question not yet handed out, after end; NULL when all were. Borrowed from the arena. */
const struct hk_dkim_sign_question *hk_dkim_sign_question(struct hk_dkim_sign *);
/* hk_dkim_sign_answer(s, id, signature): copies; in any order. Empty: the holder does not sign, and there will be no field
 * of that key. BUG for an id that is none or was answered, and for more than HK_SIGNATURE_MAX octets. */
enum hk_status hk_dkim_sign_answer(struct hk_dkim_sign *, size_t id, struct hk_slice signature) HK_MUSTCHECK;
/* hk_dkim_sign_fields(s, out): appends the DKIM-Signature fields, that of the key of new on top, each folded with tabs under
 * 79 columns, with CRLF: v a c d s t [x] h bh b, in that order. AGAIN while an answer is missing; NOTFOUND, and nothing,
 * when every holder declined. */
enum hk_status hk_dkim_sign_fields(const struct hk_dkim_sign *, struct hk_buf *out) HK_MUSTCHECK;
/* hk_dkim_sign_finish(s, signature, out): answer and fields for the one who has one key. */
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
