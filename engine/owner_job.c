/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/owner_internal.h"

static struct hk_job *job_new(
    struct hk_owner *o, const struct hk_message *m, const struct hk_domain *domain, size_t n)
{
	struct hk_job *job = calloc(1, sizeof *job);
	struct hk_returned *r;
	uint8_t *name;

	if (!job)
		return NULL;
	job->owner_private = r = calloc(1, sizeof *r);
	job->rcpt = calloc(n, sizeof *job->rcpt);
	job->result = calloc(n, sizeof *job->result);
	name = malloc(domain->n + 1);
	if (!r || !job->rcpt || !job->result || !name) {
		free(name);
		hk_job_free(job);
		return NULL;
	}
	memcpy(name, domain->name, domain->n + 1);
	job->domain = hk_slice_of(name, domain->n);
	r->job = job;
	hk_buf_init(&job->tried, HK_JOB_TRIED_MAX);
	job->id = m->id;
	job->attempt = m->attempts + 1;
	job->born_ms = m->born_ms;
	job->conf = hk_conf_use(o->conf);
	return job;
}

void hk_job_free(struct hk_job *job)
{
	if (!job)
		return;
	hk_spool_file_done(job->file);
	hk_conf_free(job->conf);
	hk_buf_done(&job->tried);
	free(job->rcpt);
	free(job->result);
	free(job->owner_private);
	free((void *)(uintptr_t)job->domain.p);
	free(job);
}

static void add_rcpt(struct hk_job *job, struct hk_message *m, size_t i)
{
	job->rcpt[job->n_rcpt] = (uint32_t)i;
	job->result[job->n_rcpt] =
	    (struct hk_rcpt_result){.rcpt = (uint32_t)i, .outcome = HK_RCPT_PENDING};
	job->n_rcpt++;
	m->rcpt[i].is_out = true;
}

/* ---- rounds ------------------------------------------------------------------ */

/* A job that goes nowhere: *job is made with the first recipient. What to say of recipient i is the caller's; NULL: NOMEM. */
static struct hk_rcpt_result *say(struct hk_owner *o, struct hk_message *m, struct hk_job **job, size_t i)
{
	if (!*job)
		*job = job_new(o, m, m->rcpt[i].domain, m->n_rcpt - i);
	if (!*job)
		return NULL;
	add_rcpt(*job, m, i);
	return &(*job)->result[(*job)->n_rcpt - 1];
}

static struct hk_returned *said(struct hk_owner *o, struct hk_message *m, struct hk_job *job)
{
	if (!job)
		return NULL;
	hk_round_join(o, m);
	hk_returned_add(o, job->owner_private);
	return job->owner_private;
}

/* Recipients without a route are tried, in a way: they wait for a configuration that has one, until
 * they are too old. */
static enum hk_status defer_unroutable(struct hk_owner *o, struct hk_message *m)
{
	struct hk_job *job = NULL;
	size_t i;

	for (i = 0; i < m->n_rcpt; i++) {
		struct hk_rcpt_result *r;

		if (!hk_message_is_waiting_for(m, i) || hk_domain_has_hop(o, m->rcpt[i].domain))
			continue;
		r = say(o, m, &job, i);
		if (!r)
			return HK_NOMEM;
		r->code = 451;
		snprintf(
		    r->enhanced, sizeof r->enhanced, "4.4.4"); /* RFC 3463 3.5: unable to route */
		snprintf(r->text, sizeof r->text, "no route for this domain is configured");
	}
	said(o, m, job);
	return HK_OK;
}

/* RFC 3463 3.5, RFC 2852 4.1: delivery time expired */
const struct hk_job_ending hk_job_too_late = {HK_RCPT_FAILED, "5.4.7", "the time that the sender gave has passed"};

static void say_given_up(
    const struct hk_owner *o, uint32_t reason, const struct hk_job_ending *ending, struct hk_rcpt_result *r)
{
	struct hk_queue_reason last;

	hk_reason_get(o, reason, &last);
	r->is_given_up = r->is_ours = true;
	r->code = last.code ? last.code : 451;
	snprintf(r->enhanced, sizeof r->enhanced, "%s", ending->enhanced);
	snprintf(r->text, sizeof r->text, "%s%s%.*s", ending->text, last.text.n ? "; last: " : "", HK_FMT(last.text));
	snprintf(r->remote, sizeof r->remote, "%.*s", HK_FMT(last.remote));
}

enum hk_status hk_job_end(
    struct hk_owner *o, struct hk_message *m, const struct hk_job_ending *ending, struct hk_returned **ret)
{
	struct hk_job *job = NULL;
	size_t i;

	for (i = 0; i < m->n_rcpt; i++) {
		struct hk_rcpt_result *r;

		if (m->rcpt[i].outcome != HK_RCPT_PENDING || m->rcpt[i].is_out)
			continue;
		r = say(o, m, &job, i);
		if (!r)
			return HK_NOMEM;
		say_given_up(o, m->rcpt[i].reason, ending, r);
		r->outcome = ending->outcome;
	}
	*ret = said(o, m, job);
	return HK_OK;
}

static enum hk_class class_of(const struct hk_message *m)
{
	if (m->is_ours || m->is_urgent)
		return HK_CLASS_URGENT;
	return m->attempts || m->is_large ? HK_CLASS_LATER : HK_CLASS_NEW;
}

static enum hk_status make_groups(struct hk_owner *o, struct hk_message *m)
{
	size_t i;

	o->round++;
	for (i = 0; i < m->n_rcpt; i++) {
		struct hk_hop *hop = m->rcpt[i].domain->hop;
		struct hk_group *group;

		if (!hop || hop->round == o->round || !hk_message_is_waiting_for(m, i))
			continue;
		hk_site_refresh(o, m->rcpt[i].domain);
		group = calloc(1, sizeof *group);
		if (!group)
			return HK_NOMEM;
		hop->round = o->round;
		*group = (struct hk_group){.message = m, .hop = hop, .class = (uint8_t)class_of(m), .next_of = m->group};
		m->group = group;
		hk_round_join(o, m);
		hk_hop_queue(o, group);
	}
	return HK_OK;
}

/* Mail that comes back at its time (RFC 2852 4.1) is not tried again then. */
static enum hk_status start_round(struct hk_owner *o, struct hk_message *m)
{
	struct hk_returned *r;
	enum hk_status status;

	if (m->by == HK_BY_RETURN && hk_message_is_late(o, m))
		return hk_job_end(o, m, &hk_job_too_late, &r);
	status = defer_unroutable(o, m);
	return status == HK_OK ? make_groups(o, m) : status;
}

void hk_round_start_due(struct hk_owner *o)
{
	struct hk_message *m;

	if (o->is_stopping || o->stalled_until)
		return;
	while ((m = hk_heap_first(o)) && m->due_ms <= o->now.mono_ms) {
		hk_heap_remove(o, m);
		m->was_tried = false;
		/* without memory: what could be made goes, the end of that round brings the rest
		 * back */
		if (start_round(o, m) != HK_OK && !m->groups)
			hk_message_schedule(o, m, HK_OWNER_STALL_MS);
	}
}

/* ---- jobs ------------------------------------------------------------------------ */

/* A group came to nothing, or all of it is in jobs now. */
static void group_gone(struct hk_owner *o, struct hk_group *group)
{
	struct hk_message *m = group->message;

	hk_group_free(o, group);
	if (m->groups)
		return;
	if (m->pending)
		hk_message_schedule(o, m, 0);
	else
		hk_message_removed(o, m);
}

/* Nobody is left for it: its domain went to another site, or they are held now. When it is the last of its round, that ends as with a
 * result, which says nothing. */
static void group_empty(struct hk_owner *o, struct hk_group *group)
{
	struct hk_message *m = group->message;
	struct hk_job *job;

	if (m->groups == 1 && m->was_tried && m->pending) {
		job = job_new(o, m, m->rcpt[0].domain, 1);
		said(o, m, job);
	}
	group_gone(o, group);
}

static size_t count_for(const struct hk_group *group, size_t *ret_first)
{
	const struct hk_message *m = group->message;
	size_t i, n = 0;

	for (i = 0; i < m->n_rcpt; i++) {
		if (m->rcpt[i].domain->hop != group->hop || !hk_message_is_waiting_for(m, i))
			continue;
		if (!n++)
			*ret_first = i;
	}
	return n;
}

/* A hop that rests is not asked again by each message: it is put off as if it had been, and its own times go on (lifetime, reports). */
static bool put_off(struct hk_owner *o, struct hk_group *group, size_t first)
{
	struct hk_message *m = group->message;
	struct hk_queue_reason why;
	struct hk_job *job = NULL;
	size_t i;

	hk_reason_get(o, group->hop->reason, &why);
	for (i = first; i < m->n_rcpt; i++) {
		struct hk_rcpt_result *r;

		if (m->rcpt[i].domain->hop != group->hop || !hk_message_is_waiting_for(m, i))
			continue;
		r = say(o, m, &job, i);
		if (!r)
			return false;
		r->is_ours = true;
		r->code = why.code ? why.code : 451;
		snprintf(r->enhanced, sizeof r->enhanced, "%s", why.code ? why.enhanced : "4.4.1");
		snprintf(r->text, sizeof r->text, "not tried again so soon; last: %.*s", HK_FMT(why.text));
		snprintf(r->remote, sizeof r->remote, "%.*s", HK_FMT(why.remote));
	}
	said(o, m, job);
	return true;
}

/* By MX each domain may have a policy of its own for the same hosts, and so a job of its own. */
static bool goes_with(const struct hk_group *group, const struct hk_message *m, size_t first, size_t i)
{
	const struct hk_domain *d = m->rcpt[i].domain;

	return d->hop == group->hop && hk_message_is_waiting_for(m, i) &&
	       (group->hop->route->via != HK_VIA_MX || d == m->rcpt[first].domain);
}

/* One job of a group: as many of its n recipients as the hop takes at once. */
static struct hk_job *make_job(struct hk_owner *o, const struct hk_group *group, size_t first, size_t n)
{
	struct hk_message *m = group->message;
	struct hk_returned *r;
	struct hk_place place;
	struct hk_job *job;
	size_t i;

	if (hk_spool_find(o->spool, m->id, &place) != HK_OK)
		return NULL;
	if (n > hk_hop_most_rcpts(group->hop))
		n = hk_hop_most_rcpts(group->hop);
	job = job_new(o, m, m->rcpt[first].domain, n);
	if (!job)
		return NULL;
	job->place = place;
	job->file = hk_spool_file_use(o->spool, &place);
	job->route = group->hop->route;
	job->site = group->hop->site;
	job->turn = o->turn++;
	job->family_last = group->hop->avoids_until > o->now.mono_ms ? group->hop->avoids : 0;
	job->connection_messages = hk_hop_most_messages(group->hop);
	r = job->owner_private;
	r->hop = group->hop;
	r->is_later = group->class == HK_CLASS_LATER;
	o->later_out += r->is_later;
	add_rcpt(job, m, first);
	for (i = first + 1; job->n_rcpt < n && i < m->n_rcpt; i++)
		if (goes_with(group, m, first, i))
			add_rcpt(job, m, i);
	hk_round_join(o, m);
	group->hop->out++;
	hk_hop_begun(o, group->hop);
	o->counts.jobs_out++;
	return job;
}

/* A herd of what was put off before, to hops that hang perhaps, leaves a quarter of the deliveries to the rest. */
static bool may_later(const struct hk_owner *o)
{
	return o->later_out < o->jobs_max - o->jobs_max / 4;
}

static bool send_one(struct hk_owner *o, struct hk_hop *hop)
{
	struct hk_group *group = hk_hop_take(hop, may_later(o));
	struct hk_returned *r;
	struct hk_job *job;
	size_t first = 0, n;

	if (!group && hop->waiting)
		hk_hop_be_patient(o, hop);
	if (!group)
		return true; /* or a reload dissolved what had made it ready */
	n = count_for(group, &first);
	if (!n) {
		group_empty(o, group);
		return true;
	}
	/* the last try before the end is always a real one */
	if (hk_hop_rests(o, hop) && hk_message_left_s(o, group->message)) {
		if (!put_off(o, group, first)) {
			hk_hop_queue(o, group);
			return false;
		}
		group_gone(o, group);
		return true;
	}
	job = make_job(o, group, first, n);
	if (!job) {
		hk_hop_queue(o, group);
		return false;
	}
	if (job->n_rcpt < n)
		hk_hop_queue(o, group);
	else
		group_gone(o, group);
	r = job->owner_private;
	r->node = (struct hk_order_node){.order = {.type = HK_ORDER_DELIVER, .job = job}};
	hk_order_add(o, &r->node);
	return true;
}

/* One job from each hop in turn, so that a large queue for one keeps nobody else waiting. */
void hk_jobs_dispatch(struct hk_owner *o)
{
	struct hk_hop *hop;

	if (o->is_stopping || o->stalled_until || o->intake == HK_IO)
		return;
	hk_sites_ask(o);
	while (o->counts.jobs_out < o->jobs_max && (hop = hk_hop_next(&o->ready))) {
		bool ok;

		hop->out++; /* so that it does not go with its last message */
		ok = send_one(o, hop);
		hk_hop_job_back(o, hop);
		if (!ok) {
			o->stalled_until = o->now.mono_ms + HK_OWNER_STALL_MS;
			return;
		}
	}
}
