/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "io/generation.h"

struct hk_generation *hk_generation_new(struct hk_conf *conf, uint32_t number)
{
	struct hk_generation *g = calloc(1, sizeof *g);

	if (!g) {
		hk_conf_free(conf);
		return NULL;
	}
	g->users = 1;
	g->number = number;
	g->conf = conf;
	/* one more than needed: calloc of nothing may be NULL */
	g->tls = calloc(conf->n_listeners + 1, sizeof(struct hk_tls_context *));
	g->tls_before = calloc(conf->n_listeners + 1, sizeof(struct hk_tls_context *));
	g->holds = calloc(conf->n_listeners + 1, sizeof *g->holds);
	g->accounts = calloc(conf->n_listeners + 1, sizeof(struct hk_users *));
	g->mechanisms = calloc(conf->n_listeners + 1, sizeof *g->mechanisms);
	g->key_algs = calloc(conf->n_keys + 1, sizeof *g->key_algs);
	g->key_known = calloc(conf->n_keys + 1, sizeof *g->key_known);
	g->key_sights = calloc(conf->n_keys + 1, sizeof *g->key_sights);
	hk_arena_init(&g->arena, HK_GENERATION_ARENA);
	g->key_record = calloc(conf->n_keys + 1, sizeof *g->key_record);
	if (g->tls && g->tls_before && g->holds && g->accounts && g->mechanisms && g->key_record && g->key_algs && g->key_known && g->key_sights)
		return g;
	hk_generation_free(g);
	return NULL;
}

struct hk_tls_context *hk_generation_tls(const struct hk_generation *g, size_t listener)
{
	return g->holds[listener] ? g->tls_before[listener] : g->tls[listener];
}

struct hk_generation *hk_generation_use(struct hk_generation *g)
{
	g->users++;
	return g;
}

void hk_generation_free(struct hk_generation *g)
{
	size_t i;

	if (!g || --g->users)
		return;
	for (i = 0; g->tls && i < g->conf->n_listeners; i++)
		hk_tls_context_free(g->tls[i]);
	for (i = 0; g->tls_before && i < g->conf->n_listeners; i++)
		hk_tls_context_free(g->tls_before[i]);
	for (i = 0; g->accounts && i < g->conf->n_listeners; i++)
		hk_users_free(g->accounts[i]);
	if (g->device_key.n)
		explicit_bzero((void *)(uintptr_t)g->device_key.p, g->device_key.n);
	hk_tls_context_free(g->client_tls);
	hk_resolver_free(g->resolver);
	hk_conf_free(g->conf);
	free(g->tls);
	free(g->tls_before);
	free(g->holds);
	free(g->accounts);
	free(g->mechanisms);
	free(g->key_algs);
	free(g->key_known);
	free(g->key_record);
	hk_arena_done(&g->arena);
	free(g->key_sights);
	free(g);
}

bool hk_generation_missing(const struct hk_generation *g, struct hk_buf *why)
{
	size_t i;

	for (i = 0; i < g->conf->n_keys; i++)
		if (!g->key_known[i]) {
			hk_buf_addf(why, "key %.*s was not loaded", HK_FMT(g->conf->key[i].name));
			return true;
		}
	for (i = 0; i < g->conf->n_listeners; i++)
		if (hk_conf_has_tls(&g->conf->listener[i]) && !g->tls[i]) {
			hk_buf_addf(why, "the certificate of listener %.*s was not loaded",
			    HK_FMT(g->conf->listener[i].name));
			return true;
		}
	for (i = 0; i < g->conf->n_listeners; i++)
		if (g->conf->listener[i].auth == HK_AUTH_FILE && !g->accounts[i]) {
			hk_buf_addf(why, "the users of listener %.*s were not loaded",
			    HK_FMT(g->conf->listener[i].name));
			return true;
		}
	return false;
}
