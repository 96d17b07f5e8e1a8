/* SPDX-License-Identifier: MIT */
#include <gsasl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/password.h"
#include "io/sasl.h"

/* Of libgsasl no more than these, whatever else it was built with: each further one is code that
 * strangers reach (CVE-2020-12783 and its like). The strongest first. */
static const char *const mechanisms[] = {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"};
static const char *const on_demand[] = {"EXTERNAL"}; /* only where the configuration names it */

struct file_exchange {
	struct hk_sasl sasl;
	struct hk_users *users;
	Gsasl_session *session;
	const char *name; /* who passed; borrowed from the session or from users */
	const struct hk_user *user;
	bool is_proven; /* the server's last word is out, the client's empty answer is awaited */
	bool is_dead;
};

/* ---- libgsasl ---- */

static Gsasl *library;
static uint8_t salt_key[HK_SHA256_SIZE]; /* of the salts of users that do not exist */

static const char *property(Gsasl_session *s, Gsasl_property p)
{
	const char *text = gsasl_property_fast(s, p);

	return text ? text : "";
}

static const struct hk_user *user_of(struct file_exchange *x, Gsasl_session *s)
{
	x->name = property(s, GSASL_AUTHID);
	x->user = hk_users_find(x->users, hk_slice_str(x->name));
	return x->user;
}

/* RFC 4616 2: acting for somebody else is nobody's right here. */
static bool is_himself(const struct file_exchange *x, Gsasl_session *s)
{
	struct hk_slice other = hk_slice_str(property(s, GSASL_AUTHZID));

	return !other.n || hk_slice_eq_nocase(other, hk_slice_str(x->name));
}

static int validate_password(struct file_exchange *x, Gsasl_session *s)
{
	const struct hk_user *u = user_of(x, s);
	struct hk_slice none = {0};
	bool fits = hk_password_fits(u ? u->hash : none, hk_slice_str(property(s, GSASL_PASSWORD)));

	return fits && is_himself(x, s) ? GSASL_OK : GSASL_AUTHENTICATION_ERROR;
}

static int validate_external(struct file_exchange *x, Gsasl_session *s)
{
	struct hk_slice name = hk_slice_str(x->sasl.peer.certificate_user);

	x->name = x->sasl.peer.certificate_user;
	x->user = name.n ? hk_users_find(x->users, name) : NULL;
	return x->user && is_himself(x, s) ? GSASL_OK : GSASL_AUTHENTICATION_ERROR;
}

static int set_base64(Gsasl_session *s, Gsasl_property p, const uint8_t *bytes, size_t n)
{
	struct hk_buf text;
	int result;

	hk_buf_init(&text, 1024);
	hk_base64_add(&text, hk_slice_of(bytes, n));
	hk_buf_add_byte(&text, 0);
	result = hk_buf_status(&text) == HK_OK ? gsasl_property_set(s, p, (const char *)text.p)
	                                       : GSASL_MALLOC_ERROR;
	if (text.n)
		explicit_bzero(text.p, text.n);
	hk_buf_done(&text);
	return result;
}

/* Somebody who does not exist has a salt too, always the same one, and keys that nothing fits:
 * otherwise the second message would say who exists (RFC 5802 9). */
static void make_up(struct file_exchange *x, struct hk_user *ret)
{
	struct hk_slice key = hk_slice_of(salt_key, sizeof salt_key);
	struct hk_slice name = hk_slice_str(x->name);
	uint8_t salt[HK_SHA256_SIZE] = {0};

	*ret = (struct hk_user){.iterations = HK_SCRAM_ITERATIONS, .salt_n = 16, .has_scram = true};
	if (hk_hmac_sha256(key, name, salt) != HK_OK ||
	    hk_random(ret->stored_key, HK_SHA256_SIZE) != HK_OK)
		memset(ret->stored_key, 0, HK_SHA256_SIZE);
	memcpy(ret->salt, salt, ret->salt_n);
}

/* All four at once: they are of one user. */
static int give_scram(struct file_exchange *x, Gsasl_session *s)
{
	const struct hk_user *u = user_of(x, s);
	struct hk_user nobody;
	char iterations[16];
	int result;

	if (!u || !u->has_scram || !is_himself(x, s)) {
		make_up(x, &nobody);
		u = &nobody;
	}
	snprintf(iterations, sizeof iterations, "%lu", (unsigned long)u->iterations);
	result = gsasl_property_set(s, GSASL_SCRAM_ITER, iterations);
	if (result == GSASL_OK)
		result = set_base64(s, GSASL_SCRAM_SALT, u->salt, u->salt_n);
	if (result == GSASL_OK)
		result = set_base64(s, GSASL_SCRAM_STOREDKEY, u->stored_key, sizeof u->stored_key);
	if (result == GSASL_OK)
		result = set_base64(s, GSASL_SCRAM_SERVERKEY, u->server_key, sizeof u->server_key);
	return result;
}

static int callback(Gsasl *g, Gsasl_session *s, Gsasl_property p)
{
	struct file_exchange *x = gsasl_session_hook_get(s);

	(void)g;
	switch (p) {
	case GSASL_VALIDATE_SIMPLE:
		return validate_password(x, s);
	case GSASL_VALIDATE_EXTERNAL:
		return validate_external(x, s);
	case GSASL_SCRAM_ITER:
	case GSASL_SCRAM_SALT:
	case GSASL_SCRAM_STOREDKEY:
	case GSASL_SCRAM_SERVERKEY:
		return give_scram(x, s);
	case GSASL_CB_TLS_UNIQUE:
		return x->sasl.peer.unique_n
		           ? set_base64(s, p, x->sasl.peer.unique, x->sasl.peer.unique_n)
		           : GSASL_NO_CB_TLS_UNIQUE;
	case GSASL_CB_TLS_EXPORTER:
		return x->sasl.peer.exporter_n
		           ? set_base64(s, p, x->sasl.peer.exporter, x->sasl.peer.exporter_n)
		           : GSASL_NO_CB_TLS_EXPORTER;
	default:
		return GSASL_NO_CALLBACK;
	}
}

static void load(void)
{
	if (hk_random(salt_key, sizeof salt_key) != HK_OK || gsasl_init(&library) != GSASL_OK)
		library = NULL;
	else
		gsasl_callback_set(library, callback);
}

static Gsasl *loaded(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, load);
	return library;
}

/* ---- the exchange ---- */

static bool is_known(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof mechanisms / sizeof mechanisms[0]; i++)
		if (strcmp(name, mechanisms[i]) == 0)
			return true;
	return strcmp(name, on_demand[0]) == 0;
}

static void pass(struct file_exchange *x, struct hk_sasl_result *ret)
{
	if (!x->user) {
		ret->outcome = HK_AUTH_DENIED;
		return;
	}
	ret->outcome = HK_AUTH_PASSED;
	snprintf(ret->user, sizeof ret->user, "%.*s", HK_FMT(x->user->name));
	hk_buf_add(&ret->senders, x->user->senders);
}

static enum hk_auth_outcome outcome_of(int result)
{
	switch (result) {
	case GSASL_MECHANISM_PARSE_ERROR:
	case GSASL_BASE64_ERROR:
	case GSASL_SASLPREP_ERROR:
		return HK_AUTH_SYNTAX;
	case GSASL_MALLOC_ERROR:
	case GSASL_CRYPTO_ERROR:
		return HK_AUTH_LATER;
	default:
		return HK_AUTH_DENIED;
	}
}

static void run(
    struct file_exchange *x, struct hk_slice data, bool has_data, struct hk_sasl_result *ret)
{
	static const char empty[1] = "";
	const char *in = data.n ? (const char *)data.p : has_data ? empty : NULL;
	char *out = NULL;
	size_t n = 0;
	int result = gsasl_step(x->session, in, data.n, &out, &n);

	if (result == GSASL_NEEDS_MORE || (result == GSASL_OK && n)) {
		/* RFC 4954 4: a success has no room for the server's last word, so it is a
		 * challenge, which the client answers with nothing */
		x->is_proven = result == GSASL_OK;
		ret->outcome = HK_AUTH_CONTINUE;
		hk_buf_add(&ret->challenge, hk_slice_of(out, n));
	} else if (result == GSASL_OK) {
		pass(x, ret);
	} else {
		ret->outcome = outcome_of(result);
		if (x->name)
			snprintf(ret->user, sizeof ret->user, "%s", x->name);
	}
	if (out)
		explicit_bzero(out, n);
	gsasl_free(out);
}

/* What holds a NUL is a response of PLAIN, or an attempt at something (row E-09). */
static bool is_no_login(const struct file_exchange *x, struct hk_slice data)
{
	return strcmp(x->sasl.mechanism, "LOGIN") == 0 && data.n && memchr(data.p, 0, data.n);
}

/* The server of LOGIN asks twice; a name that came with AUTH is the answer to a question that was
 * not put, and libgsasl wants to put it. */
static void skip_question(struct file_exchange *x)
{
	char *out = NULL;
	size_t n = 0;

	(void)!gsasl_step(x->session, NULL, 0, &out, &n);
	gsasl_free(out);
}

static bool begin(struct file_exchange *x, bool has_data)
{
	if (!is_known(x->sasl.mechanism) ||
	    gsasl_server_start(library, x->sasl.mechanism, &x->session) != GSASL_OK)
		return false;
	gsasl_session_hook_set(x->session, x);
	if (has_data && strcmp(x->sasl.mechanism, "LOGIN") == 0)
		skip_question(x);
	return true;
}

static void file_step(
    struct hk_sasl *s, struct hk_slice data, bool has_data, struct hk_sasl_result *ret)
{
	struct file_exchange *x = (struct file_exchange *)s;

	ret->outcome = HK_AUTH_LATER;
	if (x->is_dead || !loaded() || (!x->session && !begin(x, has_data)))
		return;
	if (is_no_login(x, data) || (x->is_proven && data.n))
		ret->outcome = HK_AUTH_SYNTAX;
	else if (x->is_proven)
		pass(x, ret);
	else
		run(x, data, has_data, ret);
	x->is_dead = ret->outcome != HK_AUTH_CONTINUE;
}

static void file_free(struct hk_sasl *s)
{
	struct file_exchange *x = (struct file_exchange *)s;

	if (x->session)
		gsasl_finish(x->session);
	hk_users_free(x->users);
	explicit_bzero(x, sizeof *x);
	free(x);
}

static const struct hk_sasl_ops file_ops = {file_step, file_free};

struct hk_sasl *hk_sasl_file(
    struct hk_users *users, struct hk_slice mechanism, const struct hk_sasl_peer *peer)
{
	struct file_exchange *x = calloc(1, sizeof *x);

	if (!x)
		return NULL;
	x->sasl.ops = &file_ops;
	x->sasl.peer = *peer;
	snprintf(x->sasl.mechanism, sizeof x->sasl.mechanism, "%.*s", HK_FMT(mechanism));
	x->users = hk_users_use(users);
	return &x->sasl;
}

void hk_sasl_file_mechanisms(struct hk_buf *out)
{
	size_t i;

	for (i = 0; i < sizeof mechanisms / sizeof mechanisms[0]; i++)
		hk_buf_addf(out, "%s%s", i ? " " : "", mechanisms[i]);
}

/* ---- both kinds ---- */

void hk_sasl_step(
    struct hk_sasl *s, struct hk_slice data, bool has_data, struct hk_sasl_result *ret)
{
	s->ops->step(s, data, has_data, ret);
	if (hk_buf_status(&ret->challenge) != HK_OK || hk_buf_status(&ret->senders) != HK_OK)
		ret->outcome = HK_AUTH_LATER;
}

void hk_sasl_free(struct hk_sasl *s)
{
	if (s)
		s->ops->free(s);
}

void hk_sasl_result_init(struct hk_sasl_result *r)
{
	*r = (struct hk_sasl_result){.outcome = HK_AUTH_LATER};
	hk_buf_init(&r->challenge, HK_SASL_DATA_MAX);
	hk_buf_init(&r->senders, 64 * 1024);
}

void hk_sasl_result_done(struct hk_sasl_result *r)
{
	if (r->challenge.n)
		explicit_bzero(r->challenge.p, r->challenge.n);
	hk_buf_done(&r->challenge);
	hk_buf_done(&r->senders);
}
