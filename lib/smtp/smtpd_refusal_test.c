/* SPDX-License-Identifier: MIT
 *
 * The table of refusals: each that lib/smtp says is provoked here, and each reply says what the table says.
 */
#include "smtp_refusal.h"
#include "smtpd_test_util.h"

/* ---- the table ---- */

static void each_refusal_has_an_id_a_code_of_its_class_and_a_rule(void **state)
{
	unsigned i;

	(void)state;
	for (i = HK_REFUSAL_NONE + 1; i < HK_REFUSALS; i++) {
		const struct hk_refusal_row *row = hk_refusal_row((enum hk_refusal)i);
		struct hk_slice enhanced = hk_slice_str(row->enhanced);
		size_t k;

		assert_true(row->code >= 400 && row->code <= 599);
		/* RFC 2034 4: the same class; RFC 3463 2: three numbers */
		assert_true(enhanced.n >= 5 && (unsigned)(enhanced.p[0] - '0') == row->code / 100 && enhanced.p[1] == '.');
		assert_true(hk_slice_starts_nocase(hk_slice_str(row->source), HK_S("RFC ")) ||
		            hk_slice_starts_nocase(hk_slice_str(row->source), HK_S("draft-")) ||
		            hk_slice_starts_nocase(hk_slice_str(row->source), HK_S("limit of this host")));
		for (k = 0; row->id[k]; k++)
			assert_true(hk_is_alnum((uint8_t)row->id[k]) || row->id[k] == '-');
		assert_true(k > 2 && k <= 24);
		/* found by its id, so no two have the same */
		assert_int_equal(hk_refusal_find(hk_slice_str(row->id)), i);
	}
	assert_int_equal(hk_refusal_find(HK_S("")), HK_REFUSAL_NONE);
	assert_int_equal(hk_refusal_find(HK_S("no-such-id")), HK_REFUSAL_NONE);
	assert_int_equal(hk_refusal_row(HK_REFUSALS)->code, 0);
}

static void the_id_ends_a_reply_and_is_found_there(void **state)
{
	static const struct {
		const char *text;
		enum hk_refusal why;
		const char *transaction;
	} cases[] = {
	    {"550 5.7.1 <v@x.test>: Relaying denied (RFC 5321 3.6.2) [relay-denied/0A1]", HK_REFUSAL_RELAY_DENIED, "0A1"},
	    {"[http]\r\n", HK_REFUSAL_HTTP, ""},
	    {"http", HK_REFUSAL_HTTP, ""},
	    {"relay-denied/0A1", HK_REFUSAL_RELAY_DENIED, "0A1"},
	    {"[http] and more", HK_REFUSAL_NONE, ""},
	    {"a.eml", HK_REFUSAL_NONE, ""},
	    {"]", HK_REFUSAL_NONE, ""},
	    {"[]", HK_REFUSAL_NONE, ""},
	    {"", HK_REFUSAL_NONE, ""},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct hk_slice transaction;

		assert_int_equal(hk_refusal_in(hk_slice_str(cases[i].text), &transaction), cases[i].why);
		if (cases[i].why)
			assert_text(transaction, cases[i].transaction);
	}
}

/* However long what is told of the client is, the rule and the id are whole, and on one line of the reply. */
static void nothing_of_anybodys_cuts_the_id(void **state)
{
	static uint8_t many[2000];
	struct hk_refusal_said said = {.why = HK_REFUSAL_DNS_LISTED, .transaction = "0019D1F2E4C5000B"};
	size_t n;

	(void)state;
	memset(many, 0xe3, sizeof many); /* four octets each, once quoted */
	for (n = 0; n < sizeof many; n += 37) {
		static const char tail[] = " (RFC 5782) [dns-listed/0019D1F2E4C5000B]\r\n";
		struct hk_buf text, reply;
		struct hk_slice end;

		said.arg[2] = hk_slice_of(many, n);
		hk_buf_init(&text, 4096);
		hk_buf_init(&reply, 16384);
		hk_refusal_add(&text, &said);
		assert_int_equal(hk_buf_status(&text), HK_OK);
		assert_true(text.n <= HK_SMTP_REPLY_TEXT_MAX);
		hk_smtp_reply_add(&reply, 554, "5.7.1", hk_buf_slice(&text));
		assert_int_equal(hk_buf_status(&reply), HK_OK);
		end = hk_slice_from(hk_buf_slice(&reply), reply.n - (sizeof tail - 1) + 12);
		assert_text(end, tail + 12);
		hk_buf_done(&text);
		hk_buf_done(&reply);
	}
}

static void a_line_break_of_somebody_elses_is_none_of_the_reply(void **state)
{
	struct hk_refusal_said said = {.why = HK_REFUSAL_DMARC_REJECT, .arg = {HK_S("a\n250 ok")}, .about = HK_S("b\nc")};
	struct hk_buf text;

	(void)state;
	hk_buf_init(&text, 4096);
	hk_refusal_add(&text, &said);
	assert_int_equal(hk_buf_status(&text), HK_OK);
	assert_text(hk_buf_slice(&text), "<b?c>: Email rejected per DMARC policy for a?250 ok (RFC 9989 7.2) [dmarc-reject]");
	hk_buf_done(&text);
}

/* ---- each of them, provoked ---- */

enum trait { LMTP = 1, STRICT = 2, ROUTES = 4, TLS = 8, NEEDS_TLS = 16, EARLY = 32, TIMEOUT = 64, SHUTDOWN = 128, NO_STARTTLS = 256,
	BASIC = 512, LIMITS = 1024, WARY = 2048 };

struct provocation {
	enum hk_refusal why;
	unsigned traits;
	const char *in, *repeated;
	size_t times;
	size_t n; /* of in, when it holds a NUL */
};
#define HELLO     "EHLO a.test\r\n"
#define SENDER    HELLO "MAIL FROM:<a@a.test>\r\n"
#define RECIPIENT SENDER "RCPT TO:<b@b.test>\r\n"
#define X63       "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define LONG_NAME X63 "." X63 "." X63 "." X63 "." X63
#define WITH_NUL(text) .in = text, .n = sizeof text - 1

static const struct provocation provocations[] = {
	{HK_REFUSAL_LINE_TOO_LONG, 0, "", "0123456789abcdef", HK_SMTP_LINE_MAX / 16, 0},
	{HK_REFUSAL_LINE_BARE_LF, 0, "NOOP\n", "", 0, 0},
	{HK_REFUSAL_LINE_BARE_CR, 0, "NO\rOP\r\n", "", 0, 0},
	{HK_REFUSAL_LINE_NUL, .traits = 0, WITH_NUL("NO\0OP\r\n"), .repeated = ""},
	{HK_REFUSAL_LINE_ENDLESS, 0, "", "0123456789abcdef", (HK_SMTP_LINE_MAX + HK_SMTP_SKIP_MAX) / 16 + 1, 0},
	{HK_REFUSAL_COMMAND_UNKNOWN, 0, "XYZZY\r\n", "", 0, 0},
	{HK_REFUSAL_COMMAND_ABSENT, 0, "EXPN list\r\n", "", 0, 0},
	{HK_REFUSAL_HTTP, 0, "GET / HTTP/1.1\r\n", "", 0, 0},
	{HK_REFUSAL_ARGUMENT_UNWANTED, 0, "QUIT now\r\n", "", 0, 0},
	{HK_REFUSAL_ARGUMENT_MISSING, 0, "VRFY\r\n", "", 0, 0},
	{HK_REFUSAL_ERRORS, 0, "", "XYZZY\r\n", HK_SMTP_ERRORS_MAX + 1, 0},
	{HK_REFUSAL_IDLE, 0, "", "NOOP\r\n", HK_SMTP_NOOPS_MAX + 1, 0},
	{HK_REFUSAL_TIMEOUT, TIMEOUT, "", "", 0, 0},
	{HK_REFUSAL_SHUTDOWN, SHUTDOWN, "", "", 0, 0},
	{HK_REFUSAL_EARLY_TALKER, EARLY, HELLO, "", 0, 0},
	{HK_REFUSAL_PIPELINED, WARY, HELLO HELLO, "", 0, 0},
	{HK_REFUSAL_LMTP_HELLO, LMTP, HELLO, "", 0, 0},
	{HK_REFUSAL_HELO_ARGUMENT, 0, "EHLO a b\r\n", "", 0, 0},
	{HK_REFUSAL_HELO_NAME, 0, "HELO a<b\r\n", "", 0, 0},
	{HK_REFUSAL_STARTTLS_EARLY, 0, "STARTTLS\r\n", "", 0, 0},
	{HK_REFUSAL_STARTTLS_ACTIVE, TLS, HELLO "STARTTLS\r\n", "", 0, 0},
	{HK_REFUSAL_STARTTLS_ABSENT, NO_STARTTLS, HELLO "STARTTLS\r\n", "", 0, 0},
	{HK_REFUSAL_MAIL_EARLY, 0, "MAIL FROM:<>\r\n", "", 0, 0},
	{HK_REFUSAL_MAIL_AGAIN, 0, SENDER "MAIL FROM:<>\r\n", "", 0, 0},
	{HK_REFUSAL_RCPT_EARLY, 0, HELLO "RCPT TO:<b@b.test>\r\n", "", 0, 0},
	{HK_REFUSAL_DATA_EARLY, 0, HELLO "DATA\r\n", "", 0, 0},
	{HK_REFUSAL_DATA_NO_RCPT, 0, SENDER "DATA\r\n", "", 0, 0},
	{HK_REFUSAL_DATA_BINARYMIME, 0, HELLO "MAIL FROM:<> BODY=BINARYMIME\r\nRCPT TO:<b@b.test>\r\nDATA\r\n", "", 0, 0},
	{HK_REFUSAL_CLIENTID_EARLY, 0, "CLIENTID UUID x\r\n", "", 0, 0},
	{HK_REFUSAL_CLIENTID_LATE, 0, SENDER "CLIENTID UUID x\r\n", "", 0, 0},
	{HK_REFUSAL_CLIENTID_NEEDS_TLS, 0, HELLO "CLIENTID UUID x\r\n", "", 0, 0},
	{HK_REFUSAL_CLIENTID_AGAIN, TLS, HELLO "CLIENTID UUID x\r\nCLIENTID UUID x\r\n", "", 0, 0},
	{HK_REFUSAL_CLIENTID_FORM, TLS, HELLO "CLIENTID UUID\r\n", "", 0, 0},
	{HK_REFUSAL_AUTH_EARLY, 0, "AUTH PLAIN\r\n", "", 0, 0},
	{HK_REFUSAL_AUTH_LATE, 0, SENDER "AUTH PLAIN\r\n", "", 0, 0},
	{HK_REFUSAL_AUTH_AGAIN, 0, HELLO "AUTH PLAIN Z29vZA==\r\nAUTH PLAIN Z29vZA==\r\n", "", 0, 0},
	{HK_REFUSAL_AUTH_NEEDS_TLS, NEEDS_TLS, HELLO "AUTH PLAIN\r\n", "", 0, 0},
	{HK_REFUSAL_AUTH_MECHANISM, 0, HELLO "AUTH GSSAPI\r\n", "", 0, 0},
	{HK_REFUSAL_AUTH_BASE64, 0, HELLO "AUTH PLAIN !!!\r\n", "", 0, 0},
	{HK_REFUSAL_AUTH_LINE_TOO_LONG, 0, HELLO "AUTH PLAIN\r\n", "0123456789abcdef", HK_SMTP_AUTH_LINE_MAX / 16, 0},
	{HK_REFUSAL_AUTH_CANCELLED, 0, HELLO "AUTH PLAIN\r\n*\r\n", "", 0, 0},
	{HK_REFUSAL_BDAT_FORM, 0, RECIPIENT "BDAT many\r\n", "", 0, 0},
	{HK_REFUSAL_BDAT_EARLY, 0, HELLO "BDAT 2\r\n\r\n", "", 0, 0},
	{HK_REFUSAL_BDAT_UNDER_WAY, 0, RECIPIENT "BDAT 2\r\n\r\nDATA\r\n", "", 0, 0},
	{HK_REFUSAL_BDAT_SMALL, 0, RECIPIENT, "BDAT 0\r\n", 1002, 0},
	{HK_REFUSAL_BDAT_UNWANTED, 0, HELLO "BDAT 5000\r\n", "0123456789abcdef", 1001 / 16 + 1, 0},
	{HK_REFUSAL_ETRN_EARLY, 0, "ETRN a.test\r\n", "", 0, 0},
	{HK_REFUSAL_ETRN_LATE, 0, SENDER "ETRN a.test\r\n", "", 0, 0},
	{HK_REFUSAL_ETRN_NAME, 0, HELLO "ETRN @\r\n", "", 0, 0},
	{HK_REFUSAL_MAIL_FORM, 0, HELLO "MAIL TO:<a@a.test>\r\n", "", 0, 0},
	{HK_REFUSAL_MAIL_PATH, 0, HELLO "MAIL FROM:<a@>\r\n", "", 0, 0},
	{HK_REFUSAL_MAIL_PATH_TOO_LONG, 0, HELLO "MAIL FROM:<a@" LONG_NAME ">\r\n", "", 0, 0},
	{HK_REFUSAL_MAIL_ROUTE, ROUTES, HELLO "MAIL FROM:<@c.test:a@a.test>\r\n", "", 0, 0},
	{HK_REFUSAL_RCPT_FORM, 0, SENDER "RCPT FROM:<b@b.test>\r\n", "", 0, 0},
	{HK_REFUSAL_RCPT_PATH, 0, SENDER "RCPT TO:<b@>\r\n", "", 0, 0},
	{HK_REFUSAL_RCPT_PATH_TOO_LONG, 0, SENDER "RCPT TO:<b@" LONG_NAME ">\r\n", "", 0, 0},
	{HK_REFUSAL_RCPT_ROUTE, ROUTES, SENDER "RCPT TO:<@c.test:b@b.test>\r\n", "", 0, 0},
	{HK_REFUSAL_ADDRESS_UTF8, 0, SENDER "RCPT TO:<\xe4\xbe\x8b@b.test>\r\n", "", 0, 0},
	{HK_REFUSAL_LIMIT_RECIPIENTS, LIMITS, SENDER, "RCPT TO:<b@b.test>\r\n", 3, 0},
	{HK_REFUSAL_LIMIT_TRANSACTIONS, LIMITS, SENDER "RSET\r\nMAIL FROM:<>\r\nRSET\r\nMAIL FROM:<>\r\n", "", 0, 0},
	{HK_REFUSAL_LIMIT_DOMAINS, LIMITS, SENDER "RCPT TO:<b@b.test>\r\nRCPT TO:<c@c.test>\r\n", "", 0, 0},
	{HK_REFUSAL_PARAMETER_UNKNOWN, 0, HELLO "MAIL FROM:<> X=Y\r\n", "", 0, 0},
	{HK_REFUSAL_SIZE_FORM, 0, HELLO "MAIL FROM:<> SIZE=x\r\n", "", 0, 0},
	{HK_REFUSAL_SIZE_EXCEEDED, 0, HELLO "MAIL FROM:<> SIZE=1001\r\n", "", 0, 0},
	{HK_REFUSAL_BODY_FORM, BASIC, HELLO "MAIL FROM:<> BODY=9BIT\r\n", "", 0, 0},
	{HK_REFUSAL_BODY_FORM_BINARY, 0, HELLO "MAIL FROM:<> BODY=9BIT\r\n", "", 0, 0},
	{HK_REFUSAL_SMTPUTF8_FORM, 0, HELLO "MAIL FROM:<> SMTPUTF8=1\r\n", "", 0, 0},
	{HK_REFUSAL_REQUIRETLS_FORM, TLS, HELLO "MAIL FROM:<> REQUIRETLS=1\r\n", "", 0, 0},
	{HK_REFUSAL_RET_FORM, 0, HELLO "MAIL FROM:<> RET=ALL\r\n", "", 0, 0},
	{HK_REFUSAL_ENVID_FORM, 0, HELLO "MAIL FROM:<> ENVID=+\r\n", "", 0, 0},
	{HK_REFUSAL_AUTH_FORM, 0, HELLO "MAIL FROM:<> AUTH=+\r\n", "", 0, 0},
	{HK_REFUSAL_BY_FORM, 0, HELLO "MAIL FROM:<> BY=soon;R\r\n", "", 0, 0},
	{HK_REFUSAL_BY_TOO_SOON, 0, HELLO "MAIL FROM:<> BY=0;R\r\n", "", 0, 0},
	{HK_REFUSAL_TRANSID_FORM, 0, HELLO "MAIL FROM:<> TRANSID=1@a.test\r\n", "", 0, 0},
	{HK_REFUSAL_NOTIFY_FORM, 0, SENDER "RCPT TO:<b@b.test> NOTIFY=ALWAYS\r\n", "", 0, 0},
	{HK_REFUSAL_ORCPT_FORM, 0, SENDER "RCPT TO:<b@b.test> ORCPT=b\r\n", "", 0, 0},
	{HK_REFUSAL_MESSAGE_BARE_LF, 0, RECIPIENT "DATA\r\na\nb\r\n.\r\n", "", 0, 0},
	{HK_REFUSAL_MESSAGE_BARE_CR, 0, RECIPIENT "DATA\r\na\rb\r\n.\r\n", "", 0, 0},
	{HK_REFUSAL_MESSAGE_NUL, .traits = 0, WITH_NUL(RECIPIENT "DATA\r\na\0b\r\n.\r\n"), .repeated = ""},
	{HK_REFUSAL_MESSAGE_TOO_LARGE, 0, RECIPIENT "BDAT 1008 LAST\r\n", "0123456789abcd\r\n", 63, 0},
};

static struct hk_smtpd_options options_of(unsigned traits)
{
	struct hk_smtpd_options o = plain;

	o.extensions = traits & BASIC ? HK_EXT_BASIC : ~0u;
	o.mechanisms = HK_S("PLAIN LOGIN");
	o.lmtp = (traits & LMTP) != 0;
	o.strict_envelopes = (traits & STRICT) != 0;
	o.refuse_source_routes = (traits & ROUTES) != 0;
	o.auth_needs_tls = (traits & NEEDS_TLS) != 0;
	o.hold_banner = (traits & EARLY) != 0;
	o.early_talker_check = (traits & (EARLY | WARY)) != 0;
	o.offer_starttls = (traits & NO_STARTTLS) == 0;
	o.tell_refusals = true;
	if (traits & LIMITS) {
		o.max_recipients = 2;
		o.max_transactions = 2;
		o.max_domains = 1;
	}
	return o;
}

static void provoke(struct harness *h, const struct provocation *p)
{
	struct hk_smtpd_options options = options_of(p->traits);
	size_t i;

	harness_init(h, &options);
	if (p->traits & TLS)
		hk_smtpd_tls_done(h->session);
	if (p->traits & WARY)
		harness_pump(h);
	harness_feed(h, p->n ? hk_slice_of(p->in, p->n) : hk_slice_str(p->in));
	for (i = 0; i < p->times && !h->over; i++)
		harness_feed(h, hk_slice_str(p->repeated));
	if (p->traits & TIMEOUT)
		hk_smtpd_timeout(h->session);
	if (p->traits & SHUTDOWN)
		hk_smtpd_shutdown(h->session);
	harness_pump(h);
	harness_take(h);
}

/* The last line that was said. */
static struct hk_slice last_line(const struct hk_buf *out)
{
	struct hk_slice s = hk_slice_sub(hk_buf_slice(out), 0, out->n - (out->n >= 2 ? 2 : 0));
	size_t lf = hk_slice_rfind(s, '\n');

	return lf < s.n ? hk_slice_from(s, lf + 1) : s;
}

/* RFC 2034 4: neither the greeting nor an answer to EHLO has an enhanced code. */
static bool has_enhanced(enum hk_refusal why)
{
	return why != HK_REFUSAL_HELO_ARGUMENT && why != HK_REFUSAL_HELO_NAME && why != HK_REFUSAL_LMTP_HELLO &&
	       why != HK_REFUSAL_EARLY_TALKER && why != HK_REFUSAL_PIPELINED;
}

/* Whether the caller was told of it so many times. */
static bool was_told(const struct harness *h, const char *id, size_t times)
{
	struct hk_slice log = hk_buf_slice(&h->log);
	char want[64];
	size_t n = 0;

	snprintf(want, sizeof want, "REFUSED %s", id);
	while (log.n) {
		size_t end = hk_slice_find(log, '\n');

		n += hk_slice_eq(hk_slice_sub(log, 0, end), hk_slice_str(want));
		log = hk_slice_from(log, end + 1);
	}
	return n == times;
}

/* A list of thousands is cut off at the limit by each client, and its log is no longer for it. */
static void what_counts_as_no_error_is_told_once_in_a_transaction(void **state)
{
	struct harness h;

	(void)state;
	provoke(&h, &(struct provocation){.traits = LIMITS, .in = SENDER, .repeated = "RCPT TO:<b@b.test>\r\n", .times = 9});
	assert_true(was_told(&h, "limit-recipients", 1));
	harness_feed(&h, HK_S("RSET\r\nMAIL FROM:<>\r\nRCPT TO:<b@b.test>\r\nRCPT TO:<b@b.test>\r\nRCPT TO:<b@b.test>\r\nRCPT TO:<b@b.test>\r\n"));
	assert_true(was_told(&h, "limit-recipients", 2));
	harness_done(&h);
}

static void what_was_refused_comes_with_its_word_if_that_is_asked_for(void **state)
{
	static const struct {
		const char *in, *word;
	} rows[] = {{HELLO "MAIL\r\n", "MAIL"}, {RECIPIENT "DATA\r\na\r\nb\nc\r\n.\r\n", "2"}, {"WHAT\r\n", ""}};
	size_t i, asked;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		for (asked = 0; asked < 2; asked++) {
			struct hk_smtpd_options options = options_of(0);
			struct hk_smtpd_event e = {.size = sizeof e};
			struct hk_smtpd *s;
			size_t told = 0;

			options.tell_refusals = asked;
			s = must(hk_smtpd_new(&options));
			(void)hk_smtpd_feed(s, hk_slice_str(rows[i].in));
			while (hk_smtpd_next(s, &e) == HK_OK) {
				if (e.type == HK_SMTPD_REFUSED) {
					told++;
					assert_true(hk_slice_eq(e.data, hk_slice_str(rows[i].word)));
				}
				hk_smtpd_accept(s);
			}
			assert_int_equal(told, asked);
			hk_smtpd_free(s);
		}
	}
}

static void each_refusal_of_the_table_is_said_as_it_stands_there(void **state)
{
	size_t i;

	(void)state;
	assert_int_equal(COUNT(provocations), HK_REFUSALS_OF_SMTP - 1);
	for (i = 0; i < COUNT(provocations); i++) {
		const struct provocation *p = &provocations[i];
		const struct hk_refusal_row *row = hk_refusal_row(p->why);
		struct hk_slice line, transaction;
		struct harness h;
		char want[64];

		assert_int_equal(p->why, i + 1); /* in the table's order, so none is left out */
		provoke(&h, p);
		line = last_line(&h.out);
		snprintf(want, sizeof want, "%u %s%s", row->code, has_enhanced(p->why) ? row->enhanced : "",
		    has_enhanced(p->why) ? " " : "");
		if (hk_refusal_in(line, &transaction) != p->why || !hk_slice_starts_nocase(line, hk_slice_str(want)))
			fail_msg("%s: %.*s", row->id, HK_FMT(hk_buf_slice(&h.out)));
		assert_int_equal(transaction.n, 0);
		if (!was_told(&h, row->id, 1))
			fail_msg("%s:\n%.*s", row->id, HK_FMT(hk_buf_slice(&h.log)));
		harness_done(&h);
	}
}

/* RFC 5321 4.1.2: what has an "=" has a value; a parameter that comes twice would leave it open which of them holds. */
static void a_parameter_comes_once_and_is_not_empty(void **state)
{
	static const struct {
		enum hk_refusal why;
		unsigned traits;
		const char *command, *name, *value;
	} rows[] = {
		{HK_REFUSAL_SIZE_FORM, 0, HELLO "MAIL FROM:<>", "SIZE", "=1"},
		{HK_REFUSAL_BODY_FORM, BASIC, HELLO "MAIL FROM:<>", "BODY", "=7BIT"},
		{HK_REFUSAL_BODY_FORM, BASIC, HELLO "MAIL FROM:<>", "BODY", "=8BITMIME"},
		{HK_REFUSAL_BODY_FORM_BINARY, 0, HELLO "MAIL FROM:<>", "BODY", "=7BIT"},
		{HK_REFUSAL_BODY_FORM_BINARY, 0, HELLO "MAIL FROM:<>", "BODY", "=BINARYMIME"},
		{HK_REFUSAL_SMTPUTF8_FORM, 0, HELLO "MAIL FROM:<>", "SMTPUTF8", ""},
		{HK_REFUSAL_REQUIRETLS_FORM, TLS, HELLO "MAIL FROM:<>", "REQUIRETLS", ""},
		{HK_REFUSAL_RET_FORM, 0, HELLO "MAIL FROM:<>", "RET", "=HDRS"},
		{HK_REFUSAL_ENVID_FORM, 0, HELLO "MAIL FROM:<>", "ENVID", "=a"},
		{HK_REFUSAL_AUTH_FORM, 0, HELLO "MAIL FROM:<>", "AUTH", "=<>"},
		{HK_REFUSAL_BY_FORM, 0, HELLO "MAIL FROM:<>", "BY", "=60;R"},
		{HK_REFUSAL_TRANSID_FORM, 0, HELLO "MAIL FROM:<>", "TRANSID", "=<a@b>"},
		{HK_REFUSAL_NOTIFY_FORM, 0, SENDER "RCPT TO:<b@b.test>", "NOTIFY", "=NEVER"},
		{HK_REFUSAL_ORCPT_FORM, 0, SENDER "RCPT TO:<b@b.test>", "ORCPT", "=rfc822;b"},
	};
	size_t i, kind;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		for (kind = 0; kind < 3; kind++) {
			const char *name = rows[i].name, *value = rows[i].value;
			enum hk_refusal want = kind ? rows[i].why : HK_REFUSAL_NONE;
			struct hk_slice transaction;
			struct harness h;
			char in[256];

			if (kind == 2)
				snprintf(in, sizeof in, "%s %s=\r\n", rows[i].command, name);
			else
				snprintf(in, sizeof in, "%s %s%s%s%s%s\r\n", rows[i].command, name, value, kind ? " " : "", kind ? name : "",
				    kind ? value : "");
			provoke(&h, &(struct provocation){.traits = rows[i].traits, .in = in, .repeated = ""});
			if (hk_refusal_in(last_line(&h.out), &transaction) != want)
				fail_msg("%s%.*s", in, HK_FMT(hk_buf_slice(&h.out)));
			harness_done(&h);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_refusal_has_an_id_a_code_of_its_class_and_a_rule),
		cmocka_unit_test(the_id_ends_a_reply_and_is_found_there),
		cmocka_unit_test(nothing_of_anybodys_cuts_the_id),
		cmocka_unit_test(a_line_break_of_somebody_elses_is_none_of_the_reply),
		cmocka_unit_test(each_refusal_of_the_table_is_said_as_it_stands_there),
		cmocka_unit_test(a_parameter_comes_once_and_is_not_empty),
		cmocka_unit_test(what_counts_as_no_error_is_told_once_in_a_transaction),
		cmocka_unit_test(what_was_refused_comes_with_its_word_if_that_is_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
