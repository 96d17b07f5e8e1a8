/* SPDX-License-Identifier: MIT
 *
 * unit_arena.h - for the tests of one file that all want an arena: it is new for each TEST(name).
 */
#ifndef HIKYAKU_TESTS_UNIT_ARENA_H
#define HIKYAKU_TESTS_UNIT_ARENA_H

#include "tests/unit.h"

static struct hk_arena arena;

static inline int new_arena(void **state)
{
	(void)state;
	hk_arena_init(&arena, 64u << 20);
	return 0;
}

static inline int free_arena(void **state)
{
	(void)state;
	hk_arena_done(&arena);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, new_arena, free_arena)

#endif
