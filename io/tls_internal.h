/* SPDX-License-Identifier: MIT
 *
 * tls_internal.h - what tls.c, tls_check.c and tls_server.c share.
 */
#ifndef HIKYAKU_IO_TLS_INTERNAL_H
#define HIKYAKU_IO_TLS_INTERNAL_H

#include <openssl/ssl.h>

#include "io/tls.h"

struct hk_tls_context {
	_Atomic unsigned users;
	SSL_CTX *ssl;
	BIO_METHOD *method;
};
struct hk_tls {
	struct hk_tls_context *context;
	SSL *ssl;
	int fd;
	bool wants_write, is_checked;
	unsigned long error;
};

/* tls_context_new(method, ret): what every context has. */
enum hk_status tls_context_new(const SSL_METHOD *, struct hk_tls_context **ret) HK_MUSTCHECK;
/* tls_use_pem(ssl, text, use): text as a BIO; false for an empty or too long one, or as use says. */
bool tls_use_pem(SSL_CTX *, struct hk_slice text, bool (*use)(SSL_CTX *, BIO *));
/* a passphrase is never asked for at a terminal */
int tls_no_passphrase(char *, int, int, void *);

#endif
