/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "io/fetch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

/* Any bytes are a message or none; one that is, is the same again when it is written. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hk_slice in = hk_slice_of(data, size);
	struct hk_fetch_request request;
	struct hk_fetch_reply reply;
	struct hk_buf out;

	hk_buf_init(&out, 1 << 20);
	if (hk_fetch_request_parse(in, &request) == HK_OK) {
		must(hk_is_hostname(request.domain, false));
		hk_fetch_request_format(&request, &out);
		must(hk_slice_eq(hk_buf_slice(&out), in));
	}
	hk_buf_reset(&out);
	if (hk_fetch_reply_parse(in, &reply) == HK_OK) {
		must(reply.text.n <= HK_STS_POLICY_MAX);
		hk_fetch_reply_format(&reply, &out);
		must(hk_slice_eq(hk_buf_slice(&out), in));
	}
	hk_buf_done(&out);
	return 0;
}
