/* SPDX-License-Identifier: MIT
 *
 * The mechanisms (RFC 7208 5).
 */
#include "spf_internal.h"

/* Deliberate: a target-name that DNS cannot hold does not match. 4.8 leaves it open; most
 * implementations do so. */
static enum hk_status without_target(struct hk_spf *q, enum hk_status status)
{
	if (status == HK_NOTFOUND)
		return hk_spf_term_done(q, false);
	return status == HK_AGAIN || status == HK_END ? HK_OK : status;
}

/* 5: addresses of the client's own family are asked for, and no others. */
static uint16_t address_type(const struct hk_spf *q)
{
	return q->client.family == 6 ? HK_DNS_AAAA : HK_DNS_A;
}

static bool has_client(const struct hk_spf *q)
{
	unsigned bits = q->frame->term.bits[q->client.family == 6];
	size_t i;

	for (i = 0; i < q->answer.n; i++)
		if (hk_ip_in(&q->client, &q->answer.rr[i].ip, bits))
			return true;
	return false;
}

static enum hk_status over_voids(struct hk_spf *q)
{
	return hk_spf_term_over(q, "void DNS lookups", q->max_voids);
}

/* 5.1 */
static enum hk_status run_all(struct hk_spf *q)
{
	return hk_spf_term_done(q, true);
}

/* 5.6 */
static enum hk_status run_ip(struct hk_spf *q)
{
	const struct hk_spf_term *term = &q->frame->term;

	return hk_spf_term_done(
	    q, hk_ip_in(&q->client, &term->net, term->bits[term->net.family == 6]));
}

/* 5.2 */
static enum hk_status run_include(struct hk_spf *q)
{
	struct hk_slice domain;
	enum hk_status status = hk_spf_target(q, q->frame->term.domain, &domain);

	/* check_host() of it is none (4.3), hence permerror */
	if (status == HK_NOTFOUND && !hk_spf_has_foreign_local(&q->macros, q->frame->term.domain))
		return hk_spf_term_error(q, HK_SPF_PERMERROR, "the domain of include is malformed");
	return status == HK_OK ? hk_spf_enter(q, "include", domain) : without_target(q, status);
}

/* 5.3 */
static enum hk_status read_a(struct hk_spf *q)
{
	if (hk_dns_is_failure(&q->answer))
		return hk_spf_term_dns_error(q);
	if (!hk_spf_count_void(q))
		return over_voids(q);
	return hk_spf_term_done(q, has_client(q));
}

static enum hk_status run_a(struct hk_spf *q)
{
	struct hk_slice name;
	enum hk_status status = hk_spf_target(q, q->frame->term.domain, &name);

	return status == HK_OK ? hk_spf_ask(q, name, address_type(q), read_a)
	                       : without_target(q, status);
}

/* 5.7: always A, whatever the client's family. */
static enum hk_status read_exists(struct hk_spf *q)
{
	if (hk_dns_is_failure(&q->answer))
		return hk_spf_term_dns_error(q);
	if (!hk_spf_count_void(q))
		return over_voids(q);
	return hk_spf_term_done(q, q->answer.n > 0);
}

static enum hk_status run_exists(struct hk_spf *q)
{
	struct hk_slice name;
	enum hk_status status = hk_spf_target(q, q->frame->term.domain, &name);

	return status == HK_OK ? hk_spf_ask(q, name, HK_DNS_A, read_exists)
	                       : without_target(q, status);
}

static hk_spf_stage next_host;

static enum hk_status read_host(struct hk_spf *q)
{
	if (hk_dns_is_failure(&q->answer))
		return hk_spf_term_dns_error(q);
	if (!hk_spf_count_void(q))
		return over_voids(q);
	if (has_client(q))
		return hk_spf_term_done(q, true);
	q->next = next_host;
	return HK_OK;
}

static enum hk_status next_host(struct hk_spf *q)
{
	if (q->host_at == q->hosts)
		return hk_spf_term_done(q, false);
	return hk_spf_ask(q, q->host[q->host_at++], address_type(q), read_host);
}

static bool comes_before(const struct hk_dns_rr *a, const struct hk_dns_rr *b)
{
	if (a->preference != b->preference)
		return a->preference < b->preference;
	return hk_slice_cmp_nocase(a->data, b->data) < 0;
}

/* In order of preference, then name: the answer's own order may change from one time to the next,
 * the verdict must not. */
static void sort_hosts(struct hk_spf *q)
{
	const struct hk_dns_rr *rr[HK_SPF_MAX_MX];
	size_t n, at;

	for (n = 0; n < q->answer.n; n++) {
		for (at = n; at && comes_before(&q->answer.rr[n], rr[at - 1]); at--)
			rr[at] = rr[at - 1];
		rr[at] = &q->answer.rr[n];
	}
	q->hosts = q->host_at = 0;
	for (at = 0; at < n; at++)
		if (rr[at]->data.n) /* RFC 7505: "." means that there is no host */
			q->host[q->hosts++] = rr[at]->data;
}

/* 5.4; more hosts than the limit are an error before the first of them is asked for, so that their
 * order does not decide (4.6.4). */
static enum hk_status read_mx(struct hk_spf *q)
{
	if (hk_dns_is_failure(&q->answer))
		return hk_spf_term_dns_error(q);
	if (!hk_spf_count_void(q))
		return over_voids(q);
	if (q->answer.n > HK_SPF_MAX_MX)
		return hk_spf_term_over(q, "MX hosts", HK_SPF_MAX_MX);
	sort_hosts(q);
	q->next = next_host;
	return HK_OK;
}

static enum hk_status run_mx(struct hk_spf *q)
{
	struct hk_slice name;
	enum hk_status status = hk_spf_target(q, q->frame->term.domain, &name);

	return status == HK_OK ? hk_spf_ask(q, name, HK_DNS_MX, read_mx)
	                       : without_target(q, status);
}

const struct hk_spf_mechanism_rule *hk_spf_rule(enum hk_spf_mechanism mechanism)
{
	static const struct hk_spf_mechanism_rule rules[] = {
	    [HK_SPF_ALL] = {run_all, false},
	    [HK_SPF_INCLUDE] = {run_include, true},
	    [HK_SPF_A] = {run_a, true},
	    [HK_SPF_MX] = {run_mx, true},
	    [HK_SPF_PTR] = {hk_spf_run_ptr, true},
	    [HK_SPF_IP4] = {run_ip, false},
	    [HK_SPF_IP6] = {run_ip, false},
	    [HK_SPF_EXISTS] = {run_exists, true},
	};

	return &rules[mechanism];
}
