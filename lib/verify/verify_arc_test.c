/* SPDX-License-Identifier: MIT
 *
 * ARC within the verdict on a message: one walk over the body, its own share of questions, and what
 * a chain may and may not change.
 */
#include <stdio.h>

#include "lib/arc/arc_test_support.h"
#include "lib/verify/verify_internal.h"

#define DEFAULT_CHECKS (HK_CHECK_DKIM | HK_CHECK_DMARC | HK_CHECK_ARC)
#define SAID_PASS                                                                                  \
	"\r\n\tdkim=pass header.d=a.test;\r\n\tdmarc=pass header.from=a.test;\r\n\tarc=none "      \
	"smtp.remote-ip=192.0.2.1"

struct fixture {
	struct hk_arena arena, mail;
	struct world world;
	struct hk_slice direct, listed; /* signed by its author; then changed and sealed by a list */
	struct hk_verify *v;
	const struct hk_verify_verdict *r;
	size_t asked;
	struct hk_dkim_key_cache *keys;
};

static struct hk_slice seal_by_list(struct fixture *f, struct hk_slice message, struct hk_slice results)
{
	const struct hk_arc_seal_options o = {.size = sizeof o, .d = S("list.test"),
	    .s = S("l"),
	    .alg = HK_SIGN_ED25519_SHA256,
	    .authserv_id = S("mx.list.test"),
	    .results = results,
	    .now = NOW};

	return arc_seal(&f->arena, &f->world, message, &o, keys.ed25519);
}

static struct hk_slice sealed_after(struct fixture *f, const char *results)
{
	struct hk_slice body = HK_S("-- \r\na footer\r\n");

	return seal_by_list(f, joined(&f->arena, f->direct, body), hk_slice_str(results));
}

static void fixture_init(struct fixture *f)
{
	const struct hk_dkim_sign_options o = {.size = sizeof o, .d = S("a.test"),
	    .s = S("r"),
	    .alg = HK_SIGN_RSA_SHA256,
	    .header_canon = HK_CANON_RELAXED,
	    .body_canon = HK_CANON_RELAXED,
	    .now = NOW};
	struct letter l = a_letter("body\r\n");

	*f = (struct fixture){0};
	hk_arena_init(&f->arena, 64 << 20);
	hk_arena_init(&f->mail, HK_VERIFY_ARENA);
	world_init(&f->world);
	publish(&f->world, "r._domainkey.a.test", keys.rsa);
	publish(&f->world, "l._domainkey.list.test", keys.ed25519);
	world_txt(&f->world, "_dmarc.a.test", HK_S("v=DMARC1; p=reject"));
	l = with_field(&f->arena, sign_letter(&f->arena, &l, &o, keys.rsa, CUT_WHOLE), &l);
	f->direct = message_of(&f->arena, &l);
	f->listed = sealed_after(f, SAID_PASS);
}

static void fixture_done(struct fixture *f)
{
	hk_verify_done(f->v);
	hk_arena_done(&f->mail);
	world_done(&f->world);
	hk_arena_done(&f->arena);
}

static void feed_verify(void *v, struct hk_slice chunk)
{
	hk_verify_body(v, chunk);
}

static enum hk_status run(struct fixture *f, struct hk_slice message, unsigned checks,
    const char *trusted, enum cut cut)
{
	struct hk_verify_input in = {.size = sizeof in, .checks = checks,
	    .authserv_id = HK_S("mx.b.test"),
	    .helo = HK_S("mx.list.test"),
	    .now = NOW,
	    .trusted_sealers = hk_slice_str(trusted),
	    .keys = f->keys};
	struct hk_splitter splitter;
	struct hk_slice body;
	struct hk_dns_question q;
	enum hk_status status;

	hk_verify_done(f->v);
	hk_arena_done(&f->mail);
	f->asked = 0;
	assert_int_equal(hk_ip_parse(HK_S("2001:db8::9"), &in.client), HK_OK);
	hk_splitter_init(&splitter, HK_HEADER_SECTION_MAX);
	assert_int_equal(hk_splitter_feed(&splitter, message, &body), HK_OK);
	/* the section must live as long as the verdict */
	message = joined(&f->arena, hk_splitter_header(&splitter), HK_S(""));
	hk_splitter_done(&splitter);
	f->v = hk_verify_new(&f->mail, &in);
	if (!f->v)
		return HK_LIMIT;
	status = hk_verify_header(f->v, message);
	if (status != HK_OK)
		return status;
	feed_cut(body, cut, feed_verify, f->v);
	hk_verify_end(f->v);
	while ((status = hk_verify_step(f->v)) == HK_AGAIN) {
		struct hk_dns_answer answer;

		assert_true(hk_verify_question(f->v, &q));
		answer = world_answer(&f->world, &f->arena, &q);
		f->asked++;
		if (hk_verify_answer(f->v, &answer) != HK_OK)
			break;
	}
	f->r = hk_verify_result(f->v);
	return status;
}

static void judge(struct fixture *f, struct hk_slice message, const char *trusted)
{
	assert_int_equal(run(f, message, DEFAULT_CHECKS, trusted, CUT_WHOLE), HK_OK);
}

static size_t events(const struct fixture *f, enum hk_trace_event event)
{
	const struct hk_trace *trace = hk_verify_trace(f->v);
	size_t i, n = 0;

	for (i = 0; i < hk_trace_count(trace); i++)
		n += hk_trace_at(trace, i)->event == event;
	return n;
}

/* S1-062 S1-063 */
static void after_a_list_dkim_fails_and_the_chain_says_what_was_so_before(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	judge(&f, f.direct, "");
	assert_int_equal(f.r->dkim[0]->result, HK_DKIM_PASS);
	assert_int_equal(f.r->dmarc->result, HK_DMARC_PASS);
	assert_int_equal(f.r->arc->cv, HK_ARC_NONE);
	judge(&f, f.listed, "");
	assert_int_equal(f.r->dkim[0]->result, HK_DKIM_FAIL);
	assert_int_equal(f.r->arc->cv, HK_ARC_PASS);
	assert_int_equal(f.r->arc->highest, 1);
	assert_has((const char *)f.listed.p, "ARC-Authentication-Results: i=1; mx.list.test;\r\n\tdkim=pass");
	fixture_done(&f);
}

static void keys_that_come_again_are_not_parsed_again_for_dkim_and_for_arc(void **state)
{
	const struct hk_dkim_key_cache_counts *counts;
	unsigned i;
	struct fixture f;

	(void)state;
	fixture_init(&f);
	f.keys = hk_dkim_key_cache_new(NULL);
	assert_non_null(f.keys);
	counts = hk_dkim_key_cache_counts(f.keys);
	for (i = 0; i < 3; i++) {
		judge(&f, f.direct, "");
		assert_int_equal(f.r->dkim[0]->result, HK_DKIM_PASS);
		assert_int_equal(counts->hits, i ? 3 * i - 1 : 0); /* the list's message brings the author's key as well */
		judge(&f, f.listed, "");
		assert_int_equal(f.r->arc->cv, HK_ARC_PASS);
		assert_int_equal(counts->hits, 3 * i + 1);
		assert_int_equal(counts->entries, 2);
	}
	fixture_done(&f);
	hk_dkim_key_cache_free(f.keys);
}

/* S1-029 S1-064; auth-peers 56: the result of DMARC never changes, and nobody is trusted by default */
static void only_a_chain_of_trusted_sealers_changes_what_is_done_rfc_8617_7_2(void **state)
{
	static const struct {
		const char *said, *trusted;
		bool overrides;
	} rows[] = {
	    {SAID_PASS, "list.test", true},
	    {SAID_PASS, "x.test, LIST.test", true},
	    {SAID_PASS, "", false},
	    {SAID_PASS, "x.test", false},
	    {SAID_PASS, "test", false},
	    {"\r\n\tdkim=pass header.d=a.test", "list.test", false},
	    {"\r\n\tdmarc=fail header.from=a.test", "list.test", false},
	    {"\r\n\tdmarc=pass header.from=b.test", "list.test", false},
	    {"\r\n\tdmarc=pass", "list.test", false},
	    {"\r\n\tdmarc=pass (header.from=a.test)", "list.test", false},
	    {"\r\n\tspf=pass; dmarc=pass (p=reject) header.from=A.Test", "list.test", true},
	};
	struct fixture f;
	size_t i;

	(void)state;
	fixture_init(&f);
	for (i = 0; i < COUNT(rows); i++) {
		judge(&f, sealed_after(&f, rows[i].said), rows[i].trusted);
		assert_int_equal(f.r->arc->cv, HK_ARC_PASS);
		assert_int_equal(f.r->dmarc->result, HK_DMARC_FAIL);
		assert_int_equal(f.r->dmarc->policy, HK_DMARC_P_REJECT);
		if ((f.r->dmarc->override == HK_DMARC_OVERRIDE_LOCAL_POLICY) != rows[i].overrides)
			fail_msg("row %zu: %s", i, hk_dmarc_override_name(f.r->dmarc->override));
		assert_int_equal(f.r->dmarc->disposition,
		    rows[i].overrides ? HK_DMARC_P_NONE : HK_DMARC_P_REJECT);
		assert_int_equal(events(&f, HK_TRACE_ARC_OVERRIDE), rows[i].overrides);
		assert_int_equal(events(&f, HK_TRACE_ARC_NO_OVERRIDE), !rows[i].overrides);
	}
	fixture_done(&f);
}

static void the_comment_of_the_override_has_what_rfc_8617_7_2_2_wants(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	judge(&f, f.listed, "list.test");
	assert_text(f.r->dmarc->override_comment,
	    "arc=pass as[1].d=list.test as[1].s=l remote-ip[1]=192.0.2.1");
	judge(&f, sealed_after(&f, "\r\n\tdmarc=pass header.from=a.test; arc=none smtp.remote-ip=x"),
	    "list.test");
	assert_text(f.r->dmarc->override_comment, "arc=pass as[1].d=list.test as[1].s=l");
	fixture_done(&f);
}

/* Where DMARC passes, or asks for nothing, there is nothing to override. */
static void a_trusted_chain_leaves_a_pass_and_a_policy_of_none_alone(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	judge(&f, seal_by_list(&f, f.direct, HK_S(SAID_PASS)), "list.test");
	assert_int_equal(f.r->dmarc->result, HK_DMARC_PASS);
	assert_int_equal(f.r->dmarc->override, HK_DMARC_OVERRIDE_NONE);
	world_done(&f.world);
	world_init(&f.world);
	publish(&f.world, "r._domainkey.a.test", keys.rsa);
	publish(&f.world, "l._domainkey.list.test", keys.ed25519);
	world_txt(&f.world, "_dmarc.a.test", HK_S("v=DMARC1; p=none"));
	judge(&f, f.listed, "list.test");
	assert_int_equal(f.r->dmarc->result, HK_DMARC_FAIL);
	assert_int_equal(f.r->dmarc->override, HK_DMARC_OVERRIDE_NONE);
	fixture_done(&f);
}

static void a_chain_that_fails_is_as_none_rfc_8617_5_2(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	judge(&f, joined(&f.arena, f.listed, HK_S("more\r\n")), "list.test");
	assert_int_equal(f.r->arc->cv, HK_ARC_FAIL);
	assert_text(f.r->arc->reason, "message signature 1: body hash mismatch");
	assert_int_equal(f.r->dmarc->disposition, HK_DMARC_P_REJECT);
	assert_int_equal(events(&f, HK_TRACE_ARC_NO_OVERRIDE), 0);
	fixture_done(&f);
}

static void the_body_is_hashed_once_for_dkim_and_arc_together(void **state)
{
	struct fixture f;
	int cut;

	(void)state;
	fixture_init(&f);
	for (cut = 0; cut < CUTS; cut++) {
		assert_int_equal(run(&f, f.listed, DEFAULT_CHECKS, "", (enum cut)cut), HK_OK);
		assert_int_equal(f.v->body->n, 1);
		assert_int_equal(f.r->arc->cv, HK_ARC_PASS);
		/* alone, and without any signature of DKIM, it has a walk of its own */
		assert_int_equal(run(&f, f.listed, HK_CHECK_ARC, "", (enum cut)cut), HK_OK);
		assert_int_equal(f.v->body->n, 1);
		assert_int_equal(f.r->arc->cv, HK_ARC_PASS);
		assert_int_equal(f.r->n_dkim, 0);
		assert_int_equal(f.asked, 1);
	}
	/* nobody wants a hash of a message without signature and chain */
	assert_int_equal(run(&f, HK_S("From: u@a.test\r\n\r\nx\r\n"), DEFAULT_CHECKS, "", CUT_WHOLE), HK_OK);
	assert_int_equal(f.v->body->n, 0);
	fixture_done(&f);
}

static void unless_asked_for_arc_asks_nothing_and_says_nothing(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	assert_int_equal(run(&f, f.listed, HK_CHECK_DKIM | HK_CHECK_DMARC, "list.test", CUT_WHOLE), HK_OK);
	assert_int_equal(f.r->arc->cv, HK_ARC_NONE);
	assert_int_equal(f.asked, 3);
	assert_int_equal(events(&f, HK_TRACE_ARC_RESULT), 0);
	assert_int_equal(f.r->dmarc->disposition, HK_DMARC_P_REJECT);
	fixture_done(&f);
}

/* The sender of a long chain must not leave the others without answers. */
static void a_chain_with_more_keys_than_its_share_fails_for_now_and_harms_no_other(void **state)
{
	struct hk_arc_seal_options o = {.size = sizeof o, .d = S("a.test"),
	    .alg = HK_SIGN_ED25519_SHA256,
	    .authserv_id = S("mx.a.test"),
	    .now = NOW};
	struct fixture f;
	struct hk_slice message;
	char selector[16], name[64];
	int i;

	(void)state;
	fixture_init(&f);
	message = f.direct;
	for (i = 1; i <= HK_VERIFY_MAX_ARC_QUESTIONS + 1; i++) {
		snprintf(selector, sizeof selector, "s%d", i);
		snprintf(name, sizeof name, "s%d._domainkey.a.test", i);
		publish(&f.world, name, keys.ed25519);
		o.s = hk_slice_str(selector);
		message = arc_seal(&f.arena, &f.world, message, &o, keys.ed25519);
		if (i < HK_VERIFY_MAX_ARC_QUESTIONS)
			continue;
		judge(&f, message, "");
		assert_int_equal(f.r->arc->cv,
		    i == HK_VERIFY_MAX_ARC_QUESTIONS ? HK_ARC_PASS : HK_ARC_FAIL);
		assert_int_equal(f.r->arc->is_temporary, i > HK_VERIFY_MAX_ARC_QUESTIONS);
		assert_int_equal(events(&f, HK_TRACE_MSG_DNS_LIMIT), i > HK_VERIFY_MAX_ARC_QUESTIONS);
		assert_int_equal(f.r->dmarc->result, HK_DMARC_PASS);
	}
	fixture_done(&f);
}

static void a_replay_gives_chain_and_override_again_bit_for_bit(void **state)
{
	struct hk_buf record, again;
	struct hk_verify *v;
	struct hk_arena a;
	struct fixture f;
	unsigned checks;

	(void)state;
	fixture_init(&f);
	for (checks = HK_CHECK_ARC; checks <= DEFAULT_CHECKS; checks++) {
		if (!(checks & HK_CHECK_ARC))
			continue;
		assert_int_equal(run(&f, f.listed, checks, "list.test", CUT_BYTES), HK_OK);
		hk_buf_init(&record, HK_VERIFY_RECORD_MAX);
		hk_buf_init(&again, HK_VERIFY_RECORD_MAX);
		hk_arena_init(&a, HK_VERIFY_ARENA);
		hk_verify_record_format(f.v, &record);
		assert_int_equal(hk_verify_replay(&a, hk_buf_slice(&record), &v), HK_OK);
		assert_int_equal(hk_verify_result(v)->arc->cv, HK_ARC_PASS);
		assert_true(hk_verify_result(v)->arc->is_trusted);
		assert_int_equal(hk_verify_result(v)->dmarc->override, f.r->dmarc->override);
		assert_int_equal(hk_trace_count(hk_verify_trace(v)), hk_trace_count(hk_verify_trace(f.v)));
		hk_verify_record_format(v, &again);
		assert_slice(hk_buf_slice(&again), hk_buf_slice(&record));
		hk_verify_done(v);
		hk_arena_done(&a);
		hk_buf_done(&record);
		hk_buf_done(&again);
	}
	fixture_done(&f);
}

static void results_field(struct fixture *f, unsigned checks, enum hk_authres_style style, const char *want)
{
	struct hk_buf b;

	hk_buf_init(&b, 65536);
	hk_verify_authres(f->v, checks, style, HK_S("mx.b.test"), &b);
	hk_buf_add_byte(&b, 0);
	assert_has((const char *)b.p, want);
	hk_buf_done(&b);
}

static void authentication_results_tell_of_arc_only_where_it_was_checked_rfc_8617_6(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	judge(&f, f.listed, "");
	results_field(&f, DEFAULT_CHECKS, HK_AUTHRES_RFC,
	    ";\r\n\tarc=pass (as[1].d=list.test as[1].s=l) smtp.remote-ip=\"2001:db8::9\"\r\n");
	results_field(&f, DEFAULT_CHECKS, HK_AUTHRES_RSPAMD,
	    ";\r\n\tarc=pass (\"list.test:s=l:i=1\")\r\n");
	results_field(&f, HK_CHECK_DMARC, HK_AUTHRES_RFC, "policy.dmarc=reject\r\n");
	judge(&f, joined(&f.arena, f.listed, HK_S("x")), "");
	results_field(&f, HK_CHECK_ARC, HK_AUTHRES_RFC,
	    "Authentication-Results: mx.b.test;\r\n\tarc=fail reason=\"message signature 1: body hash "
	    "mismatch\" (as[1].d=list.test as[1].s=l) smtp.remote-ip=\"2001:db8::9\"\r\n");
	judge(&f, f.direct, "");
	results_field(&f, HK_CHECK_ARC, HK_AUTHRES_RFC, "mx.b.test;\r\n\tarc=none\r\n");
	fixture_done(&f);
}

/* Each allocation fails once: the arena hands out multiples of 16. */
static void a_full_arena_ends_in_a_status_not_in_a_verdict(void **state)
{
	struct fixture f;
	size_t limit, most;

	(void)state;
	fixture_init(&f);
	judge(&f, f.listed, "list.test");
	most = f.mail.used;
	for (limit = 0; limit < most; limit += 16) {
		f.mail.limit = limit;
		if (run(&f, f.listed, DEFAULT_CHECKS, "list.test", CUT_WHOLE) == HK_OK) {
			assert_int_equal(f.r->arc->cv, HK_ARC_PASS);
			assert_int_equal(f.r->dmarc->override, HK_DMARC_OVERRIDE_LOCAL_POLICY);
		} else if (f.v) {
			assert_null(hk_verify_result(f.v));
		}
	}
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(after_a_list_dkim_fails_and_the_chain_says_what_was_so_before),
	    cmocka_unit_test(keys_that_come_again_are_not_parsed_again_for_dkim_and_for_arc),
	    cmocka_unit_test(only_a_chain_of_trusted_sealers_changes_what_is_done_rfc_8617_7_2),
	    cmocka_unit_test(the_comment_of_the_override_has_what_rfc_8617_7_2_2_wants),
	    cmocka_unit_test(a_trusted_chain_leaves_a_pass_and_a_policy_of_none_alone),
	    cmocka_unit_test(a_chain_that_fails_is_as_none_rfc_8617_5_2),
	    cmocka_unit_test(the_body_is_hashed_once_for_dkim_and_arc_together),
	    cmocka_unit_test(unless_asked_for_arc_asks_nothing_and_says_nothing),
	    cmocka_unit_test(a_chain_with_more_keys_than_its_share_fails_for_now_and_harms_no_other),
	    cmocka_unit_test(a_replay_gives_chain_and_override_again_bit_for_bit),
	    cmocka_unit_test(authentication_results_tell_of_arc_only_where_it_was_checked_rfc_8617_6),
	    cmocka_unit_test(a_full_arena_ends_in_a_status_not_in_a_verdict),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
