/* SPDX-License-Identifier: MIT
 *
 * Encoded words (RFC 2047) for the eyes of people.
 */
#include <string.h>

#include "lib/base/base_internal.h"
#include "mime_internal.h"

/* RFC 2047 2: 75 characters; some programs write longer ones, and mail programs show them. */
enum { WORD_MAX = 4096 };

struct word {
	struct hk_slice charset, text;
	uint8_t encoding; /* 'B' or 'Q' */
	size_t length;    /* of all of it */
};

/* "=?charset*language?B?text?=" at the beginning of s. */
static bool read_word(struct hk_slice s, struct word *ret)
{
	struct hk_slice rest;
	size_t charset, end;

	if (s.n < 8 || s.p[0] != '=' || s.p[1] != '?')
		return false;
	rest = hk_slice_sub(hk_slice_from(s, 2), 0, WORD_MAX);
	charset = hk_slice_find(rest, '?');
	if (charset == 0 || rest.n - charset < 4 || rest.p[charset + 2] != '?')
		return false;
	ret->charset = hk_slice_sub(rest, 0, charset);
	ret->charset = hk_slice_sub(ret->charset, 0, hk_slice_find(ret->charset, '*')); /* RFC 2231 5 */
	ret->encoding = hk_to_upper(rest.p[charset + 1]);
	rest = hk_slice_from(rest, charset + 3);
	end = hk_slice_find(rest, '?');
	if (rest.n - end < 2 || rest.p[end + 1] != '=')
		return false;
	ret->text = hk_slice_sub(rest, 0, end);
	ret->length = 2 + charset + 3 + end + 2;
	return ret->encoding == 'B' || ret->encoding == 'Q';
}

/* ---- octets ---- */

static int base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (hk_is_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* As much as can be read: what is damaged is shown damaged. */
static void add_base64(struct hk_buf *b, struct hk_slice text)
{
	uint32_t bits = 0;
	unsigned n = 0;
	size_t i;

	for (i = 0; i < text.n; i++) {
		int value = base64_value(text.p[i]);

		if (value < 0)
			continue;
		bits = bits << 6 | (uint32_t)value;
		n += 6;
		if (n >= 8) {
			n -= 8;
			hk_buf_add_byte(b, (uint8_t)(bits >> n));
		}
	}
}

/* RFC 2047 4.2 */
static void add_q(struct hk_buf *b, struct hk_slice text)
{
	size_t i;

	for (i = 0; i < text.n; i++) {
		if (text.p[i] == '=' && text.n - i > 2 && hk_hex_value(text.p[i + 1]) >= 0 && hk_hex_value(text.p[i + 2]) >= 0) {
			hk_buf_add_byte(b, (uint8_t)(hk_hex_value(text.p[i + 1]) << 4 | hk_hex_value(text.p[i + 2])));
			i += 2;
		} else {
			hk_buf_add_byte(b, text.p[i] == '_' ? ' ' : text.p[i]);
		}
	}
}

/* ---- characters ---- */

/* What would act on a terminal or turn the text around is shown as U+FFFD, like what is no character. */
static bool is_shown(uint32_t c)
{
	static const uint32_t hidden[][2] = {{0, 0x1f}, {0x7f, 0x9f}, {0xad, 0xad}, {0x200b, 0x200f}, {0x2028, 0x202e},
	    {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xe0000, 0xe0fff}};
	size_t i;

	for (i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
		if (c >= hidden[i][0] && c <= hidden[i][1])
			return false;
	return true;
}

static void add_utf8(struct hk_buf *out, struct hk_slice s)
{
	while (s.n) {
		size_t n = hk_utf8_length(s);

		if (s.p[0] == '\t')
			hk_buf_add_byte(out, ' ');
		else if (n && is_shown(hk_utf8_point(s, n)))
			hk_buf_add(out, hk_slice_sub(s, 0, n));
		else
			hk_buf_add(out, HK_S("\xef\xbf\xbd"));
		s = hk_slice_from(s, n ? n : 1);
	}
}

static void add_latin1(struct hk_buf *out, struct hk_slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		uint8_t utf8[2] = {(uint8_t)(0xc0 | s.p[i] >> 6), (uint8_t)(0x80 | (s.p[i] & 0x3f))};

		add_utf8(out, s.p[i] < 0x80 ? hk_slice_sub(s, i, 1) : hk_slice_of(utf8, 2));
	}
}

typedef void adder(struct hk_buf *out, struct hk_slice octets);
/* NULL: a set that is not known here; its words stay as they are. */
static adder *adder_of(struct hk_slice charset)
{
	static const struct {
		const char *name;
		adder *add;
	} sets[] = {{"utf-8", add_utf8}, {"utf8", add_utf8}, {"us-ascii", add_utf8}, {"ascii", add_utf8},
	    {"iso-8859-1", add_latin1}, {"latin1", add_latin1}};
	size_t i;

	for (i = 0; i < sizeof sets / sizeof sets[0]; i++)
		if (hk_slice_eq_nocase(charset, hk_slice_str(sets[i].name)))
			return sets[i].add;
	return NULL;
}

/* ---- all of it ---- */

static size_t blanks(struct hk_slice s)
{
	size_t n = 0;

	while (n < s.n && (hk_is_wsp(s.p[n]) || s.p[n] == '\r' || s.p[n] == '\n'))
		n++;
	return n;
}

/* Words that follow each other are one text: between them nothing is shown (RFC 2047 6.2), and a character may
 * have been cut in two. */
static size_t add_words(struct hk_buf *out, struct hk_slice s, adder *add, const struct word *first)
{
	struct hk_buf octets;
	struct word w = *first;
	size_t at = 0, gap = 0;

	hk_buf_init(&octets, s.n + 1);
	do {
		if (w.encoding == 'B')
			add_base64(&octets, w.text);
		else
			add_q(&octets, w.text);
		at += gap + w.length;
		gap = blanks(hk_slice_from(s, at));
	} while (read_word(hk_slice_from(s, at + gap), &w) && adder_of(w.charset) == add);
	if (hk_buf_status(&octets) == HK_OK)
		add(out, hk_buf_slice(&octets));
	else
		out->failed = hk_buf_status(&octets);
	hk_buf_done(&octets);
	return at;
}

bool hk_words_add(struct hk_buf *out, struct hk_slice value)
{
	bool any = false;

	while (value.n) {
		size_t n = hk_slice_find(value, '='), fold;
		struct word w;
		adder *add;

		if (n == 0 && read_word(value, &w) && (add = adder_of(w.charset))) {
			value = hk_slice_from(value, add_words(out, value, add, &w));
			any = true;
			continue;
		}
		n += n == 0;
		/* folding goes, its blank stays */
		fold = hk_slice_find(hk_slice_sub(value, 0, n), '\r');
		if (fold < n && hk_slice_starts_nocase(hk_slice_from(value, fold), HK_S("\r\n"))) {
			add_utf8(out, hk_slice_sub(value, 0, fold));
			value = hk_slice_from(value, fold + 2);
			continue;
		}
		add_utf8(out, hk_slice_sub(value, 0, n));
		value = hk_slice_from(value, n);
	}
	return any;
}
