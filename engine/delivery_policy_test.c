/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "engine/delivery_testing.h"
#include "tests/unit.h"

#define DIGEST "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define MX                                                                                         \
	"a.test. MX 10 one.a.test.\na.test. MX 20 two.a.test.\n"                                   \
	"one.a.test. A 10.0.0.1\ntwo.a.test. A 10.0.0.2\n"
#define TLS_SCRIPT "220 hi|250-h\n250 STARTTLS|220 go|250 h|250 ok|250 ok|354 go|250 2.0.0 queued|221 bye"
#define REQUIRE_SCRIPT                                                                             \
	"220 hi|250-h\n250 STARTTLS|220 go|250-h\n250 REQUIRETLS|250 ok|250 ok|354 go|250 2.0.0 "   \
	"queued|221 bye"
#define POLICY(mode, mx) "version: STSv1\nmode: " mode "\nmax_age: 86400\n" mx

/* One attempt in a world. events, results, outcome: what must have come of it; NULL: no matter. */
struct world {
	const char *name, *zone, *conf; /* conf NULL: route * { via mx; } */
	bool is_signed;
	const char *bogus, *sts;
	enum hk_tls_result sts_result;
	const char *script; /* of both hosts; NULL: TLS_SCRIPT */
	enum hk_tls_result one, two; /* what is wrong with their certificates */
	bool require_tls, tls_optional, is_bounce;
	/* what comes of it */
	const char *saw, *never, *results, *said;
	enum hk_rcpt_outcome outcome;
	const char *enhanced;
};

static void run_world(const struct world *w)
{
	struct rig_peer peer[] = {{.ip = "10.0.0.1", .certificate = w->one}, {.ip = "10.0.0.2", .certificate = w->two}};
	struct rig_mail m = simple;
	struct rig r;
	char conf[1000];

	peer[0].script = peer[1].script = w->script ? w->script : TLS_SCRIPT;
	m.params.require_tls = w->require_tls;
	m.flags = w->tls_optional ? HK_MAIL_TLS_OPTIONAL : 0;
	if (w->is_bounce)
		m.from = "";
	peer[0].tls_fails = w->one != HK_TLS_RESULT_NONE && (!w->sts || !strstr(w->sts, "testing"));
	peer[1].tls_fails = w->two != HK_TLS_RESULT_NONE && (!w->sts || !strstr(w->sts, "testing"));
	snprintf(conf, sizeof conf, CONF "%s", w->conf ? w->conf : "route * { via mx; }");
	rig_init(&r, conf, w->zone);
	r.peer = peer;
	r.n_peers = 2;
	r.is_signed = w->is_signed;
	r.bogus = w->bogus;
	r.answers_sts = true;
	r.sts = w->sts;
	r.sts_result = w->sts_result;
	rig_put(&r, &m);
	rig_run(&r);
	hk_buf_add_byte(&r.events, 0);
	hk_buf_add_byte(&r.results, 0);
	hk_buf_add_byte(&peer[0].got, 0);
	if ((w->saw && !strstr((char *)r.events.p, w->saw)) || (w->never && strstr((char *)r.events.p, w->never)))
		fail_msg("%s:\n%s", w->name, r.events.p);
	if (w->results && strcmp((char *)r.results.p, w->results))
		fail_msg("%s: results:\n%s", w->name, r.results.p);
	if (w->said && !strstr((char *)peer[0].got.p, w->said))
		fail_msg("%s: said:\n%s", w->name, peer[0].got.p);
	if (r.result->outcome != w->outcome || (w->enhanced && strcmp(r.result->enhanced, w->enhanced)))
		fail_msg("%s: outcome %d %s %s", w->name, r.result->outcome, r.result->enhanced, r.result->text);
	/* the next message to that hop may ask for less */
	if (w->enhanced && !strcmp(w->enhanced, "4.7.5") && r.job.news != HK_HOP_SILENT)
		fail_msg("%s: the hop counts as %d", w->name, (int)r.job.news);
	r.n_peers = 2;
	rig_done(&r);
}

static void run_worlds(const struct world *w, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		run_world(&w[i]);
}

/* ---- DANE ---- */

#define TLSA_ONE "_25._tcp.one.a.test. TLSA 3 1 1 " DIGEST "\n"
#define TLSA_TWO "_25._tcp.two.a.test. TLSA 3 1 1 " DIGEST "\n"

/* 245 octets: with "_25._tcp." before it, one more than a name may have */
#define L60  "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff"
#define LONG L60 "." L60 "." L60 "." L60 ".t"

/* SEC-97 */
static void a_secure_tlsa_is_what_the_certificate_must_fit(void **state)
{
	static const struct world worlds[] = {
	    {.name = "it fits", .zone = MX TLSA_ONE, .is_signed = true, .saw = "tls one.a.test dane\n",
	        .results = "tlsa a.test one.a.test success\n", .outcome = HK_RCPT_DELIVERED},
	    {.name = "it does not: the next host, whose TLSA fits", .zone = MX TLSA_ONE TLSA_TWO, .is_signed = true,
	        .one = HK_TLS_RESULT_VALIDATION, .saw = "tls two.a.test dane\n",
	        .results = "tlsa a.test one.a.test validation-failure\ntlsa a.test two.a.test success\n",
	        .outcome = HK_RCPT_DELIVERED},
	    {.name = "neither fits: later, never in clear", .zone = MX TLSA_ONE TLSA_TWO, .is_signed = true,
	        .one = HK_TLS_RESULT_VALIDATION, .two = HK_TLS_RESULT_VALIDATION, .outcome = HK_RCPT_PENDING, .enhanced = "4.7.5"},
	    {.name = "no STARTTLS is a downgrade", .zone = MX TLSA_ONE TLSA_TWO, .is_signed = true, .script = "220 hi|250 h",
	        .results = "tlsa a.test one.a.test starttls-not-supported\ntlsa a.test two.a.test starttls-not-supported\n",
	        .outcome = HK_RCPT_PENDING, .enhanced = "4.7.5"},
	    {.name = "an answer that is forged: not this host", .zone = MX TLSA_ONE, .is_signed = true,
	        .bogus = "_25._tcp.one.a.test", .never = "connect 10.0.0.1", .saw = "connect 10.0.0.2:25",
	        .results = "tlsa a.test one.a.test dnssec-invalid\nno-policy-found a.test two.a.test success\n",
	        .outcome = HK_RCPT_DELIVERED},
	    {.name = "none that can be used: TLS all the same", .zone = MX "_25._tcp.one.a.test. TLSA 1 1 1 " DIGEST "\n",
	        .is_signed = true, .saw = "tls one.a.test\n", .results = "tlsa a.test one.a.test tlsa-invalid\n",
	        .outcome = HK_RCPT_DELIVERED},
	    {.name = "none that can be used, and no TLS", .zone = "a.test. MX 1 one.a.test.\none.a.test. A 10.0.0.1\n"
	        "_25._tcp.one.a.test. TLSA 1 1 1 " DIGEST "\n", .is_signed = true, .script = "220 hi|250 h",
	        .outcome = HK_RCPT_PENDING, .enhanced = "4.7.5"},
	    {.name = "what nobody signed is not asked for", .zone = MX TLSA_ONE, .never = "TLSA", .saw = "tls one.a.test\n",
	        .outcome = HK_RCPT_DELIVERED},
	    {.name = "a route to a name", .zone = MX "_2525._tcp.one.a.test. TLSA 3 1 1 " DIGEST "\n", .is_signed = true,
	        .conf = "route * { via smtp one.a.test:2525; }", .saw = "tls one.a.test dane\n", .outcome = HK_RCPT_DELIVERED},
	    {.name = "the name at the end of the aliases", .zone = "a.test. MX 1 alias.a.test.\nalias.a.test. CNAME one.b.test.\n"
	        "one.b.test. A 10.0.0.1\n_25._tcp.one.b.test. TLSA 3 1 1 " DIGEST "\n", .is_signed = true,
	        .saw = "tls one.b.test dane\n", .outcome = HK_RCPT_DELIVERED},
	    {.name = "or the first one", .zone = "a.test. MX 1 alias.a.test.\nalias.a.test. CNAME one.b.test.\n"
	        "one.b.test. A 10.0.0.1\n_25._tcp.alias.a.test. TLSA 3 1 1 " DIGEST "\n", .is_signed = true,
	        .saw = "tls alias.a.test dane\n", .outcome = HK_RCPT_DELIVERED},
	    {.name = "the alias of a name that is too long to have one", .zone = "a.test. MX 1 alias.a.test.\nalias.a.test. CNAME " LONG ".\n"
	        LONG ". A 10.0.0.1\n_25._tcp.alias.a.test. TLSA 3 1 1 " DIGEST "\n", .is_signed = true,
	        .saw = "tls alias.a.test dane\n", .outcome = HK_RCPT_DELIVERED},
	    {.name = "a name that is too long to have one", .zone = "a.test. MX 1 " LONG ".\n" LONG ". A 10.0.0.1\n", .is_signed = true,
	        .saw = "tls " LONG "\n", .outcome = HK_RCPT_DELIVERED},
	    {.name = "tls dane: where there is none, nothing goes", .zone = MX, .is_signed = true,
	        .conf = "route * { via mx; tls dane; }", .never = "connect", .outcome = HK_RCPT_PENDING, .enhanced = "4.7.5"},
	    {.name = "tls off asks for nothing", .zone = MX TLSA_ONE, .is_signed = true, .conf = "route * { via mx; tls off; }",
	        .never = "TLSA", .script = OK_SCRIPT, .outcome = HK_RCPT_DELIVERED},
	};

	(void)state;
	run_worlds(worlds, COUNT(worlds));
}

/* ---- MTA-STS ---- */

static void an_enforced_policy_names_the_hosts_and_wants_their_certificates(void **state)
{
	static const struct world worlds[] = {
	    {.name = "all is well", .zone = MX, .sts = POLICY("enforce", "mx: *.a.test\n"), .saw = "tls one.a.test pkix\n",
	        .results = "sts a.test one.a.test success\n", .outcome = HK_RCPT_DELIVERED},
	    {.name = "a host that is not among them", .zone = MX, .sts = POLICY("enforce", "mx: two.a.test\n"),
	        .never = "connect 10.0.0.1", .saw = "tls two.a.test pkix\n",
	        .results = "sts a.test one.a.test validation-failure\nsts a.test two.a.test success\n",
	        .outcome = HK_RCPT_DELIVERED},
	    {.name = "none among them", .zone = MX, .sts = POLICY("enforce", "mx: mail.b.test\n"), .never = "connect",
	        .outcome = HK_RCPT_PENDING, .enhanced = "4.7.5"},
	    {.name = "expired", .zone = MX, .sts = POLICY("enforce", "mx: *.a.test\n"), .one = HK_TLS_RESULT_EXPIRED,
	        .results = "sts a.test one.a.test certificate-expired\nsts a.test two.a.test success\n",
	        .outcome = HK_RCPT_DELIVERED},
	    {.name = "stripped", .zone = MX, .sts = POLICY("enforce", "mx: *.a.test\n"), .script = "220 hi|250 h",
	        .outcome = HK_RCPT_PENDING, .enhanced = "4.7.5"},
	    {.name = "testing: told, and delivered", .zone = MX, .sts = POLICY("testing", "mx: *.a.test\n"),
	        .one = HK_TLS_RESULT_NOT_TRUSTED, .saw = "tls one.a.test noted\n",
	        .results = "sts a.test one.a.test certificate-not-trusted\n", .outcome = HK_RCPT_DELIVERED},
	    {.name = "testing: a wrong host too", .zone = MX, .sts = POLICY("testing", "mx: b.test\n"),
	        .saw = "connect 10.0.0.1", .results = "sts a.test one.a.test validation-failure\n", .outcome = HK_RCPT_DELIVERED},
	    {.name = "testing: no STARTTLS", .zone = MX, .sts = POLICY("testing", "mx: *.a.test\n"), .script = OK_SCRIPT,
	        .results = "sts a.test one.a.test starttls-not-supported\n", .outcome = HK_RCPT_DELIVERED},
	    {.name = "none", .zone = MX, .sts = POLICY("none", ""), .saw = "tls one.a.test\n", .outcome = HK_RCPT_DELIVERED},
	    {.name = "could not be fetched", .zone = MX, .sts_result = HK_TLS_RESULT_STS_FETCH, .saw = "tls one.a.test\n",
	        .results = "sts a.test  sts-policy-fetch-error\nno-policy-found a.test one.a.test success\n",
	        .outcome = HK_RCPT_DELIVERED},
	    {.name = "DANE goes before it", .zone = MX TLSA_ONE, .is_signed = true, .sts = POLICY("enforce", "mx: b.test\n"),
	        .saw = "tls one.a.test dane\n", .outcome = HK_RCPT_DELIVERED},
	    {.name = "switched off", .zone = MX, .sts = POLICY("enforce", "mx: b.test\n"),
	        .conf = "mta-sts off; route * { via mx; }", .never = "sts", .outcome = HK_RCPT_DELIVERED},
	    {.name = "not for a route that names its host", .zone = MX, .sts = POLICY("enforce", "mx: b.test\n"),
	        .conf = "route * { via smtp one.a.test; }", .never = "sts", .outcome = HK_RCPT_DELIVERED},
	};

	(void)state;
	run_worlds(worlds, COUNT(worlds));
}

static void a_policy_that_is_late_is_waited_for_and_then_not(void **state)
{
	struct rig_peer peer = {.script = TLS_SCRIPT};
	struct rig r;
	uint64_t began;

	(void)state;
	rig_begin(&r, CONF "route * { via mx; }", &peer);
	r.answers_sts = r.is_sts_silent = true;
	rig_put(&r, &simple);
	began = r.now.mono_ms;
	rig_run(&r);
	assert_in_range(r.now.mono_ms - began, 60000, 90000);
	assert_int_equal(r.result->outcome, HK_RCPT_DELIVERED);
	rig_done(&r);
}

/* ---- REQUIRETLS, TLS-Required: No ---- */

/* S3-041 */
static void requiretls_goes_to_verified_hosts_that_offer_it_or_comes_back(void **state)
{
	static const struct world worlds[] = {
	    {.name = "by DANE", .zone = MX TLSA_ONE, .is_signed = true, .require_tls = true, .script = REQUIRE_SCRIPT,
	        .saw = "tls one.a.test dane\n", .said = "MAIL FROM:<s@x.test> REQUIRETLS", .outcome = HK_RCPT_DELIVERED},
	    {.name = "by MTA-STS", .zone = MX, .sts = POLICY("enforce", "mx: *.a.test\n"), .require_tls = true,
	        .script = REQUIRE_SCRIPT, .saw = "tls one.a.test pkix\n", .said = "REQUIRETLS\r\n", .outcome = HK_RCPT_DELIVERED},
	    {.name = "by a policy in testing", .zone = MX, .sts = POLICY("testing", "mx: *.a.test\n"), .require_tls = true,
	        .script = REQUIRE_SCRIPT, .saw = "tls one.a.test pkix\n", .outcome = HK_RCPT_DELIVERED},
	    {.name = "by the operator's word", .zone = MX, .conf = "route * { via smtp one.a.test; }", .require_tls = true,
	        .script = REQUIRE_SCRIPT, .saw = "tls one.a.test pkix\n", .outcome = HK_RCPT_DELIVERED},
	    {.name = "an MX that anybody could have written", .zone = MX, .require_tls = true, .script = REQUIRE_SCRIPT,
	        .never = "connect", .outcome = HK_RCPT_FAILED, .enhanced = "5.7.10"},
	    {.name = "a host that does not offer it", .zone = MX, .is_signed = true, .require_tls = true,
	        .saw = "connect 10.0.0.2", .said = "QUIT", .outcome = HK_RCPT_FAILED, .enhanced = "5.7.30"},
	    {.name = "a certificate that is wrong", .zone = MX, .is_signed = true, .require_tls = true, .script = REQUIRE_SCRIPT,
	        .one = HK_TLS_RESULT_EXPIRED, .two = HK_TLS_RESULT_EXPIRED, .outcome = HK_RCPT_FAILED, .enhanced = "5.7.10"},
	    {.name = "the next host will do", .zone = MX, .is_signed = true, .require_tls = true, .script = REQUIRE_SCRIPT,
	        .one = HK_TLS_RESULT_EXPIRED, .saw = "tls two.a.test pkix\n", .outcome = HK_RCPT_DELIVERED},
	    {.name = "no TLS at all", .zone = MX, .is_signed = true, .require_tls = true, .script = "220 hi|250 h",
	        .outcome = HK_RCPT_FAILED, .enhanced = "5.7.10"},
	    {.name = "the operator has switched it off", .zone = MX, .is_signed = true, .require_tls = true,
	        .conf = "route * { via mx; tls off; }", .outcome = HK_RCPT_FAILED, .enhanced = "5.7.10"},
	    {.name = "a bounce goes on without", .zone = MX, .require_tls = true, .is_bounce = true,
	        .said = "MAIL FROM:<>\r\n", .outcome = HK_RCPT_DELIVERED},
	    {.name = "a bounce takes it along where it can", .zone = MX, .require_tls = true, .is_bounce = true,
	        .script = REQUIRE_SCRIPT, .said = "MAIL FROM:<> REQUIRETLS\r\n", .outcome = HK_RCPT_DELIVERED},
	    {.name = "LMTP is the end of the way", .zone = MX, .conf = "route * { via lmtp one.a.test:24; }", .require_tls = true,
	        .script = "220 hi|250 h|250 ok|250 ok|354 go|250 stored", .outcome = HK_RCPT_DELIVERED},
	};

	(void)state;
	run_worlds(worlds, COUNT(worlds));
}

/* S3-041 */
static void tls_required_no_overrides_the_recipient_and_not_the_operator(void **state)
{
	static const struct world worlds[] = {
	    {.name = "DANE", .zone = MX TLSA_ONE, .is_signed = true, .tls_optional = true, .saw = "tls one.a.test\n",
	        .outcome = HK_RCPT_DELIVERED},
	    {.name = "in clear", .zone = MX TLSA_ONE, .is_signed = true, .tls_optional = true, .script = OK_SCRIPT,
	        .outcome = HK_RCPT_DELIVERED},
	    {.name = "MTA-STS", .zone = MX, .sts = POLICY("enforce", "mx: b.test\n"), .tls_optional = true, .script = OK_SCRIPT,
	        .outcome = HK_RCPT_DELIVERED},
	    {.name = "the operator", .zone = MX, .tls_optional = true, .conf = "route * { via mx; tls required; }",
	        .script = OK_SCRIPT, .outcome = HK_RCPT_PENDING, .enhanced = "4.7.5"},
	};

	(void)state;
	run_worlds(worlds, COUNT(worlds));
}

/* ---- SRV ---- */

#define SRV_ON "smtp-tls-srv on; route * { via mx; }"
#define SRV "_smtp-tls._tcp.a.test. SRV "

/* S4-100 S4-101 S4-102 S4-103 */
static void a_domain_with_srv_gets_mail_by_tls_alone(void **state)
{
	static const struct world worlds[] = {
	    {.name = "it goes before MX, which is not asked", .zone = MX SRV "0 0 842 two.a.test.\n", .conf = SRV_ON,
	        .script = "220 hi|250 h|250 ok|250 ok|354 go|250 queued|221 bye", .never = "MX",
	        .saw = "connect 10.0.0.2:842 from \ntls two.a.test pkix\n", .outcome = HK_RCPT_DELIVERED},
	    {.name = "any other port is implicit too", .zone = MX SRV "0 0 2465 one.a.test.\n", .conf = SRV_ON,
	        .script = "220 hi|250 h|250 ok|250 ok|354 go|250 queued|221 bye",
	        .saw = "connect 10.0.0.1:2465 from \ntls one.a.test pkix\n", .said = "EHLO", .outcome = HK_RCPT_DELIVERED},
	    {.name = "port 25 is STARTTLS", .zone = MX SRV "0 0 25 one.a.test.\n", .conf = SRV_ON,
	        .saw = "tls one.a.test pkix\n", .said = "STARTTLS", .outcome = HK_RCPT_DELIVERED},
	    {.name = "port 25 has no clear text", .zone = MX SRV "0 0 25 one.a.test.\n", .conf = SRV_ON, .script = OK_SCRIPT,
	        .outcome = HK_RCPT_PENDING, .enhanced = "4.7.5"},
	    {.name = "a certificate for another name", .zone = MX SRV "0 0 842 one.a.test.\n", .conf = SRV_ON,
	        .one = HK_TLS_RESULT_HOST_MISMATCH, .outcome = HK_RCPT_PENDING, .enhanced = "4.7.5"},
	    {.name = "signed, with TLSA of its port", .zone = MX SRV "0 0 842 one.a.test.\n_842._tcp.one.a.test. TLSA 3 1 1 " DIGEST "\n",
	        .conf = SRV_ON, .is_signed = true, .script = "220 hi|250 h|250 ok|250 ok|354 go|250 queued|221 bye",
	        .saw = "tls one.a.test dane\n", .outcome = HK_RCPT_DELIVERED},
	    {.name = "the worse priority is for trouble", .zone = MX SRV "10 0 842 one.a.test.\n" SRV "20 0 843 two.a.test.\n",
	        .conf = SRV_ON, .one = HK_TLS_RESULT_EXPIRED, .script = "220 hi|250 h|250 ok|250 ok|354 go|250 queued|221 bye",
	        .saw = "connect 10.0.0.2:843", .outcome = HK_RCPT_DELIVERED},
	    {.name = "an enforced policy counts for its hosts", .zone = MX SRV "0 0 842 one.a.test.\n", .conf = SRV_ON,
	        .sts = POLICY("enforce", "mx: two.a.test\n"), .never = "connect", .outcome = HK_RCPT_PENDING, .enhanced = "4.7.5"},
	    {.name = "the root is no service", .zone = MX SRV "0 0 0 .\n", .conf = SRV_ON, .never = "connect",
	        .outcome = HK_RCPT_FAILED, .enhanced = "5.1.10"},
	    {.name = "an answer that fails might hide one", .zone = MX "$SERVFAIL _smtp-tls._tcp.a.test. SRV\n", .conf = SRV_ON,
	        .never = "connect", .outcome = HK_RCPT_PENDING, .enhanced = "4.4.3"},
	    {.name = "without one MX says", .zone = MX, .conf = SRV_ON, .saw = "connect 10.0.0.1:25", .outcome = HK_RCPT_DELIVERED},
	    {.name = "nobody asks unless told", .zone = MX SRV "0 0 842 two.a.test.\n", .never = "SRV",
	        .saw = "connect 10.0.0.1:25", .outcome = HK_RCPT_DELIVERED},
	    {.name = "a route of its own with implicit TLS", .zone = MX,
	        .conf = "route * { via smtp one.a.test:465; implicit-tls on; tls verified; }",
	        .script = "220 hi|250 h|250 ok|250 ok|354 go|250 queued|221 bye",
	        .saw = "connect 10.0.0.1:465 from \ntls one.a.test pkix\n", .outcome = HK_RCPT_DELIVERED},
	};

	(void)state;
	run_worlds(worlds, COUNT(worlds));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_secure_tlsa_is_what_the_certificate_must_fit),
	    cmocka_unit_test(an_enforced_policy_names_the_hosts_and_wants_their_certificates),
	    cmocka_unit_test(a_policy_that_is_late_is_waited_for_and_then_not),
	    cmocka_unit_test(requiretls_goes_to_verified_hosts_that_offer_it_or_comes_back),
	    cmocka_unit_test(tls_required_no_overrides_the_recipient_and_not_the_operator),
	    cmocka_unit_test(a_domain_with_srv_gets_mail_by_tls_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
