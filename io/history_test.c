/* SPDX-License-Identifier: MIT
 *
 * The history before a disk that stands still, fails, and works again.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/evidence_store.h"
#include "io/history.h"
#include "sim/disk.h"
#include "tests/unit.h"

/* The simulated disk, behind a lock that a test can hold. */
static struct hk_sim_disk under;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static const struct hk_disk_ops *plain;
static _Atomic bool fails;

static enum hk_status slow_write(struct hk_disk *disk, int file, uint64_t offset, struct hk_slice s)
{
	enum hk_status status;

	(void)disk;
	pthread_mutex_lock(&gate);
	status = fails ? HK_FULL : plain->write(&under.disk, file, offset, s);
	pthread_mutex_unlock(&gate);
	return status;
}

static struct hk_disk_ops ops;
static struct hk_disk *disk; /* the simulated one */

static _Atomic unsigned warned, passed;

static void count(struct hk_log *log, enum hk_log_level level, struct hk_slice line)
{
	(void)log, (void)line;
	warned += level == HK_LOG_WARNING;
	passed++;
}
static struct hk_log sink = {count, NULL};

static int begin(void **state)
{
	(void)state;
	hk_sim_disk_init(&under, HK_SIM_EXT4, 1);
	disk = &under.disk;
	plain = disk->ops;
	ops = *plain;
	ops.write = slow_write;
	warned = passed = 0;
	return under.disk.ops->make_dir(disk, "spool") == HK_OK ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	hk_sim_disk_done(&under);
	return 0;
}

static struct hk_history *start(void)
{
	static struct hk_conf conf;
	struct hk_history *h;

	conf.spool = HK_S("spool");
	conf.history_size = 64 << 20;
	conf.history_days = 30;
	assert_int_equal(hk_history_start(&conf, disk, &sink, &h), HK_OK);
	return h;
}

static bool add_up(void *with, const struct hk_evidence_event *e)
{
	size_t *n = with;

	assert_true(hk_slice_starts_nocase(e->line, HK_S("qid=")) || hk_slice_starts_nocase(e->line, HK_S("ev=auth ")));
	(*n)++;
	return true;
}

static size_t kept(void)
{
	size_t n = 0;

	assert_int_equal(hk_evidence_store_events(disk, "spool/history", add_up, &n), HK_OK);
	return n;
}

static void what_speaks_of_a_transaction_is_kept_and_all_is_passed_on(void **state)
{
	struct hk_history *h = start();
	struct hk_log *log = hk_history_log(h);

	(void)state;
	hk_logf(log, HK_LOG_INFO, "qid=A ev=accept size=1");
	hk_logf(log, HK_LOG_DEBUG, "qid=A ev=tls ok=1");
	hk_logf(log, HK_LOG_DEBUG, "qid=A ev=rcpt rcpt=x@b.test");
	hk_logf(log, HK_LOG_DEBUG, "ev=connect listener=mx");
	hk_logf(log, HK_LOG_INFO, "ev=auth ok=0 user=u");
	hk_logf(log, HK_LOG_INFO, "qid=none ev=refuse");
	hk_history_end(h);
	assert_int_equal(passed, 6);
	assert_int_equal(kept(), 4);
}

static void a_disk_that_stands_still_stops_nobody(void **state)
{
	struct hk_history *h;
	char filler[1024];
	size_t i;

	(void)state;
	memset(filler, 'x', sizeof filler - 1);
	filler[sizeof filler - 1] = 0;
	h = start();
	disk->ops = &ops;
	pthread_mutex_lock(&gate);
	for (i = 0; i < 4000; i++)
		hk_logf(hk_history_log(h), HK_LOG_INFO, "qid=A ev=flood text=%s", filler);
	assert_int_equal(passed, 4000);
	assert_true(hk_history_dropped(h) > 0);
	pthread_mutex_unlock(&gate);
	i = 4000 - (size_t)hk_history_dropped(h);
	hk_history_end(h);
	assert_int_equal(kept(), i);
	assert_true(warned >= 1);
}

/* SEC 1.8: disk full of logs */
static void a_disk_that_fails_is_told_of_once_and_used_again(void **state)
{
	struct hk_history *h = start();
	unsigned round;

	(void)state;
	disk->ops = &ops;
	fails = true;
	for (round = 0; round < 200 && (!warned || round < 10); round++) {
		hk_logf(hk_history_log(h), HK_LOG_INFO, "qid=A ev=lost");
		usleep(50000);
	}
	assert_int_equal(warned, 1);
	fails = false;
	hk_logf(hk_history_log(h), HK_LOG_INFO, "qid=A ev=kept");
	hk_history_end(h);
	/* and with it those that were not yet tried; one that was is lost */
	assert_in_range(kept(), 1, round);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(what_speaks_of_a_transaction_is_kept_and_all_is_passed_on, begin, end),
	    cmocka_unit_test_setup_teardown(a_disk_that_stands_still_stops_nobody, begin, end),
	    cmocka_unit_test_setup_teardown(a_disk_that_fails_is_told_of_once_and_used_again, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
