/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "against.h"

/* A chain that nobody asked about by name, and that is not there, is not worth a line. */
static void authres(const struct cli_options *o, const struct cli_checked *c, struct hk_buf *out)
{
	unsigned checks = hk_verify_result(c->verify)->checks;

	if (!o->has_checks && hk_verify_result(c->verify)->arc->cv == HK_ARC_NONE)
		checks &= ~(unsigned)HK_CHECK_ARC;
	hk_verify_authres(c->verify, checks, o->style, c->authserv_id, out);
}

static void json(const struct cli_checked *c, struct hk_slice field, struct hk_buf *out)
{
	if (field.n >= 2)
		field.n -= 2; /* without the final CRLF */
	if (c->verify)
		hk_explain_json(c->verify, field, out);
	if (c->n_signing) {
		/* one member more */
		if (c->verify)
			out->n--;
		hk_buf_add_str(out, c->verify ? ",\"signing\":" : "{\"signing\":");
		cli_signed_json(c, out);
		hk_buf_add_byte(out, '}');
	}
	hk_buf_add_byte(out, '\n');
}

static void add_field(struct hk_slice field, struct hk_buf *out)
{
	size_t i;

	for (i = 0; i < field.n; i++)
		if (field.p[i] != '\r')
			hk_buf_add_byte(out, field.p[i]);
}

static void page(const struct cli_options *o, const struct cli_checked *c, struct hk_slice field,
    struct hk_buf *out)
{
	struct hk_explain_options options = {.size = sizeof options, .language = o->language,
	    .colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
	    .show_body = c->message.body.n > 0,
	    .body = hk_slice_sub(c->message.body, 0, CLI_BODY_SHOWN)};

	if (c->notes.n) {
		hk_buf_add(out, hk_buf_slice(&c->notes));
		hk_buf_add_byte(out, '\n');
	}
	if (c->verify) {
		hk_explain_message(c->verify, &options, out);
		hk_buf_add_byte(out, '\n');
		add_field(field, out);
	}
	cli_signed_add(o, c, out);
}

/* Why --strict objects, for people. */
static void warnings(struct cli_checked *c)
{
	struct hk_explain_warning w;
	size_t i;

	for (i = 0; hk_explain_warning(c->verify, i, &w); i++) {
		hk_buf_addf(&c->notes, "warning: %s ", w.method);
		hk_quote_add(&c->notes, w.domain, CLI_VALUE_SHOWN);
		hk_buf_add_str(&c->notes, ", ");
		hk_quote_add(&c->notes, w.about, CLI_VALUE_SHOWN);
		hk_buf_addf(&c->notes, ": %s [%s]\n", w.text, w.rfc);
	}
}

static enum cli_exit print(
    const struct cli_options *o, struct cli_resolver *resolver, bool whole_page, struct hk_buf *out)
{
	struct hk_buf field = {0};
	struct cli_checked c;
	enum cli_exit code = cli_check(o, resolver, &c);

	if (code == CLI_OK && !c.verify && !whole_page) {
		cli_complain("the server checked nothing about this message", o->queue_id);
		code = CLI_USAGE;
	}
	if (code == CLI_OK) {
		hk_buf_init(&field, CLI_OUTPUT_MAX);
		if (c.verify)
			authres(o, &c, &field);
		if (c.verify && o->strict && !o->json)
			warnings(&c);
		if (o->json)
			json(&c, hk_buf_slice(&field), out);
		else if (whole_page)
			page(o, &c, hk_buf_slice(&field), out);
		else
			add_field(hk_buf_slice(&field), out);
		if (c.notes.n && !o->batch && (o->json || !whole_page))
			fwrite(c.notes.p, 1, c.notes.n, stderr);
		if (c.verify)
			code = cli_verdict_exit(o, c.verify);
		hk_buf_done(&field);
	}
	cli_checked_done(&c);
	return code;
}

static enum cli_exit answer_explain(
    const struct cli_options *o, struct cli_resolver *resolver, struct hk_arena *a, struct hk_buf *out)
{
	(void)a;
	return print(o, resolver, true, out);
}

static enum cli_exit answer_verify(
    const struct cli_options *o, struct cli_resolver *resolver, struct hk_arena *a, struct hk_buf *out)
{
	(void)a;
	return print(o, resolver, false, out);
}

enum cli_exit cli_explain(const struct cli_options *o)
{
	if (o->batch) {
		cli_complain("there is no batch of", "explain");
		return CLI_USAGE;
	}
	if (o->matrix)
		return cli_matrix(o);
	return o->replies || cli_is_reply(o) ? cli_replies(o) : cli_answer_once(o, answer_explain);
}

enum cli_exit cli_verify(const struct cli_options *o)
{
	if (o->against)
		return cli_against(o);
	return cli_answer_once(o, answer_verify);
}
