/* SPDX-License-Identifier: MIT
 *
 * The items about TLS, of both ends, and about what is offered under it.
 */
#include <stdio.h>

#include "conf/conf_testing.h"

#define HOST   "hostname a.test; "
#define LISTEN HOST "listen a { address 1.2.3.4:25; "
#define PAIR   "certificate /c; certificate-key /k; "

static void what_was_written_is_meant_and_dumped(void **state)
{
	static const char text[] = HOST
	    "trust-anchor /root.key; authorities /ca.pem; mta-sts off; mta-sts-server 127.0.0.1@8443; smtp-tls-srv on; certificate-check 90s; "
	    "fetch-user sts; clientid-key /key;\n"
	    "listen a { address 1.2.3.4:25; starttls on; certificate /c1 \"/c 2\"; certificate-key /k1 /k2; extensions starttls requiretls limits etrn deliverby; "
	    "max-transactions 7; max-domains 8; deliverby-minimum 90s; }\n"
	    "listen b { address 1.2.3.4:842; implicit-tls on; " PAIR "ehlo-profile gmail; }\n"
	    "route a.test { via smtp h.test:465; implicit-tls on; tls verified; }\n"
	    "route b.test { via mx; tls dane; chunking on; pipelining off; unconvertible bounce; messages-per-connection 9; }\n"
	    "route c.test { via mx; tls off; } route d.test { via mx; tls required; } route * { via mx; }";
	static const enum hk_tls_level levels[] = {HK_TLS_VERIFIED, HK_TLS_DANE, HK_TLS_OFF, HK_TLS_REQUIRED, HK_TLS_OPPORTUNISTIC};
	struct conf_twice twice;
	size_t i, k;

	(void)state;
	conf_twice_begin(&twice, text);
	for (i = 0; i < 2; i++) {
		const struct hk_conf *c = twice.of[i];
		const struct hk_conf_listener *a = &c->listener[0], *b = &c->listener[1];

		assert_text(c->trust_anchor, "/root.key");
		assert_text(c->authorities, "/ca.pem");
		assert_true(!c->mta_sts && c->smtp_tls_srv);
		assert_text(c->sts_server, "127.0.0.1@8443");
		assert_int_equal(c->certificate_check, 90);
		assert_text(c->fetch_user, "sts");
		assert_text(c->clientid_key, "/key");
		assert_true(a->starttls && !a->implicit_tls && b->implicit_tls && !b->starttls);
		assert_true(a->certificate.n == 2 && a->certificate_key.n == 2);
		assert_text(a->certificate.at[1], "/c 2");
		assert_text(a->certificate_key.at[1], "/k2");
		assert_int_equal(a->extensions, HK_EXT(STARTTLS) | HK_EXT(REQUIRETLS) | HK_EXT(LIMITS) | HK_EXT(ETRN) | HK_EXT(DELIVERBY));
		assert_true(a->max_transactions == 7 && a->max_domains == 8 && a->min_by == 90);
		assert_int_equal(a->profile, HK_PROFILE_OURS);
		assert_int_equal(b->profile, HK_PROFILE_GMAIL);
		for (k = 0; k < COUNT(levels); k++)
			assert_int_equal(c->route[k].tls, levels[k]);
		assert_true(c->route[0].implicit_tls && !c->route[1].implicit_tls);
	}
	conf_twice_end(&twice);
}

static void by_default_policies_are_obeyed_and_files_looked_after(void **state)
{
	struct hk_conf *c;
	const struct hk_conf_listener *l;

	(void)state;
	assert_int_equal(hk_conf_parse("t", HK_S(LISTEN "} route * { via mx; }"), &c, NULL), HK_OK);
	l = c->listener;
	assert_true(c->mta_sts && !c->smtp_tls_srv && !c->trust_anchor.n && !c->authorities.n && !c->sts_server.n && !c->clientid_key.n);
	assert_int_equal(c->certificate_check, 60);
	assert_true(!l->starttls && !l->implicit_tls && !l->certificate.n && !l->client_authorities.n);
	assert_true(!l->max_transactions && !l->max_domains && !l->min_by);
	/* what is asked of everybody is offered by default; DELIVERBY and ETRN are for who wants them */
	assert_true((l->extensions & HK_EXT(REQUIRETLS)) && (l->extensions & HK_EXT(LIMITS)));
	assert_false(l->extensions & (HK_EXT(DELIVERBY) | HK_EXT(ETRN) | HK_EXT(CLIENTID)));
	assert_int_equal(c->route->tls, HK_TLS_OPPORTUNISTIC);
	assert_false(c->route->implicit_tls);
	hk_conf_free(c);
}

/* One below, at, and one above each bound. */
static void numbers_have_their_bounds(void **state)
{
	static const struct {
		const char *before, *least_but_one, *least, *most, *most_and_one;
	} rows[] = {
	    {HOST "certificate-check ", "-1", "0", "1d", "86401s"},
	    {LISTEN "max-transactions ", "-1", "0", "999999", "1000000"},
	    {LISTEN "max-domains ", "-1", "0", "1000", "1001"},
	    {LISTEN "deliverby-minimum ", "-1", "0", "30d", "2592001s"},
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		const char *const values[] = {rows[i].least_but_one, rows[i].least, rows[i].most, rows[i].most_and_one};

		for (k = 0; k < COUNT(values); k++) {
			char text[256];
			struct hk_conf *c = NULL;

			snprintf(text, sizeof text, "%s%s;%s", rows[i].before, values[k], strchr(rows[i].before, '{') ? " }" : "");
			if (hk_conf_parse("t", hk_slice_str(text), &c, NULL) != (k == 1 || k == 2 ? HK_OK : HK_SYNTAX))
				fail_msg("%s", text);
			hk_conf_free(c);
		}
	}
}

static void what_cannot_be_is_refused(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
	    {HOST "trust-anchor root.key;", "must be an absolute path"},
	    {HOST "authorities ca.pem;", "must be an absolute path"},
	    {HOST "mta-sts maybe;", "mta-sts knows no \"maybe\""},
	    {HOST "mta-sts-server sts.test;", "must be IP or IP@PORT"},
	    {HOST "smtp-tls-srv maybe;", "smtp-tls-srv knows no \"maybe\""},
	    {HOST "clientid-key key;", "must be an absolute path"},
	    {LISTEN "implicit-tls on; }", "starttls and implicit-tls need certificate and certificate-key"},
	    {LISTEN "starttls on; certificate /a /b; certificate-key /c; }", "each certificate needs its certificate-key"},
	    {LISTEN "implicit-tls on; " PAIR "proxy-from 10.0.0.1; }", "implicit-tls and proxy-from do not go together"},
	    {LISTEN "extensions clientid; }", "extensions knows no \"clientid\""},
	    {LISTEN "clientid maybe; }", "clientid knows no \"maybe\""},
	    {LISTEN "client-authorities /ca; }", "client-authorities needs TLS and auth file"},
	    {LISTEN "ehlo-profile hotmail; }", "ehlo-profile knows no \"hotmail\""},
	    {HOST "route * { via mx; tls sometimes; }", "tls knows no \"sometimes\""},
	    {HOST "route * { via mx; implicit-tls on; }", "implicit-tls is for smtp with TLS"},
	    {HOST "route * { via smtp h.test:465; implicit-tls on; tls off; }", "implicit-tls is for smtp with TLS"},
	};
	struct hk_conf_error error;
	struct hk_conf *conf;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		error = (struct hk_conf_error){0};
		assert_int_equal(hk_conf_parse("t", hk_slice_str(rows[i].text), &conf, &error), HK_SYNTAX);
		hk_buf_add_byte(&error.text, 0);
		assert_has((const char *)error.text.p, rows[i].error);
		hk_buf_done(&error.text);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_written_is_meant_and_dumped),
	    cmocka_unit_test(by_default_policies_are_obeyed_and_files_looked_after),
	    cmocka_unit_test(numbers_have_their_bounds),
	    cmocka_unit_test(what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
