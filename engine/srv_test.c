/* SPDX-License-Identifier: MIT */
#include "engine/srv.h"
#include "tests/unit.h"

static const struct hk_dns_rr three[] = {
    {.type = HK_DNS_SRV, .preference = 20, .weight = 0, .port = 8080, .data = S("c.test")},
    {.type = HK_DNS_SRV, .preference = 10, .weight = 30, .port = 8080, .data = S("a.test")},
    {.type = HK_DNS_SRV, .preference = 10, .weight = 70, .port = 8081, .data = S("b.test")},
};

/* S4-103 */
static void weights_share_the_load_and_a_worse_priority_waits(void **state)
{
	struct hk_dns_answer a = {.rr = three, .n = COUNT(three)};
	size_t place[3], first[3] = {0};
	uint64_t seed;

	(void)state;
	for (seed = 0; seed < 10000; seed++) {
		assert_int_equal(hk_srv_order(&a, seed * 7919, place), 3);
		first[place[0]]++;
		/* all three stand in it, the one of priority 20 last */
		assert_int_equal(place[0] + place[1], 3);
		assert_int_equal(place[2], 0);
	}
	assert_int_equal(first[0], 0);
	assert_in_range(first[1], 2800, 3200);
	assert_in_range(first[2], 6800, 7200);
}

static void the_same_seed_gives_the_same_order(void **state)
{
	struct hk_dns_answer a = {.rr = three, .n = COUNT(three)};
	size_t one[3], two[3], other = 0;
	uint64_t seed;

	(void)state;
	for (seed = 0; seed < 100; seed++) {
		hk_srv_order(&a, seed, one);
		hk_srv_order(&a, seed, two);
		assert_memory_equal(one, two, sizeof one);
		other += one[0] != 2;
	}
	assert_in_range(other, 10, 60);
}

/* RFC 2782: a weight of 0 beside others has a very small chance, and no weights at all an even one. */
static void weight_zero_is_rare_beside_others_and_even_alone(void **state)
{
	struct hk_dns_rr rr[2] = {{.weight = 100}, {.weight = 0}};
	struct hk_dns_answer a = {.rr = rr, .n = 2};
	size_t place[2], first = 0;
	uint64_t seed;

	(void)state;
	for (seed = 0; seed < 10000; seed++) {
		hk_srv_order(&a, seed, place);
		first += place[0] == 1;
	}
	assert_in_range(first, 40, 200);
}

static void no_service_is_one_record_that_names_the_root(void **state)
{
	struct hk_dns_rr rr[2] = {{.data = S("")}, {.data = S("a.test")}};
	struct hk_dns_answer a = {.rr = rr, .n = 1};

	(void)state;
	assert_true(hk_srv_is_none(&a));
	a.n = 2;
	assert_false(hk_srv_is_none(&a));
	a.n = 0;
	assert_false(hk_srv_is_none(&a));
	assert_int_equal(hk_srv_order(&a, 1, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(weights_share_the_load_and_a_worse_priority_waits),
	    cmocka_unit_test(the_same_seed_gives_the_same_order),
	    cmocka_unit_test(weight_zero_is_rare_beside_others_and_even_alone),
	    cmocka_unit_test(no_service_is_one_record_that_names_the_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
