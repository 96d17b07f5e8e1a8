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
#include "sim/world.h"

enum { CONNS = 4, LINE_MOST = 4096, OUT_MOST = 4 * 1024 * 1024, BURST_MOST = 12 };
enum stage { GREETING, HELLO, MAIL, RCPT, DATA, DOT, BROKEN_DOT, RESET, QUIT };

struct conn {
	struct hk_session *session; /* NULL: free */
	uint32_t serial;            /* of the connection, in the tokens of its mails */
	enum stage stage;
	size_t number; /* of the mail under way */
	unsigned next_rcpt, n_accepted;
	unsigned mails_left;
	bool is_broken;           /* this one will be refused for its content */
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

static void begin_mail(struct hk_sim *s, struct conn *c)
{
	char text[HK_SIM_ADDRESS * 2];
	struct hk_sim_mail *m;

	if (!c->mails_left) {
		c->stage = QUIT;
		say(s, c, "QUIT");
		return;
	}
	c->mails_left--;
	c->number = hk_sim_ledger_new(s, 1 + (unsigned)hk_prng_below(&s->prng, HK_SIM_RCPTS));
	m = &s->ledger.mail[c->number];
	m->body_n = (size_t)hk_prng_below(&s->prng, hk_prng_coin(&s->prng) ? 4 : 200);
	if (s->plan.has_body_files && hk_prng_chance(&s->prng, 50000))
		m->body_n = 7000; /* some 300 KB: a file of its own */
	c->next_rcpt = c->n_accepted = 0;
	c->is_broken = hk_prng_chance(&s->prng, 100000);
	c->committed = HK_OK;
	c->stage = MAIL;
	if (m->has_null_sender)
		snprintf(text, sizeof text, "MAIL FROM:<>");
	else
		snprintf(text, sizeof text, "MAIL FROM:<s%zu@a.test>", c->number);
	say(s, c, text);
}

static void next_rcpt(struct hk_sim *s, struct conn *c)
{
	const struct hk_sim_mail *m = &s->ledger.mail[c->number];
	char text[HK_SIM_ADDRESS * 2];

	if (c->next_rcpt < m->n_rcpt) {
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

static void send_message(struct hk_sim *s, struct conn *c)
{
	struct hk_buf body;

	hk_buf_init(&body, OUT_MOST);
	hk_sim_body_add(s, c->number, &body);
	/* a header that begins with a continuation line is refused at the end of the header (RFC
	 * 5322 2.2.3) */
	hk_buf_add_str(&c->out, c->is_broken ? " begins badly\r\n" : "Subject: simulated\r\n");
	hk_buf_addf(&c->out, "From: <s%zu@a.test>\r\nDate: Thu, 26 Nov 2026 01:00:00 +0000\r\n\r\n",
	    c->number);
	hk_buf_add(&c->out, hk_buf_slice(&body)); /* no line of it begins with a dot */
	hk_buf_add_str(&c->out, ".\r\n");
	hk_buf_done(&body);
	c->stage = c->is_broken ? BROKEN_DOT : DOT;
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
		hk_sim_violation(s, "a 250 without a queue id");
		return;
	}
	if (id != s->ledger.mail[c->number].id)
		hk_sim_violation(s, "the 250 names another mail than the one that was committed");
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
			hk_sim_violation(s, "a broken header was accepted");
		refused(s, c);
		break;
	case QUIT:
		break;
	}
}

static void hear_bytes(struct hk_sim *s, struct conn *c, struct hk_slice bytes)
{
	size_t i;

	for (i = 0; i < bytes.n; i++) {
		hk_buf_add_byte(&c->line, bytes.p[i]);
		if (bytes.p[i] != '\n')
			continue;
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

static void connect_one(struct hk_sim *s, struct conn *c)
{
	struct hk_conf *conf = hk_sim_conf(s);
	struct hk_session_env env = {
	    .conf = conf,
	    .listener = &conf->listener[0],
	    .disk = &s->disk.disk,
	    .log = &s->log,
	    .ids = &s->ids,
	    .intake = &clients(s)->intake,
	    .client = {4, {192, 0, 2, 99}},
	    .client_port = 4711,
	};

	clients(s)->intake = hk_owner_intake(s->owner);
	*c = (struct conn){
	    .serial = ++clients(s)->serial, .mails_left = 1 + (unsigned)hk_prng_below(&s->prng, 4)};
	hk_buf_init(&c->out, OUT_MOST);
	hk_buf_init(&c->line, LINE_MOST);
	c->session = hk_session_new(&env, &s->now);
	if (!c->session)
		abort();
	hk_sim_trace(s, "client %u connects", c->serial);
}

static void answer_dns(struct conn *c, const struct hk_session_want *w)
{
	struct hk_dns_answer answer = {.question = w->question, .rcode = HK_DNS_NXDOMAIN};

	hk_session_dns(c->session, w->id, &answer);
}

static void satisfy(struct hk_sim *s, struct conn *c, const struct hk_session_want *w)
{
	enum hk_status status;

	switch (w->type) {
	case HK_SESSION_DNS:
		answer_dns(c, w);
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
		hk_sim_post_mail(s, w->mail, (uint64_t)c->serial << 32 | w->id);
		break;
	case HK_SESSION_AUTH: /* nobody has users here */
		hk_session_auth(c->session, w->id, &(struct hk_auth_answer){.outcome = HK_AUTH_LATER});
		break;
	case HK_SESSION_RUN:
		hk_session_run_asked(c->session, false);
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
		n = 1 + (size_t)hk_prng_below(&s->prng, out.n);
		hear_bytes(s, c, hk_slice_sub(out, 0, n));
		hk_session_sent(c->session, n);
		return true;
	}
	if (!c->out.n || !hk_session_wants_input(c->session))
		return false;
	n = hk_prng_coin(&s->prng) ? c->out.n : 1 + (size_t)hk_prng_below(&s->prng, c->out.n);
	n = hk_session_feed(c->session, hk_slice_sub(hk_buf_slice(&c->out), 0, n), &s->now);
	hk_buf_drop(&c->out, n);
	return n > 0;
}

static void go_on(struct hk_sim *s, struct conn *c)
{
	unsigned burst = 1 + (unsigned)hk_prng_below(&s->prng, BURST_MOST);
	struct hk_session_want w;

	while (burst-- && c->session && !s->disk.dead) {
		enum hk_status status = hk_session_next(c->session, &s->now, &w);

		if (status == HK_OK) {
			satisfy(s, c, &w);
		} else if (!move(s, c)) {
			if (status == HK_END)
				end(c);
			else if (hk_session_deadline(c->session) <= s->now.mono_ms)
				hk_session_tick(c->session, &s->now);
			return;
		}
	}
	/* clients go away without a word */
	if (c->session && !s->is_healed && hk_prng_chance(&s->prng, 5000)) {
		hk_sim_trace(s, "client %u is gone", c->serial);
		hk_session_eof(c->session);
		end(c);
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

	clients(s)->intake = hk_owner_intake(s->owner);
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
