/* SPDX-License-Identifier: MIT
 *
 * drive.h - moves one protocol object of the engine, a session or a delivery, along its connection.
 *
 *	wants -> handed out          out -> socket          socket -> feed          deadline -> tick
 *
 * The object says through its operations what it has and takes; this file is the only place where
 *bytes, TLS, closing, back-pressure and time meet, so both kinds behave alike.
 */
#ifndef HIKYAKU_IO_DRIVE_H
#define HIKYAKU_IO_DRIVE_H

#include <hikyaku/dns.h>

#include "io/conn.h"

#define HK_DRIVE_STALL_MS                                                                          \
	300000 /* a peer that takes none of our bytes for so long is gone (RFC 5321 4.5.3.2 has no \
	          shorter limit) */
#define HK_DRIVE_READS                                                                             \
	32 /* reads in one turn of the loop, so that a fast peer does not starve the others */

struct hk_ask;
struct hk_auth_post;
struct hk_drive;
struct hk_worker;

struct hk_drive_ops {
	bool (*wants)(struct hk_drive
	        *); /* hands out what the object wants now; true when there was something */
	size_t (*feed)(struct hk_drive *, struct hk_slice);
	bool (*wants_input)(struct hk_drive *);
	struct hk_slice (*out)(struct hk_drive *);
	void (*sent)(struct hk_drive *, size_t);
	void (*eof)(struct hk_drive *);
	void (*connected)(struct hk_drive *, bool, struct hk_slice why);
	void (*tls)(struct hk_drive *, bool, struct hk_slice text, enum hk_tls_result);
	uint64_t (*deadline)(struct hk_drive *);
	void (*tick)(struct hk_drive *);
	/* answers to questions (ask.h) */
	void (*dns)(struct hk_drive *, uint32_t id, const struct hk_dns_answer *);
	void (*committed)(struct hk_drive *, uint32_t id, enum hk_status);
	void (*signed_)(struct hk_drive *, uint32_t id, struct hk_slice signature);
	/* the exchange may be taken out of the post */
	void (*authenticated)(struct hk_drive *, uint32_t id, struct hk_auth_post *);
	void (*sts)(struct hk_drive *, struct hk_slice policy, enum hk_tls_result);
	void (*stop)(
	    struct hk_drive *); /* the process ends: finish what is under way; may free it */
	void (*free)(struct hk_drive *);
	bool drains;             /* CLOSE waits until out is taken; else it is tried once */
	bool dies_with_the_peer; /* no connection, nothing asked for, nothing wanted: over */
};

enum hk_drive_state {
	HK_DRIVE_APART, /* no connection */
	HK_DRIVE_CONNECTING,
	HK_DRIVE_OPEN,
	HK_DRIVE_HANDSHAKE,
};

struct hk_drive {
	const struct hk_drive_ops *ops;
	struct hk_worker *worker;
	struct hk_drive *next, **prev; /* all of the worker's */
	struct hk_conn *conn;
	enum hk_drive_state state;
	struct hk_timer timer;
	uint64_t stall_at, handshake_until; /* HK_TIMER_NEVER: not now */
	struct hk_ask *asks;
	unsigned jobs; /* blocking work under way that uses the object: it cannot be freed */
	uint8_t *rest; /* bytes read that the object did not take yet */
	size_t rest_at, rest_n;
	struct hk_tls_context
	    *tls; /* a handshake begins once out is drained; borrowed from the generation */
	struct hk_tls_check tls_check;
	bool old_tls; /* the peer may speak TLS 1.0 */
	bool eof_told, closing, over, pumping, again;
};

/* hk_drive_init(d, ops, worker): false when out of memory. */
bool hk_drive_init(struct hk_drive *, const struct hk_drive_ops *, struct hk_worker *) HK_MUSTCHECK;
/* hk_drive_pump(d): moves everything as far as it goes. Frees d when it is over: the last thing a
 * callback does with it. */
void hk_drive_pump(struct hk_drive *);
/* hk_drive_connect(d, fd, is_open): takes fd. A fd that is not open yet is waited for: then
 * ops->connected. */
bool hk_drive_connect(struct hk_drive *, int fd, bool is_open) HK_MUSTCHECK;
/* hk_drive_start_tls(d, context, check): after out is drained; ends in ops->tls. What check points to is borrowed
 * until then. */
void hk_drive_start_tls(
    struct hk_drive *, struct hk_tls_context *, const struct hk_tls_check *);
/* hk_drive_close(d): after out is drained; at once where the connection is not open yet. */
void hk_drive_close(struct hk_drive *);
/* hk_drive_drop(d): the end of d at once, whatever it was doing; freed when no job uses it any
 * more. */
void hk_drive_drop(struct hk_drive *);

#endif
