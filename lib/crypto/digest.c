/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "lib/crypto/crypto_internal.h"

static const struct {
	const char *name;
	size_t size;
} digests[] = {
    [HK_DIGEST_SHA256] = {"SHA256", HK_SHA256_SIZE},
    [HK_DIGEST_SHA1] = {"SHA1", HK_SHA1_SIZE},
};

/* Deliberate: the one changing global of the library. Fetching takes a lock and a search of OpenSSL's stores, which
 * costs more than hashing a short header; the winner of a race is kept, so every thread sees one and the same. */
static _Atomic(EVP_MD *) fetched[sizeof digests / sizeof digests[0]];

const EVP_MD *hk_crypto_md(enum hk_digest_alg alg)
{
	EVP_MD *md = atomic_load_explicit(&fetched[alg], memory_order_acquire), *none = NULL;

	if (md)
		return md;
	ERR_set_mark();
	md = EVP_MD_fetch(NULL, digests[alg].name, NULL);
	ERR_pop_to_mark();
	if (!md)
		return NULL;
	if (atomic_compare_exchange_strong_explicit(
		&fetched[alg], &none, md, memory_order_acq_rel, memory_order_acquire))
		return md;
	EVP_MD_free(md);
	return none;
}

enum hk_digest_alg hk_crypto_digest_of(enum hk_sign_alg alg)
{
	return alg == HK_SIGN_RSA_SHA1 ? HK_DIGEST_SHA1 : HK_DIGEST_SHA256;
}

size_t hk_crypto_digest_size(enum hk_digest_alg alg)
{
	return digests[alg].size;
}

EVP_PKEY_CTX *hk_crypto_rsa_ready(EVP_PKEY *pkey, enum hk_digest_alg alg, hk_crypto_init *init)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	const EVP_MD *md = hk_crypto_md(alg);

	if (ctx && md && init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_signature_md(ctx, md) == 1)
		return ctx;
	EVP_PKEY_CTX_free(ctx);
	return NULL;
}

struct hk_digest {
	EVP_MD_CTX *ctx;
	bool failed;
};

struct hk_digest *hk_digest_new(enum hk_digest_alg alg)
{
	const EVP_MD *md = (size_t)alg < sizeof digests / sizeof digests[0] ? hk_crypto_md(alg) : NULL;
	struct hk_digest *d = md ? calloc(1, sizeof *d) : NULL;

	if (!d)
		return NULL;
	d->ctx = EVP_MD_CTX_new();
	if (d->ctx && EVP_DigestInit_ex2(d->ctx, md, NULL) == 1)
		return d;
	hk_digest_free(d);
	return NULL;
}

void hk_digest_free(struct hk_digest *d)
{
	if (!d)
		return;
	EVP_MD_CTX_free(d->ctx);
	free(d);
}

void hk_digest_add(struct hk_digest *d, struct hk_slice s)
{
	if (s.n && EVP_DigestUpdate(d->ctx, s.p, s.n) != 1)
		d->failed = true;
}

size_t hk_digest_end(struct hk_digest *d, uint8_t out[HK_SHA256_SIZE])
{
	uint8_t all[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (d->failed || EVP_DigestFinal_ex(d->ctx, all, &n) != 1 || n > HK_SHA256_SIZE)
		return 0;
	memcpy(out, all, n);
	return n;
}

size_t hk_digest_peek(
    const struct hk_digest *d, struct hk_digest *scratch, uint8_t out[HK_SHA256_SIZE])
{
	scratch->failed = d->failed || EVP_MD_CTX_copy_ex(scratch->ctx, d->ctx) != 1;
	return hk_digest_end(scratch, out);
}

enum hk_status hk_sha256(struct hk_slice s, uint8_t out[HK_SHA256_SIZE])
{
	const EVP_MD *md = hk_crypto_md(HK_DIGEST_SHA256);
	uint8_t all[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (!md || EVP_Digest(s.p, s.n, all, &n, md, NULL) != 1) {
		memset(out, 0, HK_SHA256_SIZE);
		return HK_CRYPTO;
	}
	memcpy(out, all, HK_SHA256_SIZE);
	return HK_OK;
}

/* RFC 2104 */
static enum hk_status hmac(enum hk_digest_alg alg, struct hk_slice key, struct hk_slice data, uint8_t *out)
{
	uint8_t all[EVP_MAX_MD_SIZE];
	bool ok;
	size_t n = 0;

	ERR_set_mark();
	ok = EVP_Q_mac(NULL, "HMAC", NULL, digests[alg].name, NULL, key.n ? key.p : (const uint8_t *)"", key.n, data.p,
		 data.n, all, sizeof all, &n) &&
	    n == digests[alg].size;
	ERR_pop_to_mark();
	if (!ok)
		return HK_CRYPTO;
	memcpy(out, all, n);
	return HK_OK;
}

enum hk_status hk_hmac_sha256(struct hk_slice key, struct hk_slice data, uint8_t out[HK_SHA256_SIZE])
{
	return hmac(HK_DIGEST_SHA256, key, data, out);
}

enum hk_status hk_hmac_sha1(struct hk_slice key, struct hk_slice data, uint8_t out[HK_SHA1_SIZE])
{
	return hmac(HK_DIGEST_SHA1, key, data, out);
}

void hk_crypto_thread_end(void)
{
	OPENSSL_thread_stop();
}

enum hk_status hk_random(void *out, size_t n)
{
	bool ok;

	if (n > INT_MAX)
		return HK_LIMIT;
	ERR_set_mark();
	ok = RAND_bytes(out, (int)n) == 1;
	ERR_pop_to_mark();
	return ok ? HK_OK : HK_CRYPTO;
}

bool hk_equal_constant_time(struct hk_slice a, struct hk_slice b)
{
	return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}
