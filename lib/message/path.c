/* SPDX-License-Identifier: MIT
 *
 * Envelope paths: RFC 5321 4.1.2, widened by RFC 6531 3.3 when asked. No comments, no folding, no white space:
 * these are of message headers only.
 */
#include "lib/base/base_internal.h"
#include "lib/message/message_internal.h"

#define HK_LABEL_MAX 63 /* RFC 1035 2.3.4 */

static uint8_t at(struct hk_slice s, size_t i)
{
	return i < s.n ? s.p[i] : 0;
}

/* The length of the UTF-8 sequence at s that RFC 6531 adds to the grammar, 0 if there is none or it is not asked for. */
static size_t wide_length(struct hk_slice s, unsigned flags)
{
	return (flags & HK_PATH_UTF8) && at(s, 0) >= 0x80 ? hk_utf8_length(s) : 0;
}

/* Quoted-string = DQUOTE *QcontentSMTP DQUOTE; printable ASCII and SP only. 0: it is none. */
static size_t quoted_length(struct hk_slice s, unsigned flags)
{
	size_t i = 1;

	while (i < s.n && s.p[i] != '"') {
		size_t wide = wide_length(hk_slice_from(s, i), flags);

		if (s.p[i] == '\\')
			i++;
		else if (wide) {
			i += wide;
			continue;
		}
		if (!hk_is_graph(at(s, i)) && at(s, i) != ' ')
			return 0;
		i++;
	}
	return i < s.n ? i + 1 : 0;
}

/* Dot-string = Atom *("." Atom). */
static size_t dots_length(struct hk_slice s, unsigned flags)
{
	size_t i = 0;
	bool after_dot = true;

	while (i < s.n) {
		size_t n = hk_message_is_atext(s.p[i]) ? 1 : wide_length(hk_slice_from(s, i), flags);

		if (s.p[i] == '.') {
			/* Deliberate: old Japanese mobile operators gave out a..b@ and a.@, which no grammar has;
			 * people still write to them, and no other reading is possible. A dot in front stays wrong. */
			if (i == 0 || (after_dot && (flags & HK_PATH_STRICT_DOTS)))
				return 0;
			after_dot = true;
			i++;
		} else if (n) {
			after_dot = false;
			i += n;
		} else {
			break;
		}
	}
	return after_dot && (flags & HK_PATH_STRICT_DOTS) ? 0 : i;
}

static size_t local_length(struct hk_slice s, unsigned flags)
{
	return at(s, 0) == '"' ? quoted_length(s, flags) : dots_length(s, flags);
}

/* sub-domain = Let-dig [Ldh-str]; or U-label (RFC 6531 3.3), whose octets are not those that DNS counts. */
static size_t label_length(struct hk_slice s, unsigned flags)
{
	/* Deliberate: RFC 5321 4.1.2 has no "_", but hosts have such names and Postfix and Exim take them (docs/decisions/0012) */
	bool is_lenient = flags & HK_PATH_LENIENT, is_wide = false;
	size_t i = 0;

	for (;;) {
		size_t wide = wide_length(hk_slice_from(s, i), flags);

		if (wide)
			is_wide = true;
		else if (hk_is_alnum(at(s, i)) || (at(s, i) == '-' && i > 0) || (at(s, i) == '_' && is_lenient))
			wide = 1;
		else
			break;
		i += wide;
	}
	if (i == 0 || s.p[i - 1] == '-' || (i > HK_LABEL_MAX && !is_wide))
		return 0;
	return i;
}

/* IPv6-comp: "::" stands for two groups at least, so six may be written out (RFC 5321 4.1.3; RFC 4291 would take seven,
 * and so does hk_ip_parse). A dotted quad counts for two. */
static bool is_short_enough(struct hk_slice text)
{
	size_t groups = hk_slice_find(text, '.') < text.n, i;
	bool is_compressed = false;

	for (i = 0; i < text.n; i++) {
		if (text.p[i] != ':')
			groups += i == 0 || text.p[i - 1] == ':';
		else if (at(text, i + 1) == ':')
			is_compressed = true;
	}
	return !is_compressed || groups <= 6;
}

/* address-literal = "[" ( IPv4 / "IPv6:" IPv6 ) "]" (RFC 5321 4.1.3). No other tag is registered. */
static size_t literal_length(struct hk_slice s)
{
	size_t end = hk_slice_find(s, ']');
	struct hk_slice inside = hk_slice_sub(s, 1, end - 1), tag = HK_S("IPv6:");
	bool is_v6 = hk_slice_starts_nocase(inside, tag);
	struct hk_ip ip;

	if (end == s.n)
		return 0;
	if (is_v6)
		inside = hk_slice_from(inside, tag.n);
	/* an IPv4-mapped address comes back as IPv4: the colon tells which text it was */
	if (hk_ip_parse(inside, &ip) != HK_OK || (hk_slice_find(inside, ':') < inside.n) != is_v6)
		return 0;
	return is_v6 && !is_short_enough(inside) ? 0 : end + 1;
}

static size_t domain_length(struct hk_slice s, unsigned flags)
{
	size_t i = 0, n;

	if (at(s, 0) == '[')
		return literal_length(s);
	for (;;) {
		n = label_length(hk_slice_from(s, i), flags);
		if (n == 0)
			return 0;
		i += n;
		if (at(s, i) != '.')
			return i;
		i++;
	}
}

/* A-d-l ":" with A-d-l = At-domain *( "," At-domain ): RFC 5321 4.1.2, appendix C. 0: it is none. */
static size_t route_length(struct hk_slice s, unsigned flags)
{
	size_t i = 0, n;

	for (;;) {
		if (at(s, i) != '@')
			return 0;
		n = domain_length(hk_slice_from(s, i + 1), flags);
		if (n == 0)
			return 0;
		i += 1 + n;
		if (at(s, i) == ':')
			return i + 1;
		if (at(s, i) != ',')
			return 0;
		i++;
	}
}

struct scan {
	struct hk_slice local, domain, text;
	bool is_null, had_route;
};

/* Mailbox, or Postmaster alone. */
static enum hk_status scan_mailbox(struct hk_slice *s, unsigned flags, struct scan *scan)
{
	size_t local = local_length(*s, flags), domain = 0;

	if (local == 0)
		return HK_SYNTAX;
	scan->local = hk_slice_sub(*s, 0, local);
	if (at(*s, local) == '@') {
		domain = domain_length(hk_slice_from(*s, local + 1), flags);
		if (domain == 0)
			return HK_SYNTAX;
		scan->domain = hk_slice_sub(*s, local + 1, domain);
		domain++;
	} else if (!(flags & HK_PATH_POSTMASTER) || !hk_slice_eq_nocase(scan->local, HK_S("postmaster"))) {
		return HK_SYNTAX;
	}
	scan->text = hk_slice_sub(*s, 0, local + domain);
	*s = hk_slice_from(*s, local + domain);
	return HK_OK;
}

/* What stands between "<" and ">", with the ">". */
static enum hk_status scan_brackets(struct hk_slice *s, unsigned flags, struct scan *scan)
{
	enum hk_status status = HK_OK;
	size_t route;

	if (at(*s, 0) == '>') {
		scan->is_null = true;
		if (!(flags & HK_PATH_NULL))
			return HK_SYNTAX;
	} else {
		if (at(*s, 0) == '@') {
			route = route_length(*s, flags);
			if (route == 0)
				return HK_SYNTAX;
			scan->had_route = true;
			*s = hk_slice_from(*s, route);
		}
		status = scan_mailbox(s, flags, scan);
	}
	if (status != HK_OK || at(*s, 0) != '>')
		return HK_SYNTAX;
	*s = hk_slice_from(*s, 1);
	return HK_OK;
}

enum hk_status hk_path_parse(struct hk_arena *a, struct hk_slice text, unsigned flags, struct hk_path *ret, struct hk_slice *rest)
{
	struct hk_slice s = text, start;
	struct scan scan = {0};
	struct hk_path path = {0};
	enum hk_status status;
	size_t length;

	while ((flags & HK_PATH_LENIENT) && s.n && s.p[0] == ' ')
		s = hk_slice_from(s, 1);
	start = s;
	path.had_brackets = at(s, 0) == '<';
	if (!path.had_brackets && !(flags & HK_PATH_LENIENT))
		return HK_SYNTAX;
	if (path.had_brackets) {
		s = hk_slice_from(s, 1);
		status = scan_brackets(&s, flags, &scan);
	} else {
		status = scan_mailbox(&s, flags, &scan);
	}
	if (status != HK_OK)
		return status;
	if (s.n && !hk_is_wsp(s.p[0]))
		return HK_SYNTAX;
	length = start.n - s.n + (path.had_brackets ? 0 : 2);
	if (scan.local.n > HK_LOCAL_MAX || scan.domain.n > HK_DOMAIN_MAX || length > HK_PATH_MAX)
		return HK_LIMIT;
	path.is_null = scan.is_null;
	path.had_route = scan.had_route;
	path.is_utf8 = !hk_slice_is_ascii(scan.text);
	if (hk_arena_dup(a, scan.text, &path.text) != HK_OK ||
	    hk_arena_dup_lower(a, scan.domain, &path.domain) != HK_OK)
		return a->failed;
	path.local = hk_slice_sub(path.text, 0, scan.local.n);
	*ret = path;
	*rest = s;
	return HK_OK;
}
