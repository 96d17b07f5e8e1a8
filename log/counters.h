/* SPDX-License-Identifier: MIT
 *
 * counters.h - what the log says, counted: for /metrics in Prometheus' text form (version 0.0.4). Tables in counters.c say which
 * member of which event counts where; labels have fixed words only, so that nothing from outside makes a series.
 */
#ifndef HIKYAKU_LOG_COUNTERS_H
#define HIKYAKU_LOG_COUNTERS_H

#include <hikyaku/base.h>

/* X(ID, name, labels, type, help): what is set, not counted. Rows of one name stand together. */
#define HK_GAUGE_TABLE(X)                                                                                                       \
	X(WAITING, "hikyaku_queue_messages", "state=\"waiting\"", "gauge", "Messages in the queue.")                            \
	X(ACTIVE, "hikyaku_queue_messages", "state=\"active\"", "gauge", NULL)                                                  \
	X(HELD, "hikyaku_queue_messages", "state=\"held\"", "gauge", NULL)                                                      \
	X(JOBS, "hikyaku_deliveries_under_way", "", "gauge", "Deliveries under way.")                                           \
	X(INTAKE, "hikyaku_intake_stopped", "", "gauge", "1 while no mail is taken: the disk is full or fails.")                \
	X(BOUNCES, "hikyaku_reports_total", "", "counter", "Delivery status notifications made.")                               \
	X(COMMITS, "hikyaku_spool_commits_total", "", "counter", "Batches written to the journal.")                             \
	X(SYNCS, "hikyaku_spool_syncs_total", "", "counter", "Syncs of the journal.")                                           \
	X(FAILED_SYNCS, "hikyaku_spool_failed_syncs_total", "", "counter", "Syncs of the journal that failed.")                 \
	X(BYTES, "hikyaku_spool_written_bytes_total", "", "counter", "Octets written to the journal.")                          \
	X(LIVE, "hikyaku_spool_live_bytes", "", "gauge", "Octets of the journal that messages in the queue need.")              \
	X(AWAY_FULL, "hikyaku_clients_turned_away_total", "why=\"full\"", "counter", "Clients that were told 421 in place of the greeting.") \
	X(AWAY_BUSY, "hikyaku_clients_turned_away_total", "why=\"busy\"", "counter", NULL)                                      \
	X(DROPPED, "hikyaku_log_dropped_total", "", "counter", "Lines of the log that were dropped: its reader is too slow.")
enum hk_gauge {
#define X(ID, ...) HK_GAUGE_##ID,
	HK_GAUGE_TABLE(X)
#undef X
	    HK_GAUGES
};
#define HK_COUNTERS_TEXT_MAX (256 * 1024)

struct hk_counters;
struct hk_counters *hk_counters_new(void); /* NULL: no memory */
void hk_counters_free(struct hk_counters *);
/* From any thread: hk_counters_note(c, line): a finished line of the log. hk_counters_set(c, gauge, value), hk_counters_add(c, gauge, more). */
void hk_counters_note(struct hk_counters *, struct hk_slice line);
void hk_counters_set(struct hk_counters *, enum hk_gauge, uint64_t);
void hk_counters_add(struct hk_counters *, enum hk_gauge, uint64_t);
/* hk_counters_text(c, out): all of it, at most HK_COUNTERS_TEXT_MAX octets. */
void hk_counters_text(const struct hk_counters *, struct hk_buf *out);

#endif
