/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "engine/mail.h"
#include "tests/unit.h"

/* Every field takes `bytes`; what comes back must be the same. */
static void round_trip(struct hk_slice bytes, struct hk_buf *out)
{
	struct hk_mail_rcpt rcpt[3] = {{bytes, HK_RCPT_PENDING, {HK_NOTIFY_NEVER, bytes}},
	    {{0}, HK_RCPT_DELIVERED, {0}}, {bytes, HK_RCPT_REMOVED, {HK_NOTIFY_DELAY, {0}}}};
	struct hk_mail m = {
	    .id = 0x123456789abcde,
	    .received = -1,
	    .flags = 15,
	    .listener = bytes,
	    .mail_from = bytes,
	    .params = {.body = HK_BODY_BINARYMIME,
	        .ret = HK_RET_HDRS,
	        .smtputf8 = true,
	        .has_by = true,
	        .by_seconds = -5,
	        .by_trace = true,
	        .envid = bytes,
	        .auth = bytes},
	    .user = bytes,
	    .device = bytes,
	    .rcpt = rcpt,
	    .n_rcpt = 3,
	    .header = bytes,
	    .trace = bytes,
	    .edits = bytes,
	    .body = bytes,
	    .body_file = bytes,
	    .body_size = UINT64_MAX,
	    .summary = bytes,
	};
	struct hk_mail back = {0};
	size_t i;

	hk_buf_reset(out);
	hk_mail_format(&m, out);
	assert_int_equal(hk_buf_status(out), HK_OK);
	assert_int_equal(hk_mail_size(&m), out->n);
	hk_arena_init(&back.arena, 4096);
	assert_int_equal(hk_mail_parse(hk_buf_slice(out), &back), HK_OK);
	assert_true(back.id == m.id && back.received == -1 && back.flags == 15 &&
	            back.n_rcpt == 3 && back.body_size == UINT64_MAX);
	for (i = 0; i < 3; i++) {
		assert_slice(back.rcpt[i].address, rcpt[i].address);
		assert_int_equal(back.rcpt[i].outcome, rcpt[i].outcome);
		assert_int_equal(back.rcpt[i].params.notify, rcpt[i].params.notify);
		assert_slice(back.rcpt[i].params.orcpt, rcpt[i].params.orcpt);
	}
	assert_slice(back.listener, bytes);
	assert_slice(back.mail_from, bytes);
	assert_true(back.params.body == HK_BODY_BINARYMIME && back.params.ret == HK_RET_HDRS &&
	            back.params.smtputf8 && !back.params.require_tls && back.params.has_by &&
	            back.params.by_seconds == -5 && !back.params.by_return && back.params.by_trace);
	assert_slice(back.params.envid, bytes);
	assert_slice(back.params.auth, bytes);
	assert_slice(back.user, bytes);
	assert_slice(back.device, bytes);
	assert_slice(back.header, bytes);
	assert_slice(back.trace, bytes);
	assert_slice(back.edits, bytes);
	assert_slice(back.body, bytes);
	assert_slice(back.body_file, bytes);
	assert_slice(back.summary, bytes);
	hk_arena_done(&back.arena);
}

/* R20 of security.md 2.4: what version 1 wrote is read for ever. */
static void a_mail_of_form_1_is_read(void **state)
{
	struct hk_mail back = {0};
	struct hk_buf b;
	size_t i;

	(void)state;
	hk_buf_init(&b, 4096);
	hk_buf_add_u8(&b, 1);
	hk_buf_add_u64(&b, 7);
	hk_buf_add_u64(&b, 1796000000);
	hk_buf_add_u32(&b, HK_MAIL_8BIT);
	hk_buf_add_block(&b, HK_S("mx"));
	hk_buf_add_block(&b, HK_S("a@a.test"));
	hk_buf_add_u32(&b, 2);
	for (i = 0; i < 2; i++) {
		hk_buf_add_u8(&b, (uint8_t)i);
		hk_buf_add_block(&b, i ? HK_S("c@c.test") : HK_S("b@b.test"));
	}
	hk_buf_add_u64(&b, 2);
	for (i = 0; i < 5; i++)
		hk_buf_add_block(&b, HK_S("x"));
	hk_buf_add_block(&b, HK_S("hi"));
	hk_arena_init(&back.arena, 4096);
	assert_int_equal(hk_mail_parse(hk_buf_slice(&b), &back), HK_OK);
	assert_true(back.id == 7 && back.flags == HK_MAIL_8BIT && back.n_rcpt == 2);
	assert_slice(back.rcpt[1].address, HK_S("c@c.test"));
	assert_int_equal(back.rcpt[1].outcome, HK_RCPT_DELIVERED);
	assert_slice(back.body, HK_S("hi"));
	assert_true(back.params.body == HK_BODY_7BIT && back.user.n == 0 && back.rcpt[0].params.notify == 0);
	hk_arena_done(&back.arena);
	hk_buf_done(&b);
}

/* T8 of security.md, SEC-27, SEC-29, SEC-59: no byte can end a field or begin another. */
static void a_mail_round_trips_with_every_byte_value_in_every_field(void **state)
{
	uint8_t all[512];
	struct hk_buf out;
	size_t i;

	(void)state;
	hk_buf_init(&out, 65536);
	for (i = 0; i < 256; i++) {
		uint8_t byte = (uint8_t)i;

		round_trip(hk_slice_of(&byte, 1), &out);
		all[i] = byte;
		all[511 - i] = byte;
	}
	round_trip(hk_slice_of(all, sizeof all), &out);
	round_trip((struct hk_slice){0}, &out);
	hk_buf_done(&out);
}

static void a_cut_or_longer_payload_is_corrupt(void **state)
{
	struct hk_mail_rcpt rcpt[2] = {{HK_S("a@b"), 0}, {HK_S("c@d"), 0}};
	struct hk_mail m = {.rcpt = rcpt,
	                   .n_rcpt = 2,
	                   .mail_from = HK_S("x@y"),
	                   .body = HK_S("hello")},
	               back = {0};
	struct hk_buf out;
	size_t n;

	(void)state;
	hk_buf_init(&out, 65536);
	hk_mail_format(&m, &out);
	hk_arena_init(&back.arena, 65536);
	for (n = 0; n < out.n; n++)
		assert_int_equal(
		    hk_mail_parse(hk_slice_sub(hk_buf_slice(&out), 0, n), &back), HK_CORRUPT);
	assert_int_equal(hk_mail_parse(hk_buf_slice(&out), &back), HK_OK);
	hk_buf_add_u8(&out, 0);
	assert_int_equal(hk_mail_parse(hk_buf_slice(&out), &back), HK_CORRUPT);
	out.p[0]++;
	out.n--;
	assert_int_equal(hk_mail_parse(hk_buf_slice(&out), &back), HK_CORRUPT);
	hk_arena_done(&back.arena);
	hk_buf_done(&out);
}

/* SEC-43: what is stored is not believed: whatever a number in it says, nothing behind its end is read, and no more memory than
 * its arena has is asked for. */
static void a_payload_with_any_octet_changed_is_a_mail_or_corrupt(void **state)
{
	static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
	struct hk_mail_rcpt rcpt[2] = {{HK_S("a@b"), 0}, {HK_S("c@d"), 0, {0, HK_S("rfc822;x")}}};
	struct hk_mail m = {.rcpt = rcpt, .n_rcpt = 2, .mail_from = HK_S("x@y"), .header = HK_S("A: b\r\n"), .body = HK_S("hello"), .body_size = 5};
	size_t i, k, n_corrupt = 0;
	struct hk_buf out;

	(void)state;
	hk_buf_init(&out, 65536);
	hk_mail_format(&m, &out);
	assert_int_equal(hk_buf_status(&out), HK_OK);
	for (i = 0; i < out.n * COUNT(values); i++) {
		struct hk_mail back = {0};
		uint8_t *copy = must(malloc(out.n)); /* of its size, for AddressSanitizer */
		enum hk_status status;

		memcpy(copy, out.p, out.n);
		copy[i / COUNT(values)] = values[i % COUNT(values)];
		hk_arena_init(&back.arena, 65536);
		status = hk_mail_parse(hk_slice_of(copy, out.n), &back);
		n_corrupt += status == HK_CORRUPT;
		for (k = 0; status == HK_OK && k < back.n_rcpt; k++) {
			assert_true(back.rcpt[k].address.n <= out.n);
			assert_in_range(back.rcpt[k].outcome, 0, HK_RCPT_REMOVED); /* tables have a row for each, and no more */
		}
		if (status == HK_OK) {
			assert_in_range(back.params.body, 0, HK_BODY_BINARYMIME);
			assert_in_range(back.params.ret, 0, HK_RET_HDRS);
		}
		if (status != HK_OK && status != HK_CORRUPT && status != HK_LIMIT && status != HK_NOMEM)
			fail_msg("octet %zu: %s", i / COUNT(values), hk_status_name(status));
		hk_arena_done(&back.arena);
		free(copy);
	}
	assert_in_range(n_corrupt, 10, out.n * COUNT(values) - 10);
	hk_buf_done(&out);
}

static void the_arena_bounds_the_recipients(void **state)
{
	struct hk_mail_rcpt rcpt[100] = {{{0}, 0}};
	struct hk_mail m = {.rcpt = rcpt, .n_rcpt = 100}, back = {0};
	struct hk_buf out;

	(void)state;
	hk_buf_init(&out, 65536);
	hk_mail_format(&m, &out);
	hk_arena_init(&back.arena, 100 * sizeof rcpt[0] - 1);
	assert_int_equal(hk_mail_parse(hk_buf_slice(&out), &back), HK_LIMIT);
	hk_arena_done(&back.arena);
	hk_arena_init(&back.arena, 100 * sizeof rcpt[0]);
	assert_int_equal(hk_mail_parse(hk_buf_slice(&out), &back), HK_OK);
	hk_arena_done(&back.arena);
	hk_buf_done(&out);
}

/* S0-008 */
static void ids_are_upper_case_hex_unique_and_increasing_also_when_the_clock_goes_back(void **state)
{
	static const uint64_t clock[] = {
	    1796000000000, 1796000000000, 1795999999999, 0, 1796000000001, UINT64_MAX, 5};
	struct hk_ids ids = {.worker = 3}, other = {.worker = 4};
	char text[HK_MAIL_ID_TEXT];
	uint64_t last = 0, id, back;
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof clock / sizeof clock[0]; i++) {
		for (j = 0; j < 5000; j++) {
			id = hk_ids_next(&ids, clock[i]);
			assert_true(id > last);
			last = id;
			hk_mail_id_format(id, text);
			assert_in_range(strlen(text), 14, 16);
			assert_int_equal(strspn(text, "0123456789ABCDEF"), strlen(text));
			assert_int_equal(hk_mail_id_parse(hk_slice_str(text), &back), HK_OK);
			assert_true(back == id);
		}
	}
	/* one worker goes on above what another had seen, in the same millisecond, and never meets
	 * it */
	ids = (struct hk_ids){.worker = 3};
	last = hk_ids_next(&ids, 1796000000000);
	other.last = last;
	assert_true(hk_ids_next(&other, 1796000000000) > last);
	assert_true(hk_ids_next(&other, 1796000000000) != hk_ids_next(&ids, 1796000000000));
}

static void an_id_has_one_text_only(void **state)
{
	static const char *const bad[] = {"", "0", "0123456789ABC", "0123456789abcd",
	    "0123456789ABC ", "0123456789ABCDEF0", "001234567890ABC", "0123456789ABC/",
	    "0123456789ABCDE"};
	uint64_t id;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(hk_mail_id_parse(hk_slice_str(bad[i]), &id), HK_SYNTAX);
	assert_int_equal(hk_mail_id_parse(HK_S("00000000000001"), &id), HK_OK);
	assert_int_equal(id, 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_mail_of_form_1_is_read),
	    cmocka_unit_test(a_mail_round_trips_with_every_byte_value_in_every_field),
	    cmocka_unit_test(a_cut_or_longer_payload_is_corrupt),
	    cmocka_unit_test(a_payload_with_any_octet_changed_is_a_mail_or_corrupt),
	    cmocka_unit_test(the_arena_bounds_the_recipients),
	    cmocka_unit_test(
	        ids_are_upper_case_hex_unique_and_increasing_also_when_the_clock_goes_back),
	    cmocka_unit_test(an_id_has_one_text_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
