/* SPDX-License-Identifier: MIT
 *
 * authres_internal.h - the words of RFC 8601 2.2, read and written.
 *
 *	authres.c        our own field
 *	authres_ours.c   whose field is it
 *	authres_parse.c  a field as a struct
 *	authres_write.c  and back
 */
#ifndef HIKYAKU_LIB_AUTHRES_AUTHRES_INTERNAL_H
#define HIKYAKU_LIB_AUTHRES_AUTHRES_INTERNAL_H

#include <hikyaku/authres.h>

enum {
	HK_AUTHRES_LINE_MAX = 990,  /* RFC 5322 2.1.1 allows 998 */
	HK_AUTHRES_VALUE_MAX = 320, /* of one value as written: a path of 256 (RFC 5321 4.5.3.1.3) and
	                               some escapes; two fit in a line */
	HK_AUTHRES_PART_MAX = 2048, /* the longest part of ours is a comment with two values */
};

bool hk_authres_is_fws(uint8_t);
/* token of RFC 2045 5.1, which is what RFC 8601 2.2 leaves unquoted */
bool hk_authres_is_token_byte(uint8_t);
/* hk_authres_skip_comment(s): *s stands at a "("; false: the comment does not end. */
bool hk_authres_skip_comment(struct hk_slice *s);
bool hk_authres_skip_cfws(struct hk_slice *s);
/* hk_authres_is_pvalue(s): needs no quotes where a pvalue stands. Bytes over 0x7f count as letters (RFC 6532) when asked. */
bool hk_authres_is_pvalue(struct hk_slice, bool utf8);

/* How much care a text needs: of a message that we judge, or of a field that was parsed before. */
enum hk_authres_care {
	HK_AUTHRES_CUT,   /* at HK_AUTHRES_VALUE_MAX; ASCII only, the rest in clear text as \xHH */
	HK_AUTHRES_WHOLE, /* all of it; UTF-8 stays */
};
/* hk_authres_add_escaped(b, s, special, care): what a quoted-string or a comment holds. */
void hk_authres_add_escaped(struct hk_buf *, struct hk_slice, const char *special, enum hk_authres_care);
void hk_authres_add_quoted(struct hk_buf *, struct hk_slice, enum hk_authres_care);
/* value = token / quoted-string */
void hk_authres_add_value(struct hk_buf *, struct hk_slice, enum hk_authres_care);
/* pvalue = value / [[local-part] "@"] domain-name */
void hk_authres_add_pvalue(struct hk_buf *, struct hk_slice, enum hk_authres_care);

/* Parts of a result, folded where a line would get too long. */
struct hk_authres_writer {
	struct hk_buf *out;
	struct hk_buf part; /* what must stand on one line */
	size_t line_from;   /* where the line begins in out */
};
void hk_authres_flush(struct hk_authres_writer *);

#endif
