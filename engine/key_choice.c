/* SPDX-License-Identifier: MIT */
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
