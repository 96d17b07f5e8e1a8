/* SPDX-License-Identifier: MIT
 *
 * Each way of checking a server's certificate, against certificates that must fail it: whole handshakes between two ends in this
 * process, with certificates made here.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "io/tls_internal.h"
#include "tests/unit.h"
#include "tests/unit_heap.h"

/* ---- certificates ---- */

enum kind { GOOD, SELF_SIGNED, EXPIRED, NOT_YET, OTHER_CA, CLIENT_ONLY };
#define DNS(text) GEN_DNS, text, sizeof text - 1
#define IP4(text) GEN_IPADD, text, sizeof text - 1

struct certificate {
	enum kind kind;
	const char *cn;
	int type; /* of the one alternative name; 0: there is none */
	const char *name;
	size_t name_n;
};

static EVP_PKEY *ca_key, *other_ca_key, *leaf_key;
static X509 *ca, *other_ca;
static char ca_pem[4096], leaf_key_pem[4096];

static X509 *certificate_new(const char *cn, long from, long until, EVP_PKEY *key)
{
	X509 *x = must(X509_new());
	static long serial;

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(x), from);
	X509_gmtime_adj(X509_getm_notAfter(x), until);
	X509_NAME_add_entry_by_txt(
	    X509_get_subject_name(x), "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
	assert_int_equal(X509_set_pubkey(x, key), 1);
	return x;
}

static void add_extension(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *e = must(X509V3_EXT_conf_nid(NULL, NULL, nid, value));

	assert_int_equal(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
}

static void add_name(X509 *x, const struct certificate *c)
{
	GENERAL_NAMES *names = must(sk_GENERAL_NAME_new_null());
	GENERAL_NAME *g = must(GENERAL_NAME_new());
	ASN1_STRING *text = must(c->type == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new());

	/* as it is, NUL and all: no function of OpenSSL's that takes text would let it through */
	assert_int_equal(ASN1_STRING_set(text, c->name, (int)c->name_n), 1);
	GENERAL_NAME_set0_value(g, c->type, text);
	assert_true(sk_GENERAL_NAME_push(names, g) > 0);
	assert_int_equal(X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0), 1);
	GENERAL_NAMES_free(names);
}

static X509 *authority_new(const char *cn, EVP_PKEY *key)
{
	X509 *x = certificate_new(cn, -3600, 86400, key);

	X509_set_issuer_name(x, X509_get_subject_name(x));
	add_extension(x, NID_basic_constraints, "critical,CA:TRUE");
	add_extension(x, NID_key_usage, "critical,keyCertSign");
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	return x;
}

static X509 *leaf_new(const struct certificate *c)
{
	X509 *x = certificate_new(c->cn, c->kind == NOT_YET ? 3600 : c->kind == EXPIRED ? -7200 : -3600,
	    c->kind == EXPIRED ? -3600 : 86400, leaf_key);
	X509 *issuer = c->kind == SELF_SIGNED ? x : c->kind == OTHER_CA ? other_ca : ca;

	X509_set_issuer_name(x, X509_get_subject_name(issuer));
	if (c->type)
		add_name(x, c);
	if (c->kind == CLIENT_ONLY)
		add_extension(x, NID_ext_key_usage, "clientAuth");
	assert_true(X509_sign(x, c->kind == SELF_SIGNED ? leaf_key : c->kind == OTHER_CA ? other_ca_key : ca_key, EVP_sha256()) > 0);
	return x;
}

static void pem_of(X509 *x, EVP_PKEY *key, char *ret, size_t room)
{
	BIO *b = must(BIO_new(BIO_s_mem()));
	char *p;
	long n;

	assert_int_equal(x ? PEM_write_bio_X509(b, x) : PEM_write_bio_PrivateKey(b, key, NULL, NULL, 0, NULL, NULL), 1);
	n = BIO_get_mem_data(b, &p);
	assert_in_range(n, 1, room - 1);
	memcpy(ret, p, (size_t)n);
	ret[n] = 0;
	BIO_free(b);
}

static int make_authorities(void **state)
{
	(void)state;
	ca_key = must(EVP_EC_gen("P-256"));
	other_ca_key = must(EVP_EC_gen("P-256"));
	leaf_key = must(EVP_EC_gen("P-256"));
	ca = authority_new("Test CA", ca_key);
	other_ca = authority_new("Another CA", other_ca_key);
	pem_of(ca, NULL, ca_pem, sizeof ca_pem);
	pem_of(NULL, leaf_key, leaf_key_pem, sizeof leaf_key_pem);
	return 0;
}

static int drop_authorities(void **state)
{
	(void)state;
	X509_free(ca);
	X509_free(other_ca);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(other_ca_key);
	EVP_PKEY_free(leaf_key);
	return 0;
}

/* ---- one handshake ---- */

struct outcome {
	bool connected, fits;
	enum hk_tls_result result;
};

static struct outcome shake(const struct certificate *c, const struct hk_tls_check *check)
{
	struct hk_tls_context *server, *client;
	enum hk_status at_server = HK_AGAIN, at_client = HK_AGAIN;
	struct hk_tls *s, *t;
	X509 *leaf = leaf_new(c);
	char pem[2 * sizeof ca_pem];
	struct hk_buf why;
	struct outcome ret;
	int pair[2], i;

	pem_of(leaf, NULL, pem, sizeof pem - sizeof ca_pem);
	memcpy(pem + strlen(pem), ca_pem, sizeof ca_pem);
	X509_free(leaf);
	hk_buf_init(&why, 1024);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(hk_tls_context_server(HK_S("mx"), NULL, &server), HK_OK);
	assert_int_equal(hk_tls_context_add(server, hk_slice_str(pem), hk_slice_str(leaf_key_pem), &why), HK_OK);
	assert_int_equal(hk_tls_context_client(hk_slice_str(ca_pem), &client), HK_OK);
	assert_int_equal(hk_tls_new(server, pair[0], HK_S(""), &s), HK_OK);
	assert_int_equal(hk_tls_new(client, pair[1], check->name, &t), HK_OK);
	assert_int_equal(hk_tls_expect(t, check), HK_OK);
	for (i = 0; i < 20 && at_client == HK_AGAIN; i++) {
		at_client = hk_tls_handshake(t);
		if (at_server == HK_AGAIN)
			at_server = hk_tls_handshake(s);
	}
	ret = (struct outcome){.connected = at_client == HK_OK, .fits = hk_tls_context_fits(server, check), .result = hk_tls_result(t)};
	hk_tls_free(t);
	hk_tls_free(s);
	hk_tls_context_free(client);
	hk_tls_context_free(server);
	hk_buf_done(&why);
	close(pair[0]);
	close(pair[1]);
	return ret;
}

/* ---- what a client asks for ---- */

static void add_site(struct hk_tls_context *server, enum kind kind, const char *name)
{
	struct certificate c = {kind, "x", GEN_DNS, name, strlen(name)};
	X509 *leaf = leaf_new(&c);
	char pem[4096];
	struct hk_buf why;

	pem_of(leaf, NULL, pem, sizeof pem);
	X509_free(leaf);
	hk_buf_init(&why, 1024);
	assert_int_equal(hk_tls_context_add(server, hk_slice_str(pem), hk_slice_str(leaf_key_pem), &why), HK_OK);
	hk_buf_done(&why);
}

static void shake_as(struct hk_tls_context *server, struct hk_tls_context *client, const char *name)
{
	enum hk_status at_server = HK_AGAIN, at_client = HK_AGAIN;
	struct hk_tls *s, *t;
	int pair[2], i;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(hk_tls_new(server, pair[0], HK_S(""), &s), HK_OK);
	assert_int_equal(hk_tls_new(client, pair[1], hk_slice_str(name), &t), HK_OK);
	for (i = 0; i < 20 && (at_client == HK_AGAIN || at_server == HK_AGAIN); i++) {
		if (at_client == HK_AGAIN)
			at_client = hk_tls_handshake(t);
		if (at_server == HK_AGAIN)
			at_server = hk_tls_handshake(s);
	}
	assert_int_equal(at_server, HK_OK);
	assert_string_equal(s->name, name);
	hk_tls_free(t);
	hk_tls_free(s);
	close(pair[0]);
	close(pair[1]);
}

/* CVE-2017-15130: a flood of names. Each is looked for, none is kept; whole handshakes too, each of which gets a ticket. */
static void a_million_names_take_no_memory(void **state)
{
	enum { NAMES = HAS_HEAP_COUNT ? 1000000 : 20000, FIRST = 20, SHAKES = 200 };
	static const char *const under[] = {"a.test", "b.test", "mx.c.test", "d.test"};
	static const size_t sites[] = {0, 1, 0, 0};
	struct hk_tls_context *server, *client;
	struct hk_tls_tickets *tickets;
	size_t i, before = 0;
	char name[64];

	(void)state;
	assert_int_equal(hk_tls_tickets_new(0, &tickets), HK_OK);
	assert_int_equal(hk_tls_context_server(HK_S("mx"), tickets, &server), HK_OK);
	assert_int_equal(hk_tls_context_client(hk_slice_str(ca_pem), &client), HK_OK);
	add_site(server, GOOD, "mx.a.test");
	add_site(server, GOOD, "*.b.test");
	add_site(server, GOOD, "mx.c.test");
	for (i = 0; i < FIRST + SHAKES; i++) {
		if (i == FIRST)
			before = heap.in_use;
		snprintf(name, sizeof name, "n%zu.%s", 1000000 + i, under[i % COUNT(under)]);
		shake_as(server, client, name);
	}
	assert_in_range(heap.in_use, 0, before + 1024); /* a queue of OpenSSL's may have turned over */
	before = heap_begin();
	for (i = 0; i < NAMES; i++) {
		snprintf(name, sizeof name, "n%zu.%s", 1000000 + i, under[i % COUNT(under)]);
		assert_ptr_equal(tls_find_site(server, name), &server->site[sites[i % COUNT(under)]]);
	}
	assert_int_equal(heap.in_use, before);
	assert_in_range(heap.peak, before, before + 16384);
	hk_tls_context_free(client);
	hk_tls_context_free(server);
	hk_tls_tickets_free(tickets);
}

/* ---- rows ---- */

struct row {
	const char *what;
	struct certificate c;
	const char *name; /* what it must be for */
	enum hk_tls_result result;
};

/* SEC-98: what is wrong with the certificate, and that it is refused for it. */
static const struct row wrongs[] = {
    {"nothing", {GOOD, "x", DNS("mx.a.test")}, "mx.a.test", HK_TLS_RESULT_NONE},
    {"it signed itself", {SELF_SIGNED, "x", DNS("mx.a.test")}, "mx.a.test", HK_TLS_RESULT_NOT_TRUSTED},
    {"nobody knows who signed it", {OTHER_CA, "x", DNS("mx.a.test")}, "mx.a.test", HK_TLS_RESULT_NOT_TRUSTED},
    {"its time is over", {EXPIRED, "x", DNS("mx.a.test")}, "mx.a.test", HK_TLS_RESULT_EXPIRED},
    {"its time has not come", {NOT_YET, "x", DNS("mx.a.test")}, "mx.a.test", HK_TLS_RESULT_EXPIRED},
    {"it is for another name", {GOOD, "x", DNS("mx.b.test")}, "mx.a.test", HK_TLS_RESULT_HOST_MISMATCH},
    {"it is for clients", {CLIENT_ONLY, "x", DNS("mx.a.test")}, "mx.a.test", HK_TLS_RESULT_VALIDATION},
};

/* SEC-99: which names are one (RFC 9525 6). */
static const struct row names[] = {
    {"the same in another case", {GOOD, "x", DNS("MX.A.Test")}, "mx.a.test", HK_TLS_RESULT_NONE},
    {"a NUL behind our name", {GOOD, "x", DNS("mx.a.test\0.evil.test")}, "mx.a.test", HK_TLS_RESULT_HOST_MISMATCH},
    {"a NUL at its end", {GOOD, "x", DNS("mx.a.test\0")}, "mx.a.test", HK_TLS_RESULT_HOST_MISMATCH},
    {"a NUL before our name", {GOOD, "x", DNS("\0mx.a.test")}, "mx.a.test", HK_TLS_RESULT_HOST_MISMATCH},
    {"a NUL in a wildcard", {GOOD, "x", DNS("*\0.a.test")}, "mx.a.test", HK_TLS_RESULT_HOST_MISMATCH},
    {"a line feed behind it", {GOOD, "x", DNS("mx.a.test\n")}, "mx.a.test", HK_TLS_RESULT_HOST_MISMATCH},
    {"a blank behind it", {GOOD, "x", DNS("mx.a.test ")}, "mx.a.test", HK_TLS_RESULT_HOST_MISMATCH},
    {"a dot behind it", {GOOD, "x", DNS("mx.a.test.")}, "mx.a.test", HK_TLS_RESULT_HOST_MISMATCH},
    {"a dot before it", {GOOD, "x", DNS(".a.test")}, "mx.a.test", HK_TLS_RESULT_HOST_MISMATCH},
    {"nothing", {GOOD, "x", DNS("")}, "mx.a.test", HK_TLS_RESULT_HOST_MISMATCH},
    {"a wildcard for a label", {GOOD, "x", DNS("*.a.test")}, "mx.a.test", HK_TLS_RESULT_NONE},
    {"a wildcard for two", {GOOD, "x", DNS("*.a.test")}, "one.mx.a.test", HK_TLS_RESULT_HOST_MISMATCH},
    {"a wildcard for none", {GOOD, "x", DNS("*.mx.a.test")}, "mx.a.test", HK_TLS_RESULT_HOST_MISMATCH},
    {"a wildcard in a label", {GOOD, "x", DNS("m*.a.test")}, "mx.a.test", HK_TLS_RESULT_HOST_MISMATCH},
    {"a wildcard behind a label", {GOOD, "x", DNS("mx*.a.test")}, "mx.a.test", HK_TLS_RESULT_HOST_MISMATCH},
    {"a wildcard further on", {GOOD, "x", DNS("mx.*.test")}, "mx.a.test", HK_TLS_RESULT_HOST_MISMATCH},
    {"two wildcards", {GOOD, "x", DNS("*.*.test")}, "mx.a.test", HK_TLS_RESULT_HOST_MISMATCH},
    {"a wildcard alone", {GOOD, "x", DNS("*")}, "mx", HK_TLS_RESULT_HOST_MISMATCH},
    {"a wildcard of everything", {GOOD, "x", DNS("*.")}, "mx.", HK_TLS_RESULT_HOST_MISMATCH},
    {"a wildcard for an A-label", {GOOD, "x", DNS("*.a.test")}, "xn--lhr059c.a.test", HK_TLS_RESULT_NONE},
    {"a wildcard in an A-label", {GOOD, "x", DNS("xn--*.a.test")}, "xn--lhr059c.a.test", HK_TLS_RESULT_HOST_MISMATCH},
    {"an A-label", {GOOD, "x", DNS("xn--lhr059c.a.test")}, "xn--lhr059c.a.test", HK_TLS_RESULT_NONE},
    {"a U-label is none", {GOOD, "x", DNS("\xe9\xa3\x9b\xe8\x84\x9a.a.test")}, "xn--lhr059c.a.test", HK_TLS_RESULT_HOST_MISMATCH},
    {"the subject's name counts for nothing", {GOOD, "mx.a.test", 0, NULL, 0}, "mx.a.test", HK_TLS_RESULT_HOST_MISMATCH},
    {"nor beside another name", {GOOD, "mx.a.test", DNS("mx.b.test")}, "mx.a.test", HK_TLS_RESULT_HOST_MISMATCH},
    {"nor beside an address", {GOOD, "mx.a.test", IP4("\x0a\x00\x00\x01")}, "mx.a.test", HK_TLS_RESULT_HOST_MISMATCH},
    {"an address", {GOOD, "x", IP4("\x0a\x00\x00\x01")}, "10.0.0.1", HK_TLS_RESULT_NONE},
    {"another address", {GOOD, "x", IP4("\x0a\x00\x00\x02")}, "10.0.0.1", HK_TLS_RESULT_HOST_MISMATCH},
    {"an address as a name", {GOOD, "x", DNS("10.0.0.1")}, "10.0.0.1", HK_TLS_RESULT_HOST_MISMATCH},
    {"an address of five octets", {GOOD, "x", IP4("\x0a\x00\x00\x01\x00")}, "10.0.0.1", HK_TLS_RESULT_HOST_MISMATCH},
    {"a mailbox", {GOOD, "x", GEN_EMAIL, "mx.a.test", 9}, "mx.a.test", HK_TLS_RESULT_HOST_MISMATCH},
    {"an address of the web", {GOOD, "x", GEN_URI, "mx.a.test", 9}, "mx.a.test", HK_TLS_RESULT_HOST_MISMATCH},
};

static void each_is(const struct row *row, size_t n, enum hk_tls_verify verify)
{
	size_t i;

	for (i = 0; i < n; i++) {
		struct hk_tls_check check = {.name = hk_slice_str(row[i].name), .verify = verify};
		struct outcome got = shake(&row[i].c, &check);
		bool may = row[i].result == HK_TLS_RESULT_NONE || verify != HK_VERIFY_PKIX;

		if (got.connected != may || got.result != (verify == HK_VERIFY_NONE ? HK_TLS_RESULT_NONE : row[i].result))
			fail_msg("%s: %s, %s", row[i].what, got.connected ? "connected" : "not", hk_tls_result_word(got.result));
	}
}

/* SEC-98: a check that is asked for is made: a bad certificate fails it; and where none is asked for, none is made. */
static void a_bad_certificate_fails_where_one_is_checked(void **state)
{
	(void)state;
	each_is(wrongs, COUNT(wrongs), HK_VERIFY_PKIX);
	each_is(wrongs, COUNT(wrongs), HK_VERIFY_NOTED);
	each_is(wrongs, COUNT(wrongs), HK_VERIFY_NONE);
}

/* SEC-99 */
static void a_certificate_is_for_a_name_or_it_is_not(void **state)
{
	(void)state;
	each_is(names, COUNT(names), HK_VERIFY_PKIX);
}

/* ---- DANE ---- */

/* The SHA-256 of the leaf's key; spoiled by one bit where asked. */
static void digest_of(EVP_PKEY *key, bool spoil, uint8_t ret[32])
{
	uint8_t *der = NULL;
	int n = i2d_PUBKEY(key, &der);

	assert_true(n > 0);
	assert_int_equal(EVP_Digest(der, (size_t)n, ret, NULL, EVP_sha256(), NULL), 1);
	OPENSSL_free(der);
	ret[31] ^= spoil;
}

/* SEC-98 RFC 7672 3.1: with usage 3 the key is all that counts; with usage 2 name and date count too. */
static void a_tlsa_is_fit_or_the_handshake_fails(void **state)
{
	static const struct {
		const char *what;
		struct certificate c;
		uint8_t usage;
		bool spoil, may;
	} rows[] = {
	    {"3 1 1", {SELF_SIGNED, "x", DNS("mx.a.test")}, 3, false, true},
	    {"3 1 1 of another key", {SELF_SIGNED, "x", DNS("mx.a.test")}, 3, true, false},
	    {"3 1 1 of another key, and a good certificate", {GOOD, "x", DNS("mx.a.test")}, 3, true, false},
	    {"3 1 1, another name", {SELF_SIGNED, "x", DNS("mx.b.test")}, 3, false, true},
	    {"3 1 1, its time is over", {EXPIRED, "x", DNS("mx.a.test")}, 3, false, true},
	    {"2 1 1 of a key that is not in the chain", {GOOD, "x", DNS("mx.a.test")}, 2, true, false},
	    {"2 1 1 of the authority in the chain", {GOOD, "x", DNS("mx.a.test")}, 2, false, true},
	    {"2 1 1 of the authority, another name", {GOOD, "x", DNS("mx.b.test")}, 2, false, false},
	    {"2 1 1 of the authority, its time is over", {EXPIRED, "x", DNS("mx.a.test")}, 2, false, false},
	    {"2 1 1 of the leaf's own key", {SELF_SIGNED, "x", DNS("mx.a.test")}, 2, false, false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		uint8_t digest[32];
		struct hk_tlsa tlsa = {.usage = rows[i].usage, .selector = 1, .matching = 1, .data = {digest, sizeof digest}};
		struct hk_tls_check check = {.name = HK_S("mx.a.test"), .verify = HK_VERIFY_DANE, .tlsa = &tlsa, .n_tlsa = 1};
		struct outcome got;

		digest_of(rows[i].usage == 2 && rows[i].c.kind != SELF_SIGNED ? ca_key : leaf_key, rows[i].spoil, digest);
		got = shake(&rows[i].c, &check);
		if (got.connected != rows[i].may || (got.result == HK_TLS_RESULT_NONE) != rows[i].may)
			fail_msg("%s: %s, %s", rows[i].what, got.connected ? "connected" : "not", hk_tls_result_word(got.result));
		/* what we say of our own certificate is what a sender finds */
		if (got.fits != got.connected)
			fail_msg("%s: %s", rows[i].what, got.fits ? "fits" : "fits not");
	}
}

/* A check that cannot be made is not left out: there is no connection. */
static void what_cannot_be_checked_is_refused_before_the_handshake(void **state)
{
	char long_name[HK_DNS_NAME_MAX + 2] = {0};
	uint8_t digest[32] = {0};
	struct hk_tlsa short_one = {.usage = 3, .selector = 1, .matching = 1, .data = {digest, 31}};
	struct hk_tlsa unknown = {.usage = 9, .selector = 1, .matching = 1, .data = {digest, 32}};
	struct hk_tls_check checks[] = {
	    {.verify = HK_VERIFY_PKIX},
	    {.name = hk_slice_of(long_name, sizeof long_name), .verify = HK_VERIFY_PKIX},
	    {.name = HK_S("mx.a.test"), .verify = HK_VERIFY_DANE},
	    {.name = HK_S("mx.a.test"), .verify = HK_VERIFY_DANE, .tlsa = &short_one, .n_tlsa = 1},
	    {.name = HK_S("mx.a.test"), .verify = HK_VERIFY_DANE, .tlsa = &unknown, .n_tlsa = 1},
	};
	struct hk_tls_context *client;
	struct hk_tls *t;
	size_t i;

	(void)state;
	memset(long_name, 'a', sizeof long_name);
	assert_int_equal(hk_tls_context_client(hk_slice_str(ca_pem), &client), HK_OK);
	for (i = 0; i < COUNT(checks); i++) {
		assert_int_equal(hk_tls_new(client, -1, HK_S(""), &t), HK_OK);
		assert_int_equal(hk_tls_expect(t, &checks[i]), HK_CRYPTO);
		hk_tls_free(t);
	}
	hk_tls_context_free(client);
	assert_int_equal(hk_tls_context_client(HK_S("no certificate"), &client), HK_CRYPTO);
}

/* SEC 1.8: expired own certificate: the daemon tells of it (tests/elsewhere_test.py), by this second. */
static void a_context_ends_with_the_first_of_its_certificates(void **state)
{
	const int64_t now = (int64_t)time(NULL);
	struct hk_tls_context *server;

	(void)state;
	assert_int_equal(hk_tls_context_server(HK_S("mx"), NULL, &server), HK_OK);
	assert_true(hk_tls_context_end(server) == INT64_MAX);
	add_site(server, GOOD, "a.test");
	assert_in_range(hk_tls_context_end(server) - now, 86400, 86400 + 60);
	add_site(server, EXPIRED, "b.test");
	assert_in_range(now - hk_tls_context_end(server), 3600 - 60, 3600);
	add_site(server, GOOD, "c.test");
	assert_in_range(now - hk_tls_context_end(server), 3600 - 60, 3600);
	hk_tls_context_free(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_bad_certificate_fails_where_one_is_checked),
	    cmocka_unit_test(a_certificate_is_for_a_name_or_it_is_not),
	    cmocka_unit_test(a_tlsa_is_fit_or_the_handshake_fails),
	    cmocka_unit_test(what_cannot_be_checked_is_refused_before_the_handshake),
	    cmocka_unit_test(a_context_ends_with_the_first_of_its_certificates),
	    {"SEC-89: a million names take no memory", a_million_names_take_no_memory, NULL, NULL, NULL},
	};

	return cmocka_run_group_tests(tests, make_authorities, drop_authorities);
}
