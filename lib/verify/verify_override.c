/* SPDX-License-Identifier: MIT
 *
 * Local policy (RFC 8617 7.2.1): a chain whose sealers are all trusted may excuse a message from what
 * the policy asks for. The result of DMARC stays what it is.
 */
#include "verify_internal.h"

enum { COMMENT_MAX = HK_ARC_MAX_SETS * 400 + 64 }; /* a domain of 253, a selector, the words between */

static const struct hk_authres_property *find_property(
    const struct hk_authres_result *r, struct hk_slice ptype, struct hk_slice property)
{
	size_t i;

	for (i = 0; i < r->n_properties; i++)
		if (hk_slice_eq_nocase(r->property[i].ptype, ptype) &&
		    hk_slice_eq_nocase(r->property[i].property, property))
			return &r->property[i];
	return NULL;
}

/* header.from is the author domain, or, as some write it, the domain above it whose policy applied. */
static enum hk_status is_about(
    const struct hk_verify *v, const struct hk_authres_result *r, bool *ret)
{
	const struct hk_authres_property *from = find_property(r, HK_S("header"), HK_S("from"));
	struct hk_slice domain = {0};
	enum hk_status status =
	    from ? hk_dns_name_normalise(v->arena, from->value, &domain) : HK_SYNTAX;

	*ret = status == HK_OK && domain.n &&
	       hk_dns_name_is_below(v->verdict.author_domain, domain);
	return status == HK_SYNTAX ? HK_OK : status;
}

/* What the first sealer found, when the message had not been touched yet. */
static enum hk_status passed_at_first(
    const struct hk_verify *v, const struct hk_authres_parsed *first, bool *ret)
{
	enum hk_status status = HK_OK;
	size_t i;

	for (i = 0; i < first->n_results && status == HK_OK && !*ret; i++) {
		const struct hk_authres_result *r = &first->result[i];

		if (hk_slice_eq_nocase(r->method, HK_S("dmarc")) &&
		    hk_slice_eq_nocase(r->result, HK_S("pass")))
			status = is_about(v, r, ret);
	}
	return status;
}

static void add_remote_ip(const struct hk_authres_parsed *first, struct hk_buf *out)
{
	const struct hk_authres_property *ip;
	struct hk_ip address;
	size_t i;

	for (i = 0; i < first->n_results; i++) {
		ip = find_property(&first->result[i], HK_S("smtp"), HK_S("remote-ip"));
		if (ip && hk_ip_parse(ip->value, &address) == HK_OK) {
			hk_buf_addf(out, " remote-ip[1]=%.*s", HK_FMT(ip->value));
			return;
		}
	}
}

/* The comment of a report's reason (RFC 8617 7.2.2). */
static enum hk_status write_comment(
    struct hk_verify *v, const struct hk_authres_parsed *first, struct hk_slice *ret)
{
	const struct hk_arc_verdict *arc = &v->own.arc;
	enum hk_status status;
	struct hk_buf b;
	size_t i;

	hk_buf_init(&b, COMMENT_MAX);
	hk_buf_addf(&b, "arc=%s", hk_arc_result_name(arc->cv));
	for (i = arc->n; i-- > 0;)
		hk_buf_addf(&b, " as[%u].d=%.*s as[%u].s=%.*s", arc->set[i]->instance,
		    HK_FMT(arc->set[i]->d), arc->set[i]->instance, HK_FMT(arc->set[i]->s));
	add_remote_ip(first, &b);
	status = hk_buf_status(&b);
	if (status == HK_OK)
		status = hk_arena_dup(v->arena, hk_buf_slice(&b), ret);
	hk_buf_done(&b);
	return status;
}

/* NULL, or why the chain changes nothing. */
static enum hk_status weigh(
    struct hk_verify *v, struct hk_authres_parsed *first, const char **ret_why)
{
	const struct hk_field *field = &v->header.field[v->own.arc.set[0]->results];
	enum hk_status status;
	bool passed = false;

	*ret_why = "not each of its sealers is trusted";
	if (!v->own.arc.is_trusted)
		return HK_OK;
	*ret_why = "its first set does not say that DMARC passed for the author domain";
	status = hk_authres_parse(v->arena, hk_arc_results_payload(field->value), first);
	if (status == HK_SYNTAX || (status == HK_LIMIT && v->arena->failed == HK_OK))
		return HK_OK;
	if (status == HK_OK)
		status = passed_at_first(v, first, &passed);
	if (passed)
		*ret_why = NULL;
	return status;
}

enum hk_status verify_override(struct hk_verify *v)
{
	struct hk_dmarc_verdict *dmarc = &v->own.dmarc;
	const struct hk_arc_verdict *arc = &v->own.arc;
	struct hk_slice asked = hk_slice_str(hk_dmarc_policy_name(dmarc->disposition));
	struct hk_authres_parsed first = {0};
	const char *why;
	enum hk_status status;

	if (!v->arc || dmarc->disposition == HK_DMARC_P_NONE || arc->cv != HK_ARC_PASS)
		return HK_OK;
	status = weigh(v, &first, &why);
	if (status != HK_OK)
		return status;
	if (why) {
		hk_trace_add(v->trace, HK_TRACE_ARC_NO_OVERRIDE, 0, asked, hk_slice_str(why),
		    HK_S(""), HK_S(""));
		return HK_OK;
	}
	status = write_comment(v, &first, &dmarc->override_comment);
	if (status != HK_OK)
		return status;
	dmarc->override = HK_DMARC_OVERRIDE_LOCAL_POLICY;
	dmarc->disposition = HK_DMARC_P_NONE;
	hk_trace_add(v->trace, HK_TRACE_ARC_OVERRIDE, 0, asked,
	    hk_slice_str(hk_dmarc_override_name(dmarc->override)), dmarc->override_comment,
	    HK_S(""));
	return HK_OK;
}
