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

static bool has_u_label(struct hk_slice domain)
{
	size_t i;

	for (i = 0; i < domain.n; i++)
		if (domain.p[i] >= 0x80)
			return true;
	return false;
}

/* RFC 9989 4.1 wants A-labels. Where somebody answered for the U-labels of a name before the header was given, that holds;
 * else, never a guess, the name cannot be read. */
static enum hk_status convert(struct hk_verify *v, struct hk_slice *name)
{
	const struct hk_dns_question q = {.name = *name, .type = HK_DNS_ALABEL};
	const struct hk_dns_answer *answer = hk_evidence_find(v->evidence, &q);

	if (!answer || answer->rcode != HK_DNS_NOERROR || answer->n != 1)
		return HK_SYNTAX;
	return hk_dns_name_normalise(v->arena, answer->rr[0].data, name);
}

static void note_author(struct hk_verify *v, struct hk_slice domain)
{
	size_t i;

	for (i = 0; i < v->n_authors && i < VERIFY_AUTHORS_MAX; i++)
		if (hk_slice_eq(v->author[i], domain))
			return;
	if (i < VERIFY_AUTHORS_MAX)
		v->author[i] = domain;
	v->n_authors = i + 1;
}

/* The one domain of all addresses (RFC 9989 4.1, 11.5), or each of them (RFC 7489 6.6.1). */
static enum hk_status judge_list(struct hk_verify *v, const struct hk_address_list *list)
{
	struct hk_verify_verdict *verdict = &v->verdict;
	struct hk_slice one;
	size_t i;

	for (i = 0; i < list->n; i++) {
		enum hk_status status = hk_dns_name_normalise(v->arena, list->at[i].domain, &one);

		if (status == HK_OK && has_u_label(list->at[i].domain))
			status = convert(v, &one);
		/* A literal and a name that no DNS can hold have no policy to be found. */
		if (status == HK_SYNTAX || (status == HK_OK && !hk_is_hostname(one, true))) {
			verdict->from_state = HK_FROM_SYNTAX;
			return HK_OK;
		}
		if (status != HK_OK)
			return status;
		note_author(v, one);
	}
	verdict->from_state = v->n_authors == 0   ? HK_FROM_NO_ADDRESS
	                      : v->n_authors == 1 ? HK_FROM_ONE
	                                          : HK_FROM_SEVERAL_DOMAINS;
	if (v->n_authors == 1)
		verdict->author_domain = v->author[0];
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
		if (hides_from(h->field[i].raw) ||
		    (h->field[i].name.n == 0 && hk_field_resembles(&h->field[i], HK_S("From"))))
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
	return judge_list(v, &list);
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

static enum hk_status ask_for(struct hk_verify *v, const struct hk_address_list *list)
{
	enum hk_status status = HK_OK;
	size_t i, asked = 0;

	for (i = 0; i < list->n && status == HK_OK && asked < VERIFY_AUTHORS_MAX; i++) {
		struct hk_dns_question q = {.type = HK_DNS_ALABEL};

		if (!has_u_label(list->at[i].domain))
			continue;
		status = hk_dns_name_normalise(v->arena, list->at[i].domain, &q.name);
		if (status == HK_SYNTAX) { /* it will not be read */
			status = HK_OK;
			continue;
		}
		if (status == HK_OK)
			status = verify_enter(v, &q);
		asked++;
	}
	return status;
}

enum hk_status hk_verify_names(struct hk_verify *v, struct hk_slice section)
{
	struct hk_address_list list;
	struct hk_header h;
	enum hk_status status;
	size_t i;

	if (v->has_header)
		return HK_BUG;
	if (!(v->input.checks & HK_CHECK_DMARC) || !has_u_label(section))
		return HK_OK;
	status = hk_header_parse(v->arena, section, &h);
	if (status != HK_OK)
		return status;
	i = hk_header_find(&h, HK_S("From"), 0);
	if (i == h.n)
		return HK_OK;
	status = hk_address_list_parse(v->arena, h.field[i].value, &list);
	if (status != HK_OK)
		return status == HK_SYNTAX || v->arena->failed == HK_OK ? HK_OK : status;
	return ask_for(v, &list);
}
