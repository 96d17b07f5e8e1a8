/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hikyaku/dns.h>

#include "tests/unit_arena.h"

#define L63 "a23456789012345678901234567890123456789012345678901234567890123"

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
			assert_text(name, rows[i].want);
	}
}

/* RFC 3492 7.1, RFC 8616 5 */
static void u_labels_become_a_labels_by_punycode(void **state)
{
	static const struct {
		const char *text, *ascii; /* NULL: refused */
	} rows[] = {
	    {"a.Test", "a.Test"},
	    {"\xe4\xbe\x8b\xe3\x81\x88.\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88", "xn--r8jz45g.xn--zckzah"},
	    {"B\xc3\xbc" "cher.Example", "xn--bcher-kva.Example"},
	    {"3\xe5\xb9\xb4" "B\xe7\xb5\x84\xe9\x87\x91\xe5\x85\xab\xe5\x85\x88\xe7\x94\x9f", "xn--3b-ww4c5e180e575a65lsy2b"},
	    {"\xe3\x81\x9d\xe3\x81\xae\xe3\x82\xb9\xe3\x83\x94\xe3\x83\xbc\xe3\x83\x89\xe3\x81\xa7", "xn--d9juau41awczczp"},
	    {"\xf0\x9f\x98\x80.test", "xn--e28h.test"},
	    {"a.\xe4\xbe.test", NULL},
	    {"\xed\xa0\x80.test", NULL},
	    {"xn--\xc3\xbc.test", NULL}, /* RFC 5891 4.2.3.1: of the third and fourth character */
	    {"\xe6\x97\xa5\xe6\x9c\xac--\xe8\xaa\x9e", NULL},
	    {"\xc3\xa9--b", "xn----b-9la"},
	    {"\xd9\xb4--\xd9\xb2", "xn-----szdf"},
	};
	struct hk_arena a;
	struct hk_slice ret;
	struct hk_buf longer;
	size_t i;

	(void)state;
	hk_arena_init(&a, 65536);
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		enum hk_status status = hk_dns_name_to_ascii(&a, hk_slice_str(rows[i].text), &ret);

		assert_int_equal(status, rows[i].ascii ? HK_OK : HK_SYNTAX);
		if (rows[i].ascii && !hk_slice_eq(ret, hk_slice_str(rows[i].ascii)))
			fail_msg("%s: %.*s", rows[i].ascii, HK_FMT(ret));
	}
	/* a label that gets longer than 63 octets; a name that does than 253 */
	hk_buf_init(&longer, 4096);
	for (i = 0; i < 64; i++)
		hk_buf_add_str(&longer, "\xc3\xbc");
	assert_int_equal(hk_dns_name_to_ascii(&a, hk_buf_slice(&longer), &ret), HK_SYNTAX);
	hk_buf_reset(&longer);
	for (i = 0; i < 60; i++)
		hk_buf_add_str(&longer, "\xc3\xbc.");
	assert_int_equal(hk_dns_name_to_ascii(&a, hk_buf_slice(&longer), &ret), HK_SYNTAX);
	hk_buf_done(&longer);
	hk_arena_done(&a);
}

static void names_have_labels_and_parents(void **state)
{
	(void)state;
	assert_int_equal(hk_dns_name_labels(HK_S("")), 0);
	assert_int_equal(hk_dns_name_labels(HK_S("com")), 1);
	assert_int_equal(hk_dns_name_labels(HK_S("a\\046b.example.com")), 3);
	assert_text(hk_dns_name_parent(HK_S("a.b")), "b");
	assert_text(hk_dns_name_parent(HK_S("b")), "");
	assert_text(hk_dns_name_parent(HK_S("")), "");
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

	assert_int_equal(hk_buf_status(&wire), HK_OK);
	/* every shorter message is malformed, and none is read past its end */
	for (n = 0; n < wire.n && n < 2000; n++) {
		uint8_t *exact = must(malloc(n ? n : 1));

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
	assert_text(answer.question.name, "www.example.com");
	hk_ip_format(&answer.rr[1].ip, text);
	assert_string_equal(text, "192.0.2.2");
	begin(0x8180, 1, 0, HK_DNS_AAAA);
	add_rr(OWNER, HK_DNS_AAAA, 300, HK_S("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"));
	assert_int_equal(parse_wire(HK_DNS_AAAA, &answer), HK_OK);
	hk_ip_format(&answer.rr[0].ip, text);
	assert_string_equal(text, "2001:db8::1");
}

/* SEC-45 SEC-46: every type with data of 0 to 64 octets, the record last in the message, so that one octet read too far is
 * seen by a sanitizer */
static void wire_data_of_any_length_is_refused_or_read_to_its_end(void **state)
{
	static const uint16_t types[] = {HK_DNS_A, HK_DNS_NS, HK_DNS_CNAME, HK_DNS_SOA, HK_DNS_PTR, HK_DNS_MX, HK_DNS_TXT,
	    HK_DNS_AAAA, HK_DNS_SRV, HK_DNS_TLSA, 0, 99, 255, 65535};
	static const struct {
		uint16_t type;
		size_t from, to;
	} sizes[] = {{HK_DNS_A, 4, 4}, {HK_DNS_AAAA, 16, 16}, {HK_DNS_MX, 3, 64}, {HK_DNS_SRV, 7, 64}, {HK_DNS_TLSA, 3, 64}};
	static const uint8_t fills[] = {0, 1, 3, 0x3f, 0x40, 0xc0, 0xff};
	struct hk_dns_answer answer;
	uint8_t data[64];
	size_t t, n, f, k;

	(void)state;
	for (t = 0; t < COUNT(types); t++) {
		for (n = 0; n <= sizeof data; n++) {
			for (f = 0; f < COUNT(fills); f++) {
				enum hk_status status;

				memset(data, fills[f], sizeof data);
				begin(0x8180, 1, 0, types[t]);
				add_rr(OWNER, types[t], 300, hk_slice_of(data, n));
				status = parse_wire(types[t], &answer);
				assert_true(status == HK_OK || status == HK_SYNTAX);
				for (k = 0; k < COUNT(sizes) && status == HK_OK; k++)
					if (sizes[k].type == types[t] && answer.n)
						assert_true(n >= sizes[k].from && n <= sizes[k].to);
			}
		}
	}
}

/* S0-088 */
static void strings_of_a_txt_are_joined_without_separator_rfc_7208_3_3(void **state)
{
	struct hk_dns_answer answer;

	(void)state;
	begin(0x8180, 1, 0, HK_DNS_TXT);
	add_rr(OWNER, HK_DNS_TXT, 300, HK_S("\10v=spf1 i\0\14p4:192.0.2.1\5 -all"));
	assert_int_equal(parse_wire(HK_DNS_TXT, &answer), HK_OK);
	assert_text(answer.rr[0].data, "v=spf1 ip4:192.0.2.1 -all");
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
	assert_text(answer.rr[0].data, "mx.example.com");
	begin(0x8180, 1, 0, HK_DNS_SRV);
	add_rr(OWNER, HK_DNS_SRV, 300, HK_S("\0\1\0\2\0\31\1s\xc0\x10"));
	assert_int_equal(parse_wire(HK_DNS_SRV, &answer), HK_OK);
	assert_int_equal(answer.rr[0].weight, 2);
	assert_int_equal(answer.rr[0].port, 25);
	assert_text(answer.rr[0].data, "s.example.com");
	begin(0x8180, 1, 0, HK_DNS_TLSA);
	add_rr(OWNER, HK_DNS_TLSA, 300, HK_S("\3\1\1\xab\xcd"));
	assert_int_equal(parse_wire(HK_DNS_TLSA, &answer), HK_OK);
	assert_int_equal(answer.rr[0].preference, 0x301);
	assert_int_equal(answer.rr[0].weight, 1);
	assert_text(answer.rr[0].data, "\xab\xcd");
}

static void wire_dots_inside_labels_are_escaped(void **state)
{
	struct hk_dns_answer answer;

	(void)state;
	begin(0x8180, 1, 0, HK_DNS_PTR);
	add_rr(OWNER, HK_DNS_PTR, 300, HK_S("\4a.\\\n\xc0\x10"));
	assert_int_equal(parse_wire(HK_DNS_PTR, &answer), HK_OK);
	assert_text(answer.rr[0].data, "a\\046\\092\\010.example.com");
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
	assert_text(answer.rr[0].data, "a.example.com");
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

/* security.md 91: thousands of records whose owner is the far end of one long chain of pointers
 * would cost a second. */
static enum hk_status jumps_of(unsigned jumps)
{
	struct hk_dns_answer answer;
	size_t at = 16, i;
	uint8_t pointers[400];

	begin(0x8180, 2, 0, HK_DNS_A);
	for (i = 0; i < jumps; i++) {
		pointers[2 * i] = (uint8_t)(0xc0 | at >> 8);
		pointers[2 * i + 1] = (uint8_t)at;
		at = wire.n + 12 + 2 * i; /* behind the owner and the fixed part of its record */
	}
	add_rr(OWNER, HK_DNS_TXT, 9, hk_slice_of(pointers, 2 * jumps));
	add_rr(hk_slice_of((uint8_t[]){(uint8_t)(0xc0 | at >> 8), (uint8_t)at}, 2), HK_DNS_A, 9,
	    HK_S("\1\2\3\4"));
	return parse_wire(HK_DNS_A, &answer);
}

static void wire_names_jump_no_more_often_than_they_can_have_labels_rfc_1035_2_3_4(void **state)
{
	(void)state;
	assert_int_equal(jumps_of(1), HK_OK);
	assert_int_equal(jumps_of(126), HK_OK);
	assert_int_equal(jumps_of(127), HK_SYNTAX); /* and the owner's own pointer makes 128 */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(names_are_lower_case_without_the_final_dot),
	    TEST(u_labels_become_a_labels_by_punycode),
	    TEST(names_have_labels_and_parents),
	    TEST(host_names_are_letters_digits_and_hyphens),
	    TEST(types_and_rcodes_have_names),
	    TEST(wire_addresses_are_decoded),
	    TEST(wire_data_of_any_length_is_refused_or_read_to_its_end),
	    TEST(strings_of_a_txt_are_joined_without_separator_rfc_7208_3_3),
	    TEST(wire_names_in_rdata_may_be_compressed),
	    TEST(wire_dots_inside_labels_are_escaped),
	    TEST(wire_cname_chains_are_followed_in_any_order),
	    TEST(wire_chains_end_at_their_limit),
	    TEST(wire_names_jump_no_more_often_than_they_can_have_labels_rfc_1035_2_3_4),
	    TEST(wire_negative_answers_take_their_ttl_from_the_soa_rfc_2308_5),
	    TEST(wire_messages_that_do_not_answer_are_refused),
	    TEST(wire_keeps_no_more_than_its_limit_of_records),
	};

	return cmocka_run_group_tests_name("dns", tests, NULL, NULL);
}
