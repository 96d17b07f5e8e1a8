/* SPDX-License-Identifier: MIT
 *
 * session_event.c - what each event of the SMTP server is answered with.
 */
#include <stdio.h>

#include "engine/bug.h"
#include "engine/session_internal.h"
#include "engine/user.h"

void session_refuse(struct hk_session *s, const struct hk_policy_reply *reply, struct hk_slice what)
{
	const char *id = s->message ? s->message->id_text : "none";
	struct hk_buf text;

	hk_buf_init(&text, HK_SMTP_REPLY_TEXT_MAX);
	if (what.n) {
		hk_buf_add_byte(&text, '<');
		hk_buf_add(&text, hk_slice_sub(what, 0, HK_PATH_MAX)); /* the server quotes it */
		hk_buf_add_str(&text, ">: ");
	}
	hk_buf_addf(&text, "%s [%s]", reply->text, id);
	hk_smtpd_answer_all(s->smtpd, reply->code, reply->enhanced, hk_buf_slice(&text));
	hk_logf(s->env.log, HK_LOG_INFO,
	    "qid=%s ev=refuse code=%u status=%s client=%s helo=%s what=%s why=%s", id, reply->code,
	    reply->enhanced, s->client_text, hk_log_value(hk_smtpd_helo(s->smtpd)).text,
	    hk_log_value(what).text, hk_log_value(hk_slice_str(reply->text)).text);
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
	struct message *last = s->message; /* none, unless the planted bug left it */

	if (!lookup_sender(s, &e->path, &reply)) {
		s->stage = STAGE_LOOKUP;
		return;
	}
	if (reply.code) {
		session_refuse(s, &reply, e->path.text);
		return;
	}
	s->message = message_new(s, e);
	if (HK_PLANTED_NO_RESET && last && s->message)
		keep_recipients(s->message, last);
	message_free(s, last);
	if (!s->message) {
		session_refuse(s, &reply_no_memory, (struct hk_slice){0});
		return;
	}
	reply = hk_policy_mail(s->env.listener, &s->client);
	if (!reply.code)
		reply = client_may_mail(s);
	if (!reply.code)
		reply = auth_may_mail(s, &e->path);
	if (intake != HK_OK)
		reply = intake == HK_FULL ? reply_no_space : reply_no_storage;
	if (!reply.code) {
		hk_smtpd_accept(s->smtpd);
		return;
	}
	session_refuse(s, &reply, e->path.text);
	message_free(s, s->message);
	s->message = NULL;
}

/* RFC 6647 */
static struct hk_policy_reply greylisted(struct hk_session *s, const struct hk_path *path, char room[LOOKUP_TEXT_MAX])
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
	snprintf(room, LOOKUP_TEXT_MAX, "Come again in %u seconds, who is new here has to (RFC 6647)", wait);
	return (struct hk_policy_reply){451, "4.7.1", room};
}

/* RFC 1985 5.3. Nothing is begun by it: who may ask is told that it cannot be done now, so that nobody waits for it. */
static void on_etrn(struct hk_session *s)
{
	if (s->client.may_relay || s->client.is_user)
		hk_smtpd_answer(s->smtpd, 458, "4.3.0",
		    HK_S("The queue runs by its own times only (RFC 1985 5.3)"));
	else
		hk_smtpd_answer(s->smtpd, 459, "4.7.1", HK_S("Not allowed to you (RFC 1985 5.3)"));
}

static void on_rcpt(struct hk_session *s, const struct hk_smtpd_event *e)
{
	struct hk_policy_reply reply;
	struct hk_path path = e->path;
	struct hk_slice address = {0};
	char room[LOOKUP_TEXT_MAX];

	if (lookup_lists_wait(s) || !lookup_alabel(s, &path, &s->message->arena, &reply)) {
		s->stage = STAGE_LOOKUP;
		return;
	}
	if (!reply.code)
		reply = lookup_lists_say(s, &path, room);
	if (!reply.code)
		reply = hk_policy_rcpt(s->env.conf, s->env.listener, &s->client, &path, &address);
	if (!reply.code)
		reply = hk_user_check(s->env.conf, s->env.disk, address);
	if (!reply.code)
		reply = client_may_rcpt(s);
	if (!reply.code)
		reply = auth_may_rcpt(s);
	if (!reply.code)
		reply = greylisted(s, &path, room);
	if (!reply.code && message_add_rcpt(s->message, address, &e->rcpt) != HK_OK)
		reply = reply_no_memory;
	if (reply.code)
		session_refuse(s, &reply, e->path.text);
	else
		hk_smtpd_accept(s->smtpd);
}

static void on_data(struct hk_session *s)
{
	struct hk_policy_reply reply = message_begin(s);

	s->slow_at = s->now.mono_ms + HK_SESSION_IDLE_S * 1000;
	if (reply.code)
		session_refuse(s, &reply, (struct hk_slice){0});
	else
		hk_smtpd_accept(s->smtpd);
}

static void on_body(struct hk_session *s, struct hk_slice chunk)
{
	struct hk_policy_reply reply;

	if (!message_chunk(s, chunk, &reply))
		s->stage = STAGE_LOOKUP;
	else if (reply.code)
		session_refuse(
		    s, &reply, (struct hk_slice){0}); /* the server reads over the rest */
	else
		hk_smtpd_accept(s->smtpd);
}

static void on_abort(struct hk_session *s)
{
	if (!HK_PLANTED_NO_RESET) {
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
		on_etrn(s);
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
		on_data(s);
		break;
	case HK_SMTPD_BODY:
		on_body(s, e->text);
		break;
	case HK_SMTPD_MESSAGE:
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
	while (s->stage == STAGE_CLIENT) {
		enum hk_status status = hk_smtpd_next(s->smtpd, &e);

		if (status == HK_AGAIN)
			break;
		if (status != HK_OK) {
			session_over(s); /* END, or out of memory */
			break;
		}
		on_event(s, &e);
		stop_if_told(s);
	}
	dns_gather(s);
}
