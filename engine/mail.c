/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "engine/mail.h"

/* Binary, every field with its length: no byte of a message or an envelope can end a field
 * (security.md T8). */
enum {
	FORMAT = 2,        /* 1 had no parameters, no user and no device */
	RCPT_LEAST_1 = 5,  /* an outcome and an empty block */
	RCPT_LEAST = 10,   /* the same, NOTIFY and an empty ORCPT */
	FIXED = 65 + 24,   /* numbers, and the lengths of twelve blocks */
};
/* A byte of switches. */
enum { SMTPUTF8 = 1, REQUIRE_TLS = 2, HAS_BY = 4, BY_RETURN = 8, BY_TRACE = 16 };

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

static void format_params(const struct hk_mail *m, struct hk_buf *out)
{
	const struct hk_smtp_mail_params *p = &m->params;

	hk_buf_add_u8(out, (uint8_t)p->body);
	hk_buf_add_u8(out, (uint8_t)p->ret);
	hk_buf_add_u8(out, (uint8_t)((p->smtputf8 ? SMTPUTF8 : 0) | (p->require_tls ? REQUIRE_TLS : 0) |
	                       (p->has_by ? HAS_BY : 0) | (p->by_return ? BY_RETURN : 0) |
	                       (p->by_trace ? BY_TRACE : 0)));
	hk_buf_add_u8(out, 0);
	hk_buf_add_u32(out, (uint32_t)p->by_seconds);
	hk_buf_add_block(out, p->envid);
	hk_buf_add_block(out, p->auth);
	hk_buf_add_block(out, m->user);
	hk_buf_add_block(out, m->device);
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
	format_params(m, out);
	hk_buf_add_u32(out, (uint32_t)m->n_rcpt);
	for (i = 0; i < m->n_rcpt; i++) {
		hk_buf_add_u8(out, m->rcpt[i].outcome);
		hk_buf_add_block(out, m->rcpt[i].address);
		hk_buf_add_u8(out, (uint8_t)m->rcpt[i].params.notify);
		hk_buf_add_block(out, m->rcpt[i].params.orcpt);
	}
	hk_buf_add_u64(out, m->body_size);
	hk_buf_add_block(out, m->body_file);
	hk_buf_add_block(out, m->summary);
	hk_buf_add_block(out, m->trace);
	hk_buf_add_block(out, m->edits);
	hk_buf_add_block(out, m->header);
	hk_buf_add_block(out, m->body);
}

uint64_t hk_mail_size(const struct hk_mail *m)
{
	uint64_t n = FIXED + m->listener.n + m->mail_from.n + m->body_file.n + m->summary.n +
	             m->trace.n + m->edits.n + m->header.n + m->body.n + m->params.envid.n +
	             m->params.auth.n + m->user.n + m->device.n;
	size_t i;

	for (i = 0; i < m->n_rcpt; i++)
		n += RCPT_LEAST + m->rcpt[i].address.n + m->rcpt[i].params.orcpt.n;
	return n;
}

static enum hk_status parse_params(struct hk_cursor *c, struct hk_mail *m)
{
	struct hk_smtp_mail_params *p = &m->params;
	uint8_t body = hk_cursor_u8(c), ret = hk_cursor_u8(c), bits = hk_cursor_u8(c);

	(void)hk_cursor_u8(c);
	p->body = (enum hk_smtp_body)body;
	p->ret = (enum hk_smtp_ret)ret;
	p->smtputf8 = (bits & SMTPUTF8) != 0;
	p->require_tls = (bits & REQUIRE_TLS) != 0;
	p->has_by = (bits & HAS_BY) != 0;
	p->by_return = (bits & BY_RETURN) != 0;
	p->by_trace = (bits & BY_TRACE) != 0;
	p->by_seconds = (int32_t)hk_cursor_u32(c);
	p->envid = hk_cursor_block(c);
	p->auth = hk_cursor_block(c);
	m->user = hk_cursor_block(c);
	m->device = hk_cursor_block(c);
	return body > HK_BODY_BINARYMIME || ret > HK_RET_HDRS ? HK_CORRUPT : HK_OK;
}

static enum hk_status parse_recipients(struct hk_cursor *c, struct hk_mail *m, unsigned format)
{
	size_t i, least = format == 1 ? RCPT_LEAST_1 : RCPT_LEAST;

	m->n_rcpt = hk_cursor_u32(c);
	if (c->failed || m->n_rcpt > c->rest.n / least)
		return HK_CORRUPT;
	m->rcpt = hk_arena_array(&m->arena, m->n_rcpt, sizeof *m->rcpt);
	if (!m->rcpt)
		return m->arena.failed;
	for (i = 0; i < m->n_rcpt; i++) {
		m->rcpt[i].outcome = hk_cursor_u8(c);
		m->rcpt[i].address = hk_cursor_block(c);
		if (format > 1) {
			m->rcpt[i].params.notify = hk_cursor_u8(c);
			m->rcpt[i].params.orcpt = hk_cursor_block(c);
		}
		if (m->rcpt[i].outcome > HK_RCPT_REMOVED)
			return HK_CORRUPT;
	}
	return HK_OK;
}

enum hk_status hk_mail_parse(struct hk_slice payload, struct hk_mail *ret)
{
	struct hk_cursor c = hk_cursor_of(payload);
	struct hk_mail m = {.arena = ret->arena};
	unsigned format = hk_cursor_u8(&c);
	enum hk_status status = HK_OK;

	if (format == 0 || format > FORMAT)
		return HK_CORRUPT;
	m.id = hk_cursor_u64(&c);
	m.received = (int64_t)hk_cursor_u64(&c);
	m.flags = hk_cursor_u32(&c);
	m.listener = hk_cursor_block(&c);
	m.mail_from = hk_cursor_block(&c);
	if (format > 1)
		status = parse_params(&c, &m);
	if (status == HK_OK)
		status = parse_recipients(&c, &m, format);
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
