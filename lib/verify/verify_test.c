/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hikyaku/authres.h>

#include "verify_world_test.h"
#include "tests/unit.h"

static struct hk_slice authres(const struct world *w, struct hk_buf *b)
{
	const struct hk_verify_verdict *v = hk_verify_result(w->v);
	const struct hk_verify_input *in = hk_verify_input_of(w->v);

	hk_buf_init(b, 1 << 20);
	hk_authres_format(&(struct hk_authres_input){.size = sizeof(struct hk_authres_input), .authserv_id = in->authserv_id,
	                      .style = HK_AUTHRES_RSPAMD,
	                      .client = in->client,
	                      .helo = in->helo,
	                      .spf = v->checks & HK_CHECK_SPF ? v->spf : NULL,
	                      .print_dkim = v->checks & HK_CHECK_DKIM,
	                      .dkim = v->dkim,
	                      .n_dkim = v->n_dkim,
	                      .dmarc = v->checks & HK_CHECK_DMARC ? v->dmarc : NULL},
	    b);
	return hk_buf_slice(b);
}

static void lab_world(struct world *w)
{
	world_init(w);
	world_zone(w, lab_zone);
	world_seed_keys(w);
}

/* S0-084: what the seed printed; S0-040 S0-041 S3-018: SPF is that of MAIL FROM, not of From */
static void the_messages_of_the_seed_get_the_verdicts_of_the_seed(void **state)
{
	struct world w;
	size_t i;

	(void)state;
	lab_world(&w);
	for (i = 0; i < lab_cases_n; i++) {
		const struct lab_case *c = &lab_cases[i];
		struct hk_verify_input in = world_input(c);
		const struct hk_verify_verdict *v;

		world_load(&w, c->file);
		assert_int_equal(world_run(&w, &in, FORWARDS, 0, false), HK_OK);
		v = hk_verify_result(w.v);
		assert_int_equal(v->checks, c->checks);
		if ((c->checks & HK_CHECK_SPF && v->spf->result != c->spf) ||
		    (c->checks & HK_CHECK_DKIM && v->n_dkim != 1) ||
		    (c->checks & HK_CHECK_DKIM && v->dkim[0]->result != c->dkim) ||
		    (c->checks & HK_CHECK_DMARC && v->dmarc->result != c->dmarc))
			fail_msg("%s: spf=%s dkim=%s dmarc=%s", c->file,
			    hk_spf_result_name(v->spf->result),
			    v->n_dkim ? hk_dkim_result_name(v->dkim[0]->result) : "no signature",
			    hk_dmarc_result_name(v->dmarc->result));
	}
	world_done(&w);
}

/* The field as the stored message has it, LF for CRLF taken back by the vectors. */
static struct hk_slice stored_field(const struct world *w, struct hk_header *h, struct hk_arena *a)
{
	size_t end = 0, i;

	for (i = 0; i + 4 <= w->message.n; i++) {
		if (memcmp(w->message.p + i, "\r\n\r\n", 4) == 0) {
			end = i + 2;
			break;
		}
	}
	assert_int_equal(
	    hk_header_parse(a, hk_slice_sub(hk_buf_slice(&w->message), 0, end), h), HK_OK);
	i = hk_header_find(h, HK_S("Authentication-Results"), 0);
	assert_true(i < h->n);
	return h->field[i].raw;
}

/* S0-060 S0-061 S0-062 S0-063 S0-064 S0-065 */
static void authentication_results_equals_the_seed_byte_for_byte(void **state)
{
	struct world w;
	size_t i;

	(void)state;
	lab_world(&w);
	for (i = 0; i + 1 < lab_cases_n; i++) { /* the last one has no key */
		struct hk_verify_input in = world_input(&lab_cases[i]);
		struct hk_header h;
		struct hk_buf b;

		world_load(&w, lab_cases[i].file);
		assert_int_equal(world_run(&w, &in, FORWARDS, 0, false), HK_OK);
		if (!hk_slice_eq(authres(&w, &b), stored_field(&w, &h, &w.arena)))
			fail_msg("%s: %.*s", lab_cases[i].file, HK_FMT(hk_buf_slice(&b)));
		hk_buf_done(&b);
	}
	world_done(&w);
}

/* S0-057 S0-066 S0-073 */
static void scenario_4_4_signed_anew_fails_dmarc_with_all_checks_passing(void **state)
{
	const struct lab_case *c = &lab_cases[lab_cases_n - 1];
	struct hk_verify_input in = world_input(c);
	const struct hk_verify_verdict *v;
	struct hk_buf b;
	struct world w;

	(void)state;
	lab_world(&w);
	world_load(&w, c->file);
	world_sign(&w, "y.test", "fresh");
	assert_int_equal(world_run(&w, &in, SHUFFLED, 0, true), HK_OK);
	v = hk_verify_result(w.v);
	assert_int_equal(v->n_dkim, 2);
	assert_int_equal(v->dkim[0]->result, HK_DKIM_PASS);
	assert_int_equal(v->spf->result, HK_SPF_PASS);
	assert_int_equal(v->dmarc->result, HK_DMARC_FAIL);
	assert_int_equal(v->dmarc->disposition, HK_DMARC_P_REJECT);
	authres(&w, &b);
	hk_buf_add_byte(&b, 0);
	assert_non_null(strstr((const char *)b.p,
	    "\tdmarc=fail reason=\"SPF not aligned (relaxed), DKIM not aligned (relaxed)\" "
	    "header.from=x.test (policy=reject)\r\n"));
	hk_buf_done(&b);
	world_done(&w);
}

static void plain(struct world *w, const char *header)
{
	hk_buf_reset(&w->message);
	hk_buf_add_str(&w->message, header);
	hk_buf_add_str(&w->message, "\r\nbody\r\n");
}

/* S4-057 SEC-67 SEC-39 AP-1 to AP-8 */
static void from_must_give_one_domain_rfc_9989_4_1(void **state)
{
	static const struct {
		const char *header;
		enum hk_from_state state;
		const char *domain;
	} cases[] = {
	    {"From: user1@a.test\r\n", HK_FROM_ONE, "a.test"},
	    {"from : User <user1@A.Test>\r\n", HK_FROM_ONE, "a.test"},
	    {"From: a@a.test, \"b\" <b@a.test>\r\n", HK_FROM_ONE, "a.test"},
	    {"From: friends: a@a.test, b@a.test;\r\n", HK_FROM_ONE, "a.test"},
	    {"From: \"x <y@junk.test>\" <u@a.test>\r\n", HK_FROM_ONE, "a.test"},
	    {"From: \"\\\"Acme, Inc.\\\"\" <o@a.test>\r\n", HK_FROM_ONE, "a.test"},
	    {"Subject: x\r\n", HK_FROM_MISSING, ""},
	    {"X: 1\r\n", HK_FROM_MISSING, ""},
	    {"From: a@a.test\r\nFrom: a@a.test\r\n", HK_FROM_SEVERAL_FIELDS, ""},
	    {"From: a@a.test\r\nX: y\r\nfrom : b@b.test\r\n", HK_FROM_SEVERAL_FIELDS, ""},
	    {"From: a@a.test, b@b.test\r\n", HK_FROM_SEVERAL_DOMAINS, ""},
	    {"From: a@a.test, b@sub.a.test\r\n", HK_FROM_SEVERAL_DOMAINS, ""},
	    {"From: undisclosed:;\r\n", HK_FROM_NO_ADDRESS, ""},
	    {"From: \r\n", HK_FROM_SYNTAX, ""},
	    {"From: <>\r\n", HK_FROM_SYNTAX, ""},
	    {"From: user\r\n", HK_FROM_SYNTAX, ""},
	    {"From: u@[192.0.2.1]\r\n", HK_FROM_SYNTAX, ""},
	    {"From: u@a.test>\r\n", HK_FROM_SYNTAX, ""},
	    {"From: <a@a.test>\\,<b@b.test>\r\n", HK_FROM_SYNTAX, ""},
	    {"From: u@a..test\r\n", HK_FROM_SYNTAX, ""},
	    /* AP-8: spellings that some reader takes for From */
	    {"From\r\n : u@a.test\r\n", HK_FROM_ONE, "a.test"},
	    {"From: u@a.test\r\nFrom\r\n : v@b.test\r\n", HK_FROM_SEVERAL_FIELDS, ""},
	    {"X: y\nFrom: v@b.test\r\nFrom: u@a.test\r\n", HK_FROM_SEVERAL_FIELDS, ""},
	    {"From: u@a.test\r\nX: y\rfrom \t: v@b.test\r\n", HK_FROM_SEVERAL_FIELDS, ""},
	    {"X: y\r\n\nFROM: v@b.test\r\nFrom: u@a.test\r\n", HK_FROM_SEVERAL_FIELDS, ""},
	    {"X: y\nFromm: v@b.test\r\nFrom: u@a.test\r\n", HK_FROM_ONE, "a.test"},
	    {"X: y\nFrom", HK_FROM_MISSING, ""},
	    {"\357\273\277From: v@b.test\r\nFrom: u@a.test\r\n", HK_FROM_SEVERAL_FIELDS, ""},
	    {"From u@b.test Thu Jan  1 00:00:00 2026\r\nFrom: u@a.test\r\n", HK_FROM_ONE, "a.test"},
	    {" From: v@b.test\r\nFrom: u@a.test\r\n", HK_FROM_STRAY_LINE, ""},
	    {"\tx\r\nFrom: u@a.test\r\n", HK_FROM_STRAY_LINE, ""},
	};
	struct hk_verify_input in = {.size = sizeof in, .checks = HK_CHECK_DMARC, .now = 1};
	struct world w;
	size_t i;

	(void)state;
	world_init(&w);
	world_zone(&w, lab_zone);
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct hk_verify_verdict *v;

		plain(&w, cases[i].header);
		assert_int_equal(world_run(&w, &in, FORWARDS, 0, false), HK_OK);
		v = hk_verify_result(w.v);
		if (v->from_state != cases[i].state ||
		    !hk_slice_eq(v->author_domain, hk_slice_str(cases[i].domain)))
			fail_msg("%s: state %d, domain %.*s", cases[i].header, (int)v->from_state,
			    HK_FMT(v->author_domain));
		assert_int_equal(v->dmarc->result,
		    cases[i].state == HK_FROM_ONE ? HK_DMARC_FAIL : HK_DMARC_PERMERROR);
	}
	world_done(&w);
}

static bool same_step(const struct hk_trace_step *a, const struct hk_trace_step *b)
{
	size_t i;

	for (i = 0; i < HK_TRACE_TEXTS; i++)
		if (!hk_slice_eq(a->text[i], b->text[i]))
			return false;
	return a->event == b->event && a->depth == b->depth;
}

static void assert_same_trace(const struct hk_trace *want, const struct hk_trace *got)
{
	size_t i;

	assert_int_equal(hk_trace_count(got), hk_trace_count(want));
	for (i = 0; i < hk_trace_count(want); i++)
		assert_true(same_step(hk_trace_at(want, i), hk_trace_at(got, i)));
}

static void keep_trace(struct hk_arena *a, const struct hk_verify *v, struct hk_trace **ret)
{
	size_t i;

	*ret = hk_trace_new(a);
	for (i = 0; i < hk_trace_count(hk_verify_trace(v)); i++) {
		const struct hk_trace_step *s = hk_trace_at(hk_verify_trace(v), i);

		hk_trace_add(
		    *ret, s->event, s->depth, s->text[0], s->text[1], s->text[2], s->text[3]);
	}
}

static void the_verdict_and_its_trace_do_not_depend_on_timing(void **state)
{
	static const size_t chunks[] = {0, 1, 3};
	struct world w;
	size_t i, k;
	int order, late;

	(void)state;
	lab_world(&w);
	for (i = 0; i < lab_cases_n; i++) {
		struct hk_verify_input in = world_input(&lab_cases[i]);
		struct hk_trace *first;
		struct hk_buf was, is;

		world_load(&w, lab_cases[i].file);
		assert_int_equal(world_run(&w, &in, FORWARDS, 0, false), HK_OK);
		keep_trace(&w.arena, w.v, &first);
		authres(&w, &was);
		for (order = FORWARDS; order <= SHUFFLED; order++) {
			for (late = 0; late < 2; late++) {
				k = (size_t)(order + late) % 3;
				assert_int_equal(
				    world_run(&w, &in, (enum order)order, chunks[k], late), HK_OK);
				assert_true(hk_slice_eq(authres(&w, &is), hk_buf_slice(&was)));
				hk_buf_done(&is);
				assert_same_trace(first, hk_verify_trace(w.v));
			}
		}
		hk_buf_done(&was);
	}
	world_done(&w);
}

/* DMARC asks whether the author domain exists (np=) and walks for other identifiers: whichever can
 * be asked first. */
static void the_order_of_dmarc_questions_does_not_depend_on_timing(void **state)
{
	struct hk_verify_input in = {.size = sizeof in, .checks = HK_CHECK_DMARC, .now = 1};
	struct hk_trace *first = NULL;
	struct world w;
	int order, late;

	(void)state;
	world_init(&w);
	world_zone(&w, "_dmarc.a.test. TXT \"v=DMARC1; p=none; np=reject\"\n");
	plain(&w, "From: u@none.a.test\r\n");
	world_sign(&w, "b.c.a.test", "one");
	for (order = FORWARDS; order <= SHUFFLED; order++) {
		for (late = 0; late < 2; late++) {
			assert_int_equal(world_run(&w, &in, (enum order)order, 0, late), HK_OK);
			assert_int_equal(hk_verify_result(w.v)->dmarc->result, HK_DMARC_PASS);
			if (!first)
				keep_trace(&w.arena, w.v, &first);
			assert_same_trace(first, hk_verify_trace(w.v));
		}
	}
	world_done(&w);
}

static void same_verdict(const struct hk_verify *a, const struct hk_verify *b)
{
	const struct hk_verify_verdict *v = hk_verify_result(a), *w = hk_verify_result(b);

	assert_int_equal(v->spf->result, w->spf->result);
	assert_int_equal(v->n_dkim, w->n_dkim);
	assert_int_equal(v->dmarc->result, w->dmarc->result);
	assert_int_equal(v->from_state, w->from_state);
	assert_same_trace(hk_verify_trace(a), hk_verify_trace(b));
}

static void check_replay(struct world *w)
{
	struct hk_buf record, again;
	struct hk_verify *v = NULL;
	struct hk_arena a;

	hk_buf_init(&record, HK_VERIFY_RECORD_MAX);
	hk_buf_init(&again, HK_VERIFY_RECORD_MAX);
	hk_verify_record_format(w->v, &record);
	assert_int_equal(hk_buf_status(&record), HK_OK);
	hk_arena_init(&a, HK_VERIFY_ARENA);
	assert_int_equal(hk_verify_replay(&a, hk_buf_slice(&record), &v), HK_OK);
	same_verdict(w->v, v);
	/* and a replay's own record is the same record */
	hk_verify_record_format(v, &again);
	assert_true(hk_slice_eq(hk_buf_slice(&again), hk_buf_slice(&record)));
	hk_verify_done(v);
	hk_arena_done(&a);
	hk_buf_done(&record);
	hk_buf_done(&again);
}

static void a_replay_gives_the_same_verdict_bit_for_bit(void **state)
{
	struct world w;
	size_t i;
	int order;

	(void)state;
	lab_world(&w);
	for (i = 0; i < lab_cases_n; i++) {
		struct hk_verify_input in = world_input(&lab_cases[i]);

		world_load(&w, lab_cases[i].file);
		for (order = FORWARDS; order <= SHUFFLED; order++) {
			assert_int_equal(
			    world_run(&w, &in, (enum order)order, 5, order == SHUFFLED), HK_OK);
			check_replay(&w);
		}
	}
	world_done(&w);
}

static void a_damaged_record_is_refused(void **state)
{
	struct hk_verify_input in = world_input(&lab_cases[4]);
	struct hk_verify *v = NULL;
	struct hk_buf record;
	struct hk_arena a;
	struct world w;
	size_t i;

	(void)state;
	lab_world(&w);
	world_load(&w, lab_cases[4].file);
	assert_int_equal(world_run(&w, &in, FORWARDS, 0, false), HK_OK);
	hk_buf_init(&record, HK_VERIFY_RECORD_MAX);
	hk_verify_record_format(w.v, &record);
	assert_int_equal(hk_buf_status(&record), HK_OK);
	for (i = 0; i < record.n; i++) {
		enum hk_status cut, flipped;

		hk_arena_init(&a, HK_VERIFY_ARENA);
		cut = hk_verify_replay(&a, hk_slice_sub(hk_buf_slice(&record), 0, i), &v);
		record.p[i] ^= 1;
		flipped = hk_verify_replay(&a, hk_buf_slice(&record), &v);
		record.p[i] ^= 1;
		hk_arena_done(&a);
		assert_true(cut == HK_CORRUPT);
		assert_true(flipped == HK_CORRUPT || flipped == HK_VERSION);
	}
	record.p[5] = 5; /* a later version, whatever follows */
	hk_arena_init(&a, HK_VERIFY_ARENA);
	assert_int_equal(hk_verify_replay(&a, hk_buf_slice(&record), &v), HK_VERSION);
	hk_arena_done(&a);
	assert_null(v);
	hk_buf_done(&record);
	world_done(&w);
}

static void the_same_question_is_asked_once(void **state)
{
	struct hk_verify_input in = {.size = sizeof in, .checks = HK_CHECK_DMARC, .now = 1};
	struct world w;
	size_t i;

	(void)state;
	world_init(&w);
	world_zone(&w, lab_zone);
	plain(&w, "From: u@a.test\r\n");
	for (i = 0; i < 4; i++)
		world_sign(&w, "a.test", "one");
	assert_int_equal(world_run(&w, &in, FORWARDS, 0, false), HK_OK);
	assert_int_equal(hk_verify_result(w.v)->n_dkim, 4);
	assert_int_equal(w.asked, 3); /* the key, _dmarc.a.test, _dmarc.test */
	check_replay(&w);
	world_done(&w);
}

/* SEC-76: a sender whose record has "mx" terms of ten hosts each */
static void big_world(struct world *w, struct hk_verify_input *in)
{
	char line[128];
	int i, k;

	*in = (struct hk_verify_input){.size = sizeof(struct hk_verify_input), .checks = HK_CHECK_DMARC,
	    .now = 1,
	    .has_mail_from = true,
	    .mail_from = HK_S("u@big.test"),
	    .helo = HK_S("h.test")};
	assert_int_equal(hk_ip_parse(HK_S("192.0.2.1"), &in->client), HK_OK);
	world_init(w);
	world_zone(w, lab_zone);
	world_zone(w, "big.test. TXT \"v=spf1 mx:m0.test mx:m1.test mx:m2.test mx:m3.test "
	              "mx:m4.test mx:m5.test mx:m6.test mx:m7.test -all\"\n");
	for (i = 0; i < 8; i++) {
		for (k = 0; k < 10; k++) {
			snprintf(line, sizeof line,
			    "m%d.test. MX 10 h%d-%d.test.\nh%d-%d.test. A 198.51.100.1\n", i, i, k,
			    i, k);
			world_zone(w, line);
		}
	}
}

static void over_their_share_questions_are_not_asked_and_count_as_temperror(void **state)
{
	struct hk_verify_input in;
	const struct hk_verify_verdict *v;
	struct world w;
	int i, k;

	(void)state;
	big_world(&w, &in);
	plain(&w, "From: u@a.test\r\n");
	assert_int_equal(world_run(&w, &in, FORWARDS, 0, false), HK_OK);
	v = hk_verify_result(w.v);
	assert_int_equal(
	    w.asked, HK_VERIFY_MAX_SPF_QUESTIONS + 2); /* and _dmarc.a.test, _dmarc.test */
	assert_int_equal(v->spf->result, HK_SPF_TEMPERROR);
	for (i = 0, k = 0; i < (int)hk_trace_count(hk_verify_trace(w.v)); i++)
		k += hk_trace_at(hk_verify_trace(w.v), (size_t)i)->event == HK_TRACE_MSG_DNS_LIMIT;
	assert_int_equal(k, 1);
	check_replay(&w);
	world_done(&w);
}

/* The sender's own SPF record must not be able to use up what is needed to find the policy of whom
 * he claims to be. */
static void no_method_can_use_up_the_questions_of_another(void **state)
{
	struct hk_verify_input in;
	struct hk_trace *first = NULL;
	struct world w;
	int early;

	(void)state;
	big_world(&w, &in);
	plain(&w, "From: u@a.test\r\n");
	world_sign(&w, "a.test", "one");
	for (early = 0; early < 2; early++) {
		assert_int_equal(
		    early ? world_run_spf_first(&w, &in) : world_run(&w, &in, FORWARDS, 0, false),
		    HK_OK);
		assert_int_equal(hk_verify_result(w.v)->spf->result, HK_SPF_TEMPERROR);
		assert_int_equal(hk_verify_result(w.v)->dkim[0]->result, HK_DKIM_PASS);
		assert_int_equal(hk_verify_result(w.v)->dmarc->result, HK_DMARC_PASS);
		if (!early)
			keep_trace(&w.arena, w.v, &first);
		assert_same_trace(first, hk_verify_trace(w.v));
		check_replay(&w);
	}
	world_done(&w);
}

/* A question that SPF may not ask any more is still to be asked for DKIM. */
static void what_is_refused_to_one_method_is_asked_for_another(void **state)
{
	struct hk_verify_input in;
	struct world w;
	int k;

	(void)state;
	for (k = 0; k < 3; k++) {
		big_world(&w, &in);
		world_zone(&w, "big2.test. TXT \"v=spf1 mx:m0.test mx:m1.test mx:m2.test "
		               "include:one._domainkey.a.test -all\"\n");
		in.mail_from = HK_S("u@big2.test");
		plain(&w, "From: u@a.test\r\n");
		world_sign(&w, "a.test", "one");
		assert_int_equal(
		    k ? world_run_spf_first(&w, &in) : world_run(&w, &in, FORWARDS, 0, k == 2),
		    HK_OK);
		assert_int_equal(hk_verify_result(w.v)->spf->result, HK_SPF_TEMPERROR);
		assert_int_equal(hk_verify_result(w.v)->dkim[0]->result, HK_DKIM_PASS);
		assert_int_equal(hk_verify_result(w.v)->dmarc->result, HK_DMARC_PASS);
		check_replay(&w);
		world_done(&w);
	}
}

static void spf_needs_both_ends_of_it(void **state)
{
	struct hk_verify_input in = {.size = sizeof in,
	    .checks = HK_CHECK_SPF, .now = 1, .mail_from = HK_S("u@a.test"), .has_mail_from = true};
	struct world w;

	(void)state;
	world_init(&w);
	world_zone(&w, lab_zone);
	plain(&w, "From: u@a.test\r\n");
	assert_int_equal(world_run(&w, &in, FORWARDS, 0, false), HK_OK);
	assert_int_equal(hk_verify_result(w.v)->spf->result, HK_SPF_NONE);
	assert_true(hk_slice_eq(hk_verify_result(w.v)->spf->reason, HK_S("no client address")));
	in.has_mail_from = false;
	assert_int_equal(hk_ip_parse(HK_S("10.255.1.20"), &in.client), HK_OK);
	assert_int_equal(world_run(&w, &in, FORWARDS, 0, false), HK_OK);
	assert_int_equal(hk_verify_result(w.v)->spf->result, HK_SPF_NONE);
	assert_int_equal(w.asked, 0);
	check_replay(&w);
	world_done(&w);
}

/* Each allocation fails once: the arena hands out multiples of 16. */
static void a_full_arena_ends_in_a_status_not_in_a_verdict(void **state)
{
	struct hk_verify_input in = world_input(&lab_cases[4]);
	enum hk_dmarc_result result;
	struct hk_buf record;
	struct world w;
	size_t limit, most;

	(void)state;
	lab_world(&w);
	world_load(&w, lab_cases[4].file);
	world_sign(&w, "a.test", "one");
	assert_int_equal(world_run(&w, &in, FORWARDS, 0, false), HK_OK);
	result = hk_verify_result(w.v)->dmarc->result;
	most = w.mail.used;
	hk_buf_init(&record, HK_VERIFY_RECORD_MAX);
	hk_verify_record_format(w.v, &record);
	for (limit = 0; limit < most; limit += 16) {
		struct hk_verify *again = NULL;
		struct hk_arena a;

		hk_arena_init(&a, limit);
		if (hk_verify_replay(&a, hk_buf_slice(&record), &again) == HK_OK) {
			assert_int_equal(hk_verify_result(again)->dmarc->result, result);
			hk_verify_done(again);
		}
		hk_arena_done(&a);
		w.mail.limit = limit;
		if (world_run(&w, &in, FORWARDS, 0, false) == HK_OK)
			assert_int_equal(hk_verify_result(w.v)->dmarc->result, result);
		else if (w.v)
			assert_null(hk_verify_result(w.v));
	}
	hk_buf_done(&record);
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_messages_of_the_seed_get_the_verdicts_of_the_seed),
	    cmocka_unit_test(authentication_results_equals_the_seed_byte_for_byte),
	    cmocka_unit_test(scenario_4_4_signed_anew_fails_dmarc_with_all_checks_passing),
	    cmocka_unit_test(from_must_give_one_domain_rfc_9989_4_1),
	    cmocka_unit_test(the_verdict_and_its_trace_do_not_depend_on_timing),
	    cmocka_unit_test(the_order_of_dmarc_questions_does_not_depend_on_timing),
	    cmocka_unit_test(a_replay_gives_the_same_verdict_bit_for_bit),
	    cmocka_unit_test(a_damaged_record_is_refused),
	    cmocka_unit_test(the_same_question_is_asked_once),
	    cmocka_unit_test(over_their_share_questions_are_not_asked_and_count_as_temperror),
	    cmocka_unit_test(no_method_can_use_up_the_questions_of_another),
	    cmocka_unit_test(what_is_refused_to_one_method_is_asked_for_another),
	    cmocka_unit_test(spf_needs_both_ends_of_it),
	    cmocka_unit_test(a_full_arena_ends_in_a_status_not_in_a_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
