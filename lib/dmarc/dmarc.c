/* SPDX-License-Identifier: MIT */
#include "dmarc_internal.h"
#include "lib/base/base_internal.h"

/* RFC 7489 6.6.4 draws from 0 to 99. More would fall outside even pct=100, which is every message. */
enum { SAMPLE_MAX = 99 };

enum align {
	ALIGN_NO,
	ALIGN_YES,
	ALIGN_UNKNOWN, /* an answer could not be had */
};

struct identifier {
	struct hk_slice domain;
	bool is_spf, passed, temperror;
};

enum existence { EXISTS_NOT_ASKED, EXISTS_ASKED, EXISTS_YES, EXISTS_NO, EXISTS_UNKNOWN };

struct hk_dmarc {
	struct hk_arena *arena;
	struct hk_trace *trace;
	struct dmarc_memo memo;
	unsigned sample;
	struct hk_slice author;
	struct identifier identifier[HK_DMARC_IDENTIFIERS_MAX];
	size_t n;
	enum existence existence;
	bool existence_handed_out;
	bool ready, done;
	struct hk_dmarc_verdict verdict;
};

/* The policy that applies, and where it comes from. */
struct policy {
	const struct dmarc_lookup *from; /* NULL: none was found */
	const char *tag;
	const char *role;
	const char *unusable; /* why the record switches DMARC off for this message, or NULL */
	bool unknown;         /* an answer was missing to choose the tag */
	enum hk_dmarc_policy p;
};

static void say(struct hk_dmarc *d, enum hk_trace_event event, struct hk_slice a, struct hk_slice b,
    struct hk_slice c, struct hk_slice e)
{
	hk_trace_add(d->trace, event, 0, a, b, c, e);
}

/* All names of the author's walk are needed to know the organizational domain, so they are asked at once. */
static enum hk_status ask_for_author(struct hk_dmarc *d)
{
	enum hk_status status;

	if (d->memo.profile == HK_DMARC_RFC9989)
		return dmarc_walk_ask(&d->memo, d->author);
	status = dmarc_suffix_ask(&d->memo, d->author);
	return status == HK_OK ? dmarc_memo_enter(&d->memo, HK_DNS_TXT, d->author) : status;
}

struct hk_dmarc *hk_dmarc_new(struct hk_arena *a, struct hk_slice author_domain,
    const struct hk_dmarc_options *options, struct hk_trace *trace)
{
	struct hk_dmarc_options own = {.profile = HK_DMARC_RFC9989};
	struct hk_dmarc *d = hk_arena_alloc(a, sizeof *d);

	if (!d)
		return NULL;
	d->arena = a;
	d->memo.arena = a;
	if (options && hk_sized_take(a, &own, sizeof own, options) != HK_OK)
		return NULL;
	d->memo.profile = own.profile;
	d->sample = own.sample < SAMPLE_MAX ? own.sample : SAMPLE_MAX;
	d->trace = trace;
	if (hk_dns_name_normalise(a, author_domain, &d->author) != HK_OK || d->author.n == 0) {
		/* The contract wants a domain; without one there is no policy to find. */
		d->author = (struct hk_slice){0};
		return a->failed == HK_OK ? d : NULL;
	}
	return ask_for_author(d) == HK_OK ? d : NULL;
}

static enum hk_status add_identifier(
    struct hk_dmarc *d, struct hk_slice domain, struct identifier id)
{
	enum hk_status status;

	if (!id.passed && !id.temperror)
		return HK_OK;
	if (d->n == HK_DMARC_IDENTIFIERS_MAX)
		return HK_LIMIT;
	status = hk_dns_name_normalise(d->arena, domain, &id.domain);
	if (status == HK_SYNTAX || (status == HK_OK && id.domain.n == 0))
		return HK_OK;
	if (status == HK_OK)
		d->identifier[d->n++] = id;
	return status;
}

enum hk_status hk_dmarc_spf(struct hk_dmarc *d, struct hk_slice domain, bool passed, bool temperror)
{
	return add_identifier(d, domain,
	    (struct identifier){.is_spf = true, .passed = passed, .temperror = temperror});
}

enum hk_status hk_dmarc_dkim(
    struct hk_dmarc *d, struct hk_slice domain, bool passed, bool temperror)
{
	return add_identifier(
	    d, domain, (struct identifier){.passed = passed, .temperror = temperror});
}

void hk_dmarc_ready(struct hk_dmarc *d)
{
	d->ready = true;
}

/* ---- policy ---------------------------------------------------------------------------- */

static bool is_old(const struct hk_dmarc *d)
{
	return d->memo.profile == HK_DMARC_RFC7489;
}

/* RFC 9989 4.10.1; RFC 7489 6.6.3 step 6, which knows no np. */
static bool is_usable(const struct hk_dmarc *d, const struct hk_dmarc_record *r)
{
	return r->has_p && !r->bad_sp && (is_old(d) || !r->bad_np);
}

static const char *why_unusable(const struct hk_dmarc *d, const struct hk_dmarc_record *r)
{
	if (!r->has_p)
		return "p is missing or invalid and no rua can be used";
	return is_old(d) ? "sp is invalid and no rua can be used"
	                 : "sp or np is invalid and no rua can be used";
}

/* np, sp or p for a name below the record's domain; np wants to know whether the name exists
 * (4.10.1). */
static void choose_tag(
    const struct hk_dmarc *d, const struct hk_dmarc_record *r, struct policy *policy)
{
	bool has_np = r->has_np && !is_old(d);

	policy->unknown = has_np && d->existence == EXISTS_UNKNOWN;
	if (has_np && d->existence == EXISTS_NO) {
		policy->tag = "np";
		policy->p = r->np;
	} else if (r->has_sp) {
		policy->tag = "sp";
		policy->p = r->sp;
	} else {
		policy->tag = "p";
		policy->p = r->p;
	}
}

/* RFC 9989 4.10.1: the author domain's record, else the organizational domain's, else the public
 * suffix domain's. */
static struct policy find_policy(const struct hk_dmarc *d, const struct dmarc_walk *w)
{
	struct policy policy = {0};
	const struct hk_dmarc_record *r;

	if (w->own && w->own->state == DMARC_FOUND) {
		policy.from = w->own;
		policy.role = "author domain";
	} else if (w->org_record) {
		policy.from = w->org_record;
		policy.role = "organizational domain";
	} else if (w->psd_record) {
		policy.from = w->psd_record;
		policy.role = "public suffix domain";
	} else {
		return policy;
	}
	r = &policy.from->record;
	if (!is_usable(d, r)) {
		/* "act as if a record containing p=none was retrieved", but only where somebody
		 * gets reports */
		policy.tag = "none assumed";
		if (!r->has_rua)
			policy.unusable = why_unusable(d, r);
	} else if (policy.from == w->own) {
		policy.tag = "p";
		policy.p = r->p;
	} else {
		choose_tag(d, r, &policy);
	}
	return policy;
}

/* Ask for the author domain itself only where np hangs on it. */
static enum hk_status ask_existence(struct hk_dmarc *d, const struct dmarc_walk *w)
{
	struct policy policy = find_policy(d, w);

	if (is_old(d) || w->failed || !policy.from || policy.from == w->own ||
	    !is_usable(d, &policy.from->record) || !policy.from->record.has_np)
		return HK_OK;
	if (d->existence == EXISTS_NOT_ASKED)
		d->existence = w->own->exists ? EXISTS_YES : EXISTS_ASKED;
	return d->existence == EXISTS_ASKED ? HK_AGAIN : HK_OK;
}

/* ---- alignment -------------------------------------------------------------------------- */

static bool is_strict(const struct hk_dmarc_record *r, const struct identifier *id)
{
	return id->is_spf ? r->strict_spf : r->strict_dkim;
}

/* Only such an identifier needs a walk: its organizational domain is it or above it, so it can be
 * that of the author only where it stands at or below that one (4.10.2). */
static bool needs_walk(const struct hk_dmarc *d, const struct dmarc_walk *w,
    const struct hk_dmarc_record *r, const struct identifier *id)
{
	return !is_strict(r, id) && !w->failed && !hk_slice_eq(id->domain, d->author) &&
	       hk_dns_name_is_below(id->domain, w->org);
}

/* Starts it where it was not, so that it may be run again and again. */
static enum hk_status walk_of(struct hk_dmarc *d, struct hk_slice domain, struct dmarc_walk *ret)
{
	enum hk_status status =
	    is_old(d) ? dmarc_suffix_ask(&d->memo, domain) : dmarc_walk_ask(&d->memo, domain);

	if (status != HK_OK)
		return status;
	return is_old(d) ? dmarc_suffix_org(&d->memo, domain, ret)
	                 : dmarc_walk_run(&d->memo, domain, ret);
}

static enum hk_status walk_identifiers(
    struct hk_dmarc *d, const struct dmarc_walk *w, const struct hk_dmarc_record *r)
{
	enum hk_status result = HK_OK;
	size_t i;

	for (i = 0; i < d->n; i++) {
		struct dmarc_walk other;
		enum hk_status status;

		if (!needs_walk(d, w, r, &d->identifier[i]))
			continue;
		status = walk_of(d, d->identifier[i].domain, &other);
		if (status == HK_AGAIN)
			result = HK_AGAIN;
		else if (status != HK_OK)
			return status;
	}
	return result;
}

static struct hk_slice number(struct hk_dmarc *d, unsigned n)
{
	struct hk_slice text = {0};

	return hk_arena_fmt(d->arena, &text, "%u", n) == HK_OK ? text : (struct hk_slice){0};
}

static void say_walk(struct hk_dmarc *d, const char *whose, const struct dmarc_walk *w)
{
	if (is_old(d))
		say(d, HK_TRACE_DMARC_SUFFIX, hk_slice_str(whose), w->start, w->suffix, w->org);
	else
		say(d, HK_TRACE_DMARC_WALK, hk_slice_str(whose), w->start, w->org,
		    number(d, w->asked));
}

static bool share_top_label(struct hk_slice a, struct hk_slice b)
{
	while (hk_dns_name_labels(b) > 1)
		b = hk_dns_name_parent(b);
	return hk_dns_name_is_below(a, b);
}

static enum align judge(struct hk_dmarc *d, const struct dmarc_walk *w,
    const struct hk_dmarc_record *r, const struct identifier *id)
{
	struct dmarc_walk other;

	if (hk_slice_eq(id->domain, d->author))
		return ALIGN_YES;
	if (is_strict(r, id))
		return ALIGN_NO;
	if (w->failed) /* the author's organizational domain is not known; without a common label it
	                  cannot matter */
		return share_top_label(id->domain, d->author) ? ALIGN_UNKNOWN : ALIGN_NO;
	if (!needs_walk(d, w, r, id))
		return ALIGN_NO;
	if (walk_of(d, id->domain, &other) != HK_OK)
		return ALIGN_UNKNOWN;
	say_walk(d, id->is_spf ? "spf" : "dkim", &other);
	if (other.failed)
		return ALIGN_UNKNOWN;
	return hk_slice_eq(other.org, w->org) ? ALIGN_YES : ALIGN_NO;
}

/* ---- the verdict -------------------------------------------------------------------------- */

static void say_lookups(struct hk_dmarc *d, const struct dmarc_walk *w, const struct policy *policy)
{
	struct hk_slice at = w->start;
	unsigned i;
	size_t k;

	for (i = 0; i < w->asked && at.n; i++, at = dmarc_next(&d->memo, w, at)) {
		const struct dmarc_lookup *l = dmarc_memo_find(&d->memo, HK_DNS_TXT, at);
		const char *role = l == policy->from ? policy->role : "";

		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): what was asked is in the memo */
		for (k = 0; k < l->n_ignored; k++)
			say(d, HK_TRACE_DMARC_IGNORED, l->name, l->ignored[k].text,
			    hk_slice_str(l->ignored[k].why), HK_S(""));
		if (l->state == DMARC_FOUND)
			say(d, HK_TRACE_DMARC_RECORD, l->name, l->record.text, hk_slice_str(role),
			    HK_S(""));
	}
}

static enum hk_status finish(
    struct hk_dmarc *d, enum hk_dmarc_result result, struct hk_slice reason)
{
	struct hk_dmarc_verdict *v = &d->verdict;

	v->result = result;
	v->reason = reason;
	if (result == HK_DMARC_FAIL) {
		bool lower = v->testing || d->sample >= v->pct;

		v->disposition = hk_dmarc_lower(v->policy, lower);
		if (v->disposition != v->policy)
			v->override = v->testing ? HK_DMARC_OVERRIDE_POLICY_TEST_MODE : HK_DMARC_OVERRIDE_SAMPLED_OUT;
	}
	say(d, HK_TRACE_DMARC_RESULT, hk_slice_str(hk_dmarc_result_name(result)),
	    hk_slice_str(v->record_domain.n ? hk_dmarc_policy_name(v->policy) : ""),
	    hk_slice_str(hk_dmarc_policy_name(v->disposition)), reason);
	d->done = true;
	return HK_OK;
}

/* What was seen of the identifiers of one method. */
struct tally {
	bool any_passed, aligned, maybe;
};

static void align_all(struct hk_dmarc *d, const struct dmarc_walk *w,
    const struct hk_dmarc_record *r, struct tally tally[2])
{
	size_t i;

	for (i = 0; i < d->n; i++) {
		const struct identifier *id = &d->identifier[i];
		struct tally *t = &tally[id->is_spf ? 0 : 1];
		enum align a = judge(d, w, r, id);
		const char *word = a == ALIGN_UNKNOWN ? "not known: a DNS answer is missing"
		                   : a == ALIGN_NO    ? "not aligned"
		                   : id->passed
		                       ? "aligned"
		                       : "aligned, but the check ended in a temporary error";

		if (id->passed) {
			t->any_passed = true;
			t->aligned = t->aligned || a == ALIGN_YES;
		}
		t->maybe = t->maybe || a == ALIGN_UNKNOWN || (a == ALIGN_YES && !id->passed);
		say(d, HK_TRACE_DMARC_ALIGN, hk_slice_str(id->is_spf ? "spf" : "dkim"), id->domain,
		    hk_slice_str(is_strict(r, id) ? "strict" : "relaxed"), hk_slice_str(word));
	}
}

static const char *miss(const struct tally *t, bool strict, const char *const text[3])
{
	return !t->any_passed ? text[0] : strict ? text[1] : text[2];
}

static enum hk_status conclude(
    struct hk_dmarc *d, const struct policy *policy, const struct tally tally[2])
{
	static const char *const spf[] = {
	    "No valid SPF", "SPF not aligned (strict)", "SPF not aligned (relaxed)"};
	static const char *const dkim[] = {
	    "No valid DKIM", "DKIM not aligned (strict)", "DKIM not aligned (relaxed)"};
	struct hk_dmarc_verdict *v = &d->verdict;
	struct hk_slice reason;
	enum hk_status status;

	v->spf_aligned = tally[0].aligned;
	v->dkim_aligned = tally[1].aligned;
	/* RFC 9989 5.3: one aligned identifier is enough */
	if (v->spf_aligned || v->dkim_aligned)
		return finish(d, HK_DMARC_PASS,
		    v->spf_aligned && v->dkim_aligned ? HK_S("SPF and DKIM are aligned")
		    : v->spf_aligned                  ? HK_S("SPF is aligned")
		                                      : HK_S("DKIM is aligned"));
	/* A failure that may go away is never a fail. */
	if (tally[0].maybe || tally[1].maybe)
		return finish(
		    d, HK_DMARC_TEMPERROR, HK_S("an identifier could not be checked for now"));
	if (policy->unknown)
		return finish(d, HK_DMARC_TEMPERROR,
		    HK_S("it is not known for now whether the author domain exists"));
	status = hk_arena_fmt(d->arena, &reason, "%s, %s", miss(&tally[0], v->spf_strict, spf),
	    miss(&tally[1], v->dkim_strict, dkim));
	return status == HK_OK ? finish(d, HK_DMARC_FAIL, reason) : status;
}

static enum hk_status no_policy(
    struct hk_dmarc *d, const struct dmarc_walk *w, const struct policy *policy)
{
	if (w->failed)
		return finish(d, HK_DMARC_TEMPERROR,
		    HK_S("the policy record could not be looked up for now"));
	if (policy->unusable) {
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a record is unusable */
		say(d, HK_TRACE_DMARC_IGNORED, policy->from->name, policy->from->record.text,
		    hk_slice_str(policy->unusable), HK_S(""));
		d->verdict.org_domain = w->org;
		return finish(d, HK_DMARC_NONE, hk_slice_str(policy->unusable));
	}
	say(d, HK_TRACE_DMARC_NO_RECORD, d->author, HK_S(""), HK_S(""), HK_S(""));
	return finish(d, HK_DMARC_NONE, HK_S("no policy record"));
}

/* What of a record the profile knows: t (RFC 9989 4.7), or pct (RFC 7489 6.6.4: who is not drawn is under quarantine where
 * reject is asked for, and under no policy where quarantine is). */
static void take_modes(struct hk_dmarc *d, const struct hk_dmarc_record *r)
{
	struct hk_dmarc_verdict *v = &d->verdict;

	v->testing = r->testing && !is_old(d);
	v->pct = is_old(d) ? r->pct : 100;
	v->spf_strict = r->strict_spf;
	v->dkim_strict = r->strict_dkim;
}

static enum hk_status judge_message(struct hk_dmarc *d, const struct dmarc_walk *w)
{
	struct policy policy = find_policy(d, w);
	struct hk_dmarc_verdict *v = &d->verdict;
	struct tally tally[2] = {{0}};
	const struct hk_dmarc_record *r;

	say(d, is_old(d) ? HK_TRACE_DMARC_RFC7489 : HK_TRACE_DMARC_DOMAIN, d->author, HK_S(""),
	    HK_S(""), HK_S(""));
	say_lookups(d, w, &policy);
	say_walk(d, "author", w);
	if (!policy.from || policy.unusable)
		return no_policy(d, w, &policy);
	r = &policy.from->record;
	v->policy = policy.p;
	v->org_domain = w->org;
	v->record_domain = policy.from->domain;
	v->record = r->text;
	take_modes(d, r);
	say(d, HK_TRACE_DMARC_POLICY, hk_slice_str(hk_dmarc_policy_name(policy.p)),
	    hk_slice_str(policy.tag), policy.from->domain, v->testing ? HK_S("y") : HK_S(""));
	if (v->pct < 100)
		say(d, HK_TRACE_DMARC_SAMPLE, number(d, v->pct), number(d, d->sample),
		    d->sample < v->pct ? HK_S("yes") : HK_S("no"), HK_S(""));
	align_all(d, w, r, tally);
	return conclude(d, &policy, tally);
}

enum hk_status hk_dmarc_step(struct hk_dmarc *d)
{
	struct dmarc_walk w;
	struct policy policy;
	enum hk_status status, waiting;

	if (d->done)
		return HK_OK;
	d->verdict.author_domain = d->author;
	d->verdict.profile = d->memo.profile;
	d->verdict.pct = 100;
	if (d->author.n == 0)
		return finish(
		    d, HK_DMARC_PERMERROR, HK_S("the author domain is not a domain name"));
	status = is_old(d) ? dmarc_suffix_discover(&d->memo, d->author, &w)
	                   : dmarc_walk_run(&d->memo, d->author, &w);
	if (status != HK_OK)
		return status;
	waiting = ask_existence(d, &w);
	if (!d->ready)
		return HK_AGAIN;
	policy = find_policy(d, &w);
	if (policy.from && !policy.unusable) {
		status = walk_identifiers(d, &w, &policy.from->record);
		if (status != HK_OK)
			return status;
	}
	return waiting == HK_OK ? judge_message(d, &w) : waiting;
}

bool hk_dmarc_question(struct hk_dmarc *d, struct hk_dns_question *ret)
{
	struct dmarc_lookup *l;

	/* It comes up when the author's walk is done, the walks of the others when they are known:
	 * before or after. It goes first, so that the order is always the same. */
	if (d->existence == EXISTS_ASKED && !d->existence_handed_out) {
		d->existence_handed_out = true;
		/* Any type shows NXDOMAIN (RFC 9989 3.2.13). CNAME, since an alias that leads
		 * nowhere exists as well, and a question for its target's type would give the
		 * target's NXDOMAIN. */
		*ret = (struct hk_dns_question){.name = d->author, .type = HK_DNS_CNAME};
		return true;
	}
	for (l = d->memo.first; l; l = l->next) {
		if (l->handed_out)
			continue;
		l->handed_out = true;
		*ret = (struct hk_dns_question){.name = l->name, .type = l->type};
		return true;
	}
	return false;
}

enum hk_status hk_dmarc_answer(struct hk_dmarc *d, const struct hk_dns_answer *answer)
{
	const struct hk_dns_question *q = &answer->question;
	struct dmarc_lookup *l;

	if (!hk_dns_answer_is_sound(answer))
		return HK_BUG;
	if (q->type == HK_DNS_CNAME && hk_slice_eq(q->name, d->author) && d->existence_handed_out) {
		if (d->existence == EXISTS_ASKED)
			d->existence = hk_dns_is_failure(answer)          ? EXISTS_UNKNOWN
			               : answer->rcode == HK_DNS_NXDOMAIN ? EXISTS_NO
			                                                  : EXISTS_YES;
		return HK_OK;
	}
	for (l = d->memo.first; l; l = l->next) {
		if (q->type != l->type || !l->handed_out || !hk_slice_eq(q->name, l->name))
			continue;
		if (l->state != DMARC_PENDING)
			return HK_OK;
		return l->type == HK_DNS_TXT ? dmarc_lookup_answer(&d->memo, l, answer)
		                             : dmarc_suffix_answer(&d->memo, l, answer);
	}
	return HK_NOTFOUND;
}

const struct hk_dmarc_verdict *hk_dmarc_result(const struct hk_dmarc *d)
{
	return d->done ? &d->verdict : NULL;
}

unsigned hk_dmarc_differences(const struct hk_dmarc_verdict *a, const struct hk_dmarc_verdict *b)
{
	unsigned differs = 0;

	if (a->org_domain.n && b->org_domain.n && !hk_slice_eq(a->org_domain, b->org_domain))
		differs |= HK_DMARC_DIFFERS_ORG;
	if (!hk_slice_eq(a->record_domain, b->record_domain))
		differs |= HK_DMARC_DIFFERS_RECORD;
	if (a->policy != b->policy)
		differs |= HK_DMARC_DIFFERS_POLICY;
	if (a->disposition != b->disposition)
		differs |= HK_DMARC_DIFFERS_DISPOSITION;
	if (a->result != b->result)
		differs |= HK_DMARC_DIFFERS_RESULT;
	return differs;
}
