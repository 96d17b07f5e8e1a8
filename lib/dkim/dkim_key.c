/* SPDX-License-Identifier: MIT
 *
 * Key records (RFC 6376 3.6.1).
 */
#include <hikyaku/tags.h>

#include "dkim_internal.h"

static bool list_has(struct hk_slice list, const char *word)
{
	struct hk_slice item;

	while (hk_tags_item(&list, ':', &item))
		if (hk_slice_eq(item, hk_slice_str(word)))
			return true;
	return false;
}

/* h=, k=, s=, t=: all optional, unknown elements ignored. */
static enum hk_dkim_reason read_lists(const struct hk_tags *tags, struct hk_dkim_key *key)
{
	struct hk_slice v;

	key->allows_sha1 = key->allows_sha256 = true;
	if (hk_tags_get(tags, "h", &v)) {
		key->allows_sha1 = list_has(v, "sha1");
		key->allows_sha256 = list_has(v, "sha256");
	}
	if (hk_tags_get(tags, "t", &v)) {
		key->testing = list_has(v, "y");
		key->strict = list_has(v, "s");
	}
	key->k = HK_S("rsa");
	if (hk_tags_get(tags, "k", &v))
		key->k = v;
	key->is_ed25519 = hk_slice_eq(key->k, HK_S("ed25519")); /* RFC 8463 4 */
	if (hk_tags_get(tags, "s", &v) && !list_has(v, "*") && !list_has(v, "email"))
		return HK_DKIM_R_KEY_SERVICE;
	if (!key->is_ed25519 && !hk_slice_eq(key->k, HK_S("rsa")))
		return HK_DKIM_R_KEY_TYPE;
	return HK_DKIM_R_OK;
}

/* Somebody took one of the strings of a long TXT record for all of it, or a form cut it off: then the key says a length
 * that it does not have. */
static enum hk_status look_for_cut(struct hk_arena *a, struct hk_slice written, struct hk_dkim_key *key)
{
	struct hk_slice text;
	enum hk_status status = hk_tags_strip_fws(a, written, &text);

	if (status != HK_OK)
		return status;
	status = hk_base64_parse(a, hk_slice_sub(text, 0, text.n - text.n % 4), &text);
	if (status != HK_OK)
		return status == HK_SYNTAX ? HK_OK : status;
	key->stated = hk_public_key_rsa_stated(text);
	if (key->stated > text.n && !key->is_ed25519) {
		key->fault = HK_DKIM_R_KEY_CUT;
		key->p = text;
	}
	return HK_OK;
}

/* p= is required; empty, the key is revoked. */
static enum hk_status read_p(
    struct hk_arena *a, const struct hk_tags *tags, struct hk_dkim_key *key)
{
	struct hk_slice v;
	enum hk_status status;

	if (!hk_tags_get(tags, "p", &v)) {
		key->fault = HK_DKIM_R_KEY_SYNTAX;
		return HK_OK;
	}
	if (v.n == 0) {
		key->fault = HK_DKIM_R_KEY_REVOKED;
		return HK_OK;
	}
	status = hk_base64_parse(a, v, &key->p);
	if (status == HK_SYNTAX)
		key->fault = HK_DKIM_R_KEY_SYNTAX;
	return status == HK_OK || status == HK_SYNTAX ? look_for_cut(a, v, key) : status;
}

enum hk_status hk_dkim_key_parse(struct hk_arena *a, struct hk_slice text, struct hk_dkim_key *ret)
{
	struct hk_dkim_key key = {0};
	struct hk_tags tags;
	enum hk_status status =
	    hk_arena_dup(a, hk_slice_sub(text, 0, HK_DKIM_KEY_RECORD_MAX), &key.text);
	struct hk_slice v;

	if (status != HK_OK)
		return status;
	if (text.n > HK_DKIM_KEY_RECORD_MAX)
		key.fault = HK_DKIM_R_KEY_LONG;
	else if (hk_tags_parse(key.text, HK_TAGS_STRICT, &tags) != HK_OK)
		key.fault = HK_DKIM_R_KEY_SYNTAX;
	else if (hk_tags_get(&tags, "v", &v) &&
	         (!hk_slice_eq(tags.tag[0].name, HK_S("v")) || !hk_slice_eq(v, HK_S("DKIM1"))))
		key.fault = HK_DKIM_R_KEY_VERSION; /* 3.6.1: if present, v= is first and DKIM1, or
		                                      the record is discarded */
	if (key.fault == HK_DKIM_R_OK) {
		enum hk_dkim_reason lists = read_lists(&tags, &key);

		status = read_p(a, &tags, &key);
		if (key.fault == HK_DKIM_R_OK)
			key.fault = lists;
	}
	if (status == HK_OK)
		*ret = key;
	return status;
}

enum hk_dkim_reason hk_dkim_key_fits(const struct hk_dkim_key *key, enum hk_sign_alg alg)
{
	if (key->fault != HK_DKIM_R_OK)
		return key->fault;
	if (!(hk_dkim_hash_of(alg) == HK_DIGEST_SHA1 ? key->allows_sha1 : key->allows_sha256))
		return HK_DKIM_R_KEY_HASH;
	if (key->is_ed25519 != (alg == HK_SIGN_ED25519_SHA256))
		return HK_DKIM_R_KEY_TYPE;
	return HK_DKIM_R_OK;
}

enum hk_dkim_reason hk_dkim_key_load(struct hk_dkim_key *key)
{
	enum hk_status status;

	if (key->public_tried)
		return key->public_fault;
	key->public_tried = true;
	status = key->is_ed25519 ? hk_public_key_ed25519(key->p, &key->public)
	                         : hk_public_key_rsa(key->p, &key->public);
	if (status == HK_SYNTAX)
		key->public_fault = HK_DKIM_R_KEY_SYNTAX;
	else if (status == HK_LIMIT)
		key->public_fault = HK_DKIM_R_KEY_SIZE;
	else if (status != HK_OK)
		key->public_fault = HK_DKIM_R_CRYPTO;
	return key->public_fault;
}

enum hk_status hk_dkim_key_check(const struct hk_dkim_key *key,
    const struct hk_dkim_signature *sig, const uint8_t digest[HK_SHA256_SIZE],
    enum hk_dkim_reason *ret)
{
	size_t n = hk_dkim_hash_of(sig->alg) == HK_DIGEST_SHA1 ? 20 : HK_SHA256_SIZE;
	enum hk_status status =
	    hk_verify_digest(key->public, sig->alg, hk_slice_of(digest, n), sig->b);

	if (status == HK_NOMEM)
		return status;
	*ret = status == HK_OK         ? HK_DKIM_R_OK
	       : status == HK_NOTFOUND ? HK_DKIM_R_SIGNATURE
	                               : HK_DKIM_R_CRYPTO;
	return HK_OK;
}
