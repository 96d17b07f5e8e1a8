/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "engine/spool_internal.h"
#include "sim/memory.h"
#include "sim/soak.h"

enum { HOUR_MS = 3600 * 1000, FIRST_HOURS = 6 /* by then all is known that is remembered: domains, their hosts, sizes of tables */ };

/* What must not grow. X(member, text, slack): slack is what comes and goes from one hour to the next, such as one segment more with its blocks; what is
 * lost with each mail, or only with each hour, is more than that in a day. */
#define HELD_TABLE(X)                                                                              \
	X(blocks, "blocks of memory", 10)                                                          \
	X(files, "open files", 2)                                                                  \
	X(segments, "segments", 2)                                                                 \
	X(bodies, "body files", 0)                                                                 \
	X(names, "files of the spool", 2)                                                          \
	X(domains, "domains", 8)                                                                   \
	X(reasons, "reasons", 8)
struct held {
#define X(member, text, slack) uint64_t member;
	HELD_TABLE(X)
#undef X
};

static struct held look(const struct hk_sim *s)
{
	unsigned bodies = hk_sim_disk_count_in(&s->disk, HK_SIM_SPOOL "/body");

	return (struct held){
	    .blocks = hk_sim_memory_blocks(),
	    .files = hk_sim_disk_open_files(&s->disk),
	    .segments = s->owner->spool->n_segments,
	    .bodies = bodies - (bodies < s->files_left ? bodies : s->files_left), /* what the disk would not remove goes with the next start */
	    .names = hk_sim_disk_count_in(&s->disk, HK_SIM_SPOOL),
	    .domains = s->owner->n_domains,
	    .reasons = s->owner->reasons.n - s->owner->reasons.n_free,
	};
}

static void grow_to(struct held *most, const struct held *now)
{
#define X(member, text, slack)                                                                     \
	if (now->member > most->member)                                                            \
		most->member = now->member;
	HELD_TABLE(X)
#undef X
}

static void check(struct hk_sim *s, unsigned hour, const struct held *most, const struct held *now)
{
#define X(member, text, slack)                                                                     \
	if (now->member > most->member + (slack))                                                  \
		hk_sim_violation(s, 6, "after %u hours %" PRIu64 " " text ", and %" PRIu64 " at most in the first %d", hour, now->member, most->member, FIRST_HOURS);
	HELD_TABLE(X)
#undef X
}

static void tell(const struct hk_sim *s, unsigned hour, const struct held *h)
{
	printf("seed %" PRIu64 " hour %2u:", s->seed, hour);
#define X(member, text, slack) printf(" %" PRIu64 " " text ",", h->member);
	HELD_TABLE(X)
#undef X
	printf(" %" PRIu64 " acknowledged\n", s->ledger.acked);
}

/* An hour of mail and faults, and then rest: what the server holds then. false: an invariant was broken. */
static bool pass_hour(struct hk_sim *s, uint64_t *number)
{
	uint64_t start = s->now.mono_ms; /* coming to rest took its time, too */

	s->is_healed = false;
	s->disk.faults = s->plan.disk;
	while (!s->has_failed && s->now.mono_ms - start < HOUR_MS)
		hk_sim_event(s, (*number)++);
	if (!s->has_failed)
		hk_sim_come_to_rest(s);
	if (!s->has_failed)
		hk_sim_ledger_check(s);
	hk_sim_disk_write_back(&s->disk); /* or the disk would remember each name of the day, and look through them all at each call */
	return !s->has_failed;
}

bool hk_sim_soak(struct hk_sim *s, unsigned hours)
{
	struct held most = {0}, now;
	uint64_t number = 0;
	unsigned hour;

	s->plan.kills = s->plan.cuts = s->plan.call_deaths = 0;
	s->is_long = true;
	hk_sim_boot(s);
	for (hour = 1; hour <= hours && pass_hour(s, &number) && s->owner; hour++) {
		now = look(s);
		if (hour <= FIRST_HOURS)
			grow_to(&most, &now);
		else
			check(s, hour, &most, &now);
		if (hour == 1 || hour % FIRST_HOURS == 0)
			tell(s, hour, &now);
	}
	return !s->has_failed;
}
