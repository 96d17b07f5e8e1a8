/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdlib.h>

#include "engine/evidence_store.h"
#include "io/clock.h"
#include "io/gather.h"
#include "io/history.h"

struct hk_history {
	struct hk_log log, *next;
	struct hk_gather gather;
	struct hk_evidence_store *store; /* the thread's */
	bool has_failed, has_dropped;
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
	struct hk_buf *waiting;
	struct hk_now now;
	size_t before;

	hk_clock_now(&now);
	waiting = hk_gather_lock(&h->gather, &before);
	hk_evidence_event_add(
	    waiting, &(struct hk_evidence_event){.ms = (uint64_t)now.utc * 1000 + now.utc_ms, .level = (uint8_t)level, .line = line});
	hk_gather_added(&h->gather, before, false);
	hk_gather_unlock(&h->gather);
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

static struct hk_history *history_of(struct hk_gather *g)
{
	return (struct hk_history *)(void *)((char *)g - offsetof(struct hk_history, gather));
}

static void begin(struct hk_gather *g, bool has_dropped)
{
	history_of(g)->has_dropped = has_dropped;
}

/* Told once for each time that it begins to fail. */
static uint64_t write_out(struct hk_gather *g)
{
	struct hk_history *h = history_of(g);
	struct hk_now now;
	enum hk_status status;

	hk_clock_now(&now);
	status = hk_evidence_store_put_events(h->store, hk_buf_slice(&g->writing), now.utc);
	if (status != HK_OK && !h->has_failed)
		hk_logf(h->next, HK_LOG_WARNING, "ev=history what=\"lines are not kept\" status=%s", hk_status_name(status));
	h->has_failed = status != HK_OK;
	if (h->has_dropped)
		hk_logf(h->next, HK_LOG_WARNING, "ev=history what=\"lines were dropped: the disk is too slow\"");
	return 0;
}

static const struct hk_gather_ops gather_ops = {.ms = 100, .full = 128 * 1024, .begin = begin, .write = write_out};

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
		hk_gather_init(&h->gather, &gather_ops, HK_HISTORY_WAITING_MAX);
		status = hk_evidence_store_open(disk, (const char *)dir.p, conf->history_size, conf->history_days, &h->store);
		if (status == HK_OK)
			status = hk_gather_start(&h->gather);
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
	return hk_gather_dropped(&h->gather);
}

void hk_history_end(struct hk_history *h)
{
	if (!h)
		return;
	hk_gather_stop(&h->gather);
	pthread_join(h->gather.thread, NULL);
	hk_evidence_store_close(h->store);
	hk_gather_done(&h->gather);
	free(h);
}
