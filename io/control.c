/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/control.h"

enum { SEND_WAIT_MS = 2000 };

void hk_control_format(const struct hk_control *m, struct hk_buf *out)
{
	hk_buf_add_u8(out, HK_CONTROL_VERSION);
	hk_buf_add_u8(out, (uint8_t)m->type);
	hk_buf_add_u32(out, m->generation);
	hk_buf_add_u32(out, m->index);
	hk_buf_add_u32(out, m->worker);
	hk_buf_add_u8(out, (uint8_t)m->alg);
	hk_buf_add_u8(out, m->socket.ip.family);
	hk_buf_add(out, hk_slice_of(m->socket.ip.bytes, sizeof m->socket.ip.bytes));
	hk_buf_add_u16(out, m->socket.port);
	hk_buf_add_block(out, hk_slice_str(m->socket.path));
	hk_buf_add_block(out, hk_slice_sub(m->text, 0, HK_CONTROL_TEXT_MAX));
}

enum hk_status hk_control_parse(struct hk_slice s, struct hk_control *ret)
{
	struct hk_cursor c = hk_cursor_of(s);
	struct hk_control m = {.fd = -1};
	struct hk_slice ip, path;
	uint8_t type, alg;

	if (hk_cursor_u8(&c) != HK_CONTROL_VERSION)
		return c.failed ? HK_SYNTAX : HK_VERSION;
	type = hk_cursor_u8(&c);
	m.generation = hk_cursor_u32(&c);
	m.index = hk_cursor_u32(&c);
	m.worker = hk_cursor_u32(&c);
	alg = hk_cursor_u8(&c);
	m.socket.ip.family = hk_cursor_u8(&c);
	ip = hk_cursor_take(&c, sizeof m.socket.ip.bytes);
	m.socket.port = hk_cursor_u16(&c);
	path = hk_cursor_block(&c);
	m.text = hk_cursor_block(&c);
	if (c.failed || c.rest.n || path.n > HK_CONF_UNIX_MAX || hk_slice_find(path, 0) < path.n || m.text.n > HK_CONTROL_TEXT_MAX || type == 0 ||
	    type >= HK_CONTROL_TYPES || alg > HK_SIGN_RSA_SHA1 ||
	    (m.socket.ip.family != 0 && m.socket.ip.family != 4 && m.socket.ip.family != 6))
		return HK_SYNTAX;
	memcpy(m.socket.ip.bytes, ip.p, sizeof m.socket.ip.bytes);
	memcpy(m.socket.path, path.p, path.n);
	m.type = (enum hk_control_type)type;
	m.alg = (enum hk_sign_alg)alg;
	*ret = m;
	return HK_OK;
}

/* Room for one descriptor beside a message. */
union beside {
	char room[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

static bool wait_for(int fd, short events, int ms)
{
	struct pollfd p = {.fd = fd, .events = events};

	return poll(&p, 1, ms) > 0;
}

static void attach(struct msghdr *h, union beside *b, int fd)
{
	struct cmsghdr *c;

	memset(b, 0, sizeof *b);
	h->msg_control = b->room;
	h->msg_controllen = sizeof b->room;
	c = CMSG_FIRSTHDR(h);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
}

enum hk_status hk_control_send(int fd, const struct hk_control *m)
{
	struct hk_buf b;
	struct iovec bytes;
	struct msghdr h = {.msg_iov = &bytes, .msg_iovlen = 1};
	enum hk_status status = HK_IO;
	union beside beside;
	ssize_t n;

	hk_buf_init(&b, HK_CONTROL_MAX);
	hk_control_format(m, &b);
	if (m->fd >= 0)
		attach(&h, &beside, m->fd);
	bytes = (struct iovec){b.p, b.n};
	if (hk_buf_status(&b) == HK_OK) {
		do
			n = sendmsg(fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
		while (n < 0 && (errno == EINTR ||
		                    (errno == EAGAIN && wait_for(fd, POLLOUT, SEND_WAIT_MS))));
		status = n == (ssize_t)b.n ? HK_OK : HK_IO;
	}
	hk_buf_done(&b);
	return status;
}

/* -1: there was none. */
static int detach(struct msghdr *h)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(h);
	int fd = -1;

	/* the room is for one, so the kernel gives us one at most and closes the others */
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof fd))
		memcpy(&fd, CMSG_DATA(c), sizeof fd);
	return fd;
}

enum hk_status hk_control_receive(int fd, uint8_t buffer[HK_CONTROL_MAX], struct hk_control *ret)
{
	struct iovec bytes = {buffer, HK_CONTROL_MAX};
	union beside beside;
	struct msghdr h = {.msg_iov = &bytes,
	    .msg_iovlen = 1,
	    .msg_control = beside.room,
	    .msg_controllen = sizeof beside.room};
	enum hk_status status;
	ssize_t n;
	int with;

	do
		n = recvmsg(fd, &h, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? HK_AGAIN : HK_END;
	with = detach(&h);
	if (n == 0)
		status = HK_END;
	else
		status = h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)
		             ? HK_SYNTAX
		             : hk_control_parse(hk_slice_of(buffer, (size_t)n), ret);
	if (status == HK_OK)
		ret->fd = with;
	else if (with >= 0)
		close(with);
	return status;
}
