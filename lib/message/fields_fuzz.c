/* SPDX-License-Identifier: MIT
 *
 * A message cut into chunks (the first octet says how) splits as it does whole, and its fields joined are its header.
 */
#include <stdlib.h>

#include <hikyaku/message.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void split(struct hk_splitter *s, struct hk_buf *body, struct hk_slice message, size_t step)
{
	hk_splitter_init(s, HK_HEADER_SECTION_MAX);
	hk_buf_init(body, message.n + 1);
	while (message.n) {
		struct hk_slice some;

		if (hk_splitter_feed(s, hk_slice_sub(message, 0, step), &some) != HK_OK)
			return;
		hk_buf_add(body, some);
		message = hk_slice_from(message, step);
	}
}

static void check_fields(struct hk_slice section)
{
	struct hk_arena a;
	struct hk_header h;
	struct hk_slice unfolded;
	size_t i, n = 0, malformed = 0;

	hk_arena_init(&a, 4 << 20);
	if (hk_header_parse(&a, section, &h) == HK_OK) {
		for (i = 0; i < h.n; i++) {
			check(h.field[i].raw.p == section.p + n && h.field[i].raw.n > 0);
			n += h.field[i].raw.n;
			malformed += h.field[i].name.n == 0;
			check(hk_unfold(&a, h.field[i].value, &unfolded) == HK_OK && unfolded.n <= h.field[i].value.n);
			check(hk_header_find(&h, h.field[i].name, i) == i);
		}
		check(n == section.n && malformed == h.malformed);
	}
	hk_arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hk_splitter whole, cut;
	struct hk_buf whole_body, cut_body;
	struct hk_slice message;

	if (size == 0 || size > HK_HEADER_SECTION_MAX)
		return 0;
	message = hk_slice_of(data + 1, size - 1);
	split(&whole, &whole_body, message, message.n);
	split(&cut, &cut_body, message, data[0] % 16u + 1);
	check(hk_slice_eq(hk_splitter_header(&whole), hk_splitter_header(&cut)));
	check(hk_slice_eq(hk_buf_slice(&whole_body), hk_buf_slice(&cut_body)));
	check(hk_splitter_in_body(&whole) == hk_splitter_in_body(&cut));
	check(hk_splitter_header(&whole).n + whole_body.n + (hk_splitter_in_body(&whole) ? 2 : 0) == message.n);
	check_fields(hk_splitter_header(&whole));
	hk_splitter_done(&whole);
	hk_splitter_done(&cut);
	hk_buf_done(&whole_body);
	hk_buf_done(&cut_body);
	return 0;
}
