/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "explain_internal.h"

enum { LINE_SHOWN = 1000, ROWS_MAX = 12 };

struct page {
	const struct hk_verify *v;
	const struct hk_verify_verdict *r;
	const struct hk_explain_options *o;
	struct hk_buf *out;
};

static const char *label(const struct page *p, enum explain_label l)
{
	return explain_label(l, p->o->language);
}

/* ---- the three sections ---------------------------------------------------------------------- */

/* Bytes of the message, line by line; a tab is the only control that goes to a terminal. */
static void add_lines(struct hk_buf *out, struct hk_slice text)
{
	while (text.n) {
		size_t end = hk_slice_find(text, '\n');
		struct hk_slice line = hk_slice_sub(text, 0, end);

		text = hk_slice_from(text, end + 1);
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		while (line.n && line.p[0] == '\t') {
			hk_buf_add_byte(out, '\t');
			line = hk_slice_from(line, 1);
		}
		hk_quote_add(out, line, LINE_SHOWN);
		hk_buf_add_byte(out, '\n');
	}
}

/* Fields that servers put on top of a message. */
static bool is_trace_field(struct hk_slice name)
{
	static const char *const names[] = {"Received", "Authentication-Results", "DKIM-Signature", "Received-SPF",
	    "ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results", "Delivered-To", "X-Original-To",
	    "DKIM2-Signature", "Message-Instance", "Return-Path"};
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		if (hk_slice_eq_nocase(name, hk_slice_str(names[i])))
			return true;
	return false;
}

/* Where DATA begins: trace fields are only ever added on top (RFC 5321 4.4), so all above the last Received is trace, and so
 * are the trace fields that follow it. */
static size_t data_begins(const struct hk_header *h, size_t from)
{
	size_t i, end = from;

	for (i = from; i < h->n; i++)
		if (hk_slice_eq_nocase(h->field[i].name, HK_S("Received")))
			end = i + 1;
	while (end < h->n && is_trace_field(h->field[end].name))
		end++;
	return end;
}

static void heading(const struct page *p, enum explain_label l)
{
	hk_buf_addf(p->out, "---- %s\n", label(p, l));
}

static void fields(const struct page *p, size_t from, size_t to)
{
	const struct hk_header *h = hk_verify_fields(p->v);
	size_t i;

	if (from == to)
		hk_buf_addf(p->out, "%s\n", label(p, LABEL_NOTHING));
	for (i = from; i < to; i++)
		add_lines(p->out, h->field[i].raw);
}

static void sections(const struct page *p)
{
	const struct hk_header *h = hk_verify_fields(p->v);
	const struct hk_verify_input *in = hk_verify_input_of(p->v);
	size_t trace = h->n && hk_slice_eq_nocase(h->field[0].name, HK_S("Return-Path")) ? 1 : 0;
	size_t data = data_begins(h, trace);

	heading(p, LABEL_SECTION_1);
	if (trace || !in->has_mail_from) {
		fields(p, 0, trace);
	} else {
		hk_buf_add_str(p->out, "Return-Path: <");
		hk_quote_add(p->out, in->mail_from, LINE_SHOWN);
		hk_buf_addf(p->out, "> %s\n", label(p, LABEL_NO_RETURN_PATH));
	}
	hk_buf_add_byte(p->out, '\n');
	heading(p, LABEL_SECTION_2);
	fields(p, trace, data);
	hk_buf_add_byte(p->out, '\n');
	heading(p, LABEL_SECTION_3);
	fields(p, data, h->n);
	if (p->o->show_body) {
		hk_buf_add_byte(p->out, '\n');
		add_lines(p->out, p->o->body);
	}
}

/* ---- tables --------------------------------------------------------------------------------------- */

struct row {
	enum explain_label name;
	struct hk_slice value, record; /* of outside: quoted when printed; the record between quotes */
	const char *prefix, *suffix;
};
struct table {
	struct row row[ROWS_MAX];
	size_t n;
};

static void add_row(struct table *t, struct row row)
{
	if (t->n < ROWS_MAX)
		t->row[t->n++] = row;
}

/* Columns that our own UTF-8 takes: three-byte sequences are the wide characters of the Japanese labels. */
static size_t width(const char *text)
{
	size_t n = 0;

	for (; *text; text++) {
		uint8_t c = (uint8_t)*text;

		n += c < 0x80 ? 1 : c >= 0xe0 ? 2 : 0;
	}
	return n;
}

static void print_table(const struct page *p, const struct table *t)
{
	size_t widest = 0, i, pad;

	for (i = 0; i < t->n; i++)
		if (width(label(p, t->row[i].name)) > widest)
			widest = width(label(p, t->row[i].name));
	for (i = 0; i < t->n; i++) {
		const struct row *row = &t->row[i];

		hk_buf_addf(p->out, "| %s", label(p, row->name));
		for (pad = width(label(p, row->name)); pad < widest; pad++)
			hk_buf_add_byte(p->out, ' ');
		hk_buf_addf(p->out, " | %s", row->prefix ? row->prefix : "");
		hk_quote_add(p->out, row->value, LINE_SHOWN);
		if (row->record.n) {
			hk_buf_add_str(p->out, " \"");
			hk_quote_add(p->out, row->record, LINE_SHOWN);
			hk_buf_add_byte(p->out, '"');
		}
		hk_buf_addf(p->out, "%s |\n", row->suffix ? row->suffix : "");
	}
}

static struct row envelope_row(const struct page *p, enum explain_label name)
{
	const struct hk_verify_input *in = hk_verify_input_of(p->v);

	if (!in->has_mail_from)
		return (struct row){.name = name, .prefix = label(p, LABEL_UNKNOWN)};
	if (in->mail_from.n == 0)
		return (struct row){.name = name, .prefix = label(p, LABEL_NULL_SENDER)};
	return (struct row){.name = name, .value = in->mail_from};
}

static struct row from_row(const struct page *p)
{
	if (p->r->header_from.n == 0)
		return (struct row){.name = LABEL_HEADER_FROM, .prefix = label(p, LABEL_NOTHING)};
	return (struct row){.name = LABEL_HEADER_FROM, .value = p->r->header_from};
}

/* S0-030: the two are different things, so both are always shown. */
static void senders(const struct page *p)
{
	struct table t = {.n = 0};

	hk_buf_addf(p->out, "\n==== %s\n", label(p, LABEL_SENDERS));
	add_row(&t, envelope_row(p, LABEL_ENVELOPE_FROM));
	add_row(&t, from_row(p));
	print_table(p, &t);
}

static const char *colour_of(const struct page *p, const char *result)
{
	if (!p->o->colour)
		return "";
	return strcmp(result, "pass") == 0 ? "\x1b[32m" : strcmp(result, "fail") == 0 ? "\x1b[31m" : "\x1b[33m";
}

static void title(const struct page *p, const char *method, const char *result)
{
	hk_buf_addf(p->out, "\n==== %s: %s%s=%s%s\n", method, colour_of(p, result), method, result, p->o->colour ? "\x1b[0m" : "");
}

/* The record as the trace has it: its domain and its text. */
static struct row spf_record_row(const struct page *p)
{
	const struct hk_trace *trace = hk_verify_trace(p->v);
	size_t i;

	for (i = 0; i < hk_trace_count(trace); i++) {
		const struct hk_trace_step *step = hk_trace_at(trace, i);

		if (step->event == HK_TRACE_SPF_RECORD)
			return (struct row){.name = LABEL_SPF_RECORD, .value = step->text[0], .record = step->text[1]};
	}
	return (struct row){.name = LABEL_SPF_RECORD, .prefix = label(p, LABEL_NOTHING)};
}

static void spf_table(const struct page *p)
{
	const struct hk_verify_input *in = hk_verify_input_of(p->v);
	char ip[HK_IP_TEXT_MAX + 4];
	struct table t = {.n = 0};
	size_t n;

	ip[0] = '(';
	hk_ip_format(&in->client, ip + 1);
	n = strlen(ip);
	memcpy(ip + n, ")", 2);
	add_row(&t, from_row(p));
	add_row(&t, envelope_row(p, LABEL_RETURN_PATH));
	add_row(&t, spf_record_row(p));
	add_row(&t, (struct row){.name = LABEL_SOURCE, .value = in->helo, .suffix = in->client.family ? ip : label(p, LABEL_UNKNOWN)});
	add_row(&t, (struct row){.name = LABEL_RESULT, .prefix = "spf=", .value = hk_slice_str(hk_spf_result_name(p->r->spf.result))});
	print_table(p, &t);
}

static void dkim_table(const struct page *p, const struct hk_dkim_verdict *d)
{
	struct table t = {.n = 0};

	add_row(&t, from_row(p));
	add_row(&t, (struct row){.name = LABEL_DKIM_DOMAIN, .prefix = "d=", .value = d ? d->d : (struct hk_slice){0}});
	add_row(&t, (struct row){.name = LABEL_RESULT, .prefix = "dkim=", .value = hk_slice_str(hk_dkim_result_name(d ? d->result : HK_DKIM_NONE))});
	print_table(p, &t);
}

static void alignment_row(const struct page *p, struct table *t, enum explain_label name, bool aligned, bool strict)
{
	add_row(t, (struct row){.name = name, .prefix = label(p, aligned ? LABEL_ALIGNED : LABEL_NOT_ALIGNED),
	               .suffix = strict ? " (strict)" : " (relaxed)"});
}

static void dmarc_table(const struct page *p)
{
	const struct hk_dmarc_verdict *d = &p->r->dmarc;
	struct table t = {.n = 0};
	size_t i;

	add_row(&t, from_row(p));
	add_row(&t, envelope_row(p, LABEL_RETURN_PATH));
	for (i = 0; i < p->r->n_dkim && i < 4; i++)
		add_row(&t, (struct row){.name = LABEL_DKIM_DOMAIN, .prefix = "d=", .value = p->r->dkim[i].d});
	if (d->record_domain.n) {
		add_row(&t, (struct row){.name = LABEL_DMARC_RECORD, .prefix = "_dmarc.", .value = d->record_domain, .record = d->record});
		alignment_row(p, &t, LABEL_SPF_ALIGNMENT, d->spf_aligned, d->spf_strict);
		alignment_row(p, &t, LABEL_DKIM_ALIGNMENT, d->dkim_aligned, d->dkim_strict);
		add_row(&t, (struct row){.name = LABEL_POLICY, .prefix = hk_dmarc_policy_name(d->disposition)});
	}
	add_row(&t, (struct row){.name = LABEL_RESULT, .prefix = "dmarc=", .value = hk_slice_str(hk_dmarc_result_name(d->result))});
	print_table(p, &t);
}

/* ---- steps ------------------------------------------------------------------------------------------ */

/* A question belongs to the method whose step comes after it: each method ends its trace with its result. */
static enum hk_method method_of(const struct hk_trace *trace, size_t i)
{
	for (; i < hk_trace_count(trace); i++)
		if (hk_trace_at(trace, i)->event != HK_TRACE_DNS_QUESTION)
			return hk_trace_event_method(hk_trace_at(trace, i)->event);
	return HK_METHOD_MESSAGE;
}

static void steps(const struct page *p, const char *title_text, enum hk_method method)
{
	const struct hk_trace *trace = hk_verify_trace(p->v);
	size_t i, number = 0, k;

	for (i = 0; i < hk_trace_count(trace); i++) {
		const struct hk_trace_step *step = hk_trace_at(trace, i);

		if (method_of(trace, i) != method)
			continue;
		if (number++ == 0)
			hk_buf_addf(p->out, "%s, %s:\n", title_text, label(p, LABEL_STEPS));
		hk_buf_addf(p->out, "%3zu. ", number);
		for (k = 0; k < step->depth; k++)
			hk_buf_add_str(p->out, "  ");
		hk_explain_step(step, p->o->language, p->out);
		hk_buf_addf(p->out, "  [%s]\n", hk_trace_event_rfc(step->event));
	}
}

void hk_explain_message(const struct hk_verify *v, const struct hk_explain_options *o, struct hk_buf *out)
{
	const struct page page = {.v = v, .r = hk_verify_result(v), .o = o, .out = out}, *p = &page;
	size_t i;

	if (!p->r)
		return;
	sections(p);
	senders(p);
	steps(p, label(p, LABEL_MESSAGE), HK_METHOD_MESSAGE);
	if (p->r->checks & HK_CHECK_SPF) {
		title(p, "spf", hk_spf_result_name(p->r->spf.result));
		spf_table(p);
		steps(p, "SPF", HK_METHOD_SPF);
	}
	if (p->r->checks & HK_CHECK_DKIM) {
		title(p, "dkim", hk_dkim_result_name(p->r->n_dkim ? p->r->dkim[0].result : HK_DKIM_NONE));
		for (i = 0; i < p->r->n_dkim; i++)
			dkim_table(p, &p->r->dkim[i]);
		if (p->r->n_dkim == 0)
			dkim_table(p, NULL);
		steps(p, "DKIM", HK_METHOD_DKIM);
	}
	if (p->r->checks & HK_CHECK_DMARC) {
		title(p, "dmarc", hk_dmarc_result_name(p->r->dmarc.result));
		dmarc_table(p);
		steps(p, "DMARC", HK_METHOD_DMARC);
		if (p->r->dmarc.spf_aligned)
			hk_buf_addf(out, "%s\n", label(p, LABEL_SPF_MEANING));
		if (p->r->dmarc.dkim_aligned)
			hk_buf_addf(out, "%s\n", label(p, LABEL_DKIM_MEANING));
	}
	if (hk_trace_is_cut(hk_verify_trace(v)))
		hk_buf_addf(out, "%s\n", label(p, LABEL_CUT));
}
