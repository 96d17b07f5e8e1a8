/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include <hikyaku/srs.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

static bool has(struct hk_slice s, struct hk_slice what)
{
	size_t i;

	for (i = 0; i + what.n <= s.n; i++)
		if (hk_slice_eq_nocase(hk_slice_sub(s, i, what.n), what))
			return true;
	return false;
}

/* Reverse takes any bytes; what forward made is undone: to the address itself, but for quotes that it did not need. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hk_slice secrets[] = {HK_S("one"), HK_S("two")}, address = hk_slice_of(data, size);
	struct hk_srs_config old = {.size = sizeof old, .secret = &secrets[1], .n_secrets = 1, .domain = HK_S("f.test")},
			     config = {.size = sizeof config, .secret = secrets, .n_secrets = 2, .domain = HK_S("f.test"),
				 .fold = HK_SRS_FOLD_LONG};
	struct hk_srs_verdict there, back, again;
	struct hk_arena a;
	int64_t now = (int64_t)size * 86400;

	hk_arena_init(&a, 1 << 20);
	old.fold = (enum hk_srs_fold)(size % 3);
	must(hk_srs_reverse(&config, address, now, &a, &back) == HK_OK);
	must(hk_srs_forward(&old, address, now, &a, &there) == HK_OK);
	/* who says that we were the first forwarder, and lies, gets no bounce */
	if (has(address, HK_S("=f.test=")))
		there.result = HK_SRS_LOCAL;
	if (there.result == HK_SRS_OK || there.result == HK_SRS_FOLDED) {
		must(hk_srs_reverse(&config, there.address, now + 20 * 86400, &a, &back) == HK_OK);
		must(back.result == there.result);
		must(hk_slice_eq(back.fold_key, there.fold_key));
	}
	if (there.result == HK_SRS_OK) {
		bool was_srs = hk_slice_starts_nocase(there.address, HK_S("SRS1")) ||
		    hk_slice_starts_nocase(there.address, HK_S("\"SRS1"));

		must(was_srs || data[0] == '"' || hk_slice_eq(back.address, address));
		must(hk_srs_forward(&old, back.address, now, &a, &again) == HK_OK);
		must(hk_slice_eq(again.address, there.address));
	}
	hk_arena_done(&a);
	return 0;
}
