/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/memory.h"
#include "sim/world.h"
#include "sim/zone.h"

enum { QUIET_EVENTS_MOST = 50000, SETTLE_STEPS = 1000, QUIET_MS_MOST = 4 * 3600 * 1000 };

/* ---- what is seen of it --------------------------------------------------------- */

static void HK_PRINTF(2, 0) say(struct hk_sim *s, const char *format, va_list args)
{
	char text[600];
	int n = vsnprintf(text, sizeof text, format, args);

	s->hash = hk_hash(hk_slice_of(text, n < 0                     ? 0
	                                    : (size_t)n < sizeof text ? (size_t)n
	                                                              : sizeof text - 1)) ^
	          s->hash * 31;
	if (s->is_traced)
		printf("%10" PRIu64 ".%03u  %s\n", s->now.mono_ms / 1000,
		    (unsigned)(s->now.mono_ms % 1000), text);
}

void hk_sim_trace(struct hk_sim *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(s, format, args);
	va_end(args);
}

void hk_sim_violation(struct hk_sim *s, unsigned invariant, const char *format, ...)
{
	char text[500];
	va_list args;

	if (s->wanted && invariant != s->wanted)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (!s->has_failed && !s->is_traced && !s->is_quiet)
		printf("seed %" PRIu64 ": I%u: %s\n", s->seed, invariant, text);
	if (!s->has_failed)
		s->broken = invariant;
	s->has_failed = true;
	hk_sim_trace(s, "I%u: %s", invariant, text);
}

static void log_line(struct hk_log *log, enum hk_log_level level, struct hk_slice line)
{
	struct hk_sim *s = (struct hk_sim *)(void *)((char *)log - offsetof(struct hk_sim, log));

	(void)level;
	hk_sim_trace(s, "    log: %.*s", HK_FMT(line));
	hk_sim_log_line(s, line);
}

/* ---- mailboxes ---------------------------------------------------------------------- */

static void post(struct hk_sim *s, struct hk_sim_post p)
{
	struct hk_sim_post *copy = malloc(sizeof *copy);

	if (!copy)
		abort();
	*copy = p;
	copy->next = s->posts;
	s->posts = copy;
}

void hk_sim_post_mail(struct hk_sim *s, struct hk_mail *mail, uint64_t token)
{
	post(s, (struct hk_sim_post){.mail = mail, .token = token});
}

void hk_sim_post_result(struct hk_sim *s, struct hk_job *job)
{
	post(s, (struct hk_sim_post){.job = job});
}

void hk_sim_post_ask(struct hk_sim *s, const struct hk_order *order)
{
	char *name = malloc(order->question.name.n + 1);

	if (!name)
		abort();
	memcpy(name, order->question.name.p, order->question.name.n);
	name[order->question.name.n] = 0;
	post(s, (struct hk_sim_post){.ask = name, .token = order->token});
}

void hk_sim_post_call(struct hk_sim *s, struct hk_queue_call *call)
{
	post(s, (struct hk_sim_post){.call = call});
}

void hk_sim_post_free(struct hk_sim_post *p)
{
	hk_queue_call_free(p->call);
	hk_mail_free(p->mail);
	hk_job_free(p->job);
	free(p->ask);
	free(p);
}

/* By the zone, or where there is none one of two hosts, which several domains have; or it fails, or nothing comes. */
static void answer(struct hk_sim *s, const struct hk_sim_post *p)
{
	struct hk_dns_question q = {hk_slice_str(p->ask), HK_DNS_MX};
	const struct hk_dns_rr host = {.type = HK_DNS_MX, .data = hk_prng_chance(&s->prng, 700000) ? HK_S("mx.one.test") : HK_S("mx.two.test")};
	struct hk_dns_answer said = {.question = q, .rr = &host, .n = hk_prng_chance(&s->prng, 800000)};
	bool is_said = true;
	struct hk_arena a;

	hk_arena_init(&a, 65536);
	if (s->zone)
		is_said = hk_sim_zone_answer(s, &a, &q, &said) != HK_SIM_SILENT;
	else if (!s->is_healed && hk_prng_chance(&s->prng, s->plan.dns))
		said = (struct hk_dns_answer){.question = q, .rcode = HK_DNS_SERVFAIL};
	hk_sim_trace(s, "the DNS says of %s: %s, %zu", p->ask, is_said ? hk_dns_rcode_name(said.rcode) : "nothing", said.n);
	hk_sim_memory_fail(!s->is_healed);
	if (is_said)
		hk_owner_answer(s->owner, p->token, &said);
	hk_sim_memory_fail(false);
	hk_arena_done(&a);
}

/* Any of the posts reaches the owner. */
static void take_post(struct hk_sim *s)
{
	struct hk_sim_post **at = &s->posts, *p;
	size_t n = 0, i;

	for (p = s->posts; p; p = p->next)
		n++;
	if (!n)
		return;
	for (i = (size_t)hk_prng_below(&s->prng, n); i; i--)
		at = &(*at)->next;
	p = *at;
	*at = p->next;
	if (p->job)
		hk_sim_ledger_posted(s, p->job);
	if (p->ask)
		answer(s, p);
	hk_sim_memory_fail(!s->is_healed);
	if (p->mail)
		hk_owner_put(s->owner, p->mail, p->token);
	else if (p->job)
		hk_owner_result(s->owner, p->job);
	else if (p->call)
		hk_owner_call(s->owner, p->call);
	hk_sim_memory_fail(false);
	p->mail = NULL;
	p->job = NULL;
	p->call = NULL;
	hk_sim_post_free(p);
}

/* ---- events ---------------------------------------------------------------------------- */

void hk_sim_pass_time(struct hk_sim *s, uint64_t ms)
{
	s->now.mono_ms += ms;
	s->now.utc = 1796000000 + (int64_t)(s->now.mono_ms / 1000) + s->utc_offset;
	s->now.utc_ms = (unsigned)(s->now.mono_ms % 1000);
}

/* Somebody sets the clock: by seconds, or by days. */
static void set_clock(struct hk_sim *s)
{
	int64_t by = (int64_t)hk_prng_below(&s->prng, hk_prng_coin(&s->prng) ? 10 : 3 * 86400);

	if (hk_prng_coin(&s->prng))
		by = -by;
	s->utc_offset += by;
	s->jumped_s += by > 0 ? (uint64_t)by : 0;
	hk_sim_trace(s, "the clock is set by %" PRId64 " s", by);
	hk_sim_pass_time(s, 0);
}

/* I7: whatever is due is at the top; what is not seen now would not be seen before something else is due. */
static void check_due(struct hk_sim *s)
{
	const struct hk_owner *o = s->owner;
	size_t i;

	for (i = 1; i < o->n_heap; i++)
		if (o->heap[i]->due_ms < o->heap[0]->due_ms)
			hk_sim_violation(s, 7, "a message is due and waits for one that is not");
}

static void wait_for_owner(struct hk_sim *s)
{
	uint64_t at = hk_owner_deadline(s->owner);

	check_due(s);
	if (at != UINT64_MAX && at > s->now.mono_ms)
		hk_sim_pass_time(s, at - s->now.mono_ms);
}

static void reload(struct hk_sim *s)
{
	s->conf_now ^= 1;
	hk_sim_trace(s, "reload");
	hk_sim_memory_fail(!s->is_healed);
	hk_owner_reload(s->owner, hk_sim_conf(s));
	hk_sim_memory_fail(false);
}

static void fill_disk(struct hk_sim *s)
{
	s->disk.capacity = s->disk.capacity ? 0 : (4 + hk_prng_below(&s->prng, 10)) * s->plan.segment_size;
	hk_sim_trace(s, "the disk has %" PRIu64 " bytes", s->disk.capacity);
}

static void misfortune(struct hk_sim *s)
{
	switch (hk_prng_below(&s->prng, 7)) {
	case 0:
		if (s->plan.kills)
			hk_sim_crash(s, false);
		break;
	case 1:
		if (s->plan.cuts)
			hk_sim_crash(s, true);
		break;
	case 2:
		if (s->plan.call_deaths)
			s->disk.die_at = s->disk.calls + 1 + hk_prng_below(&s->prng, 40);
		break;
	case 3:
		if (s->plan.full_disk)
			fill_disk(s);
		break;
	case 4:
		if (s->plan.clock)
			set_clock(s);
		break;
	case 5:
		if (s->plan.instances)
			hk_sim_second_instance(s);
		break;
	default:
		if (s->plan.reloads)
			reload(s);
		break;
	}
}

static void one_event(struct hk_sim *s)
{
	uint64_t x = hk_prng_below(&s->prng, 100);

	if (!s->owner) {
		hk_sim_pass_time(s, hk_prng_below(&s->prng, 30000));
		hk_sim_boot(s);
	} else if (s->disk.dead) {
		hk_sim_crash(s, hk_prng_coin(&s->prng));
	} else if (x < 14) {
		s->client->act(s);
	} else if (x < 45) {
		s->sink->act(s);
	} else if (x < 67) {
		take_post(s);
	} else if (x < 90) {
		hk_sim_step_owner(s);
	} else if (x < 92 && !s->is_healed && (s->plan.operators || s->plan.runs)) {
		hk_sim_operator_act(s);
	} else if (x < 97 || s->is_healed || !hk_prng_chance(&s->prng, s->plan.misfortune)) {
		if (hk_prng_coin(&s->prng))
			wait_for_owner(s);
		else
			hk_sim_pass_time(s, hk_prng_below(&s->prng, 20000));
	} else {
		misfortune(s);
	}
}

/* ---- a run --------------------------------------------------------------------------------- */

void hk_sim_init(struct hk_sim *s, uint64_t seed, const struct hk_sim_cut *cut, bool is_traced)
{
	*s = (struct hk_sim){.seed = seed, .is_traced = is_traced, .log = {.line = log_line}};
	if (cut)
		s->cut = *cut;
	hk_prng_init(&s->prng, seed);
	hk_sim_pass_time(s, 1000000);
	hk_sim_plan_make(s);
	s->client = &hk_sim_client_direct;
	s->sink = &hk_sim_sink_direct;
	s->plan.misfortune = HK_SIM_CHANCE;
	if (seed % 2) { /* the odd ones with SMTP on both sides */
		hk_sim_zone_init(s);
		hk_sim_client_session_init(s);
		hk_sim_sink_session_init(s);
		s->plan.events *= 4; /* a mail takes many */
		s->plan.misfortune /= 4;
	}
	if (s->cut.events)
		s->plan.events = s->cut.events;
}

static bool is_quiet(struct hk_sim *s)
{
	struct hk_owner_counts counts;

	if (!s->owner || s->posts || !s->client->is_quiet(s) || !s->sink->is_quiet(s) ||
	    !hk_owner_is_idle(s->owner))
		return false;
	hk_owner_count(s->owner, &counts);
	return counts.queued == 0;
}

/* Housekeeping that is due, until there is none. */
static void settle(struct hk_sim *s)
{
	unsigned i;

	for (i = 0; i < SETTLE_STEPS && !s->has_failed && s->owner && hk_owner_deadline(s->owner) != UINT64_MAX; i++) {
		wait_for_owner(s);
		hk_sim_step_owner(s);
	}
}

/* I7: when nothing goes wrong any more, everything comes to its end: in the time that a retry and its lateness take. */
void hk_sim_come_to_rest(struct hk_sim *s)
{
	uint64_t began = s->now.mono_ms;
	unsigned i;

	s->is_healed = true;
	s->disk.faults = (struct hk_sim_faults){0};
	s->disk.capacity = s->disk.die_at = 0;
	hk_sim_trace(s, "nothing goes wrong any more");
	for (i = 0; i < QUIET_EVENTS_MOST && !s->has_failed && !is_quiet(s); i++) {
		hk_sim_operator_release_all(s);
		one_event(s);
	}
	if (!s->has_failed && i == QUIET_EVENTS_MOST)
		hk_sim_violation(s, 7, "the queue does not drain");
	else if (!s->is_long && s->now.mono_ms - began > QUIET_MS_MOST) /* after an hour there is too much for so few events a second */
		hk_sim_violation(s, 7, "the queue drains in %" PRIu64 " s only", (s->now.mono_ms - began) / 1000);
	if (!s->has_failed)
		settle(s);
	if (!s->has_failed && s->owner) /* none: a planted bug does not let it start, and another is looked for */
		hk_sim_check_rest(s);
}

void hk_sim_event(struct hk_sim *s, uint64_t number)
{
	/* each with chances of its own, so that one can be left out and the others stay as they are */
	hk_prng_init(&s->prng, s->seed * UINT64_C(0x9e3779b97f4a7c15) + number);
	if (number >= s->cut.n_skip || !s->cut.skip[number])
		one_event(s);
}

bool hk_sim_run(struct hk_sim *s)
{
	unsigned i;

	hk_sim_boot(s);
	s->disk.faults = s->plan.disk;
	for (i = 0; i < s->plan.events && !s->has_failed; i++)
		hk_sim_event(s, i);
	if (!s->has_failed)
		hk_sim_come_to_rest(s);
	/* and once more from the disk alone */
	if (!s->has_failed) {
		hk_sim_crash(s, true);
		hk_sim_come_to_rest(s);
	}
	if (!s->has_failed)
		hk_sim_ledger_check(s);
	return !s->has_failed;
}

void hk_sim_done(struct hk_sim *s)
{
	s->disk.dead = true;
	s->client->lost(s);
	s->sink->lost(s);
	while (s->posts) {
		struct hk_sim_post *p = s->posts;

		s->posts = p->next;
		hk_sim_post_free(p);
	}
	hk_owner_free(s->owner);
	s->client->done(s);
	s->sink->done(s);
	hk_sim_zone_done(s);
	hk_conf_free(s->conf[0]);
	hk_conf_free(s->conf[1]);
	hk_sim_disk_done(&s->disk);
	hk_sim_ledger_done(s);
}
