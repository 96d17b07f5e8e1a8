/* SPDX-License-Identifier: MIT
 *
 * Sending the message: dots are stuffed (RFC 5321 4.5.2), or it goes in chunks (RFC 3030), and
 * nothing leaves us that another server could take for a line end that it is not (RFC 5321 2.3.8).
 */
#include "lib/base/bug.h"
#include "smtpc_internal.h"

/* Always kept free in the output: a missing CRLF and the dot, or two dots; the head of a chunk. */
enum { MARGIN = 64 };
/* Chunks under way without a reply: what a server has to answer, bounded on our side. */
enum { CHUNKS_MAX = 16 };

static void fail(struct hk_smtpc *c, enum hk_smtp_stop stop)
{
	struct hk_smtp_reply reply = smtpc_own(c, 554, "5.6.0",
	    "The message holds a %s at line %llu and was not sent (RFC 5321 2.3.8)",
	    hk_smtp_stop_text(stop), (unsigned long long)c->text.line);

	c->stage = HK_SMTPC_DATA;
	smtpc_end(c, &reply);
}

static void end_line(struct hk_smtpc *c)
{
	hk_buf_add(&c->out, HK_S("\r\n"));
	c->text.at_line_start = true;
	c->text.line++;
	c->held_cr = false;
}

/* One clean run and what stands behind it; returns how much was taken. */
static size_t send_run(struct hk_smtpc *c, struct hk_slice chunk)
{
	enum hk_smtp_stop stop;
	size_t n = hk_smtp_text_scan(&c->text, chunk, &stop);

	hk_buf_add(&c->out, hk_slice_sub(chunk, 0, n));
	switch (stop) {
	case HK_SMTP_STOP_END:
		return n;
	case HK_SMTP_STOP_CR:
		c->held_cr = true;
		return n + 1;
	case HK_SMTP_STOP_DOT:
		hk_buf_add(&c->out, HK_BUG(NO_DOT_STUFFING) ? HK_S(".") : HK_S(".."));
		c->text.at_line_start = false;
		return n + 1;
	default:
		fail(c, stop);
		return n;
	}
}

/* How much of the chunk is clean: whole lines and parts of lines; a CR at the end is left for the next
 * one. */
static size_t clean_run(struct hk_smtpc *c, struct hk_slice chunk)
{
	enum hk_smtp_stop stop;
	size_t n = 0;

	for (;;) {
		n += hk_smtp_text_scan(&c->text, hk_slice_from(chunk, n), &stop);
		if (stop != HK_SMTP_STOP_DOT)
			break;
		c->text.at_line_start = false;
		n++;
	}
	if (stop == HK_SMTP_STOP_CR)
		c->held_cr = true;
	else if (stop != HK_SMTP_STOP_END)
		fail(c, stop);
	return n;
}

/* before: a CR that was held back, or nothing. */
static void send_chunk(struct hk_smtpc *c, struct hk_slice before, struct hk_slice chunk)
{
	if (before.n + chunk.n == 0)
		return;
	hk_buf_addf(&c->out, "BDAT %zu\r\n", before.n + chunk.n);
	hk_buf_add(&c->out, before);
	hk_buf_add(&c->out, chunk);
	c->chunk_replies++;
}

static size_t body_by_chunks(struct hk_smtpc *c, struct hk_slice chunk)
{
	size_t n, held = c->held_cr;

	if (chunk.n == 0 || c->out.n >= HK_SMTP_OUTPUT_MAX - MARGIN ||
	    c->chunk_replies >= (smtpc_pipelines(c) ? CHUNKS_MAX : 1))
		return 0;
	chunk = hk_slice_sub(chunk, 0, HK_SMTP_OUTPUT_MAX - MARGIN - c->out.n);
	if (c->envelope.mail.body == HK_BODY_BINARYMIME) {
		send_chunk(c, (struct hk_slice){0}, chunk);
		return chunk.n;
	}
	if (held && chunk.p[0] != '\n') {
		fail(c, HK_SMTP_STOP_BARE_CR);
		return 0;
	}
	c->held_cr = false;
	if (held) {
		c->text.line++;
		c->text.at_line_start = true;
	}
	n = held + clean_run(c, hk_slice_from(chunk, held));
	if (c->state != SMTPC_BODY)
		return 0;
	send_chunk(c, held ? HK_S("\r") : (struct hk_slice){0}, hk_slice_sub(chunk, 0, n));
	return n + c->held_cr;
}

static void end_by_chunks(struct hk_smtpc *c)
{
	bool add_crlf = c->envelope.mail.body != HK_BODY_BINARYMIME && !c->text.at_line_start;

	hk_buf_addf(&c->out, add_crlf ? "BDAT 2 LAST\r\n\r\n" : "BDAT 0 LAST\r\n");
}

size_t hk_smtpc_body(struct hk_smtpc *c, struct hk_slice chunk)
{
	size_t taken = 0;

	if (c->by_chunks && c->state == SMTPC_BODY) {
		taken = body_by_chunks(c, chunk);
		return c->state == SMTPC_BODY ? taken : chunk.n;
	}

	while (taken < chunk.n && c->state == SMTPC_BODY) {
		size_t room = HK_SMTP_OUTPUT_MAX - MARGIN;
		struct hk_slice rest = hk_slice_from(chunk, taken);

		if (c->out.n >= room)
			return taken;
		if (!c->held_cr) {
			taken += send_run(c, hk_slice_sub(rest, 0, room - c->out.n));
		} else if (rest.p[0] == '\n') {
			end_line(c);
			taken++;
		} else {
			fail(c, HK_SMTP_STOP_BARE_CR);
		}
	}
	/* nobody waits for the rest of a message that failed */
	return c->state == SMTPC_BODY ? taken : chunk.n;
}

void hk_smtpc_body_end(struct hk_smtpc *c)
{
	if (c->state != SMTPC_BODY)
		return;
	if (c->held_cr) {
		fail(c, HK_SMTP_STOP_BARE_CR);
		return;
	}
	if (c->by_chunks) {
		end_by_chunks(c);
	} else {
		if (!c->text.at_line_start)
			end_line(c);
		hk_buf_add(&c->out, HK_S(".\r\n"));
	}
	c->state = SMTPC_TRANSACTION;
	c->stage = HK_SMTPC_DOT;
	c->dot_phase = true;
}
