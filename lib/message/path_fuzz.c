/* SPDX-License-Identifier: MIT
 *
 * Any octets as an envelope path (the first says with which flags): what is taken keeps its limits, holds no control
 * character, and reads the same between brackets. What the strict form takes every other form takes.
 */
#include <stdlib.h>

#include <hikyaku/message.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void check_path(struct hk_arena *a, const struct hk_path *path, unsigned flags)
{
	struct hk_slice rest;
	struct hk_path again;
	struct hk_buf b;
	size_t i;

	check(path->local.n <= HK_LOCAL_MAX && path->domain.n <= HK_DOMAIN_MAX && path->text.n + 2 <= HK_PATH_MAX);
	check(path->is_null == (path->text.n == 0) && path->local.n <= path->text.n);
	for (i = 0; i < path->text.n; i++)
		check(path->text.p[i] >= 0x20 && path->text.p[i] != 0x7f);
	hk_buf_init(&b, 1000);
	hk_buf_add_byte(&b, '<');
	hk_buf_add(&b, path->text);
	hk_buf_add_byte(&b, '>');
	check(hk_path_parse(a, hk_buf_slice(&b), flags, &again, &rest) == HK_OK && rest.n == 0);
	check(hk_slice_eq(path->text, again.text) && hk_slice_eq(path->local, again.local));
	check(hk_slice_eq(path->domain, again.domain) && path->is_utf8 == again.is_utf8);
	hk_buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { WIDEST = HK_PATH_LENIENT | HK_PATH_NULL | HK_PATH_POSTMASTER | HK_PATH_UTF8 };
	struct hk_slice text, rest, wide_rest;
	struct hk_path path, wide;
	struct hk_arena a;

	if (size == 0)
		return 0;
	text = hk_slice_of(data + 1, size - 1);
	hk_arena_init(&a, 65536);
	if (hk_path_parse(&a, text, data[0], &path, &rest) == HK_OK) {
		check(rest.n == 0 || (rest.p == text.p + text.n - rest.n && hk_is_wsp(rest.p[0])));
		check_path(&a, &path, data[0]);
		check(hk_path_parse(&a, text, WIDEST, &wide, &wide_rest) == HK_OK && wide_rest.n == rest.n);
		check(hk_slice_eq(path.text, wide.text));
	}
	hk_arena_done(&a);
	return 0;
}
