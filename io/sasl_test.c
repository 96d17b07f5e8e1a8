/* SPDX-License-Identifier: MIT */
#include <gsasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "io/password.h"
#include "io/sasl.h"
#include "tests/unit.h"

#define PASSWORD "pencil of wood"

static struct hk_users *users;
static char text[4096];

static int make_users(void **state)
{
	struct hk_user u = {.name = HK_S("alice@b.test"), .senders = HK_S("alice@b.test @c.test")};
	struct hk_buf hash, out, why;
	char *prepared;

	(void)state;
	hk_buf_init(&hash, HK_USER_HASH_MAX);
	hk_buf_init(&out, sizeof text);
	hk_buf_init(&why, 1024);
	if (hk_password_prepare(HK_S(PASSWORD), &prepared) != HK_OK ||
	    hk_password_set(prepared, &hash, &u) != HK_OK)
		return -1;
	hk_user_format(&u, &out);
	u = (struct hk_user){.name = HK_S("noscram"), .hash = hk_buf_slice(&hash)};
	hk_user_format(&u, &out);
	hk_buf_add_str(&out, "nothing - -\n");
	snprintf(text, sizeof text, "%.*s", HK_FMT(hk_buf_slice(&out)));
	hk_password_wipe(prepared);
	hk_buf_done(&hash);
	hk_buf_done(&out);
	return hk_users_parse(hk_slice_str(text), &why, &users) == HK_OK ? 0 : -1;
}

static int drop_users(void **state)
{
	(void)state;
	hk_users_free(users);
	return 0;
}

/* One step; the outcome, and the result for who wants it. */
static enum hk_auth_outcome step(
    struct hk_sasl *x, struct hk_slice data, bool has_data, struct hk_sasl_result *ret)
{
	hk_sasl_result_init(ret);
	hk_sasl_step(x, data, has_data, ret);
	return ret->outcome;
}

/* A whole exchange of one response. */
static enum hk_auth_outcome once(const char *mechanism, struct hk_slice data, char user[64])
{
	struct hk_sasl_peer peer = {.is_tls = true};
	struct hk_sasl *x = must(hk_sasl_file(users, hk_slice_str(mechanism), &peer));
	struct hk_sasl_result r;
	enum hk_auth_outcome outcome = step(x, data, true, &r);

	snprintf(user, 64, "%.60s", r.user);
	hk_sasl_result_done(&r);
	hk_sasl_free(x);
	return outcome;
}

static void plain_says_who_passed_and_what_was_wrong(void **state)
{
	static const struct {
		struct hk_slice data;
		enum hk_auth_outcome outcome;
		const char *user;
	} rows[] = {
	    {S("\0alice@b.test\0" PASSWORD), HK_AUTH_PASSED, "alice@b.test"},
	    {S("\0ALICE@b.test\0" PASSWORD), HK_AUTH_PASSED, "alice@b.test"},
	    {S("alice@b.test\0alice@b.test\0" PASSWORD), HK_AUTH_PASSED, "alice@b.test"},
	    {S("noscram\0alice@b.test\0" PASSWORD), HK_AUTH_DENIED, "alice@b.test"},
	    {S("\0noscram\0" PASSWORD), HK_AUTH_PASSED, "noscram"},
	    {S("\0alice@b.test\0pencil of woo"), HK_AUTH_DENIED, "alice@b.test"},
	    {S("\0alice@b.test\0pencil of woods"), HK_AUTH_DENIED, "alice@b.test"},
	    {S("\0nothing\0" PASSWORD), HK_AUTH_DENIED, "nothing"},
	    {S("\0nothing\0"), HK_AUTH_DENIED, NULL},
	    {S("\0nobody\0" PASSWORD), HK_AUTH_DENIED, "nobody"},
	    {S("alice@b.test"), HK_AUTH_SYNTAX, ""},
	    {S("\0alice@b.test"), HK_AUTH_SYNTAX, ""},
	};
	char user[64];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		enum hk_auth_outcome got = once("PLAIN", rows[i].data, user);

		if (rows[i].outcome == HK_AUTH_SYNTAX)
			assert_true(got == HK_AUTH_SYNTAX || got == HK_AUTH_DENIED);
		else
			assert_int_equal(got, rows[i].outcome);
		if (rows[i].user)
			assert_string_equal(user, rows[i].user);
	}
}

static void the_senders_come_with_the_user(void **state)
{
	struct hk_sasl_peer peer = {.is_tls = true};
	struct hk_sasl *x = must(hk_sasl_file(users, HK_S("PLAIN"), &peer));
	struct hk_sasl_result r;

	(void)state;
	assert_int_equal(step(x, HK_S(""), false, &r), HK_AUTH_CONTINUE);
	assert_int_equal(r.challenge.n, 0);
	hk_sasl_result_done(&r);
	assert_int_equal(step(x, HK_S("\0alice@b.test\0" PASSWORD), true, &r), HK_AUTH_PASSED);
	assert_text(hk_buf_slice(&r.senders), "alice@b.test @c.test");
	hk_sasl_result_done(&r);
	/* what is over stays over */
	assert_int_equal(step(x, HK_S("\0alice@b.test\0" PASSWORD), true, &r), HK_AUTH_LATER);
	hk_sasl_result_done(&r);
	hk_sasl_free(x);
}

/* first: the name comes with AUTH */
static enum hk_auth_outcome login(bool first, struct hk_slice name, struct hk_slice password)
{
	struct hk_sasl_peer peer = {.is_tls = true};
	struct hk_sasl *x = must(hk_sasl_file(users, HK_S("LOGIN"), &peer));
	struct hk_sasl_result r;
	enum hk_auth_outcome outcome = HK_AUTH_CONTINUE;

	if (!first) {
		outcome = step(x, HK_S(""), false, &r);
		assert_text(hk_buf_slice(&r.challenge), "User Name");
		hk_sasl_result_done(&r);
	}
	if (outcome == HK_AUTH_CONTINUE) {
		outcome = step(x, name, true, &r);
		if (outcome == HK_AUTH_CONTINUE)
			assert_text(hk_buf_slice(&r.challenge), "Password");
		hk_sasl_result_done(&r);
	}
	if (outcome == HK_AUTH_CONTINUE) {
		outcome = step(x, password, true, &r);
		hk_sasl_result_done(&r);
	}
	hk_sasl_free(x);
	return outcome;
}

static void login_asks_for_what_was_not_said(void **state)
{
	unsigned first;

	(void)state;
	for (first = 0; first < 2; first++) {
		assert_int_equal(
		    login(first, HK_S("alice@b.test"), HK_S(PASSWORD)), HK_AUTH_PASSED);
		assert_int_equal(login(first, HK_S("alice@b.test"), HK_S("x")), HK_AUTH_DENIED);
		assert_int_equal(login(first, HK_S("nobody"), HK_S(PASSWORD)), HK_AUTH_DENIED);
		/* a response of PLAIN is no name, and none may end at a NUL */
		assert_int_equal(
		    login(first, HK_S("test\0test\0001234"), HK_S("x")), HK_AUTH_SYNTAX);
		assert_int_equal(
		    login(first, HK_S("alice@b.test"), HK_S(PASSWORD "\0x")), HK_AUTH_SYNTAX);
	}
}

/* ---- SCRAM, against the client of the same library ---- */

static const uint8_t binding[32] = {1, 2, 3};
static const char *client_binding; /* base64; NULL: none */

static int client_callback(Gsasl *g, Gsasl_session *s, Gsasl_property p)
{
	(void)g;
	if (p == GSASL_CB_TLS_EXPORTER && client_binding)
		return gsasl_property_set(s, p, client_binding);
	return GSASL_NO_CALLBACK;
}

static enum hk_auth_outcome scram(
    const char *mechanism, const char *name, const char *password, const char *bound)
{
	struct hk_sasl_peer peer = {.is_tls = true, .exporter_n = sizeof binding};
	enum hk_auth_outcome outcome = HK_AUTH_CONTINUE;
	Gsasl_session *client;
	struct hk_sasl *x;
	unsigned i;
	Gsasl *g;

	memcpy(peer.exporter, binding, sizeof binding);
	x = must(hk_sasl_file(users, hk_slice_str(mechanism), &peer));
	client_binding = bound;
	assert_int_equal(gsasl_init(&g), GSASL_OK);
	gsasl_callback_set(g, client_callback);
	assert_int_equal(gsasl_client_start(g, mechanism, &client), GSASL_OK);
	gsasl_property_set(client, GSASL_AUTHID, name);
	gsasl_property_set(client, GSASL_PASSWORD, password);
	{
		char *out = NULL;
		size_t n = 0;
		struct hk_sasl_result r;

		assert_int_equal(gsasl_step(client, NULL, 0, &out, &n), GSASL_NEEDS_MORE);
		for (i = 0; i < 5 && outcome == HK_AUTH_CONTINUE; i++) {
			outcome = step(x, hk_slice_of(out, n), true, &r);
			gsasl_free(out);
			out = NULL;
			n = 0;
			if (outcome == HK_AUTH_CONTINUE &&
			    gsasl_step(client, (char *)r.challenge.p, r.challenge.n, &out, &n) >
			        GSASL_NEEDS_MORE)
				outcome = HK_AUTH_SYNTAX; /* the client does not believe us */
			hk_sasl_result_done(&r);
		}
		gsasl_free(out);
	}
	gsasl_finish(client);
	gsasl_done(g);
	hk_sasl_free(x);
	return outcome;
}

static void scram_proves_both_sides(void **state)
{
	(void)state;
	assert_int_equal(scram("SCRAM-SHA-256", "alice@b.test", PASSWORD, NULL), HK_AUTH_PASSED);
	assert_int_equal(scram("SCRAM-SHA-256", "alice@b.test", "pencil", NULL), HK_AUTH_DENIED);
	assert_int_equal(scram("SCRAM-SHA-256", "nobody", PASSWORD, NULL), HK_AUTH_DENIED);
	assert_int_equal(scram("SCRAM-SHA-256", "noscram", PASSWORD, NULL), HK_AUTH_DENIED);
}

static void the_plus_binds_to_the_channel(void **state)
{
	static const char good[] = "AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
	static const char bad[] = "AQIEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

	(void)state;
	assert_int_equal(
	    scram("SCRAM-SHA-256-PLUS", "alice@b.test", PASSWORD, good), HK_AUTH_PASSED);
	assert_int_equal(
	    scram("SCRAM-SHA-256-PLUS", "alice@b.test", PASSWORD, bad), HK_AUTH_DENIED);
}

/* RFC 5802 9: the first answer must not say who exists; it has a salt, and always the same one. */
static void somebody_unknown_has_a_salt(void **state)
{
	struct hk_sasl_peer peer = {.is_tls = true};
	char salts[2][64];
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct hk_sasl *x = must(hk_sasl_file(users, HK_S("SCRAM-SHA-256"), &peer));
		struct hk_sasl_result r;
		const char *salt;

		assert_int_equal(step(x, HK_S("n,,n=nobody,r=abcdef"), true, &r), HK_AUTH_CONTINUE);
		hk_buf_add_byte(&r.challenge, 0);
		salt = strstr((const char *)r.challenge.p, ",s=");
		assert_non_null(salt);
		assert_has(salt, ",i=4096");
		snprintf(salts[i], sizeof salts[i], "%.27s", salt);
		hk_sasl_result_done(&r);
		hk_sasl_free(x);
	}
	assert_string_equal(salts[0], salts[1]);
}

static void no_other_mechanism_is_reached(void **state)
{
	static const char *const names[] = {
	    "ANONYMOUS", "CRAM-MD5", "DIGEST-MD5", "NTLM", "SCRAM-SHA-1", "GSSAPI", "", "EXTERNAL"};
	char user[64];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(names); i++)
		assert_int_not_equal(once(names[i], HK_S("alice@b.test"), user), HK_AUTH_PASSED);
}

static void a_certificate_is_a_proof_of_its_name(void **state)
{
	struct hk_sasl_peer peer = {.is_tls = true, .certificate_user = "alice@b.test"};
	static const struct {
		struct hk_slice data;
		enum hk_auth_outcome outcome;
	} rows[] = {{S(""), HK_AUTH_PASSED}, {S("alice@b.test"), HK_AUTH_PASSED},
	    {S("noscram"), HK_AUTH_DENIED}};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct hk_sasl *x = must(hk_sasl_file(users, HK_S("EXTERNAL"), &peer));
		struct hk_sasl_result r;

		assert_int_equal(step(x, rows[i].data, true, &r), rows[i].outcome);
		hk_sasl_result_done(&r);
		hk_sasl_free(x);
	}
}

static double seconds_of(struct hk_slice data)
{
	struct timespec a, b;
	char user[64];
	unsigned i;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	for (i = 0; i < 4; i++)
		assert_int_equal(once("PLAIN", data, user), HK_AUTH_DENIED);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	return (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
}

static void a_failure_costs_the_same_for_somebody_unknown(void **state)
{
	double known = seconds_of(HK_S("\0alice@b.test\0wrong")), unknown, none;

	(void)state;
	unknown = seconds_of(HK_S("\0nobody\0wrong"));
	none = seconds_of(HK_S("\0nothing\0wrong"));
	assert_true(unknown > known / 2 && unknown < known * 2);
	assert_true(none > known / 2 && none < known * 2);
}

static void a_password_is_prepared(void **state)
{
	char *ret;

	(void)state;
	/* RFC 4013 3: a no-break space is a space, a soft hyphen is nothing */
	assert_int_equal(hk_password_prepare(HK_S("I\302\255X\302\240y"), &ret), HK_OK);
	assert_string_equal(ret, "IX y");
	hk_password_wipe(ret);
	assert_int_equal(hk_password_prepare(HK_S(""), &ret), HK_SYNTAX);
	assert_int_equal(hk_password_prepare(HK_S("a\0b"), &ret), HK_SYNTAX);
	assert_int_equal(hk_password_prepare(HK_S("\377\376"), &ret), HK_OK);
	hk_password_wipe(ret);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    {"S3-039: PLAIN says who passed, and what was wrong",
	        plain_says_who_passed_and_what_was_wrong, NULL, NULL, NULL},
	    cmocka_unit_test(the_senders_come_with_the_user),
	    {"S3-039, E-09: LOGIN asks for what was not said, and takes no NUL",
	        login_asks_for_what_was_not_said, NULL, NULL, NULL},
	    {"S3-039: SCRAM-SHA-256 proves both sides", scram_proves_both_sides, NULL, NULL, NULL},
	    cmocka_unit_test(the_plus_binds_to_the_channel),
	    cmocka_unit_test(somebody_unknown_has_a_salt),
	    {"SEC-31: no mechanism is reached that was not meant", no_other_mechanism_is_reached,
	        NULL, NULL, NULL},
	    cmocka_unit_test(a_certificate_is_a_proof_of_its_name),
	    {"SEC-88: a failure costs the same for somebody unknown",
	        a_failure_costs_the_same_for_somebody_unknown, NULL, NULL, NULL},
	    cmocka_unit_test(a_password_is_prepared),
	};

	return cmocka_run_group_tests(tests, make_users, drop_users);
}
