/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a DNS message. The first two say the type, the third how long the name is that
 * follows. What is decoded must be in our own form: it survives a copy and the store unchanged.
 */
#include <stdlib.h>

#include <hikyaku/dns.h>

static void store_and_compare(struct hk_arena *a, const struct hk_dns_answer *answer)
{
	struct hk_buf first, second;
	struct hk_cursor c;
	struct hk_dns_answer back;

	hk_buf_init(&first, 1 << 20);
	hk_buf_init(&second, 1 << 20);
	hk_dns_answer_format(answer, &first);
	c = hk_cursor_of(hk_buf_slice(&first));
	if (hk_buf_status(&first) != HK_OK || hk_dns_answer_read(a, &c, &back) != HK_OK || c.rest.n)
		abort();
	hk_dns_answer_format(&back, &second);
	if (!hk_slice_eq(hk_buf_slice(&first), hk_buf_slice(&second)))
		abort();
	hk_buf_done(&first);
	hk_buf_done(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct hk_cursor c = hk_cursor_of(hk_slice_of(bytes, n));
	struct hk_dns_question q = {.type = hk_cursor_u16(&c)};
	struct hk_dns_answer answer, copy;
	struct hk_arena a;

	hk_arena_init(&a, 8 << 20);
	if (hk_dns_name_normalise(&a, hk_cursor_take(&c, hk_cursor_u8(&c)), &q.name) == HK_OK &&
	    hk_dns_answer_parse(&a, &q, c.rest, &answer) == HK_OK) {
		if (answer.n > HK_DNS_RRS_MAX || (hk_dns_is_failure(&answer) && answer.n))
			abort();
		if (hk_dns_answer_copy(&a, &answer, &copy) != HK_OK)
			abort();
		store_and_compare(&a, &copy);
	}
	hk_arena_done(&a);
	return 0;
}
