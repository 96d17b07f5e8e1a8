/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "engine/policy.h"
#include "engine/session_testing.h"

#define MUA_CONF                                                                                   \
	"hostname mail.b.test; spool /spool; accept b.test;\n"                                     \
	"listen mua { address 10.255.2.40:587; role submission; starttls on; certificate /c; "     \
	"certificate-key /k; auth file /users; auth-failures 4/10m; user-messages 3/1h; "          \
	"user-recipients 5/1h; user-connections 2; }\n"                                            \
	"listen clear { address 10.255.2.40:588; role submission; auth file /users; "              \
	"auth-without-tls on; sender-login off; }\n"                                               \
	"listen from { address 10.255.2.40:589; role submission; auth file /users; "               \
	"auth-without-tls on; sender-login header; }\n"                                            \
	"listen device { address 10.255.2.40:590; role submission; starttls on; certificate /c; "  \
	"certificate-key /k; auth file /users; clientid on; device-messages 2/1h; "                \
	"device-connections 1; }\n"                                                                \
	"listen must { address 10.255.2.40:591; role submission; starttls on; certificate /c; "    \
	"certificate-key /k; auth file /users; clientid required; }\n"                             \
	"listen old { address 10.255.2.40:592; role submission; relay-from 10.0.0.0/8; "           \
	"legacy-clients 10.0.0.9; }\n"                                                             \
	"listen hop { address 10.255.2.40:593; role submission; auth file /users; "                \
	"auth-without-tls on; sender-login off; trusted-relays 10.8.0.0/16; }\n"                    \
	"listen mx { address 10.255.2.40:25; relay-from 10.0.0.0/8; reject-early-talkers off; }\n"
#define TLS   "EHLO pc.b.test\r\nSTARTTLS\r\nEHLO pc.b.test\r\n"
#define GOOD  "AHVzZXJAYi50ZXN0ADEyMzQ=" /* \0user@b.test\0001234 */
#define BAD   "AHVzZXJAYi50ZXN0ADEyMzU=" /* 1235 */
#define LOGIN "AUTH PLAIN " GOOD "\r\n"
#define MAIL  "MAIL FROM:<user@b.test>\r\nRCPT TO:<other@c.test>\r\n"
#define DATA                                                                                       \
	"DATA\r\nFrom: user@b.test\r\nTo: other@c.test\r\nBcc: hidden@c.test,\r\n more@c.test\r\n" \
	"Resent-Bcc: x@c.test\r\n\r\ntext\r\n.\r\n"
#define TOKEN    "23bf83be-aad7-46aa-9e0f-39191ccf402f"
#define CLIENTID "CLIENTID UUID " TOKEN "\r\n"

static void begin(struct srig *r, const char *listener)
{
	srig_limits_begin(r, MUA_CONF, ZONE, listener, "SCRAM-SHA-256-PLUS PLAIN LOGIN TEMPORARY SYNTAX");
	r->waits_for_tls = true;
}

static bool log_has(struct srig *r, const char *text)
{
	return strstr(srig_log(r), text) != NULL;
}

static void a_user_who_proves_himself_may_send_anywhere(void **state)
{
	struct srig r;

	(void)state;
	begin(&r, "mua");
	say(&r, TLS LOGIN MAIL DATA "QUIT\r\n", "220 250 220 250 235 250 250 354 250 221");
	assert_int_equal(r.n_mails, 1);
	assert_text(r.mail[0]->user, "user@b.test");
	assert_has(srig_stored(&r, 0), " with ESMTPSA id ");
	assert_has((const char *)r.mail[0]->summary.p, " user=user@b.test");
	assert_true(
	    log_has(&r, "ev=auth ok=1 client=10.0.0.9 user=user@b.test mechanism=PLAIN tls=1"));
	srig_limits_end(&r);
}

static void what_only_the_user_may_know_goes_and_what_is_missing_comes(void **state)
{
	const char *stored;
	struct srig r;

	(void)state;
	begin(&r, "mua");
	say(&r, TLS LOGIN MAIL DATA, "220 250 220 250 235 250 250 354 250");
	stored = srig_stored(&r, 0);
	assert_null(strstr(stored, "hidden"));
	assert_null(strstr(stored, "more@c.test"));
	assert_null(strstr(stored, "cc:"));
	assert_has(stored, "\r\nMessage-ID: <");
	assert_has(stored, "@mail.b.test>\r\n");
	assert_has(stored, "\r\nDate: ");
	srig_limits_end(&r);
	/* a relay leaves all of it alone */
	begin(&r, "mx");
	say(&r, "EHLO pc.b.test\r\n" MAIL DATA, "220 250 250 250 354 250");
	stored = srig_stored(&r, 0);
	assert_has(stored, "Bcc: hidden@c.test");
	assert_null(strstr(stored, "Message-ID"));
	srig_limits_end(&r);
}

static void nobody_sends_without_proof_nor_proves_himself_in_clear(void **state)
{
	struct srig r;

	(void)state;
	begin(&r, "mua");
	say(&r, "EHLO pc.b.test\r\n" LOGIN MAIL "STARTTLS\r\nEHLO x\r\n" MAIL "RSET\r\n",
	    "220 250 538 530 503 220 250 530 503 250");
	assert_has(srig_replies(&r), "538 5.7.11 ");
	assert_has(srig_replies(&r), "530 5.7.0 ");
	assert_int_equal(r.auth_begun, 0);
	srig_limits_end(&r);
}

static void what_is_offered_fits_the_channel(void **state)
{
	struct srig r;

	(void)state;
	begin(&r, "clear");
	say(&r, "EHLO pc.b.test\r\nAUTH SCRAM-SHA-256-PLUS\r\n", "220 250 504");
	assert_has(srig_replies(&r), "AUTH PLAIN LOGIN TEMPORARY SYNTAX\r\n");
	r.listener = "mua";
	say(&r, TLS, "220 250 220 250");
	assert_has(srig_replies(&r), "AUTH SCRAM-SHA-256-PLUS PLAIN LOGIN");
	r.mechanisms = NULL;
	say(&r, TLS LOGIN, "220 250 220 250 502");
	srig_limits_end(&r);
}

static void the_exchange_goes_on_as_long_as_the_back_end_asks(void **state)
{
	struct srig r;

	(void)state;
	begin(&r, "mua");
	say(&r, TLS "AUTH PLAIN\r\n" GOOD "\r\n" MAIL, "220 250 220 250 334 235 250 250");
	say(&r, TLS "AUTH LOGIN\r\n*\r\n" LOGIN, "220 250 220 250 334 501 235");
	assert_has(srig_replies(&r), "334 VXNlciBOYW1l\r\n");
	assert_int_equal(r.auth_ended, 0); /* the next one takes its place */
	say(&r, TLS "AUTH LOGIN\r\n*\r\n", "220 250 220 250 334 501");
	assert_int_equal(r.auth_ended, 1);
	/* a session that ends in the middle leaves nothing behind */
	say(&r, TLS "AUTH LOGIN\r\n", "220 250 220 250 334");
	say(&r, TLS "AUTH LOGIN\r\n!!!\r\nQUIT\r\n", "220 250 220 250 334 501 221");
	srig_limits_end(&r);
}

static void in_pieces_of_any_size_it_is_the_same(void **state)
{
	enum srig_cut cuts[] = {SRIG_BYTES, SRIG_RANDOM};
	struct srig r;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cuts); i++) {
		begin(&r, "mua");
		r.cut = cuts[i];
		say(&r, TLS "AUTH PLAIN\r\n" GOOD "\r\n" MAIL DATA "QUIT\r\n",
		    "220 250 220 250 334 235 250 250 354 250 221");
		srig_limits_end(&r);
	}
}

static void a_refusal_says_what_was_wrong(void **state)
{
	struct srig r;

	(void)state;
	begin(&r, "mua");
	say(&r,
	    TLS "AUTH PLAIN " BAD
	        "\r\nAUTH SYNTAX =\r\nAUTH TEMPORARY =\r\nAUTH GSSAPI\r\n" LOGIN LOGIN,
	    "220 250 220 250 535 501 454 504 235 503");
	assert_has(srig_replies(&r), "535 5.7.8 ");
	assert_has(srig_replies(&r), "501 5.5.2 ");
	assert_has(srig_replies(&r), "454 4.7.0 ");
	assert_true(log_has(&r, "ev=auth ok=0 client=10.0.0.9 user=user@b.test mechanism=PLAIN"));
	assert_false(log_has(&r, "1235"));
	assert_false(log_has(&r, BAD));
	srig_limits_end(&r);
}

static void each_failure_costs_more_time_and_then_the_session(void **state)
{
	struct srig r;
	uint64_t begun;

	(void)state;
	begin(&r, "mua");
	begun = r.now.mono_ms;
	say(&r, TLS "AUTH PLAIN " BAD "\r\n", "220 250 220 250 535");
	assert_in_range(r.now.mono_ms - begun, 500, 600);
	begun = r.now.mono_ms;
	say(&r, TLS "AUTH PLAIN " BAD "\r\nAUTH PLAIN " BAD "\r\n", "220 250 220 250 535 535");
	assert_in_range(r.now.mono_ms - begun, 1000 + 2000, 3100);
	/* the fourth in ten minutes is the last, and then nobody is even asked */
	say(&r, TLS "AUTH PLAIN " BAD "\r\n" LOGIN, "220 250 220 250 421");
	assert_has(srig_replies(&r), "421 4.7.0 ");
	r.auth_begun = 0;
	say(&r, TLS LOGIN MAIL, "220 250 220 250 421");
	assert_int_equal(r.auth_begun, 0);
	r.client = "10.0.0.10";
	say(&r, TLS LOGIN, "220 250 220 250 235");
	r.client = "10.0.0.9";
	r.now.mono_ms += 12 * 60 * 1000;
	say(&r, TLS LOGIN, "220 250 220 250 235");
	srig_limits_end(&r);
}

static void guessing_from_many_addresses_is_slow_too(void **state)
{
	static const char *const clients[] = {"192.0.2.1", "2001:db8::1", "2001:db8:0:1::1"};
	struct srig r;
	uint64_t begun;
	size_t i;

	(void)state;
	begin(&r, "mua");
	for (i = 0; i < COUNT(clients); i++) {
		r.client = clients[i];
		begun = r.now.mono_ms;
		say(&r, TLS "AUTH PLAIN " BAD "\r\n", "220 250 220 250 535");
		assert_true(r.now.mono_ms - begun >= 500u << i);
	}
	/* who knows the password is not kept out, and ends it */
	say(&r, TLS LOGIN, "220 250 220 250 235");
	begun = r.now.mono_ms;
	r.client = "192.0.2.99";
	say(&r, TLS "AUTH PLAIN " BAD "\r\n", "220 250 220 250 535");
	assert_true(r.now.mono_ms - begun < 1000);
	srig_limits_end(&r);
}

static void an_ipv6_client_fails_for_its_64(void **state)
{
	static const char *const clients[] = {
	    "2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4"};
	struct srig r;
	size_t i;

	(void)state;
	begin(&r, "mua");
	for (i = 0; i < COUNT(clients); i++) {
		r.client = clients[i];
		say(&r, TLS "AUTH PLAIN " BAD "\r\n",
		    i < 3 ? "220 250 220 250 535" : "220 250 220 250 421");
	}
	srig_limits_end(&r);
}

static void what_was_proved_in_clear_counts_no_more_under_tls(void **state)
{
	struct srig r;

	(void)state;
	srig_init(&r,
	    "hostname mail.b.test; spool /spool; accept b.test;\n"
	    "listen both { address 10.255.2.40:587; role submission; starttls on; certificate /c; "
	    "certificate-key /k; auth file /users; auth-without-tls on; }\n",
	    ZONE);
	r.mechanisms = "PLAIN";
	r.waits_for_tls = true;
	say(&r, "EHLO x\r\n" LOGIN "STARTTLS\r\nEHLO x\r\n" MAIL LOGIN MAIL,
	    "220 250 235 220 250 530 503 235 250 250");
	srig_done(&r);
}

static void a_user_writes_in_his_own_name(void **state)
{
	static const struct {
		const char *senders, *from;
		bool may;
	} rows[] = {
	    {NULL, "user@b.test", true},
	    {NULL, "USER@B.TEST", true},
	    {NULL, "", true},
	    {NULL, "other@b.test", false},
	    {NULL, "user@b.test.c.test", false},
	    {NULL, "user@x.b.test", false},
	    {"a@c.test b@d.test", "b@d.test", true},
	    {"a@c.test b@d.test", "user@b.test", false},
	    {"a@c.test b@d.test", "a@d.test", false},
	    {"@c.test", "anybody@C.test", true},
	    {"@c.test", "anybody@x.c.test", false},
	    {"*", "anybody@x.c.test", true},
	};
	struct srig r;
	char text[512];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		begin(&r, "mua");
		r.senders = rows[i].senders;
		snprintf(text, sizeof text, TLS LOGIN "MAIL FROM:<%s>\r\n", rows[i].from);
		say(&r, text, rows[i].may ? "220 250 220 250 235 250" : "220 250 220 250 235 553");
		if (!rows[i].may)
			assert_has(srig_replies(&r), "553 5.7.1 ");
		srig_limits_end(&r);
	}
}

static void a_name_without_a_domain_is_one_of_each_of_ours(void **state)
{
	struct hk_conf *conf;

	(void)state;
	assert_int_equal(
	    hk_conf_parse(
	        "t", hk_slice_str("hostname h.b.test; accept b.test .c.test;"), &conf, NULL),
	    HK_OK);
	assert_true(hk_policy_owns(conf, HK_S("user"), HK_S(""), HK_S("User"), HK_S("b.test")));
	assert_true(hk_policy_owns(conf, HK_S("user"), HK_S(""), HK_S("user"), HK_S("x.c.test")));
	assert_false(hk_policy_owns(conf, HK_S("user"), HK_S(""), HK_S("user"), HK_S("d.test")));
	assert_false(hk_policy_owns(conf, HK_S("user"), HK_S(""), HK_S("use"), HK_S("b.test")));
	hk_conf_free(conf);
}

static void the_field_from_is_his_too_where_that_is_asked(void **state)
{
	static const struct {
		const char *fields;
		bool may;
	} rows[] = {
	    {"From: A User <user@b.test>\r\n", true},
	    {"From: other@b.test\r\n", false},
	    {"From: user@b.test, other@b.test\r\n", false},
	    {"From: user@b.test\r\nFrom: other@b.test\r\n", false},
	    {"From: \"user@b.test\" <other@c.test>\r\n", false},
	    {"Subject: nobody\r\n", false},
	    {"From: <<user@b.test\r\n", false},
	};
	struct srig r;
	char text[1024];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		begin(&r, "from");
		snprintf(text, sizeof text, "EHLO x\r\n" LOGIN MAIL "DATA\r\n%s\r\ntext\r\n.\r\n",
		    rows[i].fields);
		say(&r, text,
		    rows[i].may ? "220 250 235 250 250 354 250" : "220 250 235 250 250 354 550");
		srig_limits_end(&r);
	}
}

static void a_user_does_so_much_in_a_time(void **state)
{
	struct srig r;

	(void)state;
	begin(&r, "mua");
	say(&r,
	    TLS LOGIN MAIL "RSET\r\n" MAIL "RSET\r\n" MAIL "RSET\r\nMAIL FROM:<user@b.test>\r\n",
	    "220 250 220 250 235 250 250 250 250 250 250 250 250 250 450");
	assert_has(srig_replies(&r), "450 4.7.1 ");
	assert_true(log_has(&r, "ev=limit what=user-messages client=10.0.0.9 user=user@b.test"));
	r.now.mono_ms += 70 * 60 * 1000;
	say(&r,
	    TLS LOGIN MAIL "RCPT TO:<a@c.test>\r\nRCPT TO:<b@c.test>\r\nRCPT TO:<c@c.test>\r\n"
	                   "RCPT TO:<d@c.test>\r\nRCPT TO:<e@c.test>\r\n" DATA,
	    "220 250 220 250 235 250 250 250 250 250 250 450 354 250");
	assert_int_equal(r.n_mails, 1);
	assert_int_equal(r.mail[0]->n_rcpt, 5);
	srig_limits_end(&r);
}

static void a_user_has_so_many_sessions_at_once(void **state)
{
	struct srig r;
	unsigned i;

	(void)state;
	begin(&r, "mua");
	for (i = 0; i < 2; i++)
		assert_true(
		    hk_limits_enter(r.limits, HK_LIMIT_USER_CONNECTIONS, HK_S("user@b.test"), 0));
	say(&r, TLS LOGIN, "220 250 220 250 421");
	hk_limits_leave(r.limits, HK_LIMIT_USER_CONNECTIONS, HK_S("user@b.test"));
	for (i = 0; i < 5; i++) /* each session gives its place back */
		say(&r, TLS LOGIN, "220 250 220 250 235");
	srig_limits_end(&r);
}

static void a_device_is_named_once_under_tls_and_before_auth(void **state)
{
	struct srig r;

	(void)state;
	begin(&r, "device");
	say(&r, "EHLO pc.b.test\r\n" CLIENTID, "220 250 530");
	assert_null(strstr(srig_replies(&r), "\nCLIENTID"));
	assert_null(strstr(srig_replies(&r), "250 CLIENTID"));
	say(&r, TLS CLIENTID CLIENTID "RSET\r\n" CLIENTID LOGIN CLIENTID MAIL DATA,
	    "220 250 220 250 250 503 250 250 235 503 250 250 354 250");
	assert_has(srig_replies(&r), "CLIENTID\r\n");
	assert_int_equal(r.n_mails, 1);
	assert_int_equal(r.mail[0]->device.n, 64);
	assert_text(r.mail[0]->device, r.auth_device); /* the back end was told the same */
	assert_true(log_has(&r, r.auth_device));
	assert_false(log_has(&r, TOKEN));
	assert_null(strstr(srig_stored(&r, 0), TOKEN));
	r.listener = "mua";
	say(&r, TLS CLIENTID, "220 250 220 250 502");
	assert_null(strstr(srig_replies(&r), "CLIENTID\r\n"));
	srig_limits_end(&r);
}

static void the_example_of_the_source_text_is_answered(void **state)
{
	struct srig r;

	(void)state;
	begin(&r, "device");
	/* the response there is one of PLAIN; what LOGIN makes of it is sasl_test's */
	say(&r,
	    "EHLO [127.0.0.1]\r\nSTARTTLS\r\nEHLO [127.0.0.1]\r\n" CLIENTID "AUTH LOGIN " GOOD
	    "\r\nMAIL FROM:<user@b.test>\r\n",
	    "220 250 220 250 250 235 250");
	srig_limits_end(&r);
}

static void the_same_token_of_another_type_or_key_is_another_device(void **state)
{
	char first[80];
	struct srig r;

	(void)state;
	begin(&r, "device");
	say(&r, TLS CLIENTID LOGIN, "220 250 220 250 250 235");
	memcpy(first, r.auth_device, sizeof first);
	say(&r, TLS "CLIENTID uuid " TOKEN "\r\n" LOGIN, "220 250 220 250 250 235");
	assert_string_equal(first, r.auth_device);
	say(&r, TLS "CLIENTID MAC " TOKEN "\r\n" LOGIN, "220 250 220 250 250 235");
	assert_string_not_equal(first, r.auth_device);
	say(&r, TLS LOGIN, "220 250 220 250 235");
	assert_string_equal(r.auth_device, "");
	/* taken back, and not said again */
	say(&r, TLS CLIENTID "RSET\r\n" LOGIN MAIL DATA,
	    "220 250 220 250 250 250 235 250 250 354 250");
	assert_string_equal(r.auth_device, "");
	assert_int_equal(r.mail[0]->device.n, 0);
	srig_limits_end(&r);
}

static void without_a_device_nobody_is_let_in_where_one_is_required(void **state)
{
	struct srig r;

	(void)state;
	begin(&r, "must");
	say(&r, TLS LOGIN CLIENTID "RSET\r\n" LOGIN CLIENTID LOGIN MAIL,
	    "220 250 220 250 530 250 250 530 250 235 250 250");
	assert_int_equal(r.auth_begun, 1);
	srig_limits_end(&r);
}

static void a_device_does_so_much_wherever_it_is(void **state)
{
	struct srig r;

	(void)state;
	begin(&r, "device");
	say(&r, TLS CLIENTID LOGIN MAIL "RSET\r\n" MAIL,
	    "220 250 220 250 250 235 250 250 250 250 250");
	r.client = "192.0.2.7";
	say(&r, TLS CLIENTID LOGIN "MAIL FROM:<user@b.test>\r\n", "220 250 220 250 250 235 450");
	say(&r, TLS "CLIENTID UUID other\r\n" LOGIN MAIL, "220 250 220 250 250 235 250 250");
	say(&r, TLS LOGIN MAIL, "220 250 220 250 235 250 250");
	srig_limits_end(&r);
}

static void a_device_is_here_so_often_at_once(void **state)
{
	struct srig r;
	char device[80];

	(void)state;
	begin(&r, "device");
	say(&r, TLS CLIENTID LOGIN, "220 250 220 250 250 235");
	memcpy(device, r.auth_device, sizeof device);
	assert_true(
	    hk_limits_enter(r.limits, HK_LIMIT_DEVICE_CONNECTIONS, hk_slice_str(device), 0));
	say(&r, TLS CLIENTID LOGIN, "220 250 220 250 421");
	hk_limits_leave(r.limits, HK_LIMIT_DEVICE_CONNECTIONS, hk_slice_str(device));
	say(&r, TLS CLIENTID LOGIN, "220 250 220 250 250 235");
	srig_limits_end(&r);
}

static void bare_line_feeds_are_mended_for_the_named_clients_only(void **state)
{
	static const char text[] =
	    "EHLO x\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<b@c.test>\r\nDATA\r\n"
	    "From: a@b.test\r\n\r\none\ntwo\r\n.\r\n";
	struct srig r;

	(void)state;
	begin(&r, "old");
	say(&r, text, "220 250 250 250 354 250");
	assert_has(srig_stored(&r, 0), "\r\none\r\ntwo\r\n");
	r.client = "10.0.0.8";
	say(&r, text, "220 250 250 250 354 550");
	srig_limits_end(&r);
}

/* RFC 4954 5: from others than trusted relays whatever AUTH= says is treated as <>; where it does not stand, nothing is said. */
static void who_is_said_to_have_sent_it_first_counts_from_trusted_relays_alone(void **state)
{
	static const struct {
		const char *client, *param, *want;
	} cases[] = {
	    {"10.8.0.1", " AUTH=other+3Db@b.test", "other+3Db@b.test"},
	    {"10.8.0.1", " AUTH=<>", "<>"},
	    {"10.8.0.1", "", ""},
	    {"10.0.0.9", " AUTH=other+3Db@b.test", "<>"},
	    {"10.0.0.9", " AUTH=user@b.test", "<>"},
	    {"10.0.0.9", " AUTH=<>", "<>"},
	    {"10.0.0.9", "", ""},
	};
	char text[512];
	struct srig r;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		begin(&r, "hop");
		r.client = cases[i].client;
		snprintf(text, sizeof text, "EHLO h.test\r\n" LOGIN "MAIL FROM:<user@b.test>%s\r\nRCPT TO:<other@c.test>\r\n" DATA, cases[i].param);
		say(&r, text, "220 250 235 250 250 354 250");
		assert_int_equal(r.n_mails, 1);
		assert_text(r.mail[0]->params.auth, cases[i].want);
		srig_limits_end(&r);
	}
}

static void a_back_end_that_is_dead_keeps_nobody_but_its_client(void **state)
{
	struct srig r;

	(void)state;
	begin(&r, "mua");
	r.auth_is_dead = true;
	say(&r, TLS LOGIN MAIL, "220 250 220 250");
	srig_limits_end(&r);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    {"S3-039: a user who proves himself may send anywhere, and Received says ESMTPSA "
	     "(S0-025)",
	        a_user_who_proves_himself_may_send_anywhere, NULL, NULL, NULL},
	    {"S3-013, S3-081, S0-031: Bcc goes, Message-ID and Date come, and a relay does neither",
	        what_only_the_user_may_know_goes_and_what_is_missing_comes, NULL, NULL, NULL},
	    {"S0-011: on 587 nobody sends without proof, nor proves himself in clear",
	        nobody_sends_without_proof_nor_proves_himself_in_clear, NULL, NULL, NULL},
	    cmocka_unit_test(what_is_offered_fits_the_channel),
	    cmocka_unit_test(the_exchange_goes_on_as_long_as_the_back_end_asks),
	    cmocka_unit_test(in_pieces_of_any_size_it_is_the_same),
	    cmocka_unit_test(a_refusal_says_what_was_wrong),
	    {"SEC-88: each failure costs more time, and then the session",
	        each_failure_costs_more_time_and_then_the_session, NULL, NULL, NULL},
	    {"SEC-88: guessing from many addresses is slow too",
	        guessing_from_many_addresses_is_slow_too, NULL, NULL, NULL},
	    cmocka_unit_test(an_ipv6_client_fails_for_its_64),
	    cmocka_unit_test(what_was_proved_in_clear_counts_no_more_under_tls),
	    cmocka_unit_test(a_user_writes_in_his_own_name),
	    cmocka_unit_test(a_name_without_a_domain_is_one_of_each_of_ours),
	    cmocka_unit_test(the_field_from_is_his_too_where_that_is_asked),
	    {"SEC-87: a user does so much in a time", a_user_does_so_much_in_a_time, NULL, NULL, NULL},
	    {"SEC-87: a user has so many sessions at once", a_user_has_so_many_sessions_at_once, NULL, NULL, NULL},
	    {"S4-120, S4-121, S4-122, S4-123: a device is named once, under TLS and before AUTH",
	        a_device_is_named_once_under_tls_and_before_auth, NULL, NULL, NULL},
	    {"S4-124: the example of the source text is answered",
	        the_example_of_the_source_text_is_answered, NULL, NULL, NULL},
	    cmocka_unit_test(the_same_token_of_another_type_or_key_is_another_device),
	    {"S4-125: without a device nobody is let in where one is required",
	        without_a_device_nobody_is_let_in_where_one_is_required, NULL, NULL, NULL},
	    {"S4-125: a device does so much in a time, wherever it is",
	        a_device_does_so_much_wherever_it_is, NULL, NULL, NULL},
	    cmocka_unit_test(a_device_is_here_so_often_at_once),
	    cmocka_unit_test(bare_line_feeds_are_mended_for_the_named_clients_only),
	    cmocka_unit_test(who_is_said_to_have_sent_it_first_counts_from_trusted_relays_alone),
	    cmocka_unit_test(a_back_end_that_is_dead_keeps_nobody_but_its_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
