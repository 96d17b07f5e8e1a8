/* SPDX-License-Identifier: MIT */
#include "cli_internal.h"

/* Takes the next word off *s: up to SP, HTAB, ";" or "(". */
static struct hk_slice word(struct hk_slice *s)
{
	struct hk_slice w;
	size_t i = 0;

	*s = hk_slice_trim(*s);
	while (i < s->n && !hk_is_wsp(s->p[i]) && s->p[i] != ';' && s->p[i] != '(')
		i++;
	w = hk_slice_sub(*s, 0, i);
	*s = hk_slice_from(*s, i);
	return w;
}

/* Where the clause " by " begins, in any white space; s.n when there is none. */
static size_t find_by(struct hk_slice s)
{
	size_t i;

	for (i = 0; i + 4 <= s.n; i++)
		if (hk_is_wsp(s.p[i]) && hk_is_wsp(s.p[i + 3]) &&
		    hk_slice_eq_nocase(hk_slice_sub(s, i + 1, 2), HK_S("by")))
			return i;
	return s.n;
}

/* The last "[address]" of the from clause is what the server saw; a HELO may look like one, but
 * stands before it. */
static void read_client(struct hk_slice from, struct hk_ip *ret)
{
	size_t open = hk_slice_rfind(from, '['), close;
	struct hk_slice text;

	if (open == from.n)
		return;
	text = hk_slice_from(from, open + 1);
	close = hk_slice_find(text, ']');
	text = hk_slice_sub(text, 0, close);
	if (hk_slice_starts_nocase(text, HK_S("IPv6:")))
		text = hk_slice_from(text, 5);
	if (hk_ip_parse(text, ret) != HK_OK)
		*ret = (struct hk_ip){0};
}

static bool read_received(struct hk_arena *a, const struct hk_field *field, struct cli_stored *ret)
{
	struct hk_slice value, from, rest;
	size_t by, semicolon;
	int offset;
	bool weekday_ok;

	if (hk_unfold(a, field->value, &value) != HK_OK ||
	    !hk_slice_starts_nocase(value, HK_S("from ")))
		return false;
	by = find_by(value);
	from = hk_slice_sub(value, 5, by > 5 ? by - 5 : 0);
	rest = hk_slice_from(value, by + 4);
	ret->has_received = true;
	ret->client = (struct hk_ip){0};
	read_client(from, &ret->client);
	ret->helo = word(&from);
	ret->by = word(&rest);
	semicolon = hk_slice_rfind(value, ';');
	ret->has_time = semicolon < value.n && hk_date_parse(hk_slice_from(value, semicolon + 1),
	                                           &ret->time, &offset, &weekday_ok) == HK_OK;
	return true;
}

static struct hk_slice authres_host(struct hk_arena *a, const struct hk_header *h)
{
	size_t i = hk_header_find(h, HK_S("Authentication-Results"), 0);
	struct hk_slice value;

	if (i == h->n || hk_unfold(a, h->field[i].value, &value) != HK_OK)
		return (struct hk_slice){0};
	return word(&value);
}

static void read_return_path(struct hk_arena *a, const struct hk_header *h, struct cli_stored *ret)
{
	size_t i = hk_header_find(h, HK_S("Return-Path"), 0);
	struct hk_slice value, rest;
	struct hk_path path;

	if (i == h->n || hk_unfold(a, h->field[i].value, &value) != HK_OK)
		return;
	if (hk_path_parse(a, value, HK_PATH_LENIENT | HK_PATH_NULL | HK_PATH_UTF8, &path, &rest) !=
	    HK_OK)
		return;
	ret->has_return_path = true;
	ret->return_path = path.text;
}

/* The clause "for", RFC 5321 4.4, with or without brackets. */
static bool is_for(struct hk_arena *a, const struct hk_field *field, struct hk_slice rcpt)
{
	struct hk_slice value, rest;
	size_t i;

	if (rcpt.n == 0 || hk_unfold(a, field->value, &value) != HK_OK)
		return false;
	for (i = 0; i + 5 < value.n; i++) {
		if (!hk_is_wsp(value.p[i]) || !hk_slice_eq_nocase(hk_slice_sub(value, i + 1, 3), HK_S("for")) ||
		    !hk_is_wsp(value.p[i + 4]))
			continue;
		rest = hk_slice_from(value, i + 5);
		rest = word(&rest);
		if (rest.n > 2 && rest.p[0] == '<' && rest.p[rest.n - 1] == '>')
			rest = hk_slice_sub(rest, 1, rest.n - 2);
		return hk_slice_eq_nocase(rest, rcpt);
	}
	return false;
}

static bool any_is_for(struct hk_arena *a, const struct hk_header *h, struct hk_slice rcpt)
{
	size_t i;

	for (i = hk_header_find(h, HK_S("Received"), 0); i < h->n;
	     i = hk_header_find(h, HK_S("Received"), i + 1))
		if (is_for(a, &h->field[i], rcpt))
			return true;
	return false;
}

void cli_stored_read(struct hk_arena *a, const struct hk_header *h, struct hk_slice host,
    struct hk_slice rcpt, struct cli_stored *ret)
{
	struct cli_stored one, chosen = {0};
	bool only_for = any_is_for(a, h, rcpt), is_given = host.n > 0;
	size_t i, passed_over = 0;

	if (!is_given)
		host = authres_host(a, h);
	for (i = hk_header_find(h, HK_S("Received"), 0); i < h->n;
	     i = hk_header_find(h, HK_S("Received"), i + 1)) {
		one = (struct cli_stored){0};
		if (!read_received(a, &h->field[i], &one) ||
		    (only_for && !is_for(a, &h->field[i], rcpt)))
			continue;
		if (!chosen.has_received)
			chosen = one;
		if (host.n && hk_slice_eq_nocase(one.by, host)) {
			chosen = one;
			chosen.is_believed = !is_given && passed_over > 0;
			break;
		}
		passed_over++;
	}
	chosen.authserv_id = host.n ? host : chosen.by;
	read_return_path(a, h, &chosen);
	*ret = chosen;
}
