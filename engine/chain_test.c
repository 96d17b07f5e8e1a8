/* SPDX-License-Identifier: MIT
 *
 * Several of our own servers behind each other: what one sends, the next receives, over the same
 * bytes as on a wire.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/delivery.h"
#include "engine/session_rig.h"
#include "tests/unit.h"

/* A host of the chain as the next one sees it, and its key. */
struct hop {
	const char *address;
	const struct hk_private_key *key;
};

/* One side's bytes to the other, in pieces of at most `most`. */
static bool pass(struct hk_slice out, size_t most, size_t (*to)(void *, struct hk_slice), void *who,
    size_t *ret_n)
{
	struct hk_slice part = hk_slice_sub(out, 0, most);

	*ret_n = part.n ? to(who, part) : 0;
	return *ret_n > 0;
}

struct receiver {
	struct srig *rig;
	struct hk_session *session;
	bool is_closing;
};

static size_t to_session(void *who, struct hk_slice bytes)
{
	struct receiver *r = who;

	return hk_session_wants_input(r->session) ? hk_session_feed(r->session, bytes, &r->rig->now)
	                                          : 0;
}

static size_t to_delivery(void *who, struct hk_slice bytes)
{
	return hk_delivery_feed(who, bytes);
}

static void answer(struct srig *rig, const struct hk_dns_question *q, struct hk_dns_answer *ret)
{
	assert_int_equal(hk_zone_answer(rig->zone, &rig->arena, q, ret), HK_OK);
}

/* One want of the receiving side; false when there is none now. */
static bool serve(struct receiver *r)
{
	struct hk_dns_answer a;
	struct hk_session_want w;

	if (hk_session_next(r->session, &r->rig->now, &w) != HK_OK)
		return false;
	if (w.type == HK_SESSION_DNS) {
		answer(r->rig, &w.question, &a);
		hk_session_dns(r->session, w.id, &a);
	} else if (w.type == HK_SESSION_COMMIT) {
		assert_true(r->rig->n_mails < SRIG_MAILS);
		r->rig->mail[r->rig->n_mails++] = w.mail;
		hk_session_committed(r->session, w.id, HK_OK);
	} else {
		assert_int_equal(w.type, HK_SESSION_CLOSE);
		r->is_closing = true;
	}
	return true;
}

/* One want of the sending side; HK_END when the attempt is over. */
static enum hk_status send_one(struct hk_delivery *d, struct srig *from, const struct hop *hop)
{
	uint8_t signature[HK_SIGNATURE_MAX];
	size_t n = sizeof signature;
	struct hk_dns_answer a;
	struct hk_delivery_want w;
	enum hk_status status = hk_delivery_next(d, &from->now, &w);

	if (status != HK_OK)
		return status;
	switch (w.type) {
	case HK_DELIVERY_DNS:
		answer(from, &w.question, &a);
		hk_delivery_dns(d, w.id, &a);
		return HK_OK;
	case HK_DELIVERY_CONNECT:
		hk_delivery_connected(d, true, (struct hk_slice){0});
		return HK_OK;
	case HK_DELIVERY_SIGN:
		assert_non_null(hop->key);
		assert_int_equal(hk_sign_digest(hop->key, w.digest, signature, &n), HK_OK);
		hk_delivery_signed(d, w.id, hk_slice_of(signature, n));
		return HK_OK;
	case HK_DELIVERY_CLOSE:
		return HK_OK;
	default:
		assert_int_equal(w.type, HK_DELIVERY_DONE);
		return HK_END;
	}
}

/* Moves bytes and answers until the attempt is over. */
static void talk(struct hk_delivery *d, struct srig *from, const struct hop *hop,
    struct receiver *r, size_t most)
{
	unsigned rounds;
	size_t n;

	for (rounds = 0; rounds < 1000000; rounds++) {
		enum hk_status status = send_one(d, from, hop);

		if (status == HK_END)
			return;
		if (serve(r) || status == HK_OK)
			continue;
		if (pass(hk_session_out(r->session), most, to_delivery, d, &n))
			hk_session_sent(r->session, n);
		if (pass(hk_delivery_out(d), most, to_session, r, &n))
			hk_delivery_sent(d, n);
	}
	fail_msg("it does not end");
}

/* The mail that `from` has taken last, delivered to `to`. */
static void forward(struct srig *from, const struct hop *hop, struct srig *to, size_t most)
{
	static const enum hk_sign_alg algs[] = {HK_SIGN_RSA_SHA256};
	const struct hk_mail *mail = from->mail[from->n_mails - 1];
	struct hk_spool_options options = {.dir = "/spool", .segment_size = 1024 * 1024};
	struct hk_rcpt_result result = {0};
	uint32_t zero = 0;
	size_t at = hk_slice_rfind(mail->rcpt->address, '@');
	struct hk_job job = {.id = mail->id,
	    .attempt = 1,
	    .conf = from->conf,
	    .n_rcpt = 1,
	    .rcpt = &zero,
	    .result = &result,
	    .domain = hk_slice_from(mail->rcpt->address, at + 1)};
	struct hk_delivery_env env = {.job = &job, .disk = &from->disk.disk, .key_algs = algs};
	struct hk_session_env server = {.conf = to->conf,
	    .listener = to->conf->listener,
	    .disk = &to->disk.disk,
	    .log = &to->sink,
	    .ids = &to->ids,
	    .intake = &to->intake};
	struct receiver r = {.rig = to};
	struct hk_spool_entry entry;
	struct hk_delivery *d;
	struct hk_spool *spool;

	assert_int_equal(hk_spool_open(&from->disk.disk, &options, NULL, &spool), HK_OK);
	assert_int_equal(hk_spool_recovered(spool, &entry), HK_END);
	assert_int_equal(hk_spool_put(spool, mail), HK_OK);
	assert_int_equal(hk_spool_commit(spool), HK_OK);
	assert_int_equal(hk_spool_find(spool, mail->id, &job.place), HK_OK);
	job.route = hk_conf_find_route(from->conf, job.domain);
	assert_int_equal(hk_ip_parse(hk_slice_str(hop->address), &server.client), HK_OK);
	r.session = hk_session_new(&server, &to->now);
	d = hk_delivery_new(&env, &from->now);
	assert_non_null(r.session);
	assert_non_null(d);
	talk(d, from, hop, &r, most);
	assert_int_equal(result.outcome, HK_RCPT_DELIVERED);
	hk_delivery_free(d);
	hk_session_free(r.session);
	hk_spool_close(spool);
}

#define ZONE                                                                                       \
	"10.1.255.10.in-addr.arpa. PTR client.a.test.\nclient.a.test. A 10.255.1.10\n"             \
	"21.1.255.10.in-addr.arpa. PTR dkim.smtp.a.test.\ndkim.smtp.a.test. A 10.255.1.21\n"       \
	"33.2.255.10.in-addr.arpa. PTR dmarc.mx.b.test.\ndmarc.mx.b.test. A 10.255.2.33\n"         \
	"dmarc.b.test. MX 10 dmarc.mx.b.test.\n"                                                   \
	"pass.dkim.a.test. TXT \"v=spf1 ip4:10.255.1.20/31 -all\"\n"                               \
	"_dmarc.a.test. TXT \"v=DMARC1; p=quarantine; pct=100\"\n"

#define SMTP_CONF                                                                                  \
	"hostname dkim.smtp.a.test; spool /spool;\n"                                               \
	"listen in { address 10.255.1.21:25; role relay; relay-from 10.255.1.0/24; }\n"            \
	"route * { via mx; } sign pass.dkim.a.test p;\n"                                           \
	"key p { domain pass.dkim.a.test; selector smtpbook; file /k; }\n"
#define MX_CONF                                                                                    \
	"hostname dmarc.mx.b.test; spool /spool; accept dmarc.b.test;\n"                           \
	"listen mx { address 10.255.2.33:25; checks spf dkim dmarc; authres-style rspamd; }\n"     \
	"route * { via smtp 10.255.2.40; }\n"
#define IMAP_CONF                                                                                  \
	"hostname imap.b.test; spool /spool; accept dmarc.b.test;\n"                               \
	"listen mx { address 10.255.2.40:25; }\n"
static const char *const confs[] = {SMTP_CONF, MX_CONF, IMAP_CONF};

static void add_key(struct hk_buf *zone, const struct hk_private_key *key)
{
	struct hk_buf der, text;
	size_t i;

	hk_buf_init(&der, 4096);
	hk_buf_init(&text, 4096);
	assert_int_equal(hk_private_key_public_add(key, &der), HK_OK);
	hk_buf_add_str(&text, "v=DKIM1; k=rsa; p=");
	hk_base64_add(&text, hk_buf_slice(&der));
	hk_buf_add_str(zone, "smtpbook._domainkey.pass.dkim.a.test. TXT");
	for (i = 0; i < text.n; i += 200)
		hk_buf_addf(zone, " \"%.*s\"", HK_FMT(hk_slice_sub(hk_buf_slice(&text), i, 200)));
	hk_buf_add_str(zone, "\n");
	hk_buf_done(&der);
	hk_buf_done(&text);
}

/* The position of each text, in this order. */
static void assert_order(const char *stored, const char *const *texts, size_t n)
{
	const char *at = stored;
	size_t i;

	for (i = 0; i < n; i++) {
		at = strstr(at, texts[i]);
		if (!at)
			fail_msg("\"%s\" is not where it should be in\n%s", texts[i], stored);
		at += strlen(texts[i]);
	}
}

/* S0-032 S0-033 S0-034 S0-036 S0-054 S0-081 S0-086 S0-087 S1-008 S3-015: scenario 4-1 of the book
 */
static void a_signed_message_goes_through_three_hosts(void **state)
{
	static const char message[] =
	    "Message-ID: <1@pass.dkim.a.test>\r\nDate: Sun, 10 Nov 2024 21:59:09 +0900\r\nFrom: "
	    "user1@pass.dkim.a.test\r\n"
	    "To:   user1@dmarc.b.test\r\nSubject: scenario4-1\r\n\r\nHello user1@dmarc.b.test!\r\n";
	static const char *const order[] = {
	    "Received: from dmarc.mx.b.test (dmarc.mx.b.test [10.255.2.33])\r\n\tby imap.b.test "
	    "(Hikyaku) with ESMTP id ",
	    "Received: from dkim.smtp.a.test (dkim.smtp.a.test [10.255.1.21])\r\n\tby "
	    "dmarc.mx.b.test (Hikyaku) with ESMTP id ",
	    "Authentication-Results: dmarc.mx.b.test;\r\n\tdkim=pass header.d=pass.dkim.a.test "
	    "header.s=smtpbook header.b=",
	    ";\r\n\tspf=pass (dmarc.mx.b.test: domain of user1@pass.dkim.a.test designates "
	    "10.255.1.21 as permitted sender) "
	    "smtp.mailfrom=user1@pass.dkim.a.test;\r\n\tdmarc=pass (policy=quarantine) "
	    "header.from=a.test\r\n",
	    "Received: from pass.dkim.a.test (client.a.test [10.255.1.10])\r\n\tby "
	    "dkim.smtp.a.test (Hikyaku) with SMTP id ",
	    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=pass.dkim.a.test;",
	    message,
	};
	static const size_t pieces[] = {SIZE_MAX, 1, 7};
	struct hk_private_key *key;
	struct hk_buf zone;
	size_t i, j;

	(void)state;
	hk_buf_init(&zone, 65536);
	assert_int_equal(hk_private_key_new(HK_SIGN_RSA_SHA256, 1024, &key), HK_OK);
	hk_buf_add_str(&zone, ZONE);
	add_key(&zone, key);
	hk_buf_add_byte(&zone, 0);
	for (i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
		const struct hop hops[] = {
		    {.address = "10.255.1.21", .key = key}, {.address = "10.255.2.33"}};
		struct srig rig[3];
		char script[1024];

		for (j = 0; j < 3; j++)
			srig_init(&rig[j], confs[j], (char *)zone.p);
		rig[0].client = "10.255.1.10";
		snprintf(script, sizeof script,
		    "HELO pass.dkim.a.test\r\nMAIL FROM: user1@pass.dkim.a.test\r\nRCPT TO:   "
		    "user1@dmarc.b.test\r\nDATA\r\n"
		    "%s.\r\nQUIT\r\n",
		    message);
		srig_say(&rig[0], script);
		forward(&rig[0], &hops[0], &rig[1], pieces[i]);
		forward(&rig[1], &hops[1], &rig[2], pieces[i]);
		assert_int_equal(rig[2].n_mails, 1);
		assert_true(hk_slice_eq(rig[2].mail[0]->mail_from, HK_S("user1@pass.dkim.a.test")));
		assert_order(srig_stored(&rig[2], 0), order, sizeof order / sizeof order[0]);
		for (j = 0; j < 3; j++)
			srig_done(&rig[j]);
	}
	hk_private_key_free(key);
	hk_buf_done(&zone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_signed_message_goes_through_three_hosts),
	};

	return cmocka_run_group_tests_name("chain", tests, NULL, NULL);
}
