/* SPDX-License-Identifier: MIT
 *
 * Why two verdicts on one message differ: a table of what may be so, the sure things first.
 */
#include <string.h>

#include "against.h"

struct facts {
	struct against_message *m;
	struct against_row *row;
	const struct hk_verify_verdict *v;
	struct hk_slice theirs, ours; /* results; empty: none */
};

static bool theirs_is(const struct facts *f, const char *word)
{
	return hk_slice_eq(f->theirs, hk_slice_str(word));
}

static bool ours_is(const struct facts *f, const char *word)
{
	return hk_slice_eq(f->ours, hk_slice_str(word));
}

static bool is_pass_there_only(const struct facts *f)
{
	return theirs_is(f, "pass") && f->ours.n && !ours_is(f, "pass");
}

static bool is_pass_here_only(const struct facts *f)
{
	return ours_is(f, "pass") && f->theirs.n && !theirs_is(f, "pass");
}

static bool dkim_reason_is(const struct facts *f, const char *text)
{
	return f->row->dkim && hk_slice_eq(f->row->dkim->reason, hk_slice_str(text));
}

/* ---- what was not judged on both sides ----------------------------------------------------------- */

static bool is_silent(const struct facts *f)
{
	return f->row->outcome == AGAINST_ONLY_OURS;
}

static bool is_gone(const struct facts *f)
{
	return f->row->outcome == AGAINST_ONLY_THEIRS;
}

static bool was_temporary(const struct facts *f)
{
	return theirs_is(f, "temperror") || theirs_is(f, "tempfail");
}

static bool is_temporary(const struct facts *f)
{
	return ours_is(f, "temperror");
}

/* ---- spf ------------------------------------------------------------------------------------------ */

static bool lacks_client(const struct facts *f)
{
	return hk_verify_input_of(f->m->checked.verify)->client.family == 0;
}

static bool lacks_sender(const struct facts *f)
{
	return !hk_verify_input_of(f->m->checked.verify)->has_mail_from;
}

static bool is_other_client(const struct facts *f)
{
	const struct hk_verify_input *in = hk_verify_input_of(f->m->checked.verify);
	const struct against_result *r = f->row->theirs;

	return r && r->client.family && in->client.family && !hk_ip_eq(&r->client, &in->client);
}

static bool is_other_identity(const struct facts *f)
{
	return f->row->theirs && f->row->theirs->is_helo && !f->v->spf->is_helo;
}

static bool is_other_sender(const struct facts *f)
{
	const struct against_result *r = f->row->theirs;

	return r && !r->is_helo && r->domain.n && !hk_slice_eq_nocase(r->domain, f->v->spf->domain);
}

static bool is_over_limit(const struct facts *f)
{
	return ours_is(f, "permerror") && (f->v->spf->lookups > HK_SPF_MAX_LOOKUPS || f->v->spf->voids > HK_SPF_MAX_VOIDS);
}

static bool is_broken_record(const struct facts *f)
{
	return ours_is(f, "permerror");
}

static bool is_hardfail(const struct facts *f)
{
	return theirs_is(f, "hardfail");
}

static bool lost_record(const struct facts *f)
{
	return ours_is(f, "none") && !theirs_is(f, "none");
}

static bool got_record(const struct facts *f)
{
	return theirs_is(f, "none") && !ours_is(f, "none");
}

static bool always(const struct facts *f)
{
	(void)f;
	return true;
}

static struct hk_slice spf_reason(const struct facts *f)
{
	return f->v->spf->reason;
}

static struct hk_slice spf_record(const struct facts *f)
{
	const struct hk_trace *trace = hk_verify_trace(f->m->checked.verify);
	size_t i;

	for (i = 0; i < hk_trace_count(trace); i++)
		if (hk_trace_at(trace, i)->event == HK_TRACE_SPF_RECORD)
			return hk_trace_at(trace, i)->text[1];
	return (struct hk_slice){0};
}

/* ---- dkim ----------------------------------------------------------------------------------------- */

static bool no_key(const struct facts *f)
{
	return is_pass_there_only(f) && dkim_reason_is(f, "no key");
}

static bool revoked(const struct facts *f)
{
	return is_pass_there_only(f) && dkim_reason_is(f, "key revoked");
}

static bool short_key(const struct facts *f)
{
	return dkim_reason_is(f, "key too short");
}

static bool sha1(const struct facts *f)
{
	return dkim_reason_is(f, "rsa-sha1 is no longer valid");
}

static bool expired(const struct facts *f)
{
	return dkim_reason_is(f, "signature expired");
}

static bool changed_body(const struct facts *f)
{
	return is_pass_there_only(f) && dkim_reason_is(f, "body hash mismatch");
}

static bool changed_header(const struct facts *f)
{
	return is_pass_there_only(f) && dkim_reason_is(f, "signature mismatch");
}

static bool refused_length(const struct facts *f)
{
	return is_pass_here_only(f) && f->row->dkim && f->row->dkim->has_length;
}

static bool is_test_key(const struct facts *f)
{
	return is_pass_here_only(f) && f->row->dkim && f->row->dkim->testing;
}

static bool over_limit(const struct facts *f)
{
	return f->row->dkim && f->row->dkim->is_over_limit;
}

static bool unseen(const struct facts *f)
{
	return theirs_is(f, "none") && f->row->dkim;
}

static bool other_word_for_body(const struct facts *f)
{
	return theirs_is(f, "neutral") && dkim_reason_is(f, "body hash mismatch");
}

static struct hk_slice dkim_reason(const struct facts *f)
{
	return f->row->dkim ? f->row->dkim->reason : (struct hk_slice){0};
}

/* ---- dmarc ---------------------------------------------------------------------------------------- */

static bool follows(const struct facts *f)
{
	size_t i;

	for (i = 0; i < f->m->n; i++)
		if (f->m->row[i].outcome == AGAINST_DIFFERENT &&
		    (f->m->row[i].method == AGAINST_SPF || f->m->row[i].method == AGAINST_DKIM))
			return true;
	return false;
}

static bool lets_length_align(const struct facts *f)
{
	size_t i;

	for (i = 0; is_pass_there_only(f) && i < f->v->n_dkim; i++)
		if (f->v->dkim[i]->result == HK_DKIM_PASS && f->v->dkim[i]->has_length &&
		    !f->v->dkim[i]->is_aligned_by_length)
			return true;
	return false;
}

static bool several_authors(const struct facts *f)
{
	return f->v->from_state != HK_FROM_ONE;
}

static bool is_other_author(const struct facts *f)
{
	const struct against_result *r = f->row->theirs;

	/* some write the domain of the policy in its place */
	return r && r->domain.n && f->v->author_domain.n &&
	       !hk_dns_name_is_below(f->v->author_domain, r->domain);
}

static bool guessed(const struct facts *f)
{
	return theirs_is(f, "bestguesspass");
}

static bool found_policy(const struct facts *f)
{
	return theirs_is(f, "none") && f->v->dmarc->record_domain.n;
}

static bool lost_policy(const struct facts *f)
{
	return ours_is(f, "none") && f->theirs.n;
}

static bool walk_differs(const struct facts *f)
{
	return is_pass_there_only(f) || is_pass_here_only(f);
}

static struct hk_slice org_domain(const struct facts *f)
{
	return f->v->dmarc->org_domain;
}

static struct hk_slice record_domain(const struct facts *f)
{
	return f->v->dmarc->record_domain;
}

/* ---- arc ------------------------------------------------------------------------------------------ */

static struct hk_slice arc_reason(const struct facts *f)
{
	return f->v->arc->reason;
}

/* ---- the table ------------------------------------------------------------------------------------ */

struct rule {
	unsigned methods; /* bits */
	bool (*is_so)(const struct facts *);
	const char *sentence;
	struct hk_slice (*about)(const struct facts *); /* put behind it; NULL: nothing */
	bool is_last;                                    /* says all that there is to say */
};

enum { SPF = 1 << AGAINST_SPF, DKIM = 1 << AGAINST_DKIM, DMARC = 1 << AGAINST_DMARC, ARC = 1 << AGAINST_ARC };
enum { ALL = SPF | DKIM | DMARC | ARC };

static const struct rule rules[] = {
    {ALL, is_silent, "their results say nothing of it", NULL, true},
    {SPF, lacks_client, "the stored message does not tell the client's address: --ip gives it", NULL, true},
    {SPF, lacks_sender, "the stored message does not tell MAIL FROM (no Return-Path): --mail-from gives it", NULL, true},
    {DMARC, is_gone, "it hangs on SPF, which could not be judged here", NULL, true},
    {DKIM, is_gone, "their results speak of a signature that the message no longer has", NULL, true},
    {ALL, is_gone, "their results speak of it, but there is nothing to judge here", NULL, true},
    {ALL, was_temporary, "they had no answer from DNS at that time", NULL, true},
    {ALL, is_temporary, "there is no answer from DNS now; try again", NULL, true},

    {SPF, is_other_identity, "they judged the HELO identity, we MAIL FROM as DMARC wants (RFC 7208 2.3)", NULL, true},
    {SPF, is_other_client, "they judged another address than the one in the Received field of that hop", NULL, false},
    {SPF, is_other_sender, "Return-Path is not the MAIL FROM that they judged: it was rewritten behind them", NULL, true},
    {SPF, is_hardfail, "hardfail is the word of early drafts for fail", NULL, true},
    {SPF, is_over_limit, "the record goes over a limit of RFC 7208 4.6.4, which they do not hold, or it has grown since", spf_reason, true},
    {SPF, is_broken_record, "the record is at fault: they are more lenient, or it was changed since", spf_reason, true},
    {SPF, lost_record, "the domain no longer publishes the record that they judged by", NULL, true},
    {SPF, got_record, "the domain publishes a record now that it did not then", spf_record, true},
    {SPF, always, "the record was changed since, or theirs read it otherwise; now it is", spf_record, true},

    {DKIM, unseen, "theirs did not see, or not look at, this signature", NULL, true},
    {DKIM, no_key, "the key is no longer published; they found it at that time", NULL, true},
    {DKIM, revoked, "the key was revoked since (RFC 6376 3.6.1, empty p=)", NULL, true},
    {DKIM, short_key, "RSA keys under 1024 bits count for nothing here (RFC 8301 3.2)", NULL, true},
    {DKIM, sha1, "rsa-sha1 counts for nothing here (RFC 8301 3.1)", NULL, true},
    {DKIM, expired, "x= had passed when the message came (RFC 6376 3.5), which they do not look at", NULL, true},
    {DKIM, over_limit, "more signatures than we evaluate, the author's first; they evaluate more", NULL, true},
    {DKIM, other_word_for_body, "they call a body that was changed neutral; RFC 8601 2.7.1 has fail for it", NULL, true},
    {DKIM, changed_body, "the body was changed after they had seen it, by a filter, a list or the mailbox", NULL, true},
    {DKIM, changed_header,
        "signed fields were changed after they had seen them, or another key is published under that selector now", NULL, true},
    {DKIM, refused_length,
        "theirs refuses signatures with l=; we let it pass, but it aligns for DMARC only if it covers the whole body", NULL, true},
    {DKIM, is_test_key, "the key says t=y, which is no reason to treat it otherwise (RFC 6376 3.6.1); theirs does", NULL, true},
    {DKIM, is_pass_here_only,
        "they saw the message in another form, or the key was published after they had looked", NULL, true},
    {DKIM, always, "another reading of the same fault", dkim_reason, true},

    {DMARC, several_authors, "From does not give one author domain (RFC 9989 11.5); theirs chose one", NULL, true},
    {DMARC, is_other_author, "they judged another author domain: From was rewritten behind them", NULL, true},
    {DMARC, guessed, "there is no policy record; bestguesspass is a guess of theirs as if there were one", NULL, true},
    {DMARC, lets_length_align,
        "theirs passes since it ignores l=: a part of the body is unsigned, so that signature does not align here", NULL, true},
    {DMARC, follows, "it follows from the difference in SPF or DKIM", NULL, true},
    {DMARC, found_policy,
        "they found no policy record: it was published since, or RFC 9989 finds it by the tree walk where the suffix list "
        "of RFC 7489 did not; it stands at",
        record_domain, true},
    {DMARC, lost_policy, "the policy record that they judged by is no longer published", NULL, true},
    {DMARC, walk_differs,
        "the same SPF and DKIM align on one side only: RFC 9989 finds organizational domains by the tree walk, RFC 7489 by "
        "the public suffix list; here it is",
        org_domain, true},
    {DMARC, always, "the policy record was changed since, or theirs read it otherwise", NULL, true},

    {ARC, always, "the chain is judged by what stands here and in DNS now", arc_reason, true},
};

static enum hk_status add_reason(const struct facts *f, const struct rule *rule)
{
	struct hk_slice about = rule->about ? rule->about(f) : (struct hk_slice){0};
	struct against_row *row = f->row;

	return hk_arena_fmt(&f->m->checked.arena, &row->reason[row->n_reasons++], "%s%s%.*s", rule->sentence,
	    about.n ? ": " : "", HK_FMT(about));
}

enum hk_status against_explain(struct against_message *m, struct against_row *row)
{
	struct facts f = {.m = m,
	    .row = row,
	    .v = hk_verify_result(m->checked.verify),
	    .theirs = row->theirs ? row->theirs->result : (struct hk_slice){0},
	    .ours = hk_slice_str(row->ours)};
	enum hk_status status = HK_OK;
	size_t i;

	for (i = 0; i < sizeof rules / sizeof rules[0] && status == HK_OK; i++) {
		if (!(rules[i].methods >> row->method & 1) || !rules[i].is_so(&f))
			continue;
		status = add_reason(&f, &rules[i]);
		if (rules[i].is_last || row->n_reasons == AGAINST_REASONS_MAX)
			break;
	}
	return status;
}
