/* SPDX-License-Identifier: MIT
 *
 * operator_socket.h - the socket by which operators reach the mail process: made once, for as long as the daemon runs.
 */
#ifndef HIKYAKU_DAEMON_OPERATOR_SOCKET_H
#define HIKYAKU_DAEMON_OPERATOR_SOCKET_H

#include "daemon/privileges.h"
#include "io/net.h"

struct operator_socket {
	int fd; /* -1: there is none */
	gid_t group;
	struct hk_net_file file;
	char path[HK_CONF_UNIX_MAX + 1];
};
/* operator_socket_open(o, conf, who, why): who: the mail process. Without operator-socket there is none. */
enum hk_status operator_socket_open(
    struct operator_socket *, const struct hk_conf *, const struct identity *who, struct hk_buf *why) HK_MUSTCHECK;
void operator_socket_close(struct operator_socket *); /* also one with fd -1 */

#endif
