/* SPDX-License-Identifier: MIT
 *
 * /metrics before clients that ask, ask for too much, or never end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/metrics.h"
#include "tests/unit.h"

enum { SHORT_MS = 300, SECONDS = 20, ROOM = 256 * 1024 };

static struct hk_metrics *metrics;
static unsigned passed;
static char *room;

static void count(struct hk_log *log, enum hk_log_level level, struct hk_slice line)
{
	(void)log, (void)level, (void)line;
	passed++;
}

static uint64_t five(struct hk_log *log)
{
	(void)log;
	return 5;
}
static struct hk_log under = {count, five};

static int begin(void **state)
{
	const struct hk_conf_socket here = {.ip = {.family = 4, .bytes = {127, 0, 0, 1}}};
	struct hk_buf why;

	(void)state;
	passed = 0;
	room = malloc(ROOM);
	hk_buf_init(&why, 256);
	if (!room || hk_metrics_new(&under, &metrics) != HK_OK || hk_metrics_serve(metrics, &here, SHORT_MS, &why) != HK_OK)
		return -1;
	hk_buf_done(&why);
	return 0;
}

static int end(void **state)
{
	(void)state;
	hk_metrics_free(metrics);
	free(room);
	return 0;
}

static int dial(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(hk_metrics_port(metrics)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval patience = {.tv_sec = SECONDS};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_return_code(fd, errno);
	assert_return_code(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), errno);
	assert_return_code(connect(fd, (struct sockaddr *)&at, sizeof at), errno);
	return fd;
}

static void say(int fd, const char *text)
{
	(void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* All that comes until the end. */
static const char *rest(int fd)
{
	size_t n = 0;
	ssize_t got;

	while (n + 1 < ROOM && (got = recv(fd, room + n, ROOM - 1 - n, 0)) > 0)
		n += (size_t)got;
	room[n] = 0;
	close(fd);
	return room;
}

static const char *ask(const char *request)
{
	int fd = dial();

	say(fd, request);
	return rest(fd);
}

#define GET "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

static void what_was_logged_is_counted_passed_on_and_served(void **state)
{
	const char *got;

	(void)state;
	hk_logf(hk_metrics_log(metrics), HK_LOG_DEBUG, "ev=connect listener=mx client=192.0.2.1 port=7");
	hk_logf(hk_metrics_log(metrics), HK_LOG_INFO, "ev=other");
	assert_int_equal(passed, 2);
	assert_int_equal(hk_log_dropped(hk_metrics_log(metrics)), 5);
	got = ask(GET);
	assert_non_null(strstr(got, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(got, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
	assert_non_null(strstr(got, "\nhikyaku_connections_total 1\n"));
	assert_non_null(strstr(got, "\nhikyaku_log_dropped_total 5\n"));
}

static void anything_else_is_refused(void **state)
{
	(void)state;
	assert_non_null(strstr(ask("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), " 404 "));
	assert_non_null(strstr(ask("GET /metrics/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), " 404 "));
	assert_non_null(strstr(ask("GET /metrics/../../etc/passwd HTTP/1.0\r\n\r\n"), " 404 "));
	assert_non_null(strstr(ask("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), " 405 "));
	assert_non_null(strstr(ask("DELETE /metrics HTTP/1.0\r\n\r\n"), "\r\nAllow: GET, HEAD\r\n"));
	assert_non_null(strstr(ask("HEAD /metrics HTTP/1.0\r\n\r\n"), " 200 "));
	assert_null(strstr(room, "hikyaku_"));
	(void)ask("EHLO mx\r\n\r\n");
	assert_null(strstr(room, "hikyaku_"));
	(void)ask("\x16\x03\x01\x02\x01\x01");
	assert_null(strstr(room, "hikyaku_"));
	assert_non_null(strstr(ask(GET), " 200 "));
}

/* A request has a connection's memory, and not an octet more. */
static void a_request_of_any_size_costs_no_more_than_its_place(void **state)
{
	static const size_t sizes[] = {1024, HK_METRICS_REQUEST - 1, HK_METRICS_REQUEST, HK_METRICS_REQUEST + 1, 64 * 1024, 4 * 1024 * 1024};
	char *long_text = malloc(4 * 1024 * 1024 + 1);
	size_t i;

	(void)state;
	assert_non_null(long_text);
	for (i = 0; i < COUNT(sizes); i++) {
		int fd = dial();

		memset(long_text, 'a', sizes[i]);
		long_text[sizes[i]] = 0;
		say(fd, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: ");
		say(fd, long_text);
		say(fd, "\r\n\r\n");
		assert_true((strstr(rest(fd), " 200 ") != NULL) == (sizes[i] == 1024));
		fd = dial();
		say(fd, "GET /");
		say(fd, long_text);
		say(fd, " HTTP/1.1\r\nHost: x\r\n\r\n");
		assert_null(strstr(rest(fd), " 200 "));
	}
	free(long_text);
	assert_non_null(strstr(ask(GET), " 200 "));
}

/* All places are taken by clients that send an octet now and then; each has its time, and who comes after them is served. */
static void slow_clients_have_their_time_and_no_more(void **state)
{
	int fd[HK_METRICS_CLIENTS + 4];
	uint64_t began = hk_clock_mono_ms();
	size_t i, round;

	(void)state;
	for (i = 0; i < COUNT(fd); i++)
		fd[i] = dial();
	for (round = 0; round < 12; round++) {
		for (i = 0; i < COUNT(fd); i++)
			say(fd[i], round ? "a" : "GET /metrics HTTP/1.1\r\nX: ");
		usleep(50000);
	}
	assert_non_null(strstr(ask(GET), " 200 "));
	assert_true(hk_clock_mono_ms() - began < SECONDS * 1000);
	for (i = 0; i < HK_METRICS_CLIENTS; i++)
		assert_null(strstr(rest(fd[i]), " 200 "));
	for (; i < COUNT(fd); i++)
		close(fd[i]);
}

static void a_connection_has_one_answer(void **state)
{
	const char *got;

	(void)state;
	got = strstr(ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), " 200 ");
	assert_non_null(got);
	assert_non_null(strstr(got, "\r\nConnection: close\r\n"));
	assert_null(strstr(got + 5, " 200 "));
}

static void an_address_that_is_taken_is_told(void **state)
{
	struct hk_conf_socket nowhere = {.ip = {.family = 4, .bytes = {192, 0, 2, 1}}, .port = 1};
	struct hk_metrics *m;
	struct hk_buf why;

	(void)state;
	hk_buf_init(&why, 256);
	assert_int_equal(hk_metrics_new(&under, &m), HK_OK);
	assert_int_not_equal(hk_metrics_serve(m, &nowhere, 0, &why), HK_OK);
	assert_true(why.n > 0);
	hk_metrics_free(m);
	hk_metrics_free(NULL);
	hk_buf_done(&why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(what_was_logged_is_counted_passed_on_and_served, begin, end),
	    cmocka_unit_test_setup_teardown(anything_else_is_refused, begin, end),
	    cmocka_unit_test_setup_teardown(a_request_of_any_size_costs_no_more_than_its_place, begin, end),
	    cmocka_unit_test_setup_teardown(slow_clients_have_their_time_and_no_more, begin, end),
	    cmocka_unit_test_setup_teardown(a_connection_has_one_answer, begin, end),
	    cmocka_unit_test(an_address_that_is_taken_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
