/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <hikyaku/dns.h>

#include "lib/authres/authres_internal.h"

/* ---- read ------------------------------------------------------------------------------------ */

bool hk_authres_is_fws(uint8_t c)
{
	return hk_is_wsp(c) || c == '\r' || c == '\n';
}

bool hk_authres_is_token_byte(uint8_t c)
{
	return hk_is_graph(c) && !strchr("()<>@,;:\\\"/[]?=", c);
}

/* comment = "(" *([FWS] ccontent) [FWS] ")" (RFC 5322 3.2.2) */
bool hk_authres_skip_comment(struct hk_slice *s)
{
	size_t depth = 0, i;

	for (i = 0; i < s->n; i++) {
		uint8_t c = s->p[i];

		if (c == '\\')
			i++;
		else if (c == '(')
			depth++;
		else if (c == ')' && --depth == 0) {
			*s = hk_slice_from(*s, i + 1);
			return true;
		}
	}
	return false;
}

bool hk_authres_skip_cfws(struct hk_slice *s)
{
	while (s->n) {
		if (hk_authres_is_fws(s->p[0]))
			*s = hk_slice_from(*s, 1);
		else if (s->p[0] != '(')
			return true;
		else if (!hk_authres_skip_comment(s))
			return false;
	}
	return true;
}

static bool is_token(struct hk_slice s, bool utf8)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!hk_authres_is_token_byte(s.p[i]) && !(utf8 && s.p[i] > 0x7f))
			return false;
	return s.n > 0;
}

/* dot-atom of RFC 5322 3.2.3 */
static bool is_dot_atom(struct hk_slice s, bool utf8)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		bool is_atext = hk_is_alnum(c) || (hk_is_graph(c) && strchr("!#$%&'*+-/=?^_`{|}~", c)) ||
		    (utf8 && c > 0x7f);

		if (c != '.' && !is_atext)
			return false;
		if (c == '.' && (i == 0 || i + 1 == s.n || s.p[i - 1] == '.'))
			return false;
	}
	return s.n > 0;
}

static bool is_domain(struct hk_slice s, bool utf8)
{
	return hk_is_hostname(s, true) ||
	    (utf8 && is_dot_atom(s, true) && is_token(s, true)); /* U-labels: a host name of no LDH */
}

bool hk_authres_is_pvalue(struct hk_slice s, bool utf8)
{
	size_t at = hk_slice_rfind(s, '@');

	if (is_token(s, utf8))
		return true;
	return at < s.n && (at == 0 || is_dot_atom(hk_slice_sub(s, 0, at), utf8)) &&
	    is_domain(hk_slice_from(s, at + 1), utf8);
}

/* ---- written ----------------------------------------------------------------------------------- */

void hk_authres_add_escaped(
    struct hk_buf *b, struct hk_slice s, const char *special, enum hk_authres_care care)
{
	bool is_cut = care == HK_AUTHRES_CUT;
	size_t from = b->n, i;

	for (i = 0; i < s.n && (!is_cut || b->n - from < HK_AUTHRES_VALUE_MAX); i++) {
		uint8_t c = s.p[i];

		if ((c < 0x20 && !(c == '\t' && !is_cut)) || c == 0x7f || (c > 0x7f && is_cut)) {
			hk_buf_add_byte(b, '\\');
			hk_quote_add(b, hk_slice_of(&c, 1), 1);
			continue;
		}
		if (strchr(special, c))
			hk_buf_add_byte(b, '\\');
		hk_buf_add_byte(b, c);
	}
	if (i < s.n)
		hk_buf_add_str(b, "...");
}

void hk_authres_add_quoted(struct hk_buf *b, struct hk_slice s, enum hk_authres_care care)
{
	hk_buf_add_byte(b, '"');
	hk_authres_add_escaped(b, s, "\"\\", care);
	hk_buf_add_byte(b, '"');
}

void hk_authres_add_value(struct hk_buf *b, struct hk_slice s, enum hk_authres_care care)
{
	bool whole = care == HK_AUTHRES_WHOLE;

	if (is_token(s, whole) && (whole || s.n <= HK_AUTHRES_VALUE_MAX))
		hk_buf_add(b, s);
	else
		hk_authres_add_quoted(b, s, care);
}

void hk_authres_add_pvalue(struct hk_buf *b, struct hk_slice s, enum hk_authres_care care)
{
	bool whole = care == HK_AUTHRES_WHOLE;

	/* "@a.test" alone has its quotes, though it could do without: readers differ */
	if (s.n && s.p[0] != '@' && hk_authres_is_pvalue(s, whole) && (whole || s.n <= HK_AUTHRES_VALUE_MAX))
		hk_buf_add(b, s);
	else
		hk_authres_add_quoted(b, s, care);
}

void hk_authres_flush(struct hk_authres_writer *w)
{
	struct hk_slice part = hk_buf_slice(&w->part);

	if (hk_buf_status(&w->part) != HK_OK && w->out->failed == HK_OK)
		w->out->failed = w->part.failed;
	if (w->out->n - w->line_from + part.n + 1 > HK_AUTHRES_LINE_MAX) {
		hk_buf_add_str(w->out, "\r\n\t");
		w->line_from = w->out->n;
	} else {
		hk_buf_add_byte(w->out, ' ');
	}
	hk_buf_add(w->out, part);
	hk_buf_reset(&w->part);
}
