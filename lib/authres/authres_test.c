/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hikyaku/authres.h>

#include "tests/unit.h"

/* a list of one signature */
#define ONE(verdict) (const struct hk_dkim_verdict *const[]){&(verdict)}

/* for initialisers, where HK_S would be no constant */

static struct hk_ip ip(const char *text)
{
	struct hk_ip value = {0};

	if (*text)
		assert_int_equal(hk_ip_parse(hk_slice_str(text), &value), HK_OK);
	return value;
}

static const char *written(const struct hk_authres_input *in)
{
	static char text[65536];
	struct hk_buf b;

	hk_buf_init(&b, sizeof text - 1);
	hk_authres_format(in, &b);
	assert_int_equal(hk_buf_status(&b), HK_OK);
	memcpy(text, b.p, b.n);
	text[b.n] = 0;
	hk_buf_done(&b);
	return text;
}

#define SPF_A(res, who)                                                                            \
	{                                                                                          \
		.result = (res), .sender = S(who), .domain = S("a.test")                           \
	}
static const struct hk_spf_verdict spf_pass = SPF_A(HK_SPF_PASS, "user1@a.test");
static const struct hk_spf_verdict spf_fail = SPF_A(HK_SPF_FAIL, "user1@a.test");
static const struct hk_dkim_verdict dkim_pass = {.result = HK_DKIM_PASS,
    .d = S("pass.dkim.a.test"),
    .s = S("smtpbook"),
    .a = S("rsa-sha256"),
    .b = S("HXOHX5f4AAAA"),
    .body_hash_ok = true,
    .signature_checked = true};
static const struct hk_dkim_verdict dkim_fail = {.result = HK_DKIM_FAIL,
    .d = S("fail.dkim.a.test"),
    .s = S("smtpbook"),
    .a = S("rsa-sha256"),
    .b = S("UUjtdzq/AAAA"),
    .reason = S("signature mismatch"),
    .body_hash_ok = true,
    .signature_checked = true};
static const struct hk_dmarc_verdict dmarc_pass = {.result = HK_DMARC_PASS,
    .policy = HK_DMARC_P_QUARANTINE,
    .author_domain = S("pass.dkim.a.test"),
    .org_domain = S("a.test"),
    .record_domain = S("a.test"),
    .dkim_aligned = true};
static const struct hk_dmarc_verdict dmarc_fail = {.result = HK_DMARC_FAIL,
    .policy = HK_DMARC_P_REJECT,
    .disposition = HK_DMARC_P_REJECT,
    .author_domain = S("x.test"),
    .org_domain = S("x.test"),
    .record_domain = S("x.test"),
    .reason = S("SPF not aligned (relaxed), DKIM not aligned (relaxed)")};

/* S0-060 */
static void rspamd_style_spf_pass(void **state)
{
	(void)state;
	assert_string_equal(written(&(struct hk_authres_input){.size = sizeof(struct hk_authres_input), .authserv_id = S("spf.mx.b.test"),
	                        .style = HK_AUTHRES_RSPAMD,
	                        .client = ip("10.255.1.20"),
	                        .spf = &spf_pass}),
	    "Authentication-Results: spf.mx.b.test;\r\n\tspf=pass (spf.mx.b.test: domain of "
	    "user1@a.test designates 10.255.1.20 as "
	    "permitted sender) smtp.mailfrom=user1@a.test\r\n");
}

/* S0-061 S0-067 */
static void rspamd_style_spf_fail(void **state)
{
	(void)state;
	assert_string_equal(written(&(struct hk_authres_input){.size = sizeof(struct hk_authres_input), .authserv_id = S("spf.mx.b.test"),
	                        .style = HK_AUTHRES_RSPAMD,
	                        .client = ip("10.255.24.20"),
	                        .spf = &spf_fail}),
	    "Authentication-Results: spf.mx.b.test;\r\n\tspf=fail (spf.mx.b.test: domain of "
	    "user1@a.test does not designate 10.255.24.20 as "
	    "permitted sender) smtp.mailfrom=user1@a.test\r\n");
}

/* S0-062 */
static void rspamd_style_dkim_pass(void **state)
{
	(void)state;
	assert_string_equal(written(&(struct hk_authres_input){.size = sizeof(struct hk_authres_input), .authserv_id = S("dkim.mx.b.test"),
	                        .style = HK_AUTHRES_RSPAMD,
	                        .print_dkim = true,
	                        .dkim = ONE(dkim_pass),
	                        .n_dkim = 1}),
	    "Authentication-Results: dkim.mx.b.test;\r\n\tdkim=pass header.d=pass.dkim.a.test "
	    "header.s=smtpbook header.b=HXOHX5f4\r\n");
}

/* S0-063 */
static void rspamd_style_dkim_fail_quotes_what_is_no_token(void **state)
{
	struct hk_dkim_verdict body = dkim_fail;

	(void)state;
	assert_string_equal(written(&(struct hk_authres_input){.size = sizeof(struct hk_authres_input), .authserv_id = S("dkim.mx.b.test"),
	                        .style = HK_AUTHRES_RSPAMD,
	                        .print_dkim = true,
	                        .dkim = ONE(dkim_fail),
	                        .n_dkim = 1}),
	    "Authentication-Results: dkim.mx.b.test;\r\n\tdkim=fail (\"headers rsa verify "
	    "failed\") header.d=fail.dkim.a.test "
	    "header.s=smtpbook header.b=\"UUjtdzq/\"\r\n");
	body.body_hash_ok = false;
	body.reason = HK_S("body hash mismatch");
	assert_string_equal(written(&(struct hk_authres_input){.size = sizeof(struct hk_authres_input), .authserv_id = S("h"),
	                        .style = HK_AUTHRES_RSPAMD,
	                        .print_dkim = true,
	                        .dkim = ONE(body),
	                        .n_dkim = 1}),
	    "Authentication-Results: h;\r\n\tdkim=fail (\"body hash did not verify\") "
	    "header.d=fail.dkim.a.test "
	    "header.s=smtpbook header.b=\"UUjtdzq/\"\r\n");
}

/* S0-064 S0-065 */
static void rspamd_style_writes_dkim_spf_dmarc_in_that_order(void **state)
{
	static const struct hk_spf_verdict spf = SPF_A(HK_SPF_PASS, "user1@pass.dkim.a.test");
	struct hk_dkim_verdict d = dkim_pass;

	(void)state;
	d.b = HK_S("F6rlfsvSbuyA");
	assert_string_equal(written(&(struct hk_authres_input){.size = sizeof(struct hk_authres_input), .authserv_id = S("dmarc.mx.b.test"),
	                        .style = HK_AUTHRES_RSPAMD,
	                        .client = ip("10.255.1.21"),
	                        .spf = &spf,
	                        .print_dkim = true,
	                        .dkim = ONE(d),
	                        .n_dkim = 1,
	                        .dmarc = &dmarc_pass}),
	    "Authentication-Results: dmarc.mx.b.test;\r\n"
	    "\tdkim=pass header.d=pass.dkim.a.test header.s=smtpbook header.b=F6rlfsvS;\r\n"
	    "\tspf=pass (dmarc.mx.b.test: domain of user1@pass.dkim.a.test designates 10.255.1.21 "
	    "as permitted sender) "
	    "smtp.mailfrom=user1@pass.dkim.a.test;\r\n"
	    "\tdmarc=pass (policy=quarantine) header.from=a.test\r\n");
}

/* S0-066 */
static void rspamd_style_dmarc_fail(void **state)
{
	(void)state;
	assert_string_equal(written(&(struct hk_authres_input){.size = sizeof(struct hk_authres_input), .authserv_id = S("dmarc.mx.b.test"),
	                        .style = HK_AUTHRES_RSPAMD,
	                        .dmarc = &dmarc_fail}),
	    "Authentication-Results: dmarc.mx.b.test;\r\n"
	    "\tdmarc=fail reason=\"SPF not aligned (relaxed), DKIM not aligned (relaxed)\" "
	    "header.from=x.test (policy=reject)\r\n");
}

static void rspamd_style_other_results(void **state)
{
	static const struct {
		enum hk_spf_result result;
		const char *text;
	} cases[] = {
	    {HK_SPF_NEUTRAL,
	        "neutral (H: 192.0.2.1 is neither permitted nor denied by domain of u@a.test)"},
	    {HK_SPF_SOFTFAIL,
	        "softfail (H: 192.0.2.1 is neither permitted nor denied by domain of u@a.test)"},
	    {HK_SPF_PERMERROR,
	        "permerror (H: domain of u@a.test uses mechanism not recognized by this client)"},
	    {HK_SPF_TEMPERROR,
	        "temperror (H: error in processing during lookup of u@a.test: DNS error)"},
	    {HK_SPF_NONE, "none (H: domain of u@a.test has no SPF policy when checking 192.0.2.1)"},
	};
	struct hk_dmarc_verdict none = {.result = HK_DMARC_NONE, .author_domain = S("a.test")};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hk_spf_verdict v = SPF_A(HK_SPF_PASS, "u@a.test");
		char want[256];

		v.result = cases[i].result;
		snprintf(want, sizeof want,
		    "Authentication-Results: H;\r\n\tspf=%s smtp.mailfrom=u@a.test\r\n",
		    cases[i].text);
		assert_string_equal(written(&(struct hk_authres_input){.size = sizeof(struct hk_authres_input), .authserv_id = S("H"),
		                        .style = HK_AUTHRES_RSPAMD,
		                        .client = ip("192.0.2.1"),
		                        .spf = &v}),
		    want);
	}
	assert_string_equal(written(&(struct hk_authres_input){.size = sizeof(struct hk_authres_input), .authserv_id = S("H"),
	                        .style = HK_AUTHRES_RSPAMD,
	                        .print_dkim = true,
	                        .dmarc = &none}),
	    "Authentication-Results: H;\r\n\tdkim=none;\r\n\tdmarc=none\r\n");
}

static void a_null_sender_is_named_by_its_helo_rfc_8601_2_7_2(void **state)
{
	struct hk_spf_verdict v = SPF_A(HK_SPF_PASS, "postmaster@mx.a.test");
	const char *text;

	(void)state;
	v.is_helo = true;
	text = written(&(struct hk_authres_input){.size = sizeof(struct hk_authres_input),
	    .authserv_id = S("H"), .client = ip("192.0.2.1"), .helo = S("mx.a.test"), .spf = &v});
	assert_string_equal(
	    text, "Authentication-Results: H;\r\n\tspf=pass smtp.helo=mx.a.test\r\n");
}

/* E-04 */
static void rfc_style_names_the_author_domain_and_the_policy_rfc_9989_9_1(void **state)
{
	struct hk_dmarc_verdict test = dmarc_fail;

	(void)state;
	assert_string_equal(
	    written(&(struct hk_authres_input){.size = sizeof(struct hk_authres_input), .authserv_id = S("H"), .dmarc = &dmarc_pass}),
	    "Authentication-Results: H;\r\n\tdmarc=pass header.from=pass.dkim.a.test "
	    "policy.dmarc=quarantine\r\n");
	assert_string_equal(written(&(struct hk_authres_input){.size = sizeof(struct hk_authres_input), .authserv_id = S("H"),
	                        .client = ip("192.0.2.1"),
	                        .spf = &(struct hk_spf_verdict){.result = HK_SPF_FAIL,
	                            .sender = S("u@a.test"),
	                            .domain = S("a.test"),
	                            .mechanism = S("-all")}}),
	    "Authentication-Results: H;\r\n\tspf=fail (192.0.2.1: -all of a.test) "
	    "smtp.mailfrom=u@a.test\r\n");
	test.testing = true;
	assert_string_equal(
	    written(&(struct hk_authres_input){.size = sizeof(struct hk_authres_input), .authserv_id = S("H"), .dmarc = &test}),
	    "Authentication-Results: H;\r\n\tdmarc=fail reason=\"SPF not aligned (relaxed), DKIM "
	    "not aligned (relaxed)\" "
	    "header.from=x.test policy.dmarc=quarantine\r\n");
	assert_string_equal(
	    written(&(struct hk_authres_input){.size = sizeof(struct hk_authres_input),
	        .authserv_id = S("H"), .print_dkim = true, .dkim = ONE(dkim_fail), .n_dkim = 1}),
	    "Authentication-Results: H;\r\n\tdkim=fail reason=\"signature mismatch\" "
	    "header.d=fail.dkim.a.test header.s=smtpbook "
	    "header.a=rsa-sha256 header.b=\"UUjtdzq/\"\r\n");
}

static void nothing_is_written_as_none_rfc_8601_2_2(void **state)
{
	(void)state;
	assert_string_equal(written(&(struct hk_authres_input){.size = sizeof(struct hk_authres_input), .authserv_id = S("mx.b.test")}),
	    "Authentication-Results: mx.b.test; none\r\n");
}

/* ---- injection --------------------------------------------------------------------------------
 */

/* An own reading of RFC 8601 2.2: how many results there are, or -1 where the text breaks a rule.
 */
static int count_results(const char *text)
{
	size_t line = 0, depth = 0, i, n = strlen(text);
	bool quoted = false;
	int results = 0;

	for (i = 0; i < n; i++, line++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '\r') {
			if (text[i + 1] != '\n' || quoted || depth || line > 998)
				return -1;
			if (i + 2 == n)
				return results;
			if (text[i + 2] != '\t')
				return -1;
			i += 2;
			line = 0;
			continue;
		}
		if (c < 0x20 || c > 0x7e)
			return -1;
		if (c == '\\' && (quoted || depth))
			i++;
		else if (c == '"' && !depth)
			quoted = !quoted;
		else if (c == '(' && !quoted)
			depth++;
		else if (c == ')' && !quoted && depth-- == 0)
			return -1;
		else if (c == ';' && !quoted && !depth)
			results++;
	}
	return -1;
}

static struct hk_slice hostile(unsigned *seed, uint8_t bytes[600])
{
	static const char nasty[] = "();\"\\\r\n\t \x00=@,.<>a1/%\x7f\x80\xff";
	size_t n, i;

	*seed = *seed * 1103515245u + 12345u;
	n = (*seed >> 16) % ((*seed >> 8) % 7 ? 24 : 600);
	for (i = 0; i < n; i++) {
		*seed = *seed * 1103515245u + 12345u;
		bytes[i] = (*seed >> 16) & 1 ? (uint8_t)nasty[(*seed >> 17) % (sizeof nasty - 1)]
		                             : (uint8_t)(*seed >> 20);
	}
	return hk_slice_of(bytes, n);
}

/* SEC-69 SEC-60 AP-23 AP-35 */
static void no_byte_from_outside_ends_a_value_a_comment_or_a_line(void **state)
{
	static uint8_t bytes[14][600];
	unsigned seed = 1;
	int round;

	(void)state;
	for (round = 0; round < 4000; round++) {
		struct hk_spf_verdict spf = {.result = (enum hk_spf_result)(round % 7)};
		struct hk_dkim_verdict dkim = {
		    .result = (enum hk_dkim_result)(round % 7), .body_hash_ok = round & 8};
		struct hk_dmarc_verdict dmarc = {.result = (enum hk_dmarc_result)(round % 5)};
		struct hk_authres_input in = {.size = sizeof in, .client = ip(round & 16 ? "192.0.2.1" : ""),
		    .style = round & 1 ? HK_AUTHRES_RFC : HK_AUTHRES_RSPAMD,
		    .spf = &spf,
		    .print_dkim = true,
		    .dkim = ONE(dkim),
		    .n_dkim = 1,
		    .dmarc = &dmarc};
		struct hk_slice *const field[] = {&in.authserv_id, &in.helo, &spf.sender,
		    &spf.reason, &spf.mechanism, &spf.domain, &dkim.d, &dkim.s, &dkim.a, &dkim.b,
		    &dkim.reason, &dmarc.author_domain, &dmarc.record_domain, &dmarc.reason};
		size_t i;

		spf.is_helo = round & 2;
		for (i = 0; i < sizeof field / sizeof field[0]; i++)
			*field[i] = hostile(&seed, bytes[i]);
		if (count_results(written(&in)) != 3)
			fail_msg("round %d: %s", round, written(&in));
	}
}

static void a_mailbox_that_is_no_plain_word_is_quoted(void **state)
{
	static const struct {
		struct hk_slice sender;
		const char *text;
	} cases[] = {
	    {S("any@legit(a.attack"), "\"any@legit(a.attack\""},
	    {S("legit.com'@any.attack"), "legit.com'@any.attack"},
	    {S("\"a b\"@x.test"), "\"\\\"a b\\\"@x.test\""},
	    {S("a;spf=pass@x.test"), "\"a;spf=pass@x.test\""},
	    {S("a..b@x.test"), "\"a..b@x.test\""},
	    {S("a\r\nX: y@x.test"), "\"a\\\\x0D\\\\x0AX: y@x.test\""},
	    {S("u+tag=x@x.test"), "u+tag=x@x.test"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hk_spf_verdict v = {.result = HK_SPF_NONE, .sender = cases[i].sender};
		char want[256];

		snprintf(want, sizeof want,
		    "Authentication-Results: H;\r\n\tspf=none smtp.mailfrom=%s\r\n", cases[i].text);
		assert_string_equal(
		    written(&(struct hk_authres_input){.size = sizeof(struct hk_authres_input), .authserv_id = S("H"), .spf = &v}), want);
	}
}

/* ---- the forged ones
 * ------------------------------------------------------------------------------ */

static bool ours(struct hk_slice name, struct hk_slice value)
{
	return hk_authres_is_ours(
	    &(struct hk_field){.name = name, .value = value}, HK_S("dmarc.mx.b.test"));
}

/* S0-068 SEC-70 */
static void a_forged_field_is_found_in_every_dress_rfc_8601_5(void **state)
{
	static const struct hk_slice names[] = {S("Authentication-Results"),
	    S("authentication-results"), S("AUTHENTICATION-RESULTS"),
	    S("Authentication-Results \t")};
	static const struct hk_slice before[] = {S(""), S(" "), S("\t"), S("\r\n "), S("\r\n\t"),
	    S(" (comment)"), S("(a(b)c) "), S(" (\\)\\() "), S("(\r\n ;dmarc=pass;)\r\n\t"),
	    S(" (a)(b) (c)")};
	static const struct hk_slice ids[] = {S("dmarc.mx.b.test"), S("DMARC.mx.B.test"),
	    S("dmarc.mx.b.test."), S("\"dmarc.mx.b.test\""), S("\"dmarc\\.mx.b.test\""),
	    S("\"dmarc.\r\nmx.b.test\""), S("\"dmarc.\\\r\nmx.b.test\""), S("\" dmarc.mx.b.test\""), S("\"\tdmarc.mx.b.test\\ \"")};
	static const struct hk_slice after[] = {S(";\r\n\tdkim=pass"), S(" ; none"),
	    S(" 1; spf=pass"), S("(c) 1 (d); x=y"), S(""), S(" \r\n "), S("(a;b);"),
	    S(" (unclosed"), S("\r\n\t1;")};
	size_t i, k, l, m, tested = 0;

	(void)state;
	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		for (k = 0; k < sizeof before / sizeof before[0]; k++) {
			for (l = 0; l < sizeof ids / sizeof ids[0]; l++) {
				for (m = 0; m < sizeof after / sizeof after[0]; m++) {
					char text[256];
					int n = snprintf(text, sizeof text, "%.*s%.*s%.*s",
					    HK_FMT(before[k]), HK_FMT(ids[l]), HK_FMT(after[m]));

					if (!ours(names[i], hk_slice_of(text, (size_t)n)))
						fail_msg("%s", text);
					tested++;
				}
			}
		}
	}
	assert_int_equal(tested, 4 * 10 * 9 * 9);
}

/* A reader that trims would find our id behind any number of blanks. */
static void no_number_of_blanks_hides_our_id(void **state)
{
	char text[2048];
	int n;

	(void)state;
	for (n = 0; n < 600; n += 50) {
		int length = snprintf(text, sizeof text, "\"%*s%*s\"; dmarc=pass", n + 15, "dmarc.mx.b.test", n, "");

		assert_true(ours(HK_S("Authentication-Results"), hk_slice_of(text, (size_t)length)));
	}
}

static void what_cannot_be_read_is_taken_for_ours(void **state)
{
	static const struct hk_slice values[] = {S(""), S(" "), S(";"), S(" ; spf=pass"),
	    S("(unclosed"), S("\"unclosed"), S("\"unclosed\\"), S("spf=pass smtp.mailfrom=a.test"),
	    S("a@b; none"), S("a/b; none"), S("a.test spf=pass"), S("\x01"), S("\0;"),
	    S("\"\"; none"), S("other.test\0; none"), S("\\"), S("(\\")};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof values / sizeof values[0]; i++)
		if (!ours(HK_S("Authentication-Results"), values[i]))
			fail_msg("case %zu", i);
}

static void the_fields_of_others_stay(void **state)
{
	static const struct {
		struct hk_slice name, value;
	} cases[] = {
	    {S("Authentication-Results"), S(" mx.b.test; dmarc=pass")},
	    {S("Authentication-Results"),
	        S(" spf.mx.b.test;\r\n\tspf=pass (dmarc.mx.b.test: domain of x)")},
	    {S("Authentication-Results"), S(" dmarc.mx.b.test.evil; none")},
	    {S("Authentication-Results"), S(" xdmarc.mx.b.test 1; none")},
	    {S("Authentication-Results"), S(" (dmarc.mx.b.test) other.test; none")},
	    {S("Authentication-Results"), S(" \xe3\x81\x82.test; none")},
	    {S("ARC-Authentication-Results"), S(" i=1; dmarc.mx.b.test; none")},
	    {S("X-Authentication-Results"), S(" dmarc.mx.b.test; none")},
	    {S("Subject"), S(" dmarc.mx.b.test; none")},
	    {S(""), S(" dmarc.mx.b.test; none")},
	};
	static char big[2000];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (ours(cases[i].name, cases[i].value))
			fail_msg("case %zu", i);
	memset(big, 'a', sizeof big);
	assert_false(ours(HK_S("Authentication-Results"), hk_slice_of(big, sizeof big)));
}

/* The Authentication-Results field at the top of a message that others wrote. */
static bool top_field(const char *file, char text[2048], struct hk_field *ret)
{
	const char *root = getenv("HIKYAKU_VECTORS");
	char path[512], line[1024];
	size_t n = 0;
	FILE *f;

	snprintf(
	    path, sizeof path, "%s/authres-lieser/%s", root ? root : "../shared/vectors", file);
	f = fopen(path, "rb");
	if (!f)
		return false;
	while (fgets(line, sizeof line, f)) {
		bool first = strncmp(line, "Authentication-Results:", 23) == 0;

		if (n && line[0] != ' ' && line[0] != '\t')
			break;
		if (n || first)
			n += (size_t)snprintf(
			    text + n, 2048 - n, "%.*s\r\n", (int)strcspn(line, "\r\n"), line);
	}
	fclose(f);
	assert_true(n > 23);
	*ret = (struct hk_field){
	    .name = HK_S("Authentication-Results"), .value = hk_slice_of(text + 23, n - 25)};
	return true;
}

static void fields_that_others_wrote_are_told_apart(void **state)
{
	static const struct {
		const char *file;
		bool readable;
	} cases[] = {
	    {"alignment-auid_not_in_sdid.eml", true},
	    {"dkim-unknown_result.eml", true},
	    {"fakePayPal.eml", true},
	    {"multiple_arh-newest_no_authserv.eml", false},
	    {"multiple_arh-newest_no_result.eml", true},
	    {"multiple_arh-newest_parsing_error_01.eml", true},
	    {"multiple_arh-newest_parsing_error_02.eml", false},
	    {"multiple_arh-newest_unknown_method.eml", true},
	    {"multiple_dkim_results.eml", true},
	    {"rfc6376-A.2-arh-valid.eml", true},
	};
	char text[2048];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hk_field field;

		if (!top_field(cases[i].file, text, &field))
			skip();
		if (!hk_authres_is_ours(&field, HK_S("Example.NET")) ||
		    hk_authres_is_ours(&field, HK_S("unrelated.com")) == cases[i].readable)
			fail_msg("%s", cases[i].file);
		print_message("# vector authres-lieser/%s\n", cases[i].file);
	}
}

/* AP-24: two thousand fields, each a few octets, would make a field of ours that no relay
 * takes. */
static void of_the_signatures_over_the_limit_ten_are_named(void **state)
{
	static struct hk_dkim_verdict many[40];
	const struct hk_dkim_verdict *all[40];
	const char *at;
	size_t i, over = 0, passed = 0;

	(void)state;
	for (i = 0; i < 40; i++) {
		all[i] = &many[i];
		many[i] = i % 4 == 3 ? dkim_pass
		                     : (struct hk_dkim_verdict){.result = HK_DKIM_NEUTRAL,
		                           .reason = S("over the limit"),
		                           .is_over_limit = true};
	}
	at = written(&(struct hk_authres_input){.size = sizeof(struct hk_authres_input),
	    .authserv_id = S("h.test"), .print_dkim = true, .dkim = all, .n_dkim = 40});
	for (; *at; at++) {
		over += strncmp(at, "dkim=neutral", 12) == 0;
		passed += strncmp(at, "dkim=pass", 9) == 0;
	}
	assert_int_equal(over, HK_DKIM_MAX_SIGNATURES);
	assert_int_equal(passed, 10); /* all that were evaluated, wherever they stand */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rspamd_style_spf_pass),
	    cmocka_unit_test(rspamd_style_spf_fail),
	    cmocka_unit_test(rspamd_style_dkim_pass),
	    cmocka_unit_test(rspamd_style_dkim_fail_quotes_what_is_no_token),
	    cmocka_unit_test(rspamd_style_writes_dkim_spf_dmarc_in_that_order),
	    cmocka_unit_test(rspamd_style_dmarc_fail),
	    cmocka_unit_test(rspamd_style_other_results),
	    cmocka_unit_test(a_null_sender_is_named_by_its_helo_rfc_8601_2_7_2),
	    cmocka_unit_test(rfc_style_names_the_author_domain_and_the_policy_rfc_9989_9_1),
	    cmocka_unit_test(nothing_is_written_as_none_rfc_8601_2_2),
	    cmocka_unit_test(no_byte_from_outside_ends_a_value_a_comment_or_a_line),
	    cmocka_unit_test(a_mailbox_that_is_no_plain_word_is_quoted),
	    cmocka_unit_test(a_forged_field_is_found_in_every_dress_rfc_8601_5),
	    cmocka_unit_test(no_number_of_blanks_hides_our_id),
	    cmocka_unit_test(what_cannot_be_read_is_taken_for_ours),
	    cmocka_unit_test(the_fields_of_others_stay),
	    cmocka_unit_test(fields_that_others_wrote_are_told_apart),
	    cmocka_unit_test(of_the_signatures_over_the_limit_ten_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
