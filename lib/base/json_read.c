/* SPDX-License-Identifier: MIT
 *
 * RFC 8259, nothing more: no comments, no trailing commas, no byte order mark, no lone surrogates, UTF-8 only.
 */
#include <hikyaku/json.h>

#include "lib/base/base_internal.h"

/* What may come next. */
enum expect {
	VALUE,
	FIRST_ELEMENT, /* a value or "]" */
	FIRST_KEY,     /* a name or "}" */
	KEY,
	AFTER_VALUE, /* "," or the bracket that closes */
	NOTHING,     /* the document is complete */
};

struct hk_json_reader {
	struct hk_arena *arena;
	struct hk_slice rest;
	uint64_t objects; /* bit n: the n-th open bracket is an object's */
	uint8_t depth;
	uint8_t expect;
	enum hk_status failed;
};

struct hk_json_reader *hk_json_reader_new(struct hk_arena *a, struct hk_slice doc)
{
	struct hk_json_reader *r = hk_arena_alloc(a, sizeof *r);

	if (r)
		*r = (struct hk_json_reader){.arena = a, .rest = doc, .expect = VALUE};
	return r;
}

static uint8_t peek(const struct hk_json_reader *r)
{
	return r->rest.n ? r->rest.p[0] : 0;
}

static void advance(struct hk_json_reader *r, size_t n)
{
	r->rest = hk_slice_from(r->rest, n);
}

static void skip_space(struct hk_json_reader *r)
{
	while (hk_is_wsp(peek(r)) || peek(r) == '\r' || peek(r) == '\n')
		advance(r, 1);
}

/* ---- strings ------------------------------------------------------------------- */

/* The length of a string up to its closing quote, from behind the opening one; false when it never closes or holds
 * what no string may. The four digits after \u are looked at later. */
static bool find_quote(struct hk_slice s, size_t *ret, bool *ret_escapes)
{
	size_t i = 0, n;

	*ret_escapes = false;
	while (i < s.n && s.p[i] != '"') {
		if (s.p[i] < 0x20)
			return false;
		if (s.p[i] == '\\') {
			*ret_escapes = true;
			i++;
		}
		n = hk_utf8_length(hk_slice_from(s, i));
		if (n == 0)
			return false;
		i += n;
	}
	*ret = i;
	return i < s.n;
}

static bool read_hex4(struct hk_slice s, uint32_t *ret)
{
	uint32_t value = 0;
	size_t i;

	if (s.n < 4)
		return false;
	for (i = 0; i < 4; i++) {
		if (!hk_is_xdigit(s.p[i]))
			return false;
		value = value << 4 | (uint32_t)(hk_is_digit(s.p[i]) ? s.p[i] - '0' : hk_to_lower(s.p[i]) - 'a' + 10);
	}
	*ret = value;
	return true;
}

/* The character that \u stands for, a surrogate pair taken as one; returns how many octets of s it took, 0 for none. */
static size_t read_unicode(struct hk_slice s, uint32_t *ret)
{
	uint32_t high, low;

	if (!read_hex4(hk_slice_from(s, 2), &high))
		return 0;
	if (high < 0xd800 || high > 0xdfff) {
		*ret = high;
		return 6;
	}
	if (high > 0xdbff || s.n < 12 || s.p[6] != '\\' || s.p[7] != 'u' || !read_hex4(hk_slice_from(s, 8), &low) ||
	    low < 0xdc00 || low > 0xdfff)
		return 0;
	*ret = 0x10000 + ((high - 0xd800) << 10 | (low - 0xdc00));
	return 12;
}

static size_t put_utf8(uint8_t *out, uint32_t c)
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4, i;
	static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (i = n - 1; i > 0; i--, c >>= 6)
		out[i] = (uint8_t)(0x80 | (c & 0x3f));
	out[0] = (uint8_t)(lead[n] | c);
	return n;
}

/* One escape at the start of s: writes what it means, returns how many octets it took, 0 when it is none. */
static size_t unescape(struct hk_slice s, uint8_t *out, size_t *ret_written)
{
	static const struct hk_slice letters = {(const uint8_t *)"\"\\/bfnrt", 8};
	static const char meaning[] = "\"\\/\b\f\n\r\t";
	uint32_t c;
	size_t i, n;

	if (s.n < 2)
		return 0;
	if (s.p[1] == 'u') {
		n = read_unicode(s, &c);
		if (n)
			*ret_written = put_utf8(out, c);
		return n;
	}
	i = hk_slice_find(letters, s.p[1]);
	if (i == letters.n)
		return 0;
	out[0] = (uint8_t)meaning[i];
	*ret_written = 1;
	return 2;
}

static enum hk_status read_string(struct hk_json_reader *r, struct hk_slice *ret)
{
	struct hk_slice s = hk_slice_from(r->rest, 1);
	bool escapes;
	size_t n = 0, length, written = 0, taken;
	uint8_t *out;

	if (peek(r) != '"' || !find_quote(s, &length, &escapes))
		return HK_SYNTAX;
	advance(r, length + 2);
	s.n = length;
	*ret = s;
	if (!escapes)
		return HK_OK;
	/* every escape is longer than what it means */
	out = hk_arena_alloc(r->arena, length);
	if (!out)
		return r->arena->failed;
	while (s.n) {
		taken = 1;
		written = 1;
		if (s.p[0] == '\\')
			taken = unescape(s, out + n, &written);
		else
			out[n] = s.p[0];
		if (taken == 0)
			return HK_SYNTAX;
		n += written;
		s = hk_slice_from(s, taken);
	}
	*ret = hk_slice_of(out, n);
	return HK_OK;
}

/* ---- numbers and words ------------------------------------------------------------ */

static size_t count_digits(struct hk_slice s, size_t from)
{
	size_t i = from;

	while (i < s.n && hk_is_digit(s.p[i]))
		i++;
	return i - from;
}

/* The length of the number at the start of s, or 0 (RFC 8259 6). */
static size_t number_length(struct hk_slice s)
{
	size_t i = s.n && s.p[0] == '-', n = count_digits(s, i);

	if (n == 0 || (n > 1 && s.p[i] == '0'))
		return 0;
	i += n;
	if (i < s.n && s.p[i] == '.') {
		n = count_digits(s, i + 1);
		if (n == 0)
			return 0;
		i += 1 + n;
	}
	if (i < s.n && hk_to_lower(s.p[i]) == 'e') {
		i++;
		if (i < s.n && (s.p[i] == '+' || s.p[i] == '-'))
			i++;
		n = count_digits(s, i);
		if (n == 0)
			return 0;
		i += n;
	}
	return i;
}

static const struct {
	struct hk_slice text;
	enum hk_json_token token;
} words[] = {
    {{(const uint8_t *)"true", 4}, HK_JSON_TRUE},
    {{(const uint8_t *)"false", 5}, HK_JSON_FALSE},
    {{(const uint8_t *)"null", 4}, HK_JSON_NULL},
};

static enum hk_status read_word(struct hk_json_reader *r, enum hk_json_token *token)
{
	size_t i;

	for (i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (hk_slice_eq(hk_slice_sub(r->rest, 0, words[i].text.n), words[i].text)) {
			advance(r, words[i].text.n);
			*token = words[i].token;
			return HK_OK;
		}
	}
	return HK_SYNTAX;
}

/* ---- structure ----------------------------------------------------------------------- */

static void after_value(struct hk_json_reader *r)
{
	r->expect = r->depth ? AFTER_VALUE : NOTHING;
}

static enum hk_status open_bracket(struct hk_json_reader *r, enum hk_json_token *token)
{
	bool is_object = peek(r) == '{';

	if (r->depth >= HK_JSON_MAX_DEPTH)
		return HK_LIMIT;
	r->depth++;
	r->objects &= ~(UINT64_C(1) << r->depth);
	r->objects |= (uint64_t)is_object << r->depth;
	r->expect = is_object ? FIRST_KEY : FIRST_ELEMENT;
	*token = is_object ? HK_JSON_OBJECT : HK_JSON_ARRAY;
	advance(r, 1);
	return HK_OK;
}

static bool in_object(const struct hk_json_reader *r)
{
	return r->objects >> r->depth & 1;
}

static bool at_closing(const struct hk_json_reader *r)
{
	return r->depth && peek(r) == (in_object(r) ? '}' : ']');
}

static enum hk_status close_bracket(struct hk_json_reader *r, enum hk_json_token *token)
{
	*token = in_object(r) ? HK_JSON_OBJECT_END : HK_JSON_ARRAY_END;
	r->depth--;
	advance(r, 1);
	after_value(r);
	return HK_OK;
}

static enum hk_status read_value(struct hk_json_reader *r, enum hk_json_token *token, struct hk_slice *text)
{
	enum hk_status status;
	size_t n;

	if (peek(r) == '{' || peek(r) == '[')
		return open_bracket(r, token);
	if (peek(r) == '"') {
		status = read_string(r, text);
		*token = HK_JSON_STRING;
	} else if (peek(r) == '-' || hk_is_digit(peek(r))) {
		n = number_length(r->rest);
		status = n ? HK_OK : HK_SYNTAX;
		*text = hk_slice_sub(r->rest, 0, n);
		*token = HK_JSON_NUMBER;
		advance(r, n);
	} else {
		status = read_word(r, token);
	}
	after_value(r);
	return status;
}

static enum hk_status read_key(struct hk_json_reader *r, enum hk_json_token *token, struct hk_slice *text)
{
	enum hk_status status = read_string(r, text);

	if (status != HK_OK)
		return status;
	skip_space(r);
	if (peek(r) != ':')
		return HK_SYNTAX;
	advance(r, 1);
	r->expect = VALUE;
	*token = HK_JSON_KEY;
	return HK_OK;
}

static enum hk_status read_token(struct hk_json_reader *r, enum hk_json_token *token, struct hk_slice *text)
{
	skip_space(r);
	if (r->expect == NOTHING) {
		*token = HK_JSON_END;
		return r->rest.n ? HK_SYNTAX : HK_OK;
	}
	if (r->expect != VALUE && r->expect != KEY && at_closing(r))
		return close_bracket(r, token);
	if (r->expect == AFTER_VALUE) {
		if (peek(r) != ',')
			return HK_SYNTAX;
		advance(r, 1);
		skip_space(r);
		r->expect = in_object(r) ? KEY : VALUE;
	}
	if (r->expect == KEY || r->expect == FIRST_KEY)
		return read_key(r, token, text);
	return read_value(r, token, text);
}

enum hk_status hk_json_next(struct hk_json_reader *r, enum hk_json_token *token, struct hk_slice *text)
{
	enum hk_json_token found = HK_JSON_END;
	struct hk_slice meaning = {0};

	if (r->failed == HK_OK)
		r->failed = read_token(r, &found, &meaning);
	if (r->failed != HK_OK)
		return r->failed;
	*token = found;
	*text = meaning;
	return HK_OK;
}
