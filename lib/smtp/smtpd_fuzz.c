/* SPDX-License-Identifier: MIT
 *
 * The server over any bytes, whole and byte by byte: the same events and replies (T5), bounded output, and replies that are replies.
 * The first two bytes choose options and answers.
 */
#include <stdint.h>
#include <stdlib.h>

#include "smtp_internal.h"

struct outcome {
	uint64_t events; /* a hash of types and texts, bodies joined */
	struct hk_buf out;
	uint8_t choice, more;
};

static void mix(struct outcome *o, struct hk_slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		o->events = (o->events ^ s.p[i]) * 1099511628211u;
}

static void mix_event(struct outcome *o, const struct hk_smtpd_event *e)
{
	uint8_t type = (uint8_t)e->type, rest[2] = {e->mail.has_size, (uint8_t)e->mail.body};

	mix(o, e->text);
	if (e->type == HK_SMTPD_BODY)
		return; /* cut differently, joined the same */
	mix(o, hk_slice_of(&type, 1));
	mix(o, e->path.text);
	mix(o, e->data);
	mix(o, e->mail.envid);
	mix(o, e->transid);
	mix(o, e->rcpt.orcpt);
	mix(o, hk_slice_of(rest, 2));
}

static void settle(struct outcome *o, struct hk_smtpd *s, const struct hk_smtpd_event *e)
{
	static const unsigned codes[8] = {0, 0, 0, 0, 250, 450, 550, 421};
	unsigned code = e->type == HK_SMTPD_BODY ? 0 : codes[(o->choice >> 4 ^ e->type) & 7];

	if ((e->type == HK_SMTPD_AUTH || e->type == HK_SMTPD_AUTH_RESPONSE) && (e->data.n & 1))
		hk_smtpd_challenge(s, e->data);
	else if (e->type == HK_SMTPD_MAIL && (e->transid.n & 1)) /* one that broke off, up to over the size limit */
		hk_smtpd_resume(s, 7 * e->transid.n, 1);
	else if (code == 0)
		hk_smtpd_accept(s);
	else
		hk_smtpd_answer(s, code, code == 250 ? NULL : "4.0.0", e->text.n ? e->text : HK_S("so\nsay\rwe"));
}

static void pump(struct outcome *o, struct hk_smtpd *s)
{
	struct hk_smtpd_event e = {.size = sizeof e};
	bool moved = true;

	while (moved) {
		moved = false;
		while (hk_smtpd_next(s, &e) == HK_OK) {
			mix_event(o, &e);
			settle(o, s, &e);
			if (e.type == HK_SMTPD_STARTTLS)
				hk_smtpd_tls_done(s);
			moved = true;
		}
		if (hk_smtpd_out(s).n > HK_SMTP_OUTPUT_MAX)
			abort();
		hk_buf_add(&o->out, hk_smtpd_out(s));
		moved |= hk_smtpd_out(s).n > 0;
		hk_smtpd_sent(s, hk_smtpd_out(s).n);
	}
}

/* Every line is a code, then text of printable ASCII, then CRLF. */
static void check_replies(struct hk_slice out)
{
	while (out.n) {
		size_t i, end = hk_slice_find(out, '\n');

		if (end < 4 || end == out.n || end > 511 || out.p[end - 1] != '\r' || out.p[0] < '2' || out.p[0] > '5' ||
		    (out.p[3] != ' ' && out.p[3] != '-'))
			abort();
		for (i = 0; i + 1 < end; i++)
			if (out.p[i] < 0x20 || out.p[i] > 0x7e)
				abort();
		out = hk_slice_from(out, end + 1);
	}
}

static void run(struct outcome *o, struct hk_slice in, size_t piece)
{
	const struct hk_smtpd_options options = {.size = sizeof options,
		.hostname = HK_S("mx.test"),
		.banner_text = HK_S("x"),
		.max_message = 200,
		.max_recipients = 3,
		.offer_starttls = true,
		.strict_envelopes = (o->choice & 1) != 0,
		.refuse_source_routes = (o->choice & 2) != 0,
		.early_talker_check = (o->choice & 4) != 0,
		.allow_bare_lf = (o->choice & 8) != 0,
		.tell_refusals = (o->choice & 16) != 0,
		.extensions = o->more & 1 ? ~0u : HK_EXT_BASIC,
		.lmtp = (o->more & 2) != 0,
		.mechanisms = o->more & 4 ? HK_S("PLAIN LOGIN") : HK_S(""),
		.max_transactions = o->more & 8 ? 3 : 0,
		.max_domains = o->more & 16 ? 1 : 0,
		.echo_addresses = (o->more & 32) != 0,
		.profile = o->more >> 6,
	};
	struct hk_smtpd *s = hk_smtpd_new(&options);

	if (!s)
		abort();
	hk_buf_init(&o->out, (size_t)1 << 26);
	o->events = 14695981039346656037u;
	pump(o, s);
	if (o->choice & 4)
		hk_smtpd_tls_done(s);
	while (in.n) {
		size_t n = hk_smtpd_feed(s, hk_slice_sub(in, 0, piece));

		if (n == 0)
			abort(); /* everything that can be taken was taken out before */
		in = hk_slice_from(in, n);
		pump(o, s);
	}
	check_replies(hk_buf_slice(&o->out));
	hk_smtpd_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct outcome whole = {0}, bytes = {0};
	size_t i;

	if (n < 2)
		return 0;
	whole.choice = bytes.choice = data[0];
	whole.more = bytes.more = data[1];
	data++;
	n--;
	/* A STARTTLS that is followed by anything in one piece drops it, and who has the client wait ends there: not comparable, so such
	 * input runs whole only. */
	run(&whole, hk_slice_of(data + 1, n - 1), n);
	for (i = 0; i + 8 <= n; i++)
		if (hk_slice_eq_nocase(hk_slice_of(data + i, 8), HK_S("STARTTLS")))
			break;
	if (i + 8 > n && (whole.choice & 4) == 0) {
		run(&bytes, hk_slice_of(data + 1, n - 1), 1);
		if (whole.events != bytes.events || !hk_slice_eq(hk_buf_slice(&whole.out), hk_buf_slice(&bytes.out)))
			abort();
		hk_buf_done(&bytes.out);
	}
	hk_buf_done(&whole.out);
	return 0;
}
