/* SPDX-License-Identifier: MIT
 *
 * single.c - all in one process: no supervisor, and the keys in threads. For debugging, fuzzing and
 * small tests.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/bundle.h"
#include "daemon/certificates.h"
#include "daemon/log_file.h"
#include "daemon/notify.h"
#include "daemon/operator_socket.h"
#include "daemon/privileges.h"
#include "daemon/reload.h"
#include "daemon/roles.h"
#include "daemon/server.h"
#include "daemon/signals.h"
#include "daemon/sockets.h"
#include "daemon/spool_dir.h"
#include "io/clock.h"
#include "io/fetch.h"
#include "io/log.h"

struct single {
	const struct options *options;
	struct server server;
	struct sockets sockets;
	struct operator_socket operator;
	struct hk_keys *keys;
	struct hk_log_sink *sink;
	struct hk_log *log;
	unsigned workers;
	uint32_t number;
	bool has_server, stopping;
	uint64_t stop_until;
	struct certificates certificates;
};

/* ---- a generation, from our own hands
 * ------------------------------------------------------------------ */

static enum hk_status give_certificate(
    struct single *s, const struct bundle *b, size_t listener, size_t i, struct hk_buf *why)
{
	enum hk_status status;
	struct hk_slice pem;
	struct hk_arena a;

	hk_arena_init(&a, 2 * HK_TLS_PEM_MAX + 4096);
	status = bundle_read(b->certificate[i], &a, HK_TLS_PEM_MAX, &pem);
	if (status == HK_OK)
		status = server_certificate(&s->server, listener, pem);
	if (status == HK_OK)
		status = bundle_read(b->certificate_key[i], &a, HK_TLS_PEM_MAX, &pem);
	if (status == HK_OK)
		status = server_certificate_key(&s->server, listener, pem, why);
	hk_arena_done(&a);
	return status;
}

static enum hk_status give_users(
    struct single *s, const struct bundle *b, size_t i, struct hk_buf *why)
{
	enum hk_status status;
	struct hk_slice text;
	struct hk_arena a;

	hk_arena_init(&a, HK_USERS_TEXT_MAX + 4096);
	status = bundle_read(b->users[i], &a, HK_USERS_TEXT_MAX, &text);
	if (status == HK_OK)
		status = server_users(&s->server, i, text, why);
	hk_arena_done(&a);
	return status;
}

static enum hk_status give_device_key(
    struct single *s, const struct bundle *b, struct hk_buf *why)
{
	enum hk_status status;
	struct hk_slice key;
	struct hk_arena a;

	if (b->device_key < 0)
		return HK_OK;
	hk_arena_init(&a, HK_TLS_PEM_MAX + 4096);
	status = bundle_read(b->device_key, &a, HK_TLS_PEM_MAX, &key);
	if (status == HK_OK)
		status = server_device_key(&s->server, key, why);
	hk_arena_done(&a);
	return status;
}

static enum hk_status give_key(
    struct single *s, const struct bundle *b, size_t i, struct hk_buf *why)
{
	enum hk_sign_alg alg;
	enum hk_status status;
	struct hk_buf record;
	struct hk_slice pem;
	struct hk_arena a;

	hk_buf_init(&record, HK_DKIM_KEY_RECORD_MAX);

	hk_arena_init(&a, HK_KEYS_PEM_MAX + 4096);
	status = bundle_read(b->key[i], &a, HK_KEYS_PEM_MAX, &pem);
	if (status == HK_OK)
		status = hk_keys_load(s->keys, b->number, (uint32_t)i, pem, &alg, &record);
	hk_arena_done(&a);
	if (status == HK_OK)
		status = server_alg(&s->server, i, alg, hk_buf_slice(&record));
	else
		hk_buf_addf(why, "%.*s: %s", HK_FMT(b->conf->key[i].file), hk_status_text(status));
	hk_buf_done(&record);
	return status;
}

static enum hk_status give_socket(struct single *s, size_t listener, const struct bound *b)
{
	struct server_socket give = {
	    .socket = b->socket, .worker = b->worker, .listener = listener, .fd = -1};

	if (b->is_new) {
		give.fd = dup(b->fd);
		if (give.fd < 0)
			return HK_FULL;
	}
	return server_listen(&s->server, &give);
}

static enum hk_status give_sockets(
    struct single *s, const struct hk_conf_listener *l, size_t listener)
{
	enum hk_status status = HK_OK;
	unsigned worker;
	size_t i;

	for (i = 0; i < l->n_sockets; i++)
		for (worker = 0; status == HK_OK && worker < s->workers; worker++)
			status = give_socket(
			    s, listener, sockets_find(&s->sockets, &l->socket[i], worker));
	return status;
}

static enum hk_status put_together(struct single *s, const struct bundle *b, struct hk_buf *why)
{
	enum hk_status status = server_begin(&s->server, b->conf, b->number);
	size_t i, pair;

	for (i = 0; status == HK_OK && i < b->conf->n_listeners; i++) {
		for (pair = bundle_pair(b->conf, i); status == HK_OK && pair < bundle_pair(b->conf, i + 1); pair++)
			status = give_certificate(s, b, i, pair, why);
		if (status == HK_OK && b->users[i] >= 0)
			status = give_users(s, b, i, why);
		if (status == HK_OK)
			status = give_sockets(s, &b->conf->listener[i], i);
	}
	for (i = 0; status == HK_OK && i < b->conf->n_keys; i++)
		status = give_key(s, b, i, why);
	if (status == HK_OK)
		status = give_device_key(s, b, why);
	return status;
}

/* ---- start
 * --------------------------------------------------------------------------------------------- */

static enum hk_status start_fetch(struct single *s)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return HK_FULL;
	server_fetch(&s->server, pair[0]);
	return hk_fetch_serve_apart(pair[1]);
}

static enum hk_status give_operator(struct single *s)
{
	int fd;

	if (s->operator.fd < 0)
		return HK_OK;
	fd = fcntl(s->operator.fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return HK_FULL;
	server_operator(&s->server, fd, s->operator.group);
	return HK_OK;
}

static enum hk_status start_channels(struct single *s)
{
	unsigned i;

	for (i = 0; i < s->workers; i++) {
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
			return HK_FULL;
		server_channel(&s->server, i, pair[0]);
		if (hk_keys_serve_apart(s->keys, pair[1]) != HK_OK)
			return HK_NOMEM;
	}
	return start_fetch(s);
}

/* Everything that may need root, then never root again. */
static enum hk_status bind_and_become(struct single *s, const struct bundle *b, struct hk_buf *why)
{
	struct identity who;
	enum hk_status status = privileges_find(ROLE_SINGLE, b->conf, why, &who);

	if (status == HK_OK)
		status = spool_dir_make(b->conf, &who, why);
	if (status == HK_OK)
		status = sockets_bind(&s->sockets, b->conf, s->workers, why);
	if (status == HK_OK)
		status = operator_socket_open(&s->operator, b->conf, &who, why);
	if (status == HK_OK)
		status = log_file_use(b->conf, &who, why);
	if (status == HK_OK && !privileges_become(&who)) {
		hk_buf_addf(why, "cannot become user %ld: %s", (long)who.uid, strerror(errno));
		status = HK_IO;
	}
	return status;
}

static enum hk_status start(struct single *s, struct hk_buf *why)
{
	struct bundle *b;
	enum hk_status status = bundle_open(s->options->config, ++s->number, why, &b);

	if (status != HK_OK)
		return status;
	s->workers = hk_mta_workers(b->conf);
	status = bind_and_become(s, b, why);
	if (status == HK_OK)
		status = hk_log_sink_open(STDERR_FILENO, HK_LOG_THREAD, &s->sink);
	if (status == HK_OK) {
		log_shape(s->sink, b->conf);
		s->log = hk_log_sink_log(s->sink);
		status = server_init(&s->server, s->log);
		s->has_server = status == HK_OK;
	}
	s->keys = hk_keys_new();
	if (status == HK_OK)
		status = s->keys ? start_channels(s) : HK_NOMEM;
	if (status == HK_OK)
		status = give_operator(s);
	if (status == HK_OK)
		status = put_together(s, b, why);
	if (status == HK_OK)
		status = server_serve(&s->server, why);
	if (status == HK_OK)
		sockets_keep(&s->sockets);
	bundle_free(b);
	return status;
}

/* ---- life
 * ------------------------------------------------------------------------------------------------
 */

static enum hk_status try_reload(struct single *s, struct hk_buf *why)
{
	struct bundle *b;
	enum hk_status status = bundle_open(s->options->config, ++s->number, why, &b);

	if (status != HK_OK)
		return status;
	status = reload_is_possible(s->server.now->conf, b->conf, why);
	if (status == HK_OK)
		status = sockets_bind(&s->sockets, b->conf, s->workers, why);
	if (status == HK_OK)
		status = put_together(s, b, why);
	if (status == HK_OK)
		status = server_serve(&s->server, why);
	if (status == HK_OK) {
		sockets_keep(&s->sockets);
		log_shape(s->sink, b->conf);
	} else {
		sockets_undo(&s->sockets);
		server_drop(&s->server);
		hk_keys_forget(s->keys, s->number);
	}
	bundle_free(b);
	return status;
}

static void reload(struct single *s)
{
	enum hk_status status;
	struct hk_buf why;

	notify_reloading();
	hk_buf_init(&why, 65536);
	/* also when the rest is refused: a rotated log must not wait for a good configuration */
	(void)log_file_again(s->server.now->conf, s->log);
	status = try_reload(s, &why);
	reload_log(s->log, status, hk_buf_slice(&why));
	hk_buf_done(&why);
	notify_ready();
}

static void begin_stop(struct single *s)
{
	if (s->stopping)
		return;
	notify_stopping();
	hk_logf(s->log, HK_LOG_INFO, "ev=stop");
	s->stopping = true;
	sockets_close(&s->sockets);
	s->stop_until = hk_clock_mono_ms() + HK_MTA_STOP_MS;
	server_stop(&s->server);
}

static int time_left(const struct single *s)
{
	uint64_t now = hk_clock_mono_ms();

	if (!s->stopping)
		return -1;
	return s->stop_until > now ? (int)(s->stop_until - now) : 0;
}

static void take_signals(struct single *s, int signals)
{
	int number;

	while ((number = signals_next(signals))) {
		if (number == SIGHUP && !s->stopping)
			reload(s);
		else if (number == SIGTERM || number == SIGINT)
			begin_stop(s);
	}
}

/* Until something is due. */
static int idle_time(struct single *s)
{
	uint64_t now = hk_clock_mono_ms(), due = s->certificates.due;
	int left = server_run(&s->server), most;

	if (due == UINT64_MAX)
		return left;
	most = due > now ? (int)(due - now) : 0; /* a day at most */
	return left < 0 || most < left ? most : left;
}

static void run(struct single *s, int signals)
{
	certificates_begin(&s->certificates, s->server.now->conf, hk_clock_mono_ms());
	struct pollfd p[2] = {
	    {.fd = signals, .events = POLLIN}, {.fd = s->server.box.fd, .events = POLLIN}};

	for (;;) {
		poll(p, 2, s->stopping ? time_left(s) : idle_time(s));
		if (s->stopping && time_left(s) == 0) {
			hk_logf(s->log, HK_LOG_WARNING,
			    "ev=stop what=\"sessions or deliveries did not end in time and are "
			    "dropped\"");
			return;
		}
		take_signals(s, signals);
		if (!s->stopping &&
		    certificates_changed(&s->certificates, s->server.now->conf, hk_clock_mono_ms()))
			reload(s);
		if (p[1].revents && server_take_mail(&s->server) && s->stopping)
			return;
	}
}

static void finish(struct single *s)
{
	if (s->has_server)
		server_done(&s->server);
	operator_socket_close(&s->operator);
	sockets_close(&s->sockets);
	hk_keys_free(s->keys);
	hk_log_sink_close(s->sink);
}

int single_run(const struct options *options)
{
	struct single s = {.options = options, .operator.fd = -1};
	int signals = signals_open();
	enum hk_status status;
	struct hk_buf why;

	hk_buf_init(&why, 65536);
	status = signals < 0 ? HK_IO : start(&s, &why);
	if (status != HK_OK) {
		fprintf(stderr, "hikyakud: %.*s\n",
		    HK_FMT(why.n ? hk_buf_slice(&why) : hk_slice_str(hk_status_text(status))));
	} else {
		hk_logf(s.log, HK_LOG_INFO, "ev=ready pid=%ld workers=%u single=1", (long)getpid(),
		    s.workers);
		notify_ready();
		run(&s, signals);
		hk_logf(s.log, HK_LOG_INFO, "ev=stopped");
	}
	hk_buf_done(&why);
	finish(&s);
	return status == HK_OK ? 0 : 1;
}
