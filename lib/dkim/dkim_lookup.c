/* SPDX-License-Identifier: MIT
 *
 * The key questions of a message, their answers, and the choice of the key for a signature
 * (RFC 6376 6.1.2).
 */
#include <string.h>

#include "dkim_internal.h"

enum hk_status hk_dkim_lookups_init(struct hk_dkim_lookups *l, struct hk_arena *a, size_t room)
{
	*l = (struct hk_dkim_lookups){.arena = a, .room = room};
	l->at = hk_arena_array(a, room, sizeof *l->at);
	return l->at ? HK_OK : a->failed;
}

void hk_dkim_lookup_done(struct hk_dkim_lookup *lookup)
{
	size_t i;

	for (i = 0; i < lookup->n; i++) {
		struct hk_dkim_key *key = lookup->key[i];

		if (key->cached) {
			hk_dkim_cache_give_back(key);
			continue;
		}
		hk_public_key_free(key->public);
		key->public = NULL;
	}
	lookup->n = 0;
}

void hk_dkim_lookups_done(struct hk_dkim_lookups *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		hk_dkim_lookup_done(&l->at[i]);
}

static struct hk_dkim_lookup *find(const struct hk_dkim_lookups *l, struct hk_slice name)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (hk_slice_eq_nocase(l->at[i].name, name))
			return &l->at[i];
	return NULL;
}

enum hk_status hk_dkim_lookups_want(struct hk_dkim_lookups *l, const struct hk_dkim_signature *sig,
    struct hk_dkim_lookup **ret)
{
	static const char middle[] = "._domainkey.";
	struct hk_dkim_lookup *lookup = NULL;
	struct hk_slice name = {.n = sig->s.n + sizeof middle - 1 + sig->d.n};
	uint8_t *p = hk_arena_alloc(l->arena, name.n);
	size_t i;

	if (!p)
		return l->arena->failed;
	name.p = p;
	for (i = 0; i < sig->s.n; i++)
		*p++ = hk_to_lower(sig->s.p[i]);
	memcpy(p, middle, sizeof middle - 1);
	memcpy(p + sizeof middle - 1, sig->d.p, sig->d.n); /* lower case already */
	if (name.n <= HK_DNS_NAME_MAX) {
		lookup = find(l, name);
		if (!lookup && l->n == l->room)
			return HK_BUG;
		if (!lookup) {
			lookup = &l->at[l->n++];
			*lookup = (struct hk_dkim_lookup){
			    .name = name, .cache = l->cache, .now = l->now};
		}
	}
	*ret = lookup;
	return HK_OK;
}

bool hk_dkim_lookups_question(struct hk_dkim_lookups *l, struct hk_dns_question *ret)
{
	while (l->n_asked < l->n) {
		const struct hk_dkim_lookup *lookup = &l->at[l->n_asked++];

		if (lookup->is_answered)
			continue;
		*ret = (struct hk_dns_question){.name = lookup->name, .type = HK_DNS_TXT};
		return true;
	}
	return false;
}

bool hk_dkim_lookups_are_waiting(const struct hk_dkim_lookups *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (!l->at[i].is_answered)
			return true;
	return false;
}

static enum hk_status read_record(struct hk_arena *a, struct hk_dkim_lookup *lookup,
    struct hk_slice record, struct hk_dkim_key **ret)
{
	struct hk_dkim_key *key =
	    lookup->cache
	        ? hk_dkim_cache_take(lookup->cache, lookup->name, record, lookup->now)
	        : NULL;
	enum hk_status status = HK_OK;

	if (!key) {
		key = hk_arena_alloc(a, sizeof *key);
		status = key ? hk_dkim_key_parse(a, record, key) : a->failed;
	}
	if (status == HK_OK)
		*ret = key;
	return status;
}

enum hk_status hk_dkim_lookup_answer(
    struct hk_arena *a, struct hk_dkim_lookup *lookup, const struct hk_dns_answer *answer)
{
	size_t i;

	if (hk_dns_is_failure(answer)) {
		lookup->fault = HK_DKIM_R_KEY_UNAVAILABLE; /* 6.1.2 step 2 */
	} else if (hk_dns_is_void(answer)) {
		lookup->fault = HK_DKIM_R_KEY_NONE; /* step 3 */
	} else if (answer->n > HK_DKIM_MAX_KEY_RECORDS) {
		lookup->fault = HK_DKIM_R_KEY_SEVERAL;
	} else {
		lookup->key = hk_arena_array(a, answer->n, sizeof(struct hk_dkim_key *));
		if (!lookup->key)
			return a->failed;
		lookup->ttl = answer->ttl;
		for (i = 0; i < answer->n; i++) {
			enum hk_status status =
			    read_record(a, lookup, answer->rr[i].data, &lookup->key[i]);

			if (status != HK_OK)
				return status;
			lookup->n = i + 1; /* what is to be given back */
		}
	}
	lookup->is_answered = true;
	return HK_OK;
}

/* RFC 6376 6.1.2 lets a verifier choose among several records, and 3.6.2.2 calls the result
 * undefined. What is sure: a record that cannot serve this signature does not disturb one that can
 * (a wildcard's SPF text, an Ed25519 key beside an RSA key). Two keys that both could serve are a
 * fault of the domain, and to try both would make verdicts depend on which came first. */
enum hk_dkim_reason hk_dkim_lookup_choose(
    struct hk_dkim_lookup *lookup, enum hk_sign_alg alg, struct hk_dkim_key **ret)
{
	struct hk_dkim_key *chosen = NULL;
	size_t i;

	*ret = lookup->n ? lookup->key[0] : NULL;
	if (lookup->fault != HK_DKIM_R_OK)
		return lookup->fault;
	for (i = 0; i < lookup->n; i++) {
		if (hk_dkim_key_fits(lookup->key[i], alg) != HK_DKIM_R_OK)
			continue;
		if (chosen)
			return HK_DKIM_R_KEY_SEVERAL;
		chosen = lookup->key[i];
	}
	if (!chosen)
		return hk_dkim_key_fits(lookup->key[0], alg);
	*ret = chosen;
	return HK_DKIM_R_OK;
}

/* The key as the cache keeps it from now on. */
static struct hk_dkim_key *keep(struct hk_dkim_lookup *lookup, struct hk_dkim_key *key)
{
	struct hk_dkim_key *kept = key;
	size_t i;

	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): what was chosen is a key */
	if (lookup->cache && !key->cached)
		kept =
		    hk_dkim_cache_put(lookup->cache, lookup->name, key, lookup->now, lookup->ttl);
	for (i = 0; i < lookup->n; i++)
		if (lookup->key[i] == key)
			lookup->key[i] = kept;
	return kept;
}

enum hk_dkim_reason hk_dkim_lookup_key(struct hk_dkim_lookup *lookup,
    const struct hk_dkim_signature *sig, unsigned least_bits, struct hk_dkim_key **ret)
{
	enum hk_dkim_reason reason = hk_dkim_lookup_choose(lookup, sig->alg, ret);
	struct hk_dkim_key *key = *ret;

	/* 3.6.1: with t=s the domain of i= is d= itself */
	if (reason == HK_DKIM_R_OK && key && key->strict && !hk_slice_eq(sig->i_domain, sig->d))
		reason = HK_DKIM_R_KEY_STRICT;
	if (reason == HK_DKIM_R_OK)
		reason = hk_dkim_key_load(key);
	if (reason == HK_DKIM_R_OK)
		*ret = key = keep(lookup, key);
	if (reason == HK_DKIM_R_OK && !key->is_ed25519 &&
	    hk_public_key_bits(key->public) < least_bits)
		reason = HK_DKIM_R_KEY_SHORT; /* RFC 8301 3.2 */
	return reason;
}

enum hk_status hk_dkim_lookups_answer(
    struct hk_dkim_lookups *l, const struct hk_dns_answer *answer)
{
	struct hk_dkim_lookup *lookup = find(l, answer->question.name);

	if (!lookup || answer->question.type != HK_DNS_TXT)
		return HK_NOTFOUND;
	if (!hk_dns_answer_is_sound(answer))
		return HK_BUG;
	return lookup->is_answered ? HK_OK : hk_dkim_lookup_answer(l->arena, lookup, answer);
}
