/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "io/tlsa_watch.h"

struct hk_tlsa_watched {
	struct hk_tlsa_place place;
	uint64_t due; /* mono_ms */
	bool is_open, is_known, is_alarm;
	enum hk_tlsa_fit fit; /* of the new certificate */
};

static bool is_held(const struct hk_tlsa_watch *w, size_t listener)
{
	return w->generation->holds[listener];
}

/* ---- what is told ---- */

/* An alarm has one id from its first line to the one that ends it, also over reloads. */
static unsigned id_of(const struct hk_tlsa_watch *w, const struct hk_tlsa_place *p)
{
	const struct hk_conf_listener *l = &w->generation->conf->listener[p->listener];
	uint64_t hash = hk_hash(hk_slice_str(p->host)) * 31 + hk_hash(l->name) * 7 + p->port;

	return (unsigned)(hash ^ hash >> 32);
}

static void tell(const struct hk_tlsa_watch *w, const struct hk_tlsa_watched *at, enum hk_log_level level, const char *what)
{
	const struct hk_tlsa_place *p = &at->place;

	hk_logf(w->log, level, "ev=alarm id=TLSA-%08X listener=%.*s name=_%u._tcp.%s over=%d what=\"%s\"", id_of(w, p),
	    HK_FMT(w->generation->conf->listener[p->listener].name), p->port, p->host, !at->is_alarm, what);
}

static void judge_alarm(const struct hk_tlsa_watch *w, struct hk_tlsa_watched *at)
{
	bool held = is_held(w, at->place.listener), is_alarm = at->fit == HK_TLSA_MISFITS || (held && at->fit == HK_TLSA_UNKNOWN);

	if (is_alarm == at->is_alarm)
		return;
	at->is_alarm = is_alarm;
	if (!is_alarm)
		tell(w, at, HK_LOG_INFO, "the certificate fits what is published");
	else if (at->fit == HK_TLSA_UNKNOWN)
		tell(w, at, HK_LOG_ERROR, "whether the new certificate fits the TLSA record cannot be found out: the one before it stays in force");
	else if (held)
		tell(w, at, HK_LOG_ERROR, "the new certificate does not fit the published TLSA record: the one before it stays in force");
	else
		tell(w, at, HK_LOG_ERROR, "the certificate does not fit the published TLSA record: who validates sends us nothing (RFC 7672)");
}

/* The new certificates come into force once each record is known and fits. */
static void judge_listener(struct hk_tlsa_watch *w, size_t listener)
{
	size_t i;

	if (!is_held(w, listener))
		return;
	for (i = 0; i < w->n; i++)
		if (w->at[i].place.listener == listener && (!w->at[i].is_known || w->at[i].fit != HK_TLSA_FITS))
			return;
	w->generation->holds[listener] = false;
	hk_logf(w->log, HK_LOG_INFO, "ev=certificate listener=%.*s what=\"the new certificate is in force\"",
	    HK_FMT(w->generation->conf->listener[listener].name));
}

/* ---- questions ---- */

static uint64_t wait_ms(const struct hk_tlsa_watch *w, size_t listener)
{
	uint32_t seconds = w->generation->conf->certificate_check;

	if (!is_held(w, listener))
		return HK_TLSA_WATCH_MS;
	return seconds ? (uint64_t)seconds * 1000 : HK_TLSA_WATCH_HELD;
}

static bool ask(struct hk_tlsa_watch *w, size_t i)
{
	struct hk_dns_post *post =
	    hk_tlsa_question(&w->at[i].place, w->box, HK_TLSA_WATCH_TOKEN | (uint64_t)w->generation->number << 16 | i);

	if (!post)
		return false;
	hk_resolver_ask(w->generation->resolver, post);
	w->at[i].is_open = true;
	w->n_open++;
	return true;
}

int hk_tlsa_watch_run(struct hk_tlsa_watch *w, uint64_t now)
{
	uint64_t next = UINT64_MAX;
	size_t i;

	for (i = 0; w->generation && i < w->n && w->n_open < HK_TLSA_WATCH_OPEN; i++) {
		struct hk_tlsa_watched *at = &w->at[i];

		if (!at->is_open && at->due <= now && !ask(w, i))
			at->due = now + HK_TLSA_WATCH_HELD;
		if (!at->is_open && at->due < next)
			next = at->due;
	}
	/* with the most that may be out, the next answer makes room */
	if (w->n_open == HK_TLSA_WATCH_OPEN || next == UINT64_MAX)
		return -1;
	return next - now < INT_MAX ? (int)(next - now) : INT_MAX;
}

void hk_tlsa_watch_take(struct hk_tlsa_watch *w, struct hk_dns_post *post, uint64_t now)
{
	size_t i = (size_t)(post->token & 0xffff);
	uint64_t number = (post->token & ~HK_TLSA_WATCH_TOKEN) >> 16;

	/* an answer for a generation of before is nobody's */
	if (w->generation && number == w->generation->number && i < w->n && w->at[i].is_open) {
		struct hk_tlsa_watched *at = &w->at[i];

		at->is_open = false;
		w->n_open--;
		at->is_known = true;
		at->fit = hk_tlsa_judge(w->generation->tls[at->place.listener], &at->place, &post->answer);
		judge_alarm(w, at);
		judge_listener(w, at->place.listener);
		at->due = now + wait_ms(w, at->place.listener);
	}
	hk_dns_post_free(post);
}

/* ---- generations ---- */

static size_t find(const struct hk_conf *conf, struct hk_slice name)
{
	size_t i;

	for (i = 0; i < conf->n_listeners && !hk_slice_eq(conf->listener[i].name, name); i++)
		;
	return i;
}

void hk_tlsa_watch_carry(const struct hk_generation *now, struct hk_generation *next)
{
	struct hk_tls_context *served;
	struct hk_tlsa_place place;
	size_t i, j;

	for (i = 0; now && i < next->conf->n_listeners; i++) {
		j = find(now->conf, next->conf->listener[i].name);
		served = j < now->conf->n_listeners ? hk_generation_tls(now, j) : NULL;
		if (!served || !next->tls[i] || next->tls_before[i] || hk_tls_context_same(served, next->tls[i]) ||
		    !hk_tlsa_places(next->conf, i, next->tls[i], &place, 1))
			continue;
		next->tls_before[i] = hk_tls_context_use(served);
		next->holds[i] = true;
	}
}

/* Alarms that go on are not told again. */
static bool was_alarm(const struct hk_tlsa_watch *w, const struct hk_conf *conf, const struct hk_tlsa_place *p)
{
	size_t i;

	for (i = 0; w->generation && i < w->n; i++)
		if (w->at[i].place.port == p->port && strcmp(w->at[i].place.host, p->host) == 0 &&
		    hk_slice_eq(w->generation->conf->listener[w->at[i].place.listener].name, conf->listener[p->listener].name))
			return w->at[i].is_alarm;
	return false;
}

enum hk_status hk_tlsa_watch_begin(struct hk_tlsa_watch *w, struct hk_generation *g, uint64_t now)
{
	struct hk_tlsa_place *places = calloc(HK_TLSA_WATCH_MAX, sizeof *places);
	struct hk_tlsa_watched *at = NULL;
	size_t i, n = 0;

	for (i = 0; places && i < g->conf->n_listeners; i++)
		n += hk_tlsa_places(g->conf, i, g->tls[i], places + n, HK_TLSA_WATCH_MAX - n);
	at = places ? calloc(n + 1, sizeof *at) : NULL;
	for (i = 0; at && i < n; i++)
		at[i] = (struct hk_tlsa_watched){.place = places[i], .due = now, .is_alarm = was_alarm(w, g->conf, &places[i])};
	free(places);
	hk_tlsa_watch_end(w);
	if (!at)
		return HK_NOMEM;
	w->at = at;
	w->n = n;
	w->generation = hk_generation_use(g);
	return HK_OK;
}

void hk_tlsa_watch_end(struct hk_tlsa_watch *w)
{
	hk_generation_free(w->generation);
	w->generation = NULL;
	free(w->at);
	w->at = NULL;
	w->n = w->n_open = 0;
}
