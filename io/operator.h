/* SPDX-License-Identifier: MIT
 *
 * operator.h - serves the operator's socket (engine/operator.h) in a thread of its own. It speaks to the owner by posts and
 * reads the journal itself; a client that is slow or hangs costs a place among a few for half a minute, and mail nothing.
 *
 * Who may: root, the user that the mail process is, and members of one group, by what the kernel says of the peer
 * (SO_PEERCRED, SO_PEERGROUPS). Others are told that they may not.
 */
#ifndef HIKYAKU_IO_OPERATOR_H
#define HIKYAKU_IO_OPERATOR_H

#include <sys/types.h>

#include "engine/operator.h"
#include "io/mailbox.h"

#define HK_OPERATOR_CLIENTS 8     /* served at once; the next ones wait in the kernel */
#define HK_OPERATOR_MS      30000 /* without an octet moving, a client is sent away */
#define HK_OPERATOR_NO_GROUP ((gid_t)-1)

struct hk_operator_options {
	int listening;             /* taken; does not block */
	gid_t group;               /* HK_OPERATOR_NO_GROUP: none */
	struct hk_mailbox *owner;
	struct hk_disk *disk;
	const char *spool;         /* outlives it */
	struct hk_log *log;
	int ms;                    /* 0: HK_OPERATOR_MS */
};
struct hk_operator;
/* hk_operator_start(options, ret): listening is taken also on failure. */
enum hk_status hk_operator_start(const struct hk_operator_options *, struct hk_operator **ret) HK_MUSTCHECK;
/* hk_operator_stop(o): while the owner still answers. NULL allowed. */
void hk_operator_stop(struct hk_operator *);

#endif
