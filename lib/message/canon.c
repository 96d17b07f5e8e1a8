/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "lib/message/message_internal.h"

/* ---- header fields ------------------------------------------------------------ */

/* WORD octets at a time take an eighth of the time that single octets take. take_marks(p, after_space): a bit for each of them
 * that ends a run: HTAB, CR, or the second of two SP; that of p[0] is the lowest. *after_space goes from word to word. */
#ifdef __SSE2__
#include <emmintrin.h>

enum { WORD = 16, MARK_BITS = 1 };

static inline uint64_t take_marks(const uint8_t p[WORD], uint64_t *after_space)
{
	__m128i word = _mm_loadu_si128((const __m128i *)(const void *)p);
	/* HTAB and CR differ in one bit */
	__m128i stop = _mm_cmpeq_epi8(_mm_andnot_si128(_mm_set1_epi8(0x04), word), _mm_set1_epi8('\t'));
	unsigned space = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(word, _mm_set1_epi8(' ')));
	uint64_t marks = (unsigned)_mm_movemask_epi8(stop) | (space & (space << 1 | *after_space));

	*after_space = space >> (WORD - 1);
	return marks;
}
#else
enum { WORD = 8, MARK_BITS = 8 };

static inline uint64_t take_marks(const uint8_t p[WORD], uint64_t *after_space)
{
	const uint64_t ones = 0x0101010101010101, low = ones * 0x7f, high = ones * 0x80;
	uint64_t word, stop, other, space, marks;

	memcpy(&word, p, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	/* The lowest mark is a HTAB or CR; behind it there may be marks for nothing, which nobody looks at. */
	stop = (word & ~(ones * 0x04)) ^ ones * '\t';
	stop = (stop - ones) & ~stop & high;
	other = word ^ ones * ' ';
	space = ~(((other & low) + low) | other | low);
	marks = stop | (space & (space << 8 | *after_space << 7));
	*after_space = space >> 63;
	return marks;
}
#endif

/* The length of the run at the start of s in which nothing changes: no CR, no HTAB, and SP only singly and
 * before something else. It never ends with a SP. */
static size_t plain_run(struct hk_slice s)
{
	uint64_t after_space = 0, marks = 0;
	size_t i = 0;

	for (; s.n - i >= WORD && !marks; i += WORD)
		marks = take_marks(s.p + i, &after_space);
	if (marks)
		i = i - WORD + (size_t)__builtin_ctzll(marks) / MARK_BITS;
	for (; i < s.n && !marks; i++) {
		bool is_space = s.p[i] == ' ';

		if (s.p[i] == '\r' || s.p[i] == '\t' || (is_space && after_space))
			break;
		after_space = is_space;
	}
	return i && s.p[i - 1] == ' ' ? i - 1 : i;
}

/* The same for a body, whose line ends stay: over each CRLF that text stands before and behind. */
static size_t plain_lines(struct hk_slice s)
{
	size_t n = plain_run(s);

	while (n && s.n - n > 2 && s.p[n] == '\r' && s.p[n + 1] == '\n') {
		size_t more = plain_run(hk_slice_from(s, n + 2));

		if (!more)
			break;
		n += 2 + more;
	}
	return n;
}

/* The same in the simple form: up to the line ends that end s, which may be the last ones of the body. It looks back over
 * a few only: over many, again and again, a body made for it would cost the square of its length. */
static size_t simple_lines(struct hk_slice s)
{
	size_t n = s.n, least = s.n > 2 * WORD ? s.n - 2 * WORD : 0;

	while (n > least && (s.p[n - 1] == '\r' || s.p[n - 1] == '\n'))
		n--;
	return n > least ? n : hk_slice_find(s, '\r');
}

/* RFC 6376 3.4.2 for what stands after the colon. */
static void add_relaxed_value(struct hk_buf *b, struct hk_slice s)
{
	bool any = false, wsp = false;

	while (s.n) {
		size_t n = 1;

		if (s.n >= 2 && s.p[0] == '\r' && s.p[1] == '\n') {
			n = 2;
		} else if (hk_is_wsp(s.p[0])) {
			wsp = true;
		} else {
			n = plain_run(s);
			/* a CR alone is text: neither WSP nor folding */
			if (n == 0)
				n = 1;
			if (wsp && any)
				hk_buf_add_byte(b, ' ');
			hk_buf_add(b, hk_slice_sub(s, 0, n));
			any = true;
			wsp = false;
		}
		s = hk_slice_from(s, n);
	}
}

static void add_lower(struct hk_buf *b, struct hk_slice s)
{
	size_t at = b->n, i;

	hk_buf_add(b, s);
	for (i = at; i < b->n; i++)
		b->p[i] = hk_to_lower(b->p[i]);
}

void hk_canon_field(struct hk_buf *b, enum hk_canon canon, const struct hk_field *field)
{
	if (canon == HK_CANON_SIMPLE || field->name.n == 0) {
		hk_buf_add(b, hk_message_without_crlf(field->raw));
	} else {
		add_lower(b, field->name);
		hk_buf_add_byte(b, ':');
		add_relaxed_value(b, field->value);
	}
	hk_buf_add(b, HK_S("\r\n"));
}

/* ---- bodies ------------------------------------------------------------------- */

/* Line ends and white space are held back until it is known whether something follows them: CRLFs are counted
 * (trailing empty lines go, RFC 6376 3.4.3 and 3.4.4), WSP is one bit in the relaxed form (a run becomes one SP,
 * or nothing before a line end), and a CR waits for its LF. So the state is small and the cut of chunks is no matter. */

void hk_canon_body_init(struct hk_canon_body *c, enum hk_canon canon)
{
	*c = (struct hk_canon_body){.canon = canon};
}

struct room {
	uint8_t *out;
	size_t n, cap;
};

/* Writes what was held back before text that has come; false when there is no room for all of it yet. */
static bool release(struct hk_canon_body *c, struct room *r)
{
	while (c->blank_lines) {
		if (r->cap - r->n < 2)
			return false;
		r->out[r->n++] = '\r';
		r->out[r->n++] = '\n';
		c->blank_lines--;
	}
	if (c->wsp) {
		if (r->n == r->cap)
			return false;
		r->out[r->n++] = ' ';
		c->wsp = false;
	}
	return true;
}

/* The CR that waited was no line end, but text. */
static bool release_cr(struct hk_canon_body *c, struct room *r)
{
	if (!release(c, r) || r->n == r->cap)
		return false;
	r->out[r->n++] = '\r';
	c->cr = false;
	c->any = true;
	return true;
}

static bool copy_text(struct hk_canon_body *c, struct hk_slice *in, struct room *r)
{
	struct hk_slice some;
	size_t n;

	if (!release(c, r) || r->n == r->cap)
		return false;
	some = hk_slice_sub(*in, 0, r->cap - r->n);
	n = c->canon == HK_CANON_RELAXED ? plain_lines(some) : simple_lines(some);
	memcpy(r->out + r->n, some.p, n);
	r->n += n;
	c->any = true;
	*in = hk_slice_from(*in, n);
	return true;
}

size_t hk_canon_body_step(struct hk_canon_body *c, struct hk_slice *in, uint8_t *out, size_t cap)
{
	struct room r = {.out = out, .cap = cap};

	while (in->n) {
		uint8_t byte = in->p[0];

		if (c->cr && byte == '\n') {
			c->cr = c->wsp = false;
			c->blank_lines++;
		} else if (c->cr) {
			if (!release_cr(c, &r))
				break;
			continue;
		} else if (byte == '\r') {
			c->cr = true;
		} else if (c->canon == HK_CANON_RELAXED && hk_is_wsp(byte)) {
			c->wsp = true;
		} else {
			if (!copy_text(c, in, &r))
				break;
			continue;
		}
		*in = hk_slice_from(*in, 1);
	}
	return r.n;
}

size_t hk_canon_body_end(struct hk_canon_body *c, uint8_t *out, size_t cap)
{
	struct room r = {.out = out, .cap = cap};

	if (c->ended)
		return 0;
	if (c->cr && !release_cr(c, &r))
		return r.n;
	if (cap - r.n < 2)
		return r.n;
	c->ended = true;
	/* an empty body is one CRLF in the simple form (3.4.3), nothing in the relaxed one (3.4.4) */
	if (c->any || c->canon == HK_CANON_SIMPLE) {
		out[r.n++] = '\r';
		out[r.n++] = '\n';
	}
	return r.n;
}
