/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "io/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What parses, formats to the same octets; and whatever comes, there is a reply that parses. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hk_keys *keys;
	uint8_t request[HK_KEYS_REQUEST], reply[HK_KEYS_REPLY];
	struct hk_slice in = hk_slice_of(data, size);
	struct hk_keys_request r;
	struct hk_keys_reply answer;

	if (!keys)
		keys = hk_keys_new();
	if (hk_keys_request_parse(in, &r) == HK_OK) {
		hk_keys_request_format(&r, request);
		if (memcmp(request, data, sizeof request) != 0)
			abort();
	}
	if (hk_keys_reply_parse(in, &answer) == HK_OK) {
		hk_keys_reply_format(&answer, reply);
		if (hk_keys_reply_parse(hk_slice_of(reply, sizeof reply), &answer) != HK_OK)
			abort();
	}
	hk_keys_answer(keys, in, reply);
	if (hk_keys_reply_parse(hk_slice_of(reply, sizeof reply), &answer) != HK_OK ||
	    answer.status == HK_OK)
		abort();
	return 0;
}
