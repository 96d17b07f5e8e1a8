/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "lib/dkim/dkim_test_support.h"

void feed_cut(struct hk_slice body, enum cut cut, feed_chunk *feed, void *object)
{
	uint32_t seed = 12345;

	if (cut == CUT_WHOLE) {
		feed(object, body);
		return;
	}
	while (body.n) {
		size_t n = 1;

		if (cut == CUT_RANDOM) {
			seed = seed * 1664525 + 1013904223;
			n = seed >> 16 & 31;
		}
		feed(object, hk_slice_sub(body, 0, n));
		body = hk_slice_from(body, n);
	}
}

/* ---- the zone ------------------------------------------------------------------- */

void world_init(struct world *w)
{
	hk_arena_init(&w->arena, 16 << 20);
	hk_buf_init(&w->text, 4 << 20);
	w->zone = NULL;
}

void world_done(struct world *w)
{
	hk_arena_done(&w->arena);
	hk_buf_done(&w->text);
}

/* In strings of 200 octets: a record of several strings is the usual case for keys. */
void world_txt(struct world *w, const char *name, struct hk_slice record)
{
	size_t i, k;

	hk_buf_addf(&w->text, "%s. TXT", name);
	for (i = 0; i == 0 || i < record.n; i += 200) {
		struct hk_slice part = hk_slice_sub(record, i, 200);

		hk_buf_add_str(&w->text, " \"");
		for (k = 0; k < part.n; k++)
			if (hk_is_graph(part.p[k]) && part.p[k] != '"' && part.p[k] != '\\')
				hk_buf_add_byte(&w->text, part.p[k]);
			else
				hk_buf_addf(&w->text, "\\%03u", part.p[k]);
		hk_buf_add_byte(&w->text, '"');
	}
	hk_buf_add_str(&w->text, "\n");
	w->zone = NULL;
}

void world_failure(struct world *w, const char *name)
{
	hk_buf_addf(&w->text, "$SERVFAIL %s. TXT\n", name);
	w->zone = NULL;
}

struct hk_dns_answer world_answer(
    struct world *w, struct hk_arena *a, const struct hk_dns_question *q)
{
	struct hk_dns_answer answer = {0};
	struct hk_zone_error error = {0};

	if (!w->zone && hk_zone_parse(&w->arena, hk_buf_slice(&w->text), &w->zone, &error) != HK_OK)
		fail_msg("zone line %zu: %s", error.line, error.what);
	assert_int_equal(hk_zone_answer(w->zone, a, q, &answer), HK_OK);
	return answer;
}

/* ---- one verification --------------------------------------------------------------- */

void check_begin(
    struct check *c, struct hk_slice message, const struct hk_dkim_verify_options *options)
{
	struct hk_slice body;

	*c = (struct check){0};
	hk_arena_init(&c->arena, 16 << 20);
	hk_splitter_init(&c->splitter, HK_HEADER_SECTION_MAX);
	assert_int_equal(hk_splitter_feed(&c->splitter, message, &body), HK_OK);
	c->body = body;
	assert_int_equal(
	    hk_header_parse(&c->arena, hk_splitter_header(&c->splitter), &c->header), HK_OK);
	c->trace = hk_trace_new(&c->arena);
	assert_non_null(c->trace);
	c->v = hk_dkim_verify_new(&c->arena, options, &c->header, c->trace);
	assert_non_null(c->v);
}

static void feed_verify(void *v, struct hk_slice chunk)
{
	hk_dkim_verify_body(v, chunk);
}

void check_answer_all(struct check *c, struct world *w)
{
	struct hk_dns_question q;

	while (hk_dkim_verify_question(c->v, &q)) {
		struct hk_dns_answer answer = world_answer(w, &c->arena, &q);

		c->questions++;
		assert_int_equal(hk_dkim_verify_answer(c->v, &answer), HK_OK);
	}
}

void check_run(struct check *c, struct world *w, enum cut cut)
{
	feed_cut(c->body, cut, feed_verify, c->v);
	hk_dkim_verify_end(c->v);
	check_answer_all(c, w);
	assert_int_equal(hk_dkim_verify_step(c->v), HK_OK);
}

void check_done(struct check *c)
{
	hk_dkim_verify_done(c->v);
	hk_splitter_done(&c->splitter);
	hk_arena_done(&c->arena);
}

const struct hk_dkim_verdict *check_verdict(const struct check *c, size_t i)
{
	const struct hk_dkim_verdict *verdict = hk_dkim_verify_result(c->v, i);

	assert_non_null(verdict);
	return verdict;
}

void expect_verdict(const struct check *c, size_t i, enum hk_dkim_result result, const char *reason)
{
	const struct hk_dkim_verdict *verdict = check_verdict(c, i);

	if (verdict->result != result || !hk_slice_eq(verdict->reason, hk_slice_str(reason)))
		fail_msg("signature %zu: %s (%.*s), expected %s (%s)", i,
		    hk_dkim_result_name(verdict->result), HK_FMT(verdict->reason),
		    hk_dkim_result_name(result), reason);
}

/* ---- files -------------------------------------------------------------------------------- */

bool file_read(struct hk_arena *a, const char *name, struct hk_slice *ret)
{
	FILE *f = fopen(name, "rb");
	uint8_t *p;
	long n;

	if (!f)
		return false;
	fseek(f, 0, SEEK_END);
	n = ftell(f);
	rewind(f);
	p = hk_arena_alloc(a, (size_t)n);
	assert_non_null(p);
	assert_int_equal(fread(p, 1, (size_t)n, f), n);
	fclose(f);
	*ret = hk_slice_of(p, (size_t)n);
	return true;
}

bool vector_read(struct hk_arena *a, const char *name, struct hk_slice *ret)
{
	const char *root = getenv("HIKYAKU_VECTORS");
	char path[512];

	snprintf(path, sizeof path, "%s/%s", root ? root : "../shared/vectors", name);
	return file_read(a, path, ret);
}

struct hk_slice with_crlf(struct hk_arena *a, struct hk_slice text)
{
	uint8_t *p = hk_arena_alloc(a, text.n * 2 + 1);
	size_t n = 0, i;

	assert_non_null(p);
	for (i = 0; i < text.n; i++) {
		if (text.p[i] == '\n') {
			while (n && p[n - 1] == '\r')
				n--;
			p[n++] = '\r';
		}
		p[n++] = text.p[i];
	}
	return hk_slice_of(p, n);
}

bool message_read(struct hk_arena *a, const char *name, struct hk_slice *ret)
{
	struct hk_slice text;

	if (!vector_read(a, name, &text))
		return false;
	*ret = with_crlf(a, text);
	return true;
}

bool take_line(struct hk_slice *text, struct hk_slice *ret)
{
	size_t end = hk_slice_find(*text, '\n');

	if (text->n == 0)
		return false;
	*ret = hk_slice_sub(*text, 0, end);
	if (ret->n && ret->p[ret->n - 1] == '\r')
		ret->n--;
	*text = hk_slice_from(*text, end + 1);
	return true;
}
