/* SPDX-License-Identifier: MIT
 *
 * tls_fit.c - our own certificates, seen as a sender sees them.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <hikyaku/dns.h>

#include "io/tls_internal.h"

bool hk_tls_context_same(const struct hk_tls_context *a, const struct hk_tls_context *b)
{
	return memcmp(a->place, b->place, sizeof a->place) == 0;
}

static void add_name(struct hk_slice name, struct hk_tls_names *ret)
{
	char text[HK_DNS_NAME_MAX + 1];
	size_t i;

	if (ret->n == HK_TLS_NAMES_MAX || name.n > HK_DNS_NAME_MAX || !hk_is_hostname(name, false))
		return;
	for (i = 0; i < name.n; i++)
		text[i] = (char)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] + ('a' - 'A') : name.p[i]);
	text[name.n] = '\0';
	for (i = 0; i < ret->n; i++)
		if (strcmp(ret->at[i], text) == 0)
			return;
	memcpy(ret->at[ret->n++], text, name.n + 1);
}

static void add_names(X509 *x, struct hk_tls_names *ret)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	int i, n = sk_GENERAL_NAME_num(names);

	for (i = 0; i < n; i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);

		if (g->type == GEN_DNS)
			add_name(hk_slice_of(ASN1_STRING_get0_data(g->d.dNSName), (size_t)ASN1_STRING_length(g->d.dNSName)), ret);
	}
	GENERAL_NAMES_free(names);
}

void hk_tls_context_names(const struct hk_tls_context *c, struct hk_tls_names *ret)
{
	size_t i, j;

	ret->n = 0;
	for (i = 0; i < c->n_sites; i++)
		for (j = 0; j < c->site[i].n_leaves; j++)
			add_names(c->site[i].leaf[j], ret);
	ERR_clear_error();
}

int64_t hk_tls_context_end(const struct hk_tls_context *c)
{
	int64_t first = INT64_MAX;
	size_t i, j;

	for (i = 0; i < c->n_sites; i++)
		for (j = 0; j < c->site[i].n_leaves; j++) {
			struct tm end;

			if (ASN1_TIME_to_tm(X509_get0_notAfter(c->site[i].leaf[j]), &end) == 1 && timegm(&end) < first)
				first = timegm(&end);
		}
	ERR_clear_error();
	return first;
}

/* As OpenSSL verifies what a server showed (ssl_verify_cert_chain), with records alone to trust in. */
static bool verify(SSL *ssl, X509 *leaf, STACK_OF(X509) * chain)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	bool ok = ctx && X509_STORE_CTX_init(ctx, SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl)), leaf, chain) == 1;

	if (ok) {
		X509_STORE_CTX_set0_dane(ctx, SSL_get0_dane(ssl));
		ok = X509_STORE_CTX_set_default(ctx, "ssl_server") == 1 &&
		     X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(ctx), SSL_get0_param(ssl)) == 1 && X509_verify_cert(ctx) == 1;
	}
	X509_STORE_CTX_free(ctx);
	return ok;
}

static bool fits(SSL_CTX *client, const struct hk_tls_check *check, const char *name, X509 *leaf, STACK_OF(X509) * chain)
{
	SSL *ssl = SSL_new(client);
	bool ok = ssl && tls_expect_tlsa(ssl, name, "", check) && verify(ssl, leaf, chain);

	SSL_free(ssl);
	return ok;
}

bool hk_tls_context_fits(const struct hk_tls_context *c, const struct hk_tls_check *check)
{
	SSL_CTX *client = SSL_CTX_new(TLS_client_method());
	char name[HK_DNS_NAME_MAX + 1];
	const struct tls_site *site;
	bool ok = client && check->name.n && check->name.n < sizeof name && SSL_CTX_dane_enable(client) == 1;
	size_t i;

	if (ok) {
		snprintf(name, sizeof name, "%.*s", HK_FMT(check->name));
		site = tls_find_site(c, name);
		for (i = 0; ok && i < site->n_leaves; i++)
			ok = fits(client, check, name, site->leaf[i], site->chain[i]);
	}
	SSL_CTX_free(client);
	ERR_clear_error();
	return ok;
}
