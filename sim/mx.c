/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "sim/mx.h"
#include "sim/net.h"
#include "sim/zone.h"

enum { MESSAGE_MOST = 4 * 1024 * 1024 };

void hk_sim_mx_done(struct hk_sim_mx *m)
{
	hk_buf_done(&m->in);
	hk_buf_done(&m->out);
}

void hk_sim_mx_read(struct hk_sim_mx *m, size_t n)
{
	hk_buf_drop(&m->out, n);
	m->reply_left -= n < m->reply_left ? n : m->reply_left;
}

static void say(struct hk_sim_mx *m, const char *text)
{
	hk_sim_trace(m->sim, "mx: %s", text);
	hk_buf_addf(&m->out, "%s\r\n", text);
}

enum mood { YES, LATER, NO };

static enum mood draw(struct hk_sim *s)
{
	uint64_t x = hk_prng_below(&s->prng, HK_SIM_CHANCE);

	if (s->is_healed || x >= s->plan.temporary + s->plan.permanent)
		return YES;
	return x < s->plan.temporary ? LATER : NO;
}

/* What a server does in place of the reply that it should give. false: nothing of the kind. */
static bool misbehaves(struct hk_sim_mx *m)
{
	struct hk_sim *s = m->sim;

	if (s->is_healed || !hk_prng_chance(&s->prng, s->plan.peer))
		return false;
	switch (hk_prng_below(&s->prng, 6)) {
	case 0:
		say(m, "421 4.3.2 closing");
		m->has_hung_up = true;
		break;
	case 1:
		m->has_hung_up = true;
		break;
	case 2:
		m->is_silent = true;
		break;
	case 3:
		say(m, "this is no reply");
		break;
	case 4:
		say(m, "450-4.3.0 in two\r\n450 4.3.0 lines");
		break;
	default:
		say(m, "451 4.3.0 not now");
		break;
	}
	hk_sim_trace(s, "mx misbehaves");
	return true;
}

static void all_failed(const struct hk_sim_mx *m)
{
	unsigned i;

	for (i = 0; i < m->whom->n; i++)
		hk_sim_ledger_failed(m->sim, hk_slice_str(m->whom->address[i]), (struct hk_slice){0});
}

/* Mail that is to come back may not go to a host without DELIVERBY (RFC 2852 4.1.4.2). */
static void all_with_time_failed(const struct hk_sim_mx *m)
{
	size_t number;

	if (m->whom->n && hk_sim_ledger_find(m->sim, hk_slice_str(m->whom->address[0]), &number) && m->sim->ledger.mail[number].has_by &&
	    m->sim->ledger.mail[number].by_return)
		all_failed(m);
}

void hk_sim_mx_init(struct hk_sim_mx *m, struct hk_sim *s, const struct hk_sim_whom *whom)
{
	*m = (struct hk_sim_mx){.sim = s, .whom = whom};
	hk_buf_init(&m->in, MESSAGE_MOST);
	hk_buf_init(&m->out, 65536);
	if (misbehaves(m))
		return;
	if (!s->is_healed && hk_prng_chance(&s->prng, s->plan.peer / 8)) {
		all_failed(m);
		say(m, "521 5.3.2 no mail here");
		m->has_hung_up = true;
		return;
	}
	say(m, "220 mx.test ready");
}

/* The address between the angle brackets. */
static void take_path(struct hk_slice line, char to[HK_SIM_ADDRESS])
{
	struct hk_slice path = hk_slice_from(line, hk_slice_find(line, '<') + 1);

	snprintf(
	    to, HK_SIM_ADDRESS, "%.*s", HK_FMT(hk_slice_sub(path, 0, hk_slice_find(path, '>'))));
}

/* I8: the next hop gets what is left of the sender's time, and in his mode; not more, and none to a host that knows nothing of it
 * where the mail is to come back (RFC 2852 4.1.4). */
static void check_by(struct hk_sim_mx *m, struct hk_slice line)
{
	struct hk_slice by = HK_S(" BY="), value;
	const uint8_t *at = memmem(line.p, line.n, by.p, by.n);
	const struct hk_sim_mail *mail = NULL;
	size_t number;
	uint64_t n;
	bool is_negative;

	if (m->whom->n && hk_sim_ledger_find(m->sim, hk_slice_str(m->whom->address[0]), &number))
		mail = &m->sim->ledger.mail[number];
	if (!at) {
		if (mail && mail->has_by && (m->has_by || mail->by_return))
			hk_sim_violation(m->sim, 8, "mail %zu goes on without its sender's time", number);
		return;
	}
	value = hk_slice_from(line, (size_t)(at - line.p) + by.n);
	is_negative = value.n && value.p[0] == '-';
	value = hk_slice_from(value, is_negative);
	if (!m->has_by || !mail || !mail->has_by || hk_slice_u64(hk_slice_sub(value, 0, hk_slice_find(value, ';')), INT32_MAX, &n) != HK_OK ||
	    (is_negative ? -(int64_t)n : (int64_t)n) > mail->by_s || (mail->by_return && (is_negative || !n)) ||
	    !hk_slice_starts_nocase(hk_slice_from(value, hk_slice_find(value, ';')), mail->by_return ? HK_S(";R") : HK_S(";N")))
		hk_sim_violation(m->sim, 8, "a time that nobody set: %.*s", HK_FMT(line));
}

static void on_mail(struct hk_sim_mx *m, struct hk_slice line)
{
	enum mood mood = draw(m->sim);

	check_by(m, line);

	take_path(line, m->from_text);
	m->from = hk_slice_str(m->from_text);
	m->n_rcpt = 0;
	m->has_taken = false;
	if (mood == LATER)
		say(m, "451 4.3.0 not now");
	else if (mood == NO && hk_prng_chance(&m->sim->prng, 200000)) {
		all_failed(m);
		say(m, "550 5.7.1 not from you");
	} else {
		say(m, "250 2.1.0 ok");
	}
}

static void on_rcpt(struct hk_sim_mx *m, struct hk_slice line)
{
	char rcpt[HK_SIM_ADDRESS];
	enum mood mood = draw(m->sim);

	take_path(line, rcpt);
	if (mood == LATER) {
		say(m, "450 4.2.0 later");
		return;
	}
	if (mood == NO || m->n_rcpt == HK_SIM_RCPTS) {
		hk_sim_ledger_failed(m->sim, hk_slice_str(rcpt), (struct hk_slice){0});
		say(m, "550 5.1.1 no such user");
		return;
	}
	snprintf(m->rcpt[m->n_rcpt++], sizeof rcpt, "%s", rcpt);
	say(m, "250 2.1.5 ok");
}

/* The dots that were stuffed go (RFC 5321 4.5.2). */
static void unstuff(struct hk_buf *b)
{
	size_t from = 0, to = 0;
	bool at_start = true;

	while (from < b->n) {
		if (at_start && b->p[from] == '.')
			from++;
		at_start = b->p[from] == '\n';
		b->p[to++] = b->p[from++];
	}
	b->n = to;
}

static void on_message(struct hk_sim_mx *m)
{
	struct hk_slice text, body, gap = HK_S("\r\n\r\n");
	const uint8_t *at;
	enum mood mood = draw(m->sim);
	unsigned i;

	m->in_data = false;
	if (misbehaves(m)) {
		hk_buf_reset(&m->in);
		return;
	}
	m->in.n -= 3; /* the dot's line */
	unstuff(&m->in);
	text = hk_buf_slice(&m->in);
	at = memmem(text.p, text.n, gap.p, gap.n);
	body = at ? hk_slice_from(text, (size_t)(at - text.p) + gap.n) : (struct hk_slice){0};
	for (i = 0; mood != LATER && i < m->n_rcpt; i++) {
		size_t number;

		if (mood == YES && hk_sim_ledger_find(m->sim, hk_slice_str(m->rcpt[i]), &number))
			hk_sim_zone_verdict(m->sim, number, hk_slice_sub(text, 0, text.n - body.n));
		if (mood == YES)
			hk_sim_ledger_delivered(m->sim, m->from, hk_slice_str(m->rcpt[i]), body);
		else
			hk_sim_ledger_failed(m->sim, hk_slice_str(m->rcpt[i]), body);
	}
	hk_buf_reset(&m->in);
	say(m, mood == YES ? "250 2.0.0 taken" : mood == NO ? "554 5.7.1 no" : "451 4.3.0 not now");
	m->has_taken = mood == YES;
	m->reply_left = m->out.n;
	/* the reply that gets lost: what was taken will come again */
	m->has_hung_up |= !m->sim->is_healed && hk_prng_chance(&m->sim->prng, 30000);
}

static void on_line(struct hk_sim_mx *m, struct hk_slice line)
{
	if (misbehaves(m))
		return;
	if (hk_slice_starts_nocase(line, HK_S("EHLO"))) {
		m->has_by = m->sim->plan.deliverby && hk_prng_coin(&m->sim->prng);
		say(m, m->has_by                      ? "250-mx.test\r\n250-DELIVERBY\r\n250 SIZE 1000000"
		       : hk_prng_coin(&m->sim->prng) ? "250-mx.test\r\n250-PIPELINING\r\n250 SIZE 1000000"
		                                     : "250 mx.test");
		if (!m->has_by)
			all_with_time_failed(m);
	} else if (hk_slice_starts_nocase(line, HK_S("MAIL FROM:"))) {
		on_mail(m, line);
	} else if (hk_slice_starts_nocase(line, HK_S("RCPT TO:"))) {
		on_rcpt(m, line);
	} else if (hk_slice_starts_nocase(line, HK_S("DATA"))) {
		m->in_data = m->n_rcpt > 0;
		say(m, m->in_data ? "354 go on" : "554 5.5.1 for whom?");
	} else if (hk_slice_starts_nocase(line, HK_S("QUIT"))) {
		say(m, "221 2.0.0 bye");
		m->has_hung_up = true;
	} else {
		say(m, "250 2.0.0 ok");
	}
}

static bool ends_with(const struct hk_buf *b, struct hk_slice end)
{
	return b->n >= end.n && memcmp(b->p + b->n - end.n, end.p, end.n) == 0;
}

/* A line is there, or one more of a message. */
static void on_end_of_line(struct hk_sim_mx *m)
{
	struct hk_buf line;

	if (m->in_data) {
		hk_sim_net_text(m->sim, hk_slice_from(hk_buf_slice(&m->in), m->line_at));
		m->line_at = m->in.n;
		if (ends_with(&m->in, HK_S("\r\n.\r\n")))
			on_message(m);
		return;
	}
	line = m->in;
	m->in = (struct hk_buf){.max = MESSAGE_MOST};
	m->line_at = 0;
	hk_sim_net_command(m->sim, hk_buf_slice(&line));
	on_line(m, hk_slice_trim(hk_buf_slice(&line)));
	hk_buf_done(&line);
}

void hk_sim_mx_hear(struct hk_sim_mx *m, struct hk_slice bytes)
{
	size_t end;

	while (bytes.n && !m->has_hung_up && !m->is_silent) {
		end = hk_slice_find(bytes, '\n');
		hk_buf_add(&m->in, hk_slice_sub(bytes, 0, end + 1));
		if (end < bytes.n)
			on_end_of_line(m);
		bytes = hk_slice_from(bytes, end + 1);
	}
}
