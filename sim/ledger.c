/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/world.h"

size_t hk_sim_ledger_new(struct hk_sim *s, unsigned n_rcpt)
{
	struct hk_sim_ledger *l = &s->ledger;
	struct hk_sim_mail *m;
	unsigned i;

	if (l->n == l->room) {
		l->room = l->room ? l->room * 2 : 64;
		l->mail = realloc(l->mail, l->room * sizeof *l->mail);
		if (!l->mail)
			abort();
	}
	m = &l->mail[l->n];
	*m = (struct hk_sim_mail){.n_rcpt = n_rcpt, .began_ms = s->now.mono_ms};
	m->has_null_sender = s->plan.null_senders && hk_prng_chance(&s->prng, 200000);
	for (i = 0; i < n_rcpt; i++)
		snprintf(m->rcpt[i].address, sizeof m->rcpt[i].address, "r%zu-%u@d%u.test", l->n, i,
		    (unsigned)hk_prng_below(&s->prng, 3));
	return l->n++;
}

/* RFC 2852 4: with R at least a second; with N it may have passed already. */
void hk_sim_ledger_by(struct hk_sim *s, struct hk_sim_mail *m)
{
	m->has_by = true;
	m->by_return = hk_prng_coin(&s->prng);
	m->by_s = (int32_t)hk_prng_below(&s->prng, 1200) + (m->by_return ? 1 : -100);
}

void hk_sim_ledger_answer(struct hk_sim *s, size_t number, enum hk_sim_answer answer)
{
	struct hk_sim_mail *m = &s->ledger.mail[number];

	m->answer = answer;
	m->crashes = s->crashes;
	s->ledger.acked += answer == HK_SIM_ACKED;
	hk_sim_trace(s, "mail %zu is %s", number,
	    answer == HK_SIM_ACKED     ? "acknowledged"
	    : answer == HK_SIM_REFUSED ? "refused"
	                               : "in doubt");
}

/* Decimal, without the price of printf: bodies are most of what a seed writes. */
static char *put_number(char *to, size_t n)
{
	char digits[24];
	size_t i = sizeof digits;

	do
		digits[--i] = (char)('0' + n % 10);
	while (n /= 10);
	memcpy(to, digits + i, sizeof digits - i);
	return to + sizeof digits - i;
}

void hk_sim_body_add(const struct hk_sim *s, size_t number, struct hk_buf *out)
{
	/* a dot alone, two, and one before a word: all that RFC 5321 4.5.2 is about */
	static const char *const dots[16] = {"", "", "", "", "", "", "", "", "", "", "", "", ".", ".\r\n", "..\r\n", "...\r\n."};
	static const char words[] = ", a line that says where it is from\r\n";
	size_t n = s->ledger.mail[number].body_n, i;
	char line[128], *at;

	hk_buf_addf(out, "body of %zu\r\n", number);
	for (i = 0; i < n; i++) {
		at = put_number(stpcpy(line, dots[(number + i) % 16]), number);
		*at++ = '.';
		at = put_number(at, i);
		memcpy(at, words, sizeof words - 1);
		hk_buf_add(out, hk_slice_of(line, (size_t)(at - line) + sizeof words - 1));
	}
}

/* "rN-I@..." or "sN@..."; *ret_rcpt is UINT32_MAX for a sender */
static bool parse_address(struct hk_slice a, size_t *ret_number, unsigned *ret_rcpt)
{
	struct hk_slice local = hk_slice_sub(a, 0, hk_slice_find(a, '@')), number, rcpt;
	size_t dash = hk_slice_find(local, '-');
	bool is_sender = local.n && local.p[0] == 's' && dash == local.n;
	uint64_t n, i = UINT32_MAX;

	if (!is_sender && (!local.n || local.p[0] != 'r'))
		return false;
	number = hk_slice_sub(hk_slice_sub(local, 0, dash), 1, local.n);
	rcpt = hk_slice_from(local, dash + 1);
	if (hk_slice_u64(number, UINT32_MAX, &n) != HK_OK)
		return false;
	if (!is_sender && hk_slice_u64(rcpt, HK_SIM_RCPTS, &i) != HK_OK)
		return false;
	*ret_number = (size_t)n;
	*ret_rcpt = (unsigned)i;
	return true;
}

struct hk_sim_rcpt *hk_sim_ledger_find(
    struct hk_sim *s, struct hk_slice address, size_t *ret_number)
{
	size_t number;
	unsigned i;

	if (!parse_address(address, &number, &i) || number >= s->ledger.n ||
	    i >= s->ledger.mail[number].n_rcpt)
		return NULL;
	if (!hk_slice_eq(address, hk_slice_str(s->ledger.mail[number].rcpt[i].address)))
		return NULL;
	if (ret_number)
		*ret_number = number;
	return &s->ledger.mail[number].rcpt[i];
}

static bool holds(struct hk_slice text, const char *what)
{
	return text.n && memmem(text.p, text.n, what, strlen(what));
}

/* The least age at which its sender may hear of a failure that is none of a sink's, or of a delay: his own time may come first (RFC 2852 4.1). */
static uint64_t least_age_ms(const struct hk_sim_mail *m, unsigned usual_s, bool is_own_time)
{
	int64_t s = (int64_t)usual_s - 60;

	if (m->has_by && is_own_time && m->by_s - 2 < s) /* seconds of the calendar and of the clock that does not jump begin at different moments */
		s = m->by_s - 2;
	return s > 0 ? (uint64_t)s * 1000 : 0;
}

/* What a report says became of an address: "failed", "relayed"; empty where it does not speak of it. */
static struct hk_slice action_of(struct hk_slice body, const char *address)
{
	struct hk_slice word = HK_S("\r\nAction: ");
	char field[HK_SIM_ADDRESS + 32];
	const uint8_t *at;

	snprintf(field, sizeof field, "\r\nFinal-Recipient: rfc822; %s\r\n", address);
	at = body.n ? memmem(body.p, body.n, field, strlen(field)) : NULL;
	body = hk_slice_from(body, at ? (size_t)(at - body.p) : body.n);
	at = body.n ? memmem(body.p, body.n, word.p, word.n) : NULL;
	body = hk_slice_from(body, at ? (size_t)(at - body.p) + word.n : body.n);
	return hk_slice_sub(body, 0, hk_slice_find(body, '\r'));
}

/* A DSN reached the sender of a mail; or it never will. */
static void see_dsn(struct hk_sim *s, size_t number, struct hk_slice body, bool arrived)
{
	struct hk_sim_mail *m = &s->ledger.mail[number];
	uint64_t age_ms = s->now.mono_ms - m->began_ms + s->jumped_s * 1000;
	unsigned i;

	if (m->has_null_sender)
		hk_sim_violation(s, 8, "a bounce of mail %zu, which is from <>", number);
	if (holds(body, "\r\nAction: delayed\r\n") && !holds(body, "\r\nAction: failed\r\n")) {
		if (m->answer == HK_SIM_ACKED && age_ms < least_age_ms(m, HK_SIM_NOTICE, !m->by_return))
			hk_sim_violation(s, 8, "mail %zu is called late before it is", number);
		return;
	}
	for (i = 0; i < m->n_rcpt; i++) {
		struct hk_sim_rcpt *r = &m->rcpt[i];

		if (body.p && !hk_slice_eq(action_of(body, r->address), HK_S("failed")))
			continue; /* a trace that ends with a delivery; without a body it may be about any of them */
		r->may_lack_dsn |= !arrived;
		r->dsns += arrived;
		s->ledger.dsns += arrived;
		if (arrived && !r->has_failed && m->answer == HK_SIM_ACKED && !m->may_be_expired &&
		    age_ms < least_age_ms(m, HK_SIM_LIFETIME, m->by_return))
			hk_sim_violation(s, 8, "a bounce for the temporary error of %s", r->address);
	}
}

static void check_content(
    struct hk_sim *s, size_t number, struct hk_slice from, struct hk_slice body)
{
	struct hk_sim_mail *m = &s->ledger.mail[number];
	char sender[HK_SIM_ADDRESS] = "";
	struct hk_buf want;

	if (!m->has_null_sender)
		snprintf(sender, sizeof sender, "s%zu@a.test", number);
	if (!hk_slice_eq(from, hk_slice_str(sender)))
		hk_sim_violation(s, 4, "mail %zu came from another sender", number);
	hk_buf_init(&want, 16 * 1024 * 1024);
	hk_sim_body_add(s, number, &want);
	if (!hk_slice_eq(hk_buf_slice(&want), body))
		hk_sim_violation(s, 3, "the body of mail %zu is not what was sent", number);
	hk_buf_done(&want);
	if (m->answer == HK_SIM_REFUSED ||
	    (m->answer == HK_SIM_DOUBTFUL && m->crashes == s->crashes))
		hk_sim_violation(s, 4, "mail %zu was refused, and is delivered", number);
}

void hk_sim_ledger_delivered(
    struct hk_sim *s, struct hk_slice from, struct hk_slice rcpt, struct hk_slice body)
{
	struct hk_sim_rcpt *r;
	size_t number;
	unsigned i;

	if (parse_address(rcpt, &number, &i) && i == UINT32_MAX && number < s->ledger.n &&
	    !from.n) {
		see_dsn(s, number, body, true);
		return;
	}
	r = hk_sim_ledger_find(s, rcpt, &number);
	if (!r && !from.n && !rcpt.n)
		hk_sim_violation(s, 8, "a bounce to nobody");
	else if (!r || !r->is_taken)
		hk_sim_violation(s, 4, "mail for %.*s, whom nobody named", HK_FMT(rcpt));
	if (!r)
		return;
	check_content(s, number, from, body);
	r->deliveries++;
	r->is_unrecorded = true;
	r->is_posted = false; /* what was, is an earlier attempt's */
	s->ledger.delivered++;
	s->ledger.duplicates += r->deliveries > 1;
	if (r->deliveries > 1 + r->ambiguous)
		hk_sim_violation(s, 2, "%s got %u copies, and %u faults allow it", r->address,
		    r->deliveries, r->ambiguous);
}

/* A sink refused it for good, or would not take it until it is too old. */
void hk_sim_ledger_failed(struct hk_sim *s, struct hk_slice rcpt, struct hk_slice body)
{
	struct hk_sim_rcpt *r;
	size_t number;
	unsigned i;

	if (parse_address(rcpt, &number, &i) && i == UINT32_MAX && number < s->ledger.n) {
		see_dsn(s, number, body, false);
		return;
	}
	r = hk_sim_ledger_find(s, rcpt, &number);
	if (!r && rcpt.n)
		hk_sim_violation(s, 4, "an attempt for %.*s, whom nobody named", HK_FMT(rcpt));
	else if (r)
		r->has_failed = true;
}

void hk_sim_ledger_crashed(struct hk_sim *s)
{
	size_t n;
	unsigned i;

	for (n = 0; n < s->ledger.n; n++) {
		struct hk_sim_mail *m = &s->ledger.mail[n];

		/* what ends without a delivery may be durable, and its line not written yet */
		m->may_lack_line |= m->may_be_removed || m->may_be_expired || (m->has_by && m->by_return);
		for (i = 0; i < m->n_rcpt; i++) {
			struct hk_sim_rcpt *r = &m->rcpt[i];

			m->may_lack_line |= r->is_posted;
			r->ambiguous += r->is_unrecorded;
			r->is_unrecorded = r->is_posted = false;
			r->lines = r->told; /* it will come again, with another line */
		}
	}
}

struct hk_sim_mail *hk_sim_ledger_by_id(struct hk_sim *s, uint64_t id)
{
	size_t n;

	for (n = s->ledger.n; n-- > s->ledger.settled;)
		if (s->ledger.mail[n].id == id)
			return &s->ledger.mail[n];
	return NULL;
}

struct hk_sim_rcpt *hk_sim_ledger_taken(struct hk_sim_mail *m, size_t index)
{
	unsigned i;

	for (i = 0; i < m->n_rcpt; i++)
		if (m->rcpt[i].is_taken && !index--)
			return &m->rcpt[i];
	return NULL;
}

void hk_sim_ledger_posted(struct hk_sim *s, const struct hk_job *job)
{
	struct hk_sim_mail *m = hk_sim_ledger_by_id(s, job->id);
	size_t i;

	for (i = 0; m && i < job->n_rcpt; i++) {
		struct hk_sim_rcpt *r = hk_sim_ledger_taken(m, job->rcpt[i]);

		if (r)
			r->is_posted = true;
	}
}

void hk_sim_ledger_recorded(struct hk_sim *s, const struct hk_returned *still)
{
	const struct hk_returned *r;
	size_t n, i;

	for (n = s->ledger.settled; n < s->ledger.n; n++) {
		struct hk_sim_mail *m = &s->ledger.mail[n];

		for (i = 0; i < m->n_rcpt && !m->rcpt[i].is_posted; i++)
			;
		if (i == m->n_rcpt)
			continue;
		for (r = still; r && r->job->id != m->id; r = r->next)
			;
		for (i = 0; !r && i < m->n_rcpt; i++) {
			if (m->rcpt[i].is_posted)
				m->rcpt[i].is_unrecorded = m->rcpt[i].is_posted = false;
		}
	}
}

bool hk_sim_may_be_given_up(const struct hk_sim *s, int64_t received)
{
	int64_t age = s->now.utc - received;

	return (age > 0 ? age : 0) + (int64_t)s->jumped_s >= HK_SIM_LIFETIME / 2;
}

/* I1: acknowledged means delivered, or its sender told, or nobody to tell. */
static void check_rcpt(struct hk_sim *s, size_t number, const struct hk_sim_rcpt *r)
{
	const struct hk_sim_mail *m = &s->ledger.mail[number];
	bool is_old = s->now.mono_ms - m->began_ms + s->jumped_s * 1000 >= HK_SIM_LIFETIME * 1000ull;

	if (r->lines != r->told)
		hk_sim_violation(s, 10, "%s has %u last results and %u lines of them", r->address, r->told, r->lines);
	if (m->answer != HK_SIM_ACKED || !r->is_taken || r->deliveries || r->dsns || r->may_lack_dsn)
		return;
	if (m->has_null_sender && (r->has_failed || is_old || m->may_be_expired || (m->has_by && m->by_return)))
		return;
	if (m->may_be_removed)
		return;
	hk_sim_violation(
	    s, 1, "mail %zu was acknowledged; %s got nothing and nobody was told", number, r->address);
}

void hk_sim_ledger_check(struct hk_sim *s)
{
	size_t n;
	unsigned i;

	for (n = s->ledger.settled; n < s->ledger.n; n++) {
		const struct hk_sim_mail *m = &s->ledger.mail[n];
		bool is_acked = m->answer == HK_SIM_ACKED;

		for (i = 0; i < m->n_rcpt; i++)
			check_rcpt(s, n, &m->rcpt[i]);
		if (is_acked && !m->removed && !m->may_lack_line)
			hk_sim_violation(s, 10, "mail %zu is done, and no line says so", n);
		if (is_acked && s->zone && m->accepts != 1)
			hk_sim_violation(s, 10, "mail %zu is acknowledged with %u lines", n, m->accepts);
	}
	s->ledger.settled = s->ledger.n;
}

void hk_sim_ledger_done(struct hk_sim *s)
{
	free(s->ledger.mail);
}
