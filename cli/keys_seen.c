/* SPDX-License-Identifier: MIT
 *
 * A key counts as published when every name server of its domain shows it, not when a cache does: a
 * verifier may be sent to any of them.
 */
#include <string.h>

#include <hikyaku/tags.h>

#include "keys.h"

enum {
	SERVERS_MAX = 1000, /* all that are asked in one run */
	ANSWERS_MAX = 32,   /* for one key: addresses of its domain's name servers */
};

struct server {
	struct hk_slice text;  /* what is shown */
	const char *address;   /* what libunbound is told; NULL: the zone file */
	struct cli_resolver *resolver;
};

/* The servers of the domain that was asked for last, and all that there are. */
struct keys_watch {
	struct hk_arena *arena;
	struct cli_options options;
	struct cli_resolver *finder; /* of name servers; NULL where they were given */
	struct server server[SERVERS_MAX];
	size_t n;
	struct hk_slice domain;
	size_t chosen[ANSWERS_MAX], n_chosen;
};

const char *keys_sight_name(enum hk_key_sight sight)
{
	static const char *const names[HK_KEY_SIGHTS] = {[HK_KEY_UNKNOWN] = "unknown",
	    [HK_KEY_FITS] = "seen",
	    [HK_KEY_ABSENT] = "absent",
	    [HK_KEY_REVOKED] = "revoked",
	    [HK_KEY_DIFFERENT] = "different"};

	return names[sight];
}

/* The index of the server, which may be known; false when there are too many. */
static bool find_server(struct keys_watch *w, const char *address, struct hk_slice text, size_t *ret)
{
	struct cli_options o = w->options;
	size_t i;

	for (i = 0; i < w->n; i++) {
		if (w->server[i].address && address && strcmp(w->server[i].address, address) == 0) {
			*ret = i;
			return true;
		}
	}
	if (w->n == SERVERS_MAX) {
		cli_complain("too many name servers", address);
		return false;
	}
	o.resolver = address;
	if (!cli_resolver_new(w->arena, &o, &w->server[w->n].resolver))
		return false;
	w->server[w->n].address = address;
	w->server[w->n].text = text;
	*ret = w->n++;
	return true;
}

static bool choose(struct keys_watch *w, const char *address, struct hk_slice text)
{
	if (w->n_chosen == ANSWERS_MAX)
		return true; /* Deliberate: more addresses than these tell nothing new */
	return find_server(w, address, text, &w->chosen[w->n_chosen]) && ++w->n_chosen;
}

bool keys_watch_new(struct hk_arena *a, const struct cli_options *o, struct keys_watch **ret)
{
	struct keys_watch *w = hk_arena_alloc(a, sizeof *w);
	struct hk_slice list = hk_slice_str(o->server), item, copy;
	bool good = w != NULL;

	if (!good)
		return false;
	w->arena = a;
	w->options = *o;
	if (o->zone)
		good = choose(w, NULL, hk_slice_str(o->zone));
	else if (!o->server)
		good = cli_resolver_new(a, o, &w->finder);
	while (!o->zone && good && hk_tags_item(&list, ',', &item))
		good = hk_arena_dup(a, item, &copy) == HK_OK &&
		       choose(w, (const char *)copy.p, copy);
	if (good)
		*ret = w;
	else
		keys_watch_free(w);
	return good;
}

void keys_watch_free(struct keys_watch *w)
{
	size_t i;

	for (i = 0; w && i < w->n; i++)
		cli_resolver_free(w->server[i].resolver);
	if (w)
		cli_resolver_free(w->finder);
}

/* ---- the name servers of a domain ------------------------------------------------------------ */

static enum hk_status choose_addresses(struct keys_watch *w, struct hk_slice host)
{
	static const uint16_t types[] = {HK_DNS_A, HK_DNS_AAAA};
	struct hk_dns_answer answer;
	struct hk_slice address, text;
	char ip[HK_IP_TEXT_MAX];
	enum hk_status status;
	size_t i, j;

	for (i = 0; i < sizeof types / sizeof types[0]; i++) {
		struct hk_dns_question q = {host, types[i]};

		status = cli_resolve(w->finder, &q, w->arena, &answer);
		for (j = 0; status == HK_OK && j < answer.n; j++) {
			hk_ip_format(&answer.rr[j].ip, ip);
			status = hk_arena_dup(w->arena, hk_slice_str(ip), &address);
			if (status == HK_OK)
				status = hk_arena_fmt(
				    w->arena, &text, "%.*s (%s)", HK_FMT(host), ip);
			if (status == HK_OK && !choose(w, (const char *)address.p, text))
				status = HK_LIMIT;
		}
		if (status != HK_OK)
			return status;
	}
	return HK_OK;
}

/* The zone's cut is at the domain or above it. */
static enum hk_status find_servers(struct keys_watch *w, struct hk_slice domain)
{
	struct hk_dns_answer answer = {0};
	enum hk_status status;
	size_t i;

	if (!w->finder || hk_slice_eq(w->domain, domain))
		return HK_OK;
	w->n_chosen = 0;
	w->domain = domain;
	while (domain.n) {
		struct hk_dns_question q = {domain, HK_DNS_NS};

		status = cli_resolve(w->finder, &q, w->arena, &answer);
		if (status != HK_OK)
			return status;
		if (answer.n || hk_dns_is_failure(&answer))
			break;
		domain = hk_dns_name_parent(domain);
	}
	for (i = 0; i < answer.n; i++) {
		status = choose_addresses(w, answer.rr[i].data);
		if (status != HK_OK)
			return status;
	}
	return HK_OK;
}

/* ---- one answer ------------------------------------------------------------------------------ */

/* An authoritative server knows a CNAME but not, often, what it leads to: another zone, of whoever
 * holds the keys for this domain. That end is then asked of the resolver. */
static enum hk_status ask(struct keys_watch *w, struct server *server,
    const struct hk_dns_question *q, struct hk_dns_answer *ret)
{
	const struct hk_dns_question alias = {q->name, HK_DNS_CNAME};
	struct hk_dns_question end = {.type = q->type};
	struct hk_dns_answer got;
	enum hk_status status = cli_resolve(server->resolver, q, w->arena, ret);

	if (status != HK_OK || !hk_dns_is_failure(ret) || !w->finder)
		return status;
	status = cli_resolve(server->resolver, &alias, w->arena, &got);
	if (status != HK_OK || got.n != 1)
		return status;
	end.name = got.rr[0].data;
	return cli_resolve(w->finder, &end, w->arena, ret);
}

/* A revoked key's record may say so or be gone. */
static bool is_as_wanted(enum hk_key_state state, enum hk_key_sight sight)
{
	if (state == HK_KEY_STATE_REVOKED)
		return sight == HK_KEY_REVOKED || sight == HK_KEY_ABSENT;
	return sight == HK_KEY_FITS;
}

enum hk_status keys_watch_see(struct keys_watch *w, const struct hk_key_entry *key,
    struct hk_slice record, struct keys_seen *ret)
{
	struct keys_seen seen = {.all = true};
	struct keys_answer *answer;
	struct hk_dns_question q = {.type = HK_DNS_TXT};
	struct hk_dns_answer got;
	enum hk_status status = find_servers(w, key->domain);
	size_t i;

	if (status == HK_OK)
		status = keys_name(w->arena, key, &q.name);
	if (status != HK_OK)
		return status;
	answer = hk_arena_array(w->arena, w->n_chosen + 1, sizeof *answer);
	if (!answer)
		return w->arena->failed;
	for (i = 0; i < w->n_chosen; i++) {
		struct server *server = &w->server[w->chosen[i]];

		answer[i].server = server->text;
		status = ask(w, server, &q, &got);
		if (status == HK_OK)
			status =
			    hk_key_see(w->arena, &got, record, &answer[i].sight, &answer[i].reason);
		if (status != HK_OK)
			return status;
		seen.all = seen.all && is_as_wanted(key->state, answer[i].sight);
		seen.unknown = seen.unknown || answer[i].sight == HK_KEY_UNKNOWN;
	}
	if (w->n_chosen == 0) {
		seen.all = false;
		seen.unknown = true;
	}
	seen.answer = answer;
	seen.n = w->n_chosen;
	*ret = seen;
	return HK_OK;
}
