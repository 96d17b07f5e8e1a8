/* SPDX-License-Identifier: MIT
 *
 * threads_test.c - several threads use the library at once, each with objects of its own. Under ThreadSanitizer
 * ('./dev test') this finds what is shared.
 */
#include <pthread.h>

#include <hikyaku/explain.h>
#include <hikyaku/srs.h>

#include "tests/unit.h"

enum { THREADS = 8, ROUNDS = 12 };

static const char zone_text[] = "a.test. TXT \"v=spf1 include:b.test exists:%{i}.a.test -all\"\n"
				"b.test. TXT \"v=spf1 ip4:192.0.2.0/24 -all\"\n"
				"_dmarc.a.test. TXT \"v=DMARC1; p=reject\"\n";
static const struct hk_slice secret = S("secret");

static struct hk_private_key *key;
static pthread_barrier_t together;

/* A signed message and the key record, which this thread makes for itself with a key that all share. */
static void sign(struct hk_arena *a, struct hk_slice section, struct hk_buf *out, struct hk_buf *record)
{
	struct hk_dkim_sign_options o = {.size = sizeof o, .d = HK_S("a.test"), .s = HK_S("s"), .alg = HK_SIGN_ED25519_SHA256};
	uint8_t signature[HK_SIGNATURE_MAX];
	size_t n = sizeof signature;
	struct hk_header header;
	struct hk_dkim_sign *s;
	struct hk_slice digest;

	assert_int_equal(hk_header_parse(a, section, &header), HK_OK);
	s = hk_dkim_sign_new(a, &o, &header);
	assert_non_null(s);
	hk_dkim_sign_body(s, HK_S("hello\r\n"));
	assert_int_equal(hk_dkim_sign_end(s, &digest), HK_OK);
	assert_int_equal(hk_sign_digest(key, digest, signature, &n), HK_OK);
	assert_int_equal(hk_dkim_sign_finish(s, hk_slice_of(signature, n), out), HK_OK);
	hk_dkim_sign_done(s);
	hk_buf_add(out, section);
	assert_int_equal(hk_dkim_record_add(key, o.alg, record), HK_OK);
}

static void answer_all(struct hk_verify *v, const struct hk_zone *zone, struct hk_arena *a, struct hk_slice record)
{
	struct hk_dns_question q;

	while (hk_verify_step(v) == HK_AGAIN)
		while (hk_verify_question(v, &q)) {
			struct hk_dns_rr rr = {.type = HK_DNS_TXT, .data = record};
			struct hk_dns_answer answer = {.question = q, .rr = &rr, .n = 1};

			if (!hk_slice_eq(q.name, HK_S("s._domainkey.a.test")))
				assert_int_equal(hk_zone_answer(zone, a, &q, &answer), HK_OK);
			assert_int_equal(hk_verify_answer(v, &answer), HK_OK);
		}
}

static void one_message(struct hk_arena *a, struct hk_buf *out)
{
	struct hk_verify_input in = {.size = sizeof in, .checks = HK_CHECK_DMARC | HK_CHECK_SPF | HK_CHECK_DKIM,
	    .client = {4, {192, 0, 2, 7}}, .helo = HK_S("a.test"), .mail_from = HK_S("u@a.test"), .has_mail_from = true,
	    .authserv_id = HK_S("mx.test"), .now = 1731500000};
	struct hk_srs_config srs = {.size = sizeof srs, .secret = &secret, .n_secrets = 1, .domain = HK_S("f.test")};
	struct hk_srs_verdict rewritten;
	struct hk_zone *zone = NULL;
	struct hk_buf section, record, field;
	struct hk_verify *v = hk_verify_new(a, &in);

	hk_buf_init(&section, 65536);
	hk_buf_init(&record, 65536);
	hk_buf_init(&field, 65536);
	assert_non_null(v);
	assert_int_equal(hk_zone_parse(a, hk_slice_str(zone_text), &zone, NULL), HK_OK);
	sign(a, HK_S("From: u@a.test\r\nSubject: x\r\n"), &section, &record);
	assert_int_equal(hk_verify_header(v, hk_buf_slice(&section)), HK_OK);
	hk_verify_body(v, HK_S("hello\r\n"));
	hk_verify_end(v);
	answer_all(v, zone, a, hk_buf_slice(&record));
	hk_verify_authres(v, in.checks, HK_AUTHRES_RFC, in.authserv_id, &field);
	hk_buf_add(out, hk_buf_slice(&field));
	hk_explain_json(v, hk_buf_slice(&field), out);
	assert_int_equal(hk_srs_forward(&srs, in.mail_from, in.now, a, &rewritten), HK_OK);
	hk_buf_add(out, rewritten.address);
	hk_verify_done(v);
	hk_buf_done(&field);
	hk_buf_done(&record);
	hk_buf_done(&section);
}

static void *work(void *ret)
{
	struct hk_buf *out = ret;
	size_t i;

	pthread_barrier_wait(&together);
	for (i = 0; i < ROUNDS; i++) {
		struct hk_arena a;

		hk_arena_init(&a, HK_VERIFY_ARENA);
		hk_buf_reset(out);
		one_message(&a, out);
		hk_arena_done(&a);
	}
	hk_crypto_thread_end();
	return NULL;
}

static void threads_that_verify_at_once_agree_byte_for_byte(void **state)
{
	pthread_t thread[THREADS];
	struct hk_buf out[THREADS];
	size_t i;

	(void)state;
	assert_int_equal(hk_private_key_new(HK_SIGN_ED25519_SHA256, 0, &key), HK_OK);
	assert_int_equal(pthread_barrier_init(&together, NULL, THREADS), 0);
	for (i = 0; i < THREADS; i++) {
		hk_buf_init(&out[i], 1 << 20);
		assert_int_equal(pthread_create(&thread[i], NULL, work, &out[i]), 0);
	}
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	hk_buf_add_byte(&out[0], 0);
	assert_int_equal(hk_buf_status(&out[0]), HK_OK);
	assert_has((const char *)out[0].p, "dkim=pass");
	assert_has((const char *)out[0].p, "spf=pass");
	assert_has((const char *)out[0].p, "dmarc=pass");
	out[0].n--;
	for (i = 1; i < THREADS; i++)
		assert_slice(hk_buf_slice(&out[i]), hk_buf_slice(&out[0]));
	for (i = 0; i < THREADS; i++)
		hk_buf_done(&out[i]);
	pthread_barrier_destroy(&together);
	hk_private_key_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(threads_that_verify_at_once_agree_byte_for_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
