/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <hikyaku/dmarc.h>

#include "lib/base/base_internal.h"

static const struct {
	const char *text;
	enum hk_dmarc_policy policy;
} policies[] = {
    {"none", HK_DMARC_P_NONE},
    {"quarantine", HK_DMARC_P_QUARANTINE},
    {"reject", HK_DMARC_P_REJECT},
};

const char *hk_dmarc_policy_name(enum hk_dmarc_policy policy)
{
	return (size_t)policy < sizeof policies / sizeof policies[0] ? policies[policy].text : "?";
}

const char *hk_dmarc_result_name(enum hk_dmarc_result result)
{
	static const char *const names[] = {
#define X(id, text) text,
	    HK_DMARC_RESULT_TABLE(X)
#undef X
	};

	return (size_t)result < sizeof names / sizeof names[0] ? names[result] : "?";
}

const char *hk_dmarc_profile_name(enum hk_dmarc_profile profile)
{
	return profile == HK_DMARC_RFC7489 ? "rfc7489" : "rfc9989";
}

const char *hk_dmarc_override_name(enum hk_dmarc_override override)
{
	static const char *const names[] = {
#define X(id, text) text,
	    HK_DMARC_OVERRIDE_TABLE(X)
#undef X
	};

	return (size_t)override < sizeof names / sizeof names[0] ? names[override] : "?";
}

enum hk_dmarc_policy hk_dmarc_lower(enum hk_dmarc_policy policy, bool testing)
{
	/* RFC 9989 4.7, "t": one level below what is published; none stays none. */
	return testing && policy != HK_DMARC_P_NONE ? policy - 1 : policy;
}

static struct hk_slice skip_wsp(struct hk_slice s)
{
	while (s.n && hk_is_wsp(s.p[0]))
		s = hk_slice_from(s, 1);
	return s;
}

/* dmarc-version = "v" *WSP "=" *WSP %s"DMARC1", then the end or a separator (RFC 9989 4.8).
 * The record begins with it: a blank before it makes it no DMARC record. */
static bool has_version(struct hk_slice s)
{
	if (s.n == 0 || hk_to_lower(s.p[0]) != 'v')
		return false;
	s = skip_wsp(hk_slice_from(s, 1));
	if (s.n == 0 || s.p[0] != '=')
		return false;
	s = skip_wsp(hk_slice_from(s, 1));
	if (!hk_slice_eq(hk_slice_sub(s, 0, 6), HK_S("DMARC1")))
		return false;
	s = skip_wsp(hk_slice_from(s, 6));
	return s.n == 0 || s.p[0] == ';';
}

static bool is_uri_byte(uint8_t c)
{
	/* RFC 3986 2.2, 2.3; without "," and "!", which have to be encoded here (RFC 9989 4.8) */
	return hk_is_alnum(c) || (c > 0x20 && c < 0x7f && strchr("-._~:/?#[]@$&'()*+;=%", c));
}

static struct hk_slice without_size(struct hk_slice uri)
{
	size_t bang = hk_slice_rfind(uri, '!'), i;

	/* obs-dmarc-report-size = "!" 1*DIGIT [ "k" / "m" / "g" / "t" ]: read over it (RFC
	 * 9989 4.8) */
	if (bang == uri.n)
		return uri;
	for (i = bang + 1; i < uri.n && hk_is_digit(uri.p[i]); i++)
		;
	if (i == bang + 1)
		return uri;
	if (i < uri.n && strchr("kmgt", hk_to_lower(uri.p[i])))
		i++;
	return i == uri.n ? hk_slice_sub(uri, 0, bang) : uri;
}

static bool is_uri(struct hk_slice uri)
{
	struct hk_slice scheme, rest;
	size_t i, at;

	uri = without_size(uri);
	scheme = hk_slice_sub(uri, 0, hk_slice_find(uri, ':'));
	if (scheme.n == uri.n || scheme.n == 0 || !hk_is_alpha(scheme.p[0]))
		return false;
	for (i = 0; i < scheme.n; i++)
		if (!hk_is_alnum(scheme.p[i]) && scheme.p[i] != '+' && scheme.p[i] != '-' &&
		    scheme.p[i] != '.')
			return false;
	rest = hk_slice_from(uri, scheme.n + 1);
	for (i = 0; i < rest.n; i++) {
		if (!is_uri_byte(rest.p[i]))
			return false;
		/* pct-encoded = "%" HEXDIG HEXDIG (RFC 3986 2.1) */
		if (rest.p[i] == '%' && (rest.n - i < 3 || !hk_is_xdigit(rest.p[i + 1]) ||
		                            !hk_is_xdigit(rest.p[i + 2])))
			return false;
	}
	if (!hk_slice_eq_nocase(scheme, HK_S("mailto")))
		return rest.n > 0;
	at = hk_slice_rfind(rest, '@'); /* RFC 6068 2: an address, or nobody can be written to */
	return at > 0 && at + 1 < rest.n;
}

static bool has_uri(struct hk_slice list)
{
	struct hk_slice uri;

	while (hk_tags_item(&list, ',', &uri))
		if (is_uri(uri))
			return true;
	return false;
}

static void read_policy(const struct hk_tags *tags, const char *name, enum hk_dmarc_policy *policy,
    bool *has, bool *bad)
{
	struct hk_slice value;
	size_t i;

	if (!hk_tags_get_nocase(tags, name, &value) || value.n == 0)
		return; /* an empty value breaks the grammar, so the tag is as if it were not there
		         */
	for (i = 0; i < sizeof policies / sizeof policies[0]; i++) {
		if (hk_slice_eq_nocase(value, hk_slice_str(policies[i].text))) {
			*policy = policies[i].policy;
			*has = true;
			return;
		}
	}
	*bad = true;
}

/* A one-letter tag: the letter when it is one of those allowed, else the default (RFC 9989 4.8). */
static char read_letter(
    const struct hk_tags *tags, const char *name, const char *allowed, char fallback)
{
	struct hk_slice value;
	char letter;

	if (!hk_tags_get_nocase(tags, name, &value) || value.n != 1)
		return fallback;
	letter = (char)hk_to_lower(value.p[0]);
	return letter && strchr(allowed, letter) ? letter : fallback;
}

/* pct = 1*DIGIT, 0 to 100 (RFC 7489 6.3); what is none of these falls back to the default. */
static unsigned read_percent(const struct hk_tags *tags)
{
	struct hk_slice value;
	uint64_t n;

	if (!hk_tags_get_nocase(tags, "pct", &value) || hk_slice_u64(value, 100, &n) != HK_OK)
		return 100;
	return (unsigned)n;
}

enum hk_status hk_dmarc_record_parse(struct hk_slice text, struct hk_dmarc_record *ret)
{
	struct hk_dmarc_record r = {.size = sizeof r, .text = text};
	struct hk_tags tags;

	if (!has_version(text))
		return HK_SYNTAX;
	/* Broken tags are dropped, the record stands (RFC 9989 4.8). Deliberate: a name twice
	 * counts as such a fault as well, and the first one is kept; RFC 6376 3.2 would drop the
	 * whole record, which would switch a policy off. Deliberate: over HK_TAGS_MAX tags is no
	 * record. */
	if (hk_tags_parse(text, HK_TAGS_NOCASE | HK_TAGS_DUPLICATES | HK_TAGS_SKIP_BAD, &tags) !=
	    HK_OK)
		return HK_SYNTAX;
	read_policy(&tags, "p", &r.p, &r.has_p, &r.bad_p);
	read_policy(&tags, "sp", &r.sp, &r.has_sp, &r.bad_sp);
	read_policy(&tags, "np", &r.np, &r.has_np, &r.bad_np);
	r.strict_dkim = read_letter(&tags, "adkim", "rs", 'r') == 's';
	r.strict_spf = read_letter(&tags, "aspf", "rs", 'r') == 's';
	r.psd = read_letter(&tags, "psd", "ynu", 'u');
	r.testing = read_letter(&tags, "t", "yn", 'n') == 'y';
	r.pct = read_percent(&tags);
	if (hk_tags_get_nocase(&tags, "rua", &r.rua))
		r.has_rua = has_uri(r.rua);
	if (hk_tags_get_nocase(&tags, "ruf", &r.ruf) && r.ruf.n)
		(void)hk_tags_get_nocase(&tags, "fo", &r.fo); /* without ruf, fo is ignored (4.7) */
	return hk_sized_give(ret, sizeof r, &r);
}
