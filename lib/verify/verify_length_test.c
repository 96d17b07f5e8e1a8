/* SPDX-License-Identifier: MIT
 *
 * Signatures with l=: what a signer of today never writes, so they are made by hand here.
 */
#include <stdio.h>
#include <string.h>

#include <hikyaku/crypto.h>

#include "verify_world_test.h"
#include "tests/unit.h"

#define FROM   "u@a.test"
#define SIGNED "abc\r\n" /* all that is signed of the body */

static void add_hash(struct hk_buf *b, struct hk_slice text)
{
	uint8_t hash[HK_SHA256_SIZE];

	assert_int_equal(hk_sha256(text, hash), HK_OK);
	hk_base64_add(b, hk_slice_of(hash, sizeof hash));
}

/* The message: one field signed, relaxed/simple, and a body of which l= octets are signed; the key
 * is published. */
static void make(struct world *w, unsigned long length, const char *body)
{
	uint8_t digest[HK_SHA256_SIZE], signature[HK_SIGNATURE_MAX];
	struct hk_private_key *key = NULL;
	struct hk_buf value, text;
	size_t n = sizeof signature;

	hk_buf_init(&value, 65536);
	hk_buf_init(&text, 65536);
	assert_int_equal(hk_private_key_new(HK_SIGN_ED25519_SHA256, 0, &key), HK_OK);
	hk_buf_addf(&value,
	    "v=1; a=ed25519-sha256; c=relaxed/simple; d=a.test; s=one; l=%lu; h=from; bh=", length);
	add_hash(&value, hk_slice_sub(HK_S(SIGNED), 0, length));
	hk_buf_add_str(&value, "; b=");
	hk_buf_add_str(&text, "from:" FROM "\r\ndkim-signature:");
	hk_buf_add(&text, hk_buf_slice(&value));
	assert_int_equal(hk_buf_status(&text), HK_OK);
	assert_int_equal(hk_sha256(hk_buf_slice(&text), digest), HK_OK);
	assert_int_equal(
	    hk_sign_digest(key, hk_slice_of(digest, sizeof digest), signature, &n), HK_OK);
	hk_base64_add(&value, hk_slice_of(signature, n));
	hk_buf_addf(&w->message, "DKIM-Signature: %.*s\r\nFrom: " FROM "\r\n\r\n%s",
	    HK_FMT(hk_buf_slice(&value)), body);
	assert_int_equal(hk_buf_status(&value), HK_OK);
	assert_int_equal(hk_buf_status(&w->message), HK_OK);
	hk_buf_reset(&text);
	hk_buf_reset(&value);
	assert_int_equal(hk_private_key_public_add(key, &text), HK_OK);
	hk_buf_add_str(&value, "v=DKIM1; k=ed25519; p=");
	hk_base64_add(&value, hk_buf_slice(&text));
	assert_int_equal(hk_buf_status(&value), HK_OK);
	world_txt(w, "one._domainkey.a.test", hk_buf_slice(&value));
	hk_private_key_free(key);
	hk_buf_done(&value);
	hk_buf_done(&text);
}

/* AP-15 SEC-72: whoever appends to such a message writes under another's name (RFC 6376 8.2).
 */
static void a_signature_that_leaves_body_out_aligns_with_nothing(void **state)
{
	static const struct {
		unsigned long length;
		const char *body;
		enum hk_dkim_result dkim;
		enum hk_dmarc_result dmarc;
	} cases[] = {
	    {5, SIGNED, HK_DKIM_PASS, HK_DMARC_PASS},
	    {5, SIGNED "\r\n\r\n", HK_DKIM_PASS,
	        HK_DMARC_PASS}, /* empty lines at the end are no body */
	    {5, SIGNED "x", HK_DKIM_PASS, HK_DMARC_FAIL}, {4, SIGNED, HK_DKIM_PASS, HK_DMARC_FAIL},
	    {0, SIGNED, HK_DKIM_PASS, HK_DMARC_FAIL}, {5, "abx\r\n", HK_DKIM_FAIL, HK_DMARC_FAIL},
	    {6, SIGNED, HK_DKIM_PERMERROR,
	        HK_DMARC_FAIL}, /* RFC 6376 3.5: never more than the body has */
	};
	struct hk_verify_input in = {.size = sizeof in, .checks = HK_CHECK_DMARC, .now = 1};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct hk_verify_verdict *v;
		struct world w;

		world_init(&w);
		world_zone(&w, lab_zone);
		make(&w, cases[i].length, cases[i].body);
		assert_int_equal(world_run(&w, &in, FORWARDS, 0, false), HK_OK);
		v = hk_verify_result(w.v);
		if (v->dkim[0]->result != cases[i].dkim || v->dmarc->result != cases[i].dmarc)
			fail_msg("case %zu: dkim=%s dmarc=%s", i,
			    hk_dkim_result_name(v->dkim[0]->result),
			    hk_dmarc_result_name(v->dmarc->result));
		world_done(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_signature_that_leaves_body_out_aligns_with_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
