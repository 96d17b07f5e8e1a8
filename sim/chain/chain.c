/* SPDX-License-Identifier: MIT
 *
 * hikyaku-sim-chain: several servers in a row.
 *
 *	hikyaku-sim-chain --seeds N [--first S] | --seed S
 *
 * hikyaku-sim-chain-planted has also --bug NAME, of those of sim/planted/.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/owner_internal.h"
#include "sim/chain/chain.h"
#include "sim/memory.h"
#ifdef HK_PLANTED
#include "sim/planted/planted.h"
#endif

enum { SEGMENT = 131072, MAIL_ARENA = 65536, QUIET_EVENTS_MOST = 400000 };

void chain_trace(struct chain *c, const char *format, ...)
{
	va_list args;

	if (!c->is_traced)
		return;
	printf("%10" PRIu64 ".%03u  ", c->now.mono_ms / 1000, (unsigned)(c->now.mono_ms % 1000));
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

void chain_wrong(struct chain *c, const char *format, ...)
{
	va_list args;

	if (c->has_failed)
		return;
	c->has_failed = true;
	printf("seed %" PRIu64 ": ", c->seed);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

static void log_line(struct hk_log *log, enum hk_log_level level, struct hk_slice line)
{
	struct chain_node *n = (struct chain_node *)(void *)((char *)log - offsetof(struct chain_node, log));

	(void)level;
	chain_trace(n->chain, "    %u: %.*s", n->index, HK_FMT(line));
}

/* ---- mail ------------------------------------------------------------------------------- */

/* "rN-I@far.test" or "sN@home.test" */
bool chain_find(struct chain *c, struct hk_slice address, struct chain_one *ret)
{
	struct hk_slice local = hk_slice_sub(address, 0, hk_slice_find(address, '@')), number = hk_slice_from(local, 1);
	size_t dash = hk_slice_find(number, '-');
	uint64_t n, i = CHAIN_RCPTS;

	if (hk_slice_u64(hk_slice_sub(number, 0, dash), UINT32_MAX, &n) != HK_OK || n >= c->n_mails)
		return false;
	if (local.p[0] == 'r' && (hk_slice_u64(hk_slice_from(number, dash + 1), CHAIN_RCPTS - 1, &i) != HK_OK || i >= c->mail[n].n_rcpt))
		return false;
	*ret = (struct chain_one){(unsigned)n, (unsigned)i};
	return local.p[0] == 'r' || local.p[0] == 's';
}

void chain_doubt(struct chain *c, const struct chain_one *one)
{
	if (one->rcpt < CHAIN_RCPTS)
		c->mail[one->number].doubts[one->rcpt]++;
}

static struct hk_slice keep(struct hk_mail *m, const char *text)
{
	struct hk_slice kept;

	if (hk_arena_dup(&m->arena, hk_slice_str(text), &kept) != HK_OK)
		abort();
	return kept;
}

/* Straight to the first node: how clients talk is looked at elsewhere. */
static void send_one(struct chain *c)
{
	struct chain_node *n = &c->node[0];
	struct hk_mail *m;
	unsigned i, number = c->n_mails;
	char text[64];

	if (!n->owner || number == (c->is_loop ? 2 : CHAIN_MAILS))
		return;
	m = hk_mail_new(MAIL_ARENA);
	if (!m)
		abort();
	c->mail[c->n_mails++] = (struct chain_mail){.n_rcpt = 1 + (unsigned)hk_prng_below(&c->prng, CHAIN_RCPTS)};
	m->id = hk_ids_next(&n->ids, (uint64_t)c->now.utc * 1000);
	m->received = c->now.utc;
	m->listener = HK_S("mx");
	snprintf(text, sizeof text, "s%u@home.test", number);
	m->mail_from = keep(m, text);
	m->header = HK_S("From: <s@home.test>\r\nSubject: in a row\r\nDate: Thu, 26 Nov 2026 01:00:00 +0000\r\n");
	m->body = HK_S("one line\r\n");
	m->body_size = m->body.n;
	m->n_rcpt = c->mail[number].n_rcpt;
	m->rcpt = hk_arena_array(&m->arena, m->n_rcpt, sizeof *m->rcpt);
	for (i = 0; i < m->n_rcpt; i++) {
		snprintf(text, sizeof text, "r%u-%u@far.test", number, i);
		m->rcpt[i].address = keep(m, text);
	}
	chain_trace(c, "mail %u", number);
	hk_owner_put(n->owner, m, (uint64_t)1 << 32 | number);
}

/* ---- nodes -------------------------------------------------------------------------------- */

static void boot(struct chain_node *n)
{
	struct hk_owner_options options = {.disk = &n->disk.disk, .log = &n->log, .now = &n->chain->now, .segment_size = SEGMENT};
	enum hk_status status = hk_owner_new_sized(n->conf, &options, &n->owner);

	if (status == HK_OK) {
		n->ids.last = hk_owner_last_id(n->owner);
		n->intake = hk_owner_intake(n->owner);
		return;
	}
	n->owner = NULL;
	chain_wrong(n->chain, "node %u cannot open its spool: %s", n->index, hk_status_name(status));
}

static void crash(struct chain_node *n, bool with_power)
{
	struct chain *c = n->chain;

	chain_trace(c, "node %u %s", n->index, with_power ? "loses its power" : "is killed");
	n->disk.dead = true; /* what freeing does to files does not happen */
	chain_hop_crashed(n);
	hk_owner_free(n->owner);
	n->owner = NULL;
	while (n->n_unrecorded)
		chain_doubt(c, &n->unrecorded[--n->n_unrecorded]);
	c->n_crashes++;
	if (with_power)
		hk_sim_disk_cut(&n->disk);
	else
		hk_sim_disk_kill(&n->disk);
}

static void step(struct chain_node *n)
{
	struct hk_order order;

	hk_owner_step(n->owner, &n->chain->now);
	if (!n->owner->returned)
		n->n_unrecorded = 0;
	while (hk_owner_next(n->owner, &order)) {
		if (order.type == HK_ORDER_DELIVER)
			chain_hop_new(n, order.job);
		else if (order.type == HK_ORDER_COMMITTED && order.token >> 32)
			n->chain->mail[(uint32_t)order.token].is_acked = order.status == HK_OK;
		else if (order.type == HK_ORDER_COMMITTED)
			chain_hop_committed(n, order.token, order.status);
		else
			chain_wrong(n->chain, "an owner wants what nobody offers");
	}
	n->intake = hk_owner_intake(n->owner);
}

static void begin_node(struct chain *c, unsigned index)
{
	struct chain_node *n = &c->node[index];
	unsigned next = index + 1 < c->n_nodes ? 101 + index : c->is_loop ? 100 : 200;
	char text[600];

	*n = (struct chain_node){.chain = c, .index = index, .log = {.line = log_line}};
	snprintf(text, sizeof text,
	    "hostname n%u.test; spool /spool; accept .test; retry 10s 30s; lifetime 1h;\n"
	    "listen mx { address 10.0.0.%u:25; role mx; reject-early-talkers off; relay-from 10.0.0.0/8; }\n"
	    "route home.test { via smtp 10.0.0.200:25; } route * { via smtp 10.0.0.%u:25; concurrency 3; }\n",
	    index, 100 + index, next);
	if (hk_conf_parse("chain", hk_slice_str(text), &n->conf, NULL) != HK_OK)
		abort();
	hk_sim_disk_init(&n->disk, hk_prng_coin(&c->prng) ? HK_SIM_POSIX : HK_SIM_EXT4, hk_prng_next(&c->prng));
	boot(n);
}

/* ---- events ---------------------------------------------------------------------------------- */

static void pass_time(struct chain *c, uint64_t ms)
{
	c->now.mono_ms += ms;
	c->now.utc = 1796000000 + (int64_t)(c->now.mono_ms / 1000);
}

static void wait_for_any(struct chain *c)
{
	uint64_t at = UINT64_MAX;
	struct chain_hop *h;
	unsigned i;

	for (i = 0; i < c->n_nodes; i++)
		if (c->node[i].owner && hk_owner_deadline(c->node[i].owner) < at)
			at = hk_owner_deadline(c->node[i].owner);
	for (h = c->hops; h; h = h->next)
		if (hk_delivery_deadline(h->delivery) < at)
			at = hk_delivery_deadline(h->delivery);
	if (at != UINT64_MAX && at > c->now.mono_ms)
		pass_time(c, at - c->now.mono_ms);
}

static struct chain_hop *any_hop(struct chain *c)
{
	struct chain_hop *h;
	size_t n = 0;

	for (h = c->hops; h; h = h->next)
		n++;
	n = (size_t)hk_prng_below(&c->prng, n);
	for (h = c->hops; h && n; h = h->next)
		n--;
	return h;
}

static void one_event(struct chain *c)
{
	struct chain_node *n = &c->node[hk_prng_below(&c->prng, c->n_nodes)];
	struct chain_hop *h = any_hop(c);
	uint64_t x = hk_prng_below(&c->prng, 100);

	if (!n->owner) {
		if (c->is_healed || hk_prng_chance(&c->prng, 100000))
			boot(n);
	} else if (x < 8) {
		if (!c->is_healed)
			send_one(c);
	} else if (x < 55) {
		if (h)
			chain_hop_act(h);
	} else if (x < 90) {
		step(n);
	} else if (x < 97) {
		if (c->is_healed || hk_prng_chance(&c->prng, 300000))
			wait_for_any(c);
		else
			pass_time(c, hk_prng_below(&c->prng, 3000));
	} else if (!c->is_healed && hk_prng_chance(&c->prng, c->crashes)) {
		crash(n, hk_prng_coin(&c->prng));
	} else if (!c->is_healed && h && hk_prng_chance(&c->prng, c->losses)) {
		chain_hop_break(h);
	}
}

static bool is_quiet(struct chain *c)
{
	struct hk_owner_counts counts;
	unsigned i;

	if (c->hops)
		return false;
	for (i = 0; i < c->n_nodes; i++) {
		if (!c->node[i].owner || !hk_owner_is_idle(c->node[i].owner))
			return false;
		hk_owner_count(c->node[i].owner, &counts);
		if (counts.queued)
			return false;
	}
	return true;
}

static void come_to_rest(struct chain *c)
{
	unsigned i;

	c->is_healed = true;
	chain_trace(c, "nothing goes wrong any more");
	for (i = 0; i < QUIET_EVENTS_MOST && !c->has_failed && !is_quiet(c); i++)
		one_event(c);
	if (i == QUIET_EVENTS_MOST)
		chain_wrong(c, "the queues do not drain");
}

static void check(struct chain *c)
{
	unsigned i, k;

	for (i = 0; i < c->n_mails; i++) {
		const struct chain_mail *m = &c->mail[i];

		for (k = 0; m->is_acked && k < m->n_rcpt; k++) {
			if (!m->arrivals[k] && !m->is_told[k])
				chain_wrong(c, "r%u-%u@far.test was acknowledged; nothing came and nobody was told", i, k);
			if (c->is_loop && m->arrivals[k])
				chain_wrong(c, "mail came out of a loop");
		}
	}
}

bool chain_run(struct chain *c, uint64_t seed, bool is_traced)
{
	unsigned i, events;

	*c = (struct chain){.seed = seed, .is_traced = is_traced};
	hk_prng_init(&c->prng, seed);
	hk_sim_memory_begin(seed, 0);
	pass_time(c, 1000000);
	c->n_nodes = 2 + (unsigned)hk_prng_below(&c->prng, CHAIN_NODES - 1);
	c->is_loop = seed % 8 == 0;
	c->temporary = hk_prng_coin(&c->prng) ? (unsigned)hk_prng_below(&c->prng, 300000) : 0;
	c->permanent = hk_prng_coin(&c->prng) ? (unsigned)hk_prng_below(&c->prng, 200000) : 0;
	c->losses = hk_prng_coin(&c->prng) ? 1000000 : 0;
	c->crashes = hk_prng_coin(&c->prng) ? (unsigned)hk_prng_below(&c->prng, 600000) : 0;
	events = 500 + (unsigned)hk_prng_below(&c->prng, 2500);
	for (i = 0; i < c->n_nodes; i++)
		begin_node(c, i);
	for (i = 0; i < events && !c->has_failed; i++)
		one_event(c);
	if (!c->has_failed)
		come_to_rest(c);
	for (i = 0; i < c->n_nodes && !c->has_failed; i++)
		crash(&c->node[i], true); /* and once more from the disks alone */
	if (!c->has_failed)
		come_to_rest(c);
	if (!c->has_failed)
		check(c);
	return !c->has_failed;
}

void chain_done(struct chain *c)
{
	unsigned i;

	for (i = 0; i < c->n_nodes; i++) {
		c->node[i].disk.dead = true;
		chain_hop_crashed(&c->node[i]);
	}
	for (i = 0; i < c->n_nodes; i++) {
		hk_owner_free(c->node[i].owner);
		hk_conf_free(c->node[i].conf);
		hk_sim_disk_done(&c->node[i].disk);
	}
}

#ifdef HK_PLANTED
enum hk_bug hk_bug_awake;
#endif

static bool wake(const char *name)
{
#ifdef HK_PLANTED
	int bug;

	for (bug = HK_BUG_NONE + 1; bug < HK_BUGS; bug++)
		if (strcmp(hk_planted[bug].name, name) == 0)
			hk_bug_awake = (enum hk_bug)bug;
	return hk_bug_awake != HK_BUG_NONE;
#else
	(void)name;
	return false;
#endif
}

int main(int argc, char **argv)
{
	static struct chain c;
	uint64_t first = 1, seeds = 0, value, i, failed = 0, blocks, mails = 0, arrivals = 0, again = 0, crashes = 0;
	bool is_traced = false;
	int k;

	for (k = 1; k + 1 < argc; k += 2) {
		bool is_seeds = strcmp(argv[k], "--seeds") == 0, is_seed = strcmp(argv[k], "--seed") == 0;

		if (strcmp(argv[k], "--bug") == 0 && wake(argv[k + 1]))
			continue;
		if ((!is_seeds && !is_seed && strcmp(argv[k], "--first") != 0) || hk_slice_u64(hk_slice_str(argv[k + 1]), UINT64_MAX, &value) != HK_OK)
			break;
		is_traced |= is_seed;
		*(is_seeds ? &seeds : &first) = value;
	}
	if (is_traced)
		seeds = 1;
	if (k != argc || !seeds) {
		fprintf(stderr, "usage: hikyaku-sim-chain --seeds N [--first S] | --seed S\n");
		return 2;
	}
	for (i = 0; i < seeds; i++) {
		blocks = hk_sim_memory_blocks();
		failed += !chain_run(&c, first + i, is_traced);
		mails += c.n_mails;
		arrivals += c.n_arrivals;
		again += c.n_again;
		crashes += c.n_crashes;
		chain_done(&c);
		if (hk_sim_memory_blocks() == blocks)
			continue;
		printf("seed %" PRIu64 ": %" PRId64 " blocks of memory are left\n", first + i, (int64_t)(hk_sim_memory_blocks() - blocks));
		failed++;
	}
	printf("%" PRIu64 " mails, %" PRIu64 " arrived, %" PRIu64 " of them again, %" PRIu64 " crashes\n", mails, arrivals, again, crashes);
	printf("%" PRIu64 " passed, %" PRIu64 " failed\n", seeds - (failed < seeds ? failed : seeds), failed);
	return failed ? 1 : 0;
}
