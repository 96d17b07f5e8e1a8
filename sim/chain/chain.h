/* SPDX-License-Identifier: MIT
 *
 * chain.h - several servers in one world, each with a spool of its own: a client's mail goes from one to the next, and at last to a
 * server that is none of ours. Any of them may be killed or lose its power at any moment, any connection may break.
 *
 *	client --> node 0 --hk_delivery, hk_session--> node 1 --> ... --> the sink
 *
 * What must hold, from end to end: acknowledged mail arrives at the sink or its sender is told; no more copies than one, and one for
 * each fault at any hop that hid a 2xx; when nothing fails any more all queues drain; where the last node leads back to the first,
 * the hops are counted (RFC 5321 6.3) and the sender is told.
 */
#ifndef HIKYAKU_SIM_CHAIN_H
#define HIKYAKU_SIM_CHAIN_H

#include "engine/delivery.h"
#include "engine/owner.h"
#include "engine/session.h"
#include "sim/disk.h"

enum { CHAIN_NODES = 4, CHAIN_RCPTS = 3, CHAIN_MAILS = 64, CHAIN_TAKEN = 256 };

struct chain_mail {
	unsigned n_rcpt;
	bool is_acked;
	unsigned arrivals[CHAIN_RCPTS], doubts[CHAIN_RCPTS]; /* doubts: copies that a fault allows */
	bool is_told[CHAIN_RCPTS];                           /* that it failed */
};
/* One recipient of one mail; rcpt CHAIN_RCPTS: a report to its sender. */
struct chain_one {
	unsigned number, rcpt;
};
struct chain;
struct chain_node {
	struct chain *chain;
	unsigned index;
	struct hk_sim_disk disk;
	struct hk_conf *conf;
	struct hk_owner *owner; /* NULL: down */
	struct hk_ids ids;
	struct hk_log log;
	_Atomic int intake;
	struct chain_one unrecorded[CHAIN_TAKEN]; /* delivered, and not durable yet */
	size_t n_unrecorded;
};
/* The server at the end. */
struct chain_sink {
	struct hk_buf in, out;
	bool in_data, has_hung_up, is_report;
};
/* A delivery, and what it is connected to. */
struct chain_hop {
	struct chain_hop *next;
	struct chain_node *from, *to; /* to: NULL: the sink, or nobody */
	struct hk_job *job;
	struct hk_delivery *delivery;
	struct hk_session *session; /* of to */
	struct chain_sink sink;
	uint64_t token;
	uint32_t want;
	bool is_connected;
	bool has_taken;               /* the other side has it, or may have */
	struct chain_one one[CHAIN_RCPTS + 1];
	unsigned n;
};
struct chain {
	uint64_t seed;
	struct hk_prng prng;
	struct hk_now now;
	struct chain_node node[CHAIN_NODES];
	unsigned n_nodes;
	bool is_loop, is_healed, is_traced, has_failed;
	unsigned temporary, permanent, losses, crashes; /* chances per million */
	struct chain_hop *hops;
	uint64_t tokens;
	struct chain_mail mail[CHAIN_MAILS];
	unsigned n_mails;
	uint64_t n_crashes, n_arrivals, n_again;
};

bool chain_run(struct chain *, uint64_t seed, bool is_traced);
void chain_done(struct chain *);
void chain_trace(struct chain *, const char *format, ...) HK_PRINTF(2, 3);
void chain_wrong(struct chain *, const char *format, ...) HK_PRINTF(2, 3);
/* chain_find(c, address, ret): whose it is; false: nobody's. */
bool chain_find(struct chain *, struct hk_slice address, struct chain_one *ret);
void chain_doubt(struct chain *, const struct chain_one *);

/* hop.c */
void chain_hop_new(struct chain_node *, struct hk_job *);
void chain_hop_act(struct chain_hop *);
void chain_hop_break(struct chain_hop *); /* the connection is lost */
void chain_hop_committed(struct chain_node *, uint64_t token, enum hk_status);
/* chain_hop_crashed(n): a node is gone: its deliveries, and the connections to it. */
void chain_hop_crashed(struct chain_node *);

/* sink.c */
void chain_sink_begin(struct chain_sink *, struct chain *);
void chain_sink_done(struct chain_sink *);
void chain_sink_hear(struct chain_hop *, struct hk_slice);

#endif
