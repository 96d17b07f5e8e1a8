/* SPDX-License-Identifier: MIT */
#include <hikyaku/crypto.h>

#include "engine/limits.h"
#include "sim/prng.h"
#include "tests/unit.h"

enum { MINUTE = 60000, EVENTS = 4000, NAMES = 5 };

static const uint8_t seed[HK_LIMITS_SEED] = {1, 2, 3};

static struct hk_limits *limits(size_t max)
{
	return must(hk_limits_new(max, seed));
}

/* What was granted, kept in full: the model that the ring is held against. */
struct grant {
	uint64_t at;
	uint32_t n;
};

static uint64_t granted_since(const struct grant *g, size_t n, uint64_t from)
{
	uint64_t all = 0;
	size_t i;

	for (i = 0; i < n; i++)
		if (g[i].at >= from)
			all += g[i].n;
	return all;
}

static void no_window_holds_more_than_its_rule_and_none_waits_longer_than_a_slot_more(void **state)
{
	static struct grant granted[NAMES][EVENTS];
	size_t n_granted[NAMES] = {0}, i, refused = 0;
	struct hk_limits *l = limits(64);
	const struct hk_limit_rule rule = {20, 40}; /* slots of 5 s */
	uint64_t now = 1000000;
	struct hk_prng p;

	(void)state;
	hk_prng_init(&p, 11);
	for (i = 0; i < EVENTS; i++) {
		size_t who = hk_prng_below(&p, NAMES);
		uint32_t n = 1 + (uint32_t)hk_prng_below(&p, 4), wait = 0;
		uint8_t name = (uint8_t)who;
		struct grant *g = granted[who];
		bool fits = hk_limits_take(
		    l, HK_LIMIT_USER_MESSAGES, hk_slice_of(&name, 1), n, rule, now, &wait);

		if (fits) {
			g[n_granted[who]++] = (struct grant){now, n};
			/* the window that ends now; one that ends later was looked at then */
			assert_true(granted_since(g, n_granted[who], now - 40000 + 1) <= 20);
		} else {
			refused++;
			assert_true(granted_since(g, n_granted[who], now - 45000) + n > 20);
			assert_true(wait >= 1 && wait <= 45);
		}
		now += hk_prng_below(&p, 3000);
	}
	assert_true(refused > 100);
	hk_limits_free(l);
}

static void what_it_says_to_wait_is_enough(void **state)
{
	struct hk_limits *l = limits(8);
	const struct hk_limit_rule rule = {3, 60};
	uint32_t wait = 0;
	uint64_t now = 12345678;

	(void)state;
	assert_true(hk_limits_take(l, HK_LIMIT_CLIENT_MESSAGES, HK_S("a"), 3, rule, now, NULL));
	assert_false(hk_limits_take(l, HK_LIMIT_CLIENT_MESSAGES, HK_S("a"), 1, rule, now, &wait));
	assert_in_range(wait, 60, 68);
	assert_false(hk_limits_take(
	    l, HK_LIMIT_CLIENT_MESSAGES, HK_S("a"), 1, rule, now + (wait - 1) * 1000, NULL));
	assert_true(hk_limits_take(
	    l, HK_LIMIT_CLIENT_MESSAGES, HK_S("a"), 1, rule, now + wait * 1000, NULL));
	/* more than the rule itself never goes */
	assert_false(hk_limits_take(l, HK_LIMIT_CLIENT_MESSAGES, HK_S("b"), 4, rule, now, &wait));
	assert_int_equal(wait, 60);
	hk_limits_free(l);
}

static void no_rule_is_no_limit_and_takes_no_place(void **state)
{
	struct hk_limits *l = limits(8);
	unsigned i;

	(void)state;
	for (i = 0; i < 1000; i++)
		assert_true(hk_limits_take(l, HK_LIMIT_CLIENT_MESSAGES, HK_S("a"), 1000,
		    (struct hk_limit_rule){0, 60}, 5, NULL));
	assert_int_equal(hk_limits_entries(l), 0);
	hk_limits_free(l);
}

static void names_kinds_and_windows_have_nothing_to_do_with_each_other(void **state)
{
	struct hk_limits *l = limits(64);
	const struct hk_limit_rule one = {1, 60};

	(void)state;
	assert_true(hk_limits_take(l, HK_LIMIT_USER_MESSAGES, HK_S("a"), 1, one, 0, NULL));
	assert_false(hk_limits_take(l, HK_LIMIT_USER_MESSAGES, HK_S("a"), 1, one, 0, NULL));
	assert_true(hk_limits_take(l, HK_LIMIT_USER_MESSAGES, HK_S("b"), 1, one, 0, NULL));
	assert_true(hk_limits_take(l, HK_LIMIT_USER_MESSAGES, HK_S(""), 1, one, 0, NULL));
	assert_true(hk_limits_take(l, HK_LIMIT_DEVICE_MESSAGES, HK_S("a"), 1, one, 0, NULL));
	assert_true(hk_limits_take(
	    l, HK_LIMIT_USER_MESSAGES, HK_S("a"), 1, (struct hk_limit_rule){1, 61}, 0, NULL));
	hk_limits_free(l);
}

static void failures_add_up_and_are_forgotten_on_demand(void **state)
{
	struct hk_limits *l = limits(8);

	(void)state;
	assert_int_equal(hk_limits_seen(l, HK_LIMIT_USER_FAILURES, HK_S("a"), 600, 0), 0);
	assert_int_equal(hk_limits_add(l, HK_LIMIT_USER_FAILURES, HK_S("a"), 1, 600, 0), 1);
	assert_int_equal(hk_limits_add(l, HK_LIMIT_USER_FAILURES, HK_S("a"), 2, 600, 1000), 3);
	assert_int_equal(hk_limits_seen(l, HK_LIMIT_USER_FAILURES, HK_S("a"), 600, 2000), 3);
	assert_int_equal(
	    hk_limits_add(l, HK_LIMIT_USER_FAILURES, HK_S("a"), UINT32_MAX, 600, 2000), UINT32_MAX);
	assert_int_equal(hk_limits_seen(l, HK_LIMIT_USER_FAILURES, HK_S("a"), 600, 12 * MINUTE), 0);
	hk_limits_add(l, HK_LIMIT_USER_FAILURES, HK_S("a"), 5, 600, 12 * MINUTE);
	hk_limits_forget(l, HK_LIMIT_USER_FAILURES, HK_S("a"), 600);
	assert_int_equal(hk_limits_seen(l, HK_LIMIT_USER_FAILURES, HK_S("a"), 600, 12 * MINUTE), 0);
	assert_int_equal(hk_limits_entries(l), 0);
	hk_limits_free(l);
}

static void a_clock_that_goes_back_neither_forgives_nor_hangs(void **state)
{
	struct hk_limits *l = limits(8);

	(void)state;
	hk_limits_add(l, HK_LIMIT_USER_FAILURES, HK_S("a"), 3, 60, 100 * MINUTE);
	assert_int_equal(hk_limits_seen(l, HK_LIMIT_USER_FAILURES, HK_S("a"), 60, 10), 3);
	hk_limits_add(l, HK_LIMIT_USER_FAILURES, HK_S("a"), 1, 60, UINT64_MAX);
	assert_int_equal(hk_limits_seen(l, HK_LIMIT_USER_FAILURES, HK_S("a"), 60, UINT64_MAX), 1);
	/* a window of no length is one millisecond for each slot, not a division by zero */
	assert_int_equal(hk_limits_add(l, HK_LIMIT_USER_FAILURES, HK_S("b"), 1, 0, 5), 1);
	hk_limits_free(l);
}

static void those_present_are_counted_and_leave(void **state)
{
	struct hk_limits *l = limits(8);

	(void)state;
	assert_true(hk_limits_enter(l, HK_LIMIT_CLIENT_CONNECTIONS, HK_S("a"), 2));
	assert_true(hk_limits_enter(l, HK_LIMIT_CLIENT_CONNECTIONS, HK_S("a"), 2));
	assert_false(hk_limits_enter(l, HK_LIMIT_CLIENT_CONNECTIONS, HK_S("a"), 2));
	assert_true(hk_limits_enter(l, HK_LIMIT_CLIENT_CONNECTIONS, HK_S("a"), 0));
	hk_limits_leave(l, HK_LIMIT_CLIENT_CONNECTIONS, HK_S("a"));
	hk_limits_leave(l, HK_LIMIT_CLIENT_CONNECTIONS, HK_S("a"));
	assert_true(hk_limits_enter(l, HK_LIMIT_CLIENT_CONNECTIONS, HK_S("a"), 2));
	hk_limits_leave(l, HK_LIMIT_CLIENT_CONNECTIONS, HK_S("a"));
	hk_limits_leave(l, HK_LIMIT_CLIENT_CONNECTIONS, HK_S("a"));
	assert_int_equal(hk_limits_entries(l), 0);
	hk_limits_leave(l, HK_LIMIT_CLIENT_CONNECTIONS, HK_S("a")); /* one too many is nothing */
	hk_limits_free(l);
}

static void a_full_table_forgets_the_oldest_and_never_those_present(void **state)
{
	struct hk_limits *l = limits(4);
	uint8_t name;

	(void)state;
	assert_true(hk_limits_enter(l, HK_LIMIT_CLIENT_CONNECTIONS, HK_S("here"), 1));
	for (name = 0; name < 4; name++) {
		hk_limits_add(l, HK_LIMIT_CLIENT_FAILURES, hk_slice_of(&name, 1), 1, 600, 0);
		if (name == 2) /* the first is used again: now the second is the oldest */
			hk_limits_add(
			    l, HK_LIMIT_CLIENT_FAILURES, hk_slice_of((uint8_t[]){0}, 1), 1, 600, 0);
	}
	assert_int_equal(hk_limits_entries(l), 4);
	for (name = 0; name < 4; name++)
		assert_int_equal(
		    hk_limits_seen(l, HK_LIMIT_CLIENT_FAILURES, hk_slice_of(&name, 1), 600, 0),
		    name == 0   ? 2
		    : name == 1 ? 0
		                : 1);
	assert_false(hk_limits_enter(l, HK_LIMIT_CLIENT_CONNECTIONS, HK_S("here"), 1));
	/* nobody can be forgotten any more: another is not let in, and a rate is let pass */
	assert_true(hk_limits_enter(l, HK_LIMIT_CLIENT_CONNECTIONS, HK_S("b"), 1));
	assert_true(hk_limits_enter(l, HK_LIMIT_CLIENT_CONNECTIONS, HK_S("c"), 1));
	assert_true(hk_limits_enter(l, HK_LIMIT_CLIENT_CONNECTIONS, HK_S("d"), 1));
	assert_false(hk_limits_enter(l, HK_LIMIT_CLIENT_CONNECTIONS, HK_S("e"), 1));
	assert_true(hk_limits_take(
	    l, HK_LIMIT_CLIENT_MESSAGES, HK_S("e"), 1, (struct hk_limit_rule){1, 60}, 0, NULL));
	assert_int_equal(hk_limits_add(l, HK_LIMIT_CLIENT_FAILURES, HK_S("e"), 7, 60, 0), 7);
	hk_limits_leave(l, HK_LIMIT_CLIENT_CONNECTIONS, HK_S("here"));
	assert_true(hk_limits_enter(l, HK_LIMIT_CLIENT_CONNECTIONS, HK_S("e"), 1));
	hk_limits_free(l);
}

/* Against a plain array, with more names than places for a while, and everybody gone at the end. */
static void it_stays_whole_under_any_order_of_calls(void **state)
{
	enum { PEOPLE = 40, ROOM = 64, STEPS = 100000 };
	uint32_t present[PEOPLE] = {0};
	struct hk_limits *l = limits(ROOM);
	struct hk_prng p;
	unsigned step;
	uint8_t who;

	(void)state;
	hk_prng_init(&p, 5);
	for (step = 0; step < STEPS; step++) {
		who = (uint8_t)hk_prng_below(&p, PEOPLE);
		if (hk_prng_coin(&p)) {
			bool was = present[who] < 3;

			assert_int_equal(
			    hk_limits_enter(l, HK_LIMIT_USER_CONNECTIONS, hk_slice_of(&who, 1), 3),
			    was);
			present[who] += was;
		} else if (present[who]) {
			hk_limits_leave(l, HK_LIMIT_USER_CONNECTIONS, hk_slice_of(&who, 1));
			present[who]--;
		} else {
			uint64_t any = hk_prng_next(&p);

			hk_limits_add(l, HK_LIMIT_CLIENT_FAILURES, hk_slice_of(&any, sizeof any), 1,
			    60, step);
		}
		assert_true(hk_limits_entries(l) <= ROOM);
	}
	for (who = 0; who < PEOPLE; who++)
		while (present[who]--)
			hk_limits_leave(l, HK_LIMIT_USER_CONNECTIONS, hk_slice_of(&who, 1));
	for (who = 0; who < PEOPLE; who++)
		assert_true(hk_limits_enter(l, HK_LIMIT_USER_CONNECTIONS, hk_slice_of(&who, 1), 1));
	hk_limits_free(l);
}

/* Guesses from a million addresses, each at another user but for every hundredth: the table is as large as it is, and the user that
 * is guessed at is not forgotten for the flood. */
static void a_million_failures_take_no_more_places_and_hide_nobody(void **state)
{
	enum { FLOOD = 1000000, ROOM = 4096 };
	struct hk_limits *l = limits(ROOM);
	uint32_t i, guesses = 0;

	(void)state;
	for (i = 0; i < FLOOD; i++) {
		uint8_t ip[5] = {4, 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};

		hk_limits_add(l, HK_LIMIT_CLIENT_FAILURES, hk_slice_of(ip, sizeof ip), 1, 600, i / 100);
		if (i % 100 == 0)
			guesses++;
		hk_limits_add(l, HK_LIMIT_USER_FAILURES, i % 100 ? hk_slice_of(&i, sizeof i) : HK_S("alice"), 1, 600, i / 100);
		assert_true(hk_limits_entries(l) <= ROOM);
	}
	assert_int_equal(hk_limits_seen(l, HK_LIMIT_USER_FAILURES, HK_S("alice"), 600, FLOOD / 100), guesses);
	hk_limits_free(l);
}

static void an_ipv6_client_is_its_64(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
	    {"192.0.2.1", "192.0.2.1", true},
	    {"192.0.2.1", "192.0.2.2", false},
	    {"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
	    {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
	    {"::ffff:192.0.2.1", "192.0.2.1", true},
	    {"c000:201::", "192.0.2.1", false},
	};
	uint8_t a[HK_LIMITS_CLIENT_MAX], b[HK_LIMITS_CLIENT_MAX];
	struct hk_ip ip[2];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		assert_int_equal(hk_ip_parse(hk_slice_str(rows[i].a), &ip[0]), HK_OK);
		assert_int_equal(hk_ip_parse(hk_slice_str(rows[i].b), &ip[1]), HK_OK);
		assert_int_equal(
		    hk_slice_eq(hk_limits_client(&ip[0], a), hk_limits_client(&ip[1], b)),
		    rows[i].same);
	}
	ip[0] = (struct hk_ip){0};
	assert_int_equal(hk_limits_client(&ip[0], a).n, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
	        no_window_holds_more_than_its_rule_and_none_waits_longer_than_a_slot_more),
	    cmocka_unit_test(what_it_says_to_wait_is_enough),
	    cmocka_unit_test(no_rule_is_no_limit_and_takes_no_place),
	    cmocka_unit_test(names_kinds_and_windows_have_nothing_to_do_with_each_other),
	    cmocka_unit_test(failures_add_up_and_are_forgotten_on_demand),
	    cmocka_unit_test(a_clock_that_goes_back_neither_forgives_nor_hangs),
	    cmocka_unit_test(those_present_are_counted_and_leave),
	    cmocka_unit_test(a_full_table_forgets_the_oldest_and_never_those_present),
	    cmocka_unit_test(it_stays_whole_under_any_order_of_calls),
	    {"SEC-87, SEC-88: a million failures take no more places and hide nobody",
	        a_million_failures_take_no_more_places_and_hide_nobody, NULL, NULL, NULL},
	    {"SEC-87: an IPv6 client is its /64", an_ipv6_client_is_its_64, NULL, NULL, NULL},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
