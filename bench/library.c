/* SPDX-License-Identifier: MIT
 *
 * What the library costs for one message, beside the raw public-key operations of the same run: the floor that no
 * implementation goes below. Processor time, median of several rounds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <hikyaku/dkim.h>
#include <hikyaku/spf.h>

enum { ROUNDS = 7, BODY = 10 * 1024 };

static const char header_text[] =
    "From: user1@pass.dkim.a.test\r\nTo:   user1@dmarc.b.test\r\nSubject: a message to measure\r\n"
    "Date: Mon, 11 Nov 2024 22:59:58 +0900\r\nMessage-ID: <20241111225958.14795@pass.dkim.a.test>\r\n"
    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\nUser-Agent: none\r\n";

struct bench {
	struct hk_private_key *private_key;
	struct hk_public_key *public_key;
	struct hk_slice record; /* TXT of the key */
	struct hk_slice signed_header, header, body;
	uint8_t digest[HK_SHA256_SIZE], signature[HK_SIGNATURE_MAX];
	size_t signature_n;
};

static void check(bool good, const char *what)
{
	if (!good) {
		fprintf(stderr, "bench: %s failed\n", what);
		exit(1);
	}
}

static void raw_sign(struct bench *b)
{
	size_t n = sizeof b->signature;

	check(hk_sign_digest(b->private_key, hk_slice_of(b->digest, sizeof b->digest), b->signature, &n) == HK_OK, "signing");
	b->signature_n = n;
}

static void raw_verify(struct bench *b)
{
	check(hk_verify_digest(b->public_key, hk_private_key_alg(b->private_key), hk_slice_of(b->digest, sizeof b->digest),
		  hk_slice_of(b->signature, b->signature_n)) == HK_OK,
	    "verifying");
}

static void sign_message(struct bench *b, struct hk_buf *out)
{
	struct hk_dkim_sign_options options = {.size = sizeof options, .d = HK_S("pass.dkim.a.test"), .s = HK_S("smtpbook"),
	    .alg = hk_private_key_alg(b->private_key), .header_canon = HK_CANON_RELAXED, .body_canon = HK_CANON_RELAXED, .now = 1731333598};
	uint8_t signature[HK_SIGNATURE_MAX];
	size_t n = sizeof signature;
	struct hk_dkim_sign *s;
	struct hk_slice digest;
	struct hk_header h;
	struct hk_arena a;

	hk_arena_init(&a, HK_HEADER_SECTION_MAX * 4);
	check(hk_header_parse(&a, b->header, &h) == HK_OK && (s = hk_dkim_sign_new(&a, &options, &h)) != NULL, "starting to sign");
	hk_dkim_sign_body(s, b->body);
	check(hk_dkim_sign_end(s, &digest) == HK_OK && hk_sign_digest(b->private_key, digest, signature, &n) == HK_OK &&
		hk_dkim_sign_finish(s, hk_slice_of(signature, n), out) == HK_OK,
	    "signing a message");
	hk_dkim_sign_done(s);
	hk_arena_done(&a);
}

static void dkim_sign(struct bench *b)
{
	struct hk_buf out;

	hk_buf_init(&out, 8192);
	sign_message(b, &out);
	hk_buf_done(&out);
}

static void dkim_verify(struct bench *b)
{
	struct hk_dkim_verify_options options = {.size = sizeof options, .now = 1731333600};
	struct hk_dns_rr rr = {.type = HK_DNS_TXT, .data = b->record};
	struct hk_dkim_verify *v;
	struct hk_dns_question q;
	struct hk_header h;
	struct hk_arena a;

	hk_arena_init(&a, HK_HEADER_SECTION_MAX * 4);
	check(hk_header_parse(&a, b->signed_header, &h) == HK_OK && (v = hk_dkim_verify_new(&a, &options, &h, NULL)) != NULL, "starting to verify");
	hk_dkim_verify_body(v, b->body);
	hk_dkim_verify_end(v);
	while (hk_dkim_verify_step(v) == HK_AGAIN)
		while (hk_dkim_verify_question(v, &q))
			check(hk_dkim_verify_answer(v, &(struct hk_dns_answer){.question = q, .rr = &rr, .n = 1, .ttl = 60}) == HK_OK, "an answer");
	check(hk_dkim_verify_count(v) == 1 && hk_dkim_verify_result(v, 0)->result == HK_DKIM_PASS, "the verdict");
	hk_dkim_verify_done(v);
	hk_arena_done(&a);
}

static void spf_check(struct bench *b)
{
	static const struct hk_dns_rr rr = {.type = HK_DNS_TXT, .data = {(const uint8_t *)"v=spf1 ip4:10.255.1.20/31 -all", 30}};
	struct hk_spf_input input = {.size = sizeof input, .client = {.family = 4, .bytes = {10, 255, 1, 21}}, .helo = HK_S("a.test"), .mail_from = HK_S("user1@a.test")};
	struct hk_dns_question q;
	struct hk_spf *s;
	struct hk_arena a;

	(void)b;
	hk_arena_init(&a, 1024 * 1024);
	check((s = hk_spf_new(&a, &input, NULL)) != NULL, "starting SPF");
	while (hk_spf_step(s) == HK_AGAIN)
		while (hk_spf_question(s, &q))
			check(hk_spf_answer(s, &(struct hk_dns_answer){.question = q, .rr = &rr, .n = 1, .ttl = 60}) == HK_OK, "an answer");
	check(hk_spf_result(s)->result == HK_SPF_PASS, "the SPF verdict");
	hk_arena_done(&a);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Microseconds of one run: the median of ROUNDS rounds of about 50 ms. */
static double measure(void (*run)(struct bench *), struct bench *b)
{
	double round[ROUNDS], start = seconds(), once;
	unsigned n, i, k;

	run(b);
	once = seconds() - start;
	n = once > 0 ? (unsigned)(0.05 / once) + 1 : 1000;
	for (i = 0; i < ROUNDS; i++) {
		start = seconds();
		for (k = 0; k < n; k++)
			run(b);
		round[i] = (seconds() - start) / n * 1e6;
	}
	qsort(round, ROUNDS, sizeof round[0], by_value);
	return round[ROUNDS / 2];
}

static void prepare(struct bench *b, enum hk_sign_alg alg, struct hk_arena *a)
{
	struct hk_buf der, record, text;
	uint8_t *body;
	size_t i;

	hk_buf_init(&der, 4096);
	hk_buf_init(&record, 4096);
	hk_buf_init(&text, 65536);
	check(hk_private_key_new(alg, 2048, &b->private_key) == HK_OK && hk_private_key_public_add(b->private_key, &der) == HK_OK, "making a key");
	check((alg == HK_SIGN_ED25519_SHA256 ? hk_public_key_ed25519(hk_buf_slice(&der), &b->public_key)
					     : hk_public_key_rsa(hk_buf_slice(&der), &b->public_key)) == HK_OK,
	    "reading the key");
	hk_buf_addf(&record, "v=DKIM1; k=%s; p=", alg == HK_SIGN_ED25519_SHA256 ? "ed25519" : "rsa");
	hk_base64_add(&record, hk_buf_slice(&der));
	body = hk_arena_alloc(a, BODY);
	check(body && hk_arena_dup(a, hk_buf_slice(&record), &b->record) == HK_OK, "memory");
	for (i = 0; i < BODY; i++)
		body[i] = i % 72 == 70 ? '\r' : i % 72 == 71 ? '\n' : i % 9 == 8 ? ' ' : (uint8_t)('a' + i % 26);
	memcpy(body + BODY - 2, "\r\n", 2);
	b->body = hk_slice_of(body, BODY);
	b->header = hk_slice_str(header_text);
	sign_message(b, &text);
	hk_buf_add(&text, b->header);
	check(hk_arena_dup(a, hk_buf_slice(&text), &b->signed_header) == HK_OK, "memory");
	hk_buf_done(&der);
	hk_buf_done(&record);
	hk_buf_done(&text);
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(struct bench *);
		int floor; /* row of the raw operation beneath it, or -1 */
	} row[] = {{"raw signature", raw_sign, -1}, {"raw verification", raw_verify, -1}, {"DKIM sign, 10 KiB", dkim_sign, 0},
	    {"DKIM verify, 10 KiB, key parsed each time", dkim_verify, 1}, {"SPF, one record, one ip4", spf_check, -1}};
	static const struct {
		const char *name;
		enum hk_sign_alg alg;
	} kind[] = {{"rsa-2048", HK_SIGN_RSA_SHA256}, {"ed25519", HK_SIGN_ED25519_SHA256}};
	size_t k, i;

	printf("%-10s %-44s %10s %10s %12s\n", "key", "operation", "us", "per s", "over raw");
	for (k = 0; k < 2; k++) {
		double us[sizeof row / sizeof row[0]];
		struct bench b = {0};
		struct hk_arena a;

		hk_arena_init(&a, 1024 * 1024);
		prepare(&b, kind[k].alg, &a);
		for (i = 0; i < sizeof row / sizeof row[0]; i++) {
			us[i] = measure(row[i].run, &b);
			printf("%-10s %-44s %10.1f %10.0f", kind[k].name, row[i].name, us[i], 1e6 / us[i]);
			if (row[i].floor >= 0)
				printf(" %+9.1f us", us[i] - us[row[i].floor]);
			putchar('\n');
		}
		hk_private_key_free(b.private_key);
		hk_public_key_free(b.public_key);
		hk_arena_done(&a);
	}
	return 0;
}
