/* SPDX-License-Identifier: MIT
 *
 * json.h - a JSON writer, and a bounded pull reader for JSON from outside.
 *
 * Writer: appends to a hk_buf; commas and quoting are its business. Bytes that are not valid UTF-8 are
 * written as U+FFFD, so the output is always valid JSON (RFC 8259).
 * Reader: never builds a tree; it hands out one token after the other, and refuses depth over 32.
 */
#ifndef HIKYAKU_JSON_H
#define HIKYAKU_JSON_H

#include <hikyaku/base.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define HK_JSON_MAX_DEPTH 32

struct hk_json_writer {
	struct hk_buf *out; /* borrowed */
	uint8_t depth;
	uint32_t filled; /* bit n: depth n already has a member */
};

/* hk_json_begin(w, out): w writes to out, which must outlive it. */
void hk_json_begin(struct hk_json_writer *, struct hk_buf *out);
/* Each value takes a key: the member's name inside an object, NULL inside an array or at the top. */
void hk_json_object(struct hk_json_writer *, const char *key);
void hk_json_array(struct hk_json_writer *, const char *key);
void hk_json_close_object(struct hk_json_writer *);
void hk_json_close_array(struct hk_json_writer *);
void hk_json_string(struct hk_json_writer *, const char *key, struct hk_slice);
void hk_json_text(struct hk_json_writer *, const char *key, const char *text); /* NULL writes null */
void hk_json_int(struct hk_json_writer *, const char *key, int64_t);
void hk_json_bool(struct hk_json_writer *, const char *key, bool);
void hk_json_null(struct hk_json_writer *, const char *key);

enum hk_json_token {
	HK_JSON_END, /* the document is complete */
	HK_JSON_OBJECT, HK_JSON_OBJECT_END,
	HK_JSON_ARRAY, HK_JSON_ARRAY_END,
	HK_JSON_KEY,    /* text holds the name, unescaped */
	HK_JSON_STRING, /* text holds the value, unescaped */
	HK_JSON_NUMBER, /* text holds the number as written */
	HK_JSON_TRUE, HK_JSON_FALSE, HK_JSON_NULL,
};

struct hk_json_reader;
/* hk_json_reader_new(a, doc): borrows doc; everything else lives in a. NULL when a is full. */
struct hk_json_reader *hk_json_reader_new(struct hk_arena *, struct hk_slice doc);
/* hk_json_next(r, token, text): OK, or SYNTAX, LIMIT (depth, arena), NOMEM, which stay; after the token END it stays END.
 * text is empty but for KEY, STRING and NUMBER; it borrows doc, or the arena where escapes were undone. */
enum hk_status hk_json_next(struct hk_json_reader *, enum hk_json_token *, struct hk_slice *text) HK_MUSTCHECK;

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
