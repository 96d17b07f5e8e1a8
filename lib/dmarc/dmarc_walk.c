/* SPDX-License-Identifier: MIT */
#include "dmarc_internal.h"

/* Both numbers are those of RFC 9989 4.10 step 4. */
enum { LABELS_LONG = 8, LABELS_KEPT = 7 };

/* The n rightmost labels of name. */
static struct hk_slice rightmost(struct hk_slice name, size_t n)
{
	size_t labels = hk_dns_name_labels(name);

	for (; labels > n; labels--)
		name = hk_dns_name_parent(name);
	return name;
}

struct hk_slice dmarc_walk_next(struct hk_slice start, struct hk_slice at)
{
	if (at.n == start.n && hk_dns_name_labels(start) >= LABELS_LONG)
		return rightmost(start, LABELS_KEPT);
	return hk_dns_name_parent(at);
}

struct dmarc_lookup *dmarc_memo_find(
    const struct dmarc_memo *m, uint16_t type, struct hk_slice domain)
{
	struct dmarc_lookup *l;

	for (l = m->first; l; l = l->next)
		if (l->type == type && hk_slice_eq(l->domain, domain))
			return l;
	return NULL;
}

enum hk_status dmarc_memo_enter(struct dmarc_memo *m, uint16_t type, struct hk_slice domain)
{
	struct dmarc_lookup *l;
	struct hk_slice name;
	enum hk_status status;

	if (dmarc_memo_find(m, type, domain))
		return HK_OK;
	l = hk_arena_alloc(m->arena, sizeof *l);
	if (!l)
		return m->arena->failed;
	l->type = type;
	status = hk_arena_dup(m->arena, domain, &l->domain);
	if (status != HK_OK)
		return status;
	status = hk_arena_fmt(
	    m->arena, &name, "%s%.*s", type == HK_DNS_TXT ? "_dmarc." : "", HK_FMT(domain));
	if (status == HK_OK)
		status = hk_dns_name_normalise(m->arena, name, &l->name);
	if (status == HK_SYNTAX) { /* too long to be in the DNS, so it is not there */
		l->name = name;
		l->state = DMARC_ABSENT;
		l->handed_out = true;
	} else if (status != HK_OK) {
		return status;
	}
	if (m->last)
		m->last->next = l;
	else
		m->first = l;
	m->last = l;
	return HK_OK;
}

enum hk_status dmarc_walk_ask(struct dmarc_memo *m, struct hk_slice start)
{
	struct hk_slice at;

	for (at = start; at.n; at = dmarc_walk_next(start, at)) {
		enum hk_status status = dmarc_memo_enter(m, HK_DNS_TXT, at);

		if (status != HK_OK)
			return status;
	}
	return HK_OK;
}

static void ignore(struct dmarc_lookup *l, struct hk_slice text, const char *why)
{
	if (l->n_ignored == DMARC_IGNORED_MAX)
		return;
	l->ignored[l->n_ignored].text = text;
	l->ignored[l->n_ignored++].why = why;
}

enum hk_status dmarc_lookup_answer(
    struct dmarc_memo *m, struct dmarc_lookup *l, const struct hk_dns_answer *answer)
{
	size_t i;

	if (hk_dns_is_failure(answer)) {
		l->state = DMARC_FAILED;
		return HK_OK;
	}
	l->exists = answer->rcode == HK_DNS_NOERROR;
	for (i = 0; i < answer->n; i++) {
		struct hk_dmarc_record record = {.size = sizeof record};
		struct hk_slice text;
		enum hk_status status;

		if (answer->rr[i].type != HK_DNS_TXT)
			continue;
		status = hk_arena_dup(m->arena, answer->rr[i].data, &text);
		if (status != HK_OK)
			return status;
		if (hk_dmarc_record_parse(text, &record) != HK_OK) {
			ignore(l, text, "it does not begin with v=DMARC1");
			continue;
		}
		if (l->n_records++ == 0)
			l->record = record;
		else
			ignore(l, text, "several records stand at one name");
	}
	if (l->n_records > 1) /* 4.10 step 2: then all of them are discarded */
		ignore(l, l->record.text, "several records stand at one name");
	l->state = l->n_records == 1 ? DMARC_FOUND : DMARC_ABSENT;
	return HK_OK;
}

enum hk_status dmarc_walk_run(
    const struct dmarc_memo *m, struct hk_slice start, struct dmarc_walk *ret)
{
	struct dmarc_walk w = {.start = start, .own = dmarc_memo_find(m, HK_DNS_TXT, start)};
	struct hk_slice at;

	for (at = start; at.n; at = dmarc_walk_next(start, at)) {
		const struct dmarc_lookup *l = dmarc_memo_find(m, HK_DNS_TXT, at);

		if (!l)
			return HK_BUG;
		if (l->state == DMARC_PENDING)
			return HK_AGAIN;
		w.asked++;
		if (l->state == DMARC_FAILED) {
			w.failed = true;
			w.org = (struct hk_slice){0};
			w.org_record = NULL;
			goto done;
		}
		if (l->state != DMARC_FOUND)
			continue;
		if (l->record.psd == 'y' && at.n != start.n) {
			/* 4.10.2 rule 2: one label below the public suffix domain, on the way to
			 * start */
			w.psd_record = l;
			w.org = rightmost(start, hk_dns_name_labels(at) + 1);
			w.org_record = dmarc_memo_find(m, HK_DNS_TXT, w.org);
			if (w.org_record && w.org_record->state != DMARC_FOUND)
				w.org_record = NULL;
			goto done;
		}
		/* rules 1 and 3: psd=n ends the walk here, else the shortest name wins */
		w.org = l->domain;
		w.org_record = l;
		if (l->record.psd != 'u')
			goto done;
	}
	if (!w.org_record)
		w.org = start; /* 4.10.2, last paragraph of the rules */
done:
	*ret = w;
	return HK_OK;
}
