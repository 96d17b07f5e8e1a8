/* SPDX-License-Identifier: MIT */
#include "lib/authres/authres_internal.h"

/* An authserv-id longer than a host name can be is not ours. */
enum { ID_MAX = HK_DOMAIN_MAX + 1 };

struct id {
	uint8_t bytes[ID_MAX];
	size_t n;
	size_t blanks; /* met since the last of these bytes: at both ends they do not count, however many */
	bool too_long;
};

static void put(struct id *id, uint8_t c)
{
	if (id->n == ID_MAX)
		id->too_long = true;
	else
		id->bytes[id->n++] = c;
}

static void keep(struct id *id, uint8_t c)
{
	if (hk_is_wsp(c)) {
		id->blanks += id->n > 0;
		return;
	}
	for (; id->blanks > 0 && !id->too_long; id->blanks--)
		put(id, ' ');
	put(id, c);
}

static bool read_quoted(struct hk_slice *s, struct id *id)
{
	size_t i;

	for (i = 1; i < s->n; i++) {
		uint8_t c = s->p[i];

		if (c == '"') {
			*s = hk_slice_from(*s, i + 1);
			return true;
		}
		if (c == '\\' && i + 1 < s->n)
			c = s->p[++i];
		if (c != '\r' && c != '\n') /* folding is not part of the text, even behind a backslash */
			keep(id, c);
	}
	return false;
}

static bool read_token(struct hk_slice *s, struct id *id)
{
	size_t i;

	/* Bytes over 0x7f are let in: an id in UTF-8 (RFC 8601 5, EAI) can be read, and is not
	 * ours. */
	for (i = 0; i < s->n; i++) {
		uint8_t c = s->p[i];

		if (!hk_authres_is_token_byte(c) && c < 0x80)
			break;
		keep(id, c);
	}
	*s = hk_slice_from(*s, i);
	return i > 0;
}

/* What may stand behind the id: CFWS, a version of digits, and ";" or the end (RFC 8601 2.2). */
static bool ends_well(struct hk_slice s)
{
	if (s.n && !hk_authres_is_fws(s.p[0]) && s.p[0] != '(' && s.p[0] != ';')
		return false;
	if (!hk_authres_skip_cfws(&s))
		return false;
	while (s.n && hk_is_digit(s.p[0]))
		s = hk_slice_from(s, 1);
	return hk_authres_skip_cfws(&s) && (s.n == 0 || s.p[0] == ';');
}

bool hk_authres_is_ours(const struct hk_field *field, struct hk_slice authserv_id)
{
	struct hk_slice s = field->value, read;
	struct id id = {.n = 0};

	if (!hk_field_resembles(field, HK_S("Authentication-Results")))
		return false;
	if (field->name.n == 0)
		s = hk_slice_from(s, hk_slice_find(s, ':') + 1);
	if (!hk_authres_skip_cfws(&s) || s.n == 0)
		return true;
	if (s.p[0] == '"' ? !read_quoted(&s, &id) : !read_token(&s, &id))
		return true;
	if (!ends_well(s))
		return true;
	if (id.too_long)
		return false;
	read = hk_slice_of(id.bytes, id.n);
	if (read.n &&
	    read.p[read.n - 1] == '.') /* a lenient reader takes the two for the same host */
		read.n--;
	return read.n == 0 || hk_slice_eq_nocase(read, authserv_id);
}
