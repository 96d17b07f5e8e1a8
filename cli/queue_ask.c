/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "queue.h"

enum { READ_ROOM = 64 * 1024, WAIT_S = 120 };

struct asking {
	int fd;
	struct hk_buf in;
	queue_see *see;
	void *context;
	bool is_over, is_ok;
	struct queue_counts counts;
};

static bool reach(struct asking *a, const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	struct timeval wait = {.tv_sec = WAIT_S};

	if (strlen(path) >= sizeof sa.sun_path) {
		cli_complain("the name of the socket is too long", path);
		return false;
	}
	memcpy(sa.sun_path, path, strlen(path) + 1);
	a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (a->fd < 0 || setsockopt(a->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) != 0 ||
	    setsockopt(a->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) != 0 || connect(a->fd, (struct sockaddr *)&sa, sizeof sa) != 0) {
		cli_complain(strerror(errno), path);
		return false;
	}
	return true;
}

static bool send_all(int fd, struct hk_slice s)
{
	while (s.n) {
		ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		s = hk_slice_from(s, (size_t)n);
	}
	return true;
}

static bool send_request(struct asking *a, const struct hk_operator_request *request)
{
	struct hk_buf out;
	bool ok;

	hk_buf_init(&out, HK_OPERATOR_REQUEST_MAX);
	hk_operator_request_format(request, &out);
	ok = hk_buf_status(&out) == HK_OK && send_all(a->fd, hk_buf_slice(&out));
	hk_buf_done(&out);
	return ok;
}

static bool take_line(struct asking *a, struct hk_slice line)
{
	struct hk_operator_line l;
	struct hk_arena arena;
	enum hk_status status;

	hk_arena_init(&arena, 4 * (size_t)HK_OPERATOR_LINE_MAX);
	status = hk_operator_line_parse(&arena, line, &l);
	if (status == HK_OK && l.is_end) {
		a->is_over = true;
		a->is_ok = l.is_ok;
		a->counts = (struct queue_counts){l.count, l.active};
		if (!l.is_ok)
			cli_complain(hk_log_quote(l.why).text, NULL);
	} else if (status == HK_OK && a->see) {
		a->see(a->context, line, &l);
	}
	hk_arena_done(&arena);
	return status == HK_OK;
}

/* All lines that are whole; the rest stays. */
static bool take_lines(struct asking *a)
{
	struct hk_slice rest = hk_buf_slice(&a->in);
	size_t end;

	while (!a->is_over && (end = hk_slice_find(rest, '\n')) < rest.n) {
		if (!take_line(a, hk_slice_sub(rest, 0, end)))
			return false;
		rest = hk_slice_from(rest, end + 1);
	}
	if (rest.n)
		memmove(a->in.p, rest.p, rest.n);
	a->in.n = rest.n;
	return true;
}

static bool read_answer(struct asking *a)
{
	static uint8_t bytes[READ_ROOM];

	while (!a->is_over) {
		ssize_t n = recv(a->fd, bytes, sizeof bytes, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		hk_buf_add(&a->in, hk_slice_of(bytes, (size_t)n));
		if (hk_buf_status(&a->in) != HK_OK || !take_lines(a))
			return false;
	}
	return true;
}

enum cli_exit queue_ask(
    const char *path, const struct hk_operator_request *request, queue_see *see, void *context, struct queue_counts *ret)
{
	struct asking a = {.fd = -1, .see = see, .context = context};
	enum cli_exit code = CLI_LATER;

	hk_buf_init(&a.in, HK_OPERATOR_LINE_MAX + READ_ROOM);
	if (reach(&a, path)) {
		/* a server that refuses at once may close before it has read: its reason is there all the same */
		(void)send_request(&a, request);
		if (read_answer(&a))
			code = a.is_ok ? CLI_OK : CLI_FAIL;
		else
			cli_complain("the server went away", path);
	}
	*ret = a.counts;
	if (a.fd >= 0)
		close(a.fd);
	hk_buf_done(&a.in);
	return code;
}
