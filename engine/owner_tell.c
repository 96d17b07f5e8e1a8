/* SPDX-License-Identifier: MIT
 *
 * owner_tell.c - what an operator is told of the next hops.
 */
#include <string.h>

#include "engine/owner_internal.h"

static bool is_busy(const struct hk_hop *hop)
{
	return hop->out || hop->waiting;
}

static enum hk_status tell(const struct hk_owner *o, struct hk_arena *a, const struct hk_hop *hop, struct hk_queue_hop *ret)
{
	struct hk_conf_rate rate = hk_hop_rate(hop);
	struct hk_queue_reason why = {0};
	enum hk_status status;

	*ret = (struct hk_queue_hop){.out = hop->out,
	    .limit = hop->limit,
	    .most = hk_hop_most(hop),
	    .waiting = hop->waiting,
	    .failures = hop->failures,
	    .rests = hk_hop_rests(o, hop) ? (hop->rests_until - o->now.mono_ms + 999) / 1000 : 0,
	    .rate_most = rate.most,
	    .rate_seconds = rate.seconds,
	    .shape = hop->shape ? hop->shape->name : (struct hk_slice){0},
	    .name = hop->shape && hop->shape->is_together ? hop->shape->name
	            : hop->host                           ? hk_slice_str(hop->host)
	            : hop->route->via != HK_VIA_MX        ? hop->route->pattern
	                                                  : (struct hk_slice){0}};
	if (ret->rests)
		hk_reason_get(o, hop->reason, &why);
	ret->reason = why;
	status = hk_arena_dup(a, ret->name, &ret->name);
	if (status == HK_OK)
		status = hk_arena_dup(a, ret->shape, &ret->shape);
	if (status == HK_OK)
		status = hk_arena_dup(a, why.text, &ret->reason.text);
	return status == HK_OK ? hk_arena_dup(a, why.remote, &ret->reason.remote) : status;
}

static enum hk_status tell_all(struct hk_owner *o, struct hk_queue_call *c, bool busy)
{
	enum hk_status status = HK_OK;
	struct hk_hop *hop;

	for (hop = o->hops; status == HK_OK && hop && c->n_hops < HK_QUEUE_HOPS_MAX; hop = hop->next) {
		if (!hop->users || is_busy(hop) != busy)
			continue;
		status = tell(o, &c->arena, hop, &c->hop[c->n_hops]);
		hop->row = (uint32_t)++c->n_hops;
	}
	return status;
}

enum hk_status hk_hops_tell(struct hk_owner *o, struct hk_queue_call *c)
{
	const struct hk_domain *d;
	enum hk_status status;
	struct hk_hop *hop;
	size_t i, n = 0;

	for (hop = o->hops; hop; hop = hop->next) {
		hop->row = 0;
		n++;
	}
	c->hop = hk_arena_array(&c->arena, (n < HK_QUEUE_HOPS_MAX ? n : HK_QUEUE_HOPS_MAX) + 1, sizeof *c->hop);
	if (!c->hop)
		return c->arena.failed;
	status = tell_all(o, c, true);
	if (status == HK_OK)
		status = tell_all(o, c, false);
	for (i = 0; status == HK_OK && i < o->n_slots; i++)
		for (d = o->slot[i]; status == HK_OK && d; d = d->next) {
			struct hk_queue_hop *row = d->hop && d->hop->row ? &c->hop[d->hop->row - 1] : NULL;

			if (row && !row->name.n) /* alone */
				status = hk_arena_dup(&c->arena, hk_slice_of(d->name, d->n), &row->name);
			if (row)
				row->domains++;
		}
	c->done = c->n_hops;
	return status;
}
