/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <hikyaku/base.h>

#include "lib/base/base_internal.h"

bool hk_is_alpha(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool hk_is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

bool hk_is_alnum(uint8_t c)
{
	return hk_is_alpha(c) || hk_is_digit(c);
}

bool hk_is_xdigit(uint8_t c)
{
	return hk_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool hk_is_wsp(uint8_t c)
{
	return c == ' ' || c == '\t';
}

bool hk_is_graph(uint8_t c)
{
	return c > 0x20 && c < 0x7f;
}

uint8_t hk_to_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

uint8_t hk_to_upper(uint8_t c)
{
	return c >= 'a' && c <= 'z' ? (uint8_t)(c - ('a' - 'A')) : c;
}

bool hk_add_size(size_t a, size_t b, size_t *ret)
{
	size_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return false;
	*ret = sum;
	return true;
}

bool hk_mul_size(size_t a, size_t b, size_t *ret)
{
	size_t product;

	if (__builtin_mul_overflow(a, b, &product))
		return false;
	*ret = product;
	return true;
}

int hk_hex_value_upper(uint8_t c)
{
	if (hk_is_digit(c))
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int hk_hex_value(uint8_t c)
{
	return hk_hex_value_upper(hk_to_upper(c));
}

/* Eight octets at a time: a top bit comes up where one is under 0x21 (less 0x21 it borrows), 0x7f (plus one), or over it
 * already. What a borrow or a carry marks besides stands in the same word as an octet that is marked itself. */
size_t hk_slice_graph_run(struct hk_slice s)
{
	const uint64_t ones = 0x0101010101010101;
	size_t i = 0;

	for (; s.n - i >= sizeof ones; i += sizeof ones) {
		uint64_t word;

		memcpy(&word, s.p + i, sizeof word);
		if (((word - ones * 0x21) | (word + ones) | word) & (ones * 0x80))
			break;
	}
	while (i < s.n && hk_is_graph(s.p[i]))
		i++;
	return i;
}

bool hk_slice_is_ascii(struct hk_slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] > 0x7f)
			return false;
	return true;
}
