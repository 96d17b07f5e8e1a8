/* SPDX-License-Identifier: MIT */
#include <hikyaku/base.h>

void hk_quote_add(struct hk_buf *b, struct hk_slice s, size_t max)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t i;

	for (i = 0; i < s.n && i < max; i++) {
		uint8_t c = s.p[i];

		if (c == '\\') {
			hk_buf_add_str(b, "\\\\");
		} else if (c >= 0x20 && c < 0x7f) {
			hk_buf_add_byte(b, c);
		} else {
			hk_buf_add_str(b, "\\x");
			hk_buf_add_byte(b, (uint8_t)hex[c >> 4]);
			hk_buf_add_byte(b, (uint8_t)hex[c & 15]);
		}
	}
	if (i < s.n)
		hk_buf_add_str(b, "...");
}
