/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "log/target.h"
#include "tests/unit.h"

static const struct hk_log_stamp stamp = {.utc = 1732541523, .ms = 7, .zone_minutes = 540, .level = "info", .host = "mx.b.test", .pid = 17};

static void expect_at(const char *level, enum hk_log_target target, enum hk_log_format format, const char *line, const char *want)
{
	struct hk_log_stamp s = stamp;
	struct hk_buf b;

	s.level = level;
	hk_buf_init(&b, 65536);
	hk_log_target_add(&b, target, format, &s, hk_slice_str(line));
	hk_buf_add_byte(&b, 0);
	if (hk_buf_status(&b) == HK_OK)
		assert_string_equal((char *)b.p, want);
	hk_buf_done(&b);
}

static void expect(enum hk_log_target target, enum hk_log_format format, const char *line, const char *want)
{
	expect_at("info", target, format, line, want);
}

static void a_text_names_a_target_and_its_socket(void **state)
{
	static const struct {
		const char *text;
		enum hk_log_target target;
		const char *path;
	} rows[] = {
	    {"stderr", HK_LOG_STREAM, "stderr"}, {"/var/log/x", HK_LOG_STREAM, "/var/log/x"}, {"syslog", HK_LOG_SYSLOG, "/dev/log"},
	    {"syslog:/run/x", HK_LOG_SYSLOG, "/run/x"}, {"syslog:", HK_LOG_SYSLOG, ""}, {"syslogx", HK_LOG_STREAM, "syslogx"},
	    {"journald", HK_LOG_JOURNALD, "/run/systemd/journal/socket"}, {"journald:/j:k", HK_LOG_JOURNALD, "/j:k"},
	    {"/syslog:/x", HK_LOG_STREAM, "/syslog:/x"}, {"", HK_LOG_STREAM, ""},
	};
	struct hk_slice path;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(hk_log_target_parse(hk_slice_str(rows[i].text), &path), rows[i].target);
		assert_true(hk_slice_eq(path, hk_slice_str(rows[i].path)));
	}
}

/* RFC 3164 4.1.1: facility mail (2) * 8 + severity. */
static void a_line_is_a_record_of_syslog(void **state)
{
	(void)state;
	expect(HK_LOG_SYSLOG, HK_LOG_OWN, "ev=test n=3", "<22>Nov 25 22:32:03 hikyakud[17]: info ev=test n=3\n");
	expect_at("error", HK_LOG_SYSLOG, HK_LOG_OWN, "ev=x", "<19>Nov 25 22:32:03 hikyakud[17]: error ev=x\n");
	expect_at("warning", HK_LOG_SYSLOG, HK_LOG_OWN, "ev=x", "<20>Nov 25 22:32:03 hikyakud[17]: warning ev=x\n");
	expect_at("debug", HK_LOG_SYSLOG, HK_LOG_OWN, "ev=x", "<23>Nov 25 22:32:03 hikyakud[17]: debug ev=x\n");
	expect(HK_LOG_SYSLOG, HK_LOG_JSON, "ev=x",
	    "<22>Nov 25 22:32:03 hikyakud[17]: {\"time\":\"2024-11-25T13:32:03.007Z\",\"level\":\"info\",\"ev\":\"x\"}\n");
	expect(HK_LOG_SYSLOG, HK_LOG_POSTFIX, "qid=D9 ev=removed", "<22>Nov 25 22:32:03 postfix/qmgr[17]: D9: removed\n");
	expect(HK_LOG_SYSLOG, HK_LOG_POSTFIX, "qid=D9 ev=accept size=10 rcpts=2 client=192.0.2.1 helo=a.test from=u@a.test",
	    "<22>Nov 25 22:32:03 postfix/smtpd[17]: D9: client=unknown[192.0.2.1]\n<22>Nov 25 22:32:03 postfix/cleanup[17]: D9: message-id=<>\n"
	    "<22>Nov 25 22:32:03 postfix/qmgr[17]: D9: from=<u@a.test>, size=10, nrcpt=2 (queue active)\n");
}

#define MAIL "\nSYSLOG_FACILITY=2\nSYSLOG_IDENTIFIER="

static void a_line_is_a_record_of_the_journal_with_its_members(void **state)
{
	(void)state;
	expect(HK_LOG_JOURNALD, HK_LOG_OWN, "qid=D9 ev=test what=\"a b\" x-1=2",
	    "PRIORITY=6" MAIL "hikyakud\nMESSAGE=qid=D9 ev=test what=\"a b\" x-1=2\nHIKYAKU_QID=D9\nHIKYAKU_EV=test\nHIKYAKU_WHAT=a b\nHIKYAKU_X_1=2\n\n");
	expect_at("error", HK_LOG_JOURNALD, HK_LOG_OWN, "no members", "PRIORITY=3" MAIL "hikyakud\nMESSAGE=no members\n\n");
	expect(HK_LOG_JOURNALD, HK_LOG_JSON, "ev=x",
	    "PRIORITY=6" MAIL "hikyakud\nMESSAGE={\"time\":\"2024-11-25T13:32:03.007Z\",\"level\":\"info\",\"ev\":\"x\"}\nHIKYAKU_EV=x\n\n");
	expect(HK_LOG_JOURNALD, HK_LOG_POSTFIX, "qid=D9 ev=accept size=10 rcpts=2 client=192.0.2.1 helo=a.test from=u@a.test",
	    "PRIORITY=6" MAIL "postfix/smtpd\nMESSAGE=D9: client=unknown[192.0.2.1]\nHIKYAKU_QID=D9\nHIKYAKU_EV=accept\nHIKYAKU_SIZE=10\nHIKYAKU_RCPTS=2\n"
	    "HIKYAKU_CLIENT=192.0.2.1\nHIKYAKU_HELO=a.test\nHIKYAKU_FROM=u@a.test\n\n"
	    "PRIORITY=6" MAIL "postfix/cleanup\nMESSAGE=D9: message-id=<>\n\n"
	    "PRIORITY=6" MAIL "postfix/qmgr\nMESSAGE=D9: from=<u@a.test>, size=10, nrcpt=2 (queue active)\n\n");
	expect(HK_LOG_JOURNALD, HK_LOG_POSTFIX, "ev=x", "PRIORITY=6" MAIL "hikyakud\nMESSAGE=info: ev=x\nHIKYAKU_EV=x\n\n");
}

/* journald leaves out a field whose name has more than 64 octets. */
static void a_name_of_any_length_is_a_field_that_journald_takes(void **state)
{
	char line[128], want[512], name[80];
	size_t n;

	(void)state;
	for (n = 54; n <= 57; n++) {
		memset(name, 'a', n);
		name[n] = 0;
		snprintf(line, sizeof line, "%s=v", name);
		memset(name, 'A', n);
		name[n < 55 ? n : 55] = 0; /* with HIKYAKU_ 63 */
		snprintf(want, sizeof want, "PRIORITY=6" MAIL "hikyakud\nMESSAGE=%s\nHIKYAKU_%s=v\n\n", line, name);
		expect(HK_LOG_JOURNALD, HK_LOG_OWN, line, want);
	}
}

static void records_come_out_as_they_went_in(void **state)
{
	static const struct {
		enum hk_log_target target;
		const char *all, *first;
		size_t used;
	} rows[] = {
	    {HK_LOG_SYSLOG, "<22>a\n<22>b\n", "<22>a", 6}, {HK_LOG_SYSLOG, "<22>a", "<22>a", 5}, {HK_LOG_SYSLOG, "\n", "", 1},
	    {HK_LOG_JOURNALD, "A=1\nB=2\n\nC=3\n\n", "A=1\nB=2\n", 9}, {HK_LOG_JOURNALD, "A=1\n", "A=1\n", 4},
	};
	size_t i, used;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_true(hk_slice_eq(hk_log_target_record(rows[i].target, hk_slice_str(rows[i].all), &used), hk_slice_str(rows[i].first)));
		assert_int_equal(used, rows[i].used);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_text_names_a_target_and_its_socket),
	    cmocka_unit_test(a_line_is_a_record_of_syslog),
	    cmocka_unit_test(a_line_is_a_record_of_the_journal_with_its_members),
	    cmocka_unit_test(a_name_of_any_length_is_a_field_that_journald_takes),
	    cmocka_unit_test(records_come_out_as_they_went_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
