/* SPDX-License-Identifier: MIT
 *
 * The same evidence gives the same bytes on every machine. Prints a line for each message that it
 * made, signed, verified, recorded and replayed: the SHA-256 of the header section, the record, the
 * Authentication-Results, the JSON and the report. './dev test cross' compares the lines of a
 * big-endian and of two little-endian machines. Keys are fixed; nothing is random.
 */
#include <stdio.h>
#include <stdlib.h>

#include <hikyaku/explain.h>
#include <hikyaku/verify.h>

enum { MESSAGES = 40, NOW = 1731333570 };

/* RFC 8463 appendix A.2, wrapped into PKCS#8 */
static const char pem[] = "-----BEGIN PRIVATE KEY-----\n"
                          "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
                          "-----END PRIVATE KEY-----\n";
static const char zone_text[] =
    "a.test. TXT \"v=spf1 ip4:192.0.2.0/28 exists:%{ir}.%{v}.%{d2} include:b.test -all "
    "exp=e.test\"\n"
    "b.test. TXT \"v=spf1 ip6:2001:db8::/33 mx ptr ~all\"\nb.test. MX 300 m.test.\n"
    "m.test. A 192.0.2.33\nm.test. AAAA 2001:db8:8000::1\n33.2.0.192.in-addr.arpa. PTR m.b.test.\n"
    "e.test. TXT \"%{c} is not of %{o}, says %{r}\"\n"
    "s._domainkey.a.test. TXT \"v=DKIM1; k=ed25519; "
    "p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"\n"
    "_dmarc.a.test. TXT \"v=DMARC1; p=reject; sp=quarantine\"\n"
    "$SERVFAIL _dmarc.b.test. TXT\n";
static const char *const clients[] = {
    "192.0.2.7", "192.0.2.33", "2001:db8::7", "2001:db8:8000::1", "203.0.113.255"};
static const char *const authors[] = {"u@a.test", "u@sub.a.test", "u@b.test", "u@else.test"};

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "same-bytes: line %d: %s\n", __LINE__, #condition);        \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

struct message {
	struct hk_arena arena;
	struct hk_buf header, body;
};

/* Lines of changing length and a few octets over 0x7f. */
static void make(struct message *m, unsigned number)
{
	uint32_t x = number * 2654435761u + 1;
	unsigned i;

	hk_arena_init(&m->arena, 8 * HK_VERIFY_ARENA);
	hk_buf_init(&m->header, 65536);
	hk_buf_init(&m->body, 65536);
	hk_buf_addf(&m->header,
	    "From: <%s>\r\nTo: v@b.test\r\nSubject: number %u,\r\n  \xe9\xa3\x9b\r\n",
	    authors[number % 4], number);
	for (i = 0; i < number * 37; i++) {
		x = x * 1664525u + 1013904223u;
		hk_buf_add_byte(
		    &m->body, (x >> 24) % 61 == 0 ? 0xe9 : (uint8_t)(' ' + (x >> 24) % 90));
		if ((x >> 16) % 53 == 0)
			hk_buf_add_str(&m->body, "\r\n");
	}
	hk_buf_add_str(&m->body, "\r\n");
}

static void sign(struct message *m, const struct hk_private_key *key, unsigned number)
{
	struct hk_dkim_sign_options o = {.size = sizeof o,
	    .d = HK_S("a.test"),
	    .s = HK_S("s"),
	    .alg = HK_SIGN_ED25519_SHA256,
	    .header_canon = (enum hk_canon)(number & 1),
	    .body_canon = (enum hk_canon)(number >> 1 & 1),
	    .now = NOW - (int64_t)number};
	uint8_t signature[HK_SIGNATURE_MAX];
	size_t n = sizeof signature;
	struct hk_dkim_sign *s;
	struct hk_header header;
	struct hk_slice digest;
	struct hk_buf field;

	hk_buf_init(&field, 65536);
	CHECK(hk_header_parse(&m->arena, hk_buf_slice(&m->header), &header) == HK_OK);
	s = hk_dkim_sign_new(&m->arena, &o, &header);
	CHECK(s);
	hk_dkim_sign_body(s, hk_buf_slice(&m->body));
	CHECK(hk_dkim_sign_end(s, &digest) == HK_OK);
	CHECK(hk_sign_digest(key, digest, signature, &n) == HK_OK);
	CHECK(hk_dkim_sign_finish(s, hk_slice_of(signature, n), &field) == HK_OK);
	hk_dkim_sign_done(s);
	hk_buf_add(&field, hk_buf_slice(&m->header));
	hk_buf_done(&m->header);
	m->header = field;
	if (number % 5 == 4) /* changed on its way */
		hk_buf_add_str(&m->body, "-- \r\n");
}

static void answer_all(struct hk_verify *v, const struct hk_zone *zone, struct hk_arena *a)
{
	struct hk_dns_question q;
	struct hk_dns_answer answer;
	enum hk_status status;

	while ((status = hk_verify_step(v)) == HK_AGAIN) {
		CHECK(hk_verify_question(v, &q));
		CHECK(hk_zone_answer(zone, a, &q, &answer) == HK_OK);
		CHECK(hk_verify_answer(v, &answer) == HK_OK);
	}
	CHECK(status == HK_OK);
}

static void print_hash(struct hk_buf *b)
{
	uint8_t hash[HK_SHA256_SIZE];
	size_t i;

	CHECK(hk_buf_status(b) == HK_OK && hk_sha256(hk_buf_slice(b), hash) == HK_OK);
	for (i = 0; i < sizeof hash; i++)
		printf("%02x", hash[i]);
	putchar(' ');
	hk_buf_done(b);
}

/* What can be made of a verdict; the record is returned, for whoever replays it. */
static struct hk_buf print_verdict(const struct hk_verify *v)
{
	struct hk_explain_options o = {.size = sizeof o, .language = HK_JAPANESE};
	struct hk_buf record, again, field, json, report;

	hk_buf_init(&record, HK_VERIFY_RECORD_MAX);
	hk_buf_init(&again, HK_VERIFY_RECORD_MAX);
	hk_buf_init(&field, 65536);
	hk_buf_init(&json, 1 << 20);
	hk_buf_init(&report, 1 << 20);
	hk_verify_record_format(v, &record);
	hk_buf_add(&again, hk_buf_slice(&record));
	hk_verify_authres(v, HK_CHECK_SPF | HK_CHECK_DKIM | HK_CHECK_DMARC, HK_AUTHRES_RFC,
	    HK_S("mx.b.test"), &field);
	hk_explain_json(v, hk_buf_slice(&field), &json);
	hk_explain_message(v, &o, &report);
	print_hash(&again);
	print_hash(&field);
	print_hash(&json);
	print_hash(&report);
	return record;
}

static void verify(struct message *m, const struct hk_zone *zone, unsigned number)
{
	struct hk_verify_input in = {.size = sizeof in,
	    .checks = HK_CHECK_SPF | HK_CHECK_DKIM | HK_CHECK_DMARC,
	    .helo = HK_S("mx.a.test"),
	    .mail_from = hk_slice_str(number % 7 == 6 ? "u@b.test" : "u@a.test"),
	    .has_mail_from = true,
	    .authserv_id = HK_S("mx.b.test"),
	    .now = NOW};
	struct hk_verify *v, *again = NULL;
	struct hk_buf record, copy;

	CHECK(hk_ip_parse(hk_slice_str(clients[number % 5]), &in.client) == HK_OK);
	v = hk_verify_new(&m->arena, &in);
	CHECK(v && hk_verify_header(v, hk_buf_slice(&m->header)) == HK_OK);
	hk_verify_body(v, hk_buf_slice(&m->body));
	hk_verify_end(v);
	answer_all(v, zone, &m->arena);
	record = print_verdict(v);
	CHECK(hk_verify_replay(&m->arena, hk_buf_slice(&record), &again) == HK_OK);
	copy = print_verdict(again);
	CHECK(hk_slice_eq(hk_buf_slice(&record), hk_buf_slice(&copy)));
	printf("%s %s\n", hk_spf_result_name(hk_verify_result(v)->spf->result),
	    hk_dmarc_result_name(hk_verify_result(v)->dmarc->result));
	hk_buf_done(&record);
	hk_buf_done(&copy);
	hk_verify_done(again);
	hk_verify_done(v);
}

int main(void)
{
	struct hk_private_key *key = NULL;
	struct hk_zone *zone = NULL;
	struct hk_arena a;
	struct message m;
	unsigned i;

	hk_arena_init(&a, 1 << 20);
	CHECK(hk_private_key_pem(hk_slice_str(pem), &key) == HK_OK);
	CHECK(hk_zone_parse(&a, hk_slice_str(zone_text), &zone, NULL) == HK_OK);
	for (i = 0; i < MESSAGES; i++) {
		struct hk_buf header;

		make(&m, i);
		sign(&m, key, i);
		hk_buf_init(&header, 65536);
		hk_buf_add(&header, hk_buf_slice(&m.header));
		print_hash(&header);
		verify(&m, zone, i);
		hk_buf_done(&m.header);
		hk_buf_done(&m.body);
		hk_arena_done(&m.arena);
	}
	hk_private_key_free(key);
	hk_arena_done(&a);
	return 0;
}
