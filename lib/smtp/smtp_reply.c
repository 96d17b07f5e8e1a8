/* SPDX-License-Identifier: MIT
 *
 * Writing replies (RFC 5321 4.2, RFC 2034 4).
 */
#include "lib/base/bug.h"
#include "smtp_internal.h"

/* 512 octets with CRLF (RFC 5321 4.5.3.1.5), less "250-", "5.123.123 " and CRLF. */
enum { LINE_TEXT_MAX = 480, LINES_MAX = 32 };

static size_t quoted_width(uint8_t c)
{
	if (c == '\\')
		return 2;
	return c >= 0x20 && c < 0x7f ? 1 : 4;
}

/* How far a line that is too long is looked back over for a space to end with: a word stays whole, an id above all. */
enum { WORD_MAX = 100 };

/* The piece of text that makes the next reply line: to the next \n, or as much as fits. */
static struct hk_slice first_line(struct hk_slice text)
{
	size_t i, space, width = 0, end = hk_slice_find(text, '\n');

	for (i = 0; i < end; i++) {
		width += quoted_width(text.p[i]);
		if (width > LINE_TEXT_MAX)
			break;
	}
	space = hk_slice_rfind(hk_slice_sub(text, 0, i), ' ');
	if (i < end && space + WORD_MAX > i && space < i)
		i = space + 1;
	return hk_slice_sub(text, 0, i);
}

void hk_smtp_reply_add(
    struct hk_buf *out, unsigned code, const char *enhanced, struct hk_slice text)
{
	unsigned lines = 0;
	bool last;

	text = hk_slice_sub(text, 0, HK_SMTP_REPLY_TEXT_MAX);
	do {
		struct hk_slice line = first_line(text);
		struct hk_slice rest = hk_slice_from(text, line.n);

		if (rest.n && rest.p[0] == '\n')
			rest = hk_slice_from(rest, 1);
		last = rest.n == 0 || ++lines == LINES_MAX;
		hk_buf_addf(out, "%03u%c", code, last ? ' ' : '-');
		/* RFC 2034 4: the same enhanced code on every line */
		if (enhanced && *enhanced)
			hk_buf_addf(out, line.n ? "%s " : "%s", enhanced);
		hk_quote_add(out, line, line.n);
		hk_buf_add(out, HK_BUG(BARE_LF_REPLY) && code == 550 ? HK_S("\n") : HK_S("\r\n"));
		text = rest;
	} while (!last);
}
