/* SPDX-License-Identifier: MIT
 *
 * The library's part of the comparison, and the messages for all parts of it ("prepare").
 */
#include <hikyaku/dkim.h>
#include <hikyaku/dmarc.h>
#include <hikyaku/spf.h>

#include "bench.h"

enum { BODY = 10 * 1024, LONG_BODY = 1 << 20, FORGED = 500, NOW = 1731333600 };

static const char header_text[] =
    "From: user1@a.test\r\nTo:   user1@dmarc.b.test\r\nSubject: a message to measure\r\n"
    "Date: Mon, 11 Nov 2024 22:59:58 +0900\r\nMessage-ID: <20241111225958.14795@pass.dkim.a.test>\r\n"
    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\nUser-Agent: none\r\n";

/* Nine lookups: three includes of a net, two of which have three of their own each; the client is in the last. */
static const char tree_text[] =
    "tree.test v=spf1 include:a.tree.test include:b.tree.test include:c.tree.test -all\n"
    "a.tree.test v=spf1 include:a1.tree.test include:a2.tree.test include:a3.tree.test ip4:198.51.100.0/25 -all\n"
    "b.tree.test v=spf1 include:b1.tree.test include:b2.tree.test include:b3.tree.test ip4:198.51.100.128/25 -all\n"
    "c.tree.test v=spf1 ip4:203.0.113.0/24 ip4:192.0.2.64/26 -all\n"
    "a1.tree.test v=spf1 ip4:10.1.0.0/16 ip4:10.2.0.0/16 ip4:10.3.0.0/16 -all\n"
    "a2.tree.test v=spf1 ip4:10.4.0.0/16 ip4:10.5.0.0/16 ip6:2001:db8:1::/48 -all\n"
    "a3.tree.test v=spf1 ip4:10.6.0.0/16 ip4:10.7.0.0/16 ip6:2001:db8:2::/48 -all\n"
    "b1.tree.test v=spf1 ip4:10.8.0.0/16 ip4:10.9.0.0/16 ip6:2001:db8:3::/48 -all\n"
    "b2.tree.test v=spf1 ip4:10.10.0.0/16 ip4:10.11.0.0/16 ip6:2001:db8:4::/48 -all\n"
    "b3.tree.test v=spf1 ip4:10.12.0.0/16 ip4:10.13.0.0/16 ip6:2001:db8:5::/48 -all\n";

struct bench {
	struct bench_file text, pem, record;
	struct hk_private_key *key;
	struct hk_slice header, body;
	struct hk_dkim_key_cache *keys;
	struct hk_dns_rr rr;
	struct hk_dns_rr tree[16];
	struct hk_slice tree_name[16];
	size_t n_tree;
};

static void must(enum hk_status status, const char *what)
{
	bench_check(status == HK_OK, what);
}

static void load(struct bench *b, const char *folder, const char *message)
{
	char *line, *rest = bench_read(folder, "spf.txt").p;
	size_t n;

	b->text = bench_read(folder, message);
	b->pem = bench_read(folder, "key.pem");
	b->record = bench_read(folder, "record.txt");
	must(hk_private_key_pem(hk_slice_of(b->pem.p, b->pem.n), &b->key), "the key");
	n = (size_t)(strstr(b->text.p, "\r\n\r\n") - b->text.p) + 2;
	b->header = hk_slice_of(b->text.p, n);
	b->body = hk_slice_of(b->text.p + n + 2, b->text.n - n - 2);
	b->rr = (struct hk_dns_rr){.type = HK_DNS_TXT, .data = hk_slice_of(b->record.p, b->record.n)};
	while ((line = bench_line(&rest))) {
		char *record = strchr(line, ' ');

		b->tree_name[b->n_tree] = hk_slice_of(line, (size_t)(record - line));
		b->tree[b->n_tree++] = (struct hk_dns_rr){.type = HK_DNS_TXT, .data = hk_slice_str(record + 1)};
	}
}

/* ---- what is measured ------------------------------------------------------------------------------- */

static void sign(struct bench *b, struct hk_buf *out)
{
	struct hk_dkim_sign_options options = {.size = sizeof options, .d = HK_S("a.test"), .s = HK_S("s1"),
	    .alg = HK_SIGN_RSA_SHA256, .header_canon = HK_CANON_RELAXED, .body_canon = HK_CANON_RELAXED, .now = NOW};
	uint8_t signature[HK_SIGNATURE_MAX];
	size_t n = sizeof signature;
	struct hk_dkim_sign *s;
	struct hk_slice digest;
	struct hk_header h;
	struct hk_arena a;

	hk_arena_init(&a, HK_HEADER_SECTION_MAX * 4);
	must(hk_header_parse(&a, b->header, &h), "the header");
	s = hk_dkim_sign_new(&a, &options, &h);
	bench_check(s != NULL, "starting to sign");
	hk_dkim_sign_body(s, b->body);
	must(hk_dkim_sign_end(s, &digest), "the digest");
	must(hk_sign_digest(b->key, digest, signature, &n), "signing");
	must(hk_dkim_sign_finish(s, hk_slice_of(signature, n), out), "the field");
	hk_dkim_sign_done(s);
	hk_arena_done(&a);
}

static void run_sign(void *with)
{
	struct hk_buf out;

	hk_buf_init(&out, 8192);
	sign(with, &out);
	hk_buf_done(&out);
}

static size_t count_of(struct bench *b, size_t most, enum hk_dkim_result result)
{
	struct hk_work work = {.size = sizeof work};
	struct hk_dkim_verify_options options = {
	    .size = sizeof options, .now = NOW, .work = &work, .keys = b->keys};
	struct hk_dkim_verify *v;
	struct hk_dns_question q;
	struct hk_header h;
	struct hk_arena a;
	size_t i, n = 0;

	hk_work_init(&work);
	if (most) {
		work.of[HK_WORK_SIGNATURES].limit = most;
		work.of[HK_WORK_HEADER_OCTETS].limit = UINT64_MAX;
	}
	hk_arena_init(&a, 64 << 20);
	must(hk_header_parse(&a, b->header, &h), "the header");
	v = hk_dkim_verify_new(&a, &options, &h, NULL);
	bench_check(v != NULL, "starting to verify");
	hk_dkim_verify_body(v, b->body);
	hk_dkim_verify_end(v);
	while (hk_dkim_verify_question(v, &q))
		must(hk_dkim_verify_answer(v, &(struct hk_dns_answer){.question = q, .rr = &b->rr, .n = 1, .ttl = 60}), "an answer");
	must(hk_dkim_verify_step(v), "the verdict");
	for (i = 0; i < hk_dkim_verify_count(v); i++)
		n += hk_dkim_verify_result(v, i)->result == result;
	hk_dkim_verify_done(v);
	hk_arena_done(&a);
	return n;
}

static void run_verify(void *with)
{
	bench_check(count_of(with, 0, HK_DKIM_PASS) == 1, "a pass");
}

static void run_forged(void *with)
{
	bench_check(count_of(with, FORGED, HK_DKIM_FAIL) == FORGED, "each fail");
}

/* The names differ in their first two octets: finding one takes next to nothing of what is measured. */
static size_t find_name(const struct bench *b, struct hk_slice name)
{
	size_t i = 0;

	while (b->tree_name[i].p[0] != name.p[0] || b->tree_name[i].p[1] != name.p[1])
		bench_check(++i < b->n_tree, "a name of the tree");
	bench_check(hk_slice_eq(b->tree_name[i], name), "a name of the tree");
	return i;
}

static void run_spf(void *with)
{
	struct bench *b = with;
	struct hk_spf_input input = {.size = sizeof input, .client = {.family = 4, .bytes = {192, 0, 2, 77}},
	    .helo = HK_S("mail.tree.test"), .mail_from = HK_S("user@tree.test")};
	struct hk_dns_question q;
	struct hk_spf *s;
	struct hk_arena a;
	size_t i;

	hk_arena_init(&a, 1024 * 1024);
	s = hk_spf_new(&a, &input, NULL);
	bench_check(s != NULL, "starting SPF");
	while (hk_spf_step(s) == HK_AGAIN) {
		while (hk_spf_question(s, &q)) {
			i = find_name(b, q.name);
			must(hk_spf_answer(s, &(struct hk_dns_answer){.question = q, .rr = &b->tree[i], .n = 1, .ttl = 60}), "an answer");
		}
	}
	bench_check(hk_spf_result(s)->result == HK_SPF_PASS && hk_spf_result(s)->lookups == 9, "nine lookups and a pass");
	hk_arena_done(&a);
}

/* The same message as the peer's; of the names that are asked only the organizational domain has a record. */
static void run_dmarc(void *with)
{
	static const char record[] = "v=DMARC1; p=reject; rua=mailto:r@tree.test";
	struct hk_dns_rr rr = {.type = HK_DNS_TXT, .data = hk_slice_str(record)};
	struct hk_dns_question q;
	struct hk_dmarc *d;
	struct hk_arena a;

	(void)with;
	hk_arena_init(&a, 1024 * 1024);
	d = hk_dmarc_new(&a, HK_S("mail.tree.test"), NULL, NULL);
	bench_check(d != NULL, "starting DMARC");
	must(hk_dmarc_dkim(d, HK_S("tree.test"), true, false), "DKIM");
	must(hk_dmarc_spf(d, HK_S("tree.test"), true, false), "SPF");
	hk_dmarc_ready(d);
	while (hk_dmarc_step(d) == HK_AGAIN) {
		while (hk_dmarc_question(d, &q)) {
			struct hk_dns_answer answer = {.question = q, .rcode = HK_DNS_NXDOMAIN};

			if (hk_slice_eq(q.name, HK_S("_dmarc.tree.test")))
				answer = (struct hk_dns_answer){.question = q, .rr = &rr, .n = 1, .ttl = 60};
			must(hk_dmarc_answer(d, &answer), "an answer");
		}
	}
	bench_check(hk_dmarc_result(d)->result == HK_DMARC_PASS, "the verdict");
	hk_arena_done(&a);
}

/* ---- the messages ------------------------------------------------------------------------------------ */

static void fill(uint8_t *body, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		body[i] = i % 72 == 70 ? '\r' : i % 72 == 71 ? '\n' : i % 9 == 8 ? ' ' : (uint8_t)('a' + i % 26);
	memcpy(body + n - 2, "\r\n", 2);
}

static void write_file(const char *folder, const char *name, struct hk_buf *b)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	file = fopen(path, "wb");
	bench_check(file && hk_buf_status(b) == HK_OK && fwrite(b->p, 1, b->n, file) == b->n && fclose(file) == 0, path);
	hk_buf_reset(b);
}

static void prepare(const char *folder)
{
	static uint8_t body[BODY];
	struct hk_private_key *key;
	struct bench b = {0};
	struct hk_buf out;

	hk_buf_init(&out, 1 << 20);
	fill(body, sizeof body);
	must(hk_private_key_new(HK_SIGN_RSA_SHA256, 2048, &key), "a key");
	must(hk_private_key_pem_add(key, &out), "the key");
	write_file(folder, "key.pem", &out);
	must(hk_dkim_record_add(key, HK_SIGN_RSA_SHA256, &out), "the record");
	write_file(folder, "record.txt", &out);
	hk_buf_add_str(&out, tree_text);
	write_file(folder, "spf.txt", &out);
	hk_buf_addf(&out, "%s\r\n", header_text);
	hk_buf_add(&out, hk_slice_of(body, sizeof body));
	write_file(folder, "unsigned.eml", &out);
	load(&b, folder, "unsigned.eml");
	sign(&b, &out);
	hk_buf_add(&out, hk_slice_of(b.text.p, b.text.n));
	write_file(folder, "signed.eml", &out);
	hk_buf_done(&out);
	hk_private_key_free(key);
}

/* 500 fields, each with another l= and the right bh= for it, and a number for a signature that takes a whole operation
 * to refuse. */
static void forge(struct bench *b)
{
	struct hk_digest *digest = hk_digest_new(HK_DIGEST_SHA256), *scratch = hk_digest_new(HK_DIGEST_SHA256);
	uint8_t *body = malloc(LONG_BODY), hash[HK_SHA256_SIZE], signature[256];
	struct hk_buf out;
	size_t i, from = 0, to;

	bench_check(digest && scratch && body, "memory");
	hk_buf_init(&out, 4 << 20);
	fill(body, LONG_BODY);
	for (i = 0; i < FORGED; i++) {
		memset(signature, (int)i & 0x7f, sizeof signature);
		to = (i + 1) * (LONG_BODY / FORGED) - 1; /* the text is canonical as it is */
		hk_digest_add(digest, hk_slice_of(body + from, to - from));
		from = to;
		bench_check(hk_digest_peek(digest, scratch, hash) == sizeof hash, "a body hash");
		hk_buf_addf(&out, "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=a.test; s=s1; l=%zu;\r\n"
			"\th=from:to:subject:date:message-id; bh=", to);
		hk_base64_add(&out, hk_slice_of(hash, sizeof hash));
		hk_buf_add_str(&out, ";\r\n\tb=");
		hk_base64_add(&out, hk_slice_of(signature, sizeof signature));
		hk_buf_add_str(&out, "\r\n");
	}
	hk_buf_add_str(&out, header_text);
	must(hk_buf_status(&out), "memory");
	b->header = hk_buf_slice(&out); /* never freed */
	b->body = hk_slice_of(body, LONG_BODY);
	hk_digest_free(digest);
	hk_digest_free(scratch);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name, *message;
		void (*run)(void *);
		bool keeps_keys, is_forged;
	} operation[] = {{"sign", "unsigned.eml", run_sign, false, false}, {"verify_cold", "signed.eml", run_verify, false, false},
	    {"verify_warm", "signed.eml", run_verify, true, false}, {"forged", "signed.eml", run_forged, true, true},
	    {"spf", "signed.eml", run_spf, false, false}, {"dmarc", "signed.eml", run_dmarc, false, false}};
	struct bench b = {0};
	size_t i;

	bench_check(argc == 3, "usage: OPERATION FOLDER");
	if (strcmp(argv[1], "prepare") == 0) {
		prepare(argv[2]);
		return 0;
	}
	for (i = 0; i < sizeof operation / sizeof operation[0]; i++) {
		if (strcmp(argv[1], operation[i].name) != 0)
			continue;
		load(&b, argv[2], operation[i].message);
		if (operation[i].keeps_keys)
			b.keys = hk_dkim_key_cache_new(NULL);
		if (operation[i].is_forged)
			forge(&b);
		printf("%.3f\n", bench_measure(operation[i].run, &b));
		return 0;
	}
	fprintf(stderr, "bench: no operation %s\n", argv[1]);
	return 2;
}
