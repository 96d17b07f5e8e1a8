/* SPDX-License-Identifier: MIT
 *
 * log.h - a sink that brings lines to a descriptor without ever making mail wait.
 */
#ifndef HIKYAKU_IO_LOG_H
#define HIKYAKU_IO_LOG_H

#include "engine/world.h"
#include "log/target.h"

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
struct hk_log_shape {
	enum hk_log_format format;
	enum hk_log_target target; /* a sink that once goes to a socket stays there */
	struct hk_slice host, path; /* path: of the socket */
};
/* hk_log_sink_shape(s, shape): of the lines from now on; what it borrows is copied. FULL, LIMIT: no socket; the target stays what it was. */
enum hk_status hk_log_sink_shape(struct hk_log_sink *, const struct hk_log_shape *) HK_MUSTCHECK;
/* writes out what waits, for a second at most; NULL allowed. */
void hk_log_sink_close(struct hk_log_sink *);
struct hk_log *hk_log_sink_log(struct hk_log_sink *);
uint64_t hk_log_sink_dropped(struct hk_log_sink *);

#endif
