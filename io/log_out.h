/* SPDX-License-Identifier: MIT
 *
 * log_out.h - where a log's records are written to: a stream, or a datagram socket of this host's syslog or journal.
 */
#ifndef HIKYAKU_IO_LOG_OUT_H
#define HIKYAKU_IO_LOG_OUT_H

#include "log/target.h"

struct hk_log_out {
	enum hk_log_target target;
	int fd; /* the stream, the caller's; or the socket, ours */
	char path[HK_LOG_SOCKET_MAX + 1];
};
/* hk_log_out_open(ret, target, path): to be closed; FULL: there is no socket to be had. Nobody needs to listen there yet. */
enum hk_status hk_log_out_open(struct hk_log_out *ret, enum hk_log_target, struct hk_slice path) HK_MUSTCHECK;
void hk_log_out_close(struct hk_log_out *);
/* hk_log_out_write(o, records, wait_ms, ret_wrote): ret_wrote: how many octets of records are done with, whatever comes back.
 * AGAIN: the reader is slow. IO: nobody reads. NOTFOUND: nobody reads a socket, where somebody may yet come. */
enum hk_status hk_log_out_write(const struct hk_log_out *, struct hk_slice, int wait_ms, size_t *ret_wrote) HK_MUSTCHECK;

#endif
