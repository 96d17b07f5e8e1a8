/* SPDX-License-Identifier: MIT
 *
 * The scanner of message text, for both directions. Bodies are large: everything goes through
 * memchr.
 */
#include "lib/base/bug.h"
#include "smtp_internal.h"

const char *hk_smtp_stop_text(enum hk_smtp_stop stop)
{
	static const char *const text[] = {
	    [HK_SMTP_STOP_BARE_CR] = "bare CR",
	    [HK_SMTP_STOP_BARE_LF] = "bare LF",
	    [HK_SMTP_STOP_NUL] = "NUL",
	};

	return stop < sizeof text / sizeof text[0] && text[stop] ? text[stop] : "";
}

/* How far one look goes. A client chooses how often it is looked: a text of nothing but NULs must not
 * have all that is there searched for an LF at each of them. */
enum { LOOK = 256 };

/* The first CR, LF or NUL; piece.n when there is none. */
static size_t find_stop(struct hk_slice piece)
{
	piece.n = hk_slice_find(piece, '\n');
	piece.n = hk_slice_find(piece, '\r');
	return hk_slice_find(piece, '\0');
}

size_t hk_smtp_text_scan(struct hk_smtp_text *t, struct hk_slice s, enum hk_smtp_stop *ret_stop)
{
	size_t at = 0;

	while (at < s.n) {
		struct hk_slice rest = hk_slice_from(s, at);
		struct hk_slice piece = hk_slice_sub(rest, 0, LOOK);
		size_t clean;

		if (t->at_line_start && rest.p[0] == '.') {
			*ret_stop = HK_SMTP_STOP_DOT;
			return at;
		}
		clean = find_stop(piece);
		t->at_line_start = t->at_line_start && clean == 0;
		at += clean;
		if (clean == piece.n)
			continue;
		rest = hk_slice_from(rest, clean);
		if ((rest.p[0] == '\r' && rest.n > 1 && rest.p[1] == '\n') || (HK_BUG(LF_AS_CRLF) && rest.p[0] == '\n')) {
			at += rest.p[0] == '\r' ? 2 : 1;
			t->at_line_start = true;
			t->line++;
			continue;
		}
		if (rest.p[0] == '\n')
			*ret_stop = HK_SMTP_STOP_BARE_LF;
		else if (rest.p[0] == '\0')
			*ret_stop = HK_SMTP_STOP_NUL;
		else
			*ret_stop = rest.n == 1 ? HK_SMTP_STOP_CR : HK_SMTP_STOP_BARE_CR;
		return at;
	}
	*ret_stop = HK_SMTP_STOP_END;
	return at;
}

size_t hk_smtp_text_skip(struct hk_smtp_text *t, struct hk_slice s, enum hk_smtp_stop *ret_stop)
{
	size_t at = 0;

	while (at < s.n) {
		struct hk_slice rest = hk_slice_from(s, at);
		size_t cr;

		if (t->at_line_start && rest.p[0] == '.') {
			*ret_stop = HK_SMTP_STOP_DOT;
			return at;
		}
		cr = hk_slice_find(rest, '\r');
		t->at_line_start = t->at_line_start && cr == 0;
		at += cr;
		if (cr + 1 == rest.n) {
			*ret_stop = HK_SMTP_STOP_CR;
			return at;
		}
		if (cr == rest.n)
			break;
		t->at_line_start = rest.p[cr + 1] == '\n';
		t->line += t->at_line_start;
		at += t->at_line_start ? 2 : 1;
	}
	*ret_stop = HK_SMTP_STOP_END;
	return at;
}
