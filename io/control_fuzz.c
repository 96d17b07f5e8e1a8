/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "io/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What parses, formats to the same octets. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hk_control m;
	struct hk_buf b;

	if (hk_control_parse(hk_slice_of(data, size), &m) != HK_OK)
		return 0;
	hk_buf_init(&b, HK_CONTROL_MAX);
	hk_control_format(&m, &b);
	if (b.n != size || memcmp(b.p, data, size) != 0)
		abort();
	hk_buf_done(&b);
	return 0;
}
