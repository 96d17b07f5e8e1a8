/* SPDX-License-Identifier: MIT
 *
 * Body hashes. The body comes once; each canonical form in use is made once, and goes into every
 * hash of that form, up to that hash's own l=. Ten signatures with one canonical form and no l=
 * cost one hash.
 */
#include "dkim_internal.h"

/* The form of stored hashes: u8 version, u16 count, then for each
 * u8 algorithm, u8 canon, u8 has_length, u64 length, u64 total, block value. */
enum { VERSION = 1, CANON_ROOM = 8192 };

enum hk_status hk_dkim_body_init(struct hk_dkim_body *body, struct hk_arena *a, size_t room)
{
	*body = (struct hk_dkim_body){.room = room};
	body->hash = hk_arena_array(a, room, sizeof *body->hash);
	if (!body->hash)
		return a->failed;
	hk_canon_body_init(&body->canon[HK_CANON_SIMPLE], HK_CANON_SIMPLE);
	hk_canon_body_init(&body->canon[HK_CANON_RELAXED], HK_CANON_RELAXED);
	return HK_OK;
}

void hk_dkim_body_done(struct hk_dkim_body *body)
{
	size_t i;

	for (i = 0; i < body->n; i++) {
		hk_digest_free(body->hash[i].digest);
		body->hash[i].digest = NULL;
	}
}

static bool is_same(const struct hk_dkim_body_hash *x, const struct hk_dkim_body_hash *y)
{
	return x->alg == y->alg && x->canon == y->canon && x->has_length == y->has_length &&
	       x->length == y->length;
}

enum hk_status hk_dkim_body_want(struct hk_dkim_body *body, enum hk_digest_alg alg,
    enum hk_canon canon, const uint64_t *length, size_t *ret)
{
	struct hk_dkim_body_hash wish = {.alg = alg, .canon = canon, .has_length = length != NULL};
	size_t i;

	wish.length = length ? *length : 0;
	for (i = 0; i < body->n; i++) {
		if (is_same(&body->hash[i], &wish)) {
			*ret = i;
			return HK_OK;
		}
	}
	if (body->n == body->room)
		return HK_BUG;
	wish.digest = hk_digest_new(alg);
	if (!wish.digest)
		return HK_NOMEM;
	body->hash[body->n] = wish;
	body->is_used[canon] = true;
	*ret = body->n++;
	return HK_OK;
}

/* One piece of one canonical form, into every hash that wants it. */
static void hash_piece(struct hk_dkim_body *body, enum hk_canon canon, struct hk_slice piece)
{
	size_t i;

	body->total[canon] += piece.n;
	for (i = 0; i < body->n; i++) {
		struct hk_dkim_body_hash *h = &body->hash[i];
		struct hk_slice part = piece;

		if (h->canon != canon)
			continue;
		if (h->has_length && part.n > h->length - h->hashed)
			part.n = (size_t)(h->length - h->hashed);
		h->hashed += part.n;
		if (part.n)
			hk_digest_add(h->digest, part);
	}
}

void hk_dkim_body_add(struct hk_dkim_body *body, struct hk_slice chunk)
{
	uint8_t out[CANON_ROOM];
	size_t canon, n;

	if (body->is_ended)
		return;
	for (canon = 0; canon < 2; canon++) {
		struct hk_slice in = chunk;

		while (body->is_used[canon]) {
			n = hk_canon_body_step(&body->canon[canon], &in, out, sizeof out);
			hash_piece(body, (enum hk_canon)canon, hk_slice_of(out, n));
			if (n == 0 && in.n == 0)
				break;
		}
	}
}

void hk_dkim_body_end(struct hk_dkim_body *body)
{
	uint8_t out[CANON_ROOM];
	size_t canon, i, n;

	if (body->is_ended)
		return;
	body->is_ended = true;
	for (canon = 0; canon < 2; canon++)
		while (body->is_used[canon] &&
		       (n = hk_canon_body_end(&body->canon[canon], out, sizeof out)) > 0)
			hash_piece(body, (enum hk_canon)canon, hk_slice_of(out, n));
	for (i = 0; i < body->n; i++)
		body->hash[i].n = hk_digest_end(body->hash[i].digest, body->hash[i].value);
}

void hk_dkim_body_format(const struct hk_dkim_body *body, struct hk_buf *out)
{
	size_t i;

	hk_buf_add_u8(out, VERSION);
	hk_buf_add_u16(out, (uint16_t)body->n);
	for (i = 0; i < body->n; i++) {
		const struct hk_dkim_body_hash *h = &body->hash[i];

		hk_buf_add_u8(out, (uint8_t)h->alg);
		hk_buf_add_u8(out, (uint8_t)h->canon);
		hk_buf_add_u8(out, h->has_length);
		hk_buf_add_u64(out, h->length);
		hk_buf_add_u64(out, body->total[h->canon]);
		hk_buf_add_block(out, hk_slice_of(h->value, h->n));
	}
}

/* One stored hash; false for a value that no format of ours wrote. */
static bool read_hash(struct hk_cursor *c, struct hk_dkim_body_hash *ret, uint64_t *ret_total)
{
	uint8_t alg = hk_cursor_u8(c), canon = hk_cursor_u8(c), has_length = hk_cursor_u8(c);
	uint64_t length = hk_cursor_u64(c), total = hk_cursor_u64(c);
	struct hk_slice value = hk_cursor_block(c);
	size_t i;

	if (c->failed || alg > HK_DIGEST_SHA1 || canon > HK_CANON_RELAXED || has_length > 1 ||
	    (!has_length && length))
		return false;
	if (value.n != (alg == HK_DIGEST_SHA1 ? 20u : (size_t)HK_SHA256_SIZE))
		return false;
	*ret = (struct hk_dkim_body_hash){.alg = (enum hk_digest_alg)alg,
	    .canon = (enum hk_canon)canon,
	    .has_length = has_length != 0,
	    .length = length,
	    .n = value.n};
	ret->hashed = has_length && length < total ? length : total;
	for (i = 0; i < value.n; i++)
		ret->value[i] = value.p[i];
	*ret_total = total;
	return true;
}

/* Puts a stored hash where it is wanted; one that nobody wants is passed over. */
static bool place_hash(
    struct hk_dkim_body *body, const struct hk_dkim_body_hash *h, uint64_t total, size_t *filled)
{
	size_t i;

	for (i = 0; i < body->n; i++) {
		struct hk_dkim_body_hash *mine = &body->hash[i];

		if (!is_same(mine, h))
			continue;
		if (mine->n) /* twice the same */
			return false;
		mine->hashed = h->hashed;
		mine->n = h->n;
		for (size_t k = 0; k < h->n; k++)
			mine->value[k] = h->value[k];
		body->total[h->canon] = total;
		++*filled;
	}
	return true;
}

/* Fills what is wanted from the stored hashes. */
static enum hk_status read_hashes(struct hk_dkim_body *body, struct hk_cursor *c)
{
	uint64_t total[2] = {0};
	bool is_known[2] = {false};
	size_t count = hk_cursor_u16(c), filled = 0, i;

	for (i = 0; i < count; i++) {
		struct hk_dkim_body_hash h;
		uint64_t octets;

		if (!read_hash(c, &h, &octets))
			return HK_CORRUPT;
		/* one body has one length in each canonical form */
		if (is_known[h.canon] && total[h.canon] != octets)
			return HK_CORRUPT;
		is_known[h.canon] = true;
		total[h.canon] = octets;
		if (!place_hash(body, &h, octets, &filled))
			return HK_CORRUPT;
	}
	if (c->failed || c->rest.n)
		return HK_CORRUPT;
	/* fewer: the hashes of another message, or of other options */
	return filled == body->n ? HK_OK : HK_NOTFOUND;
}

enum hk_status hk_dkim_body_replay(struct hk_dkim_body *body, struct hk_slice bytes)
{
	struct hk_cursor c = hk_cursor_of(bytes);
	uint8_t version = hk_cursor_u8(&c);
	enum hk_status status;
	size_t i;

	if (body->is_ended)
		return HK_BUG;
	if (c.failed || version == 0)
		return HK_CORRUPT;
	if (version > VERSION)
		return HK_VERSION;
	status = read_hashes(body, &c);
	body->is_ended = status == HK_OK;
	for (i = 0; i < body->n && status != HK_OK; i++) {
		body->hash[i].n = 0;
		body->hash[i].hashed = 0;
		body->total[body->hash[i].canon] = 0;
	}
	return status;
}
