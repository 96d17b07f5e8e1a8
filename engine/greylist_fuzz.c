/* SPDX-License-Identifier: MIT
 *
 * Whatever the file holds, the table is usable; the checksum is put right so that the rows are reached.
 */
#include <stdlib.h>

#include "engine/greylist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hk_greylist_query q = {.client = {.family = 4}, .delay = 300, .utc = 1700000000};
	struct hk_greylist *g = NULL;
	struct hk_buf text;

	hk_buf_init(&text, HK_GREYLIST_TEXT_MAX);
	hk_buf_add(&text, hk_slice_of(data, size));
	if (hk_buf_status(&text) == HK_OK)
		hk_buf_add_u32(&text, hk_crc32c(0, hk_buf_slice(&text)));
	if (hk_greylist_parse(hk_buf_slice(&text), 64, &g) == HK_OK && hk_greylist_wait(g, &q) > 300)
		abort();
	hk_greylist_free(g);
	hk_buf_done(&text);
	return 0;
}
