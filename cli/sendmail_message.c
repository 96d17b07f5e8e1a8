/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <hikyaku/crypto.h>
#include <hikyaku/message.h>

#include "engine/world.h"
#include "lib/message/message_internal.h"
#include "sendmail.h"

enum { LINE_ROOM = 64 * 1024 };

/* ---- bytes --------------------------------------------------------------------- */

static bool ends_with_line(const struct hk_buf *b)
{
	return !b->n || b->p[b->n - 1] == '\n';
}

static bool is_last_line_a_dot(const struct hk_buf *b)
{
	return b->n >= 3 && memcmp(b->p + b->n - 3, ".\r\n", 3) == 0 && (b->n == 3 || b->p[b->n - 4] == '\n');
}

/* A CR alone, as of a progress bar in the output of a cron job, and NUL cannot be sent (RFC 5321 2.3.8): a blank stands for them, and the
 * message is not lost. */
static void blank_out_cr(struct hk_buf *b)
{
	if (b->n && b->p[b->n - 1] == '\r')
		b->p[b->n - 1] = ' ';
}

/* The standard input with CRLF at each line's end; up to a line that is a dot, unless that is ignored. */
static int read_input(const struct sendmail *s, struct hk_buf *b)
{
	int c, before = 0;

	while ((c = getchar()) != EOF) {
		if (c != '\n')
			blank_out_cr(b);
		else if (before != '\r')
			hk_buf_add_byte(b, '\r');
		hk_buf_add_byte(b, (uint8_t)(c ? c : ' '));
		before = c;
		if (c == '\n' && !s->ignores_dot && is_last_line_a_dot(b)) {
			b->n -= 3;
			break;
		}
	}
	blank_out_cr(b);
	if (!ends_with_line(b))
		hk_buf_add_str(b, "\r\n");
	if (ferror(stdin)) {
		sendmail_complain(s, "the message cannot be read", NULL);
		return EX_IOERR;
	}
	if (hk_buf_status(b) != HK_OK) {
		sendmail_complain(s, "the message is too large", NULL);
		return EX_DATAERR;
	}
	return EX_OK;
}

/* A mailbox's "From " line in front is no field. */
static struct hk_slice without_from_line(struct hk_slice m)
{
	if (hk_slice_eq(hk_slice_sub(m, 0, 5), HK_S("From ")))
		return hk_slice_from(m, hk_slice_find(m, '\n') + 1);
	return m;
}

/* ---- recipients of the header ------------------------------------------------------- */

static bool is_any(struct hk_slice name, const char *const *names)
{
	while (*names)
		if (hk_slice_eq_nocase(name, hk_slice_str(*names++)))
			return true;
	return false;
}

static bool is_name(struct hk_slice s)
{
	size_t i;

	for (i = 0; i < s.n && (hk_message_is_atext(s.p[i]) || s.p[i] == '.'); i++)
		;
	return s.n && i == s.n;
}

/* Behind the quoted string or the comment that begins at `at`. */
static size_t skip_enclosed(struct hk_slice s, size_t at)
{
	uint8_t begin = s.p[at];
	size_t depth = 0;

	for (; at < s.n; at++) {
		if (s.p[at] == '\\')
			at++;
		else if (s.p[at] == (begin == '(' ? ')' : begin) && depth && !--depth)
			return at + 1;
		else if (s.p[at] == begin)
			depth++;
	}
	return s.n;
}

/* A list as people write it: a name alone ("To: root") is one of this host, of which RFC 5322 knows nothing. */
static void add_hosts(const struct sendmail *s, struct hk_slice text, struct hk_buf *out)
{
	size_t from = 0, i = 0;

	while (i <= text.n) {
		uint8_t c = i < text.n ? text.p[i] : ',';
		struct hk_slice piece = hk_slice_sub(text, from, i - from);

		if (c == '"' || c == '(') {
			i = skip_enclosed(text, i);
			continue;
		}
		if (strchr("<>,;:", c) && c) {
			if (c != ':' && c != '<' && is_name(hk_slice_trim(piece)))
				hk_buf_addf(out, " %.*s@%s", HK_FMT(hk_slice_trim(piece)), s->host);
			else
				hk_buf_add(out, piece);
			hk_buf_add(out, hk_slice_sub(text, i, 1));
			from = i + 1;
		}
		i++;
	}
}

/* A list that is none is no guess's business. */
int sendmail_add_list(struct sendmail *s, struct hk_slice text, const char *where)
{
	struct hk_address_list list;
	struct hk_slice address;
	int code = EX_OK;
	struct hk_buf b;
	size_t i;

	hk_buf_init(&b, CLI_MESSAGE_MAX);
	add_hosts(s, text, &b);
	if (hk_buf_status(&b) != HK_OK || hk_address_list_parse(&s->arena, hk_buf_slice(&b), &list) != HK_OK) {
		sendmail_complain(s, "no list of addresses", where);
		code = EX_DATAERR;
	}
	for (i = 0; code == EX_OK && i < list.n; i++) {
		if (hk_arena_fmt(&s->arena, &address, "%.*s@%.*s", HK_FMT(list.at[i].local), HK_FMT(list.at[i].domain)) == HK_OK)
			code = sendmail_add_rcpt(s, address);
		else
			code = EX_OSERR;
	}
	hk_buf_done(&b);
	return code;
}

/* Resent fields alone where there are any (RFC 5322 3.6.6). */
static int take_recipients(struct sendmail *s, const struct hk_header *h)
{
	static const char *const first[] = {"To", "Cc", "Bcc", NULL}, *const again[] = {"Resent-To", "Resent-Cc", "Resent-Bcc", NULL};
	const char *const *names = first;
	int code = EX_OK;
	size_t i;

	for (i = 0; i < h->n; i++)
		if (is_any(h->field[i].name, again))
			names = again;
	for (i = 0; code == EX_OK && i < h->n; i++)
		/* none stands in "Bcc:" (RFC 5322 3.6.3), nor in the "To:" of many programs */
		if (is_any(h->field[i].name, names) && hk_slice_trim(h->field[i].value).n)
			code = sendmail_add_list(s, h->field[i].value, hk_log_quote(h->field[i].name).text);
	return code;
}

/* ---- fields --------------------------------------------------------------------------- */

static void add_phrase(struct hk_buf *b, const char *text)
{
	hk_buf_add_byte(b, '"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			hk_buf_add_byte(b, '\\');
		if ((unsigned char)*text >= 0x20 && *text != 0x7f)
			hk_buf_add_byte(b, (uint8_t)*text);
	}
	hk_buf_add_str(b, "\" ");
}

static void add_date(struct hk_buf *b)
{
	time_t now = time(NULL);
	struct tm tm = {0};

	localtime_r(&now, &tm);
	hk_buf_add_str(b, "Date: ");
	hk_date_format(b, (int64_t)now, (int)(tm.tm_gmtoff / 60), hk_slice_str(tm.tm_zone ? tm.tm_zone : ""));
	hk_buf_add_str(b, "\r\n");
}

static int add_id(const struct sendmail *s, struct hk_buf *b)
{
	uint64_t number;

	if (hk_random(&number, sizeof number) != HK_OK)
		return EX_OSERR;
	hk_buf_addf(b, "Message-ID: <%lld.%016llx@%s>\r\n", (long long)time(NULL), (unsigned long long)number, s->host);
	return EX_OK;
}

/* What a message must have and this one has not (RFC 5322 3.6, RFC 6409 8). */
static int add_missing(const struct sendmail *s, const struct hk_header *h, struct hk_buf *b)
{
	if (hk_header_find(h, HK_S("From"), 0) == h->n) {
		hk_buf_add_str(b, "From: ");
		if (s->full_name ? *s->full_name : *s->person)
			add_phrase(b, s->full_name ? s->full_name : s->person);
		hk_buf_addf(b, "<%s>\r\n", *s->sender ? s->sender : "MAILER-DAEMON");
	}
	if (hk_header_find(h, HK_S("Date"), 0) == h->n)
		add_date(b);
	return hk_header_find(h, HK_S("Message-ID"), 0) == h->n ? add_id(s, b) : EX_OK;
}

/* Bcc is for nobody's eyes; Return-Path is the last server's to write. */
static void add_fields(const struct hk_header *h, struct hk_buf *b)
{
	static const char *const dropped[] = {"Bcc", "Resent-Bcc", "Return-Path", "Content-Length", NULL};
	size_t i;

	for (i = 0; i < h->n; i++)
		if (!is_any(h->field[i].name, dropped))
			hk_buf_add(b, h->field[i].raw);
}

/* The header ends at a line that is no field of it, also where the empty line is missing: what stands in front of it is none the less
 * the header, and its Bcc is nobody's to read. Text without a header is a body. */
static struct hk_slice take_header(struct hk_slice *rest)
{
	struct hk_slice all = *rest, next = all;

	while (next.n) {
		struct hk_slice line = hk_message_take_line(&next);
		bool continues = hk_is_wsp(line.p[0]) && rest->p != all.p;

		if (!continues && hk_message_name_length(line) == 0)
			break;
		*rest = next;
	}
	return hk_slice_sub(all, 0, all.n - rest->n);
}

static int make(struct sendmail *s, struct hk_slice in)
{
	struct hk_slice body = in, section = take_header(&body);
	struct hk_header h;
	int code;

	if (section.n > HK_HEADER_SECTION_MAX || hk_header_parse(&s->arena, section, &h) != HK_OK) {
		sendmail_complain(s, "the header is too large", NULL);
		return EX_DATAERR;
	}
	code = s->takes_header ? take_recipients(s, &h) : EX_OK;
	if (code == EX_OK)
		code = add_missing(s, &h, &s->message);
	if (code != EX_OK)
		return code;
	add_fields(&h, &s->message);
	if (!hk_slice_eq(hk_slice_sub(body, 0, 2), HK_S("\r\n")))
		hk_buf_add_str(&s->message, "\r\n");
	hk_buf_add(&s->message, body);
	return hk_buf_status(&s->message) == HK_OK ? EX_OK : EX_OSERR;
}

int sendmail_read(struct sendmail *s)
{
	struct hk_buf in;
	int code;

	hk_buf_init(&in, CLI_MESSAGE_MAX);
	hk_buf_init(&s->message, CLI_MESSAGE_MAX + LINE_ROOM);
	code = read_input(s, &in);
	if (code == EX_OK)
		code = make(s, without_from_line(hk_buf_slice(&in)));
	hk_buf_done(&in);
	return code;
}
