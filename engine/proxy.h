/* SPDX-License-Identifier: MIT
 *
 * proxy.h - what a load balancer says of the client before the first byte of it: the PROXY protocol, versions 1 and 2
 * (proxy-protocol.txt of HAProxy).
 */
#ifndef HIKYAKU_ENGINE_PROXY_H
#define HIKYAKU_ENGINE_PROXY_H

#include <hikyaku/base.h>

#define HK_PROXY_V1_MAX 107  /* octets with CRLF; section 2.1 */
#define HK_PROXY_MAX    2048 /* of version 2: the addresses take 232; the rest is TLVs, which are not looked at */

struct hk_proxy {
	bool has_client; /* false: LOCAL, UNKNOWN or a family that is not ours: the connection's own addresses count */
	struct hk_ip ip;
	uint16_t port;
};

/* hk_proxy_parse(in, ret, ret_n): in is all that came so far. OK: the header has *ret_n octets, what follows is the
 * client's. AGAIN: more is to come. SYNTAX: this is no such header, or one that is longer than the maximum; the connection
 * is to be closed (section 2: never guessed). */
enum hk_status hk_proxy_parse(struct hk_slice in, struct hk_proxy *ret, size_t *ret_n) HK_MUSTCHECK;

#endif
