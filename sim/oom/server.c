/* SPDX-License-Identifier: MIT
 *
 * server.c - the servers that mail goes to, and the deliveries to them, each from its beginning to its end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/lines.h"
#include "sim/oom/house.h"

enum { ROUNDS_MOST = 200000, MESSAGE_MOST = 4 * 1024 * 1024 };

struct server {
	struct house *house;
	struct hk_buf in, out;
	bool is_lmtp, in_data, has_closed, is_null_sender, is_tls, is_implicit;
	enum hk_tls_verify verify; /* how the certificate was looked at */
	struct house_rcpt *rcpt[HOUSE_RCPTS]; /* accepted */
	struct house_letter *report_to[HOUSE_RCPTS]; /* in place of one */
	unsigned n_rcpt;
	bool has_taken;
};

/* "ok-N@d.test": of which letter; "sN@home.test": who sent it. */
static struct house_letter *letter_of(struct house *h, struct hk_slice local, uint8_t behind)
{
	uint64_t n;
	struct hk_slice number = hk_slice_from(local, hk_slice_find(local, behind) + 1);

	return hk_slice_u64(number, UINT32_MAX, &n) == HK_OK && n < h->n_letters ? &h->letter[n] : NULL;
}

struct house_rcpt *house_rcpt(struct house *h, struct hk_slice address)
{
	struct house_letter *l = letter_of(h, hk_slice_sub(address, 0, hk_slice_find(address, '@')), '-');
	unsigned i;

	for (i = 0; l && i < l->n_rcpt; i++)
		if (hk_slice_eq(address, hk_slice_str(l->rcpt[i].address)))
			return &l->rcpt[i];
	return NULL;
}

static void say(struct server *s, const char *text)
{
	house_trace(s->house, "    mx: %s", text);
	hk_buf_addf(&s->out, "%s\r\n", text);
}

static struct hk_slice path_of(struct hk_slice line)
{
	struct hk_slice path = hk_slice_from(line, hk_slice_find(line, '<') + 1);

	return hk_slice_sub(path, 0, hk_slice_find(path, '>'));
}

static bool is_open(const struct house *h, struct house_rcpt *r)
{
	struct hk_slice address = hk_slice_str(r->address);

	if (!r->first_ms)
		r->first_ms = h->now.mono_ms;
	return !hk_slice_starts_nocase(address, HK_S("never")) &&
	       (!hk_slice_starts_nocase(address, HK_S("later")) || h->now.mono_ms >= r->first_ms + HOUSE_LATER * 1000);
}

static void on_rcpt(struct server *s, struct hk_slice line)
{
	struct house *h = s->house;
	struct hk_slice address = path_of(line);
	struct house_rcpt *r = house_rcpt(h, address);
	struct house_letter *l = r ? NULL : letter_of(h, hk_slice_sub(address, 0, hk_slice_find(address, '@')), 's');

	if ((!r && !l) || s->n_rcpt == HOUSE_RCPTS || (l && !s->is_null_sender)) {
		house_wrong(h, "mail for %.*s, whom nobody named", HK_FMT(address));
		say(s, "550 5.1.1 nobody");
	} else if (r && hk_slice_starts_nocase(address, HK_S("no"))) {
		say(s, "550 5.1.1 no such user");
	} else if (r && !is_open(h, r)) {
		say(s, "450 4.2.0 later");
	} else {
		s->report_to[s->n_rcpt] = l;
		s->rcpt[s->n_rcpt++] = r;
		say(s, "250 2.1.5 ok");
	}
}

static bool holds(struct hk_slice text, const char *what)
{
	return memmem(text.p, text.n, what, strlen(what));
}

static void take_report(struct house_letter *l, struct hk_slice text)
{
	unsigned i;

	for (i = 0; i < l->n_rcpt; i++) {
		struct house_rcpt *r = &l->rcpt[i];

		if (!holds(text, r->address))
			continue;
		r->failures += holds(text, "\r\nAction: failed\r\n");
		r->delays += holds(text, "\r\nAction: delayed\r\n");
		r->successes += holds(text, "\r\nAction: relayed\r\n") || holds(text, "\r\nAction: delivered\r\n");
	}
}

static void on_message(struct server *s)
{
	struct hk_slice text = hk_buf_slice(&s->in);
	const struct house *h = s->house;
	unsigned i;

	if (h->must_verify != HK_VERIFY_NONE && !s->is_null_sender && (!s->is_tls || s->verify != h->must_verify))
		house_wrong(s->house, "mail went to a host that was not looked at, or in clear");
	if (h->key && !s->is_null_sender && !holds(text, "DKIM-Signature:"))
		house_wrong(s->house, "mail went without its signature");
	for (i = 0; i < s->n_rcpt; i++) {
		if (s->rcpt[i])
			s->rcpt[i]->arrivals++;
		else
			take_report(s->report_to[i], text);
		if (s->is_lmtp)
			say(s, "250 2.0.0 taken");
	}
	if (!s->is_lmtp)
		say(s, "250 2.0.0 taken");
	s->has_taken = true;
	s->in_data = false;
}

static void on_command(struct server *s, struct hk_slice line)
{
	house_trace(s->house, "    to mx: %.*s", HK_FMT(line));
	if (hk_slice_starts_nocase(line, HK_S("EHLO")) || hk_slice_starts_nocase(line, HK_S("LHLO"))) {
		say(s, s->house->must_verify != HK_VERIFY_NONE && !s->is_tls ? "250-mx.test\r\n250-PIPELINING\r\n250 STARTTLS"
		                                                            : "250-mx.test\r\n250-8BITMIME\r\n250-PIPELINING\r\n250 SIZE 10000000");
	} else if (hk_slice_starts_nocase(line, HK_S("RCPT TO:"))) {
		on_rcpt(s, line);
	} else if (hk_slice_starts_nocase(line, HK_S("DATA"))) {
		s->in_data = s->n_rcpt > 0;
		say(s, s->in_data ? "354 go on" : "554 5.5.1 for whom?");
	} else if (hk_slice_starts_nocase(line, HK_S("QUIT"))) {
		say(s, "221 2.0.0 bye");
		s->has_closed = true;
	} else {
		if (hk_slice_starts_nocase(line, HK_S("MAIL FROM:"))) {
			s->n_rcpt = 0;
			s->has_taken = false;
			s->is_null_sender = !path_of(line).n;
		}
		say(s, "250 2.0.0 ok");
	}
}

static void hear(struct server *s, struct hk_slice bytes)
{
	while (hk_sim_line(&s->in, &bytes)) {
		if (!s->in_data)
			on_command(s, hk_slice_trim(hk_buf_slice(&s->in)));
		else if (hk_sim_is_message(&s->in))
			on_message(s);
		else
			continue;
		hk_buf_reset(&s->in);
	}
}

static void close_server(struct server *s)
{
	hk_buf_done(&s->in);
	hk_buf_done(&s->out);
}

static void open_server(struct server *s, struct house *h, uint16_t port)
{
	close_server(s);
	*s = (struct server){.house = h, .is_lmtp = port == 24, .is_implicit = port == 842};
	hk_buf_init(&s->in, MESSAGE_MOST);
	hk_buf_init(&s->out, 65536);
	if (!s->is_implicit)
		say(s, "220 mx.test ready");
}

/* ---- deliveries ----------------------------------------------------------------------------- */

static void answer_dns(struct house *h, struct hk_delivery *d, const struct hk_delivery_want *w)
{
	struct hk_dns_answer answer;
	struct hk_arena a;

	hk_arena_init(&a, 65536);
	if (hk_zone_answer(h->zone, &a, &w->question, &answer) != HK_OK)
		abort();
	answer.secure = h->is_signed;
	PRODUCT(hk_delivery_dns(d, w->id, &answer));
	hk_arena_done(&a);
}

static void sign(struct house *h, struct hk_delivery *d, const struct hk_delivery_want *w)
{
	uint8_t signature[HK_SIGNATURE_MAX];
	size_t n = sizeof signature;

	if (!h->key || hk_sign_digest(h->key, w->digest, signature, &n) != HK_OK)
		n = 0;
	PRODUCT(hk_delivery_signed(d, w->id, hk_slice_of(signature, n)));
}

static void satisfy(struct house *h, struct hk_delivery *d, struct server *s, const struct hk_delivery_want *w)
{
	switch (w->type) {
	case HK_DELIVERY_DNS:
		answer_dns(h, d, w);
		break;
	case HK_DELIVERY_CONNECT:
		open_server(s, h, w->port);
		PRODUCT(hk_delivery_connected(d, true, (struct hk_slice){0}));
		break;
	case HK_DELIVERY_LOCAL:
		PRODUCT(hk_delivery_local_run(d));
		PRODUCT(hk_delivery_local_done(d));
		break;
	case HK_DELIVERY_CLOSE:
		s->has_closed = true;
		hk_buf_reset(&s->out);
		break;
	case HK_DELIVERY_STS:
		PRODUCT(hk_delivery_sts(d, hk_slice_str(h->sts), HK_TLS_RESULT_NONE));
		break;
	case HK_DELIVERY_TLS:
		s->is_tls = true;
		s->verify = w->tls.verify;
		PRODUCT(hk_delivery_tls(d, true, HK_S("TLSv1.3"), HK_TLS_RESULT_NONE));
		if (s->is_implicit)
			say(s, "220 mx.test ready");
		break;
	case HK_DELIVERY_SIGN:
		sign(h, d, w);
		break;
	case HK_DELIVERY_DONE:
		break;
	}
}

/* Bytes in one of the two directions, or the end of the connection; false: there is nothing to wait for but time. */
static bool move(struct hk_delivery *d, struct server *s)
{
	struct hk_slice out = hk_delivery_out(d);
	size_t n;

	if (!s->house)
		return false;
	if (out.n && !s->has_closed) {
		hear(s, out);
		PRODUCT(hk_delivery_sent(d, out.n));
		return true;
	}
	if (s->out.n) {
		PRODUCT(n = hk_delivery_feed(d, hk_buf_slice(&s->out)));
		hk_buf_drop(&s->out, n);
		return n > 0;
	}
	if (!s->has_closed)
		return false;
	close_server(s);
	s->house = NULL;
	PRODUCT(hk_delivery_eof(d));
	return true;
}

/* What a server took, and the delivery does not say so of, comes again. */
static void compare(const struct hk_job *job, const struct server *s)
{
	unsigned i, n_ok = 0;
	size_t k;

	for (k = 0; k < job->n_rcpt; k++)
		n_ok += !job->released && job->result[k].outcome == HK_RCPT_DELIVERED;
	for (i = 0; s->has_taken && n_ok != s->n_rcpt && i < s->n_rcpt; i++)
		if (s->rcpt[i])
			s->rcpt[i]->doubts++;
}

static void run(struct house *h, struct hk_delivery *d, struct server *s)
{
	struct hk_delivery_want w;
	enum hk_status status;
	unsigned i, waits = 0;

	for (i = 0; i < ROUNDS_MOST; i++) {
		PRODUCT(status = hk_delivery_next(d, &h->now, &w));
		if (status == HK_OK && w.type == HK_DELIVERY_DONE)
			return;
		if (status == HK_OK)
			satisfy(h, d, s, &w);
		waits = status != HK_OK && !move(d, s) ? waits + 1 : 0;
		if (waits > 1) { /* what it could not take it may have something to say about */
			if (hk_delivery_deadline(d) == UINT64_MAX)
				break;
			waits = 0;
			if (hk_delivery_deadline(d) > h->now.mono_ms)
				h->now.mono_ms = hk_delivery_deadline(d);
			PRODUCT(hk_delivery_tick(d, &h->now));
		}
	}
	house_wrong(h, "a delivery does not come to its end");
}

void house_deliver(struct house *h, struct hk_job *job)
{
	const enum hk_sign_alg algs[1] = {HK_SIGN_ED25519_SHA256};
	struct hk_delivery_env env = {.job = job, .disk = &h->disk.disk, .log = &h->log, .key_algs = algs, .answers_sts = h->sts};
	struct server s = {0};
	struct hk_delivery *d;

	PRODUCT(d = hk_delivery_new(&env, &h->now));
	job->released = !d;
	if (d)
		run(h, d, &s);
	compare(job, &s);
	close_server(&s);
	hk_delivery_free(d);
}
