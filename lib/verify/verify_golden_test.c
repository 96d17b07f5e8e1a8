/* SPDX-License-Identifier: MIT
 *
 * Records as earlier and present versions wrote them: stores keep them for years.
 */
#include <hikyaku/verify.h>

#include "tests/unit.h"

/* Version 1: SPF, DKIM and DMARC pass. */
static const char version_1[] =
    "SEtWUgABAAAABwTAAAIBAAAAAAAAAAAAAAAAAQAAAABnMg4cAAAAAAAAAAlteC5hLnRlc3QAAAAIdUBhLnRlc3QA"
    "AAAJbXguYi50ZXN0AAABgERLSU0tU2lnbmF0dXJlOiB2PTE7IGE9ZWQyNTUxOS1zaGEyNTY7IGM9cmVsYXhlZC9y"
    "ZWxheGVkOyBkPWEudGVzdDsgcz1zOw0KCXQ9MTczMTMzMzU3MDsNCgloPWZyb206ZnJvbTp0bzp0bzpzdWJqZWN0"
    "OnN1YmplY3Q7DQoJYmg9Q2s1U29STldVcFNSNFgwQ092N1I1dWIycFVUdGw2eHo0ZFRGeisramk0TT07DQoJYj1C"
    "amEzSmRLSmIySzM2VVliMlIyajkvR0ZxUW5PdHQ2UFRkUkM3dzU0K1BBaURnQ0VQS2tmT2MvVXYvZmV5TjR1MlBu"
    "ekVWDQoJMHRhRkhmdEI5dW1BU0RDQT09DQpGcm9tOiB1QGEudGVzdA0KVG86IHZAYi50ZXN0DQpTdWJqZWN0OiBn"
    "b2xkZW4NCkRhdGU6IE1vbiwgMTEgTm92IDIwMjQgMTI6MDA6MDAgKzAwMDANCk1lc3NhZ2UtSUQ6IDwxQGEudGVz"
    "dD4NCgAAADoBAAEAAQAAAAAAAAAAAAAAAAAAAAAGAAAAIApOUqETVlKUkeF9Ajr+0ebm9qVE7Zesc+HUxc/vo4uD"
    "AAABDUhLRVYAAQAEAAAABmEudGVzdAAQAAAAAA4QAAABABAAAAAAAAAAAAAAGXY9c3BmMSBpcDQ6MTkyLjAuMi4x"
    "IC1hbGwAAAATcy5fZG9tYWlua2V5LmEudGVzdAAQAAAAAA4QAAABABAAAAAAAAAAAAAAQnY9REtJTTE7IGs9ZWQy"
    "NTUxOTsgcD1PSFpFTTNxSE5jankzd2R4RktEZWdTZzErTlZIaFlURCtEdUIyc1JJMGkwPQAAAA1fZG1hcmMuYS50"
    "ZXN0ABAAAAAADhAAAAEAEAAAAAAAAAAAAAASdj1ETUFSQzE7IHA9cmVqZWN0AAAAC19kbWFyYy50ZXN0ABAAAwAA"
    "AAAAAAC0rTTHDNpvgA==";

/* Version 2: a list changed the body and sealed it; the list is trusted. */
static const char version_2[] =
    "SEtWUgACAAAADwTAAAJjAAAAAAAAAAAAAAAAAQAAAABnMg4cAAAAAAAAAAxteC5saXN0LnRlc3QAAAALbEBsaXN0"
    "LnRlc3QAAAAJbXguYi50ZXN0AAAACWxpc3QudGVzdAAAA9tBUkMtU2VhbDogaT0xOyBhPWVkMjU1MTktc2hhMjU2"
    "OyBjdj1ub25lOyBkPWxpc3QudGVzdDsgcz1sOyB0PTE3MzEzMzM2MDA7DQoJYj15bWQ3akZORHplS05XV20vanU4"
    "d0cxUlovWUdsQVo0djhZQTJoNGc2TVljc0JKM1l2Rk9JelhaM0hTdkNwbWx6bVgwdWZrDQoJenptOTdsQk5WcnhU"
    "K3lBdz09DQpBUkMtTWVzc2FnZS1TaWduYXR1cmU6IGk9MTsgYT1lZDI1NTE5LXNoYTI1NjsgYz1yZWxheGVkL3Jl"
    "bGF4ZWQ7IGQ9bGlzdC50ZXN0Ow0KCXM9bDsgdD0xNzMxMzMzNjAwOw0KCWg9ZnJvbTpmcm9tOnN1YmplY3Q6c3Vi"
    "amVjdDsNCgliaD10WEFWMWdyREJEbEdoUVRtTzNCN2RpdDI2d0J0T1F4YUhnSHVPZitVdW5FPTsNCgliPUlPZGxv"
    "ZzB2OHQzdGxpMEgrejdJRmlXM2JmRkZCQ3RwR01wZEFBSmw1K09ieEhIYzl5eExvRk1ZWjJHajR0bjdTYmFZR0cN"
    "CglzbUFLZFBxMlB4bnRCSURRPT0NCkFSQy1BdXRoZW50aWNhdGlvbi1SZXN1bHRzOiBpPTE7IG14Lmxpc3QudGVz"
    "dDsgZGtpbT1wYXNzIGhlYWRlci5kPWEudGVzdDsNCglkbWFyYz1wYXNzIGhlYWRlci5mcm9tPWEudGVzdDsgYXJj"
    "PW5vbmUgc210cC5yZW1vdGUtaXA9MTkyLjAuMi4xOw0KCWFyYz1ub25lDQpES0lNLVNpZ25hdHVyZTogdj0xOyBh"
    "PWVkMjU1MTktc2hhMjU2OyBjPXJlbGF4ZWQvcmVsYXhlZDsgZD1hLnRlc3Q7IHM9czsNCgl0PTE3MzEzMzM1NzA7"
    "DQoJaD1mcm9tOmZyb206dG86dG86c3ViamVjdDpzdWJqZWN0Ow0KCWJoPUNrNVNvUk5XVXBTUjRYMENPdjdSNXVi"
    "MnBVVHRsNnh6NGRURnorK2ppNE09Ow0KCWI9QmphM0pkS0piMkszNlVZYjJSMmo5L0dGcVFuT3R0NlBUZFJDN3c1"
    "NCtQQWlEZ0NFUEtrZk9jL1V2L2ZleU40dTJQbnpFVg0KCTB0YUZIZnRCOXVtQVNEQ0E9PQ0KRnJvbTogdUBhLnRl"
    "c3QNClRvOiB2QGIudGVzdA0KU3ViamVjdDogZ29sZGVuDQpEYXRlOiBNb24sIDExIE5vdiAyMDI0IDEyOjAwOjAw"
    "ICswMDAwDQpNZXNzYWdlLUlEOiA8MUBhLnRlc3Q+DQoAAAA6AQABAAEAAAAAAAAAAAAAAAAAAAAAEAAAACC1cBXW"
    "CsMEOUaFBOY7cHt2K3brAG05DFoeAe45/5S6cQAAAV5IS0VWAAEABQAAAAlsaXN0LnRlc3QAEAAAAAAAAAAAAAAA"
    "ABNzLl9kb21haW5rZXkuYS50ZXN0ABAAAAAADhAAAAEAEAAAAAAAAAAAAABCdj1ES0lNMTsgaz1lZDI1NTE5OyBw"
    "PU9IWkVNM3FITmNqeTN3ZHhGS0RlZ1NnMStOVkhoWVREK0R1QjJzUkkwaTA9AAAADV9kbWFyYy5hLnRlc3QAEAAA"
    "AAAOEAAAAQAQAAAAAAAAAAAAABJ2PURNQVJDMTsgcD1yZWplY3QAAAALX2RtYXJjLnRlc3QAEAADAAAAAAAAAAAA"
    "ABZsLl9kb21haW5rZXkubGlzdC50ZXN0ABAAAAAADhAAAAEAEAAAAAAAAAAAAABCdj1ES0lNMTsgaz1lZDI1NTE5"
    "OyBwPUx6REFEM3pXN1FtVTdGRzVrQ3lTS0I1K1Fjcm1iM0tadjVaT092SmY3eW89GXt68gp8RMA=";

struct golden {
	struct hk_arena arena;
	struct hk_slice record;
	struct hk_verify *v;
};

static void read_golden(struct golden *g, const char *text)
{
	*g = (struct golden){0};
	hk_arena_init(&g->arena, HK_VERIFY_ARENA);
	assert_int_equal(hk_base64_parse(&g->arena, hk_slice_str(text), &g->record), HK_OK);
	assert_int_equal(hk_verify_replay(&g->arena, g->record, &g->v), HK_OK);
}

static void golden_done(struct golden *g)
{
	hk_verify_done(g->v);
	hk_arena_done(&g->arena);
}

static struct hk_slice written(struct golden *g, struct hk_buf *b)
{
	hk_buf_init(b, HK_VERIFY_RECORD_MAX);
	hk_verify_record_format(g->v, b);
	assert_int_equal(hk_buf_status(b), HK_OK);
	return hk_buf_slice(b);
}

static void a_record_of_version_1_is_still_read(void **state)
{
	const struct hk_verify_verdict *r;
	struct golden g, again = {0};
	struct hk_buf b;

	(void)state;
	read_golden(&g, version_1);
	r = hk_verify_result(g.v);
	assert_int_equal(r->checks, HK_CHECK_SPF | HK_CHECK_DKIM | HK_CHECK_DMARC);
	assert_int_equal(r->spf->result, HK_SPF_PASS);
	assert_int_equal(r->n_dkim, 1);
	assert_int_equal(r->dkim[0]->result, HK_DKIM_PASS);
	assert_int_equal(r->dmarc->result, HK_DMARC_PASS);
	assert_int_equal(r->arc->cv, HK_ARC_NONE);
	assert_int_equal(hk_trace_count(hk_verify_trace(g.v)), 22);
	/* it goes on as a record of today, with the same verdict */
	hk_arena_init(&again.arena, HK_VERIFY_ARENA);
	assert_int_equal(hk_verify_replay(&again.arena, written(&g, &b), &again.v), HK_OK);
	assert_int_equal(hk_verify_result(again.v)->dmarc->result, HK_DMARC_PASS);
	golden_done(&again);
	hk_buf_done(&b);
	golden_done(&g);
}

/* S1-064 */
static void a_record_of_version_2_gives_chain_trust_and_override_again_and_the_same_bytes(
    void **state)
{
	const struct hk_verify_verdict *r;
	struct golden g;
	struct hk_buf b;

	(void)state;
	read_golden(&g, version_2);
	r = hk_verify_result(g.v);
	assert_int_equal(r->dkim[0]->result, HK_DKIM_FAIL);
	assert_int_equal(r->arc->cv, HK_ARC_PASS);
	assert_true(r->arc->is_trusted);
	assert_int_equal(r->dmarc->result, HK_DMARC_FAIL);
	assert_int_equal(r->dmarc->policy, HK_DMARC_P_REJECT);
	assert_int_equal(r->dmarc->disposition, HK_DMARC_P_NONE);
	assert_int_equal(r->dmarc->override, HK_DMARC_OVERRIDE_LOCAL_POLICY);
	assert_text(r->dmarc->override_comment,
	    "arc=pass as[1].d=list.test as[1].s=l remote-ip[1]=192.0.2.1");
	assert_slice(written(&g, &b), g.record);
	hk_buf_done(&b);
	golden_done(&g);
}

static void both_versions_are_cut_and_joined_to_the_same_bytes(void **state)
{
	static const char *const records[] = {version_1, version_2};
	struct hk_slice head, evidence;
	struct golden g;
	struct hk_buf b;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(records); i++) {
		read_golden(&g, records[i]);
		assert_int_equal(hk_verify_record_cut(g.record, &head, &evidence), HK_OK);
		hk_buf_init(&b, HK_VERIFY_RECORD_MAX);
		hk_verify_record_join(head, evidence, &b);
		assert_slice(hk_buf_slice(&b), g.record);
		hk_buf_done(&b);
		golden_done(&g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_record_of_version_1_is_still_read),
	    cmocka_unit_test(a_record_of_version_2_gives_chain_trust_and_override_again_and_the_same_bytes),
	    cmocka_unit_test(both_versions_are_cut_and_joined_to_the_same_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
