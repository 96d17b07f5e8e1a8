/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "engine/world.h"

enum { LINE_MAX_BYTES = 2048 };

void hk_logf(struct hk_log *log, enum hk_log_level level, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	va_list args;
	size_t n, i;
	int wrote;

	if (!log)
		return;
	va_start(args, format);
	wrote = vsnprintf(line, sizeof line, format, args);
	va_end(args);
	if (wrote < 0)
		return;
	n = (size_t)wrote < sizeof line ? (size_t)wrote : sizeof line - 1;
	/* The last guard: a caller that forgot to quote still cannot break a line or reach a
	 * terminal. */
	for (i = 0; i < n; i++)
		if (line[i] < 0x20 || line[i] > 0x7e)
			line[i] = '?';
	log->line(log, level, hk_slice_of(line, n));
}

uint64_t hk_log_dropped(struct hk_log *log)
{
	return log && log->dropped ? log->dropped(log) : 0;
}

struct hk_disk_reason hk_disk_why(struct hk_disk *disk, enum hk_status status)
{
	return disk->ops->why ? disk->ops->why(disk, status) : (struct hk_disk_reason){""};
}

struct hk_log_quoted hk_log_quote(struct hk_slice s)
{
	struct hk_log_quoted ret = {""};
	struct hk_buf b;
	size_t n;

	/* a byte grows to four at most, and the dots of a cut need three */
	hk_buf_init(&b, sizeof ret.text * 4);
	hk_quote_add(&b, s, sizeof ret.text);
	n = b.n < sizeof ret.text ? b.n : sizeof ret.text - 1;
	if (n)
		memcpy(ret.text, b.p, n);
	hk_buf_done(&b);
	return ret;
}
