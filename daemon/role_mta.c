/* SPDX-License-Identifier: MIT
 *
 * role_mta.c - the mail process: takes what the supervisor sends, serves it, ends when it is told
 * to or left alone.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/bundle.h"
#include "daemon/log_file.h"
#include "daemon/privileges.h"
#include "daemon/roles.h"
#include "daemon/server.h"
#include "daemon/signals.h"
#include "engine/log_value.h"
#include "io/clock.h"
#include "io/control.h"
#include "io/log.h"

struct mta_role {
	struct server server;
	struct hk_log *log;
	struct hk_log_sink *sink;
	int signals;
	uint32_t generation; /* of what is being put together */
	struct hk_buf why;   /* why it cannot be served; empty: nothing is wrong so far */
	bool stopping, over;
	uint64_t stop_until;
};

static void answer(const struct mta_role *r, enum hk_control_type type, struct hk_slice text)
{
	/* a supervisor that is gone shows as END on the next receive */
	(void)!hk_control_send(ROLE_CONTROL_FD,
	    &(struct hk_control){
	        .type = type, .generation = r->generation, .text = text, .fd = -1});
}

/* The first thing wrong is told with SERVE. */
static void note(struct mta_role *r, enum hk_status status, struct hk_buf *why)
{
	if (status != HK_OK && !r->why.n)
		hk_buf_add(
		    &r->why, why->n ? hk_buf_slice(why) : hk_slice_str(hk_status_text(status)));
}

/* ---- pieces
 * ------------------------------------------------------------------------------------------ */

static enum hk_status take_conf(
    struct mta_role *r, const struct hk_control *m, struct hk_slice text, struct hk_buf *why)
{
	char name[HK_CONTROL_TEXT_MAX + 1] = "";
	struct hk_conf_error error = {0};
	struct hk_conf *conf;
	enum hk_status status;

	memcpy(name, m->text.p, m->text.n);
	r->generation = m->generation;
	hk_buf_reset(&r->why);
	status = hk_conf_parse(name, text, &conf, &error);
	if (status != HK_OK) {
		hk_buf_add(why, hk_buf_slice(&error.text));
		hk_buf_done(&error.text);
		return status;
	}
	status = server_begin(&r->server, conf, m->generation);
	hk_conf_free(conf);
	return status;
}

/* How much of a file of each kind is read at most; 0: the message brings none. */
static size_t file_max(enum hk_control_type type)
{
	switch (type) {
	case HK_CONTROL_CONF:
		return HK_CONF_TEXT_MAX;
	case HK_CONTROL_USERS:
		return HK_USERS_TEXT_MAX;
	case HK_CONTROL_CERTIFICATE:
	case HK_CONTROL_CERTIFICATE_KEY:
	case HK_CONTROL_DEVICE_KEY:
		return HK_TLS_PEM_MAX;
	default:
		return 0;
	}
}

/* A piece that comes as a file. */
static enum hk_status take_file(struct mta_role *r, const struct hk_control *m, struct hk_buf *why)
{
	enum hk_status status;
	struct hk_slice text;
	struct hk_arena a;

	hk_arena_init(&a, file_max(m->type) + 4096);
	status = bundle_read(m->fd, &a, file_max(m->type), &text);
	if (status == HK_OK && m->type == HK_CONTROL_CONF)
		status = take_conf(r, m, text, why);
	else if (status == HK_OK && m->type == HK_CONTROL_CERTIFICATE)
		status = server_certificate(&r->server, m->index, text);
	else if (status == HK_OK && m->type == HK_CONTROL_USERS)
		status = server_users(&r->server, m->index, text, why);
	else if (status == HK_OK && m->type == HK_CONTROL_DEVICE_KEY)
		status = server_device_key(&r->server, text, why);
	else if (status == HK_OK)
		status = server_certificate_key(&r->server, m->index, text, why);
	hk_arena_done(&a);
	close(m->fd);
	return status;
}

static enum hk_status take_socket(struct mta_role *r, const struct hk_control *m)
{
	struct server_socket s = {
	    .socket = m->socket, .worker = m->worker, .listener = m->index, .fd = m->fd};

	return server_listen(&r->server, &s);
}

static void serve(struct mta_role *r)
{
	struct hk_buf why;
	enum hk_status status = HK_OK;

	hk_buf_init(&why, 65536);
	if (!r->why.n)
		status = server_serve(&r->server, &why);
	note(r, status, &why);
	hk_buf_done(&why);
	if (r->why.n) {
		server_drop(&r->server);
		answer(r, HK_CONTROL_REFUSED, hk_buf_slice(&r->why));
		/* without anything to serve there is nothing to stay for */
		r->over = !r->server.mta;
	} else {
		answer(r, HK_CONTROL_SERVING, (struct hk_slice){0});
	}
}

/* ---- the end
 * -------------------------------------------------------------------------------------------- */

static void begin_stop(struct mta_role *r)
{
	if (r->stopping)
		return;
	r->stopping = true;
	r->stop_until = hk_clock_mono_ms() + HK_MTA_STOP_MS;
	r->over = !r->server.mta;
	server_stop(&r->server);
}

static int time_left(const struct mta_role *r)
{
	uint64_t now = hk_clock_mono_ms();

	if (!r->stopping)
		return -1;
	return r->stop_until > now ? (int)(r->stop_until - now) : 0;
}

/* ---- messages
 * --------------------------------------------------------------------------------------------- */

static void take_message(struct mta_role *r, const struct hk_control *m)
{
	enum hk_status status = HK_OK;
	struct hk_buf why;

	hk_buf_init(&why, 65536);
	switch (m->type) {
	case HK_CONTROL_CONF:
	case HK_CONTROL_CERTIFICATE:
	case HK_CONTROL_CERTIFICATE_KEY:
	case HK_CONTROL_USERS:
	case HK_CONTROL_DEVICE_KEY:
		status = take_file(r, m, &why);
		break;
	case HK_CONTROL_LISTEN:
		status = take_socket(r, m);
		break;
	case HK_CONTROL_ALG:
		status = server_alg(&r->server, m->index, m->alg, m->text);
		break;
	case HK_CONTROL_SERVE:
		serve(r);
		break;
	case HK_CONTROL_CHANNEL:
		server_channel(&r->server, m->worker, m->fd);
		break;
	case HK_CONTROL_FETCH:
		server_fetch(&r->server, m->fd);
		break;
	case HK_CONTROL_OPERATOR:
		server_operator(&r->server, m->fd, m->index);
		break;
	case HK_CONTROL_LOG:
		log_take(r->sink, m);
		break;
	case HK_CONTROL_STOP:
		begin_stop(r);
		break;
	default:
		break;
	}
	note(r, status, &why);
	hk_buf_done(&why);
}

static void take_messages(struct mta_role *r)
{
	uint8_t buffer[HK_CONTROL_MAX];
	struct hk_control m;
	enum hk_status status;

	while ((status = hk_control_receive(ROLE_CONTROL_FD, buffer, &m)) == HK_OK)
		take_message(r, &m);
	/* the supervisor is gone, and with it whoever would start us again */
	if (status != HK_AGAIN)
		begin_stop(r);
}

static void run(struct mta_role *r)
{
	struct pollfd p[3] = {{.fd = ROLE_CONTROL_FD, .events = POLLIN},
	    {.fd = r->signals, .events = POLLIN}, {.fd = r->server.box.fd, .events = POLLIN}};
	int signal_number;

	while (!r->over) {
		/* a closed control descriptor is readable for ever */
		p[0].fd = r->stopping ? -1 : ROLE_CONTROL_FD;
		poll(p, 3, r->stopping ? time_left(r) : server_run(&r->server));
		if (r->stopping && time_left(r) == 0) {
			hk_logf(r->log, HK_LOG_WARNING,
			    "ev=stop what=\"sessions or deliveries did not end in time and are "
			    "dropped\"");
			return;
		}
		while ((signal_number = signals_next(r->signals)))
			if (signal_number == SIGTERM)
				begin_stop(r);
		if (p[0].revents)
			take_messages(r);
		if (p[2].revents && server_take_mail(&r->server) && r->stopping)
			return;
	}
}

int role_mta(void)
{
	struct mta_role r = {0};
	struct hk_buf why;

	r.signals = signals_open();
	hk_buf_init(&why, 1024);
	hk_buf_init(&r.why, 65536);
	if (r.signals < 0 || hk_log_sink_open(STDERR_FILENO, HK_LOG_THREAD, &r.sink) != HK_OK)
		return 1;
	r.log = hk_log_sink_log(r.sink);
	if (!privileges_check(ROLE_MTA, &why) || server_init(&r.server, r.log) != HK_OK) {
		hk_logf(
		    r.log, HK_LOG_ERROR, "ev=start what=%s", hk_log_value(hk_buf_slice(&why)).text);
		hk_log_sink_close(r.sink);
		hk_buf_done(&why);
		return 1;
	}
	fcntl(ROLE_CONTROL_FD, F_SETFD, FD_CLOEXEC);
	run(&r);
	server_done(&r.server);
	hk_buf_done(&r.why);
	hk_buf_done(&why);
	hk_log_sink_close(r.sink);
	return r.stopping ? 0 : 1;
}
