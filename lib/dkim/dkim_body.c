/* SPDX-License-Identifier: MIT
 *
 * Body hashes. The body comes once; each canonical form in use is made once, and hashed once for
 * each algorithm. A signature with l= takes the value that the one digest has at that octet, so
 * that 500 signatures with 500 lengths cost one walk, and not 500.
 */
#include <string.h>

#include "dkim_internal.h"

/* The form of stored hashes: u8 version, u16 count, then for each
 * u8 algorithm, u8 canon, u8 has_length, u64 length, u64 total, block value. */
enum { VERSION = 1, CANON_ROOM = 8192, END_ROOM = 64 };

enum hk_status hk_dkim_body_init(struct hk_dkim_body *body, struct hk_arena *a, size_t room)
{
	*body = (struct hk_dkim_body){.room = room};
	body->hash = hk_arena_array(a, room, sizeof *body->hash);
	body->order = hk_arena_array(a, room, sizeof *body->order);
	if (!body->hash || !body->order)
		return a->failed;
	hk_canon_body_init(&body->canon[HK_CANON_SIMPLE], HK_CANON_SIMPLE);
	hk_canon_body_init(&body->canon[HK_CANON_RELAXED], HK_CANON_RELAXED);
	return HK_OK;
}

void hk_dkim_body_done(struct hk_dkim_body *body)
{
	size_t i;

	for (i = 0; i < HK_DKIM_BODY_STREAMS; i++) {
		hk_digest_free(body->stream[i].digest);
		hk_digest_free(body->stream[i].scratch);
		body->stream[i] = (struct hk_dkim_body_stream){0};
	}
}

/* ---- wishes ------------------------------------------------------------------------------- */

static size_t stream_of(const struct hk_dkim_body_hash *h)
{
	return (size_t)h->canon * 2 + (size_t)h->alg;
}

/* Negative, 0 or positive, in the sense of body->order. */
static int compare(const struct hk_dkim_body_hash *x, const struct hk_dkim_body_hash *y)
{
	if (stream_of(x) != stream_of(y))
		return stream_of(x) < stream_of(y) ? -1 : 1;
	if (x->has_length != y->has_length)
		return x->has_length ? -1 : 1;
	return x->length < y->length ? -1 : x->length > y->length;
}

/* The place in body->order of the first hash that is not before h. */
static size_t place_of(const struct hk_dkim_body *body, const struct hk_dkim_body_hash *h)
{
	size_t from = 0, to = body->n;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (compare(&body->hash[body->order[middle]], h) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static struct hk_dkim_body_hash *find(
    const struct hk_dkim_body *body, const struct hk_dkim_body_hash *h)
{
	size_t at = place_of(body, h);

	if (at == body->n || compare(&body->hash[body->order[at]], h) != 0)
		return NULL;
	return &body->hash[body->order[at]];
}

/* The digest of a stream, and the second one that ends where an l= does. */
static enum hk_status open_stream(
    struct hk_dkim_body_stream *s, enum hk_digest_alg alg, bool has_length)
{
	if (!s->digest)
		s->digest = hk_digest_new(alg);
	if (has_length && !s->scratch)
		s->scratch = hk_digest_new(alg);
	return s->digest && (s->scratch || !has_length) ? HK_OK : HK_NOMEM;
}

enum hk_status hk_dkim_body_want(struct hk_dkim_body *body, enum hk_digest_alg alg,
    enum hk_canon canon, const uint64_t *length, size_t *ret)
{
	struct hk_dkim_body_hash wish = {.alg = alg, .canon = canon, .has_length = length != NULL};
	const struct hk_dkim_body_hash *same;
	size_t at, i;

	wish.length = length ? *length : 0;
	same = find(body, &wish);
	if (same) {
		*ret = (size_t)(same - body->hash);
		return HK_OK;
	}
	if (body->n == body->room)
		return HK_BUG;
	if (open_stream(&body->stream[stream_of(&wish)], alg, wish.has_length) != HK_OK)
		return HK_NOMEM;
	at = place_of(body, &wish);
	memmove(body->order + at + 1, body->order + at, (body->n - at) * sizeof *body->order);
	body->order[at] = body->n;
	for (i = stream_of(&wish); i < HK_DKIM_BODY_STREAMS; i++) {
		body->stream[i].end++;
		body->stream[i].next += i > stream_of(&wish);
	}
	body->hash[body->n] = wish;
	body->is_used[canon] = true;
	*ret = body->n++;
	return HK_OK;
}

/* ---- the walk ------------------------------------------------------------------------------ */

/* One piece of one canonical form into one stream; done is how much of that form came before. */
static void hash_piece(
    struct hk_dkim_body *body, size_t stream, uint64_t done, struct hk_slice piece)
{
	struct hk_dkim_body_stream *s = &body->stream[stream];

	while (s->next < s->end) {
		struct hk_dkim_body_hash *h = &body->hash[body->order[s->next]];
		struct hk_slice part = piece;

		if (h->has_length && h->length - done <= piece.n)
			part.n = (size_t)(h->length - done);
		hk_digest_add(s->digest, part);
		done += part.n;
		piece = hk_slice_from(piece, part.n);
		if (!h->has_length || h->length > done)
			return;
		h->n = hk_digest_peek(s->digest, s->scratch, h->value);
		s->next++;
	}
}

static void hash_canonical(struct hk_dkim_body *body, enum hk_canon canon, struct hk_slice piece)
{
	size_t alg;

	for (alg = 0; alg < 2 && piece.n; alg++)
		hash_piece(body, (size_t)canon * 2 + alg, body->total[canon], piece);
	body->total[canon] += piece.n;
}

/* What is left at the end has the whole body: those without l=, and those whose l= is longer. */
static void end_stream(struct hk_dkim_body *body, struct hk_dkim_body_stream *s)
{
	struct hk_dkim_body_hash *first, *h;

	if (s->next == s->end)
		return;
	first = &body->hash[body->order[s->next]];
	first->n = hk_digest_end(s->digest, first->value);
	while (++s->next < s->end) {
		h = &body->hash[body->order[s->next]];
		memcpy(h->value, first->value, first->n);
		h->n = first->n;
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
			hash_canonical(body, (enum hk_canon)canon, hk_slice_of(out, n));
			if (n == 0 && in.n == 0)
				break;
		}
	}
}

void hk_dkim_body_end(struct hk_dkim_body *body)
{
	uint8_t out[END_ROOM];
	size_t canon, i, n;

	if (body->is_ended)
		return;
	body->is_ended = true;
	for (canon = 0; canon < 2; canon++)
		while (body->is_used[canon] &&
		       (n = hk_canon_body_end(&body->canon[canon], out, sizeof out)) > 0)
			hash_canonical(body, (enum hk_canon)canon, hk_slice_of(out, n));
	for (i = 0; i < HK_DKIM_BODY_STREAMS; i++)
		end_stream(body, &body->stream[i]);
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
	memcpy(ret->value, value.p, value.n);
	*ret_total = total;
	return true;
}

/* Puts a stored hash where it is wanted; one that nobody wants is passed over. */
static bool place_hash(
    struct hk_dkim_body *body, const struct hk_dkim_body_hash *h, uint64_t total, size_t *filled)
{
	struct hk_dkim_body_hash *mine = find(body, h);

	if (!mine)
		return true;
	if (mine->n) /* twice the same */
		return false;
	mine->n = h->n;
	memcpy(mine->value, h->value, h->n);
	body->total[h->canon] = total;
	++*filled;
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
		body->total[body->hash[i].canon] = 0;
	}
	return status;
}
