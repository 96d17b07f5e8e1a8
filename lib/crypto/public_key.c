/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include "lib/crypto/crypto_internal.h"

struct hk_public_key {
	EVP_PKEY *pkey;
	EVP_PKEY_CTX *ready; /* RSA: the public operation */
	unsigned bits;
	bool is_rsa;
	uint8_t modulus[HK_RSA_BITS_MAX / 8]; /* RSA, big-endian, (bits + 7) / 8 octets */
};

/* ---- DER (X.690), as far as an RSA key needs it ------------------------------ */

enum { TAG_INTEGER = 0x02, TAG_BIT_STRING = 0x03, TAG_SEQUENCE = 0x30 };

/* AlgorithmIdentifier content: rsaEncryption 1.2.840.113549.1.1.1, then NULL (RFC 3279 2.3.1) */
static const uint8_t rsa_encryption[] = {
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
enum { RSA_ENCRYPTION_WITHOUT_NULL = sizeof rsa_encryption - 2 };

/* A definite length in its shortest form (X.690 10.1); two length octets are more than any key here
 * needs. */
static size_t take_length(struct hk_cursor *c)
{
	size_t n = hk_cursor_u8(c);

	if (n < 0x80)
		return n;
	if (n == 0x81) {
		n = hk_cursor_u8(c);
		if (n < 0x80)
			c->failed = true;
		return n;
	}
	if (n != 0x82) {
		c->failed = true;
		return 0;
	}
	n = hk_cursor_u16(c);
	if (n < 0x100)
		c->failed = true;
	return n;
}

static struct hk_slice take_element(struct hk_cursor *c, uint8_t tag)
{
	if (hk_cursor_u8(c) != tag)
		c->failed = true;
	return hk_cursor_take(c, take_length(c));
}

/* A positive INTEGER in its shortest form, without the zero octet that keeps it positive. */
static struct hk_slice take_positive(struct hk_cursor *c)
{
	struct hk_slice s = take_element(c, TAG_INTEGER);

	if (s.n == 0 || s.p[0] >= 0x80) {
		c->failed = true;
	} else if (s.p[0] == 0) {
		/* zero itself is not positive either */
		if (s.n == 1 || s.p[1] < 0x80)
			c->failed = true;
		s = hk_slice_from(s, 1);
	}
	return s;
}

size_t hk_public_key_rsa_stated(struct hk_slice der)
{
	struct hk_cursor c = hk_cursor_of(der);
	bool is_sequence = hk_cursor_u8(&c) == TAG_SEQUENCE;
	size_t n = take_length(&c);

	return is_sequence && !c.failed ? der.n - c.rest.n + n : 0;
}

/* RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER } (RFC 8017 A.1.1) */
static bool parse_pkcs1(struct hk_slice der, struct hk_slice *n, struct hk_slice *e)
{
	struct hk_cursor outer = hk_cursor_of(der);
	struct hk_cursor inner = hk_cursor_of(take_element(&outer, TAG_SEQUENCE));

	*n = take_positive(&inner);
	*e = take_positive(&inner);
	return !outer.failed && !inner.failed && outer.rest.n == 0 && inner.rest.n == 0;
}

/* SubjectPublicKeyInfo ::= SEQUENCE { AlgorithmIdentifier, BIT STRING } (RFC 5280 4.1); gives what
 * the bits hold. */
static bool parse_spki(struct hk_slice der, struct hk_slice *ret)
{
	struct hk_cursor outer = hk_cursor_of(der);
	struct hk_cursor inner = hk_cursor_of(take_element(&outer, TAG_SEQUENCE));
	struct hk_slice algorithm = take_element(&inner, TAG_SEQUENCE);
	struct hk_slice bits = take_element(&inner, TAG_BIT_STRING);

	if (outer.failed || inner.failed || outer.rest.n || inner.rest.n)
		return false;
	if (algorithm.n != sizeof rsa_encryption && algorithm.n != RSA_ENCRYPTION_WITHOUT_NULL)
		return false;
	/* the first octet counts unused bits: a key is whole octets */
	if (memcmp(algorithm.p, rsa_encryption, algorithm.n) != 0 || bits.n == 0 || bits.p[0] != 0)
		return false;
	*ret = hk_slice_from(bits, 1);
	return true;
}

static unsigned count_bits(struct hk_slice s)
{
	unsigned lead = s.n ? s.p[0] : 0, bits = 0;

	for (; lead; lead >>= 1)
		bits++;
	return s.n ? (unsigned)(s.n - 1) * 8 + bits : 0;
}

/* ---- keys ---------------------------------------------------------------------- */

/* RSAVP1 of RFC 8017 5.2.2: a signature to the power of the exponent, and nothing read into what
 * comes out. To set it up takes a fifth of a verification, so a key keeps it, and each verification
 * works on a copy of it, which several threads may take at the same time. */
static EVP_PKEY_CTX *rsa_ready(EVP_PKEY *pkey)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);

	if (ctx && EVP_PKEY_encrypt_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1)
		return ctx;
	EVP_PKEY_CTX_free(ctx);
	return NULL;
}

static struct hk_public_key *wrap(EVP_PKEY *pkey, unsigned bits, bool is_rsa)
{
	struct hk_public_key *key = pkey ? malloc(sizeof *key) : NULL;

	if (!key) {
		EVP_PKEY_free(pkey);
		return NULL;
	}
	*key = (struct hk_public_key){.pkey = pkey, .bits = bits, .is_rsa = is_rsa};
	if (is_rsa)
		key->ready = rsa_ready(pkey);
	if (is_rsa && !key->ready) {
		hk_public_key_free(key);
		return NULL;
	}
	return key;
}

static EVP_PKEY *pkey_of_params(OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *pkey = NULL;

	if (ctx && EVP_PKEY_fromdata_init(ctx) == 1 &&
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

/* The order of octets that OSSL_PARAM wants is the machine's own. */
static OSSL_PARAM number_param(const char *name, struct hk_slice big_endian, uint8_t *out)
{
	size_t i;

	for (i = 0; i < big_endian.n; i++)
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		out[i] = big_endian.p[i];
#else
		out[i] = big_endian.p[big_endian.n - 1 - i];
#endif
	return OSSL_PARAM_construct_BN(name, out, big_endian.n);
}

static EVP_PKEY *make_rsa(struct hk_slice modulus, struct hk_slice exponent)
{
	uint8_t n[HK_RSA_BITS_MAX / 8], e[4]; /* at most 32 bits */
	OSSL_PARAM params[3] = {number_param(OSSL_PKEY_PARAM_RSA_N, modulus, n),
	    number_param(OSSL_PKEY_PARAM_RSA_E, exponent, e), OSSL_PARAM_construct_end()};

	return pkey_of_params(params);
}

enum hk_status hk_public_key_rsa(struct hk_slice der, struct hk_public_key **ret)
{
	struct hk_slice n, e, inner = {0};
	struct hk_public_key *key;

	if (!parse_pkcs1(parse_spki(der, &inner) ? inner : der, &n, &e))
		return HK_SYNTAX;
	if (count_bits(n) < HK_RSA_PUBLIC_BITS_MIN || count_bits(n) > HK_RSA_BITS_MAX)
		return HK_LIMIT;
	/* An even modulus is no product of odd primes; with an exponent of 1 anyone can write a
	 * signature, and one of more than 32 bits, which no key generator makes, costs as much as
	 * its owner likes. */
	if ((n.p[n.n - 1] & 1) == 0 || (e.p[e.n - 1] & 1) == 0 || count_bits(e) < 2 ||
	    count_bits(e) > 32)
		return HK_SYNTAX;
	ERR_set_mark();
	key = wrap(make_rsa(n, e), count_bits(n), true);
	ERR_pop_to_mark();
	if (!key)
		return HK_NOMEM;
	memcpy(key->modulus, n.p, n.n);
	*ret = key;
	return HK_OK;
}

/* The points whose order divides 8, by their y (RFC 8032 5.1.2), the unreduced forms of 0 and 1 as
 * well. Under such a key a signature that is made without any secret fits any message. */
static bool is_small_order(const uint8_t raw[HK_ED25519_KEY_SIZE])
{
	static const uint8_t order_8[2][HK_ED25519_KEY_SIZE] = {
	    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef,
	        0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88,
	        0x6d, 0x53, 0xfc, 0x05},
	    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10,
	        0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77,
	        0x92, 0xac, 0x03, 0x7a}};
	uint8_t y[HK_ED25519_KEY_SIZE];
	size_t i, last = HK_ED25519_KEY_SIZE - 1;

	memcpy(y, raw, sizeof y);
	y[last] &= 0x7f; /* the sign of x */
	if (memcmp(y, order_8[0], sizeof y) == 0 || memcmp(y, order_8[1], sizeof y) == 0)
		return true;
	for (i = 1; i < last && y[i] == y[1]; i++)
		;
	if (i < last)
		return false;
	/* 0 and 1; then p - 1, p and p + 1, where p = 2^255 - 19 */
	return (y[0] <= 1 && y[1] == 0 && y[last] == 0) ||
	       (y[0] >= 0xec && y[0] <= 0xee && y[1] == 0xff && y[last] == 0x7f);
}

enum hk_status hk_public_key_ed25519(struct hk_slice raw, struct hk_public_key **ret)
{
	struct hk_public_key *key;

	if (raw.n != HK_ED25519_KEY_SIZE || is_small_order(raw.p))
		return HK_SYNTAX;
	ERR_set_mark();
	key = wrap(EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, raw.p, raw.n),
	    HK_ED25519_KEY_SIZE * 8, false);
	ERR_pop_to_mark();
	if (!key)
		return HK_NOMEM;
	*ret = key;
	return HK_OK;
}

void hk_public_key_free(struct hk_public_key *key)
{
	if (!key)
		return;
	EVP_PKEY_CTX_free(key->ready);
	EVP_PKEY_free(key->pkey);
	free(key);
}

unsigned hk_public_key_bits(const struct hk_public_key *key)
{
	return key->bits;
}

/* ---- verifying ------------------------------------------------------------------- */

/* OpenSSL's own verification says 0, "bad", also when it is out of memory, which would make a
 * forgery of an honest signature. The functions below say 1 good, 0 bad, -1 when the library
 * failed, and mean it. */

/* DigestInfo without its digest (RFC 8017 9.2 note 1) */
static const uint8_t info_sha256[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
    0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
static const uint8_t info_sha1[] = {
    0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14};

/* EMSA-PKCS1-v1_5 of RFC 8017 9.2: 00 01 FF.. 00 DigestInfo; false when it does not fit into n
 * octets. */
static bool encode(enum hk_digest_alg hash, struct hk_slice digest, uint8_t *out, size_t n)
{
	struct hk_slice info = hash == HK_DIGEST_SHA1
	                           ? hk_slice_of(info_sha1, sizeof info_sha1)
	                           : hk_slice_of(info_sha256, sizeof info_sha256);
	size_t fill;

	if (n < info.n + digest.n + 11)
		return false;
	fill = n - info.n - digest.n - 3;
	out[0] = 0;
	out[1] = 1;
	memset(out + 2, 0xff, fill);
	out[2 + fill] = 0;
	memcpy(out + 3 + fill, info.p, info.n);
	memcpy(out + 3 + fill + info.n, digest.p, digest.n);
	return true;
}

/* RFC 8017 8.2.2: the whole block is compared, so no other padding and no other DigestInfo passes.
 */
static int verify_rsa(const struct hk_public_key *key, enum hk_digest_alg hash,
    struct hk_slice digest, struct hk_slice signature)
{
	uint8_t want[sizeof key->modulus], got[sizeof key->modulus];
	size_t n = sizeof got;
	EVP_PKEY_CTX *ctx;
	int result = -1;

	/* 5.2.2 step 1: a signature that is no number under the modulus is invalid */
	if (memcmp(signature.p, key->modulus, signature.n) >= 0 ||
	    !encode(hash, digest, want, signature.n))
		return 0;
	ctx = EVP_PKEY_CTX_dup(key->ready);
	if (ctx && EVP_PKEY_encrypt(ctx, got, &n, signature.p, signature.n) == 1 &&
	    n == signature.n)
		result = memcmp(got, want, n) == 0;
	EVP_PKEY_CTX_free(ctx);
	return result;
}

static int verify_ed25519_once(EVP_PKEY *pkey, struct hk_slice digest, struct hk_slice signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int result = -1;

	if (ctx && EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, pkey, NULL) == 1)
		result = EVP_DigestVerify(ctx, signature.p, signature.n, digest.p, digest.n);
	EVP_MD_CTX_free(ctx);
	return result;
}

/* A signature that is good (RFC 8032 7.1, TEST 1, of the empty message): what OpenSSL says of it is
 * said of the machine. */
static bool ed25519_works(void)
{
	static const uint8_t public[HK_ED25519_KEY_SIZE] = {0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1,
	    0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3,
	    0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a};
	static const uint8_t signature[HK_ED25519_SIG_SIZE] = {0xe5, 0x56, 0x43, 0x00, 0xc3, 0x60,
	    0xac, 0x72, 0x90, 0x86, 0xe2, 0xcc, 0x80, 0x6e, 0x82, 0x8a, 0x84, 0x87, 0x7f, 0x1e,
	    0xb8, 0xe5, 0xd9, 0x74, 0xd8, 0x73, 0xe0, 0x65, 0x22, 0x49, 0x01, 0x55, 0x5f, 0xb8,
	    0x82, 0x15, 0x90, 0xa3, 0x3b, 0xac, 0xc6, 0x1e, 0x39, 0x70, 0x1c, 0xf9, 0xb4, 0x6b,
	    0xd2, 0x5b, 0xf5, 0xf0, 0x59, 0x5b, 0xbe, 0x24, 0x65, 0x51, 0x41, 0x43, 0x8e, 0x7a,
	    0x10, 0x0b};
	EVP_PKEY *pkey =
	    EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, public, sizeof public);
	bool works = pkey && verify_ed25519_once(
	                         pkey, HK_S(""), hk_slice_of(signature, sizeof signature)) == 1;

	EVP_PKEY_free(pkey);
	return works;
}

/* A "bad" is believed when it is said twice and the machine works: once may have been the moment
 * without memory. Only a forger pays for that. */
static int verify_ed25519(EVP_PKEY *pkey, struct hk_slice digest, struct hk_slice signature)
{
	int result = verify_ed25519_once(pkey, digest, signature);

	if (result == 0)
		result = verify_ed25519_once(pkey, digest, signature);
	return result == 0 && !ed25519_works() ? -1 : result;
}

enum hk_status hk_verify_digest(const struct hk_public_key *key, enum hk_sign_alg alg,
    struct hk_slice digest, struct hk_slice signature)
{
	enum hk_digest_alg hash = hk_crypto_digest_of(alg);
	int result;

	if (key->is_rsa != (alg != HK_SIGN_ED25519_SHA256) ||
	    digest.n != hk_crypto_digest_size(hash))
		return HK_BUG;
	/* RFC 8017 8.2.2 step 1, RFC 8032 5.1.7: another length is an invalid signature */
	if (signature.n != (key->is_rsa ? (key->bits + 7) / 8 : HK_ED25519_SIG_SIZE))
		return HK_NOTFOUND;
	ERR_set_mark();
	result = key->is_rsa ? verify_rsa(key, hash, digest, signature)
	                     : verify_ed25519(key->pkey, digest, signature);
	ERR_pop_to_mark();
	return result == 1 ? HK_OK : result == 0 ? HK_NOTFOUND : HK_CRYPTO;
}
