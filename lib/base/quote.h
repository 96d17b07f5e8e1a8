/* SPDX-License-Identifier: MIT */
#ifndef HIKYAKU_LIB_BASE_QUOTE_H
#define HIKYAKU_LIB_BASE_QUOTE_H

#include <string.h>

#include "lib/base/base_internal.h"

#define HK_QUOTED_OCTET    4
#define HK_QUOTED_SEQUENCE (4 * HK_QUOTED_OCTET)

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

/* The same of the sequence of UTF-8 at the start of s, or of its first octet; *ret_n: the octets of s that those are. */
static inline size_t hk_quote_sequence(struct hk_slice s, char to[HK_QUOTED_SEQUENCE], size_t *ret_n)
{
	size_t n = hk_utf8_length(s), i, k = 0;

	*ret_n = n ? n : 1;
	for (i = 0; i < *ret_n; i++)
		k += hk_quote_octet(s.p[i], to + k);
	return k;
}

#endif
