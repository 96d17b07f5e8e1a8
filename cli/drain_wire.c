/* SPDX-License-Identifier: MIT
 *
 * What a delivery wants, one thing after the other: addresses, a connection, TLS, bytes.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drain.h"
#include "io/clock.h"
#include "io/disk.h"
#include "io/net.h"

enum { CONNECT_MS = 30000, ADDRESSES_MOST = 16, WAIT_MOST_MS = 60000 };

enum hk_status drain_wire_init(struct drain_wire *w, const char *host, struct hk_slice ca)
{
	*w = (struct drain_wire){.host = host, .at = {.fd = -1}};
	return hk_tls_context_client(ca, &w->context);
}

static void hang_up(struct drain_wire *w)
{
	smtp_wire_close(&w->at);
	w->at = (struct smtp_wire){.fd = -1};
}

/* ---- addresses --------------------------------------------------------------------------------------- */

/* As all programs of this system find them: /etc/hosts counts too. The name that is asked for may be the certificate's. */
static void answer_dns(struct drain_wire *w, struct hk_delivery *d, const struct hk_delivery_want *want)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *all = NULL, *a;
	struct hk_dns_answer answer = {.question = want->question, .rcode = HK_DNS_NOERROR};
	struct hk_dns_rr rr[ADDRESSES_MOST];
	int error = EAI_NONAME;

	hints.ai_family = want->question.type == HK_DNS_A ? AF_INET : AF_INET6;
	if (want->question.type == HK_DNS_A || want->question.type == HK_DNS_AAAA)
		error = getaddrinfo(w->host, NULL, &hints, &all);
	for (a = error ? NULL : all; a && answer.n < ADDRESSES_MOST; a = a->ai_next) {
		char text[NI_MAXHOST];
		struct hk_ip ip;

		if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0 &&
		    hk_ip_parse(hk_slice_str(text), &ip) == HK_OK)
			rr[answer.n++] = (struct hk_dns_rr){.type = want->question.type, .ip = ip};
	}
	if (all)
		freeaddrinfo(all);
	if (error == EAI_AGAIN)
		answer.rcode = HK_DNS_SERVFAIL;
	answer.rr = rr;
	hk_delivery_dns(d, want->id, &answer);
}

/* ---- the connection ------------------------------------------------------------------------------------ */

static int connect_now(struct drain_wire *w, const struct hk_delivery_want *want)
{
	struct hk_conf_socket to = {want->ip, want->port};
	struct pollfd p = {.events = POLLOUT};
	int error;

	errno = 0;
	if (hk_net_connect(&to, &want->source, &w->at.fd) != HK_OK) {
		w->at.fd = -1;
		return errno ? errno : ENOMEM;
	}
	p.fd = w->at.fd;
	error = poll(&p, 1, CONNECT_MS) > 0 ? hk_net_connect_error(w->at.fd) : ETIMEDOUT;
	if (error)
		hang_up(w);
	return error;
}

static void start_tls(struct drain_wire *w, struct hk_delivery *d, const struct hk_tls_check *check)
{
	uint64_t until = smtp_now_ms() + HK_TLS_HANDSHAKE_MS;
	char text[HK_TLS_DESCRIBE_MAX];
	enum hk_status status = hk_tls_new(w->context, w->at.fd, check->name, &w->at.tls);

	if (status == HK_OK)
		status = hk_tls_expect(w->at.tls, check);
	if (status != HK_OK) {
		hk_delivery_tls(d, false, hk_slice_str(hk_status_text(status)), HK_TLS_RESULT_VALIDATION);
		return;
	}
	while ((status = hk_tls_handshake(w->at.tls)) == HK_AGAIN) {
		uint64_t now = smtp_now_ms();

		if (now >= until || !smtp_wire_wait(&w->at, false, (unsigned)(until - now)))
			break;
	}
	if (status == HK_OK)
		hk_tls_describe(w->at.tls, text);
	else
		hk_tls_error(w->at.tls, text);
	hk_delivery_tls(d, status == HK_OK, status == HK_AGAIN ? HK_S("timed out") : hk_slice_str(text), hk_tls_result(w->at.tls));
}

/* ---- bytes ------------------------------------------------------------------------------------------------ */

static bool put_out(struct drain_wire *w, struct hk_delivery *d)
{
	size_t n = 0;

	if (!hk_delivery_out(d).n)
		return false;
	switch (smtp_wire_write(&w->at, hk_delivery_out(d), &n)) {
	case SMTP_WIRE_OK:
		hk_delivery_sent(d, n);
		return n > 0;
	case SMTP_WIRE_AGAIN:
		return false;
	default:
		hk_delivery_eof(d);
		return true;
	}
}

/* What the client has no room for yet waits. */
static bool feed(struct drain_wire *w, struct hk_delivery *d)
{
	size_t n = hk_delivery_feed(d, hk_slice_of(w->in + w->in_at, w->in_n - w->in_at));

	w->in_at += n;
	return n > 0;
}

static bool take_in(struct drain_wire *w, struct hk_delivery *d)
{
	if (w->in_at < w->in_n)
		return feed(w, d);
	w->in_at = w->in_n = 0;
	switch (smtp_wire_read(&w->at, w->in, sizeof w->in, &w->in_n)) {
	case SMTP_WIRE_OK:
		return feed(w, d);
	case SMTP_WIRE_AGAIN:
		w->in_n = 0;
		return false;
	default:
		w->in_n = 0;
		hk_delivery_eof(d);
		return true;
	}
}

/* Until something can be moved, or the delivery's time is over. */
static void wait_for_it(struct drain_wire *w, struct hk_delivery *d)
{
	uint64_t until = hk_delivery_deadline(d), ms;
	struct hk_now now;

	hk_clock_now(&now);
	ms = until > now.mono_ms ? until - now.mono_ms : 0;
	if (w->at.fd >= 0 && smtp_wire_wait(&w->at, hk_delivery_out(d).n > 0, ms < WAIT_MOST_MS ? (unsigned)ms : WAIT_MOST_MS))
		return;
	hk_clock_now(&now);
	if (w->at.fd < 0 || until <= now.mono_ms)
		hk_delivery_tick(d, &now);
}

/* QUIT goes out as far as it can at once: nothing hangs on it. */
static void close_it(struct drain_wire *w, struct hk_delivery *d)
{
	if (w->at.fd >= 0)
		(void)put_out(w, d);
	hang_up(w);
}

/* ---- one job ------------------------------------------------------------------------------------------------ */

/* false: it is done. */
static bool satisfy(struct drain_wire *w, struct hk_delivery *d, const struct hk_delivery_want *want)
{
	int error;

	switch (want->type) {
	case HK_DELIVERY_DNS:
		answer_dns(w, d, want);
		return true;
	case HK_DELIVERY_CONNECT:
		hang_up(w);
		error = connect_now(w, want);
		hk_delivery_connected(d, !error, error ? hk_slice_str(strerror(error)) : (struct hk_slice){0});
		return true;
	case HK_DELIVERY_TLS:
		/* RFC 3207 4.2: what came in clear behind the 220 is not heeded */
		while (hk_delivery_out(d).n && put_out(w, d))
			;
		w->in_at = w->in_n = 0;
		start_tls(w, d, &want->tls);
		return true;
	case HK_DELIVERY_CLOSE:
		close_it(w, d);
		return true;
	case HK_DELIVERY_SIGN:
		/* no key is in this configuration */
		hk_delivery_signed(d, want->id, (struct hk_slice){0});
		return true;
	case HK_DELIVERY_STS:
	case HK_DELIVERY_LOCAL: /* a route to a host wants neither */
		return true;
	case HK_DELIVERY_DONE:
		return false;
	}
	return true;
}

static void run(struct drain_wire *w, struct hk_delivery *d)
{
	struct hk_delivery_want want;
	enum hk_status status;
	struct hk_now now;

	for (;;) {
		hk_clock_now(&now);
		status = hk_delivery_next(d, &now, &want);
		if (status == HK_END || (status == HK_OK && !satisfy(w, d, &want)))
			return;
		if (status == HK_AGAIN && !(w->at.fd >= 0 && (put_out(w, d) || take_in(w, d))))
			wait_for_it(w, d);
	}
}

void drain_wire_run(struct drain_wire *w, struct hk_job *job, struct hk_log *log)
{
	struct hk_delivery_env env = {
	    .job = job, .disk = hk_disk_kernel(), .log = log, .link = &w->link, .can_keep = true};
	struct hk_delivery *d;
	struct hk_now now;

	hk_clock_now(&now);
	d = hk_delivery_new(&env, &now);
	if (!d) {
		job->released = true;
		return;
	}
	run(w, d);
	if (!hk_delivery_take_link(d, &w->link))
		close_it(w, d);
	hk_delivery_free(d);
}

void drain_wire_done(struct drain_wire *w)
{
	size_t n;

	if (w->link.client && w->at.fd >= 0) {
		hk_smtpc_quit(w->link.client);
		(void)smtp_wire_write(&w->at, hk_smtpc_out(w->link.client), &n);
	}
	hk_smtpc_free(w->link.client);
	hang_up(w);
	hk_tls_context_free(w->context);
}
