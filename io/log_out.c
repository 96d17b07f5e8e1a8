/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/log_out.h"

enum { WRITE_MAX = 4096 /* PIPE_BUF: after POLLOUT a write of this size does not block */ };

enum hk_status hk_log_out_open(struct hk_log_out *ret, enum hk_log_target target, struct hk_slice path)
{
	if (!path.n || path.n > HK_LOG_SOCKET_MAX)
		return HK_LIMIT;
	*ret = (struct hk_log_out){.target = target, .fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
	memcpy(ret->path, path.p, path.n);
	return ret->fd < 0 ? HK_FULL : HK_OK;
}

void hk_log_out_close(struct hk_log_out *o)
{
	if (o->target != HK_LOG_STREAM && o->fd >= 0)
		close(o->fd);
	o->fd = -1;
}

/* Whole lines, where they have room: a reopen may put another file in the place of this one between two of them. */
static size_t piece_of(struct hk_slice s)
{
	struct hk_slice piece = hk_slice_sub(s, 0, WRITE_MAX);
	size_t end = hk_slice_rfind(piece, '\n');

	return end < piece.n ? end + 1 : piece.n;
}

static enum hk_status write_stream(int fd, struct hk_slice s, int wait_ms, size_t *ret_wrote)
{
	while (s.n) {
		struct pollfd p = {.fd = fd, .events = POLLOUT};
		ssize_t n;
		int ready = poll(&p, 1, wait_ms);

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready == 0)
			return HK_AGAIN;
		if (ready < 0)
			return HK_IO;
		n = write(fd, s.p, piece_of(s));
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return HK_IO;
		*ret_wrote += (size_t)n;
		s = hk_slice_from(s, (size_t)n);
	}
	return HK_OK;
}

/* By its path each time: a syslog that was started again has a new socket of the same name. */
static enum hk_status send_record(const struct hk_log_out *o, struct hk_slice record)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	ssize_t n;

	memcpy(to.sun_path, o->path, sizeof o->path);
	do
		n = sendto(o->fd, record.p, record.n, MSG_NOSIGNAL, (const struct sockaddr *)&to, sizeof to);
	while (n < 0 && errno == EINTR);
	if (n >= 0 || errno == EMSGSIZE)
		return HK_OK; /* one that is too large for its reader never gets through */
	return errno == EAGAIN ? HK_AGAIN : errno == ENOBUFS ? HK_AGAIN : HK_NOTFOUND;
}

static enum hk_status write_records(const struct hk_log_out *o, struct hk_slice s, int wait_ms, size_t *ret_wrote)
{
	struct timeval wait = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000L};
	enum hk_status status = HK_OK;

	if (setsockopt(o->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) != 0)
		return HK_IO;
	while (s.n && status == HK_OK) {
		size_t used;
		struct hk_slice record = hk_log_target_record(o->target, s, &used);

		status = send_record(o, record);
		if (status != HK_OK)
			break;
		*ret_wrote += used;
		s = hk_slice_from(s, used);
	}
	return status;
}

enum hk_status hk_log_out_write(const struct hk_log_out *o, struct hk_slice s, int wait_ms, size_t *ret_wrote)
{
	*ret_wrote = 0;
	return o->target == HK_LOG_STREAM ? write_stream(o->fd, s, wait_ms, ret_wrote) : write_records(o, s, wait_ms, ret_wrote);
}
