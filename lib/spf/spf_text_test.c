/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "spf_internal.h"
#include "tests/unit_arena.h"

/* ---- syntax -------------------------------------------------------------------------------------- */

/* AP-38 S1-043 */
static void terms_follow_the_grammar_rfc_7208_12(void **state)
{
	static const struct { const char *term; bool good; } rows[] = {
	    {"all", true}, {"ALL", true}, {"?all", true}, {"--all", false}, {"all:", false}, {"all/0", false}, {"-", false}, {"al", false},
	    {"a", true}, {"a:b.c", true}, {"a/32", true}, {"a//128", true}, {"a/0//0", true}, {"a/33", false}, {"a//129", false},
	    {"a/", false}, {"a//", false}, {"a/01", false}, {"a///1", false}, {"a/1/2", false}, {"a//1/2", false}, {"a/99999999999999999999", false},
	    {"a:", false}, {"a:b", false}, {"a:b.", false}, {"a:b.c.", true}, {"a:b.1", false}, {"a:b.1c", true}, {"a:b.-c", false}, {"a:b.c-", false},
	    {"a:b.c-d", true}, {"a:b.c_d", false}, {"a:%{d}", true}, {"a:b%{d}", true}, {"a:%{d}b", false}, {"a:%{d}.b", true},
	    {"a:%%", true}, {"a:b%-", true}, {"a:%", false}, {"a:%{", false}, {"a:%{}", false}, {"a:%{d", false}, {"a:%{z}", false},
	    {"a:%{c}", false}, {"a:%{r}", false}, {"a:%{t}", false}, {"a:%{d0}", false}, {"a:%{d00}", false}, {"a:%{d1}", true},
	    {"a:%{d99999999999999999999999r}", true}, {"a:%{dr1}", false}, {"a:%{dR}", true}, {"a:%{d.-+,/_=}", true}, {"a:%{d;}", false},
	    {"a:%{d3r-+}", true}, {"a:%x", false}, {"a=b.c", true /* an unknown modifier */},
	    {"mx", true}, {"mx:b.c/24//64", true}, {"ptr", true}, {"ptr:b.c", true}, {"ptr/1", false}, {"ptr:", false},
	    {"include", false}, {"include:", false}, {"include:b.c", true}, {"include:b.c/1", false}, {"exists:b.c", true}, {"exists", false},
	    {"ip4:1.2.3.4", true}, {"ip4:1.2.3.4/0", true}, {"ip4:1.2.3.4/33", false}, {"ip4:1.2.3", false}, {"ip4", false}, {"ip4:", false},
	    {"ip4:::1", false}, {"ip4:::ffff:1.2.3.4", false}, {"ip4/1", false}, {"ip4/1.2.3.4", false}, {"ip4:01.2.3.4", false}, {"ip4:1.2.3.4/", false},
	    {"ip6:::1", true}, {"ip6:::/0", true}, {"ip6:::1/129", false}, {"ip6:1.2.3.4", false}, {"ip6:::ffff:1.2.3.4", true}, {"ip6:fe80::1%eth0", false},
	    {"redirect=b.c", true}, {"redirect=", false}, {"REDIRECT=b.c", true}, {"redirect=b.c/1", false}, {"-redirect=b.c", false}, {"redirect:b.c", false},
	    {"exp=b.c", true}, {"exp=", false}, {"exp=%{c}.b", false}, {"x=", true}, {"x=%", false}, {"x=%{t}", true}, {"1=b", false}, {"=b", false}, {"x-y_z.1=b", true},
	    {"\x01", false}, {"a\xff", false}, {"a\tall", false},
	};
	struct hk_spf_record record;
	struct hk_slice text, bad;
	const char *what;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		enum hk_status status;

		what = NULL;
		assert_int_equal(hk_arena_fmt(&arena, &text, "v=spf1 ip4:192.0.2.1  %s ", rows[i].term), HK_OK);
		status = hk_spf_read_record(text, &record, NULL, &bad, &what);
		if (status != (rows[i].good ? HK_OK : HK_SYNTAX))
			fail_msg("%s", rows[i].term);
		if (!rows[i].good) {
			assert_text(bad, rows[i].term);
			assert_non_null(what);
		}
	}
	assert_int_equal(hk_spf_read_record(HK_S("v=spf1 exp=a.b EXP=a.b"), &record, NULL, &bad, &what), HK_SYNTAX);
	assert_int_equal(hk_spf_read_record(HK_S("v=spf1 redirect=a.b all redirect=a.b"), &record, NULL, &bad, &what), HK_SYNTAX);
}

/* The verdict on user@a.test from that client, where a.test has the record. */
static const struct hk_spf_verdict *judge_client(struct hk_slice record, struct hk_ip client)
{
	struct hk_spf_input in = {.size = sizeof in, .client = client, .mail_from = HK_S("user@a.test")};
	struct hk_dns_rr rr = {.type = HK_DNS_TXT, .data = record};
	struct hk_dns_answer answer = {.rr = &rr, .n = 1};
	struct hk_spf *q = must(hk_spf_new(&arena, &in, NULL));

	assert_int_equal(hk_spf_step(q), HK_AGAIN);
	assert_true(hk_spf_question(q, &answer.question));
	assert_int_equal(hk_spf_answer(q, &answer), HK_OK);
	assert_int_equal(hk_spf_step(q), HK_OK);
	return hk_spf_result(q);
}

/* The same from 10.n.0.1. */
static const struct hk_spf_verdict *judge(struct hk_slice record, uint8_t n)
{
	return judge_client(record, (struct hk_ip){.family = 4, .bytes = {10, n, 0, 1}});
}

/* AP-43: what a socket of both families gives for an IPv4 client */
static void a_mapped_client_is_an_ipv4_client_rfc_7208_5(void **state)
{
	static const struct hk_ip mapped = {.family = 6, .bytes = {[10] = 0xff, [11] = 0xff, 10, 3, 0, 1}};
	static const struct hk_ip other = {.family = 6, .bytes = {[9] = 1, [10] = 0xff, [11] = 0xff, 10, 3, 0, 1}};

	(void)state;
	assert_int_equal(judge_client(HK_S("v=spf1 ip4:10.3.0.1 -all"), mapped)->result, HK_SPF_PASS);
	assert_int_equal(judge_client(HK_S("v=spf1 ip6:::/0 -all"), mapped)->result, HK_SPF_FAIL);
	assert_int_equal(judge_client(HK_S("v=spf1 ip4:10.3.0.1 -all"), other)->result, HK_SPF_FAIL);
}

/* AP-40 too: the values of the explanation's macros count like those of others, and beyond the limit there is none. */
static void who_receives_is_unknown_where_nobody_says_so_rfc_7208_7_3(void **state)
{
	static const struct { const char *receiver, *explanation; uint64_t most; } rows[] = {
	    {"", "by unknown", 7}, {"mx.b.test", "by mx.b.test", 10}, {"mx.b.test", "by mx.b.test", 9}, {"mx.b.test", "", 8}};
	struct hk_dns_rr record = {.type = HK_DNS_TXT, .data = HK_S("v=spf1 exp=why.test -all")}, why = {.type = HK_DNS_TXT, .data = HK_S("by %{r}")};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct hk_spf_input in = {.size = sizeof in, .client = {.family = 4, .bytes = {10, 0, 0, 1}}, .mail_from = HK_S("user@a.test"),
		    .receiver = hk_slice_str(rows[i].receiver)};
		struct hk_dns_answer answer = {.rr = &record, .n = 1};
		struct hk_work work = {.size = sizeof work};
		struct hk_spf *q;

		hk_work_init(&work);
		work.of[HK_WORK_MACRO_OCTETS].limit = rows[i].most;
		in.work = &work;
		q = must(hk_spf_new(&arena, &in, NULL));
		assert_int_equal(hk_spf_step(q), HK_AGAIN);
		assert_true(hk_spf_question(q, &answer.question));
		assert_int_equal(hk_spf_answer(q, &answer), HK_OK);
		assert_int_equal(hk_spf_step(q), HK_AGAIN);
		answer.rr = &why;
		assert_true(hk_spf_question(q, &answer.question));
		assert_int_equal(hk_spf_answer(q, &answer), HK_OK);
		assert_int_equal(hk_spf_step(q), HK_OK);
		assert_text(hk_spf_result(q)->explanation, rows[i].explanation);
	}
}

/* A record is read as a whole first; some of its terms are kept for their turn, the others are read again. */
static void terms_are_evaluated_as_they_stand_however_many_there_are(void **state)
{
	const struct hk_spf_verdict *v;
	struct hk_buf record;
	char term[64];
	int n;

	(void)state;
	hk_buf_init(&record, HK_SPF_RECORD_MAX);
	hk_buf_addf(&record, "v=spf1 exp=why.test");
	for (n = 0; n < 2 * HK_SPF_KEPT_MAX; n++)
		hk_buf_addf(&record, " x%d=%%{d}  %sip4:10.%d.0.0/16", n, n % 3 ? "" : "~", n);
	hk_buf_addf(&record, " ?ip4:10.0.0.0/8 y=");
	assert_int_equal(hk_buf_status(&record), HK_OK);
	for (n = 0; n <= 2 * HK_SPF_KEPT_MAX; n++) {
		v = judge(hk_buf_slice(&record), (uint8_t)n);
		if (n == 2 * HK_SPF_KEPT_MAX)
			snprintf(term, sizeof term, "?ip4:10.0.0.0/8");
		else
			snprintf(term, sizeof term, "%sip4:10.%d.0.0/16", n % 3 ? "" : "~", n);
		assert_text(v->mechanism, term);
		if (n < 2 * HK_SPF_KEPT_MAX)
			assert_int_equal(v->result, n % 3 ? HK_SPF_PASS : HK_SPF_SOFTFAIL);
	}
	hk_buf_addf(&record, " ip4:10.0.0.0/8/"); /* behind all that are kept, and before any term counts */
	v = judge(hk_buf_slice(&record), 1);
	assert_int_equal(v->result, HK_SPF_PERMERROR);
	assert_text(v->mechanism, "ip4:10.0.0.0/8/");
	hk_buf_done(&record);
}

static void the_version_stands_alone_rfc_7208_4_5(void **state)
{
	(void)state;
	assert_true(hk_spf_is_record(HK_S("v=spf1")));
	assert_true(hk_spf_is_record(HK_S("V=SPF1 ")));
	assert_false(hk_spf_is_record(HK_S("v=spf10")));
	assert_false(hk_spf_is_record(HK_S("v=spf1\t-all")));
	assert_false(hk_spf_is_record(HK_S(" v=spf1")));
	assert_false(hk_spf_is_record(HK_S("v=spf")));
	assert_false(hk_spf_is_record(HK_S("")));
}

/* ---- macros ------------------------------------------------------------------------------------------ */

static struct hk_spf_macros sample(void)
{
	struct hk_spf_macros macros = {0};

	macros.value['s' - 'a'] = HK_S("strong-bad@email.example.com");
	macros.value['l' - 'a'] = HK_S("strong-bad");
	macros.value['o' - 'a'] = macros.value['d' - 'a'] = HK_S("email.example.com");
	macros.value['i' - 'a'] = macros.value['c' - 'a'] = HK_S("192.0.2.3");
	macros.value['v' - 'a'] = HK_S("in-addr");
	macros.value['h' - 'a'] = HK_S("a\\b");
	macros.value['p' - 'a'] = HK_S("unknown");
	macros.value['r' - 'a'] = HK_S("mx.b.test");
	macros.value['t' - 'a'] = HK_S("42");
	return macros;
}

/* AP-40 SEC-37 */
static void macros_expand_as_in_rfc_7208_7_4(void **state)
{
	static const struct { const char *spec, *want; } rows[] = {
	    {"%{s}.x", "strong-bad@email.example.com.x"}, {"%{o}", "email.example.com"}, {"%{d}", "email.example.com"},
	    {"%{d4}", "email.example.com"}, {"%{d3}", "email.example.com"}, {"%{d2}", "example.com"}, {"%{d1}", "com"},
	    {"%{dr}", "com.example.email"}, {"%{d2r}", "example.email"}, {"%{d1r}", "email"}, {"%{d9r}", "com.example.email"},
	    {"%{l}", "strong-bad"}, {"%{l-}", "strong.bad"}, {"%{lr}", "strong-bad"}, {"%{lr-}", "bad.strong"}, {"%{l1r-}", "strong"},
	    {"%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
	    {"%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
	    {"%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
	    {"%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"},
	    {"%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"},
	    {"%{S}.x", "strong-bad%40email.example.com.x"}, {"%{H}.x", "a%5cb.x"}, {"%{h}.x", "a\\092b.x"},
	    {"a%%b%_c%-d.x.", "a%b\\032c%20d.x"}, {"%{d.}", "email.example.com"}, {"%{d99999999999999999999}", "email.example.com"},
	};
	struct hk_spf_macros macros = sample();
	struct hk_slice name;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		assert_true(hk_spf_domain_spec_is_valid(hk_slice_str(rows[i].spec)));
		assert_int_equal(hk_spf_expand_name(&arena, &macros, hk_slice_str(rows[i].spec), &name), HK_OK);
		assert_text(name, rows[i].want);
	}
	macros.value['l' - 'a'] = HK_S("..");
	assert_int_equal(hk_spf_expand_name(&arena, &macros, HK_S("%{l}.x"), &name), HK_NOTFOUND);
	assert_int_equal(hk_spf_expand_name(&arena, &macros, HK_S("%{lr}.x"), &name), HK_NOTFOUND);
	macros.value['l' - 'a'] = HK_S("");
	assert_int_equal(hk_spf_expand_name(&arena, &macros, HK_S("%{l}"), &name), HK_NOTFOUND);
	assert_int_equal(hk_spf_expand_name(&arena, &macros, HK_S("%{lr2-}"), &name), HK_NOTFOUND);
}

/* AP-10 SEC-79. In MAIL FROM a name may stand in U-labels, in HELO it may not. */
static void u_labels_of_mail_from_are_looked_up_as_a_labels_rfc_8616_4(void **state)
{
	static const struct { const char *from, *helo, *name; } rows[] = {
	    {"u@b\xc3\xbc" "cher.test", "h.test", "xn--bcher-kva.test"},
	    {"u@B\xc3\xbc" "cher.TEST", "h.test", "xn--bcher-kva.test"},
	    {"b\xc3\xbc@xn--bcher-kva.test", "h.test", "xn--bcher-kva.test"},
	    {"u@b\xff" "cher.test", "h.test", NULL},
	    {"u@xn--\xc3\xbc.test", "h.test", NULL},
	    {"", "b\xc3\xbc" "cher.test", NULL},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct hk_spf_input in = {.size = sizeof in, .client = {.family = 4, .bytes = {10, 0, 0, 1}},
		    .mail_from = hk_slice_str(rows[i].from), .helo = hk_slice_str(rows[i].helo)};
		struct hk_spf *q = must(hk_spf_new(&arena, &in, NULL));
		struct hk_dns_rr rr = {.type = HK_DNS_TXT, .data = HK_S("v=spf1 exists:%{o}.x.test -all")};
		struct hk_dns_answer answer = {.rr = &rr, .n = 1};

		assert_int_equal(hk_spf_step(q), rows[i].name ? HK_AGAIN : HK_OK);
		if (!rows[i].name) {
			assert_int_equal(hk_spf_result(q)->result, HK_SPF_NONE);
			continue;
		}
		assert_true(hk_spf_question(q, &answer.question));
		assert_text(answer.question.name, rows[i].name);
		assert_int_equal(hk_spf_answer(q, &answer), HK_OK);
		assert_int_equal(hk_spf_step(q), HK_AGAIN);
		assert_true(hk_spf_question(q, &answer.question)); /* and in macros */
		assert_text(answer.question.name, "xn--bcher-kva.test.x.test");
	}
}

static void a_local_part_beyond_ascii_makes_no_name_rfc_8616_4(void **state)
{
	static const struct { const char *spec; bool is_name; } rows[] = {
	    {"%{l}.x", false}, {"%{S}.x", false}, {"%{L1r-}.x", false}, {"a.%{o}.%{s}", false}, {"%{o}.x", true}, {"l.s.x", true}};
	struct hk_spf_macros macros = sample();
	struct hk_slice name;
	size_t i;

	(void)state;
	macros.value['l' - 'a'] = HK_S("b\xc3\xbc");
	macros.value['s' - 'a'] = HK_S("b\xc3\xbc@email.example.com");
	for (i = 0; i < COUNT(rows); i++)
		assert_int_equal(hk_spf_expand_name(&arena, &macros, hk_slice_str(rows[i].spec), &name), rows[i].is_name ? HK_OK : HK_NOTFOUND);
}

/* AP-40 SEC-36 SEC-37 */
static void long_names_lose_labels_on_the_left_rfc_7208_7_3(void **state)
{
	static const struct { const char *spec; size_t n; } rows[] = {
	    {"%{l}.%{l}.%{l}.%{l}.x", 205}, {"%{l}%{l}.%{l}.%{l}.%{l}.x", 154}, /* the left label of 255 goes, long as it is */
	    {"%{l}.%{l}.%{l}.%{l}.abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvw", 253},
	    {"%{l}.%{l}.%{l}.%{l}.abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwx", 203}, /* 254 */
	    {"%{l}.%{l}.%{l}.%{l}.%{l}.x", 205}};
	struct hk_spf_macros macros = sample();
	char text[4097];
	struct hk_slice name;
	size_t i;

	(void)state;
	memset(text, 'a', 50);
	macros.value['l' - 'a'] = hk_slice_of(text, 50);
	for (i = 0; i < COUNT(rows); i++) {
		enum hk_status status = hk_spf_expand_name(&arena, &macros, hk_slice_str(rows[i].spec), &name);

		assert_int_equal(status, HK_OK);
		assert_int_equal(name.n, rows[i].n);
	}
	/* no dot at all: nothing is left of it */
	macros.value['l' - 'a'] = hk_slice_of(text, sizeof text - 1);
	memset(text, 'a', sizeof text - 1);
	assert_int_equal(hk_spf_expand_name(&arena, &macros, HK_S("%{l}"), &name), HK_NOTFOUND);
	/* a thousand long values, reversed, cut and escaped: the corpus of libspf2's overflows */
	memset(text, '-', sizeof text - 1);
	for (i = 0; i + 8 <= sizeof text - 1; i += 8)
		memcpy(text + i, "%{L9r-+}", 8);
	text[sizeof text - 1] = '\0';
	macros.value['l' - 'a'] = HK_S("\xff\xfe-=\xff.-+a-b");
	assert_int_equal(hk_spf_expand_name(&arena, &macros, hk_slice_str(text), &name), HK_NOTFOUND);
}

/* AP-45 */
static void an_explanation_is_sanitised_and_bounded_rfc_7208_6_2(void **state)
{
	static const size_t lengths[] = {HK_SPF_EXPLANATION_MAX - 1, HK_SPF_EXPLANATION_MAX, HK_SPF_EXPLANATION_MAX + 1};
	struct hk_spf_macros macros = sample();
	char text[HK_SPF_EXPLANATION_MAX + 2];
	struct hk_slice got;
	size_t i;

	(void)state;
	macros.value['l' - 'a'] = HK_S("a\r\n\0\x1b\xff" "b");
	assert_int_equal(hk_spf_expand_text(&arena, &macros, HK_S("%{l}: see http://%{r}/%{t}?%{S}%_%%%-."), &got), HK_OK);
	assert_text(got, "a?????b: see http://mx.b.test/42?strong-bad%40email.example.com %%20.");
	for (i = 0; i < COUNT(lengths); i++) {
		memset(text, 'x', lengths[i]);
		macros.value['l' - 'a'] = hk_slice_of(text, lengths[i]);
		assert_int_equal(hk_spf_expand_text(&arena, &macros, HK_S("%{l}"), &got), HK_OK);
		assert_int_equal(got.n, lengths[i] < HK_SPF_EXPLANATION_MAX ? lengths[i] : HK_SPF_EXPLANATION_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(terms_follow_the_grammar_rfc_7208_12),
	    TEST(terms_are_evaluated_as_they_stand_however_many_there_are),
	    TEST(a_mapped_client_is_an_ipv4_client_rfc_7208_5),
	    TEST(who_receives_is_unknown_where_nobody_says_so_rfc_7208_7_3),
	    TEST(the_version_stands_alone_rfc_7208_4_5),
	    TEST(macros_expand_as_in_rfc_7208_7_4),
	    TEST(u_labels_of_mail_from_are_looked_up_as_a_labels_rfc_8616_4),
	    TEST(a_local_part_beyond_ascii_makes_no_name_rfc_8616_4),
	    TEST(long_names_lose_labels_on_the_left_rfc_7208_7_3),
	    TEST(an_explanation_is_sanitised_and_bounded_rfc_7208_6_2),
	};

	return cmocka_run_group_tests_name("spf-text", tests, NULL, NULL);
}
