/* SPDX-License-Identifier: MIT
 *
 * hikyaku-sim: the engine in a simulated world.
 *
 *	hikyaku-sim --seeds 1000 [--first 1]	runs so many seeds; the last line says how many
 *passed and failed hikyaku-sim --seed 42			runs one, and prints all that
 *happens hikyaku-sim --seeds 1000 --find		looks for a seed that fails, and it is a
 *failure to find none
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/world.h"

struct options {
	uint64_t first, seeds;
	bool is_traced, stops_at_first, must_find;
};

struct totals {
	uint64_t passed, failed, acked, delivered, dsns, duplicates, crashes, checks;
};

static bool parse_options(int argc, char **argv, struct options *o)
{
	int i;

	for (i = 1; i < argc; i++) {
		bool has_value = i + 1 < argc;
		uint64_t *value = NULL;

		if (strcmp(argv[i], "--find") == 0) {
			o->stops_at_first = o->must_find = true;
			continue;
		}
		if (strcmp(argv[i], "--seeds") == 0)
			value = &o->seeds;
		else if (strcmp(argv[i], "--first") == 0 || strcmp(argv[i], "--seed") == 0)
			value = &o->first;
		if (!value || !has_value ||
		    hk_slice_u64(hk_slice_str(argv[i + 1]), UINT64_MAX, value) != HK_OK)
			return false;
		o->is_traced |= strcmp(argv[i], "--seed") == 0;
		i++;
	}
	if (o->is_traced)
		o->seeds = 1;
	return o->seeds > 0;
}

static uint64_t run_one(uint64_t seed, const struct options *o, struct totals *t)
{
	struct hk_sim s;
	uint64_t hash;

	hk_sim_init(&s, seed, seed % 2, o->is_traced); /* the odd ones with SMTP on both sides */
	if (hk_sim_run(&s))
		t->passed++;
	else
		t->failed++;
	t->acked += s.ledger.acked;
	t->delivered += s.ledger.delivered;
	t->dsns += s.ledger.dsns;
	t->duplicates += s.ledger.duplicates;
	t->crashes += s.crashes;
	t->checks += s.durable_checks;
	hash = s.hash;
	hk_sim_done(&s);
	return hash;
}

int main(int argc, char **argv)
{
	struct options o = {.first = 1};
	struct totals t = {0}, again = {0};
	uint64_t i;

	if (!parse_options(argc, argv, &o)) {
		fprintf(stderr, "usage: hikyaku-sim --seeds N [--first S] [--find] | --seed S\n");
		return 2;
	}
	for (i = 0; i < o.seeds && !(o.stops_at_first && t.failed); i++) {
		uint64_t hash = run_one(o.first + i, &o, &t);

		/* I11: every hundredth twice */
		if (!o.is_traced && i % 100 == 0 && run_one(o.first + i, &o, &again) != hash) {
			printf("seed %" PRIu64 ": I11: two runs differ\n", o.first + i);
			t.failed++;
		}
	}
	printf("%" PRIu64 " acknowledged, %" PRIu64 " delivered, %" PRIu64
	       " of them again, %" PRIu64 " bounces, %" PRIu64 " crashes, %" PRIu64
	       " looks at the bare disk\n",
	    t.acked, t.delivered, t.duplicates, t.dsns, t.crashes, t.checks);
	printf("%" PRIu64 " passed, %" PRIu64 " failed\n", t.passed, t.failed);
	return (t.failed > 0) == o.must_find ? 0 : 1;
}
