/* SPDX-License-Identifier: MIT
 *
 * check_host() (RFC 7208 4) as a machine of stages. A stage either goes on (q->next) or asks one
 * question; includes are frames on a list, so no depth of them uses the C stack.
 */
#include <string.h>

#include "lib/base/base_internal.h"
#include "lib/base/bug.h"
#include "spf_internal.h"

static hk_spf_stage start, ask_record, read_answer, next_term, end_of_terms, run_redirect, explain,
    read_explanation, expand_explanation;

const char *hk_spf_result_name(enum hk_spf_result result)
{
	static const char *const names[] = {
#define X(id, text) text,
	    HK_SPF_RESULT_TABLE(X)
#undef X
	};

	return (size_t)result < sizeof names / sizeof names[0] ? names[result] : "?";
}

/* ---- trace -------------------------------------------------------------------------- */

static void note(struct hk_spf *q, enum hk_trace_event event, struct hk_slice a, struct hk_slice b,
    struct hk_slice c)
{
	if (!q->trace)
		return;
	hk_trace_add(q->trace, event, q->depth < UINT8_MAX ? q->depth : UINT8_MAX, a, b, c,
	    (struct hk_slice){0});
}

static void note_term(struct hk_spf *q, const char *outcome)
{
	struct hk_slice counts = {0};

	if (!q->trace ||
	    hk_arena_fmt(q->a, &counts, "%u/%u", q->verdict.lookups, q->verdict.voids) != HK_OK)
		return;
	hk_trace_add(q->trace, HK_TRACE_SPF_TERM, q->depth < UINT8_MAX ? q->depth : UINT8_MAX,
	    q->frame->domain, q->frame->term.text, hk_slice_str(outcome), counts);
}

/* ---- the end of a check_host() -------------------------------------------------------- */

static enum hk_status finish(struct hk_spf *q)
{
	q->next = NULL;
	note(q, HK_TRACE_SPF_RESULT, hk_slice_str(hk_spf_result_name(q->verdict.result)),
	    q->verdict.reason, (struct hk_slice){0});
	return HK_OK;
}

/* The reason nearest to the cause stands. */
static void set_reason(struct hk_spf *q, const char *reason)
{
	if (q->verdict.reason.n == 0)
		q->verdict.reason = hk_slice_str(reason);
}

static enum hk_status conclude_top(struct hk_spf *q, enum hk_spf_result result)
{
	q->verdict.result = result;
	if (result != HK_SPF_FAIL || q->frame->record.exp.n == 0)
		return finish(q);
	q->explaining = true;
	q->next = explain;
	return HK_OK;
}

/* What the result inside means for the include (5.2). */
enum effect { MATCHES, DOES_NOT, ENDS };
static const struct {
	enum effect effect;
	enum hk_spf_result result; /* of ENDS */
	const char *outcome;
} include_effect[] = {
    [HK_SPF_PASS] = {MATCHES, HK_SPF_PASS, "match"},
    [HK_SPF_FAIL] = {DOES_NOT, HK_SPF_NONE, "no match"},
    [HK_SPF_SOFTFAIL] = {DOES_NOT, HK_SPF_NONE, "no match"},
    [HK_SPF_NEUTRAL] = {DOES_NOT, HK_SPF_NONE, "no match"},
    [HK_SPF_TEMPERROR] = {ENDS, HK_SPF_TEMPERROR, "error"},
    [HK_SPF_PERMERROR] = {ENDS, HK_SPF_PERMERROR, "error"},
    [HK_SPF_NONE] = {ENDS, HK_SPF_PERMERROR, "error"},
};

/* The running check_host() has its result; so may those around it. */
static enum hk_status conclude(struct hk_spf *q, enum hk_spf_result result)
{
	while (q->frame->up) {
		struct hk_slice left = q->frame->domain;
		enum effect effect;

		q->frame = q->frame->up;
		q->depth--;
		note(q, HK_TRACE_SPF_LEAVE, HK_S("include"), left,
		    hk_slice_str(hk_spf_result_name(result)));
		note_term(q, include_effect[result].outcome);
		effect = HK_BUG(INCLUDE_OF_NEUTRAL) && result == HK_SPF_NEUTRAL ? MATCHES : include_effect[result].effect;
		if (effect == DOES_NOT) {
			q->verdict.mechanism = q->verdict.reason = (struct hk_slice){0};
			q->next = next_term;
			return HK_OK;
		}
		if (effect == MATCHES) {
			q->verdict.mechanism = q->frame->term.text;
			result = q->frame->term.result;
		} else {
			if (q->verdict.mechanism.n == 0)
				q->verdict.mechanism = q->frame->term.text;
			result = include_effect[result].result;
		}
	}
	return conclude_top(q, result);
}

/* redirect= and include turn "none" into permerror (6.1, 5.2); what was wrong is told apart from no
 * record at all. */
static enum hk_status conclude_none(struct hk_spf *q, const char *reason)
{
	set_reason(q, reason);
	return conclude(q, q->frame->redirected ? HK_SPF_PERMERROR : HK_SPF_NONE);
}

static enum hk_status conclude_dns_error(struct hk_spf *q)
{
	enum hk_status status = hk_arena_fmt(q->a, &q->verdict.reason, "%s for %s of %.*s",
	    hk_dns_rcode_name(q->answer.rcode), hk_dns_type_name(q->question.type),
	    HK_FMT(q->question.name));

	return status == HK_OK ? conclude(q, HK_SPF_TEMPERROR) : status;
}

enum hk_status hk_spf_term_done(struct hk_spf *q, bool match)
{
	note_term(q, match ? "match" : "no match");
	q->next = next_term;
	if (!match)
		return HK_OK;
	q->verdict.mechanism = q->frame->term.text;
	set_reason(q, "a mechanism matched");
	return conclude(q, q->frame->term.result);
}

enum hk_status hk_spf_term_error(struct hk_spf *q, enum hk_spf_result result, const char *reason)
{
	note_term(q, "error");
	q->verdict.mechanism = q->frame->term.text;
	set_reason(q, reason);
	return conclude(q, result);
}

enum hk_status hk_spf_term_dns_error(struct hk_spf *q)
{
	note_term(q, "error");
	q->verdict.mechanism = q->frame->term.text;
	return conclude_dns_error(q);
}

/* ---- limits (4.6.4) ----------------------------------------------------------------- */

bool hk_spf_count_lookup(struct hk_spf *q)
{
	return q->explaining || ++q->verdict.lookups <= q->max_lookups;
}

bool hk_spf_count_void(struct hk_spf *q)
{
	return q->explaining || !hk_dns_is_void(&q->answer) || ++q->verdict.voids <= q->max_voids;
}

enum hk_status hk_spf_term_over(struct hk_spf *q, const char *limit, unsigned value)
{
	enum hk_status status =
	    hk_arena_fmt(q->a, &q->verdict.reason, "more than %u %s", value, limit);
	struct hk_slice text = {0};

	if (status != HK_OK)
		return status;
	if (q->trace && hk_arena_fmt(q->a, &text, "%u", value) == HK_OK)
		note(q, HK_TRACE_SPF_LIMIT, hk_slice_str(limit), text, q->frame->term.text);
	return hk_spf_term_error(q, HK_SPF_PERMERROR, "a limit was passed");
}

/* ---- questions ------------------------------------------------------------------------ */

enum hk_status hk_spf_ask(struct hk_spf *q, struct hk_slice name, uint16_t type, hk_spf_stage *then)
{
	q->question = (struct hk_dns_question){name, type};
	q->waiting = HK_SPF_ASKED;
	q->next = then;
	return HK_OK;
}

bool hk_spf_question(struct hk_spf *q, struct hk_dns_question *ret)
{
	if (q->waiting != HK_SPF_ASKED)
		return false;
	q->waiting = HK_SPF_HANDED_OUT;
	*ret = q->question;
	return true;
}

enum hk_status hk_spf_answer(struct hk_spf *q, const struct hk_dns_answer *answer)
{
	enum hk_status status;

	if (q->waiting == HK_SPF_IDLE || answer->question.type != q->question.type ||
	    !hk_slice_eq_nocase(answer->question.name, q->question.name))
		return HK_NOTFOUND;
	if (!hk_dns_answer_is_sound(answer))
		return HK_BUG;
	status = hk_dns_answer_copy(q->a, answer, &q->answer);
	if (status != HK_OK)
		return q->failed = status;
	q->waiting = HK_SPF_IDLE;
	return HK_OK;
}

enum hk_status hk_spf_step(struct hk_spf *q)
{
	while (q->next && q->failed == HK_OK) {
		if (q->waiting != HK_SPF_IDLE)
			return HK_AGAIN;
		q->failed = q->next(q);
	}
	return q->failed;
}

enum hk_status hk_spf_target(struct hk_spf *q, struct hk_slice spec, struct hk_slice *ret)
{
	enum hk_status status;
	bool has_p = false;

	if (spec.n == 0) {
		*ret = q->frame->domain;
		return HK_OK;
	}
	if (hk_slice_find(spec, '%') == spec.n) /* most have no macro */
		return hk_spf_expand_name(q->a, &q->macros, spec, ret);
	if (hk_spf_macro_is_valid(spec, HK_SPF_IN_TERM, &has_p) && has_p) {
		status = hk_spf_resolve_p(q);
		if (status != HK_OK)
			return status;
	}
	q->macros.value['d' - 'a'] = q->frame->domain;
	if (!hk_work_take(q->work, HK_WORK_MACRO_OCTETS, hk_spf_expand_cost(&q->macros, spec))) {
		if (q->explaining)
			return HK_NOTFOUND;
		status = hk_spf_term_over(q, "octets of macro values",
		    (unsigned)q->work->of[HK_WORK_MACRO_OCTETS].limit);
		return status == HK_OK ? HK_END : status;
	}
	return hk_spf_expand_name(q->a, &q->macros, spec, ret);
}

/* ---- the record ------------------------------------------------------------------------ */

/* Goes into a record: an include's on top of the running one, a redirect's in its place. */
enum hk_status hk_spf_enter(struct hk_spf *q, const char *how, struct hk_slice domain)
{
	bool include = how[0] == 'i';
	struct hk_spf_frame *frame = include ? hk_arena_alloc(q->a, sizeof *frame) : q->frame;

	if (!frame)
		return q->a->failed;
	note(q, HK_TRACE_SPF_ENTER, hk_slice_str(how), domain, (struct hk_slice){0});
	*frame = (struct hk_spf_frame){
	    .up = include ? q->frame : frame->up, .domain = domain, .redirected = !include};
	q->frame = frame;
	q->depth += include;
	q->next = ask_record;
	return HK_OK;
}

/* 4.3: a domain of one label has no record. */
static enum hk_status ask_record(struct hk_spf *q)
{
	if (hk_slice_find(q->frame->domain, '.') == q->frame->domain.n)
		return conclude_none(q, "the domain has only one label");
	return hk_spf_ask(q, q->frame->domain, HK_DNS_TXT, read_answer);
}

static void note_number_of_records(struct hk_spf *q, size_t n)
{
	struct hk_slice text = {0};

	if (q->trace && hk_arena_fmt(q->a, &text, "%zu", n) == HK_OK)
		note(q, HK_TRACE_SPF_NO_RECORD, q->frame->domain, text, (struct hk_slice){0});
}

static enum hk_status conclude_syntax(struct hk_spf *q, struct hk_slice bad, const char *what)
{
	note(q, HK_TRACE_SPF_SYNTAX, bad, hk_slice_str(what), (struct hk_slice){0});
	q->verdict.mechanism = bad;
	set_reason(q, what);
	return conclude(q, HK_SPF_PERMERROR);
}

/* 4.6: the whole record is read before a term of it counts. What was read is kept for its turn. */
static enum hk_status read_terms(struct hk_spf *q, struct hk_slice text)
{
	struct hk_spf_frame *frame = q->frame;
	struct hk_spf_kept *kept = &q->kept;
	struct hk_spf_term *terms;
	struct hk_slice bad = {0};
	const char *what = "";

	if (hk_spf_read_record(text, &frame->record, kept, &bad, &what) != HK_OK)
		return conclude_syntax(q, bad, what);
	terms = hk_arena_array(q->a, kept->n, sizeof *terms);
	if (!terms)
		return q->a->failed;
	memcpy(terms, kept->term, kept->n * sizeof *terms);
	frame->kept = terms;
	frame->n_kept = kept->n;
	frame->rest = kept->rest;
	q->next = next_term;
	return HK_OK;
}

/* 4.4, 4.5 */
static enum hk_status read_answer(struct hk_spf *q)
{
	struct hk_slice text = {0};
	size_t found = 0, i;

	if (hk_dns_is_failure(&q->answer))
		return conclude_dns_error(q);
	for (i = 0; i < q->answer.n; i++) {
		if (!hk_spf_is_record(q->answer.rr[i].data))
			continue;
		text = q->answer.rr[i].data;
		found++;
	}
	if (found != 1)
		note_number_of_records(q, found);
	if (found == 0)
		return conclude_none(q, "no SPF record");
	if (found > 1) {
		set_reason(q, "multiple SPF records");
		return conclude(q, HK_SPF_PERMERROR);
	}
	note(q, HK_TRACE_SPF_RECORD, q->frame->domain, text, (struct hk_slice){0});
	return read_terms(q, text);
}

/* The next directive; false when there is none. */
static bool take_directive(struct hk_spf_frame *frame)
{
	const char *what;

	if (frame->n_kept) {
		frame->term = *frame->kept++;
		frame->n_kept--;
		return true;
	}
	do
		if (hk_spf_take_term(&frame->rest, &frame->term, &what) != HK_OK)
			return false;
	while (frame->term.kind != HK_SPF_DIRECTIVE);
	return true;
}

/* 4.6.2: from left to right, and never ahead of its turn. */
static enum hk_status next_term(struct hk_spf *q)
{
	const struct hk_spf_mechanism_rule *rule;

	if (!take_directive(q->frame)) {
		q->next = end_of_terms;
		return HK_OK;
	}
	rule = hk_spf_rule(q->frame->term.mechanism);
	if (rule->lookup && !hk_spf_count_lookup(q))
		return hk_spf_term_over(q, "DNS lookups", q->max_lookups);
	q->next = rule->run;
	return HK_OK;
}

/* 4.7, 6.1 */
static enum hk_status end_of_terms(struct hk_spf *q)
{
	if (q->frame->record.redirect.n == 0) {
		set_reason(q, "no mechanism matched");
		return conclude(q, HK_SPF_NEUTRAL);
	}
	q->frame->term.text = q->frame->record.redirect_term;
	if (!hk_spf_count_lookup(q))
		return hk_spf_term_over(q, "DNS lookups", q->max_lookups);
	q->next = run_redirect;
	return HK_OK;
}

static enum hk_status run_redirect(struct hk_spf *q)
{
	struct hk_slice domain;
	enum hk_status status = hk_spf_target(q, q->frame->record.redirect, &domain);

	if (status == HK_NOTFOUND)
		return hk_spf_term_error(
		    q, HK_SPF_PERMERROR, "the domain of redirect= is malformed");
	if (status != HK_OK)
		return status == HK_AGAIN || status == HK_END ? HK_OK : status;
	return hk_spf_enter(q, "redirect", domain);
}

/* ---- the explanation (6.2): whatever goes wrong, there is none ----------------------------- */

static enum hk_status explain(struct hk_spf *q)
{
	struct hk_slice name;
	enum hk_status status = hk_spf_target(q, q->frame->record.exp, &name);

	if (status == HK_NOTFOUND)
		return finish(q);
	if (status != HK_OK)
		return status == HK_AGAIN ? HK_OK : status;
	return hk_spf_ask(q, name, HK_DNS_TXT, read_explanation);
}

static enum hk_status read_explanation(struct hk_spf *q)
{
	if (q->answer.rcode != HK_DNS_NOERROR || q->answer.n != 1 ||
	    !hk_spf_macro_is_valid(q->answer.rr[0].data, HK_SPF_IN_EXPLANATION, NULL))
		return finish(q);
	q->verdict.explanation = q->answer.rr[0].data; /* until it is expanded */
	q->next = expand_explanation;
	return HK_OK;
}

static enum hk_status expand_explanation(struct hk_spf *q)
{
	enum hk_status status = HK_OK;
	bool has_p = false;

	if (hk_spf_macro_is_valid(q->verdict.explanation, HK_SPF_IN_EXPLANATION, &has_p) && has_p)
		status = hk_spf_resolve_p(q);
	if (status != HK_OK)
		return status == HK_AGAIN ? HK_OK : status;
	q->macros.value['d' - 'a'] = q->frame->domain;
	if (!hk_work_take(q->work, HK_WORK_MACRO_OCTETS, hk_spf_expand_cost(&q->macros, q->verdict.explanation))) {
		q->verdict.explanation = (struct hk_slice){0};
		return finish(q);
	}
	status =
	    hk_spf_expand_text(q->a, &q->macros, q->verdict.explanation, &q->verdict.explanation);
	return status == HK_OK ? finish(q) : status;
}

/* ---- the beginning --------------------------------------------------------------------------- */

/* 4.3: an address literal, a name with bytes that no host name of mail has, or one that DNS cannot
 * hold. */
static bool is_mail_domain(struct hk_slice domain)
{
	size_t i;

	for (i = 0; i < domain.n; i++)
		if (!hk_is_alnum(domain.p[i]) && domain.p[i] != '-' && domain.p[i] != '_' &&
		    domain.p[i] != '.')
			return false;
	return domain.n != 0;
}

static enum hk_status start(struct hk_spf *q)
{
	struct hk_slice name = q->frame->domain;
	enum hk_status status = hk_dns_name_normalise(q->a, q->frame->domain, &name);

	if (status != HK_OK && status != HK_SYNTAX)
		return status;
	q->verdict.domain = q->frame->domain = name;
	note(q, HK_TRACE_SPF_IDENTITY, q->verdict.is_helo ? HK_S("helo") : HK_S("mailfrom"), name,
	    q->macros.value['c' - 'a']);
	if (q->client.family == 0)
		return conclude_none(q, "no client address");
	if (status == HK_SYNTAX || !is_mail_domain(name))
		return conclude_none(q, "the domain is malformed");
	q->next = ask_record;
	return HK_OK;
}

/* 7.3: %{i} is the dotted quad, or 32 nibbles with dots; %{c} is what people read. */
static bool set_addresses(struct hk_spf *q)
{
	static const char hex[] = "0123456789ABCDEF";
	struct hk_slice *value = q->macros.value;
	char readable[HK_IP_TEXT_MAX];
	uint8_t nibbles[63];
	size_t i;

	hk_ip_format(&q->client, readable);
	if (hk_arena_dup(q->a, hk_slice_str(readable), &value['c' - 'a']) != HK_OK)
		return false;
	value['v' - 'a'] = q->client.family == 6 ? HK_S("ip6") : HK_S("in-addr");
	value['i' - 'a'] = value['c' - 'a'];
	if (q->client.family != 6)
		return true;
	for (i = 0; i < sizeof nibbles; i++)
		nibbles[i] = '.';
	for (i = 0; i < 16; i++) {
		nibbles[4 * i] = (uint8_t)hex[q->client.bytes[i] >> 4];
		nibbles[4 * i + 2] = (uint8_t)hex[q->client.bytes[i] & 15];
	}
	return hk_arena_dup(q->a, hk_slice_of(nibbles, sizeof nibbles), &value['i' - 'a']) == HK_OK;
}

static struct hk_slice join_address(
    struct hk_arena *a, struct hk_slice local, struct hk_slice domain)
{
	size_t n = local.n + 1 + domain.n;
	uint8_t *text = hk_arena_alloc(a, n);

	if (!text)
		return (struct hk_slice){0};
	memcpy(text, local.p, local.n);
	text[local.n] = '@';
	if (domain.n)
		memcpy(text + local.n + 1, domain.p, domain.n);
	return hk_slice_of(text, n);
}

/* RFC 8616 4: U-labels of MAIL FROM go in as A-labels, for the first lookup and for macros; HELO has none of them. What has no
 * A-label stays as it is, and is no domain of mail. */
static bool to_ascii(struct hk_arena *a, struct hk_slice *domain)
{
	enum hk_status status = hk_dns_name_to_ascii(a, *domain, domain);

	return status == HK_OK || status == HK_SYNTAX;
}

/* 2.4, 4.1, 4.3: the sender's parts; postmaster where there is no local part. */
static bool set_sender(struct hk_spf *q, const struct hk_spf_input *in)
{
	struct hk_slice *value = q->macros.value, from = in->mail_from, local;
	size_t at;

	q->verdict.is_helo = in->check_helo || from.n == 0;
	if (q->verdict.is_helo)
		from = in->helo;
	at = q->verdict.is_helo ? from.n : hk_slice_rfind(from, '@');
	local = at == from.n || at == 0 ? HK_S("postmaster") : hk_slice_sub(from, 0, at);
	if (at < from.n)
		from = hk_slice_from(from, at + 1);
	if ((!q->verdict.is_helo && !to_ascii(q->a, &from)) || hk_arena_dup(q->a, local, &value['l' - 'a']) != HK_OK ||
	    hk_arena_dup_lower(q->a, from, &q->verdict.domain) != HK_OK ||
	    hk_arena_dup(q->a, from, &value['o' - 'a']) != HK_OK ||
	    hk_arena_dup(q->a, in->helo, &value['h' - 'a']) != HK_OK)
		return false;
	q->frame->domain = q->verdict.domain;
	value['s' - 'a'] = q->verdict.sender = join_address(q->a, local, from);
	return q->verdict.sender.p != NULL;
}

struct hk_spf *hk_spf_new(
    struct hk_arena *a, const struct hk_spf_input *given, struct hk_trace *trace)
{
	struct hk_spf *q = hk_arena_alloc(a, sizeof *q);
	struct hk_spf_input own, *in = &own;

	if (!q || hk_sized_take(a, &own, sizeof own, given) != HK_OK)
		return NULL;
	if (in->receiver.n == 0)
		in->receiver = HK_S("unknown");
	q->a = a;
	q->trace = trace;
	q->client = in->client;
	hk_ip_unmap(&q->client); /* 5: who listens on IPv6 alone has IPv4 clients in this form */
	q->max_lookups = in->max_lookups ? in->max_lookups : HK_SPF_MAX_LOOKUPS;
	q->max_voids = in->max_voids ? in->max_voids : HK_SPF_MAX_VOIDS;
	q->own_work.size = sizeof q->own_work;
	hk_work_init(&q->own_work);
	q->work = in->work ? in->work : &q->own_work;
	q->next = start;
	q->frame = hk_arena_alloc(a, sizeof *q->frame);
	if (!q->frame || !set_addresses(q) || !set_sender(q, in) ||
	    hk_arena_dup(a, in->receiver, &q->macros.value['r' - 'a']) != HK_OK ||
	    hk_arena_fmt(a, &q->macros.value['t' - 'a'], "%lld", (long long)in->now) != HK_OK)
		return NULL;
	return q;
}

const struct hk_spf_verdict *hk_spf_result(const struct hk_spf *q)
{
	return &q->verdict;
}
