/* SPDX-License-Identifier: MIT
 *
 * What the DNS says of a client and of an envelope.
 */
#include <stdio.h>

#include "engine/session_testing.h"

#define LISTS                                                                                                       \
	"hostname h.test; spool /spool; accept b.test xn--fsq.test;\n"                                              \
	"listen mx { address 10.255.2.40:25; reject-early-talkers off; relay-from 10.7.0.0/16;\n"                   \
	"  dns-list bl.test reject; dns-list part.test reject 127.0.0.4; dns-list tag.test tag;\n"                  \
	"  dns-list wl.test allow; check-sender-domain on; }\n"                                                     \
	"route xn--fsq.test { via maildir /m/%d/%u; }\n"
#define LISTED                                                                                                     \
	"2.2.0.192.bl.test. A 127.0.0.2\n2.2.0.192.bl.test. TXT \"spam; see http://bl.test/?a=1\\013\\010250 ok\"\n" \
	"3.2.0.192.bl.test. A 127.255.255.254\n"                                                                    \
	"4.2.0.192.bl.test. A 198.51.100.1\n"                                                                       \
	"5.2.0.192.part.test. A 127.0.0.4\n"                                                                        \
	"6.2.0.192.part.test. A 127.0.0.5\n"                                                                        \
	"7.2.0.192.tag.test. A 127.0.0.2\n"                                                                         \
	"8.2.0.192.bl.test. A 127.0.0.2\n8.2.0.192.wl.test. A 127.0.10.0\n"                                         \
	"$TIMEOUT 9.2.0.192.bl.test.\n"                                                                             \
	"$SERVFAIL 10.2.0.192.bl.test.\n"                                                                           \
	"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.test. A 127.0.0.2\n"                    \
	"1.0.7.10.bl.test. A 127.0.0.2\n"                                                                           \
	"null.test. MX 0 .\nmx.test. MX 10 h.mx.test.\ntwo.test. MX 0 .\ntwo.test. MX 10 h.two.test.\n"             \
	"$TIMEOUT slow.test.\n"
#define MAIL "EHLO a.test\r\nMAIL FROM:<s@mx.test>\r\n"
#define RCPT "RCPT TO:<user@b.test>\r\n"

/* RFC 5782 */
static void a_list_says_who_is_not_heard(void **state)
{
	static const struct {
		const char *client, *want, *text;
	} cases[] = {
	    {"192.0.2.1", "250", NULL},
	    {"192.0.2.2", "554", "554 5.7.1 <user@b.test>: 192.0.2.2 is listed by bl.test: spam; see http://bl.test/?a=1"},
	    {"192.0.2.3", "250", NULL}, /* the list says that it does not answer us */
	    {"192.0.2.4", "250", NULL}, /* the zone was sold */
	    {"192.0.2.5", "554", "listed by part.test"},
	    {"192.0.2.6", "250", NULL}, /* another reason than the one asked for */
	    {"192.0.2.7", "250", NULL}, /* only told */
	    {"192.0.2.8", "250", NULL}, /* allowed */
	    {"192.0.2.9", "250", NULL}, /* no answer lists nobody */
	    {"192.0.2.10", "250", NULL},
	    {"2001:db8::1", "554", "2001:db8::1 is listed by bl.test"},
	    {"2001:db8::2", "250", NULL},
	    {"10.7.0.1", "250", NULL}, /* ours */
	    {"none", "250", NULL},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct srig r;
		const char *codes;

		srig_init(&r, LISTS, LISTED);
		r.client = cases[i].client;
		srig_say(&r, MAIL RCPT "RCPT TO:<postmaster@b.test>\r\nQUIT\r\n");
		codes = srig_codes(&r);
		if (strncmp(codes + 12, cases[i].want, 3) != 0)
			fail_msg("%s: %s", cases[i].client, srig_replies(&r));
		assert_string_equal(codes + 15, " 250 221"); /* the postmaster hears everybody */
		if (cases[i].text)
			assert_has(srig_replies(&r), cases[i].text);
		/* what the list says makes no line of its own */
		assert_null(strstr(srig_replies(&r), "\n250 ok"));
		srig_done(&r);
	}
}

static void a_tag_is_a_field_that_nobody_else_can_write(void **state)
{
	struct srig r;

	(void)state;
	srig_init(&r, LISTS, LISTED);
	r.client = "192.0.2.7";
	srig_say(&r, MAIL RCPT "DATA\r\nX-Hikyaku-Listed: forged\r\nA: b\r\n\r\n.\r\n");
	assert_has(srig_stored(&r, 0), "\r\nX-Hikyaku-Listed: tag.test\r\nA: b\r\n");
	assert_null(strstr(srig_stored(&r, 0), "forged"));
	srig_done(&r);
	srig_init(&r, LISTS, LISTED);
	r.client = "192.0.2.1";
	srig_say(&r, MAIL RCPT "DATA\r\nA: b\r\n\r\n.\r\n");
	assert_null(strstr(srig_stored(&r, 0), "X-Hikyaku-Listed"));
	srig_done(&r);
}

static void lists_that_never_answer_cost_five_seconds_once(void **state)
{
	struct srig r;
	uint64_t began;

	(void)state;
	srig_init(&r, LISTS, "");
	r.client = "192.0.2.2";
	r.dns_is_dead = true;
	began = r.now.mono_ms;
	srig_say(&r, "EHLO a.test\r\nMAIL FROM:<>\r\n" RCPT RCPT "QUIT\r\n");
	assert_codes(&r, "220 250 250 250 250 221");
	assert_int_equal(r.now.mono_ms - began, 5000);
	srig_done(&r);
}

/* RFC 7505 4.2 */
static void a_domain_that_takes_no_mail_sends_none(void **state)
{
	static const struct {
		const char *from, *want;
	} cases[] = {
	    {"s@null.test", "220 250 550 503"},
	    {"s@NULL.test", "220 250 550 503"},
	    {"s@mx.test", "220 250 250 250"},
	    {"s@two.test", "220 250 250 250"}, /* RFC 7505 3: a null MX stands alone */
	    {"s@gone.test", "220 250 250 250"},
	    {"s@slow.test", "220 250 250 250"},
	    {"s@[192.0.2.1]", "220 250 250 250"},
	    {"", "220 250 250 250"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		char text[200];
		struct srig r;

		srig_init(&r, LISTS, LISTED);
		r.client = "192.0.2.1";
		snprintf(text, sizeof text, "EHLO a.test\r\nMAIL FROM:<%s>\r\n" RCPT, cases[i].from);
		srig_say(&r, text);
		assert_codes(&r, cases[i].want);
		if (strstr(cases[i].want, "550"))
			assert_has(srig_replies(&r), "550 5.7.27 ");
		srig_done(&r);
	}
}

/* RFC 6531 3.2, RFC 5891 5; SEC-79: names are compared as A-labels only. */
static void a_domain_in_utf_8_goes_on_as_a_labels(void **state)
{
	static const struct {
		const char *rcpt, *want, *stored;
	} cases[] = {
	    {"user@\xe4\xbe\x8b.test", "250", "user@xn--fsq.test"},
	    {"user@\xe4\xbe\x8b.TEST", "250", "user@xn--fsq.test"},
	    {"\xe5\xb1\xb1@\xe4\xbe\x8b.test", "550", NULL}, /* its Maildir cannot have this name */
	    {"user@\xef\xbd\x82.test", "250", "user@b.test"}, /* UTS #46: a full-width b is a b */
	    {"user@\xd0\xb2.test", "550", NULL},              /* a Cyrillic one is not */
	    {"user@xn--\xe4\xbe\x8b.test", "553", NULL},
	    {"user@\xe2\x80\x8b.test", "553", NULL},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		char text[200];
		struct srig r;

		srig_init(&r, LISTS, LISTED);
		r.client = "192.0.2.1";
		snprintf(text, sizeof text, "EHLO a.test\r\nMAIL FROM:<s@mx.test> SMTPUTF8\r\nRCPT TO:<%s>\r\nDATA\r\n\r\n.\r\n",
		    cases[i].rcpt);
		srig_say(&r, text);
		if (strncmp(srig_codes(&r) + 12, cases[i].want, 3) != 0)
			fail_msg("%s", srig_replies(&r));
		if (cases[i].stored)
			assert_text(r.mail[0]->rcpt[0].address, cases[i].stored);
		else
			assert_int_equal(r.n_mails, 0);
		srig_done(&r);
	}
}

/* RFC 6647 */
static void who_is_new_comes_again(void **state)
{
	static const uint8_t seed[HK_GREYLIST_SEED] = {1};
	static const struct {
		const char *client, *rcpt;
		int64_t later;
		const char *want;
	} steps[] = {
	    {"192.0.2.1", "user@b.test", 0, "451"}, {"192.0.2.1", "user@b.test", 299, "451"}, {"192.0.2.1", "user@b.test", 1, "250"},
	    {"192.0.2.1", "user2@b.test", 0, "451"}, {"192.0.2.1", "user@else.test", 0, "550"}, {"192.0.2.8", "user3@b.test", 0, "250"},
	    {"10.7.0.1", "user@b.test", 0, "250"}, {"none", "user@b.test", 0, "250"},
	};
	struct hk_greylist *g = must(hk_greylist_new(64, seed));
	struct srig r;
	size_t i;

	(void)state;
	srig_init(&r, LISTS "listen grey { address 10.255.2.40:26; reject-early-talkers off; greylist 5m; relay-from 10.7.0.0/16; dns-list wl.test allow; }\n",
	    LISTED);
	r.listener = "grey";
	r.greylist = g;
	for (i = 0; i < COUNT(steps); i++) {
		char text[200];

		r.client = steps[i].client;
		r.now.utc += steps[i].later;
		snprintf(text, sizeof text, "EHLO a.test\r\nMAIL FROM:<s@a.test>\r\nRCPT TO:<%s>\r\n", steps[i].rcpt);
		srig_say(&r, text);
		if (strncmp(srig_codes(&r) + 12, steps[i].want, 3) != 0)
			fail_msg("step %zu: %s", i, srig_replies(&r));
	}
	srig_done(&r);
	hk_greylist_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_list_says_who_is_not_heard),
	    cmocka_unit_test(a_tag_is_a_field_that_nobody_else_can_write),
	    cmocka_unit_test(lists_that_never_answer_cost_five_seconds_once),
	    cmocka_unit_test(a_domain_that_takes_no_mail_sends_none),
	    cmocka_unit_test(who_is_new_comes_again),
	    cmocka_unit_test(a_domain_in_utf_8_goes_on_as_a_labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
