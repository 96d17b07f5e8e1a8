/* SPDX-License-Identifier: MIT
 *
 * Lines: MAIL FROM, HELO, client address; then one line for each question, in the order in which
 * they come: '!' fails, '-' does not exist, anything else is the records, between '|'. The verdict
 * must keep its promises, and the evidence of the first run must give the same one in a second.
 */
#include <stdlib.h>

#include <hikyaku/spf.h>

/* The record, ten terms, each at most an MX and ten hosts or a PTR and ten names, and exp= (RFC
 * 7208 4.6.4). */
enum { QUESTIONS_MAX = 1 + 10 * 11 + 11 + 1, RECORDS = 16 };

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static struct hk_slice take_line(struct hk_slice *rest, uint8_t end)
{
	struct hk_slice line = hk_slice_sub(*rest, 0, hk_slice_find(*rest, end));

	*rest = hk_slice_from(*rest, line.n + 1);
	return line;
}

static void make_answer(struct hk_arena *a, const struct hk_dns_question *q, struct hk_slice line,
    struct hk_dns_answer *ret)
{
	struct hk_dns_rr *rr = hk_arena_array(a, RECORDS, sizeof *rr);

	*ret = (struct hk_dns_answer){.question = *q, .rr = rr};
	if (line.n && line.p[0] == '!')
		ret->rcode = HK_DNS_SERVFAIL;
	else if (line.n == 0 || line.p[0] == '-')
		ret->rcode = HK_DNS_NXDOMAIN;
	while (ret->rcode == HK_DNS_NOERROR && line.n && ret->n < RECORDS) {
		struct hk_slice text = take_line(&line, '|');
		struct hk_dns_rr *next = &rr[ret->n];

		next->type = q->type;
		next->preference = (uint16_t)text.n;
		next->data = text;
		if ((q->type == HK_DNS_A || q->type == HK_DNS_AAAA) &&
		    hk_ip_parse(text, &next->ip) != HK_OK)
			continue;
		if ((q->type == HK_DNS_MX || q->type == HK_DNS_PTR) &&
		    hk_dns_name_normalise(a, text, &next->data) != HK_OK)
			continue;
		ret->n++;
	}
}

static void check_question(struct hk_arena *a, const struct hk_dns_question *q)
{
	struct hk_slice name;

	REQUIRE(q->name.n > 0);
	REQUIRE(hk_dns_name_normalise(a, q->name, &name) == HK_OK && hk_slice_eq(name, q->name));
}

static void check_verdict(const struct hk_spf_verdict *v)
{
	size_t i;

	REQUIRE(v->reason.n > 0);
	REQUIRE(v->lookups <= HK_SPF_MAX_LOOKUPS + 1 && v->voids <= HK_SPF_MAX_VOIDS + 1);
	if (v->lookups > HK_SPF_MAX_LOOKUPS || v->voids > HK_SPF_MAX_VOIDS)
		REQUIRE(v->result == HK_SPF_PERMERROR);
	REQUIRE(v->explanation.n == 0 || v->result == HK_SPF_FAIL);
	for (i = 0; i < v->explanation.n; i++)
		REQUIRE(v->explanation.p[i] == ' ' || hk_is_graph(v->explanation.p[i]));
}

static void run(struct hk_arena *a, const struct hk_spf_input *in, struct hk_slice lines,
    struct hk_spf_verdict *ret, struct hk_evidence *evidence, bool replay)
{
	struct hk_spf *q = hk_spf_new(a, in, hk_trace_new(a));
	struct hk_dns_question question;
	struct hk_dns_answer made;
	const struct hk_dns_answer *answer;
	size_t questions = 0;

	REQUIRE(q);
	while (hk_spf_step(q) == HK_AGAIN) {
		REQUIRE(hk_spf_question(q, &question) && ++questions <= QUESTIONS_MAX);
		check_question(a, &question);
		answer = hk_evidence_find(evidence, &question);
		if (!answer) {
			REQUIRE(!replay);
			make_answer(a, &question, take_line(&lines, '\n'), &made);
			REQUIRE(hk_evidence_add(evidence, &made) == HK_OK);
			answer = &made;
		}
		REQUIRE(hk_spf_answer(q, answer) == HK_OK);
	}
	REQUIRE(hk_spf_step(q) == HK_OK);
	*ret = *hk_spf_result(q);
	check_verdict(ret);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct hk_slice rest = hk_slice_of(bytes, n);
	struct hk_spf_input in = {.size = sizeof in, .mail_from = take_line(&rest, '\n')};
	struct hk_spf_verdict first, second;
	struct hk_evidence *evidence;
	struct hk_arena a;

	in.helo = take_line(&rest, '\n');
	if (hk_ip_parse(take_line(&rest, '\n'), &in.client) != HK_OK)
		in.client = (struct hk_ip){4, {192, 0, 2, 1}};
	hk_arena_init(&a, 64 << 20);
	evidence = hk_evidence_new(&a);
	REQUIRE(evidence);
	run(&a, &in, rest, &first, evidence, false);
	run(&a, &in, rest, &second, evidence, true);
	REQUIRE(first.result == second.result && first.lookups == second.lookups &&
	        first.voids == second.voids);
	REQUIRE(hk_slice_eq(first.reason, second.reason) &&
	        hk_slice_eq(first.explanation, second.explanation));
	hk_arena_done(&a);
	return 0;
}
