/* SPDX-License-Identifier: MIT
 *
 * The answers that a verdict used. Stored form, version 1, big-endian:
 *	"HKEV" u16 version, u16 count, count answers (answer.c), u32 CRC-32C of all before it
 */
#include "dns_internal.h"
#include "lib/base/base_internal.h"

enum {
	VERSION = 1,
	ANSWERS_MAX = 1024, /* far above what one message may ask (HK_VERIFY_MAX_QUESTIONS) */
	FIRST = 16,
	HEAD = 8,
	TAIL = 4,
};

struct hk_evidence {
	struct hk_arena *a;
	struct hk_dns_answer *answer;
	size_t n, cap;
};

struct hk_evidence *hk_evidence_new(struct hk_arena *a)
{
	struct hk_evidence *e = hk_arena_alloc(a, sizeof *e);

	if (e)
		e->a = a;
	return e;
}

static enum hk_status grow(struct hk_evidence *e)
{
	struct hk_dns_answer *wider;

	if (e->n < e->cap)
		return HK_OK;
	if (e->n >= ANSWERS_MAX)
		return HK_LIMIT;
	wider = hk_arena_double(e->a, e->answer, &e->cap, FIRST, sizeof *wider);
	if (!wider)
		return e->a->failed;
	e->answer = wider;
	return HK_OK;
}

enum hk_status hk_evidence_add(struct hk_evidence *e, const struct hk_dns_answer *answer)
{
	enum hk_status status;

	if (hk_evidence_find(e, &answer->question))
		return HK_OK;
	status = grow(e);
	if (status == HK_OK)
		status = hk_dns_answer_copy(e->a, answer, &e->answer[e->n]);
	if (status == HK_OK)
		e->n++;
	return status;
}

const struct hk_dns_answer *hk_evidence_find(
    const struct hk_evidence *e, const struct hk_dns_question *q)
{
	size_t i;

	for (i = 0; i < e->n; i++)
		if (e->answer[i].question.type == q->type &&
		    hk_slice_eq_nocase(e->answer[i].question.name, q->name))
			return &e->answer[i];
	return NULL;
}

size_t hk_evidence_count(const struct hk_evidence *e)
{
	return e->n;
}

const struct hk_dns_answer *hk_evidence_at(const struct hk_evidence *e, size_t i)
{
	return i < e->n ? &e->answer[i] : NULL;
}

void hk_evidence_format(const struct hk_evidence *e, struct hk_buf *out)
{
	size_t start = out->n, i;

	hk_buf_add_str(out, "HKEV");
	hk_buf_add_u16(out, VERSION);
	hk_buf_add_u16(out, (uint16_t)e->n);
	for (i = 0; i < e->n; i++)
		hk_dns_answer_format(&e->answer[i], out);
	hk_buf_add_u32(out, hk_crc32c(0, hk_slice_from(hk_buf_slice(out), start)));
}

static enum hk_status read_answers(struct hk_evidence *e, struct hk_cursor *c, size_t n)
{
	struct hk_dns_answer answer;
	enum hk_status status;

	while (e->n < n) {
		status = grow(e);
		if (status == HK_OK)
			status = hk_dns_answer_read(e->a, c, &answer);
		if (status != HK_OK)
			return status;
		if (hk_evidence_find(e, &answer.question))
			return HK_CORRUPT;
		e->answer[e->n++] = answer;
	}
	return c->rest.n ? HK_CORRUPT : HK_OK;
}

enum hk_status hk_evidence_parse(
    struct hk_arena *a, struct hk_slice stored, struct hk_evidence **ret)
{
	struct hk_cursor c = hk_cursor_of(hk_slice_sub(stored, 0, HEAD));
	struct hk_cursor end;
	struct hk_evidence *e;
	enum hk_status status;
	uint16_t version, n;

	if (!hk_slice_eq(hk_cursor_take(&c, 4), HK_S("HKEV")))
		return HK_CORRUPT;
	version = hk_cursor_u16(&c);
	n = hk_cursor_u16(&c);
	if (c.failed || version == 0 || stored.n < HEAD + TAIL)
		return HK_CORRUPT;
	if (version > VERSION)
		return HK_VERSION;
	end = hk_cursor_of(hk_slice_from(stored, stored.n - TAIL));
	stored.n -= TAIL;
	if (hk_cursor_u32(&end) != hk_crc32c(0, stored))
		return HK_CORRUPT;
	e = hk_evidence_new(a);
	if (!e)
		return a->failed;
	c = hk_cursor_of(hk_slice_from(stored, HEAD));
	status = read_answers(e, &c, n);
	if (status == HK_OK)
		*ret = e;
	return status;
}
