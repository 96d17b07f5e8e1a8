/* SPDX-License-Identifier: MIT
 *
 * session.c - the public calls of a session: bytes, wants, time.
 */
#include <stdlib.h>

#include "engine/session_internal.h"

uint32_t session_id(struct hk_session *s)
{
	return ++s->last_id;
}

void session_over(struct hk_session *s)
{
	if (s->stage == STAGE_OVER)
		return;
	s->stage = STAGE_OVER;
	s->wants |= WANT_CLOSE;
	s->linger = s->now.mono_ms + HK_SESSION_LINGER_MS;
}

/* A message has to come at the listener's minimum rate now. */
static bool is_timed(const struct hk_session *s)
{
	return s->stage == STAGE_CLIENT && s->message && s->message->is_receiving &&
	       s->env.listener->minimum_rate;
}

/* Behind a balancer nobody is: the leniency is for machines that are known by their own address. */
static bool is_legacy(const struct hk_session_env *env)
{
	return hk_conf_nets_have(&env->listener->legacy_clients, &env->client) &&
	       !hk_conf_nets_have(&env->listener->proxy_from, &env->client);
}

static struct hk_smtpd *new_server(const struct hk_session_env *env)
{
	const struct hk_conf_listener *l = env->listener;
	struct hk_smtpd_options options = {.size = sizeof options,
	    .hostname = l->hostname,
	    .banner_text = env->conf->product,
	    .max_message = l->max_message,
	    .max_recipients = l->max_recipients,
	    .max_transactions = l->max_transactions,
	    .max_domains = l->max_domains,
	    .min_by = l->min_by,
	    .lmtp = l->lmtp,
	    .extensions = l->extensions,
	    .profile = l->profile,
	    .echo_addresses = l->echo_addresses,
	    .offer_starttls = l->starttls && !l->implicit_tls,
	    .strict_envelopes = l->strict_envelopes,
	    .strict_dots = l->strict_dots,
	    .refuse_source_routes = l->refuse_source_routes,
	    .early_talker_check = l->reject_early_talkers,
	    .mechanisms = env->mechanisms,
	    .auth_needs_tls = !l->auth_in_clear,
	    .allow_bare_lf = is_legacy(env),
	    .tell_refusals = true,
	    .hold_banner = true,
	};

	if (l->clientid != HK_CLIENTID_OFF)
		options.extensions |= HK_EXT(CLIENTID);
	if (!env->checkpoints)
		options.extensions &= ~HK_EXT(CHECKPOINT);
	return hk_smtpd_new(&options);
}

struct hk_session *hk_session_new(const struct hk_session_env *env, const struct hk_now *now)
{
	struct hk_session *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->env = *env;
	s->now = *now;
	s->born = s->last_input = now->mono_ms;
	hk_arena_init(&s->arena, HK_SESSION_ARENA);
	s->smtpd = new_server(env);
	if (!s->smtpd) {
		hk_arena_done(&s->arena);
		free(s);
		return NULL;
	}
	hk_conf_use(env->conf);
	client_begin(s);
	return s;
}

void hk_session_free(struct hk_session *s)
{
	if (!s)
		return;
	hk_logf(s->env.log, HK_LOG_DEBUG,
	    "ev=disconnect listener=%.*s client=%s messages=%llu errors=%u",
	    HK_FMT(s->env.listener->name), s->client_text, (unsigned long long)s->n_messages,
	    hk_smtpd_errors(s->smtpd));
	auth_done(s);
	checkpoint_lost(s);
	message_free(s, s->message);
	client_done(s);
	hk_smtpd_free(s->smtpd);
	hk_arena_done(&s->arena);
	hk_conf_free(s->env.conf);
	free(s);
}

/* Each octet gives the time that it may take, but never more than HK_SESSION_IDLE_S ahead: a message may pause so long
 * (RFC 5321 4.5.3.2.5), and it may be so slow so long, whatever came before. */
static void count_rate(struct hk_session *s, size_t n)
{
	uint64_t most = s->now.mono_ms + HK_SESSION_IDLE_S * 1000, rate = s->env.listener->minimum_rate;

	if (!is_timed(s))
		return;
	s->slow_at += n * 1000 / rate + 1;
	if (s->slow_at > most)
		s->slow_at = most;
}

size_t hk_session_feed(struct hk_session *s, struct hk_slice in, const struct hk_now *now)
{
	size_t n;

	s->now = *now;
	if (s->stage == STAGE_OVER)
		return in.n; /* nobody will read it */
	if (s->stage == STAGE_PROXY)
		return client_proxy(s, in);
	n = hk_smtpd_feed(s->smtpd, in);
	/* of a command only its end counts: time is given for the whole, not for each octet */
	if (n && ((s->message && s->message->is_receiving) ||
	             hk_slice_find(hk_slice_sub(in, 0, n), '\n') < n))
		s->last_input = now->mono_ms;
	count_rate(s, n);
	return n;
}

/* The one want of a kind that is asked for once. */
static bool take_want(
    struct hk_session *s, unsigned bit, enum hk_session_want_type type, struct hk_session_want *ret)
{
	if (!(s->wants & bit))
		return false;
	s->wants &= ~bit;
	*ret = (struct hk_session_want){.type = type, .file = -1};
	return true;
}

enum hk_status hk_session_next(
    struct hk_session *s, const struct hk_now *now, struct hk_session_want *ret)
{
	s->now = *now;
	session_run(s);
	if (s->stage != STAGE_OVER && dns_next(s, ret))
		return HK_OK;
	if (take_want(s, WANT_TLS, HK_SESSION_TLS, ret))
		return HK_OK;
	if (take_want(s, WANT_AUTH, HK_SESSION_AUTH, ret)) {
		ret->id = s->who.id;
		ret->auth = s->who.ask;
		return HK_OK;
	}
	if (take_want(s, WANT_RUN, HK_SESSION_RUN, ret)) {
		ret->domain = s->run;
		return HK_OK;
	}
	if (take_want(s, WANT_SYNC, HK_SESSION_SYNC, ret)) {
		ret->id = s->message->want_id;
		ret->file = s->message->file;
		ret->path = s->body_dir;
		return HK_OK;
	}
	if (take_want(s, WANT_COMMIT, HK_SESSION_COMMIT, ret)) {
		ret->id = s->message->want_id;
		ret->mail = s->message->mail;
		s->message->mail = NULL; /* the receiver's, and with it the body file, also when the
		                            commit fails */
		s->message->has_file = false;
		return HK_OK;
	}
	if (take_want(s, WANT_CLOSE, HK_SESSION_CLOSE, ret)) {
		s->has_closed = true;
		return HK_OK;
	}
	return s->has_closed ? HK_END : HK_AGAIN;
}

void hk_session_dns(struct hk_session *s, uint32_t id, const struct hk_dns_answer *answer)
{
	dns_answer(s, id, answer);
}

void hk_session_tls(struct hk_session *s, bool ok, struct hk_slice description)
{
	if (s->stage != STAGE_TLS)
		return;
	hk_logf(s->env.log, ok ? HK_LOG_DEBUG : HK_LOG_INFO, "ev=tls client=%s ok=%d tls=%s",
	    s->client_text, ok, hk_log_value(description).text);
	if (!ok) {
		session_over(s);
		return;
	}
	s->stage = STAGE_CLIENT;
	s->last_input = s->now.mono_ms;
	auth_forget(s);
	hk_smtpd_tls_done(s->smtpd);
	if (s->env.listener->implicit_tls)
		client_greet(s);
}

void hk_session_auth(struct hk_session *s, uint32_t id, const struct hk_auth_answer *answer)
{
	if (s->stage == STAGE_AUTH && s->who.id == id && !s->who.until)
		auth_answer(s, answer);
}

void hk_session_synced(struct hk_session *s, uint32_t id, enum hk_status status)
{
	if (s->stage == STAGE_SYNC && s->message && s->message->want_id == id)
		message_synced(s, status);
}

void hk_session_run_asked(struct hk_session *s, bool ok)
{
	if (s->stage != STAGE_RUN)
		return;
	s->stage = STAGE_CLIENT;
	s->last_input = s->now.mono_ms;
	if (ok)
		hk_smtpd_accept(s->smtpd);
	else
		session_refuse(s, &(struct hk_policy_reply){HK_REFUSAL_ETRN_ABSENT}, (struct hk_slice){0});
}

void hk_session_committed(struct hk_session *s, uint32_t id, enum hk_status status)
{
	if (!s->message || s->message->want_id != id)
		return;
	if (s->stage == STAGE_COMMIT)
		message_committed(s, status);
	else if (s->stage == STAGE_OVER && status == HK_OK) {
		checkpoint_committed(s);
		message_log_accepted(s); /* it is ours, although nobody is left to be told */
	}
}

struct hk_slice hk_session_out(struct hk_session *s)
{
	if (s->stage == STAGE_OVER && s->now.mono_ms >= s->linger)
		return (struct hk_slice){0};
	return s->away.n ? hk_buf_slice(&s->away) : hk_smtpd_out(s->smtpd);
}

void hk_session_sent(struct hk_session *s, size_t n)
{
	if (s->away.n)
		hk_buf_drop(&s->away, n);
	else
		hk_smtpd_sent(s->smtpd, n);
}

void hk_session_eof(struct hk_session *s)
{
	session_over(s);
	s->linger = 0; /* nobody is there to read */
}

/* When the client's time is over, in its turn. */
static uint64_t client_deadline(const struct hk_session *s)
{
	uint64_t idle = s->last_input + HK_SESSION_IDLE_S * 1000, life = s->born + HK_SESSION_LIFE_S * 1000;
	bool may_end = s->stage == STAGE_CLIENT && !(s->message && s->message->is_receiving);

	return may_end && life < idle ? life : idle;
}

uint64_t hk_session_deadline(const struct hk_session *s)
{
	uint64_t at = UINT64_MAX, dns;

	if (s->stage == STAGE_OVER)
		return s->now.mono_ms >= s->linger ? UINT64_MAX : s->linger;
	if (s->stage == STAGE_PROXY)
		return s->last_input + HK_SESSION_PROXY_MS;
	if (checkpoint_is_due(s))
		return s->now.mono_ms;
	if (s->stage == STAGE_CLIENT || s->stage == STAGE_TLS)
		at = client_deadline(s);
	if (s->stage == STAGE_CLIENT && client_is_held(s) && s->held_until < at)
		at = s->held_until;
	if (s->stage == STAGE_AUTH && s->who.until)
		at = s->who.until;
	if (is_timed(s) && s->slow_at < at)
		at = s->slow_at;
	if (s->greet_at && s->greet_at < at)
		at = s->greet_at;
	dns = dns_deadline(s);
	return dns < at ? dns : at;
}

void hk_session_tick(struct hk_session *s, const struct hk_now *now)
{
	s->now = *now;
	if (s->stage == STAGE_OVER)
		return;
	if (s->stage == STAGE_PROXY) {
		if (now->mono_ms >= s->last_input + HK_SESSION_PROXY_MS)
			client_proxy_timeout(s);
		return;
	}
	client_time(s);
	dns_time(s);
	auth_time(s);
	if (s->stage != STAGE_CLIENT && s->stage != STAGE_TLS)
		return;
	if (now->mono_ms < client_deadline(s) &&
	    !(is_timed(s) && now->mono_ms >= s->slow_at))
		return;
	hk_logf(s->env.log, HK_LOG_INFO, "ev=timeout client=%s", s->client_text);
	if (s->stage == STAGE_CLIENT) {
		hk_smtpd_timeout(s->smtpd);
		session_told_last(s);
	}
	/* the client may have stopped reading, so the server's own end is not waited for */
	session_over(s);
}

void hk_session_shutdown(struct hk_session *s)
{
	s->is_stopping = true;
}

bool hk_session_wants_input(const struct hk_session *s)
{
	return s->stage == STAGE_PROXY || (s->stage == STAGE_CLIENT && !hk_smtpd_out(s->smtpd).n && !client_is_held(s));
}
