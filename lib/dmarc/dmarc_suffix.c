/* SPDX-License-Identifier: MIT
 *
 * RFC 7489: the organizational domain by the public suffix list, and where the policy stands.
 */
#include "dmarc_internal.h"

enum hk_status dmarc_suffix_ask(struct dmarc_memo *m, struct hk_slice domain)
{
	return dmarc_memo_enter(m, HK_DNS_SUFFIX, domain);
}

enum hk_status dmarc_suffix_answer(
    struct dmarc_memo *m, struct dmarc_lookup *l, const struct hk_dns_answer *answer)
{
	struct hk_slice suffix;
	enum hk_status status;

	l->state = DMARC_FAILED;
	if (answer->rcode != HK_DNS_NOERROR || answer->n != 1)
		return HK_OK;
	status = hk_dns_name_normalise(m->arena, answer->rr[0].data, &suffix);
	if (status != HK_OK)
		return status == HK_SYNTAX ? HK_OK : status;
	/* what does not end the name is no answer to this question */
	if (suffix.n && hk_dns_name_is_below(l->domain, suffix)) {
		l->suffix = suffix;
		l->state = DMARC_FOUND;
	}
	return HK_OK;
}

enum hk_status dmarc_suffix_org(
    const struct dmarc_memo *m, struct hk_slice domain, struct dmarc_walk *ret)
{
	const struct dmarc_lookup *l = dmarc_memo_find(m, HK_DNS_SUFFIX, domain);
	struct dmarc_walk w = {.start = domain};
	size_t labels;

	if (!l)
		return HK_BUG;
	if (l->state == DMARC_PENDING)
		return HK_AGAIN;
	if (l->state == DMARC_FAILED) {
		w.failed = true;
	} else {
		/* 3.2 step 4: one label more than the suffix. Deliberate: a name that is a public suffix
		 * itself has no such label, and stands for itself, so that its own record holds. */
		w.suffix = l->suffix;
		w.org = domain;
		for (labels = hk_dns_name_labels(l->suffix) + 1; hk_dns_name_labels(w.org) > labels;)
			w.org = hk_dns_name_parent(w.org);
	}
	*ret = w;
	return HK_OK;
}

/* 6.6.3 steps 2 and 3: the organizational domain is asked only where no record of this version stands at the author domain;
 * more than one, here or there, means that there is no policy (step 5), and so does a p or sp that is invalid without a
 * rua that is valid (step 6, in dmarc.c). */
static enum hk_status look_at_org(struct dmarc_memo *m, struct dmarc_walk *w)
{
	const struct dmarc_lookup *l;
	enum hk_status status;

	if (w->failed || hk_slice_eq(w->org, w->start))
		return HK_OK;
	status = dmarc_memo_enter(m, HK_DNS_TXT, w->org);
	if (status != HK_OK)
		return status;
	l = dmarc_memo_find(m, HK_DNS_TXT, w->org);
	if (l->state == DMARC_PENDING)
		return HK_AGAIN;
	w->asked++;
	if (l->state == DMARC_FOUND)
		w->org_record = l;
	w->failed = l->state == DMARC_FAILED;
	return HK_OK;
}

enum hk_status dmarc_suffix_discover(
    struct dmarc_memo *m, struct hk_slice author, struct dmarc_walk *ret)
{
	const struct dmarc_lookup *own = dmarc_memo_find(m, HK_DNS_TXT, author);
	struct dmarc_walk w;
	enum hk_status status = dmarc_suffix_org(m, author, &w);

	if (status != HK_OK)
		return status;
	if (!own)
		return HK_BUG;
	if (own->state == DMARC_PENDING)
		return HK_AGAIN;
	w.own = own;
	w.asked = 1;
	if (own->state == DMARC_FAILED) {
		w.failed = true;
	} else if (own->n_records == 0) { /* several end the search as well (step 5) */
		status = look_at_org(m, &w);
		if (status != HK_OK)
			return status;
	}
	if (w.failed)
		w.org = (struct hk_slice){0};
	*ret = w;
	return HK_OK;
}

struct hk_slice dmarc_next(const struct dmarc_memo *m, const struct dmarc_walk *w, struct hk_slice at)
{
	if (m->profile == HK_DMARC_RFC9989)
		return dmarc_walk_next(w->start, at);
	return at.n == w->start.n ? w->org : (struct hk_slice){0};
}
