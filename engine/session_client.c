/* SPDX-License-Identifier: MIT
 *
 * session_client.c - the client before it says anything: who it is behind a balancer, and when it is greeted.
 */
#include <stdio.h>

#include "engine/session_internal.h"

static void know(struct hk_session *s)
{
	s->client = hk_policy_client(s->env.listener, &s->env.client);
	hk_ip_format(&s->env.client, s->client_text);
	if (!s->env.client.family)
		snprintf(s->client_text, sizeof s->client_text, "unix"); /* by a socket of this host */
}

/* ---- limits ---- */

/* Whoever is on this host, or by a unix socket of it. */
static bool is_local(const struct hk_ip *ip)
{
	static const struct hk_ip four = {.family = 4, .bytes = {127}}, six = {.family = 6, .bytes = {[15] = 1}};

	return !ip->family || hk_ip_in(ip, &four, 8) || hk_ip_in(ip, &six, 128);
}

bool client_is_ours(const struct hk_session *s)
{
	return is_local(&s->client.ip) || s->client.may_relay || s->client.is_trusted || s->client.is_user;
}

/* Our own hosts and users have other limits, if any. */
static bool is_limited(const struct hk_session *s)
{
	return s->env.limits && !client_is_ours(s);
}

static bool take(struct hk_session *s, enum hk_limit what, struct hk_conf_rate rate, struct hk_policy_reply *ret,
    enum hk_refusal why)
{
	uint8_t room[HK_LIMITS_CLIENT_MAX];

	*ret = (struct hk_policy_reply){0};
	return !is_limited(s) || !rate.most || session_take(s, what, hk_limits_client(&s->client.ip, room), rate, ret, why);
}

struct hk_policy_reply client_may_mail(struct hk_session *s)
{
	struct hk_policy_reply reply;

	(void)take(s, HK_LIMIT_CLIENT_MESSAGES, s->env.listener->client_messages, &reply,
	    HK_REFUSAL_CLIENT_MESSAGES);
	return reply;
}

struct hk_policy_reply client_may_rcpt(struct hk_session *s)
{
	struct hk_policy_reply reply;

	(void)take(s, HK_LIMIT_CLIENT_RECIPIENTS, s->env.listener->client_recipients, &reply,
	    HK_REFUSAL_CLIENT_RECIPIENTS);
	return reply;
}

/* ---- errors ---- */

enum {
	ERRORS_SOFT = 10,       /* of a session, before each one more costs DELAY_STEP_MS (SEC 2.6; Postfix's soft limit) */
	DELAY_STEP_MS = 1000,
	DELAY_MOST_MS = 10000,  /* a client that means well still waits for it (RFC 5321 4.5.3.2) */
};

static uint64_t delay_of(struct hk_session *s, unsigned in_session, unsigned more)
{
	struct hk_conf_rate rate = s->env.listener->client_errors;
	uint8_t room[HK_LIMITS_CLIENT_MAX];
	uint64_t ms = in_session > ERRORS_SOFT ? DELAY_STEP_MS : 0, over;
	uint32_t all = rate.most ? hk_limits_add(s->env.limits, HK_LIMIT_CLIENT_ERRORS, hk_limits_client(&s->client.ip, room), more,
	                               rate.seconds, s->now.mono_ms)
	                         : 0;

	if (all <= rate.most)
		return ms;
	over = (uint64_t)(all - rate.most) * DELAY_STEP_MS;
	hk_logf(s->env.log, HK_LOG_INFO, "ev=limit what=%s client=%s errors=%u", hk_limit_name(HK_LIMIT_CLIENT_ERRORS), s->client_text,
	    all);
	return over < DELAY_MOST_MS ? over : DELAY_MOST_MS;
}

void client_errors(struct hk_session *s)
{
	unsigned now = hk_smtpd_errors(s->smtpd), more = now > s->errors_seen ? now - s->errors_seen : 0;
	uint64_t delay;

	s->errors_seen = now; /* an accepted message makes it zero */
	if (!more || !is_limited(s))
		return;
	delay = delay_of(s, now, more);
	if (!delay)
		return;
	s->held_until = s->now.mono_ms + delay;
	s->last_input = s->held_until; /* the wait is ours */
}

bool client_is_held(const struct hk_session *s)
{
	return s->held_until > s->now.mono_ms;
}

bool client_knows_nobody(struct hk_session *s)
{
	uint32_t most = s->env.listener->unknown_recipients;

	return most && !client_is_ours(s) && ++s->n_unknown > most;
}

/* In place of the greeting (RFC 5321 3.1, 4.2.1), so without an enhanced code (RFC 2034 4).
 * Deliberate: not where TLS comes first. A reply in the clear would be none there (RFC 8314 3.3), and a handshake for each that is
 * refused is what those who come too often want of us (decision 37). */
static void send_away(struct hk_session *s, enum hk_refusal why)
{
	struct hk_refusal_said said = {.why = why};
	const struct hk_refusal_row *row = hk_refusal_row(why);

	if (!s->env.listener->implicit_tls) {
		hk_buf_init(&s->away, HK_SMTP_REPLY_TEXT_MAX + 100);
		hk_buf_addf(&s->away, "%u ", row->code);
		hk_refusal_add(&s->away, &said);
		hk_buf_add_str(&s->away, "\r\n");
	}
	session_log_refusal(s, &said);
	session_over(s);
}

/* false: the client was sent away. */
static bool let_in(struct hk_session *s)
{
	const struct hk_conf_listener *l = s->env.listener;
	uint8_t room[HK_LIMITS_CLIENT_MAX];
	struct hk_slice name = hk_limits_client(&s->client.ip, room);
	struct hk_policy_reply reply;

	if (!take(s, HK_LIMIT_CLIENT_ARRIVALS, l->client_arrivals, &reply,
	        HK_REFUSAL_CLIENT_ARRIVALS)) {
		send_away(s, reply.why);
		return false;
	}
	if (!is_limited(s) || !l->client_connections)
		return true;
	s->is_client_counted =
	    hk_limits_enter(s->env.limits, HK_LIMIT_CLIENT_CONNECTIONS, name, l->client_connections);
	if (s->is_client_counted)
		return true;
	hk_logf(s->env.log, HK_LOG_INFO, "ev=limit what=%s client=%s", hk_limit_name(HK_LIMIT_CLIENT_CONNECTIONS),
	    s->client_text);
	send_away(s, HK_REFUSAL_CLIENT_CONNECTIONS);
	return false;
}

void client_done(struct hk_session *s)
{
	uint8_t room[HK_LIMITS_CLIENT_MAX];

	if (s->is_client_counted)
		hk_limits_leave(s->env.limits, HK_LIMIT_CLIENT_CONNECTIONS, hk_limits_client(&s->client.ip, room));
	s->is_client_counted = false;
	hk_buf_done(&s->proxy);
	hk_buf_done(&s->away);
}

/* ---- who it is ---- */

static bool may_talk_early(const struct hk_session *s)
{
	return s->client.may_relay || s->client.is_trusted;
}

void client_greet(struct hk_session *s)
{
	const struct hk_conf_listener *l = s->env.listener;

	s->stage = STAGE_CLIENT;
	s->last_input = s->now.mono_ms;
	if (l->greet_delay && !may_talk_early(s))
		s->greet_at = s->now.mono_ms + (uint64_t)l->greet_delay * 1000;
	else if (!s->talked_early || may_talk_early(s))
		hk_smtpd_greet_now(s->smtpd);
}

/* From here on the client is who it is for good. */
static void meet(struct hk_session *s)
{
	const struct hk_conf_listener *l = s->env.listener;

	know(s);
	if (!let_in(s))
		return;
	dns_begin(s);
	lookup_lists(s);
	hk_logf(s->env.log, HK_LOG_DEBUG, "ev=connect listener=%.*s client=%s port=%u", HK_FMT(l->name),
	    s->client_text, s->env.client_port);
	if (!l->implicit_tls) {
		client_greet(s);
		return;
	}
	/* RFC 8314 3.3: the handshake comes before the greeting */
	s->stage = STAGE_TLS;
	s->last_input = s->now.mono_ms;
	s->wants |= WANT_TLS;
}

void client_begin(struct hk_session *s)
{
	know(s);
	hk_buf_init(&s->proxy, HK_PROXY_MAX);
	if (hk_conf_nets_have(&s->env.listener->proxy_from, &s->env.client))
		s->stage = STAGE_PROXY;
	else
		meet(s);
}

void client_time(struct hk_session *s)
{
	if (!s->greet_at || s->now.mono_ms < s->greet_at)
		return;
	s->greet_at = 0;
	hk_smtpd_greet_now(s->smtpd);
}

/* No reply: whoever does not speak the protocol, or lies, is no client (proxy-protocol.txt 2). */
static void part(struct hk_session *s)
{
	hk_logf(s->env.log, HK_LOG_WARNING, "ev=proxy listener=%.*s peer=%s what=\"no PROXY header\"",
	    HK_FMT(s->env.listener->name), s->client_text);
	session_over(s);
	s->linger = 0;
}

size_t client_proxy(struct hk_session *s, struct hk_slice in)
{
	size_t had = s->proxy.n, n = 0;
	struct hk_slice all;
	struct hk_proxy proxy;
	enum hk_status status;

	hk_buf_add(&s->proxy, hk_slice_sub(in, 0, HK_PROXY_MAX - had));
	all = hk_buf_slice(&s->proxy);
	status = hk_buf_status(&s->proxy) == HK_OK ? hk_proxy_parse(all, &proxy, &n) : HK_NOMEM;
	if (status == HK_AGAIN)
		return all.n - had;
	hk_buf_done(&s->proxy);
	if (status != HK_OK) {
		part(s);
		return in.n;
	}
	if (proxy.has_client) {
		s->env.client = proxy.ip;
		s->env.client_port = proxy.port;
	}
	n -= had;
	/* what came along with the header came before the greeting */
	s->talked_early = proxy.has_client && n < in.n && s->env.listener->reject_early_talkers && !s->env.listener->implicit_tls;
	meet(s);
	if (s->talked_early && s->stage == STAGE_CLIENT && !may_talk_early(s))
		n += hk_smtpd_feed(s->smtpd, hk_slice_from(in, n));
	return n;
}

void client_proxy_timeout(struct hk_session *s)
{
	part(s);
}
