/* SPDX-License-Identifier: MIT
 *
 * The test sets of the public suffix list and of Unicode.
 */
#include <stdio.h>
#include <string.h>
#include <unistr.h>

#include <hikyaku/dmarc.h>
#include <hikyaku/json.h>
#include <hikyaku/names.h>

#include "lib/message/vectors_test.h"
#include "tests/unit.h"

static void load(const char *name, struct hk_buf *text)
{
	hk_buf_init(text, 16 << 20);
	if (!read_vector(name, false, text)) {
		hk_buf_done(text);
		skip();
	}
	hk_buf_add_byte(text, 0);
}

/* ---- psl ---------------------------------------------------------------------------------------- */

/* What the evaluator takes for the organizational domain, when a record stands at every name it asks for. */
static struct hk_slice org_of(const struct hk_names *names, struct hk_arena *a, struct hk_slice name)
{
	const struct hk_dmarc_options old = {.size = sizeof old, .profile = HK_DMARC_RFC7489};
	struct hk_dns_rr rr = {.type = HK_DNS_TXT, .data = HK_S("v=DMARC1; p=none")};
	struct hk_dmarc *d = hk_dmarc_new(a, name, &old, NULL);
	struct hk_dns_question q;

	assert_non_null(d);
	hk_dmarc_ready(d);
	while (hk_dmarc_step(d) == HK_AGAIN) {
		while (hk_dmarc_question(d, &q)) {
			struct hk_dns_answer answer = {.question = q, .rr = &rr, .n = 1};

			if (hk_dns_type_is_local(q.type))
				assert_int_equal(hk_names_answer(names, &q, a, &answer), HK_OK);
			assert_int_equal(hk_dmarc_answer(d, &answer), HK_OK);
		}
	}
	return hk_dmarc_result(d)->org_domain;
}

/* wanted NULL: name has no organizational domain above a public suffix, or is no name. */
static void check_psl(const struct hk_names *names, const char *file, const char *name, const char *wanted)
{
	struct hk_slice alabel, want = {0}, org;
	struct hk_arena a;

	hk_arena_init(&a, 1 << 20);
	if (wanted)
		assert_int_equal(hk_names_alabel(&a, hk_slice_str(wanted), &want), HK_OK);
	if (!name || hk_names_alabel(&a, hk_slice_str(name), &alabel) != HK_OK) {
		assert_null(wanted);
	} else {
		org = org_of(names, &a, alabel);
		if (wanted ? !hk_slice_eq(org, want)
		           : !hk_slice_eq(org, alabel) || !hk_slice_eq(hk_names_suffix(names, alabel), alabel))
			fail_msg("%s: %s: %.*s", file, name, HK_FMT(org));
	}
	hk_arena_done(&a);
}

static char *word_of(char **rest, const char *ends)
{
	char *word;

	while ((word = strsep(rest, ends)) && !*word)
		;
	return word;
}

static const char *or_null(const char *word)
{
	return word && strcmp(word, "null") != 0 ? word : NULL;
}

/* S4-034 S4-039 */
static void every_vector_of_the_public_suffix_list_holds(void **state)
{
	static const struct {
		const char *file, *ends; /* of words; test_psl.txt has calls, checkPublicSuffix('a', 'b'); */
		bool is_call;
	} files[] = {{"tests.txt", " ", false}, {"test_psl.txt", "',() ;", true}};
	struct hk_names *names;
	char path[512];
	size_t i, rows;

	(void)state;
	vector_path(path, "psl/public_suffix_list.dat");
	if (hk_names_open(path, &names) != HK_OK)
		skip();
	for (i = 0; i < COUNT(files); i++) {
		char file[64], *line, *rest;
		struct hk_buf text;

		snprintf(file, sizeof file, "psl/tests/%s", files[i].file);
		hk_buf_init(&text, 1 << 20);
		assert_true(read_vector(file, false, &text));
		hk_buf_add_byte(&text, 0);
		rest = (char *)text.p;
		for (rows = 0; (line = strsep(&rest, "\n"));) {
			char *name, *wanted;

			if (!*line || strncmp(line, "//", 2) == 0)
				continue;
			if (files[i].is_call)
				assert_string_equal(word_of(&line, files[i].ends), "checkPublicSuffix");
			name = word_of(&line, files[i].ends);
			wanted = word_of(&line, files[i].ends);
			assert_non_null(wanted);
			check_psl(names, files[i].file, or_null(name), or_null(wanted));
			rows++;
		}
		assert_true(rows > 70);
		print_message("# vectors psl %zu\n", rows);
		hk_buf_done(&text);
	}
	hk_names_close(names);
}

/* ---- idna-unicode --------------------------------------------------------------------------------- */

/* \uXXXX, \x{...} and "" undone; false for what is no Unicode text, as a surrogate alone. */
static bool unescape(const char *s, struct hk_buf *out)
{
	hk_buf_reset(out);
	if (strcmp(s, "\"\"") == 0)
		return true;
	while (*s) {
		bool braces = strncmp(s, "\\x{", 3) == 0;
		uint8_t utf8[6];
		char *end;
		unsigned long c;
		int n;

		if (!braces && strncmp(s, "\\u", 2) != 0) {
			hk_buf_add_byte(out, (uint8_t)*s++);
			continue;
		}
		if (braces) {
			c = 0;
			for (s += 3; *s != '}'; s++)
				c = c * 16 + (unsigned long)(hk_is_digit((uint8_t)*s) ? *s - '0' : (*s | 32) - 'a' + 10);
			s++;
		} else {
			char digits[5] = {s[2], s[3], s[4], s[5], 0};

			c = 0;
			for (end = digits; *end; end++)
				c = c * 16 + (unsigned long)(hk_is_digit((uint8_t)*end) ? *end - '0' : (*end | 32) - 'a' + 10);
			s += 6;
		}
		n = u8_uctomb(utf8, (ucs4_t)c, sizeof utf8);
		if (n <= 0)
			return false;
		hk_buf_add(out, hk_slice_of(utf8, (size_t)n));
	}
	return true;
}

static void trim(char **word)
{
	char *end;

	while (**word == ' ' || **word == '\t')
		(*word)++;
	for (end = *word + strlen(*word); end > *word && (end[-1] == ' ' || end[-1] == '\t');)
		*--end = '\0';
}

enum { SOURCE, UNICODE, UNICODE_STATUS, ASCII, ASCII_STATUS, COLUMNS };

/* What differs is a name that UTS #46 allows and IDNA2008 does not. */
static bool check_idna(size_t row, char *column[COLUMNS], struct hk_buf *source, struct hk_buf *wanted)
{
	const char *status = *column[ASCII_STATUS] ? column[ASCII_STATUS] : column[UNICODE_STATUS];
	const char *ascii = *column[ASCII] ? column[ASCII] : *column[UNICODE] ? column[UNICODE] : column[SOURCE];
	bool is_valid = !*status || strcmp(status, "[]") == 0, same;
	struct hk_slice got = {0};
	struct hk_arena a;
	enum hk_status outcome;

	if (!unescape(column[SOURCE], source) || !unescape(ascii, wanted))
		return false;
	hk_arena_init(&a, 65536);
	outcome = hk_names_alabel(&a, hk_buf_slice(source), &got);
	same = outcome == HK_OK && hk_slice_eq(got, hk_buf_slice(wanted));
	if (outcome == HK_OK ? !is_valid || !same : outcome != HK_SYNTAX)
		fail_msg("row %zu: %s: %d %.*s", row, column[SOURCE], (int)outcome, HK_FMT(got));
	if (is_valid && !same)
		print_message("# differs idna-unicode/IdnaTestV2.txt row %zu: %s | RFC 5891 5.4: has a code point that RFC 5892 "
		              "disallows, or that was not assigned\n", row, column[SOURCE]);
	hk_arena_done(&a);
	return true;
}

static void names_are_converted_as_unicode_says(void **state)
{
	struct hk_buf text, source, wanted;
	size_t rows = 0, ran = 0;
	char *line, *rest;

	(void)state;
	load("idna-unicode/IdnaTestV2.txt", &text);
	hk_buf_init(&source, 65536);
	hk_buf_init(&wanted, 65536);
	rest = (char *)text.p;
	while ((line = strsep(&rest, "\n"))) {
		char *column[COLUMNS], *fields = strsep(&line, "#");
		size_t i;

		trim(&fields);
		if (!*fields)
			continue;
		for (i = 0; i < COLUMNS; i++) {
			column[i] = strsep(&fields, ";");
			assert_non_null(column[i]);
			trim(&column[i]);
		}
		ran += check_idna(++rows, column, &source, &wanted);
	}
	assert_int_equal(rows, 6391);
	assert_int_equal(ran, rows - 2); /* two rows have a surrogate alone: no text */
	print_message("# vectors idna-unicode %zu\n", ran);
	hk_buf_done(&wanted);
	hk_buf_done(&source);
	hk_buf_done(&text);
}

/* One object of strings; false at the end of the array. */
static bool next_case(struct hk_json_reader *json, struct hk_slice *decoded, struct hk_slice *encoded)
{
	enum hk_json_token token;
	struct hk_slice name, value;

	*decoded = *encoded = (struct hk_slice){0};
	if (hk_json_next(json, &token, &value) != HK_OK || token != HK_JSON_OBJECT)
		return false;
	while (hk_json_next(json, &token, &name) == HK_OK && token == HK_JSON_KEY) {
		bool is_decoded = hk_slice_eq(name, HK_S("decoded")), is_encoded = hk_slice_eq(name, HK_S("encoded"));

		assert_int_equal(hk_json_next(json, &token, &value), HK_OK);
		if (is_decoded)
			*decoded = value;
		if (is_encoded)
			*encoded = value;
	}
	return true;
}

/* A label is "xn--" and Punycode; what is no label has no such form at all (RFC 5890 2.3.2.1). */
static void punycode_is_that_of_rfc_3492(void **state)
{
	struct hk_slice decoded, encoded, label, got, none;
	struct hk_json_reader *json;
	enum hk_json_token token;
	struct hk_buf text;
	struct hk_arena a;
	size_t n = 0;

	(void)state;
	load("idna-unicode/punycode_tests.json", &text);
	hk_arena_init(&a, 1 << 20);
	json = hk_json_reader_new(&a, hk_slice_sub(hk_buf_slice(&text), 0, text.n - 1));
	assert_non_null(json);
	assert_int_equal(hk_json_next(json, &token, &none), HK_OK);
	for (; next_case(json, &decoded, &encoded); n++) {
		bool only_ascii = encoded.n == 0 || encoded.p[encoded.n - 1] == '-';

		assert_int_equal(hk_arena_fmt(&a, &label, "xn--%.*s", HK_FMT(encoded)), HK_OK);
		if (label.n <= 63 && !only_ascii) {
			assert_int_equal(hk_names_ulabel(&a, label, &got), HK_OK);
			assert_true(hk_slice_eq(got, decoded));
			continue;
		}
		assert_int_equal(hk_names_ulabel(&a, label, &got), HK_SYNTAX);
		print_message("# differs idna-unicode/punycode_tests.json: \"%.*s\" | RFC 5890 2.3.2.1: this is no A-label, and "
		              "only A-labels are converted\n", HK_FMT(encoded));
	}
	assert_true(n > 15);
	print_message("# vectors idna-unicode %zu\n", n);
	hk_arena_done(&a);
	hk_buf_done(&text);

	load("idna-unicode/bad_punycode_tests.json", &text);
	hk_arena_init(&a, 1 << 20);
	json = hk_json_reader_new(&a, hk_slice_sub(hk_buf_slice(&text), 0, text.n - 1));
	assert_int_equal(hk_json_next(json, &token, &none), HK_OK);
	for (n = 0; next_case(json, &decoded, &encoded); n++)
		assert_int_equal(hk_names_alabel(&a, decoded, &got), HK_SYNTAX);
	assert_int_equal(n, 1);
	print_message("# vectors idna-unicode %zu\n", n);
	hk_arena_done(&a);
	hk_buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_vector_of_the_public_suffix_list_holds),
	    cmocka_unit_test(names_are_converted_as_unicode_says),
	    cmocka_unit_test(punycode_is_that_of_rfc_3492),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
