/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "engine/spool_testing.h"
#include "tests/unit.h"

/* What was said about each message, by a scenario during which the disk fails; and what recovery
 * must then say. */
enum told { NEVER, MAYBE, DURABLE, MAYBE_DONE, DONE };
enum { MESSAGES = 60, EACH_COMMIT = 3 };

struct ledger {
	enum told told[MESSAGES + 1];
	size_t accepted, refused;
};

/* A message that a failed commit left open is never spoken of again by this process: it stays
 * MAYBE. */
static void put_some(struct hk_spool *s, struct hk_sim_disk *d, struct ledger *l, uint64_t first)
{
	bool added[EACH_COMMIT] = {false}, ok;
	uint64_t i;

	for (i = 0; i < EACH_COMMIT; i++) {
		enum hk_status status = (first + i) % 7 == 0
		                            ? test_put_with_file(s, &d->disk, first + i)
		                            : test_put(s, first + i, 1, 700 + first % 5 * 300);

		added[i] = status == HK_OK;
		l->refused += !added[i];
	}
	ok = hk_spool_commit(s) == HK_OK && !d->dead;
	for (i = 0; i < EACH_COMMIT; i++) {
		if (!added[i])
			continue;
		l->told[first + i] = ok ? DURABLE : MAYBE;
		l->accepted += ok;
	}
}

static void complete_some(
    struct hk_spool *s, struct hk_sim_disk *d, struct ledger *l, uint64_t upto)
{
	bool added[MESSAGES + 1] = {false}, ok;
	uint64_t id;

	for (id = 1; id <= upto; id++) {
		if ((l->told[id] != DURABLE && l->told[id] != MAYBE_DONE) || id % 5 == 0)
			continue;
		added[id] = hk_spool_complete(s, id, 0, HK_RCPT_DELIVERED, HK_S("ok")) == HK_OK;
	}
	ok = hk_spool_commit(s) == HK_OK && !d->dead;
	for (id = 1; id <= upto; id++)
		if (added[id])
			l->told[id] = ok ? DONE : MAYBE_DONE;
}

static void play(struct hk_sim_disk *d, struct ledger *l)
{
	struct hk_spool *s;
	enum hk_status status = HK_OK;
	unsigned step;
	uint64_t id;

	*l = (struct ledger){.accepted = 0};
	if (test_open(d, &s) != HK_OK)
		return;
	for (id = 1; id + EACH_COMMIT <= MESSAGES + 1; id += EACH_COMMIT) {
		put_some(s, d, l, id);
		if (id % 4 == 0)
			complete_some(s, d, l, id);
		/* quiet now and then, and once for long enough */
		for (step = 0; step < (id == MESSAGES / 2 + 1 ? 20 : 1); step++)
			status = (id % 2 ? hk_spool_rest : hk_spool_tidy)(s, 4096);
		if (status != HK_OK || hk_spool_is_failing(s))
			status = hk_spool_probe(s);
	}
	hk_spool_close(s);
}

static void check(struct hk_sim_disk *d, const struct ledger *l)
{
	bool is_live[MESSAGES + 1] = {false};
	struct hk_spool_entry e;
	struct hk_mail read = {0};
	struct hk_spool *s;
	enum hk_status status;
	uint64_t id;

	assert_int_equal(test_open(d, &s), HK_OK);
	while ((status = hk_spool_recovered(s, &e)) == HK_OK) {
		struct test_mail want;

		assert_in_range(e.id, 1, MESSAGES);
		is_live[e.id] = true;
		hk_arena_init(&read.arena, 65536);
		assert_int_equal(hk_spool_read(&d->disk, "spool", &e.place, &read), HK_OK);
		test_mail_make(&want, e.id, 1, read.body.n);
		assert_true(hk_slice_eq(want.mail.body, read.body));
		hk_arena_done(&read.arena);
	}
	assert_int_equal(status, HK_END);
	for (id = 1; id <= MESSAGES; id++) {
		if (l->told[id] == DURABLE && !is_live[id])
			fail_msg("message %u was acknowledged and is lost", (unsigned)id);
		if ((l->told[id] == DONE || l->told[id] == NEVER) && is_live[id])
			fail_msg("message %u came back", (unsigned)id);
	}
	hk_spool_close(s);
}

static uint64_t calls_of_play(enum hk_sim_profile profile, uint64_t capacity)
{
	struct hk_sim_disk d;
	struct ledger l;
	uint64_t calls;

	hk_sim_disk_init(&d, profile, 1);
	d.capacity = capacity;
	play(&d, &l);
	check(&d, &l);
	assert_true(capacity || l.accepted == MESSAGES);
	calls = d.calls;
	hk_sim_disk_done(&d);
	return calls;
}

/* R4 of security.md 2.4, in the simulated world */
static void every_disk_call_may_fail_once_and_nothing_acknowledged_is_lost(void **state)
{
	static const enum hk_status statuses[] = {HK_IO, HK_FULL};
	uint64_t calls = calls_of_play(HK_SIM_POSIX, 0), k;
	size_t i;

	(void)state;
	assert_in_range(calls, 200, 2000);
	for (i = 0; i < 2; i++) {
		for (k = 1; k <= calls; k++) {
			struct hk_sim_disk d;
			struct ledger l;

			hk_sim_disk_init(&d, k & 1 ? HK_SIM_POSIX : HK_SIM_EXT4, k);
			d.fail_at = k;
			d.fail_with = statuses[i];
			play(&d, &l);
			d.fail_at = 0;
			if (k % 3)
				hk_sim_disk_cut(&d);
			check(&d, &l);
			hk_sim_disk_done(&d);
		}
	}
}

static void the_power_may_fail_at_every_disk_call_and_again_in_recovery(void **state)
{
	uint64_t calls = calls_of_play(HK_SIM_POSIX, 0), k;
	unsigned round;

	(void)state;
	for (round = 0; round < 4; round++) {
		for (k = 1; k <= calls; k++) {
			struct hk_sim_disk d;
			struct hk_spool *s;
			struct ledger l;

			hk_sim_disk_init(&d, round & 1 ? HK_SIM_POSIX : HK_SIM_EXT4, k * 8 + round);
			d.die_at = k;
			play(&d, &l);
			if (round & 2)
				hk_sim_disk_kill(&d);
			else
				hk_sim_disk_cut(&d);
			d.die_at = d.calls + 1 + k % 30;
			if (test_open(&d, &s) == HK_OK)
				hk_spool_close(s);
			hk_sim_disk_cut(&d);
			check(&d, &l);
			hk_sim_disk_done(&d);
		}
	}
}

/* The power goes at call k: how many changes of names no sync had covered. */
static unsigned play_until(struct hk_sim_disk *d, struct ledger *l, uint64_t k, uint64_t seed)
{
	hk_sim_disk_init(d, HK_SIM_POSIX, seed);
	d->die_at = k;
	play(d, l);
	return hk_sim_disk_pending(d);
}

/* R3 of security.md 2.4: every prefix of the calls, and every choice of the last three changes of names, with those before them there or not (as the
 * removals of body files, which nothing syncs); of the sectors none, half and all. What chance does above is here complete. */
static void every_prefix_recovers_with_every_choice_of_the_names_that_wait(void **state)
{
	enum { LATEST = 3 };
	uint64_t calls = calls_of_play(HK_SIM_POSIX, 0), k;
	unsigned n = 0, before = 0, states = 0, most = 0;

	(void)state;
	for (k = 1; k <= calls; k++, before = n) {
		struct hk_sim_disk d;
		struct ledger l;
		unsigned choice, sectors;

		n = play_until(&d, &l, k, k);
		most = n > most ? n : most;
		hk_sim_disk_done(&d);
		/* between two changes of names only sectors differ */
		for (choice = n == before ? 15 : 0; choice < 2u << LATEST; choice++) {
			uint64_t latest = choice & ((1u << LATEST) - 1), older = choice >> LATEST;
			unsigned rest = n > LATEST ? n - LATEST : 0;

			for (sectors = 0; sectors <= 1000000; sectors += 500000) {
				(void)play_until(&d, &l, k, k * 64 + choice);
				assert_in_range(rest, 0, 60);
				hk_sim_disk_cut_as(&d, latest << rest | (older ? (UINT64_C(1) << rest) - 1 : 0), sectors);
				check(&d, &l);
				hk_sim_disk_done(&d);
				states++;
			}
		}
	}
	print_message("# %u states, %u names at most\n", states, most);
	assert_true(most > LATEST && states > 3000);
}

static void random_faults_full_disks_and_power_cuts_lose_nothing(void **state)
{
	struct hk_prng p;
	size_t accepted = 0;
	unsigned round;

	(void)state;
	hk_prng_init(&p, 42);
	for (round = 0; round < 600; round++) {
		struct hk_sim_disk d;
		struct ledger l;

		hk_sim_disk_init(
		    &d, hk_prng_coin(&p) ? HK_SIM_POSIX : HK_SIM_EXT4, hk_prng_next(&p));
		d.faults = (struct hk_sim_faults){.sync = (unsigned)hk_prng_below(&p, 2) * 100000,
		    .sync_dir = (unsigned)hk_prng_below(&p, 2) * 200000,
		    .write = (unsigned)hk_prng_below(&p, 2) * 50000,
		    .other = (unsigned)hk_prng_below(&p, 2) * 20000};
		d.capacity = hk_prng_coin(&p) ? 0 : (3 + hk_prng_below(&p, 4)) * TEST_SEGMENT;
		play(&d, &l);
		d.faults = (struct hk_sim_faults){0};
		hk_sim_disk_cut(&d);
		check(&d, &l);
		accepted += l.accepted;
		hk_sim_disk_done(&d);
	}
	assert_in_range(
	    accepted, 600 * 10, 600 * MESSAGES); /* it is not the refusals that keep us safe */
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_disk_call_may_fail_once_and_nothing_acknowledged_is_lost),
	    cmocka_unit_test(the_power_may_fail_at_every_disk_call_and_again_in_recovery),
	    cmocka_unit_test(every_prefix_recovers_with_every_choice_of_the_names_that_wait),
	    cmocka_unit_test(random_faults_full_disks_and_power_cuts_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
