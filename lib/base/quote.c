/* SPDX-License-Identifier: MIT */
#include "lib/base/quote.h"

void hk_quote_add(struct hk_buf *b, struct hk_slice s, size_t max)
{
	char quoted[HK_QUOTED_OCTET];
	size_t i;

	for (i = 0; i < s.n && i < max; i++)
		hk_buf_add(b, hk_slice_of(quoted, hk_quote_octet(s.p[i], quoted)));
	if (i < s.n)
		hk_buf_add_str(b, "...");
}
