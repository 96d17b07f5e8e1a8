/* SPDX-License-Identifier: MIT
 *
 * --batch: one JSON request a line in, one result a line out, in the same order.
 *
 *	{"id": "1", "ip": "192.0.2.1", "mail_from": "u@a.test", "helo": "mx.a.test"}
 *	{"id":"1","exit":0,"result":{...}}
 *
 * A request that cannot be carried out has "error" in place of "result", and the next one is read.
 */
#include <stdio.h>
#include <string.h>

#include "cli_internal.h"

#define LINE_MAX_OCTETS ((size_t)CLI_MESSAGE_MAX + 1024 * 1024)

enum { COMPLAINTS_MAX = 8192, MEMBER_MAX = 32 };

/* The members of a request that are options as well, by another spelling: no file is written and no
 * key is read because of what a request says. */
static const char *const members[] = {
    "ip", "helo", "mail_from", "rcpt", "from", "domain", "now", "checks", "authserv_id", "dmarc_profile", "dmarc_sample"};

enum { MEMBERS = sizeof members / sizeof members[0] };

struct request {
	struct cli_options options;
	struct hk_slice id;
	bool id_is_number;
};

static const char *set_option(struct cli_options *o, struct hk_slice name, const char *value)
{
	char option[MEMBER_MAX] = "--";
	size_t i, k;

	for (i = 0; i < MEMBERS; i++)
		if (hk_slice_eq(name, hk_slice_str(members[i])))
			break;
	if (i == MEMBERS)
		return "no such member in a request";
	for (k = 0; members[i][k]; k++)
		option[k + 2] = members[i][k] == '_' ? '-' : members[i][k];
	return cli_option_set(o, option, value);
}

/* The requests that follow are no message. */
static const char *set_file(struct cli_options *o, const char *name)
{
	if (strcmp(name, "-") == 0)
		return "the standard input is where the requests come from";
	o->file = name;
	return NULL;
}

static const char *set_member(
    struct hk_arena *a, struct hk_slice name, struct hk_slice value, struct request *r)
{
	struct hk_slice text;

	if (hk_slice_eq(name, HK_S("message"))) {
		r->options.message = value.p ? value : HK_S("");
		return NULL;
	}
	if (hk_slice_find(value, 0) < value.n)
		return "a NUL in a member";
	if (hk_arena_dup(a, value, &text) != HK_OK)
		return "the request is too large";
	if (hk_slice_eq(name, HK_S("id")))
		r->id = text;
	else if (hk_slice_eq(name, HK_S("file")))
		return set_file(&r->options, (const char *)text.p);
	else
		return set_option(&r->options, name, (const char *)text.p);
	return NULL;
}

/* NULL, or what is wrong. */
static const char *read_request(struct hk_arena *a, struct hk_slice line, struct request *r)
{
	struct hk_json_reader *json = hk_json_reader_new(a, line);
	enum hk_json_token token;
	struct hk_slice name, value;

	if (!json || hk_json_next(json, &token, &value) != HK_OK || token != HK_JSON_OBJECT)
		return "a request is one JSON object";
	while (hk_json_next(json, &token, &name) == HK_OK && token == HK_JSON_KEY) {
		const char *wrong;

		if (hk_json_next(json, &token, &value) != HK_OK)
			return "a request is one JSON object";
		if (token != HK_JSON_STRING && token != HK_JSON_NUMBER)
			return "a member must be a string or a number";
		wrong = set_member(a, name, value, r);
		if (wrong)
			return wrong;
		if (hk_slice_eq(name, HK_S("id")))
			r->id_is_number = token == HK_JSON_NUMBER;
	}
	if (token != HK_JSON_OBJECT_END || hk_json_next(json, &token, &value) != HK_OK ||
	    token != HK_JSON_END)
		return "a request is one JSON object";
	return NULL;
}

/* One line without its LF; false at the end of the input. A line that is too long is read to its
 * end, and LIMIT stays in *line. */
static bool read_line(struct hk_buf *line)
{
	int c;

	hk_buf_reset(line);
	while ((c = getchar()) != EOF && c != '\n')
		hk_buf_add_byte(line, (uint8_t)c);
	return c != EOF || line->n > 0;
}

/* As it came: a number of whatever size and form stays one. */
static void write_id(struct hk_json_writer *w, const struct request *r)
{
	if (r->id.p && !r->id_is_number) {
		hk_json_string(w, "id", r->id);
		return;
	}
	hk_json_null(w, "id");
	if (r->id_is_number) {
		w->out->n -= sizeof "null" - 1;
		hk_buf_add(w->out, r->id);
	}
}

static void write_result(const struct request *r, enum cli_exit code, struct hk_slice result, struct hk_slice error)
{
	struct hk_json_writer w;
	struct hk_buf out;

	hk_buf_init(&out, CLI_OUTPUT_MAX * 2);
	hk_json_begin(&w, &out);
	hk_json_object(&w, NULL);
	write_id(&w, r);
	hk_json_int(&w, "exit", code);
	if (result.n) {
		hk_buf_add_str(&out, ",\"result\":");
		hk_buf_add(&out, hk_slice_trim(result));
	} else {
		hk_json_string(&w, "error", hk_slice_trim(error));
	}
	hk_json_close_object(&w);
	hk_buf_add_byte(&out, '\n');
	cli_write(&out);
	fflush(stdout);
	hk_buf_done(&out);
}

static enum cli_exit handle(const struct cli_options *o, struct cli_resolver *resolver,
    cli_answer *run, const struct hk_buf *line)
{
	struct request r = {.options = *o};
	struct hk_buf out, complaints;
	struct hk_arena a;
	enum cli_exit code = CLI_USAGE;
	const char *wrong;

	hk_arena_init(&a, CLI_ARENA * 2);
	hk_buf_init(&out, CLI_OUTPUT_MAX);
	hk_buf_init(&complaints, COMPLAINTS_MAX);
	wrong = hk_buf_status(line) == HK_OK ? read_request(&a, hk_buf_slice(line), &r)
	                                     : "the request is too long";
	if (wrong) {
		hk_buf_add_str(&complaints, wrong);
	} else {
		cli_complain_into(&complaints);
		code = run(&r.options, resolver, &a, &out);
		cli_complain_into(NULL);
	}
	write_result(&r, code, hk_buf_slice(&out), hk_buf_slice(&complaints));
	if (out.n)
		code = CLI_OK; /* of this request; its own code stands in its result */
	hk_buf_done(&complaints);
	hk_buf_done(&out);
	hk_arena_done(&a);
	return code;
}

enum cli_exit cli_batch(const struct cli_options *o, struct cli_resolver *resolver, cli_answer *run)
{
	struct cli_options base = *o;
	enum cli_exit code = CLI_OK;
	struct hk_buf line;

	if (o->file) {
		cli_complain("a batch comes from the standard input", o->file);
		return CLI_USAGE;
	}
	base.json = true;
	hk_buf_init(&line, LINE_MAX_OCTETS);
	while (read_line(&line))
		if (handle(&base, resolver, run, &line) != CLI_OK)
			code = CLI_USAGE;
	hk_buf_done(&line);
	return code;
}
