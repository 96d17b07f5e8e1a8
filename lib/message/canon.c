/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "lib/message/message_internal.h"

/* ---- header fields ------------------------------------------------------------ */

/* How many of the eight octets at p are plain, as far as that is seen from them alone: 8, or 7
 * where the last one is a SP, or 0 for "look closer". A word at a time takes a third of the time
 * that octets take. */
static size_t plain_in_word(const uint8_t p[8])
{
	const uint64_t ones = 0x0101010101010101, low = ones * 0x7f, high = ones * 0x80;
	uint64_t word, stop, other, space;

	memcpy(&word, p, sizeof word);
	stop = (word & ~(ones * 0x04)) ^
	       ones * '\t'; /* a zero octet for HTAB and for CR, which differ in that bit */
	other = word ^ ones * ' ';
	space = ~(((other & low) + low) | other |
	          low); /* the high bit of each octet that is a SP, and of no other */
	/* neighbours in the word are neighbours in memory, whatever the order of octets */
	if (((stop - ones) & ~stop & high) || (space & space << 8))
		return 0;
	return p[7] == ' ' ? 7 : 8;
}

/* The length of the run at the start of s in which nothing changes: no CR, no HTAB, and SP only singly and
 * before something else. It never ends with a SP. */
static size_t plain_run(struct hk_slice s)
{
	/* 1: CR, HTAB; 2: SP */
	static const uint8_t kind[256] = {['\r'] = 1, ['\t'] = 1, [' '] = 2};
	size_t i = 0, end = 0, word;

	while (i < s.n) {
		if (i >= end && s.n - i >= 8) {
			word = plain_in_word(s.p + i);
			i += word;
			if (word)
				continue;
			end = i + 8;
		}
		if (kind[s.p[i]] == 0)
			i++;
		else if (kind[s.p[i]] == 2 && i + 1 < s.n && kind[s.p[i + 1]] == 0)
			i += 2;
		else
			break;
	}
	return i;
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
	n = c->canon == HK_CANON_RELAXED ? plain_run(some) : hk_slice_find(some, '\r');
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
