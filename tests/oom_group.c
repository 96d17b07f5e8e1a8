/* SPDX-License-Identifier: MIT
 *
 * Any unit test with memory running out: each run is a child, so that a crash is a finding and no
 * end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit.h"

/* Seconds. For one run: a loop that waits for memory that never comes is a finding too. For some runs of a test, and for all of them
 * unless HIKYAKU_OOM_SECONDS says otherwise: a test that does the same a thousand times over has a million allocations, and its time
 * is up first; how many runs were made is printed. */
enum { PATIENCE = 20, TIME_FOR_SOME = 2, TIME_FOR_ALL = 120 };

#define ALL (SIZE_MAX / 2) /* of the allocations */

struct group {
	const char *name;
	void *state; /* what the group's setup made, once, before any child */
};

struct run {
	size_t nth; /* 0: counts only */
	enum oom_mode mode;
	bool leaks; /* look for them: slow */
};

/* One child: what it said goes to a file in memory. */
struct child {
	int status, said;
};

/* ASan's defaults for these children. SIGSEGV is ASan's own, since cmocka makes a failed test of
 * it. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return getenv("HIKYAKU_OOM")
	           ? "handle_segv=2:handle_sigbus=2:handle_sigfpe=2:allocator_may_return_null=1"
	           : "";
}

static struct run armed_run;
static const struct CMUnitTest *armed_test;

/* Setup and teardown have what they need; the test does not. */
static int begin(void **state)
{
	int failed = armed_test->setup_func ? armed_test->setup_func(state) : 0;

	oom_arm(armed_run.nth, armed_run.mode);
	return failed;
}

static int finish(void **state)
{
	oom_disarm();
	return armed_test->teardown_func ? armed_test->teardown_func(state) : 0;
}

static size_t *counter; /* shared with the children */

static void body(void **state)
{
	armed_test->test_func(state);
	*counter = oom_disarm();
}

static int run_it(const struct group *g)
{
	struct CMUnitTest test = *armed_test;
	int failed;

	test.test_func = body;
	test.setup_func = begin;
	test.teardown_func = finish;
	if (!test.initial_state)
		test.initial_state = g->state;
	failed = _cmocka_run_group_tests(g->name, &test, 1, NULL, NULL);
	fflush(NULL);
	return failed;
}

static void in_child(const struct group *g, const struct child *c, const struct run *run)
{
	int failed;

	armed_run = *run;
	alarm(PATIENCE);
	dup2(c->said, STDOUT_FILENO);
	dup2(c->said, STDERR_FILENO);
	failed = run_it(g);
	if (failed || !run->leaks)
		_exit(failed != 0);
	exit(0);
}

static void start(const struct group *g, struct child *c, const struct run *run)
{
	pid_t pid;

	*counter = 0;
	if (ftruncate(c->said, 0) != 0 || lseek(c->said, 0, SEEK_SET) != 0)
		abort();
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		in_child(g, c, run);
	if (pid < 0 || waitpid(pid, &c->status, 0) != pid)
		abort();
}

/* NULL: nothing wrong. A failed assertion is not, since the test wanted success. */
static const char *wrong(const struct child *c, char *text, size_t room)
{
	ssize_t n = pread(c->said, text, room - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	if (WIFSIGNALED(c->status))
		return WTERMSIG(c->status) == SIGALRM ? "it hangs" : "it crashes";
	if (strstr(text, "Sanitizer") || strstr(text, "runtime error:"))
		return "the sanitizer reports";
	if (strstr(text, "Test failed with exception"))
		return "it crashes";
	return WEXITSTATUS(c->status) > 1 ? "it ends oddly" : NULL;
}

static size_t common_divisor(size_t a, size_t b)
{
	while (b) {
		size_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* All of total, each once, in an order that is spread over it from the start, for the time may be up before the end. */
static size_t pick_of_all(size_t k, size_t total)
{
	size_t step = total * 5 / 8 + 1;

	while (common_divisor(step, total) != 1)
		step++;
	return k * step % total + 1;
}

/* The k-th of `most` allocations that are spread over total: the first ones dense, where setup is.
 */
static size_t pick(size_t k, size_t most, size_t total)
{
	if (total <= most)
		return pick_of_all(k, total);
	if (k < most / 4)
		return k + 1;
	return most / 4 + 1 + (k - most / 4) * (total - most / 4) / (most - most / 4);
}

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static time_t time_for(size_t most)
{
	const char *text = getenv("HIKYAKU_OOM_SECONDS");
	uint64_t seconds;

	if (most != ALL)
		return TIME_FOR_SOME;
	return text && hk_slice_u64(hk_slice_str(text), 1000000, &seconds) == HK_OK ? (time_t)seconds : TIME_FOR_ALL;
}

static size_t each(const struct group *g, struct child *c, size_t most, size_t total, bool *ret_ok)
{
	static char text[65536];
	size_t k, n = total < most ? total : most, runs = 0;
	time_t end = now() + time_for(most);
	struct run run = {0};
	int mode;

	for (k = 0; k < n && now() <= end; k++) {
		for (mode = OOM_ONCE; mode <= OOM_FROM_THERE_ON; mode++, runs++) {
			const char *what;

			run = (struct run){pick(k, most, total), (enum oom_mode)mode, true};
			start(g, c, &run);
			what = wrong(c, text, sizeof text);
			if (!what)
				continue;
			printf("# %s, allocation %zu of %zu%s: %s\n%s\n", armed_test->name, run.nth,
			    total, mode ? " and all after it" : "", what, text);
			*ret_ok = false;
			return runs;
		}
	}
	return runs;
}

/* The test as it is, in this process: afterwards OpenSSL has all that it fetches once and keeps.
 * Its version 3.0 crashes when memory runs out in its own first use, which no caller can help. */
static size_t rehearse(const struct group *g, const struct child *c)
{
	int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO), failed;

	*counter = 0;
	armed_run = (struct run){0};
	fflush(NULL);
	dup2(c->said, STDOUT_FILENO);
	dup2(c->said, STDERR_FILENO);
	failed = run_it(g);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close(out);
	close(err);
	return failed ? 0 : *counter;
}

static bool one_test(const struct group *g, struct child *c, size_t most, size_t number)
{
	bool ok = true;
	size_t total = rehearse(g, c), runs;

	if (total == 0) {
		printf("ok %zu - %s # SKIP allocates nothing, or is skipped\n", number,
		    armed_test->name);
		return true;
	}
	start(g, c, &(struct run){0});
	total = *counter;
	runs = each(g, c, most, total, &ok);
	printf("%s %zu - %s (%zu allocations, %zu runs)\n", ok ? "ok" : "not ok", number,
	    armed_test->name, total, runs);
	return ok;
}

static bool each_test(
    struct group *g, struct child *c, const struct CMUnitTest *tests, size_t n, size_t most)
{
	size_t i;
	bool ok = true;

	printf("1..%zu\n", n);
	for (i = 0; i < n; i++) {
		armed_test = &tests[i];
		ok = one_test(g, c, most, i + 1) && ok;
	}
	return ok;
}

int oom_run_group(const char *name, const struct CMUnitTest *tests, size_t n, int (*setup)(void **),
    int (*teardown)(void **))
{
	struct group g = {.name = name};
	const char *wanted = getenv("HIKYAKU_OOM_RUNS");
	struct child c = {0};
	uint64_t most;
	bool ok;

	if (!getenv("HIKYAKU_OOM"))
		return _cmocka_run_group_tests(name, tests, n, setup, teardown);
	if (!wanted || strcmp(wanted, "all") == 0)
		most = ALL;
	else if (hk_slice_u64(hk_slice_str(wanted), ALL, &most) != HK_OK)
		return 1;
	c.said = memfd_create("said", MFD_CLOEXEC);
	counter =
	    mmap(NULL, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (c.said < 0 || counter == MAP_FAILED || most == 0 || (setup && setup(&g.state) != 0))
		return 1;
	ok = each_test(&g, &c, tests, n, most);
	if (teardown && teardown(&g.state) != 0)
		ok = false;
	munmap(counter, sizeof *counter);
	close(c.said);
	return !ok;
}
