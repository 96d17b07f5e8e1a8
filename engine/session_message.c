/* SPDX-License-Identifier: MIT
 *
 * session_message.c - a message while it comes in: envelope, header section, body in memory or in a
 * file of its own.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/session_internal.h"
#include "lib/base/base_internal.h"
#include "lib/base/bug.h"

const struct hk_policy_reply reply_no_memory = {HK_REFUSAL_NO_MEMORY};
const struct hk_policy_reply reply_no_space = {HK_REFUSAL_NO_SPACE};
const struct hk_policy_reply reply_busy = {HK_REFUSAL_MAIL_BUSY};
const struct hk_policy_reply reply_no_storage = {HK_REFUSAL_NO_STORAGE};
static const struct hk_policy_reply no_reply = {0};

struct message *message_new(struct hk_session *s, const struct hk_smtpd_event *e)
{
	struct message *m = calloc(1, sizeof *m);

	if (!m)
		return NULL;
	m->file = -1;
	hk_arena_init(&m->arena, HK_SESSION_MESSAGE_ARENA);
	hk_splitter_init(&m->splitter, HK_HEADER_SECTION_MAX);
	hk_buf_init(&m->body, HK_BODY_INLINE_MAX);
	hk_buf_init(&m->summary, 4096);
	m->id = hk_ids_next(s->env.ids, (uint64_t)s->now.utc * 1000 + s->now.utc_ms);
	hk_mail_id_format(m->id, m->id_text);
	m->params = e->mail;
	/* RFC 4954 5: who is not trusted says nothing of who sent it first */
	if (m->params.auth.n && !s->client.is_trusted)
		m->params.auth = HK_S("<>");
	if (hk_arena_dup(&m->arena, e->path.text, &m->mail_from) == HK_OK &&
	    hk_arena_dup(&m->arena, e->mail.envid, &m->params.envid) == HK_OK &&
	    hk_arena_dup(&m->arena, m->params.auth, &m->params.auth) == HK_OK)
		return m;
	message_free(s, m);
	return NULL;
}

/* hk_spool_open bounds the length of the spool's name. No memory is asked for: a file must be removed when there is none. */
struct hk_spool_path message_path(const struct hk_session *s, const struct message *m)
{
	return hk_spool_path(s->body_dir, m->id_text);
}

void message_release(struct message *m)
{
	hk_verify_done(m->verify);
	m->verify = NULL;
	hk_recode_free(m->parts);
	m->parts = NULL;
	dns_forget(m);
	hk_splitter_done(&m->splitter);
	hk_buf_done(&m->body);
	hk_arena_done(&m->arena);
	m->mail_from = (struct hk_slice){0};
	m->header = (struct hk_header){0};
	m->rcpt = NULL;
	m->n_rcpt = m->rcpt_room = 0;
}

void message_free(struct hk_session *s, struct message *m)
{
	if (!m)
		return;
	checkpoint_free(s, m);
	if (m->file >= 0)
		s->env.disk->ops->close(s->env.disk, m->file);
	if (m->has_file) {
		struct hk_spool_path path = message_path(s, m);

		if (s->env.disk->ops->unlink(s->env.disk, path.text) != HK_OK)
			hk_logf(s->env.log, HK_LOG_WARNING, "qid=%s ev=body-left path=%s", m->id_text, path.text);
	}
	hk_mail_free(m->mail);
	message_release(m);
	if (!HK_BUG(SESSION_LEAK))
		hk_buf_done(&m->summary);
	free(m);
}

enum hk_status message_add_rcpt(
    struct message *m, struct hk_slice address, const struct hk_smtp_rcpt_params *params)
{
	enum hk_status status;
	struct hk_mail_rcpt *rcpt;

	if (m->n_rcpt == m->rcpt_room) {
		struct hk_mail_rcpt *more =
		    hk_arena_double(&m->arena, m->rcpt, &m->rcpt_room, 8, sizeof *more);

		if (!more)
			return m->arena.failed;
		m->rcpt = more;
	}
	rcpt = &m->rcpt[m->n_rcpt];
	*rcpt = (struct hk_mail_rcpt){.params = *params};
	status = hk_arena_dup(&m->arena, address, &rcpt->address);
	if (status == HK_OK)
		status = hk_arena_dup(&m->arena, params->orcpt, &rcpt->params.orcpt);
	if (status == HK_OK)
		m->n_rcpt++;
	return status;
}

struct hk_policy_reply message_begin(struct hk_session *s)
{
	struct message *m = s->message;
	unsigned checks = hk_policy_checks(s->env.listener, &s->client);
	struct hk_verify_input input = {.size = sizeof input,
	    .checks = checks,
	    .client = s->client.ip,
	    .helo = hk_smtpd_helo(s->smtpd),
	    .mail_from = m->mail_from,
	    .has_mail_from = true,
	    .authserv_id = s->env.listener->authserv_id,
	    .now = s->now.utc,
	    .trusted_sealers = s->env.listener->trusted_sealers,
	    .keys = s->env.public_keys,
	};

	if (checks) {
		m->verify = hk_verify_new(&m->arena, &input);
		if (!m->verify)
			return reply_no_memory;
		m->needs_step = true;
	}
	m->is_receiving = true;
	return no_reply;
}

/* ---- the header -------------------------------------------------------------------------------
 */

bool message_names_wait(struct hk_session *s)
{
	struct message *m = s->message;
	size_t i;

	if (!m->verify)
		return false;
	if (!m->has_asked_names) {
		m->has_asked_names = true;
		/* what goes wrong here goes wrong with the header again, and is told there */
		(void)!hk_verify_names(m->verify, hk_splitter_header(&m->splitter));
		m->needs_step = true;
		dns_gather(s);
	}
	for (i = 0; i < HK_VERIFY_MAX_QUESTIONS; i++)
		if (m->question[i].is_open && m->question[i].question.type == HK_DNS_ALABEL)
			return true;
	return false;
}

/* Deliberate: RFC 5322 2.1.1 has 998 characters, and mail that is longer is sent all the time. */
static bool has_long_line(struct hk_slice section)
{
	while (section.n) {
		size_t n = hk_slice_find(section, '\n');

		if (n >= HK_SESSION_HEADER_LINE_MAX)
			return true;
		section = hk_slice_from(section, n + 1);
	}
	return false;
}

/* With BODY=BINARYMIME it is the body that need not be lines (RFC 3030 3). In the header a bare LF or CR would be a line end to
 * others, and they would read fields that nobody here has checked; a NUL would be an end. */
static struct hk_policy_reply check_lines(struct message *m, struct hk_slice section)
{
	struct hk_policy_reply reply = {HK_REFUSAL_NONE};
	bool was_cr = false;
	size_t i, line = 1;

	for (i = 0; i < section.n && !reply.why; i++) {
		uint8_t c = section.p[i];

		if (was_cr && c != '\n')
			reply.why = HK_REFUSAL_MESSAGE_BARE_CR;
		else if (!was_cr && c == '\n')
			reply.why = HK_REFUSAL_MESSAGE_BARE_LF;
		else if (c == '\0')
			reply.why = HK_REFUSAL_MESSAGE_NUL;
		line += was_cr && c == '\n';
		was_cr = c == '\r';
	}
	if (!reply.why && was_cr)
		reply.why = HK_REFUSAL_MESSAGE_BARE_CR;
	if (reply.why && hk_arena_fmt(&m->arena, &reply.arg[0], "%zu", line) != HK_OK)
		return reply_no_memory;
	return reply;
}

struct hk_policy_reply message_header_end(struct hk_session *s)
{
	struct message *m = s->message;
	struct hk_slice section = hk_splitter_header(&m->splitter);
	struct hk_policy_reply reply = no_reply;
	enum hk_status status;

	m->is_header_done = true;
	if (m->params.body == HK_BODY_BINARYMIME)
		reply = check_lines(m, section);
	if (reply.why)
		return reply;
	/* It would become the end of our own last trace field, and say there what it likes. */
	if (section.n && hk_is_wsp(section.p[0]))
		return (struct hk_policy_reply){HK_REFUSAL_HEADER_CONTINUES};
	if (has_long_line(section))
		return (struct hk_policy_reply){HK_REFUSAL_HEADER_LINE};
	if (m->verify) {
		status = hk_verify_header(m->verify, section);
		m->needs_step = true;
		if (status == HK_OK)
			m->header = *hk_verify_fields(m->verify);
	} else {
		status = hk_header_parse(&m->arena, section, &m->header);
	}
	if (status == HK_LIMIT && m->arena.failed == HK_OK)
		return (struct hk_policy_reply){HK_REFUSAL_HEADER_FIELDS};
	if (status != HK_OK)
		return reply_no_memory;
	if (hk_header_count(&m->header, HK_S("Received")) >= HK_RECEIVED_MAX)
		return (struct hk_policy_reply){HK_REFUSAL_HOPS};
	if (m->params.body == HK_BODY_BINARYMIME) {
		m->parts = hk_recode_new(&m->header);
		if (!m->parts)
			return reply_no_memory;
	}
	return auth_may_header(s, m);
}

/* ---- the body ---------------------------------------------------------------------------------
 */

static struct hk_policy_reply reply_of_disk(
    struct hk_session *s, enum hk_status status, const char *what)
{
	hk_logf(s->env.log, HK_LOG_ERROR, "qid=%s ev=disk what=%s status=%s why=%s", s->message->id_text,
	    what, hk_status_name(status), hk_log_value(hk_slice_str(hk_disk_why(s->env.disk, status).text)).text);
	return status == HK_FULL ? reply_no_space : reply_no_storage;
}

static bool know_body_dir(struct hk_session *s)
{
	struct hk_slice dir;

	if (!s->body_dir &&
	    hk_arena_fmt(&s->arena, &dir, "%.*s/body", HK_FMT(s->env.conf->spool)) == HK_OK)
		s->body_dir = (const char *)dir.p;
	return s->body_dir != NULL;
}

static enum hk_status create_file(struct hk_session *s, struct message *m)
{
	struct hk_disk *disk = s->env.disk;
	struct hk_spool_path path = message_path(s, m);
	enum hk_status status;

	/* in its final place from the first byte on: no rename that a power cut could undo (design
	 * 4) */
	status = disk->ops->open(disk, path.text, HK_OPEN_WRITE | HK_OPEN_CREATE, &m->file);
	if (status == HK_NOTFOUND && disk->ops->make_dir(disk, s->body_dir) == HK_OK)
		status = disk->ops->open(disk, path.text, HK_OPEN_WRITE | HK_OPEN_CREATE, &m->file);
	m->has_file = status == HK_OK;
	return status;
}

static struct hk_policy_reply spill(struct hk_session *s, struct message *m)
{
	enum hk_status status;

	if (!know_body_dir(s))
		return reply_no_memory;
	status = create_file(s, m);
	if (status != HK_OK)
		return reply_of_disk(s, status, "create-body");
	if (m->body.n)
		status = s->env.disk->ops->write(s->env.disk, m->file, 0, hk_buf_slice(&m->body));
	if (status != HK_OK)
		return reply_of_disk(s, status, "write-body");
	hk_buf_done(&m->body);
	return no_reply;
}

static struct hk_policy_reply reply_of_parts(enum hk_status status)
{
	if (status == HK_OK)
		return no_reply;
	return status == HK_NOMEM ? reply_no_memory : (struct hk_policy_reply){HK_REFUSAL_BINARY_PARTS};
}

/* RFC 3030 3: what is no lines stands in a part that says so. No Maildir and no server without BINARYMIME could be given
 * anything else, and it would come back as a report to a sender that may be forged. */
struct hk_policy_reply message_body_end(struct message *m)
{
	struct hk_policy_reply reply = reply_of_parts(m->parts ? hk_recode_look_end(m->parts) : HK_OK);

	if (!reply.why && m->parts && hk_recode_has_stray(m->parts))
		reply.why = HK_REFUSAL_BINARY_UNLABELLED;
	return reply;
}

static struct hk_policy_reply add_body(
    struct hk_session *s, struct message *m, struct hk_slice chunk)
{
	enum hk_status status;
	uint8_t bits = 0;
	size_t i;

	for (i = 0; i < chunk.n; i++)
		bits |= chunk.p[i];
	m->has_8bit |= (bits & 0x80) != 0;
	status = m->parts ? hk_recode_look(m->parts, chunk) : HK_OK;
	if (status != HK_OK)
		return reply_of_parts(status);
	if (m->verify)
		hk_verify_body(m->verify, chunk);
	if (!m->has_file && m->body.n + chunk.n > HK_BODY_INLINE_MAX) {
		struct hk_policy_reply reply = spill(s, m);

		if (reply.why)
			return reply;
	}
	if (m->has_file) {
		status = s->env.disk->ops->write(s->env.disk, m->file, m->body_size, chunk);
		if (status != HK_OK)
			return reply_of_disk(s, status, "write-body");
	} else {
		hk_buf_add(&m->body, chunk);
		if (hk_buf_status(&m->body) != HK_OK)
			return reply_no_memory;
	}
	m->body_size += chunk.n;
	return no_reply;
}

bool message_chunk(struct hk_session *s, struct hk_slice chunk, struct hk_policy_reply *ret)
{
	struct message *m = s->message;
	bool has_waited = m->has_asked_names && !m->is_header_done;
	struct hk_slice body = hk_slice_from(chunk, m->body_at);
	enum hk_status status = has_waited ? HK_OK : hk_splitter_feed(&m->splitter, chunk, &body);

	*ret = no_reply;
	if (status == HK_LIMIT)
		*ret = (struct hk_policy_reply){HK_REFUSAL_HEADER_TOO_LARGE};
	else if (status != HK_OK)
		*ret = reply_no_memory;
	if (!ret->why && !m->is_header_done && hk_splitter_in_body(&m->splitter)) {
		m->body_at = chunk.n - body.n;
		if (message_names_wait(s))
			return false;
		*ret = message_header_end(s);
	}
	if (!ret->why && body.n)
		*ret = add_body(s, m, body);
	return true;
}
