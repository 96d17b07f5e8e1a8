/* SPDX-License-Identifier: MIT
 *
 * The command load: many clients at once that send made-up mail, and what that took. load_report.c prints it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli_internal.h"
#include "flags.h"
#include "io/conn.h"
#include "io/net.h"
#include "load.h"

enum { PENDING = 16 * 1024, LINE = 78, MESSAGE_MAX = 64 << 20, LOOK_MS = 500 };

#define AT(member) offsetof(struct load_options, member)
static const struct flag flags[] = {
    {"--to", "IP:PORT", "the server (default: 127.0.0.1:2525)", FLAG_SOCKET, AT(to), 0, 0},
    {"--connections", "N", "so many clients at once (default: 20)", FLAG_NUMBER, AT(connections), 1, 10000},
    {"--messages", "N", "so many messages in all (default: 1000)", FLAG_NUMBER, AT(messages), 1, 1000000000},
    {"--per-connection", "N", "a new connection after so many (default: 0, never)", FLAG_NUMBER, AT(per_connection), 0, 1000000},
    {"--size", "OCTETS", "of each message (default: 4096)", FLAG_NUMBER, AT(octets), 256, 1 << 30},
    {"--message", "FILE", "send this one, line ends CRLF, in place of one that is made up", FLAG_TEXT, AT(message), 0, 0},
    {"--recipients", "N", "of each message (default: 1)", FLAG_NUMBER, AT(recipients), 1, HK_SMTP_RCPTS_MAX},
    {"--rate", "N", "at most so many messages a second, in all", FLAG_NUMBER, AT(rate), 1, 1000000},
    {"--timeout", "SECONDS", "give up a server that is silent for so long (default: 300)", FLAG_NUMBER, AT(timeout), 1, 86400},
    {"--from", "ADDRESS", "the sender (default: load@load.test)", FLAG_TEXT, AT(from), 0, 0},
    {"--rcpt", "ADDRESS", "the recipient; %n in it is a number (default: user%n@sink.test)", FLAG_TEXT, AT(rcpt), 0, 0},
    {"--helo", "NAME", "our name (default: load.test)", FLAG_TEXT, AT(helo), 0, 0},
    {"--tls", NULL, "STARTTLS on each connection", FLAG_SWITCH, AT(tls), 0, 0},
    {"--lmtp", NULL, "speak LMTP", FLAG_SWITCH, AT(lmtp), 0, 0},
    {"--no-pipelining", NULL, "wait for each reply", FLAG_SWITCH, AT(no_pipelining), 0, 0},
    {"--no-chunking", NULL, "DATA also where BDAT is offered", FLAG_SWITCH, AT(no_chunking), 0, 0},
    {"--json", NULL, "print the figures as JSON", FLAG_SWITCH, AT(json), 0, 0},
    {"--help", NULL, "print this", FLAG_SWITCH, AT(help), 0, 0},
};
enum { FLAGS = sizeof flags / sizeof flags[0] };

/* One client. */
struct runner {
	struct load *load;
	struct hk_conn *conn; /* NULL: between two connections */
	struct hk_smtpc *smtpc;
	struct hk_timer timer; /* --rate; and the wait before another try */
	bool is_connecting, is_handshaking, wants_tls, is_sending, is_quitting, is_idle;
	bool is_early;         /* its next message waits for its time */
	uint64_t heard_ms;     /* when the server last sent anything, or took it */
	uint64_t sent_here;    /* messages on this connection */
	uint64_t began_us;     /* of the message */
	uint64_t number;       /* of the message */
	struct hk_buf head;    /* its header; unused with --message */
	size_t at_head, at_body;
	uint8_t pending[PENDING];
	size_t at, n;
};

static uint64_t now_us(void)
{
	uint64_t t = uv_hrtime();

	return t / 1000;
}

/* ---- a message ---- */

static bool may_begin(struct load *l)
{
	return l->begun < l->options.messages && !l->is_stopping;
}

/* When the next message may begin; mono_ms. */
static uint64_t slot(struct load *l)
{
	uint64_t now = l->loop.now.mono_ms, at;

	if (!l->options.rate)
		return now;
	at = l->start_ms + l->begun * 1000 / l->options.rate;
	return at > now ? at : now;
}

static void make_header(struct runner *r)
{
	hk_buf_reset(&r->head);
	hk_buf_addf(&r->head,
	    "From: <%s>\r\nTo: undisclosed-recipients:;\r\nSubject: load %llu\r\n"
	    "Message-ID: <%llu.%llu@%s>\r\nDate: Thu, 26 Nov 2026 12:00:00 +0000\r\n\r\n",
	    r->load->options.from, (unsigned long long)r->number, (unsigned long long)r->number,
	    (unsigned long long)r->load->start_ms, r->load->options.helo);
	r->at_head = r->at_body = 0;
}

/* "user%n@sink.test" with the number in its place. */
static enum hk_status make_rcpt(struct runner *r, uint64_t number, struct hk_arena *a, struct hk_slice *ret)
{
	const char *form = r->load->options.rcpt, *mark = strstr(form, "%n");

	if (!mark)
		return hk_arena_dup(a, hk_slice_str(form), ret);
	return hk_arena_fmt(a, ret, "%.*s%llu%s", (int)(mark - form), form, (unsigned long long)number, mark + 2);
}

/* What comes before the made-up body: the header, or all there is. */
static struct hk_slice lead(const struct runner *r)
{
	return hk_buf_slice(r->load->given.n ? &r->load->given : &r->head);
}

static size_t body_size(const struct runner *r)
{
	size_t octets = (size_t)r->load->options.octets;

	if (r->load->given.n)
		return 0;
	return octets > r->head.n ? octets - r->head.n : 2;
}

static enum hk_status start_message(struct runner *r)
{
	struct load *l = r->load;
	struct hk_smtpc_transaction t = {.size = sizeof t, .mail_from = hk_slice_str(l->options.from)};
	struct hk_slice *rcpt;
	enum hk_status status = HK_OK;
	struct hk_arena a;
	size_t i;

	r->number = l->begun++;
	make_header(r);
	hk_arena_init(&a, HK_SMTP_RCPTS_MAX * 512);
	rcpt = hk_arena_array(&a, (size_t)l->options.recipients, sizeof *rcpt);
	for (i = 0; rcpt && status == HK_OK && i < l->options.recipients; i++)
		status = make_rcpt(r, r->number * l->options.recipients + i, &a, &rcpt[i]);
	t.rcpt = rcpt;
	t.n = (size_t)l->options.recipients;
	t.mail.has_size = true;
	t.mail.size = lead(r).n + body_size(r);
	r->began_us = now_us();
	if (status == HK_OK)
		status = rcpt ? hk_smtpc_start(r->smtpc, &t) : HK_NOMEM;
	hk_arena_done(&a);
	return status;
}

/* The body is the same for all: lines of 76 characters, cut out of one place so that the last one is whole. */
static void send_body(struct runner *r)
{
	size_t n = body_size(r), first = LINE - n % LINE;

	while (r->at_head < lead(r).n) {
		size_t taken = hk_smtpc_body(r->smtpc, hk_slice_from(lead(r), r->at_head));

		r->at_head += taken;
		if (taken == 0)
			return;
	}
	while (r->at_body < n) {
		size_t from = (first + r->at_body) % LINE, left = n - r->at_body, most = sizeof r->load->text - from;
		size_t taken = hk_smtpc_body(r->smtpc, hk_slice_of(r->load->text + from, left < most ? left : most));

		r->at_body += taken;
		if (taken == 0)
			return;
	}
	r->is_sending = false;
	hk_smtpc_body_end(r->smtpc);
}

/* ---- connections ---- */

static void pump(struct runner *);

static void woken(void *user)
{
	pump(user);
}

static void disconnect(struct runner *r)
{
	hk_timers_set(&r->load->loop.timers, &r->timer, HK_TIMER_NEVER); /* what waits for its time begins on the next connection */
	if (r->conn)
		hk_conn_close(r->conn, false);
	hk_smtpc_free(r->smtpc);
	r->conn = NULL;
	r->smtpc = NULL;
	r->is_connecting = r->is_handshaking = r->is_sending = r->is_quitting = r->is_early = false;
	r->at = r->n = 0;
}

static void runner_over(struct runner *r)
{
	disconnect(r);
	if (!r->is_idle && --r->load->running == 0)
		uv_stop(&r->load->loop.uv);
	r->is_idle = true;
}

static void complain(struct load *l, const char *why)
{
	if (!*l->complaint)
		snprintf(l->complaint, sizeof l->complaint, "%s", why);
}

/* What could not be connected is tried again a few times: a server that is just starting. */
static void connect_failed(struct runner *r, const char *why)
{
	struct load *l = r->load;

	disconnect(r);
	l->lost++;
	l->broken++;
	if (l->broken > l->options.connections * 10 || !may_begin(l)) {
		complain(l, why);
		l->is_stopping = true;
		runner_over(r);
		return;
	}
	hk_timers_set(&l->loop.timers, &r->timer, l->loop.now.mono_ms + 100);
}

static void dial(struct runner *r)
{
	const struct hk_ip any = {0};
	struct load *l = r->load;
	const struct hk_smtpc_options options = {.size = sizeof options,
	    .helo = hk_slice_str(l->options.helo),
	    .lmtp = l->options.lmtp,
	    .want_tls = l->options.tls,
	    .require_tls = l->options.tls,
	    .no_chunking = l->options.no_chunking,
	    .no_pipelining = l->options.no_pipelining};
	int fd;

	if (hk_net_connect(&l->options.to, &any, &fd) != HK_OK) {
		connect_failed(r, strerror(errno));
		return;
	}
	r->heard_ms = l->loop.now.mono_ms;
	r->smtpc = hk_smtpc_new(&options);
	r->conn = hk_conn_new(&l->loop, fd, woken, r);
	if (!r->smtpc || !r->conn) {
		connect_failed(r, strerror(ENOMEM));
		return;
	}
	r->sent_here = 0;
	r->is_connecting = true;
	hk_conn_wait(r->conn, false, true);
}

/* ---- what happens ---- */

static void next_message(struct runner *r)
{
	struct load *l = r->load;
	uint64_t at = slot(l);
	bool is_full = l->options.per_connection && r->sent_here >= l->options.per_connection;

	if (!may_begin(l) || is_full || hk_smtpc_is_spent(r->smtpc)) {
		r->is_quitting = true;
		hk_smtpc_quit(r->smtpc);
	} else if (at > l->loop.now.mono_ms) {
		r->is_early = true;
		hk_timers_set(&l->loop.timers, &r->timer, at);
	} else if (start_message(r) != HK_OK) {
		load_count(l, 0, 0);
		r->is_quitting = true;
		hk_smtpc_quit(r->smtpc);
	}
}

/* false: there is no connection, or another one. */
static bool closed(struct runner *r, const struct hk_smtp_reply *reply)
{
	char why[sizeof r->load->complaint];

	if (!r->is_quitting && r->sent_here == 0) {
		if (reply->own)
			snprintf(why, sizeof why, "%s", hk_log_quote(reply->text).text);
		else
			snprintf(why, sizeof why, "the server says %u %s", reply->code, hk_log_quote(reply->text).text);
		connect_failed(r, why);
		return false;
	}
	r->load->lost += !r->is_quitting;
	disconnect(r);
	if (may_begin(r->load))
		dial(r);
	else
		runner_over(r);
	return false;
}

/* false: the connection is gone. */
static bool on_event(struct runner *r, const struct hk_smtpc_event *e)
{
	switch (e->type) {
	case HK_SMTPC_READY:
		next_message(r);
		break;
	case HK_SMTPC_TLS:
		r->at = r->n = 0;
		r->is_handshaking = r->wants_tls = true;
		break;
	case HK_SMTPC_SEND_BODY:
		r->is_sending = true;
		break;
	case HK_SMTPC_DONE:
		r->is_sending = false;
		r->sent_here++;
		load_count(r->load, e->reply.code, now_us() - r->began_us);
		if (!e->reply.own)
			r->load->broken = 0;
		break;
	case HK_SMTPC_CLOSED:
		return closed(r, &e->reply);
	default:
		break;
	}
	return true;
}

static enum hk_status shake_hands(struct runner *r)
{
	char text[HK_TLS_DESCRIBE_MAX];
	enum hk_tls_result result;
	enum hk_status status = HK_OK;

	if (r->wants_tls)
		status = hk_conn_start_tls(r->conn, r->load->tls, &(struct hk_tls_check){0});
	r->wants_tls = false;
	if (status == HK_OK)
		status = hk_conn_handshake(r->conn, text, &result);
	if (status == HK_AGAIN)
		return status;
	r->is_handshaking = false;
	hk_smtpc_tls_done(r->smtpc, status == HK_OK);
	return HK_OK;
}

static enum hk_status write_out(struct runner *r)
{
	while (hk_smtpc_out(r->smtpc).n) {
		size_t n = 0;
		enum hk_status status = hk_conn_write(r->conn, hk_smtpc_out(r->smtpc), &n);

		if (status != HK_OK)
			return status;
		hk_smtpc_sent(r->smtpc, n);
		r->heard_ms = r->load->loop.now.mono_ms;
	}
	return HK_OK;
}

static enum hk_status read_in(struct runner *r)
{
	enum hk_status status;

	if (r->at == r->n) {
		r->at = r->n = 0;
		status = hk_conn_read(r->conn, r->pending, sizeof r->pending, &r->n);
		if (status != HK_OK)
			return status;
		r->heard_ms = r->load->loop.now.mono_ms;
	}
	r->at += hk_smtpc_feed(r->smtpc, hk_slice_of(r->pending + r->at, r->n - r->at));
	return HK_OK;
}

/* END: the runner has no connection any more, or another one. */
static enum hk_status turn(struct runner *r)
{
	struct hk_smtpc_event e = {.size = sizeof e};
	enum hk_status status;

	while (!r->is_handshaking && hk_smtpc_next(r->smtpc, &e) == HK_OK)
		if (!on_event(r, &e))
			return HK_END;
	if (r->is_sending)
		send_body(r);
	status = write_out(r);
	if (status != HK_OK)
		return status;
	if (r->is_handshaking)
		return shake_hands(r);
	if (r->is_sending)
		return HK_OK; /* there is room again */
	return read_in(r);
}

/* The connection is over, by its end or by the clock: what that means is said by the client. */
static void take_last(struct runner *r)
{
	struct hk_smtpc_event e = {.size = sizeof e};

	while (r->smtpc && hk_smtpc_next(r->smtpc, &e) == HK_OK)
		if (!on_event(r, &e))
			break;
}

static void pump(struct runner *r)
{
	enum hk_status status;
	int error;

	if (r->is_connecting) {
		error = hk_net_connect_error(hk_conn_fd(r->conn));
		if (error) {
			connect_failed(r, strerror(error));
			return;
		}
		r->is_connecting = false;
		r->load->connections++;
	}
	do
		status = turn(r);
	while (status == HK_OK);
	if (status == HK_AGAIN) {
		hk_conn_wait(r->conn, true, hk_smtpc_out(r->smtpc).n > 0);
	} else if (r->smtpc && !r->is_connecting) {
		hk_smtpc_eof(r->smtpc);
		take_last(r);
	}
}

static void time_came(struct hk_timer *timer)
{
	struct runner *r = (struct runner *)((char *)timer - offsetof(struct runner, timer));

	if (!r->conn) {
		dial(r);
		return;
	}
	r->is_early = false;
	r->heard_ms = r->load->loop.now.mono_ms;
	next_message(r);
	pump(r);
}

/* Silence ends all: who waits for one reply for so long would wait for the next one, too. */
static void look(struct hk_timer *timer)
{
	struct load *l = (struct load *)((char *)timer - offsetof(struct load, look));
	char why[64];
	size_t i;

	hk_timers_set(&l->loop.timers, timer, l->loop.now.mono_ms + LOOK_MS);
	for (i = 0; i < l->options.connections; i++) {
		struct runner *r = &l->all[i];

		if (!r->conn || r->is_early || r->heard_ms + l->options.timeout * 1000 > l->loop.now.mono_ms)
			continue;
		snprintf(why, sizeof why, "the server is silent for %u s", (unsigned)l->options.timeout);
		complain(l, why);
		l->is_stopping = true;
		if (r->is_connecting) {
			connect_failed(r, why);
		} else {
			hk_smtpc_timeout(r->smtpc);
			take_last(r);
		}
	}
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct load *l = handle->data;

	(void)number;
	l->is_stopping = true;
	uv_stop(&l->loop.uv);
}

/* ---- beginning and end ---- */

static bool is_usable(const struct load_options *o)
{
	if (strlen(o->from) < HK_PATH_MAX && strlen(o->rcpt) < HK_PATH_MAX && *o->rcpt)
		return true;
	cli_complain("an address is too long, or empty", NULL);
	return false;
}

static void fill_text(struct load *l)
{
	size_t i;

	for (i = 0; i < sizeof l->text; i++)
		l->text[i] = i % LINE == LINE - 2 ? '\r' : i % LINE == LINE - 1 ? '\n' : (uint8_t)('a' + i % LINE % 26);
}

static void run(struct load *l, struct runner *all)
{
	static const int numbers[] = {SIGINT, SIGTERM};
	size_t i, n = (size_t)l->options.connections;

	for (i = 0; i < 2; i++) {
		uv_signal_init(&l->loop.uv, &l->stop[i]);
		l->stop[i].data = l;
		uv_signal_start(&l->stop[i], on_signal, numbers[i]);
	}
	hk_loop_wake(&l->loop);
	l->start_ms = l->loop.now.mono_ms;
	l->start_us = now_us();
	l->running = n;
	hk_timers_set(&l->loop.timers, &l->look, l->start_ms + LOOK_MS);
	for (i = 0; i < n; i++)
		dial(&all[i]);
	if (l->running)
		uv_run(&l->loop.uv, UV_RUN_DEFAULT);
	l->end_us = now_us();
	for (i = 0; i < n; i++) {
		disconnect(&all[i]); /* no uv_stop any more: hk_loop_done runs the loop once more, for what is closed here */
		hk_timers_leave(&l->loop.timers, &all[i].timer);
		hk_buf_done(&all[i].head);
	}
	hk_timers_leave(&l->loop.timers, &l->look);
	for (i = 0; i < 2; i++)
		uv_close((uv_handle_t *)&l->stop[i], NULL);
}

static bool prepare(struct load *l, struct runner *all)
{
	size_t i;

	fill_text(l);
	l->all = all;
	if (hk_timers_join(&l->loop.timers, &l->look, look) != HK_OK)
		return false;
	if (l->options.tls && hk_tls_context_client((struct hk_slice){0}, &l->tls) != HK_OK)
		return false;
	for (i = 0; i < l->options.connections; i++) {
		all[i].load = l;
		hk_buf_init(&all[i].head, 4096);
		if (hk_timers_join(&l->loop.timers, &all[i].timer, time_came) != HK_OK)
			return false;
	}
	return true;
}

static enum cli_exit go(struct load *l)
{
	struct runner *all = calloc((size_t)l->options.connections, sizeof *all);
	enum cli_exit code = CLI_LATER;

	hk_net_raise_files();
	if (all && hk_loop_init(&l->loop) == HK_OK) {
		if (prepare(l, all)) {
			run(l, all);
			code = load_report(l);
		}
		hk_loop_done(&l->loop);
	}
	hk_tls_context_free(l->tls);
	free(all);
	return code;
}

enum cli_exit cli_load(char **argv)
{
	struct load *l = calloc(1, sizeof *l);
	enum cli_exit code = CLI_USAGE;

	if (!l)
		return CLI_LATER;
	l->options = (struct load_options){.to = {{4, {127, 0, 0, 1}}, 2525},
	    .connections = 20,
	    .messages = 1000,
	    .octets = 4096,
	    .recipients = 1,
	    .timeout = 300,
	    .from = "load@load.test",
	    .rcpt = "user%n@sink.test",
	    .helo = "load.test"};
	if (!flags_parse(flags, FLAGS, argv, &l->options)) {
		code = CLI_USAGE;
	} else if (l->options.help) {
		flags_help("usage: hikyaku load [options]\n\nsend made-up mail over many connections, and tell what it took", flags,
		    FLAGS);
		code = CLI_OK;
	} else if (is_usable(&l->options)) {
		if (!l->options.message || cli_read_file(l->options.message, MESSAGE_MAX, &l->given))
			code = go(l);
	}
	load_done(l);
	free(l);
	return code;
}
