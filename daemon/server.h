/* SPDX-License-Identifier: MIT
 *
 * server.h - the mail process seen from its main thread: a generation is put together piece by
 *piece, then served.
 *
 *	conf -> certificate*, alg*, listen* -> serve
 *
 * The pieces come from the supervisor (role_mta.c) or from our own hands (single.c).
 */
#ifndef HIKYAKU_DAEMON_SERVER_H
#define HIKYAKU_DAEMON_SERVER_H

#include "io/control.h"
#include "io/key_watch.h"
#include "io/mta.h"
#include "io/tlsa_watch.h"

#define HK_SERVER_CHANNELS 16

struct server_socket {
	struct hk_conf_socket socket;
	unsigned worker;
	size_t listener;
	int fd;
	bool is_new; /* not with the mta yet */
};
struct server_sockets {
	struct server_socket *at;
	size_t n;
};

struct server {
	struct hk_log *log;
	struct hk_mailbox box;
	struct hk_key_watch watch;
	struct hk_tlsa_watch tlsa;
	uint64_t look_at; /* mono_ms: for certificates that end */
	struct hk_tls_tickets *tickets; /* of all generations: a reload ends no session */
	struct hk_mta *mta; /* NULL before the first serve */
	struct hk_generation *now, *next;
	struct server_sockets now_sockets, next_sockets;
	struct hk_slice *certificate; /* of next, for each listener; in arena */
	struct hk_arena arena;
	int operator; /* the operator's socket, until there is an mta for it; -1 */
	gid_t operator_group;
	int fetch; /* to the fetch process, that came before there was an mta; -1 */
	int channel[HK_SERVER_CHANNELS]; /* to the keys, that came before there was a worker for
	                                    them; -1: none */
};

enum hk_status server_init(struct server *, struct hk_log *) HK_MUSTCHECK;
/* server_begin(s, conf, number): takes a use of conf; what was begun before is dropped. */
enum hk_status server_begin(struct server *, struct hk_conf *, uint32_t number) HK_MUSTCHECK;
/* The pieces of what was begun. PEM texts are copied. server_listen takes fd; -1: the one of the
 * generation that is served. */
enum hk_status server_certificate(
    struct server *, size_t listener, struct hk_slice pem) HK_MUSTCHECK;
enum hk_status server_certificate_key(
    struct server *, size_t listener, struct hk_slice pem, struct hk_buf *why) HK_MUSTCHECK;
/* server_users(s, listener, text, why): a password file. server_device_key(s, key, why). */
enum hk_status server_users(
    struct server *, size_t listener, struct hk_slice text, struct hk_buf *why) HK_MUSTCHECK;
enum hk_status server_device_key(
    struct server *, struct hk_slice key, struct hk_buf *why) HK_MUSTCHECK;
enum hk_status server_alg(
    struct server *, size_t key, enum hk_sign_alg, struct hk_slice record) HK_MUSTCHECK;
enum hk_status server_listen(struct server *, const struct server_socket *) HK_MUSTCHECK;
/* server_channel(s, worker, fd): takes fd, a channel to the keys. */
void server_channel(struct server *, unsigned worker, int fd);
/* server_fetch(s, fd): takes fd, a channel to the fetch process. */
void server_fetch(struct server *, int fd);
/* server_start_resolver(conf, why, ret): as it says, with the trust anchors of its file. */
enum hk_status server_start_resolver(const struct hk_conf *, struct hk_buf *why, struct hk_resolver **ret) HK_MUSTCHECK;
/* server_operator(s, fd, group): takes fd, the operator's socket; before the first serve. */
void server_operator(struct server *, int fd, gid_t group);
/* server_serve(s, why): all or nothing: on failure the generation before is served on. */
enum hk_status server_serve(struct server *, struct hk_buf *why) HK_MUSTCHECK;
void server_drop(struct server *);
/* server_run(s): what is due now; how many ms until it wants to be called again, -1: not before there
 * is mail. */
int server_run(struct server *);
/* server_stop(s), then server_take_mail when s->box is readable: true once nothing is under way any
 * more. */
void server_stop(struct server *);
bool server_take_mail(struct server *);
void server_done(struct server *);

#endif
