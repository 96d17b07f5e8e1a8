/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <hikyaku/dkim.h>

#include "io/keys.h"
#include "tests/unit.h"

static enum hk_sign_alg load(
    struct hk_keys *k, uint32_t generation, uint32_t index, enum hk_sign_alg alg)
{
	struct hk_private_key *key;
	enum hk_sign_alg got = HK_SIGN_RSA_SHA1;
	struct hk_buf pem, record, own;

	hk_buf_init(&pem, HK_KEYS_PEM_MAX);
	hk_buf_init(&record, HK_DKIM_KEY_RECORD_MAX);
	hk_buf_init(&own, HK_DKIM_KEY_RECORD_MAX);
	assert_int_equal(hk_private_key_new(alg, 1024, &key), HK_OK);
	assert_int_equal(hk_private_key_pem_add(key, &pem), HK_OK);
	assert_int_equal(
	    hk_keys_load(k, generation, index, hk_buf_slice(&pem), &got, &record), HK_OK);
	assert_int_equal(hk_dkim_record_add(key, alg, &own), HK_OK);
	assert_true(hk_slice_eq(hk_buf_slice(&record), hk_buf_slice(&own)));
	hk_buf_done(&pem);
	hk_buf_done(&record);
	hk_buf_done(&own);
	hk_private_key_free(key);
	return got;
}

static struct hk_keys_reply ask(struct hk_keys *k, const struct hk_keys_request *r)
{
	uint8_t request[HK_KEYS_REQUEST], answer[HK_KEYS_REPLY];
	struct hk_keys_reply reply;

	hk_keys_request_format(r, request);
	hk_keys_answer(k, hk_slice_of(request, sizeof request), answer);
	assert_int_equal(hk_keys_reply_parse(hk_slice_of(answer, sizeof answer), &reply), HK_OK);
	return reply;
}

static void a_key_signs_only_under_its_generation_index_and_algorithm(void **state)
{
	struct hk_keys *k = hk_keys_new();
	static const struct {
		struct hk_keys_request r;
		enum hk_status want;
	} rows[] = {
	    {{.seq = 1, .generation = 1, .key = 0, .alg = HK_SIGN_RSA_SHA256}, HK_OK},
	    {{.seq = 2, .generation = 1, .key = 1, .alg = HK_SIGN_ED25519_SHA256}, HK_OK},
	    {{.seq = 3, .generation = 1, .key = 1, .alg = HK_SIGN_RSA_SHA256}, HK_BUG},
	    {{.seq = 4, .generation = 1, .key = 2, .alg = HK_SIGN_RSA_SHA256}, HK_NOTFOUND},
	    {{.seq = 5, .generation = 2, .key = 0, .alg = HK_SIGN_RSA_SHA256}, HK_NOTFOUND},
	    {{.seq = 6, .generation = 0, .key = 0, .alg = HK_SIGN_RSA_SHA256}, HK_NOTFOUND},
	    {{.seq = 7, .generation = 1, .key = UINT32_MAX, .alg = HK_SIGN_RSA_SHA256},
	        HK_NOTFOUND},
	};
	size_t i;

	(void)state;
	assert_int_equal(load(k, 1, 0, HK_SIGN_RSA_SHA256), HK_SIGN_RSA_SHA256);
	assert_int_equal(load(k, 1, 1, HK_SIGN_ED25519_SHA256), HK_SIGN_ED25519_SHA256);
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct hk_keys_reply reply = ask(k, &rows[i].r);

		assert_int_equal(reply.status, rows[i].want);
		assert_int_equal(reply.seq, rows[i].r.seq);
		assert_int_equal(reply.n > 0, rows[i].want == HK_OK);
	}
	hk_keys_free(k);
}

static void the_oldest_generation_goes_when_a_fifth_comes(void **state)
{
	struct hk_keys *k = hk_keys_new();
	struct hk_keys_request r = {.alg = HK_SIGN_ED25519_SHA256};
	uint32_t g;

	(void)state;
	for (g = 1; g <= HK_KEYS_GENERATIONS + 1; g++)
		load(k, g, 0, HK_SIGN_ED25519_SHA256);
	for (g = 1; g <= HK_KEYS_GENERATIONS + 1; g++) {
		r.generation = g;
		assert_int_equal(ask(k, &r).status, g == 1 ? HK_NOTFOUND : HK_OK);
	}
	hk_keys_free(k);
}

static void refused_generations_never_push_out_the_one_in_force(void **state)
{
	struct hk_keys *k = hk_keys_new();
	struct hk_keys_request r = {.generation = 1, .alg = HK_SIGN_ED25519_SHA256};
	uint32_t g;

	(void)state;
	load(k, 1, 0, HK_SIGN_ED25519_SHA256);
	for (g = 2; g <= 3 * HK_KEYS_GENERATIONS; g++) {
		load(k, g, 0, HK_SIGN_ED25519_SHA256);
		hk_keys_forget(k, g);
	}
	hk_keys_forget(k, 99);
	assert_int_equal(ask(k, &r).status, HK_OK);
	hk_keys_free(k);
}

static void bytes_that_are_no_request_are_answered_and_never_signed(void **state)
{
	struct hk_keys *k = hk_keys_new();
	uint8_t good[HK_KEYS_REQUEST], bad[HK_KEYS_REQUEST + 1], answer[HK_KEYS_REPLY];
	struct hk_keys_request r = {.generation = 1, .alg = HK_SIGN_ED25519_SHA256};
	struct hk_keys_reply reply;
	size_t n;

	(void)state;
	load(k, 1, 0, HK_SIGN_ED25519_SHA256);
	hk_keys_request_format(&r, good);
	for (n = 0; n <= sizeof bad; n++) {
		memset(bad, 0, sizeof bad);
		memcpy(bad, good, n < sizeof good ? n : sizeof good);
		hk_keys_answer(k, hk_slice_of(bad, n), answer);
		assert_int_equal(
		    hk_keys_reply_parse(hk_slice_of(answer, sizeof answer), &reply), HK_OK);
		assert_int_equal(reply.status, n == sizeof good ? HK_OK : HK_SYNTAX);
	}
	good[0] = 2; /* a later version */
	hk_keys_answer(k, hk_slice_of(good, sizeof good), answer);
	assert_int_equal(hk_keys_reply_parse(hk_slice_of(answer, sizeof answer), &reply), HK_OK);
	assert_int_equal(reply.status, HK_SYNTAX);
	hk_keys_free(k);
}

static void a_channel_answers_until_it_is_closed(void **state)
{
	struct hk_keys *k = hk_keys_new();
	uint8_t request[HK_KEYS_REQUEST], answer[HK_KEYS_REPLY];
	struct hk_keys_request r = {.seq = 9, .generation = 1, .alg = HK_SIGN_ED25519_SHA256};
	struct hk_keys_reply reply;
	int pair[2];

	(void)state;
	load(k, 1, 0, HK_SIGN_ED25519_SHA256);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(hk_keys_serve_apart(k, pair[1]), HK_OK);
	hk_keys_request_format(&r, request);
	assert_int_equal(send(pair[0], "junk", 4, 0), 4);
	assert_int_equal(send(pair[0], request, sizeof request, 0), sizeof request);
	assert_int_equal(recv(pair[0], answer, sizeof answer, 0), sizeof answer);
	assert_int_equal(hk_keys_reply_parse(hk_slice_of(answer, sizeof answer), &reply), HK_OK);
	assert_int_equal(reply.status, HK_SYNTAX);
	assert_int_equal(recv(pair[0], answer, sizeof answer, 0), sizeof answer);
	assert_int_equal(hk_keys_reply_parse(hk_slice_of(answer, sizeof answer), &reply), HK_OK);
	assert_int_equal(reply.seq, 9);
	assert_int_equal(reply.status, HK_OK);
	/* the thread closes its end when it has seen ours closed: only then may the keys go */
	shutdown(pair[0], SHUT_WR);
	assert_int_equal(recv(pair[0], answer, sizeof answer, 0), 0);
	close(pair[0]);
	hk_keys_free(k);
}

static void a_bad_key_is_refused(void **state)
{
	struct hk_keys *k = hk_keys_new();
	enum hk_sign_alg alg;
	struct hk_buf record;

	(void)state;
	hk_buf_init(&record, 16);
	assert_int_not_equal(
	    hk_keys_load(k, 1, 0,
	        HK_S("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), &alg,
	        &record),
	    HK_OK);
	assert_int_equal(hk_keys_load(k, 1, HK_KEYS_MAX, HK_S("x"), &alg, &record), HK_LIMIT);
	assert_int_equal(record.n, 0);
	hk_buf_done(&record);
	hk_keys_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_key_signs_only_under_its_generation_index_and_algorithm),
	    cmocka_unit_test(the_oldest_generation_goes_when_a_fifth_comes),
	    cmocka_unit_test(refused_generations_never_push_out_the_one_in_force),
	    cmocka_unit_test(bytes_that_are_no_request_are_answered_and_never_signed),
	    cmocka_unit_test(a_channel_answers_until_it_is_closed),
	    cmocka_unit_test(a_bad_key_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
