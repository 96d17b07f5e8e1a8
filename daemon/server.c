/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/bundle.h"
#include "daemon/server.h"
#include "io/clock.h"
#include "io/disk.h"
#include "io/sasl.h"

/* Certificates of one generation, until their keys have come. */
enum { DEVICE_KEY_MIN = 16, DEVICE_KEY_MAX = 4096 };
/* Whoever renews certificates does it a month before or two thirds through (RFC 8555's clients): with two weeks left, he does not. */
enum { ENDS_SOON = 14 * 86400, ENDS_LOOK_MS = 86400 * 1000 };
#define CERTIFICATES_MAX (64u * HK_TLS_PEM_MAX)

enum hk_status server_init(struct server *s, struct hk_log *log)
{
	size_t i;

	*s = (struct server){.log = log, .fetch = -1, .operator = -1};
	for (i = 0; i < HK_SERVER_CHANNELS; i++)
		s->channel[i] = -1;
	s->watch = (struct hk_key_watch){.log = log, .box = &s->box};
	s->tlsa = (struct hk_tlsa_watch){.log = log, .box = &s->box};
	if (hk_tls_tickets_new(hk_clock_mono_ms(), &s->tickets) != HK_OK)
		return HK_NOMEM;
	return hk_mailbox_init(&s->box);
}

void server_channel(struct server *s, unsigned worker, int fd)
{
	if (s->mta) {
		hk_mta_keys(s->mta, worker, fd);
	} else if (worker < HK_SERVER_CHANNELS && s->channel[worker] < 0) {
		s->channel[worker] = fd;
	} else {
		close(fd);
	}
}

void server_fetch(struct server *s, int fd)
{
	if (s->mta) {
		hk_mta_fetch(s->mta, fd);
		return;
	}
	if (s->fetch >= 0)
		close(s->fetch);
	s->fetch = fd;
}

void server_operator(struct server *s, int fd, gid_t group)
{
	if (s->operator >= 0)
		close(s->operator);
	s->operator = fd;
	s->operator_group = group;
}

/* Mail goes on without it. */
static void give_operator(struct server *s)
{
	if (s->operator < 0)
		return;
	if (hk_mta_operator(s->mta, s->operator, s->operator_group) != HK_OK)
		hk_logf(s->log, HK_LOG_ERROR, "ev=operator what=\"the operator's socket is not served\"");
	s->operator = -1;
}

/* Those that came early. */
static void give_channels(struct server *s)
{
	unsigned i;

	if (s->fetch >= 0)
		hk_mta_fetch(s->mta, s->fetch);
	s->fetch = -1;
	for (i = 0; i < HK_SERVER_CHANNELS; i++) {
		if (s->channel[i] >= 0)
			hk_mta_keys(s->mta, i, s->channel[i]);
		s->channel[i] = -1;
	}
}

static void forget_sockets(struct server_sockets *sockets, bool closes_new)
{
	size_t i;

	for (i = 0; i < sockets->n; i++)
		if (closes_new && sockets->at[i].is_new)
			close(sockets->at[i].fd);
	free(sockets->at);
	*sockets = (struct server_sockets){0};
}

void server_drop(struct server *s)
{
	hk_generation_free(s->next);
	s->next = NULL;
	s->certificate = NULL;
	hk_arena_done(&s->arena);
	forget_sockets(&s->next_sockets, true);
}

enum hk_status server_begin(struct server *s, struct hk_conf *conf, uint32_t number)
{
	server_drop(s);
	s->next = hk_generation_new(hk_conf_use(conf), number);
	hk_arena_init(&s->arena, CERTIFICATES_MAX);
	s->certificate = hk_arena_array(&s->arena, conf->n_listeners + 1, sizeof *s->certificate);
	if (s->next && s->certificate)
		return HK_OK;
	server_drop(s);
	return HK_NOMEM;
}

enum hk_status server_certificate(struct server *s, size_t listener, struct hk_slice pem)
{
	if (!s->next || listener >= s->next->conf->n_listeners)
		return HK_BUG;
	return hk_arena_dup(&s->arena, pem, &s->certificate[listener]);
}

enum hk_status server_certificate_key(
    struct server *s, size_t listener, struct hk_slice pem, struct hk_buf *why)
{
	struct hk_tls_context **tls;
	struct hk_slice name;
	enum hk_status status = HK_OK;
	size_t had = why->n;

	if (!s->next || listener >= s->next->conf->n_listeners)
		return HK_BUG;
	tls = &s->next->tls[listener];
	name = s->next->conf->listener[listener].name;
	hk_buf_addf(why, "listen %.*s: ", HK_FMT(name));
	if (!*tls)
		status = hk_tls_context_server(name, s->tickets, tls);
	if (status == HK_OK)
		status = hk_tls_context_add(*tls, s->certificate[listener], pem, why);
	if (status == HK_OK)
		why->n = had;
	return status;
}

enum hk_status server_users(
    struct server *s, size_t listener, struct hk_slice text, struct hk_buf *why)
{
	if (!s->next || listener >= s->next->conf->n_listeners || s->next->accounts[listener])
		return HK_BUG;
	hk_buf_addf(why, "%.*s: ", HK_FMT(s->next->conf->listener[listener].auth_path));
	return hk_users_parse(text, why, &s->next->accounts[listener]);
}

enum hk_status server_device_key(struct server *s, struct hk_slice key, struct hk_buf *why)
{
	if (!s->next || s->next->device_key.n)
		return HK_BUG;
	if (key.n < DEVICE_KEY_MIN || key.n > DEVICE_KEY_MAX) {
		hk_buf_addf(why, "%.*s: a key has 16 to 4096 octets",
		    HK_FMT(s->next->conf->clientid_key));
		return HK_LIMIT;
	}
	return hk_arena_dup(&s->next->arena, key, &s->next->device_key);
}

/* A Dovecot that is not up yet is no reason to serve nothing: the two that it surely has are offered
 * until the next reload. */
static enum hk_status know_mechanisms(struct server *s)
{
	struct hk_generation *g = s->next;
	enum hk_status status = HK_OK;
	struct hk_buf text;
	size_t i;

	hk_buf_init(&text, HK_SASL_MECHANISMS_MAX);
	for (i = 0; status == HK_OK && i < g->conf->n_listeners; i++) {
		const struct hk_conf_listener *l = &g->conf->listener[i];

		hk_buf_reset(&text);
		if (l->auth_mechanisms.n) {
			hk_buf_add(&text, l->auth_mechanisms);
		} else if (l->auth == HK_AUTH_FILE) {
			hk_sasl_file_mechanisms(&text);
			if (l->client_authorities.n)
				hk_buf_add_str(&text, " EXTERNAL");
		} else if (l->auth == HK_AUTH_DOVECOT &&
		           hk_sasl_dovecot_mechanisms(l->auth_path, &text) != HK_OK) {
			hk_logf(s->log, HK_LOG_WARNING,
			    "ev=auth listener=%.*s what=\"Dovecot does not say its mechanisms\"",
			    HK_FMT(l->name));
			hk_buf_reset(&text);
			hk_buf_add_str(&text, "PLAIN LOGIN");
		}
		if (l->auth != HK_AUTH_OFF)
			status = hk_arena_dup(&g->arena, hk_buf_slice(&text), &g->mechanisms[i]);
	}
	hk_buf_done(&text);
	return status;
}

enum hk_status server_alg(
    struct server *s, size_t key, enum hk_sign_alg alg, struct hk_slice record)
{
	if (!s->next || key >= s->next->conf->n_keys)
		return HK_BUG;
	s->next->key_algs[key] = alg;
	s->next->key_known[key] = true;
	return hk_arena_dup(&s->next->arena, record, &s->next->key_record[key]);
}

static int known_socket(const struct server *s, const struct server_socket *want)
{
	size_t i;

	for (i = 0; i < s->now_sockets.n; i++) {
		const struct server_socket *k = &s->now_sockets.at[i];

		if (k->worker == want->worker && hk_conf_socket_eq(&k->socket, &want->socket))
			return k->fd;
	}
	return -1;
}

enum hk_status server_listen(struct server *s, const struct server_socket *socket)
{
	struct server_sockets *all = &s->next_sockets;
	struct server_socket add = *socket, *at = NULL;

	add.is_new = socket->fd >= 0;
	if (!add.is_new)
		add.fd = known_socket(s, socket);
	if (s->next && add.fd >= 0 && socket->listener < s->next->conf->n_listeners)
		at = realloc(all->at, (all->n + 1) * sizeof *at);
	if (!at) {
		if (add.is_new)
			close(add.fd);
		return HK_BUG;
	}
	all->at = at;
	all->at[all->n++] = add;
	return HK_OK;
}

enum hk_status server_start_resolver(const struct hk_conf *conf, struct hk_buf *why, struct hk_resolver **ret)
{
	struct hk_slice anchors = {0}, file = conf->trust_anchor;
	enum hk_status status = HK_OK;
	struct hk_arena a;
	int fd;

	hk_arena_init(&a, HK_RESOLVER_ANCHORS + 4096);
	if (file.n) {
		status = bundle_open_file(file, why, &fd);
		if (status != HK_OK)
			return status;
		status = bundle_read(fd, &a, HK_RESOLVER_ANCHORS, &anchors);
		close(fd);
	}
	if (status == HK_OK)
		status = hk_resolver_start(conf->resolver, anchors, ret);
	if (status == HK_OK && file.n && !anchors.n)
		status = HK_SYNTAX;
	if (status != HK_OK)
		hk_buf_addf(why, "resolver \"%.*s\", trust-anchor \"%.*s\": %s",
		    HK_FMT(conf->resolver), HK_FMT(file), hk_status_text(status));
	hk_arena_done(&a);
	return status;
}

/* The resolver of the generation before goes on where it is the same one: it keeps its cache. */
static enum hk_status add_resolver(struct server *s, struct hk_buf *why)
{
	struct hk_generation *g = s->next;

	if (s->now && hk_slice_eq(s->now->conf->resolver, g->conf->resolver) &&
	    hk_slice_eq(s->now->conf->trust_anchor, g->conf->trust_anchor)) {
		g->resolver = s->now->resolver;
		hk_resolver_use(g->resolver);
		return HK_OK;
	}
	return server_start_resolver(g->conf, why, &g->resolver);
}

/* Who signs the certificates of a listener's clients. */
static enum hk_status add_authorities(struct hk_generation *g, size_t listener, struct hk_buf *why)
{
	struct hk_slice file = g->conf->listener[listener].client_authorities, ca = {0};
	enum hk_status status;
	struct hk_arena a;
	int fd;

	if (!file.n)
		return HK_OK;
	status = bundle_open_file(file, why, &fd);
	if (status != HK_OK)
		return status;
	hk_arena_init(&a, HK_TLS_PEM_MAX + 4096);
	status = bundle_read(fd, &a, HK_TLS_PEM_MAX, &ca);
	close(fd);
	if (status == HK_OK)
		status = hk_tls_context_clients(g->tls[listener], ca);
	if (status != HK_OK)
		hk_buf_addf(why, "listen %.*s: client-authorities %.*s: %s", HK_FMT(g->conf->listener[listener].name), HK_FMT(file),
		    hk_status_text(status));
	hk_arena_done(&a);
	return status;
}

static enum hk_status add_all_authorities(struct hk_generation *g, struct hk_buf *why)
{
	enum hk_status status = HK_OK;
	size_t i;

	for (i = 0; status == HK_OK && i < g->conf->n_listeners; i++)
		status = add_authorities(g, i, why);
	return status;
}

/* Who signs the certificates of mail servers. */
static enum hk_status add_client_tls(struct hk_generation *g, struct hk_buf *why)
{
	struct hk_slice ca = {0}, file = g->conf->authorities;
	enum hk_status status = HK_OK;
	struct hk_arena a;
	int fd;

	hk_arena_init(&a, HK_TLS_PEM_MAX + 4096);
	if (file.n) {
		status = bundle_open_file(file, why, &fd);
		if (status != HK_OK)
			return status;
		status = bundle_read(fd, &a, HK_TLS_PEM_MAX, &ca);
		close(fd);
		if (status == HK_OK && !ca.n)
			status = HK_CRYPTO;
	}
	if (status == HK_OK)
		status = hk_tls_context_client(ca, &g->client_tls);
	if (status != HK_OK)
		hk_buf_addf(why, "authorities \"%.*s\": %s", HK_FMT(file), hk_status_text(status));
	hk_arena_done(&a);
	return status;
}

static enum hk_status first_start(struct server *s, struct hk_buf *why)
{
	const struct hk_conf *conf = s->next->conf;
	struct hk_disk_reason reason;
	enum hk_status status;

	if (hk_clock_set_zone(conf->timezone) != HK_OK) {
		hk_buf_addf(
		    why, "timezone %.*s: this host has no such zone", HK_FMT(conf->timezone));
		return HK_NOTFOUND;
	}
	status = hk_mta_start(s->next->conf, s->log, &s->box, &s->mta);
	reason = hk_disk_why(hk_disk_kernel(), status);
	if (status == HK_OK)
		give_channels(s);
	else if (status == HK_BUSY)
		hk_buf_addf(why, "spool %.*s: another hikyakud uses it", HK_FMT(conf->spool));
	else
		hk_buf_addf(why, "spool %.*s: %s%s%s%s", HK_FMT(conf->spool), hk_status_text(status), *reason.text ? " (" : "", reason.text,
		    *reason.text ? ")" : "");
	return status;
}

static enum hk_status set_up(struct server *s)
{
	size_t n = s->next_sockets.n, i;
	struct hk_mta_socket *sockets = calloc(n + 1, sizeof *sockets);
	enum hk_status status;

	if (!sockets)
		return HK_NOMEM;
	for (i = 0; i < n; i++) {
		const struct server_socket *from = &s->next_sockets.at[i];

		sockets[i] = (struct hk_mta_socket){
		    .fd = from->fd, .worker = from->worker, .listener = from->listener};
	}
	status = hk_mta_setup(s->mta, s->next, sockets, n);
	free(sockets);
	return status;
}

static enum hk_status try_next(struct server *s, struct hk_buf *why)
{
	enum hk_status status;

	if (hk_generation_missing(s->next, why))
		return HK_NOTFOUND;
	status = know_mechanisms(s);
	if (status == HK_OK)
		status = add_resolver(s, why);
	if (status == HK_OK)
		status = add_client_tls(s->next, why);
	if (status == HK_OK)
		status = add_all_authorities(s->next, why);
	hk_key_watch_carry(&s->watch, s->next);
	hk_tlsa_watch_carry(s->now, s->next);
	if (status == HK_OK && !s->mta)
		status = first_start(s, why);
	if (status == HK_OK) {
		status = set_up(s);
		if (status != HK_OK)
			hk_buf_add_str(why, hk_status_text(status));
	}
	return status;
}

enum hk_status server_serve(struct server *s, struct hk_buf *why)
{
	enum hk_status status = s->next ? try_next(s, why) : HK_BUG;
	size_t i;

	if (status != HK_OK) {
		server_drop(s);
		return status;
	}
	/* mail goes on either way: keys are then taken for published, as long as this lasts */
	if (hk_key_watch_begin(&s->watch, s->next, hk_clock_mono_ms()) != HK_OK)
		hk_logf(
		    s->log, HK_LOG_ERROR, "ev=key what=\"published records are not looked up\"");
	if (hk_tlsa_watch_begin(&s->tlsa, s->next, hk_clock_mono_ms()) != HK_OK)
		hk_logf(s->log, HK_LOG_ERROR, "ev=certificate what=\"published TLSA records are not looked up\"");
	for (i = 0; i < s->next_sockets.n; i++)
		s->next_sockets.at[i].is_new = false;
	forget_sockets(&s->now_sockets, false);
	s->now_sockets = s->next_sockets;
	s->next_sockets = (struct server_sockets){0};
	hk_generation_free(s->now);
	s->now = s->next;
	s->next = NULL;
	s->look_at = 0;
	server_drop(s);
	give_operator(s);
	return HK_OK;
}

static void tell_end(const struct server *s, size_t listener, int64_t utc)
{
	int64_t end = hk_tls_context_end(hk_generation_tls(s->now, listener));
	time_t when = (time_t)end;
	struct tm tm = {0};

	if (end - ENDS_SOON > utc)
		return;
	gmtime_r(&when, &tm);
	hk_logf(s->log, end < utc ? HK_LOG_ERROR : HK_LOG_WARNING, "ev=certificate listener=%.*s what=\"it %s on %d-%02d-%02d\"",
	    HK_FMT(s->now->conf->listener[listener].name), end < utc ? "expired" : "expires", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

/* Once a day. One that has expired is served all the same: most clients do not look (RFC 7435 3), and without it they would send in the clear. */
static int tell_ends(struct server *s, uint64_t now)
{
	struct hk_now clock;
	size_t i;

	if (!s->now)
		return -1;
	if (now >= s->look_at) {
		hk_clock_now(&clock);
		for (i = 0; i < s->now->conf->n_listeners; i++)
			if (hk_generation_tls(s->now, i))
				tell_end(s, i, clock.utc);
		s->look_at = now + ENDS_LOOK_MS;
	}
	return (int)(s->look_at - now);
}

int server_run(struct server *s)
{
	uint64_t now = hk_clock_mono_ms();
	const int wait[] = {hk_key_watch_run(&s->watch, now), hk_tlsa_watch_run(&s->tlsa, now), tell_ends(s, now)};
	int first = -1;
	size_t i;

	for (i = 0; i < sizeof wait / sizeof wait[0]; i++)
		if (wait[i] >= 0 && (first < 0 || wait[i] < first))
			first = wait[i];
	return first;
}

void server_stop(struct server *s)
{
	if (s->mta)
		hk_mta_stop(s->mta);
}

static void take_answer(struct server *s, struct hk_dns_post *post)
{
	if (post->token & HK_TLSA_WATCH_TOKEN)
		hk_tlsa_watch_take(&s->tlsa, post, hk_clock_mono_ms());
	else
		hk_key_watch_take(&s->watch, post, hk_clock_mono_ms());
}

bool server_take_mail(struct server *s)
{
	struct hk_post *post, *next;
	bool idle = !s->mta;

	for (post = hk_mailbox_take(&s->box); post; post = next) {
		next = post->next;
		if (post->type == HK_POST_DNS)
			take_answer(s, (struct hk_dns_post *)post);
		else if (hk_mta_told(s->mta, post))
			idle = true;
	}
	return idle;
}

/* Answers that nobody waits for any more. */
static void drop_mail(struct server *s)
{
	struct hk_post *post, *next;

	for (post = hk_mailbox_take(&s->box); post; post = next) {
		next = post->next;
		if (post->type == HK_POST_DNS)
			hk_dns_post_free((struct hk_dns_post *)post);
		else
			free(post);
	}
}

void server_done(struct server *s)
{
	server_drop(s);
	hk_key_watch_end(&s->watch);
	hk_tlsa_watch_end(&s->tlsa);
	/* first our use of it: with the workers' its resolver ends, which still answers to them */
	hk_generation_free(s->now);
	if (s->mta)
		hk_mta_end(s->mta);
	if (s->fetch >= 0)
		close(s->fetch);
	if (s->operator >= 0)
		close(s->operator);
	forget_sockets(&s->now_sockets, false);
	drop_mail(s);
	hk_tls_tickets_free(s->tickets);
	hk_mailbox_done(&s->box);
}
