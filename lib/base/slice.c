/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <hikyaku/base.h>

struct hk_slice hk_slice_of(const void *p, size_t n)
{
	return (struct hk_slice){p, n};
}

struct hk_slice hk_slice_str(const char *text)
{
	return (struct hk_slice){(const uint8_t *)text, text ? strlen(text) : 0};
}

bool hk_slice_eq(struct hk_slice a, struct hk_slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool hk_slice_eq_nocase(struct hk_slice a, struct hk_slice b)
{
	return hk_slice_eq(a, b) || (a.n == b.n && hk_slice_cmp_nocase(a, b) == 0);
}

int hk_slice_cmp_nocase(struct hk_slice a, struct hk_slice b)
{
	size_t i;

	for (i = 0; i < a.n && i < b.n; i++) {
		int d = (int)hk_to_lower(a.p[i]) - (int)hk_to_lower(b.p[i]);

		if (d != 0)
			return d;
	}
	return (a.n > b.n) - (a.n < b.n);
}

bool hk_slice_starts_nocase(struct hk_slice s, struct hk_slice prefix)
{
	return s.n >= prefix.n && hk_slice_eq_nocase(hk_slice_sub(s, 0, prefix.n), prefix);
}

bool hk_slice_ends_nocase(struct hk_slice s, struct hk_slice suffix)
{
	return s.n >= suffix.n && hk_slice_eq_nocase(hk_slice_from(s, s.n - suffix.n), suffix);
}

size_t hk_slice_find(struct hk_slice s, uint8_t byte)
{
	const uint8_t *p = s.n ? memchr(s.p, byte, s.n) : NULL;

	return p ? (size_t)(p - s.p) : s.n;
}

size_t hk_slice_rfind(struct hk_slice s, uint8_t byte)
{
	size_t i = s.n;

	while (i > 0)
		if (s.p[--i] == byte)
			return i;
	return s.n;
}

struct hk_slice hk_slice_sub(struct hk_slice s, size_t from, size_t n)
{
	if (from > s.n)
		from = s.n;
	if (n > s.n - from)
		n = s.n - from;
	if (!s.p)
		return (struct hk_slice){0};
	return (struct hk_slice){s.p + from, n};
}

struct hk_slice hk_slice_from(struct hk_slice s, size_t from)
{
	return hk_slice_sub(s, from, s.n);
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct hk_slice hk_slice_trim(struct hk_slice s)
{
	while (s.n && is_blank(s.p[0]))
		s = hk_slice_from(s, 1);
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

enum hk_status hk_slice_u64(struct hk_slice s, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;
	bool over = false;
	size_t i;

	if (s.n == 0)
		return HK_SYNTAX;
	for (i = 0; i < s.n; i++) {
		if (!hk_is_digit(s.p[i]))
			return HK_SYNTAX;
		over = over || __builtin_mul_overflow(value, (uint64_t)10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(s.p[i] - '0'), &value);
	}
	if (over || value > max)
		return HK_LIMIT;
	*ret = value;
	return HK_OK;
}
