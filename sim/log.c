/* SPDX-License-Identifier: MIT
 *
 * log.c - the log as whoever reads it later: every line can be taken apart, and what ended is said once (I10).
 */
#include <string.h>

#include "sim/world.h"

/* The next key=value off the line; false at its end, or where it cannot be read. */
static bool take_pair(struct hk_slice *line, struct hk_slice *ret_key, struct hk_slice *ret_value)
{
	size_t equals = hk_slice_find(*line, '='), end;

	*ret_key = hk_slice_sub(*line, 0, equals);
	if (equals == line->n || !ret_key->n || hk_slice_find(*ret_key, ' ') < ret_key->n)
		return false;
	*line = hk_slice_from(*line, equals + 1);
	if (line->n && line->p[0] == '"') {
		for (end = 1; end < line->n && line->p[end] != '"'; end++)
			end += line->p[end] == '\\';
		if (end++ >= line->n)
			return false;
	} else {
		end = hk_slice_find(*line, ' ');
	}
	*ret_value = hk_slice_sub(*line, 0, end);
	*line = hk_slice_from(*line, end);
	if (line->n && line->p[0] != ' ')
		return false;
	*line = hk_slice_from(*line, 1);
	return true;
}

struct seen {
	struct hk_slice id, event, rcpt, outcome, attempts, next;
};

/* Whether a retry time is one of these: what stands there for this attempt, up to an eighth later (docs/queue.md). */
static bool is_one_of(const struct hk_conf_times *times, uint64_t attempts, uint64_t next)
{
	uint64_t wait = times->n ? times->at[attempts <= times->n ? attempts - 1 : times->n - 1] : HK_OWNER_RETRY_S;

	return next >= wait && next <= wait + wait / 8;
}

static bool is_retry(const struct hk_conf *conf, uint64_t attempts, uint64_t next)
{
	size_t i;

	for (i = 0; i < conf->n_routes; i++)
		if (is_one_of(&conf->route[i].retry, attempts, next))
			return true;
	return false;
}

/* I7: when it is tried again follows from the configuration, from how often it could not even be tried, or from when its
 * time is over. */
static void check_retry(struct hk_sim *s, const struct seen *seen, const struct hk_sim_mail *m)
{
	uint64_t attempts, next, wait;

	if (hk_slice_u64(seen->attempts, UINT32_MAX, &attempts) != HK_OK ||
	    hk_slice_u64(hk_slice_sub(seen->next, 0, seen->next.n - 1), UINT32_MAX, &next) != HK_OK)
		return;
	if (attempts && (is_retry(s->conf[0], attempts, next) || is_retry(s->conf[1], attempts, next)))
		return;
	for (wait = HK_OWNER_RELEASE_S; wait < HK_OWNER_RELEASE_MOST_S; wait *= 2)
		if (next == wait)
			return;
	if (next == HK_OWNER_RELEASE_MOST_S)
		return;
	if (!m || (s->now.mono_ms - m->began_ms) / 1000 + s->jumped_s + next + 60 >= HK_SIM_LIFETIME)
		return;
	hk_sim_violation(s, 7, "%.*s is tried again in %.*s after %.*s attempts", HK_FMT(seen->id), HK_FMT(seen->next),
	    HK_FMT(seen->attempts));
}

static void count(struct hk_sim *s, const struct seen *seen)
{
	struct hk_sim_mail *m = NULL;
	struct hk_sim_rcpt *r;
	uint64_t id;

	if (hk_mail_id_parse(seen->id, &id) == HK_OK)
		m = hk_sim_ledger_by_id(s, id);
	if (hk_slice_eq(seen->event, HK_S("deferred")))
		check_retry(s, seen, m);
	if (!m)
		return; /* a DSN, or nothing that came to be */
	if (hk_slice_eq(seen->event, HK_S("removed")) && m->removed++)
		hk_sim_violation(s, 10, "the end of %.*s is told twice", HK_FMT(seen->id));
	m->accepts += hk_slice_eq(seen->event, HK_S("accept"));
	if (!hk_slice_eq(seen->event, HK_S("delivery")) || hk_slice_eq(seen->outcome, HK_S("deferred")))
		return;
	r = hk_sim_ledger_find(s, seen->rcpt, NULL);
	if (r)
		r->lines++;
	else
		hk_sim_violation(s, 10, "a line about %.*s, whom nobody named", HK_FMT(seen->rcpt));
}

static bool holds(struct hk_slice line, struct hk_slice what)
{
	return line.n && memmem(line.p, line.n, what.p, what.n);
}

void hk_sim_log_line(struct hk_sim *s, struct hk_slice line)
{
	struct hk_slice rest = line, key, value;
	struct seen seen = {0};
	size_t i;

	for (i = 0; i < line.n; i++)
		if (!hk_is_graph(line.p[i]) && line.p[i] != ' ')
			hk_sim_violation(s, 10, "an octet 0x%02x in the log", line.p[i]);
	s->files_left += holds(line, HK_S("could not be removed")) || holds(line, HK_S("ev=body-left"));
	if (!hk_slice_starts_nocase(line, HK_S("qid=")) && !hk_slice_starts_nocase(line, HK_S("ev=")))
		return; /* a sentence of the spool's */
	while (rest.n) {
		if (!take_pair(&rest, &key, &value)) {
			hk_sim_violation(s, 10, "a line that cannot be taken apart: %.*s", HK_FMT(line));
			return;
		}
		if (hk_slice_eq(key, HK_S("qid")))
			seen.id = value;
		else if (hk_slice_eq(key, HK_S("ev")))
			seen.event = value;
		else if (hk_slice_eq(key, HK_S("rcpt")))
			seen.rcpt = value;
		else if (hk_slice_eq(key, HK_S("outcome")))
			seen.outcome = value;
		else if (hk_slice_eq(key, HK_S("attempts")))
			seen.attempts = value;
		else if (hk_slice_eq(key, HK_S("next")))
			seen.next = value;
	}
	if (seen.id.n)
		count(s, &seen);
}
