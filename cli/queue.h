/* SPDX-License-Identifier: MIT
 *
 * queue.h - the queue of a server that runs, seen through its operator's socket.
 *
 *	queue.c         the command queue
 *	queue_ask.c     one request and its answer
 *	queue_text.c    messages in words, and in the form of Postfix's mailq
 *	queue_shape.c   how many wait for whom, and how long
 */
#ifndef HIKYAKU_CLI_QUEUE_H
#define HIKYAKU_CLI_QUEUE_H

#include "cli_internal.h"
#include "engine/operator.h"

#define QUEUE_SOCKET "/run/hikyaku/operator"

/* raw: the line as it came. */
typedef void queue_see(void *context, struct hk_slice raw, const struct hk_operator_line *);
struct queue_counts {
	uint64_t messages, active; /* active: as in struct hk_queue_call */
};
/* queue_ask(socket, request, see, context, ret): OK; FAIL: the server refuses, and why was said; LATER: it is not there, or went away. */
enum cli_exit queue_ask(const char *socket, const struct hk_operator_request *, queue_see *, void *context, struct queue_counts *ret);

void queue_entry_text(const struct hk_operator_entry *, struct hk_buf *out);
void queue_entry_why(const struct hk_operator_entry *, struct hk_buf *out);
/* One message as Postfix's mailq has it; queue_mailq_head and queue_mailq_end stand around them. */
void queue_mailq_head(struct hk_buf *out);
void queue_entry_mailq(const struct hk_operator_entry *, struct hk_buf *out);
void queue_mailq_end(uint64_t octets, uint64_t messages, struct hk_buf *out);

struct queue_shape;
/* queue_shape_new(now): returns owned; NULL: out of memory. */
struct queue_shape *queue_shape_new(int64_t now);
void queue_shape_add(struct queue_shape *, const struct hk_operator_entry *);
void queue_shape_add_hop(struct queue_shape *, const struct hk_operator_hop *);
void queue_shape_print(struct queue_shape *, bool json, struct hk_buf *out);
void queue_shape_free(struct queue_shape *);

#endif
