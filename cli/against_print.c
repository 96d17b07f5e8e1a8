/* SPDX-License-Identifier: MIT
 *
 * Verdicts side by side, for people and as JSON. Each message is written as soon as it is judged.
 */
#include "against.h"

static void flush(struct against_printer *p)
{
	cli_write(&p->out);
	hk_buf_reset(&p->out);
}

/* ---- JSON -------------------------------------------------------------------------------------------- */

static void json_row(struct hk_json_writer *w, const struct against_row *row)
{
	size_t i;

	hk_json_object(w, NULL);
	hk_json_text(w, "method", against_method_name(row->method));
	hk_json_string(w, "about", row->about);
	if (row->theirs)
		hk_json_string(w, "theirs", row->theirs->result);
	else
		hk_json_null(w, "theirs");
	hk_json_text(w, "ours", row->ours);
	hk_json_text(w, "outcome", against_outcome_name(row->outcome));
	hk_json_array(w, "reasons");
	for (i = 0; i < row->n_reasons; i++)
		hk_json_string(w, NULL, row->reason[i]);
	hk_json_close_array(w);
	hk_json_close_object(w);
}

static void json_message(struct hk_json_writer *w, const struct against_message *m)
{
	size_t i;

	hk_json_object(w, NULL);
	hk_json_string(w, "file", hk_slice_str(m->file));
	hk_json_text(w, "error", m->error);
	hk_json_string(w, "authserv_id", m->theirs.authserv_id);
	hk_json_text(w, "style", m->theirs.style);
	hk_json_bool(w, "is_different", m->is_different);
	hk_json_array(w, "results");
	for (i = 0; i < m->n; i++)
		json_row(w, &m->row[i]);
	hk_json_close_array(w);
	hk_json_close_object(w);
}

static void json_sums(struct hk_json_writer *w, const struct against_sums *s)
{
	const struct {
		const char *name;
		size_t n;
	} rows[] = {{"messages", s->messages}, {"compared", s->compared}, {"without", s->without},
	    {"unreadable", s->unreadable}, {"different", s->different}, {"temporary", s->temporary}};
	size_t i, k;

	hk_json_object(w, "summary");
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
		hk_json_int(w, rows[i].name, (int64_t)rows[i].n);
	hk_json_array(w, "methods");
	for (i = 0; i < AGAINST_METHODS; i++) {
		hk_json_object(w, NULL);
		hk_json_text(w, "method", against_method_name((enum against_method)i));
		for (k = 0; k < AGAINST_OUTCOMES; k++)
			hk_json_int(w, against_outcome_name((enum against_outcome)k), (int64_t)s->outcome[i][k]);
		hk_json_close_object(w);
	}
	hk_json_close_array(w);
	hk_json_close_object(w);
}

/* ---- text -------------------------------------------------------------------------------------------- */

static void cell(struct hk_buf *out, struct hk_slice text, size_t width)
{
	size_t from = out->n;

	hk_quote_add(out, text, CLI_VALUE_SHOWN);
	while (out->n < from + width && hk_buf_status(out) == HK_OK)
		hk_buf_add_byte(out, ' ');
}

static void text_row(struct hk_buf *out, const struct against_row *row)
{
	static const char marks[AGAINST_OUTCOMES] = {' ', ' ', '!', ' ', ' '};
	size_t i;

	hk_buf_addf(out, "%c %-6s", marks[row->outcome], against_method_name(row->method));
	cell(out, row->theirs ? row->theirs->result : HK_S("-"), 11);
	cell(out, hk_slice_str(row->ours ? row->ours : "-"), 11);
	cell(out, row->about, 0);
	hk_buf_add_byte(out, '\n');
	/* that they say nothing of it is to be seen */
	for (i = 0; row->theirs && i < row->n_reasons; i++) {
		hk_buf_add_str(out, "        ");
		hk_quote_add(out, row->reason[i], CLI_VALUE_SHOWN * 2);
		hk_buf_add_byte(out, '\n');
	}
}

static void text_message(struct hk_buf *out, const struct against_message *m)
{
	size_t i;

	hk_quote_add(out, hk_slice_str(m->file), CLI_VALUE_SHOWN);
	if (m->error) {
		hk_buf_addf(out, ": %s\n", m->error);
		return;
	}
	hk_buf_add_str(out, " (");
	hk_quote_add(out, m->theirs.authserv_id.n ? m->theirs.authserv_id : HK_S("no authserv-id"), CLI_VALUE_SHOWN);
	if (m->theirs.style)
		hk_buf_addf(out, ", as %s writes", m->theirs.style);
	hk_buf_add_str(out, ")\n");
	for (i = 0; i < m->n; i++)
		text_row(out, &m->row[i]);
}

static void text_sums(struct hk_buf *out, const struct against_sums *s)
{
	size_t i, k;

	hk_buf_addf(out,
	    "\n%zu messages: %zu compared, %zu different, %zu without results of theirs, %zu unreadable\n",
	    s->messages, s->compared, s->different, s->without, s->unreadable);
	hk_buf_addf(out, "%-8s", "");
	for (k = 0; k < AGAINST_OUTCOMES; k++)
		hk_buf_addf(out, "%13s", against_outcome_name((enum against_outcome)k));
	hk_buf_add_byte(out, '\n');
	for (i = 0; i < AGAINST_METHODS; i++) {
		hk_buf_addf(out, "%-8s", against_method_name((enum against_method)i));
		for (k = 0; k < AGAINST_OUTCOMES; k++)
			hk_buf_addf(out, "%13zu", s->outcome[i][k]);
		hk_buf_add_byte(out, '\n');
	}
}

/* ---- both -------------------------------------------------------------------------------------------- */

void against_print_begin(struct against_printer *p)
{
	if (p->options->json) {
		hk_json_begin(&p->json, &p->out);
		hk_json_object(&p->json, NULL);
		hk_json_array(&p->json, "messages");
	} else {
		hk_buf_add_str(&p->out, "  method theirs     ours       of\n");
	}
}

void against_print_message(struct against_printer *p, const struct against_message *m)
{
	if (p->options->json)
		json_message(&p->json, m);
	else
		text_message(&p->out, m);
	flush(p);
}

void against_print_end(struct against_printer *p, const struct against_sums *s)
{
	if (p->options->json) {
		hk_json_close_array(&p->json);
		json_sums(&p->json, s);
		hk_json_close_object(&p->json);
		hk_buf_add_byte(&p->out, '\n');
	} else {
		text_sums(&p->out, s);
	}
	flush(p);
}
