/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdlib.h>

#include "io/key_watch.h"

struct hk_watched_key {
	uint64_t due; /* mono_ms */
	bool is_open, has_failed;
};

static const struct hk_conf *conf_of(const struct hk_key_watch *w)
{
	return w->generation->conf;
}

/* ---- what is found ----------------------------------------------------------------------------
 */

/* Only what changes is told, so that a log has one line for each turn of events. */
static void tell(
    struct hk_key_watch *w, size_t key, enum hk_key_sight sight, struct hk_slice reason)
{
	const struct hk_conf_key *k = &conf_of(w)->key[key];

	hk_logf(w->log, sight == HK_KEY_FITS ? HK_LOG_INFO : HK_LOG_WARNING,
	    "ev=key d=%.*s s=%.*s sight=\"%s\"%s%.*s%s", HK_FMT(k->domain), HK_FMT(k->selector),
	    hk_key_sight_text(sight), reason.n ? " why=\"" : "", HK_FMT(reason),
	    reason.n ? "\"" : "");
}

static uint64_t wait_ms(const struct hk_key_watch *w, const struct hk_dns_answer *answer)
{
	uint64_t most = (uint64_t)conf_of(w)->key_check * 1000, ms = (uint64_t)answer->ttl * 1000;

	if (hk_dns_is_failure(answer))
		ms = HK_KEY_WATCH_RETRY;
	if (ms < HK_KEY_WATCH_LEAST)
		ms = HK_KEY_WATCH_LEAST;
	return ms < most ? ms : most;
}

/* An answer that is none changes nothing: what was found last is still the best guess. */
static void note(struct hk_key_watch *w, size_t key, const struct hk_dns_answer *answer)
{
	hk_key_sights *at = &w->generation->key_sights[key];
	enum hk_key_sight sight;
	struct hk_slice reason;
	struct hk_arena a;

	hk_arena_init(&a, HK_RESOLVER_ARENA);
	if (hk_key_see(&a, answer, w->generation->key_record[key], &sight, &reason) == HK_OK) {
		bool failed = sight == HK_KEY_UNKNOWN;

		if (failed ? !w->key[key].has_failed : sight != (enum hk_key_sight) * at)
			tell(w, key, failed ? (enum hk_key_sight) * at : sight, reason);
		w->key[key].has_failed = failed;
		if (!failed)
			*at = (uint8_t)sight;
	}
	hk_arena_done(&a);
}

/* ---- questions --------------------------------------------------------------------------------
 */

/* A token is the generation and the key: an answer for a generation of before is nobody's. */
static uint64_t token_of(const struct hk_key_watch *w, size_t key)
{
	return (uint64_t)w->generation->number << 32 | key;
}

static bool ask(struct hk_key_watch *w, size_t key)
{
	const struct hk_conf_key *k = &conf_of(w)->key[key];
	struct hk_dns_question q = {.type = HK_DNS_TXT};
	struct hk_dns_post *post = NULL;
	struct hk_arena a;

	hk_arena_init(&a, 4096);
	if (hk_arena_fmt(&a, &q.name, "%.*s._domainkey.%.*s", HK_FMT(k->selector),
	        HK_FMT(k->domain)) == HK_OK)
		post = hk_dns_post_new(&q, w->box, token_of(w, key));
	hk_arena_done(&a);
	if (!post)
		return false;
	hk_resolver_ask(w->generation->resolver, post);
	w->key[key].is_open = true;
	w->n_open++;
	return true;
}

int hk_key_watch_run(struct hk_key_watch *w, uint64_t now)
{
	uint64_t next = UINT64_MAX;
	size_t i;

	if (!w->generation || !conf_of(w)->key_check)
		return -1;
	for (i = 0; i < conf_of(w)->n_keys && w->n_open < HK_KEY_WATCH_OPEN; i++) {
		struct hk_watched_key *k = &w->key[i];

		if (!k->is_open && k->due <= now && !ask(w, i))
			k->due = now + HK_KEY_WATCH_RETRY;
		if (!k->is_open && k->due < next)
			next = k->due;
	}
	/* with the most that may be out, the next answer makes room */
	if (w->n_open == HK_KEY_WATCH_OPEN || next == UINT64_MAX)
		return -1;
	return next - now < INT_MAX ? (int)(next - now) : INT_MAX;
}

void hk_key_watch_take(struct hk_key_watch *w, struct hk_dns_post *post, uint64_t now)
{
	size_t key = (size_t)(post->token & UINT32_MAX);

	if (w->generation && post->token >> 32 == w->generation->number &&
	    key < conf_of(w)->n_keys && w->key[key].is_open) {
		w->key[key].is_open = false;
		w->n_open--;
		w->key[key].due = now + wait_ms(w, &post->answer);
		note(w, key, &post->answer);
	}
	hk_dns_post_free(post);
}

/* ---- generations ------------------------------------------------------------------------------
 */

/* The same key under the same name: what was found of it holds on. */
static bool is_same(
    const struct hk_generation *a, size_t i, const struct hk_generation *b, size_t j)
{
	return hk_slice_eq(a->conf->key[i].domain, b->conf->key[j].domain) &&
	       hk_slice_eq(a->conf->key[i].selector, b->conf->key[j].selector) &&
	       hk_slice_eq(a->key_record[i], b->key_record[j]);
}

/* Its index in the generation that is watched; n_keys of that: it is new. */
static size_t find(const struct hk_key_watch *w, const struct hk_generation *g, size_t key)
{
	size_t i;

	for (i = 0; i < conf_of(w)->n_keys && !is_same(g, key, w->generation, i); i++)
		;
	return i;
}

void hk_key_watch_carry(const struct hk_key_watch *w, struct hk_generation *g)
{
	size_t i, at;

	for (i = 0; w->generation && i < g->conf->n_keys; i++) {
		at = find(w, g, i);
		if (at < conf_of(w)->n_keys)
			g->key_sights[i] = w->generation->key_sights[at];
	}
}

enum hk_status hk_key_watch_begin(struct hk_key_watch *w, struct hk_generation *g, uint64_t now)
{
	struct hk_watched_key *key = calloc(g->conf->n_keys + 1, sizeof *key);
	size_t i, at;

	if (!key)
		return HK_NOMEM;
	for (i = 0; i < g->conf->n_keys; i++) {
		key[i].due = now;
		if (!w->generation || w->generation->resolver != g->resolver)
			continue;
		at = find(w, g, i);
		if (at < conf_of(w)->n_keys && !w->key[at].is_open)
			key[i] = w->key[at];
		if (key[i].due > now + (uint64_t)g->conf->key_check * 1000)
			key[i].due = now;
	}
	hk_key_watch_end(w);
	w->key = key;
	w->generation = hk_generation_use(g);
	return HK_OK;
}

void hk_key_watch_end(struct hk_key_watch *w)
{
	hk_generation_free(w->generation);
	w->generation = NULL;
	free(w->key);
	w->key = NULL;
	w->n_open = 0;
}
