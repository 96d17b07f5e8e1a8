/* SPDX-License-Identifier: MIT
 *
 * net.h - sockets: listening, accepting, connecting. All are close-on-exec and do not block.
 */
#ifndef HIKYAKU_IO_NET_H
#define HIKYAKU_IO_NET_H

#include <sys/types.h>

#include "conf/conf.h"

/* hk_net_listen(address, ret): TCP with SO_REUSEPORT, so that each worker has a queue of its own.
 * BUSY when the address is taken, NOTFOUND when this host does not have it, IO otherwise; errno
 * tells more. */
enum hk_status hk_net_listen(const struct hk_conf_socket *, int *ret) HK_MUSTCHECK;
/* hk_net_listen_unix(path, access, ret, ret_file): a unix socket. One that nobody listens on any more is replaced in one step;
 * anything else that has the name stays. BUSY: somebody listens there (errno EADDRINUSE), or it is no socket (EEXIST). */
struct hk_net_access {
	unsigned mode;
	uid_t uid; /* -1 and -1: as it was made */
	gid_t gid;
};
struct hk_net_file { /* which one it is, whatever becomes of its name */
	dev_t dev;
	ino_t ino;
};
enum hk_status hk_net_listen_unix(
    const char *path, const struct hk_net_access *, int *ret, struct hk_net_file *ret_file) HK_MUSTCHECK;
/* hk_net_access_unix(path, file, access): another access. NOTFOUND: the name is another file's now. */
enum hk_status hk_net_access_unix(
    const char *path, const struct hk_net_file *, const struct hk_net_access *) HK_MUSTCHECK;
/* hk_net_remove_unix(path, file): only where the name is still that file's. */
void hk_net_remove_unix(const char *path, const struct hk_net_file *);
/* hk_net_accept(listening, ret, ret_peer): AGAIN when nobody waits, FULL when descriptors or memory
 * are short, IO. An IPv4-mapped address is given as IPv4; by a unix socket
 * the peer has none. */
enum hk_status hk_net_accept(int listening, int *ret, struct hk_conf_socket *ret_peer) HK_MUSTCHECK;
/* hk_net_raise_files(): from now on the process may have as many descriptors as its hard limit says; how many that are. */
size_t hk_net_raise_files(void);
/* hk_net_connect(to, source, ret): source family 0: the system's choice. OK: under way or done;
 * writable says which. */
enum hk_status hk_net_connect(
    const struct hk_conf_socket *to, const struct hk_ip *source, int *ret) HK_MUSTCHECK;
/* hk_net_own(fd, ret): our own end of a connection. */
enum hk_status hk_net_own(int fd, struct hk_conf_socket *ret) HK_MUSTCHECK;
enum hk_status hk_net_connect_unix(struct hk_slice path, int *ret) HK_MUSTCHECK;
/* hk_net_connect_error(fd): errno of a connect that is over; 0 when it worked. */
int hk_net_connect_error(int fd);

#endif
