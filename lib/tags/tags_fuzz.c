/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include <hikyaku/tags.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Whatever was parsed, written again as "name=value;", parses to the same list. */
static void round_trip(const struct hk_tags *tags, unsigned flags)
{
	struct hk_tags again;
	struct hk_buf b;
	size_t i;

	hk_buf_init(&b, 1 << 20);
	for (i = 0; i < tags->n; i++) {
		hk_buf_add(&b, tags->tag[i].name);
		hk_buf_add_byte(&b, '=');
		hk_buf_add(&b, tags->tag[i].value);
		hk_buf_add_byte(&b, ';');
	}
	if (hk_buf_status(&b) == HK_OK && tags->n) {
		if (hk_tags_parse(hk_buf_slice(&b), flags, &again) != HK_OK || again.n != tags->n)
			abort();
		for (i = 0; i < tags->n; i++)
			if (!hk_slice_eq(again.tag[i].name, tags->tag[i].name) ||
			    !hk_slice_eq(again.tag[i].value, tags->tag[i].value))
				abort();
	}
	hk_buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct hk_slice text = hk_slice_of(data, n), item;
	struct hk_tags tags;
	unsigned flags;

	for (flags = 0; flags < 8; flags++)
		if (hk_tags_parse(text, flags, &tags) == HK_OK)
			round_trip(&tags, flags);
	while (hk_tags_item(&text, ':', &item))
		;
	return 0;
}
