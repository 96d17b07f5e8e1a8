/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "explain_internal.h"
#include "lib/base/base_internal.h"

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
		hk_quote_add(out, line, EXPLAIN_LINE_SHOWN);
		hk_buf_add_byte(out, '\n');
	}
}

/* Fields that servers put on top of a message. */
static bool is_trace_field(struct hk_slice name)
{
	static const char *const names[] = {"Received", "Authentication-Results", "DKIM-Signature",
	    "Received-SPF", "ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results",
	    "Delivered-To", "X-Original-To", "DKIM2-Signature", "Message-Instance", "Return-Path"};
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		if (hk_slice_eq_nocase(name, hk_slice_str(names[i])))
			return true;
	return false;
}

/* Where DATA begins: trace fields are only ever added on top (RFC 5321 4.4), so all above the last
 * Received is trace, and so are the trace fields that follow it. */
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

static void heading(const struct explain_page *p, enum explain_label l)
{
	hk_buf_addf(p->out, "---- %s\n", explain_page_label(p, l));
}

static void fields(const struct explain_page *p, size_t from, size_t to)
{
	const struct hk_header *h = hk_verify_fields(p->v);
	size_t i;

	if (from == to)
		hk_buf_addf(p->out, "%s\n", explain_page_label(p, LABEL_NOTHING));
	for (i = from; i < to; i++)
		add_lines(p->out, h->field[i].raw);
}

static void sections(const struct explain_page *p)
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
		hk_quote_add(p->out, in->mail_from, EXPLAIN_LINE_SHOWN);
		hk_buf_addf(p->out, "> %s\n", explain_page_label(p, LABEL_NO_RETURN_PATH));
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

static const char *colour_of(const struct explain_page *p, const char *result)
{
	if (!p->o->colour)
		return "";
	return strcmp(result, "pass") == 0   ? "\x1b[32m"
	       : strcmp(result, "fail") == 0 ? "\x1b[31m"
	                                     : "\x1b[33m";
}

static void title(const struct explain_page *p, const char *method, const char *result)
{
	hk_buf_addf(p->out, "\n==== %s: %s%s=%s%s\n", method, colour_of(p, result), method, result,
	    p->o->colour ? "\x1b[0m" : "");
}

/* ---- steps
 * ------------------------------------------------------------------------------------------ */

/* A question belongs to the method whose step comes after it: each method ends its trace with its
 * result. */
static enum hk_method method_of(const struct hk_trace *trace, size_t i)
{
	for (; i < hk_trace_count(trace); i++)
		if (hk_trace_at(trace, i)->event != HK_TRACE_DNS_QUESTION)
			return hk_trace_event_method(hk_trace_at(trace, i)->event);
	return HK_METHOD_MESSAGE;
}

static void steps(const struct explain_page *p, const char *title_text, enum hk_method method)
{
	const struct hk_trace *trace = hk_verify_trace(p->v);
	size_t i, number = 0, k;

	for (i = 0; i < hk_trace_count(trace); i++) {
		const struct hk_trace_step *step = hk_trace_at(trace, i);

		if (method_of(trace, i) != method)
			continue;
		if (number++ == 0)
			hk_buf_addf(
			    p->out, "%s, %s:\n", title_text, explain_page_label(p, LABEL_STEPS));
		hk_buf_addf(p->out, "%3zu. ", number);
		for (k = 0; k < step->depth; k++)
			hk_buf_add_str(p->out, "  ");
		hk_explain_step(step, p->o->language, p->out);
		hk_buf_addf(p->out, "  [%s]\n", hk_trace_event_rfc(step->event));
	}
}

void hk_explain_message(
    const struct hk_verify *v, const struct hk_explain_options *given, struct hk_buf *out)
{
	struct hk_explain_options own;
	const struct explain_page page = {.v = v, .r = hk_verify_result(v), .o = &own, .out = out},
	                          *p = &page;
	size_t i;

	if (hk_sized_take(NULL, &own, sizeof own, given) != HK_OK) {
		hk_buf_fail(out, HK_BUG);
		return;
	}
	if (!p->r)
		return;
	sections(p);
	explain_senders(p);
	steps(p, explain_page_label(p, LABEL_MESSAGE), HK_METHOD_MESSAGE);
	if (p->r->checks & HK_CHECK_SPF) {
		title(p, "spf", hk_spf_result_name(p->r->spf->result));
		explain_spf_table(p);
		steps(p, "SPF", HK_METHOD_SPF);
	}
	if (p->r->checks & HK_CHECK_DKIM) {
		title(p, "dkim",
		    hk_dkim_result_name(p->r->n_dkim ? p->r->dkim[0]->result : HK_DKIM_NONE));
		for (i = 0; i < p->r->n_dkim; i++)
			explain_dkim_table(p, p->r->dkim[i]);
		if (p->r->n_dkim == 0)
			explain_dkim_table(p, NULL);
		steps(p, "DKIM", HK_METHOD_DKIM);
	}
	if (p->r->checks & HK_CHECK_DMARC) {
		title(p, "dmarc", hk_dmarc_result_name(p->r->dmarc->result));
		explain_dmarc_table(p);
		explain_receiver(p);
		steps(p, "DMARC", HK_METHOD_DMARC);
		if (p->r->dmarc->spf_aligned)
			hk_buf_addf(out, "%s\n", explain_page_label(p, LABEL_SPF_MEANING));
		if (p->r->dmarc->dkim_aligned)
			hk_buf_addf(out, "%s\n", explain_page_label(p, LABEL_DKIM_MEANING));
	}
	/* historic, so nothing is said of it where there is none of it */
	if (p->r->arc->cv != HK_ARC_NONE) {
		title(p, "arc", hk_arc_result_name(p->r->arc->cv));
		explain_arc_table(p);
		steps(p, "ARC", HK_METHOD_ARC);
		hk_buf_addf(out, "%s\n", explain_page_label(p, LABEL_ARC_MEANING));
	}
	if (hk_trace_is_cut(hk_verify_trace(v)))
		hk_buf_addf(out, "%s\n", explain_page_label(p, LABEL_CUT));
}
