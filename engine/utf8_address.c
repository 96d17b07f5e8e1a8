/* SPDX-License-Identifier: MIT
 *
 * utf8_address.c - addresses in UTF-8 and their 7-bit form, as RFC 6533 3 has them.
 */
#include "engine/utf8_address.h"
#include "lib/base/base_internal.h"

bool hk_utf8_is_clean(struct hk_slice s)
{
	uint32_t point;
	size_t n;

	for (; s.n; s = hk_slice_from(s, n)) {
		n = hk_utf8_length(s);
		point = n ? hk_utf8_point(s, n) : 0;
		if (point < 0x20 || (point >= 0x7f && point < 0xa0))
			return false;
	}
	return true;
}

void hk_utf8_xtext_add(struct hk_buf *out, struct hk_slice s)
{
	uint32_t c;
	size_t n;

	for (; (n = hk_utf8_length(s)) > 0; s = hk_slice_from(s, n)) {
		c = hk_utf8_point(s, n);
		if (c > 0x20 && c < 0x7f && c != '\\' && c != '+' && c != '=')
			hk_buf_add_byte(out, (uint8_t)c);
		else
			hk_buf_addf(out, "\\x{%02X}", (unsigned)c);
	}
}

static void add_character(struct hk_buf *out, uint32_t c)
{
	if (c < 0x80) {
		hk_buf_add_byte(out, (uint8_t)c);
		return;
	}
	if (c < 0x800)
		hk_buf_add_byte(out, (uint8_t)(0xc0 | c >> 6));
	else if (c < 0x10000)
		hk_buf_add_byte(out, (uint8_t)(0xe0 | c >> 12));
	else
		hk_buf_add_byte(out, (uint8_t)(0xf0 | c >> 18));
	if (c >= 0x10000)
		hk_buf_add_byte(out, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
	if (c >= 0x800)
		hk_buf_add_byte(out, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
	hk_buf_add_byte(out, (uint8_t)(0x80 | (c & 0x3f)));
}

/* "\x{HEX}" at the beginning of s; *ret_n: its octets. */
static bool embedded_character(struct hk_slice s, uint32_t *ret, size_t *ret_n)
{
	uint32_t point = 0;
	size_t i;

	if (s.n < 6 || s.p[0] != '\\' || s.p[1] != 'x' || s.p[2] != '{')
		return false;
	for (i = 3; i < s.n && i < 9 && s.p[i] != '}'; i++) {
		uint8_t c = hk_to_lower(s.p[i]);

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		point = point << 4 | (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	*ret = point;
	*ret_n = i + 1;
	return i >= 5 && i < s.n && s.p[i] == '}' && point <= 0x10ffff &&
	       !(point >= 0xd800 && point <= 0xdfff);
}

void hk_utf8_raised_add(struct hk_buf *out, struct hk_slice s)
{
	struct hk_buf plain;
	uint32_t c;
	size_t n;

	hk_buf_init(&plain, 2 * HK_SMTP_ORCPT_MAX);
	for (; s.n; s = hk_slice_from(s, n)) {
		if (!embedded_character(s, &c, &n)) {
			c = s.p[0];
			n = 1;
		}
		add_character(&plain, c);
	}
	if (hk_buf_status(&plain) == HK_OK && hk_utf8_is_clean(hk_buf_slice(&plain)))
		hk_buf_add(out, hk_buf_slice(&plain));
	hk_buf_done(&plain);
}
