/* SPDX-License-Identifier: MIT
 *
 * A body in canonical form is what the plain reference makes of it, however it is cut (the first two octets say how),
 * and so is canonical already.
 */
#include <stdlib.h>

#include <hikyaku/message.h>

#include "lib/message/canon_reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void canon_body(struct hk_buf *out, enum hk_canon canon, struct hk_slice body, size_t step, size_t cap)
{
	struct hk_canon_body c;
	uint8_t some[64];
	size_t n;

	hk_canon_body_init(&c, canon);
	while (body.n) {
		struct hk_slice chunk = hk_slice_sub(body, 0, step);

		while ((n = hk_canon_body_step(&c, &chunk, some, cap)) != 0)
			hk_buf_add(out, hk_slice_of(some, n));
		check(chunk.n == 0);
		body = hk_slice_from(body, step);
	}
	while ((n = hk_canon_body_end(&c, some, cap)) != 0)
		hk_buf_add(out, hk_slice_of(some, n));
	check(hk_buf_status(out) == HK_OK);
}

static void check_field(const struct hk_field *field)
{
	struct hk_field again = {.name = field->name};
	struct hk_buf once, twice;

	hk_buf_init(&once, field->raw.n + 16);
	hk_buf_init(&twice, field->raw.n + 16);
	hk_canon_field(&once, HK_CANON_RELAXED, field);
	check(once.n > field->name.n + 2);
	again.value = hk_slice_sub(hk_buf_slice(&once), field->name.n + 1, once.n - field->name.n - 3);
	hk_canon_field(&twice, HK_CANON_RELAXED, &again);
	check(hk_slice_eq(hk_buf_slice(&once), hk_buf_slice(&twice)));
	hk_buf_done(&once);
	hk_buf_done(&twice);
}

static void check_fields(struct hk_slice section)
{
	struct hk_arena a;
	struct hk_header h;
	size_t i;

	hk_arena_init(&a, 1 << 20);
	if (hk_header_parse(&a, section, &h) == HK_OK)
		for (i = 0; i < h.n; i++)
			if (h.field[i].name.n)
				check_field(&h.field[i]);
	hk_arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hk_slice body;
	unsigned canon;

	if (size < 2)
		return 0;
	body = hk_slice_of(data + 2, size - 2);
	check_fields(body);
	for (canon = 0; canon < 2; canon++) {
		struct hk_buf want, got, again;

		hk_buf_init(&want, body.n + 16);
		hk_buf_init(&got, body.n + 16);
		hk_buf_init(&again, body.n + 16);
		reference_canon_body(&want, (enum hk_canon)canon, body);
		canon_body(&got, (enum hk_canon)canon, body, data[0] % 16u + 1, 16 + data[1] % 49u);
		check(hk_slice_eq(hk_buf_slice(&got), hk_buf_slice(&want)));
		canon_body(&again, (enum hk_canon)canon, hk_buf_slice(&got), got.n, 64);
		check(hk_slice_eq(hk_buf_slice(&again), hk_buf_slice(&got)));
		hk_buf_done(&want);
		hk_buf_done(&got);
		hk_buf_done(&again);
	}
	return 0;
}
