/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "explain_internal.h"

const char *explain_page_label(const struct explain_page *p, enum explain_label l)
{
	return explain_label(l, p->o->language);
}

void explain_table_add(struct explain_table *t, struct explain_row row)
{
	if (t->n < EXPLAIN_ROWS_MAX)
		t->row[t->n++] = row;
}

/* Columns that our own UTF-8 takes: three-byte sequences are the wide characters of the Japanese
 * labels. */
static size_t width(const char *text)
{
	size_t n = 0;

	for (; *text; text++) {
		uint8_t c = (uint8_t)*text;

		n += c < 0x80 ? 1 : c >= 0xe0 ? 2 : 0;
	}
	return n;
}

void explain_table_print(const struct explain_page *p, const struct explain_table *t)
{
	size_t widest = 0, i, pad;

	for (i = 0; i < t->n; i++)
		if (width(explain_page_label(p, t->row[i].name)) > widest)
			widest = width(explain_page_label(p, t->row[i].name));
	for (i = 0; i < t->n; i++) {
		const struct explain_row *row = &t->row[i];

		hk_buf_addf(p->out, "| %s", explain_page_label(p, row->name));
		for (pad = width(explain_page_label(p, row->name)); pad < widest; pad++)
			hk_buf_add_byte(p->out, ' ');
		hk_buf_addf(p->out, " | %s", row->prefix ? row->prefix : "");
		hk_buf_add(p->out, row->safe);
		hk_quote_add(p->out, row->value, EXPLAIN_LINE_SHOWN);
		if (row->record.n) {
			hk_buf_add_str(p->out, " \"");
			hk_quote_add(p->out, row->record, EXPLAIN_LINE_SHOWN);
			hk_buf_add_byte(p->out, '"');
		}
		hk_buf_addf(p->out, "%s |\n", row->suffix ? row->suffix : "");
	}
}

static struct explain_row envelope_row(const struct explain_page *p, enum explain_label name)
{
	const struct hk_verify_input *in = hk_verify_input_of(p->v);

	if (!in->has_mail_from)
		return (struct explain_row){
		    .name = name, .prefix = explain_page_label(p, LABEL_UNKNOWN)};
	if (in->mail_from.n == 0)
		return (struct explain_row){
		    .name = name, .prefix = explain_page_label(p, LABEL_NULL_SENDER)};
	return (struct explain_row){.name = name, .value = in->mail_from};
}

static struct explain_row from_row(const struct explain_page *p)
{
	if (p->r->header_from.n == 0)
		return (struct explain_row){
		    .name = LABEL_HEADER_FROM, .prefix = explain_page_label(p, LABEL_NOTHING)};
	return (struct explain_row){.name = LABEL_HEADER_FROM, .value = p->r->header_from};
}

/* S0-030: the two are different things, so both are always shown; S3-009: and what people see, where it is
 * another thing again. */
void explain_senders(const struct explain_page *p)
{
	struct explain_table t = {.n = 0};
	struct hk_buf displayed;

	hk_buf_addf(p->out, "\n==== %s\n", explain_page_label(p, LABEL_SENDERS));
	explain_table_add(&t, envelope_row(p, LABEL_ENVELOPE_FROM));
	explain_table_add(&t, from_row(p));
	hk_buf_init(&displayed, EXPLAIN_DISPLAYED_MAX);
	if (hk_words_add(&displayed, hk_slice_trim(hk_slice_sub(p->r->header_from, 0, EXPLAIN_LINE_SHOWN))) &&
	    hk_buf_status(&displayed) == HK_OK)
		explain_table_add(&t, (struct explain_row){.name = LABEL_DISPLAYED, .safe = hk_buf_slice(&displayed)});
	explain_table_print(p, &t);
	hk_buf_done(&displayed);
}

/* The record as the trace has it: its domain and its text. */
static struct explain_row spf_record_row(const struct explain_page *p)
{
	const struct hk_trace *trace = hk_verify_trace(p->v);
	size_t i;

	for (i = 0; i < hk_trace_count(trace); i++) {
		const struct hk_trace_step *step = hk_trace_at(trace, i);

		if (step->event == HK_TRACE_SPF_RECORD)
			return (struct explain_row){.name = LABEL_SPF_RECORD,
			    .value = step->text[0],
			    .record = step->text[1]};
	}
	return (struct explain_row){
	    .name = LABEL_SPF_RECORD, .prefix = explain_page_label(p, LABEL_NOTHING)};
}

void explain_spf_table(const struct explain_page *p)
{
	const struct hk_verify_input *in = hk_verify_input_of(p->v);
	char ip[HK_IP_TEXT_MAX + 4];
	struct explain_table t = {.n = 0};
	size_t n;

	ip[0] = '(';
	hk_ip_format(&in->client, ip + 1);
	n = strlen(ip);
	memcpy(ip + n, ")", 2);
	explain_table_add(&t, from_row(p));
	explain_table_add(&t, envelope_row(p, LABEL_RETURN_PATH));
	explain_table_add(&t, spf_record_row(p));
	explain_table_add(
	    &t, (struct explain_row){.name = LABEL_SOURCE,
	            .value = in->helo,
	            .suffix = in->client.family ? ip : explain_page_label(p, LABEL_UNKNOWN)});
	explain_table_add(&t, (struct explain_row){.name = LABEL_RESULT,
	                          .prefix = "spf=",
	                          .value = hk_slice_str(hk_spf_result_name(p->r->spf->result))});
	explain_table_print(p, &t);
}

void explain_dkim_table(const struct explain_page *p, const struct hk_dkim_verdict *d)
{
	struct explain_table t = {.n = 0};

	explain_table_add(&t, from_row(p));
	explain_table_add(&t, (struct explain_row){.name = LABEL_DKIM_DOMAIN,
	                          .prefix = "d=",
	                          .value = d ? d->d : (struct hk_slice){0}});
	explain_table_add(
	    &t, (struct explain_row){.name = LABEL_RESULT,
	            .prefix = "dkim=",
	            .value = hk_slice_str(hk_dkim_result_name(d ? d->result : HK_DKIM_NONE))});
	explain_table_print(p, &t);
}

static void alignment_row(const struct explain_page *p, struct explain_table *t,
    enum explain_label name, bool aligned, bool strict)
{
	explain_table_add(
	    t, (struct explain_row){.name = name,
	           .prefix = explain_page_label(p, aligned ? LABEL_ALIGNED : LABEL_NOT_ALIGNED),
	           .suffix = strict ? " (strict)" : " (relaxed)"});
}

void explain_dmarc_table(const struct explain_page *p)
{
	const struct hk_dmarc_verdict *d = p->r->dmarc;
	enum hk_dmarc_policy asked = d->override == HK_DMARC_OVERRIDE_LOCAL_POLICY
	                                 ? hk_dmarc_lower(d->policy, d->testing)
	                                 : d->disposition;
	struct explain_table t = {.n = 0};
	size_t i;

	explain_table_add(&t, from_row(p));
	explain_table_add(&t, envelope_row(p, LABEL_RETURN_PATH));
	for (i = 0; i < p->r->n_dkim && i < 4; i++)
		explain_table_add(
		    &t, (struct explain_row){
		            .name = LABEL_DKIM_DOMAIN, .prefix = "d=", .value = p->r->dkim[i]->d});
	if (d->record_domain.n) {
		explain_table_add(&t, (struct explain_row){.name = LABEL_DMARC_RECORD,
		                          .prefix = "_dmarc.",
		                          .value = d->record_domain,
		                          .record = d->record});
		alignment_row(p, &t, LABEL_SPF_ALIGNMENT, d->spf_aligned, d->spf_strict);
		alignment_row(p, &t, LABEL_DKIM_ALIGNMENT, d->dkim_aligned, d->dkim_strict);
		explain_table_add(&t, (struct explain_row){.name = LABEL_POLICY,
		                          .prefix = hk_dmarc_policy_name(asked)});
	}
	if (d->override != HK_DMARC_OVERRIDE_NONE)
		explain_table_add(&t, (struct explain_row){.name = LABEL_OVERRIDE,
		                          .prefix = hk_dmarc_override_name(d->override)});
	explain_table_add(&t, (struct explain_row){.name = LABEL_RESULT,
	                          .prefix = "dmarc=",
	                          .value = hk_slice_str(hk_dmarc_result_name(d->result))});
	explain_table_print(p, &t);
}

void explain_arc_table(const struct explain_page *p)
{
	const struct hk_arc_verdict *v = p->r->arc;
	struct explain_table t = {.n = 0};
	size_t i, from = v->n > 4 ? v->n - 4 : 0;

	for (i = v->n; i-- > from;)
		explain_table_add(&t, (struct explain_row){.name = LABEL_SEALED_BY,
		                          .prefix = "d=",
		                          .value = v->set[i]->d});
	explain_table_add(&t, (struct explain_row){.name = LABEL_SEALERS_TRUSTED,
	                          .prefix = explain_page_label(p, v->is_trusted ? LABEL_YES : LABEL_NO)});
	explain_table_add(&t, (struct explain_row){.name = LABEL_RESULT,
	                          .prefix = "arc=",
	                          .value = hk_slice_str(hk_arc_result_name(v->cv))});
	explain_table_print(p, &t);
}
