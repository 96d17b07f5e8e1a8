/* SPDX-License-Identifier: MIT
 *
 * Requests and lines of an answer. What parses as a request formats to one that parses to the same.
 */
#include <stdlib.h>

#include "engine/operator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again(struct hk_arena *a, const struct hk_operator_request *r)
{
	struct hk_operator_request got;
	struct hk_buf b;
	const char *why;

	hk_buf_init(&b, 4 * (size_t)HK_OPERATOR_REQUEST_MAX);
	hk_operator_request_format(r, &b);
	if (hk_buf_status(&b) != HK_OK)
		abort();
	/* a domain that is no UTF-8 grows by U+FFFD */
	if (b.n < HK_OPERATOR_REQUEST_MAX && r->domain.n < 64 &&
	    (hk_operator_request_parse(a, hk_slice_sub(hk_buf_slice(&b), 0, b.n - 1), &got, &why) != HK_OK || got.verb != r->verb ||
	        got.n_ids != r->n_ids || got.all != r->all))
		abort();
	hk_buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hk_operator_request r;
	struct hk_operator_line l;
	struct hk_arena a;
	const char *why;

	hk_arena_init(&a, 1024 * 1024);
	if (hk_operator_request_parse(&a, hk_slice_of(data, size), &r, &why) == HK_OK)
		again(&a, &r);
	(void)!hk_operator_line_parse(&a, hk_slice_of(data, size), &l);
	hk_arena_done(&a);
	return 0;
}
