/* SPDX-License-Identifier: MIT
 *
 * target.h - where lines go, and the records that the two services of a host take. Each record is a datagram.
 *
 *	stream    stderr or a file: lines in a form of format.h
 *	syslog    "<22>Nov 26 09:00:00 hikyakud[17]: info ev=ready pid=17": facility mail (RFC 3164 4.1 as local sockets have it: no host)
 *	journald  its native protocol: PRIORITY=6, SYSLOG_FACILITY=2, SYSLOG_IDENTIFIER=hikyakud, MESSAGE=..., and HIKYAKU_EV=ready,
 *	          HIKYAKU_PID=17 for the members of the line
 */
#ifndef HIKYAKU_LOG_TARGET_H
#define HIKYAKU_LOG_TARGET_H

#include "log/format.h"

#define HK_LOG_SOCKET_MAX 97 /* octets of its path: as other sockets of the configuration (HK_CONF_UNIX_MAX) */

enum hk_log_target { HK_LOG_STREAM, HK_LOG_SYSLOG, HK_LOG_JOURNALD, HK_LOG_TARGETS };

/* hk_log_target_parse(text, ret_path): of "syslog", "journald", "syslog:PATH", "journald:PATH"; anything else is a STREAM.
 * ret_path: the socket, by default the host's own; borrows. */
enum hk_log_target hk_log_target_parse(struct hk_slice text, struct hk_slice *ret_path);
/* hk_log_target_add(out, target, format, stamp, line): one record or more; stamp->level decides the priority. */
void hk_log_target_add(
    struct hk_buf *out, enum hk_log_target, enum hk_log_format, const struct hk_log_stamp *, struct hk_slice line);
/* hk_log_target_record(target, s, ret_used): the first record of s as it is sent; ret_used: the octets of s that it took. */
struct hk_slice hk_log_target_record(enum hk_log_target, struct hk_slice, size_t *ret_used);

#endif
