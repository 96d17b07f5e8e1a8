/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "engine/evidence_store.h"
#include "io/clock.h"
#include "io/history.h"

enum { GATHER_MS = 100, GATHER_MAX = 128 * 1024 };

struct hk_history {
	struct hk_log log, *next;
	struct hk_evidence_store *store; /* the thread's */
	pthread_mutex_t mutex;
	pthread_cond_t filled;
	struct hk_buf waiting, writing;
	uint64_t dropped, told; /* lines */
	bool stopping, has_failed;
	pthread_t thread;
};

/* What a transaction was: "qid=..." of any event that the log has, and for whom one was refused. Who could not prove who he is. */
static bool is_kept(enum hk_log_level level, struct hk_slice line)
{
	if (!hk_slice_starts_nocase(line, HK_S("qid=")))
		return hk_slice_starts_nocase(line, HK_S("ev=auth "));
	return level != HK_LOG_DEBUG ||
	       hk_slice_starts_nocase(hk_slice_from(line, hk_slice_find(line, ' ')), HK_S(" ev=rcpt "));
}

static void keep(struct hk_history *h, enum hk_log_level level, struct hk_slice line)
{
	struct hk_now now;
	size_t before;

	hk_clock_now(&now);
	pthread_mutex_lock(&h->mutex);
	before = h->waiting.n;
	hk_evidence_event_add(&h->waiting,
	    &(struct hk_evidence_event){.ms = (uint64_t)now.utc * 1000 + now.utc_ms, .level = (uint8_t)level, .line = line});
	if (hk_buf_status(&h->waiting) != HK_OK) {
		h->waiting.n = before;
		h->waiting.failed = HK_OK;
		h->dropped++;
	}
	if (!before || (before < GATHER_MAX && h->waiting.n >= GATHER_MAX))
		pthread_cond_signal(&h->filled);
	pthread_mutex_unlock(&h->mutex);
}

static void note(struct hk_log *log, enum hk_log_level level, struct hk_slice line)
{
	struct hk_history *h = (struct hk_history *)log;

	if (is_kept(level, line))
		keep(h, level, line);
	h->next->line(h->next, level, line);
}

static uint64_t dropped(struct hk_log *log)
{
	return hk_log_dropped(((struct hk_history *)log)->next);
}

static void gather(struct hk_history *h)
{
	const struct timespec until = hk_clock_after(GATHER_MS);

	while (!h->stopping && h->waiting.n < GATHER_MAX)
		if (pthread_cond_clockwait(&h->filled, &h->mutex, CLOCK_MONOTONIC, &until) != 0)
			break;
}

static void swap(struct hk_history *h)
{
	struct hk_buf b = h->writing;

	h->writing = h->waiting;
	h->waiting = b;
	hk_buf_reset(&h->waiting);
}

/* Told once for each time that it begins to fail. */
static void write_out(struct hk_history *h, bool has_dropped)
{
	struct hk_now now;
	enum hk_status status;

	hk_clock_now(&now);
	status = hk_evidence_store_put_events(h->store, hk_buf_slice(&h->writing), now.utc);
	if (status != HK_OK && !h->has_failed)
		hk_logf(h->next, HK_LOG_WARNING, "ev=history what=\"lines are not kept\" status=%s", hk_status_name(status));
	h->has_failed = status != HK_OK;
	if (has_dropped)
		hk_logf(h->next, HK_LOG_WARNING, "ev=history what=\"lines were dropped: the disk is too slow\"");
}

static void *writer(void *argument)
{
	struct hk_history *h = argument;

	pthread_mutex_lock(&h->mutex);
	for (;;) {
		bool has_dropped;

		while (!h->waiting.n && !h->stopping)
			pthread_cond_wait(&h->filled, &h->mutex);
		if (!h->waiting.n)
			break;
		gather(h);
		swap(h);
		has_dropped = h->dropped != h->told;
		h->told = h->dropped;
		pthread_mutex_unlock(&h->mutex);
		write_out(h, has_dropped);
		pthread_mutex_lock(&h->mutex);
	}
	pthread_mutex_unlock(&h->mutex);
	return NULL;
}

enum hk_status hk_history_start(const struct hk_conf *conf, struct hk_disk *disk, struct hk_log *log, struct hk_history **ret)
{
	struct hk_history *h = calloc(1, sizeof *h);
	struct hk_buf dir;
	enum hk_status status = HK_NOMEM;

	hk_buf_init(&dir, 8192);
	hk_buf_addf(&dir, "%.*s/history", HK_FMT(conf->spool));
	hk_buf_add_byte(&dir, 0);
	if (h && hk_buf_status(&dir) == HK_OK) {
		*h = (struct hk_history){.log = {note, dropped}, .next = log};
		hk_buf_init(&h->waiting, HK_HISTORY_WAITING_MAX);
		hk_buf_init(&h->writing, HK_HISTORY_WAITING_MAX);
		pthread_mutex_init(&h->mutex, NULL);
		pthread_cond_init(&h->filled, NULL);
		status = hk_evidence_store_open(disk, (const char *)dir.p, conf->history_size, conf->history_days, &h->store);
		if (status == HK_OK && pthread_create(&h->thread, NULL, writer, h) != 0)
			status = HK_NOMEM;
	}
	hk_buf_done(&dir);
	if (status == HK_OK) {
		*ret = h;
	} else if (h) {
		hk_evidence_store_close(h->store);
		free(h);
	}
	return status;
}

struct hk_log *hk_history_log(struct hk_history *h)
{
	return &h->log;
}

uint64_t hk_history_dropped(struct hk_history *h)
{
	uint64_t n;

	pthread_mutex_lock(&h->mutex);
	n = h->dropped;
	pthread_mutex_unlock(&h->mutex);
	return n;
}

void hk_history_end(struct hk_history *h)
{
	if (!h)
		return;
	pthread_mutex_lock(&h->mutex);
	h->stopping = true;
	pthread_cond_signal(&h->filled);
	pthread_mutex_unlock(&h->mutex);
	pthread_join(h->thread, NULL);
	hk_evidence_store_close(h->store);
	hk_buf_done(&h->waiting);
	hk_buf_done(&h->writing);
	pthread_cond_destroy(&h->filled);
	pthread_mutex_destroy(&h->mutex);
	free(h);
}
