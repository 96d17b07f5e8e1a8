/* SPDX-License-Identifier: MIT
 *
 * The allocator that fails on purpose, and scenarios run on it. See oom.h.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>

#include "sim/oom/pieces.h"
#include "tests/oom.h"
#include "tests/unit.h"

static struct {
	bool armed;
	enum oom_mode mode;
	size_t nth, asked;
	atomic_size_t live; /* some tests have threads */
} oom;

void oom_arm(size_t nth, enum oom_mode mode)
{
	oom.armed = true;
	oom.mode = mode;
	oom.nth = nth;
	oom.asked = 0;
}

size_t oom_disarm(void)
{
	oom.armed = false;
	return oom.asked;
}

void oom_rearm(void)
{
	oom.armed = true;
}

size_t oom_live(void)
{
	return oom.live;
}

bool pieces_fail(void)
{
	if (!oom.armed)
		return false;
	oom.asked++;
	return oom.nth && (oom.asked == oom.nth || (oom.mode && oom.asked > oom.nth));
}

static void *count(void *p)
{
	if (p)
		oom.live++;
	return p;
}

/* ---- malloc and its family ------------------------------------------------------------------ */

void *__real_malloc(size_t), *__real_calloc(size_t, size_t), *__real_realloc(void *, size_t);
void __real_free(void *);
char *__real_strdup(const char *);

void *__wrap_malloc(size_t n)
{
	return pieces_fail() ? NULL : count(__real_malloc(n));
}

void *__wrap_calloc(size_t count_of, size_t n)
{
	return pieces_fail() ? NULL : count(__real_calloc(count_of, n));
}

void *__wrap_realloc(void *p, size_t n)
{
	void *moved;

	if (pieces_fail())
		return NULL;
	moved = __real_realloc(p, n);
	return p ? moved : count(moved);
}

char *__wrap_strdup(const char *text)
{
	return pieces_fail() ? NULL : count(__real_strdup(text));
}

void __wrap_free(void *p)
{
	if (p)
		oom.live--;
	__real_free(p);
}

/* Before main: OpenSSL takes them only while it has allocated nothing. */
__attribute__((constructor)) static void give_openssl_ours(void)
{
	pieces_openssl();
}

/* ---- scenarios --------------------------------------------------------------------------------
 */

static bool is_line_of(struct hk_slice line, struct hk_slice text)
{
	while (text.n) {
		size_t n = hk_slice_find(text, '\n');

		if (hk_slice_eq(hk_slice_sub(text, 0, n), line))
			return true;
		text = hk_slice_from(text, n + 1);
	}
	return false;
}

static bool is_allowed(enum hk_status status, struct hk_slice got, struct hk_slice right)
{
	if (status == HK_NOMEM || status == HK_CRYPTO)
		return true;
	if (status != HK_OK)
		return false;
	while (got.n) {
		struct hk_slice line = hk_slice_sub(got, 0, hk_slice_find(got, '\n'));

		if (!hk_slice_starts_nocase(line, HK_S("temperror")) && !is_line_of(line, right))
			return false;
		got = hk_slice_from(got, line.n + 1);
	}
	return true;
}

/* One run; what it asked for, or stops the test. */
static size_t run_once(const char *name, oom_scenario *scenario, size_t nth, enum oom_mode mode,
    const struct hk_buf *right)
{
	size_t before, asked;
	enum hk_status status;
	struct hk_buf out;

	hk_buf_init(&out, 1 << 20);
	ERR_clear_error();
	before = oom.live;
	oom_arm(nth, mode);
	status = scenario(&out);
	asked = oom_disarm();
	ERR_clear_error();
	if (!is_allowed(status, hk_buf_slice(&out), hk_buf_slice(right))) {
		print_message("# %s, allocation %zu%s: %s\n# got:\n%.*s# right:\n%.*s", name, nth,
		    mode ? " and all after it" : "", hk_status_name(status),
		    HK_FMT(hk_buf_slice(&out)), HK_FMT(hk_buf_slice(right)));
		hk_buf_done(&out);
		fail_msg("%s: wrong outcome", name);
	}
	hk_buf_done(&out);
	if (oom.live != before)
		fail_msg("%s, allocation %zu%s: %zd blocks are left", name, nth,
		    mode ? " and all after it" : "", (ssize_t)(oom.live - before));
	return asked;
}

enum { SAMPLE = 500 }; /* OpenSSL takes thousands to read a key */

size_t oom_torture(const char *name, oom_scenario *scenario)
{
	size_t total, nth, step, runs = 0;
	struct hk_buf right;
	int mode, i;

	hk_buf_init(&right, 1 << 20);
	/* twice: what OpenSSL fetches once and keeps is no leak of the second run */
	for (i = 0; i < 2; i++) {
		hk_buf_reset(&right);
		oom_arm(0, OOM_ONCE);
		assert_int_equal(scenario(&right), HK_OK);
		oom_disarm();
	}
	assert_true(right.n > 0);
	total = run_once(name, scenario, 0, OOM_ONCE, &right);
	assert_true(total > 0);
	step = getenv("HIKYAKU_OOM_ALL") ? 1 : 1 + total / SAMPLE;
	for (mode = OOM_ONCE; mode <= OOM_FROM_THERE_ON; mode++)
		for (nth = 1; nth <= total; nth += step, runs++)
			run_once(name, scenario, nth, (enum oom_mode)mode, &right);
	hk_buf_done(&right);
	return runs;
}
