/* SPDX-License-Identifier: MIT
 *
 * delivery_link.c - a connection that serves several messages to the same hop, one delivery after the other.
 */
#include <stdio.h>

#include "engine/delivery_internal.h"

/* REQUIRETLS and TLS-Required make a policy of the message's own (RFC 8689); a time by which it comes back asks more of the
 * host than a connection to it tells. */
static bool is_special(const struct hk_delivery *d)
{
	return d->mail.params.require_tls || (d->mail.flags & HK_MAIL_TLS_OPTIONAL) || delivery_wants_by(d);
}

/* Where a sender has an address of his own, his mail goes by that one alone. */
static bool has_other_source(const struct hk_delivery *d)
{
	const struct hk_conf_source *source =
	    d->env.job->route->source_choice == HK_SOURCE_SENDER ? delivery_source(d, d->over.ip.family) : NULL;

	return source && !hk_ip_eq(&source->ip, &d->over.source);
}

static void go_over(struct hk_delivery *d)
{
	d->messages = d->over.messages;
	d->policy.is_counted = true; /* the session was, when it began */
	d->is_reused = true;
	d->progress = d->now.mono_ms;
	delivery_wait(d, STEP_TALK, 0);
	transaction_ready(d);
}

bool link_begin(struct hk_delivery *d)
{
	struct hk_delivery_link *link = d->env.link;

	if (!link || !link->client)
		return false;
	d->over = *link;
	d->client = link->client;
	*link = (struct hk_delivery_link){0};
	d->is_spare = d->env.is_link_shared || is_special(d) || has_other_source(d);
	if (d->is_spare) {
		if (is_special(d) || has_other_source(d))
			delivery_close(d);
		return false;
	}
	d->policy.decision = d->over.decision;
	snprintf(d->remote, sizeof d->remote, "%s", d->over.remote);
	go_over(d);
	return true;
}

void link_note(struct hk_delivery *d)
{
	const struct hk_conf_source *source;

	d->over = (struct hk_delivery_link){.port = d->port};
	if (!d->n_hosts)
		return; /* a unix socket */
	snprintf(d->over.host, sizeof d->over.host, "%.*s", HK_FMT(d->host[d->host_at].name));
	d->over.ip = d->address[d->address_at];
	source = delivery_source(d, d->over.ip.family);
	if (source)
		d->over.source = source->ip;
}

/* ---- a spare one ---- */

static bool is_its_host(const struct hk_delivery *d, const struct host *h)
{
	return d->is_spare && hk_slice_eq(h->name, hk_slice_str(d->over.host));
}

/* Among equals the order is ours (RFC 5321 5.1). */
void link_prefer(struct hk_delivery *d)
{
	struct host first = d->host[0];
	size_t i;

	for (i = 1; i < d->n_hosts && d->host[i].preference == first.preference; i++) {
		if (!is_its_host(d, &d->host[i]))
			continue;
		d->host[0] = d->host[i];
		d->host[i] = first;
		return;
	}
}

void link_prefer_address(struct hk_delivery *d)
{
	size_t i;

	for (i = 1; is_its_host(d, &d->host[d->host_at]) && i < d->n_addresses; i++) {
		if (!hk_ip_eq(&d->address[i], &d->over.ip))
			continue;
		d->address[i] = d->address[0];
		d->address[0] = d->over.ip;
		return;
	}
}

/* The same host, and nothing asked of it that was not asked before. With DANE the certificate may have been for the name of the
 * other domain (RFC 7672 3.2.2), so a connection by it serves its own domain only. */
static bool is_same(const struct hk_delivery *d)
{
	const struct hk_tls_decision *a = &d->over.decision, *b = &d->policy.decision;

	return is_its_host(d, &d->host[d->host_at]) && d->over.port == d->port &&
	       hk_ip_eq(&d->address[d->address_at], &d->over.ip) && a->need == b->need && a->verify == b->verify &&
	       a->verify != HK_VERIFY_DANE && a->failure == b->failure && a->type == b->type && a->is_implicit == b->is_implicit &&
	       a->needs_requiretls == b->needs_requiretls;
}

bool link_take_spare(struct hk_delivery *d)
{
	bool is_ours = d->is_spare && is_same(d);

	if (d->is_spare && !is_ours)
		delivery_close(d);
	d->is_spare = false;
	if (is_ours)
		go_over(d);
	return is_ours;
}

/* ---- its end ---- */

bool link_lost(struct hk_delivery *d)
{
	if (!d->is_reused || delivery_is_settled(d))
		return false;
	hk_logf(d->env.log, HK_LOG_DEBUG, "qid=%s ev=reconnect remote=%s", d->id_text,
	    hk_log_value(hk_slice_str(d->remote)).text);
	d->is_reused = false;
	d->messages = 0;
	d->n_batch = 0;
	d->n_hosts = 0;
	delivery_close(d);
	d->remote[0] = 0;
	d->policy.is_counted = false;
	hosts_begin(d);
	return true;
}

bool link_can_stay(const struct hk_delivery *d)
{
	return d->env.can_keep && !is_special(d) && !hk_smtpc_is_spent(d->client) &&
	       d->messages + 1 < d->env.job->connection_messages;
}

bool hk_delivery_take_link(struct hk_delivery *d, struct hk_delivery_link *ret)
{
	if (!d->is_kept || d->step != STEP_DONE)
		return false;
	*ret = d->over;
	ret->client = d->client;
	ret->decision = d->policy.decision;
	ret->messages = d->messages + 1;
	snprintf(ret->remote, sizeof ret->remote, "%s", d->remote);
	d->client = NULL;
	d->is_kept = false;
	return true;
}
