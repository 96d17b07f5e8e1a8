/* SPDX-License-Identifier: MIT
 *
 * session_auth.c - who the client is: the device that it names (CLIENTID), the user that it proves
 * to be (AUTH, RFC 4954), and what both may do.
 *
 * The credentials themselves are never looked at here; what a device says of itself is turned into
 * an HMAC at once and forgotten.
 */
#include <stdio.h>
#include <string.h>

#include <hikyaku/crypto.h>

#include "engine/session_internal.h"

enum {
	TRIES_MAX = 5,         /* failures of one session, then 421; an exchange that was broken off is one */
	STEPS_MAX = 10,        /* responses in one exchange: SCRAM needs two, LOGIN two, OAUTHBEARER two */
	DELAY_FIRST_MS = 500,  /* doubled with each failure */
	DELAY_MOST_MS = 30000, /* a client that means well still waits for it (RFC 5321 4.5.3.2) */
	DELAY_DOUBLINGS = 6,
};

static const struct hk_policy_reply
    too_many_failures = {HK_REFUSAL_AUTH_FAILURES},
    denied = {HK_REFUSAL_AUTH_DENIED},
    malformed = {HK_REFUSAL_AUTH_MALFORMED},
    unavailable = {HK_REFUSAL_AUTH_UNAVAILABLE},
    too_many_sessions = {HK_REFUSAL_USER_CONNECTIONS},
    too_many_of_device = {HK_REFUSAL_DEVICE_CONNECTIONS},
    no_clientid = {HK_REFUSAL_CLIENTID_REQUIRED};

/* ---- limits ---- */

static struct hk_limit_rule rule_of(struct hk_conf_rate rate)
{
	return (struct hk_limit_rule){rate.most, rate.seconds};
}

/* RSET takes it back as long as nobody authenticated with it; from then on it belongs to him. */
struct hk_slice auth_device(const struct hk_session *s)
{
	bool counts = s->who.user.n || hk_smtpd_has_clientid(s->smtpd);

	return hk_slice_str(counts ? s->who.device : "");
}

static const char *device_text(const struct hk_session *s)
{
	return auth_device(s).n ? s->who.device : "none";
}

bool session_take(struct hk_session *s, enum hk_limit what, struct hk_slice name,
    struct hk_conf_rate rate, struct hk_policy_reply *ret, enum hk_refusal why)
{
	uint32_t wait = 0;

	if (!s->env.limits || !name.n ||
	    hk_limits_take(s->env.limits, what, name, 1, rule_of(rate), s->now.mono_ms, &wait))
		return true;
	hk_logf(s->env.log, HK_LOG_INFO, "ev=limit what=%s client=%s user=%s device=%s wait=%u",
	    hk_limit_name(what), s->client_text, hk_log_value(s->who.user).text, device_text(s),
	    wait);
	*ret = (struct hk_policy_reply){why};
	return false;
}

/* ---- failures ---- */

static uint32_t count_failure(struct hk_session *s, enum hk_limit what, struct hk_slice name)
{
	uint32_t seconds = s->env.listener->auth_failures.seconds;

	return s->env.limits && name.n && seconds
	           ? hk_limits_add(s->env.limits, what, name, 1, seconds, s->now.mono_ms)
	           : 0;
}

static bool is_locked_out(struct hk_session *s)
{
	struct hk_conf_rate rate = s->env.listener->auth_failures;
	uint8_t client[HK_LIMITS_CLIENT_MAX];

	return s->env.limits && rate.most &&
	       hk_limits_seen(s->env.limits, HK_LIMIT_CLIENT_FAILURES,
	           hk_limits_client(&s->client.ip, client), rate.seconds,
	           s->now.mono_ms) >= rate.most;
}

static uint64_t delay_after(uint32_t failures)
{
	uint64_t ms;

	if (failures == 0)
		return 0;
	ms = (uint64_t)DELAY_FIRST_MS
	     << (failures - 1 < DELAY_DOUBLINGS ? failures - 1 : DELAY_DOUBLINGS);
	return ms < DELAY_MOST_MS ? ms : DELAY_MOST_MS;
}

/* A failure costs time, the more the more there were, of this client and for this user: guessing
 * stays slow from one address, and from many. The answer waits; nobody else does. */
static void fail(struct hk_session *s, const struct hk_policy_reply *reply, struct hk_slice user)
{
	struct who *w = &s->who;
	uint8_t client[HK_LIMITS_CLIENT_MAX];
	uint32_t by_client, by_user, by_device, most;

	by_client =
	    count_failure(s, HK_LIMIT_CLIENT_FAILURES, hk_limits_client(&s->client.ip, client));
	by_user = count_failure(s, HK_LIMIT_USER_FAILURES, user);
	by_device = count_failure(s, HK_LIMIT_DEVICE_FAILURES, auth_device(s));
	most = by_client > by_user ? by_client : by_user;
	most = by_device > most ? by_device : most;
	w->failures++;
	if (most < w->failures)
		most = w->failures;
	hk_logf(s->env.log, HK_LOG_INFO,
	    "ev=auth ok=0 client=%s user=%s mechanism=%s tls=%d device=%s code=%u failures=%u",
	    s->client_text, hk_log_value(user).text, hk_log_value(w->ask.mechanism).text,
	    hk_smtpd_is_tls(s->smtpd), device_text(s), hk_refusal_row(reply->why)->code, most);
	w->refusal = w->failures >= TRIES_MAX || is_locked_out(s) ? too_many_failures : *reply;
	w->until = s->now.mono_ms + delay_after(most);
}

/* The exchange's state outside is not needed any more. */
static void end_outside(struct hk_session *s)
{
	if (s->who.is_open && s->who.ask.step != HK_AUTH_END) {
		s->who.ask = (struct hk_auth_ask){.step = HK_AUTH_END};
		s->wants |= WANT_AUTH;
	}
	s->who.is_open = false;
}

static void refuse_now(struct hk_session *s)
{
	struct hk_policy_reply reply = s->who.refusal;

	s->who.until = 0;
	s->stage = STAGE_CLIENT;
	s->last_input = s->now.mono_ms;
	session_refuse(s, &reply, (struct hk_slice){0});
}

void auth_time(struct hk_session *s)
{
	if (s->stage == STAGE_AUTH && s->who.until && s->now.mono_ms >= s->who.until)
		refuse_now(s);
}

static void forget_device(struct hk_session *s)
{
	struct who *w = &s->who;

	if (w->is_device_counted)
		hk_limits_leave(
		    s->env.limits, HK_LIMIT_DEVICE_CONNECTIONS, hk_slice_str(w->device));
	w->is_device_counted = false;
	w->device[0] = '\0';
}

/* ---- the exchange ---- */

static void ask(struct hk_session *s)
{
	s->who.id = session_id(s);
	s->who.until = 0;
	s->who.is_open = true;
	s->wants |= WANT_AUTH;
	s->stage = STAGE_AUTH;
}

void auth_begin(struct hk_session *s, const struct hk_smtpd_event *e)
{
	struct who *w = &s->who;
	const struct hk_policy_reply *reply = NULL;

	if (is_locked_out(s) || w->failures >= TRIES_MAX)
		reply = &too_many_failures;
	else if (s->env.listener->clientid == HK_CLIENTID_REQUIRED && !auth_device(s).n)
		reply = &no_clientid;
	if (reply) {
		session_refuse(s, reply, (struct hk_slice){0});
		return;
	}
	w->steps = 0;
	w->ask = (struct hk_auth_ask){.step = HK_AUTH_BEGIN,
	    .data = e->data,
	    .has_data = e->has_data,
	    .is_tls = hk_smtpd_is_tls(s->smtpd),
	    .client = s->env.client,
	    .client_port = s->env.client_port,
	    .device = auth_device(s)};
	if (!hk_smtpd_has_clientid(s->smtpd))
		forget_device(s); /* RSET took it back */
	/* the name outlives its command: it is logged at the end */
	if (hk_arena_dup(&s->arena, e->text, &w->ask.mechanism) != HK_OK) {
		session_refuse(s, &reply_no_memory, (struct hk_slice){0});
		return;
	}
	ask(s);
}

void auth_go_on(struct hk_session *s, const struct hk_smtpd_event *e)
{
	/* A mechanism asks again for a response that is empty: somebody who never says anything would be asked for ever. */
	if (++s->who.steps > STEPS_MAX) {
		fail(s, &malformed, (struct hk_slice){0});
		end_outside(s);
		s->stage = STAGE_AUTH;
		auth_time(s);
		return;
	}
	s->who.ask.step = HK_AUTH_GO_ON;
	s->who.ask.data = e->data;
	s->who.ask.has_data = true;
	ask(s);
}

void auth_cancel(struct hk_session *s)
{
	uint8_t client[HK_LIMITS_CLIENT_MAX];

	hk_smtpd_accept(s->smtpd);
	end_outside(s);
	/* counted as a guess, or guesses would be free for whoever breaks off in time; its reply was given, so it waits for none */
	(void)count_failure(s, HK_LIMIT_CLIENT_FAILURES, hk_limits_client(&s->client.ip, client));
	s->who.failures++;
}

static void pass(struct hk_session *s, const struct hk_auth_answer *a)
{
	const struct hk_conf_listener *l = s->env.listener;
	struct who *w = &s->who;
	struct hk_slice user, senders;

	if (!a->user.n || hk_arena_dup(&s->arena, a->user, &user) != HK_OK ||
	    hk_arena_dup(&s->arena, a->senders, &senders) != HK_OK) {
		session_refuse(s, &reply_no_memory, (struct hk_slice){0});
		return;
	}
	if (s->env.limits &&
	    !hk_limits_enter(s->env.limits, HK_LIMIT_USER_CONNECTIONS, user, l->user_connections)) {
		session_refuse(s, &too_many_sessions, (struct hk_slice){0});
		return;
	}
	w->is_user_counted = s->env.limits != NULL;
	w->user = user;
	w->senders = senders;
	s->client.is_user = true;
	if (s->env.limits)
		hk_limits_forget(
		    s->env.limits, HK_LIMIT_USER_FAILURES, user, l->auth_failures.seconds);
	hk_logf(s->env.log, HK_LOG_INFO,
	    "ev=auth ok=1 client=%s user=%s mechanism=%s tls=%d device=%s", s->client_text,
	    hk_log_value(user).text, hk_log_value(w->ask.mechanism).text, hk_smtpd_is_tls(s->smtpd),
	    device_text(s));
	hk_smtpd_accept(s->smtpd);
}

void auth_answer(struct hk_session *s, const struct hk_auth_answer *a)
{
	s->who.ask.data = (struct hk_slice){0};
	if (a->outcome == HK_AUTH_DENIED || a->outcome == HK_AUTH_SYNTAX) {
		s->who.is_open = false;
		fail(s, a->outcome == HK_AUTH_DENIED ? &denied : &malformed, a->user);
		auth_time(s);
		return;
	}
	s->stage = STAGE_CLIENT;
	s->last_input = s->now.mono_ms;
	if (a->outcome == HK_AUTH_CONTINUE) {
		hk_smtpd_challenge(s->smtpd, a->challenge);
		return;
	}
	s->who.is_open = false;
	if (a->outcome == HK_AUTH_PASSED)
		pass(s, a);
	else
		session_refuse(s, &unavailable, (struct hk_slice){0});
}

void auth_forget(struct hk_session *s)
{
	struct who *w = &s->who;

	end_outside(s);
	if (w->is_user_counted)
		hk_limits_leave(s->env.limits, HK_LIMIT_USER_CONNECTIONS, w->user);
	w->is_user_counted = false;
	w->user = w->senders = (struct hk_slice){0};
	forget_device(s);
	s->client.is_user = false;
}

void auth_done(struct hk_session *s)
{
	auth_forget(s);
}

/* ---- the device ---- */

/* type, a space, token: the same token of another type is another device. */
static bool name_device(struct hk_session *s, const struct hk_smtpd_event *e)
{
	uint8_t mac[HK_SHA256_SIZE];
	struct hk_buf text;
	size_t i;
	bool ok;

	hk_buf_init(&text, 512);
	for (i = 0; i < e->text.n; i++)
		hk_buf_add_byte(&text, hk_to_upper(e->text.p[i]));
	hk_buf_add_byte(&text, ' ');
	hk_buf_add(&text, e->data);
	ok = hk_buf_status(&text) == HK_OK &&
	     hk_hmac_sha256(s->env.device_key, hk_buf_slice(&text), mac) == HK_OK;
	if (text.n)
		explicit_bzero(text.p, text.n);
	hk_buf_done(&text);
	for (i = 0; ok && i < sizeof mac; i++)
		snprintf(s->who.device + 2 * i, 3, "%02x", mac[i]);
	return ok;
}

void auth_clientid(struct hk_session *s, const struct hk_smtpd_event *e)
{
	struct who *w = &s->who;

	/* one was said before, and RSET took it back (draft-storey-smtp-client-id) */
	forget_device(s);
	if (!name_device(s, e)) {
		w->device[0] = '\0';
		session_refuse(s, &reply_no_memory, (struct hk_slice){0});
		return;
	}
	if (s->env.limits && !hk_limits_enter(s->env.limits, HK_LIMIT_DEVICE_CONNECTIONS,
	                         hk_slice_str(w->device), s->env.listener->device_connections)) {
		w->device[0] = '\0';
		session_refuse(s, &too_many_of_device, (struct hk_slice){0});
		return;
	}
	w->is_device_counted = s->env.limits != NULL;
	hk_logf(s->env.log, HK_LOG_INFO, "ev=clientid client=%s type=%s device=%s", s->client_text,
	    hk_log_value(e->text).text, w->device);
	hk_smtpd_accept(s->smtpd);
}

/* ---- what they may do ---- */

static bool is_own(const struct hk_session *s, struct hk_slice local, struct hk_slice domain)
{
	return hk_policy_owns(s->env.conf, s->who.user, s->who.senders, local, domain);
}

struct hk_policy_reply auth_may_mail(struct hk_session *s, const struct hk_path *path)
{
	static const struct hk_policy_reply not_own = {HK_REFUSAL_SENDER_NOT_OWN};
	const struct hk_conf_listener *l = s->env.listener;
	struct hk_policy_reply reply = {0};

	/* <> is nobody's: receipts go out with it (RFC 8098 3) */
	if (s->who.user.n && l->sender_login != HK_SENDER_ANY && path->text.n &&
	    !is_own(s, path->local, path->domain))
		return not_own;
	if (session_take(s, HK_LIMIT_USER_MESSAGES, s->who.user, l->user_messages, &reply,
	        HK_REFUSAL_USER_MESSAGES))
		(void)session_take(s, HK_LIMIT_DEVICE_MESSAGES, auth_device(s), l->device_messages, &reply,
		    HK_REFUSAL_DEVICE_MESSAGES);
	return reply;
}

struct hk_policy_reply auth_may_rcpt(struct hk_session *s)
{
	const struct hk_conf_listener *l = s->env.listener;
	struct hk_policy_reply reply = {0};

	if (session_take(s, HK_LIMIT_USER_RECIPIENTS, s->who.user, l->user_recipients, &reply,
	        HK_REFUSAL_USER_RECIPIENTS))
		(void)session_take(s, HK_LIMIT_DEVICE_RECIPIENTS, auth_device(s), l->device_recipients,
		    &reply, HK_REFUSAL_DEVICE_RECIPIENTS);
	return reply;
}

struct hk_policy_reply auth_may_header(struct hk_session *s, const struct message *m)
{
	static const struct hk_policy_reply
	    not_own = {HK_REFUSAL_AUTHOR_NOT_OWN},
	    no_from = {HK_REFUSAL_AUTHOR_MISSING};
	struct hk_policy_reply reply = {0};
	struct hk_address_list list;
	size_t i, j, seen = 0;
	struct hk_arena a;

	if (!s->who.user.n || s->env.listener->sender_login != HK_SENDER_HEADER)
		return reply;
	hk_arena_init(&a, HK_HEADER_SECTION_MAX * 4);
	for (i = 0; i < m->header.n && !reply.why; i++) {
		if (!hk_slice_eq_nocase(m->header.field[i].name, HK_S("From")))
			continue;
		if (hk_address_list_parse(&a, m->header.field[i].value, &list) != HK_OK) {
			reply = no_from;
			break;
		}
		for (j = 0; j < list.n && !reply.why; j++, seen++)
			if (!is_own(s, list.at[j].local, list.at[j].domain))
				reply = not_own;
	}
	hk_arena_done(&a);
	return reply.why || seen ? reply : no_from;
}
