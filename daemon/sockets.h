/* SPDX-License-Identifier: MIT
 *
 * sockets.h - the listening sockets: one for each address and worker, held across reloads and
 * restarts.
 */
#ifndef HIKYAKU_DAEMON_SOCKETS_H
#define HIKYAKU_DAEMON_SOCKETS_H

#include "conf/conf.h"

struct bound {
	struct hk_conf_socket socket;
	unsigned worker;
	int fd;
	bool is_new, is_wanted;
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
