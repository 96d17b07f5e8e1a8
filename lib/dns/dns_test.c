/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <hikyaku/dns.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define L63 "a23456789012345678901234567890123456789012345678901234567890123"

static struct hk_arena arena;

static int fresh_arena(void **state)
{
	(void)state;
	hk_arena_init(&arena, 4 << 20);
	return 0;
}

static int drop_arena(void **state)
{
	(void)state;
	hk_arena_done(&arena);
	return 0;
}

#define assert_slice(s, text) \
	do { \
		struct hk_slice s_ = (s); \
		assert_int_equal(s_.n, strlen(text)); \
		assert_memory_equal(s_.p, text, s_.n); \
	} while (0)

/* ---- names -------------------------------------------------------------------- */

static void names_are_lower_case_without_the_final_dot(void **state)
{
	static const struct { const char *text, *want; } rows[] = {
	    {"Example.COM", "example.com"}, {"example.com.", "example.com"}, {".", ""}, {"", ""},
	    {"a\\.b.c", "a\\046b.c"}, {"a\\046b.c", "a\\046b.c"}, {"a b.c", "a\\032b.c"}, {"\\065.c", "a.c"},
	    {"a\\\\b", "a\\092b"}, {"\\200.c", "\\200.c"}, {"*.Example", "*.example"},
	    {"a..b", NULL}, {".a", NULL}, {"a..", NULL}, {"..", NULL}, {"a\\", NULL}, {"a\\25", NULL}, {"a\\256", NULL},
	    {L63 ".x", L63 ".x"}, {L63 "4.x", NULL},
	    {L63 "." L63 "." L63 "." L63, NULL},                                /* 255 */
	    {L63 "." L63 "." L63 ".a234567890123456789012345678901234567890123456789012345678901", /* 253 */
	     L63 "." L63 "." L63 ".a234567890123456789012345678901234567890123456789012345678901"},
	    {L63 "." L63 "." L63 ".a2345678901234567890123456789012345678901234567890123456789012", NULL}, /* 254 */
	};
	struct hk_slice name;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		enum hk_status status = hk_dns_name_normalise(&arena, hk_slice_str(rows[i].text), &name);

		assert_int_equal(status, rows[i].want ? HK_OK : HK_SYNTAX);
		if (rows[i].want)
			assert_slice(name, rows[i].want);
	}
}

static void names_have_labels_and_parents(void **state)
{
	(void)state;
	assert_int_equal(hk_dns_name_labels(HK_S("")), 0);
	assert_int_equal(hk_dns_name_labels(HK_S("com")), 1);
	assert_int_equal(hk_dns_name_labels(HK_S("a\\046b.example.com")), 3);
	assert_slice(hk_dns_name_parent(HK_S("a.b")), "b");
	assert_slice(hk_dns_name_parent(HK_S("b")), "");
	assert_slice(hk_dns_name_parent(HK_S("")), "");
	assert_true(hk_dns_name_is_below(HK_S("a.b"), HK_S("b")));
	assert_true(hk_dns_name_is_below(HK_S("b"), HK_S("b")));
	assert_true(hk_dns_name_is_below(HK_S("b"), HK_S("")));
	assert_false(hk_dns_name_is_below(HK_S("ab"), HK_S("b")));
	assert_false(hk_dns_name_is_below(HK_S("b"), HK_S("a.b")));
}

static void host_names_are_letters_digits_and_hyphens(void **state)
{
	static const struct { const char *text; bool plain, underscore; } rows[] = {
	    {"mx.example.com", true, true}, {"1.a-b.c", true, true}, {"_dmarc.example", false, true},
	    {"", false, false}, {"a.", false, false}, {"a..b", false, false}, {"-a.b", false, false}, {"a-.b", false, false},
	    {"a b", false, false}, {"[1.2.3.4]", false, false}, {L63, true, true}, {L63 "x", false, false}, {"localhost", true, true},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		assert_int_equal(hk_is_hostname(hk_slice_str(rows[i].text), false), rows[i].plain);
		assert_int_equal(hk_is_hostname(hk_slice_str(rows[i].text), true), rows[i].underscore);
	}
}

static void types_and_rcodes_have_names(void **state)
{
	uint16_t type;

	(void)state;
	assert_string_equal(hk_dns_type_name(HK_DNS_TLSA), "TLSA");
	assert_string_equal(hk_dns_type_name(64), "?");
	assert_int_equal(hk_dns_type_parse(HK_S("aaaa"), &type), HK_OK);
	assert_int_equal(type, HK_DNS_AAAA);
	assert_int_equal(hk_dns_type_parse(HK_S("TYPE64"), &type), HK_OK);
	assert_int_equal(type, 64);
	assert_int_equal(hk_dns_type_parse(HK_S("TYPE65536"), &type), HK_SYNTAX);
	assert_int_equal(hk_dns_type_parse(HK_S("SPF"), &type), HK_SYNTAX);
	assert_string_equal(hk_dns_rcode_name(HK_DNS_TIMEOUT), "TIMEOUT");
	assert_string_equal(hk_dns_rcode_name(HK_DNS_REFUSED), "REFUSED");
}

/* ---- wire --------------------------------------------------------------------- */

/* Builds messages: a question for www.example.com unless told otherwise, then what the test appends. */
static struct hk_buf wire;

static void begin(unsigned flags, unsigned answers, unsigned authority, uint16_t type)
{
	hk_buf_init(&wire, 70000);
	hk_buf_add_u16(&wire, 0x1234);
	hk_buf_add_u16(&wire, (uint16_t)flags);
	hk_buf_add_u16(&wire, 1);
	hk_buf_add_u16(&wire, (uint16_t)answers);
	hk_buf_add_u16(&wire, (uint16_t)authority);
	hk_buf_add_u16(&wire, 0);
	hk_buf_add(&wire, HK_S("\3WWW\7example\3com\0")); /* at 12; example.com at 16 */
	hk_buf_add_u16(&wire, type);
	hk_buf_add_u16(&wire, 1);
}

static void add_rr(struct hk_slice owner, uint16_t type, uint32_t ttl, struct hk_slice rdata)
{
	hk_buf_add(&wire, owner);
	hk_buf_add_u16(&wire, type);
	hk_buf_add_u16(&wire, 1);
	hk_buf_add_u32(&wire, ttl);
	hk_buf_add_u16(&wire, (uint16_t)rdata.n);
	hk_buf_add(&wire, rdata);
}

static enum hk_status parse_wire(uint16_t type, struct hk_dns_answer *ret)
{
	struct hk_dns_question q = {HK_S("www.example.com"), type};
	enum hk_status status = hk_dns_answer_parse(&arena, &q, hk_buf_slice(&wire), ret);
	struct hk_dns_answer cut;
	size_t n;

	/* every shorter message is malformed, and none is read past its end */
	for (n = 0; n < wire.n && n < 2000; n++) {
		uint8_t *exact = malloc(n ? n : 1);

		if (n)
			memcpy(exact, wire.p, n);
		assert_int_equal(hk_dns_answer_parse(&arena, &q, hk_slice_of(exact, n), &cut), HK_SYNTAX);
		free(exact);
	}
	hk_buf_done(&wire);
	return status;
}

#define OWNER  HK_S("\xc0\x0c") /* www.example.com */
#define PARENT HK_S("\xc0\x10") /* example.com */

static void wire_addresses_are_decoded(void **state)
{
	struct hk_dns_answer answer;
	char text[HK_IP_TEXT_MAX];

	(void)state;
	begin(0x8180, 2, 0, HK_DNS_A);
	add_rr(OWNER, HK_DNS_A, 300, HK_S("\xc0\x00\x02\x01"));
	add_rr(OWNER, HK_DNS_A, 200, HK_S("\xc0\x00\x02\x02"));
	assert_int_equal(parse_wire(HK_DNS_A, &answer), HK_OK);
	assert_int_equal(answer.rcode, HK_DNS_NOERROR);
	assert_int_equal(answer.n, 2);
	assert_int_equal(answer.ttl, 200);
	assert_slice(answer.question.name, "www.example.com");
	hk_ip_format(&answer.rr[1].ip, text);
	assert_string_equal(text, "192.0.2.2");
	begin(0x8180, 1, 0, HK_DNS_AAAA);
	add_rr(OWNER, HK_DNS_AAAA, 300, HK_S("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"));
	assert_int_equal(parse_wire(HK_DNS_AAAA, &answer), HK_OK);
	hk_ip_format(&answer.rr[0].ip, text);
	assert_string_equal(text, "2001:db8::1");
}

/* S0-088 */
static void strings_of_a_txt_are_joined_without_separator_rfc_7208_3_3(void **state)
{
	struct hk_dns_answer answer;

	(void)state;
	begin(0x8180, 1, 0, HK_DNS_TXT);
	add_rr(OWNER, HK_DNS_TXT, 300, HK_S("\10v=spf1 i\0\14p4:192.0.2.1\5 -all"));
	assert_int_equal(parse_wire(HK_DNS_TXT, &answer), HK_OK);
	assert_slice(answer.rr[0].data, "v=spf1 ip4:192.0.2.1 -all");
	begin(0x8180, 1, 0, HK_DNS_TXT);
	add_rr(OWNER, HK_DNS_TXT, 300, HK_S("\10v=spf1")); /* the string is longer than its record */
	assert_int_equal(parse_wire(HK_DNS_TXT, &answer), HK_SYNTAX);
}

static void wire_names_in_rdata_may_be_compressed(void **state)
{
	struct hk_dns_answer answer;

	(void)state;
	begin(0x8180, 1, 0, HK_DNS_MX);
	add_rr(OWNER, HK_DNS_MX, 300, HK_S("\0\12\2MX\xc0\x10"));
	assert_int_equal(parse_wire(HK_DNS_MX, &answer), HK_OK);
	assert_int_equal(answer.rr[0].preference, 10);
	assert_slice(answer.rr[0].data, "mx.example.com");
	begin(0x8180, 1, 0, HK_DNS_SRV);
	add_rr(OWNER, HK_DNS_SRV, 300, HK_S("\0\1\0\2\0\31\1s\xc0\x10"));
	assert_int_equal(parse_wire(HK_DNS_SRV, &answer), HK_OK);
	assert_int_equal(answer.rr[0].weight, 2);
	assert_int_equal(answer.rr[0].port, 25);
	assert_slice(answer.rr[0].data, "s.example.com");
	begin(0x8180, 1, 0, HK_DNS_TLSA);
	add_rr(OWNER, HK_DNS_TLSA, 300, HK_S("\3\1\1\xab\xcd"));
	assert_int_equal(parse_wire(HK_DNS_TLSA, &answer), HK_OK);
	assert_int_equal(answer.rr[0].preference, 0x301);
	assert_int_equal(answer.rr[0].weight, 1);
	assert_slice(answer.rr[0].data, "\xab\xcd");
}

static void wire_dots_inside_labels_are_escaped(void **state)
{
	struct hk_dns_answer answer;

	(void)state;
	begin(0x8180, 1, 0, HK_DNS_PTR);
	add_rr(OWNER, HK_DNS_PTR, 300, HK_S("\4a.\\\n\xc0\x10"));
	assert_int_equal(parse_wire(HK_DNS_PTR, &answer), HK_OK);
	assert_slice(answer.rr[0].data, "a\\046\\092\\010.example.com");
}

static void wire_cname_chains_are_followed_in_any_order(void **state)
{
	struct hk_dns_answer answer;

	(void)state;
	begin(0x8180, 3, 0, HK_DNS_A);
	add_rr(HK_S("\1b\xc0\x10"), HK_DNS_A, 300, HK_S("\xc0\x00\x02\x01"));
	add_rr(HK_S("\1a\xc0\x10"), HK_DNS_CNAME, 20, HK_S("\1b\xc0\x10"));
	add_rr(OWNER, HK_DNS_CNAME, 100, HK_S("\1a\xc0\x10"));
	assert_int_equal(parse_wire(HK_DNS_A, &answer), HK_OK);
	assert_int_equal(answer.n, 1);
	assert_int_equal(answer.ttl, 20);
	/* asked for the CNAME itself */
	begin(0x8180, 1, 0, HK_DNS_CNAME);
	add_rr(OWNER, HK_DNS_CNAME, 100, HK_S("\1a\xc0\x10"));
	assert_int_equal(parse_wire(HK_DNS_CNAME, &answer), HK_OK);
	assert_slice(answer.rr[0].data, "a.example.com");
	/* a loop */
	begin(0x8180, 2, 0, HK_DNS_A);
	add_rr(OWNER, HK_DNS_CNAME, 100, HK_S("\1a\xc0\x10"));
	add_rr(HK_S("\1a\xc0\x10"), HK_DNS_CNAME, 20, HK_S("\xc0\x0c"));
	assert_int_equal(parse_wire(HK_DNS_A, &answer), HK_OK);
	assert_int_equal(answer.rcode, HK_DNS_SERVFAIL);
	assert_true(hk_dns_is_failure(&answer));
}

/* links CNAMEs from www to x0, x1, ... and an address at the end */
static enum hk_dns_rcode chain_of(unsigned links)
{
	struct hk_dns_answer answer;
	uint8_t from[] = "\2x?\xc0\x10", to[] = "\2x?\xc0\x10";
	unsigned i;

	begin(0x8180, links + 1, 0, HK_DNS_A);
	for (i = 0; i < links; i++) {
		from[2] = (uint8_t)('a' + i);
		to[2] = (uint8_t)('b' + i);
		add_rr(i ? hk_slice_of(from, 5) : OWNER, HK_DNS_CNAME, 9, hk_slice_of(to, 5));
	}
	from[2] = (uint8_t)('a' + links);
	add_rr(links ? hk_slice_of(from, 5) : OWNER, HK_DNS_A, 9, HK_S("\1\2\3\4"));
	assert_int_equal(parse_wire(HK_DNS_A, &answer), HK_OK);
	assert_int_equal(answer.n, answer.rcode == HK_DNS_NOERROR);
	return answer.rcode;
}

static void wire_chains_end_at_their_limit(void **state)
{
	(void)state;
	assert_int_equal(chain_of(HK_DNS_CHAIN_MAX - 1), HK_DNS_NOERROR);
	assert_int_equal(chain_of(HK_DNS_CHAIN_MAX), HK_DNS_NOERROR);
	assert_int_equal(chain_of(HK_DNS_CHAIN_MAX + 1), HK_DNS_SERVFAIL);
}

static void wire_negative_answers_take_their_ttl_from_the_soa_rfc_2308_5(void **state)
{
	struct hk_dns_answer answer;

	(void)state;
	begin(0x8183, 0, 1, HK_DNS_A);
	add_rr(PARENT, HK_DNS_SOA, 900, HK_S("\0\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\74"));
	assert_int_equal(parse_wire(HK_DNS_A, &answer), HK_OK);
	assert_int_equal(answer.rcode, HK_DNS_NXDOMAIN);
	assert_int_equal(answer.ttl, 60);
	assert_true(hk_dns_is_void(&answer));
	begin(0x8180, 0, 0, HK_DNS_A);
	assert_int_equal(parse_wire(HK_DNS_A, &answer), HK_OK);
	assert_int_equal(answer.ttl, 0);
	assert_true(hk_dns_is_void(&answer));
	assert_false(hk_dns_is_failure(&answer));
}

static void wire_messages_that_do_not_answer_are_refused(void **state)
{
	static const unsigned flags[] = {0x0180 /* a query */, 0x8980 /* not a standard query */, 0x8380 /* truncated */};
	struct hk_dns_answer answer;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(flags); i++) {
		begin(flags[i], 0, 0, HK_DNS_A);
		assert_int_equal(parse_wire(HK_DNS_A, &answer), HK_SYNTAX);
	}
	begin(0x8180, 0, 0, HK_DNS_A);
	assert_int_equal(parse_wire(HK_DNS_MX, &answer), HK_SYNTAX);
	begin(0x8185, 0, 0, HK_DNS_A);
	assert_int_equal(parse_wire(HK_DNS_A, &answer), HK_OK);
	assert_int_equal(answer.rcode, HK_DNS_REFUSED);
	begin(0x8180, 1, 0, HK_DNS_A); /* a pointer to itself */
	add_rr(HK_S("\xc0\x21"), HK_DNS_A, 1, HK_S("\1\2\3\4"));
	assert_int_equal(parse_wire(HK_DNS_A, &answer), HK_SYNTAX);
	begin(0x8180, 1, 0, HK_DNS_A);
	add_rr(OWNER, HK_DNS_A, 1, HK_S("\1\2\3"));
	assert_int_equal(parse_wire(HK_DNS_A, &answer), HK_SYNTAX);
}

static void wire_keeps_no_more_than_its_limit_of_records(void **state)
{
	static const unsigned counts[] = {HK_DNS_RRS_MAX - 1, HK_DNS_RRS_MAX, HK_DNS_RRS_MAX + 1};
	struct hk_dns_answer answer;
	size_t i;
	unsigned k;

	(void)state;
	for (i = 0; i < COUNT(counts); i++) {
		struct hk_dns_question q = {HK_S("www.example.com"), HK_DNS_A};

		begin(0x8180, counts[i], 0, HK_DNS_A);
		for (k = 0; k < counts[i]; k++)
			add_rr(OWNER, HK_DNS_A, 1, HK_S("\1\2\3\4"));
		assert_int_equal(hk_dns_answer_parse(&arena, &q, hk_buf_slice(&wire), &answer), HK_OK);
		assert_int_equal(answer.n, counts[i] < HK_DNS_RRS_MAX ? counts[i] : HK_DNS_RRS_MAX);
		hk_buf_done(&wire);
	}
}

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
	assert_slice(answer.rr[0].data, "mx.a.test");
	assert_slice(answer.rr[1].data, "mx.b.test");
	answer = ask(zone, "a.test", HK_DNS_TXT);
	assert_int_equal(answer.n, 2);
	assert_slice(answer.rr[0].data, "v=spf1 ip4:10.255.1.20/31 -all");
	assert_slice(answer.rr[1].data, "this is \"top\" level;");
	assert_int_equal(ask(zone, "ns.a.test", HK_DNS_A).n, 1);
	assert_int_equal(ask(zone, "ns.a.test", HK_DNS_AAAA).n, 1);
	assert_int_equal(ask(zone, "ns.a.test", HK_DNS_A).ttl, 3600);
	answer = ask(zone, "_25._tcp.a.test", HK_DNS_TLSA);
	assert_slice(answer.rr[0].data, "\xab\xcd");
	assert_int_equal(ask(zone, "_sip._udp.a.test", HK_DNS_SRV).rr[0].port, 5060);
	assert_slice(ask(zone, "1.1.255.10.in-addr.arpa", HK_DNS_PTR).rr[0].data, "ns.a.test");
	assert_slice(ask(zone, "a.test", HK_DNS_SOA).rr[0].data, "ns.a.test");
	assert_int_equal(ask(zone, "m.a.test", HK_DNS_AAAA).rr[0].ip.family, 6);
}

static void zone_errors_name_their_line(void **state)
{
	static const struct { const char *text; size_t line; } rows[] = {
	    {"a.test. IN A TXT\n", 1}, /* S2-009 */
	    {"\n\na.test. A 1.2.3\n", 3}, {"a. A ::1\n", 1}, {"a. AAAA 1.2.3.4\n", 1}, {"a. NAPTR x\n", 1},
	    {"a. TXT \"x\n", 1}, {"a. TXT (\n\"x\"\n", 3}, {"a. TXT )\n", 1}, {"a. TXT (( x ))\n", 1},
	    {"a. TXT\n", 1}, {"a. MX mx\n", 1}, {"a. MX 65536 mx\n", 1}, {"a..b. A 1.2.3.4\n", 1}, {"	A 1.2.3.4\n", 1},
	    {"a. A 1.2.3.4 5\n", 1}, {"$INCLUDE x\n", 1}, {"$TTL x\n", 1}, {"$SERVFAIL a. B\n", 1}, {"$SERVFAIL a. A b\n", 1},
	    {"a. CH A 1.2.3.4\n", 1}, {"a. 1 2 A 1.2.3.4\n", 1}, {"a. TXT \\25\n", 1}, {"a. TLSA 3 1 1 abc\n", 1},
	    {"a. TLSA 3 1 256 ab\n", 1}, {"$ORIGIN test.\na\\", 2}, {"a. TYPE64 x\n", 1}, {"a. 1x A 1.2.3.4\n", 1},
	    {"a. 9999999999 A 1.2.3.4\n", 1}, {"a.", 1},
	};
	struct hk_zone_error error;
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
	assert_slice(ask(zone, "Foo.Bar.Example", HK_DNS_TXT).question.name, "foo.bar.example");
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
	struct hk_evidence *e = hk_evidence_new(&arena);
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
	assert_slice(hk_evidence_find(back, &q)->rr[0].data, "host1.example");
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
	struct hk_evidence *e = hk_evidence_new(&arena);
	struct hk_buf stored;

	(void)state;
	hk_buf_init(&stored, 1000);
	assert_int_equal(hk_evidence_add(e, &answer), HK_OK);
	hk_evidence_format(e, &stored);
	assert_int_equal(stored.n, sizeof golden - 1 + 4);
	assert_memory_equal(stored.p, golden, sizeof golden - 1);
	hk_buf_done(&stored);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fresh_arena, drop_arena)
	const struct CMUnitTest tests[] = {
	    T(names_are_lower_case_without_the_final_dot),
	    T(names_have_labels_and_parents),
	    T(host_names_are_letters_digits_and_hyphens),
	    T(types_and_rcodes_have_names),
	    T(wire_addresses_are_decoded),
	    T(strings_of_a_txt_are_joined_without_separator_rfc_7208_3_3),
	    T(wire_names_in_rdata_may_be_compressed),
	    T(wire_dots_inside_labels_are_escaped),
	    T(wire_cname_chains_are_followed_in_any_order),
	    T(wire_chains_end_at_their_limit),
	    T(wire_negative_answers_take_their_ttl_from_the_soa_rfc_2308_5),
	    T(wire_messages_that_do_not_answer_are_refused),
	    T(wire_keeps_no_more_than_its_limit_of_records),
	    T(zone_text_is_read_rfc_1035_5_1),
	    T(zone_errors_name_their_line),
	    T(a_string_of_zone_text_has_at_most_255_octets),
	    T(wildcards_follow_rfc_4592_2_2_1),
	    T(a_full_arena_fails_the_zone_and_not_the_program),
	    T(evidence_comes_back_as_it_was),
	    T(evidence_version_1_has_these_bytes),
	};

	return cmocka_run_group_tests_name("dns", tests, NULL, NULL);
}
