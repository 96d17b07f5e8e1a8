/* SPDX-License-Identifier: MIT */
#include <hikyaku/base.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void hk_base64_add(struct hk_buf *b, struct hk_slice s)
{
	size_t i;

	for (i = 0; i < s.n; i += 3) {
		size_t left = s.n - i;
		uint32_t word = (uint32_t)s.p[i] << 16 | (left > 1 ? (uint32_t)s.p[i + 1] << 8 : 0) |
		    (left > 2 ? s.p[i + 2] : 0);

		hk_buf_add_byte(b, (uint8_t)alphabet[word >> 18]);
		hk_buf_add_byte(b, (uint8_t)alphabet[word >> 12 & 63]);
		hk_buf_add_byte(b, left > 1 ? (uint8_t)alphabet[word >> 6 & 63] : '=');
		hk_buf_add_byte(b, left > 2 ? (uint8_t)alphabet[word & 63] : '=');
	}
}

/* The value of a base64 digit, or 64. */
static uint8_t digit(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return (uint8_t)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (uint8_t)(c - 'a' + 26);
	if (c >= '0' && c <= '9')
		return (uint8_t)(c - '0' + 52);
	return c == '+' ? 62 : c == '/' ? 63 : 64;
}

enum hk_status hk_base64_parse(struct hk_arena *a, struct hk_slice text, struct hk_slice *ret)
{
	/* four digits give three octets, so text.n octets are always enough */
	uint8_t *out = hk_arena_alloc(a, text.n / 4 * 3 + 3);
	uint32_t word = 0;
	size_t n = 0, digits = 0, pads = 0, i;

	if (!out)
		return a->failed;
	for (i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];

		if (hk_is_wsp(c) || c == '\r' || c == '\n')
			continue;
		if (c == '=') {
			pads++;
			continue;
		}
		if (pads || digit(c) == 64)
			return HK_SYNTAX;
		word = word << 6 | digit(c);
		if (++digits % 4 == 0) {
			out[n++] = (uint8_t)(word >> 16);
			out[n++] = (uint8_t)(word >> 8);
			out[n++] = (uint8_t)word;
			word = 0;
		}
	}
	if ((digits + pads) % 4 != 0 || pads > 2 || digits % 4 == 1)
		return HK_SYNTAX;
	if (digits % 4 == 2) {
		if (word & 15)
			return HK_SYNTAX;
		out[n++] = (uint8_t)(word >> 4);
	} else if (digits % 4 == 3) {
		if (word & 3)
			return HK_SYNTAX;
		out[n++] = (uint8_t)(word >> 10);
		out[n++] = (uint8_t)(word >> 2);
	}
	*ret = hk_slice_of(out, n);
	return HK_OK;
}

void hk_hex_add(struct hk_buf *b, struct hk_slice s)
{
	static const char hex[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < s.n; i++) {
		hk_buf_add_byte(b, (uint8_t)hex[s.p[i] >> 4]);
		hk_buf_add_byte(b, (uint8_t)hex[s.p[i] & 15]);
	}
}
