/* SPDX-License-Identifier: MIT
 *
 * Any bytes as stored evidence. The checksum is made right first, else nothing behind it would be
 * reached. What is read is written again the same, byte for byte.
 */
#include <stdlib.h>
#include <string.h>

#include <hikyaku/dns.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct hk_buf stored, again;
	struct hk_evidence *e;
	struct hk_arena a;

	hk_arena_init(&a, 4 << 20);
	hk_buf_init(&stored, 1 << 20);
	hk_buf_init(&again, 1 << 20);
	hk_buf_add(&stored, hk_slice_of(bytes, n));
	(void)!hk_evidence_parse(&a, hk_buf_slice(&stored), &e);
	hk_buf_add_u32(&stored, hk_crc32c(0, hk_slice_of(bytes, n)));
	if (hk_evidence_parse(&a, hk_buf_slice(&stored), &e) == HK_OK) {
		hk_evidence_format(e, &again);
		if (!hk_slice_eq(hk_buf_slice(&stored), hk_buf_slice(&again)))
			abort();
	}
	hk_buf_done(&stored);
	hk_buf_done(&again);
	hk_arena_done(&a);
	return 0;
}
