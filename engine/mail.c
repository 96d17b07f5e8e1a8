/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "engine/mail.h"

/* Binary, every field with its length: no byte of a message or an envelope can end a field
 * (security.md T8). */
enum { FORMAT = 1, RCPT_LEAST = 5 /* an outcome and an empty block */ };

struct hk_mail *hk_mail_new(size_t limit)
{
	struct hk_mail *m = calloc(1, sizeof *m);

	if (m)
		hk_arena_init(&m->arena, limit);
	return m;
}

void hk_mail_free(struct hk_mail *m)
{
	if (!m)
		return;
	hk_arena_done(&m->arena);
	free(m);
}

void hk_mail_format(const struct hk_mail *m, struct hk_buf *out)
{
	size_t i;

	if (m->n_rcpt > UINT32_MAX) {
		out->failed = HK_LIMIT;
		return;
	}
	hk_buf_add_u8(out, FORMAT);
	hk_buf_add_u64(out, m->id);
	hk_buf_add_u64(out, (uint64_t)m->received);
	hk_buf_add_u32(out, m->flags);
	hk_buf_add_block(out, m->listener);
	hk_buf_add_block(out, m->mail_from);
	hk_buf_add_u32(out, (uint32_t)m->n_rcpt);
	for (i = 0; i < m->n_rcpt; i++) {
		hk_buf_add_u8(out, m->rcpt[i].outcome);
		hk_buf_add_block(out, m->rcpt[i].address);
	}
	hk_buf_add_u64(out, m->body_size);
	hk_buf_add_block(out, m->body_file);
	hk_buf_add_block(out, m->summary);
	hk_buf_add_block(out, m->trace);
	hk_buf_add_block(out, m->edits);
	hk_buf_add_block(out, m->header);
	hk_buf_add_block(out, m->body);
}

static enum hk_status parse_recipients(struct hk_cursor *c, struct hk_mail *m)
{
	size_t i;

	m->n_rcpt = hk_cursor_u32(c);
	if (c->failed || m->n_rcpt > c->rest.n / RCPT_LEAST)
		return HK_CORRUPT;
	m->rcpt = hk_arena_array(&m->arena, m->n_rcpt, sizeof *m->rcpt);
	if (!m->rcpt)
		return m->arena.failed;
	for (i = 0; i < m->n_rcpt; i++) {
		m->rcpt[i].outcome = hk_cursor_u8(c);
		m->rcpt[i].address = hk_cursor_block(c);
		if (m->rcpt[i].outcome > HK_RCPT_REMOVED)
			return HK_CORRUPT;
	}
	return HK_OK;
}

enum hk_status hk_mail_parse(struct hk_slice payload, struct hk_mail *ret)
{
	struct hk_cursor c = hk_cursor_of(payload);
	struct hk_mail m = {.arena = ret->arena};
	enum hk_status status;

	if (hk_cursor_u8(&c) != FORMAT)
		return HK_CORRUPT;
	m.id = hk_cursor_u64(&c);
	m.received = (int64_t)hk_cursor_u64(&c);
	m.flags = hk_cursor_u32(&c);
	m.listener = hk_cursor_block(&c);
	m.mail_from = hk_cursor_block(&c);
	status = parse_recipients(&c, &m);
	ret->arena = m.arena; /* it may have grown, also when the parse fails */
	if (status != HK_OK)
		return status;
	m.body_size = hk_cursor_u64(&c);
	m.body_file = hk_cursor_block(&c);
	m.summary = hk_cursor_block(&c);
	m.trace = hk_cursor_block(&c);
	m.edits = hk_cursor_block(&c);
	m.header = hk_cursor_block(&c);
	m.body = hk_cursor_block(&c);
	if (c.failed || c.rest.n)
		return HK_CORRUPT;
	*ret = m;
	return HK_OK;
}
