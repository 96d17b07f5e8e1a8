/* SPDX-License-Identifier: MIT
 *
 * The scanner of message text, for both directions. Bodies are large: everything goes through
 * memchr.
 */
#include <string.h>

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

/* The first offending byte in a piece that holds no LF; piece.n when there is none. *is_cr tells
 * which kind. */
static size_t find_bad(struct hk_slice piece, bool *is_cr)
{
	size_t cr = hk_slice_find(piece, '\r');
	size_t nul = hk_slice_find(hk_slice_sub(piece, 0, cr), '\0');

	*is_cr = nul == cr;
	return nul;
}

size_t hk_smtp_text_scan(struct hk_smtp_text *t, struct hk_slice s, enum hk_smtp_stop *ret_stop)
{
	size_t at = 0;

	while (at < s.n) {
		struct hk_slice rest = hk_slice_from(s, at);
		size_t lf, clean;
		bool is_cr;

		if (t->at_line_start && rest.p[0] == '.') {
			*ret_stop = HK_SMTP_STOP_DOT;
			return at;
		}
		lf = hk_slice_find(rest, '\n');
		clean = find_bad(hk_slice_sub(rest, 0, lf), &is_cr);
		if (clean + 1 == lf && is_cr && lf < rest.n) {
			at += lf + 1;
			t->at_line_start = true;
			t->line++;
			continue;
		}
		at += clean;
		t->at_line_start = t->at_line_start && clean == 0;
		if (clean == rest.n)
			break;
		if (clean == lf)
			*ret_stop = HK_SMTP_STOP_BARE_LF;
		else if (!is_cr)
			*ret_stop = HK_SMTP_STOP_NUL;
		else
			*ret_stop = clean + 1 == rest.n ? HK_SMTP_STOP_CR : HK_SMTP_STOP_BARE_CR;
		return at;
	}
	*ret_stop = HK_SMTP_STOP_END;
	return at;
}
