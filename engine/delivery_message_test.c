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

/* Every signature, top first, by the keys in this order. */
static void verify_signatures(
    const char *message, const struct hk_private_key *const *key, const char *const *name, size_t n)
{
	struct hk_dkim_verify_options options = {.size = sizeof options, .now = 1731243549};
	struct hk_dns_question q;
	struct hk_dkim_verify *v;
	struct hk_splitter s;
	struct hk_header h;
	struct hk_slice body;
	struct hk_arena a;
	struct hk_buf record;
	size_t i;
	struct hk_dns_rr rr = {.type = HK_DNS_TXT};

	hk_arena_init(&a, 1 << 22);
	hk_splitter_init(&s, 1 << 16);
	hk_buf_init(&record, 4096);
	assert_int_equal(hk_splitter_feed(&s, hk_slice_str(message), &body), HK_OK);
	assert_int_equal(hk_header_parse(&a, hk_splitter_header(&s), &h), HK_OK);
	v = hk_dkim_verify_new(&a, &options, &h, NULL);
	assert_non_null(v);
	hk_dkim_verify_body(v, body);
	hk_dkim_verify_end(v);
	while (hk_dkim_verify_step(v) == HK_AGAIN) {
		while (hk_dkim_verify_question(v, &q)) {
			struct hk_dns_answer answer = {.question = q, .rr = &rr, .n = 1};

			for (i = 0; i < n && !hk_slice_eq(q.name, hk_slice_str(name[i])); i++)
				;
			assert_true(i < n);
			hk_buf_reset(&record);
			assert_int_equal(hk_dkim_record_add(key[i], hk_private_key_alg(key[i]), &record), HK_OK);
			rr.data = hk_buf_slice(&record);
			assert_int_equal(hk_dkim_verify_answer(v, &answer), HK_OK);
		}
	}
	assert_int_equal(hk_dkim_verify_count(v), n);
	for (i = 0; i < n; i++) {
		const struct hk_dkim_verdict *verdict = hk_dkim_verify_result(v, i);

		assert_int_equal(verdict->result, HK_DKIM_PASS);
		assert_true(hk_slice_starts_nocase(hk_slice_str(name[i]), verdict->s));
	}
	hk_dkim_verify_done(v);
	hk_splitter_done(&s);
	hk_buf_done(&record);
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
		r.signer[0] = key;
		r.cut = RIG_RANDOM;
		rig_put(&r, &m);
		rig_run(&r);
		assert_int_equal(r.result->outcome, HK_RCPT_DELIVERED);
		data = data_of(&peer);
		assert_memory_equal(data, "Received: from z\r\nDKIM-Signature: v=1;", 38);
		assert_non_null(strstr(data, "\r\nReturn-Path: <x>\r\nSubject: hi\r\n"));
		if (!with_file)
			verify_signatures(data, (const struct hk_private_key *const[]){key},
			    (const char *const[]){"smtpbook._domainkey.y.test"}, 1);
		rig_done(&r);
		if (with_file)
			break;
	}
	hk_private_key_free(key);
}

/* S3-016: our signature is of what goes out */
static void a_converted_message_is_signed_as_it_goes_out(void **state)
{
	struct hk_private_key *key;
	struct rig_peer peer = {.script = OK_SCRIPT};
	struct rig_mail m = simple;
	struct rig r;
	char *data;

	(void)state;
	assert_int_equal(hk_private_key_new(HK_SIGN_RSA_SHA256, 1024, &key), HK_OK);
	m.body = "Gr\xc3\xbc\xc3\x9f\r\n";
	m.flags = HK_MAIL_8BIT;
	rig_begin(&r, SIGNING, &peer);
	r.signer[0] = key;
	rig_put(&r, &m);
	rig_run(&r);
	assert_int_equal(r.result->outcome, HK_RCPT_DELIVERED);
	data = data_of(&peer);
	assert_non_null(strstr(data, "\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9F\r\n"));
	verify_signatures(data, (const struct hk_private_key *const[]){key},
	    (const char *const[]){"smtpbook._domainkey.y.test"}, 1);
	rig_done(&r);
	hk_private_key_free(key);
}

#define DUAL                                                                                       \
	CONF "route * { via smtp 10.0.0.7; } key n { domain y.test; selector n; file /n; }"        \
	     "key e { domain y.test; selector e; file /e; } key o { domain y.test; selector o; "   \
	     "file /o; } sign *@x.test n e o;"

/* RSA beside Ed25519 (RFC 8463 6), and of each the newest that is published */
static void a_message_has_a_signature_of_each_algorithm_by_a_published_key(void **state)
{
	static const char *const names[] = {
	    "n._domainkey.y.test", "e._domainkey.y.test", "o._domainkey.y.test"};
	static const struct {
		enum hk_key_sight sight[3];
		size_t signs[2], n;
	} cases[] = {
	    {{HK_KEY_UNKNOWN, HK_KEY_UNKNOWN, HK_KEY_UNKNOWN}, {0, 1}, 2},
	    {{HK_KEY_FITS, HK_KEY_FITS, HK_KEY_FITS}, {0, 1}, 2},
	    {{HK_KEY_ABSENT, HK_KEY_FITS, HK_KEY_FITS}, {2, 1}, 2},
	    {{HK_KEY_DIFFERENT, HK_KEY_ABSENT, HK_KEY_FITS}, {2}, 1},
	    {{HK_KEY_ABSENT, HK_KEY_ABSENT, HK_KEY_ABSENT}, {0, 1}, 2},
	};
	struct hk_private_key *key[3];
	size_t i, j;

	(void)state;
	for (i = 0; i < 3; i++)
		assert_int_equal(hk_private_key_new(i == 1 ? HK_SIGN_ED25519_SHA256 : HK_SIGN_RSA_SHA256,
		                     1024, &key[i]), HK_OK);
	for (i = 0; i < COUNT(cases); i++) {
		struct rig_peer peer = {.script = OK_SCRIPT};
		const struct hk_private_key *signer[2];
		struct rig_mail m = simple;
		const char *name[2];
		struct rig r;

		rig_begin(&r, DUAL, &peer);
		for (j = 0; j < 3; j++) {
			r.signer[j] = key[j];
			r.sights[j] = (uint8_t)cases[i].sight[j];
		}
		for (j = 0; j < cases[i].n; j++) {
			signer[j] = key[cases[i].signs[j]];
			name[j] = names[cases[i].signs[j]];
		}
		m.body = "Hello\r\ndot\r\n"; /* nothing that is stuffed */
		rig_put(&r, &m);
		rig_run(&r);
		assert_int_equal(r.result->outcome, HK_RCPT_DELIVERED);
		verify_signatures(data_of(&peer), signer, name, cases[i].n);
		rig_done(&r);
	}
	for (i = 0; i < 3; i++)
		hk_private_key_free(key[i]);
}

static void where_no_key_is_published_mail_waits_if_it_shall(void **state)
{
	struct rig_peer peer = {.script = OK_SCRIPT};
	struct rig r;

	(void)state;
	rig_begin(&r, SIGNING " unpublished-key defer;", &peer);
	r.sights[0] = HK_KEY_ABSENT;
	rig_put(&r, &simple);
	rig_run(&r);
	assert_false(rig_saw(&r, "sign 0\n"));
	assert_int_equal(r.result->outcome, HK_RCPT_PENDING);
	assert_non_null(strstr(r.result->text, "No key of the signing domain is published"));
	rig_done(&r);
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
	    cmocka_unit_test(a_converted_message_is_signed_as_it_goes_out),
	    cmocka_unit_test(a_message_has_a_signature_of_each_algorithm_by_a_published_key),
	    cmocka_unit_test(where_no_key_is_published_mail_waits_if_it_shall),
	    cmocka_unit_test(what_cannot_be_signed_is_deferred_and_never_sent),
	    cmocka_unit_test(only_mail_of_our_own_users_is_signed),
	};

	return cmocka_run_group_tests_name("delivery-message", tests, NULL, NULL);
}
