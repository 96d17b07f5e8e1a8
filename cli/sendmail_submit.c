/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/world.h"
#include "sendmail.h"

enum { PUMP_ROOM = 16 * 1024 };

static struct smtp_options options_of(const struct sendmail *s)
{
	return (struct smtp_options){
	    .server = s->server_host,
	    .port = s->port,
	    .socket = *s->socket ? s->socket : NULL,
	    .helo = s->host,
	    .mail_from = s->sender,
	    .notify = s->notify,
	    .ret = s->ret,
	    .envid = s->envid,
	    .quiet = true,
	};
}

static bool has_eight_bits(struct hk_slice m)
{
	size_t i;

	for (i = 0; i < m.n; i++)
		if (m.p[i] >= 0x80)
			return true;
	return false;
}

static bool has_utf8_address(const struct sendmail *s)
{
	bool has = has_eight_bits(hk_slice_str(s->sender));
	size_t i;

	for (i = 0; i < s->n_rcpt; i++)
		has |= has_eight_bits(hk_slice_str(s->rcpt[i]));
	return has;
}

static int exit_of(const struct smtp_result *r)
{
	if (!r->code)
		return r->is_done ? EX_OK : EX_TEMPFAIL;
	if (r->code < 400)
		return EX_OK;
	if (r->code < 500)
		return EX_TEMPFAIL;
	return r->stage == HK_SMTPC_RCPT ? EX_NOUSER : EX_UNAVAILABLE;
}

static int tell(const struct sendmail *s, const struct smtp_options *o, const struct smtp_result *r)
{
	int code = exit_of(r);
	size_t i;

	if (code != EX_OK)
		sendmail_complain(s, r->text.n ? hk_log_quote(hk_buf_slice(&r->text)).text : "the server went away", NULL);
	for (i = 0; i < o->n_rcpt; i++) {
		if (r->rcpt_code[i] < 400)
			continue;
		sendmail_complain(s, "the server refuses this recipient", o->rcpt[i]);
		if (code == EX_OK)
			code = r->rcpt_code[i] < 500 ? EX_TEMPFAIL : EX_NOUSER;
	}
	return code;
}

/* One transaction, in a session of its own. */
static int submit_to(const struct sendmail *s, const struct smtp_options *o)
{
	struct smtp_result result = {0};
	struct smtp_show show;
	struct smtp_wire wire;
	int code = EX_TEMPFAIL;

	hk_buf_init(&result.text, 65536);
	smtp_show_init(&show, o);
	if (smtp_wire_open(&wire, o, o->server, o->port, &show)) {
		smtp_talk(&wire, o, o->server, hk_buf_slice(&s->message), &show, &result);
		code = tell(s, o, &result);
	} else {
		sendmail_complain(s, "the server cannot be reached", s->server ? s->server : SENDMAIL_SERVER);
	}
	smtp_wire_close(&wire);
	smtp_show_done(&show);
	hk_buf_done(&result.text);
	return code;
}

int sendmail_submit(struct sendmail *s)
{
	struct smtp_options o = options_of(s);
	int code = EX_OK, worst = EX_OK;
	size_t i, at;

	if (has_eight_bits(hk_buf_slice(&s->message))) {
		o.body = HK_BODY_8BITMIME;
		o.has_body = true;
	}
	o.smtputf8 = has_utf8_address(s);
	for (at = 0; at < s->n_rcpt; at += o.n_rcpt) {
		o.n_rcpt = s->n_rcpt - at < SMTP_RCPTS_MAX ? s->n_rcpt - at : SMTP_RCPTS_MAX;
		for (i = 0; i < o.n_rcpt; i++)
			o.rcpt[i] = s->rcpt[at + i];
		code = submit_to(s, &o);
		if (code != EX_OK)
			worst = code;
	}
	return worst;
}

/* ---- -bs: the session is the caller's ------------------------------------------------ */

static bool write_all(int fd, const uint8_t *p, size_t n)
{
	while (n) {
		struct pollfd wait = {.fd = fd, .events = POLLOUT};
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EAGAIN)
			(void)poll(&wait, 1, -1);
		else if (done <= 0 && errno != EINTR)
			return false;
		else if (done > 0) {
			p += done;
			n -= (size_t)done;
		}
	}
	return true;
}

/* false: nothing more comes from there. */
static bool pump(int from, int to)
{
	uint8_t bytes[PUMP_ROOM];
	ssize_t n = read(from, bytes, sizeof bytes);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	return n > 0 && write_all(to, bytes, (size_t)n);
}

int sendmail_speak(struct sendmail *s)
{
	struct smtp_options o = options_of(s);
	struct pollfd p[2];
	struct smtp_show show;
	struct smtp_wire wire;
	bool is_open;

	smtp_show_init(&show, &o);
	is_open = smtp_wire_open(&wire, &o, o.server, o.port, &show);
	if (!is_open)
		sendmail_complain(s, "the server cannot be reached", s->server ? s->server : SENDMAIL_SERVER);
	p[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
	p[1] = (struct pollfd){.fd = wire.fd, .events = POLLIN};
	while (is_open && poll(p, 2, -1) >= 0) {
		if (p[1].revents && !pump(wire.fd, STDOUT_FILENO))
			break;
		if (p[0].revents && !pump(STDIN_FILENO, wire.fd)) {
			/* it says QUIT no more, or ended within a message, which is none then; the server's last words still go out */
			(void)write_all(wire.fd, (const uint8_t *)"QUIT\r\n", 6);
			(void)shutdown(wire.fd, SHUT_WR);
			p[0].fd = -1;
		}
	}
	smtp_wire_close(&wire);
	smtp_show_done(&show);
	return is_open ? EX_OK : EX_TEMPFAIL;
}
