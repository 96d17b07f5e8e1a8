/* SPDX-License-Identifier: MIT
 *
 * Shapes: what large providers take.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf_internal.h"
#include "tests/unit.h"

#define BEFORE "hostname h.test;\nroute * { via mx; rate 100/1m; recipients-per-message 50; }\n"

static void a_shape_has_numbers_or_leaves_them_to_the_route(void **state)
{
	static const char text[] = BEFORE "shaping /etc/hikyaku/shaping.conf;\n"
	                                  "shape google { mx .google.com .GoogleMail.com; mx mx.one.test; concurrency 5; messages-per-connection 50;\n"
	                                  "recipients-per-message 20; rate 10/1s; together off; }\n"
	                                  "shape other { mx .other.test; }\n";
	struct hk_conf *c = NULL, *again = NULL;
	struct hk_buf first, second;

	(void)state;
	assert_int_equal(hk_conf_parse("t", hk_slice_str(text), &c, NULL), HK_OK);
	assert_true(hk_conf_names_tables(c));
	assert_int_equal(c->n_shapes, 2);
	assert_int_equal(c->shape[0].mx.n, 3);
	assert_true(hk_slice_eq(c->shape[0].mx.at[1], HK_S(".googlemail.com")));
	assert_int_equal(c->shape[0].concurrency, 5);
	assert_int_equal(c->shape[0].connection_messages, 50);
	assert_int_equal(c->shape[0].message_rcpts, 20);
	assert_true(c->shape[0].rate.most == 10 && c->shape[0].rate.seconds == 1);
	assert_false(c->shape[0].is_together);
	assert_true(!c->shape[1].concurrency && !c->shape[1].connection_messages && !c->shape[1].rate.most && c->shape[1].is_together);
	assert_true(c->route[0].rate.most == 100 && c->route[0].rate.seconds == 60);
	assert_int_equal(c->route[0].message_rcpts, 50);
	hk_buf_init(&first, 1 << 20);
	hk_buf_init(&second, 1 << 20);
	hk_conf_dump(c, &first);
	assert_int_equal(hk_conf_parse("dump", hk_buf_slice(&first), &again, NULL), HK_OK);
	hk_conf_dump(again, &second);
	must(first.p);
	assert_true(hk_slice_eq(hk_buf_slice(&first), hk_buf_slice(&second)));
	hk_buf_done(&first);
	hk_buf_done(&second);
	hk_conf_free(again);
	hk_conf_free(c);
}

static void a_shape_is_found_when_all_hosts_fit_it(void **state)
{
	static const char text[] = BEFORE "shape one { mx .one.test one.test; }\nshape two { mx .two.test .one.test; }\n";
	static const struct {
		const char *host[2];
		int shape; /* -1: none */
	} cases[] = {{{"a.one.test"}, 0}, {{"A.One.Test", "one.test"}, 0}, {{"a.one.test", "b.two.test"}, 1}, {{"b.two.test"}, 1}, {{"two.test"}, -1},
	    {{"aone.test"}, -1}, {{"a.one.test", "elsewhere.test"}, -1}, {{NULL}, -1}};
	struct hk_conf *c = NULL;
	size_t i;

	(void)state;
	assert_int_equal(hk_conf_parse("t", hk_slice_str(text), &c, NULL), HK_OK);
	for (i = 0; i < COUNT(cases); i++) {
		struct hk_slice host[2] = {hk_slice_str(cases[i].host[0]), hk_slice_str(cases[i].host[1])};
		const struct hk_conf_shape *found = hk_conf_find_shape(c, host, cases[i].host[1] ? 2 : cases[i].host[0] ? 1 : 0);

		if ((found ? (int)(found - c->shape) : -1) != cases[i].shape)
			fail_msg("case %zu", i);
	}
	hk_conf_free(c);
}

static void what_is_wrong_is_told_with_its_place(void **state)
{
	static const struct {
		const char *text, *error; /* NULL: it is right */
		bool is_file;             /* a shaping file */
	} cases[] = {
	    {"shape a { concurrency 1; }", "t:1:1: this shape has no mx", true},
	    {"shape a { mx .x.test; }\nshape a { mx .y.test; }", "t:2:7: a shape of this name stands in line 1 already", true},
	    {"shape a { mx .x.test; concurency 5; }", "t:1:23: unknown item \"concurency\"; did you mean \"concurrency\"?", true},
	    {"\n\nroute * { via mx; }", "t:3:1: only shape blocks stand in a shaping file", true},
	    {"hostname h.test;", "t:1:1: only shape blocks stand in a shaping file", true},
	    {"shape a { mx .x.test; concurrency 1; }", NULL, true},
	    {"shape a { mx .x.test; concurrency 0; }", "t:1:", true},
	    {"shape a { mx .x.test; concurrency 1000; }", NULL, true},
	    {"shape a { mx .x.test; concurrency 1001; }", "t:1:", true},
	    {"shape a { mx .x.test; recipients-per-message 0; }", "t:1:", true},
	    {"shape a { mx .x.test; recipients-per-message 100; }", NULL, true},
	    {"shape a { mx .x.test; recipients-per-message 101; }", "t:1:", true},
	    {"shape a { mx .x.test; messages-per-connection 100000; }", NULL, true},
	    {"shape a { mx .x.test; messages-per-connection 100001; }", "t:1:", true},
	    {"shape a { mx .x.test; rate 1/0s; }", "t:1:", true},
	    {"# nothing\n", NULL, true},
	    {"hostname h.test; route * { via mx; recipients-per-message 101; }", "t:1:", false},
	    {"hostname h.test; route * { via mx; recipients-per-message 100; rate 0; }", NULL, false},
	    {"hostname h.test; shaping shaping.conf;", "t:1:", false},
	    {"hostname h.test; route * { via mx; source 10.0.0.1 10.0.0.1; }", "t:1:52: source has this address already", false},
	    {"hostname h.test; route * { via mx; source 10.0.0.1=-; }", "t:1:43: source: \"-\" is not a host name", false},
	    {"hostname h.test; route * { via mx; source mx.test; }", "t:1:43: source \"mx.test\" is not an address", false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct hk_conf_error error = {0};
		struct hk_conf *c = NULL;
		enum hk_status status = cases[i].is_file ? hk_conf_check_shapes("t", hk_slice_str(cases[i].text), &error)
		                                         : hk_conf_parse("t", hk_slice_str(cases[i].text), &c, &error);

		hk_buf_add_byte(&error.text, 0);
		if (status != (cases[i].error ? HK_SYNTAX : HK_OK) || (cases[i].error && strncmp((char *)error.text.p, cases[i].error, strlen(cases[i].error))))
			fail_msg("%s: %s", cases[i].text, error.text.p ? (char *)error.text.p : "");
		hk_buf_done(&error.text);
		hk_conf_free(c);
	}
}

static void a_route_has_64_sources_at_most(void **state)
{
	unsigned n, i;

	(void)state;
	for (n = HK_CONF_SOURCES_MAX - 1; n <= HK_CONF_SOURCES_MAX + 1; n++) {
		char text[4096];
		struct hk_conf *c = NULL;
		size_t at = (size_t)snprintf(text, sizeof text, "hostname h.test; route * { via mx; source");

		for (i = 0; i < n; i++)
			at += (size_t)snprintf(text + at, sizeof text - at, " 10.0.0.%u", i);
		snprintf(text + at, sizeof text - at, "; }");
		assert_int_equal(hk_conf_parse("t", hk_slice_str(text), &c, NULL), n <= HK_CONF_SOURCES_MAX ? HK_OK : HK_SYNTAX);
		if (c)
			assert_int_equal(c->route[0].n_sources, n);
		hk_conf_free(c);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_shape_has_numbers_or_leaves_them_to_the_route),
	    cmocka_unit_test(a_shape_is_found_when_all_hosts_fit_it),
	    cmocka_unit_test(what_is_wrong_is_told_with_its_place),
	    cmocka_unit_test(a_route_has_64_sources_at_most),
	};

	return cmocka_run_group_tests_name("conf-shape", tests, NULL, NULL);
}
