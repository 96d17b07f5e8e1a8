/* SPDX-License-Identifier: MIT
 *
 * MAIL and RCPT (RFC 5321 4.1.1.2, 4.1.1.3).
 */
#include <stdlib.h>

#include "smtpd_internal.h"

/* What the two commands differ in. */
struct envelope {
	struct hk_slice keyword;
	enum hk_smtpd_event_type event;
	unsigned path_flags;
	enum hk_refusal bad_keyword, bad_path, long_path, route;
};

static const struct envelope mail = {
    .keyword = {(const uint8_t *)"FROM:", 5},
    .event = HK_SMTPD_MAIL,
    .path_flags = HK_PATH_NULL,
    .bad_keyword = HK_REFUSAL_MAIL_FORM,
    .bad_path = HK_REFUSAL_MAIL_PATH,
    .long_path = HK_REFUSAL_MAIL_PATH_TOO_LONG,
    .route = HK_REFUSAL_MAIL_ROUTE,
};

static const struct envelope rcpt = {
    .keyword = {(const uint8_t *)"TO:", 3},
    .event = HK_SMTPD_RCPT,
    .path_flags = HK_PATH_POSTMASTER,
    .bad_keyword = HK_REFUSAL_RCPT_FORM,
    .bad_path = HK_REFUSAL_RCPT_PATH,
    .long_path = HK_REFUSAL_RCPT_PATH_TOO_LONG,
    .route = HK_REFUSAL_RCPT_ROUTE,
};

/* ---- limits of RFC 9422 ---- */

/* Whether the domain is among those of this session, or there is room for it. */
static bool domain_fits(struct hk_smtpd *s, struct hk_slice domain)
{
	uint64_t hash = hk_hash(domain), *more;
	size_t i;

	for (i = 0; i < s->n_domains; i++)
		if (s->domains[i] == hash)
			return true;
	if (s->n_domains == s->options.max_domains)
		return false;
	more = realloc(s->domains, (s->n_domains + 1) * sizeof *more);
	if (!more) {
		s->no_memory = true;
		return true;
	}
	s->domains = more;
	s->domains[s->n_domains++] = hash;
	return true;
}

/* ---- the two commands ---- */

static void take_envelope(struct hk_smtpd *s, const struct envelope *form, struct hk_slice argument)
{
	struct hk_smtpd_event event = {.size = sizeof event, .type = form->event, .proto = s->proto};
	unsigned flags = form->path_flags | (s->options.strict_envelopes ? 0 : HK_PATH_LENIENT) |
	                 (s->options.strict_dots ? HK_PATH_STRICT_DOTS : 0) |
	                 (smtpd_offered(s) & HK_EXT(SMTPUTF8) ? HK_PATH_UTF8 : 0);
	struct hk_slice rest;
	enum hk_status status;

	/* old clients put more than one space in front */
	while (!s->options.strict_envelopes && argument.n && hk_is_wsp(argument.p[0]))
		argument = hk_slice_from(argument, 1);
	if (!hk_slice_starts_nocase(argument, form->keyword)) {
		smtpd_refuse(s, form->bad_keyword);
		return;
	}
	status = hk_path_parse(
	    &s->scratch, hk_slice_from(argument, form->keyword.n), flags, &event.path, &rest);
	if (status == HK_NOMEM) {
		s->no_memory = true;
		return;
	}
	if (status != HK_OK) {
		smtpd_refuse(s, status == HK_LIMIT ? form->long_path : form->bad_path);
		return;
	}
	/* RFC 5321 appendix C, F.2: a route is stripped, or refused; never followed */
	if (event.path.had_route && s->options.refuse_source_routes) {
		smtpd_refuse(s, form->route);
		return;
	}
	if (!smtpd_take_params(s, &event, rest))
		return;
	/* RFC 6531 3.5 */
	if (event.path.is_utf8 && !(form == &mail ? event.mail.smtputf8 : s->smtputf8)) {
		smtpd_refuse(s, HK_REFUSAL_ADDRESS_UTF8);
		return;
	}
	if (form == &rcpt && s->options.max_domains && event.path.domain.n &&
	    !domain_fits(s, event.path.domain)) {
		smtpd_refuse_mildly(s, HK_REFUSAL_LIMIT_DOMAINS);
		return;
	}
	s->event = event;
	s->pending = true;
}

void smtpd_mail(struct hk_smtpd *s, struct hk_slice argument)
{
	/* RFC 9422 4.1: counted whether or not it succeeds */
	if (s->options.max_transactions && s->transactions >= s->options.max_transactions) {
		smtpd_refuse_mildly(s, HK_REFUSAL_LIMIT_TRANSACTIONS);
		return;
	}
	s->transactions++;
	take_envelope(s, &mail, argument);
}

void smtpd_rcpt(struct hk_smtpd *s, struct hk_slice argument)
{
	/* RFC 5321 4.5.3.1.10; no error of the client, which comes again with the rest */
	if (s->recipients >= s->options.max_recipients) {
		smtpd_refuse_mildly(s, HK_REFUSAL_LIMIT_RECIPIENTS);
		return;
	}
	take_envelope(s, &rcpt, argument);
}
