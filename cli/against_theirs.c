/* SPDX-License-Identifier: MIT
 *
 * What another stack said about a message: the Authentication-Results of OpenDKIM, OpenDMARC, rspamd,
 * Gmail and Microsoft, and the Received-SPF (RFC 7208 9.1) of policyd-spf.
 */
#include <string.h>

#include "against.h"

enum { RECEIVED_SPF_MAX = 4096 };

static const char *const method_names[AGAINST_METHODS] = {"spf", "dkim", "dmarc", "arc"};

const char *against_method_name(enum against_method method)
{
	return method_names[method];
}

static bool has_word(struct hk_slice text, const char *word)
{
	size_t n = strlen(word), i;

	for (i = 0; i + n <= text.n; i++)
		if (hk_slice_eq_nocase(hk_slice_sub(text, i, n), hk_slice_str(word)))
			return true;
	return false;
}

static bool is_between_addresses(uint8_t c)
{
	return !hk_is_alnum(c) && c != '.' && c != ':';
}

/* The first address that stands in a text for people, such as "sender IP is 192.0.2.1". */
static bool find_address(struct hk_slice text, struct hk_ip *ret)
{
	while (text.n) {
		size_t n = 0;

		while (n < text.n && !is_between_addresses(text.p[n]))
			n++;
		if (n > 6 && hk_ip_parse(hk_slice_sub(text, 0, n), ret) == HK_OK)
			return true;
		text = hk_slice_from(text, n + 1);
	}
	return false;
}

static struct hk_slice property(
    const struct hk_authres_result *r, const char *ptype, const char *name)
{
	size_t i;

	for (i = 0; i < r->n_properties; i++)
		if (hk_slice_eq_nocase(r->property[i].property, hk_slice_str(name)) &&
		    hk_slice_eq_nocase(r->property[i].ptype, hk_slice_str(ptype)))
			return r->property[i].value;
	return (struct hk_slice){0};
}

static struct hk_slice domain_of(struct hk_slice address)
{
	size_t at = hk_slice_rfind(address, '@');

	return at < address.n ? hk_slice_from(address, at + 1) : address;
}

/* ---- whose hand ------------------------------------------------------------------------------ */

struct sign {
	const char *method; /* NULL: the authserv-id is looked at */
	const char *text;   /* in a comment of it, or the end of the id */
	const char *style;
};

/* The first that fits; each is a thing that only these write. */
static const struct sign signs[] = {
    {NULL, "google.com", "Gmail"},
    {"spf", "designates", "rspamd"},
    {"spf", "sender IP is", "Microsoft"},
    {"dkim", "-bit key", "OpenDKIM"},
    {"dmarc", "dis=", "OpenDMARC"},
    {"spf", "client-ip=", "policyd-spf"},
};

static bool fits(const struct sign *sign, const struct hk_authres_parsed *f)
{
	size_t i, k;

	if (!sign->method)
		return hk_slice_ends_nocase(f->authserv_id, hk_slice_str(sign->text));
	for (i = 0; i < f->n_results; i++)
		for (k = 0; k < f->result[i].n_comments; k++)
			if (hk_slice_eq_nocase(f->result[i].method, hk_slice_str(sign->method)) &&
			    has_word(f->result[i].comment[k], sign->text))
				return true;
	return false;
}

static const char *style_of(const struct hk_authres_parsed *f)
{
	size_t i;

	for (i = 0; i < sizeof signs / sizeof signs[0]; i++)
		if (fits(&signs[i], f))
			return signs[i].style;
	return NULL;
}

/* ---- Authentication-Results -------------------------------------------------------------------- */

static void take_spf(const struct hk_authres_result *r, struct against_result *ret)
{
	struct hk_slice mail_from = property(r, "smtp", "mailfrom"),
	                helo = property(r, "smtp", "helo");
	size_t i;

	if (mail_from.n == 0)
		mail_from = property(r, "smtp", "mail"); /* OpenDMARC of old */
	ret->is_helo = mail_from.n == 0 && helo.n > 0;
	ret->mail_from = mail_from;
	ret->domain = domain_of(ret->is_helo ? helo : mail_from);
	for (i = 0; i < r->n_comments && ret->client.family == 0; i++)
		(void)find_address(r->comment[i], &ret->client);
}

static void take_dkim(const struct hk_authres_result *r, struct against_result *ret)
{
	ret->d = property(r, "header", "d");
	if (ret->d.n == 0) /* Gmail names only the identity */
		ret->d = domain_of(property(r, "header", "i"));
	ret->s = property(r, "header", "s");
	ret->b = property(r, "header", "b");
}

static bool is_known(struct hk_slice method, enum against_method *ret)
{
	int i;

	for (i = 0; i < AGAINST_METHODS; i++) {
		if (hk_slice_eq_nocase(method, hk_slice_str(method_names[i]))) {
			*ret = (enum against_method)i;
			return true;
		}
	}
	return false;
}

static bool has_method(const struct against_theirs *t, enum against_method method)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (t->result[i].method == method)
			return true;
	return false;
}

/* Of spf, dmarc and arc the topmost result counts; of dkim those of one field only, the topmost that
 * has any: another filter behind it would say all again. */
static enum hk_status take_field(
    struct hk_arena *a, const struct hk_authres_parsed *f, struct against_theirs *t)
{
	bool had[AGAINST_METHODS];
	size_t i;

	for (i = 0; i < AGAINST_METHODS; i++)
		had[i] = has_method(t, (enum against_method)i);
	for (i = 0; i < f->n_results && t->n < AGAINST_RESULTS_MAX; i++) {
		const struct hk_authres_result *r = &f->result[i];
		struct against_result one = {0};
		enum hk_status status;

		if (!is_known(r->method, &one.method) || had[one.method])
			continue;
		had[one.method] = one.method != AGAINST_DKIM;
		status = hk_arena_dup_lower(a, r->result, &one.result);
		if (status != HK_OK)
			return status;
		if (one.method == AGAINST_SPF)
			take_spf(r, &one);
		else if (one.method == AGAINST_DKIM)
			take_dkim(r, &one);
		else if (one.method == AGAINST_DMARC)
			one.domain = domain_of(property(r, "header", "from"));
		t->result[t->n++] = one;
	}
	return HK_OK;
}

/* Microsoft writes the results without a name in front. */
static enum hk_status parse(struct hk_arena *a, struct hk_slice value, struct hk_authres_parsed *ret)
{
	enum hk_status status = hk_authres_parse(a, value, ret);
	struct hk_slice named;

	if (status != HK_SYNTAX)
		return status;
	status = hk_arena_fmt(a, &named, "unnamed.invalid;%.*s", HK_FMT(value));
	if (status == HK_OK)
		status = hk_authres_parse(a, named, ret);
	ret->authserv_id = (struct hk_slice){0};
	return status;
}

static bool is_listed(struct hk_slice ids, struct hk_slice id)
{
	struct hk_slice item;

	while (hk_tags_item(&ids, ',', &item))
		if (hk_slice_eq_nocase(item, id))
			return true;
	return false;
}

static enum hk_status take_results(struct hk_arena *a, const struct hk_field *field,
    struct hk_slice ids, struct against_theirs *t)
{
	struct hk_authres_parsed f = {0};
	enum hk_status status = parse(a, field->value, &f);

	if (status == HK_NOMEM || (status == HK_LIMIT && a->failed != HK_OK))
		return status;
	if (status != HK_OK) {
		t->unreadable++;
		return HK_OK;
	}
	if (ids.n ? !is_listed(ids, f.authserv_id)
	          : t->fields && !hk_slice_eq_nocase(f.authserv_id, t->authserv_id))
		return HK_OK;
	if (t->fields++ == 0)
		t->authserv_id = f.authserv_id;
	if (!t->style)
		t->style = style_of(&f);
	return take_field(a, &f, t);
}

/* ---- Received-SPF ------------------------------------------------------------------------------- */

/* A value without its quotes; escapes are left as they are, for no address that we look for has any. */
static struct hk_slice unquoted(struct hk_slice s)
{
	if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
		return hk_slice_sub(s, 1, s.n - 2);
	return s;
}

static void take_pair(struct hk_slice pair, struct against_result *r, struct against_theirs *t)
{
	size_t equals = hk_slice_find(pair, '=');
	struct hk_slice name = hk_slice_trim(hk_slice_sub(pair, 0, equals)),
	                value = unquoted(hk_slice_trim(hk_slice_from(pair, equals + 1)));

	if (equals == pair.n)
		return;
	/* "identity=mailfrom" follows a comment without ";" */
	name = hk_slice_from(name, hk_slice_rfind(name, ' ') < name.n ? hk_slice_rfind(name, ' ') + 1 : 0);
	if (hk_slice_eq_nocase(name, HK_S("client-ip"))) {
		if (hk_ip_parse(value, &r->client) == HK_OK)
			t->client = r->client;
	} else if (hk_slice_eq_nocase(name, HK_S("helo"))) {
		t->helo = value;
	} else if (hk_slice_eq_nocase(name, HK_S("identity"))) {
		r->is_helo = hk_slice_eq_nocase(value, HK_S("helo"));
	} else if (hk_slice_eq_nocase(name, HK_S("envelope-from"))) {
		/* as written in Received-SPF, with or without brackets */
		if (value.n >= 2 && value.p[0] == '<' && value.p[value.n - 1] == '>')
			value = hk_slice_sub(value, 1, value.n - 2);
		t->mail_from = value;
		t->has_mail_from = true;
	}
}

/* The text without its comments, which end where they end (RFC 5322 3.2.2). */
static enum hk_status without_comments(struct hk_arena *a, struct hk_slice text, struct hk_slice *ret)
{
	enum hk_status status;
	size_t depth = 0, i;
	struct hk_buf b;

	hk_buf_init(&b, RECEIVED_SPF_MAX);
	for (i = 0; i < text.n && i < RECEIVED_SPF_MAX; i++) {
		if (text.p[i] == '(')
			depth++;
		if (depth == 0)
			hk_buf_add_byte(&b, text.p[i]);
		if (text.p[i] == ')' && depth > 0)
			depth--;
	}
	status = hk_buf_status(&b);
	if (status == HK_OK)
		status = hk_arena_dup(a, hk_buf_slice(&b), ret);
	hk_buf_done(&b);
	return status;
}

static enum hk_status take_received_spf(
    struct hk_arena *a, const struct hk_field *field, struct against_theirs *t)
{
	struct against_result r = {.method = AGAINST_SPF};
	bool had = has_method(t, AGAINST_SPF);
	struct hk_slice value, rest, pair;
	size_t n = 0;
	enum hk_status status = hk_unfold(a, field->value, &value);

	if (status == HK_OK)
		status = without_comments(a, value, &rest);
	if (status != HK_OK)
		return status;
	rest = hk_slice_trim(rest);
	while (n < rest.n && hk_is_alnum(rest.p[n]))
		n++;
	status = hk_arena_dup_lower(a, hk_slice_sub(rest, 0, n), &r.result);
	if (status != HK_OK || n == 0)
		return status;
	rest = hk_slice_from(rest, n);
	while (hk_tags_item(&rest, ';', &pair))
		take_pair(pair, &r, t);
	if (r.client.family == 0 && find_address(value, &r.client))
		t->client = r.client;
	r.domain = domain_of(r.is_helo ? t->helo : t->mail_from);
	if (!had && t->n < AGAINST_RESULTS_MAX)
		t->result[t->n++] = r;
	if (!t->style && has_word(value, "identity="))
		t->style = "policyd-spf";
	return HK_OK;
}

/* ---- the header ---------------------------------------------------------------------------------- */

static bool is_space(uint8_t c)
{
	return hk_is_wsp(c) || c == '\r' || c == '\n';
}

static bool is_from_outside(struct hk_slice value)
{
	value = hk_slice_trim(value);
	return hk_slice_starts_nocase(value, HK_S("from "));
}

/* The word behind "by". */
static struct hk_slice host_of(struct hk_slice value)
{
	size_t i, n = 0;

	for (i = 1; i + 3 < value.n; i++)
		if (hk_slice_starts_nocase(hk_slice_from(value, i), HK_S("by")) &&
		    is_space(value.p[i - 1]) && is_space(value.p[i + 2]))
			break;
	value = hk_slice_trim(hk_slice_from(value, i + 2));
	while (n < value.n && !is_space(value.p[n]) && value.p[n] != ';' && value.p[n] != '(')
		n++;
	return hk_slice_sub(value, 0, n);
}

/* It was written by one of these hosts, or by one below such a name. */
static bool is_by(struct hk_slice value, struct hk_slice ids)
{
	struct hk_slice host = host_of(value), item;

	while (hk_tags_item(&ids, ',', &item))
		if (item.n && hk_slice_ends_nocase(host, item) &&
		    (host.n == item.n || host.p[host.n - item.n - 1] == '.'))
			return true;
	return false;
}

/* Where theirs ends: at the Received field that stands under the one of their border. That is the last
 * one from the top that names them, or, where none does, the topmost. */
static size_t end_of_theirs(const struct hk_header *h, struct hk_slice ids)
{
	size_t i, border = h->n;

	for (i = 0; i < h->n; i++) {
		if (!hk_slice_eq_nocase(h->field[i].name, HK_S("Received")) ||
		    !is_from_outside(h->field[i].value))
			continue;
		if (border == h->n || (ids.n && is_by(h->field[i].value, ids)))
			border = i;
		else
			return i;
	}
	return h->n;
}

/* The name of the topmost field that can be read. */
static enum hk_status topmost_id(
    struct hk_arena *a, const struct hk_header *h, struct hk_slice *ret)
{
	const struct hk_slice name = HK_S("Authentication-Results");
	struct hk_authres_parsed f;
	size_t i;

	for (i = hk_header_find(h, name, 0); i < h->n; i = hk_header_find(h, name, i + 1)) {
		enum hk_status status = parse(a, h->field[i].value, &f);

		if (status == HK_OK) /* who writes no name is Microsoft */
			*ret = f.authserv_id.n ? f.authserv_id : HK_S("outlook.com");
		if (status != HK_SYNTAX)
			return status;
	}
	return HK_OK;
}

enum hk_status against_theirs_read(struct hk_arena *a, const struct hk_header *h, struct hk_slice ids,
    struct against_theirs *ret)
{
	struct hk_slice hosts = ids;
	enum hk_status status = HK_OK;
	size_t i, end;

	*ret = (struct against_theirs){.fields = 0};
	if (ids.n == 0)
		status = topmost_id(a, h, &hosts);
	end = end_of_theirs(h, hosts);
	for (i = 0; i < end && status == HK_OK; i++)
		if (hk_slice_eq_nocase(h->field[i].name, HK_S("Authentication-Results")))
			status = take_results(a, &h->field[i], ids, ret);
	for (i = 0; i < end && status == HK_OK; i++)
		if (hk_slice_eq_nocase(h->field[i].name, HK_S("Received-SPF")))
			status = take_received_spf(a, &h->field[i], ret);
	return status;
}
