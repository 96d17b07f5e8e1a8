/* SPDX-License-Identifier: MIT
 *
 * Lines: a client address; then one line for each question, in the order in which they come first:
 * '!' fails, '-' does not exist, anything else is the records, between '|'. The count must keep its
 * promises, and whoever passes by the evaluator must be among those that were counted.
 */
#include <stdlib.h>

#include <hikyaku/spf.h>

/* The record, and ten terms, each at most an MX and ten hosts in two families (RFC 7208 4.6.4). */
enum { QUESTIONS_MAX = 1 + 10 * (1 + 10 * 2), RECORDS = 16, VOIDS = 1000 };

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

struct answers {
	struct hk_arena *a;
	struct hk_evidence *given;
	struct hk_slice lines;
};

static struct hk_slice take_line(struct hk_slice *rest, uint8_t end)
{
	struct hk_slice line = hk_slice_sub(*rest, 0, hk_slice_find(*rest, end));

	*rest = hk_slice_from(*rest, line.n + 1);
	return line;
}

static bool read_record(struct hk_arena *a, uint16_t type, struct hk_slice text, struct hk_dns_rr *ret)
{
	*ret = (struct hk_dns_rr){.type = type, .data = text};
	if (type == HK_DNS_TXT)
		return true;
	if (type == HK_DNS_A || type == HK_DNS_AAAA)
		return hk_ip_parse(text, &ret->ip) == HK_OK &&
		       ret->ip.family == (type == HK_DNS_A ? 4 : 6);
	return hk_dns_name_normalise(a, text, &ret->data) == HK_OK;
}

/* The same answer to the same question, whoever asks. */
static const struct hk_dns_answer *answer_to(struct answers *w, const struct hk_dns_question *q)
{
	const struct hk_dns_answer *known = hk_evidence_find(w->given, q);
	struct hk_dns_rr rr[RECORDS];
	struct hk_dns_answer made = {.question = *q, .rr = rr};
	struct hk_slice line, name;

	REQUIRE(hk_dns_name_normalise(w->a, q->name, &name) == HK_OK && hk_slice_eq(name, q->name));
	if (known)
		return known;
	line = take_line(&w->lines, '\n');
	if (line.n && line.p[0] == '!')
		made.rcode = HK_DNS_SERVFAIL;
	else if (line.n == 0 || line.p[0] == '-')
		made.rcode = HK_DNS_NXDOMAIN;
	while (made.rcode == HK_DNS_NOERROR && line.n && made.n < RECORDS)
		made.n += read_record(w->a, q->type, take_line(&line, '|'), &rr[made.n]);
	REQUIRE(hk_evidence_add(w->given, &made) == HK_OK);
	return hk_evidence_find(w->given, q);
}

static const struct hk_spf_extent_verdict *count(struct answers *w)
{
	struct hk_spf_extent *q = hk_spf_extent_new(w->a, HK_S("a.test"));
	struct hk_dns_question question;
	size_t questions = 0;

	REQUIRE(q);
	while (hk_spf_extent_step(q) == HK_AGAIN) {
		REQUIRE(hk_spf_extent_question(q, &question) && ++questions <= QUESTIONS_MAX);
		if (hk_spf_extent_answer(q, answer_to(w, &question)) != HK_OK)
			return NULL;
	}
	return hk_spf_extent_result(q);
}

static enum hk_spf_result evaluate(struct answers *w, const struct hk_ip *client)
{
	struct hk_spf_input in = {.size = sizeof in, .client = *client, .helo = HK_S("a.test"), .check_helo = true, .max_voids = VOIDS};
	struct hk_spf *q = hk_spf_new(w->a, &in, NULL);
	struct hk_dns_question question;

	REQUIRE(q);
	while (hk_spf_step(q) == HK_AGAIN) {
		REQUIRE(hk_spf_question(q, &question));
		REQUIRE(hk_spf_answer(q, answer_to(w, &question)) == HK_OK);
	}
	return hk_spf_result(q)->result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hk_slice rest = hk_slice_of(data, size);
	const struct hk_spf_extent_verdict *v;
	struct hk_ip client = {0};
	struct answers w;
	struct hk_arena a;

	hk_arena_init(&a, 64u << 20);
	if (hk_ip_parse(take_line(&rest, '\n'), &client) != HK_OK)
		client.family = 4;
	w = (struct answers){.a = &a, .given = hk_evidence_new(&a), .lines = rest};
	REQUIRE(w.given);
	v = count(&w);
	if (v) {
		REQUIRE(v->reason.n > 0 && v->ipv6.n > 0 && v->ipv4 <= (uint64_t)1 << 32);
		REQUIRE(v->lookups <= HK_SPF_MAX_LOOKUPS || v->result == HK_SPF_PERMERROR);
		if (v->result == HK_SPF_PASS && !v->is_partial &&
		    evaluate(&w, &client) == HK_SPF_PASS)
			REQUIRE(client.family == 4 ? v->ipv4 > 0 : !hk_slice_eq(v->ipv6, HK_S("0")));
	}
	hk_arena_done(&a);
	return 0;
}
