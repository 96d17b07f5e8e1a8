/* SPDX-License-Identifier: MIT
 *
 * hikyaku-sim: the engine in a simulated world.
 *
 *	hikyaku-sim --seeds 1000 [--first 1]	runs so many seeds; the last line says how many passed and failed
 *	hikyaku-sim --seed 42			runs one, and prints all that happens in it
 *	    [--without CLASS,..] [--events N] [--skip 3,7-9]	with less of what it would do
 *	hikyaku-sim --shrink 42			looks for the least of it that still breaks the same invariant
 *	hikyaku-sim --hours 24 [--seeds 2] [--first 1]	one process of each seed for so many hours: what it holds at rest stays as it is
 *	hikyaku-sim --classes			what --without knows
 *
 * hikyaku-sim-planted has also --bug NAME, for all of these, and
 *	hikyaku-sim-planted --planted [--most 5000] [--starts 5]	the seeds that it takes to find each of its bugs
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/memory.h"
#include "sim/shrink.h"
#include "sim/soak.h"
#ifdef HK_PLANTED
#include "sim/planted/hunt.h"
#endif

enum { EVENTS_MOST = 10000 };

struct options {
	uint64_t first, seeds, shrink, events, most, starts, hours;
	bool is_traced, is_hunt, shows_classes;
	struct hk_sim_cut cut;
	uint8_t skip[EVENTS_MOST];
};

struct totals {
	uint64_t passed, failed, acked, delivered, dsns, duplicates, crashes, checks;
};

/* ---- options ------------------------------------------------------------------------------- */

static bool add_classes(struct hk_sim_cut *cut, struct hk_slice names)
{
	while (names.n) {
		struct hk_slice name = hk_slice_sub(names, 0, hk_slice_find(names, ','));
		unsigned bit = 0;

		while (hk_sim_class_name(bit) && !hk_slice_eq(name, hk_slice_str(hk_sim_class_name(bit))))
			bit++;
		if (!hk_sim_class_name(bit))
			return false;
		cut->without |= 1u << bit;
		names = hk_slice_from(names, name.n + 1);
	}
	return true;
}

static bool wake(const char *name)
{
#ifdef HK_PLANTED
	return hk_planted_wake(name);
#else
	(void)name;
	return false;
#endif
}

static bool parse_number(struct options *o, const char *name, const char *value)
{
	const struct {
		const char *name;
		uint64_t *to;
	} numbers[] = {{"--seeds", &o->seeds}, {"--first", &o->first}, {"--seed", &o->first}, {"--shrink", &o->shrink},
	    {"--events", &o->events}, {"--most", &o->most}, {"--starts", &o->starts}, {"--hours", &o->hours}};
	size_t i;

	for (i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		if (strcmp(name, numbers[i].name) == 0)
			return hk_slice_u64(hk_slice_str(value), UINT64_MAX, numbers[i].to) == HK_OK;
	return false;
}

static bool parse_one(struct options *o, const char *name, const char *value)
{
	if (strcmp(name, "--without") == 0)
		return add_classes(&o->cut, hk_slice_str(value));
	if (strcmp(name, "--skip") == 0) {
		o->cut.skip = o->skip;
		o->cut.n_skip = EVENTS_MOST;
		return hk_sim_skip_parse(hk_slice_str(value), o->skip, EVENTS_MOST);
	}
	if (strcmp(name, "--bug") == 0)
		return wake(value);
	o->is_traced |= strcmp(name, "--seed") == 0;
	return parse_number(o, name, value);
}

static bool parse_options(int argc, char **argv, struct options *o)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--classes") == 0)
			o->shows_classes = true;
		else if (strcmp(argv[i], "--planted") == 0)
			o->is_hunt = true;
		else if (i + 1 == argc || !parse_one(o, argv[i], argv[i + 1]))
			return false;
		else
			i++;
	}
	if (o->is_traced)
		o->seeds = 1;
	o->cut.events = o->events < EVENTS_MOST ? (unsigned)o->events : EVENTS_MOST;
	if (o->hours && !o->seeds)
		o->seeds = 2; /* one of each kind */
	return o->seeds || o->shrink || o->shows_classes || o->is_hunt;
}

/* ---- runs ------------------------------------------------------------------------------------ */

static uint64_t run_one(uint64_t seed, const struct options *o, struct totals *t)
{
	uint64_t blocks = hk_sim_memory_blocks(), hash;
	struct hk_sim s;
	bool ok;

	hk_sim_init(&s, seed, &o->cut, o->is_traced);
	ok = o->hours ? hk_sim_soak(&s, (unsigned)o->hours) : hk_sim_run(&s);
	t->acked += s.ledger.acked;
	t->delivered += s.ledger.delivered;
	t->dsns += s.ledger.dsns;
	t->duplicates += s.ledger.duplicates;
	t->crashes += s.crashes;
	t->checks += s.durable_checks;
	hash = s.hash;
	hk_sim_done(&s);
	if (hk_sim_memory_blocks() != blocks) {
		printf("seed %" PRIu64 ": I6: %" PRId64 " blocks of memory are left\n", seed, (int64_t)(hk_sim_memory_blocks() - blocks));
		ok = false;
	}
	t->passed += ok;
	t->failed += !ok;
	return hash;
}

static int run_all(const struct options *o)
{
	struct totals t = {0}, again = {0};
	clock_t began = clock();
	double seconds;
	uint64_t i;

	for (i = 0; i < o->seeds; i++) {
		uint64_t hash = run_one(o->first + i, o, &t);

		/* I11: every hundredth twice */
		if (!o->is_traced && !o->hours && i % 100 == 0 && run_one(o->first + i, o, &again) != hash) {
			printf("seed %" PRIu64 ": I11: two runs differ\n", o->first + i);
			t.failed++;
			t.passed--;
		}
	}
	seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
	printf("%" PRIu64 " acknowledged, %" PRIu64 " delivered, %" PRIu64
	       " of them again, %" PRIu64 " bounces, %" PRIu64 " crashes, %" PRIu64
	       " looks at the bare disk\n",
	    t.acked, t.delivered, t.duplicates, t.dsns, t.crashes, t.checks);
	printf("%.1f s of processor time, %.0f seeds a second\n", seconds, seconds > 0 ? (double)o->seeds / seconds : 0);
	printf("%" PRIu64 " passed, %" PRIu64 " failed\n", t.passed, t.failed);
	return t.failed ? 1 : 0;
}

static int hunt(const struct options *o)
{
#ifdef HK_PLANTED
	return hk_planted_hunt(o->most, (unsigned)o->starts) ? 0 : 1;
#else
	(void)o;
	fprintf(stderr, "this hikyaku-sim has no planted bugs; hikyaku-sim-planted has\n");
	return 2;
#endif
}

static int show_classes(void)
{
	unsigned bit;

	for (bit = 0; hk_sim_class_name(bit); bit++)
		printf("%s\n", hk_sim_class_name(bit));
	return 0;
}

int main(int argc, char **argv)
{
	static struct options o = {.first = 1, .most = 5000, .starts = 1};
	bool is_help = argc == 2 && strcmp(argv[1], "--help") == 0;

	if (is_help || !parse_options(argc, argv, &o)) {
		fputs("usage: hikyaku-sim --seeds N [--first S] | --seed S | --shrink S | --hours N [--seeds N] [--first S] | --classes | --planted\n"
		      "       [--without CLASS,..] [--events N] [--skip N,N-N] [--bug NAME] [--most N] [--starts N]\n", is_help ? stdout : stderr);
		return is_help ? 0 : 2;
	}
	if (o.shows_classes)
		return show_classes();
	if (o.is_hunt)
		return hunt(&o);
	if (o.shrink)
		return hk_sim_shrink(o.shrink) ? 0 : 1;
	return run_all(&o);
}
