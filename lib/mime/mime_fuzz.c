/* SPDX-License-Identifier: MIT
 *
 * Any message, whole and in pieces: the same result, in the room that was promised; what needs nothing stays as it is; and only
 * lines come out where nothing else was told of.
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

struct seen {
	bool wide, needed, stray;
};

static enum hk_status convert(const struct hk_header *h, struct hk_slice body, size_t piece, struct hk_buf *out, struct seen *seen)
{
	struct hk_recode *r = hk_recode_new(h);
	enum hk_status status;

	if (!r)
		abort();
	status = pass(r, body, piece, NULL);
	*seen = (struct seen){hk_recode_has_wide_header(r), hk_recode_is_needed(r), hk_recode_has_stray(r)};
	if (status == HK_OK)
		status = pass(r, body, piece, out);
	hk_recode_free(r);
	return status;
}

/* Whether it is anything else than lines that end in CRLF, the last one perhaps not. */
static bool is_no_lines(struct hk_slice s)
{
	bool was_cr = false;
	size_t i;

	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '\0' || was_cr != (s.p[i] == '\n'))
			return true;
		was_cr = s.p[i] == '\r';
	}
	return was_cr;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct hk_slice body, input = hk_slice_of(data, n);
	struct hk_buf one, two;
	struct hk_splitter split;
	struct hk_header h;
	struct hk_arena a;
	struct seen seen, again;
	enum hk_status status;

	hk_arena_init(&a, 1 << 24);
	hk_buf_init(&one, 1 << 26);
	hk_buf_init(&two, 1 << 26);
	hk_splitter_init(&split, HK_HEADER_SECTION_MAX);
	if (hk_splitter_feed(&split, input, &body) == HK_OK && hk_splitter_in_body(&split) &&
	    hk_header_parse(&a, hk_splitter_header(&split), &h) == HK_OK) {
		status = convert(&h, body, n, &one, &seen);
		if (convert(&h, body, 3, &two, &again) != status || !hk_slice_eq(hk_buf_slice(&one), hk_buf_slice(&two)) ||
		    seen.stray != again.stray)
			abort();
		if (status == HK_OK && one.n > HK_RECODE_ROOM(body.n))
			abort();
		if (status == HK_OK && !seen.needed && !hk_slice_eq(hk_buf_slice(&one), body))
			abort();
		if (status == HK_OK && (seen.needed ? !seen.stray && is_no_lines(hk_buf_slice(&one)) : seen.stray != is_no_lines(body)))
			abort();
	}
	hk_splitter_done(&split);
	hk_buf_done(&one);
	hk_buf_done(&two);
	hk_arena_done(&a);
	return 0;
}
