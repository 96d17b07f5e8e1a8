/* SPDX-License-Identifier: MIT
 *
 * queue_call.h - what an operator asks of the queue, and the answer. hk_owner_call takes a call; the order CALLED brings it
 * back, after the commit that makes its changes durable.
 *
 *	LIST		ids of messages that wait; look at them with SHOW, HK_QUEUE_IDS_MAX at a time
 *	SHOW		what the schedule knows of them; sender, size and addresses stand in the journal at `place` (hk_spool_file_read)
 *	HOLD, RELEASE	in no schedule, and in it again at once; RELEASE lets quarantined mail go too
 *	RETRY		due now, whatever its time; held mail stays held
 *	RUN		RETRY of all that have a recipient that waits at `domain`; "@" in front: or below it (RFC 1985 5.2)
 *	DELETE		without a report to anybody
 *	HOPS		the next hops that the schedule knows of, and what it learnt of them
 *	EXPIRE		as at the end of its lifetime: the sender gets a report
 *
 * What is being delivered meanwhile is not stopped: DELETE and EXPIRE count for a recipient that this attempt does not reach.
 */
#ifndef HIKYAKU_ENGINE_QUEUE_CALL_H
#define HIKYAKU_ENGINE_QUEUE_CALL_H

#include "engine/spool.h"

#define HK_QUEUE_IDS_MAX     1000u /* of one call: their records fit in a batch of the journal */
#define HK_QUEUE_REASON_MAX  255u  /* octets kept of a reply */

enum hk_queue_verb {
	HK_QUEUE_LIST,
	HK_QUEUE_SHOW,
	HK_QUEUE_HOLD,
	HK_QUEUE_RELEASE,
	HK_QUEUE_RETRY,
	HK_QUEUE_DELETE,
	HK_QUEUE_EXPIRE,
	HK_QUEUE_RUN,
	HK_QUEUE_HOPS,
};
enum hk_queue_state {
	HK_QUEUE_WAITING,     /* for its time */
	HK_QUEUE_ACTIVE,      /* being delivered, or for its turn */
	HK_QUEUE_IS_HELD,     /* by an operator */
	HK_QUEUE_QUARANTINED, /* its routes hold quarantined mail */
};
/* Why a recipient was not reached, as far as is known: nothing is right after a start. */
struct hk_queue_reason {
	uint16_t code; /* 0: no attempt since the start */
	char enhanced[12];
	struct hk_slice text, remote; /* as in hk_rcpt_result, cut */
	bool is_ours;
};
struct hk_queue_rcpt {
	uint8_t outcome; /* enum hk_rcpt_outcome */
	bool is_out;     /* in a delivery now */
	struct hk_slice domain;
	struct hk_queue_reason reason;
};
struct hk_queue_entry {
	uint64_t id;
	struct hk_place place;
	struct hk_spool_file *file; /* that place is in; NULL: to be opened */
	enum hk_queue_state state;
	int64_t next_attempt; /* seconds since 1970, of WAITING; else 0 */
	uint32_t attempts;
	uint64_t age;         /* seconds */
	uint64_t lifetime;    /* seconds, of those routes that keep it longest */
	struct hk_queue_rcpt *rcpt; /* in the order of the message */
	size_t n_rcpt;
};

#define HK_QUEUE_HOPS_MAX 10000u /* told of; those with mail first */

/* A next hop: a route, or by MX one domain or all that have the same hosts. */
struct hk_queue_hop {
	struct hk_slice name;  /* of the shape, of its first host, of the domain, or the route's pattern */
	struct hk_slice shape; /* empty: none fits */
	size_t domains, waiting; /* waiting: parts of messages, for their turn */
	unsigned out, limit, most; /* deliveries now, at once by what was learnt, and by the configuration */
	uint64_t rests; /* seconds; 0: it does not */
	unsigned failures; /* in a row */
	uint32_t rate_most, rate_seconds; /* 0: none */
	struct hk_queue_reason reason; /* why it rests */
};

struct hk_queue_call {
	struct hk_arena arena;  /* holds the answer and, if wanted, what was asked */
	enum hk_queue_verb verb;
	struct hk_slice domain; /* LIST: only of messages with a recipient that waits there; A-labels, any case; empty: of all */
	uint64_t *id;           /* whom; of LIST: the answer, in no order */
	size_t n_ids;
	/* the answer */
	/* OK; LIMIT: too many ids, or the answer needs more than the arena may hold; NOMEM. IO: what waits cannot be read now; BUSY: LIST, by a server
	 * that stops before it has read all */
	enum hk_status status;
	size_t done;            /* messages that were there, and are as wanted now */
	size_t active;          /* HOLD, DELETE, EXPIRE: of those, how many a delivery had just then */
	struct hk_queue_entry *entry; /* SHOW: of those ids that are there, in their order */
	size_t n_entries;
	struct hk_queue_hop *hop; /* HOPS */
	size_t n_hops;
	void *back;             /* whoever asked */
	uint64_t owner_room[16]; /* the owner's while it has the call */
};
/* hk_queue_call_new(verb, limit): returns owned, with an arena of that limit; NULL when out of memory. */
struct hk_queue_call *hk_queue_call_new(enum hk_queue_verb, size_t limit);
void hk_queue_call_free(struct hk_queue_call *);

#endif
