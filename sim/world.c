/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/memory.h"
#include "sim/world.h"

enum { QUIET_EVENTS_MOST = 50000 };

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

void hk_sim_violation(struct hk_sim *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (!s->has_failed && !s->is_traced) {
		va_list copy;

		va_copy(copy, args);
		printf("seed %" PRIu64 ": ", s->seed);
		vprintf(format, copy);
		printf("\n");
		va_end(copy);
	}
	s->has_failed = true;
	say(s, format, args);
	va_end(args);
}

static void log_line(struct hk_log *log, enum hk_log_level level, struct hk_slice line)
{
	struct hk_sim *s = (struct hk_sim *)(void *)((char *)log - offsetof(struct hk_sim, log));

	(void)level;
	hk_sim_trace(s, "    log: %.*s", HK_FMT(line));
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
	hk_sim_memory_fail(!s->is_healed);
	if (p->mail)
		hk_owner_put(s->owner, p->mail, p->token);
	else
		hk_owner_result(s->owner, p->job);
	hk_sim_memory_fail(false);
	free(p);
}

/* ---- events ---------------------------------------------------------------------------- */

static void pass_time(struct hk_sim *s, uint64_t ms)
{
	s->now.mono_ms += ms;
	s->now.utc = 1796000000 + (int64_t)(s->now.mono_ms / 1000);
	s->now.utc_ms = (unsigned)(s->now.mono_ms % 1000);
}

static void wait_for_owner(struct hk_sim *s)
{
	uint64_t at = hk_owner_deadline(s->owner);

	if (at != UINT64_MAX && at > s->now.mono_ms)
		pass_time(s, at - s->now.mono_ms);
}

static void misfortune(struct hk_sim *s)
{
	switch (hk_prng_below(&s->prng, 5)) {
	case 0:
		if (s->plan.has_kills)
			hk_sim_crash(s, false);
		break;
	case 1:
		if (s->plan.has_cuts)
			hk_sim_crash(s, true);
		break;
	case 2:
		if (s->plan.has_call_deaths)
			s->disk.die_at = s->disk.calls + 1 + hk_prng_below(&s->prng, 40);
		break;
	case 3:
		if (s->plan.has_full_disk) {
			s->disk.capacity = s->disk.capacity ? 0
			                                    : (4 + hk_prng_below(&s->prng, 10)) *
			                                          s->plan.segment_size;
			hk_sim_trace(s, "the disk has %" PRIu64 " bytes", s->disk.capacity);
		}
		break;
	default:
		if (!s->plan.has_reloads)
			break;
		s->conf_now ^= 1;
		hk_sim_trace(s, "reload");
		hk_sim_memory_fail(!s->is_healed);
		hk_owner_reload(s->owner, hk_sim_conf(s));
		hk_sim_memory_fail(false);
		break;
	}
}

static void one_event(struct hk_sim *s)
{
	uint64_t x = hk_prng_below(&s->prng, 100);

	if (!s->owner) {
		pass_time(s, hk_prng_below(&s->prng, 30000));
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
	} else if (x < 97 || s->is_healed || !hk_prng_chance(&s->prng, s->plan.misfortune)) {
		if (hk_prng_coin(&s->prng))
			wait_for_owner(s);
		else
			pass_time(s, hk_prng_below(&s->prng, 20000));
	} else {
		misfortune(s);
	}
}

/* ---- a run --------------------------------------------------------------------------------- */

void hk_sim_init(struct hk_sim *s, uint64_t seed, bool with_sessions, bool is_traced)
{
	*s = (struct hk_sim){.seed = seed, .is_traced = is_traced, .log = {.line = log_line}};
	hk_prng_init(&s->prng, seed);
	hk_sim_memory_seed(seed);
	pass_time(s, 1000000);
	hk_sim_plan_make(s);
	s->client = &hk_sim_client_direct;
	s->sink = &hk_sim_sink_direct;
	if (with_sessions) {
		hk_sim_client_session_init(s);
		hk_sim_sink_session_init(s);
		s->plan.events *= 4; /* a mail takes many */
		s->plan.misfortune /= 4;
	}
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

/* I7: when nothing goes wrong any more, everything comes to its end. */
static void come_to_rest(struct hk_sim *s)
{
	unsigned i;

	s->is_healed = true;
	s->disk.faults = (struct hk_sim_faults){0};
	s->disk.capacity = s->disk.die_at = 0;
	hk_sim_trace(s, "nothing goes wrong any more");
	for (i = 0; i < QUIET_EVENTS_MOST && !s->has_failed && !is_quiet(s); i++)
		one_event(s);
	if (!s->has_failed && i == QUIET_EVENTS_MOST)
		hk_sim_violation(s, "I7: the queue does not drain");
}

bool hk_sim_run(struct hk_sim *s)
{
	unsigned i;

	hk_sim_boot(s);
	s->disk.faults = s->plan.faults;
	for (i = 0; i < s->plan.events && !s->has_failed; i++)
		one_event(s);
	if (!s->has_failed)
		come_to_rest(s);
	/* and once more from the disk alone */
	if (!s->has_failed) {
		hk_sim_crash(s, true);
		come_to_rest(s);
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
		hk_mail_free(p->mail);
		hk_job_free(p->job);
		free(p);
	}
	hk_owner_free(s->owner);
	s->client->done(s);
	s->sink->done(s);
	hk_conf_free(s->conf[0]);
	hk_conf_free(s->conf[1]);
	hk_sim_disk_done(&s->disk);
	hk_sim_ledger_done(s);
}
