/* SPDX-License-Identifier: MIT
 *
 * Any octets as a document: every token has its shape, brackets balance, and it ends. Any octets as a string: what the
 * writer makes of them the reader takes back, unchanged where they were UTF-8.
 */
#include <stdlib.h>

#include <hikyaku/json.h>

#include "lib/base/base_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void read_all(struct hk_slice doc)
{
	struct hk_arena a;
	struct hk_json_reader *r;
	enum hk_json_token token;
	struct hk_slice text;
	size_t depth = 0, n = 0;

	hk_arena_init(&a, 1 << 20);
	r = hk_json_reader_new(&a, doc);
	while (hk_json_next(r, &token, &text) == HK_OK && token != HK_JSON_END) {
		check(++n <= doc.n);
		depth += token == HK_JSON_OBJECT || token == HK_JSON_ARRAY;
		if (token == HK_JSON_OBJECT_END || token == HK_JSON_ARRAY_END)
			check(depth-- > 0);
		check(depth <= HK_JSON_MAX_DEPTH);
		check(hk_utf8_is_valid(text));
	}
	if (hk_json_next(r, &token, &text) == HK_OK)
		check(token == HK_JSON_END && depth == 0 && n > 0);
	hk_arena_done(&a);
}

static void round_trip(struct hk_slice s)
{
	struct hk_json_writer w;
	struct hk_json_reader *r;
	enum hk_json_token token;
	struct hk_slice text;
	struct hk_arena a;
	struct hk_buf b;

	hk_buf_init(&b, 8 * s.n + 16);
	hk_arena_init(&a, 1 << 20);
	hk_json_begin(&w, &b);
	hk_json_string(&w, NULL, s);
	check(hk_buf_status(&b) == HK_OK);
	r = hk_json_reader_new(&a, hk_buf_slice(&b));
	if (s.n < 100000) {
		check(hk_json_next(r, &token, &text) == HK_OK && token == HK_JSON_STRING);
		check(!hk_utf8_is_valid(s) || hk_slice_eq(text, s));
		check(hk_json_next(r, &token, &text) == HK_OK && token == HK_JSON_END);
	}
	hk_arena_done(&a);
	hk_buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_all(hk_slice_of(data, size));
	round_trip(hk_slice_of(data, size));
	return 0;
}
