/* SPDX-License-Identifier: MIT
 *
 * The walk through the parts of a message (RFC 2046 5.1), line by line, the same in both passes.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/base_internal.h"
#include "mime_internal.h"

/* What the walk is in. */
enum place {
	PLACE_HEADER, /* of a part or of an enclosed message */
	PLACE_LEAF,   /* the body of a part without parts */
	PLACE_BETWEEN /* preamble and epilogue of a multipart: they stay as they are */
};

/* A line that may be a boundary is held until it is whole: "--", the boundary, "--", blanks. */
enum { HOLD_MAX = 256 };

struct frame {
	uint8_t boundary[MIME_BOUNDARY_MAX];
	size_t n;
};

struct hk_recode {
	const struct hk_header *top;
	struct mime_entity entity; /* of the message */
	uint8_t *needs;            /* a bit for each leaf: it has an octet over 127 */
	size_t leaves;             /* known of the first pass */
	bool is_looking, is_needed, has_wide_header, has_stray;
	enum hk_status failed;

	/* the pass */
	enum place place;
	struct frame frame[HK_MIME_DEPTH_MAX];
	size_t depth, messages; /* messages: enclosed ones that are open, for the depth */
	size_t leaf;            /* index of the present one, or of the next */
	bool leaf_has_stray, leaf_is_encoded, was_cr;
	struct hk_buf header;   /* of the part, as it comes */
	uint8_t hold[HOLD_MAX];
	size_t hold_n;
	bool in_line; /* some of the line went by already */
	struct mime_encoder encoder;
	struct hk_buf *out; /* NULL: looking */
};

/* ---- leaves ---- */

static bool leaf_needs(const struct hk_recode *r, size_t leaf)
{
	return (r->needs[leaf / 8] >> leaf % 8 & 1) != 0;
}

static void mark_leaf(struct hk_recode *r)
{
	r->needs[r->leaf / 8] |= (uint8_t)(1u << r->leaf % 8);
	r->is_needed = true;
}

static enum mime_as how(const struct hk_recode *r, const struct mime_entity *e, size_t leaf)
{
	if (e->encoding == MIME_ENCODED || !leaf_needs(r, leaf))
		return MIME_AS_IS;
	return e->kind == MIME_TEXT && e->encoding != MIME_BINARY ? MIME_AS_QUOTED : MIME_AS_BASE64;
}

/* What Content-Transfer-Encoding becomes; NULL: it stays. */
static const char *new_encoding(const struct hk_recode *r, const struct mime_entity *e, size_t leaf)
{
	bool is_leaf = e->kind == MIME_TEXT || e->kind == MIME_OTHER;
	enum mime_as as = is_leaf ? how(r, e, leaf) : MIME_AS_IS;

	if (as != MIME_AS_IS || e->encoding == MIME_8BIT || e->encoding == MIME_BINARY)
		return mime_encoding_name(as);
	return NULL;
}

/* ---- entering and leaving bodies ---- */

static void enter(struct hk_recode *r, const struct mime_entity *e)
{
	if (e->encoding == MIME_8BIT || e->encoding == MIME_BINARY)
		r->is_needed = true;
	if (e->kind == MIME_MULTIPART || e->kind == MIME_MESSAGE) {
		if (r->depth + r->messages >= HK_MIME_DEPTH_MAX) {
			r->failed = HK_LIMIT;
			return;
		}
		r->place = e->kind == MIME_MESSAGE ? PLACE_HEADER : PLACE_BETWEEN;
		if (e->kind == MIME_MESSAGE) {
			r->messages++;
			return;
		}
		memcpy(r->frame[r->depth].boundary, e->boundary, e->boundary_n);
		r->frame[r->depth++].n = e->boundary_n;
		return;
	}
	r->place = PLACE_LEAF;
	if (r->leaf >= HK_MIME_PARTS_MAX) {
		r->failed = HK_LIMIT;
		return;
	}
	r->leaf_has_stray = false;
	r->leaf_is_encoded = e->encoding == MIME_ENCODED;
	if (r->is_looking && e->encoding == MIME_BINARY)
		mark_leaf(r); /* bare CR and LF are to be expected */
	if (!r->is_looking)
		mime_encoder_begin(&r->encoder, how(r, e, r->leaf));
}

static void leave(struct hk_recode *r, bool at_boundary)
{
	if (r->place == PLACE_LEAF) {
		r->has_stray |= r->leaf_has_stray && (r->leaf_is_encoded || !leaf_needs(r, r->leaf));
		if (r->out)
			mime_encoder_end(&r->encoder, at_boundary, r->out);
		r->leaf++;
	}
	r->place = PLACE_BETWEEN;
}

static void put(struct hk_recode *r, struct hk_slice text)
{
	if (r->out)
		hk_buf_add(r->out, text);
}

/* ---- the header of a part ---- */

static void write_header(struct hk_recode *r, const struct hk_header *h, const struct mime_entity *e)
{
	const char *encoding = new_encoding(r, e, r->leaf);
	size_t i;

	for (i = 0; i < h->n; i++)
		if (!encoding || !hk_slice_eq_nocase(h->field[i].name, HK_S("Content-Transfer-Encoding")))
			put(r, h->field[i].raw);
	if (encoding && r->out)
		hk_buf_addf(r->out, "Content-Transfer-Encoding: %s\r\n", encoding);
}

/* The header is complete; what ended it is written by the caller. */
static void end_of_header(struct hk_recode *r)
{
	struct mime_entity e;
	struct hk_header h;
	struct hk_arena a;
	enum hk_status status;

	if (!hk_slice_is_ascii(hk_buf_slice(&r->header)))
		r->has_wide_header = true;
	hk_arena_init(&a, 1024 * 1024);
	status = hk_buf_status(&r->header);
	if (status == HK_OK)
		status = hk_header_parse(&a, hk_buf_slice(&r->header), &h);
	if (status == HK_OK)
		status = mime_entity_read(&h, &e);
	if (status == HK_OK) {
		if (r->out)
			write_header(r, &h, &e);
		enter(r, &e);
	} else {
		r->failed = status;
	}
	hk_arena_done(&a);
	hk_buf_reset(&r->header);
}

/* ---- lines ---- */

static void stray(struct hk_recode *r)
{
	if (r->place == PLACE_LEAF)
		r->leaf_has_stray = true; /* gone if the part is encoded anew */
	else
		r->has_stray = true;
}

/* Only CRLF ends a line (RFC 5321 2.3.8), and no line of mail holds a NUL. */
static void look_for_strays(struct hk_recode *r, struct hk_slice text)
{
	size_t i;

	for (i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];

		if (c == '\0' || r->was_cr != (c == '\n'))
			stray(r);
		r->was_cr = c == '\r';
	}
}

/* Whether line is a boundary of a frame; *ret_frame: of which, *ret_close: the last one. Inner ones are asked first. */
static bool is_boundary(const struct hk_recode *r, struct hk_slice line, size_t *ret_frame, bool *ret_close)
{
	size_t i;

	if (line.n < 2 || line.p[0] != '-' || line.p[1] != '-')
		return false;
	line = hk_slice_trim(hk_slice_from(line, 2));
	for (i = r->depth; i-- > 0;) {
		struct hk_slice boundary = hk_slice_of(r->frame[i].boundary, r->frame[i].n);
		struct hk_slice rest = hk_slice_from(line, boundary.n);

		if (line.n < boundary.n || memcmp(line.p, boundary.p, boundary.n) != 0)
			continue;
		if (rest.n != 0 && !hk_slice_eq(rest, HK_S("--")))
			continue;
		*ret_frame = i;
		*ret_close = rest.n != 0;
		return true;
	}
	return false;
}

static void at_boundary(struct hk_recode *r, struct hk_slice line, size_t frame, bool is_close)
{
	/* a part without an empty line has a header only */
	if (r->place == PLACE_HEADER)
		end_of_header(r);
	leave(r, true);
	if (r->is_looking)
		look_for_strays(r, line);
	put(r, line);
	r->depth = is_close ? frame : frame + 1;
	r->messages = 0; /* those around the frame are not counted again: the frames bound the depth */
	if (!is_close)
		r->place = PLACE_HEADER;
}

/* A whole line, or a piece of a long one. */
static void piece(struct hk_recode *r, struct hk_slice text, bool begins_line)
{
	if (r->is_looking)
		look_for_strays(r, text);
	switch (r->place) {
	case PLACE_HEADER:
		if (begins_line && hk_slice_eq(text, HK_S("\r\n"))) {
			end_of_header(r);
			put(r, text);
		} else {
			hk_buf_add(&r->header, text);
			if (hk_buf_status(&r->header) != HK_OK)
				r->failed = hk_buf_status(&r->header);
		}
		break;
	case PLACE_LEAF:
		if (r->is_looking && !leaf_needs(r, r->leaf) && !hk_slice_is_ascii(text))
			mark_leaf(r);
		if (r->out)
			mime_encoder_put(&r->encoder, text, r->out);
		break;
	case PLACE_BETWEEN:
		put(r, text);
		break;
	}
}

static void flush_hold(struct hk_recode *r)
{
	struct hk_slice line = hk_slice_of(r->hold, r->hold_n);
	bool is_close, is_whole = line.n && line.p[line.n - 1] == '\n';
	size_t frame, n = r->hold_n;

	if (n == 0)
		return;
	r->hold_n = 0;
	if (is_boundary(r, line, &frame, &is_close))
		at_boundary(r, line, frame, is_close);
	else
		piece(r, line, true);
	r->in_line = !is_whole;
}

/* Lines that begin with "-", and those of a header, are gathered; the rest goes through as it comes. */
static bool is_held(const struct hk_recode *r, uint8_t first)
{
	return !r->in_line && (r->hold_n || first == '-' || r->place == PLACE_HEADER);
}

static enum hk_status feed(struct hk_recode *r, struct hk_slice chunk)
{
	while (chunk.n && r->failed == HK_OK) {
		size_t lf = hk_slice_find(chunk, '\n');
		struct hk_slice line = hk_slice_sub(chunk, 0, lf + 1);

		if (is_held(r, chunk.p[0])) {
			line = hk_slice_sub(line, 0, HOLD_MAX - r->hold_n);
			memcpy(r->hold + r->hold_n, line.p, line.n);
			r->hold_n += line.n;
			if (r->hold_n == HOLD_MAX || line.p[line.n - 1] == '\n')
				flush_hold(r);
		} else {
			piece(r, line, !r->in_line);
			r->in_line = line.p[line.n - 1] != '\n';
		}
		chunk = hk_slice_from(chunk, line.n);
	}
	if (r->failed == HK_OK && r->out)
		r->failed = hk_buf_status(r->out);
	return r->failed;
}

static enum hk_status finish(struct hk_recode *r)
{
	if (r->failed != HK_OK)
		return r->failed;
	flush_hold(r);
	if (r->was_cr)
		stray(r);
	if (r->place == PLACE_HEADER && r->header.n)
		end_of_header(r);
	leave(r, false);
	if (r->failed == HK_OK && r->out)
		r->failed = hk_buf_status(r->out);
	return r->failed;
}

static void begin(struct hk_recode *r)
{
	r->place = PLACE_BETWEEN;
	r->depth = r->messages = r->leaf = r->hold_n = 0;
	r->in_line = r->was_cr = false;
	hk_buf_reset(&r->header);
	if (r->failed == HK_OK)
		enter(r, &r->entity);
}

/* ---- the calls ---- */

struct hk_recode *hk_recode_new(const struct hk_header *header)
{
	struct hk_recode *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->needs = calloc(HK_MIME_PARTS_MAX / 8 + 1, 1);
	if (!r->needs) {
		free(r);
		return NULL;
	}
	r->top = header;
	r->is_looking = true;
	hk_buf_init(&r->header, HK_MIME_HEADER_MAX);
	r->failed = mime_entity_read(header, &r->entity);
	begin(r);
	return r;
}

void hk_recode_free(struct hk_recode *r)
{
	if (!r)
		return;
	hk_buf_done(&r->header);
	free(r->needs);
	free(r);
}

enum hk_status hk_recode_look(struct hk_recode *r, struct hk_slice chunk)
{
	return r->is_looking ? feed(r, chunk) : HK_BUG;
}

enum hk_status hk_recode_look_end(struct hk_recode *r)
{
	enum hk_status status = r->is_looking ? finish(r) : HK_BUG;

	r->is_looking = false;
	begin(r);
	return status;
}

bool hk_recode_is_needed(const struct hk_recode *r)
{
	return r->is_needed;
}

bool hk_recode_has_stray(const struct hk_recode *r)
{
	return r->has_stray;
}

bool hk_recode_has_wide_header(const struct hk_recode *r)
{
	return r->has_wide_header;
}

enum hk_status hk_recode_edits(const struct hk_recode *r, struct hk_edits *edits)
{
	const char *encoding = new_encoding(r, &r->entity, 0);
	enum hk_status status = HK_OK;
	struct hk_buf text;
	size_t i;

	if (!encoding)
		return HK_OK;
	hk_buf_init(&text, 512);
	if (!r->entity.has_version)
		hk_buf_add_str(&text, "MIME-Version: 1.0\r\n");
	/* RFC 1428 3: nobody said what it is */
	if (!r->entity.has_type)
		hk_buf_add_str(&text, "Content-Type: text/plain; charset=unknown-8bit\r\n");
	hk_buf_addf(&text, "Content-Transfer-Encoding: %s\r\n", encoding);
	for (i = 0; status == HK_OK && i < r->top->n; i++)
		if (hk_slice_eq_nocase(r->top->field[i].name, HK_S("Content-Transfer-Encoding")))
			status = hk_edits_remove(edits, i);
	if (status == HK_OK)
		status = hk_buf_status(&text);
	if (status == HK_OK)
		status = hk_edits_insert(edits, r->top->n, hk_buf_slice(&text));
	hk_buf_done(&text);
	return status;
}

enum hk_status hk_recode_body(struct hk_recode *r, struct hk_slice chunk, struct hk_buf *out)
{
	if (r->is_looking)
		return HK_BUG;
	r->out = out;
	return feed(r, chunk);
}

enum hk_status hk_recode_end(struct hk_recode *r, struct hk_buf *out)
{
	enum hk_status status;

	if (r->is_looking)
		return HK_BUG;
	r->out = out;
	status = finish(r);
	r->out = NULL;
	begin(r); /* a third pass: the body is read twice where it is signed */
	return status;
}
