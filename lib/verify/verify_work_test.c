/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "verify_world_test.h"
#include "tests/unit.h"

/* The record carries the limits: its replay comes to the same verdict and writes the same record. */
static void check_replay(struct hk_verify *v)
{
	struct hk_buf record, again;
	struct hk_verify *replayed = NULL;
	struct hk_arena a;

	hk_buf_init(&record, HK_VERIFY_RECORD_MAX);
	hk_buf_init(&again, HK_VERIFY_RECORD_MAX);
	hk_arena_init(&a, HK_VERIFY_ARENA);
	hk_verify_record_format(v, &record);
	assert_int_equal(hk_verify_replay(&a, hk_buf_slice(&record), &replayed), HK_OK);
	assert_int_equal(hk_verify_result(replayed)->spf->result, hk_verify_result(v)->spf->result);
	assert_int_equal(hk_verify_result(replayed)->dkim[1]->result, hk_verify_result(v)->dkim[1]->result);
	assert_int_equal(hk_verify_result(replayed)->dmarc->result, hk_verify_result(v)->dmarc->result);
	hk_verify_record_format(replayed, &again);
	assert_true(hk_slice_eq(hk_buf_slice(&again), hk_buf_slice(&record)));
	hk_verify_done(replayed);
	hk_arena_done(&a);
	hk_buf_done(&record);
	hk_buf_done(&again);
}

/* One object says what a message may cost, and afterwards what it did; a replay meets the same limits. */
static void the_work_of_a_message_is_bounded_counted_and_replayed(void **state)
{
	static const struct {
		enum hk_work_kind kind;
		uint64_t limit;
		enum hk_spf_result spf;
		enum hk_dkim_result first, second;
		enum hk_dmarc_result dmarc;
	} rows[] = {
	    {HK_WORK_KINDS, 0, HK_SPF_PASS, HK_DKIM_PASS, HK_DKIM_PASS, HK_DMARC_PASS},
	    {HK_WORK_SPF_QUESTIONS, 0, HK_SPF_TEMPERROR, HK_DKIM_PASS, HK_DKIM_PASS, HK_DMARC_PASS},
	    {HK_WORK_MACRO_OCTETS, 0, HK_SPF_PERMERROR, HK_DKIM_PASS, HK_DKIM_PASS, HK_DMARC_PASS},
	    {HK_WORK_DKIM_QUESTIONS, 1, HK_SPF_PASS, HK_DKIM_PASS, HK_DKIM_TEMPERROR, HK_DMARC_PASS},
	    {HK_WORK_DMARC_QUESTIONS, 0, HK_SPF_PASS, HK_DKIM_PASS, HK_DKIM_PASS, HK_DMARC_TEMPERROR},
	    {HK_WORK_SIGNATURES, 1, HK_SPF_PASS, HK_DKIM_PASS, HK_DKIM_NEUTRAL, HK_DMARC_PASS},
	    {HK_WORK_HEADER_OCTETS, 1, HK_SPF_PASS, HK_DKIM_NEUTRAL, HK_DKIM_NEUTRAL, HK_DMARC_PASS},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct hk_work work = {.size = sizeof work};
		struct hk_verify_input in = {.size = sizeof in,
		    .checks = HK_CHECK_SPF | HK_CHECK_DKIM | HK_CHECK_DMARC,
		    .client = {4, {192, 0, 2, 1}},
		    .helo = HK_S("h.test"),
		    .mail_from = HK_S("u@a.test"),
		    .has_mail_from = true,
		    .authserv_id = HK_S("mx.test"),
		    .now = 1796000000,
		    .work = &work};
		const struct hk_verify_verdict *v;
		struct world w;

		hk_work_init(&work);
		if (rows[i].kind < HK_WORK_KINDS)
			work.of[rows[i].kind].limit = rows[i].limit;
		world_init(&w);
		world_zone(&w, "a.test. TXT \"v=spf1 a:%{d} ip4:192.0.2.1 -all\"\n_dmarc.a.test. TXT \"v=DMARC1; p=reject\"\n");
		hk_buf_reset(&w.message);
		hk_buf_add_str(&w.message, "From: u@a.test\r\n\r\nbody\r\n");
		world_sign(&w, "a.test", "one");
		world_sign(&w, "a.test", "two");
		assert_int_equal(world_run(&w, &in, SHUFFLED, 3, true), HK_OK);
		v = hk_verify_result(w.v);
		if (v->spf->result != rows[i].spf || v->dkim[0]->result != rows[i].first ||
		    v->dkim[1]->result != rows[i].second || v->dmarc->result != rows[i].dmarc)
			fail_msg("%s: spf=%s dkim=%s,%s dmarc=%s", hk_work_counted(rows[i].kind),
			    hk_spf_result_name(v->spf->result), hk_dkim_result_name(v->dkim[0]->result),
			    hk_dkim_result_name(v->dkim[1]->result), hk_dmarc_result_name(v->dmarc->result));
		if (i == 0) {
			assert_int_equal(work.of[HK_WORK_SPF_QUESTIONS].spent, 2);
			assert_int_equal(work.of[HK_WORK_DKIM_QUESTIONS].spent, 2);
			assert_int_equal(work.of[HK_WORK_SIGNATURES].spent, 2);
			assert_true(work.of[HK_WORK_HEADER_OCTETS].spent > 100);
			assert_true(work.of[HK_WORK_MACRO_OCTETS].spent > 0);
		} else {
			assert_true(work.of[rows[i].kind].spent <= rows[i].limit);
		}
		check_replay(w.v);
		world_done(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_work_of_a_message_is_bounded_counted_and_replayed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
