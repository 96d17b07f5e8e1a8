/* SPDX-License-Identifier: MIT
 *
 * The client against those who mean harm: what it must never send on (SEC-4), and servers that say what they like.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpc_internal.h"
#include "tests/unit.h"

/* ---- what leaves us ---- */

enum { WORD_MAX = 7, WIRE_MAX = 1 << 12 };

/* Line ends as one parser or another takes them; each of these was found in a server. */
static const struct {
	const char *name;
	bool lf, cr, cr_cr_lf, nul;
} parsers[] = {
    {"only CRLF", false, false, false, false},
    {"a bare LF as well", true, false, false, false},
    {"a bare CR as well", false, true, false, false},
    {"bare CR and bare LF", true, true, false, false},
    {"CR CR LF", true, false, true, false},
    {"a NUL ends a line", true, true, true, true},
};

/* Length of the line end at p; 0: none. */
static size_t line_end(size_t parser, const uint8_t *p, size_t n)
{
	if (n >= 3 && parsers[parser].cr_cr_lf && memcmp(p, "\r\r\n", 3) == 0)
		return 3;
	if (n >= 2 && memcmp(p, "\r\n", 2) == 0)
		return 2;
	return n && ((p[0] == '\n' && parsers[parser].lf) || (p[0] == '\r' && parsers[parser].cr) ||
	                (p[0] == 0 && parsers[parser].nul));
}

/* Where the message ends for this parser: one behind the first line that is a dot alone; 0: nowhere. */
static size_t end_of(size_t parser, struct hk_slice wire)
{
	bool at_start = true;
	size_t at = 0;

	while (at < wire.n) {
		size_t n = line_end(parser, wire.p + at, wire.n - at);

		if (at_start && wire.p[at] == '.') {
			n = line_end(parser, wire.p + at + 1, wire.n - at - 1);
			if (n)
				return at + 1 + n;
		}
		at_start = n > 0;
		at += n ? n : 1;
	}
	return 0;
}

static bool is_fine(const uint8_t *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i] == 0 || (p[i] == '\r' && (i + 1 == n || p[i + 1] != '\n')) ||
		    (p[i] == '\n' && (i == 0 || p[i - 1] != '\r')))
			return false;
	return true;
}

/* A client that was told to send its message. */
static struct hk_smtpc *sending(bool lmtp, bool by_chunks)
{
	const struct hk_smtpc_options options = {.size = sizeof options, .helo = HK_S("me.test"), .lmtp = lmtp};
	struct hk_smtpc *c = must(hk_smtpc_new(&options));
	struct hk_smtpc_event e = {.size = sizeof e};
	struct hk_slice rcpt = HK_S("b@b.test");
	const struct hk_smtpc_transaction t = {.size = sizeof t, .rcpt = &rcpt, .n = 1, .mail.body = HK_BODY_8BITMIME};

	(void)hk_smtpc_feed(c, by_chunks ? HK_S("220 x\r\n250-x\r\n250-CHUNKING\r\n250 PIPELINING\r\n") : HK_S("220 x\r\n250 x\r\n"));
	while (hk_smtpc_next(c, &e) == HK_OK)
		;
	assert_int_equal(hk_smtpc_start(c, &t), HK_OK);
	assert_int_equal(hk_smtpc_next(c, &e), HK_AGAIN);
	(void)hk_smtpc_feed(c, HK_S("250 x\r\n"));
	assert_int_equal(hk_smtpc_next(c, &e), HK_AGAIN);
	(void)hk_smtpc_feed(c, HK_S("250 x\r\n"));
	if (!by_chunks) {
		assert_int_equal(hk_smtpc_next(c, &e), HK_AGAIN);
		(void)hk_smtpc_feed(c, HK_S("354 x\r\n"));
	}
	assert_int_equal(hk_smtpc_next(c, &e), HK_OK);
	assert_int_equal(e.type, HK_SMTPC_SEND_BODY);
	hk_smtpc_sent(c, hk_smtpc_out(c).n);
	return c;
}

/* Back to where a message is due. */
static void restart(struct hk_smtpc *c)
{
	c->state = SMTPC_BODY;
	c->stage = HK_SMTPC_DATA;
	c->in_transaction = true;
	c->dot_phase = c->held_cr = false;
	c->chunk_replies = 0;
	c->text = (struct hk_smtp_text){.at_line_start = true, .line = 1};
	c->due_at = c->due_n = 0;
	hk_buf_reset(&c->out);
}

static void send_all(struct hk_smtpc *c, struct hk_slice word, size_t piece)
{
	while (word.n && c->state == SMTPC_BODY) {
		size_t n = hk_smtpc_body(c, hk_slice_sub(word, 0, piece));

		word = hk_slice_from(word, n);
	}
	hk_smtpc_body_end(c);
}

/* The octets of the chunks in wire, joined; their sizes must fit. */
static void join_chunks(struct hk_slice wire, struct hk_buf *ret)
{
	bool last = false;

	while (wire.n) {
		struct hk_slice line = hk_slice_sub(wire, 0, hk_slice_find(wire, '\n'));
		uint64_t n;

		assert_false(last);
		assert_true(line.n > 6 && memcmp(line.p, "BDAT ", 5) == 0 && line.p[line.n - 1] == '\r');
		wire = hk_slice_from(wire, line.n + 1);
		line = hk_slice_sub(line, 5, line.n - 6);
		last = hk_slice_ends_nocase(line, HK_S(" LAST"));
		assert_int_equal(hk_slice_u64(hk_slice_sub(line, 0, hk_slice_find(line, ' ')), WIRE_MAX, &n), HK_OK);
		assert_true(n <= wire.n);
		hk_buf_add(ret, hk_slice_sub(wire, 0, (size_t)n));
		wire = hk_slice_from(wire, (size_t)n);
	}
	assert_true(last);
}

static void check_word(struct hk_smtpc *c, struct hk_slice word, size_t piece, bool by_chunks)
{
	bool fine = is_fine(word.p, word.n);
	struct hk_buf text;
	size_t i;

	restart(c);
	send_all(c, word, piece);
	/* what may not leave us did not: nothing that ends a message was sent */
	assert_int_equal(c->state, fine ? SMTPC_TRANSACTION : SMTPC_OVER);
	if (!fine) {
		assert_int_equal(c->out.n, 0);
		assert_int_equal(c->due[0].reply.code, 554);
		return;
	}
	hk_buf_init(&text, WIRE_MAX);
	if (by_chunks)
		join_chunks(hk_buf_slice(&c->out), &text);
	else
		hk_buf_add(&text, hk_buf_slice(&c->out));
	assert_true(is_fine(text.p, text.n));
	for (i = 0; i < COUNT(parsers) && !by_chunks; i++)
		if (end_of(i, hk_buf_slice(&text)) != text.n)
			fail_msg("%s: the message ends at %zu of %zu", parsers[i].name, end_of(i, hk_buf_slice(&text)), text.n);
	hk_buf_done(&text);
}

/* T1b, SEC-1 to SEC-5: whatever is given to the client to send, each parser that there is sees one message in it, or it is
 * not sent. The same for the parts of chunks, and on the last hop by LMTP. */
static void nothing_leaves_us_in_which_another_server_could_see_two_messages(void **state)
{
	static const uint8_t alphabet[7] = {'\r', '\n', 0, '.', ' ', '\t', 'a'};
	size_t n, kind, most = getenv("HK_LONG") ? WORD_MAX : 5;

	(void)state;
	for (kind = 0; kind < 4; kind++) {
		struct hk_smtpc *c = sending(kind & 1, kind & 2);

		for (n = 0; n <= most; n++) {
			uint8_t digit[WORD_MAX] = {0}, word[WORD_MAX];
			size_t i;

			do {
				for (i = 0; i < n; i++)
					word[i] = alphabet[digit[i]];
				check_word(c, hk_slice_of(word, n), 1000, kind & 2);
				check_word(c, hk_slice_of(word, n), 1, kind & 2);
				for (i = 0; i < n && ++digit[i] == sizeof alphabet; i++)
					digit[i] = 0;
			} while (i < n);
		}
		hk_smtpc_free(c);
	}
}

/* ---- STARTTLS ---- */

/* T2c, SEC-9, SEC-10: what a server, or somebody between, says in clear behind the 220 is not heeded under TLS, wherever the
 * pieces are cut; nor is what was offered before. */
static void replies_in_clear_behind_starttls_are_dropped_at_every_split(void **state)
{
	static const char clear[] = "220 x\r\n250-x\r\n250-AUTH PLAIN\r\n250-SIZE 5\r\n250 STARTTLS\r\n220 go\r\n"
	                            "250-evil\r\n250 AUTH LOGIN\r\n235 in\r\n421 bye\r\n\x16\x03\x01";
	const struct hk_smtpc_options options = {
	    .size = sizeof options, .helo = HK_S("me.test"), .require_tls = true};
	size_t split;

	(void)state;
	for (split = 0; split < sizeof clear; split++) {
		struct hk_smtpc *c = must(hk_smtpc_new(&options));
		struct hk_smtpc_event e = {.size = sizeof e};
		unsigned handshakes = 0;
		size_t part;

		for (part = 0; part < 2; part++) {
			(void)hk_smtpc_feed(c, part ? hk_slice_of(clear + split, sizeof clear - 1 - split) : hk_slice_of(clear, split));
			while (hk_smtpc_next(c, &e) == HK_OK) {
				assert_int_equal(e.type, HK_SMTPC_TLS);
				handshakes++;
			}
		}
		assert_int_equal(handshakes, 1);
		hk_smtpc_sent(c, hk_smtpc_out(c).n);
		hk_smtpc_tls_done(c, true);
		assert_int_equal(hk_smtpc_next(c, &e), HK_AGAIN);
		assert_text(hk_smtpc_out(c), "EHLO me.test\r\n");
		assert_int_equal(hk_smtpc_offered(c), 0);
		assert_int_equal(hk_smtpc_mechanisms(c).n, 0);
		(void)hk_smtpc_feed(c, HK_S("250 x\r\n"));
		assert_int_equal(hk_smtpc_next(c, &e), HK_OK);
		assert_int_equal(e.type, HK_SMTPC_READY);
		assert_int_equal(hk_smtpc_offered(c), 0);
		assert_int_equal(hk_smtpc_size_limit(c), 0);
		hk_smtpc_free(c);
	}
}

/* ---- servers that say what they like ---- */

/* In place of the reply to step `at`: one of these. %s: the usual code. */
static const char *const says[] = {
    "", "\r\n", "\n", "\r", "x", "%s", "%s\n", "%s-\r\n", "%s-a\r\n%s-b\r\n", "%s x\n", "%s x\r", "%s x\r\r\n", "%s\tx\r\n",
    "%sx\r\n", "%s -x\r\n", "%s-x\r\n250x\r\n", "%s-x\r\n199 y\r\n", "%s-x\r\n%s-y\r\nQUIT\r\n", "-%s x\r\n", " %s x\r\n",
    "00%s\r\n", "000 x\r\n", "099 x\r\n", "100 x\r\n", "199 x\r\n", "200\r\n", "299 x\r\n", "333 x\r\n", "334 !!\r\n",
    "354 x\r\n", "354\r\n354 x\r\n", "399 x\r\n", "400 x\r\n", "421 x\r\n", "421-x\r\n421 y\r\n", "450 x\r\n", "499 x\r\n",
    "500 x\r\n", "502 x\r\n", "550 5.1.1 x\r\n", "550 2.1.1 x\r\n", "550 5.1111.1 x\r\n", "550 5.1.\r\n", "550 5..1 x\r\n",
    "550-5.1.1 x\r\n550 5.1.2 y\r\n", "550-5.1.1\r\n550\r\n", "599 x\r\n", "600 x\r\n", "999 x\r\n", "\xff\xfe\r\n",
    "%s \x1b[2J\x80\r\n", "%s %%s%%n%%x\r\n", "%s x\r\n%s x\r\n", "%s x\r\n%s x\r\n%s x\r\n%s x\r\n", "%s x\r\n421 y\r\n",
    "%s x\r\n550 y\r\n", "HTTP/1.1 200 OK\r\n\r\n", "\x16\x03\x01\x02\x00\x01", "EHLO you\r\n", "250 x\r\n", "220 x\r\n",
    "235 x\r\n", "%s-SIZE 99999999999999999999\r\n%s x\r\n", "%s-LIMITS MAILMAX=0 RCPTMAX=-1\r\n%s x\r\n", "$NUL", "$LONG",
    "$LINES", "$HUGE", "$FLOOD",
};
static const char *const usual[] = {"220", "250", "220", "250", "250", "250", "354", "250", "221"};

static void build(const char *form, const char *code, struct hk_buf *ret)
{
	size_t i;

	if (strcmp(form, "$NUL") == 0) {
		hk_buf_addf(ret, "%s x", code);
		hk_buf_add(ret, hk_slice_of("\0y\r\n", 4));
	} else if (strcmp(form, "$LONG") == 0) {
		hk_buf_addf(ret, "%s ", code);
		for (i = 0; i < 100000; i++)
			hk_buf_add_byte(ret, 'x');
	} else if (strcmp(form, "$LINES") == 0) {
		for (i = 0; i < 10000; i++)
			hk_buf_addf(ret, "%s-x\r\n", code);
	} else if (strcmp(form, "$HUGE") == 0) {
		for (i = 0; i < 199; i++)
			hk_buf_addf(ret, "%s-%01000zu\r\n", code, i);
		hk_buf_addf(ret, "%s x\r\n", code);
	} else if (strcmp(form, "$FLOOD") == 0) {
		for (i = 0; i < 10000; i++)
			hk_buf_addf(ret, "%s x\r\n", code);
	} else {
		for (; *form; form++) {
			if (form[0] == '%' && form[1] == 's' && form++)
				hk_buf_add_str(ret, code);
			else if (form[0] != '%' || form[1] == '%')
				hk_buf_add_byte(ret, (uint8_t)*form), form += form[0] == '%';
		}
	}
	assert_int_equal(hk_buf_status(ret), HK_OK);
}

struct talk {
	struct hk_smtpc *c;
	unsigned started, done, closed, tls;
	bool good; /* DONE said that the message was taken */
};

/* What the client says is heeded until it waits. */
static void heed(struct talk *t)
{
	struct hk_smtpc_event e = {.size = sizeof e};
	struct hk_slice rcpt[2] = {HK_S("b@b.test"), HK_S("c@b.test")};
	const struct hk_smtpc_transaction mail = {.size = sizeof mail, .mail_from = HK_S("a@a.test"), .rcpt = rcpt, .n = 2};

	while (hk_smtpc_next(t->c, &e) == HK_OK) {
		assert_int_equal(t->closed, 0);
		assert_true(e.reply.text.n <= HK_SMTP_REPLY_TEXT_MAX);
		t->closed += e.type == HK_SMTPC_CLOSED;
		t->done += e.type == HK_SMTPC_DONE;
		if (e.type == HK_SMTPC_DONE)
			t->good = e.reply.code < 300;
		if (e.type == HK_SMTPC_TLS && ++t->tls)
			hk_smtpc_tls_done(t->c, true);
		if (e.type == HK_SMTPC_SEND_BODY) {
			(void)hk_smtpc_body(t->c, HK_S("x\r\n"));
			hk_smtpc_body_end(t->c);
		}
		if (e.type == HK_SMTPC_READY && (t->started || hk_smtpc_start(t->c, &mail) != HK_OK))
			hk_smtpc_quit(t->c);
		else if (e.type == HK_SMTPC_READY)
			t->started++;
	}
	assert_true(hk_smtpc_out(t->c).n <= HK_SMTP_OUTPUT_MAX);
	assert_true(t->c->in.n <= 16 * 1024);
}

static void tell(struct talk *t, struct hk_slice text, size_t piece)
{
	while (text.n && !t->closed) {
		size_t n = hk_smtpc_feed(t->c, hk_slice_sub(text, 0, piece));

		heed(t);
		text = hk_slice_from(text, n);
	}
}

/* A session in which the server's reply `at` is replaced. */
static void suffer(size_t at, const char *form, size_t piece, bool eof, bool lmtp)
{
	const struct hk_smtpc_options options = {.size = sizeof options, .helo = HK_S("me.test"), .want_tls = true, .lmtp = lmtp};
	struct talk t = {.c = must(hk_smtpc_new(&options))};
	bool was_sent = false;
	struct hk_buf text;
	size_t i;

	hk_buf_init(&text, 1 << 20);
	for (i = 0; i < 10 && !t.closed; i++) {
		/* banner, EHLO, STARTTLS, EHLO, MAIL, RCPT, RCPT, DATA, dot, QUIT */
		static const uint8_t kind[] = {0, 1, 2, 3, 4, 5, 5, 6, 7, 8};

		hk_buf_reset(&text);
		was_sent = was_sent || t.c->dot_phase;
		if (i == at)
			build(form, usual[kind[i]], &text);
		else if (i == 1)
			hk_buf_add_str(&text, "250-x\r\n250 STARTTLS\r\n");
		else
			hk_buf_addf(&text, "%s x\r\n", usual[kind[i]]);
		tell(&t, hk_buf_slice(&text), piece);
	}
	was_sent = was_sent || t.c->dot_phase;
	if (eof)
		hk_smtpc_eof(t.c);
	else
		hk_smtpc_timeout(t.c);
	heed(&t);
	/* it is over, and each transaction has one end; no message is said to be taken that was not sent */
	if (t.closed != 1 || t.done != t.started || (t.good && !was_sent))
		fail_msg("step %zu, \"%s\", pieces of %zu: closed %u, started %u, done %u, good %d", at, form, piece, t.closed,
		    t.started, t.done, t.good);
	assert_int_equal(hk_smtpc_out(t.c).n, 0);
	hk_smtpc_free(t.c);
	hk_buf_done(&text);
}

/* T10, SEC-35: 700 ways to misbehave, each whole and byte by byte. */
static void a_server_that_says_what_it_likes_ends_the_session_and_no_more(void **state)
{
	size_t at, i;

	(void)state;
	for (at = 0; at < 10; at++) {
		for (i = 0; i < COUNT(says); i++) {
			suffer(at, says[i], 1 << 20, i & 1, at & 1);
			suffer(at, says[i], 1 << 20, i & 1, false);
			suffer(at, says[i], says[i][0] == '$' ? 4096 : 1, !(i & 1), false);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_leaves_us_in_which_another_server_could_see_two_messages),
	    cmocka_unit_test(replies_in_clear_behind_starttls_are_dropped_at_every_split),
	    cmocka_unit_test(a_server_that_says_what_it_likes_ends_the_session_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
