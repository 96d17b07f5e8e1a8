/* SPDX-License-Identifier: MIT */
#include "lib/authres/authres_internal.h"

/* Keyword (RFC 5321 4.1.2); what a lenient reader took is written as it was read. */
static bool is_keyword(struct hk_slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!hk_is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
			return false;
	return s.n > 0;
}

static bool is_version(struct hk_slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!hk_is_digit(s.p[i]))
			return false;
	return true;
}

static bool is_result(const struct hk_authres_result *r)
{
	size_t i;

	for (i = 0; i < r->n_properties; i++)
		if (!is_keyword(r->property[i].property) ||
		    (r->property[i].ptype.n && !is_keyword(r->property[i].ptype)))
			return false;
	return is_keyword(r->method) && is_keyword(r->result) && is_version(r->version);
}

static bool is_control(uint8_t c)
{
	return (c < 0x20 && c != '\t') || c == 0x7f;
}

/* A comment goes out as it came in where that ends where it should; else its bytes are escaped. */
static bool is_balanced(struct hk_slice s)
{
	size_t depth = 0, i;

	for (i = 0; i < s.n; i++) {
		if (is_control(s.p[i]))
			return false;
		if (s.p[i] == '\\') {
			if (++i == s.n || is_control(s.p[i]))
				return false;
		} else if (s.p[i] == '(') {
			depth++;
		} else if (s.p[i] == ')' && depth-- == 0) {
			return false;
		}
	}
	return depth == 0;
}

static void comments(struct hk_authres_writer *w, const struct hk_slice *comment, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		hk_buf_add_byte(&w->part, '(');
		if (is_balanced(comment[i]))
			hk_buf_add(&w->part, comment[i]);
		else
			hk_authres_add_escaped(&w->part, comment[i], "()\\", HK_AUTHRES_WHOLE);
		hk_buf_add_byte(&w->part, ')');
		hk_authres_flush(w);
	}
}

static void result(struct hk_authres_writer *w, const struct hk_authres_result *r)
{
	size_t i;

	hk_buf_add_str(w->out, ";\r\n\t");
	w->line_from = w->out->n;
	hk_buf_add(w->out, r->method);
	if (r->version.n) {
		hk_buf_add_byte(w->out, '/');
		hk_buf_add(w->out, r->version);
	}
	hk_buf_add_byte(w->out, '=');
	hk_buf_add(w->out, r->result);
	if (r->reason.n) {
		hk_buf_add_str(&w->part, "reason=");
		hk_authres_add_quoted(&w->part, r->reason, HK_AUTHRES_WHOLE);
		hk_authres_flush(w);
	}
	comments(w, r->comment, r->n_comments);
	for (i = 0; i < r->n_properties; i++) {
		const struct hk_authres_property *p = &r->property[i];

		hk_buf_add(&w->part, p->ptype);
		if (p->ptype.n)
			hk_buf_add_byte(&w->part, '.');
		hk_buf_add(&w->part, p->property);
		hk_buf_add_byte(&w->part, '=');
		hk_authres_add_pvalue(&w->part, p->value, HK_AUTHRES_WHOLE);
		hk_authres_flush(w);
	}
}

enum hk_status hk_authres_write(const struct hk_authres_parsed *field, struct hk_buf *out)
{
	struct hk_authres_writer w = {.out = out, .line_from = out->n};
	size_t i;

	if (field->authserv_id.n == 0 || !is_version(field->version))
		return HK_SYNTAX;
	for (i = 0; i < field->n_results; i++)
		if (!is_result(&field->result[i]))
			return HK_SYNTAX;
	hk_buf_init(&w.part, out->max);
	hk_buf_add_str(out, "Authentication-Results: ");
	hk_authres_add_value(out, field->authserv_id, HK_AUTHRES_WHOLE);
	if (field->version.n) {
		hk_buf_add_byte(out, ' ');
		hk_buf_add(out, field->version);
	}
	comments(&w, field->comment, field->n_comments);
	for (i = 0; i < field->n_results; i++)
		result(&w, &field->result[i]);
	if (field->n_results == 0)
		hk_buf_add_str(out, "; none");
	hk_buf_add_str(out, "\r\n");
	hk_buf_done(&w.part);
	return hk_buf_status(out);
}
