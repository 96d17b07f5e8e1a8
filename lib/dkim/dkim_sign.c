/* SPDX-License-Identifier: MIT
 *
 * Signing (RFC 6376 5). Each field is written once, up to "b="; that text is hashed and later sent,
 * so what is signed and what is sent cannot differ.
 */
#include "dkim_internal.h"
#include "lib/base/base_internal.h"

enum { FIELD_MAX = 64 * 1024 };

/* One key, and the field it makes. */
struct signer {
	struct hk_dkim_sign_options options;
	size_t body_hash;
	struct hk_slice prefix; /* the field up to "b=", once end was called */
	struct hk_dkim_sign_question question;
	struct hk_slice signature;
	bool is_answered;
};

struct hk_dkim_sign {
	struct hk_arena *arena;
	const struct hk_header *header;
	struct hk_dkim_body body;
	struct signer signer[HK_DKIM_MAX_SIGNERS];
	size_t n, n_asked;
	bool has_body, is_ready; /* a piece has come; the questions are there */
};

struct hk_dkim_sign *hk_dkim_sign_new(
    struct hk_arena *a, const struct hk_dkim_sign_options *options, const struct hk_header *header)
{
	struct hk_dkim_sign *s = hk_arena_alloc(a, sizeof *s);
	enum hk_status status;

	if (!s)
		return NULL;
	s->arena = a;
	s->header = header;
	status = hk_dkim_body_init(&s->body, a, HK_DKIM_MAX_SIGNERS);
	if (status == HK_OK)
		status = hk_dkim_sign_also(s, options);
	if (status == HK_OK)
		return s;
	if (status == HK_BUG)
		a->failed = status;
	hk_dkim_sign_done(s);
	return NULL;
}

void hk_dkim_sign_done(struct hk_dkim_sign *s)
{
	if (s)
		hk_dkim_body_done(&s->body);
}

static bool is_canon(enum hk_canon canon)
{
	return canon == HK_CANON_SIMPLE || canon == HK_CANON_RELAXED;
}

enum hk_status hk_dkim_sign_also(struct hk_dkim_sign *s, const struct hk_dkim_sign_options *options)
{
	struct signer new = {.question.id = s->n};
	struct hk_dkim_sign_options *o = &new.options;
	enum hk_status status = hk_sized_take(s->arena, o, sizeof *o, options);

	if (status != HK_OK || s->has_body || s->body.is_ended || !is_canon(o->header_canon) || !is_canon(o->body_canon))
		return HK_BUG;
	if (s->n == HK_DKIM_MAX_SIGNERS)
		return HK_LIMIT;
	if (!o->headers.n)
		o->headers = HK_S(HK_DKIM_DEFAULT_HEADERS);
	status = hk_arena_dup_lower(s->arena, o->d, &o->d);
	if (status == HK_OK)
		status = hk_arena_dup(s->arena, o->s, &o->s);
	if (status == HK_OK)
		status = hk_arena_dup(s->arena, o->key, &o->key);
	if (status == HK_OK)
		status = hk_arena_dup_lower(s->arena, o->headers, &o->headers);
	if (status == HK_OK)
		status = hk_dkim_body_want(
		    &s->body, hk_dkim_hash_of(o->alg), o->body_canon, NULL, &new.body_hash);
	new.question.key = o->key;
	new.question.alg = o->alg;
	if (status == HK_OK)
		s->signer[s->n++] = new;
	return status;
}

void hk_dkim_sign_body(struct hk_dkim_sign *s, struct hk_slice chunk)
{
	s->has_body = true;
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

static void write_field(const struct signer *one, const struct hk_dkim_body_hash *h,
    struct hk_slice names, struct hk_buf *out)
{
	const struct hk_dkim_sign_options *o = &one->options;
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

/* ---- end ------------------------------------------------------------------------------------- */

static enum hk_status check_options(const struct hk_dkim_sign_options *o)
{
	if (o->now < 0 || (o->expire && o->expire <= o->now)) /* 3.5 */
		return HK_BUG;
	return hk_dkim_sign_check(o->d, o->s, o->alg);
}

static enum hk_status digest_field(struct hk_dkim_sign *s, struct hk_dkim_fields *fields,
    struct signer *one, struct hk_slice names)
{
	struct hk_dkim_header_hash what = {.alg = HK_DIGEST_SHA256,
	    .canon = one->options.header_canon,
	    .names = names,
	    .own = s->header->n,
	    .blanked = hk_dkim_prefix_field(one->prefix)};
	uint8_t *digest = hk_arena_alloc(s->arena, HK_SHA256_SIZE);
	enum hk_status status;
	size_t found;

	if (!digest)
		return s->arena->failed;
	status = hk_dkim_header_digest(fields, &what, digest, &found);
	if (status == HK_OK)
		one->question.digest = hk_slice_of(digest, HK_SHA256_SIZE);
	return status;
}

static enum hk_status make_question(
    struct hk_dkim_sign *s, struct hk_dkim_fields *fields, struct signer *one)
{
	const struct hk_dkim_body_hash *h = &s->body.hash[one->body_hash];
	struct hk_buf names, field;
	enum hk_status status;

	if (h->n == 0)
		return HK_NOMEM;
	hk_buf_init(&names, FIELD_MAX);
	hk_buf_init(&field, FIELD_MAX);
	status =
	    hk_dkim_list_names(s->header, one->options.headers, !one->options.no_oversign, &names);
	if (status == HK_OK) {
		write_field(one, h, hk_buf_slice(&names), &field);
		status = hk_buf_status(&field);
	}
	if (status == HK_OK)
		status = hk_arena_dup(s->arena, hk_buf_slice(&field), &one->prefix);
	if (status == HK_OK)
		status = digest_field(s, fields, one, hk_buf_slice(&names));
	hk_buf_done(&names);
	hk_buf_done(&field);
	return status;
}

enum hk_status hk_dkim_sign_end(struct hk_dkim_sign *s, struct hk_slice *ret_digest)
{
	struct hk_dkim_fields fields;
	enum hk_status status = HK_OK;
	size_t i;

	for (i = 0; i < s->n && status == HK_OK; i++)
		status = check_options(&s->signer[i].options);
	if (status != HK_OK)
		return status;
	/* the line would become the end of our own b= */
	if (hk_header_has_stray_line(s->header))
		return HK_SYNTAX;
	hk_dkim_body_end(&s->body);
	status = hk_dkim_fields_init(&fields, s->arena, s->header);
	for (i = 0; i < s->n && status == HK_OK; i++)
		status = make_question(s, &fields, &s->signer[i]);
	s->is_ready = status == HK_OK;
	if (s->is_ready && ret_digest)
		*ret_digest = s->signer[0].question.digest;
	return status;
}

/* ---- questions and answers ------------------------------------------------------------------- */

const struct hk_dkim_sign_question *hk_dkim_sign_question(struct hk_dkim_sign *s)
{
	if (!s->is_ready || s->n_asked == s->n)
		return NULL;
	return &s->signer[s->n_asked++].question;
}

enum hk_status hk_dkim_sign_answer(struct hk_dkim_sign *s, size_t id, struct hk_slice signature)
{
	enum hk_status status;

	if (!s->is_ready || id >= s->n || s->signer[id].is_answered ||
	    signature.n > HK_SIGNATURE_MAX)
		return HK_BUG;
	status = hk_arena_dup(s->arena, signature, &s->signer[id].signature);
	s->signer[id].is_answered = status == HK_OK;
	return status;
}

enum hk_status hk_dkim_sign_fields(const struct hk_dkim_sign *s, struct hk_buf *out)
{
	enum hk_status status = HK_OK;
	size_t i, n = 0;

	if (!s->is_ready)
		return HK_BUG;
	for (i = 0; i < s->n; i++)
		if (!s->signer[i].is_answered)
			return HK_AGAIN;
	for (i = 0; i < s->n && status == HK_OK; i++) {
		if (!s->signer[i].signature.n)
			continue;
		status = hk_dkim_fold_signature(s->signer[i].prefix, s->signer[i].signature, out);
		n++;
	}
	return status == HK_OK && !n ? HK_NOTFOUND : status;
}

enum hk_status hk_dkim_sign_finish(
    struct hk_dkim_sign *s, struct hk_slice signature, struct hk_buf *out)
{
	if (!s->is_ready || !signature.n || signature.n > HK_SIGNATURE_MAX)
		return HK_BUG;
	return hk_dkim_fold_signature(s->signer[0].prefix, signature, out);
}
