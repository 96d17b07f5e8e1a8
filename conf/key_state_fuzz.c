/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "conf/key_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A state file that is read is written the same again, once its form is the usual one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hk_key_entry *one, *two;
	struct hk_buf first, second;
	size_t n, m, line;
	struct hk_arena a;

	hk_arena_init(&a, 64 * 1024 * 1024);
	hk_buf_init(&first, HK_KEY_STATE_MAX);
	hk_buf_init(&second, HK_KEY_STATE_MAX);
	if (hk_key_entries_parse(&a, hk_slice_of(data, size), &one, &n, &line) == HK_OK) {
		hk_key_entries_format(one, n, &first);
		if (hk_key_entries_parse(&a, hk_buf_slice(&first), &two, &m, &line) != HK_OK || m != n)
			abort();
		hk_key_entries_format(two, m, &second);
		if (!hk_slice_eq(hk_buf_slice(&first), hk_buf_slice(&second)))
			abort();
	}
	hk_buf_done(&first);
	hk_buf_done(&second);
	hk_arena_done(&a);
	return 0;
}
