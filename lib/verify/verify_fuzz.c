/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include <hikyaku/verify.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char zone_text[] =
    "a.test. TXT \"v=spf1 ip4:192.0.2.0/24 include:b.test mx -all\"\n"
    "a.test. MX 10 mx.a.test.\nmx.a.test. A 192.0.2.1\nb.test. TXT \"v=spf1 redirect=c.test\"\n"
    "s._domainkey.a.test. TXT \"v=DKIM1; k=ed25519; "
    "p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"\n"
    "_dmarc.a.test. TXT \"v=DMARC1; p=reject; sp=quarantine; np=none\"\n"
    "$SERVFAIL _dmarc.b.test. TXT\n";

/* Of a name: its last label, for a suffix; and for A-labels any name will do. */
static enum hk_status answer(struct hk_arena *a, const struct hk_zone *zone,
    const struct hk_dns_question *q, struct hk_dns_answer *ret)
{
	struct hk_dns_rr *rr = hk_arena_alloc(a, sizeof *rr);

	if (!hk_dns_type_is_local(q->type))
		return hk_zone_answer(zone, a, q, ret);
	if (!rr)
		return HK_NOMEM;
	rr->type = q->type;
	rr->data = q->type == HK_DNS_ALABEL ? HK_S("xn--4db.a.test") : q->name;
	while (q->type == HK_DNS_SUFFIX && hk_dns_name_labels(rr->data) > 1)
		rr->data = hk_dns_name_parent(rr->data);
	*ret = (struct hk_dns_answer){.question = *q, .rr = rr, .n = 1};
	return HK_OK;
}

/* How many were answered, or SIZE_MAX without memory. */
static size_t answer_open(struct hk_verify *v, struct hk_arena *a, const struct hk_zone *zone)
{
	struct hk_dns_question q;
	struct hk_dns_answer given;
	size_t n;

	for (n = 0; hk_verify_question(v, &q); n++)
		if (answer(a, zone, &q, &given) != HK_OK || hk_verify_answer(v, &given) != HK_OK)
			return SIZE_MAX;
	return n;
}

static enum hk_status answer_all(
    struct hk_verify *v, struct hk_arena *a, const struct hk_zone *zone)
{
	enum hk_status status;
	size_t asked = 0;

	while ((status = hk_verify_step(v)) == HK_AGAIN) {
		size_t n = answer_open(v, a, zone);

		if (n == SIZE_MAX)
			return HK_NOMEM;
		asked += n;
		if (n == 0 || asked > HK_VERIFY_MAX_QUESTIONS)
			abort(); /* it waits for nothing, or asks without end */
	}
	return status;
}

/* A verdict replays: from its record come the same results and the same record. */
static void replay(const struct hk_verify *v)
{
	const struct hk_verify_verdict *was = hk_verify_result(v), *is;
	struct hk_verify *again = NULL;
	struct hk_buf record, second;
	struct hk_arena a;

	hk_buf_init(&record, HK_VERIFY_RECORD_MAX);
	hk_buf_init(&second, HK_VERIFY_RECORD_MAX);
	hk_arena_init(&a, (size_t)2 * HK_VERIFY_ARENA);
	hk_verify_record_format(v, &record);
	if (hk_verify_replay(&a, hk_buf_slice(&record), &again) != HK_OK)
		abort();
	is = hk_verify_result(again);
	if (is->spf->result != was->spf->result || is->n_dkim != was->n_dkim ||
	    is->dmarc->result != was->dmarc->result || is->arc->cv != was->arc->cv ||
	    is->dmarc->override != was->dmarc->override ||
	    is->dmarc->profile != was->dmarc->profile || is->dmarc_differs != was->dmarc_differs ||
	    hk_trace_count(hk_verify_trace(again)) != hk_trace_count(hk_verify_trace(v)))
		abort();
	hk_verify_record_format(again, &second);
	if (!hk_slice_eq(hk_buf_slice(&record), hk_buf_slice(&second)))
		abort();
	hk_verify_done(again);
	hk_arena_done(&a);
	hk_buf_done(&record);
	hk_buf_done(&second);
}

/* The input is a whole message; its first byte chooses the checks and how the body is cut. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hk_verify_input in = {.size = sizeof in, .checks = HK_CHECK_DMARC | HK_CHECK_SPF | HK_CHECK_ARC,
	    .helo = HK_S("mx.a.test"),
	    .mail_from = HK_S("u@a.test"),
	    .has_mail_from = true,
	    .authserv_id = HK_S("h.test"),
	    .now = 1731333660,
	    .trusted_sealers = HK_S("a.test")};
	struct hk_slice whole = hk_slice_of(data, size), body = {0};
	struct hk_splitter splitter;
	struct hk_zone *zone;
	struct hk_verify *v;
	struct hk_arena a;
	size_t chunk;

	if (size == 0 || hk_ip_parse(HK_S("192.0.2.7"), &in.client) != HK_OK)
		return 0;
	in.has_mail_from = data[0] & 1;
	in.dmarc_profile = data[0] & 2 ? HK_DMARC_RFC7489 : HK_DMARC_RFC9989;
	in.compare_profiles = data[0] & 4;
	chunk = data[0] / 8 + 1u;
	hk_arena_init(&a, (size_t)2 * HK_VERIFY_ARENA);
	hk_splitter_init(&splitter, HK_HEADER_SECTION_MAX);
	v = hk_verify_new(&a, &in);
	if (v && hk_zone_parse(&a, hk_slice_str(zone_text), &zone, NULL) == HK_OK &&
	    hk_splitter_feed(&splitter, hk_slice_from(whole, 1), &body) == HK_OK &&
	    hk_verify_names(v, hk_splitter_header(&splitter)) == HK_OK &&
	    answer_open(v, &a, zone) != SIZE_MAX &&
	    hk_verify_header(v, hk_splitter_header(&splitter)) == HK_OK) {
		for (; body.n; body = hk_slice_from(body, chunk))
			hk_verify_body(v, hk_slice_sub(body, 0, chunk));
		hk_verify_end(v);
		if (answer_all(v, &a, zone) == HK_OK) {
			/* ARC never turns a fail into a pass, nor helps what did not fail */
			if (hk_verify_result(v)->dmarc->override == HK_DMARC_OVERRIDE_LOCAL_POLICY &&
			    (hk_verify_result(v)->dmarc->result != HK_DMARC_FAIL ||
			        !hk_verify_result(v)->arc->is_trusted))
				abort();
			replay(v);
		}
	}
	hk_verify_done(v);
	hk_splitter_done(&splitter);
	hk_arena_done(&a);
	return 0;
}
