/* SPDX-License-Identifier: MIT
 *
 * lines.h - what the servers that take mail hear, line by line (chain/sink.c, oom/server.c).
 */
#ifndef HIKYAKU_SIM_LINES_H
#define HIKYAKU_SIM_LINES_H

#include <string.h>

#include <hikyaku/base.h>

/* hk_sim_line(in, bytes): what comes before the end of a line, and that, goes from *bytes to in. false: the end is not there yet. */
static inline bool hk_sim_line(struct hk_buf *in, struct hk_slice *bytes)
{
	struct hk_slice line = hk_slice_sub(*bytes, 0, hk_slice_find(*bytes, '\n') + 1);

	hk_buf_add(in, line);
	*bytes = hk_slice_from(*bytes, line.n);
	return line.n && line.p[line.n - 1] == '\n';
}

/* hk_sim_is_message(in): those lines end with the dot of a message. */
static inline bool hk_sim_is_message(const struct hk_buf *in)
{
	return in->n >= 5 && memcmp(in->p + in->n - 5, "\r\n.\r\n", 5) == 0;
}

#endif
