/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/log.h"
#include "io/log_out.h"

enum {
	HOST_ROOM = 256,
	LAST_WAIT_MS = 1000, /* how long close waits for a reader that does not read */
	AGAIN_MS = 100,      /* after which a socket that nobody reads is tried again */
	GATHER_MS = 10,      /* lines wait so long for others, so that one write takes them all */
	GATHER_MAX = 64 * 1024,
};

struct hk_log_sink {
	struct hk_log log;
	struct hk_log_out stream, socket, *to; /* to: one of them; socket never changes once it is open */
	enum hk_log_sink_how how;
	enum hk_log_format format;
	char host[HOST_ROOM];
	long pid;
	pthread_mutex_t mutex;
	pthread_cond_t filled;
	struct hk_buf waiting, writing;
	uint64_t dropped, told; /* lines */
	bool stopping, is_urgent; /* is_urgent: an error waits, and what comes next may be the end */
	bool is_within, is_torn;  /* what the stream has so far ends within a line; and the rest of that one is lost: its disk was full */
	dev_t within_dev;         /* the file that does; a reopen may have put another in its place */
	ino_t within_ino;
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
	hk_log_target_add(to, s->to->target, s->format,
	    &(struct hk_log_stamp){.utc = now.utc,
	        .ms = now.utc_ms,
	        .zone_minutes = now.zone_minutes,
	        .level = names[level],
	        .host = s->host,
	        .pid = s->pid},
	    line);
}

static uint64_t records_in(enum hk_log_target target, struct hk_slice s)
{
	uint64_t n = 0;
	size_t used;

	for (; s.n; s = hk_slice_from(s, used), n++)
		(void)hk_log_target_record(target, s, &used);
	return n;
}

static void tell_dropped(struct hk_log_sink *s)
{
	if (s->dropped == s->told)
		return;
	add(s, &s->waiting, HK_LOG_WARNING, HK_S("ev=log_dropped what=\"lines were dropped: the reader of the log is too slow, or its disk is full\""));
	s->told = s->dropped;
}

static void swap(struct hk_log_sink *s)
{
	struct hk_buf b = s->writing;

	tell_dropped(s);
	s->writing = s->waiting;
	s->waiting = b;
	hk_buf_reset(&s->waiting);
}

static void gather(struct hk_log_sink *s)
{
	const struct timespec until = hk_clock_after(GATHER_MS);

	while (!s->stopping && !s->is_urgent && s->waiting.n < GATHER_MAX)
		if (pthread_cond_clockwait(&s->filled, &s->mutex, CLOCK_MONOTONIC, &until) != 0)
			break;
	s->is_urgent = false;
}

/* A while, or until the end. */
static bool is_stopping(struct hk_log_sink *s, bool waits)
{
	const struct timespec until = hk_clock_after(AGAIN_MS);
	bool stopping;

	pthread_mutex_lock(&s->mutex);
	while (waits && !s->stopping)
		if (pthread_cond_clockwait(&s->filled, &s->mutex, CLOCK_MONOTONIC, &until) != 0)
			break;
	stopping = s->stopping;
	pthread_mutex_unlock(&s->mutex);
	return stopping;
}

static void note_end(struct hk_log_sink *s, uint8_t last)
{
	struct stat st;

	s->is_within = last != '\n' && fstat(s->stream.fd, &st) == 0;
	if (s->is_within) {
		s->within_dev = st.st_dev;
		s->within_ino = st.st_ino;
	}
}

static bool is_other_file(const struct hk_log_sink *s)
{
	struct stat st;

	return fstat(s->stream.fd, &st) == 0 && (st.st_dev != s->within_dev || st.st_ino != s->within_ino);
}

/* The rest of *records, and what it came to; a line of a stream that broke off is ended before. */
static enum hk_status write_some(struct hk_log_sink *s, const struct hk_log_out *to, struct hk_slice *records)
{
	enum hk_status status = HK_OK;
	size_t wrote;

	if (s->is_torn && to->target == HK_LOG_STREAM) {
		if (!is_other_file(s))
			status = hk_log_out_write(to, HK_S("\n"), LAST_WAIT_MS, &wrote);
		if (status != HK_OK)
			return status;
		s->is_torn = s->is_within = false;
	}
	status = hk_log_out_write(to, *records, LAST_WAIT_MS, &wrote);
	if (wrote && to->target == HK_LOG_STREAM)
		note_end(s, records->p[wrote - 1]);
	if (status == HK_IO)
		s->is_torn = s->is_within;
	*records = hk_slice_from(*records, wrote);
	return status;
}

/* A reader that is slow, and a service that is being started again, are waited for while what comes next has room. A stream whose
 * reader is gone loses the lines. Mail goes on. */
static uint64_t write_out(struct hk_log_sink *s, const struct hk_log_out *to)
{
	struct hk_slice rest = hk_buf_slice(&s->writing);
	enum hk_status status;

	for (;;) {
		status = write_some(s, to, &rest);
		if (status == HK_OK || status == HK_IO || is_stopping(s, status == HK_NOTFOUND))
			return records_in(to->target, rest);
	}
}

static void *writer(void *argument)
{
	struct hk_log_sink *s = argument;

	pthread_mutex_lock(&s->mutex);
	for (;;) {
		const struct hk_log_out *to;
		uint64_t lost;
		bool last;

		while (!s->waiting.n && !s->stopping)
			pthread_cond_wait(&s->filled, &s->mutex);
		if (!s->waiting.n)
			break;
		gather(s);
		swap(s);
		last = s->stopping;
		to = s->to;
		pthread_mutex_unlock(&s->mutex);
		lost = write_out(s, to);
		pthread_mutex_lock(&s->mutex);
		s->dropped += lost;
		if (last)
			break;
	}
	pthread_mutex_unlock(&s->mutex);
	return NULL;
}

/* What waits, from the caller's own hands. */
static void write_now(struct hk_log_sink *s)
{
	struct hk_slice rest = hk_buf_slice(&s->waiting);

	(void)write_some(s, s->to, &rest);
	s->dropped += records_in(s->to->target, rest);
	hk_buf_reset(&s->waiting);
}

static void add_line(struct hk_log *log, enum hk_log_level level, struct hk_slice line)
{
	struct hk_log_sink *s = (struct hk_log_sink *)log;
	size_t before;

	if (level == HK_LOG_DEBUG)
		return;
	pthread_mutex_lock(&s->mutex);
	if (s->how == HK_LOG_DIRECT)
		tell_dropped(s);
	before = s->waiting.n;
	add(s, &s->waiting, level, line);
	if (hk_buf_status(&s->waiting) != HK_OK) {
		s->waiting.n = before;
		s->waiting.failed = HK_OK;
		s->dropped++;
	}
	if (s->how == HK_LOG_DIRECT) {
		write_now(s);
	} else {
		s->is_urgent |= level == HK_LOG_ERROR;
		if (!before || s->is_urgent || (before < GATHER_MAX && s->waiting.n >= GATHER_MAX))
			pthread_cond_signal(&s->filled);
	}
	pthread_mutex_unlock(&s->mutex);
}

static uint64_t dropped(struct hk_log *log)
{
	return hk_log_sink_dropped((struct hk_log_sink *)log);
}

enum hk_status hk_log_sink_open(int fd, enum hk_log_sink_how how, struct hk_log_sink **ret)
{
	struct hk_log_sink *s = calloc(1, sizeof *s);

	if (!s)
		return HK_NOMEM;
	*s = (struct hk_log_sink){.log = {add_line, dropped}, .stream = {.target = HK_LOG_STREAM, .fd = fd}, .how = how, .host = "localhost", .pid = (long)getpid()};
	s->to = &s->stream;
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
	until.tv_sec += 3 * LAST_WAIT_MS / 1000; /* what it writes now, and what waits then */
	return pthread_timedjoin_np(s->thread, NULL, &until) == 0;
}

void hk_log_sink_close(struct hk_log_sink *s)
{
	if (!s || (s->how == HK_LOG_THREAD && !stop_writer(s)))
		return;
	hk_buf_done(&s->waiting);
	hk_buf_done(&s->writing);
	hk_log_out_close(&s->socket);
	pthread_cond_destroy(&s->filled);
	pthread_mutex_destroy(&s->mutex);
	free(s);
}

/* What waits has the form of where it was to go. */
static enum hk_status aim(struct hk_log_sink *s, const struct hk_log_shape *shape)
{
	enum hk_status status;

	if (shape->target == HK_LOG_STREAM || s->to == &s->socket)
		return HK_OK;
	status = hk_log_out_open(&s->socket, shape->target, shape->path);
	if (status != HK_OK)
		return status;
	write_now(s);
	s->to = &s->socket;
	return HK_OK;
}

enum hk_status hk_log_sink_shape(struct hk_log_sink *s, const struct hk_log_shape *shape)
{
	enum hk_status status;

	pthread_mutex_lock(&s->mutex);
	s->format = shape->format < HK_LOG_FORMATS ? shape->format : HK_LOG_OWN;
	if (shape->host.n && shape->host.n < sizeof s->host)
		snprintf(s->host, sizeof s->host, "%.*s", HK_FMT(shape->host));
	status = aim(s, shape);
	pthread_mutex_unlock(&s->mutex);
	return status;
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
