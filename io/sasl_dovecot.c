/* SPDX-License-Identifier: MIT
 *
 * sasl_dovecot.c - Dovecot's authentication protocol, version 1: lines of fields separated by tabs,
 * over a unix socket. One connection serves one exchange.
 *
 *	C: VERSION 1 2, CPID pid         S: VERSION 1 x, MECH name flag..., SPID, CUID, COOKIE, DONE
 *	C: AUTH 1 mechanism field...     S: CONT 1 base64 | OK 1 user=... | FAIL 1 user=... temp
 *	C: CONT 1 base64
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/sasl.h"

enum { HANDSHAKE_LINES_MAX = 100 };

struct dovecot {
	struct hk_sasl sasl;
	struct hk_slice path; /* behind the struct */
	int fd;               /* -1: not connected */
	uint64_t until;       /* mono_ms, of this step */
	uint8_t in[HK_SASL_LINE_MAX];
	size_t in_n, line_n; /* line_n: of the line handed out last, with its LF */
	struct hk_buf mechanisms;
};

/* ---- lines ---- */

static bool wait_for(const struct dovecot *d, short events)
{
	struct pollfd p = {.fd = d->fd, .events = events};
	uint64_t now;
	int n;

	do {
		now = hk_clock_mono_ms();
		n = now < d->until ? poll(&p, 1, (int)(d->until - now)) : 0;
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

static bool send_all(const struct dovecot *d, struct hk_slice s)
{
	while (s.n) {
		ssize_t n = send(d->fd, s.p, s.n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && (errno == EINTR || (errno == EAGAIN && wait_for(d, POLLOUT))))
			continue;
		if (n <= 0)
			return false;
		s = hk_slice_from(s, (size_t)n);
	}
	return true;
}

/* The next line, without its LF, borrowed until the next call. */
static bool read_line(struct dovecot *d, struct hk_slice *ret)
{
	size_t lf;

	if (d->line_n) {
		memmove(d->in, d->in + d->line_n, d->in_n - d->line_n);
		d->in_n -= d->line_n;
		d->line_n = 0;
	}
	while ((lf = hk_slice_find(hk_slice_of(d->in, d->in_n), '\n')) == d->in_n) {
		ssize_t n;

		if (d->in_n == sizeof d->in || !wait_for(d, POLLIN))
			return false;
		n = recv(d->fd, d->in + d->in_n, sizeof d->in - d->in_n, MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return false;
		d->in_n += (size_t)n;
	}
	d->line_n = lf + 1;
	*ret = hk_slice_of(d->in, lf);
	return true;
}

static struct hk_slice take_field(struct hk_slice *line)
{
	struct hk_slice field = hk_slice_sub(*line, 0, hk_slice_find(*line, '\t'));

	*line = hk_slice_from(*line, field.n + 1);
	return field;
}

/* ---- the handshake ---- */

static bool open_socket(struct dovecot *d)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	if (d->path.n >= sizeof at.sun_path)
		return false;
	memcpy(at.sun_path, d->path.p, d->path.n);
	d->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return d->fd >= 0 && connect(d->fd, (const struct sockaddr *)&at, sizeof at) == 0;
}

static void close_socket(struct dovecot *d)
{
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
	d->in_n = d->line_n = 0;
}

/* "MECH PLAIN plaintext": those that a client must not be given (private, and anonymous, which
 * would let anybody in) are left out. */
static void note_mechanism(struct dovecot *d, struct hk_slice rest)
{
	struct hk_slice name = take_field(&rest);

	while (rest.n) {
		struct hk_slice flag = take_field(&rest);

		if (hk_slice_eq(flag, HK_S("private")) || hk_slice_eq(flag, HK_S("anonymous")))
			return;
	}
	if (name.n && name.n <= 20 && hk_slice_find(name, ' ') == name.n)
		hk_buf_addf(&d->mechanisms, "%s%.*s", d->mechanisms.n ? " " : "", HK_FMT(name));
}

static bool shake_hands(struct dovecot *d)
{
	struct hk_slice line, word;
	char hello[64];
	unsigned i;
	bool has_version = false;

	/* the number tells clients apart; one process has many, each with a connection of its own
	 */
	snprintf(hello, sizeof hello, "VERSION\t1\t2\nCPID\t%lu\n",
	    (unsigned long)getpid() * 64 + (unsigned long)d->fd % 64);
	if (!send_all(d, hk_slice_str(hello)))
		return false;
	for (i = 0; i < HANDSHAKE_LINES_MAX && read_line(d, &line); i++) {
		word = take_field(&line);
		if (hk_slice_eq(word, HK_S("VERSION")))
			has_version = hk_slice_eq(take_field(&line), HK_S("1"));
		else if (hk_slice_eq(word, HK_S("MECH")))
			note_mechanism(d, line);
		else if (hk_slice_eq(word, HK_S("DONE")))
			return has_version;
	}
	return false;
}

static bool connect_to(struct dovecot *d)
{
	hk_buf_reset(&d->mechanisms);
	return open_socket(d) && shake_hands(d);
}

/* ---- the exchange ---- */

/* Tab-escaped, as the protocol has it; what we send never needs more. */
static void add_field(struct hk_buf *out, const char *name, struct hk_slice value)
{
	size_t i;

	hk_buf_addf(out, "\t%s=", name);
	for (i = 0; i < value.n; i++) {
		if (value.p[i] == '\t' || value.p[i] == '\n' || value.p[i] == '\r' ||
		    value.p[i] <= 1)
			hk_buf_add_byte(out, '?');
		else
			hk_buf_add_byte(out, value.p[i]);
	}
}

static void add_ip(struct hk_buf *out, const char *name, const struct hk_ip *ip)
{
	char text[HK_IP_TEXT_MAX];

	hk_ip_format(ip, text);
	if (ip->family)
		add_field(out, name, hk_slice_str(text));
}

static void add_auth(
    const struct dovecot *d, struct hk_slice data, bool has_data, struct hk_buf *out)
{
	const struct hk_sasl_peer *p = &d->sasl.peer;

	hk_buf_addf(out, "AUTH\t1\t%s\tservice=smtp\tnologin", d->sasl.mechanism);
	if (p->is_tls)
		hk_buf_add_str(out, "\tsecured");
	add_ip(out, "rip", &p->client);
	add_ip(out, "lip", &p->server);
	if (p->client_port)
		hk_buf_addf(out, "\trport=%u", p->client_port);
	if (p->server_port)
		hk_buf_addf(out, "\tlport=%u", p->server_port);
	/* what Dovecot knows is handed to its password and policy look-ups, what it does not know
	 * is ignored (its protocol says so) */
	if (p->device[0]) {
		add_field(out, "session", hk_slice_str(p->device));
		add_field(out, "client_id", hk_slice_str(p->device));
	}
	if (p->certificate_user[0]) {
		hk_buf_add_str(out, "\tvalid-client-cert");
		add_field(out, "cert_username", hk_slice_str(p->certificate_user));
	}
	if (has_data) { /* always the last */
		hk_buf_add_str(out, "\tresp=");
		hk_base64_add(out, data);
	}
	hk_buf_add_byte(out, '\n');
}

static void take_challenge(struct hk_slice text, struct hk_sasl_result *ret)
{
	struct hk_slice bytes;
	struct hk_arena a;

	hk_arena_init(&a, 2 * HK_SASL_LINE_MAX);
	if (hk_base64_parse(&a, text, &bytes) == HK_OK) {
		ret->outcome = HK_AUTH_CONTINUE;
		hk_buf_add(&ret->challenge, bytes);
	}
	hk_arena_done(&a);
}

/* What follows OK or FAIL: fields with a value or without. */
static bool take_fields(struct hk_slice rest, struct hk_sasl_result *ret)
{
	bool is_temporary = false;

	while (rest.n) {
		struct hk_slice field = take_field(&rest);

		if (hk_slice_starts_nocase(field, HK_S("user=")) &&
		    field.n - 5 <= HK_USER_NAME_MAX && !hk_user_name_check(hk_slice_from(field, 5)))
			snprintf(
			    ret->user, sizeof ret->user, "%.*s", HK_FMT(hk_slice_from(field, 5)));
		is_temporary |= hk_slice_eq(field, HK_S("temp"));
	}
	return is_temporary;
}

static void take_answer(struct hk_slice line, struct hk_sasl_result *ret)
{
	struct hk_slice word = take_field(&line), id = take_field(&line);
	bool is_temporary;

	if (!hk_slice_eq(id, HK_S("1")))
		return;
	if (hk_slice_eq(word, HK_S("CONT"))) {
		take_challenge(take_field(&line), ret);
		return;
	}
	is_temporary = take_fields(line, ret);
	if (hk_slice_eq(word, HK_S("OK")) && ret->user[0])
		ret->outcome = HK_AUTH_PASSED;
	else if (hk_slice_eq(word, HK_S("FAIL")) && !is_temporary)
		ret->outcome = HK_AUTH_DENIED;
}

static void dovecot_step(
    struct hk_sasl *s, struct hk_slice data, bool has_data, struct hk_sasl_result *ret)
{
	struct dovecot *d = (struct dovecot *)s;
	struct hk_slice line;
	struct hk_buf out;
	bool is_first = d->fd < 0;

	ret->outcome = HK_AUTH_LATER;
	d->until = hk_clock_mono_ms() + HK_SASL_DOVECOT_MS;
	hk_buf_init(&out, HK_SASL_LINE_MAX);
	if (is_first) {
		add_auth(d, data, has_data, &out);
	} else {
		hk_buf_add_str(&out, "CONT\t1\t");
		hk_base64_add(&out, data);
		hk_buf_add_byte(&out, '\n');
	}
	if (hk_buf_status(&out) != HK_OK)
		ret->outcome = HK_AUTH_SYNTAX;
	else if ((!is_first || connect_to(d)) && send_all(d, hk_buf_slice(&out)) &&
	         read_line(d, &line))
		take_answer(line, ret);
	if (ret->outcome != HK_AUTH_CONTINUE)
		close_socket(d);
	if (out.n)
		explicit_bzero(out.p, out.n);
	hk_buf_done(&out);
}

static void dovecot_free(struct hk_sasl *s)
{
	struct dovecot *d = (struct dovecot *)s;

	close_socket(d);
	hk_buf_done(&d->mechanisms);
	explicit_bzero(d->in, sizeof d->in);
	free(d);
}

static const struct hk_sasl_ops dovecot_ops = {dovecot_step, dovecot_free};

struct hk_sasl *hk_sasl_dovecot(
    struct hk_slice path, struct hk_slice mechanism, const struct hk_sasl_peer *peer)
{
	struct dovecot *d = calloc(1, sizeof *d + path.n);

	if (!d)
		return NULL;
	d->sasl.ops = &dovecot_ops;
	d->sasl.peer = *peer;
	snprintf(d->sasl.mechanism, sizeof d->sasl.mechanism, "%.*s", HK_FMT(mechanism));
	memcpy(d + 1, path.p, path.n);
	d->path = hk_slice_of(d + 1, path.n);
	d->fd = -1;
	hk_buf_init(&d->mechanisms, HK_SASL_MECHANISMS_MAX);
	return &d->sasl;
}

enum hk_status hk_sasl_dovecot_mechanisms(struct hk_slice path, struct hk_buf *out)
{
	struct hk_sasl_peer nobody = {0};
	struct hk_sasl *s = hk_sasl_dovecot(path, HK_S(""), &nobody);
	struct dovecot *d = (struct dovecot *)s;
	enum hk_status status = HK_BUSY;

	if (!s)
		return HK_NOMEM;
	d->until = hk_clock_mono_ms() + 2000;
	if (connect_to(d) && hk_buf_status(&d->mechanisms) == HK_OK && d->mechanisms.n) {
		hk_buf_add(out, hk_buf_slice(&d->mechanisms));
		status = HK_OK;
	}
	hk_sasl_free(s);
	return status;
}
