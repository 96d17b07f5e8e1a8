/* SPDX-License-Identifier: MIT
 *
 * What the processes say to each other. The other end may be taken over: nothing of it stops this one, and no text in a
 * message is a message.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/control.h"
#include "io/fetch.h"
#include "io/keys.h"
#include "sim/prng.h"
#include "tests/unit.h"

enum { ROUNDS = 20000 };

/* Octets of any kind, and pieces of messages that are right, with some of them changed. */
static struct hk_slice garbage(struct hk_prng *prng, struct hk_slice right, uint8_t *room, size_t most)
{
	size_t n = hk_prng_below(prng, most + 1), i;

	for (i = 0; i < n; i++)
		room[i] = (uint8_t)hk_prng_below(prng, hk_prng_coin(prng) ? 256 : 4);
	if (hk_prng_coin(prng)) {
		memcpy(room, right.p, right.n);
		n = hk_prng_coin(prng) ? right.n : n;
		for (i = hk_prng_below(prng, 4); i > 0 && right.n; i--)
			room[hk_prng_below(prng, right.n)] = (uint8_t)hk_prng_below(prng, 256);
	}
	return hk_slice_of(room, n);
}

/* SEC-20: a process that is told nonsense goes on: by a message, or by a status that says that it was none. */
static void nonsense_from_another_process_is_no_message(void **state)
{
	static uint8_t room[HK_CONTROL_MAX + 64], buffer[HK_CONTROL_MAX];
	struct hk_control m = {.type = HK_CONTROL_LISTEN, .text = HK_S("text"), .fd = -1}, got;
	struct hk_fetch_request request = {.seq = 7, .domain = HK_S("a.test"), .server = HK_S("x"), .authorities = HK_S("y")};
	struct hk_fetch_reply reply = {.seq = 7, .text = HK_S("version: STSv1\r\n")};
	struct hk_buf control, asked, answered;
	struct hk_prng prng;
	int pair[2];
	size_t i;

	(void)state;
	hk_prng_init(&prng, 20);
	hk_buf_init(&control, HK_CONTROL_MAX);
	hk_buf_init(&asked, 4096);
	hk_buf_init(&answered, 4096);
	hk_control_format(&m, &control);
	hk_fetch_request_format(&request, &asked);
	hk_fetch_reply_format(&reply, &answered);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	for (i = 0; i < ROUNDS; i++) {
		struct hk_slice s = garbage(&prng, hk_buf_slice(&control), room, sizeof room - 1);
		enum hk_status status;

		if (s.n) {
			assert_int_equal(send(pair[0], s.p, s.n, 0), s.n);
			status = hk_control_receive(pair[1], buffer, &got);
			assert_true(status == HK_OK || status == HK_SYNTAX || status == HK_VERSION);
			if (status == HK_OK)
				assert_true(got.type > 0 && got.type < HK_CONTROL_TYPES && got.fd == -1);
		}
		status = hk_fetch_request_parse(garbage(&prng, hk_buf_slice(&asked), room, 512), &request);
		assert_true(status == HK_SYNTAX || (status == HK_OK && hk_is_hostname(request.domain, false)));
		status = hk_fetch_reply_parse(garbage(&prng, hk_buf_slice(&answered), room, 512), &reply);
		assert_true(status == HK_SYNTAX || (status == HK_OK && reply.text.n <= HK_STS_POLICY_MAX));
	}
	close(pair[0]);
	close(pair[1]);
	hk_buf_done(&control);
	hk_buf_done(&asked);
	hk_buf_done(&answered);
}

/* SEC-20: the process with the private keys answers each request, and signs for none of these. */
static void nonsense_is_never_signed(void **state)
{
	static uint8_t room[HK_KEYS_REQUEST + 64];
	struct hk_keys *k = must(hk_keys_new());
	struct hk_keys_request r = {.seq = 9, .generation = 1, .alg = HK_SIGN_ED25519_SHA256};
	uint8_t right[HK_KEYS_REQUEST], answer[HK_KEYS_REPLY];
	struct hk_keys_reply reply;
	struct hk_prng prng;
	size_t i;

	(void)state;
	hk_prng_init(&prng, 21);
	hk_keys_request_format(&r, right);
	for (i = 0; i < ROUNDS; i++) {
		hk_keys_answer(k, garbage(&prng, hk_slice_of(right, sizeof right), room, sizeof room), answer);
		assert_int_equal(hk_keys_reply_parse(hk_slice_of(answer, sizeof answer), &reply), HK_OK);
		assert_int_not_equal(reply.status, HK_OK); /* there is no key */
	}
	hk_keys_free(k);
}

/* SEC-58: any octet may stand in a text, and the message is one message with that text. */
static void no_octet_of_a_text_ends_a_message(void **state)
{
	uint8_t buffer[HK_CONTROL_MAX], text[8] = "a?b\nc=1";
	struct hk_fetch_reply back;
	struct hk_control got;
	struct hk_buf out;
	int pair[2];
	size_t c;

	(void)state;
	hk_buf_init(&out, 4096);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	for (c = 0; c < 256; c++) {
		struct hk_control m = {.type = HK_CONTROL_REFUSED, .text = hk_slice_of(text, sizeof text), .fd = -1};
		struct hk_fetch_reply reply = {.seq = c, .text = m.text};

		text[1] = (uint8_t)c;
		assert_int_equal(hk_control_send(pair[0], &m), HK_OK);
		assert_int_equal(hk_control_receive(pair[1], buffer, &got), HK_OK);
		assert_slice(got.text, m.text);
		assert_int_equal(hk_control_receive(pair[1], buffer, &got), HK_AGAIN);
		hk_buf_reset(&out);
		hk_fetch_reply_format(&reply, &out);
		assert_int_equal(hk_fetch_reply_parse(hk_buf_slice(&out), &back), HK_OK);
		assert_slice(back.text, m.text);
	}
	close(pair[0]);
	close(pair[1]);
	hk_buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nonsense_from_another_process_is_no_message),
	    cmocka_unit_test(nonsense_is_never_signed),
	    cmocka_unit_test(no_octet_of_a_text_ends_a_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
