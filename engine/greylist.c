/* SPDX-License-Identifier: MIT */
#include "engine/greylist.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <hikyaku/crypto.h>

enum { WAYS = 8, KEY = 12, ROW = KEY + 4 + 8 + 8 };
#define MAGIC "hikyaku greylist 1\n"

struct entry {
	uint8_t key[KEY];
	uint32_t passed;    /* 0: it did not come again yet; of a net: how many of its triplets did */
	int64_t first, last; /* utc; last 0: the place is free */
};
struct hk_greylist {
	pthread_mutex_t mutex;
	uint8_t seed[HK_GREYLIST_SEED];
	size_t sets;
	struct entry *entry;
};

struct hk_greylist *hk_greylist_new(size_t max, const uint8_t seed[HK_GREYLIST_SEED])
{
	struct hk_greylist *g = calloc(1, sizeof *g);

	if (!g || max < WAYS || pthread_mutex_init(&g->mutex, NULL) != 0) {
		free(g);
		return NULL;
	}
	memcpy(g->seed, seed, sizeof g->seed);
	g->sets = max / WAYS;
	g->entry = calloc(g->sets * WAYS, sizeof *g->entry);
	if (g->entry)
		return g;
	hk_greylist_free(g);
	return NULL;
}

void hk_greylist_free(struct hk_greylist *g)
{
	if (!g)
		return;
	pthread_mutex_destroy(&g->mutex);
	free(g->entry);
	free(g);
}

/* ---- places ---- */

/* A failure of the library gives zeros: then all share one place, and nobody's mail is lost by it. */
static void digest(const struct hk_greylist *g, struct hk_slice text, uint8_t ret[HK_SHA256_SIZE])
{
	if (hk_hmac_sha256(hk_slice_of(g->seed, sizeof g->seed), text, ret) != HK_OK)
		memset(ret, 0, HK_SHA256_SIZE);
}

static struct entry *set_of(struct hk_greylist *g, const uint8_t key[KEY])
{
	uint32_t n;

	memcpy(&n, key, sizeof n);
	return &g->entry[n % g->sets * WAYS];
}

static bool is_over(const struct entry *e, int64_t utc)
{
	/* a clock that was set back makes nothing older than it is */
	return utc - e->last > (e->passed ? HK_GREYLIST_KEEP_S : HK_GREYLIST_RETRY_S);
}

/* The entry of a key, a new one if there is none. */
static struct entry *find(struct hk_greylist *g, const uint8_t key[KEY], int64_t utc)
{
	struct entry *set = set_of(g, key), *oldest = set;
	size_t i;

	for (i = 0; i < WAYS; i++) {
		if (set[i].last && memcmp(set[i].key, key, KEY) == 0) {
			if (!is_over(&set[i], utc))
				return &set[i];
			oldest = &set[i];
			break;
		}
		if (set[i].last < oldest->last)
			oldest = &set[i];
	}
	*oldest = (struct entry){.first = utc, .last = utc};
	memcpy(oldest->key, key, KEY);
	return oldest;
}

static struct hk_slice net_of(const struct hk_ip *ip, uint8_t ret[9])
{
	size_t n = ip->family == 4 ? 3 : 8; /* /24, /64 */

	ret[0] = ip->family;
	memcpy(ret + 1, ip->bytes, n);
	return hk_slice_of(ret, n + 1);
}

static void add_lower(struct hk_buf *b, struct hk_slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		hk_buf_add_byte(b, hk_to_lower(s.p[i]));
	hk_buf_add_byte(b, 0); /* no address has one */
}

static void keys_of(const struct hk_greylist *g, const struct hk_greylist_query *q,
    uint8_t net_key[HK_SHA256_SIZE], uint8_t key[HK_SHA256_SIZE])
{
	uint8_t room[9];
	struct hk_slice net = net_of(&q->client, room);
	struct hk_buf text;

	digest(g, net, net_key);
	hk_buf_init(&text, 2048);
	hk_buf_add(&text, net);
	add_lower(&text, q->sender);
	add_lower(&text, q->recipient);
	digest(g, hk_buf_slice(&text), key);
	hk_buf_done(&text);
}

static uint32_t ask(struct hk_greylist *g, const struct hk_greylist_query *q, int64_t utc)
{
	uint8_t net_key[HK_SHA256_SIZE], key[HK_SHA256_SIZE];
	struct entry *net, *triplet;
	int64_t waited;

	keys_of(g, q, net_key, key);
	net = find(g, net_key, utc);
	if (net->passed >= HK_GREYLIST_PROVEN) {
		net->last = utc;
		return 0;
	}
	triplet = find(g, key, utc);
	waited = utc - triplet->first;
	if (!triplet->passed && waited < (int64_t)q->delay)
		return waited > 0 ? (uint32_t)(q->delay - waited) : q->delay;
	if (!triplet->passed++) {
		net = find(g, net_key, utc); /* the triplet may have had its place */
		net->passed++;
		net->last = utc;
	}
	triplet->last = utc;
	return 0;
}

uint32_t hk_greylist_wait(struct hk_greylist *g, const struct hk_greylist_query *q)
{
	/* 0 marks a free place */
	int64_t utc = q->utc > 0 ? q->utc : 1;
	uint32_t wait;

	if (!q->delay || !q->client.family)
		return 0;
	pthread_mutex_lock(&g->mutex);
	wait = ask(g, q, utc);
	pthread_mutex_unlock(&g->mutex);
	return wait;
}

/* ---- kept over a restart ---- */

void hk_greylist_format(struct hk_greylist *g, struct hk_buf *out)
{
	size_t begun = out->n, i;

	pthread_mutex_lock(&g->mutex);
	hk_buf_add_str(out, MAGIC);
	hk_buf_add(out, hk_slice_of(g->seed, sizeof g->seed));
	for (i = 0; i < g->sets * WAYS; i++) {
		const struct entry *e = &g->entry[i];

		if (!e->last)
			continue;
		hk_buf_add(out, hk_slice_of(e->key, KEY));
		hk_buf_add_u32(out, e->passed);
		hk_buf_add_u64(out, (uint64_t)e->first);
		hk_buf_add_u64(out, (uint64_t)e->last);
	}
	pthread_mutex_unlock(&g->mutex);
	if (hk_buf_status(out) == HK_OK)
		hk_buf_add_u32(out, hk_crc32c(0, hk_slice_from(hk_buf_slice(out), begun)));
}

enum hk_status hk_greylist_parse(struct hk_slice text, size_t max, struct hk_greylist **ret)
{
	struct hk_slice magic = HK_S(MAGIC), rows;
	struct hk_greylist *g;
	struct hk_cursor c;

	if (text.n < magic.n + HK_GREYLIST_SEED + 4 || !hk_slice_eq(hk_slice_sub(text, 0, magic.n), magic))
		return HK_CORRUPT;
	c = hk_cursor_of(hk_slice_from(text, text.n - 4));
	if (hk_cursor_u32(&c) != hk_crc32c(0, hk_slice_sub(text, 0, text.n - 4)))
		return HK_CORRUPT;
	rows = hk_slice_sub(text, magic.n + HK_GREYLIST_SEED, text.n - 4 - magic.n - HK_GREYLIST_SEED);
	if (rows.n % ROW)
		return HK_CORRUPT;
	g = hk_greylist_new(max, text.p + magic.n);
	if (!g)
		return HK_NOMEM;
	for (c = hk_cursor_of(rows); c.rest.n;) {
		struct hk_slice key = hk_cursor_take(&c, KEY);
		uint32_t passed = hk_cursor_u32(&c);
		int64_t first = (int64_t)hk_cursor_u64(&c), last = (int64_t)hk_cursor_u64(&c);
		struct entry *e;

		if (first <= 0 || last < first)
			continue; /* nothing that we wrote */
		e = find(g, key.p, last);
		e->first = first;
		e->passed = passed;
	}
	*ret = g;
	return HK_OK;
}
