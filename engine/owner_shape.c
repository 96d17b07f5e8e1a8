/* SPDX-License-Identifier: MIT
 *
 * owner_shape.c - how much a hop takes, learnt from what it says. One found by MX begins with a few deliveries at once, a host that
 * the configuration names with all that the route allows. Each that goes well makes it one more, up to the route's concurrency;
 * once the hop was down, only as many as are allowed going well do (slow start and additive increase, as TCP has them).
 * When no host of it would talk of the recipients at all, be it by its DNS, the connection or 421, it is half as many, and
 * the hop rests: its other mail is put off without asking it again, for three quarters of the time after which mail is tried again.
 * What is due after that goes, as few at once as that. What was wrong with one message alone, such as TLS that it has to have,
 * teaches nothing.
 */
#include "engine/log_value.h"
#include "engine/owner_internal.h"

/* ---- the operator's numbers ------------------------------------------------------- */

static unsigned lower(unsigned of_route, unsigned of_shape)
{
	return of_shape && of_shape < of_route ? of_shape : of_route;
}

unsigned hk_hop_most(const struct hk_hop *hop)
{
	return lower(hop->route->concurrency, hop->shape ? hop->shape->concurrency : 0);
}

unsigned hk_hop_most_messages(const struct hk_hop *hop)
{
	return lower(hop->route->connection_messages, hop->shape ? hop->shape->connection_messages : 0);
}

unsigned hk_hop_most_rcpts(const struct hk_hop *hop)
{
	return lower(lower(HK_JOB_RCPT_MAX, hop->route->message_rcpts), hop->shape ? hop->shape->message_rcpts : 0);
}

/* ---- the rate ----------------------------------------------------------------------
 *
 * Each that begins moves the time of the next one by an interval. Some haste is allowed, so that a busy hop is woken ten times a
 * second and not for each message; the interval is longer for it: in any window of W, with haste H, at most (W + H) / interval + 1
 * begin, and that is the configured number. */

struct hk_conf_rate hk_hop_rate(const struct hk_hop *hop)
{
	const struct hk_conf_rate *a = &hop->route->rate, *b = hop->shape ? &hop->shape->rate : a;

	if (!a->most || (b->most && (uint64_t)b->most * a->seconds < (uint64_t)a->most * b->seconds))
		return *b;
	return *a;
}

static uint64_t haste_us(const struct hk_conf_rate *rate)
{
	uint64_t twentieth = (uint64_t)rate->seconds * 1000000 / 20;

	return twentieth < HK_HOP_HASTE_US ? twentieth : HK_HOP_HASTE_US;
}

bool hk_hop_is_paced(const struct hk_owner *o, const struct hk_hop *hop)
{
	struct hk_conf_rate rate = hk_hop_rate(hop);

	return rate.most && !hk_hop_rests(o, hop) && o->now.mono_ms * 1000 + haste_us(&rate) < hop->next_us;
}

void hk_hop_begun(struct hk_owner *o, struct hk_hop *hop)
{
	struct hk_conf_rate rate = hk_hop_rate(hop);
	uint64_t now = o->now.mono_ms * 1000;

	if (!rate.most)
		return;
	if (hop->next_us < now)
		hop->next_us = now;
	hop->next_us += ((uint64_t)rate.seconds * 1000000 + haste_us(&rate)) / rate.most + 1;
}

/* ---- what is learnt ------------------------------------------------------------------- */

bool hk_hop_rests(const struct hk_owner *o, const struct hk_hop *hop)
{
	return hop->rests_until > o->now.mono_ms;
}

static uint64_t rest_ms(const struct hk_hop *hop)
{
	const struct hk_conf_times *times = &hop->route->retry;
	size_t i = hop->failures - 1;
	uint64_t seconds = HK_OWNER_RETRY_S;

	if (times->n)
		seconds = times->at[i < times->n ? i : times->n - 1];
	return seconds * 750;
}

void hk_hop_fail(struct hk_owner *o, struct hk_hop *hop, struct hk_slice domain, const struct hk_rcpt_result *why)
{
	if (hk_hop_rests(o, hop))
		return; /* one that had begun before */
	hop->limit = hop->limit > 1 ? hop->limit / 2 : 1;
	hop->credit = 0;
	hop->was_down = true;
	hop->failures++;
	hop->rests_until = o->now.mono_ms + rest_ms(hop);
	hk_reason_release(o, hop->reason);
	hop->reason = hk_reason_use(o, why);
	hk_logf(o->log, HK_LOG_INFO, "ev=rest domain=%s limit=%u failures=%u seconds=%u code=%u status=%s text=%s",
	    hk_log_quote(domain).text, hop->limit, hop->failures, (unsigned)(rest_ms(hop) / 1000), why->code,
	    why->enhanced[0] ? why->enhanced : "none", hk_log_value(hk_slice_str(why->text)).text);
}

static void succeed(struct hk_hop *hop)
{
	hop->failures = 0;
	hop->rests_until = 0;
	if (hop->limit < hk_hop_most(hop) && (++hop->credit >= hop->limit || !hop->was_down)) {
		hop->limit++;
		hop->credit = 0;
	}
}

/* A host that has both families and is reached by one of them alone keeps each message waiting for the other, up to half a minute: so
 * all of the hop is spared it for a time. */
static void learn_family(struct hk_owner *o, struct hk_hop *hop, const struct hk_job *job)
{
	if (!job->family_failed)
		return;
	hop->avoids = job->family_failed;
	hop->avoids_until = o->now.mono_ms + HK_FAMILY_AVOID_MS;
	hk_logf(o->log, HK_LOG_INFO, "ev=family domain=%s avoid=ipv%u seconds=%u", hk_log_quote(job->domain).text, hop->avoids,
	    HK_FAMILY_AVOID_MS / 1000);
}

void hk_hop_learn(struct hk_owner *o, struct hk_hop *hop, const struct hk_job *job)
{
	if (job->released)
		return;
	learn_family(o, hop, job);
	switch (job->news) {
	case HK_HOP_TALKED:
		succeed(hop);
		break;
	case HK_HOP_DOWN:
		hk_hop_fail(o, hop, job->domain, &job->result[0]);
		break;
	case HK_HOP_SILENT:
		break;
	case HK_HOP_UNKNOWN:
		hk_site_forget(o, hop, job);
		break;
	}
}
