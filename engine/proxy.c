/* SPDX-License-Identifier: MIT */
#include "engine/proxy.h"

#include <string.h>

static const uint8_t signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
enum { V2_HEAD = 16, VERSION_2 = 0x20, LOCAL = 0, PROXY = 1 };

/* Whether s begins as whole does, as far as it goes. */
static bool may_become(struct hk_slice s, struct hk_slice whole)
{
	size_t n = s.n < whole.n ? s.n : whole.n;

	return memcmp(s.p, whole.p, n) == 0;
}

/* ---- version 1, section 2.1 ---- */

/* The next word; false at the end. Exactly one space stands between two. */
static bool take_word(struct hk_slice *rest, struct hk_slice *ret)
{
	size_t n = hk_slice_find(*rest, ' ');

	*ret = hk_slice_sub(*rest, 0, n);
	*rest = hk_slice_from(*rest, n + 1);
	return ret->n > 0;
}

static bool is_of_family(struct hk_slice text, unsigned family, struct hk_ip *ret)
{
	/* an IPv4-mapped address comes back as IPv4: the colon tells which text it was */
	return hk_ip_parse(text, ret) == HK_OK && (hk_slice_find(text, ':') < text.n) == (family == 6);
}

static bool is_port(struct hk_slice text, uint16_t *ret)
{
	uint64_t port;

	if ((text.n > 1 && text.p[0] == '0') || hk_slice_u64(text, 65535, &port) != HK_OK)
		return false;
	*ret = (uint16_t)port;
	return true;
}

static enum hk_status parse_line(struct hk_slice line, struct hk_proxy *ret)
{
	struct hk_slice rest = hk_slice_from(line, 6), word, from, to, port, to_port;
	struct hk_proxy proxy = {.has_client = true};
	struct hk_ip ip;
	uint16_t number;
	unsigned family;

	if (!take_word(&rest, &word))
		return HK_SYNTAX;
	if (hk_slice_eq(word, HK_S("UNKNOWN"))) {
		*ret = (struct hk_proxy){.has_client = false};
		return HK_OK;
	}
	family = hk_slice_eq(word, HK_S("TCP4")) ? 4 : hk_slice_eq(word, HK_S("TCP6")) ? 6 : 0;
	if (!family || !take_word(&rest, &from) || !take_word(&rest, &to) || !take_word(&rest, &port))
		return HK_SYNTAX;
	to_port = rest;
	if (!is_of_family(from, family, &proxy.ip) || !is_of_family(to, family, &ip) ||
	    !is_port(port, &proxy.port) || !is_port(to_port, &number))
		return HK_SYNTAX;
	*ret = proxy;
	return HK_OK;
}

static enum hk_status parse_v1(struct hk_slice in, struct hk_proxy *ret, size_t *ret_n)
{
	struct hk_slice line = hk_slice_sub(in, 0, HK_PROXY_V1_MAX);
	size_t end = hk_slice_find(line, '\n');
	enum hk_status status;

	if (end == line.n)
		return line.n == HK_PROXY_V1_MAX ? HK_SYNTAX : HK_AGAIN;
	if (end < 7 || line.p[end - 1] != '\r')
		return HK_SYNTAX;
	status = parse_line(hk_slice_sub(line, 0, end - 1), ret);
	if (status == HK_OK)
		*ret_n = end + 1;
	return status;
}

/* ---- version 2, section 2.2 ---- */

/* An address of IPv6 as everywhere in here: a mapped one is IPv4. */
static struct hk_ip ip_of(const uint8_t *p, unsigned family)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct hk_ip ip = {.family = (uint8_t)family};

	if (family == 6 && memcmp(p, mapped, sizeof mapped) == 0)
		return ip_of(p + sizeof mapped, 4);
	memcpy(ip.bytes, p, family == 4 ? 4 : 16);
	return ip;
}

/* The families of section 2.2 with streams: what they take, and where the client's port is. */
static const struct {
	uint8_t code, family;
	size_t size, port_at;
} families[] = {{0x00, 0, 0, 0}, {0x11, 4, 12, 8}, {0x21, 6, 36, 32}, {0x31, 0, 216, 0}};

static enum hk_status parse_v2(struct hk_slice in, struct hk_proxy *ret, size_t *ret_n)
{
	struct hk_cursor c = hk_cursor_of(hk_slice_from(in, sizeof signature));
	struct hk_proxy proxy = {.has_client = false};
	uint8_t command, code;
	size_t n, i;

	if (in.n < V2_HEAD)
		return HK_AGAIN;
	command = hk_cursor_u8(&c);
	code = hk_cursor_u8(&c);
	n = hk_cursor_u16(&c);
	if (command != (VERSION_2 | LOCAL) && command != (VERSION_2 | PROXY))
		return HK_SYNTAX;
	if (n > HK_PROXY_MAX - V2_HEAD)
		return HK_SYNTAX;
	for (i = 0; i < sizeof families / sizeof families[0] && families[i].code != code; i++)
		;
	/* a health check of the balancer itself may have any family */
	if (command == (VERSION_2 | PROXY) && (i == sizeof families / sizeof families[0] || n < families[i].size))
		return HK_SYNTAX;
	if (in.n < V2_HEAD + n)
		return HK_AGAIN;
	if (command == (VERSION_2 | PROXY) && families[i].family) {
		const uint8_t *p = in.p + V2_HEAD;

		proxy.has_client = true;
		proxy.ip = ip_of(p, families[i].family);
		proxy.port = (uint16_t)(p[families[i].port_at] << 8 | p[families[i].port_at + 1]);
	}
	*ret = proxy;
	*ret_n = V2_HEAD + n;
	return HK_OK;
}

enum hk_status hk_proxy_parse(struct hk_slice in, struct hk_proxy *ret, size_t *ret_n)
{
	struct hk_slice v2 = hk_slice_of(signature, sizeof signature), v1 = HK_S("PROXY ");

	if (!in.n)
		return HK_AGAIN;
	if (may_become(in, v1))
		return in.n < v1.n ? HK_AGAIN : parse_v1(in, ret, ret_n);
	if (may_become(in, v2))
		return in.n < v2.n ? HK_AGAIN : parse_v2(in, ret, ret_n);
	return HK_SYNTAX;
}
