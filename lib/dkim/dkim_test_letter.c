/* SPDX-License-Identifier: MIT
 *
 * Keys and signed messages for the tests.
 */
#include "lib/dkim/dkim_internal.h"
#include "lib/dkim/dkim_test_letter.h"

static const char header_text[] = "Message-ID: <1@a.test>\r\n"
                                  "Date: Mon, 11 Nov 2024 22:59:29 +0900\r\n"
                                  "From: user1@a.test\r\n"
                                  "To:   user1@b.test\r\n"
                                  "Subject: a  subject \r\n\twith folding\r\n";

/* Keys are made once: RSA generation is slow. */
struct test_keys keys;

int make_keys(void **state)
{
	(void)state;
	return hk_private_key_new(HK_SIGN_RSA_SHA256, 2048, &keys.rsa) != HK_OK ||
	       hk_private_key_new(HK_SIGN_RSA_SHA256, 1024, &keys.rsa_short) != HK_OK ||
	       hk_private_key_new(HK_SIGN_ED25519_SHA256, 0, &keys.ed25519) != HK_OK;
}

int free_keys(void **state)
{
	(void)state;
	hk_private_key_free(keys.rsa);
	hk_private_key_free(keys.rsa_short);
	hk_private_key_free(keys.ed25519);
	return 0;
}

/* The key record of a key, with other tags in front. */
struct hk_slice key_record(struct hk_arena *a, const struct hk_private_key *key, const char *tags)
{
	struct hk_slice record;
	struct hk_buf der, text;

	hk_buf_init(&der, 4096);
	hk_buf_init(&text, 8192);
	assert_int_equal(hk_private_key_public_add(key, &der), HK_OK);
	hk_buf_addf(&text, "%s k=%s; p=", tags,
	    hk_private_key_alg(key) == HK_SIGN_ED25519_SHA256 ? "ed25519" : "rsa");
	hk_base64_add(&text, hk_buf_slice(&der));
	assert_int_equal(hk_arena_dup(a, hk_buf_slice(&text), &record), HK_OK);
	hk_buf_done(&der);
	hk_buf_done(&text);
	return record;
}

void publish(struct world *w, const char *name, const struct hk_private_key *key)
{
	world_txt(w, name, key_record(&w->arena, key, "v=DKIM1;"));
}

static void feed_sign(void *s, struct hk_slice chunk)
{
	hk_dkim_sign_body(s, chunk);
}

struct hk_slice joined(struct hk_arena *a, struct hk_slice x, struct hk_slice y)
{
	struct hk_slice s;
	struct hk_buf b;

	hk_buf_init(&b, 8 << 20);
	hk_buf_add(&b, x);
	hk_buf_add(&b, y);
	assert_int_equal(hk_buf_status(&b), HK_OK);
	assert_int_equal(hk_arena_dup(a, hk_buf_slice(&b), &s), HK_OK);
	hk_buf_done(&b);
	return s;
}

struct hk_slice message_of(struct hk_arena *a, const struct letter *l)
{
	return joined(a, joined(a, l->header, HK_S("\r\n")), l->body);
}

/* The field that our signer makes for the letter. */
struct hk_slice sign_letter(struct hk_arena *a, const struct letter *l,
    const struct hk_dkim_sign_options *o, const struct hk_private_key *key, enum cut cut)
{
	uint8_t signature[HK_SIGNATURE_MAX];
	size_t n = sizeof signature;
	struct hk_dkim_sign *s;
	struct hk_slice digest, field;
	struct hk_header header;
	struct hk_buf out;

	assert_int_equal(hk_header_parse(a, l->header, &header), HK_OK);
	s = hk_dkim_sign_new(a, o, &header);
	assert_non_null(s);
	feed_cut(l->body, cut, feed_sign, s);
	assert_int_equal(hk_dkim_sign_end(s, &digest), HK_OK);
	assert_int_equal(hk_sign_digest(key, digest, signature, &n), HK_OK);
	hk_buf_init(&out, 65536);
	assert_int_equal(hk_dkim_sign_finish(s, hk_slice_of(signature, n), &out), HK_OK);
	assert_int_equal(hk_arena_dup(a, hk_buf_slice(&out), &field), HK_OK);
	hk_buf_done(&out);
	hk_dkim_sign_done(s);
	return field;
}

/* A field with any tags ("v=1; ... ; h=from" without bh= and b=), signed by hand: what our signer
 * would never write. */
struct hk_slice forge(
    struct hk_arena *a, const struct letter *l, const char *tags, const struct hk_private_key *key)
{
	struct hk_dkim_signature sig;
	struct hk_dkim_header_hash what = {0};
	struct hk_dkim_fields fields;
	struct hk_dkim_body body;
	struct hk_header header;
	struct hk_slice field;
	struct hk_buf b;
	uint8_t digest[HK_SHA256_SIZE], signature[HK_SIGNATURE_MAX];
	size_t index, found, n = sizeof signature;

	assert_int_equal(hk_dkim_signature_parse(a, hk_slice_str(tags), &sig), HK_OK);
	assert_int_equal(hk_dkim_body_init(&body, a, 1), HK_OK);
	assert_int_equal(hk_dkim_body_want(&body, HK_DIGEST_SHA256, sig.body_canon,
	                     sig.has_length ? &sig.length : NULL, &index),
	    HK_OK);
	hk_dkim_body_add(&body, l->body);
	hk_dkim_body_end(&body);
	hk_buf_init(&b, 65536);
	hk_buf_addf(&b, "DKIM-Signature: %s; bh=", tags);
	hk_base64_add(&b, hk_slice_of(body.hash[0].value, body.hash[0].n));
	hk_buf_add_str(&b, "; b=");
	assert_int_equal(hk_buf_status(&b), HK_OK);
	assert_int_equal(hk_arena_dup(a, hk_buf_slice(&b), &field), HK_OK);
	hk_dkim_body_done(&body);
	assert_int_equal(hk_header_parse(a, l->header, &header), HK_OK);
	assert_int_equal(hk_dkim_fields_init(&fields, a, &header), HK_OK);
	what.canon = sig.header_canon;
	what.names = sig.h;
	what.own = header.n;
	what.blanked = (struct hk_field){.raw = joined(a, field, HK_S("\r\n")),
	    .name = hk_slice_sub(field, 0, 14),
	    .value = hk_slice_from(field, 15)};
	assert_int_equal(hk_dkim_header_digest(&fields, &what, digest, &found), HK_OK);
	assert_int_equal(
	    hk_sign_digest(key, hk_slice_of(digest, sizeof digest), signature, &n), HK_OK);
	hk_base64_add(&b, hk_slice_of(signature, n));
	hk_buf_add_str(&b, "\r\n");
	assert_int_equal(hk_buf_status(&b), HK_OK);
	assert_int_equal(hk_arena_dup(a, hk_buf_slice(&b), &field), HK_OK);
	hk_buf_done(&b);
	return field;
}

struct letter a_letter(const char *body)
{
	return (struct letter){.header = hk_slice_str(header_text), .body = hk_slice_str(body)};
}

struct letter with_field(struct hk_arena *a, struct hk_slice field, const struct letter *l)
{
	return (struct letter){.header = joined(a, field, l->header), .body = l->body};
}
