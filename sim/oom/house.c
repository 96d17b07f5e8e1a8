/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/owner_internal.h"
#include "engine/spool_internal.h"
#include "sim/oom/house.h"

enum { ROUNDS_MOST = 20000, SEGMENT = 1024 * 1024 };

#define HEAD                                                                                                              \
	"hostname mx.ours.test; spool " HOUSE_SPOOL "; accept .test; lifetime 20m; delay-notice 5m;\n"                        \
	"checkpoint-messages 8; checkpoint-size 8m; checkpoint-age 1h;\n"                                                    \
	"listen mx { address 10.0.0.1:25; role mx; checks spf dkim dmarc; reject-early-talkers off; relay-from 10.0.0.0/8; "  \
	"extensions pipelining size 8bitmime dsn etrn deliverby checkpoint; }\n"                                             \
	"listen mua { address 10.0.0.1:587; role submission; auth file /users; starttls on; certificate /c; "                \
	"certificate-key /k; }\n"                                                                                             \
	"listen clear { address 10.0.0.1:588; role submission; relay-from 10.0.0.0/8; }\n"                                   \
	"route box.test { via maildir /mail/%d/%u; } route lm.test { via lmtp 10.0.0.7:24; }\n"
const char house_rules[] = HEAD "retry 60s 120s; route * { via mx; }\n";
const char house_other_rules[] = HEAD "retry 30s; route d.test { via smtp 10.0.0.8:26; concurrency 1; } route * { via mx; concurrency 3; }\n";
const char house_strict_rules[] = HEAD "retry 60s; smtp-tls-srv on; key k { domain home.test; selector k; file /k; } sign *@home.test k; route * { via mx; }\n";

static const char zone[] =
    "home.test. MX 10 mx.home.test.\nhome.test. TXT \"v=spf1 ip4:10.0.0.9 -all\"\n_dmarc.home.test. TXT \"v=DMARC1; p=none\"\n"
    "mx.home.test. A 10.0.0.20\nd.test. MX 10 mx1.d.test.\nd.test. MX 20 mx2.d.test.\nmx1.d.test. A 10.0.0.21\nmx2.d.test. A 10.0.0.22\n"
    "e.test. MX 10 mx1.d.test.\n9.0.0.10.in-addr.arpa. PTR client.home.test.\nclient.home.test. A 10.0.0.9\n"
    "_25._tcp.mx1.d.test. TLSA 3 1 1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
    "_25._tcp.mx2.d.test. TLSA 3 1 1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
    "alias.test. MX 10 a.alias.test.\na.alias.test. CNAME mx1.d.test.\n"
    "_smtp-tls._tcp.srv.test. SRV 0 0 842 mx.srv.test.\nmx.srv.test. A 10.0.0.23\nsrv.test. MX 10 mx2.d.test.\n";

void house_trace(struct house *h, const char *format, ...)
{
	va_list args;

	if (!h->is_traced)
		return;
	printf("%10llu.%03u  ", (unsigned long long)h->now.mono_ms / 1000, (unsigned)(h->now.mono_ms % 1000));
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

void house_wrong(struct house *h, const char *format, ...)
{
	va_list args;

	if (h->wrong[0])
		return;
	va_start(args, format);
	vsnprintf(h->wrong, sizeof h->wrong, format, args);
	va_end(args);
	house_trace(h, "WRONG: %s", h->wrong);
}

static void log_line(struct hk_log *log, enum hk_log_level level, struct hk_slice line)
{
	struct house *h = (struct house *)(void *)((char *)log - offsetof(struct house, log));

	(void)level;
	house_trace(h, "    log: %.*s", HK_FMT(line));
}

struct hk_conf *house_conf(const char *text)
{
	struct hk_conf *conf = NULL;

	return hk_conf_parse("house", hk_slice_str(text), &conf, NULL) == HK_OK ? conf : NULL;
}

/* ---- life ---------------------------------------------------------------------------- */

static void lost(struct house *h)
{
	hk_session_free(h->session);
	h->session = NULL;
	hk_owner_free(h->owner);
	h->owner = NULL;
	hk_checkpoints_free(h->checkpoints);
	h->checkpoints = NULL;
	hk_queue_call_free(h->answer);
	h->answer = NULL;
}

void house_boot(struct house *h)
{
	struct hk_owner_options options = {.disk = &h->disk.disk, .log = &h->log, .now = &h->now, .segment_size = SEGMENT};
	enum hk_status status = HK_NOMEM;
	unsigned i;

	/* who watches it starts it again */
	for (i = 0; i < h->tries && status == HK_NOMEM; i++) {
		lost(h);
		PRODUCT(status = hk_owner_new_sized(h->conf, &options, &h->owner));
		if (status != HK_OK)
			h->owner = NULL;
		PRODUCT(h->checkpoints = hk_checkpoints_new(&h->disk.disk, HOUSE_SPOOL));
		if (status == HK_OK)
			status = h->checkpoints ? HK_OK : HK_NOMEM;
		if (status == HK_OK)
			PRODUCT(status = hk_checkpoints_load(h->checkpoints, &h->log));
	}
	if (status == HK_OK)
		h->ids.last = hk_owner_last_id(h->owner);
	else
		house_wrong(h, "the server does not start: %s", hk_status_name(status));
}

void house_kill(struct house *h, bool with_power)
{
	house_trace(h, with_power ? "the power goes" : "the server is killed");
	h->disk.dead = true; /* what freeing does to files does not happen */
	lost(h);
	if (with_power)
		hk_sim_disk_cut(&h->disk);
	else
		hk_sim_disk_kill(&h->disk);
}

void house_stop(struct house *h)
{
	if (!h->owner)
		return;
	PRODUCT(hk_owner_stop(h->owner));
	while (house_step(h))
		;
	PRODUCT(hk_checkpoints_save(h->checkpoints, &h->log));
	lost(h);
}

static void answer_owner(struct house *h, const struct hk_order *order)
{
	struct hk_dns_answer said;
	uint64_t token = order->token;
	struct hk_arena a;

	hk_arena_init(&a, 65536);
	if (hk_zone_answer(h->zone, &a, &order->question, &said) != HK_OK)
		abort();
	PRODUCT(hk_owner_answer(h->owner, token, &said));
	hk_arena_done(&a);
}

static void obey(struct house *h, const struct hk_order *order)
{
	switch (order->type) {
	case HK_ORDER_COMMITTED:
		house_committed(h, order->status);
		break;
	case HK_ORDER_ASK:
		answer_owner(h, order);
		break;
	case HK_ORDER_CALLED:
		hk_queue_call_free(h->answer);
		h->answer = order->call;
		break;
	case HK_ORDER_DELIVER:
		house_deliver(h, order->job);
		PRODUCT(hk_owner_result(h->owner, order->job));
		break;
	}
}

bool house_step(struct house *h)
{
	struct hk_order order;
	bool any = false, has;

	if (!h->owner)
		return false;
	PRODUCT(hk_owner_step(h->owner, &h->now));
	for (;;) {
		PRODUCT(has = hk_owner_next(h->owner, &order));
		if (!has)
			break;
		any = true;
		obey(h, &order);
	}
	h->intake = hk_owner_intake(h->owner);
	return any;
}

void house_settle(struct house *h, uint64_t seconds)
{
	uint64_t end = h->now.mono_ms + seconds * 1000, at;
	unsigned rounds = 0;

	while (h->owner && !h->wrong[0]) {
		while (house_step(h) && ++rounds < ROUNDS_MOST)
			;
		at = hk_owner_deadline(h->owner);
		if (at > end || ++rounds >= ROUNDS_MOST)
			break;
		if (at > h->now.mono_ms)
			h->now.mono_ms = at;
		h->now.utc = 1796000000 + (int64_t)(h->now.mono_ms / 1000);
	}
	if (rounds >= ROUNDS_MOST)
		house_wrong(h, "the server goes round and round");
	h->now.mono_ms = end;
	h->now.utc = 1796000000 + (int64_t)(h->now.mono_ms / 1000);
}

void house_begin(struct house *h, unsigned tries, bool is_traced)
{
	static const uint8_t seed[HK_LIMITS_SEED] = {9};
	const struct hk_slice text = hk_slice_str(zone);

	*h = (struct house){.tries = tries, .now = {.mono_ms = 1000000, .utc = 1796001000}, .is_traced = is_traced, .log = {.line = log_line}};
	hk_sim_memory_begin(1, 0);
	hk_sim_disk_init(&h->disk, HK_SIM_EXT4, 1);
	hk_arena_init(&h->arena, 1024 * 1024);
	hk_buf_init(&h->to_server, 4 * 1024 * 1024);
	hk_buf_init(&h->to_client, 65536);
	h->conf = house_conf(house_rules);
	h->limits = hk_limits_new(1000, seed);
	if (!h->conf || !h->limits || hk_zone_parse(&h->arena, text, &h->zone, NULL) != HK_OK)
		abort();
}

void house_done(struct house *h)
{
	h->disk.dead = true;
	lost(h);
	hk_limits_free(h->limits);
	hk_conf_free(h->conf);
	hk_private_key_free(h->key);
	hk_buf_done(&h->to_server);
	hk_buf_done(&h->to_client);
	hk_arena_done(&h->arena);
	hk_sim_disk_done(&h->disk);
}

/* ---- what must hold ------------------------------------------------------------------------- */

/* A Maildir is looked at; what came over a connection was counted. */
static unsigned arrivals(const struct house *h, const struct house_rcpt *r)
{
	struct hk_slice address = hk_slice_str(r->address), user = hk_slice_sub(address, 0, hk_slice_find(address, '@'));
	char dir[128];

	if (!hk_slice_ends_nocase(address, HK_S("@box.test")))
		return r->arrivals;
	snprintf(dir, sizeof dir, "/mail/box.test/%.*s/new", HK_FMT(user));
	return r->arrivals + hk_sim_disk_count_in(&h->disk, dir); /* both: a drain hands it on */
}

static void check_letter(struct house *h, const struct house_letter *l)
{
	unsigned i, most = l->acks + l->doubts, n;

	if (!most)
		house_wrong(h, "%s was sent again and again, and not taken once", l->rcpt[0].address);
	for (i = 0; i < l->n_rcpt; i++) {
		n = arrivals(h, &l->rcpt[i]);
		if (n > most + l->rcpt[i].doubts)
			house_wrong(h, "%s got %u, of %u acknowledged", l->rcpt[i].address, n, most);
		if (!n && l->acks && !l->rcpt[i].failures && !l->may_vanish)
			house_wrong(h, "%s was acknowledged; nothing came and nobody was told", l->rcpt[i].address);
		if (l->rcpt[i].failures > most)
			house_wrong(h, "that %s failed is told %u times", l->rcpt[i].address, l->rcpt[i].failures);
	}
}

static void must_be_empty(struct house *h, const char *when)
{
	unsigned bodies = hk_sim_disk_count_in(&h->disk, HOUSE_SPOOL "/body");
	struct hk_owner_counts counts;
	const struct hk_live *live;

	if (!h->owner)
		return;
	/* those of a batch that failed wait for the next segment, which says that they are not */
	for (live = h->owner->spool->doubtful; live; live = live->next)
		bodies -= bodies > 0;
	hk_owner_count(h->owner, &counts);
	if (counts.queued)
		house_wrong(h, "%llu messages are in the queue %s", (unsigned long long)counts.queued, when);
	if (bodies)
		house_wrong(h, "a body file is left %s", when);
}

void house_end(struct house *h)
{
	const struct house_form later = {.to = "ok@d.test ok@box.test"};
	unsigned i;

	house_settle(h, 2 * HOUSE_LIFETIME);
	must_be_empty(h, "when all is at rest");
	house_send(h, &later);
	house_settle(h, 600);
	must_be_empty(h, "behind a later letter");
	if (!h->wrong[0]) {
		house_kill(h, true);
		house_boot(h);
		house_settle(h, 2 * HOUSE_LIFETIME);
		must_be_empty(h, "after a start");
	}
	for (i = 0; i < h->n_letters; i++)
		check_letter(h, &h->letter[i]);
}
