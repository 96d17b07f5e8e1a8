/* SPDX-License-Identifier: MIT
 *
 * smtp_internal.h - what server and client share: writing replies, and the one scanner of message
 * text.
 */
#ifndef HIKYAKU_SMTP_INTERNAL_H
#define HIKYAKU_SMTP_INTERNAL_H

#include <hikyaku/smtp.h>

/* hk_smtp_reply_add(out, code, enhanced, text): one reply, multi-line where text holds \n or is
 * long. A line stays under the 512 octets of RFC 5321 4.5.3.1.5; hostile bytes are quoted; at most
 * HK_SMTP_REPLY_TEXT_MAX bytes and 32 lines of text are used. enhanced may be NULL. */
void hk_smtp_reply_add(
    struct hk_buf *out, unsigned code, const char *enhanced, struct hk_slice text);

/* Where a run of clean message text ended. */
enum hk_smtp_stop {
	HK_SMTP_STOP_END,     /* the slice is used up */
	HK_SMTP_STOP_CR,      /* its last byte is a CR: what follows decides */
	HK_SMTP_STOP_DOT,     /* a dot at the beginning of a line comes next */
	HK_SMTP_STOP_BARE_CR, /* a CR without LF comes next */
	HK_SMTP_STOP_BARE_LF, /* an LF without CR comes next */
	HK_SMTP_STOP_NUL,     /* a NUL comes next */
};

struct hk_smtp_text {
	bool at_line_start; /* true at the beginning: DATA's CRLF counts (RFC 5321 4.1.1.4) */
	uint64_t line;      /* from 1 */
};

/* hk_smtp_text_scan(t, s, stop): length of the clean run at the beginning of s; t moves over
 * exactly that run. Clean: whole lines and parts of lines without NUL, bare CR and bare LF (RFC
 * 5321 2.3.8). */
size_t hk_smtp_text_scan(struct hk_smtp_text *t, struct hk_slice s, enum hk_smtp_stop *ret_stop);
/* hk_smtp_text_skip(t, s, stop): the same for text that is refused already: nothing but a dot at the beginning of a line, and a
 * CR at the end, stops it. */
size_t hk_smtp_text_skip(struct hk_smtp_text *t, struct hk_slice s, enum hk_smtp_stop *ret_stop);
/* hk_smtp_stop_text(stop): "bare LF", ...; for replies. */
const char *hk_smtp_stop_text(enum hk_smtp_stop);

#endif
