/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "lib/dkim/dkim_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What must hold of every signature that is taken to be well formed. */
static void check_sound(const struct hk_dkim_signature *sig, struct hk_slice value)
{
	if (!hk_dkim_is_domain(sig->d) || !sig->s.n || !sig->b.n || !sig->bh.n || !sig->h.n ||
	    !sig->i.n)
		abort();
	if (!hk_dns_name_is_below(sig->i_domain, sig->d))
		abort();
	if (sig->b_span.p < value.p || sig->b_span.p + sig->b_span.n > value.p + value.n)
		abort();
}

/* The field without the value of b= has the same other tags, and no b=. */
static void check_blank(
    struct hk_arena *a, const struct hk_dkim_signature *sig, struct hk_slice value)
{
	struct hk_field field = {.raw = value, .name = HK_S("DKIM-Signature"), .value = value},
	                blanked;
	struct hk_dkim_signature again;

	if (hk_dkim_blank(a, &field, sig->b_span, &blanked) != HK_OK ||
	    hk_dkim_signature_parse(a, blanked.value, &again) != HK_OK)
		return;
	if (again.fault != HK_DKIM_R_SIGNATURE_TEXT || !hk_slice_eq(again.d, sig->d) ||
	    !hk_slice_eq(again.h, sig->h) || !hk_slice_eq(again.bh, sig->bh))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct hk_slice value = hk_slice_of(data, n), domain;
	struct hk_dkim_signature sig;
	struct hk_arena a;

	hk_arena_init(&a, 1 << 20);
	if (hk_dkim_signature_parse(&a, value, &sig) == HK_OK && sig.fault == HK_DKIM_R_OK) {
		check_sound(&sig, value);
		check_blank(&a, &sig, value);
		if (hk_dkim_signature_domain(&a, value, &domain) == HK_OK &&
		    !hk_slice_eq(domain, sig.d))
			abort();
	}
	hk_arena_done(&a);
	return 0;
}
