/* SPDX-License-Identifier: MIT
 *
 * scenes.c - what is played in the house, and must end well whichever allocation fails.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/drain.h"
#include "engine/owner_internal.h"
#include "sim/oom/house.h"

enum { FIND_ARENA = 16 * 1024 * 1024, SEGMENT = 1024 * 1024 };

static void send_one(struct house *h, struct house_form form)
{
	house_send(h, &form);
	house_settle(h, 10);
}

/* ---- what clients bring ------------------------------------------------------------------ */

static void a_message(struct house *h)
{
	send_one(h, (struct house_form){.to = "ok@d.test ok@e.test"});
}

static void a_large_body(struct house *h)
{
	send_one(h, (struct house_form){.to = "ok@d.test later@e.test", .lines = HOUSE_LARGE});
}

static void a_user(struct house *h)
{
	send_one(h, (struct house_form){.listener = "mua", .to = "ok@d.test", .authenticates = true});
}

static void a_client_of_ours(struct house *h)
{
	send_one(h, (struct house_form){.listener = "clear", .to = "ok@d.test"});
}

static void a_transaction_that_goes_on(struct house *h)
{
	send_one(h, (struct house_form){.to = "ok@d.test", .mail = " TRANSID=<1.x@home.test>", .breaks_off = true});
	send_one(h, (struct house_form){.to = "ok@d.test", .mail = " TRANSID=<2.x@home.test>", .breaks_off = true, .lines = HOUSE_LARGE});
}

/* ---- where it goes ----------------------------------------------------------------------- */

static void a_maildir(struct house *h)
{
	send_one(h, (struct house_form){.to = "ok@box.test also@box.test"});
	send_one(h, (struct house_form){.to = "ok@box.test", .lines = HOUSE_LARGE});
}

static void an_lmtp_server(struct house *h)
{
	send_one(h, (struct house_form){.to = "ok@lm.test no@lm.test later@lm.test"});
}

static void a_deferral(struct house *h)
{
	send_one(h, (struct house_form){.to = "later@d.test ok@d.test later@e.test"});
}

static void use(struct house *h, const char *rules)
{
	struct hk_conf *conf = house_conf(rules);
	unsigned i;

	if (!conf)
		abort();
	for (i = 0; i < h->tries && h->owner && h->owner->conf != conf; i++) /* it goes on as before where it cannot */
		PRODUCT(hk_owner_reload(h->owner, conf));
	hk_conf_free(h->conf);
	h->conf = conf;
}

/* From here on for what a closing letter demands, too. */
static void demand_nothing(struct house *h)
{
	house_settle(h, 600);
	h->must_verify = HK_VERIFY_NONE;
	h->is_signed = false;
	h->sts = NULL;
}

static void a_host_with_dane(struct house *h)
{
	h->is_signed = true;
	h->must_verify = HK_VERIFY_DANE;
	send_one(h, (struct house_form){.to = "ok@d.test ok@alias.test"});
	demand_nothing(h);
}

static void a_domain_with_a_policy(struct house *h)
{
	h->sts = "version: STSv1\r\nmode: enforce\r\nmx: *.d.test\r\nmax_age: 86400\r\n";
	h->must_verify = HK_VERIFY_PKIX;
	send_one(h, (struct house_form){.to = "ok@d.test"});
	demand_nothing(h);
}

static void a_domain_with_srv(struct house *h)
{
	use(h, house_strict_rules);
	h->must_verify = HK_VERIFY_PKIX;
	send_one(h, (struct house_form){.to = "ok@srv.test"});
	demand_nothing(h);
}

static void a_letter_that_is_signed(struct house *h)
{
	if (hk_private_key_new(HK_SIGN_ED25519_SHA256, 0, &h->key) != HK_OK)
		abort();
	use(h, house_strict_rules);
	send_one(h, (struct house_form){.listener = "clear", .to = "ok@d.test ok@e.test"});
	house_settle(h, 600);
	hk_private_key_free(h->key);
	h->key = NULL;
	use(h, house_rules);
}

/* ---- what is told of it ------------------------------------------------------------------- */

static void a_failure(struct house *h)
{
	send_one(h, (struct house_form){.to = "no@d.test ok@d.test no@e.test"});
}

static void a_success(struct house *h)
{
	send_one(h, (struct house_form){.to = "ok@d.test ok@box.test", .mail = " RET=HDRS ENVID=x+2By", .rcpt = " NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;x+2By@y.test"});
	house_settle(h, 600);
	if (!h->letter[0].rcpt[0].successes || !h->letter[0].rcpt[1].successes)
		house_wrong(h, "a success was not told, and is wanted");
}

static void a_delay(struct house *h)
{
	send_one(h, (struct house_form){.to = "never@d.test"});
	house_settle(h, HOUSE_LIFETIME / 2);
	if (!h->letter[0].rcpt[0].delays)
		house_wrong(h, "nobody is told of a delay");
}

static void a_time_of_the_senders_own(struct house *h)
{
	send_one(h, (struct house_form){.to = "never@d.test", .mail = " BY=100;R"});
	send_one(h, (struct house_form){.to = "later@d.test", .mail = " BY=40;N"});
}

/* ---- who looks on --------------------------------------------------------------------------- */

/* Asks for something of all letters so far; once more where there was no memory for it. */
static void call(struct house *h, enum hk_queue_verb verb, const char *domain)
{
	struct hk_queue_call *c;
	enum hk_status status = HK_NOMEM;
	unsigned i, k;

	for (i = 0; i < h->tries && status != HK_OK && h->owner && !h->wrong[0]; i++) {
		c = hk_queue_call_new(verb, 1024 * 1024);
		if (!c || !(c->id = hk_arena_array(&c->arena, HOUSE_LETTERS, sizeof *c->id)))
			abort();
		for (k = 0; k < h->n_letters && verb != HK_QUEUE_LIST && verb != HK_QUEUE_RUN && verb != HK_QUEUE_HOPS; k++)
			c->id[c->n_ids++] = h->letter[k].id;
		if (!c->n_ids)
			c->id = NULL;
		c->domain = hk_slice_str(domain);
		PRODUCT(hk_owner_call(h->owner, c));
		house_settle(h, 2);
		status = h->answer ? h->answer->status : HK_AGAIN;
		house_trace(h, "call %d: %s of %zu", (int)verb, hk_status_name(status), h->answer ? h->answer->done : 0);
		hk_queue_call_free(h->answer);
		h->answer = NULL;
	}
	if (status != HK_OK)
		house_wrong(h, "call %d is answered with %s", (int)verb, hk_status_name(status));
}

static void an_operator(struct house *h)
{
	unsigned before;

	send_one(h, (struct house_form){.to = "later@d.test later@e.test"});
	call(h, HK_QUEUE_LIST, "d.test");
	call(h, HK_QUEUE_SHOW, NULL);
	call(h, HK_QUEUE_HOPS, NULL);
	call(h, HK_QUEUE_HOLD, NULL);
	before = h->letter[0].rcpt[0].arrivals;
	house_settle(h, HOUSE_LATER);
	/* a 250 that was lost makes two of it, and of the other one nobody knows the id */
	if (h->letter[0].rcpt[0].arrivals > before && !h->letter[0].doubts)
		house_wrong(h, "what is held was delivered");
	call(h, HK_QUEUE_RELEASE, NULL);
	call(h, HK_QUEUE_RETRY, NULL);
	call(h, HK_QUEUE_RUN, "@test");
}

static void an_operator_who_ends_it(struct house *h)
{
	send_one(h, (struct house_form){.to = "never@d.test"});
	call(h, HK_QUEUE_EXPIRE, NULL);
	house_settle(h, 600);
	if (!h->letter[0].rcpt[0].failures)
		house_wrong(h, "a letter was ended, and its sender does not know");
	send_one(h, (struct house_form){.to = "never@d.test"});
	h->letter[1].may_vanish = true;
	call(h, HK_QUEUE_DELETE, NULL);
	if (h->letter[1].rcpt[0].failures)
		house_wrong(h, "what is deleted is reported");
}

static void a_node_that_asks(struct house *h)
{
	unsigned code = 0, i;

	send_one(h, (struct house_form){.to = "later@d.test"});
	house_settle(h, HOUSE_LATER);
	for (i = 0; i < h->tries && code != 250; i++) {
		if (house_connect(h, NULL) && house_say(h, "EHLO client.home.test") == 250)
			code = house_say(h, "ETRN @d.test");
		house_say(h, "QUIT");
		house_hang_up(h);
		house_settle(h, 1);
	}
	if (code != 250)
		house_wrong(h, "ETRN is answered with %s", h->reply);
}

static void a_reload(struct house *h)
{
	struct hk_conf *conf;
	unsigned i;

	send_one(h, (struct house_form){.to = "later@d.test later@e.test"});
	for (i = 0; i < 2; i++) {
		PRODUCT(conf = house_conf(i ? house_rules : house_other_rules));
		if (!conf)
			continue; /* what was, stays */
		PRODUCT(hk_owner_reload(h->owner, conf));
		hk_conf_free(h->conf);
		h->conf = conf;
		house_settle(h, 40);
		if (h->owner && h->owner->conf != conf)
			house_wrong(h, "the queue never takes a configuration");
	}
}

/* ---- ends and beginnings ------------------------------------------------------------------------ */

static void fill(struct house *h)
{
	send_one(h, (struct house_form){.to = "later@d.test later@e.test later@box.test"});
	send_one(h, (struct house_form){.to = "later@d.test", .lines = HOUSE_LARGE});
	send_one(h, (struct house_form){.to = "never@d.test", .mail = " BY=300;N"});
}

static void a_kill(struct house *h)
{
	fill(h);
	house_kill(h, false);
	house_boot(h);
	house_settle(h, 5);
	house_kill(h, true);
	house_boot(h);
}

static void an_end_and_a_beginning(struct house *h)
{
	fill(h);
	send_one(h, (struct house_form){.to = "ok@d.test", .mail = " TRANSID=<3.x@home.test>", .breaks_off = true});
	house_stop(h);
	house_boot(h);
}

/* Everything is handed to a host that takes it, in as many goes as it needs. */
static bool drain_once(struct house *h, struct hk_conf *conf)
{
	struct hk_drain_options o = {.conf = conf, .disk = &h->disk.disk, .log = &h->log, .segment_size = SEGMENT};
	const struct hk_mail *mail;
	struct hk_drain *d = NULL;
	enum hk_status status;
	struct hk_job *job;
	unsigned i, n_rcpt;
	struct house_rcpt *rcpt[HOUSE_RCPTS];

	PRODUCT(status = hk_drain_new(&o, &d));
	while (status == HK_OK) {
		PRODUCT(status = hk_drain_next(d, &h->now, &job, &mail));
		if (status != HK_OK)
			break;
		n_rcpt = (unsigned)job->n_rcpt;
		for (i = 0; i < n_rcpt; i++)
			rcpt[i] = house_rcpt(h, mail->rcpt[job->rcpt[i]].address);
		house_deliver(h, job);
		PRODUCT(status = hk_drain_done(d, job, &h->now));
		for (i = 0; status != HK_OK && i < n_rcpt; i++)
			if (rcpt[i])
				rcpt[i]->doubts++;
	}
	if (d)
		PRODUCT(hk_drain_tidy(d));
	hk_drain_free(d);
	return status == HK_END;
}

static void a_drain(struct house *h)
{
	struct hk_conf *conf = house_conf("hostname mx.ours.test; spool " HOUSE_SPOOL "; route * { via smtp 10.0.0.8:25; }");
	unsigned i;

	if (!conf)
		abort();
	fill(h);
	house_settle(h, 30);
	house_stop(h);
	h->now.mono_ms += HOUSE_LATER * 1000;
	for (i = 0; i < h->tries && !drain_once(h, conf); i++)
		;
	if (i == h->tries)
		house_wrong(h, "the spool is not handed over");
	hk_conf_free(conf);
	house_boot(h);
}

/* ---- what is kept ------------------------------------------------------------------------------------ */

static bool is_of_home(void *with, uint64_t id, struct hk_slice text)
{
	(void)with;
	(void)id;
	return text.n && memmem(text.p, text.n, "home.test", 9);
}

static bool see_event(void *with, const struct hk_evidence_event *e)
{
	*(size_t *)with += e->line.n != 0;
	return true;
}

static void an_event(struct house *h)
{
	struct hk_evidence_store *store = NULL;
	struct hk_buf record;
	enum hk_status status;
	size_t n = 0;

	hk_buf_init(&record, 4096);
	hk_evidence_event_add(&record, &(struct hk_evidence_event){.ms = 1, .level = 2, .line = HK_S("ev=connect client=10.0.0.9 from=<s@home.test>")});
	PRODUCT(status = hk_evidence_store_open(&h->disk.disk, "/history", 1024 * 1024, 7, &store));
	if (status == HK_OK)
		PRODUCT(status = hk_evidence_store_put_events(store, hk_buf_slice(&record), h->now.utc));
	hk_evidence_store_close(store);
	hk_buf_done(&record);
	if (status == HK_OK)
		PRODUCT(status = hk_evidence_store_events(&h->disk.disk, "/history", see_event, &n));
	if (status == HK_OK && n != 1)
		house_wrong(h, "%zu events are found, and one was kept", n);
	else if (status != HK_OK && status != HK_NOMEM)
		house_wrong(h, "the history says %s", hk_status_name(status));
}

static void what_is_found(struct house *h)
{
	struct hk_evidence_entry entry;
	struct hk_evidence_signing *signing;
	enum hk_status status;
	struct hk_arena a;
	size_t n;

	send_one(h, (struct house_form){.to = "ok@d.test"});
	hk_arena_init(&a, FIND_ARENA);
	PRODUCT(status = hk_evidence_store_find(&h->disk.disk, HOUSE_SPOOL "/evidence", h->letter[0].id, &a, &entry));
	/* kept as well as can be, and no mail waits for it */
	if (status != HK_OK && status != HK_NOMEM && status != HK_NOTFOUND)
		house_wrong(h, "evidence is found with %s", hk_status_name(status));
	PRODUCT(status = hk_evidence_store_signings(&h->disk.disk, HOUSE_SPOOL "/evidence", h->letter[0].id, &a, &signing, &n));
	if (status != HK_OK && status != HK_NOMEM)
		house_wrong(h, "signings are found with %s", hk_status_name(status));
	hk_arena_done(&a);
	an_event(h);
	PRODUCT(status = hk_evidence_store_erase(&h->disk.disk, HOUSE_SPOOL "/evidence", is_of_home, NULL, &n));
	if (status == HK_NOMEM)
		status = hk_evidence_store_erase(&h->disk.disk, HOUSE_SPOOL "/evidence", is_of_home, NULL, &n);
	if (status != HK_OK)
		house_wrong(h, "evidence is erased with %s", hk_status_name(status));
	hk_arena_init(&a, FIND_ARENA);
	if (hk_evidence_store_find(&h->disk.disk, HOUSE_SPOOL "/evidence", h->letter[0].id, &a, &entry) == HK_OK)
		house_wrong(h, "what was erased is found");
	hk_arena_done(&a);
}

const struct house_scene house_scenes[] = {
    {"message", a_message},
    {"large", a_large_body},
    {"user", a_user},
    {"client", a_client_of_ours},
    {"checkpoint", a_transaction_that_goes_on},
    {"maildir", a_maildir},
    {"lmtp", an_lmtp_server},
    {"deferral", a_deferral},
    {"dane", a_host_with_dane},
    {"sts", a_domain_with_a_policy},
    {"srv", a_domain_with_srv},
    {"signed", a_letter_that_is_signed},
    {"failure", a_failure},
    {"success", a_success},
    {"delay", a_delay},
    {"deliverby", a_time_of_the_senders_own},
    {"operator", an_operator},
    {"end", an_operator_who_ends_it},
    {"etrn", a_node_that_asks},
    {"reload", a_reload},
    {"kill", a_kill},
    {"restart", an_end_and_a_beginning},
    {"drain", a_drain},
    {"find", what_is_found},
};
const size_t house_n_scenes = sizeof house_scenes / sizeof house_scenes[0];
