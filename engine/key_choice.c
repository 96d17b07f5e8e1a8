/* SPDX-License-Identifier: MIT */
#include <hikyaku/dkim.h>
#include <hikyaku/tags.h>

#include "engine/key_choice.h"

const char *hk_key_sight_text(enum hk_key_sight sight)
{
	static const char *const texts[HK_KEY_SIGHTS] = {
#define X(id, text) text,
	    HK_KEY_SIGHT_TABLE(X)
#undef X
	};

	return texts[sight];
}

static bool is_revoked(struct hk_slice record)
{
	struct hk_slice p;
	struct hk_tags tags;

	return hk_tags_parse(record, HK_TAGS_STRICT, &tags) == HK_OK &&
	       hk_tags_get(&tags, "p", &p) && p.n == 0;
}

/* RFC 6376 3.6.2.2: of several records only one may be able to serve. */
enum hk_status hk_key_see(struct hk_arena *a, const struct hk_dns_answer *answer,
    struct hk_slice own, enum hk_key_sight *ret, struct hk_slice *ret_reason)
{
	enum hk_key_sight sight = answer->n ? HK_KEY_DIFFERENT : HK_KEY_ABSENT;
	struct hk_slice reason = {0};
	size_t i, fits = 0, others = 0;

	if (hk_dns_is_failure(answer)) {
		*ret = HK_KEY_UNKNOWN;
		*ret_reason = hk_slice_str(hk_dns_rcode_name(answer->rcode));
		return HK_OK;
	}
	for (i = 0; i < answer->n; i++) {
		struct hk_slice record = answer->rr[i].data;
		enum hk_status status;

		if (is_revoked(record)) {
			sight = HK_KEY_REVOKED;
			continue;
		}
		if (!own.n)
			continue;
		status = hk_dkim_record_fits_record(a, record, own, &reason);
		if (status != HK_OK && status != HK_NOTFOUND)
			return status;
		fits += status == HK_OK;
		others += status == HK_NOTFOUND && hk_slice_eq(reason, HK_S(HK_DKIM_ANOTHER_KEY));
	}
	if (fits == 1 && !others) {
		sight = HK_KEY_FITS;
		reason = (struct hk_slice){0};
	} else if (fits) {
		sight = HK_KEY_DIFFERENT;
		reason = HK_S("several keys");
	}
	*ret = sight;
	*ret_reason = reason;
	return HK_OK;
}

/* A newest key that was not looked up yet gives way to an older one that was found: right after a
 * reload that brought the new one, mail still verifies. */
static unsigned rank(enum hk_key_sight sight)
{
	return sight == HK_KEY_FITS ? 0 : sight == HK_KEY_UNKNOWN ? 1 : 2;
}

static struct hk_key_choice *group_of(const struct hk_conf *conf, const enum hk_sign_alg *algs,
    struct hk_key_choice *choice, size_t n, size_t key)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (algs[choice[i].first] == algs[key] &&
		    hk_slice_eq(conf->key[choice[i].first].domain, conf->key[key].domain))
			return &choice[i];
	return NULL;
}

size_t hk_key_choose(const struct hk_conf *conf, const struct hk_conf_sign *sign,
    const enum hk_sign_alg *algs, const hk_key_sights *sights,
    struct hk_key_choice ret[HK_KEY_CHOICES])
{
	size_t n = 0, i;
	bool any = false;

	for (i = 0; i < sign->n_keys; i++) {
		size_t key = sign->key[i];
		enum hk_key_sight sight = sights ? (enum hk_key_sight)sights[key] : HK_KEY_UNKNOWN;
		struct hk_key_choice *c = group_of(conf, algs, ret, n, key);

		if (!c && n < HK_KEY_CHOICES) {
			ret[n++] = (struct hk_key_choice){
			    .key = key, .sight = sight, .first = key, .first_sight = sight};
		} else if (c && rank(sight) < rank(c->sight)) {
			c->key = key;
			c->sight = sight;
		}
		any = any || sight == HK_KEY_FITS;
	}
	for (i = 0; i < n; i++)
		ret[i].is_left_out = any && rank(ret[i].sight) == 2;
	return n;
}

bool hk_key_is_published(const struct hk_key_choice *choice, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (rank(choice[i].sight) < 2)
			return true;
	return n == 0;
}
