/* SPDX-License-Identifier: MIT */
#include <time.h>

#include "io/clock.h"
#include "io/gather.h"

void hk_gather_init(struct hk_gather *g, const struct hk_gather_ops *ops, size_t max)
{
	*g = (struct hk_gather){.ops = ops};
	hk_buf_init(&g->waiting, max);
	hk_buf_init(&g->writing, max);
	pthread_mutex_init(&g->mutex, NULL);
	pthread_cond_init(&g->filled, NULL);
}

void hk_gather_done(struct hk_gather *g)
{
	hk_buf_done(&g->waiting);
	hk_buf_done(&g->writing);
	pthread_cond_destroy(&g->filled);
	pthread_mutex_destroy(&g->mutex);
}

/* ---- those who add ------------------------------------------------------------- */

struct hk_buf *hk_gather_lock(struct hk_gather *g, size_t *ret)
{
	pthread_mutex_lock(&g->mutex);
	*ret = g->waiting.n;
	return &g->waiting;
}

void hk_gather_added(struct hk_gather *g, size_t before, bool is_urgent)
{
	if (hk_buf_status(&g->waiting) != HK_OK) {
		g->waiting.n = before;
		g->waiting.failed = HK_OK;
		g->dropped++;
	}
	g->is_urgent |= is_urgent;
	if (!before || g->is_urgent || (before < g->ops->full && g->waiting.n >= g->ops->full))
		pthread_cond_signal(&g->filled);
}

void hk_gather_unlock(struct hk_gather *g)
{
	pthread_mutex_unlock(&g->mutex);
}

uint64_t hk_gather_dropped(struct hk_gather *g)
{
	uint64_t n;

	pthread_mutex_lock(&g->mutex);
	n = g->dropped;
	pthread_mutex_unlock(&g->mutex);
	return n;
}

bool hk_gather_has_dropped(struct hk_gather *g)
{
	bool has = g->dropped != g->told;

	g->told = g->dropped;
	return has;
}

/* ---- the thread ------------------------------------------------------------------ */

static void wait_for_others(struct hk_gather *g)
{
	const struct timespec until = hk_clock_after(g->ops->ms);

	while (!g->stopping && !g->is_urgent && g->waiting.n < g->ops->full)
		if (pthread_cond_clockwait(&g->filled, &g->mutex, CLOCK_MONOTONIC, &until) != 0)
			break;
	g->is_urgent = false;
}

static void swap(struct hk_gather *g)
{
	struct hk_buf b = g->writing;

	g->writing = g->waiting;
	g->waiting = b;
	hk_buf_reset(&g->waiting);
}

static void *run(void *argument)
{
	struct hk_gather *g = argument;
	uint64_t lost;

	pthread_mutex_lock(&g->mutex);
	for (;;) {
		while (!g->waiting.n && !g->stopping)
			pthread_cond_wait(&g->filled, &g->mutex);
		if (!g->waiting.n)
			break;
		wait_for_others(g);
		swap(g);
		g->ops->begin(g, hk_gather_has_dropped(g));
		pthread_mutex_unlock(&g->mutex);
		lost = g->ops->write(g);
		pthread_mutex_lock(&g->mutex);
		g->dropped += lost;
	}
	pthread_mutex_unlock(&g->mutex);
	return NULL;
}

enum hk_status hk_gather_start(struct hk_gather *g)
{
	return pthread_create(&g->thread, NULL, run, g) == 0 ? HK_OK : HK_NOMEM;
}

bool hk_gather_is_stopping(struct hk_gather *g, unsigned ms)
{
	const struct timespec until = hk_clock_after(ms);
	bool stopping;

	pthread_mutex_lock(&g->mutex);
	while (ms && !g->stopping)
		if (pthread_cond_clockwait(&g->filled, &g->mutex, CLOCK_MONOTONIC, &until) != 0)
			break;
	stopping = g->stopping;
	pthread_mutex_unlock(&g->mutex);
	return stopping;
}

void hk_gather_stop(struct hk_gather *g)
{
	pthread_mutex_lock(&g->mutex);
	g->stopping = true;
	pthread_cond_signal(&g->filled);
	pthread_mutex_unlock(&g->mutex);
}
