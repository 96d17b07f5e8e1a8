/* SPDX-License-Identifier: MIT
 *
 * Signing (RFC 6376 5). The field is written once, up to "b="; that text is hashed and later sent,
 * so what is signed and what is sent cannot differ.
 */
#include "dkim_internal.h"
#include "lib/base/base_internal.h"

enum { FIELD_MAX = 64 * 1024 };

struct hk_dkim_sign {
	struct hk_arena *arena;
	struct hk_dkim_sign_options options;
	const struct hk_header *header;
	struct hk_dkim_body body;
	size_t body_hash;
	struct hk_slice prefix; /* the field up to "b=", once end was called */
};

struct hk_dkim_sign *hk_dkim_sign_new(
    struct hk_arena *a, const struct hk_dkim_sign_options *options, const struct hk_header *header)
{
	struct hk_dkim_sign *s = hk_arena_alloc(a, sizeof *s);
	struct hk_dkim_sign_options *own;

	if (!s || hk_sized_take(a, &s->options, sizeof s->options, options) != HK_OK)
		return NULL;
	own = &s->options;
	if (own->headers.n == 0)
		own->headers = HK_S(HK_DKIM_DEFAULT_HEADERS);
	s->arena = a;
	s->header = header;
	if (hk_arena_dup_lower(a, own->d, &own->d) == HK_OK &&
	    hk_arena_dup(a, own->s, &own->s) == HK_OK &&
	    hk_arena_dup_lower(a, own->headers, &own->headers) == HK_OK &&
	    hk_dkim_body_init(&s->body, a, 1) == HK_OK &&
	    hk_dkim_body_want(&s->body, hk_dkim_hash_of(own->alg), own->body_canon, NULL,
	        &s->body_hash) == HK_OK)
		return s;
	hk_dkim_sign_done(s);
	return NULL;
}

void hk_dkim_sign_done(struct hk_dkim_sign *s)
{
	if (s)
		hk_dkim_body_done(&s->body);
}

void hk_dkim_sign_body(struct hk_dkim_sign *s, struct hk_slice chunk)
{
	hk_dkim_body_add(&s->body, chunk);
}

static struct hk_slice canon_name(const struct hk_dkim_sign_options *o)
{
	static const char *const names[2][2] = {
	    [HK_CANON_SIMPLE] =
	        {[HK_CANON_SIMPLE] = "simple/simple", [HK_CANON_RELAXED] = "simple/relaxed"},
	    [HK_CANON_RELAXED] = {
	        [HK_CANON_SIMPLE] = "relaxed/simple", [HK_CANON_RELAXED] = "relaxed/relaxed"}};

	return hk_slice_str(names[o->header_canon][o->body_canon]);
}

static void write_field(const struct hk_dkim_sign *s, struct hk_slice names, struct hk_buf *out)
{
	const struct hk_dkim_sign_options *o = &s->options;
	const struct hk_dkim_body_hash *h = &s->body.hash[s->body_hash];
	struct hk_dkim_fold f = {.out = out};

	hk_dkim_fold_text(&f, HK_S("DKIM-Signature:"));
	hk_dkim_fold_tag(&f, "v=", HK_S("1"));
	hk_dkim_fold_tag(&f, "a=", hk_slice_str(hk_dkim_alg_name(o->alg)));
	hk_dkim_fold_tag(&f, "c=", canon_name(o));
	hk_dkim_fold_tag(&f, "d=", o->d);
	hk_dkim_fold_tag(&f, "s=", o->s);
	if (o->now)
		hk_dkim_fold_number(&f, "t=", o->now);
	if (o->expire)
		hk_dkim_fold_number(&f, "x=", o->expire);
	hk_dkim_fold_names(&f, names);
	hk_dkim_fold_base64(&f, "bh=", hk_slice_of(h->value, h->n));
	hk_dkim_fold_line(&f);
	hk_dkim_fold_text(&f, HK_S("b=\r\n"));
}

/* ---- end and finish ------------------------------------------------------------------------ */

static enum hk_status check_options(const struct hk_dkim_sign_options *o)
{
	if (o->now < 0 || (o->expire && o->expire <= o->now)) /* 3.5 */
		return HK_BUG;
	return hk_dkim_sign_check(o->d, o->s, o->alg);
}

static enum hk_status digest_field(
    struct hk_dkim_sign *s, struct hk_slice names, struct hk_slice *ret)
{
	struct hk_dkim_header_hash what = {.alg = HK_DIGEST_SHA256,
	    .canon = s->options.header_canon,
	    .names = names,
	    .own = s->header->n,
	    .blanked = hk_dkim_prefix_field(s->prefix)};
	struct hk_dkim_fields fields;
	uint8_t *digest = hk_arena_alloc(s->arena, HK_SHA256_SIZE);
	enum hk_status status;
	size_t found;

	if (!digest)
		return s->arena->failed;
	status = hk_dkim_fields_init(&fields, s->arena, s->header);
	if (status == HK_OK)
		status = hk_dkim_header_digest(&fields, &what, digest, &found);
	if (status == HK_OK)
		*ret = hk_slice_of(digest, HK_SHA256_SIZE);
	return status;
}

enum hk_status hk_dkim_sign_end(struct hk_dkim_sign *s, struct hk_slice *ret_digest)
{
	enum hk_status status = check_options(&s->options);
	struct hk_buf names, field;

	if (status != HK_OK)
		return status;
	/* the line would become the end of our own b= */
	if (hk_header_has_stray_line(s->header))
		return HK_SYNTAX;
	hk_dkim_body_end(&s->body);
	if (s->body.hash[s->body_hash].n == 0)
		return HK_NOMEM;
	hk_buf_init(&names, FIELD_MAX);
	hk_buf_init(&field, FIELD_MAX);
	status = hk_dkim_list_names(
	    s->header, s->options.headers, !s->options.no_oversign, &names);
	if (status == HK_OK) {
		write_field(s, hk_buf_slice(&names), &field);
		status = hk_buf_status(&field);
	}
	if (status == HK_OK)
		status = hk_arena_dup(s->arena, hk_buf_slice(&field), &s->prefix);
	if (status == HK_OK)
		status = digest_field(s, hk_buf_slice(&names), ret_digest);
	hk_buf_done(&names);
	hk_buf_done(&field);
	if (status != HK_OK)
		s->prefix = (struct hk_slice){0};
	return status;
}

enum hk_status hk_dkim_sign_finish(
    struct hk_dkim_sign *s, struct hk_slice signature, struct hk_buf *out)
{
	if (!s->prefix.n)
		return HK_BUG;
	return hk_dkim_fold_signature(s->prefix, signature, out);
}
