/* SPDX-License-Identifier: MIT
 *
 * sockets.h - the listening sockets: one for each address and worker, held across reloads and
 * restarts.
 */
#ifndef HIKYAKU_DAEMON_SOCKETS_H
#define HIKYAKU_DAEMON_SOCKETS_H

#include "io/net.h"

struct bound {
	struct hk_conf_socket socket;
	unsigned worker;
	int fd;
	bool is_new, is_wanted;
	/* of a unix socket: which file, and who may use it, as it is and as it was before sockets_bind */
	struct hk_net_file file;
	struct hk_net_access access, access_before;
};
struct sockets {
	struct bound *at;
	size_t n;
};

/* sockets_bind(s, conf, workers, why): binds what conf wants and is not bound yet. Then
 * sockets_keep or sockets_undo. */
enum hk_status sockets_bind(
    struct sockets *, const struct hk_conf *, unsigned workers, struct hk_buf *why) HK_MUSTCHECK;
void sockets_keep(struct sockets *);
void sockets_undo(struct sockets *);
/* NULL when it is not bound. */
const struct bound *sockets_find(
    const struct sockets *, const struct hk_conf_socket *, unsigned worker);
void sockets_close(struct sockets *);

#endif
