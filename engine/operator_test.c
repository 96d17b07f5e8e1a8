/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "engine/operator.h"
#include "tests/unit.h"

static enum hk_status parse(struct hk_arena *a, const char *text, struct hk_operator_request *ret)
{
	const char *why = NULL;
	enum hk_status status = hk_operator_request_parse(a, hk_slice_str(text), ret, &why);

	assert_true((status == HK_OK) == (why == NULL));
	return status;
}

static void each_verb_is_asked_for_by_its_name(void **state)
{
	enum hk_queue_verb verb, found;
	int n = 0;

	(void)state;
	for (verb = HK_QUEUE_LIST; hk_operator_verb_name(verb); verb = (enum hk_queue_verb)(verb + 1), n++) {
		assert_int_equal(hk_operator_verb_find(hk_slice_str(hk_operator_verb_name(verb)), &found), HK_OK);
		assert_int_equal(found, verb);
	}
	assert_int_equal(n, HK_QUEUE_EXPIRE + 1);
	assert_int_equal(hk_operator_verb_find(HK_S("flush"), &found), HK_NOTFOUND);
}

static void a_request_says_whom_it_is_for(void **state)
{
	static const struct {
		const char *text;
		enum hk_status want;
	} rows[] = {
	    {"{\"verb\":\"list\"}", HK_OK},
	    {"{\"verb\":\"list\",\"domain\":\"b.test\"}", HK_OK},
	    {"{\"verb\":\"list\",\"ids\":[\"D9000000000001\"]}", HK_SYNTAX},
	    {"{\"verb\":\"show\",\"ids\":[\"D9000000000001\"]}", HK_OK},
	    {"{\"verb\":\"show\"}", HK_SYNTAX},
	    {"{\"verb\":\"show\",\"all\":true}", HK_SYNTAX},
	    {"{\"verb\":\"delete\"}", HK_SYNTAX},
	    {"{\"verb\":\"delete\",\"ids\":[]}", HK_SYNTAX},
	    {"{\"verb\":\"delete\",\"all\":true}", HK_OK},
	    {"{\"verb\":\"delete\",\"all\":false}", HK_SYNTAX},
	    {"{\"verb\":\"delete\",\"all\":1}", HK_SYNTAX},
	    {"{\"verb\":\"delete\",\"all\":true,\"domain\":\"b.test\"}", HK_SYNTAX},
	    {"{\"verb\":\"delete\",\"domain\":\"\"}", HK_SYNTAX},
	    {"{\"verb\":\"hold\",\"ids\":[\"D9000000000001\"],\"ids\":[\"D9000000000002\"]}", HK_SYNTAX},
	    {"{\"verb\":\"hold\",\"ids\":[\"d9000000000001\"]}", HK_SYNTAX},
	    {"{\"verb\":\"hold\",\"ids\":[1]}", HK_SYNTAX},
	    {"{\"verb\":\"hold\",\"ids\":[[\"D9000000000001\"]]}", HK_SYNTAX},
	    {"{\"verb\":\"hold\",\"ids\":\"D9000000000001\"}", HK_SYNTAX},
	    {"{\"verb\":\"flush\",\"all\":true}", HK_SYNTAX},
	    {"{\"verb\":\"hold\",\"all\":true,\"force\":true}", HK_SYNTAX},
	    {"{\"all\":true}", HK_SYNTAX},
	    {"{\"verb\":\"list\"} {}", HK_SYNTAX},
	    {"{\"verb\":\"list\"", HK_SYNTAX},
	    {"[]", HK_SYNTAX},
	    {"", HK_SYNTAX},
	};
	struct hk_operator_request r;
	struct hk_arena a;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		hk_arena_init(&a, 256 * 1024);
		if (parse(&a, rows[i].text, &r) != rows[i].want)
			fail_msg("%s", rows[i].text);
		hk_arena_done(&a);
	}
}

static void a_domain_is_read_in_any_of_its_forms(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
	    {"b.test", "b.test"},
	    {"b.test.", "b.test"},
	    {"b.test..", "b.test."},
	    {".", "."},
	    {"b\xc3\xbc.test", "xn--b-eha.test"},
	    {"B\xc3\xbc.test.", "xn--b-eha.test"},
	    {"[192.0.2.1]", "[192.0.2.1]"},
	    {"xn--\xc3\xbc.test.", "xn--\xc3\xbc.test"},
	};
	struct hk_operator_request r;
	struct hk_arena a;
	char text[128];
	size_t i;

	(void)state;
	hk_arena_init(&a, 256 * 1024);
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		snprintf(text, sizeof text, "{\"verb\":\"list\",\"domain\":\"%s\"}", rows[i].text);
		assert_int_equal(parse(&a, text, &r), HK_OK);
		if (!hk_slice_eq(r.domain, hk_slice_str(rows[i].want)))
			fail_msg("%s: %.*s", rows[i].text, HK_FMT(r.domain));
	}
	hk_arena_done(&a);
}

static void an_id_that_is_given_twice_counts_once(void **state)
{
	uint64_t id[] = {3, 1, 3, 2, 1, UINT64_MAX, 3};
	struct hk_operator_request r;
	struct hk_arena a;

	(void)state;
	assert_int_equal(hk_operator_ids_once(id, 0), 0);
	assert_int_equal(hk_operator_ids_once(id, 1), 1);
	assert_int_equal(hk_operator_ids_once(id, 7), 4);
	assert_true(id[0] == 1 && id[1] == 2 && id[2] == 3 && id[3] == UINT64_MAX);
	hk_arena_init(&a, 256 * 1024);
	assert_int_equal(parse(&a, "{\"verb\":\"hold\",\"ids\":[\"D9000000000002\",\"D9000000000001\",\"D9000000000002\"]}", &r), HK_OK);
	assert_true(r.n_ids == 2 && r.id[0] == 0xd9000000000001u && r.id[1] == 0xd9000000000002u);
	hk_arena_done(&a);
}

static enum hk_status with_ids(size_t n)
{
	struct hk_operator_request r;
	struct hk_arena a;
	struct hk_buf b;
	const char *why;
	enum hk_status status;
	size_t i;

	hk_buf_init(&b, HK_OPERATOR_REQUEST_MAX);
	hk_buf_add_str(&b, "{\"verb\":\"hold\",\"ids\":[");
	for (i = 0; i < n; i++)
		hk_buf_addf(&b, "%s\"D9%012zX\"", i ? "," : "", i);
	hk_buf_add_str(&b, "]}");
	assert_int_equal(hk_buf_status(&b), HK_OK);
	hk_arena_init(&a, 256 * 1024);
	status = hk_operator_request_parse(&a, hk_buf_slice(&b), &r, &why);
	if (status == HK_OK)
		assert_true(r.n_ids == n && r.id[n - 1] == 0xd9000000000000u + n - 1);
	hk_arena_done(&a);
	hk_buf_done(&b);
	return status;
}

static void a_request_is_bounded(void **state)
{
	static char text[HK_OPERATOR_REQUEST_MAX + 8];
	struct hk_operator_request r;
	struct hk_arena a;
	char domain[300];

	(void)state;
	assert_int_equal(with_ids(HK_QUEUE_IDS_MAX - 1), HK_OK);
	assert_int_equal(with_ids(HK_QUEUE_IDS_MAX), HK_OK);
	assert_int_equal(with_ids(HK_QUEUE_IDS_MAX + 1), HK_SYNTAX);
	/* with its LF it has 64 KiB */
	memset(text, ' ', sizeof text);
	memcpy(text, "{\"verb\":\"list\"}", 15);
	hk_arena_init(&a, 256 * 1024);
	text[HK_OPERATOR_REQUEST_MAX] = '\0';
	assert_int_equal(parse(&a, text, &r), HK_LIMIT);
	text[HK_OPERATOR_REQUEST_MAX - 1] = '\0';
	assert_int_equal(parse(&a, text, &r), HK_OK);
	text[HK_OPERATOR_REQUEST_MAX - 2] = '\0';
	assert_int_equal(parse(&a, text, &r), HK_OK);
	snprintf(domain, sizeof domain, "{\"verb\":\"list\",\"domain\":\"%0*d\"}", 254, 0);
	assert_int_equal(parse(&a, domain, &r), HK_OK);
	snprintf(domain, sizeof domain, "{\"verb\":\"list\",\"domain\":\"%0*d\"}", 255, 0);
	assert_int_equal(parse(&a, domain, &r), HK_OK);
	snprintf(domain, sizeof domain, "{\"verb\":\"list\",\"domain\":\"%0*d\"}", 256, 0);
	assert_int_equal(parse(&a, domain, &r), HK_SYNTAX);
	hk_arena_done(&a);
}

static void a_request_reads_as_it_was_written(void **state)
{
	uint64_t id[2] = {0xd9000000000001u, 0xd9000000000002u};
	struct hk_operator_request r = {.verb = HK_QUEUE_EXPIRE, .id = id, .n_ids = 2}, got;
	const char *why;
	struct hk_arena a;
	struct hk_buf b;

	(void)state;
	hk_buf_init(&b, 4096);
	hk_arena_init(&a, 65536);
	hk_operator_request_format(&r, &b);
	assert_true(hk_slice_eq(hk_buf_slice(&b), HK_S("{\"verb\":\"expire\",\"ids\":[\"D9000000000001\",\"D9000000000002\"]}\n")));
	assert_int_equal(hk_operator_request_parse(&a, hk_slice_sub(hk_buf_slice(&b), 0, b.n - 1), &got, &why), HK_OK);
	assert_true(got.verb == HK_QUEUE_EXPIRE && got.n_ids == 2 && got.id[1] == id[1]);
	hk_arena_done(&a);
	hk_buf_done(&b);
}

static void a_message_is_told_in_the_words_of_postqueue(void **state)
{
	struct hk_mail_rcpt to[2] = {{.address = HK_S("a@b.test"), .params.orcpt = HK_S("rfc822;x@y.test")}, {.address = HK_S("c@b.test")}};
	struct hk_queue_rcpt waits[2] = {
	    {.outcome = HK_RCPT_PENDING,
	        .reason = {.code = 451, .enhanced = "4.3.0", .text = HK_S("later \"x\""), .remote = HK_S("mx.b.test[192.0.2.1]")}},
	    {.outcome = HK_RCPT_DELIVERED}};
	struct hk_mail mail = {.received = 1790000000, .mail_from = HK_S("u@a.test"), .header = HK_S("X: y\r\n"), .body_size = 10, .rcpt = to, .n_rcpt = 2};
	struct hk_queue_entry e = {.id = 0xd9000000000001u, .state = HK_QUEUE_WAITING, .next_attempt = 1790000300, .attempts = 2, .lifetime = 3600, .rcpt = waits, .n_rcpt = 2};
	struct hk_operator_line l;
	struct hk_arena a;
	struct hk_buf b;

	(void)state;
	hk_buf_init(&b, 4096);
	hk_operator_entry_format(&e, &mail, false, &b);
	assert_string_equal((hk_buf_add_byte(&b, 0), (char *)b.p),
	    "{\"queue_name\":\"deferred\",\"queue_id\":\"D9000000000001\",\"arrival_time\":1790000000,\"message_size\":16,\"forced_expire\":false,"
	    "\"sender\":\"u@a.test\",\"attempts\":2,\"next_attempt\":1790000300,\"expires\":1790003600,\"recipients\":[{\"address\":\"a@b.test\","
	    "\"orig_address\":\"rfc822;x@y.test\",\"delay_reason\":\"host mx.b.test[192.0.2.1] said: 451 4.3.0 later \\\"x\\\"\",\"state\":\"pending\"}]}\n");
	hk_buf_reset(&b);
	hk_operator_entry_format(&e, &mail, true, &b);
	hk_arena_init(&a, 65536);
	assert_int_equal(hk_operator_line_parse(&a, hk_slice_sub(hk_buf_slice(&b), 0, b.n - 1), &l), HK_OK);
	assert_true(!l.is_end && l.entry.n_rcpt == 2 && l.entry.size == 16 && l.entry.attempts == 2 && l.entry.expires == 1790003600);
	assert_true(hk_slice_eq(l.entry.rcpt[1].state, HK_S("delivered")) && l.entry.rcpt[1].reason.n == 0);
	assert_true(hk_slice_eq(l.entry.rcpt[0].reason, HK_S("host mx.b.test[192.0.2.1] said: 451 4.3.0 later \"x\"")));
	waits[0].reason.is_ours = true; /* it was not reached */
	hk_buf_reset(&b);
	hk_operator_entry_format(&e, &mail, true, &b);
	assert_int_equal(hk_operator_line_parse(&a, hk_slice_sub(hk_buf_slice(&b), 0, b.n - 1), &l), HK_OK);
	assert_true(hk_slice_eq(l.entry.rcpt[0].reason, HK_S("host mx.b.test[192.0.2.1]: 451 4.3.0 later \"x\"")));
	hk_arena_done(&a);
	hk_buf_done(&b);
}

static void the_end_of_an_answer_says_how_it_went(void **state)
{
	static const char *const wrong[] = {"{}", "[]", "{\"status\":1}", "{\"queue_name\":\"hold\"}", "{\"queue_id\":1}", "{\"status\":\"ok\"}x",
	    "{\"queue_id\":\"x\",\"recipients\":{}}", "{\"queue_id\":\"x\",\"recipients\":[1]}", "{\"queue_id\":\"x\",\"recipients\":[{\"address\":{}}]}",
	    "{\"queue_id\":\"x\",\"attempts\":-1}", "{\"queue_id\":\"x\",\"new\":{}}"};
	struct hk_operator_line l;
	struct hk_arena a;
	struct hk_buf b;
	size_t i;

	(void)state;
	hk_buf_init(&b, 4096);
	hk_arena_init(&a, 65536);
	hk_operator_end_format(HK_OK, 7, 2, NULL, &b);
	assert_int_equal(hk_operator_line_parse(&a, hk_slice_sub(hk_buf_slice(&b), 0, b.n - 1), &l), HK_OK);
	assert_true(l.is_end && l.is_ok && l.count == 7 && l.active == 2);
	hk_buf_reset(&b);
	hk_operator_end_format(HK_LIMIT, 7, 2, "you may not", &b);
	assert_int_equal(hk_operator_line_parse(&a, hk_slice_sub(hk_buf_slice(&b), 0, b.n - 1), &l), HK_OK);
	assert_true(l.is_end && !l.is_ok && hk_slice_eq(l.why, HK_S("you may not")));
	/* what a later server says beside is left alone */
	assert_int_equal(hk_operator_line_parse(&a, HK_S("{\"queue_id\":\"x\",\"new\":true}"), &l), HK_OK);
	for (i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		if (hk_operator_line_parse(&a, hk_slice_str(wrong[i]), &l) == HK_OK)
			fail_msg("%s", wrong[i]);
	hk_arena_done(&a);
	hk_buf_done(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_verb_is_asked_for_by_its_name),
	    cmocka_unit_test(a_request_says_whom_it_is_for),
	    cmocka_unit_test(a_domain_is_read_in_any_of_its_forms),
	    cmocka_unit_test(an_id_that_is_given_twice_counts_once),
	    cmocka_unit_test(a_request_is_bounded),
	    cmocka_unit_test(a_request_reads_as_it_was_written),
	    cmocka_unit_test(a_message_is_told_in_the_words_of_postqueue),
	    cmocka_unit_test(the_end_of_an_answer_says_how_it_went),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
