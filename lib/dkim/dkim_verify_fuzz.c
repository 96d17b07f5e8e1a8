/* SPDX-License-Identifier: MIT
 *
 * A whole verification: the input is a key record, an empty line ("\n\n"), and a message. Every
 * question gets that record. However the body is cut, and when it is replayed from its hashes, the
 * verdicts are the same.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/dkim/dkim_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct input {
	struct hk_header header;
	struct hk_slice record, body;
};

static bool same(const struct hk_dkim_verdict *x, const struct hk_dkim_verdict *y)
{
	return x->result == y->result && hk_slice_eq(x->reason, y->reason) &&
	       hk_slice_eq(x->d, y->d) && hk_slice_eq(x->b, y->b) &&
	       x->body_hash_ok == y->body_hash_ok && x->signature_checked == y->signature_checked &&
	       x->is_aligned_by_length == y->is_aligned_by_length && x->field == y->field;
}

static void answer_all(struct hk_dkim_verify *v, const struct input *in)
{
	struct hk_dns_rr rr = {.type = HK_DNS_TXT, .data = in->record};
	struct hk_dns_answer answer = {.rr = &rr, .n = 1};

	while (hk_dkim_verify_question(v, &answer.question))
		if (hk_dkim_verify_answer(v, &answer) == HK_NOTFOUND)
			abort();
}

static struct hk_dkim_verify *begin(struct hk_arena *a, const struct input *in)
{
	struct hk_dkim_verify_options o = {.size = sizeof o, .now = 1731333570,
	    .author_domain = HK_S("a.test"),
	    .allow_sha1 = true,
	    .min_rsa_bits = 512};

	return hk_dkim_verify_new(a, &o, &in->header, hk_trace_new(a));
}

/* Body in pieces of `piece`, or from stored hashes. NULL where memory is out. */
static struct hk_dkim_verify *run(
    struct hk_arena *a, const struct input *in, size_t piece, const struct hk_buf *hashes)
{
	struct hk_dkim_verify *v = begin(a, in);
	size_t i;

	if (!v)
		return NULL;
	if (hashes) {
		if (hk_dkim_verify_replay_body(v, hk_buf_slice(hashes)) != HK_OK)
			abort();
	} else {
		for (i = 0; i < in->body.n; i += piece)
			hk_dkim_verify_body(v, hk_slice_sub(in->body, i, piece));
		hk_dkim_verify_end(v);
	}
	answer_all(v, in);
	if (hk_dkim_verify_step(v) == HK_AGAIN)
		abort();
	return v;
}

static void compare(const struct hk_dkim_verify *x, const struct hk_dkim_verify *y)
{
	size_t i;

	if (!x || !y)
		return;
	if (hk_dkim_verify_count(x) != hk_dkim_verify_count(y))
		abort();
	for (i = 0; i < hk_dkim_verify_count(x); i++)
		if (!same(hk_dkim_verify_result(x, i), hk_dkim_verify_result(y, i)))
			abort();
}

static void three_ways(struct hk_arena *a, const struct input *in, struct hk_slice raw)
{
	struct hk_dkim_verify *whole = run(a, in, in->body.n + 1, NULL), *cut = run(a, in, 3, NULL),
	                      *replayed = NULL, *hostile;
	struct hk_buf hashes;

	hk_buf_init(&hashes, 65536);
	if (whole) {
		hk_dkim_body_hashes_format(whole, &hashes);
		replayed = run(a, in, 0, &hashes);
	}
	compare(whole, cut);
	compare(whole, replayed);
	hostile = begin(a, in);
	if (hostile && hk_dkim_verify_replay_body(hostile, raw) == HK_OK &&
	    hk_slice_eq(raw, hk_buf_slice(&hashes)) == false)
		answer_all(hostile, in);
	hk_dkim_verify_done(hostile);
	hk_dkim_verify_done(whole);
	hk_dkim_verify_done(cut);
	hk_dkim_verify_done(replayed);
	hk_buf_done(&hashes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const uint8_t *split = n ? memmem(data, n, "\n\n", 2) : NULL;
	struct hk_slice all = hk_slice_of(data, n), message;
	struct hk_splitter splitter;
	struct input in;
	struct hk_arena a;

	if (!split)
		return 0;
	in.record = hk_slice_sub(all, 0, (size_t)(split - data));
	message = hk_slice_from(all, in.record.n + 2);
	hk_arena_init(&a, 8 << 20);
	hk_splitter_init(&splitter, HK_HEADER_SECTION_MAX);
	if (hk_splitter_feed(&splitter, message, &in.body) == HK_OK &&
	    hk_header_parse(&a, hk_splitter_header(&splitter), &in.header) == HK_OK)
		three_ways(&a, &in, in.body);
	hk_splitter_done(&splitter);
	hk_arena_done(&a);
	return 0;
}
