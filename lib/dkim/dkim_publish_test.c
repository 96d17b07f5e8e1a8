/* SPDX-License-Identifier: MIT */
#include <hikyaku/dkim.h>

#include "tests/unit.h"

/* SubjectPublicKeyInfo of RSA-2048 begins with 24 octets that are not RSAPublicKey's. */
enum { RSA_2048_PREFIX = 24 };

struct pair {
	struct hk_private_key *key;
	struct hk_buf record;
};

static void pair_new(enum hk_sign_alg alg, struct pair *ret)
{
	assert_int_equal(hk_private_key_new(alg, 2048, &ret->key), HK_OK);
	hk_buf_init(&ret->record, HK_DKIM_KEY_RECORD_MAX);
	assert_int_equal(hk_dkim_record_add(ret->key, alg, &ret->record), HK_OK);
}

static void pair_done(struct pair *p)
{
	hk_private_key_free(p->key);
	hk_buf_done(&p->record);
}

static void expect(struct hk_slice record, const struct hk_private_key *key, const char *reason)
{
	struct hk_slice told = {0};
	struct hk_arena a;
	struct hk_buf own;

	hk_arena_init(&a, 65536);
	assert_int_equal(hk_dkim_record_fits(&a, record, key, &told), *reason ? HK_NOTFOUND : HK_OK);
	assert_true(hk_slice_eq(told, hk_slice_str(reason)));
	/* its own record says as much as the key */
	told = (struct hk_slice){0};
	hk_buf_init(&own, HK_DKIM_KEY_RECORD_MAX);
	assert_int_equal(hk_dkim_record_add(key, hk_private_key_alg(key), &own), HK_OK);
	assert_int_equal(hk_dkim_record_fits_record(&a, record, hk_buf_slice(&own), &told),
	    *reason ? HK_NOTFOUND : HK_OK);
	assert_true(hk_slice_eq(told, hk_slice_str(reason)));
	assert_int_equal(
	    hk_dkim_record_fits_record(&a, record, HK_S("v=DKIM1; p="), &told), HK_SYNTAX);
	assert_int_equal(hk_dkim_record_fits_record(&a, record, HK_S("none"), &told), HK_SYNTAX);
	hk_buf_done(&own);
	hk_arena_done(&a);
}

static void a_record_fits_its_key_and_no_other(void **state)
{
	static const enum hk_sign_alg algs[] = {HK_SIGN_RSA_SHA256, HK_SIGN_ED25519_SHA256};
	struct pair one, other;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		pair_new(algs[i], &one);
		pair_new(algs[i], &other);
		expect(hk_buf_slice(&one.record), one.key, "");
		expect(hk_buf_slice(&one.record), other.key, "another key is published");
		pair_done(&other);
		pair_new(algs[1 - i], &other);
		expect(hk_buf_slice(&one.record), other.key, "key type does not fit a=");
		pair_done(&other);
		pair_done(&one);
	}
}

static void a_revoked_key_has_an_empty_p(void **state)
{
	struct pair one;

	(void)state;
	pair_new(HK_SIGN_ED25519_SHA256, &one);
	hk_buf_reset(&one.record);
	assert_int_equal(hk_dkim_record_add(NULL, HK_SIGN_ED25519_SHA256, &one.record), HK_OK);
	assert_true(hk_slice_eq(hk_buf_slice(&one.record), HK_S("v=DKIM1; k=ed25519; p=")));
	expect(hk_buf_slice(&one.record), one.key, "key revoked");
	pair_done(&one);
}

static void both_forms_of_an_rsa_key_fit(void **state)
{
	struct hk_buf public, text;
	struct pair one;

	(void)state;
	pair_new(HK_SIGN_RSA_SHA256, &one);
	hk_buf_init(&public, 4096);
	hk_buf_init(&text, 4096);
	assert_int_equal(hk_private_key_public_add(one.key, &public), HK_OK);
	hk_buf_add_str(&text, "p=");
	hk_base64_add(&text, hk_slice_from(hk_buf_slice(&public), RSA_2048_PREFIX));
	expect(hk_buf_slice(&text), one.key, "");
	hk_buf_reset(&text);
	hk_buf_add_str(&text, "p=");
	hk_base64_add(&text, hk_slice_from(hk_buf_slice(&public), RSA_2048_PREFIX + 1));
	expect(hk_buf_slice(&text), one.key, "key syntax error");
	hk_buf_done(&public);
	hk_buf_done(&text);
	pair_done(&one);
}

static void records_that_verifiers_refuse_do_not_fit(void **state)
{
	static const struct {
		const char *before, *reason;
	} cases[] = {
	    {"v=DKIM2; k=rsa; p=", "not a DKIM1 key record"},
	    {"v=DKIM1; h=sha1; p=", "key does not allow the hash"},
	    {"v=DKIM1; s=tlsrpt; p=", "key is not for mail"},
	    {"v=DKIM1; t=y; p=", ""},
	};
	struct hk_buf public, text;
	struct pair one;
	size_t i;

	(void)state;
	pair_new(HK_SIGN_RSA_SHA256, &one);
	hk_buf_init(&public, 4096);
	hk_buf_init(&text, 4096);
	assert_int_equal(hk_private_key_public_add(one.key, &public), HK_OK);
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		hk_buf_reset(&text);
		hk_buf_add_str(&text, cases[i].before);
		hk_base64_add(&text, hk_buf_slice(&public));
		expect(hk_buf_slice(&text), one.key, cases[i].reason);
	}
	expect(HK_S("v=spf1 -all"), one.key, "not a DKIM1 key record");
	hk_buf_done(&public);
	hk_buf_done(&text);
	pair_done(&one);
}

/* However little memory there is, the answer is the right one or none. */
static void a_full_arena_gives_no_verdict(void **state)
{
	struct hk_slice told = {0};
	enum hk_status status;
	struct hk_arena a;
	struct pair one;
	size_t limit = 0;

	(void)state;
	pair_new(HK_SIGN_RSA_SHA256, &one);
	do {
		hk_arena_init(&a, limit++);
		status = hk_dkim_record_fits(&a, hk_buf_slice(&one.record), one.key, &told);
		assert_true(status == HK_OK || status == HK_LIMIT);
		assert_int_equal(told.n, 0);
		hk_arena_done(&a);
	} while (status != HK_OK);
	assert_true(limit > 100);
	pair_done(&one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_record_fits_its_key_and_no_other),
	    cmocka_unit_test(a_revoked_key_has_an_empty_p),
	    cmocka_unit_test(both_forms_of_an_rsa_key_fit),
	    cmocka_unit_test(records_that_verifiers_refuse_do_not_fit),
	    cmocka_unit_test(a_full_arena_gives_no_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
