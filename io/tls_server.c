/* SPDX-License-Identifier: MIT
 *
 * tls_server.c - the certificates of one listener, and which of them a client gets.
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
	for (i = 0; name && i < c->n_sites; i++) {
		if (X509_check_host(c->site[i].leaf[0], name, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) != 1)
			continue;
		if (i)
			SSL_set_SSL_CTX(ssl, c->site[i].ssl);
		break;
	}
	return SSL_TLSEXT_ERR_OK;
}

enum hk_status hk_tls_context_server(struct hk_tls_context **ret)
{
	struct hk_tls_context *c;
	enum hk_status status = tls_context_new(TLS_server_method(), &c);

	if (status != HK_OK)
		return status;
	c->site = calloc(TLS_SITES, sizeof *c->site);
	if (!c->site) {
		hk_tls_context_free(c);
		return HK_NOMEM;
	}
	SSL_CTX_set_tlsext_servername_callback(c->ssl, choose_site);
	SSL_CTX_set_tlsext_servername_arg(c->ssl, c);
	*ret = c;
	return HK_OK;
}
