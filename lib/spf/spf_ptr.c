/* SPDX-License-Identifier: MIT
 *
 * The validated names of the client address, for "ptr" (RFC 7208 5.5) and %{p} (7.3).
 * The PTR question is asked once; a name is only validated when it could decide something.
 */
#include "spf_internal.h"

/* The running stage is called again once the answer is in. */
static enum hk_status ask(struct hk_spf *q, struct hk_slice name, uint16_t type, hk_spf_stage *then)
{
	q->ptr.resume = q->next;
	(void)hk_spf_ask(q, name, type, then);
	return HK_AGAIN;
}

/* 5.5: an error means no names; 4.6.4: those beyond the tenth are ignored. */
static enum hk_status read_names(struct hk_spf *q)
{
	size_t i;

	q->ptr.asked = true;
	if (!hk_spf_count_void(q))
		return hk_spf_term_over(q, "void DNS lookups", q->max_voids);
	for (i = 0; i < q->answer.n && q->ptr.n < HK_SPF_MAX_MX; i++)
		q->ptr.name[q->ptr.n++].name = q->answer.rr[i].data;
	q->next = q->ptr.resume;
	return HK_OK;
}

static enum hk_status ask_names(struct hk_spf *q)
{
	struct hk_slice name;
	struct hk_buf reverse;
	enum hk_status status;

	hk_buf_init(&reverse, HK_DNS_NAME_MAX);
	hk_ip_reverse_add(&reverse, &q->client);
	status = hk_buf_status(&reverse);
	if (status == HK_OK)
		status = hk_arena_dup(q->a, hk_buf_slice(&reverse), &name);
	hk_buf_done(&reverse);
	return status == HK_OK ? ask(q, name, HK_DNS_PTR, read_names) : status;
}

/* 5.5: a name is validated when it leads back to the client. An error only passes this name over.
 * Deliberate: voids here do not count. These names are in the hands of whoever owns the client's
 * address, who must not be able to turn a fail into a permerror (the thought behind 4.6.4's two
 * limits). */
static enum hk_status read_address(struct hk_spf *q)
{
	bool valid = false;
	size_t i;

	for (i = 0; i < q->answer.n; i++)
		valid = valid || hk_ip_eq(&q->answer.rr[i].ip, &q->client);
	q->ptr.name[q->ptr.at].state = valid ? HK_SPF_VALIDATED : HK_SPF_REFUTED;
	q->next = q->ptr.resume;
	return HK_OK;
}

static bool is_any(struct hk_slice name, struct hk_slice domain)
{
	(void)domain;
	return name.n > 0;
}

/* The first validated name that fits. OK, NOTFOUND, or AGAIN. */
static enum hk_status find_name(struct hk_spf *q, bool (*fits)(struct hk_slice, struct hk_slice),
    struct hk_slice domain, struct hk_slice *ret)
{
	size_t i;

	for (i = 0; i < q->ptr.n; i++) {
		if (!is_any(q->ptr.name[i].name, domain) || !fits(q->ptr.name[i].name, domain))
			continue;
		if (q->ptr.name[i].state == HK_SPF_VALIDATED) {
			*ret = q->ptr.name[i].name;
			return HK_OK;
		}
		if (q->ptr.name[i].state == HK_SPF_UNTESTED) {
			q->ptr.at = i;
			return ask(q, q->ptr.name[i].name,
			    q->client.family == 6 ? HK_DNS_AAAA : HK_DNS_A, read_address);
		}
	}
	return HK_NOTFOUND;
}

enum hk_status hk_spf_run_ptr(struct hk_spf *q)
{
	struct hk_slice target, name;
	enum hk_status status = hk_spf_target(q, q->frame->term.domain, &target);

	if (status == HK_OK)
		status =
		    q->ptr.asked ? find_name(q, hk_dns_name_is_below, target, &name) : ask_names(q);
	if (status == HK_OK || status == HK_NOTFOUND)
		return hk_spf_term_done(q, status == HK_OK);
	return status == HK_AGAIN || status == HK_END ? HK_OK : status;
}

/* 7.3: the domain itself before one below it before any other; "unknown" for none.
 * 4.6.4: the PTR question of %{p} counts as a lookup, like that of "ptr". */
enum hk_status hk_spf_resolve_p(struct hk_spf *q)
{
	static bool (*const fits[])(struct hk_slice, struct hk_slice) = {
	    hk_slice_eq_nocase, hk_dns_name_is_below, is_any};
	enum hk_status status = HK_NOTFOUND;
	struct hk_slice name = HK_S("unknown");
	size_t i;

	if (!q->ptr.asked && !hk_spf_count_lookup(q)) {
		status = hk_spf_term_over(q, "DNS lookups", q->max_lookups);
		return status == HK_OK ? HK_END : status;
	}
	if (!q->ptr.asked)
		return ask_names(q);
	for (i = 0; i < sizeof fits / sizeof fits[0] && status == HK_NOTFOUND; i++)
		status = find_name(q, fits[i], q->frame->domain, &name);
	if (status != HK_OK && status != HK_NOTFOUND)
		return status;
	q->macros.value['p' - 'a'] = name;
	return HK_OK;
}
