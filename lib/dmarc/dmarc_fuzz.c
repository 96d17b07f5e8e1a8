/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include <hikyaku/dmarc.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Input: the first octet's lowest bit chooses the profile, the rest of it the number drawn. Then: the first line is the author domain, every further line one TXT record given to the next question
 * in turn. */
static struct hk_slice line(struct hk_slice *rest)
{
	size_t end = hk_slice_find(*rest, '\n');
	struct hk_slice s = hk_slice_sub(*rest, 0, end);

	*rest = hk_slice_from(*rest, end + 1);
	return s;
}

static void answer_all(struct hk_arena *a, struct hk_dmarc *d, struct hk_slice *rest)
{
	struct hk_dns_question q;
	struct hk_slice normal;

	while (hk_dmarc_question(d, &q)) {
		struct hk_dns_rr rr[2] = {{.type = q.type, .data = line(rest)}, {.type = q.type}};
		struct hk_dns_answer answer = {.question = q, .rr = rr, .n = 1};

		if (rr[0].data.n == 0)
			answer = (struct hk_dns_answer){.question = q, .rcode = HK_DNS_NXDOMAIN};
		else if (rr[0].data.p[0] == '!')
			answer = (struct hk_dns_answer){.question = q, .rcode = HK_DNS_SERVFAIL};
		if (hk_dns_name_normalise(a, q.name, &normal) != HK_OK ||
		    !hk_slice_eq(normal, q.name) || hk_dmarc_answer(d, &answer) != HK_OK)
			abort();
	}
}

static void check(const struct hk_dmarc_verdict *v, const struct hk_dmarc_options *options)
{
	if (!v || v->profile != options->profile || v->disposition > v->policy || v->pct > 100 ||
	    hk_dmarc_differences(v, v) != 0)
		abort();
	if ((v->override != HK_DMARC_OVERRIDE_NONE) !=
	    (v->result == HK_DMARC_FAIL && v->disposition != v->policy))
		abort();
	if (v->result == HK_DMARC_PASS && !v->spf_aligned && !v->dkim_aligned)
		abort();
	if (v->profile == HK_DMARC_RFC7489 ? v->testing : v->pct != 100)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct hk_dmarc_options options = {.size = sizeof options,
	    .profile = size && data[0] & 1 ? HK_DMARC_RFC7489 : HK_DMARC_RFC9989,
	    .sample = size ? data[0] / 2 % 100 : 0};
	struct hk_slice rest = hk_slice_from(hk_slice_of(data, size), 1);
	struct hk_dmarc_record r = {.size = sizeof r};
	struct hk_arena a;
	struct hk_dmarc *d;
	enum hk_status status = HK_OK;

	if (hk_dmarc_record_parse(rest, &r) == HK_OK) {
		if ((r.has_p && r.bad_p) || (r.has_sp && r.bad_sp) || (r.has_np && r.bad_np) ||
		    (r.fo.n && !r.ruf.n))
			abort();
	}
	hk_arena_init(&a, 1 << 20);
	d = hk_dmarc_new(&a, line(&rest), &options, hk_trace_new(&a));
	if (d) {
		if (hk_dmarc_spf(d, line(&rest), true, false) != HK_OK ||
		    hk_dmarc_dkim(d, line(&rest), true, false) != HK_OK)
			abort();
		hk_dmarc_ready(d);
		while ((status = hk_dmarc_step(d)) == HK_AGAIN)
			answer_all(&a, d, &rest);
		if (status == HK_OK)
			check(hk_dmarc_result(d), &options);
	}
	hk_arena_done(&a);
	return 0;
}
