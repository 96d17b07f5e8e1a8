/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "lib/dkim/dkim_internal.h"
#include "lib/dkim/dkim_test_letter.h"

/* ---- the signature field
 * ------------------------------------------------------------------------- */

#define BH   "bh=0pdj9wqws+KIJQqIWGPQakvN114IPDt1CK4ekSU+NIs="
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
    {"v=1; a=rsa-sha1; d=a.test; s=s1; h=from; bh=AAAAAAAAAAAAAAAAAAAAAAAAAAA=; b=AAAA",
        HK_DKIM_R_OK},
    {"v=1; a=rsa-sha1; d=a.test; s=s1; h=from; " BH "; b=AAAA", HK_DKIM_R_BODY_HASH_TEXT},
    /* S1-057: 39 characters are no SHA-256 */
    {"v=1; a=rsa-sha256; d=a.test; s=s1; h=from; bh=0pdj9wqws+KIJQqIWGPQakvN114IPDt1CK4ekSU; "
     "b=AAAA",
        HK_DKIM_R_BODY_HASH_TEXT},
    {"v=1; a=rsa-sha256; d=a.test; s=s1; h=from; bh=AAAA; b=AAAA", HK_DKIM_R_BODY_HASH_TEXT},
    {"v=1; a=rsa-sha256; d=a.test; s=s1; h=from; bh=; b=AAAA", HK_DKIM_R_BODY_HASH_TEXT},
    {"v=1; a=rsa-sha256; d=a.test; s=s1; h=from; " BH "; b=", HK_DKIM_R_SIGNATURE_TEXT},
    {"v=1; a=rsa-sha256; d=a.test; s=s1; h=from; " BH "; b=AA*A", HK_DKIM_R_SIGNATURE_TEXT},
    {"v=1; a=rsa-sha256; d=a.test; s=s1; h=from; " BH "; b=AAAA\r\n From: CEO <ceo@a.test>",
        HK_DKIM_R_SIGNATURE_TEXT},
    {"v=1; a=rsa-sha256; d=a.test; s=s1; h=from; " BH "; b=AA\r\n\tAA", HK_DKIM_R_OK},
    {"v=1; a=rsa-sha256; d=test; s=s1; h=from; " BH "; b=AAAA", HK_DKIM_R_DOMAIN},
    {"v=1; a=rsa-sha256; d=a.test.; s=s1; h=from; " BH "; b=AAAA", HK_DKIM_R_DOMAIN},
    {"v=1; a=rsa-sha256; d=a..test; s=s1; h=from; " BH "; b=AAAA", HK_DKIM_R_DOMAIN},
    {"v=1; a=rsa-sha256; d=a(b.test; s=s1; h=from; " BH "; b=AAAA", HK_DKIM_R_DOMAIN},
    /* RFC 8616 5 */
    {"v=1; a=rsa-sha256; d=\xc3\xa9.test; s=\xc3\xa9; i=@\xc3\xa9.test; h=from; " BH "; b=AAAA", HK_DKIM_R_OK},
    {"v=1; a=rsa-sha256; d=\xc3.test; s=s1; h=from; " BH "; b=AAAA", HK_DKIM_R_DOMAIN},
    {"v=1; a=rsa-sha256; d=xn--\xc3\xa9.test; s=s1; h=from; " BH "; b=AAAA", HK_DKIM_R_DOMAIN},
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
    {GOOD "; l=12345678901234567890123456789012345678901234567890123456789012345678901234567",
        HK_DKIM_R_LENGTH},
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
		assert_int_equal(
		    hk_dkim_signature_parse(&a, hk_slice_str(signature_rows[i].value), &sig),
		    HK_OK);
		if (sig.fault != signature_rows[i].fault)
			fail_msg("%s: \"%.*s\"", signature_rows[i].value,
			    HK_FMT(hk_dkim_reason_text(sig.fault)));
		hk_arena_done(&a);
	}
}

static void the_defaults_of_a_signature_are_those_of_rfc_6376_3_5(void **state)
{
	struct hk_dkim_signature sig;
	struct hk_arena a;

	(void)state;
	hk_arena_init(&a, 1 << 20);
	assert_int_equal(
	    hk_dkim_signature_parse(
	        &a, HK_S("v=1; a=rsa-sha256; d=A.Test; s=s1; h=from; " BH "; b=AA AA; x=5"), &sig),
	    HK_OK);
	assert_int_equal(sig.fault, HK_DKIM_R_OK);
	assert_int_equal(sig.header_canon, HK_CANON_SIMPLE);
	assert_int_equal(sig.body_canon, HK_CANON_SIMPLE);
	assert_true(hk_slice_eq(sig.d, HK_S("a.test")));
	assert_true(hk_slice_eq(sig.i, HK_S("@a.test")));
	assert_true(hk_slice_eq(sig.b_text, HK_S("AAAA")));
	assert_true(hk_slice_eq(sig.b_span, HK_S("AA AA")));
	assert_int_equal(hk_dkim_signature_parse(&a,
	                     HK_S("b = AAAA \r\n ; v=1; a=rsa-sha256; d=a.test; s=s1; h=from; " BH
	                          "; c=relaxed"),
	                     &sig),
	    HK_OK);
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
		hk_buf_add_str(&b, "v=1; a=rsa-sha256; d=a.test; s=s1; " BH "; b=AAAA; h=from");
		for (i = 1; i < n; i++)
			hk_buf_add_str(&b, ":x");
		assert_int_equal(hk_dkim_signature_parse(&a, hk_buf_slice(&b), &sig), HK_OK);
		assert_int_equal(
		    sig.fault, n > HK_DKIM_MAX_HEADERS ? HK_DKIM_R_HEADERS_LIMIT : HK_DKIM_R_OK);
		hk_buf_done(&b);
		hk_arena_done(&a);
	}
}

/* ---- the key record
 * ------------------------------------------------------------------------------------- */

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
		assert_int_equal(
		    hk_dkim_key_parse(&a, hk_slice_str(key_rows[i].record), &key), HK_OK);
		reason = hk_dkim_key_fits(&key, key_rows[i].alg);
		if (reason != key_rows[i].reason)
			fail_msg("%s: \"%.*s\"", key_rows[i].record,
			    HK_FMT(hk_dkim_reason_text(reason)));
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
		while (b.n < n && b.failed == HK_OK)
			hk_buf_add_byte(&b, 'x');
		assert_int_equal(hk_buf_status(&b), HK_OK);
		assert_int_equal(hk_dkim_key_parse(&a, hk_buf_slice(&b), &key), HK_OK);
		assert_int_equal(
		    key.fault, n > HK_DKIM_KEY_RECORD_MAX ? HK_DKIM_R_KEY_LONG : HK_DKIM_R_OK);
		hk_buf_done(&b);
		hk_arena_done(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(signature_fields_are_judged_by_rfc_6376_3_5),
	    cmocka_unit_test(the_defaults_of_a_signature_are_those_of_rfc_6376_3_5),
	    cmocka_unit_test(h_holds_512_names_and_not_513),
	    cmocka_unit_test(key_records_are_judged_by_rfc_6376_3_6_1),
	    cmocka_unit_test(a_key_record_has_4096_octets_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
