/* SPDX-License-Identifier: MIT
 *
 * The spools of tests/golden, one of each version: today's program recovers them, and goes on in them.
 */
#include "engine/spool_rig.h"
#include "io/disk.h"
#include "tests/unit.h"

enum { FILE_MOST = 1024 * 1024 };

#define FIRST_ID 0xd9000000000001u
#define FILE_ID  0xd9000000000012u
#define LAST_ID  0xd9000000000013u

static void take(struct hk_sim_disk *d, const char *golden, const char *name)
{
	struct hk_spool_path from = hk_spool_path(golden, name), to = hk_spool_path("spool", name);
	struct hk_slice bytes;
	struct hk_arena a;

	hk_arena_init(&a, 2 * FILE_MOST);
	assert_int_equal(hk_disk_read_all(from.text, &a, FILE_MOST, &bytes), HK_OK);
	hk_sim_disk_place(d, to.text, bytes);
	hk_arena_done(&a);
}

static void take_all(struct hk_sim_disk *d, const char *golden)
{
	static const char *const names[] = {"VERSION", "journal/00000004.seg", "journal/00000005.seg", "journal/00000006.seg",
	    "journal/reserve", "body/D9000000000012"};
	size_t i;

	hk_sim_disk_init(d, HK_SIM_POSIX, 1);
	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		take(d, golden, names[i]);
}

static void check_parameters(const struct hk_mail *mail, bool has_them)
{
	assert_true(hk_slice_eq(mail->params.envid, has_them ? HK_S("QQ314159") : HK_S("")));
	assert_int_equal(mail->params.ret, has_them ? HK_RET_HDRS : HK_RET_NONE);
	assert_int_equal(mail->rcpt[0].params.notify, has_them ? HK_NOTIFY_FAILURE : 0);
	assert_true(hk_slice_eq(mail->rcpt[0].params.orcpt, has_them ? HK_S("rfc822;first@a.test") : HK_S("")));
}

static void check_messages(struct hk_spool *s, bool has_parameters)
{
	struct hk_spool_entry e;

	assert_int_equal(hk_spool_recovered(s, &e), HK_OK);
	assert_true(e.id == FIRST_ID && e.attempts == 1 && e.next_attempt == 1790003600 && e.received == 1790000000);
	assert_int_equal(e.mail->n_rcpt, 2);
	assert_true(hk_slice_eq(e.mail->rcpt[1].address, HK_S("\"two \"@c.test")));
	assert_int_equal(e.mail->rcpt[0].outcome, HK_RCPT_PENDING);
	assert_int_equal(e.mail->rcpt[1].outcome, HK_RCPT_DELIVERED);
	check_parameters(e.mail, has_parameters);
	assert_int_equal(hk_spool_recovered(s, &e), HK_OK);
	assert_true(e.id == FILE_ID && e.next_attempt == 1790007200 && e.mail->body_size == 300);
	assert_int_equal(hk_spool_recovered(s, &e), HK_OK);
	assert_true(e.id == LAST_ID && e.attempts == 0 && e.mail->mail_from.n == 0);
	assert_int_equal(hk_spool_recovered(s, &e), HK_END);
}

static void recover_one(const char *golden, bool has_parameters)
{
	struct hk_sim_disk d;
	struct hk_spool *s;
	uint8_t *version;
	size_t n;

	take_all(&d, golden);
	assert_int_equal(test_open(&d, &s), HK_OK);
	check_messages(s, has_parameters);
	version = hk_sim_disk_bytes(&d, "spool/VERSION", &n);
	assert_true(hk_slice_eq(hk_slice_of(version, n), HK_S("hikyaku-spool 2\n")));
	assert_int_equal(test_put(s, LAST_ID + 1, 1, 100), HK_OK);
	assert_int_equal(hk_spool_complete(s, FIRST_ID, 0, HK_RCPT_DELIVERED, HK_S("")), HK_OK);
	assert_int_equal(hk_spool_commit(s), HK_OK);
	s = reopen(&d, s);
	assert_int_equal(test_recovered(s, NULL, 0), 3);
	hk_spool_close(s);
	hk_sim_disk_done(&d);
}

static void a_spool_of_version_1_is_recovered_and_becomes_one_of_today(void **state)
{
	(void)state;
	recover_one("tests/golden/spool-1", false);
}

static void a_spool_of_version_2_keeps_what_came_with_mail_and_rcpt(void **state)
{
	(void)state;
	recover_one("tests/golden/spool-2", true);
}

/* SEC 1.8: upgrade/downgrade of queue format */
static void a_spool_of_the_next_version_is_refused(void **state)
{
	struct hk_sim_disk d;
	struct hk_spool *s;

	(void)state;
	take_all(&d, "tests/golden/spool-2");
	hk_sim_disk_place(&d, "spool/VERSION", HK_S("hikyaku-spool 3\n"));
	assert_int_equal(test_open(&d, &s), HK_VERSION);
	hk_sim_disk_done(&d);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_spool_of_version_1_is_recovered_and_becomes_one_of_today),
	    cmocka_unit_test(a_spool_of_version_2_keeps_what_came_with_mail_and_rcpt),
	    cmocka_unit_test(a_spool_of_the_next_version_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
