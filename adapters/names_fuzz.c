/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include <hikyaku/names.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a conversion gives is a host name that stays as it is; shown to people and converted back, it is the same again: by
 * libidn2, and by the library's own Punycode, which has none of its tables. */
static void check(struct hk_arena *a, struct hk_slice alabel)
{
	struct hk_slice again, shown;

	if (!hk_is_hostname(alabel, false))
		abort();
	if (hk_names_alabel(a, alabel, &again) != HK_OK || !hk_slice_eq(again, alabel))
		abort();
	if (hk_names_ulabel(a, alabel, &shown) == HK_OK &&
	    (hk_names_alabel(a, shown, &again) != HK_OK || !hk_slice_eq(again, alabel) ||
	        hk_dns_name_to_ascii(a, shown, &again) != HK_OK || !hk_slice_eq_nocase(again, alabel)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hk_names *names;
	struct hk_slice text = hk_slice_of(data, size), name, alabel, suffix;
	struct hk_dns_answer answer;
	struct hk_arena a;

	if (!names && hk_names_open(NULL, &names) != HK_OK)
		return 0;
	hk_arena_init(&a, 1 << 16);
	if (hk_names_alabel(&a, text, &alabel) == HK_OK)
		check(&a, alabel);
	if (hk_dns_name_normalise(&a, text, &name) == HK_OK) {
		const struct hk_dns_question q = {name, HK_DNS_ALABEL};

		suffix = hk_names_suffix(names, name);
		if (!hk_dns_name_is_below(name, suffix) || (name.n > 0) != (suffix.n > 0))
			abort();
		if (hk_names_answer(names, &q, &a, &answer) != HK_OK)
			abort();
		if (answer.n)
			check(&a, answer.rr[0].data);
	}
	hk_arena_done(&a);
	return 0;
}
