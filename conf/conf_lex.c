/* SPDX-License-Identifier: MIT
 *
 * conf_lex.c - text to tokens: words, "quoted words", { } ; and # comments to the end of the line.
 */
#include <string.h>

#include "conf/conf_internal.h"

struct lexer {
	struct conf_reader *r;
	struct hk_slice text;
	size_t at;
	unsigned line, column;
	struct conf_token *out; /* NULL: only count */
	size_t n;
};

static void advance(struct lexer *x)
{
	if (x->text.p[x->at++] == '\n') {
		x->line++;
		x->column = 1;
	} else {
		x->column++;
	}
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool ends_word(uint8_t c)
{
	return is_space(c) || c == '{' || c == '}' || c == ';' || c == '"';
}

/* In the counting pass errors would be told twice. */
static void complain(struct lexer *x, const struct conf_token *at, const char *what)
{
	if (x->out)
		conf_error(x->r, at, "%s", what);
}

static void skip_blank(struct lexer *x)
{
	while (x->at < x->text.n) {
		if (x->text.p[x->at] == '#') {
			while (x->at < x->text.n && x->text.p[x->at] != '\n')
				advance(x);
		} else if (is_space(x->text.p[x->at])) {
			advance(x);
		} else {
			return;
		}
	}
}

/* The quoted text with \" and \\ resolved, into the scratch arena. */
static void take_quoted(struct lexer *x, struct conf_token *t)
{
	size_t from, n = 0, i;
	bool closed = false;
	uint8_t *p;

	advance(x);
	from = x->at;
	while (x->at < x->text.n && !closed) {
		uint8_t c = x->text.p[x->at];

		if (c == '\\' && x->at + 1 < x->text.n)
			advance(x);
		else if (c < ' ' && c != '\t')
			break;
		closed = c == '"';
		advance(x);
	}
	if (!closed) {
		complain(
		    x, t, "a quoted text must end on its line, and holds no control characters");
		return;
	}
	if (!x->out)
		return;
	p = hk_arena_alloc(x->r->scratch, x->at - from);
	if (!p) {
		x->r->no_memory = true;
		return;
	}
	for (i = from; i < x->at - 1; i++) {
		if (x->text.p[i] == '\\' && ++i && x->text.p[i] != '"' && x->text.p[i] != '\\')
			complain(x, t, "after a backslash stands a quote or a backslash");
		p[n++] = x->text.p[i];
	}
	t->text = hk_slice_of(p, n);
}

static void take_word(struct lexer *x, struct conf_token *t)
{
	size_t from = x->at;

	while (x->at < x->text.n && !ends_word(x->text.p[x->at])) {
		uint8_t c = x->text.p[x->at];

		if (c < ' ' || c == 0x7f) {
			complain(x, t, "a control character outside of quotes");
			while (x->at < x->text.n && !ends_word(x->text.p[x->at]))
				advance(x);
			break;
		}
		advance(x);
	}
	t->text = hk_slice_sub(x->text, from, x->at - from);
}

static void take_token(struct lexer *x, struct conf_token *t)
{
	static const char single[] = "{};";
	static const enum conf_token_type types[] = {CONF_OPEN, CONF_CLOSE, CONF_SEMICOLON};
	const char *found;

	skip_blank(x);
	*t = (struct conf_token){.type = CONF_END, .line = x->line, .column = x->column};
	if (x->at == x->text.n)
		return;
	found = x->text.p[x->at] ? strchr(single, x->text.p[x->at]) : NULL;
	if (found) {
		t->type = types[found - single];
		advance(x);
		return;
	}
	t->type = CONF_WORD;
	if (x->text.p[x->at] != '"') {
		take_word(x, t);
	} else {
		take_quoted(x, t);
		if (x->at < x->text.n && !is_space(x->text.p[x->at]) &&
		    !strchr("{};", x->text.p[x->at]))
			complain(x, t, "after a quoted text comes a space or a semicolon");
	}
}

static void run(struct lexer *x)
{
	struct conf_token t;

	x->line = x->column = 1;
	x->at = x->n = 0;
	if (hk_slice_starts_nocase(x->text, HK_S("\xef\xbb\xbf")))
		x->at = 3; /* a byte order mark, from an editor */
	do {
		take_token(x, &t);
		if (x->out)
			x->out[x->n] = t;
		x->n++;
	} while (t.type != CONF_END);
}

void conf_lex(struct conf_reader *r, struct hk_slice text)
{
	struct lexer x = {.r = r, .text = text};
	struct conf_token *out;

	run(&x);
	out = hk_arena_array(r->scratch, x.n, sizeof *out);
	if (!out) {
		r->no_memory = true;
		return;
	}
	x.out = out;
	run(&x);
	r->token = out;
	r->n_tokens = x.n;
}
