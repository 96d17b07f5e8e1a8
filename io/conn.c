/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/conn.h"

struct hk_conn {
	struct hk_loop *loop;
	uv_poll_t poll;
	int fd;
	int wanted, watched; /* UV_READABLE | UV_WRITABLE; watched: what epoll knows of, and perhaps readable though not wanted now */
	struct hk_tls *tls;
	void (*woken)(void *user);
	void *user;
	struct hk_timer linger; /* joined once we close gently */
	size_t lingered;
	bool is_lingering;
	bool is_dry; /* nothing is to be read before epoll, which is level-triggered, says so again */
};

static void freed(uv_handle_t *handle)
{
	free(handle->data);
}

static void close_now(struct hk_conn *c)
{
	if (c->is_lingering)
		hk_timers_leave(&c->loop->timers, &c->linger);
	hk_tls_free(c->tls);
	c->tls = NULL;
	/* libuv takes the number out of its epoll set once more as it closes the handle: by then it must
	 * not be another thread's */
	uv_close((uv_handle_t *)&c->poll, freed);
	close(c->fd);
}

static void linger_is_over(struct hk_timer *timer)
{
	close_now((struct hk_conn *)((char *)timer - offsetof(struct hk_conn, linger)));
}

/* Reads away what the peer still sends. */
static void linger(struct hk_conn *c)
{
	ssize_t n;

	while ((n = recv(c->fd, c->loop->read, sizeof c->loop->read, 0)) > 0) {
		c->lingered += (size_t)n;
		if (c->lingered > HK_CONN_LINGER_BYTES)
			break;
	}
	if (n >= 0 || (errno != EAGAIN && errno != EINTR))
		close_now(c);
}

static void ready(uv_poll_t *poll, int error, int events)
{
	struct hk_conn *c = poll->data;

	if (error || (events & UV_READABLE))
		c->is_dry = false;
	if (!c->wanted) { /* not now: it is looked at when it is wanted again */
		uv_poll_stop(&c->poll);
		c->watched = 0;
		return;
	}
	hk_loop_wake(c->loop);
	if (error)
		c->watched = 0; /* libuv stopped the handle; the next read or write gives the reason */
	if (c->is_lingering)
		linger(c);
	else
		c->woken(c->user);
}

struct hk_conn *hk_conn_new(struct hk_loop *loop, int fd, void (*woken)(void *user), void *user)
{
	struct hk_conn *c = calloc(1, sizeof *c);

	if (!c) {
		close(fd);
		return NULL;
	}
	*c = (struct hk_conn){.loop = loop, .fd = fd, .woken = woken, .user = user};
	if (uv_poll_init(&loop->uv, &c->poll, fd) != 0) {
		close(fd);
		free(c);
		return NULL;
	}
	c->poll.data = c;
	return c;
}

/* As an errno says it. */
static enum hk_status plain_status(void)
{
	return errno == EAGAIN ? HK_AGAIN : HK_IO;
}

enum hk_status hk_conn_read(struct hk_conn *c, void *to, size_t n, size_t *ret)
{
	ssize_t got;

	if (c->tls)
		return hk_tls_read(c->tls, to, n, ret);
	if (c->is_dry)
		return HK_AGAIN;
	do
		got = recv(c->fd, to, n, 0);
	while (got < 0 && errno == EINTR);
	/* less than there was room for: a call that only says "nothing more" is spared */
	c->is_dry = got > 0 ? (size_t)got < n : got < 0 && errno == EAGAIN;
	if (got < 0)
		return plain_status();
	if (got == 0)
		return HK_END;
	*ret = (size_t)got;
	return HK_OK;
}

enum hk_status hk_conn_write(struct hk_conn *c, struct hk_slice s, size_t *ret)
{
	ssize_t put;

	if (c->tls)
		return hk_tls_write(c->tls, s, ret);
	do
		put = send(c->fd, s.p, s.n, MSG_NOSIGNAL);
	while (put < 0 && errno == EINTR);
	if (put < 0)
		return plain_status();
	*ret = (size_t)put;
	return HK_OK;
}

enum hk_status hk_conn_start_tls(
    struct hk_conn *c, struct hk_tls_context *context, const struct hk_tls_check *check)
{
	enum hk_status status = hk_tls_new(context, c->fd, check->name, &c->tls);

	return status == HK_OK ? hk_tls_expect(c->tls, check) : status;
}

enum hk_status hk_conn_handshake(
    struct hk_conn *c, char ret_text[HK_TLS_DESCRIBE_MAX], enum hk_tls_result *ret)
{
	enum hk_status status = hk_tls_handshake(c->tls);

	if (status == HK_OK)
		hk_tls_describe(c->tls, ret_text);
	else if (status != HK_AGAIN)
		hk_tls_error(c->tls, ret_text);
	*ret = status == HK_AGAIN ? HK_TLS_RESULT_NONE : hk_tls_result(c->tls);
	return status;
}

void hk_conn_wait(struct hk_conn *c, bool read, bool write)
{
	int events = (read ? UV_READABLE : 0) |
	             (write || (c->tls && hk_tls_wants_write(c->tls)) ? UV_WRITABLE : 0);

	c->wanted = events;
	/* a client that waits for its reply says nothing: epoll is left alone, and told only when it does */
	if (events == c->watched || (!events && c->watched == UV_READABLE))
		return;
	c->watched = events;
	if (events)
		uv_poll_start(&c->poll, events, ready);
	else
		uv_poll_stop(&c->poll);
}

bool hk_conn_has_pending(const struct hk_conn *c)
{
	return c->tls && hk_tls_has_pending(c->tls);
}

void hk_conn_allow_old_tls(struct hk_conn *c)
{
	hk_tls_allow_old(c->tls);
}

const struct hk_tls *hk_conn_tls(const struct hk_conn *c)
{
	return c->tls;
}

int hk_conn_fd(const struct hk_conn *c)
{
	return c->fd;
}

void hk_conn_close(struct hk_conn *c, bool gently)
{
	if (c->tls && gently)
		hk_tls_end(c->tls);
	hk_tls_free(c->tls);
	c->tls = NULL;
	if (!gently || shutdown(c->fd, SHUT_WR) != 0 ||
	    hk_timers_join(&c->loop->timers, &c->linger, linger_is_over) != HK_OK) {
		close_now(c);
		return;
	}
	c->is_lingering = true;
	hk_timers_set(&c->loop->timers, &c->linger, c->loop->now.mono_ms + HK_CONN_LINGER_MS);
	c->watched = 0;
	hk_conn_wait(c, true, false);
}
