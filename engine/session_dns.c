/* SPDX-License-Identifier: MIT
 *
 * session_dns.c - the client's name, forward-confirmed; and the questions of the verdict, with
 * their time.
 */
#include "engine/session_internal.h"

/* ---- the client's name ---- */

static void reverse_ask(struct hk_session *s, struct hk_slice name, uint16_t type)
{
	struct open_question *q = &s->reverse.question;

	*q = (struct open_question){
	    .id = session_id(s), .is_open = true, .question = {.type = type}};
	if (hk_arena_dup(&s->arena, name, &q->question.name) == HK_OK)
		return;
	q->is_open = false;
	s->reverse.is_done = true;
}

void dns_begin(struct hk_session *s)
{
	struct hk_buf name;

	s->reverse.deadline = s->now.mono_ms + HK_SESSION_DNS_MS;
	if (!s->client.ip.family) {
		s->reverse.is_done = true; /* a unix socket */
		return;
	}
	hk_buf_init(&name, HK_DNS_NAME_MAX);
	hk_ip_reverse_add(&name, &s->client.ip);
	reverse_ask(s, hk_buf_slice(&name), HK_DNS_PTR);
	hk_buf_done(&name);
}

static void reverse_next(struct hk_session *s)
{
	struct reverse *r = &s->reverse;

	if (r->i < r->n)
		reverse_ask(s, r->name[r->i], s->client.ip.family == 4 ? HK_DNS_A : HK_DNS_AAAA);
	else
		r->is_done = true;
}

static void reverse_names(struct hk_session *s, const struct hk_dns_answer *answer)
{
	struct reverse *r = &s->reverse;
	size_t i;

	for (i = 0; i < answer->n && r->n < NAMES_MAX; i++)
		if (hk_is_hostname(answer->rr[i].data, true) &&
		    hk_arena_dup(&s->arena, answer->rr[i].data, &r->name[r->n]) == HK_OK)
			r->n++;
	reverse_next(s);
}

static void reverse_answer(struct hk_session *s, const struct hk_dns_answer *answer)
{
	struct reverse *r = &s->reverse;
	size_t i;

	r->question.is_open = false;
	if (r->question.question.type == HK_DNS_PTR) {
		reverse_names(s, answer);
		return;
	}
	for (i = 0; i < answer->n; i++) {
		if (!hk_ip_eq(&answer->rr[i].ip, &s->client.ip))
			continue;
		r->confirmed = r->name[r->i];
		r->is_done = true;
		return;
	}
	r->i++;
	reverse_next(s);
}

/* ---- the questions of the verdict -------------------------------------------------------------
 */

/* How much of HK_SESSION_DNS_MS the message's questions have used. */
static uint64_t used(const struct hk_session *s, const struct message *m)
{
	return m->dns_used + (m->open ? s->now.mono_ms - m->dns_since : 0);
}

static void settle(struct hk_session *s, struct message *m, struct open_question *q,
    const struct hk_dns_answer *answer)
{
	struct hk_dns_answer ours = *answer;

	ours.question = q->question; /* whoever answered, it is this that was asked */
	q->is_open = false;
	if (--m->open == 0)
		m->dns_used += s->now.mono_ms - m->dns_since;
	if (hk_verify_answer(m->verify, &ours) != HK_OK)
		m->is_out_of_memory = true;
	m->needs_step = true;
}

/* A verdict may be there before all that was asked for it is answered (a tree walk asks for all its names at once). */
void dns_forget(struct message *m)
{
	size_t i;

	for (i = 0; i < HK_VERIFY_MAX_QUESTIONS; i++)
		m->question[i].is_open = false;
	m->open = 0;
}

static void give_up(struct hk_session *s, struct message *m)
{
	static const struct hk_dns_answer timeout = {.rcode = HK_DNS_TIMEOUT};
	size_t i;

	for (i = 0; i < HK_VERIFY_MAX_QUESTIONS; i++)
		if (m->question[i].is_open)
			settle(s, m, &m->question[i], &timeout);
}

static struct open_question *free_question(struct message *m)
{
	size_t i;

	for (i = 0; i < HK_VERIFY_MAX_QUESTIONS; i++)
		if (!m->question[i].is_open)
			return &m->question[i];
	return NULL;
}

/* One step of the verdict and the questions that come of it; false when nothing can be done before
 * an answer. */
static bool step(struct hk_session *s, struct message *m)
{
	struct hk_dns_question asked;
	struct open_question *q;
	enum hk_status status;

	if (!m->needs_step || m->is_verdict_there || m->is_out_of_memory)
		return false;
	m->needs_step = false;
	status = hk_verify_step(m->verify);
	m->is_verdict_there = status == HK_OK;
	m->is_out_of_memory = status != HK_OK && status != HK_AGAIN;
	while (
	    status == HK_AGAIN && (q = free_question(m)) && hk_verify_question(m->verify, &asked)) {
		*q =
		    (struct open_question){.id = session_id(s), .is_open = true, .question = asked};
		if (hk_arena_dup(&m->arena, asked.name, &q->question.name) != HK_OK) {
			q->is_open = false;
			m->is_out_of_memory = true;
			return false;
		}
		if (m->open++ == 0)
			m->dns_since = s->now.mono_ms;
	}
	if (used(s, m) >= HK_SESSION_DNS_MS)
		give_up(s, m);
	return m->needs_step;
}

void dns_gather(struct hk_session *s)
{
	struct message *m = s->message;

	if (!m || !m->verify)
		return;
	/* ends: each round but the last answers a question, and there are HK_VERIFY_MAX_QUESTIONS
	 * at most */
	while (step(s, m))
		;
}

void dns_answer(struct hk_session *s, uint32_t id, const struct hk_dns_answer *answer)
{
	struct message *m = s->message;
	size_t i;

	if (s->reverse.question.is_open && s->reverse.question.id == id) {
		reverse_answer(s, answer);
		return;
	}
	for (i = 0; m && m->verify && i < HK_VERIFY_MAX_QUESTIONS; i++) {
		if (!m->question[i].is_open || m->question[i].id != id)
			continue;
		settle(s, m, &m->question[i], answer);
		return;
	}
	if (lookup_answer(s, id, answer))
		return;
	/* else it was too late, or its message is gone */
}

static bool hand_out(struct open_question *q, struct hk_session_want *ret)
{
	if (!q->is_open || q->is_handed_out)
		return false;
	q->is_handed_out = true;
	*ret = (struct hk_session_want){
	    .type = HK_SESSION_DNS, .id = q->id, .question = q->question, .file = -1};
	return true;
}

bool dns_next(struct hk_session *s, struct hk_session_want *ret)
{
	struct open_question *asked = lookup_question(s);
	struct message *m = s->message;
	size_t i;

	if (hand_out(&s->reverse.question, ret) || (asked && hand_out(asked, ret)))
		return true;
	for (i = 0; m && m->open && i < HK_VERIFY_MAX_QUESTIONS; i++)
		if (hand_out(&m->question[i], ret))
			return true;
	return false;
}

void dns_time(struct hk_session *s)
{
	struct message *m = s->message;

	if (!s->reverse.is_done && s->now.mono_ms >= s->reverse.deadline) {
		s->reverse.question.is_open = false;
		s->reverse.is_done = true;
	}
	if (m && m->open && used(s, m) >= HK_SESSION_DNS_MS)
		give_up(s, m);
	lookup_time(s);
}

uint64_t dns_deadline(const struct hk_session *s)
{
	const struct message *m = s->message;
	uint64_t at = s->reverse.is_done ? UINT64_MAX : s->reverse.deadline;

	if (lookup_deadline(s) < at)
		at = lookup_deadline(s);
	if (m && m->open && m->dns_since + HK_SESSION_DNS_MS - m->dns_used < at)
		at = m->dns_since + HK_SESSION_DNS_MS - m->dns_used;
	return at;
}
