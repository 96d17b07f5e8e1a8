/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <hikyaku/dns.h>

#include "engine/owner_internal.h"
#include "lib/base/bug.h"

enum { SLOTS_FIRST = 64, DOMAIN_MOST = 255 /* RFC 5321 4.5.3.1.2 */ };

/* ---- hops ------------------------------------------------------------------ */

struct hk_hop *hk_hop_new(struct hk_owner *o, const struct hk_conf_route *route, const struct hk_conf_shape *shape)
{
	struct hk_hop *hop = calloc(1, sizeof *hop);
	size_t i;

	if (!hop)
		return NULL;
	hop->route = route;
	hop->shape = shape;
	hop->limit = hk_hop_most(hop);
	if (route->via == HK_VIA_MX && hop->limit > HK_HOP_LIMIT_FIRST)
		hop->limit = HK_HOP_LIMIT_FIRST;
	for (i = 0; i < HK_CLASSES; i++)
		hop->line[i].last = &hop->line[i].first;
	hop->next = o->hops;
	if (hop->next)
		hop->next->before = hop;
	o->hops = hop;
	return hop;
}

/* ---- waiting for a turn -------------------------------------------------------- */

void hk_hops_init(struct hk_hops *list)
{
	*list = (struct hk_hops){.last = &list->first};
}

static void join(struct hk_hops *list, struct hk_hop *hop)
{
	hop->in = list;
	hop->next_in = NULL;
	hop->before_in = list->first ? (struct hk_hop *)(void *)((char *)list->last - offsetof(struct hk_hop, next_in)) : NULL;
	*list->last = hop;
	list->last = &hop->next_in;
}

static void part(struct hk_hop *hop)
{
	struct hk_hops *list = hop->in;

	if (!list)
		return;
	*(hop->before_in ? &hop->before_in->next_in : &list->first) = hop->next_in;
	if (hop->next_in)
		hop->next_in->before_in = hop->before_in;
	else
		list->last = hop->before_in ? &hop->before_in->next_in : &list->first;
	hop->in = NULL;
}

struct hk_hop *hk_hop_next(struct hk_hops *list)
{
	struct hk_hop *hop = list->first;

	if (hop)
		part(hop);
	return hop;
}

void hk_hop_make_ready(struct hk_owner *o, struct hk_hop *hop)
{
	if (hop->in || hop->is_asked || !hop->waiting || (hop->out && hop->out >= hop->limit))
		return;
	if (hk_site_is_due(o, hop)) {
		join(&o->unasked, hop);
	} else if (hk_hop_is_paced(o, hop)) {
		join(&o->paced, hop);
		if (hop->next_us / 1000 + 1 < o->paced_until)
			o->paced_until = hop->next_us / 1000 + 1;
	} else {
		join(&o->ready, hop);
	}
}

void hk_hops_wake(struct hk_owner *o)
{
	struct hk_hop *hop, *last = NULL;

	if (o->now.mono_ms < o->paced_until)
		return;
	o->paced_until = UINT64_MAX;
	for (hop = o->paced.first; hop; hop = hop->next_in)
		last = hop;
	while (last && (hop = hk_hop_next(&o->paced))) {
		hk_hop_make_ready(o, hop); /* which may put it back behind the last one */
		if (hop == last)
			return;
	}
}

void hk_hop_rouse(struct hk_owner *o, struct hk_hop *hop)
{
	if (!hk_hop_rests(o, hop))
		return;
	hop->rests_until = 0;
	if (hop->in == &o->ready)
		part(hop); /* to be put off; its rate counts again */
	hk_hop_make_ready(o, hop);
}

/* Goes when no domain points here, nothing waits, and no job is out. */
static void hop_let_go(struct hk_owner *o, struct hk_hop *hop)
{
	if (hop->users || hop->out || hop->waiting)
		return;
	part(hop);
	if (hop->site && hk_id_map_get(&o->sites, hop->site) == hop)
		hk_id_map_remove(&o->sites, hop->site);
	if (hop->next)
		hop->next->before = hop->before;
	if (hop->before)
		hop->before->next = hop->next;
	else
		o->hops = hop->next;
	hk_reason_release(o, hop->reason);
	free(hop->host);
	free(hop);
}

void hk_hop_leave(struct hk_owner *o, struct hk_hop *hop)
{
	hop->users--;
	if (hop->waiting)
		hk_hop_make_ready(o, hop);
	else
		hop_let_go(o, hop);
}

void hk_hop_queue(struct hk_owner *o, struct hk_group *group)
{
	struct hk_hop *hop = group->hop;
	struct hk_line *line = &hop->line[group->class];

	group->next = NULL;
	hop->waiting++;
	*line->last = group;
	line->last = &group->next;
	if (hop->in == &o->patient && group->class != HK_CLASS_LATER)
		part(hop);
	hk_hop_make_ready(o, hop);
}

void hk_hop_be_patient(struct hk_owner *o, struct hk_hop *hop)
{
	join(&o->patient, hop);
}

struct hk_group *hk_hop_take(struct hk_hop *hop, bool may_later)
{
	size_t most = may_later ? HK_CLASSES : HK_CLASS_LATER, found = HK_CLASSES, i;
	bool is_last_s_turn = hop->taken % HK_CLASS_TURN == HK_CLASS_TURN - 1;
	struct hk_group *group;
	struct hk_line *line;

	for (i = 0; i < most; i++)
		if (hop->line[i].first && (found == HK_CLASSES || is_last_s_turn))
			found = i;
	if (found == HK_CLASSES)
		return NULL;
	line = &hop->line[found];
	group = line->first;
	line->first = group->next;
	if (!line->first)
		line->last = &line->first;
	hop->waiting--;
	hop->taken++;
	return group;
}

void hk_group_free(struct hk_owner *o, struct hk_group *group)
{
	struct hk_group **at = &group->message->group;

	while (*at != group)
		at = &(*at)->next_of;
	*at = group->next_of;
	(void)hk_round_leave(o, group->message);
	free(group);
}

void hk_hop_job_back(struct hk_owner *o, struct hk_hop *hop)
{
	hop->out -= !(HK_BUG(SLOT_LEAK) && hop->waiting && hop->out > 1);
	if (hop->waiting)
		hk_hop_make_ready(o, hop);
	else
		hop_let_go(o, hop);
}

/* Nothing is to be found out about an address literal (RFC 5321 4.1.3), nor of what is no name of the DNS. */
static bool has_no_site(struct hk_slice domain)
{
	return !domain.n || domain.p[0] == '[' || domain.n > HK_DNS_NAME_MAX;
}

/* Where a domain's mail goes: one hop for a route, but for MX one of its own to begin with, until its site is known. */
static enum hk_status find_hop(struct hk_owner *o, struct hk_domain *d)
{
	const struct hk_conf_route *route = hk_conf_find_route(o->conf, hk_slice_of(d->name, d->n));
	struct hk_hop *hop = NULL;
	size_t i;

	d->is_hold = route && route->quarantine == HK_QUARANTINE_HOLD;
	d->hop = NULL;
	if (!route)
		return HK_OK;
	i = (size_t)(route - o->conf->route);
	if (route->via != HK_VIA_MX)
		hop = o->route_hop[i];
	if (!hop)
		hop = hk_hop_new(o, route, NULL);
	if (!hop)
		return HK_NOMEM;
	if (route->via != HK_VIA_MX)
		o->route_hop[i] = hop;
	else
		hop->is_known = has_no_site(hk_slice_of(d->name, d->n));
	hop->users++;
	d->hop = hop;
	return HK_OK;
}

bool hk_domain_has_hop(struct hk_owner *o, struct hk_domain *d)
{
	/* a reload without memory may have left one without */
	return d->hop || (find_hop(o, d) == HK_OK && d->hop);
}

static void leave_hop(struct hk_owner *o, struct hk_domain *d)
{
	struct hk_hop *hop = d->hop;
	size_t i;

	d->hop = NULL;
	if (!hop)
		return;
	for (i = 0; hop->users == 1 && i < o->conf->n_routes; i++)
		if (o->route_hop[i] == hop)
			o->route_hop[i] = NULL;
	hk_hop_leave(o, hop);
}

enum hk_status hk_domain_move(struct hk_owner *o, struct hk_domain *d, struct hk_hop *hop)
{
	if (hop)
		hop->users++;
	leave_hop(o, d);
	d->hop = hop;
	return hop ? HK_OK : find_hop(o, d);
}

/* ---- domains --------------------------------------------------------------- */

static size_t slot_of(const struct hk_owner *o, struct hk_slice name)
{
	uint64_t h = o->seed;
	size_t i;

	/* FNV-1a from a secret start: nobody outside knows which names share a slot */
	for (i = 0; i < name.n; i++)
		h = (h ^ name.p[i]) * UINT64_C(0x100000001b3);
	return (size_t)(h >> 32) & (o->n_slots - 1);
}

static enum hk_status grow(struct hk_owner *o)
{
	struct hk_domain **old = o->slot;
	size_t n = o->n_slots, i;

	if (o->n_domains < n)
		return HK_OK;
	o->slot = calloc(n ? n * 2 : SLOTS_FIRST, sizeof(struct hk_domain *));
	if (!o->slot) {
		o->slot = old;
		return n ? HK_OK : HK_NOMEM;
	}
	o->n_slots = n ? n * 2 : SLOTS_FIRST;
	for (i = 0; i < n; i++) {
		struct hk_domain *d, *next;

		for (d = old[i]; d; d = next) {
			size_t at = slot_of(o, hk_slice_of(d->name, d->n));

			next = d->next;
			d->next = o->slot[at];
			o->slot[at] = d;
		}
	}
	free(old);
	return HK_OK;
}

/* <postmaster> without a domain is the configured one's (RFC 5321 4.5.1). */
static struct hk_slice domain_of(const struct hk_owner *o, struct hk_slice address)
{
	size_t at = hk_slice_rfind(address, '@');

	if (at == address.n) {
		address = o->conf->postmaster;
		at = hk_slice_rfind(address, '@');
	}
	return hk_slice_sub(hk_slice_from(address, at + 1), 0, DOMAIN_MOST);
}

static struct hk_domain *domain_new(struct hk_owner *o, struct hk_slice name)
{
	struct hk_domain *d = calloc(1, sizeof *d + name.n + 1);
	size_t at = slot_of(o, name);

	if (!d)
		return NULL;
	d->n = name.n;
	if (name.n)
		memcpy(d->name, name.p, name.n);
	if (find_hop(o, d) != HK_OK) {
		free(d);
		return NULL;
	}
	d->next = o->slot[at];
	o->slot[at] = d;
	o->n_domains++;
	return d;
}

struct hk_domain *hk_domain_find(const struct hk_owner *o, struct hk_slice name)
{
	struct hk_domain *d = o->n_slots ? o->slot[slot_of(o, name)] : NULL;

	while (d && !hk_slice_eq(name, hk_slice_of(d->name, d->n)))
		d = d->next;
	return d;
}

static void domain_free(struct hk_owner *o, struct hk_domain *d)
{
	struct hk_domain **at;

	for (at = &o->slot[slot_of(o, hk_slice_of(d->name, d->n))]; *at != d; at = &(*at)->next)
		;
	*at = d->next;
	o->n_domains--;
	leave_hop(o, d);
	free(d);
}

/* ---- those without mail: what was learnt of their site and hop stays for a while ---- */

/* Whether something would be forgotten with it: above all what has begun of a rate, or each message that comes alone is the first. */
static bool is_worth_keeping(const struct hk_owner *o, const struct hk_domain *d)
{
	const struct hk_hop *hop = d->hop;

	if (d->site_until > o->now.mono_ms)
		return true;
	return hop && (hk_hop_rests(o, hop) || hop->avoids_until > o->now.mono_ms || hop->next_us > o->now.mono_ms * 1000);
}

static void leave_idle(struct hk_owner *o, struct hk_domain *d)
{
	*(d->older ? &d->older->newer : &o->idle_oldest) = d->newer;
	*(d->newer ? &d->newer->older : &o->idle_newest) = d->older;
	d->older = d->newer = NULL;
	o->n_idle--;
}

static void join_idle(struct hk_owner *o, struct hk_domain *d)
{
	d->older = o->idle_newest;
	*(d->older ? &d->older->newer : &o->idle_oldest) = d;
	o->idle_newest = d;
	o->n_idle++;
}

static void drop_oldest(struct hk_owner *o)
{
	struct hk_domain *d = o->idle_oldest;

	leave_idle(o, d);
	domain_free(o, d);
}

/* Its A-labels where it has any, in lower case: U-labels (of a sender, who gets a report) and A-labels name one domain. NOMEM. */
static enum hk_status name_of(struct hk_slice domain, uint8_t room[DOMAIN_MOST], struct hk_slice *ret)
{
	struct hk_arena a;
	enum hk_status status;
	size_t i;

	hk_arena_init(&a, 4 * DOMAIN_MOST);
	status = hk_dns_name_to_ascii(&a, domain, &domain);
	for (i = 0; i < domain.n; i++)
		room[i] = hk_to_lower(domain.p[i]);
	*ret = hk_slice_of(room, domain.n);
	hk_arena_done(&a);
	return status == HK_SYNTAX ? HK_OK : status;
}

struct hk_domain *hk_domain_use(struct hk_owner *o, struct hk_slice address)
{
	struct hk_slice name;
	uint8_t room[DOMAIN_MOST];
	struct hk_domain *d;

	if (grow(o) != HK_OK || name_of(domain_of(o, address), room, &name) != HK_OK)
		return NULL;
	d = hk_domain_find(o, name);
	if (d && !d->users)
		leave_idle(o, d);
	if (!d)
		d = domain_new(o, name);
	if (d)
		d->users++;
	return d;
}

void hk_domain_release(struct hk_owner *o, struct hk_domain *d)
{
	if (!d || --d->users)
		return;
	if (!is_worth_keeping(o, d)) {
		domain_free(o, d);
		return;
	}
	join_idle(o, d);
	if (o->n_idle > HK_DOMAINS_IDLE_MAX)
		drop_oldest(o);
}

enum hk_status hk_hop_prepare(struct hk_owner *o, const struct hk_conf *conf)
{
	struct hk_hop **fresh = calloc(conf->n_routes + 1, sizeof(struct hk_hop *));

	if (!fresh)
		return HK_NOMEM;
	free(o->route_hop);
	o->route_hop = fresh;
	return HK_OK;
}

enum hk_status hk_hop_reroute(struct hk_owner *o)
{
	enum hk_status status = HK_OK;
	struct hk_domain *d;
	struct hk_hop *hop, *next;
	size_t i;

	/* a new configuration may see other sites in the same hosts: they are asked for again, each when its mail is due */
	while (o->idle_oldest)
		drop_oldest(o);
	hk_id_map_done(&o->sites);
	o->sites = (struct hk_id_map){0};
	/* no group waits any more, also at a hop that stays for its jobs; for one that was no domain's before, nothing else would come */
	for (hop = o->hops; hop; hop = next) {
		next = hop->next;
		hop->in = NULL;
		hop_let_go(o, hop);
	}
	hk_hops_init(&o->ready);
	hk_hops_init(&o->unasked);
	hk_hops_init(&o->paced);
	hk_hops_init(&o->patient);
	o->paced_until = UINT64_MAX;
	for (i = 0; i < o->n_slots; i++) {
		for (d = o->slot[i]; d; d = d->next) {
			if (d->hop) {
				d->hop->users--;
				hop_let_go(o, d->hop);
			}
			d->site_until = 0;
			if (find_hop(o, d) != HK_OK)
				status = HK_NOMEM; /* found when its mail is due */
		}
	}
	return status;
}

void hk_hop_free_all(struct hk_owner *o)
{
	struct hk_hop *hop, *next;

	while (o->idle_oldest)
		drop_oldest(o);
	hk_id_map_done(&o->sites);
	for (hop = o->hops; hop; hop = next) {
		struct hk_group *group;

		next = hop->next;
		while ((group = hk_hop_take(hop, true)))
			free(group);
		free(hop->host);
		free(hop);
	}
	o->hops = NULL;
	free(o->route_hop);
	free(o->slot);
}
