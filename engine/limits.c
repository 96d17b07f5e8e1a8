/* SPDX-License-Identifier: MIT
 *
 * limits.c - a hash table of counters with slots of time. An entry is found by a keyed digest of
 * what is counted, for whom and in which window; the name itself is not kept.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <hikyaku/crypto.h>

#include "engine/limits.h"

enum {
	SLOTS = 8,
	RING = SLOTS + 1,
	KEY = 16
}; /* the present slot stands beside eight whole ones */
#define NONE UINT32_MAX

struct entry {
	uint8_t key[KEY];
	uint32_t next;         /* of the same bucket, or the next free one */
	uint32_t older, newer; /* by when it was last used; NONE at the ends */
	uint32_t present;
	uint64_t slot; /* number of the newest slot */
	uint32_t count[RING];
};
struct hk_limits {
	pthread_mutex_t mutex;
	uint8_t seed[HK_LIMITS_SEED];
	size_t max, used;
	uint32_t n, free; /* n: how many were ever used; free: a list */
	uint32_t oldest, newest;
	size_t mask;
	uint32_t *bucket;
	struct entry *entry;
};

const char *hk_limit_name(enum hk_limit what)
{
	static const char *const names[HK_LIMITS_COUNT] = {
#define X(id, name) [HK_LIMIT_##id] = name,
	    HK_LIMIT_TABLE(X)
#undef X
	};

	return what < HK_LIMITS_COUNT ? names[what] : "";
}

struct hk_slice hk_limits_client(const struct hk_ip *ip, uint8_t ret[HK_LIMITS_CLIENT_MAX])
{
	size_t n = ip->family == 4 ? 4 : ip->family == 6 ? 8 : 0;

	ret[0] = ip->family;
	memcpy(ret + 1, ip->bytes, n);
	return hk_slice_of(ret, n ? n + 1 : 0);
}

struct hk_limits *hk_limits_new(size_t max, const uint8_t seed[HK_LIMITS_SEED])
{
	struct hk_limits *l = calloc(1, sizeof *l);
	size_t buckets = 16, i;

	while (buckets < max)
		buckets *= 2;
	if (!l || max == 0 || max >= NONE || pthread_mutex_init(&l->mutex, NULL) != 0) {
		free(l);
		return NULL;
	}
	memcpy(l->seed, seed, sizeof l->seed);
	l->max = max;
	l->mask = buckets - 1;
	l->free = l->oldest = l->newest = NONE;
	l->bucket = calloc(buckets, sizeof *l->bucket);
	l->entry = calloc(max, sizeof *l->entry); /* untouched pages cost nothing */
	if (!l->bucket || !l->entry) {
		hk_limits_free(l);
		return NULL;
	}
	for (i = 0; i < buckets; i++)
		l->bucket[i] = NONE;
	return l;
}

void hk_limits_free(struct hk_limits *l)
{
	if (!l)
		return;
	pthread_mutex_destroy(&l->mutex);
	free(l->bucket);
	free(l->entry);
	free(l);
}

/* ---- places ---- */

static void make_key(const struct hk_limits *l, enum hk_limit what, struct hk_slice name,
    uint32_t seconds, uint8_t ret[KEY])
{
	uint8_t digest[HK_SHA256_SIZE], text[8 + HK_SHA256_SIZE];
	struct hk_slice seed = hk_slice_of(l->seed, sizeof l->seed);

	/* in two steps, so that a name of any length needs no memory; a failure of the library
	 * gives zeros, and then all share one place */
	memset(text, 0, sizeof text);
	text[0] = (uint8_t)what;
	memcpy(text + 1, &seconds, sizeof seconds);
	if (hk_hmac_sha256(seed, name, text + 8) != HK_OK ||
	    hk_hmac_sha256(seed, hk_slice_of(text, sizeof text), digest) != HK_OK)
		memset(digest, 0, sizeof digest);
	memcpy(ret, digest, KEY);
}

static uint32_t *bucket_of(struct hk_limits *l, const uint8_t key[KEY])
{
	uint64_t h;

	memcpy(&h, key, sizeof h);
	return &l->bucket[h & l->mask];
}

static void unlink_age(struct hk_limits *l, uint32_t i)
{
	struct entry *e = &l->entry[i];

	*(e->older == NONE ? &l->oldest : &l->entry[e->older].newer) = e->newer;
	*(e->newer == NONE ? &l->newest : &l->entry[e->newer].older) = e->older;
}

static void link_newest(struct hk_limits *l, uint32_t i)
{
	struct entry *e = &l->entry[i];

	e->older = l->newest;
	e->newer = NONE;
	*(l->newest == NONE ? &l->oldest : &l->entry[l->newest].newer) = i;
	l->newest = i;
}

static void remove_entry(struct hk_limits *l, uint32_t i)
{
	uint32_t *at = bucket_of(l, l->entry[i].key);

	while (*at != i)
		at = &l->entry[*at].next;
	*at = l->entry[i].next;
	unlink_age(l, i);
	l->entry[i].next = l->free;
	l->free = i;
	l->used--;
}

static uint32_t find(struct hk_limits *l, const uint8_t key[KEY])
{
	uint32_t i = *bucket_of(l, key);

	while (i != NONE && memcmp(l->entry[i].key, key, KEY) != 0)
		i = l->entry[i].next;
	return i;
}

/* The entry of key, as good as new when there was none; NONE when everybody is present. Those who
 * are stand in no list by age. */
static uint32_t seek(struct hk_limits *l, const uint8_t key[KEY])
{
	uint32_t i = find(l, key), *bucket = bucket_of(l, key);

	if (i != NONE) {
		if (!l->entry[i].present) {
			unlink_age(l, i);
			link_newest(l, i);
		}
		return i;
	}
	if (l->free == NONE && l->n == l->max) {
		if (l->oldest == NONE)
			return NONE;
		remove_entry(l, l->oldest);
	}
	if (l->free != NONE) {
		i = l->free;
		l->free = l->entry[i].next;
	} else {
		i = l->n++;
	}
	l->used++;
	l->entry[i] = (struct entry){.next = *bucket};
	memcpy(l->entry[i].key, key, KEY);
	*bucket = i;
	link_newest(l, i);
	return i;
}

/* ---- time ---- */

static uint64_t slot_ms(uint32_t seconds)
{
	return ((uint64_t)seconds * 1000 + SLOTS - 1) / SLOTS + (seconds == 0);
}

/* Moves the ring on to now; a clock that stands or goes back counts in the newest slot. */
static void turn(struct entry *e, uint32_t seconds, uint64_t now_ms)
{
	uint64_t slot = now_ms / slot_ms(seconds);

	if (slot > e->slot && slot - e->slot >= RING) {
		memset(e->count, 0, sizeof e->count);
		e->slot = slot;
	}
	while (e->slot < slot)
		e->count[++e->slot % RING] = 0;
}

static uint32_t sum(const struct entry *e)
{
	uint64_t all = 0;
	size_t i;

	for (i = 0; i < RING; i++)
		all += e->count[i];
	return all > UINT32_MAX ? UINT32_MAX : (uint32_t)all;
}

static void count(struct entry *e, uint32_t n)
{
	uint32_t *to = &e->count[e->slot % RING];

	*to = n > UINT32_MAX - *to ? UINT32_MAX : *to + n;
}

/* When so much of the ring will have left that n fit: in seconds, rounded up. */
static uint32_t time_until(
    const struct entry *e, uint32_t n, struct hk_limit_rule rule, uint64_t now_ms)
{
	uint64_t left = sum(e), ms;
	unsigned i;

	if (n > rule.most)
		return rule.seconds;
	/* the slot after the newest in the ring is the oldest, and leaves first */
	for (i = 1; i < RING && left + n > rule.most; i++)
		left -= e->count[(e->slot + i) % RING];
	if (left + n > rule.most)
		i++; /* the newest itself */
	ms = (e->slot + i - 1) * slot_ms(rule.seconds);
	ms = ms > now_ms ? ms - now_ms : 0;
	return (uint32_t)((ms + 999) / 1000);
}

/* ---- the calls ---- */

static uint32_t lock_and_seek(struct hk_limits *l, enum hk_limit what, struct hk_slice name,
    uint32_t seconds, uint64_t now_ms)
{
	uint8_t key[KEY];
	uint32_t i;

	make_key(l, what, name, seconds, key);
	pthread_mutex_lock(&l->mutex);
	i = seek(l, key);
	if (i != NONE)
		turn(&l->entry[i], seconds, now_ms);
	return i;
}

bool hk_limits_take(struct hk_limits *l, enum hk_limit what, struct hk_slice name, uint32_t n,
    struct hk_limit_rule rule, uint64_t now_ms, uint32_t *wait)
{
	uint32_t i;
	bool fits;

	if (!rule.most)
		return true;
	i = lock_and_seek(l, what, name, rule.seconds, now_ms);
	/* no place at all: more clients are present than the table was made for; then a rate is the
	 * lesser worry */
	fits = i == NONE || (uint64_t)sum(&l->entry[i]) + n <= rule.most;
	if (fits && i != NONE)
		count(&l->entry[i], n);
	else if (!fits && wait)
		*wait = time_until(&l->entry[i], n, rule, now_ms);
	pthread_mutex_unlock(&l->mutex);
	return fits;
}

uint32_t hk_limits_add(struct hk_limits *l, enum hk_limit what, struct hk_slice name, uint32_t n,
    uint32_t seconds, uint64_t now_ms)
{
	uint32_t i = lock_and_seek(l, what, name, seconds, now_ms), all = n;

	if (i != NONE) {
		count(&l->entry[i], n);
		all = sum(&l->entry[i]);
	}
	pthread_mutex_unlock(&l->mutex);
	return all;
}

static uint32_t lock_and_find(
    struct hk_limits *l, enum hk_limit what, struct hk_slice name, uint32_t seconds)
{
	uint8_t key[KEY];

	make_key(l, what, name, seconds, key);
	pthread_mutex_lock(&l->mutex);
	return find(l, key);
}

uint32_t hk_limits_seen(struct hk_limits *l, enum hk_limit what, struct hk_slice name,
    uint32_t seconds, uint64_t now_ms)
{
	uint32_t i = lock_and_find(l, what, name, seconds), all = 0;

	if (i != NONE) {
		turn(&l->entry[i], seconds, now_ms);
		all = sum(&l->entry[i]);
	}
	pthread_mutex_unlock(&l->mutex);
	return all;
}

void hk_limits_forget(
    struct hk_limits *l, enum hk_limit what, struct hk_slice name, uint32_t seconds)
{
	uint32_t i = lock_and_find(l, what, name, seconds);

	if (i != NONE && !l->entry[i].present)
		remove_entry(l, i);
	pthread_mutex_unlock(&l->mutex);
}

bool hk_limits_enter(struct hk_limits *l, enum hk_limit what, struct hk_slice name, uint32_t most)
{
	uint32_t i = lock_and_seek(l, what, name, 0, 0);
	bool is_in = i != NONE && (!most || l->entry[i].present < most);

	/* there is something to leave: it loses its place among those that may be forgotten */
	if (is_in && l->entry[i].present++ == 0)
		unlink_age(l, i);
	pthread_mutex_unlock(&l->mutex);
	return is_in;
}

void hk_limits_leave(struct hk_limits *l, enum hk_limit what, struct hk_slice name)
{
	uint32_t i = lock_and_find(l, what, name, 0);

	if (i != NONE && l->entry[i].present && --l->entry[i].present == 0) {
		link_newest(l, i);
		remove_entry(l, i);
	}
	pthread_mutex_unlock(&l->mutex);
}

size_t hk_limits_entries(struct hk_limits *l)
{
	size_t n;

	pthread_mutex_lock(&l->mutex);
	n = l->used;
	pthread_mutex_unlock(&l->mutex);
	return n;
}
