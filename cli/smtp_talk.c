/* SPDX-License-Identifier: MIT
 *
 * Drives the library's dialogue over the connection: events, the message, raw commands, AUTH.
 */
#include <stdio.h>
#include <string.h>

#include "lib/base/base_internal.h"
#include "smtp.h"

enum { PIECE = 16 * 1024, SECRET_MAX = 4096 };

struct talk {
	struct smtp_wire *wire;
	const struct smtp_options *options;
	const char *host;
	struct hk_slice message;
	struct smtp_show *show;
	struct smtp_result *result;
	struct hk_smtpc *client;
	size_t sent; /* of the message */
	size_t raw;  /* commands given */
	bool sending, in_body, authenticated, done, over;
	struct smtp_sasl *sasl;
};

const char *smtp_stage_name(enum hk_smtpc_stage stage)
{
	static const char *const names[] = {
	    [HK_SMTPC_BANNER] = "banner",
	    [HK_SMTPC_HELO] = "helo",
	    [HK_SMTPC_STARTTLS] = "starttls",
	    [HK_SMTPC_CLIENTID] = "clientid",
	    [HK_SMTPC_AUTH] = "auth",
	    [HK_SMTPC_COMMAND] = "command",
	    [HK_SMTPC_MAIL] = "mail",
	    [HK_SMTPC_RCPT] = "rcpt",
	    [HK_SMTPC_DATA] = "data",
	    [HK_SMTPC_DOT] = "dot",
	    [HK_SMTPC_QUIT] = "quit",
	};

	return names[stage];
}

/* ---- results ---- */

/* A refusal is kept; the first one of each session is the one that counts, a permanent one before a
 * temporary. */
static void decide(struct talk *t, enum hk_smtpc_stage stage, const struct hk_smtp_reply *reply)
{
	struct smtp_result *r = t->result;

	if (r->code >= 400 && !(reply->code >= 500 && r->code < 500))
		return;
	r->code = reply->code;
	r->stage = stage;
	r->own = reply->own;
	memcpy(r->enhanced, reply->enhanced, sizeof r->enhanced);
	hk_buf_reset(&r->text);
	hk_buf_add(&r->text, reply->text);
}

static void own_reply(struct talk *t, const struct hk_smtp_reply *reply)
{
	if (reply->own)
		smtp_note(t->show, "%u %s %.*s", reply->code, reply->enhanced, HK_FMT(reply->text));
}

/* ---- AUTH ---- */

static bool offered(const struct talk *t, const char *mechanism)
{
	struct hk_slice list = hk_smtpc_mechanisms(t->client);

	while (list.n) {
		struct hk_slice word = hk_slice_sub(list, 0, hk_slice_find(list, ' '));

		if (hk_slice_eq_nocase(word, hk_slice_str(mechanism)))
			return true;
		list = hk_slice_from(list, word.n + 1);
	}
	return false;
}

static const char *choose(const struct talk *t)
{
	const struct smtp_options *o = t->options;
	const char *mechanism;
	size_t i;

	if (o->auth)
		return o->force || offered(t, o->auth) ? o->auth : NULL;
	for (i = 0; (mechanism = smtp_sasl_mechanism(i)); i++)
		if (offered(t, mechanism))
			return mechanism;
	return o->force ? "PLAIN" : NULL;
}

/* What no server said: as a reply of our own, and the session goes to its end. */
static void give_up(struct talk *t, unsigned code, const char *enhanced, const char *text)
{
	struct hk_smtp_reply reply = {.code = code, .text = hk_slice_str(text), .own = true};

	snprintf(reply.enhanced, sizeof reply.enhanced, "%s", enhanced);
	own_reply(t, &reply);
	decide(t, HK_SMTPC_AUTH, &reply);
	hk_smtpc_quit(t->client);
}

static void wipe(struct hk_buf *secret)
{
	if (secret->n)
		explicit_bzero(secret->p, secret->n);
	hk_buf_done(secret);
}

static void auth_begin(struct talk *t)
{
	const char *mechanism = choose(t);
	struct hk_slice initial, none = {0};
	bool is_good;
	struct hk_buf secret;

	if (!mechanism) {
		give_up(t, 504, "5.5.4",
		    "The server does not offer AUTH by such a mechanism (RFC 4954 4)");
		return;
	}
	if (!t->show->is_tls && !t->options->auth_in_clear) {
		give_up(t, 538, "5.7.11",
		    "The password is not sent without TLS; --auth-in-clear does it (RFC 4954 4)");
		return;
	}
	t->sasl = smtp_sasl_new(mechanism, t->options->user, t->options->password);
	if (!t->sasl) {
		give_up(t, 504, "5.5.4", "libgsasl cannot speak that mechanism");
		return;
	}
	hk_buf_init(&secret, SECRET_MAX);
	is_good = !smtp_sasl_is_first(t->sasl) || smtp_sasl_step(t->sasl, none, &secret);
	initial = hk_buf_slice(&secret);
	t->show->hide = true;
	if (!is_good || hk_smtpc_auth(t->client, hk_slice_str(mechanism), smtp_sasl_is_first(t->sasl) ? &initial : NULL) != HK_OK)
		give_up(t, 504, "5.5.4", "That mechanism cannot be begun with this user and password");
	wipe(&secret);
}

static void auth_respond(struct talk *t, struct hk_slice challenge)
{
	struct hk_buf secret;

	t->show->hide = true;
	hk_buf_init(&secret, SECRET_MAX);
	if (!smtp_sasl_is_done(t->sasl) && smtp_sasl_step(t->sasl, challenge, &secret))
		hk_smtpc_respond(t->client, hk_buf_slice(&secret));
	else
		hk_smtpc_auth_cancel(t->client);
	wipe(&secret);
}

static void auth_done(struct talk *t, const struct hk_smtpc_event *e)
{
	t->authenticated = e->reply.code < 400;
	decide(t, e->stage, &e->reply);
	t->done = !t->authenticated || (!t->options->n_rcpt && !t->options->n_raw);
	/* RFC 5802 5: the server's signature is what says that it is the right one */
	if (t->authenticated && !smtp_sasl_is_done(t->sasl)) {
		t->authenticated = false;
		t->done = true;
		give_up(t, 535, "5.7.8", "The server did not prove that it knows the password (RFC 5802 5)");
	}
}

/* ---- what comes next ---- */

/* \r \n \0 \xHH \\ as in C; a line end is added. */
static void unescape(const char *text, struct hk_buf *to)
{
	const char *p;

	for (p = text; *p; p++) {
		if (*p != '\\' || !p[1]) {
			hk_buf_add_byte(to, (uint8_t)*p);
			continue;
		}
		p++;
		if (*p == 'x' && hk_is_xdigit((uint8_t)p[1]) && hk_is_xdigit((uint8_t)p[2])) {
			hk_buf_add_byte(to, (uint8_t)(hk_hex_value((uint8_t)p[1]) * 16 + hk_hex_value((uint8_t)p[2])));
			p += 2;
		} else {
			hk_buf_add_byte(to, *p == 'r'   ? '\r'
			                    : *p == 'n' ? '\n'
			                    : *p == '0' ? 0
			                                : (uint8_t)*p);
		}
	}
	hk_buf_add_str(to, "\r\n");
}

static void give_raw(struct talk *t)
{
	struct hk_buf bytes;

	hk_buf_init(&bytes, HK_SMTP_OUTPUT_MAX / 2);
	unescape(t->options->raw[t->raw++], &bytes);
	if (hk_buf_status(&bytes) != HK_OK ||
	    hk_smtpc_command(t->client, hk_buf_slice(&bytes)) != HK_OK)
		hk_smtpc_quit(t->client);
	hk_buf_done(&bytes);
}

static bool has_8bit(struct hk_slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] > 0x7f)
			return true;
	return false;
}

static void start(struct talk *t)
{
	const struct smtp_options *o = t->options;
	struct hk_slice rcpt[SMTP_RCPTS_MAX], more[SMTP_RCPTS_MAX];
	struct hk_smtp_rcpt_params params[SMTP_RCPTS_MAX];
	struct hk_smtpc_transaction x = {.size = sizeof x,
	    .mail_from = hk_slice_str(o->mail_from),
	    .rcpt = rcpt,
	    .n = o->n_rcpt,
	    .rcpt_params = params,
	    .mail_more = hk_slice_str(o->mail_params),
	    .resumes = true,
	    .rcpt_more = o->rcpt_params ? more : NULL};
	char transid[HK_SMTP_TRANSID_MAX + 4] = ""; /* what is too long is told by hk_smtpc_start */
	struct hk_buf envid;
	enum hk_status status;
	size_t i;

	if (o->transid)
		snprintf(transid, sizeof transid, "<%.81s>", o->transid);
	x.transid = hk_slice_str(transid);
	for (i = 0; i < o->n_rcpt; i++) {
		rcpt[i] = hk_slice_str(o->rcpt[i]);
		more[i] = hk_slice_str(o->rcpt_params);
		params[i] = (struct hk_smtp_rcpt_params){
		    .notify = o->notify, .orcpt = hk_slice_str(o->orcpt)};
	}
	hk_buf_init(&envid, HK_SMTP_ENVID_MAX * 3);
	hk_xtext_add(&envid, hk_slice_str(o->envid));
	x.mail = (struct hk_smtp_mail_params){.has_size = true,
	    .size = t->message.n,
	    .smtputf8 = o->smtputf8,
	    .require_tls = o->require_tls,
	    .ret = o->ret,
	    .envid = hk_buf_slice(&envid)};
	x.mail.body = o->has_body            ? o->body
	              : has_8bit(t->message) ? HK_BODY_8BITMIME
	                                     : HK_BODY_7BIT;
	status = hk_smtpc_start(t->client, &x);
	hk_buf_done(&envid);
	if (status == HK_OK)
		return;
	give_up(t, 553, "5.1.3",
	    status == HK_LIMIT
	        ? "That is more than the server takes (RFC 9422)"
	        : "An address or a parameter cannot stand in a command (RFC 5321 4.1.2)");
}

static void ready(struct talk *t)
{
	const struct smtp_options *o = t->options;

	if (o->quit_after == SMTP_QUIT_HELO || o->quit_after == SMTP_QUIT_TLS ||
	    (o->quit_after == SMTP_QUIT_AUTH && t->authenticated))
		t->done = true;
	if (t->done)
		hk_smtpc_quit(t->client);
	else if (o->user && !t->authenticated)
		auth_begin(t);
	else if (t->raw < o->n_raw)
		give_raw(t);
	else if (o->n_rcpt)
		start(t);
	else
		hk_smtpc_quit(t->client);
	t->done |= !o->n_rcpt && !o->n_raw && !o->user;
}

/* False: the handshake failed, or the certificate is not trusted and has to be. */
static bool tls(struct talk *t)
{
	const struct smtp_options *o = t->options;
	struct hk_smtp_reply reply = {.code = 454, .own = true};

	if (smtp_wire_tls(t->wire, o, o->tls_name ? o->tls_name : t->host, t->show)) {
		hk_smtpc_tls_done(t->client, true);
		return true;
	}
	if (t->show->is_tls)
		reply.code = 554;
	snprintf(
	    reply.enhanced, sizeof reply.enhanced, "%s", reply.code == 554 ? "5.7.5" : "4.7.5");
	reply.text = reply.code == 554 ? HK_S("The certificate is not trusted")
	                               : HK_S("The TLS handshake failed");
	own_reply(t, &reply);
	decide(t, HK_SMTPC_STARTTLS, &reply);
	t->over = true;
	return false;
}

static void rcpt_done(struct talk *t, const struct hk_smtpc_event *e)
{
	if (e->recipient < SMTP_RCPTS_MAX)
		t->result->rcpt_code[e->recipient] = e->reply.code;
	if (e->reply.code >= 400)
		decide(t, e->stage, &e->reply);
}

/* Who has no code of their own has that of the message. */
static void settle_rest(struct talk *t, unsigned code)
{
	size_t i;

	for (i = 0; i < t->options->n_rcpt; i++)
		if (!t->result->rcpt_code[i])
			t->result->rcpt_code[i] = code;
}

static void on_event(struct talk *t, const struct hk_smtpc_event *e)
{
	switch (e->type) {
	case HK_SMTPC_READY:
		ready(t);
		break;
	case HK_SMTPC_CHALLENGE:
		auth_respond(t, e->reply.text);
		break;
	case HK_SMTPC_AUTH_DONE:
		auth_done(t, e);
		break;
	case HK_SMTPC_REPLY:
		decide(t, e->stage, &e->reply);
		t->done = t->raw == t->options->n_raw && !t->options->n_rcpt;
		break;
	case HK_SMTPC_TLS:
		(void)tls(t);
		break;
	case HK_SMTPC_SEND_BODY:
		t->sending = true;
		t->sent = e->offset < t->message.n ? (size_t)e->offset : t->message.n;
		break;
	case HK_SMTPC_RCPT_DONE:
		rcpt_done(t, e);
		break;
	case HK_SMTPC_DONE:
		own_reply(t, &e->reply);
		settle_rest(t, e->reply.code);
		t->sending = false;
		t->result->is_done = true;
		decide(t, e->stage, &e->reply);
		t->done = true;
		break;
	case HK_SMTPC_CLOSED:
		if (e->stage != HK_SMTPC_QUIT || e->reply.code >= 400) {
			own_reply(t, &e->reply);
			decide(t, e->stage, &e->reply);
		}
		t->result->is_done |= e->stage == HK_SMTPC_QUIT;
		t->over = true;
		break;
	}
}

/* ---- bytes ---- */

/* Some of the message into the output; false when it takes no more now. */
static bool give_body(struct talk *t)
{
	struct hk_slice rest = hk_slice_sub(t->message, t->sent, PIECE);
	size_t n;

	if (!t->sending || hk_smtpc_out(t->client).n)
		return false;
	if (rest.n == 0) {
		t->sending = false;
		hk_smtpc_body_end(t->client);
		return true;
	}
	n = hk_smtpc_body(t->client, rest);
	t->in_body |= n > 0;
	t->sent += n;
	return n > 0;
}

static bool put_out(struct talk *t)
{
	struct hk_slice out = hk_smtpc_out(t->client);
	size_t n = 0;

	switch (smtp_wire_write(t->wire, out, &n)) {
	case SMTP_WIRE_OK:
		smtp_show_sent(t->show, hk_slice_sub(out, 0, n), t->in_body);
		hk_smtpc_sent(t->client, n);
		if (hk_smtpc_out(t->client).n == 0)
			t->in_body = t->show->hide = false;
		return true;
	case SMTP_WIRE_AGAIN:
		return false;
	default:
		hk_smtpc_eof(t->client);
		return true;
	}
}

static void heed(struct talk *t, struct hk_slice bytes);

static bool take_in(struct talk *t)
{
	uint8_t bytes[4096];
	size_t n = 0;

	switch (smtp_wire_read(t->wire, bytes, sizeof bytes, &n)) {
	case SMTP_WIRE_OK:
		smtp_show_got(t->show, hk_slice_of(bytes, n));
		heed(t, hk_slice_of(bytes, n));
		return true;
	case SMTP_WIRE_AGAIN:
		return false;
	default:
		smtp_note(t->show, "The server closed the connection");
		hk_smtpc_eof(t->client);
		return true;
	}
}

static void run_events(struct talk *t)
{
	struct hk_smtpc_event e = {.size = sizeof e};

	while (!t->over && hk_smtpc_next(t->client, &e) == HK_OK)
		on_event(t, &e);
}

static void heed(struct talk *t, struct hk_slice bytes)
{
	while (bytes.n && !t->over) {
		size_t n = hk_smtpc_feed(t->client, bytes);

		bytes = hk_slice_from(bytes, n);
		run_events(t);
		if (n == 0)
			return; /* out of memory; the next event says so */
	}
}

static void go_on(struct talk *t)
{
	unsigned seconds =
	    t->options->timeout ? t->options->timeout : hk_smtpc_stage_timeout(t->client);
	bool has_out = hk_smtpc_out(t->client).n > 0;

	if (give_body(t) || (has_out && put_out(t)) || take_in(t))
		return;
	if (!smtp_wire_wait(t->wire, hk_smtpc_out(t->client).n > 0, seconds * 1000)) {
		smtp_note(t->show, "Nothing came for %u seconds", seconds);
		hk_smtpc_timeout(t->client);
	}
}

void smtp_talk(struct smtp_wire *w, const struct smtp_options *o, const char *host,
    struct hk_slice message, struct smtp_show *show, struct smtp_result *ret)
{
	static const enum hk_smtpc_stage stages[] = {[SMTP_QUIT_BANNER] = HK_SMTPC_BANNER,
	    [SMTP_QUIT_MAIL] = HK_SMTPC_MAIL,
	    [SMTP_QUIT_RCPT] = HK_SMTPC_RCPT};
	bool stops = o->quit_after == SMTP_QUIT_BANNER || o->quit_after >= SMTP_QUIT_MAIL;
	const struct hk_smtpc_options options = {.size = sizeof options,
	    .helo = hk_slice_str(o->helo),
	    .lmtp = o->lmtp,
	    .want_tls = o->tls == SMTP_TLS_TRY && o->quit_after != SMTP_QUIT_HELO,
	    .require_tls = o->tls == SMTP_TLS_STARTTLS && o->quit_after != SMTP_QUIT_HELO,
	    .no_chunking = !o->chunking,
	    .no_pipelining = o->no_pipelining,
	    .helo_only = o->helo_only,
	    .unoffered = o->force,
	    .stops = stops,
	    .clientid_type = o->clientid_type,
	    .clientid = o->clientid,
	    .stop_after = stops ? stages[o->quit_after] : HK_SMTPC_BANNER};
	struct talk t = {.wire = w,
	    .options = o,
	    .host = host,
	    .message = message,
	    .show = show,
	    .result = ret,
	    .client = hk_smtpc_new(&options)};

	if (!t.client) {
		smtp_note(show,
		    "The session cannot begin: %s is no name for HELO, or out of memory", o->helo);
		return;
	}
	if (o->tls != SMTP_TLS_IMPLICIT || tls(&t))
		for (run_events(&t); !t.over; run_events(&t))
			go_on(&t);
	smtp_sasl_free(t.sasl);
	hk_smtpc_free(t.client);
}
