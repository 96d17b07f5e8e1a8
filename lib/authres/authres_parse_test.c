/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include <hikyaku/authres.h>

#include "lib/message/vectors_test.h"
#include "tests/unit.h"

/* a list of one signature */
#define ONE(verdict) (const struct hk_dkim_verdict *const[]){&(verdict)}

static struct hk_arena arena;
static struct hk_buf shown;

static int begin(void **state)
{
	(void)state;
	hk_arena_init(&arena, 16 << 20);
	hk_buf_init(&shown, 1 << 20);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	hk_arena_done(&arena);
	hk_buf_done(&shown);
	return 0;
}

static void show(const char *before, struct hk_slice s, const char *after)
{
	hk_buf_add_str(&shown, before);
	hk_buf_add(&shown, s);
	hk_buf_add_str(&shown, after);
}

/* A field as one line: id/version{comment} method/version=result reason'...' {comment} [ptype|property|value] ...; "!" in
 * front of one that departs from the RFC. */
static const char *told(struct hk_slice text)
{
	struct hk_authres_parsed f;
	enum hk_status status = hk_authres_parse(&arena, text, &f);
	size_t i, k;

	hk_buf_reset(&shown);
	if (status != HK_OK) {
		hk_buf_add_str(&shown, hk_status_name(status));
		hk_buf_add_byte(&shown, 0);
		return (const char *)shown.p;
	}
	show(f.deviation ? "!" : "", f.authserv_id, "");
	show(f.version.n ? "/" : "", f.version, "");
	for (i = 0; i < f.n_comments; i++)
		show("{", f.comment[i], "}");
	for (i = 0; i < f.n_results; i++) {
		const struct hk_authres_result *r = &f.result[i];

		show("; ", r->method, "");
		show(r->version.n ? "/" : "", r->version, "");
		show("=", r->result, "");
		show(r->reason.n ? " '" : "", r->reason, r->reason.n ? "'" : "");
		for (k = 0; k < r->n_comments; k++)
			show(" {", r->comment[k], "}");
		for (k = 0; k < r->n_properties; k++) {
			show(" [", r->property[k].ptype, "|");
			show("", r->property[k].property, "|");
			show("", r->property[k].value, "]");
		}
	}
	hk_buf_add_byte(&shown, 0);
	assert_int_equal(hk_buf_status(&shown), HK_OK);
	return (const char *)shown.p;
}

static const struct {
	const char *text, *told;
} cases[] = {
    /* the examples of RFC 8601 appendix B */
    {" example.org 1; none", "example.org/1"},
    {" example.com;\r\n          spf=pass smtp.mailfrom=example.net", "example.com; spf=pass [smtp|mailfrom|example.net]"},
    {" example.com;\r\n auth=pass (cleartext) smtp.auth=sender@example.net;\r\n spf=pass smtp.mailfrom=example.net",
	"example.com; auth=pass {cleartext} [smtp|auth|sender@example.net]; spf=pass [smtp|mailfrom|example.net]"},
    {" example.com; sender-id=fail header.from=example.com;\r\n dkim=pass (good signature) header.d=example.com",
	"example.com; sender-id=fail [header|from|example.com]; dkim=pass {good signature} [header|d|example.com]"},
    {" example.com; dkim=pass reason=\"good signature\" header.i=@mail-router.example.net;\r\n"
     " dkim=fail reason=\"bad signature\" header.i=@newyork.example.com",
	"example.com; dkim=pass 'good signature' [header|i|@mail-router.example.net]; "
	"dkim=fail 'bad signature' [header|i|@newyork.example.com]"},
    {" foo.example.net (foobar) 1 (baz);\r\n    dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n"
     "      policy (A dot can go here) . (like that) expired\r\n      (this surprised me) = (as I wasn't expecting it) 1362471462",
	"foo.example.net/1{foobar}{baz}; dkim/1=fail {Because I like it} {One yay} {wait for it} {A dot can go here} "
	"{like that} {this surprised me} {as I wasn't expecting it} [policy|expired|1362471462]"},
    /* S3-008: an identity with a local part */
    {" mail.com; dkim=pass header.i=no-reply@shanghaidazhongbc.com",
	"mail.com; dkim=pass [header|i|no-reply@shanghaidazhongbc.com]"},
    {" example.com;\r\n dkim=pass header.i=\"\\\"a b\\\"@x.test\"", "example.com; dkim=pass [header|i|\"a b\"@x.test]"},
    {"a.test;none", "a.test"},
    {"a.test ; NONE (nothing (at) all)", "a.test{nothing (at) all}"},
    {"\"a.test\";x=y", "a.test; x=y"},
    {"\"a \\\"b\\\\\" 1;x=y", "a \"b\\/1; x=y"},
    {"a.test (a\\\tb\\\r\n c); none", "a.test{a\\\tb c}"},
    {"a.test; dkim=fail (a \\) b) header.b=\"UUjt/zq=\"", "a.test; dkim=fail {a \\) b} [header|b|UUjt/zq=]"},
    {"a.test; spf=pass smtp.mailfrom=\"a b\"@x.test", "a.test; spf=pass [smtp|mailfrom|\"a b\"@x.test]"},
    {"a.test; spf=pass smtp.mailfrom=a/b=c@x.test", "a.test; spf=pass [smtp|mailfrom|a/b=c@x.test]"},
    {"a.test; x=y reason=word p.q=\"\" p.r=\"two\r\n words\"", "a.test; x=y 'word' [p|q|] [p|r|two words]"},
    {"a.test; x=y p.q=\"a\"p.r=b", "a.test; x=y [p|q|a] [p|r|b]"},
    {"a.test; iprev=pass policy.iprev=192.0.2.1 (mx.b.test)", "a.test; iprev=pass {mx.b.test} [policy|iprev|192.0.2.1]"},
    {"\xe9\xa3\x9b.test; spf=pass smtp.mailfrom=\xe8\x84\x9a@\xe9\xa3\x9b.test",
	"\xe9\xa3\x9b.test; spf=pass [smtp|mailfrom|\xe8\x84\x9a@\xe9\xa3\x9b.test]"},
    /* met in the wild */
    {"a.test", "!a.test"},
    {"a.test;", "!a.test"},
    {"a.test; spf=pass;", "!a.test; spf=pass"},
    {"a.test; dkim=pass header.b=/d5r", "!a.test; dkim=pass [header|b|/d5r]"},
    {"a.test; iprev=pass policy.iprev=2001:db8::1", "!a.test; iprev=pass [policy|iprev|2001:db8::1]"},
    {"a.test; dmarc=pass action=none header.from=x.test;compauth=pass reason=100",
	"!a.test; dmarc=pass [|action|none] [header|from|x.test]; compauth=pass '100'"},
    {"a.test; x=y p.q=v reason=\"late\"", "!a.test; x=y 'late' [p|q|v]"},
    {"a.test; x=y reason=a/b", "!a.test; x=y 'a/b'"},
    {"a.test; x=y reason=one reason=two", "!a.test; x=y 'one' [|reason|two]"},
    {"a.test; x=y smtp.helo=;z=w", "!a.test; x=y [smtp|helo|]; z=w"},
    {"a.test; x_y=z; none", "!a.test; x_y=z"},
    {"a.test; x=y p.q=\"\xff\"", "!a.test; x=y [p|q|\xff]"},
    /* unreadable */
    {"", "SYNTAX"},
    {" ", "SYNTAX"},
    {"; spf=pass", "SYNTAX"},
    {"\"\"; none", "SYNTAX"},
    {"spf=pass smtp.mailfrom=a.test", "SYNTAX"},
    {"example/net; dkim=pass", "SYNTAX"},
    {"\"a.test\"1; none", "SYNTAX"},
    {"a.test x; none", "SYNTAX"},
    {"a.test 1 1; none", "SYNTAX"},
    {"a.test (unclosed; none", "SYNTAX"},
    {"a.test; none (unclosed", "SYNTAX"},
    {"a.test; spf", "SYNTAX"},
    {"a.test; spf=", "SYNTAX"},
    {"a.test; =pass", "SYNTAX"},
    {"a.test; spf/=pass", "SYNTAX"},
    {"a.test; spf/x=pass", "SYNTAX"},
    {"a.test; spf=pass smtp", "SYNTAX"},
    {"a.test; spf=pass smtp.", "SYNTAX"},
    {"a.test; spf=pass smtp.helo", "SYNTAX"},
    {"a.test; spf=pass smtp.helo=\"x", "SYNTAX"},
    {"a.test; spf=pass =x", "SYNTAX"},
    {"a.test; spf=pass / x", "SYNTAX"},
    {"a.test; spf=pass \x01", "SYNTAX"},
    {"a.test; spf=pass (\x7f)", "SYNTAX"},
};

static void each_field_reads_as_rfc_8601_2_2_has_it(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		assert_string_equal(told(hk_slice_str(cases[i].text)), cases[i].told);
}

/* The value of what was written, in a buffer of its own. */
static struct hk_slice rewritten(struct hk_slice text)
{
	struct hk_authres_parsed f;
	struct hk_slice copy;
	struct hk_buf b;

	hk_buf_init(&b, 1 << 20);
	assert_int_equal(hk_authres_parse(&arena, text, &f), HK_OK);
	assert_int_equal(hk_authres_write(&f, &b), HK_OK);
	assert_true(hk_slice_starts_nocase(hk_buf_slice(&b), HK_S("Authentication-Results:")));
	assert_int_equal(hk_arena_dup(&arena, hk_slice_from(hk_buf_slice(&b), 23), &copy), HK_OK);
	hk_buf_done(&b);
	copy.n -= 2; /* CRLF */
	return copy;
}

static void what_is_written_reads_the_same_again(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		const char *again;

		if (strcmp(cases[i].told, "SYNTAX") == 0)
			continue;
		again = told(rewritten(hk_slice_str(cases[i].text)));
		assert_string_equal(again + (*again == '!'), cases[i].told + (*cases[i].told == '!'));
		assert_true(*again != '!' || *cases[i].told == '!');
	}
}

/* Cut anywhere, a field is another field or none: never a crash, and never with a byte that was not there. */
static void every_prefix_of_a_field_is_read_or_refused(void **state)
{
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		for (n = 0; n <= strlen(cases[i].text); n++) {
			char *part = must(malloc(n + 1)); /* so that a byte too far is seen */

			memcpy(part, cases[i].text, n);
			(void)told(hk_slice_of(part, n));
			free(part);
		}
	}
}

static void our_own_field_is_read_without_deviation(void **state)
{
	struct hk_spf_verdict spf = {.result = HK_SPF_PASS,
	    .sender = HK_S("\"a;b (\"@x.test"),
	    .mechanism = HK_S("ip4:192.0.2.1"),
	    .domain = HK_S("x.test")};
	struct hk_dkim_verdict dkim = {.result = HK_DKIM_FAIL,
	    .d = HK_S("x.test"),
	    .s = HK_S("s"),
	    .a = HK_S("rsa-sha256"),
	    .b = HK_S("/+==abcdefg"),
	    .reason = HK_S("body hash \"differs\"")};
	struct hk_dmarc_verdict dmarc = {.result = HK_DMARC_PASS, .author_domain = HK_S("x.test")};
	struct hk_authres_input in = {.size = sizeof in, .authserv_id = HK_S("mx.b.test"),
	    .spf = &spf,
	    .print_dkim = true,
	    .dkim = ONE(dkim),
	    .n_dkim = 1,
	    .dmarc = &dmarc};
	struct hk_buf b;

	(void)state;
	hk_buf_init(&b, 65536);
	hk_authres_format(&in, &b);
	assert_string_equal(told(hk_slice_sub(hk_slice_from(hk_buf_slice(&b), 23), 0, b.n - 25)),
	    "mx.b.test; dkim=fail 'body hash \"differs\"' [header|d|x.test] [header|s|s] [header|a|rsa-sha256] "
	    "[header|b|/+==abcd]; spf=pass {unknown: ip4:192.0.2.1 of x.test} [smtp|mailfrom|\"a;b (\"@x.test]; "
	    "dmarc=pass [header|from|x.test]");
	hk_buf_done(&b);
}

static void a_struct_made_by_hand_cannot_end_its_words(void **state)
{
	struct hk_slice comment[] = {HK_S("a) b"), HK_S("x\\"), HK_S("c\r\nX: y")};
	struct hk_authres_property p = {.ptype = HK_S("p"), .property = HK_S("q"), .value = HK_S("a;b\r\n\"c")};
	struct hk_authres_result r = {.method = HK_S("x"),
	    .result = HK_S("y"),
	    .property = &p,
	    .n_properties = 1,
	    .comment = comment,
	    .n_comments = COUNT(comment)};
	struct hk_authres_parsed f = {.authserv_id = HK_S("a.test"), .result = &r, .n_results = 1};
	static const struct hk_slice bad[] = {S(""), S("a b"), S("a;b"), S("a=b"), S("a\r\n")};
	struct hk_buf b;
	size_t i;

	(void)state;
	hk_buf_init(&b, 4096);
	assert_int_equal(hk_authres_write(&f, &b), HK_OK);
	assert_string_equal(told(hk_slice_sub(hk_slice_from(hk_buf_slice(&b), 23), 0, b.n - 25)),
	    "a.test; x=y {a\\) b} {x\\\\} {c\\\\x0D\\\\x0AX: y} [p|q|a;b\\x0D\\x0A\"c]");
	for (i = 0; i < COUNT(bad); i++) {
		struct hk_slice *const field[] = {&r.method, &r.result, &p.property, &f.authserv_id, &f.version};
		size_t k;

		for (k = 0; k < COUNT(field); k++) {
			struct hk_slice before = *field[k];
			bool is_word = field[k] == &f.authserv_id ? bad[i].n > 0 : field[k] == &f.version && bad[i].n == 0;

			*field[k] = bad[i];
			hk_buf_reset(&b);
			assert_int_equal(hk_authres_write(&f, &b), is_word ? HK_OK : HK_SYNTAX);
			assert_true(is_word || b.n == 0);
			*field[k] = before;
		}
	}
	hk_buf_done(&b);
}

static void too_many_results_are_a_limit_and_so_is_a_small_arena(void **state)
{
	struct hk_authres_parsed f;
	struct hk_arena small;
	struct hk_buf b;
	size_t i, limit;

	(void)state;
	hk_buf_init(&b, 1 << 20);
	hk_buf_add_str(&b, "a.test");
	for (i = 0; i < HK_AUTHRES_RESULTS_MAX; i++)
		hk_buf_add_str(&b, "; x=y (c)");
	assert_int_equal(hk_authres_parse(&arena, hk_buf_slice(&b), &f), HK_OK);
	assert_int_equal(f.n_results, HK_AUTHRES_RESULTS_MAX);
	hk_buf_add_str(&b, "; x=y");
	assert_int_equal(hk_authres_parse(&arena, hk_buf_slice(&b), &f), HK_LIMIT);
	for (limit = 0; limit < 4096; limit += 16) {
		enum hk_status status;

		hk_arena_init(&small, limit);
		status = hk_authres_parse(&small, hk_slice_str(cases[5].text), &f);
		assert_true(status == HK_LIMIT || (status == HK_OK && f.n_results == 1));
		hk_arena_done(&small);
	}
	hk_buf_done(&b);
}

/* ---- what others wrote ------------------------------------------------------------------------- */

/* file, and of each field from the top: "s" by the RFC, "d" with a deviation, "x" unreadable */
static const struct {
	const char *file, *fields;
} mails[] = {
    {"alignment-auid_not_in_sdid", "s"},
    {"alignment-from_not_in_sdid", "s"},
    {"dkim-unknown_result", "s"},
    {"fakePayPal", "s"},
    {"multiple_arh-newest_no_authserv", "xsx"},
    {"multiple_arh-newest_no_result", "sss"},
    {"multiple_arh-newest_parsing_error_01", "dss"},
    {"multiple_arh-newest_parsing_error_02", "xsx"},
    {"multiple_arh-newest_unknown_method", "sss"},
    {"multiple_arh-same_and_different_authserv", "sssssxs"},
    {"multiple_dkim_results", "s"},
    {"multiple_spf_and_dmarc_results", "s"},
    {"rfc6376-A.2-arh-failed", "s"},
    {"rfc6376-A.2-arh-failed-no_reason", "s"},
    {"rfc6376-A.2-arh-valid", "s"},
    {"rfc6376-A.2-arh-valid-a_tag", "s"},
    {"rfc6376-A.2-arh-valid-a_tag_sha1", "s"},
    {"rfc6376-A.2-arh-valid-auid", "s"},
    {"rfc6376-A.2-arh-valid-no_sdid_or_auid", "s"},
    {"rfc6376-A.2-arh-valid-sdid_and_auid", "s"},
    {"rfc6376-A.2-arh-valid_relaxed", "d"},
};

static void check_mail(const struct hk_buf *text, const char *file, const char *fields)
{
	struct hk_splitter splitter;
	struct hk_header header;
	struct hk_slice body;
	size_t i;

	hk_splitter_init(&splitter, HK_HEADER_SECTION_MAX);
	assert_int_equal(hk_splitter_feed(&splitter, hk_buf_slice(text), &body), HK_OK);
	assert_int_equal(hk_header_parse(&arena, hk_splitter_header(&splitter), &header), HK_OK);
	for (i = 0; i < header.n; i++) {
		const char *found;

		if (!hk_slice_eq_nocase(header.field[i].name, HK_S("Authentication-Results")))
			continue;
		found = told(header.field[i].value);
		if (*fields != (strcmp(found, "SYNTAX") == 0 ? 'x' : *found == '!' ? 'd' : 's'))
			fail_msg("%s: %s at %s", file, found, fields);
		fields++;
		if (*found == '!' || strcmp(found, "SYNTAX") == 0)
			continue;
		found = must(strdup(found));
		assert_string_equal(told(rewritten(header.field[i].value)), found);
		free((void *)(uintptr_t)found);
	}
	assert_string_equal(fields, "");
	hk_splitter_done(&splitter);
}

/* S0-068 */
static void the_mails_of_dkim_verifier_read_as_its_tests_want(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(mails); i++) {
		struct hk_buf text;
		char name[128];

		snprintf(name, sizeof name, "authres-lieser/%s.eml", mails[i].file);
		hk_buf_init(&text, 65536);
		if (!read_vector(name, true, &text)) {
			hk_buf_done(&text);
			skip();
		}
		check_mail(&text, mails[i].file, mails[i].fields);
		print_message("# vector authres-lieser/%s.eml\n", mails[i].file);
		hk_buf_done(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_field_reads_as_rfc_8601_2_2_has_it),
	    cmocka_unit_test(what_is_written_reads_the_same_again),
	    cmocka_unit_test(every_prefix_of_a_field_is_read_or_refused),
	    cmocka_unit_test(our_own_field_is_read_without_deviation),
	    cmocka_unit_test(a_struct_made_by_hand_cannot_end_its_words),
	    cmocka_unit_test(too_many_results_are_a_limit_and_so_is_a_small_arena),
	    cmocka_unit_test(the_mails_of_dkim_verifier_read_as_its_tests_want),
	};

	return cmocka_run_group_tests(tests, begin, finish);
}
