/* SPDX-License-Identifier: MIT
 *
 * unit.h - what every unit test begins with: cmocka behind the headers that it wants before itself,
 * tables of slices, and a comparison that shows both texts. Nothing but tests may include it.
 */
#ifndef HIKYAKU_TESTS_UNIT_H
#define HIKYAKU_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <hikyaku/base.h>

#include "tests/oom.h"

/* Each group of tests can also be run with memory running out: tests/oom.h. UNIT_PLAIN: not so for a
 * program that is linked with the shared library. */
#ifndef UNIT_PLAIN
#undef cmocka_run_group_tests
#undef cmocka_run_group_tests_name
#define cmocka_run_group_tests(tests, setup, teardown)                                             \
	cmocka_run_group_tests_name(#tests, tests, setup, teardown)
#define cmocka_run_group_tests_name(name, tests, setup, teardown)                                  \
	oom_run_group(name, tests, COUNT(tests), setup, teardown)
#endif

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* HK_S without the type: a static table wants constant initialisers. */
#define S(literal)                                                                                 \
	{                                                                                          \
		(const uint8_t *)("" literal), sizeof(literal) - 1                                 \
	}

/* A pointer that the test cannot go on without. */
#define must(pointer) unit_must((pointer), __FILE__, __LINE__)

#define assert_slice(got, want) unit_compare((got), (want), __FILE__, __LINE__)
#define assert_text(got, want)  assert_slice((got), hk_slice_str(want))

/* want stands somewhere in text */
#define assert_has(text, want) unit_search((text), (want), __FILE__, __LINE__)

static inline void *unit_must(void *p, const char *file, int line)
{
	if (!p) {
		print_message("# no memory\n");
		_fail(file, line);
	}
	return p;
}

static inline void unit_compare(
    struct hk_slice got, struct hk_slice want, const char *file, int line)
{
	if (hk_slice_eq(got, want))
		return;
	print_message("# got  \"%.*s\"\n# want \"%.*s\"\n", HK_FMT(got), HK_FMT(want));
	_fail(file, line);
}

static inline void unit_search(const char *text, const char *want, const char *file, int line)
{
	if (strstr(text, want))
		return;
	print_message("# no \"%s\" in:\n# %s\n", want, text);
	_fail(file, line);
}

#endif
