/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "engine/world.h"
#include "lib/base/quote.h"

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

/* Without memory: a line says who it is about where there is none, too. */
struct hk_log_quoted hk_log_quote(struct hk_slice s)
{
	struct hk_log_quoted ret = {""};
	char quoted[HK_QUOTED_SEQUENCE];
	size_t n = 0, k, taken;

	for (; s.n; s = hk_slice_from(s, taken)) {
		k = hk_quote_sequence(s, quoted, &taken);
		if (n + k >= sizeof ret.text)
			break;
		memcpy(ret.text + n, quoted, k);
		n += k;
	}
	return ret;
}
