/* SPDX-License-Identifier: MIT */
#include "lib/base/base_internal.h"

/* By first octet: how long the sequence is, and the range of its second octet, which is where overlong forms,
 * surrogates and numbers above U+10FFFF are kept out (the table of RFC 3629 4). */
static const struct {
	uint8_t first, last, length, low, high;
} forms[] = {
    {0x00, 0x7f, 1, 0, 0},
    {0xc2, 0xdf, 2, 0x80, 0xbf},
    {0xe0, 0xe0, 3, 0xa0, 0xbf},
    {0xe1, 0xec, 3, 0x80, 0xbf},
    {0xed, 0xed, 3, 0x80, 0x9f},
    {0xee, 0xef, 3, 0x80, 0xbf},
    {0xf0, 0xf0, 4, 0x90, 0xbf},
    {0xf1, 0xf3, 4, 0x80, 0xbf},
    {0xf4, 0xf4, 4, 0x80, 0x8f},
};

size_t hk_utf8_length(struct hk_slice s)
{
	size_t i, k;

	if (s.n == 0)
		return 0;
	for (i = 0; i < sizeof forms / sizeof forms[0]; i++)
		if (s.p[0] >= forms[i].first && s.p[0] <= forms[i].last)
			break;
	if (i == sizeof forms / sizeof forms[0] || forms[i].length > s.n)
		return 0;
	if (forms[i].length > 1 && (s.p[1] < forms[i].low || s.p[1] > forms[i].high))
		return 0;
	for (k = 2; k < forms[i].length; k++)
		if ((s.p[k] & 0xc0) != 0x80)
			return 0;
	return forms[i].length;
}

bool hk_utf8_is_valid(struct hk_slice s)
{
	size_t n;

	while (s.n) {
		n = hk_utf8_length(s);
		if (n == 0)
			return false;
		s = hk_slice_from(s, n);
	}
	return true;
}

struct hk_slice hk_utf8_cut(struct hk_slice s, size_t max)
{
	size_t back = 0;

	if (s.n < max)
		return s;
	s.n = max;
	while (back < s.n && back < 3 && (s.p[s.n - 1 - back] & 0xc0) == 0x80)
		back++;
	/* the octet that may begin the last sequence */
	if (back < s.n && s.p[s.n - 1 - back] >= 0xc0 && hk_utf8_length(hk_slice_from(s, s.n - 1 - back)) == 0)
		s.n -= back + 1;
	return s;
}

uint32_t hk_utf8_point(struct hk_slice s, size_t n)
{
	static const uint8_t mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t point = s.p[0] & mask[n];
	size_t i;

	for (i = 1; i < n; i++)
		point = point << 6 | (s.p[i] & 0x3fu);
	return point;
}
