/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <hikyaku/base.h>

#include "lib/base/base_internal.h"

/* One decimal octet without leading zeros, from *at on. */
static bool take_octet(struct hk_slice s, size_t *at, uint8_t *ret)
{
	size_t start = *at, end = start;
	unsigned value = 0;

	while (end < s.n && end - start < 4 && hk_is_digit(s.p[end]))
		value = value * 10 + (unsigned)(s.p[end++] - '0');
	if (end == start || end - start > 3 || value > 255 || (end - start > 1 && s.p[start] == '0'))
		return false;
	*ret = (uint8_t)value;
	*at = end;
	return true;
}

static bool parse4(struct hk_slice s, uint8_t out[4])
{
	size_t at = 0;
	unsigned i;

	for (i = 0; i < 4; i++) {
		if (i && (at == s.n || s.p[at++] != '.'))
			return false;
		if (!take_octet(s, &at, &out[i]))
			return false;
	}
	return at == s.n;
}

/* RFC 4291 2.2. Groups before and after "::" are gathered apart, then joined. */
static bool parse6(struct hk_slice s, uint8_t out[16])
{
	uint8_t part[2][16];
	size_t n[2] = {0, 0};
	bool has_dot = hk_slice_find(s, '.') < s.n;
	unsigned side = 0;

	if (s.n >= 2 && s.p[0] == ':' && s.p[1] == ':') {
		side = 1;
		s = hk_slice_from(s, 2);
	}
	while (s.n) {
		unsigned value = 0;
		size_t digits = 0;

		if (has_dot && hk_slice_find(s, ':') == s.n) {
			if (n[0] + n[1] > 12 || !parse4(s, part[side] + n[side]))
				return false;
			n[side] += 4;
			s.n = 0;
			break;
		}
		while (digits < s.n && digits < 5 && hk_is_xdigit(s.p[digits]))
			value = value << 4 | (unsigned)hk_hex_value(s.p[digits++]);
		if (digits == 0 || digits > 4 || n[0] + n[1] > 14)
			return false;
		part[side][n[side]++] = (uint8_t)(value >> 8);
		part[side][n[side]++] = (uint8_t)value;
		s = hk_slice_from(s, digits);
		if (s.n == 0)
			break;
		if (s.p[0] != ':' || s.n == 1)
			return false;
		s = hk_slice_from(s, 1);
		if (s.p[0] == ':') {
			if (side)
				return false;
			side = 1;
			s = hk_slice_from(s, 1);
		}
	}
	if (side ? n[0] + n[1] > 14 : n[0] != 16)
		return false;
	memset(out, 0, 16);
	memcpy(out, part[0], n[0]);
	memcpy(out + 16 - n[1], part[1], n[1]);
	return true;
}

void hk_ip_unmap(struct hk_ip *ip)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (ip->family != 6 || memcmp(ip->bytes, mapped, sizeof mapped) != 0)
		return;
	memmove(ip->bytes, ip->bytes + 12, 4);
	memset(ip->bytes + 4, 0, 12);
	ip->family = 4;
}

enum hk_status hk_ip_parse(struct hk_slice text, struct hk_ip *ret)
{
	struct hk_ip ip = {0};
	uint8_t four[4];

	if (parse4(text, four)) {
		*ret = (struct hk_ip){.family = 4, .bytes = {four[0], four[1], four[2], four[3]}};
		return HK_OK;
	}
	if (parse6(text, ip.bytes)) {
		ip.family = 6;
		hk_ip_unmap(&ip);
	} else {
		return HK_SYNTAX;
	}
	*ret = ip;
	return HK_OK;
}

static char *put_text(char *p, const char *text)
{
	while (*text)
		*p++ = *text++;
	*p = '\0';
	return p;
}

static char *put_number(char *p, unsigned value, unsigned base)
{
	char digits[12];
	unsigned n = 0;

	do
		digits[n++] = "0123456789abcdef"[value % base];
	while ((value /= base) != 0);
	while (n)
		*p++ = digits[--n];
	*p = '\0';
	return p;
}

/* RFC 5952: the longest run of two or more zero groups becomes "::", the first of equals. */
static void format6(const uint8_t b[16], char *p)
{
	size_t i, run = 0, best = 8, best_n = 1;

	for (i = 0; i < 8; i++) {
		run = b[2 * i] || b[2 * i + 1] ? 0 : run + 1;
		if (run > best_n) {
			best_n = run;
			best = i + 1 - run;
		}
	}
	*p = '\0';
	for (i = 0; i < 8; i++) {
		if (i == best) {
			p = put_text(p, "::");
			i += best_n - 1;
			continue;
		}
		if (i && i != best + best_n)
			p = put_text(p, ":");
		p = put_number(p, (unsigned)b[2 * i] << 8 | b[2 * i + 1], 16);
	}
}

void hk_ip_format(const struct hk_ip *ip, char ret[HK_IP_TEXT_MAX])
{
	char *p = ret;
	unsigned i;

	ret[0] = '\0';
	if (ip->family == 6)
		format6(ip->bytes, ret);
	if (ip->family != 4)
		return;
	for (i = 0; i < 4; i++) {
		if (i)
			p = put_text(p, ".");
		p = put_number(p, ip->bytes[i], 10);
	}
}

bool hk_ip_eq(const struct hk_ip *a, const struct hk_ip *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, a->family == 4 ? 4 : 16) == 0;
}

bool hk_ip_in(const struct hk_ip *ip, const struct hk_ip *net, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (ip->family != net->family || bits > (ip->family == 4 ? 32u : 128u))
		return false;
	if (memcmp(ip->bytes, net->bytes, whole) != 0)
		return false;
	return rest == 0 || (ip->bytes[whole] ^ net->bytes[whole]) >> (8 - rest) == 0;
}

void hk_ip_reverse_add(struct hk_buf *b, const struct hk_ip *ip)
{
	static const char hex[] = "0123456789abcdef";
	unsigned i;

	if (ip->family == 4)
		hk_buf_addf(b, "%u.%u.%u.%u.in-addr.arpa", ip->bytes[3], ip->bytes[2], ip->bytes[1], ip->bytes[0]);
	if (ip->family != 6)
		return;
	for (i = 16; i-- > 0;)
		hk_buf_addf(b, "%c.%c.", hex[ip->bytes[i] & 15], hex[ip->bytes[i] >> 4]);
	hk_buf_add_str(b, "ip6.arpa");
}
