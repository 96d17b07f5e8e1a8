/* SPDX-License-Identifier: MIT
 *
 * sink_session.c - jobs become hk_delivery objects, which find, in a zone of the simulated world, a
 * mail server (mx.c).
 */
#include <stdio.h>
#include <stdlib.h>

#include "engine/delivery.h"
#include "sim/memory.h"
#include "sim/mx.h"
#include "sim/net.h"
#include "sim/zone.h"

enum { BURST_MOST = 16, ANSWER_ARENA = 65536, MAIL_ARENA = 4 * 1024 * 1024 };

struct link {
	struct link *next;
	struct hk_job *job;
	struct hk_delivery *delivery;
	struct hk_sim_mx mx;
	struct hk_sim_net net;
	struct hk_sim_whom whom;
	bool is_connected, is_dsn;
	int64_t received; /* of the message */
};
struct sinks {
	struct link *links;
};

static struct sinks *sinks(struct hk_sim *s)
{
	return s->sink_state;
}

static void link_free(struct link *l)
{
	hk_delivery_free(l->delivery);
	hk_sim_mx_done(&l->mx);
	free(l);
}

/* Of the message, what the ledger has to know of the attempt. It is the world that looks: no call of this fails. */
static void look_at(struct hk_sim *s, struct link *l)
{
	struct hk_sim_faults faults = s->disk.faults;
	uint64_t die_at = s->disk.die_at;
	struct hk_mail m = {0};
	size_t i;

	s->disk.faults = (struct hk_sim_faults){0};
	s->disk.die_at = 0;
	hk_arena_init(&m.arena, MAIL_ARENA);
	if (hk_spool_read(&s->disk.disk, HK_SIM_SPOOL, &l->job->place, &m) == HK_OK) {
		l->received = m.received;
		l->is_dsn = !m.listener.n;
		for (i = 0; i < l->job->n_rcpt && i < HK_SIM_RCPTS; i++)
			snprintf(l->whom.address[l->whom.n++], HK_SIM_ADDRESS, "%.*s",
			    HK_FMT(m.rcpt[l->job->rcpt[i]].address));
	}
	hk_arena_done(&m.arena);
	s->disk.faults = faults;
	s->disk.die_at = die_at;
}

static void deliver(struct hk_sim *s, struct hk_job *job)
{
	struct hk_delivery_env env = {.job = job, .disk = &s->disk.disk, .log = &s->log};
	struct link *l = calloc(1, sizeof *l);

	if (!l)
		abort();
	l->job = job;
	look_at(s, l);
	hk_sim_memory_fail(!s->is_healed);
	l->delivery = hk_delivery_new(&env, &s->now);
	hk_sim_memory_fail(false);
	if (!l->delivery) { /* as a worker does it (io/sender.c) */
		job->released = true;
		hk_sim_post_result(s, job);
		link_free(l);
		return;
	}
	l->next = sinks(s)->links;
	sinks(s)->links = l;
}

static void answer_dns(struct hk_sim *s, struct link *l, const struct hk_delivery_want *w)
{
	struct hk_dns_answer answer;
	struct hk_arena a;

	hk_arena_init(&a, ANSWER_ARENA);
	if (hk_sim_zone_answer(s, &a, &w->question, &answer) != HK_SIM_SILENT) {
		hk_sim_memory_fail(!s->is_healed);
		hk_delivery_dns(l->delivery, w->id, &answer);
		hk_sim_memory_fail(false);
	}
	hk_arena_done(&a);
}

/* What the server took, and the delivery does not know of, will be taken again; but what it has
 * read, it knows. */
static void compare(struct hk_sim *s, const struct link *l)
{
	const struct hk_sim_mx *mx = &l->mx;
	size_t i, n_ok = 0;
	unsigned j;

	for (i = 0; i < l->job->n_rcpt; i++)
		n_ok += !l->job->released && l->job->result[i].outcome == HK_RCPT_DELIVERED;
	if (!mx->has_taken || !mx->from.p) {
		if (n_ok)
			hk_sim_violation(s, 1, "a delivery says that it was taken, but nobody took it");
		return;
	}
	if (n_ok == mx->n_rcpt)
		return;
	if (!mx->reply_left && !mx->has_hung_up)
		hk_sim_violation(s, 2, "a delivery read the 250 for %u and says so of %zu", mx->n_rcpt, n_ok);
	for (j = 0; j < mx->n_rcpt; j++) {
		struct hk_sim_rcpt *r = hk_sim_ledger_find(s, hk_slice_str(mx->rcpt[j]), NULL);

		if (r) {
			r->ambiguous++;
			r->is_unrecorded = false;
		}
	}
}

/* A DSN that is not taken may by now be given up for its age, and nobody is told of that. */
static void note_old_dsn(struct hk_sim *s, const struct link *l)
{
	unsigned i;

	if (!l->is_dsn || l->mx.has_taken || s->now.utc - l->received + (int64_t)s->jumped_s < HK_SIM_LIFETIME / 2)
		return;
	for (i = 0; i < l->whom.n; i++)
		hk_sim_ledger_failed(s, hk_slice_str(l->whom.address[i]), (struct hk_slice){0});
}

/* I10 counts the lines that should be there. */
static void note_told(struct hk_sim *s, const struct link *l)
{
	struct hk_sim_mail *m = hk_sim_ledger_by_id(s, l->job->id);
	size_t i;

	for (i = 0; m && !l->job->released && i < l->job->n_rcpt; i++) {
		struct hk_sim_rcpt *r = hk_sim_ledger_taken(m, l->job->rcpt[i]);

		if (r)
			r->told += l->job->result[i].outcome != HK_RCPT_PENDING;
	}
}

static void finish(struct hk_sim *s, struct link *l)
{
	struct link **at = &sinks(s)->links;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	compare(s, l);
	note_old_dsn(s, l);
	note_told(s, l);
	hk_sim_post_result(s, l->job);
	link_free(l);
}

static void satisfy(struct hk_sim *s, struct link *l, const struct hk_delivery_want *w)
{
	bool is_up = s->is_healed || !hk_prng_chance(&s->prng, s->plan.temporary / 4);

	switch (w->type) {
	case HK_DELIVERY_DNS:
		answer_dns(s, l, w);
		break;
	case HK_DELIVERY_CONNECT:
		hk_sim_mx_done(&l->mx);
		hk_sim_mx_init(&l->mx, s, &l->whom);
		l->net = (struct hk_sim_net){0};
		l->is_connected = is_up;
		hk_sim_memory_fail(!s->is_healed);
		hk_delivery_connected(l->delivery, is_up, HK_S("refused"));
		hk_sim_memory_fail(false);
		break;
	case HK_DELIVERY_STS:
		break; /* nobody says that it could be answered */
	case HK_DELIVERY_TLS:
		hk_delivery_tls(l->delivery, false, HK_S("not here"), HK_TLS_RESULT_NO_STARTTLS);
		break;
	case HK_DELIVERY_SIGN:
		hk_delivery_signed(l->delivery, w->id, (struct hk_slice){0});
		break;
	case HK_DELIVERY_CLOSE:
		l->is_connected = false;
		break;
	case HK_DELIVERY_LOCAL:
		hk_delivery_local_run(l->delivery);
		hk_delivery_local_done(l->delivery);
		break;
	case HK_DELIVERY_DONE:
		finish(s, l);
		break;
	}
}

static bool is_lost(struct link *l)
{
	l->is_connected = false;
	hk_delivery_eof(l->delivery);
	return true;
}

/* Bytes in one of the two directions; false when there are none. */
static bool move(struct hk_sim *s, struct link *l, enum hk_sim_fate fate)
{
	struct hk_slice out = hk_delivery_out(l->delivery);
	size_t n;

	if (!l->is_connected || fate == HK_SIM_WAITS)
		return false;
	if (fate == HK_SIM_LOST || (s->is_healed && l->mx.is_silent))
		return is_lost(l);
	if (out.n && !l->mx.has_hung_up) {
		n = hk_sim_net_piece(s, out.n);
		hk_sim_mx_hear(&l->mx, hk_slice_sub(out, 0, n));
		hk_delivery_sent(l->delivery, n);
		return true;
	}
	/* a server that hangs up may take its last words with it */
	if (l->mx.has_hung_up && (!l->mx.out.n || hk_prng_coin(&s->prng)))
		return is_lost(l);
	if (!l->mx.out.n)
		return false;
	n = hk_sim_net_piece(s, l->mx.out.n);
	hk_sim_memory_fail(!s->is_healed);
	n = hk_delivery_feed(l->delivery, hk_slice_sub(hk_buf_slice(&l->mx.out), 0, n));
	hk_sim_memory_fail(false);
	hk_sim_mx_read(&l->mx, n);
	return true; /* what it could not take it may have something to say about */
}

static enum hk_status next_want(struct hk_sim *s, struct link *l, struct hk_delivery_want *w)
{
	enum hk_status status;

	hk_sim_memory_fail(!s->is_healed);
	status = hk_delivery_next(l->delivery, &s->now, w);
	hk_sim_memory_fail(false);
	return status;
}

static struct link *any_link(struct hk_sim *s)
{
	struct link *l;
	size_t n = 0, i;

	for (l = sinks(s)->links; l; l = l->next)
		n++;
	i = (size_t)hk_prng_below(&s->prng, n);
	for (l = sinks(s)->links; l && i; l = l->next)
		i--;
	return l;
}

static void act(struct hk_sim *s)
{
	struct link *l = any_link(s);
	unsigned burst = 1 + (unsigned)hk_prng_below(&s->prng, BURST_MOST);
	enum hk_sim_fate fate = l && l->is_connected ? hk_sim_net_fate(s, &l->net) : HK_SIM_FLOWS;
	struct hk_delivery_want w;

	while (l && burst-- && !s->disk.dead) {
		if (next_want(s, l, &w) == HK_OK) {
			satisfy(s, l, &w);
			if (w.type == HK_DELIVERY_DONE)
				return;
		} else if (move(s, l, fate)) {
			fate = HK_SIM_FLOWS;
		} else {
			if (hk_delivery_deadline(l->delivery) <= s->now.mono_ms)
				hk_delivery_tick(l->delivery, &s->now);
			return;
		}
	}
}

static void lost(struct hk_sim *s)
{
	struct link *l;

	while ((l = sinks(s)->links)) {
		sinks(s)->links = l->next;
		hk_job_free(l->job);
		link_free(l);
	}
}

static bool is_quiet(struct hk_sim *s)
{
	return !sinks(s)->links;
}

static void done(struct hk_sim *s)
{
	free(s->sink_state);
}

const struct hk_sim_sink_ops hk_sim_sink_session = {deliver, act, lost, is_quiet, done};

void hk_sim_sink_session_init(struct hk_sim *s)
{
	s->sink = &hk_sim_sink_session;
	s->sink_state = calloc(1, sizeof(struct sinks));
	if (!s->sink_state)
		abort();
}
