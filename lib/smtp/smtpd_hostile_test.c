/* SPDX-License-Identifier: MIT
 *
 * The server against those who mean harm: what other servers fell for (SEC-n), one after the other.
 */
#include <stdlib.h>
#include <time.h>

#include "smtpd_internal.h"
#include "smtpd_test_util.h"

static struct hk_smtpd_options all(void)
{
	struct hk_smtpd_options options = plain;

	options.extensions = ~0u;
	options.mechanisms = HK_S("PLAIN LOGIN");
	return options;
}

static size_t count(const struct hk_buf *hay, const char *needle)
{
	size_t i, n = 0, len = strlen(needle);

	for (i = 0; i + len <= hay->n; i++)
		n += memcmp(hay->p + i, needle, len) == 0;
	return n;
}

/* ---- the end of a message by BDAT ---- */

enum { WORD_MAX = 7 };

/* What a message may hold that is not binary: no NUL, no CR without LF, no LF without CR. */
static bool is_fine(const uint8_t *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i] == 0 || (p[i] == '\r' && (i + 1 == n || p[i + 1] != '\n')) ||
		    (p[i] == '\n' && (i == 0 || p[i - 1] != '\r')))
			return false;
	return true;
}

/* The octets are fed in pieces; what the library hands out goes to body. */
static void feed(struct hk_smtpd *s, struct hk_slice in, size_t piece, struct hk_buf *body, unsigned *messages)
{
	struct hk_smtpd_event e = {.size = sizeof e};

	while (in.n) {
		size_t n = hk_smtpd_feed(s, hk_slice_sub(in, 0, piece));

		bool moved = n > 0;
		enum hk_status status;

		in = hk_slice_from(in, n);
		while ((status = hk_smtpd_next(s, &e)) == HK_OK) {
			moved = true;
			if (e.type == HK_SMTPD_BODY)
				hk_buf_add(body, e.text);
			*messages += e.type == HK_SMTPD_MESSAGE;
			hk_smtpd_accept(s);
		}
		assert_int_not_equal(status, HK_NOMEM);
		assert_true(moved);
	}
}

/* One message of two chunks, and a command behind it. */
static void check_chunks(struct hk_smtpd *s, struct hk_slice word, size_t cut, size_t piece, bool binary)
{
	bool fine = binary || is_fine(word.p, word.n);
	struct hk_buf in, body;
	unsigned messages = 0;
	struct hk_slice last;

	hk_buf_init(&in, 1024);
	hk_buf_init(&body, 1024);
	hk_buf_addf(&in, "MAIL FROM:<>%s\r\nRCPT TO:<b@b.test>\r\nBDAT %zu\r\n", binary ? " BODY=BINARYMIME" : "", cut);
	hk_buf_add(&in, hk_slice_sub(word, 0, cut));
	hk_buf_addf(&in, "BDAT %zu LAST\r\n", word.n - cut);
	hk_buf_add(&in, hk_slice_from(word, cut));
	hk_buf_add_str(&in, "VRFY x\r\n");
	s->errors = s->idle = 0;
	feed(s, hk_buf_slice(&in), piece, &body, &messages);
	last = hk_buf_slice(&s->out);
	/* the command behind the chunks was one, and nothing in them */
	if (messages != fine || s->state != SMTPD_READY || (fine && !hk_slice_eq(hk_buf_slice(&body), word)) ||
	    last.n < 5 || !hk_slice_ends_nocase(last, HK_S("(RFC 5321 3.5.3)\r\n")) || s->idle != 1)
		fail_msg("cut %zu, pieces of %zu: %u messages\n%.*s", cut, piece, messages, HK_FMT(last));
	hk_buf_reset(&s->out);
	hk_buf_done(&body);
	hk_buf_done(&in);
}

/* T1, SEC-1, SEC-3, SEC-5, SEC-16: over BDAT nothing in the octets ends a message, and what may not be in a message is
 * refused there too; with BINARYMIME everything may. LMTP speaks the same. */
static void a_chunk_ends_where_its_size_says(void **state)
{
	static const uint8_t alphabet[7] = {'\r', '\n', 0, '.', ' ', '\t', 'a'};
	size_t n, most = getenv("HK_LONG") ? WORD_MAX : 4, lmtp;

	(void)state;
	for (lmtp = 0; lmtp < 2; lmtp++) {
		struct hk_smtpd_options options = all();
		struct hk_smtpd *s;

		options.lmtp = lmtp == 1;
		s = must(hk_smtpd_new(&options));
		s->state = SMTPD_READY;
		for (n = 0; n <= most; n++) {
			uint8_t digit[WORD_MAX] = {0}, word[WORD_MAX];
			size_t i;

			do {
				for (i = 0; i < n; i++)
					word[i] = alphabet[digit[i]];
				for (i = 0; i <= n; i++) {
					check_chunks(s, hk_slice_of(word, n), i, 1000, false);
					check_chunks(s, hk_slice_of(word, n), i, 1, false);
					check_chunks(s, hk_slice_of(word, n), i, 1000, true);
				}
				for (i = 0; i < n && ++digit[i] == sizeof alphabet; i++)
					digit[i] = 0;
			} while (i < n);
		}
		hk_smtpd_free(s);
	}
}

/* ---- dialogues ---- */

struct dialogue {
	const char *name, *text, *want; /* want: what the replies end with */
};

#define GREET    "EHLO a.test\r\n"
#define TO_B     "MAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\n"
#define NO_MAIL  "503 5.5.1 RCPT needs MAIL first (RFC 5321 4.1.4) [rcpt-early]\r\n"
#define NO_RCPT  "503 5.5.1 DATA needs MAIL and RCPT first (RFC 5321 4.1.4) [data-early]\r\n"
#define NO_CHUNK "503 5.5.1 BDAT needs MAIL and an accepted RCPT first (RFC 3030 2) [bdat-early]\r\n"
#define BEGUN    "503 5.5.1 A message by BDAT is under way (RFC 3030 2) [bdat-under-way]\r\n"
#define NO_VALID "503 5.5.1 DATA needs an accepted RCPT first (RFC 5321 3.3) [data-no-rcpt]\r\n"
#define AFTER    "RCPT TO:<b@b.test>\r\nDATA\r\nBDAT 2\r\nx\n"
#define NOTHING  NO_MAIL NO_RCPT NO_CHUNK
#define REFUSED  "554 5.7.1 Spam\r\n"

static const struct dialogue dialogues[] = {
    /* SEC-13: whatever the reply to the end is, the state is as after RSET */
    {"an accepted message", GREET TO_B "DATA\r\nx\r\n.\r\n" AFTER, QUEUED NOTHING},
    {"a refused message", GREET TO_B "DATA\r\nspam\r\n.\r\n" AFTER, REFUSED NOTHING},
    {"a message with a bare LF", GREET TO_B "DATA\r\na\nb\r\n.\r\n" AFTER,
        "550 5.6.0 Message refused: bare LF at line 1 (RFC 5321 2.3.8) [message-bare-lf]\r\n" NOTHING},
    {"an accepted chunk", GREET TO_B "BDAT 3 LAST\r\nx\r\n" AFTER, QUEUED NOTHING},
    {"a refused last chunk", GREET TO_B "BDAT 6 LAST\r\nspam\r\n" AFTER, REFUSED NOTHING},
    {"a refused first chunk", GREET TO_B "BDAT 3\r\na\nb" AFTER,
        "550 5.6.0 Message refused: bare LF at line 1 (RFC 5321 2.3.8) [message-bare-lf]\r\n" NOTHING},
    {"DATA refused by policy", GREET "MAIL FROM:<a@a.test>\r\nRCPT TO:<nodata@b.test>\r\nDATA\r\nRSET\r\n" AFTER,
        "451 4.3.0 Not now\r\n" OK_0 NOTHING},
    {"BDAT refused by policy", GREET "MAIL FROM:<a@a.test>\r\nRCPT TO:<nodata@b.test>\r\nBDAT 6\r\nQUIT\r\n" AFTER,
        "451 4.3.0 Not now\r\n" NOTHING},
    /* SEC-14: an error, then DATA */
    {"a chunk too early, then DATA", GREET "MAIL FROM:<a@a.test>\r\nBDAT 6\r\nRSET\r\nDATA\r\n",
        NO_CHUNK NO_VALID},
    {"DATA between chunks", GREET TO_B "BDAT 1\r\nxDATA\r\nRCPT TO:<c@b.test>\r\nBDAT 0 LAST\r\n",
        "250 2.0.0 1 octets received\r\n" BEGUN BEGUN QUEUED},
    {"an address in UTF-8 without SMTPUTF8, then DATA",
        GREET "MAIL FROM:<a@a.test>\r\nRCPT TO:<\xc3\xa9@b.test>\r\nDATA\r\nBDAT 1\r\nx",
        NO_VALID NO_CHUNK},
    {"SMTPUTF8 of an earlier transaction",
        GREET "MAIL FROM:<a@a.test> SMTPUTF8\r\nRSET\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<\xc3\xa9@b.test>\r\n",
        "553 5.6.7 An address that is not ASCII needs SMTPUTF8 at MAIL (RFC 6531 3.5) [address-utf8]\r\n"},
    {"BINARYMIME of an earlier transaction",
        GREET "MAIL FROM:<a@a.test> BODY=BINARYMIME\r\nRSET\r\n" TO_B "BDAT 2 LAST\r\na\nNOOP\r\n",
        "550 5.6.0 Message refused: bare LF at line 1 (RFC 5321 2.3.8) [message-bare-lf]\r\n" OK_0},
    /* SEC-15: what a failed chunk leaves behind is not used by the next message */
    {"a message by chunks behind a failed one", GREET TO_B "BDAT 2\r\na\r" TO_B "BDAT 3 LAST\r\nx\r\nNOOP\r\n",
        "250 2.0.0 2 octets received\r\n" BEGUN BEGUN "550 5.6.0 Message refused: bare CR at line 1 (RFC 5321 2.3.8) [message-bare-cr]\r\n" OK_0},
    {"a CR at the end of a dropped message", GREET TO_B "BDAT 2\r\na\rRSET\r\n" TO_B "BDAT 2 LAST\r\n\nxNOOP\r\n",
        "550 5.6.0 Message refused: bare LF at line 1 (RFC 5321 2.3.8) [message-bare-lf]\r\n" OK_0},
    {"EHLO between chunks", GREET TO_B "BDAT 2\r\nx\r" GREET "BDAT 2 LAST\r\n\nxNOOP\r\n", NO_CHUNK OK_0},
    {"STARTTLS between chunks", GREET TO_B "BDAT 2\r\nx\rSTARTTLS\r\nRSET\r\n", "220 2.0.0 Ready to start TLS\r\n"},
    {"AUTH between chunks", GREET TO_B "BDAT 2\r\nxyAUTH PLAIN AGEAZ29vZA==\r\nBDAT 0 LAST\r\n",
        "250 2.0.0 2 octets received\r\n" BEGUN QUEUED},
    /* SEC-31: an exchange that failed leaves nothing to the next one */
    {"AUTH that failed, then another mechanism",
        GREET "AUTH LOGIN\r\nYQ==\r\nYmFk\r\nAUTH PLAIN\r\nYmFk\r\nAUTH PLAIN AGEAZ29vZA==\r\nAUTH PLAIN AGEAZ29vZA==\r\n",
        "535 5.7.8 Authentication failed\r\n334 \r\n535 5.7.8 Authentication failed\r\n"
        "235 2.7.0 Authentication successful\r\n503 5.5.1 You are authenticated already (RFC 4954 4) [auth-again]\r\n"},
    {"a command in an exchange is no command", GREET "AUTH LOGIN\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\n",
        "501 5.5.2 The response is no base64 (RFC 4954 4) [auth-base64]\r\n" NO_MAIL},
    {"an exchange that is cancelled", GREET "AUTH PLAIN\r\n*\r\nAGEAZ29vZA==\r\nMAIL FROM:<>\r\n",
        "501 5.7.0 Authentication cancelled (RFC 4954 4) [auth-cancelled]\r\n500 5.5.2 Command not recognised (RFC 5321 4.2.4) [command-unknown]\r\n" OK_MAIL},
    /* no text of SQL, no shell, no anything: a name or 501 */
    {"SEC-44: ETRN with quotes", GREET "ETRN a'b.test\r\nETRN @x;y\r\nETRN #\"a\"\r\n",
        "501 5.5.4 ETRN needs a node name (RFC 1985 5) [etrn-name]\r\n501 5.5.4 ETRN needs a node name (RFC 1985 5) [etrn-name]\r\n"
        "501 5.5.4 ETRN needs a node name (RFC 1985 5) [etrn-name]\r\n"},
    /* SEC-52: no fallback takes what the grammar refused */
    {"a command for a shell", GREET "MAIL FROM:<;for i in 0 1;do read r;done;sh;exit 0;>\r\nRCPT TO:<;x;>\r\n",
        "501 5.1.7 The sender is no valid path (RFC 5321 4.1.2) [mail-path]\r\n" NO_MAIL},
    {"a local part alone", GREET "MAIL FROM:<;x;@>\r\nMAIL FROM:<a b@a.test>\r\nMAIL FROM:<|x@>\r\nMAIL FROM:<a@-;x>\r\n",
        "501 5.1.7 The sender is no valid path (RFC 5321 4.1.2) [mail-path]\r\n501 5.1.7 The sender is no valid path (RFC 5321 4.1.2) [mail-path]\r\n"
        "501 5.1.7 The sender is no valid path (RFC 5321 4.1.2) [mail-path]\r\n501 5.1.7 The sender is no valid path (RFC 5321 4.1.2) [mail-path]\r\n"},
    /* the way of a browser */
    {"HTTP", "GET / HTTP/1.1\r\nMAIL FROM:<a@a.test>\r\n", "421 4.7.0 This is SMTP, not HTTP (RFC 5321 4.1.1) [http]\r\n"},
};

static void a_failure_leaves_nothing_behind(void **state)
{
	size_t i, cut;

	(void)state;
	for (i = 0; i < COUNT(dialogues); i++) {
		for (cut = CUT_WHOLE; cut <= CUT_RANDOM; cut++) {
			const struct dialogue *d = &dialogues[i];
			struct hk_smtpd_options options = all();
			size_t n = strlen(d->want);
			struct harness h;

			harness_init(&h, &options);
			harness_run(&h, hk_slice_str(d->text), (enum cut)cut);
			if (h.out.n < n || memcmp(h.out.p + h.out.n - n, d->want, n) != 0)
				fail_msg("%s:\n%.*s\nwant at the end:\n%s", d->name, HK_FMT(hk_buf_slice(&h.out)), d->want);
			harness_done(&h);
		}
	}
}

/* ---- bounds ---- */

/* T6, SEC-18, SEC-16: a message may be of small chunks, but not of nothing else for ever. */
static void tiny_chunks_end_the_session_and_hold_no_memory(void **state)
{
	static const char *const chunk[] = {"BDAT 0\r\n", "BDAT 1\r\nx"};
	size_t i, k;

	(void)state;
	for (k = 0; k < COUNT(chunk); k++) {
		struct hk_smtpd_options options = all();
		struct harness h;

		options.max_message = 1000000;
		harness_init(&h, &options);
		h.mute = true;
		harness_run(&h, HK_S(GREET TO_B), CUT_WHOLE);
		for (i = 0; i < 1000; i++)
			harness_feed(&h, hk_slice_str(chunk[k]));
		assert_false(h.over);
		assert_int_equal(h.session->in_cap, 0);
		harness_feed(&h, hk_slice_str(chunk[k]));
		assert_int_equal(count(&h.out, "421 4.7.0 Too many small chunks (limit of this host; RFC 3030 2) [bdat-small]\r\n"), 1);
		assert_true(h.over);
		harness_done(&h);
	}
}

static void many_chunks_of_some_size_are_a_message(void **state)
{
	struct hk_smtpd_options options = all();
	static uint8_t text[1024 + 16];
	struct harness h;
	size_t i, head;

	(void)state;
	options.max_message = 10000000;
	head = (size_t)snprintf((char *)text, sizeof text, "BDAT 1024\r\n");
	memset(text + head, 'x', 1024);
	harness_init(&h, &options);
	h.mute = true;
	harness_run(&h, HK_S(GREET TO_B), CUT_WHOLE);
	for (i = 0; i < 5000; i++)
		harness_feed(&h, hk_slice_of(text, head + 1024));
	harness_feed(&h, HK_S("BDAT 0 LAST\r\n"));
	assert_int_equal(count(&h.out, QUEUED), 1);
	harness_done(&h);
}

/* The time of 2 MiB of nothing but this octet, in pieces, in a message that is refused already. */
static clock_t time_of(uint8_t octet, bool is_legacy, size_t piece)
{
	const struct hk_smtpd_options options = {
	    .size = sizeof options, .hostname = HK_S("mx.test"), .allow_bare_lf = is_legacy};
	static uint8_t text[HK_SMTP_INPUT_MAX];
	struct harness h;
	clock_t began;
	size_t i;

	harness_init(&h, &options);
	h.mute = true;
	harness_run(&h, is_legacy ? HK_S(ENVELOPE) : HK_S(ENVELOPE "\n"), CUT_WHOLE);
	memset(text, octet, sizeof text);
	began = clock();
	for (i = 0; i < ((size_t)2 << 20) / piece; i++) {
		harness_feed(&h, hk_slice_of(text, piece));
		hk_buf_reset(&h.body);
	}
	began = clock() - began;
	harness_done(&h);
	return began;
}

/* SEC-1, SEC-84: a text that is refused at each of its octets is not searched as a whole at each of them: sixteen times as
 * much at once would take sixteen times as long then. */
static void refused_octets_are_read_over_in_linear_time(void **state)
{
	static const struct {
		uint8_t octet;
		bool is_legacy;
	} rows[] = {{0, false}, {'\r', false}, {'\r', true}};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		clock_t few = time_of(rows[i].octet, rows[i].is_legacy, 4096);
		clock_t many = time_of(rows[i].octet, rows[i].is_legacy, HK_SMTP_INPUT_MAX);

		if (many > 5 * few + CLOCKS_PER_SEC / 50)
			fail_msg("octet %u: %ld and %ld", rows[i].octet, (long)few, (long)many);
	}
}

/* SEC-28, SEC-23, SEC-26: each length of what a client may choose the length of. */
static void every_length_of_an_argument_is_answered(void **state)
{
	static const struct {
		const char *before, *after;
		char fill;
	} forms[] = {
	    {"EHLO ", "\r\n", 'a'},
	    {"EHLO [", "]\r\n", '1'},
	    {"EHLO [IPv6:", "]\r\n", ':'},
	    {"EHLO a\r\nMAIL FROM:<", "@a.test>\r\n", 'a'},
	    {"EHLO a\r\nMAIL FROM:<a@", ">\r\n", 'a'},
	    {"EHLO a\r\nMAIL FROM:<\"", "\"@a.test>\r\n", '\\'},
	    {"EHLO a\r\nMAIL FROM:<> ENVID=", "\r\n", '+'},
	    {"EHLO a\r\nMAIL FROM:<> SIZE=", "\r\n", '0'},
	    {"EHLO a\r\nAUTH PLAIN =", "\r\n", 'A'},
	    {"EHLO a\r\nVRFY ", "\r\n", 'x'},
	    {"", "\r\n", 'x'},
	};
	size_t i, n, k;

	(void)state;
	for (i = 0; i < COUNT(forms); i++) {
		for (n = 0; n < 2 * HK_SMTP_LINE_MAX; n += n < 600 ? 1 : 61) {
			struct hk_smtpd_options options = all();
			struct hk_buf in;
			struct harness h;

			hk_buf_init(&in, 1 << 16);
			hk_buf_add_str(&in, forms[i].before);
			for (k = 0; k < n; k++)
				hk_buf_add_byte(&in, (uint8_t)forms[i].fill);
			hk_buf_add_str(&in, forms[i].after);
			hk_buf_add_str(&in, "NOOP\r\n");
			harness_init(&h, &options);
			h.mute = true;
			harness_run(&h, hk_buf_slice(&in), CUT_WHOLE);
			if (h.out.n < 14 || memcmp(h.out.p + h.out.n - 14, OK_0, 14) != 0)
				fail_msg("%s of %zu: %.*s", forms[i].before, n, HK_FMT(hk_buf_slice(&h.out)));
			harness_done(&h);
			hk_buf_done(&in);
		}
	}
}

/* ---- numbers ---- */

/* SEC-94, SEC-29, SEC-34 */
static void numbers_are_taken_whole_or_not_at_all(void **state)
{
	static const struct {
		const char *text;
		unsigned size, chunk; /* the reply to SIZE=; to BDAT, 0: its octets are awaited */
	} rows[] = {
	    {"0", 250, 250}, {"00000000000000000005", 250, 0}, {"000000000000000000005", 501, 501},
	    {"1000", 250, 0}, {"1001", 552, 0},
	    {"2147483647", 552, 0}, {"2147483648", 552, 0}, {"2147483649", 552, 0},
	    {"4294967295", 552, 0}, {"4294967296", 552, 0}, {"4294967297", 552, 0},
	    {"9223372036854775807", 552, 501}, {"9223372036854775808", 552, 501}, {"9223372036854775809", 552, 501},
	    {"18446744073709551615", 552, 501}, {"18446744073709551616", 552, 501}, {"18446744073709551617", 552, 501},
	    {"99999999999999999999", 552, 501}, {"-1", 501, 501}, {"+1", 501, 501}, {"0x10", 501, 501},
	    {"1e3", 501, 501}, {"1,000", 501, 501}, {"", 501, 501}, {"1 2", 555, 501},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct hk_smtpd_options options = all();
		struct hk_buf in;
		struct harness h;
		char code[8];

		hk_buf_init(&in, 1 << 10);
		harness_init(&h, &options);
		hk_buf_addf(&in, GREET "MAIL FROM:<> SIZE=%s\r\n", rows[i].text);
		harness_run(&h, HK_S(GREET), CUT_WHOLE);
		hk_buf_reset(&h.out);
		hk_buf_drop(&in, strlen(GREET));
		harness_run(&h, hk_buf_slice(&in), CUT_WHOLE);
		snprintf(code, sizeof code, "%u ", rows[i].size);
		if (memcmp(h.out.p, code, 4) != 0)
			fail_msg("SIZE=%s: %.*s", rows[i].text, HK_FMT(hk_buf_slice(&h.out)));
		harness_run(&h, HK_S("RSET\r\n" TO_B), CUT_WHOLE);
		hk_buf_reset(&h.out);
		hk_buf_reset(&in);
		hk_buf_addf(&in, "BDAT %s\r\n", rows[i].text);
		harness_run(&h, hk_buf_slice(&in), CUT_WHOLE);
		snprintf(code, sizeof code, "%u ", rows[i].chunk);
		if (rows[i].chunk ? h.out.n < 4 || memcmp(h.out.p, code, 4) != 0 : h.out.n > 0)
			fail_msg("BDAT %s: %.*s", rows[i].text, HK_FMT(hk_buf_slice(&h.out)));
		/* where the octets end is not known: nothing behind is a command */
		assert_int_equal(h.over, rows[i].chunk == 501 && rows[i].text[0]);
		harness_done(&h);
		hk_buf_done(&in);
	}
}

/* SEC-34: sizes are counted past 2^32. */
static void a_message_may_be_longer_than_four_gigabytes(void **state)
{
	const struct hk_smtpd_options options = {
	    .size = sizeof options, .hostname = HK_S("mx.test"), .max_message = (uint64_t)8 << 30};
	struct hk_smtpd_event e = {.size = sizeof e};
	struct hk_smtpd *s = must(hk_smtpd_new(&options));

	(void)state;
	(void)hk_smtpd_feed(s, HK_S(ENVELOPE));
	while (hk_smtpd_next(s, &e) == HK_OK)
		hk_smtpd_accept(s);
	s->size = UINT32_MAX - 1; /* as if so much had come */
	(void)hk_smtpd_feed(s, HK_S("four\r\n.\r\n"));
	while (hk_smtpd_next(s, &e) == HK_OK && e.type != HK_SMTPD_MESSAGE)
		hk_smtpd_accept(s);
	assert_int_equal(e.type, HK_SMTPD_MESSAGE);
	assert_true(e.message_size == (uint64_t)UINT32_MAX + 5);
	hk_smtpd_accept(s);
	hk_smtpd_free(s);
}

/* ---- octets ---- */

/* SEC-105: a NUL or a bare CR anywhere in a command line, and an octet over 127 in an envelope without SMTPUTF8. */
static void octets_that_no_command_may_hold_are_refused_wherever_they_stand(void **state)
{
	static const char *const lines[] = {"EHLO a.test", "MAIL FROM:<a@a.test> SIZE=9", "RCPT TO:<b@b.test>", "DATA",
	    "BDAT 0 LAST", "RSET", "NOOP", "VRFY x", "HELP", "QUIT", "STARTTLS", "ETRN a.test", "AUTH PLAIN AGEAZ29vZA=="};
	static const uint8_t octets[] = {0, '\r', 0x80};
	size_t i, at, k;

	(void)state;
	for (i = 0; i < COUNT(lines); i++) {
		for (at = 0; at <= strlen(lines[i]); at++) {
			for (k = 0; k < COUNT(octets); k++) {
				struct hk_smtpd_options options = all();
				size_t n = strlen(lines[i]);
				struct harness h;
				uint8_t in[64];

				options.extensions &= ~HK_EXT(SMTPUTF8);
				memcpy(in, lines[i], at);
				in[at] = octets[k];
				memcpy(in + at + 1, lines[i] + at, n - at);
				memcpy(in + n + 1, "\r\n", 2);
				harness_init(&h, &options);
				harness_run(&h, i == 2 ? HK_S(GREET "MAIL FROM:<>\r\n") : i == 0 ? HK_S("") : HK_S(GREET), CUT_WHOLE);
				hk_buf_reset(&h.out);
				/* NOOP, VRFY and HELP take any text; the reply says nothing of it */
				harness_run(&h, hk_slice_of(in, n + 3), CUT_WHOLE);
				if (h.out.n == 0 || (h.out.p[0] != '5' && !(octets[k] == 0x80 && at > 4 && i >= 6 && i <= 8) &&
				                        !(octets[k] == '\r' && at == n)))
					fail_msg("%s with %02x at %zu: %.*s", lines[i], octets[k], at, HK_FMT(hk_buf_slice(&h.out)));
				harness_done(&h);
			}
		}
	}
}

/* SEC-54, SEC-55, SEC-66: no text is ever looked at twice: what looks like something to be expanded is an address. */
static void what_other_programs_expand_is_text(void **state)
{
	static const char *const text[] = {"${run{x}}", "%{l}", "$(x)", "`x`", "${jndi:ldap://x}", "{{7*7}}", "%s%n"};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(text); i++) {
		struct hk_smtpd_options options = all();
		struct hk_buf in, want;
		struct harness h;

		hk_buf_init(&in, 1 << 10);
		hk_buf_init(&want, 1 << 10);
		options.echo_addresses = true;
		hk_buf_addf(&in, GREET "MAIL FROM:<\"%s\"@a.test>\r\n", text[i]);
		hk_buf_addf(&want, "250 2.1.0 Originator <\"%s\"@a.test> ok\r\n", text[i]);
		hk_buf_add_byte(&want, 0);
		assert_int_equal(hk_buf_status(&in), HK_OK);
		assert_int_equal(hk_buf_status(&want), HK_OK);
		harness_init(&h, &options);
		harness_run(&h, hk_buf_slice(&in), CUT_WHOLE);
		if (count(&h.out, (const char *)want.p) != 1)
			fail_msg("%s: %.*s", text[i], HK_FMT(hk_buf_slice(&h.out)));
		harness_done(&h);
		hk_buf_done(&want);
		hk_buf_done(&in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_chunk_ends_where_its_size_says),
	    cmocka_unit_test(a_failure_leaves_nothing_behind),
	    cmocka_unit_test(tiny_chunks_end_the_session_and_hold_no_memory),
	    cmocka_unit_test(many_chunks_of_some_size_are_a_message),
	    cmocka_unit_test(refused_octets_are_read_over_in_linear_time),
	    cmocka_unit_test(every_length_of_an_argument_is_answered),
	    cmocka_unit_test(numbers_are_taken_whole_or_not_at_all),
	    cmocka_unit_test(a_message_may_be_longer_than_four_gigabytes),
	    cmocka_unit_test(octets_that_no_command_may_hold_are_refused_wherever_they_stand),
	    cmocka_unit_test(what_other_programs_expand_is_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
