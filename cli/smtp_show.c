/* SPDX-License-Identifier: MIT
 *
 * The transcript: lines as they pass, for people at once, and as JSON at the end.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/smtp/smtp_refusal.h"
#include "smtp.h"

enum { LINE_MOST = 4096, JSON_MOST = 8 * 1024 * 1024 };

uint64_t smtp_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void smtp_show_init(struct smtp_show *s, const struct smtp_options *o)
{
	uint64_t now = smtp_now_ms();

	*s = (struct smtp_show){.options = o, .began_ms = now, .waited_ms = now};
	hk_buf_init(&s->json, JSON_MOST);
	hk_buf_init(&s->in, LINE_MOST);
	hk_json_begin(&s->writer, &s->json);
	hk_json_object(&s->writer, NULL);
	hk_json_array(&s->writer, "transcript");
}

void smtp_show_done(struct smtp_show *s)
{
	hk_buf_done(&s->json);
	hk_buf_done(&s->in);
}

static bool for_people(const struct smtp_show *s)
{
	return !s->options->json && !s->options->quiet;
}

static void print(const char *mark, struct hk_slice line)
{
	struct hk_buf out;

	hk_buf_init(&out, LINE_MOST * 5);
	hk_buf_add_str(&out, mark);
	hk_quote_add(&out, line, LINE_MOST);
	hk_buf_add_byte(&out, '\n');
	cli_write(&out);
	fflush(stdout);
	hk_buf_done(&out);
}

static void record(struct smtp_show *s, const char *from, struct hk_slice line)
{
	if (!s->options->json || s->json.n > JSON_MOST / 2)
		return;
	hk_json_object(&s->writer, NULL);
	hk_json_int(&s->writer, "ms", (int64_t)(smtp_now_ms() - s->began_ms));
	hk_json_text(&s->writer, "from", from);
	hk_json_bool(&s->writer, "tls", s->is_tls);
	hk_json_string(&s->writer, "line", line);
	hk_json_close_object(&s->writer);
}

void smtp_note(struct smtp_show *s, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	record(s, "note", hk_slice_str(text));
	if (for_people(s))
		print("=== ", hk_slice_str(text));
}

static void sent_line(struct smtp_show *s, struct hk_slice line)
{
	record(s, "client", line);
	if (for_people(s))
		print(s->is_tls ? " ~> " : " -> ", line);
}

/* Without its line end. */
static struct hk_slice bare(struct hk_slice line)
{
	while (line.n && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
		line.n--;
	return line;
}

/* The next line of text with its line end, or all of it. */
static struct hk_slice next_line(struct hk_slice *text)
{
	size_t n = hk_slice_find(*text, '\n');
	struct hk_slice line = hk_slice_sub(*text, 0, n < text->n ? n + 1 : n);

	*text = hk_slice_from(*text, line.n);
	return line;
}

void smtp_show_sent(struct smtp_show *s, struct hk_slice bytes, bool is_body)
{
	s->waited_ms = smtp_now_ms();
	while (bytes.n) {
		struct hk_slice line = next_line(&bytes);

		if (s->hide) {
			/* RFC 4954: the verb and the mechanism may be seen, what follows is a
			 * secret */
			size_t verb = hk_slice_starts_nocase(line, HK_S("AUTH "))
			                  ? 5 + hk_slice_find(hk_slice_from(bare(line), 5), ' ')
			                  : 0;
			char text[64];

			snprintf(text, sizeof text, "%.*s%s(not shown)",
			    (int)(verb < 40 ? verb : 40), (const char *)line.p, verb ? " " : "");
			sent_line(s, verb == bare(line).n ? bare(line) : hk_slice_str(text));
			continue;
		}
		if (is_body && s->body_shown >= SMTP_SHOWN_MAX &&
		    !hk_slice_starts_nocase(line, HK_S("BDAT "))) {
			if (!s->hidden)
				sent_line(s, HK_S("(the rest of the message is not shown)"));
			s->hidden = true;
			continue;
		}
		s->body_shown += is_body ? line.n : 0;
		sent_line(s, bare(line));
	}
}

static void got_line(struct smtp_show *s, struct hk_slice line)
{
	bool refused = line.n && (line.p[0] == '4' || line.p[0] == '5');
	bool is_last = line.n < 4 || line.p[3] != '-';
	struct hk_slice transaction;
	enum hk_refusal why = refused && is_last ? hk_refusal_in(line, &transaction) : HK_REFUSAL_NONE;

	record(s, "server", line);
	if (for_people(s))
		print(refused ? s->is_tls ? "<~* " : "<** " : s->is_tls ? "<~  " : "<-  ", line);
	if (why)
		smtp_note(s, "What it means: hikyaku explain %s", hk_refusal_row(why)->id);
	s->replies += is_last;
	if (is_last && for_people(s) && smtp_now_ms() - s->waited_ms >= 200)
		smtp_note(s, "That took %.1f s", (double)(smtp_now_ms() - s->waited_ms) / 1000);
}

void smtp_show_got(struct smtp_show *s, struct hk_slice bytes)
{
	while (bytes.n) {
		struct hk_slice line = next_line(&bytes);

		/* a line that never ends is shown in pieces */
		hk_buf_add(&s->in, hk_slice_sub(line, 0, LINE_MOST - s->in.n));
		if (line.p[line.n - 1] != '\n' && s->in.n < LINE_MOST)
			return;
		got_line(s, bare(hk_buf_slice(&s->in)));
		hk_buf_reset(&s->in);
	}
}
