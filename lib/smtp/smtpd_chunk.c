/* SPDX-License-Identifier: MIT
 *
 * BDAT (RFC 3030): message text in counted chunks. The octets of a chunk come whatever the reply
 * will be, so a refused chunk is read over: nothing in it is ever taken for a command.
 *
 * Text that is not BODY=BINARYMIME is held to the same rules as behind DATA: whole lines that end
 * with CRLF, no NUL; only its dots are plain dots. A CRLF may lie across two chunks.
 */
#include <stdio.h>

#include "smtpd_internal.h"

/* The size as far as it is worth reading: past it the session ends anyway. */
#define CHUNK_MAX (UINT64_C(1) << 40)
/* A message may begin with this many chunks of any size; past them they have to bring a KiB each in the
 * mean, or the work is all in the commands (Postfix had its memory filled by tiny ones). */
enum { CHUNKS_FREE = 1000, CHUNK_LEAST = 1024 };

static bool are_too_small(const struct hk_smtpd *s)
{
	return s->chunks > CHUNKS_FREE && s->size / CHUNK_LEAST < s->chunks - CHUNKS_FREE;
}

static bool parse(struct hk_slice argument, uint64_t *size, bool *is_last)
{
	struct hk_slice number = hk_slice_sub(argument, 0, hk_slice_find(argument, ' '));
	struct hk_slice word = hk_slice_from(argument, number.n + 1);

	*is_last = hk_slice_eq_nocase(word, HK_S("LAST"));
	if (number.n < argument.n && !*is_last)
		return false;
	return number.n <= 20 && hk_slice_u64(number, CHUNK_MAX, size) == HK_OK;
}

void smtpd_bdat(struct hk_smtpd *s, struct hk_slice argument)
{
	unsigned before = s->state;

	if (!parse(argument, &s->chunk_left, &s->chunk_is_last)) {
		/* where the chunk ends is unknown, and so is where the next command begins */
		smtpd_give_up(s, HK_REFUSAL_BDAT_FORM);
		return;
	}
	s->chunk_size = s->chunk_left;
	if ((before & (SMTPD_RCPT | SMTPD_BDAT)) == 0) {
		s->chunk_back = before;
		s->state = SMTPD_SKIP;
		s->discarded = 0;
	} else if (before == SMTPD_BDAT) {
		s->chunks++;
		s->state = SMTPD_CHUNK;
		if (are_too_small(s))
			smtpd_give_up(s, HK_REFUSAL_BDAT_SMALL);
	} else {
		smtpd_pend(s, HK_SMTPD_DATA)->is_bdat = true;
	}
}

void smtpd_chunk_begin(struct hk_smtpd *s)
{
	smtpd_data_begin(s);
	s->state = SMTPD_CHUNK;
	s->chunks = 1;
	s->chunk_cr = false;
}

/* A chunk of no transaction. */
enum hk_status smtpd_skip_step(struct hk_smtpd *s)
{
	size_t n = smtpd_input(s).n;

	if (n > s->chunk_left)
		n = (size_t)s->chunk_left;
	smtpd_consume(s, n);
	s->chunk_left -= n;
	s->discarded += n;
	if (s->discarded > s->options.max_message)
		smtpd_give_up(s, HK_REFUSAL_BDAT_UNWANTED);
	else if (s->chunk_left == 0) {
		s->state = s->chunk_back;
		smtpd_refuse(s, HK_REFUSAL_BDAT_EARLY);
		/* its message has failed: what a pipelining client sends next is another one */
		if (s->chunk_is_last)
			smtpd_end_transaction(s);
	} else
		return n ? HK_OK : HK_AGAIN;
	return HK_OK;
}

/* All octets of the chunk were seen. */
static void end_of_chunk(struct hk_smtpd *s)
{
	char text[48];

	if (s->chunk_is_last && s->chunk_cr) {
		s->chunk_cr = false;
		smtpd_refuse_byte(s, HK_SMTP_STOP_BARE_CR);
	}
	if (s->refusal_code || s->chunk_is_last) {
		smtpd_end_of_data(s);
		return;
	}
	s->state = SMTPD_BDAT;
	snprintf(text, sizeof text, "%llu octets received", (unsigned long long)s->chunk_size);
	smtpd_reply(s, 250, "2.0.0", text);
}

/* How many octets at the beginning of have can be handed out; 0 and a refusal when the first one
 * cannot. */
static size_t clean_run(struct hk_smtpd *s, struct hk_slice have)
{
	enum hk_smtp_stop stop;
	size_t n = 0;

	if (s->body == HK_BODY_BINARYMIME || s->refusal_code)
		return have.n;
	if (s->chunk_cr) {
		s->chunk_cr = false;
		if (have.p[0] != '\n') {
			smtpd_refuse_byte(s, HK_SMTP_STOP_BARE_CR);
			return 0;
		}
		s->text.line++;
		n = 1;
	}
	for (;;) {
		n += hk_smtp_text_scan(&s->text, hk_slice_from(have, n), &stop);
		if (stop != HK_SMTP_STOP_DOT)
			break;
		s->text.at_line_start = false;
		n++;
	}
	if (stop == HK_SMTP_STOP_CR && have.n == s->chunk_left) {
		s->chunk_cr = true;
		return have.n;
	}
	if (n == 0 && stop != HK_SMTP_STOP_CR)
		smtpd_refuse_byte(s, stop);
	return n;
}

enum hk_status smtpd_chunk_step(struct hk_smtpd *s)
{
	struct hk_slice have = smtpd_input(s);
	size_t n;

	if (s->chunk_left == 0) {
		end_of_chunk(s);
		return HK_OK;
	}
	if (have.n == 0)
		return HK_AGAIN;
	if (have.n > s->chunk_left)
		have.n = (size_t)s->chunk_left;
	n = clean_run(s, have);
	if (n == 0)
		return s->refusal_code ? HK_OK : HK_AGAIN;
	smtpd_consume(s, n);
	s->chunk_left -= n;
	smtpd_text(s, hk_slice_sub(have, 0, n));
	return HK_OK;
}
