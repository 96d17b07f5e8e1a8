/* SPDX-License-Identifier: MIT
 *
 * conf_check.c - defaults that hang on other items, and the rules that no single item can know.
 */
#include <stdlib.h>

#include "conf/conf_internal.h"

static int by_name(const void *a, const void *b)
{
	return hk_slice_cmp_nocase(*(const struct hk_slice *)a, *(const struct hk_slice *)b);
}

void conf_finish(struct conf_reader *r, const struct conf_places *p)
{
	struct hk_conf *c = r->conf;
	size_t i;

	if (!c->fetch_user.n)
		c->fetch_user = c->user;
	for (i = 0; i < c->n_listeners; i++) {
		struct hk_conf_listener *l = &c->listener[i];

		if (!l->hostname.n)
			l->hostname = c->hostname;
		if (!l->authserv_id.n)
			l->authserv_id = l->hostname;
		if (!p->talkers_set[i])
			l->reject_early_talkers = l->role == HK_ROLE_MX;
	}
	for (i = 0; i < c->n_routes; i++) {
		if (!c->route[i].helo.n)
			c->route[i].helo = c->hostname;
		if (!c->route[i].retry.n)
			c->route[i].retry = c->retry;
		if (!c->route[i].lifetime)
			c->route[i].lifetime = c->lifetime;
		if (!c->route[i].delay_notice.n)
			c->route[i].delay_notice = c->delay_notice;
		if (!p->return_path_set[i])
			c->route[i].add_return_path = c->route[i].via == HK_VIA_MAILDIR;
	}
	if (c->mailboxes.n)
		qsort(c->mailboxes.at, c->mailboxes.n, sizeof *c->mailboxes.at, by_name);
	for (i = 0; i < c->accept.n && !c->postmaster.n; i++)
		if (c->accept.at[i].p[0] != '.' &&
		    hk_arena_fmt(&c->arena, &c->postmaster, "postmaster@%.*s",
		        HK_FMT(c->accept.at[i])) != HK_OK)
			r->no_memory = true;
}

/* Sockets of listener i that a socket before them has already. */
static void check_sockets(struct conf_reader *r, const struct conf_places *p, size_t i)
{
	const struct hk_conf_listener *l = &r->conf->listener[i], *other;
	size_t j, k, m;

	for (j = 0; j < l->n_sockets; j++) {
		for (k = 0; k <= i; k++) {
			other = &r->conf->listener[k];
			for (m = 0; m < (k == i ? j : other->n_sockets); m++)
				if (hk_conf_socket_eq(&l->socket[j], &other->socket[m]))
					conf_error(
					    r, p->listener[i], "two listeners on one address");
		}
	}
}

/* What the password file can answer. */
static bool is_of_file(const struct hk_conf_listener *l, struct hk_slice name)
{
	static const char *const names[] = {
	    "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"};
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		if (hk_slice_eq(name, hk_slice_str(names[i])))
			return true;
	return l->client_authorities.n && hk_slice_eq(name, HK_S("EXTERNAL"));
}

static void check_mechanisms(
    struct conf_reader *r, const struct conf_token *at, const struct hk_conf_listener *l)
{
	struct hk_slice rest = l->auth_mechanisms;

	while (l->auth == HK_AUTH_FILE && rest.n) {
		struct hk_slice word = hk_slice_sub(rest, 0, hk_slice_find(rest, ' '));

		if (!is_of_file(l, word))
			conf_error(r, at, "a password file has no mechanism %s",
			    conf_shown(word).text);
		rest = hk_slice_from(rest, word.n + 1);
	}
}

static void check_auth(
    struct conf_reader *r, const struct conf_token *at, const struct hk_conf_listener *l)
{
	if (l->client_authorities.n && (l->auth != HK_AUTH_FILE || !hk_conf_has_tls(l)))
		conf_error(r, at, "client-authorities needs TLS and auth file");
	if (l->auth == HK_AUTH_OFF) {
		if (l->auth_mechanisms.n)
			conf_error(r, at, "auth-mechanisms needs auth");
		return;
	}
	if (l->role == HK_ROLE_MX || l->lmtp)
		conf_error(r, at, "auth is for the roles submission and relay: an mx takes mail from anyone");
	check_mechanisms(r, at, l);
	if (!(l->extensions & HK_EXT(AUTH)))
		conf_error(r, at, "auth needs auth among the extensions");
	if (!l->certificate.n && !l->auth_in_clear)
		conf_error(r, at, "auth needs TLS: starttls or implicit-tls and a certificate, or auth-without-tls on");
}

static bool has_unix(const struct hk_conf_listener *l)
{
	size_t i;

	for (i = 0; i < l->n_sockets; i++)
		if (l->socket[i].path[0])
			return true;
	return false;
}

/* A message is a record of the journal, and fits in a batch, of half a segment at most (engine/spool.c), or it could never be taken, nor moved when
 * its segment is old: a KiB for each recipient (an address has 256 octets, RFC 5321 4.5.3.1.3, an ORCPT 500, RFC 3461 4.2), as far as a
 * session holds so many (HK_SESSION_MESSAGE_ARENA); 256 KiB each for the header and a body that is no file, and as much again beside. */
static uint64_t least_segment(uint64_t recipients)
{
	const uint64_t kib = 1024, most = 8 * 1024 * kib;
	uint64_t size = recipients * kib;

	return 2 * ((size < most ? size : most) + 1024 * kib);
}

static void check_listeners(struct conf_reader *r, const struct conf_places *p)
{
	const struct hk_conf *c = r->conf;
	size_t i, j;

	for (i = 0; i < c->n_listeners; i++) {
		const struct hk_conf_listener *l = &c->listener[i];

		for (j = 0; j < i; j++)
			if (l->name.n && hk_slice_eq(l->name, c->listener[j].name))
				conf_error(r, p->listener[i],
				    "a listener of this name stands in line %u already",
				    p->listener[j]->line);
		if (hk_conf_has_tls(l) && !l->certificate.n)
			conf_error(r, p->listener[i],
			    "starttls and implicit-tls need certificate and certificate-key");
		if (l->certificate.n != l->certificate_key.n)
			conf_error(r, p->listener[i], "each certificate needs its certificate-key");
		if (l->certificate.n > HK_CONF_CERTIFICATES_MAX)
			conf_error(r, p->listener[i], "more than %d certificates", HK_CONF_CERTIFICATES_MAX);
		/* what came behind the PROXY header would be lost to the handshake */
		if (l->implicit_tls && l->proxy_from.n)
			conf_error(r, p->listener[i], "implicit-tls and proxy-from do not go together");
		if (l->enforce != HK_ENFORCE_OFF && !(l->checks & HK_CHECK_DMARC))
			conf_error(r, p->listener[i], "enforce needs dmarc among the checks");
		if (c->spool_segment < least_segment(l->max_recipients))
			conf_error(r, p->listener[i], "max-recipients %zu needs a spool-segment of %uk", l->max_recipients,
			    (unsigned)(least_segment(l->max_recipients) / 1024));
		check_auth(r, p->listener[i], l);
		if (l->role == HK_ROLE_RELAY && !l->relay_from.n)
			conf_error(r, p->listener[i], "role relay needs relay-from");
		/* RFC 2033 5 */
		for (j = 0; l->lmtp && j < l->n_sockets; j++)
			if (l->socket[j].port == 25)
				conf_error(r, p->listener[i], "lmtp is never spoken on port 25");
		if (l->socket_owner.n && !has_unix(l))
			conf_error(r, p->listener[i], "socket-owner needs a unix socket among the addresses");
		check_sockets(r, p, i);
	}
}

static void check_routes(struct conf_reader *r, const struct conf_places *p)
{
	const struct hk_conf *c = r->conf;
	size_t i, j;

	for (i = 0; i < c->n_routes; i++) {
		const struct hk_conf_route *route = &c->route[i];

		for (j = 0; j < i; j++)
			if (route->pattern.n && hk_slice_eq(route->pattern, c->route[j].pattern))
				conf_error(r, p->route[i],
				    "a route for this stands in line %u already",
				    p->route[j]->line);
		if (route->recipients == HK_RECIPIENTS_MAILDIR && route->via != HK_VIA_MAILDIR)
			conf_error(r, p->route[i], "recipients maildir needs via maildir");
		if (route->implicit_tls && (route->via != HK_VIA_SMTP || route->tls == HK_TLS_OFF))
			conf_error(r, p->route[i], "implicit-tls is for smtp with TLS");
		/* RFC 5321 4.4: only the final delivery writes it */
		if (p->return_path_set[i] && route->add_return_path &&
		    (route->via == HK_VIA_MX || route->via == HK_VIA_SMTP))
			conf_error(r, p->route[i],
			    "return-path is for the final delivery: lmtp and maildir");
	}
}

static void check_shapes(struct conf_reader *r, const struct conf_places *p)
{
	const struct hk_conf *c = r->conf;
	size_t i, j;

	for (i = 0; i < c->n_shapes; i++)
		for (j = 0; j < i; j++)
			if (c->shape[i].name.n && hk_slice_eq(c->shape[i].name, c->shape[j].name))
				conf_error(r, p->shape[i], "a shape of this name stands in line %u already", p->shape[j]->line);
}

/* Hints only where there is none: for thousands of keys they would take long. */
static size_t find_key(struct conf_reader *r, const struct conf_token *name)
{
	const struct hk_conf *c = r->conf;
	struct conf_hint hint = {0};
	size_t i;

	for (i = 0; i < c->n_keys; i++)
		if (hk_slice_eq(name->text, c->key[i].name))
			return i;
	for (i = 0; i < c->n_keys; i++)
		conf_hint_try(&hint, name->text, c->key[i].name);
	conf_error(r, name, "there is no key \"%s\"%s", conf_shown(name->text).text, hint.text);
	return 0;
}

static void check_keys(struct conf_reader *r, const struct conf_places *p)
{
	const struct hk_conf *c = r->conf;
	size_t i, j;

	for (i = 0; i < c->n_keys; i++)
		for (j = 0; j < i; j++)
			if (c->key[i].name.n && hk_slice_eq(c->key[i].name, c->key[j].name))
				conf_error(r, p->key[i],
				    "a key of this name stands in line %u already",
				    p->key[j]->line);
	for (i = 0; i < c->n_signs; i++)
		for (j = 0; j < c->sign[i].n_keys; j++)
			c->sign[i].key[j] = find_key(r, &p->sign[i][2 + j]);
}

static void check_tables(struct conf_reader *r)
{
	const struct conf_token *first = &r->token[0];

	if (!r->conf->key_table.n != !r->conf->signing_table.n)
		conf_error(r, first, "key-table and signing-table need each other");
}

void conf_check(struct conf_reader *r, const struct conf_places *p)
{
	check_listeners(r, p);
	check_routes(r, p);
	check_shapes(r, p);
	check_keys(r, p);
	check_tables(r);
}
