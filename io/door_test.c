/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "io/door.h"
#include "tests/unit.h"

enum { PATIENCE = 500, TENTH = PATIENCE / 10, FIRST = 1000 };

static const struct hk_conf_socket peer = {.ip = {4, {127, 0, 0, 1}}, .port = 4000};

static void come(struct hk_door *door, int fd, uint64_t now_ms)
{
	assert_int_equal(hk_door_come(door, fd, 3, &peer, now_ms), HK_OK);
}

/* The descriptor of the one who was given out; -1: nobody. */
static int gone(struct hk_door_guest *guest)
{
	int fd = guest ? guest->fd : -1;

	free(guest);
	return fd;
}

static void empty(struct hk_door *door)
{
	while (door->n)
		assert_true(gone(hk_door_take(door)) >= 0);
}

static void who_came_first_is_let_in_first(void **state)
{
	struct hk_door_guest *guest;
	struct hk_door door;

	(void)state;
	hk_door_init(&door);
	assert_int_equal(gone(hk_door_take(&door)), -1);
	come(&door, 1, FIRST);
	come(&door, 2, FIRST);
	assert_int_equal(door.n, 2);
	guest = must(hk_door_take(&door));
	assert_true(guest->fd == 1 && guest->listener == 3 && guest->peer.port == 4000);
	free(guest);
	come(&door, 3, FIRST);
	assert_int_equal(gone(hk_door_take(&door)), 2);
	assert_int_equal(gone(hk_door_take(&door)), 3);
	assert_int_equal(gone(hk_door_take(&door)), -1);
	come(&door, 4, FIRST); /* and again, once it was empty */
	assert_int_equal(gone(hk_door_take(&door)), 4);
	assert_int_equal(door.n, 0);
}

static void a_crowd_that_comes_at_once_has_its_patience(void **state)
{
	struct hk_door door;
	int i;

	(void)state;
	hk_door_init(&door);
	door.patience = PATIENCE;
	assert_int_equal(gone(hk_door_take_late(&door, FIRST)), -1);
	for (i = 0; i < HK_DOOR_LET_IN * 3; i++)
		come(&door, i, FIRST);
	assert_int_equal(gone(hk_door_take_late(&door, FIRST + PATIENCE)), -1);
	assert_int_equal(gone(hk_door_take_late(&door, FIRST + PATIENCE + 1)), 0);
	empty(&door);
}

static void without_patience_nobody_is_ever_turned_away(void **state)
{
	struct hk_door door;
	int i;

	(void)state;
	hk_door_init(&door);
	for (i = 0; i < HK_DOOR_LET_IN * 3; i++)
		come(&door, i, FIRST + (uint64_t)i * 10000);
	assert_int_equal(gone(hk_door_take_late(&door, FIRST * 1000000)), -1);
	empty(&door);
}

static void where_it_is_crowded_a_tenth_of_it_is_all_that_anybody_waits(void **state)
{
	uint64_t now = FIRST + PATIENCE;
	struct hk_door door;

	(void)state;
	hk_door_init(&door);
	door.patience = PATIENCE;
	come(&door, 1, FIRST);
	come(&door, 2, now);
	come(&door, 3, now + 1);
	assert_int_equal(gone(hk_door_take(&door)), 1); /* somebody was there all the time */
	assert_int_equal(gone(hk_door_take_late(&door, now)), -1);
	assert_int_equal(gone(hk_door_take_late(&door, now + TENTH)), -1);
	assert_int_equal(gone(hk_door_take_late(&door, now + TENTH + 1)), 2);
	assert_int_equal(gone(hk_door_take_late(&door, now + TENTH + 1)), -1);
	assert_int_equal(gone(hk_door_take_late(&door, now + TENTH + 2)), 3);
	assert_int_equal(door.n, 0);
}

static void where_it_is_crowded_who_finds_a_full_turn_before_him_hears_so_at_once(void **state)
{
	uint64_t now = FIRST + PATIENCE + 1;
	struct hk_door door;
	int i;

	(void)state;
	hk_door_init(&door);
	door.patience = PATIENCE;
	come(&door, 0, FIRST);
	for (i = 1; i < HK_DOOR_LET_IN; i++)
		come(&door, i, now);
	assert_int_equal(hk_door_come(&door, i, 3, &peer, now), HK_BUSY);
	assert_int_equal(door.n, HK_DOOR_LET_IN);
	empty(&door); /* all of them were let in; it stays crowded for as long as patience says */
	now += PATIENCE;
	for (i = 0; i < HK_DOOR_LET_IN; i++)
		come(&door, i, now);
	assert_int_equal(hk_door_come(&door, i, 3, &peer, now), HK_BUSY);
	empty(&door);
	now += PATIENCE + 1; /* nobody was turned away since */
	for (i = 0; i < HK_DOOR_LET_IN * 2; i++)
		come(&door, i, now);
	empty(&door);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(who_came_first_is_let_in_first),
	    cmocka_unit_test(a_crowd_that_comes_at_once_has_its_patience),
	    cmocka_unit_test(without_patience_nobody_is_ever_turned_away),
	    cmocka_unit_test(where_it_is_crowded_a_tenth_of_it_is_all_that_anybody_waits),
	    cmocka_unit_test(where_it_is_crowded_who_finds_a_full_turn_before_him_hears_so_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
