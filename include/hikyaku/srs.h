/* SPDX-License-Identifier: MIT
 *
 * srs.h - the Sender Rewriting Scheme: a forwarder's own address in MAIL FROM, from which a bounce finds back.
 *
 *	u@a.test                        --forward at f.test-->  SRS0=HHHH=TT=a.test=u@f.test
 *	SRS0=HHHH=TT=a.test=u@f.test    --forward at g.test-->  SRS1=GGGG=f.test==HHHH=TT=a.test=u@g.test
 *
 * and reverse undoes one step. HHHH is a cut HMAC in base64 (with "-" and "_" for "+" and "/"), TT the day modulo 1024
 * in base32. No RFC has it: the format is that of Mail::SRS and libsrs2, and of postsrsd to the byte.
 * Nothing is stored here; see fold.
 */
#ifndef HIKYAKU_SRS_H
#define HIKYAKU_SRS_H

#include <hikyaku/base.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define HK_SRS_HASH_LENGTH   4  /* characters, where the caller says nothing; fewer are never taken */
#define HK_SRS_HASH_MAX      27 /* all that an HMAC-SHA-1 has */
#define HK_SRS_MAX_AGE_DAYS  21 /* where the caller says nothing; a queue gives up long before */
#define HK_SRS_SECRETS_MAX   100
#define HK_SRS_FOLD_KEY_SIZE 32

/* Name, sentence. Only the first two go with an address; all others of reverse deserve a permanent refusal (550). */
#define HK_SRS_RESULT_TABLE(X)                                                          \
	X(OK, "rewritten")                                                              \
	X(FOLDED, "folded: the caller's store has the other half")                      \
	X(LOCAL, "need not rewrite local domain")                                       \
	X(NO_DOMAIN, "no domain")                                                       \
	X(NOT_SRS, "not an SRS address")                                                \
	X(NO_HASH, "no hash in SRS address")                                            \
	X(NO_STAMP, "no time stamp in SRS address")                                     \
	X(NO_HOST, "no host in SRS address")                                            \
	X(NO_USER, "no user in SRS address")                                            \
	X(HASH_SHORT, "hash too short in SRS address")                                  \
	X(HASH_INVALID, "hash invalid in SRS address")                                  \
	X(EXPIRED, "time stamp out of date")                                            \
	X(NO_STORE, "no store for folded addresses")                                    \
	X(TOO_LONG, "the local part would pass 64 octets (RFC 5321 4.5.3.1.1)")         \
	X(ADDRESS, "not an address of RFC 5321 4.1.2")

enum hk_srs_result {
#define X(name, sentence) HK_SRS_##name,
	HK_SRS_RESULT_TABLE(X)
#undef X
};
/* hk_srs_result_text(result): the sentence of the table. */
const char *hk_srs_result_text(enum hk_srs_result);

enum hk_srs_mac {
	HK_SRS_HMAC_SHA1, /* what all others use. Collisions do not touch HMAC; four characters are the weaker part */
	HK_SRS_HMAC_SHA256,
};
/* What to do where the rewritten local part would pass 64 octets, or the path 254: without a store, nothing can be done.
 * With one, the address becomes SRS0=HHHH=TT=1=KEY@f.test: KEY (32 characters) names what the caller keeps. A host "1"
 * cannot be mistaken, no mail domain is called so. */
enum hk_srs_fold {
	HK_SRS_FOLD_NEVER, /* TOO_LONG */
	HK_SRS_FOLD_LONG,  /* only then */
	HK_SRS_FOLD_ALL,   /* every plain address: hides the sender from the next host */
};

/* Zero means the default, but for size; all borrowed. */
struct hk_srs_config {
	size_t size; /* of the struct: base.h */
	const struct hk_slice *secret; /* the first signs, all verify: put a new one in front, drop the old after max_age_days */
	size_t n_secrets;
	struct hk_slice domain;              /* of the rewritten address */
	const struct hk_slice *local_domain; /* further domains that need no rewriting; ".a.test" means all below a.test */
	size_t n_local_domains;
	enum hk_srs_mac mac;
	enum hk_srs_fold fold;
	unsigned hash_length;  /* 4 to 27 */
	unsigned hash_min;     /* the shortest that verifies; default: hash_length */
	unsigned max_age_days; /* up to 1000: the stamp wraps at 1024 */
	char separator;        /* behind SRS0 or SRS1: '=' (default), '+' or '-'; reverse takes all three */
};

struct hk_srs_verdict {
	enum hk_srs_result result;
	struct hk_slice address; /* OK; and FOLDED by forward. Copied into the arena */
	/* FOLDED: forward says under which key the caller must keep what, before the address leaves the house;
	 * reverse says what key to look up (in upper case). */
	struct hk_slice fold_key, fold_address;
};

/* hk_srs_forward(config, address, now, arena, ret): the envelope sender for a message that is sent on. address has no
 * brackets; a quoted local part keeps its quotes, and they go round the new local part when it needs them. Never ask
 * for the null sender: it stays (NO_DOMAIN). now is in seconds since 1970. The result is in *ret;
 * NOMEM, LIMIT (arena), CRYPTO, BUG (config out of its bounds) otherwise. */
enum hk_status hk_srs_forward(const struct hk_srs_config *, struct hk_slice address, int64_t now, struct hk_arena *,
    struct hk_srs_verdict *ret) HK_MUSTCHECK;
/* hk_srs_reverse(config, address, now, arena, ret): where a bounce to address goes. That address is at a domain of ours
 * is the caller's to know. Hashes are compared in constant time, without regard to case, as relays may change it; only
 * then is the stamp looked at: it may be max_age_days old, or of tomorrow (clocks of two forwarders with one secret).
 * An SRS1 address that names our own domain (a message that came by twice) is undone to its end. Same statuses. */
enum hk_status hk_srs_reverse(const struct hk_srs_config *, struct hk_slice address, int64_t now, struct hk_arena *,
    struct hk_srs_verdict *ret) HK_MUSTCHECK;

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
