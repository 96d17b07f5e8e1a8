/* SPDX-License-Identifier: MIT
 *
 * Macros (RFC 7208 7). All work is linear in the text and in the values: a record may repeat a long
 * value a thousand times.
 */
#include "lib/base/base_internal.h"
#include "spf_internal.h"

enum {
	/* Only the right end of a name survives (7.3), so the left is dropped while it is being
	   made. */
	NAME_KEPT = 4096,
	NAME_DROPPED_AT = 8192,
	EXPANSION_MAX = 4 * HK_SPF_EXPANDED_MAX, /* an escaped octet is three */
	PARTS_MAX = 1 << 16, /* for the digits; RFC 7208 7.3 asks for 127 at least */
};

/* A stretch of literal bytes, or one macro. */
struct piece {
	struct hk_slice literal;
	bool is_expand; /* macro-expand of the grammar: "%{...}", but also "%%", "%_", "%-" */
	uint8_t letter; /* as written; 0 when literal is to be put */
	size_t digits;  /* 0: none */
	bool reverse;
	struct hk_slice delimiters;
};

static bool is_delimiter(uint8_t c)
{
	return hk_slice_find(HK_S(".-+,/_="), c) < 7;
}

static bool contains(struct hk_slice set, uint8_t c)
{
	return hk_slice_find(set, c) < set.n;
}

static size_t span_digits(struct hk_slice s)
{
	size_t n = 0;

	while (n < s.n && hk_is_digit(s.p[n]))
		n++;
	return n;
}

/* What stands between the braces: letter, digits, "r", delimiters (7.1). */
static bool read_braces(struct hk_slice s, struct piece *ret)
{
	uint64_t digits = 0;
	size_t n, i;

	if (s.n == 0 || !hk_is_alpha(s.p[0]))
		return false;
	ret->letter = s.p[0];
	s = hk_slice_from(s, 1);
	n = span_digits(s);
	if (n) {
		/* 7.1: nonzero. A number that is beyond all parts means all of them. */
		if (hk_slice_u64(hk_slice_sub(s, 0, n), PARTS_MAX, &digits) != HK_OK)
			digits = PARTS_MAX;
		if (digits == 0)
			return false;
	}
	ret->digits = (size_t)digits;
	s = hk_slice_from(s, n);
	ret->reverse = s.n && hk_to_lower(s.p[0]) == 'r';
	s = hk_slice_from(s, ret->reverse);
	for (i = 0; i < s.n; i++)
		if (!is_delimiter(s.p[i]))
			return false;
	ret->delimiters = s.n ? s : HK_S(".");
	return true;
}

/* Takes one piece off *rest, which is not empty; false: not a macro-string. */
static bool take_piece(struct hk_slice *rest, struct piece *ret)
{
	struct hk_slice s = *rest;
	size_t end = hk_slice_find(s, '%');

	*ret = (struct piece){0};
	if (end) {
		ret->literal = hk_slice_sub(s, 0, end);
		*rest = hk_slice_from(s, end);
		return true;
	}
	if (s.n < 2)
		return false;
	ret->is_expand = true;
	*rest = hk_slice_from(s, 2);
	switch (s.p[1]) {
	case '%':
		ret->literal = HK_S("%");
		return true;
	case '_':
		ret->literal = HK_S(" ");
		return true;
	case '-':
		ret->literal = HK_S("%20");
		return true;
	case '{':
		end = hk_slice_find(*rest, '}');
		if (end == rest->n || !read_braces(hk_slice_sub(*rest, 0, end), ret))
			return false;
		*rest = hk_slice_from(*rest, end + 1);
		return true;
	default:
		return false;
	}
}

static bool is_visible(struct hk_slice s, bool spaces)
{
	size_t n = hk_slice_graph_run(s);

	while (spaces && n < s.n && s.p[n] == ' ') {
		n++;
		n += hk_slice_graph_run(hk_slice_from(s, n));
	}
	return n == s.n;
}

bool hk_spf_macro_is_valid(struct hk_slice text, enum hk_spf_where where, bool *ret_has_p)
{
	struct hk_slice letters =
	    where == HK_SPF_IN_EXPLANATION ? HK_S("slodiphvcrt") : HK_S("slodiphv");
	bool has_p = false;
	struct piece piece;

	if (!is_visible(text, where == HK_SPF_IN_EXPLANATION))
		return false;
	while (text.n) {
		if (!take_piece(&text, &piece))
			return false;
		if (piece.letter && !contains(letters, hk_to_lower(piece.letter)))
			return false;
		has_p = has_p || hk_to_lower(piece.letter) == 'p';
	}
	if (ret_has_p)
		*ret_has_p = has_p;
	return true;
}

/* 7.1 toplabel: letters, digits and inner hyphens, and not digits alone. */
static bool is_toplabel(struct hk_slice label)
{
	size_t i;

	if (label.n == 0 || label.p[0] == '-' || label.p[label.n - 1] == '-' ||
	    span_digits(label) == label.n)
		return false;
	for (i = 0; i < label.n; i++)
		if (!hk_is_alnum(label.p[i]) && label.p[i] != '-')
			return false;
	return true;
}

bool hk_spf_domain_spec_is_valid(struct hk_slice spec)
{
	struct hk_slice tail = spec; /* the literal bytes behind the last macro */
	struct hk_slice rest = spec;
	struct piece piece;
	size_t dot;

	if (spec.n == 0)
		return false;
	if (hk_slice_find(spec, '%') == spec.n) {
		if (!is_visible(spec, false))
			return false;
	} else {
		if (!hk_spf_macro_is_valid(spec, HK_SPF_IN_TERM, NULL))
			return false;
		while (rest.n && take_piece(&rest, &piece))
			if (piece.is_expand)
				tail = rest;
		if (tail.n == 0)
			return true;
	}
	if (tail.p[tail.n - 1] == '.')
		tail.n--;
	dot = hk_slice_rfind(tail, '.');
	return dot < tail.n && is_toplabel(hk_slice_from(tail, dot + 1));
}

/* ---- expansion -------------------------------------------------------------------- */

/* 7.3: an upper-case letter asks for URL escaping; RFC 3986 2.3 says what needs none. */
static void put(struct hk_buf *out, uint8_t c, bool escape)
{
	static const char hex[] = "0123456789ABCDEF";

	if (escape && !hk_is_alnum(c) && !contains(HK_S("-._~"), c))
		hk_buf_add(out,
		    hk_slice_of(
		        (const uint8_t[]){'%', (uint8_t)hex[c >> 4], (uint8_t)hex[c & 15]}, 3));
	else
		hk_buf_add_byte(out, c);
}

static size_t count_parts(struct hk_slice value, struct hk_slice delimiters)
{
	size_t n = 1, i;

	for (i = 0; i < value.n; i++)
		n += contains(delimiters, value.p[i]);
	return n;
}

/* Index behind the n-th delimiter, or value.n + 1 when there are fewer. */
static size_t behind(struct hk_slice value, struct hk_slice delimiters, size_t n)
{
	size_t i;

	for (i = 0; i < value.n && n; i++)
		n -= contains(delimiters, value.p[i]);
	return n ? value.n + 1 : i;
}

/* The right-hand parts, joined by dots. */
static void put_forward(
    struct hk_buf *out, struct hk_slice value, const struct piece *piece, bool escape)
{
	size_t parts = count_parts(value, piece->delimiters), i;

	if (piece->digits && piece->digits < parts)
		value =
		    hk_slice_from(value, behind(value, piece->delimiters, parts - piece->digits));
	for (i = 0; i < value.n; i++)
		put(out, contains(piece->delimiters, value.p[i]) ? '.' : value.p[i], escape);
}

/* Reversed, the right-hand parts are the left-hand ones of the value. */
static void put_reversed(
    struct hk_buf *out, struct hk_slice value, const struct piece *piece, bool escape)
{
	size_t end, start, i;

	if (piece->digits)
		value = hk_slice_sub(value, 0, behind(value, piece->delimiters, piece->digits) - 1);
	for (end = value.n;; end = start - 1) {
		for (start = end; start && !contains(piece->delimiters, value.p[start - 1]);)
			start--;
		for (i = start; i < end; i++)
			put(out, value.p[i], escape);
		if (start == 0)
			return;
		hk_buf_add_byte(out, '.');
	}
}

static void put_piece(
    struct hk_buf *out, const struct hk_spf_macros *macros, const struct piece *piece)
{
	bool escape = piece->letter >= 'A' && piece->letter <= 'Z';
	struct hk_slice value;

	if (!piece->letter) {
		hk_buf_add(out, piece->literal);
		return;
	}
	value = macros->value[hk_to_lower(piece->letter) - 'a'];
	if (piece->reverse)
		put_reversed(out, value, piece, escape);
	else
		put_forward(out, value, piece, escape);
}

size_t hk_spf_expand_cost(const struct hk_spf_macros *macros, struct hk_slice spec)
{
	struct piece piece;
	size_t n = 0;

	while (spec.n && take_piece(&spec, &piece))
		if (piece.letter)
			n += macros->value[hk_to_lower(piece.letter) - 'a'].n;
	return n;
}

bool hk_spf_has_foreign_local(const struct hk_spf_macros *macros, struct hk_slice spec)
{
	struct piece piece;

	if (hk_slice_is_ascii(macros->value['l' - 'a']))
		return false;
	while (spec.n && take_piece(&spec, &piece))
		if (piece.letter && contains(HK_S("sl"), hk_to_lower(piece.letter)))
			return true;
	return false;
}

/* 7.3: labels go from the left until 253 octets are left; one final dot means nothing. */
static struct hk_slice cut_name(struct hk_slice name)
{
	if (name.n && name.p[name.n - 1] == '.')
		name.n--;
	while (name.n > HK_DNS_NAME_MAX)
		name = hk_slice_from(name, hk_slice_find(name, '.') + 1);
	return name;
}

/* In names as dns.h writes them a backslash begins an escape; here it is a byte like others. */
static enum hk_status finish_name(struct hk_arena *a, struct hk_slice raw, struct hk_slice *ret)
{
	uint8_t text[2 * HK_DNS_NAME_MAX];
	enum hk_status status;
	size_t n = 0, i;

	if (raw.n == 0)
		return HK_NOTFOUND;
	if (hk_slice_find(raw, '\\') < raw.n) {
		for (i = 0; i < raw.n; i++) {
			if (raw.p[i] == '\\')
				text[n++] = '\\';
			text[n++] = raw.p[i];
		}
		raw = hk_slice_of(text, n);
	}
	status = hk_dns_name_normalise(a, raw, ret);
	return status == HK_SYNTAX ? HK_NOTFOUND : status;
}

enum hk_status hk_spf_expand_name(struct hk_arena *a, const struct hk_spf_macros *macros,
    struct hk_slice spec, struct hk_slice *ret)
{
	struct hk_buf out;
	struct piece piece;
	enum hk_status status;

	if (hk_spf_has_foreign_local(macros, spec))
		return HK_NOTFOUND;
	if (hk_slice_find(spec, '%') == spec.n)
		return finish_name(a, cut_name(spec), ret);
	hk_buf_init(&out, EXPANSION_MAX);
	while (spec.n && take_piece(&spec, &piece)) {
		put_piece(&out, macros, &piece);
		if (out.n > NAME_DROPPED_AT)
			hk_buf_drop(&out, out.n - NAME_KEPT);
	}
	status = hk_buf_status(&out);
	if (status == HK_OK)
		status = finish_name(a, cut_name(hk_buf_slice(&out)), ret);
	hk_buf_done(&out);
	return status;
}

enum hk_status hk_spf_expand_text(struct hk_arena *a, const struct hk_spf_macros *macros,
    struct hk_slice text, struct hk_slice *ret)
{
	struct hk_buf out;
	struct piece piece;
	enum hk_status status;
	size_t i;

	hk_buf_init(&out, EXPANSION_MAX);
	while (text.n && out.n <= HK_SPF_EXPLANATION_MAX && take_piece(&text, &piece))
		put_piece(&out, macros, &piece);
	/* 6.2, 11.5: the text goes into a reply, but its macros may hold whatever the client said. */
	for (i = 0; i < out.n; i++)
		if (out.p[i] != ' ' && !hk_is_graph(out.p[i]))
			out.p[i] = '?';
	status = hk_buf_status(&out);
	if (status == HK_OK)
		status = hk_arena_dup(
		    a, hk_slice_sub(hk_buf_slice(&out), 0, HK_SPF_EXPLANATION_MAX), ret);
	hk_buf_done(&out);
	return status;
}
