/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/memory.h"
#include "sim/planted/hunt.h"
#include "sim/planted/planted.h"
#include "sim/world.h"

enum { STARTS_MOST = 15, MEDIAN_MOST = 1000, SECONDS_MOST = 600 };
#define BETWEEN_STARTS UINT64_C(1000000)

enum hk_bug hk_bug_awake;

bool hk_planted_wake(const char *name)
{
	int bug;

	for (bug = HK_BUG_NONE + 1; bug < HK_BUGS; bug++) {
		if (strcmp(hk_planted[bug].name, name) == 0) {
			hk_bug_awake = (enum hk_bug)bug;
			return true;
		}
	}
	return false;
}

static uint64_t hash_of(uint64_t seed, unsigned wanted, bool *ret_broken)
{
	struct hk_sim s;
	uint64_t hash;

	hk_sim_init(&s, seed, NULL, false);
	s.is_quiet = true;
	s.wanted = wanted;
	*ret_broken = !hk_sim_run(&s);
	hash = s.hash;
	hk_sim_done(&s);
	return hash;
}

/* Whether a seed breaks what the bug must break: I6 and I11 are seen from outside of the world. */
static bool breaks(uint64_t seed, unsigned wanted)
{
	uint64_t blocks = hk_sim_memory_blocks(), hash;
	bool is_broken, again;

	hash = hash_of(seed, wanted, &is_broken);
	if (wanted == 6)
		is_broken |= hk_sim_memory_blocks() != blocks;
	if (wanted == 11)
		is_broken |= hash_of(seed, wanted, &again) != hash;
	return is_broken;
}

static uint64_t look(int bug, uint64_t first, uint64_t most)
{
	uint64_t i;

	for (i = 0; i < most; i++)
		if (breaks(first + i, hk_planted[bug].invariant))
			return i + 1;
	return 0;
}

/* In a process of its own: a bug may do anything. 0: not found. */
static uint64_t look_apart(int bug, uint64_t first, uint64_t most)
{
	uint64_t found = 0;
	int ends[2], status;
	pid_t child;

	if (pipe(ends) != 0)
		abort();
	fflush(stdout);
	child = fork();
	if (child < 0)
		abort();
	if (child == 0) {
		alarm(SECONDS_MOST);
		hk_bug_awake = (enum hk_bug)bug;
		found = look(bug, first, most);
		_exit(write(ends[1], &found, sizeof found) == sizeof found ? 0 : 1);
	}
	close(ends[1]);
	if (read(ends[0], &found, sizeof found) != sizeof found)
		found = 0;
	close(ends[0]);
	if (waitpid(child, &status, 0) != child || status != 0)
		printf("# %s ended with status %d\n", hk_planted[bug].name, status);
	return found;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static bool hunt_one(int bug, uint64_t most, unsigned starts)
{
	uint64_t found[STARTS_MOST], median;
	unsigned i, n_found = 0;

	for (i = 0; i < starts; i++) {
		found[i] = look_apart(bug, 1 + i * BETWEEN_STARTS, most);
		n_found += found[i] != 0;
		if (!found[i])
			found[i] = UINT64_MAX;
	}
	qsort(found, starts, sizeof found[0], by_value);
	median = found[starts / 2];
	printf("%-20s I%-3u ", hk_planted[bug].name, hk_planted[bug].invariant);
	if (median == UINT64_MAX)
		printf("%8s", "-");
	else
		printf("%8" PRIu64, median);
	printf("  %2u of %2u  %s: %s\n", n_found, starts, hk_planted[bug].where, hk_planted[bug].what);
	return median <= MEDIAN_MOST;
}

bool hk_planted_hunt(uint64_t most, unsigned starts)
{
	unsigned found = 0;
	int bug;

	if (starts < 1 || starts > STARTS_MOST)
		starts = 1;
	printf("bug                  breaks  seeds  from     where: what (seeds: the median of the starts)\n");
	for (bug = HK_BUG_NONE + 1; bug < HK_BUGS; bug++) {
		found += hunt_one(bug, most, starts);
		fflush(stdout);
	}
	printf("%u of %d planted bugs found\n%u passed, %u failed\n", found, HK_BUGS - 1, found, HK_BUGS - 1 - found);
	return found == HK_BUGS - 1;
}
