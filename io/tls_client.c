/* SPDX-License-Identifier: MIT
 *
 * tls_client.c - who a client of ours is by its certificate, for SASL EXTERNAL (RFC 4422 appendix A).
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include <hikyaku/crypto.h>

#include "io/tls_internal.h"

/* Deliberate: a certificate that cannot be verified is as good as none, and no reason to end the handshake: many mail programs
 * show one wherever they are asked. It names nobody, and who wants to be somebody has to prove it otherwise. */
static int go_on(int ok, X509_STORE_CTX *ctx)
{
	(void)ok;
	(void)ctx;
	return 1;
}

static bool read_authorities(struct hk_slice ca, X509_STORE *store, STACK_OF(X509_NAME) * names)
{
	BIO *pem = ca.n && ca.n <= HK_TLS_PEM_MAX ? BIO_new_mem_buf(ca.p, (int)ca.n) : NULL;
	bool any = false, ok = true;
	X509 *x;

	while (pem && ok && (x = PEM_read_bio_X509(pem, NULL, tls_no_passphrase, NULL))) {
		X509_NAME *name = X509_NAME_dup(X509_get_subject_name(x));

		ok = X509_STORE_add_cert(store, x) == 1 && name && sk_X509_NAME_push(names, name) > 0;
		if (!ok)
			X509_NAME_free(name);
		any = true;
		X509_free(x);
	}
	BIO_free(pem);
	ERR_clear_error();
	return ok && any;
}

static bool use_authorities(SSL_CTX *ssl, X509_STORE *store, STACK_OF(X509_NAME) * names)
{
	STACK_OF(X509_NAME) *copy = SSL_dup_CA_list(names);

	if (!copy)
		return false;
	SSL_CTX_set1_cert_store(ssl, store);
	SSL_CTX_set_client_CA_list(ssl, copy);
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, go_on);
	return true;
}

enum hk_status hk_tls_context_clients(struct hk_tls_context *c, struct hk_slice ca)
{
	STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
	X509_STORE *store = X509_STORE_new();
	bool ok = names && store && read_authorities(ca, store, names);
	size_t i;

	for (i = 0; ok && i < c->n_sites; i++)
		ok = use_authorities(c->site[i].ssl, store, names);
	/* whom we believed is part of what a ticket stands for */
	ok = ok && hk_hmac_sha256(hk_slice_of(c->place, sizeof c->place), ca, c->place) == HK_OK;
	sk_X509_NAME_pop_free(names, X509_NAME_free);
	X509_STORE_free(store);
	ERR_clear_error();
	return ok ? HK_OK : HK_CRYPTO;
}

/* Only what is a name as a whole: no NUL that ends it early (CVE-2009-2408). */
static bool copy_name(const ASN1_STRING *from, char ret[HK_TLS_CLIENT_NAME_MAX + 1])
{
	int n = from ? ASN1_STRING_length(from) : 0, i;
	const uint8_t *p = from ? ASN1_STRING_get0_data(from) : NULL;

	if (n <= 0 || n > HK_TLS_CLIENT_NAME_MAX)
		return false;
	for (i = 0; i < n; i++)
		if (p[i] <= ' ' || p[i] > '~')
			return false;
	memcpy(ret, p, (size_t)n);
	ret[n] = '\0';
	return true;
}

/* The n-th e-mail address; *ret_any: there are some at all. */
static bool find_address(X509 *x, size_t n, char ret[HK_TLS_CLIENT_NAME_MAX + 1], bool *ret_any)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	int i, count = sk_GENERAL_NAME_num(names);
	bool found = false;

	for (i = 0; i < count && !found; i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);

		if (g->type != GEN_EMAIL)
			continue;
		*ret_any = true;
		found = copy_name(g->d.rfc822Name, ret) && n-- == 0;
	}
	GENERAL_NAMES_free(names);
	return found;
}

static bool common_name(const X509_NAME *subject, char ret[HK_TLS_CLIENT_NAME_MAX + 1])
{
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

	/* several would be a choice that nobody made */
	return at >= 0 && X509_NAME_get_index_by_NID(subject, NID_commonName, at) < 0 &&
	       copy_name(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)), ret);
}

bool hk_tls_client_name(const struct hk_tls *t, size_t n, char ret[HK_TLS_CLIENT_NAME_MAX + 1])
{
	X509 *x = SSL_is_server(t->ssl) ? SSL_get0_peer_certificate(t->ssl) : NULL;
	bool any = false, found;

	if (!x || SSL_get_verify_mode(t->ssl) == SSL_VERIFY_NONE || SSL_get_verify_result(t->ssl) != X509_V_OK)
		return false;
	found = find_address(x, n, ret, &any) || (!any && n == 0 && common_name(X509_get_subject_name(x), ret));
	ERR_clear_error();
	return found;
}
