/* SPDX-License-Identifier: MIT
 *
 * crypto.h - digests and signatures over OpenSSL's EVP, and nothing else of OpenSSL.
 */
#ifndef HIKYAKU_CRYPTO_H
#define HIKYAKU_CRYPTO_H

#include <hikyaku/base.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define HK_SHA256_SIZE   32
#define HK_SHA1_SIZE     20
#define HK_SIGNATURE_MAX 512 /* RSA-4096 */

enum hk_digest_alg { HK_DIGEST_SHA256, HK_DIGEST_SHA1 }; /* SHA-1 only where --allow-sha1 asks for it */
enum hk_sign_alg { HK_SIGN_RSA_SHA256, HK_SIGN_ED25519_SHA256, HK_SIGN_RSA_SHA1 };

struct hk_digest;
/* returns owned; NULL when out of memory, or for another algorithm than these. */
struct hk_digest *hk_digest_new(enum hk_digest_alg);
void hk_digest_free(struct hk_digest *);
void hk_digest_add(struct hk_digest *, struct hk_slice);
/* hk_digest_end(d, out): 32 octets (SHA-1: 20); returns how many, 0 when the library failed. d may then only be freed. */
size_t hk_digest_end(struct hk_digest *, uint8_t out[HK_SHA256_SIZE]);
/* hk_digest_peek(d, scratch, out): the same for what went in so far, while d can go on. scratch, of the same kind,
 * is overwritten; it serves any number of peeks and nothing else. */
size_t hk_digest_peek(const struct hk_digest *, struct hk_digest *scratch, uint8_t out[HK_SHA256_SIZE]);
/* hk_sha256(s, out): OK, or CRYPTO and 32 zero octets when the library failed (out of memory). */
enum hk_status hk_sha256(struct hk_slice, uint8_t out[HK_SHA256_SIZE]);
/* hk_hmac_sha256(key, data, out): RFC 2104; an empty key is allowed. OK or CRYPTO. */
enum hk_status hk_hmac_sha256(struct hk_slice key, struct hk_slice data, uint8_t out[HK_SHA256_SIZE]) HK_MUSTCHECK;
/* hk_hmac_sha1(key, data, out): the same with SHA-1, whose collisions do not touch HMAC (RFC 6194 3.3): for SRS. */
enum hk_status hk_hmac_sha1(struct hk_slice key, struct hk_slice data, uint8_t out[HK_SHA1_SIZE]) HK_MUSTCHECK;

/* A public key as published in DNS. */
struct hk_public_key;
/* hk_public_key_rsa_stated(der): how many octets the key has by what it says itself, so that one that was cut short can be
 * told from one that is broken; 0 when it does not say. */
size_t hk_public_key_rsa_stated(struct hk_slice der);
/* hk_public_key_rsa(der, ret): SubjectPublicKeyInfo or RSAPublicKey (PKCS#1) DER, parsed by us, sizes checked before any
 * bignum work: modulus 512..4096 bits and odd, exponent odd, over 1 and at most 32 bits. SYNTAX or LIMIT otherwise. Returns owned. */
enum hk_status hk_public_key_rsa(struct hk_slice der, struct hk_public_key **ret) HK_MUSTCHECK;
/* hk_public_key_ed25519(raw, ret): exactly 32 octets, and no point of small order; else SYNTAX.
 * Returns owned. */
enum hk_status hk_public_key_ed25519(struct hk_slice raw, struct hk_public_key **ret) HK_MUSTCHECK;
void hk_public_key_free(struct hk_public_key *);
unsigned hk_public_key_bits(const struct hk_public_key *); /* RSA modulus; 256 for Ed25519 */
/* hk_verify_digest(key, alg, digest, signature): OK when it verifies, NOTFOUND when it does not, CRYPTO when the
 * library failed, BUG when key and alg differ in kind. Ed25519 signs the digest's octets (RFC 8463 3). */
enum hk_status hk_verify_digest(const struct hk_public_key *, enum hk_sign_alg, struct hk_slice digest, struct hk_slice signature) HK_MUSTCHECK;

/* A private key. Lives in the keys process of the daemon. */
struct hk_private_key;
/* hk_private_key_pem(pem, ret): unencrypted PKCS#8 or PKCS#1 PEM, RSA (1024..4096) or Ed25519. Returns owned.
 * LIMIT for another size, SYNTAX for all else: no key, an encrypted one, one of another kind. */
enum hk_status hk_private_key_pem(struct hk_slice pem, struct hk_private_key **ret) HK_MUSTCHECK;
/* hk_private_key_new(alg, bits, ret): a fresh key; bits only for RSA (1024..4096, else LIMIT). BUG for rsa-sha1 and
 * what is no algorithm. */
enum hk_status hk_private_key_new(enum hk_sign_alg, unsigned bits, struct hk_private_key **ret) HK_MUSTCHECK;
void hk_private_key_free(struct hk_private_key *);
enum hk_sign_alg hk_private_key_alg(const struct hk_private_key *);
/* hk_private_key_pem_add(key, out): PKCS#8 PEM. hk_private_key_public_add(key, out): what p= holds, before base64
 * (SubjectPublicKeyInfo DER for RSA, 32 octets for Ed25519). */
enum hk_status hk_private_key_pem_add(const struct hk_private_key *, struct hk_buf *out) HK_MUSTCHECK;
enum hk_status hk_private_key_public_add(const struct hk_private_key *, struct hk_buf *out) HK_MUSTCHECK;
/* hk_sign_digest(key, digest, out, n): digest is a SHA-256; *n in: room, out: length. LIMIT when there is not room enough. */
enum hk_status hk_sign_digest(const struct hk_private_key *, struct hk_slice digest, uint8_t *out, size_t *n) HK_MUSTCHECK;

/* hk_crypto_thread_end(): frees at once what OpenSSL keeps for the calling thread, which must not use this header any more. Never needed by the main thread. */
void hk_crypto_thread_end(void);

/* hk_random(out, n): from OpenSSL's generator. */
enum hk_status hk_random(void *out, size_t n) HK_MUSTCHECK;
bool hk_equal_constant_time(struct hk_slice, struct hk_slice);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
