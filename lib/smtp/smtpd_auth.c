/* SPDX-License-Identifier: MIT
 *
 * AUTH (RFC 4954): the exchange on the wire; what it says is for the caller. And CLIENTID, which
 * comes before it.
 */
#include <string.h>

#include "smtpd_internal.h"

/* RFC 4422 3.1: a mechanism's name has 1 to 20 characters. */
enum { MECHANISM_MAX = 20, TYPE_MAX = 16 };

static struct hk_slice take_word(struct hk_slice *list)
{
	struct hk_slice word = hk_slice_sub(*list, 0, hk_slice_find(*list, ' '));

	*list = hk_slice_from(*list, word.n + 1);
	return word;
}

/* Without TLS there is no channel to bind to (RFC 5802 6), nor one that could know the client (RFC
 * 4422 appendix A). */
static bool is_usable(const struct hk_smtpd *s, struct hk_slice name)
{
	struct hk_slice end = hk_slice_from(name, name.n > 5 ? name.n - 5 : 0);

	return name.n && (s->is_tls || (!hk_slice_eq_nocase(end, HK_S("-PLUS")) &&
	                                   !hk_slice_eq_nocase(name, HK_S("EXTERNAL"))));
}

void smtpd_mechanisms_add(const struct hk_smtpd *s, struct hk_buf *out)
{
	struct hk_slice list = s->options.mechanisms;
	const char *before = "";

	while (list.n) {
		struct hk_slice word = take_word(&list);

		if (!is_usable(s, word))
			continue;
		hk_buf_addf(out, "%s%.*s", before, HK_FMT(word));
		before = " ";
	}
}

static bool is_listed(const struct hk_smtpd *s, struct hk_slice name)
{
	struct hk_slice list = s->options.mechanisms;

	while (list.n) {
		struct hk_slice word = take_word(&list);

		if (is_usable(s, word) && hk_slice_eq_nocase(word, name))
			return true;
	}
	return false;
}

/* What was decoded holds passwords. */
void smtpd_auth_forget(struct hk_smtpd *s)
{
	if (s->auth_secret.n)
		explicit_bzero((void *)(uintptr_t)s->auth_secret.p, s->auth_secret.n);
	s->auth_secret = (struct hk_slice){0};
	s->event.data = (struct hk_slice){0};
}

/* text is base64 without blanks; "=" is the empty response (RFC 4954 4). NONE: it is decoded. */
static enum hk_refusal decode(struct hk_smtpd *s, struct hk_slice text, struct hk_slice *ret)
{
	enum hk_status status = HK_OK;
	size_t i;

	*ret = (struct hk_slice){0};
	if (hk_slice_eq(text, HK_S("=")))
		return HK_REFUSAL_NONE;
	for (i = 0; i < text.n; i++)
		if (!hk_is_graph(text.p[i]))
			status = HK_SYNTAX;
	if (status == HK_OK)
		status = hk_base64_parse(&s->scratch, text, ret);
	if (status == HK_NOMEM)
		s->no_memory = true;
	s->auth_secret = *ret;
	return status == HK_OK ? HK_REFUSAL_NONE : HK_REFUSAL_AUTH_BASE64;
}

static enum hk_refusal auth_refusal(const struct hk_smtpd *s, struct hk_slice name)
{
	if (s->is_authenticated)
		return HK_REFUSAL_AUTH_AGAIN;
	if (s->options.auth_needs_tls && !s->is_tls)
		return HK_REFUSAL_AUTH_NEEDS_TLS;
	if (name.n > MECHANISM_MAX || !is_listed(s, name))
		return HK_REFUSAL_AUTH_MECHANISM;
	return HK_REFUSAL_NONE;
}

void smtpd_auth(struct hk_smtpd *s, struct hk_slice argument)
{
	struct hk_slice name = hk_slice_sub(argument, 0, hk_slice_find(argument, ' '));
	bool has_data = name.n < argument.n;
	struct hk_slice data = {0}, upper;
	struct hk_smtpd_event *event;
	enum hk_refusal why = auth_refusal(s, name);
	size_t i;

	if (!why && has_data)
		why = decode(s, hk_slice_from(argument, name.n + 1), &data);
	if (why) {
		smtpd_refuse(s, why);
		return;
	}
	if (hk_arena_dup(&s->scratch, name, &upper) != HK_OK) {
		s->no_memory = true;
		return;
	}
	for (i = 0; i < upper.n; i++)
		((uint8_t *)(uintptr_t)upper.p)[i] = hk_to_upper(upper.p[i]);
	event = smtpd_pend(s, HK_SMTPD_AUTH);
	event->text = upper;
	event->data = data;
	event->has_data = has_data;
}

/* The exchange is over without a result: what comes next is a command. */
void smtpd_auth_fail(struct hk_smtpd *s, enum hk_refusal why)
{
	s->state = SMTPD_READY;
	s->cancel_due = true;
	smtpd_refuse(s, why);
}

void smtpd_auth_line(struct hk_smtpd *s, struct hk_slice line)
{
	struct hk_slice data;
	enum hk_refusal why;

	hk_arena_done(&s->scratch);
	if (hk_slice_eq(line, HK_S("*"))) {
		smtpd_auth_fail(s, HK_REFUSAL_AUTH_CANCELLED);
		return;
	}
	why = decode(s, line, &data);
	if (why) {
		smtpd_auth_fail(s, why);
		return;
	}
	smtpd_pend(s, HK_SMTPD_AUTH_RESPONSE)->data = data;
	s->event.has_data = true;
}

void hk_smtpd_challenge(struct hk_smtpd *s, struct hk_slice data)
{
	if (!s->pending ||
	    (s->event.type != HK_SMTPD_AUTH && s->event.type != HK_SMTPD_AUTH_RESPONSE))
		return;
	s->pending = false;
	smtpd_auth_forget(s);
	s->state = SMTPD_AUTH;
	hk_buf_add_str(&s->out, "334 ");
	hk_base64_add(&s->out, data);
	hk_buf_add_str(&s->out, "\r\n");
}

/* ---- CLIENTID ---- */

static bool is_type(struct hk_slice type)
{
	size_t i;

	for (i = 0; i < type.n; i++)
		if (!hk_is_alnum(type.p[i]) && type.p[i] != '-')
			return false;
	return type.n > 0 && type.n <= TYPE_MAX;
}

static bool is_token(struct hk_slice token)
{
	size_t i;

	for (i = 0; i < token.n; i++)
		if (!hk_is_graph(token.p[i]))
			return false;
	return token.n > 0 && token.n <= HK_SMTP_CLIENTID_MAX;
}

void smtpd_clientid(struct hk_smtpd *s, struct hk_slice argument)
{
	struct hk_slice type = hk_slice_sub(argument, 0, hk_slice_find(argument, ' '));
	struct hk_slice token = hk_slice_from(argument, type.n + 1);

	if (!s->is_tls) {
		smtpd_refuse(s, HK_REFUSAL_CLIENTID_NEEDS_TLS);
	} else if (s->is_authenticated || s->has_clientid) {
		smtpd_refuse(s, HK_REFUSAL_CLIENTID_AGAIN);
	} else if (!is_type(type) || !is_token(token)) {
		smtpd_refuse(s, HK_REFUSAL_CLIENTID_FORM);
	} else {
		struct hk_smtpd_event *event = smtpd_pend(s, HK_SMTPD_CLIENTID);

		event->text = type;
		event->data = token;
		event->has_data = true;
	}
}

bool hk_smtpd_has_clientid(const struct hk_smtpd *s)
{
	return s->has_clientid;
}

bool hk_smtpd_is_authenticated(const struct hk_smtpd *s)
{
	return s->is_authenticated;
}
