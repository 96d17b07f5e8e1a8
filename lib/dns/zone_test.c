/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include <hikyaku/dns.h>

#include "tests/unit_arena.h"

/* ---- zone text ---------------------------------------------------------------- */

static struct hk_dns_answer ask(const struct hk_zone *zone, const char *name, uint16_t type)
{
	struct hk_dns_question q = {hk_slice_str(name), type};
	struct hk_dns_answer answer;

	assert_int_equal(hk_zone_answer(zone, &arena, &q, &answer), HK_OK);
	return answer;
}

static struct hk_zone *read_zone(const char *text)
{
	struct hk_zone_error error = {0};
	struct hk_zone *zone = NULL;
	enum hk_status status = hk_zone_parse(&arena, hk_slice_str(text), &zone, &error);

	if (status != HK_OK)
		print_error("line %zu: %s\n", error.line, error.what ? error.what : "?");
	assert_int_equal(status, HK_OK);
	return zone;
}

static void zone_text_is_read_rfc_1035_5_1(void **state)
{
	struct hk_zone *zone = read_zone(
	    "$ORIGIN a.test.\n$TTL 1h\n"
	    "@	IN SOA ns root ( 1 ; serial\n	3600 900\n	1w 300 )\n"
	    "	NS ns\n"
	    "	300 IN MX 10 mx\n"
	    "	IN 200 MX 20 mx.b.test.\n"
	    "@	TXT \"v=spf1 ip4:10.255.1.20/31 -all\" ; and more\n"
	    "	TXT \"this \" \"is \\\"top\\\" \" level\\059\n"
	    "ns	A 10.255.1.2\r\n"
	    "NS	AAAA 2001:db8::1\n\n"
	    "; a comment\n"
	    "_25._tcp TLSA 3 1 1 ab CD\n"
	    "_sip._udp SRV 1 2 5060 ns\n"
	    "1.1.255.10.in-addr.arpa. PTR ns\n"
	    "m AAAA ::ffff:1.2.3.4\n");
	struct hk_dns_answer answer = ask(zone, "A.Test.", HK_DNS_MX);

	(void)state;
	assert_int_equal(answer.n, 2);
	assert_int_equal(answer.ttl, 200);
	assert_int_equal(answer.rr[0].preference, 10);
	assert_text(answer.rr[0].data, "mx.a.test");
	assert_text(answer.rr[1].data, "mx.b.test");
	answer = ask(zone, "a.test", HK_DNS_TXT);
	assert_int_equal(answer.n, 2);
	assert_text(answer.rr[0].data, "v=spf1 ip4:10.255.1.20/31 -all");
	assert_text(answer.rr[1].data, "this is \"top\" level;");
	assert_int_equal(ask(zone, "ns.a.test", HK_DNS_A).n, 1);
	assert_int_equal(ask(zone, "ns.a.test", HK_DNS_AAAA).n, 1);
	assert_int_equal(ask(zone, "ns.a.test", HK_DNS_A).ttl, 3600);
	answer = ask(zone, "_25._tcp.a.test", HK_DNS_TLSA);
	assert_text(answer.rr[0].data, "\xab\xcd");
	assert_int_equal(ask(zone, "_sip._udp.a.test", HK_DNS_SRV).rr[0].port, 5060);
	assert_text(ask(zone, "1.1.255.10.in-addr.arpa", HK_DNS_PTR).rr[0].data, "ns.a.test");
	assert_text(ask(zone, "a.test", HK_DNS_SOA).rr[0].data, "ns.a.test");
	assert_int_equal(ask(zone, "m.a.test", HK_DNS_AAAA).rr[0].ip.family, 6);
}

static void zone_errors_name_their_line(void **state)
{
	static const struct { const char *text; size_t line; } rows[] = {
	    {"a.test. IN A TXT\n", 1}, /* S2-009 E-16 */
	    {"\n\na.test. A 1.2.3\n", 3}, {"a. A ::1\n", 1}, {"a. AAAA 1.2.3.4\n", 1}, {"a. DNAME x.\n", 1}, {"a. CAA\n", 1}, {"a. TXT \\# 2 0161\n", 1},
	    {"a. TXT \"x\n", 1}, {"a. TXT (\n\"x\"\n", 3}, {"a. TXT )\n", 1}, {"a. TXT (( x ))\n", 1},
	    {"a. TXT\n", 1}, {"a. MX mx\n", 1}, {"a. MX 65536 mx\n", 1}, {"a..b. A 1.2.3.4\n", 1}, {"	A 1.2.3.4\n", 1},
	    {"a. A 1.2.3.4 5\n", 1}, {"$INCLUDE x\n", 1}, {"$TTL x\n", 1}, {"$SERVFAIL a. B\n", 1}, {"$SERVFAIL a. A b\n", 1},
	    {"a. CH A 1.2.3.4\n", 1}, {"a. 1 2 A 1.2.3.4\n", 1}, {"a. TXT \\25\n", 1}, {"a. TLSA 3 1 1 abc\n", 1},
	    {"a. TLSA 3 1 256 ab\n", 1}, {"$ORIGIN test.\na\\", 2}, {"a. TYPE64 x\n", 1}, {"a. 1x A 1.2.3.4\n", 1},
	    {"a. 9999999999 A 1.2.3.4\n", 1}, {"a.", 1},
	};
	struct hk_zone_error error = {0};
	struct hk_zone *zone;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		error = (struct hk_zone_error){0};
		assert_int_equal(hk_zone_parse(&arena, hk_slice_str(rows[i].text), &zone, &error), HK_SYNTAX);
		assert_int_equal(error.line, rows[i].line);
		assert_non_null(error.what);
	}
}

/* Whoever tests with the zone that he has, has these in it. */
static void types_that_nobody_here_asks_for_only_make_their_names_exist(void **state)
{
	struct hk_zone *zone = read_zone("$ORIGIN a.test.\n"
	    "c IN CAA 0 issue \"ca.test\"\n"
	    "k 3600 dnskey 257 3 13 ( mdsswUyr3DPW132mOi8V9xESWE8jTo0d\n	xCjjnopKl+GqJxpVXckHAeF+KkxLbxIL ) ; KSK\n"
	    "s SSHFP 4 2 123456\n"
	    "t TYPE65280 \\# 2 0161\n"
	    "t TXT \"\\#\" 2\n"
	    "x.y RRSIG A 13 3 300 20270101000000 20261101000000 1 a.test. c2ln\n"
	    "b A 192.0.2.1\n");
	static const struct { const char *name; enum hk_dns_rcode rcode; } rows[] = {
	    {"c.a.test", HK_DNS_NOERROR}, {"k.a.test", HK_DNS_NOERROR}, {"s.a.test", HK_DNS_NOERROR}, {"t.a.test", HK_DNS_NOERROR},
	    {"y.a.test", HK_DNS_NOERROR}, {"z.a.test", HK_DNS_NXDOMAIN}};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		assert_int_equal(ask(zone, rows[i].name, HK_DNS_A).rcode, rows[i].rcode);
		assert_int_equal(ask(zone, rows[i].name, HK_DNS_A).n, 0);
	}
	assert_int_equal(ask(zone, "b.a.test", HK_DNS_A).n, 1);
	assert_int_equal(ask(zone, "t.a.test", HK_DNS_TXT).n, 1);
	assert_int_equal(ask(zone, "t.a.test", 65280).n, 0);
}

static void a_string_of_zone_text_has_at_most_255_octets(void **state)
{
	static const size_t lengths[] = {254, 255, 256};
	struct hk_zone *zone;
	char text[300], line[400];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(lengths); i++) {
		memset(text, 'x', lengths[i]);
		text[lengths[i]] = '\0';
		snprintf(line, sizeof line, "a. TXT %s", text);
		assert_int_equal(hk_zone_parse(&arena, hk_slice_str(line), &zone, NULL), lengths[i] <= 255 ? HK_OK : HK_SYNTAX);
	}
}

static const char wild[] =
    "$ORIGIN example.\n"
    "*	3600 TXT \"this is a wildcard\"\n"
    "*	3600 MX 10 host1\n"
    "sub.* TXT \"this is not a wildcard\"\n"
    "host1 A 192.0.2.1\n"
    "_ssh._tcp.host1 SRV 0 0 22 host1\n"
    "_ssh._tcp.host2 SRV 0 0 22 host2\n"
    "c CNAME d\nd CNAME host1\nloop CNAME loop\nout CNAME nowhere.test.\n*.w CNAME host1\n"
    "$SERVFAIL broken\n$TIMEOUT slow TXT\nslow A 192.0.2.9\n$TIMEOUT *.dark\n";

static void wildcards_follow_rfc_4592_2_2_1(void **state)
{
	static const struct { const char *name; uint16_t type; enum hk_dns_rcode rcode; size_t n; } rows[] = {
	    {"host3.example", HK_DNS_MX, HK_DNS_NOERROR, 1},
	    {"host3.example", HK_DNS_A, HK_DNS_NOERROR, 0},
	    {"foo.bar.example", HK_DNS_TXT, HK_DNS_NOERROR, 1},
	    {"host1.example", HK_DNS_MX, HK_DNS_NOERROR, 0},       /* it exists */
	    {"sub.*.example", HK_DNS_MX, HK_DNS_NOERROR, 0},       /* it exists */
	    {"_telnet._tcp.host1.example", HK_DNS_SRV, HK_DNS_NXDOMAIN, 0}, /* _tcp.host1 is the closest encloser */
	    {"ghost.*.example", HK_DNS_MX, HK_DNS_NXDOMAIN, 0},    /* the encloser is *.example, which has no * below */
	    {"*.example", HK_DNS_MX, HK_DNS_NOERROR, 1},
	    {"host2.example", HK_DNS_A, HK_DNS_NOERROR, 0},        /* an empty non-terminal */
	    {"_tcp.host2.example", HK_DNS_MX, HK_DNS_NOERROR, 0},
	    {"other.test", HK_DNS_A, HK_DNS_NXDOMAIN, 0},
	    {"", HK_DNS_A, HK_DNS_NOERROR, 0},
	    {"a..b", HK_DNS_A, HK_DNS_NXDOMAIN, 0},
	    {"c.example", HK_DNS_A, HK_DNS_NOERROR, 1},
	    {"c.example", HK_DNS_CNAME, HK_DNS_NOERROR, 1},
	    {"c.example", HK_DNS_MX, HK_DNS_NOERROR, 0},
	    {"x.w.example", HK_DNS_A, HK_DNS_NOERROR, 1},
	    {"loop.example", HK_DNS_A, HK_DNS_SERVFAIL, 0},
	    {"out.example", HK_DNS_A, HK_DNS_NXDOMAIN, 0},
	    {"broken.example", HK_DNS_A, HK_DNS_SERVFAIL, 0},
	    {"broken.example", HK_DNS_CNAME, HK_DNS_SERVFAIL, 0},
	    {"slow.example", HK_DNS_TXT, HK_DNS_TIMEOUT, 0},
	    {"slow.example", HK_DNS_A, HK_DNS_NOERROR, 1},
	    {"slow.example", HK_DNS_MX, HK_DNS_NOERROR, 0},
	    {"x.dark.example", HK_DNS_A, HK_DNS_TIMEOUT, 0},
	};
	struct hk_zone *zone = read_zone(wild);
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct hk_dns_answer answer = ask(zone, rows[i].name, rows[i].type);

		if (answer.rcode != rows[i].rcode || answer.n != rows[i].n)
			print_error("%s %s\n", rows[i].name, hk_dns_type_name(rows[i].type));
		assert_int_equal(answer.rcode, rows[i].rcode);
		assert_int_equal(answer.n, rows[i].n);
	}
	assert_text(ask(zone, "Foo.Bar.Example", HK_DNS_TXT).question.name, "foo.bar.example");
}

static void a_full_arena_fails_the_zone_and_not_the_program(void **state)
{
	struct hk_arena small;
	struct hk_zone *zone;
	size_t limit;
	enum hk_status status = HK_LIMIT;

	(void)state;
	for (limit = 0; status != HK_OK; limit += 16) {
		hk_arena_init(&small, limit);
		status = hk_zone_parse(&small, hk_slice_str(wild), &zone, NULL);
		assert_true(status == HK_OK || status == HK_LIMIT);
		hk_arena_done(&small);
	}
	assert_true(limit > 1000);
}

/* ---- evidence ------------------------------------------------------------------- */

static struct hk_evidence *some_evidence(void)
{
	static const struct { const char *name; uint16_t type; } asked[] = {
	    {"c.example", HK_DNS_A}, {"x.example", HK_DNS_TXT}, {"broken.example", HK_DNS_A}, {"nowhere.test", HK_DNS_A},
	    {"host3.example", HK_DNS_MX}};
	struct hk_evidence *e = must(hk_evidence_new(&arena));
	struct hk_zone *zone = read_zone(wild);
	size_t i;

	for (i = 0; i < COUNT(asked); i++) {
		struct hk_dns_answer answer = ask(zone, asked[i].name, asked[i].type);

		answer.secure = i == 0;
		answer.bogus = i == 2;
		assert_int_equal(hk_evidence_add(e, &answer), HK_OK);
		assert_int_equal(hk_evidence_add(e, &answer), HK_OK);
	}
	assert_int_equal(hk_evidence_count(e), COUNT(asked));
	return e;
}

static void evidence_comes_back_as_it_was(void **state)
{
	struct hk_evidence *e = some_evidence(), *back;
	struct hk_buf stored, again;
	struct hk_dns_question q = {HK_S("HOST3.example"), HK_DNS_MX};
	size_t i;

	(void)state;
	hk_buf_init(&stored, 65536);
	hk_buf_init(&again, 65536);
	hk_evidence_format(e, &stored);
	assert_int_equal(hk_evidence_parse(&arena, hk_buf_slice(&stored), &back), HK_OK);
	assert_int_equal(hk_evidence_count(back), 5);
	assert_true(hk_evidence_at(back, 0)->secure);
	assert_true(hk_evidence_at(back, 2)->bogus);
	assert_null(hk_evidence_at(back, 5));
	assert_int_equal(hk_evidence_at(back, 3)->rcode, HK_DNS_NXDOMAIN);
	assert_text(hk_evidence_find(back, &q)->rr[0].data, "host1.example");
	q.type = HK_DNS_A;
	assert_null(hk_evidence_find(back, &q));
	hk_evidence_format(back, &again);
	assert_true(hk_slice_eq(hk_buf_slice(&stored), hk_buf_slice(&again)));
	/* one flipped bit anywhere, or one byte less, is noticed */
	for (i = 0; i < stored.n; i++) {
		enum hk_status status;

		assert_int_equal(hk_evidence_parse(&arena, hk_slice_sub(hk_buf_slice(&stored), 0, i), &back), HK_CORRUPT);
		stored.p[i] ^= 1;
		status = hk_evidence_parse(&arena, hk_buf_slice(&stored), &back);
		assert_true(status == HK_CORRUPT || (status == HK_VERSION && i == 4) || (status == HK_CORRUPT && i == 5));
		stored.p[i] ^= 1;
	}
	stored.p[5] = 2;
	assert_int_equal(hk_evidence_parse(&arena, hk_buf_slice(&stored), &back), HK_VERSION);
	hk_buf_done(&stored);
	hk_buf_done(&again);
}

/* The bytes of version 1, so that every later program reads them. */
static void evidence_version_1_has_these_bytes(void **state)
{
	static const char golden[] = "HKEV\0\1\0\1"
	    "\0\0\0\6a.test\0\20\0\0\0\0\16\20\1\0\1"
	    "\0\20\0\0\0\0\0\0\0\0\0\0\7v=spf1 ";
	struct hk_dns_rr rr = {.type = HK_DNS_TXT, .data = HK_S("v=spf1 ")};
	struct hk_dns_answer answer = {.question = {HK_S("a.test"), HK_DNS_TXT}, .ttl = 3600, .secure = true, .rr = &rr, .n = 1};
	struct hk_evidence *e = must(hk_evidence_new(&arena));
	struct hk_buf stored;

	(void)state;
	hk_buf_init(&stored, 1000);
	assert_int_equal(hk_evidence_add(e, &answer), HK_OK);
	hk_evidence_format(e, &stored);
	assert_int_equal(stored.n, sizeof golden - 1 + 4);
	assert_memory_equal(stored.p, golden, sizeof golden - 1);
	hk_buf_done(&stored);
}

static void stored_records_are_of_the_type_that_was_asked(void **state)
{
	struct hk_dns_rr rr = {.type = HK_DNS_TXT, .data = HK_S("not..a.name")};
	struct hk_dns_answer answer = {.question = {HK_S("a.test"), HK_DNS_MX}, .rr = &rr, .n = 1}, back;
	struct hk_cursor c;
	struct hk_buf stored;

	(void)state;
	hk_buf_init(&stored, 1000);
	hk_dns_answer_format(&answer, &stored);
	c = hk_cursor_of(hk_buf_slice(&stored));
	assert_int_equal(hk_dns_answer_read(&arena, &c, &back), HK_CORRUPT);
	rr.type = HK_DNS_MX; /* then its name must be one */
	hk_buf_reset(&stored);
	hk_dns_answer_format(&answer, &stored);
	c = hk_cursor_of(hk_buf_slice(&stored));
	assert_int_equal(hk_dns_answer_read(&arena, &c, &back), HK_CORRUPT);
	hk_buf_done(&stored);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(zone_text_is_read_rfc_1035_5_1),
	    TEST(zone_errors_name_their_line),
	    TEST(types_that_nobody_here_asks_for_only_make_their_names_exist),
	    TEST(a_string_of_zone_text_has_at_most_255_octets),
	    TEST(wildcards_follow_rfc_4592_2_2_1),
	    TEST(a_full_arena_fails_the_zone_and_not_the_program),
	    TEST(evidence_comes_back_as_it_was),
	    TEST(evidence_version_1_has_these_bytes),
	    TEST(stored_records_are_of_the_type_that_was_asked),
	};

	return cmocka_run_group_tests_name("dns-zone", tests, NULL, NULL);
}
