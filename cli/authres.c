/* SPDX-License-Identifier: MIT
 *
 * The command authres: what the Authentication-Results fields of a message say.
 */
#include <string.h>

#include "cli_internal.h"

struct printer {
	const struct cli_options *options;
	struct hk_arena *arena;
	struct hk_buf *out;
	struct hk_json_writer json;
	size_t fields, unreadable;
};

static void json_strings(struct hk_json_writer *w, const char *key, const struct hk_slice *text, size_t n)
{
	size_t i;

	hk_json_array(w, key);
	for (i = 0; i < n; i++)
		hk_json_string(w, NULL, text[i]);
	hk_json_close_array(w);
}

static void json_result(struct hk_json_writer *w, const struct hk_authres_result *r)
{
	size_t i;

	hk_json_object(w, NULL);
	hk_json_string(w, "method", r->method);
	if (r->version.n)
		hk_json_string(w, "version", r->version);
	hk_json_string(w, "result", r->result);
	if (r->reason.n)
		hk_json_string(w, "reason", r->reason);
	json_strings(w, "comments", r->comment, r->n_comments);
	hk_json_array(w, "properties");
	for (i = 0; i < r->n_properties; i++) {
		hk_json_object(w, NULL);
		hk_json_string(w, "ptype", r->property[i].ptype);
		hk_json_string(w, "property", r->property[i].property);
		hk_json_string(w, "value", r->property[i].value);
		hk_json_close_object(w);
	}
	hk_json_close_array(w);
	hk_json_close_object(w);
}

static void json_field(struct printer *p, const struct hk_authres_parsed *f)
{
	size_t i;

	hk_json_string(&p->json, "authserv_id", f->authserv_id);
	if (f->version.n)
		hk_json_string(&p->json, "version", f->version);
	if (f->deviation) {
		hk_json_text(&p->json, "deviation", f->deviation);
		hk_json_int(&p->json, "deviation_at", (int64_t)f->deviation_at);
	}
	json_strings(&p->json, "comments", f->comment, f->n_comments);
	hk_json_array(&p->json, "results");
	for (i = 0; i < f->n_results; i++)
		json_result(&p->json, &f->result[i]);
	hk_json_close_array(&p->json);
}

/* One cell; bytes from outside are quoted. */
static void cell(struct hk_buf *out, struct hk_slice text, size_t width)
{
	size_t from = out->n;

	hk_quote_add(out, text, CLI_VALUE_SHOWN);
	while (out->n < from + width && hk_buf_status(out) == HK_OK)
		hk_buf_add_byte(out, ' ');
}

static void text_result(struct hk_buf *out, const struct hk_authres_result *r)
{
	size_t i;

	hk_buf_add_str(out, "  ");
	cell(out, r->method, 10);
	hk_buf_add_byte(out, ' ');
	cell(out, r->result, 10);
	for (i = 0; i < r->n_properties; i++) {
		hk_buf_add_byte(out, ' ');
		cell(out, r->property[i].ptype, 0);
		if (r->property[i].ptype.n)
			hk_buf_add_byte(out, '.');
		cell(out, r->property[i].property, 0);
		hk_buf_add_byte(out, '=');
		cell(out, r->property[i].value, 0);
	}
	hk_buf_add_byte(out, '\n');
	cli_line_add(out, "             reason: ", r->reason);
	for (i = 0; i < r->n_comments; i++)
		cli_line_add(out, "             comment: ", r->comment[i]);
}

static void text_field(struct printer *p, const struct hk_authres_parsed *f, bool is_ours)
{
	size_t i;

	cell(p->out, f->authserv_id, 0);
	if (f->version.n) {
		hk_buf_add_str(p->out, ", version ");
		cell(p->out, f->version, 0);
	}
	hk_buf_add_str(p->out, is_ours ? ", ours\n" : "\n");
	if (f->deviation)
		hk_buf_addf(p->out, "  not as RFC 8601 2.2 has it, at octet %zu: %s\n", f->deviation_at, f->deviation);
	for (i = 0; i < f->n_comments; i++)
		cli_line_add(p->out, "  comment: ", f->comment[i]);
	for (i = 0; i < f->n_results; i++)
		text_result(p->out, &f->result[i]);
	if (f->n_results == 0)
		hk_buf_add_str(p->out, "  none\n");
}

static void print_field(struct printer *p, const struct hk_field *field)
{
	const char *id = p->options->authserv_id;
	bool is_ours = id && hk_authres_is_ours(field, hk_slice_str(id));
	struct hk_authres_parsed f;
	enum hk_status status = hk_authres_parse(p->arena, field->value, &f);

	p->fields++;
	p->unreadable += status != HK_OK;
	if (!p->options->json) {
		if (status == HK_OK)
			text_field(p, &f, is_ours);
		else
			hk_buf_addf(p->out, "(unreadable: %s)\n", hk_status_text(status));
		return;
	}
	hk_json_object(&p->json, NULL);
	hk_json_bool(&p->json, "readable", status == HK_OK);
	if (id)
		hk_json_bool(&p->json, "ours", is_ours);
	if (status == HK_OK)
		json_field(p, &f);
	else
		hk_json_text(&p->json, "error", hk_status_text(status));
	hk_json_close_object(&p->json);
}

static enum cli_exit print(struct printer *p, const struct hk_header *header)
{
	const struct hk_slice name = HK_S("Authentication-Results");
	size_t i;

	hk_json_begin(&p->json, p->out);
	if (p->options->json) {
		hk_json_object(&p->json, NULL);
		hk_json_array(&p->json, "fields");
	}
	for (i = hk_header_find(header, name, 0); i < header->n; i = hk_header_find(header, name, i + 1))
		print_field(p, &header->field[i]);
	if (p->options->json) {
		hk_json_close_array(&p->json);
		hk_json_close_object(&p->json);
		hk_buf_add_byte(p->out, '\n');
	} else if (p->fields == 0) {
		hk_buf_add_str(p->out, "no field Authentication-Results\n");
	}
	cli_write(p->out);
	return p->unreadable ? CLI_FAIL : CLI_OK;
}

enum cli_exit cli_authres(const struct cli_options *o)
{
	struct cli_message message = {.was_lf = false};
	enum cli_exit code = CLI_USAGE;
	struct hk_header header;
	struct hk_arena a;
	struct hk_buf out;
	struct printer p = {.options = o, .arena = &a, .out = &out};

	hk_arena_init(&a, CLI_ARENA);
	hk_buf_init(&out, CLI_OUTPUT_MAX);
	if (!o->file)
		cli_complain("authres needs a message", NULL);
	else if (cli_message_read(o, &message)) {
		enum hk_status status = hk_header_parse(&a, message.header, &header);

		if (status == HK_OK)
			code = print(&p, &header);
		else
			cli_complain(hk_status_text(status), o->file);
	}
	cli_message_done(&message);
	hk_buf_done(&out);
	hk_arena_done(&a);
	return code;
}
