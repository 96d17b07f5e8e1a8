/* SPDX-License-Identifier: MIT
 *
 * Cutting command lines out of the input. Only CRLF ends a line (RFC 5321 2.3.8).
 *
 * A line that is too long or holds a bare LF is refused as soon as that is known and then read over
 * up to its CRLF: what stands behind a bare LF is never taken for a command of its own.
 */
#include <string.h>

#include "smtpd_internal.h"

static void skip_line(struct hk_smtpd *s)
{
	s->skipping = true;
	s->skip_cr = false;
	s->skipped = 0;
	s->scanned = 0;
}

static enum hk_status skip_step(struct hk_smtpd *s)
{
	struct hk_slice have = hk_slice_sub(smtpd_input(s), 0, HK_SMTP_SKIP_MAX - s->skipped);
	size_t lf = hk_slice_find(have, '\n');
	size_t n = lf < have.n ? lf + 1 : have.n;

	if (n == 0)
		return HK_AGAIN;
	if (lf < have.n && (lf > 0 ? have.p[lf - 1] == '\r' : s->skip_cr))
		s->skipping = false;
	s->skip_cr = have.p[n - 1] == '\r';
	s->skipped += n;
	smtpd_consume(s, n);
	if (s->skipping && s->skipped == HK_SMTP_SKIP_MAX)
		smtpd_give_up(s, HK_REFUSAL_LINE_ENDLESS);
	return HK_OK;
}

/* RFC 4954 4: lines with a credential in them may be long. */
static bool is_secret(const struct hk_smtpd *s)
{
	return s->state == SMTPD_AUTH || hk_slice_starts_nocase(smtpd_input(s), HK_S("AUTH "));
}

static size_t line_max(const struct hk_smtpd *s)
{
	return s->options.mechanisms.n && is_secret(s) ? HK_SMTP_AUTH_LINE_MAX : HK_SMTP_LINE_MAX;
}

enum hk_status smtpd_line_step(struct hk_smtpd *s)
{
	size_t max = line_max(s), lf;
	struct hk_slice have = hk_slice_sub(smtpd_input(s), 0, max);
	bool has_secret = is_secret(s);

	if (s->skipping)
		return skip_step(s);
	lf = s->scanned + hk_slice_find(hk_slice_from(have, s->scanned), '\n');
	if (lf == have.n && have.n < max) {
		s->scanned = have.n;
		return HK_AGAIN;
	}
	if (lf == have.n) {
		skip_line(s);
		/* X.5.6 is for authentication exchanges alone (RFC 4954 6) */
		if (s->state == SMTPD_AUTH)
			smtpd_auth_fail(s, HK_REFUSAL_AUTH_LINE_TOO_LONG);
		else
			smtpd_refuse(s, HK_REFUSAL_LINE_TOO_LONG);
		return HK_OK;
	}
	s->scanned = 0;
	smtpd_consume(s, lf + 1);
	if (lf == 0 || have.p[lf - 1] != '\r') {
		skip_line(s);
		if (s->state == SMTPD_AUTH)
			smtpd_auth_fail(s, HK_REFUSAL_LINE_BARE_LF);
		else
			smtpd_refuse(s, HK_REFUSAL_LINE_BARE_LF);
		return HK_OK;
	}
	if (s->state == SMTPD_AUTH)
		smtpd_auth_line(s, hk_slice_sub(have, 0, lf - 1));
	else
		smtpd_command(s, hk_slice_sub(have, 0, lf - 1));
	/* what was needed of it was decoded into a place of its own */
	if (has_secret)
		explicit_bzero((void *)(uintptr_t)have.p, lf + 1);
	return HK_OK;
}
