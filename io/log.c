/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/log.h"

enum {
	WRITE_MAX = 4096,    /* PIPE_BUF: after POLLOUT a write of this size does not block */
	HOST_ROOM = 256,
	LAST_WAIT_MS = 1000, /* how long close waits for a reader that does not read */
	GATHER_MS = 10,      /* lines wait so long for others, so that one write takes them all */
	GATHER_MAX = 64 * 1024,
};

struct hk_log_sink {
	struct hk_log log;
	int fd;
	enum hk_log_sink_how how;
	enum hk_log_format format;
	char host[HOST_ROOM];
	pthread_mutex_t mutex;
	pthread_cond_t filled;
	struct hk_buf waiting, writing;
	uint64_t dropped, told;
	bool stopping, is_urgent; /* is_urgent: an error waits, and what comes next may be the end */
	pthread_t thread;
};

static void add(const struct hk_log_sink *s, struct hk_buf *to, enum hk_log_level level, struct hk_slice line)
{
	static const char *const names[] = {
	    [HK_LOG_ERROR] = "error",
	    [HK_LOG_WARNING] = "warning",
	    [HK_LOG_INFO] = "info",
	    [HK_LOG_DEBUG] = "debug",
	};
	struct hk_now now;

	hk_clock_now(&now);
	hk_log_format_add(to, s->format,
	    &(struct hk_log_stamp){.utc = now.utc,
	        .ms = now.utc_ms,
	        .zone_minutes = now.zone_minutes,
	        .level = names[level],
	        .host = s->host,
	        .pid = (long)getpid()},
	    line);
}

/* false when the reader is gone or did not read in time. */
static bool write_out(int fd, struct hk_slice s, int wait_ms)
{
	while (s.n) {
		struct pollfd p = {.fd = fd, .events = POLLOUT};
		ssize_t n;
		int ready = poll(&p, 1, wait_ms);

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return false;
		n = write(fd, s.p, s.n < WRITE_MAX ? s.n : WRITE_MAX);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return false;
		s = hk_slice_from(s, (size_t)n);
	}
	return true;
}

static void swap(struct hk_log_sink *s)
{
	struct hk_buf b = s->writing;

	if (s->dropped != s->told) {
		add(s, &s->waiting, HK_LOG_WARNING,
		    HK_S("ev=log_dropped what=\"lines were dropped: the reader of the log is too "
		         "slow\""));
		s->told = s->dropped;
	}
	s->writing = s->waiting;
	s->waiting = b;
	hk_buf_reset(&s->waiting);
}

/* Not by the wall clock, which may jump. */
static void gather(struct hk_log_sink *s)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += GATHER_MS * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	while (!s->stopping && !s->is_urgent && s->waiting.n < GATHER_MAX)
		if (pthread_cond_clockwait(&s->filled, &s->mutex, CLOCK_MONOTONIC, &until) != 0)
			break;
	s->is_urgent = false;
}

static void *writer(void *argument)
{
	struct hk_log_sink *s = argument;

	pthread_mutex_lock(&s->mutex);
	for (;;) {
		bool last;

		while (!s->waiting.n && !s->stopping)
			pthread_cond_wait(&s->filled, &s->mutex);
		if (!s->waiting.n)
			break;
		gather(s);
		swap(s);
		last = s->stopping;
		pthread_mutex_unlock(&s->mutex);
		/* a reader that is gone loses the lines; mail goes on */
		write_out(s->fd, hk_buf_slice(&s->writing), last ? LAST_WAIT_MS : -1);
		pthread_mutex_lock(&s->mutex);
		if (last)
			break;
	}
	pthread_mutex_unlock(&s->mutex);
	return NULL;
}

static void add_line(struct hk_log *log, enum hk_log_level level, struct hk_slice line)
{
	struct hk_log_sink *s = (struct hk_log_sink *)log;
	size_t before;

	if (level == HK_LOG_DEBUG)
		return;
	pthread_mutex_lock(&s->mutex);
	before = s->waiting.n;
	add(s, &s->waiting, level, line);
	if (hk_buf_status(&s->waiting) != HK_OK) {
		s->waiting.n = before;
		s->waiting.failed = HK_OK;
		s->dropped++;
	}
	if (s->how == HK_LOG_DIRECT) {
		write_out(s->fd, hk_buf_slice(&s->waiting), LAST_WAIT_MS);
		hk_buf_reset(&s->waiting);
	} else {
		s->is_urgent |= level == HK_LOG_ERROR;
		if (!before || s->is_urgent || (before < GATHER_MAX && s->waiting.n >= GATHER_MAX))
			pthread_cond_signal(&s->filled);
	}
	pthread_mutex_unlock(&s->mutex);
}

enum hk_status hk_log_sink_open(int fd, enum hk_log_sink_how how, struct hk_log_sink **ret)
{
	struct hk_log_sink *s = calloc(1, sizeof *s);

	if (!s)
		return HK_NOMEM;
	*s = (struct hk_log_sink){.log = {add_line}, .fd = fd, .how = how, .host = "localhost"};
	hk_buf_init(&s->waiting, HK_LOG_SINK_MAX);
	hk_buf_init(&s->writing, HK_LOG_SINK_MAX);
	pthread_mutex_init(&s->mutex, NULL);
	pthread_cond_init(&s->filled, NULL);
	if (how == HK_LOG_THREAD && pthread_create(&s->thread, NULL, writer, s) != 0) {
		free(s);
		return HK_NOMEM;
	}
	*ret = s;
	return HK_OK;
}

/* Deliberate: a writer stuck in front of a reader that never reads is left behind until the process
 * ends; to wait for it would make the stop wait without end. */
static bool stop_writer(struct hk_log_sink *s)
{
	struct timespec until;

	pthread_mutex_lock(&s->mutex);
	s->stopping = true;
	pthread_cond_signal(&s->filled);
	pthread_mutex_unlock(&s->mutex);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 2 * LAST_WAIT_MS / 1000;
	return pthread_timedjoin_np(s->thread, NULL, &until) == 0;
}

void hk_log_sink_close(struct hk_log_sink *s)
{
	if (!s || (s->how == HK_LOG_THREAD && !stop_writer(s)))
		return;
	hk_buf_done(&s->waiting);
	hk_buf_done(&s->writing);
	pthread_cond_destroy(&s->filled);
	pthread_mutex_destroy(&s->mutex);
	free(s);
}

void hk_log_sink_shape(struct hk_log_sink *s, enum hk_log_format format, struct hk_slice host)
{
	pthread_mutex_lock(&s->mutex);
	s->format = format < HK_LOG_FORMATS ? format : HK_LOG_OWN;
	if (host.n && host.n < sizeof s->host)
		snprintf(s->host, sizeof s->host, "%.*s", HK_FMT(host));
	pthread_mutex_unlock(&s->mutex);
}

struct hk_log *hk_log_sink_log(struct hk_log_sink *s)
{
	return &s->log;
}

uint64_t hk_log_sink_dropped(struct hk_log_sink *s)
{
	uint64_t n;

	pthread_mutex_lock(&s->mutex);
	n = s->dropped;
	pthread_mutex_unlock(&s->mutex);
	return n;
}
