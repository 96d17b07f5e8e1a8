/* SPDX-License-Identifier: MIT
 *
 * What a session does with the verdict: trace, enforcement, time, evidence.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hikyaku/verify.h>

#include "engine/session_rig.h"
#include "lib/message/vectors_test.h"
#include "tests/unit.h"

#define CONF                                                                                       \
	"hostname b.test; spool /spool; accept b.test .b.test;\n"                                  \
	"listen spf { address 10.255.2.31:25; reject-early-talkers off; hostname spf.mx.b.test; checks spf; authres-style "  \
	"rspamd; }\n"                                                                              \
	"listen dkim { address 10.255.2.32:25; reject-early-talkers off; hostname dkim.mx.b.test; checks dkim; "             \
	"authres-style rspamd; }\n"                                                                \
	"listen dmarc { address 10.255.2.33:25; reject-early-talkers off; hostname dmarc.mx.b.test; checks spf dkim dmarc; " \
	"authres-style rspamd; }\n"                                                                \
	"listen hard { address 10.255.2.34:25; reject-early-talkers off; checks spf dkim dmarc; enforce reject; relay-from " \
	"10.9.0.0/16; trusted-relays 10.8.0.0/16; }\n"                                             \
	"listen soft { address 10.255.2.35:25; reject-early-talkers off; checks spf dkim dmarc; enforce on; }\n"             \
	"listen off { address 10.255.2.36:25; reject-early-talkers off; checks spf dkim dmarc; trusted-relays 10.8.0.0/16; " \
	"}\n"                                                                                      \
	"listen none { address 10.255.2.37:25; reject-early-talkers off; }\n"
#define ZONE                                                                                       \
	"a.test. TXT \"v=spf1 ip4:10.255.1.20/31 -all\"\n"                                         \
	"pass.dkim.a.test. TXT \"v=spf1 ip4:10.255.1.20/31 -all\"\n"                               \
	"fail.dkim.a.test. TXT \"v=spf1 ip4:10.255.1.20/31 -all\"\n"                               \
	"_dmarc.a.test. TXT \"v=DMARC1; p=quarantine; pct=100\"\n"                                 \
	"x.test. TXT \"v=spf1 ip4:10.255.24.20/31 -all\"\n"                                        \
	"_dmarc.x.test. TXT \"v=DMARC1; p=reject; pct=100\"\n"                                     \
	"_dmarc.testing.test. TXT \"v=DMARC1; p=reject; t=y\"\ntesting.test. TXT \"v=spf1 "        \
	"-all\"\n"                                                                                 \
	"_dmarc.none.test. TXT \"v=DMARC1; p=none\"\nnone.test. TXT \"v=spf1 -all\"\n"             \
	"soft.test. TXT \"v=spf1 ~all\"\n_dmarc.soft.test. TXT \"v=DMARC1; p=reject\"\n"           \
	"xn--bcher-kva.test. TXT \"v=spf1 ip4:10.255.1.20/31 -all\"\n"                            \
	"_dmarc.xn--bcher-kva.test. TXT \"v=DMARC1; p=reject\"\n"                                 \
	"$TIMEOUT slow.test. TXT\n$TIMEOUT _dmarc.slow.test. TXT\n"                                \
	"$SERVFAIL broken.test. TXT\n_dmarc.broken.test. TXT \"v=DMARC1; p=reject\"\n"

static void send(
    struct srig *r, const char *listener, const char *client, const char *from, const char *header)
{
	char script[4096];

	r->listener = listener;
	r->client = client;
	snprintf(script, sizeof script,
	    "EHLO %s\r\nMAIL FROM:<%s>\r\nRCPT "
	    "TO:<user1@dmarc.b.test>\r\nDATA\r\n%s\r\nbody\r\n.\r\nQUIT\r\n",
	    "h.test", from, header);
	srig_say(r, script);
}

/* ---- the results ---- */

/* S0-032 S0-060 */
static void results_stand_under_our_own_trace_and_above_what_came(void **state)
{
	char id[HK_MAIL_ID_TEXT], want[1024];
	struct srig r;

	(void)state;
	srig_init(&r, CONF, ZONE);
	send(&r, "spf", "10.255.1.20", "user1@a.test",
	    "Received: from older\r\nFrom: user1@a.test\r\n");
	hk_mail_id_format(r.mail[0]->id, id);
	snprintf(want, sizeof want,
	    "Received: from h.test (unknown [10.255.1.20])\r\n\tby spf.mx.b.test (Hikyaku) with "
	    "ESMTP id %s\r\n"
	    "\tfor <user1@dmarc.b.test>; Sun, 10 Nov 2024 21:59:09 +0900 (JST)\r\n"
	    "Authentication-Results: spf.mx.b.test;\r\n"
	    "\tspf=pass (spf.mx.b.test: domain of user1@a.test designates 10.255.1.20 as permitted "
	    "sender) smtp.mailfrom=user1@a.test\r\n"
	    "Received: from older\r\nFrom: user1@a.test\r\n\r\nbody\r\n",
	    id);
	assert_string_equal(srig_stored(&r, 0), want);
	srig_done(&r);
}

/* S0-067 */
static void each_listener_writes_only_what_it_checks(void **state)
{
	static const struct {
		const char *listener;
		bool spf, dkim, dmarc;
	} cases[] = {{"spf", true, false, false}, {"dkim", false, true, false},
	    {"dmarc", true, true, true}, {"none", false, false, false}};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		const char *stored;
		struct srig r;

		srig_init(&r, CONF, ZONE);
		send(
		    &r, cases[i].listener, "10.255.1.20", "user1@a.test", "From: user1@a.test\r\n");
		stored = srig_stored(&r, 0);
		assert_int_equal(strstr(stored, "spf=") != NULL, cases[i].spf);
		assert_int_equal(strstr(stored, "dkim=") != NULL, cases[i].dkim);
		assert_int_equal(strstr(stored, "dmarc=") != NULL, cases[i].dmarc);
		assert_int_equal(strstr(stored, "Authentication-Results") != NULL,
		    cases[i].spf || cases[i].dkim);
		srig_done(&r);
	}
}

/* The Authentication-Results field at p, up to its end. */
static struct hk_slice field_at(const char *p)
{
	size_t n = 0;

	do
		n += strcspn(p + n, "\n") + 1;
	while (hk_is_wsp((uint8_t)p[n]));
	return hk_slice_of(p, n);
}

/* The printed messages have CR CR LF where a line was folded by hand. */
static char *read_seed(struct srig *r, const char *name)
{
	struct hk_buf raw, clean;
	struct hk_slice kept;
	char path[64];
	size_t i;

	hk_buf_init(&raw, 1 << 20);
	hk_buf_init(&clean, 1 << 20);
	snprintf(path, sizeof path, "seed-lab/seed_scenario%s.eml", name);
	if (!read_vector(path, false, &raw))
		return NULL;
	for (i = 0; i < raw.n; i++) {
		if (raw.p[i] == '\n')
			hk_buf_add_byte(&clean, '\r');
		if (raw.p[i] != '\r')
			hk_buf_add_byte(&clean, raw.p[i]);
	}
	assert_int_equal(hk_arena_dup(&r->arena, hk_buf_slice(&clean), &kept), HK_OK);
	hk_buf_done(&raw);
	hk_buf_done(&clean);
	return (char *)(uintptr_t)kept.p;
}

static void add_keys(struct hk_buf *zone)
{
	static const char *const names[] = {"pass", "fail"};
	struct hk_buf raw;
	struct hk_slice key;
	char *at;
	size_t i, j;

	hk_buf_init(&raw, 1 << 16);
	assert_true(read_vector("seed-lab/recovered_keys.txt", false, &raw));
	hk_buf_add_byte(&raw, 0);
	at = strstr((char *)raw.p, "pass.dkim.a.test v=DKIM1");
	assert_non_null(at);
	at += strlen("pass.dkim.a.test ");
	key = hk_slice_of(at, strcspn(at, "\r\n"));
	/* what is published for fail.dkim.a.test is another key than the one it signs with */
	for (i = 0; i < 2; i++) {
		hk_buf_addf(zone, "smtpbook._domainkey.%s.dkim.a.test. TXT", names[i]);
		for (j = 0; j < key.n; j += 200)
			hk_buf_addf(zone, " \"%.*s\"", HK_FMT(hk_slice_sub(key, j, 200)));
		hk_buf_add_str(zone, "\n");
	}
	hk_buf_done(&raw);
}

/* S0-060 S0-061 S0-062 S0-063 S0-064 S0-065 S0-050 S0-051 S0-052 S0-053 S0-054 S0-055 S0-056: what
 * the book prints, byte by byte */
static void the_scenarios_of_the_book_get_the_results_of_the_book(void **state)
{
	static const struct {
		const char *name, *listener, *client, *from;
	} cases[] = {
	    {"2-1", "spf", "10.255.1.20", "user1@a.test"},
	    {"2-2", "spf", "10.255.24.20", "user1@a.test"},
	    {"3-1", "dkim", "10.255.1.21", "user1@pass.dkim.a.test"},
	    {"3-2", "dkim", "10.255.1.21", "user1@fail.dkim.a.test"},
	    {"4-1", "dmarc", "10.255.1.21", "user1@pass.dkim.a.test"},
	    {"4-2", "dmarc", "10.255.1.21", "user1@fail.dkim.a.test"},
	    {"4-3", "dmarc", "10.255.24.21", "user1@pass.dkim.a.test"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct hk_slice want, got;
		struct hk_buf script, zone;
		struct srig r;
		char *seed, *at;

		hk_buf_init(&script, 1 << 20);
		hk_buf_init(&zone, 1 << 16);
		hk_buf_add_str(&zone, ZONE);
		srig_init(&r, CONF, "");
		seed = read_seed(&r, cases[i].name);
		if (!seed) {
			srig_done(&r);
			hk_buf_done(&script);
			hk_buf_done(&zone);
			skip();
		}
		add_keys(&zone);
		assert_int_equal(
		    hk_zone_parse(&r.arena, hk_buf_slice(&zone), &r.zone, NULL), HK_OK);
		at = strstr(seed, "Authentication-Results: ");
		want = field_at(at);
		hk_buf_addf(&script,
		    "EHLO relay.test\r\nMAIL FROM:<%s>\r\nRCPT TO:<u@b.test>\r\nDATA\r\n%s.\r\n",
		    cases[i].from, at + want.n);
		r.listener = cases[i].listener;
		r.client = cases[i].client;
		r.cut = SRIG_RANDOM;
		r.now.utc += 2 * 86400; /* the messages were signed the day after */
		srig_run(&r, hk_buf_slice(&script));
		assert_int_equal(r.n_mails, 1);
		got = field_at(strstr(srig_stored(&r, 0), "Authentication-Results: "));
		if (!hk_slice_eq(got, want))
			fail_msg(
			    "%s: got\n%.*swant\n%.*s", cases[i].name, HK_FMT(got), HK_FMT(want));
		hk_buf_done(&script);
		hk_buf_done(&zone);
		srig_done(&r);
	}
}

/* S0-066: scenario 4-4 without its signature, whose key is not known */
static void an_unaligned_sender_fails_dmarc(void **state)
{
	struct srig r;

	(void)state;
	srig_init(&r, CONF, ZONE);
	send(&r, "dmarc", "10.255.1.21", "user1@a.test", "From: user1@x.test\r\n");
	assert_has(srig_stored(&r, 0), "dmarc=fail reason=\"SPF not aligned (relaxed), ");
	assert_has(srig_stored(&r, 0), " header.from=x.test (policy=reject)\r\n");
	srig_done(&r);
}

/* ---- forged fields (T17) ---- */

/* S0-068 S4-154 RFC 8601 5: BIMI-Selector is the sender's own, the others are a receiver's. */
static void results_that_claim_to_be_ours_are_taken_out(void **state)
{
	static const char *const ours[] = {
	    "Authentication-Results: dmarc.mx.b.test; spf=pass\r\n",
	    "authentication-results:DMARC.MX.B.TEST;spf=pass\r\n",
	    "Authentication-Results: (c) dmarc.mx.b.test 1; none\r\n",
	    "Authentication-Results:\r\n\tdmarc.mx.b.test;\r\n\tspf=pass\r\n",
	    "Authentication-Results : \"dmarc.mx.b.test\"; none\r\n",
	    "BIMI-Indicator: x\r\n",
	    "bimi-location: y\r\n",
	    "BIMI-Logo-Preference: avp=brand\r\n",
	};
	static const char *const others[] = {
	    "Authentication-Results: mx.z.test; spf=pass\r\n",
	    "X-Authentication-Results: dmarc.mx.b.test; spf=pass\r\n",
	    "BIMI-Selector: v=BIMI1\r\n",
	};
	size_t i, where;

	(void)state;
	for (i = 0; i < (COUNT(ours) + COUNT(others)) * 3; i++) {
		bool forged = i / 3 < COUNT(ours);
		const char *field = forged ? ours[i / 3] : others[i / 3 - COUNT(ours)];
		char header[512];
		struct srig r;

		where = i % 3;
		snprintf(header, sizeof header, "%sA: 1\r\n%sFrom: u@a.test\r\n%s",
		    where == 0 ? field : "", where == 1 ? field : "", where == 2 ? field : "");
		srig_init(&r, CONF, ZONE);
		send(&r, "dmarc", "10.255.1.20", "user1@a.test", header);
		if ((strstr(srig_stored(&r, 0) + r.mail[0]->trace.n, field) != NULL) == forged)
			fail_msg("%s in\n%s", field, srig_stored(&r, 0));
		assert_has(srig_stored(&r, 0), "A: 1\r\n");
		assert_has(srig_stored(&r, 0), "From: u@a.test\r\n");
		/* the header as received is kept as it was */
		assert_int_equal(r.mail[0]->header.n, strlen(header));
		srig_done(&r);
	}
}

/* S1-010 RFC 7208 2.2 */
static void a_trusted_relay_is_not_judged_by_its_address(void **state)
{
	static const char header[] =
	    "Authentication-Results: b.test; spf=pass\r\nFrom: u@x.test\r\n";
	struct srig r;

	(void)state;
	srig_init(&r, CONF, ZONE);
	send(&r, "hard", "10.8.1.1", "u@x.test", header);
	assert_int_equal(r.n_mails, 1);
	assert_int_equal(r.mail[0]->flags & HK_MAIL_QUARANTINE, 0);
	assert_has(srig_stored(&r, 0), header);
	assert_null(strstr(srig_stored(&r, 0), "spf=fail"));
	assert_null(strstr(srig_stored(&r, 0), "dmarc="));
	assert_has(srig_stored(&r, 0), "dkim=none");
	srig_done(&r);
}

/* ---- enforcement ---- */

/* S0-071 S2-033 S4-051 S4-052 S4-053 RFC 9989 7 */
static void a_failing_message_meets_what_the_operator_chose(void **state)
{
	static const struct {
		const char *listener, *client, *from, *header;
		const char *reply; /* NULL: taken */
		bool quarantined;
	} cases[] = {
	    /* p=reject, SPF passes for another domain */
	    {"off", "10.255.1.20", "u@a.test", "From: u@x.test\r\n", NULL, false},
	    {"soft", "10.255.1.20", "u@a.test", "From: u@x.test\r\n", NULL, true},
	    {"hard", "10.255.1.20", "u@a.test", "From: u@x.test\r\n",
	        "550 5.7.1 Email rejected per DMARC policy for x.test (RFC 9989 7.2) [dmarc-reject/", false},
	    /* p=reject, SPF is a hard fail, no signature */
	    {"off", "10.255.1.20", "u@x.test", "From: u@x.test\r\n", NULL, false},
	    {"soft", "10.255.1.20", "u@x.test", "From: u@x.test\r\n",
	        "550 5.7.1 Email rejected per DMARC policy for x.test", false},
	    {"hard", "10.255.1.20", "u@x.test", "From: u@x.test\r\n", "550 5.7.1 ", false},
	    /* p=reject, SPF is soft */
	    {"soft", "10.255.1.20", "u@soft.test", "From: u@soft.test\r\n", NULL, true},
	    {"hard", "10.255.1.20", "u@soft.test", "From: u@soft.test\r\n", "550 5.7.1 ", false},
	    /* S4-054: mail of a list is not rejected because of p=reject alone, or subscribers would be lost */
	    {"soft", "10.255.1.20", "list@a.test", "List-Id: <l.a.test>\r\nFrom: u@x.test\r\n", NULL, true},
	    /* p=quarantine */
	    {"soft", "10.255.9.9", "u@a.test", "From: u@a.test\r\n", NULL, true},
	    {"hard", "10.255.9.9", "u@a.test", "From: u@a.test\r\n", NULL, true},
	    /* t=y lowers reject to quarantine (RFC 9989 4.7) */
	    {"hard", "10.255.1.20", "u@testing.test", "From: u@testing.test\r\n", NULL, true},
	    /* p=none, no record, a pass */
	    {"hard", "10.255.1.20", "u@none.test", "From: u@none.test\r\n", NULL, false},
	    {"hard", "10.255.1.20", "u@nowhere.test", "From: u@nowhere.test\r\n", NULL, false},
	    {"hard", "10.255.1.20", "u@a.test", "From: u@a.test\r\n", NULL, false},
	    /* AP-1 AP-2 SEC-67: several author domains (RFC 9989 11.5) */
	    {"hard", "10.255.1.20", "u@a.test", "From: u@a.test, u@x.test\r\n",
	        "550 5.7.1 From names several domains (RFC 9989 11.5) [author-several-domains/", false},
	    {"hard", "10.255.1.20", "u@a.test", "From: u@a.test\r\nFrom: u@x.test\r\n",
	        "550 5.7.1 There are several From fields (RFC 5322 3.6) [author-several-fields/", false},
	    {"hard", "10.255.1.20", "u@a.test", "From: u@a.test, v@a.test\r\n", NULL, false},
	    {"soft", "10.255.1.20", "u@a.test", "From: u@a.test\r\nFrom: u@x.test\r\n", NULL, true},
	    {"soft", "10.255.1.20", "u@a.test", "From: u@a.test, u@x.test\r\n", NULL, true},
	    /* AP-10 SEC-79: U-labels are judged as their A-labels (RFC 9989 4.1), also where someone has written them otherwise */
	    {"hard", "10.255.1.20", "u@a.test", "From: u@b\xc3\xbc" "cher.test\r\n",
	        "550 5.7.1 Email rejected per DMARC policy for xn--bcher-kva.test", false},
	    {"hard", "10.255.1.20", "u@a.test", "From: u@B\xc3\x9c" "CHER.test\r\n",
	        "550 5.7.1 Email rejected per DMARC policy for xn--bcher-kva.test", false},
	    {"hard", "10.255.1.20", "u@xn--bcher-kva.test", "From: u@b\xc3\xbc" "cher.test\r\n", NULL, false},
	    {"hard", "10.255.1.20", "u@a.test", "From: u@b\xff" "cher.test\r\n", "550 5.7.1 No author ", false},
	    /* none at all, or none that can be read (RFC 5322 3.6.2) */
	    {"off", "10.255.1.20", "u@a.test", "Subject: no author\r\n", NULL, false},
	    {"soft", "10.255.1.20", "u@a.test", "Subject: no author\r\n", NULL, true},
	    {"hard", "10.255.1.20", "u@a.test", "Subject: no author\r\n",
	        "550 5.7.1 No author can be read from the From field (RFC 5322 3.6.2) [author-unreadable/", false},
	    {"soft", "10.255.1.20", "u@a.test", "From: u@@x.test\r\n", NULL, true},
	    {"hard", "10.255.1.20", "u@a.test", "From: u@@x.test\r\n", "550 5.7.1 No author ", false},
	    {"soft", "10.255.1.20", "u@a.test", "From: nobody:;\r\n", NULL, true},
	    {"hard", "10.255.1.20", "u@a.test", "From: nobody:;\r\n", "550 5.7.1 No author ", false},
	    {"hard", "10.9.1.1", "u@x.test", "Subject: no author\r\n", NULL, false},
	    /* our own hosts */
	    {"hard", "10.9.1.1", "u@x.test", "From: u@x.test\r\n", NULL, false},
	    /* errors */
	    {"off", "10.255.1.20", "u@slow.test", "From: u@slow.test\r\n", NULL, false},
	    {"soft", "10.255.1.20", "u@slow.test", "From: u@slow.test\r\n", "451 4.7.0 ", false},
	    {"hard", "10.255.1.20", "u@broken.test", "From: u@broken.test\r\n", "451 4.7.0 ",
	        false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases) * SRIG_CUTS; i++) {
		size_t c = i / SRIG_CUTS;
		struct srig r;

		srig_init(&r, CONF, ZONE);
		r.cut = (enum srig_cut)(i % SRIG_CUTS);
		send(&r, cases[c].listener, cases[c].client, cases[c].from, cases[c].header);
		if (cases[c].reply ? !strstr(srig_replies(&r), cases[c].reply) : r.n_mails != 1)
			fail_msg("case %zu: %s", c, srig_replies(&r));
		if (r.n_mails)
			assert_int_equal(
			    (r.mail[0]->flags & HK_MAIL_QUARANTINE) != 0, cases[c].quarantined);
		/* whatever the reply, the session goes on */
		assert_has(srig_replies(&r), "\r\n221 2.0.0 Bye\r\n");
		srig_done(&r);
	}
}

/* ---- time ---- */

static void a_dead_resolver_costs_twenty_seconds_and_makes_temperrors(void **state)
{
	struct srig r;
	uint64_t began;

	(void)state;
	srig_init(&r, CONF, ZONE);
	r.dns_is_dead = true;
	began = r.now.mono_ms;
	send(&r, "off", "10.255.1.20", "u@x.test", "From: u@x.test\r\n");
	assert_int_equal(r.n_mails, 1);
	assert_has(srig_stored(&r, 0), "spf=temperror");
	assert_has(srig_stored(&r, 0), "dmarc=temperror");
	assert_has(srig_stored(&r, 0), "(unknown [10.255.1.20])");
	assert_int_equal(r.now.mono_ms - began, HK_SESSION_DNS_MS);
	assert_true(r.questions < 60);
	srig_done(&r);
}

/* A tree walk asks for all its names at once, and the first of them may decide (RFC 9989 4.10). */
static void a_question_whose_answer_nobody_needs_is_forgotten_with_the_verdict(void **state)
{
	struct srig r;

	(void)state;
	srig_init(&r, CONF,
	    "fast.test. TXT \"v=spf1 ip4:10.255.1.20\"\n$SERVFAIL _dmarc.fast.test. TXT\n$TIMEOUT _dmarc.test. TXT\n");
	r.commit_ms = 2 * HK_SESSION_DNS_MS;
	send(&r, "off", "10.255.1.20", "u@fast.test", "From: u@fast.test\r\n");
	assert_int_equal(r.n_mails, 1);
	assert_has(srig_stored(&r, 0), "dmarc=temperror");
	assert_has(srig_codes(&r), "250 221");
	srig_done(&r);
}

/* A name that nobody converts is waited for before anything is judged, by the same clock. A message may also end with its
 * header. */
static void names_are_waited_for_with_the_header_and_without_a_body(void **state)
{
	static const char *const end[] = {"\r\nbody\r\n.\r\n", "\r\n.\r\n", ".\r\n", "not a field\r\n.\r\n"};
	size_t i;

	(void)state;
	for (i = 0; i < 2 * COUNT(end); i++) {
		struct srig r;
		char script[1024];
		uint64_t began;

		srig_init(&r, CONF, ZONE);
		r.dns_is_dead = i % 2;
		r.cut = (enum srig_cut)(i / 2 % SRIG_CUTS);
		r.listener = "off";
		r.client = "10.255.1.20";
		began = r.now.mono_ms;
		snprintf(script, sizeof script,
		    "EHLO h.test\r\nMAIL FROM:<u@a.test>\r\nRCPT TO:<u@b.test>\r\nDATA\r\n"
		    "From: u@b\xc3\xbc" "cher.test\r\n%sQUIT\r\n",
		    end[i / 2]);
		srig_say(&r, script);
		assert_int_equal(r.n_mails, 1);
		assert_has(srig_stored(&r, 0), r.dns_is_dead ? "dmarc=permerror" : "dmarc=fail");
		if (i / 2 == 0)
			assert_has(srig_stored(&r, 0), "\r\n\r\nbody\r\n");
		if (r.dns_is_dead)
			assert_int_equal(r.now.mono_ms - began, HK_SESSION_DNS_MS);
		srig_done(&r);
	}
}

/* Each message has its own time, and what is late for one is not taken for the next. */
static void the_time_of_one_message_is_not_that_of_the_next(void **state)
{
	struct srig r;

	(void)state;
	srig_init(&r, CONF, ZONE);
	r.listener = "off";
	r.client = "10.255.1.20";
	srig_say(&r, "EHLO h.test\r\nMAIL FROM:<u@slow.test>\r\nRCPT "
	             "TO:<u@b.test>\r\nDATA\r\nFrom: u@slow.test\r\n\r\n.\r\n"
	             "MAIL FROM:<u@a.test>\r\nRCPT TO:<u@b.test>\r\nDATA\r\nFrom: "
	             "u@a.test\r\n\r\n.\r\nQUIT\r\n");
	assert_int_equal(r.n_mails, 2);
	assert_has(srig_stored(&r, 0), "spf=temperror");
	assert_has(srig_stored(&r, 1), "dmarc=pass");
	srig_done(&r);
}

static void a_message_that_is_dropped_leaves_no_question_behind(void **state)
{
	struct srig r;

	(void)state;
	srig_init(&r, CONF, ZONE);
	r.listener = "off";
	r.dns_is_dead = true;
	srig_say(&r, "EHLO h.test\r\nMAIL FROM:<u@a.test>\r\nRCPT TO:<u@b.test>\r\nDATA\r\nFrom: "
	             "u@a.test\r\n\r\nbody");
	assert_int_equal(r.n_commits, 0);
	assert_true(r.has_ended);
	srig_done(&r);
}

/* ---- evidence ---- */

static void the_evidence_of_a_mail_replays_its_verdict(void **state)
{
	struct hk_verify *v = NULL;
	struct hk_arena a;
	struct srig r;

	(void)state;
	srig_init(&r, CONF, ZONE);
	send(&r, "soft", "10.255.1.20", "u@soft.test", "From: u@soft.test\r\n");
	assert_int_equal(r.n_mails, 1);
	assert_true(r.mail[0]->evidence.n > 0);
	hk_arena_init(&a, HK_VERIFY_ARENA);
	assert_int_equal(hk_verify_replay(&a, r.mail[0]->evidence, &v), HK_OK);
	assert_int_equal(hk_verify_result(v)->spf->result, HK_SPF_SOFTFAIL);
	assert_int_equal(hk_verify_result(v)->dmarc->result, HK_DMARC_FAIL);
	assert_has((const char *)r.mail[0]->summary.p,
	    "spf=softfail dmarc=fail policy=reject author=soft.test action=quarantine");
	hk_verify_done(v);
	hk_arena_done(&a);
	srig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(results_stand_under_our_own_trace_and_above_what_came),
	    cmocka_unit_test(each_listener_writes_only_what_it_checks),
	    cmocka_unit_test(the_scenarios_of_the_book_get_the_results_of_the_book),
	    cmocka_unit_test(an_unaligned_sender_fails_dmarc),
	    cmocka_unit_test(results_that_claim_to_be_ours_are_taken_out),
	    cmocka_unit_test(a_trusted_relay_is_not_judged_by_its_address),
	    cmocka_unit_test(a_failing_message_meets_what_the_operator_chose),
	    cmocka_unit_test(a_dead_resolver_costs_twenty_seconds_and_makes_temperrors),
	    cmocka_unit_test(a_question_whose_answer_nobody_needs_is_forgotten_with_the_verdict),
	    cmocka_unit_test(names_are_waited_for_with_the_header_and_without_a_body),
	    cmocka_unit_test(the_time_of_one_message_is_not_that_of_the_next),
	    cmocka_unit_test(a_message_that_is_dropped_leaves_no_question_behind),
	    cmocka_unit_test(the_evidence_of_a_mail_replays_its_verdict),
	};

	return cmocka_run_group_tests_name("session-verdict", tests, NULL, NULL);
}
