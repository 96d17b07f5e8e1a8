/* SPDX-License-Identifier: MIT
 *
 * session_event.c - what each event of the SMTP server is answered with.
 */
#include <stdio.h>
#include <string.h>

#include "engine/session_internal.h"
#include "engine/user.h"
#include "lib/base/bug.h"

/* For whom it was, where all of it is refused: those of an accepted message are told of by its deliveries. */
static void log_recipients(const struct hk_session *s)
{
	const struct message *m = s->message;
	size_t i;

	for (i = 0; m && i < m->n_rcpt; i++)
		hk_logf(s->env.log, HK_LOG_DEBUG, "qid=%s ev=rcpt rcpt=%s from=%s", m->id_text, hk_log_value(m->rcpt[i].address).text,
		    hk_log_value(m->mail_from).text);
}

/* Whoever refused it: the one line from which `hikyaku find` and the metrics know of it. */
void session_log_refusal(const struct hk_session *s, const struct hk_refusal_said *said)
{
	const struct hk_refusal_row *row = hk_refusal_row(said->why);
	struct hk_buf sentence;

	hk_buf_init(&sentence, HK_SMTP_REPLY_TEXT_MAX);
	hk_refusal_sentence_add(&sentence, said);
	hk_logf(s->env.log, HK_LOG_INFO, "qid=%s ev=refuse code=%u status=%s rule=%s client=%s helo=%s what=%s why=%s%s%s",
	    said->transaction ? said->transaction : "none", row->code, row->enhanced, row->id, s->client_text,
	    hk_log_value(hk_smtpd_helo(s->smtpd)).text, hk_log_value(said->about).text, hk_log_value(hk_buf_slice(&sentence)).text,
	    s->message ? " from=" : "", s->message ? hk_log_value(s->message->mail_from).text : "");
	hk_buf_done(&sentence);
}

/* HK_SMTPD_REFUSED */
static void told(struct hk_session *s, const struct hk_smtpd_event *e)
{
	session_log_refusal(s, &(struct hk_refusal_said){.why = hk_refusal_find(e->text), .arg = {e->data},
	                           .transaction = s->message ? s->message->id_text : NULL});
	if (s->message && s->message->is_receiving)
		log_recipients(s);
}

void session_told_last(struct hk_session *s)
{
	struct hk_smtpd_event e = {.size = sizeof e};

	if (hk_smtpd_next(s->smtpd, &e) == HK_OK && e.type == HK_SMTPD_REFUSED)
		told(s, &e);
}

void session_refuse(struct hk_session *s, const struct hk_policy_reply *reply, struct hk_slice what)
{
	const struct hk_refusal_row *row = hk_refusal_row(reply->why);
	const char *id = s->message ? s->message->id_text : NULL;
	struct hk_refusal_said said = {.why = reply->why, .about = what, .transaction = id};
	struct hk_buf text;

	memcpy(said.arg, reply->arg, sizeof said.arg);
	hk_buf_init(&text, HK_SMTP_REPLY_TEXT_MAX);
	hk_refusal_add(&text, &said);
	hk_smtpd_answer_all(s->smtpd, row->code, row->enhanced, hk_buf_slice(&text));
	session_log_refusal(s, &said);
	if (!what.n)
		log_recipients(s);
	hk_buf_done(&text);
}

/* Part of the planted bug only: what a server does that forgets to reset. */
static void keep_recipients(struct message *m, const struct message *last)
{
	size_t i;

	for (i = 0; i < last->n_rcpt; i++)
		if (message_add_rcpt(m, last->rcpt[i].address, &last->rcpt[i].params) != HK_OK)
			return;
}

static void on_mail(struct hk_session *s, const struct hk_smtpd_event *e)
{
	struct hk_policy_reply reply;
	int intake = s->env.intake ? *s->env.intake : HK_OK;
	uint64_t room = s->env.room ? *s->env.room : UINT64_MAX;
	struct message *last = s->message; /* none, unless the planted bug left it */

	if (!lookup_sender(s, &e->path, &reply)) {
		s->stage = STAGE_LOOKUP;
		return;
	}
	if (reply.why) {
		session_refuse(s, &reply, e->path.text);
		return;
	}
	s->message = message_new(s, e);
	if (HK_BUG(NO_RESET) && last && s->message)
		keep_recipients(s->message, last);
	message_free(s, last);
	if (!s->message) {
		session_refuse(s, &reply_no_memory, (struct hk_slice){0});
		return;
	}
	reply = hk_policy_mail(s->env.listener, &s->client);
	if (!reply.why)
		reply = client_may_mail(s);
	if (!reply.why)
		reply = auth_may_mail(s, &e->path);
	if (intake != HK_OK)
		reply = intake == HK_FULL ? reply_no_space : intake == HK_BUSY ? reply_busy : reply_no_storage;
	else if (!reply.why && e->mail.has_size && e->mail.size > room)
		reply = reply_no_space; /* RFC 1870 6.1: known before the message is sent */
	if (!reply.why)
		reply = checkpoint_mail(s, e);
	if (!reply.why) {
		checkpoint_accept(s);
		return;
	}
	session_refuse(s, &reply, e->path.text);
	message_free(s, s->message);
	s->message = NULL;
}

enum { SECONDS_MAX = 12 };

/* RFC 6647 */
static struct hk_policy_reply greylisted(struct hk_session *s, const struct hk_path *path, char room[SECONDS_MAX])
{
	struct hk_greylist_query q = {.client = s->client.ip,
	    .sender = s->message->mail_from,
	    .recipient = path->text,
	    .delay = s->env.listener->greylist,
	    .utc = s->now.utc};
	uint32_t wait;

	if (!s->env.greylist || !s->client.ip.family || s->client.may_relay || s->client.is_user || s->client.is_trusted || lookup_allows(s))
		return (struct hk_policy_reply){0};
	wait = hk_greylist_wait(s->env.greylist, &q);
	if (!wait)
		return (struct hk_policy_reply){0};
	snprintf(room, SECONDS_MAX, "%u", wait);
	return (struct hk_policy_reply){HK_REFUSAL_GREYLISTED, {hk_slice_str(room)}};
}

/* RFC 1985 5.3. The mail goes where it would go anyway, only at once: who may send through us may ask for that. */
static void on_etrn(struct hk_session *s, struct hk_slice node)
{
	bool may = s->client.may_relay || s->client.is_user;
	struct hk_policy_reply reply = {may ? HK_REFUSAL_ETRN_ABSENT : HK_REFUSAL_ETRN_DENIED};

	if (!may || (node.n && node.p[0] == '#')) { /* queues have no names here */
		session_refuse(s, &reply, (struct hk_slice){0});
		return;
	}
	s->run = node;
	s->stage = STAGE_RUN;
	s->wants |= WANT_RUN;
}

static void on_rcpt(struct hk_session *s, const struct hk_smtpd_event *e)
{
	struct hk_policy_reply reply;
	struct hk_path path = e->path;
	struct hk_slice address = {0};
	char room[SECONDS_MAX];

	if (checkpoint_rcpt(s, e))
		return;
	if (lookup_lists_wait(s) || !lookup_alabel(s, &path, &s->message->arena, &reply)) {
		s->stage = STAGE_LOOKUP;
		return;
	}
	if (!reply.why)
		reply = lookup_lists_say(s, &path);
	if (!reply.why)
		reply = hk_policy_rcpt(s->env.conf, s->env.listener, &s->client, &path, &address);
	if (!reply.why)
		reply = hk_user_check(s->env.conf, s->env.disk, address);
	if (reply.why == HK_REFUSAL_MAILBOX_UNKNOWN && client_knows_nobody(s))
		reply = (struct hk_policy_reply){HK_REFUSAL_UNKNOWN_RECIPIENTS};
	if (!reply.why)
		reply = client_may_rcpt(s);
	if (!reply.why)
		reply = auth_may_rcpt(s);
	if (!reply.why)
		reply = greylisted(s, &path, room);
	if (!reply.why && message_add_rcpt(s->message, address, &e->rcpt) != HK_OK)
		reply = reply_no_memory;
	if (reply.why)
		session_refuse(s, &reply, e->path.text);
	else
		hk_smtpd_accept(s->smtpd);
}

static void on_data(struct hk_session *s, const struct hk_smtpd_event *e)
{
	struct message *m = s->message;
	struct hk_policy_reply reply = {0};

	if (checkpoint_is_done(m))
		m->is_receiving = true;
	else if (!m->is_receiving)
		reply = message_begin(s);
	if (!reply.why && !checkpoint_data(s, e->is_bdat, &reply)) {
		s->stage = STAGE_LOOKUP;
		return;
	}
	s->slow_at = s->now.mono_ms + HK_SESSION_IDLE_S * 1000;
	if (reply.why)
		session_refuse(s, &reply, (struct hk_slice){0});
	else
		hk_smtpd_accept(s->smtpd);
}

static void on_body(struct hk_session *s, struct hk_slice chunk)
{
	struct hk_policy_reply reply = {0};

	if (!checkpoint_is_done(s->message) && !message_chunk(s, chunk, &reply)) {
		s->stage = STAGE_LOOKUP;
		return;
	}
	if (!reply.why) {
		hk_smtpd_accept(s->smtpd);
		return;
	}
	checkpoint_refused(s->message, &reply);
	session_refuse(s, &reply, (struct hk_slice){0}); /* the server reads over the rest */
}

static void on_abort(struct hk_session *s)
{
	if (!HK_BUG(NO_RESET)) {
		message_free(s, s->message);
		s->message = NULL;
	}
	hk_smtpd_accept(s->smtpd);
}

static void on_end(struct hk_session *s, const struct hk_smtpd_event *e)
{
	if (e->type == HK_SMTPD_CLOSE)
		hk_logf(s->env.log, HK_LOG_INFO, "ev=close client=%s why=%s", s->client_text,
		    hk_log_value(e->text).text);
	else
		checkpoint_seen(s); /* QUIT */
	hk_smtpd_accept(s->smtpd);
	hk_smtpd_greet_now(s->smtpd); /* a refusal in place of the greeting */
	session_over(s);
}

static void on_event(struct hk_session *s, const struct hk_smtpd_event *e)
{
	switch (e->type) {
	case HK_SMTPD_CLIENTID:
		auth_clientid(s, e);
		break;
	case HK_SMTPD_AUTH:
		auth_begin(s, e);
		break;
	case HK_SMTPD_AUTH_RESPONSE:
		auth_go_on(s, e);
		break;
	case HK_SMTPD_AUTH_CANCEL:
		auth_cancel(s);
		break;
	case HK_SMTPD_ETRN:
		on_etrn(s, e->text);
		break;
	case HK_SMTPD_HELO:
	case HK_SMTPD_VRFY:
		hk_smtpd_accept(s->smtpd);
		break;
	case HK_SMTPD_MAIL:
		on_mail(s, e);
		break;
	case HK_SMTPD_RCPT:
		on_rcpt(s, e);
		break;
	case HK_SMTPD_DATA:
		on_data(s, e);
		break;
	case HK_SMTPD_BODY:
		on_body(s, e->text);
		break;
	case HK_SMTPD_MESSAGE:
		checkpoint_sized(s->message, e->message_size);
		message_end(s);
		break;
	case HK_SMTPD_ABORT:
		on_abort(s);
		break;
	case HK_SMTPD_STARTTLS:
		s->stage = STAGE_TLS;
		s->wants |= WANT_TLS;
		break;
	case HK_SMTPD_QUIT:
	case HK_SMTPD_CLOSE:
		on_end(s, e);
		break;
	case HK_SMTPD_REFUSED:
		told(s, e);
		hk_smtpd_accept(s->smtpd);
		break;
	}
}

/* A message whose DATA was accepted is finished first (RFC 5321 3.8 asks for no more than a 421).
 */
static void stop_if_told(struct hk_session *s)
{
	if (s->is_stopping && s->stage == STAGE_CLIENT && !(s->message && s->message->is_receiving))
		hk_smtpd_shutdown(s->smtpd);
}

void session_run(struct hk_session *s)
{
	struct hk_smtpd_event e = {.size = sizeof e};

	if (s->stage == STAGE_VERDICT)
		message_go_on(s);
	if (s->stage == STAGE_LOOKUP)
		s->stage = STAGE_CLIENT; /* the event is still pending */
	dns_gather(s);
	stop_if_told(s);
	while (s->stage == STAGE_CLIENT && !client_is_held(s)) {
		enum hk_status status = hk_smtpd_next(s->smtpd, &e);

		client_errors(s);
		if (status == HK_AGAIN)
			break;
		if (status != HK_OK) {
			session_over(s); /* END, or out of memory */
			break;
		}
		on_event(s, &e);
		client_errors(s);
		stop_if_told(s);
	}
	dns_gather(s);
}
