/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "engine/greylist.h"
#include "tests/unit.h"

enum { NOW = 1700000000, DELAY = 300, DAY = 86400 };
static const uint8_t seed[HK_GREYLIST_SEED] = {1, 2, 3};

static uint32_t ask(struct hk_greylist *g, const char *client, const char *sender, const char *recipient, int64_t at)
{
	struct hk_greylist_query q = {
	    .sender = hk_slice_str(sender), .recipient = hk_slice_str(recipient), .delay = DELAY, .utc = NOW + at};

	if (hk_ip_parse(hk_slice_str(client), &q.client) != HK_OK)
		q.client.family = 0;
	return hk_greylist_wait(g, &q);
}

/* RFC 6647 4.4 */
static void who_comes_again_in_time_may_pass(void **state)
{
	static const struct {
		const char *client, *sender, *recipient;
		int64_t at;
		uint32_t want;
	} steps[] = {
	    {"192.0.2.1", "s@a.test", "u@b.test", 0, 300}, {"192.0.2.1", "s@a.test", "u@b.test", 1, 299},
	    {"192.0.2.1", "s@a.test", "u@b.test", 299, 1}, {"192.0.2.200", "S@A.test", "U@b.TEST", 300, 0},
	    {"192.0.2.1", "s@a.test", "u@b.test", 301, 0},
	    /* each part counts */
	    {"192.0.3.1", "s@a.test", "u@b.test", 302, 300}, {"192.0.2.1", "t@a.test", "u@b.test", 302, 300},
	    {"192.0.2.1", "s@a.test", "v@b.test", 302, 300}, {"192.0.2.1", "s@a.testu", "@b.test", 302, 300},
	    /* an IPv6 client is its /64 */
	    {"2001:db8::1", "", "u@b.test", 302, 300}, {"2001:db8::ffff:1", "", "u@b.test", 700, 0},
	    {"2001:db8:0:1::1", "", "u@b.test", 700, 300},
	    /* without an address nobody is told to wait */
	    {"none", "s@a.test", "u@b.test", 700, 0},
	    /* known for a month and some days after the last time, not for longer */
	    {"192.0.2.1", "s@a.test", "u@b.test", 36 * DAY, 0}, {"192.0.2.1", "s@a.test", "u@b.test", 72 * DAY, 0},
	    {"192.0.2.1", "s@a.test", "u@b.test", 108 * DAY + 1, 300},
	    /* a first try is forgotten after two days */
	    {"192.0.2.1", "s@a.test", "u@b.test", 110 * DAY + 2, 300}, {"192.0.2.1", "s@a.test", "u@b.test", 112 * DAY + 2, 0},
	    /* a clock that goes back lets nobody pass and forgets nobody */
	    {"198.51.100.1", "s@a.test", "u@b.test", 112 * DAY, 300}, {"198.51.100.1", "s@a.test", "u@b.test", 111 * DAY, 300},
	    {"198.51.100.1", "s@a.test", "u@b.test", 112 * DAY + 300, 0},
	};
	struct hk_greylist *g = must(hk_greylist_new(1024, seed));
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(steps); i++) {
		uint32_t got = ask(g, steps[i].client, steps[i].sender, steps[i].recipient, steps[i].at);

		if (got != steps[i].want)
			fail_msg("step %zu: %u", i, got);
	}
	hk_greylist_free(g);
}

static void a_net_that_proved_itself_is_not_asked_again(void **state)
{
	struct hk_greylist *g = must(hk_greylist_new(1024, seed));
	char sender[32];
	int i;

	(void)state;
	for (i = 0; i < HK_GREYLIST_PROVEN; i++) {
		snprintf(sender, sizeof sender, "s%d@a.test", i);
		assert_int_equal(ask(g, "192.0.2.1", sender, "u@b.test", 0), DELAY);
		assert_int_equal(ask(g, "192.0.2.1", sender, "u@b.test", DELAY), 0);
		/* the same one again proves nothing more */
		assert_int_equal(ask(g, "192.0.2.1", sender, "u@b.test", DELAY), 0);
	}
	assert_int_equal(ask(g, "192.0.2.77", "new@a.test", "u@b.test", DELAY), 0);
	assert_int_equal(ask(g, "192.0.3.77", "new@a.test", "u@b.test", DELAY), DELAY);
	hk_greylist_free(g);
}

/* A flood fills its own table and nothing else. */
static void a_flood_of_names_takes_no_more_memory(void **state)
{
	struct hk_greylist *g = must(hk_greylist_new(64, seed)), *copy = NULL;
	struct hk_buf text;
	char sender[32];
	int i;

	(void)state;
	for (i = 0; i < 10000; i++) {
		snprintf(sender, sizeof sender, "s%d@a.test", i);
		assert_int_equal(ask(g, "192.0.2.1", sender, "u@b.test", i), DELAY);
	}
	hk_buf_init(&text, 1024 * 1024);
	hk_greylist_format(g, &text);
	assert_true(text.n <= 64 + 64 * 32);
	assert_int_equal(hk_greylist_parse(hk_buf_slice(&text), 64, &copy), HK_OK);
	hk_greylist_free(copy);
	hk_buf_done(&text);
	hk_greylist_free(g);
}

static void it_is_the_same_after_a_restart_and_damage_is_told(void **state)
{
	struct hk_greylist *g = must(hk_greylist_new(1024, seed)), *again = NULL;
	struct hk_buf text;
	size_t i;

	(void)state;
	assert_int_equal(ask(g, "192.0.2.1", "s@a.test", "u@b.test", 0), DELAY);
	assert_int_equal(ask(g, "192.0.2.1", "t@a.test", "u@b.test", 0), DELAY);
	assert_int_equal(ask(g, "192.0.2.1", "t@a.test", "u@b.test", DELAY), 0);
	hk_buf_init(&text, HK_GREYLIST_TEXT_MAX);
	hk_greylist_format(g, &text);
	assert_int_equal(hk_greylist_parse(hk_buf_slice(&text), 1024, &again), HK_OK);
	assert_int_equal(ask(again, "192.0.2.1", "s@a.test", "u@b.test", 1), DELAY - 1);
	assert_int_equal(ask(again, "192.0.2.1", "t@a.test", "u@b.test", 1), 0);
	hk_greylist_free(again);
	for (i = 0; i < text.n; i++) {
		text.p[i] ^= 1;
		assert_int_equal(hk_greylist_parse(hk_buf_slice(&text), 1024, &again), HK_CORRUPT);
		text.p[i] ^= 1;
		assert_int_equal(hk_greylist_parse(hk_slice_of(text.p, i), 1024, &again), HK_CORRUPT);
	}
	hk_buf_done(&text);
	hk_greylist_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(who_comes_again_in_time_may_pass),
	    cmocka_unit_test(a_net_that_proved_itself_is_not_asked_again),
	    {"SEC-96: a flood of names takes no more memory", a_flood_of_names_takes_no_more_memory, NULL, NULL, NULL},
	    cmocka_unit_test(it_is_the_same_after_a_restart_and_damage_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
