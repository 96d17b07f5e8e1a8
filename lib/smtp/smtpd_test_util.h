/* SPDX-License-Identifier: MIT
 *
 * smtpd_test_util.h - the replies of the server that the tests name often, and a comparison that shows both texts.
 */
#ifndef HIKYAKU_SMTPD_TEST_UTIL_H
#define HIKYAKU_SMTPD_TEST_UTIL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtp_internal.h"
#include "smtpd_harness.h"
#include "tests/unit.h"

#define BANNER "220 mx.test ESMTP Hikyaku\r\n"
#define EHLO_REPLY                                                                                  \
	"250-mx.test\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-STARTTLS\r\n250-ENHANCEDSTATUSCODES\r\n" \
	"250 8BITMIME\r\n"
#define OK_0      "250 2.0.0 Ok\r\n"
#define OK_MAIL   "250 2.1.0 Ok\r\n"
#define OK_RCPT   "250 2.1.5 Ok\r\n"
#define GO        "354 End data with <CR><LF>.<CR><LF>\r\n"
#define QUEUED    "250 2.0.0 Ok: queued as 3EE173C0ADC\r\n"
#define BYE       "221 2.0.0 Bye\r\n"
#define ENVELOPE  "EHLO a.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nDATA\r\n"
#define ENV_REPLY EHLO_REPLY OK_MAIL OK_RCPT GO
#define ENV_LOG   "EHLO a.test\nMAIL <a@a.test>\nRCPT <b@b.test>\nDATA\n"
#define TOO_MANY  "421 4.7.0 Too many errors in this session (RFC 5321 7.8) [errors]\r\n"

static const struct hk_smtpd_options plain = {.size = sizeof plain,
	.hostname = S("mx.test"),
	.banner_text = S("Hikyaku"),
	.max_message = 1000,
	.offer_starttls = true,
};

static inline void check_text(const char *name, const char *what, const struct hk_buf *have, const char *want)
{
	if (have->n == strlen(want) && (have->n == 0 || memcmp(have->p, want, have->n) == 0))
		return;
	fail_msg("%s: %s\nhave:\n%.*s\nwant:\n%s", name, what, (int)have->n, have->n ? (const char *)have->p : "", want);
}

#endif
