/* SPDX-License-Identifier: MIT
 *
 * history.h - keeps what the log says of transactions, accepted and refused, for `hikyaku find`: files <spool>/history/NNNNNNNN.log
 * in the form of the evidence store. A thread of its own writes what was gathered; nothing is synced, and a disk that is slow
 * or full loses lines, which are counted, and stops nobody.
 */
#ifndef HIKYAKU_IO_HISTORY_H
#define HIKYAKU_IO_HISTORY_H

#include "conf/conf.h"
#include "engine/world.h"

#define HK_HISTORY_WAITING_MAX (1024 * 1024) /* octets that wait for the disk */

struct hk_history;
/* hk_history_start(conf, disk, log, ret): keeps what goes through hk_history_log to log; log stays the caller's and outlives it. */
enum hk_status hk_history_start(const struct hk_conf *, struct hk_disk *, struct hk_log *, struct hk_history **ret) HK_MUSTCHECK;
struct hk_log *hk_history_log(struct hk_history *);
uint64_t hk_history_dropped(struct hk_history *);
/* hk_history_end(h): writes what waits; frees. NULL allowed. */
void hk_history_end(struct hk_history *);

#endif
