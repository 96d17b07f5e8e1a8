/* SPDX-License-Identifier: MIT
 *
 * Transactions with an id (RFC 1845, S3-032): a message that broke off goes on where it stood, and none is taken twice.
 */
#include <stdio.h>

#include "engine/session_testing.h"

#define EXTENSIONS "extensions pipelining size 8bitmime chunking binarymime dsn starttls checkpoint; "
#define RULES                                                                                                      \
	"hostname imap.b.test; spool /spool; accept b.test; checkpoint-messages 8; checkpoint-size 8m; checkpoint-age 1h;\n" \
	"listen mx { address 10.255.2.40:25; reject-early-talkers off; " EXTENSIONS "}\n"                          \
	"listen other { address 10.255.2.40:26; reject-early-talkers off; " EXTENSIONS "}\n"                       \
	"listen checked { address 10.255.2.40:27; checks spf dkim dmarc; reject-early-talkers off; " EXTENSIONS "}\n" \
	"listen plain { address 10.255.2.40:28; reject-early-talkers off; }\n"                                     \
	"listen tls { address 10.255.2.40:29; reject-early-talkers off; starttls on; certificate /c; certificate-key /k; " EXTENSIONS "}\n"
#define HELLO   "EHLO a.test\r\n"
#define SENDER  "MAIL FROM:<s@a.test> TRANSID=<1.x@a.test>\r\n"
#define TO      "RCPT TO:<u@b.test>\r\nRCPT TO:<v@b.test>\r\n"
#define BEGIN   HELLO SENDER TO "DATA\r\n"
#define AGAIN   HELLO SENDER "DATA\r\n"
static const char message[] = "Subject: a letter\r\nX: y\r\n z\r\n\r\n.dots\r\n..\r\nand a line\r\n\r\nlast\r\n";

static void setup(struct srig *r)
{
	srig_init(r, RULES, ZONE);
	r->checkpoints = must(hk_checkpoints_new(&r->disk.disk, "/spool"));
}

static void teardown(struct srig *r)
{
	hk_checkpoints_free(r->checkpoints);
	srig_done(r);
}

static struct hk_checkpoint_counts counts_of(struct srig *r)
{
	struct hk_checkpoint_counts n;

	hk_checkpoints_count(r->checkpoints, &n);
	return n;
}

/* What 355 says; fails where there is none. */
static size_t offset_of(struct srig *r)
{
	const char *at = strstr(srig_replies(r), "\n355 ");
	struct hk_slice rest = hk_slice_str(at ? at + 5 : "");
	uint64_t offset = 0;

	if (hk_slice_u64(hk_slice_sub(rest, 0, hk_slice_find(rest, ' ')), SIZE_MAX, &offset) != HK_OK)
		fail_msg("no 355: %s", srig_replies(r));
	return (size_t)offset;
}

/* text as it goes behind DATA, from `from` on, dots stuffed; the end as it is asked for. */
static void add_stuffed(struct hk_buf *b, const char *text, size_t from)
{
	size_t i;

	for (i = from; text[i]; i++) {
		if (text[i] == '.' && (i == 0 || text[i - 1] == '\n'))
			hk_buf_add_byte(b, '.');
		hk_buf_add_byte(b, (uint8_t)text[i]);
	}
}

static void say_rest(struct srig *r, const char *head, const char *text, size_t from)
{
	struct hk_buf b;

	hk_buf_init(&b, 1024 * 1024);
	hk_buf_add_str(&b, head);
	add_stuffed(&b, text, from);
	hk_buf_add_str(&b, ".\r\nQUIT\r\n");
	if (hk_buf_status(&b) == HK_OK)
		srig_run(r, hk_buf_slice(&b));
	hk_buf_done(&b);
}

/* So many octets of what goes behind head, then the connection is gone. */
static void say_cut(struct srig *r, const char *head, const char *text, size_t n)
{
	struct hk_buf b;

	hk_buf_init(&b, 1024 * 1024);
	hk_buf_add_str(&b, head);
	add_stuffed(&b, text, 0);
	if (hk_buf_status(&b) == HK_OK)
		srig_run(r, hk_slice_sub(hk_buf_slice(&b), 0, strlen(head) + n));
	hk_buf_done(&b);
}

static void assert_stored_once(struct srig *r, const char *text)
{
	const char *stored;

	assert_int_equal(r->n_mails, 1);
	assert_int_equal(r->mail[0]->n_rcpt, 2);
	assert_text(r->mail[0]->rcpt[0].address, "u@b.test");
	assert_text(r->mail[0]->rcpt[1].address, "v@b.test");
	stored = srig_stored(r, 0);
	stored = strstr(stored, "Subject:");
	assert_non_null(stored);
	assert_string_equal(stored, text);
}

static void cut_at(const char *listener, enum srig_cut cut, size_t n)
{
	struct srig r;

	setup(&r);
	r.listener = listener;
	r.cut = cut;
	say_cut(&r, BEGIN, message, n);
	assert_int_equal(r.n_mails, 0);
	srig_say(&r, HELLO SENDER);
	if (strstr(srig_replies(&r), "\n355 ")) {
		size_t at = offset_of(&r);

		/* RFC 1845 3: where a line begins, of the message without its stuffed dots */
		assert_true(at > 0 && at <= sizeof message - 1 && message[at - 1] == '\n');
		say_rest(&r, AGAIN, message, at);
	} else {
		/* not one line was there: it is another transaction */
		assert_true(n < 19);
		say_rest(&r, BEGIN, message, 0);
	}
	assert_stored_once(&r, message);
	assert_has(srig_replies(&r), "250 2.0.0 Ok: queued as ");
	assert_int_equal(counts_of(&r).all, 0);
	assert_int_equal(hk_sim_disk_count_in(&r.disk, "/spool/partial"), 0);
	assert_int_equal(hk_sim_disk_open_files(&r.disk), 0);
	teardown(&r);
}

/* S3-032 */
static void a_message_that_broke_off_anywhere_goes_on_and_is_whole(void **state)
{
	size_t n;

	(void)state;
	/* with the three dots that are stuffed */
	for (n = 0; n <= sizeof message - 1 + 2; n++)
		cut_at(NULL, SRIG_WHOLE, n);
	for (n = 0; n <= sizeof message - 1; n += 7)
		cut_at(NULL, SRIG_BYTES, n);
	for (n = 0; n <= sizeof message - 1; n += 3)
		cut_at("checked", SRIG_RANDOM, n);
}

static void it_may_break_off_many_times(void **state)
{
	size_t at = 0, first, n;
	struct srig r;

	(void)state;
	setup(&r);
	say_cut(&r, BEGIN, message, 30);
	srig_say(&r, HELLO SENDER);
	first = offset_of(&r);
	for (n = 0; n < 5; n++) {
		srig_say(&r, HELLO SENDER);
		at = offset_of(&r);
		srig_run(&r, repeated(&r, AGAIN, n == 3 ? "x\r\n" : "", 1, ""));
	}
	assert_int_equal(at, first + 3);
	srig_say(&r, AGAIN "\r\nend\r\n.\r\n");
	assert_int_equal(r.n_mails, 1);
	assert_has(srig_stored(&r, 0), "Subject: a letter\r\nX: y\r\n z\r\nx\r\n\r\nend\r\n");
	teardown(&r);
}

/* The reply to the dot did not arrive: whoever comes again gets the same one, and nothing is stored twice. */
static void a_lost_reply_is_given_again(void **state)
{
	char first[64];
	const char *at;
	struct srig r;
	int i;

	(void)state;
	setup(&r);
	say_cut(&r, BEGIN, message, 1000);
	srig_say(&r, AGAIN ".\r\n"); /* the client saw it, or not: it said no QUIT */
	assert_int_equal(r.n_mails, 1);
	at = strstr(srig_replies(&r), "250 2.0.0 Ok: queued as ");
	assert_non_null(at);
	snprintf(first, sizeof first, "%.38s", at);
	for (i = 0; i < 3; i++) {
		srig_say(&r, HELLO SENDER);
		assert_int_equal(offset_of(&r), sizeof message - 1);
		/* nothing more, or all of it once more */
		say_rest(&r, AGAIN, message, i == 1 ? 0 : sizeof message - 1);
		assert_has(srig_replies(&r), first);
		assert_int_equal(r.n_mails, 1);
		if (i < 2) { /* QUIT said that it has the reply: the id is free */
			assert_int_equal(counts_of(&r).all, 0);
			r.n_mails = 0;
			hk_mail_free(r.mail[0]);
			srig_say(&r, BEGIN "A: b\r\n\r\n.\r\n");
			assert_int_equal(r.n_mails, 1);
			break;
		}
	}
	assert_int_equal(counts_of(&r).done, 1);
	srig_say(&r, AGAIN ".\r\n");
	srig_say(&r, AGAIN ".\r\n");
	assert_int_equal(r.n_mails, 1);
	assert_codes(&r, "220 250 355 354 250");
	/* RFC 1845 3: the next transaction says so as well */
	srig_say(&r, AGAIN ".\r\nMAIL FROM:<>\r\n");
	assert_int_equal(counts_of(&r).all, 0);
	teardown(&r);
}

/* A session that is driven by hand: up to where it wants nothing more, or (ret) a commit. */
static bool drive(struct srig *r, struct hk_session *s, struct hk_session_want *ret)
{
	static const struct hk_dns_answer none = {.rcode = HK_DNS_TIMEOUT};

	for (;;) {
		if (hk_session_next(s, &r->now, ret) == HK_OK) {
			if (ret->type == HK_SESSION_COMMIT)
				return true;
			if (ret->type == HK_SESSION_DNS)
				hk_session_dns(s, ret->id, &none);
		} else if (hk_session_out(s).n) {
			hk_session_sent(s, hk_session_out(s).n);
		} else {
			return false;
		}
	}
}

/* The connection goes while the owner has the message: until it is known what came of it the id is busy, then it is complete. */
static void a_message_that_was_committed_when_nobody_listened_is_known(void **state)
{
	static const enum hk_status outcomes[] = {HK_OK, HK_IO};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(outcomes); i++) {
		struct hk_session_want want = {0};
		struct hk_session_env env;
		struct hk_session *s;
		struct srig r;

		setup(&r);
		env = (struct hk_session_env){.conf = r.conf, .listener = r.conf->listener, .disk = &r.disk.disk, .ids = &r.ids,
		    .log = &r.sink, .checkpoints = r.checkpoints};
		assert_int_equal(hk_ip_parse(HK_S("10.0.0.9"), &env.client), HK_OK);
		s = must(hk_session_new(&env, &r.now));
		(void)drive(&r, s, &want);
		(void)hk_session_feed(s, HK_S(BEGIN "A: b\r\n\r\n.\r\n"), &r.now);
		assert_true(drive(&r, s, &want));
		hk_session_eof(s);
		srig_say(&r, HELLO SENDER);
		assert_codes(&r, "220 250 451");
		assert_has(srig_replies(&r), "[transid-busy/");
		hk_session_committed(s, want.id, outcomes[i]);
		hk_mail_free(want.mail);
		(void)drive(&r, s, &want);
		hk_session_free(s);
		srig_say(&r, HELLO SENDER);
		assert_codes(&r, outcomes[i] == HK_OK ? "220 250 355" : "220 250 250");
		if (outcomes[i] == HK_OK)
			assert_int_equal(offset_of(&r), 8);
		teardown(&r);
	}
}

/* Only the same client with the same MAIL gets at it. */
static void another_transaction_begins_anew(void **state)
{
	static const struct {
		const char *listener, *client, *in;
	} others[] = {
	    {"other", NULL, HELLO SENDER},
	    {NULL, "10.0.0.10", HELLO SENDER},
	    {NULL, NULL, "EHLO b.test\r\n" SENDER},
	    {NULL, NULL, HELLO "MAIL FROM:<t@a.test> TRANSID=<1.x@a.test>\r\n"},
	    {NULL, NULL, HELLO "MAIL FROM:<s@a.test> TRANSID=<1.X@a.test>\r\n"},
	    {NULL, NULL, HELLO "MAIL FROM:<s@a.test> TRANSID=<1.x@a.test> BODY=8BITMIME\r\n"},
	    {NULL, NULL, HELLO "MAIL FROM:<s@a.test> TRANSID=<1.x@a.test> RET=HDRS\r\n"},
	    {NULL, NULL, HELLO "MAIL FROM:<s@a.test> TRANSID=<1.x@a.test> ENVID=q\r\n"},
	    {NULL, NULL, HELLO "MAIL FROM:<s@a.test>\r\n"},
	};
	struct srig r;
	size_t i;

	(void)state;
	setup(&r);
	say_cut(&r, BEGIN, message, 40);
	for (i = 0; i < COUNT(others); i++) {
		r.listener = others[i].listener;
		r.client = others[i].client ? others[i].client : "10.0.0.9";
		srig_say(&r, others[i].in);
		assert_codes(&r, "220 250 250");
		r.listener = NULL;
		r.client = "10.0.0.9";
	}
	/* case makes none of a name, and a declared size is none of the transaction's */
	srig_say(&r, "EHLO A.test\r\nMAIL FROM:<s@a.test> SIZE=60 TRANSID=<1.x@a.test>\r\n");
	assert_codes(&r, "220 250 355");
	/* RFC 3207 4.2: what was begun in clear is not ended under TLS, nor the other way */
	r.listener = "tls";
	r.waits_for_tls = true;
	srig_say(&r, BEGIN "A: b\r\n");
	srig_say(&r, HELLO "STARTTLS\r\n" HELLO SENDER);
	assert_codes(&r, "220 250 220 250 250");
	srig_say(&r, HELLO "STARTTLS\r\n" HELLO SENDER TO "DATA\r\nA: b\r\n");
	srig_say(&r, HELLO "STARTTLS\r\n" HELLO SENDER);
	assert_codes(&r, "220 250 220 250 355");
	teardown(&r);
}

static void what_the_client_aborts_is_not_kept(void **state)
{
	static const char *const ends[] = {"RSET\r\n", "QUIT\r\n", HELLO, "DATA\r\nno colon\r\n\r\n.\r\nQUIT\r\n", "DATA\r\nA: b\r\n\r\nbare\nline\r\n.\r\n"};
	struct srig r;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(ends); i++) {
		setup(&r);
		srig_run(&r, repeated(&r, HELLO SENDER TO, ends[i], 1, ""));
		assert_int_equal(counts_of(&r).all, 0);
		/* resumed, and aborted then */
		say_cut(&r, BEGIN, message, 40);
		assert_int_equal(counts_of(&r).partial, 1);
		if (i < 3) {
			srig_run(&r, repeated(&r, HELLO SENDER, ends[i], 1, ""));
			assert_int_equal(counts_of(&r).all, 0);
			assert_int_equal(hk_sim_disk_count_in(&r.disk, "/spool/partial"), 0);
		}
		teardown(&r);
	}
	/* before DATA nothing is there to go on with */
	setup(&r);
	srig_say(&r, HELLO SENDER TO);
	srig_say(&r, HELLO SENDER);
	assert_codes(&r, "220 250 250");
	teardown(&r);
}

/* A body of more than HK_BODY_INLINE_MAX is in a file of its own. */
static void a_long_message_goes_on_too(void **state)
{
	struct srig r;
	struct hk_slice whole;
	size_t at, begins;

	(void)state;
	setup(&r);
	whole = repeated(&r, BEGIN "Subject: long\r\n\r\n", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n", 20000, ".\r\n");
	begins = sizeof BEGIN - 1;
	srig_run(&r, hk_slice_sub(whole, 0, 700000));
	assert_int_equal(hk_sim_disk_count_in(&r.disk, "/spool/partial"), 2);
	assert_int_equal(hk_sim_disk_count_in(&r.disk, "/spool/body"), 0);
	srig_say(&r, HELLO SENDER);
	at = offset_of(&r);
	assert_true(at <= 700000 - begins && at > 700000 - begins - 64);
	{
		struct hk_buf b;

		hk_buf_init(&b, 4 * 1024 * 1024);
		hk_buf_add_str(&b, AGAIN);
		hk_buf_add(&b, hk_slice_from(whole, begins + at));
		if (hk_buf_status(&b) == HK_OK)
			srig_run(&r, hk_buf_slice(&b));
		hk_buf_done(&b);
	}
	assert_int_equal(r.n_mails, 1);
	assert_int_equal(r.mail[0]->body_size, 20000 * 64);
	assert_int_equal(r.syncs, 1);
	assert_int_equal(hk_sim_disk_count_in(&r.disk, "/spool/partial"), 0);
	assert_int_equal(hk_sim_disk_count_in(&r.disk, "/spool/body"), 1);
	teardown(&r);
}

/* The size counts for the whole (RFC 1870). */
static void what_is_here_counts_to_the_size(void **state)
{
	struct srig r;

	(void)state;
	srig_init(&r, "hostname h.test; spool /spool; accept b.test; listen mx { address 10.255.2.40:25; reject-early-talkers off; "
	              "max-message 64k; extensions size checkpoint; }\n", "");
	r.checkpoints = must(hk_checkpoints_new(&r.disk.disk, "/spool"));
	srig_run(&r, repeated(&r, BEGIN "A: b\r\n\r\n", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n", 1000, ""));
	srig_run(&r, repeated(&r, AGAIN, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n", 23, ".\r\n"));
	assert_codes(&r, "220 250 355 354 250"); /* 8 + 1023 * 64 */
	assert_int_equal(r.mail[0]->body_size, 1023 * 64);
	srig_run(&r, repeated(&r, HELLO "MAIL FROM:<s@a.test> TRANSID=<2@a.test>\r\n" TO "DATA\r\nA: b\r\n\r\n", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n", 1000, ""));
	srig_run(&r, repeated(&r, HELLO "MAIL FROM:<s@a.test> TRANSID=<2@a.test>\r\nDATA\r\n", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n", 24, ".\r\n"));
	assert_codes(&r, "220 250 355 354 552");
	assert_int_equal(r.n_mails, 1);
	teardown(&r);
}

/* RFC 2920: all commands of the group came before the client could see 355. */
static void a_pipelined_group_goes_on_with_its_recipients(void **state)
{
	struct srig r;

	(void)state;
	setup(&r);
	say_cut(&r, BEGIN, message, 30);
	srig_say(&r, HELLO SENDER TO "RCPT TO:<w@b.test>\r\nDATA\r\n\r\nx\r\n.\r\n");
	assert_codes(&r, "220 250 355 250 250 451 354 250");
	assert_has(srig_replies(&r), "[transid-rcpt/");
	assert_int_equal(r.n_mails, 1);
	assert_int_equal(r.mail[0]->n_rcpt, 2);
	teardown(&r);
}

static void by_bdat_it_breaks_off_and_by_data_it_goes_on(void **state)
{
	struct srig r;

	(void)state;
	setup(&r);
	srig_say(&r, HELLO SENDER TO "BDAT 6\r\nA: b\r\nBDAT 9\r\n\r\n.a\r\nb");
	srig_say(&r, HELLO SENDER);
	assert_int_equal(offset_of(&r), 12);
	srig_say(&r, AGAIN "b\r\n.\r\nQUIT\r\n");
	assert_has(srig_stored(&r, 0), "A: b\r\n\r\n.a\r\nb\r\n");
	/* what comes by BDAT may be its beginning again: it is refused, and all of it is asked for the next time */
	srig_say(&r, HELLO SENDER TO "BDAT 20\r\nA: b\r\n\r\nx");
	srig_say(&r, HELLO SENDER "BDAT 3 LAST\r\ny\r\n");
	assert_codes(&r, "220 250 355 451");
	assert_has(srig_replies(&r), "[transid-bdat/");
	srig_say(&r, HELLO SENDER);
	assert_codes(&r, "220 250 250");
	/* one that is complete is answered whatever comes */
	srig_say(&r, HELLO SENDER TO "BDAT 8 LAST\r\nA: b\r\n\r\n");
	assert_int_equal(r.n_mails, 2);
	srig_say(&r, HELLO SENDER "BDAT 8 LAST\r\nA: b\r\n\r\n");
	assert_codes(&r, "220 250 355 250");
	srig_say(&r, HELLO SENDER "BDAT 0 LAST\r\n");
	assert_codes(&r, "220 250 355 250");
	assert_int_equal(r.n_mails, 2);
	/* RFC 3030 3: binary goes by no DATA */
	srig_say(&r, HELLO "MAIL FROM:<> TRANSID=<2@a.test> BODY=BINARYMIME\r\n" TO "BDAT 20\r\nA: b\r\n\r\n");
	srig_say(&r, HELLO "MAIL FROM:<> TRANSID=<2@a.test> BODY=BINARYMIME\r\n");
	assert_codes(&r, "220 250 250");
	teardown(&r);
}

static void where_it_is_not_offered_the_parameter_is_not_known(void **state)
{
	struct srig r;

	(void)state;
	setup(&r);
	r.listener = "plain";
	srig_say(&r, HELLO SENDER);
	assert_codes(&r, "220 250 555");
	assert_null(strstr(srig_replies(&r), "CHECKPOINT"));
	r.listener = NULL;
	srig_say(&r, HELLO);
	assert_has(srig_replies(&r), "250 CHECKPOINT\r\n");
	hk_checkpoints_free(r.checkpoints);
	r.checkpoints = NULL;
	srig_say(&r, HELLO SENDER);
	assert_codes(&r, "220 250 555");
	teardown(&r);
}

/* The bound holds whoever breaks off how often. */
static void half_messages_of_many_clients_stay_within_the_bound(void **state)
{
	char client[32], in[256];
	struct srig r;
	unsigned i;

	(void)state;
	setup(&r);
	for (i = 0; i < 200; i++) {
		snprintf(client, sizeof client, "10.1.%u.%u", i / 16, i % 16);
		r.client = client;
		snprintf(in, sizeof in, HELLO "MAIL FROM:<s@a.test> TRANSID=<%u@a.test>\r\n" TO "DATA\r\nA: b\r\n", i);
		srig_say(&r, in);
		assert_true(counts_of(&r).partial <= 8);
		assert_true(hk_sim_disk_count_in(&r.disk, "/spool/partial") <= 8);
		assert_int_equal(counts_of(&r).all, counts_of(&r).partial);
	}
	assert_int_equal(counts_of(&r).partial, 8);
	teardown(&r);
}

/* A disk that fails costs what was kept, no more. */
static void a_disk_that_fails_costs_no_mail(void **state)
{
	struct srig r;
	unsigned i;

	(void)state;
	for (i = 0; i < 30; i++) {
		setup(&r);
		if (i % 2)
			r.disk.fail_at = r.disk.calls + 1 + i / 2;
		r.disk.fail_with = HK_IO;
		say_cut(&r, BEGIN, message, 40);
		if (i % 2 == 0)
			r.disk.fail_at = r.disk.calls + 1 + i / 2;
		srig_say(&r, HELLO SENDER);
		if (strstr(srig_replies(&r), "\n355 "))
			say_rest(&r, AGAIN, message, offset_of(&r));
		if (!strstr(srig_replies(&r), "\n355 "))
			say_rest(&r, BEGIN, message, 0);
		if (strstr(srig_replies(&r), "250 2.0.0 Ok: queued as "))
			assert_stored_once(&r, message);
		else
			assert_has(srig_replies(&r), "451 4.3.0 Mail cannot be stored now");
		assert_int_equal(hk_sim_disk_open_files(&r.disk), 0);
		teardown(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_message_that_broke_off_anywhere_goes_on_and_is_whole),
	    cmocka_unit_test(it_may_break_off_many_times),
	    cmocka_unit_test(a_lost_reply_is_given_again),
	    cmocka_unit_test(a_message_that_was_committed_when_nobody_listened_is_known),
	    cmocka_unit_test(another_transaction_begins_anew),
	    cmocka_unit_test(what_the_client_aborts_is_not_kept),
	    cmocka_unit_test(a_long_message_goes_on_too),
	    cmocka_unit_test(what_is_here_counts_to_the_size),
	    cmocka_unit_test(a_pipelined_group_goes_on_with_its_recipients),
	    cmocka_unit_test(by_bdat_it_breaks_off_and_by_data_it_goes_on),
	    cmocka_unit_test(where_it_is_not_offered_the_parameter_is_not_known),
	    cmocka_unit_test(half_messages_of_many_clients_stay_within_the_bound),
	    cmocka_unit_test(a_disk_that_fails_costs_no_mail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
