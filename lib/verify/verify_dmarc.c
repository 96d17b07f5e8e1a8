/* SPDX-License-Identifier: MIT
 *
 * DMARC among the methods: one evaluator for each author domain, told what SPF and DKIM found. By RFC 9989 there is one
 * author domain or none; RFC 7489 6.6.1 has each of several judged. The other profile may run beside, to be held against
 * the one that counts.
 */
#include "verify_internal.h"

static enum hk_dmarc_profile profile_of(const struct hk_verify *v, enum verify_port_id id)
{
	if (id == PORT_DMARC)
		return v->input.dmarc_profile;
	return v->input.dmarc_profile == HK_DMARC_RFC9989 ? HK_DMARC_RFC7489 : HK_DMARC_RFC9989;
}

static struct verify_dmarc *group_of(struct hk_verify *v, enum verify_port_id id)
{
	return id == PORT_DMARC ? &v->dmarc : &v->other;
}

static bool can_judge(const struct hk_verify *v, enum hk_dmarc_profile profile)
{
	if (v->verdict.from_state == HK_FROM_ONE)
		return true;
	return profile == HK_DMARC_RFC7489 && v->verdict.from_state == HK_FROM_SEVERAL_DOMAINS &&
	       v->n_authors <= VERIFY_AUTHORS_MAX;
}

static enum hk_status start(struct hk_verify *v, enum verify_port_id id)
{
	const struct hk_dmarc_options options = {.size = sizeof options,
	    .profile = profile_of(v, id),
	    .sample = v->input.dmarc_sample};
	struct verify_dmarc *g = group_of(v, id);
	enum hk_status status;

	g->verdict = (struct hk_dmarc_verdict){.result = HK_DMARC_PERMERROR,
	    .profile = options.profile,
	    .pct = 100,
	    .reason = hk_slice_str(verify_from_text(v->verdict.from_state))};
	if (!can_judge(v, options.profile))
		return HK_OK;
	status = verify_port_use(v, id, true);
	for (; status == HK_OK && g->n < v->n_authors; g->n++) {
		g->at[g->n] = hk_dmarc_new(v->arena, v->author[g->n], &options, v->port[id].trace);
		if (!g->at[g->n])
			status = v->arena->failed;
	}
	return status;
}

enum hk_status verify_dmarc_start(struct hk_verify *v)
{
	enum hk_status status;

	if (!(v->input.checks & HK_CHECK_DMARC))
		return HK_OK;
	status = start(v, PORT_DMARC);
	return status == HK_OK && v->input.compare_profiles ? start(v, PORT_OTHER) : status;
}

enum hk_status verify_dmarc_step(struct verify_dmarc *g)
{
	enum hk_status result = HK_OK;
	size_t i;

	for (i = 0; i < g->n; i++) {
		enum hk_status status = hk_dmarc_step(g->at[i]);

		if (status == HK_AGAIN)
			result = HK_AGAIN;
		else if (status != HK_OK)
			return status;
	}
	return result;
}

bool verify_dmarc_question(struct verify_dmarc *g, struct hk_dns_question *ret)
{
	size_t i;

	for (i = 0; i < g->n; i++)
		if (hk_dmarc_question(g->at[i], ret))
			return true;
	return false;
}

/* What one asked, another may have asked as well. */
enum hk_status verify_dmarc_answer(struct verify_dmarc *g, const struct hk_dns_answer *answer)
{
	enum hk_status result = HK_NOTFOUND;
	size_t i;

	for (i = 0; i < g->n; i++) {
		enum hk_status status = hk_dmarc_answer(g->at[i], answer);

		if (status == HK_OK)
			result = HK_OK;
		else if (status != HK_NOTFOUND)
			return status;
	}
	return result;
}

/* What SPF and DKIM found (RFC 9989 5.3). */
static enum hk_status tell(const struct hk_verify *v, struct hk_dmarc *dmarc)
{
	const struct hk_spf_verdict *spf = v->spf ? hk_spf_result(v->spf) : NULL;
	size_t i;

	if (spf) {
		enum hk_status status = hk_dmarc_spf(dmarc, spf->domain,
		    spf->result == HK_SPF_PASS, spf->result == HK_SPF_TEMPERROR);

		if (status != HK_OK)
			return status;
	}
	for (i = 0; v->dkim && i < hk_dkim_verify_count(v->dkim); i++) {
		const struct hk_dkim_verdict *d = hk_dkim_verify_result(v->dkim, i);
		/* A part of the body that l= leaves out may be anybody's: such a signature vouches
		 * for nobody here. */
		bool passed =
		    d->result == HK_DKIM_PASS && (!d->has_length || d->is_aligned_by_length);
		enum hk_status status =
		    hk_dmarc_dkim(dmarc, d->d, passed, d->result == HK_DKIM_TEMPERROR);

		if (status != HK_OK)
			return status;
	}
	hk_dmarc_ready(dmarc);
	return HK_OK;
}

enum hk_status verify_dmarc_tell(struct hk_verify *v)
{
	enum hk_status status = HK_OK;
	size_t i;

	v->told = true;
	for (i = 0; i < v->dmarc.n && status == HK_OK; i++)
		status = tell(v, v->dmarc.at[i]);
	for (i = 0; i < v->other.n && status == HK_OK; i++)
		status = tell(v, v->other.at[i]);
	return status;
}

/* RFC 7489 6.6.1: each domain is checked as the author domain, and the strictest policy among the checks that fail is
 * applied; the RFC says no more, so else it is one that may still fail, else one that passes. */
static unsigned weight(const struct hk_dmarc_verdict *v)
{
	enum { NOTHING, PASSED, MAY_FAIL, FAILED };

	switch (v->result) {
	case HK_DMARC_FAIL:
		return FAILED + (unsigned)v->policy;
	case HK_DMARC_TEMPERROR:
		return MAY_FAIL;
	case HK_DMARC_PASS:
		return PASSED;
	default:
		return NOTHING;
	}
}

static void choose(struct verify_dmarc *g)
{
	size_t i;

	for (i = 0; i < g->n; i++) {
		const struct hk_dmarc_verdict *one = hk_dmarc_result(g->at[i]);

		if (i == 0 || weight(one) > weight(&g->verdict))
			g->verdict = *one;
	}
}

static void say_other(struct hk_verify *v)
{
	const struct hk_dmarc_verdict *o = v->verdict.dmarc_other;

	if (v->verdict.dmarc_differs)
		hk_trace_add(v->trace, HK_TRACE_DMARC_DIFFERS, 0,
		    hk_slice_str(hk_dmarc_profile_name(o->profile)),
		    hk_slice_str(hk_dmarc_result_name(o->result)),
		    hk_slice_str(hk_dmarc_policy_name(o->disposition)), o->org_domain);
}

void verify_dmarc_gather(struct hk_verify *v)
{
	if (!(v->input.checks & HK_CHECK_DMARC))
		return;
	choose(&v->dmarc);
	v->own.dmarc = v->dmarc.verdict;
	if (!v->input.compare_profiles)
		return;
	choose(&v->other);
	v->verdict.dmarc_other = &v->other.verdict;
	v->verdict.dmarc_differs = hk_dmarc_differences(&v->own.dmarc, &v->other.verdict);
	say_other(v);
}
