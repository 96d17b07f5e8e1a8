/* SPDX-License-Identifier: MIT
 *
 * Signing (RFC 6376 5). The field is written once, up to "b="; that text is hashed and later sent,
 * so what is signed and what is sent cannot differ.
 */
#include <string.h>

#include <hikyaku/tags.h>

#include "dkim_internal.h"

/* A line is at most 78 columns (RFC 5322 2.1.1) where a tab reaches to the eighth; base64 goes in
 * pieces of 70. */
enum { COLUMNS = 78, TAB = 8, BASE64_PIECE = 70, FIELD_MAX = 64 * 1024 };

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
	struct hk_slice headers =
	    options->headers.n ? options->headers : HK_S(HK_DKIM_DEFAULT_HEADERS);

	if (!s)
		return NULL;
	s->arena = a;
	s->options = *options;
	s->header = header;
	if (hk_arena_dup_lower(a, options->d, &s->options.d) == HK_OK &&
	    hk_arena_dup(a, options->s, &s->options.s) == HK_OK &&
	    hk_arena_dup_lower(a, headers, &s->options.headers) == HK_OK &&
	    hk_dkim_body_init(&s->body, a, 1) == HK_OK &&
	    hk_dkim_body_want(&s->body, hk_dkim_hash_of(options->alg), options->body_canon, NULL,
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

/* ---- h= ---------------------------------------------------------------------------------- */

static bool list_has_before(struct hk_slice list, struct hk_slice name)
{
	struct hk_slice item;

	while (hk_tags_item(&list, ':', &item) && item.p != name.p)
		if (hk_slice_eq(item, name))
			return true;
	return false;
}

/* Each name as often as its field occurs, and once more where oversigning: the extra mention
 * matches nothing now and anything that is added later, which then breaks the signature (RFC
 * 6376 5.4, 8.15). */
static enum hk_status list_names(const struct hk_dkim_sign *s, struct hk_buf *out)
{
	struct hk_slice list = s->options.headers, name;
	bool has_from = false;
	size_t total = 0;

	while (hk_tags_item(&list, ':', &name)) {
		size_t count = hk_header_count(s->header, name), i;

		if (!hk_dkim_is_field_name(name))
			return HK_BUG;
		if (list_has_before(s->options.headers, name))
			continue;
		if (hk_slice_eq(name, HK_S("from"))) {
			has_from = true;
			if (count == 0)
				return HK_SYNTAX; /* 5.4: From MUST be signed, so there must be one
				                   */
		}
		if (!s->options.no_oversign)
			count++;
		total += count;
		if (total > HK_DKIM_MAX_HEADERS)
			return HK_LIMIT;
		for (i = 0; i < count; i++) {
			if (out->n)
				hk_buf_add_byte(out, ':');
			hk_buf_add(out, name);
		}
	}
	return has_from ? hk_buf_status(out) : HK_BUG;
}

/* ---- the field, folded ------------------------------------------------------------------- */

struct folder {
	struct hk_buf *out;
	size_t column;
};

static void new_line(struct folder *f)
{
	hk_buf_add_str(f->out, "\r\n\t");
	f->column = TAB;
}

static void add_text(struct folder *f, struct hk_slice text)
{
	hk_buf_add(f->out, text);
	f->column += text.n;
}

/* "tag=value;" on this line if it fits, else on the next. */
static void add_tag(struct folder *f, const char *tag, struct hk_slice value)
{
	size_t n = strlen(tag) + value.n + 1;

	if (f->column + 1 + n > COLUMNS)
		new_line(f);
	else
		add_text(f, HK_S(" "));
	add_text(f, hk_slice_str(tag));
	add_text(f, value);
	add_text(f, HK_S(";"));
}

static void add_time(struct folder *f, const char *tag, int64_t seconds)
{
	struct hk_buf b;

	hk_buf_init(&b, 32);
	hk_buf_addf(&b, "%lld", (long long)seconds);
	add_tag(f, tag, hk_buf_slice(&b));
	hk_buf_done(&b);
}

/* h= begins a line, and is folded after its colons. */
static void add_names(struct folder *f, struct hk_slice list)
{
	struct hk_slice name;

	new_line(f);
	add_text(f, HK_S("h="));
	while (hk_tags_item(&list, ':', &name)) {
		if (f->column + name.n + 1 > COLUMNS) {
			new_line(f);
			add_text(f, HK_S(" "));
		}
		add_text(f, name);
		add_text(f, list.p ? HK_S(":") : HK_S(";"));
	}
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
	struct folder f = {.out = out};
	struct hk_buf bh;

	add_text(&f, HK_S("DKIM-Signature:"));
	add_tag(&f, "v=", HK_S("1"));
	add_tag(&f, "a=", hk_slice_str(hk_dkim_alg_name(o->alg)));
	add_tag(&f, "c=", canon_name(o));
	add_tag(&f, "d=", o->d);
	add_tag(&f, "s=", o->s);
	if (o->now)
		add_time(&f, "t=", o->now);
	if (o->expire)
		add_time(&f, "x=", o->expire);
	add_names(&f, names);
	hk_buf_init(&bh, 64);
	hk_base64_add(&bh, hk_slice_of(h->value, h->n));
	add_tag(&f, "bh=", hk_buf_slice(&bh));
	if (hk_buf_status(&bh) != HK_OK)
		out->failed = hk_buf_status(&bh);
	hk_buf_done(&bh);
	new_line(&f);
	add_text(&f, HK_S("b="));
}

/* ---- end and finish ------------------------------------------------------------------------ */

static enum hk_status check_options(const struct hk_dkim_sign_options *o)
{
	if (o->alg == HK_SIGN_RSA_SHA1 || o->now < 0 ||
	    (o->expire && o->expire <= o->now)) /* RFC 8301 3.1; 6376 3.5 */
		return HK_BUG;
	if (!hk_dkim_is_domain(o->d) || !hk_is_hostname(o->s, true) ||
	    o->s.n + sizeof "._domainkey." - 1 + o->d.n > HK_DNS_NAME_MAX)
		return HK_SYNTAX;
	return HK_OK;
}

static enum hk_status digest_field(
    struct hk_dkim_sign *s, struct hk_slice names, struct hk_slice *ret)
{
	struct hk_dkim_header_hash what = {.alg = HK_DIGEST_SHA256,
	    .canon = s->options.header_canon,
	    .names = names,
	    .own = s->header->n,
	    .blanked = {.raw = s->prefix,
	        .name = hk_slice_sub(s->prefix, 0, sizeof "DKIM-Signature" - 1),
	        .value = hk_slice_from(s->prefix, sizeof "DKIM-Signature:" - 1)}};
	struct hk_dkim_fields fields;
	uint8_t *digest = hk_arena_alloc(s->arena, HK_SHA256_SIZE);
	enum hk_status status;
	size_t found;

	if (!digest)
		return s->arena->failed;
	what.blanked.value.n -= 2; /* the final CRLF is not part of the value */
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
	status = list_names(s, &names);
	if (status == HK_OK) {
		write_field(s, hk_buf_slice(&names), &field);
		hk_buf_add_str(&field, "\r\n");
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
	struct hk_slice text;
	struct hk_buf b;
	size_t i;

	if (!s->prefix.n || !signature.n || signature.n > HK_SIGNATURE_MAX)
		return HK_BUG;
	hk_buf_init(&b, HK_SIGNATURE_MAX * 2);
	hk_base64_add(&b, signature);
	text = hk_buf_slice(&b);
	hk_buf_add(out, hk_slice_sub(s->prefix, 0, s->prefix.n - 2));
	for (i = 0; i < text.n; i += BASE64_PIECE) {
		if (i)
			hk_buf_add_str(out, "\r\n\t");
		hk_buf_add(out, hk_slice_sub(text, i, BASE64_PIECE));
	}
	hk_buf_add_str(out, "\r\n");
	if (hk_buf_status(&b) != HK_OK && hk_buf_status(out) == HK_OK)
		out->failed = hk_buf_status(&b);
	hk_buf_done(&b);
	return hk_buf_status(out);
}
