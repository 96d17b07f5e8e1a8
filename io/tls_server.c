/* SPDX-License-Identifier: MIT
 *
 * tls_server.c - the certificates of one listener, which of them a client gets, and resumption.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/tls_internal.h"

/* ---- PEM ---- */

struct pair {
	X509 *leaf;
	STACK_OF(X509) * chain;
	EVP_PKEY *key;
};

static BIO *bio_of(struct hk_slice text)
{
	return text.n && text.n <= HK_TLS_PEM_MAX ? BIO_new_mem_buf(text.p, (int)text.n) : NULL;
}

static void pair_done(struct pair *p)
{
	X509_free(p->leaf);
	sk_X509_pop_free(p->chain, X509_free);
	EVP_PKEY_free(p->key);
}

static bool read_chain(struct pair *p, struct hk_slice text)
{
	BIO *pem = bio_of(text);
	X509 *x;

	p->leaf = pem ? PEM_read_bio_X509_AUX(pem, NULL, tls_no_passphrase, NULL) : NULL;
	p->chain = sk_X509_new_null();
	while (p->leaf && p->chain && (x = PEM_read_bio_X509(pem, NULL, tls_no_passphrase, NULL)))
		if (!sk_X509_push(p->chain, x)) {
			X509_free(x);
			break;
		}
	BIO_free(pem);
	/* the end of the file is reported as an error too */
	ERR_clear_error();
	return p->leaf && p->chain;
}

static bool read_key(struct pair *p, struct hk_slice text)
{
	BIO *pem = bio_of(text);

	p->key = pem ? PEM_read_bio_PrivateKey(pem, NULL, tls_no_passphrase, NULL) : NULL;
	BIO_free(pem);
	ERR_clear_error();
	return p->key && X509_check_private_key(p->leaf, p->key) == 1;
}

/* ---- sites: one set of names, a certificate for each kind of key ---- */

/* The first name that it is for; "" for none. */
static void first_name(X509 *x, char ret[256])
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	int i, n = sk_GENERAL_NAME_num(names);

	ret[0] = 0;
	for (i = 0; i < n && !ret[0]; i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);

		if (g->type == GEN_DNS && ASN1_STRING_length(g->d.dNSName) < 256)
			snprintf(ret, 256, "%.*s", ASN1_STRING_length(g->d.dNSName),
			    (const char *)ASN1_STRING_get0_data(g->d.dNSName));
	}
	GENERAL_NAMES_free(names);
	if (!ret[0] && X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, ret, 256) < 0)
		ret[0] = 0;
}

static bool has_kind(const struct tls_site *s, int kind)
{
	size_t i;

	for (i = 0; i < s->n_leaves; i++)
		if (EVP_PKEY_get_base_id(X509_get0_pubkey(s->leaf[i])) == kind)
			return true;
	return false;
}

static struct tls_site *site_for(struct hk_tls_context *c, const struct pair *p)
{
	char name[256], other[256];
	struct tls_site *s;
	size_t i;

	first_name(p->leaf, name);
	for (i = 0; i < c->n_sites; i++) {
		first_name(c->site[i].leaf[0], other);
		if (name[0] && strcmp(name, other) == 0 && c->site[i].n_leaves < TLS_KINDS &&
		    !has_kind(&c->site[i], EVP_PKEY_get_base_id(p->key)))
			return &c->site[i];
	}
	if (c->n_sites == TLS_SITES)
		return NULL;
	s = &c->site[c->n_sites];
	s->ssl = c->n_sites ? SSL_CTX_new(TLS_server_method()) : c->ssl;
	if (!s->ssl)
		return NULL;
	c->n_sites++;
	return s;
}

static void drop_empty(struct hk_tls_context *c, struct tls_site *s)
{
	if (s->n_leaves)
		return;
	if (s->ssl != c->ssl)
		SSL_CTX_free(s->ssl);
	*s = (struct tls_site){0};
	c->n_sites--;
}

void tls_sites_done(struct hk_tls_context *c)
{
	size_t i, j;

	for (i = 0; i < c->n_sites; i++) {
		for (j = 0; j < c->site[i].n_leaves; j++)
			X509_free(c->site[i].leaf[j]);
		if (c->site[i].ssl != c->ssl)
			SSL_CTX_free(c->site[i].ssl);
	}
	free(c->site);
}

enum hk_status hk_tls_context_add(
    struct hk_tls_context *c, struct hk_slice certificate, struct hk_slice key, struct hk_buf *why)
{
	struct pair p = {0};
	struct tls_site *s = NULL;
	const char *wrong = NULL;

	ERR_clear_error();
	if (!read_chain(&p, certificate))
		wrong = "the certificate file holds no certificate in PEM that can be used";
	else if (!read_key(&p, key))
		wrong = "the key file holds no unencrypted private key in PEM that belongs to the "
		        "certificate";
	else if (!(s = site_for(c, &p)))
		wrong = "there are too many certificates";
	else if (SSL_CTX_use_cert_and_key(s->ssl, p.leaf, p.key, p.chain, 0) != 1)
		wrong = "the certificate cannot be used (its key may be too short)";
	if (!wrong) {
		X509_up_ref(p.leaf);
		s->leaf[s->n_leaves++] = p.leaf;
	} else if (s) {
		drop_empty(c, s);
	}
	pair_done(&p);
	ERR_clear_error();
	if (wrong)
		hk_buf_add_str(why, wrong);
	return wrong ? HK_CRYPTO : HK_OK;
}

/* ---- which one a client gets ---- */

/* By the certificates' own names. Nothing is kept for a name, whatever it is (CVE-2017-15130). */
static int choose_site(SSL *ssl, int *alert, void *user)
{
	const struct hk_tls_context *c = user;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	size_t i;

	(void)alert;
	/* a ticket of TLS 1.2 would let who gets its key later read what was said (RFC 9325 3.4) */
	if (SSL_version(ssl) < TLS1_3_VERSION)
		SSL_set_options(ssl, SSL_OP_NO_TICKET);
	for (i = 0; name && i < c->n_sites; i++) {
		if (X509_check_host(c->site[i].leaf[0], name, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) != 1)
			continue;
		if (i)
			SSL_set_SSL_CTX(ssl, c->site[i].ssl);
		break;
	}
	return SSL_TLSEXT_ERR_OK;
}

/* ---- resumption: of this listener, by its own keys, and for the same name ---- */

static const char *name_of(const SSL *ssl)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	return name ? name : "";
}

static int make_ticket(SSL *ssl, void *user)
{
	const char *name = name_of(ssl);

	(void)user;
	return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), name, strlen(name));
}

static SSL_TICKET_RETURN take_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *key_name,
    size_t key_name_n, SSL_TICKET_STATUS status, void *user)
{
	const char *name = name_of(ssl);
	void *of = NULL;
	size_t n = 0;

	(void)key_name;
	(void)key_name_n;
	(void)user;
	if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	if (SSL_SESSION_get0_ticket_appdata(session, &of, &n) != 1 ||
	    !hk_slice_eq_nocase(hk_slice_of(of, n), hk_slice_str(name)))
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

enum hk_status hk_tls_context_server(struct hk_slice listener, struct hk_tls_context **ret)
{
	enum { TICKET_SECONDS = 7200 };
	struct hk_tls_context *c;
	enum hk_status status = tls_context_new(TLS_server_method(), &c);
	uint8_t id[EVP_MAX_MD_SIZE];

	if (status != HK_OK)
		return status;
	c->site = calloc(TLS_SITES, sizeof *c->site);
	if (!c->site || EVP_Digest(listener.p, listener.n, id, NULL, EVP_sha256(), NULL) != 1 ||
	    SSL_CTX_set_session_id_context(c->ssl, id, SSL_MAX_SID_CTX_LENGTH) != 1 ||
	    SSL_CTX_set_session_ticket_cb(c->ssl, make_ticket, take_ticket, NULL) != 1) {
		hk_tls_context_free(c);
		return HK_NOMEM;
	}
	SSL_CTX_clear_options(c->ssl, SSL_OP_NO_TICKET);
	SSL_CTX_set_num_tickets(c->ssl, 1);
	SSL_CTX_set_timeout(c->ssl, TICKET_SECONDS);
	SSL_CTX_set_tlsext_servername_callback(c->ssl, choose_site);
	SSL_CTX_set_tlsext_servername_arg(c->ssl, c);
	*ret = c;
	return HK_OK;
}

/* ---- beside what is published ---- */

static bool digest_fits(const struct hk_tlsa *t, const uint8_t *der, size_t n)
{
	const EVP_MD *md = t->matching == 1 ? EVP_sha256() : EVP_sha512();
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;

	if (t->matching == 0)
		return hk_slice_eq(t->data, hk_slice_of(der, n));
	return EVP_Digest(der, n, digest, &length, md, NULL) == 1 &&
	       hk_slice_eq(t->data, hk_slice_of(digest, length));
}

static bool certificate_fits(const struct hk_tlsa *t, X509 *x)
{
	uint8_t *der = NULL;
	int n = t->selector ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der) : i2d_X509(x, &der);
	bool fits = n > 0 && digest_fits(t, der, (size_t)n);

	OPENSSL_free(der);
	return fits;
}

/* Usage 3 is the certificate itself; usage 2 any of its chain that is shown. */
static bool chain_fits(const struct hk_tlsa *t, SSL_CTX *ssl)
{
	STACK_OF(X509) *chain = NULL;
	X509 *leaf = SSL_CTX_get0_certificate(ssl);
	int i;

	if (leaf && certificate_fits(t, leaf))
		return true;
	if (t->usage != 2 || SSL_CTX_get0_chain_certs(ssl, &chain) != 1)
		return false;
	for (i = 0; i < sk_X509_num(chain); i++)
		if (certificate_fits(t, sk_X509_value(chain, i)))
			return true;
	return false;
}

static bool any_fits(SSL_CTX *ssl, const struct hk_tlsa *tlsa, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (chain_fits(&tlsa[i], ssl))
			return true;
	return false;
}

bool hk_tls_context_fits(struct hk_tls_context *c, const char *name, const struct hk_tlsa *tlsa, size_t n)
{
	SSL_CTX *ssl = c->ssl;
	bool fits = true;
	long set;
	size_t i;

	for (i = 0; i < c->n_sites; i++)
		if (X509_check_host(c->site[i].leaf[0], name, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1) {
			ssl = c->site[i].ssl;
			break;
		}
	/* a client may come to see each of them, by its algorithms */
	for (set = SSL_CTX_set_current_cert(ssl, SSL_CERT_SET_FIRST); set == 1 && fits;
	     set = SSL_CTX_set_current_cert(ssl, SSL_CERT_SET_NEXT))
		fits = any_fits(ssl, tlsa, n);
	ERR_clear_error();
	return fits;
}
