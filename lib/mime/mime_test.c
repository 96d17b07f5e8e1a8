/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mime_internal.h"
#include "tests/unit.h"

struct converted {
	struct hk_buf header, body;
	bool is_needed, has_wide_header, has_stray;
	enum hk_status status;
};

static void pass(struct hk_recode *r, struct hk_slice body, size_t piece, struct hk_buf *out, struct converted *ret)
{
	while (body.n && ret->status == HK_OK) {
		struct hk_slice chunk = hk_slice_sub(body, 0, piece);

		ret->status = out ? hk_recode_body(r, chunk, out) : hk_recode_look(r, chunk);
		body = hk_slice_from(body, chunk.n);
	}
	if (ret->status == HK_OK)
		ret->status = out ? hk_recode_end(r, out) : hk_recode_look_end(r);
}

static struct converted convert(struct hk_slice section, struct hk_slice body, size_t piece)
{
	struct converted c = {0};
	struct hk_header header;
	struct hk_edits *edits;
	struct hk_recode *r;
	struct hk_arena a;

	hk_arena_init(&a, 1 << 24);
	hk_buf_init(&c.header, 1 << 20);
	hk_buf_init(&c.body, 1 << 24);
	assert_int_equal(hk_header_parse(&a, section, &header), HK_OK);
	r = hk_recode_new(&header);
	assert_non_null(r);
	pass(r, body, piece, NULL, &c);
	c.is_needed = hk_recode_is_needed(r);
	c.has_wide_header = hk_recode_has_wide_header(r);
	c.has_stray = hk_recode_has_stray(r);
	if (c.status == HK_OK) {
		edits = hk_edits_new(&a);
		assert_non_null(edits);
		assert_int_equal(hk_recode_edits(r, edits), HK_OK);
		hk_edits_apply(edits, &header, &c.header);
		pass(r, body, piece, &c.body, &c);
	}
	hk_recode_free(r);
	hk_arena_done(&a);
	return c;
}

static void converted_done(struct converted *c)
{
	hk_buf_done(&c->header);
	hk_buf_done(&c->body);
}

#define FROM  "From: a@a.test\r\n"
#define PLAIN "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
#define MIXED "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b 1\"\r\n"

static const struct {
	const char *name, *header, *body, *new_header, *new_body;
} cases[] = {
    {"S3-016 text in 8 bits becomes quoted-printable", FROM PLAIN "Content-Transfer-Encoding: 8bit\r\n", "Gr\xc3\xbc\xc3\x9f" "e = 1\r\n",
        FROM PLAIN "Content-Transfer-Encoding: quoted-printable\r\n", "Gr=C3=BC=C3=9Fe =3D 1\r\n"},
    {"a body without MIME says that nobody knows what it is (RFC 1428 3)", FROM, "\xe9\r\n",
        FROM "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\nContent-Transfer-Encoding: quoted-printable\r\n", "=E9\r\n"},
    {"text in 7 bits stays as it is", FROM PLAIN, "a = b \r\n.\r\n", FROM PLAIN, "a = b \r\n.\r\n"},
    {"8bit without an octet over 127 is 7bit", FROM PLAIN "Content-Transfer-Encoding: 8BIT (really)\r\n", "hi\r\n",
        FROM PLAIN "Content-Transfer-Encoding: 7bit\r\n", "hi\r\n"},
    {"blanks at the end of a line, dots and a line without end", FROM PLAIN, "\xe9 \r\n\t\r\n.\r\nx ",
        FROM PLAIN "Content-Transfer-Encoding: quoted-printable\r\n", "=E9=20\r\n=09\r\n.\r\nx=20"},
    {"other things than text become base64", FROM "MIME-Version: 1.0\r\nContent-Type: image/gif\r\nContent-Transfer-Encoding: binary\r\n",
        "GIF\xff\r\n", FROM "MIME-Version: 1.0\r\nContent-Type: image/gif\r\nContent-Transfer-Encoding: base64\r\n", "R0lG/w0K\r\n"},
    {"base64 and quoted-printable stay", FROM PLAIN "Content-Transfer-Encoding: base64\r\n", "w6k=\r\n",
        FROM PLAIN "Content-Transfer-Encoding: base64\r\n", "w6k=\r\n"},
    {"of the parts only those change that have to", FROM MIXED "Content-Transfer-Encoding: 8bit\r\n",
        "pre \r\n--b 1\r\nContent-Type: text/plain\r\n\r\nascii = \r\n--b 1\r\nContent-Type: text/html; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 8bit\r\nX-Last: 1\r\n\r\n<p>\xc3\xa9</p>\r\n--b 1\r\nContent-Type: application/x-y\r\n\r\n\xff\xfe\xfd\r\n--b 1--\r\nepi\r\n",
        FROM MIXED "Content-Transfer-Encoding: 7bit\r\n",
        "pre \r\n--b 1\r\nContent-Type: text/plain\r\n\r\nascii = \r\n--b 1\r\nContent-Type: text/html; charset=utf-8\r\n"
        "X-Last: 1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>=C3=A9</p>\r\n--b 1\r\nContent-Type: application/x-y\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n//79\r\n--b 1--\r\nepi\r\n"},
    {"an enclosed message is gone through (RFC 2046 5.2.1)", FROM MIXED,
        "--b 1\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nFrom: c@c.test\r\nContent-Type: multipart/alternative;\r\n"
        "\tboundary=in\r\n\r\n--in\r\n\r\n\xe9\r\n--in--\r\n--b 1--\r\n",
        FROM MIXED,
        "--b 1\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\nFrom: c@c.test\r\nContent-Type: multipart/alternative;\r\n"
        "\tboundary=in\r\n\r\n--in\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=E9\r\n--in--\r\n--b 1--\r\n"},
    {"the boundary of an outer part ends the inner ones", FROM MIXED,
        "--b 1\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\n\r\n\xe9\r\n--b 1\r\n\r\n--in\r\n\xe8\r\n--b 1--\r\n",
        FROM MIXED,
        "--b 1\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=E9\r\n--b 1\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n--in\r\n=E8\r\n--b 1--\r\n"},
    {"a boundary that only begins like one is text", FROM MIXED, "--b 1\r\n\r\n--b 12\r\n--b 1 \t\r\n\r\n\xe9\r\n--b 1-\r\n--b 1--",
        FROM MIXED, "--b 1\r\n\r\n--b 12\r\n--b 1 \t\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=E9\r\n--b 1-\r\n--b 1--"},
    {"a multipart without a boundary is one part", FROM "Content-Type: multipart/mixed\r\n", "--x\r\n\xe9\r\n",
        FROM "Content-Type: multipart/mixed\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n", "LS14DQrpDQo=\r\n"},
};

static void messages_are_converted_however_they_are_cut(void **state)
{
	size_t i, piece;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hk_slice header = hk_slice_str(cases[i].header), body = hk_slice_str(cases[i].body);

		for (piece = 1; piece <= body.n + 1; piece++) {
			struct converted c = convert(header, body, piece);

			if (c.status != HK_OK || !hk_slice_eq(hk_buf_slice(&c.header), hk_slice_str(cases[i].new_header)) ||
			    !hk_slice_eq(hk_buf_slice(&c.body), hk_slice_str(cases[i].new_body)))
				fail_msg("%s (pieces of %zu): %s\n%.*s\n%.*s", cases[i].name, piece, hk_status_name(c.status),
				    HK_FMT(hk_buf_slice(&c.header)), HK_FMT(hk_buf_slice(&c.body)));
			converted_done(&c);
		}
	}
}

/* RFC 2045 6.7 (5), 6.8 */
static void no_line_is_longer_than_76_characters(void **state)
{
	static const char *const types[] = {FROM PLAIN, FROM "Content-Type: image/gif\r\n"};
	size_t i, k, n;

	(void)state;
	for (k = 0; k < 2; k++) {
		for (n = 1; n < 300; n++) {
			struct hk_buf body;
			struct converted c;
			size_t column = 0;

			hk_buf_init(&body, 4096);
			for (i = 0; i < n; i++)
				hk_buf_add_byte(&body, i % 7 == 3 ? 0xe9 : 'x');
			hk_buf_add_byte(&body, 0xe9);
			hk_buf_add_str(&body, "\r\n");
			c = convert(hk_slice_str(types[k]), hk_buf_slice(&body), 17);
			assert_int_equal(c.status, HK_OK);
			for (i = 0; i < c.body.n; i++) {
				assert_true(c.body.p[i] < 0x80);
				column = c.body.p[i] == '\n' ? 0 : column + 1;
				assert_true(column <= 77); /* 76 and the CR */
			}
			converted_done(&c);
			hk_buf_done(&body);
		}
	}
}

/* A soft line break must not make a boundary out of text. */
static void no_boundary_comes_into_being(void **state)
{
	struct hk_buf body;
	size_t n;

	(void)state;
	for (n = 60; n < 90; n++) {
		struct converted c;
		size_t i, boundaries = 0;

		hk_buf_init(&body, 4096);
		hk_buf_add_str(&body, "--b 1\r\n\r\n\xe9");
		for (i = 0; i < n; i++)
			hk_buf_add_byte(&body, 'x');
		hk_buf_add_str(&body, "--b 1\r\n--b 1--\r\n");
		c = convert(HK_S(FROM MIXED), hk_buf_slice(&body), 100);
		assert_int_equal(c.status, HK_OK);
		for (i = 0; i + 6 < c.body.n; i++)
			boundaries += memcmp(c.body.p + i, "\n--b 1", 6) == 0;
		assert_int_equal(boundaries, 1); /* the last; the first has no line before it */
		converted_done(&c);
		hk_buf_done(&body);
	}
}

static void what_cannot_be_converted_is_told(void **state)
{
	struct hk_buf body;
	struct converted c;
	size_t i;

	(void)state;
	c = convert(HK_S(FROM PLAIN "Content-Type: image/gif\r\n"), HK_S("\xe9\r\n"), 9);
	assert_int_equal(c.status, HK_SYNTAX);
	converted_done(&c);
	c = convert(HK_S(FROM MIXED), HK_S("--b 1\r\nSubject: \xe9\r\n\r\nx\r\n--b 1--\r\n"), 9);
	assert_true(c.status == HK_OK && c.has_wide_header && !c.is_needed);
	converted_done(&c);

	/* limits, each at the limit and one over */
	for (i = 0; i < 2; i++) {
		size_t k;

		hk_buf_init(&body, 1 << 24);
		for (k = 0; k < HK_MIME_DEPTH_MAX - 1 + i; k++)
			hk_buf_addf(&body, "Content-Type: message/rfc822\r\n\r\n");
		hk_buf_add_str(&body, "\r\n\xe9\r\n");
		c = convert(HK_S(FROM "Content-Type: message/rfc822\r\n"), hk_buf_slice(&body), 1000);
		assert_int_equal(c.status, i ? HK_LIMIT : HK_OK);
		converted_done(&c);
		hk_buf_reset(&body);
		for (k = 0; k < HK_MIME_PARTS_MAX + i; k++)
			hk_buf_add_str(&body, "--b 1\r\n\r\nx\r\n");
		hk_buf_add_str(&body, "--b 1--\r\n");
		c = convert(HK_S(FROM MIXED), hk_buf_slice(&body), 1000);
		assert_int_equal(c.status, i ? HK_LIMIT : HK_OK);
		converted_done(&c);
		hk_buf_reset(&body);
		hk_buf_add_str(&body, "--b 1\r\nX: ");
		for (k = 0; k < HK_MIME_HEADER_MAX - 5 + i; k++)
			hk_buf_add_byte(&body, 'x');
		hk_buf_add_str(&body, "\r\n\r\nx\r\n--b 1--\r\n");
		c = convert(HK_S(FROM MIXED), hk_buf_slice(&body), 1000);
		assert_int_equal(c.status, i ? HK_LIMIT : HK_OK);
		converted_done(&c);
		hk_buf_done(&body);
	}
}

/* RFC 2045 2.9, 6.2 */
static void what_is_no_line_is_told_where_the_new_form_keeps_it(void **state)
{
#define BINARY "Content-Transfer-Encoding: binary\r\n"
#define ROW(text) text, sizeof(text) - 1
	static const struct {
		const char *header, *body;
		size_t n;
		bool has_stray;
	} rows[] = {
	    {FROM PLAIN, ROW("a\r\n\r\nb"), false}, {FROM PLAIN, ROW("a\n"), true}, {FROM PLAIN, ROW("a\rb\r\n"), true},
	    {FROM PLAIN, ROW("a\r\r\n"), true}, {FROM PLAIN, ROW("a\r"), true}, {FROM PLAIN, ROW("a\0b\r\n"), true},
	    {FROM PLAIN, ROW("-\n"), true}, {FROM PLAIN, ROW("-\r"), true},
	    {FROM BINARY, ROW("a\nb\rc\0\r"), false},
	    /* encoded anew for its octets over 127 */
	    {FROM PLAIN, ROW("a\n\xe9\r\n"), false},
	    {FROM PLAIN "Content-Transfer-Encoding: quoted-printable\r\n", ROW("a\n\xe9\r\n"), true},
	    {FROM MIXED BINARY, ROW("--b 1\r\n" BINARY "\r\na\nb\r\n--b 1--\r\n"), false},
	    {FROM MIXED BINARY, ROW("pre\n--b 1\r\n\r\na\r\n--b 1--\r\n"), true},
	    {FROM MIXED BINARY, ROW("--b 1\n\r\na\r\n--b 1--\r\n"), true},
	    {FROM MIXED BINARY, ROW("--b 1\r\nA: b\n" BINARY "\r\na\r\n--b 1--\r\n"), true},
	    {FROM MIXED BINARY, ROW("--b 1\r\n" BINARY "\r\na\n\r\n--b 1\r\n\r\nx\n\r\n--b 1--\r\n"), true},
	    {FROM MIXED BINARY, ROW("--b 1\r\n\r\nx\n\r\n--b 1\r\n" BINARY "\r\na\n\r\n--b 1--\r\n"), true},
	    {FROM MIXED BINARY, ROW("--b 1\r\n\r\nx\r\n--b 1--\r\n\n"), true},
	};
	size_t i, piece;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		for (piece = 1; piece <= rows[i].n; piece++) {
			struct converted c = convert(hk_slice_str(rows[i].header), hk_slice_of(rows[i].body, rows[i].n), piece);

			if (c.status != HK_OK || c.has_stray != rows[i].has_stray)
				fail_msg("row %zu in pieces of %zu: %s", i, piece, hk_status_name(c.status));
			converted_done(&c);
		}
	}
#undef ROW
#undef BINARY
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(messages_are_converted_however_they_are_cut),
	    cmocka_unit_test(no_line_is_longer_than_76_characters),
	    cmocka_unit_test(no_boundary_comes_into_being),
	    cmocka_unit_test(what_cannot_be_converted_is_told),
	    cmocka_unit_test(what_is_no_line_is_told_where_the_new_form_keeps_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
