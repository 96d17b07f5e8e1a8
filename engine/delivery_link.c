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

bool link_begin(struct hk_delivery *d)
{
	struct hk_delivery_link *link = d->env.link;

	if (!link || !link->client)
		return false;
	d->client = link->client;
	d->messages = link->messages;
	d->policy.decision = link->decision;
	snprintf(d->remote, sizeof d->remote, "%s", link->remote);
	*link = (struct hk_delivery_link){0};
	if (is_special(d)) {
		hk_smtpc_quit(d->client);
		delivery_close(d);
		return false;
	}
	d->policy.is_counted = true; /* the session was, when it began */
	d->is_reused = true;
	d->progress = d->now.mono_ms;
	delivery_wait(d, STEP_TALK, 0);
	transaction_ready(d);
	return true;
}

bool link_lost(struct hk_delivery *d)
{
	if (!d->is_reused || delivery_is_settled(d))
		return false;
	hk_logf(d->env.log, HK_LOG_DEBUG, "qid=%s ev=reconnect remote=%s", d->id_text,
	    hk_log_value(hk_slice_str(d->remote)).text);
	d->is_reused = false;
	d->messages = 0;
	d->n_batch = 0;
	delivery_close(d);
	d->remote[0] = 0;
	d->policy.is_counted = false;
	hosts_begin(d);
	return true;
}

bool link_can_stay(const struct hk_delivery *d)
{
	return d->env.can_keep && !is_special(d) && !hk_smtpc_is_spent(d->client) &&
	       d->messages + 1 < d->env.job->route->connection_messages;
}

bool hk_delivery_take_link(struct hk_delivery *d, struct hk_delivery_link *ret)
{
	if (!d->is_kept || d->step != STEP_DONE)
		return false;
	*ret = (struct hk_delivery_link){
	    .client = d->client, .decision = d->policy.decision, .messages = d->messages + 1};
	snprintf(ret->remote, sizeof ret->remote, "%s", d->remote);
	d->client = NULL;
	d->is_kept = false;
	return true;
}
