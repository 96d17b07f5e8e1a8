/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include <hikyaku/authres.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever the input is: is_ours returns; and what format writes with it as id is found again as
 * ours. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hk_slice text = hk_slice_of(data, size), value;
	struct hk_field field = {.name = HK_S("Authentication-Results"), .value = text};
	struct hk_spf_verdict spf = {.result = HK_SPF_FAIL, .sender = text, .reason = text};
	struct hk_dmarc_verdict dmarc = {
	    .result = HK_DMARC_FAIL, .author_domain = text, .reason = text};
	struct hk_authres_input in = {.size = sizeof in,
	    .authserv_id = HK_S("mx.b.test"), .spf = &spf, .dmarc = &dmarc};
	struct hk_buf b;
	size_t i;

	(void)hk_authres_is_ours(&field, HK_S("mx.b.test"));
	in.style = size % 2 ? HK_AUTHRES_RFC : HK_AUTHRES_RSPAMD;
	hk_buf_init(&b, 1 << 20);
	hk_authres_format(&in, &b);
	if (hk_buf_status(&b) != HK_OK || b.n < 2)
		abort();
	for (i = 0; i + 2 < b.n; i++)
		if ((b.p[i] == '\n' && b.p[i + 1] != '\t') || b.p[i] == 0)
			abort();
	value = hk_slice_from(hk_buf_slice(&b), sizeof "Authentication-Results:" - 1);
	field.value = hk_slice_sub(value, 0, value.n - 2);
	if (!hk_authres_is_ours(&field, HK_S("MX.B.test")) ||
	    hk_authres_is_ours(&field, HK_S("other.test")))
		abort();
	hk_buf_done(&b);
	return 0;
}
