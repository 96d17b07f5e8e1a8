/* SPDX-License-Identifier: MIT
 *
 * dkim_test_support.h - messages in, verdicts out, with a zone text as the world.
 */
#ifndef HIKYAKU_DKIM_TEST_SUPPORT_H
#define HIKYAKU_DKIM_TEST_SUPPORT_H

#include <stdlib.h>
#include <string.h>

#include <hikyaku/dkim.h>
#include <hikyaku/dns.h>
#include <hikyaku/message.h>

#include "tests/unit.h"

enum cut { CUT_WHOLE, CUT_BYTES, CUT_RANDOM, CUTS };

/* How a body is fed: whole, byte by byte, or in random pieces. */
typedef void feed_chunk(void *object, struct hk_slice chunk);
void feed_cut(struct hk_slice body, enum cut, feed_chunk *, void *object);

/* ---- the zone ---- */

struct world {
	struct hk_arena arena;
	struct hk_buf text;
	struct hk_zone *zone;
};
void world_init(struct world *);
void world_done(struct world *);
void world_txt(struct world *, const char *name, struct hk_slice record);
void world_failure(struct world *, const char *name);
struct hk_dns_answer world_answer(
    struct world *, struct hk_arena *, const struct hk_dns_question *);

/* ---- one verification ---- */

struct check {
	struct hk_arena arena;
	struct hk_splitter splitter;
	struct hk_header header;
	struct hk_slice body;
	struct hk_trace *trace;
	struct hk_dkim_verify *v;
	size_t questions;
};
/* check_begin(c, message, options): message has CRLF lines. The header is parsed, the verifier is
 * new. */
void check_begin(struct check *, struct hk_slice message, const struct hk_dkim_verify_options *);
/* check_run(c, world, cut): body, end, answers; the verdicts are there afterwards. */
void check_run(struct check *, struct world *, enum cut);
void check_answer_all(struct check *, struct world *);
void check_done(struct check *);
const struct hk_dkim_verdict *check_verdict(const struct check *, size_t i);
void expect_verdict(const struct check *, size_t i, enum hk_dkim_result, const char *reason);

/* ---- files of vectors ---- */

/* file_read(a, relative name, ret): false when there is none. */
bool file_read(struct hk_arena *, const char *name, struct hk_slice *ret);
/* vector_read(a, set/file, ret): from HIKYAKU_VECTORS. */
bool vector_read(struct hk_arena *, const char *name, struct hk_slice *ret);
/* message_read: the same, with LF made CRLF, and CR CR LF too. */
bool message_read(struct hk_arena *, const char *name, struct hk_slice *ret);
struct hk_slice with_crlf(struct hk_arena *, struct hk_slice text);
/* take_line(text, ret): the next line without its end; false at the end. */
bool take_line(struct hk_slice *text, struct hk_slice *ret);

#endif
