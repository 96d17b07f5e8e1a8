/* SPDX-License-Identifier: MIT
 *
 * sink_session.c - jobs become hk_delivery objects, which find, in a zone of the simulated world, a
 * mail server (mx.c).
 */
#include <stdio.h>
#include <stdlib.h>

#include <hikyaku/dns.h>

#include "engine/delivery.h"
#include "sim/mx.h"

enum { BURST_MOST = 16, ZONE_ARENA = 1024 * 1024, MAIL_ARENA = 4 * 1024 * 1024 };

static const char zone_text[] =
    "$TTL 60\n"
    "a.test. IN MX 10 mx.a.test.\nmx.a.test. IN A 192.0.2.10\n"
    "d0.test. IN MX 10 mx.d0.test.\nmx.d0.test. IN A 192.0.2.20\n"
    "d1.test. IN A 192.0.2.21\n"
    "d2.test. IN MX 10 mx1.d2.test.\nd2.test. IN MX 20 mx2.d2.test.\nmx1.d2.test. IN A "
    "192.0.2.22\nmx2.d2.test. IN A 192.0.2.23\n";

struct link {
	struct link *next;
	struct hk_job *job;
	struct hk_delivery *delivery;
	struct hk_sim_mx mx;
	bool is_connected;
	int64_t received; /* of the message */
};
struct sinks {
	struct link *links;
	struct hk_arena arena;
	struct hk_zone *zone;
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

static void deliver(struct hk_sim *s, struct hk_job *job)
{
	struct hk_delivery_env env = {.job = job, .disk = &s->disk.disk, .log = &s->log};
	struct hk_mail m = {0};
	struct link *l = calloc(1, sizeof *l);

	if (!l)
		abort();
	hk_arena_init(&m.arena, MAIL_ARENA);
	if (hk_spool_read(&s->disk.disk, HK_SIM_SPOOL, &job->place, &m) == HK_OK)
		l->received = m.received;
	hk_arena_done(&m.arena);
	l->job = job;
	l->delivery = hk_delivery_new(&env, &s->now);
	if (!l->delivery)
		abort();
	l->next = sinks(s)->links;
	sinks(s)->links = l;
}

static void answer_dns(struct hk_sim *s, struct link *l, const struct hk_delivery_want *w)
{
	struct hk_dns_answer answer = {.question = w->question, .rcode = HK_DNS_SERVFAIL};
	struct hk_arena a;

	hk_arena_init(&a, ZONE_ARENA);
	if (s->is_healed || !hk_prng_chance(&s->prng, s->plan.temporary / 8)) {
		if (hk_zone_answer(sinks(s)->zone, &a, &w->question, &answer) != HK_OK)
			abort();
	}
	hk_delivery_dns(l->delivery, w->id, &answer);
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
			hk_sim_violation(
			    s, "I1: a delivery says that it was taken, but nobody took it");
		return;
	}
	if (n_ok == mx->n_rcpt)
		return;
	if (!mx->reply_left && !mx->has_hung_up)
		hk_sim_violation(
		    s, "I2: a delivery read the 250 for %u and says so of %zu", mx->n_rcpt, n_ok);
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
	const struct hk_sim_mx *mx = &l->mx;
	char address[HK_SIM_ADDRESS];
	size_t n;

	if (l->received && s->now.utc - l->received < HK_SIM_LIFETIME / 2)
		return;
	if (!hk_slice_eq(l->job->domain, HK_S("a.test")) || mx->has_taken)
		return;
	/* whose DSN it is cannot be told from a job; so every open one is excused */
	for (n = 0; n < s->ledger.n; n++) {
		snprintf(address, sizeof address, "s%zu@a.test", n);
		if (!s->ledger.mail[n].has_null_sender)
			hk_sim_ledger_failed(s, hk_slice_str(address), (struct hk_slice){0});
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
		hk_sim_mx_init(&l->mx, s);
		l->is_connected = is_up;
		hk_delivery_connected(l->delivery, is_up, HK_S("refused"));
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

static size_t cut(struct hk_sim *s, size_t n)
{
	return n && hk_prng_coin(&s->prng) ? 1 + (size_t)hk_prng_below(&s->prng, n) : n;
}

static bool move(struct hk_sim *s, struct link *l)
{
	struct hk_slice out = hk_delivery_out(l->delivery);
	size_t n = cut(s, out.n);

	if (!l->is_connected)
		return false;
	if (n && !l->mx.has_hung_up) {
		hk_sim_mx_hear(&l->mx, hk_slice_sub(out, 0, n));
		hk_delivery_sent(l->delivery, n);
		return true;
	}
	/* a server that hangs up may take its last words with it */
	if (l->mx.has_hung_up && (!l->mx.out.n || hk_prng_coin(&s->prng))) {
		l->is_connected = false;
		hk_delivery_eof(l->delivery);
		return true;
	}
	n = cut(s, l->mx.out.n);
	if (n)
		n = hk_delivery_feed(l->delivery, hk_slice_sub(hk_buf_slice(&l->mx.out), 0, n));
	hk_sim_mx_read(&l->mx, n);
	return n > 0;
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
	struct hk_delivery_want w;

	while (l && burst-- && !s->disk.dead) {
		if (hk_delivery_next(l->delivery, &s->now, &w) == HK_OK) {
			satisfy(s, l, &w);
			if (w.type == HK_DELIVERY_DONE)
				return;
		} else if (!move(s, l)) {
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
	hk_arena_done(&sinks(s)->arena);
	free(s->sink_state);
}

const struct hk_sim_sink_ops hk_sim_sink_session = {deliver, act, lost, is_quiet, done};

void hk_sim_sink_session_init(struct hk_sim *s)
{
	struct sinks *k = calloc(1, sizeof *k);
	struct hk_zone_error error;

	if (!k)
		abort();
	hk_arena_init(&k->arena, ZONE_ARENA);
	if (hk_zone_parse(&k->arena, hk_slice_str(zone_text), &k->zone, &error) != HK_OK)
		abort();
	s->sink = &hk_sim_sink_session;
	s->sink_state = k;
}
