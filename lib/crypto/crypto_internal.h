/* SPDX-License-Identifier: MIT
 *
 * What the files of this folder share. Nobody else sees OpenSSL's types.
 */
#ifndef HIKYAKU_CRYPTO_INTERNAL_H
#define HIKYAKU_CRYPTO_INTERNAL_H

#include <openssl/evp.h>

#include <hikyaku/crypto.h>

#define HK_ED25519_KEY_SIZE 32
#define HK_ED25519_SIG_SIZE 64

/* RFC 8301 3.2 wants verifiers to take 1024..4096; shorter keys are read as well, so that a caller can say "too
 * short" with the number of bits. */
#define HK_RSA_PUBLIC_BITS_MIN  512
#define HK_RSA_PRIVATE_BITS_MIN 1024
#define HK_RSA_BITS_MAX         4096

/* The digest that OpenSSL's default context offers, fetched once; NULL when it cannot be had. */
const EVP_MD *hk_crypto_md(enum hk_digest_alg);
/* Which digest a signature algorithm is made over. */
enum hk_digest_alg hk_crypto_digest_of(enum hk_sign_alg);
size_t hk_crypto_digest_size(enum hk_digest_alg);

typedef int hk_crypto_init(EVP_PKEY_CTX *);
/* hk_crypto_rsa_ready(pkey, alg, init): an RSA operation (EVP_PKEY_sign_init) with its padding and
 * digest set; NULL when it cannot be had. To set one up takes a fifth of a verification, so a key keeps it, and each
 * operation works on a copy of it, which several threads may take at the same time. */
EVP_PKEY_CTX *hk_crypto_rsa_ready(EVP_PKEY *, enum hk_digest_alg, hk_crypto_init *);

#endif
