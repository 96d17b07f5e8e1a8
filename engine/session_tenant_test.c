/* SPDX-License-Identifier: MIT
 *
 * Many domains with one host: each user writes in his own name alone, and a port for users is no port for hosts.
 */
#include <stdio.h>

#include "engine/session_testing.h"

#define TENANTS                                                                                                        \
	"hostname mail.b.test; spool /spool; accept b.test c.test d.test;\n"                                               \
	"listen mua { address 10.255.2.40:587; role submission; starttls on; certificate /c; certificate-key /k; "         \
	"auth file /users; }\n"                                                                                            \
	"listen msa { address 10.255.2.40:588; role submission; relay-from 10.0.0.0/8; }\n"                                \
	"listen mx { address 10.255.2.40:25; reject-early-talkers off; relay-from 10.0.0.0/8; }\n"
#define LOGIN "EHLO x\r\nSTARTTLS\r\nEHLO x\r\nAUTH PLAIN AHVzZXJAYi50ZXN0ADEyMzQ=\r\n" /* user@b.test */
#define PROVED "220 250 220 250 235 "

static void begin(struct srig *r, const char *listener)
{
	srig_init(r, TENANTS, ZONE);
	r->listener = listener;
	r->waits_for_tls = true;
	r->mechanisms = "PLAIN";
}

static const struct {
	const char *before, *after; /* the address */
} forms[] = {
    {"From: ", ""}, {"From: <", ">"}, {"From: \"user@b.test\" <", ">"}, {"from : ", ""}, {"From:\r\n\t(user@b.test) <", ">"},
    {"From: <@b.test:", ">"}, {"Sender: user@b.test\r\nFrom: ", ""}, {"Resent-From: user@b.test\r\nFrom: ", ""},
    {"From: group: ", ";"}, {"From: user@b.test, ", ""}, {"From: user@b.test\r\nFrom: ", ""}, {"From: ", " (user@b.test)"},
};

/* SEC-78 AP-61 (CVE-2024-7208, CVE-2024-7209): by whatever name in the envelope and in the header, in whatever form: what is
 * not his own is not taken, without a word of the operator's. */
static void no_tenant_sends_in_the_name_of_another(void **state)
{
	static const char *const names[] = {"user@b.test", "other@b.test", "user@c.test", "user@d.test"};
	size_t form, header, envelope;

	(void)state;
	for (form = 0; form < COUNT(forms); form++) {
		for (header = 0; header < COUNT(names); header++) {
			for (envelope = 0; envelope < COUNT(names); envelope++) {
				const char *want = envelope ? PROVED "553 503 503" : header ? PROVED "250 250 354 550" : PROVED "250 250 354 250";
				char text[1024];
				struct srig r;

				begin(&r, "mua");
				snprintf(text, sizeof text, LOGIN "MAIL FROM:<%s>\r\nRCPT TO:<x@e.test>\r\nDATA\r\n%s%s%s\r\n\r\ntext\r\n.\r\n", names[envelope],
				    forms[form].before, names[header], forms[form].after);
				srig_say(&r, text);
				if (strncmp(srig_codes(&r), want, strlen(want)) != 0 || r.n_mails != !(header || envelope))
					fail_msg("%s, %s%s%s: %s, %zu mails", names[envelope], forms[form].before, names[header],
					    forms[form].after, srig_codes(&r), r.n_mails);
				srig_done(&r);
			}
		}
	}
}

/* SEC-78: a header without an author of his is none of his either. */
static void a_header_that_names_no_author_is_not_sent(void **state)
{
	static const char *const fields[] = {"", "Subject: x\r\n", "From:\r\n", "From: <>\r\n", "From: group:;\r\n", "From: user\r\n",
	    "Sender: user@b.test\r\n", "From: <user@b.test\r\n", "From: user@b.test <\r\n", "X-From: user@b.test\r\n", "From; user@b.test\r\n"};
	char text[1024];
	struct srig r;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(fields); i++) {
		begin(&r, "mua");
		snprintf(text, sizeof text, LOGIN "MAIL FROM:<user@b.test>\r\nRCPT TO:<x@e.test>\r\nDATA\r\n%s\r\ntext\r\n.\r\n", fields[i]);
		srig_say(&r, text);
		if (r.n_mails || !strstr(srig_replies(&r), "550 5.7.1 "))
			fail_msg("\"%s\": %s", fields[i], srig_codes(&r));
		srig_done(&r);
	}
}

/* S4-109 RFC 6409: an MSA serves users and mends their mail; an MTA takes mail for its own domains and leaves it as it is. The
 * same words on each port. */
static void a_port_for_users_is_no_port_for_hosts(void **state)
{
	static const struct {
		const char *listener, *client, *rcpt, *codes;
		bool mends;
	} rows[] = {
	    {"mx", "192.0.2.1", "user@b.test", "220 250 250 250 354 250", false},
	    {"mx", "192.0.2.1", "user@e.test", "220 250 250 550 503", false},
	    {"mx", "10.0.0.9", "user@e.test", "220 250 250 250 354 250", false},
	    {"mua", "192.0.2.1", "user@b.test", "220 250 530 503 503", false},
	    {"msa", "192.0.2.1", "user@b.test", "220 250 530 503 503", false},
	    {"msa", "10.0.0.9", "user@e.test", "220 250 250 250 354 250", true},
	};
	char text[512];
	struct srig r;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		begin(&r, rows[i].listener);
		r.client = rows[i].client;
		snprintf(text, sizeof text, "EHLO x.test\r\nMAIL FROM:<user@b.test>\r\nRCPT TO:<%s>\r\nDATA\r\nSubject: x\r\n\r\n.\r\n", rows[i].rcpt);
		srig_say(&r, text);
		if (strncmp(srig_codes(&r), rows[i].codes, strlen(rows[i].codes)) != 0)
			fail_msg("%s from %s: %s", rows[i].listener, rows[i].client, srig_codes(&r));
		if (r.n_mails) {
			const char *id = strstr(srig_stored(&r, 0), "\r\nMessage-ID: ");

			assert_int_equal(id != NULL, rows[i].mends);
			if (id) /* S4-112: msg-id is "<" id-left "@" id-right ">", whatever its inside is called */
				assert_int_equal(strspn(id + 15, "0123456789ABCDEF"), strcspn(id + 15, "@"));
			if (id)
				assert_memory_equal(strchr(id, '@'), "@mail.b.test>\r\n", 15);
			assert_int_equal(strstr(srig_stored(&r, 0), "\r\nDate: ") != NULL, rows[i].mends);
		}
		srig_done(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_tenant_sends_in_the_name_of_another),
	    cmocka_unit_test(a_header_that_names_no_author_is_not_sent),
	    cmocka_unit_test(a_port_for_users_is_no_port_for_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
