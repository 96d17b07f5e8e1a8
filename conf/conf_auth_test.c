/* SPDX-License-Identifier: MIT
 *
 * The items about users.
 */
#include "conf/conf_testing.h"

#define LISTEN "hostname a.test; listen a { address 1.2.3.4:587; role submission; "
#define TLS    "starttls on; certificate /c; certificate-key /k; "

static void what_was_written_is_meant_and_dumped(void **state)
{
	static const char text[] = LISTEN TLS
	    "auth file \"/etc/my users\"; auth-mechanisms scram-sha-256 Plain; sender-login "
	    "header; auth-failures 5/90s; user-messages 100/1h; user-recipients 0; "
	    "user-connections 7; clientid required; device-messages 3/1d; legacy-clients "
	    "10.0.0.1; client-authorities /etc/ca.pem; }";
	struct conf_twice twice;
	const struct hk_conf_listener *l;
	unsigned i;

	(void)state;
	conf_twice_begin(&twice, text);
	for (i = 0; i < 2; i++) {
		l = &twice.of[i]->listener[0];
		assert_int_equal(l->auth, HK_AUTH_FILE);
		assert_text(l->auth_path, "/etc/my users");
		assert_text(l->auth_mechanisms, "SCRAM-SHA-256 PLAIN");
		assert_int_equal(l->sender_login, HK_SENDER_HEADER);
		assert_int_equal(l->auth_failures.most, 5);
		assert_int_equal(l->auth_failures.seconds, 90);
		assert_int_equal(l->user_messages.seconds, 3600);
		assert_int_equal(l->user_recipients.most, 0);
		assert_int_equal(l->user_connections, 7);
		assert_int_equal(l->clientid, HK_CLIENTID_REQUIRED);
		assert_int_equal(l->device_messages.seconds, 86400);
		assert_int_equal(l->legacy_clients.n, 1);
		assert_text(l->client_authorities, "/etc/ca.pem");
	}
	conf_twice_end(&twice);
}

static void by_default_nobody_is_known_and_guesses_are_few(void **state)
{
	struct hk_conf *conf;

	(void)state;
	assert_int_equal(hk_conf_parse("t", HK_S(LISTEN "}"), &conf, NULL), HK_OK);
	assert_int_equal(conf->listener[0].auth, HK_AUTH_OFF);
	assert_false(conf->listener[0].auth_in_clear);
	assert_int_equal(conf->listener[0].clientid, HK_CLIENTID_OFF);
	assert_int_equal(conf->listener[0].sender_login, HK_SENDER_HEADER);
	assert_int_equal(conf->listener[0].auth_failures.most, 20);
	assert_int_equal(conf->listener[0].legacy_clients.n, 0);
	hk_conf_free(conf);
}

static void what_cannot_be_is_refused(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
	    {LISTEN "auth file /u; }", "auth needs TLS"},
	    {LISTEN TLS "auth file; }", "auth file takes one path"},
	    {LISTEN TLS "auth off /u; }", "auth off takes nothing"},
	    {LISTEN TLS "auth dovecot relative; }", "must be an absolute path"},
	    {LISTEN TLS "auth dovcot /x; }", "did you mean \"dovecot\"?"},
	    {LISTEN TLS "auth-mechanisms PLAIN; }", "auth-mechanisms needs auth"},
	    {LISTEN TLS "auth file /u; auth-mechanisms \"A B\"; }", "no name of a SASL mechanism"},
	    {LISTEN TLS "auth file /u; auth-mechanisms PLAIN CRAM-MD5; }",
	        "a password file has no mechanism CRAM-MD5"},
	    {LISTEN TLS "auth file /u; auth-mechanisms PLAIN EXTERNAL; }", "a password file has no mechanism EXTERNAL"},
	    {LISTEN TLS "auth dovecot /d; client-authorities /ca; }", "client-authorities needs TLS and auth file"},
	    {LISTEN "auth file /u; auth-without-tls on; client-authorities /ca; }", "client-authorities needs TLS and auth file"},
	    {LISTEN TLS "auth file /u; extensions size; }", "auth needs auth among the extensions"},
	    {LISTEN "user-messages 10; }", "must be a number, a slash and a time"},
	    {LISTEN "user-messages 10/0s; }", "must be a number, a slash and a time"},
	    {LISTEN "user-messages 10/32d; }", "must be a number, a slash and a time"},
	    {LISTEN "user-messages x/1h; }", "must be a number, a slash and a time"},
	    {"hostname a.test; listen a { address 1.2.3.4:25; " TLS "auth file /u; }",
	        "auth is for the roles submission and relay"},
	};
	struct hk_conf_error error;
	struct hk_conf *conf;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		error = (struct hk_conf_error){0};
		assert_int_equal(
		    hk_conf_parse("t", hk_slice_str(rows[i].text), &conf, &error), HK_SYNTAX);
		hk_buf_add_byte(&error.text, 0);
		assert_has((const char *)error.text.p, rows[i].error);
		hk_buf_done(&error.text);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_written_is_meant_and_dumped),
	    cmocka_unit_test(by_default_nobody_is_known_and_guesses_are_few),
	    cmocka_unit_test(what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
