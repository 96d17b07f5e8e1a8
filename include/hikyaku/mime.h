/* SPDX-License-Identifier: MIT
 *
 * mime.h - a message with 8-bit text as one of 7-bit text, for a server without 8BITMIME (RFC 6152 3).
 *
 *	r = hk_recode_new(header)
 *	hk_recode_look(r, chunk)*, hk_recode_look_end(r)     first pass over the body: which parts need it
 *	hk_recode_edits(r, edits)                            what changes in the header section
 *	hk_recode_body(r, chunk, out)*, hk_recode_end(r, out) second pass: the new body
 *
 * Only what has to change is changed: parts in 7-bit text stay octet for octet. Text becomes quoted-printable, the rest
 * base64 (RFC 2045 6.7, 6.8); multiparts and enclosed messages are gone through (RFC 2046 5.1, 5.2.1). Signatures over
 * the body do not survive it: to ask before is the caller's business.
 */
#ifndef HIKYAKU_MIME_H
#define HIKYAKU_MIME_H

#include <hikyaku/message.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define HK_MIME_DEPTH_MAX  32          /* multiparts and messages inside each other */
#define HK_MIME_PARTS_MAX  10000       /* parts without parts of their own, in one message */
#define HK_MIME_HEADER_MAX (64 * 1024) /* header section of a part */
/* Room that hk_recode_body needs in out for a chunk of n octets, and hk_recode_end for n 0: each octet as "=XX" with soft line
 * breaks, and the header section of a part. */
#define HK_RECODE_ROOM(n)  (4 * (n) + 2 * HK_MIME_HEADER_MAX)

struct hk_recode;
/* hk_recode_new(header): borrows header until hk_recode_free. Returns owned; NULL when out of memory. */
struct hk_recode *hk_recode_new(const struct hk_header *);
void hk_recode_free(struct hk_recode *); /* NULL allowed */
/* LIMIT: a limit above was reached; SYNTAX: several Content-Type or Content-Transfer-Encoding fields in one header; NOMEM.
 * Such a message cannot be converted. Any chunks, the same bytes in both passes. */
enum hk_status hk_recode_look(struct hk_recode *, struct hk_slice chunk) HK_MUSTCHECK;
/* OK: it can be converted. */
enum hk_status hk_recode_look_end(struct hk_recode *) HK_MUSTCHECK;
/* true when an octet over 127 stands in the body, or a part is labelled as if one did. */
bool hk_recode_is_needed(const struct hk_recode *);
/* hk_recode_has_stray(r): after the first pass: true when a bare CR, a bare LF or a NUL stands outside of the bodies of parts
 * labelled "binary" (RFC 2045 2.9, 6.2) and of those that are encoded anew. Else the new form is lines that end in CRLF. */
bool hk_recode_has_stray(const struct hk_recode *);
/* true when an octet over 127 stands in the header section of a part or of an enclosed message: no encoding helps there (RFC 6532). */
bool hk_recode_has_wide_header(const struct hk_recode *);
/* hk_recode_edits(r, e): Content-Transfer-Encoding anew, and MIME-Version and Content-Type where they are missing
 * (RFC 1428 3: "unknown-8bit"). */
enum hk_status hk_recode_edits(const struct hk_recode *, struct hk_edits *) HK_MUSTCHECK;
enum hk_status hk_recode_body(struct hk_recode *, struct hk_slice chunk, struct hk_buf *out) HK_MUSTCHECK;
enum hk_status hk_recode_end(struct hk_recode *, struct hk_buf *out) HK_MUSTCHECK;

/* ---- encoded words ---------------------------------------------------------------------------- */

/* hk_words_add(out, value): a field's value as a mail program shows it: encoded words (RFC 2047) of UTF-8, US-ASCII and
 * ISO-8859-1 decoded, those of other sets as they are, folding removed. The result is UTF-8 for a terminal: octets
 * that are no character, controls and marks that turn text around become U+FFFD. true when a word was decoded. */
bool hk_words_add(struct hk_buf *out, struct hk_slice value);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
