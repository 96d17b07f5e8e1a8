/* SPDX-License-Identifier: MIT
 *
 * delivery_sign.c - the message of this hop, and our DKIM signatures on it. The private keys are
 * elsewhere: each digest is a question.
 */
#include "conf/key_state.h"
#include "engine/delivery_internal.h"

_Static_assert(HK_KEY_CHOICES <= HK_DKIM_MAX_SIGNERS, "every key that is chosen can sign");

static void cannot(struct hk_delivery *d, const char *what)
{
	/* never unsigned where a signature belongs */
	delivery_settle_all(d, HK_RCPT_PENDING, 451, "4.7.0", "%s", what);
}

static void finish(struct hk_delivery *d)
{
	d->env.job->n_signing = d->n_choices;
	if (hk_buf_status(&d->fields) == HK_OK &&
	    hk_render_finish(&d->render, &d->options, hk_buf_slice(&d->fields)) == HK_OK)
		talk_rendered(d);
	else
		cannot(d, "The message cannot be rendered");
}

/* ---- which keys ------------------------------------------------------------------------------ */

/* One line for each key: with what the message is signed and, where that is not as it should be,
 * why. */
static void tell(struct hk_delivery *d, const struct hk_key_choice *c)
{
	const struct hk_conf *conf = delivery_conf(d);
	const struct hk_conf_key *key = &conf->key[c->key], *first = &conf->key[c->first];
	bool is_well =
	    c->key == c->first && (c->sight == HK_KEY_FITS || c->sight == HK_KEY_UNKNOWN);

	if (is_well)
		hk_logf(d->env.log, HK_LOG_INFO, "qid=%s ev=signed d=%.*s s=%.*s a=%s", d->id_text,
		    HK_FMT(key->domain), HK_FMT(key->selector),
		    hk_key_alg_name(d->env.key_algs[c->key]));
	else
		hk_logf(d->env.log, HK_LOG_WARNING,
		    "qid=%s ev=%s d=%.*s s=%.*s a=%s first=%.*s why=\"%s\"", d->id_text,
		    c->is_left_out ? "not-signed" : "signed", HK_FMT(key->domain),
		    HK_FMT(key->selector), hk_key_alg_name(d->env.key_algs[c->key]),
		    HK_FMT(first->selector), hk_key_sight_text(c->first_sight));
}

/* The keys that sign; those that are left out are only told. */
static void choose(struct hk_delivery *d, const struct hk_conf_sign *sign)
{
	struct hk_key_choice *choice = d->env.job->signing;
	size_t n = hk_key_choose(
	           delivery_conf(d), sign, d->env.key_algs, d->env.key_sights, choice),
	       i;

	d->n_choices = n;
	d->is_published = hk_key_is_published(choice, n);
	for (i = 0; i < n; i++) {
		tell(d, &choice[i]);
		d->env.job->signing_alg[i] = d->env.key_algs[choice[i].key];
		if (!choice[i].is_left_out)
			d->signer[d->n_signers++] = choice[i];
	}
}

/* ---- signatures ------------------------------------------------------------------------------ */

static enum hk_status begin_one(struct hk_delivery *d, const struct hk_key_choice *choice)
{
	const struct hk_conf_key *key = &delivery_conf(d)->key[choice->key];
	struct hk_dkim_sign_options options = {
	    .size = sizeof options,
	    .d = key->domain,
	    .s = key->selector,
	    .alg = d->env.key_algs[choice->key],
	    .header_canon = HK_CANON_RELAXED,
	    .body_canon = HK_CANON_RELAXED,
	    .now = d->now.utc,
	};

	if (d->sign)
		return hk_dkim_sign_also(d->sign, &options);
	d->sign = hk_dkim_sign_new(&d->arena, &options, &d->signed_header);
	return d->sign ? HK_OK : HK_NOMEM;
}

static enum hk_status hash_body(struct hk_delivery *d)
{
	enum hk_status status;
	uint64_t at = 0;
	size_t n;

	for (;;) {
		status = hk_render_body(&d->render, at, d->chunk, sizeof d->chunk, &n);
		if (status != HK_OK || !n)
			return status;
		hk_dkim_sign_body(d->sign, hk_slice_of(d->chunk, n));
		at += n;
	}
}

/* false when all were asked */
static bool ask(struct hk_delivery *d)
{
	d->sign_question = hk_dkim_sign_question(d->sign);
	if (!d->sign_question)
		return false;
	d->last_id++;
	d->wants |= WANT_SIGN;
	delivery_wait(d, STEP_SIGN, SIGN_MS);
	return true;
}

static void begin_signatures(struct hk_delivery *d)
{
	enum hk_status status = HK_OK;
	size_t i;

	for (i = 0; status == HK_OK && i < d->n_signers; i++)
		status = begin_one(d, &d->signer[i]);
	if (status == HK_OK)
		status = hash_body(d);
	if (status == HK_OK)
		status = hk_dkim_sign_end(d->sign, NULL);
	if (status != HK_OK || !ask(d))
		cannot(d, "The message cannot be hashed");
}

static void forget(struct hk_delivery *d)
{
	hk_dkim_sign_done(d->sign);
	d->sign = NULL;
	d->n_signers = d->n_choices = 0;
	hk_buf_reset(&d->fields);
}

void sign_begin(struct hk_delivery *d)
{
	enum hk_status status = hk_render_edit(&d->render, &d->arena, &d->options);
	const struct hk_conf_sign *sign;

	forget(d);
	if (status == HK_OK)
		status =
		    hk_header_parse(&d->arena, hk_buf_slice(&d->render.edited), &d->signed_header);
	if (status != HK_OK) {
		cannot(d, "The message cannot be rendered");
		return;
	}
	sign = hk_render_sign(delivery_conf(d), &d->mail, &d->signed_header, &d->arena);
	if (delivery_lacks_memory(d))
		return; /* nor without the signature of an author who could not be read for want of it */
	if (sign)
		choose(d, sign);
	if (d->n_signers == 0)
		finish(d);
	else if (!d->is_published && delivery_conf(d)->unpublished_key == HK_UNPUBLISHED_DEFER)
		cannot(d, "No key of the signing domain is published");
	else
		begin_signatures(d);
}

void sign_done(struct hk_delivery *d, struct hk_slice signature)
{
	if (!signature.n) {
		cannot(d, "The signature cannot be made now");
		return;
	}
	if (hk_dkim_sign_answer(d->sign, d->sign_question->id, signature) != HK_OK) {
		cannot(d, "The signature cannot be kept");
		return;
	}
	if (ask(d))
		return;
	if (hk_dkim_sign_fields(d->sign, &d->fields) != HK_OK)
		cannot(d, "The signature cannot be written");
	else
		finish(d);
}

void sign_free(struct hk_delivery *d)
{
	hk_dkim_sign_done(d->sign);
	hk_buf_done(&d->fields);
}
