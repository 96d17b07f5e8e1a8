/* SPDX-License-Identifier: MIT
 *
 * client_session.c - clients that speak SMTP with hk_session: in pieces of any size, sometimes
 * giving up in the middle, and with mail after mail on one connection, also after a refusal.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hikyaku/dns.h>

#include "engine/session.h"
#include "sim/memory.h"
#include "sim/net.h"
#include "sim/zone.h"

enum { CONNS = 4, LINE_MOST = 4096, OUT_MOST = 4 * 1024 * 1024, BURST_MOST = 12, RUN_ARENA = 4096 };
enum stage { GREETING, HELLO, MAIL, RCPT, RELAY, DATA, DOT, BROKEN_DOT, RESET, RUN, QUIT };
enum breach { SOUND, BAD_HEADER, BARE_LF, BREACHES };

struct conn {
	struct hk_session *session; /* NULL: free */
	uint32_t serial;            /* of the connection, in the tokens of its mails */
	enum stage stage;
	size_t number; /* of the mail under way */
	unsigned next_rcpt, n_accepted;
	unsigned mails_left;
	bool is_friend;           /* may relay, and have the queue run */
	enum breach breach;       /* this one will be refused for its content */
	struct hk_sim_net net;
	uint64_t data_ms;         /* when its DATA was answered: what it asks of the DNS is asked from then on */
	bool has_dns_trouble;     /* a question of it was answered wrongly, or not */
	enum hk_status committed; /* what the owner said of it */
	struct hk_buf out, line;
	uint32_t want; /* of the commit that is out */
};
struct clients {
	struct conn conn[CONNS];
	uint32_t serial;
	_Atomic int intake;
};

static struct clients *clients(struct hk_sim *s)
{
	return s->client_state;
}

/* ---- what is said ---------------------------------------------------------------- */

static void say(struct hk_sim *s, struct conn *c, const char *text)
{
	hk_sim_trace(s, "client %u: %s", c->serial, text);
	hk_buf_addf(&c->out, "%s\r\n", text);
}

/* RFC 1985 */
static void ask_for_run(struct hk_sim *s, struct conn *c)
{
	static const char *const nodes[] = {"ETRN d0.test", "ETRN D1.test", "ETRN @test", "ETRN nobody.test", "ETRN #queue"};

	c->stage = RUN;
	say(s, c, nodes[hk_prng_below(&s->prng, sizeof nodes / sizeof nodes[0])]);
}

static void say_mail(struct hk_sim *s, struct conn *c, struct hk_sim_mail *m)
{
	char text[HK_SIM_ADDRESS * 2], sender[HK_SIM_ADDRESS] = "";

	if (!m->has_null_sender)
		snprintf(sender, sizeof sender, "s%zu@a.test", c->number);
	if (s->plan.deliverby && hk_prng_chance(&s->prng, 300000))
		hk_sim_ledger_by(s, m);
	if (m->has_by)
		snprintf(text, sizeof text, "MAIL FROM:<%s> BY=%" PRId32 ";%c", sender, m->by_s, m->by_return ? 'R' : 'N');
	else
		snprintf(text, sizeof text, "MAIL FROM:<%s>", sender);
	say(s, c, text);
}

static void begin_mail(struct hk_sim *s, struct conn *c)
{
	struct hk_sim_mail *m;

	if (c->is_friend && s->plan.runs && hk_prng_chance(&s->prng, 300000)) {
		ask_for_run(s, c);
		return;
	}
	if (!c->mails_left) {
		c->stage = QUIT;
		say(s, c, "QUIT");
		return;
	}
	c->mails_left--;
	c->number = hk_sim_ledger_new(s, 1 + (unsigned)hk_prng_below(&s->prng, HK_SIM_RCPTS));
	m = &s->ledger.mail[c->number];
	m->body_n = (size_t)hk_prng_below(&s->prng, hk_prng_coin(&s->prng) ? 4 : 200);
	if (s->plan.body_files && hk_prng_chance(&s->prng, 50000))
		m->body_n = 7000; /* some 300 KB: a file of its own */
	c->next_rcpt = c->n_accepted = 0;
	c->breach = SOUND;
	if (hk_prng_chance(&s->prng, s->plan.hostile ? 200000 : 50000))
		c->breach = (enum breach)(1 + hk_prng_below(&s->prng, BREACHES - 1));
	c->committed = HK_OK;
	c->stage = MAIL;
	say_mail(s, c, m);
}

static void next_rcpt(struct hk_sim *s, struct conn *c)
{
	const struct hk_sim_mail *m = &s->ledger.mail[c->number];
	char text[HK_SIM_ADDRESS * 2];

	if (s->plan.hostile && !c->is_friend && hk_prng_chance(&s->prng, 50000)) {
		c->stage = RELAY;
		say(s, c, hk_prng_coin(&s->prng) ? "RCPT TO:<evil%elsewhere.example@d0.test>" : "RCPT TO:<evil@elsewhere.example>");
	} else if (c->next_rcpt < m->n_rcpt) {
		c->stage = RCPT;
		snprintf(text, sizeof text, "RCPT TO:<%s>", m->rcpt[c->next_rcpt++].address);
		say(s, c, text);
	} else if (hk_prng_chance(&s->prng, 100000)) {
		c->stage = RESET;
		say(s, c, "RSET");
	} else {
		c->stage = DATA;
		say(s, c, "DATA");
	}
}

/* As RFC 5321 4.5.2 wants it: a dot more where a line begins with one. */
static void add_stuffed(struct hk_buf *out, struct hk_slice text)
{
	size_t n;

	for (; text.n; text = hk_slice_from(text, n)) {
		n = hk_slice_find(text, '\n') + 1;
		n = n < text.n ? n : text.n;
		if (text.p[0] == '.')
			hk_buf_add_byte(out, '.');
		hk_buf_add(out, hk_slice_sub(text, 0, n));
	}
}

/* What a client says that hopes for a server which takes LF for CRLF (CVE-2023-51764): a second message, to somebody whom
 * it may not name. */
static const char smuggled[] = "one\n.\nMAIL FROM:<evil@a.test>\r\nRCPT TO:<smuggled@d0.test>\r\nDATA\r\nFrom: <evil@a.test>\r\n\r\ntwo\r\n";

static void send_message(struct hk_sim *s, struct conn *c)
{
	struct hk_buf body;

	hk_buf_init(&body, OUT_MOST);
	hk_sim_body_add(s, c->number, &body);
	/* a header that begins with a continuation line is refused at the end of the header (RFC
	 * 5322 2.2.3) */
	hk_buf_add_str(&c->out, c->breach == BAD_HEADER ? " begins badly\r\n" : "Subject: simulated\r\n");
	hk_buf_addf(&c->out, "From: <s%zu@a.test>\r\nDate: Thu, 26 Nov 2026 01:00:00 +0000\r\n\r\n",
	    c->number);
	if (c->breach == BARE_LF)
		hk_buf_add_str(&c->out, smuggled);
	add_stuffed(&c->out, hk_buf_slice(&body));
	hk_buf_add_str(&c->out, ".\r\n");
	hk_buf_done(&body);
	c->stage = c->breach ? BROKEN_DOT : DOT;
	c->data_ms = s->now.mono_ms;
	hk_sim_trace(s, "client %u: the message", c->serial);
}

/* ---- what is heard ------------------------------------------------------------------ */

static void answered_dot(struct hk_sim *s, struct conn *c, bool ok, struct hk_slice line)
{
	struct hk_slice word = HK_S("queued as ");
	const uint8_t *at = ok ? memmem(line.p, line.n, word.p, word.n) : NULL;
	uint64_t id;

	if (!ok) {
		hk_sim_ledger_answer(s, c->number,
		    c->committed == HK_OK || c->committed == HK_FULL ? HK_SIM_REFUSED
		                                                     : HK_SIM_DOUBTFUL);
		return;
	}
	if (!at || hk_mail_id_parse(
	               hk_slice_sub(hk_slice_from(line, (size_t)(at - line.p) + word.n), 0, 14),
	               &id) != HK_OK) {
		hk_sim_violation(s, 12, "a 250 without a queue id");
		return;
	}
	if (id != s->ledger.mail[c->number].id)
		hk_sim_violation(s, 1, "the 250 names another mail than the one that was committed");
	hk_sim_ledger_answer(s, c->number, HK_SIM_ACKED);
}

static void refused(struct hk_sim *s, struct conn *c)
{
	hk_sim_ledger_answer(s, c->number, HK_SIM_REFUSED);
	begin_mail(s, c);
}

static void hear(struct hk_sim *s, struct conn *c, struct hk_slice line)
{
	bool ok = line.n && (line.p[0] == '2' || line.p[0] == '3');

	if (line.n > 3 && line.p[3] == '-')
		return;
	hk_sim_trace(s, "server to %u: %s", c->serial, hk_log_quote(line).text);
	switch (c->stage) {
	case GREETING:
		c->stage = HELLO;
		say(s, c, "EHLO client.a.test");
		break;
	case HELLO:
	case RUN:
	case RESET:
		if (c->stage == RESET)
			hk_sim_ledger_answer(s, c->number, HK_SIM_REFUSED);
		begin_mail(s, c);
		break;
	case MAIL:
		if (ok)
			next_rcpt(s, c);
		else
			refused(s, c);
		break;
	case RCPT:
		c->n_accepted += ok;
		s->ledger.mail[c->number].rcpt[c->next_rcpt - 1].is_taken = ok;
		next_rcpt(s, c);
		break;
	case RELAY:
		if (ok)
			hk_sim_violation(s, 4, "a stranger may send elsewhere");
		next_rcpt(s, c);
		break;
	case DATA:
		if (ok)
			send_message(s, c);
		else
			refused(s, c);
		break;
	case DOT:
		answered_dot(s, c, ok, line);
		begin_mail(s, c);
		break;
	case BROKEN_DOT:
		if (ok)
			hk_sim_violation(s, 4, c->breach == BARE_LF ? "a message with a bare LF was accepted" : "a broken header was accepted");
		refused(s, c);
		break;
	case QUIT:
		break;
	}
}

static void hear_bytes(struct hk_sim *s, struct conn *c, struct hk_slice bytes)
{
	size_t end;

	for (; bytes.n; bytes = hk_slice_from(bytes, end + 1)) {
		end = hk_slice_find(bytes, '\n');
		hk_buf_add(&c->line, hk_slice_sub(bytes, 0, end + 1));
		if (end == bytes.n)
			return;
		hk_sim_net_reply(s, hk_buf_slice(&c->line));
		hear(s, c, hk_slice_trim(hk_buf_slice(&c->line)));
		hk_buf_reset(&c->line);
	}
}

/* ---- a connection ----------------------------------------------------------------------- */

static void end(struct conn *c)
{
	hk_session_free(c->session);
	hk_buf_done(&c->out);
	hk_buf_done(&c->line);
	*c = (struct conn){0};
}

/* What the owner says; and now and then a worker by itself, for a second: it has more than it can take. */
static int intake_of(const struct hk_sim *s)
{
	enum hk_status status = hk_owner_intake(s->owner);

	return status == HK_OK && !s->is_healed && (s->now.mono_ms / 1000 + s->seed) % 16 == 0 ? HK_BUSY : (int)status;
}

static void connect_one(struct hk_sim *s, struct conn *c)
{
	struct hk_conf *conf = hk_sim_conf(s);
	bool is_friend = s->plan.runs && hk_prng_coin(&s->prng);
	struct hk_session_env env = {
	    .conf = conf,
	    .listener = &conf->listener[is_friend],
	    .disk = &s->disk.disk,
	    .log = &s->log,
	    .ids = &s->ids,
	    .intake = &clients(s)->intake,
	    .client = HK_SIM_CLIENT,
	    .client_port = 4711,
	};

	clients(s)->intake = intake_of(s);
	*c = (struct conn){
	    .serial = ++clients(s)->serial, .is_friend = is_friend, .mails_left = 1 + (unsigned)hk_prng_below(&s->prng, 4)};
	hk_buf_init(&c->out, OUT_MOST);
	hk_buf_init(&c->line, LINE_MOST);
	hk_sim_memory_fail(!s->is_healed);
	c->session = hk_session_new(&env, &s->now);
	hk_sim_memory_fail(false);
	hk_sim_trace(s, "client %u connects%s", c->serial, c->session ? "" : ", and there is no memory for it");
}

static void answer_dns(struct hk_sim *s, struct conn *c, const struct hk_session_want *w)
{
	enum hk_sim_answering how;
	struct hk_dns_answer answer;
	struct hk_arena a;

	hk_arena_init(&a, 65536);
	how = hk_sim_zone_answer(s, &a, &w->question, &answer);
	c->has_dns_trouble |= how != HK_SIM_ANSWERED;
	hk_sim_memory_fail(!s->is_healed);
	if (how != HK_SIM_SILENT)
		hk_session_dns(c->session, w->id, &answer);
	hk_sim_memory_fail(false);
	hk_arena_done(&a);
}

/* As a worker does it (io/client.c). */
static void run(struct hk_sim *s, struct conn *c, struct hk_slice domain)
{
	struct hk_queue_call *call;
	enum hk_status status = HK_NOMEM;

	hk_sim_memory_fail(!s->is_healed);
	call = hk_queue_call_new(HK_QUEUE_RUN, RUN_ARENA);
	if (call)
		status = hk_arena_dup(&call->arena, domain, &call->domain);
	hk_session_run_asked(c->session, status == HK_OK);
	hk_sim_memory_fail(false);
	if (status == HK_OK)
		hk_sim_post_call(s, call);
	else
		hk_queue_call_free(call);
}

static void satisfy(struct hk_sim *s, struct conn *c, const struct hk_session_want *w)
{
	enum hk_status status;

	switch (w->type) {
	case HK_SESSION_DNS:
		answer_dns(s, c, w);
		break;
	case HK_SESSION_TLS:
		hk_session_tls(c->session, false, (struct hk_slice){0});
		break;
	case HK_SESSION_SYNC:
		status = s->disk.disk.ops->sync(&s->disk.disk, w->file);
		if (status == HK_OK)
			status = s->disk.disk.ops->sync_dir(&s->disk.disk, w->path);
		hk_session_synced(c->session, w->id, status);
		break;
	case HK_SESSION_COMMIT:
		c->want = w->id;
		s->ledger.mail[c->number].id = w->mail->id;
		s->ledger.mail[c->number].has_dns_trouble =
		    c->has_dns_trouble || s->now.mono_ms - c->data_ms >= HK_SESSION_DNS_MS / 2;
		hk_sim_post_mail(s, w->mail, (uint64_t)c->serial << 32 | w->id);
		break;
	case HK_SESSION_AUTH: /* nobody has users here */
		hk_session_auth(c->session, w->id, &(struct hk_auth_answer){.outcome = HK_AUTH_LATER});
		break;
	case HK_SESSION_RUN:
		run(s, c, w->domain);
		break;
	case HK_SESSION_CLOSE:
		break;
	}
}

/* Bytes in one of the two directions; false when there are none. */
static bool move(struct hk_sim *s, struct conn *c)
{
	struct hk_slice out = hk_session_out(c->session);
	size_t n;

	if (out.n) {
		n = hk_sim_net_piece(s, out.n);
		hear_bytes(s, c, hk_slice_sub(out, 0, n));
		hk_session_sent(c->session, n);
		return true;
	}
	if (!c->out.n || !hk_session_wants_input(c->session))
		return false;
	n = hk_sim_net_piece(s, c->out.n);
	hk_sim_memory_fail(!s->is_healed);
	n = hk_session_feed(c->session, hk_slice_sub(hk_buf_slice(&c->out), 0, n), &s->now);
	hk_sim_memory_fail(false);
	hk_buf_drop(&c->out, n);
	return n > 0;
}

static enum hk_status next_want(struct hk_sim *s, struct conn *c, struct hk_session_want *w)
{
	enum hk_status status;

	hk_sim_memory_fail(!s->is_healed);
	status = hk_session_next(c->session, &s->now, w);
	hk_sim_memory_fail(false);
	return status;
}

static void gone(struct hk_sim *s, struct conn *c)
{
	hk_sim_trace(s, "client %u is gone", c->serial);
	hk_session_eof(c->session);
	end(c);
}

static void go_on(struct hk_sim *s, struct conn *c)
{
	unsigned burst = 1 + (unsigned)hk_prng_below(&s->prng, BURST_MOST);
	enum hk_sim_fate fate = hk_sim_net_fate(s, &c->net);
	struct hk_session_want w;

	/* clients go away without a word, too */
	if (fate == HK_SIM_LOST || (!s->is_healed && hk_prng_chance(&s->prng, 5000))) {
		gone(s, c);
		return;
	}
	while (burst-- && c->session && !s->disk.dead) {
		enum hk_status status = next_want(s, c, &w);

		if (status == HK_OK) {
			satisfy(s, c, &w);
		} else if (fate == HK_SIM_WAITS || !move(s, c)) {
			if (status == HK_END)
				end(c);
			else if (hk_session_deadline(c->session) <= s->now.mono_ms)
				hk_session_tick(c->session, &s->now);
			return;
		}
	}
}

static void act(struct hk_sim *s)
{
	struct conn *c = &clients(s)->conn[hk_prng_below(&s->prng, CONNS)];

	if (c->session)
		go_on(s, c);
	else if (!s->is_healed)
		connect_one(s, c);
}

static void committed(struct hk_sim *s, uint64_t token, enum hk_status status)
{
	size_t i;

	clients(s)->intake = intake_of(s);
	for (i = 0; i < CONNS; i++) {
		struct conn *c = &clients(s)->conn[i];

		if (!c->session || ((uint64_t)c->serial << 32 | c->want) != token)
			continue;
		c->committed = status;
		/* 250 may leave from here on */
		if (status == HK_OK)
			hk_sim_check_durable(s, s->ledger.mail[c->number].id);
		hk_session_committed(c->session, c->want, status);
	}
}

static void lost(struct hk_sim *s)
{
	size_t i;

	for (i = 0; i < CONNS; i++)
		if (clients(s)->conn[i].session)
			end(&clients(s)->conn[i]);
}

static bool is_quiet(struct hk_sim *s)
{
	size_t i;

	for (i = 0; i < CONNS; i++)
		if (clients(s)->conn[i].session)
			return false;
	return true;
}

static void done(struct hk_sim *s)
{
	free(s->client_state);
}

const struct hk_sim_client_ops hk_sim_client_session = {act, committed, lost, is_quiet, done};

void hk_sim_client_session_init(struct hk_sim *s)
{
	s->client = &hk_sim_client_session;
	s->client_state = calloc(1, sizeof(struct clients));
	if (!s->client_state)
		abort();
}
