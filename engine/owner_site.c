/* SPDX-License-Identifier: MIT
 *
 * owner_site.c - which domains are delivered to together. Thousands of domains may have the same mail hosts: the customers of one
 * provider. What it takes, and that it is down, is learnt once for all of them; so the MX of a domain is asked for before the first
 * attempt, and domains whose MX name the same hosts, whatever the preferences, share a hop, the site. One without MX, or whose hosts
 * are no other's, has a hop of its own.
 *
 *	domain --ASK--> its MX --> the site's hop, made or found		a group waits meanwhile in the hop of its domain
 *
 * What was found lasts HK_SITE_LASTS_MS and is then looked up beside the deliveries, which ask for themselves and never go by it.
 * When the DNS does not tell, the domain's hop rests as one that is down: so an outage costs a question for each domain and rest.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hikyaku/crypto.h>

#include "engine/owner_internal.h"

enum { NAMES_MAX = 64 * 1024 };

/* ---- the site of an answer --------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	const struct hk_slice *one = a, *two = b;
	size_t n = one->n < two->n ? one->n : two->n;
	int order = n ? memcmp(one->p, two->p, n) : 0;

	return order ? order : one->n < two->n ? -1 : one->n > two->n;
}

/* What is found of a domain. */
struct found {
	const struct hk_conf_route *route;
	const struct hk_conf_shape *shape;
	struct hk_slice name[HK_DNS_RRS_MAX]; /* the hosts, sorted */
	size_t n;
	uint64_t site;                        /* 0: none */
};

/* With the secret of the tables: nobody can find hosts for which the number is another site's. 0: none, or no memory for it. */
static uint64_t number_of(const struct hk_owner *o, const struct found *f)
{
	uint64_t number = 0, which[] = {o->seed, (uint64_t)(f->route - o->conf->route), f->shape ? (uint64_t)(f->shape - o->conf->shape) + 1 : 0};
	uint8_t digest[HK_SHA256_SIZE];
	struct hk_buf text;
	size_t i;

	hk_buf_init(&text, NAMES_MAX);
	hk_buf_add(&text, hk_slice_of((const uint8_t *)which, sizeof which));
	for (i = 0; i < f->n && !(f->shape && f->shape->is_together); i++) {
		if (i && hk_slice_eq(f->name[i], f->name[i - 1]))
			continue;
		hk_buf_add(&text, f->name[i]);
		hk_buf_add_byte(&text, 0);
	}
	if (hk_buf_status(&text) == HK_OK && hk_sha256(hk_buf_slice(&text), digest) == HK_OK) {
		memcpy(&number, digest, sizeof number);
		number |= 1;
	}
	hk_buf_done(&text);
	return number;
}

static void find(const struct hk_owner *o, const struct hk_dns_answer *answer, struct found *f)
{
	size_t i;

	for (i = 0; i < answer->n && f->n < HK_DNS_RRS_MAX; i++)
		if (answer->rr[i].data.n)
			f->name[f->n++] = answer->rr[i].data;
	if (!f->n)
		return; /* no MX (RFC 5321 5.1), or the null one (RFC 7505) */
	qsort(f->name, f->n, sizeof f->name[0], by_name);
	f->shape = hk_conf_find_shape(o->conf, f->name, f->n);
	f->site = number_of(o, f);
}

/* ---- from hop to hop ------------------------------------------------------------------ */

/* The hop of a site; NULL: no memory. */
static struct hk_hop *find_site(struct hk_owner *o, const struct found *f)
{
	struct hk_hop *hop = hk_id_map_get(&o->sites, f->site);

	if (hop)
		return hop;
	hop = hk_hop_new(o, f->route, f->shape);
	if (!hop)
		return NULL;
	hop->host = strndup((const char *)f->name[0].p, f->name[0].n);
	hop->site = f->site;
	if (hop->host && hk_id_map_put(&o->sites, hop) == HK_OK)
		return hop;
	hop->site = 0;
	hop->users = 1;
	hk_hop_leave(o, hop);
	return NULL;
}

static bool waits_in(const struct hk_message *m, const struct hk_hop *hop)
{
	const struct hk_group *group = m->group;

	while (group && group->hop != hop)
		group = group->next_of;
	return group;
}

/* What waits in the hop of one domain goes on in that of its site. From one site to another nothing is taken along: there, groups
 * may have recipients of other domains; the others' are found to be elsewhere when it is their turn, and are due again. */
static void take_groups(struct hk_owner *o, struct hk_hop *from, struct hk_hop *to)
{
	struct hk_group *group;

	while ((group = hk_hop_take(from, true))) {
		if (waits_in(group->message, to)) {
			hk_group_free(o, group); /* that one has the recipients of this domain too, from now on */
			continue;
		}
		group->hop = to;
		hk_hop_queue(o, group);
	}
}

static void move(struct hk_owner *o, struct hk_domain *d, const struct found *f)
{
	struct hk_hop *from = d->hop, *to = f->site ? find_site(o, f) : from->site ? NULL : from;

	if (!to && f->site)
		return; /* without memory all stays as it is */
	if (to == from) {
		from->is_known = true;
		return;
	}
	if (!from->site)
		take_groups(o, from, to);
	if (hk_domain_move(o, d, to) == HK_OK && !to)
		d->hop->is_known = true;
}

/* ---- answers ----------------------------------------------------------------------------- */

static void fail(struct hk_owner *o, struct hk_domain *d, const struct hk_dns_answer *answer)
{
	struct hk_slice name = hk_slice_of(d->name, d->n);
	struct hk_rcpt_result why = {.code = 451, .enhanced = "4.4.3"};

	if (d->site_until) {
		/* a site that was known goes on; the next attempt asks for itself */
		d->site_until = o->now.mono_ms + HK_OWNER_RETRY_S * 1000;
		return;
	}
	snprintf(why.text, sizeof why.text, "The DNS does not tell the MX of %.300s: %s", hk_log_quote(name).text,
	    hk_dns_rcode_name(answer->rcode));
	hk_hop_fail(o, d->hop, name, &why);
}

static void learn(struct hk_owner *o, struct hk_domain *d, const struct hk_dns_answer *answer)
{
	struct found found = {.route = d->hop->route};

	if (hk_dns_is_failure(answer)) {
		fail(o, d, answer);
		return;
	}
	d->site_until = o->now.mono_ms + HK_SITE_LASTS_MS;
	find(o, answer, &found);
	move(o, d, &found);
}

/* The ask has left the list. */
static void settle(struct hk_owner *o, struct hk_site_ask *ask, const struct hk_dns_answer *answer)
{
	struct hk_domain *d = hk_domain_find(o, hk_slice_of(ask->name, ask->n));
	struct hk_hop *hop = ask->hop;

	o->n_asks--;
	hop->is_asked = false;
	if (d && d->hop == hop) /* else a reload came between, or the domain has gone */
		learn(o, d, answer);
	/* also without memory for anything better: what waits goes on */
	if (!hk_dns_is_failure(answer) && !hop->site)
		hop->is_known = true;
	hk_hop_leave(o, hop);
	free(ask);
}

static struct hk_site_ask *take_ask(struct hk_owner *o, struct hk_site_ask **at)
{
	struct hk_site_ask *ask = *at;

	*at = ask->next;
	if (o->last_ask == &ask->next)
		o->last_ask = at;
	return ask;
}

void hk_owner_answer(struct hk_owner *o, uint64_t token, const struct hk_dns_answer *answer)
{
	struct hk_site_ask **at = &o->asks;

	while (*at && (*at)->token != token)
		at = &(*at)->next;
	if (*at)
		settle(o, take_ask(o, at), answer);
}

/* ---- questions ----------------------------------------------------------------------------- */

bool hk_site_is_due(const struct hk_owner *o, const struct hk_hop *hop)
{
	return hop->route->via == HK_VIA_MX && !hop->site && !hop->is_known && !hk_hop_rests(o, hop);
}

/* false: no memory. */
static bool ask(struct hk_owner *o, const struct hk_domain *d)
{
	struct hk_site_ask *new = calloc(1, sizeof *new + d->n);

	if (!new)
		return false;
	new->hop = d->hop;
	new->hop->users++;
	new->token = ++o->last_token;
	new->until = o->now.mono_ms + (uint64_t)o->conf->resolver_timeout * 1000;
	new->n = d->n;
	memcpy(new->name, d->name, d->n);
	new->node.order = (struct hk_order){.type = HK_ORDER_ASK,
	    .token = new->token,
	    .question = {hk_slice_of(new->name, new->n), HK_DNS_MX}};
	*o->last_ask = new;
	o->last_ask = &new->next;
	o->n_asks++;
	hk_order_add(o, &new->node);
	return true;
}

/* The domain that a hop of one domain is for: that of whatever waits there. */
static const struct hk_domain *domain_of(const struct hk_hop *hop)
{
	const struct hk_message *m = NULL;
	size_t i;

	for (i = 0; i < HK_CLASSES && !m; i++)
		if (hop->line[i].first)
			m = hop->line[i].first->message;
	for (i = 0; m && i < m->n_rcpt; i++)
		if (m->rcpt[i].domain->hop == hop)
			return m->rcpt[i].domain;
	return NULL;
}

void hk_sites_expire(struct hk_owner *o)
{
	struct hk_site_ask **at = &o->asks;

	while (*at && (*at)->until <= o->now.mono_ms) {
		struct hk_dns_answer timeout = {.question = (*at)->node.order.question, .rcode = HK_DNS_TIMEOUT};

		if ((*at)->is_taken)
			settle(o, take_ask(o, at), &timeout);
		else
			at = &(*at)->next;
	}
}

void hk_sites_ask(struct hk_owner *o)
{
	struct hk_hop *hop;

	while (o->n_asks < HK_SITE_ASKS_MAX && (hop = hk_hop_next(&o->unasked))) {
		const struct hk_domain *d = domain_of(hop);

		hop->is_asked = d && ask(o, d);
		hop->is_known = !hop->is_asked; /* without memory it goes on as if alone */
		hk_hop_make_ready(o, hop);
	}
}

void hk_site_refresh(struct hk_owner *o, struct hk_domain *d)
{
	if (!d->site_until || d->site_until > o->now.mono_ms || !d->hop || d->hop->is_asked || o->n_asks >= HK_SITE_ASKS_MAX)
		return;
	d->site_until = o->now.mono_ms + HK_OWNER_RETRY_S * 1000; /* while it is asked, and if there is no answer */
	(void)ask(o, d);
}

void hk_site_forget(struct hk_owner *o, struct hk_hop *hop, const struct hk_job *job)
{
	struct hk_domain *d = hk_domain_find(o, job->domain);

	if (!d || d->hop != hop)
		return;
	d->site_until = 0;
	if (hop->site && hk_domain_move(o, d, NULL) != HK_OK)
		return;
	d->hop->is_known = false;
	hk_hop_fail(o, d->hop, job->domain, &job->result[0]);
}

void hk_site_taken(struct hk_order_node *node)
{
	struct hk_site_ask *taken = (struct hk_site_ask *)(void *)((char *)node - offsetof(struct hk_site_ask, node));

	taken->is_taken = true;
}

uint64_t hk_sites_deadline(const struct hk_owner *o)
{
	return o->asks ? o->asks->until : UINT64_MAX;
}

void hk_sites_free(struct hk_owner *o)
{
	struct hk_site_ask *one;

	while ((one = o->asks)) {
		o->asks = one->next;
		free(one);
	}
}
