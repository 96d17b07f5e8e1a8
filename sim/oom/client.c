/* SPDX-License-Identifier: MIT
 *
 * client.c - who sends letters: one command at a time, and again when it was not taken.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mail.h"
#include "sim/oom/house.h"

enum { ROUNDS_MOST = 100000, PAUSE_S = 100, COMMITS_MOST = 100 };

/* ---- what the session wants --------------------------------------------------------------- */

static void answer_dns(struct house *h, const struct hk_session_want *w)
{
	struct hk_dns_answer answer;
	struct hk_arena a;

	hk_arena_init(&a, 65536);
	if (hk_zone_answer(h->zone, &a, &w->question, &answer) != HK_OK)
		abort();
	PRODUCT(hk_session_dns(h->session, w->id, &answer));
	hk_arena_done(&a);
}

static void sync_body(struct house *h, const struct hk_session_want *w)
{
	enum hk_status status = h->disk.disk.ops->sync(&h->disk.disk, w->file);

	if (status == HK_OK)
		status = h->disk.disk.ops->sync_dir(&h->disk.disk, w->path);
	PRODUCT(hk_session_synced(h->session, w->id, status));
}

void house_committed(struct house *h, enum hk_status status)
{
	h->is_committing = false;
	PRODUCT(hk_session_committed(h->session, h->want, status));
}

static void commit(struct house *h, const struct hk_session_want *w)
{
	unsigned i;

	h->is_committing = true;
	h->want = w->id;
	PRODUCT(hk_owner_put(h->owner, w->mail, 1));
	for (i = 0; i < COMMITS_MOST && h->is_committing; i++) {
		if (i)
			house_settle(h, 1); /* it comes back to what it could not do */
		else
			house_step(h);
	}
	if (h->is_committing)
		house_wrong(h, "a mail was given to the owner, and it never answers");
}

/* As a worker does it (io/client.c). */
static void run(struct house *h, const struct hk_session_want *w)
{
	struct hk_queue_call *c;
	enum hk_status status = HK_NOMEM;

	PRODUCT(c = hk_queue_call_new(HK_QUEUE_RUN, 4096));
	if (c) {
		hk_sim_memory_fail(true);
		status = hk_arena_dup(&c->arena, w->domain, &c->domain);
		hk_sim_memory_fail(false);
	}
	if (status == HK_OK)
		PRODUCT(hk_owner_call(h->owner, c));
	else
		hk_queue_call_free(c);
	PRODUCT(hk_session_run_asked(h->session, status == HK_OK));
}

static void authenticate(struct house *h, const struct hk_session_want *w)
{
	static const char want[] = "\0user@ours.test\0001234";
	struct hk_auth_answer a = {.outcome = HK_AUTH_DENIED};

	if (w->auth.step == HK_AUTH_END)
		return;
	if (hk_slice_eq(w->auth.data, hk_slice_of(want, sizeof want - 1)))
		a = (struct hk_auth_answer){.outcome = HK_AUTH_PASSED, .user = HK_S("user@ours.test"), .senders = HK_S("*")};
	PRODUCT(hk_session_auth(h->session, w->id, &a));
}

static void take_replies(struct house *h)
{
	struct hk_slice out = hk_session_out(h->session);

	hk_buf_add(&h->to_client, out);
	PRODUCT(hk_session_sent(h->session, out.n));
}

static void satisfy(struct house *h, const struct hk_session_want *w)
{
	switch (w->type) {
	case HK_SESSION_DNS:
		answer_dns(h, w);
		break;
	case HK_SESSION_TLS:
		take_replies(h);
		PRODUCT(hk_session_tls(h->session, true, HK_S("TLSv1.3 TLS_AES_256_GCM_SHA384")));
		break;
	case HK_SESSION_SYNC:
		sync_body(h, w);
		break;
	case HK_SESSION_COMMIT:
		commit(h, w);
		break;
	case HK_SESSION_AUTH:
		authenticate(h, w);
		break;
	case HK_SESSION_RUN:
		run(h, w);
		break;
	case HK_SESSION_CLOSE:
		break;
	}
}

/* ---- a connection ------------------------------------------------------------------------------ */

/* One thing that can be done now; false: it waits for the client. */
static bool go_on(struct house *h)
{
	struct hk_session *s = h->session;
	struct hk_session_want w;
	enum hk_status status;
	size_t n;

	PRODUCT(status = hk_session_next(s, &h->now, &w));
	if (status == HK_OK) {
		satisfy(h, &w);
		return true;
	}
	if (hk_session_out(s).n) {
		take_replies(h);
		return true;
	}
	if (status == HK_END) {
		hk_session_free(s);
		h->session = NULL;
		return false;
	}
	if (hk_session_wants_input(s)) {
		if (!h->to_server.n)
			return false;
		PRODUCT(n = hk_session_feed(s, hk_buf_slice(&h->to_server), &h->now));
		hk_buf_drop(&h->to_server, n);
		if (n)
			return true;
	}
	if (hk_session_deadline(s) == UINT64_MAX)
		house_wrong(h, "a session waits for nothing");
	if (hk_session_deadline(s) > h->now.mono_ms)
		h->now.mono_ms = hk_session_deadline(s);
	PRODUCT(hk_session_tick(s, &h->now));
	return true;
}

static void pump(struct house *h)
{
	unsigned i;

	for (i = 0; i < ROUNDS_MOST && h->session && !h->wrong[0]; i++)
		if (!go_on(h))
			return;
	if (i == ROUNDS_MOST)
		house_wrong(h, "a session goes round and round");
}

bool house_connect(struct house *h, const char *listener)
{
	struct hk_session_env env = {
	    .conf = h->conf,
	    .listener = h->conf->listener,
	    .disk = &h->disk.disk,
	    .log = &h->log,
	    .ids = &h->ids,
	    .intake = &h->intake,
	    .checkpoints = h->checkpoints,
	    .client = {4, {10, 0, 0, 9}},
	    .client_port = 4711,
	    .limits = h->limits,
	    .mechanisms = HK_S("PLAIN"),
	    .device_key = HK_S("sixteen octets!!"),
	};

	while (listener && !hk_slice_eq(env.listener->name, hk_slice_str(listener)))
		env.listener++;
	hk_buf_reset(&h->to_server);
	hk_buf_reset(&h->to_client);
	if (!h->owner)
		return false;
	PRODUCT(h->session = hk_session_new(&env, &h->now));
	pump(h);
	return h->session;
}

void house_hang_up(struct house *h)
{
	if (!h->session)
		return;
	PRODUCT(hk_session_eof(h->session));
	pump(h);
	hk_session_free(h->session);
	h->session = NULL;
}

/* The last line of what the server said, and its code. */
static unsigned hear(struct house *h)
{
	struct hk_slice rest = hk_buf_slice(&h->to_client), line = {0};
	uint64_t code = 0;

	while (rest.n) {
		line = hk_slice_sub(rest, 0, hk_slice_find(rest, '\n'));
		rest = hk_slice_from(rest, line.n + 1);
	}
	snprintf(h->reply, sizeof h->reply, "%.*s", HK_FMT(hk_slice_trim(line)));
	house_trace(h, "server: %s", h->reply);
	hk_buf_reset(&h->to_client);
	return hk_slice_u64(hk_slice_sub(line, 0, 3), 999, &code) == HK_OK ? (unsigned)code : 0;
}

unsigned house_say(struct house *h, const char *format, ...)
{
	char line[512];
	va_list args;

	if (!h->session)
		return 0;
	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	house_trace(h, "client: %s", line);
	hk_buf_addf(&h->to_server, "%s\r\n", line);
	pump(h);
	return hear(h);
}

/* ---- letters ------------------------------------------------------------------------------------- */

static void add_message(const struct house_form *f, unsigned number, struct hk_buf *out)
{
	size_t i;

	hk_buf_addf(out, "From: <s%u@home.test>\r\nSubject: letter %u\r\nDate: Thu, 26 Nov 2026 01:00:00 +0000\r\n\r\n", number, number);
	for (i = 0; i < (f->lines ? f->lines : 3); i++)
		hk_buf_addf(out, "line %zu of the letter, which says little\r\n", i);
}

/* From `from` on, to its end or, with is_cut, to its middle. */
static unsigned say_message(struct house *h, const struct house_form *f, unsigned number, size_t from, bool is_cut)
{
	struct hk_buf text;
	struct hk_slice rest;

	hk_buf_init(&text, 4 * 1024 * 1024);
	add_message(f, number, &text);
	rest = hk_slice_from(hk_buf_slice(&text), from);
	hk_buf_add(&h->to_server, is_cut ? hk_slice_sub(rest, 0, rest.n / 2) : rest);
	hk_buf_done(&text);
	if (!is_cut)
		return house_say(h, ".");
	pump(h);
	return 0;
}

static void acknowledged(struct house *h, struct house_letter *l)
{
	const char *at = strstr(h->reply, "queued as ");

	l->acks++;
	if (!at || hk_mail_id_parse(hk_slice_sub(hk_slice_str(at + 10), 0, 14), &l->id) != HK_OK)
		house_wrong(h, "a 250 without an id: %s", h->reply);
}

/* Where the message goes on (RFC 1845); 0: with its first octet. */
static size_t offset_of(const struct house *h)
{
	struct hk_slice rest = hk_slice_str(h->reply + 4);
	uint64_t offset = 0;

	return hk_slice_u64(hk_slice_sub(rest, 0, hk_slice_find(rest, ' ')), SIZE_MAX, &offset) == HK_OK ? (size_t)offset : 0;
}

static bool begin(struct house *h, const struct house_form *f)
{
	if (!house_connect(h, f->listener) || hear(h) != 220 || house_say(h, "EHLO client.home.test") != 250)
		return false;
	return !f->authenticates || (house_say(h, "STARTTLS") == 220 && house_say(h, "EHLO client.home.test") == 250 &&
	                                house_say(h, "AUTH PLAIN AHVzZXJAb3Vycy50ZXN0ADEyMzQ=") == 235);
}

/* The envelope; *ret_from: where the message begins. */
static bool address_it(struct house *h, const struct house_form *f, unsigned number, size_t *ret_from)
{
	struct house_letter *l = &h->letter[number];
	unsigned i, code = house_say(h, "MAIL FROM:<s%u@home.test>%s", number, f->mail ? f->mail : "");

	*ret_from = code == 355 ? offset_of(h) : 0;
	if (code != 250 && code != 355)
		return false;
	for (i = 0; code == 250 && i < l->n_rcpt; i++)
		if (house_say(h, "RCPT TO:<%s>%s", l->rcpt[i].address, f->rcpt ? f->rcpt : "") != 250)
			return false;
	return house_say(h, "DATA") == 354;
}

static bool try_to_send(struct house *h, const struct house_form *f, unsigned number, bool is_cut)
{
	struct house_letter *l = &h->letter[number];
	unsigned code = 0;
	size_t from;

	if (begin(h, f) && address_it(h, f, number, &from)) {
		code = say_message(h, f, number, from, is_cut);
		l->doubts += !code && !is_cut;
		if (code == 250)
			acknowledged(h, l);
	}
	if (!is_cut)
		house_say(h, "QUIT");
	house_hang_up(h);
	return code == 250;
}

static void address_letter(struct house_letter *l, const char *to, unsigned number)
{
	struct hk_slice rest = hk_slice_str(to), one;
	size_t at;

	for (; rest.n; rest = hk_slice_from(rest, one.n + 1)) {
		one = hk_slice_sub(rest, 0, hk_slice_find(rest, ' '));
		at = hk_slice_find(one, '@');
		snprintf(l->rcpt[l->n_rcpt++].address, HOUSE_ADDRESS, "%.*s-%u%.*s", HK_FMT(hk_slice_sub(one, 0, at)), number, HK_FMT(hk_slice_from(one, at)));
	}
}

unsigned house_send(struct house *h, const struct house_form *f)
{
	unsigned number = h->n_letters++, i;

	address_letter(&h->letter[number], f->to, number);
	if (f->breaks_off)
		try_to_send(h, f, number, true);
	for (i = 0; i < h->tries && !h->wrong[0]; i++) {
		if (i)
			house_settle(h, PAUSE_S);
		if (try_to_send(h, f, number, false))
			break;
	}
	if (i == h->tries)
		house_wrong(h, "letter %u was not taken in %u tries: %s", number, h->tries, h->reply);
	return number;
}
