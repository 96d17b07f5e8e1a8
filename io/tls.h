/* SPDX-License-Identifier: MIT
 *
 * tls.h - TLS over a socket that does not block. All use of OpenSSL's TLS, and of TLS private keys,
 * is in tls.c.
 *
 * No buffers of ours between the socket and OpenSSL, and OpenSSL gives its own back while a
 * connection is idle.
 */
#ifndef HIKYAKU_IO_TLS_H
#define HIKYAKU_IO_TLS_H

#include <hikyaku/base.h>
#include <hikyaku/dns.h>

#include "engine/tls_policy.h"
#include "io/tls_tickets.h"

#define HK_TLS_PEM_MAX      (1024 * 1024) /* a certificate chain, a key, the authorities of a system (220 KiB in Debian 12) */
#define HK_TLS_HANDSHAKE_MS 60000
#define HK_TLS_DESCRIBE_MAX 96

/* What connections of one listener, or all outgoing ones, share. Counted: each connection holds a
 * use. */
struct hk_tls_context;
/* hk_tls_context_server(name, tickets, ret): of the listener of this name, without a certificate yet. A session is resumed by a ticket
 * only, at a listener of the same name with the same certificates, by a client that asks for the same host; tickets NULL: never.
 * tickets are borrowed. */
enum hk_status hk_tls_context_server(
    struct hk_slice name, struct hk_tls_tickets *, struct hk_tls_context **ret) HK_MUSTCHECK;
/* hk_tls_context_add(context, certificate, key, why): PEM texts; before the first connection. The first is for whoever names no
 * host that another one is for; of the same names there may be one for each kind of key. CRYPTO, with a sentence in why, when they
 * cannot be used or do not belong together. */
enum hk_status hk_tls_context_add(struct hk_tls_context *, struct hk_slice certificate,
    struct hk_slice key, struct hk_buf *why) HK_MUSTCHECK;
/* hk_tls_context_clients(context, ca): behind all its certificates: clients are asked for one of theirs. ca: PEM texts of the
 * authorities that count. CRYPTO: none can be read. */
enum hk_status hk_tls_context_clients(struct hk_tls_context *, struct hk_slice ca) HK_MUSTCHECK;
/* hk_tls_context_client(ca, ret): for deliveries: no certificate is checked (RFC 7435) but where hk_tls_expect says so. ca: PEM
 * texts of authorities; empty: the system's. CRYPTO: none can be read. */
enum hk_status hk_tls_context_client(struct hk_slice ca, struct hk_tls_context **ret) HK_MUSTCHECK;
/* hk_tls_context_checked(ca, ret): a client whose connections know whether the certificate is trusted (hk_tls_peer); the
 * handshake goes on in any case. ca: PEM texts of authorities; empty: the system's. CRYPTO: none can be read. */
enum hk_status hk_tls_context_checked(struct hk_slice ca, struct hk_tls_context **ret) HK_MUSTCHECK;
struct hk_tls_context *hk_tls_context_use(struct hk_tls_context *);
void hk_tls_context_free(struct hk_tls_context *); /* lets go; NULL allowed */

/* Of a server: hk_tls_context_same(a, b): the same certificates, of a listener of the same name. */
bool hk_tls_context_same(const struct hk_tls_context *, const struct hk_tls_context *);
/* hk_tls_context_names(c, ret): the host names of its certificates, without those with a wildcard; each once. */
#define HK_TLS_NAMES_MAX 64
struct hk_tls_names {
	char at[HK_TLS_NAMES_MAX][HK_DNS_NAME_MAX + 1];
	size_t n;
};
void hk_tls_context_names(const struct hk_tls_context *, struct hk_tls_names *ret);
/* hk_tls_context_end(c): the second of the calendar after which the first of its certificates is good no more; INT64_MAX: there is none. */
int64_t hk_tls_context_end(const struct hk_tls_context *);
/* hk_tls_context_fits(c, check): whether each certificate that a client of check->name may get is as its TLSA records say. */
bool hk_tls_context_fits(const struct hk_tls_context *, const struct hk_tls_check *) HK_MUSTCHECK;

struct hk_tls;
/* hk_tls_new(context, fd, name, ret): fd stays the caller's. name: SNI of a client, when it is a
 * host name; may be empty. */
enum hk_status hk_tls_new(
    struct hk_tls_context *, int fd, struct hk_slice name, struct hk_tls **ret) HK_MUSTCHECK;
void hk_tls_free(struct hk_tls *);
/* hk_tls_expect(t, check): before the handshake of a client, which then fails where the certificate is not as check says
 * (not with HK_VERIFY_NOTED). CRYPTO: it cannot be checked so. */
enum hk_status hk_tls_expect(struct hk_tls *, const struct hk_tls_check *) HK_MUSTCHECK;
/* hk_tls_result(t): after the handshake, failed or not: what was wrong with the certificate; NONE when nothing was, or it was not
 * looked at. hk_tls_wrong(t): the same in words; NULL. */
enum hk_tls_result hk_tls_result(const struct hk_tls *);
const char *hk_tls_wrong(const struct hk_tls *);
/* hk_tls_handshake(t): OK, AGAIN (wait for the socket as hk_tls_wants_write says), CRYPTO:
 * hk_tls_error tells why. */
enum hk_status hk_tls_handshake(struct hk_tls *) HK_MUSTCHECK;
/* as hk_conn_read and hk_conn_write */
enum hk_status hk_tls_read(struct hk_tls *, void *to, size_t n, size_t *ret) HK_MUSTCHECK;
enum hk_status hk_tls_write(struct hk_tls *, struct hk_slice, size_t *ret) HK_MUSTCHECK;
/* bytes are held that the socket will not announce any more */
bool hk_tls_has_pending(const struct hk_tls *);
/* the last AGAIN waits for room in the socket, not for bytes */
bool hk_tls_wants_write(const struct hk_tls *);
/* hk_tls_end(t): close_notify, if it fits now. */
void hk_tls_end(struct hk_tls *);
/* "TLSv1.3 TLS_AES_256_GCM_SHA384", or why the handshake failed. Printable. */
void hk_tls_describe(const struct hk_tls *, char ret[HK_TLS_DESCRIBE_MAX]);
void hk_tls_error(const struct hk_tls *, char ret[HK_TLS_DESCRIBE_MAX]);

/* hk_tls_allow_old(t): before its handshake: TLS 1.0 and 1.1 too, and keys and digests of their time. */
void hk_tls_allow_old(struct hk_tls *);
/* hk_tls_client_name(t, n, ret): after the handshake of a server with hk_tls_context_clients: the n-th name of the certificate that
 * the client showed and one of the authorities signed: its e-mail addresses, or its common name where it has none. */
#define HK_TLS_CLIENT_NAME_MAX 255
bool hk_tls_client_name(const struct hk_tls *, size_t n, char ret[HK_TLS_CLIENT_NAME_MAX + 1]);

/* hk_tls_exporter(t, ret), hk_tls_unique(t, ret): channel bindings of RFC 9266 and RFC 5929 3; how many
 * octets, 0: there is none. tls-unique is none of TLS 1.3's, nor one of a session without the extended
 * master secret (RFC 7627). */
#define HK_TLS_BINDING_MAX 64
size_t hk_tls_exporter(const struct hk_tls *, uint8_t ret[HK_TLS_BINDING_MAX]);
size_t hk_tls_unique(const struct hk_tls *, uint8_t ret[HK_TLS_BINDING_MAX]);

/* What the peer showed, in printable text; certificate and key are SHA-256 in hex, of the whole and of its
 * SubjectPublicKeyInfo (RFC 6698 2.1.2). */
struct hk_tls_peer {
	char subject[128], issuer[128], not_after[32];
	char certificate[65], key[65];
	bool is_trusted; /* by the authorities of the context, for the name, now */
	char why[96];    /* not */
};
void hk_tls_peer(const struct hk_tls *, const char *name, struct hk_tls_peer *ret);

#endif
