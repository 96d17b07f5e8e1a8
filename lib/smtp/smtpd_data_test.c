/* SPDX-License-Identifier: MIT
 *
 * T1: the end of data, exhaustively. Every string over {CR, LF, NUL, '.', SP, TAB, 'a'} up to length 6 (8 with HK_LONG=1),
 * at the beginning of a line and inside one, whole and byte by byte, against an oracle that knows one sentence only:
 * the message ends where CRLF "." CRLF stands for the first time, the CRLF of the DATA line counted (RFC 5321 4.1.1.4).
 */
#include <stdlib.h>
#include <string.h>

#include "smtpd_internal.h"
#include "tests/unit.h"

enum { WORD_MAX = 8, STREAM_MAX = 32 };

/* What must come out: the text up to the first bad byte, or all of it. */
struct expected {
	uint8_t body[STREAM_MAX];
	size_t n;
	size_t used; /* bytes up to and with the end */
	bool bad;
};

static size_t find_end(const uint8_t *p, size_t n)
{
	size_t i;

	for (i = 0; i + 5 <= n; i++)
		if (memcmp(p + i, "\r\n.\r\n", 5) == 0)
			return i;
	abort();
}

static bool is_bad(const uint8_t *p, size_t i)
{
	if (p[i] == '\r')
		return p[i + 1] != '\n';
	return p[i] == '\0' || (p[i] == '\n' && p[i - 1] != '\r');
}

/* p begins with the CRLF of the DATA line. */
static void expect(const uint8_t *p, size_t n, struct expected *ret)
{
	size_t i, end = find_end(p, n);

	*ret = (struct expected){.used = end + 5 - 2};
	for (i = 2; i < end + 2 && !ret->bad; i++) {
		if (is_bad(p, i))
			ret->bad = true;
		else if (p[i] != '.' || memcmp(p + i - 2, "\r\n", 2) != 0)
			ret->body[ret->n++] = p[i];
	}
}

/* Back to the beginning of DATA, without a dialogue. */
static void restart(struct hk_smtpd *s)
{
	s->pending = s->abort_due = s->event_due = false;
	s->in_at = s->in_n = 0;
	s->errors = 0;
	hk_buf_reset(&s->out);
	smtpd_data_begin(s);
}

/* Feeds until the end of data was seen; what was handed out is compared on the way. */
static bool run(struct hk_smtpd *s, const uint8_t *p, size_t n, size_t piece, const struct expected *want)
{
	struct hk_smtpd_event event = {.size = sizeof event};
	size_t fed = 0, got = 0;

	restart(s);
	while (fed < n) {
		size_t most = n - fed < piece ? n - fed : piece;

		if (hk_smtpd_feed(s, hk_slice_of(p + fed, most)) != most)
			return false;
		fed += most;
		while (hk_smtpd_next(s, &event) == HK_OK) {
			if (event.type == HK_SMTPD_MESSAGE || event.type == HK_SMTPD_ABORT) {
				bool refused = event.type == HK_SMTPD_ABORT;

				return refused == want->bad && got == want->n && fed - (s->in_n - s->in_at) == want->used &&
				    (!refused || memcmp(s->out.p, "550 5.6.0 ", 10) == 0) && s->state == SMTPD_READY;
			}
			if (event.type != HK_SMTPD_BODY || event.text.n > want->n - got ||
			    memcmp(want->body + got, event.text.p, event.text.n) != 0)
				return false;
			got += event.text.n;
			hk_smtpd_accept(s);
		}
	}
	return false;
}

static void check(struct hk_smtpd *s, const uint8_t *word, size_t n, const char *before)
{
	uint8_t stream[STREAM_MAX] = "\r\n";
	size_t len = 2, head = strlen(before), piece;
	struct expected want;

	memcpy(stream + len, before, head);
	memcpy(stream + len + head, word, n);
	len += head + n;
	memcpy(stream + len, "\r\n.\r\n", 5);
	len += 5;
	expect(stream, len, &want);
	for (piece = 1; piece <= STREAM_MAX; piece += STREAM_MAX - 1)
		if (!run(s, stream + 2, len - 2, piece, &want)) {
			struct hk_buf text;

			hk_buf_init(&text, 4096);
			hk_quote_add(&text, hk_slice_of(stream, len), 100);
			fail_msg("pieces of %zu: %.*s", piece, (int)text.n, (const char *)text.p);
		}
}

/* T1, S3-014, S3-015 */
static void only_crlf_dot_crlf_ends_a_message(void **state)
{
	static const uint8_t alphabet[7] = {'\r', '\n', 0, '.', ' ', '\t', 'a'};
	const struct hk_smtpd_options options = {.size = sizeof options, .hostname = HK_S("mx.test")};
	size_t n, most = getenv("HK_LONG") ? WORD_MAX : 6;
	struct hk_smtpd *s = hk_smtpd_new(&options);

	(void)state;
	assert_non_null(s);
	for (n = 0; n <= most; n++) {
		uint8_t digit[WORD_MAX] = {0}, word[WORD_MAX];
		size_t i;

		do {
			for (i = 0; i < n; i++)
				word[i] = alphabet[digit[i]];
			check(s, word, n, "");
			check(s, word, n, "x");
			for (i = 0; i < n && ++digit[i] == sizeof alphabet; i++)
				digit[i] = 0;
		} while (i < n);
	}
	hk_smtpd_free(s);
}

/* The same by option: bare CR and LF pass, a NUL does not, and the end is the same. */
static void with_bare_line_ends_allowed_the_end_is_the_same(void **state)
{
	static const char *const pass[] = {"\n.\n", "\n.\r\n", "\r.\r", "\r.\r\n", "\r\n.\n", "\r\n.\r", "\r\n.\r\r\n", "\n\r\n\r", "\r\r\n.\n"};
	const struct hk_smtpd_options options = {.size = sizeof options, .hostname = HK_S("mx.test"), .allow_bare_lf = true};
	struct hk_smtpd *s = hk_smtpd_new(&options);
	struct hk_smtpd_event event = {.size = sizeof event};
	size_t i;

	(void)state;
	assert_non_null(s);
	for (i = 0; i < sizeof pass / sizeof pass[0]; i++) {
		size_t n = strlen(pass[i]);

		restart(s);
		(void)hk_smtpd_feed(s, HK_S("x"));
		(void)hk_smtpd_feed(s, hk_slice_of(pass[i], n));
		while (hk_smtpd_next(s, &event) == HK_OK) {
			assert_int_equal(event.type, HK_SMTPD_BODY);
			hk_smtpd_accept(s);
		}
		(void)hk_smtpd_feed(s, HK_S("y\r\n.\r\n"));
		while (hk_smtpd_next(s, &event) == HK_OK && event.type == HK_SMTPD_BODY)
			hk_smtpd_accept(s);
		assert_int_equal(event.type, HK_SMTPD_MESSAGE);
	}
	hk_smtpd_free(s);
}

/* Large bodies arrive as large slices of the input, not line by line. */
static void a_large_body_comes_in_large_chunks(void **state)
{
	const struct hk_smtpd_options options = {.size = sizeof options, .hostname = HK_S("mx.test")};
	struct hk_smtpd *s = hk_smtpd_new(&options);
	struct hk_smtpd_event event = {.size = sizeof event};
	struct hk_buf text;
	size_t chunks = 0;

	(void)state;
	assert_non_null(s);
	hk_buf_init(&text, HK_SMTP_INPUT_MAX);
	while (text.n < HK_SMTP_INPUT_MAX - 80 && text.failed == HK_OK)
		hk_buf_add_str(&text, "The quick brown fox jumps over the lazy dog, again and again.\r\n");
	assert_int_equal(hk_buf_status(&text), HK_OK);
	restart(s);
	assert_int_equal(hk_smtpd_feed(s, hk_buf_slice(&text)), text.n);
	while (hk_smtpd_next(s, &event) == HK_OK) {
		chunks++;
		assert_int_equal(event.text.n, text.n);
		hk_smtpd_accept(s);
	}
	assert_int_equal(chunks, 1);
	hk_buf_done(&text);
	hk_smtpd_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_crlf_dot_crlf_ends_a_message),
		cmocka_unit_test(with_bare_line_ends_allowed_the_end_is_the_same),
		cmocka_unit_test(a_large_body_comes_in_large_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
