/* SPDX-License-Identifier: MIT
 *
 * dsn_return.c - what is returned of the message: its header, or all of it (RFC 3461 4.3, RFC 6522 1, RFC 6533 4).
 */
#include <string.h>

#include "engine/dsn_internal.h"
#include "engine/utf8_address.h"
#include "lib/base/base_internal.h"

/* As much of the header as is returned: whole lines. */
static struct hk_slice some_of_header(const struct hk_mail *mail)
{
	struct hk_slice s = mail->header;

	if (s.n <= DSN_RETURN_MAX)
		return s;
	s = hk_slice_sub(s, 0, DSN_RETURN_MAX);
	s.n = hk_slice_rfind(s, '\n') < s.n ? hk_slice_rfind(s, '\n') + 1 : 0;
	return s;
}

/* RET=FULL is for failures (RFC 3461 4.3), and for what is short enough to be sent back: a body in a file of its own is
 * not, nor one with bare CR, LF or NUL, which only BDAT can carry. */
static bool returns_all(const struct dsn *d)
{
	const struct hk_mail *m = d->mail;

	/* nor is a message that must not be read on the way (RFC 8689 5) */
	return m->params.ret == HK_RET_FULL && !m->params.require_tls && d->has_failed && !m->body_file.n &&
	       m->params.body != HK_BODY_BINARYMIME && m->header.n + m->body.n + 4 <= DSN_RETURN_MAX;
}

/* RFC 2045 6.8: lines of 76. */
static void add_base64(struct hk_buf *out, struct hk_slice s)
{
	for (; s.n; s = hk_slice_from(s, 57)) {
		hk_base64_add(out, hk_slice_sub(s, 0, 57));
		hk_buf_add_str(out, "\r\n");
	}
}

enum hk_status dsn_return_make(struct dsn *d)
{
	bool is_full = d->is_full = returns_all(d), is_utf8 = d->mail->params.smtputf8, is_wide;
	struct hk_slice header = some_of_header(d->mail);
	struct hk_buf content;

	hk_buf_init(&content, DSN_RETURN_MAX + 16);
	hk_buf_add(&content, header);
	if (header.n && header.p[header.n - 1] != '\n')
		hk_buf_add_str(&content, "\r\n");
	if (is_full) {
		hk_buf_add_str(&content, "\r\n");
		hk_buf_add(&content, d->mail->body);
	}
	is_wide = !hk_slice_is_ascii(hk_buf_slice(&content));
	is_utf8 = is_utf8 && !hk_slice_is_ascii(header);
	hk_buf_addf(&d->returned, "Content-Type: %s\r\n",
	    is_full ? (is_utf8 ? "message/global" : "message/rfc822")
	            : (is_utf8 ? "message/global-headers" : "text/rfc822-headers"));
	/* RFC 6533 4.5: the way back may end before the sender where it has no SMTPUTF8 */
	if (is_utf8 && !d->is_global) {
		hk_buf_add_str(&d->returned, "Content-Transfer-Encoding: base64\r\n\r\n");
		add_base64(&d->returned, hk_buf_slice(&content));
	} else {
		d->is_8bit = is_wide;
		if (is_wide)
			hk_buf_add_str(&d->returned, "Content-Transfer-Encoding: 8bit\r\n");
		hk_buf_add_str(&d->returned, "\r\n");
		hk_buf_add(&d->returned, hk_buf_slice(&content));
	}
	if (hk_buf_status(&content) != HK_OK)
		d->returned.failed = hk_buf_status(&content);
	hk_buf_done(&content);
	return hk_buf_status(&d->returned);
}
