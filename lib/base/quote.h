/* SPDX-License-Identifier: MIT */
#ifndef HIKYAKU_LIB_BASE_QUOTE_H
#define HIKYAKU_LIB_BASE_QUOTE_H

#include <hikyaku/base.h>

#define HK_QUOTED_OCTET 4

/* One octet as hk_quote_add has it; how many characters that are. For those who have room of their own, and need no memory. */
static inline size_t hk_quote_octet(uint8_t c, char to[HK_QUOTED_OCTET])
{
	static const char hex[] = "0123456789ABCDEF";

	to[0] = (char)c;
	if (c >= 0x20 && c < 0x7f && c != '\\')
		return 1;
	to[0] = to[1] = '\\';
	if (c == '\\')
		return 2;
	to[1] = 'x';
	to[2] = hex[c >> 4];
	to[3] = hex[c & 15];
	return 4;
}

#endif
