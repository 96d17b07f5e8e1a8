/* SPDX-License-Identifier: MIT
 *
 * Looks one message up in the files of the evidence store, newest first, and gives its record the form again that it had before its answers
 * were taken out.
 */
#include <hikyaku/verify.h>

#include "engine/evidence_file.h"

/* The answers that a message refers to, as evidence in its own form. */
static enum hk_status gather(struct hk_slice whole, struct hk_cursor *refs, struct hk_arena *a, struct hk_buf *out)
{
	struct hk_evidence *e = hk_evidence_new(a);
	unsigned n = hk_cursor_u16(refs), i;
	enum hk_status status = e ? HK_OK : HK_NOMEM;

	for (i = 0; status == HK_OK && i < n; i++) {
		struct hk_cursor at = hk_cursor_of(hk_slice_from(whole, hk_cursor_u32(refs))), payload_at;
		struct hk_dns_answer answer;
		struct hk_slice payload;
		uint8_t type;

		if (refs->failed || evidence_record_next(&at, &type, &payload) != HK_OK || type != EVIDENCE_ANSWER)
			return HK_CORRUPT;
		payload_at = hk_cursor_of(payload);
		status = hk_dns_answer_read(a, &payload_at, &answer);
		if (status == HK_OK)
			status = hk_evidence_add(e, &answer);
	}
	if (status == HK_OK)
		hk_evidence_format(e, out);
	return status == HK_OK ? hk_buf_status(out) : status;
}

static enum hk_status rebuild(struct hk_slice whole, struct hk_slice payload, struct hk_arena *a, struct hk_evidence_entry *ret)
{
	struct hk_cursor c = hk_cursor_of(payload);
	struct hk_evidence_entry entry = {.id = hk_cursor_u64(&c), .time = (int64_t)hk_cursor_u64(&c)};
	struct hk_slice summary = hk_cursor_block(&c), head = hk_cursor_block(&c);
	struct hk_buf evidence, record;
	enum hk_status status;

	if (c.failed)
		return HK_CORRUPT;
	status = hk_arena_dup(a, summary, &entry.summary);
	if (status != HK_OK || head.n == 0) {
		*ret = entry;
		return status;
	}
	hk_buf_init(&evidence, HK_VERIFY_RECORD_MAX);
	hk_buf_init(&record, HK_VERIFY_RECORD_MAX);
	status = gather(whole, &c, a, &evidence);
	if (status == HK_OK) {
		hk_verify_record_join(head, hk_buf_slice(&evidence), &record);
		status = hk_buf_status(&record);
	}
	if (status == HK_OK)
		status = hk_arena_dup(a, hk_buf_slice(&record), &entry.record);
	hk_buf_done(&evidence);
	hk_buf_done(&record);
	if (status == HK_OK)
		*ret = entry;
	return status;
}

/* A message that is looked for, and what is found of it. */
struct search {
	uint64_t id;
	struct hk_arena *a;
	struct hk_evidence_entry *ret;
	bool is_found;
	struct hk_evidence_signing *signing;
	size_t n;
};

static enum hk_status search_file(void *with, const char *path, struct hk_slice whole)
{
	struct search *s = with;
	struct hk_cursor c = hk_cursor_of(whole);
	struct hk_slice payload;
	uint8_t type;
	enum hk_status status = evidence_begin(&c);

	(void)path;
	if (status != HK_OK)
		return status == HK_NOTFOUND ? HK_OK : status;
	while (evidence_record_next(&c, &type, &payload) == HK_OK) {
		struct hk_cursor at = hk_cursor_of(payload);

		if (type != EVIDENCE_MESSAGE || hk_cursor_u64(&at) != s->id)
			continue;
		status = rebuild(whole, payload, s->a, s->ret);
		s->is_found = status == HK_OK;
		return s->is_found ? HK_END : status;
	}
	return HK_OK;
}

enum hk_status hk_evidence_store_find(
    struct hk_disk *disk, const char *dir, uint64_t id, struct hk_arena *a, struct hk_evidence_entry *ret)
{
	struct search s = {.id = id, .a = a, .ret = ret};
	enum hk_status status = evidence_walk(disk, dir, true, search_file, &s);

	return status == HK_OK && !s.is_found ? HK_NOTFOUND : status;
}

/* ---- signings ---------------------------------------------------------------------------------- */

static enum hk_status read_signing(struct hk_cursor *c, struct hk_arena *a, struct hk_evidence_signing *ret)
{
	struct hk_slice domain = hk_cursor_block(c), selector = hk_cursor_block(c), first;
	struct hk_evidence_signing s = {0};
	uint8_t alg = hk_cursor_u8(c), sight = hk_cursor_u8(c), first_sight;
	enum hk_status status;

	first = hk_cursor_block(c);
	first_sight = hk_cursor_u8(c);
	s.is_left_out = hk_cursor_u8(c) != 0;
	if (c->failed || alg > HK_SIGN_ED25519_SHA256 || sight >= HK_KEY_SIGHTS || first_sight >= HK_KEY_SIGHTS)
		return HK_CORRUPT;
	s.alg = (enum hk_sign_alg)alg;
	s.sight = (enum hk_key_sight)sight;
	s.first_sight = (enum hk_key_sight)first_sight;
	status = hk_arena_dup(a, domain, &s.domain);
	if (status == HK_OK)
		status = hk_arena_dup(a, selector, &s.selector);
	if (status == HK_OK)
		status = hk_arena_dup(a, first, &s.first);
	if (status == HK_OK)
		*ret = s;
	return status;
}

static enum hk_status gather_signings(void *with, const char *path, struct hk_slice whole)
{
	struct search *s = with;
	struct hk_cursor c = hk_cursor_of(whole);
	struct hk_slice payload;
	uint8_t type;
	enum hk_status status = evidence_begin(&c);

	(void)path;
	if (status != HK_OK)
		return status == HK_NOTFOUND ? HK_OK : status;
	while (status == HK_OK && evidence_record_next(&c, &type, &payload) == HK_OK) {
		struct hk_cursor at = hk_cursor_of(payload);
		int64_t when;
		unsigned count, i;

		if (type != EVIDENCE_SIGNED || hk_cursor_u64(&at) != s->id)
			continue;
		when = (int64_t)hk_cursor_u64(&at);
		count = hk_cursor_u8(&at);
		for (i = 0; status == HK_OK && i < count && s->n < HK_EVIDENCE_SIGNINGS; i++) {
			status = read_signing(&at, s->a, &s->signing[s->n]);
			if (status == HK_OK)
				s->signing[s->n++].time = when;
		}
	}
	return status;
}

enum hk_status hk_evidence_store_signings(struct hk_disk *disk, const char *dir, uint64_t id, struct hk_arena *a,
    struct hk_evidence_signing **ret, size_t *ret_n)
{
	struct search s = {.id = id, .a = a, .signing = hk_arena_array(a, HK_EVIDENCE_SIGNINGS, sizeof *s.signing)};
	enum hk_status status = s.signing ? evidence_walk(disk, dir, false, gather_signings, &s) : a->failed;

	if (status == HK_OK) {
		*ret = s.signing;
		*ret_n = s.n;
	}
	return status;
}
