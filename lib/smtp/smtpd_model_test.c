/* SPDX-License-Identifier: MIT
 *
 * T4: random command streams against a small model of the session. The model knows the state, the counters and the rule of
 * each command, and nothing of bytes; it predicts the code of every reply, and the state at the end. HK_LONG=1 runs about 10^7 commands.
 */
#include <stdlib.h>
#include <string.h>

#include "smtpd_harness.h"
#include "smtpd_internal.h"
#include "tests/unit.h"

enum { SESSION_MAX = 150, RCPTS = 3 };

struct model {
	enum { HELO_DUE, GREETED, SENDER, RECIPIENTS, TEXT, GONE } state;
	bool tls;
	unsigned errors, idle, recipients;
	unsigned code[2 * SESSION_MAX]; /* predicted replies */
	size_t codes;
};

static void say(struct model *m, unsigned code)
{
	m->code[m->codes++] = code;
	if (code == 421)
		m->state = GONE;
}

static void error(struct model *m, unsigned code)
{
	say(m, ++m->errors > HK_SMTP_ERRORS_MAX ? 421 : code);
}

static bool is_idle(struct model *m)
{
	if (++m->idle <= HK_SMTP_NOOPS_MAX)
		return false;
	say(m, 421);
	return true;
}

/* ---- the rule of each command; a is the row's first number, b its second ---- */

static void hello(struct model *m, unsigned code, unsigned counted)
{
	if (counted && is_idle(m))
		return;
	if (code >= 500) {
		error(m, code);
		return;
	}
	say(m, code);
	m->state = GREETED;
}

static void sender(struct model *m, unsigned code, unsigned unused)
{
	(void)unused;
	if (m->state != GREETED) {
		error(m, 503);
	} else if (code >= 500) {
		error(m, code);
	} else {
		say(m, code);
		if (code == 250) {
			m->state = SENDER;
			m->recipients = 0;
		}
	}
}

static void recipient(struct model *m, unsigned code, unsigned with_argument)
{
	if (m->state != SENDER && m->state != RECIPIENTS)
		error(m, 503);
	else if (with_argument && m->recipients == RCPTS)
		say(m, 452);
	else if (code >= 500)
		error(m, code);
	else {
		say(m, code);
		if (code == 250) {
			m->recipients++;
			m->state = RECIPIENTS;
		}
	}
}

static void data(struct model *m, unsigned code, unsigned unused)
{
	(void)unused;
	if (m->state != RECIPIENTS)
		error(m, 503);
	else if (code >= 500)
		error(m, code);
	else {
		say(m, code);
		m->state = TEXT;
	}
}

static void idle(struct model *m, unsigned code, unsigned resets)
{
	if (is_idle(m))
		return;
	say(m, code);
	if (resets && m->state > GREETED)
		m->state = GREETED;
}

static void wrong(struct model *m, unsigned code, unsigned unused)
{
	(void)unused;
	error(m, code);
}

static void starttls(struct model *m, unsigned code, unsigned unused)
{
	(void)unused;
	if (m->state == HELO_DUE || m->tls)
		error(m, 503);
	else if (code >= 500)
		error(m, code);
	else {
		say(m, code);
		m->tls = true;
		m->state = HELO_DUE;
		m->idle = 0;
	}
}

static void starttls_argument(struct model *m, unsigned code, unsigned unused)
{
	(void)unused;
	error(m, m->state == HELO_DUE ? 503 : code);
}

static void quit(struct model *m, unsigned code, unsigned unused)
{
	(void)unused;
	say(m, code);
	m->state = GONE;
}

struct row {
	const char *text;
	void (*rule)(struct model *, unsigned, unsigned);
	unsigned a, b, weight;
};

static const struct row commands[] = {
	{"EHLO a.test\r\n", hello, 250, true, 6},
	{"HELO a.test\r\n", hello, 250, true, 2},
	{"EHLO bad.test\r\n", hello, 550, true, 1},
	{"EHLO a b\r\n", hello, 501, true, 1},
	{"EHLO\r\n", hello, 501, false, 1},
	{"MAIL FROM:<a@a.test>\r\n", sender, 250, 0, 12},
	{"MAIL FROM:<> SIZE=10 BODY=8BITMIME\r\n", sender, 250, 0, 2},
	{"MAIL FROM:<refuse@a.test>\r\n", sender, 550, 0, 1},
	{"MAIL FROM:<defer@a.test>\r\n", sender, 451, 0, 1},
	{"MAIL FROM:<a@a.test> SIZE=2000\r\n", sender, 552, 0, 1},
	{"MAIL FROM:<a@a.test> X=Y\r\n", sender, 555, 0, 1},
	{"MAIL FROM:<a\r\n", sender, 501, 0, 1},
	{"MAIL\r\n", sender, 501, 0, 1},
	{"RCPT TO:<b@b.test>\r\n", recipient, 250, true, 20},
	{"RCPT TO:<refuse@b.test>\r\n", recipient, 550, true, 2},
	{"RCPT TO:<defer@b.test>\r\n", recipient, 451, true, 2},
	{"RCPT TO:<>\r\n", recipient, 501, true, 1},
	{"RCPT\r\n", recipient, 501, false, 1},
	{"DATA\r\n", data, 354, 0, 12},
	{"DATA x\r\n", data, 501, 0, 1},
	{"RSET\r\n", idle, 250, true, 2},
	{"NOOP\r\n", idle, 250, false, 2},
	{"VRFY x\r\n", idle, 252, false, 1},
	{"HELP\r\n", idle, 214, false, 1},
	{"XXXX\r\n", wrong, 500, 0, 1},
	{"NO\rOP\r\n", wrong, 500, 0, 1},
	{"NOOP\nRSET\r\n", wrong, 500, 0, 1},
	{"BDAT 3\r\n", wrong, 502, 0, 1},
	{"RSET x\r\n", wrong, 501, 0, 1},
	{"STARTTLS\r\n", starttls, 220, 0, 1},
	{"STARTTLS x\r\n", starttls_argument, 501, 0, 1},
};

/* Rarely: long rows of one kind, to meet the counters; and the end. */
static const struct row quit_row = {"QUIT\r\n", quit, 221, 0, 0};

static const struct {
	const char *text;
	unsigned code;
	bool keeps_errors; /* the message was refused */
} messages[] = {
	{"hello\r\n..\r\n.\r\n", 250, false},
	{".\r\n", 250, false},
	{"spam\r\n.\r\n", 554, true},
	{"a\n.\nQUIT\r\n.\r\n", 550, true},
	{"a\rb\r\n.\r\n", 550, true},
};

static const struct row *pick(uint64_t *seed)
{
	uint64_t total = 0, at;
	size_t i;

	for (i = 0; i < sizeof commands / sizeof commands[0]; i++)
		total += commands[i].weight;
	at = harness_random(seed) % total;
	for (i = 0; at >= commands[i].weight; i++)
		at -= commands[i].weight;
	return &commands[i];
}

/* One step of the stream: a command, or a message when the model is in DATA. */
static void step(struct model *m, struct hk_buf *stream, const struct row *row, uint64_t *seed)
{
	size_t i;

	if (m->state == TEXT) {
		i = harness_random(seed) % (sizeof messages / sizeof messages[0]);
		hk_buf_add_str(stream, messages[i].text);
		say(m, messages[i].code);
		m->errors = messages[i].keeps_errors ? m->errors + 1 : 0;
		m->idle = messages[i].keeps_errors ? m->idle : 0;
		m->state = GREETED;
		return;
	}
	hk_buf_add_str(stream, row->text);
	row->rule(m, row->a, row->b);
}

/* The codes of the replies in out, in order, compared. */
static void compare(const struct model *m, const struct hk_buf *out, const struct hk_buf *stream)
{
	struct hk_slice rest = hk_buf_slice(out);
	size_t n = 0;

	while (rest.n) {
		struct hk_slice line = hk_slice_sub(rest, 0, hk_slice_find(rest, '\n'));
		unsigned code = (unsigned)(line.p[0] - '0') * 100 + (unsigned)(line.p[1] - '0') * 10 + (unsigned)(line.p[2] - '0');

		rest = hk_slice_from(rest, line.n + 1);
		if (line.p[3] == '-')
			continue;
		if (n >= m->codes || m->code[n] != code)
			fail_msg("reply %zu is %u, the model says %u\n%.*s\n%.*s", n, code, n < m->codes ? m->code[n] : 0,
			    HK_FMT(hk_buf_slice(stream)), HK_FMT(hk_buf_slice(out)));
		n++;
	}
	if (n != m->codes)
		fail_msg("%zu replies, the model says %zu\n%.*s", n, m->codes, HK_FMT(hk_buf_slice(stream)));
}

static bool same_state(const struct model *m, const struct hk_smtpd *s)
{
	static const unsigned state[] = {
		[HELO_DUE] = SMTPD_GREETING, [GREETED] = SMTPD_READY, [SENDER] = SMTPD_MAIL,
		[RECIPIENTS] = SMTPD_RCPT, [TEXT] = SMTPD_DATA, [GONE] = SMTPD_OVER,
	};

	return s->state == state[m->state] && (m->state == GONE || (s->errors == m->errors && s->is_tls == m->tls)) &&
	    (m->state != RECIPIENTS || s->recipients == m->recipients);
}

/* Feeds the stream, through TLS where the model went through it: what stands behind STARTTLS must come after the handshake. */
static void session(uint64_t *seed)
{
	const struct hk_smtpd_options options = {.size = sizeof options,
		.hostname = HK_S("mx.test"), .max_message = 1000, .max_recipients = RCPTS, .offer_starttls = true};
	size_t i, n = 1 + harness_random(seed) % (SESSION_MAX - 1);
	const struct row *always = harness_random(seed) % 16 ? NULL : pick(seed); /* one kind only, to meet the counters */
	struct model m = {0};
	struct hk_buf stream;
	struct harness h;

	hk_buf_init(&stream, 1 << 16);
	harness_init(&h, &options);
	h.mute = true;
	h.seed = *seed;
	hk_buf_reset(&h.out);
	for (i = 0; i < n && m.state != GONE; i++) {
		bool was_tls = m.tls;

		step(&m, &stream, i + 1 == n ? &quit_row : always ? always : pick(seed), seed);
		if (m.tls != was_tls || i + 1 == n || m.state == GONE) {
			harness_run(&h, hk_buf_slice(&stream), (enum cut)(harness_random(seed) % 3));
			if (m.tls != was_tls)
				hk_smtpd_tls_done(h.session);
			if (!same_state(&m, h.session))
				fail_msg("another state: %u\n%.*s", h.session->state, HK_FMT(hk_buf_slice(&stream)));
			hk_buf_reset(&stream);
		}
	}
	compare(&m, &h.out, &stream);
	hk_buf_done(&stream);
	harness_done(&h);
}

/* S0-001, S4-107, T4 */
static void random_streams_get_the_replies_of_the_model(void **state)
{
	size_t i, sessions = getenv("HK_LONG") ? 400000 : 4000;
	uint64_t seed = 0x2545f4914f6cdd1du;

	(void)state;
	for (i = 0; i < sessions; i++)
		session(&seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_streams_get_the_replies_of_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
