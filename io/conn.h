/* SPDX-License-Identifier: MIT
 *
 * conn.h - one connection as a pipe of bytes: a socket on a loop, with TLS when it was started.
 *
 * Pull style: whoever uses it is woken and then reads and writes until AGAIN. It holds no bytes of
 * its own.
 */
#ifndef HIKYAKU_IO_CONN_H
#define HIKYAKU_IO_CONN_H

#include "io/loop.h"
#include "io/tls.h"

/* How long a connection that we ended may linger so that the last reply arrives: a close with
 * unread input would make the kernel send a reset, which can overtake it. */
#define HK_CONN_LINGER_MS    2000
#define HK_CONN_LINGER_BYTES (256 * 1024)

struct hk_conn;
/* hk_conn_new(loop, fd, woken, user): takes fd, also on failure. NULL when out of memory. */
struct hk_conn *hk_conn_new(struct hk_loop *, int fd, void (*woken)(void *user), void *user);
/* hk_conn_read(c, to, n, ret): OK with at least one byte, AGAIN, END (the peer will send no more),
 * IO (broken). */
enum hk_status hk_conn_read(struct hk_conn *, void *to, size_t n, size_t *ret) HK_MUSTCHECK;
/* hk_conn_write(c, bytes, ret): OK with at least one byte taken, AGAIN, IO. After AGAIN the same
 * bytes must come first again. */
enum hk_status hk_conn_write(struct hk_conn *, struct hk_slice, size_t *ret) HK_MUSTCHECK;
/* hk_conn_start_tls(c, context, check): then hk_conn_handshake until it is not AGAIN. */
enum hk_status hk_conn_start_tls(
    struct hk_conn *, struct hk_tls_context *, const struct hk_tls_check *) HK_MUSTCHECK;
enum hk_status hk_conn_handshake(struct hk_conn *, char ret_text[HK_TLS_DESCRIBE_MAX],
    enum hk_tls_result *ret) HK_MUSTCHECK;
/* hk_conn_wait(c, read, write): wake the user when either can go on. */
void hk_conn_wait(struct hk_conn *, bool read, bool write);
/* a read may give bytes although the socket will not announce any */
bool hk_conn_has_pending(const struct hk_conn *);
/* hk_conn_allow_old_tls(c): between the two (hk_tls_allow_old). */
void hk_conn_allow_old_tls(struct hk_conn *);
/* NULL: there is no TLS */
const struct hk_tls *hk_conn_tls(const struct hk_conn *);
int hk_conn_fd(const struct hk_conn *);
/* hk_conn_close(c, gently): the user is not woken any more. Gently: lingers until the peer closes,
 * at most as long as above. */
void hk_conn_close(struct hk_conn *, bool gently);

#endif
