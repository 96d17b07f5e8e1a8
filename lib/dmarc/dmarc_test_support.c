/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dmarc_test_support.h"
#include "tests/unit.h"

static struct hk_zone *load(struct hk_arena *a, const char *text)
{
	struct hk_zone *zone = NULL;
	struct hk_zone_error error = {0};

	if (hk_zone_parse(a, hk_slice_str(text), &zone, &error) != HK_OK)
		fail_msg("zone line %zu: %s", error.line, error.what);
	return zone;
}

static void give(struct hk_dmarc *d, bool is_spf, const char *domain)
{
	bool passed = domain[0] != '!' && domain[0] != '?', temporary = domain[0] == '?';
	struct hk_slice name = hk_slice_str(domain + (passed ? 0 : 1));

	assert_int_equal(
	    (is_spf ? hk_dmarc_spf : hk_dmarc_dkim)(d, name, passed, temporary), HK_OK);
}

/* The longest of the suffixes that ends the name, else its last label, as the list's own rule "*" has it. */
static void answer_suffix(struct hk_arena *a, const char *list, const struct hk_dns_question *q,
    struct hk_dns_answer *ret)
{
	struct hk_dns_rr *rr = hk_arena_alloc(a, sizeof *rr);
	struct hk_slice rest = hk_slice_str(list), item, best = q->name;

	assert_non_null(rr);
	*ret = (struct hk_dns_answer){.question = *q, .rcode = HK_DNS_TIMEOUT};
	if (strcmp(list, "?") == 0)
		return;
	while (hk_dns_name_labels(best) > 1)
		best = hk_dns_name_parent(best);
	while (hk_tags_item(&rest, ' ', &item))
		if (item.n > best.n && hk_dns_name_is_below(q->name, item))
			best = item;
	*rr = (struct hk_dns_rr){.type = q->type, .data = best};
	ret->rcode = HK_DNS_NOERROR;
	ret->rr = rr;
	ret->n = 1;
}

enum { QUEUE_MAX = 400 };

void dmarc_run(const struct given *g, bool backwards, struct outcome *o)
{
	static struct hk_dns_answer queue[QUEUE_MAX];
	size_t n = 0, i;
	const struct hk_dmarc_options old = {
	    .size = sizeof old, .profile = HK_DMARC_RFC7489, .sample = g->sample};
	struct hk_dns_question q;
	struct hk_zone *zone;
	struct hk_dmarc *d;
	bool told = false;

	memset(o, 0, sizeof *o);
	hk_arena_init(&o->arena, 1 << 20);
	zone = load(&o->arena, g->zone);
	o->trace = hk_trace_new(&o->arena);
	d = hk_dmarc_new(&o->arena, hk_slice_str(g->author), g->suffix ? &old : NULL, o->trace);
	assert_non_null(d);
	while (hk_dmarc_step(d) == HK_AGAIN) {
		while (hk_dmarc_question(d, &q)) {
			assert_true(n < QUEUE_MAX);
			if (q.type == HK_DNS_SUFFIX)
				answer_suffix(&o->arena, g->suffix, &q, &queue[n]);
			else
				assert_int_equal(
				    hk_zone_answer(zone, &o->arena, &q, &queue[n]), HK_OK);
			snprintf(o->log + strlen(o->log), sizeof o->log - strlen(o->log),
			    "%.*s %s %s\n", HK_FMT(q.name), hk_dns_type_name(q.type),
			    hk_dns_rcode_name(queue[n].rcode));
			n++;
			o->asked++;
		}
		if (n) {
			struct hk_dns_answer answer = queue[backwards ? n - 1 : 0];

			assert_int_equal(hk_dmarc_answer(d, &answer), HK_OK);
			if (!backwards)
				memmove(queue, queue + 1, (n - 1) * sizeof queue[0]);
			n--;
			continue;
		}
		assert_false(told);
		told = true;
		if (g->spf)
			give(d, true, g->spf);
		for (i = 0; i < 3 && g->dkim[i]; i++)
			give(d, false, g->dkim[i]);
		hk_dmarc_ready(d);
	}
	o->verdict = hk_dmarc_result(d);
	assert_non_null(o->verdict);
}

static bool same(struct hk_slice s, const char *text)
{
	return hk_slice_eq(s, hk_slice_str(text ? text : ""));
}

void dmarc_check(const struct given *g, const struct want *w)
{
	struct outcome o;
	int backwards;

	for (backwards = 0; backwards < 2; backwards++) {
		const struct hk_dmarc_verdict *v;

		dmarc_run(g, backwards, &o);
		v = o.verdict;
		if (v->result != w->result || v->policy != w->policy ||
		    v->disposition != w->disposition || !same(v->record_domain, w->record_domain) ||
		    !same(v->org_domain, w->org_domain) || v->spf_aligned != w->spf_aligned ||
		    v->dkim_aligned != w->dkim_aligned ||
		    (w->reason && !same(v->reason, w->reason)))
			fail_msg("%s: dmarc=%s policy %s disposition %s record %.*s org %.*s spf "
			         "%d dkim %d reason %.*s\n%s",
			    g->title, hk_dmarc_result_name(v->result),
			    hk_dmarc_policy_name(v->policy), hk_dmarc_policy_name(v->disposition),
			    HK_FMT(v->record_domain), HK_FMT(v->org_domain), v->spf_aligned,
			    v->dkim_aligned, HK_FMT(v->reason), o.log);
		hk_arena_done(&o.arena);
	}
}
