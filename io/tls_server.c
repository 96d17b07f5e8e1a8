/* SPDX-License-Identifier: MIT
 *
 * tls_server.c - the certificates of one listener, and which of them a client gets.
 */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hikyaku/crypto.h>

#include "io/clock.h"
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

static bool set_up_site(const struct hk_tls_context *, SSL_CTX *);

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
	if (!s->ssl || !set_up_site(c, s->ssl)) {
		if (s->ssl != c->ssl)
			SSL_CTX_free(s->ssl);
		*s = (struct tls_site){0};
		return NULL;
	}
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
		for (j = 0; j < c->site[i].n_leaves; j++) {
			X509_free(c->site[i].leaf[j]);
			sk_X509_pop_free(c->site[i].chain[j], X509_free);
		}
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
	else if (SSL_CTX_use_cert_and_key(s->ssl, p.leaf, p.key, p.chain, 0) != 1 ||
	         hk_hmac_sha256(hk_slice_of(c->place, sizeof c->place), certificate, c->place) != HK_OK)
		wrong = "the certificate cannot be used (its key may be too short)";
	if (!wrong) {
		s->leaf[s->n_leaves] = p.leaf;
		s->chain[s->n_leaves++] = p.chain;
		p.leaf = NULL;
		p.chain = NULL;
	} else if (s) {
		drop_empty(c, s);
	}
	pair_done(&p);
	ERR_clear_error();
	if (wrong)
		hk_buf_add_str(why, wrong);
	return wrong ? HK_CRYPTO : HK_OK;
}

/* ---- who asks for whom ---- */

/* RFC 6066 3: a list with one name of the type that there is. False: there is none; what is malformed OpenSSL refuses later. */
static bool read_name(const uint8_t *p, size_t n, char ret[HK_TLS_NAME_MAX + 1])
{
	size_t i;

	if (n < 5 || p[2] != TLSEXT_NAMETYPE_host_name || n - 5 > HK_TLS_NAME_MAX)
		return false;
	for (i = 5; i < n; i++) {
		if (!p[i])
			return false;
		ret[i - 5] = (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] + ('a' - 'A') : p[i]);
	}
	ret[n - 5] = '\0';
	return true;
}

/* By the certificates' own names. Nothing is kept for a name, whatever it is (CVE-2017-15130). */
const struct tls_site *tls_find_site(const struct hk_tls_context *c, const char *name)
{
	size_t i;

	for (i = 0; name[0] && i < c->n_sites; i++)
		if (X509_check_host(c->site[i].leaf[0], name, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1)
			return &c->site[i];
	return &c->site[0];
}

/* Before OpenSSL looks at a ticket: its callback for the name comes behind that, which is too late for a key that hangs on it. */
static int on_hello(SSL *ssl, int *alert, void *user)
{
	struct hk_tls *t = SSL_get_app_data(ssl);
	const uint8_t *p;
	size_t n;

	(void)alert;
	if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &n) || !read_name(p, n, t->name))
		t->name[0] = '\0';
	SSL_set_SSL_CTX(ssl, tls_find_site(user, t->name)->ssl);
	return SSL_CLIENT_HELLO_SUCCESS;
}

/* RFC 6066 3: the name was used. */
static int acknowledge(SSL *ssl, int *alert, void *user)
{
	(void)ssl;
	(void)alert;
	(void)user;
	return SSL_TLSEXT_ERR_OK;
}

/* RFC 7301 3.2: who offers protocols, and none of mail, believes to speak to somebody else: a browser that was led here (ALPACA,
 * USENIX Security 2021). Deliberate: none is registered for SMTP; these are the names that Exim and others use. */
static int choose_protocol(
    SSL *ssl, const uint8_t **ret, uint8_t *ret_n, const uint8_t *offered, unsigned n, void *user)
{
	static const uint8_t ours[] = "\4smtp\5esmtp\4lmtp";
	uint8_t *chosen;

	(void)ssl;
	(void)user;
	if (SSL_select_next_proto(&chosen, ret_n, ours, sizeof ours - 1, offered, n) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*ret = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* ---- tickets ---- */

static bool use_keys(EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, struct hk_tls_ticket_keys *k, const uint8_t *iv, bool encrypts)
{
	OSSL_PARAM params[] = {OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, k->mac, sizeof k->mac),
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t) "SHA256", 0), OSSL_PARAM_construct_end()};

	return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, k->cipher, iv, encrypts) == 1 &&
	       EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* RFC 5077 4, RFC 8446 4.6.1. The certificates in force are part of the place: after a change of them everybody shakes hands anew. */
static int on_ticket(SSL *ssl, unsigned char key_name[HK_TLS_TICKET_NAME], unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int makes)
{
	const struct hk_tls *t = SSL_get_app_data(ssl);
	const struct hk_tls_context *c = t->context;
	struct hk_tls_ticket_keys keys;
	uint64_t now = hk_clock_mono_ms();
	enum hk_status status;
	bool is_old = false, ok;

	if (makes) {
		status = hk_tls_tickets_make(c->tickets, now, c->place, hk_slice_str(t->name), &keys);
		if (status == HK_OK)
			status = hk_random(iv, (size_t)EVP_CIPHER_get_iv_length(EVP_aes_256_cbc()));
		memcpy(key_name, keys.name, sizeof keys.name);
	} else {
		status = hk_tls_tickets_find(c->tickets, now, c->place, hk_slice_str(t->name), key_name, &keys, &is_old);
		if (status == HK_NOTFOUND)
			return 0;
	}
	ok = status == HK_OK && use_keys(cipher, mac, &keys, iv, makes);
	explicit_bzero(&keys, sizeof keys);
	return !ok ? -1 : is_old ? 2 : 1;
}

static void allow_tickets(struct hk_tls_context *c)
{
	SSL_CTX_clear_options(c->ssl, SSL_OP_NO_TICKET);
	SSL_CTX_set_num_tickets(c->ssl, 1);
	SSL_CTX_set_timeout(c->ssl, HK_TLS_SESSION_S);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(c->ssl, on_ticket);
}

/* ---- the context ---- */

/* What the contexts of all sites have: those of the connection as it is after the choice. */
static bool set_up_site(const struct hk_tls_context *c, SSL_CTX *ssl)
{
	SSL_CTX_set_alpn_select_cb(ssl, choose_protocol, NULL);
	return SSL_CTX_set_session_id_context(ssl, c->id, sizeof c->id) == 1;
}

static enum hk_status set_up(struct hk_tls_context *c, struct hk_slice name)
{
	enum hk_status status = hk_hmac_sha256(HK_S("listener"), name, c->id);

	memcpy(c->place, c->id, sizeof c->place);
	c->site = calloc(TLS_SITES, sizeof *c->site);
	if (status != HK_OK || !c->site)
		return status != HK_OK ? status : HK_NOMEM;
	SSL_CTX_set_client_hello_cb(c->ssl, on_hello, c);
	SSL_CTX_set_tlsext_servername_callback(c->ssl, acknowledge);
	if (c->tickets)
		allow_tickets(c);
	return set_up_site(c, c->ssl) ? HK_OK : HK_CRYPTO;
}

enum hk_status hk_tls_context_server(struct hk_slice name, struct hk_tls_tickets *tickets, struct hk_tls_context **ret)
{
	struct hk_tls_context *c;
	enum hk_status status = tls_context_new(TLS_server_method(), &c);

	if (status != HK_OK)
		return status;
	c->tickets = tickets;
	status = set_up(c, name);
	if (status == HK_OK)
		*ret = c;
	else
		hk_tls_context_free(c);
	return status;
}
