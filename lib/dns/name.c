/* SPDX-License-Identifier: MIT */
#include "dns_internal.h"

static bool is_plain(uint8_t c)
{
	return hk_is_graph(c) && c != '.' && c != '\\';
}

/* The dot between two labels is owed when one label has ended and the next begins. */
static bool pay_dot(struct hk_dns_name *name)
{
	if (name->label || name->octets == 0)
		return true;
	if (name->octets + 1 > HK_DNS_NAME_MAX)
		return false;
	name->octets++;
	name->text[name->n++] = '.';
	return true;
}

bool hk_dns_name_add_octet(struct hk_dns_name *name, uint8_t c)
{
	if (!pay_dot(name) || name->label + 1 > HK_DNS_LABEL_MAX ||
	    name->octets + 1 > HK_DNS_NAME_MAX)
		return false;
	name->label++;
	name->octets++;
	if (is_plain(c)) {
		name->text[name->n++] = hk_to_lower(c);
		return true;
	}
	name->text[name->n++] = '\\';
	name->text[name->n++] = (uint8_t)('0' + c / 100);
	name->text[name->n++] = (uint8_t)('0' + c / 10 % 10);
	name->text[name->n++] = (uint8_t)('0' + c % 10);
	return true;
}

bool hk_dns_name_end_label(struct hk_dns_name *name)
{
	bool had = name->label > 0;

	name->label = 0;
	return had;
}

struct hk_slice hk_dns_name_slice(const struct hk_dns_name *name)
{
	return hk_slice_of(name->text, name->n);
}

bool hk_dns_take_octet(struct hk_slice *text, uint8_t *ret)
{
	struct hk_slice s = *text;
	uint64_t value;

	if (s.n == 0)
		return false;
	if (s.p[0] != '\\') {
		*ret = s.p[0];
		*text = hk_slice_from(s, 1);
		return true;
	}
	if (s.n < 2)
		return false;
	if (!hk_is_digit(s.p[1])) {
		*ret = s.p[1];
		*text = hk_slice_from(s, 2);
		return true;
	}
	if (s.n < 4 || hk_slice_u64(hk_slice_sub(s, 1, 3), UINT8_MAX, &value) != HK_OK)
		return false;
	*ret = (uint8_t)value;
	*text = hk_slice_from(s, 4);
	return true;
}

/* Most names: no escapes, nothing too long. A last dot goes off *text. */
static bool is_simple(struct hk_slice *text)
{
	size_t label = 0, i;

	if (text->n == 0 || text->n > HK_DNS_NAME_MAX)
		return false;
	for (i = 0; i < text->n; i++) {
		uint8_t c = text->p[i];

		if (c == '.' ? label == 0 : !is_plain(c) || label == HK_DNS_LABEL_MAX)
			return false;
		label = c == '.' ? 0 : label + 1;
	}
	text->n -= label == 0;
	return true;
}

enum hk_status hk_dns_name_normalise(struct hk_arena *a, struct hk_slice text, struct hk_slice *ret)
{
	struct hk_dns_name name;
	uint8_t c;

	if (is_simple(&text))
		return hk_arena_dup_lower(a, text, ret);
	name.n = name.octets = name.label = 0;
	if (text.n == 1 && text.p[0] == '.')
		text.n = 0;
	while (text.n) {
		if (text.p[0] == '.') {
			if (!hk_dns_name_end_label(&name))
				return HK_SYNTAX;
			text = hk_slice_from(text, 1);
		} else if (!hk_dns_take_octet(&text, &c) || !hk_dns_name_add_octet(&name, c)) {
			return HK_SYNTAX;
		}
	}
	return hk_arena_dup(a, hk_dns_name_slice(&name), ret);
}

size_t hk_dns_name_labels(struct hk_slice name)
{
	size_t n = 0;

	while (name.n) {
		n++;
		name = hk_dns_name_parent(name);
	}
	return n;
}

struct hk_slice hk_dns_name_parent(struct hk_slice name)
{
	return hk_slice_from(name, hk_slice_find(name, '.') + 1);
}

bool hk_dns_name_is_below(struct hk_slice name, struct hk_slice top)
{
	if (top.n == 0 || hk_slice_eq_nocase(name, top))
		return true;
	return name.n > top.n && name.p[name.n - top.n - 1] == '.' &&
	       hk_slice_ends_nocase(name, top);
}

/* RFC 952, RFC 1123 2.1: letters, digits and hyphens, no hyphen at either end. */
static bool is_host_label(struct hk_slice label, bool underscore)
{
	size_t i;

	if (label.n == 0 || label.n > HK_DNS_LABEL_MAX || label.p[0] == '-' ||
	    label.p[label.n - 1] == '-')
		return false;
	for (i = 0; i < label.n; i++)
		if (!hk_is_alnum(label.p[i]) && label.p[i] != '-' &&
		    !(underscore && label.p[i] == '_'))
			return false;
	return true;
}

bool hk_is_hostname(struct hk_slice name, bool underscore)
{
	size_t end;

	if (name.n == 0 || name.n > HK_DNS_NAME_MAX)
		return false;
	do {
		end = hk_slice_find(name, '.');
		if (!is_host_label(hk_slice_sub(name, 0, end), underscore))
			return false;
		if (end + 1 == name.n)
			return false;
		name = hk_slice_from(name, end + 1);
	} while (name.n);
	return true;
}
