/* SPDX-License-Identifier: MIT
 *
 * A message, judged and sealed. The input is a key record, an empty line ("\n\n"), and a message;
 * every question gets that record. However the body is cut the verdict is the same; what has no
 * chain passes once it is sealed; a chain that failed is not made good by another set.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/arc/arc_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct hk_private_key *key;
static struct hk_buf ours;

static void make_key(void)
{
	struct hk_buf raw;

	if (key)
		return;
	hk_buf_init(&raw, 64);
	hk_buf_init(&ours, 256);
	hk_buf_add_str(&ours, "v=DKIM1; k=ed25519; p=");
	if (hk_private_key_new(HK_SIGN_ED25519_SHA256, 0, &key) != HK_OK ||
	    hk_private_key_public_add(key, &raw) != HK_OK)
		abort();
	hk_base64_add(&ours, hk_buf_slice(&raw));
	hk_buf_done(&raw);
}

/* The verdict, with the body in pieces of `piece`; NULL where memory is out. */
static struct hk_arc_validate *validate(struct hk_arena *a, const struct hk_header *header,
    struct hk_slice body, struct hk_slice record, size_t piece)
{
	struct hk_arc_validate_options o = {.size = sizeof o,
	    .now = 1731333570, .min_rsa_bits = 512, .trusted_sealers = HK_S("a.test")};
	struct hk_arc_validate *v = hk_arc_validate_new(a, &o, header, hk_trace_new(a));
	struct hk_dns_rr rr = {.type = HK_DNS_TXT, .data = record};
	struct hk_dns_answer answer = {.rr = &rr, .n = 1};
	size_t i, asked = 0;

	if (!v)
		return NULL;
	for (i = 0; i < body.n; i += piece)
		hk_arc_validate_body(v, hk_slice_sub(body, i, piece));
	hk_arc_validate_end(v);
	while (hk_arc_validate_question(v, &answer.question)) {
		if (++asked > HK_ARC_MAX_SETS + 1 ||
		    hk_arc_validate_answer(v, &answer) == HK_NOTFOUND)
			abort();
	}
	if (hk_arc_validate_step(v) == HK_AGAIN)
		abort();
	return v;
}

static void compare(const struct hk_arc_validate *x, const struct hk_arc_validate *y)
{
	const struct hk_arc_verdict *p = hk_arc_validate_result(x), *q = hk_arc_validate_result(y);

	if (p->cv != q->cv || !hk_slice_eq(p->reason, q->reason) || p->n != q->n ||
	    p->is_trusted != q->is_trusted || (p->is_trusted && p->cv != HK_ARC_PASS))
		abort();
}

/* The sealed header section into out; false when nothing could be sealed. */
static bool seal(struct hk_arena *a, const struct hk_header *header, struct hk_slice body,
    const struct hk_arc_verdict *chain, struct hk_buf *out)
{
	struct hk_arc_seal_options o = {.size = sizeof o, .d = HK_S("a.test"),
	    .s = HK_S("s"),
	    .alg = HK_SIGN_ED25519_SHA256,
	    .authserv_id = HK_S("mx.a.test"),
	    .results = header->n ? header->field[0].value : HK_S(""),
	    .now = 1731333570};
	struct hk_arc_seal *s = hk_arc_seal_new(a, &o, header, chain);
	struct hk_slice digest;
	enum hk_status status;

	if (!s)
		return false;
	hk_arc_seal_body(s, body);
	status = hk_arc_seal_end(s);
	while (status == HK_OK && hk_arc_seal_question(s, &digest)) {
		uint8_t signature[HK_SIGNATURE_MAX];
		size_t n = sizeof signature;

		status = hk_sign_digest(key, digest, signature, &n);
		if (status == HK_OK)
			status = hk_arc_seal_answer(s, hk_slice_of(signature, n));
	}
	if (status == HK_OK)
		status = hk_arc_seal_finish(s, out);
	hk_arc_seal_done(s);
	hk_buf_add(out, header->raw);
	return status == HK_OK && hk_buf_status(out) == HK_OK;
}

static void sealed_is_judged_as_before(struct hk_arena *a, const struct hk_header *header,
    struct hk_slice body, const struct hk_arc_verdict *chain)
{
	struct hk_arc_validate *again;
	struct hk_header sealed;
	struct hk_buf out;

	hk_buf_init(&out, 4 << 20);
	if (seal(a, header, body, chain, &out) &&
	    hk_header_parse(a, hk_buf_slice(&out), &sealed) == HK_OK) {
		again = validate(a, &sealed, body, hk_buf_slice(&ours), 7);
		if (again && a->failed == HK_OK) {
			enum hk_arc_result cv = hk_arc_validate_result(again)->cv;

			if ((chain->cv == HK_ARC_NONE) != (cv == HK_ARC_PASS) &&
			    chain->cv != HK_ARC_PASS)
				abort();
		}
		hk_arc_validate_done(again);
	}
	hk_buf_done(&out);
}

static void judge(struct hk_arena *a, struct hk_slice record, const struct hk_header *header,
    struct hk_slice body)
{
	struct hk_arc_validate *whole = validate(a, header, body, record, body.n + 1),
	                       *cut = validate(a, header, body, record, 3);

	if (whole && cut && a->failed == HK_OK) {
		compare(whole, cut);
		sealed_is_judged_as_before(a, header, body, hk_arc_validate_result(whole));
	}
	hk_arc_validate_done(whole);
	hk_arc_validate_done(cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const uint8_t *split = n ? memmem(data, n, "\n\n", 2) : NULL;
	struct hk_slice all = hk_slice_of(data, n), record, body;
	struct hk_splitter splitter;
	struct hk_header header;
	struct hk_arena a;

	if (!split)
		return 0;
	make_key();
	record = hk_slice_sub(all, 0, (size_t)(split - data));
	hk_arena_init(&a, 16 << 20);
	hk_splitter_init(&splitter, HK_HEADER_SECTION_MAX);
	if (hk_splitter_feed(&splitter, hk_slice_from(all, record.n + 2), &body) == HK_OK &&
	    hk_header_parse(&a, hk_splitter_header(&splitter), &header) == HK_OK)
		judge(&a, record, &header, body);
	hk_splitter_done(&splitter);
	hk_arena_done(&a);
	return 0;
}
