/* SPDX-License-Identifier: MIT
 *
 * abi_test.c - structs that begin with their size, as an older and as a newer caller hands them over.
 * Linked with the shared library, so that it sees what a caller sees.
 */
#include <stdlib.h>

#include <hikyaku/arc.h>
#include <hikyaku/authres.h>
#include <hikyaku/explain.h>
#include <hikyaku/smtp.h>
#include <hikyaku/srs.h>

#include "tests/unit_arena.h"

static const struct hk_slice secret = {(const uint8_t *)"tops", 4};
static const struct hk_slice rcpt = {(const uint8_t *)"u@b.test", 8};

/* What a call made of the struct: OK, or why it was refused. */
static enum hk_status made(const void *object)
{
	return object ? HK_OK : arena.failed;
}

static enum hk_status spf(void *in)
{
	return made(hk_spf_new(&arena, in, NULL));
}

static enum hk_status dkim_verify(void *in)
{
	struct hk_header header = {0};
	struct hk_dkim_verify *v = hk_dkim_verify_new(&arena, in, &header, NULL);
	enum hk_status status = made(v);

	hk_dkim_verify_done(v);
	return status;
}

static enum hk_status dkim_sign(void *in)
{
	struct hk_header header = {0};
	struct hk_dkim_sign *s = hk_dkim_sign_new(&arena, in, &header);
	enum hk_status status = made(s);

	hk_dkim_sign_done(s);
	return status;
}

static enum hk_status arc_validate(void *in)
{
	struct hk_header header = {0};
	struct hk_arc_validate *v = hk_arc_validate_new(&arena, in, &header, NULL);
	enum hk_status status = made(v);

	hk_arc_validate_done(v);
	return status;
}

static enum hk_status arc_seal(void *in)
{
	struct hk_header header = {0};
	struct hk_arc_verdict none = {.cv = HK_ARC_NONE};
	struct hk_arc_seal *s = hk_arc_seal_new(&arena, in, &header, &none);
	enum hk_status status = made(s);

	hk_arc_seal_done(s);
	return status;
}

static enum hk_status verify(void *in)
{
	struct hk_verify *v = hk_verify_new(&arena, in);
	enum hk_status status = made(v);

	hk_verify_done(v);
	return status;
}

static enum hk_status explain(void *in)
{
	struct hk_verify_input input = {.size = sizeof input, .checks = HK_CHECK_SPF};
	struct hk_verify *v = hk_verify_new(&arena, &input);
	enum hk_status status;
	struct hk_buf out;

	assert_non_null(v);
	assert_int_equal(hk_verify_header(v, HK_S("From: u@a.test\r\n")), HK_OK);
	hk_verify_end(v);
	assert_int_equal(hk_verify_step(v), HK_OK);
	hk_buf_init(&out, 1 << 20);
	hk_explain_message(v, in, &out);
	status = hk_buf_status(&out);
	assert_true(status != HK_OK || out.n > 0);
	hk_buf_done(&out);
	hk_verify_done(v);
	return status;
}

static enum hk_status authres(void *in)
{
	enum hk_status status;
	struct hk_buf out;

	hk_buf_init(&out, 4096);
	hk_authres_format(in, &out);
	status = hk_buf_status(&out);
	hk_buf_done(&out);
	return status;
}

static enum hk_status srs(void *in)
{
	struct hk_srs_verdict verdict;

	return hk_srs_forward(in, HK_S("u@a.test"), 0, &arena, &verdict);
}

static enum hk_status smtpd(void *in)
{
	struct hk_smtpd *s = hk_smtpd_new(in);
	enum hk_status status = s ? HK_OK : HK_BUG;

	hk_smtpd_free(s);
	return status;
}

static enum hk_status smtpc(void *in)
{
	struct hk_smtpc *c = hk_smtpc_new(in);
	enum hk_status status = c ? HK_OK : HK_BUG;

	hk_smtpc_free(c);
	return status;
}

static struct hk_smtpc *ready_client(void)
{
	struct hk_smtpc_options options = {.size = sizeof options, .helo = HK_S("a.test")};
	struct hk_smtpc_event event = {.size = sizeof event};
	struct hk_smtpc *c = hk_smtpc_new(&options);

	assert_non_null(c);
	(void)hk_smtpc_feed(c, HK_S("220 b.test\r\n"));
	assert_int_equal(hk_smtpc_next(c, &event), HK_AGAIN);
	hk_smtpc_sent(c, hk_smtpc_out(c).n);
	(void)hk_smtpc_feed(c, HK_S("250 b.test\r\n"));
	return c;
}

static enum hk_status transaction(void *in)
{
	struct hk_smtpc_event event = {.size = sizeof event};
	struct hk_smtpc *c = ready_client();
	enum hk_status status;

	assert_int_equal(hk_smtpc_next(c, &event), HK_OK);
	assert_int_equal(event.type, HK_SMTPC_READY);
	status = hk_smtpc_start(c, in);
	hk_smtpc_free(c);
	return status;
}

static enum hk_status smtpc_event(void *ret)
{
	struct hk_smtpc *c = ready_client();
	enum hk_status status = hk_smtpc_next(c, ret);

	hk_smtpc_free(c);
	return status;
}

static enum hk_status smtpd_event(void *ret)
{
	struct hk_smtpd_options options = {.size = sizeof options, .hostname = HK_S("a.test")};
	struct hk_smtpd *s = hk_smtpd_new(&options);
	enum hk_status status;

	assert_non_null(s);
	(void)hk_smtpd_feed(s, HK_S("EHLO b.test\r\n"));
	status = hk_smtpd_next(s, ret);
	hk_smtpd_free(s);
	return status;
}

static enum hk_status dmarc_record(void *ret)
{
	return hk_dmarc_record_parse(HK_S("v=DMARC1; p=none"), ret);
}

/* Each such struct with all that makes it a good one, and how much of it the first caller ever had to have. */
static const struct sized {
	const char *name;
	enum hk_status (*call)(void *);
	const void *good;
	size_t size, least;
} all[] = {
#define ROW(call, type, last, ...)                                                                 \
	{#type, call, &(const struct type){.size = sizeof(struct type), __VA_ARGS__},              \
	    sizeof(struct type), offsetof(struct type, last) + sizeof((struct type){0}.last)}
    ROW(spf, hk_spf_input, helo, .helo = S("a.test")),
    ROW(dkim_verify, hk_dkim_verify_options, now, .now = 1),
    ROW(dkim_sign, hk_dkim_sign_options, alg, .d = S("a.test"), .s = S("s")),
    ROW(arc_validate, hk_arc_validate_options, now, .now = 1),
    ROW(arc_seal, hk_arc_seal_options, authserv_id, .d = S("a.test"), .s = S("s"), .authserv_id = S("a.test")),
    ROW(verify, hk_verify_input, checks, .checks = HK_CHECK_DMARC),
    ROW(explain, hk_explain_options, language, .language = HK_JAPANESE),
    ROW(authres, hk_authres_input, authserv_id, .authserv_id = S("a.test")),
    ROW(srs, hk_srs_config, domain, .secret = &secret, .n_secrets = 1, .domain = S("f.test")),
    ROW(smtpd, hk_smtpd_options, hostname, .hostname = S("a.test")),
    ROW(smtpc, hk_smtpc_options, helo, .helo = S("a.test")),
    ROW(transaction, hk_smtpc_transaction, n, .rcpt = &rcpt, .n = 1),
    ROW(smtpc_event, hk_smtpc_event, type, .type = HK_SMTPC_READY),
    ROW(smtpd_event, hk_smtpd_event, type, .type = HK_SMTPD_HELO),
    ROW(dmarc_record, hk_dmarc_record, text, .text = S("")),
};

/* A struct of n octets, with nothing behind it that may be touched, that says it has `said`. */
static void *of_size(const struct sized *s, size_t n, size_t said)
{
	uint8_t *p = malloc(n);

	assert_non_null(p);
	memset(p, 0xa5, n);
	memcpy(p, s->good, n < s->size ? n : s->size);
	memcpy(p, &said, sizeof said);
	return p;
}

static void check(const struct sized *s, size_t n, size_t said, enum hk_status want)
{
	void *p = of_size(s, n, said);
	enum hk_status status;
	size_t after;

	arena.failed = HK_OK;
	status = s->call(p);
	if (status != want)
		fail_msg("%s of %zu octets that says %zu: %s", s->name, n, said, hk_status_name(status));
	memcpy(&after, p, sizeof after);
	assert_int_equal(after, said);
	free(p);
}

static void an_older_callers_shorter_struct_works(void **state)
{
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(all); i++)
		for (n = all[i].least; n <= all[i].size; n++)
			check(&all[i], n, n, HK_OK);
}

static void a_newer_callers_longer_struct_works(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(all); i++)
		check(&all[i], all[i].size + 64, all[i].size + 64, HK_OK);
}

static void a_struct_without_its_size_is_refused(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(all); i++) {
		check(&all[i], all[i].size, 0, HK_BUG);
		check(&all[i], all[i].size, sizeof(size_t), HK_BUG);
	}
}

static void what_an_older_caller_does_not_have_is_the_default(void **state)
{
	/* the same octets, with and without check_helo */
	struct hk_spf_input in = {.size = sizeof in, .helo = HK_S("a.test"), .check_helo = true, .max_lookups = 1};
	struct hk_spf *now, *old;

	(void)state;
	now = hk_spf_new(&arena, &in, NULL);
	in.size = offsetof(struct hk_spf_input, check_helo);
	in.mail_from = HK_S("u@b.test");
	old = hk_spf_new(&arena, &in, NULL);
	assert_true(now && old);
	assert_true(hk_spf_result(now)->is_helo);
	assert_false(hk_spf_result(old)->is_helo);
	assert_text(hk_spf_result(old)->domain, "b.test");
}

static void what_a_newer_caller_has_more_is_zero(void **state)
{
	struct {
		struct hk_dmarc_record known;
		uint64_t more;
	} record = {.known.size = sizeof record, .more = 1};

	(void)state;
	assert_int_equal(hk_dmarc_record_parse(HK_S("v=DMARC1; p=reject"), &record.known), HK_OK);
	assert_int_equal(record.known.p, HK_DMARC_P_REJECT);
	assert_int_equal(record.more, 0);
	assert_int_equal(record.known.size, sizeof record);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(an_older_callers_shorter_struct_works),
	    TEST(a_newer_callers_longer_struct_works),
	    TEST(a_struct_without_its_size_is_refused),
	    TEST(what_an_older_caller_does_not_have_is_the_default),
	    TEST(what_a_newer_caller_has_more_is_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
