/* SPDX-License-Identifier: MIT
 *
 * What an answer does to the session.
 */
#include <string.h>

#include "smtpd_internal.h"

/* The usual positive reply of each event; code 0: the event has none. */
static const struct {
	unsigned code;
	const char *enhanced, *text;
} usual[] = {
    [HK_SMTPD_MAIL] = {250, "2.1.0", "Ok"},
    [HK_SMTPD_RCPT] = {250, "2.1.5", "Ok"},
    [HK_SMTPD_DATA] = {354, NULL, "End data with <CR><LF>.<CR><LF>"},
    [HK_SMTPD_MESSAGE] = {250, "2.0.0", "Ok"},
    /* RFC 5321 3.5.3 */
    [HK_SMTPD_VRFY] = {252, "2.5.2",
        "Cannot verify the address, but will take mail for it (RFC 5321 3.5.3)"},
    [HK_SMTPD_CLOSE] = {0, NULL, NULL},
};

static void accept_helo(struct hk_smtpd *s)
{
	struct hk_slice name = hk_slice_sub(s->event.text, 0, sizeof s->helo);

	/* RFC 5321 4.1.4: EHLO in a session is as RSET */
	smtpd_end_transaction(s);
	if (name.n)
		memmove(s->helo, name.p, name.n);
	s->helo_n = name.n;
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
		s->recipients = 0;
		s->idle = 0;
		break;
	case HK_SMTPD_RCPT:
		s->state = SMTPD_RCPT;
		s->recipients++;
		break;
	case HK_SMTPD_DATA:
		smtpd_data_begin(s);
		break;
	case HK_SMTPD_MESSAGE:
		s->errors = 0; /* errors without a delivered message are what is counted */
		break;
	default:
		break;
	}
}

static bool has_reply(enum hk_smtpd_event_type type)
{
	return type == HK_SMTPD_HELO || usual[type].code != 0;
}

void hk_smtpd_accept(struct hk_smtpd *s)
{
	enum hk_smtpd_event_type type = s->event.type;

	if (!s->pending)
		return;
	s->pending = false;
	settle(s);
	if (type == HK_SMTPD_HELO)
		smtpd_greet(s);
	else if (has_reply(type))
		smtpd_reply(s, usual[type].code, usual[type].enhanced, usual[type].text);
}

static void refuse(struct hk_smtpd *s, unsigned code, const char *enhanced, struct hk_slice text)
{
	enum hk_smtpd_event_type type = s->event.type;

	if (type == HK_SMTPD_BODY) {
		smtpd_data_refuse(s, code, enhanced, text);
		return;
	}
	if (!has_reply(type))
		return;
	/* 4xx is our trouble or a wish to wait (greylisting), not an error of the client. The reply
	 * to a message is never replaced by a 421, which would make the client try again. */
	if (code < 500 || type == HK_SMTPD_MESSAGE) {
		s->errors += code >= 500;
		hk_smtp_reply_add(&s->out, code, enhanced, text);
		return;
	}
	smtpd_refuse_slice(s, code, enhanced, text);
}

void hk_smtpd_answer(struct hk_smtpd *s, unsigned code, const char *enhanced, struct hk_slice text)
{
	if (!s->pending)
		return;
	if (code == 421 && s->state != SMTPD_OVER && s->state != SMTPD_TLS) {
		s->pending = false;
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
	if (code >= 400) {
		refuse(s, code, enhanced, text);
		return;
	}
	settle(s);
	hk_smtp_reply_add(&s->out, code, enhanced, text);
}
