/* SPDX-License-Identifier: MIT
 *
 * The validator (RFC 8617 5.2). As in lib/dkim all is decided at one moment, when every answer and
 * the end of the body are there, so neither the order of the answers nor the cut of the body shows.
 */
#include <stdio.h>

#include <hikyaku/tags.h>

#include "arc_internal.h"
#include "lib/base/base_internal.h"

struct hk_arc_validate {
	struct hk_arena *arena;
	struct hk_arc_validate_options options;
	struct hk_work own_work, *work; /* the caller's, or own */
	const struct hk_header *header;
	struct hk_trace *trace;
	struct hk_arc_chain chain;
	struct hk_arc_set *set;
	const struct hk_arc_set **listed; /* the same, for the verdict */
	struct hk_dkim_lookup **seal_lookup; /* one for each set */
	struct hk_dkim_lookup *message_lookup;
	struct hk_dkim_lookups lookups;
	struct hk_dkim_body own, *body; /* body: own, or that of whoever hashes for DKIM as well */
	size_t body_hash;
	bool wants_body;
	struct hk_arc_verdict verdict;
	bool is_decided;
};

static const char *const results[] = {
#define X(id, text) text,
    HK_ARC_RESULT_TABLE(X)
#undef X
};

const char *hk_arc_result_name(enum hk_arc_result result)
{
	size_t i = (size_t)result;

	return i < sizeof results / sizeof results[0] ? results[i] : "?";
}

struct decimal {
	char text[24];
};

static struct hk_slice number(struct decimal *d, size_t n)
{
	snprintf(d->text, sizeof d->text, "%zu", n);
	return hk_slice_str(d->text);
}

static void say(struct hk_arc_validate *v, enum hk_trace_event event,
    const struct hk_slice text[HK_TRACE_TEXTS])
{
	if (v->trace)
		hk_trace_add(v->trace, event, 0, text[0], text[1], text[2], text[3]);
}

#define SAY(v, event, ...)                                                                         \
	say(v, HK_TRACE_##event, (const struct hk_slice[HK_TRACE_TEXTS]){__VA_ARGS__})

/* ---- what is asked ------------------------------------------------------------------------- */

/* What can be said of a field before its key is there. */
static enum hk_status begin_signature(struct hk_arc_validate *v, struct hk_dkim_signature *sig,
    struct hk_dkim_lookup **ret)
{
	enum hk_status status = HK_OK;

	sig->fault = hk_dkim_signature_policy(sig, v->options.now, false);
	if (sig->fault == HK_DKIM_R_OK) {
		status = hk_dkim_lookups_want(&v->lookups, sig, ret);
		if (status == HK_OK && !*ret)
			sig->fault = HK_DKIM_R_SELECTOR;
	}
	return status;
}

static void blame(
    struct hk_arc_validate *v, const char *fault, unsigned instance)
{
	v->chain.fault = fault;
	v->chain.fault_instance = instance;
	v->lookups.n = 0; /* nothing is asked then */
}

static enum hk_status begin_sets(struct hk_arc_validate *v)
{
	struct hk_arc_fields *newest = &v->chain.set[v->chain.n - 1];
	enum hk_status status = begin_signature(v, &newest->message, &v->message_lookup);
	size_t i;

	/* the newest message signature and each seal may hash the whole header section */
	if (!hk_work_take(v->work, HK_WORK_HEADER_OCTETS, (v->chain.n + 1) * v->header->raw.n))
		blame(v, "too much header for so many sets (limit of this host)", v->chain.highest);
	if (status == HK_OK && newest->message.fault != HK_DKIM_R_OK)
		blame(v, (const char *)hk_dkim_reason_text(newest->message.fault).p,
		    v->chain.highest);
	for (i = v->chain.n; i-- > 0 && status == HK_OK && !v->chain.fault;) {
		struct hk_arc_fields *f = &v->chain.set[i];

		v->set[i] = (struct hk_arc_set){.instance = (unsigned)i + 1,
		    .d = f->seal.d,
		    .s = f->seal.s,
		    .message_d = f->message.d,
		    .message_s = f->message.s,
		    .cv = f->seal.cv,
		    .seal = f->at[HK_ARC_SEAL],
		    .message = f->at[HK_ARC_MESSAGE],
		    .results = f->at[HK_ARC_RESULTS]};
		v->listed[i] = &v->set[i];
		status = begin_signature(v, &f->seal, &v->seal_lookup[i]);
		if (status == HK_OK && f->seal.fault != HK_DKIM_R_OK)
			blame(v, (const char *)hk_dkim_reason_text(f->seal.fault).p,
			    (unsigned)i + 1);
	}
	if (status != HK_OK || v->chain.fault)
		return status;
	v->wants_body = true;
	return hk_dkim_body_want(v->body, HK_DIGEST_SHA256, newest->message.body_canon,
	    newest->message.has_length ? &newest->message.length : NULL, &v->body_hash);
}

static enum hk_status begin(struct hk_arc_validate *v)
{
	enum hk_status status = hk_arc_chain_read(v->arena, v->header, &v->chain);
	size_t n = v->chain.n;

	if (status != HK_OK)
		return status;
	status = hk_dkim_lookups_init(&v->lookups, v->arena, n + 1);
	v->lookups.cache = v->options.keys;
	v->lookups.now = v->options.now;
	if (status == HK_OK && v->body == &v->own)
		status = hk_dkim_body_init(&v->own, v->arena, 1);
	if (status != HK_OK || n == 0)
		return status;
	v->set = hk_arena_array(v->arena, n, sizeof *v->set);
	v->listed = hk_arena_array(v->arena, n, sizeof(struct hk_arc_set *));
	v->seal_lookup = hk_arena_array(v->arena, n, sizeof(struct hk_dkim_lookup *));
	if (!v->set || !v->listed || !v->seal_lookup)
		return v->arena->failed;
	return begin_sets(v);
}

struct hk_arc_validate *hk_arc_validate_beside(struct hk_arena *a,
    const struct hk_arc_validate_options *options, const struct hk_header *header,
    struct hk_trace *trace, struct hk_dkim_body *body)
{
	struct hk_arc_validate *v = hk_arena_alloc(a, sizeof *v);

	if (!v || hk_sized_take(a, &v->options, sizeof v->options, options) != HK_OK)
		return NULL;
	v->arena = a;
	v->header = header;
	v->trace = trace;
	v->own_work.size = sizeof v->own_work;
	hk_work_init(&v->own_work);
	v->work = v->options.work ? v->options.work : &v->own_work;
	v->body = body ? body : &v->own;
	if (begin(v) == HK_OK)
		return v;
	hk_arc_validate_done(v);
	return NULL;
}

struct hk_arc_validate *hk_arc_validate_new(struct hk_arena *a,
    const struct hk_arc_validate_options *options, const struct hk_header *header,
    struct hk_trace *trace)
{
	return hk_arc_validate_beside(a, options, header, trace, NULL);
}

struct hk_dkim_body *hk_arc_validate_hashes(struct hk_arc_validate *v)
{
	return v->body;
}

void hk_arc_validate_done(struct hk_arc_validate *v)
{
	if (!v)
		return;
	hk_dkim_body_done(&v->own);
	hk_dkim_lookups_done(&v->lookups);
}

void hk_arc_validate_body(struct hk_arc_validate *v, struct hk_slice chunk)
{
	hk_dkim_body_add(v->body, chunk);
}

void hk_arc_validate_end(struct hk_arc_validate *v)
{
	hk_dkim_body_end(v->body);
}

bool hk_arc_validate_question(struct hk_arc_validate *v, struct hk_dns_question *ret)
{
	return hk_dkim_lookups_question(&v->lookups, ret);
}

enum hk_status hk_arc_validate_answer(
    struct hk_arc_validate *v, const struct hk_dns_answer *answer)
{
	return hk_dkim_lookups_answer(&v->lookups, answer);
}

/* ---- signatures ---------------------------------------------------------------------------- */

static enum hk_dkim_reason find_key(struct hk_arc_validate *v, struct hk_dkim_lookup *lookup,
    const struct hk_dkim_signature *sig, struct hk_dkim_key **ret)
{
	unsigned least = v->options.min_rsa_bits ? v->options.min_rsa_bits : HK_DKIM_MIN_RSA_BITS;
	enum hk_dkim_reason reason = hk_dkim_lookup_key(lookup, sig, least, ret);

	SAY(v, ARC_KEY, lookup->name, *ret ? (*ret)->text : HK_S(""),
	    hk_dkim_reason_text(reason));
	return reason;
}

/* Step 4. Deliberate: an l= that leaves a part of the body uncovered fails; nobody who seals for
 * others has a use for it, and whoever passes the message on could add any text. */
static enum hk_dkim_reason compare_body(const struct hk_arc_validate *v)
{
	const struct hk_dkim_signature *sig = &v->chain.set[v->chain.n - 1].message;
	const struct hk_dkim_body_hash *h = &v->body->hash[v->body_hash];

	if (h->n == 0)
		return HK_DKIM_R_CRYPTO;
	if (h->has_length && h->length != v->body->total[h->canon])
		return h->length > v->body->total[h->canon] ? HK_DKIM_R_BODY_SHORT
		                                            : HK_DKIM_R_BODY_UNSIGNED;
	return hk_slice_eq(hk_slice_of(h->value, h->n), sig->bh) ? HK_DKIM_R_OK
	                                                         : HK_DKIM_R_BODY_HASH;
}

static enum hk_status check_message(struct hk_arc_validate *v, enum hk_dkim_reason *ret)
{
	struct hk_arc_set *set = &v->set[v->chain.n - 1];
	const struct hk_dkim_signature *sig = &v->chain.set[v->chain.n - 1].message;
	struct hk_dkim_header_hash what = {.alg = HK_DIGEST_SHA256,
	    .canon = sig->header_canon,
	    .names = sig->h,
	    .own = set->message};
	struct hk_dkim_fields fields;
	uint8_t digest[HK_SHA256_SIZE];
	struct hk_dkim_key *key;
	enum hk_dkim_reason reason = find_key(v, v->message_lookup, sig, &key);
	enum hk_status status = HK_OK;
	struct decimal instance;
	size_t found;

	if (reason == HK_DKIM_R_OK)
		reason = compare_body(v);
	if (reason == HK_DKIM_R_OK) {
		status = hk_dkim_fields_init(&fields, v->arena, v->header);
		if (status == HK_OK)
			status = hk_dkim_blank(v->arena, &v->header->field[set->message],
			    sig->b_span, &what.blanked);
		if (status == HK_OK)
			status = hk_dkim_header_digest(&fields, &what, digest, &found);
		if (status == HK_OK)
			status = hk_dkim_key_check(key, sig, digest, &reason);
	}
	if (status != HK_OK)
		return status;
	set->message_checked = true;
	set->message_ok = reason == HK_DKIM_R_OK;
	SAY(v, ARC_MESSAGE, number(&instance, set->instance), sig->d, sig->s,
	    set->message_ok ? HK_S("match") : hk_dkim_reason_text(reason));
	*ret = reason;
	return HK_OK;
}

static enum hk_status digest_seal(
    struct hk_arc_validate *v, size_t i, uint8_t out[HK_SHA256_SIZE])
{
	const struct hk_arc_fields *f = &v->chain.set[i];
	const struct hk_field *field = v->header->field;
	struct hk_field blanked;
	struct hk_digest *digest = hk_digest_new(HK_DIGEST_SHA256);
	enum hk_status status = digest ? HK_OK : HK_NOMEM;

	if (status == HK_OK)
		status = hk_dkim_blank(
		    v->arena, &field[f->at[HK_ARC_SEAL]], f->seal.b_span, &blanked);
	if (status == HK_OK)
		status = hk_arc_digest_sets(digest, &v->chain, i);
	if (status == HK_OK)
		status = hk_arc_digest_last(digest, &field[f->at[HK_ARC_RESULTS]],
		    &field[f->at[HK_ARC_MESSAGE]], &blanked, out);
	hk_digest_free(digest);
	return status;
}

/* Step 6. */
static enum hk_status check_seal(struct hk_arc_validate *v, size_t i, enum hk_dkim_reason *ret)
{
	const struct hk_dkim_signature *sig = &v->chain.set[i].seal;
	struct hk_arc_set *set = &v->set[i];
	uint8_t digest[HK_SHA256_SIZE];
	struct hk_dkim_key *key;
	enum hk_dkim_reason reason = find_key(v, v->seal_lookup[i], sig, &key);
	enum hk_status status = HK_OK;
	struct decimal instance;

	if (reason == HK_DKIM_R_OK) {
		status = digest_seal(v, i, digest);
		if (status == HK_OK)
			status = hk_dkim_key_check(key, sig, digest, &reason);
	}
	if (status != HK_OK)
		return status;
	set->seal_checked = true;
	set->seal_ok = reason == HK_DKIM_R_OK;
	SAY(v, ARC_SEAL, number(&instance, set->instance), sig->d, sig->cv,
	    set->seal_ok ? HK_S("match") : hk_dkim_reason_text(reason));
	*ret = reason;
	return HK_OK;
}

/* ---- the verdict ----------------------------------------------------------------------------- */

static bool is_listed(struct hk_slice list, struct hk_slice domain)
{
	struct hk_slice item;

	while (hk_tags_item(&list, ',', &item))
		if (hk_slice_eq_nocase(item, domain))
			return true;
	return false;
}

/* Each sealer can have made up all that stands below it, so one that is not trusted is enough. */
static bool is_trusted(const struct hk_arc_validate *v)
{
	size_t i;

	for (i = 0; i < v->chain.n; i++)
		if (!is_listed(v->options.trusted_sealers, v->set[i].d))
			return false;
	return v->chain.n > 0;
}

static enum hk_status fail_chain(
    struct hk_arc_validate *v, const char *what, struct hk_slice reason, size_t instance)
{
	v->verdict.cv = HK_ARC_FAIL;
	return instance ? hk_arena_fmt(v->arena, &v->verdict.reason, "%s %zu: %.*s", what, instance,
	                      HK_FMT(reason))
	                : hk_arena_dup(v->arena, reason, &v->verdict.reason);
}

static enum hk_status check_chain(struct hk_arc_validate *v)
{
	enum hk_dkim_reason reason = HK_DKIM_R_OK;
	const char *what = "message signature";
	size_t i = v->chain.n;
	enum hk_status status = check_message(v, &reason);

	while (status == HK_OK && reason == HK_DKIM_R_OK && i > 0) {
		what = "seal";
		status = check_seal(v, i - 1, &reason);
		if (reason == HK_DKIM_R_OK)
			i--;
	}
	if (status != HK_OK)
		return status;
	v->verdict.set = v->listed;
	v->verdict.n = v->chain.n;
	v->verdict.is_temporary = hk_dkim_reason_result(reason) == HK_DKIM_TEMPERROR;
	if (reason != HK_DKIM_R_OK)
		return fail_chain(v, what, hk_dkim_reason_text(reason), i);
	v->verdict.cv = HK_ARC_PASS;
	v->verdict.is_trusted = is_trusted(v);
	return HK_OK;
}

enum hk_status hk_arc_validate_step(struct hk_arc_validate *v)
{
	struct decimal sets;
	enum hk_status status = HK_OK;

	if (v->is_decided)
		return HK_OK;
	if (hk_dkim_lookups_are_waiting(&v->lookups) || (v->wants_body && !v->body->is_ended))
		return HK_AGAIN;
	v->verdict.highest = v->chain.highest;
	v->verdict.is_ended = v->chain.is_ended;
	if (v->chain.any)
		SAY(v, ARC_CHAIN, number(&sets, v->chain.highest), hk_slice_str(v->chain.fault));
	if (v->chain.fault)
		status = fail_chain(
		    v, "set", hk_slice_str(v->chain.fault), v->chain.fault_instance);
	else if (v->chain.any)
		status = check_chain(v);
	else
		v->verdict.reason = HK_S("no chain");
	if (status != HK_OK)
		return status;
	SAY(v, ARC_RESULT, hk_slice_str(hk_arc_result_name(v->verdict.cv)),
	    number(&sets, v->chain.highest), v->verdict.reason);
	v->is_decided = true;
	return HK_OK;
}

const struct hk_arc_verdict *hk_arc_validate_result(const struct hk_arc_validate *v)
{
	return &v->verdict;
}
