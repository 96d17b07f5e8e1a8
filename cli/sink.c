/* SPDX-License-Identifier: MIT
 *
 * The command sink: a server that takes all mail and keeps none, to measure what sends to it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hikyaku/smtp.h>

#include "cli_internal.h"
#include "flags.h"
#include "io/conn.h"
#include "io/net.h"

enum { PENDING = 16 * 1024, PEM_MAX = 256 * 1024, NUMBER_MAX = 24 };

struct sink_options {
	struct hk_conf_socket listen;
	uint64_t messages, seconds, delay, refuse, defer;
	const char *certificate, *key;
	bool lmtp, rounds, json, help;
};

#define AT(member) offsetof(struct sink_options, member)
static const struct flag flags[] = {
    {"--listen", "IP:PORT", "where to listen (default: 127.0.0.1:2525)", FLAG_SOCKET, AT(listen), 0, 0},
    {"--lmtp", NULL, "speak LMTP in place of SMTP", FLAG_SWITCH, AT(lmtp), 0, 0},
    {"--certificate", "FILE", "offer STARTTLS with this chain (PEM)", FLAG_TEXT, AT(certificate), 0, 0},
    {"--certificate-key", "FILE", "and this key", FLAG_TEXT, AT(key), 0, 0},
    {"--delay", "MS", "wait so long before the reply to each message", FLAG_NUMBER, AT(delay), 0, 600000},
    {"--refuse", "PERCENT", "refuse so many of the messages with 554", FLAG_NUMBER, AT(refuse), 0, 100},
    {"--defer", "PERCENT", "and so many with 451", FLAG_NUMBER, AT(defer), 0, 100},
    {"--messages", "N", "end after so many messages", FLAG_NUMBER, AT(messages), 1, UINT64_MAX},
    {"--rounds", NULL, "read a number at a time: print the figures after so many messages more, and count anew", FLAG_SWITCH, AT(rounds), 0, 0},
    {"--seconds", "N", "end after so many seconds", FLAG_NUMBER, AT(seconds), 1, 1000000},
    {"--json", NULL, "print the figures as JSON", FLAG_SWITCH, AT(json), 0, 0},
    {"--help", NULL, "print this", FLAG_SWITCH, AT(help), 0, 0},
};
enum { FLAGS = sizeof flags / sizeof flags[0] };

struct guest;
struct sink {
	struct sink_options options;
	struct hk_loop loop;
	uv_poll_t listening, asking; /* asking: standard input, with --rounds */
	uv_signal_t stop[2];
	struct hk_timer end;
	struct hk_tls_context *tls;
	struct guest *first;
	int fd;
	bool is_over, is_asking, is_misused; /* is_misused: a round was asked for in a way that is none */
	char number[NUMBER_MAX]; /* of a line of standard input, as far as it has come */
	size_t n_number;
	/* what was seen */
	uint64_t connections, open, most_open, accepted, refused, recipients, octets;
	uint64_t first_ms, last_ms;
};

/* One client. */
struct guest {
	struct sink *sink;
	struct guest *next, **prev;
	struct hk_conn *conn;
	struct hk_smtpd *smtpd;
	struct hk_timer reply; /* --delay */
	bool is_waiting, is_handshaking, wants_tls, is_closing;
	size_t recipients;
	uint8_t pending[PENDING]; /* read, and not taken yet */
	size_t at, n;
};

static void guest_end(struct guest *g)
{
	g->sink->open--;
	*g->prev = g->next;
	if (g->next)
		g->next->prev = g->prev;
	hk_timers_leave(&g->sink->loop.timers, &g->reply);
	hk_conn_close(g->conn, true);
	hk_smtpd_free(g->smtpd);
	free(g);
}

static void sink_over(struct sink *s)
{
	if (s->is_over)
		return;
	s->is_over = true;
	uv_poll_stop(&s->listening);
	uv_close((uv_handle_t *)&s->listening, NULL);
	uv_close((uv_handle_t *)&s->stop[0], NULL);
	uv_close((uv_handle_t *)&s->stop[1], NULL);
	if (s->is_asking) {
		uv_poll_stop(&s->asking);
		uv_close((uv_handle_t *)&s->asking, NULL);
	}
	hk_timers_set(&s->loop.timers, &s->end, HK_TIMER_NEVER);
	uv_stop(&s->loop.uv);
}

/* The share of messages that is refused comes evenly: the k-th of every hundred. */
static unsigned reply_code(const struct sink *s)
{
	uint64_t k = (s->accepted + s->refused) % 100;

	if (k < s->options.refuse)
		return 554;
	return k < s->options.refuse + s->options.defer ? 451 : 250;
}

static void answer_message(struct guest *g)
{
	struct sink *s = g->sink;
	unsigned code = reply_code(s);

	if (code == 250)
		s->accepted++;
	else
		s->refused++;
	s->recipients += code == 250 ? g->recipients : 0;
	g->recipients = 0;
	s->last_ms = s->loop.now.mono_ms;
	if (code == 250)
		hk_smtpd_answer_all(g->smtpd, 250, "2.0.0", HK_S("Ok: gone"));
	else
		hk_smtpd_answer_all(g->smtpd, code, code == 554 ? "5.7.1" : "4.3.0", HK_S("As you wished"));
	if (s->options.messages && s->accepted + s->refused >= s->options.messages)
		hk_timers_set(&s->loop.timers, &s->end, s->loop.now.mono_ms + 1); /* the reply goes out before */
}

static void pump(struct guest *);

static void reply_is_due(struct hk_timer *timer)
{
	struct guest *g = (struct guest *)((char *)timer - offsetof(struct guest, reply));

	g->is_waiting = false;
	answer_message(g);
	pump(g);
}

/* false: the guest is gone, or waits. */
static bool on_event(struct guest *g, const struct hk_smtpd_event *e)
{
	struct sink *s = g->sink;

	switch (e->type) {
	case HK_SMTPD_RCPT:
		g->recipients++;
		break;
	case HK_SMTPD_BODY:
		s->octets += e->text.n;
		break;
	case HK_SMTPD_MESSAGE:
		if (s->options.delay) {
			g->is_waiting = true;
			hk_timers_set(&s->loop.timers, &g->reply, s->loop.now.mono_ms + s->options.delay);
			return false;
		}
		answer_message(g);
		return true;
	case HK_SMTPD_STARTTLS:
		/* RFC 3207 4.2: what came in clear behind it is not heeded */
		g->at = g->n = 0;
		g->is_handshaking = g->wants_tls = true;
		return false;
	case HK_SMTPD_QUIT:
	case HK_SMTPD_CLOSE:
		g->is_closing = true;
		break;
	default:
		break;
	}
	hk_smtpd_accept(g->smtpd);
	return true;
}

/* OK: everything went out. */
static enum hk_status write_out(struct guest *g)
{
	while (hk_smtpd_out(g->smtpd).n) {
		size_t n = 0;
		enum hk_status status = hk_conn_write(g->conn, hk_smtpd_out(g->smtpd), &n);

		if (status != HK_OK)
			return status;
		hk_smtpd_sent(g->smtpd, n);
	}
	return HK_OK;
}

static enum hk_status shake_hands(struct guest *g)
{
	char text[HK_TLS_DESCRIBE_MAX];
	enum hk_tls_result result;
	enum hk_status status = HK_OK;

	if (g->wants_tls)
		status = hk_conn_start_tls(g->conn, g->sink->tls, &(struct hk_tls_check){0});
	g->wants_tls = false;
	if (status == HK_OK)
		status = hk_conn_handshake(g->conn, text, &result);
	if (status == HK_OK) {
		g->is_handshaking = false;
		hk_smtpd_tls_done(g->smtpd);
	}
	return status;
}

/* Feeds what was read before, then reads more. */
static enum hk_status read_in(struct guest *g)
{
	enum hk_status status;

	if (g->at == g->n) {
		g->at = g->n = 0;
		status = hk_conn_read(g->conn, g->pending, sizeof g->pending, &g->n);
		if (status != HK_OK)
			return status;
	}
	g->at += hk_smtpd_feed(g->smtpd, hk_slice_of(g->pending + g->at, g->n - g->at));
	return HK_OK;
}

static enum hk_status turn(struct guest *g)
{
	struct hk_smtpd_event e = {.size = sizeof e};
	enum hk_status status = HK_OK;

	while (!g->is_waiting && !g->is_handshaking && hk_smtpd_next(g->smtpd, &e) == HK_OK)
		if (!on_event(g, &e))
			break;
	status = write_out(g);
	if (status != HK_OK)
		return status;
	if (g->is_closing)
		return HK_END;
	if (g->is_handshaking)
		return shake_hands(g);
	return g->is_waiting ? HK_AGAIN : read_in(g);
}

static void pump(struct guest *g)
{
	enum hk_status status;

	do
		status = turn(g);
	while (status == HK_OK);
	if (status == HK_AGAIN)
		hk_conn_wait(g->conn, !g->is_waiting, hk_smtpd_out(g->smtpd).n > 0);
	else
		guest_end(g);
}

static void woken(void *user)
{
	pump(user);
}

static bool welcome(struct sink *s, int fd)
{
	const struct hk_smtpd_options options = {.size = sizeof options,
	    .hostname = HK_S("sink.test"),
	    .banner_text = HK_S("sink"),
	    .lmtp = s->options.lmtp,
	    .extensions = HK_EXT_BASIC | HK_EXT(CHUNKING) | HK_EXT(SMTPUTF8) | HK_EXT(DSN) | HK_EXT(BINARYMIME),
	    .offer_starttls = s->tls != NULL,
	    .max_recipients = 10000};
	struct guest *g = calloc(1, sizeof *g);

	if (!g) {
		close(fd);
		return false;
	}
	g->sink = s;
	g->smtpd = hk_smtpd_new(&options);
	g->conn = hk_conn_new(&s->loop, fd, woken, g);
	if (!g->smtpd || !g->conn || hk_timers_join(&s->loop.timers, &g->reply, reply_is_due) != HK_OK) {
		if (g->conn)
			hk_conn_close(g->conn, false);
		hk_smtpd_free(g->smtpd);
		free(g);
		return false;
	}
	g->next = s->first;
	g->prev = &s->first;
	if (g->next)
		g->next->prev = &g->next;
	s->first = g;
	s->connections++;
	s->open++;
	s->most_open = s->open > s->most_open ? s->open : s->most_open;
	if (!s->first_ms)
		s->first_ms = s->loop.now.mono_ms;
	pump(g);
	return true;
}

static void on_listening(uv_poll_t *poll, int error, int events)
{
	struct sink *s = poll->data;
	struct hk_conf_socket peer;
	int fd;

	(void)error;
	(void)events;
	hk_loop_wake(&s->loop);
	while (!s->is_over && hk_net_accept(s->fd, &fd, &peer) == HK_OK)
		if (!welcome(s, fd))
			break;
}

static void on_signal(uv_signal_t *handle, int number)
{
	(void)number;
	sink_over(handle->data);
}

static void report(const struct sink *s)
{
	double seconds = s->last_ms > s->first_ms ? (double)(s->last_ms - s->first_ms) / 1000 : 0;
	double rate = seconds > 0 ? (double)s->accepted / seconds : 0;

	printf(s->options.json
	           ? "{\"accepted\":%llu,\"refused\":%llu,\"recipients\":%llu,\"octets\":%llu,\"connections\":%llu,"
	             "\"connections_at_once\":%llu,\"seconds\":%.3f,\"accepted_per_s\":%.1f}\n"
	           : "accepted      %llu\nrefused       %llu\nrecipients    %llu\noctets        %llu\nconnections   %llu\n"
	             "at once       %llu\nseconds       %.3f\nper second    %.1f\n",
	    (unsigned long long)s->accepted, (unsigned long long)s->refused, (unsigned long long)s->recipients,
	    (unsigned long long)s->octets, (unsigned long long)s->connections, (unsigned long long)s->most_open, seconds,
	    rate);
}

/* ---- rounds ---- */

/* More messages than were asked for belong to no round; what is open stays open. */
static void begin_round(struct sink *s, uint64_t messages)
{
	s->options.messages = messages;
	s->connections = s->accepted = s->refused = s->recipients = s->octets = 0;
	s->most_open = s->open;
	s->first_ms = s->open ? s->loop.now.mono_ms : 0;
}

static void misused(struct sink *s, const char *why)
{
	cli_complain(why, NULL);
	s->is_misused = true;
	sink_over(s);
}

static const char no_round[] = "a round wants the number of its messages";

static void on_asking(uv_poll_t *poll, int error, int events)
{
	struct sink *s = poll->data;
	uint64_t messages;
	ssize_t n;

	(void)events;
	hk_loop_wake(&s->loop);
	n = error ? 0 : read(STDIN_FILENO, s->number + s->n_number, 1);
	if (n <= 0) {
		sink_over(s);
	} else if (s->number[s->n_number] != '\n') {
		if (++s->n_number == sizeof s->number)
			misused(s, no_round);
	} else if (hk_slice_u64(hk_slice_of(s->number, s->n_number), UINT64_MAX, &messages) != HK_OK || !messages) {
		misused(s, no_round);
	} else {
		s->n_number = 0;
		begin_round(s, messages);
	}
}

static void ask(struct sink *s)
{
	if (uv_poll_init(&s->loop.uv, &s->asking, STDIN_FILENO) != 0) {
		misused(s, "--rounds reads from a pipe, a socket or a terminal");
		return;
	}
	s->is_asking = true;
	s->asking.data = s;
	uv_poll_start(&s->asking, UV_READABLE, on_asking);
}

static void on_end(struct hk_timer *timer)
{
	struct sink *s = (struct sink *)((char *)timer - offsetof(struct sink, end));

	if (!s->options.rounds) {
		sink_over(s);
		return;
	}
	s->options.messages = 0;
	report(s);
	fflush(stdout);
}

/* ---- beginning and end ---- */

static bool load_tls(struct sink *s)
{
	struct hk_buf certificate, key, why;
	enum hk_status status = HK_SYNTAX;

	if (!s->options.certificate != !s->options.key) {
		cli_complain("--certificate and --certificate-key need each other", NULL);
		return false;
	}
	if (!s->options.certificate)
		return true;
	hk_buf_init(&certificate, PEM_MAX);
	hk_buf_init(&key, PEM_MAX);
	hk_buf_init(&why, 1024);
	if (cli_read_file(s->options.certificate, PEM_MAX, &certificate) && cli_read_file(s->options.key, PEM_MAX, &key)) {
		status = hk_tls_context_server(HK_S("sink"), NULL, &s->tls);
		if (status == HK_OK)
			status = hk_tls_context_add(s->tls, hk_buf_slice(&certificate), hk_buf_slice(&key), &why);
		hk_buf_add_byte(&why, 0);
		if (status != HK_OK)
			cli_complain((const char *)why.p, s->options.certificate);
	}
	hk_buf_done(&certificate);
	hk_buf_done(&key);
	hk_buf_done(&why);
	return status == HK_OK;
}

static bool open_sink(struct sink *s)
{
	hk_net_raise_files();
	if (hk_net_listen(&s->options.listen, &s->fd) != HK_OK) {
		cli_complain(strerror(errno), "--listen");
		return false;
	}
	if (hk_loop_init(&s->loop) != HK_OK) {
		close(s->fd);
		cli_complain("no event loop can be had", NULL);
		return false;
	}
	if (hk_timers_join(&s->loop.timers, &s->end, on_end) != HK_OK) {
		hk_loop_done(&s->loop);
		close(s->fd);
		return false;
	}
	uv_poll_init(&s->loop.uv, &s->listening, s->fd);
	s->listening.data = s;
	uv_poll_start(&s->listening, UV_READABLE, on_listening);
	uv_signal_init(&s->loop.uv, &s->stop[0]);
	uv_signal_init(&s->loop.uv, &s->stop[1]);
	s->stop[0].data = s->stop[1].data = s;
	uv_signal_start(&s->stop[0], on_signal, SIGINT);
	uv_signal_start(&s->stop[1], on_signal, SIGTERM);
	if (s->options.rounds)
		ask(s);
	hk_loop_wake(&s->loop);
	if (s->options.seconds)
		hk_timers_set(&s->loop.timers, &s->end, s->loop.now.mono_ms + s->options.seconds * 1000);
	return true;
}

static bool is_usable(const struct sink_options *o)
{
	if (!o->rounds || (!o->messages && !o->seconds))
		return true;
	cli_complain("--rounds reads when to end: no --messages, no --seconds", NULL);
	return false;
}

enum cli_exit cli_sink(char **argv)
{
	struct sink *s = calloc(1, sizeof *s);
	enum cli_exit code = CLI_USAGE;

	if (!s)
		return CLI_LATER;
	s->options.listen = (struct hk_conf_socket){{4, {127, 0, 0, 1}}, 2525};
	if (!flags_parse(flags, FLAGS, argv, &s->options)) {
		free(s);
		return CLI_USAGE;
	}
	if (s->options.help) {
		flags_help("usage: hikyaku sink [options]\n\ntake all mail and keep none: what sends it is measured", flags, FLAGS);
		free(s);
		return CLI_OK;
	}
	if (is_usable(&s->options) && load_tls(s) && open_sink(s)) {
		uv_run(&s->loop.uv, UV_RUN_DEFAULT);
		while (s->first)
			guest_end(s->first);
		hk_timers_leave(&s->loop.timers, &s->end);
		hk_loop_done(&s->loop);
		close(s->fd);
		if (!s->options.rounds)
			report(s);
		code = s->is_misused ? CLI_USAGE : CLI_OK;
	}
	hk_tls_context_free(s->tls);
	free(s);
	return code;
}
