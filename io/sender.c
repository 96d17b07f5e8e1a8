/* SPDX-License-Identifier: MIT
 *
 * sender.c - a delivery of the engine: its questions, its connections, its blocking work.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/delivery.h"
#include "io/net.h"
#include "io/worker.h"

enum {
	PARKED_MS = 2000, /* long enough for a queue that runs, too short for a peer to mind */
	PARKED_MOST = 32, /* of a worker: sockets that nobody may need again */
};

struct sender {
	struct hk_drive drive;
	struct hk_job_post *post; /* the order, on its way back at the end */
	struct hk_delivery *delivery; /* NULL: parked, or on its way out */
	struct hk_generation *generation;
	uv_work_t work;
	/* between two deliveries */
	struct hk_delivery_link link;
	struct sender *next, **prev; /* of the parked ones; prev NULL: it is none */
	uint64_t parked_until;
	const struct hk_conf_route *route; /* of the generation */
	struct hk_slice domain;            /* owned */
	uint64_t site;                     /* of the order */
};

static struct sender *sender_of(struct hk_drive *d)
{
	return (struct sender *)d;
}

static const struct hk_now *now_of(const struct hk_drive *d)
{
	return &d->worker->loop.now;
}

/* ---- the job comes back
 * ---------------------------------------------------------------------------- */

static void give_back(struct hk_worker *w, struct hk_job_post *post)
{
	post->post.type = HK_POST_RESULT;
	hk_mailbox_post(w->world->owner, &post->post);
}

static void release(struct hk_worker *w, struct hk_job_post *post)
{
	post->job->released = true;
	give_back(w, post);
}

/* ---- connections that stay ---------------------------------------------------------------------
 *
 * One whose delivery ended well waits a little for the next message to the same hop: the same route, and the same domain
 * of recipients, or another one with the same hosts, as the order says. A post for it takes it out; time, a byte from the peer and a stop end it. */

static void unpark(struct sender *s)
{
	if (!s->prev)
		return;
	*s->prev = s->next;
	if (s->next)
		s->next->prev = s->prev;
	s->prev = NULL;
	s->drive.worker->n_parked--;
}

/* True when the connection stays. Before the job goes back: the domain is in its memory. */
static bool park(struct sender *s)
{
	struct hk_worker *w = s->drive.worker;
	const struct hk_job *job = s->post->job;
	uint8_t *domain;

	if (w->stopping || w->n_parked >= PARKED_MOST || s->drive.state != HK_DRIVE_OPEN)
		return false;
	domain = malloc(job->domain.n + 1);
	if (!domain)
		return false;
	if (!hk_delivery_take_link(s->delivery, &s->link)) {
		free(domain);
		return false;
	}
	memcpy(domain, job->domain.p ? (const char *)job->domain.p : "", job->domain.n);
	free((void *)(uintptr_t)s->domain.p);
	s->domain = hk_slice_of(domain, job->domain.n);
	s->route = job->route;
	s->site = job->site;
	s->parked_until = w->loop.now.mono_ms + PARKED_MS;
	s->next = w->parked;
	s->prev = &w->parked;
	if (s->next)
		s->next->prev = &s->next;
	w->parked = s;
	w->n_parked++;
	hk_ask_drop_all(&s->drive);
	hk_delivery_free(s->delivery);
	s->delivery = NULL;
	return true;
}

/* One of the domain's own, or else one to the hosts that it has too. */
static struct sender *find_parked(
    struct hk_worker *w, const struct hk_generation *g, const struct hk_job *job, bool *ret_shared)
{
	struct sender *s, *shared = NULL;

	for (s = w->parked; s; s = s->next) {
		if (s->generation != g || s->route != job->route)
			continue;
		if (hk_slice_eq(s->domain, job->domain)) {
			*ret_shared = false;
			return s;
		}
		if (s->site && s->site == job->site)
			shared = s;
	}
	*ret_shared = true;
	return shared;
}

/* ---- wants
 * ------------------------------------------------------------------------------------------ */

static void connect_to(struct hk_drive *d, const struct hk_delivery_want *want)
{
	struct hk_conf_socket to = {want->ip, want->port};
	enum hk_status status;
	int fd = -1;

	errno = 0;
	status = want->unix_path.n ? hk_net_connect_unix(want->unix_path, &fd)
	                           : hk_net_connect(&to, &want->source, &fd);
	if (status == HK_OK && hk_drive_connect(d, fd, false))
		return;
	hk_delivery_connected(sender_of(d)->delivery, false,
	    hk_slice_str(errno ? strerror(errno) : hk_status_text(HK_NOMEM)));
}

static void sign(struct hk_drive *d, const struct hk_delivery_want *want)
{
	struct hk_keys_request r = {.generation = sender_of(d)->generation->number,
	    .key = (uint32_t)want->key,
	    .alg = want->alg};

	if (want->digest.n != sizeof r.digest) {
		hk_delivery_signed(sender_of(d)->delivery, want->id, (struct hk_slice){0});
		return;
	}
	memcpy(r.digest, want->digest.p, sizeof r.digest);
	hk_ask_sign(d, want->id, &r);
}

static void run_local(uv_work_t *work)
{
	struct sender *s = work->data;

	hk_delivery_local_run(s->delivery);
}

static void local_done(uv_work_t *work, int cancelled)
{
	struct sender *s = work->data;

	(void)cancelled; /* never asked for */
	hk_loop_wake(&s->drive.worker->loop);
	s->drive.jobs--;
	hk_delivery_local_done(s->delivery);
	/* also when we were told to stop meanwhile: the message is there, and that has to be told
	 */
	s->drive.over = false;
	hk_drive_pump(&s->drive);
}

static void begin_local(struct sender *s)
{
	s->work.data = s;
	if (uv_queue_work(&s->drive.worker->loop.uv, &s->work, run_local, local_done) == 0) {
		s->drive.jobs++;
		return;
	}
	hk_delivery_local_run(s->delivery);
	hk_delivery_local_done(s->delivery);
}

static bool wants(struct hk_drive *d)
{
	struct sender *s = sender_of(d);
	struct hk_delivery_want want;

	if (!s->delivery) {
		/* the peer has gone, or our QUIT is out */
		d->over |= d->state == HK_DRIVE_APART;
		return false;
	}
	if (d->closing || hk_delivery_next(s->delivery, now_of(d), &want) != HK_OK)
		return false;
	switch (want.type) {
	case HK_DELIVERY_DNS:
		hk_ask_dns(d, want.id, &want.question);
		break;
	case HK_DELIVERY_CONNECT:
		connect_to(d, &want);
		break;
	case HK_DELIVERY_STS:
		hk_ask_policy(d, want.name);
		break;
	case HK_DELIVERY_TLS:
		hk_drive_start_tls(d, s->generation->client_tls, &want.tls);
		break;
	case HK_DELIVERY_SIGN:
		sign(d, &want);
		break;
	case HK_DELIVERY_CLOSE:
		if (d->conn)
			hk_drive_close(d);
		break;
	case HK_DELIVERY_LOCAL:
		begin_local(s);
		break;
	case HK_DELIVERY_DONE:
		d->over = !park(s);
		give_back(d->worker, s->post);
		s->post = NULL;
		break;
	}
	return true;
}

/* ---- the drive's operations
 * -------------------------------------------------------------------------- */

static size_t feed(struct hk_drive *d, struct hk_slice s)
{
	if (!sender_of(d)->delivery) {
		/* nothing was asked: a parting word */
		unpark(sender_of(d));
		d->over = true;
		return s.n;
	}
	return hk_delivery_feed(sender_of(d)->delivery, s);
}

/* A client always reads: it may be told something while it sends. What it cannot take yet waits in
 * the drive. */
static bool wants_input(struct hk_drive *d)
{
	(void)d;
	return true;
}

static struct hk_slice out(struct hk_drive *d)
{
	struct sender *s = sender_of(d);

	if (!s->delivery)
		return s->link.client ? hk_smtpc_out(s->link.client) : (struct hk_slice){0};
	return hk_delivery_out(s->delivery);
}

static void sent(struct hk_drive *d, size_t n)
{
	struct sender *s = sender_of(d);

	if (!s->delivery)
		hk_smtpc_sent(s->link.client, n);
	else
		hk_delivery_sent(s->delivery, n);
}

static void eof(struct hk_drive *d)
{
	struct sender *s = sender_of(d);

	if (s->delivery) {
		hk_delivery_eof(s->delivery);
		return;
	}
	unpark(s);
	d->over = true;
}

static void connected(struct hk_drive *d, bool ok, struct hk_slice why)
{
	hk_delivery_connected(sender_of(d)->delivery, ok, why);
}

static void tls(struct hk_drive *d, bool ok, struct hk_slice text, enum hk_tls_result result)
{
	hk_delivery_tls(sender_of(d)->delivery, ok, text, result);
}

static void sts(struct hk_drive *d, struct hk_slice policy, enum hk_tls_result result)
{
	hk_delivery_sts(sender_of(d)->delivery, policy, result);
}

static uint64_t deadline(struct hk_drive *d)
{
	struct sender *s = sender_of(d);

	if (!s->delivery)
		return s->prev ? s->parked_until : HK_TIMER_NEVER;
	return hk_delivery_deadline(s->delivery);
}

static void tick(struct hk_drive *d)
{
	struct sender *s = sender_of(d);

	if (s->delivery) {
		hk_delivery_tick(s->delivery, now_of(d));
		return;
	}
	unpark(s);
	hk_smtpc_quit(s->link.client);
	hk_drive_close(d);
}

static void dns(struct hk_drive *d, uint32_t id, const struct hk_dns_answer *answer)
{
	hk_delivery_dns(sender_of(d)->delivery, id, answer);
}

static void signed_(struct hk_drive *d, uint32_t id, struct hk_slice signature)
{
	hk_delivery_signed(sender_of(d)->delivery, id, signature);
}

/* A delivery that has no connection yet has done nothing: it is as if never begun. One that talks
 * goes on. */
static void stop(struct hk_drive *d)
{
	if (!sender_of(d)->delivery) {
		unpark(sender_of(d));
		hk_drive_drop(d);
		return;
	}
	if (!d->jobs && (d->state == HK_DRIVE_APART || d->state == HK_DRIVE_CONNECTING))
		hk_drive_drop(d);
}

static void free_sender(struct hk_drive *d)
{
	struct sender *s = sender_of(d);

	if (s->post)
		release(d->worker, s->post);
	unpark(s);
	hk_smtpc_free(s->link.client);
	free((void *)(uintptr_t)s->domain.p);
	hk_delivery_free(s->delivery);
	hk_generation_free(s->generation);
	free(s);
}

static const struct hk_drive_ops sender_ops = {
    .wants = wants,
    .feed = feed,
    .wants_input = wants_input,
    .out = out,
    .sent = sent,
    .eof = eof,
    .connected = connected,
    .tls = tls,
    .deadline = deadline,
    .tick = tick,
    .dns = dns,
    .signed_ = signed_,
    .sts = sts,
    .stop = stop,
    .free = free_sender,
};

static struct hk_delivery *new_delivery(
    struct hk_worker *w, const struct hk_generation *g, struct hk_job *job, struct hk_delivery_link *link, bool is_shared)
{
	struct hk_delivery_env env = {
	    .link = link, .is_link_shared = is_shared, .can_keep = true,
	    .job = job, .disk = w->world->disk, .log = w->world->log, .key_algs = g->key_algs,
	    .key_sights = g->key_sights, .answers_sts = true, .tls_sink = w->world->tls_sink};

	return hk_delivery_new(&env, &w->loop.now);
}

/* Over a connection that stands; false: there is none. */
static bool begin_on_parked(struct hk_worker *w, struct hk_generation *g, struct hk_job_post *post)
{
	bool is_shared;
	struct sender *s = find_parked(w, g, post->job, &is_shared);

	if (!s)
		return false;
	s->delivery = new_delivery(w, g, post->job, &s->link, is_shared);
	if (!s->delivery)
		return false;
	unpark(s);
	s->post = post;
	hk_drive_pump(&s->drive);
	return true;
}

void hk_sender_begin(struct hk_worker *w, struct hk_job_post *post)
{
	struct hk_generation *g = w->stopping ? NULL : hk_worker_generation(w, post->job->conf);
	struct sender *s;

	if (g && begin_on_parked(w, g, post))
		return;
	s = g ? calloc(1, sizeof *s) : NULL;
	if (s)
		s->delivery = new_delivery(w, g, post->job, NULL, false);
	if (!s || !s->delivery || !hk_drive_init(&s->drive, &sender_ops, w)) {
		if (s)
			hk_delivery_free(s->delivery);
		free(s);
		release(w, post);
		return;
	}
	s->post = post;
	s->generation = hk_generation_use(g);
	hk_drive_pump(&s->drive);
}
