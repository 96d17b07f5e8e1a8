/* SPDX-License-Identifier: MIT
 *
 * srs_internal.h - hashes and stamps (srs_hash.c), addresses (srs_address.c), and the two directions (srs.c).
 */
#ifndef HIKYAKU_LIB_SRS_SRS_INTERNAL_H
#define HIKYAKU_LIB_SRS_SRS_INTERNAL_H

#include <hikyaku/srs.h>

enum {
	SRS_STAMP_SIZE = 2,
	SRS_FOLD_BYTES = 20, /* 160 bits are 32 characters of base32 */
};

/* What one call works with. */
struct srs_job {
	struct hk_srs_config config; /* with the defaults filled in */
	int64_t now;
	struct hk_arena *arena;
	struct hk_srs_verdict verdict;
};

/* The parts that are signed, in the order of their signing; stamp is empty for SRS1. */
struct srs_parts {
	struct hk_slice stamp, host, user;
};

/* hk_srs_hash(job, parts, secret, ret): the HMAC over the parts in lower case, as base64, HK_SRS_HASH_MAX characters. */
enum hk_status hk_srs_hash(const struct srs_job *, const struct srs_parts *, struct hk_slice secret,
    uint8_t ret[HK_SRS_HASH_MAX]) HK_MUSTCHECK;
/* hk_srs_check(job, parts, hash, ret): *ret is OK, HASH_SHORT or HASH_INVALID. */
enum hk_status hk_srs_check(const struct srs_job *, const struct srs_parts *, struct hk_slice hash,
    enum hk_srs_result *ret) HK_MUSTCHECK;
void hk_srs_stamp_make(int64_t now, uint8_t ret[SRS_STAMP_SIZE]);
bool hk_srs_stamp_is_fresh(const struct srs_job *, struct hk_slice stamp);
/* hk_srs_fold_key(job, address, ret): the digest of the address in base32 (RFC 4648 7), without a secret. */
enum hk_status hk_srs_fold_key(const struct srs_job *, struct hk_slice address, uint8_t ret[HK_SRS_FOLD_KEY_SIZE]) HK_MUSTCHECK;
/* hk_srs_fold_key_read(text, ret): in upper case; false: it is no such key. */
bool hk_srs_fold_key_read(struct hk_slice text, uint8_t ret[HK_SRS_FOLD_KEY_SIZE]);

/* An address taken apart. */
struct srs_address {
	struct hk_slice text;
	struct hk_slice local;  /* without quotes and backslashes */
	struct hk_slice domain; /* as written */
};
/* hk_srs_address_read(a, text, ret, why): *why is OK, NO_DOMAIN or ADDRESS, *ret is filled for OK. NOMEM, LIMIT (arena). */
enum hk_status hk_srs_address_read(struct hk_arena *, struct hk_slice text, struct srs_address *ret,
    enum hk_srs_result *why) HK_MUSTCHECK;
/* hk_srs_address_write(a, local, domain, ret, why): quotes local when it must; *why is OK, TOO_LONG or ADDRESS. */
enum hk_status hk_srs_address_write(struct hk_arena *, struct hk_slice local, struct hk_slice domain,
    struct hk_slice *ret, enum hk_srs_result *why) HK_MUSTCHECK;

#endif
