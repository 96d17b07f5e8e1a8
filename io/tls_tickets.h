/* SPDX-License-Identifier: MIT
 *
 * tls_tickets.h - the keys of session tickets. Nothing is kept for a session or a name: keys are made from a secret of this
 * process, whom the ticket is for, and a place that no other place shares (SEC-12).
 *
 * The secret goes forward by itself every HK_TLS_TICKETS_MS and cannot be turned back: a ticket opens for at most twice
 * that time, and what is found in memory later opens no session of before.
 */
#ifndef HIKYAKU_IO_TLS_TICKETS_H
#define HIKYAKU_IO_TLS_TICKETS_H

#include <hikyaku/base.h>

#define HK_TLS_TICKETS_MS (6 * 3600 * 1000)
/* How long a session may be resumed after its first handshake (RFC 8446 4.6.1: seven days at most). */
#define HK_TLS_SESSION_S  7200

#define HK_TLS_NAME_MAX   255 /* of a host in a ClientHello, as OpenSSL takes it */

enum { HK_TLS_TICKET_NAME = 16, HK_TLS_TICKET_KEY = 32 };
struct hk_tls_ticket_keys {
	uint8_t name[HK_TLS_TICKET_NAME]; /* in the clear before the ticket */
	uint8_t cipher[HK_TLS_TICKET_KEY], mac[HK_TLS_TICKET_KEY];
};

struct hk_tls_tickets; /* any thread may use it */
enum hk_status hk_tls_tickets_new(uint64_t now_ms, struct hk_tls_tickets **ret) HK_MUSTCHECK;
void hk_tls_tickets_free(struct hk_tls_tickets *); /* wiped; NULL allowed */
/* hk_tls_tickets_make(t, now_ms, place, name, ret): the keys of new tickets. place: a listener with its certificates, 32 octets;
 * name: of the host that the client asked for, may be empty. */
enum hk_status hk_tls_tickets_make(struct hk_tls_tickets *, uint64_t now_ms, const uint8_t place[32], struct hk_slice name,
    struct hk_tls_ticket_keys *ret) HK_MUSTCHECK;
/* hk_tls_tickets_find(t, now_ms, place, name, key_name, ret, ret_is_old): the keys of a ticket that came. NOTFOUND: it is of
 * another place or name, too old, or none of ours. ret_is_old: a new one is due. */
enum hk_status hk_tls_tickets_find(struct hk_tls_tickets *, uint64_t now_ms, const uint8_t place[32], struct hk_slice name,
    const uint8_t key_name[HK_TLS_TICKET_NAME], struct hk_tls_ticket_keys *ret, bool *ret_is_old) HK_MUSTCHECK;

#endif
