/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include <hikyaku/json.h>

#include "lib/base/base_internal.h"

void hk_json_begin(struct hk_json_writer *w, struct hk_buf *out)
{
	*w = (struct hk_json_writer){.out = out};
}

/* What a terminal or an editor obeys where a reader expects text: controls (ECMA-48), and the marks that turn the direction
 * of text around, so that it shows other than it is (Unicode UAX 9 2). */
static const struct {
	uint16_t first, last;
} escaped[] = {
    {0x00, 0x1f},
    {0x7f, 0x9f},
    {0x61c, 0x61c},
    {0x200e, 0x200f},
    {0x202a, 0x202e},
    {0x2066, 0x2069},
};

/* The code point of a sequence of n octets; of four octets, where nothing is escaped, what stands for none. */
static uint16_t code_point(const uint8_t *p, size_t n)
{
	if (n == 1)
		return p[0];
	if (n == 2)
		return (uint16_t)((p[0] & 0x1f) << 6 | (p[1] & 0x3f));
	return n == 3 ? (uint16_t)((p[0] & 0x0f) << 12 | (p[1] & 0x3f) << 6 | (p[2] & 0x3f)) : UINT16_MAX;
}

static bool is_escaped(uint16_t c)
{
	size_t i;

	for (i = 0; i < sizeof escaped / sizeof escaped[0]; i++)
		if (c >= escaped[i].first && c <= escaped[i].last)
			return true;
	return false;
}

static void put_string(struct hk_buf *out, struct hk_slice s)
{
	hk_buf_add_byte(out, '"');
	while (s.n) {
		size_t n = hk_utf8_length(s);
		uint16_t c = code_point(s.p, n);

		if (n == 0)
			hk_buf_add_str(out, "\xef\xbf\xbd");
		else if (c == '"' || c == '\\')
			hk_buf_addf(out, "\\%c", c);
		else if (is_escaped(c))
			hk_buf_addf(out, "\\u%04x", c);
		else
			hk_buf_add(out, hk_slice_sub(s, 0, n));
		s = hk_slice_from(s, n ? n : 1);
	}
	hk_buf_add_byte(out, '"');
}

static void put_key(struct hk_json_writer *w, const char *key)
{
	uint32_t bit = UINT32_C(1) << (w->depth % 32);

	if (w->filled & bit)
		hk_buf_add_byte(w->out, ',');
	w->filled |= bit;
	if (key) {
		put_string(w->out, hk_slice_str(key));
		hk_buf_add_byte(w->out, ':');
	}
}

static void open_level(struct hk_json_writer *w, const char *key, uint8_t bracket)
{
	put_key(w, key);
	hk_buf_add_byte(w->out, bracket);
	if (w->depth + 1 >= HK_JSON_MAX_DEPTH)
		w->out->failed = HK_BUG;
	else
		w->depth++;
	w->filled &= ~(UINT32_C(1) << w->depth);
}

static void close_level(struct hk_json_writer *w, uint8_t bracket)
{
	hk_buf_add_byte(w->out, bracket);
	if (w->depth == 0)
		w->out->failed = HK_BUG;
	else
		w->depth--;
}

void hk_json_object(struct hk_json_writer *w, const char *key)
{
	open_level(w, key, '{');
}

void hk_json_array(struct hk_json_writer *w, const char *key)
{
	open_level(w, key, '[');
}

void hk_json_close_object(struct hk_json_writer *w)
{
	close_level(w, '}');
}

void hk_json_close_array(struct hk_json_writer *w)
{
	close_level(w, ']');
}

void hk_json_string(struct hk_json_writer *w, const char *key, struct hk_slice s)
{
	put_key(w, key);
	put_string(w->out, s);
}

void hk_json_text(struct hk_json_writer *w, const char *key, const char *text)
{
	if (text)
		hk_json_string(w, key, hk_slice_str(text));
	else
		hk_json_null(w, key);
}

void hk_json_int(struct hk_json_writer *w, const char *key, int64_t value)
{
	put_key(w, key);
	hk_buf_addf(w->out, "%" PRId64, value);
}

void hk_json_bool(struct hk_json_writer *w, const char *key, bool value)
{
	put_key(w, key);
	hk_buf_add_str(w->out, value ? "true" : "false");
}

void hk_json_null(struct hk_json_writer *w, const char *key)
{
	put_key(w, key);
	hk_buf_add_str(w->out, "null");
}
