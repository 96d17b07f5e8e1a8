/* SPDX-License-Identifier: MIT
 *
 * life.c - how a server begins, runs a step, and ends without warning.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sim/memory.h"
#include "sim/world.h"

static const char conf_one[] =
    "hostname mx.b.test; spool " HK_SIM_SPOOL "; accept .test; retry 10s 30s 60s; lifetime 1h; delay-notice 10m;\n"
    "listen mx { address 127.0.0.1:25; role mx; }\n"
    "route * { via mx; concurrency 3; }\n";
static const char conf_two[] =
    "hostname mx.b.test; spool " HK_SIM_SPOOL "; accept .test; retry 5s 90s; lifetime 1h;\n"
    "listen mx { address 127.0.0.1:25; role mx; }\n"
    "route d1.test { via smtp 192.0.2.1:26; concurrency 1; retry 20s; delay-notice 10m 20m; }\n"
    "route * { via mx; concurrency 5; }\n";

static unsigned chance_of(struct hk_prng *p, unsigned most)
{
	return hk_prng_coin(p) ? (unsigned)hk_prng_below(p, most) : 0;
}

void hk_sim_plan_make(struct hk_sim *s)
{
	struct hk_prng *p = &s->prng;
	const char *texts[2] = {conf_one, conf_two};
	unsigned i;

	s->plan = (struct hk_sim_plan){
	    .has_kills = hk_prng_coin(p),
	    .has_cuts = hk_prng_coin(p),
	    .has_call_deaths = hk_prng_coin(p),
	    .has_full_disk = hk_prng_chance(p, 250000),
	    .has_reloads = hk_prng_coin(p),
	    .has_body_files = hk_prng_coin(p),
	    .has_null_senders = hk_prng_coin(p),
	    .temporary = chance_of(p, 500000),
	    .permanent = chance_of(p, 300000),
	    .released = chance_of(p, 50000),
	    .events = 100 + (unsigned)hk_prng_below(p, 500),
	    .segment_size = 65536u << hk_prng_below(p, 3),
	    .jobs_max = 1 + hk_prng_below(p, 8),
	};
	s->plan.misfortune = 1000000;
	s->plan.faults = (struct hk_sim_faults){.sync = chance_of(p, 100000),
	    .sync_dir = chance_of(p, 200000),
	    .write = chance_of(p, 30000),
	    .other = chance_of(p, 10000)};
	for (i = 0; i < 2; i++)
		if (hk_conf_parse("sim", hk_slice_str(texts[i]), &s->conf[i], NULL) != HK_OK)
			abort();
	hk_sim_disk_init(&s->disk, hk_prng_coin(p) ? HK_SIM_POSIX : HK_SIM_EXT4, hk_prng_next(p));
}

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

	if (HK_SIM_HAS_MEMORY_FAULTS && !s->is_healed && status == HK_NOMEM)
		return true;
	return is_faulty && (status == HK_IO || status == HK_FULL);
}

void hk_sim_boot(struct hk_sim *s)
{
	struct hk_owner_options options = {.disk = &s->disk.disk,
	    .log = &s->log,
	    .now = &s->now,
	    .segment_size = s->plan.segment_size,
	    .jobs_max = s->plan.jobs_max};
	enum hk_status status;
	bool has_died;

	if (!s->is_healed && s->plan.has_call_deaths && hk_prng_chance(&s->prng, 300000))
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
			    s, "I1: the spool cannot be opened: %s", hk_status_name(status));
	} else if (!has_died) {
		s->ids.last = hk_owner_last_id(s->owner);
	}
	if (has_died)
		hk_sim_crash(s, hk_prng_coin(&s->prng));
	s->disk.die_at = 0;
}

static void drop_posts(struct hk_sim *s)
{
	struct hk_sim_post *p;

	while ((p = s->posts)) {
		s->posts = p->next;
		hk_mail_free(p->mail);
		hk_job_free(p->job);
		free(p);
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
	if (with_power)
		hk_sim_disk_cut(&s->disk);
	else
		hk_sim_disk_kill(&s->disk);
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
		else
			s->sink->deliver(s, order.job);
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

	if (!hk_prng_chance(&s->prng, 100000))
		return;
	s->durable_checks++;
	hk_sim_disk_copy_durable(&s->disk, &copy);
	status = hk_spool_open(&copy.disk, &options, NULL, &spool);
	if (status == HK_OK) {
		hk_arena_init(&mail.arena, 4 * 1024 * 1024);
		status = hk_spool_find(spool, id, &place);
		if (status == HK_OK)
			status = hk_spool_read(&copy.disk, HK_SIM_SPOOL, &place, &mail);
		hk_arena_done(&mail.arena);
		hk_spool_close(spool);
	}
	if (status != HK_OK)
		hk_sim_violation(s, "I5: a mail is acknowledged that a power cut would lose: %s",
		    hk_status_name(status));
	hk_sim_disk_done(&copy);
}
