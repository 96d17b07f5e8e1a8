/* SPDX-License-Identifier: MIT
 *
 * Result by result: which of theirs and ours speak of the same thing, and whether they agree.
 */
#include <string.h>

#include "against.h"

static const char *const outcome_names[AGAINST_OUTCOMES] = {
    "same", "words", "different", "only_ours", "only_theirs"};

const char *against_outcome_name(enum against_outcome outcome)
{
	return outcome_names[outcome];
}

/* Kinds of result: within one kind only the word differs. What is not listed is a kind of its own. */
static const struct {
	enum against_method method;
	const char *word;
	int kind;
} kinds[] = {
    {AGAINST_SPF, "fail", 1},
    {AGAINST_SPF, "hardfail", 1}, /* of drafts before RFC 7001 */
    /* a signature that is there and does not count, RFC 6376 6.1 */
    {AGAINST_DKIM, "fail", 2},
    {AGAINST_DKIM, "permerror", 2},
    {AGAINST_DKIM, "policy", 2},
    {AGAINST_DKIM, "neutral", 2},
    {AGAINST_DKIM, "invalid", 2},
    {AGAINST_DMARC, "none", 3},
    {AGAINST_DMARC, "bestguesspass", 3}, /* of Microsoft: no record */
};

static int kind_of(enum against_method method, struct hk_slice word)
{
	size_t i;

	for (i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (kinds[i].method == method && hk_slice_eq(hk_slice_str(kinds[i].word), word))
			return kinds[i].kind;
	return 0;
}

static enum against_outcome outcome_of(const struct against_row *row)
{
	struct hk_slice ours = hk_slice_str(row->ours);
	int kind;

	if (!row->theirs)
		return AGAINST_ONLY_OURS;
	if (!row->ours)
		return AGAINST_ONLY_THEIRS;
	if (hk_slice_eq(row->theirs->result, ours))
		return AGAINST_SAME;
	kind = kind_of(row->method, ours);
	return kind && kind == kind_of(row->method, row->theirs->result) ? AGAINST_WORDS
	                                                                 : AGAINST_DIFFERENT;
}

static struct against_row *add_row(struct against_message *m, enum against_method method)
{
	struct against_row *row;

	if (m->n == AGAINST_ROWS_MAX)
		return NULL;
	row = &m->row[m->n++];
	*row = (struct against_row){.method = method};
	return row;
}

/* The first of theirs for a method of which there is one. */
static struct against_result *find(struct against_message *m, enum against_method method)
{
	size_t i;

	for (i = 0; i < m->theirs.n; i++)
		if (m->theirs.result[i].method == method)
			return &m->theirs.result[i];
	return NULL;
}

static void add_single(
    struct against_message *m, enum against_method method, const char *ours, struct hk_slice about)
{
	struct against_result *theirs = find(m, method);
	struct against_row *row = add_row(m, method);

	if (!row)
		return;
	row->theirs = theirs;
	row->ours = ours;
	row->about = about;
	if (theirs)
		theirs->is_matched = true;
}

/* ---- signatures -------------------------------------------------------------------------------- */

/* How sure it is that a result of theirs speaks of this signature; 0: it does not. */
static int likeness(const struct against_result *r, const struct hk_dkim_verdict *v)
{
	if (r->b.n && v->b.n)
		return hk_slice_eq(hk_slice_sub(v->b, 0, r->b.n), r->b) ? 4 : 0;
	if (!hk_slice_eq_nocase(r->d, v->d))
		return 0;
	return r->s.n == 0 ? 2 : hk_slice_eq_nocase(r->s, v->s) ? 3 : 0;
}

static struct against_result *find_signature(
    struct against_message *m, const struct hk_dkim_verdict *v)
{
	struct against_result *best = NULL;
	int most = 0;
	size_t i;

	for (i = 0; i < m->theirs.n; i++) {
		struct against_result *r = &m->theirs.result[i];
		int like = r->method == AGAINST_DKIM && !r->is_matched ? likeness(r, v) : 0;

		if (like > most) {
			most = like;
			best = r;
		}
	}
	return best;
}

/* What cannot be told apart, since one side names nothing: one left here and one left there. */
static struct against_result *find_nameless(
    struct against_message *m, const struct hk_dkim_verdict *v)
{
	size_t i;

	for (i = 0; i < m->theirs.n; i++) {
		struct against_result *r = &m->theirs.result[i];

		if (r->method == AGAINST_DKIM && !r->is_matched &&
		    (r->d.n == 0 || v->d.n == 0))
			return r;
	}
	return NULL;
}

static enum hk_status add_signature(struct against_message *m, const struct hk_dkim_verdict *v)
{
	struct against_result *theirs = find_signature(m, v);
	struct against_row *row = add_row(m, AGAINST_DKIM);

	if (!row)
		return HK_OK;
	row->dkim = v;
	row->ours = hk_dkim_result_name(v->result);
	if (!theirs)
		theirs = find_nameless(m, v);
	if (theirs)
		theirs->is_matched = true;
	row->theirs = theirs;
	return hk_arena_fmt(&m->checked.arena, &row->about, "%.*s/%.*s", HK_FMT(v->d), HK_FMT(v->s));
}

static enum hk_status add_rest(struct against_message *m, const struct hk_verify_verdict *v)
{
	enum hk_status status = HK_OK;
	size_t i;

	for (i = 0; i < m->theirs.n && status == HK_OK; i++) {
		struct against_result *r = &m->theirs.result[i];
		struct against_row *row;

		if (r->method != AGAINST_DKIM || r->is_matched)
			continue;
		row = add_row(m, AGAINST_DKIM);
		if (!row)
			break;
		row->theirs = r;
		/* "none" is about the message: there is no signature */
		row->ours = v->n_dkim == 0 && hk_slice_eq(r->result, HK_S("none")) ? "none" : NULL;
		status = hk_arena_fmt(
		    &m->checked.arena, &row->about, "%.*s/%.*s", HK_FMT(r->d), HK_FMT(r->s));
	}
	return status;
}

static enum hk_status add_signatures(struct against_message *m, const struct hk_verify_verdict *v)
{
	enum hk_status status = HK_OK;
	size_t i;

	for (i = 0; i < v->n_dkim && status == HK_OK; i++)
		if (!v->dkim[i]->is_over_limit || v->n_dkim <= HK_DKIM_MAX_SIGNATURES * 2)
			status = add_signature(m, v->dkim[i]);
	return status == HK_OK ? add_rest(m, v) : status;
}

/* ---- all ------------------------------------------------------------------------------------------ */

static struct hk_slice identity(const struct hk_verify_verdict *v)
{
	return v->spf->is_helo ? v->spf->domain : v->spf->sender;
}

/* Without both ends of it SPF is no verdict, and neither is a DMARC that fails for want of it. */
static bool is_spf_unknown(const struct against_message *m)
{
	const struct hk_verify_input *in = hk_verify_input_of(m->checked.verify);

	return in->client.family == 0 || !in->has_mail_from;
}

static bool is_temporary(const struct against_row *row)
{
	return row->ours && strcmp(row->ours, "temperror") == 0;
}

enum hk_status against_compare(struct against_message *m)
{
	const struct hk_verify_verdict *v = hk_verify_result(m->checked.verify);
	bool is_unknown = is_spf_unknown(m);
	enum hk_status status;
	size_t i;

	m->n = 0;
	add_single(m, AGAINST_SPF, is_unknown ? NULL : hk_spf_result_name(v->spf->result), identity(v));
	status = add_signatures(m, v);
	is_unknown = is_unknown && v->dmarc->result == HK_DMARC_FAIL;
	add_single(m, AGAINST_DMARC, is_unknown ? NULL : hk_dmarc_result_name(v->dmarc->result),
	    v->author_domain);
	if (find(m, AGAINST_ARC))
		add_single(m, AGAINST_ARC, hk_arc_result_name(v->arc->cv), (struct hk_slice){0});
	for (i = 0; i < m->n && status == HK_OK; i++) {
		struct against_row *row = &m->row[i];

		row->outcome = outcome_of(row);
		m->is_different = m->is_different || row->outcome == AGAINST_DIFFERENT ||
		                  (m->is_strict && row->outcome == AGAINST_WORDS);
		m->is_temporary = m->is_temporary || is_temporary(row) || v->arc->is_temporary;
	}
	for (i = 0; i < m->n && status == HK_OK; i++)
		if (m->row[i].outcome != AGAINST_SAME)
			status = against_explain(m, &m->row[i]);
	return status;
}
