/* SPDX-License-Identifier: MIT
 *
 * What an answer does to the session.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd_internal.h"

/* The usual positive reply of each event; code 0: the event has none. */
static const struct {
	unsigned code;
	const char *enhanced, *text;
} usual[] = {
    [HK_SMTPD_CLIENTID] = {250, "2.0.0", "Ok"},
    [HK_SMTPD_AUTH] = {235, "2.7.0", "Authentication successful"},
    [HK_SMTPD_AUTH_RESPONSE] = {235, "2.7.0", "Authentication successful"},
    [HK_SMTPD_MAIL] = {250, "2.1.0", "Ok"},
    [HK_SMTPD_RCPT] = {250, "2.1.5", "Ok"},
    [HK_SMTPD_DATA] = {354, NULL, "End data with <CR><LF>.<CR><LF>"},
    [HK_SMTPD_MESSAGE] = {250, "2.0.0", "Ok"},
    /* RFC 5321 3.5.3 */
    [HK_SMTPD_VRFY] = {252, "2.5.2",
        "Cannot verify the address, but will take mail for it (RFC 5321 3.5.3)"},
    /* RFC 1985 4 */
    [HK_SMTPD_ETRN] = {250, "2.0.0", "Queuing for the node started"},
    [HK_SMTPD_CLOSE] = {0, NULL, NULL},
    [HK_SMTPD_REFUSED] = {0, NULL, NULL},
};

static void accept_helo(struct hk_smtpd *s)
{
	struct hk_slice name = hk_slice_sub(s->event.text, 0, HK_DOMAIN_MAX);

	/* RFC 5321 4.1.4: EHLO in a session is as RSET */
	smtpd_end_transaction(s);
	free(s->helo);
	s->helo = name.n ? malloc(name.n) : NULL;
	s->no_memory |= name.n && !s->helo;
	s->helo_n = s->helo ? name.n : 0;
	if (s->helo)
		memcpy(s->helo, name.p, name.n);
	s->proto = s->event.proto;
	s->state = SMTPD_READY;
}

/* The effect of a positive answer on the state. */
static void settle(struct hk_smtpd *s)
{
	switch (s->event.type) {
	case HK_SMTPD_HELO:
		accept_helo(s);
		break;
	case HK_SMTPD_MAIL:
		s->state = SMTPD_MAIL;
		s->mild = HK_REFUSAL_NONE;
		s->recipients = 0;
		s->resumed_at = 0;
		s->body = s->event.mail.body;
		s->smtputf8 = s->event.mail.smtputf8;
		break;
	case HK_SMTPD_RCPT:
		s->state = SMTPD_RCPT;
		s->recipients++;
		break;
	case HK_SMTPD_DATA:
		if (s->event.is_bdat)
			smtpd_chunk_begin(s);
		else
			smtpd_data_begin(s);
		break;
	case HK_SMTPD_CLIENTID:
		s->has_clientid = true;
		break;
	case HK_SMTPD_AUTH:
	case HK_SMTPD_AUTH_RESPONSE:
		s->is_authenticated = true;
		s->state = SMTPD_READY;
		break;
	case HK_SMTPD_MESSAGE:
		/* errors and idle commands without a delivered message are what is counted */
		s->errors = s->idle = 0;
		break;
	default:
		break;
	}
}

static bool has_reply(enum hk_smtpd_event_type type)
{
	return type == HK_SMTPD_HELO || usual[type].code != 0;
}

/* LMTP: the next recipient's turn, as long as there is one (RFC 2033 4.2). */
static void next_recipient(struct hk_smtpd *s)
{
	if (s->event.type != HK_SMTPD_MESSAGE || --s->answers_due == 0)
		return;
	s->event.recipient++;
	s->pending = true;
}

/* "Originator <a@b> ok" (S3-055). */
static bool echo(struct hk_smtpd *s, const char *before)
{
	char text[HK_PATH_MAX + 32];

	if (!s->options.echo_addresses || !before)
		return false;
	snprintf(text, sizeof text, "%s <%.*s> ok", before, HK_FMT(s->event.path.text));
	smtpd_reply(s, 250, usual[s->event.type].enhanced, text);
	return true;
}

void hk_smtpd_accept(struct hk_smtpd *s)
{
	enum hk_smtpd_event_type type = s->event.type;
	const char *who = type == HK_SMTPD_MAIL ? "Originator" : type == HK_SMTPD_RCPT ? "Recipient" : NULL;

	if (!s->pending)
		return;
	s->pending = false;
	smtpd_auth_forget(s);
	settle(s);
	if (type == HK_SMTPD_HELO)
		smtpd_greet(s);
	else if (has_reply(type) && !(type == HK_SMTPD_DATA && s->event.is_bdat) && !echo(s, who))
		smtpd_reply(s, usual[type].code, usual[type].enhanced, usual[type].text);
	next_recipient(s);
}

void hk_smtpd_resume(struct hk_smtpd *s, uint64_t offset, size_t recipients)
{
	char text[64];

	if (!s->pending || s->event.type != HK_SMTPD_MAIL)
		return;
	s->pending = false;
	settle(s);
	s->state = SMTPD_RCPT;
	s->recipients = recipients;
	s->resumed_at = offset < s->options.max_message ? offset : s->options.max_message;
	/* RFC 1845 3: the number comes first; RFC 2034 4: no enhanced code for 3xx */
	snprintf(text, sizeof text, "%llu is the transaction offset", (unsigned long long)offset);
	smtpd_reply(s, 355, NULL, text);
}

static void refuse(struct hk_smtpd *s, unsigned code, const char *enhanced, struct hk_slice text)
{
	enum hk_smtpd_event_type type = s->event.type;

	if (type == HK_SMTPD_DATA && s->event.is_bdat)
		smtpd_chunk_begin(s);
	if (type == HK_SMTPD_BODY || (type == HK_SMTPD_DATA && s->event.is_bdat)) {
		smtpd_data_refuse(s, code, enhanced, text);
		return;
	}
	if (type == HK_SMTPD_AUTH_RESPONSE)
		s->state = SMTPD_READY;
	if (!has_reply(type))
		return;
	/* 4xx is our trouble or a wish to wait (greylisting), not an error of the client. The reply
	 * to a message is never replaced by a 421, which would make the client try again. */
	if (code < 500 || type == HK_SMTPD_MESSAGE) {
		s->errors += code >= 500;
		hk_smtp_reply_add(&s->out, code, enhanced, text);
		return;
	}
	s->is_hello = type == HK_SMTPD_HELO;
	smtpd_refuse_slice(s, code, enhanced, text);
	s->is_hello = false;
}

void hk_smtpd_answer_all(
    struct hk_smtpd *s, unsigned code, const char *enhanced, struct hk_slice text)
{
	size_t more = s->answers_due - 1;

	if (!s->pending || s->event.type != HK_SMTPD_MESSAGE || more == 0) {
		hk_smtpd_answer(s, code, enhanced, text);
		return;
	}
	/* the others go out as there is room */
	s->answers_due = 1;
	hk_buf_reset(&s->refusal);
	hk_smtp_reply_add(&s->refusal, code, enhanced, text);
	if (hk_buf_status(&s->refusal) != HK_OK)
		s->no_memory = true;
	hk_smtpd_answer(s, code, enhanced, text);
	s->refusals_due = s->state == SMTPD_OVER ? 0 : more;
}

void hk_smtpd_answer(struct hk_smtpd *s, unsigned code, const char *enhanced, struct hk_slice text)
{
	if (!s->pending)
		return;
	if (s->event.type == HK_SMTPD_HELO)
		enhanced = NULL; /* RFC 2034 4 */
	if (code == 421 && s->state != SMTPD_OVER && s->state != SMTPD_TLS) {
		s->pending = false;
		smtpd_auth_forget(s);
		hk_smtp_reply_add(&s->out, code, enhanced, text);
		smtpd_close(s, "421 was answered");
		return;
	}
	/* EHLO's and DATA's positive replies have a fixed form */
	if (code < 400 && (!has_reply(s->event.type) || s->event.type == HK_SMTPD_HELO ||
	                      s->event.type == HK_SMTPD_DATA)) {
		hk_smtpd_accept(s);
		return;
	}
	s->pending = false;
	smtpd_auth_forget(s);
	if (code >= 400) {
		refuse(s, code, enhanced, text);
	} else {
		settle(s);
		hk_smtp_reply_add(&s->out, code, enhanced, text);
	}
	next_recipient(s);
}
