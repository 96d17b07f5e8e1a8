/* SPDX-License-Identifier: MIT */
#include "smtpd_harness.h"
#include "tests/unit.h"

uint64_t harness_random(uint64_t *seed)
{
	/* xorshift64 */
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

void harness_init(struct harness *h, const struct hk_smtpd_options *options)
{
	*h = (struct harness){.seed = 88172645463325252u};
	hk_buf_init(&h->log, (size_t)1 << 26);
	hk_buf_init(&h->out, (size_t)1 << 26);
	hk_buf_init(&h->body, (size_t)1 << 26);
	h->session = hk_smtpd_new(options);
	assert_non_null(h->session);
	harness_take(h); /* the banner */
}

void harness_done(struct harness *h)
{
	hk_smtpd_free(h->session);
	hk_buf_done(&h->log);
	hk_buf_done(&h->out);
	hk_buf_done(&h->body);
}

void harness_take(struct harness *h)
{
	struct hk_slice out = hk_smtpd_out(h->session);

	assert_true(out.n <= HK_SMTP_OUTPUT_MAX);
	hk_buf_add(&h->out, out);
	hk_smtpd_sent(h->session, out.n);
}

static void note(struct harness *h, const char *what, struct hk_slice text)
{
	if (h->mute)
		return;
	hk_buf_add_str(&h->log, what);
	if (text.n) {
		hk_buf_add_byte(&h->log, ' ');
		hk_quote_add(&h->log, text, 4096);
	}
	hk_buf_add_byte(&h->log, '\n');
}

static void flush_body(struct harness *h)
{
	if (h->body.n)
		note(h, "BODY", hk_buf_slice(&h->body));
	hk_buf_reset(&h->body);
}

static bool has_text(struct hk_slice hay, struct hk_slice needle)
{
	size_t i;

	for (i = 0; i + needle.n <= hay.n; i++)
		if (hk_slice_eq(hk_slice_sub(hay, i, needle.n), needle))
			return true;
	return false;
}

static void answer_path(struct harness *h, struct hk_slice local)
{
	if (hk_slice_eq(local, HK_S("refuse")))
		hk_smtpd_answer(h->session, 550, "5.1.1", HK_S("No such user"));
	else if (hk_slice_eq(local, HK_S("defer")))
		hk_smtpd_answer(h->session, 451, "4.7.1", HK_S("Come again"));
	else if (hk_slice_eq(local, HK_S("end")))
		hk_smtpd_answer(h->session, 421, "4.3.2", HK_S("Enough"));
	else
		hk_smtpd_accept(h->session);
}

static void note_path(struct harness *h, const char *what, const struct hk_smtpd_event *event)
{
	struct hk_buf text;

	if (h->mute)
		return;
	hk_buf_init(&text, 4096);
	hk_buf_addf(&text, "<%.*s>%s", HK_FMT(event->path.text), event->path.had_route ? " routed" : "");
	hk_smtp_mail_params_add(&text, &event->mail, ~0u);
	hk_smtp_rcpt_params_add(&text, &event->rcpt, ~0u);
	note(h, what, hk_buf_slice(&text));
	hk_buf_done(&text);
}

/* PLAIN in one step or two, LOGIN in two or three. */
static void answer_auth(struct harness *h, const struct hk_smtpd_event *event)
{
	static const char *const ask[] = {"Username:", "Password:"};
	bool is_first = event->type == HK_SMTPD_AUTH;
	struct hk_buf text;

	if (is_first)
		h->challenges = hk_slice_eq(event->text, HK_S("LOGIN")) ? 0 : 2;
	hk_buf_init(&text, 16384);
	hk_buf_add(&text, is_first ? event->text : HK_S("response"));
	if (event->has_data) {
		hk_buf_add_byte(&text, ' ');
		hk_buf_add(&text, event->data);
	}
	note(h, "AUTH", hk_buf_slice(&text));
	hk_buf_done(&text);
	if (h->challenges == 0 && is_first && event->has_data)
		h->challenges = 1; /* the name came at once */
	if (h->challenges < 2)
		hk_smtpd_challenge(h->session, hk_slice_str(ask[h->challenges++]));
	else if (is_first && !event->has_data)
		hk_smtpd_challenge(h->session, HK_S(""));
	else if (hk_slice_ends_nocase(event->data, hk_slice_str(h->password ? h->password : "good")))
		hk_smtpd_accept(h->session);
	else
		hk_smtpd_answer(h->session, 535, "5.7.8", HK_S("Authentication failed"));
}

static void answer_message(struct harness *h, const struct hk_smtpd_event *event, bool spam)
{
	if (spam)
		hk_smtpd_answer(h->session, 554, "5.7.1", HK_S("Spam"));
	else if (event->recipient == 1)
		hk_smtpd_answer(h->session, 452, "4.2.2", HK_S("<green@foo.edu> is temporarily over quota"));
	else
		hk_smtpd_answer(h->session, 250, "2.0.0", HK_S("Ok: queued as 3EE173C0ADC"));
}

static void answer_data(struct harness *h, const struct hk_smtpd_event *event)
{
	note(h, event->is_bdat ? "BDAT" : "DATA", HK_S(""));
	if (h->refuse_data)
		hk_smtpd_answer(h->session, 451, "4.3.0", HK_S("Not now"));
	else
		hk_smtpd_accept(h->session);
	h->refuse_data = false;
}

static const char *name_of(enum hk_smtpd_event_type type)
{
	switch (type) {
	case HK_SMTPD_CLIENTID:
		return "CLIENTID";
	case HK_SMTPD_AUTH_CANCEL:
		return "CANCEL";
	case HK_SMTPD_ABORT:
		return "ABORT";
	case HK_SMTPD_ETRN:
		return "ETRN";
	case HK_SMTPD_QUIT:
		return "QUIT";
	case HK_SMTPD_REFUSED:
		return "REFUSED";
	default:
		return "STARTTLS";
	}
}

static void answer(struct harness *h, const struct hk_smtpd_event *event)
{
	struct hk_smtpd *s = h->session;
	bool spam;

	if (event->type == HK_SMTPD_BODY) {
		assert_true(event->text.n > 0);
		hk_buf_add(&h->body, event->text);
		hk_smtpd_accept(s);
		return;
	}
	spam = has_text(hk_buf_slice(&h->body), HK_S("spam"));
	flush_body(h);
	switch (event->type) {
	case HK_SMTPD_HELO:
		note(h, event->proto == HK_PROTO_ESMTP ? "EHLO" : event->proto == HK_PROTO_LMTP ? "LHLO" : "HELO", event->text);
		if (hk_slice_eq(event->text, HK_S("bad.test")))
			hk_smtpd_answer(s, 550, "5.7.1", HK_S("Not you"));
		else
			hk_smtpd_accept(s);
		break;
	case HK_SMTPD_MAIL:
		note_path(h, "MAIL", event);
		answer_path(h, event->path.local);
		break;
	case HK_SMTPD_RCPT:
		note_path(h, "RCPT", event);
		h->refuse_data = h->refuse_data || hk_slice_eq(event->path.local, HK_S("nodata"));
		answer_path(h, event->path.local);
		break;
	case HK_SMTPD_MESSAGE:
		note(h, "MESSAGE", HK_S(""));
		answer_message(h, event, spam);
		break;
	case HK_SMTPD_DATA:
		answer_data(h, event);
		break;
	case HK_SMTPD_AUTH:
	case HK_SMTPD_AUTH_RESPONSE:
		answer_auth(h, event);
		break;
	case HK_SMTPD_VRFY:
		note(h, "VRFY", event->text);
		if (hk_slice_eq(event->text, HK_S("root")))
			hk_smtpd_answer(s, 250, "2.1.5", HK_S("<root@mx.test>"));
		else
			hk_smtpd_accept(s);
		break;
	case HK_SMTPD_CLOSE:
		note(h, "CLOSE", event->text);
		hk_smtpd_accept(s);
		break;
	default:
		note(h, name_of(event->type), event->text);
		hk_smtpd_accept(s);
	}
}

void harness_pump(struct harness *h)
{
	struct hk_smtpd_event event = {.size = sizeof event}, again = event;

	while ((h->last = hk_smtpd_next(h->session, &event)) == HK_OK) {
		/* the same event until it is answered */
		assert_int_equal(hk_smtpd_next(h->session, &again), HK_OK);
		assert_int_equal(event.type, again.type);
		answer(h, &event);
	}
	assert_int_not_equal(h->last, HK_NOMEM);
	h->over = h->last == HK_END;
}

void harness_feed(struct harness *h, struct hk_slice piece)
{
	while (piece.n) {
		size_t n = hk_smtpd_feed(h->session, piece);

		assert_true(n <= piece.n);
		piece = hk_slice_from(piece, n);
		harness_pump(h);
		while (hk_smtpd_out(h->session).n) {
			harness_take(h);
			harness_pump(h);
		}
	}
}

void harness_run(struct harness *h, struct hk_slice input, enum cut cut)
{
	harness_pump(h);
	while (input.n) {
		size_t n = cut == CUT_WHOLE ? input.n : cut == CUT_BYTES ? 1 : 1 + harness_random(&h->seed) % 40;
		struct hk_slice piece = hk_slice_sub(input, 0, n);

		input = hk_slice_from(input, piece.n);
		harness_feed(h, piece);
	}
	harness_take(h);
	harness_pump(h);
	flush_body(h);
}
