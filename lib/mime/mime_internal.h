/* SPDX-License-Identifier: MIT
 *
 * mime_internal.h - what the files of this folder share:
 *
 *	mime_entity.c   what the header of a part says of its body
 *	mime_encode.c   quoted-printable and base64 over a stream
 *	mime_recode.c   the walk through the parts, twice
 *	mime_words.c    encoded words in header fields
 */
#ifndef HIKYAKU_MIME_INTERNAL_H
#define HIKYAKU_MIME_INTERNAL_H

#include <hikyaku/mime.h>

#define MIME_BOUNDARY_MAX 70 /* RFC 2046 5.1.1 */

enum mime_kind { MIME_TEXT, MIME_OTHER, MIME_MULTIPART, MIME_MESSAGE };
/* Content-Transfer-Encoding; ENCODED stands for every one whose octets are those of another form. */
enum mime_encoding { MIME_7BIT, MIME_8BIT, MIME_BINARY, MIME_ENCODED };

struct mime_entity {
	enum mime_kind kind;
	enum mime_encoding encoding;
	bool has_type, has_version, has_encoding;
	uint8_t boundary[MIME_BOUNDARY_MAX];
	size_t boundary_n; /* 0: none, then a multipart is taken as OTHER */
};

/* mime_entity_read(header, ret): SYNTAX when a field that decides stands there twice. */
enum hk_status mime_entity_read(const struct hk_header *, struct mime_entity *ret) HK_MUSTCHECK;

/* ---- encoders ---- */

enum mime_as { MIME_AS_IS, MIME_AS_QUOTED, MIME_AS_BASE64 };
struct mime_encoder {
	enum mime_as as;
	unsigned column;
	uint8_t held[4]; /* quoted-printable: a blank or a CR; base64: up to two octets */
	uint8_t held_n;
	uint8_t crlf;    /* base64: how much of a CRLF was seen that may belong to the boundary */
};
const char *mime_encoding_name(enum mime_as); /* "7bit", "quoted-printable", "base64" */
void mime_encoder_begin(struct mime_encoder *, enum mime_as);
void mime_encoder_put(struct mime_encoder *, struct hk_slice, struct hk_buf *out);
/* mime_encoder_end(e, at_boundary, out): at a boundary the CRLF before it is no part of the content (RFC 2046 5.1.1). */
void mime_encoder_end(struct mime_encoder *, bool at_boundary, struct hk_buf *out);

#endif
