/* SPDX-License-Identifier: MIT
 *
 * render_convert.c - the body in 7-bit form (RFC 6152 3), made as it is read: the message is never held.
 *
 * One pass finds which parts need it, one counts the new size (RFC 1870), and each reading makes the bytes again.
 */
#include <string.h>

#include "engine/render.h"

/* One piece of the source; *ret_n 0: all was read. */
static enum hk_status next_piece(struct hk_render *r, uint8_t *to, size_t *ret_n)
{
	enum hk_status status = hk_render_source(r, r->source_at, to, HK_RENDER_CHUNK, ret_n);

	if (status == HK_OK)
		r->source_at += *ret_n;
	return status;
}

static enum hk_status look(struct hk_render *r)
{
	uint8_t piece[HK_RENDER_CHUNK];
	enum hk_status status;
	size_t n;

	r->source_at = 0;
	do {
		status = next_piece(r, piece, &n);
		if (status == HK_OK && n)
			status = hk_recode_look(r->recode, hk_slice_of(piece, n));
	} while (status == HK_OK && n);
	return status == HK_OK ? hk_recode_look_end(r->recode) : status;
}

static void to_beginning(struct hk_render *r)
{
	r->converted_at = r->source_at = 0;
	r->is_source_done = false;
	hk_buf_reset(&r->converted);
}

/* A recoder that looked at all of the body. */
static enum hk_status begin(struct hk_render *r)
{
	hk_recode_free(r->recode);
	r->recode = hk_recode_new(&r->original);
	return r->recode ? look(r) : HK_NOMEM;
}

/* More of the new body in `converted`, which is left behind. */
static enum hk_status make_more(struct hk_render *r)
{
	uint8_t piece[HK_RENDER_CHUNK];
	enum hk_status status;
	size_t n;

	r->converted_at += r->converted.n;
	hk_buf_reset(&r->converted);
	status = next_piece(r, piece, &n);
	if (status != HK_OK)
		return status;
	r->is_source_done = n == 0;
	return n ? hk_recode_body(r->recode, hk_slice_of(piece, n), &r->converted)
	         : hk_recode_end(r->recode, &r->converted);
}

static enum hk_status count(struct hk_render *r)
{
	enum hk_status status = HK_OK;

	to_beginning(r);
	while (status == HK_OK && !r->is_source_done)
		status = make_more(r);
	r->converted_size = r->converted_at + r->converted.n;
	to_beginning(r);
	return status;
}

static void stop(struct hk_render *r)
{
	hk_recode_free(r->recode);
	r->recode = NULL;
	to_beginning(r);
}

enum hk_status hk_render_convert(struct hk_render *r, bool on)
{
	enum hk_status status = on ? begin(r) : HK_OK;

	if (status == HK_OK && on && hk_recode_is_needed(r->recode))
		status = count(r);
	else
		stop(r);
	if (status != HK_OK)
		stop(r);
	return status;
}

enum hk_status hk_render_has_wide_part(struct hk_render *r, bool *ret)
{
	enum hk_status status = HK_OK;

	if (r->recode) {
		*ret = hk_recode_has_wide_header(r->recode);
		return HK_OK;
	}
	status = begin(r);
	if (status == HK_OK)
		*ret = hk_recode_has_wide_header(r->recode);
	stop(r);
	return status;
}

static enum hk_status converted(struct hk_render *r, uint64_t at, void *to, size_t n, size_t *ret)
{
	enum hk_status status = HK_OK;
	struct hk_slice part;

	if (at < r->converted_at) {
		/* its end was reached: the recoder stands at the beginning again by itself */
		if (!r->is_source_done)
			status = begin(r);
		to_beginning(r);
	}
	while (status == HK_OK && at >= r->converted_at + r->converted.n && !r->is_source_done)
		status = make_more(r);
	if (status != HK_OK)
		return status;
	part = hk_slice_sub(hk_buf_slice(&r->converted), (size_t)(at - r->converted_at), n);
	if (part.n)
		memcpy(to, part.p, part.n);
	*ret = part.n;
	return HK_OK;
}

enum hk_status hk_render_body(struct hk_render *r, uint64_t at, void *to, size_t n, size_t *ret)
{
	return r->recode ? converted(r, at, to, n, ret) : hk_render_source(r, at, to, n, ret);
}
