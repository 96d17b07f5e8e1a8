/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include <hikyaku/explain.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct hk_slice s, bool utf8)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if ((s.p[i] < 0x20 && s.p[i] != '\n' && s.p[i] != '\t') || s.p[i] == 0x7f ||
		    (!utf8 && s.p[i] >= 0x80))
			abort();
}

/* One message whose bytes reach every place of the page: nothing unprintable of it gets there, and
 * JSON is never cut short. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hk_slice text = hk_slice_of(data, size);
	struct hk_verify_input in = {.size = sizeof in, .checks = HK_CHECK_SPF | HK_CHECK_DKIM | HK_CHECK_DMARC,
	    .helo = text,
	    .mail_from = text,
	    .has_mail_from = true};
	struct hk_explain_options o = {.size = sizeof o,
	    .language = size % 2 ? HK_JAPANESE : HK_ENGLISH, .show_body = true, .body = text};
	struct hk_dns_answer answer = {.rcode = HK_DNS_NOERROR};
	struct hk_dns_rr rr = {.type = HK_DNS_TXT, .data = text};
	struct hk_verify *v;
	struct hk_arena a;
	struct hk_buf b;

	if (size > 20000 || hk_ip_parse(HK_S("192.0.2.1"), &in.client) != HK_OK)
		return 0;
	hk_arena_init(&a, (size_t)4 * HK_VERIFY_ARENA);
	hk_buf_init(&b, 64 << 20);
	v = hk_verify_new(&a, &in);
	if (v && hk_verify_header(v, text) == HK_OK) {
		enum hk_status status;

		hk_verify_body(v, text);
		hk_verify_end(v);
		while ((status = hk_verify_step(v)) == HK_AGAIN &&
		       hk_verify_question(v, &answer.question)) {
			bool is_text = answer.question.type == HK_DNS_TXT;

			answer.rr = is_text ? &rr : NULL;
			answer.n = is_text;
			if (hk_verify_answer(v, &answer) != HK_OK)
				break;
		}
		if (status == HK_OK) {
			hk_explain_message(v, &o, &b);
			check(hk_buf_slice(&b), o.language == HK_JAPANESE);
			hk_buf_reset(&b);
			hk_explain_json(v, text, &b);
			check(hk_buf_slice(&b), true);
			if (hk_buf_status(&b) != HK_OK || b.n < 2 || b.p[b.n - 1] != '}')
				abort();
		}
	}
	hk_verify_done(v);
	hk_buf_done(&b);
	hk_arena_done(&a);
	return 0;
}
