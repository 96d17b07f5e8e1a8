/* SPDX-License-Identifier: MIT */
#include "engine/id_map.h"
#include "sim/prng.h"
#include "tests/unit.h"

enum { IDS = 512, STEPS = 200000 };

/* Against a plain array; few ids, so that the probes meet and wrap. */
static void a_map_holds_what_was_put_and_not_removed(void **state)
{
	static uint64_t cell[IDS];
	bool is_in[IDS] = {false};
	struct hk_id_map m = {0};
	struct hk_prng p;
	size_t i, n = 0, seen;
	unsigned step;

	(void)state;
	hk_prng_init(&p, 7);
	for (step = 0; step < STEPS; step++) {
		uint64_t k = hk_prng_below(&p, IDS), id = k << (k % 50);

		assert_ptr_equal(hk_id_map_get(&m, id | UINT64_C(1) << 62), NULL);
		assert_ptr_equal(
		    hk_id_map_get(&m, k | UINT64_C(1) << 63), is_in[k] ? &cell[k] : NULL);
		if (is_in[k]) {
			assert_ptr_equal(hk_id_map_remove(&m, k | UINT64_C(1) << 63), &cell[k]);
			n--;
		} else {
			cell[k] = k | UINT64_C(1) << 63;
			assert_int_equal(hk_id_map_put(&m, &cell[k]), HK_OK);
			n++;
		}
		is_in[k] = !is_in[k];
		assert_int_equal(m.n, n);
	}
	for (i = 0, seen = 0; hk_id_map_each(&m, &i);)
		seen++;
	assert_int_equal(seen, n);
	hk_id_map_done(&m);
	assert_null(hk_id_map_get(&m, 1));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_map_holds_what_was_put_and_not_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
