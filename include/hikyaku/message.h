/* SPDX-License-Identifier: MIT
 *
 * message.h - the syntax of messages: header fields, addresses, dates, canonical forms, edit lists.
 *
 *	bytes --splitter--> header section --hk_header_parse--> fields --> addresses, dates
 *	                \-> body, streamed --> canonical body --> hash
 *
 * A message is CRLF-terminated lines; only CRLF ends a line. Nothing here holds a body.
 */
#ifndef HIKYAKU_MESSAGE_H
#define HIKYAKU_MESSAGE_H

#include <hikyaku/base.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define HK_HEADER_SECTION_MAX (256 * 1024)
#define HK_HEADER_FIELDS_MAX  2000
#define HK_RECEIVED_MAX       100 /* Received fields before a message is taken to loop (RFC 5321 6.3) */

/* ---- splitting a stream into header section and body ---------------------------- */

/* Feed any chunks; the header section (up to and including the last field's CRLF, without the empty line)
 * is gathered, the rest passes through as body slices that borrow the fed chunk. */
struct hk_splitter {
	struct hk_buf header;
	size_t max;
	uint8_t tail; /* how much of CRLFCRLF was seen */
	bool in_body;
};
/* hk_splitter_init(s, max): LIMIT comes from feed, now and ever after, when the header section is longer than max. */
void hk_splitter_init(struct hk_splitter *, size_t max);
void hk_splitter_done(struct hk_splitter *);
/* hk_splitter_feed(s, chunk, body): *body is the part of chunk that is body (may be empty).
 * A message whose first line is empty has an empty header section. A line that cannot be a
 * field (no colon, not a continuation) does not end the header here: hk_header_parse says so. LIMIT or NOMEM. */
enum hk_status hk_splitter_feed(struct hk_splitter *, struct hk_slice chunk, struct hk_slice *body) HK_MUSTCHECK;
/* true once the empty line was seen. */
bool hk_splitter_in_body(const struct hk_splitter *);
struct hk_slice hk_splitter_header(const struct hk_splitter *);

/* ---- header fields ------------------------------------------------------------------ */

struct hk_field {
	struct hk_slice raw;   /* the whole field with folding and final CRLF */
	struct hk_slice name;  /* as written, without WSP and folding before the colon */
	struct hk_slice value; /* after the colon, unfolded no further: as written, without the final CRLF */
};
struct hk_header {
	struct hk_slice raw;
	struct hk_field *field; /* in order of appearance */
	size_t n;
	size_t malformed;       /* lines that begin no field; kept (with their continuations) as fields with an empty name */
};
/* hk_header_parse(a, section, ret): borrows section. LIMIT past HK_HEADER_FIELDS_MAX, NOMEM. */
enum hk_status hk_header_parse(struct hk_arena *, struct hk_slice section, struct hk_header *ret) HK_MUSTCHECK;
/* hk_header_find(h, name, from): the first field of that name (case-insensitive) at or after index from, or h->n. */
size_t hk_header_find(const struct hk_header *, struct hk_slice name, size_t from);
size_t hk_header_count(const struct hk_header *, struct hk_slice name);
/* hk_field_resembles(field, name): it has that name, or it is a line that is no field but would have it without the
 * octets of its name that cannot be seen (NUL, a byte order mark, a blank of no width): some readers drop them. */
bool hk_field_resembles(const struct hk_field *, struct hk_slice name);
/* hk_header_has_stray_line(h): the section begins with a continuation line, which would go on with
 * any field put before it. */
bool hk_header_has_stray_line(const struct hk_header *h);
/* hk_unfold(a, value, ret): folding removed (each CRLF before WSP), ends trimmed. Copies. */
enum hk_status hk_unfold(struct hk_arena *, struct hk_slice value, struct hk_slice *ret) HK_MUSTCHECK;

/* ---- addresses --------------------------------------------------------------------------- */

struct hk_address {
	struct hk_slice display; /* display name, unquoted; empty if none */
	struct hk_slice local;   /* local part, as written: a quoted one keeps its quotes */
	struct hk_slice domain;  /* lower case, no final dot; "[...]" for a literal; empty only for a bare <postmaster> */
	bool is_utf8;            /* a byte over 0x7f stands in local or domain */
};
struct hk_address_list {
	struct hk_address *at;
	size_t n;
	size_t groups; /* group constructs met, empty ones too */
};
#define HK_ADDRESSES_MAX 10000 /* addresses in one field */
#define HK_COMMENT_DEPTH_MAX 32
/* hk_address_list_parse(a, value, ret): RFC 5322 3.4 address-list with comments, groups, folding and the obsolete
 * routes and dots (section 4.4); UTF-8 as RFC 6532; a..b@ and a.@ as well. SYNTAX for anything else: never a guess.
 * LIMIT for too many addresses or too deep comments. Copies. No address but a group (undisclosed-recipients:;) is OK. */
enum hk_status hk_address_list_parse(struct hk_arena *, struct hk_slice value, struct hk_address_list *ret) HK_MUSTCHECK;

/* An envelope path of RFC 5321 4.1.2. */
struct hk_path {
	struct hk_slice text;   /* local@domain as received, without brackets and route; empty for <> */
	struct hk_slice local;
	struct hk_slice domain; /* lower case; empty for <> and <postmaster> */
	bool is_null;           /* <> */
	bool had_brackets;
	bool had_route;         /* a source route stood there and was stripped */
	bool is_utf8;           /* a byte over 0x7f stands in it */
};
enum hk_path_flags {
	HK_PATH_LENIENT = 1,    /* brackets may be missing: "MAIL FROM: user@a.test"; a domain may have "_" */
	HK_PATH_NULL = 2,       /* <> is allowed */
	HK_PATH_POSTMASTER = 4, /* <postmaster> without a domain is allowed */
	HK_PATH_UTF8 = 8,       /* RFC 6531 */
	HK_PATH_STRICT_DOTS = 16, /* refuse a..b@ and a.@ (old Japanese mobile addresses), else accepted */
};
#define HK_LOCAL_MAX  64  /* RFC 5321 4.5.3.1.1 */
#define HK_DOMAIN_MAX 255 /* RFC 5321 4.5.3.1.2 */
#define HK_PATH_MAX   256 /* RFC 5321 4.5.3.1.3, brackets counted */
/* hk_path_parse(a, text, flags, ret, rest): text begins at the path (leading spaces allowed when lenient); *rest is what
 * follows it: nothing, or something that begins with a space. SYNTAX, or LIMIT for a length. Copies, but for rest. */
enum hk_status hk_path_parse(struct hk_arena *, struct hk_slice text, unsigned flags, struct hk_path *ret, struct hk_slice *rest) HK_MUSTCHECK;

/* ---- dates ----------------------------------------------------------------------------------- */

/* hk_date_parse(text, ret_utc, ret_offset, ret_weekday_ok): RFC 5322 3.3 and its obsolete forms (4.3), years 1900 to
 * 9999. Seconds since 1970 UTC, and the offset in minutes east; *ret_weekday_ok is false when a stated weekday does not
 * fit the date. SYNTAX, or LIMIT for too deep comments. */
enum hk_status hk_date_parse(struct hk_slice text, int64_t *ret_utc, int *ret_offset, bool *ret_weekday_ok) HK_MUSTCHECK;
/* hk_date_format(b, utc, offset, zone): "Sun, 10 Nov 2024 21:59:09 +0900 (JST)"; zone empty (or no plain word of
 * letters, digits, "+" and "-"): no comment. Years outside 1900 to 9999 and offsets over 99:59 are clipped. */
void hk_date_format(struct hk_buf *, int64_t utc, int offset_minutes, struct hk_slice zone);

/* ---- canonical forms (RFC 6376 3.4) ------------------------------------------------------------ */

enum hk_canon { HK_CANON_SIMPLE, HK_CANON_RELAXED };
/* hk_canon_field(b, canon, field): one header field in canonical form, with its final CRLF. Simple reads raw only,
 * relaxed reads name and value only. */
void hk_canon_field(struct hk_buf *, enum hk_canon, const struct hk_field *);

/* A body canonicaliser over a stream, independent of how it is cut into chunks. */
struct hk_canon_body {
	enum hk_canon canon;
	uint64_t blank_lines; /* CRLFs held back: trailing empty lines are dropped */
	bool wsp, cr;         /* a run of WSP, a CR held back */
	bool any, ended;
};
void hk_canon_body_init(struct hk_canon_body *, enum hk_canon);
/* hk_canon_body_step(c, in, out, cap): consumes from *in (advanced), writes at most cap bytes; returns how many.
 * Call until in->n is 0 and it returns 0. cap is at least 16. */
size_t hk_canon_body_step(struct hk_canon_body *, struct hk_slice *in, uint8_t *out, size_t cap);
/* hk_canon_body_end(c, out, cap): the same for what is due after the last byte; call until it returns 0. */
size_t hk_canon_body_end(struct hk_canon_body *, uint8_t *out, size_t cap);

/* ---- edit lists ----------------------------------------------------------------------------------- */

/* What is changed between the header as received and the header as sent, kept apart from it. */
struct hk_edits;
#define HK_EDITS_MAX 1000 /* changes in one list */
struct hk_edits *hk_edits_new(struct hk_arena *); /* NULL when a is full */
/* hk_edits_insert(e, before, text): text is one or more whole fields with CRLF; it goes before original field
 * `before` (the number of fields: at the end). Of several inserts at one place the one added last stands topmost, as
 * trace fields want. Copies. SYNTAX when text is not whole fields (so nothing can smuggle in an empty line), LIMIT. */
enum hk_status hk_edits_insert(struct hk_edits *, size_t before, struct hk_slice text) HK_MUSTCHECK;
/* hk_edits_remove(e, i): original field i is left out; twice is once. */
enum hk_status hk_edits_remove(struct hk_edits *, size_t i) HK_MUSTCHECK;
/* hk_edits_apply(e, h, out): the new header section (NULL e: as it is); a last field without CRLF
 * gets one. A continuation line that begins the section is left out where a field was put before
 * it. */
void hk_edits_apply(const struct hk_edits *, const struct hk_header *, struct hk_buf *out);
/* hk_edits_format(e, out): the stored form. hk_edits_parse(a, stored, ret): CORRUPT, VERSION, or what a says. Copies. */
void hk_edits_format(const struct hk_edits *, struct hk_buf *out);
enum hk_status hk_edits_parse(struct hk_arena *, struct hk_slice stored, struct hk_edits **ret) HK_MUSTCHECK;

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
