/* SPDX-License-Identifier: MIT
 *
 * Digests and signatures with memory running out, in ours and in OpenSSL (tests/oom.h): a failure
 * of the machine is never "the signature does not fit".
 */
#include <hikyaku/crypto.h>

#include "tests/unit.h"

static struct hk_private_key *keys[2];
static struct hk_buf publics[2];
static const enum hk_sign_alg algs[2] = {HK_SIGN_RSA_SHA256, HK_SIGN_ED25519_SHA256};

static int make_keys(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(keys); i++) {
		hk_buf_init(&publics[i], 1024);
		if (hk_private_key_new(algs[i], 1024, &keys[i]) != HK_OK ||
		    hk_private_key_public_add(keys[i], &publics[i]) != HK_OK)
			return 1;
	}
	return 0;
}

static int free_keys(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(keys); i++) {
		hk_private_key_free(keys[i]);
		hk_buf_done(&publics[i]);
	}
	return 0;
}

static enum hk_status digest(const char *text, uint8_t out[HK_SHA256_SIZE])
{
	struct hk_digest *d = hk_digest_new(HK_DIGEST_SHA256);
	size_t n = 0;

	if (!d)
		return HK_NOMEM;
	hk_digest_add(d, hk_slice_str(text));
	n = hk_digest_end(d, out);
	hk_digest_free(d);
	return n == HK_SHA256_SIZE ? HK_OK : HK_CRYPTO;
}

/* Signs one text, and checks the signature over it and over another. */
static enum hk_status sign_and_verify(size_t i, struct hk_buf *out)
{
	struct hk_slice public = hk_buf_slice(&publics[i]);
	uint8_t right[HK_SHA256_SIZE], wrong[HK_SHA256_SIZE], signature[HK_SIGNATURE_MAX];
	enum hk_status status = digest("flying feet", right), good, bad;
	struct hk_public_key *key = NULL;
	size_t n = sizeof signature;

	if (status == HK_OK)
		status = digest("lying feet", wrong);
	if (status == HK_OK)
		status = hk_sign_digest(keys[i], hk_slice_of(right, sizeof right), signature, &n);
	if (status == HK_OK)
		status =
		    i == 0 ? hk_public_key_rsa(public, &key) : hk_public_key_ed25519(public, &key);
	if (status != HK_OK)
		return status;
	good = hk_verify_digest(
	    key, algs[i], hk_slice_of(right, sizeof right), hk_slice_of(signature, n));
	bad = hk_verify_digest(
	    key, algs[i], hk_slice_of(wrong, sizeof wrong), hk_slice_of(signature, n));
	oom_disarm();
	hk_public_key_free(key);
	hk_buf_addf(out, "%s, the right one: %s\n", good == HK_CRYPTO ? "temperror" : "result",
	    hk_status_name(good));
	hk_buf_addf(out, "%s, the wrong one: %s\n", bad == HK_CRYPTO ? "temperror" : "result",
	    hk_status_name(bad));
	return HK_OK;
}

static enum hk_status with_rsa(struct hk_buf *out)
{
	return sign_and_verify(0, out);
}

static enum hk_status with_ed25519(struct hk_buf *out)
{
	return sign_and_verify(1, out);
}

static enum hk_status hash_and_mac(struct hk_buf *out)
{
	uint8_t hash[HK_SHA256_SIZE], mac[HK_SHA256_SIZE], old[HK_SHA1_SIZE];
	enum hk_status status = hk_sha256(HK_S("a"), hash);

	if (status == HK_OK)
		status = hk_hmac_sha256(HK_S("key"), HK_S("a"), mac);
	if (status == HK_OK)
		status = hk_hmac_sha1(HK_S("key"), HK_S("a"), old);
	oom_disarm();
	if (status == HK_OK) {
		hk_hex_add(out, hk_slice_of(hash, sizeof hash));
		hk_hex_add(out, hk_slice_of(mac, sizeof mac));
		hk_hex_add(out, hk_slice_of(old, sizeof old));
	}
	return status;
}

static enum hk_status key_through_pem(size_t i, struct hk_buf *out)
{
	struct hk_private_key *again = NULL;
	enum hk_status status;
	struct hk_buf pem, public;

	hk_buf_init(&pem, 8192);
	hk_buf_init(&public, 4096);
	status = hk_private_key_pem_add(keys[i], &pem);
	if (status == HK_OK)
		status = hk_private_key_pem(hk_buf_slice(&pem), &again);
	/* Deliberate: what reads PEM in OpenSSL finds "no key" also for want of memory. Nobody is
	 * judged by that; the key is refused. */
	if (status == HK_SYNTAX)
		status = HK_CRYPTO;
	if (status == HK_OK)
		status = hk_private_key_public_add(again, &public);
	oom_disarm();
	hk_hex_add(out, hk_buf_slice(&public));
	hk_private_key_free(again);
	hk_buf_done(&pem);
	hk_buf_done(&public);
	return status;
}

static enum hk_status rsa_pem(struct hk_buf *out)
{
	return key_through_pem(0, out);
}

static enum hk_status ed25519_pem(struct hk_buf *out)
{
	return key_through_pem(1, out);
}

static void a_signature_is_judged_rightly_or_not_at_all(void **state)
{
	(void)state;
	oom_torture("rsa", with_rsa);
	oom_torture("ed25519", with_ed25519);
}

static void a_hash_is_right_or_refused(void **state)
{
	(void)state;
	oom_torture("hashes", hash_and_mac);
}

static void a_key_is_read_whole_or_not_at_all(void **state)
{
	(void)state;
	oom_torture("rsa key", rsa_pem);
	oom_torture("ed25519 key", ed25519_pem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_signature_is_judged_rightly_or_not_at_all),
	    cmocka_unit_test(a_hash_is_right_or_refused),
	    cmocka_unit_test(a_key_is_read_whole_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
