/* SPDX-License-Identifier: MIT
 *
 * log.h - a sink that brings lines to a descriptor without ever making mail wait.
 */
#ifndef HIKYAKU_IO_LOG_H
#define HIKYAKU_IO_LOG_H

#include "engine/world.h"
#include "log/format.h"

#define HK_LOG_SINK_MAX                                                                            \
	(1024 * 1024) /* bytes that wait for a slow reader; past it lines are dropped and counted  \
	               */

enum hk_log_sink_how {
	HK_LOG_THREAD, /* a thread of its own writes */
	HK_LOG_DIRECT, /* the caller writes: for a process that forks and must have one thread */
};
struct hk_log_sink;
/* hk_log_sink_open(fd, how, ret): fd stays the caller's. */
enum hk_status hk_log_sink_open(
    int fd, enum hk_log_sink_how, struct hk_log_sink **ret) HK_MUSTCHECK;
/* hk_log_sink_shape(s, format, host): of the lines from now on; host is copied. */
void hk_log_sink_shape(struct hk_log_sink *, enum hk_log_format, struct hk_slice host);
/* writes out what waits, for a second at most; NULL allowed. */
void hk_log_sink_close(struct hk_log_sink *);
struct hk_log *hk_log_sink_log(struct hk_log_sink *);
uint64_t hk_log_sink_dropped(struct hk_log_sink *);

#endif
