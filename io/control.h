/* SPDX-License-Identifier: MIT
 *
 * control.h - what the supervisor and its roles say to each other: small messages over a
 *SOCK_SEQPACKET pair, each with at most one descriptor. The supervisor does not trust what a role
 *says.
 *
 *	supervisor -> keys:  KEY* (one for each key)          <- ALG or REFUSED for each
 *	supervisor -> mta:   CONF, CERTIFICATE*, CERTIFICATE_KEY*, LISTEN*, ALG*, SERVE   <- SERVING
 *or REFUSED supervisor -> keys:  FORGET (a generation that was refused) supervisor -> both: CHANNEL
 *(one end of a pair for a worker) supervisor -> both:  LOG (a new log file) supervisor -> mta: STOP
 */
#ifndef HIKYAKU_IO_CONTROL_H
#define HIKYAKU_IO_CONTROL_H

#include "conf/conf.h"

#define HK_CONTROL_VERSION  3
#define HK_CONTROL_TEXT_MAX 1024
#define HK_CONTROL_MAX      (64 + HK_CONF_UNIX_MAX + HK_CONTROL_TEXT_MAX)

enum hk_control_type {
	HK_CONTROL_CONF = 1,        /* generation, fd of the text, text: its name for messages */
	HK_CONTROL_CERTIFICATE,     /* generation, index of the listener, fd */
	HK_CONTROL_CERTIFICATE_KEY, /* the same */
	HK_CONTROL_USERS,      /* generation, index of the listener, fd: its password file */
	HK_CONTROL_DEVICE_KEY, /* generation, fd */
	HK_CONTROL_LISTEN, /* generation, index of the listener, worker, socket; fd, or none when it
	                      was sent before */
	HK_CONTROL_KEY,    /* generation, index of the key, fd */
	HK_CONTROL_ALG,    /* generation, index of the key, alg, text: its DNS record */
	HK_CONTROL_SERVE,  /* generation: it is complete */
	HK_CONTROL_SERVING, /* generation */
	HK_CONTROL_REFUSED, /* generation, text: why */
	HK_CONTROL_CHANNEL, /* worker, fd */
	HK_CONTROL_FORGET,  /* generation: it did not come into force */
	HK_CONTROL_LOG,     /* fd; index: enum hk_log_format; worker: enum hk_log_target; socket.path: its socket; text: our host's name */
	HK_CONTROL_STOP,
	HK_CONTROL_FETCH, /* fd: a channel between the mta and the fetch process */
	HK_CONTROL_OPERATOR, /* fd: the operator's socket; index: the group that may use it, UINT32_MAX: none */
	HK_CONTROL_TYPES
};
struct hk_control {
	enum hk_control_type type;
	uint32_t generation, index, worker;
	enum hk_sign_alg alg;
	struct hk_conf_socket socket;
	struct hk_slice text; /* borrowed */
	int fd;               /* -1: none */
};

void hk_control_format(const struct hk_control *, struct hk_buf *out);
/* hk_control_parse(s, ret): ret->fd is -1. SYNTAX or VERSION. */
enum hk_status hk_control_parse(struct hk_slice, struct hk_control *ret) HK_MUSTCHECK;

/* hk_control_send(fd, m): waits while the other side is slow, for two seconds at most: then IO.
 * m->fd stays the caller's. */
enum hk_status hk_control_send(int fd, const struct hk_control *) HK_MUSTCHECK;
/* hk_control_receive(fd, buffer, ret): the next message; its text borrows from buffer, its fd is
 * the caller's. END: the other side is gone. AGAIN: nothing is there now. SYNTAX: what came is no
 * message. */
enum hk_status hk_control_receive(
    int fd, uint8_t buffer[HK_CONTROL_MAX], struct hk_control *ret) HK_MUSTCHECK;

#endif
