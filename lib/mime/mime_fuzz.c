/* SPDX-License-Identifier: MIT
 *
 * Any message, whole and in pieces: the same result, in the room that was promised; and what needs nothing stays as it is.
 */
#include <stdint.h>
#include <stdlib.h>

#include <hikyaku/mime.h>

static enum hk_status pass(struct hk_recode *r, struct hk_slice body, size_t piece, struct hk_buf *out)
{
	while (body.n) {
		struct hk_slice chunk = hk_slice_sub(body, 0, piece);
		enum hk_status status = out ? hk_recode_body(r, chunk, out) : hk_recode_look(r, chunk);

		if (status != HK_OK)
			return status;
		body = hk_slice_from(body, chunk.n);
	}
	return out ? hk_recode_end(r, out) : hk_recode_look_end(r);
}

static enum hk_status convert(const struct hk_header *h, struct hk_slice body, size_t piece, struct hk_buf *out, bool *wide, bool *needed)
{
	struct hk_recode *r = hk_recode_new(h);
	enum hk_status status;

	if (!r)
		abort();
	status = pass(r, body, piece, NULL);
	*wide = hk_recode_has_wide_header(r);
	*needed = hk_recode_is_needed(r);
	if (status == HK_OK)
		status = pass(r, body, piece, out);
	hk_recode_free(r);
	return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct hk_slice body, input = hk_slice_of(data, n);
	struct hk_buf one, two;
	struct hk_splitter split;
	struct hk_header h;
	struct hk_arena a;
	bool wide, needed;
	enum hk_status status;

	hk_arena_init(&a, 1 << 24);
	hk_buf_init(&one, 1 << 26);
	hk_buf_init(&two, 1 << 26);
	hk_splitter_init(&split, HK_HEADER_SECTION_MAX);
	if (hk_splitter_feed(&split, input, &body) == HK_OK && hk_splitter_in_body(&split) &&
	    hk_header_parse(&a, hk_splitter_header(&split), &h) == HK_OK) {
		status = convert(&h, body, n, &one, &wide, &needed);
		if (convert(&h, body, 3, &two, &wide, &needed) != status || !hk_slice_eq(hk_buf_slice(&one), hk_buf_slice(&two)))
			abort();
		if (status == HK_OK && one.n > HK_RECODE_ROOM(body.n))
			abort();
		if (status == HK_OK && !needed && !hk_slice_eq(hk_buf_slice(&one), body))
			abort();
	}
	hk_splitter_done(&split);
	hk_buf_done(&one);
	hk_buf_done(&two);
	hk_arena_done(&a);
	return 0;
}
