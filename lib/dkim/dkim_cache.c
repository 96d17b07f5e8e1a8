/* SPDX-License-Identifier: MIT
 *
 * Public keys that were parsed before. An entry is found by the name and all octets of the record,
 * so it can be old, but never wrong.
 *
 * Sets of WAYS places: a name can be in one set only, so the work of one look is bounded whatever
 * names a sender chooses, and all that he can do is to drive out others' keys, which costs time.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/base_internal.h"

#include "dkim_internal.h"

/* What OpenSSL 3.0 takes for a key: 1.7 KiB for RSA-2048, as malloc counts; RSA-4096 has three
 * numbers more of 256 octets: the modulus, and two of its Montgomery form. */
enum { WAYS = 4, KEY_BYTES = 2560 };

struct hk_dkim_cached {
	struct hk_dkim_key key;
	struct hk_slice name;
	int64_t expires;
	uint64_t used; /* the cache's count of uses then */
	size_t bytes;
	size_t users;  /* verifiers that have it now */
	bool is_loose; /* in no set: freed when the last user gives it back */
	uint8_t octets[];
};

struct hk_dkim_key_cache {
	struct hk_dkim_key_cache_options options;
	struct hk_dkim_cached **slot;
	size_t sets;
	size_t hand; /* the next slot to be emptied for lack of bytes */
	uint64_t uses;
	struct hk_dkim_key_cache_counts counts;
};

struct hk_dkim_key_cache *hk_dkim_key_cache_new(const struct hk_dkim_key_cache_options *options)
{
	struct hk_dkim_key_cache *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	if (options && hk_sized_take(NULL, &c->options, sizeof c->options, options) != HK_OK) {
		free(c);
		return NULL;
	}
	if (!c->options.max_entries)
		c->options.max_entries = HK_DKIM_CACHE_ENTRIES;
	if (!c->options.max_bytes)
		c->options.max_bytes = HK_DKIM_CACHE_BYTES;
	if (c->options.longest <= 0)
		c->options.longest = HK_DKIM_CACHE_LONGEST;
	c->sets = (c->options.max_entries - 1) / WAYS + 1;
	c->slot = calloc(c->sets * WAYS, sizeof(struct hk_dkim_cached *));
	if (!c->slot) {
		free(c);
		return NULL;
	}
	return c;
}

static void free_entry(struct hk_dkim_cached *entry)
{
	hk_public_key_free(entry->key.public);
	free(entry);
}

static void empty(struct hk_dkim_key_cache *c, struct hk_dkim_cached **slot)
{
	struct hk_dkim_cached *entry = *slot;

	if (!entry)
		return;
	*slot = NULL;
	c->counts.entries--;
	c->counts.bytes -= entry->bytes;
	entry->is_loose = true;
	if (!entry->users)
		free_entry(entry);
}

void hk_dkim_key_cache_free(struct hk_dkim_key_cache *c)
{
	size_t i;

	if (!c)
		return;
	for (i = 0; i < c->sets * WAYS; i++)
		empty(c, &c->slot[i]);
	free(c->slot);
	free(c);
}

void hk_dkim_key_cache_expire(struct hk_dkim_key_cache *c, int64_t now)
{
	size_t i;

	for (i = 0; i < c->sets * WAYS; i++)
		if (c->slot[i] && c->slot[i]->expires < now)
			empty(c, &c->slot[i]);
}

const struct hk_dkim_key_cache_counts *hk_dkim_key_cache_counts(const struct hk_dkim_key_cache *c)
{
	return &c->counts;
}

static struct hk_dkim_cached **set_of(const struct hk_dkim_key_cache *c, struct hk_slice name)
{
	return &c->slot[hk_hash(name) % c->sets * WAYS];
}

/* Where that record of that name is; NULL when it is not there, or too old, and then it goes. */
static struct hk_dkim_cached **find(
    struct hk_dkim_key_cache *c, struct hk_slice name, struct hk_slice record, int64_t now)
{
	struct hk_dkim_cached **set = set_of(c, name);
	size_t i;

	for (i = 0; i < WAYS; i++) {
		if (!set[i] || !hk_slice_eq(set[i]->key.text, record) ||
		    !hk_slice_eq(set[i]->name, name))
			continue;
		if (set[i]->expires >= now)
			return &set[i];
		empty(c, &set[i]);
	}
	return NULL;
}

struct hk_dkim_key *hk_dkim_cache_take(
    struct hk_dkim_key_cache *c, struct hk_slice name, struct hk_slice record, int64_t now)
{
	struct hk_dkim_cached **slot = find(c, name, record, now);

	if (!slot) {
		c->counts.misses++;
		return NULL;
	}
	(*slot)->used = ++c->uses;
	(*slot)->users++;
	c->counts.hits++;
	return &(*slot)->key;
}

/* Owns all that it points to; without p=, which the public key has taken in. */
static struct hk_dkim_cached *new_entry(struct hk_slice name, const struct hk_dkim_key *key)
{
	struct hk_dkim_cached *entry = malloc(sizeof *entry + name.n + key->text.n);

	if (!entry)
		return NULL;
	*entry = (struct hk_dkim_cached){
	    .key = *key, .bytes = sizeof *entry + name.n + key->text.n + KEY_BYTES};
	memcpy(entry->octets, name.p, name.n);
	memcpy(entry->octets + name.n, key->text.p, key->text.n);
	entry->name = hk_slice_of(entry->octets, name.n);
	entry->key.text = hk_slice_of(entry->octets + name.n, key->text.n);
	entry->key.k = key->is_ed25519 ? HK_S("ed25519") : HK_S("rsa");
	entry->key.p = (struct hk_slice){0};
	entry->key.cached = entry;
	return entry;
}

/* An empty place, or that of the entry which was not used for the longest time. */
static struct hk_dkim_cached **choose_slot(struct hk_dkim_cached **set)
{
	size_t i, oldest = 0;

	for (i = 0; i < WAYS; i++) {
		if (!set[i])
			return &set[i];
		if (set[i]->used < set[oldest]->used)
			oldest = i;
	}
	return &set[oldest];
}

static void make_room(struct hk_dkim_key_cache *c, size_t bytes)
{
	while (c->counts.entries && (c->counts.entries >= c->options.max_entries ||
	                                c->counts.bytes > c->options.max_bytes - bytes)) {
		if (c->slot[c->hand]) {
			empty(c, &c->slot[c->hand]);
			c->counts.dropped++;
		}
		c->hand = (c->hand + 1) % (c->sets * WAYS);
	}
}

struct hk_dkim_key *hk_dkim_cache_put(struct hk_dkim_key_cache *c, struct hk_slice name,
    struct hk_dkim_key *key, int64_t now, uint32_t ttl)
{
	int64_t stay = ttl < c->options.longest ? (int64_t)ttl : c->options.longest;
	struct hk_dkim_cached *entry, **slot;

	if (stay == 0 || now > INT64_MAX - stay)
		return key;
	if (find(c, name, key->text, now)) /* another message brought it meanwhile */
		return key;
	entry = new_entry(name, key);
	if (!entry || entry->bytes > c->options.max_bytes) {
		free(entry);
		return key;
	}
	slot = choose_slot(set_of(c, name));
	if (*slot) {
		empty(c, slot);
		c->counts.dropped++;
	}
	make_room(c, entry->bytes);
	key->public = NULL;
	entry->expires = now + stay;
	entry->used = ++c->uses;
	entry->users = 1;
	*slot = entry;
	c->counts.entries++;
	c->counts.bytes += entry->bytes;
	return &entry->key;
}

void hk_dkim_cache_give_back(struct hk_dkim_key *key)
{
	struct hk_dkim_cached *entry = key->cached;

	entry->users--;
	if (!entry->users && entry->is_loose)
		free_entry(entry);
}
