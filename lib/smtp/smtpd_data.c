/* SPDX-License-Identifier: MIT
 *
 * The text of the message. Only CRLF.CRLF ends it (RFC 5321 4.1.1.4); a dot in front of anything
 * else at the beginning of a line is taken away (4.5.2). Chunks are slices of the input, as large
 * as it allows.
 *
 * A bare CR, a bare LF, a NUL, or too many bytes settle the reply; the rest is read over to the
 * real end, so that nothing in it can be taken for a command.
 */
#include <stdio.h>

#include "lib/base/bug.h"
#include "smtpd_internal.h"

/* How much more than the announced SIZE a client may send before the connection is cut: a client
 * without SIZE cannot know the limit, so it is heard out over four times the size, and a little
 * more for small limits. */
#define DISCARD_FACTOR 4
#define DISCARD_EXTRA  ((uint64_t)1024 * 1024)

void smtpd_data_begin(struct hk_smtpd *s)
{
	s->state = SMTPD_DATA;
	s->text = (struct hk_smtp_text){.at_line_start = true, .line = 1};
	s->size = s->resumed_at;
	s->discarded = 0;
	s->refusal_code = 0;
	hk_buf_reset(&s->refusal);
}

void smtpd_data_refuse(
    struct hk_smtpd *s, unsigned code, const char *enhanced, struct hk_slice text)
{
	if (s->refusal_code)
		return;
	s->refusal_code = code;
	hk_smtp_reply_add(&s->refusal, code, enhanced, text);
	if (hk_buf_status(&s->refusal) != HK_OK)
		s->no_memory = true;
}

static void refuse(struct hk_smtpd *s, enum hk_refusal why, const char *word)
{
	struct hk_refusal_said said = {.why = why, .arg = {hk_slice_str(word)}};
	struct hk_buf text;

	if (s->refusal_code)
		return;
	smtpd_tell(s, why, hk_slice_str(word));
	hk_buf_init(&text, HK_SMTP_REPLY_TEXT_MAX);
	hk_refusal_add(&text, &said);
	if (hk_buf_status(&text) != HK_OK)
		s->no_memory = true;
	smtpd_data_refuse(s, hk_refusal_row(why)->code, hk_refusal_row(why)->enhanced, hk_buf_slice(&text));
	hk_buf_done(&text);
}

void smtpd_refuse_byte(struct hk_smtpd *s, enum hk_smtp_stop stop)
{
	static const enum hk_refusal why[] = {
	    [HK_SMTP_STOP_BARE_CR] = HK_REFUSAL_MESSAGE_BARE_CR,
	    [HK_SMTP_STOP_BARE_LF] = HK_REFUSAL_MESSAGE_BARE_LF,
	    [HK_SMTP_STOP_NUL] = HK_REFUSAL_MESSAGE_NUL,
	};
	char line[24];

	snprintf(line, sizeof line, "%llu", (unsigned long long)s->text.line);
	refuse(s, why[stop], line);
}

void smtpd_end_of_data(struct hk_smtpd *s)
{
	size_t replies = s->options.lmtp ? s->recipients : 1;
	bool is_bdat = s->state == SMTPD_CHUNK;

	if (s->refusal_code == 0) {
		s->state = SMTPD_READY;
		s->recipients = 0;
		s->answers_due = replies;
		smtpd_pend(s, HK_SMTPD_MESSAGE)->message_size = s->size;
		s->event.is_bdat = is_bdat;
		return;
	}
	/* counted, but never turned into a 421: the client would bring the same message again.
	 * RFC 3030 2: a chunk has one reply, also in LMTP, until the last */
	s->errors++;
	hk_buf_add(&s->out, hk_buf_slice(&s->refusal));
	s->refusals_due = is_bdat && !s->chunk_is_last ? 0 : replies - 1;
	smtpd_end_transaction(s);
}

/* A dot at the beginning of a line. */
static enum hk_status dot_step(struct hk_smtpd *s, struct hk_slice have)
{
	if (have.n < 2 || (have.p[1] == '\r' && have.n < 3))
		return HK_AGAIN;
	if (HK_BUG(LF_AS_CRLF) && have.p[1] == '\n') {
		smtpd_consume(s, 2);
		smtpd_end_of_data(s);
		return HK_OK;
	}
	if (have.p[1] == '\r' && have.p[2] == '\n') {
		smtpd_consume(s, 3);
		smtpd_end_of_data(s);
		return HK_OK;
	}
	smtpd_consume(s, 1);
	s->text.at_line_start = false;
	return HK_OK;
}

static void hand_out(struct hk_smtpd *s, struct hk_slice chunk)
{
	uint64_t room = s->options.max_message - s->size;

	if (chunk.n > room) {
		chunk = hk_slice_sub(chunk, 0, (size_t)room);
		refuse(s, HK_REFUSAL_MESSAGE_TOO_LARGE, "");
	}
	s->size += chunk.n;
	if (chunk.n)
		smtpd_pend(s, HK_SMTPD_BODY)->text = chunk;
}

static void read_over(struct hk_smtpd *s, size_t n)
{
	s->discarded += n;
	if (s->discarded / DISCARD_FACTOR <= s->options.max_message + DISCARD_EXTRA)
		return;
	hk_buf_add(&s->out, hk_buf_slice(&s->refusal));
	smtpd_close(s, "A refused message does not end");
}

void smtpd_text(struct hk_smtpd *s, struct hk_slice run)
{
	if (s->refusal_code)
		read_over(s, run.n);
	else
		hand_out(s, run);
}

/* A legacy client's bare CR or LF becomes CRLF. The line behind it is no line to the protocol: no dot of it is taken
 * away, and no dot of it ends the message (CVE-2023-51764). */
static void mend(struct hk_smtpd *s)
{
	smtpd_consume(s, 1);
	s->text.at_line_start = false;
	s->text.line++;
	hand_out(s, HK_S("\r\n"));
}

enum hk_status smtpd_data_step(struct hk_smtpd *s)
{
	struct hk_slice have = smtpd_input(s);
	enum hk_smtp_stop stop;
	size_t n = s->refusal_code ? hk_smtp_text_skip(&s->text, have, &stop) : hk_smtp_text_scan(&s->text, have, &stop);

	if (n == 0) {
		if (stop == HK_SMTP_STOP_DOT)
			return dot_step(s, have);
		if (stop == HK_SMTP_STOP_END || stop == HK_SMTP_STOP_CR)
			return HK_AGAIN;
		if (s->options.allow_bare_lf && stop != HK_SMTP_STOP_NUL)
			mend(s);
		else
			smtpd_refuse_byte(s, stop);
		return HK_OK;
	}
	smtpd_consume(s, n);
	smtpd_text(s, hk_slice_sub(have, 0, n));
	return HK_OK;
}
