/* SPDX-License-Identifier: MIT
 *
 * MAIL, RCPT, DATA and the replies to them and to the dot or the chunks. With PIPELINING all commands
 * go at once (RFC 2920 3.1), without it each waits for the reply to the one before.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/base_internal.h"
#include "lib/base/bug.h"
#include "smtpc_internal.h"

/* Slices, fates and texts of HK_SMTP_RCPTS_MAX recipients, with the arena's rounding. */
enum { ENVELOPE_MAX = (HK_SMTP_RCPTS_MAX + 2) * (HK_PATH_MAX + HK_SMTP_ORCPT_MAX + HK_SMTP_PARAMS_MAX + 160) };

enum { COMMAND_RSET, COMMAND_MAIL, COMMAND_RCPT /* and as many as there are recipients */ };

static size_t command_data(const struct hk_smtpc *c)
{
	return COMMAND_RCPT + c->envelope.n;
}

static bool stops_in_transaction(const struct hk_smtpc *c)
{
	return smtpc_stops_after(c, HK_SMTPC_MAIL) || smtpc_stops_after(c, HK_SMTPC_RCPT);
}

/* One behind the last command that is written. BDAT waits for the replies to RCPT: a chunk for nobody would have to be sent
 * for nothing. */
static size_t commands_end(const struct hk_smtpc *c)
{
	if (smtpc_stops_after(c, HK_SMTPC_MAIL))
		return COMMAND_RCPT;
	return command_data(c) + !(c->by_chunks || stops_in_transaction(c));
}

static enum hk_smtpc_stage stage_of(const struct hk_smtpc *c, size_t command)
{
	if (command < COMMAND_RCPT)
		return HK_SMTPC_MAIL;
	return command < command_data(c) ? HK_SMTPC_RCPT : HK_SMTPC_DATA;
}

/* ---- start ---- */

/* Whether a path can go into a command as it is: printable ASCII (or UTF-8), white space and brackets
 * only inside quotes. */
static bool is_safe_path(struct hk_slice path, bool utf8)
{
	bool quoted = false;
	size_t i;

	for (i = 0; i < path.n; i++) {
		uint8_t c = path.p[i];

		if (c < 0x20 || c == 0x7f || (c > 0x7f && !utf8))
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

/* xtext and the like: nothing that ends a command; white space only where spaces are meant. */
static bool is_safe_text(struct hk_slice text, size_t max, bool spaces)
{
	size_t i;

	for (i = 0; i < text.n; i++)
		if (!hk_is_graph(text.p[i]) && !(spaces && text.p[i] == ' '))
			return false;
	return text.n <= max;
}

static bool is_safe_word(struct hk_slice word, size_t max)
{
	return is_safe_text(word, max, false);
}

static bool is_safe(const struct hk_smtpc_transaction *t)
{
	bool utf8 = t->mail.smtputf8;
	size_t i;

	if (!is_safe_path(t->mail_from, utf8) || !is_safe_word(t->mail.envid, HK_SMTP_ENVID_MAX) ||
	    !is_safe_word(t->mail.auth, HK_SMTP_ORCPT_MAX) || !is_safe_word(t->transid, HK_SMTP_TRANSID_MAX) ||
	    !is_safe_text(t->mail_more, HK_SMTP_PARAMS_MAX, true))
		return false;
	for (i = 0; i < t->n; i++)
		if (t->rcpt[i].n == 0 || !is_safe_path(t->rcpt[i], utf8) ||
		    (t->rcpt_params && !is_safe_word(t->rcpt_params[i].orcpt, HK_SMTP_ORCPT_MAX)) ||
		    (t->rcpt_more && !is_safe_text(t->rcpt_more[i], HK_SMTP_PARAMS_MAX, true)))
			return false;
	return true;
}

static enum hk_status copy_params(struct smtpc_envelope *e, const struct hk_smtpc_transaction *t)
{
	enum hk_status status;
	size_t i;

	e->mail = t->mail;
	e->rcpt_params = NULL;
	status = hk_arena_dup(&e->arena, t->mail.envid, &e->mail.envid);
	if (status == HK_OK)
		status = hk_arena_dup(&e->arena, t->mail.auth, &e->mail.auth);
	if (status != HK_OK || !t->rcpt_params)
		return status;
	e->rcpt_params = hk_arena_array(&e->arena, t->n, sizeof *e->rcpt_params);
	if (!e->rcpt_params)
		return e->arena.failed;
	for (i = 0; i < t->n && status == HK_OK; i++) {
		e->rcpt_params[i] = t->rcpt_params[i];
		status = hk_arena_dup(&e->arena, t->rcpt_params[i].orcpt, &e->rcpt_params[i].orcpt);
	}
	return status;
}

static enum hk_status copy_more(struct smtpc_envelope *e, const struct hk_smtpc_transaction *t)
{
	enum hk_status status = hk_arena_dup(&e->arena, t->mail_more, &e->mail_more);
	size_t i;

	e->rcpt_more = NULL;
	if (status != HK_OK || !t->rcpt_more)
		return status;
	e->rcpt_more = hk_arena_array(&e->arena, t->n, sizeof *e->rcpt_more);
	if (!e->rcpt_more)
		return e->arena.failed;
	for (i = 0; i < t->n && status == HK_OK; i++)
		status = hk_arena_dup(&e->arena, t->rcpt_more[i], &e->rcpt_more[i]);
	return status;
}

static enum hk_status copy_envelope(struct smtpc_envelope *e, const struct hk_smtpc_transaction *t)
{
	enum hk_status done;
	size_t i;

	hk_arena_done(&e->arena);
	hk_arena_init(&e->arena, ENVELOPE_MAX);
	e->n = t->n;
	done = copy_params(e, t);
	if (done == HK_OK)
		done = copy_more(e, t);
	if (done == HK_OK)
		done = hk_arena_dup(&e->arena, t->transid, &e->transid);
	e->resumes = t->resumes;
	if (done != HK_OK)
		return done;
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

/* The domains of this transaction that are new on the connection are remembered; LIMIT when they are too many for
 * the server, and then none is. */
static enum hk_status count_domains(struct hk_smtpc *c, const struct hk_smtpc_transaction *t)
{
	size_t i, k, n = c->n_domains;
	uint64_t *more;

	if (c->limits.rcptdomainmax == 0)
		return HK_OK;
	more = realloc(c->domains, (n + t->n) * sizeof *more);
	if (!more)
		return HK_NOMEM;
	c->domains = more;
	for (i = 0; i < t->n; i++) {
		struct hk_slice address = t->rcpt[i];
		uint8_t lower[HK_PATH_MAX];
		uint64_t hash;

		address = hk_slice_from(address, hk_slice_rfind(address, '@'));
		for (k = 0; k < address.n && k < sizeof lower; k++)
			lower[k] = hk_to_lower(address.p[k]);
		hash = hk_hash(hk_slice_of(lower, k));
		for (k = 0; k < n && more[k] != hash; k++)
			;
		if (k == n)
			more[n++] = hash;
	}
	if (n > c->limits.rcptdomainmax)
		return HK_LIMIT;
	c->n_domains = n;
	return HK_OK;
}

/* What the transaction cannot do without and the server does not offer: a reply of our own; code 0: nothing. */
static struct hk_smtp_reply missing(struct hk_smtpc *c, const struct hk_smtpc_transaction *t)
{
	unsigned have = smtpc_usable(c);
	struct hk_smtp_reply none = {0};

	/* RFC 1870 6.1 lets a client give up by itself */
	if (c->size_limit && t->mail.has_size && t->mail.size > c->size_limit && !c->options.unoffered)
		return smtpc_own(c, 552, "5.3.4",
		    "Message is larger than the server's SIZE of %llu (RFC 1870 6.1)",
		    (unsigned long long)c->size_limit);
	if (t->mail.smtputf8 && (have & HK_EXT(SMTPUTF8)) == 0)
		return smtpc_own(c, 550, "5.6.7",
		    "The message needs SMTPUTF8, which the server does not offer (RFC 6531 3.2)");
	if (t->mail.body == HK_BODY_BINARYMIME &&
	    ((have & HK_EXT(BINARYMIME)) == 0 || (have & HK_EXT(CHUNKING)) == 0))
		return smtpc_own(c, 554, "5.6.3",
		    "The message is BINARYMIME, which the server does not offer (RFC 3030 3)");
	if (t->mail.require_tls && t->mail_from.n && (have & HK_EXT(REQUIRETLS)) == 0)
		return smtpc_own(c, 550, "5.7.30",
		    "The message needs REQUIRETLS, which the server does not offer (RFC 8689 4.2.1)");
	/* asked all the same it would be refused with 501, which says nothing to the sender */
	if ((c->extensions & HK_EXT(DELIVERBY)) && t->mail.has_by && t->mail.by_return && !c->options.unoffered &&
	    (t->mail.by_seconds <= 0 || (uint64_t)t->mail.by_seconds < c->min_by))
		return smtpc_own(c, 550, "5.4.7", "The server needs %llu seconds, and %ld are left (RFC 2852 4)",
		    (unsigned long long)(c->min_by ? c->min_by : 1), (long)t->mail.by_seconds);
	return none;
}

enum hk_status hk_smtpc_start(struct hk_smtpc *c, const struct hk_smtpc_transaction *given)
{
	struct hk_smtpc_transaction own, *t = &own;
	enum hk_status status;
	struct hk_smtp_reply reply;

	if (hk_sized_take(NULL, &own, sizeof own, given) != HK_OK)
		return HK_BUG;
	if (c->state != SMTPC_IDLE || c->in_transaction || c->due_at != c->due_n || t->n == 0)
		return HK_BUG;
	if (t->n > HK_SMTP_RCPTS_MAX || (c->limits.rcptmax && t->n > c->limits.rcptmax) || hk_smtpc_is_spent(c))
		return HK_LIMIT;
	if (!is_safe(t))
		return HK_SYNTAX;
	reply = missing(c, t);
	status = reply.code ? HK_OK : count_domains(c, t);
	if (status != HK_OK)
		return status;
	status = copy_envelope(&c->envelope, t);
	if (status != HK_OK)
		return status;
	/* RFC 1845 knows of SMTP and of lines alone */
	if (!(smtpc_usable(c) & HK_EXT(CHECKPOINT)) || c->options.lmtp || t->mail.body == HK_BODY_BINARYMIME)
		c->envelope.transid.n = 0;
	c->offset = 0;
	c->in_transaction = true;
	c->next = c->replied = c->reset_due ? COMMAND_RSET : COMMAND_MAIL;
	c->accepted = 0;
	c->mail_refused = c->lone_dot = c->dot_phase = false;
	c->lmtp_next = 0;
	c->chunk_replies = 0;
	c->by_chunks = (smtpc_usable(c) & HK_EXT(CHUNKING)) &&
	               (!c->options.no_chunking || t->mail.body == HK_BODY_BINARYMIME);
	if (reply.code) {
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

static void end_command(struct hk_smtpc *c, struct hk_slice more)
{
	if (more.n)
		hk_buf_add_byte(&c->out, ' ');
	hk_buf_add(&c->out, more);
	hk_buf_add(&c->out, HK_S("\r\n"));
}

static void write_mail(struct hk_smtpc *c)
{
	c->transactions++;
	hk_buf_addf(&c->out, "MAIL FROM:<%.*s>", HK_FMT(c->envelope.mail_from));
	hk_smtp_mail_params_add(&c->out, &c->envelope.mail, smtpc_usable(c));
	if (c->envelope.transid.n)
		hk_buf_addf(&c->out, " TRANSID=%.*s", HK_FMT(c->envelope.transid));
	end_command(c, c->envelope.mail_more);
}

static void write_rcpt(struct hk_smtpc *c, size_t i)
{
	hk_buf_addf(&c->out, "RCPT TO:<%.*s>", HK_FMT(c->envelope.rcpt[i]));
	if (c->envelope.rcpt_params)
		hk_smtp_rcpt_params_add(&c->out, &c->envelope.rcpt_params[i], smtpc_usable(c));
	end_command(c, c->envelope.rcpt_more ? c->envelope.rcpt_more[i] : (struct hk_slice){0});
}

static void write_command(struct hk_smtpc *c, size_t command)
{
	if (command == COMMAND_RSET)
		hk_buf_add_str(&c->out, "RSET\r\n");
	else if (command == COMMAND_MAIL)
		write_mail(c);
	else if (command < command_data(c))
		write_rcpt(c, command - COMMAND_RCPT);
	else
		hk_buf_add_str(&c->out, "DATA\r\n");
}

/* What comes behind MAIL hangs on its reply (RFC 1845 3). */
static bool waits_for_mail(const struct hk_smtpc *c)
{
	return c->envelope.transid.n && c->next == COMMAND_RCPT && c->replied < COMMAND_RCPT;
}

void smtpc_transaction_write(struct hk_smtpc *c)
{
	while (c->next < commands_end(c) && !c->mail_refused && c->out.n < HK_SMTP_OUTPUT_MAX / 2 &&
	       (smtpc_pipelines(c) || c->next == c->replied) && !waits_for_mail(c))
		write_command(c, c->next++);
}

bool hk_smtpc_has_transid(const struct hk_smtpc *c)
{
	return c->envelope.transid.n > 0;
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
		c->stage = HK_SMTPC_DATA;
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

/* The reply to a chunk that is not the last. After a refusal nothing of the message may be sent any more, and what
 * is under way is answered with refusals too: the connection is out of step for another message (RFC 3030 2). */
static void chunk_reply(struct hk_smtpc *c, const struct hk_smtp_reply *reply)
{
	c->chunk_replies--;
	c->stage = HK_SMTPC_DATA;
	if (reply->code >= 400)
		smtpc_end(c, reply);
	else if (reply->code >= 300)
		smtpc_unexpected(c, reply);
	else if (c->dot_phase && c->chunk_replies == 0)
		c->stage = HK_SMTPC_DOT;
}

/* options.stop_after is reached: the transaction is over, and so is the session. */
static void stop_here(struct hk_smtpc *c, const struct hk_smtp_reply *reply)
{
	c->quit_due = true;
	smtpc_end_transaction(c, c->stage, reply);
}

/* 355: all recipients are there, and so much of the message (RFC 1845 3: the number comes first). DATA is next: what goes on has
 * to begin behind a reply. False: it cannot be so. */
static bool resume(struct hk_smtpc *c, const struct hk_smtp_reply *reply)
{
	struct smtpc_envelope *e = &c->envelope;
	size_t i, n = 0;

	while (n < reply->text.n && hk_is_digit(reply->text.p[n]))
		n++;
	if (!e->transid.n || !e->resumes || hk_slice_u64(hk_slice_sub(reply->text, 0, n), UINT64_MAX, &c->offset) != HK_OK ||
	    (n < reply->text.n && !hk_is_wsp(reply->text.p[n]) && reply->text.p[n] != '\n'))
		return false;
	/* a CRLF that a message lacked at its end was sent with it */
	if (e->mail.has_size && (c->offset > e->mail.size + 2 || e->mail.size + 2 < e->mail.size))
		return false;
	for (i = 0; i < e->n; i++)
		e->fate[i] = SMTPC_ACCEPTED;
	c->accepted = e->n;
	c->by_chunks = false;
	c->next = c->replied = command_data(c);
	return true;
}

static void command_reply(struct hk_smtpc *c, size_t command, const struct hk_smtp_reply *reply)
{
	c->stage = stage_of(c, command);
	if (command == command_data(c)) {
		data_reply(c, reply);
		return;
	}
	if (command == COMMAND_MAIL && reply->code == 355 && resume(c, reply))
		return;
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
		rcpt_reply(c, (command - COMMAND_RCPT + HK_BUG(REPLY_OFF_BY_ONE)) % c->envelope.n, reply);
	}
}

void smtpc_transaction_reply(struct hk_smtpc *c, const struct hk_smtp_reply *reply)
{
	if (c->chunk_replies) {
		chunk_reply(c, reply);
		return;
	}
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
	else if (c->replied == commands_end(c) && stops_in_transaction(c))
		stop_here(c, reply);
	else if (c->by_chunks && c->replied == command_data(c))
		data_go(c);
	else
		c->stage = stage_of(c, c->replied);
}
