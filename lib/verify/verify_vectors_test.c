/* SPDX-License-Identifier: MIT
 *
 * Messages of others' DMARC tests, and whole messages that a verdict has to come through.
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/message/vectors_test.h"
#include "verify_world_test.h"
#include "tests/unit.h"

/* ---- dmarc-authheaders: what its test_authentication.py expects, its records in zone text ---------------- */

static const char authheaders_zone[] =
    "_dmarc.example.com. TXT \"v=DMARC1; p=reject; rua=mailto:dmarc.reports@valimail.com,mailto:dmarc_agg@vali.email\"\n"
    "_dmarc.example.org. TXT \"v=DMARC1; p=none\"\n"
    "_dmarc.example.net. TXT \"v=DMARC1; p=none; sp=reject\"\n"
    "_dmarc.example.biz. TXT \"v=DMARC1; p=none; sp=quarantine; np=reject\"\n"
    "_dmarc.nop.example.org. TXT \"v=DMARC1; sp=quarantine; np=reject\"\n"
    "sub2.example.biz. A 192.0.2.1\n"
    "_dmarc.bad.example.com. TXT \"v=DMARC1; p=none; reject\"\n";

struct dmarc_case {
	const char *name, *file, *from; /* from: in place of the file */
	enum hk_dmarc_profile profile;
	enum hk_dkim_result dkim; /* of the first signature; NONE: not looked at */
	enum hk_dmarc_result result;
	enum hk_dmarc_policy policy;
	const char *author;
	const char *differs; /* what the set has otherwise, and why */
};

#define NONE HK_DKIM_NONE
#define NEW  HK_DMARC_RFC9989
#define OLD  HK_DMARC_RFC7489
static const struct dmarc_case authheaders[] = {
    {"dkim", "test.message_signed", NULL, NEW, HK_DKIM_PASS, HK_DMARC_PASS, HK_DMARC_P_REJECT, "example.com", NULL},
    {"dmarc", "test.message_signed", NULL, OLD, HK_DKIM_PASS, HK_DMARC_PASS, HK_DMARC_P_REJECT, "example.com", NULL},
    {"dmarc_bad", "test.bad.message", NULL, NEW, NONE, HK_DMARC_FAIL, HK_DMARC_P_NONE, "bad.example.com",
        "RFC 9989 4.8: a tag that is malformed is dropped, the record stands"},
    {"dmarc_nofrom", "test.nofrom.message", NULL, NEW, NONE, HK_DMARC_PERMERROR, HK_DMARC_P_NONE, "", NULL},
    /* from several domains: by RFC 7489 6.6.1, as that set has it */
    {"dmarc_mult_from", "test.message_multi", NULL, OLD, HK_DKIM_FAIL, HK_DMARC_FAIL, HK_DMARC_P_REJECT, "example.com", NULL},
    {"dmarc_mult_from2", "test.message_multi2", NULL, OLD, HK_DKIM_FAIL, HK_DMARC_FAIL, HK_DMARC_P_REJECT, "example.com", NULL},
    {"dmarc_sub", "test.message_sub", NULL, NEW, HK_DKIM_FAIL, HK_DMARC_FAIL, HK_DMARC_P_REJECT, "sub.example.net", NULL},
    {"dmarc_np1", "test.message_np1", NULL, NEW, NONE, HK_DMARC_FAIL, HK_DMARC_P_REJECT, "sub.example.biz", NULL},
    {"dmarc_np2", "test.message_np2", NULL, NEW, NONE, HK_DMARC_FAIL, HK_DMARC_P_QUARANTINE, "sub2.example.biz", NULL},
    {"dmarc_no_p", "test_nop.message", NULL, NEW, NONE, HK_DMARC_NONE, HK_DMARC_P_NONE, "nop.example.org", NULL},
    {"dmarc_comma", "testcomma.message", NULL, NEW, HK_DKIM_PASS, HK_DMARC_PASS, HK_DMARC_P_REJECT, "example.com", NULL},
    {"get_domain_part 1", NULL, "test@example.com", NEW, NONE, HK_DMARC_FAIL, HK_DMARC_P_REJECT, "example.com", NULL},
    {"get_domain_part 2", NULL, "\"Test, User\" <test@example.com>", NEW, NONE, HK_DMARC_FAIL, HK_DMARC_P_REJECT, "example.com", NULL},
    {"get_domain_part 3", NULL, "Test User <test@sub2.example.biz>", NEW, NONE, HK_DMARC_FAIL, HK_DMARC_P_QUARANTINE, "sub2.example.biz", NULL},
    {"get_domain_part 4", NULL, "=?UTF-8?B?QmVkIEJhdGggJiBCZXlvbmQ=?=<BdBth&Byond@example.com>", NEW, NONE, HK_DMARC_FAIL,
        HK_DMARC_P_REJECT, "example.com", NULL},
};

static void load_message(struct world *w, const char *set, const char *file)
{
	char name[128];

	snprintf(name, sizeof name, "%s/%s", set, file);
	hk_buf_reset(&w->message);
	if (!read_vector(name, true, &w->message)) {
		world_done(w);
		skip();
	}
}

static void check_case(struct world *w, const struct dmarc_case *c)
{
	struct hk_verify_input in = {.size = sizeof in,
	    .checks = HK_CHECK_DMARC | HK_CHECK_DKIM,
	    .authserv_id = HK_S("example.com"),
	    .now = 1640000000,
	    .dmarc_profile = c->profile};
	const struct hk_verify_verdict *v;

	if (c->file) {
		load_message(w, "dmarc-authheaders", c->file);
	} else {
		hk_buf_reset(&w->message);
		hk_buf_addf(&w->message, "From: %s\r\n\r\n", c->from);
	}
	assert_int_equal(world_run(w, &in, FORWARDS, 0, false), HK_OK);
	v = hk_verify_result(w->v);
	if (v->dmarc->result != c->result || v->dmarc->policy != c->policy ||
	    !hk_slice_eq(v->dmarc->author_domain, hk_slice_str(c->author)))
		fail_msg("%s: %s, policy %s, author %.*s", c->name, hk_dmarc_result_name(v->dmarc->result),
		    hk_dmarc_policy_name(v->dmarc->policy), HK_FMT(v->dmarc->author_domain));
	if (c->dkim != NONE)
		assert_int_equal(v->dkim[0]->result, c->dkim);
	if (c->differs)
		print_message("# differs dmarc-authheaders/%s | %s\n", c->name, c->differs);
	else
		print_message("# vector dmarc-authheaders/%s\n", c->name);
}

/* S2-030 */
static void every_vector_of_authheaders_holds(void **state)
{
	struct hk_buf key;
	struct world w;
	size_t i;

	(void)state;
	world_init(&w);
	hk_buf_init(&key, 65536);
	if (!read_vector("dmarc-authheaders/test.txt", false, &key)) {
		hk_buf_done(&key);
		world_done(&w);
		skip();
	}
	world_zone(&w, authheaders_zone);
	world_txt(&w, "test._domainkey.example.com", hk_slice_trim(hk_buf_slice(&key)));
	hk_buf_done(&key);
	for (i = 0; i < COUNT(authheaders); i++)
		check_case(&w, &authheaders[i]);
	world_done(&w);
}

/* ---- dmarc-spamassassin: its files are named by the policy; keys are not kept, so the body hash and SPF -- */

static void every_vector_of_spamassassin_passes_under_its_policy(void **state)
{
	static const struct {
		const char *file, *domain, *record;
		enum hk_dmarc_policy policy;
		bool strict;
	} cases[] = {
	    {"noneok.eml", "dmarc1", "p=none", HK_DMARC_P_NONE, false},
	    {"quarok.eml", "dmarc2", "p=quarantine", HK_DMARC_P_QUARANTINE, false},
	    {"rejectok.eml", "dmarc3", "p=reject", HK_DMARC_P_REJECT, false},
	    {"strictrejectok.eml", "dmarc4", "p=reject; aspf=s; adkim=s", HK_DMARC_P_REJECT, true},
	};
	struct world w;
	size_t i;

	(void)state;
	world_init(&w);
	for (i = 0; i < COUNT(cases); i++) {
		char zone[512], sender[128];
		struct hk_verify_input in = {.size = sizeof in,
		    .checks = HK_CHECK_DMARC | HK_CHECK_SPF | HK_CHECK_DKIM,
		    .has_mail_from = true,
		    .now = 1618328402,
		    .allow_sha1 = true};
		const struct hk_verify_verdict *v;

		snprintf(zone, sizeof zone, "%s.spamassassin.org. TXT \"v=spf1 ip4:64.142.3.173 -all\"\n"
		    "_dmarc.%s.spamassassin.org. TXT \"v=DMARC1; %s\"\n", cases[i].domain, cases[i].domain, cases[i].record);
		snprintf(sender, sizeof sender, "test@%s.spamassassin.org", cases[i].domain);
		in.mail_from = hk_slice_str(sender);
		in.helo = hk_slice_str(sender + 5);
		assert_int_equal(hk_ip_parse(HK_S("64.142.3.173"), &in.client), HK_OK);
		world_zone(&w, zone);
		load_message(&w, "dmarc-spamassassin", cases[i].file);
		assert_int_equal(world_run(&w, &in, FORWARDS, 0, false), HK_OK);
		v = hk_verify_result(w.v);
		assert_int_equal(v->n_dkim, 1);
		/* the last one's b= is not whole */
		assert_int_equal(v->dkim[0]->body_hash_ok, i + 1 < COUNT(cases));
		assert_int_equal(v->dmarc->result, HK_DMARC_PASS);
		assert_int_equal(v->dmarc->policy, cases[i].policy);
		assert_int_equal(v->dmarc->spf_strict, cases[i].strict);
		print_message("# vector dmarc-spamassassin/%s\n", cases[i].file);
	}
	world_done(&w);
}

/* ---- addr-james: whole messages ------------------------------------------------------------------------- */

static struct world *james;
static size_t james_seen;

/* What stands behind the last "@" of From, read without a parser; nothing where there is none. */
static struct hk_slice domain_at_sight(struct hk_slice value)
{
	struct hk_slice rest = hk_slice_from(value, hk_slice_rfind(value, '@') + 1);
	size_t n = hk_slice_find(rest, '>');

	return hk_slice_trim(hk_slice_sub(rest, 0, n));
}

/* The address that the set's own parser found in From, where it has a file of that. */
static bool has_same_address(const char *path, struct hk_slice domain)
{
	struct hk_slice text, address;
	char name[600];
	struct hk_buf b;
	bool same = true;
	char *at;

	snprintf(name, sizeof name, "%.*s.json", (int)(strlen(path) - 4), path);
	hk_buf_init(&b, 4 << 20);
	if (read_file(name, false, &b)) {
		hk_buf_add_byte(&b, 0);
		at = strstr((char *)b.p, "\"from\"");
		at = at ? strstr(at, "\"address\"") : NULL;
		assert_non_null(at);
		text = hk_slice_str(strchr(at + 9, '"') + 1);
		address = hk_slice_sub(text, 0, hk_slice_find(text, '"'));
		same = hk_slice_eq_nocase(domain, domain_at_sight(address));
	}
	hk_buf_done(&b);
	return same;
}

static int judge_mail(const char *path, const struct stat *info, int kind, struct FTW *where)
{
	struct hk_verify_input in = {.size = sizeof in, .checks = HK_CHECK_DMARC | HK_CHECK_ARC, .now = 1640000000};
	const struct hk_verify_verdict *v;
	struct hk_slice domain;

	(void)info;
	if (kind != FTW_F || !hk_slice_ends_nocase(hk_slice_str(path), HK_S(".eml")))
		return 0;
	hk_buf_reset(&james->message);
	assert_true(read_file(path, true, &james->message));
	assert_int_equal(world_run(james, &in, SHUFFLED, 997, false), HK_OK);
	v = hk_verify_result(james->v);
	domain = domain_at_sight(v->header_from);
	assert_int_equal(v->from_state == HK_FROM_ONE, domain.n > 0);
	if (!hk_slice_eq_nocase(v->author_domain, domain) || !has_same_address(path, domain))
		fail_msg("%s: %.*s", path, HK_FMT(v->author_domain));
	james_seen++;
	print_message("# vector addr-james/%s\n", path + where->base);
	return 0;
}

static void every_message_of_james_comes_to_a_verdict(void **state)
{
	struct world w;
	char path[512];
	int status;

	(void)state;
	vector_path(path, "addr-james");
	world_init(&w);
	world_zone(&w, "x.test. A 192.0.2.1\n");
	james = &w;
	status = nftw(path, judge_mail, 16, FTW_PHYS);
	world_done(&w);
	if (status != 0)
		skip();
	assert_true(james_seen > 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_vector_of_authheaders_holds),
	    cmocka_unit_test(every_vector_of_spamassassin_passes_under_its_policy),
	    cmocka_unit_test(every_message_of_james_comes_to_a_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
