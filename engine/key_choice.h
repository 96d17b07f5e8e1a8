/* SPDX-License-Identifier: MIT
 *
 * key_choice.h - which keys sign a message: of each domain and algorithm the first whose record is
 * published, since a signature by a key that nobody finds is none.
 */
#ifndef HIKYAKU_ENGINE_KEY_CHOICE_H
#define HIKYAKU_ENGINE_KEY_CHOICE_H

#include <hikyaku/dns.h>

#include "conf/conf.h"

/* What the DNS says of a key; a lookup that failed changes nothing. */
#define HK_KEY_SIGHT_TABLE(X)                                                                      \
	X(UNKNOWN, "not looked up yet") X(FITS, "published") X(ABSENT, "no record is published")   \
	    X(REVOKED, "the record says that it is revoked")                                       \
	    X(DIFFERENT, "the record does not fit the key")
enum hk_key_sight {
#define X(id, text) HK_KEY_##id,
	HK_KEY_SIGHT_TABLE(X)
#undef X
	HK_KEY_SIGHTS
};
const char *hk_key_sight_text(enum hk_key_sight);

/* hk_key_see(a, answer, own, ret, ret_reason): what the TXT records at a key's name say of it; own is
 * its own record (hk_dkim_record_add), empty where there is none to compare with. *ret_reason, a
 * fixed text, says more where it can. UNKNOWN for an answer that is none. */
enum hk_status hk_key_see(struct hk_arena *, const struct hk_dns_answer *, struct hk_slice own,
    enum hk_key_sight *ret, struct hk_slice *ret_reason) HK_MUSTCHECK;

/* One for each key of a configuration. Whoever looks records up writes; deliveries read. */
typedef _Atomic uint8_t hk_key_sights;

/* Signatures of one message: two algorithms, of four domains. Each is a hash of the whole body. */
#define HK_KEY_CHOICES 8
struct hk_key_choice {
	size_t key;               /* index in the configuration */
	enum hk_key_sight sight;  /* of it */
	size_t first;             /* the one that would sign if all were published; mostly the same */
	enum hk_key_sight first_sight;
	bool is_left_out; /* it does not sign: verifiers cannot find it, and another one's signature
	                     can be verified */
};
/* hk_key_choose(conf, sign, algs, sights, ret): how many; in the order in which sign has them. sights
 * NULL: nothing is known. */
size_t hk_key_choose(const struct hk_conf *, const struct hk_conf_sign *,
    const enum hk_sign_alg *algs, const hk_key_sights *sights,
    struct hk_key_choice ret[HK_KEY_CHOICES]);
/* hk_key_is_published(choice, n): one of them can be verified as far as is known. */
bool hk_key_is_published(const struct hk_key_choice *, size_t n);

#endif
