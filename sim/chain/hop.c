/* SPDX-License-Identifier: MIT
 *
 * hop.c - a delivery of one node, and the session of the next that it talks to.
 */
#include <stdlib.h>

#include "sim/chain/chain.h"

enum { BURST_MOST = 40, NODE_ADDRESS = 100 };

/* ---- who has what ------------------------------------------------------------------------ */

/* What the other side took, and this one does not know of, comes again. */
static void doubt_all(struct chain_hop *h)
{
	unsigned i;

	for (i = 0; h->has_taken && i < h->n; i++)
		chain_doubt(h->from->chain, &h->one[i]);
	h->has_taken = false;
}

static void note_delivered(struct chain_hop *h)
{
	struct chain_node *n = h->from;
	unsigned i;

	for (i = 0; i < h->n; i++) {
		if (n->n_unrecorded == CHAIN_TAKEN)
			abort();
		n->unrecorded[n->n_unrecorded++] = h->one[i];
	}
}

/* ---- connections ----------------------------------------------------------------------------- */

void chain_hop_break(struct chain_hop *h)
{
	if (!h->is_connected)
		return;
	h->is_connected = false;
	if (h->session) {
		hk_session_eof(h->session);
		hk_session_free(h->session);
		h->session = NULL;
	}
	hk_delivery_eof(h->delivery);
}

static void connect_to(struct chain_hop *h, const struct hk_delivery_want *w)
{
	struct chain *c = h->from->chain;
	unsigned index = w->ip.bytes[3] - NODE_ADDRESS;

	doubt_all(h);
	h->n = 0;
	h->to = index < c->n_nodes ? &c->node[index] : NULL;
	if (!h->to) {
		chain_sink_begin(&h->sink, c);
		h->is_connected = true;
	} else if (h->to->owner) {
		struct hk_session_env env = {
		    .conf = h->to->conf,
		    .listener = h->to->conf->listener,
		    .disk = &h->to->disk.disk,
		    .log = &h->to->log,
		    .ids = &h->to->ids,
		    .intake = &h->to->intake,
		    .client = {4, {10, 0, 0, (uint8_t)(NODE_ADDRESS + h->from->index)}},
		    .client_port = 4711,
		};

		h->session = hk_session_new(&env, &c->now);
		h->is_connected = h->session;
	}
	hk_delivery_connected(h->delivery, h->is_connected, HK_S("refused"));
}

static void hop_free(struct chain_hop *h)
{
	struct chain_hop **at = &h->from->chain->hops;

	while (*at != h)
		at = &(*at)->next;
	*at = h->next;
	hk_session_free(h->session);
	hk_delivery_free(h->delivery);
	chain_sink_done(&h->sink);
	free(h);
}

void chain_hop_new(struct chain_node *n, struct hk_job *job)
{
	struct hk_delivery_env env = {.job = job, .disk = &n->disk.disk, .log = &n->log};
	struct chain_hop *h = calloc(1, sizeof *h);

	if (!h)
		abort();
	h->from = n;
	h->job = job;
	h->delivery = hk_delivery_new(&env, &n->chain->now);
	if (!h->delivery)
		abort();
	h->next = n->chain->hops;
	n->chain->hops = h;
}

static void finish(struct chain_hop *h)
{
	struct chain *c = h->from->chain;
	size_t i, n_ok = 0;

	for (i = 0; i < h->job->n_rcpt; i++)
		n_ok += !h->job->released && h->job->result[i].outcome == HK_RCPT_DELIVERED;
	if (n_ok && !h->has_taken)
		chain_wrong(c, "node %u says that it was taken, but nobody took it", h->from->index);
	if (n_ok)
		note_delivered(h);
	else
		doubt_all(h);
	h->has_taken = false;
	hk_owner_result(h->from->owner, h->job);
	hop_free(h);
}

/* ---- what the two want ------------------------------------------------------------------------ */

/* true: the delivery is over. */
static bool satisfy(struct chain_hop *h, const struct hk_delivery_want *w)
{
	switch (w->type) {
	case HK_DELIVERY_DNS:
		hk_delivery_dns(h->delivery, w->id, &(struct hk_dns_answer){.question = w->question, .rcode = HK_DNS_NXDOMAIN});
		break;
	case HK_DELIVERY_CONNECT:
		connect_to(h, w);
		break;
	case HK_DELIVERY_CLOSE: /* a message that is behind its dot may be taken all the same */
		hk_session_free(h->session);
		h->session = NULL;
		h->is_connected = false;
		break;
	case HK_DELIVERY_DONE:
		finish(h);
		return true;
	case HK_DELIVERY_STS:
	case HK_DELIVERY_TLS:
	case HK_DELIVERY_SIGN:
	case HK_DELIVERY_LOCAL:
		chain_wrong(h->from->chain, "a delivery wants what nobody offers");
		break;
	}
	return false;
}

static void commit(struct chain_hop *h, const struct hk_session_want *w)
{
	struct chain *c = h->from->chain;
	size_t i;

	h->n = 0;
	for (i = 0; i < w->mail->n_rcpt; i++) {
		if (h->n > CHAIN_RCPTS || !chain_find(c, w->mail->rcpt[i].address, &h->one[h->n++]))
			chain_wrong(c, "node %u gets mail for %.*s", h->to->index, HK_FMT(w->mail->rcpt[i].address));
	}
	h->has_taken = true;
	h->want = w->id;
	h->token = ++c->tokens;
	hk_owner_put(h->to->owner, w->mail, h->token);
}

void chain_hop_committed(struct chain_node *n, uint64_t token, enum hk_status status)
{
	struct chain_hop *h;

	for (h = n->chain->hops; h; h = h->next) {
		if (h->to != n || h->token != token)
			continue;
		h->has_taken = status == HK_OK;
		if (h->session)
			hk_session_committed(h->session, h->want, status);
	}
}

static void satisfy_session(struct chain_hop *h, const struct hk_session_want *w)
{
	const struct hk_disk_ops *ops = h->to->disk.disk.ops;
	enum hk_status status;

	if (w->type == HK_SESSION_DNS) {
		hk_session_dns(h->session, w->id, &(struct hk_dns_answer){.question = w->question, .rcode = HK_DNS_NXDOMAIN});
	} else if (w->type == HK_SESSION_SYNC) {
		status = ops->sync(&h->to->disk.disk, w->file);
		if (status == HK_OK)
			status = ops->sync_dir(&h->to->disk.disk, w->path);
		hk_session_synced(h->session, w->id, status);
	} else if (w->type == HK_SESSION_COMMIT) {
		commit(h, w);
	} else if (w->type != HK_SESSION_CLOSE) {
		chain_wrong(h->from->chain, "a session wants what nobody offers");
	}
}

/* ---- bytes ------------------------------------------------------------------------------------- */

static size_t piece(struct chain *c, size_t n)
{
	return hk_prng_coin(&c->prng) ? n : 1 + (size_t)hk_prng_below(&c->prng, n);
}

static bool move_sink(struct chain_hop *h)
{
	struct chain *c = h->from->chain;
	struct hk_slice out = hk_delivery_out(h->delivery);
	size_t n;

	if (out.n && !h->sink.has_hung_up) {
		n = piece(c, out.n);
		chain_sink_hear(h, hk_slice_sub(out, 0, n));
		hk_delivery_sent(h->delivery, n);
		return true;
	}
	if (h->sink.out.n) {
		n = hk_delivery_feed(h->delivery, hk_slice_sub(hk_buf_slice(&h->sink.out), 0, piece(c, h->sink.out.n)));
		hk_buf_drop(&h->sink.out, n);
		return n > 0;
	}
	if (h->sink.has_hung_up)
		chain_hop_break(h);
	return !h->is_connected;
}

static bool move_session(struct chain_hop *h)
{
	struct chain *c = h->from->chain;
	struct hk_session_want w;
	struct hk_slice out;
	enum hk_status status = hk_session_next(h->session, &c->now, &w);
	size_t n;

	if (status == HK_OK) {
		satisfy_session(h, &w);
		return true;
	}
	out = hk_session_out(h->session);
	if (out.n) {
		n = hk_delivery_feed(h->delivery, hk_slice_sub(out, 0, piece(c, out.n)));
		hk_session_sent(h->session, n);
		return n > 0;
	}
	if (status == HK_END) {
		chain_hop_break(h);
		return true;
	}
	out = hk_delivery_out(h->delivery);
	if (out.n && hk_session_wants_input(h->session)) {
		n = hk_session_feed(h->session, hk_slice_sub(out, 0, piece(c, out.n)), &c->now);
		hk_delivery_sent(h->delivery, n);
		return n > 0;
	}
	if (hk_session_deadline(h->session) <= c->now.mono_ms)
		hk_session_tick(h->session, &c->now);
	return false;
}

void chain_hop_act(struct chain_hop *h)
{
	struct chain *c = h->from->chain;
	unsigned burst = 1 + (unsigned)hk_prng_below(&c->prng, BURST_MOST);
	struct hk_delivery_want w;

	while (burst-- && !c->has_failed) {
		if (hk_delivery_next(h->delivery, &c->now, &w) == HK_OK) {
			if (satisfy(h, &w))
				return;
		} else if (!h->is_connected || !(h->session ? move_session(h) : move_sink(h))) {
			if (hk_delivery_deadline(h->delivery) <= c->now.mono_ms)
				hk_delivery_tick(h->delivery, &c->now);
			return;
		}
	}
}

void chain_hop_crashed(struct chain_node *n)
{
	struct chain_hop *h, *next;

	for (h = n->chain->hops; h; h = next) {
		next = h->next;
		if (h->from == n) {
			doubt_all(h);
			hk_job_free(h->job);
			hop_free(h);
		} else if (h->to == n && h->session) {
			hk_session_free(h->session); /* its disk is dead: nothing is removed */
			h->session = NULL;
			h->is_connected = false;
			hk_delivery_eof(h->delivery);
		}
	}
}
