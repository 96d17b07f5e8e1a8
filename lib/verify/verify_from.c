/* SPDX-License-Identifier: MIT */
#include "verify_internal.h"

const char *verify_from_text(enum hk_from_state state)
{
	static const char *const text[] = {
	    [HK_FROM_ONE] = "",
	    [HK_FROM_MISSING] = "there is no From field",
	    [HK_FROM_SYNTAX] = "From cannot be read",
	    [HK_FROM_SEVERAL_FIELDS] = "there are several From fields",
	    [HK_FROM_SEVERAL_DOMAINS] = "From names several domains",
	    [HK_FROM_NO_ADDRESS] = "From names no address",
	    [HK_FROM_STRAY_LINE] = "the header begins with a continuation line",
	};

	return text[state];
}

/* The one domain of all addresses (RFC 9989 4.1, 11.5). */
static enum hk_status judge_list(struct hk_arena *a, const struct hk_address_list *list,
    enum hk_from_state *ret_state, struct hk_slice *ret_domain)
{
	struct hk_slice domain = {0}, one;
	size_t i;

	*ret_state = HK_FROM_NO_ADDRESS;
	for (i = 0; i < list->n; i++) {
		enum hk_status status = hk_dns_name_normalise(a, list->at[i].domain, &one);

		/* A literal and a name that no DNS can hold have no policy to be found.
		 * Deliberate: so has a U-label, until it is converted (RFC 9989 4.1 wants
		 * A-labels): never a guess. */
		if (status == HK_SYNTAX || (status == HK_OK && !hk_is_hostname(one, true))) {
			*ret_state = HK_FROM_SYNTAX;
			return HK_OK;
		}
		if (status != HK_OK)
			return status;
		if (i > 0 && !hk_slice_eq(one, domain)) {
			*ret_state = HK_FROM_SEVERAL_DOMAINS;
			return HK_OK;
		}
		domain = one;
		*ret_state = HK_FROM_ONE;
	}
	*ret_domain = domain;
	return HK_OK;
}

/* A CR or an LF alone is no line end (RFC 5322 2.2), but programs on Unix take it for one: what
 * they would show as a From must not be one that only we do not see. */
static bool hides_from(struct hk_slice text)
{
	size_t i;

	for (i = 0; i + 1 < text.n; i++) {
		struct hk_slice line = hk_slice_from(text, i + 1);
		size_t n = 4;

		if ((text.p[i] != '\n' && text.p[i] != '\r') ||
		    !hk_slice_starts_nocase(line, HK_S("From")))
			continue;
		while (n < line.n && hk_is_wsp(line.p[n]))
			n++;
		if (n < line.n && line.p[n] == ':')
			return true;
	}
	return false;
}

static bool has_hidden_from(const struct hk_header *h)
{
	size_t i;

	for (i = 0; i < h->n; i++)
		if (hides_from(h->field[i].raw))
			return true;
	return false;
}

static enum hk_status judge(struct hk_verify *v)
{
	struct hk_verify_verdict *verdict = &v->verdict;
	const struct hk_header *h = &v->header;
	size_t i = hk_header_find(h, HK_S("From"), 0);
	struct hk_address_list list;
	enum hk_status status;

	verdict->from_state = HK_FROM_MISSING;
	if (i == h->n)
		return HK_OK;
	status = hk_unfold(v->arena, h->field[i].value, &verdict->header_from);
	if (status != HK_OK)
		return status;
	verdict->from_state = HK_FROM_STRAY_LINE;
	if (hk_header_has_stray_line(h))
		return HK_OK;
	/* RFC 5322 3.6: exactly one. Two of them are read differently by everybody, so neither
	 * counts. */
	verdict->from_state = HK_FROM_SEVERAL_FIELDS;
	if (hk_header_find(h, HK_S("From"), i + 1) < h->n || has_hidden_from(h))
		return HK_OK;
	verdict->from_state = HK_FROM_SYNTAX;
	status = hk_address_list_parse(v->arena, h->field[i].value, &list);
	if (status == HK_NOMEM || (status == HK_LIMIT && v->arena->failed != HK_OK))
		return status;
	if (status != HK_OK)
		return HK_OK;
	return judge_list(v->arena, &list, &verdict->from_state, &verdict->author_domain);
}

enum hk_status verify_from(struct hk_verify *v)
{
	const struct hk_slice none = HK_S("");
	enum hk_status status = judge(v);

	if (status != HK_OK)
		return status;
	if (v->verdict.from_state == HK_FROM_ONE)
		hk_trace_add(v->trace, HK_TRACE_MSG_FROM, 0, v->verdict.author_domain,
		    v->verdict.header_from, none, none);
	else
		hk_trace_add(v->trace, HK_TRACE_MSG_NO_FROM, 0,
		    hk_slice_str(verify_from_text(v->verdict.from_state)), v->verdict.header_from,
		    none, none);
	return HK_OK;
}
