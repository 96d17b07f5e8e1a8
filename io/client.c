/* SPDX-License-Identifier: MIT
 *
 * client.c - a session of the engine on an accepted connection.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/session.h"
#include "io/worker.h"

struct hk_client {
	struct hk_drive drive;
	struct hk_session *session;
	struct hk_generation *generation;
	size_t listener;
	struct hk_sasl *exchange; /* between its steps */
};

/* A body file that is being made durable, away from the loop. */
struct sync_job {
	uv_work_t work;
	struct hk_client *client;
	struct hk_disk *disk;
	uint32_t id;
	int file;
	enum hk_status status;
	char path[];
};

static struct hk_client *client_of(struct hk_drive *d)
{
	return (struct hk_client *)d;
}

static const struct hk_now *now_of(const struct hk_drive *d)
{
	return &d->worker->loop.now;
}

/* ---- blocking work -----------------------------------------------------------------------------
 */

static enum hk_status sync_both(struct hk_disk *disk, int file, const char *path)
{
	enum hk_status status = disk->ops->sync(disk, file);

	return status == HK_OK ? disk->ops->sync_dir(disk, path) : status;
}

static void run_sync(uv_work_t *work)
{
	struct sync_job *job = work->data;

	job->status = sync_both(job->disk, job->file, job->path);
}

static void sync_done(uv_work_t *work, int cancelled)
{
	struct sync_job *job = work->data;
	struct hk_client *c = job->client;

	(void)cancelled; /* never asked for */
	hk_loop_wake(&c->drive.worker->loop);
	c->drive.jobs--;
	if (c->drive.over) {
		hk_drive_drop(&c->drive);
	} else {
		hk_session_synced(c->session, job->id, job->status);
		hk_drive_pump(&c->drive);
	}
	free(job);
}

static void begin_sync(struct hk_client *c, const struct hk_session_want *want)
{
	struct hk_worker *w = c->drive.worker;
	size_t n = strlen(want->path) + 1;
	struct sync_job *job = calloc(1, sizeof *job + n);

	if (job) {
		job->work.data = job;
		job->client = c;
		job->disk = w->world->disk;
		job->id = want->id;
		job->file = want->file;
		memcpy(job->path, want->path, n);
		if (uv_queue_work(&w->loop.uv, &job->work, run_sync, sync_done) == 0) {
			c->drive.jobs++;
			return;
		}
	}
	free(job);
	hk_session_synced(c->session, want->id, sync_both(w->world->disk, want->file, want->path));
}

/* ---- authentication ---- */

static void know_peer(const struct hk_client *c, const struct hk_auth_ask *ask,
    struct hk_sasl_peer *ret)
{
	const struct hk_tls *tls = c->drive.conn ? hk_conn_tls(c->drive.conn) : NULL;
	struct hk_conf_socket own = {0};

	*ret = (struct hk_sasl_peer){
	    .client = ask->client, .client_port = ask->client_port, .is_tls = ask->is_tls};
	if (c->drive.conn && hk_net_own(hk_conn_fd(c->drive.conn), &own) == HK_OK) {
		ret->server = own.ip;
		ret->server_port = own.port;
	}
	snprintf(ret->device, sizeof ret->device, "%.*s", HK_FMT(ask->device));
	if (!tls)
		return;
	ret->exporter_n = hk_tls_exporter(tls, ret->exporter);
	ret->unique_n = hk_tls_unique(tls, ret->unique);
}

/* Whom the certificate names: the first of its names that the password file has. */
static void know_certificate(const struct hk_client *c, struct hk_sasl_peer *peer)
{
	const struct hk_tls *tls = c->drive.conn ? hk_conn_tls(c->drive.conn) : NULL;
	const struct hk_users *users = c->generation->accounts[c->listener];
	char name[HK_TLS_CLIENT_NAME_MAX + 1];
	size_t i;

	for (i = 0; tls && users && hk_tls_client_name(tls, i, name); i++)
		if (hk_users_find(users, hk_slice_str(name))) {
			snprintf(peer->certificate_user, sizeof peer->certificate_user, "%s", name);
			return;
		}
}

static struct hk_sasl *begin_exchange(const struct hk_client *c, const struct hk_auth_ask *ask)
{
	const struct hk_conf_listener *l = &c->generation->conf->listener[c->listener];
	struct hk_sasl_peer peer;

	know_peer(c, ask, &peer);
	know_certificate(c, &peer);
	return l->auth == HK_AUTH_FILE
	           ? hk_sasl_file(c->generation->accounts[c->listener], ask->mechanism, &peer)
	           : hk_sasl_dovecot(l->auth_path, ask->mechanism, &peer);
}

static void authenticate(struct hk_client *c, uint32_t id, const struct hk_auth_ask *ask)
{
	static const struct hk_auth_answer later = {.outcome = HK_AUTH_LATER};
	struct hk_auth_post *post;

	if (ask->step != HK_AUTH_GO_ON) {
		hk_sasl_free(c->exchange);
		c->exchange = NULL;
	}
	if (ask->step == HK_AUTH_END)
		return;
	post = hk_auth_post_new(ask->data, ask->has_data);
	if (post && ask->step == HK_AUTH_BEGIN)
		c->exchange = begin_exchange(c, ask);
	if (!post || !c->exchange) {
		if (post)
			hk_auth_post_free(post);
		hk_session_auth(c->session, id, &later);
		return;
	}
	post->exchange = c->exchange;
	c->exchange = NULL;
	hk_ask_auth(&c->drive, id, post);
}

static void authenticated(struct hk_drive *d, uint32_t id, struct hk_auth_post *post)
{
	struct hk_client *c = client_of(d);
	const struct hk_sasl_result *r = &post->result;
	struct hk_auth_answer answer = {.outcome = r->outcome,
	    .challenge = hk_buf_slice(&r->challenge),
	    .user = hk_slice_str(r->user),
	    .senders = hk_buf_slice(&r->senders)};

	if (r->outcome == HK_AUTH_CONTINUE) {
		c->exchange = post->exchange;
		post->exchange = NULL;
	}
	hk_session_auth(c->session, id, &answer);
}

/* ---- the drive's operations
 * ------------------------------------------------------------------------ */

static bool wants(struct hk_drive *d)
{
	struct hk_client *c = client_of(d);
	struct hk_session_want want;
	enum hk_status status;

	d->worker->intake = hk_worker_is_stalled(d->worker) ? (int)HK_BUSY : *d->worker->world->intake;
	status = hk_session_next(c->session, now_of(d), &want);
	if (status == HK_AGAIN)
		return false;
	if (status != HK_OK) {
		/* nothing more to come: as CLOSE, for one that never said it */
		bool is_new = !d->closing && d->conn;

		hk_drive_close(d);
		return is_new;
	}
	switch (want.type) {
	case HK_SESSION_DNS:
		hk_ask_dns(d, want.id, &want.question);
		break;
	case HK_SESSION_TLS:
		hk_drive_start_tls(d, hk_generation_tls(c->generation, c->listener), &(struct hk_tls_check){0});
		break;
	case HK_SESSION_SYNC:
		begin_sync(c, &want);
		break;
	case HK_SESSION_COMMIT:
		hk_ask_commit(d, want.id, want.mail);
		break;
	case HK_SESSION_AUTH:
		authenticate(c, want.id, &want.auth);
		break;
	case HK_SESSION_RUN:
		hk_session_run_asked(c->session, hk_ask_run(d->worker, want.domain));
		break;
	case HK_SESSION_CLOSE:
		hk_drive_close(d);
		break;
	}
	return true;
}

static size_t feed(struct hk_drive *d, struct hk_slice s)
{
	return hk_session_feed(client_of(d)->session, s, now_of(d));
}

static bool wants_input(struct hk_drive *d)
{
	return hk_session_wants_input(client_of(d)->session);
}

static struct hk_slice out(struct hk_drive *d)
{
	return hk_session_out(client_of(d)->session);
}

static void sent(struct hk_drive *d, size_t n)
{
	hk_session_sent(client_of(d)->session, n);
}

static void eof(struct hk_drive *d)
{
	hk_session_eof(client_of(d)->session);
}

static void tls(struct hk_drive *d, bool ok, struct hk_slice text, enum hk_tls_result result)
{
	(void)result; /* clients show no certificate */
	hk_session_tls(client_of(d)->session, ok, text);
}

static uint64_t deadline(struct hk_drive *d)
{
	return hk_session_deadline(client_of(d)->session);
}

static void tick(struct hk_drive *d)
{
	hk_session_tick(client_of(d)->session, now_of(d));
}

static void dns(struct hk_drive *d, uint32_t id, const struct hk_dns_answer *answer)
{
	hk_session_dns(client_of(d)->session, id, answer);
}

static void committed(struct hk_drive *d, uint32_t id, enum hk_status status)
{
	hk_session_committed(client_of(d)->session, id, status);
}

static void stop(struct hk_drive *d)
{
	hk_session_shutdown(client_of(d)->session);
	hk_drive_pump(d);
}

static void free_client(struct hk_drive *d)
{
	struct hk_client *c = client_of(d);

	d->worker->sessions--;
	hk_welcome_left(d->worker);
	hk_session_free(c->session);
	hk_sasl_free(c->exchange);
	hk_generation_free(c->generation);
	free(c);
}

static const struct hk_drive_ops client_ops = {
    .wants = wants,
    .feed = feed,
    .wants_input = wants_input,
    .out = out,
    .sent = sent,
    .eof = eof,
    .tls = tls,
    .deadline = deadline,
    .tick = tick,
    .dns = dns,
    .committed = committed,
    .authenticated = authenticated,
    .stop = stop,
    .free = free_client,
    .drains = true,
    .dies_with_the_peer = true,
};

void hk_client_begin(struct hk_worker *w, struct hk_generation *g, size_t listener,
    const struct hk_conf_socket *peer, int fd)
{
	struct hk_client *c = calloc(1, sizeof *c);
	struct hk_session_env env = {
	    .conf = g->conf,
	    .listener = &g->conf->listener[listener],
	    .disk = w->world->disk,
	    .log = w->world->log,
	    .ids = &w->ids,
	    .public_keys = w->public_keys,
	    .intake = &w->intake,
	    .room = w->world->room,
	    .greylist = w->world->greylist,
	    .checkpoints = w->world->checkpoints,
	    .client = peer->ip,
	    .client_port = peer->port,
	    .limits = w->world->limits,
	    .mechanisms = g->mechanisms[listener],
	    .device_key = g->device_key.n
	                      ? g->device_key
	                      : hk_slice_of(w->world->device_key, sizeof w->world->device_key),
	};

	if (c)
		c->session = hk_session_new(&env, &w->loop.now);
	if (!c || !c->session || !hk_drive_init(&c->drive, &client_ops, w)) {
		if (c)
			hk_session_free(c->session);
		free(c);
		close(fd);
		hk_welcome_left(w);
		return;
	}
	c->generation = hk_generation_use(g);
	c->listener = listener;
	c->drive.old_tls = hk_conf_nets_have(&env.listener->legacy_clients, &env.client) &&
	                   !hk_conf_nets_have(&env.listener->proxy_from, &env.client);
	w->sessions++;
	if (!hk_drive_connect(&c->drive, fd, true))
		hk_session_eof(c->session);
	hk_drive_pump(&c->drive);
}
