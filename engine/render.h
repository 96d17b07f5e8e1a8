/* SPDX-License-Identifier: MIT
 *
 * render.h - the bytes that leave us, made from the message as received, its edit list, and what
 *this hop wants.
 *
 *	[Return-Path] trace [X-Hikyaku-Quarantine] [DKIM-Signature] header with edits, empty line,
 *body
 *
 * The body is never held: it is read where it is wanted, from the record or from its file.
 */
#ifndef HIKYAKU_ENGINE_RENDER_H
#define HIKYAKU_ENGINE_RENDER_H

#include <hikyaku/message.h>
#include <hikyaku/mime.h>

#include "conf/conf.h"
#include "engine/mail.h"
#include "engine/world.h"

#define HK_RENDER_HEAD_MAX                                                                         \
	(4 * 1024 * 1024) /* header section, trace of one line a signature, a signature */

#define HK_RENDER_CHUNK (8 * 1024) /* of the body, read at once to be converted */

struct hk_render {
	const struct hk_mail *mail; /* borrowed */
	struct hk_disk *disk;
	const char *spool;
	struct hk_header original; /* the header as received */
	struct hk_buf edited;      /* with its edits: what is signed */
	struct hk_buf head;        /* all above the body, once hk_render_finish was called */
	int file;                  /* the body's; -1: none open */
	/* The body in 7-bit form, made as it is read (render_convert.c). */
	struct hk_recode *recode;  /* NULL: the body goes as it came */
	struct hk_buf converted;   /* what was made and not left behind yet */
	uint64_t converted_at;     /* its place in the new body */
	uint64_t converted_size;   /* of the whole new body */
	uint64_t source_at;        /* how far the body was read for it */
	bool is_source_done;
};

struct hk_render_options {
	bool add_return_path;   /* final delivery: ours on top (RFC 5321 4.4) */
	bool strip_return_path; /* final delivery by whoever: what came from outside goes */
	bool mark_quarantine;
};

/* hk_render_init(r, a, mail, disk, spool): zeroes r and parses; mail and a must outlive it.
 * hk_render_done frees, also after a failure. */
enum hk_status hk_render_init(struct hk_render *, struct hk_arena *, const struct hk_mail *,
    struct hk_disk *, const char *spool) HK_MUSTCHECK;
void hk_render_done(struct hk_render *);
/* hk_render_convert(r, on): before hk_render_edit: whether the message goes in 7-bit form. It reads the body three times more.
 * SYNTAX, LIMIT: it cannot be converted (mime.h), and goes as it came; others: it cannot be read. */
enum hk_status hk_render_convert(struct hk_render *, bool on) HK_MUSTCHECK;
/* hk_render_has_wide_part(r, ret): whether a byte over 127 stands in the header of a part (RFC 6532). */
enum hk_status hk_render_has_wide_part(struct hk_render *, bool *ret) HK_MUSTCHECK;
/* hk_render_edit(r, a, options): fills edited. */
enum hk_status hk_render_edit(
    struct hk_render *, struct hk_arena *, const struct hk_render_options *) HK_MUSTCHECK;
/* hk_render_finish(r, options, signature): fills head; the signature is a whole field with CRLF, or
 * empty. */
enum hk_status hk_render_finish(
    struct hk_render *, const struct hk_render_options *, struct hk_slice signature) HK_MUSTCHECK;
/* hk_render_size(r): of the whole message, after finish. */
uint64_t hk_render_size(const struct hk_render *);
/* hk_render_read(r, at, to, n, ret): bytes of the whole message; fewer than n at a seam; 0 at the
 * end. CORRUPT: the file is shorter than it should be. */
enum hk_status hk_render_read(
    struct hk_render *, uint64_t at, void *to, size_t n, size_t *ret) HK_MUSTCHECK;
/* hk_render_body(r, at, to, n, ret): the same of the body alone. Where it is converted, to go back is to begin anew. */
enum hk_status hk_render_body(
    struct hk_render *, uint64_t at, void *to, size_t n, size_t *ret) HK_MUSTCHECK;

/* hk_render_source(r, at, to, n, ret): of the body as it came. */
enum hk_status hk_render_source(
    struct hk_render *, uint64_t at, void *to, size_t n, size_t *ret) HK_MUSTCHECK;

/* hk_render_sign(conf, mail, header): what signs this mail, or NULL (S0-086). */
const struct hk_conf_sign *hk_render_sign(
    const struct hk_conf *, const struct hk_mail *, const struct hk_header *, struct hk_arena *);

#endif
