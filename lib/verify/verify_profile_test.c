/* SPDX-License-Identifier: MIT
 *
 * DMARC by RFC 7489 in a whole verdict: several author domains, the comparison, U-labels, and their records.
 */
#include <stdio.h>
#include <string.h>

#include "verify_world_test.h"
#include "tests/unit.h"

static const char zone[] =
    "a.test. TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"
    "_dmarc.a.test. TXT \"v=DMARC1; p=reject; pct=20\"\n"
    "_dmarc.b.test. TXT \"v=DMARC1; p=quarantine\"\n"
    "_dmarc.none.test. TXT \"v=DMARC1; p=none\"\n"
    "$SERVFAIL _dmarc.broken.test. TXT\n"
    "_dmarc.xn--bcher-kva.test. TXT \"v=DMARC1; p=reject\"\n"
    "_dmarc.psd.test. TXT \"v=DMARC1; p=none; psd=n\"\n"
    "_dmarc.sub.psd.test. TXT \"v=DMARC1; p=reject; psd=n\"\n";

static struct hk_verify_input input(enum hk_dmarc_profile profile)
{
	struct hk_verify_input in = {.size = sizeof in, .checks = HK_CHECK_DMARC | HK_CHECK_SPF,
	    .helo = HK_S("mx.a.test"),
	    .mail_from = HK_S("u@a.test"),
	    .has_mail_from = true,
	    .authserv_id = HK_S("h.test"),
	    .now = 1731333660,
	    .dmarc_profile = profile};

	assert_int_equal(hk_ip_parse(HK_S("192.0.2.1"), &in.client), HK_OK);
	return in;
}

static const struct hk_verify_verdict *judge(
    struct world *w, const struct hk_verify_input *in, enum order order, const char *from)
{
	hk_buf_reset(&w->message);
	hk_buf_addf(&w->message, "From: %s\r\nSubject: s\r\n\r\nbody\r\n", from);
	assert_int_equal(world_run(w, in, order, 0, false), HK_OK);
	return hk_verify_result(w->v);
}

/* The record of the verdict gives the same verdict and the same record. */
static void check_replay(struct world *w)
{
	const struct hk_verify_verdict *was = hk_verify_result(w->v), *is;
	struct hk_verify *again = NULL;
	struct hk_buf first, second;
	struct hk_arena a;

	hk_arena_init(&a, (size_t)2 * HK_VERIFY_ARENA);
	hk_buf_init(&first, HK_VERIFY_RECORD_MAX);
	hk_buf_init(&second, HK_VERIFY_RECORD_MAX);
	hk_verify_record_format(w->v, &first);
	assert_int_equal(hk_verify_replay(&a, hk_buf_slice(&first), &again), HK_OK);
	is = hk_verify_result(again);
	assert_int_equal(is->dmarc->result, was->dmarc->result);
	assert_int_equal(is->dmarc->profile, was->dmarc->profile);
	assert_int_equal(is->dmarc->disposition, was->dmarc->disposition);
	assert_int_equal(is->dmarc_differs, was->dmarc_differs);
	assert_true(hk_slice_eq(is->author_domain, was->author_domain));
	assert_int_equal(hk_trace_count(hk_verify_trace(again)), hk_trace_count(hk_verify_trace(w->v)));
	hk_verify_record_format(again, &second);
	assert_true(hk_slice_eq(hk_buf_slice(&first), hk_buf_slice(&second)));
	hk_verify_done(again);
	hk_buf_done(&first);
	hk_buf_done(&second);
	hk_arena_done(&a);
}

/* S4-057, auth-peers 2, security 67 */
static void several_author_domains_count_by_the_strictest_that_fails_rfc_7489_6_6_1(void **state)
{
	static const struct {
		const char *from;
		enum hk_dmarc_result result; /* by RFC 7489; by RFC 9989 4.1 each is permerror */
		enum hk_dmarc_policy policy;
		const char *author;
	} cases[] = {
	    {"u@none.test, v@b.test", HK_DMARC_FAIL, HK_DMARC_P_QUARANTINE, "b.test"},
	    {"v@b.test, u@none.test", HK_DMARC_FAIL, HK_DMARC_P_QUARANTINE, "b.test"},
	    {"u@a.test, v@b.test", HK_DMARC_FAIL, HK_DMARC_P_QUARANTINE, "b.test"}, /* a.test passes */
	    {"u@a.test, v@nothing.test", HK_DMARC_PASS, HK_DMARC_P_REJECT, "a.test"},
	    {"u@a.test, v@broken.test", HK_DMARC_TEMPERROR, HK_DMARC_P_NONE, "broken.test"},
	    {"u@none.test, v@broken.test", HK_DMARC_FAIL, HK_DMARC_P_NONE, "none.test"},
	    {"u@nothing.test, v@else.test", HK_DMARC_NONE, HK_DMARC_P_NONE, "nothing.test"},
	    {"u@b.test, v@1.test, v@2.test, v@3.test", HK_DMARC_FAIL, HK_DMARC_P_QUARANTINE, "b.test"},
	    {"u@b.test, v@1.test, v@2.test, v@3.test, v@4.test", HK_DMARC_PERMERROR, HK_DMARC_P_NONE, ""},
	    {"u@b.test, v@[192.0.2.1]", HK_DMARC_PERMERROR, HK_DMARC_P_NONE, ""},
	};
	struct world w;
	size_t i, k;

	(void)state;
	world_init(&w);
	world_zone(&w, zone);
	for (i = 0; i < COUNT(cases); i++) {
		struct hk_verify_input old = input(HK_DMARC_RFC7489), now = input(HK_DMARC_RFC9989);

		for (k = 0; k < 3; k++) {
			const struct hk_verify_verdict *v =
			    judge(&w, &old, k == 0 ? FORWARDS : k == 1 ? BACKWARDS : SHUFFLED, cases[i].from);

			if (v->dmarc->result != cases[i].result || v->dmarc->policy != cases[i].policy ||
			    !hk_slice_eq(v->dmarc->author_domain, hk_slice_str(cases[i].author)))
				fail_msg("%s: %s %s %.*s", cases[i].from, hk_dmarc_result_name(v->dmarc->result),
				    hk_dmarc_policy_name(v->dmarc->policy), HK_FMT(v->dmarc->author_domain));
			check_replay(&w);
		}
		assert_int_equal(judge(&w, &now, FORWARDS, cases[i].from)->dmarc->result, HK_DMARC_PERMERROR);
	}
	world_done(&w);
}

static void a_record_keeps_the_profile_the_number_drawn_and_the_suffixes(void **state)
{
	struct hk_verify_input in = input(HK_DMARC_RFC7489);
	const struct hk_verify_verdict *v;
	struct world w;
	unsigned sample;

	(void)state;
	world_init(&w);
	world_zone(&w, zone);
	in.client.bytes[3] = 9; /* SPF fails */
	for (sample = 0; sample < 100; sample += 19) {
		in.dmarc_sample = sample;
		v = judge(&w, &in, FORWARDS, "u@s.a.test");
		assert_int_equal(v->dmarc->result, HK_DMARC_FAIL);
		assert_int_equal(v->dmarc->pct, 20);
		assert_int_equal(v->dmarc->disposition, sample < 20 ? HK_DMARC_P_REJECT : HK_DMARC_P_QUARANTINE);
		check_replay(&w);
	}
	world_done(&w);
}

/* S4-037 S4-038, auth-peers 48 */
static void both_profiles_are_compared_where_that_is_asked_for(void **state)
{
	static const struct {
		const char *from;
		unsigned differs; /* HK_DMARC_DIFFERS_... */
	} cases[] = {
	    {"u@a.test", 0},
	    {"u@nothing.test", 0},
	    {"u@sub.psd.test", HK_DMARC_DIFFERS_ORG},
	    {"u@none.test, v@b.test",
	        HK_DMARC_DIFFERS_RESULT | HK_DMARC_DIFFERS_POLICY | HK_DMARC_DIFFERS_DISPOSITION | HK_DMARC_DIFFERS_RECORD},
	};
	enum hk_dmarc_profile profile;
	struct world w;
	size_t i;

	(void)state;
	world_init(&w);
	world_zone(&w, zone);
	for (i = 0; i < COUNT(cases); i++) {
		for (profile = HK_DMARC_RFC9989; profile <= HK_DMARC_RFC7489; profile++) {
			struct hk_verify_input in = input(profile);
			const struct hk_verify_verdict *v;
			const struct hk_trace *t;
			size_t k, said = 0;

			in.compare_profiles = true;
			v = judge(&w, &in, SHUFFLED, cases[i].from);
			assert_int_equal(v->dmarc->profile, profile);
			assert_int_not_equal(v->dmarc_other->profile, profile);
			if (v->dmarc_differs != cases[i].differs)
				fail_msg("%s: %u", cases[i].from, v->dmarc_differs);
			t = hk_verify_trace(w.v);
			for (k = 0; k < hk_trace_count(t); k++)
				said += hk_trace_at(t, k)->event == HK_TRACE_DMARC_DIFFERS;
			assert_int_equal(said, cases[i].differs != 0);
			check_replay(&w);
		}
	}
	world_done(&w);
}

/* auth-peers 10 */
static void a_domain_in_u_labels_is_judged_as_its_a_labels_rfc_9989_4_1(void **state)
{
	static const struct {
		const char *from;
		bool convert;
		enum hk_from_state state;
		const char *author;
	} cases[] = {
	    {"u@b\xc3\xbc" "cher.test", true, HK_FROM_ONE, "xn--bcher-kva.test"},
	    {"u@b\xc3\xbc" "cher.test, v@XN--BCHER-KVA.test", true, HK_FROM_ONE, "xn--bcher-kva.test"},
	    {"u@xn--bcher-kva.test", true, HK_FROM_ONE, "xn--bcher-kva.test"},
	    {"u@b\xc3\xbc" "cher.test", false, HK_FROM_SYNTAX, ""}, /* nobody was asked */
	    {"u@\xe2\x88\x92.test", true, HK_FROM_SYNTAX, ""},      /* no A-labels */
	    {"u@b\xc3\xbc" "cher.test, v@a.test", true, HK_FROM_SEVERAL_DOMAINS, ""},
	};
	struct hk_verify_input in = input(HK_DMARC_RFC9989);
	struct world w;
	size_t i;

	(void)state;
	world_init(&w);
	world_zone(&w, zone);
	for (i = 0; i < COUNT(cases); i++) {
		const struct hk_verify_verdict *v;

		w.convert = cases[i].convert;
		v = judge(&w, &in, FORWARDS, cases[i].from);
		if (v->from_state != cases[i].state || !hk_slice_eq(v->author_domain, hk_slice_str(cases[i].author)))
			fail_msg("%s: %d %.*s", cases[i].from, (int)v->from_state, HK_FMT(v->author_domain));
		if (cases[i].state == HK_FROM_ONE)
			assert_int_equal(v->dmarc->result, HK_DMARC_FAIL);
		check_replay(&w);
	}
	world_done(&w);
}

/* Names may be asked about in vain; what comes behind the header is no evidence, or a replay would have it in time. */
static void a_label_that_is_answered_behind_the_header_is_never_heard(void **state)
{
	static const char from[] = "From: u@b\xc3\xbc" "cher.test\r\nSubject: s\r\n\r\n";
	struct hk_verify_input in = input(HK_DMARC_RFC9989);
	struct hk_dns_question q;
	struct world w;

	(void)state;
	world_init(&w);
	world_zone(&w, zone);
	judge(&w, &in, FORWARDS, "u@a.test"); /* reads the zone */
	hk_verify_done(w.v);
	w.v = hk_verify_new(&w.mail, &in);
	assert_non_null(w.v);
	assert_int_equal(hk_verify_names(w.v, hk_slice_str(from)), HK_OK);
	assert_int_equal(hk_verify_header(w.v, hk_slice_str(from)), HK_OK);
	hk_verify_end(w.v);
	while (hk_verify_step(w.v) == HK_AGAIN && hk_verify_question(w.v, &q)) {
		struct hk_dns_rr rr = {.type = q.type, .data = HK_S("xn--bcher-kva.test")};
		struct hk_dns_answer answer = {.question = q, .rcode = HK_DNS_NOERROR, .rr = &rr, .n = 1};

		if (q.type != HK_DNS_ALABEL)
			assert_int_equal(hk_zone_answer(w.zone, &w.arena, &q, &answer), HK_OK);
		assert_int_equal(hk_verify_answer(w.v, &answer), HK_OK);
	}
	assert_int_equal(hk_verify_result(w.v)->from_state, HK_FROM_SYNTAX);
	check_replay(&w);
	world_done(&w);
}

/* A record may come from anywhere: a number that nobody can draw is none. */
static void a_number_above_99_is_never_drawn(void **state)
{
	struct hk_verify_input in = input(HK_DMARC_RFC7489);
	const struct hk_verify_verdict *v;
	struct world w;

	(void)state;
	world_init(&w);
	world_zone(&w, zone);
	in.dmarc_sample = 100;
	v = judge(&w, &in, FORWARDS, "u@b.test");
	assert_int_equal(v->dmarc->pct, 100);
	assert_int_equal(v->dmarc->disposition, HK_DMARC_P_QUARANTINE);
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(several_author_domains_count_by_the_strictest_that_fails_rfc_7489_6_6_1),
	    cmocka_unit_test(a_record_keeps_the_profile_the_number_drawn_and_the_suffixes),
	    cmocka_unit_test(both_profiles_are_compared_where_that_is_asked_for),
	    cmocka_unit_test(a_domain_in_u_labels_is_judged_as_its_a_labels_rfc_9989_4_1),
	    cmocka_unit_test(a_label_that_is_answered_behind_the_header_is_never_heard),
	    cmocka_unit_test(a_number_above_99_is_never_drawn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
