/* SPDX-License-Identifier: MIT
 *
 * session_intake.c - from the dot to the reply: wait for the verdict, decide, build the mail, make
 * it durable.
 */
#include <stdio.h>

#include <hikyaku/authres.h>

#include "engine/session_internal.h"
#include "engine/trace_fields.h"

/* Received is under 2 KiB; Authentication-Results has a line for each of at most
 * HK_HEADER_FIELDS_MAX signatures. */
#define TRACE_MAX    (1024 * 1024)
#define EDITS_MAX    (64 * 1024)
#define EVIDENCE_MAX (4 * 1024 * 1024)

/* ---- the end of a transaction ---- */

static void finish(struct hk_session *s)
{
	message_free(s, s->message);
	s->message = NULL;
	s->stage = STAGE_CLIENT;
	s->wants &= ~(unsigned)(WANT_SYNC | WANT_COMMIT);
	s->last_input = s->now.mono_ms;
}

static void refuse(struct hk_session *s, const struct hk_policy_reply *reply)
{
	session_refuse(s, reply, (struct hk_slice){0});
	finish(s);
}

/* ---- the mail ---- */

static void add_results(
    const struct hk_session *s, const struct message *m, struct hk_buf *out)
{
	const struct hk_conf_listener *l = s->env.listener;

	hk_verify_authres(m->verify, hk_policy_checks(l, &s->client), l->authres_style,
	    l->authserv_id, out);
}

static struct hk_received received_of(const struct hk_session *s, const struct message *m)
{
	return (struct hk_received){
	    .helo = hk_smtpd_helo(s->smtpd),
	    .reverse = s->reverse.confirmed,
	    .client = s->client.ip,
	    .host = s->env.listener->hostname,
	    .product = s->env.conf->product,
	    .proto = hk_smtpd_proto(s->smtpd),
	    .is_tls = hk_smtpd_is_tls(s->smtpd),
	    .is_authenticated = hk_smtpd_is_authenticated(s->smtpd),
	    .is_utf8 = m->params.smtputf8,
	    .id = m->id_text,
	    /* RFC 5321 7.6: several would tell each of the others */
	    .rcpt = m->n_rcpt == 1 ? m->rcpt[0].address : (struct hk_slice){0},
	    .now = &s->now,
	};
}

/* Ours on top, the results right under it (RFC 8601 5, S0-032). */
static void add_trace(const struct hk_session *s, const struct message *m, struct hk_buf *out)
{
	struct hk_received received = received_of(s, m);

	hk_received_format(&received, out);
	lookup_lists_add(s, out);
	if (m->verify)
		add_results(s, m, out);
}

/* All that differs between what came and what goes on; a relay adds nothing (S0-031). */
static enum hk_status add_edits(const struct hk_session *s, struct message *m, struct hk_buf *out)
{
	struct hk_edits *edits = hk_edits_new(&m->arena);
	struct hk_received received = received_of(s, m);
	enum hk_status status = edits ? HK_OK : m->arena.failed;
	size_t removed = 0, private = 0, added = 0;

	/* a trusted relay's results are ours */
	if (status == HK_OK && !s->client.is_trusted)
		status =
		    hk_trace_removals(&m->header, s->env.listener->authserv_id, edits, &removed);
	if (status == HK_OK && s->env.listener->role == HK_ROLE_SUBMISSION)
		status = hk_trace_private(&m->header, edits, &private);
	if (status == HK_OK && s->env.listener->role == HK_ROLE_SUBMISSION)
		status = hk_trace_additions(&m->header, &received, edits, &added);
	if (status == HK_OK && removed + private + added)
		hk_edits_format(edits, out);
	return status;
}

static void add_summary(const struct hk_session *s, struct message *m, enum hk_action action)
{
	static const char *const names[] = {"accept", "quarantine", "defer", "reject"};
	const struct hk_verify_verdict *v = m->verify ? hk_verify_result(m->verify) : NULL;
	unsigned checks = hk_policy_checks(s->env.listener, &s->client);
	size_t i;

	hk_buf_addf(&m->summary, "client=%s helo=%s from=%s", s->client_text,
	    hk_log_value(hk_smtpd_helo(s->smtpd)).text, hk_log_value(m->mail_from).text);
	if (s->who.user.n)
		hk_buf_addf(&m->summary, " user=%s", hk_log_value(s->who.user).text);
	if (auth_device(s).n)
		hk_buf_addf(&m->summary, " device=%s", s->who.device);
	if (checks & HK_CHECK_SPF)
		hk_buf_addf(&m->summary, " spf=%s", hk_spf_result_name(v->spf->result));
	for (i = 0; (checks & HK_CHECK_DKIM) && i < v->n_dkim && i < HK_DKIM_MAX_SIGNATURES; i++)
		hk_buf_addf(&m->summary, " dkim=%s d=%s", hk_dkim_result_name(v->dkim[i]->result),
		    hk_log_value(v->dkim[i]->d).text);
	if (checks & HK_CHECK_DMARC)
		hk_buf_addf(&m->summary, " dmarc=%s policy=%s author=%s",
		    hk_dmarc_result_name(v->dmarc->result), hk_dmarc_policy_name(v->dmarc->policy),
		    hk_log_value(v->author_domain).text);
	if (checks & HK_CHECK_ARC)
		hk_buf_addf(&m->summary, " arc=%s", hk_arc_result_name(v->arc->cv));
	hk_buf_addf(&m->summary, " action=%s", names[action]);
}

/* What is copied into a mail, gathered before its arena's size is known. */
struct parts {
	struct hk_buf trace, edits, evidence;
};

static enum hk_status copy_recipients(const struct message *m, struct hk_mail *mail)
{
	size_t i;

	mail->rcpt = hk_arena_array(&mail->arena, m->n_rcpt, sizeof *mail->rcpt);
	if (!mail->rcpt)
		return mail->arena.failed;
	mail->n_rcpt = m->n_rcpt;
	for (i = 0; i < m->n_rcpt; i++) {
		struct hk_mail_rcpt *to = &mail->rcpt[i];
		enum hk_status status;

		*to = m->rcpt[i];
		status = hk_arena_dup(&mail->arena, m->rcpt[i].address, &to->address);
		if (status == HK_OK)
			status = hk_arena_dup(
			    &mail->arena, m->rcpt[i].params.orcpt, &to->params.orcpt);
		if (status != HK_OK)
			return status;
	}
	return HK_OK;
}

static enum hk_status copy_all(const struct hk_session *s, const struct message *m,
    const struct parts *p, struct hk_mail *mail)
{
	const struct {
		struct hk_slice from, *to;
	} copies[] = {
	    {s->env.listener->name, &mail->listener},
	    {m->mail_from, &mail->mail_from},
	    {m->header.raw, &mail->header},
	    {hk_buf_slice(&p->trace), &mail->trace},
	    {hk_buf_slice(&p->edits), &mail->edits},
	    {hk_buf_slice(&m->body), &mail->body},
	    {hk_slice_str(m->has_file ? m->id_text : ""), &mail->body_file},
	    {hk_buf_slice(&p->evidence), &mail->evidence},
	    {hk_buf_slice(&m->summary), &mail->summary},
	    {m->params.envid, &mail->params.envid},
	    {m->params.auth, &mail->params.auth},
	    {s->who.user, &mail->user},
	    {auth_device(s), &mail->device},
	};
	enum hk_status status = copy_recipients(m, mail);
	size_t i;

	for (i = 0; status == HK_OK && i < sizeof copies / sizeof copies[0]; i++)
		status = hk_arena_dup(&mail->arena, copies[i].from, copies[i].to);
	return status;
}

/* RFC 8689 3, 4.1: "TLS-Required: No", once; the parameter REQUIRETLS goes before it. */
static bool says_tls_is_optional(const struct hk_header *h)
{
	size_t i = hk_header_find(h, HK_S("TLS-Required"), 0);

	return i < h->n && hk_header_count(h, HK_S("TLS-Required")) == 1 &&
	       hk_slice_eq_nocase(hk_slice_trim(h->field[i].value), HK_S("no"));
}

static struct hk_mail *build_mail(
    const struct hk_session *s, struct message *m, enum hk_action action, const struct parts *p)
{
	/* every copy has its NUL and is rounded up to 16 octets; paths are bounded by HK_PATH_MAX
	 */
	size_t limit = 16 * 1024 + m->header.raw.n + m->body.n + p->trace.n + p->edits.n +
	               p->evidence.n + m->summary.n + s->who.user.n +
	               m->n_rcpt * (sizeof(struct hk_mail_rcpt) + HK_PATH_MAX + HK_SMTP_ORCPT_MAX + 64);
	struct hk_mail *mail = hk_mail_new(limit);

	if (!mail)
		return NULL;
	mail->id = m->id;
	mail->received = s->now.utc;
	mail->body_size = m->body_size;
	mail->params = m->params;
	if (m->params.body != HK_BODY_7BIT || m->has_8bit)
		mail->flags |= HK_MAIL_8BIT;
	if (!m->params.require_tls && says_tls_is_optional(&m->header))
		mail->flags |= HK_MAIL_TLS_OPTIONAL;
	if (action == HK_ACTION_QUARANTINE)
		mail->flags |= HK_MAIL_QUARANTINE;
	if (copy_all(s, m, p, mail) == HK_OK)
		return mail;
	hk_mail_free(mail);
	return NULL;
}

static bool make_mail(struct hk_session *s, struct message *m, enum hk_action action)
{
	struct parts p;

	hk_buf_init(&p.trace, TRACE_MAX);
	hk_buf_init(&p.edits, EDITS_MAX);
	hk_buf_init(&p.evidence, EVIDENCE_MAX);
	add_trace(s, m, &p.trace);
	add_summary(s, m, action);
	if (m->verify)
		hk_verify_record_format(m->verify, &p.evidence);
	/* evidence is a help, never a condition of mail */
	if (hk_buf_status(&p.evidence) != HK_OK)
		p.evidence.n = 0;
	if (add_edits(s, m, &p.edits) == HK_OK && hk_buf_status(&p.trace) == HK_OK &&
	    hk_buf_status(&p.edits) == HK_OK)
		m->mail = build_mail(s, m, action, &p);
	hk_buf_done(&p.trace);
	hk_buf_done(&p.edits);
	hk_buf_done(&p.evidence);
	return m->mail != NULL;
}

/* ---- to the owner ---- */

static void commit(struct hk_session *s)
{
	struct message *m = s->message;

	m->size = m->header.raw.n + m->body_size;
	m->n_accepted = m->n_rcpt;
	checkpoint_handed_out(m);
	message_release(m);
	m->want_id = session_id(s);
	s->stage = STAGE_COMMIT;
	s->wants |= WANT_COMMIT;
}

void message_synced(struct hk_session *s, enum hk_status status)
{
	struct message *m = s->message;

	s->env.disk->ops->close(s->env.disk, m->file);
	m->file = -1;
	if (status == HK_OK) {
		commit(s);
		return;
	}
	hk_logf(s->env.log, HK_LOG_ERROR, "qid=%s ev=disk what=sync-body status=%s", m->id_text,
	    hk_status_name(status));
	refuse(s, status == HK_FULL ? &reply_no_space : &reply_no_storage);
}

void message_log_accepted(struct hk_session *s)
{
	const struct message *m = s->message;

	s->n_messages++;
	hk_logf(s->env.log, HK_LOG_INFO, "qid=%s ev=accept size=%llu rcpts=%zu %.*s", m->id_text,
	    (unsigned long long)m->size, m->n_accepted, HK_FMT(hk_buf_slice(&m->summary)));
}

static void say_queued(struct hk_session *s, const char *id)
{
	char text[64];

	snprintf(text, sizeof text, "Ok: queued as %s", id);
	hk_smtpd_answer_all(s->smtpd, 250, "2.0.0", hk_slice_str(text));
}

void message_committed(struct hk_session *s, enum hk_status status)
{
	struct message *m = s->message;

	if (status != HK_OK) {
		refuse(s, status == HK_FULL ? &reply_no_space : &reply_no_storage);
		return;
	}
	checkpoint_committed(s);
	say_queued(s, m->id_text);
	message_log_accepted(s);
	finish(s);
}

/* ---- the verdict ---- */

static void refuse_by_dmarc(struct hk_session *s, const struct hk_verify_verdict *v)
{
	struct hk_policy_reply reply = {HK_REFUSAL_DMARC_REJECT, {v->author_domain}};

	if (v->from_state != HK_FROM_ONE) {
		reply.why = v->from_state == HK_FROM_SEVERAL_FIELDS ? HK_REFUSAL_AUTHOR_SEVERAL_FIELDS
		             : v->from_state == HK_FROM_SEVERAL_DOMAINS
		                 ? HK_REFUSAL_AUTHOR_SEVERAL_DOMAINS
		                 : HK_REFUSAL_AUTHOR_UNREADABLE;
		refuse(s, &reply);
		return;
	}
	refuse(s, &reply); /* the words of RFC 9989 7.2 */
}

static void decide(struct hk_session *s)
{
	static const struct hk_policy_reply later = {HK_REFUSAL_DMARC_LATER};
	struct message *m = s->message;
	const struct hk_verify_verdict *v = m->verify ? hk_verify_result(m->verify) : NULL;
	enum hk_action action =
	    v ? hk_policy_verdict(s->env.listener, &s->client, v) : HK_ACTION_ACCEPT;

	if (action == HK_ACTION_REJECT || action == HK_ACTION_DEFER) {
		add_summary(s, m, action);
		hk_logf(s->env.log, HK_LOG_INFO, "qid=%s ev=verdict %.*s", m->id_text,
		    HK_FMT(hk_buf_slice(&m->summary)));
	}
	if (action == HK_ACTION_REJECT) {
		refuse_by_dmarc(s, v);
	} else if (action == HK_ACTION_DEFER) {
		refuse(s, &later);
	} else if (!make_mail(s, m, action)) {
		refuse(s, &reply_no_memory);
	} else if (m->has_file) {
		m->want_id = session_id(s);
		s->stage = STAGE_SYNC;
		s->wants |= WANT_SYNC;
	} else {
		commit(s);
	}
}

void message_go_on(struct hk_session *s)
{
	struct message *m = s->message;

	dns_gather(s);
	if (m->is_out_of_memory) {
		refuse(s, &reply_no_memory);
	} else if (m->verify && !m->is_verdict_there && !m->open) {
		/* a verdict that asks nothing and ends nowhere would keep the client for ever */
		hk_logf(s->env.log, HK_LOG_ERROR, "qid=%s ev=verdict-stuck", m->id_text);
		refuse(s, &reply_no_storage);
	} else if ((!m->verify || m->is_verdict_there) && s->reverse.is_done) {
		decide(s);
	}
}

/* RFC 1845 3: the reply to a message that is here already is the one that was lost. */
static void answer_again(struct hk_session *s)
{
	char id[HK_MAIL_ID_TEXT];

	hk_mail_id_format(checkpoint_answered(s), id);
	say_queued(s, id);
	finish(s);
}

void message_end(struct hk_session *s)
{
	struct message *m = s->message;
	struct hk_policy_reply reply = {0};

	if (checkpoint_is_done(m)) {
		answer_again(s);
		return;
	}
	if (!m->is_header_done) {
		if (message_names_wait(s)) {
			s->stage = STAGE_LOOKUP;
			return;
		}
		reply = message_header_end(s);
	}
	if (!reply.why)
		reply = message_body_end(m);
	if (reply.why) {
		refuse(s, &reply);
		return;
	}
	if (m->verify) {
		hk_verify_end(m->verify);
		m->needs_step = true;
	}
	s->stage = STAGE_VERDICT;
	message_go_on(s);
}
