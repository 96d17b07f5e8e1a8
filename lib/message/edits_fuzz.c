/* SPDX-License-Identifier: MIT
 *
 * Any octets as a stored edit list: what is taken formats to the same octets, and applied gives a header section that
 * is whole fields. Then the same octets as orders to build a list, which must survive storage.
 */
#include <stdlib.h>

#include <hikyaku/message.h>

#include "lib/message/message_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void apply(struct hk_arena *a, const struct hk_edits *e, struct hk_buf *out)
{
	struct hk_header h;

	check(hk_header_parse(a, HK_S("A: 1\r\nB: 2\r\n b\r\nC: 3"), &h) == HK_OK);
	hk_edits_apply(e, &h, out);
	check(hk_buf_status(out) == HK_OK && (out->n == 0 || hk_message_is_fields(hk_buf_slice(out))));
}

static void try_stored(struct hk_arena *a, struct hk_slice stored)
{
	struct hk_edits *e;
	struct hk_buf b;

	if (hk_edits_parse(a, stored, &e) != HK_OK)
		return;
	hk_buf_init(&b, 1 << 20);
	hk_edits_format(e, &b);
	check(hk_slice_eq(hk_buf_slice(&b), stored));
	hk_buf_reset(&b);
	apply(a, e, &b);
	hk_buf_done(&b);
}

static void try_orders(struct hk_arena *a, struct hk_slice orders)
{
	struct hk_edits *e = hk_edits_new(a), *again;
	struct hk_cursor c = hk_cursor_of(orders);
	struct hk_buf stored, first, second;

	while (!c.failed && c.rest.n) {
		uint8_t order = hk_cursor_u8(&c), field = hk_cursor_u8(&c);
		enum hk_status status = order & 1 ? hk_edits_remove(e, field) : hk_edits_insert(e, field, hk_cursor_take(&c, order >> 2));

		check(status == HK_OK || status == HK_SYNTAX || status == HK_LIMIT);
	}
	hk_buf_init(&stored, 1 << 20);
	hk_buf_init(&first, 1 << 20);
	hk_buf_init(&second, 1 << 20);
	hk_edits_format(e, &stored);
	check(hk_edits_parse(a, hk_buf_slice(&stored), &again) == HK_OK);
	apply(a, e, &first);
	apply(a, again, &second);
	check(hk_slice_eq(hk_buf_slice(&first), hk_buf_slice(&second)));
	hk_buf_done(&stored);
	hk_buf_done(&first);
	hk_buf_done(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hk_arena a;

	if (size > 65536)
		return 0;
	hk_arena_init(&a, 8 << 20);
	try_stored(&a, hk_slice_of(data, size));
	try_orders(&a, hk_slice_of(data, size));
	hk_arena_done(&a);
	return 0;
}
