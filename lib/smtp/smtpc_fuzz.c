/* SPDX-License-Identifier: MIT
 *
 * The client against any server: bounded output without a bare CR or LF or a NUL, one DONE for each
 * start, nothing behind CLOSED. The first byte chooses options.
 */
#include <stdint.h>
#include <stdlib.h>

#include "smtp_internal.h"

struct outcome {
	uint64_t events;
	struct hk_buf out;
	uint8_t choice;
	bool in_transaction, closed;
	unsigned started;
};

static void mix(struct outcome *o, const void *p, size_t n)
{
	struct hk_slice s = hk_slice_of(p, n);
	size_t i;

	for (i = 0; i < s.n; i++)
		o->events = (o->events ^ s.p[i]) * 1099511628211u;
}

static void start(struct outcome *o, struct hk_smtpc *c)
{
	static const struct hk_slice rcpt[3] = {
	    {(const uint8_t *)"a@b", 3}, {(const uint8_t *)"c@d", 3}, {(const uint8_t *)"e@f", 3}};
	const struct hk_smtpc_transaction t = {.size = sizeof t, .mail_from = HK_S("s@t"),
	    .rcpt = rcpt,
	    .n = 1 + (o->choice >> 3 & 1) * 2,
	    .transid = o->choice & 2 ? (struct hk_slice){0} : HK_S("<1@t>"),
	    .resumes = (o->choice & 4) != 0,
	    .mail = {.has_size = true, .size = 30, .body = HK_BODY_8BITMIME, .envid = HK_S("x")}};

	enum hk_status status = o->started++ < 3 ? hk_smtpc_start(c, &t) : HK_LIMIT;

	if (status == HK_LIMIT) /* ours, or the server's (RFC 9422) */
		hk_smtpc_quit(c);
	else if (status != HK_OK)
		abort();
	o->in_transaction = status == HK_OK;
}

static void heed(struct outcome *o, struct hk_smtpc *c, const struct hk_smtpc_event *e)
{
	const char *body = o->choice & 16 ? "x\r\n.\r\n.y" : "x\n.\n";

	if (o->closed)
		abort();
	mix(o, &e->type, sizeof e->type);
	mix(o, &e->stage, sizeof e->stage);
	mix(o, &e->reply.code, sizeof e->reply.code);
	mix(o, e->reply.text.p, e->reply.text.n);
	if (e->reply.text.n > HK_SMTP_REPLY_TEXT_MAX ||
	    (e->reply.code && (e->reply.code < 200 || e->reply.code > 599)))
		abort();
	switch (e->type) {
	case HK_SMTPC_READY:
		start(o, c);
		break;
	case HK_SMTPC_TLS:
		hk_smtpc_tls_done(c, true);
		break;
	case HK_SMTPC_SEND_BODY:
		if (e->offset > 32 || (e->offset && (o->choice & 2)))
			abort();
		if (hk_smtpc_body(c, hk_slice_str(body)) == 0)
			abort();
		hk_smtpc_body_end(c);
		break;
	case HK_SMTPC_DONE:
		if (!o->in_transaction || e->reply.code < 200)
			abort();
		o->in_transaction = false;
		break;
	case HK_SMTPC_CLOSED:
		o->closed = true;
		break;
	default:
		break;
	}
}

static void pump(struct outcome *o, struct hk_smtpc *c)
{
	struct hk_smtpc_event e = {.size = sizeof e};

	while (hk_smtpc_next(c, &e) == HK_OK)
		heed(o, c, &e);
	if (hk_smtpc_out(c).n > HK_SMTP_OUTPUT_MAX)
		abort();
	hk_buf_add(&o->out, hk_smtpc_out(c));
	hk_smtpc_sent(c, hk_smtpc_out(c).n);
}

static void run(struct outcome *o, struct hk_slice in, size_t piece)
{
	const struct hk_smtpc_options options = {.size = sizeof options, .helo = HK_S("me.test"),
	    .lmtp = (o->choice & 1) != 0,
	    .want_tls = (o->choice & 2) != 0,
	    .require_tls = (o->choice & 4) != 0,
	    .unoffered = (o->choice & 32) != 0,
	    .stops = (o->choice & 64) != 0,
	    .stop_after = o->choice & 128 ? HK_SMTPC_MAIL : HK_SMTPC_RCPT};
	struct hk_smtpc *c = hk_smtpc_new(&options);
	size_t i;

	if (!c)
		abort();
	hk_buf_init(&o->out, (size_t)1 << 24);
	o->events = 14695981039346656037u;
	while (in.n) {
		size_t n = hk_smtpc_feed(c, hk_slice_sub(in, 0, piece));

		if (n == 0)
			abort();
		in = hk_slice_from(in, n);
		pump(o, c);
	}
	hk_smtpc_eof(c);
	pump(o, c);
	if (!o->closed || o->in_transaction)
		abort();
	for (i = 0; i < o->out.n; i++)
		if (o->out.p[i] == '\0' ||
		    (o->out.p[i] == '\n') != (i > 0 && o->out.p[i - 1] == '\r'))
			abort();
	hk_smtpc_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct outcome whole = {0}, bytes = {0};

	if (n < 1)
		return 0;
	whole.choice = bytes.choice = data[0];
	run(&whole, hk_slice_of(data + 1, n - 1), n);
	/* Not compared: a reply that runs ahead of its command is judged by when it comes. */
	run(&bytes, hk_slice_of(data + 1, n - 1), 1);
	hk_buf_done(&whole.out);
	hk_buf_done(&bytes.out);
	return 0;
}
