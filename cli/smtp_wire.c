/* SPDX-License-Identifier: MIT
 *
 * The connection of `hikyaku smtp`: addresses, a socket that does not block, TLS.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/net.h"
#include "smtp.h"

enum { CONNECT_SECONDS = 30, CA_MAX = 4 * 1024 * 1024 };

static unsigned patience(const struct smtp_options *o, unsigned usual)
{
	return (o->timeout ? o->timeout : usual) * 1000;
}

bool smtp_wire_wait(struct smtp_wire *w, bool to_write, unsigned ms)
{
	struct pollfd p = {.fd = w->fd, .events = (short)(to_write ? POLLIN | POLLOUT : POLLIN)};
	uint64_t until = smtp_now_ms() + ms;
	int got;

	if (w->tls && hk_tls_wants_write(w->tls))
		p.events = POLLOUT;
	do {
		uint64_t now = smtp_now_ms();

		got = poll(&p, 1, until > now ? (int)(until - now) : 0);
	} while (got < 0 && errno == EINTR);
	return got > 0;
}

/* ---- connecting ---- */

static bool finish(struct smtp_wire *w, const struct smtp_options *o, struct smtp_show *s)
{
	struct pollfd p = {.fd = w->fd, .events = POLLOUT};
	int error = ETIMEDOUT;

	if (poll(&p, 1, (int)patience(o, CONNECT_SECONDS)) > 0)
		error = hk_net_connect_error(w->fd);
	if (!error)
		return true;
	smtp_note(s, "Not connected: %s", strerror(error));
	close(w->fd);
	w->fd = -1;
	return false;
}

static bool open_address(struct smtp_wire *w, const struct addrinfo *a,
    const struct smtp_options *o, struct smtp_show *s)
{
	char host[64], port[8];

	if (getnameinfo(a->ai_addr, a->ai_addrlen, host, sizeof host, port, sizeof port,
	        NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return false;
	snprintf(w->peer, sizeof w->peer, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
	smtp_note(s, "Trying %s", w->peer);
	w->fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (w->fd >= 0 && connect(w->fd, a->ai_addr, a->ai_addrlen) != 0 && errno != EINPROGRESS) {
		smtp_note(s, "Not connected: %s", strerror(errno));
		close(w->fd);
		w->fd = -1;
	}
	return w->fd >= 0 && finish(w, o, s);
}

static bool open_unix(struct smtp_wire *w, const struct smtp_options *o, struct smtp_show *s)
{
	snprintf(w->peer, sizeof w->peer, "%s", o->socket);
	smtp_note(s, "Trying %s", o->socket);
	if (hk_net_connect_unix(hk_slice_str(o->socket), &w->fd) == HK_OK)
		return finish(w, o, s);
	smtp_note(s, "Not connected: %s", strerror(errno));
	return false;
}

bool smtp_wire_open(struct smtp_wire *w, const struct smtp_options *o, const char *host,
    const char *port, struct smtp_show *s)
{
	static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *all = NULL, *a;
	int error;

	*w = (struct smtp_wire){.fd = -1};
	if (o->socket)
		return open_unix(w, o, s);
	error = getaddrinfo(host, port, &hints, &all);
	if (error) {
		smtp_note(s, "%s: %s", host, gai_strerror(error));
		return false;
	}
	for (a = all; a && w->fd < 0; a = a->ai_next)
		(void)open_address(w, a, o, s);
	freeaddrinfo(all);
	return w->fd >= 0;
}

void smtp_wire_close(struct smtp_wire *w)
{
	if (w->tls)
		hk_tls_end(w->tls);
	hk_tls_free(w->tls);
	hk_tls_context_free(w->context);
	if (w->fd >= 0)
		close(w->fd);
}

/* ---- bytes ---- */

static enum smtp_wire_event event_of(enum hk_status status)
{
	return status == HK_OK      ? SMTP_WIRE_OK
	       : status == HK_AGAIN ? SMTP_WIRE_AGAIN
	       : status == HK_END   ? SMTP_WIRE_END
	                            : SMTP_WIRE_BROKEN;
}

static enum smtp_wire_event event_of_socket(ssize_t n, size_t *ret)
{
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? SMTP_WIRE_AGAIN : SMTP_WIRE_BROKEN;
	*ret = (size_t)n;
	return n ? SMTP_WIRE_OK : SMTP_WIRE_END;
}

enum smtp_wire_event smtp_wire_read(struct smtp_wire *w, void *to, size_t n, size_t *ret)
{
	if (w->tls)
		return event_of(hk_tls_read(w->tls, to, n, ret));
	return event_of_socket(recv(w->fd, to, n, 0), ret);
}

enum smtp_wire_event smtp_wire_write(struct smtp_wire *w, struct hk_slice s, size_t *ret)
{
	if (w->tls)
		return event_of(hk_tls_write(w->tls, s, ret));
	return event_of_socket(send(w->fd, s.p, s.n, MSG_NOSIGNAL), ret);
}

/* ---- TLS ---- */

static enum hk_status shake_hands(struct smtp_wire *w, const struct smtp_options *o)
{
	uint64_t until = smtp_now_ms() + patience(o, HK_TLS_HANDSHAKE_MS / 1000);
	enum hk_status status;

	while ((status = hk_tls_handshake(w->tls)) == HK_AGAIN) {
		uint64_t now = smtp_now_ms();

		if (now >= until || !smtp_wire_wait(w, false, (unsigned)(until - now)))
			return HK_AGAIN;
	}
	return status;
}

static bool new_tls(struct smtp_wire *w, const struct smtp_options *o, const char *name)
{
	struct hk_buf ca = {0};
	bool ok = !o->tls_ca || cli_read_file(o->tls_ca, CA_MAX, &ca);

	ok = ok && hk_tls_context_checked(hk_buf_slice(&ca), &w->context) == HK_OK &&
	     hk_tls_new(w->context, w->fd, hk_slice_str(name), &w->tls) == HK_OK;
	hk_buf_done(&ca);
	return ok;
}

bool smtp_wire_tls(
    struct smtp_wire *w, const struct smtp_options *o, const char *name, struct smtp_show *s)
{
	char text[HK_TLS_DESCRIBE_MAX];
	struct hk_tls_peer peer;
	enum hk_status status;

	if (!new_tls(w, o, name)) {
		smtp_note(s, "TLS cannot be used: no usable authorities, or out of memory");
		return false;
	}
	status = shake_hands(w, o);
	if (status != HK_OK) {
		hk_tls_error(w->tls, text);
		smtp_note(s, "TLS failed: %s", status == HK_AGAIN ? "it took too long" : text);
		return false;
	}
	hk_tls_describe(w->tls, text);
	hk_tls_peer(w->tls, name, &peer);
	smtp_note(s, "TLS started: %s", text);
	smtp_note(
	    s, "Certificate of %s, by %s, until %s", peer.subject, peer.issuer, peer.not_after);
	smtp_note(s, "SHA-256 of the certificate %s, of its key (TLSA 3 1 1) %s", peer.certificate,
	    peer.key);
	smtp_note(s, "Certificate for %s: %s", name, peer.is_trusted ? "trusted" : peer.why);
	s->is_tls = true;
	return peer.is_trusted || !o->tls_verify;
}
