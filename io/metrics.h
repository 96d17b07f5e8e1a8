/* SPDX-License-Identifier: MIT
 *
 * metrics.h - counts what the log says, and serves it by HTTP on an address of this host (log/counters.h), in a thread of its own.
 * A client that is slow or hostile costs a place among a few for some seconds, and mail nothing.
 */
#ifndef HIKYAKU_IO_METRICS_H
#define HIKYAKU_IO_METRICS_H

#include "conf/conf.h"
#include "engine/owner.h"
#include "engine/world.h"
#include "log/counters.h"

#define HK_METRICS_CLIENTS 16   /* at once; the next ones wait in the kernel */
#define HK_METRICS_MS      5000 /* that one has from its first octet to its last: a scrape takes one */
#define HK_METRICS_REQUEST 8192 /* octets of a connection's memory: of its request, then of its answer's header */

struct hk_metrics;
/* hk_metrics_new(log, ret): counts what goes through hk_metrics_log to log; log stays the caller's and outlives it. */
enum hk_status hk_metrics_new(struct hk_log *, struct hk_metrics **ret) HK_MUSTCHECK;
struct hk_log *hk_metrics_log(struct hk_metrics *);
/* hk_metrics_serve(m, socket, ms, why): binds and serves; ms 0: HK_METRICS_MS. */
enum hk_status hk_metrics_serve(struct hk_metrics *, const struct hk_conf_socket *, int ms, struct hk_buf *why) HK_MUSTCHECK;
uint16_t hk_metrics_port(const struct hk_metrics *);
/* hk_metrics_owner(m, owner): what stands in it now; the owner's thread. */
void hk_metrics_owner(struct hk_metrics *, const struct hk_owner *);
/* hk_metrics_count(m, gauge): one more; any thread. */
void hk_metrics_count(struct hk_metrics *, enum hk_gauge);
void hk_metrics_free(struct hk_metrics *); /* NULL allowed */

#endif
