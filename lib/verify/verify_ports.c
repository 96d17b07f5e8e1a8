/* SPDX-License-Identifier: MIT */
#include "verify_internal.h"

/* ---- what stands behind the ports ------------------------------------------------------------ */

static enum hk_status spf_step(struct hk_verify *v)
{
	return hk_spf_step(v->spf);
}

static bool spf_question(struct hk_verify *v, struct hk_dns_question *ret)
{
	return hk_spf_question(v->spf, ret);
}

static enum hk_status spf_answer(struct hk_verify *v, const struct hk_dns_answer *answer)
{
	return hk_spf_answer(v->spf, answer);
}

static enum hk_status dkim_step(struct hk_verify *v)
{
	return hk_dkim_verify_step(v->dkim);
}

static bool dkim_question(struct hk_verify *v, struct hk_dns_question *ret)
{
	return hk_dkim_verify_question(v->dkim, ret);
}

static enum hk_status dkim_answer(struct hk_verify *v, const struct hk_dns_answer *answer)
{
	return hk_dkim_verify_answer(v->dkim, answer);
}

static enum hk_status dmarc_step(struct hk_verify *v)
{
	return verify_dmarc_step(&v->dmarc);
}

static bool dmarc_question(struct hk_verify *v, struct hk_dns_question *ret)
{
	return verify_dmarc_question(&v->dmarc, ret);
}

static enum hk_status dmarc_answer(struct hk_verify *v, const struct hk_dns_answer *answer)
{
	return verify_dmarc_answer(&v->dmarc, answer);
}

static enum hk_status other_step(struct hk_verify *v)
{
	return verify_dmarc_step(&v->other);
}

static bool other_question(struct hk_verify *v, struct hk_dns_question *ret)
{
	return verify_dmarc_question(&v->other, ret);
}

static enum hk_status other_answer(struct hk_verify *v, const struct hk_dns_answer *answer)
{
	return verify_dmarc_answer(&v->other, answer);
}

static enum hk_status arc_step(struct hk_verify *v)
{
	return hk_arc_validate_step(v->arc);
}

static bool arc_question(struct hk_verify *v, struct hk_dns_question *ret)
{
	return hk_arc_validate_question(v->arc, ret);
}

static enum hk_status arc_answer(struct hk_verify *v, const struct hk_dns_answer *answer)
{
	return hk_arc_validate_answer(v->arc, answer);
}

static const struct {
	enum hk_status (*step)(struct hk_verify *);
	bool (*question)(struct hk_verify *, struct hk_dns_question *);
	enum hk_status (*answer)(struct hk_verify *, const struct hk_dns_answer *);
} evaluator[PORTS] = {
    [PORT_SPF] = {spf_step, spf_question, spf_answer},
    [PORT_DKIM] = {dkim_step, dkim_question, dkim_answer},
    [PORT_DMARC] = {dmarc_step, dmarc_question, dmarc_answer},
    [PORT_ARC] = {arc_step, arc_question, arc_answer},
    [PORT_OTHER] = {other_step, other_question, other_answer},
};

const enum hk_work_kind verify_port_kind[PORTS] = {[PORT_SPF] = HK_WORK_SPF_QUESTIONS,
    [PORT_DKIM] = HK_WORK_DKIM_QUESTIONS,
    [PORT_DMARC] = HK_WORK_DMARC_QUESTIONS,
    [PORT_ARC] = HK_WORK_ARC_QUESTIONS,
    [PORT_OTHER] = HK_WORK_DMARC_QUESTIONS};

size_t verify_port_share(const struct hk_verify *v, enum verify_port_id id)
{
	return (size_t)v->work.of[verify_port_kind[id]].limit;
}

/* ---- questions ----------------------------------------------------------------------------------
 */

static struct verify_question *find(const struct hk_verify *v, const struct hk_dns_question *q)
{
	struct verify_question *at;

	for (at = v->first; at; at = at->next)
		if (at->q.type == q->type && hk_slice_eq_nocase(at->q.name, q->name))
			return at;
	return NULL;
}

static enum hk_status enter(
    struct hk_verify *v, const struct hk_dns_question *asked, struct verify_question **ret)
{
	struct verify_question *q = hk_arena_alloc(v->arena, sizeof *q);
	enum hk_status status;

	if (!q)
		return v->arena->failed;
	q->q.type = asked->type;
	status = hk_arena_dup(v->arena, asked->name, &q->q.name);
	if (status != HK_OK)
		return status;
	if (v->last)
		v->last->next = q;
	else
		v->first = q;
	v->last = q;
	*ret = q;
	if (v->replaying)
		q->answer = hk_evidence_find(v->evidence, &q->q);
	return HK_OK;
}

enum hk_status verify_enter(struct hk_verify *v, const struct hk_dns_question *asked)
{
	struct verify_question *q;

	return find(v, asked) ? HK_OK : enter(v, asked, &q);
}

/* Past its share nothing is asked for a port: the answer is that none could be had, which the
 * methods call temperror. It is no evidence, for another port may still ask the same; a replay
 * comes to it again by counting. */
static enum hk_status refuse(
    struct hk_verify *v, struct verify_wait *w, const struct hk_dns_question *asked)
{
	const struct hk_dns_answer none = {.question = *asked, .rcode = HK_DNS_TIMEOUT};

	return hk_dns_answer_copy(v->arena, &none, &w->refused);
}

/* A port's evaluator asks: queue it there, and enter it once for all. */
static enum hk_status note(
    struct hk_verify *v, enum verify_port_id id, const struct hk_dns_question *asked)
{
	struct verify_port *p = &v->port[id];
	struct verify_wait *w = hk_arena_alloc(v->arena, sizeof *w);
	enum hk_status status = w ? HK_OK : v->arena->failed;

	if (status == HK_OK && ++p->asked > verify_port_share(v, id))
		status = refuse(v, w, asked);
	else if (w && status == HK_OK && !(w->question = find(v, asked)))
		status = enter(v, asked, &w->question);
	if (status != HK_OK)
		return status;
	if (p->last)
		p->last->next = w;
	else
		p->first = w;
	p->last = w;
	return HK_OK;
}

bool hk_verify_question(struct hk_verify *v, struct hk_dns_question *ret)
{
	struct verify_question *q;

	for (q = v->first; q; q = q->next) {
		if (q->handed_out)
			continue;
		q->handed_out = true;
		*ret = q->q;
		return true;
	}
	return false;
}

enum hk_status hk_verify_answer(struct hk_verify *v, const struct hk_dns_answer *answer)
{
	struct verify_question *q = find(v, &answer->question);
	struct hk_dns_answer kept = *answer;
	enum hk_status status;

	if (!q || !q->handed_out)
		return HK_NOTFOUND;
	if (!hk_dns_answer_is_sound(answer))
		return HK_BUG;
	if (q->answer)
		return HK_OK;
	/* From was read without it; a replay, which has all answers from the beginning, must not read it with it */
	if (q->q.type == HK_DNS_ALABEL && v->has_header)
		return HK_OK;
	kept.question = q->q;
	status = hk_evidence_add(v->evidence, &kept);
	if (status == HK_OK) {
		q->answer = hk_evidence_find(v->evidence, &q->q);
		return HK_OK;
	}
	v->failed = status;
	return status;
}

/* ---- the question in the trace
 * --------------------------------------------------------------------- */

void hk_verify_rr_text(const struct hk_dns_rr *rr, struct hk_buf *b)
{
	char ip[HK_IP_TEXT_MAX];

	switch (rr->type) {
	case HK_DNS_A:
	case HK_DNS_AAAA:
		hk_ip_format(&rr->ip, ip);
		hk_buf_add_str(b, ip);
		return;
	case HK_DNS_MX:
		hk_buf_addf(b, "%u ", rr->preference);
		break;
	case HK_DNS_SRV:
		hk_buf_addf(b, "%u %u %u ", rr->preference, rr->weight, rr->port);
		break;
	default:
		break;
	}
	hk_buf_add(b, rr->data);
}

static void say_question(struct verify_port *p, const struct hk_dns_answer *answer)
{
	const char *rcode = answer->rcode == HK_DNS_NOERROR && answer->n == 0
	                        ? "NODATA"
	                        : hk_dns_rcode_name(answer->rcode);
	struct hk_buf records;
	size_t i;

	hk_buf_init(
	    &records, HK_TRACE_TEXT_MAX * 2); /* the trace cuts at HK_TRACE_TEXT_MAX and marks it */
	for (i = 0; i < answer->n && records.n <= HK_TRACE_TEXT_MAX; i++) {
		struct hk_dns_rr rr = answer->rr[i];

		rr.data = hk_slice_sub(rr.data, 0, HK_TRACE_TEXT_MAX - 8);
		if (i)
			hk_buf_add_str(&records, " | ");
		hk_verify_rr_text(&rr, &records);
	}
	hk_trace_add(p->trace, HK_TRACE_DNS_QUESTION, 0, answer->question.name,
	    hk_slice_str(hk_dns_type_name(answer->question.type)), hk_slice_str(rcode),
	    hk_buf_slice(&records));
	hk_buf_done(&records);
}

/* ---- ports
 * -------------------------------------------------------------------------------------------- */

enum hk_status verify_port_use(struct hk_verify *v, enum verify_port_id id, bool open)
{
	struct verify_port *p = &v->port[id];

	p->used = true;
	p->open = open;
	p->trace = hk_trace_new(v->arena);
	return p->trace ? HK_OK : v->arena->failed;
}

static enum hk_status take_questions(struct hk_verify *v, enum verify_port_id id)
{
	struct hk_dns_question q;

	while (evaluator[id].question(v, &q)) {
		enum hk_status status = note(v, id, &q);

		if (status != HK_OK)
			return status;
	}
	return HK_OK;
}

/* The answer to what the port waits for first, or NULL. */
static const struct hk_dns_answer *first_answer(const struct verify_port *p)
{
	if (!p->open || !p->first)
		return NULL;
	return p->first->question ? p->first->question->answer : &p->first->refused;
}

/* One answer at a time, in the order asked, with a step after each: that is what makes the trace
 * repeatable. */
static enum hk_status run_port(struct hk_verify *v, enum verify_port_id id)
{
	struct verify_port *p = &v->port[id];
	const struct hk_dns_answer *answer;
	enum hk_status status;

	if (!p->used || p->done)
		return HK_OK;
	for (;;) {
		status = evaluator[id].step(v);
		if (status == HK_OK) {
			p->done = true;
			return HK_OK;
		}
		if (status != HK_AGAIN)
			return status;
		status = take_questions(v, id);
		if (status != HK_OK)
			return status;
		answer = first_answer(p);
		if (!answer)
			return HK_AGAIN;
		say_question(p, answer);
		status = evaluator[id].answer(v, answer);
		if (status != HK_OK &&
		    status != HK_NOTFOUND) /* it may have got past that question */
			return status;
		p->first = p->first->next;
		if (!p->first)
			p->last = NULL;
	}
}

enum hk_status verify_ports_run(struct hk_verify *v)
{
	enum hk_status spf = run_port(v, PORT_SPF), dkim, dmarc, arc, other;

	if (spf != HK_OK && spf != HK_AGAIN)
		return spf;
	if (!v->has_header)
		return HK_AGAIN;
	dkim = run_port(v, PORT_DKIM);
	if (dkim != HK_OK && dkim != HK_AGAIN)
		return dkim;
	if (spf == HK_OK && dkim == HK_OK && !v->told) {
		enum hk_status status = verify_dmarc_tell(v);

		if (status != HK_OK)
			return status;
	}
	dmarc = run_port(v, PORT_DMARC);
	if (dmarc != HK_OK && dmarc != HK_AGAIN)
		return dmarc;
	other = run_port(v, PORT_OTHER);
	if (other != HK_OK && other != HK_AGAIN)
		return other;
	arc = run_port(v, PORT_ARC);
	if (arc != HK_OK)
		return arc;
	if (other != HK_OK)
		return other;
	return spf == HK_OK && dkim == HK_OK ? dmarc : HK_AGAIN;
}
