/* SPDX-License-Identifier: MIT
 *
 * Signatures that others made: the appendices of RFC 6376 and RFC 8463, and
 * the test sets of other implementations. Skipped where the vectors are not on this machine.
 */
#include <stdio.h>

#include <hikyaku/tags.h>

#include "lib/dkim/dkim_test_support.h"

static const struct hk_dkim_verify_options at_2023 = {.size = sizeof at_2023, .now = 1698100000};
static const struct hk_dkim_verify_options at_2026 = {.size = sizeof at_2026, .now = 1790000000};

/* Appendix C of RFC 6376 and A.2 of RFC 8463: what the domains of the examples publish. */
static void rfc_keys(struct world *w)
{
	world_txt(w, "brisbane._domainkey.example.com",
	    HK_S("v=DKIM1; "
	         "p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/"
	         "zYtIxN2SnFCjxOCKG9v"
	         "3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/"
	         "NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QI"
	         "DAQAB"));
	world_txt(w, "brisbane._domainkey.football.example.com",
	    HK_S("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="));
	world_txt(w, "test._domainkey.football.example.com",
	    HK_S("v=DKIM1; k=rsa; "
	         "p="
	         "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdO"
	         "Kb2jLQiY"
	         "/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/"
	         "8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l"
	         "/K4w3QIDAQAB"));
}

/* ---- the RFCs' examples, as other projects keep them -------------------------------------------
 */

struct file_row {
	const char *file;
	const char *results; /* one letter for each signature: p pass, f fail, e permerror, t
	                        temperror, n neutral, o policy */
};

static char letter(enum hk_dkim_result result)
{
	static const char letters[] = {[HK_DKIM_NONE] = '-',
	    [HK_DKIM_PASS] = 'p',
	    [HK_DKIM_FAIL] = 'f',
	    [HK_DKIM_POLICY] = 'o',
	    [HK_DKIM_NEUTRAL] = 'n',
	    [HK_DKIM_TEMPERROR] = 't',
	    [HK_DKIM_PERMERROR] = 'e'};

	return letters[result];
}

/* false when there is no such message. */
static bool run_file(
    const struct file_row *row, struct world *w, const struct hk_dkim_verify_options *options)
{
	struct hk_slice message;
	int cut;

	if (!message_read(&w->arena, row->file, &message))
		return false;
	for (cut = CUT_WHOLE; cut < CUTS; cut++) {
		char got[64] = "";
		struct check c;
		size_t i;

		check_begin(&c, message, options);
		check_run(&c, w, (enum cut)cut);
		for (i = 0; i < hk_dkim_verify_count(c.v) && i + 1 < sizeof got; i++)
			got[i] = letter(check_verdict(&c, i)->result);
		if (strcmp(got, row->results) != 0)
			fail_msg("%s: %s, expected %s (%.*s)", row->file, got, row->results,
			    HK_FMT(i ? check_verdict(&c, 0)->reason : HK_S("")));
		check_done(&c);
	}
	if (strncmp(row->file, "dkim-rspamd/", 12) != 0) /* its cases are counted by tests/message_vectors.py */
		print_message("# vector %s\n", row->file); /* for tools/conformance.py, as all such lines */
	return true;
}

static void run_files(const struct file_row *rows, size_t n, void (*keys)(struct world *),
    const struct hk_dkim_verify_options *options)
{
	size_t i, found = 0;
	struct world w;

	world_init(&w);
	keys(&w);
	for (i = 0; i < n; i++)
		found += run_file(&rows[i], &w, options);
	world_done(&w);
	if (found == 0)
		skip();
	assert_int_equal(found, n);
}

static void the_examples_of_rfc_6376_a_and_rfc_8463_a_verify(void **state)
{
	static const struct file_row rows[] = {
	    {"dkim-lieser/rfc6376-A.2.eml", "p"},
	    {"dkim-lieser/rfc6376-A.2-body_modified.eml", "f"},
	    {"dkim-lieser/rfc6376-A.2-header_subject_modified.eml", "f"},
	    {"dkim-lieser/rfc6376-A.2-ill_formed-missing_v.eml", "e"},
	    {"dkim-lieser/rfc8463-A.3.eml", "pp"},
	    {"dkim-dkimpy/rfc6376.signed.msg", "pp"},
	    {"dkim-mailauthjs/test/dkim/ec/fixtures/signed.eml", "pp"},
	};

	(void)state;
	run_files(rows, COUNT(rows), rfc_keys, &at_2026);
}

/* ---- chasquid
 * ------------------------------------------------------------------------------------- */

/* "name: text" with "\\" at the end of lines that go on; TEMPERROR and PERMERROR in place of a
 * text. */
static void chasquid_zone(struct world *w, struct hk_slice text)
{
	struct hk_slice line;
	struct hk_buf record;
	char name[256] = "";

	hk_buf_init(&record, 65536);
	while (take_line(&text, &line)) {
		bool goes_on = line.n && line.p[line.n - 1] == '\\';
		size_t colon = hk_slice_find(line, ':');

		line = hk_slice_trim(hk_slice_sub(line, 0, line.n - goes_on));
		if (line.n == 0)
			continue;
		if (!name[0]) {
			snprintf(name, sizeof name, "%.*s", HK_FMT(hk_slice_sub(line, 0, colon)));
			line = hk_slice_trim(hk_slice_from(line, colon + 1));
		}
		hk_buf_add(&record, line);
		hk_buf_add_byte(&record, ' ');
		if (goes_on)
			continue;
		if (hk_slice_starts_nocase(hk_buf_slice(&record), HK_S("TEMPERROR")))
			world_failure(w, name);
		else if (!hk_slice_starts_nocase(hk_buf_slice(&record), HK_S("PERMERROR")))
			world_txt(w, name, hk_slice_trim(hk_buf_slice(&record)));
		hk_buf_reset(&record);
		name[0] = 0;
	}
	hk_buf_done(&record);
}

/* Their SUCCESS, TEMPFAIL and PERMFAIL; every verdict of ours but pass and temperror is a PERMFAIL
 * (RFC 6376 3.9). */
static const char *chasquid_state(enum hk_dkim_result result)
{
	return result == HK_DKIM_PASS        ? "SUCCESS"
	       : result == HK_DKIM_TEMPERROR ? "TEMPFAIL"
	                                     : "PERMFAIL";
}

/* The value of the next "State": line. */
static bool take_state(struct hk_slice *text, struct hk_slice *ret)
{
	struct hk_slice line;

	while (take_line(text, &line)) {
		line = hk_slice_trim(line);
		if (hk_slice_starts_nocase(line, HK_S("\"State\": \""))) {
			*ret = hk_slice_sub(line, 10, line.n - 11);
			return true;
		}
	}
	return false;
}

/* A case without a file of its own uses the one before it in its family, as chasquid's runner does
 * by links. */
static void the_cases_of_chasquid_give_its_states(void **state)
{
	static const struct {
		const char *msg, *dns, *result;
	} rows[] = {
	    {"01-rfc8463", "01-rfc8463", "01-rfc8463"},
	    {"02-too_many_headers", "01-rfc8463", "02-too_many_headers"},
	    {"04-bad_dkim_signature_header", "01-rfc8463", "04-bad_dkim_signature_header"},
	    {"05-dns_temp_error", "05-dns_temp_error", "05-dns_temp_error"},
	    {"06-dns_perm_error", "06-dns_perm_error", "06-dns_perm_error"},
	    {"01-rfc8463", "07-algo_mismatch", "01-rfc8463"},
	    {"08-our_signature", "08-our_signature", "08-our_signature"},
	    {"09-limited_body", "08-our_signature", "09-limited_body"},
	    {"01-rfc8463", "10-strict_domain_check_pass", "10-strict_domain_check_pass"},
	    {"11-strict_domain_check_fail", "11-strict_domain_check_fail",
	        "11-strict_domain_check_fail"},
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct hk_work work = {.size = sizeof work};
		const struct hk_dkim_verify_options five = {.size = sizeof five, .now = 1790000000, .work = &work};
		struct hk_slice message, zone, result, want;
		struct world w;
		struct check c;
		char name[128];

		hk_work_init(&work);
		work.of[HK_WORK_SIGNATURES].limit = 5;
		world_init(&w);
		snprintf(name, sizeof name, "dkim-chasquid/%s.msg", rows[i].msg);
		if (!message_read(&w.arena, name, &message))
			skip();
		snprintf(name, sizeof name, "dkim-chasquid/%s.dns", rows[i].dns);
		assert_true(vector_read(&w.arena, name, &zone));
		snprintf(name, sizeof name, "dkim-chasquid/%s.result", rows[i].result);
		assert_true(vector_read(&w.arena, name, &result));
		chasquid_zone(&w, zone);
		check_begin(&c, message, &five);
		check_run(&c, &w, CUT_WHOLE);
		for (k = 0; take_state(&result, &want); k++)
			if (!hk_slice_eq(
			        want, hk_slice_str(chasquid_state(check_verdict(&c, k)->result))))
				fail_msg("%s %zu: %.*s", rows[i].msg, k,
				    HK_FMT(check_verdict(&c, k)->reason));
		assert_true(k > 0);
		for (; k < hk_dkim_verify_count(c.v); k++)
			expect_verdict(&c, k, HK_DKIM_NEUTRAL, "over the limit");
		print_message("# vector dkim-chasquid/%s, zone %s\n", rows[i].msg, rows[i].dns);
		check_done(&c);
		world_done(&w);
	}
}

/* ---- mail-auth (Rust)
 * ----------------------------------------------------------------------------------- */

/* Lines "name record", an empty line, the message. A name alone or a record in parts: joined. */
static void mailauth_zone(struct world *w, struct hk_slice *text)
{
	struct hk_slice line;

	while (take_line(text, &line) && line.n) {
		size_t space = hk_slice_find(line, ' ');
		char name[256];

		snprintf(name, sizeof name, "%.*s", HK_FMT(hk_slice_sub(line, 0, space)));
		world_txt(w, name, hk_slice_from(line, space + 1));
	}
}

static void the_messages_of_mail_auth_verify(void **state)
{
	static const struct {
		const char *file, *results;
		int64_t now;
	} rows[] = {
	    {"001", "pp", 1790000000},
	    {"002", "p", 1790000000},
	    {"003", "pp", 1790000000},
	    {"004", "p", 1790000000},
	    {"005", "f", 1790000000},
	    {"006", "p", 1790000000},
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct hk_slice text;
		struct world w;
		struct check c;
		char name[128], got[16] = "";

		world_init(&w);
		snprintf(name, sizeof name, "dkim-mailauth-rs/dkim/%s.txt", rows[i].file);
		if (!vector_read(&w.arena, name, &text))
			skip();
		mailauth_zone(&w, &text);
		check_begin(&c, with_crlf(&w.arena, text),
		    &(struct hk_dkim_verify_options){.size = sizeof(struct hk_dkim_verify_options), .now = rows[i].now});
		check_run(&c, &w, CUT_RANDOM);
		for (k = 0; k < hk_dkim_verify_count(c.v) && k + 1 < sizeof got; k++) {
			got[k] = letter(check_verdict(&c, k)->result);
			if (k >= strlen(rows[i].results) || got[k] != rows[i].results[k])
				fail_msg("%s %zu: %c (%.*s)", rows[i].file, k, got[k],
				    HK_FMT(check_verdict(&c, k)->reason));
		}
		assert_string_equal(got, rows[i].results);
		print_message("# vector dkim-mailauth-rs/%s\n", rows[i].file);
		check_done(&c);
		world_done(&w);
	}
}

/* ---- DKIM Verifier
 * ---------------------------------------------------------------------------------------- */

static void lieser_keys(struct world *w)
{
	struct hk_slice strict = HK_S(
	    "v=DKIM1; t=s; "
	    "p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYt"
	    "IxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/"
	    "NMqJ0fzfVjH4"
	    "OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB");

	rfc_keys(w);
	world_txt(w, "s.flags._domainkey.example.com", strict);
}

static void the_messages_of_dkim_verifier_give_its_results(void **state)
{
	static const struct file_row rows[] = {
	    {"dkim-lieser/dkim/added_header-date.eml", "p"},
	    {"dkim-lieser/dkim/added_header-from.eml", "p"},
	    {"dkim-lieser/dkim/added_header-subject.eml", "p"},
	    {"dkim-lieser/dkim/added_header-to.eml", "p"},
	    {"dkim-lieser/dkim/alignment-from_not_in_auid.eml", "p"},
	    {"dkim-lieser/dkim/alignment-from_not_in_sdid.eml", "p"},
	    {"dkim-lieser/dkim/alignment-signed_by_parent_domain.eml", "p"},
	    {"dkim-lieser/dkim/flags_s-auid_and_sdid_match.eml", "p"},
	    {"dkim-lieser/dkim/flags_s-auid_is_subdomain_of_sdid.eml", "e"},
	    {"dkim-lieser/dkim/header_with_non_ascii_char.eml", "p"},
	    {"dkim-lieser/dkim/time-received_after_creation.eml", "p"},
	    {"dkim-lieser/dkim/unsigned_header-content-type.eml", "p"},
	    {"dkim-lieser/dkim/unsigned_header-reply_to-in_domain.eml", "p"},
	    {"dkim-lieser/dkim/unsigned_header-reply_to-invalid.eml", "p"},
	    {"dkim-lieser/dkim/unsigned_header-reply_to-not_in_domain.eml", "p"},
	};

	(void)state;
	run_files(rows, COUNT(rows), lieser_keys, &at_2026);
}

/* The key says k=ed25519, the signature a=rsa-sha256, or the other way round. */
static void mismatched_keys(struct world *w)
{
	rfc_keys(w);
}

static void a_key_of_another_type_is_a_permerror(void **state)
{
	static const struct file_row rows[] = {
	    {"dkim-lieser/rfc8463-A.3-key_algo_mismatch.eml", "ee"}};

	(void)state;
	run_files(rows, COUNT(rows), mismatched_keys, &at_2026);
}

/* ---- rspamd
 * ------------------------------------------------------------------------------------------------
 */

/* "name type rcode replies", tabs between. */
static void rspamd_zone(struct world *w)
{
	struct hk_slice text, line, field[4], replies;
	size_t i;

	if (!vector_read(&w->arena, "dkim-rspamd/DNS.tsv", &text))
		skip();
	while (take_line(&text, &line)) {
		char name[256];

		for (i = 0; i < COUNT(field); i++)
			if (!hk_tags_item(&line, '\t', &field[i]))
				field[i] = (struct hk_slice){0};
		if (!hk_slice_eq(field[1], HK_S("txt")) ||
		    hk_slice_find(field[0], '_') == field[0].n)
			continue;
		snprintf(name, sizeof name, "%.*s", HK_FMT(field[0]));
		replies = field[3];
		if (hk_slice_eq(field[2], HK_S("ok")))
			world_txt(w, name, replies);
		else if (hk_slice_eq(field[2], HK_S("timeout")))
			world_failure(w, name);
	}
}

static void the_messages_of_rspamd_give_its_results(void **state)
{
	static const struct file_row rows[] = {
	    {"dkim-rspamd/messages/dmarc/bad_dkim1.eml", "e"},
	    {"dkim-rspamd/messages/dmarc/bad_dkim2.eml", "e"},
	    {"dkim-rspamd/messages/dmarc/bad_dkim3.eml", "t"},
	    {"dkim-rspamd/messages/dmarc/pass_none.eml", "p"},
	    {"dkim-rspamd/messages/dmarc/onsubdomain_pass_relaxed.eml", "p"},
	    {"dkim-rspamd/messages/dkim_huge_hlist.eml", "o"},
	    {"dkim-rspamd/messages/dkim_large_hlist.eml", "e"},
	    {"dkim-rspamd/messages/dkim_broken_key.eml", "e"},
	    {"dkim-rspamd/messages/dkim_revoked_key.eml", "e"},
	};

	(void)state;
	run_files(rows, COUNT(rows), rspamd_zone, &at_2026);
}

/* ---- mailauth (node), dkimpy, real mail
 * -------------------------------------------------------------------- */

/* Mail whose keys are no longer published: what can still be checked is the body. */
static void the_body_hashes_of_real_mail_are_right(void **state)
{
	static const char *const files[] = {
	    "dkim-mailauthjs/test/fixtures/message2.eml",
	    "dkim-mailauthjs/test/fixtures/message3.eml",
	    "dkim-mailauthjs/test/fixtures/message4.eml",
	    "dkim-mailauthjs/test/fixtures/authtest.eml",
	    "dkim-mailauthjs/test/fixtures/bimi.eml",
	    "dkim-mailauthjs/test/fixtures/zbimi.eml",
	    "dkim-dkimpy/test2.message",
	    "dkim-dkimpy/message.mbox",
	    "dkim-lieser/original/Fastmail from Amazon - Verify your new Amazon account.eml",
	    "dkim-lieser/original/Fastmail from CNN - Thanks for subscribing to 5 Things.eml",
	    "dkim-lieser/original/Fastmail from CNN - Welcome to CNN Breaking News.eml",
	    "dkim-lieser/original/Fastmail from Fastmail - How to keep your email private.eml",
	    "dkim-lieser/original/Fastmail from Fastmail - Welcome! Get set up in 3 steps..eml",
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < COUNT(files); i++) {
		struct hk_slice message;
		struct world w;
		struct check c;

		world_init(&w);
		if (!message_read(&w.arena, files[i], &message))
			skip();
		/* within the x= of the mail from Fastmail, and not before the other mail was signed
		 */
		check_begin(&c, message, strstr(files[i], "Fastmail") ? &at_2023 : &at_2026);
		check_run(&c, &w, (enum cut)(i % CUTS));
		assert_true(hk_dkim_verify_count(c.v) > 0);
		for (k = 0; k < hk_dkim_verify_count(c.v); k++)
			if (!check_verdict(&c, k)->body_hash_ok)
				fail_msg("%s %zu: %.*s", files[i], k,
				    HK_FMT(check_verdict(&c, k)->reason));
		print_message("# vector %s\n", files[i]);
		check_done(&c);
		world_done(&w);
	}
}

/* Signs dkimpy's message with dkimpy's key, and verifies it against each of its records. */
static void the_records_of_dkimpy_are_judged_for_a_signature_of_ours(void **state)
{
	static const struct {
		const char *record;
		enum hk_dkim_result result;
		const char *reason;
	} rows[] = {
	    {"test.txt", HK_DKIM_PASS, ""},
	    {"test2.txt", HK_DKIM_PASS, ""},
	    {"badk.txt", HK_DKIM_PERMERROR, "key type does not fit a="},
	    {"badversion.txt", HK_DKIM_PERMERROR, "not a DKIM1 key record"},
	    {"test_bad.txt", HK_DKIM_PERMERROR, "key cut short"},
	    {"test_tlsrpt.txt", HK_DKIM_PERMERROR, "key is not for mail"},
	};
	struct hk_dkim_sign_options o = {.size = sizeof o,
	    .d = HK_S("example.com"), .s = HK_S("test"), .body_canon = HK_CANON_RELAXED};
	uint8_t signature[HK_SIGNATURE_MAX];
	size_t i, n = sizeof signature;
	struct hk_slice message, pem, record, digest;
	struct hk_private_key *key = NULL;
	struct hk_dkim_sign *sign;
	struct hk_buf signed_message;
	struct world w;
	struct check c;

	(void)state;
	world_init(&w);
	if (!message_read(&w.arena, "dkim-dkimpy/test.message", &message))
		skip();
	assert_true(vector_read(&w.arena, "dkim-dkimpy/test.private", &pem));
	assert_int_equal(hk_private_key_pem(pem, &key), HK_OK);
	check_begin(&c, message, &at_2026);
	sign = hk_dkim_sign_new(&c.arena, &o, &c.header);
	assert_non_null(sign);
	hk_dkim_sign_body(sign, c.body);
	assert_int_equal(hk_dkim_sign_end(sign, &digest), HK_OK);
	assert_int_equal(hk_sign_digest(key, digest, signature, &n), HK_OK);
	hk_buf_init(&signed_message, 65536);
	assert_int_equal(
	    hk_dkim_sign_finish(sign, hk_slice_of(signature, n), &signed_message), HK_OK);
	hk_buf_add(&signed_message, message);
	hk_dkim_sign_done(sign);
	hk_private_key_free(key);
	check_done(&c);
	world_done(&w);
	for (i = 0; i < COUNT(rows); i++) {
		char name[64];

		world_init(&w);
		snprintf(name, sizeof name, "dkim-dkimpy/%s", rows[i].record);
		assert_true(vector_read(&w.arena, name, &record));
		world_txt(&w, "test._domainkey.example.com", hk_slice_trim(record));
		check_begin(&c, hk_buf_slice(&signed_message), &at_2026);
		check_run(&c, &w, CUT_RANDOM);
		expect_verdict(&c, 0, rows[i].result, rows[i].reason);
		print_message("# vector dkim-dkimpy/%s\n", rows[i].record);
		check_done(&c);
		world_done(&w);
	}
	hk_buf_done(&signed_message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_examples_of_rfc_6376_a_and_rfc_8463_a_verify),
	    cmocka_unit_test(the_cases_of_chasquid_give_its_states),
	    cmocka_unit_test(the_messages_of_mail_auth_verify),
	    cmocka_unit_test(the_messages_of_dkim_verifier_give_its_results),
	    cmocka_unit_test(a_key_of_another_type_is_a_permerror),
	    cmocka_unit_test(the_messages_of_rspamd_give_its_results),
	    cmocka_unit_test(the_body_hashes_of_real_mail_are_right),
	    cmocka_unit_test(the_records_of_dkimpy_are_judged_for_a_signature_of_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
