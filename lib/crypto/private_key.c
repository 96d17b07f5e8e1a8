/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "lib/crypto/crypto_internal.h"

/* An RSA-4096 key in PEM is under 4 KiB; the rest is room for comments around it. */
enum { PEM_MAX = 64 * 1024 };

struct hk_private_key {
	EVP_PKEY *pkey;
	EVP_PKEY_CTX *ready; /* RSA */
	enum hk_sign_alg alg;
};

/* Never asks anyone for a passphrase: an encrypted key is refused. */
static int no_passphrase(char *out, int size, int writing, void *user)
{
	(void)out, (void)size, (void)writing, (void)user;
	return -1;
}

/* Takes pkey. */
static enum hk_status wrap(EVP_PKEY *pkey, struct hk_private_key **ret)
{
	bool is_rsa = EVP_PKEY_is_a(pkey, "RSA");
	struct hk_private_key *key;
	int bits = EVP_PKEY_get_bits(pkey);
	enum hk_status status = HK_OK;

	if (!is_rsa && !EVP_PKEY_is_a(pkey, "ED25519"))
		status = HK_SYNTAX;
	else if (bits <= 0)
		status = HK_CRYPTO;
	else if (is_rsa && (bits < HK_RSA_PRIVATE_BITS_MIN || bits > HK_RSA_BITS_MAX))
		status = HK_LIMIT;
	key = status == HK_OK ? malloc(sizeof *key) : NULL;
	if (!key) {
		EVP_PKEY_free(pkey);
		return status == HK_OK ? HK_NOMEM : status;
	}
	*key = (struct hk_private_key){.pkey = pkey, .alg = is_rsa ? HK_SIGN_RSA_SHA256 : HK_SIGN_ED25519_SHA256};
	ERR_set_mark();
	if (is_rsa)
		key->ready = hk_crypto_rsa_ready(pkey, HK_DIGEST_SHA256, EVP_PKEY_sign_init);
	ERR_pop_to_mark();
	if (is_rsa && !key->ready) {
		hk_private_key_free(key);
		return HK_CRYPTO;
	}
	*ret = key;
	return HK_OK;
}

enum hk_status hk_private_key_pem(struct hk_slice pem, struct hk_private_key **ret)
{
	BIO *bio;
	EVP_PKEY *pkey = NULL;

	if (pem.n == 0)
		return HK_SYNTAX;
	if (pem.n > PEM_MAX)
		return HK_LIMIT;
	bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	if (!bio)
		return HK_NOMEM;
	ERR_set_mark();
	pkey = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	ERR_pop_to_mark();
	BIO_free(bio);
	return pkey ? wrap(pkey, ret) : HK_SYNTAX;
}

enum hk_status hk_private_key_new(enum hk_sign_alg alg, unsigned bits, struct hk_private_key **ret)
{
	EVP_PKEY *pkey;

	/* RFC 8301 3.1: nobody signs with SHA-1 any more */
	if (alg != HK_SIGN_RSA_SHA256 && alg != HK_SIGN_ED25519_SHA256)
		return HK_BUG;
	if (alg == HK_SIGN_RSA_SHA256 && (bits < HK_RSA_PRIVATE_BITS_MIN || bits > HK_RSA_BITS_MAX))
		return HK_LIMIT;
	ERR_set_mark();
	pkey = alg == HK_SIGN_RSA_SHA256 ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits)
					 : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	ERR_pop_to_mark();
	return pkey ? wrap(pkey, ret) : HK_CRYPTO;
}

void hk_private_key_free(struct hk_private_key *key)
{
	if (!key)
		return;
	EVP_PKEY_CTX_free(key->ready);
	EVP_PKEY_free(key->pkey);
	free(key);
}

enum hk_sign_alg hk_private_key_alg(const struct hk_private_key *key)
{
	return key->alg;
}

enum hk_status hk_private_key_pem_add(const struct hk_private_key *key, struct hk_buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem()); /* wiped when it is freed */
	enum hk_status status = HK_CRYPTO;
	char *text;
	long n;

	if (!bio)
		return HK_NOMEM;
	ERR_set_mark();
	if (PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL) == 1) {
		n = BIO_get_mem_data(bio, &text);
		hk_buf_add(out, hk_slice_of(text, n > 0 ? (size_t)n : 0));
		status = hk_buf_status(out);
	}
	ERR_pop_to_mark();
	BIO_free(bio);
	return status;
}

enum hk_status hk_private_key_public_add(const struct hk_private_key *key, struct hk_buf *out)
{
	uint8_t raw[HK_ED25519_KEY_SIZE], *der = NULL;
	size_t n = sizeof raw;
	int length;

	if (key->alg == HK_SIGN_ED25519_SHA256) {
		if (EVP_PKEY_get_raw_public_key(key->pkey, raw, &n) != 1)
			return HK_CRYPTO;
		hk_buf_add(out, hk_slice_of(raw, n));
		return hk_buf_status(out);
	}
	ERR_set_mark();
	length = i2d_PUBKEY(key->pkey, &der);
	ERR_pop_to_mark();
	if (length <= 0)
		return HK_CRYPTO;
	hk_buf_add(out, hk_slice_of(der, (size_t)length));
	OPENSSL_free(der);
	return hk_buf_status(out);
}

static bool sign_rsa(const EVP_PKEY_CTX *ready, struct hk_slice digest, uint8_t *out, size_t *n)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_dup(ready);
	bool ok = ctx && EVP_PKEY_sign(ctx, out, n, digest.p, digest.n) == 1;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static bool sign_ed25519(EVP_PKEY *pkey, struct hk_slice digest, uint8_t *out, size_t *n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestSignInit_ex(ctx, NULL, NULL, NULL, NULL, pkey, NULL) == 1 &&
	    EVP_DigestSign(ctx, out, n, digest.p, digest.n) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

enum hk_status hk_sign_digest(const struct hk_private_key *key, struct hk_slice digest, uint8_t *out, size_t *n)
{
	size_t length = *n;
	int need = EVP_PKEY_get_size(key->pkey);
	bool ok;

	if (digest.n != HK_SHA256_SIZE)
		return HK_BUG;
	if (need <= 0)
		return HK_CRYPTO;
	if (*n < (size_t)need)
		return HK_LIMIT;
	ERR_set_mark();
	ok = key->alg == HK_SIGN_ED25519_SHA256 ? sign_ed25519(key->pkey, digest, out, &length)
	                                        : sign_rsa(key->ready, digest, out, &length);
	ERR_pop_to_mark();
	if (!ok)
		return HK_CRYPTO;
	*n = length;
	return HK_OK;
}
