/* SPDX-License-Identifier: MIT
 *
 * What the files of this folder share.
 */
#ifndef HIKYAKU_MESSAGE_INTERNAL_H
#define HIKYAKU_MESSAGE_INTERNAL_H

#include <hikyaku/message.h>

/* Takes the first line off *rest, with its CRLF (only the last line may lack one). */
struct hk_slice hk_message_take_line(struct hk_slice *rest);
/* s without one CRLF at its end, if there is one. */
struct hk_slice hk_message_without_crlf(struct hk_slice);
/* The length of the field name that begins line, before WSP (and folding) and the colon; 0 when
 * line begins no field. */
size_t hk_message_name_length(struct hk_slice line);
/* True for what begins with a continuation line: only the first thing of a header section can, and
 * whatever field is put before it would go on with that line (RFC 5322 2.2.3). */
bool hk_message_is_stray(struct hk_slice raw);
/* True when text is one or more whole fields, each line ended by CRLF, with no CR, LF or NUL elsewhere. */
bool hk_message_is_fields(struct hk_slice text);

/* ---- lex.c ---- */

/* RFC 5322 3.2.3; ASCII only. */
bool hk_message_is_atext(uint8_t);
/* What may stand in a comment or a quoted string: everything but NUL, CR and LF. */
bool hk_message_is_text(uint8_t);
/* 2 when s begins with a CRLF that only folds (WSP follows), else 0. */
size_t hk_message_fold_length(struct hk_slice s);
/* Steps over white space, folding and nested comments; *ret_any: there was some. SYNTAX, or LIMIT for the depth. */
enum hk_status hk_message_skip_cfws(struct hk_slice *s, bool *ret_any) HK_MUSTCHECK;

#endif
