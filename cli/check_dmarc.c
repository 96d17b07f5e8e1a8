/* SPDX-License-Identifier: MIT
 *
 * `hikyaku check dmarc`: the policy that holds for a domain, how it was found, and what is wrong
 * with its record (RFC 9989, or 7489); and where the other of the two would have it otherwise.
 */
#include <hikyaku/names.h>

#include "cli_internal.h"

enum { PROBLEMS_MAX = 32 };

struct problems {
	struct {
		struct hk_slice what, about;
		bool is_fault; /* the record does not say what its owner meant */
	} problem[PROBLEMS_MAX];
	size_t n;
};

static void add_text(struct problems *p, bool is_fault, struct hk_slice what, struct hk_slice about)
{
	if (p->n == PROBLEMS_MAX)
		return;
	p->problem[p->n].what = what;
	p->problem[p->n].about = about;
	p->problem[p->n++].is_fault = is_fault;
}

static void add_problem(struct problems *p, bool is_fault, const char *what, struct hk_slice about)
{
	add_text(p, is_fault, hk_slice_str(what), about);
}

/* What stands where a policy record would, and is left out. */
static void judge_ignored(const struct hk_trace *trace, struct problems *p)
{
	size_t i;

	for (i = 0; i < hk_trace_count(trace); i++) {
		const struct hk_trace_step *step = hk_trace_at(trace, i);

		if (step->event == HK_TRACE_DMARC_IGNORED)
			add_text(p, false, step->text[2], step->text[1]);
	}
}

/* RFC 9989 4.7; the last three were tags of RFC 7489 6.3 that it took out. RFC 7489 has no np, psd and t. */
static const char *const not_yet = "RFC 7489 has no such tag; its receivers ignore it";
static const struct {
	const char *name, *gone;
	bool is_new;
} tags[] = {
    {"v", NULL, false},
    {"p", NULL, false},
    {"sp", NULL, false},
    {"np", NULL, true},
    {"adkim", NULL, false},
    {"aspf", NULL, false},
    {"fo", NULL, false},
    {"psd", NULL, true},
    {"rua", NULL, false},
    {"ruf", NULL, false},
    {"t", NULL, true},
    {"pct", "pct is no longer a tag; receivers ignore it, t=y is what remains of it", false},
    {"rf", "rf is no longer a tag; receivers ignore it", false},
    {"ri", "ri is no longer a tag; receivers ignore it", false},
};

static void judge_tag(const struct hk_tag *tag, enum hk_dmarc_profile profile, struct problems *p)
{
	bool is_old = profile == HK_DMARC_RFC7489;
	size_t i;

	for (i = 0; i < sizeof tags / sizeof tags[0]; i++) {
		if (!hk_slice_eq_nocase(tag->name, hk_slice_str(tags[i].name)))
			continue;
		if (tags[i].is_new && is_old)
			add_problem(p, false, not_yet, tag->name);
		if (tags[i].gone && !is_old)
			add_problem(p, false, tags[i].gone, tag->value);
		return;
	}
	add_problem(p, false, "no tag of DMARC has this name; receivers ignore it", tag->name);
}

static void judge_record(struct hk_slice text, enum hk_dmarc_profile profile, struct problems *p)
{
	struct hk_dmarc_record r = {.size = sizeof r};
	struct hk_tags list;
	size_t i;

	if (hk_dmarc_record_parse(text, &r) != HK_OK)
		return;
	if (!r.has_p)
		add_problem(p, true, r.bad_p ? "p is not one of none, quarantine, reject" : "p is missing", (struct hk_slice){0});
	if (r.bad_sp)
		add_problem(p, true, "sp is not one of none, quarantine, reject", (struct hk_slice){0});
	if (r.bad_np)
		add_problem(p, true, "np is not one of none, quarantine, reject", (struct hk_slice){0});
	if (r.rua.n && !r.has_rua)
		add_problem(p, true, "rua has no URI that can be used", r.rua);
	if (!r.rua.n)
		add_problem(p, false, "rua is missing: nobody gets reports", (struct hk_slice){0});
	if (hk_tags_parse(text, HK_TAGS_NOCASE, &list) != HK_OK) {
		add_problem(p, true, "a tag is malformed or stands there twice", (struct hk_slice){0});
		return;
	}
	for (i = 0; i < list.n; i++)
		judge_tag(&list.tag[i], profile, p);
	/* S2-031 */
	if (profile == HK_DMARC_RFC7489 && r.has_p && (list.n < 2 || !hk_slice_eq_nocase(list.tag[1].name, HK_S("p"))))
		add_problem(p, false, "RFC 7489 6.4 wants p right behind v", (struct hk_slice){0});
}

static bool is_faulty(const struct problems *p)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (p->problem[i].is_fault)
			return true;
	return false;
}

/* Nothing has passed here, so "fail" is what every policy that was found gives. */
static const char *result_name(const struct hk_dmarc_verdict *v)
{
	return v->result == HK_DMARC_FAIL ? "found" : hk_dmarc_result_name(v->result);
}

static struct hk_slice reason_of(const struct hk_dmarc_verdict *v)
{
	return v->result == HK_DMARC_FAIL ? (struct hk_slice){0} : v->reason;
}

/* The words of RFC 9989 3.2 for what a policy that was found means; "" where none was. */
static const char *mode_of(const struct hk_dmarc_verdict *v)
{
	if (v->record.n == 0)
		return "";
	return v->policy == HK_DMARC_P_NONE ? "monitoring" : "enforcement";
}

static void write_json(const struct hk_dmarc_verdict *v, const struct hk_dmarc_verdict *other, const struct problems *p,
    const struct hk_trace *trace, struct hk_buf *out)
{
	struct hk_json_writer w;
	size_t i;

	hk_json_begin(&w, out);
	hk_json_object(&w, NULL);
	hk_json_text(&w, "result", result_name(v));
	hk_explain_json_dmarc(&w, v);
	hk_json_text(&w, "mode", mode_of(v));
	hk_json_string(&w, "reason", reason_of(v));
	hk_explain_json_differs(&w, hk_dmarc_differences(v, other), other, result_name(other));
	hk_json_array(&w, "problems");
	for (i = 0; i < p->n; i++) {
		hk_json_object(&w, NULL);
		hk_json_string(&w, "what", p->problem[i].what);
		hk_json_string(&w, "about", p->problem[i].about);
		hk_json_bool(&w, "is_fault", p->problem[i].is_fault);
		hk_json_close_object(&w);
	}
	hk_json_close_array(&w);
	hk_explain_json_trace(&w, trace);
	hk_json_close_object(&w);
	hk_buf_add_byte(out, '\n');
}

static void add_policy(const struct hk_dmarc_verdict *v, struct hk_buf *out)
{
	hk_buf_addf(out, "policy        %s (%s mode)\ndisposition   %s, of a message that fails\n",
	    hk_dmarc_policy_name(v->policy), mode_of(v), hk_dmarc_policy_name(v->disposition));
	cli_line_add(out, "override", hk_slice_str(hk_dmarc_override_name(v->override)));
}

/* One line, by what is otherwise; nothing where nothing is. */
static void add_differs(const struct hk_dmarc_verdict *v, const struct hk_dmarc_verdict *other, struct hk_buf *out)
{
	unsigned differs = hk_dmarc_differences(v, other);
	size_t i;

	if (!differs)
		return;
	hk_buf_addf(out, "differs       by %s: result %s", hk_dmarc_profile_name(other->profile), result_name(other));
	if (other->org_domain.n)
		hk_buf_addf(out, ", organization %.*s", HK_FMT(other->org_domain));
	if (other->record_domain.n)
		hk_buf_addf(out, ", record of %.*s, policy %s, disposition %s", HK_FMT(other->record_domain),
		    hk_dmarc_policy_name(other->policy), hk_dmarc_policy_name(other->disposition));
	hk_buf_add_str(out, " (");
	for (i = 0; hk_explain_difference(differs, i); i++)
		hk_buf_addf(out, "%s%s", i ? ", " : "", hk_explain_difference(differs, i));
	hk_buf_add_str(out, ")\n");
}

static void write_text(const struct hk_dmarc_verdict *v, const struct hk_dmarc_verdict *other, const struct problems *p,
    struct hk_buf *out)
{
	size_t i;

	cli_line_add(out, "result", hk_slice_str(result_name(v)));
	cli_line_add(out, "profile", hk_slice_str(hk_dmarc_profile_name(v->profile)));
	cli_line_add(out, "domain", v->author_domain);
	cli_line_add(out, "organization", v->org_domain);
	cli_line_add(out, "record of", v->record_domain);
	cli_line_add(out, "record", v->record);
	if (v->record.n)
		add_policy(v, out);
	cli_line_add(out, "reason", reason_of(v));
	add_differs(v, other, out);
	for (i = 0; i < p->n; i++) {
		hk_buf_addf(out, "%-14s%.*s", p->problem[i].is_fault ? "fault" : "note", HK_FMT(p->problem[i].what));
		if (p->problem[i].about.n) {
			hk_buf_add_str(out, ": ");
			hk_quote_add(out, p->problem[i].about, CLI_VALUE_SHOWN);
		}
		hk_buf_add_byte(out, '\n');
	}
}

/* The domain that was given as such, or behind the "@" of the author's address. */
static enum hk_status read_domain(const struct cli_options *o, struct hk_arena *a, struct hk_slice *ret)
{
	struct hk_slice text = cli_address(o->n_words > 1 ? o->word[1] : o->domain ? o->domain : o->from);
	size_t at = hk_slice_rfind(text, '@');
	enum hk_status status;

	if (at < text.n)
		text = hk_slice_from(text, at + 1);
	status = hk_names_alabel(a, text, ret); /* RFC 9989 4.1: A-labels */
	if (status == HK_SYNTAX)
		status = hk_dns_name_normalise(a, text, ret);
	return status == HK_OK && ret->n == 0 ? HK_SYNTAX : status;
}

/* The verdict by one profile, when nobody has passed. */
static enum hk_status evaluate_as(const struct cli_options *o, enum hk_dmarc_profile profile, struct hk_slice domain,
    struct cli_resolver *r, struct hk_trace *trace, struct hk_arena *a, const struct hk_dmarc_verdict **ret)
{
	const struct hk_dmarc_options options = {
	    .size = sizeof options, .profile = profile, .sample = o->dmarc_sample};
	struct hk_dmarc *d = hk_dmarc_new(a, domain, &options, trace);
	enum hk_status status;

	if (!d)
		return HK_NOMEM;
	hk_dmarc_ready(d);
	status = cli_resolve_all(r, hk_evaluator_dmarc(d));
	if (status == HK_OK)
		*ret = hk_dmarc_result(d);
	return status;
}

enum cli_exit cli_answer_dmarc(const struct cli_options *o, struct cli_resolver *r, struct hk_arena *a, struct hk_buf *out)
{
	enum hk_dmarc_profile other_profile = o->dmarc_profile == HK_DMARC_RFC9989 ? HK_DMARC_RFC7489 : HK_DMARC_RFC9989;
	const struct hk_dmarc_verdict *v = NULL, *other = NULL;
	struct hk_trace *trace = hk_trace_new(a);
	struct problems problems = {0};
	struct hk_slice domain;
	enum hk_status status = read_domain(o, a, &domain);

	if (status != HK_OK) {
		cli_complain("the name of a domain is needed: as a word, or --from", NULL);
		return CLI_USAGE;
	}
	status = trace ? evaluate_as(o, o->dmarc_profile, domain, r, trace, a, &v) : HK_NOMEM;
	if (status == HK_OK)
		status = evaluate_as(o, other_profile, domain, r, NULL, a, &other);
	if (status != HK_OK)
		return cli_answer_failed(status);
	judge_record(v->record, v->profile, &problems);
	judge_ignored(trace, &problems);
	if (o->json) {
		write_json(v, other, &problems, trace, out);
	} else {
		write_text(v, other, &problems, out);
		cli_steps_add(out, trace, o->language);
	}
	if (v->result == HK_DMARC_TEMPERROR)
		return CLI_LATER;
	if (o->strict && (problems.n || v->result == HK_DMARC_NONE))
		return CLI_FAIL;
	return v->result == HK_DMARC_PERMERROR || is_faulty(&problems) ? CLI_FAIL : CLI_OK;
}
