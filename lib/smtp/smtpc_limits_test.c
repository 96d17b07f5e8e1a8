/* SPDX-License-Identifier: MIT
 *
 * The limits of the client (T6), what it refuses to send, and its stages' times.
 */
#include <stdlib.h>
#include <string.h>

#include "smtpc_internal.h"
#include "tests/unit.h"

/* ---- limits ---- */

static struct hk_smtpc *fresh(void)
{
	const struct hk_smtpc_options options = {.size = sizeof options, .helo = HK_S("me.test")};
	struct hk_smtpc *c = hk_smtpc_new(&options);

	assert_non_null(c);
	return c;
}

static void feed_all(struct hk_smtpc *c, struct hk_slice text, struct hk_smtpc_event *last)
{
	enum hk_status status;

	while (text.n) {
		size_t n = hk_smtpc_feed(c, text);

		text = hk_slice_from(text, n);
		while ((status = hk_smtpc_next(c, last)) == HK_OK)
			;
		assert_int_not_equal(status, HK_NOMEM);
	}
}

/* T6 */
static void reply_lines_are_bounded_in_length_and_number(void **state)
{
	static const struct {
		size_t length, lines;
		bool fine;
	} rows[] = {
	    {SMTPC_REPLY_LINE_MAX, 1, true},
	    {SMTPC_REPLY_LINE_MAX + 1, 1, false},
	    {10, SMTPC_REPLY_LINES_MAX, true},
	    {10, SMTPC_REPLY_LINES_MAX + 1, false},
	};
	size_t i, line;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct hk_smtpc *c = fresh();
		struct hk_smtpc_event event = {.size = sizeof event, .type = HK_SMTPC_READY};
		struct hk_buf text;

		hk_buf_init(&text, 1 << 20);
		for (line = 0; line < rows[i].lines; line++) {
			size_t end = text.n + rows[i].length - 2;

			hk_buf_add_str(&text, line + 1 < rows[i].lines ? "220-" : "220 ");
			while (text.n < end && text.failed == HK_OK)
				hk_buf_add_byte(&text, 'x');
			hk_buf_add_str(&text, "\r\n");
		}
		assert_int_equal(hk_buf_status(&text), HK_OK);
		feed_all(c, hk_buf_slice(&text), &event);
		assert_int_equal(event.type, rows[i].fine ? HK_SMTPC_READY : HK_SMTPC_CLOSED);
		assert_int_equal(hk_smtpc_out(c).n > 0, rows[i].fine);
		hk_buf_done(&text);
		hk_smtpc_free(c);
	}
}

static void the_text_of_a_reply_is_cut_not_refused(void **state)
{
	struct hk_smtpc *c = fresh();
	struct hk_smtpc_event event = {.size = sizeof event};
	struct hk_buf text;
	size_t i;

	(void)state;
	hk_buf_init(&text, 1 << 20);
	for (i = 0; i < 100; i++)
		hk_buf_addf(
		    &text, "554%c5.7.1 0123456789 0123456789 0123456789\r\n", i < 99 ? '-' : ' ');
	feed_all(c, hk_buf_slice(&text), &event);
	assert_int_equal(event.type, HK_SMTPC_CLOSED);
	assert_int_equal(event.reply.code, 554);
	assert_string_equal(event.reply.enhanced, "5.7.1");
	assert_int_equal(event.reply.text.n, HK_SMTP_REPLY_TEXT_MAX);
	hk_buf_done(&text);
	hk_smtpc_free(c);
}

/* T6: a server that talks without end; a caller that never drains */
static void input_and_output_are_bounded(void **state)
{
	struct hk_smtpc *c = fresh();
	struct hk_smtpc_event event = {.size = sizeof event};
	struct hk_slice rcpt = HK_S("b@b.test");
	const struct hk_smtpc_transaction t = {
	    .size = sizeof t, .mail_from = HK_S("a@a.test"), .rcpt = &rcpt, .n = 1};
	uint8_t chunk[3000];
	size_t n, total = 0;

	(void)state;
	memset(chunk, '.', sizeof chunk);
	feed_all(c, HK_S("220 x\r\n250-x\r\n250 PIPELINING\r\n"), &event);
	assert_int_equal(event.type, HK_SMTPC_READY);
	assert_int_equal(hk_smtpc_start(c, &t), HK_OK);
	feed_all(c, HK_S("250 a\r\n"), &event);
	feed_all(c, HK_S("250 b\r\n354 c\r\n"), &event);
	assert_int_equal(event.type, HK_SMTPC_SEND_BODY);
	while (total < 2 * HK_SMTP_OUTPUT_MAX &&
	       (n = hk_smtpc_body(c, hk_slice_of(chunk, sizeof chunk))) > 0)
		total += n;
	assert_true(total > HK_SMTP_OUTPUT_MAX / 2);
	assert_true(hk_smtpc_out(c).n <= HK_SMTP_OUTPUT_MAX);
	/* room for the end is always there */
	hk_smtpc_body_end(c);
	assert_true(hk_slice_ends_nocase(hk_smtpc_out(c), HK_S(".\r\n.\r\n")));
	assert_true(hk_smtpc_out(c).n <= HK_SMTP_OUTPUT_MAX);
	for (total = 0; total <= HK_SMTP_INPUT_MAX && hk_smtpc_feed(c, HK_S("x")) > 0; total++)
		;
	assert_int_equal(hk_smtpc_feed(c, HK_S("y")), 0);
	hk_smtpc_free(c);
}

static void many_recipients_do_not_outgrow_the_output(void **state)
{
	struct hk_smtpc *c = fresh();
	struct hk_smtpc_event event = {.size = sizeof event};
	static struct hk_slice rcpt[HK_SMTP_RCPTS_MAX];
	struct hk_smtpc_transaction t = {
	    .size = sizeof t, .mail_from = HK_S("a@a.test"), .rcpt = rcpt, .n = HK_SMTP_RCPTS_MAX};
	uint8_t local[240];
	struct hk_buf all;
	size_t i, commands = 0;

	(void)state;
	memset(local, 'x', sizeof local);
	for (i = 0; i < HK_SMTP_RCPTS_MAX; i++)
		rcpt[i] = hk_slice_of(local, sizeof local);
	hk_buf_init(&all, 1 << 20);
	feed_all(c, HK_S("220 x\r\n250-x\r\n250 PIPELINING\r\n"), &event);
	hk_smtpc_sent(c, hk_smtpc_out(c).n);
	assert_int_equal(hk_smtpc_start(c, &t), HK_OK);
	while (hk_smtpc_next(c, &event) == HK_AGAIN && hk_smtpc_out(c).n) {
		assert_true(hk_smtpc_out(c).n <= HK_SMTP_OUTPUT_MAX / 2 + 512);
		hk_buf_add(&all, hk_smtpc_out(c));
		hk_smtpc_sent(c, hk_smtpc_out(c).n);
	}
	for (i = 0; i < all.n; i++)
		commands += all.p[i] == '\n';
	assert_int_equal(commands, HK_SMTP_RCPTS_MAX + 2);
	hk_buf_done(&all);
	hk_smtpc_free(c);
}

/* Nothing in an address or in our name can become another command. */
static void unsafe_paths_and_names_are_refused(void **state)
{
	static const char *const bad[] = {
	    "a@b\r\nRSET", "a b@c", "a>@b", "<a@b", "a@b\n", "a\"b@c", "\xc3\xa9@b", "a@b\t"};
	static const char *const fine[] = {
	    "a@b", "\"a b>\"@c", "\"a\\\"b\"@c", "a@[192.0.2.1]", "postmaster"};
	struct hk_smtpc *c = fresh();
	struct hk_smtpc_event event = {.size = sizeof event};
	struct hk_slice rcpt = HK_S("b@b.test");
	struct hk_smtpc_transaction t = {.size = sizeof t, .rcpt = &rcpt, .n = 1};
	struct hk_smtpc_options options = {.size = sizeof options, .helo = HK_S("a b")};
	size_t i;

	(void)state;
	assert_null(hk_smtpc_new(&options));
	options.helo = HK_S("a\r\nb");
	assert_null(hk_smtpc_new(&options));
	options.helo = HK_S("");
	assert_null(hk_smtpc_new(&options));
	assert_int_equal(hk_smtpc_start(c, &t), HK_BUG); /* not before READY */
	feed_all(c, HK_S("220 x\r\n250 x\r\n"), &event);
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		t.mail_from = hk_slice_str(bad[i]);
		assert_int_equal(hk_smtpc_start(c, &t), HK_SYNTAX);
		t.mail_from = HK_S("");
		rcpt = hk_slice_str(bad[i]);
		assert_int_equal(hk_smtpc_start(c, &t), HK_SYNTAX);
		rcpt = HK_S("b@b.test");
	}
	rcpt = HK_S("");
	assert_int_equal(hk_smtpc_start(c, &t), HK_SYNTAX);
	t.n = 0;
	assert_int_equal(hk_smtpc_start(c, &t), HK_BUG);
	hk_smtpc_free(c);
	t.n = 1;
	for (i = 0; i < sizeof fine / sizeof fine[0]; i++) {
		c = fresh();
		feed_all(c, HK_S("220 x\r\n250 x\r\n"), &event);
		rcpt = hk_slice_str(fine[i]);
		assert_int_equal(hk_smtpc_start(c, &t), HK_OK);
		hk_smtpc_free(c);
	}
}

/* What came in one piece with the reply to EHLO is not taken for the reply to MAIL. */
static void a_reply_that_waits_before_the_start_is_not_an_answer(void **state)
{
	static const char *const early[] = {"250 2.1.0 Ok\r\n", "25", "421 4.3.2 going\r\n"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof early / sizeof early[0]; i++) {
		struct hk_smtpc *c = fresh();
		struct hk_smtpc_event event = {.size = sizeof event};
		struct hk_slice rcpt = HK_S("b@b.test");
		const struct hk_smtpc_transaction t = {.size = sizeof t, .rcpt = &rcpt, .n = 1};

		feed_all(c, HK_S("220 x\r\n"), &event);
		hk_smtpc_sent(c, hk_smtpc_out(c).n);
		(void)hk_smtpc_feed(c, HK_S("250 x\r\n"));
		(void)hk_smtpc_feed(c, hk_slice_str(early[i]));
		assert_int_equal(hk_smtpc_next(c, &event), HK_OK);
		assert_int_equal(event.type, HK_SMTPC_READY);
		assert_int_equal(hk_smtpc_start(c, &t), HK_OK);
		hk_smtpc_eof(c);
		assert_int_equal(hk_smtpc_next(c, &event), HK_OK);
		assert_int_equal(event.type, HK_SMTPC_DONE);
		assert_int_equal(event.reply.code, 421);
		assert_int_equal(event.reply.own, i < 2);
		assert_int_equal(hk_smtpc_next(c, &event), HK_OK);
		assert_int_equal(event.type, HK_SMTPC_CLOSED);
		assert_int_equal(hk_smtpc_out(c).n, 0);
		hk_smtpc_free(c);
	}
}

static void stages_have_the_times_of_rfc_5321_4_5_3_2(void **state)
{
	struct hk_smtpc *c = fresh();
	struct hk_smtpc_event event = {.size = sizeof event};
	struct hk_slice rcpt = HK_S("b@b.test");
	const struct hk_smtpc_transaction t = {.size = sizeof t, .rcpt = &rcpt, .n = 1};

	(void)state;
	assert_int_equal(hk_smtpc_stage_timeout(c), 300);
	feed_all(c, HK_S("220 x\r\n250 x\r\n"), &event);
	assert_int_equal(hk_smtpc_start(c, &t), HK_OK);
	assert_int_equal(hk_smtpc_stage_timeout(c), 300);
	assert_int_equal(hk_smtpc_next(c, &event), HK_AGAIN);
	feed_all(c, HK_S("250 a\r\n"), &event);
	feed_all(c, HK_S("250 b\r\n"), &event);
	assert_int_equal(hk_smtpc_stage_timeout(c), 120);
	feed_all(c, HK_S("354 c\r\n"), &event);
	assert_int_equal(hk_smtpc_stage_timeout(c), 180);
	hk_smtpc_body_end(c);
	assert_int_equal(hk_smtpc_stage_timeout(c), 600);
	hk_smtpc_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reply_lines_are_bounded_in_length_and_number),
	    cmocka_unit_test(the_text_of_a_reply_is_cut_not_refused),
	    cmocka_unit_test(input_and_output_are_bounded),
	    cmocka_unit_test(many_recipients_do_not_outgrow_the_output),
	    cmocka_unit_test(unsafe_paths_and_names_are_refused),
	    cmocka_unit_test(a_reply_that_waits_before_the_start_is_not_an_answer),
	    cmocka_unit_test(stages_have_the_times_of_rfc_5321_4_5_3_2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
