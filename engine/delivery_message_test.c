/* SPDX-License-Identifier: MIT
 *
 * What a next hop gets: the message, its edits, our signature.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hikyaku/dkim.h>

#include "engine/delivery_testing.h"
#include "tests/unit.h"

static size_t count(const struct hk_buf *b, const char *text)
{
	size_t n = 0, i, len = strlen(text);

	for (i = 0; i + len <= b->n; i++)
		n += memcmp(b->p + i, text, len) == 0;
	return n;
}

/* ---- the message ---- */

/* What stood between DATA and the dot, NUL-terminated, dots as sent. */
static char *data_of(struct rig_peer *peer)
{
	char *from, *to;

	hk_buf_add_byte(&peer->got, 0);
	from = strstr((char *)peer->got.p, "DATA\r\n");
	assert_non_null(from);
	to = strstr(from, "\r\n.\r\n");
	assert_non_null(to);
	to[2] = 0;
	return from + 6;
}

static void a_body_file_is_streamed(void **state)
{
	static const uint64_t sizes[] = {64, 16 * 1024 - 64, 16 * 1024, 300 * 1024};
	enum rig_cut cut;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(sizes) * RIG_CUTS; i++) {
		struct rig_peer peer = {.script = OK_SCRIPT};
		struct rig_mail m = simple;
		struct rig r;
		char *data;

		cut = (enum rig_cut)(i % RIG_CUTS);
		if (cut == RIG_BYTES && sizes[i / RIG_CUTS] > 100 * 1024)
			continue; /* slow, and the same */
		m.body = NULL;
		m.body_size = sizes[i / RIG_CUTS];
		rig_begin(&r, CONF "route * { via smtp 10.0.0.7; }", &peer);
		r.cut = cut;
		rig_put(&r, &m);
		rig_run(&r);
		assert_int_equal(r.result->outcome, HK_RCPT_DELIVERED);
		data = data_of(&peer);
		/* every line of the file begins with a dot, which is doubled (RFC 5321 4.5.2) */
		assert_int_equal(
		    strlen(strstr(data, "\r\n\r\n") + 4), m.body_size + m.body_size / 64);
		rig_done(&r);
	}
}

static void a_message_that_cannot_be_read_to_its_end_never_gets_its_dot(void **state)
{
	uint64_t i;

	(void)state;
	for (i = 1; i < 12; i++) {
		struct rig_peer peer = {.script = OK_SCRIPT};
		struct rig_mail m = simple;
		struct rig r;

		m.body = NULL;
		m.body_size = 64 * 1024;
		rig_begin(&r, CONF "route * { via smtp 10.0.0.7; }", &peer);
		rig_put(&r, &m);
		r.fail_disk_at = i;
		rig_run(&r);
		if (r.job.released || r.result->outcome == HK_RCPT_PENDING)
			assert_int_equal(count(&peer.got, "\r\n.\r\n"), 0);
		else
			assert_int_equal(count(&peer.got, "\r\n.\r\n"), 1);
		rig_done(&r);
	}
}

static void edits_are_applied_on_the_way_out(void **state)
{
	struct rig_peer peer = {.script = OK_SCRIPT};
	struct rig_mail m = simple;
	struct rig r;

	(void)state;
	m.header = "A: 1\r\nB: 2\r\n\tfolded\r\nC: 3\r\n";
	m.remove = 2;
	rig_begin(&r, CONF "route * { via smtp 10.0.0.7; }", &peer);
	rig_put(&r, &m);
	rig_run(&r);
	assert_string_equal(
	    data_of(&peer), "Received: from z\r\nA: 1\r\nC: 3\r\n\r\nHello\r\n..dot\r\n");
	rig_done(&r);
}

/* S0-020 S0-021 */
static void return_path_belongs_to_the_final_delivery(void **state)
{
	static const struct {
		const char *route, *from, *head;
	} cases[] = {
	    {"via lmtp 10.0.0.7:24;", "s@x.test", "Received: from z\r\nSubject: hi\r\n\r\n"},
	    {"via lmtp 10.0.0.7:24; return-path on;", "s@x.test",
	        "Return-Path: <s@x.test>\r\nReceived: from z\r\nSubject: hi\r\n\r\n"},
	    {"via lmtp 10.0.0.7:24; return-path on;", "",
	        "Return-Path: <>\r\nReceived: from z\r\nSubject: hi\r\n\r\n"},
	    {"via smtp 10.0.0.7;", "s@x.test",
	        "Received: from z\r\nreturn-path: <evil@z.test>\r\nSubject: hi\r\nReturn-Path : "
	        "<a@b.test>\r\n\r\n"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct rig_peer peer = {.script = OK_SCRIPT};
		struct rig_mail m = simple;
		char conf[1024];
		struct rig r;

		snprintf(conf, sizeof conf, CONF "route * { %s }", cases[i].route);
		m.header =
		    "return-path: <evil@z.test>\r\nSubject: hi\r\nReturn-Path : <a@b.test>\r\n";
		m.from = cases[i].from;
		rig_begin(&r, conf, &peer);
		rig_put(&r, &m);
		rig_run(&r);
		*(strstr(data_of(&peer), "\r\n\r\n") + 4) = 0;
		assert_string_equal(strstr((char *)peer.got.p, "DATA\r\n") + 6, cases[i].head);
		rig_done(&r);
	}
}

static void a_quarantined_message_goes_where_the_route_says(void **state)
{
	static const struct {
		const char *quarantine;
		enum hk_rcpt_outcome outcome;
		const char *rcpt;
		bool marked;
	} cases[] = {
	    {"header", HK_RCPT_DELIVERED, "RCPT TO:<a@a.test>\r\nRCPT TO:<b@a.test>\r\n", true},
	    {"junk spam@a.test", HK_RCPT_DELIVERED, "RCPT TO:<spam@a.test>\r\nDATA", true},
	    {"hold", HK_RCPT_PENDING, "", false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct rig_peer peer = {
		    .script =
		        i == 0 ? "220 hi|250 h|250 ok|250 ok|250 ok|354 go|250 done" : OK_SCRIPT};
		struct rig_mail m = simple;
		char conf[1024];
		struct rig r;

		snprintf(conf, sizeof conf, CONF "route * { via smtp 10.0.0.7; quarantine %s; }",
		    cases[i].quarantine);
		m.flags = HK_MAIL_QUARANTINE;
		m.rcpt = "a@a.test b@a.test";
		m.summary = "client=1.2.3.4 dmarc=fail policy=quarantine";
		rig_begin(&r, conf, &peer);
		rig_put(&r, &m);
		rig_run(&r);
		assert_int_equal(r.result[0].outcome, cases[i].outcome);
		assert_int_equal(r.result[1].outcome, cases[i].outcome);
		hk_buf_add_byte(&peer.got, 0);
		if (peer.connections) {
			assert_non_null(strstr((char *)peer.got.p, cases[i].rcpt));
			assert_non_null(strstr((char *)peer.got.p,
			    "Received: from z\r\nX-Hikyaku-Quarantine: dmarc=fail\r\n"));
		}
		assert_int_equal(peer.connections, cases[i].marked);
		rig_done(&r);
	}
}

/* ---- signing ---- */

static void verify_signature(const char *message, const struct hk_private_key *key)
{
	struct hk_dkim_verify_options options = {.size = sizeof options, .now = 1731243549};
	struct hk_dns_question q;
	struct hk_dkim_verify *v;
	struct hk_splitter s;
	struct hk_header h;
	struct hk_slice body;
	struct hk_arena a;
	struct hk_buf record, der;
	struct hk_dns_rr rr = {.type = HK_DNS_TXT};

	hk_arena_init(&a, 1 << 22);
	hk_splitter_init(&s, 1 << 16);
	hk_buf_init(&record, 4096);
	hk_buf_init(&der, 4096);
	assert_int_equal(hk_private_key_public_add(key, &der), HK_OK);
	hk_buf_add_str(&record, "v=DKIM1; p=");
	hk_base64_add(&record, hk_buf_slice(&der));
	rr.data = hk_buf_slice(&record);
	assert_int_equal(hk_splitter_feed(&s, hk_slice_str(message), &body), HK_OK);
	assert_int_equal(hk_header_parse(&a, hk_splitter_header(&s), &h), HK_OK);
	v = hk_dkim_verify_new(&a, &options, &h, NULL);
	assert_non_null(v);
	hk_dkim_verify_body(v, body);
	hk_dkim_verify_end(v);
	while (hk_dkim_verify_step(v) == HK_AGAIN) {
		while (hk_dkim_verify_question(v, &q)) {
			struct hk_dns_answer answer = {.question = q, .rr = &rr, .n = 1};

			assert_true(hk_slice_eq(q.name, HK_S("smtpbook._domainkey.y.test")));
			assert_int_equal(hk_dkim_verify_answer(v, &answer), HK_OK);
		}
	}
	assert_int_equal(hk_dkim_verify_count(v), 1);
	assert_int_equal(hk_dkim_verify_result(v, 0)->result, HK_DKIM_PASS);
	hk_dkim_verify_done(v);
	hk_splitter_done(&s);
	hk_buf_done(&record);
	hk_buf_done(&der);
	hk_arena_done(&a);
}

#define SIGNING                                                                                    \
	CONF "route * { via smtp 10.0.0.7; } key y { domain y.test; selector smtpbook; file /k; "  \
	     "} sign *@x.test y;"

/* S0-086 S0-087 */
static void our_signature_stands_below_our_own_trace_and_verifies(void **state)
{
	struct hk_private_key *key;
	bool with_file;

	(void)state;
	assert_int_equal(hk_private_key_new(HK_SIGN_RSA_SHA256, 1024, &key), HK_OK);
	for (with_file = false;; with_file = true) {
		struct rig_peer peer = {.script = OK_SCRIPT};
		struct rig_mail m = simple;
		struct rig r;
		char *data;

		if (with_file) {
			m.body = NULL;
			m.body_size = 64 * 1000;
		} else {
			m.body = "Hello\r\ndot\r\n";
		}
		m.header = "Return-Path: <x>\r\nSubject: hi\r\nFrom: S <S@X.test>\r\n";
		rig_begin(&r, SIGNING, &peer);
		r.signer = key;
		r.cut = RIG_RANDOM;
		rig_put(&r, &m);
		rig_run(&r);
		assert_int_equal(r.result->outcome, HK_RCPT_DELIVERED);
		data = data_of(&peer);
		assert_memory_equal(data, "Received: from z\r\nDKIM-Signature: v=1;", 38);
		assert_non_null(strstr(data, "\r\nReturn-Path: <x>\r\nSubject: hi\r\n"));
		if (!with_file)
			verify_signature(data, key);
		rig_done(&r);
		if (with_file)
			break;
	}
	hk_private_key_free(key);
}

static void what_cannot_be_signed_is_deferred_and_never_sent(void **state)
{
	struct rig_peer peer = {.script = OK_SCRIPT};
	struct rig r;

	(void)state;
	rig_begin(&r, SIGNING, &peer);
	rig_put(&r, &simple);
	rig_run(&r);
	assert_true(rig_saw(&r, "sign 0\n"));
	assert_int_equal(r.result->outcome, HK_RCPT_PENDING);
	assert_string_equal(r.result->enhanced, "4.7.0");
	assert_int_equal(count(&peer.got, "MAIL"), 0);
	rig_done(&r);
}

static void only_mail_of_our_own_users_is_signed(void **state)
{
	static const struct {
		const char *listener, *header;
		bool is_signed;
	} cases[] = {
	    {"out", "From: s@x.test\r\n", true},
	    {"", "From: s@x.test\r\n", true},
	    {"mx", "From: s@x.test\r\n", false},
	    {"gone", "From: s@x.test\r\n", false},
	    {"out", "From: s@z.test\r\n", false},
	    {"out", "Subject: no from\r\n", false},
	    {"out", "From: (((\r\n", false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct rig_peer peer = {.script = OK_SCRIPT};
		struct rig_mail m = simple;
		struct rig r;

		m.listener = cases[i].listener;
		m.header = cases[i].header;
		rig_begin(&r, SIGNING, &peer);
		rig_put(&r, &m);
		rig_run(&r);
		if (rig_saw(&r, "sign") != cases[i].is_signed)
			fail_msg("case %zu", i);
		rig_done(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_body_file_is_streamed),
	    cmocka_unit_test(a_message_that_cannot_be_read_to_its_end_never_gets_its_dot),
	    cmocka_unit_test(edits_are_applied_on_the_way_out),
	    cmocka_unit_test(return_path_belongs_to_the_final_delivery),
	    cmocka_unit_test(a_quarantined_message_goes_where_the_route_says),
	    cmocka_unit_test(our_signature_stands_below_our_own_trace_and_verifies),
	    cmocka_unit_test(what_cannot_be_signed_is_deferred_and_never_sent),
	    cmocka_unit_test(only_mail_of_our_own_users_is_signed),
	};

	return cmocka_run_group_tests_name("delivery-message", tests, NULL, NULL);
}
