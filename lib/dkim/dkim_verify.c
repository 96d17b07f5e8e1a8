/* SPDX-License-Identifier: MIT
 *
 * The verifier: which signatures are evaluated, what they ask, and their verdicts (RFC 6376 6).
 *
 * All verdicts are made at one moment, when every answer and the end of the body are there. So
 * neither the order of the answers nor the way the body was cut can show in a verdict or in its
 * trace, and a replay gives the same.
 */
#include <stdio.h>

#include "dkim_internal.h"
#include "lib/base/base_internal.h"

/* A signature that is within the limit. */
struct evaluated {
	struct hk_dkim_signature sig;
	struct hk_dkim_verdict *verdict;
	struct hk_dkim_lookup *lookup; /* NULL when the field itself is at fault */
	size_t body_hash;              /* index */
};

struct hk_dkim_verify {
	struct hk_arena *arena;
	struct hk_dkim_verify_options options;
	struct hk_work own_work, *work; /* the caller's, or own */
	const struct hk_header *header;
	struct hk_trace *trace;
	struct hk_dkim_fields fields;
	struct hk_dkim_verdict *verdict; /* one for each field */
	struct evaluated **of;           /* of each verdict; NULL for one over the limit */
	size_t n;
	struct evaluated *evaluated;
	size_t n_evaluated;
	struct hk_dkim_lookups lookups;
	struct hk_dkim_body body;
	bool is_decided;
};

static void set_reason(struct hk_dkim_verdict *verdict, enum hk_dkim_reason reason)
{
	verdict->result = hk_dkim_reason_result(reason);
	verdict->reason = hk_dkim_reason_text(reason);
}

/* ---- choosing what is evaluated ---------------------------------------------------------- */

/* One verdict for each DKIM-Signature field, as if it were over the limit. Only where there is a
 * choice to make need d= be known beforehand. */
static enum hk_status list_fields(struct hk_dkim_verify *v)
{
	struct hk_slice name = HK_S("DKIM-Signature");
	size_t count = hk_header_count(v->header, name), i;
	bool is_choice = count > hk_work_left(v->work, HK_WORK_SIGNATURES);

	v->verdict = hk_arena_array(v->arena, count, sizeof *v->verdict);
	v->of = hk_arena_array(v->arena, count, sizeof(struct evaluated *));
	if (!v->verdict || !v->of)
		return v->arena->failed;
	for (i = hk_header_find(v->header, name, 0); i < v->header->n;
	     i = hk_header_find(v->header, name, i + 1)) {
		struct hk_dkim_verdict *verdict = &v->verdict[v->n++];
		enum hk_status status = HK_OK;

		if (is_choice)
			status = hk_dkim_signature_domain(
			    v->arena, v->header->field[i].value, &verdict->d);
		if (status != HK_OK)
			return status;
		verdict->field = i;
		verdict->is_over_limit = true;
		verdict->signed_at = -1;
		set_reason(verdict, HK_DKIM_R_OVER_LIMIT);
	}
	return HK_OK;
}

/* Equal, above or below: what relaxed alignment could accept at all. */
static bool is_aligned(const struct hk_dkim_verify *v, const struct hk_dkim_verdict *verdict)
{
	struct hk_slice author = v->options.author_domain;

	return author.n && verdict->d.n &&
	       (hk_dns_name_is_below(verdict->d, author) ||
	           hk_dns_name_is_below(author, verdict->d));
}

static void show_tags(struct hk_dkim_verdict *verdict, const struct hk_dkim_signature *sig)
{
	verdict->is_over_limit = false;
	verdict->d = sig->d;
	verdict->s = sig->s;
	verdict->i = sig->i;
	verdict->a = sig->a;
	verdict->b = sig->b_text;
	verdict->has_length = sig->has_length;
	verdict->signed_at = sig->has_t ? sig->t : -1;
	verdict->is_aligned_by_length = !sig->has_length;
}

static enum hk_status begin_signature(struct hk_dkim_verify *v, struct hk_dkim_verdict *verdict)
{
	struct evaluated *e = &v->evaluated[v->n_evaluated++];
	enum hk_status status =
	    hk_dkim_signature_parse(v->arena, v->header->field[verdict->field].value, &e->sig);
	const struct hk_dkim_signature *sig = &e->sig;

	if (status != HK_OK)
		return status;
	e->verdict = verdict;
	v->of[verdict - v->verdict] = e;
	show_tags(verdict, sig);
	if (sig->fault == HK_DKIM_R_OK)
		e->sig.fault = hk_dkim_signature_policy(sig, v->options.now, v->options.allow_sha1);
	if (sig->fault == HK_DKIM_R_OK) {
		status = hk_dkim_lookups_want(&v->lookups, sig, &e->lookup);
		if (status == HK_OK && !e->lookup)
			e->sig.fault = HK_DKIM_R_SELECTOR;
	}
	if (status == HK_OK && e->lookup)
		status = hk_dkim_body_want(&v->body, hk_dkim_hash_of(sig->alg), sig->body_canon,
		    sig->has_length ? &sig->length : NULL, &e->body_hash);
	return status;
}

/* Each may hash the whole header section. */
static bool may_cost(struct hk_dkim_verify *v)
{
	return hk_work_take(v->work, HK_WORK_HEADER_OCTETS, v->header->raw.n) &&
	       hk_work_take(v->work, HK_WORK_SIGNATURES, 1);
}

/* Author-aligned signatures first, so that a flood of others cannot push them out; both kinds from
 * the top. */
static enum hk_status begin_signatures(struct hk_dkim_verify *v)
{
	uint64_t left = hk_work_left(v->work, HK_WORK_SIGNATURES);
	size_t most = v->n < left ? v->n : (size_t)left, i;
	enum hk_status status = HK_OK;
	int pass;

	v->evaluated = hk_arena_array(v->arena, most, sizeof *v->evaluated);
	if (!v->evaluated)
		return v->arena->failed;
	status = hk_dkim_lookups_init(&v->lookups, v->arena, most);
	v->lookups.cache = v->options.keys;
	v->lookups.now = v->options.now;
	if (status == HK_OK)
		status = hk_dkim_body_init(&v->body, v->arena, most + HK_DKIM_GUEST_HASHES);
	for (pass = 0; pass < 2; pass++)
		for (i = 0; i < v->n && v->n_evaluated < most && status == HK_OK; i++)
			if (is_aligned(v, &v->verdict[i]) == (pass == 0) && may_cost(v))
				status = begin_signature(v, &v->verdict[i]);
	return status;
}

struct hk_dkim_verify *hk_dkim_verify_new(struct hk_arena *a,
    const struct hk_dkim_verify_options *options, const struct hk_header *header,
    struct hk_trace *trace)
{
	struct hk_dkim_verify *v = hk_arena_alloc(a, sizeof *v);
	enum hk_status status;

	if (!v || hk_sized_take(a, &v->options, sizeof v->options, options) != HK_OK)
		return NULL;
	v->arena = a;
	v->own_work.size = sizeof v->own_work;
	hk_work_init(&v->own_work);
	v->work = v->options.work ? v->options.work : &v->own_work;
	v->header = header;
	v->trace = trace;
	status = hk_arena_dup_lower(a, v->options.author_domain, &v->options.author_domain);
	if (status == HK_OK)
		status = list_fields(v);
	if (status == HK_OK)
		status = hk_dkim_fields_init(&v->fields, a, header);
	if (status == HK_OK)
		status = begin_signatures(v);
	if (status != HK_OK) {
		hk_dkim_verify_done(v);
		return NULL;
	}
	return v;
}

void hk_dkim_verify_done(struct hk_dkim_verify *v)
{
	if (!v)
		return;
	hk_dkim_body_done(&v->body);
	hk_dkim_lookups_done(&v->lookups);
}

/* ---- input ------------------------------------------------------------------------------------
 */

void hk_dkim_verify_body(struct hk_dkim_verify *v, struct hk_slice chunk)
{
	hk_dkim_body_add(&v->body, chunk);
}

void hk_dkim_verify_end(struct hk_dkim_verify *v)
{
	hk_dkim_body_end(&v->body);
}

struct hk_dkim_body *hk_dkim_verify_hashes(struct hk_dkim_verify *v)
{
	return &v->body;
}

void hk_dkim_body_hashes_format(const struct hk_dkim_verify *v, struct hk_buf *out)
{
	hk_dkim_body_format(&v->body, out);
}

enum hk_status hk_dkim_verify_replay_body(struct hk_dkim_verify *v, struct hk_slice hashes)
{
	return hk_dkim_body_replay(&v->body, hashes);
}

bool hk_dkim_verify_question(struct hk_dkim_verify *v, struct hk_dns_question *ret)
{
	return hk_dkim_lookups_question(&v->lookups, ret);
}

enum hk_status hk_dkim_verify_answer(struct hk_dkim_verify *v, const struct hk_dns_answer *answer)
{
	return hk_dkim_lookups_answer(&v->lookups, answer);
}

/* ---- verdicts -----------------------------------------------------------------------------------
 */

static void say(
    struct hk_dkim_verify *v, enum hk_trace_event event, const struct hk_slice text[HK_TRACE_TEXTS])
{
	hk_trace_add(v->trace, event, 0, text[0], text[1], text[2], text[3]);
}

/* What is said is not even put together where nobody listens. */
#define SAY(v, event, ...)                                                                         \
	do {                                                                                       \
		if ((v)->trace)                                                                    \
			say(v, HK_TRACE_##event,                                                   \
			    (const struct hk_slice[HK_TRACE_TEXTS]){__VA_ARGS__});                 \
	} while (0)

struct decimal {
	char text[24];
};

static struct hk_slice number(struct decimal *d, size_t n)
{
	snprintf(d->text, sizeof d->text, "%zu", n);
	return hk_slice_str(d->text);
}

static void say_base64(
    struct hk_dkim_verify *v, struct hk_slice computed, struct hk_slice stated, bool is_equal)
{
	struct hk_buf b;
	size_t split;

	if (!v->trace)
		return;
	hk_buf_init(&b, 256);
	hk_base64_add(&b, computed);
	split = b.n;
	hk_base64_add(&b, stated);
	SAY(v, DKIM_BODY_HASH, hk_slice_sub(hk_buf_slice(&b), 0, split),
	    hk_slice_from(hk_buf_slice(&b), split), is_equal ? HK_S("match") : HK_S("mismatch"));
	hk_buf_done(&b);
}

/* The key for this signature, ready to use (6.1.2). */
static enum hk_dkim_reason find_key(
    struct hk_dkim_verify *v, struct evaluated *e, struct hk_dkim_key **ret)
{
	unsigned least = v->options.min_rsa_bits ? v->options.min_rsa_bits : HK_DKIM_MIN_RSA_BITS;
	struct hk_dkim_key *key;
	enum hk_dkim_reason reason = hk_dkim_lookup_key(e->lookup, &e->sig, least, &key);
	struct decimal bits, stated, got;

	e->verdict->testing = key && key->testing;
	if (key && key->public && (reason == HK_DKIM_R_OK || reason == HK_DKIM_R_KEY_SHORT))
		e->verdict->key_bits = hk_public_key_bits(key->public);
	if (key)
		SAY(v, DKIM_KEY, e->lookup->name, key->text, key->k,
		    number(&bits, e->verdict->key_bits));
	if (key && reason == HK_DKIM_R_KEY_CUT)
		SAY(v, DKIM_BAD_KEY, e->lookup->name, hk_dkim_reason_text(reason), number(&stated, key->stated),
		    number(&got, key->p.n));
	else if (reason != HK_DKIM_R_OK)
		SAY(v, DKIM_BAD_KEY, e->lookup->name, hk_dkim_reason_text(reason));
	*ret = key;
	return reason;
}

static enum hk_dkim_reason compare_body(struct hk_dkim_verify *v, struct evaluated *e)
{
	const struct hk_dkim_body_hash *h = &v->body.hash[e->body_hash];
	struct hk_slice computed = hk_slice_of(h->value, h->n);
	uint64_t total = v->body.total[h->canon];

	e->verdict->is_aligned_by_length = !h->has_length || h->length == total;
	if (h->n == 0)
		return HK_DKIM_R_CRYPTO;
	e->verdict->body_hash_ok = hk_slice_eq(computed, e->sig.bh);
	say_base64(v, computed, e->sig.bh, e->verdict->body_hash_ok);
	if (h->has_length && h->length > total)
		return HK_DKIM_R_BODY_SHORT; /* 3.5: l= is never larger than the body */
	return e->verdict->body_hash_ok ? HK_DKIM_R_OK : HK_DKIM_R_BODY_HASH;
}

/* RFC 6376 8.15: what a reader shows may be the copy that was not signed. And where l= stands, a Content-Type that
 * is not signed may turn signed text into a part that nobody sees (8.2): then the body does not count as signed. */
static void note_uncovered(struct hk_dkim_verify *v, struct evaluated *e)
{
	struct hk_slice name = hk_dkim_uncovered(&v->fields, e->sig.has_length);

	e->verdict->uncovered = name;
	if (name.n == 0)
		return;
	if (e->sig.has_length && hk_slice_eq(name, HK_S("Content-Type")))
		e->verdict->is_aligned_by_length = false;
	SAY(v, DKIM_UNCOVERED, name, e->sig.d);
}

static enum hk_status check_signature(struct hk_dkim_verify *v, struct evaluated *e,
    const struct hk_dkim_key *key, enum hk_dkim_reason *ret)
{
	const struct hk_dkim_signature *sig = &e->sig;
	struct hk_dkim_header_hash what = {.alg = hk_dkim_hash_of(sig->alg),
	    .canon = sig->header_canon,
	    .names = sig->h,
	    .own = e->verdict->field};
	uint8_t digest[HK_SHA256_SIZE];
	struct decimal count;
	size_t found = 0;
	enum hk_status status = hk_dkim_blank(
	    v->arena, &v->header->field[e->verdict->field], sig->b_span, &what.blanked);

	if (status == HK_OK)
		status = hk_dkim_header_digest(&v->fields, &what, digest, &found);
	if (status != HK_OK)
		return status;
	SAY(v, DKIM_HEADERS, sig->h, number(&count, found));
	status = hk_dkim_key_check(key, sig, digest, ret);
	if (status != HK_OK)
		return status;
	e->verdict->signature_checked = *ret != HK_DKIM_R_CRYPTO;
	if (e->verdict->signature_checked)
		SAY(v, DKIM_CHECK, sig->d, *ret == HK_DKIM_R_OK ? HK_S("match") : HK_S("mismatch"));
	note_uncovered(v, e);
	return HK_OK;
}

/* 6.1.1 to 6.1.3. The signature is checked even where the body hash differs: whether the header is
 * intact is what people want to know next, and it costs one operation of at most ten. */
static enum hk_status decide(struct hk_dkim_verify *v, struct evaluated *e)
{
	enum hk_dkim_reason key_reason, body_reason, reason = HK_DKIM_R_OK;
	struct hk_dkim_key *key;
	enum hk_status status = HK_OK;

	SAY(v, DKIM_SIGNATURE, e->sig.d, e->sig.s, e->sig.a, e->sig.c);
	if (e->sig.fault != HK_DKIM_R_OK || !e->lookup) {
		SAY(v, DKIM_BAD_SIGNATURE, hk_dkim_reason_text(e->sig.fault), e->sig.d);
		set_reason(e->verdict, e->sig.fault);
		return HK_OK;
	}
	key_reason = find_key(v, e, &key);
	body_reason = compare_body(v, e);
	if (key_reason == HK_DKIM_R_OK)
		status = check_signature(v, e, key, &reason);
	if (status != HK_OK)
		return status;
	if (key_reason != HK_DKIM_R_OK)
		reason = key_reason;
	else if (body_reason != HK_DKIM_R_OK && reason != HK_DKIM_R_CRYPTO)
		reason = body_reason;
	set_reason(e->verdict, reason);
	return HK_OK;
}

static bool is_waiting(const struct hk_dkim_verify *v)
{
	if (hk_dkim_lookups_are_waiting(&v->lookups))
		return true;
	return v->body.n && !v->body.is_ended;
}

enum hk_status hk_dkim_verify_step(struct hk_dkim_verify *v)
{
	size_t i;

	if (v->is_decided)
		return HK_OK;
	if (is_waiting(v))
		return HK_AGAIN;
	for (i = 0; i < v->n; i++) {
		struct hk_dkim_verdict *verdict = &v->verdict[i];
		struct evaluated *e = v->of[i];
		enum hk_status status = e ? decide(v, e) : HK_OK;

		if (status != HK_OK)
			return status;
		if (!e)
			SAY(v, DKIM_SKIPPED, verdict->d, verdict->reason);
		SAY(v, DKIM_RESULT, hk_slice_str(hk_dkim_result_name(verdict->result)), verdict->d,
		    verdict->s, verdict->reason);
	}
	if (v->n == 0)
		SAY(v, DKIM_RESULT, HK_S("none"), {0}, {0}, HK_S("no signature"));
	v->is_decided = true;
	return HK_OK;
}

size_t hk_dkim_verify_count(const struct hk_dkim_verify *v)
{
	return v->n;
}

const struct hk_dkim_verdict *hk_dkim_verify_result(const struct hk_dkim_verify *v, size_t i)
{
	return i < v->n ? &v->verdict[i] : NULL;
}
