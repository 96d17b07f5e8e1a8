/* SPDX-License-Identifier: MIT
 *
 * The DKIM-Signature field (RFC 6376 3.5). Every tag has a row in a table and a reader; all readers
 * run, so that what can be read is there for the verdict, and the first fault in the order of the
 * table is the one reported.
 */
#include <string.h>

#include <hikyaku/tags.h>

#include "dkim_internal.h"
#include "lib/base/base_internal.h"

struct reader {
	struct hk_arena *arena;
	struct hk_dkim_signature *sig;
	struct hk_slice field; /* the field's body, for b_span */
	enum hk_dkim_field kind;
	enum hk_status status; /* of the arena */
};
typedef enum hk_dkim_reason read_tag(struct reader *, struct hk_slice value);

static const struct {
	const char *name;
	enum hk_sign_alg alg;
	enum hk_digest_alg hash;
} algorithms[] = {
    {"rsa-sha256", HK_SIGN_RSA_SHA256, HK_DIGEST_SHA256},
    {"ed25519-sha256", HK_SIGN_ED25519_SHA256, HK_DIGEST_SHA256}, /* RFC 8463 3 */
    {"rsa-sha1", HK_SIGN_RSA_SHA1, HK_DIGEST_SHA1}, /* RFC 8301 3.1: only for archives */
};

enum { ALGORITHMS = sizeof algorithms / sizeof algorithms[0] };

enum hk_digest_alg hk_dkim_hash_of(enum hk_sign_alg alg)
{
	return alg == HK_SIGN_RSA_SHA1 ? HK_DIGEST_SHA1 : HK_DIGEST_SHA256;
}

const char *hk_dkim_alg_name(enum hk_sign_alg alg)
{
	size_t i = 0;

	while (i + 1 < ALGORITHMS && algorithms[i].alg != alg)
		i++;
	return algorithms[i].name;
}

/* domain-name = sub-domain 1*("." sub-domain). Deliberate: an underscore may stand in a label, as
 * names in use have it. */
bool hk_dkim_is_domain(struct hk_slice s)
{
	return s.n <= HK_DNS_NAME_MAX && hk_is_hostname(s, true) && hk_slice_find(s, '.') < s.n;
}

static enum hk_dkim_reason read_v(struct reader *r, struct hk_slice value)
{
	(void)r;
	return hk_slice_eq(value, HK_S("1")) ? HK_DKIM_R_OK : HK_DKIM_R_VERSION;
}

static enum hk_dkim_reason read_a(struct reader *r, struct hk_slice value)
{
	size_t i;

	r->sig->a = value;
	for (i = 0; i < ALGORITHMS; i++) {
		if (hk_slice_eq(value, hk_slice_str(algorithms[i].name))) {
			r->sig->alg = algorithms[i].alg;
			return HK_DKIM_R_OK;
		}
	}
	/* 3.3.4: a verifier ignores what it does not implement */
	return HK_DKIM_R_ALGORITHM;
}

static bool read_canon(struct hk_slice word, enum hk_canon *ret)
{
	if (hk_slice_eq(word, HK_S("simple")))
		*ret = HK_CANON_SIMPLE;
	else if (hk_slice_eq(word, HK_S("relaxed")))
		*ret = HK_CANON_RELAXED;
	else
		return false;
	return true;
}

/* c=header[/body]; a body form that is not named is simple (3.5). */
static enum hk_dkim_reason read_c(struct reader *r, struct hk_slice value)
{
	size_t slash = hk_slice_find(value, '/');
	bool has_body = slash < value.n;

	r->sig->c = value;
	if (!read_canon(hk_slice_sub(value, 0, slash), &r->sig->header_canon))
		return HK_DKIM_R_CANON;
	if (has_body && !read_canon(hk_slice_from(value, slash + 1), &r->sig->body_canon))
		return HK_DKIM_R_CANON;
	return HK_DKIM_R_OK;
}

/* RFC 8616 5: U-labels become A-labels. false: a name that cannot; or no memory, then r->status says so. */
static bool to_ascii(struct reader *r, struct hk_slice *name)
{
	enum hk_status status = hk_dns_name_to_ascii(r->arena, *name, name);

	if (status != HK_OK && status != HK_SYNTAX)
		r->status = status;
	return status == HK_OK;
}

/* Judged before any question is asked: a name that is not one must not reach the resolver. */
static enum hk_dkim_reason read_d(struct reader *r, struct hk_slice value)
{
	if (!to_ascii(r, &value) || !hk_dkim_is_domain(value))
		return HK_DKIM_R_DOMAIN;
	r->status = hk_arena_dup_lower(r->arena, value, &r->sig->d);
	return HK_DKIM_R_OK;
}

/* selector = sub-domain *("." sub-domain) */
static enum hk_dkim_reason read_s(struct reader *r, struct hk_slice value)
{
	if (!to_ascii(r, &value) || value.n > HK_DNS_NAME_MAX || !hk_is_hostname(value, true))
		return HK_DKIM_R_SELECTOR;
	r->sig->s = value;
	return HK_DKIM_R_OK;
}

/* dkim-quoted-printable (2.11): "=XX" in upper case hex; FWS is gone already. */
static bool decode_qp(struct hk_slice s, uint8_t *out, size_t *ret_n)
{
	size_t i, n = 0;

	for (i = 0; i < s.n; i++) {
		if (s.p[i] != '=') {
			out[n++] = s.p[i];
			continue;
		}
		if (s.n - i < 3 || hk_hex_value_upper(s.p[i + 1]) < 0 || hk_hex_value_upper(s.p[i + 2]) < 0)
			return false;
		out[n++] = (uint8_t)(hk_hex_value_upper(s.p[i + 1]) * 16 + hk_hex_value_upper(s.p[i + 2]));
		i += 2;
	}
	*ret_n = n;
	return true;
}

/* [ Local-part ] "@" domain-name. Deliberate: the local part is not parsed, for nothing depends on
 * it. */
static enum hk_dkim_reason read_i(struct reader *r, struct hk_slice value)
{
	struct hk_slice plain, domain;
	uint8_t *decoded;
	size_t n, at;

	r->status = hk_tags_strip_fws(r->arena, value, &plain);
	if (r->status != HK_OK)
		return HK_DKIM_R_OK;
	decoded = hk_arena_alloc(r->arena, plain.n);
	if (!decoded) {
		r->status = r->arena->failed;
		return HK_DKIM_R_OK;
	}
	if (!decode_qp(plain, decoded, &n))
		return HK_DKIM_R_IDENTITY;
	at = hk_slice_rfind(hk_slice_of(decoded, n), '@');
	domain = hk_slice_from(hk_slice_of(decoded, n), at + 1);
	if (at == n || !to_ascii(r, &domain) || !hk_dkim_is_domain(domain))
		return HK_DKIM_R_IDENTITY;
	r->sig->i = plain;
	r->status = hk_arena_dup_lower(r->arena, domain, &r->sig->i_domain);
	return HK_DKIM_R_OK;
}

/* instance of RFC 8617 4.2.1: 1*2DIGIT, 1 to 50 */
static enum hk_dkim_reason read_instance(struct reader *r, struct hk_slice value)
{
	uint64_t i;

	if (value.n > 2 || hk_slice_u64(value, HK_DKIM_MAX_INSTANCE, &i) != HK_OK || i == 0)
		return HK_DKIM_R_INSTANCE;
	r->sig->instance = (unsigned)i;
	return HK_DKIM_R_OK;
}

static enum hk_dkim_reason read_cv(struct reader *r, struct hk_slice value)
{
	static const char *const words[] = {"none", "pass", "fail"};
	size_t i;

	r->sig->cv = value;
	for (i = 0; i < sizeof words / sizeof words[0]; i++)
		if (hk_slice_eq_nocase(value, hk_slice_str(words[i])))
			return HK_DKIM_R_OK;
	return HK_DKIM_R_CV;
}

/* RFC 8617 4.1.3: a seal with h= fails the chain. */
static enum hk_dkim_reason refuse_h(struct reader *r, struct hk_slice value)
{
	(void)r;
	(void)value;
	return HK_DKIM_R_SEAL_HEADERS;
}

static enum hk_dkim_reason read_h(struct reader *r, struct hk_slice value)
{
	struct hk_slice list = value, name;
	bool has_from = false;
	size_t n = 0;

	r->sig->h = value;
	while (hk_tags_item(&list, ':', &name)) {
		if (!hk_dkim_is_field_name(name))
			return HK_DKIM_R_HEADERS;
		if (++n > HK_DKIM_MAX_HEADERS)
			return HK_DKIM_R_HEADERS_LIMIT;
		has_from = has_from || hk_slice_eq_nocase(name, HK_S("from"));
		/* RFC 8617 4.1.2: the seal is made last, so none is covered */
		if (r->kind == HK_DKIM_FIELD_ARC && hk_slice_eq_nocase(name, HK_S("arc-seal")))
			return HK_DKIM_R_HEADERS;
	}
	return has_from ? HK_DKIM_R_OK : HK_DKIM_R_NO_FROM; /* 5.4, 6.1.1 */
}

static enum hk_dkim_reason read_l(struct reader *r, struct hk_slice value)
{
	enum hk_status status = hk_slice_u64(value, UINT64_MAX, &r->sig->length);

	if (status == HK_SYNTAX || value.n > 76) /* 1*76DIGIT */
		return HK_DKIM_R_LENGTH;
	if (status == HK_LIMIT) /* longer than any body, which is found out at its end */
		r->sig->length = UINT64_MAX;
	r->sig->has_length = true;
	return HK_DKIM_R_OK;
}

static enum hk_dkim_reason read_q(struct reader *r, struct hk_slice value)
{
	struct hk_slice method;

	(void)r;
	while (hk_tags_item(&value, ':', &method))
		if (hk_slice_eq(method, HK_S("dns/txt")))
			return HK_DKIM_R_OK;
	return HK_DKIM_R_QUERY; /* 3.5: unknown methods are ignored, and no other is left */
}

/* 3.5 allows to take a number too large for 12 digits as infinite. */
static bool read_time(struct hk_slice value, int64_t *ret)
{
	uint64_t seconds;
	enum hk_status status = hk_slice_u64(value, INT64_MAX, &seconds);

	if (status == HK_SYNTAX)
		return false;
	*ret = status == HK_OK ? (int64_t)seconds : INT64_MAX;
	return true;
}

static enum hk_dkim_reason read_t(struct reader *r, struct hk_slice value)
{
	r->sig->has_t = read_time(value, &r->sig->t);
	return r->sig->has_t ? HK_DKIM_R_OK : HK_DKIM_R_TIME;
}

static enum hk_dkim_reason read_x(struct reader *r, struct hk_slice value)
{
	r->sig->has_x = read_time(value, &r->sig->x);
	return r->sig->has_x ? HK_DKIM_R_OK : HK_DKIM_R_TIME;
}

/* Base64 of at least one octet; false, with r->status OK, when it is not that. */
static bool read_base64(struct reader *r, struct hk_slice value, struct hk_slice *ret)
{
	enum hk_status status = hk_base64_parse(r->arena, value, ret);

	if (status != HK_OK && status != HK_SYNTAX)
		r->status = status;
	return status != HK_SYNTAX && (status != HK_OK || ret->n > 0);
}

static enum hk_dkim_reason read_bh(struct reader *r, struct hk_slice value)
{
	return read_base64(r, value, &r->sig->bh) ? HK_DKIM_R_OK : HK_DKIM_R_BODY_HASH_TEXT;
}

/* The value with the white space around it, from behind "=" to before ";" (3.7). */
static struct hk_slice span_of(struct hk_slice field, struct hk_slice value)
{
	size_t from = (size_t)(value.p - field.p), to = from + value.n;

	while (field.p[from - 1] != '=')
		from--;
	while (to < field.n && field.p[to] != ';')
		to++;
	return hk_slice_sub(field, from, to - from);
}

static enum hk_dkim_reason read_b(struct reader *r, struct hk_slice value)
{
	if (!read_base64(r, value, &r->sig->b))
		return HK_DKIM_R_SIGNATURE_TEXT;
	r->sig->b_span = span_of(r->field, value);
	if (r->status == HK_OK)
		r->status = hk_tags_strip_fws(r->arena, value, &r->sig->b_text);
	return HK_DKIM_R_OK;
}

enum {
	DKIM = 1 << HK_DKIM_FIELD_DKIM,
	ARC = 1 << HK_DKIM_FIELD_ARC,
	SEAL = 1 << HK_DKIM_FIELD_SEAL,
	BOTH = DKIM | ARC,
	ALL = BOTH | SEAL,
};

/* The three fields of this form. A tag that a kind does not have is one that it ignores. */
static const struct {
	const char *name;
	enum hk_dkim_reason missing; /* OK where the tag is optional */
	read_tag *read;
	unsigned kinds;
} tags_known[] = {
    {"v", HK_DKIM_R_NO_V, read_v, DKIM},
    {"i", HK_DKIM_R_INSTANCE, read_instance, ARC | SEAL},
    {"a", HK_DKIM_R_NO_A, read_a, ALL},
    {"b", HK_DKIM_R_NO_B, read_b, ALL},
    {"bh", HK_DKIM_R_NO_BH, read_bh, BOTH},
    {"cv", HK_DKIM_R_CV, read_cv, SEAL},
    {"d", HK_DKIM_R_NO_D, read_d, ALL},
    {"h", HK_DKIM_R_NO_H, read_h, BOTH},
    {"h", HK_DKIM_R_OK, refuse_h, SEAL},
    {"s", HK_DKIM_R_NO_S, read_s, ALL},
    {"c", HK_DKIM_R_OK, read_c, BOTH},
    {"i", HK_DKIM_R_OK, read_i, DKIM},
    {"l", HK_DKIM_R_OK, read_l, BOTH},
    {"q", HK_DKIM_R_OK, read_q, BOTH},
    {"t", HK_DKIM_R_OK, read_t, ALL},
    {"x", HK_DKIM_R_OK, read_x, BOTH},
};

/* What only several tags together show. */
static enum hk_dkim_reason check_together(
    enum hk_dkim_field kind, const struct hk_dkim_signature *sig)
{
	/* 3.5: i= is d= or below it */
	if (!hk_dns_name_is_below(sig->i_domain, sig->d))
		return HK_DKIM_R_IDENTITY_OUTSIDE;
	if (sig->has_t && sig->has_x && sig->x <= sig->t)
		return HK_DKIM_R_TIME_ORDER;
	if (kind != HK_DKIM_FIELD_SEAL &&
	    sig->bh.n !=
	        (hk_dkim_hash_of(sig->alg) == HK_DIGEST_SHA1 ? 20u : (size_t)HK_SHA256_SIZE))
		return HK_DKIM_R_BODY_HASH_TEXT;
	return HK_DKIM_R_OK;
}

static enum hk_status default_identity(struct hk_arena *a, struct hk_dkim_signature *sig)
{
	uint8_t *p;

	if (sig->d.n == 0)
		return HK_OK;
	p = hk_arena_alloc(a, sig->d.n + 1);
	if (!p)
		return a->failed;
	p[0] = '@';
	memcpy(p + 1, sig->d.p, sig->d.n);
	sig->i = hk_slice_of(p, sig->d.n + 1);
	sig->i_domain = sig->d;
	return HK_OK;
}

enum hk_status hk_dkim_field_parse(struct hk_arena *a, enum hk_dkim_field kind,
    struct hk_slice value, struct hk_dkim_signature *ret)
{
	struct hk_dkim_signature sig = {
	    .header_canon = HK_CANON_SIMPLE, .body_canon = HK_CANON_SIMPLE};
	struct reader r = {.arena = a, .sig = &sig, .field = value, .kind = kind};
	enum hk_dkim_reason fault = HK_DKIM_R_OK, found;
	struct hk_slice absent;
	struct hk_tags tags;
	size_t i;

	if (hk_tags_parse(value, HK_TAGS_STRICT, &tags) != HK_OK) {
		sig.fault = HK_DKIM_R_SYNTAX;
		*ret = sig;
		return HK_OK;
	}
	for (i = 0; i < sizeof tags_known / sizeof tags_known[0] && r.status == HK_OK; i++) {
		struct hk_slice tag;

		if (!(tags_known[i].kinds & 1u << kind))
			continue;
		found = tags_known[i].missing;
		if (hk_tags_get(&tags, tags_known[i].name, &tag))
			found = tags_known[i].read(&r, tag);
		if (fault == HK_DKIM_R_OK)
			fault = found;
	}
	if (r.status == HK_OK &&
	    (kind != HK_DKIM_FIELD_DKIM || !hk_tags_get(&tags, "i", &absent)))
		r.status = default_identity(a, &sig);
	if (r.status != HK_OK)
		return r.status;
	sig.fault = fault == HK_DKIM_R_OK ? check_together(kind, &sig) : fault;
	*ret = sig;
	return HK_OK;
}

enum hk_status hk_dkim_signature_parse(
    struct hk_arena *a, struct hk_slice value, struct hk_dkim_signature *ret)
{
	return hk_dkim_field_parse(a, HK_DKIM_FIELD_DKIM, value, ret);
}

enum hk_dkim_reason hk_dkim_signature_policy(
    const struct hk_dkim_signature *sig, int64_t now, bool allow_sha1)
{
	if (sig->alg == HK_SIGN_RSA_SHA1 && !allow_sha1)
		return HK_DKIM_R_SHA1; /* RFC 8301 3.1 */
	/* times are not negative, so neither difference overflows */
	if (sig->has_x && now > HK_DKIM_CLOCK_DRIFT && now - HK_DKIM_CLOCK_DRIFT > sig->x)
		return HK_DKIM_R_EXPIRED;
	if (sig->has_t && sig->t - HK_DKIM_CLOCK_DRIFT > now)
		return HK_DKIM_R_FUTURE;
	return HK_DKIM_R_OK;
}

enum hk_status hk_dkim_signature_domain(
    struct hk_arena *a, struct hk_slice value, struct hk_slice *ret)
{
	struct hk_tags tags;
	struct hk_slice d;

	if (hk_tags_parse(value, HK_TAGS_STRICT, &tags) == HK_OK && hk_tags_get(&tags, "d", &d) &&
	    hk_dkim_is_domain(d))
		return hk_arena_dup_lower(a, d, ret);
	*ret = (struct hk_slice){0};
	return HK_OK;
}
