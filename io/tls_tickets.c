/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <hikyaku/crypto.h>
#include "io/tls_tickets.h"

enum { SECRET = HK_SHA256_SIZE };

struct hk_tls_tickets {
	pthread_mutex_t mutex;
	uint64_t until; /* mono_ms */
	bool has_before;
	uint8_t now[SECRET], before[SECRET];
};

enum hk_status hk_tls_tickets_new(uint64_t now_ms, struct hk_tls_tickets **ret)
{
	struct hk_tls_tickets *t = calloc(1, sizeof *t);
	enum hk_status status = t ? hk_random(t->now, sizeof t->now) : HK_NOMEM;

	if (status != HK_OK) {
		free(t);
		return status;
	}
	t->until = now_ms + HK_TLS_TICKETS_MS;
	pthread_mutex_init(&t->mutex, NULL);
	*ret = t;
	return HK_OK;
}

void hk_tls_tickets_free(struct hk_tls_tickets *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->mutex);
	explicit_bzero(t, sizeof *t);
	free(t);
}

/* One step forward; a secret follows from the one before it, and not the other way. */
static enum hk_status step(struct hk_tls_tickets *t)
{
	uint8_t next[SECRET];
	enum hk_status status = hk_hmac_sha256(hk_slice_of(t->now, SECRET), HK_S("next"), next);

	if (status != HK_OK)
		return status;
	memcpy(t->before, t->now, SECRET);
	memcpy(t->now, next, SECRET);
	explicit_bzero(next, sizeof next);
	t->has_before = true;
	t->until += HK_TLS_TICKETS_MS;
	return HK_OK;
}

/* The two secrets of this time. */
static enum hk_status secrets(
    struct hk_tls_tickets *t, uint64_t now_ms, uint8_t ret_now[SECRET], uint8_t ret_before[SECRET], bool *ret_has_before)
{
	enum hk_status status = HK_OK;

	pthread_mutex_lock(&t->mutex);
	/* after a long sleep: two steps leave nothing of what was, however many it would have been */
	if (now_ms >= t->until && now_ms - t->until > HK_TLS_TICKETS_MS)
		t->until = now_ms - HK_TLS_TICKETS_MS;
	while (status == HK_OK && now_ms >= t->until)
		status = step(t);
	memcpy(ret_now, t->now, SECRET);
	memcpy(ret_before, t->before, SECRET);
	*ret_has_before = t->has_before;
	pthread_mutex_unlock(&t->mutex);
	return status;
}

static enum hk_status derive(
    const uint8_t secret[SECRET], const uint8_t place[32], struct hk_slice name, char what, uint8_t *to, size_t n)
{
	uint8_t data[1 + 32 + HK_TLS_NAME_MAX], out[HK_SHA256_SIZE];
	enum hk_status status;

	if (name.n > HK_TLS_NAME_MAX)
		return HK_LIMIT;
	data[0] = (uint8_t)what;
	memcpy(data + 1, place, 32);
	if (name.n)
		memcpy(data + 33, name.p, name.n);
	status = hk_hmac_sha256(hk_slice_of(secret, SECRET), hk_slice_of(data, 33 + name.n), out);
	if (status == HK_OK)
		memcpy(to, out, n);
	explicit_bzero(out, sizeof out);
	return status;
}

static enum hk_status keys_of(
    const uint8_t secret[SECRET], const uint8_t place[32], struct hk_slice name, struct hk_tls_ticket_keys *ret)
{
	enum hk_status status = derive(secret, place, name, 'n', ret->name, sizeof ret->name);

	if (status == HK_OK)
		status = derive(secret, place, name, 'c', ret->cipher, sizeof ret->cipher);
	if (status == HK_OK)
		status = derive(secret, place, name, 'm', ret->mac, sizeof ret->mac);
	return status;
}

enum hk_status hk_tls_tickets_make(struct hk_tls_tickets *t, uint64_t now_ms, const uint8_t place[32], struct hk_slice name,
    struct hk_tls_ticket_keys *ret)
{
	uint8_t now[SECRET], before[SECRET];
	bool has_before;
	enum hk_status status = secrets(t, now_ms, now, before, &has_before);

	if (status == HK_OK)
		status = keys_of(now, place, name, ret);
	explicit_bzero(now, sizeof now);
	explicit_bzero(before, sizeof before);
	return status;
}

static bool is_named(const struct hk_tls_ticket_keys *k, const uint8_t name[HK_TLS_TICKET_NAME])
{
	return memcmp(k->name, name, HK_TLS_TICKET_NAME) == 0; /* no secret: it stood on the wire */
}

enum hk_status hk_tls_tickets_find(struct hk_tls_tickets *t, uint64_t now_ms, const uint8_t place[32], struct hk_slice name,
    const uint8_t key_name[HK_TLS_TICKET_NAME], struct hk_tls_ticket_keys *ret, bool *ret_is_old)
{
	uint8_t now[SECRET], before[SECRET];
	bool has_before, is_old = false;
	enum hk_status status = secrets(t, now_ms, now, before, &has_before);

	if (status == HK_OK)
		status = keys_of(now, place, name, ret);
	if (status == HK_OK && !is_named(ret, key_name)) {
		is_old = true;
		status = has_before ? keys_of(before, place, name, ret) : HK_NOTFOUND;
		if (status == HK_OK && !is_named(ret, key_name))
			status = HK_NOTFOUND;
	}
	explicit_bzero(now, sizeof now);
	explicit_bzero(before, sizeof before);
	if (status == HK_OK)
		*ret_is_old = is_old;
	else
		explicit_bzero(ret, sizeof *ret);
	return status;
}
