/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include <hikyaku/sts.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

/* Any bytes are a record, or none; a policy that was read keeps its bounds, and lets each of its own hosts pass. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hk_dns_rr rr = {.type = HK_DNS_TXT, .data = hk_slice_of(data, size)};
	struct hk_dns_answer answer = {.rr = &rr, .n = 1};
	struct hk_sts_policy policy;
	struct hk_slice id;
	struct hk_arena a;
	size_t i;

	if (hk_sts_record_find(&answer, &id) == HK_OK)
		must(id.n > 0 && id.n <= HK_STS_ID_MAX && id.p >= data && id.p + id.n <= data + size);
	hk_arena_init(&a, 1 << 20);
	if (hk_sts_policy_parse(&a, rr.data, &policy) == HK_OK) {
		must(policy.max_age <= HK_STS_MAX_AGE && policy.n_mx <= HK_STS_MX_MAX);
		must(policy.mode == HK_STS_NONE || policy.n_mx);
		for (i = 0; i < policy.n_mx; i++)
			must(policy.mx[i].p[0] == '*' || hk_sts_permits(&policy, policy.mx[i]));
		hk_sts_permits(&policy, rr.data);
	}
	hk_arena_done(&a);
	return 0;
}
