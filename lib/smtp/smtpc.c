/* SPDX-License-Identifier: MIT
 *
 * The life of a client connection, its input and output, the order of things, and its endings.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base_internal.h"
#include "smtpc_internal.h"

enum { IN_MAX = 16 * 1024 };

static bool is_word(struct hk_slice text, size_t max)
{
	size_t i;

	for (i = 0; i < text.n; i++)
		if (!hk_is_graph(text.p[i]))
			return false;
	return text.n > 0 && text.n <= max;
}

struct hk_smtpc *hk_smtpc_new(const struct hk_smtpc_options *options)
{
	struct hk_smtpc_options own;
	struct hk_smtpc *c;

	if (hk_sized_take(NULL, &own, sizeof own, options) != HK_OK)
		return NULL;
	/* these go into a command: nothing that could end it or begin another argument */
	if (!is_word(own.helo, HK_DOMAIN_MAX))
		return NULL;
	if (own.clientid.n && (!is_word(own.clientid, HK_SMTP_CLIENTID_MAX) ||
	                          !is_word(own.clientid_type, HK_SMTP_CLIENTID_MAX)))
		return NULL;
	c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->options = own;
	hk_arena_init(&c->owned, 2 * HK_DOMAIN_MAX + 4 * HK_SMTP_CLIENTID_MAX);
	hk_buf_init(&c->in, IN_MAX);
	hk_buf_init(&c->out, HK_SMTP_OUTPUT_MAX);
	if (hk_arena_dup(&c->owned, own.helo, &c->options.helo) != HK_OK ||
	    hk_arena_dup(&c->owned, own.clientid_type, &c->options.clientid_type) != HK_OK ||
	    hk_arena_dup(&c->owned, own.clientid, &c->options.clientid) != HK_OK) {
		hk_smtpc_free(c);
		return NULL;
	}
	c->use_helo = own.helo_only;
	return c;
}

void hk_smtpc_free(struct hk_smtpc *c)
{
	if (!c)
		return;
	hk_arena_done(&c->envelope.arena);
	hk_arena_done(&c->scratch);
	free(c->domains);
	hk_buf_done(&c->out);
	hk_buf_done(&c->in);
	hk_arena_done(&c->owned);
	free(c);
}

/* ---- input, output ---- */

size_t hk_smtpc_feed(struct hk_smtpc *c, struct hk_slice in)
{
	/* RFC 3207 4.2: replies that were glued behind the 220 to STARTTLS are not heeded after the
	 * handshake */
	if (c->state == SMTPC_OVER || c->state == SMTPC_HANDSHAKE)
		return in.n;
	in = hk_slice_sub(in, 0, IN_MAX - c->in.n);
	hk_buf_add(&c->in, in);
	return hk_buf_status(&c->in) == HK_OK ? in.n : 0;
}

void hk_smtpc_eof(struct hk_smtpc *c)
{
	c->eof = true;
}

void hk_smtpc_timeout(struct hk_smtpc *c)
{
	c->timed_out = true;
}

struct hk_slice hk_smtpc_out(struct hk_smtpc *c)
{
	return hk_buf_slice(&c->out);
}

void hk_smtpc_sent(struct hk_smtpc *c, size_t n)
{
	hk_buf_drop(&c->out, n);
}

/* ---- events and endings ---- */

void smtpc_push(struct hk_smtpc *c, enum hk_smtpc_event_type type, size_t recipient,
    const struct hk_smtp_reply *reply)
{
	struct hk_smtpc_event event = {.size = sizeof event, .type = type, .stage = c->stage, .recipient = recipient};

	if (reply)
		event.reply = *reply;
	if (type == HK_SMTPC_SEND_BODY)
		event.offset = c->offset;
	if (c->due_at == c->due_n)
		c->due_at = c->due_n = 0;
	if (c->due_n < SMTPC_EVENTS)
		c->due[c->due_n++] = event;
}

struct hk_smtp_reply smtpc_own(
    struct hk_smtpc *c, unsigned code, const char *enhanced, const char *format, ...)
{
	struct hk_smtp_reply reply = {.code = code, .own = true};
	va_list args;

	va_start(args, format);
	vsnprintf(c->own_text, sizeof c->own_text, format, args);
	va_end(args);
	snprintf(reply.enhanced, sizeof reply.enhanced, "%s", enhanced);
	reply.text = hk_slice_str(c->own_text);
	return reply;
}

void smtpc_end(struct hk_smtpc *c, const struct hk_smtp_reply *reply)
{
	if (c->state == SMTPC_OVER)
		return;
	if (c->in_transaction)
		smtpc_push(c, HK_SMTPC_DONE, 0, reply);
	smtpc_push(c, HK_SMTPC_CLOSED, 0, reply);
	c->in_transaction = false;
	c->state = SMTPC_OVER;
	/* a message that is cut short must never get its dot */
	hk_buf_reset(&c->out);
	hk_buf_reset(&c->in);
}

void smtpc_unexpected(struct hk_smtpc *c, const struct hk_smtp_reply *reply)
{
	struct hk_smtp_reply own = smtpc_own(
	    c, 421, "4.5.0", "The server gave a reply of %u that cannot be here", reply->code);

	smtpc_end(c, &own);
}

void smtpc_ready(struct hk_smtpc *c)
{
	c->state = SMTPC_IDLE;
	if (c->quit_due)
		smtpc_send_quit(c);
	else
		smtpc_push(c, HK_SMTPC_READY, 0, NULL);
}

void smtpc_end_transaction(
    struct hk_smtpc *c, enum hk_smtpc_stage stage, const struct hk_smtp_reply *reply)
{
	c->stage = stage;
	c->in_transaction = false;
	smtpc_push(c, HK_SMTPC_DONE, 0, reply);
	smtpc_ready(c);
}

/* What the peer kept us waiting for. */
static const char *awaited(const struct hk_smtpc *c)
{
	static const char *const name[] = {
	    [HK_SMTPC_BANNER] = "the greeting",
	    [HK_SMTPC_HELO] = "the reply to EHLO",
	    [HK_SMTPC_STARTTLS] = "the reply to STARTTLS",
	    [HK_SMTPC_CLIENTID] = "the reply to CLIENTID",
	    [HK_SMTPC_AUTH] = "the reply to AUTH",
	    [HK_SMTPC_COMMAND] = "the reply to a command",
	    [HK_SMTPC_MAIL] = "the reply to MAIL",
	    [HK_SMTPC_RCPT] = "the reply to RCPT",
	    [HK_SMTPC_DATA] = "the reply to DATA",
	    [HK_SMTPC_DOT] = "the reply to the message",
	    [HK_SMTPC_QUIT] = "the reply to QUIT",
	};

	switch (c->state) {
	case SMTPC_IDLE:
		return "nothing";
	case SMTPC_BODY:
		return "the message to be taken";
	case SMTPC_HANDSHAKE:
		return "the TLS handshake";
	case SMTPC_CHALLENGED:
		return "our response";
	default:
		return name[c->stage];
	}
}

/* ---- the order of things ---- */

static void dispatch(struct hk_smtpc *c, const struct hk_smtp_reply *reply)
{
	c->timed_out = false;
	c->replies++;
	/* RFC 5321 3.8: 421 may come in answer to anything, and unasked */
	if (reply->code == 421) {
		smtpc_end(c, reply);
		return;
	}
	switch (c->state) {
	case SMTPC_REPLY:
		smtpc_session_reply(c, reply);
		break;
	case SMTPC_TRANSACTION:
		smtpc_transaction_reply(c, reply);
		break;
	case SMTPC_BODY:
		if (c->chunk_replies) {
			smtpc_transaction_reply(c, reply);
			break;
		}
		/* it will not have the rest; without a dot there is no way back into step */
		if (reply->code >= 400)
			smtpc_end(c, reply);
		else
			smtpc_unexpected(c, reply);
		break;
	default:
		smtpc_unexpected(c, reply);
	}
}

/* One reply line out of the input. */
static enum hk_status read_line(struct hk_smtpc *c)
{
	struct hk_slice in = hk_buf_slice(&c->in), line = {0};
	bool last = false;
	enum hk_status status = smtpc_reader_step(&c->reader, &in, &line, &last);
	struct hk_smtp_reply reply;

	hk_buf_drop(&c->in, c->in.n - in.n);
	if (status == HK_SYNTAX) {
		reply = smtpc_own(
		    c, 421, "4.5.0", "Malformed reply: %s (RFC 5321 4.2)", c->reader.wrong);
		smtpc_end(c, &reply);
		return HK_OK;
	}
	if (status != HK_OK)
		return status;
	if (c->state == SMTPC_REPLY)
		smtpc_session_line(c, line);
	if (last) {
		reply = smtpc_reader_reply(&c->reader);
		dispatch(c, &reply);
	}
	return HK_OK;
}

static enum hk_status step(struct hk_smtpc *c)
{
	struct hk_smtp_reply reply;

	if (c->state == SMTPC_TRANSACTION)
		smtpc_transaction_write(c);
	if (hk_buf_status(&c->out) != HK_OK || hk_buf_status(&c->in) != HK_OK) {
		reply = smtpc_own(c, 421, "4.3.0", "Out of memory");
		smtpc_end(c, &reply);
		return HK_OK;
	}
	if (read_line(c) == HK_OK)
		return HK_OK;
	if (c->eof && c->stage == HK_SMTPC_QUIT)
		reply = smtpc_own(c, 221, "2.0.0", "Connection closed");
	else if (c->eof)
		reply =
		    smtpc_own(c, 421, "4.4.2", "Connection lost while waiting for %s", awaited(c));
	else if (c->timed_out)
		reply = smtpc_own(c, 421, "4.4.2",
		    "Timed out while waiting for %s (RFC 5321 4.5.3.2)", awaited(c));
	else
		return HK_AGAIN;
	smtpc_end(c, &reply);
	return HK_OK;
}

enum hk_status hk_smtpc_next(struct hk_smtpc *c, struct hk_smtpc_event *ret)
{
	enum hk_status status;

	while (c->due_at == c->due_n) {
		if (c->state == SMTPC_OVER)
			return HK_END;
		status = step(c);
		if (status != HK_OK)
			return status;
	}
	status = hk_sized_give(ret, sizeof c->due[0], &c->due[c->due_at]);
	if (status == HK_OK)
		c->due_at++;
	return status;
}

/* ---- state ---- */

bool hk_smtpc_is_tls(const struct hk_smtpc *c)
{
	return c->is_tls;
}

unsigned hk_smtpc_replies(const struct hk_smtpc *c)
{
	return c->replies;
}

unsigned hk_smtpc_stage_timeout(const struct hk_smtpc *c)
{
	/* RFC 5321 4.5.3.2.1 to 4.5.3.2.6; EHLO, STARTTLS and QUIT are not named there */
	static const unsigned seconds[] = {
	    [HK_SMTPC_BANNER] = 300,
	    [HK_SMTPC_HELO] = 300,
	    [HK_SMTPC_STARTTLS] = 120,
	    [HK_SMTPC_CLIENTID] = 300,
	    [HK_SMTPC_AUTH] = 300,
	    [HK_SMTPC_COMMAND] = 300,
	    [HK_SMTPC_MAIL] = 300,
	    [HK_SMTPC_RCPT] = 300,
	    [HK_SMTPC_DATA] = 120,
	    [HK_SMTPC_DOT] = 600,
	    [HK_SMTPC_QUIT] = 30,
	};

	return c->state == SMTPC_BODY ? 180 : seconds[c->stage];
}
