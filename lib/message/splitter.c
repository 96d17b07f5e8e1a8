/* SPDX-License-Identifier: MIT */
#include "lib/message/message_internal.h"

/* How much of CR LF CR LF was just seen. A message begins as if a line had just ended, so that an empty first line
 * makes an empty header section (RFC 5322 3.5: fields are optional as far as syntax goes). */
enum { TAIL_NONE, TAIL_CR, TAIL_CRLF, TAIL_CRLFCR, TAIL_DONE };

void hk_splitter_init(struct hk_splitter *s, size_t max)
{
	size_t most;

	/* one more for the CR of the empty line, which comes before anybody can know that it is one */
	if (!hk_add_size(max, 1, &most))
		most = max;
	*s = (struct hk_splitter){.max = max, .tail = TAIL_CRLF};
	hk_buf_init(&s->header, most);
}

void hk_splitter_done(struct hk_splitter *s)
{
	hk_buf_done(&s->header);
}

static uint8_t next_tail(uint8_t tail, uint8_t byte)
{
	if (byte == '\r')
		return tail == TAIL_CRLF ? TAIL_CRLFCR : TAIL_CR;
	if (byte == '\n')
		return tail == TAIL_CR ? TAIL_CRLF : tail == TAIL_CRLFCR ? TAIL_DONE : TAIL_NONE;
	return TAIL_NONE;
}

/* How many octets of chunk belong to the header section and its empty line. */
static size_t find_end(struct hk_splitter *s, struct hk_slice chunk)
{
	size_t i = 0;

	while (i < chunk.n && s->tail != TAIL_DONE) {
		if (s->tail == TAIL_NONE) {
			i += hk_slice_find(hk_slice_from(chunk, i), '\r');
			if (i == chunk.n)
				break;
		}
		s->tail = next_tail(s->tail, chunk.p[i++]);
	}
	return i;
}

enum hk_status hk_splitter_feed(struct hk_splitter *s, struct hk_slice chunk, struct hk_slice *body)
{
	size_t n;

	if (s->in_body) {
		*body = chunk;
		return HK_OK;
	}
	if (hk_buf_status(&s->header) != HK_OK)
		return hk_buf_status(&s->header);
	n = find_end(s, chunk);
	if (s->tail == TAIL_DONE && n == 1) {
		/* the CR of the empty line came with an earlier chunk */
		s->header.n--;
	} else if (s->tail == TAIL_DONE) {
		hk_buf_add(&s->header, hk_slice_sub(chunk, 0, n - 2));
	} else {
		hk_buf_add(&s->header, chunk);
	}
	if (s->header.failed == HK_OK && s->header.n > s->max && s->tail != TAIL_CRLFCR)
		s->header.failed = HK_LIMIT;
	if (hk_buf_status(&s->header) != HK_OK)
		return hk_buf_status(&s->header);
	s->in_body = s->tail == TAIL_DONE;
	*body = hk_slice_from(chunk, n);
	return HK_OK;
}

bool hk_splitter_in_body(const struct hk_splitter *s)
{
	return s->in_body;
}

struct hk_slice hk_splitter_header(const struct hk_splitter *s)
{
	return hk_buf_slice(&s->header);
}
