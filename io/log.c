/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/gather.h"
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
	struct hk_gather gather;
	struct hk_log_out stream, socket, *to; /* to: one of them; socket never changes once it is open */
	const struct hk_log_out *writing_to;
	enum hk_log_sink_how how;
	enum hk_log_format format;
	char host[HOST_ROOM];
	long pid;
	bool is_within, is_torn;  /* what the stream has so far ends within a line; and the rest of that one is lost: its disk was full */
	dev_t within_dev;         /* the file that does; a reopen may have put another in its place */
	ino_t within_ino;
};

static struct hk_log_sink *sink_of(struct hk_gather *g)
{
	return (struct hk_log_sink *)(void *)((char *)g - offsetof(struct hk_log_sink, gather));
}

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

static void tell_dropped(struct hk_log_sink *s, bool has_dropped)
{
	if (has_dropped)
		add(s, &s->gather.waiting, HK_LOG_WARNING, HK_S("ev=log_dropped what=\"lines were dropped: the reader of the log is too slow, or its disk is full\""));
}

static void begin(struct hk_gather *g, bool has_dropped)
{
	struct hk_log_sink *s = sink_of(g);

	s->writing_to = s->to;
	tell_dropped(s, has_dropped);
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
static uint64_t write_out(struct hk_gather *g)
{
	struct hk_log_sink *s = sink_of(g);
	struct hk_slice rest = hk_buf_slice(&g->writing);
	enum hk_status status;

	for (;;) {
		status = write_some(s, s->writing_to, &rest);
		if (status == HK_OK || status == HK_IO || hk_gather_is_stopping(g, status == HK_NOTFOUND ? AGAIN_MS : 0))
			return records_in(s->writing_to->target, rest);
	}
}

static const struct hk_gather_ops gather_ops = {.ms = GATHER_MS, .full = GATHER_MAX, .begin = begin, .write = write_out};

/* What waits, from the caller's own hands. */
static void write_now(struct hk_log_sink *s)
{
	struct hk_slice rest = hk_buf_slice(&s->gather.waiting);

	(void)write_some(s, s->to, &rest);
	s->gather.dropped += records_in(s->to->target, rest);
	hk_buf_reset(&s->gather.waiting);
}

static void add_line(struct hk_log *log, enum hk_log_level level, struct hk_slice line)
{
	struct hk_log_sink *s = (struct hk_log_sink *)log;
	struct hk_buf *waiting;
	size_t before;

	if (level == HK_LOG_DEBUG)
		return;
	waiting = hk_gather_lock(&s->gather, &before);
	if (s->how == HK_LOG_DIRECT)
		tell_dropped(s, hk_gather_has_dropped(&s->gather));
	add(s, waiting, level, line);
	hk_gather_added(&s->gather, before, level == HK_LOG_ERROR); /* what comes next may be the end */
	if (s->how == HK_LOG_DIRECT)
		write_now(s);
	hk_gather_unlock(&s->gather);
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
	hk_gather_init(&s->gather, &gather_ops, HK_LOG_SINK_MAX);
	if (how == HK_LOG_THREAD && hk_gather_start(&s->gather) != HK_OK) {
		hk_gather_done(&s->gather);
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

	hk_gather_stop(&s->gather);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 3 * LAST_WAIT_MS / 1000; /* what it writes now, and what waits then */
	return pthread_timedjoin_np(s->gather.thread, NULL, &until) == 0;
}

void hk_log_sink_close(struct hk_log_sink *s)
{
	if (!s || (s->how == HK_LOG_THREAD && !stop_writer(s)))
		return;
	hk_gather_done(&s->gather);
	hk_log_out_close(&s->socket);
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
	size_t before;

	(void)hk_gather_lock(&s->gather, &before);
	s->format = shape->format < HK_LOG_FORMATS ? shape->format : HK_LOG_OWN;
	if (shape->host.n && shape->host.n < sizeof s->host)
		snprintf(s->host, sizeof s->host, "%.*s", HK_FMT(shape->host));
	status = aim(s, shape);
	hk_gather_unlock(&s->gather);
	return status;
}

struct hk_log *hk_log_sink_log(struct hk_log_sink *s)
{
	return &s->log;
}

uint64_t hk_log_sink_dropped(struct hk_log_sink *s)
{
	return hk_gather_dropped(&s->gather);
}
