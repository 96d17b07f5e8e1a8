/* SPDX-License-Identifier: MIT
 *
 * For tests and fuzzing: the body forms of RFC 6376 3.4.3 and 3.4.4 written down as the RFC says them, over the
 * whole body at once and one step after the other. Slow and plain.
 */
#ifndef HIKYAKU_CANON_REFERENCE_H
#define HIKYAKU_CANON_REFERENCE_H

#include <hikyaku/message.h>

static inline struct hk_slice reference_line(struct hk_slice *rest, bool *ended)
{
	size_t i;

	for (i = 0; i + 1 < rest->n; i++) {
		if (rest->p[i] == '\r' && rest->p[i + 1] == '\n') {
			struct hk_slice line = hk_slice_sub(*rest, 0, i);

			*rest = hk_slice_from(*rest, i + 2);
			*ended = true;
			return line;
		}
	}
	*ended = false;
	return *rest;
}

static inline void reference_relax(struct hk_buf *out, struct hk_slice line)
{
	size_t i;

	while (line.n && hk_is_wsp(line.p[line.n - 1]))
		line.n--;
	for (i = 0; i < line.n; i++) {
		if (!hk_is_wsp(line.p[i]))
			hk_buf_add_byte(out, line.p[i]);
		else if (i == 0 || !hk_is_wsp(line.p[i - 1]))
			hk_buf_add_byte(out, ' ');
	}
}

static inline void reference_canon_body(struct hk_buf *out, enum hk_canon canon, struct hk_slice body)
{
	bool ended = true;

	while (body.n && ended) {
		struct hk_slice line = reference_line(&body, &ended);
		size_t before = out->n;

		if (canon == HK_CANON_RELAXED)
			reference_relax(out, line);
		else
			hk_buf_add(out, line);
		if (ended || out->n > before)
			hk_buf_add_str(out, "\r\n");
	}
	while (out->n >= 4 && out->p[out->n - 4] == '\r' && out->p[out->n - 3] == '\n' &&
	    out->p[out->n - 2] == '\r' && out->p[out->n - 1] == '\n')
		out->n -= 2;
	if (out->n == 2 && out->p[0] == '\r' && out->p[1] == '\n')
		out->n = 0;
	if (out->n == 0 && canon == HK_CANON_SIMPLE)
		hk_buf_add_str(out, "\r\n");
}

#endif
