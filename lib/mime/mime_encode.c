/* SPDX-License-Identifier: MIT
 *
 * Quoted-printable (RFC 2045 6.7) and base64 (6.8) over a stream, lines of at most 76 characters.
 */
#include "mime_internal.h"

enum { LINE_MAX_QUOTED = 76, LINE_MAX_BASE64 = 76 };

const char *mime_encoding_name(enum mime_as as)
{
	static const char *const names[] = {
	    [MIME_AS_IS] = "7bit", [MIME_AS_QUOTED] = "quoted-printable", [MIME_AS_BASE64] = "base64"};

	return names[as];
}

void mime_encoder_begin(struct mime_encoder *e, enum mime_as as)
{
	*e = (struct mime_encoder){.as = as};
}

/* ---- quoted-printable ---- */

/* Room for n more and the "=" of a soft line break; true when one was written. */
static bool make_room(struct mime_encoder *e, unsigned n, struct hk_buf *out)
{
	if (e->column + n < LINE_MAX_QUOTED)
		return false;
	hk_buf_add(out, HK_S("=\r\n"));
	e->column = 0;
	return true;
}

static void put_escaped(struct mime_encoder *e, uint8_t c, struct hk_buf *out)
{
	(void)make_room(e, 3, out);
	hk_buf_addf(out, "=%02X", c);
	e->column += 3;
}

static void put_plain(struct mime_encoder *e, uint8_t c, struct hk_buf *out)
{
	/* a line that begins where we broke it must not be taken for a boundary */
	if (make_room(e, 1, out) && c == '-') {
		put_escaped(e, c, out);
		return;
	}
	hk_buf_add_byte(out, c);
	e->column++;
}

/* A blank stays one when something visible follows it in its line; a CR is a line end when an LF follows. */
static void put_quoted(struct mime_encoder *e, uint8_t c, struct hk_buf *out)
{
	uint8_t held = e->held_n ? e->held[0] : 0;

	e->held_n = 0;
	if (held == '\r' && c == '\n') {
		hk_buf_add(out, HK_S("\r\n"));
		e->column = 0;
		return;
	}
	if (held == '\r')
		put_escaped(e, held, out);
	else if (held && c == '\r')
		put_escaped(e, held, out);
	else if (held)
		put_plain(e, held, out);
	if (c == ' ' || c == '\t' || c == '\r') {
		e->held[0] = c;
		e->held_n = 1;
	} else if (hk_is_graph(c) && c != '=') {
		put_plain(e, c, out);
	} else {
		put_escaped(e, c, out);
	}
}

/* ---- base64 ---- */

static void flush_group(struct mime_encoder *e, struct hk_buf *out)
{
	if (e->held_n == 0)
		return;
	if (e->column + 4 > LINE_MAX_BASE64) {
		hk_buf_add(out, HK_S("\r\n"));
		e->column = 0;
	}
	hk_base64_add(out, hk_slice_of(e->held, e->held_n));
	e->column += 4;
	e->held_n = 0;
}

static void put_octet(struct mime_encoder *e, uint8_t c, struct hk_buf *out)
{
	e->held[e->held_n++] = c;
	if (e->held_n == 3)
		flush_group(e, out);
}

/* The CRLF that was held back is content after all. */
static void put_crlf(struct mime_encoder *e, struct hk_buf *out)
{
	if (e->crlf > 0)
		put_octet(e, '\r', out);
	if (e->crlf > 1)
		put_octet(e, '\n', out);
	e->crlf = 0;
}

static void put_base64(struct mime_encoder *e, uint8_t c, struct hk_buf *out)
{
	if (e->crlf == 1 && c == '\n') {
		e->crlf = 2;
		return;
	}
	put_crlf(e, out);
	if (c == '\r')
		e->crlf = 1;
	else
		put_octet(e, c, out);
}

/* ---- both ---- */

void mime_encoder_put(struct mime_encoder *e, struct hk_slice text, struct hk_buf *out)
{
	size_t i;

	if (e->as == MIME_AS_IS) {
		hk_buf_add(out, text);
		return;
	}
	for (i = 0; i < text.n; i++) {
		if (e->as == MIME_AS_QUOTED)
			put_quoted(e, text.p[i], out);
		else
			put_base64(e, text.p[i], out);
	}
}

void mime_encoder_end(struct mime_encoder *e, bool at_boundary, struct hk_buf *out)
{
	if (e->as == MIME_AS_QUOTED && e->held_n)
		put_escaped(e, e->held[0], out);
	/* a line without its end: it gets a soft one, so that what follows begins a line */
	if (e->as == MIME_AS_QUOTED && e->column && at_boundary)
		hk_buf_add(out, HK_S("=\r\n"));
	if (e->as == MIME_AS_BASE64) {
		if (!at_boundary || e->crlf == 1)
			put_crlf(e, out);
		flush_group(e, out);
		if (e->column)
			hk_buf_add(out, HK_S("\r\n"));
	}
	*e = (struct mime_encoder){.as = MIME_AS_IS};
}
