/* SPDX-License-Identifier: MIT
 *
 * The parameters of MAIL and RCPT: one row for each, with the extension that brings it. A parameter
 * whose extension is not offered is not known (RFC 5321 4.1.1.11).
 */
#include <string.h>

#include "smtpd_internal.h"

/* A parameter that is taken: the value is in the event. MALFORMED: what its row says is to be said; REFUSED: it was. */
enum verdict { FINE, MALFORMED, REFUSED };

static enum verdict refuse(struct hk_smtpd *s, enum hk_refusal why)
{
	smtpd_refuse(s, why);
	return REFUSED;
}

static enum verdict out_of_memory(struct hk_smtpd *s)
{
	s->no_memory = true;
	return REFUSED;
}

/* Checks that text is xtext. */
static enum hk_status check_xtext(struct hk_smtpd *s, struct hk_slice text)
{
	struct hk_slice plain;

	return hk_xtext_parse(&s->scratch, text, &plain);
}

/* ---- MAIL ---- */

static enum verdict take_size(struct hk_smtpd *s, struct hk_smtpd_event *event, struct hk_slice value)
{
	enum hk_status status = hk_slice_u64(value, s->options.max_message, &event->mail.size);

	/* RFC 1870 3: 1*20DIGIT */
	if (status == HK_SYNTAX || value.n > 20)
		return MALFORMED;
	if (status == HK_LIMIT)
		return refuse(s, HK_REFUSAL_SIZE_EXCEEDED);
	event->mail.has_size = true;
	return FINE;
}

static enum verdict take_body(struct hk_smtpd *s, struct hk_smtpd_event *event, struct hk_slice value)
{
	static const struct {
		const char *word;
		enum hk_smtp_body body;
		unsigned extension;
	} words[] = {
	    {"7BIT", HK_BODY_7BIT, HK_EXT(8BITMIME)},
	    {"8BITMIME", HK_BODY_8BITMIME, HK_EXT(8BITMIME)},
	    {"BINARYMIME", HK_BODY_BINARYMIME, HK_EXT(BINARYMIME)},
	};
	size_t i;

	for (i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (hk_slice_eq_nocase(value, hk_slice_str(words[i].word)) &&
		    (smtpd_offered(s) & words[i].extension)) {
			event->mail.body = words[i].body;
			return FINE;
		}
	}
	return MALFORMED;
}

static enum verdict take_smtputf8(struct hk_smtpd *s, struct hk_smtpd_event *event, struct hk_slice value)
{
	(void)s;
	if (value.n)
		return MALFORMED;
	event->mail.smtputf8 = true;
	return FINE;
}

static enum verdict take_requiretls(struct hk_smtpd *s, struct hk_smtpd_event *event, struct hk_slice value)
{
	(void)s;
	if (value.n)
		return MALFORMED;
	event->mail.require_tls = true;
	return FINE;
}

static enum verdict take_ret(struct hk_smtpd *s, struct hk_smtpd_event *event, struct hk_slice value)
{
	bool is_full = hk_slice_eq_nocase(value, HK_S("FULL"));

	(void)s;
	if (!is_full && !hk_slice_eq_nocase(value, HK_S("HDRS")))
		return MALFORMED;
	event->mail.ret = is_full ? HK_RET_FULL : HK_RET_HDRS;
	return FINE;
}

static enum verdict take_envid(struct hk_smtpd *s, struct hk_smtpd_event *event, struct hk_slice value)
{
	enum hk_status status = check_xtext(s, value);

	if (status == HK_NOMEM)
		return out_of_memory(s);
	if (status != HK_OK || value.n == 0 || value.n > HK_SMTP_ENVID_MAX)
		return MALFORMED;
	event->mail.envid = value;
	return FINE;
}

/* RFC 4954 5: "<>" or a mailbox in xtext. */
static enum verdict take_auth(struct hk_smtpd *s, struct hk_smtpd_event *event, struct hk_slice value)
{
	enum hk_status status = check_xtext(s, value);

	if (status == HK_NOMEM)
		return out_of_memory(s);
	if (status != HK_OK || value.n == 0 || value.n > HK_SMTP_ORCPT_MAX)
		return MALFORMED;
	event->mail.auth = value;
	return FINE;
}

/* RFC 2852 4: ["-"] 1*9DIGIT ";" ("N" / "R") ["T"] */
static enum verdict take_by(struct hk_smtpd *s, struct hk_smtpd_event *event, struct hk_slice value)
{
	struct hk_slice number = hk_slice_sub(value, 0, hk_slice_find(value, ';'));
	struct hk_slice mode = hk_slice_from(value, number.n + 1);
	bool is_negative = number.n && number.p[0] == '-';
	bool is_return = mode.n && hk_to_upper(mode.p[0]) == 'R';
	uint64_t seconds;

	if (number.n && (number.p[0] == '-' || number.p[0] == '+'))
		number = hk_slice_from(number, 1);
	if (number.n > 9 || hk_slice_u64(number, 999999999, &seconds) != HK_OK ||
	    mode.n == 0 || mode.n > 2 || (!is_return && hk_to_upper(mode.p[0]) != 'N') ||
	    (mode.n == 2 && hk_to_upper(mode.p[1]) != 'T'))
		return MALFORMED;
	if (is_return && (is_negative || seconds == 0 || seconds < s->options.min_by))
		return refuse(s, HK_REFUSAL_BY_TOO_SOON);
	event->mail.has_by = true;
	event->mail.by_seconds = is_negative ? -(int32_t)seconds : (int32_t)seconds;
	event->mail.by_return = is_return;
	event->mail.by_trace = mode.n == 2;
	return FINE;
}

/* transid-token of RFC 1845 2: atoms with a dot between two, of no tspecials (RFC 1521). */
static bool is_transid_token(struct hk_slice token)
{
	bool is_begin = true;
	size_t i;

	for (i = 0; i < token.n; i++) {
		uint8_t c = token.p[i];

		if (c == '.' ? is_begin : !hk_is_graph(c) || strchr("()<>@,;:\\\"/[]?=", c) != NULL)
			return false;
		is_begin = c == '.';
	}
	return !is_begin;
}

static enum verdict take_transid(struct hk_smtpd *s, struct hk_smtpd_event *event, struct hk_slice value)
{
	struct hk_slice spec = hk_slice_sub(value, 1, value.n < 2 ? 0 : value.n - 2);
	size_t at = hk_slice_find(spec, '@');

	(void)s;
	if (value.n > HK_SMTP_TRANSID_MAX || value.n < 2 || value.p[0] != '<' || value.p[value.n - 1] != '>' ||
	    !is_transid_token(hk_slice_sub(spec, 0, at)) || !is_transid_token(hk_slice_from(spec, at + 1)))
		return MALFORMED;
	event->transid = value;
	return FINE;
}

/* ---- RCPT ---- */

static enum verdict take_notify(struct hk_smtpd *s, struct hk_smtpd_event *event, struct hk_slice value)
{
	static const struct {
		const char *word;
		unsigned bit;
	} words[] = {{"NEVER", HK_NOTIFY_NEVER}, {"SUCCESS", HK_NOTIFY_SUCCESS},
	    {"FAILURE", HK_NOTIFY_FAILURE}, {"DELAY", HK_NOTIFY_DELAY}};
	bool more = true;
	unsigned bits = 0;

	(void)s;
	while (more) {
		struct hk_slice word = hk_slice_sub(value, 0, hk_slice_find(value, ','));
		unsigned bit = 0;
		size_t i;

		for (i = 0; i < sizeof words / sizeof words[0]; i++)
			if (hk_slice_eq_nocase(word, hk_slice_str(words[i].word)))
				bit = words[i].bit;
		if (bit == 0)
			return MALFORMED;
		bits |= bit;
		more = word.n < value.n;
		value = hk_slice_from(value, word.n + 1);
	}
	if ((bits & HK_NOTIFY_NEVER) && bits != HK_NOTIFY_NEVER)
		return MALFORMED;
	event->rcpt.notify = bits;
	return FINE;
}

static enum verdict take_orcpt(struct hk_smtpd *s, struct hk_smtpd_event *event, struct hk_slice value)
{
	struct hk_slice type = hk_slice_sub(value, 0, hk_slice_find(value, ';'));
	struct hk_slice address = hk_slice_from(value, type.n + 1);
	enum hk_status status = check_xtext(s, address);
	size_t i;

	if (status == HK_NOMEM)
		return out_of_memory(s);
	for (i = 0; i < type.n; i++)
		if (!hk_is_alnum(type.p[i]) && type.p[i] != '-')
			status = HK_SYNTAX;
	/* Deliberate: "utf-8" addresses (RFC 6533 3) are taken in the forms of ASCII only: those can go on to a hop without SMTPUTF8. */
	if (status != HK_OK || type.n == 0 || address.n == 0 || value.n > HK_SMTP_ORCPT_MAX)
		return MALFORMED;
	event->rcpt.orcpt = value;
	return FINE;
}

/* ---- the tables ---- */

static const struct parameter {
	const char *name;
	enum hk_smtpd_event_type command;
	unsigned extensions; /* one of these must be offered */
	enum hk_refusal form;
	enum verdict (*take)(struct hk_smtpd *, struct hk_smtpd_event *, struct hk_slice value);
} parameters[] = {
    {"SIZE", HK_SMTPD_MAIL, HK_EXT(SIZE), HK_REFUSAL_SIZE_FORM, take_size},
    {"BODY", HK_SMTPD_MAIL, HK_EXT(BINARYMIME), HK_REFUSAL_BODY_FORM_BINARY, take_body},
    {"BODY", HK_SMTPD_MAIL, HK_EXT(8BITMIME), HK_REFUSAL_BODY_FORM, take_body},
    {"SMTPUTF8", HK_SMTPD_MAIL, HK_EXT(SMTPUTF8), HK_REFUSAL_SMTPUTF8_FORM, take_smtputf8},
    {"REQUIRETLS", HK_SMTPD_MAIL, HK_EXT(REQUIRETLS), HK_REFUSAL_REQUIRETLS_FORM, take_requiretls},
    {"RET", HK_SMTPD_MAIL, HK_EXT(DSN), HK_REFUSAL_RET_FORM, take_ret},
    {"ENVID", HK_SMTPD_MAIL, HK_EXT(DSN), HK_REFUSAL_ENVID_FORM, take_envid},
    {"AUTH", HK_SMTPD_MAIL, HK_EXT(AUTH), HK_REFUSAL_AUTH_FORM, take_auth},
    {"BY", HK_SMTPD_MAIL, HK_EXT(DELIVERBY), HK_REFUSAL_BY_FORM, take_by},
    {"TRANSID", HK_SMTPD_MAIL, HK_EXT(CHECKPOINT), HK_REFUSAL_TRANSID_FORM, take_transid},
    {"NOTIFY", HK_SMTPD_RCPT, HK_EXT(DSN), HK_REFUSAL_NOTIFY_FORM, take_notify},
    {"ORCPT", HK_SMTPD_RCPT, HK_EXT(DSN), HK_REFUSAL_ORCPT_FORM, take_orcpt},
};

enum { PARAMETERS = sizeof parameters / sizeof parameters[0] };

/* The row of name, or PARAMETERS. */
static size_t find(const struct hk_smtpd *s, enum hk_smtpd_event_type command, struct hk_slice name)
{
	unsigned offered = smtpd_offered(s);
	size_t i = 0;

	while (i < PARAMETERS && !(parameters[i].command == command && (parameters[i].extensions & offered) &&
	                             hk_slice_eq_nocase(name, hk_slice_str(parameters[i].name))))
		i++;
	return i;
}

/* *seen has a bit for each row: a parameter comes once. An "=" has a value behind it (RFC 5321 4.1.2). */
static bool take_parameter(struct hk_smtpd *s, struct hk_smtpd_event *event, struct hk_slice text, unsigned *seen)
{
	struct hk_slice name = hk_slice_sub(text, 0, hk_slice_find(text, '='));
	struct hk_slice value = hk_slice_from(text, name.n + 1);
	size_t i = find(s, event->type, name);
	bool is_empty = name.n < text.n && !value.n;
	enum verdict verdict;

	if (i == PARAMETERS) {
		smtpd_refuse(s, HK_REFUSAL_PARAMETER_UNKNOWN);
		return false;
	}
	verdict = is_empty || (*seen & 1u << i) ? MALFORMED : parameters[i].take(s, event, value);
	*seen |= 1u << i;
	if (verdict == MALFORMED)
		smtpd_refuse(s, parameters[i].form);
	return verdict == FINE;
}

/* Mail-parameters of RFC 5321 4.1.2, each behind a space. */
bool smtpd_take_params(struct hk_smtpd *s, struct hk_smtpd_event *event, struct hk_slice rest)
{
	unsigned seen = 0;

	while (rest.n) {
		size_t end = 0;

		if (hk_is_wsp(rest.p[0])) {
			rest = hk_slice_from(rest, 1);
			continue;
		}
		while (end < rest.n && !hk_is_wsp(rest.p[end]))
			end++;
		if (!take_parameter(s, event, hk_slice_sub(rest, 0, end), &seen))
			return false;
		rest = hk_slice_from(rest, end);
	}
	return true;
}
