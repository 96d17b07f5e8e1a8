/* SPDX-License-Identifier: MIT
 *
 * Sessions with clients that mean harm: what they can hold of us, in time and in memory, and that no listener of ours takes
 * a word for another's end.
 */
#include <stdio.h>
#include <string.h>

#include "engine/session_testing.h"
#include "tests/unit_heap.h"

#define LISTENERS                                                                                  \
	CONF "listen trusting { address 10.255.2.41:25; reject-early-talkers off; trusted-relays 10.0.0.9; "       \
	     "relay-from 10.0.0.9; }\n"

/* Each mode that a listener can be in: LMTP, submission, one that has clients wait for the banner, behind a balancer, the lenient one. */
#define SIDES                                                                                      \
	CONF "listen waits { address 10.255.2.41:25; greet-delay 5s; }\n"                           \
	     "listen proxied { address 10.255.2.41:26; proxy-from 10.0.0.9; }\n"                    \
	     "listen legacy { address 10.255.2.41:27; legacy-clients 10.0.0.9; reject-early-talkers off; }\n"

/* ---- time ---- */

/* T19: keeping to the time of each command is not enough, and neither is keeping to that of each octet. */
static void a_client_cannot_hold_a_session_for_ever(void **state)
{
	static const struct {
		const char *text, *more;
		uint64_t slow_ms, least, most; /* seconds */
	} rows[] = {
	    /* one octet in ten seconds of a message: five minutes (minimum-rate) */
	    {HEAD "A: b\r\n\r\n", "x", 10000, 700, 1100},
	    /* one line in 290 seconds: an hour */
	    {"HELO a.test\r\nMAIL FROM:<a@a.test>\r\n", "RCPT TO:<user1@b.test>\r\n", 290000, 3600, 3900},
	    {"", "NOOP\r\n", 290000, 3600, 3900},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct hk_slice bytes;
		struct srig r;
		uint64_t began;

		srig_init(&r, CONF, ZONE);
		r.keep_open = true;
		r.slow_ms = rows[i].slow_ms;
		r.piece = strlen(rows[i].more);
		began = r.now.mono_ms;
		bytes = repeated(&r, rows[i].text, rows[i].more, 300, "");
		srig_run(&r, bytes);
		assert_has(srig_replies(&r), "421 4.4.2 ");
		assert_true(r.has_ended);
		assert_in_range((r.now.mono_ms - began) / 1000, rows[i].least, rows[i].most);
		assert_int_equal(r.n_mails, 0);
		srig_done(&r);
	}
}

/* A slow line is no attack: what keeps to the least rate is heard out. */
static void a_slow_but_steady_message_is_taken(void **state)
{
	struct hk_slice bytes;
	struct srig r;

	(void)state;
	srig_init(&r, CONF, ZONE);
	r.piece = 80;
	r.slow_ms = 150;
	bytes = repeated(&r, HEAD "A: b\r\n\r\n", "seventy-eight octets of a line that comes as slowly as a modem of 1984 would\r\n", 30000, ".\r\n");
	srig_run(&r, bytes);
	assert_int_equal(r.n_mails, 1);
	srig_done(&r);
}

/* ---- smuggling ---- */

/* T1, SEC-1 to SEC-6: on each listener, from strangers, own hosts and trusted relays alike: one message, or a refusal. */
static void no_listener_takes_a_smuggled_message(void **state)
{
	static const char *const ends[] = {"\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\r.\r\r", "\r\n.\r", "\r.\r\n", "\r\n\0.\r\n",
	    "\r\n.\0\r\n", "\n\n.\n\n", "\r\n.\r\r\n", "\n\r.\n\r"};
	static const struct {
		const char *listener, *client, *hello;
	} hops[] = {{"mx", "10.0.0.9", "EHLO"}, {"mx", "10.7.0.1", "EHLO"}, {"out", "10.7.0.1", "EHLO"}, {"mua", "10.7.0.1", "EHLO"},
	    {"lmtp", "10.0.0.9", "LHLO"}, {"trusting", "10.0.0.9", "EHLO"}};
	size_t i, k, by_chunks;

	(void)state;
	for (k = 0; k < COUNT(hops); k++) {
		for (i = 0; i < COUNT(ends); i++) {
			for (by_chunks = 0; by_chunks < 2; by_chunks++) {
				size_t n = i == 7 || i == 8 ? 6 : strlen(ends[i]);
				struct hk_buf text, body;
				struct srig r;

				hk_buf_init(&text, 4096);
				hk_buf_init(&body, 4096);
				hk_buf_add_str(&body, "Subject: a\r\n\r\nx");
				hk_buf_add(&body, hk_slice_of(ends[i], n));
				hk_buf_add_str(&body, "MAIL FROM:<evil@a.test>\r\nRCPT TO:<user2@b.test>\r\nDATA\r\nSubject: evil\r\n\r\n");
				hk_buf_addf(&text, "%s a.test\r\nMAIL FROM:<user1@a.test>\r\nRCPT TO:<user1@b.test>\r\n", hops[k].hello);
				if (by_chunks)
					hk_buf_addf(&text, "BDAT %zu LAST\r\n", body.n);
				else
					hk_buf_add_str(&text, "DATA\r\n");
				hk_buf_add(&text, hk_buf_slice(&body));
				if (!by_chunks)
					hk_buf_add_str(&text, ".\r\n");
				srig_init(&r, LISTENERS, ZONE);
				r.listener = hops[k].listener;
				r.client = hops[k].client;
				srig_run(&r, hk_buf_slice(&text));
				if (r.n_mails || !strstr(srig_replies(&r), "550 5.6.0 "))
					fail_msg("%s from %s, end %zu, chunks %zu: %zu mails\n%s", hops[k].listener, hops[k].client, i,
					    by_chunks, r.n_mails, srig_replies(&r));
				srig_done(&r);
				hk_buf_done(&body);
				hk_buf_done(&text);
			}
		}
	}
}

/* One message with BODY=BINARYMIME, in one chunk. */
#define ROW(text) text, sizeof(text) - 1
struct binary_row {
	const char *text;
	size_t n;
	const char *said; /* NULL: it is taken */
};

static void run_binary(const struct binary_row *row, size_t i, size_t piece)
{
	struct hk_buf text;
	struct srig r;

	hk_buf_init(&text, 1 << 20);
	hk_buf_addf(&text, "EHLO a.test\r\nMAIL FROM:<a@a.test> BODY=BINARYMIME\r\nRCPT TO:<user1@b.test>\r\nBDAT %zu LAST\r\n", row->n);
	hk_buf_add(&text, hk_slice_of(row->text, row->n));
	if (hk_buf_status(&text) == HK_OK) {
		srig_init(&r, CONF, ZONE);
		r.piece = piece;
		srig_run(&r, hk_buf_slice(&text));
		if (r.n_mails != !row->said || (row->said && !strstr(srig_replies(&r), row->said)))
			fail_msg("row %zu: %zu mails\n%s", i, r.n_mails, srig_replies(&r));
		srig_done(&r);
	}
	hk_buf_done(&text);
}

/* What BODY=BINARYMIME frees is the body (RFC 3030 3): in a header a bare LF would be a From to others that nobody here has checked. */
static void a_header_is_lines_whatever_the_body_is(void **state)
{
	static const struct binary_row rows[] = {
	    {ROW("From: a@a.test\r\nSubject: x\nFrom: b@b.test\r\n\r\nx\r\n"), "550 5.6.0 Message refused: bare LF at line 2 "},
	    {ROW("Subject: x\n\nFrom: b@b.test\r\n\r\nx\r\n"), "550 5.6.0 Message refused: bare LF at line 1 "},
	    {ROW("\nFrom: b@b.test\r\n\r\nx\r\n"), "550 5.6.0 Message refused: bare LF at line 1 "},
	    {ROW("Subject: x\rFrom: b@b.test\r\n\r\nx\r\n"), "550 5.6.0 Message refused: bare CR at line 1 "},
	    {ROW("Subject: x\r\r\n\r\nx\r\n"), "550 5.6.0 Message refused: bare CR at line 1 "},
	    {ROW("Subject: x\0y\r\n\r\nx\r\n"), "550 5.6.0 Message refused: NUL at line 1 "},
	    {ROW("Subject: x\nFrom: b@b.test\r\n"), "550 5.6.0 Message refused: bare LF at line 1 "}, /* no body at all */
	    {ROW("Subject: x\r"), "550 5.6.0 Message refused: bare CR at line 1 "},
	    {ROW("Content-Transfer-Encoding: binary\r\n\r\na\nb\rc\0\r\n"), NULL},
	    {ROW("\r\na\r\nb"), NULL},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		run_binary(&rows[i], i, 0);
		run_binary(&rows[i], i, 1);
	}
}

/* RFC 3030 3: what is BINARYMIME by its label alone would come back as a report later, to a sender that nobody has proved. */
static void what_is_labelled_binarymime_and_is_not_is_refused_at_its_end(void **state)
{
#define LABEL     "Content-Transfer-Encoding: binary\r\n"
#define UNLABELLED "554 5.6.0 Bytes that are no lines stand outside of the parts labelled binary (RFC 3030 3, RFC 2045 6.2) "
	static const struct binary_row rows[] = {
	    {ROW("A: b\r\n\r\na\nb\r\n"), UNLABELLED},
	    {ROW("A: b\r\n\r\na\rb\r\n"), UNLABELLED},
	    {ROW("A: b\r\n\r\na\0b\r\n"), UNLABELLED},
	    {ROW("A: b\r\n\r\na\r"), UNLABELLED},
	    {ROW("A: b\r\n\r\nlines\r\nand an end without one"), NULL},
	    {ROW(LABEL "\r\na\nb\rc\0"), NULL},
	    {ROW("Content-Transfer-Encoding: base64\r\n\r\nYQ==\n"), UNLABELLED},
	    {ROW("Content-Type: multipart/mixed; boundary=x\r\n" LABEL "\r\n--x\r\n" LABEL "\r\na\nb\r\n--x--\r\n"), NULL},
	    {ROW("Content-Type: multipart/mixed; boundary=x\r\n" LABEL "\r\n--x\r\n\r\na\nb\r\n--x\r\n" LABEL "\r\n\n\r\n--x--\r\n"), UNLABELLED},
	    {ROW(LABEL "Content-Transfer-Encoding: 8bit\r\n\r\na\nb\r\n"), "554 5.6.0 The parts of this BINARYMIME message cannot be told apart "},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		run_binary(&rows[i], i, 0);
		run_binary(&rows[i], i, 1);
	}
#undef LABEL
#undef UNLABELLED
#undef ROW
}

/* ---- memory ---- */

struct greed {
	const char *name, *before, *line, *after;
	size_t times, most; /* most: octets */
	bool is_mended;     /* the lenient listener refuses nothing of it: it would lie on the disk, which is memory here */
};

static void assert_bounded(const struct greed *g, const char *listener, const char *client, size_t times)
{
	struct hk_slice bytes;
	size_t before, used;
	struct srig r;

	srig_init(&r, SIDES, ZONE);
	r.listener = listener;
	r.client = client;
	r.keep_open = true;
	bytes = repeated(&r, g->before, g->line, times, g->after);
	before = heap_begin();
	srig_run(&r, bytes);
	used = heap.peak - before - r.replies.cap - r.log.cap;
	print_message("# %s, %s: %zu octets at most\n", listener ? listener : "mx", g->name, used);
	if (used > g->most)
		fail_msg("%s, %s: %zu octets", listener ? listener : "mx", g->name, used);
	srig_done(&r);
}

/* T6: the most that a client gets us to hold, by what it does and by what it speaks to: also to what only sends it away. */
static void a_hostile_client_gets_no_more_memory_than_its_bound(void **state)
{
	static const struct greed rows[] = {
	    {"nothing", "", "", "", 0, 20000},
	    {"a command without end", "", "x", "", 3000000, 100000},
	    {"an AUTH without end", "EHLO a\r\nAUTH PLAIN ", "A", "", 3000000, 110000},
	    {"10 MB of commands", "EHLO a\r\n", "NOOP\r\n", "", 1700000, 200000},
	    {"10 MB of wrong commands", "EHLO a\r\n", "x\r\n", "", 3400000, 200000},
	    {"10 MB of senders", "EHLO a\r\n", "MAIL FROM:<a@a.test>\r\nRSET\r\n", "", 350000, 200000},
	    {"recipients without end", "EHLO a\r\nMAIL FROM:<>\r\n", "RCPT TO:<user1@b.test>\r\n", "", 400000, 350000}, /* a thousand */
	    {"chunks of nothing", "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<user1@b.test>\r\n", "BDAT 0\r\n", "", 1000000, 300000},
	    {"a chunk of a terabyte for nobody", "EHLO a\r\nBDAT 999999999999\r\n", "xxxxxxxx", "", 500000, 200000},
	    {"a header without end", HEAD, "x", "", 3000000, 500000},
	    {"fields without end", HEAD, "A: b\r\n", "", 1000000, 500000},
	    {"a refused body of 10 MB", HEAD "A: b\r\n\r\n\n", "0123456789\r\n", "", 800000, 200000, true},
	    {"addresses without end", HEAD "From: ", "a@a.test, ", "\r\n\r\n.\r\n", 25000, 1000000},
	};
	static const char *const sides[] = {"out", "mua", "tls", "lmtp", "early", "waits", "proxied", "legacy"};
	size_t i, k;

	(void)state;
	for (i = 0; i < COUNT(rows) && HAS_HEAP_COUNT; i++) {
		assert_bounded(&rows[i], NULL, NULL, rows[i].times);
		for (k = 0; k < COUNT(sides); k++)
			if (!rows[i].is_mended || strcmp(sides[k], "legacy") != 0)
				assert_bounded(&rows[i], sides[k], "10.0.0.9", rows[i].times / 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    {"SEC-85: a client cannot hold a session for ever, T19", a_client_cannot_hold_a_session_for_ever, NULL, NULL, NULL},
	    cmocka_unit_test(a_slow_but_steady_message_is_taken),
	    cmocka_unit_test(no_listener_takes_a_smuggled_message),
	    cmocka_unit_test(a_header_is_lines_whatever_the_body_is),
	    cmocka_unit_test(what_is_labelled_binarymime_and_is_not_is_refused_at_its_end),
	    {"SEC-18, SEC-19, SEC-48, SEC-82: a hostile client gets no more memory than its bound, in each mode of a listener",
	        a_hostile_client_gets_no_more_memory_than_its_bound, NULL, NULL, NULL},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
