/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/policies_internal.h"

static struct policy **bucket_of(struct hk_policies *p, const char *domain)
{
	return &p->bucket[hk_hash(hk_slice_str(domain)) % POLICIES_BUCKETS];
}

static void leave_order(struct hk_policies *p, struct policy *e)
{
	*(e->newer ? &e->newer->older : &p->newest) = e->older;
	*(e->older ? &e->older->newer : &p->oldest) = e->newer;
}

static void join_order(struct hk_policies *p, struct policy *e)
{
	e->newer = NULL;
	e->older = p->newest;
	*(p->newest ? &p->newest->newer : &p->oldest) = e;
	p->newest = e;
}

static void remove_entry(struct hk_policies *p, struct policy *e)
{
	struct policy **at = bucket_of(p, e->domain);
	struct hk_policy_post *post, *next;

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	leave_order(p, e);
	for (post = e->waiting; post; post = next) {
		next = (struct hk_policy_post *)post->post.next;
		hk_policy_post_free(post);
	}
	hk_buf_done(&e->text);
	free(e);
	p->n--;
}

/* The one that was used longest ago and has nothing under way. */
static bool make_room(struct hk_policies *p)
{
	struct policy *e = p->oldest;

	if (p->n < HK_POLICIES_MAX)
		return true;
	while (e && (e->is_asking || e->is_fetching || e->waiting))
		e = e->newer;
	if (e)
		remove_entry(p, e);
	return e != NULL;
}

struct policy *policies_find(struct hk_policies *p, const char *domain)
{
	struct policy *e = *bucket_of(p, domain);

	while (e && strcmp(e->domain, domain) != 0)
		e = e->next;
	if (e) {
		leave_order(p, e);
		join_order(p, e);
		return e;
	}
	e = make_room(p) ? calloc(1, sizeof *e) : NULL;
	if (!e)
		return NULL;
	snprintf(e->domain, sizeof e->domain, "%s", domain);
	e->seq = ++p->last_seq;
	hk_buf_init(&e->text, HK_STS_POLICY_MAX);
	e->next = *bucket_of(p, domain);
	*bucket_of(p, domain) = e;
	join_order(p, e);
	p->n++;
	policies_load(p, e);
	return e;
}

struct policy *policies_by_seq(struct hk_policies *p, uint64_t seq)
{
	struct policy *e = p->newest;

	while (e && e->seq != seq)
		e = e->older;
	return e;
}

void policies_clear(struct hk_policies *p)
{
	while (p->oldest)
		remove_entry(p, p->oldest);
}
