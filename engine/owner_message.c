/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "engine/owner_internal.h"
#include "lib/base/bug.h"

struct hk_message *hk_message_new(struct hk_owner *o, const struct hk_mail *mail, const struct hk_now *now)
{
	size_t size, i;
	struct hk_message *m;

	if (!hk_mul_size(mail->n_rcpt, sizeof m->rcpt[0], &size) ||
	    !hk_add_size(size, sizeof *m, &size))
		return NULL;
	if (hk_heap_reserve(o, o->messages.n + 1) != HK_OK)
		return NULL;
	m = calloc(1, size);
	if (!m)
		return NULL;
	m->id = mail->id;
	m->at = SIZE_MAX;
	m->n_rcpt = m->pending = (uint32_t)mail->n_rcpt;
	m->is_quarantined = mail->flags & HK_MAIL_QUARANTINE;
	m->is_ours = !mail->listener.n;
	m->is_large = hk_mail_size(mail) + mail->body_size > HK_LARGE_MAIL;
	if (mail->params.has_by)
		m->by = mail->params.by_return ? HK_BY_RETURN : HK_BY_NOTIFY;
	m->by_s = mail->params.by_seconds / (HK_BUG(BY_TOO_SOON) ? 2 : 1);
	m->born_ms = (int64_t)now->mono_ms - (now->utc > mail->received ? now->utc - mail->received : 0) * 1000;
	for (i = 0; i < m->n_rcpt; i++) {
		m->rcpt[i].domain = hk_domain_use(o, mail->rcpt[i].address);
		if (!m->rcpt[i].domain)
			goto failed;
		m->rcpt[i].outcome = mail->rcpt[i].outcome;
		m->rcpt[i].notify = (uint8_t)mail->rcpt[i].params.notify;
		m->pending -= m->rcpt[i].outcome != HK_RCPT_PENDING;
	}
	if (!hk_id_map_get(&o->messages, m->id) && hk_id_map_put(&o->messages, m) == HK_OK)
		return m;
failed:
	for (i = 0; i < m->n_rcpt; i++)
		hk_domain_release(o, m->rcpt[i].domain);
	free(m);
	return NULL;
}

void hk_message_free(struct hk_owner *o, struct hk_message *m)
{
	size_t i;

	hk_id_map_remove(&o->messages, m->id);
	hk_heap_remove(o, m);
	for (i = 0; i < m->n_rcpt; i++) {
		hk_domain_release(o, m->rcpt[i].domain);
		hk_reason_release(o, m->rcpt[i].reason);
	}
	free(m);
}

void hk_message_removed(struct hk_owner *o, struct hk_message *m)
{
	char id[HK_MAIL_ID_TEXT];

	hk_mail_id_format(m->id, id);
	if (!HK_BUG(NO_LAST_LINE) || m->attempts)
		hk_logf(o->log, HK_LOG_INFO, "qid=%s ev=removed", id);
	hk_message_free(o, m);
}

bool hk_message_is_waiting_for(const struct hk_message *m, size_t rcpt)
{
	const struct hk_message_rcpt *r = &m->rcpt[rcpt];

	return r->outcome == HK_RCPT_PENDING && !r->is_out && !(m->marks & HK_SPOOL_HELD) &&
	       !(m->is_quarantined && r->domain->is_hold && !(m->marks & HK_SPOOL_RELEASED));
}

/* Until the sender's time, as long as something is to be done about it then; negative: there is not. */
static int64_t by_left_ms(const struct hk_owner *o, const struct hk_message *m)
{
	if (!m->by || (m->by == HK_BY_NOTIFY && (m->marks & HK_SPOOL_BY_TOLD)))
		return -1;
	return m->born_ms + (int64_t)m->by_s * 1000 - (int64_t)o->now.mono_ms;
}

bool hk_message_is_late(const struct hk_owner *o, const struct hk_message *m)
{
	return m->by && (int64_t)o->now.mono_ms >= m->born_ms + (int64_t)m->by_s * 1000;
}

void hk_message_schedule(struct hk_owner *o, struct hk_message *m, uint64_t in_ms)
{
	int64_t left;
	size_t i;

	hk_heap_remove(o, m);
	if (m->groups)
		return; /* the end of the round decides */
	for (i = 0; i < m->n_rcpt; i++)
		if (hk_message_is_waiting_for(m, i))
			break;
	if (i == m->n_rcpt)
		return; /* all that is left is held */
	left = by_left_ms(o, m);
	if (left >= 0 && (uint64_t)left < in_ms)
		in_ms = (uint64_t)left;
	m->due_ms = o->now.mono_ms + in_ms;
	hk_heap_push(o, m);
}

/* Counted on the clock that does not jump, but for the time before this process. */
uint64_t hk_message_age_s(const struct hk_owner *o, const struct hk_message *m)
{
	int64_t age = ((int64_t)o->now.mono_ms - m->born_ms) / 1000;

	return age > 0 ? (uint64_t)age : 0;
}

static const struct hk_conf_route *route_of(const struct hk_domain *d)
{
	return d->hop ? d->hop->route : NULL;
}

static bool still_waits(const struct hk_message_rcpt *r)
{
	return r->outcome == HK_RCPT_PENDING && !r->is_over;
}

uint64_t hk_domain_lifetime_s(const struct hk_owner *o, const struct hk_domain *d)
{
	return route_of(d) ? route_of(d)->lifetime : o->conf->lifetime;
}

uint64_t hk_message_lifetime_s(const struct hk_owner *o, const struct hk_message *m)
{
	uint64_t longest = 0, one;
	size_t i;

	for (i = 0; i < m->n_rcpt; i++) {
		one = hk_domain_lifetime_s(o, m->rcpt[i].domain);
		if (still_waits(&m->rcpt[i]) && one > longest)
			longest = one;
	}
	return longest;
}

uint64_t hk_message_retry_s(const struct hk_owner *o, const struct hk_message *m)
{
	uint64_t shortest = UINT64_MAX, one;
	size_t i, at = m->attempts + HK_BUG(BACKOFF_OFF_BY_ONE);

	for (i = 0; i < m->n_rcpt; i++) {
		const struct hk_conf_route *route = route_of(m->rcpt[i].domain);
		const struct hk_conf_times *times = route ? &route->retry : &o->conf->retry;

		if (!still_waits(&m->rcpt[i]))
			continue;
		one = times->n ? times->at[at < times->n ? at : times->n - 1] : HK_OWNER_RETRY_S;
		if (one < shortest)
			shortest = one;
	}
	return shortest == UINT64_MAX ? HK_OWNER_RETRY_S : shortest;
}

uint64_t hk_message_left_s(const struct hk_owner *o, const struct hk_message *m)
{
	uint64_t age = hk_message_age_s(o, m), shortest = UINT64_MAX, one;
	size_t i;

	for (i = 0; i < m->n_rcpt; i++) {
		one = hk_domain_lifetime_s(o, m->rcpt[i].domain);
		one = one > age ? one - age : 0;
		if (still_waits(&m->rcpt[i]) && one < shortest)
			shortest = one;
	}
	return shortest;
}

int64_t hk_message_next_utc(const struct hk_owner *o, const struct hk_message *m)
{
	uint64_t left;

	if (m->at == SIZE_MAX)
		return 0;
	/* with the part of a second that has passed: the same answer, whenever it is asked */
	left = m->due_ms > o->now.mono_ms ? m->due_ms - o->now.mono_ms + o->now.utc_ms : 0;
	return o->now.utc + (int64_t)(left / 1000);
}

bool hk_message_is_committed(const struct hk_owner *o, const struct hk_message *m)
{
	struct hk_place place;

	return hk_spool_find(o->spool, m->id, &place) == HK_OK;
}
