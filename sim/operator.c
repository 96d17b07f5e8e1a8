/* SPDX-License-Identifier: MIT
 *
 * operator.c - somebody who looks on: holds, releases, retries, deletes and expires messages at any time, and has the queue of a
 * domain run (as ETRN does); and what must be true of those messages from the answer on.
 */
#include <stdlib.h>

#include "sim/memory.h"
#include "sim/world.h"

enum { PICKS = 4, ARENA = 256 * 1024 };

static struct hk_queue_call *new_call(enum hk_queue_verb verb, size_t room)
{
	struct hk_queue_call *c = hk_queue_call_new(verb, ARENA);

	if (!c)
		abort();
	c->id = hk_arena_array(&c->arena, room, sizeof *c->id);
	if (!c->id)
		abort();
	return c;
}

/* From when it is asked: it may happen, whatever becomes of the answer. */
static void note_asked(struct hk_sim *s, const struct hk_queue_call *c)
{
	size_t i;

	for (i = 0; i < c->n_ids; i++) {
		struct hk_sim_mail *m = hk_sim_ledger_by_id(s, c->id[i]);

		if (!m)
			continue;
		m->may_be_removed |= c->verb == HK_QUEUE_DELETE;
		m->may_be_expired |= c->verb == HK_QUEUE_EXPIRE;
		if (c->verb == HK_QUEUE_RELEASE) {
			m->is_held = false;
			m->releases++;
		}
	}
}

static void send(struct hk_sim *s, struct hk_queue_call *c)
{
	static const char *const words[] = {[HK_QUEUE_LIST] = "list", [HK_QUEUE_SHOW] = "show", [HK_QUEUE_HOLD] = "hold", [HK_QUEUE_RELEASE] = "release",
	    [HK_QUEUE_RETRY] = "retry", [HK_QUEUE_DELETE] = "delete", [HK_QUEUE_EXPIRE] = "expire", [HK_QUEUE_RUN] = "run"};

	hk_sim_trace(s, "operator: %s of %zu", words[c->verb], c->n_ids);
	note_asked(s, c);
	hk_sim_post_call(s, c);
}

/* What was not acknowledged when he asks may come to be there before his call does, or behind it. */
static bool is_known(const struct hk_sim_mail *m)
{
	return m->id && m->answer == HK_SIM_ACKED;
}

static void pick_some(struct hk_sim *s, struct hk_queue_call *c)
{
	unsigned i;

	for (i = 0; i < PICKS && s->ledger.n; i++) {
		const struct hk_sim_mail *m = &s->ledger.mail[hk_prng_below(&s->prng, s->ledger.n)];

		if (is_known(m))
			c->id[c->n_ids++] = m->id;
	}
}

/* All that wait, reports among them: those with these marks. */
static void pick_all(struct hk_sim *s, struct hk_queue_call *c, unsigned marks)
{
	const struct hk_message *m;
	size_t i = 0;

	while (c->n_ids < HK_QUEUE_IDS_MAX && (m = hk_id_map_each(&s->owner->messages, &i)))
		if ((m->marks & marks) == marks && (!hk_sim_ledger_by_id(s, m->id) || is_known(hk_sim_ledger_by_id(s, m->id))))
			c->id[c->n_ids++] = m->id;
}

static void run_domain(struct hk_sim *s)
{
	static const char *const domains[] = {"d0.test", "D1.test", "@test", "nobody.test"};
	struct hk_queue_call *c = new_call(HK_QUEUE_RUN, 1);

	c->domain = hk_slice_str(domains[hk_prng_below(&s->prng, sizeof domains / sizeof domains[0])]);
	send(s, c);
}

void hk_sim_operator_act(struct hk_sim *s)
{
	static const enum hk_queue_verb verbs[] = {HK_QUEUE_LIST, HK_QUEUE_SHOW, HK_QUEUE_HOLD, HK_QUEUE_HOLD, HK_QUEUE_RELEASE, HK_QUEUE_RETRY, HK_QUEUE_DELETE, HK_QUEUE_EXPIRE};
	enum hk_queue_verb verb = verbs[hk_prng_below(&s->prng, sizeof verbs / sizeof verbs[0])];
	bool is_end = verb == HK_QUEUE_DELETE || verb == HK_QUEUE_EXPIRE;
	struct hk_queue_call *c;

	if (s->plan.runs && hk_prng_chance(&s->prng, 250000)) {
		run_domain(s);
		return;
	}
	if (!s->plan.operators)
		return;
	c = new_call(verb, HK_QUEUE_IDS_MAX);
	if (verb == HK_QUEUE_LIST)
		c->id = NULL;
	else if (!is_end && hk_prng_chance(&s->prng, 300000))
		pick_all(s, c, 0); /* no end for all: reports would go whose mail the ledger knows nothing of */
	else
		pick_some(s, c);
	send(s, c);
}

/* I7: nobody looks on any more, so nothing stays held. */
void hk_sim_operator_release_all(struct hk_sim *s)
{
	struct hk_queue_call *c;

	if (!s->owner || s->owner->calls || s->posts)
		return;
	c = new_call(HK_QUEUE_RELEASE, HK_QUEUE_IDS_MAX);
	pick_all(s, c, HK_SPOOL_HELD);
	if (c->n_ids)
		send(s, c);
	else
		hk_queue_call_free(c);
}

static bool has_out(const struct hk_message *m)
{
	size_t i;

	for (i = 0; m && i < m->n_rcpt; i++)
		if (m->rcpt[i].is_out)
			return true;
	return false;
}

void hk_sim_operator_answered(struct hk_sim *s, struct hk_queue_call *c)
{
	size_t i;

	hk_sim_trace(s, "operator hears %s of %zu", hk_status_name(c->status), c->done);
	for (i = 0; c->verb != HK_QUEUE_LIST && i < c->n_ids; i++) {
		struct hk_sim_mail *m = hk_sim_ledger_by_id(s, c->id[i]);
		struct hk_place place;

		if (!m)
			continue;
		m->releases -= c->verb == HK_QUEUE_RELEASE;
		if (c->status != HK_OK || hk_spool_find(s->owner->spool, c->id[i], &place) != HK_OK)
			continue;
		if (c->verb == HK_QUEUE_HOLD && !m->releases)
			m->is_held = true;
		if (c->verb == HK_QUEUE_DELETE || c->verb == HK_QUEUE_EXPIRE) {
			m->is_ended = true;
			m->was_out = has_out(hk_id_map_get(&s->owner->messages, c->id[i]));
		}
	}
	hk_queue_call_free(c);
}

/* I4: what is held is not given out, and what was ended is not begun again; a start changes neither. */
void hk_sim_operator_given_out(struct hk_sim *s, const struct hk_job *job)
{
	const struct hk_sim_mail *m = hk_sim_ledger_by_id(s, job->id);

	if (m && m->is_held)
		hk_sim_violation(s, 4, "mail %zu is held, and is given out", (size_t)(m - s->ledger.mail));
	if (m && m->is_ended)
		hk_sim_violation(s, 4, "mail %zu was ended by an operator, and is given out", (size_t)(m - s->ledger.mail));
}

/* Calls that nobody will answer any more. */
void hk_sim_operator_lost(struct hk_sim *s)
{
	size_t n;

	for (n = 0; n < s->ledger.n; n++) {
		struct hk_sim_mail *m = &s->ledger.mail[n];

		m->releases = 0;
		m->is_ended &= !m->was_out; /* what was out then ends when it comes back, and nothing did */
	}
}
