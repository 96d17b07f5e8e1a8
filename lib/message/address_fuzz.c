/* SPDX-License-Identifier: MIT
 *
 * Any octets as an address list: each address that comes out, written down again, is one address with the same parts.
 */
#include <stdlib.h>

#include <hikyaku/message.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void round_trip(struct hk_arena *a, const struct hk_address *address)
{
	struct hk_address_list again;
	struct hk_buf b;
	size_t i;

	hk_buf_init(&b, 1 << 20);
	hk_buf_add(&b, address->local);
	hk_buf_add_byte(&b, '@');
	hk_buf_add(&b, address->domain);
	for (i = 0; i < b.n; i++)
		check(b.p[i] >= 0x20 && b.p[i] != 0x7f);
	check(hk_address_list_parse(a, hk_buf_slice(&b), &again) == HK_OK && again.n == 1 && again.groups == 0);
	check(hk_slice_eq(again.at[0].local, address->local) && hk_slice_eq(again.at[0].domain, address->domain));
	check(again.at[0].is_utf8 == address->is_utf8);
	hk_buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hk_address_list list;
	struct hk_arena a;
	size_t i;

	if (size > 65536)
		return 0;
	hk_arena_init(&a, 64 << 20);
	if (hk_address_list_parse(&a, hk_slice_of(data, size), &list) == HK_OK) {
		check(list.n + list.groups > 0);
		for (i = 0; i < list.n && i < 16; i++)
			round_trip(&a, &list.at[i]);
	}
	hk_arena_done(&a);
	return 0;
}
