/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/shrink.h"

enum { TRIES_MOST = 2000 };

struct shrinking {
	uint64_t seed;
	unsigned broken, tries;
	struct hk_sim_cut cut; /* the smallest so far */
	uint8_t *skip;
};

/* The invariant that this run breaks; 0: none. */
static unsigned run(struct shrinking *k, const struct hk_sim_cut *cut, unsigned *ret_events)
{
	struct hk_sim s;
	unsigned broken;

	k->tries++;
	hk_sim_init(&s, k->seed, cut, false);
	s.is_quiet = true;
	hk_sim_run(&s);
	broken = s.broken;
	if (ret_events)
		*ret_events = s.plan.events;
	hk_sim_done(&s);
	return broken;
}

static bool still_breaks(struct shrinking *k)
{
	return k->tries < TRIES_MOST && run(k, &k->cut, NULL) == k->broken;
}

static void drop_classes(struct shrinking *k)
{
	unsigned bit;

	for (bit = 0; hk_sim_class_name(bit); bit++) {
		k->cut.without |= 1u << bit;
		if (!still_breaks(k))
			k->cut.without &= ~(1u << bit);
	}
}

static void drop_end(struct shrinking *k)
{
	unsigned step;

	for (step = k->cut.events / 2; step; step /= 2) {
		while (k->cut.events > step) {
			k->cut.events -= step;
			if (!still_breaks(k)) {
				k->cut.events += step;
				break;
			}
		}
	}
}

static void drop_middle(struct shrinking *k)
{
	uint8_t *before = malloc(k->cut.events);
	unsigned run_n, at;

	if (!before)
		abort();
	k->cut.skip = k->skip;
	k->cut.n_skip = k->cut.events;
	for (run_n = k->cut.events / 2; run_n; run_n /= 2) {
		for (at = 0; at < k->cut.events; at += run_n) {
			unsigned n = at + run_n < k->cut.events ? run_n : k->cut.events - at;

			memcpy(before, k->skip, k->cut.events);
			memset(k->skip + at, 1, n);
			if (memcmp(before, k->skip, k->cut.events) != 0 && !still_breaks(k))
				memcpy(k->skip, before, k->cut.events);
		}
	}
	free(before);
}

static void print_skip(const struct hk_sim_cut *cut)
{
	const char *before = " --skip ";
	size_t i, end;

	for (i = 0; i < cut->n_skip; i = end + 1) {
		for (end = i; end < cut->n_skip && cut->skip[end]; end++)
			;
		if (end == i)
			continue;
		printf(end - i > 1 ? "%s%zu-%zu" : "%s%zu", before, i, end - 1);
		before = ",";
	}
}

static void print_classes(unsigned without)
{
	const char *before = " --without ";
	unsigned bit;

	for (bit = 0; hk_sim_class_name(bit); bit++) {
		if (without >> bit & 1) {
			printf("%s%s", before, hk_sim_class_name(bit));
			before = ",";
		}
	}
}

bool hk_sim_shrink(uint64_t seed)
{
	struct shrinking k = {.seed = seed};
	unsigned events = 0;
	size_t left = 0, i;

	k.broken = run(&k, &k.cut, &events);
	if (!k.broken) {
		printf("seed %" PRIu64 " breaks nothing\n", seed);
		return false;
	}
	k.cut.events = events;
	k.skip = calloc(1, events);
	if (!k.skip)
		abort();
	drop_classes(&k);
	drop_end(&k);
	drop_classes(&k);
	drop_middle(&k);
	for (i = 0; i < k.cut.events; i++)
		left += !k.skip[i];
	printf("seed %" PRIu64 " breaks I%u with %zu of %u events, found in %u runs:\nhikyaku-sim --seed %" PRIu64 " --events %u", seed,
	    k.broken, left, events, k.tries, seed, k.cut.events);
	print_classes(k.cut.without);
	print_skip(&k.cut);
	printf("\n");
	free(k.skip);
	return true;
}

bool hk_sim_skip_parse(struct hk_slice text, uint8_t *ret, size_t n)
{
	while (text.n) {
		struct hk_slice part = hk_slice_sub(text, 0, hk_slice_find(text, ','));
		size_t dash = hk_slice_find(part, '-');
		uint64_t from, to;

		if (hk_slice_u64(hk_slice_sub(part, 0, dash), n - 1, &from) != HK_OK)
			return false;
		to = from;
		if (dash < part.n && hk_slice_u64(hk_slice_from(part, dash + 1), n - 1, &to) != HK_OK)
			return false;
		if (to < from)
			return false;
		memset(ret + from, 1, (size_t)(to - from) + 1);
		text = hk_slice_from(text, part.n + 1);
	}
	return true;
}
