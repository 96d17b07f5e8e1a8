/* SPDX-License-Identifier: MIT
 *
 * tls_internal.h - what tls.c, tls_check.c and tls_server.c share.
 */
#ifndef HIKYAKU_IO_TLS_INTERNAL_H
#define HIKYAKU_IO_TLS_INTERNAL_H

#include <openssl/ssl.h>

#include "io/tls.h"
#include "io/tls_tickets.h"

#define TLS_SITES HK_CONF_CERTIFICATES_MAX
#define TLS_KINDS 4 /* of keys: RSA, RSA-PSS, EC, Ed25519 */

/* The certificates for one set of names. */
struct tls_site {
	SSL_CTX *ssl; /* of the first: the context's own */
	X509 *leaf[TLS_KINDS];
	STACK_OF(X509) * chain[TLS_KINDS]; /* what goes with each */
	size_t n_leaves;
};
struct hk_tls_context {
	_Atomic unsigned users;
	SSL_CTX *ssl;
	BIO_METHOD *method;
	struct tls_site *site; /* of a server: TLS_SITES */
	size_t n_sites;
	struct hk_tls_tickets *tickets; /* of a server; NULL: nothing is resumed */
	uint8_t place[32];              /* the listener and its certificates: what a ticket is for */
	uint8_t id[32];                 /* the listener */
};
struct hk_tls {
	struct hk_tls_context *context;
	SSL *ssl;
	int fd;
	bool wants_write, is_checked;
	unsigned long error;
	char name[HK_TLS_NAME_MAX + 1]; /* that the client of a server asked for, in lower case; "": none */
};

/* tls_context_new(method, ret): what every context has. */
enum hk_status tls_context_new(const SSL_METHOD *, struct hk_tls_context **ret) HK_MUSTCHECK;
/* tls_expect_tlsa(ssl, name, other, check): before a handshake, or a check as one would make it. */
bool tls_expect_tlsa(SSL *, const char *name, const char *other, const struct hk_tls_check *);
/* tls_find_site(c, name): whom a client of this name gets. */
const struct tls_site *tls_find_site(const struct hk_tls_context *, const char *name);
void tls_sites_done(struct hk_tls_context *);
/* tls_use_pem(ssl, text, use): text as a BIO; false for an empty or too long one, or as use says. */
bool tls_use_pem(SSL_CTX *, struct hk_slice text, bool (*use)(SSL_CTX *, BIO *));
/* a passphrase is never asked for at a terminal */
int tls_no_passphrase(char *, int, int, void *);

#endif
