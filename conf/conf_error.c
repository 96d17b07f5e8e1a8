/* SPDX-License-Identifier: MIT
 *
 * conf_error.c - errors with their place, and the near name for a misspelt one.
 */
#include <stdio.h>
#include <string.h>

#include "conf/conf_internal.h"

enum { NEAR = 2, NAME_MAX_NEAR = 64 };

void conf_error(struct conf_reader *r, const struct conf_token *at, const char *format, ...)
{
	char line[512];
	va_list args;

	if (r->errors++ == 0) {
		r->error->line = at->line;
		r->error->column = at->column;
	}
	if (r->errors > CONF_ERRORS_MAX)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	hk_buf_addf(&r->error->text, "%s:%u:%u: %s\n", r->file, at->line, at->column, line);
}

struct conf_shown conf_shown(struct hk_slice s)
{
	struct conf_shown shown = {""};
	struct hk_buf b;

	hk_buf_init(&b, sizeof shown.text - 1);
	hk_quote_add(&b, s, CONF_TEXT_SHOWN);
	if (hk_buf_status(&b) == HK_OK && b.n)
		memcpy(shown.text, b.p, b.n);
	hk_buf_done(&b);
	return shown;
}

/* Optimal string alignment: edits are insert, delete, change, and the swap of two neighbours. Three
 * rows are enough. */
static unsigned distance(struct hk_slice a, struct hk_slice b)
{
	unsigned row[3][NAME_MAX_NEAR + 1], *old = row[0], *last = row[1], *now = row[2], *spare;
	size_t i, j;

	for (j = 0; j <= b.n; j++)
		last[j] = (unsigned)j;
	for (i = 1; i <= a.n; i++) {
		now[0] = (unsigned)i;
		for (j = 1; j <= b.n; j++) {
			unsigned change =
			    last[j - 1] + (hk_to_lower(a.p[i - 1]) != hk_to_lower(b.p[j - 1]));

			now[j] = last[j] + 1 < now[j - 1] + 1 ? last[j] + 1 : now[j - 1] + 1;
			if (change < now[j])
				now[j] = change;
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] &&
			    a.p[i - 2] == b.p[j - 1] && old[j - 2] + 1 < now[j])
				now[j] = old[j - 2] + 1;
		}
		spare = old;
		old = last;
		last = now;
		now = spare;
	}
	return last[b.n];
}

void conf_hint_try(struct conf_hint *h, struct hk_slice text, struct hk_slice candidate)
{
	unsigned d;

	if (!text.n || text.n > NAME_MAX_NEAR || candidate.n > NAME_MAX_NEAR)
		return;
	d = distance(text, candidate);
	/* of a short word hardly anything would remain after two edits */
	if (d > NEAR || d >= candidate.n || (h->text[0] && d >= h->distance))
		return;
	h->distance = d;
	snprintf(h->text, sizeof h->text, "; did you mean \"%.*s\"?", HK_FMT(candidate));
}
