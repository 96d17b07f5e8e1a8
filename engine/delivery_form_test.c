/* SPDX-License-Identifier: MIT
 *
 * What a message becomes for the next hop: 8BITMIME, BINARYMIME, SMTPUTF8, SIZE, LIMITS, CHUNKING, PIPELINING.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/delivery_testing.h"
#include "tests/unit.h"

static bool got(const struct rig_peer *peer, const char *text)
{
	return peer->got.n && memmem(peer->got.p, peer->got.n, text, strlen(text)) != NULL;
}

static unsigned times(const struct rig_peer *peer, const char *text)
{
	struct hk_slice rest = hk_buf_slice(&peer->got);
	unsigned n = 0;

	while (rest.n >= strlen(text)) {
		n += memcmp(rest.p, text, strlen(text)) == 0;
		rest = hk_slice_from(rest, 1);
	}
	return n;
}

#define EHLO(words) "220 hi|250-h\n250-PIPELINING\n" words "|"
#define REST "250 ok|250 ok|354 go|250 2.0.0 queued|221 bye"
#define ROUTE "route * { via smtp plain.test; %s }"

static void run(struct rig *r, struct rig_peer *peer, const struct rig_mail *mail, const char *items)
{
	char conf[2048];

	snprintf(conf, sizeof conf, CONF ROUTE, items);
	rig_begin(r, conf, peer);
	rig_put(r, mail);
	rig_run(r);
}

#define MIME "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
#define TWICE "Content-Type: text/plain\r\nContent-Type: text/plain\r\n"

/* S3-016 S3-030 S3-031 RFC 6152 3, RFC 3030 3 */
static void what_a_hop_cannot_take_is_converted_or_comes_back(void **state)
{
	static const char none[] = EHLO("250 SIZE") REST, eight[] = EHLO("250 8BITMIME") REST,
	                  binary[] = EHLO("250-8BITMIME\n250-CHUNKING\n250 BINARYMIME") "250 ok|250 ok|250 some|250 2.0.0 queued|221 bye";
	static const struct {
		const char *script, *items, *header;
		enum hk_smtp_body body;
		enum hk_rcpt_outcome outcome;
		const char *mail, *seen; /* in MAIL; in what was sent, or in the result */
	} cases[] = {
	    {eight, "", MIME, HK_BODY_8BITMIME, HK_RCPT_DELIVERED, "<s@x.test> BODY=8BITMIME\r\n", "\r\nGr\xc3\xbc\xc3\x9f\r\n"},
	    {none, "", MIME, HK_BODY_8BITMIME, HK_RCPT_DELIVERED, "SIZE=", "quoted-printable\r\n\r\nGr=C3=BC=C3=9F\r\n"},
	    /* nobody said that it is 8-bit, but it is */
	    {none, "", MIME, HK_BODY_7BIT, HK_RCPT_DELIVERED, "SIZE=", "quoted-printable\r\n\r\nGr=C3=BC=C3=9F\r\n"},
	    {none, "", "", HK_BODY_8BITMIME, HK_RCPT_DELIVERED, "SIZE=", "charset=unknown-8bit\r\n"},
	    /* signed by others */
	    {none, "", "DKIM-Signature: v=1\r\n" MIME, HK_BODY_8BITMIME, HK_RCPT_DELIVERED, "SIZE=", "\r\nGr\xc3\xbc\xc3\x9f\r\n"},
	    {none, "", "ARC-Seal: i=1\r\n" MIME, HK_BODY_8BITMIME, HK_RCPT_DELIVERED, "SIZE=", "\r\nGr\xc3\xbc\xc3\x9f\r\n"},
	    {none, "", "content-type: Multipart/Signed; boundary=x\r\n", HK_BODY_8BITMIME, HK_RCPT_DELIVERED, "SIZE=", "\r\nGr\xc3\xbc\xc3\x9f\r\n"},
	    {none, "unconvertible bounce;", "DKIM-Signature: v=1\r\n" MIME, HK_BODY_8BITMIME, HK_RCPT_FAILED, NULL, "needs 8BITMIME"},
	    {eight, "unconvertible bounce;", "DKIM-Signature: v=1\r\n" MIME, HK_BODY_8BITMIME, HK_RCPT_DELIVERED, "BODY=8BITMIME", "\r\nGr\xc3\xbc\xc3\x9f\r\n"},
	    /* nobody can say what its form is */
	    {none, "", TWICE, HK_BODY_8BITMIME, HK_RCPT_DELIVERED, "SIZE=", "\r\nGr\xc3\xbc\xc3\x9f\r\n"},
	    {none, "unconvertible bounce;", TWICE, HK_BODY_8BITMIME, HK_RCPT_FAILED, NULL, "needs 8BITMIME"},
	    /* BINARYMIME: converted also for a hop with 8BITMIME; never sent as it is */
	    {binary, "", "Content-Transfer-Encoding: binary\r\n", HK_BODY_BINARYMIME, HK_RCPT_DELIVERED, "BODY=BINARYMIME", "\r\n\r\nGr\xc3\xbc\xc3\x9f\r\n"},
	    {eight, "", "Content-Transfer-Encoding: binary\r\n", HK_BODY_BINARYMIME, HK_RCPT_DELIVERED, "<s@x.test>\r\n", "base64\r\n\r\nR3LDvMOfDQo=\r\n"},
	    {eight, "", "DKIM-Signature: v=1\r\n", HK_BODY_BINARYMIME, HK_RCPT_FAILED, NULL, "needs BINARYMIME"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct rig_peer peer = {.script = cases[i].script};
		struct rig_mail mail = simple;
		char header[512];
		struct rig r;

		snprintf(header, sizeof header, "Subject: hi\r\n%s", cases[i].header);
		mail.header = header;
		mail.body = "Gr\xc3\xbc\xc3\x9f\r\n";
		mail.flags = HK_MAIL_8BIT;
		mail.params.body = cases[i].body;
		run(&r, &peer, &mail, cases[i].items);
		if (r.result->outcome != cases[i].outcome ||
		    (cases[i].mail && (!got(&peer, cases[i].mail) || !got(&peer, cases[i].seen))) ||
		    (!cases[i].mail && (!strstr(r.result->text, cases[i].seen) || got(&peer, "MAIL") ||
		                           strcmp(r.result->enhanced, "5.6.3") != 0)))
			fail_msg("case %zu: %u %s %s\n%.*s", i, r.result->code, r.result->enhanced, r.result->text,
			    HK_FMT(hk_buf_slice(&peer.got)));
		rig_done(&r);
	}
}

/* S3-016: each host gets the form that it takes, with the size of that form */
static void the_form_is_chosen_anew_for_each_host(void **state)
{
	struct rig_peer peers[] = {
	    {.ip = "10.0.0.1", .script = EHLO("250 8BITMIME") "421 gone"},
	    {.ip = "10.0.0.2", .script = EHLO("250 SIZE") REST},
	};
	struct rig_mail mail = simple;
	struct rig r;

	(void)state;
	mail.body = "\xe9\r\n";
	mail.flags = HK_MAIL_8BIT;
	rig_init(&r, CONF "route * { via mx; }", ZONE);
	r.peer = peers;
	r.n_peers = 2;
	rig_put(&r, &mail);
	rig_run(&r);
	assert_int_equal(r.result->outcome, HK_RCPT_DELIVERED);
	assert_true(got(&peers[0], "BODY=8BITMIME"));
	assert_false(got(&peers[1], "BODY="));
	assert_true(got(&peers[1], "\r\n=E9\r\n"));
	rig_done(&r);
}

#define JIRO "\xe6\xac\xa1\xe9\x83\x8e@a.test"

/* S3-040 RFC 6531 3.2 */
static void smtputf8_comes_back_where_it_is_needed_and_only_there(void **state)
{
	static const char with[] = EHLO("250-8BITMIME\n250 SMTPUTF8") REST, without[] = EHLO("250 8BITMIME") REST;
	static const struct {
		const char *script, *from, *rcpt, *header, *body;
		enum hk_rcpt_outcome outcome[2];
	} cases[] = {
	    {with, "s@x.test", JIRO, "Subject: \xc3\xa9\r\n", "hi\r\n", {HK_RCPT_DELIVERED}},
	    {without, "s@x.test", "r@a.test", "Subject: \xc3\xa9\r\n", "hi\r\n", {HK_RCPT_FAILED}},
	    {without, JIRO, "r@a.test", "Subject: x\r\n", "hi\r\n", {HK_RCPT_FAILED}},
	    /* it was said, and not needed */
	    {without, "s@x.test", "r@a.test", "Subject: x\r\n", "\xc3\xa9\r\n", {HK_RCPT_DELIVERED}},
	    /* of two only the one that needs it */
	    {without, "s@x.test", JIRO " r@a.test", "Subject: x\r\n", "hi\r\n", {HK_RCPT_FAILED, HK_RCPT_DELIVERED}},
	    /* the header of a part */
	    {without, "s@x.test", "r@a.test", "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n",
	        "--b\r\nContent-Description: \xc3\xa9\r\n\r\nhi\r\n--b--\r\n", {HK_RCPT_FAILED}},
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct rig_peer peer = {.script = cases[i].script};
		struct rig_mail mail = simple;
		struct rig r;

		mail.from = cases[i].from;
		mail.rcpt = cases[i].rcpt;
		mail.header = cases[i].header;
		mail.body = cases[i].body;
		mail.flags = HK_MAIL_8BIT;
		mail.params.smtputf8 = true;
		mail.params.body = HK_BODY_8BITMIME;
		run(&r, &peer, &mail, "");
		for (k = 0; k < r.job.n_rcpt; k++)
			if (r.result[k].outcome != cases[i].outcome[k] ||
			    (r.result[k].outcome == HK_RCPT_FAILED && strcmp(r.result[k].enhanced, "5.6.7") != 0))
				fail_msg("case %zu: %u %s %s", i, r.result[k].code, r.result[k].enhanced, r.result[k].text);
		assert_int_equal(got(&peer, " SMTPUTF8\r\n"), cases[i].script == with);
		rig_done(&r);
	}
}

/* S3-051 S3-033 RFC 1870 6.1: what a large service says of itself is enough to know */
static void a_message_over_the_size_limit_comes_back_before_it_is_sent(void **state)
{
	static const char microsoft[] = "220 hi|250-h\n250-SIZE 49283072\n250-PIPELINING\n250-DSN\n250-ENHANCEDSTATUSCODES\n250-STARTTLS\n"
	                                "250-8BITMIME\n250-BINARYMIME\n250-CHUNKING\n250 SMTPUTF8|" REST;
	static const char small[] = EHLO("250 SIZE 70000") REST;
	static const struct {
		const char *script;
		uint64_t size;
		enum hk_rcpt_outcome outcome;
	} cases[] = {{microsoft, 64 * 770048, HK_RCPT_FAILED}, {small, 64 * 1000, HK_RCPT_DELIVERED}, {small, 64 * 1100, HK_RCPT_FAILED}};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct rig_peer peer = {.script = cases[i].script};
		struct rig_mail mail = simple;
		struct rig r;

		mail.body = NULL;
		mail.body_size = cases[i].size;
		run(&r, &peer, &mail, "tls off;");
		assert_int_equal(r.result->outcome, cases[i].outcome);
		if (cases[i].outcome == HK_RCPT_FAILED) {
			assert_int_equal(r.result->code, 552);
			assert_string_equal(r.result->enhanced, "5.3.4");
			assert_false(got(&peer, "MAIL"));
		}
		rig_done(&r);
	}
}

/* S3-050 S3-052 S4-131: known lists of keywords, as lines of an EHLO reply, and the plan that they make */
static void what_services_announce_makes_the_plan(void **state)
{
	static const struct {
		const char *ehlo;
		bool eight, chunks, dsn;
	} cases[] = {
	    {"250-SIZE 157286400\n250-8BITMIME\n250-ENHANCEDSTATUSCODES\n250-PIPELINING\n250-CHUNKING\n250 SMTPUTF8", true, true, false},
	    {"250-PIPELINING\n250-SIZE 157286400\n250-ETRN\n250-ENHANCEDSTATUSCODES\n250-8BITMIME\n250 DSN", true, false, true},
	    {"250-LIMITS RCPTMAX=20 MAILMAX=5\n250-SIZE 100000000\n250-8BITMIME\n250-PIPELINING\n250 CHUNKING", true, true, false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct rig_mail mail = simple;
		struct rig_peer peer;
		char script[512];
		struct rig r;

		snprintf(script, sizeof script, "220 hi|250-h\n%s|%s", cases[i].ehlo,
		    cases[i].chunks ? "250 ok|250 ok|250 some|250 2.0.0 queued|221 bye" : REST);
		peer = (struct rig_peer){.script = script};
		mail.body = "\xe9\r\n";
		mail.flags = HK_MAIL_8BIT;
		mail.rcpt_params.notify = HK_NOTIFY_FAILURE;
		run(&r, &peer, &mail, "chunking on;");
		assert_int_equal(r.result->outcome, HK_RCPT_DELIVERED);
		assert_int_equal(got(&peer, "BODY=8BITMIME"), cases[i].eight);
		assert_int_equal(got(&peer, "BDAT "), cases[i].chunks);
		assert_int_equal(got(&peer, "NOTIFY=FAILURE"), cases[i].dsn);
		rig_done(&r);
	}
}

/* S3-031 S3-035: both can be switched off for a hop that cannot do what it says */
static void chunking_and_pipelining_go_by_the_route(void **state)
{
	static const struct {
		const char *items;
		bool chunks;
	} cases[] = {{"", false}, {"chunking on;", true}, {"chunking off;", false}, {"pipelining off;", false}};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct rig_peer peer = {.script = cases[i].chunks ? EHLO("250 CHUNKING") "250 ok|250 ok|250 some|250 queued|221 bye"
		                                                  : EHLO("250 CHUNKING") REST};
		struct rig r;

		run(&r, &peer, &simple, cases[i].items);
		assert_int_equal(r.result->outcome, HK_RCPT_DELIVERED);
		assert_int_equal(got(&peer, "BDAT "), cases[i].chunks);
		/* stuffed where a dot could end it, and only there */
		assert_int_equal(got(&peer, "\r\n..dot\r\n"), !cases[i].chunks);
		rig_done(&r);
	}
}

/* The recipients u0@d0.test ... : n of them in so many domains. */
static const char *many(char *to, size_t room, unsigned n, unsigned domains)
{
	size_t at = 0;
	unsigned i;

	for (i = 0; i < n; i++)
		at += (size_t)snprintf(to + at, room - at, "%su%u@d%u.test", i ? " " : "", i, i % domains);
	return to;
}

/* S4-130 S4-132 RFC 9422 4 */
static void limits_of_the_server_are_kept(void **state)
{
#define T "250 ok|250 ok|250 ok|354 go|250 2.0.0 queued"
	static const struct {
		const char *ehlo, *transactions;
		unsigned n, domains, connections, mails;
	} cases[] = {
	    {"250 LIMITS RCPTMAX=2", T "|" T "|" T "|221 bye", 6, 1, 1, 3},
	    {"250 LIMITS RCPTMAX=2 MAILMAX=2", T "|" T "|221 bye", 6, 1, 2, 3},
	    {"250 LIMITS MAILMAX=1 RCPTMAX=2", T "|221 bye", 6, 1, 3, 3},
	    {"250 LIMITS RCPTDOMAINMAX=1", T "|221 bye", 6, 3, 3, 3},
	    {"250 LIMITS RCPTDOMAINMAX=2 RCPTMAX=2", T "|" T "|221 bye", 8, 4, 4, 4},
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct rig_mail mail = simple;
		char script[1024], rcpt[1024];
		struct rig_peer peer = {.script = script};
		struct rig r;

		snprintf(script, sizeof script, "220 hi|250-h\n250-PIPELINING\n%s|%s", cases[i].ehlo, cases[i].transactions);
		mail.rcpt = many(rcpt, sizeof rcpt, cases[i].n, cases[i].domains);
		run(&r, &peer, &mail, "");
		for (k = 0; k < cases[i].n; k++)
			if (r.result[k].outcome != HK_RCPT_DELIVERED)
				fail_msg("case %zu, %zu: %s", i, k, r.result[k].text);
		assert_int_equal(peer.connections, cases[i].connections);
		assert_int_equal(times(&peer, "MAIL FROM"), cases[i].mails);
		assert_int_equal(times(&peer, "RCPT TO"), cases[i].n);
		rig_done(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_a_hop_cannot_take_is_converted_or_comes_back),
	    cmocka_unit_test(the_form_is_chosen_anew_for_each_host),
	    cmocka_unit_test(smtputf8_comes_back_where_it_is_needed_and_only_there),
	    cmocka_unit_test(a_message_over_the_size_limit_comes_back_before_it_is_sent),
	    cmocka_unit_test(what_services_announce_makes_the_plan),
	    cmocka_unit_test(chunking_and_pipelining_go_by_the_route),
	    cmocka_unit_test(limits_of_the_server_are_kept),
	};

	return cmocka_run_group_tests_name("delivery-form", tests, NULL, NULL);
}
