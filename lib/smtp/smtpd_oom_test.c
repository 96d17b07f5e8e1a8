/* SPDX-License-Identifier: MIT
 *
 * The server where memory runs out (tests/oom.h): whatever allocation fails, and however the input is cut, a caller that feeds and
 * asks never waits for nothing.
 */
#include "smtpd_internal.h"
#include "smtpd_test_util.h"

enum { PIECES_MOST = 3, OUT_MAX = 1 << 20 };

/* What an endless loop would be in a caller: no octet was taken, and next says neither an event nor that it is over. */
static enum hk_status talk(struct hk_smtpd *s, struct hk_slice in, size_t piece, struct hk_buf *out)
{
	struct hk_smtpd_event e = {.size = sizeof e};
	enum hk_status status = HK_AGAIN;

	while (in.n && status == HK_AGAIN) {
		size_t n = hk_smtpd_feed(s, hk_slice_sub(in, 0, piece));
		bool moved = n > 0;

		in = hk_slice_from(in, n);
		while ((status = hk_smtpd_next(s, &e)) == HK_OK) {
			moved = true;
			hk_buf_addf(out, "%d ", e.type);
			hk_smtpd_accept(s);
		}
		moved |= hk_smtpd_out(s).n > 0;
		hk_buf_add(out, hk_smtpd_out(s));
		hk_smtpd_sent(s, hk_smtpd_out(s).n);
		if (status == HK_AGAIN && !moved) {
			oom_disarm();
			fail_msg("nothing moves, and nobody says why: %zu octets are left", in.n);
		}
	}
	return status;
}

static struct hk_smtpd_options options_of(bool lmtp)
{
	struct hk_smtpd_options options = plain;

	options.extensions = ~0u;
	options.mechanisms = HK_S("PLAIN LOGIN");
	options.lmtp = lmtp;
	options.max_domains = 10;
	options.max_message = 1000000;
	return options;
}

struct way {
	struct hk_slice text;
	bool lmtp;
	size_t cut;   /* one piece up to here, one behind; 0: none */
	size_t piece; /* pieces of so many octets */
};

/* One session. What it said to out, where it was not out of memory. */
static enum hk_status session(const struct way *w, struct hk_buf *out)
{
	struct hk_smtpd_options options = options_of(w->lmtp);
	struct hk_smtpd *s = hk_smtpd_new(&options);
	struct hk_buf seen;
	enum hk_status status = HK_NOMEM;

	hk_buf_init(&seen, OUT_MAX);
	if (s)
		status = talk(s, hk_slice_sub(w->text, 0, w->cut), w->piece, &seen);
	if (s && status == HK_AGAIN)
		status = talk(s, hk_slice_from(w->text, w->cut), w->piece, &seen);
	oom_disarm();
	if (status == HK_AGAIN || status == HK_END)
		status = hk_buf_status(&seen);
	hk_buf_add(out, hk_buf_slice(&seen));
	hk_buf_done(&seen);
	hk_smtpd_free(s);
	return status;
}

/* Every allocation fails, alone and with all behind it. What was said in the end is what is said with memory, or NOMEM. */
static size_t torture(const char *name, const struct way *w)
{
	size_t nth, total = SIZE_MAX, live;
	struct hk_buf right, got;
	int mode;

	hk_buf_init(&right, OUT_MAX);
	hk_buf_init(&got, OUT_MAX);
	assert_int_equal(session(w, &right), HK_OK);
	oom_arm(0, OOM_ONCE);
	session(w, &got);
	live = oom_live();
	for (mode = OOM_ONCE; mode <= OOM_FROM_THERE_ON; mode++) {
		for (nth = 1; nth <= total; nth++) {
			enum hk_status status;

			hk_buf_reset(&got);
			oom_arm(nth, (enum oom_mode)mode);
			status = session(w, &got);
			total = nth > oom_disarm() ? nth : SIZE_MAX;
			if (status != HK_NOMEM && (status != HK_OK || !hk_slice_eq(hk_buf_slice(&got), hk_buf_slice(&right))))
				fail_msg("%s, cut %zu, pieces of %zu, allocation %zu%s: %s\n%.*s", name, w->cut, w->piece, nth,
				    mode ? " and all after it" : "", hk_status_name(status), HK_FMT(hk_buf_slice(&got)));
			if (oom_live() != live)
				fail_msg("%s, cut %zu, pieces of %zu, allocation %zu%s: something is left", name, w->cut, w->piece, nth,
				    mode ? " and all after it" : "");
			if (total == nth)
				break;
		}
		total = SIZE_MAX;
	}
	hk_buf_done(&right);
	hk_buf_done(&got);
	return nth;
}

static const struct {
	const char *name, *text;
	bool lmtp;
} dialogues[] = {
    {"a message", "EHLO a.test\r\nMAIL FROM:<a@a.test> SIZE=9 RET=HDRS ENVID=x+2By\r\n"
                  "RCPT TO:<b@b.test> NOTIFY=SUCCESS ORCPT=rfc822;b@b.test\r\nDATA\r\n..x\r\n.\r\nQUIT\r\n", false},
    {"chunks", "EHLO a.test\r\nMAIL FROM:<> BODY=BINARYMIME\r\nRCPT TO:<b@b.test>\r\nBDAT 3\r\na\nbBDAT 2 LAST\r\n\r\nNOOP\r\n", false},
    {"what is refused", "EHLO a.test\r\nMAIL FROM:<a\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nDATA\r\na\nb\r\n.\r\nRCPT\r\nFOO\r\n", false},
    {"AUTH", "EHLO a.test\r\nAUTH LOGIN\r\nYQ==\r\n*\r\nAUTH PLAIN AGEAZ29vZA==\r\nHELP\r\n", false},
    {"LMTP", "LHLO a.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nRCPT TO:<c@c.test>\r\nDATA\r\nx\r\n.\r\nRSET\r\n", true},
    {"an endless line", "EHLO a.test\r\n\x01 and a bare\nLF in it\r\nNOOP\r\n", false},
};

/* T5, T6: at each octet of a dialogue the next piece begins. */
static void a_session_without_memory_says_so_at_every_cut(void **state)
{
	size_t i, cut, allocations = 0;

	(void)state;
	for (i = 0; i < COUNT(dialogues); i++) {
		struct way w = {.text = hk_slice_str(dialogues[i].text), .lmtp = dialogues[i].lmtp, .piece = SIZE_MAX};

		for (cut = 0; cut <= w.text.n; cut++) {
			w.cut = cut;
			allocations += torture(dialogues[i].name, &w);
		}
		w.cut = 0;
		for (w.piece = 1; w.piece <= 3; w.piece++)
			torture(dialogues[i].name, &w);
	}
	assert_true(allocations > 1000);
}

/* The input grows from 4 KiB to 64 where it is fed faster than it is taken apart: each step of that may fail, and so may the first. */
static void an_input_that_cannot_grow_is_taken_in_smaller_pieces(void **state)
{
	static const size_t pieces[] = {1, 4095, 4096, 4097, 8191, 8192, 8193, 16385, 65535, 65536, 65537, 200000};
	struct hk_buf text;
	size_t i, k;

	(void)state;
	hk_buf_init(&text, 1 << 20);
	hk_buf_add_str(&text, ENVELOPE);
	for (i = 0; i < 2500; i++)
		hk_buf_addf(&text, "%zu, a line of the message\r\n", i);
	hk_buf_add_str(&text, ".\r\nMAIL FROM:<>\r\nRCPT TO:<b@b.test>\r\nBDAT 70000 LAST\r\n");
	for (i = 0; i < 70000; i++)
		hk_buf_add_byte(&text, (uint8_t)('a' + i % 26));
	hk_buf_add_str(&text, "NOOP\r\n");
	assert_int_equal(hk_buf_status(&text), HK_OK);
	for (k = 0; k < COUNT(pieces); k++) {
		struct way w = {.text = hk_buf_slice(&text), .piece = pieces[k]};

		torture("a large message", &w);
	}
	hk_buf_done(&text);
}

/* RFC 4954 4: a line with a credential in it may be longer than the first buffer, and nothing of it can be taken out before its end. */
static void a_line_that_finds_no_room_ends_the_session(void **state)
{
	static const size_t lengths[] = {4000, 4096, 4097, 8192, 8193, HK_SMTP_AUTH_LINE_MAX - 16, HK_SMTP_AUTH_LINE_MAX, HK_SMTP_AUTH_LINE_MAX + 1};
	static const size_t pieces[] = {1, 100, 4096, 5000, 200000};
	struct hk_buf text;
	size_t i, k;

	(void)state;
	for (i = 0; i < COUNT(lengths); i++) {
		hk_buf_init(&text, 1 << 16);
		hk_buf_add_str(&text, "EHLO a.test\r\nAUTH PLAIN ");
		while (text.n < lengths[i] + 13 - 2)
			hk_buf_add_byte(&text, 'A');
		hk_buf_add_str(&text, "\r\nNOOP\r\n");
		assert_int_equal(hk_buf_status(&text), HK_OK);
		for (k = 0; k < COUNT(pieces); k++) {
			struct way w = {.text = hk_buf_slice(&text), .piece = pieces[k]};

			torture("a long line of AUTH", &w);
		}
		hk_buf_done(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_session_without_memory_says_so_at_every_cut),
	    cmocka_unit_test(a_line_that_finds_no_room_ends_the_session),
	    cmocka_unit_test(an_input_that_cannot_grow_is_taken_in_smaller_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
