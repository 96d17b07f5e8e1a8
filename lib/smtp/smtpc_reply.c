/* SPDX-License-Identifier: MIT
 *
 * Reading replies (RFC 5321 4.2, RFC 2034). A reply is bounded in lines and bytes; what does not
 * follow the grammar is malformed and never guessed at: the connection is out of step then.
 */
#include <string.h>

#include "smtpc_internal.h"

static enum hk_status malformed(struct smtpc_reader *r, const char *wrong)
{
	r->wrong = wrong;
	return HK_SYNTAX;
}

/* Up to three digits and what follows them; 0 when there are none. */
static size_t digits(struct hk_slice s)
{
	size_t n = 0;

	while (n < s.n && n < 3 && hk_is_digit(s.p[n]))
		n++;
	return n;
}

/* Length of an enhanced status code at the beginning of text (RFC 3463 2), of the class of the
 * reply (RFC 2034 4); 0: none. */
static size_t enhanced_length(unsigned code, struct hk_slice text)
{
	size_t at = 2, n;

	if (text.n < 5 || text.p[0] != '0' + code / 100 || text.p[1] != '.')
		return 0;
	n = digits(hk_slice_from(text, at));
	at += n;
	if (n == 0 || at >= text.n || text.p[at] != '.')
		return 0;
	n = digits(hk_slice_from(text, at + 1));
	at += 1 + n;
	if (n == 0 || (at < text.n && text.p[at] != ' '))
		return 0;
	return at;
}

/* The text of a line joins the reply, as far as there is room. */
static void join(struct smtpc_reader *r, struct hk_slice text)
{
	if (r->lines && r->text_n < sizeof r->text)
		r->text[r->text_n++] = '\n';
	text = hk_slice_sub(text, 0, sizeof r->text - r->text_n);
	if (text.n)
		memcpy(r->text + r->text_n, text.p, text.n);
	r->text_n += text.n;
}

/* One line without its CRLF. */
static enum hk_status take_line(
    struct smtpc_reader *r, struct hk_slice line, struct hk_slice *ret_line, bool *ret_last)
{
	unsigned code;
	size_t n;

	if (hk_slice_find(line, '\0') < line.n || hk_slice_find(line, '\r') < line.n)
		return malformed(r, "a NUL or a bare CR in a reply");
	if (digits(line) < 3 || line.p[0] < '2' || line.p[0] > '5')
		return malformed(r, "a reply without a code of 200 to 599");
	/* RFC 5321 4.2.1: a line of the code alone is taken too */
	if (line.n > 3 && line.p[3] != ' ' && line.p[3] != '-')
		return malformed(r, "neither space nor hyphen after a reply code");
	code = (unsigned)(line.p[0] - '0') * 100 + (unsigned)(line.p[1] - '0') * 10 +
	       (unsigned)(line.p[2] - '0');
	if (r->lines && code != r->code)
		return malformed(r, "different codes in one reply");
	*ret_last = line.n == 3 || line.p[3] == ' ';
	line = hk_slice_from(line, 4);
	n = enhanced_length(code, line);
	if (r->lines == 0) {
		r->code = code;
		r->text_n = 0;
		if (n)
			memcpy(r->enhanced, line.p, n);
		r->enhanced[n] = '\0';
	}
	if (n && n == strlen(r->enhanced) && memcmp(line.p, r->enhanced, n) == 0)
		line = hk_slice_from(line, n + 1);
	join(r, line);
	if (++r->lines > SMTPC_REPLY_LINES_MAX)
		return malformed(r, "a reply of too many lines");
	*ret_line = line;
	return HK_OK;
}

enum hk_status smtpc_reader_step(
    struct smtpc_reader *r, struct hk_slice *in, struct hk_slice *ret_line, bool *ret_last)
{
	enum hk_status status;
	size_t lf, n;

	lf = hk_slice_find(*in, '\n');
	n = lf < in->n ? lf + 1 : in->n;
	if (n == 0)
		return HK_AGAIN;
	if (n > sizeof r->line - r->n)
		return malformed(r, "a reply line that is too long");
	memcpy(r->line + r->n, in->p, n);
	r->n += n;
	*in = hk_slice_from(*in, n);
	if (r->line[r->n - 1] != '\n')
		return HK_AGAIN;
	if (r->n < 2 || r->line[r->n - 2] != '\r')
		return malformed(r, "a bare LF in a reply");
	status = take_line(r, hk_slice_of(r->line, r->n - 2), ret_line, ret_last);
	r->n = 0;
	if (status == HK_OK && *ret_last)
		r->lines = 0;
	return status;
}

struct hk_smtp_reply smtpc_reader_reply(const struct smtpc_reader *r)
{
	struct hk_smtp_reply reply = {.code = r->code, .text = {r->text, r->text_n}};

	memcpy(reply.enhanced, r->enhanced, sizeof reply.enhanced);
	return reply;
}
