/* SPDX-License-Identifier: MIT
 *
 * The sink before readers that are slow, gone, or come again: it never waits, and says what it dropped.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/log.h"
#include "tests/unit.h"

enum { SECONDS = 20 };

static char folder[64], path[80];

static int begin(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/hikyaku-sink-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/log", folder);
	return 0;
}

static int end(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

/* What syslogd and journald do: bind, and read. */
static int listen_there(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = SECONDS};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	unlink(path);
	memcpy(at.sun_path, path, strlen(path) + 1);
	assert_return_code(fd, errno);
	assert_return_code(bind(fd, (struct sockaddr *)&at, sizeof at), errno);
	assert_return_code(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), errno);
	return fd;
}

static struct hk_slice receive(int fd, char room[4096])
{
	ssize_t n = recv(fd, room, 4096, 0);

	assert_true(n > 0);
	return hk_slice_of((uint8_t *)room, (size_t)n);
}

static struct hk_log_sink *open_sink(enum hk_log_sink_how how, enum hk_log_target target)
{
	const struct hk_log_shape shape = {.target = target, .path = hk_slice_str(path), .host = HK_S("mx.b.test")};
	struct hk_log_sink *s;

	assert_int_equal(hk_log_sink_open(-1, how, &s), HK_OK);
	assert_int_equal(hk_log_sink_shape(s, &shape), HK_OK);
	return s;
}

static void each_line_is_a_datagram(void **state)
{
	static const enum hk_log_sink_how hows[] = {HK_LOG_THREAD, HK_LOG_DIRECT};
	char room[4096];
	size_t i, k;

	(void)state;
	for (i = 0; i < 2; i++) {
		int fd = listen_there();
		struct hk_log_sink *s = open_sink(hows[i], HK_LOG_SYSLOG);

		for (k = 0; k < 3; k++)
			hk_logf(hk_log_sink_log(s), HK_LOG_WARNING, "ev=test n=%zu", k);
		for (k = 0; k < 3; k++) {
			struct hk_slice got = receive(fd, room);

			assert_true(hk_slice_starts_nocase(got, HK_S("<20>")));
			snprintf(room + got.n, 32, "warning ev=test n=%zu", k);
			assert_true(hk_slice_ends_nocase(got, hk_slice_str(room + got.n)));
		}
		hk_log_sink_close(s);
		s = open_sink(hows[i], HK_LOG_JOURNALD);
		hk_logf(hk_log_sink_log(s), HK_LOG_ERROR, "ev=test n=7");
		assert_true(hk_slice_ends_nocase(receive(fd, room), HK_S("MESSAGE=ev=test n=7\nHIKYAKU_EV=test\nHIKYAKU_N=7\n")));
		hk_log_sink_close(s);
		close(fd);
	}
}

/* A syslog that is started again gets what was said meanwhile. */
static void a_reader_that_comes_again_has_lost_nothing(void **state)
{
	struct hk_log_sink *s = open_sink(HK_LOG_THREAD, HK_LOG_SYSLOG);
	char room[4096];
	int fd;

	(void)state;
	hk_logf(hk_log_sink_log(s), HK_LOG_INFO, "ev=before");
	usleep(50000);
	fd = listen_there();
	assert_true(hk_slice_ends_nocase(receive(fd, room), HK_S("ev=before")));
	close(fd);
	hk_logf(hk_log_sink_log(s), HK_LOG_INFO, "ev=between");
	usleep(50000);
	fd = listen_there();
	assert_true(hk_slice_ends_nocase(receive(fd, room), HK_S("ev=between")));
	assert_int_equal(hk_log_sink_dropped(s), 0);
	hk_log_sink_close(s);
	close(fd);
}

/* One that does not read: lines are dropped and counted, nobody waits, and the count is told. */
/* SEC 1.8: log daemon blocked */
static void a_reader_that_does_not_read_stops_nobody(void **state)
{
	int fd = listen_there();
	struct hk_log_sink *s = open_sink(HK_LOG_THREAD, HK_LOG_SYSLOG);
	uint64_t began = hk_clock_mono_ms();
	char room[4096], filler[1024];
	bool told = false;
	size_t i;

	(void)state;
	memset(filler, 'x', sizeof filler - 1);
	filler[sizeof filler - 1] = 0;
	for (i = 0; i < 6000; i++)
		hk_logf(hk_log_sink_log(s), HK_LOG_INFO, "ev=flood text=%s", filler);
	assert_true(hk_clock_mono_ms() - began < SECONDS * 1000);
	assert_true(hk_log_sink_dropped(s) > 0);
	for (i = 0; i < 6000 && !told; i++)
		told = hk_slice_starts_nocase(hk_slice_from(receive(fd, room), sizeof "<20>Nov 25 22:32:03" + strlen("hikyakud[]: warning ")), HK_S("ev=log_dropped")) ||
		       strstr(room, "ev=log_dropped") != NULL;
	assert_true(told);
	close(fd);
	hk_log_sink_close(s);
}

static void a_sink_without_a_thread_counts_what_nobody_took(void **state)
{
	struct hk_log_sink *s = open_sink(HK_LOG_DIRECT, HK_LOG_JOURNALD);
	char room[4096];
	int fd;

	(void)state;
	hk_logf(hk_log_sink_log(s), HK_LOG_INFO, "ev=lost");
	assert_int_equal(hk_log_sink_dropped(s), 1);
	fd = listen_there();
	hk_logf(hk_log_sink_log(s), HK_LOG_INFO, "ev=seen");
	assert_true(strstr((receive(fd, room), room), "HIKYAKU_EV=log_dropped") != NULL);
	assert_true(strstr((receive(fd, room), room), "HIKYAKU_EV=seen") != NULL);
	assert_int_equal(hk_log_sink_dropped(s), 1);
	hk_log_sink_close(s);
	close(fd);
}

static void a_path_is_as_long_as_it_may_be(void **state)
{
	struct hk_log_shape shape = {.target = HK_LOG_SYSLOG};
	char text[HK_LOG_SOCKET_MAX + 2];
	struct hk_log_sink *s;
	size_t n;

	(void)state;
	memset(text, 'x', sizeof text);
	for (n = HK_LOG_SOCKET_MAX - 1; n <= HK_LOG_SOCKET_MAX + 1; n++) {
		shape.path = hk_slice_of((uint8_t *)text, n);
		assert_int_equal(hk_log_sink_open(-1, HK_LOG_DIRECT, &s), HK_OK);
		assert_int_equal(hk_log_sink_shape(s, &shape), n <= HK_LOG_SOCKET_MAX ? HK_OK : HK_LIMIT);
		hk_log_sink_close(s);
	}
	assert_int_equal(hk_log_sink_open(-1, HK_LOG_DIRECT, &s), HK_OK);
	shape.path.n = 0;
	assert_int_equal(hk_log_sink_shape(s, &shape), HK_LIMIT);
	hk_log_sink_close(s);
}

/* What waits when the target becomes known goes to where it was meant. */
static void a_sink_that_is_aimed_late_mixes_nothing(void **state)
{
	struct hk_log_shape shape = {.target = HK_LOG_JOURNALD, .path = hk_slice_str(path)};
	struct hk_log_sink *s;
	char room[4096] = "";
	int fd = listen_there(), ends[2];

	(void)state;
	assert_return_code(pipe(ends), errno);
	assert_int_equal(hk_log_sink_open(ends[1], HK_LOG_THREAD, &s), HK_OK);
	hk_logf(hk_log_sink_log(s), HK_LOG_INFO, "ev=early");
	assert_int_equal(hk_log_sink_shape(s, &shape), HK_OK);
	hk_logf(hk_log_sink_log(s), HK_LOG_INFO, "ev=late");
	assert_true(strstr((receive(fd, room), room), "HIKYAKU_EV=late") != NULL);
	hk_log_sink_close(s);
	close(ends[1]);
	memset(room, 0, sizeof room);
	assert_true(read(ends[0], room, sizeof room - 1) > 0);
	assert_non_null(strstr(room, " info ev=early\n"));
	assert_null(strstr(room, "late"));
	close(ends[0]);
	close(fd);
}

/* SEC 1.8: disk full of logs: the line that broke off is ended before the next one begins, however much of it had room. */
static void a_line_that_broke_off_is_ended(void **state)
{
	const struct sigaction ignored = {.sa_handler = SIG_IGN};
	struct rlimit all, few;
	char room[1024];
	size_t at;

	(void)state;
	assert_int_equal(sigaction(SIGXFSZ, &ignored, NULL), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &all), 0);
	for (at = 0; at <= strlen("2024-11-25T13:32:03.007Z info ev=first\n") + 1; at++) {
		int fd = open(path, O_CREAT | O_RDWR | O_APPEND | O_TRUNC | O_CLOEXEC, 0600);
		struct hk_log_sink *s;
		ssize_t n;
		bool whole = at >= strlen("2024-11-25T13:32:03.007Z info ev=first\n");

		assert_return_code(fd, errno);
		assert_int_equal(hk_log_sink_open(fd, HK_LOG_DIRECT, &s), HK_OK);
		few = (struct rlimit){.rlim_cur = at, .rlim_max = all.rlim_max};
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &few), 0);
		hk_logf(hk_log_sink_log(s), HK_LOG_INFO, "ev=first");
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
		hk_logf(hk_log_sink_log(s), HK_LOG_INFO, "ev=next");
		assert_int_equal(hk_log_sink_dropped(s), !whole);
		n = pread(fd, room, sizeof room - 1, 0);
		assert_true(n > 0);
		room[n] = 0;
		assert_int_equal(room[at] == '\n', at > 0 && !whole);
		assert_int_equal(strstr(room, "ev=log_dropped") != NULL, !whole);
		assert_int_equal(strncmp(strstr(room, "ev=next") - strlen("Z info "), "Z info ev=next\n", 15), 0);
		assert_true(strstr(room, "\n\n") == NULL);
		hk_log_sink_close(s);
		close(fd);
	}
}

/* At a reopen the stream's number becomes that of another file. */
static void a_line_that_broke_off_is_not_ended_in_another_file(void **state)
{
	const struct sigaction ignored = {.sa_handler = SIG_IGN};
	struct rlimit all;
	char other[96], room[1024] = {0};
	struct hk_log_sink *s;
	int fd, other_fd;

	(void)state;
	snprintf(other, sizeof other, "%s.2", path);
	assert_int_equal(sigaction(SIGXFSZ, &ignored, NULL), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &all), 0);
	fd = open(path, O_CREAT | O_RDWR | O_APPEND | O_TRUNC | O_CLOEXEC, 0600);
	other_fd = open(other, O_CREAT | O_RDWR | O_APPEND | O_TRUNC | O_CLOEXEC, 0600);
	unlink(other);
	assert_true(fd >= 0 && other_fd >= 0);
	assert_int_equal(hk_log_sink_open(fd, HK_LOG_DIRECT, &s), HK_OK);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = 10, .rlim_max = all.rlim_max}), 0);
	hk_logf(hk_log_sink_log(s), HK_LOG_INFO, "ev=first");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
	assert_return_code(write(other_fd, "another process\n", 16), errno);
	assert_return_code(dup2(other_fd, fd), errno);
	hk_logf(hk_log_sink_log(s), HK_LOG_INFO, "ev=next");
	assert_true(pread(fd, room, sizeof room - 1, 0) > 16);
	assert_true(strstr(room, "ev=next\n") && !strstr(room, "\n\n"));
	hk_log_sink_close(s);
	close(fd);
	close(other_fd);
}

/* So that no line is in two files, whenever one is put in the place of the other. */
static void a_stream_is_written_in_whole_lines(void **state)
{
	int pair[2], i;
	struct hk_log_sink *s;
	char room[64 * 1024];
	size_t lines = 0, k;
	ssize_t n;

	(void)state;
	assert_return_code(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), errno);
	assert_int_equal(hk_log_sink_open(pair[0], HK_LOG_THREAD, &s), HK_OK);
	for (i = 0; i < 500; i++)
		hk_logf(hk_log_sink_log(s), HK_LOG_INFO, "ev=line n=%d", i);
	while (lines < 500) {
		n = recv(pair[1], room, sizeof room, 0);
		assert_true(n > 0);
		assert_int_equal(room[n - 1], '\n');
		for (k = 0; k < (size_t)n; k++)
			lines += room[k] == '\n';
	}
	hk_log_sink_close(s);
	close(pair[0]);
	close(pair[1]);
}

/* Where there is no room for another line there may be none for that notice: it comes when there is. */
static void that_lines_were_dropped_is_told_in_a_whole_line(void **state)
{
	static char room[4 * 1024 * 1024];
	const char *line, *end;
	struct timeval patience = {.tv_sec = SECONDS};
	struct hk_log_sink *s;
	size_t have = 0;
	int pair[2];
	ssize_t n;

	(void)state;
	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), errno);
	assert_return_code(setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), errno);
	assert_int_equal(hk_log_sink_open(pair[0], HK_LOG_THREAD, &s), HK_OK);
	while (hk_log_sink_dropped(s) == 0)
		hk_logf(hk_log_sink_log(s), HK_LOG_INFO, "ev=line");
	while (!(end = strstr(room, "ev=log_dropped")) || !strchr(end, '\n')) {
		n = recv(pair[1], room + have, sizeof room - 1 - have, 0);
		assert_true(n > 0);
		have += (size_t)n;
	}
	for (line = room; (end = strchr(line, '\n')); line = end + 1) {
		const char *event = strstr(line, " ev=");

		if (strncmp(line, "20", 2) != 0 || !event || event - line > 40)
			fail_msg("%.*s", (int)(end - line), line);
	}
	hk_log_sink_close(s);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(each_line_is_a_datagram, begin, end),
	    cmocka_unit_test_setup_teardown(a_reader_that_comes_again_has_lost_nothing, begin, end),
	    cmocka_unit_test_setup_teardown(a_reader_that_does_not_read_stops_nobody, begin, end),
	    cmocka_unit_test_setup_teardown(a_sink_without_a_thread_counts_what_nobody_took, begin, end),
	    cmocka_unit_test(a_path_is_as_long_as_it_may_be),
	    cmocka_unit_test_setup_teardown(a_sink_that_is_aimed_late_mixes_nothing, begin, end),
	    cmocka_unit_test_setup_teardown(a_line_that_broke_off_is_ended, begin, end),
	    cmocka_unit_test_setup_teardown(a_line_that_broke_off_is_not_ended_in_another_file, begin, end),
	    cmocka_unit_test(a_stream_is_written_in_whole_lines),
	    cmocka_unit_test(that_lines_were_dropped_is_told_in_a_whole_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
