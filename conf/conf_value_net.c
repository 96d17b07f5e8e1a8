/* SPDX-License-Identifier: MIT
 *
 * conf_value_net.c - values made of addresses, domains and next hops.
 */
#include <string.h>

#include <hikyaku/dns.h>

#include "conf/conf_value.h"

#define UNIX HK_S("unix:") /* before the path of a socket */

static void print_ip(struct hk_buf *out, const struct hk_ip *ip)
{
	char text[HK_IP_TEXT_MAX];

	hk_ip_format(ip, text);
	hk_buf_add_str(out, text);
}

/* A longer copy of a list whose values add up; NULL when memory is out. */
static void *grown(struct conf_reader *r, const void *old, size_t n, size_t more, size_t size)
{
	void *p = NULL;
	size_t all;

	if (hk_add_size(n, more, &all))
		p = hk_arena_array(&r->conf->arena, all, size);
	if (!p)
		r->no_memory = true;
	else if (n)
		memcpy(p, old, n * size);
	return p;
}

void conf_pattern(
    struct conf_reader *r, const struct conf_token *at, bool with_local, struct hk_slice *ret)
{
	size_t split = with_local ? hk_slice_rfind(at->text, '@') : at->text.n;
	struct hk_slice domain = split < at->text.n ? hk_slice_from(at->text, split + 1) : at->text;
	uint8_t *p;
	size_t i;

	if (hk_slice_eq(at->text, HK_S("*"))) {
		conf_keep(r, at->text, ret);
		return;
	}
	if (domain.n && domain.p[0] == '.' && split == at->text.n)
		domain = hk_slice_from(domain, 1);
	if (!hk_is_hostname(domain, false) || split == 0) {
		conf_error(r, at, "\"%s\" is no pattern: domain, .domain%s or *",
		    conf_shown(at->text).text, with_local ? ", *@domain, user@domain" : "");
		return;
	}
	/* the local part keeps its case; the domain has none */
	p = hk_arena_alloc(&r->conf->arena, at->text.n);
	if (!p) {
		r->no_memory = true;
		return;
	}
	for (i = 0; i < at->text.n; i++)
		p[i] =
		    i > split || split == at->text.n ? hk_to_lower(at->text.p[i]) : at->text.p[i];
	*ret = hk_slice_of(p, at->text.n);
}

void conf_parse_domains(struct conf_reader *r, const struct conf_item *item,
    const struct conf_token *args, size_t n, void *base)
{
	struct hk_conf_texts *list = conf_member(item, base);
	struct hk_slice *at = grown(r, list->at, list->n, n, sizeof *at);
	size_t i, kept = list->n;

	if (!at)
		return;
	for (i = 0; i < n; i++) {
		if (hk_slice_eq(args[i].text, HK_S("*")))
			conf_error(
			    r, &args[i], "%s * would make an open relay of this host", item->name);
		else
			conf_pattern(r, &args[i], false, &at[kept]);
		kept += at[kept].n > 0;
	}
	list->at = at;
	list->n = kept;
}

const char *conf_check_mailbox(struct hk_slice s)
{
	size_t at = hk_slice_rfind(s, '@'), i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] == 0x7f)
			return "has a blank or a control character";
	if (!at || at > HK_LOCAL_MAX || s.n > HK_PATH_MAX ||
	    (at < s.n && !hk_is_hostname(hk_slice_from(s, at + 1), false)))
		return "is not a mailbox (user or user@domain)";
	return NULL;
}

/* A list of words that check finds well. */
static void parse_each(struct conf_reader *r, const struct conf_item *item,
    const struct conf_token *args, size_t n, void *base, const char *(*check)(struct hk_slice))
{
	struct hk_conf_texts *list = conf_member(item, base);
	struct hk_slice *at = grown(r, list->at, list->n, n, sizeof *at);
	size_t i;

	if (!at)
		return;
	for (i = 0; i < n; i++) {
		const char *wrong = check(args[i].text);

		if (wrong)
			conf_error(r, &args[i], "\"%s\" %s", conf_shown(args[i].text).text, wrong);
		else
			conf_keep(r, args[i].text, &at[list->n + i]);
	}
	list->at = at;
	list->n += n;
}

void conf_parse_mailboxes(struct conf_reader *r, const struct conf_item *item,
    const struct conf_token *args, size_t n, void *base)
{
	parse_each(r, item, args, n, base, conf_check_mailbox);
}

void conf_parse_paths(struct conf_reader *r, const struct conf_item *item,
    const struct conf_token *args, size_t n, void *base)
{
	parse_each(r, item, args, n, base, conf_check_path);
}

void conf_print_texts(const struct conf_item *item, const void *base, struct hk_buf *out)
{
	const struct hk_conf_texts *list = conf_member_const(item, base);
	size_t i;

	for (i = 0; i < list->n; i++) {
		if (i)
			hk_buf_add_byte(out, ' ');
		conf_word_print(out, list->at[i]);
	}
}

void conf_net(struct conf_reader *r, const struct conf_item *item,
    const struct conf_token *at, struct hk_conf_net *ret)
{
	size_t slash = hk_slice_find(at->text, '/'), i;
	struct hk_conf_net net = {0};
	uint64_t bits;

	if (hk_ip_parse(hk_slice_sub(at->text, 0, slash), &net.ip) != HK_OK) {
		conf_error(r, at, "%s \"%s\" must be IP or IP/BITS", item->name,
		    conf_shown(at->text).text);
		return;
	}
	bits = net.ip.family == 4 ? 32 : 128;
	if (slash < at->text.n &&
	    hk_slice_u64(hk_slice_from(at->text, slash + 1), bits, &bits) != HK_OK) {
		conf_error(r, at, "%s \"%s\" has no number of bits after the slash", item->name,
		    conf_shown(at->text).text);
		return;
	}
	if (bits == 0) {
		conf_error(r, at,
		    "%s \"%s\" is everyone: that would make an open relay of this host", item->name,
		    conf_shown(at->text).text);
		return;
	}
	net.bits = (unsigned)bits;
	for (i = net.bits; i < (net.ip.family == 4 ? 32u : 128u); i++) {
		if (net.ip.bytes[i / 8] & (0x80 >> i % 8)) {
			conf_error(r, at, "%s \"%s\" has bits set behind its prefix", item->name,
			    conf_shown(at->text).text);
			return;
		}
	}
	*ret = net;
}

void conf_parse_nets(struct conf_reader *r, const struct conf_item *item,
    const struct conf_token *args, size_t n, void *base)
{
	struct hk_conf_nets *list = conf_member(item, base);
	struct hk_conf_net *at = grown(r, list->at, list->n, n, sizeof *at);
	size_t i;

	if (!at)
		return;
	for (i = 0; i < n; i++)
		conf_net(r, item, &args[i], &at[list->n + i]);
	list->at = at;
	list->n += n;
}

void conf_print_nets(const struct conf_item *item, const void *base, struct hk_buf *out)
{
	const struct hk_conf_nets *list = conf_member_const(item, base);
	size_t i;

	for (i = 0; i < list->n; i++) {
		if (i)
			hk_buf_add_byte(out, ' ');
		print_ip(out, &list->at[i].ip);
		hk_buf_addf(out, "/%u", list->at[i].bits);
	}
}

/* "HOST:PORT", "[IPv6]:PORT", and without the port when *ret_port is already something. */
static bool split_port(struct hk_slice text, struct hk_slice *ret_host, uint16_t *ret_port)
{
	size_t colon = hk_slice_rfind(text, ':');
	struct hk_slice host = text, port = {0};
	uint64_t value;

	if (text.n && text.p[0] == '[') {
		size_t close = hk_slice_find(text, ']');

		host = hk_slice_sub(text, 1, close - 1);
		port = hk_slice_from(text, close + 1);
		if (port.n && port.p[0] != ':')
			return false;
		port = hk_slice_from(port, 1);
		if (close == text.n)
			return false;
	} else if (colon < text.n && hk_slice_find(text, ':') == colon) {
		host = hk_slice_sub(text, 0, colon);
		port = hk_slice_from(text, colon + 1);
		if (!port.n)
			return false;
	}
	if (!port.n) {
		*ret_host = host;
		return *ret_port != 0;
	}
	if (hk_slice_u64(port, 65535, &value) != HK_OK || !value)
		return false;
	*ret_host = host;
	*ret_port = (uint16_t)value;
	return true;
}

static void print_host_port(struct hk_buf *out, struct hk_slice host, uint16_t port)
{
	bool v6 = hk_slice_find(host, ':') < host.n;

	hk_buf_addf(out, "%s%.*s%s:%u", v6 ? "[" : "", HK_FMT(host), v6 ? "]" : "", port);
}

/* What is wrong with the place of a socket; NULL: nothing. */
static const char *check_unix(struct hk_slice path, size_t most)
{
	const char *wrong = conf_check_path(path);

	return !wrong && path.n > most ? "is too long for a socket" : wrong;
}

static void parse_unix(struct conf_reader *r, const struct conf_token *at, struct hk_conf_socket *ret)
{
	struct hk_slice path = hk_slice_from(at->text, UNIX.n);
	const char *wrong = check_unix(path, HK_CONF_UNIX_MAX);

	if (wrong)
		conf_error(r, at, "\"%s\" %s", conf_shown(path).text, wrong);
	else
		memcpy(ret->path, path.p, path.n);
}

void conf_parse_sockets(struct conf_reader *r, const struct conf_item *item,
    const struct conf_token *args, size_t n, void *base)
{
	struct hk_conf_listener *l = base;
	struct hk_slice host;
	size_t i;

	l->socket = hk_arena_array(&r->conf->arena, n, sizeof *l->socket);
	if (!l->socket) {
		r->no_memory = true;
		return;
	}
	l->n_sockets = n;
	for (i = 0; i < n; i++)
		if (hk_slice_starts_nocase(args[i].text, UNIX))
			parse_unix(r, &args[i], &l->socket[i]);
		else if (!split_port(args[i].text, &host, &l->socket[i].port) ||
		         hk_ip_parse(host, &l->socket[i].ip) != HK_OK)
			conf_error(r, &args[i], "%s \"%s\" must be IP:PORT, [IPv6]:PORT or unix:PATH",
			    item->name, conf_shown(args[i].text).text);
}

static void print_unix(struct hk_buf *out, struct hk_slice path)
{
	struct hk_buf place;

	hk_buf_init(&place, 8192);
	hk_buf_addf(&place, "unix:%.*s", HK_FMT(path));
	conf_word_print(out, hk_buf_slice(&place));
	hk_buf_done(&place);
}

void conf_print_sockets(const struct conf_item *item, const void *base, struct hk_buf *out)
{
	const struct hk_conf_listener *l = base;
	char text[HK_IP_TEXT_MAX];
	size_t i;

	(void)item;
	for (i = 0; i < l->n_sockets; i++) {
		if (i)
			hk_buf_add_byte(out, ' ');
		if (l->socket[i].path[0]) {
			print_unix(out, hk_slice_str(l->socket[i].path));
			continue;
		}
		hk_ip_format(&l->socket[i].ip, text);
		print_host_port(out, hk_slice_str(text), l->socket[i].port);
	}
}

/* ---- an address of this host alone ---- */

static bool is_loopback(const struct hk_ip *ip)
{
	static const uint8_t one[16] = {[15] = 1};

	return ip->family == 4 ? ip->bytes[0] == 127 : memcmp(ip->bytes, one, sizeof one) == 0;
}

void conf_parse_local(struct conf_reader *r, const struct conf_item *item, const struct conf_token *args, size_t n, void *base)
{
	struct hk_conf_socket *socket = conf_member(item, base);
	struct hk_slice host;

	if (!conf_one(r, item, args, n))
		return;
	if (!split_port(args->text, &host, &socket->port) || hk_ip_parse(host, &socket->ip) != HK_OK)
		conf_error(r, args, "%s \"%s\" must be IP:PORT or [IPv6]:PORT", item->name, conf_shown(args->text).text);
	else if (!is_loopback(&socket->ip))
		conf_error(r, args, "%s \"%s\" must be an address of 127.0.0.0/8 or ::1, which this host alone can reach", item->name,
		    conf_shown(args->text).text);
}

void conf_print_local(const struct conf_item *item, const void *base, struct hk_buf *out)
{
	const struct hk_conf_socket *socket = conf_member_const(item, base);
	char text[HK_IP_TEXT_MAX];

	if (!socket->port)
		return;
	hk_ip_format(&socket->ip, text);
	print_host_port(out, hk_slice_str(text), socket->port);
}

/* ---- via ---- */

static const struct conf_word vias[] = {{"mx", HK_VIA_MX}, {"smtp", HK_VIA_SMTP},
    {"lmtp", HK_VIA_LMTP}, {"maildir", HK_VIA_MAILDIR}, {0}};
static const struct conf_item via_words = {.name = "via", .words = vias};

static void parse_hop(
    struct conf_reader *r, const struct conf_token *at, struct hk_conf_route *route)
{
	bool lmtp = route->via == HK_VIA_LMTP;
	struct hk_slice host = {0};
	const char *wrong;

	if (lmtp && hk_slice_starts_nocase(at->text, UNIX)) {
		host = hk_slice_from(at->text, UNIX.n);
		wrong = check_unix(host, 107); /* sun_path of Linux has 108 octets with its NUL */
		if (wrong)
			conf_error(r, at, "\"%s\" %s", conf_shown(host).text, wrong);
		else
			conf_keep(r, host, &route->unix_path);
		return;
	}
	route->port =
	    lmtp
	        ? 0
	        : 25; /* LMTP has no port of its own, and port 25 is forbidden to it (RFC 2033 5) */
	if (!split_port(at->text, &host, &route->port)) {
		conf_error(r, at, "\"%s\" must be HOST%s", conf_shown(at->text).text,
		    lmtp ? ":PORT or unix:/path" : " or HOST:PORT");
		return;
	}
	wrong = conf_check_host(host);
	if (wrong)
		conf_error(r, at, "\"%s\" %s", conf_shown(host).text, wrong);
	else
		conf_keep_lower(r, host, &route->host);
}

static void parse_maildir(
    struct conf_reader *r, const struct conf_token *at, struct hk_conf_route *route)
{
	const char *wrong = conf_check_path(at->text);
	size_t i;

	for (i = 0; i < at->text.n && !wrong; i++) {
		if (at->text.p[i] != '%')
			continue;
		if (i + 1 == at->text.n || !strchr("ud%", at->text.p[i + 1]) || !at->text.p[i + 1])
			wrong = "knows %u, %d and %% only";
		i++;
	}
	if (wrong)
		conf_error(r, at, "maildir \"%s\" %s", conf_shown(at->text).text, wrong);
	else
		conf_keep(r, at->text, &route->maildir);
}

void conf_parse_via(struct conf_reader *r, const struct conf_item *item,
    const struct conf_token *args, size_t n, void *base)
{
	struct hk_conf_route *route = base;
	unsigned via;
	size_t want;

	(void)item;
	if (!conf_find_word(r, &via_words, args, &via))
		return;
	want = via == HK_VIA_MX ? 1 : 2;
	if (n != want) {
		conf_error(r, &args[n > want ? want : 0], "via %s takes %s", vias[via].word,
		    want == 1 ? "nothing more" : "one place");
		return;
	}
	route->via = (enum hk_via)via;
	if (via == HK_VIA_MAILDIR)
		parse_maildir(r, &args[1], route);
	else if (via != HK_VIA_MX)
		parse_hop(r, &args[1], route);
}

void conf_print_via(const struct conf_item *item, const void *base, struct hk_buf *out)
{
	const struct hk_conf_route *route = base;
	struct hk_buf place;

	(void)item;
	hk_buf_add_str(out, vias[route->via].word);
	if (route->via == HK_VIA_MX)
		return;
	hk_buf_add_byte(out, ' ');
	if (route->unix_path.n) {
		print_unix(out, route->unix_path);
		return;
	}
	hk_buf_init(&place, 8192);
	if (route->via == HK_VIA_MAILDIR)
		hk_buf_add(&place, route->maildir);
	else
		print_host_port(&place, route->host, route->port);
	conf_word_print(out, hk_buf_slice(&place));
	hk_buf_done(&place);
}

static void parse_source(struct conf_reader *r, const struct conf_item *item, const struct conf_token *arg, struct hk_conf_route *route)
{
	struct hk_conf_source *to = &route->source[route->n_sources];
	size_t split = hk_slice_find(arg->text, '='), i;
	struct hk_slice name = hk_slice_from(arg->text, split + 1);

	*to = (struct hk_conf_source){0};
	if (hk_ip_parse(hk_slice_sub(arg->text, 0, split), &to->ip) != HK_OK) {
		conf_error(r, arg, "%s \"%s\" is not an address", item->name, conf_shown(arg->text).text);
		return;
	}
	for (i = 0; i < route->n_sources; i++)
		if (hk_ip_eq(&route->source[i].ip, &to->ip))
			conf_error(r, arg, "%s has this address already", item->name);
	if (split < arg->text.n && (name.n > HK_DNS_NAME_MAX || !hk_is_hostname(name, false)))
		conf_error(r, arg, "%s: \"%s\" is not a host name", item->name, conf_shown(name).text);
	else if (name.n && hk_arena_dup_lower(&r->conf->arena, name, &to->helo) != HK_OK)
		r->no_memory = true;
	route->n_sources++;
}

void conf_parse_source(struct conf_reader *r, const struct conf_item *item,
    const struct conf_token *args, size_t n, void *base)
{
	struct hk_conf_route *route = base;
	size_t i;

	if (n > HK_CONF_SOURCES_MAX) {
		conf_error(r, &args[HK_CONF_SOURCES_MAX], "%s has more than %d addresses", item->name, HK_CONF_SOURCES_MAX);
		return;
	}
	route->source = hk_arena_array(&r->conf->arena, n, sizeof *route->source);
	if (!route->source) {
		r->no_memory = true;
		return;
	}
	for (i = 0; i < n; i++)
		parse_source(r, item, &args[i], route);
}

void conf_print_source(const struct conf_item *item, const void *base, struct hk_buf *out)
{
	const struct hk_conf_route *route = base;
	size_t i;

	(void)item;
	for (i = 0; i < route->n_sources; i++) {
		if (i)
			hk_buf_add_byte(out, ' ');
		print_ip(out, &route->source[i].ip);
		if (route->source[i].helo.n)
			hk_buf_addf(out, "=%.*s", HK_FMT(route->source[i].helo));
	}
}

static const struct conf_word quarantines[] = {{"header", HK_QUARANTINE_HEADER},
    {"junk", HK_QUARANTINE_JUNK}, {"hold", HK_QUARANTINE_HOLD}, {0}};
static const struct conf_item quarantine_words = {.name = "quarantine", .words = quarantines};

void conf_parse_quarantine(struct conf_reader *r, const struct conf_item *item,
    const struct conf_token *args, size_t n, void *base)
{
	struct hk_conf_route *route = base;
	unsigned what;
	size_t want;

	(void)item;
	if (!conf_find_word(r, &quarantine_words, args, &what))
		return;
	want = what == HK_QUARANTINE_JUNK ? 2 : 1;
	if (n != want) {
		conf_error(r, &args[n > want ? want : 0], "quarantine %s takes %s",
		    quarantines[what].word, want == 1 ? "nothing more" : "one address");
		return;
	}
	route->quarantine = (enum hk_quarantine)what;
	if (what == HK_QUARANTINE_JUNK)
		conf_mailbox(r, &args[1], &route->junk_address);
}

void conf_print_quarantine(const struct conf_item *item, const void *base, struct hk_buf *out)
{
	const struct hk_conf_route *route = base;

	(void)item;
	hk_buf_add_str(out, quarantines[route->quarantine].word);
	if (route->quarantine != HK_QUARANTINE_JUNK)
		return;
	hk_buf_add_byte(out, ' ');
	conf_word_print(out, route->junk_address);
}
