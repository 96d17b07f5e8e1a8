/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/worker.h"

enum {
	ACCEPTS = 1024,        /* connections taken in one turn of the loop: who is taken can be told something */
	ACCEPT_AGAIN_MS = 500, /* after descriptors ran out */
	ACCEPT_WELL_MS = 5000, /* without that: it is over */
	ACCEPT_TOLD_MS = 60000,
};

struct hk_listening {
	struct hk_listening *next;
	struct hk_worker *worker;
	uv_poll_t poll;
	int fd;
	size_t listener;
	bool is_kept; /* during a setup */
};

/* ---- listening
 * ------------------------------------------------------------------------------------- */

static void on_connection(uv_poll_t *poll, int error, int events);

static void listen_all(struct hk_worker *w)
{
	bool listens = !w->stopping;
	struct hk_listening *l;

	w->is_full = !listens;
	for (l = w->listening; l; l = l->next) {
		if (listens)
			uv_poll_start(&l->poll, UV_READABLE, on_connection);
		else
			uv_poll_stop(&l->poll);
	}
}

static void tell_pause(const struct hk_worker *w, const char *event, uint64_t until)
{
	hk_logf(w->world->log, HK_LOG_WARNING, "ev=%s worker=%u sessions=%zu seconds=%u reason=descriptors",
	    event, w->index, w->sessions, (unsigned)((until - w->pause.began_ms) / 1000));
}

static void accept_again(struct hk_timer *timer)
{
	struct hk_worker *w = (struct hk_worker *)((char *)timer - offsetof(struct hk_worker, accept_again));
	uint64_t over = w->pause.last_ms + ACCEPT_WELL_MS;

	if (w->is_full)
		listen_all(w);
	if (w->loop.now.mono_ms < over) {
		hk_timers_set(&w->loop.timers, &w->accept_again, over);
		return;
	}
	tell_pause(w, "accept_again", w->pause.last_ms);
	w->pause = (struct hk_pause){0};
}

/* Without a descriptor for them new clients wait in the kernel. It is told when it begins, when it is over, and each minute. */
static void pause_listening(struct hk_worker *w)
{
	uint64_t now = w->loop.now.mono_ms;
	struct hk_listening *l;

	for (l = w->listening; l; l = l->next)
		uv_poll_stop(&l->poll);
	w->is_full = true;
	if (!w->pause.last_ms)
		w->pause.began_ms = now;
	if (!w->pause.last_ms || now - w->pause.told_ms >= ACCEPT_TOLD_MS) {
		tell_pause(w, "accept_pause", now);
		w->pause.told_ms = now;
	}
	w->pause.last_ms = now;
	hk_timers_set(&w->loop.timers, &w->accept_again, now + ACCEPT_AGAIN_MS);
}

static void on_connection(uv_poll_t *poll, int error, int events)
{
	struct hk_listening *l = poll->data;
	struct hk_worker *w = l->worker;
	struct hk_conf_socket peer;
	enum hk_status status = HK_OK;
	unsigned i;
	int fd;

	(void)error;
	(void)events;
	hk_loop_wake(&w->loop);
	for (i = 0; i < ACCEPTS && status == HK_OK; i++) {
		status = hk_net_accept(l->fd, &fd, &peer);
		if (status == HK_OK)
			hk_welcome_come(w, l->listener, &peer, fd);
	}
	if (status != HK_OK && status != HK_AGAIN)
		pause_listening(w);
}

static void free_listening(uv_handle_t *handle)
{
	free(handle->data);
}

static void stop_listening(struct hk_listening **at)
{
	struct hk_listening *l = *at;

	*at = l->next;
	uv_close((uv_handle_t *)&l->poll, free_listening); /* before the number is free: see io/conn.c */
	close(l->fd);
}

static void stop_all_listening(struct hk_worker *w)
{
	while (w->listening)
		stop_listening(&w->listening);
}

static struct hk_listening *find_listening(struct hk_worker *w, int fd)
{
	struct hk_listening *l = w->listening;

	while (l && l->fd != fd)
		l = l->next;
	return l;
}

static void start_listening(struct hk_worker *w, const struct hk_bound *b)
{
	struct hk_listening *l = calloc(1, sizeof *l);

	if (!l || uv_poll_init(&w->loop.uv, &l->poll, b->fd) != 0) {
		hk_logf(w->world->log, HK_LOG_ERROR, "ev=listen worker=%u what=\"out of memory\"",
		    w->index);
		free(l);
		close(b->fd);
		return;
	}
	l->poll.data = l;
	l->worker = w;
	l->fd = b->fd;
	l->listener = b->listener;
	l->is_kept = true;
	l->next = w->listening;
	w->listening = l;
}

/* The sockets of a new generation: those that stay keep their queue of waiting clients. */
static void set_listening(struct hk_worker *w, const struct hk_setup_post *post)
{
	struct hk_listening *l, **at;
	size_t i;

	for (l = w->listening; l; l = l->next)
		l->is_kept = false;
	for (i = 0; i < post->n; i++) {
		l = find_listening(w, post->bound[i].fd);
		if (l) {
			l->listener = post->bound[i].listener;
			l->is_kept = true;
		} else {
			start_listening(w, &post->bound[i]);
		}
	}
	for (at = &w->listening; *at;) {
		if ((*at)->is_kept)
			at = &(*at)->next;
		else
			stop_listening(at);
	}
	listen_all(w);
}

/* ---- generations
 * ------------------------------------------------------------------------------------- */

struct hk_generation *hk_worker_generation(struct hk_worker *w, const struct hk_conf *conf)
{
	size_t i;

	for (i = 0; i < HK_GENERATIONS; i++)
		if (w->recent[i] && w->recent[i]->conf == conf)
			return w->recent[i];
	return NULL;
}

static void set_up(struct hk_worker *w, struct hk_setup_post *post)
{
	hk_welcome_all(w); /* under the generation that they came under */
	hk_generation_free(w->recent[HK_GENERATIONS - 1]);
	memmove(&w->recent[1], &w->recent[0], (HK_GENERATIONS - 1) * sizeof w->recent[0]);
	w->recent[0] = post->generation;
	set_listening(w, post);
	free(post);
}

/* ---- keys
 * ---------------------------------------------------------------------------------------------- */

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

static void close_keys(struct hk_worker *w)
{
	if (w->keys_fd < 0)
		return;
	uv_poll_stop(w->keys_poll);
	uv_close((uv_handle_t *)w->keys_poll, free_handle);
	close(w->keys_fd);
	w->keys_fd = -1;
	hk_ask_fail_signs(w);
}

static void on_keys(uv_poll_t *poll, int error, int events)
{
	struct hk_worker *w = poll->data;
	uint8_t message[HK_KEYS_REPLY + 1];
	struct hk_keys_reply reply;
	ssize_t n;

	(void)error;
	(void)events;
	hk_loop_wake(&w->loop);
	while ((n = recv(w->keys_fd, message, sizeof message, MSG_DONTWAIT)) > 0 ||
	       (n < 0 && errno == EINTR)) {
		if (n > 0 && hk_keys_reply_parse(hk_slice_of(message, (size_t)n), &reply) == HK_OK)
			hk_ask_answer_sign(w, reply.seq, hk_slice_of(reply.signature, reply.n));
	}
	/* gone: the supervisor starts the keys process again and sends a new channel */
	if (n == 0 || errno != EAGAIN) {
		close_keys(w);
		return;
	}
	hk_ask_send_signs(w);
	hk_worker_watch_keys(w);
}

void hk_worker_watch_keys(struct hk_worker *w)
{
	if (w->keys_fd >= 0)
		uv_poll_start(
		    w->keys_poll, UV_READABLE | (w->asks.unsent ? UV_WRITABLE : 0), on_keys);
}

static void set_keys(struct hk_worker *w, int fd)
{
	uv_poll_t *poll = malloc(sizeof *poll);

	close_keys(w);
	if (!poll || uv_poll_init(&w->loop.uv, poll, fd) != 0) {
		hk_logf(w->world->log, HK_LOG_ERROR,
		    "ev=keys worker=%u what=\"no channel: nothing can be signed\"", w->index);
		free(poll);
		close(fd);
		return;
	}
	poll->data = w;
	w->keys_poll = poll;
	w->keys_fd = fd;
	hk_worker_watch_keys(w);
}

/* ---- mail
 * --------------------------------------------------------------------------------------------------
 */

/* The next of a list whose members go away while it is walked is found from its place in the list,
 * not from a member. */
static void each_drive(struct hk_worker *w, void (*act)(struct hk_drive *))
{
	struct hk_drive **at = &w->drives, *d;

	while ((d = *at)) {
		act(d);
		if (*at == d)
			at = &d->next;
	}
}

static void stop_drive(struct hk_drive *d)
{
	d->ops->stop(d);
}

static void stop(struct hk_worker *w)
{
	w->stopping = true;
	stop_all_listening(w);
	hk_welcome_all(w);
	each_drive(w, stop_drive);
}

static void tell_idle(struct hk_worker *w)
{
	struct hk_told_post *told;

	if (!w->stopping || w->told_idle || w->drives)
		return;
	told = malloc(sizeof *told);
	if (!told)
		return; /* the main thread's patience ends */
	w->told_idle = true;
	*told = (struct hk_told_post){.post.type = HK_POST_WORKER_IDLE, .worker = w->index};
	hk_mailbox_post(w->world->main, &told->post);
}

static void quit(struct hk_worker *w)
{
	each_drive(w, hk_drive_drop);
	stop_all_listening(w);
	hk_welcome_end(w);
	close_keys(w);
	uv_poll_stop(&w->box_poll);
	uv_close((uv_handle_t *)&w->box_poll, NULL);
	uv_stop(&w->loop.uv);
}

static void take_committed(struct hk_worker *w, struct hk_put_post *post)
{
	uint64_t token = post->token;
	enum hk_status status = post->status;

	free(post);
	hk_ask_answer_commit(w, token, status);
}

static void take_keys(struct hk_worker *w, struct hk_keys_post *post)
{
	set_keys(w, post->fd);
	free(post);
}

/* A question of the owner's: by the newest resolver, which answers to it. */
static void pass_on(struct hk_worker *w, struct hk_dns_post *post)
{
	if (!w->recent[0]) {
		hk_dns_post_free(post);
		return;
	}
	post->post.type = HK_POST_DNS;
	hk_resolver_ask(w->recent[0]->resolver, post);
}

static void take(struct hk_worker *w, struct hk_post *post)
{
	switch (post->type) {
	case HK_POST_COMMITTED:
		take_committed(w, (struct hk_put_post *)post);
		break;
	case HK_POST_DELIVER:
		hk_sender_begin(w, (struct hk_job_post *)post);
		break;
	case HK_POST_DNS:
		hk_ask_answer_dns(w, (struct hk_dns_post *)post);
		break;
	case HK_POST_ASK:
		pass_on(w, (struct hk_dns_post *)post);
		break;
	case HK_POST_AUTH:
		hk_ask_answer_auth(w, (struct hk_auth_post *)post);
		break;
	case HK_POST_POLICY:
		hk_ask_answer_policy(w, (struct hk_policy_post *)post);
		break;
	case HK_POST_SETUP:
		set_up(w, (struct hk_setup_post *)post);
		break;
	case HK_POST_KEYS:
		take_keys(w, (struct hk_keys_post *)post);
		break;
	case HK_POST_STOP:
		free(post);
		stop(w);
		break;
	case HK_POST_QUIT:
		free(post);
		quit(w);
		break;
	default: /* not for a worker: nobody posts it */
		break;
	}
}

static void on_mail(uv_poll_t *poll, int error, int events)
{
	struct hk_worker *w = poll->data;
	struct hk_post *post, *next;

	(void)error;
	(void)events;
	hk_loop_wake(&w->loop);
	for (post = hk_mailbox_take(&w->box); post; post = next) {
		next = post->next;
		take(w, post);
	}
}

/* ---- the thread
 * -----------------------------------------------------------------------------------------------
 */

/* In every turn of the loop just before it waits: timers and callbacks have run. */
static void before_waiting(uv_prepare_t *prepare)
{
	struct hk_worker *w = prepare->data;

	if (w->is_full && !w->stopping && !w->accept_again.place)
		listen_all(w);
	tell_idle(w);
}

static void *run(void *argument)
{
	struct hk_worker *w = argument;
	uv_prepare_t prepare;

	uv_prepare_init(&w->loop.uv, &prepare);
	prepare.data = w;
	uv_prepare_start(&prepare, before_waiting);
	uv_run(&w->loop.uv, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&prepare, NULL);
	hk_timers_leave(&w->loop.timers, &w->accept_again);
	/* waits for blocking work that is under way, and for lingering connections */
	hk_loop_done(&w->loop);
	return NULL;
}

static enum hk_status begin(struct hk_worker *w)
{
	enum hk_status status = hk_loop_init(&w->loop);

	if (status == HK_OK)
		status = hk_mailbox_init(&w->box);
	if (status == HK_OK)
		status = hk_timers_join(&w->loop.timers, &w->accept_again, accept_again);
	if (status != HK_OK)
		return status;
	if (uv_poll_init(&w->loop.uv, &w->box_poll, w->box.fd) != 0)
		return HK_NOMEM;
	w->box_poll.data = w;
	uv_poll_start(&w->box_poll, UV_READABLE, on_mail);
	if (hk_welcome_begin(w) != HK_OK)
		return HK_NOMEM;
	return pthread_create(&w->thread, NULL, run, w) == 0 ? HK_OK : HK_NOMEM;
}

enum hk_status hk_worker_start(const struct hk_world *world, unsigned index, struct hk_worker **ret)
{
	struct hk_worker *w = calloc(1, sizeof *w);
	enum hk_status status;

	if (!w)
		return HK_NOMEM;
	w->world = world;
	w->index = index;
	w->keys_fd = -1;
	w->ids = (struct hk_ids){.last = world->last_id, .worker = index};
	w->public_keys = hk_dkim_key_cache_new(NULL);
	hk_asks_init(&w->asks);
	status = begin(w);
	if (status != HK_OK) {
		hk_dkim_key_cache_free(w->public_keys);
		free(w); /* at start-up only: the process ends with it */
		return status;
	}
	*ret = w;
	return HK_OK;
}

static void discard(struct hk_post *post)
{
	switch (post->type) {
	case HK_POST_DNS:
	case HK_POST_ASK:
		hk_dns_post_free((struct hk_dns_post *)post);
		break;
	case HK_POST_AUTH:
		hk_auth_post_free((struct hk_auth_post *)post);
		break;
	case HK_POST_POLICY:
		hk_policy_post_free((struct hk_policy_post *)post);
		break;
	case HK_POST_DELIVER:
		hk_job_free(((struct hk_job_post *)post)->job);
		free(post);
		break;
	case HK_POST_SETUP:
		hk_generation_free(((struct hk_setup_post *)post)->generation);
		free(post);
		break;
	default:
		free(post);
	}
}

void hk_worker_join(struct hk_worker *w)
{
	pthread_join(w->thread, NULL);
}

static void empty_box(struct hk_worker *w)
{
	struct hk_post *post, *next;

	for (post = hk_mailbox_take(&w->box); post; post = next) {
		next = post->next;
		discard(post);
	}
}

void hk_worker_let_go(struct hk_worker *w)
{
	size_t i;

	empty_box(w);
	for (i = 0; i < HK_GENERATIONS; i++)
		hk_generation_free(w->recent[i]);
}

void hk_worker_free(struct hk_worker *w)
{
	empty_box(w);
	hk_answers_done(&w->answers);
	hk_asks_done(&w->asks);
	hk_mailbox_done(&w->box);
	hk_dkim_key_cache_free(w->public_keys);
	free(w);
}
