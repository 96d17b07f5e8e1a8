/* SPDX-License-Identifier: MIT
 *
 * A message in 7-bit form, read piece by piece (S3-016).
 */
#include <stdlib.h>
#include <string.h>

#include "engine/render.h"
#include "sim/disk.h"
#include "tests/unit.h"

struct form {
	struct hk_sim_disk disk;
	struct hk_arena arena;
	struct hk_mail mail;
	struct hk_render render;
};

static void begin(struct form *f, const char *header, struct hk_slice body)
{
	*f = (struct form){.mail = {.header = hk_slice_str(header), .body = body, .body_size = body.n}};
	hk_sim_disk_init(&f->disk, HK_SIM_POSIX, 1);
	hk_arena_init(&f->arena, 1 << 20);
	assert_int_equal(hk_render_init(&f->render, &f->arena, &f->mail, &f->disk.disk, "/spool"), HK_OK);
}

static void done(struct form *f)
{
	hk_render_done(&f->render);
	hk_arena_done(&f->arena);
	hk_sim_disk_done(&f->disk);
}

static void finish(struct form *f)
{
	struct hk_render_options options = {0};

	assert_int_equal(hk_render_convert(&f->render, true), HK_OK);
	assert_int_equal(hk_render_edit(&f->render, &f->arena, &options), HK_OK);
	assert_int_equal(hk_render_finish(&f->render, &options, (struct hk_slice){0}), HK_OK);
}

/* From the beginning, in pieces of at most `piece`, up to `most` bytes. */
static void read_some(struct form *f, size_t piece, size_t most, struct hk_buf *out)
{
	uint8_t to[4096];
	size_t n;

	hk_buf_reset(out);
	do {
		assert_int_equal(hk_render_read(&f->render, out->n, to, piece, &n), HK_OK);
		hk_buf_add(out, hk_slice_of(to, n));
	} while (n && out->n < most);
}

/* RFC 2045 6.7 undone. */
static void unquote(struct hk_slice s, struct hk_buf *out)
{
	static const char digits[] = "0123456789ABCDEF";

	while (s.n) {
		size_t used = 1;

		if (s.p[0] != '=') {
			hk_buf_add_byte(out, s.p[0]);
		} else if (s.p[1] == '\r') {
			used = 3;
		} else {
			hk_buf_add_byte(out, (uint8_t)((strchr(digits, s.p[1]) - digits) << 4 |
			                               (strchr(digits, s.p[2]) - digits)));
			used = 3;
		}
		s = hk_slice_from(s, used);
	}
}

/* S3-016: any text, any pieces, and from the beginning again after any part of it */
static void what_is_read_decodes_to_what_came_however_it_is_read(void **state)
{
	static const char header[] = "From: a@a.test\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
	                             "Content-Transfer-Encoding: 8bit\r\n";
	static uint8_t body[60000];
	struct hk_buf whole, again, plain;
	struct hk_prng prng;
	unsigned round;

	(void)state;
	hk_buf_init(&whole, 1 << 20);
	hk_buf_init(&again, 1 << 20);
	hk_buf_init(&plain, 1 << 20);
	hk_prng_init(&prng, 7);
	for (round = 0; round < 60; round++) {
		size_t n = 1 + (size_t)hk_prng_below(&prng, sizeof body - 2), i, at;
		struct form f;

		for (i = 0; i < n; i++) {
			uint64_t kind = hk_prng_below(&prng, 40);

			body[i] = (uint8_t)(kind < 8    ? 0x80 + hk_prng_below(&prng, 0x80)
			                    : kind == 9 ? ' '
			                    : kind == 8 ? '='
			                                : 0x21 + hk_prng_below(&prng, 0x5d));
			if (kind == 10 && i + 1 < n) {
				body[i] = '\r';
				body[++i] = '\n';
			}
		}
		body[0] = 0xe9;
		begin(&f, header, hk_slice_of(body, n));
		finish(&f);
		read_some(&f, 4096, SIZE_MAX, &whole);
		assert_int_equal(hk_render_size(&f.render), whole.n);
		for (i = 0; i < whole.n; i++)
			assert_in_range(whole.p[i], 1, 0x7f);
		for (at = 0; at + 4 < whole.n && memcmp(whole.p + at, "\r\n\r\n", 4) != 0; at++)
			;
		hk_buf_reset(&plain);
		unquote(hk_slice_from(hk_buf_slice(&whole), at + 4), &plain);
		assert_int_equal(plain.n, n);
		assert_memory_equal(plain.p, body, n);
		for (i = 0; i < 4; i++) {
			/* given up somewhere, as a connection is that goes */
			read_some(&f, 1 + (size_t)hk_prng_below(&prng, 4096),
			    (size_t)hk_prng_below(&prng, whole.n), &again);
			read_some(&f, 1 + (size_t)hk_prng_below(&prng, 4096), SIZE_MAX, &again);
			assert_true(hk_slice_eq(hk_buf_slice(&again), hk_buf_slice(&whole)));
		}
		done(&f);
	}
	hk_buf_done(&whole);
	hk_buf_done(&again);
	hk_buf_done(&plain);
}

/* S3-016: however long the message, no more than one piece of it is held */
static void a_long_message_is_converted_in_bounded_memory(void **state)
{
	static const char header[] = "From: a@a.test\r\n";
	enum { SIZE = 16 * 1024 * 1024 };
	uint8_t *body = malloc(SIZE), to[4096];
	uint64_t at = 0;
	struct form f;
	size_t n, i;

	(void)state;
	assert_non_null(body);
	for (i = 0; i < SIZE; i++)
		body[i] = (uint8_t)(i % 64 == 62 ? '\r' : i % 64 == 63 ? '\n' : 0xe0 + i % 16);
	begin(&f, header, hk_slice_of(body, SIZE));
	finish(&f);
	do {
		assert_int_equal(hk_render_read(&f.render, at, to, sizeof to, &n), HK_OK);
		assert_true(f.render.converted.cap <= HK_RECODE_ROOM(HK_RENDER_CHUNK));
		at += n;
	} while (n);
	assert_int_equal(at, hk_render_size(&f.render));
	assert_true(at > 2 * (uint64_t)SIZE);
	done(&f);
	free(body);
}

static void what_needs_no_conversion_stays_octet_for_octet(void **state)
{
	static const char header[] = "Subject: hi\r\n", body[] = "plain = \r\n.\r\n";
	struct hk_buf out;
	struct form f;

	(void)state;
	hk_buf_init(&out, 1 << 16);
	begin(&f, header, hk_slice_str(body));
	finish(&f);
	read_some(&f, 7, SIZE_MAX, &out);
	assert_true(hk_slice_eq(hk_buf_slice(&out), HK_S("Subject: hi\r\n\r\nplain = \r\n.\r\n")));
	done(&f);
	hk_buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_read_decodes_to_what_came_however_it_is_read),
	    cmocka_unit_test(a_long_message_is_converted_in_bounded_memory),
	    cmocka_unit_test(what_needs_no_conversion_stays_octet_for_octet),
	};

	return cmocka_run_group_tests_name("render", tests, NULL, NULL);
}
