/* SPDX-License-Identifier: MIT
 *
 * Master-file text into lines of fields (RFC 1035 5.1).
 */
#include "zone_internal.h"

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static enum hk_status fail(struct hk_zone_lexer *lexer, const char *what)
{
	lexer->what = what;
	return HK_SYNTAX;
}

static enum hk_status add_token(
    struct hk_zone_lexer *lexer, struct hk_zone_line *line, struct hk_slice raw, bool quoted)
{
	if (line->n == HK_ZONE_TOKENS_MAX)
		return fail(lexer, "too many fields");
	line->token[line->n++] = (struct hk_zone_token){raw, quoted};
	return HK_OK;
}

/* rest begins behind the opening quote. */
static enum hk_status take_quoted(struct hk_zone_lexer *lexer, struct hk_zone_line *line)
{
	struct hk_slice s = lexer->rest;
	size_t i;

	for (i = 0; i < s.n && s.p[i] != '"' && s.p[i] != '\n'; i++)
		if (s.p[i] == '\\' && i + 1 < s.n && s.p[i + 1] != '\n')
			i++;
	if (i >= s.n || s.p[i] != '"')
		return fail(lexer, "the quote is not closed on its line");
	lexer->rest = hk_slice_from(s, i + 1);
	return add_token(lexer, line, hk_slice_sub(s, 0, i), true);
}

static enum hk_status take_plain(struct hk_zone_lexer *lexer, struct hk_zone_line *line)
{
	struct hk_slice s = lexer->rest;
	size_t i;

	for (i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];

		if (is_blank(c) || c == '\n' || c == ';' || c == '(' || c == ')' || c == '"')
			break;
		if (c == '\\' && i + 1 < s.n && s.p[i + 1] != '\n')
			i++;
	}
	lexer->rest = hk_slice_from(s, i);
	return add_token(lexer, line, hk_slice_sub(s, 0, i), false);
}

static void skip_comment(struct hk_zone_lexer *lexer)
{
	lexer->rest = hk_slice_from(lexer->rest, hk_slice_find(lexer->rest, '\n'));
}

/* One piece of the line; *deep says whether a parenthesis is open (they do not nest). */
static enum hk_status take_piece(struct hk_zone_lexer *lexer, struct hk_zone_line *line, bool *deep)
{
	uint8_t c = lexer->rest.p[0];

	if (c != '"' && c != '(' && c != ')' && c != ';' && c != '\n' && !is_blank(c))
		return take_plain(lexer, line);
	if (c == ';') {
		skip_comment(lexer);
		return HK_OK;
	}
	lexer->rest = hk_slice_from(lexer->rest, 1);
	if (c == '"')
		return take_quoted(lexer, line);
	if (c == '\n')
		lexer->line++;
	if (c == '(' || c == ')') {
		if (*deep == (c == '('))
			return fail(lexer, "a parenthesis has no partner");
		*deep = c == '(';
	}
	return HK_OK;
}

static enum hk_status take_line(struct hk_zone_lexer *lexer, struct hk_zone_line *ret)
{
	enum hk_status status;
	bool deep = false;

	ret->n = 0;
	ret->number = lexer->line;
	ret->starts_blank = is_blank(lexer->rest.p[0]);
	while (lexer->rest.n && (deep || lexer->rest.p[0] != '\n')) {
		status = take_piece(lexer, ret, &deep);
		if (status != HK_OK)
			return status;
	}
	if (deep)
		return fail(lexer, "the text ends inside parentheses");
	if (lexer->rest.n) {
		lexer->rest = hk_slice_from(lexer->rest, 1);
		lexer->line++;
	}
	return HK_OK;
}

enum hk_status hk_zone_next_line(struct hk_zone_lexer *lexer, struct hk_zone_line *ret)
{
	enum hk_status status;

	while (lexer->rest.n) {
		status = take_line(lexer, ret);
		if (status != HK_OK || ret->n)
			return status;
	}
	return HK_END;
}
