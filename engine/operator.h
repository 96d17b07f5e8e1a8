/* SPDX-License-Identifier: MIT
 *
 * operator.h - what an operator and the server say to each other over the operator's socket. One request a connection:
 *
 *	{"verb":"list","domain":"b.test"}		and the answer, a line for each message, then one with a status:
 *	{"queue_name":"deferred","queue_id":...}
 *	{"status":"ok","count":1}
 *
 * The members of a message are those of Postfix's postqueue -j, and some more. io/operator.c serves, cli/queue.c asks.
 */
#ifndef HIKYAKU_ENGINE_OPERATOR_H
#define HIKYAKU_ENGINE_OPERATOR_H

#include "engine/queue_call.h"

#define HK_OPERATOR_REQUEST_MAX (64u * 1024)        /* octets of a request with its LF */
#define HK_OPERATOR_LINE_MAX    (32u * 1024 * 1024) /* of an answer: a message of 10,000 recipients */

/* One of ids, domain and all; LIST takes none of them too, HOPS none at all. */
struct hk_operator_request {
	enum hk_queue_verb verb;
	uint64_t *id;
	size_t n_ids;           /* at most HK_QUEUE_IDS_MAX */
	struct hk_slice domain; /* messages with a recipient that waits there; when parsed, A-labels without a final dot */
	bool all;
};
/* NULL: no such verb. */
const char *hk_operator_verb_name(enum hk_queue_verb);
enum hk_status hk_operator_verb_find(struct hk_slice name, enum hk_queue_verb *ret) HK_MUSTCHECK;
/* hk_operator_request_parse(a, line, ret, why): SYNTAX, LIMIT, NOMEM; why: a sentence, static. */
enum hk_status hk_operator_request_parse(
    struct hk_arena *, struct hk_slice line, struct hk_operator_request *ret, const char **why) HK_MUSTCHECK;
/* hk_operator_ids_once(id, n): in rising order and each once; returns how many those are. */
size_t hk_operator_ids_once(uint64_t *id, size_t n);
void hk_operator_request_format(const struct hk_operator_request *, struct hk_buf *out);

struct hk_operator_rcpt {
	struct hk_slice address, reason, state; /* state: pending, active, delivered, failed, removed */
};
/* One message as it is told. */
struct hk_operator_entry {
	struct hk_slice queue_name, queue_id, sender, envid;
	int64_t arrival_time, next_attempt; /* next_attempt: 0: now, or not of itself */
	uint64_t size, attempts, expires;   /* expires: seconds since 1970 */
	struct hk_operator_rcpt *rcpt;
	size_t n_rcpt;
};
/* hk_operator_entry_format(entry, mail, all, out): with its LF; all: also the recipients that do not wait any more. */
void hk_operator_entry_format(const struct hk_queue_entry *, const struct hk_mail *, bool all, struct hk_buf *out);
/* hk_operator_hop_format(hop, out): with its LF. */
void hk_operator_hop_format(const struct hk_queue_hop *, struct hk_buf *out);
/* hk_operator_end_format(status, count, active, why, out): the line with the status; active as in struct hk_queue_call; why may be NULL. */
void hk_operator_end_format(enum hk_status, uint64_t count, uint64_t active, const char *why, struct hk_buf *out);

/* A next hop as it is told; numbers as in struct hk_queue_hop. */
struct hk_operator_hop {
	struct hk_slice name, shape, reason;
	uint64_t domains, waiting, out, limit, most, rests, failures, rate_most, rate_seconds;
};
/* A line of an answer: of a message, of a hop (it has a name), or the end. */
struct hk_operator_line {
	bool is_end, is_ok;
	struct hk_operator_hop hop;
	struct hk_slice why;
	uint64_t count, active;
	struct hk_operator_entry entry;
};
/* hk_operator_line_parse(a, line, ret): slices borrow from line or live in a. SYNTAX, LIMIT, NOMEM. */
enum hk_status hk_operator_line_parse(struct hk_arena *, struct hk_slice line, struct hk_operator_line *ret) HK_MUSTCHECK;

#endif
