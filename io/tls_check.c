/* SPDX-License-Identifier: MIT
 *
 * tls_check.c - the certificate of a server, as the table of engine/tls_policy.c wants it checked.
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include <hikyaku/dns.h>

#include "io/tls_internal.h"

static bool add_authorities(SSL_CTX *ssl, BIO *pem)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ssl);
	bool any = false;
	X509 *x;

	while ((x = PEM_read_bio_X509(pem, NULL, tls_no_passphrase, NULL))) {
		any |= X509_STORE_add_cert(store, x) == 1;
		X509_free(x);
	}
	ERR_clear_error();
	return any;
}

static enum hk_status client_context(struct hk_slice ca, struct hk_tls_context **ret)
{
	struct hk_tls_context *c;
	enum hk_status status = tls_context_new(TLS_client_method(), &c);

	if (status != HK_OK)
		return status;
	if (ca.n ? !tls_use_pem(c->ssl, ca, add_authorities)
	         : SSL_CTX_set_default_verify_paths(c->ssl) != 1) {
		ERR_clear_error();
		hk_tls_context_free(c);
		return HK_CRYPTO;
	}
	*ret = c;
	return HK_OK;
}

enum hk_status hk_tls_context_client(struct hk_slice ca, struct hk_tls_context **ret)
{
	enum hk_status status = client_context(ca, ret);

	if (status != HK_OK)
		return status;
	/* Deliberate: where nothing is authenticated a peer's short key is still better than plain
	 * text (RFC 7435 3); hk_tls_expect raises it where something is. */
	SSL_CTX_set_security_level((*ret)->ssl, 0);
	if (SSL_CTX_dane_enable((*ret)->ssl) == 1)
		return HK_OK;
	hk_tls_context_free(*ret);
	*ret = NULL;
	return HK_CRYPTO;
}

enum hk_status hk_tls_context_checked(struct hk_slice ca, struct hk_tls_context **ret)
{
	return client_context(ca, ret);
}

/* ---- what is expected ---- */

/* RFC 8461 4.2, RFC 9525: a name of the certificate's own list, with at most one "*" that is a whole label. */
static bool expect_name(SSL *ssl, const char *name)
{
	struct hk_ip ip;

	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	if (hk_ip_parse(hk_slice_str(name), &ip) == HK_OK)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
	return SSL_set1_host(ssl, name) == 1;
}

/* RFC 7672 3.1.1: for usage 3 neither the name nor the date counts. OpenSSL skips the date by itself. */
bool tls_expect_tlsa(SSL *ssl, const char *name, const char *other, const struct hk_tls_check *check)
{
	size_t i, n = 0;

	if (SSL_dane_enable(ssl, name) != 1)
		return false;
	SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	for (i = 0; i < check->n_tlsa; i++) {
		const struct hk_tlsa *t = &check->tlsa[i];

		n += SSL_dane_tlsa_add(ssl, t->usage, t->selector, t->matching, t->data.p, t->data.n) == 1;
	}
	return n > 0 && (!other[0] || SSL_add1_host(ssl, other) == 1);
}

enum hk_status hk_tls_expect(struct hk_tls *t, const struct hk_tls_check *check)
{
	char name[HK_DNS_NAME_MAX + 1], other[HK_DNS_NAME_MAX + 1];
	bool ok;

	if (check->verify == HK_VERIFY_NONE)
		return HK_OK;
	if (!check->name.n || check->name.n >= sizeof name || check->other_name.n >= sizeof other)
		return HK_CRYPTO;
	snprintf(name, sizeof name, "%.*s", HK_FMT(check->name));
	snprintf(other, sizeof other, "%.*s", HK_FMT(check->other_name));
	ok = check->verify == HK_VERIFY_DANE ? tls_expect_tlsa(t->ssl, name, other, check)
	                                     : expect_name(t->ssl, name);
	ERR_clear_error();
	if (!ok)
		return HK_CRYPTO;
	if (check->verify != HK_VERIFY_NOTED) {
		SSL_set_security_level(t->ssl, 1);
		SSL_set_verify(t->ssl, SSL_VERIFY_PEER, NULL);
	}
	t->is_checked = true;
	return HK_OK;
}

/* ---- what came of it ---- */

enum hk_tls_result hk_tls_result(const struct hk_tls *t)
{
	if (!t->is_checked)
		return HK_TLS_RESULT_NONE;
	switch (SSL_get_verify_result(t->ssl)) {
	case X509_V_OK:
		return HK_TLS_RESULT_NONE;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return HK_TLS_RESULT_HOST_MISMATCH;
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return HK_TLS_RESULT_EXPIRED;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_CERT_UNTRUSTED:
	case X509_V_ERR_CERT_REJECTED:
	case X509_V_ERR_INVALID_CA:
		return HK_TLS_RESULT_NOT_TRUSTED;
	default:
		return HK_TLS_RESULT_VALIDATION;
	}
}

const char *hk_tls_wrong(const struct hk_tls *t)
{
	long result = SSL_get_verify_result(t->ssl);

	return !t->is_checked || result == X509_V_OK ? NULL : X509_verify_cert_error_string(result);
}
