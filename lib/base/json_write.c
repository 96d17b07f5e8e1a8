/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include <hikyaku/json.h>

#include "lib/base/base_internal.h"

void hk_json_begin(struct hk_json_writer *w, struct hk_buf *out)
{
	*w = (struct hk_json_writer){.out = out};
}

static void put_string(struct hk_buf *out, struct hk_slice s)
{
	hk_buf_add_byte(out, '"');
	while (s.n) {
		uint8_t c = s.p[0];
		size_t n = hk_utf8_length(s);

		if (n == 0)
			hk_buf_add_str(out, "\xef\xbf\xbd");
		else if (c == '"' || c == '\\')
			hk_buf_addf(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			hk_buf_addf(out, "\\u%04x", c);
		else if (c == 0xc2 &&
		         s.p[1] < 0xa0) /* U+0080 to U+009F, which a terminal may obey */
			hk_buf_addf(out, "\\u%04x", s.p[1]);
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
