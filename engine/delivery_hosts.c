/* SPDX-License-Identifier: MIT
 *
 * delivery_hosts.c - from the route to the addresses to connect to, in order (RFC 5321 5.1).
 */
#include <stdio.h>
#include <string.h>

#include "engine/delivery_internal.h"
#include "lib/base/base_internal.h"

void hosts_ask(struct hk_delivery *d, size_t i, struct hk_slice name, uint16_t type)
{
	d->asked[i] = (struct asked){.id = ++d->last_id, .is_open = true, .question = {name, type}};
}

/* ---- who we are ---- */

static bool is_own_name(const struct hk_conf *c, struct hk_slice name)
{
	size_t i;

	if (hk_slice_eq_nocase(name, c->hostname))
		return true;
	for (i = 0; i < c->n_listeners; i++)
		if (hk_slice_eq_nocase(name, c->listener[i].hostname))
			return true;
	return false;
}

static bool is_own_socket(const struct hk_conf *c, const struct hk_ip *ip, uint16_t port)
{
	size_t i, j;

	for (i = 0; i < c->n_listeners; i++)
		for (j = 0; j < c->listener[i].n_sockets; j++)
			if (c->listener[i].socket[j].port == port &&
			    hk_ip_eq(&c->listener[i].socket[j].ip, ip))
				return true;
	return false;
}

/* ---- the hosts of a domain ---- */

/* port: of an SRV record; 0: the route's */
static void use_port(struct hk_delivery *d, uint16_t port)
{
	const struct hk_conf_route *route = d->env.job->route;

	d->tls_port = port ? port : route->via == HK_VIA_MX ? 25 : route->port;
	d->port = d->tls_port;
	if (d->port == 25 && delivery_conf(d)->port_map_25)
		d->port = (uint16_t)delivery_conf(d)->port_map_25;
}

static void ask_host(struct hk_delivery *d)
{
	struct hk_slice name = d->host[d->host_at].name;
	struct hk_ip ip;

	d->n_addresses = d->address_at = 0;
	d->has_failed4 = d->has_failed6 = false;
	d->without_tls = false;
	d->policy.is_address_secure = false;
	use_port(d, d->host[d->host_at].port);
	if (hk_ip_parse(name, &ip) == HK_OK) {
		d->address[d->n_addresses++] = ip;
		policy_host(d);
		return;
	}
	hosts_ask(d, 0, name, HK_DNS_A);
	hosts_ask(d, 1, name, HK_DNS_AAAA);
	delivery_wait(d, STEP_HOST, DNS_MS);
}

static void only_host(struct hk_delivery *d, struct hk_slice name)
{
	d->host[0] = (struct host){.name = name};
	d->n_hosts = 1;
	d->host_at = 0;
	ask_host(d);
}

void hosts_begin(struct hk_delivery *d)
{
	const struct hk_conf_route *route = d->env.job->route;
	struct hk_slice domain = d->env.job->domain;

	/* what the operator wrote is certain */
	d->policy.is_name_secure = route->via != HK_VIA_MX;
	if (route->unix_path.n) {
		d->n_addresses = 1; /* the path itself */
		policy_decide(d);
	} else if (route->via != HK_VIA_MX) {
		only_host(d, route->host);
	} else if (domain.n > 2 && domain.p[0] == '[') {
		/* RFC 5321 4.1.3: a literal is its own host */
		struct hk_slice inside = hk_slice_sub(domain, 1, domain.n - 2);

		if (hk_slice_starts_nocase(inside, HK_S("ipv6:")))
			inside = hk_slice_from(inside, 5);
		only_host(d, inside);
	} else {
		policy_begin(d);
	}
}

static bool comes_before(const struct host *a, const struct host *b)
{
	return a->preference != b->preference ? a->preference < b->preference : a->lot < b->lot;
}

/* Keeps the list sorted and the best HOSTS_MAX of it. Equal preferences in an order that differs
 * from message to message (RFC 5321 5.1: to spread the load) and is the same when a run is
 * repeated. */
static void add_host(struct hk_delivery *d, const struct hk_dns_rr *rr)
{
	struct host h = {.preference = rr->preference};
	char lot[400];
	size_t i;
	int n;

	if (!rr->data.n || hk_arena_dup_lower(&d->arena, rr->data, &h.name) != HK_OK)
		return;
	n = snprintf(lot, sizeof lot, "%s %u %.*s", d->id_text, d->env.job->attempt,
	    HK_FMT(hk_slice_sub(h.name, 0, 300)));
	h.lot = hk_hash(hk_slice_of(lot, n > 0 ? (size_t)n : 0));
	if (d->n_hosts == HOSTS_MAX && !comes_before(&h, &d->host[HOSTS_MAX - 1]))
		return;
	i = d->n_hosts < HOSTS_MAX ? d->n_hosts++ : HOSTS_MAX - 1;
	for (; i > 0 && comes_before(&h, &d->host[i - 1]); i--)
		d->host[i] = d->host[i - 1];
	d->host[i] = h;
}

/* RFC 5321 5.1: our own name, and all that are not better than it, are cut from the list; otherwise
 * mail for which we are the backup would go round. */
static void cut_ourselves(struct hk_delivery *d)
{
	size_t i, j;

	for (i = 0; i < d->n_hosts; i++) {
		if (!is_own_name(delivery_conf(d), d->host[i].name))
			continue;
		for (j = 0; j < d->n_hosts && d->host[j].preference < d->host[i].preference; j++)
			;
		d->n_hosts = j;
		return;
	}
}

void hosts_add_srv(struct hk_delivery *d, const struct hk_dns_rr *rr, unsigned order)
{
	struct host *h = &d->host[d->n_hosts];

	if (d->n_hosts < HOSTS_MAX && rr->data.n && rr->port &&
	    hk_arena_dup_lower(&d->arena, rr->data, &h->name) == HK_OK) {
		h->preference = order;
		h->port = rr->port;
		d->n_hosts++;
	}
}

void hosts_found(struct hk_delivery *d)
{
	if (delivery_lacks_memory(d))
		return;
	cut_ourselves(d);
	link_prefer(d);
	if (d->n_hosts)
		ask_host(d);
	else
		delivery_settle_all(d, HK_RCPT_FAILED, 554, "5.4.6",
		    "Mail for %.*s loops back to this host (RFC 5321 5.1)", HK_FMT(d->env.job->domain));
}

static void mx_answer(struct hk_delivery *d, const struct hk_dns_answer *answer)
{
	struct hk_slice domain = d->env.job->domain;
	size_t i;

	if (hk_dns_is_failure(answer)) {
		d->is_mx_unknown = true;
		delivery_settle_all(d, HK_RCPT_PENDING, 451, "4.4.3",
		    "The DNS does not tell the MX of %.*s: %s", HK_FMT(domain),
		    hk_dns_rcode_name(answer->rcode));
		return;
	}
	d->policy.is_name_secure = answer->secure;
	if (answer->rcode == HK_DNS_NXDOMAIN) {
		delivery_settle_all(
		    d, HK_RCPT_FAILED, 550, "5.1.2", "The domain %.*s does not exist", HK_FMT(domain));
		return;
	}
	if (!answer->n) {
		/* RFC 5321 5.1: the domain itself, as if it had an MX of preference 0 */
		only_host(d, d->env.job->domain);
		return;
	}
	/* RFC 7505 3: one record that names the root */
	if (answer->n == 1 && !answer->rr[0].data.n) {
		delivery_settle_all(d, HK_RCPT_FAILED, 556, "5.1.10",
		    "The domain %.*s accepts no mail (RFC 7505)", HK_FMT(domain));
		return;
	}
	for (i = 0; i < answer->n; i++)
		add_host(d, &answer->rr[i]);
	hosts_found(d);
}

/* ---- the addresses of a host ---- */

/* One of each family in turn, so that a broken family costs one try; one that failed lately after all others. */
static void interleave(struct hk_delivery *d)
{
	const struct hk_job *job = d->env.job;
	unsigned family[2] = {job->route->prefers_ipv6 ? 6 : 4, job->route->prefers_ipv6 ? 4 : 6};
	struct hk_ip all[ADDRESSES_MAX];
	size_t n = d->n_addresses, at[2] = {0, 0}, i;

	memcpy(all, d->address, sizeof all);
	if (job->family_last == family[0]) {
		family[0] = family[1];
		family[1] = job->family_last;
	}
	for (i = 0; i < n; i++) {
		size_t want = job->family_last ? 0 : i % 2, k;

		for (k = 0; k < 2; k++)
			while (at[k] < n && all[at[k]].family != family[k])
				at[k]++;
		if (at[want] == n)
			want = !want;
		d->address[i] = all[at[want]++];
	}
}

static void host_answer(struct hk_delivery *d, const struct hk_dns_answer *answer)
{
	struct host *h = &d->host[d->host_at];
	size_t i;

	for (i = 0; i < answer->n && d->n_addresses < ADDRESSES_MAX; i++)
		if (answer->rr[i].ip.family)
			d->address[d->n_addresses++] = answer->rr[i].ip;
	snprintf(d->remote, sizeof d->remote, "%.*s", HK_FMT(hosts_shown(h->name)));
	if (hk_dns_is_failure(answer))
		delivery_trouble(d, true, 451, "4.4.3",
		    "The DNS does not tell the address of %s: %s", d->remote,
		    hk_dns_rcode_name(answer->rcode));
	d->policy.is_address_secure |= answer->secure;
	if (d->asked[0].is_open || d->asked[1].is_open)
		return;
	if (!d->n_addresses && !d->may_try_again)
		delivery_trouble(d, false, 550, "5.4.4", "The host %s has no address", d->remote);
	interleave(d);
	link_prefer_address(d);
	if (d->n_addresses)
		policy_host(d);
	else
		delivery_wait(d, STEP_TRY, 0);
}

static void answered(struct hk_delivery *d, const struct hk_dns_answer *answer)
{
	if (d->step == STEP_SRV)
		policy_srv(d, answer);
	else if (d->step == STEP_MX)
		mx_answer(d, answer);
	else if (d->step == STEP_TLSA)
		policy_tlsa(d, answer);
	else if (d->step == STEP_HOST)
		host_answer(d, answer);
}

void hosts_answer(struct hk_delivery *d, uint32_t id, const struct hk_dns_answer *answer)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		if (!d->asked[i].is_open || d->asked[i].id != id)
			continue;
		d->asked[i].is_open = false;
		answered(d, answer);
		return;
	}
}

void hosts_timeout(struct hk_delivery *d)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		struct hk_dns_answer timeout = {
		    .question = d->asked[i].question, .rcode = HK_DNS_TIMEOUT};

		if (!d->asked[i].is_open)
			continue;
		d->asked[i].is_open = false;
		answered(d, &timeout);
	}
}

/* ---- the next one ---- */

/* `remote` has room for an address behind it. Of UTF-8 less: quoted, and with a reply behind it, it stays a line (RFC 5322 2.1.1). */
struct hk_slice hosts_shown(struct hk_slice name)
{
	return hk_utf8_cut(name, hk_slice_is_ascii(name) ? 240 : 100);
}

static void name_remote(struct hk_delivery *d)
{
	char ip[HK_IP_TEXT_MAX];

	if (d->env.job->route->unix_path.n) {
		snprintf(
		    d->remote, sizeof d->remote, "unix:%.*s", HK_FMT(d->env.job->route->unix_path));
		return;
	}
	hk_ip_format(&d->address[d->address_at], ip);
	snprintf(d->remote, sizeof d->remote, "%.*s[%s]",
	    HK_FMT(hosts_shown(d->host[d->host_at].name)), ip);
}

void hosts_next(struct hk_delivery *d)
{
	for (; d->address_at < d->n_addresses; d->address_at++) {
		if (d->tries == TRIES_MAX)
			break;
		name_remote(d);
		if (d->env.job->route->via == HK_VIA_MX &&
		    is_own_socket(delivery_conf(d), &d->address[d->address_at], d->port)) {
			delivery_trouble(d, false, 554, "5.4.6",
			    "The address is this host's own: mail would loop (RFC 5321 5.1)");
			continue;
		}
		if (link_take_spare(d))
			return;
		d->tries++;
		d->wants |= WANT_CONNECT;
		delivery_wait(d, STEP_CONNECT, CONNECT_MS);
		return;
	}
	d->host_at++;
	if (d->tries < TRIES_MAX && d->host_at < d->n_hosts)
		ask_host(d);
	else
		delivery_over(d);
}
