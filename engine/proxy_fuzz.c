/* SPDX-License-Identifier: MIT
 *
 * A PROXY header is read the same whole and in pieces, and never past its end.
 */
#include <stdlib.h>

#include "engine/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hk_proxy proxy = {.port = 0}, piece;
	enum hk_status whole, status = HK_AGAIN;
	size_t used = 0, used_piece = 0, n;

	if (size > 2 * HK_PROXY_MAX)
		return 0;
	whole = hk_proxy_parse(hk_slice_of(data, size), &proxy, &used);
	for (n = 0; n <= size && status == HK_AGAIN; n++)
		status = hk_proxy_parse(hk_slice_of(data, n), &piece, &used_piece);
	if (status != whole || (whole == HK_OK && (used != used_piece || used > size || !hk_ip_eq(&proxy.ip, &piece.ip))))
		abort();
	return 0;
}
