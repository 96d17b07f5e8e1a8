/* SPDX-License-Identifier: MIT
 *
 * delivery_sign.c - the message of this hop, and our DKIM signature on it. The private key is
 * elsewhere: the digest is a question.
 */
#include "engine/delivery_internal.h"

/* A field of a 4096-bit signature is under 2 KiB; h= is fixed. */
enum { FIELD_MAX = 16 * 1024 };

static void cannot(struct hk_delivery *d, const char *what)
{
	/* never unsigned where a signature belongs */
	delivery_settle_all(d, HK_RCPT_PENDING, 451, "4.7.0", "%s", what);
}

static void finish(struct hk_delivery *d, struct hk_slice field)
{
	if (hk_render_finish(&d->render, &d->options, field) == HK_OK)
		talk_rendered(d);
	else
		cannot(d, "The message cannot be rendered");
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

static void begin_signature(struct hk_delivery *d)
{
	struct hk_dkim_sign_options options = {.size = sizeof options,
	    .d = d->key->domain,
	    .s = d->key->selector,
	    .alg = d->env.key_algs[d->key - delivery_conf(d)->key],
	    .header_canon = HK_CANON_RELAXED,
	    .body_canon = HK_CANON_RELAXED,
	    .now = d->now.utc,
	};

	d->sign = hk_dkim_sign_new(&d->arena, &options, &d->signed_header);
	if (!d->sign || hash_body(d) != HK_OK || hk_dkim_sign_end(d->sign, &d->digest) != HK_OK) {
		cannot(d, "The message cannot be hashed");
		return;
	}
	d->last_id++;
	d->wants |= WANT_SIGN;
	delivery_wait(d, STEP_SIGN, SIGN_MS);
}

void sign_begin(struct hk_delivery *d)
{
	enum hk_status status = hk_render_edit(&d->render, &d->arena, &d->options);

	if (status == HK_OK)
		status =
		    hk_header_parse(&d->arena, hk_buf_slice(&d->render.edited), &d->signed_header);
	if (status != HK_OK) {
		cannot(d, "The message cannot be rendered");
		return;
	}
	d->key = hk_render_key(delivery_conf(d), &d->mail, &d->signed_header, &d->arena);
	if (d->key)
		begin_signature(d);
	else
		finish(d, (struct hk_slice){0});
}

void sign_done(struct hk_delivery *d, struct hk_slice signature)
{
	struct hk_buf field;

	if (!signature.n) {
		cannot(d, "The signature cannot be made now");
		return;
	}
	hk_buf_init(&field, FIELD_MAX);
	if (hk_dkim_sign_finish(d->sign, signature, &field) == HK_OK &&
	    hk_buf_status(&field) == HK_OK)
		finish(d, hk_buf_slice(&field));
	else
		cannot(d, "The signature cannot be written");
	hk_buf_done(&field);
}
