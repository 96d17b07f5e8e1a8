/* SPDX-License-Identifier: MIT
 *
 * Whatever can be signed verifies: the input is two octets of choices and a message.
 */
#include <stdlib.h>

#include "lib/dkim/dkim_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct hk_private_key *key;
static struct hk_buf record;

static void make_key(void)
{
	struct hk_buf raw;

	if (key)
		return;
	hk_buf_init(&raw, 64);
	hk_buf_init(&record, 256);
	hk_buf_add_str(&record, "v=DKIM1; k=ed25519; p=");
	if (hk_private_key_new(HK_SIGN_ED25519_SHA256, 0, &key) != HK_OK ||
	    hk_private_key_public_add(key, &raw) != HK_OK)
		abort();
	hk_base64_add(&record, hk_buf_slice(&raw));
	hk_buf_done(&raw);
}

/* The signed header section into out; false when the message cannot be signed. */
static bool sign(struct hk_arena *a, const struct hk_dkim_sign_options *o,
    const struct hk_header *header, struct hk_slice body, struct hk_buf *out)
{
	struct hk_dkim_sign *s = hk_dkim_sign_new(a, o, header);
	uint8_t signature[HK_SIGNATURE_MAX];
	size_t n = sizeof signature;
	struct hk_slice digest;
	bool is_signed = false;

	/* a section that begins with white space would become part of the field put above it */
	if (!s || (header->raw.n && hk_is_wsp(header->raw.p[0])))
		goto out;
	hk_dkim_sign_body(s, body);
	if (hk_dkim_sign_end(s, &digest) == HK_OK &&
	    hk_sign_digest(key, digest, signature, &n) == HK_OK)
		is_signed = hk_dkim_sign_finish(s, hk_slice_of(signature, n), out) == HK_OK;
	hk_buf_add(out, header->raw);
out:
	hk_dkim_sign_done(s);
	return is_signed && hk_buf_status(out) == HK_OK;
}

static void verify(struct hk_arena *a, struct hk_slice section, struct hk_slice body)
{
	struct hk_dkim_verify_options o = {.size = sizeof o, .now = 1731333570, .author_domain = HK_S("a.test")};
	struct hk_dns_rr rr = {.type = HK_DNS_TXT, .data = hk_buf_slice(&record)};
	struct hk_dns_answer answer = {.rr = &rr, .n = 1};
	struct hk_dkim_verify *v;
	struct hk_header header;

	if (hk_header_parse(a, section, &header) != HK_OK)
		return;
	v = hk_dkim_verify_new(a, &o, &header, NULL);
	if (!v)
		return;
	hk_dkim_verify_body(v, body);
	hk_dkim_verify_end(v);
	while (hk_dkim_verify_question(v, &answer.question))
		if (hk_dkim_verify_answer(v, &answer) != HK_OK)
			abort();
	if (hk_dkim_verify_step(v) == HK_OK && hk_dkim_verify_result(v, 0)->result != HK_DKIM_PASS)
		abort();
	hk_dkim_verify_done(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct hk_dkim_sign_options o = {.size = sizeof o,
	    .d = HK_S("a.test"), .s = HK_S("s"), .alg = HK_SIGN_ED25519_SHA256, .now = 1731333570};
	struct hk_splitter splitter;
	struct hk_header header;
	struct hk_slice body;
	struct hk_arena a;
	struct hk_buf out;

	if (n < 2)
		return 0;
	make_key();
	o.header_canon = data[0] & 1 ? HK_CANON_RELAXED : HK_CANON_SIMPLE;
	o.body_canon = data[0] & 2 ? HK_CANON_RELAXED : HK_CANON_SIMPLE;
	o.no_oversign = data[0] & 4;
	if (data[0] & 8)
		o.headers = HK_S("From:X:subject:received");
	o.expire = data[0] & 16 ? 1999999999 : 0;
	hk_arena_init(&a, 8 << 20);
	hk_buf_init(&out, 2 << 20);
	hk_splitter_init(&splitter, HK_HEADER_SECTION_MAX);
	if (hk_splitter_feed(&splitter, hk_slice_of(data + 2, n - 2), &body) == HK_OK &&
	    hk_header_parse(&a, hk_splitter_header(&splitter), &header) == HK_OK &&
	    sign(&a, &o, &header, body, &out))
		verify(&a, hk_buf_slice(&out), body);
	hk_splitter_done(&splitter);
	hk_buf_done(&out);
	hk_arena_done(&a);
	return 0;
}
