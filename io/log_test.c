/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "engine/log_value.h"
#include "engine/world.h"
#include "log/line.h"
#include "tests/unit.h"

struct one_line {
	struct hk_log log;
	struct hk_buf text;
};

static void keep(struct hk_log *log, enum hk_log_level level, struct hk_slice line)
{
	struct one_line *l = (struct one_line *)log;

	hk_log_line_add(
	    &l->text, 1732541523, 7, level == HK_LOG_WARNING ? "warning" : "info", line);
}

static void a_line_has_time_level_and_text(void **state)
{
	struct one_line l = {.log = {keep}};

	(void)state;
	hk_buf_init(&l.text, 8192);
	hk_logf(&l.log, HK_LOG_WARNING, "ev=%s n=%d", "test", 3);
	assert_true(hk_slice_eq(
	    hk_buf_slice(&l.text), HK_S("2024-11-25T13:32:03.007Z warning ev=test n=3\n")));
	hk_buf_done(&l.text);
}

static void hostile_bytes_never_break_a_line(void **state)
{
	struct one_line l = {.log = {keep}};

	(void)state;
	hk_buf_init(&l.text, 8192);
	hk_logf(&l.log, HK_LOG_INFO, "from=%s raw=%s",
	    hk_log_quote(HK_S("a\r\n\x1b[2J\xff\\b")).text, "c\nd\x7f");
	assert_true(hk_slice_ends_nocase(
	    hk_buf_slice(&l.text), HK_S("from=a\\x0D\\x0A\\x1B[2J\\xFF\\\\b raw=c?d?\n")));
	hk_buf_done(&l.text);
}

static void long_text_is_cut_and_never_overruns(void **state)
{
	struct one_line l = {.log = {keep}};
	uint8_t bytes[6000];
	size_t n;

	(void)state;
	memset(bytes, 0xff, sizeof bytes);
	for (n = 0; n < 1000; n++)
		assert_true(strlen(hk_log_quote(hk_slice_of(bytes, n)).text) < 512);
	memset(bytes, 'x', sizeof bytes);
	bytes[sizeof bytes - 1] = 0;
	hk_buf_init(&l.text, 8192);
	hk_logf(&l.log, HK_LOG_INFO, "%s", (const char *)bytes);
	assert_int_equal(hk_buf_status(&l.text), HK_OK);
	assert_true(l.text.n > 2000 && l.text.n < 2100);
	hk_buf_done(&l.text);
	hk_logf(NULL, HK_LOG_INFO, "nothing");
}

/* SEC-25 T15: each length around each limit, of each kind of octet: what comes out is one line of printable ASCII that ends where
 * it should, whatever was logged and by whatever way (CVE-2010-4344 was a formatter that counted wrongly). */
static void no_length_of_no_octet_spoils_a_line(void **state)
{
	static const uint8_t kinds[] = {0, 1, '\t', '\n', '\r', ' ', '"', '%', '=', '\\', 'a', 0x7f, 0x80, 0xff};
	struct one_line l = {.log = {keep}};
	uint8_t bytes[4096];
	size_t k, n, i, way;

	(void)state;
	hk_buf_init(&l.text, 1 << 16);
	for (k = 0; k < sizeof kinds; k++) {
		memset(bytes, kinds[k], sizeof bytes);
		for (n = 0; n < sizeof bytes - 1; n += n < 1100 || (n > 1900 && n < 2200) ? 1 : 97) {
			struct hk_slice s = hk_slice_of(bytes, n);

			for (way = 0; way < 3; way++) {
				hk_buf_reset(&l.text);
				bytes[n] = 0;
				if (way == 2)
					hk_logf(&l.log, HK_LOG_INFO, "a=%s", (const char *)bytes);
				else
					hk_logf(&l.log, HK_LOG_INFO, "a=%s z=1", way ? hk_log_value(s).text : hk_log_quote(s).text);
				bytes[n] = kinds[k];
				assert_int_equal(hk_buf_status(&l.text), HK_OK);
				assert_true(l.text.n < 2200 && l.text.p[l.text.n - 1] == '\n');
				for (i = 0; i + 1 < l.text.n; i++)
					assert_in_range(l.text.p[i], ' ', '~');
				if (way < 2)
					assert_true(hk_slice_ends_nocase(hk_buf_slice(&l.text), HK_S(" z=1\n")));
			}
		}
	}
	hk_buf_done(&l.text);
}

/* Each length of each kind: a value ends with a whole one of what it is made of. */
static void a_value_is_cut_before_an_escape_and_before_a_sequence_of_utf_8(void **state)
{
	static const struct {
		const char *unit, *quoted;
	} kinds[] = {{"\n", "\\x0A"}, {"\\", "\\\\"}, {"\xc3\xbc", "\\xC3\\xBC"}, {"\xf0\x9f\x98\x80", "\\xF0\\x9F\\x98\\x80"}};
	size_t k, before, i;

	(void)state;
	for (k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
		for (before = 0; before < 40; before++) {
			struct hk_log_quoted plain, value;
			char text[1024] = "";
			const char *at;

			memset(text, 'a', before);
			for (i = before; i + 8 < sizeof text; i += strlen(kinds[k].unit))
				memcpy(text + i, kinds[k].unit, strlen(kinds[k].unit));
			plain = hk_log_quote(hk_slice_str(text));
			text[0] = ' ';
			value = hk_log_value(hk_slice_str(text));
			assert_in_range(strlen(plain.text), sizeof plain.text - 16, sizeof plain.text - 1);
			assert_in_range(strlen(value.text), sizeof value.text - 16, sizeof value.text - 1);
			for (at = plain.text + before; *at; at += strlen(kinds[k].quoted))
				assert_memory_equal(at, kinds[k].quoted, strlen(kinds[k].quoted));
			for (at = value.text + 1 + (before ? before : 1); before && *at != '"'; at += strlen(kinds[k].quoted))
				assert_memory_equal(at, kinds[k].quoted, strlen(kinds[k].quoted));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_has_time_level_and_text),
	    cmocka_unit_test(hostile_bytes_never_break_a_line),
	    cmocka_unit_test(long_text_is_cut_and_never_overruns),
	    cmocka_unit_test(a_value_is_cut_before_an_escape_and_before_a_sequence_of_utf_8),
	    cmocka_unit_test(no_length_of_no_octet_spoils_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
