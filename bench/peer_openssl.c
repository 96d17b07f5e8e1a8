/* SPDX-License-Identifier: MIT
 *
 * The floor: RSA with SHA-256 over a digest that is there, by one operation that is set up once.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "bench.h"

struct raw {
	EVP_PKEY_CTX *sign, *verify;
	unsigned char digest[32], signature[512];
	size_t n;
};

static void sign(void *with)
{
	struct raw *r = with;

	r->n = sizeof r->signature;
	bench_check(EVP_PKEY_sign(r->sign, r->signature, &r->n, r->digest, sizeof r->digest) == 1, "signing");
}

static void verify(void *with)
{
	struct raw *r = with;

	bench_check(EVP_PKEY_verify(r->verify, r->signature, r->n, r->digest, sizeof r->digest) == 1, "verifying");
}

static EVP_PKEY_CTX *ready(EVP_PKEY *key, int (*init)(EVP_PKEY_CTX *))
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);

	bench_check(ctx && init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
		EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1,
	    "an operation");
	return ctx;
}

int main(int argc, char **argv)
{
	struct raw r = {.digest = {1, 2, 3}};
	struct bench_file pem;
	EVP_PKEY *key;

	bench_check(argc == 3, "usage: OPERATION FOLDER");
	pem = bench_read(argv[2], "key.pem");
	key = PEM_read_bio_PrivateKey(BIO_new_mem_buf(pem.p, (int)pem.n), NULL, NULL, NULL);
	bench_check(key != NULL, "the key");
	r.sign = ready(key, EVP_PKEY_sign_init);
	r.verify = ready(key, EVP_PKEY_verify_init);
	sign(&r);
	printf("%.3f\n", bench_measure(strcmp(argv[1], "sign") == 0 ? sign : verify, &r));
	return 0;
}
