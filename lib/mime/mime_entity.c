/* SPDX-License-Identifier: MIT
 *
 * Content-Type and Content-Transfer-Encoding (RFC 2045 5, 6), as far as the form of a body hangs on them.
 */
#include "lib/message/message_internal.h"
#include "mime_internal.h"

/* RFC 2045 5.1 */
static bool is_token_char(uint8_t c)
{
	return hk_is_graph(c) && hk_slice_find(HK_S("()<>@,;:\\\"/[]?="), c) == 15;
}

static struct hk_slice take_token(struct hk_slice *s)
{
	struct hk_slice token;
	size_t n = 0;

	while (n < s->n && is_token_char(s->p[n]))
		n++;
	token = hk_slice_sub(*s, 0, n);
	*s = hk_slice_from(*s, n);
	return token;
}

static bool skip(struct hk_slice *s)
{
	bool any;

	return hk_message_skip_cfws(s, &any) == HK_OK;
}

static bool take(struct hk_slice *s, uint8_t c)
{
	if (!skip(s) || s->n == 0 || s->p[0] != c)
		return false;
	*s = hk_slice_from(*s, 1);
	return skip(s);
}

/* token / quoted-string, into value, as much as fits; *n past it when it does not. */
static bool take_value(struct hk_slice *s, uint8_t value[MIME_BOUNDARY_MAX], size_t *n)
{
	struct hk_slice token;
	size_t i = 1;

	*n = 0;
	if (s->n == 0 || s->p[0] != '"') {
		token = take_token(s);
		for (; *n < token.n; ++*n)
			if (*n < MIME_BOUNDARY_MAX)
				value[*n] = token.p[*n];
		return token.n > 0;
	}
	for (; i < s->n && s->p[i] != '"'; i++) {
		if (s->p[i] == '\\' && i + 1 < s->n)
			i++;
		else if (s->p[i] == '\r' || s->p[i] == '\n')
			continue; /* folding */
		if (*n < MIME_BOUNDARY_MAX)
			value[*n] = s->p[i];
		++*n;
	}
	if (i == s->n)
		return false;
	*s = hk_slice_from(*s, i + 1);
	return true;
}

/* The boundary parameter; RFC 2046 5.1.1 wants it to end with something else than a space. */
static void read_boundary(struct hk_slice rest, struct mime_entity *e)
{
	uint8_t value[MIME_BOUNDARY_MAX];
	size_t n, i;

	while (take(&rest, ';')) {
		struct hk_slice name = take_token(&rest);

		if (!take(&rest, '=') || !take_value(&rest, value, &n))
			return;
		if (!hk_slice_eq_nocase(name, HK_S("boundary")))
			continue;
		if (n == 0 || n > MIME_BOUNDARY_MAX || value[n - 1] == ' ')
			return;
		for (i = 0; i < n; i++)
			e->boundary[i] = value[i];
		e->boundary_n = n;
		return;
	}
}

static void read_type(struct hk_slice value, struct mime_entity *e)
{
	struct hk_slice type, subtype;

	if (!skip(&value))
		return;
	type = take_token(&value);
	if (!take(&value, '/'))
		return; /* RFC 2045 5.2: text/plain */
	subtype = take_token(&value);
	if (hk_slice_eq_nocase(type, HK_S("multipart"))) {
		read_boundary(value, e);
		e->kind = e->boundary_n ? MIME_MULTIPART : MIME_OTHER;
	} else if (hk_slice_eq_nocase(type, HK_S("message"))) {
		e->kind = hk_slice_eq_nocase(subtype, HK_S("rfc822")) ||
		                  hk_slice_eq_nocase(subtype, HK_S("global"))
		              ? MIME_MESSAGE
		              : MIME_TEXT;
	} else if (!hk_slice_eq_nocase(type, HK_S("text"))) {
		e->kind = MIME_OTHER;
	}
}

static void read_encoding(struct hk_slice value, struct mime_entity *e)
{
	struct hk_slice token;

	e->encoding = MIME_ENCODED;
	if (!skip(&value))
		return;
	token = take_token(&value);
	if (hk_slice_eq_nocase(token, HK_S("7bit")))
		e->encoding = MIME_7BIT;
	else if (hk_slice_eq_nocase(token, HK_S("8bit")))
		e->encoding = MIME_8BIT;
	else if (hk_slice_eq_nocase(token, HK_S("binary")))
		e->encoding = MIME_BINARY;
}

enum hk_status mime_entity_read(const struct hk_header *h, struct mime_entity *ret)
{
	const struct hk_slice type = HK_S("Content-Type"), encoding = HK_S("Content-Transfer-Encoding");
	struct mime_entity e = {.kind = MIME_TEXT, .encoding = MIME_7BIT};
	size_t i;

	if (hk_header_count(h, type) > 1 || hk_header_count(h, encoding) > 1)
		return HK_SYNTAX;
	i = hk_header_find(h, type, 0);
	e.has_type = i < h->n;
	if (e.has_type)
		read_type(h->field[i].value, &e);
	i = hk_header_find(h, encoding, 0);
	e.has_encoding = i < h->n;
	if (e.has_encoding)
		read_encoding(h->field[i].value, &e);
	e.has_version = hk_header_count(h, HK_S("MIME-Version")) > 0;
	/* RFC 2045 6.4: no other encoding is allowed there; whoever wrote one meant no multipart */
	if (e.encoding == MIME_ENCODED && (e.kind == MIME_MULTIPART || e.kind == MIME_MESSAGE))
		e.kind = MIME_OTHER;
	*ret = e;
	return HK_OK;
}
