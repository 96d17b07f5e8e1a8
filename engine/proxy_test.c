/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "engine/proxy.h"
#include "tests/unit.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static const struct row {
	struct hk_slice text;
	enum hk_status want;
	const char *ip; /* NULL: the connection's own */
	uint16_t port;
	size_t left; /* octets behind the header */
} rows[] = {
    /* version 1 */
    {S("PROXY TCP4 192.0.2.1 10.0.0.1 4711 25\r\n"), HK_OK, "192.0.2.1", 4711, 0},
    {S("PROXY TCP4 192.0.2.1 10.0.0.1 0 65535\r\nEHLO x\r\n"), HK_OK, "192.0.2.1", 0, 8},
    {S("PROXY TCP6 2001:db8::1 ::1 65535 25\r\n"), HK_OK, "2001:db8::1", 65535, 0},
    {S("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 25\r\n"), HK_OK, "192.0.2.1", 1, 0},
    {S("PROXY UNKNOWN\r\n"), HK_OK, NULL, 0, 0},
    {S("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"), HK_OK,
        NULL, 0, 0},
    {S("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535 \r\n"),
        HK_SYNTAX, NULL, 0, 0},
    {S("PROXY TCP4 192.0.2.1 10.0.0.1 4711 25\n"), HK_SYNTAX, NULL, 0, 0},
    {S("PROXY TCP4 192.0.2.1 10.0.0.1 4711 25 \r\n"), HK_SYNTAX, NULL, 0, 0},
    {S("PROXY  TCP4 192.0.2.1 10.0.0.1 4711 25\r\n"), HK_SYNTAX, NULL, 0, 0},
    {S("PROXY TCP4 192.0.2.1  10.0.0.1 4711 25\r\n"), HK_SYNTAX, NULL, 0, 0},
    {S("PROXY TCP4 192.0.2.1 10.0.0.1 4711\r\n"), HK_SYNTAX, NULL, 0, 0},
    {S("PROXY TCP4 192.0.2.1 10.0.0.1 4711 65536\r\n"), HK_SYNTAX, NULL, 0, 0},
    {S("PROXY TCP4 192.0.2.1 10.0.0.1 04711 25\r\n"), HK_SYNTAX, NULL, 0, 0},
    {S("PROXY TCP4 192.0.2.1 10.0.0.1 -1 25\r\n"), HK_SYNTAX, NULL, 0, 0},
    {S("PROXY TCP4 192.0.2.256 10.0.0.1 1 25\r\n"), HK_SYNTAX, NULL, 0, 0},
    {S("PROXY TCP4 2001:db8::1 ::1 1 25\r\n"), HK_SYNTAX, NULL, 0, 0},
    {S("PROXY TCP6 192.0.2.1 10.0.0.1 1 25\r\n"), HK_SYNTAX, NULL, 0, 0},
    {S("PROXY UDP4 192.0.2.1 10.0.0.1 1 25\r\n"), HK_SYNTAX, NULL, 0, 0},
    {S("PROXY \r\n"), HK_SYNTAX, NULL, 0, 0},
    {S("PROXY\r\n"), HK_SYNTAX, NULL, 0, 0},
    {S("proxy TCP4 192.0.2.1 10.0.0.1 1 25\r\n"), HK_SYNTAX, NULL, 0, 0},
    {S("EHLO a.test\r\n"), HK_SYNTAX, NULL, 0, 0},
    {S("\r\n\r\nEHLO"), HK_SYNTAX, NULL, 0, 0},
    /* version 2 */
    {S(SIGNATURE "\x21\x11\0\x0c\xc0\0\2\1\x0a\0\0\1\x12\x67\0\x19" "EHLO"), HK_OK, "192.0.2.1", 4711, 4},
    {S(SIGNATURE "\x21\x11\0\x0f\xc0\0\2\1\x0a\0\0\1\x12\x67\0\x19\4\0\0"), HK_OK, "192.0.2.1", 4711, 0},
    {S(SIGNATURE "\x21\x21\0\x24\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\1\0\x19"), HK_OK,
        "2001:db8::1", 1, 0},
    {S(SIGNATURE "\x21\x21\0\x24\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\1\0\x19"), HK_OK,
        "192.0.2.1", 1, 0},
    {S(SIGNATURE "\x20\0\0\0"), HK_OK, NULL, 0, 0},
    {S(SIGNATURE "\x20\x99\0\2xx"), HK_OK, NULL, 0, 0},
    {S(SIGNATURE "\x20\x11\0\x0c\xc0\0\2\1\x0a\0\0\1\x12\x67\0\x19"), HK_OK, NULL, 0, 0},
    {S(SIGNATURE "\x21\0\0\0"), HK_OK, NULL, 0, 0},
    {S(SIGNATURE "\x21\x11\0\x0b\xc0\0\2\1\x0a\0\0\1\x12\x67\0"), HK_SYNTAX, NULL, 0, 0},
    {S(SIGNATURE "\x21\x31\0\x02xx"), HK_SYNTAX, NULL, 0, 0},
    {S(SIGNATURE "\x21\x12\0\x0c\xc0\0\2\1\x0a\0\0\1\x12\x67\0\x19"), HK_SYNTAX, NULL, 0, 0},
    {S(SIGNATURE "\x11\x11\0\x0c"), HK_SYNTAX, NULL, 0, 0},
    {S(SIGNATURE "\x22\x11\0\x0c"), HK_SYNTAX, NULL, 0, 0},
    {S(SIGNATURE "\x21\x11\xff\xff"), HK_SYNTAX, NULL, 0, 0},
    {S(SIGNATURE "\x21\x11\x07\xf1"), HK_SYNTAX, NULL, 0, 0}, /* one more than HK_PROXY_MAX */
};

/* Whatever is still missing, it is waited for, and the whole says what it says. The text stands at the end of its own
 * memory, so that a read past it is seen. */
static enum hk_status parse(struct hk_slice text, struct hk_proxy *ret, size_t *ret_n)
{
	uint8_t *copy = must(malloc(text.n ? text.n : 1));
	enum hk_status status;

	memcpy(copy, text.p, text.n);
	status = hk_proxy_parse(hk_slice_of(copy, text.n), ret, ret_n);
	free(copy);
	return status;
}

/* SEC-30 SEC-102 */
static void a_header_is_read_at_every_split_and_what_is_none_is_refused(void **state)
{
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		enum hk_status status = HK_AGAIN;
		struct hk_proxy proxy = {.port = 7};
		char ip[HK_IP_TEXT_MAX];
		size_t used = 0;

		for (n = 0; n <= rows[i].text.n && status == HK_AGAIN; n++)
			status = parse(hk_slice_sub(rows[i].text, 0, n), &proxy, &used);
		if (status != rows[i].want)
			fail_msg("row %zu: %s", i, hk_status_name(status));
		if (status != HK_OK)
			continue;
		/* byte by byte it ends where the header does */
		assert_int_equal(used, rows[i].text.n - rows[i].left);
		assert_int_equal(n - 1, used);
		assert_int_equal(parse(rows[i].text, &proxy, &used), HK_OK);
		assert_int_equal(used, rows[i].text.n - rows[i].left);
		assert_int_equal(proxy.has_client, rows[i].ip != NULL);
		assert_int_equal(proxy.port, rows[i].port);
		hk_ip_format(&proxy.ip, ip);
		assert_string_equal(ip, rows[i].ip ? rows[i].ip : "");
	}
}

static void a_header_that_never_ends_is_given_up(void **state)
{
	uint8_t text[HK_PROXY_MAX + 16];
	struct hk_proxy proxy;
	size_t n, used;

	(void)state;
	memset(text, ' ', sizeof text);
	memcpy(text, "PROXY UNKNOWN ", 14);
	for (n = 14; n < HK_PROXY_V1_MAX; n++)
		assert_int_equal(parse(hk_slice_of(text, n), &proxy, &used), HK_AGAIN);
	assert_int_equal(parse(hk_slice_of(text, n), &proxy, &used), HK_SYNTAX);
	memcpy(text, SIGNATURE "\x21\x11\x07\xf0", 16);
	for (n = 16; n < HK_PROXY_MAX; n++)
		assert_int_equal(parse(hk_slice_of(text, n), &proxy, &used), HK_AGAIN);
	assert_int_equal(parse(hk_slice_of(text, n), &proxy, &used), HK_OK);
	assert_int_equal(used, HK_PROXY_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_header_is_read_at_every_split_and_what_is_none_is_refused),
	    cmocka_unit_test(a_header_that_never_ends_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
