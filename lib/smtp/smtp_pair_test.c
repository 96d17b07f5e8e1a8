/* SPDX-License-Identifier: MIT
 *
 * Client against server in memory, with random envelopes, messages and cuts: what was sent is what arrives, and the client
 * tells the fate of every recipient as the server decided it.
 */
#include <stdlib.h>
#include <string.h>

#include <hikyaku/smtp.h>

#include "tests/unit.h"

enum { RCPT_MOST = 8, TRANSACTIONS = 4 };

struct pair {
	struct hk_smtpd *server;
	struct hk_smtpc *client;
	uint64_t seed;
	/* what the server saw */
	struct hk_buf body;
	size_t recipients, messages, aborts;
	bool server_over, server_tls_due;
	/* what the client was told */
	bool ready, closed, done, send_body;
	unsigned done_code, rcpt_code[RCPT_MOST];
	/* the transaction */
	struct hk_slice rcpt[RCPT_MOST];
	size_t n;
	struct hk_buf message;
	size_t sent;
};

static uint64_t rnd(struct pair *p, uint64_t below)
{
	p->seed ^= p->seed << 13;
	p->seed ^= p->seed >> 7;
	p->seed ^= p->seed << 17;
	return p->seed % below;
}

static void serve(struct pair *p)
{
	struct hk_smtpd_event e = {.size = sizeof e};
	enum hk_status status;

	while ((status = hk_smtpd_next(p->server, &e)) == HK_OK) {
		if (e.type == HK_SMTPD_MAIL) {
			hk_buf_reset(&p->body);
			p->recipients = 0;
		}
		if (e.type == HK_SMTPD_RCPT && hk_slice_eq(e.path.local, HK_S("refuse"))) {
			hk_smtpd_answer(p->server, 550, "5.1.1", HK_S("No such user\nreally"));
			continue;
		}
		if (e.type == HK_SMTPD_RCPT && hk_slice_eq(e.path.local, HK_S("defer"))) {
			hk_smtpd_answer(p->server, 451, "4.7.1", HK_S("Later"));
			continue;
		}
		p->recipients += e.type == HK_SMTPD_RCPT;
		p->messages += e.type == HK_SMTPD_MESSAGE;
		p->aborts += e.type == HK_SMTPD_ABORT;
		p->server_tls_due |= e.type == HK_SMTPD_STARTTLS;
		if (e.type == HK_SMTPD_BODY)
			hk_buf_add(&p->body, e.text);
		hk_smtpd_accept(p->server);
	}
	p->server_over = status == HK_END;
}

static void heed(struct pair *p)
{
	struct hk_smtpc_event e = {.size = sizeof e};

	while (hk_smtpc_next(p->client, &e) == HK_OK) {
		p->ready |= e.type == HK_SMTPC_READY;
		p->closed |= e.type == HK_SMTPC_CLOSED;
		p->send_body |= e.type == HK_SMTPC_SEND_BODY;
		if (e.type == HK_SMTPC_RCPT_DONE)
			p->rcpt_code[e.recipient] = e.reply.code;
		if (e.type == HK_SMTPC_DONE) {
			assert_false(p->done);
			p->done = true;
			p->done_code = e.reply.code;
		}
		if (e.type == HK_SMTPC_TLS) {
			assert_true(p->server_tls_due);
			hk_smtpd_tls_done(p->server);
			hk_smtpc_tls_done(p->client, true);
		}
	}
}

/* Some bytes in each direction; whether anything moved. */
static bool move(struct pair *p)
{
	struct hk_slice s;
	bool moved = false;
	size_t n;

	serve(p);
	s = hk_smtpd_out(p->server);
	if (s.n) {
		n = hk_smtpc_feed(p->client, hk_slice_sub(s, 0, 1 + rnd(p, s.n)));
		hk_smtpd_sent(p->server, n);
		moved |= n > 0;
	}
	heed(p);
	if (p->send_body) {
		struct hk_slice rest = hk_slice_from(hk_buf_slice(&p->message), p->sent);

		n = hk_smtpc_body(p->client, hk_slice_sub(rest, 0, 1 + rnd(p, rest.n + 1)));
		p->sent += n;
		moved = true;
		if (p->sent == p->message.n) {
			hk_smtpc_body_end(p->client);
			p->send_body = false;
		}
	}
	s = hk_smtpc_out(p->client);
	if (s.n) {
		n = hk_smtpd_feed(p->server, hk_slice_sub(s, 0, 1 + rnd(p, s.n)));
		hk_smtpc_sent(p->client, n);
		moved |= n > 0;
	}
	return moved;
}

static void pair_init(struct pair *p, uint64_t seed, bool tls)
{
	const struct hk_smtpd_options server = {.size = sizeof server, .hostname = HK_S("mx.test"), .offer_starttls = tls, .max_message = 200000,
	    .extensions = seed % 4 > 1 ? ~0u : 0};
	const struct hk_smtpc_options client = {.size = sizeof client, .helo = HK_S("me.test"), .require_tls = tls,
	    .no_chunking = seed % 8 == 7, .no_pipelining = seed % 16 > 11};

	*p = (struct pair){.seed = seed * 0x9e3779b97f4a7c15u + 1};
	p->server = hk_smtpd_new(&server);
	p->client = hk_smtpc_new(&client);
	assert_non_null(p->server);
	assert_non_null(p->client);
	hk_buf_init(&p->body, 1 << 20);
	hk_buf_init(&p->message, 1 << 20);
}

static void pair_done(struct pair *p)
{
	hk_smtpd_free(p->server);
	hk_smtpc_free(p->client);
	hk_buf_done(&p->body);
	hk_buf_done(&p->message);
}

/* Lines with many dots in many places, sometimes long, sometimes without a last CRLF. */
static void make_message(struct pair *p)
{
	static const char *const pieces[] = {".", "..", "\r\n", "\r\n", "\r\n.\r\n", "a", "text with spaces", "\t", "\x80\xff", "\r\n."};
	size_t i, n = rnd(p, 8) ? rnd(p, 40) : rnd(p, 9000);

	hk_buf_reset(&p->message);
	for (i = 0; i < n; i++)
		hk_buf_add_str(&p->message, pieces[rnd(p, sizeof pieces / sizeof pieces[0])]);
	p->sent = 0;
}

static void make_envelope(struct pair *p, struct hk_smtpc_transaction *t)
{
	static const char *const who[] = {"refuse@b.test", "defer@b.test", "b@b.test", "c@b.test", "\"d e\"@b.test", "postmaster"};

	p->n = 1 + rnd(p, RCPT_MOST);
	for (t->n = 0; t->n < p->n; t->n++) {
		p->rcpt[t->n] = hk_slice_str(who[rnd(p, sizeof who / sizeof who[0])]);
		p->rcpt_code[t->n] = 0;
	}
	t->rcpt = p->rcpt;
	t->mail_from = rnd(p, 3) ? HK_S("a@a.test") : HK_S("");
	t->mail.has_size = true;
	t->mail.size = p->message.n + 2;
	t->mail.body = HK_BODY_8BITMIME;
	/* said where the server has it, left out where not */
	t->mail.ret = HK_RET_HDRS;
	t->mail.envid = HK_S("a+2Bb");
}

static void check_transaction(struct pair *p, size_t messages_before)
{
	size_t i, accepted = 0;

	for (i = 0; i < p->n; i++) {
		bool refuse = hk_slice_eq(p->rcpt[i], HK_S("refuse@b.test")), defer = hk_slice_eq(p->rcpt[i], HK_S("defer@b.test"));

		assert_int_equal(p->rcpt_code[i], refuse ? 550 : defer ? 451 : 0);
		accepted += !refuse && !defer;
	}
	assert_int_equal(p->recipients, accepted);
	assert_int_equal(p->messages - messages_before, accepted > 0);
	assert_true(accepted ? p->done_code == 250 : p->done_code == 550 || p->done_code == 451);
	if (accepted == 0)
		return;
	/* what arrives is what was sent, with a last CRLF */
	if (p->message.n && (p->message.n < 2 || memcmp(p->message.p + p->message.n - 2, "\r\n", 2) != 0))
		hk_buf_add_str(&p->message, "\r\n");
	assert_true(hk_slice_eq(hk_buf_slice(&p->body), hk_buf_slice(&p->message)));
}

static void converse(uint64_t seed, bool tls)
{
	struct pair p;
	size_t i;

	pair_init(&p, seed, tls);
	while (!p.ready && move(&p))
		;
	assert_int_equal(hk_smtpc_is_tls(p.client), tls);
	assert_int_equal(hk_smtpd_is_tls(p.server), tls);
	assert_true(hk_smtpc_offered(p.client) & HK_EXT(8BITMIME));
	for (i = 0; i < TRANSACTIONS; i++) {
		struct hk_smtpc_transaction t = {.size = sizeof t};
		size_t messages = p.messages;

		assert_true(p.ready);
		p.ready = p.done = false;
		make_message(&p);
		make_envelope(&p, &t);
		assert_int_equal(hk_smtpc_start(p.client, &t), HK_OK);
		while (!p.ready && move(&p))
			;
		assert_true(p.done);
		check_transaction(&p, messages);
	}
	hk_smtpc_quit(p.client);
	while (move(&p))
		;
	assert_true(p.closed);
	assert_true(p.server_over);
	assert_int_equal(hk_smtpd_errors(p.server) <= HK_SMTP_ERRORS_MAX, true);
	pair_done(&p);
}

/* S3-015 S3-019; by DATA and by BDAT, with and without PIPELINING: T5, SEC-17 */
static void what_the_client_sends_is_what_the_server_gets(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= 400; seed++)
		converse(seed, seed % 2 == 0);
}

/* However a connection breaks, each transaction ends once, and the server never takes half a message. */
static void a_cut_at_any_byte_leaves_no_half_message(void **state)
{
	size_t cut;

	(void)state;
	for (cut = 0; cut < 400; cut++) {
		struct hk_smtpc_transaction t = {.size = sizeof t, .mail_from = HK_S("a@a.test")};
		struct pair p;
		size_t moved = 0;

		pair_init(&p, cut + 1, false);
		while (!p.ready && move(&p))
			;
		p.rcpt[0] = HK_S("b@b.test");
		t.rcpt = p.rcpt;
		t.n = p.n = 1;
		p.ready = false;
		hk_buf_add_str(&p.message, "Subject: half\r\n\r\n.half.\r\n.\r\nand more of it\r\n");
		assert_int_equal(hk_smtpc_start(p.client, &t), HK_OK);
		while (!p.ready && moved++ < cut && move(&p))
			;
		hk_smtpc_eof(p.client);
		heed(&p);
		assert_true(p.done);
		assert_true(p.ready || p.closed);
		assert_int_equal(hk_smtpc_out(p.client).n, 0);
		if (p.messages)
			assert_true(hk_slice_eq(hk_buf_slice(&p.body), hk_buf_slice(&p.message)));
		else
			assert_int_not_equal(p.done_code / 100, 2);
		pair_done(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_client_sends_is_what_the_server_gets),
		cmocka_unit_test(a_cut_at_any_byte_leaves_no_half_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
