/* SPDX-License-Identifier: MIT
 *
 * Sealing (RFC 8617 5.1): three fields, two signatures. As in lib/dkim each field is written once,
 * and that text is hashed and later sent.
 */
#include <hikyaku/tags.h>

#include "arc_internal.h"

#include "lib/base/base_internal.h"
#include "lib/message/message_internal.h"

enum { FIELD_MAX = 64 * 1024 };

enum stage { NEW, MESSAGE, SEAL, FINISHED };

struct hk_arc_seal {
	struct hk_arena *arena;
	struct hk_arc_seal_options options;
	const struct hk_header *header;
	const struct hk_arc_verdict *verdict;
	struct hk_dkim_body body;
	size_t body_hash;
	unsigned instance;
	enum stage stage;
	struct hk_slice digest;
	struct hk_slice results, message, seal; /* the fields; the latter two up to "b=" until they
	                                           are signed */
};

struct hk_arc_seal *hk_arc_seal_new(struct hk_arena *a, const struct hk_arc_seal_options *options,
    const struct hk_header *header, const struct hk_arc_verdict *chain)
{
	struct hk_arc_seal *s = hk_arena_alloc(a, sizeof *s);
	struct hk_arc_seal_options *own;

	if (!s || hk_sized_take(a, &s->options, sizeof s->options, options) != HK_OK)
		return NULL;
	s->arena = a;
	own = &s->options;
	if (own->headers.n == 0)
		own->headers = HK_S(HK_ARC_DEFAULT_HEADERS);
	s->header = header;
	s->verdict = chain;
	s->instance = chain->highest + 1;
	if (hk_arena_dup_lower(a, own->d, &own->d) == HK_OK &&
	    hk_arena_dup(a, own->s, &own->s) == HK_OK &&
	    hk_arena_dup(a, own->authserv_id, &own->authserv_id) == HK_OK &&
	    hk_arena_dup(a, own->results, &own->results) == HK_OK &&
	    hk_arena_dup_lower(a, own->headers, &own->headers) == HK_OK &&
	    hk_dkim_body_init(&s->body, a, 1) == HK_OK &&
	    hk_dkim_body_want(
	        &s->body, HK_DIGEST_SHA256, HK_CANON_RELAXED, NULL, &s->body_hash) == HK_OK)
		return s;
	hk_arc_seal_done(s);
	return NULL;
}

void hk_arc_seal_done(struct hk_arc_seal *s)
{
	if (s)
		hk_dkim_body_done(&s->body);
}

void hk_arc_seal_body(struct hk_arc_seal *s, struct hk_slice chunk)
{
	hk_dkim_body_add(&s->body, chunk);
}

/* ---- the fields ----------------------------------------------------------------------------- */

/* 5.1.1: neither ARC's own fields, which the seal covers, nor results, which are likely to go. */
static enum hk_status check_names(struct hk_slice list)
{
	struct hk_slice name;
	bool has_from = false;

	while (hk_tags_item(&list, ':', &name)) {
		if (!hk_dkim_is_field_name(name) || hk_slice_starts_nocase(name, HK_S("arc-")) ||
		    hk_slice_eq(name, HK_S("authentication-results")))
			return HK_SYNTAX;
		has_from = has_from || hk_slice_eq(name, HK_S("from"));
	}
	return has_from ? HK_OK : HK_SYNTAX;
}

static enum hk_status check_options(const struct hk_arc_seal *s)
{
	const struct hk_arc_seal_options *o = &s->options;
	enum hk_status status = hk_dkim_sign_check(o->d, o->s, o->alg);

	if (status == HK_OK && s->verdict->is_ended)
		return HK_END;
	if (status == HK_OK && s->instance > HK_ARC_MAX_SETS)
		return HK_LIMIT;
	if (status == HK_OK &&
	    (!hk_is_hostname(o->authserv_id, true) || hk_header_has_stray_line(s->header)))
		return HK_SYNTAX;
	return status == HK_OK ? check_names(o->headers) : status;
}

static enum hk_status keep(
    struct hk_arc_seal *s, struct hk_buf *field, enum hk_status status, struct hk_slice *ret)
{
	if (status == HK_OK)
		status = hk_buf_status(field);
	if (status == HK_OK)
		status = hk_arena_dup(s->arena, hk_buf_slice(field), ret);
	hk_buf_done(field);
	return status;
}

static enum hk_status write_results(struct hk_arc_seal *s)
{
	struct hk_buf b;
	enum hk_status status = HK_OK;

	hk_buf_init(&b, FIELD_MAX);
	hk_buf_addf(&b, "ARC-Authentication-Results: i=%u; %.*s;", s->instance,
	    HK_FMT(s->options.authserv_id));
	if (s->options.results.n)
		hk_buf_add(&b, s->options.results);
	else
		hk_buf_addf(&b, " arc=%s", hk_arc_result_name(s->verdict->cv));
	hk_buf_add_str(&b, "\r\n");
	/* one field, whatever the results are made of */
	if (hk_buf_status(&b) == HK_OK) {
		struct hk_header parsed;

		if (!hk_message_is_fields(hk_buf_slice(&b)))
			status = HK_SYNTAX;
		else
			status = hk_header_parse(s->arena, hk_buf_slice(&b), &parsed);
		if (status == HK_OK && parsed.n != 1)
			status = HK_SYNTAX;
	}
	return keep(s, &b, status, &s->results);
}

static void write_start(struct hk_dkim_fold *f, const struct hk_arc_seal *s, struct hk_slice name)
{
	hk_dkim_fold_text(f, name);
	hk_dkim_fold_number(f, "i=", (int64_t)s->instance);
	hk_dkim_fold_tag(f, "a=", hk_slice_str(hk_dkim_alg_name(s->options.alg)));
}

static void write_signer(struct hk_dkim_fold *f, const struct hk_arc_seal *s)
{
	hk_dkim_fold_tag(f, "d=", s->options.d);
	hk_dkim_fold_tag(f, "s=", s->options.s);
	if (s->options.now)
		hk_dkim_fold_number(f, "t=", s->options.now);
}

static enum hk_status write_message(struct hk_arc_seal *s)
{
	const struct hk_dkim_body_hash *h = &s->body.hash[s->body_hash];
	struct hk_buf b, names;
	struct hk_dkim_fold f = {.out = &b};
	enum hk_status status;

	hk_buf_init(&b, FIELD_MAX);
	hk_buf_init(&names, FIELD_MAX);
	status = hk_dkim_list_names(s->header, s->options.headers, true, &names);
	if (status == HK_OK) {
		write_start(&f, s, HK_S("ARC-Message-Signature:"));
		hk_dkim_fold_tag(&f, "c=", HK_S("relaxed/relaxed"));
		write_signer(&f, s);
		hk_dkim_fold_names(&f, hk_buf_slice(&names));
		hk_dkim_fold_base64(&f, "bh=", hk_slice_of(h->value, h->n));
		hk_dkim_fold_line(&f);
		hk_dkim_fold_text(&f, HK_S("b=\r\n"));
	}
	hk_buf_done(&names);
	return keep(s, &b, status, &s->message);
}

static enum hk_status write_seal(struct hk_arc_seal *s)
{
	struct hk_buf b;
	struct hk_dkim_fold f = {.out = &b};

	hk_buf_init(&b, FIELD_MAX);
	write_start(&f, s, HK_S("ARC-Seal:"));
	hk_dkim_fold_tag(&f, "cv=", hk_slice_str(hk_arc_result_name(s->verdict->cv)));
	write_signer(&f, s);
	hk_dkim_fold_line(&f);
	hk_dkim_fold_text(&f, HK_S("b=\r\n"));
	return keep(s, &b, HK_OK, &s->seal);
}

/* ---- what is signed --------------------------------------------------------------------------- */

static enum hk_status digest_message(struct hk_arc_seal *s, uint8_t out[HK_SHA256_SIZE])
{
	struct hk_field blanked = hk_dkim_prefix_field(s->message);
	struct hk_dkim_signature sig;
	struct hk_dkim_header_hash what = {.alg = HK_DIGEST_SHA256,
	    .canon = HK_CANON_RELAXED,
	    .own = s->header->n,
	    .blanked = blanked};
	struct hk_dkim_fields fields;
	enum hk_status status =
	    hk_dkim_field_parse(s->arena, HK_DKIM_FIELD_ARC, blanked.value, &sig);
	size_t found;

	what.names = sig.h;
	if (status == HK_OK)
		status = hk_dkim_fields_init(&fields, s->arena, s->header);
	if (status == HK_OK)
		status = hk_dkim_header_digest(&fields, &what, out, &found);
	return status;
}

/* 5.1.2: where the chain failed the new set is sealed as if it stood alone. */
static enum hk_status digest_seal(struct hk_arc_seal *s, uint8_t out[HK_SHA256_SIZE])
{
	struct hk_field results = hk_dkim_prefix_field(s->results),
	                message = hk_dkim_prefix_field(s->message),
	                seal = hk_dkim_prefix_field(s->seal);
	struct hk_arc_chain chain = {0};
	struct hk_digest *digest = hk_digest_new(HK_DIGEST_SHA256);
	enum hk_status status = digest ? HK_OK : HK_NOMEM;

	if (status == HK_OK && s->verdict->cv == HK_ARC_PASS)
		status = hk_arc_chain_read(s->arena, s->header, &chain);
	if (status == HK_OK)
		status = hk_arc_digest_sets(digest, &chain, chain.n);
	if (status == HK_OK)
		status = hk_arc_digest_last(digest, &results, &message, &seal, out);
	hk_digest_free(digest);
	return status;
}

static enum hk_status ask(struct hk_arc_seal *s, enum stage stage)
{
	uint8_t *digest = hk_arena_alloc(s->arena, HK_SHA256_SIZE);
	enum hk_status status;

	if (!digest)
		return s->arena->failed;
	status = stage == MESSAGE ? digest_message(s, digest) : digest_seal(s, digest);
	if (status == HK_OK) {
		s->digest = hk_slice_of(digest, HK_SHA256_SIZE);
		s->stage = stage;
	}
	return status;
}

enum hk_status hk_arc_seal_end(struct hk_arc_seal *s)
{
	enum hk_status status = check_options(s);

	if (status == HK_OK && s->stage != NEW)
		return HK_BUG;
	if (status != HK_OK)
		return status;
	hk_dkim_body_end(&s->body);
	if (s->body.hash[s->body_hash].n == 0)
		return HK_NOMEM;
	status = write_results(s);
	if (status == HK_OK)
		status = write_message(s);
	return status == HK_OK ? ask(s, MESSAGE) : status;
}

bool hk_arc_seal_question(struct hk_arc_seal *s, struct hk_slice *ret_digest)
{
	if (!s->digest.n)
		return false;
	*ret_digest = s->digest;
	s->digest.n = 0;
	return true;
}

enum hk_status hk_arc_seal_answer(struct hk_arc_seal *s, struct hk_slice signature)
{
	struct hk_slice *field = s->stage == MESSAGE ? &s->message : &s->seal;
	struct hk_buf b;
	enum hk_status status;

	if (s->digest.n || (s->stage != MESSAGE && s->stage != SEAL))
		return HK_BUG;
	hk_buf_init(&b, FIELD_MAX);
	status = hk_dkim_fold_signature(*field, signature, &b);
	status = keep(s, &b, status, field);
	if (status == HK_OK && s->stage == MESSAGE) {
		status = write_seal(s);
		return status == HK_OK ? ask(s, SEAL) : status;
	}
	if (status == HK_OK)
		s->stage = FINISHED;
	return status;
}

enum hk_status hk_arc_seal_finish(struct hk_arc_seal *s, struct hk_buf *out)
{
	if (s->stage != FINISHED)
		return s->stage == NEW ? HK_BUG : HK_AGAIN;
	hk_buf_add(out, s->seal);
	hk_buf_add(out, s->message);
	hk_buf_add(out, s->results);
	return hk_buf_status(out);
}
