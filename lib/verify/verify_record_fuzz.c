/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include <hikyaku/verify.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Any bytes; the checksum is put right first, or nothing behind it would ever be reached. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hk_verify *v = NULL;
	struct hk_buf record;
	struct hk_arena a;

	hk_buf_init(&record, HK_VERIFY_RECORD_MAX + 8);
	hk_buf_add(&record, hk_slice_of(data, size));
	hk_buf_add_u32(&record, hk_crc32c(0, hk_buf_slice(&record)));
	hk_arena_init(&a, HK_VERIFY_ARENA);
	if (hk_verify_replay(&a, hk_buf_slice(&record), &v) == HK_OK) {
		if (!hk_verify_result(v))
			abort();
		hk_verify_done(v);
	}
	hk_arena_done(&a);
	hk_buf_done(&record);
	return 0;
}
