/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "engine/session_testing.h"
#include "engine/user.h"

#define ROUTES                                                                                                           \
	"hostname h.test; accept b.test c.test d.test e.test u.test; mailboxes user1 User2 x@c.test root \"o'brien\";\n" \
	"listen mx { address 127.0.0.1:25; reject-early-talkers off; }\n"                                                \
	"route b.test { via maildir /m/%d/%u%%; recipients listed; sub-addresses on; }\n"                                \
	"route c.test { via lmtp 127.0.0.1:24; recipients listed; }\n"                                                   \
	"route d.test { via maildir /m/%d/%u; recipients maildir; }\n"                                                   \
	"route e.test { via maildir /m/%d/%u; }\n"

/* S0-034 SEC-50 SEC-60: a local part is read once, here. */
static void a_local_part_names_a_mailbox(void **state)
{
	static const struct {
		const char *local, *plain, *detailed; /* the user, without and with sub-addresses; NULL: none */
	} cases[] = {
	    {"user1", "user1", "user1"},
	    {"User1", "user1", "user1"},
	    {"\"user1\"", "user1", "user1"},
	    {"\"us\\er1\"", "user1", "user1"},
	    {"user+detail", "user+detail", "user"},
	    {"user+a+b", "user+a+b", "user"},
	    {"\"user+a b\"", NULL, "user"},
	    {"user+", "user+", "user"},
	    {"+detail", "+detail", "+detail"},
	    {"a..b", "a..b", "a..b"},
	    {"a.", "a.", "a."},
	    {"\"a.\"", "a.", "a."},
	    {".a", NULL, NULL},
	    {"\"..\"", NULL, NULL},
	    {"..", NULL, NULL},
	    {"\"\"", NULL, NULL},
	    {"\"", NULL, NULL},
	    {"", NULL, NULL},
	    {"a/b", NULL, NULL},
	    {"\"a/../b\"", NULL, NULL},
	    {"a%b", NULL, NULL},
	    {"a\x80", NULL, NULL},
	};
	struct hk_conf_route route = {.sub_addresses = false};
	struct hk_user user;
	size_t i;

	(void)state;
	for (i = 0; i < 2 * COUNT(cases); i++) {
		const char *want = i < COUNT(cases) ? cases[i].plain : cases[i - COUNT(cases)].detailed;
		struct hk_slice local = hk_slice_str(cases[i % COUNT(cases)].local);
		enum hk_status status;

		route.sub_addresses = i >= COUNT(cases);
		status = hk_user_of(&route, local, &user);
		if (status != (want ? HK_OK : HK_SYNTAX))
			fail_msg("%s", cases[i % COUNT(cases)].local);
		if (want)
			assert_text(hk_slice_of(user.name, user.n), want);
	}
}

static void a_maildir_is_the_mailbox_s(void **state)
{
	struct srig r;
	struct hk_buf path;

	(void)state;
	srig_init(&r, ROUTES, "");
	hk_buf_init(&path, HK_CONF_PATH_MAX);
	assert_int_equal(hk_user_maildir(&r.conf->route[0], HK_S("\"User1+x\"@B.Test"), &path), HK_OK);
	assert_text(hk_buf_slice(&path), "/m/b.test/user1%");
	hk_buf_reset(&path);
	assert_int_equal(hk_user_maildir(&r.conf->route[0], HK_S("user1@[10.0.0.1]"), &path), HK_SYNTAX);
	hk_buf_done(&path);
	hk_buf_init(&path, 10);
	assert_int_equal(hk_user_maildir(&r.conf->route[0], HK_S("user1@b.test"), &path), HK_LIMIT);
	hk_buf_done(&path);
	srig_done(&r);
}

/* S3-010, RFC 5321 3.3: who is not there is told so at RCPT, and no bounce is ever owed. */
static void an_unknown_mailbox_is_refused_at_rcpt(void **state)
{
	static const struct {
		const char *address, *want;
	} cases[] = {
	    /* listed */
	    {"user1@b.test", "250"}, {"USER1@B.TEST", "250"}, {"user2@b.test", "250"}, {"\"user1\"@b.test", "250"},
	    {"user1+x@b.test", "250"}, {"x@b.test", "550"}, {"user3@b.test", "550"}, {"user@b.test", "550"},
	    {"postmaster@b.test", "250"}, {"user1@c.test", "250"}, {"x@c.test", "250"}, {"X@C.test", "250"},
	    {"user1+x@c.test", "550"}, {"o'brien@c.test", "250"}, {"o'brien@b.test", "550"}, {"PostMaster@c.test", "250"},
	    /* by their Maildirs */
	    {"here@d.test", "250"}, {"Here@d.test", "250"}, {"gone@d.test", "550"}, {"file@d.test", "550"},
	    {"postmaster@d.test", "250"}, {"\"../d.test/here\"@d.test", "550"}, {"\"../b.test/user1%\"@d.test", "550"},
	    /* any */
	    {"nobody@e.test", "250"}, {"a..b@e.test", "250"}, {"a.@e.test", "250"}, {"a/b@e.test", "550"},
	    /* no route: what the owner does with it is not the question here */
	    {"a/b@u.test", "250"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct hk_policy_reply reply;
		struct srig r;
		char text[200];

		srig_init(&r, ROUTES, "");
		hk_sim_disk_place(&r.disk, "/m/d.test/file", HK_S("x"));
		assert_int_equal(r.disk.disk.ops->make_dir(&r.disk.disk, "/m/d.test/here"), HK_OK);
		snprintf(text, sizeof text, "HELO a.test\r\nMAIL FROM:<s@a.test>\r\nRCPT TO:<%s>\r\n", cases[i].address);
		srig_say(&r, text);
		if (strcmp(srig_codes(&r) + 12, cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].address, srig_replies(&r));
		reply = hk_user_check(r.conf, &r.disk.disk, hk_slice_str(cases[i].address));
		if (reply.why)
			assert_int_equal(reply.why, HK_REFUSAL_MAILBOX_UNKNOWN);
		srig_done(&r);
	}
}

static void a_disk_that_fails_makes_no_mailbox_unknown(void **state)
{
	struct hk_policy_reply reply;
	struct srig r;

	(void)state;
	srig_init(&r, ROUTES, "");
	r.disk.faults.other = 1000000;
	reply = hk_user_check(r.conf, &r.disk.disk, HK_S("here@d.test"));
	assert_int_equal(reply.why, HK_REFUSAL_MAILBOX_UNSURE);
	reply = hk_user_check(r.conf, &r.disk.disk, HK_S("user1@b.test"));
	assert_int_equal(reply.why, HK_REFUSAL_NONE);
	srig_done(&r);
}

/* RFC 5321 3.5.3: VRFY tells nobody who is there. */
static void vrfy_says_the_same_of_everyone(void **state)
{
	struct srig r;

	(void)state;
	srig_init(&r, ROUTES, "");
	srig_say(&r, "EHLO a.test\r\nVRFY user1@b.test\r\nVRFY user3@b.test\r\nVRFY user1@other.test\r\n");
	assert_codes(&r, "220 250 252 252 252");
	srig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_local_part_names_a_mailbox),
	    cmocka_unit_test(a_maildir_is_the_mailbox_s),
	    cmocka_unit_test(an_unknown_mailbox_is_refused_at_rcpt),
	    cmocka_unit_test(a_disk_that_fails_makes_no_mailbox_unknown),
	    cmocka_unit_test(vrfy_says_the_same_of_everyone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
