/* SPDX-License-Identifier: MIT
 *
 * dkim_internal.h - what verifying and signing share, with lib/arc too.
 *
 *	dkim_signature.c  the DKIM-Signature field as a structure
 *	dkim_key.c        the key record as a structure, and which key fits a signature
 *	dkim_lookup.c     the key questions and their answers
 *	dkim_cache.c      keys that were parsed before
 *	dkim_fold.c       how a signature field is written
 *	dkim_header.c     which fields are hashed, and their digest
 *	dkim_body.c       the body hashes, one walk for all of them
 */
#ifndef HIKYAKU_DKIM_INTERNAL_H
#define HIKYAKU_DKIM_INTERNAL_H

#include <hikyaku/dkim.h>

/* Every outcome of one signature: its result, and the fixed text that people read. RFC 6376 6.1
 * and 3.9, RFC 8301 3, the result names of RFC 8601 2.7.1. */
#define HK_DKIM_REASON_TABLE(X)                                                                    \
	X(OK, PASS, "")                                                                            \
	X(OVER_LIMIT, NEUTRAL, "over the limit")                                                   \
	X(SYNTAX, PERMERROR, "signature syntax error")                                             \
	X(NO_V, PERMERROR, "v= is missing")                                                        \
	X(NO_A, PERMERROR, "a= is missing")                                                        \
	X(NO_B, PERMERROR, "b= is missing")                                                        \
	X(NO_BH, PERMERROR, "bh= is missing")                                                      \
	X(NO_D, PERMERROR, "d= is missing")                                                        \
	X(NO_H, PERMERROR, "h= is missing")                                                        \
	X(NO_S, PERMERROR, "s= is missing")                                                        \
	X(VERSION, PERMERROR, "unknown version in v=")                                             \
	X(ALGORITHM, NEUTRAL, "unknown algorithm in a=")                                           \
	X(SHA1, PERMERROR, "rsa-sha1 is no longer valid")                                          \
	X(CANON, PERMERROR, "unknown canonicalization in c=")                                      \
	X(DOMAIN, PERMERROR, "bad domain in d=")                                                   \
	X(SELECTOR, PERMERROR, "bad selector in s=")                                               \
	X(IDENTITY, PERMERROR, "bad identity in i=")                                               \
	X(IDENTITY_OUTSIDE, PERMERROR, "i= is not within d=")                                      \
	X(HEADERS, PERMERROR, "bad list in h=")                                                    \
	X(HEADERS_LIMIT, POLICY, "too many names in h=")                                           \
	X(NO_FROM, PERMERROR, "From is not signed")                                                \
	X(LENGTH, PERMERROR, "bad length in l=")                                                   \
	X(QUERY, NEUTRAL, "unknown query method in q=")                                            \
	X(TIME, PERMERROR, "bad time in t= or x=")                                                 \
	X(TIME_ORDER, PERMERROR, "x= is not after t=")                                             \
	X(EXPIRED, FAIL, "signature expired")                                                      \
	X(FUTURE, NEUTRAL, "signed in the future")                                                 \
	X(BODY_HASH_TEXT, PERMERROR, "bad body hash in bh=")                                       \
	X(SIGNATURE_TEXT, PERMERROR, "bad signature in b=")                                        \
	X(KEY_NONE, PERMERROR, "no key")                                                           \
	X(KEY_UNAVAILABLE, TEMPERROR, "key unavailable")                                           \
	X(KEY_VERSION, PERMERROR, "not a DKIM1 key record")                                        \
	X(KEY_SYNTAX, PERMERROR, "key syntax error")                                               \
	X(KEY_CUT, PERMERROR, "key cut short")                                                     \
	X(KEY_LONG, POLICY, "key record too long")                                                 \
	X(KEY_SERVICE, PERMERROR, "key is not for mail")                                           \
	X(KEY_HASH, PERMERROR, "key does not allow the hash")                                      \
	X(KEY_REVOKED, PERMERROR, "key revoked")                                                   \
	X(KEY_TYPE, PERMERROR, "key type does not fit a=")                                         \
	X(KEY_SEVERAL, PERMERROR, "several keys")                                                  \
	X(KEY_STRICT, PERMERROR, "key wants i= to equal d=")                                       \
	X(KEY_SHORT, POLICY, "key too short")                                                      \
	X(KEY_SIZE, POLICY, "key size not accepted")                                               \
	X(BODY_SHORT, PERMERROR, "body shorter than l=")                                           \
	X(BODY_HASH, FAIL, "body hash mismatch")                                                   \
	X(SIGNATURE, FAIL, "signature mismatch")                                                   \
	X(CRYPTO, TEMPERROR, "cryptographic library failure")                                      \
	X(BODY_UNSIGNED, FAIL, "l= leaves a part of the body unsigned")                            \
	X(INSTANCE, PERMERROR, "bad instance in i=")                                               \
	X(CV, PERMERROR, "bad chain status in cv=")                                                \
	X(SEAL_HEADERS, PERMERROR, "h= in a seal")

enum hk_dkim_reason {
#define X(id, result, text) HK_DKIM_R_##id,
	HK_DKIM_REASON_TABLE(X)
#undef X
};
struct hk_slice hk_dkim_reason_text(enum hk_dkim_reason);
enum hk_dkim_result hk_dkim_reason_result(enum hk_dkim_reason);

/* ---- the DKIM-Signature field (RFC 6376 3.5) ---------------------------------- */

/* The fields that share this form: ARC-Message-Signature and ARC-Seal (RFC 8617 4.1.2, 4.1.3) have
 * an instance in i=, and no v=. */
enum hk_dkim_field { HK_DKIM_FIELD_DKIM, HK_DKIM_FIELD_ARC, HK_DKIM_FIELD_SEAL };
#define HK_DKIM_MAX_INSTANCE 50 /* RFC 8617 4.2.1 */

struct hk_dkim_signature {
	enum hk_dkim_reason fault; /* OK, or the first thing that is wrong; what could be read is
	                              filled all the same */
	enum hk_sign_alg alg;
	enum hk_canon header_canon, body_canon;
	struct hk_slice a, c, d, s, h; /* as written, FWS trimmed; d lower case */
	struct hk_slice i;             /* FWS removed, still quoted-printable; "@d" where absent */
	struct hk_slice i_domain;      /* lower case */
	struct hk_slice b_text;        /* base64, FWS removed; empty when it is not base64 */
	struct hk_slice b, bh;         /* decoded */
	struct hk_slice
	    b_span;      /* all between "b=" and its ";" in the field: what is blanked (3.7) */
	uint64_t length; /* l= */
	int64_t t, x;
	bool has_length, has_t, has_x;
	unsigned instance;  /* ARC: i=; 0 where unreadable */
	struct hk_slice cv; /* seal: as written */
};
/* hk_dkim_field_parse(a, kind, value, ret): borrows value, the field's body. NOMEM or LIMIT only when
 * the arena is full. */
enum hk_status hk_dkim_field_parse(struct hk_arena *, enum hk_dkim_field kind,
    struct hk_slice value, struct hk_dkim_signature *ret) HK_MUSTCHECK;
/* hk_dkim_signature_parse(a, value, ret): the same for DKIM-Signature. */
enum hk_status hk_dkim_signature_parse(
    struct hk_arena *, struct hk_slice value, struct hk_dkim_signature *ret) HK_MUSTCHECK;
/* hk_dkim_signature_policy(sig, now, allow_sha1): what the options and the clock say about a
 * signature that is well formed. */
enum hk_dkim_reason hk_dkim_signature_policy(
    const struct hk_dkim_signature *, int64_t now, bool allow_sha1);
/* hk_dkim_signature_domain(a, value, ret): only d=, lower case; empty when the list or the domain
 * is malformed. */
enum hk_status hk_dkim_signature_domain(
    struct hk_arena *, struct hk_slice value, struct hk_slice *ret) HK_MUSTCHECK;
/* hk_dkim_is_domain(s): domain-name of 3.5, at least two labels. */
bool hk_dkim_is_domain(struct hk_slice);
enum hk_digest_alg hk_dkim_hash_of(enum hk_sign_alg);
const char *hk_dkim_alg_name(enum hk_sign_alg);

/* ---- the key record (RFC 6376 3.6.1) ------------------------------------------- */

struct hk_dkim_key {
	enum hk_dkim_reason fault; /* the record alone: OK, KEY_SYNTAX, KEY_CUT, KEY_VERSION,
	                              KEY_SERVICE, KEY_REVOKED, KEY_TYPE, KEY_LONG */
	bool is_ed25519;           /* k= */
	bool allows_sha1, allows_sha256; /* h= */
	bool testing, strict;            /* t=y, t=s */
	struct hk_slice k, p;            /* k as written; p decoded */
	size_t stated;                   /* KEY_CUT: octets that p has by its own word */
	struct hk_slice text;            /* the record, copied; cut where it is too long */
	struct hk_public_key *public;    /* made when first used */
	enum hk_dkim_reason public_fault;
	bool public_tried;
	struct hk_dkim_cached *cached; /* the entry that this key is a part of, or NULL */
};
/* hk_dkim_key_parse(a, text, ret): copies. */
enum hk_status hk_dkim_key_parse(
    struct hk_arena *, struct hk_slice text, struct hk_dkim_key *ret) HK_MUSTCHECK;
/* hk_dkim_key_fits(key, alg): OK, or why this key cannot check such a signature (6.1.2). */
enum hk_dkim_reason hk_dkim_key_fits(const struct hk_dkim_key *, enum hk_sign_alg);
/* hk_dkim_key_load(key): OK when key->public is there. */
enum hk_dkim_reason hk_dkim_key_load(struct hk_dkim_key *);

/* hk_dkim_key_check(key, sig, digest, ret): the public key operation; OK, SIGNATURE or CRYPTO.
 * NOMEM. */
enum hk_status hk_dkim_key_check(const struct hk_dkim_key *, const struct hk_dkim_signature *,
    const uint8_t digest[HK_SHA256_SIZE], enum hk_dkim_reason *ret) HK_MUSTCHECK;

/* ---- the cache of keys -------------------------------------------------------------- */

/* hk_dkim_cache_take(c, name, record, now): the key of that record, to be given back; NULL when it is not there. */
struct hk_dkim_key *hk_dkim_cache_take(
    struct hk_dkim_key_cache *, struct hk_slice name, struct hk_slice record, int64_t now);
/* hk_dkim_cache_put(c, name, key, now, ttl): takes over key->public, which was loaded, and gives the key to use in place of
 * key, to be given back; key itself, with nothing changed, when it is not kept. */
struct hk_dkim_key *hk_dkim_cache_put(struct hk_dkim_key_cache *, struct hk_slice name,
    struct hk_dkim_key *key, int64_t now, uint32_t ttl);
void hk_dkim_cache_give_back(struct hk_dkim_key *);

/* ---- the key questions ----------------------------------------------------------- */

/* One key question, shared by all signatures with the same s= and d=. */
struct hk_dkim_lookup {
	struct hk_slice name;
	bool is_answered;
	enum hk_dkim_reason fault; /* OK, KEY_NONE, KEY_UNAVAILABLE or KEY_SEVERAL */
	struct hk_dkim_key **key;  /* each in the arena or in the cache */
	size_t n;
	uint32_t ttl;
	struct hk_dkim_key_cache *cache; /* or NULL */
	int64_t now;
};
/* hk_dkim_lookup_answer(a, lookup, answer): copies. */
enum hk_status hk_dkim_lookup_answer(
    struct hk_arena *, struct hk_dkim_lookup *, const struct hk_dns_answer *) HK_MUSTCHECK;
void hk_dkim_lookup_done(struct hk_dkim_lookup *);

/* All of a message. */
struct hk_dkim_lookups {
	struct hk_arena *arena;
	struct hk_dkim_lookup *at;
	size_t n, room, n_asked;
	struct hk_dkim_key_cache *cache; /* set after init, with the time; or NULL */
	int64_t now;
};
enum hk_status hk_dkim_lookups_init(
    struct hk_dkim_lookups *, struct hk_arena *, size_t room) HK_MUSTCHECK;
void hk_dkim_lookups_done(struct hk_dkim_lookups *);
/* hk_dkim_lookups_want(l, sig, ret): the same one for the same name; NULL where s= and d= make
 * no name. */
enum hk_status hk_dkim_lookups_want(struct hk_dkim_lookups *, const struct hk_dkim_signature *,
    struct hk_dkim_lookup **ret) HK_MUSTCHECK;
bool hk_dkim_lookups_question(struct hk_dkim_lookups *, struct hk_dns_question *ret);
/* hk_dkim_lookups_answer(l, answer): copies. NOTFOUND when nobody asked. */
enum hk_status hk_dkim_lookups_answer(
    struct hk_dkim_lookups *, const struct hk_dns_answer *) HK_MUSTCHECK;
bool hk_dkim_lookups_are_waiting(const struct hk_dkim_lookups *);
/* hk_dkim_lookup_choose(lookup, alg, ret): the one key that fits; *ret is the first record, or
 * NULL, when none or several do. */
enum hk_dkim_reason hk_dkim_lookup_choose(
    struct hk_dkim_lookup *, enum hk_sign_alg, struct hk_dkim_key **ret);
/* hk_dkim_lookup_key(lookup, sig, least_bits, ret): the same, ready to use for this signature; bits
 * are known when it gives OK or KEY_SHORT. */
enum hk_dkim_reason hk_dkim_lookup_key(struct hk_dkim_lookup *, const struct hk_dkim_signature *,
    unsigned least_bits, struct hk_dkim_key **ret);

/* ---- the header hash (RFC 6376 3.7, 5.4.2) --------------------------------------- */

struct hk_dkim_fields {
	const struct hk_header *header;
	uint32_t *sum;  /* of each name in lower case: spares most comparisons */
	uint8_t *taken; /* fields already used by the signature at hand */
};
struct hk_dkim_header_hash {
	enum hk_digest_alg alg;
	enum hk_canon canon;
	struct hk_slice names; /* h= */
	size_t own; /* index of the signature's own field, never selected; header->n for none */
	struct hk_field blanked; /* that field, b= empty */
};
enum hk_status hk_dkim_fields_init(
    struct hk_dkim_fields *, struct hk_arena *, const struct hk_header *) HK_MUSTCHECK;
/* hk_dkim_header_digest(fields, what, out, ret_found): 32 (20) octets into out; how many listed
 * names were found. */
enum hk_status hk_dkim_header_digest(struct hk_dkim_fields *, const struct hk_dkim_header_hash *,
    uint8_t out[HK_SHA256_SIZE], size_t *ret_found) HK_MUSTCHECK;
/* hk_dkim_digest_field(digest, field, canon, is_own): adds one field in canonical form; the
 * signature's own field comes last and without its CRLF (RFC 6376 3.7). NOMEM. */
enum hk_status hk_dkim_digest_field(
    struct hk_digest *, const struct hk_field *, enum hk_canon, bool is_own) HK_MUSTCHECK;
/* hk_dkim_blank(a, field, span, ret): a copy of the field without span. */
enum hk_status hk_dkim_blank(struct hk_arena *, const struct hk_field *, struct hk_slice span,
    struct hk_field *ret) HK_MUSTCHECK;
/* hk_dkim_uncovered(fields, has_length): after hk_dkim_header_digest, the name of a field that a message has once (RFC 5322
 * 3.6) and of which this signature left a copy unsigned, or with l= any Content-Type; empty when there is none. */
struct hk_slice hk_dkim_uncovered(const struct hk_dkim_fields *, bool has_length);
/* hk_dkim_is_field_name(s): field-name of RFC 5322 3.6.8. */
bool hk_dkim_is_field_name(struct hk_slice);

/* ---- the body hashes (RFC 6376 3.4.3, 3.4.4, 3.7) ----------------------------------- */

struct hk_dkim_body_hash {
	enum hk_digest_alg alg;
	enum hk_canon canon;
	bool has_length;
	uint64_t length;
	uint8_t value[HK_SHA256_SIZE];
	size_t n; /* octets of value; 0 before the end */
};
#define HK_DKIM_BODY_STREAMS 4 /* two algorithms over two canonical forms */
/* One digest that all hashes of its kind share: each takes its value where its l= ends. */
struct hk_dkim_body_stream {
	struct hk_digest *digest, *scratch; /* NULL: nobody wants it */
	size_t next, end;                   /* in body->order: hashes that have no value yet */
};
struct hk_dkim_body {
	struct hk_dkim_body_hash *hash; /* distinct ones only */
	size_t *order; /* their indexes: by stream, then by l=, the whole body last */
	size_t n, room;
	struct hk_dkim_body_stream stream[HK_DKIM_BODY_STREAMS];
	struct hk_canon_body canon[2];
	bool is_used[2];
	uint64_t total[2]; /* canonical octets of the whole body, for the canons that are used */
	bool is_ended;
};
enum hk_status hk_dkim_body_init(
    struct hk_dkim_body *, struct hk_arena *, size_t room) HK_MUSTCHECK;
void hk_dkim_body_done(struct hk_dkim_body *);
/* hk_dkim_body_want(body, alg, canon, length or NULL, ret): the index of that hash; the same one
 * for the same wish. */
enum hk_status hk_dkim_body_want(struct hk_dkim_body *, enum hk_digest_alg, enum hk_canon,
    const uint64_t *length, size_t *ret) HK_MUSTCHECK;
void hk_dkim_body_add(struct hk_dkim_body *, struct hk_slice chunk);
void hk_dkim_body_end(struct hk_dkim_body *);
void hk_dkim_body_format(const struct hk_dkim_body *, struct hk_buf *out);
/* hk_dkim_body_replay(body, bytes): takes values and totals in place of a body. VERSION, CORRUPT,
 * NOTFOUND. */
enum hk_status hk_dkim_body_replay(struct hk_dkim_body *, struct hk_slice) HK_MUSTCHECK;

/* hk_dkim_verify_hashes(v): the body hashes of a verifier, so that lib/arc's come out of the same walk;
 * there is room for HK_DKIM_GUEST_HASHES that are not its own. */
#define HK_DKIM_GUEST_HASHES 1 /* only the newest message signature of a chain is checked */
struct hk_dkim_body *hk_dkim_verify_hashes(struct hk_dkim_verify *);

/* ---- writing a signature field ------------------------------------------------------------ */

/* A field that is folded with tabs under 79 columns. */
struct hk_dkim_fold {
	struct hk_buf *out;
	size_t column;
};
void hk_dkim_fold_line(struct hk_dkim_fold *);
void hk_dkim_fold_text(struct hk_dkim_fold *, struct hk_slice);
/* hk_dkim_fold_tag(f, "tag=", value): with ";", on this line if it fits, else on the next. */
void hk_dkim_fold_tag(struct hk_dkim_fold *, const char *tag, struct hk_slice value);
void hk_dkim_fold_number(struct hk_dkim_fold *, const char *tag, int64_t);
void hk_dkim_fold_base64(struct hk_dkim_fold *, const char *tag, struct hk_slice octets);
/* hk_dkim_fold_names(f, list): h=, on a line of its own. */
void hk_dkim_fold_names(struct hk_dkim_fold *, struct hk_slice list);
/* hk_dkim_fold_signature(prefix, signature, out): prefix is the field up to "b=", with a CRLF. */
enum hk_status hk_dkim_fold_signature(
    struct hk_slice prefix, struct hk_slice signature, struct hk_buf *out) HK_MUSTCHECK;
/* hk_dkim_prefix_field(prefix): such a prefix as the field whose b= is empty. */
struct hk_field hk_dkim_prefix_field(struct hk_slice prefix);
/* hk_dkim_list_names(header, list, oversign, out): h= for a list of names in lower case. SYNTAX
 * without From; LIMIT; BUG for a list that is none. */
enum hk_status hk_dkim_list_names(const struct hk_header *, struct hk_slice list, bool oversign,
    struct hk_buf *out) HK_MUSTCHECK;
/* hk_dkim_sign_check(d, s, alg): OK, SYNTAX or BUG for what nothing can be signed with. */
enum hk_status hk_dkim_sign_check(
    struct hk_slice d, struct hk_slice s, enum hk_sign_alg) HK_MUSTCHECK;

#endif
