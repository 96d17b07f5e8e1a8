/* SPDX-License-Identifier: MIT
 *
 * life.c - how a server begins, runs a step, and ends without warning.
 */
#include <stdio.h>
#include <stdlib.h>

#include "engine/spool_internal.h"
#include "sim/memory.h"
#include "sim/world.h"

struct hk_conf *hk_sim_conf(struct hk_sim *s)
{
	return s->conf[s->conf_now];
}

/* What a faulty disk may make of a start; damage is never among it. */
static bool is_excused(const struct hk_sim *s, enum hk_status status)
{
	const struct hk_sim_faults *f = &s->disk.faults;
	bool is_faulty =
	    s->disk.dead || s->disk.capacity || f->sync || f->sync_dir || f->write || f->other;

	if (s->plan.memory && !s->is_healed && status == HK_NOMEM)
		return true;
	return is_faulty && (status == HK_IO || status == HK_FULL);
}

void hk_sim_boot(struct hk_sim *s)
{
	struct hk_owner_options options = {.disk = &s->disk.disk,
	    .log = &s->log,
	    .now = &s->now,
	    .segment_size = s->plan.segment_size,
	    .jobs_max = s->plan.jobs_max,
	    .quiet_ms = s->plan.quiet_ms,
	    .slice = s->plan.slice};
	enum hk_status status;
	bool has_died;

	if (!s->is_healed && s->plan.call_deaths && hk_prng_chance(&s->prng, 300000))
		s->disk.die_at = s->disk.calls + 1 + hk_prng_below(&s->prng, 60);
	hk_sim_memory_fail(!s->is_healed);
	status = hk_owner_new_sized(hk_sim_conf(s), &options, &s->owner);
	hk_sim_memory_fail(false);
	has_died = s->disk.dead;
	hk_sim_trace(
	    s, "the server starts: %s%s", hk_status_name(status), has_died ? ", and dies" : "");
	if (status != HK_OK) {
		s->owner = NULL;
		if (!is_excused(s, status))
			hk_sim_violation(
			    s, 1, "the spool cannot be opened: %s", hk_status_name(status));
	} else if (!has_died) {
		s->ids.last = hk_owner_last_id(s->owner);
	}
	if (status == HK_OK && !hk_sim_memory_has_drawn())
		hk_sim_violation(s, 11, "the linker's wraps are not in force (by LTO?): chance is the kernel's");
	if (has_died)
		hk_sim_crash(s, hk_prng_coin(&s->prng));
	s->disk.die_at = 0;
}

static void drop_posts(struct hk_sim *s)
{
	struct hk_sim_post *p;

	while ((p = s->posts)) {
		s->posts = p->next;
		hk_sim_post_free(p);
	}
}

void hk_sim_crash(struct hk_sim *s, bool with_power)
{
	hk_sim_trace(s, with_power ? "the power goes" : "the server is killed");
	s->disk.dead = true; /* what freeing does to files does not happen */
	s->client->lost(s);
	s->sink->lost(s);
	drop_posts(s);
	hk_owner_free(s->owner);
	s->owner = NULL;
	s->crashes++;
	hk_sim_ledger_crashed(s);
	hk_sim_operator_lost(s);
	if (with_power)
		hk_sim_disk_cut(&s->disk);
	else
		hk_sim_disk_kill(&s->disk);
}

static void give_out(struct hk_sim *s, struct hk_job *job)
{
	hk_sim_operator_given_out(s, job);
	s->sink->deliver(s, job);
}

void hk_sim_step_owner(struct hk_sim *s)
{
	struct hk_order order;

	hk_sim_memory_fail(!s->is_healed);
	hk_owner_step(s->owner, &s->now);
	hk_sim_memory_fail(false);
	if (s->disk.dead) {
		hk_sim_crash(s, hk_prng_coin(&s->prng)); /* before it could say anything */
		return;
	}
	hk_sim_ledger_recorded(s, s->owner->returned);
	while (hk_owner_next(s->owner, &order)) {
		if (order.type == HK_ORDER_COMMITTED)
			s->client->committed(s, order.token, order.status);
		else if (order.type == HK_ORDER_ASK)
			hk_sim_post_ask(s, &order);
		else if (order.type == HK_ORDER_CALLED)
			hk_sim_operator_answered(s, order.call);
		else
			give_out(s, order.job);
	}
}

/* The worst that a power cut could leave now; a server that starts on it must know the message. */
void hk_sim_check_durable(struct hk_sim *s, uint64_t id)
{
	struct hk_spool_options options = {
	    .dir = HK_SIM_SPOOL, .segment_size = s->plan.segment_size};
	struct hk_sim_disk copy;
	struct hk_spool *spool;
	struct hk_place place;
	struct hk_mail mail = {0};
	enum hk_status status;

	if (!hk_prng_chance(&s->prng, 100000) || s->is_long)
		return;
	s->durable_checks++;
	hk_sim_disk_copy_durable(&s->disk, &copy);
	status = hk_spool_open(&copy.disk, &options, s->is_traced ? &s->log : NULL, &spool);
	if (status == HK_OK) {
		hk_arena_init(&mail.arena, 4 * 1024 * 1024);
		status = hk_spool_find(spool, id, &place);
		if (status == HK_OK)
			status = hk_spool_read(&copy.disk, HK_SIM_SPOOL, &place, &mail);
		hk_arena_done(&mail.arena);
		hk_spool_close(spool);
	}
	if (status != HK_OK)
		hk_sim_violation(s, 5, "a mail is acknowledged that a power cut would lose: %s",
		    hk_status_name(status));
	hk_sim_disk_done(&copy);
}

/* Two servers never have one spool: the second one goes away before it looks at anything. */
void hk_sim_second_instance(struct hk_sim *s)
{
	struct hk_spool_options options = {.dir = HK_SIM_SPOOL, .segment_size = s->plan.segment_size};
	struct hk_spool *spool = NULL;
	enum hk_status status = hk_spool_open(&s->disk.disk, &options, NULL, &spool);

	hk_sim_trace(s, "another instance starts: %s", hk_status_name(status));
	if (status == HK_OK || status == HK_CORRUPT)
		hk_sim_violation(s, 5, "two instances have one spool: %s", hk_status_name(status));
	if (status == HK_OK)
		hk_spool_close(spool);
}

/* The open segment, the lock, the evidence: whatever a server at rest keeps open, and each segment for reading. */
enum { FILES_AT_REST = 3, SEGMENTS_AT_REST = 1 };

void hk_sim_check_rest(struct hk_sim *s)
{
	const struct hk_live *live;
	const struct hk_hop *hop;
	unsigned files = hk_sim_disk_open_files(&s->disk), bodies = hk_sim_disk_count_in(&s->disk, HK_SIM_SPOOL "/body");

	if (files > FILES_AT_REST + s->owner->spool->n_segments)
		hk_sim_violation(s, 6, "%u files are open at rest", files);
	if (s->owner->spool->n_segments > SEGMENTS_AT_REST)
		hk_sim_violation(s, 6, "%zu segments, and nothing in the queue", s->owner->spool->n_segments);
	if (s->owner->spool->has_spare || s->owner->tidy_at != UINT64_MAX)
		hk_sim_violation(s, 6, "a spool that does not come to rest");
	/* those of a batch that failed wait for the next segment, which says that they are not */
	for (live = s->owner->spool->doubtful; live; live = live->next)
		bodies -= bodies > 0;
	for (hop = s->owner->hops; hop; hop = hop->next)
		if (!hop->users && !hop->waiting && !hop->out)
			hk_sim_violation(s, 6, "a hop that nobody goes to");
	if (bodies > s->files_left)
		hk_sim_violation(s, 6, "%u body files, and nothing in the queue", bodies);
}
