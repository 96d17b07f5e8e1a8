/* SPDX-License-Identifier: MIT
 *
 * owner_call.c - what an operator asks of the queue (queue_call.h). Changes go into the batch of the next commit, and the
 * answer goes when that was durable.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/owner_internal.h"

struct hk_queue_call *hk_queue_call_new(enum hk_queue_verb verb, size_t limit)
{
	struct hk_queue_call *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	hk_arena_init(&c->arena, limit);
	c->verb = verb;
	return c;
}

void hk_queue_call_free(struct hk_queue_call *c)
{
	size_t i;

	if (!c)
		return;
	for (i = 0; i < c->n_entries; i++)
		hk_spool_file_done(c->entry[i].file);
	hk_arena_done(&c->arena);
	free(c);
}

static struct hk_calling *calling_of(struct hk_queue_call *c)
{
	struct hk_calling *in = (struct hk_calling *)(void *)c->owner_room;

	_Static_assert(sizeof *in <= sizeof c->owner_room, "the owner's room in a call is too small");
	return in;
}

void hk_owner_call(struct hk_owner *o, struct hk_queue_call *c)
{
	struct hk_calling *in = calling_of(c);

	*in = (struct hk_calling){.call = c};
	c->done = c->active = c->n_entries = c->n_hops = 0;
	c->status = c->verb != HK_QUEUE_LIST && c->n_ids > HK_QUEUE_IDS_MAX ? HK_LIMIT : HK_OK;
	*o->last_call = in;
	o->last_call = &in->next;
}

/* ---- questions --------------------------------------------------------------------------- */

/* "@domain" is the domain and all below it (RFC 1985 5.2). */
static bool fits(struct hk_slice name, struct hk_slice domain)
{
	struct hk_slice rest = hk_slice_from(domain, 1);

	if (!domain.n || domain.p[0] != '@')
		return hk_slice_eq_nocase(name, domain);
	return hk_slice_eq_nocase(name, rest) ||
	       (name.n > rest.n && name.p[name.n - rest.n - 1] == '.' &&
	           hk_slice_eq_nocase(hk_slice_from(name, name.n - rest.n), rest));
}

static bool waits_at(const struct hk_message *m, struct hk_slice domain)
{
	size_t i;

	for (i = 0; i < m->n_rcpt; i++) {
		const struct hk_domain *d = m->rcpt[i].domain;

		if (m->rcpt[i].outcome == HK_RCPT_PENDING &&
		    fits(hk_slice_of(d->name, d->n), domain))
			return true;
	}
	return false;
}

static enum hk_status list(const struct hk_owner *o, struct hk_queue_call *c)
{
	const struct hk_message *m;
	size_t i = 0;

	c->n_ids = 0;
	if (o->unread)
		return o->is_stopping ? HK_BUSY : HK_IO;
	c->id = hk_arena_array(&c->arena, o->messages.n + 1, sizeof *c->id);
	if (!c->id)
		return c->arena.failed;
	while ((m = hk_id_map_each(&o->messages, &i)))
		if (!c->domain.n || waits_at(m, c->domain))
			c->id[c->n_ids++] = m->id;
	c->done = c->n_ids;
	return HK_OK;
}

static bool is_out(const struct hk_message *m)
{
	size_t i;

	for (i = 0; i < m->n_rcpt; i++)
		if (m->rcpt[i].is_out)
			return true;
	return false;
}

static enum hk_queue_state state_of(const struct hk_message *m)
{
	/* what is held may still stand in the line of its hop: it is passed over when its turn comes */
	if ((m->marks & HK_SPOOL_HELD) && !is_out(m))
		return HK_QUEUE_IS_HELD;
	if (m->groups)
		return HK_QUEUE_ACTIVE;
	return m->at == SIZE_MAX ? HK_QUEUE_QUARANTINED : HK_QUEUE_WAITING;
}

static enum hk_status copy(struct hk_arena *a, struct hk_slice *s)
{
	return hk_arena_dup(a, *s, s);
}

static enum hk_status show_rcpt(
    const struct hk_owner *o, struct hk_arena *a, const struct hk_message_rcpt *from, struct hk_queue_rcpt *ret)
{
	enum hk_status status;

	*ret = (struct hk_queue_rcpt){.outcome = from->outcome,
	    .is_out = from->is_out,
	    .domain = hk_slice_of(from->domain->name, from->domain->n)};
	hk_reason_get(o, from->reason, &ret->reason);
	status = copy(a, &ret->domain);
	if (status == HK_OK)
		status = copy(a, &ret->reason.text);
	return status == HK_OK ? copy(a, &ret->reason.remote) : status;
}

static enum hk_status show_one(
    struct hk_owner *o, struct hk_arena *a, const struct hk_message *m, struct hk_queue_entry *ret)
{
	enum hk_status status = HK_OK;
	size_t i;

	*ret = (struct hk_queue_entry){.id = m->id,
	    .state = state_of(m),
	    .attempts = m->attempts,
	    .age = hk_message_age_s(o, m),
	    .lifetime = hk_message_lifetime_s(o, m),
	    .n_rcpt = m->n_rcpt,
	    .rcpt = hk_arena_array(a, m->n_rcpt, sizeof *ret->rcpt)};
	if (!ret->rcpt)
		return a->failed;
	if (hk_spool_find(o->spool, m->id, &ret->place) != HK_OK)
		return HK_BUG;
	if (ret->state == HK_QUEUE_WAITING)
		ret->next_attempt = hk_message_next_utc(o, m);
	for (i = 0; status == HK_OK && i < m->n_rcpt; i++)
		status = show_rcpt(o, a, &m->rcpt[i], &ret->rcpt[i]);
	if (status == HK_OK)
		ret->file = hk_spool_file_use(o->spool, &ret->place);
	return status;
}

static enum hk_status show(struct hk_owner *o, struct hk_queue_call *c)
{
	enum hk_status status = HK_OK;
	size_t i;

	c->entry = hk_arena_array(&c->arena, c->n_ids + 1, sizeof *c->entry);
	if (!c->entry)
		return c->arena.failed;
	status = hk_recover_these(o, c->id, c->n_ids);
	for (i = 0; status == HK_OK && i < c->n_ids; i++) {
		const struct hk_message *m = hk_id_map_get(&o->messages, c->id[i]);

		if (!m || !hk_message_is_committed(o, m))
			continue;
		status = show_one(o, &c->arena, m, &c->entry[c->n_entries]);
		c->n_entries += status == HK_OK;
	}
	c->done = c->n_entries;
	return status;
}

/* ---- changes -------------------------------------------------------------------------------- */

static unsigned marks_after(const struct hk_message *m, enum hk_queue_verb verb)
{
	if (verb == HK_QUEUE_HOLD)
		return m->marks | (unsigned)HK_SPOOL_HELD;
	if (verb == HK_QUEUE_RELEASE)
		return (m->marks & ~(unsigned)HK_SPOOL_HELD) | HK_SPOOL_RELEASED;
	return m->marks;
}

static enum hk_status put_mark(struct hk_owner *o, const struct hk_message *m, enum hk_queue_verb verb)
{
	int64_t next = verb == HK_QUEUE_RELEASE ? 0 : hk_message_next_utc(o, m);

	return hk_spool_mark(o->spool, m->id, next, marks_after(m, verb));
}

/* Whoever wants mail tried now may know that its hosts are up again: one that rests is asked, by as few at once as it had learnt to
 * take, and rests again when it is still down. domain: of those alone; empty: of all. */
static void rouse(struct hk_owner *o, const struct hk_message *m, struct hk_slice domain)
{
	size_t i;

	for (i = 0; i < m->n_rcpt; i++) {
		const struct hk_domain *d = m->rcpt[i].domain;

		if (d->hop && hk_message_is_waiting_for(m, i) && (!domain.n || fits(hk_slice_of(d->name, d->n), domain)))
			hk_hop_rouse(o, d->hop);
	}
}

/* In memory it counts at once; where the commit fails, the record comes with the next one. */
static void change(struct hk_owner *o, struct hk_message *m, enum hk_queue_verb verb)
{
	static const char *const events[] = {[HK_QUEUE_HOLD] = "held",
	    [HK_QUEUE_RELEASE] = "released",
	    [HK_QUEUE_RETRY] = "retry",
	    [HK_QUEUE_DELETE] = "deleted",
	    [HK_QUEUE_EXPIRE] = "expired"};
	char id[HK_MAIL_ID_TEXT];

	hk_mail_id_format(m->id, id);
	hk_logf(o->log, HK_LOG_INFO, "qid=%s ev=%s by=operator", id, events[verb]);
	m->marks = (uint8_t)marks_after(m, verb);
	m->is_urgent |= verb == HK_QUEUE_RETRY || verb == HK_QUEUE_RELEASE;
	if (verb == HK_QUEUE_RETRY)
		rouse(o, m, (struct hk_slice){0});
	if (verb == HK_QUEUE_HOLD)
		hk_heap_remove(o, m);
	else if (verb == HK_QUEUE_RELEASE || m->at != SIZE_MAX)
		hk_message_schedule(o, m, 0);
}

/* The recipients that no delivery has are over, as if an attempt had said so; the others are when theirs is back. */
static enum hk_status end(struct hk_owner *o, struct hk_message *m, struct hk_calling *in)
{
	enum hk_rcpt_outcome outcome = in->call->verb == HK_QUEUE_DELETE ? HK_RCPT_REMOVED : HK_RCPT_FAILED;
	struct hk_returned *r;
	struct hk_job_ending ending = {outcome, "4.4.7", "given up by the operator"};
	enum hk_status status = hk_job_end(o, m, &ending, &r);

	if (status != HK_OK)
		return status;
	m->ending = (uint8_t)outcome;
	if (r) {
		r->calling = in;
		in->left++;
	}
	return HK_OK;
}

static enum hk_status put_one(struct hk_owner *o, struct hk_calling *in, struct hk_message *m)
{
	switch (in->call->verb) {
	case HK_QUEUE_HOLD:
	case HK_QUEUE_RELEASE:
		return put_mark(o, m, in->call->verb);
	case HK_QUEUE_DELETE:
	case HK_QUEUE_EXPIRE:
		return in->is_begun ? HK_OK : end(o, m, in);
	default:
		return HK_OK;
	}
}

/* What a delivery has goes on: whoever wants it kept back is to know. */
static bool is_too_late_for(const struct hk_message *m, enum hk_queue_verb verb)
{
	return (verb == HK_QUEUE_HOLD || verb == HK_QUEUE_DELETE || verb == HK_QUEUE_EXPIRE) && is_out(m);
}

/* All of a call's records, or none; HK_FULL: not in this batch. */
static enum hk_status put_changes(struct hk_owner *o, struct hk_calling *in)
{
	struct hk_queue_call *c = in->call;
	struct hk_spool_mark mark = hk_spool_set_mark(o->spool);
	enum hk_status status = hk_recover_these(o, c->id, c->n_ids);
	struct hk_message *m;
	size_t i, done = 0, active = 0;

	for (i = 0; status == HK_OK && i < c->n_ids; i++) {
		m = hk_id_map_get(&o->messages, c->id[i]);
		if (!m || !hk_message_is_committed(o, m))
			continue;
		active += is_too_late_for(m, c->verb);
		status = put_one(o, in, m);
		done += status == HK_OK;
	}
	if (status != HK_OK) {
		hk_spool_undo(o->spool, &mark);
		return status == HK_FULL && !mark.records ? HK_LIMIT : status;
	}
	for (i = 0; i < c->n_ids; i++)
		if ((m = hk_id_map_get(&o->messages, c->id[i])) && hk_message_is_committed(o, m))
			change(o, m, c->verb);
	if (!in->is_begun) {
		c->done = done;
		c->active = active;
	}
	in->is_begun = true;
	return HK_OK;
}

/* No record of it: after a start mail goes by its times again. */
static void run(struct hk_owner *o, struct hk_queue_call *c)
{
	struct hk_message *m;
	size_t i = 0;

	while ((m = hk_id_map_each(&o->messages, &i))) {
		if (m->at == SIZE_MAX || !waits_at(m, c->domain))
			continue;
		rouse(o, m, c->domain);
		hk_message_schedule(o, m, 0);
		c->done++;
	}
	hk_logf(o->log, HK_LOG_INFO, "ev=run domain=%s messages=%zu", hk_log_quote(c->domain).text, c->done);
}

/* What is asked of the whole queue needs all of it. A queue that cannot be read, or never will be, is said to be so, and not to be short. */
static bool waits_for_all(const struct hk_owner *o, const struct hk_queue_call *c)
{
	if (!o->unread || o->is_stopping)
		return false;
	return c->verb == HK_QUEUE_RUN || (c->verb == HK_QUEUE_LIST && !o->read_at);
}

bool hk_calls_are_due(const struct hk_owner *o)
{
	const struct hk_calling *in;

	for (in = o->calls; in; in = in->next)
		if (in->call->status != HK_OK || !waits_for_all(o, in->call))
			return true;
	return false;
}

static bool is_question(const struct hk_queue_call *c)
{
	return c->verb == HK_QUEUE_LIST || c->verb == HK_QUEUE_SHOW || c->verb == HK_QUEUE_HOPS;
}

void hk_calls_put(struct hk_owner *o)
{
	struct hk_calling *in;

	if (o->stalled_until)
		return;
	for (in = o->calls; in; in = in->next) {
		enum hk_status status;

		if (in->call->status != HK_OK || is_question(in->call) || in->call->verb == HK_QUEUE_RUN || in->is_in_batch)
			continue;
		status = put_changes(o, in);
		if (status == HK_FULL)
			return; /* the next batch has room */
		in->is_in_batch = status == HK_OK;
		in->call->status = status;
	}
}

static bool is_done(struct hk_owner *o, struct hk_calling *in, bool ok)
{
	struct hk_queue_call *c = in->call;

	if (c->status != HK_OK)
		return !in->left;
	if (waits_for_all(o, c))
		return false;
	if (c->verb == HK_QUEUE_RUN) {
		run(o, c);
		return true;
	}
	if (is_question(c)) {
		c->status = c->verb == HK_QUEUE_LIST ? list(o, c) : c->verb == HK_QUEUE_SHOW ? show(o, c) : hk_hops_tell(o, c);
		return true;
	}
	if (!ok)
		in->is_in_batch = false;
	return in->is_in_batch && !in->left;
}

void hk_calls_done(struct hk_owner *o, bool ok)
{
	struct hk_calling **at = &o->calls, *in;

	while ((in = *at)) {
		if (!is_done(o, in, ok)) {
			at = &in->next;
			continue;
		}
		*at = in->next;
		in->node = (struct hk_order_node){.order = {.type = HK_ORDER_CALLED, .call = in->call}};
		hk_order_add(o, &in->node);
	}
	o->last_call = at;
}

/* A call whose results were waited for, and that is given up with the owner. */
void hk_calls_free(struct hk_owner *o)
{
	struct hk_calling *in;

	while ((in = o->calls)) {
		o->calls = in->next;
		hk_queue_call_free(in->call);
	}
}
