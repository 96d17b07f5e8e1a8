/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain_internal.h"
#include "explain_refusal.h"
#include "../verify/verify_world_test.h"
#include "tests/unit.h"

/* Every template: braces and brackets closed, numbers in range, and the same texts in both
 * languages. */
static unsigned texts_of(const char *s)
{
	unsigned texts = 0;
	bool open = false;

	for (; *s; s++) {
		if (*s == '{') {
			assert_true(s[1] >= '0' && s[1] < '0' + HK_TRACE_TEXTS && s[2] == '}');
			texts |= 1u << (s[1] - '0');
			s += 2;
		} else if (*s == '[') {
			assert_false(open);
			assert_true(s[1] >= '0' && s[1] < '0' + HK_TRACE_TEXTS && s[2] == '|');
			open = true;
		} else if (*s == ']') {
			assert_true(open);
			open = false;
		}
	}
	assert_false(open);
	return texts;
}

static void every_event_has_a_sentence_in_every_language(void **state)
{
	int event, language;

	(void)state;
	for (event = 0; event < HK_TRACE_EVENTS; event++) {
		for (language = 0; language < EXPLAIN_LANGUAGES; language++)
			assert_true(strlen(explain_sentence((enum hk_trace_event)event,
			                (enum hk_language)language)) > 3);
		assert_int_equal(texts_of(explain_sentence((enum hk_trace_event)event, HK_ENGLISH)),
		    texts_of(explain_sentence((enum hk_trace_event)event, HK_JAPANESE)));
	}
	for (event = 0; event < LABELS; event++)
		for (language = 0; language < EXPLAIN_LANGUAGES; language++)
			assert_true(*explain_label((enum explain_label)event,
			                (enum hk_language)language) != 0);
}

/* What can be done about a refusal is told in both languages, in words of our own. */
static void every_refusal_is_explained_in_every_language(void **state)
{
	unsigned i;

	(void)state;
	for (i = HK_REFUSAL_NONE + 1; i < HK_REFUSALS; i++) {
		struct hk_explained_refusal en, ja;

		hk_explain_refusal_of((enum hk_refusal)i, HK_ENGLISH, &en);
		hk_explain_refusal_of((enum hk_refusal)i, HK_JAPANESE, &ja);
		assert_string_equal(en.row->id, hk_refusal_row((enum hk_refusal)i)->id);
		assert_string_equal(en.sentence, en.row->text);
		assert_true(strlen(en.sender) > 20 && strlen(en.operator) > 20 && strlen(ja.sender) > 20 && strlen(ja.operator) > 20);
		if (strcmp(ja.sentence, en.sentence) == 0 || strcmp(ja.sender, en.sender) == 0 || strcmp(ja.operator, en.operator) == 0)
			fail_msg("%s has no words in Japanese", en.row->id);
		/* where an item is named there is one, and the other way round */
		assert_int_equal(strstr(en.operator, "{0}") != NULL, strstr(ja.operator, "{0}") != NULL);
		if ((strstr(en.operator, "{0}") != NULL) != (*en.item != 0) && strcmp(en.item, "auth") != 0)
			fail_msg("%s: item \"%s\" and \"%s\"", en.row->id, en.item, en.operator);
	}
}

static void a_refusal_has_a_page(void **state)
{
	struct hk_json_writer w;
	struct hk_buf out;

	(void)state;
	hk_buf_init(&out, 1 << 20);
	hk_explain_refusal(HK_REFUSAL_RELAY_DENIED, HK_S("0A\x1b[1"), HK_ENGLISH, &out);
	assert_int_equal(hk_buf_status(&out), HK_OK);
	hk_buf_add_byte(&out, 0);
	assert_has((const char *)out.p, "relay-denied\n\n  550 5.7.1 Relaying denied\n\n  Rule: RFC 5321 3.6.2\n  Transaction: 0A\\x1B[1 (");
	assert_has((const char *)out.p, "The item relay-from sets it");
	hk_buf_reset(&out);
	hk_explain_refusal(HK_REFUSAL_MESSAGE_BARE_LF, (struct hk_slice){0}, HK_JAPANESE, &out);
	hk_buf_add_byte(&out, 0);
	assert_has((const char *)out.p, "550 5.6.0 Message refused: bare LF at line ...\n  メールを拒否しました: ... 行目にCRのないLFがあります\n");
	hk_buf_reset(&out);
	hk_json_begin(&w, &out);
	hk_explain_refusal_json(&w, HK_REFUSAL_HTTP, HK_S("0A"), HK_ENGLISH);
	hk_buf_add_byte(&out, 0);
	assert_has((const char *)out.p, "{\"id\":\"http\",\"code\":421,\"enhanced\":\"4.7.0\",\"text\":\"This is SMTP, not HTTP\",");
	assert_has((const char *)out.p, "\"item\":null,\"transaction\":\"0A\"}");
	hk_buf_reset(&out);
	hk_explain_refusals(HK_JAPANESE, &out);
	assert_int_equal(hk_buf_status(&out), HK_OK);
	hk_buf_done(&out);
}

static void a_text_that_is_missing_takes_its_words_along(void **state)
{
	struct hk_trace_step step = {
	    .event = HK_TRACE_DMARC_POLICY, .text = {HK_S("reject"), HK_S("sp"), HK_S("a.test")}};
	struct hk_buf b;

	(void)state;
	hk_buf_init(&b, 4096);
	hk_explain_step(&step, HK_ENGLISH, &b);
	assert_true(
	    hk_slice_eq(hk_buf_slice(&b), HK_S("The policy is reject, from the tag sp of a.test")));
	hk_buf_reset(&b);
	step.text[3] = HK_S("y");
	hk_explain_step(&step, HK_ENGLISH, &b);
	assert_true(hk_slice_eq(hk_buf_slice(&b),
	    HK_S("The policy is reject, from the tag sp of a.test; t=y asks for one level less")));
	hk_buf_done(&b);
}

/* 0x20 to 0x7e, LF, TAB at line starts, and in Japanese our own UTF-8: nothing of the message's
 * bytes is raw. */
static void only_printable(struct hk_slice s, bool utf8)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		bool ok = (s.p[i] >= 0x20 && s.p[i] < 0x7f) || s.p[i] == '\n' ||
		          (s.p[i] == '\t' && (i == 0 || s.p[i - 1] == '\n' || s.p[i - 1] == '\t'));

		if (!ok && !(utf8 && s.p[i] >= 0x80))
			fail_msg("byte %02x at %zu", s.p[i], i);
	}
}

static void hostile_text_is_quoted_rfc_5322_2_2(void **state)
{
	struct hk_verify_input in = {.size = sizeof in, .checks = HK_CHECK_SPF | HK_CHECK_DKIM | HK_CHECK_DMARC,
	    .now = 1,
	    .has_mail_from = true,
	    .mail_from = HK_S("\x1b]0;x\x07@a.test"),
	    .helo = HK_S("\x1b[2J\r\n"),
	    .authserv_id = HK_S("h")};
	struct hk_explain_options o = {.size = sizeof o, .show_body = true, .body = HK_S("a\x1b[31mb\r\nc\0d\rx\n")};
	struct world w;
	int language;

	(void)state;
	world_init(&w);
	world_zone(&w, "_dmarc.a.test. TXT \"v=DMARC1; p=none; x=\\027[2J\"\na.test. TXT \"v=spf1 "
	               "exp=\\027 \\027all\"\n");
	assert_int_equal(hk_ip_parse(HK_S("192.0.2.1"), &in.client), HK_OK);
	hk_buf_add(
	    &w.message, HK_S("From: \"\x1b[2J\" <u@a.test>\r\nX-\x1b: \x9b\r\nDKIM-Signature: v=1; "
	                     "d=\x1b.test; s=\x07; b=x\r\nno colon \x08\r\n\r\nx"));
	assert_int_equal(world_run(&w, &in, FORWARDS, 0, false), HK_OK);
	for (language = 0; language < EXPLAIN_LANGUAGES; language++) {
		struct hk_buf b;

		hk_buf_init(&b, 1 << 20);
		o.language = (enum hk_language)language;
		hk_explain_message(w.v, &o, &b);
		assert_int_equal(hk_buf_status(&b), HK_OK);
		only_printable(hk_buf_slice(&b), language != HK_ENGLISH);
		hk_buf_done(&b);
	}
	world_done(&w);
}

static const char *text_of(const struct hk_verify *v, enum hk_language language)
{
	static char text[1 << 18];
	struct hk_buf b;

	hk_buf_init(&b, sizeof text - 1);
	hk_explain_message(v,
	    &(struct hk_explain_options){.size = sizeof(struct hk_explain_options), .language = language,
	        .show_body = true,
	        .body = HK_S("Hello user1@dmarc.b.test!\r\n")},
	    &b);
	assert_int_equal(hk_buf_status(&b), HK_OK);
	memcpy(text, b.p, b.n);
	text[b.n] = 0;
	hk_buf_done(&b);
	return text;
}

static void holds(const char *text, const char *const *lines)
{
	const char *at = text;

	for (; *lines; lines++) {
		const char *found = strstr(at, *lines);

		if (!found)
			fail_msg("not found, or not in this order: %s\n%s", *lines, text);
		at = found + strlen(*lines);
	}
}

/* S0-029 S0-030 S0-042 S0-047 S0-072 S0-073 S4-050 */
static void scenario_4_4_is_explained_in_three_sections_tables_and_steps(void **state)
{
	static const char *const english[] = {
	    "---- Section 1: made from MAIL FROM\nReturn-Path: <user1@a.test>\n\n---- Section 2",
	    "\nReceived: from dmarc.mx.b.test", "\nReceived: from dkim.smtp.a.test",
	    "\nAuthentication-Results: dmarc.mx.b.test;\n\tdkim=pass", "\nReceived: from x.test",
	    "\nDKIM-Signature: v=1;", "\n\n---- Section 3",
	    "\nMessage-ID: <20241111230052.26219@x.test>\nDate:",
	    "\nSubject: scenario4-4 (mail from user1@x.test)\n\nHello user1@dmarc.b.test!\n",
	    "| Envelope From (MAIL FROM) | user1@a.test |\n| Header From               | "
	    "user1@x.test |\n",
	    "==== spf: spf=pass\n",
	    "| Return-Path        | user1@a.test |\n| SPF record         | a.test \"v=spf1 "
	    "ip4:10.255.1.20/31 -all\" |\n"
	    "| Source server (IP) | dkim.smtp.a.test(10.255.1.21) |\n| Result             | "
	    "spf=pass |\n",
	    "SPF, step by step:\n  1. ", "DNS question TXT a.test: NOERROR - ", "[RFC 1035 4.1.2]",
	    "==== dkim: dkim=permerror\n", "d=y.test |",
	    "DNS question TXT smtpbook._domainkey.y.test: NXDOMAIN", "==== dmarc: dmarc=fail\n",
	    "d=y.test |", "| _dmarc.x.test \"v=DMARC1; p=reject; pct=100\" |\n",
	    "no aligned pass (relaxed) |\n", "no aligned pass (relaxed) |\n", "| reject |\n",
	    "| dmarc=fail |\n", "| 1 find the author domain   | x.test |\n",
	    "| 5 judge                    | dmarc=fail |\n",
	    "| 6 apply the policy         | reject |\n",
	    "| 9 send a failure report    | (not asked for) |\n",
	    "DNS question TXT _dmarc.x.test: NOERROR",
	    "spf identifier a.test, relaxed alignment: not aligned", "DMARC is fail", NULL};
	static const char *const japanese[] = {"---- セクション1 MAIL FROMから生成\n",
	    "---- セクション2 RFC 5321 Trace Information の内容\n", "---- セクション3 DATAの内容\n",
	    "| エンベロープFrom (MAIL FROM) | user1@a.test |\n| ヘッダーFrom                 | "
	    "user1@x.test |\n",
	    "| SPFレコード      |", "| 送信元サーバ(IP) |",
	    "DNS問い合わせ TXT _dmarc.x.test: NOERROR", "DMARCの結果は fail です", NULL};
	const struct lab_case *c = &lab_cases[lab_cases_n - 1];
	struct hk_verify_input in = world_input(c);
	struct world w;

	(void)state;
	world_init(&w);
	world_zone(&w, lab_zone);
	world_load(&w, c->file);
	assert_int_equal(world_run(&w, &in, FORWARDS, 0, false), HK_OK);
	holds(text_of(w.v, HK_ENGLISH), english);
	holds(text_of(w.v, HK_JAPANESE), japanese);
	world_done(&w);
}

/* S0-047 */
static void a_pass_says_what_alignment_proves(void **state)
{
	static const char *const lines[] = {"==== dmarc: dmarc=pass",
	    "DNS question TXT _dmarc.pass.dkim.a.test: NXDOMAIN",
	    "DNS question TXT _dmarc.a.test: NOERROR",
	    "SPF alignment shows that a server registered for the domain", NULL};
	struct hk_verify_input in = world_input(&lab_cases[4]);
	struct world w;

	(void)state;
	world_init(&w);
	world_zone(&w, lab_zone);
	world_load(&w, lab_cases[4].file);
	assert_int_equal(world_run(&w, &in, FORWARDS, 0, false), HK_OK);
	holds(text_of(w.v, HK_ENGLISH), lines);
	world_done(&w);
}

/* S0-030 S0-042 */
static void json_has_both_senders_and_the_four_elements(void **state)
{
	static const char *const parts[] = {"\"envelope_from\":\"user1@a.test\"",
	    "\"header_from\":\"user1@x.test\"", "\"spf\":{\"result\":\"pass\"",
	    "\"dkim\":[{\"result\":\"permerror\"",
	    "\"dmarc\":{\"result\":\"fail\",\"profile\":\"rfc9989\",\"policy\":\"reject\",\"disposition\":\"reject\"",
	    "\"spf_"
	    "pass\":true,"
	    "\"spf_aligned\":false,\"dkim_pass\":false,\"dkim_aligned\":false",
	    "\"authentication_results\":\"A-R\"", "\"evidence\":[{\"name\":\"",
	    "\"trace\":[{\"event\":\"MSG_FROM\",\"rfc\":\"RFC 9989 4.1\"", NULL};
	struct hk_verify_input in = world_input(&lab_cases[lab_cases_n - 1]);
	struct hk_buf b;
	struct world w;

	(void)state;
	world_init(&w);
	world_zone(&w, lab_zone);
	world_load(&w, lab_cases[lab_cases_n - 1].file);
	assert_int_equal(world_run(&w, &in, FORWARDS, 0, false), HK_OK);
	hk_buf_init(&b, 1 << 20);
	hk_explain_json(w.v, HK_S("A-R"), &b);
	hk_buf_add_byte(&b, 0);
	assert_int_equal(hk_buf_status(&b), HK_OK);
	holds((const char *)b.p, parts);
	hk_buf_done(&b);
	world_done(&w);
}

static struct hk_buf json_of(const struct hk_verify *v)
{
	struct hk_buf b;

	hk_buf_init(&b, 16 << 20);
	hk_explain_json(v, HK_S("field"), &b);
	assert_int_equal(hk_buf_status(&b), HK_OK);
	return b;
}

static void a_replay_gives_the_same_json_bit_for_bit(void **state)
{
	struct world w;
	size_t i;
	int order;

	(void)state;
	world_init(&w);
	world_zone(&w, lab_zone);
	world_seed_keys(&w);
	for (i = 0; i < lab_cases_n; i++) {
		struct hk_verify_input in = world_input(&lab_cases[i]);

		world_load(&w, lab_cases[i].file);
		for (order = FORWARDS; order <= SHUFFLED; order++) {
			struct hk_buf record, was, is;
			struct hk_verify *v = NULL;
			struct hk_arena a;

			assert_int_equal(
			    world_run(&w, &in, (enum order)order, 5, order == SHUFFLED), HK_OK);
			was = json_of(w.v);
			hk_buf_init(&record, HK_VERIFY_RECORD_MAX);
			hk_verify_record_format(w.v, &record);
			hk_arena_init(&a, HK_VERIFY_ARENA);
			assert_int_equal(hk_verify_replay(&a, hk_buf_slice(&record), &v), HK_OK);
			is = json_of(v);
			if (!hk_slice_eq(hk_buf_slice(&was), hk_buf_slice(&is)))
				fail_msg("%.*s\n--\n%.*s", HK_FMT(hk_buf_slice(&was)),
				    HK_FMT(hk_buf_slice(&is)));
			hk_verify_done(v);
			hk_arena_done(&a);
			hk_buf_done(&record);
			hk_buf_done(&was);
			hk_buf_done(&is);
		}
	}
	world_done(&w);
}

static void sections_split_where_data_begins_rfc_5321_4_4(void **state)
{
	static const struct {
		const char *header;
		const char *const lines[6];
	} cases[] = {
	    {"Received: a\r\nX-Filter: 1\r\nReceived: b\r\nSubject: s\r\n",
	        {"Section 1", "(not stored", "Section 2", "Received: b\n\n---- Section 3",
	            "Subject: s"}},
	    {"Subject: s\r\nDKIM-Signature: x\r\n",
	        {"Section 2", "(nothing)\n\n---- Section 3", "Subject: s\nDKIM-Signature: x"}},
	    {"Return-Path: <>\r\nReceived: a\r\n",
	        {"Section 1", "Return-Path: <>\n\n", "Received: a\n\n---- Section 3", "(nothing)"}},
	};
	struct hk_verify_input in = {.size = sizeof in,
	    .checks = HK_CHECK_SPF, .has_mail_from = true, .mail_from = HK_S("u@a.test")};
	struct world w;
	size_t i;

	(void)state;
	world_init(&w);
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		hk_buf_reset(&w.message);
		hk_buf_add_str(&w.message, cases[i].header);
		hk_buf_add_str(&w.message, "\r\n");
		assert_int_equal(world_run(&w, &in, FORWARDS, 0, false), HK_OK);
		holds(text_of(w.v, HK_ENGLISH), cases[i].lines);
	}
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_event_has_a_sentence_in_every_language),
	    cmocka_unit_test(every_refusal_is_explained_in_every_language),
	    cmocka_unit_test(a_refusal_has_a_page),
	    cmocka_unit_test(a_text_that_is_missing_takes_its_words_along),
	    cmocka_unit_test(hostile_text_is_quoted_rfc_5322_2_2),
	    cmocka_unit_test(scenario_4_4_is_explained_in_three_sections_tables_and_steps),
	    cmocka_unit_test(a_pass_says_what_alignment_proves),
	    cmocka_unit_test(json_has_both_senders_and_the_four_elements),
	    cmocka_unit_test(a_replay_gives_the_same_json_bit_for_bit),
	    cmocka_unit_test(sections_split_where_data_begins_rfc_5321_4_4),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
