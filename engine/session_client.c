/* SPDX-License-Identifier: MIT
 *
 * session_client.c - the client before it says anything: who it is behind a balancer, and when it is greeted.
 */
#include "engine/session_internal.h"

static void know(struct hk_session *s)
{
	s->client = hk_policy_client(s->env.listener, &s->env.client);
	hk_ip_format(&s->env.client, s->client_text);
}

/* From here on the client is who it is for good. */
static void meet(struct hk_session *s)
{
	const struct hk_conf_listener *l = s->env.listener;

	know(s);
	dns_begin(s);
	lookup_lists(s);
	hk_logf(s->env.log, HK_LOG_DEBUG, "ev=connect listener=%.*s client=%s port=%u", HK_FMT(l->name),
	    s->client_text, s->env.client_port);
	s->stage = STAGE_CLIENT;
	s->last_input = s->now.mono_ms;
	if (l->greet_delay && !s->client.may_relay && !s->client.is_trusted)
		s->greet_at = s->now.mono_ms + (uint64_t)l->greet_delay * 1000;
	else
		hk_smtpd_greet_now(s->smtpd);
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
	meet(s);
	return n - had;
}

void client_proxy_timeout(struct hk_session *s)
{
	part(s);
}
