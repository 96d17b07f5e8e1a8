/* SPDX-License-Identifier: MIT
 *
 * fetch.h - MTA-STS policies by HTTPS (RFC 8461 3.3), in a process of its own that has neither the spool nor a key.
 *
 *	mta --request--> fetch --GET https://mta-sts.DOMAIN/.well-known/mta-sts.txt--> the world
 *	    <--reply---
 *
 * A channel is a SEQPACKET socket. Both sides take what comes for hostile.
 */
#ifndef HIKYAKU_IO_FETCH_H
#define HIKYAKU_IO_FETCH_H

#include <hikyaku/sts.h>

#include "engine/tls_policy.h"

#define HK_FETCH_REQUEST_MAX (8 * 1024)
#define HK_FETCH_REPLY_MAX   (HK_STS_POLICY_MAX + 64)
#define HK_FETCH_OPEN_MAX    32    /* fetches under way */
#define HK_FETCH_MS          60000 /* RFC 8461 3.3 suggests a minute */

struct hk_fetch_request {
	uint64_t seq;
	struct hk_slice domain;
	struct hk_slice server;      /* "IP@PORT" to connect to; empty: the policy host's own, port 443 */
	struct hk_slice authorities; /* file; empty: the system's */
};
struct hk_fetch_reply {
	uint64_t seq;
	enum hk_tls_result result; /* NONE: text is what came */
	struct hk_slice text;
};
void hk_fetch_request_format(const struct hk_fetch_request *, struct hk_buf *out);
/* slices borrow from the message. SYNTAX. */
enum hk_status hk_fetch_request_parse(struct hk_slice, struct hk_fetch_request *ret) HK_MUSTCHECK;
void hk_fetch_reply_format(const struct hk_fetch_reply *, struct hk_buf *out);
enum hk_status hk_fetch_reply_parse(struct hk_slice, struct hk_fetch_reply *ret) HK_MUSTCHECK;

/* hk_fetch_serve(fd): answers on this channel until its other end closes; fd stays the caller's. */
void hk_fetch_serve(int fd);
/* hk_fetch_serve_apart(fd): the same in a thread of its own, which takes fd. */
enum hk_status hk_fetch_serve_apart(int fd) HK_MUSTCHECK;

#endif
