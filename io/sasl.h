/* SPDX-License-Identifier: MIT
 *
 * sasl.h - one authentication exchange with whoever knows the users. Every step may block, on
 * arithmetic or on a socket: steps run in the pool of auth.h, never on a loop.
 *
 *	sasl.c		the password file, by libgsasl
 *	sasl_dovecot.c	the authentication protocol of Dovecot
 */
#ifndef HIKYAKU_IO_SASL_H
#define HIKYAKU_IO_SASL_H

#include "conf/users.h"
#include "engine/session.h"

#define HK_SASL_DOVECOT_MS                                                                         \
	20000 /* what one step may take there; Dovecot itself waits up to 15 s after a failure */
#define HK_SASL_LINE_MAX       16384 /* of Dovecot's protocol */
#define HK_SASL_MECHANISMS_MAX 512
#define HK_SASL_DATA_MAX       HK_SMTP_AUTH_LINE_MAX
#define HK_SASL_BINDING_MAX    64 /* RFC 9266 4: 32 octets; a Finished of TLS 1.2: 12 */

/* What an exchange begins with; all of it is copied. */
struct hk_sasl_peer {
	struct hk_ip client, server;
	uint16_t client_port, server_port;
	bool is_tls;
	uint8_t exporter[HK_SASL_BINDING_MAX], unique[HK_SASL_BINDING_MAX];
	size_t exporter_n, unique_n; /* channel bindings; 0: there is none */
	char device[80];             /* HMAC of the CLIENTID; "": none */
	char certificate_user[HK_USER_NAME_MAX +
	                      1]; /* of a client certificate that was verified; "": none */
};
struct hk_sasl_result {
	enum hk_auth_outcome outcome;
	struct hk_buf challenge;
	char user[HK_USER_NAME_MAX + 1];
	struct hk_buf senders;
};
void hk_sasl_result_init(struct hk_sasl_result *);
void hk_sasl_result_done(struct hk_sasl_result *); /* wiped */

struct hk_sasl;
/* hk_sasl_file(users, mechanism, peer): takes a use of users; NULL when out of memory.
 * hk_sasl_dovecot(path, mechanism, peer): the socket is not opened before the first step. */
struct hk_sasl *hk_sasl_file(
    struct hk_users *, struct hk_slice mechanism, const struct hk_sasl_peer *);
struct hk_sasl *hk_sasl_dovecot(
    struct hk_slice path, struct hk_slice mechanism, const struct hk_sasl_peer *);
void hk_sasl_free(struct hk_sasl *); /* NULL allowed */
/* hk_sasl_step(x, data, has_data, ret): has_data false: the client sent no initial response. */
void hk_sasl_step(
    struct hk_sasl *, struct hk_slice data, bool has_data, struct hk_sasl_result *ret);
/* hk_sasl_file_mechanisms(out), hk_sasl_dovecot_mechanisms(path, out): what can be offered, the
 * strongest first. BUSY: Dovecot cannot be asked now. */
void hk_sasl_file_mechanisms(struct hk_buf *out);
enum hk_status hk_sasl_dovecot_mechanisms(struct hk_slice path, struct hk_buf *out) HK_MUSTCHECK;

/* ---- between the two files ---- */

struct hk_sasl_ops {
	void (*step)(struct hk_sasl *, struct hk_slice, bool has_data, struct hk_sasl_result *);
	void (*free)(struct hk_sasl *);
};
struct hk_sasl {
	const struct hk_sasl_ops *ops;
	struct hk_sasl_peer peer;
	char mechanism[32];
};

#endif
