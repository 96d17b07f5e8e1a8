/* SPDX-License-Identifier: MIT
 *
 * The text of a record into terms (RFC 7208 4.6.1, 5, 6, 12).
 */
#include <string.h>

#include "lib/base/base_internal.h"
#include "spf_internal.h"

/* What may stand behind a mechanism's name. */
enum argument { NOTHING, DOMAIN, MAY_DOMAIN, NETWORK4, NETWORK6 };

#define NAME(text) {(const uint8_t *)(text), sizeof(text) - 1}
static const struct {
	struct hk_slice name;
	enum hk_spf_mechanism mechanism;
	enum argument argument;
	bool dual_cidr;
} mechanisms[] = {
    {NAME("all"), HK_SPF_ALL, NOTHING, false},        /* 5.1 */
    {NAME("include"), HK_SPF_INCLUDE, DOMAIN, false}, /* 5.2 */
    {NAME("a"), HK_SPF_A, MAY_DOMAIN, true},          /* 5.3 */
    {NAME("mx"), HK_SPF_MX, MAY_DOMAIN, true},        /* 5.4 */
    {NAME("ptr"), HK_SPF_PTR, MAY_DOMAIN, false},     /* 5.5 */
    {NAME("ip4"), HK_SPF_IP4, NETWORK4, false},       /* 5.6 */
    {NAME("ip6"), HK_SPF_IP6, NETWORK6, false},       /* 5.6 */
    {NAME("exists"), HK_SPF_EXISTS, DOMAIN, false},   /* 5.7 */
};
#undef NAME

static enum hk_status fail(const char **ret_what, const char *what)
{
	*ret_what = what;
	return HK_SYNTAX;
}

/* Takes "/24" (one slash) or "//64" (two slashes) off the end of *s when it is there. false:
 * there, but wrong. */
static bool take_prefix_length(struct hk_slice *s, size_t slashes, unsigned most, unsigned *ret)
{
	size_t start = s->n;
	struct hk_slice digits;
	uint64_t value;

	while (start && hk_is_digit(s->p[start - 1]))
		start--;
	digits = hk_slice_from(*s, start);
	if (digits.n == 0 || start < slashes || s->p[start - 1] != '/' || s->p[start - slashes] != '/')
		return true;
	/* 5.3, 5.6: no leading zeros, as in addresses */
	if ((digits.n > 1 && digits.p[0] == '0') || hk_slice_u64(digits, most, &value) != HK_OK)
		return false;
	*ret = (unsigned)value;
	s->n = start - slashes;
	return true;
}

/* An address is an ip4 or an ip6 by how it is written; ::ffff:192.0.2.1 stays an IPv6 network,
 * which no client is in (5). */
static bool parse_network(struct hk_slice text, bool six, struct hk_ip *ret)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if ((hk_slice_find(text, ':') < text.n) != six || hk_ip_parse(text, ret) != HK_OK)
		return false;
	if (six && ret->family == 4) {
		memmove(ret->bytes + 12, ret->bytes, 4);
		memcpy(ret->bytes, mapped, sizeof mapped);
		ret->family = 6;
	}
	return true;
}

static enum hk_status read_network(
    struct hk_slice *rest, bool six, struct hk_spf_term *term, const char **ret_what)
{
	if (!take_prefix_length(rest, 1, six ? 128 : 32, &term->bits[six]))
		return fail(ret_what, "the prefix length is not valid");
	if (rest->n < 2 || rest->p[0] != ':')
		return fail(ret_what, "an address is missing");
	if (!parse_network(hk_slice_from(*rest, 1), six, &term->net))
		return fail(ret_what, "the address is not valid");
	return HK_OK;
}

static enum hk_status read_domain(
    struct hk_slice rest, bool needed, struct hk_spf_term *term, const char **ret_what)
{
	if (rest.n == 0)
		return needed ? fail(ret_what, "a domain is missing") : HK_OK;
	term->domain = hk_slice_from(rest, 1);
	if (rest.p[0] != ':' || !hk_spf_domain_spec_is_valid(term->domain))
		return fail(ret_what, "the domain is not valid");
	return HK_OK;
}

/* *rest is what stands behind the name, and is used up. */
static enum hk_status read_argument(
    size_t row, struct hk_slice *rest, struct hk_spf_term *term, const char **ret_what)
{
	term->bits[0] = 32;
	term->bits[1] = 128;
	if (mechanisms[row].dual_cidr &&
	    (!take_prefix_length(rest, 2, 128, &term->bits[1]) ||
	        !take_prefix_length(rest, 1, 32, &term->bits[0])))
		return fail(ret_what, "the prefix length is not valid");
	switch (mechanisms[row].argument) {
	case NETWORK4:
	case NETWORK6:
		return read_network(rest, mechanisms[row].argument == NETWORK6, term, ret_what);
	case DOMAIN:
	case MAY_DOMAIN:
		return read_domain(*rest, mechanisms[row].argument == DOMAIN, term, ret_what);
	case NOTHING:
		break;
	}
	return rest->n ? fail(ret_what, "nothing may follow this mechanism") : HK_OK;
}

static enum hk_status read_directive(
    struct hk_slice text, struct hk_spf_term *term, const char **ret_what)
{
	static const enum hk_spf_result results[] = {
	    HK_SPF_PASS, HK_SPF_FAIL, HK_SPF_NEUTRAL, HK_SPF_SOFTFAIL};
	static const char qualifiers[] = "+-?~";
	size_t end, row, q = hk_slice_find(hk_slice_of(qualifiers, 4), text.p[0]);
	struct hk_slice name;

	term->kind = HK_SPF_DIRECTIVE;
	term->result = q < 4 ? results[q] : HK_SPF_PASS;
	text = hk_slice_from(text, q < 4);
	for (end = 0; end < text.n && text.p[end] != ':' && text.p[end] != '/';)
		end++;
	name = hk_slice_sub(text, 0, end);
	text = hk_slice_from(text, end);
	for (row = 0; row < sizeof mechanisms / sizeof mechanisms[0]; row++) {
		if (name.n != mechanisms[row].name.n || hk_to_lower(name.p[0]) != mechanisms[row].name.p[0] ||
		    !hk_slice_eq_nocase(name, mechanisms[row].name))
			continue;
		term->mechanism = mechanisms[row].mechanism;
		return read_argument(row, &text, term, ret_what);
	}
	return fail(ret_what, "no such mechanism");
}

/* Length of the name when the term is "name=...", else 0 (12: name = ALPHA *( ALPHA / DIGIT / "-" /
 * "_" / "." )). */
static size_t modifier_name(struct hk_slice text)
{
	size_t n = 0;

	if (!hk_is_alpha(text.p[0]))
		return 0;
	while (n < text.n &&
	       (hk_is_alnum(text.p[n]) || text.p[n] == '-' || text.p[n] == '_' || text.p[n] == '.'))
		n++;
	return n < text.n && text.p[n] == '=' ? n : 0;
}

static enum hk_spf_kind modifier_kind(struct hk_slice name)
{
	if (hk_slice_eq_nocase(name, HK_S("redirect")))
		return HK_SPF_REDIRECT;
	return hk_slice_eq_nocase(name, HK_S("exp")) ? HK_SPF_EXP : HK_SPF_UNKNOWN;
}

static enum hk_status read_modifier(
    struct hk_slice name, struct hk_slice value, struct hk_spf_term *term, const char **ret_what)
{
	term->kind = modifier_kind(name);
	term->domain = value;
	if (term->kind != HK_SPF_UNKNOWN)
		return hk_spf_domain_spec_is_valid(value)
		           ? HK_OK
		           : fail(ret_what, "the domain is not valid");
	/* 6: ignored, but it must be a macro-string; any letter will do */
	if (!hk_spf_macro_is_valid(value, HK_SPF_IN_EXPLANATION, NULL))
		return fail(ret_what, "the modifier's value is not a macro-string");
	return HK_OK;
}

bool hk_spf_is_record(struct hk_slice text)
{
	return hk_slice_starts_nocase(text, HK_S("v=spf1")) && (text.n == 6 || text.p[6] == ' ');
}

enum hk_status hk_spf_take_term(
    struct hk_slice *rest, struct hk_spf_term *ret, const char **ret_what)
{
	struct hk_slice s = *rest, text;
	size_t start = 0, name;

	while (start < s.n && s.p[start] == ' ')
		start++;
	if (start == s.n)
		return HK_END;
	s = hk_slice_from(s, start);
	text = hk_slice_sub(s, 0, hk_slice_find(s, ' '));
	*rest = hk_slice_from(s, text.n);
	*ret = (struct hk_spf_term){.text = text};
	if (hk_slice_graph_run(text) < text.n)
		return fail(ret_what, "a byte that is not visible ASCII");
	name = modifier_name(text);
	return name ? read_modifier(hk_slice_sub(text, 0, name), hk_slice_from(text, name + 1), ret, ret_what)
	            : read_directive(text, ret, ret_what);
}

/* Where a term is read to: its place when it is kept, for directives are from the start as long as there is room. */
static struct hk_spf_term *place_of(struct hk_spf_kept *kept, struct hk_spf_term *own)
{
	return kept && kept->n < HK_SPF_KEPT_MAX ? &kept->term[kept->n] : own;
}

enum hk_status hk_spf_read_record(struct hk_slice text, struct hk_spf_record *ret,
    struct hk_spf_kept *ret_kept, struct hk_slice *ret_bad, const char **ret_what)
{
	struct hk_spf_record record = {.terms = hk_slice_from(text, 6)};
	struct hk_slice rest = record.terms;
	struct hk_spf_term own, *term;
	enum hk_status status;

	if (ret_kept) {
		ret_kept->n = 0;
		ret_kept->rest = rest;
	}
	term = place_of(ret_kept, &own);
	if (text.n > HK_SPF_RECORD_MAX) {
		*ret_bad = hk_slice_sub(text, 0, 6);
		return fail(ret_what, "the record is too long");
	}
	while ((status = hk_spf_take_term(&rest, term, ret_what)) == HK_OK) {
		struct hk_slice *once =
		    term->kind == HK_SPF_REDIRECT ? &record.redirect : &record.exp;

		if (term->kind == HK_SPF_DIRECTIVE && term != &own) {
			ret_kept->n++;
			ret_kept->rest = rest;
			term = place_of(ret_kept, &own);
			continue;
		}
		if (term->kind != HK_SPF_REDIRECT && term->kind != HK_SPF_EXP)
			continue;
		if (once->n) { /* 6 */
			status = fail(ret_what, "a second modifier of this name");
			break;
		}
		*once = term->domain;
		if (term->kind == HK_SPF_REDIRECT)
			record.redirect_term = term->text;
	}
	if (status != HK_END) {
		*ret_bad = term->text;
		return status;
	}
	*ret = record;
	return HK_OK;
}
