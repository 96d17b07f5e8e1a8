/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <hikyaku/dns.h>

#include "io/tls_internal.h"

/* ---- the BIO: straight to the socket, without SIGPIPE ------------------------------------ */

static int fd_of(BIO *bio)
{
	const struct hk_tls *t = BIO_get_data(bio);

	return t->fd;
}

static int result_of(BIO *bio, ssize_t n, int retry)
{
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_flags(bio, retry | BIO_FLAGS_SHOULD_RETRY);
	return (int)n;
}

static int bio_write(BIO *bio, const char *p, int n)
{
	BIO_clear_retry_flags(bio);
	return n <= 0
	           ? 0
	           : result_of(bio, send(fd_of(bio), p, (size_t)n, MSG_NOSIGNAL), BIO_FLAGS_WRITE);
}

static int bio_read(BIO *bio, char *p, int n)
{
	BIO_clear_retry_flags(bio);
	return n <= 0 ? 0 : result_of(bio, recv(fd_of(bio), p, (size_t)n, 0), BIO_FLAGS_READ);
}

static long bio_control(BIO *bio, int command, long number, void *p)
{
	(void)bio;
	(void)number;
	(void)p;
	return command == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

static BIO_METHOD *bio_method_new(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "hikyaku socket");

	if (m && BIO_meth_set_write(m, bio_write) && BIO_meth_set_read(m, bio_read) &&
	    BIO_meth_set_ctrl(m, bio_control) && BIO_meth_set_create(m, bio_create))
		return m;
	BIO_meth_free(m);
	return NULL;
}

/* ---- contexts ------------------------------------------------------------------------------ */

enum hk_status tls_context_new(const SSL_METHOD *method, struct hk_tls_context **ret)
{
	struct hk_tls_context *c = calloc(1, sizeof *c);

	if (!c)
		return HK_NOMEM;
	c->users = 1;
	c->ssl = SSL_CTX_new(method);
	c->method = bio_method_new();
	if (!c->ssl || !c->method || SSL_CTX_set_min_proto_version(c->ssl, TLS1_2_VERSION) != 1) {
		hk_tls_context_free(c);
		return HK_NOMEM;
	}
	/* No tickets but where hk_tls_context_server allows them, and no cache: a session of one listener must not
	 * open another one, whose rules may differ. No renegotiation (CVE-2009-3555) and no compression. */
	SSL_CTX_set_options(c->ssl, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
	                                SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_session_cache_mode(c->ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(c->ssl, 0);
	SSL_CTX_set_mode(c->ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
	                             SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_verify(c->ssl, SSL_VERIFY_NONE, NULL);
	*ret = c;
	return HK_OK;
}

struct hk_tls_context *hk_tls_context_use(struct hk_tls_context *c)
{
	c->users++;
	return c;
}

void hk_tls_context_free(struct hk_tls_context *c)
{
	if (!c || --c->users)
		return;
	tls_sites_done(c);
	SSL_CTX_free(c->ssl);
	BIO_meth_free(c->method);
	free(c);
}

/* PEM with a passphrase would make OpenSSL ask at the terminal. */
int tls_no_passphrase(char *to, int n, int is_write, void *user)
{
	(void)to;
	(void)n;
	(void)is_write;
	(void)user;
	return -1;
}

bool tls_use_pem(SSL_CTX *ssl, struct hk_slice text, bool (*use)(SSL_CTX *, BIO *))
{
	BIO *pem = text.n && text.n <= HK_TLS_PEM_MAX ? BIO_new_mem_buf(text.p, (int)text.n) : NULL;
	bool ok = pem && use(ssl, pem);

	BIO_free(pem);
	return ok;
}

/* ---- one connection ------------------------------------------------------------------------- */

enum hk_status hk_tls_new(
    struct hk_tls_context *context, int fd, struct hk_slice name, struct hk_tls **ret)
{
	struct hk_tls *t = calloc(1, sizeof *t);
	char text[HK_DNS_NAME_MAX + 1];
	struct hk_ip ip;
	BIO *bio;

	if (!t)
		return HK_NOMEM;
	*t = (struct hk_tls){.context = context, .fd = fd};
	context->users++;
	t->ssl = SSL_new(context->ssl);
	bio = BIO_new(context->method);
	if (!t->ssl || !bio) {
		BIO_free(bio);
		hk_tls_free(t);
		return HK_NOMEM;
	}
	BIO_set_data(bio, t);
	SSL_set_bio(t->ssl, bio, bio);
	SSL_set_app_data(t->ssl, t);
	if (SSL_CTX_get_ssl_method(context->ssl) == TLS_client_method()) {
		SSL_set_connect_state(t->ssl);
		/* RFC 6066 3: host names only, never addresses */
		if (name.n && name.n < sizeof text && hk_is_hostname(name, false) &&
		    hk_ip_parse(name, &ip) != HK_OK) {
			snprintf(text, sizeof text, "%.*s", HK_FMT(name));
			SSL_set_tlsext_host_name(t->ssl, text);
		}
	} else {
		SSL_set_accept_state(t->ssl);
	}
	ERR_clear_error();
	*ret = t;
	return HK_OK;
}

void hk_tls_free(struct hk_tls *t)
{
	if (!t)
		return;
	SSL_free(t->ssl);
	hk_tls_context_free(t->context);
	free(t);
}

/* What an SSL_* call that returned `result` means. */
static enum hk_status outcome(struct hk_tls *t, int result)
{
	t->wants_write = false;
	if (result > 0)
		return HK_OK;
	switch (SSL_get_error(t->ssl, result)) {
	case SSL_ERROR_WANT_WRITE:
		t->wants_write = true;
		return HK_AGAIN;
	case SSL_ERROR_WANT_READ:
		return HK_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return HK_END;
	default:
		t->error = ERR_peek_error();
		ERR_clear_error();
		return HK_IO;
	}
}

enum hk_status hk_tls_handshake(struct hk_tls *t)
{
	enum hk_status status;

	ERR_clear_error();
	status = outcome(t, SSL_do_handshake(t->ssl));
	return status == HK_OK || status == HK_AGAIN ? status : HK_CRYPTO;
}

enum hk_status hk_tls_read(struct hk_tls *t, void *to, size_t n, size_t *ret)
{
	ERR_clear_error();
	return outcome(t, SSL_read_ex(t->ssl, to, n, ret));
}

enum hk_status hk_tls_write(struct hk_tls *t, struct hk_slice s, size_t *ret)
{
	ERR_clear_error();
	return outcome(t, SSL_write_ex(t->ssl, s.p, s.n, ret));
}

void hk_tls_allow_old(struct hk_tls *t)
{
	SSL_set_security_level(t->ssl, 0); /* their signatures are of MD5 with SHA-1 */
	SSL_set_min_proto_version(t->ssl, TLS1_VERSION);
	SSL_set_cipher_list(t->ssl, "DEFAULT");
	ERR_clear_error();
}

size_t hk_tls_exporter(const struct hk_tls *t, uint8_t ret[HK_TLS_BINDING_MAX])
{
	static const char label[] = "EXPORTER-Channel-Binding";
	enum { SIZE = 32 };

	/* RFC 9266 4.2: of TLS 1.2 only with the extended master secret */
	if (SSL_version(t->ssl) < TLS1_3_VERSION && SSL_get_extms_support(t->ssl) != 1)
		return 0;
	return SSL_export_keying_material(
	           t->ssl, ret, SIZE, label, sizeof label - 1, NULL, 0, 0) == 1
	           ? SIZE
	           : 0;
}

size_t hk_tls_unique(const struct hk_tls *t, uint8_t ret[HK_TLS_BINDING_MAX])
{
	bool is_first_theirs = (SSL_is_server(t->ssl) == 1) != (SSL_session_reused(t->ssl) == 1);

	if (SSL_version(t->ssl) >= TLS1_3_VERSION || SSL_get_extms_support(t->ssl) != 1)
		return 0;
	/* the first Finished of the handshake: the client's, in a resumed one the server's */
	return is_first_theirs ? SSL_get_peer_finished(t->ssl, ret, HK_TLS_BINDING_MAX)
	                       : SSL_get_finished(t->ssl, ret, HK_TLS_BINDING_MAX);
}

bool hk_tls_has_pending(const struct hk_tls *t)
{
	return SSL_has_pending(t->ssl) == 1;
}

bool hk_tls_wants_write(const struct hk_tls *t)
{
	return t->wants_write;
}

void hk_tls_end(struct hk_tls *t)
{
	ERR_clear_error();
	/* OpenSSL refuses this after a fatal error by itself */
	SSL_shutdown(t->ssl);
	ERR_clear_error();
}

void hk_tls_describe(const struct hk_tls *t, char ret[HK_TLS_DESCRIBE_MAX])
{
	snprintf(ret, HK_TLS_DESCRIBE_MAX, "%s %s", SSL_get_version(t->ssl),
	    SSL_get_cipher_name(t->ssl));
}

void hk_tls_error(const struct hk_tls *t, char ret[HK_TLS_DESCRIBE_MAX])
{
	const char *why = hk_tls_wrong(t);

	if (!why && t->error)
		why = ERR_reason_error_string(t->error);

	snprintf(ret, HK_TLS_DESCRIBE_MAX, "%s", why ? why : "the peer closed the connection");
}

/* ---- the peer's certificate -------------------------------------------------------------- */

static void name_text(const X509_NAME *name, char *to, size_t room)
{
	BIO *text = BIO_new(BIO_s_mem());
	char *p = NULL;
	long n = 0;

	/* what is not printable is escaped */
	if (text && X509_NAME_print_ex(text, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_UTF8_CONVERT) >= 0)
		n = BIO_get_mem_data(text, &p);
	snprintf(to, room, "%.*s", (int)n, n ? p : "");
	BIO_free(text);
}

static void hash_text(const uint8_t *digest, char to[65])
{
	size_t i;

	for (i = 0; i < 32; i++)
		snprintf(to + 2 * i, 3, "%02x", digest[i]);
}

static void fingerprints(X509 *x, struct hk_tls_peer *ret)
{
	uint8_t digest[EVP_MAX_MD_SIZE], *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);

	if (X509_digest(x, EVP_sha256(), digest, NULL) == 1)
		hash_text(digest, ret->certificate);
	if (n > 0 && EVP_Digest(der, (size_t)n, digest, NULL, EVP_sha256(), NULL) == 1)
		hash_text(digest, ret->key);
	OPENSSL_free(der);
}

static bool is_for(X509 *x, const char *name)
{
	return X509_check_host(x, name, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1 || X509_check_ip_asc(x, name, 0) == 1;
}

void hk_tls_peer(const struct hk_tls *t, const char *name, struct hk_tls_peer *ret)
{
	X509 *x = SSL_get1_peer_certificate(t->ssl);
	long result = SSL_get_verify_result(t->ssl);
	struct tm until;

	*ret = (struct hk_tls_peer){0};
	if (!x) {
		snprintf(ret->why, sizeof ret->why, "there is none");
		return;
	}
	name_text(X509_get_subject_name(x), ret->subject, sizeof ret->subject);
	name_text(X509_get_issuer_name(x), ret->issuer, sizeof ret->issuer);
	if (ASN1_TIME_to_tm(X509_get0_notAfter(x), &until) == 1)
		strftime(ret->not_after, sizeof ret->not_after, "%Y-%m-%d", &until);
	fingerprints(x, ret);
	if (result != X509_V_OK)
		snprintf(ret->why, sizeof ret->why, "%s", X509_verify_cert_error_string(result));
	else if (!is_for(x, name))
		snprintf(ret->why, sizeof ret->why, "it is for another name");
	else
		ret->is_trusted = true;
	X509_free(x);
	ERR_clear_error();
}
