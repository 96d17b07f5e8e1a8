/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "engine/log_value.h"
#include "io/clock.h"
#include "io/disk.h"
#include "io/greylist_file.h"
#include "io/history.h"
#include "io/mta.h"
#include "io/net.h"
#include "io/operator.h"
#include "io/owner_thread.h"

enum {
	FILES_SPARE = 256, /* descriptors for everything that is not a session */
	FILES_SHARE = 32,  /* and one of so many for body files and deliveries: most sessions wait, with a socket alone (decision 0027) */
};

/* What deliveries count; each worker writes. */
struct tally {
	struct hk_tls_sink sink;
	pthread_mutex_t mutex;
	struct hk_tls_counts *counts;
};

struct hk_mta {
	struct hk_world world;
	_Atomic size_t sessions;
	struct tally tally;
	struct hk_owner_thread owner;
	struct hk_worker *worker[HK_WORKERS_MAX];
	unsigned n, idle;
	bool is_running, is_owner_idle;
	struct hk_conf *conf; /* of the start: where the spool is */
	struct hk_operator *operator;
	struct hk_metrics *metrics;
	struct hk_history *history;
	char *spool; /* of conf */
};

unsigned hk_mta_workers(const struct hk_conf *conf)
{
	int processors = get_nprocs();
	unsigned n = conf->workers ? conf->workers : processors > 0 ? (unsigned)processors : 1;

	return n < HK_WORKERS_MAX ? n : HK_WORKERS_MAX;
}

/* As many descriptors as the system lets us have; the rest follows from it, unless the operator wants less. */
static size_t sessions_max(const struct hk_conf *conf)
{
	size_t files = hk_net_raise_files(), most;

	if (files < FILES_SPARE * 2)
		return 16;
	most = files - FILES_SPARE - files / FILES_SHARE;
	return conf->sessions && conf->sessions < most ? conf->sessions : most;
}

static void note_session(struct hk_tls_sink *sink, const struct hk_tls_session *s)
{
	struct tally *t = (struct tally *)((char *)sink - offsetof(struct tally, sink));

	pthread_mutex_lock(&t->mutex);
	hk_tls_counts_add(t->counts, s);
	pthread_mutex_unlock(&t->mutex);
}

/* libuv's pool does what blocks: syncs of body files, Maildirs. It waits for disks, not for
 * processors. */
static void set_pool(void)
{
	setenv("UV_THREADPOOL_SIZE", "8", 0);
}

static enum hk_status start_workers(struct hk_mta *m, unsigned n)
{
	enum hk_status status = HK_OK;

	while (status == HK_OK && m->n < n) {
		status = hk_worker_start(&m->world, m->n, &m->worker[m->n]);
		if (status == HK_OK) {
			m->owner.worker[m->n] = &m->worker[m->n]->box;
			m->owner.n_workers = ++m->n;
		}
	}
	return status;
}

static void post_plain(struct hk_mailbox *box, enum hk_post_type type)
{
	struct hk_post *post = malloc(sizeof *post);

	/* Deliberate: an end that cannot be told of is no end; the supervisor's patience is
	 * bounded, and it kills. */
	if (!post)
		abort();
	*post = (struct hk_post){.type = type};
	hk_mailbox_post(box, post);
}

/* Workers first: what they give back on their way out is still recorded. Their boxes stay until the
 * owner has ended too. */
static void end_all(struct hk_mta *m)
{
	unsigned i;

	hk_operator_stop(m->operator); /* the owner has calls of it */
	for (i = 0; i < m->n; i++)
		post_plain(&m->worker[i]->box, HK_POST_QUIT);
	for (i = 0; i < m->n; i++)
		hk_worker_join(m->worker[i]);
	if (m->is_running) {
		post_plain(&m->owner.box, HK_POST_QUIT);
		hk_owner_thread_join(&m->owner);
	}
	/* while the spool is still locked */
	hk_greylist_save(m->world.greylist, m->conf, m->world.log);
	hk_checkpoints_save(m->world.checkpoints, m->world.log);
	hk_owner_thread_close(&m->owner);
	/* it answers into the workers' boxes, which are there until they are freed */
	hk_auth_pool_end(m->world.auth);
	/* a resolver's thread may answer into any box: it has to end before the first of them goes
	 */
	hk_policies_stop(m->world.policies);
	for (i = 0; i < m->n; i++)
		hk_worker_let_go(m->worker[i]);
	hk_owner_thread_done(&m->owner);
	hk_policies_free(m->world.policies);
	hk_tls_counts_free(m->tally.counts);
	pthread_mutex_destroy(&m->tally.mutex);
	for (i = 0; i < m->n; i++)
		hk_worker_free(m->worker[i]);
	hk_greylist_free(m->world.greylist);
	hk_checkpoints_free(m->world.checkpoints);
	hk_conf_free(m->conf);
	hk_limits_free(m->world.limits);
	hk_history_end(m->history);
	hk_metrics_free(m->metrics);
	free(m->spool);
	free(m);
}

/* What all workers count in and wait for. */
static enum hk_status begin_shared(struct hk_world *w)
{
	uint8_t seed[HK_LIMITS_SEED];
	enum hk_status status = hk_random(seed, sizeof seed);

	if (status == HK_OK)
		status = hk_random(w->device_key, sizeof w->device_key);
	if (status == HK_OK)
		w->limits = hk_limits_new(HK_LIMITS_MAX, seed);
	if (status == HK_OK && !w->limits)
		status = HK_NOMEM;
	return status == HK_OK ? hk_auth_pool_start(&w->auth) : status;
}

/* Mail goes on without it. */
static void serve_metrics(struct hk_mta *m, const struct hk_conf_socket *socket)
{
	struct hk_buf why;

	if (!m->metrics)
		return;
	hk_buf_init(&why, 1024);
	if (hk_metrics_serve(m->metrics, socket, 0, &why) != HK_OK)
		hk_logf(m->world.log, HK_LOG_ERROR, "ev=metrics what=%s", hk_log_value(hk_buf_slice(&why)).text);
	hk_buf_done(&why);
}

/* The log from now on; mail goes on without it, too. */
static struct hk_log *keep_history(struct hk_mta *m, const struct hk_conf *conf, struct hk_log *log)
{
	enum hk_status status;

	if (!conf->history_size)
		return log;
	status = hk_history_start(conf, hk_disk_kernel(), log, &m->history);
	if (status == HK_OK)
		return hk_history_log(m->history);
	hk_logf(log, HK_LOG_WARNING, "ev=history what=\"lines are not kept\" status=%s", hk_status_name(status));
	return log;
}

static enum hk_status load_checkpoints(struct hk_world *w, const struct hk_conf *conf)
{
	w->checkpoints = hk_checkpoints_new(w->disk, (const char *)conf->spool.p);
	return w->checkpoints ? hk_checkpoints_load(w->checkpoints, w->log) : HK_NOMEM;
}

/* The kernel lets go of the spool of a process that was killed a moment later: whoever starts the
 * next one need not know that. */
static enum hk_status open_spool(struct hk_owner_thread *owner, struct hk_conf *conf)
{
	uint64_t until = hk_clock_mono_ms() + HK_MTA_BUSY_MS;
	struct timespec pause = {.tv_nsec = 50000000};
	enum hk_status status = hk_owner_thread_open(owner, conf, hk_disk_kernel());

	while (status == HK_BUSY && hk_clock_mono_ms() < until) {
		nanosleep(&pause, NULL);
		status = hk_owner_thread_open(owner, conf, hk_disk_kernel());
	}
	return status;
}

enum hk_status hk_mta_start(
    struct hk_conf *conf, struct hk_log *log, struct hk_mailbox *main, struct hk_mta **ret)
{
	struct hk_mta *m = calloc(1, sizeof *m);
	unsigned n = hk_mta_workers(conf);
	enum hk_status status;

	if (!m)
		return HK_NOMEM;
	set_pool();
	if (conf->metrics.port && hk_metrics_new(log, &m->metrics) != HK_OK) {
		free(m);
		return HK_NOMEM;
	}
	if (m->metrics)
		log = hk_metrics_log(m->metrics);
	log = keep_history(m, conf, log);
	m->owner = (struct hk_owner_thread){.log = log, .main = main, .metrics = m->metrics};
	status = open_spool(&m->owner, conf);
	if (status != HK_OK) {
		hk_history_end(m->history);
		hk_metrics_free(m->metrics);
		free(m);
		return status;
	}
	m->owner.intake = hk_owner_intake(m->owner.owner);
	m->owner.room = hk_owner_room(m->owner.owner);
	m->world = (struct hk_world){.disk = hk_disk_kernel(),
	    .log = log,
	    .owner = &m->owner.box,
	    .main = main,
	    .intake = &m->owner.intake,
	    .room = &m->owner.room,
	    .metrics = m->metrics,
	    .sessions_max = sessions_max(conf),
	    .sessions = &m->sessions,
	    .last_id = hk_owner_last_id(m->owner.owner)};
	m->conf = hk_conf_use(conf);
	pthread_mutex_init(&m->tally.mutex, NULL);
	m->tally.sink.note = note_session;
	m->tally.counts = hk_tls_counts_new();
	m->world.tls_sink = &m->tally.sink;
	status = m->tally.counts
	             ? hk_policies_start(conf->spool, hk_disk_kernel(), log, &m->world.policies)
	             : HK_NOMEM;
	if (status == HK_OK)
		status = begin_shared(&m->world);
	if (status == HK_OK)
		status = hk_greylist_load(conf, log, &m->world.greylist);
	if (status == HK_OK)
		status = load_checkpoints(&m->world, conf);
	if (status == HK_OK)
		status = start_workers(m, n);
	if (status != HK_OK) {
		end_all(m);
		return status;
	}
	serve_metrics(m, &conf->metrics);
	*ret = m;
	return HK_OK;
}

static struct hk_setup_post *setup_post(
    struct hk_generation *g, unsigned worker, const struct hk_mta_socket *s, size_t n)
{
	struct hk_setup_post *post = calloc(1, sizeof *post + n * sizeof post->bound[0]);
	size_t i;

	if (!post)
		return NULL;
	post->post.type = HK_POST_SETUP;
	post->generation = hk_generation_use(g);
	for (i = 0; i < n; i++)
		if (s[i].worker == worker)
			post->bound[post->n++] = (struct hk_bound){s[i].fd, s[i].listener};
	return post;
}

/* The owner gives its first orders once the workers know the generation that they are given under.
 */
static enum hk_status tell_owner(
    struct hk_mta *m, struct hk_conf_post *post, struct hk_generation *g)
{
	enum hk_status status;

	if (m->is_running) {
		*post = (struct hk_conf_post){
		    .post.type = HK_POST_OWNER_CONF, .conf = hk_conf_use(g->conf)};
		hk_mailbox_post(&m->owner.box, &post->post);
		return HK_OK;
	}
	free(post);
	status = hk_owner_thread_start(&m->owner);
	m->is_running = status == HK_OK;
	return status;
}

enum hk_status hk_mta_setup(
    struct hk_mta *m, struct hk_generation *g, const struct hk_mta_socket *s, size_t n)
{
	struct hk_conf_post *conf = malloc(sizeof *conf);
	struct hk_setup_post *post[HK_WORKERS_MAX];
	unsigned i, made;

	/* all or nothing */
	for (made = 0; conf && made < m->n; made++) {
		post[made] = setup_post(g, made, s, n);
		if (!post[made])
			break;
	}
	if (made < m->n) {
		while (made--) {
			hk_generation_free(post[made]->generation);
			free(post[made]);
		}
		free(conf);
		return HK_NOMEM;
	}
	for (i = 0; i < m->n; i++)
		hk_mailbox_post(&m->worker[i]->box, &post[i]->post);
	return tell_owner(m, conf, g);
}

void hk_mta_keys(struct hk_mta *m, unsigned worker, int fd)
{
	struct hk_keys_post *post = worker < m->n ? malloc(sizeof *post) : NULL;

	if (!post) {
		close(fd);
		return;
	}
	*post = (struct hk_keys_post){.post.type = HK_POST_KEYS, .fd = fd};
	hk_mailbox_post(&m->worker[worker]->box, &post->post);
}

void hk_mta_fetch(struct hk_mta *m, int fd)
{
	hk_policies_channel(m->world.policies, fd);
}

enum hk_status hk_mta_operator(struct hk_mta *m, int fd, gid_t group)
{
	struct hk_operator_options options = {
	    .listening = fd, .group = group, .owner = &m->owner.box, .disk = m->world.disk, .log = m->world.log};

	if (!m->is_running || m->operator) {
		close(fd);
		return HK_BUG;
	}
	m->spool = strndup((const char *)m->conf->spool.p, m->conf->spool.n);
	options.spool = m->spool;
	if (!m->spool) {
		close(fd);
		return HK_NOMEM;
	}
	return hk_operator_start(&options, &m->operator);
}

void hk_mta_stop(struct hk_mta *m)
{
	unsigned i;

	post_plain(&m->owner.box, HK_POST_STOP);
	for (i = 0; i < m->n; i++)
		post_plain(&m->worker[i]->box, HK_POST_STOP);
}

bool hk_mta_told(struct hk_mta *m, struct hk_post *post)
{
	if (post->type == HK_POST_OWNER_IDLE)
		m->is_owner_idle = true;
	else if (post->type == HK_POST_WORKER_IDLE)
		m->idle++;
	free(post);
	return m->is_owner_idle && m->idle == m->n;
}

void hk_mta_end(struct hk_mta *m)
{
	end_all(m);
}
