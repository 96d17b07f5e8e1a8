/* SPDX-License-Identifier: MIT
 *
 * delivery_resume.c - transactions with an id at a next hop that offers CHECKPOINT (RFC 1845): one that breaks off goes on over
 * another connection to the same address, and one whose last reply was lost is asked for it.
 *
 * Deliberate: only within one attempt. The next one signs anew, so its octets are others; and a connection that came from another
 * message leads to a host of which too little is known here to go there again.
 */
#include <stdio.h>
#include <string.h>

#include "engine/delivery_internal.h"

/* RFC 1845 3: the server needs some time to see that the connection is gone. The last one is long enough for a slow disk. */
static const uint64_t pauses[] = {1000, 4000, 16000};
enum { PAUSES = sizeof pauses / sizeof pauses[0] };

static bool can_name(const struct hk_delivery *d)
{
	const struct hk_conf_route *route = d->env.job->route;

	return route->checkpoint && !d->is_reused && (hk_smtpc_offered(d->client) & HK_EXT(CHECKPOINT)) &&
	       hk_slice_find(route->helo, '[') == route->helo.n;
}

/* The queue's id, the time, the first recipient (two jobs of a message have none in common) and a count. */
struct hk_slice resume_name(struct hk_delivery *d)
{
	const struct hk_job *job = d->env.job;
	struct resume *r = &d->resume;
	int n;

	r->transid[0] = 0;
	if (!can_name(d))
		return (struct hk_slice){0};
	n = snprintf(r->transid, sizeof r->transid, "<%s.%llx.%lx.%x@%.*s>", d->id_text,
	    (unsigned long long)d->now.utc * 1000 + d->now.utc_ms, (unsigned long)job->rcpt[0], ++r->serial, HK_FMT(job->route->helo));
	if (n < 0 || (size_t)n >= sizeof r->transid)
		r->transid[0] = 0;
	return hk_slice_str(r->transid);
}

size_t resume_gather(struct hk_delivery *d, struct hk_slice *rcpt, struct hk_smtp_rcpt_params *params)
{
	size_t i;

	for (i = 0; i < d->resume.n; i++) {
		rcpt[i] = d->target[d->resume.target[i]];
		params[i] = delivery_params(d, d->resume.target[i]);
		d->batch[i] = d->resume.target[i];
	}
	return d->n_batch = d->resume.n;
}

/* Those whom the server has taken: whoever it has not is settled by its reply to RCPT. */
bool resume_lost(struct hk_delivery *d, const struct hk_smtpc_event *e)
{
	struct resume *r = &d->resume;
	size_t i;

	if (!r->transid[0] || !hk_smtpc_has_transid(d->client) || !e->reply.own || e->reply.code != 421 ||
	    (e->stage != HK_SMTPC_DOT && !(e->stage == HK_SMTPC_DATA && r->is_sent)))
		return false;
	for (r->n = 0, i = 0; i < d->n_batch; i++)
		if (!d->is_settled[d->batch[i]])
			r->target[r->n++] = d->batch[i];
	r->is_open = r->n > 0;
	r->is_complete = r->is_complete || e->stage == HK_SMTPC_DOT;
	reason_set(&r->why, e->reply.code, e->reply.enhanced, d->remote, e->reply.text);
	r->why.is_ours = true;
	return r->is_open;
}

bool resume_is_refused(const struct hk_delivery *d, const struct hk_smtpc_event *e)
{
	return d->resume.is_open && e->stage == HK_SMTPC_MAIL && e->reply.code >= 400 &&
	       (e->reply.code < 500 || d->resume.is_complete); /* what may be there is not reported as lost */
}

void resume_over(struct hk_delivery *d)
{
	struct resume *r = &d->resume;
	size_t i;

	/* the message may be there: no other host gets it in this attempt */
	for (i = 0; r->is_open && r->is_complete && i < r->n; i++)
		delivery_settle(d, r->target[i], HK_RCPT_PENDING, &r->why);
	r->is_open = r->is_complete = r->is_sent = false;
	r->transid[0] = 0;
	r->n = 0;
}

bool resume_wait(struct hk_delivery *d)
{
	struct resume *r = &d->resume;

	if (!r->is_open)
		return false;
	if (r->tries == PAUSES || !d->is_rendered) {
		resume_over(d);
		return false;
	}
	hk_logf(d->env.log, HK_LOG_INFO, "qid=%s ev=resume remote=%s transid=%s", d->id_text,
	    hk_log_value(hk_slice_str(d->remote)).text, r->transid);
	if (d->tries)
		d->tries--; /* it is the same try */
	delivery_wait(d, STEP_PAUSE, pauses[r->tries++]);
	return true;
}
