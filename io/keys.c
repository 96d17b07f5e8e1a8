/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <hikyaku/dkim.h>

#include "io/keys.h"

struct key_set {
	uint32_t generation; /* 0: empty */
	struct hk_private_key **key;
	size_t n;
};
struct hk_keys {
	_Atomic unsigned users;
	pthread_rwlock_t lock;
	struct key_set set[HK_KEYS_GENERATIONS];
};

/* ---- messages ------------------------------------------------------------------------------ */

/* A message is filled through a buf and padded with zeros to its fixed size. */
static void pad(struct hk_buf *b, uint8_t *ret, size_t size)
{
	memset(ret, 0, size);
	if (b->n <= size && hk_buf_status(b) == HK_OK)
		memcpy(ret, b->p, b->n);
	hk_buf_done(b);
}

void hk_keys_request_format(const struct hk_keys_request *r, uint8_t ret[HK_KEYS_REQUEST])
{
	struct hk_buf b;

	hk_buf_init(&b, HK_KEYS_REQUEST);
	hk_buf_add_u8(&b, HK_KEYS_VERSION);
	hk_buf_add_u8(&b, (uint8_t)r->alg);
	hk_buf_add_u64(&b, r->seq);
	hk_buf_add_u32(&b, r->generation);
	hk_buf_add_u32(&b, r->key);
	hk_buf_add(&b, hk_slice_of(r->digest, sizeof r->digest));
	pad(&b, ret, HK_KEYS_REQUEST);
}

static bool is_zeros(struct hk_slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i])
			return false;
	return true;
}

enum hk_status hk_keys_request_parse(struct hk_slice s, struct hk_keys_request *ret)
{
	struct hk_cursor c = hk_cursor_of(s);
	struct hk_keys_request r = {0};
	struct hk_slice digest;
	uint8_t alg;

	if (s.n != HK_KEYS_REQUEST || hk_cursor_u8(&c) != HK_KEYS_VERSION)
		return HK_SYNTAX;
	alg = hk_cursor_u8(&c);
	r.seq = hk_cursor_u64(&c);
	r.generation = hk_cursor_u32(&c);
	r.key = hk_cursor_u32(&c);
	digest = hk_cursor_take(&c, sizeof r.digest);
	/* no signature over SHA-1 is ever made (RFC 8301 3.1) */
	if (c.failed || !is_zeros(c.rest) ||
	    (alg != HK_SIGN_RSA_SHA256 && alg != HK_SIGN_ED25519_SHA256))
		return HK_SYNTAX;
	r.alg = (enum hk_sign_alg)alg;
	memcpy(r.digest, digest.p, sizeof r.digest);
	*ret = r;
	return HK_OK;
}

void hk_keys_reply_format(const struct hk_keys_reply *r, uint8_t ret[HK_KEYS_REPLY])
{
	struct hk_buf b;

	hk_buf_init(&b, HK_KEYS_REPLY);
	hk_buf_add_u8(&b, HK_KEYS_VERSION);
	hk_buf_add_u8(&b, (uint8_t)-r->status);
	hk_buf_add_u64(&b, r->seq);
	hk_buf_add_u16(&b, r->n);
	hk_buf_add(&b, hk_slice_of(r->signature, r->n));
	pad(&b, ret, HK_KEYS_REPLY);
}

enum hk_status hk_keys_reply_parse(struct hk_slice s, struct hk_keys_reply *ret)
{
	struct hk_cursor c = hk_cursor_of(s);
	struct hk_keys_reply r = {0};
	struct hk_slice signature;
	uint8_t status;

	if (s.n != HK_KEYS_REPLY || hk_cursor_u8(&c) != HK_KEYS_VERSION)
		return HK_SYNTAX;
	status = hk_cursor_u8(&c);
	r.seq = hk_cursor_u64(&c);
	r.n = hk_cursor_u16(&c);
	signature = hk_cursor_take(&c, r.n);
	if (c.failed || r.n > sizeof r.signature || status > (uint8_t)-HK_BUG ||
	    (status == HK_OK) != (r.n > 0))
		return HK_SYNTAX;
	r.status = (enum hk_status) - (int)status;
	memcpy(r.signature, signature.p, r.n);
	*ret = r;
	return HK_OK;
}

/* ---- keys ----------------------------------------------------------------------------------- */

struct hk_keys *hk_keys_new(void)
{
	struct hk_keys *k = calloc(1, sizeof *k);

	if (!k)
		return NULL;
	k->users = 1;
	pthread_rwlock_init(&k->lock, NULL);
	return k;
}

static void empty_set(struct key_set *set)
{
	size_t i;

	for (i = 0; i < set->n; i++)
		hk_private_key_free(set->key[i]);
	free(set->key);
	*set = (struct key_set){0};
}

void hk_keys_free(struct hk_keys *k)
{
	size_t i;

	if (!k || --k->users)
		return;
	for (i = 0; i < HK_KEYS_GENERATIONS; i++)
		empty_set(&k->set[i]);
	pthread_rwlock_destroy(&k->lock);
	free(k);
}

static struct key_set *find_set(struct hk_keys *k, uint32_t generation)
{
	size_t i;

	for (i = 0; i < HK_KEYS_GENERATIONS; i++)
		if (k->set[i].generation == generation && generation)
			return &k->set[i];
	return NULL;
}

/* A free place, or that of the oldest one. */
static struct key_set *make_set(struct hk_keys *k, uint32_t generation)
{
	struct key_set *set = find_set(k, generation);
	size_t i;

	if (set)
		return set;
	set = &k->set[0];
	for (i = 1; i < HK_KEYS_GENERATIONS; i++)
		if (k->set[i].generation < set->generation)
			set = &k->set[i];
	empty_set(set);
	set->generation = generation;
	return set;
}

void hk_keys_forget(struct hk_keys *k, uint32_t generation)
{
	struct key_set *set;

	pthread_rwlock_wrlock(&k->lock);
	set = find_set(k, generation);
	if (set)
		empty_set(set);
	pthread_rwlock_unlock(&k->lock);
}

static enum hk_status set_key(struct key_set *set, uint32_t index, struct hk_private_key *key)
{
	if (index >= set->n) {
		struct hk_private_key **at =
		    realloc(set->key, (index + 1) * sizeof(struct hk_private_key *));

		if (!at)
			return HK_NOMEM;
		while (set->n <= index)
			at[set->n++] = NULL;
		set->key = at;
	}
	hk_private_key_free(set->key[index]);
	set->key[index] = key;
	return HK_OK;
}

enum hk_status hk_keys_load(struct hk_keys *k, uint32_t generation, uint32_t index,
    struct hk_slice pem, enum hk_sign_alg *ret, struct hk_buf *record)
{
	struct hk_private_key *key;
	enum hk_sign_alg alg;
	enum hk_status status;

	if (index >= HK_KEYS_MAX || !generation || pem.n > HK_KEYS_PEM_MAX)
		return HK_LIMIT;
	status = hk_private_key_pem(pem, &key);
	if (status != HK_OK)
		return status;
	alg = hk_private_key_alg(key);
	status = hk_dkim_record_add(key, alg, record);
	if (status != HK_OK) {
		hk_private_key_free(key);
		return status;
	}
	pthread_rwlock_wrlock(&k->lock);
	status = set_key(make_set(k, generation), index, key);
	pthread_rwlock_unlock(&k->lock);
	if (status != HK_OK) {
		hk_private_key_free(key);
		return status;
	}
	*ret = alg;
	return HK_OK;
}

static enum hk_status sign(
    struct hk_keys *k, const struct hk_keys_request *r, struct hk_keys_reply *reply)
{
	const struct key_set *set = find_set(k, r->generation);
	const struct hk_private_key *key = set && r->key < set->n ? set->key[r->key] : NULL;
	size_t n = sizeof reply->signature;
	enum hk_status status;

	if (!key)
		return HK_NOTFOUND;
	if (hk_private_key_alg(key) != r->alg)
		return HK_BUG;
	status =
	    hk_sign_digest(key, hk_slice_of(r->digest, sizeof r->digest), reply->signature, &n);
	if (status == HK_OK)
		reply->n = (uint16_t)n;
	return status;
}

void hk_keys_answer(struct hk_keys *k, struct hk_slice message, uint8_t ret[HK_KEYS_REPLY])
{
	struct hk_keys_reply reply = {0};
	struct hk_keys_request r;

	reply.status = hk_keys_request_parse(message, &r);
	if (reply.status == HK_OK) {
		reply.seq = r.seq;
		pthread_rwlock_rdlock(&k->lock);
		reply.status = sign(k, &r, &reply);
		pthread_rwlock_unlock(&k->lock);
	}
	hk_keys_reply_format(&reply, ret);
}

/* ---- channels ------------------------------------------------------------------------------- */

void hk_keys_serve(struct hk_keys *k, int fd)
{
	uint8_t request[HK_KEYS_REQUEST + 1], reply[HK_KEYS_REPLY];

	for (;;) {
		/* one octet more than a request has: a longer message shows as one */
		ssize_t n = recv(fd, request, sizeof request, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		hk_keys_answer(k, hk_slice_of(request, (size_t)n), reply);
		if (send(fd, reply, sizeof reply, MSG_NOSIGNAL) < 0)
			return;
	}
}

struct channel {
	struct hk_keys *keys;
	int fd;
};

static void *serve_channel(void *argument)
{
	struct channel *c = argument;
	int fd = c->fd;

	hk_keys_serve(c->keys, fd);
	hk_keys_free(c->keys);
	free(c);
	hk_crypto_thread_end();
	close(fd); /* last: whoever waits for it knows that nothing of ours is left */
	return NULL;
}

enum hk_status hk_keys_serve_apart(struct hk_keys *k, int fd)
{
	struct channel *c = malloc(sizeof *c);
	pthread_t thread;

	if (c) {
		*c = (struct channel){k, fd};
		k->users++;
		if (pthread_create(&thread, NULL, serve_channel, c) == 0) {
			pthread_detach(thread);
			return HK_OK;
		}
		k->users--;
		free(c);
	}
	close(fd);
	return HK_NOMEM;
}
