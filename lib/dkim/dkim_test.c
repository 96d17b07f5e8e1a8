/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "lib/dkim/dkim_internal.h"
#include "lib/dkim/dkim_test_support.h"

enum { NOW = 1731333570 };

static const char header_text[] = "Message-ID: <1@a.test>\r\n"
                                  "Date: Mon, 11 Nov 2024 22:59:29 +0900\r\n"
                                  "From: user1@a.test\r\n"
                                  "To:   user1@b.test\r\n"
                                  "Subject: a  subject \r\n\twith folding\r\n";

/* Keys are made once: RSA generation is slow. */
static struct {
	struct hk_private_key *rsa, *rsa_short, *ed25519;
} keys;

static int make_keys(void **state)
{
	(void)state;
	return hk_private_key_new(HK_SIGN_RSA_SHA256, 2048, &keys.rsa) != HK_OK ||
	    hk_private_key_new(HK_SIGN_RSA_SHA256, 1024, &keys.rsa_short) != HK_OK ||
	    hk_private_key_new(HK_SIGN_ED25519_SHA256, 0, &keys.ed25519) != HK_OK;
}

static int free_keys(void **state)
{
	(void)state;
	hk_private_key_free(keys.rsa);
	hk_private_key_free(keys.rsa_short);
	hk_private_key_free(keys.ed25519);
	return 0;
}

/* The key record of a key, with other tags in front. */
static struct hk_slice key_record(struct hk_arena *a, const struct hk_private_key *key, const char *tags)
{
	struct hk_slice record;
	struct hk_buf der, text;

	hk_buf_init(&der, 4096);
	hk_buf_init(&text, 8192);
	assert_int_equal(hk_private_key_public_add(key, &der), HK_OK);
	hk_buf_addf(&text, "%s k=%s; p=", tags, hk_private_key_alg(key) == HK_SIGN_ED25519_SHA256 ? "ed25519" : "rsa");
	hk_base64_add(&text, hk_buf_slice(&der));
	assert_int_equal(hk_arena_dup(a, hk_buf_slice(&text), &record), HK_OK);
	hk_buf_done(&der);
	hk_buf_done(&text);
	return record;
}

static void publish(struct world *w, const char *name, const struct hk_private_key *key)
{
	world_txt(w, name, key_record(&w->arena, key, "v=DKIM1;"));
}

static void feed_sign(void *s, struct hk_slice chunk)
{
	hk_dkim_sign_body(s, chunk);
}

static struct hk_slice joined(struct hk_arena *a, struct hk_slice x, struct hk_slice y)
{
	struct hk_slice s;
	struct hk_buf b;

	hk_buf_init(&b, 8 << 20);
	hk_buf_add(&b, x);
	hk_buf_add(&b, y);
	assert_int_equal(hk_arena_dup(a, hk_buf_slice(&b), &s), HK_OK);
	hk_buf_done(&b);
	return s;
}

struct letter {
	struct hk_slice header, body;
};

static struct hk_slice message_of(struct hk_arena *a, const struct letter *l)
{
	return joined(a, joined(a, l->header, HK_S("\r\n")), l->body);
}

/* The field that our signer makes for the letter. */
static struct hk_slice sign_letter(struct hk_arena *a, const struct letter *l, const struct hk_dkim_sign_options *o,
    const struct hk_private_key *key, enum cut cut)
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

/* A field with any tags ("v=1; ... ; h=from" without bh= and b=), signed by hand: what our signer would never write. */
static struct hk_slice forge(struct hk_arena *a, const struct letter *l, const char *tags, const struct hk_private_key *key)
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
	assert_int_equal(hk_dkim_body_want(&body, HK_DIGEST_SHA256, sig.body_canon, sig.has_length ? &sig.length : NULL, &index), HK_OK);
	hk_dkim_body_add(&body, l->body);
	hk_dkim_body_end(&body);
	hk_buf_init(&b, 65536);
	hk_buf_addf(&b, "DKIM-Signature: %s; bh=", tags);
	hk_base64_add(&b, hk_slice_of(body.hash[0].value, body.hash[0].n));
	hk_buf_add_str(&b, "; b=");
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
	assert_int_equal(hk_sign_digest(key, hk_slice_of(digest, sizeof digest), signature, &n), HK_OK);
	hk_base64_add(&b, hk_slice_of(signature, n));
	hk_buf_add_str(&b, "\r\n");
	assert_int_equal(hk_arena_dup(a, hk_buf_slice(&b), &field), HK_OK);
	hk_buf_done(&b);
	return field;
}

static struct letter a_letter(const char *body)
{
	return (struct letter){.header = hk_slice_str(header_text), .body = hk_slice_str(body)};
}

static struct letter with_field(struct hk_arena *a, struct hk_slice field, const struct letter *l)
{
	return (struct letter){.header = joined(a, field, l->header), .body = l->body};
}

/* ---- the signature field ------------------------------------------------------------------------- */

#define BH "bh=0pdj9wqws+KIJQqIWGPQakvN114IPDt1CK4ekSU+NIs="
#define GOOD "v=1; a=rsa-sha256; d=a.test; s=s1; h=from; " BH "; b=AAAA"

static const struct {
	const char *value;
	enum hk_dkim_reason fault;
} signature_rows[] = {
    {GOOD, HK_DKIM_R_OK},
    {GOOD ";", HK_DKIM_R_OK},
    {GOOD "; unknown=yes", HK_DKIM_R_OK},
    {GOOD "; v=1", HK_DKIM_R_SYNTAX},
    {"", HK_DKIM_R_SYNTAX},
    {"a=rsa-sha256; d=a.test; s=s1; h=from; " BH "; b=AAAA", HK_DKIM_R_NO_V},
    {"v=1; d=a.test; s=s1; h=from; " BH "; b=AAAA", HK_DKIM_R_NO_A},
    {"v=1; a=rsa-sha256; s=s1; h=from; " BH "; b=AAAA", HK_DKIM_R_NO_D},
    {"v=1; a=rsa-sha256; d=a.test; h=from; " BH "; b=AAAA", HK_DKIM_R_NO_S},
    {"v=1; a=rsa-sha256; d=a.test; s=s1; " BH "; b=AAAA", HK_DKIM_R_NO_H},
    {"v=1; a=rsa-sha256; d=a.test; s=s1; h=from; b=AAAA", HK_DKIM_R_NO_BH},
    {"v=1; a=rsa-sha256; d=a.test; s=s1; h=from; " BH, HK_DKIM_R_NO_B},
    {"v=0.5; a=rsa-sha256; d=a.test; s=s1; h=from; " BH "; b=AAAA", HK_DKIM_R_VERSION},
    {"v=2; a=rsa-sha256; d=a.test; s=s1; h=from; " BH "; b=AAAA", HK_DKIM_R_VERSION},
    {"v=1; a=rsa-md5; d=a.test; s=s1; h=from; " BH "; b=AAAA", HK_DKIM_R_ALGORITHM},
    {"v=1; a=ed25519-sha256; d=a.test; s=s1; h=from; " BH "; b=AAAA", HK_DKIM_R_OK},
    {"v=1; a=rsa-sha1; d=a.test; s=s1; h=from; bh=AAAAAAAAAAAAAAAAAAAAAAAAAAA=; b=AAAA", HK_DKIM_R_OK},
    {"v=1; a=rsa-sha1; d=a.test; s=s1; h=from; " BH "; b=AAAA", HK_DKIM_R_BODY_HASH_TEXT},
    /* S1-057: 39 characters are no SHA-256 */
    {"v=1; a=rsa-sha256; d=a.test; s=s1; h=from; bh=0pdj9wqws+KIJQqIWGPQakvN114IPDt1CK4ekSU; b=AAAA", HK_DKIM_R_BODY_HASH_TEXT},
    {"v=1; a=rsa-sha256; d=a.test; s=s1; h=from; bh=AAAA; b=AAAA", HK_DKIM_R_BODY_HASH_TEXT},
    {"v=1; a=rsa-sha256; d=a.test; s=s1; h=from; bh=; b=AAAA", HK_DKIM_R_BODY_HASH_TEXT},
    {"v=1; a=rsa-sha256; d=a.test; s=s1; h=from; " BH "; b=", HK_DKIM_R_SIGNATURE_TEXT},
    {"v=1; a=rsa-sha256; d=a.test; s=s1; h=from; " BH "; b=AA*A", HK_DKIM_R_SIGNATURE_TEXT},
    {"v=1; a=rsa-sha256; d=a.test; s=s1; h=from; " BH "; b=AAAA\r\n From: CEO <ceo@a.test>", HK_DKIM_R_SIGNATURE_TEXT},
    {"v=1; a=rsa-sha256; d=a.test; s=s1; h=from; " BH "; b=AA\r\n\tAA", HK_DKIM_R_OK},
    {"v=1; a=rsa-sha256; d=test; s=s1; h=from; " BH "; b=AAAA", HK_DKIM_R_DOMAIN},
    {"v=1; a=rsa-sha256; d=a.test.; s=s1; h=from; " BH "; b=AAAA", HK_DKIM_R_DOMAIN},
    {"v=1; a=rsa-sha256; d=a..test; s=s1; h=from; " BH "; b=AAAA", HK_DKIM_R_DOMAIN},
    {"v=1; a=rsa-sha256; d=a(b.test; s=s1; h=from; " BH "; b=AAAA", HK_DKIM_R_DOMAIN},
    {"v=1; a=rsa-sha256; d=\xc3\xa9.test; s=s1; h=from; " BH "; b=AAAA", HK_DKIM_R_DOMAIN},
    {"v=1; a=rsa-sha256; d=a.test; s=; h=from; " BH "; b=AAAA", HK_DKIM_R_SELECTOR},
    {"v=1; a=rsa-sha256; d=a.test; s=s 1; h=from; " BH "; b=AAAA", HK_DKIM_R_SELECTOR},
    {"v=1; a=rsa-sha256; d=a.test; s=k.2024_a; h=from; " BH "; b=AAAA", HK_DKIM_R_OK},
    {"v=1; a=rsa-sha256; d=a.test; s=s1; h=to; " BH "; b=AAAA", HK_DKIM_R_NO_FROM},
    {"v=1; a=rsa-sha256; d=a.test; s=s1; h=FROM : to; " BH "; b=AAAA", HK_DKIM_R_OK},
    {"v=1; a=rsa-sha256; d=a.test; s=s1; h=from:; " BH "; b=AAAA", HK_DKIM_R_HEADERS},
    {"v=1; a=rsa-sha256; d=a.test; s=s1; h=fr om; " BH "; b=AAAA", HK_DKIM_R_HEADERS},
    {GOOD "; c=relaxed", HK_DKIM_R_OK},
    {GOOD "; c=relaxed/relaxed", HK_DKIM_R_OK},
    {GOOD "; c=", HK_DKIM_R_CANON},
    {GOOD "; c=nowsp", HK_DKIM_R_CANON},
    {GOOD "; c=relaxed/", HK_DKIM_R_CANON},
    {GOOD "; c=relaxed/simple/x", HK_DKIM_R_CANON},
    {GOOD "; i=@a.test", HK_DKIM_R_OK},
    {GOOD "; i=user@sub.A.test", HK_DKIM_R_OK},
    {GOOD "; i==66oo=40bar@a.test", HK_DKIM_R_OK},
    {GOOD "; i=user=4@a.test", HK_DKIM_R_IDENTITY},
    {GOOD "; i=a.test", HK_DKIM_R_IDENTITY},
    {GOOD "; i=@", HK_DKIM_R_IDENTITY},
    {GOOD "; i=@xa.test", HK_DKIM_R_IDENTITY_OUTSIDE},
    {GOOD "; i=@b.test", HK_DKIM_R_IDENTITY_OUTSIDE},
    {GOOD "; l=0", HK_DKIM_R_OK},
    {GOOD "; l=99999999999999999999999999", HK_DKIM_R_OK},
    {GOOD "; l=-1", HK_DKIM_R_LENGTH},
    {GOOD "; l=", HK_DKIM_R_LENGTH},
    {GOOD "; l=12345678901234567890123456789012345678901234567890123456789012345678901234567", HK_DKIM_R_LENGTH},
    {GOOD "; q=dns/txt", HK_DKIM_R_OK},
    {GOOD "; q=other : dns/txt", HK_DKIM_R_OK},
    {GOOD "; q=other", HK_DKIM_R_QUERY},
    {GOOD "; t=1731333570; x=1731333571", HK_DKIM_R_OK},
    {GOOD "; t=1731333570; x=1731333570", HK_DKIM_R_TIME_ORDER},
    {GOOD "; t=now", HK_DKIM_R_TIME},
    {GOOD "; x=1e9", HK_DKIM_R_TIME},
    {GOOD "; x=99999999999999999999999999", HK_DKIM_R_OK},
};

static void signature_fields_are_judged_by_rfc_6376_3_5(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(signature_rows); i++) {
		struct hk_dkim_signature sig;
		struct hk_arena a;

		hk_arena_init(&a, 1 << 20);
		assert_int_equal(hk_dkim_signature_parse(&a, hk_slice_str(signature_rows[i].value), &sig), HK_OK);
		if (sig.fault != signature_rows[i].fault)
			fail_msg("%s: \"%.*s\"", signature_rows[i].value, HK_FMT(hk_dkim_reason_text(sig.fault)));
		hk_arena_done(&a);
	}
}

static void the_defaults_of_a_signature_are_those_of_rfc_6376_3_5(void **state)
{
	struct hk_dkim_signature sig;
	struct hk_arena a;

	(void)state;
	hk_arena_init(&a, 1 << 20);
	assert_int_equal(hk_dkim_signature_parse(&a, HK_S("v=1; a=rsa-sha256; d=A.Test; s=s1; h=from; " BH "; b=AA AA; x=5"), &sig), HK_OK);
	assert_int_equal(sig.fault, HK_DKIM_R_OK);
	assert_int_equal(sig.header_canon, HK_CANON_SIMPLE);
	assert_int_equal(sig.body_canon, HK_CANON_SIMPLE);
	assert_true(hk_slice_eq(sig.d, HK_S("a.test")));
	assert_true(hk_slice_eq(sig.i, HK_S("@a.test")));
	assert_true(hk_slice_eq(sig.b_text, HK_S("AAAA")));
	assert_true(hk_slice_eq(sig.b_span, HK_S("AA AA")));
	assert_int_equal(hk_dkim_signature_parse(&a, HK_S("b = AAAA \r\n ; v=1; a=rsa-sha256; d=a.test; s=s1; h=from; " BH "; c=relaxed"), &sig), HK_OK);
	assert_int_equal(sig.header_canon, HK_CANON_RELAXED);
	assert_int_equal(sig.body_canon, HK_CANON_SIMPLE);
	assert_true(hk_slice_eq(sig.b_span, HK_S(" AAAA \r\n ")));
	hk_arena_done(&a);
}

static void h_holds_512_names_and_not_513(void **state)
{
	unsigned n;

	(void)state;
	for (n = HK_DKIM_MAX_HEADERS - 1; n <= HK_DKIM_MAX_HEADERS + 1; n++) {
		struct hk_dkim_signature sig;
		struct hk_arena a;
		struct hk_buf b;
		unsigned i;

		hk_arena_init(&a, 1 << 20);
		hk_buf_init(&b, 65536);
		hk_buf_add_str(&b, GOOD "; x=1");
		hk_buf_reset(&b);
		hk_buf_add_str(&b, "v=1; a=rsa-sha256; d=a.test; s=s1; " BH "; b=AAAA; h=from");
		for (i = 1; i < n; i++)
			hk_buf_add_str(&b, ":x");
		assert_int_equal(hk_dkim_signature_parse(&a, hk_buf_slice(&b), &sig), HK_OK);
		assert_int_equal(sig.fault, n > HK_DKIM_MAX_HEADERS ? HK_DKIM_R_HEADERS_LIMIT : HK_DKIM_R_OK);
		hk_buf_done(&b);
		hk_arena_done(&a);
	}
}

/* ---- the key record ------------------------------------------------------------------------------------- */

static const struct {
	const char *record;
	enum hk_sign_alg alg;
	enum hk_dkim_reason reason;
} key_rows[] = {
    {"v=DKIM1; k=rsa; p=AAAA", HK_SIGN_RSA_SHA256, HK_DKIM_R_OK},
    {"p=AAAA", HK_SIGN_RSA_SHA256, HK_DKIM_R_OK},
    {"k=rsa; v=DKIM1; p=AAAA", HK_SIGN_RSA_SHA256, HK_DKIM_R_KEY_VERSION},
    {"v=DKIM2; p=AAAA", HK_SIGN_RSA_SHA256, HK_DKIM_R_KEY_VERSION},
    {"v=dkim1; p=AAAA", HK_SIGN_RSA_SHA256, HK_DKIM_R_KEY_VERSION},
    {"v=spf1 -all", HK_SIGN_RSA_SHA256, HK_DKIM_R_KEY_VERSION},
    {"v=DKIM1", HK_SIGN_RSA_SHA256, HK_DKIM_R_KEY_SYNTAX},
    {"v=DKIM1; p=AA*A", HK_SIGN_RSA_SHA256, HK_DKIM_R_KEY_SYNTAX},
    {"v=DKIM1; p=AAAA; p=AAAA", HK_SIGN_RSA_SHA256, HK_DKIM_R_KEY_SYNTAX},
    {"", HK_SIGN_RSA_SHA256, HK_DKIM_R_KEY_SYNTAX},
    {"v=DKIM1; p=", HK_SIGN_RSA_SHA256, HK_DKIM_R_KEY_REVOKED},
    {"v=DKIM1; k=ed25519; p=", HK_SIGN_RSA_SHA256, HK_DKIM_R_KEY_REVOKED},
    {"v=DKIM1; k=dsa; p=AAAA", HK_SIGN_RSA_SHA256, HK_DKIM_R_KEY_TYPE},
    {"v=DKIM1; k=ed25519; p=AAAA", HK_SIGN_RSA_SHA256, HK_DKIM_R_KEY_TYPE},
    {"v=DKIM1; k=ed25519; p=AAAA", HK_SIGN_ED25519_SHA256, HK_DKIM_R_OK},
    {"v=DKIM1; p=AAAA", HK_SIGN_ED25519_SHA256, HK_DKIM_R_KEY_TYPE},
    {"v=DKIM1; h=sha256; p=AAAA", HK_SIGN_RSA_SHA256, HK_DKIM_R_OK},
    {"v=DKIM1; h=sha1 : sha256; p=AAAA", HK_SIGN_RSA_SHA256, HK_DKIM_R_OK},
    {"v=DKIM1; h=sha1; p=AAAA", HK_SIGN_RSA_SHA256, HK_DKIM_R_KEY_HASH},
    {"v=DKIM1; h=sha1; p=AAAA", HK_SIGN_RSA_SHA1, HK_DKIM_R_OK},
    {"v=DKIM1; h=sha256; p=AAAA", HK_SIGN_RSA_SHA1, HK_DKIM_R_KEY_HASH},
    {"v=DKIM1; s=*; p=AAAA", HK_SIGN_RSA_SHA256, HK_DKIM_R_OK},
    {"v=DKIM1; s=other:email; p=AAAA", HK_SIGN_RSA_SHA256, HK_DKIM_R_OK},
    {"v=DKIM1; s=tlsrpt; p=AAAA", HK_SIGN_RSA_SHA256, HK_DKIM_R_KEY_SERVICE},
    {"v=DKIM1; t=y:s:other; n=notes; g=*; p=AA AA", HK_SIGN_RSA_SHA256, HK_DKIM_R_OK},
};

static void key_records_are_judged_by_rfc_6376_3_6_1(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(key_rows); i++) {
		enum hk_dkim_reason reason;
		struct hk_dkim_key key;
		struct hk_arena a;

		hk_arena_init(&a, 1 << 20);
		assert_int_equal(hk_dkim_key_parse(&a, hk_slice_str(key_rows[i].record), &key), HK_OK);
		reason = hk_dkim_key_fits(&key, key_rows[i].alg);
		if (reason != key_rows[i].reason)
			fail_msg("%s: \"%.*s\"", key_rows[i].record, HK_FMT(hk_dkim_reason_text(reason)));
		hk_arena_done(&a);
	}
}

static void a_key_record_has_4096_octets_at_most(void **state)
{
	size_t n;

	(void)state;
	for (n = HK_DKIM_KEY_RECORD_MAX - 1; n <= HK_DKIM_KEY_RECORD_MAX + 1; n++) {
		struct hk_dkim_key key;
		struct hk_arena a;
		struct hk_buf b;

		hk_arena_init(&a, 1 << 20);
		hk_buf_init(&b, 8192);
		hk_buf_add_str(&b, "p=AAAA; n=");
		while (b.n < n)
			hk_buf_add_byte(&b, 'x');
		assert_int_equal(hk_dkim_key_parse(&a, hk_buf_slice(&b), &key), HK_OK);
		assert_int_equal(key.fault, n > HK_DKIM_KEY_RECORD_MAX ? HK_DKIM_R_KEY_LONG : HK_DKIM_R_OK);
		hk_buf_done(&b);
		hk_arena_done(&a);
	}
}

/* ---- sign, then verify ----------------------------------------------------------------------------------- */

static const char *const bodies[] = {
    "",
    "\r\n",
    "\r\n\r\n\r\n",
    "Hello user1@dkim.b.test!\r\n",
    "no line end",
    "trailing white space \t \r\nand  inner\twhite   space\r\n\r\n\r\n",
    " leading\r\n\r\n\r\ntext after empty lines\r\n",
    "a CR \r alone\r\n",
    "..dots\r\n.\r\n",
};

static void round_trip(enum hk_sign_alg alg, enum hk_canon header, enum hk_canon body, const char *text)
{
	const struct hk_private_key *key = alg == HK_SIGN_ED25519_SHA256 ? keys.ed25519 : keys.rsa;
	struct hk_dkim_sign_options o = {.d = HK_S("A.test"), .s = HK_S("s1"), .alg = alg, .header_canon = header, .body_canon = body, .now = NOW};
	struct letter l = a_letter(text), changed;
	struct hk_slice field = {0};
	struct world w;
	int cut;

	world_init(&w);
	publish(&w, "s1._domainkey.a.test", key);
	for (cut = 0; cut < CUTS; cut++) {
		struct letter sent;
		struct check c;

		/* RSA and Ed25519 signatures are both deterministic, so the cut must not show in the field */
		struct hk_slice again = sign_letter(&w.arena, &l, &o, key, (enum cut)cut);

		assert_true(field.n == 0 || hk_slice_eq(field, again));
		field = again;
		sent = with_field(&w.arena, field, &l);
		check_begin(&c, message_of(&w.arena, &sent), &(struct hk_dkim_verify_options){.now = NOW});
		check_run(&c, &w, (enum cut)cut);
		expect_verdict(&c, 0, HK_DKIM_PASS, "");
		assert_true(check_verdict(&c, 0)->body_hash_ok);
		assert_true(check_verdict(&c, 0)->signature_checked);
		assert_true(check_verdict(&c, 0)->is_aligned_by_length);
		assert_int_equal(check_verdict(&c, 0)->key_bits, alg == HK_SIGN_ED25519_SHA256 ? 256 : 2048);
		assert_true(hk_slice_eq(check_verdict(&c, 0)->i, HK_S("@a.test")));
		check_done(&c);
	}
	changed = with_field(&w.arena, field, &l);
	changed.body = joined(&w.arena, l.body, HK_S("x"));
	for (cut = 0; cut < CUTS; cut++) {
		struct check c;

		check_begin(&c, message_of(&w.arena, &changed), &(struct hk_dkim_verify_options){.now = NOW});
		check_run(&c, &w, (enum cut)cut);
		expect_verdict(&c, 0, HK_DKIM_FAIL, "body hash mismatch");
		assert_false(check_verdict(&c, 0)->body_hash_ok);
		check_done(&c);
	}
	world_done(&w);
}

static void what_is_signed_verifies_in_every_form_and_cut(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bodies) * 8; i++)
		round_trip(i & 4 ? HK_SIGN_ED25519_SHA256 : HK_SIGN_RSA_SHA256, i & 2 ? HK_CANON_RELAXED : HK_CANON_SIMPLE,
		    i & 1 ? HK_CANON_RELAXED : HK_CANON_SIMPLE, bodies[i / 8]);
}

/* S0-080 S0-081 S0-085 S0-089 */
static void the_field_is_oversigned_and_folded(void **state)
{
	static const char expected[] = "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=pass.dkim.a.test;\r\n"
	                               "\ts=smtpbook; t=1731333570;\r\n"
	                               "\th=from:from:reply-to:subject:subject:date:date:message-id:message-id:\r\n"
	                               "\t to:to:cc; bh=";
	static const char plain[] = "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=pass.dkim.a.test;\r\n"
	                            "\ts=smtpbook; t=1731333570; x=1731419970;\r\n"
	                            "\th=from:to:subject; bh=0pdj9wqws+KIJQq";
	struct hk_dkim_sign_options o = {.d = HK_S("pass.dkim.a.test"), .s = HK_S("smtpbook"), .header_canon = HK_CANON_RELAXED, .body_canon = HK_CANON_RELAXED, .now = NOW};
	struct letter l = a_letter("Hello user1@dkim.b.test!\r\n");
	struct hk_slice field, line, rest;
	struct hk_arena a;

	(void)state;
	hk_arena_init(&a, 1 << 20);
	field = sign_letter(&a, &l, &o, keys.rsa, CUT_WHOLE);
	assert_true(hk_slice_eq(hk_slice_sub(field, 0, sizeof expected - 1), hk_slice_str(expected)));
	/* S0-082 */
	assert_true(hk_slice_eq(hk_slice_sub(field, sizeof expected - 1, 44), HK_S("0pdj9wqws+KIJQqIWGPQakvN114IPDt1CK4ekSU+NIs=")));
	/* 344 characters of base64, five lines of at most 70 */
	assert_int_equal(field.n, sizeof expected - 1 + 44 + strlen(";\r\n\tb=") + 344 + 4 * strlen("\r\n\t") + 2);
	rest = field;
	while (take_line(&rest, &line))
		assert_true(line.n <= 78);
	o.expire = NOW + 86400;
	o.no_oversign = true;
	o.headers = HK_S("From:X-None:To:Subject:from");
	field = sign_letter(&a, &l, &o, keys.rsa, CUT_WHOLE);
	assert_true(hk_slice_eq(hk_slice_sub(field, 0, sizeof plain - 1), hk_slice_str(plain)));
	hk_arena_done(&a);
}

/* S0-083 */
static void the_body_hash_of_the_dmarc_scenarios_is_the_seeds(void **state)
{
	struct hk_dkim_sign_options o = {.d = HK_S("a.test"), .s = HK_S("s"), .header_canon = HK_CANON_RELAXED, .body_canon = HK_CANON_RELAXED};
	struct letter l = a_letter("Hello user1@dmarc.b.test!\r\n");
	struct hk_dkim_signature sig;
	struct hk_slice field;
	struct hk_arena a;
	struct hk_buf b;

	(void)state;
	hk_arena_init(&a, 1 << 20);
	field = sign_letter(&a, &l, &o, keys.rsa, CUT_BYTES);
	assert_int_equal(hk_dkim_signature_parse(&a, hk_slice_from(hk_slice_sub(field, 0, field.n - 2), 15), &sig), HK_OK);
	hk_buf_init(&b, 64);
	hk_base64_add(&b, sig.bh);
	assert_true(hk_slice_eq(hk_buf_slice(&b), HK_S("4O5lFigIhxLU8If/5QjKchggSnc7Yxld80E41+l39XE=")));
	hk_buf_done(&b);
	hk_arena_done(&a);
}

static void what_cannot_be_signed_is_refused(void **state)
{
	static const struct {
		const char *header, *d, *s, *headers;
		enum hk_sign_alg alg;
		int64_t expire;
		enum hk_status status;
	} rows[] = {
	    {"From: a@a.test\r\n", "a.test", "s", "", HK_SIGN_RSA_SHA256, 0, HK_OK},
	    {"To: a@a.test\r\n", "a.test", "s", "", HK_SIGN_RSA_SHA256, 0, HK_SYNTAX},
	    {"", "a.test", "s", "", HK_SIGN_RSA_SHA256, 0, HK_SYNTAX},
	    {"From: a@a.test\r\n", "a.test", "s", "to:subject", HK_SIGN_RSA_SHA256, 0, HK_BUG},
	    {"From: a@a.test\r\n", "a.test", "s", "from:", HK_SIGN_RSA_SHA256, 0, HK_BUG},
	    {"From: a@a.test\r\n", "test", "s", "", HK_SIGN_RSA_SHA256, 0, HK_SYNTAX},
	    {"From: a@a.test\r\n", "a.test;", "s", "", HK_SIGN_RSA_SHA256, 0, HK_SYNTAX},
	    {"From: a@a.test\r\n", "a.test", "s;", "", HK_SIGN_RSA_SHA256, 0, HK_SYNTAX},
	    {"From: a@a.test\r\n", "a.test", "", "", HK_SIGN_RSA_SHA256, 0, HK_SYNTAX},
	    {"From: a@a.test\r\n", "a.test", "s", "", HK_SIGN_RSA_SHA1, 0, HK_BUG},
	    {"From: a@a.test\r\n", "a.test", "s", "", HK_SIGN_RSA_SHA256, NOW, HK_BUG},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct hk_dkim_sign_options o = {.d = hk_slice_str(rows[i].d), .s = hk_slice_str(rows[i].s), .alg = rows[i].alg, .headers = hk_slice_str(rows[i].headers), .now = NOW, .expire = rows[i].expire};
		struct hk_slice digest = {0};
		struct hk_header header;
		struct hk_dkim_sign *s;
		struct hk_arena a;
		struct hk_buf out;

		hk_arena_init(&a, 1 << 20);
		hk_buf_init(&out, 4096);
		assert_int_equal(hk_header_parse(&a, hk_slice_str(rows[i].header), &header), HK_OK);
		s = hk_dkim_sign_new(&a, &o, &header);
		assert_non_null(s);
		assert_int_equal(hk_dkim_sign_end(s, &digest), rows[i].status);
		assert_int_equal(digest.n, rows[i].status == HK_OK ? 32 : 0);
		assert_int_equal(hk_dkim_sign_finish(s, HK_S("x"), &out), rows[i].status == HK_OK ? HK_OK : HK_BUG);
		hk_dkim_sign_done(s);
		hk_buf_done(&out);
		hk_arena_done(&a);
	}
}

/* The signer keeps to the limit of the verifier: from once more than it occurs, and 509, 510 or 511 of the others. */
static void a_signature_never_lists_more_names_than_a_verifier_takes(void **state)
{
	unsigned n;

	(void)state;
	for (n = HK_DKIM_MAX_HEADERS - 4; n <= HK_DKIM_MAX_HEADERS - 2; n++) {
		struct hk_dkim_sign_options o = {.d = HK_S("a.test"), .s = HK_S("s"), .headers = HK_S("from:x")};
		struct hk_header header;
		struct hk_slice digest;
		struct hk_dkim_sign *s;
		struct hk_arena a;
		struct hk_buf b;
		unsigned i;

		hk_arena_init(&a, 4 << 20);
		hk_buf_init(&b, 65536);
		hk_buf_add_str(&b, "From: a@a.test\r\n");
		for (i = 0; i < n; i++)
			hk_buf_add_str(&b, "X: y\r\n");
		assert_int_equal(hk_header_parse(&a, hk_buf_slice(&b), &header), HK_OK);
		s = hk_dkim_sign_new(&a, &o, &header);
		assert_int_equal(hk_dkim_sign_end(s, &digest), 2 + n + 1 > HK_DKIM_MAX_HEADERS ? HK_LIMIT : HK_OK);
		hk_dkim_sign_done(s);
		hk_buf_done(&b);
		hk_arena_done(&a);
	}
}

/* ---- verdicts -------------------------------------------------------------------------------------------------- */

#define BASE "v=1; a=ed25519-sha256; d=a.test; s=s1; h=from:to:subject"

/* A letter with one forged field, verified at NOW against a key record with these tags. */
static void expect_forged(const char *tags, const char *key_tags, const char *body, enum hk_dkim_result result, const char *reason)
{
	struct letter l = a_letter("line one\r\nline two\r\n"), sent;
	struct world w;
	struct check c;

	world_init(&w);
	world_txt(&w, "s1._domainkey.a.test", key_record(&w.arena, keys.ed25519, key_tags));
	sent = with_field(&w.arena, forge(&w.arena, &l, tags, keys.ed25519), &l);
	if (body)
		sent.body = hk_slice_str(body);
	check_begin(&c, message_of(&w.arena, &sent), &(struct hk_dkim_verify_options){.now = NOW});
	check_run(&c, &w, CUT_RANDOM);
	expect_verdict(&c, 0, result, reason);
	check_done(&c);
	world_done(&w);
}

static void times_are_judged_with_300_seconds_of_drift(void **state)
{
	static const struct {
		const char *tag;
		int64_t at;
		enum hk_dkim_result result;
		const char *reason;
	} rows[] = {
	    {"x", NOW + 1, HK_DKIM_PASS, ""},
	    {"x", NOW - HK_DKIM_CLOCK_DRIFT + 1, HK_DKIM_PASS, ""},
	    {"x", NOW - HK_DKIM_CLOCK_DRIFT, HK_DKIM_PASS, ""},
	    {"x", NOW - HK_DKIM_CLOCK_DRIFT - 1, HK_DKIM_FAIL, "signature expired"},
	    {"x", 0, HK_DKIM_FAIL, "signature expired"},
	    {"x", INT64_MAX, HK_DKIM_PASS, ""},
	    {"t", NOW + HK_DKIM_CLOCK_DRIFT - 1, HK_DKIM_PASS, ""},
	    {"t", NOW + HK_DKIM_CLOCK_DRIFT, HK_DKIM_PASS, ""},
	    {"t", NOW + HK_DKIM_CLOCK_DRIFT + 1, HK_DKIM_NEUTRAL, "signed in the future"},
	    {"t", INT64_MAX, HK_DKIM_NEUTRAL, "signed in the future"},
	    {"t", 0, HK_DKIM_PASS, ""},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		char tags[256];

		snprintf(tags, sizeof tags, BASE "; %s=%lld", rows[i].tag, (long long)rows[i].at);
		expect_forged(tags, "v=DKIM1;", NULL, rows[i].result, rows[i].reason);
	}
}

static void flags_and_identities_meet_as_rfc_6376_3_6_1_says(void **state)
{
	(void)state;
	expect_forged(BASE "; i=user@a.test", "v=DKIM1; t=s;", NULL, HK_DKIM_PASS, "");
	expect_forged(BASE "; i=user@sub.a.test", "v=DKIM1;", NULL, HK_DKIM_PASS, "");
	expect_forged(BASE "; i=user@sub.a.test", "v=DKIM1; t=y:s;", NULL, HK_DKIM_PERMERROR, "key wants i= to equal d=");
	expect_forged(BASE, "v=DKIM1; s=tlsrpt;", NULL, HK_DKIM_PERMERROR, "key is not for mail");
	expect_forged(BASE, "v=DKIM1; h=sha1;", NULL, HK_DKIM_PERMERROR, "key does not allow the hash");
	expect_forged(BASE, "v=DKIM1; h=sha256:other; s=email;", NULL, HK_DKIM_PASS, "");
	expect_forged(BASE, "v=DKIM1;", "line one\r\nline 2\r\n", HK_DKIM_FAIL, "body hash mismatch");
	expect_forged(BASE "; q=other", "v=DKIM1;", NULL, HK_DKIM_NEUTRAL, "unknown query method in q=");
}

/* l= of 3.5 and 8.2: the canonical body has 20 octets. */
static void a_length_that_leaves_text_unsigned_is_told(void **state)
{
	static const struct {
		const char *l, *body; /* body NULL: as signed */
		enum hk_dkim_result result;
		const char *reason;
		bool has_length, is_aligned;
	} rows[] = {
	    {"", NULL, HK_DKIM_PASS, "", false, true},
	    {"; l=20", NULL, HK_DKIM_PASS, "", true, true},
	    {"; l=19", NULL, HK_DKIM_PASS, "", true, false},
	    {"; l=0", NULL, HK_DKIM_PASS, "", true, false},
	    {"; l=20", "line one\r\nline two\r\nappended\r\n", HK_DKIM_PASS, "", true, false},
	    {"; l=20", "line 1\r\nline two\r\nappended\r\n", HK_DKIM_FAIL, "body hash mismatch", true, false},
	    {"; l=21", NULL, HK_DKIM_PERMERROR, "body shorter than l=", true, false},
	    {"; l=99999999999999999999999", NULL, HK_DKIM_PERMERROR, "body shorter than l=", true, false},
	};
	size_t i;
	int cut;

	(void)state;
	for (i = 0; i < COUNT(rows) * CUTS; i++) {
		struct letter l = a_letter("line one\r\nline two\r\n"), sent;
		struct world w;
		struct check c;
		char tags[256];

		cut = (int)(i % CUTS);
		world_init(&w);
		publish(&w, "s1._domainkey.a.test", keys.ed25519);
		snprintf(tags, sizeof tags, BASE "%s", rows[i / CUTS].l);
		sent = with_field(&w.arena, forge(&w.arena, &l, tags, keys.ed25519), &l);
		if (rows[i / CUTS].body)
			sent.body = hk_slice_str(rows[i / CUTS].body);
		check_begin(&c, message_of(&w.arena, &sent), &(struct hk_dkim_verify_options){.now = NOW});
		check_run(&c, &w, (enum cut)cut);
		expect_verdict(&c, 0, rows[i / CUTS].result, rows[i / CUTS].reason);
		assert_int_equal(check_verdict(&c, 0)->has_length, rows[i / CUTS].has_length);
		assert_int_equal(check_verdict(&c, 0)->is_aligned_by_length, rows[i / CUTS].is_aligned);
		check_done(&c);
		world_done(&w);
	}
}

/* Fields are taken from the bottom up (5.4.2): with one "from" in h=, the lower From is the signed one. */
static void repeated_fields_are_taken_from_the_bottom(void **state)
{
	struct letter l = {.header = HK_S("From: lower@a.test\r\nTo: x@b.test\r\n"), .body = HK_S("text\r\n")}, sent;
	struct hk_slice field;
	struct world w;
	struct check c;

	(void)state;
	world_init(&w);
	publish(&w, "s1._domainkey.a.test", keys.ed25519);
	field = forge(&w.arena, &l, "v=1; a=ed25519-sha256; d=a.test; s=s1; h=from", keys.ed25519);
	sent = with_field(&w.arena, joined(&w.arena, HK_S("From: upper@b.test\r\n"), field), &l);
	check_begin(&c, message_of(&w.arena, &sent), &(struct hk_dkim_verify_options){.now = NOW});
	check_run(&c, &w, CUT_WHOLE);
	expect_verdict(&c, 0, HK_DKIM_PASS, "");
	assert_int_equal(check_verdict(&c, 0)->field, 1);
	check_done(&c);
	sent = with_field(&w.arena, field, &l);
	sent.header = joined(&w.arena, sent.header, HK_S("From: lowest@b.test\r\n"));
	check_begin(&c, message_of(&w.arena, &sent), &(struct hk_dkim_verify_options){.now = NOW});
	check_run(&c, &w, CUT_WHOLE);
	expect_verdict(&c, 0, HK_DKIM_FAIL, "signature mismatch");
	check_done(&c);
	world_done(&w);
}

static void rsa_keys_below_the_minimum_are_policy_by_rfc_8301_3_2(void **state)
{
	static const struct {
		unsigned least;
		enum hk_dkim_result result;
		const char *reason;
	} rows[] = {{0, HK_DKIM_PASS, ""}, {1023, HK_DKIM_PASS, ""}, {1024, HK_DKIM_PASS, ""}, {1025, HK_DKIM_POLICY, "key too short"}};
	struct hk_dkim_sign_options o = {.d = HK_S("a.test"), .s = HK_S("s1")};
	struct letter l = a_letter("text\r\n"), sent;
	struct world w;
	size_t i;

	(void)state;
	world_init(&w);
	publish(&w, "s1._domainkey.a.test", keys.rsa_short);
	sent = with_field(&w.arena, sign_letter(&w.arena, &l, &o, keys.rsa_short, CUT_WHOLE), &l);
	for (i = 0; i < COUNT(rows); i++) {
		struct check c;

		check_begin(&c, message_of(&w.arena, &sent), &(struct hk_dkim_verify_options){.now = NOW, .min_rsa_bits = rows[i].least});
		check_run(&c, &w, CUT_WHOLE);
		expect_verdict(&c, 0, rows[i].result, rows[i].reason);
		assert_int_equal(check_verdict(&c, 0)->key_bits, 1024);
		check_done(&c);
	}
	world_done(&w);
}

/* S4-088 */
static void rsa_sha1_is_a_permerror_by_rfc_8301_3_1(void **state)
{
	static const char message[] = "DKIM-Signature: v=1; a=rsa-sha1; d=a.test; s=s1; h=from; bh=AAAAAAAAAAAAAAAAAAAAAAAAAAA=; b=AAAA\r\n"
	                              "From: a@a.test\r\n\r\ntext\r\n";
	struct world w;
	struct check c;

	(void)state;
	world_init(&w);
	publish(&w, "s1._domainkey.a.test", keys.rsa);
	check_begin(&c, hk_slice_str(message), &(struct hk_dkim_verify_options){.now = NOW});
	check_run(&c, &w, CUT_WHOLE);
	assert_int_equal(c.questions, 0);
	expect_verdict(&c, 0, HK_DKIM_PERMERROR, "rsa-sha1 is no longer valid");
	check_done(&c);
	check_begin(&c, hk_slice_str(message), &(struct hk_dkim_verify_options){.now = NOW, .allow_sha1 = true});
	check_run(&c, &w, CUT_WHOLE);
	assert_int_equal(c.questions, 1);
	expect_verdict(&c, 0, HK_DKIM_FAIL, "body hash mismatch");
	check_done(&c);
	world_done(&w);
}

/* ---- keys in DNS ------------------------------------------------------------------------------------------------- */

enum records { NONE, FAILURE, GOOD_KEY, WRONG_KEY, RSA_KEY, REVOKED, SPF, NOISE };

static void add_records(struct world *w, const enum records *kinds)
{
	const char *name = "s1._domainkey.a.test";

	for (; *kinds != NONE; kinds++) {
		struct hk_slice good = key_record(&w->arena, keys.ed25519, "v=DKIM1;"), text = good;

		if (*kinds == FAILURE) {
			world_failure(w, name);
			continue;
		}
		if (*kinds == WRONG_KEY)
			text = HK_S("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
		else if (*kinds == RSA_KEY)
			text = key_record(&w->arena, keys.rsa, "v=DKIM1;");
		else if (*kinds == REVOKED)
			text = HK_S("v=DKIM1; k=ed25519; p=");
		else if (*kinds == SPF)
			text = HK_S("v=spf1 -all");
		else if (*kinds == NOISE)
			text = HK_S("google-site-verification: 1");
		world_txt(w, name, text);
	}
}

/* RFC 6376 3.6.2.2 and 6.1.2. */
static void the_answer_to_the_key_question_decides(void **state)
{
	static const struct {
		enum records kinds[4];
		enum hk_dkim_result result;
		const char *reason;
	} rows[] = {
	    {{NONE}, HK_DKIM_PERMERROR, "no key"},
	    {{FAILURE}, HK_DKIM_TEMPERROR, "key unavailable"},
	    {{GOOD_KEY}, HK_DKIM_PASS, ""},
	    {{WRONG_KEY}, HK_DKIM_FAIL, "signature mismatch"},
	    {{REVOKED}, HK_DKIM_PERMERROR, "key revoked"},
	    {{RSA_KEY}, HK_DKIM_PERMERROR, "key type does not fit a="},
	    {{SPF}, HK_DKIM_PERMERROR, "not a DKIM1 key record"},
	    {{NOISE}, HK_DKIM_PERMERROR, "key syntax error"},
	    {{GOOD_KEY, SPF}, HK_DKIM_PASS, ""},
	    {{NOISE, RSA_KEY, GOOD_KEY}, HK_DKIM_PASS, ""},
	    {{REVOKED, GOOD_KEY}, HK_DKIM_PASS, ""},
	    {{GOOD_KEY, WRONG_KEY}, HK_DKIM_PERMERROR, "several keys"},
	    {{WRONG_KEY, GOOD_KEY}, HK_DKIM_PERMERROR, "several keys"},
	    {{RSA_KEY, SPF}, HK_DKIM_PERMERROR, "key type does not fit a="},
	};
	struct letter l = a_letter("text\r\n"), sent;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct world w;
		struct check c;

		world_init(&w);
		add_records(&w, rows[i].kinds);
		sent = with_field(&w.arena, forge(&w.arena, &l, BASE, keys.ed25519), &l);
		check_begin(&c, message_of(&w.arena, &sent), &(struct hk_dkim_verify_options){.now = NOW});
		check_run(&c, &w, CUT_WHOLE);
		expect_verdict(&c, 0, rows[i].result, rows[i].reason);
		/* the body hash is known whatever the key is */
		assert_true(check_verdict(&c, 0)->body_hash_ok);
		check_done(&c);
		world_done(&w);
	}
}

static void eight_key_records_are_read_and_nine_are_not(void **state)
{
	struct letter l = a_letter("text\r\n"), sent;
	unsigned n, i;

	(void)state;
	for (n = HK_DKIM_MAX_KEY_RECORDS - 1; n <= HK_DKIM_MAX_KEY_RECORDS + 1; n++) {
		struct world w;
		struct check c;

		world_init(&w);
		publish(&w, "s1._domainkey.a.test", keys.ed25519);
		for (i = 1; i < n; i++) {
			char text[32];

			snprintf(text, sizeof text, "noise %u", i);
			world_txt(&w, "s1._domainkey.a.test", hk_slice_str(text));
		}
		sent = with_field(&w.arena, forge(&w.arena, &l, BASE, keys.ed25519), &l);
		check_begin(&c, message_of(&w.arena, &sent), &(struct hk_dkim_verify_options){.now = NOW});
		check_run(&c, &w, CUT_WHOLE);
		if (n > HK_DKIM_MAX_KEY_RECORDS)
			expect_verdict(&c, 0, HK_DKIM_PERMERROR, "several keys");
		else
			expect_verdict(&c, 0, HK_DKIM_PASS, "");
		check_done(&c);
		world_done(&w);
	}
}

/* S0-088 */
static void the_strings_of_one_txt_record_are_joined_without_a_separator(void **state)
{
	struct hk_dkim_sign_options o = {.d = HK_S("a.test"), .s = HK_S("s1")};
	struct letter l = a_letter("text\r\n"), sent;
	struct hk_slice record;
	struct world w;
	struct check c;

	(void)state;
	world_init(&w);
	record = key_record(&w.arena, keys.rsa, "v=DKIM1;");
	assert_true(hk_slice_starts_nocase(record, HK_S("v=DKIM1; k=rsa; p=")));
	hk_buf_addf(&w.text, "s1._domainkey.a.test. IN TXT ( \"v=DKIM1; k=rsa; \" \"%.*s\"\n \"%.*s\" )\n",
	    HK_FMT(hk_slice_sub(record, 16, 200)), HK_FMT(hk_slice_from(record, 216)));
	sent = with_field(&w.arena, sign_letter(&w.arena, &l, &o, keys.rsa, CUT_WHOLE), &l);
	check_begin(&c, message_of(&w.arena, &sent), &(struct hk_dkim_verify_options){.now = NOW});
	check_run(&c, &w, CUT_WHOLE);
	expect_verdict(&c, 0, HK_DKIM_PASS, "");
	check_done(&c);
	world_done(&w);
}

/* ---- several signatures --------------------------------------------------------------------------------------------- */

/* n fields of stranger.test above one of the author's domain. */
static struct letter flooded(struct world *w, unsigned n, const char *author_tags)
{
	struct letter l = a_letter("text\r\n"), sent;
	struct hk_slice other = forge(&w->arena, &l, "v=1; a=ed25519-sha256; d=stranger.test; s=s1; h=from", keys.ed25519);
	unsigned i;

	sent = with_field(&w->arena, forge(&w->arena, &l, author_tags, keys.ed25519), &l);
	for (i = 0; i < n; i++)
		sent = with_field(&w->arena, other, &sent);
	publish(w, "s1._domainkey.stranger.test", keys.ed25519);
	publish(w, "s1._domainkey.a.test", keys.ed25519);
	return sent;
}

static void ten_signatures_are_evaluated_and_the_authors_first(void **state)
{
	unsigned n, i;

	(void)state;
	for (n = HK_DKIM_MAX_SIGNATURES - 2; n <= HK_DKIM_MAX_SIGNATURES; n++) {
		unsigned author;

		for (author = 0; author < 2; author++) {
			struct hk_dkim_verify_options o = {.now = NOW};
			struct letter sent;
			struct world w;
			struct check c;

			world_init(&w);
			sent = flooded(&w, n, BASE);
			if (author)
				o.author_domain = HK_S("Sub.A.test");
			check_begin(&c, message_of(&w.arena, &sent), &o);
			check_run(&c, &w, CUT_WHOLE);
			assert_int_equal(hk_dkim_verify_count(c.v), n + 1);
			for (i = 0; i <= n; i++) {
				/* over the limit, the lowest is left out: the author's, unless his come first */
				bool is_out = n + 1 > HK_DKIM_MAX_SIGNATURES && i == (author ? n - 1 : n);

				assert_int_equal(check_verdict(&c, i)->field, i);
				if (is_out)
					expect_verdict(&c, i, HK_DKIM_POLICY, "over the limit");
				else
					expect_verdict(&c, i, HK_DKIM_PASS, "");
			}
			/* one question for each selector and domain */
			assert_int_equal(c.questions, n + 1 > HK_DKIM_MAX_SIGNATURES && !author ? 1 : 2);
			check_done(&c);
			world_done(&w);
		}
	}
}

static void equal_body_hashes_are_computed_once(void **state)
{
	struct hk_slice hashes;
	struct hk_buf b;
	struct world w;
	struct check c;
	struct letter sent;

	(void)state;
	world_init(&w);
	sent = flooded(&w, 5, BASE "; c=simple/relaxed");
	check_begin(&c, message_of(&w.arena, &sent), &(struct hk_dkim_verify_options){.now = NOW});
	check_run(&c, &w, CUT_BYTES);
	hk_buf_init(&b, 4096);
	hk_dkim_body_hashes_format(c.v, &b);
	hashes = hk_buf_slice(&b);
	/* version 1, two hashes of 11 + 8 + 4 + 32 octets each */
	assert_int_equal(hashes.p[0], 1);
	assert_int_equal(hashes.p[1] * 256 + hashes.p[2], 2);
	assert_int_equal(hashes.n, 3 + 2 * 55);
	hk_buf_done(&b);
	check_done(&c);
	world_done(&w);
}

static void answers_are_awaited_and_strangers_refused(void **state)
{
	struct hk_dns_question q, stranger = {.name = HK_S("s1._domainkey.other.test"), .type = HK_DNS_TXT};
	struct hk_dns_answer answer = {.question = stranger, .rcode = HK_DNS_NXDOMAIN};
	struct letter sent;
	struct world w;
	struct check c;

	(void)state;
	world_init(&w);
	sent = flooded(&w, 1, BASE);
	check_begin(&c, message_of(&w.arena, &sent), &(struct hk_dkim_verify_options){.now = NOW});
	assert_int_equal(hk_dkim_verify_step(c.v), HK_AGAIN);
	assert_true(hk_dkim_verify_question(c.v, &q));
	assert_true(hk_slice_eq(q.name, HK_S("s1._domainkey.stranger.test")));
	assert_int_equal(q.type, HK_DNS_TXT);
	assert_true(hk_dkim_verify_question(c.v, &stranger));
	assert_true(hk_slice_eq(stranger.name, HK_S("s1._domainkey.a.test")));
	assert_false(hk_dkim_verify_question(c.v, &stranger));
	assert_int_equal(hk_dkim_verify_answer(c.v, &answer), HK_NOTFOUND);
	answer.question = (struct hk_dns_question){.name = q.name, .type = HK_DNS_A};
	assert_int_equal(hk_dkim_verify_answer(c.v, &answer), HK_NOTFOUND);
	answer = world_answer(&w, &c.arena, &q);
	assert_int_equal(hk_dkim_verify_answer(c.v, &answer), HK_OK);
	answer.rcode = HK_DNS_SERVFAIL; /* comes too late */
	assert_int_equal(hk_dkim_verify_answer(c.v, &answer), HK_OK);
	assert_int_equal(hk_dkim_verify_step(c.v), HK_AGAIN);
	answer = world_answer(&w, &c.arena, &(struct hk_dns_question){.name = HK_S("s1._domainkey.a.test"), .type = HK_DNS_TXT});
	assert_int_equal(hk_dkim_verify_answer(c.v, &answer), HK_OK);
	assert_int_equal(hk_dkim_verify_step(c.v), HK_AGAIN);
	hk_dkim_verify_body(c.v, c.body);
	hk_dkim_verify_end(c.v);
	assert_int_equal(hk_dkim_verify_step(c.v), HK_OK);
	expect_verdict(&c, 0, HK_DKIM_PASS, "");
	expect_verdict(&c, 1, HK_DKIM_PASS, "");
	check_done(&c);
	world_done(&w);
}

static void a_message_without_a_signature_needs_nothing(void **state)
{
	struct world w;
	struct check c;

	(void)state;
	world_init(&w);
	check_begin(&c, HK_S("From: a@a.test\r\n\r\ntext\r\n"), &(struct hk_dkim_verify_options){.now = NOW});
	assert_int_equal(hk_dkim_verify_step(c.v), HK_OK);
	assert_int_equal(hk_dkim_verify_count(c.v), 0);
	assert_null(hk_dkim_verify_result(c.v, 0));
	assert_int_equal(hk_trace_at(c.trace, 0)->event, HK_TRACE_DKIM_RESULT);
	assert_string_equal(hk_dkim_result_name(HK_DKIM_NONE), "none");
	assert_string_equal(hk_dkim_result_name(HK_DKIM_PERMERROR), "permerror");
	check_done(&c);
	world_done(&w);
}

static void the_trace_tells_every_step_in_order(void **state)
{
	static const enum hk_trace_event expected[] = {HK_TRACE_DKIM_SIGNATURE, HK_TRACE_DKIM_KEY, HK_TRACE_DKIM_BODY_HASH, HK_TRACE_DKIM_HEADERS, HK_TRACE_DKIM_CHECK, HK_TRACE_DKIM_RESULT};
	struct letter l = a_letter("text\r\n"), sent;
	struct world w;
	struct check c;
	size_t i;

	(void)state;
	world_init(&w);
	publish(&w, "s1._domainkey.a.test", keys.ed25519);
	sent = with_field(&w.arena, forge(&w.arena, &l, BASE, keys.ed25519), &l);
	check_begin(&c, message_of(&w.arena, &sent), &(struct hk_dkim_verify_options){.now = NOW});
	check_run(&c, &w, CUT_WHOLE);
	assert_int_equal(hk_trace_count(c.trace), COUNT(expected));
	for (i = 0; i < COUNT(expected); i++)
		assert_int_equal(hk_trace_at(c.trace, i)->event, expected[i]);
	assert_true(hk_slice_eq(hk_trace_at(c.trace, 3)->text[1], HK_S("3")));
	assert_true(hk_slice_eq(hk_trace_at(c.trace, 1)->text[3], HK_S("256")));
	check_done(&c);
	world_done(&w);
}

/* ---- replay ------------------------------------------------------------------------------------------------------------ */

static void replay(struct check *c, struct world *w, const struct letter *sent, struct hk_slice hashes, enum hk_status status)
{
	check_begin(c, message_of(&w->arena, sent), &(struct hk_dkim_verify_options){.now = NOW});
	assert_int_equal(hk_dkim_verify_replay_body(c->v, hashes), status);
	check_answer_all(c, w);
	assert_int_equal(hk_dkim_verify_step(c->v), status == HK_OK ? HK_OK : HK_AGAIN);
}

static void a_verdict_replays_from_its_body_hashes(void **state)
{
	struct letter sent, other = a_letter("text\r\n");
	struct hk_buf hashes, damaged;
	struct world w;
	struct check c, again;
	size_t i;

	(void)state;
	world_init(&w);
	sent = flooded(&w, 2, BASE "; c=simple/relaxed; l=3");
	check_begin(&c, message_of(&w.arena, &sent), &(struct hk_dkim_verify_options){.now = NOW});
	check_run(&c, &w, CUT_WHOLE);
	hk_buf_init(&hashes, 4096);
	hk_buf_init(&damaged, 4096);
	hk_dkim_body_hashes_format(c.v, &hashes);
	replay(&again, &w, &sent, hk_buf_slice(&hashes), HK_OK);
	for (i = 0; i < 3; i++) {
		expect_verdict(&again, i, HK_DKIM_PASS, "");
		assert_int_equal(check_verdict(&again, i)->is_aligned_by_length, i < 2);
	}
	assert_int_equal(hk_trace_count(again.trace), hk_trace_count(c.trace));
	assert_int_equal(hk_dkim_verify_replay_body(again.v, hk_buf_slice(&hashes)), HK_BUG);
	check_done(&again);
	for (i = 0; i < hashes.n; i++) {
		replay(&again, &w, &sent, hk_slice_sub(hk_buf_slice(&hashes), 0, i), HK_CORRUPT);
		check_done(&again);
	}
	hk_buf_add(&damaged, hk_buf_slice(&hashes));
	hk_buf_add_byte(&damaged, 0);
	replay(&again, &w, &sent, hk_buf_slice(&damaged), HK_CORRUPT);
	check_done(&again);
	damaged.p[0] = 2;
	replay(&again, &w, &sent, hk_buf_slice(&damaged), HK_VERSION);
	check_done(&again);
	sent = with_field(&w.arena, forge(&w.arena, &other, BASE "; c=relaxed/relaxed", keys.ed25519), &other);
	replay(&again, &w, &sent, hk_buf_slice(&hashes), HK_NOTFOUND);
	check_done(&again);
	hk_buf_done(&hashes);
	hk_buf_done(&damaged);
	check_done(&c);
	world_done(&w);
}

/* ---- memory ---------------------------------------------------------------------------------------------------------------- */

static enum hk_status verify_within(struct world *w, struct hk_slice section, struct hk_slice body, size_t limit)
{
	struct hk_arena a, answers;
	struct hk_header header;
	struct hk_dkim_verify *v;
	struct hk_dns_question q;
	enum hk_status status = HK_LIMIT;

	hk_arena_init(&a, limit);
	hk_arena_init(&answers, 1 << 20);
	assert_int_equal(hk_header_parse(&answers, section, &header), HK_OK);
	v = hk_dkim_verify_new(&a, &(struct hk_dkim_verify_options){.now = NOW}, &header, NULL);
	if (v) {
		status = HK_OK;
		hk_dkim_verify_body(v, body);
		hk_dkim_verify_end(v);
		while (status == HK_OK && hk_dkim_verify_question(v, &q)) {
			struct hk_dns_answer answer = world_answer(w, &answers, &q);

			status = hk_dkim_verify_answer(v, &answer);
		}
		if (status == HK_OK)
			status = hk_dkim_verify_step(v);
		if (status == HK_OK)
			assert_int_equal(hk_dkim_verify_result(v, 0)->result, HK_DKIM_PASS);
	}
	hk_dkim_verify_done(v);
	hk_arena_done(&a);
	hk_arena_done(&answers);
	return status;
}

static void an_arena_that_is_too_small_gives_limit_and_never_another_verdict(void **state)
{
	struct letter sent;
	struct world w;
	size_t limit;

	(void)state;
	world_init(&w);
	sent = flooded(&w, 2, BASE);
	for (limit = 0; verify_within(&w, sent.header, sent.body, limit) != HK_OK; limit += 16)
		assert_true(limit < 65536);
	assert_true(limit > 1000);
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(signature_fields_are_judged_by_rfc_6376_3_5),
	    cmocka_unit_test(the_defaults_of_a_signature_are_those_of_rfc_6376_3_5),
	    cmocka_unit_test(h_holds_512_names_and_not_513),
	    cmocka_unit_test(key_records_are_judged_by_rfc_6376_3_6_1),
	    cmocka_unit_test(a_key_record_has_4096_octets_at_most),
	    cmocka_unit_test(what_is_signed_verifies_in_every_form_and_cut),
	    cmocka_unit_test(the_field_is_oversigned_and_folded),
	    cmocka_unit_test(the_body_hash_of_the_dmarc_scenarios_is_the_seeds),
	    cmocka_unit_test(what_cannot_be_signed_is_refused),
	    cmocka_unit_test(a_signature_never_lists_more_names_than_a_verifier_takes),
	    cmocka_unit_test(times_are_judged_with_300_seconds_of_drift),
	    cmocka_unit_test(flags_and_identities_meet_as_rfc_6376_3_6_1_says),
	    cmocka_unit_test(a_length_that_leaves_text_unsigned_is_told),
	    cmocka_unit_test(repeated_fields_are_taken_from_the_bottom),
	    cmocka_unit_test(rsa_keys_below_the_minimum_are_policy_by_rfc_8301_3_2),
	    cmocka_unit_test(rsa_sha1_is_a_permerror_by_rfc_8301_3_1),
	    cmocka_unit_test(the_answer_to_the_key_question_decides),
	    cmocka_unit_test(eight_key_records_are_read_and_nine_are_not),
	    cmocka_unit_test(the_strings_of_one_txt_record_are_joined_without_a_separator),
	    cmocka_unit_test(ten_signatures_are_evaluated_and_the_authors_first),
	    cmocka_unit_test(equal_body_hashes_are_computed_once),
	    cmocka_unit_test(answers_are_awaited_and_strangers_refused),
	    cmocka_unit_test(a_message_without_a_signature_needs_nothing),
	    cmocka_unit_test(the_trace_tells_every_step_in_order),
	    cmocka_unit_test(a_verdict_replays_from_its_body_hashes),
	    cmocka_unit_test(an_arena_that_is_too_small_gives_limit_and_never_another_verdict),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
