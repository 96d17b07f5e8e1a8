/* SPDX-License-Identifier: MIT
 *
 * MAIL and RCPT (RFC 5321 4.1.1.2, 4.1.1.3) with their parameters: SIZE (RFC 1870), BODY (RFC
 * 6152).
 */
#include "smtpd_internal.h"

/* What the two commands differ in. */
struct envelope {
	struct hk_slice keyword;
	enum hk_smtpd_event_type event;
	unsigned path_flags;
	const char *bad_keyword, *bad_path, *path_code;
};

static const struct envelope mail = {
    .keyword = {(const uint8_t *)"FROM:", 5},
    .event = HK_SMTPD_MAIL,
    .path_flags = HK_PATH_NULL,
    .bad_keyword = "The form is MAIL FROM:<address> (RFC 5321 4.1.1.2)",
    .bad_path = "The sender is no valid path (RFC 5321 4.1.2)",
    .path_code = "5.1.7",
};

static const struct envelope rcpt = {
    .keyword = {(const uint8_t *)"TO:", 3},
    .event = HK_SMTPD_RCPT,
    .path_flags = HK_PATH_POSTMASTER,
    .bad_keyword = "The form is RCPT TO:<address> (RFC 5321 4.1.1.3)",
    .bad_path = "The recipient is no valid path (RFC 5321 4.1.2)",
    .path_code = "5.1.3",
};

/* ---- parameters of MAIL ---- */

enum verdict { FINE, REFUSED };

/* The parameter's value into the event; the reply is given when it is refused. */
static enum verdict take_size(
    struct hk_smtpd *s, struct hk_smtpd_event *event, struct hk_slice value)
{
	enum hk_status status = hk_slice_u64(value, s->options.max_message, &event->message_size);

	/* RFC 1870 3: 1*20DIGIT */
	if (status == HK_SYNTAX || value.n > 20 || event->has_size) {
		smtpd_refuse(s, 501, "5.5.4", "SIZE needs one number (RFC 1870 3)");
		return REFUSED;
	}
	if (status == HK_LIMIT) {
		smtpd_refuse(s, 552, "5.3.4", "Message exceeds the size limit (RFC 1870 6.1)");
		return REFUSED;
	}
	event->has_size = true;
	return FINE;
}

static enum verdict take_body(
    struct hk_smtpd *s, struct hk_smtpd_event *event, struct hk_slice value)
{
	if (hk_slice_eq_nocase(value, HK_S("8BITMIME")) && !event->body_8bit) {
		event->body_8bit = true;
		return FINE;
	}
	if (hk_slice_eq_nocase(value, HK_S("7BIT")) && !event->body_8bit)
		return FINE;
	smtpd_refuse(s, 501, "5.5.4", "BODY is 7BIT or 8BITMIME, once (RFC 6152 2)");
	return REFUSED;
}

static const struct {
	const char *name;
	enum verdict (*take)(struct hk_smtpd *, struct hk_smtpd_event *, struct hk_slice value);
} mail_parameters[] = {
    {"SIZE", take_size},
    {"BODY", take_body},
};

static enum verdict take_parameter(
    struct hk_smtpd *s, struct hk_smtpd_event *event, struct hk_slice parameter)
{
	struct hk_slice name = hk_slice_sub(parameter, 0, hk_slice_find(parameter, '='));
	struct hk_slice value = hk_slice_from(parameter, name.n + 1);
	size_t i;

	for (i = 0;
	     event->type == HK_SMTPD_MAIL && i < sizeof mail_parameters / sizeof mail_parameters[0];
	     i++)
		if (hk_slice_eq_nocase(name, hk_slice_str(mail_parameters[i].name)))
			return mail_parameters[i].take(s, event, value);
	smtpd_refuse(
	    s, 555, "5.5.4", "Parameter not recognised or not implemented (RFC 5321 4.1.1.11)");
	return REFUSED;
}

/* Mail-parameters of RFC 5321 4.1.2, each behind a space. */
static enum verdict take_parameters(
    struct hk_smtpd *s, struct hk_smtpd_event *event, struct hk_slice rest)
{
	while (rest.n) {
		size_t end = 0;

		if (hk_is_wsp(rest.p[0])) {
			rest = hk_slice_from(rest, 1);
			continue;
		}
		while (end < rest.n && !hk_is_wsp(rest.p[end]))
			end++;
		if (take_parameter(s, event, hk_slice_sub(rest, 0, end)) != FINE)
			return REFUSED;
		rest = hk_slice_from(rest, end);
	}
	return FINE;
}

/* ---- the two commands ---- */

static void take_envelope(struct hk_smtpd *s, const struct envelope *form, struct hk_slice argument)
{
	struct hk_smtpd_event event = {.size = sizeof event, .type = form->event, .proto = s->proto};
	unsigned flags = form->path_flags | (s->options.strict_envelopes ? 0 : HK_PATH_LENIENT);
	struct hk_slice rest;
	enum hk_status status;

	/* old clients put more than one space in front */
	while (!s->options.strict_envelopes && argument.n && hk_is_wsp(argument.p[0]))
		argument = hk_slice_from(argument, 1);
	if (!hk_slice_starts_nocase(argument, form->keyword)) {
		smtpd_refuse(s, 501, "5.5.4", form->bad_keyword);
		return;
	}
	status = hk_path_parse(
	    &s->scratch, hk_slice_from(argument, form->keyword.n), flags, &event.path, &rest);
	if (status == HK_NOMEM) {
		s->no_memory = true;
		return;
	}
	if (status != HK_OK) {
		smtpd_refuse(s, 501, form->path_code,
		    status == HK_LIMIT ? "The path is too long (RFC 5321 4.5.3.1)"
		                       : form->bad_path);
		return;
	}
	/* RFC 5321 appendix C, F.2: a route is stripped, or refused; never followed */
	if (event.path.had_route && s->options.refuse_source_routes) {
		smtpd_refuse(
		    s, 550, form->path_code, "Source routes are not taken (RFC 5321 appendix F.2)");
		return;
	}
	if (take_parameters(s, &event, rest) != FINE)
		return;
	s->event = event;
	s->pending = true;
}

void smtpd_mail(struct hk_smtpd *s, struct hk_slice argument)
{
	take_envelope(s, &mail, argument);
}

void smtpd_rcpt(struct hk_smtpd *s, struct hk_slice argument)
{
	/* RFC 5321 4.5.3.1.10; no error of the client, which comes again with the rest */
	if (s->recipients >= s->options.max_recipients) {
		smtpd_reply(s, 452, "4.5.3",
		    "Too many recipients, send the rest in another transaction (RFC 5321 "
		    "4.5.3.1.10)");
		return;
	}
	take_envelope(s, &rcpt, argument);
}
