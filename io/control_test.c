/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/control.h"
#include "tests/unit.h"

static int pair[2];

static int open_pair(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
}

static int close_pair(void **state)
{
	(void)state;
	close(pair[0]);
	return pair[1] < 0 ? 0 : close(pair[1]);
}

static void a_message_comes_over_with_its_descriptor(void **state)
{
	uint8_t buffer[HK_CONTROL_MAX];
	struct hk_control got, m = {.type = HK_CONTROL_LISTEN,
	                           .generation = 7,
	                           .index = 2,
	                           .worker = 3,
	                           .socket = {.port = 25},
	                           .fd = -1};
	int files[2];
	char byte = 0;

	(void)state;
	assert_int_equal(hk_ip_parse(HK_S("2001:db8::25"), &m.socket.ip), HK_OK);
	m.text = HK_S("why");
	assert_int_equal(pipe2(files, O_CLOEXEC), 0);
	m.fd = files[1];
	assert_int_equal(hk_control_send(pair[0], &m), HK_OK);
	close(files[1]);
	assert_int_equal(hk_control_receive(pair[1], buffer, &got), HK_OK);
	assert_int_equal(got.type, m.type);
	assert_int_equal(got.generation, 7);
	assert_int_equal(got.index, 2);
	assert_int_equal(got.worker, 3);
	assert_int_equal(got.socket.port, 25);
	assert_true(hk_ip_eq(&got.socket.ip, &m.socket.ip));
	assert_true(hk_slice_eq(got.text, HK_S("why")));
	assert_int_equal(write(got.fd, "x", 1), 1);
	assert_int_equal(read(files[0], &byte, 1), 1);
	assert_true(fcntl(got.fd, F_GETFD) & FD_CLOEXEC);
	close(got.fd);
	close(files[0]);
	assert_int_equal(hk_control_receive(pair[1], buffer, &got), HK_AGAIN);
}

static void a_message_cut_or_lengthened_is_refused(void **state)
{
	struct hk_control got, m = {.type = HK_CONTROL_REFUSED, .text = HK_S("text"), .fd = -1};
	struct hk_buf b;
	size_t n;

	(void)state;
	hk_buf_init(&b, HK_CONTROL_MAX);
	hk_control_format(&m, &b);
	for (n = 0; n < b.n; n++)
		assert_int_equal(hk_control_parse(hk_slice_of(b.p, n), &got), HK_SYNTAX);
	assert_int_equal(hk_control_parse(hk_buf_slice(&b), &got), HK_OK);
	b.p[0] = HK_CONTROL_VERSION + 1;
	assert_int_equal(hk_control_parse(hk_buf_slice(&b), &got), HK_VERSION);
	b.p[0] = HK_CONTROL_VERSION;
	b.p[1] = HK_CONTROL_TYPES;
	assert_int_equal(hk_control_parse(hk_buf_slice(&b), &got), HK_SYNTAX);
	b.p[1] = HK_CONTROL_REFUSED;
	hk_buf_add_byte(&b, 0);
	assert_int_equal(hk_control_parse(hk_buf_slice(&b), &got), HK_SYNTAX);
	hk_buf_done(&b);
}

/* It would be another path to whoever takes it as a string. */
static void a_path_with_a_nul_is_refused(void **state)
{
	static const char path[] = "/run/a/socket";
	struct hk_control got, m = {.type = HK_CONTROL_LISTEN, .fd = -1};
	struct hk_buf b;
	uint8_t *at;

	(void)state;
	memcpy(m.socket.path, path, sizeof path);
	hk_buf_init(&b, HK_CONTROL_MAX);
	hk_control_format(&m, &b);
	assert_int_equal(hk_control_parse(hk_buf_slice(&b), &got), HK_OK);
	assert_string_equal(got.socket.path, path);
	at = memmem(b.p, b.n, path, strlen(path));
	assert_non_null(at);
	at[6] = 0;
	assert_int_equal(hk_control_parse(hk_buf_slice(&b), &got), HK_SYNTAX);
	hk_buf_done(&b);
}

static void a_text_longer_than_its_limit_is_cut_by_the_sender(void **state)
{
	uint8_t buffer[HK_CONTROL_MAX], text[HK_CONTROL_TEXT_MAX + 1];
	struct hk_control got, m = {.type = HK_CONTROL_REFUSED, .fd = -1};
	size_t n;

	(void)state;
	memset(text, 'x', sizeof text);
	for (n = HK_CONTROL_TEXT_MAX - 1; n <= HK_CONTROL_TEXT_MAX + 1; n++) {
		m.text = hk_slice_of(text, n);
		assert_int_equal(hk_control_send(pair[0], &m), HK_OK);
		assert_int_equal(hk_control_receive(pair[1], buffer, &got), HK_OK);
		assert_int_equal(got.text.n, n < HK_CONTROL_TEXT_MAX ? n : HK_CONTROL_TEXT_MAX);
	}
}

static void junk_and_a_closed_end_are_told_apart(void **state)
{
	uint8_t buffer[HK_CONTROL_MAX], junk[HK_CONTROL_MAX + 1] = {0};
	struct hk_control got;

	(void)state;
	assert_int_equal(send(pair[0], "junk", 4, 0), 4);
	assert_int_equal(send(pair[0], junk, sizeof junk, 0), sizeof junk);
	assert_int_equal(hk_control_receive(pair[1], buffer, &got), HK_VERSION);
	assert_int_equal(hk_control_receive(pair[1], buffer, &got), HK_SYNTAX);
	close(pair[1]);
	pair[1] = -1;
	assert_int_equal(hk_control_receive(pair[0], buffer, &got), HK_END);
	assert_int_equal(
	    hk_control_send(pair[0], &(struct hk_control){.type = HK_CONTROL_STOP, .fd = -1}),
	    HK_IO);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, open_pair, close_pair)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(a_message_comes_over_with_its_descriptor),
	    CASE(a_message_cut_or_lengthened_is_refused),
	    CASE(a_path_with_a_nul_is_refused),
	    CASE(a_text_longer_than_its_limit_is_cut_by_the_sender),
	    CASE(junk_and_a_closed_end_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
