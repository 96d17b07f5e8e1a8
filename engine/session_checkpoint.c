/* SPDX-License-Identifier: MIT
 *
 * session_checkpoint.c - a transaction with an id (RFC 1845): it goes on where it broke off, and one that is complete is
 * answered as it was before.
 *
 * Deliberate: RFC 1845 2 takes the id and the name in EHLO for what makes a transaction. Both can be guessed, so ours is more: the
 * listener, the client's net, TLS or none, the user, the sender and the parameters of MAIL. A client that comes another way gets
 * 250 and sends all of it again.
 */
#include <stdlib.h>
#include <string.h>

#include <hikyaku/crypto.h>

#include "engine/checkpoint.h"
#include "engine/session_internal.h"

enum {
	CHUNK = 64 * 1024,
	SLICE = 16,      /* chunks in one go; then the other sessions have their turn */
	KEY_TEXT_MAX = 8192,
};

struct restart {
	uint8_t key[HK_CHECKPOINT_KEY];
	bool is_ours; /* begun in the table, and not ended there yet */
	bool is_replayed, is_due, is_handed_out;
	struct hk_policy_reply refusal;
	struct hk_checkpoint what;
	struct hk_checkpoint_reader reader;
	uint8_t *chunk; /* read, and not taken yet: chunk_n octets */
	size_t chunk_n;
	uint64_t size;
};

static const char *spool_of(const struct hk_session *s)
{
	return (const char *)s->env.conf->spool.p;
}

static struct hk_checkpoint_limits limits_of(const struct hk_session *s)
{
	const struct hk_conf *conf = s->env.conf;

	return (struct hk_checkpoint_limits){
	    .most = conf->checkpoint_messages, .octets = conf->checkpoint_size, .seconds = conf->checkpoint_age};
}

/* ---- which transaction it is ---------------------------------------------------- */

static void add_lower(struct hk_buf *b, struct hk_slice name)
{
	size_t i;

	hk_buf_add_u32(b, (uint32_t)name.n);
	for (i = 0; i < name.n; i++)
		hk_buf_add_u8(b, hk_to_lower(name.p[i]));
}

/* Without SIZE and BY: what is left of a time is less the next time. */
static enum hk_status make_key(const struct hk_session *s, const struct hk_smtpd_event *e, uint8_t ret[HK_CHECKPOINT_KEY])
{
	uint8_t net[HK_LIMITS_CLIENT_MAX];
	const struct hk_smtp_mail_params *p = &e->mail;
	enum hk_status status;
	struct hk_buf b;

	hk_buf_init(&b, KEY_TEXT_MAX);
	hk_buf_add_block(&b, s->env.listener->name);
	hk_buf_add_block(&b, hk_limits_client(&s->client.ip, net));
	add_lower(&b, hk_smtpd_helo(s->smtpd));
	hk_buf_add_block(&b, s->who.user);
	hk_buf_add_block(&b, e->transid);
	hk_buf_add_block(&b, e->path.text);
	hk_buf_add_block(&b, p->envid);
	hk_buf_add_block(&b, p->auth);
	hk_buf_add_u8(&b, hk_smtpd_is_tls(s->smtpd));
	hk_buf_add_u8(&b, (uint8_t)p->body);
	hk_buf_add_u8(&b, p->smtputf8);
	hk_buf_add_u8(&b, p->require_tls);
	hk_buf_add_u8(&b, (uint8_t)p->ret);
	status = hk_buf_status(&b);
	if (status == HK_OK)
		status = hk_sha256(hk_buf_slice(&b), ret);
	hk_buf_done(&b);
	return status;
}

/* ---- MAIL ---------------------------------------------------------------------- */

static struct hk_policy_reply begin(struct hk_session *s, struct restart *r)
{
	uint8_t net[HK_LIMITS_CLIENT_MAX];
	struct hk_checkpoint_limits limits = limits_of(s);
	enum hk_status status =
	    hk_checkpoints_begin(s->env.checkpoints, r->key, hk_limits_client(&s->client.ip, net), &limits, s->now.utc, &r->what);

	r->is_ours = status == HK_OK;
	return (struct hk_policy_reply){status == HK_BUSY ? HK_REFUSAL_TRANSID_BUSY : HK_REFUSAL_NONE};
}

/* The recipients of one that broke off; what cannot be read begins anew. */
static void restore(struct hk_session *s, struct message *m, struct restart *r)
{
	enum hk_status status = hk_checkpoint_open(
	    s->env.disk, spool_of(s), &r->what, &m->arena, &r->reader, &m->rcpt, &m->n_rcpt);

	if (status == HK_OK) {
		m->rcpt_room = m->n_rcpt;
		return;
	}
	hk_logf(s->env.log, HK_LOG_WARNING, "qid=%s ev=checkpoint what=\"it begins anew\" status=%s", m->id_text,
	    hk_status_name(status));
	m->rcpt = NULL;
	m->n_rcpt = m->rcpt_room = 0;
	hk_checkpoints_end(s->env.checkpoints, r->key);
	(void)begin(s, r);
}

struct hk_policy_reply checkpoint_mail(struct hk_session *s, const struct hk_smtpd_event *e)
{
	struct message *m = s->message;
	struct hk_policy_reply reply;
	struct restart *r;

	checkpoint_seen(s);
	if (!e->transid.n || !s->env.checkpoints)
		return (struct hk_policy_reply){0};
	r = m->restart = calloc(1, sizeof *r);
	if (!r)
		return reply_no_memory;
	r->reader.file = r->reader.body = -1;
	if (make_key(s, e, r->key) != HK_OK)
		return reply_no_memory;
	reply = begin(s, r);
	if (r->is_ours && r->what.kind == HK_CHECKPOINT_PARTIAL)
		restore(s, m, r);
	r->is_replayed = r->what.kind != HK_CHECKPOINT_PARTIAL;
	return reply;
}

void checkpoint_accept(struct hk_session *s)
{
	const struct message *m = s->message;
	const struct restart *r = m->restart;
	char id[HK_MAIL_ID_TEXT];

	if (!r || !r->is_ours || r->what.kind == HK_CHECKPOINT_NEW) {
		hk_smtpd_accept(s->smtpd);
		return;
	}
	hk_mail_id_format(r->what.id, id);
	hk_logf(s->env.log, HK_LOG_INFO, "qid=%s ev=checkpoint what=%s of=%s offset=%llu client=%s", m->id_text,
	    r->what.kind == HK_CHECKPOINT_DONE ? "complete" : "resumed", id, (unsigned long long)r->what.offset, s->client_text);
	hk_smtpd_resume(s->smtpd, r->what.offset, r->what.n_rcpt);
}

/* ---- RCPT ---------------------------------------------------------------------- */

static bool is_resumed(const struct message *m)
{
	return m->restart && m->restart->is_ours && m->restart->what.kind != HK_CHECKPOINT_NEW;
}

/* Deliberate: RFC 1845 is older than PIPELINING (RFC 2920). A client that sent its recipients behind MAIL before it could know
 * of 355 names those that are here already; another one is told to come with it later. */
bool checkpoint_rcpt(struct hk_session *s, const struct hk_smtpd_event *e)
{
	static const struct hk_policy_reply other = {HK_REFUSAL_TRANSID_RCPT};
	const struct message *m = s->message;
	size_t i;

	if (!is_resumed(m))
		return false;
	for (i = 0; i < m->n_rcpt; i++) {
		if (!hk_slice_eq(m->rcpt[i].address, e->path.text))
			continue;
		hk_smtpd_accept(s->smtpd);
		return true;
	}
	session_refuse(s, &other, e->path.text);
	return true;
}

/* ---- the message --------------------------------------------------------------- */

bool checkpoint_is_done(const struct message *m)
{
	return m->restart && m->restart->is_ours && m->restart->what.kind == HK_CHECKPOINT_DONE;
}

void checkpoint_refused(struct message *m, const struct hk_policy_reply *reply)
{
	if (m->restart)
		m->restart->refusal.why = reply->why;
}

/* Some of what is here already; false: there is more, or an answer is to be waited for. */
static bool replay(struct hk_session *s, struct restart *r, struct hk_policy_reply *ret)
{
	size_t n = 0;

	if (!r->chunk)
		r->chunk = malloc(CHUNK);
	if (!r->chunk) {
		*ret = reply_no_memory;
		return true;
	}
	for (; !ret->why && n < SLICE; n++) {
		if (!r->chunk_n && hk_checkpoint_read(&r->reader, r->chunk, CHUNK, &r->chunk_n) != HK_OK)
			*ret = reply_no_storage;
		if (!r->chunk_n)
			return true;
		if (!message_chunk(s, hk_slice_of(r->chunk, r->chunk_n), ret))
			return false;
		r->chunk_n = 0;
	}
	r->is_due = !ret->why;
	return !r->is_due;
}

/* Deliberate: RFC 1845 3 leaves open by what command the rest comes. DATA it is: behind BDAT (RFC 3030) the octets come at once,
 * and of a client that had not seen 355 yet they would be the first ones again. */
bool checkpoint_data(struct hk_session *s, bool is_bdat, struct hk_policy_reply *ret)
{
	struct message *m = s->message;
	struct restart *r = m->restart;
	bool is_over = true;

	*ret = (struct hk_policy_reply){0};
	if (!r)
		return true;
	r->is_due = false;
	*ret = r->refusal;
	if (!r->is_replayed && is_bdat)
		ret->why = HK_REFUSAL_TRANSID_BDAT;
	else if (!ret->why && !r->is_replayed)
		is_over = replay(s, r, ret);
	if (!is_over)
		return false;
	r->refusal.why = ret->why;
	r->is_replayed = r->is_replayed || !ret->why;
	hk_checkpoint_close(&r->reader);
	free(r->chunk);
	r->chunk = NULL;
	return true;
}

bool checkpoint_is_due(const struct hk_session *s)
{
	return s->stage == STAGE_LOOKUP && s->message && s->message->restart && s->message->restart->is_due;
}

void checkpoint_sized(struct message *m, uint64_t size)
{
	if (m->restart)
		m->restart->size = size;
}

/* ---- the end ------------------------------------------------------------------- */

void checkpoint_handed_out(struct message *m)
{
	if (m->restart)
		m->restart->is_handed_out = true;
}

static void remember(struct hk_session *s, struct restart *r)
{
	memcpy(s->done_key, r->key, sizeof s->done_key);
	s->has_done_key = true;
	r->is_ours = false;
}

void checkpoint_committed(struct hk_session *s)
{
	const struct message *m = s->message;
	struct restart *r = m->restart;
	struct hk_checkpoint done;

	if (!r || !r->is_ours)
		return;
	done = (struct hk_checkpoint){
	    .kind = HK_CHECKPOINT_DONE, .id = m->id, .offset = r->size, .n_rcpt = (uint32_t)m->n_accepted};
	hk_checkpoints_done(s->env.checkpoints, r->key, &done, s->now.utc);
	remember(s, r);
}

uint64_t checkpoint_answered(struct hk_session *s)
{
	struct restart *r = s->message->restart;

	hk_checkpoints_give_back(s->env.checkpoints, r->key);
	remember(s, r);
	return r->what.id;
}

/* RFC 1845 3: a new transaction or QUIT tell that the client has the reply to the last one. */
void checkpoint_seen(struct hk_session *s)
{
	if (s->has_done_key)
		hk_checkpoints_forget(s->env.checkpoints, s->done_key);
	s->has_done_key = false;
}

/* What of it came is kept. BINARYMIME has no lines to go on at, and goes by no DATA. */
static bool keep(struct hk_session *s, struct message *m, struct restart *r)
{
	struct hk_checkpoint_limits limits = limits_of(s);
	struct hk_checkpoint_part part = {.id = m->id,
	    .rcpt = m->rcpt,
	    .n_rcpt = m->n_rcpt,
	    .is_header_whole = hk_splitter_in_body(&m->splitter),
	    .header = hk_splitter_header(&m->splitter),
	    .body = hk_buf_slice(&m->body),
	    .body_size = m->body_size};
	struct hk_spool_path path;
	struct hk_checkpoint what;
	enum hk_status status;

	if (m->params.body == HK_BODY_BINARYMIME)
		return false;
	if (m->has_file) {
		path = message_path(s, m);
		part.body_file = path.text;
	}
	status = hk_checkpoint_keep(s->env.disk, spool_of(s), &part, &what);
	if (status != HK_OK && status != HK_NOTFOUND)
		hk_logf(s->env.log, HK_LOG_WARNING, "qid=%s ev=disk what=checkpoint status=%s", m->id_text, hk_status_name(status));
	if (status != HK_OK)
		return false;
	m->has_file = m->has_file && !what.in_body_file;
	if (!hk_checkpoints_park(s->env.checkpoints, r->key, &what, &limits, s->now.utc))
		return true; /* it is out of the table */
	hk_logf(s->env.log, HK_LOG_INFO, "qid=%s ev=checkpoint what=kept offset=%llu client=%s", m->id_text,
	    (unsigned long long)what.offset, s->client_text);
	return true;
}

void checkpoint_lost(struct hk_session *s)
{
	struct message *m = s->message;
	struct restart *r = m ? m->restart : NULL;

	if (!r || !r->is_ours)
		return;
	if (r->what.kind == HK_CHECKPOINT_DONE || (!r->is_replayed && !r->refusal.why)) {
		hk_checkpoints_give_back(s->env.checkpoints, r->key);
		r->is_ours = false;
	} else if (m->is_receiving && !r->refusal.why && !r->is_handed_out) {
		r->is_ours = !keep(s, m, r);
	}
}

void checkpoint_free(struct hk_session *s, struct message *m)
{
	struct restart *r = m->restart;

	if (!r)
		return;
	if (r->is_ours)
		hk_checkpoints_end(s->env.checkpoints, r->key);
	hk_checkpoint_close(&r->reader);
	free(r->chunk);
	free(r);
	m->restart = NULL;
}
