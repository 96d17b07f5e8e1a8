/* SPDX-License-Identifier: MIT
 *
 * IP text, base64 and numbers: what is parsed and written again parses to the same; what is quoted is printable.
 */
#include <stdlib.h>

#include <hikyaku/base.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void try_ip(struct hk_slice s)
{
	char text[HK_IP_TEXT_MAX];
	struct hk_ip ip, again;

	if (hk_ip_parse(s, &ip) != HK_OK)
		return;
	hk_ip_format(&ip, text);
	check(hk_ip_parse(hk_slice_str(text), &again) == HK_OK && hk_ip_eq(&ip, &again));
}

static void try_base64(struct hk_slice s)
{
	struct hk_slice octets, again;
	struct hk_arena a;
	struct hk_buf b;

	hk_arena_init(&a, 4 * s.n + 64);
	hk_buf_init(&b, 2 * s.n + 16);
	if (hk_base64_parse(&a, s, &octets) == HK_OK) {
		hk_base64_add(&b, octets);
		check(hk_base64_parse(&a, hk_buf_slice(&b), &again) == HK_OK && hk_slice_eq(octets, again));
	}
	hk_buf_done(&b);
	hk_arena_done(&a);
}

static void try_quote(struct hk_slice s)
{
	struct hk_buf b;
	size_t i;

	hk_buf_init(&b, 4 * s.n + 16);
	hk_quote_add(&b, s, s.n / 2);
	hk_quote_add(&b, s, 0);
	check(hk_buf_status(&b) == HK_OK);
	for (i = 0; i < b.n; i++)
		check(b.p[i] >= 0x20 && b.p[i] < 0x7f);
	hk_buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hk_slice s = hk_slice_of(data, size);
	uint64_t number;

	try_ip(s);
	try_base64(s);
	try_quote(s);
	if (hk_slice_u64(s, 1000, &number) == HK_OK)
		check(number <= 1000);
	return 0;
}
