/* SPDX-License-Identifier: MIT
 *
 * The interpreter of scripts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpc_test_script.h"
#include "tests/unit.h"

enum cut { CUT_WHOLE, CUT_BYTES, CUT_RANDOM };

struct run {
	const struct script *script;
	struct hk_smtpc *client;
	struct hk_buf out, log;
	size_t out_at, log_at;
	enum cut cut;
	uint64_t seed;
};

static const char *const stage_names[] = {
	[HK_SMTPC_BANNER] = "BANNER", [HK_SMTPC_HELO] = "HELO", [HK_SMTPC_STARTTLS] = "STARTTLS",
	[HK_SMTPC_CLIENTID] = "CLIENTID", [HK_SMTPC_AUTH] = "AUTH", [HK_SMTPC_COMMAND] = "COMMAND", [HK_SMTPC_MAIL] = "MAIL",
	[HK_SMTPC_RCPT] = "RCPT", [HK_SMTPC_DATA] = "DATA", [HK_SMTPC_DOT] = "DOT", [HK_SMTPC_QUIT] = "QUIT",
};
static const char *const event_names[] = {
	[HK_SMTPC_READY] = "READY", [HK_SMTPC_TLS] = "TLS", [HK_SMTPC_SEND_BODY] = "SEND_BODY", [HK_SMTPC_RCPT_DONE] = "RCPT_DONE",
	[HK_SMTPC_DONE] = "DONE", [HK_SMTPC_CLOSED] = "CLOSED", [HK_SMTPC_CHALLENGE] = "CHALLENGE",
	[HK_SMTPC_AUTH_DONE] = "AUTH_DONE", [HK_SMTPC_REPLY] = "REPLY",
};

static void note(struct run *r, const struct hk_smtpc_event *e)
{
	struct hk_slice text = e->reply.text;
	size_t i;

	hk_buf_add_str(&r->log, event_names[e->type]);
	if (e->type == HK_SMTPC_SEND_BODY && e->offset)
		hk_buf_addf(&r->log, " %llu", (unsigned long long)e->offset);
	if (e->type == HK_SMTPC_CHALLENGE && text.n) {
		hk_buf_add_byte(&r->log, ' ');
		hk_buf_add(&r->log, text);
	} else if (e->type >= HK_SMTPC_AUTH_DONE && e->type != HK_SMTPC_TLS && e->type != HK_SMTPC_SEND_BODY) {
		if (e->type == HK_SMTPC_RCPT_DONE)
			hk_buf_addf(&r->log, " %zu", e->recipient);
		hk_buf_addf(&r->log, " %s %u", stage_names[e->stage], e->reply.code);
		if (e->reply.enhanced[0])
			hk_buf_addf(&r->log, " %s", e->reply.enhanced);
		if (text.n)
			hk_buf_add_byte(&r->log, ' ');
		for (i = 0; i < text.n; i++)
			hk_buf_add_byte(&r->log, text.p[i] == '\n' ? '|' : text.p[i]);
		if (e->reply.own)
			hk_buf_add_str(&r->log, " own");
	}
	hk_buf_add_byte(&r->log, '\n');
}

static void pump(struct run *r)
{
	struct hk_smtpc_event event = {.size = sizeof event};
	enum hk_status status;

	while ((status = hk_smtpc_next(r->client, &event)) == HK_OK)
		note(r, &event);
	assert_true(status == HK_AGAIN || status == HK_END);
	hk_buf_add(&r->out, hk_smtpc_out(r->client));
	hk_smtpc_sent(r->client, hk_smtpc_out(r->client).n);
}

static struct hk_slice unescape(struct hk_slice text, struct hk_buf *b)
{
	size_t i;

	for (i = 0; i < text.n; i++) {
		if (text.p[i] != '\\') {
			hk_buf_add_byte(b, text.p[i]);
			continue;
		}
		if (++i == text.n)
			return hk_buf_slice(b);
		hk_buf_add_byte(b, text.p[i] == 'r' ? '\r' : text.p[i] == 'n' ? '\n' : 0);
	}
	hk_buf_add_str(b, "\r\n");
	return hk_buf_slice(b);
}

static struct hk_slice next_piece(struct run *r, struct hk_slice text)
{
	r->seed = r->seed * 6364136223846793005u + 1442695040888963407u;
	return hk_slice_sub(text, 0, r->cut == CUT_WHOLE ? text.n : r->cut == CUT_BYTES ? 1 : 1 + (r->seed >> 33) % 12);
}

static void say(struct run *r, struct hk_slice text)
{
	while (text.n) {
		struct hk_slice piece = next_piece(r, text);
		size_t n = hk_smtpc_feed(r->client, piece);

		assert_true(n > 0);
		text = hk_slice_from(text, n);
		if (r->cut != CUT_WHOLE)
			pump(r);
	}
}

static void send_body(struct run *r, struct hk_slice text)
{
	while (text.n) {
		/* how the text is cut shows in the chunks */
		struct hk_slice piece = r->script->chunking ? text : next_piece(r, text);
		size_t n = hk_smtpc_body(r->client, piece);

		assert_true(n > 0);
		text = hk_slice_from(text, n);
	}
}

static void start(struct run *r, enum hk_status want)
{
	const struct script *s = r->script;
	struct hk_slice rcpt[4], more[4];
	struct hk_smtpc_transaction t = {.size = sizeof t,
	    .mail_from = hk_slice_str(s->from), .rcpt = rcpt, .rcpt_params = s->params, .mail = s->mail,
	    .mail_more = hk_slice_str(s->mail_more), .rcpt_more = s->rcpt_more[0] ? more : NULL};

	t.mail.has_size = s->size != 0;
	t.mail.size = s->size;
	t.transid = hk_slice_str(s->transid ? s->transid : "");
	t.resumes = s->resumes;
	if (s->body_8bit)
		t.mail.body = HK_BODY_8BITMIME;
	for (t.n = 0; t.n < 4 && s->rcpt[t.n]; t.n++) {
		rcpt[t.n] = hk_slice_str(s->rcpt[t.n]);
		more[t.n] = hk_slice_str(s->rcpt_more[t.n]);
	}
	assert_int_equal(hk_smtpc_start(r->client, &t), want);
}

static void authenticate(struct run *r, struct hk_slice text)
{
	struct hk_slice mechanism = hk_slice_sub(text, 0, hk_slice_find(text, ' '));
	struct hk_slice initial = hk_slice_from(text, mechanism.n + 1);

	assert_int_equal(
	    hk_smtpc_auth(r->client, mechanism, mechanism.n < text.n ? &initial : NULL), HK_OK);
}

static void expect_line(struct run *r, const char *what, const struct hk_buf *have, size_t *at, struct hk_slice want, const char *end)
{
	struct hk_slice rest = hk_slice_from(hk_buf_slice(have), *at);
	size_t n = want.n + strlen(end);

	if (rest.n < n || !hk_slice_eq(hk_slice_sub(rest, 0, want.n), want) ||
	    !hk_slice_eq(hk_slice_sub(rest, want.n, strlen(end)), hk_slice_str(end)))
		fail_msg("%s (cut %d): %s: wanted <%.*s>, have <%.*s>", r->script->name, (int)r->cut, what, HK_FMT(want),
		    (int)rest.n, rest.n ? (const char *)rest.p : "");
	*at += n;
}

static void act(struct run *r, char what, struct hk_slice text)
{
	struct hk_buf b;

	hk_buf_init(&b, 1 << 16);
	switch (what) {
	case 'S':
		say(r, unescape(text, &b));
		break;
	case 'B':
		send_body(r, unescape(text, &b));
		break;
	case 'T':
	case 'L':
		start(r, what == 'T' ? HK_OK : HK_LIMIT);
		break;
	case 'A':
		authenticate(r, text);
		break;
	case 'D':
		assert_int_equal(hk_smtpc_command(r->client, unescape(text, &b)), HK_OK);
		break;
	case 'R':
		if (hk_slice_eq(text, HK_S("*")))
			hk_smtpc_auth_cancel(r->client);
		else
			hk_smtpc_respond(r->client, text);
		break;
	case '.':
		hk_smtpc_body_end(r->client);
		break;
	case 'Q':
		hk_smtpc_quit(r->client);
		break;
	case 'X':
		hk_smtpc_eof(r->client);
		break;
	case 'O':
		hk_smtpc_timeout(r->client);
		break;
	case 'K':
	case 'N':
		hk_smtpc_tls_done(r->client, what == 'K');
		break;
	default:
		fail_msg("%s: bad step %c", r->script->name, what);
	}
	hk_buf_done(&b);
}

static void run_script(const struct script *s, enum cut cut, uint64_t seed)
{
	const struct hk_smtpc_options options = {.size = sizeof options, .helo = HK_S("me.test"), .lmtp = s->lmtp, .want_tls = s->want_tls, .require_tls = s->require_tls,
	    .no_chunking = !s->chunking, .no_pipelining = s->no_pipelining, .clientid_type = HK_S("UUID"), .clientid = s->clientid,
	    .helo_only = s->helo_only, .unoffered = s->unoffered, .stops = s->stops, .stop_after = s->stop_after};
	struct run r = {.script = s, .cut = cut, .seed = seed, .client = hk_smtpc_new(&options)};
	struct hk_slice steps = hk_slice_str(s->steps);

	assert_non_null(r.client);
	hk_buf_init(&r.out, 1 << 20);
	hk_buf_init(&r.log, 1 << 20);
	while (steps.n) {
		struct hk_slice step = hk_slice_sub(steps, 0, hk_slice_find(steps, '\n'));
		struct hk_slice text = hk_slice_from(step, 2);
		bool more_said = cut == CUT_WHOLE && step.p[0] == 'S' && step.n + 1 < steps.n && steps.p[step.n + 1] == 'S';

		steps = hk_slice_from(steps, step.n + 1);
		if (step.p[0] == 'C') {
			expect_line(&r, "output", &r.out, &r.out_at, text, "\r\n");
		} else if (step.p[0] == 'E') {
			expect_line(&r, "events", &r.log, &r.log_at, text, "\n");
		} else {
			act(&r, (char)step.p[0], text);
			if (!more_said)
				pump(&r);
		}
	}
	expect_line(&r, "output at the end", &r.out, &r.out_at, HK_S(""), "");
	if (r.out_at != r.out.n || r.log_at != r.log.n)
		fail_msg("%s: left over: <%.*s> <%.*s>", s->name, (int)(r.out.n - r.out_at), (const char *)r.out.p + r.out_at,
		    (int)(r.log.n - r.log_at), (const char *)r.log.p + r.log_at);
	hk_smtpc_free(r.client);
	hk_buf_done(&r.out);
	hk_buf_done(&r.log);
}

void run_scripts(const struct script *scripts, size_t n)
{
	size_t i;
	uint64_t seed;

	for (i = 0; i < n; i++) {
		run_script(&scripts[i], CUT_WHOLE, 1);
		run_script(&scripts[i], CUT_BYTES, 1);
		for (seed = 1; seed < 20; seed++)
			run_script(&scripts[i], CUT_RANDOM, seed);
	}
}
