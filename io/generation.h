/* SPDX-License-Identifier: MIT
 *
 * generation.h - a configuration together with what the world had to bring for it: TLS contexts,
 * key algorithms, a resolver.
 *
 * Built whole by the main thread, then never changed; freed when its last user lets it go.
 */
#ifndef HIKYAKU_IO_GENERATION_H
#define HIKYAKU_IO_GENERATION_H

#include <hikyaku/dkim.h>

#include "conf/users.h"
#include "engine/key_choice.h"
#include "io/keys.h"
#include "io/resolver.h"
#include "io/tls.h"

/* the records of all keys */
#define HK_GENERATION_ARENA ((size_t)HK_KEYS_MAX * (HK_DKIM_KEY_RECORD_MAX + 64))
#define HK_GENERATIONS HK_KEYS_GENERATIONS /* held by a worker at once */

struct hk_generation {
	_Atomic unsigned users;
	uint32_t number; /* from 1 */
	struct hk_conf *conf;
	struct hk_arena arena;
	struct hk_resolver *resolver;
	struct hk_tls_context **tls; /* one for each listener; NULL where it offers none */
	struct hk_tls_context **tls_before; /* with the certificates of before; NULL: there is none to go back to */
	_Atomic bool *holds; /* of each listener: tls_before is served; changed by the main thread (tlsa_watch.h) */
	struct hk_users **accounts;  /* one for each listener; NULL where no file knows them */
	struct hk_slice *mechanisms; /* of each listener; in arena; empty: no AUTH */
	struct hk_slice device_key;  /* in arena; empty: the world's */
	struct hk_tls_context *client_tls; /* of deliveries */
	enum hk_sign_alg *key_algs;  /* one for each key */
	bool *key_known;
	struct hk_slice *key_record; /* of each key: its own DNS record; in arena */
	hk_key_sights *key_sights; /* one for each key, changed by the main thread all along */
};

/* hk_generation_new(conf, number): takes conf, also on failure; no TLS, keys or resolver yet. NULL
 * when out of memory. */
struct hk_generation *hk_generation_new(struct hk_conf *, uint32_t number);
/* hk_generation_tls(g, listener): what it serves now; NULL: no TLS. */
struct hk_tls_context *hk_generation_tls(const struct hk_generation *, size_t listener);
struct hk_generation *hk_generation_use(struct hk_generation *);
void hk_generation_free(struct hk_generation *); /* lets go; NULL allowed */
/* hk_generation_missing(g, why): true, with a sentence in why, when a key or a certificate that the
 * configuration names was not brought. */
bool hk_generation_missing(const struct hk_generation *, struct hk_buf *why);

#endif
