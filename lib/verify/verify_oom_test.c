/* SPDX-License-Identifier: MIT
 *
 * A whole verification, its record, its replay and its report with memory running out
 * (tests/oom.h). SPF, DKIM, DMARC and ARC run here as the daemon runs them.
 */
#include <hikyaku/arc.h>
#include <hikyaku/authres.h>
#include <hikyaku/explain.h>
#include <hikyaku/verify.h>

#include "tests/unit.h"

static const char zone_text[] =
    "a.test. TXT \"v=spf1 exists:%{ir}.%{v}.a.test include:b.test ptr mx:c.test -all "
    "exp=e.a.test\"\n"
    "b.test. TXT \"v=spf1 ip4:198.51.100.0/24 redirect=c.test\"\n"
    "c.test. TXT \"v=spf1 a ~all\"\nc.test. A 192.0.2.9\nc.test. MX 10 mx.c.test.\n"
    "mx.c.test. A 192.0.2.8\ne.a.test. TXT \"%{i} is not mine\"\n"
    "7.2.0.192.in-addr.arpa. PTR a.test.\na.test. A 192.0.2.7\n"
    "_dmarc.a.test. TXT \"v=DMARC1; p=reject; sp=quarantine; aspf=s\"\n"
    "_dmarc.test. TXT \"v=DMARC1; psd=y\"\n";

static const char header_text[] =
    "From: A <a@a.test>\r\nTo: b@b.test\r\nSubject: feet\r\n"
    "Date: Mon, 11 Nov 2024 13:59:30 +0000\r\nMessage-ID: <1@a.test>\r\n";
static const char body_text[] = "Flying  feet \r\n\r\nrun.\r\n\r\n\r\n";
enum { NOW = 1731333570 };

static struct {
	struct hk_arena arena;
	struct hk_private_key *rsa, *ed25519;
	struct hk_buf zone_text,
	    header; /* the header is signed twice, then spoilt for one of them */
	struct hk_zone *zone;
} world;

/* One signature over the text, with its field on top of *out. */
static enum hk_status sign(const struct hk_private_key *key, const char *selector,
    struct hk_slice section, struct hk_buf *out)
{
	struct hk_dkim_sign_options o = {.size = sizeof o,
	    .d = HK_S("a.test"),
	    .s = hk_slice_str(selector),
	    .alg = hk_private_key_alg(key),
	    .header_canon = HK_CANON_RELAXED,
	    .body_canon = HK_CANON_RELAXED,
	    .now = NOW};
	struct hk_header header;
	struct hk_dkim_sign *s = NULL;
	uint8_t signature[HK_SIGNATURE_MAX];
	size_t n = sizeof signature;
	enum hk_status status;
	struct hk_slice digest;
	struct hk_arena a;

	hk_arena_init(&a, 1 << 20);
	status = hk_header_parse(&a, section, &header);
	if (status == HK_OK)
		s = hk_dkim_sign_new(&a, &o, &header);
	if (status == HK_OK && !s)
		status = HK_NOMEM;
	if (status == HK_OK) {
		hk_dkim_sign_body(s, hk_slice_str(body_text));
		status = hk_dkim_sign_end(s, &digest);
	}
	if (status == HK_OK)
		status = hk_sign_digest(key, digest, signature, &n);
	if (status == HK_OK)
		status = hk_dkim_sign_finish(s, hk_slice_of(signature, n), out);
	hk_dkim_sign_done(s);
	hk_arena_done(&a);
	return status;
}

static enum hk_status publish(const struct hk_private_key *key, const char *selector)
{
	struct hk_buf record;
	struct hk_slice rest;
	enum hk_status status;

	hk_buf_init(&record, 4096);
	status = hk_dkim_record_add(key, hk_private_key_alg(key), &record);
	hk_buf_addf(&world.zone_text, "%s._domainkey.a.test. TXT", selector);
	for (rest = hk_buf_slice(&record); rest.n; rest = hk_slice_from(rest, 200))
		hk_buf_addf(&world.zone_text, " \"%.*s\"", HK_FMT(hk_slice_sub(rest, 0, 200)));
	hk_buf_add_str(&world.zone_text, "\n");
	hk_buf_done(&record);
	return status;
}

static int make_world(void **state)
{
	(void)state;
	hk_arena_init(&world.arena, 4 << 20);
	hk_buf_init(&world.zone_text, 65536);
	hk_buf_init(&world.header, 65536);
	hk_buf_add_str(&world.zone_text, zone_text);
	if (hk_private_key_new(HK_SIGN_RSA_SHA256, 1024, &world.rsa) != HK_OK ||
	    hk_private_key_new(HK_SIGN_ED25519_SHA256, 0, &world.ed25519) != HK_OK ||
	    publish(world.rsa, "r") != HK_OK || publish(world.ed25519, "e") != HK_OK ||
	    sign(world.rsa, "r", hk_slice_str(header_text), &world.header) != HK_OK ||
	    sign(world.ed25519, "e", HK_S("From: a@a.test\r\nSubject: else\r\n"), &world.header) !=
	        HK_OK)
		return 1;
	hk_buf_add_str(&world.header, header_text);
	return hk_zone_parse(&world.arena, hk_buf_slice(&world.zone_text), &world.zone, NULL);
}

static int free_world(void **state)
{
	(void)state;
	hk_private_key_free(world.rsa);
	hk_private_key_free(world.ed25519);
	hk_buf_done(&world.zone_text);
	hk_buf_done(&world.header);
	hk_arena_done(&world.arena);
	return 0;
}

static enum hk_status answer_all(struct hk_verify *v, struct hk_arena *a)
{
	struct hk_dns_question q;
	struct hk_dns_answer answer;
	enum hk_status status;

	while ((status = hk_verify_step(v)) == HK_AGAIN) {
		if (!hk_verify_question(v, &q))
			return HK_BUG;
		status = hk_zone_answer(world.zone, a, &q, &answer);
		if (status == HK_OK)
			status = hk_verify_answer(v, &answer);
		if (status != HK_OK)
			return status;
	}
	return status;
}

static enum hk_status verify(const char *client, struct hk_arena *a, struct hk_verify **ret)
{
	struct hk_verify_input in = {.size = sizeof in,
	    .checks = HK_CHECK_SPF | HK_CHECK_DKIM | HK_CHECK_DMARC,
	    .helo = HK_S("mx.a.test"),
	    .mail_from = HK_S("u@a.test"),
	    .has_mail_from = true,
	    .authserv_id = HK_S("mx.b.test"),
	    .now = NOW,
	    .min_rsa_bits = 1024};
	enum hk_status status = hk_ip_parse(hk_slice_str(client), &in.client);

	*ret = status == HK_OK ? hk_verify_new(a, &in) : NULL;
	if (!*ret)
		return HK_NOMEM;
	status = hk_verify_header(*ret, hk_buf_slice(&world.header));
	if (status != HK_OK)
		return status;
	hk_verify_body(*ret, hk_slice_str(body_text));
	hk_verify_end(*ret);
	return answer_all(*ret, a);
}

/* A verdict that says "not now" is no wrong one, whatever else stands in its line. */
static void tell(const struct hk_verify *v, struct hk_buf *out)
{
	const struct hk_verify_verdict *r = hk_verify_result(v);
	size_t i;

	hk_buf_addf(out, "%s spf %u %u %.*s\n", hk_spf_result_name(r->spf->result), r->spf->lookups,
	    r->spf->voids, HK_FMT(r->spf->explanation));
	for (i = 0; i < r->n_dkim; i++)
		hk_buf_addf(out, "%s dkim %zu %.*s %.*s\n", hk_dkim_result_name(r->dkim[i]->result),
		    i, HK_FMT(r->dkim[i]->d), HK_FMT(r->dkim[i]->reason));
	hk_buf_addf(out, "%s dmarc %s %s %.*s\n", hk_dmarc_result_name(r->dmarc->result),
	    hk_dmarc_policy_name(r->dmarc->policy), hk_dmarc_policy_name(r->dmarc->disposition),
	    HK_FMT(r->dmarc->org_domain));
	hk_buf_addf(out, "author %.*s\n", HK_FMT(r->author_domain));
}

static enum hk_status verify_and_tell(const char *client, struct hk_buf *out)
{
	struct hk_verify *v = NULL;
	enum hk_status status;
	struct hk_arena a;

	hk_arena_init(&a, 2 * HK_VERIFY_ARENA);
	status = verify(client, &a, &v);
	oom_disarm();
	if (status == HK_OK)
		tell(v, out);
	hk_verify_done(v);
	hk_arena_done(&a);
	return status;
}

static enum hk_status from_its_own_host(struct hk_buf *out)
{
	return verify_and_tell("192.0.2.7", out);
}

static enum hk_status from_a_stranger(struct hk_buf *out)
{
	return verify_and_tell("203.0.113.1", out);
}

static enum hk_status record_and_replay(struct hk_buf *out)
{
	struct hk_verify *v = NULL, *again = NULL;
	enum hk_status status;
	struct hk_arena a;
	struct hk_buf record;

	oom_disarm();
	hk_arena_init(&a, 4 * HK_VERIFY_ARENA);
	hk_buf_init(&record, HK_VERIFY_RECORD_MAX);
	status = verify("192.0.2.7", &a, &v);
	oom_rearm();
	if (status == HK_OK) {
		hk_verify_record_format(v, &record);
		status = hk_buf_status(&record);
	}
	if (status == HK_OK)
		status = hk_verify_replay(&a, hk_buf_slice(&record), &again);
	oom_disarm();
	if (status == HK_OK)
		tell(again, out);
	hk_verify_done(again);
	hk_verify_done(v);
	hk_buf_done(&record);
	hk_arena_done(&a);
	return status;
}

static enum hk_status report(struct hk_buf *out)
{
	struct hk_explain_options o = {
	    .size = sizeof o, .language = HK_JAPANESE, .show_body = true, .body = HK_S("x\r\n")};
	struct hk_buf text, json;
	struct hk_verify *v = NULL;
	enum hk_status status;
	struct hk_arena a;

	oom_disarm();
	hk_arena_init(&a, 2 * HK_VERIFY_ARENA);
	hk_buf_init(&text, 1 << 20);
	hk_buf_init(&json, 1 << 20);
	status = verify("192.0.2.7", &a, &v);
	oom_rearm();
	if (status == HK_OK) {
		hk_explain_message(v, &o, &text);
		hk_explain_json(v, HK_S("x"), &json);
		status =
		    hk_buf_status(&text) != HK_OK ? hk_buf_status(&text) : hk_buf_status(&json);
	}
	oom_disarm();
	hk_buf_add(out, hk_buf_slice(&text));
	hk_buf_add(out, hk_buf_slice(&json));
	hk_verify_done(v);
	hk_buf_done(&text);
	hk_buf_done(&json);
	hk_arena_done(&a);
	return status;
}

static enum hk_status sign_the_message(struct hk_buf *out)
{
	enum hk_status status = sign(world.rsa, "r", hk_slice_str(header_text), out);

	oom_disarm();
	return status == HK_OK ? hk_buf_status(out) : status;
}

static void a_verdict_is_right_or_says_not_now(void **state)
{
	(void)state;
	oom_torture("its own host", from_its_own_host);
	oom_torture("a stranger", from_a_stranger);
}

static void a_replay_is_right_or_refused(void **state)
{
	(void)state;
	oom_torture("replay", record_and_replay);
}

static void a_report_is_whole_or_refused(void **state)
{
	(void)state;
	oom_torture("report", report);
}

static void a_signature_is_whole_or_none(void **state)
{
	(void)state;
	oom_torture("sign", sign_the_message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_verdict_is_right_or_says_not_now),
	    cmocka_unit_test(a_replay_is_right_or_refused),
	    cmocka_unit_test(a_report_is_whole_or_refused),
	    cmocka_unit_test(a_signature_is_whole_or_none),
	};

	return cmocka_run_group_tests(tests, make_world, free_world);
}
