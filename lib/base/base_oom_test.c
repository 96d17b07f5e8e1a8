/* SPDX-License-Identifier: MIT
 *
 * Buffers, base64 and JSON with memory running out (tests/oom.h).
 */
#include <hikyaku/json.h>
#include <hikyaku/trace.h>

#include "tests/unit.h"

static enum hk_status write_and_read_json(struct hk_buf *out)
{
	enum hk_json_token token = HK_JSON_OBJECT;
	struct hk_json_reader *r;
	struct hk_json_writer w;
	struct hk_buf doc, list;
	enum hk_status status;
	struct hk_slice text;
	struct hk_arena a;

	hk_arena_init(&a, 65536);
	hk_buf_init(&doc, 4096);
	hk_buf_init(&list, 4096);
	hk_json_begin(&w, &doc);
	hk_json_object(&w, NULL);
	hk_json_text(&w, "a\"b", "one\ntwo");
	hk_json_array(&w, "numbers");
	hk_json_int(&w, NULL, -7);
	hk_json_close_array(&w);
	hk_json_close_object(&w);
	status = hk_buf_status(&doc);
	r = status == HK_OK ? hk_json_reader_new(&a, hk_buf_slice(&doc)) : NULL;
	if (!r)
		status = HK_NOMEM;
	while (status == HK_OK && token != HK_JSON_END) {
		status = hk_json_next(r, &token, &text);
		if (status == HK_OK)
			hk_buf_addf(&list, "%d %.*s ", token, HK_FMT(text));
	}
	if (status == HK_OK)
		status = hk_buf_status(&list);
	oom_disarm();
	hk_buf_add(out, hk_buf_slice(&list));
	hk_buf_done(&doc);
	hk_buf_done(&list);
	hk_arena_done(&a);
	return status;
}

static enum hk_status decode_base64(struct hk_buf *out)
{
	struct hk_slice bytes = {0};
	enum hk_status status;
	struct hk_arena a;
	struct hk_buf text;

	hk_arena_init(&a, 4096);
	hk_buf_init(&text, 64);
	hk_base64_add(&text, HK_S("flying feet"));
	hk_buf_addf(&text, "%48s", ""); /* exactly full: formatted aside */
	status = hk_buf_status(&text);
	if (status == HK_OK)
		status = hk_base64_parse(&a, hk_buf_slice(&text), &bytes);
	oom_disarm();
	hk_buf_add(out, bytes);
	hk_buf_done(&text);
	hk_arena_done(&a);
	return status;
}

/* What did not fit is not in a trace, and the trace says so: nothing else may differ. */
static enum hk_status keep_a_trace(struct hk_buf *out)
{
	struct hk_trace *t, *all;
	struct hk_arena a;
	size_t i, n;
	bool is_cut;

	hk_arena_init(&a, 1 << 20);
	t = hk_trace_new(&a);
	all = hk_trace_new(&a);
	for (i = 0; i < 40; i++)
		hk_trace_add(t, HK_TRACE_DNS_QUESTION, 0, HK_S("a.test"), HK_S("TXT"),
		    HK_S("NOERROR"), HK_S("x"));
	hk_trace_append(all, t);
	oom_disarm();
	n = hk_trace_count(all);
	is_cut = !t || !all || hk_trace_is_cut(all);
	if (n == 40 && !is_cut)
		hk_buf_add_str(out, "whole");
	else
		hk_buf_add_str(out, n < 40 && is_cut ? "temperror" : "a gap that nobody tells of");
	hk_arena_done(&a);
	return HK_OK;
}

static void json_is_whole_or_refused(void **state)
{
	(void)state;
	oom_torture("json", write_and_read_json);
}

static void base64_is_whole_or_refused(void **state)
{
	(void)state;
	oom_torture("base64", decode_base64);
}

static void a_trace_that_lost_a_step_says_so(void **state)
{
	(void)state;
	oom_torture("trace", keep_a_trace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(json_is_whole_or_refused),
	    cmocka_unit_test(base64_is_whole_or_refused),
	    cmocka_unit_test(a_trace_that_lost_a_step_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
