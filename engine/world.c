/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "engine/world.h"

enum { LINE_MOST = 2048 };

void hk_logf(struct hk_log *log, enum hk_log_level level, const char *format, ...)
{
	char line[LINE_MOST];
	va_list args;
	size_t i, used;
	int n;

	if (!log)
		return;
	va_start(args, format);
	n = vsnprintf(line, sizeof line, format, args);
	va_end(args);
	if (n < 0)
		return;
	used = (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
	/* the last line of defence of "hostile text is never printed raw": what was not quoted
	 * becomes '?' */
	for (i = 0; i < used; i++)
		if ((unsigned char)line[i] < 0x20 || (unsigned char)line[i] > 0x7e)
			line[i] = '?';
	log->line(log, level, hk_slice_of(line, used));
}

struct hk_log_quoted hk_log_quote(struct hk_slice s)
{
	struct hk_log_quoted q = {{0}};
	struct hk_buf b;
	size_t i;

	/* each byte takes up to four, then "..." and the NUL */
	hk_buf_init(&b, sizeof q.text - 1);
	hk_quote_add(&b, s, (sizeof q.text - 4) / 4);
	for (i = 0; i < b.n; i++)
		q.text[i] = (char)b.p[i];
	hk_buf_done(&b);
	return q;
}
