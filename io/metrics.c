/* SPDX-License-Identifier: MIT
 *
 * Deliberate: libmicrohttpd's loop runs in a thread of ours: its own timeout is of silence, and one that sends an octet now and then
 * would hold its place for ever. Here each connection has its end.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "io/clock.h"
#include "io/metrics.h"
#include "io/net.h"

struct place {
	int fd; /* -1: free */
	uint64_t until;
};

struct hk_metrics {
	struct hk_log log, *next;
	struct hk_counters *counters;
	struct MHD_Daemon *http;
	int stop, ms; /* stop: an eventfd */
	uint16_t port;
	bool is_running, has_freed;
	struct place place[HK_METRICS_CLIENTS];
	pthread_t thread;
};

static void note(struct hk_log *log, enum hk_log_level level, struct hk_slice line)
{
	struct hk_metrics *m = (struct hk_metrics *)log;

	hk_counters_note(m->counters, line);
	m->next->line(m->next, level, line);
}

static uint64_t dropped(struct hk_log *log)
{
	return hk_log_dropped(((struct hk_metrics *)log)->next);
}

enum hk_status hk_metrics_new(struct hk_log *log, struct hk_metrics **ret)
{
	struct hk_metrics *m = calloc(1, sizeof *m);
	size_t i;

	if (!m)
		return HK_NOMEM;
	*m = (struct hk_metrics){.log = {note, dropped}, .next = log, .stop = -1, .counters = hk_counters_new()};
	for (i = 0; i < HK_METRICS_CLIENTS; i++)
		m->place[i].fd = -1;
	if (!m->counters) {
		free(m);
		return HK_NOMEM;
	}
	*ret = m;
	return HK_OK;
}

struct hk_log *hk_metrics_log(struct hk_metrics *m)
{
	return &m->log;
}

uint16_t hk_metrics_port(const struct hk_metrics *m)
{
	return m->port;
}

void hk_metrics_owner(struct hk_metrics *m, const struct hk_owner *o)
{
	struct hk_owner_counts n;
	size_t i;

	hk_owner_count(o, &n);
	const struct {
		enum hk_gauge gauge;
		uint64_t value;
	} all[] = {
	    {HK_GAUGE_WAITING, n.waiting}, {HK_GAUGE_ACTIVE, n.active}, {HK_GAUGE_HELD, n.queued - n.waiting - n.active},
	    {HK_GAUGE_JOBS, n.jobs_out}, {HK_GAUGE_INTAKE, hk_owner_intake(o) != HK_OK}, {HK_GAUGE_BOUNCES, n.dsns},
	    {HK_GAUGE_COMMITS, n.spool.commits}, {HK_GAUGE_SYNCS, n.spool.syncs}, {HK_GAUGE_FAILED_SYNCS, n.spool.failed_syncs},
	    {HK_GAUGE_BYTES, n.spool.bytes}, {HK_GAUGE_LIVE, n.spool.live},
	};

	for (i = 0; i < sizeof all / sizeof all[0]; i++)
		hk_counters_set(m->counters, all[i].gauge, all[i].value);
}

void hk_metrics_count(struct hk_metrics *m, enum hk_gauge gauge)
{
	hk_counters_add(m->counters, gauge, 1);
}

/* ---- HTTP ---- */

static enum MHD_Result answer(struct MHD_Connection *c, unsigned code, struct hk_slice text, const char *type)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(text.n, (void *)(uintptr_t)text.p, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result result = r ? MHD_YES : MHD_NO;

	if (result == MHD_YES)
		result = MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (result == MHD_YES && code == MHD_HTTP_METHOD_NOT_ALLOWED)
		result = MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	if (result == MHD_YES)
		result = MHD_queue_response(c, code, r);
	if (r)
		MHD_destroy_response(r);
	return result;
}

static enum MHD_Result answer_metrics(struct hk_metrics *m, struct MHD_Connection *c)
{
	enum MHD_Result result;
	struct hk_buf text;

	hk_counters_set(m->counters, HK_GAUGE_DROPPED, hk_log_dropped(m->next));
	hk_buf_init(&text, HK_COUNTERS_TEXT_MAX);
	hk_counters_text(m->counters, &text);
	result = hk_buf_status(&text) == HK_OK ? answer(c, MHD_HTTP_OK, hk_buf_slice(&text), "text/plain; version=0.0.4; charset=utf-8")
	                                       : MHD_NO;
	hk_buf_done(&text);
	return result;
}

/* One request of a connection: an answer at the first call closes it. */
static enum MHD_Result handle(void *with, struct MHD_Connection *c, const char *url, const char *method, const char *version, const char *body,
    size_t *n, void **state)
{
	static const char plain[] = "text/plain; charset=utf-8";

	(void)version, (void)body, (void)n, (void)state;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return answer(c, MHD_HTTP_METHOD_NOT_ALLOWED, HK_S("only GET and HEAD (RFC 9110 9.1)\n"), plain);
	if (strcmp(url, "/metrics") != 0)
		return answer(c, MHD_HTTP_NOT_FOUND, HK_S("there is /metrics\n"), plain);
	return answer_metrics(with, c);
}

static void note_connection(void *with, struct MHD_Connection *c, void **state, enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	int was = code == MHD_CONNECTION_NOTIFY_STARTED ? -1 : info ? info->connect_fd : -1;
	struct hk_metrics *m = with;
	size_t i;

	(void)state;
	m->has_freed |= code == MHD_CONNECTION_NOTIFY_CLOSED;
	for (i = 0; info && i < HK_METRICS_CLIENTS; i++) {
		if (m->place[i].fd != was)
			continue;
		m->place[i].fd = code == MHD_CONNECTION_NOTIFY_STARTED ? info->connect_fd : -1;
		m->place[i].until = hk_clock_mono_ms() + (uint64_t)m->ms;
		return;
	}
}

/* Ends those whose time is over; when to look again. */
static int expire(struct hk_metrics *m)
{
	uint64_t now = hk_clock_mono_ms(), next = UINT64_MAX;
	size_t i;

	for (i = 0; i < HK_METRICS_CLIENTS; i++) {
		struct place *p = &m->place[i];

		if (p->fd < 0)
			continue;
		if (p->until <= now) {
			shutdown(p->fd, SHUT_RDWR);
			p->until = now + 1000; /* the library sees its end by then */
		}
		if (p->until < next)
			next = p->until;
	}
	return next == UINT64_MAX ? -1 : (int)(next - now);
}

static int time_to_wait(struct hk_metrics *m)
{
	int left = expire(m);
	MHD_UNSIGNED_LONG_LONG library;

	if (MHD_get_timeout(m->http, &library) != MHD_YES || library > INT32_MAX)
		return left;
	return left < 0 || (int)library < left ? (int)library : left;
}

static void *run(void *argument)
{
	struct hk_metrics *m = argument;
	struct pollfd p[2] = {{.fd = MHD_get_daemon_info(m->http, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, .events = POLLIN},
	    {.fd = m->stop, .events = POLLIN}};

	while (!p[1].revents) {
		poll(p, 2, time_to_wait(m));
		/* once more where a place became free: the library then looks again at who waits for one */
		do {
			m->has_freed = false;
			MHD_run(m->http);
		} while (m->has_freed);
	}
	return NULL;
}

static enum hk_status start(struct hk_metrics *m, int fd)
{
	m->http = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, handle, m, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
	    (unsigned)HK_METRICS_CLIENTS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HK_METRICS_REQUEST, MHD_OPTION_NOTIFY_CONNECTION,
	    note_connection, m, MHD_OPTION_END);
	if (!m->http)
		return HK_FULL;
	m->is_running = pthread_create(&m->thread, NULL, run, m) == 0;
	return m->is_running ? HK_OK : HK_FULL;
}

enum hk_status hk_metrics_serve(struct hk_metrics *m, const struct hk_conf_socket *socket, int ms, struct hk_buf *why)
{
	struct hk_conf_socket own;
	enum hk_status status;
	int fd;

	m->ms = ms ? ms : HK_METRICS_MS;
	m->stop = eventfd(0, EFD_CLOEXEC);
	if (m->stop < 0)
		return HK_FULL;
	status = hk_net_listen(socket, &fd);
	if (status != HK_OK) {
		hk_buf_add_str(why, strerror(errno));
		return status;
	}
	m->port = hk_net_own(fd, &own) == HK_OK ? own.port : socket->port;
	status = start(m, fd);
	if (!m->http)
		close(fd);
	return status;
}

void hk_metrics_free(struct hk_metrics *m)
{
	uint64_t one = 1;

	if (!m)
		return;
	if (m->is_running && write(m->stop, &one, sizeof one) == sizeof one)
		pthread_join(m->thread, NULL);
	if (m->http)
		MHD_stop_daemon(m->http); /* closes the listening socket */
	if (m->stop >= 0)
		close(m->stop);
	hk_counters_free(m->counters);
	free(m);
}
