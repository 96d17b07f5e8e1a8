/* SPDX-License-Identifier: MIT
 *
 * MAIL, RCPT, DATA and the replies to them and to the dot. With PIPELINING all commands go at once
 * (RFC 2920 3.1), without it each waits for the reply to the one before.
 */
#include <string.h>

#include "lib/base/base_internal.h"
#include "smtpc_internal.h"

/* Slices, fates and texts of HK_SMTP_RCPTS_MAX recipients, with the arena's rounding. */
enum { ENVELOPE_MAX = (HK_SMTP_RCPTS_MAX + 1) * (HK_PATH_MAX + 64) };

enum { COMMAND_RSET, COMMAND_MAIL, COMMAND_RCPT /* and as many as there are recipients */ };

static size_t command_data(const struct hk_smtpc *c)
{
	return COMMAND_RCPT + c->envelope.n;
}

static enum hk_smtpc_stage stage_of(const struct hk_smtpc *c, size_t command)
{
	if (command < COMMAND_RCPT)
		return HK_SMTPC_MAIL;
	return command < command_data(c) ? HK_SMTPC_RCPT : HK_SMTPC_DATA;
}

/* ---- start ---- */

/* Whether a path can go into a command as it is: printable ASCII, white space and brackets only
 * inside quotes. */
static bool is_safe_path(struct hk_slice path)
{
	bool quoted = false;
	size_t i;

	for (i = 0; i < path.n; i++) {
		uint8_t c = path.p[i];

		if (c < 0x20 || c > 0x7e)
			return false;
		if (c == '\\' && quoted && i + 1 < path.n && hk_is_graph(path.p[i + 1]))
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == ' ' || c == '<' || c == '>'))
			return false;
	}
	return !quoted && path.n <= HK_PATH_MAX - 2;
}

static enum hk_status copy_envelope(struct smtpc_envelope *e, const struct hk_smtpc_transaction *t)
{
	size_t i;

	hk_arena_done(&e->arena);
	hk_arena_init(&e->arena, ENVELOPE_MAX);
	e->n = t->n;
	e->size = t->message_size;
	e->body_8bit = t->body_8bit;
	e->rcpt = hk_arena_array(&e->arena, t->n, sizeof *e->rcpt);
	e->fate = hk_arena_array(&e->arena, t->n, sizeof *e->fate);
	if (!e->rcpt || !e->fate)
		return e->arena.failed;
	for (i = 0; i < t->n; i++) {
		enum hk_status status = hk_arena_dup(&e->arena, t->rcpt[i], &e->rcpt[i]);

		if (status != HK_OK)
			return status;
	}
	return hk_arena_dup(&e->arena, t->mail_from, &e->mail_from);
}

enum hk_status hk_smtpc_start(struct hk_smtpc *c, const struct hk_smtpc_transaction *given)
{
	struct hk_smtpc_transaction own, *t = &own;
	enum hk_status status;
	struct hk_smtp_reply reply;
	size_t i;

	if (hk_sized_take(NULL, &own, sizeof own, given) != HK_OK)
		return HK_BUG;
	if (c->state != SMTPC_IDLE || c->in_transaction || c->due_at != c->due_n || t->n == 0)
		return HK_BUG;
	if (t->n > HK_SMTP_RCPTS_MAX)
		return HK_LIMIT;
	if (!is_safe_path(t->mail_from))
		return HK_SYNTAX;
	for (i = 0; i < t->n; i++)
		if (t->rcpt[i].n == 0 || !is_safe_path(t->rcpt[i]))
			return HK_SYNTAX;
	status = copy_envelope(&c->envelope, t);
	if (status != HK_OK)
		return status;
	c->in_transaction = true;
	c->next = c->replied = c->reset_due ? COMMAND_RSET : COMMAND_MAIL;
	c->accepted = 0;
	c->mail_refused = c->lone_dot = c->dot_phase = false;
	c->lmtp_next = 0;
	/* RFC 1870 6.1 lets a client give up by itself */
	if (c->size_limit && t->message_size > c->size_limit) {
		reply = smtpc_own(c, 552, "5.3.4",
		    "Message is larger than the server's SIZE of %llu (RFC 1870 6.1)",
		    (unsigned long long)c->size_limit);
		smtpc_end_transaction(c, HK_SMTPC_MAIL, &reply);
		return HK_OK;
	}
	/* A reply that nobody asked for waits already: let it be read as such, not as the reply to
	 * MAIL. */
	if (c->in.n || c->reader.n || c->reader.lines)
		return HK_OK;
	c->state = SMTPC_TRANSACTION;
	c->stage = HK_SMTPC_MAIL;
	return HK_OK;
}

/* ---- writing ---- */

static void write_mail(struct hk_smtpc *c)
{
	const struct smtpc_envelope *e = &c->envelope;

	hk_buf_addf(&c->out, "MAIL FROM:<%.*s>", HK_FMT(e->mail_from));
	if (e->size && (c->extensions & SMTPC_SIZE))
		hk_buf_addf(&c->out, " SIZE=%llu", (unsigned long long)e->size);
	if (e->body_8bit && (c->extensions & SMTPC_8BITMIME))
		hk_buf_add_str(&c->out, " BODY=8BITMIME");
	hk_buf_add(&c->out, HK_S("\r\n"));
}

static void write_command(struct hk_smtpc *c, size_t command)
{
	if (command == COMMAND_RSET)
		hk_buf_add_str(&c->out, "RSET\r\n");
	else if (command == COMMAND_MAIL)
		write_mail(c);
	else if (command < command_data(c))
		hk_buf_addf(&c->out, "RCPT TO:<%.*s>\r\n",
		    HK_FMT(c->envelope.rcpt[command - COMMAND_RCPT]));
	else
		hk_buf_add_str(&c->out, "DATA\r\n");
}

void smtpc_transaction_write(struct hk_smtpc *c)
{
	bool pipelining = (c->extensions & SMTPC_PIPELINING) != 0;

	while (c->next <= command_data(c) && !c->mail_refused &&
	       c->out.n < HK_SMTP_OUTPUT_MAX / 2 && (pipelining || c->next == c->replied))
		write_command(c, c->next++);
}

/* ---- replies ---- */

/* The reply that decides, if nothing later does; it outlives the reader's text. */
static void decide(struct hk_smtpc *c, const struct hk_smtp_reply *reply)
{
	c->decided = *reply;
	c->decided_stage = c->stage;
	if (reply->text.n)
		memcpy(c->decided_text, reply->text.p, reply->text.n);
	c->decided.text.p = c->decided_text;
}

/* The transaction ends without a message. */
static void finish(struct hk_smtpc *c)
{
	c->reset_due = !c->mail_refused && !c->lone_dot;
	smtpc_end_transaction(c, c->decided_stage, &c->decided);
}

static void rcpt_reply(struct hk_smtpc *c, size_t i, const struct hk_smtp_reply *reply)
{
	/* whatever is said of a recipient then, there is no transaction for it */
	if (c->mail_refused)
		return;
	if (reply->code < 300) {
		c->envelope.fate[i] = SMTPC_ACCEPTED;
		c->accepted++;
		return;
	}
	c->envelope.fate[i] = SMTPC_SETTLED;
	decide(c, reply);
	smtpc_push(c, HK_SMTPC_RCPT_DONE, i, reply);
}

static void data_go(struct hk_smtpc *c)
{
	if (c->accepted) {
		c->state = SMTPC_BODY;
		c->text = (struct hk_smtp_text){.at_line_start = true, .line = 1};
		c->held_cr = false;
		smtpc_push(c, HK_SMTPC_SEND_BODY, 0, NULL);
		return;
	}
	/* RFC 2920 3.1: a server that takes DATA without a recipient gets an empty message. LMTP
	 * would answer it once per recipient, that is, perhaps never (RFC 2033 4.2). */
	if (c->options.lmtp) {
		smtpc_end(c, &c->decided);
		return;
	}
	hk_buf_add_str(&c->out, ".\r\n");
	c->lone_dot = c->dot_phase = true;
	c->stage = HK_SMTPC_DOT;
}

static void data_reply(struct hk_smtpc *c, const struct hk_smtp_reply *reply)
{
	if (reply->code < 300) {
		smtpc_unexpected(c, reply);
		return;
	}
	if (reply->code < 400) {
		data_go(c);
		return;
	}
	if (c->accepted)
		decide(c, reply);
	finish(c);
}

static void dot_reply(struct hk_smtpc *c, const struct hk_smtp_reply *reply)
{
	const struct smtpc_envelope *e = &c->envelope;

	if (c->lone_dot) {
		finish(c);
		return;
	}
	c->reset_due = false;
	if (c->options.lmtp) {
		/* RFC 2033 4.2: one reply for each recipient that was accepted, in their order */
		while (c->lmtp_next < e->n && e->fate[c->lmtp_next] != SMTPC_ACCEPTED)
			c->lmtp_next++;
		smtpc_push(c, HK_SMTPC_RCPT_DONE, c->lmtp_next++, reply);
		if (--c->accepted)
			return;
	}
	smtpc_end_transaction(c, HK_SMTPC_DOT, reply);
}

static void command_reply(struct hk_smtpc *c, size_t command, const struct hk_smtp_reply *reply)
{
	c->stage = stage_of(c, command);
	if (command == command_data(c)) {
		data_reply(c, reply);
		return;
	}
	if (reply->code >= 300 && reply->code < 400) {
		smtpc_unexpected(c, reply);
	} else if (command == COMMAND_RSET) {
		if (reply->code >= 400)
			smtpc_end(c, reply);
	} else if (command == COMMAND_MAIL) {
		c->mail_refused = reply->code >= 400;
		if (c->mail_refused)
			decide(c, reply);
	} else {
		rcpt_reply(c, command - COMMAND_RCPT, reply);
	}
}

void smtpc_transaction_reply(struct hk_smtpc *c, const struct hk_smtp_reply *reply)
{
	if (c->dot_phase) {
		if (reply->code >= 300 && reply->code < 400)
			smtpc_unexpected(c, reply);
		else
			dot_reply(c, reply);
		return;
	}
	if (c->replied == c->next) {
		/* nothing was asked yet */
		smtpc_unexpected(c, reply);
		return;
	}
	command_reply(c, c->replied++, reply);
	if (c->state != SMTPC_TRANSACTION || c->dot_phase)
		return;
	/* nothing left to ask: the sender was refused and all is answered, or no recipient is left
	 * for a DATA */
	if (c->replied == c->next &&
	    (c->mail_refused || (c->replied == command_data(c) && c->accepted == 0)))
		finish(c);
	else
		c->stage = stage_of(c, c->replied);
}
