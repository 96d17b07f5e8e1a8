/* SPDX-License-Identifier: MIT */
#include "lib/message/message_internal.h"

/* Only CRLF ends a line; a CR or an LF alone is a character of it. */
struct hk_slice hk_message_take_line(struct hk_slice *rest)
{
	struct hk_slice s = *rest, line;
	size_t n = 0;

	while (n < s.n) {
		n += hk_slice_find(hk_slice_from(s, n), '\n');
		if (n == s.n)
			break;
		n++;
		if (n >= 2 && s.p[n - 2] == '\r')
			break;
	}
	line = hk_slice_sub(s, 0, n);
	*rest = hk_slice_from(s, n);
	return line;
}

struct hk_slice hk_message_without_crlf(struct hk_slice s)
{
	if (s.n >= 2 && s.p[s.n - 2] == '\r' && s.p[s.n - 1] == '\n')
		s.n -= 2;
	return s;
}

/* RFC 5322 3.6.8: field-name is printable ASCII without the colon; 4.5: WSP may stand before the
 * colon. Deliberate: so may folding, which no grammar has. Whoever unfolds before he looks for the
 * colon, as RFC 6376 3.4.2 does, reads "From", CRLF, " : x" as a From; it must not be one more that
 * only we do not see. */
size_t hk_message_name_length(struct hk_slice line)
{
	size_t n = 0, colon;

	while (n < line.n && hk_is_graph(line.p[n]) && line.p[n] != ':')
		n++;
	colon = n;
	while (colon < line.n &&
	       (hk_is_wsp(line.p[colon]) || hk_message_fold_length(hk_slice_from(line, colon))))
		colon += hk_message_fold_length(hk_slice_from(line, colon)) + 1;
	return colon < line.n && line.p[colon] == ':' ? n : 0;
}

bool hk_message_is_stray(struct hk_slice raw)
{
	return raw.n && hk_is_wsp(raw.p[0]);
}

bool hk_field_resembles(const struct hk_field *field, struct hk_slice name)
{
	const struct hk_slice raw = field->raw;
	size_t n = 0, i;

	if (field->name.n)
		return hk_slice_eq_nocase(hk_slice_trim(field->name), name);
	for (i = 0; i < raw.n && raw.p[i] != ':'; i++) {
		if (!hk_is_graph(raw.p[i]))
			continue;
		if (n == name.n || hk_to_lower(raw.p[i]) != hk_to_lower(name.p[n]))
			return false;
		n++;
	}
	return n == name.n && i < raw.n;
}

bool hk_header_has_stray_line(const struct hk_header *h)
{
	return h->n && hk_message_is_stray(h->field[0].raw);
}

bool hk_message_is_fields(struct hk_slice text)
{
	bool first = true;

	if (text.n == 0)
		return false;
	while (text.n) {
		struct hk_slice line = hk_message_take_line(&text), inside = hk_message_without_crlf(line);

		if (inside.n == line.n || inside.n == 0)
			return false;
		if (hk_slice_find(inside, '\r') < inside.n || hk_slice_find(inside, '\n') < inside.n ||
		    hk_slice_find(inside, '\0') < inside.n)
			return false;
		if ((first || !hk_is_wsp(inside.p[0])) && hk_message_name_length(inside) == 0)
			return false;
		first = false;
	}
	return true;
}

/* Takes the next field off *rest: a line and the continuation lines after it. */
static struct hk_slice take_field(struct hk_slice *rest)
{
	struct hk_slice field = hk_message_take_line(rest);

	while (rest->n && hk_is_wsp(rest->p[0]))
		field.n += hk_message_take_line(rest).n;
	return field;
}

static size_t count_fields(struct hk_slice section)
{
	size_t n = 0;

	while (section.n && n <= HK_HEADER_FIELDS_MAX) {
		take_field(&section);
		n++;
	}
	return n;
}

static struct hk_field split_field(struct hk_slice raw)
{
	struct hk_field field = {.raw = raw, .value = hk_message_without_crlf(raw)};
	size_t n = hk_message_name_length(raw);

	if (n) {
		field.name = hk_slice_sub(raw, 0, n);
		field.value = hk_slice_from(field.value, hk_slice_find(raw, ':') + 1);
	}
	return field;
}

enum hk_status hk_header_parse(struct hk_arena *a, struct hk_slice section, struct hk_header *ret)
{
	struct hk_header h = {.raw = section};
	size_t count = count_fields(section);

	if (count > HK_HEADER_FIELDS_MAX)
		return HK_LIMIT;
	h.field = hk_arena_array(a, count, sizeof *h.field);
	if (!h.field)
		return a->failed;
	while (section.n) {
		h.field[h.n] = split_field(take_field(&section));
		if (h.field[h.n].name.n == 0)
			h.malformed++;
		h.n++;
	}
	*ret = h;
	return HK_OK;
}

size_t hk_header_find(const struct hk_header *h, struct hk_slice name, size_t from)
{
	while (from < h->n && !hk_slice_eq_nocase(h->field[from].name, name))
		from++;
	return from < h->n ? from : h->n;
}

size_t hk_header_count(const struct hk_header *h, struct hk_slice name)
{
	size_t i, n = 0;

	for (i = hk_header_find(h, name, 0); i < h->n; i = hk_header_find(h, name, i + 1))
		n++;
	return n;
}

enum hk_status hk_unfold(struct hk_arena *a, struct hk_slice value, struct hk_slice *ret)
{
	struct hk_slice s = hk_slice_trim(value);
	uint8_t *out = hk_arena_alloc(a, s.n + 1);
	size_t n = 0, i;

	if (!out)
		return a->failed;
	for (i = 0; i < s.n; i++) {
		/* RFC 5322 2.2.3: the CRLF goes, the WSP after it stays */
		if (s.n - i > 2 && s.p[i] == '\r' && s.p[i + 1] == '\n' && hk_is_wsp(s.p[i + 2]))
			i++;
		else
			out[n++] = s.p[i];
	}
	*ret = hk_slice_of(out, n);
	return HK_OK;
}
