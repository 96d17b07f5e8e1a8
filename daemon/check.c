/* SPDX-License-Identifier: MIT
 *
 * check.c - --check-config: the configuration, and what this host brings for it.
 */
#include <stdio.h>
#include <unistd.h>

#include "conf/users.h"
#include "daemon/bundle.h"
#include "daemon/check_tlsa.h"
#include "daemon/privileges.h"
#include "daemon/roles.h"
#include "io/clock.h"
#include "io/keys.h"
#include "io/tls.h"

/* What a host lacks may come later (a key, a certificate, a user): told, but no error of the
 * configuration. */
static void warn(const struct options *o, struct hk_buf *why)
{
	if (why->n)
		fprintf(stderr, "%s: warning: %.*s\n", o->config, HK_FMT(hk_buf_slice(why)));
	hk_buf_reset(why);
}

static enum hk_status read_file(struct hk_slice path, struct hk_arena *a, size_t max,
    struct hk_buf *why, struct hk_slice *ret)
{
	enum hk_status status;
	int fd;

	status = bundle_open_file(path, why, &fd);
	if (status != HK_OK)
		return status;
	status = bundle_read(fd, a, max, ret);
	if (status != HK_OK)
		hk_buf_addf(why, "%.*s: %s", HK_FMT(path), hk_status_text(status));
	close(fd);
	return status;
}

static void check_pair(struct hk_tls_context *context, const struct hk_conf_listener *l, size_t i,
    struct hk_buf *why)
{
	struct hk_slice certificate, key;
	struct hk_arena a;

	hk_arena_init(&a, 2 * HK_TLS_PEM_MAX + 4096);
	if (read_file(l->certificate.at[i], &a, HK_TLS_PEM_MAX, why, &certificate) == HK_OK &&
	    read_file(l->certificate_key.at[i], &a, HK_TLS_PEM_MAX, why, &key) == HK_OK) {
		hk_buf_addf(why, "listen %.*s: ", HK_FMT(l->name));
		if (hk_tls_context_add(context, certificate, key, why) == HK_OK)
			hk_buf_reset(why);
	}
	hk_arena_done(&a);
}

static void check_certificates(
    const struct options *o, const struct hk_conf *conf, size_t listener, struct hk_buf *why)
{
	const struct hk_conf_listener *l = &conf->listener[listener];
	struct hk_tls_context *context;
	bool all = true;
	size_t i;

	if (hk_tls_context_server(l->name, NULL, &context) != HK_OK)
		return;
	for (i = 0; i < l->certificate.n; i++) {
		check_pair(context, l, i, why);
		all &= !why->n;
		warn(o, why);
	}
	if (all)
		check_tlsa(conf, listener, context, why);
	warn(o, why);
	hk_tls_context_free(context);
}

static void check_key(const struct hk_conf_key *k, struct hk_buf *why)
{
	struct hk_private_key *key;
	struct hk_slice pem;
	struct hk_arena a;
	enum hk_status status;

	hk_arena_init(&a, HK_TLS_PEM_MAX + 4096);
	if (read_file(k->file, &a, HK_TLS_PEM_MAX, why, &pem) == HK_OK) {
		status = pem.n <= HK_KEYS_PEM_MAX ? hk_private_key_pem(pem, &key) : HK_LIMIT;
		if (status == HK_OK)
			hk_private_key_free(key);
		else
			hk_buf_addf(why,
			    "key %.*s: %.*s: no unencrypted RSA or Ed25519 private key in PEM",
			    HK_FMT(k->name), HK_FMT(k->file));
	}
	hk_arena_done(&a);
}

static void check_users(
    const struct options *o, const struct hk_conf_listener *l, struct hk_buf *why)
{
	struct hk_users *users;
	struct hk_slice text;
	struct hk_arena a;

	hk_arena_init(&a, HK_USERS_TEXT_MAX + 4096);
	if (l->auth == HK_AUTH_FILE &&
	    read_file(l->auth_path, &a, HK_USERS_TEXT_MAX, why, &text) == HK_OK) {
		hk_buf_addf(why, "%.*s: ", HK_FMT(l->auth_path));
		if (hk_users_parse(text, why, &users) == HK_OK) {
			hk_users_free(users);
			hk_buf_reset(why);
		}
	}
	warn(o, why);
	hk_arena_done(&a);
	if (l->auth != HK_AUTH_OFF && l->auth_in_clear) {
		hk_buf_addf(why, "listen %.*s: auth-without-tls lets passwords be read on their way",
		    HK_FMT(l->name));
		warn(o, why);
	}
	if (l->legacy_clients.n) {
		hk_buf_addf(why, "listen %.*s: legacy-clients may speak TLS that can be broken, and send "
		                 "line ends that others read otherwise (CVE-2023-51766)",
		    HK_FMT(l->name));
		warn(o, why);
	}
}

static void check_host(const struct options *o, const struct hk_conf *conf)
{
	struct identity who;
	struct hk_buf why;
	size_t i;

	hk_buf_init(&why, 65536);
	(void)!privileges_find(ROLE_MTA, conf, &why, &who);
	warn(o, &why);
	(void)!privileges_find(ROLE_KEYS, conf, &why, &who);
	warn(o, &why);
	(void)!privileges_find(ROLE_FETCH, conf, &why, &who);
	warn(o, &why);
	if (hk_clock_set_zone(conf->timezone) != HK_OK)
		hk_buf_addf(
		    &why, "timezone %.*s: this host has no such zone", HK_FMT(conf->timezone));
	warn(o, &why);
	for (i = 0; i < conf->n_listeners; i++) {
		if (hk_conf_has_tls(&conf->listener[i]))
			check_certificates(o, conf, i, &why);
		warn(o, &why);
	}
	for (i = 0; i < conf->n_listeners; i++)
		check_users(o, &conf->listener[i], &why);
	for (i = 0; i < conf->n_keys; i++) {
		check_key(&conf->key[i], &why);
		warn(o, &why);
	}
	hk_buf_done(&why);
}

int check_run(const struct options *o)
{
	struct hk_conf *conf;
	enum hk_status status;
	struct hk_buf why;

	hk_buf_init(&why, 1024 * 1024);
	status = bundle_read_conf(o->config, &why, &conf);
	if (status != HK_OK) {
		fprintf(stderr, "%.*s", HK_FMT(hk_buf_slice(&why)));
		if (why.n && why.p[why.n - 1] != '\n')
			fputc('\n', stderr);
	} else {
		check_host(o, conf);
		printf("%s: ok: %zu listeners, %zu routes, %zu keys\n", o->config,
		    conf->n_listeners, conf->n_routes, conf->n_keys);
		hk_conf_free(conf);
	}
	hk_buf_done(&why);
	return status == HK_OK ? 0 : 1;
}
