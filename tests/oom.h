/* SPDX-License-Identifier: MIT
 *
 * oom.h - memory that runs out on purpose.
 *
 * Every unit test program has its allocations go through tests/oom.c: the linker's --wrap turns
 * malloc, calloc, realloc, strdup and each piece of an arena to it, and OpenSSL is given the same
 * functions. Left alone they do what they always do. Armed, the n-th allocation fails: that one
 * alone, or it and all that follow.
 */
#ifndef HIKYAKU_TESTS_OOM_H
#define HIKYAKU_TESTS_OOM_H

#include <hikyaku/base.h>

enum oom_mode { OOM_ONCE, OOM_FROM_THERE_ON };

/* oom_arm(nth, mode): counts from 1 now. nth 0: counts only. */
void oom_arm(size_t nth, enum oom_mode);
/* oom_disarm(): allocations succeed again; how many were asked for since oom_arm. */
size_t oom_disarm(void);
/* oom_rearm(): goes on counting where oom_disarm stopped, for what a scenario prepares undisturbed.
 */
void oom_rearm(void);
/* Blocks that are allocated now, without those of OpenSSL. */
size_t oom_live(void);

/* ---- scenarios whose outcome is known ------------------------------------------------------ */

/* A scenario does one thing from its beginning to its end, frees all of it, and writes what came
 * of it to out, a line for each verdict. It calls oom_disarm once the verdict is there, before it
 * writes. It returns the first status that was not OK; a function that gave NULL counts as NOMEM.
 */
typedef enum hk_status oom_scenario(struct hk_buf *out);

/* oom_torture(name, scenario): runs it untroubled, and then with each of its allocations failing,
 * once and from there on (of more than 500 a sample, unless HIKYAKU_OOM_ALL is in the environment).
 * Each run must end with NOMEM or CRYPTO, or with lines each of which is the untroubled run's or
 * begins with "temperror"; and nothing may be left allocated. Fails the test where one does not.
 * Returns how many runs were made. */
size_t oom_torture(const char *name, oom_scenario *);

/* ---- any unit test ----------------------------------------------------------------------------
 */

struct CMUnitTest;
/* What cmocka_run_group_tests becomes in unit.h. With HIKYAKU_OOM in the environment each test runs
 * in children of its own, for each mode as many as HIKYAKU_OOM_RUNS says, spread over its
 * allocations ("all", the default: for every one). A child's test may fail; it may not crash, hang,
 * or, when it passes, leak. */
int oom_run_group(const char *group, const struct CMUnitTest *, size_t n, int (*setup)(void **),
    int (*teardown)(void **));

#endif
