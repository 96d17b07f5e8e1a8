/* SPDX-License-Identifier: MIT
 *
 * plan.c - what a seed lets go wrong.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "sim/memory.h"
#include "sim/world.h"

/* for anybody, and for those who may relay and have the queue of a domain run */
#define LISTENERS                                                                                                                        \
	"listen mx { address 127.0.0.1:25; role mx; checks spf dmarc; " EXTENSIONS "}\n"                                                 \
	"listen friends { address 127.0.0.1:26; role mx; checks spf dmarc; relay-from 192.0.2.0/24; " EXTENSIONS "}\n"
#define EXTENSIONS "extensions pipelining size enhancedstatuscodes 8bitmime chunking dsn etrn deliverby; "
static const char conf_one[] =
    "hostname mx.b.test; spool " HK_SIM_SPOOL "; accept .test; retry 10s 30s 60s; lifetime 1h; delay-notice 10m;\n"
    LISTENERS "route * { via mx; concurrency 3; }\n";
static const char conf_two[] =
    "hostname mx.b.test; spool " HK_SIM_SPOOL "; accept .test; retry 5s 90s; lifetime 1h;\n"
    LISTENERS "route d1.test { via smtp 192.0.2.1:26; concurrency 1; retry 20s; delay-notice 10m 20m; }\n"
    "route * { via mx; concurrency 5; }\n";

#define CLASS(text, field) {text, offsetof(struct hk_sim_plan, field)}
static const struct {
	const char *name;
	size_t at; /* of an unsigned */
} classes[] = {
    CLASS("kills", kills), CLASS("cuts", cuts), CLASS("call-deaths", call_deaths), CLASS("full-disk", full_disk),
    CLASS("reloads", reloads), CLASS("clock", clock), CLASS("instances", instances), CLASS("body-files", body_files),
    CLASS("null-senders", null_senders), CLASS("hostile", hostile), CLASS("deliverby", deliverby), CLASS("operators", operators), CLASS("runs", runs), CLASS("sync-errors", disk.sync),
    CLASS("dir-sync-errors", disk.sync_dir), CLASS("write-errors", disk.write), CLASS("other-errors", disk.other),
    CLASS("memory", memory), CLASS("network", network), CLASS("dns", dns), CLASS("peer", peer),
    CLASS("temporary", temporary), CLASS("permanent", permanent), CLASS("released", released),
};
enum { CLASSES = sizeof classes / sizeof classes[0] };
_Static_assert(CLASSES <= 32, "a bit for each");

const char *hk_sim_class_name(unsigned bit)
{
	return bit < CLASSES ? classes[bit].name : NULL;
}

static unsigned chance_of(struct hk_prng *p, unsigned most)
{
	return hk_prng_coin(p) ? (unsigned)hk_prng_below(p, most) : 0;
}

static void switch_off(struct hk_sim_plan *plan, unsigned without)
{
	static const unsigned zero;
	unsigned i;

	for (i = 0; i < CLASSES; i++)
		if (without >> i & 1)
			memcpy((char *)plan + classes[i].at, &zero, sizeof zero);
}

void hk_sim_plan_make(struct hk_sim *s)
{
	struct hk_prng *p = &s->prng;
	const char *texts[2] = {conf_one, conf_two};
	unsigned i;

	s->plan = (struct hk_sim_plan){
	    .kills = hk_prng_coin(p),
	    .cuts = hk_prng_coin(p),
	    .call_deaths = hk_prng_coin(p),
	    .full_disk = hk_prng_chance(p, 250000),
	    .reloads = hk_prng_coin(p),
	    .clock = hk_prng_coin(p),
	    .instances = hk_prng_coin(p),
	    .body_files = hk_prng_coin(p),
	    .null_senders = hk_prng_coin(p),
	    .hostile = hk_prng_coin(p),
	    .deliverby = hk_prng_coin(p),
	    .operators = hk_prng_coin(p),
	    .runs = hk_prng_coin(p),
	    .temporary = chance_of(p, 500000),
	    .permanent = chance_of(p, 300000),
	    .released = chance_of(p, 50000),
	    .memory = hk_prng_chance(p, 250000) ? (unsigned)hk_prng_below(p, 6000) : 0,
	    .network = chance_of(p, 20000),
	    .dns = chance_of(p, 100000),
	    .peer = chance_of(p, 50000),
	    .events = 100 + (unsigned)hk_prng_below(p, 500),
	    .segment_size = 65536u << hk_prng_below(p, 3),
	    .jobs_max = 1 + hk_prng_below(p, 8),
	    .slice = 1 + hk_prng_below(p, 3),
	};
	s->plan.disk = (struct hk_sim_faults){.sync = chance_of(p, 100000),
	    .sync_dir = chance_of(p, 200000),
	    .write = chance_of(p, 30000),
	    .other = chance_of(p, 10000)};
	s->plan.is_posix = hk_prng_coin(p);
	switch_off(&s->plan, s->cut.without);
	for (i = 0; i < 2; i++)
		if (hk_conf_parse("sim", hk_slice_str(texts[i]), &s->conf[i], NULL) != HK_OK)
			abort();
	hk_sim_disk_init(&s->disk, s->plan.is_posix ? HK_SIM_POSIX : HK_SIM_EXT4, hk_prng_next(p));
	hk_sim_memory_begin(s->seed, s->plan.memory);
}
